/* http_parse.c - see http_parse.h. */
#include "web/webd/http_parse.h"

#include <string.h>
#include <strings.h>

enum {
	BAD = 400,
	URI_TOO_LONG = 414,
	EXPECTATION = 417,
	TOO_MANY = 431,
	NOT_IMPLEMENTED = 501,
	VERSION = 505
};

size_t
http_head_bytes(const char *bytes, size_t n)
{
	const char *at = bytes, *end = bytes + n, *nl;
	while ((nl = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		size_t line = (size_t)(nl - at);
		if (line == 0 || (line == 1 && at[0] == '\r'))
			return (size_t)(nl + 1 - bytes);
		at = nl + 1;
	}
	return 0;
}

/* RFC 9110 section 5.6.2 */
static bool
is_token(const char *s)
{
	static const char more[] = "!#$%&'*+-.^_`|~";
	if (*s == 0)
		return false;
	for (; *s; s++)
		if (!((*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
			    strchr(more, *s)))
			return false;
	return true;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* one character of an escaped text; -1: a broken escape.  *s stands behind it then. */
static int
unescape(const char **s)
{
	int high, low;
	if (**s != '%')
		return (unsigned char)*(*s)++;
	high = hex((*s)[1]);
	low = high < 0 ? -1 : hex((*s)[2]);
	if (low < 0)
		return -1;
	*s += 3;
	return high << 4 | low;
}

bool
http_utf8(const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text, *end = s + n;
	while (s < end) {
		size_t more = *s < 0x80                 ? 0
			      : *s >= 0xc2 && *s < 0xe0 ? 1
			      : (*s & 0xf0) == 0xe0     ? 2
			      : *s >= 0xf0 && *s < 0xf5 ? 3
							: 9;
		if (more > (size_t)(end - s) - 1)
			return false;
		for (size_t i = 1; i <= more; i++)
			if ((s[i] & 0xc0) != 0x80)
				return false;
		if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
			(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
			return false;
		s += more + 1;
	}
	return true;
}

/* Decoded, and such that it can be put behind a folder's name: a path that climbs or hides is refused, not mended. */
static int
parse_path(const char *text, char out[HTTP_PATH])
{
	size_t n = 0, segment = 0;
	while (*text) {
		bool escaped = *text == '%';
		int c = unescape(&text);
		if (c < 0x20 || c == 0x7f || c == '\\' || (escaped && c == '/'))
			return BAD;
		if (n + 1 >= HTTP_PATH)
			return URI_TOO_LONG;
		out[n++] = (char)c;
		if (c == '/')
			segment = n;
		bool last = *text == '/' || *text == 0;
		if (last && ((n - segment == 1 && out[segment] == '.') ||
				    (n - segment == 2 && out[segment] == '.' && out[segment + 1] == '.')))
			return BAD;
	}
	out[n] = 0;
	return out[0] == '/' && strstr(out, "//") == NULL && http_utf8(out, n) ? 0 : BAD;
}

/* METHOD SP target SP HTTP/1.x */
static int
parse_request_line(char *line, struct http_head *h)
{
	char *target = strchr(line, ' ');
	char *version = target ? strchr(target + 1, ' ') : NULL;
	if (version == NULL)
		return BAD;
	*target++ = 0;
	*version++ = 0;
	h->method = line;
	for (const char *c = line; *c; c++)
		if (*c < 'A' || *c > 'Z')
			return BAD;
	if (line[0] == 0 || strlen(line) > 16)
		return BAD;
	if (strncmp(version, "HTTP/", 5) != 0)
		return BAD;
	if (strcmp(version + 5, "1.1") != 0 && strcmp(version + 5, "1.0") != 0)
		return VERSION;
	h->http10 = version[7] == '0';
	for (const char *c = target; *c; c++)
		if ((unsigned char)*c <= 0x20 || *c == 0x7f || *c == '#')
			return BAD;
	if (target[0] != '/')
		return BAD;
	h->query = strchr(target, '?');
	if (h->query)
		*h->query++ = 0;
	else
		h->query = target + strlen(target);
	return parse_path(target, h->path);
}

static int
parse_header(char *line, struct http_head *h)
{
	/* those of which two would leave open which one is meant */
	static const char *const once[] = {"host", "content-length", "content-type", "authorization",
		"cookie", "transfer-encoding", "origin", "sec-fetch-site", "x-flowtrove", "x-forwarded-proto",
		"expect"};
	char *value = strchr(line, ':');
	if (value == NULL)
		return BAD;
	*value++ = 0;
	if (!is_token(line))
		return BAD;
	for (char *c = line; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c |= 0x20;
	value += strspn(value, " \t");
	size_t n = strlen(value);
	while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t'))
		value[--n] = 0;
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)value[i] < 0x20 && value[i] != '\t') || value[i] == 0x7f)
			return BAD;
	for (unsigned i = 0; i < sizeof once / sizeof once[0]; i++)
		if (strcmp(line, once[i]) == 0 && http_header(h, line))
			return BAD;
	if (h->headers == HTTP_HEADERS)
		return TOO_MANY;
	h->header[h->headers].name = line;
	h->header[h->headers++].value = value;
	return 0;
}

static int
parse_length(const char *value, int64_t *length)
{
	size_t digits = strspn(value, "0123456789");
	if (digits == 0 || digits > 15 || value[digits])
		return BAD;
	*length = 0;
	for (; *value; value++)
		*length = *length * 10 + (*value - '0');
	return 0;
}

/* what the header lines say of the connection and the body */
static int
settle(struct http_head *h)
{
	const char *connection = http_header(h, "connection"), *length = http_header(h, "content-length");
	const char *expect = http_header(h, "expect"), *coding = http_header(h, "transfer-encoding");
	h->keep_alive =
		h->http10 ? http_accepts(connection, "keep-alive") : !http_accepts(connection, "close");
	if (!h->http10 && http_header(h, "host") == NULL)
		return BAD;
	if (coding) {
		/* with a length beside it, it is how requests are smuggled; 1.0 has none (RFC 9112 section 6.1) */
		if (length || h->http10)
			return BAD;
		if (strcasecmp(coding, "chunked") != 0)
			return NOT_IMPLEMENTED;
		h->chunked = true;
	}
	if (expect) {
		if (strcasecmp(expect, "100-continue") != 0)
			return EXPECTATION;
		h->expect_continue = !h->http10;
	}
	return length ? parse_length(length, &h->length) : 0;
}

int
http_parse(char *bytes, size_t n, struct http_head *h)
{
	char *at = bytes, *end = bytes + n;
	memset(h, 0, sizeof *h);
	h->query = end;
	*end = 0;
	if (memchr(bytes, 0, n) != NULL)
		return BAD;
	for (unsigned line = 0; at < end; line++) {
		char *nl = memchr(at, '\n', (size_t)(end - at)), *next = nl ? nl + 1 : end;
		if (nl == NULL)
			return BAD;
		*nl = 0;
		if (nl > at && nl[-1] == '\r')
			nl[-1] = 0;
		if (at[0] == 0)
			return line > 0 ? settle(h) : BAD;
		int rc = line == 0 ? parse_request_line(at, h) : parse_header(at, h);
		if (rc != 0)
			return rc;
		at = next;
	}
	return BAD;
}

const char *
http_header(const struct http_head *h, const char *name)
{
	for (unsigned i = 0; i < h->headers; i++)
		if (strcmp(h->header[i].name, name) == 0)
			return h->header[i].value;
	return NULL;
}

bool
http_cookie(const struct http_head *h, const char *name, char *out, size_t room)
{
	const char *at = http_header(h, "cookie");
	size_t len = strlen(name);
	while (at && *at) {
		at += strspn(at, " ;");
		size_t n = strcspn(at, ";");
		if (n > len && strncmp(at, name, len) == 0 && at[len] == '=') {
			if (n - len - 1 >= room)
				return false;
			memcpy(out, at + len + 1, n - len - 1);
			out[n - len - 1] = 0;
			return true;
		}
		at += n;
	}
	return false;
}

/* "; q=0", "; q=0.0" … at the end of a word */
static bool
refused(const char *parameters, size_t n)
{
	for (size_t i = 0; i + 2 < n; i++)
		if ((parameters[i] == 'q' || parameters[i] == 'Q') && parameters[i + 1] == '=') {
			for (size_t k = i + 2; k < n && parameters[k] != ';' && parameters[k] != ' '; k++)
				if (parameters[k] != '0' && parameters[k] != '.')
					return false;
			return true;
		}
	return false;
}

bool
http_accepts(const char *value, const char *token)
{
	size_t len = strlen(token);
	while (value && *value) {
		value += strspn(value, " \t,");
		size_t n = strcspn(value, ","), word = strcspn(value, ",; \t");
		if (word == len && strncasecmp(value, token, len) == 0)
			return !refused(value + word, n - word);
		value += n;
	}
	return false;
}

/* decodes in place; false: broken */
static bool
decode(char *text)
{
	char *to = text;
	for (const char *from = text; *from;) {
		int c = *from == '+' ? ' ' : 0;
		if (c)
			from++;
		else
			c = unescape(&from);
		if (c <= 0)
			return false;
		*to++ = (char)c;
	}
	*to = 0;
	return http_utf8(text, (size_t)(to - text));
}

int
http_params(char *text, struct http_params *p)
{
	static char nothing[1];
	while (*text) {
		char *end = text + strcspn(text, "&"), *next = *end ? end + 1 : end;
		*end = 0;
		char *value = strchr(text, '=');
		if (value)
			*value++ = 0;
		else
			value = nothing;
		if (*text) {
			if (!decode(text) || !decode(value) || p->n == HTTP_PARAMS)
				return BAD;
			p->param[p->n].name = text;
			p->param[p->n++].value = value;
		}
		text = next;
	}
	return 0;
}

const char *
http_param(const struct http_params *p, const char *name)
{
	for (unsigned i = 0; i < p->n; i++)
		if (strcmp(p->param[i].name, name) == 0)
			return p->param[i].value;
	return NULL;
}
