/*
 * examine.c - what is in a segment's file at start: LMDB's word if it can be walked, else the images of blocks and
 * journal records that are found by their magic.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/block_format.h"
#include "common/segment_file.h"
#include "store/journal.h"
#include "store/store.h"

struct examine {
	const char *path;
	struct segment_state *s;
	struct journal_head *last;
	struct open_block *apply; /* may be NULL: only look */
	bool write;               /* it is to be written to: is the free list sound as well? */
	uint32_t applied;
};

static int
walk_block(struct examine *x, const struct kv_bytes *k, const struct kv_bytes *v)
{
	struct block_header h;
	uint32_t n;
	memcpy(&n, (const uint8_t *)k->p + 4, 4);
	if (!block_header_good(v->p, v->n, &h) || h.block != __builtin_bswap32(n) || h.block != x->s->blocks)
		return FT_EFORMAT;
	x->s->blocks++;
	x->s->rows += h.rows;
	return FT_OK;
}

static int
walk_journal(struct examine *x, const struct kv_bytes *v)
{
	struct journal_head h;
	if (!journal_good(v->p, v->n, &h) || h.block != x->s->blocks ||
		(x->s->last ? h.seq != x->last->seq + 1 || h.row_from != x->last->row_to
			    : h.seq != 0 || h.row_from != 0))
		return FT_EFORMAT;
	if (x->apply) {
		if (journal_apply(x->apply, v->p, v->n) != FT_OK)
			return FT_EFORMAT;
		x->applied++;
	}
	*x->last = h;
	x->s->last = x->last;
	return FT_OK;
}

/* Keys come in order: blocks, the directory, the journal, meta. */
static int
walk(struct examine *x, struct kv_txn *t)
{
	struct kv_cursor *c;
	struct kv_bytes k, v;
	struct segment_meta m;
	bool meta = false;
	int rc = kv_cursor_open(t, MAIN_DB, &c);
	if (rc != FT_OK)
		return rc;
	int bad = FT_OK;
	for (rc = kv_cursor_seek(c, NULL, 0, &k, &v); rc == FT_OK && bad == FT_OK;
		rc = kv_cursor_next(c, &k, &v)) {
		if (k.n != sizeof(struct segment_key)) {
			bad = FT_EFORMAT;
			break;
		}
		switch (*(const char *)k.p) {
		case KEY_BLOCK:
			bad = walk_block(x, &k, &v);
			break;
		case KEY_DIRECTORY:
			x->s->finished = true;
			break;
		case KEY_JOURNAL:
			bad = walk_journal(x, &v);
			break;
		case KEY_META:
			meta = segment_meta_good(v.p, v.n, &m);
			break;
		default:
			bad = FT_EFORMAT;
		}
	}
	kv_cursor_close(c);
	if (bad != FT_OK || rc != FT_ENOENT || !meta || x->s->last == NULL)
		return FT_EFORMAT;
	memcpy(x->s->store_uuid, m.store_uuid, 16);
	memcpy(x->s->segment_uuid, m.segment_uuid, 16);
	x->s->commit = x->last->commit;
	return FT_OK;
}

/* A write that is given up makes LMDB look for free pages. */
static int
try_writing(struct kv *kv)
{
	static const uint8_t nothing[3 * 4096];
	struct segment_key k = segment_key('Z', 0, 0);
	struct kv_txn *t;
	int rc = main_begin(kv, true, &t, NULL);
	if (rc != FT_OK)
		return rc;
	rc = kv_put(t, MAIN_DB, k.b, sizeof k.b, nothing, sizeof nothing, NULL);
	kv_abort(t);
	return rc;
}

/* A lock file is there while somebody may write to the segment; opening a finished one must not leave one. */
static bool
being_written(const char *path)
{
	char lock[608];
	snprintf(lock, sizeof lock, "%s-lock", path);
	return access(lock, F_OK) == 0;
}

static int
examine_file(void *ctx)
{
	struct examine *x = ctx;
	struct kv *kv;
	struct kv_txn *t;
	unsigned read = KV_READONLY | (being_written(x->path) ? 0 : KV_NOLOCK);
	int rc = kv_open(&kv, x->path, 0, 0, x->write ? 0 : read, NULL);
	if (rc != FT_OK)
		return rc;
	rc = main_begin(kv, false, &t, NULL);
	if (rc == FT_OK) {
		rc = walk(x, t);
		kv_abort(t);
	}
	if (rc == FT_OK && x->write && !x->s->finished)
		rc = try_writing(kv);
	kv_close(kv);
	return rc;
}

struct images { /* of a damaged file */
	const uint8_t *map;
	uint64_t size;
	uint32_t number;
	bool any;
	struct segment_state *s;
	/* journal records of block `blocks`, by seq: the latest commit of each */
	const uint8_t **record;
	uint64_t *commit;
	uint32_t room;
};

static int
image_block(void *ctx, uint64_t offset, const struct block_header *h)
{
	struct images *m = ctx;
	(void)offset;
	if (h->segment != m->number)
		return FT_OK;
	m->any = true;
	if (h->block >= m->s->blocks)
		m->s->blocks = h->block + 1;
	if (h->commit > m->s->commit)
		m->s->commit = h->commit;
	memcpy(m->s->store_uuid, h->store_uuid, 16);
	memcpy(m->s->segment_uuid, h->segment_uuid, 16);
	return FT_OK;
}

static void
image_journal(struct images *m, const uint8_t *p, uint64_t room)
{
	struct journal_head h;
	if (memcmp(p, JOURNAL_MAGIC, 8) != 0 || !journal_good(p, room, &h) || h.segment != m->number)
		return;
	m->any = true;
	if (h.commit > m->s->commit)
		m->s->commit = h.commit;
	memcpy(m->s->store_uuid, h.store_uuid, 16);
	if (h.block < m->s->blocks || h.seq > 1u << 24)
		return;
	if (h.block > m->s->blocks) { /* of a later block, whose predecessor is lost */
		memset(m->record, 0, m->room * sizeof *m->record);
		m->s->blocks = h.block;
	}
	if (h.seq >= m->room) {
		uint32_t more = h.seq + h.seq / 2 + 64;
		const uint8_t **r = realloc(m->record, more * sizeof(*r));
		uint64_t *c = realloc(m->commit, more * sizeof *c);
		m->record = r ? r : m->record;
		m->commit = c ? c : m->commit;
		if (r == NULL || c == NULL)
			return;
		memset(r + m->room, 0, (more - m->room) * sizeof(*r));
		m->room = more;
	}
	if (m->record[h.seq] == NULL || h.commit > m->commit[h.seq]) {
		m->record[h.seq] = p;
		m->commit[h.seq] = h.commit;
	}
}

static int
scan_images(void *ctx)
{
	struct images *m = ctx;
	struct segment_visit visit = {image_block, NULL, m};
	(void)segment_scan(m->map, m->size, &visit);
	for (uint64_t at = 0; at + 4096 <= m->size; at += 4096)
		image_journal(m, m->map + at + 16, m->size - at - 16);
	return FT_OK;
}

struct salvage {
	struct images *m;
	struct open_block *to;
	struct journal_head *last;
	uint32_t applied;
};

static int
apply_images(void *ctx)
{
	struct salvage *v = ctx;
	for (uint32_t seq = 0; seq < v->m->room && v->m->record[seq]; seq++) {
		const uint8_t *p = v->m->record[seq];
		if (journal_apply(v->to, p, v->m->size - (uint64_t)(p - v->m->map)) != FT_OK)
			break;
		memcpy(v->last, p, sizeof *v->last);
		v->applied++;
	}
	return FT_OK;
}

/* What can be told of a file without LMDB; to: apply what journal is left, may be NULL. */
static int
look_at_images(const char *path, uint32_t number, struct segment_state *s, struct journal_head *last,
	struct open_block *to)
{
	struct stat st;
	struct images m = {.number = number, .s = s};
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = FT_ENOENT;
	if (fd < 0)
		return FT_ENOENT;
	if (fstat(fd, &st) == 0 && st.st_size > 0) {
		m.size = (uint64_t)st.st_size;
		void *p = mmap(NULL, m.size, PROT_READ, MAP_SHARED, fd, 0);
		if (p != MAP_FAILED) {
			m.map = p;
			rc = guard_run(scan_images, &m);
			struct salvage v = {&m, to, last, 0};
			if (to != NULL)
				(void)guard_run(apply_images, &v);
			if (v.applied > 0)
				s->last = last;
			(void)munmap(p, m.size);
		}
	}
	close(fd);
	free(m.record);
	free(m.commit);
	return m.any ? rc : FT_ENOENT;
}

static int
examine(const char *path, uint32_t number, bool write, struct segment_state *s, struct journal_head *last)
{
	*s = (struct segment_state){.kind = SEGMENT_EMPTY};
	struct examine x = {.path = path, .s = s, .last = last, .write = write};
	if (guard_run_wild(examine_file, &x) == FT_OK) {
		s->kind = SEGMENT_GOOD;
		return FT_OK;
	}
	*s = (struct segment_state){.kind = SEGMENT_DAMAGED};
	if (look_at_images(path, number, s, last, NULL) != FT_OK)
		s->kind = SEGMENT_EMPTY;
	return FT_OK;
}

int
segment_examine(
	const char *database, uint32_t number, bool write, struct segment_state *s, struct journal_head *last)
{
	char path[600];
	if (segment_path(path, sizeof path, database, number) != FT_OK)
		return FT_EINVAL;
	return examine(path, number, write, s, last);
}

int
segment_examine_file(const char *path, uint32_t number, struct segment_state *s, struct journal_head *last)
{
	return examine(path, number, false, s, last);
}

int
segment_replay(const char *database, uint32_t number, struct segment_state *s, struct journal_head *last,
	struct open_block *to, struct err *err)
{
	char path[600];
	struct segment_state again = {0};
	struct examine x = {.path = path, .s = &again, .last = last, .apply = to};
	if (segment_path(path, sizeof path, database, number) != FT_OK)
		return FT_EINVAL;
	if (s->kind == SEGMENT_GOOD) {
		int rc = guard_run_wild(examine_file, &x);
		return rc == FT_OK ? rc : err_set(err, rc, "%s: its journal can't be read", path);
	}
	(void)look_at_images(path, number, s, last, to);
	return FT_OK;
}
