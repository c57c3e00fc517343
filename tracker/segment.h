/*
 * segment.h - the file of a shard's table: "tracker.<shard>" in the shared-memory folder.
 *
 * Resize.  The new table is built in "tracker.<shard>.next": same commit record, same entries, another capacity.
 * Then rename() over the old name: that one step is the switch, and it unlinks the old file too.  A kill before
 * it leaves the old table, whole (what is left under the other name is removed at the next start), a kill after it
 * the new one, whole.  Rejected: a generation word in a second file, which would have to be right together with
 * the names of both tables.
 */
#ifndef FT_TRACKER_SEGMENT_H
#define FT_TRACKER_SEGMENT_H

#include "common/shm.h"
#include "tracker/shard.h"

/* Open the shard's segment or make it (taking a new epoch from statedir), and hold it.  FT_ELAYOUT: made for another
 * number of shards or by another build; FT_EBUSY: another tracker is running. */
int segment_open(struct shm *seg, const char *dir, const char *statedir, uint32_t shard, uint32_t shards,
	uint32_t capacity, uint32_t cells, struct err *err);
/* Give the shard a table of `capacity` entries, at least as many as it uses, and `cells` of kept elements (lists for which
 * there is no room are left out).  On failure all is as before. */
int segment_resize(struct shm *seg, const char *dir, struct shard *s, uint32_t capacity, uint32_t cells, uint64_t seed,
	uint64_t now_ms, struct err *err);

#endif
