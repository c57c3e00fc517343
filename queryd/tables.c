#include "queryd/tables.h"

#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
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

void *
budget_zeroed(struct budget *b, uint64_t n, size_t size)
{
	if (!budget_take(b, n * size))
		return NULL;
	void *p = calloc(n, size);
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

/* ---- 16 bytes and a number -> id ------------------------------------------------------------------ */

/* what a key is looked up by: the slots it belongs to, where it would be, and the upper half of its slot */
struct wide_probe {
	struct wide_slots *in;
	uint64_t hash;
	uint32_t upper;
	bool v4;
};

static inline struct wide_probe
wide_probe(struct tabwide *t, const uint8_t bytes[16], uint32_t extra)
{
	uint32_t address;
	uint64_t hash;
	if (extra == 0 && addr_is_v4(bytes)) {
		memcpy(&address, bytes + 12, 4);
		return (struct wide_probe){&t->v4, hash_mix(address, table_seed()), address, true};
	}
	hash = hash_16(bytes, table_seed() + extra);
	return (struct wide_probe){&t->other, hash, (uint32_t)(hash >> 32), false};
}

/* the key's id, or ID_NONE and where it would go */
static inline uint32_t
wide_at(const struct tabwide *t, const struct wide_probe *p, const uint8_t bytes[16], uint32_t extra,
	uint64_t *free_at)
{
	const struct wide_slots *s = p->in;
	uint64_t at = p->hash & (s->slots - 1);
	for (; s->slot[at] != 0; at = (at + 1) & (s->slots - 1)) {
		uint32_t id = (uint32_t)s->slot[at] - 1;
		if (s->slot[at] >> 32 != p->upper)
			continue;
		if (p->v4 || (t->key[id].extra == extra && memcmp(t->key[id].bytes, bytes, 16) == 0))
			return id;
	}
	*free_at = at;
	return ID_NONE;
}

static bool
wide_grow(struct tabwide *t, struct wide_slots *s, uint64_t slots)
{
	uint64_t *slot = budget_zeroed(t->budget, slots, sizeof *slot);
	if (slot == NULL)
		return false;
	for (uint64_t i = 0; i < s->slots; i++) {
		if (s->slot[i] == 0)
			continue;
		const struct wide_key *k = &t->key[(uint32_t)s->slot[i] - 1];
		uint64_t hash = s == &t->v4 ? hash_mix(s->slot[i] >> 32, table_seed())
					    : hash_16(k->bytes, table_seed() + k->extra);
		uint64_t at = hash & (slots - 1);
		while (slot[at] != 0)
			at = (at + 1) & (slots - 1);
		slot[at] = s->slot[i];
	}
	budget_free(t->budget, s->slot, s->slots * sizeof *slot);
	s->slot = slot;
	s->slots = slots;
	return true;
}

static uint32_t
wide_intern(struct tabwide *t, const struct wide_probe *p, const uint8_t bytes[16], uint32_t extra)
{
	struct wide_slots *s = p->in;
	uint64_t at = 0;
	if ((s->n + 1) * 2 > s->slots && !wide_grow(t, s, s->slots ? s->slots * 2 : FIRST_SLOTS))
		return ID_NONE;
	uint32_t id = wide_at(t, p, bytes, extra, &at);
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
	memcpy(t->key[t->n].bytes, bytes, 16);
	t->key[t->n].extra = extra;
	s->slot[at] = (uint64_t)p->upper << 32 | ++t->n;
	s->n++;
	return t->n - 1;
}

uint32_t
tabwide_intern(struct tabwide *t, const struct wide_key *key)
{
	struct wide_probe p = wide_probe(t, key->bytes, key->extra);
	return wide_intern(t, &p, key->bytes, key->extra);
}

uint32_t
tabwide_find(struct tabwide *t, const struct wide_key *key)
{
	uint64_t at = 0;
	struct wide_probe p = wide_probe(t, key->bytes, key->extra);
	return p.in->slots == 0 ? ID_NONE : wide_at(t, &p, key->bytes, key->extra, &at);
}

/* In groups: where each key of a group would be is asked for first, then they are looked up. */
bool
tabwide_many(struct tabwide *t, bool make, const void *bytes, size_t stride, uint32_t n, uint32_t *id)
{
	enum { GROUP = 32 };
	struct wide_probe probe[GROUP];
	const uint8_t *at = bytes;
	for (uint32_t from = 0; from < n; from += GROUP) {
		uint32_t take = n - from < GROUP ? n - from : GROUP;
		for (uint32_t i = 0; i < take; i++) {
			struct wide_probe *p = &probe[i];
			*p = wide_probe(t, at + (from + i) * stride, 0);
			if (p->in->slots > 0)
				__builtin_prefetch(&p->in->slot[p->hash & (p->in->slots - 1)]);
		}
		for (uint32_t i = 0; i < take; i++) {
			const uint8_t *key = at + (from + i) * stride;
			uint64_t free_at;
			if (make) {
				if ((id[from + i] = wide_intern(t, &probe[i], key, 0)) == ID_NONE)
					return false;
			} else
				id[from + i] = probe[i].in->slots == 0
						       ? ID_NONE
						       : wide_at(t, &probe[i], key, 0, &free_at);
		}
	}
	return true;
}

void
tabwide_free(struct tabwide *t)
{
	if (t->budget == NULL)
		return;
	budget_free(t->budget, t->v4.slot, t->v4.slots * sizeof *t->v4.slot);
	budget_free(t->budget, t->other.slot, t->other.slots * sizeof *t->other.slot);
	budget_free(t->budget, t->key, t->room * sizeof *t->key);
	*t = (struct tabwide){.budget = t->budget};
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
