/*
 * nsel.h - counters of NSEL events (firewalls of the Cisco ASA kind).
 *
 * An update carries what is new since the last one (elements 231, 232, 298, 299); the teardown carries the whole
 * connection's, and the update of the last interval comes with it, before or after.  Added up, everything would be
 * counted twice.  So a session keeps, for each side, what its updates have said; the teardown adds what is left.
 * What it added beyond the updates is a credit that a late update draws on.  A teardown below what the updates said
 * is no total, and is added like an update (others than Cisco do that).  Several connections in one session, pings
 * whose ids the firewall does not tell, have a teardown each: each counts.
 *
 * Source: Cisco ASA NetFlow Implementation Guide, "Templates for Flow Update Events".
 */
#ifndef FT_TRACKER_NSEL_H
#define FT_TRACKER_NSEL_H

#include <stdbool.h>

#include "common/contract/flow_ring.h"
#include "tracker/entry.h"

enum { NSEL_CREATED = 1, NSEL_DELETED = 2, NSEL_DENIED = 3, NSEL_UPDATED = 5 };

static inline bool
nsel_is(const struct ft_flow_ext *x, uint8_t event)
{
	return x && (x->has & FT_EXT_NSEL) && x->nsel_event == event;
}

/* Reduces the counters of an event to what is new of its session; `x`, whose image is kept already, remembers.  late:
 * the event is not after what was known of the session. */
void nsel_share(
	struct trk_ext *x, uint8_t event, bool from_client, bool late, uint64_t *bytes, uint64_t *packets);

#endif
