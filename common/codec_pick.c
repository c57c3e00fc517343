/*
 * codec_pick.c - single rows of a column (codec.h).
 *
 * What a filter selects is often a few rows in a thousand; of these alone the columns that an answer needs are read.
 * A row is one load and a shift; what a page says is read once for all of its rows.  Rows come in ascending order, so
 * that lists behind pages (exceptions, values of COMMON and SPARSE) are walked once.
 */
#include <string.h>

#include "common/codec_parts.h"
#include "common/vector.h"

enum { SOME = 512 }; /* rows at a time */

bool
codec_picks(const struct block_column *c)
{
	switch (c->encoding) {
	case CODEC_CONST:
	case CODEC_PACKED:
	case CODEC_DICT:
	case CODEC_PAGED:
	case CODEC_SPARSE:
	case CODEC_COMMON:
	case CODEC_FEW:
		return true;
	default:
		return false;
	}
}

/* Value `i` of those packed in `bits` bits.  Widths that are plain arrays have no padding behind them. */
static inline uint64_t
one(const uint8_t *data, unsigned bits, uint64_t i)
{
	uint64_t v = 0, at = i * bits;
	unsigned shift = at & 7;
	if (bits % 8 == 0 && (bits & (bits - 1)) == 0) {
		memcpy(&v, data + i * (bits / 8), bits / 8);
		return v;
	}
	memcpy(&v, data + (at >> 3), 8);
	v >>= shift;
	if (shift + bits > 64)
		v |= (uint64_t)data[(at >> 3) + 8] << (64 - shift);
	return v & ((UINT64_C(1) << bits) - 1);
}

/* PAGED: rows at[0 … n), ascending */
static void
pick_paged(const uint8_t *data, uint64_t count, const uint32_t *at, uint32_t n, uint32_t scale, uint64_t *out)
{
	uint64_t whole[CODEC_PAGE], page = UINT64_MAX, rows = 0;
	struct codec_page p = {0};
	uint32_t next = 0; /* exception of the page that was not passed yet */
	for (uint32_t i = 0; i < n; i++) {
		uint64_t in = at[i] % CODEC_PAGE;
		if (at[i] / CODEC_PAGE != page) {
			page = at[i] / CODEC_PAGE;
			memcpy(&p, data + page * sizeof p, sizeof p);
			rows = count - page * CODEC_PAGE < CODEC_PAGE ? count - page * CODEC_PAGE
								      : CODEC_PAGE;
			next = 0;
			if (p.running)
				codec_paged_u64(data, count, page * CODEC_PAGE, rows, scale, whole);
		}
		if (p.running) {
			out[i] = whole[in];
			continue;
		}
		out[i] = p.base + one(data + p.offset, p.bits, in) * scale;
		const uint8_t *high = data + codec_exceptions_at(&p, rows), *row = high + p.exceptions * 4;
		for (uint16_t r; next < p.exceptions; next++) {
			uint32_t h;
			memcpy(&r, row + next * sizeof r, sizeof r);
			if (r > in)
				break;
			if (r < in)
				continue;
			memcpy(&h, high + next * sizeof h, sizeof h);
			out[i] += ((uint64_t)h << p.bits) * scale;
		}
	}
}

/* rows whose value is in a PAGED column of its own: which in the answer, which in that column */
struct listed {
	uint32_t n, place[SOME], at[SOME];
};

static void
pick_listed(const struct listed *l, const uint8_t *data, uint64_t count, uint32_t scale, uint64_t *out)
{
	uint64_t value[SOME];
	if (l->n == 0)
		return;
	pick_paged(data, count, l->at, l->n, scale, value);
	for (uint32_t i = 0; i < l->n; i++)
		out[l->place[i]] = value[i];
}

static void
pick_sparse(const struct block_column *c, const uint32_t *at, uint32_t n, uint64_t *out)
{
	struct codec_sparse h;
	struct listed l = {.n = 0};
	memcpy(&h, c->data, sizeof h);
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *page =
			c->data + sizeof h + at[i] / CODEC_PAGE * sizeof(struct codec_sparse_page);
		uint32_t in = at[i] % CODEC_PAGE, rank;
		uint64_t m;
		out[i] = c->base;
		memcpy(&m, page + offsetof(struct codec_sparse_page, bitmap) + in / 64 * 8, 8);
		if ((m >> in % 64 & 1) == 0)
			continue;
		memcpy(&rank, page, sizeof rank);
		rank += (uint32_t)__builtin_popcountll(m & ((UINT64_C(1) << in % 64) - 1));
		for (uint32_t w = 0; w < in / 64; w++) {
			memcpy(&m, page + offsetof(struct codec_sparse_page, bitmap) + w * 8, 8);
			rank += (uint32_t)__builtin_popcountll(m);
		}
		l.place[l.n] = i;
		l.at[l.n++] = rank;
	}
	pick_listed(&l, c->data + h.offset, h.exceptions, c->scale, out);
}

VECTOR static uint32_t
count_from(const uint32_t *v, uint32_t n, uint32_t least)
{
	uint32_t sum = 0;
	for (uint32_t i = 0; i < n; i++)
		sum += v[i] >= least;
	return sum;
}

/* An "other" has to be counted: codes of its page up to it are read, once for all that come after. */
static int
pick_common(const struct block_column *c, const uint32_t *at, uint32_t n, uint64_t *out)
{
	struct codec_common h;
	struct listed l = {.n = 0};
	const uint64_t *values = c->unpacked;
	uint32_t page = UINT32_MAX, counted = 0, rank = 0, code[CODEC_PAGE];
	memcpy(&h, c->data, sizeof h);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t mine = one(c->data + h.codes, c->bits, at[i]);
		out[i] = values[mine];
		if (mine < h.common)
			continue;
		if (at[i] / CODEC_PAGE != page) {
			page = at[i] / CODEC_PAGE;
			counted = page * CODEC_PAGE;
			memcpy(&rank, c->data + h.ranks + page * sizeof rank, sizeof rank);
		}
		codec_unpack_u32(c->data + h.codes, c->bits, counted, at[i] - counted, 0, 1, code);
		rank += count_from(code, at[i] - counted, h.common);
		counted = at[i];
		if (rank >= h.others)
			return FT_EFORMAT;
		l.place[l.n] = i;
		l.at[l.n++] = rank;
	}
	pick_listed(&l, c->data + h.offset, h.others, 1, out);
	return FT_OK;
}

/* The rows that are listed of a page are unpacked once for all rows of it. */
static void
pick_few(const struct block_column *c, const uint32_t *at, uint32_t n, uint64_t *out)
{
	uint32_t page = UINT32_MAX, place[CODEC_PAGE], some = 0, next = 0;
	uint64_t value[CODEC_PAGE];
	for (uint32_t i = 0; i < n; i++) {
		if (at[i] / CODEC_PAGE != page) {
			page = at[i] / CODEC_PAGE;
			some = codec_few_page(c, page, place, value);
			next = 0;
		}
		while (next < some && place[next] < at[i] % CODEC_PAGE)
			next++;
		out[i] = next < some && place[next] == at[i] % CODEC_PAGE ? value[next] : c->base;
	}
}

static int
pick_some(struct block_column *c, const uint32_t *at, uint32_t n, uint64_t *out)
{
	switch (c->encoding) {
	case CODEC_CONST:
		for (uint32_t i = 0; i < n; i++)
			out[i] = c->base;
		return FT_OK;
	case CODEC_PACKED:
		for (uint32_t i = 0; i < n; i++)
			out[i] = c->base + one(c->data, c->bits, at[i]) * c->scale;
		return FT_OK;
	case CODEC_DICT: {
		struct codec_dict h;
		memcpy(&h, c->data, sizeof h);
		for (uint32_t i = 0; i < n; i++)
			out[i] = ((const uint64_t *)c->unpacked)[one(c->data + h.codes, c->bits, at[i])];
		return FT_OK;
	}
	case CODEC_PAGED:
		pick_paged(c->data, c->count, at, n, c->scale, out);
		return FT_OK;
	case CODEC_SPARSE:
		pick_sparse(c, at, n, out);
		return FT_OK;
	case CODEC_COMMON:
		return pick_common(c, at, n, out);
	case CODEC_FEW:
		pick_few(c, at, n, out);
		return FT_OK;
	default:
		return FT_EFORMAT;
	}
}

int
codec_pick_u64(struct block_column *c, uint64_t from, const uint16_t *row, uint32_t n, uint64_t *out)
{
	uint32_t at[SOME];
	if (n == 0)
		return FT_OK;
	if (from > c->count || row[n - 1] >= c->count - from || !codec_sound(c))
		return FT_EFORMAT;
	for (uint32_t done = 0, take; done < n; done += take) {
		take = n - done < SOME ? n - done : SOME;
		for (uint32_t i = 0; i < take; i++)
			at[i] = (uint32_t)from + row[done + i];
		int rc = pick_some(c, at, take, out + done);
		if (rc != FT_OK)
			return rc;
	}
	return FT_OK;
}
