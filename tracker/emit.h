/*
 * emit.h - slices out of entries.
 *
 * The hull of a slice is [least first, greatest last] of the session's earlier slices, so that "count the slice
 * that overlaps the frame while its hull does not" counts a session at most once in any frame: every later
 * slice's hull covers every earlier slice.  It counts it exactly once unless the frame lies in a gap between
 * earlier slices that a later slice then covers: the hull overlaps the frame though no earlier slice does.
 * That is what "stored out of time order" means here: a slice that reaches into a gap of its hull sets
 * FT_SLICE_CUT.  Kept for it are TRK_GAPS and the length of the hull's solid tail (`solid_us`); a slice that
 * lies wholly in the tail, beyond it, or before the hull's start is in order, whatever order that is in, so
 * the two directions of a running conversation, exported one after the other, stay unflagged.  The tail's
 * length saturates at 71 minutes, on the safe side.
 */
#ifndef FT_TRACKER_EMIT_H
#define FT_TRACKER_EMIT_H

#include "tracker/core.h"

/* Emit what is pending in the slot, if anything: the session goes on.  If it has ended and lingers, the slice says
 * why (end_reason), but not that it is the last: routers export what trickles in after a FIN as a flow of its own,
 * and whoever reads FT_SLICE_LAST relies on it. */
void emit_pending(struct core *c, uint32_t slot);
/* The session ends for `reason` (FT_END_*; what ended it before counts more): emit the rest as its last slice, give
 * the slot back. */
void emit_end(struct core *c, uint32_t slot, uint8_t reason);
/* A session of one slice that never had a slot (NSEL denied), with n bytes of kept elements.  e is filled in as for a first slice. */
void emit_alone(struct core *c, const struct trk_entry *e, const struct trk_ext *x, const uint8_t *elements, size_t n,
	uint8_t reason);

/* The hull after the pending slice; pure.  Returns whether that slice reaches into a gap. */
bool emit_hull(struct trk_entry *e);

#endif
