#include "queryd/tables.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/hash.h"

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

void *
budget_realloc(struct budget *b, void *p, size_t was, size_t now)
{
	if (!budget_take(b, now))
		return NULL;
	void *q = realloc(p, now);
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
	free(p);
	budget_give(b, bytes);
}

/* zeroed, within the budget */
static void *
take_zeroed(struct budget *b, uint64_t n, size_t size)
{
	if (!budget_take(b, n * size))
		return NULL;
	void *p = calloc(n, size);
	if (p == NULL)
		budget_give(b, n * size);
	return p;
}

static uint64_t
seed(void)
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

static bool
tab64_grow(struct tab64 *t)
{
	uint64_t slots = t->slots ? t->slots * 2 : FIRST_SLOTS;
	struct tab64_slot *slot = take_zeroed(t->budget, slots, sizeof *slot);
	if (slot == NULL)
		return false;
	uint64_t s = seed();
	for (uint64_t i = 0; i < t->slots; i++) {
		if (t->slot[i].id1 == 0)
			continue;
		uint64_t at = hash_mix(t->slot[i].key, s) & (slots - 1);
		while (slot[at].id1 != 0)
			at = (at + 1) & (slots - 1);
		slot[at] = t->slot[i];
	}
	budget_free(t->budget, t->slot, t->slots * sizeof *slot);
	t->slot = slot;
	t->slots = slots;
	return true;
}

uint32_t
tab64_intern(struct tab64 *t, uint64_t key)
{
	if (((uint64_t)t->n + 1) * 2 > t->slots && !tab64_grow(t))
		return ID_NONE;
	uint64_t at = hash_mix(key, seed()) & (t->slots - 1);
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
	for (uint64_t at = hash_mix(key, seed()) & (t->slots - 1); t->slot[at].id1 != 0;
		at = (at + 1) & (t->slots - 1))
		if (t->slot[at].key == key)
			return t->slot[at].id1 - 1;
	return ID_NONE;
}

enum { AHEAD = 16 }; /* keys whose slots are on their way */

bool
tab64_many(struct tab64 *t, bool make, const uint64_t *key, uint32_t n, uint32_t *id)
{
	uint64_t s = seed();
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

/* ---- 16 bytes and a number -> id ------------------------------------------------------------------ */

static uint64_t
wide_hash(const struct wide_key *k)
{
	return hash_16(k->bytes, seed() + k->extra);
}
static bool
wide_equal(const struct wide_key *a, const struct wide_key *b)
{
	return a->extra == b->extra && memcmp(a->bytes, b->bytes, 16) == 0;
}

static bool
tabwide_grow(struct tabwide *t)
{
	uint64_t slots = t->slots ? t->slots * 2 : FIRST_SLOTS;
	uint64_t *slot = take_zeroed(t->budget, slots, sizeof *slot);
	if (slot == NULL)
		return false;
	for (uint32_t i = 0; i < t->n; i++) {
		uint64_t hash = wide_hash(&t->key[i]), at = hash & (slots - 1);
		while (slot[at] != 0)
			at = (at + 1) & (slots - 1);
		slot[at] = hash >> 32 << 32 | (i + 1);
	}
	budget_free(t->budget, t->slot, t->slots * sizeof *slot);
	t->slot = slot;
	t->slots = slots;
	return true;
}

/* slots hold the upper half of the hash beside the id: a key is looked at only when it is very likely the one */
static uint32_t
wide_at(const struct tabwide *t, const struct wide_key *key, uint64_t hash, uint64_t *free_at)
{
	uint64_t at = hash & (t->slots - 1);
	for (; t->slot[at] != 0; at = (at + 1) & (t->slots - 1))
		if (t->slot[at] >> 32 == hash >> 32 && wide_equal(&t->key[(uint32_t)t->slot[at] - 1], key))
			return (uint32_t)t->slot[at] - 1;
	*free_at = at;
	return ID_NONE;
}

static uint32_t
wide_intern(struct tabwide *t, const struct wide_key *key, uint64_t hash)
{
	uint64_t at;
	if (((uint64_t)t->n + 1) * 2 > t->slots && !tabwide_grow(t))
		return ID_NONE;
	uint32_t id = wide_at(t, key, hash, &at);
	if (id != ID_NONE)
		return id;
	if (t->n == t->room) {
		uint32_t room = t->room ? t->room * 2 : FIRST_SLOTS;
		struct wide_key *k = budget_realloc(t->budget, t->key, t->room * sizeof *k, room * sizeof *k);
		if (k == NULL)
			return ID_NONE;
		t->key = k;
		t->room = room;
	}
	t->key[t->n] = *key;
	t->slot[at] = hash >> 32 << 32 | ++t->n;
	return t->n - 1;
}

uint32_t
tabwide_intern(struct tabwide *t, const struct wide_key *key)
{
	return wide_intern(t, key, wide_hash(key));
}

uint32_t
tabwide_find(const struct tabwide *t, const struct wide_key *key)
{
	uint64_t at;
	return t->slots == 0 ? ID_NONE : wide_at(t, key, wide_hash(key), &at);
}

/* Three keys are under way: one whose slot is fetched, one whose slot is here and whose key is fetched, and the one
 * that is looked up. */
bool
tabwide_many(struct tabwide *t, bool make, const void *bytes, size_t stride, uint32_t n, uint32_t *id)
{
	enum { FAR = 16, NEAR = 8 };
	uint64_t hash[32];
	const uint8_t *at = bytes;
	for (uint32_t i = 0; i < n + FAR; i++) {
		struct wide_key key = {.extra = 0};
		if (i < n) {
			memcpy(key.bytes, at + i * stride, 16);
			hash[i & 31] = wide_hash(&key);
			if (t->slots > 0)
				__builtin_prefetch(&t->slot[hash[i & 31] & (t->slots - 1)]);
		}
		if (i >= NEAR && i - NEAR < n && t->slots > 0) {
			uint64_t h = hash[(i - NEAR) & 31], slot = t->slot[h & (t->slots - 1)];
			if (slot >> 32 == h >> 32 && slot != 0)
				__builtin_prefetch(&t->key[(uint32_t)slot - 1]);
		}
		if (i < FAR)
			continue;
		uint64_t h = hash[(i - FAR) & 31], free_at;
		memcpy(key.bytes, at + (i - FAR) * stride, 16);
		if (make)
			id[i - FAR] = wide_intern(t, &key, h);
		else
			id[i - FAR] = t->slots == 0 ? ID_NONE : wide_at(t, &key, h, &free_at);
		if (make && id[i - FAR] == ID_NONE)
			return false;
	}
	return true;
}

void
tabwide_free(struct tabwide *t)
{
	if (t->budget == NULL)
		return;
	budget_free(t->budget, t->slot, t->slots * sizeof *t->slot);
	budget_free(t->budget, t->key, t->room * sizeof *t->key);
	*t = (struct tabwide){.budget = t->budget};
}

/* ---- set of u64 ----------------------------------------------------------------------------------- */

static bool
set64_grow(struct set64 *t)
{
	uint64_t slots = t->slots ? t->slots * 2 : FIRST_SLOTS;
	uint64_t *slot = take_zeroed(t->budget, slots, sizeof *slot);
	if (slot == NULL)
		return false;
	uint64_t s = seed();
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
	uint64_t at = hash_mix(++key, seed()) & (t->slots - 1);
	for (; t->slot[at] != 0; at = (at + 1) & (t->slots - 1))
		if (t->slot[at] == key)
			return 0;
	t->slot[at] = key;
	t->n++;
	return 1;
}

int
set64_add_many(struct set64 *t, const uint64_t *key, uint32_t n)
{
	uint64_t s = seed();
	for (uint32_t i = 0; i < n; i++) {
		if (i + AHEAD < n && t->slots > 0)
			__builtin_prefetch(&t->slot[hash_mix(key[i + AHEAD] + 1, s) & (t->slots - 1)]);
		if (set64_add(t, key[i]) < 0)
			return FT_EFULL;
	}
	return 0;
}

bool
set64_has(const struct set64 *t, uint64_t key)
{
	if (t->slots == 0)
		return false;
	for (uint64_t at = hash_mix(++key, seed()) & (t->slots - 1); t->slot[at] != 0;
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
	struct min128_slot *slot = take_zeroed(t->budget, slots, sizeof *slot);
	if (slot == NULL)
		return false;
	uint64_t s = seed();
	for (uint64_t i = 0; i < t->slots; i++) {
		if (!t->slot[i].used)
			continue;
		uint64_t at = hash_mix(t->slot[i].a ^ s, t->slot[i].b) & (slots - 1);
		while (slot[at].used)
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
	if ((t->n + 1) * 2 > t->slots && !min128_grow(t))
		return FT_EFULL;
	uint64_t at = hash_mix(a ^ seed(), b) & (t->slots - 1);
	for (; t->slot[at].used; at = (at + 1) & (t->slots - 1)) {
		struct min128_slot *s = &t->slot[at];
		if (s->a != a || s->b != b)
			continue;
		if (value < s->value)
			s->value = value;
		return 0;
	}
	t->slot[at] = (struct min128_slot){a, b, value, 1};
	t->n++;
	return 1;
}

void
min128_free(struct min128 *t)
{
	if (t->budget == NULL)
		return;
	budget_free(t->budget, t->slot, t->slots * sizeof *t->slot);
	*t = (struct min128){.budget = t->budget};
}
