/*
 * kernel_unpack.c - packed bits to arrays (codec.h).
 *
 * A value of up to 57 bits that starts at any bit lies within the eight bytes from its first byte on: one unaligned
 * load, one shift, one mask.  That is the general kernel; wider values take a second load.  Packed data is followed by
 * CODEC_PAD bytes, so the last load stays inside.  Bytes are little-endian, as is every machine this runs on.
 *
 * With AVX2 the same is done for eight values at a time: they begin at the same bit again `bits` bytes further on, so
 * one set of shuffle and shift constants, made from the first bit, serves the whole run.  A shuffle brings the bytes of
 * each value into its lane (4 bytes for up to 25 bits, else 8), a shift by lane and a mask do the rest.  Loads are of
 * 16 bytes: where they would pass the padding the scalar loop takes over.
 */
#include <string.h>

#include "common/codec.h"
#include "common/vector.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "stored bytes are little-endian");

static inline uint64_t
load64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return v;
}

bool codec_scalar;

/* ---- byte-aligned widths: loops the compiler turns into vector code --------------------------------- */

#define PLAIN(name, in_t, out_t)                                                                             \
	VECTOR static void name(                                                                             \
		const uint8_t *p, uint64_t n, uint64_t base, uint32_t scale, out_t *restrict out)            \
	{                                                                                                    \
		if (scale == 1) {                                                                            \
			for (uint64_t i = 0; i < n; i++) {                                                   \
				in_t v;                                                                      \
				memcpy(&v, p + i * sizeof v, sizeof v);                                      \
				out[i] = (out_t)(base + v);                                                  \
			}                                                                                    \
			return;                                                                              \
		}                                                                                            \
		for (uint64_t i = 0; i < n; i++) {                                                           \
			in_t v;                                                                              \
			memcpy(&v, p + i * sizeof v, sizeof v);                                              \
			out[i] = (out_t)(base + (uint64_t)v * scale);                                        \
		}                                                                                            \
	}
PLAIN(plain8_u64, uint8_t, uint64_t)
PLAIN(plain16_u64, uint16_t, uint64_t)
PLAIN(plain32_u64, uint32_t, uint64_t)
PLAIN(plain64_u64, uint64_t, uint64_t)
PLAIN(plain8_u32, uint8_t, uint32_t)
PLAIN(plain16_u32, uint16_t, uint32_t)
PLAIN(plain32_u32, uint32_t, uint32_t)
PLAIN(plain64_u32, uint64_t, uint32_t)

/* ---- any width, one value at a time ------------------------------------------------------------------ */

static inline uint64_t
one(const uint8_t *data, uint64_t at, unsigned bits)
{
	unsigned shift = at & 7;
	uint64_t v = load64(data + (at >> 3)) >> shift;
	if (shift + bits > 64)
		v |= (uint64_t)data[(at >> 3) + 8] << (64 - shift);
	return bits == 64 ? v : v & ((UINT64_C(1) << bits) - 1);
}

static void
scalar_u64(const uint8_t *data, unsigned bits, uint64_t from, uint64_t n, uint64_t base, uint32_t scale,
	uint64_t *restrict out)
{
	uint64_t at = from * bits, mask = (UINT64_C(1) << bits) - 1;
	if (bits <= 57)
		for (uint64_t i = 0; i < n; i++, at += bits)
			out[i] = base + (load64(data + (at >> 3)) >> (at & 7) & mask) * scale;
	else
		for (uint64_t i = 0; i < n; i++, at += bits)
			out[i] = base + one(data, at, bits) * scale;
}

static void
scalar_u32(const uint8_t *data, unsigned bits, uint64_t from, uint64_t n, uint64_t base, uint32_t scale,
	uint32_t *restrict out)
{
	uint64_t at = from * bits, mask = (UINT64_C(1) << bits) - 1;
	if (bits <= 57)
		for (uint64_t i = 0; i < n; i++, at += bits)
			out[i] = (uint32_t)(base + (load64(data + (at >> 3)) >> (at & 7) & mask) * scale);
	else
		for (uint64_t i = 0; i < n; i++, at += bits)
			out[i] = (uint32_t)(base + one(data, at, bits) * scale);
}

/* ---- eight values at a time --------------------------------------------------------------------------- */

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

/* what the constants of a run are made of: where each half's 16 bytes are, and the bit in them */
struct lanes {
	uint8_t byte[32];
	uint32_t shift32[8];
	uint64_t shift64[4];
	uint64_t offset[2];
};

/* a half holds `each` values of `width` bytes; the first of all starts at bit `at` */
static void
make_lanes(struct lanes *l, unsigned bits, unsigned at, unsigned each, unsigned width)
{
	for (unsigned half = 0; half < 2; half++) {
		unsigned bit = at + half * each * bits;
		l->offset[half] = bit >> 3;
		for (unsigned k = 0; k < each; k++) {
			unsigned start = (bit & 7) + k * bits;
			for (unsigned b = 0; b < width; b++)
				l->byte[16 * half + k * width + b] = (uint8_t)((start >> 3) + b);
			if (width == 4)
				l->shift32[half * each + k] = start & 7;
			else
				l->shift64[half * each + k] = start & 7;
		}
	}
}

AVX2 static inline __m256i
load_lanes(const uint8_t *p, const uint64_t offset[2], __m256i shuffle)
{
	__m128i low = _mm_loadu_si128((const void *)(p + offset[0])),
		high = _mm_loadu_si128((const void *)(p + offset[1]));
	return _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1), shuffle);
}

/* x * scale + base for 64-bit lanes */
AVX2 static inline __m256i
scaled(__m256i x, __m256i scale, __m256i base, bool wide)
{
	__m256i low = _mm256_mul_epu32(x, scale);
	if (wide)
		low = _mm256_add_epi64(
			low, _mm256_slli_epi64(_mm256_mul_epu32(_mm256_srli_epi64(x, 32), scale), 32));
	return _mm256_add_epi64(low, base);
}

/* Each returns how many it did: all but the last ones. */

/* at most 25 bits */
AVX2 static uint64_t
avx2_u32(const uint8_t *data, unsigned bits, uint64_t from, uint64_t n, uint64_t base, uint32_t scale,
	uint32_t *restrict out)
{
	struct lanes l;
	make_lanes(&l, bits, (unsigned)(from * bits & 7), 4, 4);
	const uint8_t *p = data + (from * bits >> 3),
		      *end = data + codec_packed_bytes(from + n, bits) + CODEC_PAD;
	__m256i shuffle = _mm256_loadu_si256((const void *)l.byte),
		shift = _mm256_loadu_si256((const void *)l.shift32),
		mask = _mm256_set1_epi32((int)((UINT32_C(1) << bits) - 1)),
		bases = _mm256_set1_epi32((int)(uint32_t)base), scales = _mm256_set1_epi32((int)scale);
	uint64_t i = 0;
	for (; i + 8 <= n && p + l.offset[1] + 16 <= end; i += 8, p += bits) {
		__m256i v = _mm256_srlv_epi32(load_lanes(p, l.offset, shuffle), shift);
		v = _mm256_and_si256(v, mask);
		if (scale != 1)
			v = _mm256_mullo_epi32(v, scales);
		_mm256_storeu_si256((void *)(out + i), _mm256_add_epi32(v, bases));
	}
	return i;
}

/* at most 25 bits */
AVX2 static uint64_t
avx2_u64_narrow(const uint8_t *data, unsigned bits, uint64_t from, uint64_t n, uint64_t base, uint32_t scale,
	uint64_t *restrict out)
{
	struct lanes l;
	make_lanes(&l, bits, (unsigned)(from * bits & 7), 4, 4);
	const uint8_t *p = data + (from * bits >> 3),
		      *end = data + codec_packed_bytes(from + n, bits) + CODEC_PAD;
	__m256i shuffle = _mm256_loadu_si256((const void *)l.byte),
		shift = _mm256_loadu_si256((const void *)l.shift32),
		mask = _mm256_set1_epi32((int)((UINT32_C(1) << bits) - 1)),
		bases = _mm256_set1_epi64x((long long)base), scales = _mm256_set1_epi64x(scale);
	uint64_t i = 0;
	for (; i + 8 <= n && p + l.offset[1] + 16 <= end; i += 8, p += bits) {
		__m256i v = _mm256_srlv_epi32(load_lanes(p, l.offset, shuffle), shift);
		v = _mm256_and_si256(v, mask);
		__m256i low = _mm256_cvtepu32_epi64(_mm256_castsi256_si128(v)),
			high = _mm256_cvtepu32_epi64(_mm256_extracti128_si256(v, 1));
		_mm256_storeu_si256((void *)(out + i), scaled(low, scales, bases, false));
		_mm256_storeu_si256((void *)(out + i + 4), scaled(high, scales, bases, false));
	}
	return i;
}

/* at most 57 bits; four values at a time, two sets of constants */
AVX2 static uint64_t
avx2_u64(const uint8_t *data, unsigned bits, uint64_t from, uint64_t n, uint64_t base, uint32_t scale,
	uint64_t *restrict out)
{
	struct lanes l[2];
	unsigned at = (unsigned)(from * bits & 7);
	make_lanes(&l[0], bits, at, 2, 8);
	make_lanes(&l[1], bits, at + 4 * bits, 2, 8);
	const uint8_t *p = data + (from * bits >> 3),
		      *end = data + codec_packed_bytes(from + n, bits) + CODEC_PAD;
	__m256i mask = _mm256_set1_epi64x((long long)((UINT64_C(1) << bits) - 1)),
		bases = _mm256_set1_epi64x((long long)base), scales = _mm256_set1_epi64x(scale), shuffle[2],
		shift[2];
	for (int k = 0; k < 2; k++) {
		shuffle[k] = _mm256_loadu_si256((const void *)l[k].byte);
		shift[k] = _mm256_loadu_si256((const void *)l[k].shift64);
	}
	uint64_t i = 0;
	for (; i + 8 <= n && p + l[1].offset[1] + 16 <= end; i += 8, p += bits)
		for (int k = 0; k < 2; k++) {
			__m256i v = _mm256_srlv_epi64(load_lanes(p, l[k].offset, shuffle[k]), shift[k]);
			v = scaled(_mm256_and_si256(v, mask), scales, bases, true);
			_mm256_storeu_si256((void *)(out + i + 4 * k), v);
		}
	return i;
}

static bool
avx2(void)
{
	return !codec_scalar && __builtin_cpu_supports("avx2") != 0;
}
#else
static bool
avx2(void)
{
	return false;
}
#define avx2_u32(...) 0
#define avx2_u64_narrow(...) 0
#define avx2_u64(...) 0
#endif

/* ---- the two doors ------------------------------------------------------------------------------------ */

enum { FEW = 24 }; /* making constants is not worth it for so few */

VECTOR static void
fill_u64(uint64_t *out, uint64_t n, uint64_t v)
{
	for (uint64_t i = 0; i < n; i++)
		out[i] = v;
}
VECTOR static void
fill_u32(uint32_t *out, uint64_t n, uint32_t v)
{
	for (uint64_t i = 0; i < n; i++)
		out[i] = v;
}

void
codec_unpack_u64(const uint8_t *data, unsigned bits, uint64_t from, uint64_t n, uint64_t base, uint32_t scale,
	uint64_t *restrict out)
{
	uint64_t done = 0;
	switch (bits) {
	case 0:
		fill_u64(out, n, base);
		return;
	case 8:
		plain8_u64(data + from, n, base, scale, out);
		return;
	case 16:
		plain16_u64(data + from * 2, n, base, scale, out);
		return;
	case 32:
		plain32_u64(data + from * 4, n, base, scale, out);
		return;
	case 64:
		plain64_u64(data + from * 8, n, base, scale, out);
		return;
	default:
		break;
	}
	if (n >= FEW && bits <= 57 && avx2())
		done = bits <= 25 ? avx2_u64_narrow(data, bits, from, n, base, scale, out)
				  : avx2_u64(data, bits, from, n, base, scale, out);
	scalar_u64(data, bits, from + done, n - done, base, scale, out + done);
}

void
codec_unpack_u32(const uint8_t *data, unsigned bits, uint64_t from, uint64_t n, uint64_t base, uint32_t scale,
	uint32_t *restrict out)
{
	uint64_t done = 0;
	switch (bits) {
	case 0:
		fill_u32(out, n, (uint32_t)base);
		return;
	case 8:
		plain8_u32(data + from, n, base, scale, out);
		return;
	case 16:
		plain16_u32(data + from * 2, n, base, scale, out);
		return;
	case 32:
		plain32_u32(data + from * 4, n, base, scale, out);
		return;
	case 64:
		plain64_u32(data + from * 8, n, base, scale, out);
		return;
	default:
		break;
	}
	if (n >= FEW && bits <= 25 && avx2())
		done = avx2_u32(data, bits, from, n, base, scale, out);
	scalar_u32(data, bits, from + done, n - done, base, scale, out + done);
}
