/* throttle.c - see throttle.h. */
#include "queryd/throttle.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"

enum { SLOTS = 4096, NEAR = 8, PAIR_FREE = 5, ADDRESS_FREE = 20, WAIT_MOST = 300 };
static const int64_t forget_us = 15 * 60 * INT64_C(1000000);

struct entry {
	uint64_t key; /* 0: free */
	uint32_t wrong;
	int64_t last_us, until_us;
};
struct throttle {
	pthread_mutex_t mutex;
	struct entry entry[SLOTS];
};

struct throttle *
throttle_new(void)
{
	struct throttle *t = calloc(1, sizeof *t);
	if (t)
		pthread_mutex_init(&t->mutex, NULL);
	return t;
}

void
throttle_free(struct throttle *t)
{
	if (t)
		pthread_mutex_destroy(&t->mutex);
	free(t);
}

static uint64_t
key_of(const char *account, const char *address)
{
	char text[256];
	int n = snprintf(text, sizeof text, "%s/%s", address, account);
	return hash_bytes(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1, hash_secret()) | 1;
}

/* the entry of a key; if make, a free or the oldest one near its place */
static struct entry *
find(struct throttle *t, uint64_t key, bool make, int64_t now_us)
{
	struct entry *oldest = NULL;
	for (unsigned i = 0; i < NEAR; i++) {
		struct entry *e = &t->entry[(key + i) % SLOTS];
		if (e->key == key && make && now_us - e->last_us > forget_us)
			*e = (struct entry){.key = key};
		if (e->key == key)
			return e;
		if (oldest == NULL || e->key == 0 || (oldest->key && e->last_us < oldest->last_us))
			oldest = e;
	}
	if (!make)
		return NULL;
	*oldest = (struct entry){.key = key};
	return oldest;
}

int64_t
throttle_wait(struct throttle *t, const char *account, const char *address, int64_t now_us)
{
	int64_t most = 0;
	uint64_t key[2] = {key_of(account, address), key_of("", address)};
	pthread_mutex_lock(&t->mutex);
	for (unsigned i = 0; i < 2; i++) {
		const struct entry *e = find(t, key[i], false, now_us);
		if (e && e->until_us - now_us > most)
			most = e->until_us - now_us;
	}
	pthread_mutex_unlock(&t->mutex);
	return most;
}

static void
count(struct throttle *t, uint64_t key, uint32_t unpunished, int64_t now_us)
{
	struct entry *e = find(t, key, true, now_us);
	e->wrong++;
	e->last_us = now_us;
	if (e->wrong < unpunished)
		return;
	uint32_t twice = e->wrong - unpunished;
	int64_t wait = twice > 8 ? WAIT_MOST : INT64_C(1) << twice;
	e->until_us = now_us + (wait < WAIT_MOST ? wait : WAIT_MOST) * 1000000;
}

void
throttle_wrong(struct throttle *t, const char *account, const char *address, int64_t now_us)
{
	pthread_mutex_lock(&t->mutex);
	count(t, key_of(account, address), PAIR_FREE, now_us);
	count(t, key_of("", address), ADDRESS_FREE, now_us);
	pthread_mutex_unlock(&t->mutex);
}

void
throttle_right(struct throttle *t, const char *account, const char *address)
{
	pthread_mutex_lock(&t->mutex);
	struct entry *e = find(t, key_of(account, address), false, 0);
	if (e)
		*e = (struct entry){0};
	pthread_mutex_unlock(&t->mutex);
}
