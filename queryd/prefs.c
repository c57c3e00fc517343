/* prefs.c - see prefs.h. */
#include "queryd/prefs.h"

#include <stdio.h>
#include <string.h>

struct gather {
	size_t prefix;
	json_t *out;     /* NULL: only count */
	const char *but; /* not this key */
	size_t bytes;
};

static int
gather_one(void *ctx, const struct kv_bytes *key, const struct kv_bytes *value)
{
	struct gather *g = ctx;
	const char *name = (const char *)key->p + g->prefix;
	size_t n = key->n - g->prefix;
	if (g->but && strlen(g->but) == n && memcmp(g->but, name, n) == 0)
		return 0;
	g->bytes += n + value->n;
	if (g->out) {
		char text[PREFS_KEY + 1];
		json_error_t e;
		json_t *v = json_loadb(value->p, value->n, JSON_DECODE_ANY, &e);
		snprintf(text, sizeof text, "%.*s", (int)n, name);
		if (v)
			json_object_set_new(g->out, text, v);
	}
	return 0;
}

int
prefs_get(struct saved *s, const char *user, const char *key, json_t **out, struct err *err)
{
	char k[SAVED_KEY];
	size_t n = saved_key(k, user, key ? key : "");
	struct kv_txn *t;
	unsigned db;
	*out = NULL;
	int rc = saved_begin(s, false, SAVED_PREFS, &t, &db, err);
	if (rc != 0)
		return rc;
	struct gather g = {.prefix = n, .out = json_object()};
	if (key) {
		json_t *v = saved_get(t, db, k, n);
		if (v)
			json_object_set_new(g.out, key, v);
	} else
		(void)saved_each(t, db, k, n, gather_one, &g);
	kv_abort(t);
	*out = g.out;
	return 0;
}

int
prefs_set(struct saved *s, const char *user, const char *key, const json_t *value, struct err *err)
{
	char k[SAVED_KEY], prefix[SAVED_KEY];
	size_t n = saved_key(k, user, key), pn = saved_key(prefix, user, "");
	struct kv_txn *t;
	unsigned db;
	int rc = saved_begin(s, true, SAVED_PREFS, &t, &db, err);
	if (rc != 0)
		return rc;
	if (json_is_null(value)) {
		rc = kv_del(t, db, k, n, err);
		rc = rc == FT_ENOENT ? 0 : rc;
	} else {
		struct gather g = {.prefix = pn, .but = key};
		(void)saved_each(t, db, prefix, pn, gather_one, &g);
		size_t more = strlen(key) + json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
		rc = g.bytes + more > PREFS_MOST
			     ? err_set(err, FT_EPERM,
				       "preferences have at most %d bytes together; this would make it %zu",
				       PREFS_MOST, g.bytes + more)
			     : saved_put(t, db, k, n, value, err);
	}
	if (rc == 0)
		return kv_commit(t, err);
	kv_abort(t);
	return rc;
}
