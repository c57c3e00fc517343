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
#include "common/hash.h"
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

static uint64_t *
scratch(struct codec_out *out, uint64_t n)
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

/* The scale is a constant in each of the three callers: a division by a variable costs more than all the rest. */
static inline __attribute__((always_inline)) void
put_scaled(uint8_t *to, const uint64_t *v, uint64_t n, uint64_t base, uint32_t scale, unsigned bits)
{
	uint64_t word = 0, i = 0;
	unsigned used = 0, group = bits <= 16 ? 4 : bits <= 32 ? 2 : 1;
	/* several values are put together first: what waits for the word before is one step for all of them */
	for (; i + group <= n; i += group) {
		uint64_t x = (v[i] - base) / scale;
		unsigned wide = bits * group;
		if (group == 4)
			x |= (v[i + 1] - base) / scale << bits | (v[i + 2] - base) / scale << 2 * bits |
			     (v[i + 3] - base) / scale << 3 * bits;
		else if (group == 2)
			x |= (v[i + 1] - base) / scale << bits;
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
		uint64_t x = (v[i] - base) / scale;
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
		put_scaled(to, v, n, base, 1, bits);
	else if (scale == 1000)
		put_scaled(to, v, n, base, 1000, bits);
	else
		put_scaled(to, v, n, base, scale, bits);
}

#define PUT_PLAIN(type)                                                                                      \
	for (uint64_t i = 0; i < n; i++) {                                                                   \
		type x_ = (type)(v[i] - base);                                                               \
		memcpy(to + i * sizeof x_, &x_, sizeof x_);                                                  \
	}

/* n values to the end of out, CODEC_PAD bytes after them; false without memory */
static bool
write_packed(
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

struct measure {
	uint64_t low, high;
	uint32_t scale;
	uint64_t paged_bytes;
	bool ascending;
};

/* The factor is a constant in both callers: see put_scaled. */
static inline __attribute__((always_inline)) bool
all_multiples(const uint64_t *v, uint64_t n, uint64_t low, uint64_t factor)
{
	uint64_t i = 0;
	while (i < n && (v[i] - low) % factor == 0)
		i++;
	return i == n;
}

static uint32_t
common_factor(const uint64_t *v, uint64_t n, uint64_t low)
{
	return all_multiples(v, n, low, 1000000) ? 1000000 : all_multiples(v, n, low, 1000) ? 1000 : 1;
}

/* Packed page sizes with padding to 8 and the pad behind, as write_paged lays them out. */
static uint64_t
page_bytes(uint64_t rows, unsigned bits)
{
	return bits == 0 ? 0 : (codec_packed_bytes(rows, bits) + CODEC_PAD + 7) & ~(uint64_t)7;
}

VECTOR static void
page_limits(const uint64_t *v, uint64_t rows, uint64_t *low, uint64_t *high)
{
	uint64_t a = v[0], b = v[0];
	for (uint64_t i = 1; i < rows; i++) {
		a = v[i] < a ? v[i] : a;
		b = v[i] > b ? v[i] : b;
	}
	*low = a;
	*high = b;
}

static void
measure(struct measure *m, const uint64_t *v, uint64_t n, unsigned hints)
{
	uint64_t pages = (n + CODEC_PAGE - 1) / CODEC_PAGE;
	*m = (struct measure){
		.low = UINT64_MAX, .high = 0, .scale = 1, .ascending = (hints & CODEC_ASCENDING) != 0};
	uint64_t paged = pages * sizeof(struct codec_page);
	uint64_t saved = 0;
	for (uint64_t i = 0; i < pages; i++) {
		uint64_t first = i * CODEC_PAGE, rows = n - first < CODEC_PAGE ? n - first : CODEC_PAGE, low,
			 high;
		page_limits(v + first, rows, &low, &high);
		m->low = low < m->low ? low : m->low;
		m->high = high > m->high ? high : m->high;
		paged += page_bytes(rows, codec_width(high - low));
	}
	if (hints & CODEC_TIMES && m->high > m->low) {
		m->scale = common_factor(v, n, m->low);
		if (m->scale != 1)
			saved = pages * codec_packed_bytes(CODEC_PAGE, codec_width(m->scale) - 1);
	}
	m->paged_bytes = paged > saved ? paged - saved : 0;
}

/* ---- PAGED ------------------------------------------------------------------------------------- */

static unsigned
running_width(const uint64_t *v, uint64_t rows)
{
	uint64_t most = 0;
	for (uint64_t i = 1; i < rows; i++) {
		if (v[i] < v[i - 1])
			return 65;
		most = v[i] - v[i - 1] > most ? v[i] - v[i - 1] : most;
	}
	return codec_width(most);
}

static bool
write_paged(struct codec_out *out, const uint64_t *v, uint64_t n, uint32_t scale, bool ascending)
{
	uint64_t pages = (n + CODEC_PAGE - 1) / CODEC_PAGE;
	size_t start = out->used;
	if (codec_room(out, pages * sizeof(struct codec_page)) == NULL && pages > 0)
		return false;
	for (uint64_t i = 0; i < pages; i++) {
		uint64_t first = i * CODEC_PAGE, rows = n - first < CODEC_PAGE ? n - first : CODEC_PAGE, low,
			 high;
		uint64_t steps[CODEC_PAGE];
		const uint64_t *from = v + first;
		page_limits(from, rows, &low, &high);
		struct codec_page p = {.base = low, .bits = (uint8_t)codec_width((high - low) / scale)};
		if (ascending && running_width(from, rows) < p.bits) {
			p.running = 1;
			p.bits = (uint8_t)running_width(from, rows);
			p.base = from[0];
			steps[0] = 0;
			for (uint64_t k = 1; k < rows; k++)
				steps[k] = from[k] - from[k - 1];
			from = steps;
			low = 0;
		}
		p.offset = (uint32_t)(out->used - start);
		if (p.bits > 0 && !write_packed(out, from, rows, low, p.running ? 1 : scale, p.bits))
			return false;
		if ((out->used - start) % 8 != 0 && codec_room(out, 8 - (out->used - start) % 8) == NULL)
			return false;
		memcpy(out->p + start + i * sizeof p, &p, sizeof p);
	}
	return true;
}

/* ---- DICT -------------------------------------------------------------------------------------- */

enum { SLOTS = CODEC_MAX_DICT * 4 };
struct distinct {
	uint64_t key[SLOTS];
	uint16_t code[SLOTS]; /* + 1; 0 free */
	uint64_t value[CODEC_MAX_DICT];
	uint16_t near_code[65536]; /* instead of the hash table, if `near` */
	bool near;
	uint32_t n;
};

static uint32_t
distinct_slot(const struct distinct *d, uint64_t v)
{
	uint32_t at = (uint32_t)((v * UINT64_C(0x9e3779b97f4a7c15)) >> 50) % SLOTS;
	while (d->code[at] != 0 && d->key[at] != v)
		at = (at + 1) % SLOTS;
	return at;
}

/* false: more than `most` */
static bool
distinct_add(struct distinct *d, const uint64_t *v, uint64_t n, uint32_t most)
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
distinct_near(struct distinct *t, const uint64_t *v, uint64_t n, uint64_t low, uint64_t range)
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

static bool
write_dict(struct codec_out *out, struct distinct *t, const uint64_t *v, uint64_t n, const struct measure *m,
	struct block_column *d)
{
	size_t start = out->used;
	struct codec_dict h = {.distinct = t->n, .base = m->low};
	uint64_t *codes = scratch(out, n);
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
	if (codec_room(out, sizeof h) == NULL || !write_packed(out, t->value, t->n, m->low, m->scale, h.bits))
		return false;
	h.codes = (uint32_t)(out->used - start);
	d->bits = (uint8_t)codec_width((uint64_t)t->n - 1);
	if (!write_packed(out, codes, n, 0, 1, d->bits))
		return false;
	memcpy(out->p + start, &h, sizeof h);
	return true;
}

static uint64_t
dict_bytes(const struct distinct *t, uint64_t n, const struct measure *m)
{
	return sizeof(struct codec_dict) +
	       codec_packed_bytes(t->n, codec_width((m->high - m->low) / m->scale)) +
	       codec_packed_bytes(n, codec_width((uint64_t)t->n - 1)) + 2 * (uint64_t)CODEC_PAD;
}

/* Distinct values if a dictionary may win against `best` bytes; NULL otherwise.  A sample of rows spread over
 * the column is tried first, so that ids and ports of clients are given up after 1,000 rows. */
static struct distinct *
try_dict(const uint64_t *v, uint64_t n, const struct measure *m, uint64_t best)
{
	uint64_t sample[1024], step = n / 1024;
	struct distinct *t = calloc(1, sizeof *t);
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
	if (dict_bytes(t, n, m) < best - best / 10)
		return t;
no:
	free(t);
	return NULL;
}

/* ---- COMMON ---- */

struct common {
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
static struct common *
try_common(const uint64_t *v, uint64_t n, const struct measure *m, uint64_t *bytes)
{
	struct common *t = calloc(1, sizeof *t);
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

static bool
write_common(struct codec_out *out, struct common *t, const uint64_t *v, uint64_t n, const struct measure *m,
	struct block_column *d)
{
	struct codec_common h = {.common = t->n, .base = m->low};
	size_t start = out->used;
	uint64_t pages = (n + CODEC_PAGE - 1) / CODEC_PAGE, table[1024], some = 0;
	uint64_t *work = scratch(out, 2 * n);
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
		ok = codec_room(out, sizeof h) != NULL && write_packed(out, table, t->n, m->low, 1, h.bits);
		h.codes = (uint32_t)(out->used - start);
		ok = ok && write_packed(out, codes, n, 0, 1, d->bits);
		h.ranks = (uint32_t)(out->used - start);
		void *room = ok ? codec_room(out, (pages * sizeof *rank + 7) & ~(size_t)7) : NULL;
		ok = room != NULL;
		if (ok) {
			memcpy(room, rank, pages * sizeof *rank);
			if ((out->used - start) % 8 != 0)
				ok = codec_room(out, 8 - (out->used - start) % 8) != NULL;
			h.offset = (uint32_t)(out->used - start);
			ok = ok && write_paged(out, others, some, 1, false);
		}
		if (ok)
			memcpy(out->p + start, &h, sizeof h);
	}
	free(rank);
	return ok;
}

/* ---- SPARSE ------------------------------------------------------------------------------------ */

static bool
write_sparse(struct codec_out *out, const uint64_t *v, uint64_t n, uint64_t base, uint32_t scale)
{
	uint64_t pages = (n + CODEC_PAGE - 1) / CODEC_PAGE;
	size_t start = out->used,
	       head = sizeof(struct codec_sparse) + pages * sizeof(struct codec_sparse_page);
	struct codec_sparse h = {0};
	uint64_t *values = scratch(out, n);
	if (values == NULL || codec_room(out, head) == NULL)
		return false;
	for (uint64_t i = 0; i < pages; i++) {
		struct codec_sparse_page p = {.rank = h.exceptions};
		uint64_t first = i * CODEC_PAGE, rows = n - first < CODEC_PAGE ? n - first : CODEC_PAGE;
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
	return write_paged(out, values, h.exceptions, scale, false);
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

/* Bytes of a sparse column if the rest were packed in one go: an upper bound of what write_sparse makes.
 * *common is set to the value left out. */
static uint64_t
sparse_bytes(const uint64_t *v, uint64_t n, const struct measure *m, uint64_t *common)
{
	uint64_t low = UINT64_MAX, high = 0, some = 0, base;
	if (!commonest(v, n, &base))
		return UINT64_MAX;
	*common = base;
	for (uint64_t i = 0; i < n; i++)
		if (v[i] != base) {
			low = v[i] < low ? v[i] : low;
			high = v[i] > high ? v[i] : high;
			some++;
		}
	uint64_t pages = (n + CODEC_PAGE - 1) / CODEC_PAGE;
	unsigned bits = some ? codec_width((high - low) / m->scale) : 0;
	return sizeof(struct codec_sparse) + pages * sizeof(struct codec_sparse_page) +
	       codec_packed_bytes(some, bits) +
	       (some / CODEC_PAGE + 1) * (sizeof(struct codec_page) + CODEC_PAD);
}

/* ---- choosing ---------------------------------------------------------------------------------- */

/* A zstd trial on every 16th page says what the whole would take. */
static uint64_t
zpaged_guess(struct codec_out *out, const uint64_t *v, uint64_t n, const struct measure *m, unsigned planes)
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

static bool
write_best(struct codec_out *out, const uint64_t *v, uint64_t n, unsigned hints, const struct measure *m,
	struct block_column *d)
{
	unsigned bits = codec_width((m->high - m->low) / m->scale);
	uint64_t best = codec_packed_bytes(n, bits) + CODEC_PAD, common = 0;
	d->encoding = CODEC_PACKED;
	/* a byte-aligned width within a twentieth reads as a plain array */
	unsigned plain = bits <= 8 ? 8 : bits <= 16 ? 16 : bits <= 32 ? 32 : 64;
	if (m->scale == 1 && (plain - bits) * 20 <= plain)
		bits = plain;
	if (m->paged_bytes < best - best / 10 || (hints & CODEC_ASCENDING && n > 64)) {
		d->encoding = CODEC_PAGED;
		best = m->paged_bytes < best ? m->paged_bytes : best;
	}
	if (!(hints & CODEC_ASCENDING) && n >= 64 && best > n / 8) {
		struct distinct *t = try_dict(v, n, m, best);
		uint64_t dict = t ? dict_bytes(t, n, m) : UINT64_MAX;
		uint64_t limit = t ? dict : best;
		bool direct = (hints & CODEC_DIRECT) != 0;
		uint64_t sparse = direct ? UINT64_MAX : sparse_bytes(v, n, m, &common);
		uint64_t few = UINT64_MAX;
		bool near = bits > 8 && m->scale == 1 && m->high - m->low < 65536;
		struct common *k = near ? try_common(v, n, m, &few) : NULL;
		if (k != NULL && few < limit - limit / 10 && few < sparse) {
			d->encoding = CODEC_COMMON;
			bool ok = write_common(out, k, v, n, m, d);
			free(k);
			free(t);
			return ok;
		}
		free(k);
		if (sparse < limit - limit / 10) {
			d->encoding = CODEC_SPARSE;
		} else if (t != NULL) {
			d->encoding = CODEC_DICT;
			bool ok = write_dict(out, t, v, n, m, d);
			free(t);
			return ok;
		}
		free(t);
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
		return write_paged(out, v, n, m->scale, (hints & CODEC_ASCENDING) != 0);
	case CODEC_SPARSE:
		d->base = common;
		return write_sparse(out, v, n, common, m->scale);
	default:
		d->bits = (uint8_t)bits;
		return write_packed(out, v, n, m->low, m->scale, bits);
	}
}

size_t
codec_pack(struct codec_out *out, const uint64_t *v, uint64_t n, unsigned hints, struct block_column *d)
{
	struct measure m;
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
	page_limits(v, n, &low, &high);
	d->base = d->low = low;
	d->high = high;
	if (low == high)
		return start;
	unsigned w = codec_width(high - low);
	d->encoding = CODEC_PACKED;
	d->bits = (uint8_t)(w <= 8 ? 8 : w <= 16 ? 16 : w <= 32 ? 32 : 64);
	if (!write_packed(out, v, n, low, 1, d->bits))
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
	} else {
		PUT_PLAIN(uint32_t)
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
