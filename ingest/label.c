/*
 * label.c - see label.h.  Looking up takes no lock: an index slot goes from 0 to a number once, after the text it
 * stands for is in place.  A miss is looked up again under the mutex before a number is given.
 */
#include "ingest/label.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/log.h"

/* Length of the well-formed UTF-8 character at p (RFC 3629 section 4), 0: there is none. */
static size_t
character(const uint8_t *p, size_t n)
{
	size_t more = p[0] < 0x80                   ? 0
		      : p[0] >= 0xc2 && p[0] < 0xe0 ? 1
		      : (p[0] & 0xf0) == 0xe0       ? 2
		      : p[0] >= 0xf0 && p[0] < 0xf5 ? 3
						    : 9;
	if (more >= n)
		return 0;
	for (size_t i = 1; i <= more; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
		(p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return more + 1;
}

size_t
label_clean(char *out, size_t room, const void *text, size_t n)
{
	const uint8_t *p = text;
	size_t used = 0;
	for (size_t i = 0; i < n && p[i] != 0;) {
		size_t c = character(p + i, n - i);
		bool bad = c == 0 || p[i] < 0x20 || p[i] == 0x7f;
		if (used + (bad ? 1 : c) > room)
			break;
		if (bad)
			out[used] = '?';
		else
			memcpy(out + used, p + i, c);
		used += bad ? 1 : c;
		i += c ? c : 1;
	}
	while (used > 0 && out[used - 1] == ' ')
		used--;
	return used;
}

/* Number of the text, or 0 and the index slot where it belongs. */
static uint32_t
find(const struct label_table *x, const char *text, uint8_t n, _Atomic uint32_t **at)
{
	uint64_t h = hash_bytes(text, n, hash_secret());
	for (uint32_t i = 0;; i++) {
		*at = &x->index[(h + i) & x->mask];
		uint32_t id = atomic_load_explicit(*at, memory_order_acquire);
		if (id == 0)
			return 0;
		const struct ft_label *l = &x->t->slot[id - 1];
		if (l->bytes == n && memcmp(l->text, text, n) == 0)
			return id;
	}
}

static void
publish(struct label_table *x, uint32_t id, const struct ft_label *l)
{
	_Atomic uint32_t *at;
	x->t->slot[id - 1] = *l;
	if (l->exporter <= x->exporters)
		atomic_fetch_add_explicit(&x->by_exporter[l->exporter], 1, memory_order_relaxed);
	if (atomic_load_explicit(&x->t->count, memory_order_relaxed) < id)
		atomic_store_explicit(&x->t->count, id, memory_order_release);
	if (find(x, l->text, l->bytes, &at) == 0)
		atomic_store_explicit(at, id, memory_order_release);
}

static int
load(struct label_table *x, struct err *err)
{
	struct kv_txn *t;
	struct kv_cursor *c = NULL;
	struct kv_bytes k, v;
	unsigned db;
	/* what the segment has is as good, or better: after a kill LMDB may lack the last ones, or have been damaged and
	 * begun anew */
	uint32_t n = atomic_load_explicit(&x->t->count, memory_order_relaxed), saved = 0;
	for (uint32_t id = 1; id <= n && id <= x->t->capacity; id++) {
		struct ft_label l = x->t->slot[id - 1];
		publish(x, id, &l);
	}
	int rc = kv_begin(x->kv, true, &t, err);
	if (rc == 0 && (rc = kv_db(t, "labels", &db, err)) != 0)
		kv_abort(t);
	if (rc != 0)
		return rc;
	rc = kv_cursor_open(t, db, &c);
	for (int at = rc ? rc : kv_cursor_seek(c, NULL, 0, &k, &v); at == 0; at = kv_cursor_next(c, &k, &v)) {
		struct ft_label l;
		const uint8_t *b = k.p;
		if (k.n != 4 || v.n != sizeof l)
			continue;
		uint32_t id = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
		memcpy(&l, v.p, sizeof l);
		if (id > n && id <= x->t->capacity && l.bytes <= FT_LABEL_BYTES)
			publish(x, id, &l);
		saved = id > saved ? id : saved;
	}
	kv_cursor_close(c);
	n = atomic_load_explicit(&x->t->count, memory_order_relaxed);
	atomic_store(&x->saved, saved < n ? saved : n);
	return kv_commit(t, err);
}

int
labels_open(struct label_table *x, const char *shm_dir, struct kv *kv, uint32_t most, uint32_t exporters,
	struct err *err)
{
	static const struct shm_kind kind = {FT_LABELS_MAGIC, FT_LABELS_VERSION, FT_LABELS_LAYOUT};
	bool made;
	memset(x, 0, sizeof *x);
	x->kv = kv;
	x->exporters = exporters;
	pthread_mutex_init(&x->mutex, NULL);
	int rc = shm_open_or_create(&x->shm, shm_dir, "labels", &kind,
		sizeof(struct ft_labels) + (size_t)most * sizeof(struct ft_label), &made, err);
	if (rc != 0)
		return rc;
	x->t = x->shm.base;
	if (made)
		x->t->capacity = most;
	for (x->mask = 255; x->mask < x->t->capacity * 2; x->mask = x->mask * 2 + 1) {
	}
	x->index = calloc(x->mask + 1, sizeof *x->index);
	x->by_exporter = calloc((size_t)exporters + 1, sizeof *x->by_exporter);
	if (x->index == NULL || x->by_exporter == NULL)
		return err_set(err, FT_ENOMEM, "out of memory for %u names", x->t->capacity);
	rc = load(x, err);
	return rc == 0 && made ? shm_publish(&x->shm, err) : rc;
}

void
labels_close(struct label_table *x)
{
	if (x->index)
		labels_flush(x);
	free(x->index);
	free(x->by_exporter);
	shm_close(&x->shm);
	pthread_mutex_destroy(&x->mutex);
}

static int
save(struct label_table *x, uint32_t n, struct err *err)
{
	struct kv_txn *t;
	unsigned db;
	int rc = kv_begin(x->kv, true, &t, err);
	if (rc != 0)
		return rc;
	rc = kv_db(t, "labels", &db, err);
	for (uint32_t id = atomic_load_explicit(&x->saved, memory_order_relaxed) + 1; rc == 0 && id <= n;
		id++) {
		const uint8_t key[4] = {
			(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
		rc = kv_put(t, db, key, sizeof key, &x->t->slot[id - 1], sizeof x->t->slot[0], err);
	}
	if (rc == 0)
		return kv_commit(t, err);
	kv_abort(t);
	return rc;
}

void
labels_flush(struct label_table *x)
{
	struct err err;
	if (atomic_load_explicit(&x->saved, memory_order_relaxed) ==
		atomic_load_explicit(&x->t->count, memory_order_relaxed))
		return; /* this thread's own it would see */
	pthread_mutex_lock(&x->mutex);
	uint32_t n = atomic_load_explicit(&x->t->count, memory_order_relaxed);
	x->full = save(x, n, &err) != 0;
	if (x->full)
		log_limited(
			LOG_L_CRITICAL, "new names can't be remembered, so no more are taken: %s", err.text);
	else
		atomic_store_explicit(&x->saved, n, memory_order_relaxed);
	pthread_mutex_unlock(&x->mutex);
}

/* Once false it stays so: nothing is ever taken out. */
static bool
room(const struct label_table *x, uint32_t exporter)
{
	return atomic_load_explicit(&x->t->count, memory_order_relaxed) < x->t->capacity &&
	       exporter <= x->exporters &&
	       atomic_load_explicit(&x->by_exporter[exporter], memory_order_relaxed) <
		       (x->t->capacity + 1) / 2;
}

static uint32_t
add(struct label_table *x, const struct ft_label *l)
{
	uint32_t id = atomic_load_explicit(&x->t->count, memory_order_relaxed) + 1;
	if (x->full || !room(x, l->exporter))
		return 0;
	publish(x, id, l);
	return id;
}

uint32_t
labels_id(struct label_table *x, uint32_t exporter, const void *text, size_t n)
{
	struct ft_label l = {.exporter = exporter};
	_Atomic uint32_t *at;
	l.bytes = (uint8_t)label_clean(l.text, sizeof l.text, text, n);
	if (l.bytes == 0)
		return 0;
	uint32_t id = find(x, l.text, l.bytes, &at);
	if (id != 0 || !room(x, exporter))
		return id;
	pthread_mutex_lock(&x->mutex);
	id = find(x, l.text, l.bytes, &at);
	if (id == 0)
		id = add(x, &l);
	pthread_mutex_unlock(&x->mutex);
	return id;
}
