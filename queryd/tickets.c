/* tickets.c - see tickets.h. */
#include "queryd/tickets.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4096, MOST_A_USER = 256 };
static const int64_t write_us = 30 * INT64_C(1000000);

static const char *const kind_name[TICKET_KINDS] = {"key", "token"};

struct ticket {
	uint8_t print[AUTH_DIGEST];
	enum ticket_kind kind;
	char user[USERS_NAME], peer[48];
	int64_t used_us, written_us;
};
struct tickets {
	pthread_mutex_t mutex;
	struct kv *kv;
	unsigned n;
	struct ticket ticket[MOST];
};

static int
change(struct tickets *t, const struct ticket *put, const uint8_t *drop, struct err *err)
{
	struct kv_txn *txn;
	unsigned db;
	int rc = kv_begin(t->kv, true, &txn, err);
	if (rc != 0)
		return rc;
	rc = kv_db(txn, "keys", &db, err);
	if (rc == 0 && drop) {
		rc = kv_del(txn, db, drop, AUTH_DIGEST, err);
		rc = rc == FT_ENOENT ? 0 : rc;
	}
	if (rc == 0 && put) {
		json_t *o = json_pack("{s:s, s:s, s:I}", "user", put->user, "peer", put->peer, "used_us",
			(json_int_t)put->used_us);
		if (put->kind != TICKET_KEY)
			json_object_set_new(o, "kind", json_string(kind_name[put->kind]));
		char *text = json_dumps(o, JSON_COMPACT);
		json_decref(o);
		rc = text ? kv_put(txn, db, put->print, AUTH_DIGEST, text, strlen(text), err)
			  : err_set(err, FT_ENOMEM, "out of memory");
		free(text);
	}
	if (rc == 0)
		return kv_commit(txn, err);
	kv_abort(txn);
	return rc;
}

static void
load_one(struct tickets *t, const struct kv_bytes *k, const struct kv_bytes *v)
{
	json_error_t e;
	json_t *o = json_loadb(v->p, v->n, 0, &e);
	const char *user = json_string_value(json_object_get(o, "user"));
	const char *peer = json_string_value(json_object_get(o, "peer"));
	const char *named = json_string_value(json_object_get(o, "kind"));
	unsigned kind = TICKET_KEY;
	while (named && kind < TICKET_KINDS && strcmp(kind_name[kind], named) != 0)
		kind++;
	if (k->n == AUTH_DIGEST && user && peer && kind < TICKET_KINDS && t->n < MOST) {
		struct ticket *x = &t->ticket[t->n++];
		x->kind = (enum ticket_kind)kind;
		memcpy(x->print, k->p, AUTH_DIGEST);
		snprintf(x->user, sizeof x->user, "%s", user);
		snprintf(x->peer, sizeof x->peer, "%s", peer);
		x->used_us = x->written_us = json_integer_value(json_object_get(o, "used_us"));
	}
	json_decref(o);
}

int
tickets_open(struct tickets **out, struct kv *kv, struct err *err)
{
	struct tickets *t = calloc(1, sizeof *t);
	struct kv_txn *txn;
	struct kv_cursor *c;
	struct kv_bytes k, v;
	unsigned db;
	*out = NULL;
	if (t == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	pthread_mutex_init(&t->mutex, NULL);
	t->kv = kv;
	int rc = kv_begin(kv, true, &txn, err);
	if (rc == 0) {
		rc = kv_db(txn, "keys", &db, err);
		if (rc == 0)
			rc = kv_cursor_open(txn, db, &c);
		if (rc == 0) {
			for (int more = kv_cursor_seek(c, NULL, 0, &k, &v); more == 0;
				more = kv_cursor_next(c, &k, &v))
				load_one(t, &k, &v);
			kv_cursor_close(c);
			rc = kv_commit(txn, err);
		} else
			kv_abort(txn);
	}
	if (rc != 0) {
		tickets_close(t);
		return rc;
	}
	*out = t;
	return 0;
}

void
tickets_close(struct tickets *t)
{
	if (t == NULL)
		return;
	pthread_mutex_destroy(&t->mutex);
	auth_wipe(t, sizeof *t);
	free(t);
}

/* the mutex is held */
static void
drop(struct tickets *t, unsigned i)
{
	(void)change(t, NULL, t->ticket[i].print, NULL); /* if it stays in the file, it expires there */
	t->ticket[i] = t->ticket[--t->n];
}

/* the longest idle one of a user (NULL: of all); the mutex is held */
static unsigned
idlest(const struct tickets *t, const char *user, unsigned *count)
{
	unsigned best = MOST;
	*count = 0;
	for (unsigned i = 0; i < t->n; i++) {
		if (user && strcmp(t->ticket[i].user, user) != 0)
			continue;
		(*count)++;
		if (best == MOST || t->ticket[i].used_us < t->ticket[best].used_us)
			best = i;
	}
	return best;
}

int
tickets_issue(struct tickets *t, enum ticket_kind kind, const char *user, const char *peer, int64_t now_us,
	char key[AUTH_KEY_HEX + 1], struct err *err)
{
	struct ticket x = {.kind = kind, .used_us = now_us, .written_us = now_us};
	unsigned count;
	auth_random_hex(key);
	auth_fingerprint(x.print, key);
	snprintf(x.user, sizeof x.user, "%s", user);
	snprintf(x.peer, sizeof x.peer, "%s", peer);
	pthread_mutex_lock(&t->mutex);
	unsigned i = idlest(t, user, &count);
	if (count >= MOST_A_USER)
		drop(t, i);
	i = idlest(t, NULL, &count);
	if (count >= MOST)
		drop(t, i);
	int rc = change(t, &x, NULL, err);
	if (rc == 0)
		t->ticket[t->n++] = x;
	pthread_mutex_unlock(&t->mutex);
	return rc;
}

int
tickets_use(struct tickets *t, enum ticket_kind kind, const char *key, const char *peer, int64_t age_us,
	int64_t now_us, char user[USERS_NAME])
{
	uint8_t print[AUTH_DIGEST];
	int rc = FT_EAUTH;
	auth_fingerprint(print, key);
	pthread_mutex_lock(&t->mutex);
	for (unsigned i = 0; i < t->n; i++) {
		struct ticket *x = &t->ticket[i];
		if (x->kind != kind || !auth_equal(x->print, print))
			continue;
		if (now_us - x->used_us > age_us)
			drop(t, i);
		else if (strcmp(x->peer, peer) == 0) {
			memcpy(user, x->user, USERS_NAME);
			x->used_us = now_us > x->used_us ? now_us : x->used_us;
			int64_t every = age_us / 4 < write_us ? age_us / 4 : write_us;
			if (now_us - x->written_us >= every && change(t, x, NULL, NULL) == 0)
				x->written_us = now_us;
			rc = 0;
		}
		break;
	}
	pthread_mutex_unlock(&t->mutex);
	return rc;
}

bool
tickets_has(struct tickets *t, const char *user, const int64_t age_us[TICKET_KINDS], int64_t now_us)
{
	bool has = false;
	pthread_mutex_lock(&t->mutex);
	for (unsigned i = 0; i < t->n && !has; i++)
		has = strcmp(t->ticket[i].user, user) == 0 &&
		      now_us - t->ticket[i].used_us <= age_us[t->ticket[i].kind];
	pthread_mutex_unlock(&t->mutex);
	return has;
}

void
tickets_revoke(struct tickets *t, const char *user)
{
	pthread_mutex_lock(&t->mutex);
	for (unsigned i = 0; i < t->n;)
		if (strcmp(t->ticket[i].user, user) == 0)
			drop(t, i);
		else
			i++;
	pthread_mutex_unlock(&t->mutex);
}

void
tickets_end(struct tickets *t, enum ticket_kind kind, const char *key)
{
	uint8_t print[AUTH_DIGEST];
	auth_fingerprint(print, key);
	pthread_mutex_lock(&t->mutex);
	for (unsigned i = 0; i < t->n; i++)
		if (t->ticket[i].kind == kind && auth_equal(t->ticket[i].print, print)) {
			drop(t, i);
			break;
		}
	pthread_mutex_unlock(&t->mutex);
}
