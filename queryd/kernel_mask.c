#include <string.h>

#include "common/vector.h"
#include "queryd/kernel.h"

void
kernel_fill(uint8_t *mask, uint32_t n, uint8_t v)
{
	memset(mask, v, n);
}

bool
kernel_any(const uint8_t *mask, uint32_t n)
{
	return memchr(mask, 1, n) != NULL;
}

VECTOR void
kernel_and(uint8_t *mask, const uint8_t *with, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		mask[i] &= with[i];
}

VECTOR void
kernel_or(uint8_t *mask, const uint8_t *with, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		mask[i] |= with[i];
}

VECTOR void
kernel_xor(uint8_t *mask, const uint8_t *with, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		mask[i] ^= with[i];
}

VECTOR void
kernel_not(uint8_t *mask, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		mask[i] ^= 1;
}

VECTOR void
kernel_range32(uint8_t *mask, const uint32_t *v, uint32_t n, uint32_t lo, uint32_t hi)
{
	uint32_t width = hi - lo;
	for (uint32_t i = 0; i < n; i++)
		mask[i] = v[i] - lo <= width;
}

VECTOR void
kernel_range64(uint8_t *mask, const uint64_t *v, uint32_t n, uint64_t lo, uint64_t hi)
{
	uint64_t width = hi - lo;
	for (uint32_t i = 0; i < n; i++)
		mask[i] = v[i] - lo <= width;
}

VECTOR void
kernel_lookup(uint8_t *mask, const uint32_t *v, uint32_t n, const uint8_t *table)
{
	for (uint32_t i = 0; i < n; i++)
		mask[i] = table[v[i]];
}

VECTOR void
kernel_and_bit(uint8_t *mask, const uint32_t *bits, uint32_t n, uint32_t bit)
{
	for (uint32_t i = 0; i < n; i++)
		mask[i] &= (bits[i] & bit) != 0;
}

VECTOR bool
kernel_all_have(const uint32_t *bits, uint32_t n, uint32_t bit)
{
	uint32_t all = bit;
	for (uint32_t i = 0; i < n; i++)
		all &= bits[i];
	return all == bit;
}

VECTOR uint32_t
kernel_count_bit(const uint32_t *bits, uint32_t n, uint32_t bit)
{
	uint32_t sum = 0;
	for (uint32_t i = 0; i < n; i++)
		sum += (bits[i] & bit) != 0;
	return sum;
}

VECTOR bool
kernel_any_near(const uint32_t *x, const uint32_t *y, uint32_t gap, uint32_t n)
{
	uint32_t any = 0, width = 2 * gap;
	for (uint32_t i = 0; i < n; i++)
		any |= x[i] - y[i] + gap <= width;
	return any != 0;
}

VECTOR uint32_t
kernel_count8(const uint8_t *v, uint8_t what, uint32_t n)
{
	uint32_t sum = 0;
	for (uint32_t i = 0; i < n; i++)
		sum += v[i] == what;
	return sum;
}

VECTOR void
kernel_hulls(uint8_t *out, const uint32_t *bits, uint32_t bit, const uint64_t *start, const uint64_t *prev,
	int64_t from, int64_t to, uint8_t yes, uint8_t no, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		bool before = ((bits[i] & bit) == 0) & ((int64_t)start[i] < to) & ((int64_t)prev[i] >= from);
		out[i] = before ? no : yes;
	}
}

VECTOR bool
kernel_inside(const uint64_t *first, const uint64_t *last, int64_t from, int64_t to, uint32_t n)
{
	uint32_t out = 0;
	for (uint32_t i = 0; i < n; i++)
		out |= ((int64_t)first[i] < from) | ((int64_t)last[i] >= to);
	return out == 0;
}
