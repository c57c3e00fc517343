#include "queryd/resolve.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/addr.h"
#include "common/element_list.h"
#include "common/names.h"

enum { FT_COL_NONE = -1 };
static const struct {
	enum test_part part;
	int a, b;
	uint32_t has_a, has_b;
} reads[FILTER_FIELDS] = {
#define FILTER(name, type, part, a, b, has_a, has_b, most, help)                                             \
	{PART_##part, FT_COL_##a, FT_COL_##b, has_a, has_b},
#include "common/filters.def"
#undef FILTER
};
static const uint8_t bits_of[FT_COLUMNS] = {
#define COLUMN(name, bits, dictionary, value) bits,
#include "common/fields.def"
#undef COLUMN
};

struct resolver {
	struct arena *arena;
	const struct services *services;
	struct places *places;
	const struct engine_names *names;
	bool hosts;
	struct program *program;
	struct resolution *seen;
	struct err *err;
};

static int
no_memory(struct resolver *r)
{
	return err_set(r->err, FT_EFULL, "the filter needs more memory than a query may use");
}

static int
unknown(struct resolver *r, const struct filter_value *v, const char *what)
{
	err_set(r->err, FT_EINVAL, "filter, position %u: %s `%.60s`", v->position, what, v->word);
	if (r->err)
		r->err->sys = (int)v->position;
	return FT_EINVAL;
}

/* ---- growing lists in the arena: counts are bounded by the parser, so a list is allocated once ------ */

static bool
room_for(struct resolver *r, struct test *t, uint32_t n)
{
	t->range = arena_alloc(r->arena, n * sizeof *t->range);
	t->exact = arena_alloc(r->arena, n * sizeof *t->exact);
	t->prefix = arena_alloc(r->arena, n * sizeof *t->prefix);
	t->word = arena_alloc(r->arena, n * sizeof *t->word);
	t->element = arena_alloc(r->arena, n * sizeof *t->element);
	return t->element && t->range && t->exact && t->prefix && t->word;
}

static void
add_range(struct test *t, uint64_t lo, uint64_t hi)
{
	t->range[t->ranges++] = (struct test_range){lo, hi};
}

static void
add_address(struct test *t, const uint8_t bytes[16], unsigned bits)
{
	struct test_prefix *p = bits == 128 ? &t->exact[t->exacts++] : &t->prefix[t->prefixes++];
	memcpy(p->bytes, bytes, 16);
	p->bits = bits;
}

static void
note(struct resolver *r, const char *name, const uint8_t address[16])
{
	if (r->seen == NULL || r->seen->n == RESOLVED_MOST)
		return;
	if (r->seen->row == NULL)
		r->seen->row = arena_zalloc(r->arena, RESOLVED_MOST * sizeof *r->seen->row);
	if (r->seen->row == NULL)
		return;
	struct resolved *row = &r->seen->row[r->seen->n++];
	row->name = name;
	addr_text(address, row->text);
}

enum { HOST_MOST = 32 }; /* addresses of one name */

/* a friendly name: of addresses, or of exporters where an exporter is asked for */
static int
friendly_address(struct resolver *r, struct test *t, const struct filter_value *v)
{
	char key[HOST_MOST][ENGINE_NAME_KEY];
	const char *kind = t->part == PART_EXP_ADDRESS ? "exporter" : "address";
	unsigned n = r->names ? r->names->find(r->names->ctx, kind, v->word, key, HOST_MOST) : 0;
	for (unsigned i = 0; i < n && i < HOST_MOST; i++) {
		uint8_t bytes[16];
		if (addr_parse(key[i], bytes) != 0)
			continue;
		add_address(t, bytes, 128);
		note(r, v->word, bytes);
	}
	return n > 0 ? 0 : unknown(r, v, "no address is known for the host name");
}

static int
host(struct resolver *r, struct test *t, const struct filter_value *v)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	if (!r->hosts)
		return 0;
	/* what has a blank in it is no host name: DNS need not be asked */
	int rc = strchr(v->word, ' ') ? EAI_NONAME : getaddrinfo(v->word, NULL, &hints, &list);
	if (rc != 0)
		return friendly_address(r, t, v);
	unsigned n = 0;
	for (struct addrinfo *a = list; a != NULL && n < HOST_MOST; a = a->ai_next) {
		uint8_t bytes[16];
		if (a->ai_family == AF_INET) {
			uint8_t v4[4];
			memcpy(v4, (const uint8_t *)a->ai_addr + 4, 4); /* sockaddr_in.sin_addr */
			addr_from_v4(bytes, v4);
		} else if (a->ai_family == AF_INET6)
			memcpy(bytes, (const uint8_t *)a->ai_addr + 8, 16); /* sockaddr_in6.sin6_addr */
		else
			continue;
		add_address(t, bytes, 128);
		note(r, v->word, bytes);
		n++;
	}
	freeaddrinfo(list);
	return 0;
}

static int
service(struct resolver *r, struct test *t, const struct filter_value *v, uint32_t left)
{
	uint16_t port;
	unsigned i = 0;
	for (; i < left && services_find(r->services, v->word, i, &port, NULL); i++)
		add_range(t, port, port);
	return i > 0 ? 0
		     : unknown(r, v,
			       "no such service, expected a port or a name of the services file, found");
}

/* an application's name: as it stands, and the ports it would be derived from */
static int
application(struct resolver *r, struct test *t, const struct filter_value *v, uint32_t left)
{
	uint16_t port;
	uint8_t proto;
	t->word[t->words++] = v->word;
	for (unsigned i = 0; i < left && services_find(r->services, v->word, i, &port, &proto); i++)
		add_range(t, (uint64_t)port << 8 | proto, (uint64_t)port << 8 | proto);
	char name[16];
	unsigned p;
	uint32_t number;
	if (sscanf(v->word, "%u/%15[A-Za-z0-9]", &p, name) == 2 && p <= 65535 &&
		(names_number(NAMES_PROTOCOL, name, &number) || sscanf(name, "%u", &number) == 1) &&
		number < 256)
		add_range(t, (uint64_t)p << 8 | number, (uint64_t)p << 8 | number);
	return 0;
}

enum { NAMES_EACH = 40 }; /* services or addresses one word may stand for */

static int
as_name(struct resolver *r, struct test *t, const struct filter_value *v)
{
	uint32_t as[NAMES_EACH];
	if (r->places == NULL || !places_has_names(r->places))
		return unknown(
			r, v, "AS have no names here (ip2asnfile); give the number of the AS instead of");
	unsigned n = places_as_find(r->places, v->word, as, NAMES_EACH);
	if (n == 0)
		return unknown(r, v,
			"no AS has this name, expected a number, a name or a pattern such as *telekom*, "
			"found");
	if (n > NAMES_EACH)
		return unknown(r, v, "more than 40 AS have such a name; say it closer than");
	for (unsigned i = 0; i < n; i++)
		add_range(t, as[i], as[i]);
	return 0;
}

static int
add_value(struct resolver *r, struct test *t, const struct filter_value *v)
{
	if (v->kind == FILTER_V_RANGE) {
		/* application ids and (port, protocol) pairs share the list: ids are marked by the top bit of
		 * a 64-bit engine, which is never above 127 there */
		add_range(t, v->lo, v->hi);
		return 0;
	}
	if (v->kind == FILTER_V_ELEMENT) {
		t->element[t->values++] = v->element;
		return 0;
	}
	if (v->kind == FILTER_V_PREFIX) {
		add_address(t, v->bytes, v->bits);
		return 0;
	}
	switch (t->type) {
	case FILTER_T_ADDR:
		return host(r, t, v);
	case FILTER_T_PORT:
		return service(r, t, v, NAMES_EACH - 1);
	case FILTER_T_APP:
		return application(r, t, v, NAMES_EACH - 2);
	case FILTER_T_AS:
		return as_name(r, t, v);
	default:
		t->word[t->words++] = v->word;
		return 0;
	}
}

static int
by_range(const void *x, const void *y)
{
	const struct test_range *a = x, *b = y;
	return a->lo < b->lo ? -1 : a->lo > b->lo;
}
static int
by_bytes(const void *x, const void *y)
{
	return memcmp(x, y, 16);
}

static int
finish(struct resolver *r, struct test *t)
{
	if (t->ranges > 1) {
		qsort(t->range, t->ranges, sizeof *t->range, by_range);
		uint32_t n = 0; /* ranges that touch become one */
		for (uint32_t i = 1; i < t->ranges; i++) {
			struct test_range *last = &t->range[n];
			if (t->range[i].lo <= last->hi || t->range[i].lo == last->hi + 1) {
				if (t->range[i].hi > last->hi)
					last->hi = t->range[i].hi;
			} else
				t->range[++n] = t->range[i];
		}
		t->ranges = n + 1;
	}
	if (t->exacts > 1)
		qsort(t->exact, t->exacts, sizeof *t->exact, by_bytes);
	if (t->part == PART_SELF && t->ranges > 1 && bits_of[t->a] <= 16) {
		t->lookup = arena_zalloc(r->arena, 65536);
		if (t->lookup == NULL)
			return no_memory(r);
		for (uint32_t i = 0; i < t->ranges; i++)
			for (uint64_t v = t->range[i].lo; v <= t->range[i].hi && v < 65536; v++)
				t->lookup[v] = 1;
	}
	return 0;
}

/* < <= > >= as one range */
static void
ordered(struct test *t, enum filter_cmp cmp)
{
	struct test_range *g = &t->range[0];
	uint64_t lo = g->lo, hi = t->range[t->ranges - 1].hi;
	t->ranges = 1;
	if ((cmp == FILTER_LT && lo == 0) || (cmp == FILTER_GT && hi == UINT64_MAX))
		t->ranges = 0;
	else if (cmp == FILTER_LT)
		*g = (struct test_range){0, lo - 1};
	else if (cmp == FILTER_LE)
		*g = (struct test_range){0, hi};
	else if (cmp == FILTER_GT)
		*g = (struct test_range){hi + 1, UINT64_MAX};
	else
		*g = (struct test_range){lo, UINT64_MAX};
}

static uint64_t
bit(int column)
{
	return column < 0 ? 0 : (uint64_t)1 << column;
}

static void
count_columns(struct program *p, const struct test *t)
{
	p->columns |= bit(t->a) | bit(t->b);
	if (t->has_a || t->has_b || t->part == PART_APP)
		p->columns |= bit(FT_COL_present);
	if (t->part == PART_APP)
		p->columns |= bit(FT_COL_server_port) | bit(FT_COL_proto);
	if (named_by_exporter(t->part))
		p->columns |= bit(FT_COL_exporter) | bit(FT_COL_last_us);
	if (t->part == PART_ICMP_TYPE || t->part == PART_ICMP_CODE)
		p->columns |= bit(FT_COL_proto);
	if (t->part >= PART_SES_SUM)
		p->columns |= bit(FT_COL_session) | bit(FT_COL_state) | bit(FT_COL_first_us) |
			      bit(FT_COL_last_us) | bit(FT_COL_start_us);
	switch (t->field) {
	case FILTER_SRVIP:
	case FILTER_CLNIP:
	case FILTER_ADDR:
	case FILTER_SRVPORT:
	case FILTER_CLNPORT:
	case FILTER_PORT:
	case FILTER_PROTO:
	case FILTER_ICMPTYPE:
	case FILTER_ICMPCODE:
	case FILTER_SESSION:
	case FILTER_EXPIP:
	case FILTER_EXPV:
	case FILTER_GUID:
		break;
	default:
		if (t->part >= PART_SES_SUM)
			p->session = true;
		else
			p->attribute = true;
	}
}

static int
make_test(struct resolver *r, const struct filter_node *n, uint32_t *index)
{
	struct program *p = r->program;
	struct test *t = &p->test[ *index = p->tests++];
	*t = (struct test){.field = n->field,
		.type = filter_field_info(n->field)->type,
		.part = reads[n->field].part,
		.a = reads[n->field].a,
		.b = reads[n->field].b,
		.has_a = reads[n->field].has_a,
		.has_b = reads[n->field].has_b,
		.negate = n->cmp == FILTER_NE,
		.pen = n->pen,
		.id = n->id,
		.cmp = n->cmp > FILTER_NE ? (enum ie_cmp)(n->cmp - FILTER_LT + IE_LT) : IE_EQ};
	uint64_t names = 0;
	for (uint32_t i = 0; i < n->n; i++)
		names += n->value[i].kind == FILTER_V_WORD ? NAMES_EACH : 1;
	if (names > 200000 || !room_for(r, t, (uint32_t)names))
		return no_memory(r);
	for (uint32_t i = 0; i < n->n; i++) {
		int rc = add_value(r, t, &n->value[i]);
		if (rc != 0)
			return rc;
	}
	bool by_number = t->part == PART_IFACE || t->part == PART_VRF;
	if (by_number && n->cmp > FILTER_NE && t->words > 0)
		return unknown(r, &n->value[0],
			t->part == PART_VRF ? "expected the id of a VRF after < <= > >=, found"
					    : "expected the index of an interface after < <= > >=, found");
	if (by_number && t->words == 0)
		t->part = PART_SELF; /* numbers need no names */
	if (n->cmp > FILTER_NE && t->ranges > 0)
		ordered(t, n->cmp);
	count_columns(p, t);
	return finish(r, t);
}

static int
make_step(struct resolver *r, const struct filter_node *n, uint32_t *out)
{
	struct program *p = r->program;
	struct step s = {.op = n->op, .n = n->op == FILTER_TEST ? 0 : n->n};
	if (n->op == FILTER_TEST) {
		int rc = make_test(r, n, &s.test);
		if (rc != 0)
			return rc;
	} else {
		s.child = arena_alloc(r->arena, n->n * sizeof *s.child);
		if (s.child == NULL)
			return no_memory(r);
		for (uint32_t i = 0; i < n->n; i++) {
			int rc = make_step(r, n->child[i], &s.child[i]);
			if (rc != 0)
				return rc;
		}
	}
	*out = p->steps;
	p->step[p->steps++] = s;
	return 0;
}

static void
count(const struct filter_node *n, uint32_t *nodes, uint32_t *tests)
{
	++*nodes;
	if (n->op == FILTER_TEST)
		++*tests;
	else
		for (uint32_t i = 0; i < n->n; i++)
			count(n->child[i], nodes, tests);
}

int
resolve_program(struct arena *a, const struct filter_node *root, const struct services *services,
	struct places *places, const struct engine_names *names, bool hosts, struct program **out,
	struct resolution *seen, struct err *err)
{
	*out = NULL;
	if (root == NULL)
		return 0;
	uint32_t nodes = 0, tests = 0, last;
	count(root, &nodes, &tests);
	struct resolver r = {
		a, services, places, names, hosts, arena_zalloc(a, sizeof *r.program), seen, err};
	if (r.program == NULL)
		return no_memory(&r);
	r.program->step = arena_alloc(a, nodes * sizeof *r.program->step);
	r.program->test = arena_alloc(a, tests * sizeof *r.program->test);
	if (r.program->step == NULL || r.program->test == NULL)
		return no_memory(&r);
	int rc = make_step(&r, root, &last);
	if (rc == 0)
		*out = r.program;
	return rc;
}

/* ---- questions to one test ------------------------------------------------------------------------ */

bool
test_range_has(const struct test *t, uint64_t v)
{
	uint32_t lo = 0, hi = t->ranges;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (t->range[mid].hi < v)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < t->ranges && t->range[lo].lo <= v;
}

bool
test_address_has(const struct test *t, const uint8_t address[16])
{
	if (t->exacts > 0 && bsearch(address, t->exact, t->exacts, sizeof *t->exact, by_bytes) != NULL)
		return true;
	for (uint32_t i = 0; i < t->prefixes; i++)
		if (addr_in_prefix(address, t->prefix[i].bytes, t->prefix[i].bits))
			return true;
	return false;
}

bool
test_group_has(const struct test *t, const char *text, uint32_t bytes)
{
	for (uint32_t i = 0; i < t->words; i++) {
		size_t n = strlen(t->word[i]);
		if (n <= bytes && strncasecmp(t->word[i], text, n) == 0 && (n == bytes || text[n] == '/'))
			return true;
	}
	return false;
}

bool
test_elements_has(const struct test *t, const uint8_t *list, size_t n)
{
	struct kept_element e;
	for (size_t at = 0; element_next(list, n, &at, &e);)
		if (e.id == t->id && e.pen == t->pen)
			for (uint32_t i = 0; i < t->values; i++)
				if (ie_value_match(t->element[i], t->cmp, e.value, e.bytes))
					return true;
	return false;
}

/* ---- zone maps: -1 unknown, 0 no row, 1 every row -------------------------------------------------- */

static int
zone_test(const struct test *t, const struct zone *z)
{
	int known = -1;
	if (t->part == PART_ADDRESS && z->filter_words > 0 && t->prefixes == 0) {
		known = 0;
		for (uint32_t i = 0; i < t->exacts && known == 0; i++)
			if (zone_may_have_address(z, t->exact[i].bytes))
				known = -1;
	} else if (t->part == PART_EXP_ADDRESS && z->exporters > 0 && z->exporters <= ZONE_EXPORTERS) {
		uint32_t hits = 0;
		for (uint32_t i = 0; i < z->exporters; i++)
			hits += test_address_has(t, z->exporter[i]);
		known = hits == 0 ? 0 : hits == z->exporters ? 1 : -1;
	}
	return known < 0 || !t->negate ? known : !known;
}

static int
zone_step(const struct program *p, uint32_t i, const struct zone *z)
{
	const struct step *s = &p->step[i];
	if (s->op == FILTER_TEST)
		return zone_test(&p->test[s->test], z);
	if (s->op == FILTER_NOT) {
		int v = zone_step(p, s->child[0], z);
		return v < 0 ? v : !v;
	}
	int all = s->op == FILTER_AND ? 1 : 0;
	for (uint32_t k = 0; k < s->n; k++) {
		int v = zone_step(p, s->child[k], z);
		if (s->op == FILTER_AND && v == 0)
			return 0;
		if (s->op == FILTER_OR && v == 1)
			return 1;
		if (v < 0)
			all = -1;
		else if (s->op == FILTER_XOR && all >= 0)
			all ^= v;
	}
	return all;
}

bool
program_zone(const struct program *p, const struct zone *z)
{
	return p == NULL || p->steps == 0 || zone_step(p, p->steps - 1, z) != 0;
}
