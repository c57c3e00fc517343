/*
 * exporter.c - the identity table (exporter.h).  LMDB has the truth (key: address and GUID, value: id); the
 * segment is filled from it when it is made anew, and both agree at all times after: LMDB is written first.
 */
#include "ingest/exporter.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/hash.h"
#include "common/log.h"
#include "ingest/exporter_set.h"

struct stored {
	uint32_t id, zero;
	char zeros[64]; /* name and state are settings: exporter_set.c */
	int64_t first_seen_us;
};

static uint32_t *
place(const struct exporter_table *x, const uint8_t address[16], const uint8_t guid[16])
{
	uint64_t h = hash_mix(hash_16(address, hash_secret()), hash_16(guid, 1));
	for (uint32_t i = 0;; i++) {
		uint32_t *at = &x->index[(h + i) & x->mask];
		if (*at == 0)
			return at;
		const struct ft_exporter *e = &x->t->slot[*at - 1];
		if (memcmp(e->address, address, 16) == 0 && memcmp(e->guid, guid, 16) == 0)
			return at;
	}
}

static void
publish(struct exporter_table *x, const uint8_t key[32], const struct stored *v)
{
	struct ft_exporter *e = &x->t->slot[v->id - 1];
	memset(e, 0, sizeof *e);
	e->id = v->id;
	memcpy(e->address, key, 16);
	memcpy(e->guid, key + 16, 16);
	e->first_seen_us = v->first_seen_us;
	*place(x, e->address, e->guid) = v->id;
	if (atomic_load_explicit(&x->t->count, memory_order_relaxed) < v->id)
		atomic_store_explicit(&x->t->count, v->id, memory_order_release);
}

static int
load(struct exporter_table *x, struct err *err)
{
	struct kv_txn *t;
	struct kv_cursor *c = NULL;
	struct kv_bytes k, v;
	unsigned db;
	int rc = kv_begin(x->kv, true, &t, err);
	if (rc == 0 && (rc = kv_db(t, "exporters", &db, err)) != 0)
		kv_abort(t);
	if (rc != 0)
		return rc;
	rc = kv_cursor_open(t, db, &c);
	for (int at = rc ? rc : kv_cursor_seek(c, NULL, 0, &k, &v); at == 0; at = kv_cursor_next(c, &k, &v)) {
		struct stored s;
		if (k.n != 32 || v.n != sizeof s)
			continue;
		memcpy(&s, v.p, sizeof s);
		if (s.id >= 1 && s.id <= x->t->capacity)
			publish(x, k.p, &s);
	}
	kv_cursor_close(c);
	return kv_commit(t, err);
}

int
exporters_open(struct exporter_table *x, const char *shm_dir, struct kv *kv, uint32_t most, struct err *err)
{
	static const struct shm_kind kind = {FT_EXPORTERS_MAGIC, FT_EXPORTERS_VERSION,
		FT_LAYOUT2(sizeof(struct ft_exporter), sizeof(struct ft_exporters))};
	bool made;
	memset(x, 0, sizeof *x);
	x->kv = kv;
	pthread_mutex_init(&x->mutex, NULL);
	int rc = shm_open_or_create(&x->shm, shm_dir, "exporters", &kind,
		sizeof(struct ft_exporters) + most * sizeof(struct ft_exporter), &made, err);
	if (rc != 0)
		return rc;
	x->t = x->shm.base;
	if (made)
		x->t->capacity = most;
	for (x->mask = 1023; x->mask < x->t->capacity * 2; x->mask = x->mask * 2 + 1) {
	}
	x->index = calloc(x->mask + 1, sizeof *x->index);
	if (x->index == NULL)
		return err_set(err, FT_ENOMEM, "out of memory for %u exporters", x->t->capacity);
	rc = load(x, err);
	if (rc == 0)
		rc = exporter_sets_load(x, err);
	return rc == 0 && made ? shm_publish(&x->shm, err) : rc;
}

void
exporters_close(struct exporter_table *x)
{
	exporter_sets_free(x);
	settings_drop(x->settings);
	free(x->index);
	shm_close(&x->shm);
	pthread_mutex_destroy(&x->mutex);
}

static uint32_t
add(struct exporter_table *x, const uint8_t key[32])
{
	struct stored s = {.id = atomic_load_explicit(&x->t->count, memory_order_relaxed) + 1,
		.first_seen_us = wall_now().us};
	struct kv_txn *t;
	struct err err;
	unsigned db;
	if (s.id > x->t->capacity)
		return 0;
	int rc = kv_begin(x->kv, true, &t, &err);
	if (rc == 0) {
		rc = kv_db(t, "exporters", &db, &err);
		if (rc == 0)
			rc = kv_put(t, db, key, 32, &s, sizeof s, &err);
		if (rc == 0)
			rc = kv_commit(t, &err);
		else
			kv_abort(t);
	}
	if (rc != 0) {
		log_limited(LOG_L_CRITICAL, "a new exporter can't be remembered, so it is not taken: %s",
			err.text);
		return 0;
	}
	publish(x, key, &s);
	return s.id;
}

uint32_t
exporters_id(struct exporter_table *x, const uint8_t address[16], const uint8_t guid[16])
{
	uint8_t key[32];
	memcpy(key, address, 16);
	memcpy(key + 16, guid, 16);
	pthread_mutex_lock(&x->mutex);
	uint32_t id = *place(x, address, guid);
	if (id == 0)
		id = add(x, key);
	pthread_mutex_unlock(&x->mutex);
	return id;
}

const struct ft_exporter *
exporters_get(const struct exporter_table *x, uint32_t id)
{
	return id >= 1 && id <= atomic_load_explicit(&x->t->count, memory_order_acquire) ? &x->t->slot[id - 1]
											 : NULL;
}

struct settings *
exporters_settings(struct exporter_table *x)
{
	pthread_mutex_lock(&x->mutex);
	struct settings *t = x->settings ? settings_hold(x->settings) : NULL;
	pthread_mutex_unlock(&x->mutex);
	return t;
}

void
exporters_settings_publish(struct exporter_table *x, struct settings *t)
{
	pthread_mutex_lock(&x->mutex);
	struct settings *was = x->settings;
	x->settings = t;
	atomic_store_explicit(&x->generation, settings_generation(t), memory_order_release);
	pthread_mutex_unlock(&x->mutex);
	settings_drop(was);
}
