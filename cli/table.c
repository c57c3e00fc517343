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
	char **cell; /* NULL: a rule, in the first column of a row of nothing */
};

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
	for (unsigned i = 0; i < t->cells; i++)
		free(t->cell[i]);
	free(t->cell);
	free(t);
}

void
table_column(struct table *t, const char *title, bool right)
{
	CHECK(t->columns < COLUMNS_MOST && t->cells == 0);
	t->title[t->columns] = title;
	t->right[t->columns++] = right;
}

static void
add(struct table *t, char *text)
{
	if (t->cells == t->room) {
		t->room = t->room ? 2 * t->room : 256;
		t->cell = realloc(t->cell, t->room * sizeof *t->cell);
		CHECK(t->cell != NULL);
	}
	t->cell[t->cells++] = text;
}

void
table_cell(struct table *t, const char *text)
{
	char *copy = strdup(text);
	CHECK(copy != NULL);
	for (char *p = copy; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	add(t, copy);
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
		add(t, NULL);
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
pad(FILE *to, unsigned n, char with)
{
	while (n-- > 0)
		fputc(with, to);
}

void
table_print(const struct table *t, FILE *to)
{
	unsigned wide[COLUMNS_MOST];
	for (unsigned c = 0; c < t->columns; c++)
		wide[c] = width(t->title[c]);
	for (unsigned i = 0; i < t->cells; i++) {
		unsigned w = t->cell[i] ? width(t->cell[i]) : 0;
		if (w > wide[i % t->columns])
			wide[i % t->columns] = w;
	}
	for (unsigned i = 0; i < t->cells + t->columns; i++) {
		unsigned c = i % t->columns;
		const char *text = i < t->columns ? t->title[c] : t->cell[i - t->columns];
		unsigned space = wide[c] - (text ? width(text) : 0);
		bool last = c + 1 == t->columns;
		if (c > 0)
			fputs("  ", to);
		if (text == NULL)
			pad(to, wide[c], '-');
		else if (t->right[c]) {
			pad(to, space, ' ');
			fputs(text, to);
		} else {
			fputs(text, to);
			if (!last)
				pad(to, space, ' ');
		}
		if (last)
			fputc('\n', to);
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
