/* table.c - see table.h and entry.h */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/contract/slice_ring.h"
#include "tracker/kept.h"
#include "tracker/table.h"

static size_t
lines(size_t n)
{
	return (n + FT_LINE - 1) & ~(size_t)(FT_LINE - 1);
}

static size_t
stage_offset(void)
{
	return lines(sizeof(struct trk_header));
}

static size_t
entries_offset(size_t undo)
{
	return lines(stage_offset() + stage_bytes(undo));
}

static size_t
kept_offset(uint32_t capacity, size_t undo)
{
	return entries_offset(undo) + (size_t)capacity * (sizeof(struct trk_entry) + sizeof(struct trk_ext));
}

static size_t
cells_offset(uint32_t capacity, uint32_t cells, size_t undo)
{
	return lines(kept_offset(capacity, undo) + (cells ? (size_t)capacity * sizeof(struct trk_kept) : 0));
}

size_t
table_bytes(uint32_t capacity, uint32_t cells, size_t undo)
{
	return cells_offset(capacity, cells, undo) + (size_t)cells * sizeof(struct trk_cell);
}

void
table_format(void *base, uint32_t capacity, uint32_t cells, size_t undo, uint32_t shard, uint32_t shards,
	uint32_t epoch)
{
	struct trk_header *h = base;
	h->capacity = capacity;
	h->shard = shard;
	h->shards = shards;
	h->epoch = epoch;
	h->stage = stage_offset();
	h->entries = entries_offset(undo);
	h->exts = h->entries + (uint64_t)capacity * sizeof(struct trk_entry);
	h->kept = kept_offset(capacity, undo);
	h->cell = cells_offset(capacity, cells, undo);
	h->cells = cells;
	stage_format(base, h->stage, undo);
}

/* Zeroed memory that is reached at random: in huge pages where there are any, so that an index look-up costs
 * one miss and not two. */
static void *
big_alloc(size_t n)
{
	const size_t huge = (size_t)2 << 20;
	void *p;
	if (n < huge)
		return calloc(1, n ? n : 1);
	n = (n + huge - 1) & ~(huge - 1);
	if (posix_memalign(&p, huge, n) != 0)
		return NULL;
	(void)madvise(p, n, MADV_HUGEPAGE); /* a hint */
	memset(p, 0, n);
	return p;
}

static void
index_add(struct table *t, uint32_t hash, uint32_t slot)
{
	uint32_t i = hash & t->mask;
	while (t->bucket[i].slot1 != 0)
		i = (i + 1) & t->mask;
	t->bucket[i] = (struct table_bucket){hash, slot + 1};
}

static void
index_remove(struct table *t, uint32_t hash, uint32_t slot)
{
	uint32_t i = hash & t->mask;
	while (t->bucket[i].slot1 != slot + 1) {
		CHECK(t->bucket[i].slot1 != 0);
		i = (i + 1) & t->mask;
	}
	/* backward shift: a later bucket of the run moves into the hole unless its home lies after the hole */
	for (uint32_t j = (i + 1) & t->mask; t->bucket[j].slot1 != 0; j = (j + 1) & t->mask) {
		uint32_t home = t->bucket[j].hash & t->mask;
		if (((j - home) & t->mask) >= ((j - i) & t->mask)) {
			t->bucket[i] = t->bucket[j];
			i = j;
		}
	}
	t->bucket[i].slot1 = 0;
}

static struct table_scope
scope_of(const struct table *t, const struct trk_entry *e)
{
	struct table_scope s = {0, 0, 0};
	if (t->scoped & TABLE_KEY_VLAN) {
		/* flows with one VLAN carry it for their own side only, and then both sides' are the same */
		bool c = e->present & FT_HAS_CLIENT_VLAN, v = e->present & FT_HAS_SERVER_VLAN;
		uint16_t a = c ? e->client_vlan : v ? e->server_vlan : 0, b = v ? e->server_vlan : a;
		s.vlan = table_scope_vlan(a, b);
	}
	if (t->scoped & TABLE_KEY_DOMAIN)
		s.domain = e->domain;
	if ((t->scoped & TABLE_KEY_VRF) && e->ext && (e->present & FT_HAS_VRF))
		s.vrf = t->ext[e->ext - 1].vrf;
	return s;
}

static uint32_t
hash_of(const struct table *t, const struct trk_entry *e)
{
	struct table_key k = {
		.src = e->client,
		.dst = e->server,
		.port = {e->client_port, e->server_port},
		.proto = e->proto,
		.exporter = e->exporter,
		.scope = scope_of(t, e),
	};
	return table_hash(t, &k);
}

/* One scan: whatever the last process knew about used and free slots is in the slots. */
static void
rebuild(struct table *t, uint64_t *ext_used, uint64_t *cell_used)
{
	for (uint32_t i = 0; i < t->capacity; i++) {
		const struct trk_entry *e = &t->entry[i];
		if (!(e->state & TRK_USED))
			continue;
		CHECK(e->ext <= t->capacity);
		if (e->ext)
			ext_used[(e->ext - 1) >> 6] |= UINT64_C(1) << ((e->ext - 1) & 63);
		if (t->cells)
			kept_mark(t, i, cell_used);
		t->due[i] = (struct table_due){.exporter = e->exporter, .hash = hash_of(t, e)};
		index_add(t, t->due[i].hash, i);
		t->used[i >> 6] |= UINT64_C(1) << (i & 63);
		if (table_pending(e))
			table_dirty_set(t, i);
	}
	/* low slots on top of the stacks, so that a table that is far from full stays together */
	for (uint32_t i = t->capacity; i-- > 0;) {
		if (!(t->entry[i].state & TRK_USED))
			t->free_entry[t->free_entries++] = i;
		if (!(ext_used[i >> 6] & UINT64_C(1) << (i & 63)))
			t->free_ext[t->free_exts++] = i;
	}
	for (uint32_t i = t->cells; i-- > 0;)
		if (cell_used[i >> 6] & UINT64_C(1) << (i & 63))
			t->cells_seen = t->cells_seen ? t->cells_seen : i + 1;
		else if (t->cells_seen)
			t->free_cell[t->free_cells++] = i;
}

int
table_attach(struct table *t, void *base, unsigned scoped, uint64_t seed, struct err *err)
{
	struct trk_header *h = base;
	uint32_t buckets = 16;
	*t = (struct table){.h = h, .scoped = scoped, .seed = seed, .capacity = h->capacity};
	t->entry = (struct trk_entry *)((uint8_t *)base + h->entries);
	t->ext = (struct trk_ext *)((uint8_t *)base + h->exts);
	t->cells = h->cells;
	t->kept = (struct trk_kept *)((uint8_t *)base + h->kept);
	t->cell = (struct trk_cell *)((uint8_t *)base + h->cell);
	while (buckets < 2 * (uint64_t)t->capacity && buckets < UINT32_C(1) << 31)
		buckets *= 2;
	t->mask = buckets - 1;
	size_t words = (t->capacity + 63) / 64;
	uint64_t *ext_used = calloc(words, sizeof *ext_used),
		 *cell_used = calloc(t->cells / 64 + 1, sizeof *cell_used);
	t->free_cell = calloc(t->cells + 1u, sizeof *t->free_cell);
	t->bucket = big_alloc(buckets * sizeof *t->bucket);
	t->free_entry = big_alloc(t->capacity * sizeof *t->free_entry);
	t->free_ext = big_alloc(t->capacity * sizeof *t->free_ext);
	t->dirty = big_alloc(words * sizeof *t->dirty);
	t->used = big_alloc(words * sizeof *t->used);
	t->due = big_alloc(t->capacity * sizeof *t->due);
	if (!ext_used || !cell_used || !t->free_cell || !t->used || !t->due || !t->bucket || !t->free_entry ||
		!t->free_ext || !t->dirty) {
		free(ext_used);
		free(cell_used);
		table_detach(t);
		return err_set(err, FT_ENOMEM,
			"out of memory for the index of %u sessions: lower conntracksize", h->capacity);
	}
	rebuild(t, ext_used, cell_used);
	free(ext_used);
	free(cell_used);
	return FT_OK;
}

void
table_detach(struct table *t)
{
	free(t->bucket);
	free(t->free_entry);
	free(t->free_ext);
	free(t->free_cell);
	free(t->dirty);
	free(t->used);
	free(t->due);
	*t = (struct table){0};
}

void
table_due_forget(struct table *t)
{
	for (uint32_t i = 0; i < t->capacity; i++)
		t->due[i].second = 0;
}

void
table_prefetch_entry(const struct table *t, uint32_t hash, uint32_t *fresh)
{
	for (uint32_t i = hash & t->mask; t->bucket[i].slot1 != 0; i = (i + 1) & t->mask)
		if (t->bucket[i].hash == hash) {
			table_prefetch_slot(t, t->bucket[i].slot1 - 1);
			return;
		}
	if (t->free_entries > *fresh)
		table_prefetch_slot(t, t->free_entry[t->free_entries - 1 - (*fresh)++]);
}

void
table_prefetch_give(const struct table *t, uint32_t slot)
{
	table_prefetch_bucket(t, t->due[slot].hash);
}

static bool
scope_fits(const struct table *t, const struct trk_entry *e, const struct table_scope *want)
{
	struct table_scope s = scope_of(t, e);
	return s.vlan == want->vlan && s.vrf == want->vrf && s.domain == want->domain;
}

static bool
fits(const struct table *t, const struct trk_entry *e, const struct table_key *k, bool *from_client)
{
	if (e->exporter != k->exporter || e->proto != k->proto)
		return false;
	if (e->client_port == k->port.src && e->server_port == k->port.dst &&
		memcmp(e->client, k->src, 16) == 0 && memcmp(e->server, k->dst, 16) == 0)
		*from_client = true;
	else if (e->server_port == k->port.src && e->client_port == k->port.dst &&
		 memcmp(e->server, k->src, 16) == 0 && memcmp(e->client, k->dst, 16) == 0)
		*from_client = false;
	else
		return false;
	return t->scoped == 0 || scope_fits(t, e, &k->scope);
}

uint32_t
table_find(const struct table *t, const struct table_key *k, uint32_t hash, bool *from_client)
{
	for (uint32_t i = hash & t->mask; t->bucket[i].slot1 != 0; i = (i + 1) & t->mask)
		if (t->bucket[i].hash == hash && fits(t, &t->entry[t->bucket[i].slot1 - 1], k, from_client))
			return t->bucket[i].slot1 - 1;
	return TABLE_NONE;
}

/* The first word with the table in this batch. */
static void
meet_batch(struct table *t, const struct stage *st)
{
	if (t->batch != st->next.seq) {
		t->batch = st->next.seq;
		t->free_before = t->free_entries;
	}
}

uint32_t
table_take(struct table *t, struct stage *st, uint32_t hash)
{
	meet_batch(t, st);
	if (t->free_entries == 0)
		return TABLE_NONE;
	uint32_t slot = t->free_entry[--t->free_entries];
	struct trk_entry *e = &t->entry[slot];
	if (t->free_entries >= t->free_before) { /* given in this batch: what it held must come back */
		stage_touch(st, e, sizeof *e);
	} else {
		t->free_before = t->free_entries;
		stage_touch(st, &e->state, sizeof e->state);
	}
	e->ext = 0;
	t->due[slot] = (struct table_due){.hash = hash};
	t->used[slot >> 6] |= UINT64_C(1) << (slot & 63);
	index_add(t, hash, slot);
	return slot;
}

void
table_give(struct table *t, struct stage *st, uint32_t slot)
{
	struct trk_entry *e = &t->entry[slot];
	meet_batch(t, st);
	index_remove(t, t->due[slot].hash, slot);
	stage_touch(st, &e->state, sizeof e->state);
	if (e->ext) {
		stage_touch(st, &t->ext[e->ext - 1], sizeof *t->ext);
		t->free_ext[t->free_exts++] = e->ext - 1;
	}
	if (t->cells)
		kept_give(t, st, slot);
	e->state = 0;
	table_dirty_clear(t, slot);
	t->used[slot >> 6] &= ~(UINT64_C(1) << (slot & 63));
	t->free_entry[t->free_entries++] = slot;
}

struct trk_ext *
table_extend(struct table *t, struct trk_entry *e)
{
	if (e->ext == 0) {
		/* as many extensions as entries: there is always one */
		CHECK(t->free_exts > 0);
		e->ext = t->free_ext[--t->free_exts] + 1;
		memset(&t->ext[e->ext - 1], 0, sizeof *t->ext);
	}
	return &t->ext[e->ext - 1];
}
