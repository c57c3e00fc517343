/*
 * session.h - one flow into the table.
 *
 * Order of a merge, and why: the key finds the entry; a duplicate is told before anything changes; a session
 * that is over ends and a new one begins; direction is judged before attributes are compared, since attributes are
 * in the client's orientation; a clash emits what is pending before the new flow's counters are added.
 */
#ifndef FT_TRACKER_SESSION_H
#define FT_TRACKER_SESSION_H

#include "tracker/core.h"

/* A flow in its ring and what passes 1 and 2 of the batch found out about it. */
struct session_flow {
	const struct ft_flow *f;
	const struct ft_flow_ext *x; /* NULL: none */
	const struct ring *ring;     /* of its kept elements, from position `elements` on; NULL: none */
	uint64_t elements;
	struct table_key key;
	uint32_t hash;
	uint32_t dup;              /* digest that duplicates share; 0: can't be told */
	uint32_t export_s;         /* its exporter's clock, in seconds */
	int64_t first_us, last_us; /* in order and within what arithmetic can carry */
};

/* Pass 1: key and hash; starts loading the index line. */
void session_look(
	const struct core *c, const struct ft_flow *f, const struct ft_flow_ext *x, struct session_flow *out);
/* Pass 3: within a batch, with core_slots() slots of output reserved. */
void session_apply(struct core *c, const struct session_flow *in);

#endif
