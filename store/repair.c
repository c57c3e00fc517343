/*
 * repair.c - ft-store repair [DIR]: damaged segments are written anew from what is sound in them, and what is not
 * from a backup, if DIR has one.
 *
 * A segment is one file, which nobody changes once it is finished.  So a repaired one is made beside it, as a segment like any
 * other, synced, and put into its place by one rename; the damaged file stays in DATABASE/damaged.  Killed anywhere, the
 * next run begins again; a reader has the one or the other.  Blocks keep their bytes but for their number and the
 * checksum of their head: what is lost leaves no gap, so that answers warn of it no more.  The segment being written is
 * not touched: ft-store itself moves on from it when it is damaged, and then it can be repaired.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crash.h"
#include "common/segment_file.h"
#include "store/admin.h"
#include "store/journal.h"
#include "store/look.h"
#include "store/store.h"
#include "store/trim.h"

struct repair {
	struct admin *a;
	const char *backup; /* a database; NULL: none */
	char work[500];     /* DATABASE/repair: a database of its own, for the file that is being made */
	struct store st;    /* of the work database */
	uint32_t kept, restored, lost;
	uint64_t commit;
	uint32_t *changed, *gone, n_changed, n_gone;
};

static struct look at, spare; /* the damaged file; the backup's */

/* ---- blocks ------------------------------------------------------------------------------------ */

struct copy {
	struct repair *r;
	const uint8_t *from;
	uint64_t bytes;
	uint8_t *room;
	struct err *err;
};

/* One block, as the next one of the new file.  In a guard: the map may be cut short. */
static int
copy_block(void *ctx)
{
	struct copy *c = ctx;
	struct repair *r = c->r;
	struct kv_txn *t;
	struct segment_key k = segment_key(KEY_BLOCK, r->st.block, 0);
	struct block_header h;
	memcpy(c->room, c->from, c->bytes);
	memcpy(&h, c->room, sizeof h);
	h.block = r->st.block;
	memcpy(c->room, &h, sizeof h);
	h.checksum = block_head_checksum((const void *)c->room);
	memcpy(c->room, &h, sizeof h);
	if (h.commit > r->commit)
		r->commit = h.commit;
	int rc = main_begin(r->st.kv, true, &t, c->err);
	if (rc != FT_OK)
		return rc;
	rc = kv_put(t, MAIN_DB, k.b, sizeof k.b, c->room, c->bytes, c->err);
	if (rc == FT_OK)
		return kv_commit(t, c->err);
	kv_abort(t);
	return rc;
}

static int
add_block(struct repair *r, const struct look *l, uint32_t block, struct err *err)
{
	struct copy c = {
		.r = r, .from = l->map + l->offset[block], .bytes = l->best[block].bytes, .err = err};
	c.room = malloc(c.bytes);
	if (c.room == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	int rc = guard_run(copy_block, &c);
	free(c.room);
	if (rc == FT_OK)
		r->st.block++;
	return rc;
}

/* The same block of the same segment. */
static bool
in_backup(const struct repair *r, uint32_t block, const uint8_t segment_uuid[16])
{
	return r->backup && block < spare.next_block && spare.best[block].bytes != 0 && !spare.lost[block] &&
	       memcmp(spare.best[block].segment_uuid, segment_uuid, 16) == 0;
}

static int
all_blocks(struct repair *r, struct err *err)
{
	uint32_t blocks = at.next_block;
	if (r->backup && spare.next_block > blocks)
		blocks = spare.next_block; /* cut short: nothing here says that there were more */
	int rc = FT_OK;
	for (uint32_t b = 0; b < blocks && rc == FT_OK; b++) {
		if (b < at.next_block && at.best[b].bytes != 0 && !at.lost[b]) {
			rc = add_block(r, &at, b, err);
			r->kept++;
		} else if (in_backup(r, b, r->st.segment_uuid)) {
			rc = add_block(r, &spare, b, err);
			r->restored++;
		} else {
			r->lost++;
		}
	}
	return rc;
}

/* ---- a file ------------------------------------------------------------------------------------- */

/* What a finished segment has besides its blocks: whose it is, an empty journal, the directory. */
static int
finish(struct repair *r, struct err *err)
{
	struct open_counts empty = open_block_empty();
	struct kv_txn *t;
	int rc = main_begin(r->st.kv, true, &t, err);
	if (rc != FT_OK)
		return rc;
	rc = segment_put_meta(&r->st, t, r->st.segment, err);
	if (rc == FT_OK)
		rc = journal_put(&r->st, t, r->st.segment, r->st.block, 0, &empty, &empty, r->commit, err);
	if (rc == FT_OK)
		rc = kv_commit(t, err);
	else
		kv_abort(t);
	return rc == FT_OK ? segment_finish(&r->st, err) : rc;
}

/* Whose segment it is, by any block that can be read. */
static bool
identify(struct repair *r)
{
	const struct look *each[2] = {&at, r->backup ? &spare : NULL};
	for (unsigned k = 0; k < 2 && each[k]; k++)
		for (uint32_t b = 0; b < each[k]->next_block; b++)
			if (each[k]->best[b].bytes != 0) {
				memcpy(r->st.uuid, each[k]->best[b].store_uuid, 16);
				memcpy(r->st.segment_uuid, each[k]->best[b].segment_uuid, 16);
				return true;
			}
	return false;
}

/* A name that leads to the damaged file, besides its own. */
static int
keep_damaged(const struct repair *r, const char *path, uint32_t number, struct err *err)
{
	char folder[600], to[700];
	snprintf(folder, sizeof folder, "%s/damaged", r->a->database);
	snprintf(to, sizeof to, "%s/%08u.seg", folder, number);
	if (mkdir(folder, 0750) != 0 && errno != EEXIST)
		return err_sys(err, "%s", folder);
	for (unsigned k = 1; access(to, F_OK) == 0; k++) /* it was repaired before */
		snprintf(to, sizeof to, "%s/%08u.seg.%u", folder, number, k);
	return link(path, to) == 0 ? FT_OK : err_sys(err, "%s can't be kept as %s", path, to);
}

static int
put_in_place(struct repair *r, uint32_t number, struct err *err)
{
	char path[600], made[700];
	(void)segment_path(path, sizeof path, r->a->database, number);
	(void)segment_path(made, sizeof made, r->work, number);
	int rc = access(path, F_OK) == 0 ? keep_damaged(r, path, number, err) : FT_OK;
	crash_point("repair: before the file is replaced");
	if (rc == FT_OK && r->st.block == 0) {
		(void)unlink(made);
		if (unlink(path) != 0)
			return err_sys(err, "%s", path);
		r->gone[r->n_gone++] = number;
	} else if (rc == FT_OK) {
		if (rename(made, path) != 0)
			return err_sys(err, "%s can't be put in the place of %s", made, path);
		r->changed[r->n_changed++] = number;
	}
	return rc;
}

static int
make_file(struct repair *r, uint32_t number, struct err *err)
{
	char made[700];
	uint64_t map = at.size + (r->backup ? spare.size : 0) + (64u << 20);
	(void)segment_path(made, sizeof made, r->work, number);
	(void)unlink(made);
	segment_unlock(r->work, number);
	r->st.segment = number;
	r->st.block = 0;
	r->kept = r->restored = r->lost = 0;
	r->commit = 1;
	if (!identify(r))
		return FT_OK; /* nothing of it can be read */
	int rc = kv_open(&r->st.kv, made, (size_t)map & ~(size_t)4095, 0, KV_CREATE, err);
	if (rc != FT_OK)
		return rc;
	rc = all_blocks(r, err);
	if (rc == FT_OK && r->st.block > 0)
		rc = finish(r, err);
	if (r->st.kv)
		kv_close(r->st.kv);
	r->st.kv = NULL;
	segment_unlock(r->work, number);
	return rc;
}

/* A segment that is not there at all, but in the backup. */
static int
bring_back(struct repair *r, uint32_t number, struct err *err)
{
	char from[700], to[600];
	(void)segment_path(from, sizeof from, r->backup, number);
	(void)segment_path(to, sizeof to, r->a->database, number);
	if (access(from, F_OK) != 0)
		return FT_OK;
	if (file_copy(from, to) != FT_OK)
		return err_sys(err, "%s can't be copied to %s", from, to);
	printf("segment %u: it was missing, and is back from the backup\n", number);
	r->changed[r->n_changed++] = number;
	return FT_OK;
}

static int
one(struct repair *r, uint32_t number, struct err *err)
{
	int rc = look_open(&at, r->a->database, number, NULL, true, true);
	if (at.bad == 0) {
		look_close(&at);
		return FT_OK;
	}
	if (r->backup)
		(void)look_open(&spare, r->backup, number, NULL, true, true);
	rc = make_file(r, number, err);
	look_close(&at);
	look_close(&spare);
	if (rc == FT_OK)
		rc = put_in_place(r, number, err);
	if (rc == FT_OK)
		printf("segment %u: %u blocks kept, %u from the backup, %u lost; the damaged file is in "
		       "%s/damaged\n",
			number, r->kept, r->restored, r->lost, r->a->database);
	return rc;
}

/* ---- all ---------------------------------------------------------------------------------------- */

/* What journal_put and segment_finish want of a store, without shared memory. */
static int
borrow_store(struct repair *r, struct err *err)
{
	char folder[600];
	size_t offset = (sizeof(struct store_segment) + FT_LINE - 1) & ~(size_t)(FT_LINE - 1);
	size_t n = (offset + stage_bytes(STORE_UNDO) + FT_LINE - 1) & ~(size_t)(FT_LINE - 1);
	int length = snprintf(r->work, sizeof r->work, "%s/repair", r->a->database);
	if (length < 0 || (size_t)length >= sizeof r->work)
		return err_set(err, FT_EINVAL, "%s: the path is too long", r->a->database);
	snprintf(folder, sizeof folder, "%s/segments", r->work);
	if ((mkdir(r->work, 0750) != 0 && errno != EEXIST) || (mkdir(folder, 0750) != 0 && errno != EEXIST))
		return err_sys(err, "%s: can't make the folder", folder);
	r->st.own = aligned_alloc(FT_LINE, n);
	if (r->st.own == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	memset(r->st.own, 0, n);
	snprintf(r->st.database, sizeof r->st.database, "%s", r->work);
	stage_format(r->st.own, offset, STORE_UNDO);
	stage_attach_used(&r->st.stage, r->st.own, offset, &store_stage_used);
	return FT_OK;
}

static int
every(struct repair *r, const uint32_t *n, uint32_t count, struct err *err)
{
	int rc = FT_OK;
	for (uint32_t i = 0; i + 1 < count && rc == FT_OK; i++) {
		rc = one(r, n[i], err);
		for (uint32_t k = n[i] + 1; r->backup && k < n[i + 1] && rc == FT_OK; k++)
			rc = bring_back(r, k, err);
	}
	return rc;
}

int
repair(struct admin *a)
{
	static struct repair r;
	uint32_t *n, count, room;
	struct err err, told = {0};
	r = (struct repair){.a = a, .backup = a->argument};
	int rc = segment_list(a->database, &n, &count, &err);
	if (rc == FT_OK)
		rc = borrow_store(&r, &err);
	room = rc == FT_OK && count > 0 ? n[count - 1] - n[0] + 1 : 1;
	r.changed = calloc(room, sizeof *r.changed);
	r.gone = calloc(room, sizeof *r.gone);
	if (rc == FT_OK && (r.changed == NULL || r.gone == NULL))
		rc = err_set(&err, FT_ENOMEM, "out of memory");
	if (rc == FT_OK)
		rc = every(&r, n, count, &err);
	if (r.n_changed + r.n_gone > 0 &&
		change_tell(a, r.changed, r.n_changed, r.gone, r.n_gone, &told) != FT_OK)
		fprintf(stderr, "ft-store: the running ft-store could not be told: %s; restart it\n",
			told.text);
	if (rc != FT_OK)
		fprintf(stderr, "ft-store: %s\n", err.text);
	else
		printf("%u segments repaired%s\n", r.n_changed + r.n_gone,
			r.n_changed + r.n_gone ? "" : ": nothing is damaged");
	free(r.st.own);
	free(r.changed);
	free(r.gone);
	free(n);
	return rc == FT_OK ? 0 : EXIT_SYSTEM;
}
