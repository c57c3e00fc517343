/*
 * codec_values.c - columns of few different values: DICT, and COMMON where only some of them are common.
 */
#include <stdlib.h>
#include <string.h>

#include "common/codec_parts.h"

/* ---- DICT -------------------------------------------------------------------------------------- */

enum { SLOTS = CODEC_MAX_DICT * 4 };
struct codec_distinct {
	uint64_t key[SLOTS];
	uint16_t code[SLOTS]; /* + 1; 0 free */
	uint64_t value[CODEC_MAX_DICT];
	uint16_t near_code[65536]; /* instead of the hash table, if `near` */
	bool near;
	uint32_t n;
};

static uint32_t
distinct_slot(const struct codec_distinct *d, uint64_t v)
{
	uint32_t at = (uint32_t)((v * UINT64_C(0x9e3779b97f4a7c15)) >> 50) % SLOTS;
	while (d->code[at] != 0 && d->key[at] != v)
		at = (at + 1) % SLOTS;
	return at;
}

/* false: more than `most` */
static bool
distinct_add(struct codec_distinct *d, const uint64_t *v, uint64_t n, uint32_t most)
{
	for (uint64_t i = 0; i < n; i++) {
		uint32_t at = distinct_slot(d, v[i]);
		if (d->code[at] != 0)
			continue;
		if (d->n >= most)
			return false;
		d->key[at] = v[i];
		d->value[d->n++] = v[i];
		d->code[at] = (uint16_t)d->n;
	}
	return true;
}

/* Values within 65,536 of each other: one look into a table each.  *t->value ascending, t->code by v - low. */
static bool
distinct_near(struct codec_distinct *t, const uint64_t *v, uint64_t n, uint64_t low, uint64_t range)
{
	uint8_t *have = (uint8_t *)t->key; /* large enough: SLOTS * 8 bytes */
	_Static_assert(sizeof t->key >= 65536, "the table of near values fits");
	for (uint64_t i = 0; i < n; i++)
		have[v[i] - low] = 1;
	for (uint64_t x = 0; x <= range; x++) {
		if (!have[x])
			continue;
		if (t->n == CODEC_MAX_DICT)
			return false;
		t->value[t->n++] = low + x;
		t->near_code[x] = (uint16_t)(t->n - 1);
	}
	return true;
}

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

bool
codec_dict_write(struct codec_out *out, struct codec_distinct *t, const uint64_t *v, uint64_t n,
	const struct codec_measure *m, struct block_column *d)
{
	size_t start = out->used;
	struct codec_dict h = {.distinct = t->n, .base = m->low};
	uint64_t *codes = codec_scratch(out, n);
	if (codes == NULL)
		return false;
	if (t->near) {
		for (uint64_t i = 0; i < n; i++)
			codes[i] = t->near_code[v[i] - m->low];
	} else {
		qsort(t->value, t->n, sizeof t->value[0], by_value);
		for (uint32_t i = 0; i < t->n; i++)
			t->code[distinct_slot(t, t->value[i])] = (uint16_t)(i + 1);
		for (uint64_t i = 0; i < n; i++)
			codes[i] = (uint64_t)t->code[distinct_slot(t, v[i])] - 1;
	}
	h.bits = (uint8_t)codec_width((m->high - m->low) / m->scale);
	if (codec_room(out, sizeof h) == NULL ||
		!codec_packed_write(out, t->value, t->n, m->low, m->scale, h.bits))
		return false;
	h.codes = (uint32_t)(out->used - start);
	d->bits = (uint8_t)codec_width((uint64_t)t->n - 1);
	if (!codec_packed_write(out, codes, n, 0, 1, d->bits))
		return false;
	memcpy(out->p + start, &h, sizeof h);
	return true;
}

uint64_t
codec_dict_bytes(const struct codec_distinct *t, uint64_t n, const struct codec_measure *m)
{
	return sizeof(struct codec_dict) +
	       codec_packed_bytes(t->n, codec_width((m->high - m->low) / m->scale)) +
	       codec_packed_bytes(n, codec_width((uint64_t)t->n - 1)) + 2 * (uint64_t)CODEC_PAD;
}

/* Distinct values if a dictionary may win against `best` bytes; NULL otherwise.  A sample of rows spread over
 * the column is tried first, so that ids and ports of clients are given up after 1,000 rows. */
struct codec_distinct *
codec_dict_try(const uint64_t *v, uint64_t n, const struct codec_measure *m, uint64_t best)
{
	uint64_t sample[1024], step = n / 1024;
	struct codec_distinct *t = calloc(1, sizeof *t);
	if (t == NULL)
		return NULL;
	if (step > 1) {
		for (unsigned i = 0; i < 1024; i++)
			sample[i] = v[i * step];
		if (!distinct_add(t, sample, 1024, 700))
			goto no;
	}
	t->near = m->high - m->low < 65536;
	if (t->near) {
		memset(t->key, 0, sizeof t->key);
		t->n = 0;
		if (!distinct_near(t, v, n, m->low, m->high - m->low))
			goto no;
	} else if (!distinct_add(t, v, n, CODEC_MAX_DICT)) {
		goto no;
	}
	if (codec_dict_bytes(t, n, m) < best - best / 10)
		return t;
no:
	free(t);
	return NULL;
}

/* ---- COMMON ---- */

struct codec_frequent {
	uint32_t count[65536]; /* by v - low */
	uint16_t code[65536];  /* + 1; 0: one of the others */
	uint32_t candidate[8192], n;
	unsigned bits; /* of the codes */
	uint64_t others;
};

static int
by_count(const void *a, const void *b, void *counts)
{
	const uint32_t *count = counts, x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return count[x] != count[y] ? (count[x] < count[y]) - (count[x] > count[y]) : (x > y) - (x < y);
}

/* The best number of common values, if any; *bytes is then what it takes.  Candidates are values of at least one row
 * in 8,192: rarer ones are no gain in a table. */
struct codec_frequent *
codec_common_try(const uint64_t *v, uint64_t n, const struct codec_measure *m, uint64_t *bytes)
{
	struct codec_frequent *t = calloc(1, sizeof *t);
	unsigned wide = codec_width(m->high - m->low);
	uint64_t sum = 0, best = UINT64_MAX, most = n / 8192 + 1;
	if (t == NULL)
		return NULL;
	for (uint64_t i = 0; i < n; i++)
		t->count[v[i] - m->low]++;
	for (uint32_t x = 0; x <= m->high - m->low && t->n < 8192; x++)
		if (t->count[x] >= most)
			t->candidate[t->n++] = x;
	qsort_r(t->candidate, t->n, sizeof t->candidate[0], by_count, t->count);
	uint32_t at = 0;
	for (unsigned bits = 1; bits <= 10; bits++) {
		uint32_t size = (UINT32_C(1) << bits) - 1;
		while (at < t->n && at < size)
			sum += t->count[t->candidate[at++]];
		uint64_t cost = sizeof(struct codec_common) + codec_packed_bytes(n, bits) +
				codec_packed_bytes(at, wide) + (n - sum) * wide / 8 + n / CODEC_PAGE * 4 +
				(n - sum) / CODEC_PAGE * 24 + 64;
		if (cost < best) {
			best = cost;
			t->bits = bits;
			t->others = n - sum;
		}
		if (at == t->n)
			break;
	}
	if (t->n > (UINT32_C(1) << t->bits) - 1)
		t->n = (UINT32_C(1) << t->bits) - 1;
	*bytes = best;
	return t;
}

bool
codec_common_write(struct codec_out *out, struct codec_frequent *t, const uint64_t *v, uint64_t n,
	const struct codec_measure *m, struct block_column *d)
{
	struct codec_common h = {.common = t->n, .base = m->low};
	size_t start = out->used;
	uint64_t pages = codec_pages(n), table[1024], some = 0;
	uint64_t *work = codec_scratch(out, 2 * n);
	uint32_t *rank = calloc(pages + 1, sizeof *rank);
	bool ok = work != NULL && rank != NULL;
	if (ok) {
		uint64_t *codes = work, *others = work + n;
		for (uint32_t i = 0; i < t->n; i++) {
			table[i] = m->low + t->candidate[i];
			t->code[t->candidate[i]] = (uint16_t)(i + 1);
		}
		for (uint64_t i = 0; i < n; i++) {
			uint32_t code = t->code[v[i] - m->low];
			if (i % CODEC_PAGE == 0)
				rank[i / CODEC_PAGE] = (uint32_t)some;
			codes[i] = code ? code - 1 : t->n;
			others[some] = v[i];
			some += code == 0;
		}
		h.bits = (uint8_t)codec_width(m->high - m->low);
		h.others = (uint32_t)some;
		d->bits = (uint8_t)t->bits;
		ok = codec_room(out, sizeof h) != NULL &&
		     codec_packed_write(out, table, t->n, m->low, 1, h.bits);
		h.codes = (uint32_t)(out->used - start);
		ok = ok && codec_packed_write(out, codes, n, 0, 1, d->bits);
		h.ranks = (uint32_t)(out->used - start);
		void *room = ok ? codec_room(out, (pages * sizeof *rank + 7) & ~(size_t)7) : NULL;
		ok = room != NULL;
		if (ok) {
			memcpy(room, rank, pages * sizeof *rank);
			if ((out->used - start) % 8 != 0)
				ok = codec_room(out, 8 - (out->used - start) % 8) != NULL;
			h.offset = (uint32_t)(out->used - start);
			ok = ok && codec_paged_write(out, others, some, 1, false);
		}
		if (ok)
			memcpy(out->p + start, &h, sizeof h);
	}
	free(rank);
	return ok;
}
