/*
 * recover.c - what a start finds, and what it makes of it (spec 25, "exactly once").
 *
 * LMDB is the truth.  Let (S, B, J) be the highest segment with meta, its open block's number, and the rows its
 * journal holds; let (s, n, r) be what the stage's record in shared memory says.
 *
 *   no segment              a new database (shared memory of another is dropped)
 *   (S, B) = (s, n), J <= r a kill in ordinary work: go on with the open block
 *   (S, B) > (s, n), J = 0  a kill between the seal's commit and the flip: finish the flip
 *   no shared memory        power loss, reboot: the open block is made from the journal; ring positions hold for
 *                           rings of the same incarnation, others are read from their tail
 *   (S, B) < (s, n), or the segment is damaged
 *                           the rows in shared memory are whole: they move to a new segment, of which they are
 *                           the first journal record; the damaged file stays and is read as far as it goes
 *   damaged, no shared memory: journal records are looked for by their magic in the file, then as before
 *
 * Each of these can itself be killed anywhere and is found again as one of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/block_format.h"
#include "common/counters.h"
#include "common/crash.h"
#include "common/log.h"
#include "common/segment_file.h"
#include "store/journal.h"
#include "store/store.h"

static const struct shm_kind store_kind = {STORE_MAGIC, STORE_VERSION, STORE_LAYOUT};
const struct stage_use store_stage_used = {STORE_RINGS, OUT_USED, ID_USED, COUNT_USED};

/* ---- the stage's segment --------------------------------------------------------------------------- */

static int
stage_take(struct store *st, bool *whole, struct err *err)
{
	bool made;
	size_t at = (sizeof(struct store_segment) + FT_LINE - 1) & ~(size_t)(FT_LINE - 1);
	int rc = shm_open_or_create(
		&st->shm, st->shm_dir, "store", &store_kind, at + stage_bytes(STORE_UNDO), &made, err);
	if (rc != FT_OK)
		return rc;
	st->own = st->shm.base;
	if (made) {
		stage_format(st->shm.base, at, STORE_UNDO);
		rc = shm_publish(&st->shm, err);
	}
	if (rc == FT_OK)
		rc = shm_hold(&st->shm, FT_RING_PRODUCER, err);
	if (rc != FT_OK) {
		shm_close(&st->shm);
		return rc;
	}
	stage_attach_used(&st->stage, st->shm.base, at, &store_stage_used);
	stage_recover(&st->stage);
	*whole = !made && stage_record(&st->stage)->seq > 0;
	return FT_OK;
}

/* Another one in its place, empty. */
static int
stage_renew(struct store *st, struct err *err)
{
	bool whole;
	shm_close(&st->shm);
	(void)shm_remove(st->shm_dir, "store");
	return stage_take(st, &whole, err);
}

/* The stage's first batch: where to go on. */
static void
stage_begin_at(struct store *st, uint32_t segment, uint32_t block, const struct open_counts *counts,
	const struct journal_head *from)
{
	memcpy(st->own->store_uuid, st->uuid, 16);
	stage_begin(&st->stage);
	for (unsigned i = 0; from && i < STORE_RINGS && i < from->rings; i++) {
		stage_touch(&st->stage, &st->own->ring[i], sizeof st->own->ring[i]);
		st->own->ring[i].incarnation = from->ring[i].incarnation;
		st->stage.next.input[i] = from->ring[i].position;
	}
	st->stage.next.id[ID_SEGMENT] = segment;
	st->stage.next.id[ID_BLOCK] = block;
	st->stage.next.id[ID_TAG_VERSION] = st->tags.version;
	store_counts_put(&st->stage, counts);
	stage_commit(&st->stage);
}

/* ---- the cases --------------------------------------------------------------------------------------- */

static void
new_uuid(uint8_t out[16])
{
	(void)!getrandom(out, 16, 0);
	out[6] = (uint8_t)((out[6] & 0x0f) | 0x40);
	out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
}

static int
begin_database(struct store *st, struct err *err)
{
	struct open_counts empty = open_block_empty();
	int rc = stage_renew(st, err);
	if (rc != FT_OK)
		return rc;
	new_uuid(st->uuid);
	rc = segment_create(st, 1, &empty, err);
	if (rc == FT_OK)
		rc = open_block_make(&st->open, st->shm_dir, st->uuid, 1, 0, err);
	if (rc == FT_OK) {
		open_block_bound(&st->open, st->set.segment_rows);
		stage_begin_at(st, 1, 0, &empty, NULL);
	}
	return rc;
}

/* Everything of the open block moves to the first block of a new segment. */
static int
rehome(struct store *st, uint32_t segment, struct err *err)
{
	struct open_block next;
	struct open_counts counts = st->open.next;
	log_critical("segment %u can't be written any more: its blocks are read as far as they go, %u slices "
		     "go to segment %u",
		segment - 1, counts.rows, segment);
	int rc = segment_create(st, segment, &counts, err);
	if (rc == FT_OK)
		rc = open_block_make(&next, st->shm_dir, st->uuid, segment, 0, err);
	if (rc != FT_OK)
		return rc;
	size_t head = (size_t)next.h->column[0];
	memcpy((uint8_t *)next.shm.base + head, (uint8_t *)st->open.shm.base + head,
		st->open.h->seg.size - head);
	open_block_close(&next);
	open_block_close(&st->open);
	stage_begin_at(st, segment, 0, &counts, NULL);
	return open_block_attach(&st->open, st->shm_dir, segment, 0, &counts, err);
}

int
store_move_on(struct store *st, struct err *err)
{
	st->kv = NULL; /* not closed: what LMDB does with damaged pages is not to be known */
	int rc = rehome(st, st->segment + 1, err);
	if (rc == FT_OK)
		st->damaged = false;
	return rc;
}

/* Shared memory is gone: the open block from the journal. */
static int
rebuild(struct store *st, uint32_t number, struct segment_state *s, struct journal_head *last,
	struct err *err)
{
	int rc = stage_renew(st, err);
	if (rc == FT_OK)
		rc = open_block_make(&st->open, st->shm_dir, st->uuid, number, s->blocks, err);
	if (rc != FT_OK)
		return rc;
	rc = segment_replay(st->database, number, s, last, &st->open, err);
	if (rc != FT_OK)
		return rc;
	if (s->kind == SEGMENT_GOOD || s->last) {
		st->tags.version = last->tag_version;
		st->gap_from_us = last->complete_us ? last->complete_us : last->wall_us;
	}
	st->gap_to_us = wall_now().us;
	/* what was on the way then is lost: answers are complete up to there, until new slices come */
	st->complete_us = st->gap_from_us;
	st->complete_held = st->complete_us != 0;
	counter_add(COUNTER_store_rebuilt_rows, st->open.next.rows);
	struct open_counts counts = st->open.next;
	stage_begin_at(st, number, s->blocks, &counts, s->last ? last : NULL);
	log_high("shared memory was gone: %u slices of the open block come from the journal", counts.rows);
	/* the indices of its dictionaries are made from its entries */
	open_block_close(&st->open);
	return open_block_attach(&st->open, st->shm_dir, number, s->blocks, &counts, err);
}

static int
compare(uint32_t s1, uint32_t b1, uint32_t s2, uint32_t b2)
{
	return s1 != s2 ? (s1 > s2) - (s1 < s2) : (b1 > b2) - (b1 < b2);
}

static void
carry_on(struct store *st, uint32_t number, const struct segment_state *s, const struct journal_head *last)
{
	st->segment = number;
	st->block = s->blocks;
	st->segment_rows = s->rows;
	st->commit = s->commit;
	memcpy(st->segment_uuid, s->segment_uuid, 16);
	st->durable = (struct open_counts){.rows = last->row_to, .heap = last->heap_to};
	memcpy(st->durable.dict, last->dict_to, sizeof st->durable.dict);
	st->journal_seq = last->seq + 1;
	st->clock_wall_us = last->wall_us;
	if (st->gap_to_us == 0) {
		st->gap_from_us = last->gap_from_us;
		st->gap_to_us = last->gap_to_us;
	}
}

static int
decide(struct store *st, uint32_t number, struct segment_state *s, struct journal_head *last, bool whole,
	struct err *err)
{
	const struct ft_stage_record *r = stage_record(&st->stage);
	uint32_t segment = (uint32_t)r->id[ID_SEGMENT], block = (uint32_t)r->id[ID_BLOCK];
	struct open_counts counts = store_counts(st);
	int rc;
	memcpy(st->uuid, s->store_uuid, 16);
	if (whole && memcmp(st->own->store_uuid, s->store_uuid, 16) != 0) {
		log_critical(
			"shared memory belongs to another database than %s: it is dropped", st->database);
		whole = false;
	}
	if (whole) {
		rc = open_block_attach(&st->open, st->shm_dir, segment, block, &counts, err);
		if (rc != FT_OK && rc != FT_ENOENT)
			return rc;
		whole = rc == FT_OK;
	}
	int order = compare(number, s->blocks, segment, block);
	if (whole && s->kind == SEGMENT_GOOD) {
		st->tags.version = (uint32_t)r->id[ID_TAG_VERSION];
		if ((order == 0 && last->row_to <= counts.rows) || (order > 0 && last->row_to == 0)) {
			carry_on(st, number, s, last);
			return s->finished ? FT_OK : segment_open(st, number, err);
		}
		if (order > 0) { /* a move to a new segment was not finished: its journal has all rows */
			whole = false;
			open_block_close(&st->open);
		}
	}
	if (!whole) {
		rc = rebuild(st, number, s, last, err);
		if (rc != FT_OK)
			return rc;
		if (s->kind == SEGMENT_GOOD) {
			carry_on(st, number, s, last);
			return s->finished ? FT_OK : segment_open(st, number, err);
		}
		segment = number;
	}
	st->commit = s->commit > st->catalog_commit ? s->commit : st->catalog_commit;
	return rehome(st, (number > segment ? number : segment) + 1, err);
}

/* ---- all together ----------------------------------------------------------------------------------- */

static int
make_folder(const char *path, struct err *err)
{
	char part[600];
	size_t n = strlen(path);
	if (n >= sizeof part)
		return err_set(err, FT_EINVAL, "%s: the path is too long", path);
	for (size_t i = 1; i <= n; i++)
		if (path[i] == '/' || path[i] == '\0') {
			memcpy(part, path, i);
			part[i] = '\0';
			if (mkdir(part, 0750) != 0 && errno != EEXIST)
				return err_sys(err, "%s: can't make the folder", part);
		}
	return FT_OK;
}

static int
lock_database(struct store *st, struct err *err)
{
	char path[600];
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	snprintf(path, sizeof path, "%s/segments", st->database);
	int rc = make_folder(path, err);
	if (rc != FT_OK)
		return rc;
	snprintf(path, sizeof path, "%s/lock", st->database);
	st->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (st->lock_fd < 0)
		return err_sys(err, "%s can't be opened", path);
	if (fcntl(st->lock_fd, F_OFD_SETLK, &l) != 0)
		return err_set(
			err, FT_EBUSY, "%s is in use by another ft-store: stop it first", st->database);
	return FT_OK;
}

/* No segment: a new database; or one whose files are lost, while shared memory still has the newest slices. */
static int
begin_or_keep(struct store *st, bool whole, struct err *err)
{
	const struct ft_stage_record *r = stage_record(&st->stage);
	uint32_t segment = (uint32_t)r->id[ID_SEGMENT];
	struct open_counts counts = store_counts(st);
	if (whole && open_block_attach(&st->open, st->shm_dir, segment, (uint32_t)r->id[ID_BLOCK], &counts,
			     NULL) == FT_OK) {
		memcpy(st->uuid, st->own->store_uuid, 16);
		st->tags.version = (uint32_t)r->id[ID_TAG_VERSION];
		st->commit = st->catalog_commit;
		st->first_segment = segment + 1;
		return rehome(st, segment + 1, err);
	}
	if (whole)
		log_critical("%s holds no segments: a new database is begun", st->database);
	st->first_segment = 1;
	return begin_database(st, err);
}

static int
find_and_decide(struct store *st, struct err *err)
{
	uint32_t *n, count;
	struct journal_head last;
	struct segment_state s = {0};
	bool whole;
	int rc = segment_list(st->database, &n, &count, err);
	if (rc != FT_OK)
		return rc;
	/* what a crash in the making of a segment left is removed */
	while (count > 0 && segment_examine(st->database, n[count - 1], true, &s, &last) == FT_OK &&
		s.kind == SEGMENT_EMPTY) {
		char path[600];
		(void)segment_path(path, sizeof path, st->database, n[--count]);
		(void)unlink(path);
	}
	rc = stage_take(st, &whole, err);
	if (rc == FT_OK && count == 0) {
		rc = begin_or_keep(st, whole, err);
	} else if (rc == FT_OK) {
		st->first_segment = n[0];
		rc = decide(st, n[count - 1], &s, &last, whole, err);
	}
	free(n);
	return rc;
}

void
store_count_sealed(struct store *st)
{
	uint32_t *n, count;
	struct zone_segment s;
	uint64_t rows = st->segment_rows;
	if (segment_list(st->database, &n, &count, NULL) != FT_OK)
		return;
	for (uint32_t i = 0; i < count; i++) {
		if (n[i] != st->segment || st->kv == NULL) /* a kill may have left it */
			segment_unlock(st->database, n[i]);
		if (n[i] != st->segment && index_get_segment(st, n[i], &s))
			rows += s.rows;
	}
	free(n);
	atomic_store(&st->sealed_rows, rows);
}

static void
read_boot_id(struct store *st)
{
	char text[64] = {0};
	unsigned at = 0;
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	if (f == NULL)
		return;
	if (fgets(text, sizeof text, f) != NULL)
		for (const char *p = text; *p && at < 32; p++) {
			int v = *p >= '0' && *p <= '9'   ? *p - '0'
				: *p >= 'a' && *p <= 'f' ? *p - 'a' + 10
							 : -1;
			if (v >= 0) {
				st->boot_id[at / 2] |= (uint8_t)(v << (at % 2 ? 0 : 4));
				at++;
			}
		}
	fclose(f);
}

int
store_open(struct store *st, const char *shm_dir, const char *database, const struct store_settings *set,
	struct err *err)
{
	struct err here;
	err = err ? err : &here;
	*st = (struct store){.set = *set,
		.lock_fd = -1,
		.shm.fd = -1,
		.catalog_shm.fd = -1,
		.exporters_shm.fd = -1,
		.labels_shm.fd = -1};
	st->open.shm.fd = st->spare.shm.fd = -1;
	if (strlen(shm_dir) >= sizeof st->shm_dir || strlen(database) >= sizeof st->database - 32)
		return err_set(err, FT_EINVAL, "%s, %s: the path is too long", shm_dir, database);
	memcpy(st->shm_dir, shm_dir, strlen(shm_dir) + 1);
	memcpy(st->database, database, strlen(database) + 1);
	read_boot_id(st);
	/* LMDB allocates a large value's pages anew for each commit: kept in the heap they need not be mapped and
	 * cleared every second */
	(void)mallopt(M_MMAP_THRESHOLD, 64 << 20);
	(void)mallopt(M_TRIM_THRESHOLD, 128 << 20);
	int rc = lock_database(st, err);
	if (rc == FT_OK && tags_open(&st->tags, 1) != FT_OK)
		rc = err_set(err, FT_ENOMEM, "out of memory");
	for (unsigned i = 0; i < 4 && rc == FT_OK; i++)
		if ((st->wide[i] = malloc((FT_BLOCK_ROWS + OPEN_ADDRS) * sizeof(uint64_t))) == NULL)
			rc = err_set(err, FT_ENOMEM, "out of memory");
	if (rc == FT_OK)
		rc = catalog_make(st, err);
	if (rc == FT_OK) {
		struct ft_catalog_record was;
		catalog_read(st->catalog, &was);
		st->catalog_commit = was.commit;
		rc = find_and_decide(st, err);
	}
	if (rc == FT_OK && index_open(st, err) != FT_OK) /* a hint only */
		log_critical("%s; queries are slower without it", err->text);
	if (rc == FT_OK) {
		memcpy(st->catalog->store_uuid, st->uuid, 16);
		memcpy(st->own->store_uuid, st->uuid, 16);
		store_count_sealed(st);
		/* the flip, or the segment's end, was not finished; on a full disk the loop tries again */
		if ((st->kv == NULL || store_flip_due(st)) && store_next(st, err) != FT_OK) {
			log_critical("%s", err->text);
			st->failing = true;
		}
	}
	if (rc == FT_OK) {
		struct zone_segment s;
		log_medium("an open block takes %zu MB of shared memory, and there are two: the one being "
			   "filled, "
			   "and the one before for the next",
			open_block_bytes() >> 20);
		catalog_tell(st);
		store_sweep_open(st);
		store_spare(st);
		/* the active segment's entries too: the index is not synced */
		if (st->block > 0)
			(void)index_mend_segment(st, st->segment, st->block, false, &s);
		intake_look(st);
	}
	return rc;
}

void
store_close(struct store *st)
{
	index_mend_stop(st);
	intake_close(st);
	open_block_close(&st->open);
	open_block_close(&st->spare);
	shm_close(&st->catalog_shm);
	shm_close(&st->shm);
	kv_close(st->kv);
	if (st->index)
		index_close(st);
	tags_close(&st->tags);
	codec_out_free(&st->pack);
	for (unsigned i = 0; i < 4; i++)
		free(st->wide[i]);
	if (st->lock_fd >= 0)
		close(st->lock_fd);
	*st = (struct store){.lock_fd = -1,
		.shm.fd = -1,
		.catalog_shm.fd = -1,
		.exporters_shm.fd = -1,
		.labels_shm.fd = -1};
	st->open.shm.fd = st->spare.shm.fd = -1;
}
