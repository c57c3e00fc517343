/*
 * expire.h - when a session is over: pure rules, the sweep over old ones, and eviction.
 */
#ifndef FT_TRACKER_EXPIRE_H
#define FT_TRACKER_EXPIRE_H

#include "tracker/core.h"

struct session_flow; /* session.h */

/* FT_END_* if the session is over before this flow (a new one begins with it), else FT_END_NONE.
 *   - an ended session's linger has passed when the flow starts;
 *   - the flow starts after the session's last packet and shows a SYN: from a side that has shown one, or of
 *     an ended session, or later than linger (a reply that came late is no new session);
 *   - NSEL reports a connection created after this one's last packet;
 *   - idle too long, or longer than toolong, by the exporter's header clock. */
uint8_t expire_by_flow(
	const struct settings *s, const struct trk_entry *e, const struct session_flow *in, bool from_client);
/* FT_END_* if it is over at that reading of its exporter's clock (seconds; 0: not known). */
uint8_t expire_by_clock(const struct settings *s, const struct trk_entry *e, uint32_t clock_s);

/* Note when the sweep has to look at the slot: to be said when the session began, when it ended, and when its exporter's
 * clock stepped back; otherwise later flows only put its end off. */
void expire_look_at(struct table *t, const struct settings *s, uint32_t slot);
/* Look at up to `look` slots from the table's age hand and end those that are over, at most `most` of them.
 * Within a batch.  Returns how many slots were looked at. */
uint32_t expire_sweep(struct core *c, uint32_t look, uint32_t most);
/* Give up one session: of a few probed an ended one, else the least recently updated.  Within a batch.  Its slot is
 * free afterwards. */
void expire_evict(struct core *c);

#endif
