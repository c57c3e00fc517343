#include "queryd/session_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/guid.h"
#include "common/ie.h"
#include "common/names.h"

enum { ROW_ELEMENTS = 64 * 1024 };

const char *const session_field_name[SESSION_FIELDS] = {
#define FIELD(name, type, column, part, present) #name,
#include "common/fields.def"
#undef FIELD
};

enum part {
	P_SELF,
	P_EXP_ADDRESS,
	P_EXP_DOMAIN,
	P_EXP_VERSION,
	P_EXP_GUID,
	P_ADDRESS,
	P_AS,
	P_MASK,
	P_COUNTRY,
	P_NETBLOCK,
	P_GROUP,
	P_ICMP_TYPE,
	P_ICMP_CODE,
	P_APP_NAME,
	P_IF_NAME,
	P_VRF_NAME,
	P_DISPUTED,
};
enum type {
	T_U64,
	T_U32,
	T_TIME,
	T_ADDR,
	T_GUID,
	T_MAC,
	T_AS,
	T_CC,
	T_BLOCK,
	T_TEXT,
	T_APP,
	T_RULE,
	T_BOOL,
	T_END,
	T_JSON
};
static const struct {
	enum ft_column column;
	enum part part;
	enum type type;
	uint32_t present;
} fields[SESSION_FIELDS] = {
#define FIELD(name, type, column, part, present) {FT_COL_##column, P_##part, T_##type, present},
#include "common/fields.def"
#undef FIELD
};

uint64_t
session_columns_needed(void)
{
	uint64_t bits = column_bit(FT_COL_present) | column_bit(FT_COL_start_us) | column_bit(FT_COL_prev_us);
	for (int f = 0; f < SESSION_FIELDS; f++)
		bits |= column_bit(fields[f].column);
	return bits;
}

int
row_maker_block(struct row_maker *m, struct block_view *v)
{
	uint32_t n = v->dict_count[FT_DICT_ADDR];
	if (n > m->room) {
		uint32_t room = n + n / 2;
		struct row_text *a =
			budget_realloc(m->budget, m->address, m->room * sizeof *a, room * sizeof *a);
		if (a == NULL)
			return FT_EFULL;
		m->address = a;
		struct row_text *b =
			budget_realloc(m->budget, m->netblock, m->room * sizeof *b, room * sizeof *b);
		if (b == NULL) {
			budget_free(m->budget, m->address, room * sizeof *a);
			m->address = NULL;
			return FT_EFULL;
		}
		m->netblock = b;
		m->room = room;
	}
	for (uint32_t i = 0; i < n; i++)
		m->address[i].bytes = m->netblock[i].bytes = 0;
	return block_addrs(v) != NULL && block_exporters(v) != NULL ? 0 : FT_EFORMAT;
}

void
row_maker_free(struct row_maker *m)
{
	budget_free(m->budget, m->address, m->room * sizeof *m->address);
	budget_free(m->budget, m->netblock, m->room * sizeof *m->netblock);
	budget_free(m->budget, m->elements, ROW_ELEMENTS);
	m->address = m->netblock = NULL;
	m->elements = NULL;
	m->room = 0;
}

static void
set_none(struct field_value *v)
{
	v->kind = VALUE_NONE;
}
static void
set_uint(struct field_value *v, uint64_t n)
{
	v->kind = VALUE_UINT;
	v->n = n;
}
static void
set_text(struct field_value *v, const char *text, size_t bytes)
{
	v->kind = VALUE_TEXT;
	v->text = text;
	v->bytes = (uint32_t)bytes;
}

static void
text_of_code(struct field_value *v, struct block_view *b, uint32_t code)
{
	uint32_t n;
	const char *s = code ? block_text(b, code, &n) : NULL;
	if (code == 0 || n == 0)
		set_none(v);
	else
		set_text(v, s, n);
}

static void
of_address(struct row_maker *m, struct field_value *v, struct block_view *b, enum part part, uint32_t code,
	char country[2])
{
	const struct ft_addr_entry *e = &block_addrs(b)[code];
	struct row_text *t;
	switch (part) {
	case P_AS:
		if (e->as)
			set_uint(v, e->as);
		else
			set_none(v);
		break;
	case P_MASK:
		if (e->mask != 255)
			set_uint(v, e->mask);
		else
			set_none(v);
		break;
	case P_COUNTRY:
		if (e->country == 0) {
			set_none(v);
			break;
		}
		country[0] = (char)(e->country >> 8);
		country[1] = (char)(e->country & 255);
		set_text(v, country, 2);
		break;
	case P_NETBLOCK:
		t = &m->netblock[code];
		if (e->net_bits > 128) {
			set_none(v);
			break;
		}
		if (t->bytes == 0) {
			char text[ADDR_TEXT];
			uint8_t net[16];
			addr_mask(net, e->address, e->net_bits);
			t->bytes = (uint8_t)addr_prefix_text(net, e->net_bits, text);
			memcpy(t->text, text, t->bytes);
		}
		set_text(v, t->text, t->bytes);
		break;
	case P_GROUP:
		text_of_code(v, b, e->group);
		break;
	default:
		t = &m->address[code];
		if (t->bytes == 0) {
			char text[ADDR_TEXT];
			t->bytes = (uint8_t)addr_text(e->address, text);
			memcpy(t->text, text, t->bytes);
		}
		set_text(v, t->text, t->bytes);
	}
}

static void
of_exporter(struct row_maker *m, struct field_value *v, const struct ft_exporter_entry *e, enum part part)
{
	switch (part) {
	case P_EXP_DOMAIN:
		set_uint(v, e->domain);
		break;
	case P_EXP_VERSION:
		set_uint(v, e->version);
		break;
	case P_EXP_GUID:
		if (guid_none(e->guid)) {
			set_none(v);
			break;
		}
		guid_text(e->guid, m->guid);
		set_text(v, m->guid, 36);
		break;
	default: {
		int n = addr_text(e->address, m->exporter);
		set_text(v, m->exporter, (size_t)n);
	}
	}
}

static int
of_wide(struct row_maker *m, struct field_value *v, struct block_view *b, int f, uint32_t code)
{
	if (code == 0) {
		set_none(v);
		return 0;
	}
	if (code >= b->dict_count[FT_DICT_WIDE] || block_wides(b) == NULL)
		return FT_EFORMAT;
	const uint8_t *w = block_wides(b)[code].value;
	if (fields[f].type == T_MAC) {
		char *to = m->mac[f == SESSION_F_server_mac];
		snprintf(to, 18, "%02x:%02x:%02x:%02x:%02x:%02x", w[0], w[1], w[2], w[3], w[4], w[5]);
		set_text(v, to, 17);
	} else {
		char *to = m->wide[f == SESSION_F_next_hop ? 0 : f == SESSION_F_nat_client_ip ? 1 : 2];
		int n = addr_text(w, to);
		set_text(v, to, (size_t)n);
	}
	return 0;
}

static void
of_name(struct field_value *v, enum names_kind kind, uint32_t n)
{
	static const char *const rules[] = {"exporter", "syn", "icmp", "service", "time", "port", "only"};
	static const char *const ends[] = {"fin", "rst", "timeout", "toolong", "evicted", "new", "exporter"};
	if (n == 0 || n > 7) {
		set_none(v);
		return;
	}
	const char *word = kind == NAMES_RULE ? rules[n - 1] : ends[n - 1];
	set_text(v, word, strlen(word));
}

/* kept elements as a JSON object */
static int
of_elements(struct row_maker *m, struct field_value *v)
{
	if (m->elements == NULL && (m->elements = budget_realloc(m->budget, NULL, 0, ROW_ELEMENTS)) == NULL)
		return FT_EFULL;
	size_t n = ie_list_json((const uint8_t *)v->text, v->bytes, m->elements, ROW_ELEMENTS);
	if (n == 0) {
		set_none(v);
		return 0;
	}
	set_text(v, m->elements, n);
	v->kind = VALUE_JSON;
	return 0;
}

/* a plain number of a column, by type */
static void
of_number(struct row_maker *m, struct field_value *v, int f, uint64_t n)
{
	switch (fields[f].type) {
	case T_APP: {
		int bytes = snprintf(m->app, sizeof m->app, "%u:%llu", (unsigned)(n >> 56),
			(unsigned long long)(n & (((uint64_t)1 << 56) - 1)));
		set_text(v, m->app, (size_t)bytes);
		break;
	}
	case T_RULE:
		of_name(v, NAMES_RULE, (uint32_t)n);
		break;
	case T_END:
		of_name(v, NAMES_END, (uint32_t)n);
		break;
	case T_BOOL:
		v->kind = VALUE_BOOL;
		v->n = (n & FT_SLICE_DISPUTED) != 0;
		break;
	default:
		set_uint(v, n);
	}
}

int
row_maker_batch(struct row_maker *m, struct worker *w)
{
	struct batch *b = &w->batch;
	for (int f = 0; f < SESSION_FIELDS; f++) {
		enum ft_column c = fields[f].column;
		m->narrow[f] = batch_is_wide(c) ? NULL : batch_sel32(b, c);
		m->wide_number[f] = batch_is_wide(c) ? batch_sel64(b, c) : NULL;
	}
	m->present = batch_sel32(b, FT_COL_present);
	m->proto = batch_sel32(b, FT_COL_proto);
	m->client = batch_sel32(b, FT_COL_client);
	m->server = batch_sel32(b, FT_COL_server);
	m->exporter_code = batch_sel32(b, FT_COL_exporter);
	m->server_port = batch_sel32(b, FT_COL_server_port);
	return b->rc;
}

int
row_maker_row(struct row_maker *m, struct worker *w, uint32_t j)
{
	struct block_view *v = w->batch.v;
	uint32_t present = m->present[j], proto = m->proto[j], exporter = m->exporter_code[j];
	uint32_t side[2] = {m->client[j], m->server[j]};
	if (side[0] >= v->dict_count[FT_DICT_ADDR] || side[1] >= v->dict_count[FT_DICT_ADDR] ||
		exporter >= v->dict_count[FT_DICT_EXPORTER])
		return FT_EFORMAT;
	for (int f = 0; f < SESSION_FIELDS; f++) {
		struct field_value *to = &m->value[f];
		enum ft_column c = fields[f].column;
		if (fields[f].present && !(present & fields[f].present)) {
			set_none(to);
			continue;
		}
		if (c == FT_COL_client || c == FT_COL_server) {
			of_address(m, to, v, fields[f].part, side[c == FT_COL_server],
				m->country[c == FT_COL_server]);
			continue;
		}
		if (c == FT_COL_exporter) {
			of_exporter(m, to, &block_exporters(v)[exporter], fields[f].part);
			continue;
		}
		uint64_t n = m->narrow[f] != NULL ? m->narrow[f][j] : m->wide_number[f][j];
		if (fields[f].part == P_IF_NAME || fields[f].part == P_VRF_NAME) {
			const struct ft_interface *i =
				interfaces_at(m->interfaces, &block_exporters(v)[exporter],
					fields[f].part == P_IF_NAME ? FT_KIND_INTERFACE : FT_KIND_VRF,
					(uint32_t)n, (int64_t)m->wide_number[SESSION_F_last_us][j]);
			if (i != NULL && i->name[0])
				set_text(to, i->name, strlen(i->name));
			else
				set_none(to);
		} else if (fields[f].part == P_ICMP_TYPE || fields[f].part == P_ICMP_CODE) {
			if (proto == 1 || proto == 58)
				set_uint(to, fields[f].part == P_ICMP_TYPE ? n >> 8 : n & 255);
			else
				set_none(to);
		} else if (fields[f].type == T_MAC || fields[f].type == T_ADDR) {
			if (of_wide(m, to, v, f, (uint32_t)n) != 0)
				return FT_EFORMAT;
		} else if (fields[f].type == T_TEXT || fields[f].type == T_JSON) {
			text_of_code(to, v, (uint32_t)n);
			if (to->kind == VALUE_TEXT && fields[f].type == T_JSON && of_elements(m, to) != 0)
				return FT_EFULL;
			if (fields[f].part == P_APP_NAME && to->kind == VALUE_NONE &&
				!(present & FT_HAS_APP)) {
				const char *name = services_name(
					m->services, (uint16_t)m->server_port[j], (uint8_t)proto);
				if (name != NULL)
					set_text(to, name, strlen(name));
			}
		} else
			of_number(m, to, f, n);
	}
	return 0;
}
