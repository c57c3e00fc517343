#include "queryd/parts.h"

#include <string.h>

#include "common/err.h"
#include "common/hash.h"

struct parts_queue {
	uint32_t n;
	uint64_t item[2 * PARTS_QUEUE]; /* `words` a key: with sums its amount follows it */
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

/* Slots are asked for ahead: of the table nothing is in the nearest cache, it was another one's turn. */
static int
flush(struct parts64 *p, unsigned part)
{
	enum { AHEAD = 16 };
	struct parts_queue *q = &p->queue[part];
	struct parts_table *t = &p->table[part];
	uint64_t seed = table_seed();
	uint32_t at[PARTS_QUEUE + AHEAD], n = q->n, words = p->words, fresh = 0;
	if (!grow(p, t, t->n + n))
		return FT_EFULL;
	uint32_t mask = t->slots - 1;
	for (uint32_t i = 0; i < n; i++)
		at[i] = (uint32_t)hash_mix(q->item[(size_t)i * words], seed) & mask;
	memset(at + n, 0, AHEAD * sizeof *at);
	for (uint32_t i = 0; i < n; i++) {
		const uint64_t *item = q->item + (size_t)i * words;
		uint64_t key1 = item[0] + 1, *slot = t->slot + (size_t)at[i] * words;
		__builtin_prefetch(t->slot + (size_t)at[i + AHEAD] * words, 1);
		for (uint32_t a = at[i]; slot[0] != 0 && slot[0] != key1;) {
			a = (a + 1) & mask;
			slot = t->slot + (size_t)a * words;
		}
		fresh += slot[0] == 0;
		slot[0] = key1;
		if (words == 2)
			slot[1] += item[1];
	}
	t->n += fresh;
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
		uint64_t *item = q->item + (size_t)q->n * p->words;
		item[0] = key[i];
		if (p->words == 2)
			item[1] = amount[i];
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

uint32_t
parts64_part(const struct parts64 *p, uint32_t i)
{
	return p->table[i].n;
}

int
parts64_each_of(
	const struct parts64 *p, uint32_t i, int (*f)(void *ctx, uint64_t key, uint64_t sum), void *ctx)
{
	const struct parts_table *t = &p->table[i];
	for (uint32_t k = 0; k < t->slots; k++) {
		const uint64_t *slot = t->slot + (size_t)k * p->words;
		int rc = slot[0] != 0 ? f(ctx, slot[0] - 1, p->words == 2 ? slot[1] : 0) : 0;
		if (rc != 0)
			return rc;
	}
	return 0;
}

int
parts64_each(const struct parts64 *p, int (*f)(void *ctx, uint64_t key, uint64_t sum), void *ctx)
{
	int rc = 0;
	for (unsigned i = 0; i < PARTS && rc == 0; i++)
		rc = parts64_each_of(p, i, f, ctx);
	return rc;
}

int
parts64_merge(struct parts64 *to, const struct parts64 *from, uint32_t i)
{
	struct parts_table *t = &to->table[i];
	const struct parts_table *s = &from->table[i];
	uint64_t seed = table_seed();
	if (!grow(to, t, t->n + s->n))
		return FT_EFULL;
	for (uint32_t k = 0; k < s->slots; k++) {
		const uint64_t *had = s->slot + (size_t)k * from->words;
		if (had[0] == 0)
			continue;
		uint32_t at = (uint32_t)hash_mix(had[0] - 1, seed) & (t->slots - 1);
		uint64_t *slot = t->slot + (size_t)at * to->words;
		while (slot[0] != 0 && slot[0] != had[0]) {
			at = (at + 1) & (t->slots - 1);
			slot = t->slot + (size_t)at * to->words;
		}
		t->n += slot[0] == 0;
		slot[0] = had[0];
		if (to->words == 2)
			slot[1] += had[1];
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
