/* table.c - see table.h. */
#include "cli/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

enum { COLUMNS_MOST = 64 };

struct table {
	unsigned columns, cells, room;
	const char *title[COLUMNS_MOST];
	bool right[COLUMNS_MOST];
	struct cell {
		size_t at;      /* in text; RULE: a line of dashes */
		unsigned width; /* columns on the screen */
	} * cell;
	char *text; /* of all cells, each ended by 0 */
	size_t used, text_room;
};
#define RULE SIZE_MAX

struct table *
table_new(void)
{
	struct table *t = calloc(1, sizeof *t);
	CHECK(t != NULL);
	return t;
}

void
table_free(struct table *t)
{
	free(t->cell);
	free(t->text);
	free(t);
}

void
table_column(struct table *t, const char *title, bool right)
{
	CHECK(t->columns < COLUMNS_MOST && t->cells == 0);
	t->title[t->columns] = title;
	t->right[t->columns++] = right;
}

/* columns a text takes: characters, wide ones of East Asia twice */
static unsigned
width(const char *text)
{
	unsigned n = 0;
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if ((*p & 0xc0) == 0x80)
			continue;
		n++;
		if (*p >= 0xe3 && *p <= 0xed)
			n++; /* U+3000 to U+DFFF */
	}
	return n;
}

static void
add(struct table *t, size_t at, unsigned wide)
{
	if (t->cells == t->room) {
		t->room = t->room ? 2 * t->room : 256;
		t->cell = realloc(t->cell, t->room * sizeof *t->cell);
		CHECK(t->cell != NULL);
	}
	t->cell[t->cells++] = (struct cell){at, wide};
}

void
table_cell(struct table *t, const char *text)
{
	size_t n = strlen(text) + 1, at = t->used;
	if (n > t->text_room - t->used) {
		t->text_room = 2 * t->text_room + n + 4096;
		t->text = realloc(t->text, t->text_room);
		CHECK(t->text != NULL);
	}
	char *copy = t->text + at;
	memcpy(copy, text, n);
	for (char *p = copy; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	t->used += n;
	add(t, at, width(copy));
}

void
table_cellf(struct table *t, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	table_cell(t, text);
}

void
table_line(struct table *t)
{
	CHECK(t->cells % t->columns == 0);
	for (unsigned c = 0; c < t->columns; c++)
		add(t, RULE, 0);
}

static void
pad(FILE *to, unsigned n, char with)
{
	while (n-- > 0)
		putc_unlocked(with, to);
}

void
table_print(const struct table *t, FILE *to)
{
	unsigned wide[COLUMNS_MOST];
	for (unsigned c = 0; c < t->columns; c++)
		wide[c] = width(t->title[c]);
	for (unsigned i = 0; i < t->cells; i++)
		if (t->cell[i].width > wide[i % t->columns])
			wide[i % t->columns] = t->cell[i].width;
	for (unsigned i = 0; i < t->cells + t->columns; i++) {
		unsigned c = i % t->columns;
		const struct cell *cell = i < t->columns ? NULL : &t->cell[i - t->columns];
		const char *text = cell == NULL ? t->title[c] : cell->at == RULE ? NULL : t->text + cell->at;
		unsigned space = wide[c] - (cell == NULL ? width(t->title[c]) : cell->width);
		bool last = c + 1 == t->columns;
		if (c > 0)
			fputs_unlocked("  ", to);
		if (text == NULL)
			pad(to, wide[c], '-');
		else if (t->right[c]) {
			pad(to, space, ' ');
			fputs_unlocked(text, to);
		} else {
			fputs_unlocked(text, to);
			if (!last)
				pad(to, space, ' ');
		}
		if (last)
			putc_unlocked('\n', to);
	}
}

const char *
table_number(uint64_t v, char out[TABLE_NUMBER])
{
	static const char suffix[] = " KMGTPE";
	double x = (double)v;
	unsigned s = 0;
	if (v < 1000) {
		snprintf(out, TABLE_NUMBER, "%llu", (unsigned long long)v);
		return out;
	}
	while (x >= 999.5 && s < 6) {
		x /= 1000;
		s++;
	}
	snprintf(out, TABLE_NUMBER, x < 9.995 ? "%.2f %c" : x < 99.95 ? "%.1f %c" : "%.0f %c", x, suffix[s]);
	return out;
}

const char *
table_grouped(uint64_t v, char out[TABLE_NUMBER])
{
	char digits[24];
	int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)v), k = 0;
	for (int i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0)
			out[k++] = ',';
		out[k++] = digits[i];
	}
	out[k] = 0;
	return out;
}

void
table_csv(FILE *to, const char *text)
{
	if (strpbrk(text, ",\"\r\n") == NULL) {
		fputs(text, to);
		return;
	}
	fputc('"', to);
	for (const char *p = text; *p; p++) {
		if (*p == '"')
			fputc('"', to);
		fputc(*p, to);
	}
	fputc('"', to);
}
