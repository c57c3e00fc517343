/*
 * tickets.h - secrets of 32 hex digits that stand for a user:
 *   KEY    session key (`-us`): from one client address, until idle for maxsessionkeyage
 *   LOGIN  of a login over the web or the REST API: until idle for tokenage
 *   TOKEN  API token: has a name, lives until it expires or is revoked, perhaps from one address only
 *
 * Only fingerprints are kept, in memory and in database "keys" of users.lmdb (fingerprint -> JSON {"user", "peer",
 * "used_us", "kind", "name", "created_us", "expires_us"}; without "kind" a KEY), so that they outlive a restart.  The id
 * by which people name one is the first half of the fingerprint.  Each use renews a KEY or LOGIN; the renewal is written at most
 * every 30 s (or a quarter of the age, if less), so a restart may shorten a life by that much.
 * At most 4,096; of KEY and LOGIN 256 a user, beyond that the longest idle one goes; of TOKEN 64 a user, beyond that another is
 * refused.  Times are wall microseconds.  Thread-safe.
 */
#ifndef FT_QUERYD_TICKETS_H
#define FT_QUERYD_TICKETS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/kv.h"
#include "queryd/auth.h"
#include "queryd/users.h"

enum ticket_kind { TICKET_KEY, TICKET_LOGIN, TICKET_TOKEN, TICKET_KINDS };
enum { TICKET_ID = 17, TICKET_PEER = 48, TICKET_NAME = 65, TICKET_TOKENS = 64 };

struct tickets;
struct ticket_new {
	enum ticket_kind kind;
	const char *user;
	const char *peer;   /* the address it is bound to; TOKEN, LOGIN: "" any */
	const char *name;   /* TOKEN; NULL: none */
	int64_t expires_us; /* TOKEN; 0: never */
};

int tickets_open(struct tickets **out, struct kv *kv, struct err *err);
void tickets_close(struct tickets *t);
/* idle life of KEY (0: there are none) and LOGIN */
void tickets_ages(struct tickets *t, int64_t key_us, int64_t login_us);

/* secret is shown once and kept nowhere; id: NULL, or room for the name by which it is revoked.
 * FT_EPERM: the user has TICKET_TOKENS tokens */
int tickets_issue(struct tickets *t, const struct ticket_new *what, int64_t now_us,
	char secret[AUTH_KEY_HEX + 1], char id[TICKET_ID], struct err *err);
/* Whose is it?  key: a KEY is wanted, else a LOGIN or TOKEN.  FT_EAUTH: unknown, expired, or of another
 * address: which, is not told. */
int tickets_use(struct tickets *t, bool key, const char *secret, const char *peer, int64_t now_us,
	char user[USERS_NAME], enum ticket_kind *kind);
/* is the user logged in: has a KEY or LOGIN */
bool tickets_has(struct tickets *t, const char *user, int64_t now_us);
/* a user's KEYs and LOGINs: the password changed; all: TOKENs too, the user is gone */
void tickets_revoke(struct tickets *t, const char *user, bool all);
/* the one with this secret: its owner logs out */
void tickets_end(struct tickets *t, const char *secret);
/* user: whose it must be, NULL: anybody's.  FT_ENOENT; owner (may be NULL): whose it was */
int tickets_delete(
	struct tickets *t, const char *id, const char *user, char owner[USERS_NAME], struct err *err);
/* [{"id", "user", "kind": "key" | "login" | "token", "name", "address", "created_us", "used_us", "expires_us"}] of those
 * that are good; user NULL: of all; address and expires_us may be null; used_us is null if never. */
json_t *tickets_list(struct tickets *t, const char *user, int64_t now_us);

#endif
