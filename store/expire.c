/*
 * expire.c - the oldest segment goes when the database has reached its size: segmentcount files, databasesize
 * bytes, or maxage.  Order: the catalog stops listing it, then the file goes (or moves to the archive), then its
 * index entries; a reader that still has it mapped reads on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/counters.h"
#include "common/crash.h"
#include "common/log.h"
#include "common/segment_file.h"
#include "store/trim.h"

enum { GAP_MOST = 1024 };

static bool
put_away(const struct store *st, uint32_t segment)
{
	char path[600], to[700];
	if (segment_path(path, sizeof path, st->database, segment) != FT_OK)
		return false;
	crash_point("expire: before the file goes");
	segment_unlock(st->database, segment);
	if (st->set.archive[0] != '\0') {
		snprintf(to, sizeof to, "%s/%08u.seg", st->set.archive, segment);
		if (rename(path, to) == 0) {
			(void)unlink(
				path); /* of an attached one the archive has the same file: rename did nothing */
			return true;
		}
		if (errno != EXDEV || file_copy(path, to) != FT_OK) {
			log_limited(LOG_L_CRITICAL, "segment %u can't be moved to the archive %s: %s",
				segment, st->set.archive, strerror(errno));
			return false;
		}
	}
	return unlink(path) == 0;
}

bool
expire_oldest(struct store *st, const char *why)
{
	uint32_t *n, count;
	struct zone_segment s;
	if (segment_list(st->database, &n, &count, NULL) != FT_OK)
		return false;
	if (count < 2 || n[0] >= st->segment) {
		free(n);
		return false;
	}
	uint32_t oldest = n[0], was = st->first_segment;
	st->first_segment = n[1] < st->segment ? n[1] : st->segment;
	free(n);
	uint64_t rows = index_get_segment(st, oldest, &s) ? s.rows : 0;
	st->sealed_rows -= rows < st->sealed_rows ? rows : st->sealed_rows;
	catalog_tell(st);
	if (!put_away(st, oldest)) {
		st->first_segment = was;
		st->sealed_rows += rows;
		catalog_tell(st);
		return false;
	}
	crash_point("expire: file gone");
	for (uint32_t k = oldest; k < st->first_segment && k - oldest < GAP_MOST; k++)
		index_drop_segment(st, k); /* and what the index says of those that were gone already */
	counter_add(COUNTER_store_segments_expired, 1);
	log_high("segment %u %s: %s", oldest, st->set.archive[0] ? "moved to the archive" : "dropped", why);
	return true;
}

/* End of the newest slice of a segment; INT64_MAX if it is not known. */
static int64_t
newest_of(struct store *st, uint32_t segment)
{
	struct zone_segment s;
	int64_t most = INT64_MIN;
	if (!index_get_segment(st, segment, &s) || s.blocks == 0)
		return INT64_MAX;
	for (uint32_t b = 0; b < s.blocks; b++) {
		struct zone *z = index_get_block(st, segment, b);
		if (z == NULL || z->spans == 0) {
			free(z);
			return INT64_MAX;
		}
		int64_t last = z->span[z->spans - 1].last_us;
		most = last > most ? last : most;
		free(z);
	}
	return most;
}

static uint64_t
bytes_of(const struct store *st, uint32_t segment)
{
	char path[600];
	struct stat file;
	if (segment_path(path, sizeof path, st->database, segment) != FT_OK || stat(path, &file) != 0)
		return 0;
	return (uint64_t)file.st_blocks * 512;
}

/* The wall clock may be wrong: set by a year either way by hand, by a bad time server, by a battery that is empty.  maxage goes by
 * it and what it drops is gone.  So a jump by more than a day against the monotonic clock, or a start a day and more after
 * the last commit, stops it for an hour: time to be noticed and put right.  What was old all the same goes after that. */
static bool
clock_trusted(struct store *st, int64_t wall_us, mono_t now)
{
	const int64_t day_us = INT64_C(86400000000);
	int64_t since = st->clock_seen.ns != 0 ? mono_since(now, st->clock_seen).us : 0;
	int64_t jump = wall_us - st->clock_wall_us - since;
	if (st->clock_wall_us != 0 && (jump > day_us || jump < -day_us)) {
		st->clock_trusted_from = mono_after(now, span_seconds(3600));
		if (st->set.max_age_s)
			log_critical("the clock is %lld days %s where it was expected: maxage drops nothing "
				     "for an hour; is the clock right?",
				(long long)((jump < 0 ? -jump : jump) / day_us),
				jump < 0 ? "before" : "after");
	}
	st->clock_wall_us = wall_us;
	st->clock_seen = now;
	return now.ns >= st->clock_trusted_from.ns;
}

void
expire_run(struct store *st)
{
	expire_at(st, wall_now().us, mono_now());
}

void
expire_at(struct store *st, int64_t wall_us, mono_t now)
{
	uint32_t *n, count;
	uint64_t bytes = 0;
	const struct store_settings *set = &st->set;
	bool trusted = clock_trusted(st, wall_us, now);
	if (segment_list(st->database, &n, &count, NULL) != FT_OK)
		return;
	for (uint32_t i = 0; i < count; i++)
		bytes += bytes_of(st, n[i]);
	counter_set(COUNTER_store_segments, count);
	counter_set(COUNTER_store_bytes, bytes);
	if (count > 0 && n[0] < st->segment) {
		struct zone *z = index_get_block(st, n[0], 0);
		counter_set(COUNTER_store_oldest_us, z && z->spans ? (uint64_t)z->span[0].first_us : 0);
		free(z);
	}
	/* one at a time: shrinking by a lot is spread over the next turns */
	if (count > 1 && n[0] < st->segment) {
		int64_t oldest = set->max_age_s && trusted ? newest_of(st, n[0]) : INT64_MAX;
		if (count > set->segments)
			(void)expire_oldest(st, "segmentcount is reached");
		else if (set->database_bytes && bytes > set->database_bytes)
			(void)expire_oldest(st, "databasesize is reached");
		else if (oldest != INT64_MAX && oldest < wall_us - (int64_t)set->max_age_s * 1000000)
			(void)expire_oldest(st, "maxage is reached");
	}
	free(n);
}
