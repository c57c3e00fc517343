/*
 * ie_value.c - values of information elements (ie.h): as JSON, and compared with what a filter says.
 *
 * Numbers come in reduced sizes (RFC 7011 section 6.2), so a value's length says nothing about its type: 1-8 bytes are
 * a number, 4 or 8 a float, 4 or 16 an address.  A value of a length its type does not have is shown in hexadecimal
 * digits, and matches nothing but octets.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/addr.h"
#include "common/element_list.h"
#include "common/ie.h"

#define SIGN (UINT64_C(1) << 63)

/* ---- reading ---------------------------------------------------------------------------------- */

static bool
as_unsigned(const uint8_t *p, size_t n, uint64_t *out)
{
	if (n == 0 || n > 8)
		return false;
	*out = 0;
	for (size_t i = 0; i < n; i++)
		*out = *out << 8 | p[i];
	return true;
}

static bool
as_signed(const uint8_t *p, size_t n, int64_t *out)
{
	uint64_t v;
	if (!as_unsigned(p, n, &v))
		return false;
	if (n < 8 && (p[0] & 0x80))
		v |= UINT64_MAX << (8 * n);
	*out = (int64_t)v;
	return true;
}

static bool
as_float(const uint8_t *p, size_t n, double *out)
{
	uint64_t v;
	if ((n != 4 && n != 8) || !as_unsigned(p, n, &v))
		return false;
	if (n == 4) {
		uint32_t half = (uint32_t)v;
		float f;
		memcpy(&f, &half, 4);
		*out = (double)f;
	} else
		memcpy(out, &v, 8);
	return true;
}

static bool
as_address(const uint8_t *p, size_t n, uint8_t out[16])
{
	if (n == 4)
		addr_from_v4(out, p);
	else if (n == 16)
		memcpy(out, p, 16);
	return n == 4 || n == 16;
}

/* seconds since 1900 and a fraction, as microseconds since 1970 */
static bool
as_time(const uint8_t *p, size_t n, uint64_t *out)
{
	uint64_t v;
	const uint64_t epoch = UINT64_C(2208988800);
	if (n != 8 || !as_unsigned(p, n, &v) || v >> 32 < epoch)
		return false;
	*out = ((v >> 32) - epoch) * 1000000 + (((v & UINT32_MAX) * 1000000) >> 32);
	return true;
}

/* some exporters pad strings with NULs */
static size_t
text_length(const uint8_t *p, size_t n)
{
	while (n > 0 && p[n - 1] == 0)
		n--;
	return n;
}

/* ---- as JSON ---------------------------------------------------------------------------------- */

/* bytes of the UTF-8 sequence at s (RFC 3629 section 4), 0 if it is none */
static size_t
utf8(const uint8_t *s, size_t left)
{
	size_t n = s[0] < 0x80                   ? 1
		   : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		   : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
		   : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
						 : 0;
	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	bool odd = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
		   (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90);
	return odd ? 0 : n;
}

static bool
is_text(const uint8_t *p, size_t n)
{
	for (size_t i = 0, k; i < n; i += k)
		if ((k = utf8(p + i, n - i)) == 0)
			return false;
	return true;
}

static size_t
put_hex(const uint8_t *p, size_t n, char *out)
{
	static const char hex[] = "0123456789abcdef";
	size_t at = 0;
	out[at++] = '"';
	for (size_t i = 0; i < n; i++) {
		out[at++] = hex[p[i] >> 4];
		out[at++] = hex[p[i] & 15];
	}
	out[at++] = '"';
	return at;
}

static size_t
put_text(const uint8_t *p, size_t n, char *out)
{
	size_t at = 0;
	out[at++] = '"';
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '"' || p[i] == '\\') {
			out[at++] = '\\';
			out[at++] = (char)p[i];
		} else if (p[i] < 0x20 || p[i] == 0x7f)
			at += (size_t)snprintf(out + at, 8, "\\u%04x", p[i]);
		else
			out[at++] = (char)p[i];
	}
	out[at++] = '"';
	return at;
}

/* few enough digits to be read, enough to come back as the same number */
static size_t
put_float(double v, bool narrow, char *out)
{
	if (isnan(v) || isinf(v))
		return (size_t)snprintf(out, 16, "\"%s\"",
			isnan(v) ? "NaN"
			: v < 0  ? "-Infinity"
				 : "Infinity");
	for (int digits = narrow ? 6 : 15; digits <= 17; digits++) {
		int n = snprintf(out, 40, "%.*g", digits, v);
		if (narrow ? strtof(out, NULL) == (float)v : strtod(out, NULL) == v)
			return (size_t)n;
	}
	return strlen(out);
}

/* beyond what readers of JSON take for an integer it is a string */
static size_t
put_unsigned(uint64_t v, char *out)
{
	return (size_t)snprintf(out, 24, v > INT64_MAX ? "\"%" PRIu64 "\"" : "%" PRIu64, v);
}

size_t
ie_value_json(enum ie_type type, const uint8_t *p, size_t n, char *out, size_t room)
{
	uint64_t u;
	int64_t i;
	double d;
	uint8_t a[16];
	if (room < 6 * n + 64)
		return 0;
	switch (type) {
	case IE_UNSIGNED:
	case IE_UNKNOWN:
		if (as_unsigned(p, n, &u))
			return put_unsigned(u, out);
		break;
	case IE_SIGNED:
		if (as_signed(p, n, &i))
			return (size_t)snprintf(out, 24, "%" PRId64, i);
		break;
	case IE_FLOAT:
		if (as_float(p, n, &d))
			return put_float(d, n == 4, out);
		break;
	case IE_ADDRESS:
		if (as_address(p, n, a)) {
			char text[ADDR_TEXT];
			addr_text(a, text);
			return (size_t)snprintf(out, sizeof text + 2, "\"%s\"", text);
		}
		break;
	case IE_MAC:
		if (n == 6)
			return (size_t)snprintf(out, 24, "\"%02x:%02x:%02x:%02x:%02x:%02x\"", p[0], p[1],
				p[2], p[3], p[4], p[5]);
		break;
	case IE_STRING:
		if (is_text(p, text_length(p, n)))
			return put_text(p, text_length(p, n), out);
		break;
	case IE_BOOLEAN: /* RFC 7011 section 6.1.5: 1 true, 2 false */
		if (n == 1 && (p[0] == 1 || p[0] == 2))
			return (size_t)snprintf(out, 8, p[0] == 1 ? "true" : "false");
		if (as_unsigned(p, n, &u))
			return put_unsigned(u, out);
		break;
	case IE_NTP:
		if (as_time(p, n, &u))
			return put_unsigned(u, out);
		break;
	default:
		break;
	}
	return put_hex(p, n, out);
}

static size_t
put_name(const struct kept_element *e, char *out)
{
	char name[IE_NAME];
	size_t n = ie_name(e->pen, e->id, name);
	out[0] = '"';
	memcpy(out + 1, name, n);
	memcpy(out + 1 + n, "\":", 2);
	return n + 3;
}

/* the other direction's value of the element before `at`, if there is one after it */
static bool
other_said(const uint8_t *list, size_t n, size_t at, const struct kept_element *e, struct kept_element *other)
{
	while (element_next(list, n, &at, other))
		if (other->id == e->id && other->pen == e->pen && !(other->said & e->said))
			return true;
	return false;
}

static bool
told_before(const uint8_t *list, size_t before, const struct kept_element *e)
{
	struct kept_element k;
	for (size_t at = 0; at < before && element_next(list, before, &at, &k);)
		if (k.id == e->id && k.pen == e->pen)
			return true;
	return false;
}

size_t
ie_list_json(const uint8_t *list, size_t n, char *out, size_t room)
{
	struct kept_element e, other;
	size_t at = 0, used = 0;
	for (size_t begin = 0; element_next(list, n, &at, &e); begin = at) {
		if (told_before(list, begin, &e))
			continue;
		bool two = other_said(list, n, at, &e, &other);
		size_t most =
			IE_NAME + 8 + 6 * (size_t)e.bytes + 64 + (two ? 6 * (size_t)other.bytes + 64 : 0);
		if (used + most + 1 > room)
			break;
		enum ie_type type = ie_type(e.pen, e.id);
		out[used] = used == 0 ? '{' : ',';
		used++;
		used += put_name(&e, out + used);
		if (two) {
			const struct kept_element *c = e.said & FT_SAID_A ? &e : &other,
						  *s = c == &e ? &other : &e;
			out[used++] = '[';
			used += ie_value_json(type, c->value, c->bytes, out + used, room - used);
			out[used++] = ',';
			used += ie_value_json(type, s->value, s->bytes, out + used, room - used);
			out[used++] = ']';
		} else
			used += ie_value_json(type, e.value, e.bytes, out + used, room - used);
	}
	if (used > 0)
		out[used++] = '}';
	return used;
}

/* ---- in filters ------------------------------------------------------------------------------- */

static const struct {
	const char *expects;
	bool ordered;
} types[IE_TYPES] = {
	[IE_UNSIGNED] = {"a number, or a range such as 1-100", true},
	[IE_SIGNED] = {"a number, or a range such as -10-10", true},
	[IE_FLOAT] = {"a number such as 0.25, or a range such as 0.1-0.5", true},
	[IE_ADDRESS] = {"an address or a network such as 10.0.0.0/8", false},
	[IE_MAC] = {"a MAC address such as 00:11:22:33:44:55", false},
	[IE_STRING] = {"a text, in quotes if it has blanks", false},
	[IE_OCTETS] = {"bytes in hexadecimal digits such as 0x0a0b", false},
	[IE_BOOLEAN] = {"true or false", false},
	[IE_NTP] = {"a time in microseconds since 1970, or a range", true},
	[IE_UNKNOWN] = {"a number, a range, an address, a MAC address, 0x and hexadecimal digits, or a text",
		true},
};

const char *
ie_type_expects(enum ie_type type)
{
	return types[type].expects;
}
bool
ie_type_ordered(enum ie_type type)
{
	return types[type].ordered;
}

/* decimal digits; false if there are none or too many */
static bool
take_unsigned(const char **s, uint64_t *out)
{
	char *end;
	if (!isdigit((unsigned char)**s))
		return false;
	errno = 0;
	unsigned long long v = strtoull(*s, &end, 10);
	if (errno != 0)
		return false;
	*s = end;
	*out = v;
	return true;
}

static bool
take_signed(const char **s, uint64_t *out)
{
	bool minus = **s == '-';
	uint64_t v;
	*s += minus;
	if (!take_unsigned(s, &v) || v > SIGN - !minus)
		return false;
	*out = (minus ? 0 - v : v) ^ SIGN;
	return true;
}

/* digits [. digits] [e digits]: what strtod() takes besides (hex, nan) is no number here */
static bool
take_float(const char **s, double *out)
{
	const char *p = *s + (**s == '-');
	char *end;
	if (!isdigit((unsigned char)*p))
		return false;
	while (isdigit((unsigned char)*p) || *p == '.')
		p++;
	if ((*p == 'e' || *p == 'E') &&
		(isdigit((unsigned char)p[1]) || (p[1] == '-' && isdigit((unsigned char)p[2]))))
		for (p += 2; isdigit((unsigned char)*p);)
			p++;
	*out = strtod(*s, &end);
	if (end != p || isinf(*out))
		return false;
	*s = end;
	return true;
}

static bool
number_range(const char *w, bool negative, struct ie_value *out)
{
	const char *s = w;
	bool (*take)(const char **, uint64_t *) = negative ? take_signed : take_unsigned;
	out->form = negative ? IE_F_SIGNED : IE_F_UNSIGNED;
	if (!take(&s, &out->lo))
		return false;
	out->hi = out->lo;
	if (*s == '-') {
		s++;
		if (!take(&s, &out->hi))
			return false;
	}
	return *s == 0 && out->lo <= out->hi;
}

static bool
float_range(const char *w, struct ie_value *out)
{
	const char *s = w;
	out->form = IE_F_FLOAT;
	if (!take_float(&s, &out->flo))
		return false;
	out->fhi = out->flo;
	if (*s == '-') {
		s++;
		if (!take_float(&s, &out->fhi))
			return false;
	}
	return *s == 0 && out->flo <= out->fhi;
}

static bool
address(const char *w, struct ie_value *out)
{
	out->form = IE_F_ADDRESS;
	if (addr_parse_prefix(w, out->bytes, &out->bits) != 0)
		return false;
	addr_mask(out->bytes, out->bytes, out->bits);
	return true;
}

static int
digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10 : -1;
}

static bool
mac(const char *w, struct ie_value *out)
{
	out->form = IE_F_MAC;
	if (strlen(w) != 17)
		return false;
	for (unsigned i = 0; i < 6; i++) {
		int a = digit(w[3 * i]), b = digit(w[3 * i + 1]);
		if (a < 0 || b < 0 || (i < 5 && w[3 * i + 2] != ':' && w[3 * i + 2] != '-'))
			return false;
		out->bytes[i] = (uint8_t)(a * 16 + b);
	}
	return true;
}

static int
octets(struct arena *a, const char *w, struct ie_value *out)
{
	size_t n = strlen(w);
	out->form = IE_F_OCTETS;
	if (n % 2 != 0 || n == 0)
		return FT_EINVAL;
	uint8_t *p = arena_alloc(a, n / 2);
	if (p == NULL)
		return FT_EFULL;
	for (size_t i = 0; i < n / 2; i++) {
		int hi = digit(w[2 * i]), lo = digit(w[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return FT_EINVAL;
		p[i] = (uint8_t)(hi * 16 + lo);
	}
	out->data = p;
	out->n = n / 2;
	return 0;
}

static int
text(struct arena *a, const char *w, struct ie_value *out)
{
	out->form = IE_F_OCTETS;
	out->n = strlen(w);
	out->data = (const uint8_t *)arena_strdup(a, w);
	return out->data ? 0 : FT_EFULL;
}

static bool
is_hex(const char *w)
{
	return w[0] == '0' && (w[1] == 'x' || w[1] == 'X');
}

static int
by_form(struct arena *a, const char *w, bool quoted, struct ie_value *out)
{
	if (quoted)
		return text(a, w, out);
	if (is_hex(w))
		return octets(a, w + 2, out);
	if (number_range(w, false, out) || number_range(w, true, out) || float_range(w, out) || mac(w, out) ||
		address(w, out))
		return 0;
	return text(a, w, out);
}

int
ie_value_parse(struct arena *a, enum ie_type type, const char *w, bool quoted, struct ie_value *out)
{
	bool good = false;
	*out = (struct ie_value){.type = type};
	switch (type) {
	case IE_UNSIGNED:
	case IE_NTP:
		good = number_range(w, false, out);
		break;
	case IE_SIGNED:
		good = number_range(w, true, out);
		break;
	case IE_FLOAT:
		good = float_range(w, out);
		break;
	case IE_ADDRESS:
		good = address(w, out);
		break;
	case IE_MAC:
		good = mac(w, out);
		break;
	case IE_STRING:
		return text(a, w, out);
	case IE_OCTETS:
		return octets(a, is_hex(w) ? w + 2 : w, out);
	case IE_BOOLEAN:
		out->form = IE_F_BOOLEAN;
		out->lo = strcasecmp(w, "true") == 0 || strcmp(w, "1") == 0;
		good = out->lo == 1 || strcasecmp(w, "false") == 0 || strcmp(w, "0") == 0;
		break;
	default:
		return by_form(a, w, quoted, out);
	}
	return good ? 0 : FT_EINVAL;
}

bool
ie_value_single(const struct ie_value *v)
{
	if (v->form == IE_F_FLOAT)
		return v->flo >= v->fhi;
	return (v->form == IE_F_UNSIGNED || v->form == IE_F_SIGNED) && v->lo == v->hi;
}

static bool
in_order(enum ie_cmp cmp, uint64_t x, uint64_t lo, uint64_t hi)
{
	switch (cmp) {
	case IE_LT:
		return x < lo;
	case IE_LE:
		return x <= lo;
	case IE_GT:
		return x > lo;
	case IE_GE:
		return x >= lo;
	default:
		return x >= lo && x <= hi;
	}
}

/* a float as it comes back from the wire: 0.1 in four bytes is the 0.1 that was written */
static bool
float_match(const struct ie_value *v, enum ie_cmp cmp, double x, bool narrow)
{
	double lo = narrow ? (double)(float)v->flo : v->flo, hi = narrow ? (double)(float)v->fhi : v->fhi;
	switch (cmp) {
	case IE_LT:
		return x < lo;
	case IE_LE:
		return x <= lo;
	case IE_GT:
		return x > lo;
	case IE_GE:
		return x >= lo;
	default:
		return x >= lo && x <= hi;
	}
}

bool
ie_value_match(const struct ie_value *v, enum ie_cmp cmp, const uint8_t *p, size_t n)
{
	uint64_t u;
	int64_t i;
	double d;
	uint8_t a[16];
	switch (v->form) {
	case IE_F_ANY:
		return true;
	case IE_F_UNSIGNED:
		return (v->type == IE_NTP ? as_time(p, n, &u) : as_unsigned(p, n, &u)) &&
		       in_order(cmp, u, v->lo, v->hi);
	case IE_F_SIGNED:
		return as_signed(p, n, &i) && in_order(cmp, (uint64_t)i ^ SIGN, v->lo, v->hi);
	case IE_F_FLOAT:
		return as_float(p, n, &d) && float_match(v, cmp, d, n == 4);
	case IE_F_ADDRESS:
		return as_address(p, n, a) && addr_in_prefix(a, v->bytes, v->bits);
	case IE_F_MAC:
		return n == 6 && memcmp(p, v->bytes, 6) == 0;
	case IE_F_BOOLEAN:
		return n == 1 && (p[0] == 1) == (v->lo == 1);
	default:
		while (v->type != IE_OCTETS && n > v->n && p[n - 1] == 0)
			n--; /* padded text */
		return n == v->n && memcmp(p, v->data, n) == 0;
	}
}
