#include "queryd/big.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/err.h"

/* Under sanitizers nothing is kept, or they could not see a use after it was given back.  The size is remembered, for
 * whoever gives back another one than was asked for. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

enum { HEAD = 64 };

void *
big_get(size_t bytes, bool zero)
{
	uint8_t *p = zero ? calloc(1, bytes + HEAD) : malloc(bytes + HEAD);
	if (p == NULL)
		return NULL;
	memcpy(p, &bytes, sizeof bytes);
	return p + HEAD;
}

void
big_put(void *p, size_t bytes)
{
	size_t had;
	memcpy(&had, (uint8_t *)p - HEAD, sizeof had);
	CHECK(had == bytes);
	free((uint8_t *)p - HEAD);
}

#else

enum { KEPT = 64, HUGE_PAGE = 2 << 20, SMALL_STEP = 64 << 10 };

static struct {
	pthread_mutex_t lock;
	struct {
		void *p;
		size_t room;
	} kept[KEPT]; /* oldest first */
	unsigned n;
	size_t bytes;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* What is mapped for so many bytes, so that what is kept fits others of about that size. */
static size_t
room_for(size_t bytes)
{
	size_t step = bytes >= HUGE_PAGE / 2 ? HUGE_PAGE : SMALL_STEP;
	return (bytes + step - 1) / step * step;
}

static void *
map(size_t room)
{
	size_t more = room % HUGE_PAGE == 0 ? HUGE_PAGE : 0;
	uint8_t *p = mmap(NULL, room + more, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	if (more == 0)
		return p;
	size_t before = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
	if (before > 0)
		(void)munmap(p, before);
	if (more > before)
		(void)munmap(p + before + room, more - before);
	(void)madvise(p + before, room, MADV_HUGEPAGE); /* a kernel without them gives small ones */
	return p + before;
}

/* the smallest that fits, if it is not much too large */
static void *
take(size_t room, size_t *got)
{
	void *p = NULL;
	unsigned best = KEPT;
	pthread_mutex_lock(&pool.lock);
	for (unsigned i = 0; i < pool.n; i++)
		if (pool.kept[i].room >= room && pool.kept[i].room <= room * 2 &&
			(best == KEPT || pool.kept[i].room < pool.kept[best].room))
			best = i;
	if (best < KEPT) {
		p = pool.kept[best].p;
		*got = pool.kept[best].room;
		pool.bytes -= *got;
		pool.n--;
		memmove(&pool.kept[best], &pool.kept[best + 1], (pool.n - best) * sizeof pool.kept[0]);
	}
	pthread_mutex_unlock(&pool.lock);
	return p;
}

/*
 * The caller knows only what it asked for.  So one that was larger is cut to the room that belongs to that: big_put then
 * knows how much it gets back.
 */
void *
big_get(size_t bytes, bool zero)
{
	size_t room = room_for(bytes), got = 0;
	uint8_t *p = take(room, &got);
	if (p == NULL)
		return map(room);
	if (got > room)
		(void)munmap(p + room, got - room);
	if (zero)
		memset(p, 0, bytes);
	return p;
}

void
big_put(void *p, size_t bytes)
{
	size_t room = room_for(bytes);
	pthread_mutex_lock(&pool.lock);
	if (room <= BIG_KEPT) {
		while (pool.n == KEPT || pool.bytes + room > BIG_KEPT) { /* the oldest goes */
			(void)munmap(pool.kept[0].p, pool.kept[0].room);
			pool.bytes -= pool.kept[0].room;
			memmove(&pool.kept[0], &pool.kept[1], --pool.n * sizeof pool.kept[0]);
		}
		pool.kept[pool.n].p = p;
		pool.kept[pool.n++].room = room;
		pool.bytes += room;
		p = NULL;
	}
	pthread_mutex_unlock(&pool.lock);
	if (p != NULL)
		(void)munmap(p, room);
}

#endif
