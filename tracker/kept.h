/*
 * kept.h - the kept elements of sessions (contract/elements.h) in the connection table's segment.
 *
 * A list lies in a chain of cells of 128 bytes; trk_kept[slot] of its entry names the first and says how long the
 * list is.  There are cells only if keepfields is not none when the segment is made, so that nobody else pays for them.
 *
 * Crash rule, as for entries and extensions: a slot is the unit of undo, and whose a cell is is said by the chains of
 * used entries alone (rebuilt at start: table.c).  So:
 *   - trk_kept[slot] keeps its image before it changes;
 *   - a cell of a chain keeps its image before it is written, shortened or given back;
 *   - a free cell that is taken keeps none: after an undo no chain leads to it.  One that was given back and taken again
 *     in the same batch has its image in the log already, older ones are put back last.
 * A list is thereby what the committed flows made of it, whenever the process is killed.
 */
#ifndef FT_TRACKER_KEPT_H
#define FT_TRACKER_KEPT_H

#include "tracker/session.h"

/* Merge the flow's list into its session's; the hot half of the entry has its image. */
void kept_merge(struct core *c, uint32_t slot, const struct session_flow *in);
/* The list for a slice of this session, in the client's orientation, at most elementbytes long; 0: none. */
size_t kept_slice(const struct core *c, uint32_t slot, uint8_t list[FT_ELEMENTS_MOST]);
/* The same of a flow that is a session of its own. */
size_t kept_alone(
	struct core *c, const struct session_flow *in, bool from_client, uint8_t list[FT_ELEMENTS_MOST]);
/* The session ends: its cells are free. */
void kept_give(struct table *t, struct stage *st, uint32_t slot);
/* Into another segment: entry `from` of t becomes entry `to` of h, cells from *next on.  Left out if there is no room. */
void kept_copy(const struct table *t, uint32_t from, struct trk_header *h, uint32_t to, uint32_t *next);
/* Mark the cells of a used slot (a start). */
void kept_mark(const struct table *t, uint32_t slot, uint64_t *used);

#endif
