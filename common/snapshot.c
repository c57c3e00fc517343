/*
 * snapshot.c - a consistent set of blocks (snapshot.h), by the protocol of contract/catalog.h.
 *
 * Segments are read by place, not by walking LMDB's tree: its pages carry no checksum, and a flipped bit in one
 * sends a reader anywhere.  Where a block is (offset, bytes, checksum) says index.lmdb; a place is believed when
 * the block header found there is the one meant.  Without a good entry the file is scanned for block headers
 * (segment_file.h).  A committed block never moves, so places hold for the active segment as well and the
 * transaction of step 3 is not needed: what the catalog lists was committed before it was listed.
 *
 * Nothing is pinned: a file that is unlinked or truncated stays mapped, or answers SIGBUS, which guard_run
 * turns into a damaged block.  index.lmdb itself is walked inside a guard; whatever happens there costs pruning only.
 */
#include "common/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/catalog.h"
#include "common/clock.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/segment_file.h"
#include "common/zone.h"

enum { MAPS = 16, TRIES = 10000 };
static const size_t MAP_SLACK = (size_t)1 << 30; /* an active segment grows under its map */

struct place { /* a block in a file */
	uint64_t offset, bytes, commit;
	int64_t sealed_us;
	uint32_t rows;
	bool known;
	_Atomic bool bad;
	_Atomic uint64_t verified[4], sums[BLOCK_SUMS];
	struct zone *zone;
};

struct seg {
	uint32_t number;
	unsigned refs;
	int fd;
	bool whole; /* finished, and all its places are known */
	ino_t ino;
	mono_t looked;    /* when its name was last seen to lead to it */
	uint64_t scanned; /* file size at the last scan */
	struct {
		uint8_t *base;
		size_t bytes;
	} map[MAPS]; /* the last one is the largest */
	unsigned maps;
	struct place **place;
	uint32_t n, room;
};

struct open_map {
	uint32_t segment, block;
	unsigned refs;
	struct shm shm;
};

struct snapshot_reader {
	pthread_mutex_t lock;
	char shm_dir[200], database[512];
	bool check;
	struct shm catalog;
	ino_t catalog_ino;
	struct open_map *open; /* the newest one seen */
	struct seg **segs;     /* ascending */
	uint32_t n_segs, room;
	struct kv *index;
	ino_t index_ino;
	bool index_broken; /* till another file takes its place */
	_Atomic uint64_t bad_blocks;
};

struct held {
	struct open_map *open;
	struct seg **seg; /* one a block; NULL for the open one */
};

/* ---- mappings ------------------------------------------------------------------------------------ */

static void
open_put(struct open_map *o)
{
	if (o == NULL || --o->refs > 0)
		return;
	shm_close(&o->shm);
	free(o);
}

static void
seg_put(struct seg *s)
{
	if (--s->refs > 0)
		return;
	for (unsigned i = 0; i < s->maps; i++)
		(void)munmap(s->map[i].base, s->map[i].bytes);
	for (uint32_t i = 0; i < s->n; i++) {
		if (s->place[i])
			free(s->place[i]->zone);
		free(s->place[i]);
	}
	free(s->place);
	close(s->fd);
	free(s);
}

/* Map what there is of the file; an active one with room to grow.  *size: of the file now. */
static int
seg_map(struct seg *s, bool active, uint64_t *size)
{
	struct stat st;
	if (fstat(s->fd, &st) != 0)
		return FT_ESYS;
	*size = (uint64_t)st.st_size;
	if (s->maps > 0 && s->map[s->maps - 1].bytes >= *size)
		return FT_OK;
	if (s->maps == MAPS || *size == 0)
		return FT_EFORMAT;
	size_t want = (size_t)*size + (active ? MAP_SLACK + (size_t)*size : 0);
	void *p = mmap(NULL, want, PROT_READ, MAP_SHARED | MAP_NORESERVE, s->fd, 0);
	if (p == MAP_FAILED)
		return FT_ENOMEM;
	s->map[s->maps].base = p;
	s->map[s->maps++].bytes = want;
	return FT_OK;
}

/* Cut to nothing, or to less than any segment ever was: LMDB's two meta pages and one more. */
static bool
seg_emptied(const struct seg *s)
{
	struct stat st;
	return fstat(s->fd, &st) != 0 || st.st_size < 3 * 4096;
}

static struct place *
place_at(struct seg *s, uint32_t block)
{
	if (block >= 1u << 26)
		return NULL;
	if (block >= s->room) {
		uint32_t room = block + block / 2 + 16;
		struct place **p = realloc(s->place, room * sizeof *p);
		if (p == NULL)
			return NULL;
		memset(p + s->room, 0, (room - s->room) * sizeof *p);
		s->place = p;
		s->room = room;
	}
	if (s->place[block] == NULL)
		s->place[block] = calloc(1, sizeof **s->place);
	if (s->place[block] != NULL && block >= s->n)
		s->n = block + 1;
	return s->place[block];
}

/* ---- places: from the index, else by scanning ---------------------------------------------------- */

struct index_walk {
	struct snapshot_reader *r;
	uint32_t segment, from, to;
	struct zone **zone; /* to - from, NULL where there is none */
	struct zone_segment summary;
	bool have_summary, gone; /* gone: taken out on purpose, it says */
};

static int
walk_index(void *ctx)
{
	struct index_walk *w = ctx;
	struct kv_txn *t;
	struct kv_bytes v;
	int rc = kv_begin(w->r->index, false, &t, NULL);
	if (rc != FT_OK)
		return rc;
	unsigned db;
	if (kv_db(t, NULL, &db, NULL) == FT_OK) {
		struct zone_key k = zone_key(w->segment, ZONE_SEGMENT);
		w->have_summary = kv_get(t, db, k.b, sizeof k.b, &v) == FT_OK &&
				  zone_segment_good(v.p, v.n, &w->summary);
		w->gone = w->have_summary && w->summary.blocks == 0;
		w->have_summary = w->have_summary && !w->gone;
		if (w->to == ZONE_SEGMENT)
			w->to = w->have_summary && w->summary.blocks < 1u << 26 ? w->summary.blocks : 0;
		if (w->to > w->from)
			w->zone = calloc(w->to - w->from, sizeof *w->zone);
		for (uint32_t b = w->from; b < w->to && w->zone; b++) {
			k = zone_key(w->segment, b);
			if (kv_get(t, db, k.b, sizeof k.b, &v) == FT_OK)
				w->zone[b - w->from] = zone_value_read(v.p, v.n);
		}
	}
	kv_abort(t);
	return FT_OK;
}

static int
open_index_file(void *ctx)
{
	struct snapshot_reader *r = ctx;
	char path[600];
	snprintf(path, sizeof path, "%s/index.lmdb", r->database);
	int rc = kv_open(&r->index, path, 0, 0, KV_READONLY, NULL);
	if (rc ==
		FT_ESYS) /* its lock file belongs to store's user: without it a walk may fail, and is tried again */
		rc = kv_open(&r->index, path, 0, 0, KV_READONLY | KV_NOLOCK, NULL);
	return rc;
}

/* true: there is an index to ask */
static bool
index_ready(struct snapshot_reader *r)
{
	char path[600];
	struct stat st;
	snprintf(path, sizeof path, "%s/index.lmdb", r->database);
	if (stat(path, &st) != 0)
		return false;
	if (r->index_ino == st.st_ino && (r->index || r->index_broken))
		return !r->index_broken;
	if (r->index && !r->index_broken)
		kv_close(r->index);
	r->index = NULL;
	r->index_ino = st.st_ino;
	r->index_broken = guard_run_wild(open_index_file, r) != FT_OK;
	return !r->index_broken;
}

struct head_check {
	const uint8_t *at;
	uint64_t room;
	struct block_header h;
};

static int
read_head(void *ctx)
{
	struct head_check *c = ctx;
	return block_header_good(c->at, c->room, &c->h) ? FT_OK : FT_EFORMAT;
}

/* Believe an entry of the index if the block it means is where it says. */
static void
place_from_zone(struct seg *s, uint32_t block, struct zone *z, uint64_t size)
{
	const uint8_t *base = s->map[s->maps - 1].base;
	struct place *p = place_at(s, block);
	if (p == NULL || p->known || z->file_offset > size || z->bytes > size - z->file_offset) {
		free(z);
		return;
	}
	struct head_check c = {.at = base + z->file_offset, .room = size - z->file_offset};
	if (guard_run(read_head, &c) != FT_OK || c.h.checksum != z->checksum || c.h.segment != s->number ||
		c.h.block != block || c.h.commit != z->commit || c.h.rows != z->rows ||
		memcmp(c.h.segment_uuid, z->segment_uuid, 16) != 0) {
		free(z);
		return;
	}
	p->offset = z->file_offset;
	p->bytes = c.h.bytes;
	p->commit = c.h.commit;
	p->sealed_us = c.h.sealed_us;
	p->rows = c.h.rows;
	p->known = true;
	p->zone = z;
}

static int
scanned_block(void *ctx, uint64_t offset, const struct block_header *h)
{
	struct seg *s = ctx;
	if (h->segment != s->number)
		return FT_OK;
	struct place *p = place_at(s, h->block);
	if (p == NULL || p->zone != NULL || (p->known && !block_is_newer(h, p->commit, p->sealed_us)))
		return FT_OK;
	p->offset = offset;
	p->bytes = h->bytes;
	p->commit = h->commit;
	p->sealed_us = h->sealed_us;
	p->rows = h->rows;
	p->known = true;
	return FT_OK;
}

static int
scanned_directory(void *ctx, uint64_t offset, const struct segment_directory *d)
{
	struct seg *s = ctx;
	(void)offset;
	if (d->segment == s->number && d->blocks > s->n && d->blocks < 1u << 26)
		(void)place_at(s, d->blocks - 1);
	return FT_OK;
}

struct scan {
	struct seg *s;
	uint64_t size;
};

static int
scan_file(void *ctx)
{
	struct scan *c = ctx;
	struct segment_visit visit = {scanned_block, scanned_directory, c->s};
	return segment_scan(c->s->map[c->s->maps - 1].base, c->size, &visit);
}

static bool
all_known(const struct seg *s, uint32_t to)
{
	for (uint32_t b = 0; b < to; b++)
		if (b >= s->n || s->place[b] == NULL || !s->place[b]->known)
			return false;
	return true;
}

/* Learn the places of blocks 0 … blocks - 1; blocks ZONE_SEGMENT: of a finished segment, however many it has. */
static void
seg_learn(struct snapshot_reader *r, struct seg *s, uint32_t blocks)
{
	uint64_t size;
	bool finished = blocks == ZONE_SEGMENT;
	if (s->whole || (!finished && all_known(s, blocks)) || seg_map(s, !finished, &size) != FT_OK)
		return;
	uint32_t from = 0;
	while (from < s->n && s->place[from] && s->place[from]->known)
		from++;
	struct index_walk w = {.r = r, .segment = s->number, .from = from, .to = blocks};
	if (index_ready(r) && guard_run_wild(walk_index, &w) != FT_OK) {
		log_limited(LOG_L_HIGH, "index.lmdb can't be read: blocks are looked for in their files");
		r->index_broken = true;
	}
	for (uint32_t b = from; w.zone && b < w.to; b++)
		if (w.zone[b - from])
			place_from_zone(s, b, w.zone[b - from], size);
	free(w.zone);
	uint32_t want = finished ? (w.have_summary ? w.summary.blocks : ZONE_SEGMENT) : blocks;
	if (want == ZONE_SEGMENT || (!all_known(s, want) && s->scanned != size)) {
		struct scan c = {s, size};
		(void)guard_run(scan_file, &c);
		s->scanned = size;
	}
	if (finished && w.have_summary && w.summary.blocks > s->n && w.summary.blocks < 1u << 26)
		(void)place_at(s, w.summary.blocks - 1);
	s->whole = finished;
}

/* ---- the reader ---------------------------------------------------------------------------------- */

int
snapshot_reader_open(
	struct snapshot_reader **out, const char *shm_dir, const char *database, bool check, struct err *err)
{
	struct snapshot_reader *r = calloc(1, sizeof *r);
	*out = NULL;
	if (r == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	if (strlen(shm_dir) >= sizeof r->shm_dir || strlen(database) >= sizeof r->database - 32) {
		free(r);
		return err_set(err, FT_EINVAL, "%s, %s: the path is too long", shm_dir, database);
	}
	(void)pthread_mutex_init(&r->lock, NULL);
	memcpy(r->shm_dir, shm_dir, strlen(shm_dir) + 1);
	memcpy(r->database, database, strlen(database) + 1);
	r->check = check;
	r->catalog.fd = -1;
	*out = r;
	return FT_OK;
}

static void
drop_segments(struct snapshot_reader *r, uint32_t below)
{
	uint32_t gone = 0;
	while (gone < r->n_segs && r->segs[gone]->number < below)
		seg_put(r->segs[gone++]);
	if (gone > 0)
		memmove(r->segs, r->segs + gone, (r->n_segs - gone) * sizeof *r->segs);
	r->n_segs -= gone;
}

void
snapshot_reader_close(struct snapshot_reader *r)
{
	if (r == NULL)
		return;
	drop_segments(r, UINT32_MAX);
	open_put(r->open);
	shm_close(&r->catalog);
	if (r->index && !r->index_broken)
		kv_close(r->index);
	(void)pthread_mutex_destroy(&r->lock);
	free(r->segs);
	free(r);
}

uint64_t
snapshot_bad_blocks(const struct snapshot_reader *r)
{
	return atomic_load_explicit(&r->bad_blocks, memory_order_relaxed);
}

/* The catalog may be another one than last time: after a reboot, or when it was removed. */
static int
catalog_ready(struct snapshot_reader *r, struct err *err)
{
	char path[256];
	struct stat st;
	snprintf(path, sizeof path, "%s/catalog", r->shm_dir);
	if (stat(path, &st) != 0) {
		if (r->catalog.base == NULL)
			return err_set(err, FT_ENOENT,
				"nothing is stored here yet: ft-store has not started since the boot (%s)",
				path);
		return FT_OK; /* still mapped: what it says holds */
	}
	if (r->catalog.base != NULL && r->catalog_ino == st.st_ino)
		return FT_OK;
	shm_close(&r->catalog);
	drop_segments(r, UINT32_MAX);
	open_put(r->open);
	r->open = NULL;
	int rc = shm_open_ro(&r->catalog, r->shm_dir, "catalog", &catalog_kind, err);
	if (rc == FT_OK)
		r->catalog_ino = st.st_ino;
	return rc;
}

/* ---- taking a snapshot --------------------------------------------------------------------------- */

static int
open_get(struct snapshot_reader *r, uint32_t segment, uint32_t block, struct open_map **out, struct err *err)
{
	char name[64];
	if (r->open == NULL || r->open->segment != segment || r->open->block != block) {
		struct open_map *o = calloc(1, sizeof *o);
		if (o == NULL)
			return err_set(err, FT_ENOMEM, "out of memory");
		open_block_name(name, segment, block);
		int rc = shm_open_ro(&o->shm, r->shm_dir, name, &open_kind, err);
		if (rc != FT_OK) {
			free(o);
			return rc;
		}
		/* opened on the way out: the file is another block's by now */
		const struct ft_open_header *header = o->shm.base;
		if (header->segment != segment || header->block != block) {
			shm_close(&o->shm);
			free(o);
			return FT_ENOENT;
		}
		o->segment = segment;
		o->block = block;
		o->refs = 1;
		open_put(r->open);
		r->open = o;
	}
	r->open->refs++;
	*out = r->open;
	return FT_OK;
}

/* A number without a file that nobody misses: retired between others, or detached. */
static bool
gone_on_purpose(struct snapshot_reader *r, uint32_t number)
{
	struct index_walk w = {.r = r, .segment = number};
	return index_ready(r) && guard_run_wild(walk_index, &w) == FT_OK && w.gone;
}

/* The name leads to another file, or to none on purpose: the segment was repaired (ft-store repair).  A look a second and
 * segment. */
static bool
replaced(struct snapshot_reader *r, struct seg *s, const char *path)
{
	struct stat st;
	mono_t now = mono_now();
	if (mono_since(now, s->looked).us < 1000000)
		return false;
	s->looked = now;
	return stat(path, &st) == 0 ? st.st_ino != s->ino : gone_on_purpose(r, s->number);
}

/* The segment, opened if need be; NULL: there is no such file. */
static struct seg *
seg_get(struct snapshot_reader *r, uint32_t number)
{
	char path[600];
	uint32_t lo = 0, hi = r->n_segs;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (r->segs[mid]->number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (segment_path(path, sizeof path, r->database, number) != FT_OK)
		return NULL;
	if (lo < r->n_segs && r->segs[lo]->number == number) {
		if (!replaced(r, r->segs[lo], path))
			return r->segs[lo];
		seg_put(r->segs[lo]);
		memmove(r->segs + lo, r->segs + lo + 1, (--r->n_segs - lo) * sizeof *r->segs);
	}
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	struct seg *s = calloc(1, sizeof *s);
	if (s != NULL && r->n_segs == r->room) {
		uint32_t room = r->room * 2 + 16;
		struct seg **p = realloc(r->segs, room * sizeof(*p));
		if (p != NULL) {
			r->segs = p;
			r->room = room;
		}
	}
	if (s == NULL || r->n_segs == r->room) {
		free(s);
		close(fd);
		return NULL;
	}
	struct stat st;
	s->number = number;
	s->refs = 1;
	s->fd = fd;
	s->ino = fstat(fd, &st) == 0 ? st.st_ino : 0;
	s->looked = mono_now();
	memmove(r->segs + lo + 1, r->segs + lo, (r->n_segs - lo) * sizeof *r->segs);
	r->segs[lo] = s;
	r->n_segs++;
	return s;
}

static int
add_block(struct snapshot *s, uint32_t *room, struct seg *g, uint32_t segment, uint32_t block, uint32_t rows)
{
	struct held *h = s->private;
	if (s->n == *room) {
		uint32_t more = *room * 2 + 64;
		struct snapshot_block *b = realloc(s->blocks, more * sizeof *b);
		if (b != NULL)
			s->blocks = b;
		struct seg **q = realloc(h->seg, more * sizeof(*q));
		if (q != NULL)
			h->seg = q;
		if (b == NULL || q == NULL)
			return FT_ENOMEM;
		*room = more;
	}
	const struct ft_catalog_record *c = &s->catalog;
	struct place *p = g ? g->place[block] : NULL;
	s->blocks[s->n] = (struct snapshot_block){.segment = segment,
		.block = block,
		.rows = rows,
		.open = g == NULL,
		.zone = p ? p->zone : NULL,
		.resident = segment > c->resident_segment ||
			    (segment == c->resident_segment && block >= c->resident_block)};
	h->seg[s->n++] = g;
	if (g)
		g->refs++;
	return FT_OK;
}

static void
release(struct snapshot *s)
{
	struct held *h = s->private;
	for (uint32_t i = 0; i < s->n; i++)
		if (h->seg[i])
			seg_put(h->seg[i]);
	s->n = 0;
	open_put(h->open);
	h->open = NULL;
}

/* FT_EAGAIN: the store moved on under us, read the catalog again. */
static int
take(struct snapshot_reader *r, struct snapshot *s, struct err *err)
{
	struct held *h = s->private;
	const struct ft_catalog *catalog = r->catalog.base;
	struct ft_catalog_record *c = &s->catalog, again;
	uint32_t room = 0;
	free(s->blocks);
	free(h->seg);
	s->blocks = NULL;
	h->seg = NULL;
	s->missing_segments = 0;
	catalog_read(catalog, c);
	if (c->seq == 0)
		return err_set(err, FT_ENOENT, "nothing is stored here yet: ft-store is still starting");
	int rc = open_get(r, c->segment, c->block, &h->open, err);
	if (rc != FT_OK)
		return rc == FT_ENOENT ? FT_EAGAIN : rc;
	drop_segments(r, c->first_segment);
	for (uint32_t n = c->first_segment; n <= c->segment; n++) {
		bool active = n == c->segment;
		struct seg *g = seg_get(r, n);
		if (g == NULL) {
			catalog_read(catalog, &again);
			if (again.first_segment > n)
				return FT_EAGAIN; /* retired in between */
			s->missing_segments += active ? c->block > 0 : !gone_on_purpose(r, n);
			continue;
		}
		seg_learn(r, g, active ? c->block : ZONE_SEGMENT);
		s->missing_segments += !active && g->n == 0 && seg_emptied(g);
		uint32_t blocks = active ? c->block : g->n;
		for (uint32_t b = 0; b < blocks; b++) {
			struct place *p = place_at(g, b);
			if (p == NULL || (rc = add_block(s, &room, g, n, b, p->rows)) != FT_OK)
				return err_set(err, FT_ENOMEM, "out of memory");
		}
	}
	rc = add_block(s, &room, NULL, c->segment, c->block, c->rows);
	return rc == FT_OK ? rc : err_set(err, FT_ENOMEM, "out of memory");
}

int
snapshot_open(struct snapshot_reader *r, struct snapshot *s, struct err *err)
{
	*s = (struct snapshot){.reader = r, .private = calloc(1, sizeof(struct held))};
	if (s->private == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	(void)pthread_mutex_lock(&r->lock);
	int rc = catalog_ready(r, err);
	for (unsigned tries = 0; rc == FT_OK; tries++) {
		rc = take(r, s, err);
		if (rc == FT_OK)
			break;
		release(s);
		if (rc == FT_EAGAIN && tries < TRIES) {
			(void)sched_yield();
			rc = catalog_ready(r, err);
		} else if (rc == FT_EAGAIN) {
			rc = err_set(err, FT_ENOENT,
				"the open block is not in shared memory: ft-store has to be started");
		}
	}
	(void)pthread_mutex_unlock(&r->lock);
	if (rc != FT_OK)
		snapshot_close(s);
	return rc;
}

void
snapshot_close(struct snapshot *s)
{
	struct held *h = s->private;
	if (h == NULL)
		return;
	(void)pthread_mutex_lock(&s->reader->lock);
	release(s);
	(void)pthread_mutex_unlock(&s->reader->lock);
	free(h->seg);
	free(h);
	free(s->blocks);
	*s = (struct snapshot){0};
}

/* ---- looking at a block --------------------------------------------------------------------------- */

struct sealed_view {
	struct block_view *v;
	const uint8_t *at;
	uint64_t room;
	bool check;
	struct err *err;
};

static int
view_sealed(void *ctx)
{
	struct sealed_view *c = ctx;
	return block_view_sealed(c->v, c->at, c->room, c->check, c->err);
}

int
snapshot_view(struct snapshot *s, uint32_t i, struct block_view *v, struct err *err)
{
	struct held *h = s->private;
	struct snapshot_block *b = &s->blocks[i];
	if (b->open)
		return block_view_open(v, h->open->shm.base, &s->catalog, err);
	struct seg *g = h->seg[i];
	struct stat st;
	*v = (struct block_view){0};
	(void)pthread_mutex_lock(&s->reader->lock); /* the tables of a segment grow */
	struct place *p = g->place[b->block];
	const uint8_t *base = g->maps ? g->map[g->maps - 1].base : NULL;
	(void)pthread_mutex_unlock(&s->reader->lock);
	int rc = FT_EFORMAT;
	if (p->known && base != NULL && fstat(g->fd, &st) == 0 &&
		(uint64_t)st.st_size >= p->offset + p->bytes) {
		struct sealed_view c = {v, base + p->offset, p->bytes, s->reader->check, err};
		rc = guard_run(view_sealed, &c);
		if (rc == FT_OK && (v->segment != b->segment || v->block != b->block || v->rows != b->rows))
			rc = FT_EFORMAT;
	}
	if (rc == FT_OK) {
		v->verified = p->verified;
		v->sums = p->sums;
		return FT_OK;
	}
	if (!atomic_exchange_explicit(&p->bad, true, memory_order_relaxed))
		atomic_fetch_add_explicit(&s->reader->bad_blocks, 1, memory_order_relaxed);
	return err_set(err, FT_EFORMAT,
		"block %u of segment %u is damaged or cut off: its slices are missing", b->block, b->segment);
}
