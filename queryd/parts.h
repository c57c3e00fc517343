/*
 * parts.h - a large set of u64, or sums by u64, that is filled at the speed of the processor's cache.
 *
 * A table of millions of keys is far larger than any cache, and each key would be waited for.  So keys are dealt by
 * hash to PARTS tables; they wait in a queue a part, and when one is full its keys go into its table together: that
 * table is then read once for all of them.  Memory is bounded by the number of different keys, and asked of the
 * query's budget; FT_EFULL ends the query.  A structure belongs to one thread.
 */
#ifndef FT_QUERYD_PARTS_H
#define FT_QUERYD_PARTS_H

#include "queryd/tables.h"

#ifdef FT_TINY
enum { PARTS = 4, PARTS_QUEUE = 3 };
#else
enum { PARTS = 128, PARTS_QUEUE = 2048 };
#endif

struct parts64 {
	struct budget *budget;
	struct parts_queue *queue; /* PARTS of them, made with the first key */
	struct parts_table {
		uint64_t *slot; /* key + 1, 0 empty; with sums two words a slot */
		uint32_t n, slots;
	} table[PARTS];
	unsigned words; /* a slot: 1 a set, 2 sums */
};

/* sums: each key has a sum, else a set */
void parts64_init(struct parts64 *p, bool sums, struct budget *b);
/* Keys other than ID64_NONE; amount NULL for a set.  0 or FT_EFULL. */
int parts64_add(struct parts64 *p, const uint64_t *key, const uint64_t *amount, uint32_t n);
/* What waits goes into the tables; before anything is read.  0 or FT_EFULL. */
int parts64_flush(struct parts64 *p);
uint64_t parts64_count(const struct parts64 *p);
/* every key once, with its sum (0 of a set); returns f's first non-zero answer */
int parts64_each(const struct parts64 *p, int (*f)(void *ctx, uint64_t key, uint64_t sum), void *ctx);
/* for several threads, each with parts of its own: keys of part i of `from`, which was flushed, into part i of `to`; as many
 * keys as part i has; each key of part i */
int parts64_merge(struct parts64 *to, const struct parts64 *from, uint32_t i);
uint32_t parts64_part(const struct parts64 *p, uint32_t i);
int parts64_each_of(
	const struct parts64 *p, uint32_t i, int (*f)(void *ctx, uint64_t key, uint64_t sum), void *ctx);
void parts64_free(struct parts64 *p);

#endif
