/*
 * users.h - who may ask: users.lmdb in userdatapath, of which queryd is the only writer.
 *
 * All of it is held in memory; a change is committed (synced) first and then seen.  Rules that never bend:
 *   names are 2 to 32 characters of UTF-8, inner spaces allowed, no leading underscore, none of / : < >, no
 *     control characters; a user filter is never on an administrator; there is always an administrator;
 *   nobody deletes a user who is logged in (has a session key, or a request being answered), or takes away their own
 *     administrator right.
 * First start: user "admin" with a generated password in DIR/first-password (0600), which goes when it was changed.
 * Database "users": name -> JSON {"hash", "admin", "must_change", "filter", "created_us"}.  Database "keys": see tickets.h.
 * Thread-safe.
 */
#ifndef FT_QUERYD_USERS_H
#define FT_QUERYD_USERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/kv.h"
#include "queryd/auth.h"

enum { USERS_NAME = 129 /* 32 characters of 4 bytes */, USERS_MOST = 10000, USERS_FIRST_PASSWORD = 24 };

struct users;

/* What a request may know about who asks: a copy. */
struct user {
	char name[USERS_NAME];
	bool admin, must_change;
	char *filter; /* NULL: none */
};
void user_drop(struct user *u); /* frees what is in it */

/* first: "" or, at first start, the generated password of admin, to be shown once */
int users_open(struct users **out, const char *dir, char first[USERS_FIRST_PASSWORD], struct err *err);
void users_close(struct users *u);
struct kv *users_kv(struct users *u);

/* FT_OK: the name may be given; FT_EINVAL and why not */
int users_name_good(const char *name, struct err *err);
int users_password_good(const char *password, struct err *err);

/* FT_ENOENT */
int users_get(struct users *u, const char *name, struct user *out);

/* Is this the user's password, as far as memory tells?  1 yes (verified in the last 5 minutes), 0 it must be checked */
int users_remembered(struct users *u, const char *name, const char *password, int64_t now_us);
/* Check it with Argon2id (slow); remembers it.  FT_EAUTH: no such user or wrong, which looks the same. */
int users_verify(struct users *u, const char *name, const char *password, int64_t now_us);

/* A request of this user has begun or ended: who has one is logged in. */
void users_enter(struct users *u, const char *name);
void users_leave(struct users *u, const char *name);

/* Changes.  FT_EEXIST is FT_EXIST; FT_EPERM: a rule forbids it, err says which.  `by` is who asks.
 * users_add and users_set_password hash (slow). */
int users_add(struct users *u, const char *name, const char *password, bool admin, const char *filter,
	struct err *err);
int users_delete(struct users *u, const char *by, const char *name, bool has_key, struct err *err);
int users_set_password(struct users *u, const char *name, const char *password, struct err *err);
/* NULL leaves as it is; filter "" takes it away */
int users_set(struct users *u, const char *by, const char *name, const bool *admin, const char *filter,
	struct err *err);

/* [{"name", "admin", "filter", "must_change_password", "created_us", "active"}], by name; active: a request runs */
json_t *users_list(struct users *u);

#endif
