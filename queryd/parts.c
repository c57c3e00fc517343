#include "queryd/parts.h"

#include <string.h>

#include "common/err.h"
#include "common/hash.h"

struct parts_queue {
	uint32_t n;
	uint64_t key[PARTS_QUEUE], amount[PARTS_QUEUE];
};

enum { FIRST_SLOTS = 64 };

void
parts64_init(struct parts64 *p, bool sums, struct budget *b)
{
	*p = (struct parts64){.budget = b, .words = sums ? 2 : 1};
}

/* Upper bits choose the part, lower ones the slot. */
static inline uint64_t
part_of(uint64_t hash)
{
	return (hash >> 32) % PARTS;
}

static inline size_t
table_bytes(const struct parts64 *p, const struct parts_table *t)
{
	return (size_t)t->slots * p->words * sizeof *t->slot;
}

static bool
grow(struct parts64 *p, struct parts_table *t, uint32_t want)
{
	uint32_t slots = t->slots ? t->slots : FIRST_SLOTS;
	uint64_t seed = table_seed();
	while ((uint64_t)want * 3 > (uint64_t)slots * 2)
		slots *= 2;
	if (slots == t->slots)
		return true;
	uint64_t *slot = budget_zeroed(p->budget, slots, p->words * sizeof *slot);
	if (slot == NULL)
		return false;
	for (uint32_t i = 0; i < t->slots; i++) {
		const uint64_t *from = t->slot + (size_t)i * p->words;
		if (from[0] == 0)
			continue;
		uint32_t at = (uint32_t)hash_mix(from[0] - 1, seed) & (slots - 1);
		while (slot[(size_t)at * p->words] != 0)
			at = (at + 1) & (slots - 1);
		memcpy(slot + (size_t)at * p->words, from, p->words * sizeof *from);
	}
	budget_free(p->budget, t->slot, table_bytes(p, t));
	t->slot = slot;
	t->slots = slots;
	return true;
}

static int
flush(struct parts64 *p, unsigned part)
{
	struct parts_queue *q = &p->queue[part];
	struct parts_table *t = &p->table[part];
	uint64_t seed = table_seed();
	uint32_t at[PARTS_QUEUE];
	if (!grow(p, t, t->n + q->n))
		return FT_EFULL;
	for (uint32_t i = 0; i < q->n; i++) {
		at[i] = (uint32_t)hash_mix(q->key[i], seed) & (t->slots - 1);
		__builtin_prefetch(&t->slot[(size_t)at[i] * p->words]);
	}
	for (uint32_t i = 0; i < q->n; i++) {
		uint64_t key1 = q->key[i] + 1, *slot = t->slot + (size_t)at[i] * p->words;
		for (uint32_t a = at[i]; slot[0] != 0 && slot[0] != key1;) {
			a = (a + 1) & (t->slots - 1);
			slot = t->slot + (size_t)a * p->words;
		}
		t->n += slot[0] == 0;
		slot[0] = key1;
		if (p->words == 2)
			slot[1] += q->amount[i];
	}
	q->n = 0;
	return 0;
}

int
parts64_add(struct parts64 *p, const uint64_t *key, const uint64_t *amount, uint32_t n)
{
	uint64_t seed = table_seed();
	if (p->queue == NULL && (p->queue = budget_zeroed(p->budget, PARTS, sizeof *p->queue)) == NULL)
		return FT_EFULL;
	for (uint32_t i = 0; i < n; i++) {
		if (key[i] == ID64_NONE)
			continue;
		unsigned part = (unsigned)part_of(hash_mix(key[i], seed));
		struct parts_queue *q = &p->queue[part];
		q->key[q->n] = key[i];
		q->amount[q->n] = amount ? amount[i] : 0;
		if (++q->n == PARTS_QUEUE && flush(p, part) != 0)
			return FT_EFULL;
	}
	return 0;
}

int
parts64_flush(struct parts64 *p)
{
	for (unsigned i = 0; p->queue != NULL && i < PARTS; i++)
		if (flush(p, i) != 0)
			return FT_EFULL;
	return 0;
}

uint64_t
parts64_count(const struct parts64 *p)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < PARTS; i++)
		n += p->table[i].n;
	return n;
}

int
parts64_each(const struct parts64 *p, int (*f)(void *ctx, uint64_t key, uint64_t sum), void *ctx)
{
	for (unsigned i = 0; i < PARTS; i++) {
		const struct parts_table *t = &p->table[i];
		for (uint32_t k = 0; k < t->slots; k++) {
			const uint64_t *slot = t->slot + (size_t)k * p->words;
			int rc = slot[0] != 0 ? f(ctx, slot[0] - 1, p->words == 2 ? slot[1] : 0) : 0;
			if (rc != 0)
				return rc;
		}
	}
	return 0;
}

void
parts64_free(struct parts64 *p)
{
	if (p->budget == NULL)
		return;
	for (unsigned i = 0; i < PARTS; i++)
		budget_free(p->budget, p->table[i].slot, table_bytes(p, &p->table[i]));
	budget_free(p->budget, p->queue, PARTS * sizeof *p->queue);
	parts64_init(p, p->words == 2, p->budget);
}
