/* Random filters, and what they mean. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "tests/unit/query_naive.h"

enum fop { F_AND, F_OR, F_XOR, F_NOT, F_TEST };
struct fnode {
	enum fop op;
	uint32_t n;
	struct fnode *child[3];
	/* test: the field holds if a number of it is in [lo, hi] of one of the ranges; text as in the filter */
	enum filter_field field;
	bool negate, bare;
	uint64_t lo[3], hi[3];
	uint32_t ranges;
	char text[200];
};

struct aggregate {
	uint64_t bytes[2], packets[2];
	int64_t start, end;
	uint32_t flags;
};

static int
pool_index(const uint8_t a[16])
{
	char text[ADDR_TEXT];
	addr_text(a, text);
	for (int i = 0; i < POOL; i++)
		if (strcmp(text, pool_text[i]) == 0)
			return i;
	return POOL;
}

static const char *const group_names[] = {"Office", "Office/Lab", "Officers", "DC"};
static uint64_t
group_number(const char *g)
{
	for (uint64_t i = 0; g != NULL && i < 4; i++)
		if (strcmp(g, group_names[i]) == 0)
			return i + 1;
	return 0;
}

/* numbers of a field in a slice, both sides of an either-side one; returns how many are present */
static int
numbers(const struct blockgen_slice *b, const struct aggregate *a, enum filter_field f, uint64_t out[2])
{
	const struct ft_slice *s = &b->s;
	int n = 0;
#define TAKE(when, v)                                                                                        \
	do {                                                                                                 \
		if (when)                                                                                    \
			out[n++] = (uint64_t)(v);                                                            \
	} while (0)
	bool cvlan = s->present & FT_HAS_CLIENT_VLAN, svlan = s->present & FT_HAS_SERVER_VLAN;
	bool iface = s->present & FT_HAS_IF;
	bool ctos = s->present & FT_HAS_CLIENT_TOS, stos = s->present & FT_HAS_SERVER_TOS;
	switch (f) {
	case FILTER_SRVIP:
		TAKE(1, pool_index(s->server));
		break;
	case FILTER_CLNIP:
		TAKE(1, pool_index(s->client));
		break;
	case FILTER_ADDR:
		TAKE(1, pool_index(s->client));
		TAKE(1, pool_index(s->server));
		break;
	case FILTER_SRVPORT:
		TAKE(1, s->server_port);
		break;
	case FILTER_CLNPORT:
		TAKE(1, s->client_port);
		break;
	case FILTER_PORT:
		TAKE(1, s->client_port);
		TAKE(1, s->server_port);
		break;
	case FILTER_PROTO:
		TAKE(1, s->proto);
		break;
	case FILTER_CLNPKTS:
		TAKE(1, a->packets[0]);
		break;
	case FILTER_SRVPKTS:
		TAKE(1, a->packets[1]);
		break;
	case FILTER_PACKETS:
		TAKE(1, a->packets[0]);
		TAKE(1, a->packets[1]);
		break;
	case FILTER_TOTPKTS:
		TAKE(1, a->packets[0] + a->packets[1]);
		break;
	case FILTER_CLNBYTS:
		TAKE(1, a->bytes[0]);
		break;
	case FILTER_SRVBYTS:
		TAKE(1, a->bytes[1]);
		break;
	case FILTER_BYTES:
		TAKE(1, a->bytes[0]);
		TAKE(1, a->bytes[1]);
		break;
	case FILTER_TOTBYTS:
		TAKE(1, a->bytes[0] + a->bytes[1]);
		break;
	case FILTER_TTIME:
		TAKE(1, a->end - a->start);
		break;
	case FILTER_START:
		TAKE(1, a->start);
		break;
	case FILTER_END:
		TAKE(1, a->end);
		break;
	case FILTER_TOS:
		TAKE(ctos, s->client_tos);
		TAKE(stos, s->server_tos);
		break;
	case FILTER_DSCP:
		TAKE(ctos, s->client_tos / 4);
		TAKE(stos, s->server_tos / 4);
		break;
	case FILTER_CLNCC:
		TAKE(1, b->client.country);
		break;
	case FILTER_CC:
		TAKE(1, b->client.country);
		TAKE(1, b->server.country);
		break;
	case FILTER_SRVAS:
		TAKE(1, s->server_as);
		break;
	case FILTER_ASN:
		TAKE(1, s->client_as);
		TAKE(1, s->server_as);
		break;
	case FILTER_GRP:
		TAKE(1, group_number(b->client.group));
		TAKE(1, group_number(b->server.group));
		break;
	case FILTER_CLNMASK:
		TAKE(s->present & FT_HAS_CLIENT_MASK, s->client_mask);
		break;
	case FILTER_INIF:
		TAKE(iface, s->in_if);
		break;
	case FILTER_IFACE:
		TAKE(iface, s->in_if);
		TAKE(iface, s->out_if);
		break;
	case FILTER_VLAN:
		TAKE(cvlan, s->client_vlan);
		TAKE(svlan, s->server_vlan);
		break;
	case FILTER_OUTVLAN:
		TAKE(svlan, s->server_vlan);
		break;
	case FILTER_MAC:
		TAKE(b->x.client_mac[0], b->x.client_mac[5]);
		TAKE(b->x.server_mac[0], b->x.server_mac[5]);
		break;
	case FILTER_MPLS:
		TAKE(s->present & FT_HAS_MPLS, b->x.mpls_label);
		break;
	case FILTER_ASAEVT:
		TAKE(s->present & FT_HAS_NSEL, b->x.nsel_event);
		break;
	case FILTER_NATPORT:
		TAKE(s->present & FT_HAS_NAT, b->x.nat_client_port);
		TAKE(s->present & FT_HAS_NAT, b->x.nat_server_port);
		break;
	case FILTER_ICMPTYPE:
		TAKE(s->proto == 1, s->server_port >> 8);
		break;
	case FILTER_DOMAIN:
		TAKE(1, s->domain);
		break;
	case FILTER_EXPV:
		TAKE(1, s->version);
		break;
	case FILTER_EXPIP:
		TAKE(1, b->exporter[15]);
		break;
	case FILTER_GUID:
		TAKE(1, b->guid[0]);
		break;
	case FILTER_SESSION:
		TAKE(1, s->session);
		break;
	default:
		break;
	}
	return n;
}

static bool
test_holds(const struct fnode *f, const struct blockgen_slice *b, const struct aggregate *a)
{
	uint64_t v[2];
	bool hit = false;
	if (f->field == FILTER_FLAGS) {
		for (uint32_t r = 0; r < f->ranges; r++)
			hit |= (a->flags & f->lo[r]) != 0;
	} else if (f->field == FILTER_APP) {
		/* 1 teams, 2 mail, 3 domain by port, 4 13:70; a number is one whether its name is known or not */
		bool id = (b->s.present & FT_HAS_APP) && (b->x.app & 255) == 70;
		uint64_t is = b->app_name                                 ? (b->app_name[0] == 't' ? 1u : 2u)
			      : b->s.present & FT_HAS_APP                 ? 0u
			      : b->s.server_port == 53 && b->s.proto != 1 ? 3u
									  : 0u;
		for (uint32_t r = 0; r < f->ranges; r++)
			hit |= f->lo[r] == is || (id && f->lo[r] == 4);
	} else {
		int n = numbers(b, a, f->field, v);
		for (int i = 0; i < n; i++)
			for (uint32_t r = 0; r < f->ranges; r++)
				hit |= f->lo[r] <= v[i] && v[i] <= f->hi[r];
	}
	return hit != f->negate;
}

static bool
holds(const struct fnode *f, const struct blockgen_slice *b, const struct aggregate *a)
{
	bool v = f->op == F_AND;
	switch (f->op) {
	case F_TEST:
		return test_holds(f, b, a);
	case F_NOT:
		return !holds(f->child[0], b, a);
	default:
		for (uint32_t i = 0; i < f->n; i++) {
			bool c = holds(f->child[i], b, a);
			v = f->op == F_AND ? v && c : f->op == F_OR ? v || c : v != c;
		}
		return v;
	}
}

void
naive_select(
	const struct corpus *c, const struct fnode *f, int64_t from, int64_t to, const bool *seen, bool *out)
{
	for (uint32_t i = 0; i < c->n; i++) {
		const struct ft_slice *me = &c->slice[i].s;
		struct aggregate a = {.start = INT64_MAX, .end = INT64_MIN};
		out[i] = seen[i] && me->first_us < to && me->last_us >= from;
		if (!out[i] || f == NULL)
			continue;
		for (uint32_t k = 0; k < c->n; k++) {
			const struct ft_slice *s = &c->slice[k].s;
			if (s->session != me->session || !seen[k] || s->first_us >= to || s->last_us < from)
				continue;
			a.bytes[0] += s->client_bytes;
			a.bytes[1] += s->server_bytes;
			a.packets[0] += s->client_packets;
			a.packets[1] += s->server_packets;
			a.flags |= s->client_flags | s->server_flags;
			int64_t start = s->state & FT_SLICE_FIRST ? s->first_us : s->start_us;
			a.start = start < a.start ? start : a.start;
			a.end = s->last_us > a.end ? s->last_us : a.end;
		}
		out[i] = holds(f, &c->slice[i], &a);
	}
}

/* ---- random ------------------------------------------------------------------------------------------ */

struct maker {
	struct dice *d;
	struct fnode *f;
	char *at;
	size_t left;
};
static void say(struct maker *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#include <stdarg.h>
static void
say(struct maker *m, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(m->at, m->left, fmt, ap);
	va_end(ap);
	m->at += n;
	m->left -= (size_t)n;
}
static void
range(struct maker *m, uint64_t lo, uint64_t hi)
{
	m->f->lo[m->f->ranges] = lo;
	m->f->hi[m->f->ranges++] = hi;
}

/* == != < <= > >= range in, over small numbers */
static void
ordered(struct maker *m, const char *name, enum filter_field field, uint64_t a, uint64_t b, const char *unit,
	uint64_t by)
{
	uint64_t lo = a < b ? a : b, hi = a < b ? b : a;
	m->f->field = field;
	switch (dice_below(m->d, 8)) {
	case 0:
		say(m, "%s == %" PRIu64 "%s", name, a, unit);
		range(m, a * by, a * by);
		break;
	case 1:
		say(m, "%s!=%" PRIu64 "%s", name, a, unit);
		range(m, a * by, a * by);
		m->f->negate = true;
		break;
	case 2:
		say(m, "%s < %" PRIu64 "%s", name, a, unit);
		if (a)
			range(m, 0, a * by - 1);
		break;
	case 3:
		say(m, "%s<=%" PRIu64 "%s", name, a, unit);
		range(m, 0, a * by);
		break;
	case 4:
		say(m, "%s > %" PRIu64 "%s", name, a, unit);
		range(m, a * by + 1, UINT64_MAX);
		break;
	case 5:
		say(m, "%s>=%" PRIu64 "%s", name, a, unit);
		range(m, a * by, UINT64_MAX);
		break;
	case 6:
		say(m, "%s in (%" PRIu64 "%s, %" PRIu64 "%s)", name, a, unit, b, unit);
		range(m, a * by, a * by);
		range(m, b * by, b * by);
		break;
	default:
		say(m, "%s not in (%" PRIu64 "%s-%" PRIu64 "%s)", name, lo, unit, hi, unit);
		range(m, lo * by, hi * by);
		m->f->negate = true;
	}
}

static void
addresses(struct maker *m)
{
	static const struct {
		const char *name;
		enum filter_field f;
	} fields[] = {
		{"SRVIP", FILTER_SRVIP}, {"clnip", FILTER_CLNIP}, {"ADDR", FILTER_ADDR}, {"IP", FILTER_ADDR}};
	static const struct {
		const char *net;
		const char *starts;
	} nets[] = {{"10.0.0.0/8", "10."}, {"10.0.0.0/24", "10.0.0."}, {"192.168.0.0/16", "192.168."},
		{"2001:db8::/32", "2001:db8:"}};
	uint32_t k = dice_below(m->d, 4), i = dice_below(m->d, POOL);
	bool not = dice_below(m->d, 4) == 0;
	m->f->field = fields[k].f;
	m->f->negate = not ;
	if (dice_below(m->d, 2)) {
		say(m, "%s %s %s", fields[k].name, not ? "!=" : "==", pool_text[i]);
		range(m, i, i);
		return;
	}
	const char *net = nets[i % 4].net, *starts = nets[i % 4].starts;
	say(m, "%s %s in (%s)", fields[k].name, not ? "not" : "", net);
	uint32_t lo = POOL, hi = 0; /* networks are runs of the pool */
	for (uint32_t p = 0; p < POOL; p++)
		if (strncmp(pool_text[p], starts, strlen(starts)) == 0) {
			lo = p < lo ? p : lo;
			hi = p;
		}
	range(m, lo, hi);
}

static void
words(struct maker *m)
{
	static const struct {
		enum filter_field f;
		const char *text;
		uint64_t lo, hi;
	} tests[] = {{FILTER_GRP, "GRP == Office", 1, 2}, {FILTER_GRP, "GRP == office/lab", 2, 2},
		{FILTER_GRP, "GRP == \"DC\"", 4, 4},
		{FILTER_CLNCC, "CLNCC == us", 'U' << 8 | 'S', 'U' << 8 | 'S'},
		{FILTER_CC, "CC == DE", 'D' << 8 | 'E', 'D' << 8 | 'E'}, {FILTER_CC, "CC == ??", 0, 0},
		{FILTER_MAC, "MAC == 02:00:00:00:00:01", 1, 1}, {FILTER_PROTO, "PROTO == tcp", 6, 6},
		{FILTER_PROTO, "PROTO == UDP", 17, 17}, {FILTER_PROTO, "PROTO == 1", 1, 1},
		{FILTER_FLAGS, "FSYN", 2, 2}, {FILTER_FLAGS, "FLAGS == FACK", 16, 16},
		{FILTER_FLAGS, "FLAGS == FFIN", 1, 1}, {FILTER_APP, "APP == teams", 1, 1},
		{FILTER_APP, "APP == MAIL", 2, 2}, {FILTER_APP, "APP == domain", 3, 3},
		{FILTER_APP, "APP == 13:70", 4, 4}, {FILTER_EXPIP, "EXPIP == 127.0.0.2", 2, 2},
		{FILTER_EXPV, "EXPV == ipfix", 10, 10},
		{FILTER_GUID, "01010101-0101-0101-0101-010101010101", 1, 1},
		{FILTER_ASAEVT, "ASAEVT == DELETED", 2, 2}, {FILTER_CLNMASK, "CLNMASK == 24", 24, 24},
		{FILTER_MPLS, "MPLS == 16", 16, 16}, {FILTER_ICMPTYPE, "ICMPTYPE == 8", 8, 8},
		{FILTER_PORT, "PORT == http", 80, 80}};
	uint32_t i = dice_below(m->d, sizeof tests / sizeof tests[0]);
	m->f->field = tests[i].f;
	range(m, tests[i].lo, tests[i].hi);
	say(m, "%s", tests[i].text);
}

static void
counters(struct maker *m)
{
	static const struct {
		const char *name;
		enum filter_field f;
	} fields[] = {{"CLNPKTS", FILTER_CLNPKTS}, {"SRVPKTS", FILTER_SRVPKTS}, {"PACKETS", FILTER_PACKETS},
		{"TOTPKTS", FILTER_TOTPKTS}, {"CLNBYTS", FILTER_CLNBYTS}, {"SRVBYTS", FILTER_SRVBYTS},
		{"BYTES", FILTER_BYTES}, {"TOTBYTS", FILTER_TOTBYTS}};
	uint32_t i = dice_below(m->d, 10);
	if (i == 8)
		ordered(m, "TTIME", FILTER_TTIME, dice_below(m->d, 40), dice_below(m->d, 40), "", 1000000);
	else if (i == 9) {
		uint64_t s = 1760000000 + dice_below(m->d, 130);
		ordered(m, dice_below(m->d, 2) ? "START" : "END", FILTER_END, s, s, "", 1000000);
		m->f->field = m->f->text[0] == 'S' ? FILTER_START : FILTER_END;
		if (strchr(m->f->text, '-')) { /* a range of times is not in the language */
			m->f->ranges = 0;
			m->at = m->f->text;
			m->left = sizeof m->f->text;
			m->f->negate = false;
			say(m, "%s > %" PRIu64, m->f->field == FILTER_START ? "START" : "END", s);
			range(m, s * 1000000 + 1, UINT64_MAX);
		}
	} else if (i < 4)
		ordered(m, fields[i].name, fields[i].f, dice_below(m->d, 40), dice_below(m->d, 40), "", 1);
	else
		ordered(m, fields[i].name, fields[i].f, dice_below(m->d, 9), dice_below(m->d, 9), "K", 1000);
}

static void
small(struct maker *m)
{
	static const struct {
		const char *name;
		enum filter_field f;
		uint64_t base, n;
	} fields[] = {{"SRVPORT", FILTER_SRVPORT, 0, 500}, {"CLNPORT", FILTER_CLNPORT, 40000, 4},
		{"PORT", FILTER_PORT, 40000, 4}, {"TOS", FILTER_TOS, 0, 200}, {"DSCP", FILTER_DSCP, 0, 40},
		{"SRVAS", FILTER_SRVAS, 64500, 3}, {"ASN", FILTER_ASN, 64500, 3}, {"INIF", FILTER_INIF, 1, 4},
		{"IFACE", FILTER_IFACE, 1, 4}, {"VLAN", FILTER_VLAN, 10, 3},
		{"OUTVLAN", FILTER_OUTVLAN, 10, 3}, {"NATPORT", FILTER_NATPORT, 1, 2},
		{"DOMAIN", FILTER_DOMAIN, 0, 2}};
	uint32_t i = dice_below(m->d, sizeof fields / sizeof fields[0]);
	uint64_t a = fields[i].base + dice_below(m->d, (uint32_t)fields[i].n);
	uint64_t b = fields[i].base + dice_below(m->d, (uint32_t)fields[i].n);
	ordered(m, fields[i].name, fields[i].f, a, b, "", 1);
}

struct fnode *
fnode_random(struct dice *d, unsigned depth, bool session_tests)
{
	struct fnode *f = calloc(1, sizeof *f);
	CHECK(f != NULL);
	uint32_t k = depth == 0 ? 0 : dice_below(d, 8);
	f->op = k < 3 ? F_TEST : k < 5 ? F_AND : k < 6 ? F_OR : k < 7 ? F_XOR : F_NOT;
	if (f->op == F_TEST) {
		struct maker m = {d, f, f->text, sizeof f->text};
		uint32_t what = dice_below(d, session_tests ? 5 : 4);
		if (what == 0)
			addresses(&m);
		else if (what == 1)
			words(&m);
		else if (what < 4)
			small(&m);
		else
			counters(&m);
		/* flags are the session's too */
		if (!session_tests && f->field == FILTER_FLAGS) {
			f->field = FILTER_PROTO;
			f->lo[0] = f->hi[0] = 6;
			snprintf(f->text, sizeof f->text, "PROTO == TCP");
		}
		return f;
	}
	f->n = f->op == F_NOT ? 1 : 2 + dice_below(d, 2);
	for (uint32_t i = 0; i < f->n; i++)
		f->child[i] = fnode_random(d, depth - 1, session_tests);
	return f;
}

void
fnode_text(const struct fnode *f, char *out, size_t n)
{
	static const char *const signs[] = {" && ", " or ", " ^| "};
	if (f->op == F_TEST) {
		snprintf(out, n, "%s", f->text);
		return;
	}
	size_t at = (size_t)snprintf(out, n, "%s(", f->op == F_NOT ? "!" : "");
	for (uint32_t i = 0; i < f->n; i++) {
		if (i > 0)
			at += (size_t)snprintf(out + at, n - at, "%s", signs[f->op]);
		fnode_text(f->child[i], out + at, n - at);
		at += strlen(out + at);
	}
	snprintf(out + at, n - at, ")");
}

void
fnode_free(struct fnode *f)
{
	if (f == NULL)
		return;
	for (uint32_t i = 0; i < f->n; i++)
		fnode_free(f->child[i]);
	free(f);
}

/* ---- either-side fields restrict the ranking -------------------------------------------------------- */

static int
field_of(const char *entity)
{
	static const struct {
		const char *entity;
		enum filter_field f;
	} list[] = {{"IP", FILTER_ADDR}, {"ASN", FILTER_ASN}, {"COUNTRY", FILTER_CC}, {"GROUP", FILTER_GRP},
		{"IF", FILTER_IFACE}, {"EXPIF", FILTER_IFACE}, {"VLAN", FILTER_VLAN}, {"MAC", FILTER_MAC}};
	for (unsigned i = 0; i < sizeof list / sizeof list[0]; i++)
		if (strncmp(entity, list[i].entity, strlen(list[i].entity)) == 0 &&
			(entity[strlen(list[i].entity)] == 0 ||
				strcmp(entity + strlen(list[i].entity), "PAIR") == 0))
			return (int)list[i].f;
	return -1;
}

/* 0: restricts nothing; else *hit says whether the key satisfies one of the tests */
static bool
walk(const struct fnode *f, bool negated, int field, uint64_t number, bool *hit)
{
	*hit = false;
	if (f->op == F_TEST) {
		if ((int)f->field != field || f->negate != negated)
			return false;
		for (uint32_t r = 0; r < f->ranges; r++)
			*hit |= f->lo[r] <= number && number <= f->hi[r];
		return true;
	}
	if (f->op == F_NOT)
		return walk(f->child[0], !negated, field, number, hit);
	if (f->op == F_XOR)
		return false;
	bool and = (f->op == F_AND) != negated, some = false, every = true, any_hit = false;
	for (uint32_t i = 0; i < f->n; i++) {
		bool h;
		bool r = walk(f->child[i], negated, field, number, &h);
		some |= r;
		every &= r;
		any_hit |= r && h;
	}
	*hit = any_hit;
	return and? some : every;
}

static uint64_t
key_number(const char *entity, const char *key)
{
	if (strncmp(entity, "IP", 2) == 0 || strncmp(entity, "EXPIF", 5) == 0) {
		for (uint64_t i = 0; entity[0] == 'I' && i < POOL; i++)
			if (strcmp(key, pool_text[i]) == 0)
				return i;
		const char *slash = strrchr(key, '/');
		return slash ? strtoull(slash + 1, NULL, 10) : POOL;
	}
	if (strncmp(entity, "COUNTRY", 7) == 0)
		return key[0] == '?' ? 0 : (uint64_t)key[0] << 8 | (uint64_t)key[1];
	if (strncmp(entity, "GROUP", 5) == 0)
		return group_number(key);
	if (strncmp(entity, "MAC", 3) == 0)
		return strtoull(key + 15, NULL, 16);
	return strtoull(key, NULL, 10);
}

bool
naive_restricts(const struct fnode *f, const char *entity)
{
	bool hit;
	return f != NULL && field_of(entity) >= 0 && walk(f, false, field_of(entity), 0, &hit);
}
bool
naive_permits(const struct fnode *f, const char *entity, const char *key)
{
	bool hit;
	if (strcmp(key, "-") == 0)
		return false;
	return !walk(f, false, field_of(entity), key_number(entity, key), &hit) || hit;
}
