/*
 * codec_parts.h - what codec's files share: how the encodings lie in memory, and the part that knows zstd.
 */
#ifndef FT_CODEC_PARTS_H
#define FT_CODEC_PARTS_H

#include "common/codec.h"

/* PAGED: one of these for each CODEC_PAGE rows, then the packed pages, each 8-byte aligned. */
struct codec_page {
	uint64_t base;
	uint32_t offset; /* from the start of the column's data */
	uint8_t bits;
	uint8_t running; /* 1: differences to the value before; the first is base */
	uint16_t zero;
};

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
