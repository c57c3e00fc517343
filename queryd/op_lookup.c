/*
 * op_lookup.c - looking addresses up, and values for completion.
 *
 * What a user filter hides is told by neither: an address is looked up for a user with one only if it shows in the frame that is
 * given, under the filter; and values that come from traffic come from a view under the filter.  Such views are bounded (a few
 * seconds, one thread, little memory): what they can't find in time is not offered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/addr.h"
#include "common/timeframe.h"
#include "queryd/daemons.h"
#include "queryd/friendly.h"
#include "queryd/hosts.h"
#include "queryd/op_exporters.h"
#include "queryd/operations.h"
#include "queryd/places.h"

enum { VIEW_S = 3, VIEW_MEMORY = 64 << 20, VIEW_ROWS = 2000, ADDRESSES = 256, ASK_S = 5 };

/* ---- bounded views ---------------------------------------------------------------------------- */

/* rows of a view under the user's filter; NULL: none could be had */
static json_t *
bounded(struct request *r, const char *entity, const char *filter, int64_t from, int64_t to)
{
	struct query_context c = {.threads = 1, .memory = VIEW_MEMORY};
	struct query_spec q = {.from_us = from,
		.to_us = to,
		.filter = filter,
		.user_filter = r->who.filter,
		.exporter_if = -1,
		.entity = entity,
		.count = "BYTES",
		.rows = VIEW_ROWS};
	json_t *out = NULL, *rows = NULL;
	uint64_t most = atomic_load(&r->server->query_memory);
	if (most && most < c.memory)
		c.memory = most;
	c.deadline_ns = mono_now().ns + (int64_t)VIEW_S * 1000000000;
	if (engine_view(r->server->parts.engine, &c, &q, &out, NULL) == 0)
		rows = json_incref(json_object_get(out, "rows"));
	json_decref(out);
	return rows;
}

/* `last`, or from and to in microseconds; false: answered */
static bool
frame(struct request *r, const char *standard, int64_t *from, int64_t *to)
{
	struct err err = {0};
	*from = request_int(r, "from", 0);
	*to = request_int(r, "to", 0);
	if (*to)
		return true;
	if (timeframe_frame(request_string(r, "last", standard), NULL, wall_now().us, from, to, &err) == 0)
		return true;
	request_error(r, "bad_time", "/last", "%s", err.text);
	return false;
}

/* ---- lookup ----------------------------------------------------------------------------------- */

struct lookup {
	unsigned n;
	uint8_t address[ADDRESSES][16];
	bool shown[ADDRESSES];
	struct hosts_answer answer[ADDRESSES];
};

/* With a user filter: which of them show in the frame. */
static void
restrict_to_seen(struct request *r, struct lookup *l, int64_t from, int64_t to)
{
	size_t room = ADDRESSES * ADDR_TEXT + 32, at, i;
	char *filter = malloc(room);
	json_t *row;
	if (filter == NULL)
		return;
	at = (size_t)snprintf(filter, room, "ADDR in (");
	for (unsigned k = 0; k < l->n; k++) {
		char text[ADDR_TEXT];
		addr_text(l->address[k], text);
		at += (size_t)snprintf(filter + at, room - at, "%s%s", k ? ", " : "", text);
	}
	snprintf(filter + at, room - at, ")");
	json_t *rows = bounded(r, "IP", filter, from, to);
	free(filter);
	json_array_foreach (rows, i, row) {
		uint8_t bytes[16];
		const char *key = json_string_value(json_object_get(row, "key"));
		for (unsigned k = 0; key && addr_parse(key, bytes) == 0 && k < l->n; k++)
			l->shown[k] |= memcmp(bytes, l->address[k], 16) == 0;
	}
	json_decref(rows);
}

static json_t *
found(struct request *r, const struct lookup *l, unsigned i)
{
	char text[ADDR_TEXT], net[ADDR_TEXT], name[PLACES_NAME], code[3];
	struct places *places = engine_places(r->server->parts.engine);
	struct geo_place p = {.net_bits = 255};
	const struct hosts_answer *a = &l->answer[i];
	addr_text(l->address[i], text);
	json_t *o = json_pack("{s:s, s:n, s:b, s:n, s:n, s:n, s:n}", "address", text, "name", "pending", 0,
		"country", "as", "as_name", "netblock");
	if (!l->shown[i])
		return o;
	if (places)
		places_of(places, l->address[i], &p);
	if (a->state == HOSTS_KNOWN)
		json_object_set_new(o, "name", json_string(a->name));
	json_object_set_new(o, "pending", json_boolean(a->state == HOSTS_PENDING));
	snprintf(code, sizeof code, "%c%c", p.country >> 8, p.country & 255);
	if (p.country)
		json_object_set_new(o, "country", json_string(code));
	if (p.as)
		json_object_set_new(o, "as", json_integer(p.as));
	if (p.as && places_as_name(places, p.as, name))
		json_object_set_new(o, "as_name", json_string(name));
	if (p.net_bits <= 128) {
		uint8_t masked[16];
		addr_mask(masked, l->address[i], p.net_bits);
		addr_prefix_text(masked, p.net_bits, net);
		json_object_set_new(o, "netblock", json_string(net));
	}
	return o;
}

void
op_lookup(struct request *r)
{
	json_t *list = request_json(r, "addresses"), *x, *out;
	int64_t from, to;
	size_t i;
	if (!frame(r, "15m", &from, &to))
		return;
	struct lookup *l = calloc(1, sizeof *l);
	if (l == NULL) {
		request_error(r, "internal", NULL, "out of memory");
		return;
	}
	json_array_foreach (list, i, x)
		if (addr_parse(json_string_value(x), l->address[l->n++]) != 0) {
			char at[32];
			snprintf(at, sizeof at, "/addresses/%zu", i);
			free(l);
			request_error(r, "bad_request", at, "'%.64s' is no address", json_string_value(x));
			return;
		}
	for (unsigned k = 0; k < l->n; k++)
		l->shown[k] = r->who.filter == NULL;
	if (r->who.filter)
		restrict_to_seen(r, l, from, to);
	uint8_t ask[ADDRESSES][16];
	struct hosts_answer *answer = calloc(ADDRESSES, sizeof *answer);
	unsigned n = 0, at[ADDRESSES];
	for (unsigned k = 0; k < l->n; k++)
		if (l->shown[k]) {
			memcpy(ask[n], l->address[k], 16);
			at[n++] = k;
		}
	if (answer && n > 0)
		hosts_ask(r->server->hosts, (const uint8_t(*)[16])ask, n, answer,
			(span_t){request_int(r, "wait_ms", 1000) * 1000});
	for (unsigned k = 0; answer && k < n; k++)
		l->answer[at[k]] = answer[k];
	free(answer);
	out = json_array();
	for (unsigned k = 0; k < l->n; k++)
		json_array_append_new(out, found(r, l, k));
	free(l);
	request_reply(r, json_pack("{s:o}", "addresses", out));
}

/* ---- completion ------------------------------------------------------------------------------- */

struct offers {
	const char *prefix;
	size_t n;
	unsigned most;
	json_t *out, *seen;
	bool more;
};

/* a value whose text or label begins so, or (of more than two letters) has it inside */
static bool
fits(const struct offers *o, const char *text)
{
	return text && (strncasecmp(text, o->prefix, o->n) == 0 || (o->n > 2 && strcasestr(text, o->prefix)));
}

static void
offer(struct offers *o, const char *value, const char *label)
{
	if (value == NULL || (!fits(o, value) && !fits(o, label)) || json_object_get(o->seen, value))
		return;
	if (json_array_size(o->out) >= o->most) {
		o->more = true;
		return;
	}
	json_object_set_new(o->seen, value, json_true());
	json_array_append_new(o->out, json_pack("{s:s, s:s?}", "value", value, "label", label));
}

/* what the grammar lists for this field: protocols, flags, services … */
static json_t *
field_of(const json_t *grammar, const char *name)
{
	size_t i;
	json_t *f;
	json_array_foreach (json_object_get(grammar, "fields"), i, f)
		if (strcasecmp(json_string_value(json_object_get(f, "name")), name) == 0)
			return f;
	return NULL;
}

static void
offer_list(struct offers *o, const json_t *list, const char *value, const char *label)
{
	size_t i;
	json_t *x;
	json_array_foreach (list, i, x)
		offer(o, json_string_value(json_object_get(x, value)),
			json_string_value(json_object_get(x, label)));
}

static void
offer_countries(struct offers *o)
{
#define COUNTRY(code, name) offer(o, #code, name);
#include "queryd/countries.def"
}

static void
offer_as(struct request *r, struct offers *o)
{
	struct places *places = engine_places(r->server->parts.engine);
	char pattern[300], number[16], name[PLACES_NAME];
	uint32_t as[200];
	if (places == NULL || o->n < 2)
		return;
	snprintf(pattern, sizeof pattern, "*%s*", o->prefix);
	unsigned n = places_as_find(places, pattern, as, 200);
	o->more |= n > 200;
	for (unsigned i = 0; i < n && i < 200; i++) {
		snprintf(number, sizeof number, "%u", as[i]);
		offer(o, number, places_as_name(places, as[i], name) ? name : NULL);
	}
}

/* names one may know of */
static void
offer_names(struct request *r, struct offers *o, const char *kind)
{
	json_t *page;
	if (friendly_list(r->server->parts.saved, &r->who, kind, NULL, 10000, &page, NULL) != 0)
		return;
	offer_list(o, json_object_get(page, "names"), "key", "name");
	json_decref(page);
}

static void
offer_groups(struct request *r, struct offers *o)
{
	json_t *answer = r->who.filter ? NULL
				       : daemons_try(r->server, "store",
						 json_pack("{s:s}", "op", "groups.list"), ASK_S);
	offer_list(o, json_object_get(answer, "groups"), "name", "");
	json_decref(answer);
}

static void
offer_exporters(struct request *r, struct offers *o)
{
	json_t *list = op_exporters_known(r);
	offer_list(o, list, "address", "name");
	json_decref(list);
}

/* by the type of a field: what shows in traffic */
static const struct {
	const char *type, *entity, *kind;
} from_traffic[] = {{"address", "IP", "address"}, {"application", "APP", NULL}, {"group", "GROUP", NULL},
	{"netblock", "NETBLOCK", "netblock"}, {"mac", "MAC", "mac"}, {"interface", "IF", NULL},
	{"as", "ASN", "as"}};

static void
offer_traffic(struct request *r, struct offers *o, const char *type, int64_t from, int64_t to)
{
	for (unsigned i = 0; i < sizeof from_traffic / sizeof from_traffic[0]; i++) {
		if (strcmp(from_traffic[i].type, type) != 0)
			continue;
		if (from_traffic[i].kind)
			offer_names(r, o, from_traffic[i].kind);
		if (json_array_size(o->out) >= o->most)
			return;
		json_t *rows = bounded(r, from_traffic[i].entity, NULL, from, to);
		offer_list(o, rows, "key", "label");
		json_decref(rows);
	}
}

void
op_complete(struct request *r)
{
	const char *name = request_string(r, "field", ""), *prefix = request_string(r, "prefix", "");
	int64_t from, to;
	if (!frame(r, "1h", &from, &to))
		return;
	json_t *grammar = engine_grammar(r->server->parts.engine), *field = field_of(grammar, name);
	const char *type = json_string_value(json_object_get(field, "type"));
	if (type == NULL) {
		json_decref(grammar);
		request_error(r, "bad_request", "/field", "there is no filter field '%.64s'", name);
		return;
	}
	struct offers o = {.prefix = prefix,
		.n = strlen(prefix),
		.most = (unsigned)request_int(r, "most", 50),
		.out = json_array(),
		.seen = json_object()};
	offer_list(&o, json_object_get(field, "values"), "name", "help");
	if (strcmp(type, "country") == 0)
		offer_countries(&o);
	else if (strcasecmp(name, "EXPIP") == 0)
		offer_exporters(r, &o);
	else {
		if (strcmp(type, "group") == 0)
			offer_groups(r, &o);
		offer_traffic(r, &o, type, from, to);
		if (strcmp(type, "as") == 0)
			offer_as(r, &o);
	}
	json_decref(grammar);
	json_decref(o.seen);
	request_reply(r, json_pack("{s:o, s:b}", "values", o.out, "cut", (int)o.more));
}
