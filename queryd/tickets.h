/*
 * tickets.h - session keys and tokens: 32 hex digits that stand for a user, from one client address, until idle too long.
 *
 *   TICKET_KEY    session key of the command line (-us); idle life maxsessionkeyage, 0: there are none
 *   TICKET_TOKEN  login of the web interface or its API; idle life tokenage
 * One kind is never taken for the other.
 * Only fingerprints are kept, in memory and in database "keys" of users.lmdb (fingerprint -> JSON {"user", "peer",
 * "used_us", "kind" where it is no session key}), so that they outlive a restart.  Each use renews a key; the renewal is written at most every 30 s
 * (or a quarter of the age, if less), so a restart may shorten a life by that much.  At most 4,096, 256 a user: beyond
 * that the longest idle one goes.  Times are wall microseconds.  Thread-safe.
 */
#ifndef FT_QUERYD_TICKETS_H
#define FT_QUERYD_TICKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/kv.h"
#include "queryd/auth.h"
#include "queryd/users.h"

enum ticket_kind { TICKET_KEY, TICKET_TOKEN, TICKET_KINDS };

struct tickets;

int tickets_open(struct tickets **out, struct kv *kv, struct err *err);
void tickets_close(struct tickets *t);

int tickets_issue(struct tickets *t, enum ticket_kind kind, const char *user, const char *peer,
	int64_t now_us, char key[AUTH_KEY_HEX + 1], struct err *err);
/* Whose is it?  age_us: idle life.  FT_EAUTH: unknown, of another kind, expired, or of another address: which, is not told. */
int tickets_use(struct tickets *t, enum ticket_kind kind, const char *key, const char *peer, int64_t age_us,
	int64_t now_us, char user[USERS_NAME]);
/* age_us: idle lives by kind */
bool tickets_has(struct tickets *t, const char *user, const int64_t age_us[TICKET_KINDS], int64_t now_us);
/* all of a user's: the password changed */
void tickets_revoke(struct tickets *t, const char *user);
/* this one */
void tickets_end(struct tickets *t, enum ticket_kind kind, const char *key);

#endif
