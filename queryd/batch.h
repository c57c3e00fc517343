/*
 * batch.h - a run of rows of one block, its columns decoded on demand, and which of its rows are selected.
 *
 * Columns are asked for by whoever needs them first; a batch in which no row is selected never decodes the
 * ones that only answers need, and one in which few are selected reads these rows alone.  batch_u32/u64 are whole arrays of `n` rows; batch_sel32/sel64 hold only the
 * selected rows, `m` of them, in order: kernels are plain loops over these.  A column that can't be read sets
 * `rc` to FT_EFORMAT and reads as zeroes: callers check `rc` once, before they add anything up.
 */
#ifndef FT_QUERYD_BATCH_H
#define FT_QUERYD_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/block_view.h"
#include "queryd/frame.h"

#ifdef FT_TINY
enum { BATCH = 16 };
#else
enum { BATCH = 1024 };
#endif

struct batch {
	struct block_view *v;
	const struct frame *frame;
	uint32_t from, n;  /* rows of the block */
	uint32_t m;        /* selected; m == n: all, and sel64 is u64 */
	bool block_inside; /* no row of the block sticks out of the frame */
	bool inside;       /* none of the batch does */
	uint32_t in_order; /* sel[i] is i for so many */
	int rc;
	uint16_t sel[BATCH]; /* row within the batch of each selected one */
	uint8_t mask[BATCH];
	uint64_t have, have_sel, have_amount; /* bits by column */
	void *column[FT_COLUMNS], *selected[FT_COLUMNS], *amount[FT_COLUMNS];
};

bool batch_is_wide(enum ft_column c); /* 64 bits? */

void batch_start(struct batch *b, struct block_view *v, const struct frame *f, uint32_t from, uint32_t n);
/* mask (0 or 1 a row) becomes sel and m */
void batch_select(struct batch *b);
void batch_select_all(struct batch *b);
/* rows that overlap the frame, into mask */
void batch_mask_frame(struct batch *b);
/* of the selected rows only those at place[0 … n), ascending, stay so */
void batch_keep(struct batch *b, const uint16_t *place, uint32_t n);
void batch_free(struct batch *b);

const uint32_t *batch_u32(struct batch *b, enum ft_column c); /* c of at most 32 bits */
const uint64_t *batch_u64(struct batch *b, enum ft_column c); /* c of 64 bits */
const uint32_t *batch_sel32(struct batch *b, enum ft_column c);
const uint64_t *batch_sel64(struct batch *b, enum ft_column c);
/* what of a counter column of any width falls into the frame, a selected row each */
const uint64_t *batch_amount(struct batch *b, enum ft_column c);

#endif
