/*
 * saved.h - what users save: saved.lmdb in userdatapath, of which queryd is the only writer.
 *
 * An environment of its own beside users.lmdb, so that a full one never keeps an administrator from changing a user.  Each
 * concept (prefs.c, workspaces.c, friendly.c) has a database and its transactions here; a record is JSON.  Keys that
 * belong to a user begin with the user's name and a NUL, which no name has.  A commit is synced before it returns.
 * What belongs to a user goes when the user does; a kill in between is made good at the next start.
 * Thread-safe.
 */
#ifndef FT_QUERYD_SAVED_H
#define FT_QUERYD_SAVED_H

#include <jansson.h>
#include <stdbool.h>

#include "common/err.h"
#include "common/kv.h"

enum saved_db { SAVED_PREFS, SAVED_WORKSPACES, SAVED_STATES, SAVED_NAMES, SAVED_DBS };
enum { SAVED_KEY = 480 };

struct saved;

int saved_open(struct saved **out, const char *dir, struct err *err);
void saved_close(struct saved *s);

/* a transaction on one of the databases, for kv_get … */
int saved_begin(
	struct saved *s, bool write, enum saved_db which, struct kv_txn **t, unsigned *db, struct err *err);
/* handle of another database in the same transaction */
unsigned saved_db(const struct saved *s, enum saved_db which);

/* USER NUL REST; bytes of it.  0: too long */
size_t saved_key(char out[SAVED_KEY], const char *user, const char *rest);
/* NULL: none, or it can't be read */
json_t *saved_get(struct kv_txn *t, unsigned db, const void *key, size_t n);
int saved_put(struct kv_txn *t, unsigned db, const void *key, size_t n, const json_t *value, struct err *err);
/* records whose key begins with prefix, in order of key, until f returns other than 0, which is returned */
int saved_each(struct kv_txn *t, unsigned db, const void *prefix, size_t n,
	int (*f)(void *ctx, const struct kv_bytes *key, const struct kv_bytes *value), void *ctx);

/* all of a user's */
int saved_forget(struct saved *s, const char *user, struct err *err);
/* of users that are no more (at start) */
int saved_sweep(struct saved *s, bool (*exists)(void *ctx, const char *user), void *ctx, struct err *err);

#endif
