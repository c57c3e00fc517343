/*
 * codec_pack.c - choosing an encoding and writing it (codec.h).
 *
 * The choice is by size, known exactly for PACKED and PAGED after one pass (smallest and largest value of each
 * page), for DICT after counting distinct values (a table of CODEC_MAX_DICT, given up when it overflows), for
 * SPARSE from the number of rows that differ from the commonest value.  A heavier encoding must save a tenth.
 */
#include <stdlib.h>
#include <string.h>

#include "common/codec_parts.h"
#include "common/vector.h"

/* ---- the buffer -------------------------------------------------------------------------------- */

void *
codec_room(struct codec_out *out, size_t bytes)
{
	if (out->failed)
		return NULL;
	if (out->room - out->used < bytes) {
		size_t room = out->room + out->room / 2 + bytes + 65536;
		uint8_t *p = realloc(out->p, room);
		if (p == NULL) {
			out->failed = true;
			return NULL;
		}
		out->p = p;
		out->room = room;
	}
	void *at = out->p + out->used;
	memset(at, 0, bytes);
	out->used += bytes;
	return at;
}

void
codec_align(struct codec_out *out, size_t to)
{
	if (out->used % to != 0)
		(void)codec_room(out, to - out->used % to);
}

void
codec_out_free(struct codec_out *out)
{
	free(out->p);
	free(out->scratch);
	*out = (struct codec_out){0};
}

uint64_t *
codec_scratch(struct codec_out *out, uint64_t n)
{
	if (out->scratch_room < n) {
		free(out->scratch);
		out->scratch = malloc(n * sizeof *out->scratch);
		out->scratch_room = out->scratch ? n : 0;
		if (out->scratch == NULL)
			out->failed = true;
	}
	return out->scratch;
}

/* ---- bits -------------------------------------------------------------------------------------- */

/* Exact division: what is divided is a multiple of the scale, so a shift and a product with the odd part's inverse do
 * (x * inverse mod 2^64), also of negative numbers; a division would cost more than all the rest. */
static inline __attribute__((always_inline)) void
put_scaled(uint8_t *to, const uint64_t *v, uint64_t n, uint64_t base, struct codec_exact by, unsigned bits)
{
	uint64_t word = 0, i = 0;
	unsigned used = 0, group = bits <= 16 ? 4 : bits <= 32 ? 2 : 1;
	/* several values are put together first: what waits for the word before is one step for all of them */
	for (; i + group <= n; i += group) {
		uint64_t x = codec_exact_u64(v[i] - base, by);
		unsigned wide = bits * group;
		if (group == 4)
			x |= codec_exact_u64(v[i + 1] - base, by) << bits |
			     codec_exact_u64(v[i + 2] - base, by) << 2 * bits |
			     codec_exact_u64(v[i + 3] - base, by) << 3 * bits;
		else if (group == 2)
			x |= codec_exact_u64(v[i + 1] - base, by) << bits;
		word |= x << used;
		used += wide;
		if (used >= 64) {
			memcpy(to, &word, 8);
			to += 8;
			used -= 64;
			word = used ? x >> (wide - used) : 0;
		}
	}
	for (; i < n; i++) {
		uint64_t x = codec_exact_u64(v[i] - base, by);
		word |= x << used;
		used += bits;
		if (used >= 64) {
			memcpy(to, &word, 8);
			to += 8;
			used -= 64;
			word = used ? x >> (bits - used) : 0;
		}
	}
	if (used)
		memcpy(to, &word, (used + 7) / 8);
}

static void
put_bits(uint8_t *to, const uint64_t *v, uint64_t n, uint64_t base, uint32_t scale, unsigned bits)
{
	if (scale == 1)
		put_scaled(to, v, n, base, (struct codec_exact){0, 1}, bits);
	else
		put_scaled(to, v, n, base, codec_exact_of(scale), bits);
}

#define PUT_PLAIN(type)                                                                                      \
	for (uint64_t i = 0; i < n; i++) {                                                                   \
		type x_ = (type)(v[i] - base);                                                               \
		memcpy(to + i * sizeof x_, &x_, sizeof x_);                                                  \
	}

/* n values to the end of out, CODEC_PAD bytes after them; false without memory */
bool
codec_packed_write(
	struct codec_out *out, const uint64_t *v, uint64_t n, uint64_t base, uint32_t scale, unsigned bits)
{
	uint8_t *to = codec_room(out, codec_packed_bytes(n, bits) + CODEC_PAD);
	if (to == NULL)
		return false;
	if (bits == 0)
		return true;
	if (scale == 1 && bits == 8) {
		PUT_PLAIN(uint8_t)
	} else if (scale == 1 && bits == 16) {
		PUT_PLAIN(uint16_t)
	} else if (scale == 1 && bits == 32) {
		PUT_PLAIN(uint32_t)
	} else if (scale == 1 && bits == 64) {
		PUT_PLAIN(uint64_t)
	} else {
		put_bits(to, v, n, base, scale, bits);
	}
	return true;
}

/* ---- measuring --------------------------------------------------------------------------------- */

static uint64_t
common_divisor(uint64_t a, uint64_t b)
{
	while (b != 0) {
		uint64_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

/* The largest number that divides all distances from `low`.  Exporters' clocks tick in milliseconds, or in 4, 10 or 64 of
 * them, or in seconds.  x is a multiple of odd << shift if the lowest bits are 0 and x >> shift times the inverse is
 * not larger than the largest quotient there is. */
static uint32_t
common_factor(const uint64_t *v, uint64_t n, uint64_t low)
{
	uint64_t factor = 0, i = 0;
	while (i < n) {
		factor = common_divisor(v[i] - low, factor);
		if (factor == 1)
			return 1;
		if (factor == 0 || factor > UINT32_MAX) {
			i++;
			continue;
		}
		struct codec_exact by = codec_exact_of((uint32_t)factor);
		uint64_t most = UINT64_MAX / (factor >> by.shift), mask = (UINT64_C(1) << by.shift) - 1;
		do
			i++;
		while (i < n && ((v[i] - low) & mask) == 0 &&
			((v[i] - low) >> by.shift) * by.inverse <= most);
	}
	return factor > UINT32_MAX || factor == 0 ? 1 : (uint32_t)factor;
}

/* Packed page sizes with padding to 8 and the pad behind, as write_paged lays them out. */
static uint64_t
page_bytes(uint64_t rows, unsigned bits)
{
	return bits == 0 ? 0 : (codec_packed_bytes(rows, bits) + CODEC_PAD + 7) & ~(uint64_t)7;
}

static void
measure(struct codec_measure *m, const uint64_t *v, uint64_t n, unsigned hints)
{
	uint64_t pages = codec_pages(n);
	uint64_t range[1024]; /* of the first pages: for more, what a scale saves of PAGED is not counted */
	*m = (struct codec_measure){
		.low = UINT64_MAX, .high = 0, .scale = 1, .ascending = (hints & CODEC_ASCENDING) != 0};
	m->paged_bytes = pages * sizeof(struct codec_page);
	for (uint64_t i = 0; i < pages; i++) {
		uint64_t first = i * CODEC_PAGE, rows = codec_page_rows(n, first), low, high;
		codec_limits(v + first, rows, &low, &high);
		m->low = low < m->low ? low : m->low;
		m->high = high > m->high ? high : m->high;
		m->paged_bytes += page_bytes(rows, codec_width(high - low));
		range[i % 1024] = high - low;
	}
	if (hints & CODEC_TIMES && m->high > m->low)
		m->scale = common_factor(v, n, m->low);
	if (m->scale == 1 || pages > 1024)
		return;
	m->paged_bytes = pages * sizeof(struct codec_page);
	for (uint64_t i = 0; i < pages; i++) {
		uint64_t rows = n - i * CODEC_PAGE < CODEC_PAGE ? n - i * CODEC_PAGE : CODEC_PAGE;
		m->paged_bytes += page_bytes(rows, codec_width(range[i] / m->scale));
	}
}

/* ---- SPARSE ------------------------------------------------------------------------------------ */

static bool
write_sparse(struct codec_out *out, const uint64_t *v, uint64_t n, uint64_t base, uint32_t scale)
{
	uint64_t pages = codec_pages(n);
	size_t start = out->used,
	       head = sizeof(struct codec_sparse) + pages * sizeof(struct codec_sparse_page);
	struct codec_sparse h = {0};
	uint64_t *values = codec_scratch(out, n);
	if (values == NULL || codec_room(out, head) == NULL)
		return false;
	for (uint64_t i = 0; i < pages; i++) {
		struct codec_sparse_page p = {.rank = h.exceptions};
		uint64_t first = i * CODEC_PAGE, rows = codec_page_rows(n, first);
		for (uint64_t r = 0; r < rows; r++)
			if (v[first + r] != base) {
				p.bitmap[r / 64] |= UINT64_C(1) << (r % 64);
				values[h.exceptions++] = v[first + r];
			}
		memcpy(out->p + start + sizeof h + i * sizeof p, &p, sizeof p);
	}
	if ((out->used - start) % 8 != 0 && codec_room(out, 8 - (out->used - start) % 8) == NULL)
		return false;
	h.offset = (uint32_t)(out->used - start);
	memcpy(out->p + start, &h, sizeof h);
	return codec_paged_write(out, values, h.exceptions, scale, false);
}

VECTOR static uint64_t
count_of(const uint64_t *v, uint64_t n, uint64_t x)
{
	uint64_t k = 0;
	for (uint64_t i = 0; i < n; i++)
		k += v[i] == x;
	return k;
}

/* The value that at least half of the rows have, if it is 0 or the middle row's; a dictionary covers the rest.  Some rows
 * spread over the column are asked first: most columns have no such value, and need not be read for it. */
static bool
commonest(const uint64_t *v, uint64_t n, uint64_t *value)
{
	enum { ASKED = 512 };
	uint64_t step = n / ASKED + 1, asked = 0, zeros = 0, middles = 0, middle = v[n / 2];
	for (uint64_t i = 0; i < n; i += step, asked++) {
		zeros += v[i] == 0;
		middles += v[i] == middle;
	}
	*value = zeros >= middles ? 0 : middle;
	uint64_t most = zeros >= middles ? zeros : middles;
	return most * 5 >= asked * 2 && count_of(v, n, *value) >= n / 2;
}

/* What leaving the commonest value out would take, as SPARSE and as FEW; UINT64_MAX: there is no such value, or too many others. */
struct without {
	uint64_t common, sparse, few;
	struct codec_list list; /* of FEW */
};

static struct without
leave_out(const uint64_t *v, uint64_t n, const struct codec_measure *m)
{
	struct without w = {.sparse = UINT64_MAX, .few = UINT64_MAX};
	uint64_t low = UINT64_MAX, high = 0, some = 0, pages = codec_pages(n);
	if (!commonest(v, n, &w.common))
		return w;
	bool listed = codec_list_make(&w.list, v, n, w.common, n / 8);
	if (listed) {
		low = w.list.low;
		high = w.list.high;
		some = w.list.rows;
	}
	for (uint64_t i = 0; i < n && !listed; i++)
		if (v[i] != w.common) {
			low = v[i] < low ? v[i] : low;
			high = v[i] > high ? v[i] : high;
			some++;
		}
	unsigned bits = some ? codec_width((high - low) / m->scale) : 0;
	if (listed)
		w.few = codec_few_bytes(n, some, bits);
	/* the rest packed in one go: an upper bound of what write_sparse makes */
	w.sparse = sizeof(struct codec_sparse) + pages * sizeof(struct codec_sparse_page) +
		   codec_packed_bytes(some, bits) +
		   (some / CODEC_PAGE + 1) * (sizeof(struct codec_page) + CODEC_PAD);
	return w;
}

/* ---- choosing ---------------------------------------------------------------------------------- */

/* A zstd trial on every 16th page says what the whole would take. */
static uint64_t
zpaged_guess(
	struct codec_out *out, const uint64_t *v, uint64_t n, const struct codec_measure *m, unsigned planes)
{
	size_t before = out->used;
	uint64_t tried = 0, got = 0;
	for (uint64_t at = 0; at + CODEC_ZPAGE <= n; at += 16 * CODEC_ZPAGE) {
		got += codec_zpaged_write(out, v + at, CODEC_ZPAGE, m->low, planes);
		out->used = before;
		tried += CODEC_ZPAGE;
	}
	return tried == 0 || out->failed ? UINT64_MAX : got * n / tried;
}

/* What columns of few different values take: FEW, COMMON and DICT are written here (*done); SPARSE is only chosen. */
static bool
write_few_values(struct codec_out *out, const uint64_t *v, uint64_t n, unsigned hints,
	const struct codec_measure *m, uint64_t best, uint64_t *common, struct block_column *d, bool *done)
{
	struct without w = {.sparse = UINT64_MAX, .few = UINT64_MAX};
	struct codec_distinct *t = NULL;
	struct codec_frequent *k = NULL;
	uint64_t limit = best, frequent = UINT64_MAX;
	bool ok = true, near = codec_width((m->high - m->low) / m->scale) > 8 && m->scale == 1 &&
			       m->high - m->low < 65536;
	if (!(hints & CODEC_DIRECT))
		w = leave_out(v, n, m);
	/* whatever has a code a row takes an eighth of a byte each */
	bool least = w.few < n / 8 - n / 64 && w.few < best - best / 10;
	if (!least) {
		t = codec_dict_try(v, n, m, best);
		limit = t ? codec_dict_bytes(t, n, m) : best;
		k = near ? codec_common_try(v, n, m, &frequent) : NULL;
	}
	*done = true;
	if (k != NULL && frequent < limit - limit / 10 && frequent < w.sparse && frequent < w.few) {
		d->encoding = CODEC_COMMON;
		ok = codec_common_write(out, k, v, n, m, d);
	} else if (w.few < w.sparse && w.few < limit - limit / 10) {
		d->encoding = CODEC_FEW;
		d->base = w.common;
		ok = codec_few_write(out, &w.list, n, m->scale);
	} else if (w.sparse < limit - limit / 10) {
		d->encoding = CODEC_SPARSE;
		*common = w.common;
		*done = false;
	} else if (t != NULL) {
		d->encoding = CODEC_DICT;
		ok = codec_dict_write(out, t, v, n, m, d);
	} else {
		*done = false;
	}
	free(k);
	free(t);
	codec_list_free(&w.list);
	return ok;
}

static bool
write_best(struct codec_out *out, const uint64_t *v, uint64_t n, unsigned hints,
	const struct codec_measure *m, struct block_column *d)
{
	unsigned bits = codec_width((m->high - m->low) / m->scale);
	uint64_t best = codec_packed_bytes(n, bits) + CODEC_PAD, common = 0;
	bool patched = false;
	d->encoding = CODEC_PACKED;
	/* a byte-aligned width within a twentieth reads as a plain array */
	unsigned plain = bits <= 8 ? 8 : bits <= 16 ? 16 : bits <= 32 ? 32 : 64;
	if (m->scale == 1 && (plain - bits) * 20 <= plain)
		bits = plain;
	size_t start = out->used;
	if (hints & (CODEC_TAIL | CODEC_STEPWISE) && n >= CODEC_PAGE) {
		if (!codec_paged_patched(out, v, n, m->scale, (hints & CODEC_STEPWISE) != 0))
			return false;
		if (out->used - start < best - best / 20) {
			best = out->used - start;
			d->encoding = CODEC_PAGED;
			patched = true;
		} else {
			out->used = start;
		}
	} else if (m->paged_bytes < best - best / 10 || (hints & CODEC_ASCENDING && n > 64)) {
		d->encoding = CODEC_PAGED;
		best = m->paged_bytes < best ? m->paged_bytes : best;
	}
	size_t end = out->used;
	out->used = start; /* a better one is written over it */
	if (!(hints & CODEC_ASCENDING) && n >= 64 && best > n / 32) {
		bool done = false, ok = write_few_values(out, v, n, hints, m, best, &common, d, &done);
		if (done)
			return ok;
	}
	if (hints & CODEC_COLD && d->encoding <= CODEC_PAGED && bits > 8) {
		unsigned planes = (codec_width(m->high - m->low) + 7) / 8;
		if (zpaged_guess(out, v, n, m, planes) < best - best / 4) {
			d->encoding = CODEC_ZPAGED;
			d->bits = (uint8_t)(planes * 8);
			d->scale = 1;
			return codec_zpaged_write(out, v, n, m->low, planes) > 0;
		}
	}
	switch (d->encoding) {
	case CODEC_PAGED:
		if (patched) {
			out->used = end;
			return true;
		}
		return codec_paged_write(out, v, n, m->scale, (hints & CODEC_ASCENDING) != 0);
	case CODEC_SPARSE:
		d->base = common;
		return write_sparse(out, v, n, common, m->scale);
	default:
		d->bits = (uint8_t)bits;
		return codec_packed_write(out, v, n, m->low, m->scale, bits);
	}
}

size_t
codec_pack(struct codec_out *out, const uint64_t *v, uint64_t n, unsigned hints, struct block_column *d)
{
	struct codec_measure m;
	*d = (struct block_column){.encoding = CODEC_CONST, .scale = 1, .count = n};
	codec_align(out, 64);
	size_t start = out->used;
	if (n == 0)
		return start;
	measure(&m, v, n, hints);
	d->base = d->low = m.low;
	d->high = m.high;
	if (m.low == m.high)
		return start;
	d->scale = m.scale;
	if (!write_best(out, v, n, hints, &m, d))
		out->failed = true;
	d->bytes = out->used - start;
	return start;
}

size_t
codec_pack_quick(struct codec_out *out, const uint64_t *v, uint64_t n, struct block_column *d)
{
	uint64_t low, high;
	*d = (struct block_column){.encoding = CODEC_CONST, .scale = 1, .count = n};
	codec_align(out, 8);
	size_t start = out->used;
	if (n == 0)
		return start;
	codec_limits(v, n, &low, &high);
	d->base = d->low = low;
	d->high = high;
	if (low == high)
		return start;
	unsigned w = codec_width(high - low);
	d->encoding = CODEC_PACKED;
	d->bits = (uint8_t)(w <= 8 ? 8 : w <= 16 ? 16 : w <= 32 ? 32 : 64);
	if (!codec_packed_write(out, v, n, low, 1, d->bits))
		out->failed = true;
	d->bytes = out->used - start;
	return start;
}

VECTOR void
codec_limits(const uint64_t *v, uint64_t n, uint64_t *low, uint64_t *high)
{
	uint64_t a = v[0], b = v[0];
	for (uint64_t i = 1; i < n; i++) {
		a = v[i] < a ? v[i] : a;
		b = v[i] > b ? v[i] : b;
	}
	*low = a;
	*high = b;
}

VECTOR void
codec_narrow(void *out, const uint64_t *v, uint64_t n, uint64_t base, unsigned bits)
{
	uint8_t *to = out;
	if (bits == 8) {
		PUT_PLAIN(uint8_t)
	} else if (bits == 16) {
		PUT_PLAIN(uint16_t)
	} else if (bits == 32) {
		PUT_PLAIN(uint32_t)
	} else {
		PUT_PLAIN(uint64_t)
	}
}

size_t
codec_pack_bytes(struct codec_out *out, const void *bytes, uint64_t n, struct block_column *d)
{
	*d = (struct block_column){.encoding = CODEC_RAW, .scale = 1, .count = n};
	codec_align(out, 64);
	size_t start = out->used;
	if (n == 0)
		return start;
	if (n >= 256 && codec_zip(out, bytes, n) > 0) {
		d->encoding = CODEC_ZSTD;
		d->bytes = out->used - start;
		(void)codec_room(out, CODEC_PAD);
		return start;
	}
	void *to = codec_room(out, n);
	if (to != NULL)
		memcpy(to, bytes, n);
	d->bytes = n;
	(void)codec_room(out, CODEC_PAD);
	return start;
}
