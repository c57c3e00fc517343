/*
 * ring.h - the one implementation of contract/ring.h.
 *
 * Producer: ring_room() tells free slots; write ring_slot(r, pos) for pos in [next, next + n); commit the
 * stage; ring_publish(r, next + n).  Consumer: ring_filled() gives the published head; read; commit;
 * ring_release(r, pos).  Positions are slot counts since creation and live in the stages' records; after a
 * restart both sides publish from their records first (ring_publish / ring_release are idempotent).
 */
#ifndef FT_RING_H
#define FT_RING_H

#include "common/clock.h"
#include "common/contract/ring.h"
#include "common/shm.h"

struct ring {
	struct shm shm;
	struct ft_ring_header *h;
	uint8_t *slots;
	uint64_t mask;
	uint32_t slot_bytes;
	uint64_t cached; /* the other side's counter as last loaded */
};

/* The producer's call: takes the producer's role (FT_EBUSY names the pid that has it).  slots is rounded up to
 * a power of two, at least FT_RING_MIN_SLOTS; a ring that exists keeps the slots it has. */
int ring_create(struct ring *r, const char *dir, const char *name, const struct shm_kind *kind,
	uint32_t slot_bytes, uint64_t slots, struct err *err); /* opens it if it exists already */
int ring_attach(struct ring *r, const char *dir, const char *name, const struct shm_kind *kind,
	unsigned role, struct err *err);
void ring_close(struct ring *r);
/* A ring over memory of the caller's, for tests: header and slots as the contract says.  Each side has its own
 * struct ring: `cached` means another thing to each. */
void ring_over(struct ring *r, void *memory);
size_t ring_bytes(uint32_t slot_bytes, uint64_t slots);
/* write header and constants into zeroed memory of ring_bytes() */
void ring_format(void *memory, uint32_t slot_bytes, uint64_t slots);

static inline void *
ring_slot(const struct ring *r, uint64_t pos)
{
	return r->slots + (pos & r->mask) * r->slot_bytes;
}
static inline uint64_t
ring_capacity(const struct ring *r)
{
	return r->mask + 1;
}
/* producer: slots free beyond `next`.  Acquire: pairs with ring_release, so that what the consumer read is
 * read before it is overwritten. */
static inline uint64_t
ring_room(struct ring *r, uint64_t next, uint64_t want)
{
	if (r->cached + r->mask + 1 - next < want)
		r->cached = atomic_load_explicit(&r->h->tail, memory_order_acquire);
	return r->cached + r->mask + 1 - next;
}
/* consumer: position up to which slots may be read.  Acquire: pairs with ring_publish. */
static inline uint64_t
ring_filled(struct ring *r, uint64_t next)
{
	if (r->cached <= next)
		r->cached = atomic_load_explicit(&r->h->head, memory_order_acquire);
	return r->cached;
}
void ring_publish(struct ring *r, uint64_t head);  /* release store, high water, wakes the consumer */
void ring_release(struct ring *r, uint64_t tail);  /* release store, wakes the producer */
/* Sleep until the other side moves or `most` has passed (bounded to 50 ms: a waker may die).  `next` is the
 * caller's position, so that a move made in between is not slept through. */
void ring_wait_data(struct ring *r, uint64_t next, span_t most);
void ring_wait_room(struct ring *r, uint64_t next, uint64_t want, span_t most);
/* A consumer of several rings sleeps on all at once (any of them may wake it; futex_waitv where there is
 * one, else short turns). */
void ring_wait_any(struct ring *const *rings, const uint64_t *next, unsigned n, span_t most);

#endif
