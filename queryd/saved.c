/* saved.c - see saved.h. */
#include "queryd/saved.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct saved {
	struct kv *kv;
	unsigned db[SAVED_DBS];
};
static const char *const db_name[SAVED_DBS] = {"prefs", "workspaces", "states", "names"};
static const size_t map_bytes = (size_t)2
				<< 30; /* sparse: 10,000 workspaces as large as they may be, and names */

/* Handles are opened once, before there are threads: LMDB does not let two transactions do that at the same time. */
static int
open_dbs(struct saved *s, struct err *err)
{
	struct kv_txn *t;
	int rc = kv_begin(s->kv, true, &t, err);
	for (unsigned i = 0; rc == 0 && i < SAVED_DBS; i++) {
		rc = kv_db(t, db_name[i], &s->db[i], err);
		if (rc != 0)
			kv_abort(t);
	}
	return rc == 0 ? kv_commit(t, err) : rc;
}

int
saved_open(struct saved **out, const char *dir, struct err *err)
{
	char path[600];
	struct saved *s = calloc(1, sizeof *s);
	*out = NULL;
	if (s == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	snprintf(path, sizeof path, "%s/saved.lmdb", dir);
	int rc = kv_open(&s->kv, path, map_bytes, SAVED_DBS, KV_CREATE, err);
	if (rc == 0 && chmod(path, 0600) != 0)
		rc = err_sys(err, "%s: can't be made readable by its owner alone", path);
	if (rc == 0)
		rc = open_dbs(s, err);
	if (rc != 0) {
		saved_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

void
saved_close(struct saved *s)
{
	if (s == NULL)
		return;
	if (s->kv)
		kv_close(s->kv);
	free(s);
}

int
saved_begin(
	struct saved *s, bool write, enum saved_db which, struct kv_txn **t, unsigned *db, struct err *err)
{
	*db = s->db[which];
	return kv_begin(s->kv, write, t, err);
}

unsigned
saved_db(const struct saved *s, enum saved_db which)
{
	return s->db[which];
}

size_t
saved_key(char out[SAVED_KEY], const char *user, const char *rest)
{
	size_t a = strlen(user), b = strlen(rest);
	if (a + 1 + b >= SAVED_KEY)
		return 0;
	memcpy(out, user, a + 1);
	memcpy(out + a + 1, rest, b);
	return a + 1 + b;
}

json_t *
saved_get(struct kv_txn *t, unsigned db, const void *key, size_t n)
{
	struct kv_bytes v;
	json_error_t e;
	return kv_get(t, db, key, n, &v) == 0 ? json_loadb(v.p, v.n, JSON_DECODE_ANY, &e) : NULL;
}

int
saved_put(struct kv_txn *t, unsigned db, const void *key, size_t n, const json_t *value, struct err *err)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	if (text == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	int rc = kv_put(t, db, key, n, text, strlen(text), err);
	free(text);
	return rc;
}

int
saved_each(struct kv_txn *t, unsigned db, const void *prefix, size_t n,
	int (*f)(void *ctx, const struct kv_bytes *key, const struct kv_bytes *value), void *ctx)
{
	struct kv_cursor *c;
	struct kv_bytes k, v;
	int result = 0;
	int rc = kv_cursor_open(t, db, &c);
	if (rc != 0)
		return rc;
	for (rc = kv_cursor_seek(c, prefix, n, &k, &v); rc == 0 && result == 0;
		rc = kv_cursor_next(c, &k, &v)) {
		if (k.n < n || memcmp(k.p, prefix, n) != 0)
			break;
		result = f(ctx, &k, &v);
	}
	kv_cursor_close(c);
	return result;
}

/* ---- of users that are gone ------------------------------------------------------------------- */

struct item {
	char key[SAVED_KEY]; /* ends with a NUL too */
	size_t bytes;
};
struct list {
	struct item *item;
	unsigned n, room;
	const char *owner;
};

static int
list_add(struct list *l, const void *key, size_t n)
{
	if (n >= SAVED_KEY)
		return 0;
	if (l->n == l->room) {
		unsigned room = l->room ? 2 * l->room : 64;
		struct item *p = realloc(l->item, room * sizeof *p);
		if (p == NULL)
			return FT_ENOMEM;
		l->item = p;
		l->room = room;
	}
	struct item *to = &l->item[l->n++];
	memcpy(to->key, key, n);
	to->key[n] = 0;
	to->bytes = n;
	return 0;
}

static void
list_free(struct list *l)
{
	free(l->item);
}

static int
any(void *ctx, const struct kv_bytes *key, const struct kv_bytes *value)
{
	(void)value;
	return list_add(ctx, key->p, key->n);
}

static int
owned(void *ctx, const struct kv_bytes *key, const struct kv_bytes *value)
{
	struct list *l = ctx;
	json_error_t e;
	json_t *o = json_loadb(value->p, value->n, 0, &e);
	const char *owner = json_string_value(json_object_get(o, "owner"));
	int rc = owner && strcmp(owner, l->owner) == 0 ? list_add(l, key->p, key->n) : 0;
	json_decref(o);
	return rc;
}

/* keys are gathered first: LMDB's cursors do not like to be deleted under */
static int
erase(struct kv_txn *t, unsigned db, const struct list *l, struct err *err)
{
	for (unsigned i = 0; i < l->n; i++) {
		int rc = kv_del(t, db, l->item[i].key, l->item[i].bytes, err);
		if (rc != 0 && rc != FT_ENOENT)
			return rc;
	}
	return 0;
}

int
saved_forget(struct saved *s, const char *user, struct err *err)
{
	static const enum saved_db by_key[] = {SAVED_PREFS, SAVED_NAMES};
	char prefix[SAVED_KEY];
	size_t n = saved_key(prefix, user, "");
	struct kv_txn *t;
	int rc = n ? kv_begin(s->kv, true, &t, err) : err_set(err, FT_EINVAL, "not a user's name");
	if (rc != 0)
		return rc;
	for (unsigned i = 0; rc == 0 && i < 2; i++) {
		struct list l = {.n = 0};
		rc = saved_each(t, s->db[by_key[i]], prefix, n, any, &l);
		if (rc == 0)
			rc = erase(t, s->db[by_key[i]], &l, err);
		list_free(&l);
	}
	struct list mine = {.owner = user};
	if (rc == 0)
		rc = saved_each(t, s->db[SAVED_WORKSPACES], "", 0, owned, &mine);
	if (rc == 0)
		rc = erase(t, s->db[SAVED_STATES], &mine, err);
	if (rc == 0)
		rc = erase(t, s->db[SAVED_WORKSPACES], &mine, err);
	list_free(&mine);
	if (rc == 0)
		return kv_commit(t, err);
	kv_abort(t);
	return rc;
}

struct sweep {
	bool (*exists)(void *ctx, const char *user);
	void *ctx;
	struct list gone;
};

static int
look_at(struct sweep *w, const char *user)
{
	if (user[0] == 0 || w->exists(w->ctx, user))
		return 0;
	for (unsigned i = 0; i < w->gone.n; i++)
		if (strcmp(w->gone.item[i].key, user) == 0)
			return 0;
	return list_add(&w->gone, user, strlen(user));
}

static int
look_at_key(void *ctx, const struct kv_bytes *key, const struct kv_bytes *value)
{
	char user[SAVED_KEY];
	(void)value;
	snprintf(user, sizeof user, "%.*s", (int)key->n, (const char *)key->p); /* ends at the NUL */
	return look_at(ctx, user);
}

static int
look_at_owner(void *ctx, const struct kv_bytes *key, const struct kv_bytes *value)
{
	json_error_t e;
	json_t *o = json_loadb(value->p, value->n, 0, &e);
	const char *owner = json_string_value(json_object_get(o, "owner"));
	(void)key;
	int rc = owner ? look_at(ctx, owner) : 0;
	json_decref(o);
	return rc;
}

int
saved_sweep(struct saved *s, bool (*exists)(void *ctx, const char *user), void *ctx, struct err *err)
{
	struct sweep w = {.exists = exists, .ctx = ctx};
	struct kv_txn *t;
	int rc = kv_begin(s->kv, false, &t, err);
	if (rc != 0)
		return rc;
	rc = saved_each(t, s->db[SAVED_PREFS], "", 0, look_at_key, &w);
	if (rc == 0)
		rc = saved_each(t, s->db[SAVED_NAMES], "", 0, look_at_key, &w);
	if (rc == 0)
		rc = saved_each(t, s->db[SAVED_WORKSPACES], "", 0, look_at_owner, &w);
	kv_abort(t);
	for (unsigned i = 0; rc == 0 && i < w.gone.n; i++)
		rc = saved_forget(s, w.gone.item[i].key, err);
	list_free(&w.gone);
	return rc;
}
