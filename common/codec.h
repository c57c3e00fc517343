/*
 * codec.h - how a column of numbers (or a heap of bytes) is written down in few bits.
 *
 * Every encoding keeps rows directly addressable down to a page of CODEC_PAGE rows; bytes on disk are
 * described in docs/block-format.md.  Values are unsigned 64 bit with wrapping arithmetic:
 *   CONST    every row is `base`; no data
 *   PACKED   base + scale * p, p packed in `bits` bits, lowest bit first.  0, 8, 16, 32, 64 are plain arrays
 *            (an open block's columns are these, with base 0)
 *   DICT     distinct values in ascending order, packed codes into them
 *   PAGED    for each CODEC_PAGE rows a base and a width: values that drift (times, ids); rows that need more
 *            bits than their page has are in a list behind it
 *   SPARSE   base, but for the rows marked in a bitmap; their values are a PAGED column
 *   RAW      bytes as they are (count is bytes)        ZSTD   bytes, compressed
 *   ZPAGED   for each CODEC_PAGE * 4 rows a zstd frame of byte planes of p = value - base
 *   COMMON   codes of the commonest values; the code after the last of them marks a row whose value is in a PAGED
 *            column of the others (service ports: few make almost all, scans use the rest)
 *   FEW      base, but for a short list of rows and their values
 *   BY       what another column (ref) of the same row says, by a table: flags by protocol, interface and VLAN by client;
 *            a short list of the rows that differ.  Read by block_view, which has the other column.
 * `ref` in the directory (block_view's business) makes a column the difference to another one.
 *
 * Packing needs scratch memory once a block; unpacking allocates nothing but DICT's and ZPAGED's tables, once.
 */
#ifndef FT_CODEC_H
#define FT_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum {
	CODEC_CONST = 0,
	CODEC_PACKED = 1,
	CODEC_DICT = 2,
	CODEC_PAGED = 3,
	CODEC_SPARSE = 4,
	CODEC_RAW = 5,
	CODEC_ZSTD = 6,
	CODEC_ZPAGED = 7,
	CODEC_COMMON = 8,
	CODEC_FEW = 9, /* since version 2 of the block format */
	CODEC_BY = 10,
	CODECS
};
enum {
	CODEC_PAGE = 1024,
	CODEC_PAD = 8,
	CODEC_MAX_DICT = 4096,
	CODEC_ZPAGE = 4096,
	CODEC_MAX_BY = 1 << 20 /* entries of a table */
};

struct block_column {
	uint8_t encoding;                /* CODEC_* */
	uint8_t bits;                    /* packed width, 0-64; DICT: of the codes */
	uint16_t ref;                    /* column + 1 that this one is a difference to, or goes by; 0 none */
	uint16_t divisor;                /* of the other column's values, if above 1: block_format.h */
	uint32_t scale;                  /* 1, or what every value - base is a multiple of */
	bool checked;                    /* its checksum was verified */
	bool fits;                       /* its pages are known to lie within it */
	bool sound;                      /* its structure was verified, tables are made */
	uint64_t base, low, high, count; /* low, high: smallest and largest value */
	const uint8_t *data;
	uint64_t bytes, checksum;
	void *unpacked; /* tables made at first use; free() */
};

/* Rows [from, from + n) of a column (n may be 0; the range must lie within count).  FT_EFORMAT: the data
 * can't be what it says.  Ignores `ref`. */
int codec_u64(struct block_column *c, uint64_t from, uint64_t n, uint64_t *out);
/* As codec_u64 for columns whose values fit 32 bits (higher bits are cut off). */
int codec_u32(struct block_column *c, uint64_t from, uint64_t n, uint32_t *out);
/* Rows of a BY column of which the other column's values are in out: replaced by its own. */
int codec_by_u64(struct block_column *c, uint64_t from, uint64_t n, uint64_t *out);
int codec_by_u32(struct block_column *c, uint64_t from, uint64_t n, uint32_t *out);
/* Rows from + row[0], from + row[1], … (ascending) alone, where few of many are wanted.  Only of columns that codec_picks:
 * the others are read faster as a whole. */
bool codec_picks(const struct block_column *c);
int codec_pick_u64(struct block_column *c, uint64_t from, const uint16_t *row, uint32_t n, uint64_t *out);
/* Sum of all rows, with wrapping arithmetic; ignores `ref`. */
int codec_sum(struct block_column *c, uint64_t *sum);
/* Bytes of a RAW or ZSTD column: a pointer that lives as long as the column (ZSTD: c->unpacked).  NULL: damaged */
const uint8_t *codec_raw(struct block_column *c);

/* Plain kernels, also for benchmarks: n values of `bits` bits from bit position from * bits. */
void codec_unpack_u64(const uint8_t *data, unsigned bits, uint64_t from, uint64_t n, uint64_t base,
	uint32_t scale, uint64_t *out);
void codec_unpack_u32(const uint8_t *data, unsigned bits, uint64_t from, uint64_t n, uint64_t base,
	uint32_t scale, uint32_t *out);
extern bool codec_scalar; /* for tests: no vector kernels */
/* Bytes that n values of `bits` bits take, without the CODEC_PAD bytes that follow them. */
static inline uint64_t
codec_packed_bytes(uint64_t n, unsigned bits)
{
	return (n * bits + 7) / 8;
}
static inline unsigned
codec_width(uint64_t v)
{
	return v ? 64 - (unsigned)__builtin_clzll(v) : 0;
}

/* ---- packing ---------------------------------------------------------------------------------- */

enum {
	CODEC_TIMES = 1u << 0,     /* look for a common factor */
	CODEC_ASCENDING = 1u << 1, /* read as a whole only: pages may be running differences */
	CODEC_DIRECT = 1u << 2,    /* ranked or filtered often: CONST, PACKED, DICT or PAGED only */
	CODEC_COLD = 1u << 3,      /* seldom read: zstd may be tried */
	CODEC_TAIL = 1u << 4,      /* few values are much larger than most: pages may have exceptions */
	CODEC_STEPWISE = 1u << 5,  /* rows go on by small steps: pages may be differences */
};

/* Where packed columns go: a growing buffer, each column 64-byte aligned and followed by CODEC_PAD zero bytes. */
struct codec_out {
	uint8_t *p;
	size_t used, room;
	uint64_t *scratch; /* count of the largest column, made on demand */
	size_t scratch_room;
	bool failed; /* out of memory: everything after is void */
};

/* Write n values with the lightest encoding; d gets encoding, bits, base, low, high, scale, count, bytes,
 * and in `data` nothing (the buffer moves): the returned value is the offset in out->p.  `sample` bounds the
 * trial of expensive encodings.  On memory failure out->failed. */
size_t codec_pack(
	struct codec_out *out, const uint64_t *v, uint64_t n, unsigned hints, struct block_column *d);
/* As codec_pack, for a column that may go by another one, whose values are in `by`, all of them in [low, high].  0: it
 * does not, or it would take more than `most` bytes; else as codec_pack, for which d->ref is to be set. */
size_t codec_pack_by(struct codec_out *out, const uint64_t *v, uint64_t n, const uint32_t *by, uint32_t low,
	uint32_t high, uint64_t most, struct block_column *d);
/* Byte-aligned packing in one quick pass: CONST or PACKED with 8, 16, 32, 64 bits.  For the journal. */
size_t codec_pack_quick(struct codec_out *out, const uint64_t *v, uint64_t n, struct block_column *d);
/* Write n bytes, compressed if that saves a tenth. */
size_t codec_pack_bytes(struct codec_out *out, const void *bytes, uint64_t n, struct block_column *d);
/* Smallest and largest of n > 0 values; n values - base as plain arrays of 8, 16, 32 or 64 bits.  For the journal. */
void codec_limits(const uint64_t *v, uint64_t n, uint64_t *low, uint64_t *high);
void codec_narrow(void *to, const uint64_t *v, uint64_t n, uint64_t base, unsigned bits);
void *codec_room(
	struct codec_out *out, size_t bytes); /* zeroed room at the end; NULL and failed without memory */
void codec_align(struct codec_out *out, size_t to);
void codec_out_free(struct codec_out *out);

#endif
