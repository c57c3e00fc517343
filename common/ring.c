/*
 * ring.c - see ring.h and contract/ring.h.
 *
 * Sleeping and waking.  A side that finds nothing to do says so in its `…_waits` word, looks once more and
 * sleeps on a futex; the other side moves its counter, looks at that word and wakes only if it is set, so that
 * a busy ring makes no system calls.  This is Dekker's pattern: each side writes one word and reads the
 * other's, and both reads missing the other's write must be impossible.  Acquire and release do not give
 * that (a store may still sit in the store buffer when the load after it is done); all four accesses are
 * seq_cst, which orders them in one total order.  On x86 that makes the two stores an xchg: about 20 cycles a
 * batch.
 *
 * The futex word is read before the last look: if the other side bumps it after that, the wait returns at
 * once.  A waker that dies between its store and its wake costs the sleeper MOST_WAIT, no more.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/ring.h"

enum { MOST_WAIT_US = 50000, SHORT_TURN_US = 2000, MOST_RINGS = 128 };

static uint64_t
slots_for(uint64_t slots)
{
	uint64_t n = FT_RING_MIN_SLOTS;
	while (n < slots)
		n <<= 1;
	return n;
}

size_t
ring_bytes(uint32_t slot_bytes, uint64_t slots)
{
	return sizeof(struct ft_ring_header) + slots_for(slots) * slot_bytes;
}

void
ring_format(void *memory, uint32_t slot_bytes, uint64_t slots)
{
	struct ft_ring_header *h = memory;
	CHECK(slot_bytes > 0 && slot_bytes % 8 == 0 && slots <= UINT64_C(1) << 40);
	h->slot_bytes = slot_bytes;
	h->slots = slots_for(slots);
}

void
ring_over(struct ring *r, void *memory)
{
	*r = (struct ring){.h = memory};
	r->shm.fd = -1;
	r->slots = (uint8_t *)memory + sizeof(struct ft_ring_header);
	r->mask = r->h->slots - 1;
	r->slot_bytes = r->h->slot_bytes;
	/* tail is a safe start for both sides: the producer's last known tail, and for the consumer a head that
	 * makes it look again */
	r->cached = atomic_load_explicit(&r->h->tail, memory_order_acquire);
}

/* Turn an opened segment into a ring. */
static int
ring_take(struct ring *r, struct shm *shm, struct err *err)
{
	const struct ft_ring_header *h = shm->base;
	if (shm->size < sizeof *h || h->slots == 0 || (h->slots & (h->slots - 1)) != 0 ||
		h->slot_bytes == 0 || h->slot_bytes % 8 != 0 ||
		(shm->size - sizeof *h) / h->slot_bytes < h->slots) {
		int rc = err_set(err, FT_EFORMAT,
			"%s is damaged (%llu slots of %u bytes in %zu); what it held is lost, remove the "
			"file and "
			"start again",
			shm->path, (unsigned long long)h->slots, h->slot_bytes, shm->size);
		shm_close(shm);
		return rc;
	}
	ring_over(r, shm->base);
	r->shm = *shm;
	return FT_OK;
}

static int
ring_hold(struct ring *r, unsigned role, struct err *err)
{
	int rc = shm_hold(&r->shm, role, err);
	if (rc != FT_OK) {
		ring_close(r);
		return rc;
	}
	/* what was loaded before the lock may be from a holder that was still at work */
	r->cached = atomic_load_explicit(&r->h->tail, memory_order_acquire);
	return FT_OK;
}

int
ring_create(struct ring *r, const char *dir, const char *name, const struct shm_kind *kind,
	uint32_t slot_bytes, uint64_t slots, struct err *err)
{
	struct shm shm;
	bool made;
	*r = (struct ring){.shm.fd = -1};
	int rc = shm_open_or_create(&shm, dir, name, kind, ring_bytes(slot_bytes, slots), &made, err);
	if (rc != FT_OK)
		return rc;
	if (made) {
		ring_format(shm.base, slot_bytes, slots);
		/* the consumer is another user of the common group and stores tail: it must be able to write */
		(void)fchmod(shm.fd, 0660);
		rc = shm_publish(&shm, err);
		if (rc != FT_OK) {
			shm_close(&shm);
			return rc;
		}
	}
	rc = ring_take(r, &shm, err);
	if (rc != FT_OK)
		return rc;
	if (r->slot_bytes != slot_bytes) {
		rc = err_set(err, FT_ELAYOUT,
			"%s has slots of %u bytes, this build uses %u, and it may still hold flows; run "
			"`ft-ctl drain`, "
			"then start again",
			r->shm.path, r->slot_bytes, slot_bytes);
		ring_close(r);
		return rc;
	}
	return ring_hold(r, FT_RING_PRODUCER, err);
}

int
ring_attach(struct ring *r, const char *dir, const char *name, const struct shm_kind *kind, unsigned role,
	struct err *err)
{
	struct shm shm;
	*r = (struct ring){.shm.fd = -1};
	int rc = shm_open_rw(&shm, dir, name, kind, err);
	if (rc == FT_OK)
		rc = ring_take(r, &shm, err);
	return rc != FT_OK ? rc : ring_hold(r, role, err);
}

void
ring_close(struct ring *r)
{
	shm_close(&r->shm);
	*r = (struct ring){.shm.fd = -1};
}

static long
futex(_Atomic uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, op, value, timeout, NULL, 0);
}

/* After a counter moved: wake the other side if it said it sleeps. */
static void
wake(_Atomic uint32_t *word, _Atomic uint32_t *waits)
{
	/* seq_cst: see the top; the store of the counter comes before this load in the total order */
	if (atomic_load_explicit(waits, memory_order_seq_cst) == 0)
		return;
	atomic_fetch_add_explicit(word, 1, memory_order_release);
	(void)futex(word, FUTEX_WAKE, INT_MAX, NULL);
}

void
ring_publish(struct ring *r, uint64_t head)
{
	struct ft_ring_header *h = r->h;
	if (atomic_load_explicit(&h->head, memory_order_relaxed) == head)
		return;
	/* `cached` is a tail of some time ago, so this may say too much: then look properly */
	uint64_t high = atomic_load_explicit(&h->high_water, memory_order_relaxed);
	if (head - r->cached > high) {
		r->cached = atomic_load_explicit(&h->tail, memory_order_acquire);
		if (head - r->cached > high)
			atomic_store_explicit(&h->high_water, head - r->cached, memory_order_relaxed);
	}
	/* seq_cst includes release: the slots below head are written before */
	atomic_store_explicit(&h->head, head, memory_order_seq_cst);
	wake(&h->data, &h->consumer_waits);
}

void
ring_release(struct ring *r, uint64_t tail)
{
	struct ft_ring_header *h = r->h;
	if (atomic_load_explicit(&h->tail, memory_order_relaxed) == tail)
		return;
	/* seq_cst includes release: what the slots held was read before */
	atomic_store_explicit(&h->tail, tail, memory_order_seq_cst);
	wake(&h->room, &h->producer_waits);
}

static struct timespec
bounded(span_t most)
{
	int64_t us = most.us < 0 ? 0 : most.us > MOST_WAIT_US ? MOST_WAIT_US : most.us;
	return (struct timespec){.tv_sec = 0, .tv_nsec = (long)us * 1000};
}

void
ring_wait_data(struct ring *r, uint64_t next, span_t most)
{
	struct ft_ring_header *h = r->h;
	struct timespec t = bounded(most);
	uint32_t seen = atomic_load_explicit(&h->data, memory_order_acquire);
	atomic_store_explicit(&h->consumer_waits, 1, memory_order_seq_cst);
	if (atomic_load_explicit(&h->head, memory_order_seq_cst) <= next)
		(void)futex(&h->data, FUTEX_WAIT, seen, &t);
	atomic_store_explicit(&h->consumer_waits, 0, memory_order_relaxed);
}

void
ring_wait_room(struct ring *r, uint64_t next, uint64_t want, span_t most)
{
	struct ft_ring_header *h = r->h;
	struct timespec t = bounded(most);
	mono_t began = mono_now();
	uint32_t seen = atomic_load_explicit(&h->room, memory_order_acquire);
	atomic_store_explicit(&h->producer_waits, 1, memory_order_seq_cst);
	if (atomic_load_explicit(&h->tail, memory_order_seq_cst) + r->mask + 1 - next < want) {
		(void)futex(&h->room, FUTEX_WAIT, seen, &t);
		atomic_fetch_add_explicit(&h->full_waits, 1, memory_order_relaxed);
		int64_t us = mono_since(mono_now(), began).us;
		atomic_fetch_add_explicit(&h->full_wait_us, (uint64_t)us, memory_order_relaxed);
	}
	atomic_store_explicit(&h->producer_waits, 0, memory_order_relaxed);
}

/* futex_waitv(2), Linux 5.16; -1 with ENOSYS before.  Timeout is absolute, CLOCK_MONOTONIC. */
static long
wait_vector(struct futex_waitv *v, unsigned n, int64_t us)
{
#ifdef SYS_futex_waitv
	mono_t until = mono_after(mono_now(), (span_t){us});
	struct timespec t = {.tv_sec = until.ns / 1000000000, .tv_nsec = (long)(until.ns % 1000000000)};
	return syscall(SYS_futex_waitv, v, n, 0, &t, CLOCK_MONOTONIC);
#else
	(void)v, (void)n, (void)us;
	errno = ENOSYS;
	return -1;
#endif
}

void
ring_wait_any(struct ring *const *rings, const uint64_t *next, unsigned n, span_t most)
{
	if (n == 1) {
		ring_wait_data(rings[0], next[0], most);
		return;
	}
	struct timespec t = bounded(most);
	struct futex_waitv v[MOST_RINGS];
	CHECK(n > 0 && n <= MOST_RINGS);
	bool ready = false;
	for (unsigned i = 0; i < n; i++) {
		struct ft_ring_header *h = rings[i]->h;
		v[i] = (struct futex_waitv){
			.val = atomic_load_explicit(&h->data, memory_order_acquire),
			.uaddr = (uint64_t)(uintptr_t)&h->data,
			.flags = FUTEX_32,
		};
		atomic_store_explicit(&h->consumer_waits, 1, memory_order_seq_cst);
		ready |= atomic_load_explicit(&h->head, memory_order_seq_cst) > next[i];
	}
	if (!ready && wait_vector(v, n, t.tv_nsec / 1000) < 0 && errno != EAGAIN && errno != ETIMEDOUT &&
		errno != EINTR) {
		/* an older kernel, or a sandbox that does not know the call: sleep on the first, shortly, and look
		 * at all again */
		if (t.tv_nsec > SHORT_TURN_US * 1000)
			t.tv_nsec = SHORT_TURN_US * 1000;
		(void)futex(&rings[0]->h->data, FUTEX_WAIT, (uint32_t)v[0].val, &t);
	}
	for (unsigned i = 0; i < n; i++)
		atomic_store_explicit(&rings[i]->h->consumer_waits, 0, memory_order_relaxed);
}
