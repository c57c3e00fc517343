/*
 * prefs.h - a user's own interface preferences: keys with values that only the interface understands.
 * Database "prefs" of saved.lmdb: USER NUL KEY -> JSON.  At most 64 KiB a user, keys and values together.
 */
#ifndef FT_QUERYD_PREFS_H
#define FT_QUERYD_PREFS_H

#include "queryd/saved.h"

enum { PREFS_MOST = 65536, PREFS_KEY = 64 };

/* {key: value}; key NULL: all */
int prefs_get(struct saved *s, const char *user, const char *key, json_t **out, struct err *err);
/* value null takes the key away.  FT_EPERM: more than PREFS_MOST */
int prefs_set(struct saved *s, const char *user, const char *key, const json_t *value, struct err *err);

#endif
