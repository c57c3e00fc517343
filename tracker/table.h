/*
 * table.h - the connection table: entries and extensions in shared memory, and what is derived from them.
 *
 * Index: open addressing, linear probing, load at most one half, backward-shift deletion.  A bucket is
 * {32 bits of hash, slot + 1}; the home of a bucket is its hash & mask, so deleting and growing need no look at
 * entries.  Rejected: chains through entries (an undone slot would leave a broken chain), tombstones (a long
 * run fills with them), the index in shared memory (it would be a third thing to undo).
 */
#ifndef FT_TRACKER_TABLE_H
#define FT_TRACKER_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/flow_key.h"
#include "common/stage.h"
#include "tracker/entry.h"

enum { TABLE_NONE = UINT32_MAX };

/* what sessionkey adds to the key */
enum { TABLE_KEY_VLAN = 1, TABLE_KEY_VRF = 2, TABLE_KEY_DOMAIN = 4 };

struct table_scope {
	uint32_t vlan, vrf, domain; /* 0 where sessionkey does not ask for it */
};

/* A flow's key, as it came. */
struct table_key {
	const uint8_t *src, *dst;
	struct flow_ports port;
	struct table_scope scope;
	uint32_t exporter;
	uint8_t proto;
};

struct table_bucket {
	uint32_t hash;
	uint32_t slot1; /* slot + 1; 0: empty */
};

/* A session is not over before its exporter's clock shows `second`; most are looked at once, when they are.  Twelve bytes
 * a slot are read in a row where an entry would be two lines from anywhere.  second 0: look. */
struct table_due {
	uint32_t exporter, second;
	uint32_t hash; /* of the session's key: where its bucket is */
};

struct table {
	struct trk_header *h;
	struct trk_entry *entry;
	struct trk_ext *ext;
	struct trk_kept *kept; /* kept.h */
	struct trk_cell *cell;
	uint32_t capacity, cells;
	unsigned scoped; /* TABLE_KEY_* */
	/* derived */
	uint64_t seed;
	struct table_bucket *bucket;
	uint32_t mask;
	uint32_t *free_entry, *free_ext; /* stacks */
	uint32_t free_entries, free_exts;
	uint64_t batch; /* the stage's sequence number of the batch that free_before is about */
	uint32_t
		free_before; /* entries of free_entry that were there before it: those above were given in it */
	uint32_t *free_cell; /* stack of cells below cells_seen; those from there on were never used */
	uint32_t free_cells, cells_seen;
	uint64_t *dirty;       /* a bit a slot: it has something pending */
	uint64_t *used;        /* a bit a slot: it is taken */
	struct table_due *due; /* when to look at a slot again */
	uint32_t evict_hand, age_hand;
};

/* Bytes of a segment for `capacity` entries, `cells` of kept elements (0: none) and an undo log of `undo` bytes. */
size_t table_bytes(uint32_t capacity, uint32_t cells, size_t undo);
/* Fill in header and stage in zeroed memory of table_bytes(); the ft_seg_header is the maker's. */
void table_format(void *base, uint32_t capacity, uint32_t cells, size_t undo, uint32_t shard, uint32_t shards,
	uint32_t epoch);
/* Attach to a segment whose stage has been recovered, and rebuild what is derived.  FT_ENOMEM. */
int table_attach(struct table *t, void *base, unsigned scoped, uint64_t seed, struct err *err);
void table_detach(struct table *t);

static inline uint32_t
table_hash(const struct table *t, const struct table_key *k)
{
	uint64_t h = flow_key_seeded(k->src, k->dst, k->port, k->proto, k->exporter, t->seed);
	if (t->scoped)
		h = hash_mix(h ^ k->scope.vlan, (uint64_t)k->scope.vrf << 32 | k->scope.domain);
	return (uint32_t)(h >> 32);
}
static inline void
table_prefetch_bucket(const struct table *t, uint32_t hash)
{
	__builtin_prefetch(&t->bucket[hash & t->mask]);
}
/* an entry that will be written */
static inline void
table_prefetch_slot(const struct table *t, uint32_t slot)
{
	const uint8_t *e = (const uint8_t *)&t->entry[slot];
	__builtin_prefetch(e, 1);
	__builtin_prefetch(e + FT_LINE, 1);
	__builtin_prefetch(e + 2 * FT_LINE, 1);
}
/* Prefetch the entry that will probably be it, or the free slot that a new session will take; *fresh counts those. */
void table_prefetch_entry(const struct table *t, uint32_t hash, uint32_t *fresh);
/* the lines that tell whether a session is over; a pending slice needs all three */
static inline void
table_prefetch_state(const struct table *t, uint32_t slot)
{
	const uint8_t *e = (const uint8_t *)&t->entry[slot];
	if (t->dirty[slot >> 6] >> (slot & 63) & 1)
		__builtin_prefetch(e, 1);
	__builtin_prefetch(e + FT_LINE, 1);
	__builtin_prefetch(e + 2 * FT_LINE, 1);
}
/* prefetch what table_give() will need */
void table_prefetch_give(const struct table *t, uint32_t slot);

/* Slot of the key, or TABLE_NONE.  *from_client: the flow goes from the entry's client to its server. */
uint32_t table_find(const struct table *t, const struct table_key *k, uint32_t hash, bool *from_client);

/* Take a free slot and enter it into the index under `hash`; TABLE_NONE if there is none.  Keeps the image that is needed;
 * the caller fills in the entry. */
uint32_t table_take(struct table *t, struct stage *st, uint32_t hash);
/* Give a slot and its extension back: its content stays, only `state` changes. */
void table_give(struct table *t, struct stage *st, uint32_t slot);
/* Give an entry an extension (zeroed) if it has none. */
struct trk_ext *table_extend(struct table *t, struct trk_entry *e);

static inline struct trk_ext *
table_ext(const struct table *t, const struct trk_entry *e)
{
	return e->ext ? &t->ext[e->ext - 1] : NULL;
}
static inline uint32_t
table_used(const struct table *t)
{
	return t->capacity - t->free_entries;
}
static inline void
table_touch_hot(struct stage *st, struct trk_entry *e)
{
	stage_touch(st, (uint8_t *)e + TRK_HOT, sizeof *e - TRK_HOT);
}
static inline void
table_touch_cold(struct stage *st, struct trk_entry *e)
{
	stage_touch(st, e, TRK_HOT);
}
static inline void
table_dirty_set(struct table *t, uint32_t slot)
{
	t->dirty[slot >> 6] |= UINT64_C(1) << (slot & 63);
}
static inline void
table_dirty_clear(struct table *t, uint32_t slot)
{
	t->dirty[slot >> 6] &= ~(UINT64_C(1) << (slot & 63));
}
/* The first taken slot from `slot` on, within the 64 that share its word; else the first slot of the next word. */
static inline uint32_t
table_next_used(const struct table *t, uint32_t slot, bool *taken)
{
	uint64_t bits = t->used[slot >> 6] >> (slot & 63);
	*taken = bits != 0;
	return bits ? slot + (uint32_t)__builtin_ctzll(bits) : (slot | 63) + 1;
}
/* limits changed: every slot is looked at again */
void table_due_forget(struct table *t);
static inline bool
table_pending(const struct trk_entry *e)
{
	return (e->client_flows | e->server_flows) != 0;
}

/* The scope of a flow and of an entry: equal for all flows of a session when sessionkey asks for it. */
static inline uint32_t
table_scope_vlan(uint16_t a, uint16_t b)
{
	return a < b ? (uint32_t)a << 16 | b : (uint32_t)b << 16 | a;
}

#endif
