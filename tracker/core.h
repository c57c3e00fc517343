/*
 * core.h - what a shard works on: stage, table, output ring, settings in force.  No thread, no file, no clock
 * of its own: time comes in as an argument, so tests drive it over plain memory.
 *
 * Bound of output: one flow makes at most CORE_SLOTS_A_FLOW slots: either its session's pending slice is cut,
 * or the session ends and the new one has nothing pending, or another is evicted, or (denied) it is a session of
 * its own: one record, with an extension two slots.  Whoever applies n flows has reserved n times that.
 */
#ifndef FT_TRACKER_CORE_H
#define FT_TRACKER_CORE_H

#include <stdbool.h>

#include "common/contract/flow_ring.h"
#include "common/contract/slice_ring.h"
#include "common/ring.h"
#include "common/stage.h"
#include "tracker/service_ports.h"
#include "tracker/table.h"

/* Undo bytes one flow may need, rounded up: a whole entry and extension given back, another taken and changed. */
enum { CORE_SLOTS_A_FLOW = 2, CORE_UNDO_A_FLOW = 1024 };
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
	unsigned scoped; /* TABLE_KEY_* */
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

static inline uint32_t
clocks_at(const struct clocks *k, uint32_t exporter)
{
	return exporter < k->n ? k->second[exporter] : 0;
}
/* Last heard, not greatest: a replay that starts again must not find its own sessions old. */
void clocks_hear(struct clocks *k, uint32_t exporter, uint32_t second);

static inline uint32_t
core_second(int64_t us)
{
	int64_t s = us / 1000000;
	return s < 0 ? 0 : s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
}

#endif
