/*
 * learn.c - the file of what was learnt: a table and the journal of its latest changes (learn.h).
 */
#include "ingest/learn.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "ingest/journal.h"

#define LEARN_MAP (UINT64_C(4) << 30)
/* Of a batch that changes n keys, FOLD_LEAST + n / FOLD_SHARE older changes are put into the table. */
enum { FOLD_LEAST = 8, FOLD_SHARE = 16, JOURNAL_MOST = 32 << 20 };

static int
open_file(struct kv **kv, unsigned *db, const char *path, struct err *err)
{
	struct kv_txn *t;
	int rc = kv_open(kv, path, LEARN_MAP, 8, KV_CREATE | KV_NOSYNC, err);
	if (rc != 0)
		return rc;
	rc = kv_begin(*kv, true, &t, err);
	if (rc == 0) {
		rc = kv_db(t, NULL, db, err);
		if (rc == 0)
			rc = kv_commit(t, err);
		else
			kv_abort(t);
	}
	if (rc != 0) {
		kv_close(*kv);
		*kv = NULL;
	}
	return rc;
}

int
learn_open(struct kv **kv, unsigned *db, const char *statedir, struct err *err)
{
	char path[600], aside[640];
	snprintf(path, sizeof path, "%s/ingest.lmdb", statedir);
	int rc = open_file(kv, db, path, err);
	if (rc != FT_EFORMAT)
		return rc;
	/* Power loss may tear an unsynced file.  Templates come again; exporter ids are in the blocks by address. */
	snprintf(aside, sizeof aside, "%s.damaged", path);
	log_critical(
		"%s is damaged, it is kept as %s and begun anew: templates are learnt again", path, aside);
	if (rename(path, aside) != 0)
		return err_sys(err, "can't rename %s", path);
	return open_file(kv, db, path, err);
}

/* ---- changes ---------------------------------------------------------------------------------- */

static void
collect(struct learn *l, const struct learn_key *key, const void *value, size_t n)
{
	struct learn_key k = *key;
	if (l->kv == NULL)
		return;
	if (l->journal == NULL)
		l->journal = journal_new();
	k.port = l->port;
	journal_add(l->journal, l, &k, value, n);
}

void
learn_put(struct learn *l, const struct learn_key *key, const void *value, size_t n)
{
	collect(l, key, value, n);
}

void
learn_del(struct learn *l, const struct learn_key *key)
{
	collect(l, key, NULL, 0);
}

void
learn_forget(struct learn *l)
{
	if (l->journal)
		journal_forget(l->journal);
}

void
learn_close(struct learn *l)
{
	journal_free(l->journal);
	l->journal = NULL;
}

/* ---- folding ---------------------------------------------------------------------------------- */

struct fold {
	bool whole;         /* at start: all that is left has committed */
	uint64_t most;      /* changes to write */
	struct record *end; /* as far as it went: the rest of it stays */
	uint32_t end_at;
};

/* what it says has committed */
static bool
settled(const struct learn *l, const struct fold *f, const struct record *r)
{
	return r->written && (f->whole || r->stamp.batch != l->batch);
}

/* Has the key changed since, for good?  A change that may be taken back does not count. */
static bool
outdated(const struct learn *l, const struct fold *f, const struct place *latest, const struct record *r,
	uint32_t at)
{
	return latest && !(latest->record == r && latest->at == at) && settled(l, f, latest->record);
}

static struct learn_key
record_key(const struct learn *l, const struct record *r)
{
	/* big-endian: LMDB has them in order */
	return (struct learn_key){.kind = LEARN_JOURNAL, .port = l->port, .sub = htobe64(r->number)};
}

static int
write_change(struct learn *l, struct kv_txn *t, const struct change *c, const struct place *latest,
	struct err *err)
{
	if (c->n != CHANGE_GONE) {
		l->writes++;
		return kv_put(t, l->db, &c->key, sizeof c->key, c->value, c->n, err);
	}
	if (latest && latest->unborn)
		return 0;
	l->writes++;
	int rc = kv_del(t, l->db, &c->key, sizeof c->key, err);
	return rc == FT_ENOENT ? 0 : rc;
}

/* The oldest changes into the table; fold_done() follows when that is committed. */
static int
fold(struct learn *l, struct kv_txn *t, struct fold *f, struct err *err)
{
	uint64_t looked = 0, wrote = 0;
	struct record *r = l->journal->head;
	uint32_t at = l->journal->at;
	int rc = 0;
	for (; rc == 0 && r && settled(l, f, r); r = r->next, at = 0) {
		for (const struct change *c; rc == 0 && at < r->bytes; at += change_bytes(c->n)) {
			c = change_at(r, at);
			if (wrote >= f->most || looked++ >= f->most * 16)
				goto enough;
			const struct place *latest = journal_latest(l->journal, &c->key);
			if (outdated(l, f, latest, r, at))
				continue;
			rc = write_change(l, t, c, latest, err);
			wrote++;
		}
		struct learn_key k = record_key(l, r);
		l->writes++;
		if (rc == 0)
			rc = kv_del(t, l->db, &k, sizeof k, err);
	}
enough:
	f->end = r;
	f->end_at = at;
	return rc;
}

static void
fold_done(struct learn *l, const struct fold *f)
{
	struct journal *j = l->journal;
	for (;;) {
		struct record *r = j->head;
		uint32_t end = r == f->end ? f->end_at : r->bytes;
		for (; j->at < end; j->at += change_bytes(change_at(r, j->at)->n)) {
			const struct place *latest = journal_latest(j, &change_at(r, j->at)->key);
			journal_drop_change(j, r, j->at, !outdated(l, f, latest, r, j->at));
		}
		if (r == f->end)
			break;
		journal_drop_head(j);
		if (j->head == NULL)
			break;
	}
}

/* ---- the file --------------------------------------------------------------------------------- */

static int
write_records(struct learn *l, struct kv_txn *t, struct err *err)
{
	int rc = 0;
	for (const struct record *r = l->journal->fresh; rc == 0 && r; r = r->next) {
		struct learn_key k = record_key(l, r);
		l->writes++;
		rc = kv_put(t, l->db, &k, sizeof k, &r->stamp, sizeof r->stamp + r->bytes, err);
	}
	return rc;
}

int
learn_flush(struct learn *l, struct err *err)
{
	struct journal *j = l->journal;
	struct kv_txn *t;
	if (j == NULL || j->fresh == NULL)
		return 0;
	struct fold f = {.most = j->bytes < JOURNAL_MOST ? FOLD_LEAST + j->collected / FOLD_SHARE
							 : FOLD_LEAST + j->collected * 2};
	int rc = kv_begin(l->kv, true, &t, err);
	if (rc != 0)
		return rc;
	rc = fold(l, t, &f, err);
	if (rc == 0)
		rc = write_records(l, t, err);
	if (rc != 0) {
		kv_abort(t);
		return rc;
	}
	rc = kv_commit(t, err);
	if (rc == 0) {
		fold_done(l, &f);
		journal_written(j);
	}
	return rc;
}

static int
read_journal(struct learn *l, struct kv_txn *t, bool unfinished, uint32_t from, struct err *err)
{
	struct learn_key first = {.kind = LEARN_JOURNAL, .port = l->port}, key;
	struct kv_cursor *c;
	struct kv_bytes k, v;
	if (kv_cursor_open(t, l->db, &c) != 0)
		return err_set(err, FT_EFORMAT, "can't read ingest.lmdb");
	int found = kv_cursor_seek(c, &first, sizeof first, &k, &v);
	for (; found == 0; found = kv_cursor_next(c, &k, &v)) {
		if (k.n != sizeof key || memcmp(k.p, &first, offsetof(struct learn_key, sub)) != 0)
			break;
		memcpy(&key, k.p, sizeof key);
		journal_read(l->journal, be64toh(key.sub), v.p, v.n, l, unfinished, from);
	}
	kv_cursor_close(c);
	return 0;
}

int
learn_recover(struct learn *l, bool unfinished, uint32_t from, struct err *err)
{
	struct fold f = {.whole = true, .most = UINT64_MAX / 16};
	struct kv_txn *t;
	if (l->kv == NULL)
		return 0;
	learn_close(l);
	l->journal = journal_new();
	int rc = kv_begin(l->kv, true, &t, err);
	if (rc != 0)
		return rc;
	rc = read_journal(l, t, unfinished, from, err);
	if (rc == 0)
		rc = fold(l, t, &f, err);
	if (rc != 0) {
		kv_abort(t);
		return rc;
	}
	rc = kv_commit(t, err);
	if (rc == 0 && l->journal->head)
		fold_done(l, &f);
	return rc;
}

/* ---- what is known ---------------------------------------------------------------------------- */

typedef int (*learn_fn)(void *ctx, const struct learn_key *key, const uint8_t *value, size_t n);

static int
each_of_table(struct learn *l, enum learn_kind kind, learn_fn f, void *ctx, struct err *err)
{
	struct learn_key from = {.kind = (uint8_t)kind}, key;
	struct kv_txn *t;
	struct kv_cursor *c;
	struct kv_bytes k, v;
	int rc = kv_begin(l->kv, false, &t, err);
	if (rc != 0)
		return rc;
	rc = kv_cursor_open(t, l->db, &c);
	if (rc != 0) {
		kv_abort(t);
		return err_set(err, rc, "can't read ingest.lmdb");
	}
	int found = kv_cursor_seek(c, &from, 1, &k, &v);
	for (; found == 0 && rc == 0; found = kv_cursor_next(c, &k, &v)) {
		if (k.n != sizeof key)
			continue; /* another database's name */
		memcpy(&key, k.p, sizeof key);
		if (key.kind != kind)
			break;
		if (key.port == l->port && (l->journal == NULL || journal_latest(l->journal, &key) == NULL))
			rc = f(ctx, &key, v.p, v.n);
	}
	kv_cursor_close(c);
	kv_abort(t);
	return rc;
}

int
learn_each(struct learn *l, enum learn_kind kind, learn_fn f, void *ctx, struct err *err)
{
	if (l->kv == NULL)
		return 0;
	int rc = each_of_table(l, kind, f, ctx, err);
	for (uint32_t i = 0; rc == 0 && l->journal && i <= l->journal->mask; i++) {
		const struct place *p = &l->journal->place[i];
		const struct change *c = p->record ? change_at(p->record, p->at) : NULL;
		if (c && c->key.kind == kind && c->n != CHANGE_GONE)
			rc = f(ctx, &c->key, c->value, c->n);
	}
	return rc;
}
