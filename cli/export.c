/* export.c - see export.h. */
#include "cli/export.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/parquet.h"

/* types of fields.def as columns; a field that this program does not know is text */
#define EXPORT_U64 PARQUET_UINT64
#define EXPORT_U32 PARQUET_UINT32
#define EXPORT_AS PARQUET_UINT32
#define EXPORT_TIME PARQUET_TIME
#define EXPORT_BOOL PARQUET_BOOL
#define EXPORT_JSON PARQUET_JSON
#define EXPORT_ADDR PARQUET_TEXT
#define EXPORT_GUID PARQUET_TEXT
#define EXPORT_MAC PARQUET_TEXT
#define EXPORT_CC PARQUET_TEXT
#define EXPORT_BLOCK PARQUET_TEXT
#define EXPORT_TEXT PARQUET_TEXT
#define EXPORT_APP PARQUET_TEXT
#define EXPORT_RULE PARQUET_TEXT
#define EXPORT_END PARQUET_TEXT
static const struct parquet_column known[] = {
#define FIELD(name, type, column, part, present) {#name, EXPORT_##type},
#include "common/fields.def"
#undef FIELD
};

enum { COLUMNS_MOST = 256 };
struct export
{
	char *path, *temp;
	FILE *file;
	struct parquet *out;
	unsigned n; /* of the head; 0: it has not come yet */
	struct parquet_column column[COLUMNS_MOST];
	struct cell {
		const char *at;
		size_t n;
		bool quoted;
	} cell[COLUMNS_MOST];
	char *plain; /* a quoted cell without its quotes */
	size_t plain_room;
};

struct export *
export_open(const char *path)
{
	struct export *e = calloc(1, sizeof *e);
	if (e == NULL || (e->path = strdup(path)) == NULL || asprintf(&e->temp, "%s.part", path) < 0) {
		fputs("ftsq: out of memory\n", stderr);
		if (e != NULL)
			free(e->path);
		free(e);
		return NULL;
	}
	e->file = fopen(e->temp, "wbe");
	if (e->file == NULL) {
		fprintf(stderr, "ftsq: %s can't be written: %s\n", e->temp, strerror(errno));
		(void)export_close(e, false);
		return NULL;
	}
	return e;
}

/* The cells of a line; returns what follows it. */
static const char *
split(struct export *e, const char *at, const char *end, unsigned *n)
{
	*n = 0;
	for (;;) {
		bool quoted = at < end && *at == '"', inside = false;
		const char *from = at;
		for (; at < end && (inside || (*at != ',' && *at != '\n')); at++)
			inside ^= *at == '"';
		size_t bytes = (size_t)(at - from);
		if (bytes > 0 && from[bytes - 1] == '\r')
			bytes--;
		if (*n < COLUMNS_MOST)
			e->cell[(*n)++] = (struct cell){from, bytes, quoted};
		if (at >= end || *at == '\n')
			return at < end ? at + 1 : end;
		at++;
	}
}

/* "a ""b""" is a "b" */
static void
unquote(struct export *e, struct cell *c)
{
	size_t n = 0;
	if (!c->quoted || c->n < 2)
		return;
	if (c->n > e->plain_room) {
		free(e->plain);
		e->plain_room = 2 * c->n;
		e->plain = malloc(e->plain_room);
		if (e->plain == NULL)
			e->plain_room = 0;
	}
	for (size_t i = 1; e->plain != NULL && i + 1 < c->n; i++) {
		e->plain[n++] = c->at[i];
		i += c->at[i] == '"'; /* the second of two */
	}
	c->at = e->plain ? e->plain : "";
	c->n = n;
}

static bool
head(struct export *e, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		e->column[i] = (struct parquet_column){strndup(e->cell[i].at, e->cell[i].n), PARQUET_TEXT};
		if (e->column[i].name == NULL)
			return false;
		for (unsigned k = 0; k < sizeof known / sizeof known[0]; k++)
			if (strcmp(known[k].name, e->column[i].name) == 0)
				e->column[i].type = known[k].type;
	}
	e->n = n;
	e->out = parquet_open(e->file, e->column, n);
	return e->out != NULL;
}

static void
value(struct export *e, unsigned i)
{
	struct cell *c = &e->cell[i];
	char digits[24];
	switch (e->column[i].type) {
	case PARQUET_TEXT:
	case PARQUET_JSON:
		unquote(e, c);
		parquet_text(e->out, i, c->at, c->n);
		return;
	case PARQUET_BOOL:
		parquet_number(e->out, i, c->at[0] == 't' || c->at[0] == '1');
		return;
	default:
		if (c->n >= sizeof digits)
			return;
		memcpy(digits, c->at, c->n);
		digits[c->n] = '\0';
		parquet_number(e->out, i,
			digits[0] == '-' ? (uint64_t)strtoll(digits, NULL, 10) : strtoull(digits, NULL, 10));
	}
}

bool
export_lines(struct export *e, const char *at, size_t bytes)
{
	for (const char *end = at + bytes; at < end;) {
		unsigned n;
		at = split(e, at, end, &n);
		if (e->n == 0) {
			if (!head(e, n))
				return false;
			continue;
		}
		if (n != e->n)
			continue; /* the totals */
		for (unsigned i = 0; i < n; i++)
			if (e->cell[i].n > 0)
				value(e, i);
		if (!parquet_row(e->out))
			return false;
	}
	return true;
}

bool
export_close(struct export *e, bool keep)
{
	bool ok = true;
	if (e->out != NULL)
		ok = parquet_close(e->out);
	else if (keep)
		ok = false;
	if (e->file != NULL) {
		ok = fflush(e->file) == 0 && fsync(fileno(e->file)) == 0 && ok;
		ok = fclose(e->file) == 0 && ok;
		if (ok && keep)
			ok = rename(e->temp, e->path) == 0;
		if (keep && !ok)
			fprintf(stderr, "ftsq: %s can't be written: %s\n", e->path,
				errno ? strerror(errno) : "nothing came");
		if (!ok || !keep)
			(void)unlink(e->temp);
	}
	for (unsigned i = 0; i < e->n; i++)
		free((void *)(uintptr_t)e->column[i].name);
	free(e->plain);
	free(e->path);
	free(e->temp);
	free(e);
	return ok;
}
