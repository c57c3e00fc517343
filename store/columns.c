/*
 * columns.c - see columns.h.
 */
#include "store/columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"

static const char *const column_names[FT_COLUMNS] = {
#define COLUMN(name, bits, dictionary, value) [FT_COL_##name] = #name,
#include "common/fields.def"
#undef COLUMN
};
static const char *const encoding_names[] = {"constant", "packed", "dictionary", "paged", "sparse", "raw",
	"zstd", "zstd pages", "common values", "few rows", "by another column"};

/* Two columns that are the same may share their bytes. */
static bool
shared(const uint8_t *directory, uint32_t before, const struct block_entry *e)
{
	for (uint32_t i = 0; i < before && e->bytes > 0; i++) {
		struct block_entry other;
		memcpy(&other, directory + i * sizeof other, sizeof other);
		if (other.bytes > 0 && other.offset == e->offset)
			return true;
	}
	return false;
}

void
columns_add(struct columns_sum *s, const uint8_t *block, uint64_t bytes)
{
	struct block_header h;
	uint64_t used;
	if (bytes < sizeof h)
		return;
	memcpy(&h, block, sizeof h);
	used = h.head_bytes;
	if (h.columns > BLOCK_MAX_COLUMNS || sizeof h + h.columns * sizeof(struct block_entry) > bytes ||
		h.bytes > bytes)
		return;
	s->rows += h.rows;
	for (uint32_t i = 0; i < h.columns; i++) {
		struct block_entry e;
		memcpy(&e, block + sizeof h + i * sizeof e, sizeof e);
		if (shared(block + sizeof h, i, &e))
			e.bytes = 0;
		used += e.bytes;
		if (e.id < FT_COLUMNS) {
			s->column[e.id] += e.bytes;
			s->encoding[e.id] = e.encoding;
		} else if (e.id >= BLOCK_PART_FIRST && e.id < BLOCK_PART_FIRST + BLOCK_PARTS) {
			s->part[e.id - BLOCK_PART_FIRST] += e.bytes;
		}
	}
	s->padding += h.bytes > used ? h.bytes - used + h.head_bytes : h.head_bytes;
}

static int
larger(const void *a, const void *b, void *ctx)
{
	const uint64_t *bytes = ctx, x = bytes[*(const uint8_t *)a], y = bytes[*(const uint8_t *)b];
	return (x < y) - (x > y);
}

void
columns_print(const struct columns_sum *s)
{
	uint8_t order[FT_COLUMNS];
	uint64_t dictionaries = 0;
	double rows = (double)s->rows;
	if (s->rows == 0)
		return;
	for (unsigned c = 0; c < FT_COLUMNS; c++)
		order[c] = (uint8_t)c;
	qsort_r(order, FT_COLUMNS, sizeof order[0], larger, (void *)(uintptr_t)s->column);
	for (unsigned i = 0; i < BLOCK_PARTS; i++)
		dictionaries += s->part[i];
	printf("\nbytes a slice by column, and how the newest block has it\n");
	for (unsigned i = 0; i < FT_COLUMNS; i++) {
		unsigned c = order[i], e = s->encoding[c];
		if ((double)s->column[c] / rows >= 0.01)
			printf("  %-18s %6.2f  %s\n", column_names[c], (double)s->column[c] / rows,
				e < sizeof encoding_names / sizeof encoding_names[0] ? encoding_names[e]
										     : "");
	}
	printf("  %-18s %6.2f\n  %-18s %6.2f\n", "(dictionaries)", (double)dictionaries / rows,
		"(heads, padding)", (double)s->padding / rows);
}
