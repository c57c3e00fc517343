/*
 * interface_store.c - see interface_store.h.
 */
#include "ingest/interface_store.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"

struct stored_key {
	uint8_t address[16], guid[16];
	uint32_t index;
	uint32_t kind;
	int64_t since_us;
};

struct stored_slot {
	struct stored_key key; /* under which the file has it */
	bool filed, waits;
};

struct interface_store {
	uint32_t capacity, first, n, news; /* of the queue */
	uint32_t *queue;                   /* a ring of slots that wait to be written */
	struct stored_slot *slot;
};

struct interface_store *
interface_store_new(uint32_t capacity)
{
	struct interface_store *s = calloc(1, sizeof *s);
	if (s == NULL)
		return NULL;
	s->capacity = capacity;
	s->queue = calloc(capacity, sizeof *s->queue);
	s->slot = calloc(capacity, sizeof *s->slot);
	if (s->queue && s->slot)
		return s;
	interface_store_free(s);
	return NULL;
}

void
interface_store_free(struct interface_store *s)
{
	if (s == NULL)
		return;
	free(s->queue);
	free(s->slot);
	free(s);
}

static struct stored_key
key_of(const struct ft_interface *i)
{
	struct stored_key k = {.index = i->index, .kind = i->kind, .since_us = i->since_us};
	memcpy(k.address, i->address, 16);
	memcpy(k.guid, i->guid, 16);
	return k;
}

void
interface_store_note(struct interface_table *x, uint32_t slot)
{
	struct interface_store *s = x->store;
	s->news++;
	if (s->slot[slot].waits)
		return;
	s->slot[slot].waits = true;
	s->queue[(s->first + s->n++) % s->capacity] = slot;
	atomic_store_explicit(&x->waiting, s->n, memory_order_relaxed);
}

uint32_t
interface_store_news(struct interface_table *x)
{
	uint32_t n = x->store->news;
	x->store->news = 0;
	return n;
}

/* ---- writing ---------------------------------------------------------------------------------- */

static int
write_slot(struct kv_txn *t, unsigned db, const struct stored_slot *was, const struct ft_interface *i,
	struct err *err)
{
	struct stored_key k = key_of(i);
	int rc = 0;
	if (was->filed && (!i->used || memcmp(&k, &was->key, sizeof k) != 0)) {
		rc = kv_del(t, db, &was->key, sizeof was->key, err);
		rc = rc == FT_ENOENT ? 0 : rc;
	}
	return rc == 0 && i->used ? kv_put(t, db, &k, sizeof k, i, sizeof *i, err) : rc;
}

void
interface_store_write(struct interface_table *x, uint32_t most)
{
	struct interface_store *s = x->store;
	struct kv_txn *t;
	struct err err;
	unsigned db;
	uint32_t n = s->n < most ? s->n : most;
	if (n == 0 || x->kv == NULL)
		return;
	int rc = kv_begin(x->kv, true, &t, &err);
	if (rc == 0) {
		rc = kv_db(t, "interfaces", &db, &err);
		for (uint32_t i = 0; rc == 0 && i < n; i++) {
			uint32_t slot = s->queue[(s->first + i) % s->capacity];
			rc = write_slot(t, db, &s->slot[slot], &x->t->slot[slot], &err);
		}
		if (rc == 0)
			rc = kv_commit(t, &err);
		else
			kv_abort(t);
	}
	if (rc != 0) {
		log_limited(LOG_L_CRITICAL, "what is told of interfaces can't be remembered: %s", err.text);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t slot = s->queue[(s->first + i) % s->capacity];
		s->slot[slot] = (struct stored_slot){
			.key = key_of(&x->t->slot[slot]), .filed = x->t->slot[slot].used};
	}
	s->first = (s->first + n) % s->capacity;
	s->n -= n;
	x->written += n;
	atomic_store_explicit(&x->waiting, s->n, memory_order_relaxed);
}

/* ---- opening ---------------------------------------------------------------------------------- */

typedef int (*store_fn)(
	struct interface_table *x, const struct kv_bytes *k, const struct ft_interface *i, void *ctx);

/* call f for each interface in the file, until it returns non-zero */
static int
each(struct interface_table *x, struct kv_txn *t, unsigned *db, store_fn f, void *ctx, struct err *err)
{
	struct kv_cursor *c = NULL;
	struct kv_bytes k, v;
	struct ft_interface i;
	int rc = kv_db(t, "interfaces", db, err);
	if (rc == 0)
		rc = kv_cursor_open(t, *db, &c);
	for (int at = rc ? rc : kv_cursor_seek(c, NULL, 0, &k, &v); at == 0; at = kv_cursor_next(c, &k, &v)) {
		if (k.n != sizeof(struct stored_key) || v.n != sizeof i)
			continue;
		memcpy(&i, v.p, sizeof i);
		i.name[sizeof i.name - 1] = i.description[sizeof i.description - 1] = 0;
		if (f(x, &k, &i, ctx) != 0)
			break;
	}
	kv_cursor_close(c);
	return rc;
}

static int
fill(struct interface_table *x, const struct kv_bytes *k, const struct ft_interface *i, void *ctx)
{
	(void)ctx;
	if (x->t->count == x->t->capacity)
		return 1;
	uint32_t slot = x->t->count++;
	x->t->slot[slot] = *i;
	x->store->slot[slot].filed = true;
	memcpy(&x->store->slot[slot].key, k->p, k->n);
	return 0;
}

int
interface_store_load(struct interface_table *x, struct kv_txn *t, struct err *err)
{
	unsigned db;
	return each(x, t, &db, fill, NULL, err);
}

struct beyond { /* keys of the file that the segment does not have */
	struct stored_key *key;
	size_t n, room;
};

static int
compare(struct interface_table *x, const struct kv_bytes *k, const struct ft_interface *i, void *ctx)
{
	struct beyond *b = ctx;
	uint32_t slot = interface_slot(x, i);
	if (slot < x->t->capacity && !x->store->slot[slot].filed) {
		struct ft_interface have = x->t->slot[slot];
		have.role = i->role; /* is not kept */
		x->store->slot[slot].filed = true;
		memcpy(&x->store->slot[slot].key, k->p, k->n);
		if (memcmp(&have, i, sizeof have) != 0)
			interface_store_note(x, slot);
		return 0;
	}
	if (b->n == b->room) {
		b->room = b->room ? b->room * 2 : 64;
		b->key = realloc(b->key, b->room * sizeof *b->key);
		CHECK(b->key != NULL);
	}
	memcpy(&b->key[b->n++], k->p, k->n);
	return 0;
}

int
interface_store_compare(struct interface_table *x, struct kv_txn *t, struct err *err)
{
	struct beyond b = {NULL, 0, 0};
	unsigned db;
	int rc = each(x, t, &db, compare, &b, err);
	for (size_t i = 0; rc == 0 && i < b.n; i++)
		rc = kv_del(t, db, &b.key[i], sizeof b.key[i], err);
	free(b.key);
	for (uint32_t s = 0; rc == 0 && s < x->t->count; s++)
		if (x->t->slot[s].used && !x->store->slot[s].filed)
			interface_store_note(x, s);
	return rc;
}
