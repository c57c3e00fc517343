/*
 * codec_parts.h - what codec's files share: how the encodings lie in memory, and the part that knows zstd.
 */
#ifndef FT_CODEC_PARTS_H
#define FT_CODEC_PARTS_H

#include <assert.h>

#include "common/codec.h"

static inline uint64_t
codec_pages(uint64_t rows)
{
	return (rows + CODEC_PAGE - 1) / CODEC_PAGE;
}
/* Rows of the page that begins with row `first`: the last may be short. */
static inline uint64_t
codec_page_rows(uint64_t rows, uint64_t first)
{
	return rows - first < CODEC_PAGE ? rows - first : CODEC_PAGE;
}

/* PAGED: one of these for each CODEC_PAGE rows, then the packed pages, each 8-byte aligned.  Behind a page that has
 * exceptions, 8-byte aligned again: u32 of high bits for each of them (packed value = low bits | high << bits), then
 * u16 row in the page, ascending. */
struct codec_page {
	uint64_t base;
	uint32_t offset; /* from the start of the column's data */
	uint8_t bits;
	uint8_t running; /* CODEC_UP, CODEC_STEPS: differences to the value before; the first is base */
	uint16_t exceptions;
};
enum {
	CODEC_UP = 1,    /* no difference is negative */
	CODEC_STEPS = 2, /* d >= 0 is 2d, d < 0 is -2d - 1; in units of the column's scale */
};
/* Where the exceptions of a page are. */
static inline uint64_t
codec_exceptions_at(const struct codec_page *p, uint64_t rows)
{
	return p->offset + (p->bits ? (codec_packed_bytes(rows, p->bits) + CODEC_PAD + 7) & ~UINT64_C(7) : 0);
}

/* DICT: this, the values, the codes.  Values are base + scale * p, in ascending order. */
struct codec_dict {
	uint32_t distinct;
	uint8_t bits, zero[3];
	uint64_t base;
	uint32_t codes, zero2; /* offset of the codes */
};

/* SPARSE: this, a codec_sparse_page for each CODEC_PAGE rows, a PAGED column of the exceptions. */
struct codec_sparse {
	uint32_t exceptions, offset; /* offset of the PAGED column, 8-byte aligned */
};
struct codec_sparse_page {
	uint32_t rank, zero; /* exceptions in the pages before */
	uint64_t bitmap[CODEC_PAGE / 64];
};

/* COMMON: this, the common values, the codes, u32 others before each page, a PAGED column of the others. */
struct codec_common {
	uint32_t common;         /* values in the table; code `common` marks one of the others */
	uint8_t bits, zero[3];   /* of the table's values */
	uint64_t base;           /* of the table's values */
	uint32_t codes, ranks;   /* offsets */
	uint32_t others, offset; /* how many, and where their PAGED column is, 8-byte aligned */
};

/* FEW, and behind BY's table: this; u32 for each page of CODEC_PAGE rows and the end: rows listed before it; the rows' places in
 * their pages, packed in CODEC_PLACE_BITS, CODEC_PAD; their values packed as base + scale * p, CODEC_PAD. */
struct codec_few {
	uint32_t rows;
	uint8_t bits, zero[3];
	uint64_t base;
};

enum { CODEC_PLACE_BITS = 10 };
static_assert(1 << CODEC_PLACE_BITS == CODEC_PAGE, "a place in a page");

/* BY: this, a PAGED column of `entries`, the FEW of the rows that differ. */
struct codec_by {
	uint32_t entries, few; /* few: its offset, 8-byte aligned */
	uint64_t low; /* of the column that this one goes by: its value - low is the place in the table */
};

/* Division of multiples of a number: see put_scaled. */
struct codec_exact {
	unsigned shift;
	uint64_t inverse;
};
static inline struct codec_exact
codec_exact_of(uint32_t scale)
{
	struct codec_exact e = {(unsigned)__builtin_ctz(scale), 1};
	uint64_t odd = scale >> e.shift;
	for (unsigned i = 0; i < 6; i++) /* Newton: each step doubles the bits that are right */
		e.inverse *= 2 - odd * e.inverse;
	return e;
}
static inline uint64_t
codec_exact_u64(uint64_t x, struct codec_exact by)
{
	return (x >> by.shift) * by.inverse;
}

/* codec.c: structure looked at, tables made */
bool codec_sound(struct block_column *c);

/* ---- parts of packing: codec_pack.c chooses, codec_pages.c and codec_values.c write ---- */

struct codec_measure {
	uint64_t low, high;
	uint32_t scale;
	uint64_t paged_bytes;
	bool ascending;
};
/* n values to the end of out, CODEC_PAD bytes after them; false without memory */
bool codec_packed_write(
	struct codec_out *out, const uint64_t *v, uint64_t n, uint64_t base, uint32_t scale, unsigned bits);
uint64_t *codec_scratch(struct codec_out *out, uint64_t n);

bool codec_paged_write(struct codec_out *out, const uint64_t *v, uint64_t n, uint32_t scale, bool ascending);
/* Pages with exceptions, and (delta) steps where they are smaller; out->used must be a multiple of 8. */
bool codec_paged_patched(struct codec_out *out, const uint64_t *v, uint64_t n, uint32_t scale, bool delta);

/* Distinct values if a dictionary saves a tenth of `best` bytes, else NULL; free(). */
struct codec_distinct *codec_dict_try(
	const uint64_t *v, uint64_t n, const struct codec_measure *m, uint64_t best);
uint64_t codec_dict_bytes(const struct codec_distinct *t, uint64_t n, const struct codec_measure *m);
bool codec_dict_write(struct codec_out *out, struct codec_distinct *t, const uint64_t *v, uint64_t n,
	const struct codec_measure *m, struct block_column *d);
/* The best set of common values of a column whose range is below 65,536, and what it would take; free(). */
struct codec_frequent *codec_common_try(
	const uint64_t *v, uint64_t n, const struct codec_measure *m, uint64_t *bytes);
bool codec_common_write(struct codec_out *out, struct codec_frequent *t, const uint64_t *v, uint64_t n,
	const struct codec_measure *m, struct block_column *d);

/* Rows whose value is not what it would be. */
struct codec_list {
	uint64_t *place, *value; /* place in its page */
	uint32_t *rank;          /* rows listed before each page, and the end */
	uint32_t rows;
	uint64_t room, low, high; /* of the values */
};
/* Rows that are not `base`; false: more than `most`, or no memory, and then there is nothing to free */
bool codec_list_make(struct codec_list *l, const uint64_t *v, uint64_t n, uint64_t base, uint64_t most);
void codec_list_free(struct codec_list *l);
uint64_t codec_few_bytes(uint64_t count, uint64_t rows, unsigned bits);
bool codec_few_write(struct codec_out *out, const struct codec_list *l, uint64_t n, uint32_t scale);
/* what is listed of one page: places, values; room for CODEC_PAGE.  How many. */
uint32_t codec_few_page(const struct block_column *c, uint32_t page, uint32_t *place, uint64_t *value);
bool codec_few_fits(const uint8_t *data, uint64_t bytes, uint64_t count);
/* put the values of rows [from, from + n) of count over what is there */
void codec_few_put_u64(
	const uint8_t *data, uint64_t count, uint64_t from, uint64_t n, uint32_t scale, uint64_t *out);
void codec_few_put_u32(
	const uint8_t *data, uint64_t count, uint64_t from, uint64_t n, uint32_t scale, uint32_t *out);
/* structure of a PAGED column; its values */
bool codec_paged_fits(const uint8_t *data, uint64_t bytes, uint64_t count);
void codec_paged_u64(
	const uint8_t *data, uint64_t count, uint64_t from, uint64_t n, uint32_t scale, uint64_t *out);

/* n bytes out of a frame; malloc'd; NULL if the frame is damaged or says another size */
void *codec_unzip(const uint8_t *frame, uint64_t bytes, uint64_t n);
/* Compress n bytes to the end of out (no padding).  Returns bytes written, 0 if it would not save a tenth. */
size_t codec_zip(struct codec_out *out, const void *bytes, size_t n);

bool codec_zpaged_open(struct block_column *c);
int codec_zpaged_u64(struct block_column *c, uint64_t from, uint64_t n, uint64_t *out);
/* ZPAGED data of n values - base, `planes` bytes each, to the end of out; bytes written */
size_t codec_zpaged_write(
	struct codec_out *out, const uint64_t *v, uint64_t n, uint64_t base, unsigned planes);

#endif
