/*
 * http_parse.h - the head of an HTTP/1.1 request, and what forms and query strings say.  Pure functions over bytes.
 *
 * RFC 9112 with nothing of its leniency, since a gateway that guesses is one that can be fooled (request smuggling, RFC 9112
 * section 11.2): lines end with CR LF or LF, no folded header lines, no space before a colon, one Content-Length at most,
 * no transfer codings, and a header that must be one is there once.  Targets are in origin-form ("/path?query").
 */
#ifndef FT_WEBD_HTTP_PARSE_H
#define FT_WEBD_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_HEADERS = 64, HTTP_PATH = 1024, HTTP_PARAMS = 64 };

struct http_head {
	const char *method;   /* upper case: "GET" */
	char path[HTTP_PATH]; /* decoded; begins with '/', without dot segments, control characters or '\' */
	char *query;          /* what follows the first '?', not decoded; "" if nothing does */
	bool http10;
	bool keep_alive;
	bool expect_continue;
	int64_t length; /* of the body; 0 if the head says nothing */
	bool chunked;   /* the body comes in pieces */
	unsigned headers;
	struct {
		const char *name, *value; /* name in lower case */
	} header[HTTP_HEADERS];
};

/* Bytes of the head at the beginning of `bytes`, its empty line included; 0: it is not complete yet. */
size_t http_head_bytes(const char *bytes, size_t n);
/* Parse a head in place: `bytes` (n of them, as http_head_bytes says, and one more to write a NUL to) is changed, and what
 * *h points to is in it.  0, or the status to refuse it with: 400, 414, 417, 431, 501, 505. */
int http_parse(char *bytes, size_t n, struct http_head *h);
/* NULL: there is none */
const char *http_header(const struct http_head *h, const char *name_in_lower_case);
/* the value of a cookie; false: none of that name, or it does not fit */
bool http_cookie(const struct http_head *h, const char *name, char *out, size_t room);
/* Is `token` among the comma-separated words of `value`, in any case, with a quality other than 0?  value may be NULL. */
bool http_accepts(const char *value, const char *token);

/* application/x-www-form-urlencoded, decoded in place */
struct http_params {
	unsigned n;
	struct {
		const char *name, *value;
	} param[HTTP_PARAMS];
};
/* `text` (NUL-terminated) is changed.  0, or 400: a broken escape, a NUL, not UTF-8, too many; p may be of earlier calls */
int http_params(char *text, struct http_params *p);
const char *http_param(
	const struct http_params *p, const char *name); /* NULL: none; the first if there are several */

/* UTF-8 and nothing else? */
bool http_utf8(const char *text, size_t n);

#endif
