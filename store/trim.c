/*
 * trim.c - see trim.h.
 *
 * A segment that is written has free pages: every second's journal record lies in pages of its own until the block it is
 * part of is sealed, some 30 MB at full speed.  When the segment is finished nothing will use them again, so holes are
 * punched there: the file's offsets, which readers and the index know, stay as they are, and no byte is copied.
 *
 * Why it is safe.  LMDB's list of free pages is that of the last commit, and a finished segment has no later one.  A reader
 * may still be in a transaction that began before it, for as long as it takes to read a block: hence the pause.
 * LMDB's pages have no checksum, so that the list is believed only if it touches no block that the index (which has
 * checksums) knows of, and all of them are known.  A kill leaves some holes more or less; the next start tries again.
 */
#include "store/trim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crash.h"
#include "common/log.h"
#include "common/segment_file.h"
#include "common/snapshot.h"

enum { AFTER_S = 60, PAGE = 4096 };

struct range {
	uint64_t from, to;
};
struct trim {
	struct kv *kv;
	struct range *used;
	uint32_t blocks;
	struct range *free;
	uint64_t n, room;
	bool done; /* the walk came to its end: what it opened is closed */
};

static int
by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;
	return (x->from > y->from) - (x->from < y->from);
}

/* The pages of all blocks, by place; false if the index does not know them all. */
static bool
used_ranges(struct store *st, uint32_t number, struct trim *t)
{
	struct zone_segment s;
	if (!index_get_segment(st, number, &s) || (t->used = calloc(s.blocks + 1, sizeof *t->used)) == NULL)
		return false;
	for (uint32_t b = 0; b < s.blocks; b++) {
		struct zone *z = index_get_block(st, number, b);
		if (z == NULL || z->file_offset == 0) {
			free(z);
			return false;
		}
		t->used[t->blocks++] = (struct range){
			z->file_offset / PAGE * PAGE, (z->file_offset + z->bytes + PAGE - 1) / PAGE * PAGE};
		free(z);
	}
	qsort(t->used, t->blocks, sizeof t->used[0], by_start);
	return true;
}

static int
note_free(void *ctx, uint64_t from, uint64_t to)
{
	struct trim *t = ctx;
	uint32_t low = 0, high = t->blocks;
	while (low < high) { /* the first block that ends behind `from` */
		uint32_t middle = low + (high - low) / 2;
		if (t->used[middle].to <= from)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < t->blocks && t->used[low].from < to)
		return FT_EFORMAT;
	if (t->n == t->room) {
		uint64_t room = t->room * 2 + 64;
		struct range *p = realloc(t->free, room * sizeof *p);
		if (p == NULL)
			return FT_ENOMEM;
		t->free = p;
		t->room = room;
	}
	t->free[t->n++] = (struct range){from, to};
	return FT_OK;
}

static int
walk(void *ctx)
{
	struct trim *t = ctx;
	int rc = kv_free_ranges(t->kv, note_free, t);
	t->done = true;
	return rc;
}

static int
punch(const char *path, const struct trim *t, uint64_t *freed, struct err *err)
{
	struct stat before, after;
	int fd = open(path, O_RDWR | O_CLOEXEC), rc = FT_OK;
	if (fd < 0 || fstat(fd, &before) != 0) {
		rc = err_sys(err, "%s", path);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	for (uint64_t i = 0; i < t->n && rc == FT_OK; i++) {
		crash_point("trim: before a hole");
		if (t->free[i].to > (uint64_t)before.st_size)
			continue;
		if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)t->free[i].from,
			    (off_t)(t->free[i].to - t->free[i].from)) != 0)
			rc = err_sys(err, "%s: free pages can't be given back", path);
	}
	if (fstat(fd, &after) == 0 && after.st_blocks < before.st_blocks)
		*freed += (uint64_t)(before.st_blocks - after.st_blocks) * 512;
	close(fd);
	return rc;
}

int
segment_trim(struct store *st, uint32_t number, uint64_t *freed, struct err *err)
{
	char path[600];
	struct trim t = {0};
	if (segment_path(path, sizeof path, st->database, number) != FT_OK)
		return err_set(err, FT_EINVAL, "%s: the path is too long", st->database);
	int rc = used_ranges(st, number, &t)
			 ? FT_OK
			 : err_set(err, FT_ENOENT, "segment %u: the index is not complete", number);
	if (rc == FT_OK)
		rc = kv_open(&t.kv, path, 0, 0, KV_READONLY | KV_NOLOCK, err);
	if (rc == FT_OK) {
		if (guard_run_wild(walk, &t) != FT_OK)
			rc = err_set(
				err, FT_EFORMAT, "segment %u: its list of free pages is damaged", number);
		if (rc == FT_OK && t.n > 0)
			rc = punch(path, &t, freed, err);
		if (t.done)
			kv_close(t.kv);
	}
	free(t.used);
	free(t.free);
	return rc;
}

void
trim_run(struct store *st)
{
	char path[600];
	struct stat file;
	struct zone_segment s;
	struct err err;
	uint64_t freed = 0;
	if (st->trim_next < st->first_segment)
		st->trim_next = st->first_segment;
	if (st->trim_next >= st->segment ||
		segment_path(path, sizeof path, st->database, st->trim_next) != FT_OK)
		return;
	if (stat(path, &file) == 0 && index_get_segment(st, st->trim_next, &s)) {
		int64_t age = wall_now().us / 1000000 - file.st_mtime;
		if (age >= 0 && age < AFTER_S)
			return;
		if (segment_trim(st, st->trim_next, &freed, &err) != FT_OK)
			log_medium("%s", err.text);
		else if (freed > 0)
			log_medium("segment %u: %llu KB of free pages given back", st->trim_next,
				(unsigned long long)freed / 1024);
	} else if (index_get_segment(st, st->trim_next, &s) == false && st->mending_now) {
		return; /* its entries are being made */
	}
	st->trim_next++;
}

/* ---- copying ---------------------------------------------------------------------------------------- */

static bool
copy_range(int in, int out, off_t from, off_t to)
{
	static uint8_t buffer[1 << 18];
	while (from < to) {
		size_t want = to - from < (off_t)sizeof buffer ? (size_t)(to - from) : sizeof buffer;
		ssize_t n = pread(in, buffer, want, from);
		if (n <= 0 || pwrite(out, buffer, (size_t)n, from) != n)
			return false;
		from += n;
	}
	return true;
}

/* A filesystem that knows no holes says that all is data. */
static bool
copy_data(int in, int out, off_t size)
{
	off_t at = 0;
	while (at < size) {
		off_t data = lseek(in, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break;
		if (data < 0)
			data = at;
		off_t hole = lseek(in, data, SEEK_HOLE);
		hole = hole < 0 || hole > size ? size : hole;
		if (!copy_range(in, out, data, hole))
			return false;
		at = hole;
	}
	return ftruncate(out, size) == 0;
}

int
file_copy(const char *from, const char *to)
{
	char temp[1100];
	struct stat file;
	snprintf(temp, sizeof temp, "%s.part", to);
	int in = open(from, O_RDONLY | O_CLOEXEC),
	    out = in < 0 ? -1 : open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	bool ok = out >= 0 && fstat(in, &file) == 0 && copy_data(in, out, file.st_size) && fsync(out) == 0 &&
		  rename(temp, to) == 0;
	int sys = errno;
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	if (!ok && out >= 0)
		(void)unlink(temp);
	errno = sys;
	return ok ? FT_OK : FT_ESYS;
}
