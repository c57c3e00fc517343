/* What a view should answer, computed by going over all slices for everything. */
#include "tests/unit/query_naive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/addr.h"

static void
put(char out[128], const char *text)
{
	snprintf(out, 128, "%s", text);
}

static const char *
proto_name(unsigned p)
{
	return p == 6 ? "TCP" : p == 17 ? "UDP" : "ICMP";
}

static bool
mac_text(const uint8_t m[6], char *out)
{
	snprintf(out, 128, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	return m[0] != 0;
}

bool
naive_element(const struct blockgen_slice *b, const char *e, int side, char out[128])
{
	const struct ft_slice *s = &b->s;
	const uint8_t *address = side ? s->server : s->client;
	const struct blockgen_tags *t = side ? &b->server : &b->client;
	char text[ADDR_TEXT];
	bool flow = side ? s->server_flows > 0 : s->client_flows > 0;
	if (!strcmp(e, "IP")) {
		addr_text(address, out);
	} else if (!strcmp(e, "NETBLOCK")) {
		uint8_t net[16];
		if (t->net_bits == 255)
			return false;
		addr_mask(net, address, t->net_bits);
		addr_prefix_text(net, t->net_bits, out);
	} else if (!strcmp(e, "COUNTRY")) {
		if (t->country)
			snprintf(out, 128, "%c%c", t->country >> 8, t->country & 255);
		else
			put(out, "??");
	} else if (!strcmp(e, "ASN")) {
		snprintf(out, 128, "%u", side ? s->server_as : s->client_as);
	} else if (!strcmp(e, "GROUP")) {
		if (t->group == NULL)
			return false;
		put(out, t->group);
	} else if (!strcmp(e, "MAC")) {
		return mac_text(side ? b->x.server_mac : b->x.client_mac, out);
	} else if (!strcmp(e, "IF") || !strcmp(e, "EXPIF")) {
		if (!(s->present & FT_HAS_IF))
			return false;
		addr_text(b->exporter, text);
		snprintf(out, 128, "%s%s%u", e[0] == 'E' ? text : "", e[0] == 'E' ? "/" : "",
			side ? s->out_if : s->in_if);
	} else if (!strcmp(e, "VLAN")) {
		bool c = s->present & FT_HAS_CLIENT_VLAN, v = s->present & FT_HAS_SERVER_VLAN;
		if (!c && !v)
			return false;
		bool server = (side && v) || !c;
		snprintf(out, 128, "%u", server ? s->server_vlan : s->client_vlan);
	} else if (!strcmp(e, "SRCPORT") || !strcmp(e, "DSTPORT")) {
		bool server = (side == 1) != (e[0] == 'D');
		snprintf(out, 128, "%u", server ? s->server_port : s->client_port);
		return flow;
	} else if (!strcmp(e, "QOS")) {
		snprintf(out, 128, "%u", side ? s->server_tos : s->client_tos);
		return flow && (s->present & (side ? FT_HAS_SERVER_TOS : FT_HAS_CLIENT_TOS));
	} else if (!strcmp(e, "TCPFLAGS")) {
		snprintf(out, 128, "%u", side ? s->server_flags : s->client_flags);
		return flow && (s->present & FT_HAS_FLAGS) && s->proto == 6;
	} else if (!strcmp(e, "PORTPROTO")) {
		snprintf(out, 128, "%u/%s", s->server_port, proto_name(s->proto));
	} else if (!strcmp(e, "PROTO")) {
		put(out, proto_name(s->proto));
	} else if (!strcmp(e, "APP")) {
		if (b->app_name)
			put(out, b->app_name);
		else if (s->present & FT_HAS_APP)
			snprintf(out, 128, "13:%u", (unsigned)(b->x.app & 255));
		else if (s->server_port == 53)
			put(out, "domain");
		else if (s->server_port == 80 && s->proto == 6)
			put(out, "http");
		else
			snprintf(out, 128, "%u/%s", s->server_port, proto_name(s->proto));
	} else if (!strcmp(e, "EXPORTER")) {
		addr_text(b->exporter, out);
	} else if (!strcmp(e, "GUID")) {
		const uint8_t g = b->guid[0];
		snprintf(out, 128, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", g,
			g, g, g, g, g, g, g, g, g, g, g, g, g, g, g);
		return g != 0;
	} else if (!strcmp(e, "SERVICE")) {
		addr_text(s->server, text);
		snprintf(out, 128, strchr(text, ':') ? "[%s]:%u/%s" : "%s:%u/%s", text, s->server_port,
			proto_name(s->proto));
	} else
		CHECK(!"known element");
	return true;
}

enum class { TWO, PAIR, ONE, FLOW };
static enum class class_of(const char *e) {
	size_t n = strlen(e); static const char *const two[] = {"IP", "NETBLOCK", "COUNTRY", "ASN", "GROUP",
				      "MAC", "IF", "EXPIF", "VLAN"};
	static const char *const flow[] = {"SRCPORT", "DSTPORT", "QOS", "TCPFLAGS"};
	if (n > 4 && !strcmp(e + n - 4, "PAIR")) return PAIR;
	for (unsigned i = 0; i < 9; i++) if (!strcmp(e, two[i])) return TWO;
	for (unsigned i = 0; i < 4; i++) if (!strcmp(e, flow[i])) return FLOW;
	return ONE;
}

static uint32_t
row_at(struct naive *n, const char *a, const char *b)
{
	for (uint32_t i = 0; i < n->rows; i++)
		if (!strcmp(n->row[i].key[0], a) && !strcmp(n->row[i].key[1], b))
			return i;
	if (n->rows == n->room) {
		n->room = n->room ? n->room * 2 : 64;
		n->row = realloc(n->row, n->room * sizeof *n->row);
		CHECK(n->row != NULL);
	}
	memset(&n->row[n->rows], 0, sizeof n->row[0]);
	put(n->row[n->rows].key[0], a);
	put(n->row[n->rows].key[1], b);
	return n->rows++;
}

/* (row, tag, thing) seen at a time: counted once each, where it was first */
enum { T_INITIATED, T_ACCEPTED, T_VALUE };
struct seen {
	uint32_t row, tag;
	uint64_t thing;
	int64_t at;
};
struct seens {
	struct seen *list;
	size_t n, room;
};
static void
see(struct seens *s, uint32_t row, uint32_t tag, uint64_t thing, int64_t at)
{
	if (s->n == s->room) {
		s->room = s->room ? s->room * 2 : 1024;
		s->list = realloc(s->list, s->room * sizeof *s->list);
		CHECK(s->list != NULL);
	}
	s->list[s->n++] = (struct seen){row, tag, thing, at};
}
static int
by_thing(const void *x, const void *y)
{
	const struct seen *a = x, *b = y;
	if (a->row != b->row)
		return a->row < b->row ? -1 : 1;
	if (a->tag != b->tag)
		return a->tag < b->tag ? -1 : 1;
	if (a->thing != b->thing)
		return a->thing < b->thing ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

static uint64_t
until(uint64_t v, int64_t first, int64_t last, int64_t t)
{
	int64_t in = t - first;
	in = in < 0 ? 0 : in > last - first ? last - first : in;
	return (uint64_t)((unsigned __int128)v * (uint64_t)in / (uint64_t)(last - first));
}
static uint64_t
part(uint64_t v, const struct ft_slice *s, int64_t from, int64_t to)
{
	if (s->first_us == s->last_us)
		return s->first_us >= from && s->first_us < to ? v : 0;
	return until(v, s->first_us, s->last_us, to) - until(v, s->first_us, s->last_us, from);
}

struct run {
	struct naive *n;
	const struct naive_query *q;
	struct seens seen;
	char (*member)[128];
	uint32_t members;
};

static int64_t
slot_start(const struct naive_query *q, uint32_t i)
{
	return q->from + (int64_t)((unsigned __int128)(uint64_t)(q->to - q->from) * i / q->slots);
}
static uint32_t
slot_of(const struct naive_query *q, int64_t t)
{
	uint32_t i = 0;
	while (i + 1 < q->slots && slot_start(q, i + 1) <= t)
		i++;
	return i;
}

static void
add_value(struct run *r, uint32_t row, uint64_t v, const struct ft_slice *s)
{
	r->n->row[row].value += part(v, s, r->q->from, r->q->to);
	for (uint32_t i = 0; i < r->q->slots; i++)
		r->n->row[row].series[i] += part(v, s, slot_start(r->q, i), slot_start(r->q, i + 1));
}

static uint64_t
member_of(struct run *r, const char *text)
{
	for (uint32_t i = 0; i < r->members; i++)
		if (!strcmp(r->member[i], text))
			return i;
	r->member = realloc(r->member, (r->members + 1) * sizeof *r->member);
	CHECK(r->member != NULL);
	put(r->member[r->members], text);
	return r->members++;
}

/* the members of row in the flow of one direction; of two-sided entities the one at `end` */
static void
members(struct run *r, const struct blockgen_slice *b, uint32_t row, int dir, int end)
{
	const char *u = r->q->count + strlen("UNIQUE ");
	char text[128];
	enum class c = class_of(u);
	for (int side = 0; side < 2; side++) {
		if (c == TWO && end >= 0 && side != end)
			continue;
		if (c == FLOW && side != dir)
			continue;
		if (c == ONE && side == 1)
			continue;
		if (naive_element(b, u, side, text))
			see(&r->seen, row, T_VALUE, member_of(r, text), b->s.first_us);
	}
}

static uint64_t
amount(const struct naive_query *q, const struct ft_slice *s, int side)
{
	if (!strcmp(q->count, "PACKETS"))
		return side ? s->server_packets : s->client_packets;
	if (!strcmp(q->count, "UPDATES"))
		return side ? s->server_flows : s->client_flows;
	return side ? s->server_bytes : s->client_bytes;
}

/* side is what the entity sends: 0 the client's flow; me: is the entity the client (0), the server (1) */
static void
details(struct run *r, const struct ft_slice *s, uint32_t row, bool sends_client, bool sends_server,
	bool gets_client, bool gets_server)
{
	struct naive_row *w = &r->n->row[row];
	uint64_t cb = part(s->client_bytes, s, r->q->from, r->q->to),
		 sb = part(s->server_bytes, s, r->q->from, r->q->to);
	uint64_t cp = part(s->client_packets, s, r->q->from, r->q->to),
		 sp = part(s->server_packets, s, r->q->from, r->q->to);
	w->bytes[0] += (sends_client ? cb : 0) + (sends_server ? sb : 0);
	w->bytes[1] += (gets_client ? cb : 0) + (gets_server ? sb : 0);
	w->packets[0] += (sends_client ? cp : 0) + (sends_server ? sp : 0);
	w->packets[1] += (gets_client ? cp : 0) + (gets_server ? sp : 0);
}

static void
one_slice(struct run *r, const struct blockgen_slice *b)
{
	const struct naive_query *q = r->q;
	const struct ft_slice *s = &b->s;
	char e[64], key[2][128];
	enum class c = class_of(q->entity);
	bool sessions = !strcmp(q->count, "SESSIONS"), unique = !strncmp(q->count, "UNIQUE", 6);
	snprintf(e, sizeof e, "%s", q->entity);
	if (c == PAIR)
		e[strlen(e) - 4] = 0;
	if (!strcmp(e, "CLIENTSERVICE")) {
		addr_text(s->client, key[0]);
		naive_element(b, "SERVICE", 0, key[1]);
		uint32_t row = row_at(r->n, key[0], key[1]);
		details(r, s, row, true, false, false, true);
		see(&r->seen, row, T_INITIATED, s->session, s->first_us);
		see(&r->seen, row, T_ACCEPTED, s->session, s->first_us);
		if (sessions)
			see(&r->seen, row, T_VALUE, s->session, s->first_us);
		else if (unique) {
			if (s->client_flows)
				members(r, b, row, 0, -1);
			if (s->server_flows)
				members(r, b, row, 1, -1);
		} else {
			add_value(r, row, amount(q, s, 0), s);
			add_value(r, row, amount(q, s, 1), s);
		}
		return;
	}
	bool has[2] = {naive_element(b, e, 0, key[0]), false};
	has[1] = c == ONE ? false : naive_element(b, e, 1, key[1]);
	if (c == PAIR) {
		if (!has[0] && !has[1])
			return;
		for (int i = 0; i < 2; i++)
			if (!has[i])
				put(key[i], "-");
		bool client_first = strcmp(key[0], key[1]) <= 0;
		uint32_t row = client_first ? row_at(r->n, key[0], key[1]) : row_at(r->n, key[1], key[0]);
		details(r, s, row, client_first, !client_first, !client_first, client_first);
		see(&r->seen, row, client_first ? T_INITIATED : T_ACCEPTED, s->session, s->first_us);
		if (sessions)
			see(&r->seen, row, T_VALUE, s->session, s->first_us);
		else if (unique) {
			for (int dir = 0; dir < 2; dir++)
				if (dir ? s->server_flows : s->client_flows)
					members(r, b, row, dir, -1);
		} else {
			add_value(r, row, amount(q, s, 0), s);
			add_value(r, row, amount(q, s, 1), s);
		}
		return;
	}
	bool same = has[0] && has[1] && !strcmp(key[0], key[1]);
	for (int side = 0; side < 2; side++) {
		if (!has[side])
			continue;
		uint32_t row = row_at(r->n, key[side], "");
		if (c == TWO)
			details(r, s, row, side == 0, side == 1, side == 1, side == 0);
		else if (c == FLOW)
			details(r, s, row, side == 0, false, false, side == 1);
		else
			details(r, s, row, true, false, false, true);
		see(&r->seen, row, side ? T_ACCEPTED : T_INITIATED, s->session, s->first_us);
		if (c == ONE)
			see(&r->seen, row, T_ACCEPTED, s->session, s->first_us);
		bool sent = q->direction != QUERY_RECEIVED, received = q->direction != QUERY_SENT;
		if (sessions) {
			if (c != TWO || (side == 0 ? sent : received))
				see(&r->seen, row, T_VALUE, s->session, s->first_us);
		} else if (unique) {
			for (int dir = 0; dir < 2; dir++) {
				if (!(dir ? s->server_flows : s->client_flows))
					continue;
				if (c == FLOW && dir != side)
					continue;
				if (c == TWO && !(dir == side ? sent : received))
					continue;
				members(r, b, row, dir, c == TWO ? 1 - side : -1);
			}
		} else if (c == TWO) {
			/* total: once even if both sides are this entity */
			if (q->direction == QUERY_TOTAL) {
				if (side == 1 && same)
					continue;
				add_value(r, row, amount(q, s, 0), s);
				add_value(r, row, amount(q, s, 1), s);
			} else
				add_value(r, row, amount(q, s, sent ? side : 1 - side), s);
		} else if (c == FLOW)
			add_value(r, row, amount(q, s, side), s);
		else {
			add_value(r, row, amount(q, s, 0), s);
			add_value(r, row, amount(q, s, 1), s);
		}
	}
}

static int
best_first(const void *x, const void *y)
{
	const struct naive_row *a = x, *b = y;
	if (a->value != b->value)
		return a->value > b->value ? -1 : 1;
	int c = strcmp(a->key[0], b->key[0]);
	return c ? c : strcmp(a->key[1], b->key[1]);
}

static void
finish(struct run *r)
{
	struct naive *n = r->n;
	const struct naive_query *q = r->q;
	if (r->seen.n > 0)
		qsort(r->seen.list, r->seen.n, sizeof *r->seen.list, by_thing);
	for (size_t i = 0; i < r->seen.n; i++) {
		const struct seen *s = &r->seen.list[i];
		if (i > 0 && s[-1].row == s->row && s[-1].tag == s->tag && s[-1].thing == s->thing)
			continue;
		struct naive_row *w = &n->row[s->row];
		if (s->tag != T_VALUE)
			w->sessions[s->tag]++;
		else {
			w->value++;
			if (q->slots)
				w->series[slot_of(q, s->at)]++;
		}
	}
	/* rows that the filter restricts away, and those of nothing */
	bool pairs = class_of(q->entity) == PAIR;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < n->rows; i++) {
		bool ok = n->row[i].value > 0;
		if (ok && naive_restricts(q->filter, q->entity))
			ok = naive_permits(q->filter, q->entity, n->row[i].key[0]) ||
			     (pairs && naive_permits(q->filter, q->entity, n->row[i].key[1]));
		if (ok)
			n->row[kept++] = n->row[i];
	}
	n->rows = kept;
	if (kept > 0)
		qsort(n->row, kept, sizeof *n->row, best_first);
	if (!strcmp(q->count, "BITS"))
		for (uint32_t i = 0; i < kept; i++) {
			n->row[i].value *= 8;
			for (uint32_t k = 0; k < q->slots; k++)
				n->row[i].series[k] *= 8;
		}
}

void
naive_run(struct naive *out, const struct corpus *c, const struct naive_query *q)
{
	struct run r = {.n = out, .q = q};
	struct seens ids = {0};
	bool *all = malloc(c->n), *user = malloc(c->n);
	*out = (struct naive){.selected = malloc(c->n)};
	CHECK(all && user && out->selected);
	memset(all, 1, c->n);
	naive_select(c, q->user, q->from, q->to, all, user);
	naive_select(c, q->filter, q->from, q->to, user, out->selected);
	for (uint32_t i = 0; i < c->n; i++) {
		const struct ft_slice *s = &c->slice[i].s;
		if (!out->selected[i])
			continue;
		out->bytes +=
			part(s->client_bytes, s, q->from, q->to) + part(s->server_bytes, s, q->from, q->to);
		out->packets += part(s->client_packets, s, q->from, q->to) +
				part(s->server_packets, s, q->from, q->to);
		out->flows +=
			part(s->client_flows, s, q->from, q->to) + part(s->server_flows, s, q->from, q->to);
		see(&ids, 0, 0, s->session, 0);
		if (q->entity)
			one_slice(&r, &c->slice[i]);
	}
	if (ids.n > 0)
		qsort(ids.list, ids.n, sizeof *ids.list, by_thing);
	for (size_t i = 0; i < ids.n; i++)
		out->sessions += i == 0 || ids.list[i].thing != ids.list[i - 1].thing;
	if (q->entity)
		finish(&r);
	free(ids.list);
	free(r.seen.list);
	free(r.member);
	free(all);
	free(user);
}

void
naive_free(struct naive *n)
{
	free(n->row);
	free(n->selected);
}
