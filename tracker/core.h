/*
 * core.h - what a shard works on: stage, table, output ring, settings in force.  No thread, no file, no clock
 * of its own: time comes in as an argument, so tests drive it over plain memory.
 *
 * Bound of output: one flow makes at most core_slots() slots: either its session's pending slice is cut,
 * or the session ends and the new one has nothing pending, or another is evicted, or (denied) it is a session of
 * its own: one record, with an extension two slots, and where elements are kept what elementbytes takes of them.  Whoever
 * applies n flows has reserved n times core_slots().
 */
#ifndef FT_TRACKER_CORE_H
#define FT_TRACKER_CORE_H

#include <stdbool.h>

#include "common/contract/elements.h"
#include "common/contract/flow_ring.h"
#include "common/contract/slice_ring.h"
#include "common/ring.h"
#include "common/stage.h"
#include "tracker/service_ports.h"
#include "tracker/table.h"

/* Undo bytes one flow may need, rounded up: a whole entry and extension given back, another taken and changed. */
enum { CORE_SLOTS_A_FLOW = 2, CORE_UNDO_A_FLOW = 1024 };
/* Of a list of kept elements: the cells of the longest (kept.h), with their heads in the log. */
enum { CORE_UNDO_ELEMENTS = (FT_ELEMENTS_MOST / TRK_CELL_BYTES + 2) * (sizeof(struct trk_cell) + 64) };
#ifdef FT_TINY
enum { CORE_BATCH = FT_BATCH, CORE_EVICT_PROBES = 2 };
#else
enum { CORE_BATCH = 256, CORE_EVICT_PROBES = 8 };
#endif
enum { CORE_UNDO = (CORE_BATCH + 4) * CORE_UNDO_A_FLOW };

struct settings {
	uint32_t capacity;                                 /* of this shard */
	uint32_t interval_s;                               /* storageinterval */
	uint32_t timeout_s, udp_timeout_s, icmp_timeout_s; /* 0: never */
	uint32_t toolong_s;                                /* 0: never */
	uint32_t linger_s;
	bool dedup, resizable;
	uint32_t element_bytes; /* of kept elements a session; 0: keepfields is none */
	unsigned scoped;        /* TABLE_KEY_* */
	struct service_ports services;
};

/* Each exporter's header clock as last heard, in seconds: idle times, linger and toolong run on it.  Private:
 * after a restart an exporter's clock is unknown (0) until it is heard again, and nothing of it expires. */
struct clocks {
	uint32_t *second;
	uint32_t n;
};

struct core {
	struct stage st;
	struct table t;
	struct ring out;
	const struct settings *set;
	struct clocks clocks;
	uint64_t id_base; /* epoch and shard of session ids */
	uint32_t now_ms;  /* monotonic, wraps */
};

/* What one flow may need of the output ring and of the undo log. */
static inline uint64_t
core_slots(const struct core *c)
{
	const uint64_t each = sizeof(struct ft_slice);
	return CORE_SLOTS_A_FLOW + (c->set->element_bytes + each - 1) / each;
}
static inline size_t
core_undo(const struct core *c)
{
	return CORE_UNDO_A_FLOW + (c->t.cells ? (size_t)CORE_UNDO_ELEMENTS : 0);
}
/* Cells for a table of this capacity: one a session, since most lists fit one. */
static inline uint32_t
core_cells(const struct settings *s)
{
	return s->element_bytes == 0 ? 0 : s->capacity > 64 ? s->capacity : 64;
}

static inline uint32_t
clocks_at(const struct clocks *k, uint32_t exporter)
{
	return exporter < k->n ? k->second[exporter] : 0;
}
/* Last heard, not greatest: a replay that starts again must not find its own sessions old. */
void clocks_hear_new(struct clocks *k, uint32_t exporter, uint32_t second);
static inline void
clocks_hear(struct clocks *k, uint32_t exporter, uint32_t second)
{
	if (exporter < k->n)
		k->second[exporter] = second;
	else
		clocks_hear_new(k, exporter, second);
}

static inline uint32_t
core_second(int64_t us)
{
	int64_t s = us / 1000000;
	return s < 0 ? 0 : s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
}

#endif
