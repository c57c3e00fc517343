/*
 * table.h - conversations being counted: a hash table of fixed size and a wheel of deadlines.  One owner, no locks.
 *
 * Index: open addressing, linear probing, twice as many slots as flows, each the flow's number and its hash; deletion moves
 * the cluster back, so that there are no tombstones to wade through.  Entries lie in an array of their own with a free
 * list; nothing is allocated after table_open.
 *
 * Wheel: buckets of WHEEL_STEP_US.  A flow lies in the bucket of its deadline as it was when it was put there, and a packet
 * does not touch the wheel: when the bucket comes up, a flow whose deadline has moved on is put into a later one.  So a
 * packet costs one lookup, a flow one look each idle timeout.  A deadline beyond the horizon lies in the last bucket and is
 * looked at again there.
 *
 * Time is the packets' own (microseconds since 1970), so that a file gives the same flows whenever it is read.
 */
#ifndef FT_EXPORTER_TABLE_H
#define FT_EXPORTER_TABLE_H

#include <stdbool.h>

#include "common/err.h"
#include "exporter/flow.h"

enum { TABLE_MOST = 1 << 26 }; /* flows */

struct timeouts { /* microseconds */
	int64_t active;			 /* a flow is exported at least this often while it lasts */
	int64_t tcp, udp, icmp, general; /* without a packet */
	int64_t closed;			 /* after FIN both ways or RST: late packets belong to it still */
};

struct table_slot {
	uint32_t hash, flow; /* flow FLOW_NONE: free */
};

struct table {
	struct table_slot *slot;
	uint32_t mask;
	struct flow *flow;
	uint32_t size, used, free; /* free: head of the free list by flow.next */
	uint64_t seed;
	struct timeouts timeouts;
	uint32_t *bucket; /* heads */
	int64_t turn;	  /* the bucket number (time / WHEEL_STEP_US) that is next to come up */
	void (*on_end)(void *ctx, struct flow *f, enum flow_end why);
	void *ctx;
	uint64_t made, early; /* flows made; of them exported early because the table was full */
	uint32_t peak;
};

/* flows: 16 to TABLE_MOST.  on_end is called for each flow that ends, and each time an active one is due; it may not
 * touch the table. */
int table_open(struct table *t, uint32_t flows, const struct timeouts *timeouts,
	void (*on_end)(void *ctx, struct flow *f, enum flow_end why), void *ctx, struct err *err);
void table_close(struct table *t);

uint32_t table_hash(const struct table *t, const struct flow_key *k);
/* Bring the slot of a hash near before it is looked up. */
static inline void
table_prefetch(const struct table *t, uint32_t hash)
{
	__builtin_prefetch(&t->slot[hash & t->mask]);
}
static inline void
table_prefetch_flow(const struct table *t, uint32_t hash)
{
	uint32_t i = t->slot[hash & t->mask].flow;
	if (i != FLOW_NONE) {
		__builtin_prefetch(&t->flow[i]);
		__builtin_prefetch((const char *)&t->flow[i] + 64);
		__builtin_prefetch((const char *)&t->flow[i] + 128);
	}
}
/* The flow of this key, made if there is none (then with no packets in it).  Ends another flow if the table is full. */
struct flow *table_find(struct table *t, const struct flow_key *k, uint32_t hash, int64_t now_us);
/* The flow has just been closed by its ends: its deadline is near now. */
void table_closing(struct table *t, struct flow *f);
/* The flow ends here, as its deadline would end it. */
void table_end(struct table *t, struct flow *f, enum flow_end why);
/* Ends what is due at this time. */
void table_advance(struct table *t, int64_t now_us);
/* Ends everything. */
void table_flush(struct table *t);

#endif
