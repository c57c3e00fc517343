/* session_write.c - rows as CSV (RFC 4180) or NDJSON, in chunks of whole lines. */
#include <stdlib.h>
#include <string.h>

#include "queryd/session_row.h"

enum { CHUNK = 240 * 1024, ROW_ROOM = 16 * 1024 };

int
row_writer_open(struct row_writer *w, bool csv)
{
	w->csv = csv;
	w->room = CHUNK + ROW_ROOM;
	w->buffer = malloc(w->room);
	return w->buffer ? 0 : FT_ENOMEM;
}

void
row_writer_close(struct row_writer *w)
{
	free(w->buffer);
	w->buffer = NULL;
}

int
row_writer_flush(struct row_writer *w)
{
	if (w->rc == 0 && w->n > 0)
		w->rc = w->write(w->ctx, w->buffer, w->n);
	w->n = 0;
	return w->rc;
}

/* room for more bytes; false: no memory */
static bool
need(struct row_writer *w, size_t more)
{
	if (w->n + more <= w->room)
		return true;
	size_t room = (w->n + more) * 2;
	char *p = realloc(w->buffer, room);
	if (p == NULL) {
		w->rc = FT_ENOMEM;
		return false;
	}
	w->buffer = p;
	w->room = room;
	return true;
}

static char *
put_uint(char *at, uint64_t v)
{
	static const char two[] =
		"00010203040506070809101112131415161718192021222324252627282930313233343536373839"
		"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
		"8081828384858687888990919293949596979899";
	char digits[20];
	unsigned n = sizeof digits;
	while (v >= 100) {
		unsigned r = (unsigned)(v % 100);
		v /= 100;
		digits[--n] = two[2 * r + 1];
		digits[--n] = two[2 * r];
	}
	if (v >= 10) {
		digits[--n] = two[2 * v + 1];
		digits[--n] = two[2 * v];
	} else
		digits[--n] = (char)('0' + v);
	memcpy(at, digits + n, sizeof digits - n);
	return at + sizeof digits - n;
}

static char *
put_csv(char *at, const char *s, size_t n)
{
	bool plain = true;
	for (size_t i = 0; i < n && plain; i++)
		plain = s[i] != ',' && s[i] != '"' && s[i] != '\n' && s[i] != '\r';
	if (plain) {
		memcpy(at, s, n);
		return at + n;
	}
	*at++ = '"';
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '"')
			*at++ = '"';
		*at++ = s[i];
	}
	*at++ = '"';
	return at;
}

size_t
row_writer_utf8(const char *text, size_t left)
{
	const unsigned char *s = (const unsigned char *)text;
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
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
		(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
		return 0;
	return n;
}

static char *
put_json(char *at, const char *text, size_t bytes)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *s = (const unsigned char *)text;
	*at++ = '"';
	for (size_t i = 0; i < bytes;) {
		unsigned char c = s[i];
		size_t n = row_writer_utf8(text + i, bytes - i);
		if (n == 0) {
			*at++ = '?';
			i++;
		} else if (c == '"' || c == '\\') {
			*at++ = '\\';
			*at++ = (char)c;
			i++;
		} else if (c < 0x20) {
			memcpy(at, "\\u00", 4);
			at[4] = hex[c >> 4];
			at[5] = hex[c & 15];
			at += 6;
			i++;
		} else {
			memcpy(at, s + i, n);
			at += n;
			i += n;
		}
	}
	*at++ = '"';
	return at;
}

static char *
put_value(const struct row_writer *w, char *at, const struct field_value *v)
{
	switch (v->kind) {
	case VALUE_NONE:
		if (w->csv)
			return at;
		memcpy(at, "null", 4);
		return at + 4;
	case VALUE_UINT:
		return put_uint(at, v->n);
	case VALUE_BOOL: {
		const char *word = v->n ? "true" : "false";
		size_t n = strlen(word);
		memcpy(at, word, n);
		return at + n;
	}
	case VALUE_JSON: /* what store kept as JSON is embedded as such */
		if (!w->csv && v->bytes >= 2 && v->text[0] == '{' && v->text[v->bytes - 1] == '}') {
			json_error_t e;
			json_t *o = json_loadb(v->text, v->bytes, 0, &e);
			if (o != NULL) {
				json_decref(o);
				memcpy(at, v->text, v->bytes);
				return at + v->bytes;
			}
		}
		break;
	case VALUE_TEXT:
		break;
	}
	return w->csv ? put_csv(at, v->text, v->bytes) : put_json(at, v->text, v->bytes);
}

static void
line_done(struct row_writer *w, const char *at)
{
	w->n = (size_t)(at - w->buffer);
	if (w->n >= CHUNK)
		(void)row_writer_flush(w);
}

void
row_writer_head(struct row_writer *w)
{
	if (!w->csv || !need(w, ROW_ROOM))
		return;
	char *at = w->buffer + w->n;
	for (int f = 0; f < SESSION_FIELDS; f++) {
		size_t n = strlen(session_field_name[f]);
		memcpy(at, session_field_name[f], n);
		at += n;
		*at++ = f + 1 < SESSION_FIELDS ? ',' : '\n';
	}
	line_done(w, at);
}

void
row_writer_text(struct row_writer *w, const char *line)
{
	size_t n = strlen(line);
	if (w->rc != 0 || !need(w, n + 1))
		return;
	memcpy(w->buffer + w->n, line, n);
	w->buffer[w->n + n] = '\n';
	line_done(w, w->buffer + w->n + n + 1);
}

void
row_writer_row(struct row_writer *w, const struct field_value value[SESSION_FIELDS], const char *extra)
{
	size_t texts = 0;
	if (w->rc != 0)
		return;
	for (int f = 0; f < SESSION_FIELDS; f++)
		texts += value[f].kind == VALUE_TEXT || value[f].kind == VALUE_JSON ? value[f].bytes : 0;
	if (!need(w, 4096 + 6 * texts + strlen(extra)))
		return;
	char *at = w->buffer + w->n;
	if (!w->csv)
		*at++ = '{';
	for (int f = 0; f < SESSION_FIELDS; f++) {
		if (f > 0)
			*at++ = ',';
		if (!w->csv) {
			const char *name = session_field_name[f];
			*at++ = '"';
			while (*name)
				*at++ = *name++;
			*at++ = '"';
			*at++ = ':';
		}
		/* a reader whose numbers are doubles (JavaScript) would lose digits of an id, so in JSON it is a string */
		bool quoted = !w->csv && f == SESSION_F_session_id;
		if (quoted)
			*at++ = '"';
		at = put_value(w, at, &value[f]);
		if (quoted)
			*at++ = '"';
	}
	if (!w->csv) {
		if (*extra) {
			size_t n = strlen(extra);
			*at++ = ',';
			memcpy(at, extra, n);
			at += n;
		}
		*at++ = '}';
	}
	*at++ = '\n';
	line_done(w, at);
}
