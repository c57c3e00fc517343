/*
 * filter_value.c - values of the filter language: what each type of field accepts.
 */
#include "common/filter.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/addr.h"
#include "common/guid.h"
#include "common/names.h"

static const struct {
	const char *expects;
	bool ordered;
} types[FILTER_TYPES] = {
	[FILTER_T_ADDR] =
		{"an address, a network such as 10.0.0.0/8, a host name or a friendly name in quotes", false},
	[FILTER_T_PORT] = {"a port from 0 to 65535, a range such as 1-1023 or a service name", true},
	[FILTER_T_PROTO] = {"a protocol: TCP, UDP, ICMP … or a number up to 255", true},
	[FILTER_T_COUNT] = {"a number, with K, M, G or T if wanted", true},
	[FILTER_T_SECONDS] = {"a number of seconds", true},
	[FILTER_T_NUMBER] = {"a number", true},
	[FILTER_T_COUNTRY] = {"a country code of two letters, or ?? for unknown", false},
	[FILTER_T_AS] = {"an AS number or name", true},
	[FILTER_T_GROUP] = {"a traffic group such as Office/Printers", false},
	[FILTER_T_BLOCK] = {"a netblock such as 10.1.0.0/16", false},
	[FILTER_T_MAC] = {"a MAC address such as 00:11:22:33:44:55", false},
	[FILTER_T_FLAGS] = {"one of FSYN FACK FRST FFIN FPSH FURG FECN FCWR", false},
	[FILTER_T_APP] = {"an application name, or ENGINE:ID", false},
	[FILTER_T_NSEL] = {"a firewall event: CREATED, DELETED, DENIED, ALERT, UPDATE or a number", true},
	[FILTER_T_NSELEXT] = {"an extended firewall event: a number or a name such as INGRESSACL", true},
	[FILTER_T_TIME] = {"a time such as 2026-11-24T12:00:00Z, \"11/24/26 12:00:00\" or seconds since 1970",
		true},
	[FILTER_T_VERSION] = {"an export version: 1 5 7 9 10 18 20 21 or nf1 nf5 nf7 nf9 ipfix sf2 sf4 sf5",
		true},
	[FILTER_T_GUID] = {"a GUID such as 01234567-89ab-cdef-0123-456789abcdef", false},
	[FILTER_T_RULE] = {"a direction rule: exporter, syn, icmp, service, time, port, only or a number",
		true},
	[FILTER_T_ELEMENT] = {"a value of the element", true},
	[FILTER_T_IFACE] = {"an interface: its index, or a name such as Gi0/1 or \"ge-*\"", true},
	[FILTER_T_VRF] = {"a VRF: its id, or a name such as customer-a or \"cust*\"", true},
	[FILTER_T_ROLE] = {"a role: external, internal or unknown", false},
	[FILTER_T_END] = {"an end reason: fin, rst, timeout, toolong, evicted, new, exporter or a number",
		true},
};

const char *
filter_type_expects(enum filter_type type)
{
	return types[type].expects;
}
bool
filter_type_ordered(enum filter_type type)
{
	return types[type].ordered;
}

/* digits [. digits] [K M G T], times scale; advances *s.  A fraction that does not come out even is cut. */
static bool
number(const char **s, uint64_t scale, bool suffix, uint64_t *out)
{
	const char *p = *s;
	if (!isdigit((unsigned char)*p))
		return false;
	unsigned __int128 v = 0, fraction = 0, unit = 1;
	for (; isdigit((unsigned char)*p); p++) {
		v = v * 10 + (unsigned)(*p - '0');
		if (v > UINT64_MAX)
			return false;
	}
	if (*p == '.' && isdigit((unsigned char)p[1]) && (scale > 1 || suffix)) {
		for (p++; isdigit((unsigned char)*p); p++)
			if (unit < 1000000000000u) {
				fraction = fraction * 10 + (unsigned)(*p - '0');
				unit *= 10;
			}
	}
	unsigned __int128 by = scale;
	const char *letters = "KMGT", *l;
	if (suffix && *p != 0 && (l = strchr(letters, toupper((unsigned char)*p))) != NULL) {
		for (; l >= letters; l--)
			by *= 1000;
		p++;
	}
	v = v * by + fraction * by / unit;
	if (v > UINT64_MAX)
		return false;
	*s = p;
	*out = (uint64_t)v;
	return true;
}

/* a number or lo-hi, nothing after it */
static bool
range(const char *word, uint64_t scale, bool suffix, uint64_t most, struct filter_value *out)
{
	const char *s = word;
	if (!number(&s, scale, suffix, &out->lo))
		return false;
	out->hi = out->lo;
	if (*s == '-') {
		s++;
		if (!number(&s, scale, suffix, &out->hi))
			return false;
	}
	out->kind = FILTER_V_RANGE;
	return *s == 0 && out->lo <= out->hi && out->hi <= most;
}

static bool
one(struct filter_value *out, uint64_t v)
{
	out->kind = FILTER_V_RANGE;
	out->lo = out->hi = v;
	return true;
}

static bool
is_name(const char *word, const char *extra)
{
	for (const char *s = word; *s; s++)
		if (!isalnum((unsigned char)*s) && (unsigned char)*s < 0x80 && !strchr(extra, *s))
			return false;
	return *word != 0;
}

static bool
is_host_name(const char *word)
{
	if (!is_name(word, "-._") || strlen(word) > 253 || word[0] == '.' || word[0] == '-')
		return false;
	for (const char *s = word; *s; s++)
		if (isalpha((unsigned char)*s) || (unsigned char)*s >= 0x80)
			return true;
	return false; /* digits and dots: an address that is not one */
}

static bool
named(enum names_kind kind, const char *word, struct filter_value *out)
{
	uint32_t n;
	return names_number(kind, word, &n) && one(out, n);
}

static bool
hex(const char *s, unsigned n, uint8_t *out)
{
	for (unsigned i = 0; i < n; i++) {
		char two[3] = {s[2 * i], s[2 * i] ? s[2 * i + 1] : 0, 0};
		if (!isxdigit((unsigned char)two[0]) || !isxdigit((unsigned char)two[1]))
			return false;
		unsigned v = 0;
		for (unsigned k = 0; k < 2; k++)
			v = v * 16 + (unsigned)(isdigit((unsigned char)two[k]) ? two[k] - '0'
									       : (two[k] | 32) - 'a' + 10);
		out[i] = (uint8_t)v;
	}
	return true;
}

static bool
mac(const char *word, struct filter_value *out)
{
	size_t n = strlen(word);
	if (n != 17)
		return false;
	for (unsigned i = 0; i < 6; i++)
		if (!hex(word + 3 * i, 1, out->bytes + i) ||
			(i < 5 && word[3 * i + 2] != ':' && word[3 * i + 2] != '-'))
			return false;
	out->kind = FILTER_V_PREFIX;
	out->bits = 48;
	return true;
}

static bool
guid(const char *word, struct filter_value *out)
{
	if (strlen(word) != 36 || word[8] != '-' || word[13] != '-' || word[18] != '-' || word[23] != '-')
		return false;
	out->kind = FILTER_V_PREFIX;
	out->bits = 128;
	return guid_parse(word, out->bytes) == 0;
}

/* n digits as a number */
static bool
digits(const char **s, unsigned least, unsigned most, int *out)
{
	unsigned n = 0;
	*out = 0;
	for (; n < most && isdigit((unsigned char)**s); n++, (*s)++)
		*out = *out * 10 + (**s - '0');
	return n >= least;
}
static bool
mark(const char **s, const char *any)
{
	if (**s == 0 || !strchr(any, **s))
		return false;
	(*s)++;
	return true;
}

/* years have four digits: what is later could not be written out and read again */
static const int64_t last_second = INT64_C(253402300799); /* 9999-12-31T23:59:59Z */

/* ISO 8601 or the manual's MM/DD/YY, then hh:mm[:ss[.micros]] and a zone; UTC without one */
static bool
time_of(const char *s, struct filter_value *out)
{
	struct tm t = {0};
	int year = 0, month = 0, micros = 0, zone = 0;
	if (isdigit((unsigned char)s[0]) && isdigit((unsigned char)s[1]) && s[2] == '/') {
		if (!digits(&s, 2, 2, &month) || !mark(&s, "/") || !digits(&s, 2, 2, &t.tm_mday) ||
			!mark(&s, "/") || !digits(&s, 2, 4, &year))
			return false;
		if (year < 100)
			year += year < 70 ? 2000 : 1900;
	} else if (!digits(&s, 4, 4, &year) || !mark(&s, "-") || !digits(&s, 2, 2, &month) ||
		   !mark(&s, "-") || !digits(&s, 2, 2, &t.tm_mday))
		return false;
	if (*s != 0) {
		if (!mark(&s, "T t") || !digits(&s, 2, 2, &t.tm_hour) || !mark(&s, ":") ||
			!digits(&s, 2, 2, &t.tm_min))
			return false;
		if (*s == ':' && (s++, !digits(&s, 2, 2, &t.tm_sec)))
			return false;
		if (*s == '.') {
			s++;
			int unit = 100000;
			if (!isdigit((unsigned char)*s))
				return false;
			for (; isdigit((unsigned char)*s); s++, unit /= 10)
				micros += (*s - '0') * unit;
		}
		if (*s == 'Z' || *s == 'z')
			s++;
		else if (*s == '+' || *s == '-') {
			int sign = *s++ == '-' ? -1 : 1, h, m = 0;
			if (!digits(&s, 2, 2, &h) ||
				((*s == ':' || isdigit((unsigned char)*s)) &&
					((void)(*s == ':' && s++), !digits(&s, 2, 2, &m))))
				return false;
			zone = sign * (h * 60 + m) * 60;
		}
	}
	if (*s != 0 || month < 1 || month > 12 || t.tm_mday < 1 || t.tm_mday > 31 || t.tm_hour > 23 ||
		t.tm_min > 59 || t.tm_sec > 60 || year < 1970 || year > 9999)
		return false;
	t.tm_year = year - 1900;
	t.tm_mon = month - 1;
	int64_t seconds = (int64_t)timegm(&t) - zone;
	return seconds >= 0 && seconds <= last_second &&
	       one(out, (uint64_t)seconds * 1000000 + (uint64_t)micros);
}

static bool
time_value(const char *word, struct filter_value *out)
{
	const char *s = word;
	uint64_t v;
	if (number(&s, 1000000, false, &v) && *s == 0 && strlen(word) > 6)
		return v / 1000000 <= (uint64_t)last_second && one(out, v);
	return time_of(word, out);
}

static bool
country(const char *word, struct filter_value *out)
{
	if (strcmp(word, "??") == 0)
		return one(out, 0);
	if (strlen(word) != 2 || !isalpha((unsigned char)word[0]) || !isalpha((unsigned char)word[1]))
		return false;
	return one(out,
		(uint64_t)toupper((unsigned char)word[0]) << 8 | (uint64_t)toupper((unsigned char)word[1]));
}

static bool
address(enum filter_type type, const char *word, struct filter_value *out)
{
	if (addr_parse_prefix(word, out->bytes, &out->bits) != 0)
		return false;
	out->kind = FILTER_V_PREFIX;
	addr_mask(out->bytes, out->bytes, out->bits);
	return type == FILTER_T_ADDR || strchr(word, '/') != NULL;
}

static bool
word_of(struct arena *a, const char *word, struct filter_value *out, bool *full)
{
	out->kind = FILTER_V_WORD;
	out->word = arena_strdup(a, word);
	*full = out->word == NULL;
	return out->word != NULL;
}

/* "13:80": application of an engine (RFC 6759) */
static bool
app_id(const char *word, struct filter_value *out)
{
	const char *s = word;
	uint64_t engine, id;
	if (!number(&s, 1, false, &engine) || *s++ != ':' || !number(&s, 1, false, &id) || *s != 0)
		return false;
	return engine <= 255 && id < (1ull << 56) && one(out, engine << 56 | id);
}

static bool
value_of(struct arena *a, const struct filter_field_info *f, const char *w, bool quoted,
	struct filter_value *out, bool *full)
{
	switch (f->type) {
	case FILTER_T_ADDR:
		return address(f->type, w, out) ||
		       ((is_host_name(w) || (quoted && *w != 0)) && word_of(a, w, out, full));
	case FILTER_T_BLOCK:
		return address(f->type, w, out);
	case FILTER_T_PORT:
		return range(w, 1, false, f->most, out) ||
		       (!isdigit((unsigned char)w[0]) && is_name(w, "-_.+/*") && word_of(a, w, out, full));
	case FILTER_T_PROTO:
		return named(NAMES_PROTOCOL, w, out) || range(w, 1, false, f->most, out);
	case FILTER_T_COUNT:
		return range(w, 1, true, f->most, out);
	case FILTER_T_SECONDS:
		return range(w, 1000000, false, INT64_MAX, out);
	case FILTER_T_NUMBER:
		return range(w, 1, false, f->most, out);
	case FILTER_T_COUNTRY:
		return country(w, out);
	case FILTER_T_AS: {
		const char *digits_at = !quoted && strncasecmp(w, "AS", 2) == 0 ? w + 2 : w;
		return range(digits_at, 1, false, f->most, out) ||
		       (!isdigit((unsigned char)w[0]) && *w != 0 && word_of(a, w, out, full));
	}
	case FILTER_T_GROUP:
		return *w != 0 && word_of(a, w, out, full);
	case FILTER_T_MAC:
		return mac(w, out);
	case FILTER_T_FLAGS:
		return named(NAMES_TCPFLAG, w, out);
	case FILTER_T_APP:
		return (!quoted && app_id(w, out)) || (*w != 0 && word_of(a, w, out, full));
	case FILTER_T_NSEL:
		return named(NAMES_NSEL, w, out) || range(w, 1, false, f->most, out);
	case FILTER_T_NSELEXT:
		return named(NAMES_NSELEXT, w, out) || range(w, 1, false, f->most, out);
	case FILTER_T_TIME:
		return time_value(w, out);
	case FILTER_T_VERSION:
		return named(NAMES_VERSION, w, out) || range(w, 1, false, f->most, out);
	case FILTER_T_GUID:
		return guid(w, out);
	case FILTER_T_RULE:
		return named(NAMES_RULE, w, out) || range(w, 1, false, f->most, out);
	case FILTER_T_IFACE:
	case FILTER_T_VRF:
		return (!quoted && range(w, 1, false, f->most, out)) || (*w != 0 && word_of(a, w, out, full));
	case FILTER_T_ROLE:
		return named(NAMES_ROLE, w, out);
	case FILTER_T_END:
		return named(NAMES_END, w, out) || range(w, 1, false, f->most, out);
	case FILTER_T_ELEMENT: /* depends on the element: filter.c */
	case FILTER_TYPES:
		break;
	}
	return false;
}

int
filter_value_parse(struct arena *a, enum filter_field field, const char *word, bool quoted,
	struct filter_value *out, struct err *err)
{
	const struct filter_field_info *f = filter_field_info(field);
	bool full = false;
	*out = (struct filter_value){0};
	if (value_of(a, f, word, quoted, out, &full))
		return 0;
	if (full)
		return FT_EFULL;
	*out = (struct filter_value){0};
	if (f->type == FILTER_T_NUMBER && f->most < UINT64_MAX)
		return err_set(err, FT_EINVAL, "a number from 0 to %llu, or a range such as 1-%llu",
			(unsigned long long)f->most, (unsigned long long)f->most);
	return err_set(err, FT_EINVAL, "%s", types[f->type].expects);
}
