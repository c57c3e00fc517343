/*
 * kernel.h - pure loops over arrays: no state, no branches on operators.  `mask` is a byte a row, 0 or 1;
 * `or` variants add to what is there.  Arrays of one call never overlap unless they are the same.
 */
#ifndef FT_QUERYD_KERNEL_H
#define FT_QUERYD_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "queryd/tables.h"

/* kernel_mask.c */
void kernel_fill(uint8_t *mask, uint32_t n, uint8_t v);
bool kernel_any(const uint8_t *mask, uint32_t n);
void kernel_and(uint8_t *mask, const uint8_t *with, uint32_t n);
void kernel_or(uint8_t *mask, const uint8_t *with, uint32_t n);
void kernel_xor(uint8_t *mask, const uint8_t *with, uint32_t n);
void kernel_not(uint8_t *mask, uint32_t n);
void kernel_range32(uint8_t *mask, const uint32_t *v, uint32_t n, uint32_t lo, uint32_t hi);
void kernel_range64(uint8_t *mask, const uint64_t *v, uint32_t n, uint64_t lo, uint64_t hi);
/* mask = table[v]; every v is below the table's size */
void kernel_lookup(uint8_t *mask, const uint32_t *v, uint32_t n, const uint8_t *table);
bool kernel_all_have(const uint32_t *bits, uint32_t n, uint32_t bit);
void kernel_and_bit(uint8_t *mask, const uint32_t *bits, uint32_t n, uint32_t bit);

/* kernel_sum.c: sums[id[j]] += v[j]; ID_NONE is passed over */
void kernel_sum(uint64_t *sums, const uint32_t *id, const uint64_t *v, uint32_t n);
/* once for each of the two ids of a row, once only if they are the same */
void kernel_sum_both(uint64_t *sums, const uint32_t *x, const uint32_t *y, const uint64_t *v,
	const uint64_t *w, uint32_t n);
uint64_t kernel_total(const uint64_t *v, uint32_t n);

#endif
