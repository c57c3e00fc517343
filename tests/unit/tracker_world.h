/*
 * tracker_world.h - a shard over plain memory, with a producer before it and a consumer behind it, for tests.
 */
#ifndef FT_TRACKER_WORLD_H
#define FT_TRACKER_WORLD_H

#include "tracker/shard.h"

/* a slice as a consumer sees it */
struct got {
	struct ft_slice s;
	struct ft_slice_ext x; /* zero if absent */
};

struct world {
	void *segment, *in_memory, *out_memory;
	struct settings set;
	struct shard s;
	struct ring producer, consumer;
	uint64_t pushed; /* head of the flow ring */
	uint64_t taken;  /* tail of the slice ring */
	uint64_t now_ms;
	struct got *got;
	size_t n, room;
	bool stuck; /* do not consume */
};

/* Slots as in ring_create.  Settings: the defaults of config.def, services below 1024 only, interval 5 s. */
void world_open(struct world *w, uint32_t capacity, uint64_t in_slots, uint64_t out_slots);
void world_close(struct world *w);
/* the process dies and another one takes over */
void world_restart(struct world *w);
/* Put a flow into the ring (running the shard if it is full). */
void world_push(struct world *w, const struct ft_flow *f, const struct ft_flow_ext *x);
/* Apply all that has been pushed, and consume slices. */
void world_run(struct world *w);
/* Let time pass: ticks of 20 ms until `ms` later. */
void world_pass(struct world *w, uint64_t ms);
/* Emit everything; end: sessions too. */
void world_flush(struct world *w, bool end);
void world_consume(struct world *w);

/* An IPv4 TCP flow: 10.0.0.<src>:<sport> -> 10.0.0.<dst>:<dport>, times in ms, exported at its end. */
struct ft_flow world_flow(
	unsigned src, unsigned sport, unsigned dst, unsigned dport, int64_t first_ms, int64_t last_ms);
#define WORLD_T0 INT64_C(1700000000000) /* ms since 1970 */

/* small deterministic random numbers */
uint64_t world_random(uint64_t *state);

#endif
