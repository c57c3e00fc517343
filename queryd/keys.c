#include "queryd/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/addr.h"
#include "common/names.h"

enum { UNSET = 0xfefefefe }; /* in a keymap: not asked yet (every byte the same, for memset) */
enum { FILTER_NONE = -1, PORTS = 65536 };

static const struct view_info views[VIEW_ENTITIES] = {
#define VIEW(name, class, element, changes, field, help)                                                     \
	{#name, help, VIEW_##class, EL_##element, changes, FILTER_##field},
#include "queryd/views.def"
#undef VIEW
};
static const struct {
	const char *name;
	enum view_entity entity;
} aliases[] = {
#define VIEW_ALIAS(other, name) {#other, VIEW_##name},
#include "queryd/views.def"
#undef VIEW_ALIAS
};

const struct view_info *
view_info(enum view_entity e)
{
	return &views[e];
}

const struct view_info *
view_find(const char *name)
{
	for (int i = 0; i < VIEW_ENTITIES; i++)
		if (strcasecmp(views[i].name, name) == 0)
			return &views[i];
	for (unsigned i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
		if (strcasecmp(aliases[i].name, name) == 0)
			return &views[aliases[i].entity];
	return NULL;
}

const char *
view_alias(unsigned i, const struct view_info **view)
{
	if (i >= sizeof aliases / sizeof aliases[0])
		return NULL;
	*view = &views[aliases[i].entity];
	return aliases[i].name;
}

void
keys_init(struct keys *k, const struct view_info *view, struct texts *texts, struct budget *b)
{
	*k = (struct keys){.view = view, .texts = texts, .narrow.budget = b, .comb.budget = b};
	tabwide_init(&k->own, b, false);
}

void
keys_free(struct keys *k)
{
	tabwide_free(&k->own);
	tab64_free(&k->narrow);
	tab64_free(&k->comb);
}

void
keymap_init(struct keymap *m, struct budget *b)
{
	*m = (struct keymap){.app.budget = b, .port.budget = b};
	memset(m->direct, 0xfe, sizeof m->direct);
}

void
keymap_free(struct keymap *m, struct budget *b)
{
	budget_free(b, m->map, m->room * sizeof *m->map);
	for (int i = 0; i < 256; i++)
		if (m->port_mask[i] != 0)
			budget_free(b, m->by_port[i], PORTS * sizeof *m->by_port[i]);
	budget_free(b, m->app_id, m->app_room * sizeof *m->app_id);
	budget_free(b, m->port_id, m->port_room * sizeof *m->port_id);
	tab64_free(&m->app);
	tab64_free(&m->port);
	m->map = m->app_id = m->port_id = NULL;
}

static enum ft_dict
dict_of(enum element e)
{
	switch (e) {
	case EL_IP:
	case EL_NETBLOCK:
	case EL_COUNTRY:
	case EL_ASN:
	case EL_GROUP:
	case EL_SERVICE:
	case EL_CLIENTSERVICE:
		return FT_DICT_ADDR;
	case EL_EXPORTER:
	case EL_GUID:
	case EL_EXPIF:
		return FT_DICT_EXPORTER;
	case EL_MAC:
		return FT_DICT_WIDE;
	case EL_APP:
		return FT_DICT_TEXT;
	default:
		return FT_DICT_NONE;
	}
}

/* of an address entry nothing but the address is wanted */
static bool
only_address(enum element e)
{
	return e == EL_IP || e == EL_SERVICE || e == EL_CLIENTSERVICE;
}

int
keymap_block(struct keymap *m, const struct keys *k, struct block_view *v, struct budget *b)
{
	enum ft_dict dict = dict_of(k->view->element);
	m->n = dict == FT_DICT_NONE ? 0 : v->dict_count[dict];
	m->filled = false;
	if (m->n > m->room) {
		uint32_t room = m->n + m->n / 2;
		uint32_t *map = budget_realloc(b, m->map, m->room * sizeof *map, room * sizeof *map);
		if (map == NULL)
			return FT_EFULL;
		m->map = map;
		m->room = room;
	}
	m->blank = false; /* set to UNSET when first needed: often the whole of it is filled at once */
	if (dict == FT_DICT_ADDR && !only_address(k->view->element) && block_addrs(v) == NULL)
		return FT_EFORMAT;
	if (dict == FT_DICT_EXPORTER && block_exporters(v) == NULL)
		return FT_EFORMAT;
	if (dict == FT_DICT_WIDE && m->n > 0 && block_wides(v) == NULL)
		return FT_EFORMAT;
	return 0;
}

static bool
uses_comb(const struct keys *k)
{
	return k->view->class == VIEW_PAIR || k->view->element == EL_CLIENTSERVICE;
}
static bool
uses_wide(const struct keys *k)
{
	return k->view->element <= EL_WIDE_LAST;
}

uint32_t
keys_bound(const struct keys *k)
{
	return uses_comb(k) ? k->comb.n : uses_wide(k) ? tabwide_bound(keys_wide(k)) : k->narrow.n;
}

uint32_t
keys_count(const struct keys *k)
{
	return uses_comb(k) ? k->comb.n : uses_wide(k) ? tabwide_count(keys_wide(k)) : k->narrow.n;
}

/* ---- from a block to ids --------------------------------------------------------------------------- */

struct finder {
	struct keys *k;
	struct keymap *m;
	struct worker *w;
	bool make, full;
};

static uint32_t
find_wide(struct finder *f, const uint8_t bytes[16], uint32_t extra)
{
	struct wide_key key = {.extra = extra};
	memcpy(key.bytes, bytes, 16);
	if (!f->make)
		return tabwide_find(keys_wide(f->k), &key);
	uint32_t id = tabwide_intern(keys_wide(f->k), &key);
	f->full |= id == ID_NONE;
	return id;
}
static uint32_t
find64(struct finder *f, struct tab64 *t, uint64_t key)
{
	if (!f->make)
		return tab64_find(t, key);
	uint32_t id = tab64_intern(t, key);
	f->full |= id == ID_NONE;
	return id;
}
static uint32_t
find_text(struct finder *f, const char *s, size_t n)
{
	uint32_t id = texts_intern(f->k->texts, s, n);
	f->full |= id == ID_NONE;
	return id;
}

static uint32_t
of_address(struct finder *f, const struct ft_addr_entry *e)
{
	uint8_t net[16];
	uint32_t n, text;
	switch (f->k->view->element) {
	case EL_NETBLOCK:
		if (e->net_bits > 128)
			return ID_NONE;
		addr_mask(net, e->address, e->net_bits);
		return find_wide(f, net, e->net_bits);
	case EL_COUNTRY:
		return find64(f, &f->k->narrow, e->country);
	case EL_ASN:
		return find64(f, &f->k->narrow, e->as);
	case EL_GROUP: {
		if (e->group == 0)
			return ID_NONE;
		const char *s = block_text(f->w->batch.v, e->group, &n);
		text = find_text(f, s, n);
		return text == ID_NONE ? text : find64(f, &f->k->narrow, text);
	}
	default:
		return find_wide(f, e->address, 0);
	}
}

static uint32_t
of_exporter(struct finder *f, const struct ft_exporter_entry *e)
{
	static const uint8_t zero[16];
	if (f->k->view->element != EL_GUID)
		return find_wide(f, e->address, 0);
	return memcmp(e->guid, zero, 16) == 0 ? ID_NONE : find_wide(f, e->guid, 1);
}

static uint32_t
of_code(struct finder *f, uint32_t code)
{
	struct block_view *v = f->w->batch.v;
	uint8_t address[1][16];
	switch (dict_of(f->k->view->element)) {
	case FT_DICT_ADDR:
		if (!only_address(f->k->view->element))
			return of_address(f, &block_addrs(v)[code]);
		if (block_addresses(v, code, 1, address) == 0)
			return find_wide(f, address[0], 0);
		f->w->batch.rc = FT_EFORMAT;
		return ID_NONE;
	case FT_DICT_EXPORTER:
		return of_exporter(f, &block_exporters(v)[code]);
	case FT_DICT_WIDE: {
		const uint8_t *b = block_wides(v)[code].value;
		uint64_t mac = 0;
		for (int i = 0; i < 6; i++)
			mac = mac << 8 | b[i];
		return code == 0 ? ID_NONE : find64(f, &f->k->narrow, mac);
	}
	default: {
		uint32_t n;
		const char *s = block_text(v, code, &n);
		return find_text(f, s, n); /* applications: the text's id */
	}
	}
}

uint32_t
keys_of_code(struct keys *k, bool make, struct keymap *m, struct worker *w, uint32_t code)
{
	struct finder f = {k, m, w, make, false};
	return of_code(&f, code);
}

/* Every entry of an address dictionary at once, in its order: when all rows are selected nearly all entries are
 * met, and in the order of rows each would be waited for. */
static void
fill_addresses(struct finder *f)
{
	enum { RUN = 1024 };
	uint8_t address[RUN][16];
	struct block_view *v = f->w->batch.v;
	uint32_t n = f->m->n, *map = f->m->map, take;
	f->m->filled = true;
	if (f->make && keys_wide(f->k)->expected < n)
		keys_wide(f->k)->expected = n;
	if (!only_address(f->k->view->element)) {
		const struct ft_addr_entry *entry = block_addrs(v);
		for (uint32_t i = 0; i < n; i++)
			map[i] = of_address(f, &entry[i]);
		return;
	}
	uint32_t v4 = block_v4_count(v), number[RUN];
	for (uint32_t from = 0; from < n; from += take) {
		uint32_t to = from < v4 ? v4 : n;
		bool good;
		take = to - from < RUN ? to - from : RUN;
		int rc =
			from < v4 ? block_v4(v, from, take, number) : block_addresses(v, from, take, address);
		if (rc != 0) {
			f->w->batch.rc = FT_EFORMAT;
			memset(map, 0xff, n * sizeof *map);
			return;
		}
		good = from < v4 ? tabwide_many_v4(keys_wide(f->k), f->make, number, take, map + from)
				 : tabwide_many(keys_wide(f->k), f->make, (const uint8_t(*)[16])address, take,
					   map + from);
		f->full |= !good;
	}
}

static void
codes(struct finder *f, enum ft_column column, uint32_t *out)
{
	struct batch *b = &f->w->batch;
	const uint32_t *code = batch_sel32(b, column);
	uint32_t *map = f->m->map, n = f->m->n, m = b->m;
	bool all = f->w->q->filter == NULL &&
		   f->w->q->user == NULL; /* of a block that the frame cuts nearly all, too */
	if (!f->m->filled && n > 0 && dict_of(f->k->view->element) == FT_DICT_ADDR && all)
		fill_addresses(f);
	if (!f->m->filled && !f->m->blank && n > 0) {
		f->m->blank = true;
		memset(map, 0xfe, n * sizeof *map);
	}
	if (f->m->filled) { /* codes are below n: block_view has seen to it */
		for (uint32_t j = 0; j < m; j++)
			out[j] = map[code[j]];
		return;
	}
	for (uint32_t j = 0; j < m; j++) {
		uint32_t c = code[j];
		if (c >= n) {
			b->rc = FT_EFORMAT;
			out[j] = ID_NONE;
			continue;
		}
		uint32_t id = map[c];
		if (__builtin_expect(id == UNSET, 0))
			id = map[c] = of_code(f, c);
		out[j] = id;
	}
}

/* a number a row; bit of `present` without which it is absent, 0: always there */
static void
numbers(struct finder *f, enum ft_column column, uint32_t has, uint32_t *out)
{
	struct batch *b = &f->w->batch;
	const uint32_t *v = batch_sel32(b, column);
	const uint32_t *present = has ? batch_sel32(b, FT_COL_present) : NULL;
	uint32_t *direct = f->m->direct;
	for (uint32_t j = 0; j < b->m; j++) {
		if (present != NULL && !(present[j] & has))
			out[j] = ID_NONE;
		else if (v[j] >= KEYMAP_DIRECT)
			out[j] = find64(f, &f->k->narrow, v[j]);
		else {
			if (__builtin_expect(direct[v[j]] == UNSET, 0))
				direct[v[j]] = find64(f, &f->k->narrow, v[j]);
			out[j] = direct[v[j]];
		}
	}
}

/* the one VLAN of a flow that carries only one stands for both sides */
static void
vlans(struct finder *f, uint32_t *x, uint32_t *y)
{
	numbers(f, FT_COL_client_vlan, FT_HAS_CLIENT_VLAN, x);
	numbers(f, FT_COL_server_vlan, FT_HAS_SERVER_VLAN, y);
	const uint32_t *present = batch_sel32(&f->w->batch, FT_COL_present);
	for (uint32_t j = 0; j < f->w->batch.m; j++) {
		if (!(present[j] & FT_HAS_CLIENT_VLAN))
			x[j] = y[j];
		else if (!(present[j] & FT_HAS_SERVER_VLAN))
			y[j] = x[j];
	}
}

static void
expifs(struct finder *f, enum ft_column column, uint32_t *out)
{
	struct batch *b = &f->w->batch;
	codes(f, FT_COL_exporter, out);
	const uint32_t *index = batch_sel32(b, column), *present = batch_sel32(b, FT_COL_present);
	for (uint32_t j = 0; j < b->m; j++) {
		bool there = out[j] != ID_NONE && (present[j] & FT_HAS_IF);
		out[j] = there ? find64(f, &f->k->narrow, (uint64_t)out[j] << 32 | index[j]) : ID_NONE;
	}
}

/* A table a protocol: nearly all rows have one of a few, and a port is an index then.  false: no memory */
static bool
tables_by_port(struct finder *f)
{
	static const uint8_t tabled[] = {1, 6, 17, 58}; /* ICMP, TCP, UDP, ICMPv6 */
	struct keymap *m = f->m;
	if (m->by_port_made)
		return true;
	m->port_unset = UNSET;
	for (int i = 0; i < 256; i++)
		if (m->port_mask[i] == 0)
			m->by_port[i] = &m->port_unset;
	for (size_t i = 0; i < sizeof tabled; i++) {
		uint32_t *t = budget_realloc(f->k->narrow.budget, NULL, 0, PORTS * sizeof *t);
		if (t == NULL)
			return false;
		memset(t, 0xfe, PORTS * sizeof *t);
		m->by_port[tabled[i]] = t;
		m->port_mask[tabled[i]] = PORTS - 1;
	}
	m->by_port_made = true;
	return true;
}

/* Which table a row needs is looked up, not asked: protocols come in no order that a processor could guess. */
static void
port_protos(struct finder *f, uint32_t *out)
{
	struct batch *b = &f->w->batch;
	struct keymap *m = f->m;
	const uint32_t *port = batch_sel32(b, FT_COL_server_port), *proto = batch_sel32(b, FT_COL_proto);
	if (!tables_by_port(f)) {
		f->full = true;
		return;
	}
	for (uint32_t j = 0; j < b->m; j++) {
		uint32_t p = proto[j] & 255, at = port[j] & m->port_mask[p];
		out[j] = m->by_port[p][at];
		if (__builtin_expect(out[j] == UNSET, 0)) {
			out[j] = find64(f, &f->k->narrow, (uint64_t)port[j] << 8 | proto[j]);
			if (m->port_mask[p] != 0)
				m->by_port[p][at] = out[j];
		}
	}
}

static void
services_of(struct finder *f, uint32_t *out, uint32_t *client)
{
	struct batch *b = &f->w->batch;
	const uint32_t *port = batch_sel32(b, FT_COL_server_port), *proto = batch_sel32(b, FT_COL_proto);
	uint64_t key[BATCH];
	codes(f, FT_COL_server, out);
	for (uint32_t j = 0; j < b->m; j++)
		key[j] = out[j] == ID_NONE ? ID64_NONE : (uint64_t)out[j] << 24 | port[j] << 8 | proto[j];
	f->full |= !tab64_many(&f->k->narrow, f->make, key, b->m, out);
	if (client == NULL || f->full)
		return;
	codes(f, FT_COL_client, client);
	for (uint32_t j = 0; j < b->m; j++) {
		bool there = out[j] != ID_NONE && client[j] != ID_NONE;
		key[j] = there ? (uint64_t)client[j] << 32 | out[j] : ID64_NONE;
	}
	f->full |= !tab64_many(&f->k->comb, f->make, key, b->m, out);
}

static void
port_proto_text(char *out, size_t n, unsigned port, unsigned proto)
{
	const char *word = names_word(NAMES_PROTOCOL, proto);
	if (word != NULL)
		snprintf(out, n, "%u/%s", port, word);
	else
		snprintf(out, n, "%u/%u", port, proto);
}

/* of an application without a name: by its number, or by port and protocol */
static uint32_t
of_nameless(struct finder *f, bool number, uint64_t key)
{
	char text[64];
	const char *name = NULL;
	if (number)
		snprintf(text, sizeof text, "%u:%llu", (unsigned)(key >> 56),
			(unsigned long long)(key & (((uint64_t)1 << 56) - 1)));
	else {
		name = services_name(f->w->q->services, (uint16_t)(key >> 8), (uint8_t)key);
		if (name == NULL)
			port_proto_text(text, sizeof text, (unsigned)(key >> 8), (unsigned)(key & 255));
	}
	name = name ? name : text;
	uint32_t id = find_text(f, name, strlen(name));
	return id == ID_NONE ? id : find64(f, &f->k->narrow, id);
}

/* n keys of the rows `row`; a text is made for a key that is new only */
static void
nameless(struct finder *f, bool number, const uint64_t *key, const uint16_t *row, uint32_t n, uint32_t *out)
{
	struct keymap *m = f->m;
	struct tab64 *t = number ? &m->app : &m->port;
	uint32_t **memo = number ? &m->app_id : &m->port_id, *room = number ? &m->app_room : &m->port_room;
	uint32_t id[BATCH], had = t->n;
	bool full = n > 0 && !tab64_many(t, true, key, n, id);
	if (!full && t->n > *room) {
		uint32_t more = t->n * 2;
		uint32_t *p = budget_realloc(t->budget, *memo, *room * sizeof *p, more * sizeof *p);
		full = p == NULL;
		*memo = full ? *memo : p;
		*room = full ? *room : more;
	}
	f->full |= full;
	for (uint32_t i = had; i < t->n && !full; i++)
		(*memo)[i] = of_nameless(f, number, t->key[i]);
	for (uint32_t j = 0; j < n; j++)
		out[row[j]] = full ? ID_NONE : (*memo)[id[j]];
}

static void
apps(struct finder *f, uint32_t *out)
{
	struct batch *b = &f->w->batch;
	const uint32_t *present = batch_sel32(b, FT_COL_present);
	const uint64_t *app = batch_sel64(b, FT_COL_app);
	const uint32_t *port = batch_sel32(b, FT_COL_server_port), *proto = batch_sel32(b, FT_COL_proto);
	codes(f, FT_COL_app_name, out);
	const uint32_t *name = batch_sel32(b, FT_COL_app_name);
	uint64_t number[BATCH], service[BATCH];
	uint16_t numbered[BATCH], served[BATCH];
	uint32_t numbers_n = 0, services_n = 0;
	for (uint32_t j = 0; j < b->m; j++) {
		if (name[j] != 0) {
			if (out[j] != ID_NONE)
				out[j] = find64(f, &f->k->narrow, out[j]);
		} else if (present[j] & FT_HAS_APP) {
			number[numbers_n] = app[j];
			numbered[numbers_n++] = (uint16_t)j;
		} else {
			service[services_n] = (uint64_t)port[j] << 8 | proto[j];
			served[services_n++] = (uint16_t)j;
		}
	}
	nameless(f, true, number, numbered, numbers_n, out);
	nameless(f, false, service, served, services_n, out);
}

/* FLOW entities are there only where their direction has a flow */
static void
only_flows(struct finder *f, bool server, uint32_t *out)
{
	struct batch *b = &f->w->batch;
	const uint32_t *flows = batch_sel32(b, server ? FT_COL_server_flows : FT_COL_client_flows);
	for (uint32_t j = 0; j < b->m; j++)
		if (flows[j] == 0)
			out[j] = ID_NONE;
}

static void
flow_elements(struct finder *f, uint32_t *x, uint32_t *y)
{
	struct batch *b = &f->w->batch;
	switch (f->k->view->element) {
	case EL_SRCPORT:
		numbers(f, FT_COL_client_port, 0, x);
		numbers(f, FT_COL_server_port, 0, y);
		break;
	case EL_DSTPORT:
		numbers(f, FT_COL_server_port, 0, x);
		numbers(f, FT_COL_client_port, 0, y);
		break;
	case EL_QOS:
		numbers(f, FT_COL_client_tos, FT_HAS_CLIENT_TOS, x);
		numbers(f, FT_COL_server_tos, FT_HAS_SERVER_TOS, y);
		break;
	default: {
		numbers(f, FT_COL_client_flags, FT_HAS_FLAGS, x);
		numbers(f, FT_COL_server_flags, FT_HAS_FLAGS, y);
		const uint32_t *proto = batch_sel32(b, FT_COL_proto);
		for (uint32_t j = 0; j < b->m; j++)
			if (proto[j] != 6)
				x[j] = y[j] = ID_NONE;
	}
	}
	only_flows(f, false, x);
	only_flows(f, true, y);
}

static void
side_elements(struct finder *f, uint32_t *x, uint32_t *y)
{
	switch (f->k->view->element) {
	case EL_MAC:
		codes(f, FT_COL_client_mac, x);
		codes(f, FT_COL_server_mac, y);
		break;
	case EL_IF:
		numbers(f, FT_COL_in_if, FT_HAS_IF, x);
		numbers(f, FT_COL_out_if, FT_HAS_IF, y);
		break;
	case EL_VLAN:
		vlans(f, x, y);
		break;
	case EL_EXPIF:
		expifs(f, FT_COL_in_if, x);
		expifs(f, FT_COL_out_if, y);
		break;
	default:
		codes(f, FT_COL_client, x);
		codes(f, FT_COL_server, y);
	}
}

static void
one_element(struct finder *f, uint32_t *x, uint32_t *spare)
{
	switch (f->k->view->element) {
	case EL_PORTPROTO:
		port_protos(f, x);
		break;
	case EL_PROTO:
		numbers(f, FT_COL_proto, 0, x);
		break;
	case EL_APP:
		apps(f, x);
		break;
	case EL_SERVICE:
		services_of(f, x, NULL);
		break;
	case EL_CLIENTSERVICE:
		services_of(f, x, spare);
		break;
	default:
		codes(f, FT_COL_exporter, x);
	}
}

/* y: element ids of the client's sides */
static void
pair_keys(struct finder *f, uint64_t *key, uint32_t *y)
{
	uint32_t other[BATCH];
	side_elements(f, y, other);
	for (uint32_t j = 0; j < f->w->batch.m; j++) {
		uint32_t lo = y[j] < other[j] ? y[j] : other[j], hi = y[j] < other[j] ? other[j] : y[j];
		/* ID_NONE is the largest: a pair of which one side is not known has it in hi */
		key[j] = lo == ID_NONE ? ID64_NONE : (uint64_t)lo << 32 | hi;
	}
}

int
keys_pairs(struct keys *k, struct keymap *m, struct worker *w, uint64_t *key, uint32_t *x)
{
	struct finder f = {k, m, w, true, false};
	pair_keys(&f, key, x);
	return f.full ? FT_EFULL : w->batch.rc;
}

int
keys_batch(struct keys *k, bool make, struct keymap *m, struct worker *w, uint32_t *x, uint32_t *y)
{
	struct finder f = {k, m, w, make, false};
	switch (k->view->class) {
	case VIEW_TWO:
		side_elements(&f, x, y);
		break;
	case VIEW_FLOW:
		flow_elements(&f, x, y);
		break;
	case VIEW_ONE:
		one_element(&f, x, y);
		break;
	case VIEW_PAIR: {
		uint64_t key[BATCH];
		pair_keys(&f, key, y);
		f.full |= !tab64_many(&k->comb, make, key, w->batch.m, x);
	}
	}
	return f.full ? FT_EFULL : w->batch.rc;
}
