/*
 * friendly.h - friendly names: what a user calls an address, a netblock, an AS … (friendly.def), for oneself or, given by an
 * administrator, for all.  One's own beats the one for all.
 *
 * Database "names" of saved.lmdb: OWNER NUL KIND NUL KEY -> JSON {"name", "by", "changed_us"}; OWNER is empty for all.  Keys are
 * kept as views write them (an address canonical, a port 443/TCP).  Names are UTF-8 of 1 to 128 bytes without control
 * characters.  Bounds: 10,000 a user, 100,000 for all.
 * A name for all may tell of what a user filter hides: who has one is shown it only beside a row of a view, and lists one's own.
 */
#ifndef FT_QUERYD_FRIENDLY_H
#define FT_QUERYD_FRIENDLY_H

#include "queryd/saved.h"
#include "queryd/users.h"

enum { FRIENDLY_NAME = 129, FRIENDLY_KEY = 256, FRIENDLY_A_USER = 10000, FRIENDLY_FOR_ALL = 100000 };

/* The key as it is kept.  FT_EINVAL: no such kind, or not of its form: err says which (at: "/kind" or "/key"). */
int friendly_key(const char *kind, const char *key, char out[FRIENDLY_KEY], const char **at, struct err *err);
int friendly_name_good(const char *name, struct err *err);

/* owner: "" for all; key as friendly_key made it; name "" takes it away.  FT_EPERM: too many; FT_ENOENT: nothing to take away */
int friendly_set(struct saved *s, const char *owner, const char *kind, const char *key, const char *name,
	const char *by, int64_t now_us, struct err *err);

/* {"names": [{"for", "kind", "key", "name", "by", "changed_us"}], "next": text or null}: at most `most`; kind NULL: all;
 * after: the `next` of the page before, NULL: the first */
int friendly_list(struct saved *s, const struct user *who, const char *kind, const char *after, unsigned most,
	json_t **out, struct err *err);

/* Keys of a kind that one calls `name` (in any case): one's own, or if there is none those for all (not with a user filter, which
 * must not learn what has a name); the first `room` of them; how many. */
unsigned friendly_find(struct saved *s, const struct user *who, const char *kind, const char *name,
	char (*key)[FRIENDLY_KEY], unsigned room);

/* Write names into `label` of a view's rows (and `labels`, an array by part, where the key is one).
 * other: what else is known of a key, for kinds that nobody named; may be NULL; false: nothing. */
struct friendly_other {
	bool (*find)(void *ctx, const char *kind, const char *key, char out[FRIENDLY_NAME]);
	void *ctx;
};
void friendly_label(
	struct saved *s, const struct user *who, json_t *view, const struct friendly_other *other);

#endif
