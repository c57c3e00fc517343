/*
 * setting.c - the table of setting.h: open addressing by exporter, filled once.
 */
#include "ingest/setting.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/hash.h"

struct settings {
	_Atomic uint32_t holders;
	uint32_t generation, n, mask;
	struct setting *slot; /* exporter 0: free */
};

struct settings *
settings_new(uint32_t generation)
{
	struct settings *t = calloc(1, sizeof *t);
	if (t == NULL)
		return NULL;
	t->holders = 1;
	t->generation = generation;
	t->mask = 15;
	t->slot = calloc(t->mask + 1, sizeof *t->slot);
	if (t->slot == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

struct settings *
settings_hold(struct settings *t)
{
	atomic_fetch_add_explicit(&t->holders, 1, memory_order_relaxed);
	return t;
}

void
settings_drop(struct settings *t)
{
	if (t == NULL || atomic_fetch_sub_explicit(&t->holders, 1, memory_order_acq_rel) != 1)
		return;
	for (uint32_t i = 0; i <= t->mask; i++)
		free((void *)(uintptr_t)t->slot[i].interface);
	free(t->slot);
	free(t);
}

uint32_t
settings_generation(const struct settings *t)
{
	return t->generation;
}

static struct setting *
place(const struct settings *t, uint32_t exporter)
{
	uint32_t i = (uint32_t)hash_mix(exporter, 1) & t->mask;
	while (t->slot[i].exporter != 0 && t->slot[i].exporter != exporter)
		i = (i + 1) & t->mask;
	return &t->slot[i];
}

static int
grow(struct settings *t)
{
	struct settings big = {.mask = t->mask * 2 + 1};
	big.slot = calloc(big.mask + 1, sizeof *big.slot);
	if (big.slot == NULL)
		return FT_ENOMEM;
	for (uint32_t i = 0; i <= t->mask; i++)
		if (t->slot[i].exporter != 0)
			*place(&big, t->slot[i].exporter) = t->slot[i];
	free(t->slot);
	t->slot = big.slot;
	t->mask = big.mask;
	return 0;
}

int
settings_add(struct settings *t, const struct setting *s)
{
	size_t bytes = s->interfaces * sizeof *s->interface;
	struct setting_interface *copy = NULL;
	if (t->n * 2 >= t->mask && grow(t) != 0)
		return FT_ENOMEM;
	if (bytes > 0) {
		copy = malloc(bytes);
		if (copy == NULL)
			return FT_ENOMEM;
		memcpy(copy, s->interface, bytes);
	}
	struct setting *at = place(t, s->exporter);
	CHECK(s->exporter != 0 && at->exporter == 0);
	*at = *s;
	at->interface = copy;
	t->n++;
	return 0;
}

const struct setting *
settings_find(const struct settings *t, uint32_t exporter)
{
	if (t == NULL || t->n == 0)
		return NULL;
	const struct setting *s = place(t, exporter);
	return s->exporter ? s : NULL;
}

static uint32_t
of_interface(const struct setting *s, uint32_t index)
{
	for (uint32_t i = 0; i < s->interfaces; i++)
		if (s->interface[i].index == index)
			return s->interface[i].sampling;
	return 0;
}

uint32_t
setting_rate(const struct setting *s, uint32_t in_if, uint32_t out_if)
{
	if (s->interfaces > 0) {
		uint32_t rate = of_interface(s, in_if);
		if (rate == 0)
			rate = of_interface(s, out_if);
		if (rate != 0)
			return rate;
	}
	return s->sampling;
}
