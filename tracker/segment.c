/* segment.c - see segment.h */
#include "tracker/segment.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "common/crash.h"
#include "tracker/epoch.h"

enum { NAME = 64 };

/* the undo log is sized by the batch, so builds with other batches are foreign too */
static const struct shm_kind kind = {TRK_MAGIC, TRK_VERSION, FT_MIX(TRK_LAYOUT, CORE_UNDO)};

static void
names(uint32_t shard, char now[NAME], char next[NAME])
{
	snprintf(now, NAME, "tracker.%u", shard);
	snprintf(next, NAME, "tracker.%u.next", shard);
}

static int
make(struct shm *seg, const char *dir, const char *name, uint32_t capacity, uint32_t cells, uint32_t shard,
	uint32_t shards, uint32_t epoch, struct err *err)
{
	int rc = shm_create(seg, dir, name, &kind, table_bytes(capacity, cells, CORE_UNDO), err);
	if (rc == FT_OK)
		table_format(seg->base, capacity, cells, CORE_UNDO, shard, shards, epoch);
	return rc;
}

int
segment_open(struct shm *seg, const char *dir, const char *statedir, uint32_t shard, uint32_t shards,
	uint32_t capacity, uint32_t cells, struct err *err)
{
	char name[NAME], next[NAME];
	uint32_t epoch;
	names(shard, name, next);
	(void)shm_remove(dir, next); /* of a resize that did not come to its end */
	int rc = shm_open_rw(seg, dir, name, &kind, err);
	if (rc == FT_ENOENT) {
		rc = epoch_next(statedir, &epoch, err);
		if (rc == FT_OK)
			rc = make(seg, dir, name, capacity, cells, shard, shards, epoch, err);
		if (rc == FT_OK && (rc = shm_publish(seg, err)) != FT_OK)
			shm_close(seg);
	}
	if (rc != FT_OK)
		return rc;
	rc = shm_hold(seg, 0, err);
	const struct trk_header *h = seg->base;
	if (rc == FT_OK && h->shards != shards)
		rc = err_set(err, FT_ELAYOUT,
			"%s holds the sessions of %u tracker threads, and trackerthreads is %u now: set it "
			"back, run `ft-ctl "
			"drain`, then change it",
			seg->path, h->shards, shards);
	if (rc != FT_OK)
		shm_close(seg);
	else
		(void)madvise(seg->base, seg->size, MADV_HUGEPAGE); /* a hint */
	return rc;
}

int
segment_resize(struct shm *seg, const char *dir, struct shard *s, uint32_t capacity, uint32_t cells,
	uint64_t seed, uint64_t now_ms, struct err *err)
{
	char name[NAME], next[NAME], path[sizeof seg->path];
	const struct trk_header *h = seg->base;
	struct shm bigger;
	names(h->shard, name, next);
	memcpy(path, seg->path, sizeof path);
	(void)shm_remove(dir, next);
	CHECK(capacity >= table_used(&s->c.t));
	int rc = make(&bigger, dir, next, capacity, cells, h->shard, h->shards, h->epoch, err);
	if (rc != FT_OK)
		return rc;
	shard_copy(s, bigger.base);
	struct shard fresh = *s;
	fresh.c.t = (struct table){0};
	rc = shm_publish(&bigger, err);
	if (rc == FT_OK)
		rc = shm_hold(&bigger, 0, err);
	if (rc == FT_OK)
		rc = shard_take_table(&fresh, bigger.base, seed, now_ms, err);
	crash_point("tracker resize before rename");
	if (rc == FT_OK && rename(bigger.path, path) != 0) {
		rc = err_sys(err, "can't put %s in place", path);
		table_detach(&fresh.c.t);
	}
	if (rc != FT_OK) {
		shm_close(&bigger);
		(void)shm_remove(dir, next);
		return rc;
	}
	crash_point("tracker resize after rename");
	memcpy(bigger.path, path, sizeof path);
	(void)madvise(bigger.base, bigger.size, MADV_HUGEPAGE);
	table_detach(&s->c.t);
	*s = fresh;
	shm_close(seg);
	*seg = bigger;
	return FT_OK;
}
