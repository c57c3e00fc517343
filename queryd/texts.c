/* texts.c - strings to ids, for a query's threads together. */
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "queryd/keys.h"
#include "queryd/session_row.h"

void
texts_init(struct texts *t, struct budget *b)
{
	*t = (struct texts){.budget = b};
	pthread_mutex_init(&t->lock, NULL);
}

void
texts_free(struct texts *t)
{
	if (t->budget == NULL)
		return;
	for (uint32_t i = 0; i < t->n; i++)
		budget_free(t->budget, t->text[i], strlen(t->text[i]) + 1);
	budget_free(t->budget, t->text, t->room * sizeof(char *));
	budget_free(t->budget, t->slot, t->slots * sizeof *t->slot);
	pthread_mutex_destroy(&t->lock);
	*t = (struct texts){0};
}

static bool
grow(struct texts *t)
{
	uint64_t slots = t->slots ? t->slots * 2 : 256;
	uint32_t room = (uint32_t)(slots / 2);
	char **text = budget_realloc(t->budget, t->text, t->room * sizeof(char *), room * sizeof(char *));
	if (text == NULL)
		return false;
	t->text = text;
	t->room = room;
	uint32_t *slot = budget_realloc(t->budget, t->slot, t->slots * sizeof *slot, slots * sizeof *slot);
	if (slot == NULL)
		return false;
	memset(slot, 0, slots * sizeof *slot);
	for (uint32_t i = 0; i < t->n; i++) {
		uint64_t at = hash_bytes(text[i], strlen(text[i]), hash_secret()) & (slots - 1);
		while (slot[at] != 0)
			at = (at + 1) & (slots - 1);
		slot[at] = i + 1;
	}
	t->slot = slot;
	t->slots = slots;
	return true;
}

/* s may hold a NUL: the text ends there */
static uint32_t
intern(struct texts *t, const char *s, size_t n)
{
	if (((uint64_t)t->n + 1) * 2 > t->slots && !grow(t))
		return ID_NONE;
	uint64_t at = hash_bytes(s, n, hash_secret()) & (t->slots - 1);
	for (; t->slot[at] != 0; at = (at + 1) & (t->slots - 1)) {
		const char *have = t->text[t->slot[at] - 1];
		if (strncmp(have, s, n) == 0 && have[n] == 0)
			return t->slot[at] - 1;
	}
	char *copy = budget_realloc(t->budget, NULL, 0, n + 1);
	if (copy == NULL)
		return ID_NONE;
	memcpy(copy, s, n);
	copy[n] = 0;
	t->text[t->n] = copy;
	t->slot[at] = ++t->n;
	return t->n - 1;
}

uint32_t
texts_intern(struct texts *t, const char *s, size_t n)
{
	/* copied first: s may lie in a map that a SIGBUS takes away, which must not happen under the lock */
	char copy[512];
	n = strnlen(s, n < sizeof copy ? n : sizeof copy);
	memcpy(copy, s, n);
	for (size_t i = 0, len; i < n; i += len) /* keys are JSON strings: what is not UTF-8 shows as ? */
		if ((len = row_writer_utf8(copy + i, n - i)) == 0) {
			copy[i] = '?';
			len = 1;
		}
	pthread_mutex_lock(&t->lock);
	uint32_t id = intern(t, copy, n);
	pthread_mutex_unlock(&t->lock);
	return id;
}
