/*
 * nfdump.c - see nfdump.h.
 */
#include "proxy/nfdump.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/flow_key.h"
#include "common/names.h"

enum { SECOND = 1000000, QUARTER = 900 };

/* a line's cells, by their meaning */
struct cells {
	int64_t first, last, received, span; /* microseconds */
	uint8_t src[16], dst[16], next_hop[16], exporter[16];
	uint64_t sport, dport, proto, flags, fwd, tos, back_tos, packets, bytes, back_packets, back_bytes;
	uint64_t in_if, out_if, src_as, dst_as, src_mask, dst_mask, in_vlan, out_vlan, label, domain, flows;
	uint8_t src_mac[6], dst_mac[6];
};

enum kind { TIME, SPAN, ADDR, NUM, PORT, PROTO, FLAGS, MAC, LABEL, ENGINE };
static const struct row {
	const char *name;
	enum kind kind;
	size_t at;
} rows[] = {
#define NFDUMP(name, kind, field) {name, kind, offsetof(struct cells, field)},
#include "proxy/nfdump.def"
#undef NFDUMP
};
enum { ROWS = sizeof rows / sizeof rows[0] };
static_assert(ROWS <= 64, "`seen` has a bit for each");

/* ---- cells ------------------------------------------------------------------------------------ */

static bool
number(const char **s, uint64_t *out)
{
	const char *p = *s;
	uint64_t v = 0;
	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return false;
	bool any = p > *s;
	*s = p;
	*out = v;
	return any;
}

/* digits behind a dot, as microseconds; none: 0 */
static int64_t
fraction(const char **s)
{
	int64_t v = 0, each = SECOND;
	if (**s != '.')
		return 0;
	for (++*s; isdigit((unsigned char)**s); ++*s) {
		each /= 10;
		v += (**s - '0') * each;
	}
	return v;
}

static bool
fixed(const char **s, unsigned digits, char after, unsigned most, unsigned *out)
{
	*out = 0;
	for (; digits > 0; digits--, ++*s) {
		if (!isdigit((unsigned char)**s))
			return false;
		*out = *out * 10 + (unsigned)(**s - '0');
	}
	if (after && *(*s)++ != after)
		return false;
	return *out <= most;
}

/* days since 1970 of a date (Gregorian, proleptic): years begin in March, so that the leap day is the last */
static int64_t
days_of(unsigned year, unsigned month, unsigned day)
{
	int64_t y = (int64_t)year - (month <= 2);
	int64_t m = month > 2 ? month - 3 : month + 9;
	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static bool
time_of(struct nfdump *n, const char *s, int64_t *out)
{
	unsigned year, month, day, hour, minute, second;
	const char *p = s;
	uint64_t raw;
	if (fixed(&p, 4, '-', 9999, &year) && fixed(&p, 2, '-', 12, &month) && fixed(&p, 2, 0, 31, &day) &&
		(*p == ' ' || *p == 'T') && p++ && fixed(&p, 2, ':', 23, &hour) &&
		fixed(&p, 2, ':', 59, &minute) && fixed(&p, 2, 0, 60, &second) && year >= 1970 && month &&
		day) {
		int64_t local = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
		int64_t quarter = local / QUARTER + 1; /* offsets change on quarters; 0: nothing known */
		if (quarter != n->quarter) {
			n->offset = local - tz_to_utc(n->zone, local);
			n->quarter = quarter;
		}
		*out = (local - n->offset) * SECOND + fraction(&p);
		return *p == 0 && *out >= 0;
	}
	p = s;
	if (!number(&p, &raw) || raw > UINT32_MAX)
		return false;
	*out = (int64_t)raw * SECOND + fraction(&p);
	return *p == 0;
}

static bool
span_of(const char *s, int64_t *out)
{
	uint64_t v, whole = 0;
	do {
		if (!number(&s, &v) || v > UINT32_MAX)
			return false;
		whole = whole * 60 + v;
	} while (*s == ':' && s++ && whole < UINT32_MAX);
	*out = (int64_t)whole * SECOND + fraction(&s);
	return *s == 0;
}

static bool
flags_of(const char *s, uint64_t *out)
{
	static const char letters[] = "FSRPAUEC";
	char *end;
	*out = 0;
	if (isdigit((unsigned char)*s)) {
		*out = strtoull(s, &end, 0);
		return *end == 0 && *out <= UINT8_MAX;
	}
	for (; *s; s++) {
		const char *at = strchr(letters, *s);
		if (at)
			*out |= 1u << (at - letters);
		else if (*s != '.')
			return false;
	}
	return true;
}

static bool
mac_of(const char *s, uint8_t out[6])
{
	char *end;
	for (unsigned i = 0; i < 6; i++) {
		unsigned long v = strtoul(s, &end, 16);
		if (end == s || v > UINT8_MAX || *end != (i < 5 ? ':' : 0))
			return false;
		out[i] = (uint8_t)v;
		s = end + 1;
	}
	return true;
}

static bool
proto_of(const char *s, uint64_t *out)
{
	uint32_t v;
	if (isdigit((unsigned char)*s))
		return number(&s, out) && *s == 0 && *out <= UINT8_MAX;
	if (!names_number(NAMES_PROTOCOL, s, &v))
		return false;
	*out = v;
	return true;
}

static bool
cell(struct nfdump *n, const struct row *r, const char *s, struct cells *c)
{
	uint8_t *to = (uint8_t *)c + r->at;
	uint64_t v = 0, low;
	int64_t us = 0;
	bool good = false;
	switch (r->kind) {
	case ADDR:
		return addr_parse(s, to) == FT_OK;
	case MAC:
		return mac_of(s, to);
	case TIME:
		good = time_of(n, s, &us);
		memcpy(to, &us, sizeof us);
		return good;
	case SPAN:
		good = span_of(s, &us);
		memcpy(to, &us, sizeof us);
		return good;
	case NUM:
		good = number(&s, &v) && *s == 0;
		break;
	case PORT: /* type.code */
		good = number(&s, &v) && v <= UINT16_MAX;
		if (good && *s == '.' && s++) {
			good = number(&s, &low) && v <= UINT8_MAX && low <= UINT8_MAX;
			v = v << 8 | low;
		}
		good = good && *s == 0;
		break;
	case PROTO:
		good = proto_of(s, &v);
		break;
	case FLAGS:
		good = flags_of(s, &v);
		break;
	case LABEL:
		good = number(&s, &v) && (*s == '-' || *s == 0) && v < 1u << 20;
		break;
	case ENGINE:
		good = number(&s, &v) && v <= UINT8_MAX;
		if (good && *s == '/' && s++) {
			good = number(&s, &low) && low <= UINT8_MAX;
			v = v << 8 | low;
		}
		break;
	}
	memcpy(to, &v, sizeof v);
	return good;
}

/* ---- lines ------------------------------------------------------------------------------------ */

/* The next cell, spaces around it taken off; NULL: none is left. */
static char *
next_cell(char **at)
{
	char *s = *at, *end;
	if (s == NULL)
		return NULL;
	end = strchr(s, ',');
	*at = end ? end + 1 : NULL;
	end = end ? end : s + strlen(s);
	s += strspn(s, " \t");
	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	*end = 0;
	return s;
}

static bool
is_head(const char *line)
{
	return strncmp(line, "ts,", 3) == 0 || strncmp(line, "firstSeen,", 10) == 0 ||
	       strstr(line, ",srcAddr,") != NULL || strstr(line, ",sa,") != NULL;
}

static int
head(struct nfdump *n, char *line, struct err *err)
{
	static const char *const needed[][2] = {{"ts", "firstSeen"}, {"sa", "srcAddr"}, {"da", "dstAddr"},
		{"sp", "srcPort"}, {"dp", "dstPort"}, {"pr", "proto"}, {"ipkt", "packets"},
		{"ibyt", "bytes"}};
	uint64_t seen = 0;
	char *at = line, *s;
	for (n->columns = 0; (s = next_cell(&at)) != NULL && n->columns < NFDUMP_COLUMNS; n->columns++) {
		int *row = &n->column[n->columns];
		*row = -1;
		for (int i = 0; i < ROWS && *row < 0; i++)
			if (strcmp(rows[i].name, s) == 0)
				*row = i;
		if (*row >= 0)
			seen |= UINT64_C(1) << *row;
	}
	n->headed = true;
	for (unsigned k = 0; k < sizeof needed / sizeof needed[0]; k++) {
		size_t field = 0;
		bool there = false;
		for (int i = 0; i < ROWS; i++)
			if (strcmp(rows[i].name, needed[k][0]) == 0)
				field = rows[i].at;
		for (int i = 0; i < ROWS; i++)
			there |= (seen >> i & 1) && rows[i].at == field;
		if (!there)
			return err_set(
				err, FT_EINVAL, "there is no column %s (or %s)", needed[k][0], needed[k][1]);
	}
	return 0;
}

static bool
zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

/* not said: no column, 0.0.0.0 or :: */
static bool
no_addr(const uint8_t a[16])
{
	return zero(a, 16) || (addr_is_v4(a) && zero(a + 12, 4));
}

static void
extension(const struct cells *c, struct ft_flow *f, struct ft_flow_ext *x)
{
	if (!no_addr(c->next_hop)) {
		memcpy(x->next_hop, c->next_hop, 16);
		x->has |= FT_EXT_NEXT_HOP;
	}
	if (!zero(c->src_mac, 6) || !zero(c->dst_mac, 6)) {
		memcpy(x->src_mac, c->src_mac, 6);
		memcpy(x->dst_mac, c->dst_mac, 6);
		x->has |= FT_EXT_MAC;
	}
	if (c->label) {
		x->mpls_label = (uint32_t)c->label;
		x->has |= FT_EXT_MPLS;
	}
	if (c->fwd) {
		x->forwarding_status = (uint8_t)c->fwd;
		x->has |= FT_EXT_FWD;
	}
	f->bits |= x->has ? FT_FLOW_EXT : 0;
}

static void
attributes(const struct cells *c, struct ft_flow *f)
{
	f->in_if = (uint32_t)c->in_if;
	f->out_if = (uint32_t)c->out_if;
	f->src_as = (uint32_t)c->src_as;
	f->dst_as = (uint32_t)c->dst_as;
	f->src_mask = (uint8_t)c->src_mask;
	f->dst_mask = (uint8_t)c->dst_mask;
	f->in_vlan = (uint16_t)c->in_vlan;
	f->out_vlan = (uint16_t)c->out_vlan;
	f->tos = (uint8_t)c->tos;
	f->flags = (uint8_t)c->flags;
	f->domain = (uint32_t)c->domain;
	f->bits |= (c->in_if || c->out_if ? FT_FLOW_HAS_IF : 0) |
		   (c->in_vlan || c->out_vlan ? FT_FLOW_HAS_VLAN : 0) |
		   (c->out_vlan ? FT_FLOW_HAS_OUT_VLAN : 0) | (c->src_as || c->dst_as ? FT_FLOW_HAS_AS : 0) |
		   (c->src_mask || c->dst_mask ? FT_FLOW_HAS_MASK : 0) | FT_FLOW_HAS_TOS | FT_FLOW_HAS_FLAGS;
}

/* The other direction of a record that has both (nfdump -b and -B, and exporters of biflows). */
static void
turn_round(const struct cells *c, struct nfdump_flows *out)
{
	struct ft_flow *f = &out->f[1];
	const struct ft_flow *a = &out->f[0];
	*f = *a;
	memcpy(f->src, a->dst, 16);
	memcpy(f->dst, a->src, 16);
	f->bytes = c->back_bytes;
	f->packets = c->back_packets;
	f->tos = (uint8_t)c->back_tos;
	f->in_if = a->out_if;
	f->out_if = a->in_if;
	f->src_as = a->dst_as;
	f->dst_as = a->src_as;
	f->src_mask = a->dst_mask;
	f->dst_mask = a->src_mask;
	f->in_vlan = a->out_vlan;
	f->out_vlan = a->in_vlan;
	f->src_port = a->dst_port;
	f->dst_port = a->src_port;
	f->bits = (a->bits & ~(uint32_t)(FT_FLOW_EXT | FT_FLOW_SRC_CLIENT)) | FT_FLOW_REVERSE |
		  FT_FLOW_DST_CLIENT;
	out->n = 2;
}

static void
flow_of(const struct nfdump *n, const struct cells *c, bool seen_span, struct nfdump_flows *out)
{
	struct ft_flow *f = &out->f[0];
	memset(out, 0, sizeof *out);
	out->n = 1;
	memcpy(out->exporter, no_addr(c->exporter) ? n->exporter : c->exporter, 16);
	memcpy(f->src, c->src, 16);
	memcpy(f->dst, c->dst, 16);
	f->first_us = c->first;
	f->last_us = seen_span ? c->first + c->span : c->last;
	if (f->last_us < f->first_us)
		f->last_us = f->first_us;
	f->export_us = c->received ? c->received : f->last_us;
	f->bytes = c->bytes;
	f->packets = c->packets;
	f->proto = (uint8_t)c->proto;
	f->src_port = (uint16_t)c->sport;
	f->dst_port = (uint16_t)c->dport;
	f->version = 10;
	f->slots = 1;
	if (!addr_is_v4(f->src) || !addr_is_v4(f->dst))
		f->bits |= FT_FLOW_V6;
	attributes(c, f);
	if (c->proto == FLOW_PROTO_ICMP || c->proto == FLOW_PROTO_ICMP6) {
		f->bits |= FT_FLOW_ICMP;
		f->icmp_type = (uint8_t)(c->dport >> 8);
		f->icmp_code = (uint8_t)c->dport;
		f->src_port = 0;
	}
	if (c->back_packets || c->back_bytes) {
		f->bits |= FT_FLOW_SRC_CLIENT;
		turn_round(c, out);
	}
	extension(c, f, &out->x[0]);
}

/* numbers that are no such thing */
static const char *
too_large(const struct cells *c)
{
	return c->in_if > UINT32_MAX || c->out_if > UINT32_MAX                       ? "in, out"
	       : c->src_as > UINT32_MAX || c->dst_as > UINT32_MAX                    ? "sas, das"
	       : c->src_mask > 128 || c->dst_mask > 128                              ? "smk, dmk"
	       : c->in_vlan > UINT16_MAX || c->out_vlan > UINT16_MAX                 ? "svln, dvln"
	       : c->tos > UINT8_MAX || c->back_tos > UINT8_MAX || c->fwd > UINT8_MAX ? "stos, dtos, fwd"
	       : c->bytes > INT64_MAX || c->packets > INT64_MAX || c->back_bytes > INT64_MAX ||
			       c->back_packets > INT64_MAX
		       ? "ibyt, ipkt, obyt, opkt"
		       : NULL;
}

int
nfdump_line(struct nfdump *n, char *line, struct nfdump_flows *out, struct err *err)
{
	struct cells c = {.first = 0};
	bool span = false;
	line[strcspn(line, "\r\n")] = 0;
	if (is_head(line))
		return head(n, line, err);
	if (line[strspn(line, " \t")] == 0 || strcmp(line, "No matched flows") == 0)
		return 0;
	if (strncmp(line, "Summary", 7) == 0) {
		n->columns = 0;
		return 0;
	}
	if (n->columns == 0)
		return n->headed ? 0
				 : err_set(err, FT_EINVAL,
					   "the line of column names is missing: print it with "
					   "nfdump -o csv, without -q");
	char *at = line, *s;
	unsigned k = 0;
	for (; (s = next_cell(&at)) != NULL && k < n->columns; k++) {
		if (n->column[k] < 0)
			continue;
		const struct row *r = &rows[n->column[k]];
		if (!cell(n, r, s, &c))
			return err_set(err, FT_EINVAL, "column %s: '%.40s' can't be read%s", r->name, s,
				r->kind == NUM     ? " (nfdump -N prints plain numbers)"
				: r->kind == PROTO ? " (nfdump -N prints protocols as numbers)"
						   : "");
		span |= r->kind == SPAN;
	}
	if (k < n->columns)
		return err_set(err, FT_EINVAL, "%u columns, but %u names", k, n->columns);
	const char *wrong = too_large(&c);
	if (wrong)
		return err_set(err, FT_EINVAL, "columns %s: a number is too large", wrong);
	flow_of(n, &c, span, out);
	if (no_addr(out->exporter))
		return err_set(err, FT_EINVAL,
			"nothing says which exporter it was (column ra): name it with -e ADDRESS");
	return 1;
}
