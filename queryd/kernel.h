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
/* how many have it; bit is one bit */
uint32_t kernel_count_bit(const uint32_t *bits, uint32_t n, uint32_t bit);
bool kernel_all_have(const uint32_t *bits, uint32_t n, uint32_t bit);
void kernel_and_bit(uint8_t *mask, const uint32_t *bits, uint32_t n, uint32_t bit);

/* kernel_sum.c: sums[id[j]] += v[j]; ID_NONE is passed over */
void kernel_sum(uint64_t *sums, const uint32_t *id, const uint64_t *v, uint32_t n);
/* sums[id[j]] += v[j] + w[j] */
void kernel_sum_one(uint64_t *sums, const uint32_t *id, const uint64_t *v, const uint64_t *w, uint32_t n);
/* once for each of the two ids of a row, once only if they are the same */
void kernel_sum_both(uint64_t *sums, const uint32_t *x, const uint32_t *y, const uint64_t *v,
	const uint64_t *w, uint32_t n);
/* the same where none is ID_NONE and no row has two that are the same */
void kernel_sum_apart(uint64_t *sums, const uint32_t *x, const uint32_t *y, const uint64_t *v,
	const uint64_t *w, uint32_t n);
uint64_t kernel_total(const uint64_t *v, uint32_t n);
/* is there a row with |x - y| <= gap */
bool kernel_any_near(const uint32_t *x, const uint32_t *y, uint32_t gap, uint32_t n);
/* how many of v are `what` */
uint32_t kernel_count8(const uint8_t *v, uint8_t what, uint32_t n);
/* out[j] = no if bit is not set in bits[j] and [start, prev] overlaps [from, to), else yes */
void kernel_hulls(uint8_t *out, const uint32_t *bits, uint32_t bit, const uint64_t *start,
	const uint64_t *prev, int64_t from, int64_t to, uint8_t yes, uint8_t no, uint32_t n);
/* are all of [first, last] inside [from, to) */
bool kernel_inside(const uint64_t *first, const uint64_t *last, int64_t from, int64_t to, uint32_t n);
void kernel_add(uint64_t *to, const uint64_t *from, size_t n);
/* bytes sent, received, packets sent, received */
struct sides {
	uint64_t sum[4];
};
/* Of each row sum[x[j]] gets a[0][j], a[1][j], b[0][j], b[1][j]; sum[y[j]] the same with both pairs turned.  There is a
 * kernel for AVX2; kernel_scalar (for tests) turns it off. */
void kernel_sum_sides(struct sides *sum, const uint32_t *x, const uint32_t *y, const uint64_t *const a[2],
	const uint64_t *const b[2], uint32_t n);
extern bool kernel_scalar;

#endif
