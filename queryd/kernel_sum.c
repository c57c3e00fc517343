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
kernel_sum_one(uint64_t *sums, const uint32_t *id, const uint64_t *v, const uint64_t *w, uint32_t n)
{
	for (uint32_t j = 0; j < n; j++)
		if (id[j] != ID_NONE)
			sums[id[j]] += v[j] + w[j];
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

void
kernel_sum_apart(uint64_t *sums, const uint32_t *x, const uint32_t *y, const uint64_t *v, const uint64_t *w,
	uint32_t n)
{
	enum { AHEAD = 16 }; /* the array is larger than the nearer caches */
	uint32_t j = 0;
	for (; j + AHEAD < n; j++) {
		uint64_t amount = v[j] + w[j];
		__builtin_prefetch(&sums[x[j + AHEAD]], 1);
		__builtin_prefetch(&sums[y[j + AHEAD]], 1);
		sums[x[j]] += amount;
		sums[y[j]] += amount;
	}
	for (; j < n; j++) {
		uint64_t amount = v[j] + w[j];
		sums[x[j]] += amount;
		sums[y[j]] += amount;
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

VECTOR void
kernel_add(uint64_t *to, const uint64_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] += from[i];
}

/* ---- sums of both sides ------------------------------------------------------------------------------ */

bool kernel_scalar;

static void
sides_scalar(struct sides *sum, const uint32_t *x, const uint32_t *y, const uint64_t *const a[2],
	const uint64_t *const b[2], uint32_t n)
{
	for (uint32_t j = 0; j < n; j++) {
		uint64_t *to = sum[x[j]].sum, *back = sum[y[j]].sum;
		to[0] += a[0][j];
		to[1] += a[1][j];
		to[2] += b[0][j];
		to[3] += b[1][j];
		back[0] += a[1][j];
		back[1] += a[0][j];
		back[2] += b[1][j];
		back[3] += b[0][j];
	}
}

#if defined(__x86_64__)
#include <immintrin.h>
#define AVX2 __attribute__((target("avx2")))

AVX2 static inline void
add_row(struct sides *sum, uint32_t x, uint32_t y, __m256i v)
{
	__m256i *to = (__m256i *)(void *)sum[x].sum;
	_mm256_storeu_si256(to, _mm256_add_epi64(_mm256_loadu_si256(to), v));
	to = (__m256i *)(void *)sum[y].sum; /* both pairs turned */
	_mm256_storeu_si256(to, _mm256_add_epi64(_mm256_loadu_si256(to), _mm256_shuffle_epi32(v, 0x4e)));
}

/* Four rows at a time: a 4 by 4 matrix of numbers is turned, and each row is then one register.  Returns how many. */
AVX2 static uint32_t
sides_avx2(struct sides *sum, const uint32_t *x, const uint32_t *y, const uint64_t *const a[2],
	const uint64_t *const b[2], uint32_t n)
{
	uint32_t j = 0;
	for (; j + 4 <= n; j += 4) {
		__m256i a0 = _mm256_loadu_si256((const void *)(a[0] + j)),
			a1 = _mm256_loadu_si256((const void *)(a[1] + j)),
			b0 = _mm256_loadu_si256((const void *)(b[0] + j)),
			b1 = _mm256_loadu_si256((const void *)(b[1] + j));
		__m256i al = _mm256_unpacklo_epi64(a0, a1), ah = _mm256_unpackhi_epi64(a0, a1),
			bl = _mm256_unpacklo_epi64(b0, b1), bh = _mm256_unpackhi_epi64(b0, b1);
		add_row(sum, x[j], y[j], _mm256_permute2x128_si256(al, bl, 0x20));
		add_row(sum, x[j + 1], y[j + 1], _mm256_permute2x128_si256(ah, bh, 0x20));
		add_row(sum, x[j + 2], y[j + 2], _mm256_permute2x128_si256(al, bl, 0x31));
		add_row(sum, x[j + 3], y[j + 3], _mm256_permute2x128_si256(ah, bh, 0x31));
	}
	return j;
}

static bool
avx2(void)
{
	return !kernel_scalar && __builtin_cpu_supports("avx2") != 0;
}
#else
static bool
avx2(void)
{
	return false;
}
#define sides_avx2(...) 0
#endif

void
kernel_sum_sides(struct sides *sum, const uint32_t *x, const uint32_t *y, const uint64_t *const a[2],
	const uint64_t *const b[2], uint32_t n)
{
	uint32_t done = avx2() ? sides_avx2(sum, x, y, a, b, n) : 0;
	const uint64_t *const rest_a[2] = {a[0] + done, a[1] + done}, *const rest_b[2] = {
									      b[0] + done, b[1] + done};
	sides_scalar(sum, x + done, y + done, rest_a, rest_b, n - done);
}
