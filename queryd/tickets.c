/* tickets.c - see tickets.h. */
#include "queryd/tickets.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4096, MOST_A_USER = 256 };
static const int64_t write_us = 30 * INT64_C(1000000);
static const char *const kind_name[TICKET_KINDS] = {"key", "login", "token"};

struct ticket {
	uint8_t print[AUTH_DIGEST];
	enum ticket_kind kind;
	char user[USERS_NAME], peer[TICKET_PEER], name[TICKET_NAME];
	int64_t created_us, expires_us, used_us, written_us;
};
struct tickets {
	pthread_mutex_t mutex;
	struct kv *kv;
	int64_t age_us[TICKET_KINDS];
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
		json_t *o = json_pack("{s:s, s:s, s:I, s:s, s:s, s:I, s:I}", "user", put->user, "peer",
			put->peer, "used_us", (json_int_t)put->used_us, "kind", kind_name[put->kind], "name",
			put->name, "created_us", (json_int_t)put->created_us, "expires_us",
			(json_int_t)put->expires_us);
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
	const char *kind = json_string_value(json_object_get(o, "kind"));
	const char *name = json_string_value(json_object_get(o, "name"));
	unsigned i = 0;
	while (kind && i < TICKET_KINDS && strcmp(kind_name[i], kind) != 0)
		i++;
	if (k->n == AUTH_DIGEST && user && peer && i < TICKET_KINDS && t->n < MOST) {
		struct ticket *x = &t->ticket[t->n++];
		memcpy(x->print, k->p, AUTH_DIGEST);
		x->kind = (enum ticket_kind)i;
		snprintf(x->user, sizeof x->user, "%s", user);
		snprintf(x->peer, sizeof x->peer, "%s", peer);
		snprintf(x->name, sizeof x->name, "%s", name ? name : "");
		x->used_us = x->written_us = json_integer_value(json_object_get(o, "used_us"));
		x->created_us = json_integer_value(json_object_get(o, "created_us"));
		x->expires_us = json_integer_value(json_object_get(o, "expires_us"));
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

void
tickets_ages(struct tickets *t, int64_t key_us, int64_t login_us)
{
	pthread_mutex_lock(&t->mutex);
	t->age_us[TICKET_KEY] = key_us;
	t->age_us[TICKET_LOGIN] = login_us;
	pthread_mutex_unlock(&t->mutex);
}

static bool
expired(const struct tickets *t, const struct ticket *x, int64_t now_us)
{
	if (x->kind == TICKET_TOKEN)
		return x->expires_us && now_us >= x->expires_us;
	return now_us - x->used_us > t->age_us[x->kind];
}

static void
id_of(const struct ticket *x, char id[TICKET_ID])
{
	for (unsigned i = 0; i < (TICKET_ID - 1) / 2; i++)
		snprintf(id + (size_t)2 * i, 3, "%02x", x->print[i]);
}

/* the longest idle KEY or LOGIN of a user (NULL: of all), and how many there are; the mutex is held */
static unsigned
idlest(const struct tickets *t, const char *user, unsigned *count)
{
	unsigned best = MOST;
	*count = 0;
	for (unsigned i = 0; i < t->n; i++) {
		if ((user && strcmp(t->ticket[i].user, user) != 0) || t->ticket[i].kind == TICKET_TOKEN)
			continue;
		(*count)++;
		if (best == MOST || t->ticket[i].used_us < t->ticket[best].used_us)
			best = i;
	}
	return best;
}

/* the mutex is held */
static unsigned
tokens_of(const struct tickets *t, const char *user)
{
	unsigned n = 0;
	for (unsigned i = 0; i < t->n; i++)
		n += t->ticket[i].kind == TICKET_TOKEN && strcmp(t->ticket[i].user, user) == 0;
	return n;
}

/* the mutex is held */
static int
make_room(struct tickets *t, const struct ticket_new *what, int64_t now_us, struct err *err)
{
	unsigned count;
	for (unsigned i = 0; i < t->n && t->n == MOST;)
		if (expired(t, &t->ticket[i], now_us))
			drop(t, i);
		else
			i++;
	if (what->kind == TICKET_TOKEN && tokens_of(t, what->user) >= TICKET_TOKENS)
		return err_set(err, FT_EPERM, "'%s' has %d tokens already; delete one first", what->user,
			TICKET_TOKENS);
	unsigned i = idlest(t, what->user, &count);
	if (what->kind != TICKET_TOKEN && count >= MOST_A_USER)
		drop(t, i);
	i = idlest(t, NULL, &count);
	if (t->n == MOST && count > 0)
		drop(t, i);
	return t->n < MOST ? 0 : err_set(err, FT_EPERM, "there are %d tokens already", MOST);
}

int
tickets_issue(struct tickets *t, const struct ticket_new *what, int64_t now_us, char secret[AUTH_KEY_HEX + 1],
	char id[TICKET_ID], struct err *err)
{
	struct ticket x = {.kind = what->kind, .created_us = now_us, .written_us = now_us};
	x.used_us = what->kind == TICKET_TOKEN ? 0 : now_us;
	x.expires_us = what->kind == TICKET_TOKEN ? what->expires_us : 0;
	auth_random_hex(secret);
	auth_fingerprint(x.print, secret);
	snprintf(x.user, sizeof x.user, "%s", what->user);
	snprintf(x.peer, sizeof x.peer, "%s", what->peer);
	snprintf(x.name, sizeof x.name, "%s", what->name ? what->name : "");
	if (id)
		id_of(&x, id);
	pthread_mutex_lock(&t->mutex);
	int rc = make_room(t, what, now_us, err);
	if (rc == 0)
		rc = change(t, &x, NULL, err);
	if (rc == 0)
		t->ticket[t->n++] = x;
	pthread_mutex_unlock(&t->mutex);
	return rc;
}

/* the mutex is held */
static void
renew(struct tickets *t, struct ticket *x, int64_t now_us)
{
	int64_t age = x->kind == TICKET_TOKEN ? INT64_MAX : t->age_us[x->kind];
	int64_t every = age / 4 < write_us ? age / 4 : write_us;
	x->used_us = now_us > x->used_us ? now_us : x->used_us;
	if (now_us - x->written_us >= every && change(t, x, NULL, NULL) == 0)
		x->written_us = now_us;
}

int
tickets_use(struct tickets *t, bool key, const char *secret, const char *peer, int64_t now_us,
	char user[USERS_NAME], enum ticket_kind *kind)
{
	uint8_t print[AUTH_DIGEST];
	int rc = FT_EAUTH;
	auth_fingerprint(print, secret);
	pthread_mutex_lock(&t->mutex);
	for (unsigned i = 0; i < t->n; i++) {
		struct ticket *x = &t->ticket[i];
		if (!auth_equal(x->print, print))
			continue;
		if (key != (x->kind == TICKET_KEY))
			break;
		if (expired(t, x, now_us))
			drop(t, i);
		else if (x->peer[0] == 0 || strcmp(x->peer, peer) == 0) {
			memcpy(user, x->user, USERS_NAME);
			*kind = x->kind;
			renew(t, x, now_us);
			rc = 0;
		}
		break;
	}
	pthread_mutex_unlock(&t->mutex);
	return rc;
}

bool
tickets_has(struct tickets *t, const char *user, int64_t now_us)
{
	bool has = false;
	pthread_mutex_lock(&t->mutex);
	for (unsigned i = 0; i < t->n && !has; i++)
		has = t->ticket[i].kind != TICKET_TOKEN && strcmp(t->ticket[i].user, user) == 0 &&
		      !expired(t, &t->ticket[i], now_us);
	pthread_mutex_unlock(&t->mutex);
	return has;
}

void
tickets_revoke(struct tickets *t, const char *user, bool all)
{
	pthread_mutex_lock(&t->mutex);
	for (unsigned i = 0; i < t->n;)
		if ((all || t->ticket[i].kind != TICKET_TOKEN) && strcmp(t->ticket[i].user, user) == 0)
			drop(t, i);
		else
			i++;
	pthread_mutex_unlock(&t->mutex);
}

void
tickets_end(struct tickets *t, const char *secret)
{
	uint8_t print[AUTH_DIGEST];
	auth_fingerprint(print, secret);
	pthread_mutex_lock(&t->mutex);
	for (unsigned i = 0; i < t->n; i++)
		if (auth_equal(t->ticket[i].print, print)) {
			drop(t, i);
			break;
		}
	pthread_mutex_unlock(&t->mutex);
}

int
tickets_delete(struct tickets *t, const char *id, const char *user, char owner[USERS_NAME], struct err *err)
{
	char of[TICKET_ID];
	int rc = FT_ENOENT;
	pthread_mutex_lock(&t->mutex);
	for (unsigned i = 0; i < t->n && rc != 0; i++) {
		id_of(&t->ticket[i], of);
		if (strcmp(of, id) != 0 || (user && strcmp(user, t->ticket[i].user) != 0))
			continue;
		if (owner)
			memcpy(owner, t->ticket[i].user, USERS_NAME);
		/* gone from the file first: a revoked token must not come back at the next start */
		rc = change(t, NULL, t->ticket[i].print, err);
		if (rc != 0)
			break;
		t->ticket[i] = t->ticket[--t->n];
	}
	pthread_mutex_unlock(&t->mutex);
	return rc == FT_ENOENT ? err_set(err, FT_ENOENT, "there is no token '%.32s'", id) : rc;
}

json_t *
tickets_list(struct tickets *t, const char *user, int64_t now_us)
{
	json_t *out = json_array();
	pthread_mutex_lock(&t->mutex);
	for (unsigned i = 0; i < t->n; i++) {
		const struct ticket *x = &t->ticket[i];
		char id[TICKET_ID];
		if ((user && strcmp(user, x->user) != 0) || expired(t, x, now_us))
			continue;
		id_of(x, id);
		int64_t ends = x->kind == TICKET_TOKEN ? x->expires_us : x->used_us + t->age_us[x->kind];
		json_array_append_new(
			out, json_pack("{s:s, s:s, s:s, s:s, s:s?, s:I, s:o, s:o}", "id", id, "user", x->user,
				     "kind", kind_name[x->kind], "name", x->name, "address",
				     x->peer[0] ? x->peer : NULL, "created_us", (json_int_t)x->created_us,
				     "used_us", x->used_us ? json_integer(x->used_us) : json_null(),
				     "expires_us", ends ? json_integer(ends) : json_null()));
	}
	pthread_mutex_unlock(&t->mutex);
	return out;
}
