/*
 * learn.c - the file of what was learnt, with an undo log of its own (learn.h).
 */
#include "ingest/learn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#define LEARN_MAP (UINT64_C(4) << 30)

struct learn_change {
	struct learn_key key;
	uint32_t datagram; /* that taught it: several may be written at once */
	bool gone;
	uint32_t n;
	uint8_t *value;
};

/* the value of an undo entry; the old value follows */
struct undo {
	uint64_t incarnation, batch;
	uint32_t datagram;
	uint32_t had;
	struct learn_key key;
};

static struct learn_key
undo_key(const struct learn *l, uint32_t i)
{
	return (struct learn_key){.kind = LEARN_UNDO, .port = l->port, .id = i};
}

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

static void
collect(struct learn *l, const struct learn_key *key, const void *value, size_t n, bool gone)
{
	if (l->kv == NULL)
		return;
	if (l->n_changes == l->room) {
		unsigned room = l->room ? l->room * 2 : 64;
		struct learn_change *c = realloc(l->change, room * sizeof *c);
		CHECK(c != NULL);
		l->change = c;
		l->room = room;
	}
	struct learn_change *c = &l->change[l->n_changes++];
	*c = (struct learn_change){.key = *key, .datagram = l->datagram, .gone = gone, .n = (uint32_t)n};
	c->key.port = key->kind == LEARN_EXPORTER ? 0 : l->port;
	if (n > 0) {
		c->value = malloc(n);
		CHECK(c->value != NULL);
		memcpy(c->value, value, n);
	}
}

void
learn_put(struct learn *l, const struct learn_key *key, const void *value, size_t n)
{
	collect(l, key, value, n, false);
}

void
learn_del(struct learn *l, const struct learn_key *key)
{
	collect(l, key, NULL, 0, true);
}

void
learn_forget(struct learn *l)
{
	for (unsigned i = 0; i < l->n_changes; i++)
		free(l->change[i].value);
	l->n_changes = 0;
}

void
learn_close(struct learn *l)
{
	learn_forget(l);
	free(l->change);
	l->change = NULL;
	l->room = 0;
}

static int
clear_undo(struct learn *l, struct kv_txn *t, struct err *err)
{
	for (uint32_t i = 0;; i++) {
		struct learn_key k = undo_key(l, i);
		struct kv_bytes old;
		if (kv_get(t, l->db, &k, sizeof k, &old) != 0)
			break;
		int rc = kv_del(t, l->db, &k, sizeof k, err);
		if (rc != 0)
			return rc;
	}
	l->undo_n = 0;
	l->undo_batch = l->batch;
	return 0;
}

static int
write_undo(struct learn *l, struct kv_txn *t, const struct learn_change *c, struct err *err)
{
	struct kv_bytes old = {NULL, 0};
	bool had = kv_get(t, l->db, &c->key, sizeof c->key, &old) == 0;
	struct undo u = {l->incarnation, l->batch, c->datagram, had, c->key};
	struct learn_key k = undo_key(l, l->undo_n);
	size_t n = sizeof u + (had ? old.n : 0);
	/* old points into the map: copy before the put may move pages */
	uint8_t *value = malloc(n);
	CHECK(value != NULL);
	memcpy(value, &u, sizeof u);
	if (had)
		memcpy(value + sizeof u, old.p, old.n);
	int rc = kv_put(t, l->db, &k, sizeof k, value, n, err);
	free(value);
	if (rc == 0)
		l->undo_n++;
	return rc;
}

static int
write_change(struct learn *l, struct kv_txn *t, const struct learn_change *c, struct err *err)
{
	int rc = c->key.kind == LEARN_EXPORTER ? 0 : write_undo(l, t, c, err);
	if (rc != 0)
		return rc;
	if (!c->gone)
		return kv_put(t, l->db, &c->key, sizeof c->key, c->value, c->n, err);
	rc = kv_del(t, l->db, &c->key, sizeof c->key, err);
	return rc == FT_ENOENT ? 0 : rc;
}

int
learn_flush(struct learn *l, struct err *err)
{
	struct kv_txn *t;
	uint32_t undo_n = l->undo_n;
	uint64_t undo_batch = l->undo_batch;
	if (l->n_changes == 0)
		return 0;
	int rc = kv_begin(l->kv, true, &t, err);
	if (rc != 0)
		return rc;
	if (l->undo_batch != l->batch)
		rc = clear_undo(l, t, err);
	for (unsigned i = 0; rc == 0 && i < l->n_changes; i++)
		rc = write_change(l, t, &l->change[i], err);
	if (rc == 0)
		rc = kv_commit(t, err);
	else
		kv_abort(t);
	if (rc == 0)
		learn_forget(l);
	else {
		l->undo_n = undo_n;
		l->undo_batch = undo_batch;
	}
	return rc;
}

static int
take_back(struct learn *l, struct kv_txn *t, const struct kv_bytes *v, struct err *err)
{
	struct undo u;
	memcpy(&u, v->p, sizeof u);
	if (!u.had) {
		int rc = kv_del(t, l->db, &u.key, sizeof u.key, err);
		return rc == FT_ENOENT ? 0 : rc;
	}
	size_t n = v->n - sizeof u;
	uint8_t *old = malloc(n + 1);
	CHECK(old != NULL);
	memcpy(old, (const uint8_t *)v->p + sizeof u, n);
	int rc = kv_put(t, l->db, &u.key, sizeof u.key, old, n, err);
	free(old);
	return rc;
}

int
learn_recover(struct learn *l, bool unfinished, uint32_t from, struct err *err)
{
	struct kv_txn *t;
	uint32_t n = 0;
	if (l->kv == NULL)
		return 0;
	int rc = kv_begin(l->kv, true, &t, err);
	if (rc != 0)
		return rc;
	struct kv_bytes v;
	for (;; n++) {
		struct learn_key k = undo_key(l, n);
		if (kv_get(t, l->db, &k, sizeof k, &v) != 0)
			break;
	}
	for (uint32_t i = n; rc == 0 && unfinished && i-- > 0;) {
		struct learn_key k = undo_key(l, i);
		struct undo u;
		if (kv_get(t, l->db, &k, sizeof k, &v) != 0 || v.n < sizeof u)
			continue;
		memcpy(&u, v.p, sizeof u);
		if (u.incarnation == l->incarnation && u.batch == l->batch && u.datagram >= from)
			rc = take_back(l, t, &v, err);
	}
	if (rc == 0)
		rc = clear_undo(l, t, err);
	if (rc != 0) {
		kv_abort(t);
		return rc;
	}
	return kv_commit(t, err);
}

/* values whose key begins with the first n bytes of `from`; f is given those of `port` (any: all) */
static int
walk(const struct learn *l, const struct learn_key *from, size_t n, bool any,
	int (*f)(void *ctx, const struct learn_key *key, const uint8_t *value, size_t n), void *ctx,
	struct err *err)
{
	struct kv_txn *t;
	struct kv_cursor *c;
	struct kv_bytes k, v;
	if (l->kv == NULL)
		return 0;
	int rc = kv_begin(l->kv, false, &t, err);
	if (rc != 0)
		return rc;
	rc = kv_cursor_open(t, l->db, &c);
	if (rc != 0) {
		kv_abort(t);
		return err_set(err, rc, "can't read ingest.lmdb");
	}
	int found = kv_cursor_seek(c, from, n, &k, &v);
	for (; found == 0 && rc == 0; found = kv_cursor_next(c, &k, &v)) {
		struct learn_key key;
		if (k.n != sizeof key)
			continue; /* another database's name */
		memcpy(&key, k.p, sizeof key);
		if (memcmp(&key, from, n) != 0)
			break;
		if (any || key.port == l->port)
			rc = f(ctx, &key, v.p, v.n);
	}
	kv_cursor_close(c);
	kv_abort(t);
	return rc;
}

int
learn_each(struct learn *l, enum learn_kind kind,
	int (*f)(void *ctx, const struct learn_key *key, const uint8_t *value, size_t n), void *ctx,
	struct err *err)
{
	struct learn_key from = {.kind = (uint8_t)kind};
	return walk(l, &from, 1, kind == LEARN_EXPORTER, f, ctx, err);
}

int
learn_each_of(const struct learn *l, enum learn_kind kind, uint8_t version, uint32_t exporter,
	int (*f)(void *ctx, const struct learn_key *key, const uint8_t *value, size_t n), void *ctx,
	struct err *err)
{
	/* keys are ordered by their bytes, and these members come first */
	struct learn_key from = {
		.kind = (uint8_t)kind, .version = version, .port = l->port, .exporter = exporter};
	_Static_assert(offsetof(struct learn_key, domain) == 8, "the prefix is without holes");
	return walk(l, &from, offsetof(struct learn_key, domain), false, f, ctx, err);
}
