/*
 * codec_by.c - FEW and BY: columns that say nearly nothing by themselves.
 *
 * A router's flows of one client come in by one interface and VLAN, TCP's flags are absent with other protocols and
 * the same for most sessions with TCP, sessions of UDP end by a timeout.  A table by the other column's value and a
 * short list of the rows that differ say all that in hundredths of a byte a row.  The table is made by one vote for each of
 * its entries (Boyer and Moore: a value that more than half of an entry's rows have wins), then the rows that differ
 * are listed; a sample of the rows tells beforehand where it is no use.
 */
#include <stdlib.h>
#include <string.h>

#include "common/codec_parts.h"
#include "common/vector.h"

/* ---- FEW ---------------------------------------------------------------------------------------- */

static uint64_t
ranks_bytes(uint64_t count)
{
	return (codec_pages(count) + 1) * sizeof(uint32_t);
}

uint64_t
codec_few_bytes(uint64_t count, uint64_t rows, unsigned bits)
{
	return sizeof(struct codec_few) + ranks_bytes(count) + codec_packed_bytes(rows, CODEC_PLACE_BITS) +
	       codec_packed_bytes(rows, bits) + 2 * (uint64_t)CODEC_PAD;
}

void
codec_list_free(struct codec_list *l)
{
	free(l->place);
	free(l->value);
	free(l->rank);
	*l = (struct codec_list){0};
}

static bool
list_grow(struct codec_list *l)
{
	uint64_t room = l->room * 2 + 4 * CODEC_PAGE;
	uint64_t *place = realloc(l->place, room * sizeof *place);
	if (place == NULL)
		return false;
	l->place = place;
	uint64_t *value = realloc(l->value, room * sizeof *value);
	if (value == NULL)
		return false;
	l->value = value;
	l->room = room;
	return true;
}

/* Places of the rows that differ.  Most rows don't, so that eight at a time are passed over. */
VECTOR static uint32_t
places_of(uint16_t *place, const uint64_t *v, const uint64_t *instead, uint64_t rows)
{
	uint32_t some = 0;
	uint64_t i = 0;
	for (; i + 8 <= rows; i += 8) {
		uint64_t differ = 0;
		for (unsigned k = 0; k < 8; k++)
			differ |= v[i + k] ^ instead[i + k];
		for (unsigned k = 0; k < 8 && differ; k++) {
			place[some] = (uint16_t)(i + k);
			some += v[i + k] != instead[i + k];
		}
	}
	for (; i < rows; i++) {
		place[some] = (uint16_t)i;
		some += v[i] != instead[i];
	}
	return some;
}

/* One page more; false: more than `most` are listed, or no memory. */
static bool
list_page(struct codec_list *l, uint64_t page, const uint64_t *v, const uint64_t *instead, uint64_t rows,
	uint64_t most)
{
	uint16_t place[CODEC_PAGE];
	uint32_t some = places_of(place, v, instead, rows);
	l->rank[page] = l->rows;
	l->rank[page + 1] = l->rows + some;
	if (l->rows + some > most || (l->rows + some > l->room && !list_grow(l)))
		return false;
	for (uint32_t k = 0; k < some; k++) {
		uint64_t x = v[place[k]];
		l->place[l->rows] = place[k];
		l->value[l->rows++] = x;
		l->low = x < l->low ? x : l->low;
		l->high = x > l->high ? x : l->high;
	}
	return true;
}

static bool
list_begin(struct codec_list *l, uint64_t n)
{
	*l = (struct codec_list){.low = UINT64_MAX};
	l->rank = calloc(codec_pages(n) + 1, sizeof *l->rank);
	return l->rank != NULL;
}

bool
codec_list_make(struct codec_list *l, const uint64_t *v, uint64_t n, uint64_t base, uint64_t most)
{
	uint64_t instead[CODEC_PAGE];
	bool ok = list_begin(l, n);
	for (unsigned i = 0; i < CODEC_PAGE; i++)
		instead[i] = base;
	for (uint64_t i = 0; i < codec_pages(n) && ok; i++)
		ok = list_page(l, i, v + i * CODEC_PAGE, instead, codec_page_rows(n, i * CODEC_PAGE), most);
	if (!ok)
		codec_list_free(l);
	return ok;
}

bool
codec_few_write(struct codec_out *out, const struct codec_list *l, uint64_t n, uint32_t scale)
{
	struct codec_few h = {.rows = l->rows, .base = l->rows ? l->low : 0};
	h.bits = (uint8_t)(l->rows ? codec_width((l->high - l->low) / scale) : 0);
	uint8_t *to = codec_room(out, sizeof h + ranks_bytes(n));
	if (to == NULL)
		return false;
	memcpy(to, &h, sizeof h);
	memcpy(to + sizeof h, l->rank, (codec_pages(n) + 1) * sizeof *l->rank);
	return codec_packed_write(out, l->place, h.rows, 0, 1, CODEC_PLACE_BITS) &&
	       codec_packed_write(out, l->value, h.rows, h.base, scale, h.bits);
}

/* Any place is within its page, so only the last, short page could lead beyond the column: such a place is not put. */
bool
codec_few_fits(const uint8_t *data, uint64_t bytes, uint64_t count)
{
	struct codec_few h;
	uint32_t rank, before = 0;
	uint64_t pages = codec_pages(count);
	if (bytes < sizeof h || count > UINT32_MAX)
		return false;
	memcpy(&h, data, sizeof h);
	if (h.bits > 64 || h.rows > count || codec_few_bytes(count, h.rows, h.bits) > bytes)
		return false;
	for (uint64_t i = 0; i <= pages; i++, before = rank) {
		memcpy(&rank, data + sizeof h + i * sizeof rank, sizeof rank);
		if (rank < before || rank - before > CODEC_PAGE)
			return false;
	}
	return before == h.rows;
}

#define PUT(type)                                                                                            \
	struct codec_few h_;                                                                                 \
	memcpy(&h_, data, sizeof h_);                                                                        \
	const uint8_t *ranks_ = data + sizeof h_, *places_ = ranks_ + ranks_bytes(count),                    \
		      *values_ = places_ + codec_packed_bytes(h_.rows, CODEC_PLACE_BITS) + CODEC_PAD;        \
	for (uint64_t page_ = from / CODEC_PAGE; page_ * CODEC_PAGE < from + n; page_++) {                   \
		uint32_t rank_[2], place_[CODEC_PAGE];                                                       \
		uint64_t value_[CODEC_PAGE];                                                                 \
		memcpy(rank_, ranks_ + page_ * sizeof rank_[0], sizeof rank_);                               \
		uint32_t some_ = rank_[1] - rank_[0];                                                        \
		if (some_ == 0)                                                                              \
			continue;                                                                            \
		codec_unpack_u32(places_, CODEC_PLACE_BITS, rank_[0], some_, 0, 1, place_);                  \
		codec_unpack_u64(values_, h_.bits, rank_[0], some_, h_.base, scale, value_);                 \
		for (uint32_t i = 0; i < some_; i++) {                                                       \
			uint64_t row_ = page_ * CODEC_PAGE + place_[i];                                      \
			if (row_ >= from && row_ - from < n)                                                 \
				out[row_ - from] = (type)value_[i];                                          \
		}                                                                                            \
	}

void
codec_few_put_u64(
	const uint8_t *data, uint64_t count, uint64_t from, uint64_t n, uint32_t scale, uint64_t *out)
{
	PUT(uint64_t);
}

void
codec_few_put_u32(
	const uint8_t *data, uint64_t count, uint64_t from, uint64_t n, uint32_t scale, uint32_t *out)
{
	PUT(uint32_t);
}

uint32_t
codec_few_page(const struct block_column *c, uint32_t page, uint32_t *place, uint64_t *value)
{
	struct codec_few h;
	uint32_t rank[2];
	memcpy(&h, c->data, sizeof h);
	const uint8_t *ranks = c->data + sizeof h, *places = ranks + ranks_bytes(c->count),
		      *values = places + codec_packed_bytes(h.rows, CODEC_PLACE_BITS) + CODEC_PAD;
	memcpy(rank, ranks + page * sizeof rank[0], sizeof rank);
	codec_unpack_u32(places, CODEC_PLACE_BITS, rank[0], rank[1] - rank[0], 0, 1, place);
	codec_unpack_u64(values, h.bits, rank[0], rank[1] - rank[0], h.base, c->scale, value);
	return rank[1] - rank[0];
}

/* ---- BY: reading ---------------------------------------------------------------------------------- */

static bool
by_sound(struct block_column *c)
{
	struct codec_by h;
	if (c->sound)
		return true;
	if (c->bytes < sizeof h)
		return false;
	memcpy(&h, c->data, sizeof h);
	if (h.entries == 0 || h.few > c->bytes || h.few < sizeof h || h.few % 8 != 0 ||
		h.entries > CODEC_MAX_BY ||
		!codec_paged_fits(c->data + sizeof h, h.few - sizeof h, h.entries) ||
		!codec_few_fits(c->data + h.few, c->bytes - h.few, c->count))
		return false;
	uint64_t *table = malloc(h.entries * sizeof *table);
	if (table == NULL)
		return false;
	codec_paged_u64(c->data + sizeof h, h.entries, 0, h.entries, 1, table);
	free(c->unpacked);
	c->unpacked = table;
	return c->sound = true;
}

#define BY(type, put)                                                                                        \
	struct codec_by h_;                                                                                  \
	if (from > c->count || n > c->count - from || !by_sound(c))                                          \
		return FT_EFORMAT;                                                                           \
	memcpy(&h_, c->data, sizeof h_);                                                                     \
	const uint64_t *table_ = c->unpacked;                                                                \
	type most_ = 0;                                                                                      \
	for (uint64_t i = 0; i < n; i++) {                                                                   \
		out[i] -= (type)h_.low;                                                                      \
		most_ = out[i] > most_ ? out[i] : most_;                                                     \
	}                                                                                                    \
	if (n > 0 && most_ >= h_.entries)                                                                    \
		return FT_EFORMAT;                                                                           \
	for (uint64_t i = 0; i < n; i++)                                                                     \
		out[i] = (type)table_[out[i]];                                                               \
	put(c->data + h_.few, c->count, from, n, 1, out);                                                    \
	return FT_OK;

int
codec_by_u64(struct block_column *c, uint64_t from, uint64_t n, uint64_t *out)
{
	BY(uint64_t, codec_few_put_u64)
}

int
codec_by_u32(struct block_column *c, uint64_t from, uint64_t n, uint32_t *out)
{
	BY(uint32_t, codec_few_put_u32)
}

/* ---- BY: writing ----------------------------------------------------------------------------------- */

struct vote {
	uint32_t value, count; /* NOBODY before the first vote */
};
enum { NOBODY = UINT32_MAX };

/* Without branches: which row is the first of its entry nobody can foresee. */
static void
vote(struct vote *table, const uint64_t *v, const uint32_t *by, uint32_t low, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		uint32_t x = (uint32_t)v[i];
		struct vote *at = &table[by[i] - low], e = *at;
		e.value = e.count == 0 ? x : e.value;
		e.count += e.value == x ? 1 : UINT32_MAX;
		*at = e;
	}
}

static uint64_t
misses(const struct vote *table, const uint64_t *v, const uint32_t *by, uint32_t low, uint64_t n)
{
	uint64_t sum = 0;
	for (uint64_t i = 0; i < n; i++)
		sum += table[by[i] - low].value != (uint32_t)v[i];
	return sum;
}

/* Entries that no row has cost least if they are as their neighbour. */
static void
fill(uint64_t *to, const struct vote *table, uint64_t entries)
{
	uint64_t last = table[0].value == NOBODY ? 0 : table[0].value;
	for (uint64_t i = 0; i < entries; i++) {
		last = table[i].value == NOBODY ? last : table[i].value;
		to[i] = last;
	}
}

/* Rows that lost the vote. */
static bool
list_by(struct codec_list *l, const uint64_t *v, uint64_t n, const struct vote *table, const uint32_t *by,
	uint32_t low, uint64_t most)
{
	bool ok = list_begin(l, n);
	for (uint64_t i = 0; i < codec_pages(n) && ok; i++) {
		uint64_t first = i * CODEC_PAGE, rows = codec_page_rows(n, first), instead[CODEC_PAGE];
		for (uint64_t k = 0; k < rows; k++)
			instead[k] = table[by[first + k] - low].value;
		ok = list_page(l, i, v + first, instead, rows, most);
	}
	return ok;
}

static bool
write_by(struct codec_out *out, const struct codec_list *l, uint64_t n, uint32_t low, const uint64_t *table,
	uint32_t entries)
{
	struct codec_by h = {.entries = entries, .low = low};
	size_t start = out->used;
	if (codec_room(out, sizeof h) == NULL || !codec_paged_write(out, table, entries, 1, false))
		return false;
	h.few = (uint32_t)(out->used - start);
	memcpy(out->p + start, &h, sizeof h);
	return codec_few_write(out, l, n, 1);
}

size_t
codec_pack_by(struct codec_out *out, const uint64_t *v, uint64_t n, const uint32_t *by, uint32_t low,
	uint32_t high, uint64_t most, struct block_column *d)
{
	enum { SAMPLE = 8192 };
	uint64_t entries = (uint64_t)high - low + 1;
	struct codec_list l = {0};
	*d = (struct block_column){.encoding = CODEC_BY, .scale = 1, .count = n};
	if (n < CODEC_PAGE || entries > CODEC_MAX_BY)
		return 0;
	codec_limits(v, n, &d->low, &d->high);
	if (d->high >= NOBODY)
		return 0;
	struct vote *table = malloc(entries * sizeof *table);
	uint64_t *work = malloc(entries * sizeof *work);
	size_t start = 0, before = out->used;
	if (table == NULL || work == NULL)
		goto out;
	for (uint64_t i = 0; i < entries; i++)
		table[i] = (struct vote){NOBODY, 0};
	uint64_t some = n < SAMPLE ? n : SAMPLE;
	vote(table, v, by, low, some);
	if (misses(table, v, by, low, some) > some / 16)
		goto out;
	vote(table, v + some, by + some, low, n - some);
	/* each row that differs takes its place at least */
	if (!list_by(&l, v, n, table, by, low, most * 8 / CODEC_PLACE_BITS) ||
		codec_few_bytes(n, l.rows, codec_width(d->high - d->low)) > most)
		goto out;
	fill(work, table, entries);
	codec_align(out, 64);
	start = out->used;
	if (!write_by(out, &l, n, low, work, (uint32_t)entries))
		out->failed = true;
	d->bytes = out->used - start;
	if (d->bytes > most) {
		out->used = before;
		start = 0;
	}
out:
	codec_list_free(&l);
	free(table);
	free(work);
	return start;
}
