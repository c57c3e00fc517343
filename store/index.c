/*
 * index.c - index.lmdb: zone maps of all blocks (common/zone.h).  Only a hint: it is written without syncing, may
 * be deleted at any time, and what is missing or damaged is made again from the segments.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crash.h"
#include "common/log.h"
#include "common/segment_file.h"
#include "store/store.h"

static const size_t INDEX_MAP = (size_t)16 << 30;

/* Walk everything: a damaged page shows itself here, inside a guard, and not later. */
static int
walk_all(void *ctx)
{
	struct store *st = ctx;
	char path[600];
	struct kv_txn *t;
	struct kv_cursor *c;
	struct kv_bytes k, v;
	snprintf(path, sizeof path, "%s/index.lmdb", st->database);
	int rc = kv_open(&st->index, path, INDEX_MAP, 0, KV_CREATE | KV_NOSYNC, NULL);
	if (rc != FT_OK)
		return rc;
	rc = main_begin(st->index, true, &t, NULL); /* writing: the free list is looked at too */
	if (rc != FT_OK)
		return rc;
	rc = kv_cursor_open(t, MAIN_DB, &c);
	if (rc == FT_OK) {
		for (rc = kv_cursor_seek(c, NULL, 0, &k, &v); rc == FT_OK; rc = kv_cursor_next(c, &k, &v)) {
			struct zone_segment s;
			uint32_t segment, block;
			if (k.n != sizeof(struct zone_key)) {
				rc = FT_EFORMAT;
				break;
			}
			zone_key_read(k.p, &segment, &block);
			struct zone *z = block == ZONE_SEGMENT ? NULL : zone_value_read(v.p, v.n);
			bool good = block == ZONE_SEGMENT ? zone_segment_good(v.p, v.n, &s) : z != NULL;
			free(z);
			if (!good) {
				rc = FT_EFORMAT;
				break;
			}
		}
		kv_cursor_close(c);
	}
	kv_abort(t);
	return rc == FT_ENOENT ? FT_OK : rc;
}

int
index_open(struct store *st, struct err *err)
{
	char path[600], lock[608];
	snprintf(path, sizeof path, "%s/index.lmdb", st->database);
	snprintf(lock, sizeof lock, "%s-lock", path);
	int rc = guard_run_wild(walk_all, st);
	if (rc == FT_OK)
		return rc;
	log_high("%s is damaged or can't be read: it is made anew from the segments", path);
	st->index = NULL; /* whatever the walk left is not to be touched */
	(void)unlink(path);
	(void)unlink(lock);
	rc = kv_open(&st->index, path, INDEX_MAP, 0, KV_CREATE | KV_NOSYNC, err);
	return rc;
}

void
index_close(struct store *st)
{
	kv_close(st->index);
	st->index = NULL;
}

static int
put(struct store *st, uint32_t segment, uint32_t block, const void *value, const struct zone *z, size_t n)
{
	struct zone_key k = zone_key(segment, block);
	struct kv_txn *t;
	void *room;
	if (st->index == NULL)
		return FT_ENOENT;
	int rc = main_begin(st->index, true, &t, NULL);
	if (rc != FT_OK)
		return rc;
	rc = kv_reserve(t, MAIN_DB, k.b, sizeof k.b, n, &room, NULL);
	if (rc != FT_OK) {
		kv_abort(t);
		return rc;
	}
	if (z)
		zone_value_write(z, room);
	else
		memcpy(room, value, n);
	return kv_commit(t, NULL);
}

int
index_put_block(struct store *st, uint32_t segment, uint32_t block, const struct zone *z)
{
	return put(st, segment, block, NULL, z, zone_value_bytes(z));
}

int
index_put_segment(struct store *st, uint32_t segment, const struct zone_segment *s)
{
	struct zone_segment copy;
	memcpy(&copy, s, sizeof copy);
	zone_segment_seal(&copy);
	return put(st, segment, ZONE_SEGMENT, &copy, NULL, sizeof copy);
}

void
index_drop_segment(struct store *st, uint32_t segment)
{
	struct kv_txn *t;
	struct kv_cursor *c;
	struct kv_bytes k, v;
	uint32_t *blocks = NULL, n = 0;
	if (st->index == NULL || main_begin(st->index, true, &t, NULL) != FT_OK)
		return;
	struct zone_key from = zone_key(segment, 0);
	if (kv_cursor_open(t, MAIN_DB, &c) == FT_OK) {
		for (int rc = kv_cursor_seek(c, from.b, sizeof from.b, &k, &v); rc == FT_OK;
			rc = kv_cursor_next(c, &k, &v)) {
			uint32_t s, b, *p;
			zone_key_read(k.p, &s, &b);
			if (s != segment || (p = realloc(blocks, (n + 1) * sizeof *p)) == NULL)
				break;
			blocks = p;
			blocks[n++] = b;
		}
		kv_cursor_close(c);
	}
	for (uint32_t i = 0; i < n; i++) {
		struct zone_key key = zone_key(segment, blocks[i]);
		(void)kv_del(t, MAIN_DB, key.b, sizeof key.b, NULL);
	}
	free(blocks);
	(void)kv_commit(t, NULL);
}

static int
get(struct store *st, uint32_t segment, uint32_t block, struct zone_segment *s, struct zone **z)
{
	struct zone_key k = zone_key(segment, block);
	struct kv_txn *t;
	struct kv_bytes v;
	if (st->index == NULL)
		return FT_ENOENT;
	int rc = main_begin(st->index, false, &t, NULL);
	if (rc != FT_OK)
		return rc;
	rc = kv_get(t, MAIN_DB, k.b, sizeof k.b, &v);
	if (rc == FT_OK && s)
		rc = zone_segment_good(v.p, v.n, s) ? FT_OK : FT_EFORMAT;
	else if (rc == FT_OK)
		*z = zone_value_read(v.p, v.n);
	kv_abort(t);
	return rc;
}

/* No finished segment is without a block: such a summary says that the segment is gone. */
int
index_put_gone(struct store *st, uint32_t segment)
{
	struct zone_segment none = {.blocks = 0};
	return index_put_segment(st, segment, &none);
}

bool
index_get_segment(struct store *st, uint32_t segment, struct zone_segment *out)
{
	return get(st, segment, ZONE_SEGMENT, out, NULL) == FT_OK && out->blocks > 0;
}

struct zone *
index_get_block(struct store *st, uint32_t segment, uint32_t block)
{
	struct zone *z = NULL;
	(void)get(st, segment, block, NULL, &z);
	return z;
}

/* ---- making it again ------------------------------------------------------------------------------- */

/* The zone map of a sealed block, from its columns. */
static int
zone_of(struct block_view *v, struct zone *z, uint64_t **filter)
{
	uint64_t first[1024], last[1024], start[1024];
	const struct ft_addr_entry *a = block_addrs(v);
	const struct ft_exporter_entry *e = block_exporters(v);
	*filter = NULL;
	if (a == NULL || e == NULL)
		return FT_EFORMAT;
	z->min_start_us = v->min_start_us;
	for (uint32_t row = 0; row < v->rows;) {
		uint32_t n = v->rows - row < 1024 ? v->rows - row : 1024;
		if (block_u64(v, FT_COL_first_us, row, n, first) != FT_OK ||
			block_u64(v, FT_COL_last_us, row, n, last) != FT_OK ||
			block_u64(v, FT_COL_start_us, row, n, start) != FT_OK)
			return FT_EFORMAT;
		for (uint32_t i = 0; i < n; i++)
			zone_add_span(z, (int64_t)first[i], (int64_t)last[i]);
		row += n;
	}
	for (uint32_t i = 0; i < v->dict_count[FT_DICT_EXPORTER]; i++) {
		uint32_t at = 0, kept = z->exporters < ZONE_EXPORTERS ? z->exporters : ZONE_EXPORTERS;
		while (at < kept && memcmp(z->exporter[at], e[i].address, 16) != 0)
			at++;
		if (at == kept && kept < ZONE_EXPORTERS)
			memcpy(z->exporter[kept], e[i].address, 16);
		if (at == kept)
			z->exporters = kept + 1;
	}
	z->filter_words = zone_filter_words(v->dict_count[FT_DICT_ADDR]);
	*filter = z->filter_words ? calloc(z->filter_words, sizeof **filter) : NULL;
	if (*filter == NULL)
		z->filter_words = 0;
	z->address_filter = *filter;
	for (uint32_t i = 0; i < v->dict_count[FT_DICT_ADDR] && *filter; i++)
		if (a[i].bare == i)
			zone_filter_add(*filter, z->filter_words, a[i].address);
	return FT_OK;
}

struct found {
	uint64_t offset, commit;
	int64_t sealed_us;
	struct block_header h;
	bool is;
};
struct mend {
	struct store *st;
	const uint8_t *map;
	uint64_t size;
	uint32_t segment;
	struct found *block;
	uint32_t n, room, expect;
	uint32_t bad;
	struct zone_segment *out;
};

static int
found_block(void *ctx, uint64_t offset, const struct block_header *h)
{
	struct mend *m = ctx;
	if (h->segment != m->segment || h->block >= 1u << 26)
		return FT_OK;
	if (h->block >= m->room) {
		uint32_t room = h->block + h->block / 2 + 64;
		struct found *p = realloc(m->block, room * sizeof *p);
		if (p == NULL)
			return FT_ENOMEM;
		memset(p + m->room, 0, (room - m->room) * sizeof *p);
		m->block = p;
		m->room = room;
	}
	struct found *f = &m->block[h->block];
	if (f->is && !block_is_newer(h, f->commit, f->sealed_us))
		return FT_OK;
	*f = (struct found){
		.offset = offset, .commit = h->commit, .sealed_us = h->sealed_us, .h = *h, .is = true};
	if (h->block >= m->n)
		m->n = h->block + 1;
	return FT_OK;
}

static int
found_directory(void *ctx, uint64_t offset, const struct segment_directory *d)
{
	struct mend *m = ctx;
	(void)offset;
	if (d->segment == m->segment && d->blocks < 1u << 26)
		m->expect = d->blocks;
	return FT_OK;
}

/* One block's entry, unless a good one is there. */
static void
mend_block(struct mend *m, uint32_t block)
{
	struct found *f = &m->block[block];
	struct block_view v;
	uint64_t *filter = NULL;
	struct zone *have = index_get_block(m->st, m->segment, block);
	bool good = have && have->commit == f->h.commit && have->checksum == f->h.checksum &&
		    have->file_offset == f->offset;
	free(have);
	if (good)
		return;
	struct zone z = {.commit = f->h.commit,
		.rows = f->h.rows,
		.file_offset = f->offset,
		.bytes = f->h.bytes,
		.checksum = f->h.checksum};
	memcpy(z.segment_uuid, f->h.segment_uuid, 16);
	int rc = block_view_sealed(&v, m->map + f->offset, f->h.bytes, true, NULL);
	if (rc == FT_OK)
		rc = zone_of(&v, &z, &filter);
	if (rc == FT_OK)
		(void)index_put_block(m->st, m->segment, block, &z);
	else
		m->bad++;
	block_view_close(&v);
	free(filter);
}

static int
mend_run(void *ctx)
{
	struct mend *m = ctx;
	struct segment_visit visit = {found_block, found_directory, m};
	int rc = segment_scan(m->map, m->size, &visit);
	if (m->expect > m->n &&
		found_block(m, 0, &(struct block_header){.segment = m->segment, .block = m->expect - 1}) ==
			FT_OK)
		m->block[m->expect - 1].is = false;
	for (uint32_t b = 0; b < m->n && rc == FT_OK; b++) {
		if (!m->block[b].is) {
			m->bad++;
			continue;
		}
		mend_block(m, b);
		m->out->rows += m->block[b].h.rows;
		memcpy(m->out->segment_uuid, m->block[b].h.segment_uuid, 16);
	}
	m->out->blocks = m->n;
	return rc;
}

int
index_mend_segment(
	struct store *st, uint32_t segment, uint32_t blocks_known, bool finished, struct zone_segment *out)
{
	char path[600];
	struct stat file;
	struct mend m = {.st = st, .segment = segment, .expect = blocks_known, .out = out};
	*out = (struct zone_segment){0};
	if (segment_path(path, sizeof path, st->database, segment) != FT_OK)
		return FT_EINVAL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return FT_ENOENT;
	int rc = fstat(fd, &file) == 0 && file.st_size > 0 ? FT_OK : FT_EFORMAT;
	if (rc == FT_OK) {
		m.size = (uint64_t)file.st_size;
		void *p = mmap(NULL, m.size, PROT_READ, MAP_SHARED, fd, 0);
		rc = p == MAP_FAILED ? FT_ENOMEM : FT_OK;
		if (rc == FT_OK) {
			m.map = p;
			rc = guard_run(mend_run, &m);
			(void)munmap(p, m.size);
		}
	}
	close(fd);
	free(m.block);
	out->bytes = m.size;
	if (rc == FT_OK && finished && m.bad == 0)
		(void)index_put_segment(st, segment, out);
	if (m.bad)
		log_high("segment %u: %u of %u blocks are damaged", segment, m.bad, m.n);
	return rc;
}

/* ---- in the background ------------------------------------------------------------------------------ */

static void *
mender(void *ctx)
{
	struct store *st = ctx;
	uint32_t *n, count, done = 0, need = 0;
	struct zone_segment s;
	if (segment_list(st->database, &n, &count, NULL) != FT_OK) {
		atomic_store(&st->mending_now, false);
		return NULL;
	}
	for (uint32_t i = 0; i < count; i++)
		need += n[i] < st->mend_end && !index_get_segment(st, n[i], &s);
	if (need > 0)
		log_high("index.lmdb: %u segments are looked through", need);
	for (uint32_t i = 0; i < count && !atomic_load(&st->mend_stop); i++) {
		if (n[i] >= st->mend_end || index_get_segment(st, n[i], &s))
			continue;
		if (index_mend_segment(st, n[i], 0, true, &s) == FT_OK)
			atomic_fetch_add(&st->sealed_rows, s.rows);
		log_high("index.lmdb: %u of %u segments done", ++done, need);
	}
	free(n);
	atomic_store(&st->mending_now, false);
	return NULL;
}

void
index_mend_start(struct store *st)
{
	atomic_store(&st->mend_stop, false);
	st->mend_end = st->segment;
	atomic_store(&st->mending_now, true);
	st->mending = pthread_create(&st->mender, NULL, mender, st) == 0;
	atomic_store(&st->mending_now, st->mending && atomic_load(&st->mending_now));
}

void
index_mend_stop(struct store *st)
{
	atomic_store(&st->mend_stop, true);
	if (st->mending)
		(void)pthread_join(st->mender, NULL);
	st->mending = false;
}
