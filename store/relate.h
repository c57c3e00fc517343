/*
 * relate.h - what columns of a block have to do with each other: which one another may go by, and packets out of bytes.
 */
#ifndef FT_STORE_RELATE_H
#define FT_STORE_RELATE_H

#include "common/contract/block.h"

/* The column that c may be a function of (but for few rows): an earlier one, never itself a difference.  -1: none. */
int relate_by(enum ft_column c);

/* The number d that makes packets - bytes / d say least, looked for in some of the n rows; 0 if none is worth while.
 * *plain: bytes that the packets take by themselves, about. */
unsigned relate_divisor(const uint64_t *packets, const uint64_t *bytes, uint32_t n, uint64_t *plain);

#endif
