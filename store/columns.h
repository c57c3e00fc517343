/*
 * columns.h - where a database's bytes are: by column, over its sealed blocks (ft-store stats).
 */
#ifndef FT_STORE_COLUMNS_H
#define FT_STORE_COLUMNS_H

#include <stdint.h>

#include "common/block_format.h"
#include "common/contract/block.h"

struct columns_sum {
	uint64_t rows, padding;
	uint64_t column[FT_COLUMNS], part[BLOCK_PARTS];
	uint8_t encoding[FT_COLUMNS]; /* of the block added last */
};

/* Add a block's directory; it lies whole in `bytes`.  A damaged one adds nothing. */
void columns_add(struct columns_sum *s, const uint8_t *block, uint64_t bytes);
/* One line for each column of at least a hundredth of a byte a slice, the largest first, to standard output. */
void columns_print(const struct columns_sum *s);

#endif
