#include "queryd/kernel.h"

#include "common/vector.h"

void
kernel_sum(uint64_t *sums, const uint32_t *id, const uint64_t *v, uint32_t n)
{
	for (uint32_t j = 0; j < n; j++)
		if (id[j] != ID_NONE)
			sums[id[j]] += v[j];
}

void
kernel_sum_both(uint64_t *sums, const uint32_t *x, const uint32_t *y, const uint64_t *v, const uint64_t *w,
	uint32_t n)
{
	for (uint32_t j = 0; j < n; j++) {
		uint64_t amount = v[j] + w[j];
		if (x[j] != ID_NONE)
			sums[x[j]] += amount;
		if (y[j] != ID_NONE)
			sums[y[j]] += y[j] != x[j] ? amount : 0;
	}
}

VECTOR uint64_t
kernel_total(const uint64_t *v, uint32_t n)
{
	uint64_t sum = 0;
	for (uint32_t j = 0; j < n; j++)
		sum += v[j];
	return sum;
}
