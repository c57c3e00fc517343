#include "common/names.h"

#include <stddef.h>
#include <strings.h>

static const struct names_row rows[] = {
#define NAME(kind, number, word, help) {NAMES_##kind, number, #word, help},
#include "common/names.def"
#undef NAME
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static const struct names_row *
row(enum names_kind kind, uint32_t number)
{
	for (unsigned i = 0; i < ROWS; i++)
		if (rows[i].kind == kind && rows[i].number == number)
			return &rows[i];
	return NULL;
}

const char *
names_word(enum names_kind kind, uint32_t number)
{
	const struct names_row *r = row(kind, number);
	return r ? r->word : NULL;
}

const char *
names_help(enum names_kind kind, uint32_t number)
{
	const struct names_row *r = row(kind, number);
	return r ? r->help : NULL;
}

bool
names_number(enum names_kind kind, const char *word, uint32_t *number)
{
	for (unsigned i = 0; i < ROWS; i++)
		if (rows[i].kind == kind && strcasecmp(rows[i].word, word) == 0) {
			*number = rows[i].number;
			return true;
		}
	return false;
}

const struct names_row *
names_rows(unsigned *n)
{
	*n = ROWS;
	return rows;
}
