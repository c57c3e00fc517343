/*
 * journal.c - the journal: rows that are committed but not sealed, safe against power loss.
 *
 * A record holds raw columns of the new rows (a constant column is one value), the new dictionary entries and
 * heap bytes, and the ring positions that go with them.  Records of a block are applied in order of seq; the last
 * one says where to go on.  A new block begins with an empty record, so that there always is a last one.
 */
#include "store/journal.h"

#include <string.h>

#include "common/block_format.h"
#include "common/counters.h"
#include "common/crash.h"
#include "common/hash.h"
#include "common/log.h"
#include "store/store.h"

static uint64_t
eight(uint64_t n)
{
	return (n + 7) & ~UINT64_C(7);
}

static bool
constant(const uint8_t *p, uint32_t rows, unsigned width)
{
	return rows < 2 || memcmp(p, p + width, (size_t)(rows - 1) * width) == 0;
}

static uint64_t
value_at(const uint8_t *p, unsigned width)
{
	uint64_t v = 0;
	memcpy(&v, p, width);
	return v;
}

enum { PIECE = 1024 }; /* rows that are widened at a time */

static void
limits(const uint8_t *p, unsigned width, uint32_t rows, uint64_t *low, uint64_t *high)
{
	uint64_t v[PIECE], a, b;
	*low = UINT64_MAX;
	*high = 0;
	if (width == 1) { /* can't be narrower */
		*low = 0;
		*high = UINT8_MAX;
		return;
	}
	for (uint32_t at = 0, n; at < rows; at += n) {
		n = rows - at < PIECE ? rows - at : PIECE;
		codec_unpack_u64(p, width * 8, at, n, 0, 1, v);
		codec_limits(v, n, &a, &b);
		*low = a < *low ? a : *low;
		*high = b > *high ? b : *high;
	}
}

/* n values of one width, less base, as values of another */
static void
convert(uint8_t *to, unsigned to_bits, const uint8_t *from, unsigned from_bits, uint32_t n, uint64_t add,
	uint64_t base)
{
	uint64_t v[PIECE];
	for (uint32_t at = 0, take; at < n; at += take) {
		take = n - at < PIECE ? n - at : PIECE;
		codec_unpack_u64(from, from_bits, at, take, add, 1, v);
		codec_narrow(to + (size_t)at * (to_bits / 8), v, take, base, to_bits);
	}
}

/* How each column will lie in the record: a constant, the whole array, or differences to the smallest value in fewer
 * bytes. */
struct plan {
	struct block_entry e[FT_COLUMNS];
	size_t bytes;
};

static void
plan_column(struct plan *p, const struct open_block *b, unsigned c, uint32_t from, uint32_t rows)
{
	unsigned width = open_column_bits[c] / 8;
	struct block_entry *e = &p->e[c];
	*e = (struct block_entry){.id = (uint16_t)c, .encoding = CODEC_CONST, .count = rows, .scale = 1};
	if (rows == 0 || !open_block_has(b, (enum ft_column)c))
		return;
	const uint8_t *at = b->column[c] + (size_t)from * width;
	if (constant(at, rows, width)) {
		e->base = value_at(at, width);
		return;
	}
	uint64_t low, high;
	limits(at, width, rows, &low, &high);
	unsigned w = codec_width(high - low);
	e->encoding = CODEC_PACKED;
	e->bits = w <= 8 ? 8 : w <= 16 ? 16 : w <= 32 ? 32 : 64;
	if (e->bits < open_column_bits[c])
		e->base = low;
	e->offset = p->bytes;
	e->bytes = (uint64_t)rows * e->bits / 8;
	p->bytes += eight(e->bytes);
}

static void
make_plan(
	struct plan *p, const struct store *st, const struct open_counts *from, const struct open_counts *to)
{
	p->bytes = eight(sizeof(struct journal_head)) + FT_COLUMNS * sizeof(struct block_entry);
	for (unsigned c = 0; c < FT_COLUMNS; c++)
		plan_column(p, &st->open, c, from->rows, to->rows - from->rows);
	for (unsigned d = 0; d < FT_DICTS; d++)
		p->bytes += eight((uint64_t)(to->dict[d] - from->dict[d]) * open_entry_bytes[d]);
	p->bytes += eight(to->heap - from->heap);
}

/* The most a record can take. */
static size_t
most_bytes(const struct open_counts *from, const struct open_counts *to)
{
	size_t n = 2 * BLOCK_ALIGN + FT_COLUMNS * (sizeof(struct block_entry) + 8) + (to->heap - from->heap);
	for (unsigned c = 0; c < FT_COLUMNS; c++)
		n += (size_t)(to->rows - from->rows) * open_column_bits[c] / 8;
	for (unsigned d = 0; d < FT_DICTS; d++)
		n += (size_t)(to->dict[d] - from->dict[d]) * open_entry_bytes[d];
	return n;
}

static void
fill_head(const struct store *st, struct journal_head *h, uint32_t segment, uint32_t block, uint32_t seq,
	const struct open_counts *from, const struct open_counts *to, uint64_t commit)
{
	const struct ft_stage_record *r = stage_record(&st->stage);
	*h = (struct journal_head){.magic = JOURNAL_MAGIC,
		.version = JOURNAL_VERSION,
		.head_bytes = (uint32_t)(eight(sizeof *h) + FT_COLUMNS * sizeof(struct block_entry)),
		.segment = segment,
		.block = block,
		.seq = seq,
		.columns = FT_COLUMNS,
		.row_from = from->rows,
		.row_to = to->rows,
		.heap_from = from->heap,
		.heap_to = to->heap,
		.commit = commit,
		.wall_us = wall_now().us,
		.complete_us = st->complete_us,
		.gap_from_us = st->gap_from_us,
		.gap_to_us = st->gap_to_us,
		.tag_version = st->tags.version,
		.rings = STORE_RINGS};
	memcpy(h->store_uuid, st->uuid, 16);
	memcpy(h->segment_uuid, st->segment_uuid, 16);
	memcpy(h->boot_id, st->boot_id, 16);
	memcpy(h->dict_from, from->dict, sizeof h->dict_from);
	memcpy(h->dict_to, to->dict, sizeof h->dict_to);
	for (unsigned i = 0; i < STORE_RINGS; i++) {
		h->ring[i].incarnation = st->own->ring[i].incarnation;
		h->ring[i].position = r->input[i];
	}
}

/* of the head with 0 in the checksum's place, then of the rest */
static uint64_t
record_checksum(const struct journal_head *h, const void *record)
{
	struct journal_head zeroed;
	memcpy(&zeroed, h, sizeof zeroed); /* padding too */
	zeroed.checksum = 0;
	uint64_t seed = hash_bytes(&zeroed, sizeof zeroed, 0);
	return hash_bytes((const uint8_t *)record + sizeof zeroed, h->bytes - sizeof zeroed, seed);
}

int
journal_put(struct store *st, struct kv_txn *t, uint32_t segment, uint32_t block, uint32_t seq,
	const struct open_counts *from, const struct open_counts *to, uint64_t commit, struct err *err)
{
	struct segment_key k = segment_key(KEY_JOURNAL, block, seq);
	struct plan p;
	make_plan(&p, st, from, to);
	size_t n = p.bytes;
	void *room;
	/* at least a page: the value then has pages of its own, which a scan of the file finds */
	size_t padded = n < BLOCK_ALIGN ? BLOCK_ALIGN : n;
	int rc = kv_reserve(t, MAIN_DB, k.b, sizeof k.b, padded, &room, err);
	if (rc != FT_OK)
		return rc;
	uint8_t *base = room;
	struct journal_head h;
	fill_head(st, &h, segment, block, seq, from, to, commit);
	h.bytes = padded;
	size_t at = h.head_bytes;
	memcpy(base + eight(sizeof h), p.e, sizeof p.e);
	for (unsigned c = 0; c < FT_COLUMNS; c++) {
		const struct block_entry *e = &p.e[c];
		if (e->bytes == 0)
			continue;
		const uint8_t *column = st->open.column[c] + (size_t)from->rows * open_column_bits[c] / 8;
		if (e->bits == open_column_bits[c])
			memcpy(base + e->offset, column, e->bytes);
		else
			convert(base + e->offset, e->bits, column, open_column_bits[c], e->count, 0, e->base);
		at = e->offset + e->bytes;
		memset(base + at, 0, eight(at) - at);
		at = eight(at);
	}
	for (unsigned d = 0; d < FT_DICTS; d++) {
		size_t each = open_entry_bytes[d], bytes = (to->dict[d] - from->dict[d]) * each;
		if (bytes == 0)
			continue;
		const uint8_t *entries = open_block_entries(&st->open, (enum ft_dict)d);
		memcpy(base + at, entries + from->dict[d] * each, bytes);
		memset(base + at + bytes, 0, eight(bytes) - bytes);
		at += eight(bytes);
	}
	if (to->heap > from->heap)
		memcpy(base + at, st->open.heap + from->heap, to->heap - from->heap);
	at += to->heap - from->heap;
	memset(base + at, 0, padded - at);
	memcpy(base, &h, sizeof h);
	h.checksum = record_checksum(&h, base);
	memcpy(base, &h, sizeof h);
	return FT_OK;
}

/* ---- reading ------------------------------------------------------------------------------------- */

bool
journal_good(const void *value, size_t n, struct journal_head *out)
{
	if (n < sizeof *out)
		return false;
	memcpy(out, value, sizeof *out);
	if (memcmp(out->magic, JOURNAL_MAGIC, 8) != 0 || out->version != JOURNAL_VERSION || out->bytes > n ||
		out->bytes < out->head_bytes || out->columns > FT_COLUMNS || out->rings > FT_STAGE_INPUTS ||
		out->head_bytes != eight(sizeof *out) + out->columns * sizeof(struct block_entry) ||
		out->row_to < out->row_from || out->heap_to < out->heap_from)
		return false;
	return record_checksum(out, value) == out->checksum;
}

static int
apply_column(struct open_block *b, const uint8_t *base, size_t n, const struct journal_head *h, unsigned i)
{
	struct block_entry e;
	memcpy(&e, base + eight(sizeof *h) + i * sizeof e, sizeof e);
	if (e.id >= FT_COLUMNS)
		return FT_OK;
	unsigned width = open_column_bits[e.id] / 8;
	uint32_t rows = h->row_to - h->row_from;
	uint8_t *to = b->column[e.id] + (size_t)h->row_from * width;
	if (e.encoding == CODEC_CONST) {
		for (uint32_t r = 0; r < rows && e.base != 0; r++)
			memcpy(to + (size_t)r * width, &e.base, width);
		return FT_OK;
	}
	bool narrow = e.bits < open_column_bits[e.id] && (e.bits == 8 || e.bits == 16 || e.bits == 32);
	if (e.encoding != CODEC_PACKED || (e.bits != open_column_bits[e.id] && !narrow) ||
		e.bytes != (uint64_t)rows * e.bits / 8 || e.offset > n || e.bytes > n - e.offset)
		return FT_EFORMAT;
	if (narrow)
		convert(to, open_column_bits[e.id], base + e.offset, e.bits, rows, e.base, 0);
	else
		memcpy(to, base + e.offset, e.bytes);
	return FT_OK;
}

int
journal_apply(struct open_block *b, const void *value, size_t n)
{
	const uint8_t *base = value;
	struct journal_head h;
	if (!journal_good(value, n, &h) || h.row_from != b->next.rows || h.heap_from != b->next.heap ||
		h.row_to > b->h->capacity || h.heap_to > b->h->heap_capacity)
		return FT_EFORMAT;
	for (unsigned d = 0; d < FT_DICTS; d++)
		if (h.dict_from[d] != b->next.dict[d] || h.dict_to[d] < h.dict_from[d] ||
			h.dict_to[d] > b->h->dict_capacity[d])
			return FT_EFORMAT;
	size_t at = h.head_bytes;
	for (unsigned i = 0; i < h.columns; i++) {
		int rc = apply_column(b, base, n, &h, i);
		if (rc != FT_OK)
			return rc;
		struct block_entry e;
		memcpy(&e, base + eight(sizeof h) + i * sizeof e, sizeof e);
		at += eight(e.bytes);
	}
	for (unsigned d = 0; d < FT_DICTS; d++) {
		size_t each = open_entry_bytes[d], bytes = (h.dict_to[d] - h.dict_from[d]) * each;
		if (at > n || bytes > n - at)
			return FT_EFORMAT;
		memcpy((uint8_t *)open_block_entries(b, (enum ft_dict)d) + h.dict_from[d] * each, base + at,
			bytes);
		at += eight(bytes);
	}
	if (at > n || h.heap_to - h.heap_from > n - at)
		return FT_EFORMAT;
	memcpy(b->heap + h.heap_from, base + at, h.heap_to - h.heap_from);
	b->next.rows = h.row_to;
	memcpy(b->next.dict, h.dict_to, sizeof b->next.dict);
	b->next.heap = h.heap_to;
	return FT_OK;
}

/* ---- the commit of every second ------------------------------------------------------------------- */

static int
commit_once(struct store *st, const struct open_counts *to, struct err *err)
{
	struct kv_txn *t;
	int rc = segment_space(st, most_bytes(&st->durable, to) + (1 << 20), err);
	if (rc != FT_OK)
		return rc;
	rc = main_begin(st->kv, true, &t, err);
	if (rc != FT_OK)
		return rc;
	rc = journal_put(
		st, t, st->segment, st->block, st->journal_seq, &st->durable, to, st->commit + 1, err);
	if (rc != FT_OK) {
		kv_abort(t);
		return rc;
	}
	return kv_commit(t, err);
}

struct guarded {
	struct store *st;
	const struct open_counts *to;
	struct err *err;
};

static int
commit_guarded(void *ctx)
{
	struct guarded *g = ctx;
	return commit_once(g->st, g->to, g->err);
}

int
journal_commit(struct store *st, struct err *err)
{
	struct open_counts now = store_counts(st);
	mono_t began = mono_now();
	if (st->damaged) /* moving on commits all rows */
		return store_move_on(st, err);
	if (now.rows == st->durable.rows || st->kv == NULL || store_flip_due(st))
		return FT_OK;
	struct guarded g = {st, &now, err};
	int rc = guard_run_wild(commit_guarded, &g); /* damaged pages must not end us */
	counter_add(COUNTER_store_commit_us, (uint64_t)mono_since(mono_now(), began).us);
	if (rc == FT_EFORMAT) {
		counter_add(COUNTER_store_commit_failures, 1);
		st->damaged = true;
		return store_move_on(st, err);
	}
	if (rc != FT_OK) {
		counter_add(COUNTER_store_commit_failures, 1);
		return rc;
	}
	st->commit++;
	st->journal_seq++;
	st->durable = now;
	counter_add(COUNTER_store_commits, 1);
	(void)kv_reader_check(st->kv);
	catalog_tell(st);
	return FT_OK;
}
