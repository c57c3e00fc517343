#include "queryd/tables.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/hash.h"
#include "queryd/big.h"

bool
budget_take(struct budget *b, uint64_t bytes)
{
	uint64_t used = atomic_fetch_add(&b->used, bytes) + bytes;
	if (b->bound == 0 || used <= b->bound)
		return true;
	atomic_fetch_sub(&b->used, bytes);
	return false;
}

void
budget_give(struct budget *b, uint64_t bytes)
{
	atomic_fetch_sub(&b->used, bytes);
}

static void
give(void *p, size_t bytes)
{
	if (bytes >= BIG_LEAST)
		big_put(p, bytes);
	else
		free(p);
}

/* realloc where one of the two is large */
static void *
moved(void *p, size_t was, size_t now)
{
	void *q = now >= BIG_LEAST ? big_get(now, false) : malloc(now);
	if (q == NULL || p == NULL)
		return q;
	memcpy(q, p, was < now ? was : now);
	give(p, was);
	return q;
}

void *
budget_realloc(struct budget *b, void *p, size_t was, size_t now)
{
	if (!budget_take(b, now))
		return NULL;
	void *q = was >= BIG_LEAST || now >= BIG_LEAST ? moved(p, was, now) : realloc(p, now);
	if (q == NULL) {
		budget_give(b, now);
		return NULL;
	}
	budget_give(b, was);
	return q;
}

void
budget_free(struct budget *b, void *p, size_t bytes)
{
	if (p == NULL)
		return;
	give(p, bytes);
	budget_give(b, bytes);
}

void *
budget_zeroed(struct budget *b, uint64_t n, size_t size)
{
	if (!budget_take(b, n * size))
		return NULL;
	void *p = n * size >= BIG_LEAST ? big_get(n * size, true) : calloc(n, size);
	if (p == NULL)
		budget_give(b, n * size);
	return p;
}

uint64_t
table_seed(void)
{
	static _Atomic uint64_t kept;
	uint64_t s = atomic_load_explicit(&kept, memory_order_relaxed);
	if (s == 0) {
		s = hash_secret() | 1;
		atomic_store_explicit(&kept, s, memory_order_relaxed);
	}
	return s;
}

enum { FIRST_SLOTS = 64 };

/* ---- u64 -> id ------------------------------------------------------------------------------------ */

/* from the keys, not from the slots that were: those of a list have none yet */
static bool
tab64_grow(struct tab64 *t)
{
	uint64_t slots = t->slots ? t->slots : FIRST_SLOTS, s = table_seed();
	while (slots < ((uint64_t)t->n + 1) * 2)
		slots *= 2;
	struct tab64_slot *slot = budget_zeroed(t->budget, slots, sizeof *slot);
	if (slot == NULL)
		return false;
	for (uint32_t i = 0; i < t->n; i++) {
		uint64_t at = hash_mix(t->key[i], s) & (slots - 1);
		while (slot[at].id1 != 0)
			at = (at + 1) & (slots - 1);
		slot[at] = (struct tab64_slot){t->key[i], i + 1, 0};
	}
	budget_free(t->budget, t->slot, t->slots * sizeof *slot);
	t->slot = slot;
	t->slots = slots;
	return true;
}

bool
tab64_list(struct tab64 *t, uint64_t n)
{
	uint64_t room = t->n + n;
	if (room >= ID_NONE)
		return false;
	if (room <= t->room)
		return true;
	uint64_t *k = budget_realloc(t->budget, t->key, t->room * sizeof *k, room * sizeof *k);
	if (k == NULL)
		return false;
	t->key = k;
	t->room = (uint32_t)room;
	return true;
}

bool
tab64_index(struct tab64 *t)
{
	return t->slots >= (uint64_t)t->n * 2 || tab64_grow(t);
}

uint32_t
tab64_intern(struct tab64 *t, uint64_t key)
{
	if (((uint64_t)t->n + 1) * 2 > t->slots && !tab64_grow(t))
		return ID_NONE;
	uint64_t at = hash_mix(key, table_seed()) & (t->slots - 1);
	for (; t->slot[at].id1 != 0; at = (at + 1) & (t->slots - 1))
		if (t->slot[at].key == key)
			return t->slot[at].id1 - 1;
	if (t->n == t->room) {
		uint32_t room = t->room ? t->room * 2 : FIRST_SLOTS;
		uint64_t *k = budget_realloc(t->budget, t->key, t->room * sizeof *k, room * sizeof *k);
		if (k == NULL)
			return ID_NONE;
		t->key = k;
		t->room = room;
	}
	t->key[t->n] = key;
	t->slot[at] = (struct tab64_slot){key, ++t->n, 0};
	return t->n - 1;
}

uint32_t
tab64_find(const struct tab64 *t, uint64_t key)
{
	if (t->slots == 0)
		return ID_NONE;
	for (uint64_t at = hash_mix(key, table_seed()) & (t->slots - 1); t->slot[at].id1 != 0;
		at = (at + 1) & (t->slots - 1))
		if (t->slot[at].key == key)
			return t->slot[at].id1 - 1;
	return ID_NONE;
}

enum { AHEAD = 16 }; /* keys whose slots are on their way */

bool
tab64_many(struct tab64 *t, bool make, const uint64_t *key, uint32_t n, uint32_t *id)
{
	uint64_t s = table_seed();
	for (uint32_t i = 0; i < n; i++) {
		if (i + AHEAD < n && t->slots > 0)
			__builtin_prefetch(&t->slot[hash_mix(key[i + AHEAD], s) & (t->slots - 1)]);
		if (key[i] == ID64_NONE)
			id[i] = ID_NONE;
		else if (!make)
			id[i] = tab64_find(t, key[i]);
		else if ((id[i] = tab64_intern(t, key[i])) == ID_NONE)
			return false;
	}
	return true;
}

void
tab64_free(struct tab64 *t)
{
	if (t->budget == NULL)
		return;
	budget_free(t->budget, t->slot, t->slots * sizeof *t->slot);
	budget_free(t->budget, t->key, t->room * sizeof *t->key);
	*t = (struct tab64){.budget = t->budget};
}

/* ---- set of u64 ----------------------------------------------------------------------------------- */

static bool
set64_grow(struct set64 *t)
{
	uint64_t slots = t->slots ? t->slots * 2 : FIRST_SLOTS;
	uint64_t *slot = budget_zeroed(t->budget, slots, sizeof *slot);
	if (slot == NULL)
		return false;
	uint64_t s = table_seed();
	for (uint64_t i = 0; i < t->slots; i++) {
		if (t->slot[i] == 0)
			continue;
		uint64_t at = hash_mix(t->slot[i], s) & (slots - 1);
		while (slot[at] != 0)
			at = (at + 1) & (slots - 1);
		slot[at] = t->slot[i];
	}
	budget_free(t->budget, t->slot, t->slots * sizeof *slot);
	t->slot = slot;
	t->slots = slots;
	return true;
}

int
set64_add(struct set64 *t, uint64_t key)
{
	if ((t->n + 1) * 2 > t->slots && !set64_grow(t))
		return FT_EFULL;
	uint64_t at = hash_mix(++key, table_seed()) & (t->slots - 1);
	for (; t->slot[at] != 0; at = (at + 1) & (t->slots - 1))
		if (t->slot[at] == key)
			return 0;
	t->slot[at] = key;
	t->n++;
	return 1;
}

bool
set64_has(const struct set64 *t, uint64_t key)
{
	if (t->slots == 0)
		return false;
	for (uint64_t at = hash_mix(++key, table_seed()) & (t->slots - 1); t->slot[at] != 0;
		at = (at + 1) & (t->slots - 1))
		if (t->slot[at] == key)
			return true;
	return false;
}

int
set64_each(const struct set64 *t, int (*f)(void *ctx, uint64_t key), void *ctx)
{
	for (uint64_t i = 0; i < t->slots; i++) {
		int rc = t->slot[i] != 0 ? f(ctx, t->slot[i] - 1) : 0;
		if (rc != 0)
			return rc;
	}
	return 0;
}

void
set64_free(struct set64 *t)
{
	if (t->budget == NULL)
		return;
	budget_free(t->budget, t->slot, t->slots * sizeof *t->slot);
	*t = (struct set64){.budget = t->budget};
}

/* ---- pair of u64 -> smallest value ---------------------------------------------------------------- */

static bool
min128_grow(struct min128 *t)
{
	uint64_t slots = t->slots ? t->slots * 2 : FIRST_SLOTS;
	struct min128_slot *slot = budget_zeroed(t->budget, slots, sizeof *slot);
	if (slot == NULL)
		return false;
	uint64_t s = table_seed();
	for (uint64_t i = 0; i < t->slots; i++) {
		if (t->slot[i].b1 == 0)
			continue;
		uint64_t at = hash_mix(t->slot[i].a ^ s, t->slot[i].b1) & (slots - 1);
		while (slot[at].b1 != 0)
			at = (at + 1) & (slots - 1);
		slot[at] = t->slot[i];
	}
	budget_free(t->budget, t->slot, t->slots * sizeof *slot);
	t->slot = slot;
	t->slots = slots;
	return true;
}

int
min128_add(struct min128 *t, uint64_t a, uint64_t b, int64_t value)
{
	if ((t->n + 1) * 4 > t->slots * 3 && !min128_grow(t))
		return FT_EFULL;
	uint64_t at = hash_mix(a ^ table_seed(), ++b) & (t->slots - 1);
	for (; t->slot[at].b1 != 0; at = (at + 1) & (t->slots - 1)) {
		struct min128_slot *s = &t->slot[at];
		if (s->a != a || s->b1 != b)
			continue;
		if (value < s->value)
			s->value = value;
		return 0;
	}
	t->slot[at] = (struct min128_slot){a, b, value};
	t->n++;
	return 1;
}

bool
min128_find(const struct min128 *t, uint64_t a, uint64_t b, int64_t *value)
{
	if (t->slots == 0)
		return false;
	uint64_t at = hash_mix(a ^ table_seed(), ++b) & (t->slots - 1);
	for (; t->slot[at].b1 != 0; at = (at + 1) & (t->slots - 1))
		if (t->slot[at].a == a && t->slot[at].b1 == b) {
			*value = t->slot[at].value;
			return true;
		}
	return false;
}

void
min128_free(struct min128 *t)
{
	if (t->budget == NULL)
		return;
	budget_free(t->budget, t->slot, t->slots * sizeof *t->slot);
	*t = (struct min128){.budget = t->budget};
}
