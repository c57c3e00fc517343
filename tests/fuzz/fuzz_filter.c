/* Any text: the parser answers or refuses with a position inside the text, and what it accepts means the
 * same after it was written out. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct arena a;
	struct filter_node *n, *again;
	struct err err;

	memcpy(text, data, size);
	text[size] = 0;
	arena_init(&a, 64u << 20);
	int rc = filter_parse(&a, text, &n, &err);
	if (rc == FT_EINVAL)
		CHECK(err.sys >= 1 && (size_t)err.sys <= size + 1 && err.text[0] != 0);
	if (rc == 0) {
		char *once = filter_print(&a, n);
		/* lists are written out as alternatives: the printed form may be longer than a filter may be */
		if (once != NULL && strlen(once) <= FILTER_MAX_TEXT && strlen(once) < 4 * size + 64) {
			rc = filter_parse(&a, once, &again, &err);
			if (rc == 0) {
				char *twice = filter_print(&a, again);
				CHECK(twice == NULL || strcmp(once, twice) == 0);
			} else
				CHECK(strstr(err.text, "too") != NULL || rc == FT_EFULL);
		}
	}
	arena_free(&a);
	free(text);
	return 0;
}
