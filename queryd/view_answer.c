/* view_answer.c - a view from its words to its JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "queryd/view.h"

static const struct {
	const char *name;
	enum count_kind kind;
} counts[] = {
#define COUNT(name, help) {#name, COUNT_##name},
#include "queryd/views.def"
#undef COUNT
};
static const enum view_entity uniques[] = {
#define UNIQUE(name) VIEW_##name,
#include "queryd/views.def"
#undef UNIQUE
};

static int
parse_count(struct view *v, const char *text)
{
	for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++)
		if (strcasecmp(counts[i].name, text) == 0) {
			v->kind = counts[i].kind;
			return 0;
		}
	if (strncasecmp(text, "UNIQUE", 6) == 0) {
		const char *what = text + 6;
		while (*what == ' ' || *what == '_')
			what++;
		const struct view_info *info = view_find(what);
		for (unsigned i = 0; i < sizeof uniques / sizeof uniques[0]; i++)
			if (info == view_info(uniques[i])) {
				v->kind = COUNT_UNIQUE;
				v->unique = info;
				return 0;
			}
		return err_set(v->q->err, FT_EINVAL,
			"count: expected UNIQUE and one of IP PORTPROTO QOS TCPFLAGS IF COUNTRY VLAN ASN MAC "
			"NETBLOCK "
			"GROUP, found `%.60s`",
			text);
	}
	return err_set(v->q->err, FT_EINVAL,
		"count: expected BYTES, BITS, PACKETS, SESSIONS, UPDATES or UNIQUE …, found `%.60s`", text);
}

static uint64_t
columns_of(const struct view_info *e)
{
	switch (e->element) {
	case EL_MAC:
		return column_bit(FT_COL_client_mac) | column_bit(FT_COL_server_mac);
	case EL_IF:
		return column_bit(FT_COL_in_if) | column_bit(FT_COL_out_if) | column_bit(FT_COL_present);
	case EL_EXPIF:
		return column_bit(FT_COL_in_if) | column_bit(FT_COL_out_if) | column_bit(FT_COL_present) |
		       column_bit(FT_COL_exporter);
	case EL_VLAN:
		return column_bit(FT_COL_client_vlan) | column_bit(FT_COL_server_vlan) |
		       column_bit(FT_COL_present);
	case EL_SRCPORT:
	case EL_DSTPORT:
		return column_bit(FT_COL_client_port) | column_bit(FT_COL_server_port);
	case EL_QOS:
		return column_bit(FT_COL_client_tos) | column_bit(FT_COL_server_tos) |
		       column_bit(FT_COL_present);
	case EL_TCPFLAGS:
		return column_bit(FT_COL_client_flags) | column_bit(FT_COL_server_flags) |
		       column_bit(FT_COL_present) | column_bit(FT_COL_proto);
	case EL_PORTPROTO:
		return column_bit(FT_COL_server_port) | column_bit(FT_COL_proto);
	case EL_PROTO:
		return column_bit(FT_COL_proto);
	case EL_APP:
		return column_bit(FT_COL_server_port) | column_bit(FT_COL_proto) |
		       column_bit(FT_COL_present) | column_bit(FT_COL_app) | column_bit(FT_COL_app_name);
	case EL_EXPORTER:
	case EL_GUID:
		return column_bit(FT_COL_exporter);
	case EL_SERVICE:
	case EL_CLIENTSERVICE:
		return column_bit(FT_COL_server_port) | column_bit(FT_COL_proto) | column_bit(FT_COL_server) |
		       column_bit(FT_COL_client);
	default:
		return column_bit(FT_COL_client) | column_bit(FT_COL_server);
	}
}

int
view_open(struct view *v, struct query *q)
{
	const struct query_spec *s = q->spec;
	*v = (struct view){.q = q, .direction = s->direction};
	texts_init(&v->texts, &q->budget);
	parts64_init(&v->pairs, false, &q->budget);
	v->counts.budget = &q->budget;
	const char *entity = s->entity && *s->entity ? s->entity : "IP";
	v->entity = view_find(entity);
	if (v->entity == NULL)
		return err_set(q->err, FT_EINVAL,
			"entity: expected IP, IPPAIR, PORTPROTO, ASN or another view, found `%.60s`", entity);
	int rc = parse_count(v, s->count && *s->count ? s->count : "BYTES");
	if (rc != 0)
		return rc;
	keys_init(&v->keys, v->entity, &v->texts, &q->budget);
	if (v->unique != NULL)
		keys_init(&v->members, v->unique, &v->texts, &q->budget);
	if (q->context->threads > 1) {
		tabwide_init(&v->hosts, &q->budget, true);
		tabwide_init(&v->member_hosts, &q->budget, true);
		v->keys.shared = &v->hosts;
		v->members.shared = &v->member_hosts;
	}
	/* a series needs to know which of the two was first seen when */
	v->mutual = v->unique == v->entity && v->entity->class == VIEW_TWO && v->direction == QUERY_TOTAL &&
		    q->frame.slots == 0;
	v->by_code = v->entity->element == EL_IP && v->entity->class == VIEW_TWO && v->kind != COUNT_UNIQUE;
	/* One pass runs fewer instructions, but its 88 bytes an address miss the cache: over 2 M sessions it was
	 * the slower one (docs/performance.md).  So it is for few addresses: those that a filter lets through. */
	v->at_once = v->by_code && v->kind != COUNT_UPDATES && q->frame.slots == 0 && q->filter != NULL;
	bool packets = v->kind == COUNT_PACKETS, updates = v->kind == COUNT_UPDATES;
	v->amount[0] = packets ? FT_COL_client_packets : updates ? FT_COL_client_flows : FT_COL_client_bytes;
	v->amount[1] = packets ? FT_COL_server_packets : updates ? FT_COL_server_flows : FT_COL_server_bytes;
	q->touch |= columns_of(v->entity) | (v->unique ? columns_of(v->unique) : 0) | COLUMN_COUNTS |
		    column_bit(FT_COL_client_bytes) | column_bit(FT_COL_server_bytes) |
		    column_bit(FT_COL_client_packets) | column_bit(FT_COL_server_packets) |
		    column_bit(FT_COL_client_flows) | column_bit(FT_COL_server_flows);
	bool changes =
		v->entity->changes || (q->filter && q->filter->attribute) || (q->user && q->user->attribute);
	bool session = (q->filter && q->filter->session) || (q->user && q->user->session);
	q->passes = session ? 5 : 3; /* an estimate is enough for progress */
	rc = join_several(q, !changes && !session);
	if (rc == FT_EFULL && !session) {
		/* ids of all long sessions are too many: their slices still tell which of them counts */
		set64_free(&q->several);
		set64_free(&q->cut);
		query_warn(q, "there are more long sessions than `querymemory` holds: sessions whose "
			      "attributes changed on "
			      "the way count for the first ones only");
		*q->err = (struct err){0};
		rc = 0;
	}
	return rc == 0 && session ? join_sessions(q) : rc;
}

static uint64_t
scale(const struct view *v, uint64_t value)
{
	return v->kind == COUNT_BITS ? value * 8 : value;
}

static json_t *
integer(uint64_t v)
{
	return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

static uint64_t
whole(const struct view *v)
{
	switch (v->kind) {
	case COUNT_PACKETS:
		return v->total.packets;
	case COUNT_SESSIONS:
		return v->total.sessions;
	case COUNT_UPDATES:
		return v->total.flows;
	case COUNT_UNIQUE:
		return keys_count(v->mutual ? &v->keys : &v->members);
	default:
		return v->total.bytes;
	}
}

static json_t *
series(const struct view *v, const uint64_t *values)
{
	json_t *list = json_array();
	for (uint32_t i = 0; i < v->q->frame.slots; i++)
		json_array_append_new(list, integer(scale(v, values[i])));
	return list;
}

static json_t *
row_json(const struct view *v, uint32_t r)
{
	uint32_t id = v->top[v->offset + r];
	char part[2][KEY_TEXT], buffer[KEY_TEXT];
	const struct row *row = &v->row[r];
	json_t *o = json_object(), *key;
	keys_text(&v->keys, id, part, NULL);
	if (keys_parts(&v->keys) == 1)
		key = json_stringn_nocheck(part[0], strlen(part[0]));
	else {
		key = json_array();
		json_array_append_new(key, json_string_nocheck(part[0]));
		json_array_append_new(key, json_string_nocheck(part[1]));
	}
	const char *label = keys_label(&v->keys, id, v->q, buffer);
	uint64_t of = whole(v);
	json_object_set_new(o, "key", key);
	json_object_set_new(o, "label", label ? json_string(label) : json_null());
	json_object_set_new(o, "value", integer(scale(v, v->value[id])));
	json_object_set_new(o, "percent", json_real(of ? 100.0 * (double)v->value[id] / (double)of : 0.0));
	json_object_set_new(o, "bytes_sent", integer(row->bytes[0]));
	json_object_set_new(o, "bytes_received", integer(row->bytes[1]));
	json_object_set_new(o, "packets_sent", integer(row->packets[0]));
	json_object_set_new(o, "packets_received", integer(row->packets[1]));
	json_object_set_new(o, "sessions_initiated", integer(row->sessions[0]));
	json_object_set_new(o, "sessions_accepted", integer(row->sessions[1]));
	json_object_set_new(o, "colour", json_integer((json_int_t)v->offset + r));
	if (v->series != NULL)
		json_object_set_new(o, "series", series(v, v->series + (size_t)r * v->q->frame.slots));
	return o;
}

static json_t *
other_json(struct view *v)
{
	uint64_t sum = v->all;
	uint32_t slots = v->q->frame.slots;
	for (uint32_t r = 0; r < v->rows; r++)
		sum -= v->value[v->top[v->offset + r]];
	json_t *o = json_object();
	json_object_set_new(o, "count", json_integer((json_int_t)v->entities - v->rows));
	if (v->kind == COUNT_UNIQUE) {
		json_object_set_new(o, "value", json_null());
		return o;
	}
	json_object_set_new(o, "value", integer(scale(v, sum)));
	if (v->series == NULL)
		return o;
	uint64_t *all = v->series + (size_t)v->rows * slots;
	for (uint32_t r = 0; r < v->rows; r++)
		for (uint32_t i = 0; i < slots; i++)
			all[i] -= v->series[(size_t)r * slots + i];
	json_object_set_new(o, "series", series(v, all));
	return o;
}

int
view_answer(struct view *v, json_t **out)
{
	static const char *const directions[] = {"total", "sent", "received"};
	json_t *o = json_object(), *rows = json_array(), *total = json_object();
	char count[32];
	if (o == NULL || rows == NULL || total == NULL) {
		json_decref(o);
		json_decref(rows);
		json_decref(total);
		return query_full(v->q);
	}
	for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++)
		if (counts[i].kind == v->kind)
			snprintf(count, sizeof count, "%s", counts[i].name);
	if (v->unique != NULL)
		snprintf(count, sizeof count, "UNIQUE %s", v->unique->name);
	for (uint32_t r = 0; r < v->rows; r++)
		json_array_append_new(rows, row_json(v, r));
	json_object_set_new(o, "entity", json_string(v->entity->name));
	json_object_set_new(o, "count", json_string(count));
	json_object_set_new(o, "direction", json_string(directions[v->direction]));
	json_object_set_new(o, "offset", json_integer((json_int_t)v->offset));
	json_object_set_new(o, "slots", json_integer((json_int_t)v->q->frame.slots));
	json_object_set_new(o, "rows", rows);
	json_object_set_new(o, "other", other_json(v));
	json_object_set_new(total, "sessions", integer(v->total.sessions));
	json_object_set_new(total, "bytes", integer(v->total.bytes));
	json_object_set_new(total, "packets", integer(v->total.packets));
	json_object_set_new(total, "flows", integer(v->total.flows));
	json_object_set_new(o, "total", total);
	int rc = query_report(v->q, o);
	if (rc == 0)
		*out = o;
	else
		json_decref(o);
	return rc;
}
