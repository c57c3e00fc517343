/*
 * codec.c - reading packed columns (codec.h).
 *
 * The kernels that unpack bits are kernel_unpack.c's; here is what the encodings make of them, and what is checked
 * before a kernel may run.
 */
#include "common/codec.h"

#include <stdlib.h>
#include <string.h>

#include "common/codec_parts.h"
#include "common/vector.h"

/* ---- structure: can the data be what the column says? ------------------------------------------- */

static bool
packed_fits(uint64_t bytes, uint64_t at, uint64_t n, unsigned bits)
{
	if (bits > 64 || at > bytes || n > UINT32_MAX)
		return false;
	bool plain = bits == 0 || bits == 8 || bits == 16 || bits == 32 || bits == 64;
	uint64_t need = codec_packed_bytes(n, bits) + (plain ? 0 : CODEC_PAD);
	return need <= bytes - at;
}

/* their list lies inside, and names rows of the page */
static bool
exceptions_fit(const uint8_t *data, uint64_t bytes, const struct codec_page *p, uint64_t rows)
{
	uint64_t at = codec_exceptions_at(p, rows), n = p->exceptions;
	bool good = p->bits < 64 && n <= rows && at <= bytes && n * 6 <= bytes - at;
	for (uint64_t i = 0, row = 0; i < n && good; i++, row++) {
		uint16_t next;
		memcpy(&next, data + at + n * 4 + i * 2, sizeof next);
		good = next >= row && next < rows;
		row = next;
	}
	return good;
}

bool
codec_paged_fits(const uint8_t *data, uint64_t bytes, uint64_t count)
{
	uint64_t pages = codec_pages(count);
	if (count > UINT32_MAX || pages * sizeof(struct codec_page) > bytes)
		return false;
	for (uint64_t i = 0; i < pages; i++) {
		struct codec_page p;
		memcpy(&p, data + i * sizeof p, sizeof p);
		uint64_t rows = i + 1 < pages ? (uint64_t)CODEC_PAGE : count - i * CODEC_PAGE;
		if (p.running > CODEC_STEPS || !packed_fits(bytes, p.offset, rows, p.bits) ||
			(p.exceptions > 0 && !exceptions_fit(data, bytes, &p, rows)))
			return false;
	}
	return true;
}

static bool
dict_sound(struct block_column *c)
{
	struct codec_dict h;
	if (c->bytes < sizeof h)
		return false;
	memcpy(&h, c->data, sizeof h);
	if (h.distinct == 0 || h.distinct > CODEC_MAX_DICT ||
		!packed_fits(c->bytes, sizeof h, h.distinct, h.bits) ||
		!packed_fits(c->bytes, h.codes, c->count, c->bits) || c->bits > 12)
		return false;
	/* room for every code of that width, so that no code can lead outside: those beyond `distinct` read as 0 */
	uint64_t *values = calloc((size_t)1 << c->bits, sizeof *values);
	if (values == NULL || h.distinct > (UINT64_C(1) << c->bits)) {
		free(values);
		return false;
	}
	codec_unpack_u64(c->data + sizeof h, h.bits, 0, h.distinct, h.base, c->scale, values);
	c->unpacked = values;
	return true;
}

static bool
sparse_sound(const struct block_column *c)
{
	struct codec_sparse h;
	uint64_t pages = codec_pages(c->count), rank = 0;
	if (c->count > UINT32_MAX || c->bytes < sizeof h + pages * sizeof(struct codec_sparse_page))
		return false;
	memcpy(&h, c->data, sizeof h);
	if (h.offset > c->bytes || h.offset % 8 != 0 ||
		!codec_paged_fits(c->data + h.offset, c->bytes - h.offset, h.exceptions))
		return false;
	for (uint64_t i = 0; i < pages; i++) {
		struct codec_sparse_page p;
		memcpy(&p, c->data + sizeof h + i * sizeof p, sizeof p);
		if (p.rank != rank)
			return false;
		for (unsigned w = 0; w < CODEC_PAGE / 64; w++)
			rank += (unsigned)__builtin_popcountll(p.bitmap[w]);
	}
	return rank == h.exceptions;
}

static bool
common_sound(struct block_column *c)
{
	struct codec_common h;
	uint64_t pages = codec_pages(c->count);
	if (c->bytes < sizeof h || c->bits == 0 || c->bits > 12)
		return false;
	memcpy(&h, c->data, sizeof h);
	if (h.common >= UINT32_C(1) << c->bits || !packed_fits(c->bytes, sizeof h, h.common, h.bits) ||
		!packed_fits(c->bytes, h.codes, c->count, c->bits) || h.ranks > c->bytes ||
		pages * sizeof(uint32_t) > c->bytes - h.ranks || h.offset > c->bytes || h.offset % 8 != 0 ||
		!(c->fits || codec_paged_fits(c->data + h.offset, c->bytes - h.offset, h.others)))
		return false;
	uint64_t *values = calloc((size_t)1 << c->bits, sizeof *values);
	if (values == NULL)
		return false;
	codec_unpack_u64(c->data + sizeof h, h.bits, 0, h.common, h.base, 1, values);
	c->unpacked = values;
	return true;
}

bool
codec_sound(struct block_column *c)
{
	if (c->sound)
		return true;
	switch (c->encoding) {
	case CODEC_CONST:
		c->sound = true;
		break;
	case CODEC_PACKED:
		c->sound = packed_fits(c->bytes, 0, c->count, c->bits);
		break;
	case CODEC_DICT:
		c->sound = dict_sound(c);
		break;
	case CODEC_PAGED:
		c->sound = c->fits || codec_paged_fits(c->data, c->bytes, c->count);
		break;
	case CODEC_SPARSE:
		c->sound = c->fits || sparse_sound(c);
		break;
	case CODEC_ZPAGED:
		c->sound = codec_zpaged_open(c);
		break;
	case CODEC_COMMON:
		c->sound = common_sound(c);
		break;
	case CODEC_FEW:
		c->sound = codec_few_fits(c->data, c->bytes, c->count);
		break;
	default:
		break;
	}
	return c->sound;
}

/* ---- reading ---------------------------------------------------------------------------------- */

VECTOR static void
narrow(uint32_t *out, const uint64_t *v, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		out[i] = (uint32_t)v[i];
}

/* Exceptions in rows [at, at + take) of a page of `rows`: their high bits, times scale, are added. */
#define ADD_EXCEPTIONS(out_t)                                                                                \
	const uint8_t *high_ = data + codec_exceptions_at(p, rows), *row_ = high_ + p->exceptions * 4;       \
	for (uint32_t i = 0; i < p->exceptions; i++) {                                                       \
		uint32_t h_;                                                                                 \
		uint16_t r_;                                                                                 \
		memcpy(&r_, row_ + i * sizeof r_, sizeof r_);                                                \
		if (r_ < at)                                                                                 \
			continue;                                                                            \
		if (r_ >= at + take)                                                                         \
			break;                                                                               \
		memcpy(&h_, high_ + i * sizeof h_, sizeof h_);                                               \
		out[r_ - at] += (out_t)(((uint64_t)h_ << p->bits) * scale);                                  \
	}

static void
add_u64(const uint8_t *data, const struct codec_page *p, uint64_t rows, uint64_t at, uint64_t take,
	uint64_t scale, uint64_t *out)
{
	ADD_EXCEPTIONS(uint64_t)
}

static void
add_u32(const uint8_t *data, const struct codec_page *p, uint64_t rows, uint64_t at, uint64_t take,
	uint64_t scale, uint32_t *out){ADD_EXCEPTIONS(uint32_t)}

/* A page of differences, from its first row on; the first is 0. */
VECTOR static void running_u64(const uint8_t *data, const struct codec_page *p, uint64_t rows, uint64_t at,
	uint64_t take, uint32_t scale, uint64_t *out)
{
	uint64_t all[CODEC_PAGE], v = p->base, n = at + take;
	codec_unpack_u64(data + p->offset, p->bits, 0, n, 0, 1, all);
	if (p->exceptions > 0)
		add_u64(data, p, rows, 0, n, 1, all);
	if (p->running == CODEC_STEPS)
		for (uint64_t i = 0; i < n; i++)
			all[i] = all[i] >> 1 ^ -(all[i] & 1);
	for (uint64_t i = 0; i < at; i++)
		v += all[i] * scale;
	for (uint64_t i = 0; i < take; i++)
		out[i] = v += all[at + i] * scale;
}

/* `count` rows in the whole column: the last page may be short */
void
codec_paged_u64(const uint8_t *data, uint64_t count, uint64_t from, uint64_t n, uint32_t scale, uint64_t *out)
{
	while (n > 0) {
		uint64_t at = from % CODEC_PAGE, take = CODEC_PAGE - at < n ? CODEC_PAGE - at : n;
		uint64_t left = count - (from - at), rows = left < CODEC_PAGE ? left : CODEC_PAGE;
		struct codec_page p;
		memcpy(&p, data + from / CODEC_PAGE * sizeof p, sizeof p);
		if (p.running) {
			running_u64(data, &p, rows, at, take, scale, out);
		} else {
			codec_unpack_u64(data + p.offset, p.bits, at, take, p.base, scale, out);
			if (p.exceptions > 0)
				add_u64(data, &p, rows, at, take, scale, out);
		}
		from += take;
		n -= take;
		out += take;
	}
}

static void
paged_u32(const uint8_t *data, uint64_t count, uint64_t from, uint64_t n, uint32_t scale, uint32_t *out)
{
	while (n > 0) {
		uint64_t at = from % CODEC_PAGE, take = CODEC_PAGE - at < n ? CODEC_PAGE - at : n;
		uint64_t left = count - (from - at), rows = left < CODEC_PAGE ? left : CODEC_PAGE;
		struct codec_page p;
		memcpy(&p, data + from / CODEC_PAGE * sizeof p, sizeof p);
		if (p.running) {
			uint64_t wide[CODEC_PAGE];
			running_u64(data, &p, rows, at, take, scale, wide);
			narrow(out, wide, take);
		} else {
			codec_unpack_u32(data + p.offset, p.bits, at, take, p.base, scale, out);
			if (p.exceptions > 0)
				add_u32(data, &p, rows, at, take, scale, out);
		}
		from += take;
		n -= take;
		out += take;
	}
}

/* Rows of one page: fill with base, then put the marked rows' values in.  Exceptions before `at` in the page
 * are counted, not read. */
VECTOR static void
sparse_u64(const struct block_column *c, uint64_t from, uint64_t n, uint64_t *out)
{
	struct codec_sparse h;
	memcpy(&h, c->data, sizeof h);
	while (n > 0) {
		uint64_t at = from % CODEC_PAGE, take = CODEC_PAGE - at < n ? CODEC_PAGE - at : n, before = 0,
			 some = 0;
		uint64_t values[CODEC_PAGE];
		struct codec_sparse_page p;
		memcpy(&p, c->data + sizeof h + from / CODEC_PAGE * sizeof p, sizeof p);
		for (uint64_t i = 0; i < take; i++)
			out[i] = c->base;
		for (unsigned w = 0; w < CODEC_PAGE / 64; w++) {
			uint64_t first = (uint64_t)w * 64, m = p.bitmap[w], early = 0;
			if (first < at)
				early = at - first >= 64 ? UINT64_MAX : (UINT64_C(1) << (at - first)) - 1;
			before += (unsigned)__builtin_popcountll(m & early);
			m &= ~early;
			if (first + 64 > at + take)
				m &= first >= at + take ? 0 : UINT64_MAX >> (first + 64 - at - take);
			p.bitmap[w] = m;
			some += (unsigned)__builtin_popcountll(m);
		}
		if (some > 0) {
			const uint64_t *next = values;
			codec_paged_u64(
				c->data + h.offset, h.exceptions, p.rank + before, some, c->scale, values);
			for (unsigned w = 0; w < CODEC_PAGE / 64; w++)
				for (uint64_t m = p.bitmap[w]; m; m &= m - 1)
					out[(uint64_t)w * 64 + (unsigned)__builtin_ctzll(m) - at] = *next++;
		}
		from += take;
		n -= take;
		out += take;
	}
}

/* A page's codes are read from its start, so that the others before `at` can be counted.  FT_EFORMAT: it has more
 * others than there are. */
VECTOR static int
common_u64(const struct block_column *c, uint64_t from, uint64_t n, uint64_t *out)
{
	struct codec_common h;
	const uint64_t *values = c->unpacked;
	memcpy(&h, c->data, sizeof h);
	while (n > 0) {
		uint64_t at = from % CODEC_PAGE, take = CODEC_PAGE - at < n ? CODEC_PAGE - at : n, some = 0;
		uint32_t code[CODEC_PAGE], rank;
		uint16_t other[CODEC_PAGE + 1]; /* rows of the others */
		uint64_t others[CODEC_PAGE];
		memcpy(&rank, c->data + h.ranks + from / CODEC_PAGE * sizeof rank, sizeof rank);
		codec_unpack_u32(c->data + h.codes, c->bits, from - at, at + take, 0, 1, code);
		for (uint64_t i = 0; i < at; i++)
			rank += code[i] >= h.common;
		for (uint64_t i = 0; i < take; i++) {
			out[i] = values[code[at + i]];
			other[some] = (uint16_t)i;
			some += code[at + i] >= h.common;
		}
		if (rank > h.others || some > h.others - rank)
			return FT_EFORMAT;
		if (some > 0)
			codec_paged_u64(c->data + h.offset, h.others, rank, some, 1, others);
		for (uint64_t i = 0; i < some; i++)
			out[other[i]] = others[i];
		from += take;
		n -= take;
		out += take;
	}
	return FT_OK;
}

VECTOR static void
dict_u64(const struct block_column *c, uint64_t from, uint64_t n, uint64_t *out)
{
	struct codec_dict h;
	const uint64_t *values = c->unpacked;
	memcpy(&h, c->data, sizeof h);
	codec_unpack_u64(c->data + h.codes, c->bits, from, n, 0, 1, out);
	for (uint64_t i = 0; i < n; i++)
		out[i] = values[out[i]];
}

VECTOR static void
dict_u32(const struct block_column *c, uint64_t from, uint64_t n, uint32_t *out)
{
	struct codec_dict h;
	const uint64_t *values = c->unpacked;
	memcpy(&h, c->data, sizeof h);
	codec_unpack_u32(c->data + h.codes, c->bits, from, n, 0, 1, out);
	for (uint64_t i = 0; i < n; i++)
		out[i] = (uint32_t)values[out[i]];
}

int
codec_u64(struct block_column *c, uint64_t from, uint64_t n, uint64_t *out)
{
	if (n == 0)
		return FT_OK;
	if (from > c->count || n > c->count - from || !codec_sound(c))
		return FT_EFORMAT;
	switch (c->encoding) {
	case CODEC_CONST:
		codec_unpack_u64(NULL, 0, 0, n, c->base, 1, out);
		return FT_OK;
	case CODEC_PACKED:
		codec_unpack_u64(c->data, c->bits, from, n, c->base, c->scale, out);
		return FT_OK;
	case CODEC_DICT:
		dict_u64(c, from, n, out);
		return FT_OK;
	case CODEC_PAGED:
		codec_paged_u64(c->data, c->count, from, n, c->scale, out);
		return FT_OK;
	case CODEC_SPARSE:
		sparse_u64(c, from, n, out);
		return FT_OK;
	case CODEC_ZPAGED:
		return codec_zpaged_u64(c, from, n, out);
	case CODEC_COMMON:
		return common_u64(c, from, n, out);
	case CODEC_FEW:
		codec_unpack_u64(NULL, 0, 0, n, c->base, 1, out);
		codec_few_put_u64(c->data, c->count, from, n, c->scale, out);
		return FT_OK;
	}
	return FT_EFORMAT;
}

int
codec_u32(struct block_column *c, uint64_t from, uint64_t n, uint32_t *out)
{
	if (n == 0)
		return FT_OK;
	if (from > c->count || n > c->count - from || !codec_sound(c))
		return FT_EFORMAT;
	switch (c->encoding) {
	case CODEC_CONST:
		codec_unpack_u32(NULL, 0, 0, n, c->base, 1, out);
		return FT_OK;
	case CODEC_PACKED:
		codec_unpack_u32(c->data, c->bits, from, n, c->base, c->scale, out);
		return FT_OK;
	case CODEC_DICT:
		dict_u32(c, from, n, out);
		return FT_OK;
	case CODEC_PAGED:
		paged_u32(c->data, c->count, from, n, c->scale, out);
		return FT_OK;
	case CODEC_FEW:
		codec_unpack_u32(NULL, 0, 0, n, c->base, 1, out);
		codec_few_put_u32(c->data, c->count, from, n, c->scale, out);
		return FT_OK;
	default:
		break;
	}
	for (uint64_t wide[CODEC_PAGE]; n > 0;) { /* page by page: what is said of a page is read once */
		uint64_t left = CODEC_PAGE - from % CODEC_PAGE, take = n < left ? n : left;
		int rc = codec_u64(c, from, take, wide);
		if (rc != FT_OK)
			return rc;
		narrow(out, wide, take);
		from += take;
		n -= take;
		out += take;
	}
	return FT_OK;
}

/* ---- sums -------------------------------------------------------------------------------------- */

VECTOR static uint64_t
add_up(const uint64_t *v, uint64_t n)
{
	uint64_t sum = 0;
	for (uint64_t i = 0; i < n; i++)
		sum += v[i];
	return sum;
}

int
codec_sum(struct block_column *c, uint64_t *sum)
{
	uint64_t run[CODEC_PAGE], n = c->count;
	*sum = 0;
	if (!codec_sound(c))
		return n == 0 ? FT_OK : FT_EFORMAT;
	if (c->encoding == CODEC_CONST) {
		*sum = c->base * n;
		return FT_OK;
	}
	if (c->encoding == CODEC_SPARSE) { /* only the marked rows are read */
		struct codec_sparse h;
		memcpy(&h, c->data, sizeof h);
		*sum = c->base * (n - h.exceptions);
		for (uint64_t at = 0, take; at < h.exceptions; at += take) {
			take = h.exceptions - at < CODEC_PAGE ? h.exceptions - at : CODEC_PAGE;
			codec_paged_u64(c->data + h.offset, h.exceptions, at, take, c->scale, run);
			*sum += add_up(run, take);
		}
		return FT_OK;
	}
	for (uint64_t at = 0, take; at < n; at += take) {
		take = n - at < CODEC_PAGE ? n - at : CODEC_PAGE;
		int rc = codec_u64(c, at, take, run);
		if (rc != FT_OK)
			return rc;
		*sum += add_up(run, take);
	}
	return FT_OK;
}

const uint8_t *
codec_raw(struct block_column *c)
{
	if (c->encoding == CODEC_RAW)
		return c->bytes >= c->count ? c->data : NULL;
	if (c->encoding != CODEC_ZSTD)
		return NULL;
	if (c->unpacked == NULL)
		c->unpacked = codec_unzip(c->data, c->bytes, c->count);
	return c->unpacked;
}
