/*
 * thread.h - a shard with its files, rings and thread.  One hot thread a shard; the main thread only posts
 * settings and requests to it and reads what it shows.
 */
#ifndef FT_TRACKER_THREAD_H
#define FT_TRACKER_THREAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/shm.h"
#include "tracker/shard.h"

struct thread {
	/* the shard thread's own */
	struct shard s;
	struct shm seg;
	char dir[200];
	uint64_t seed;
	mono_t scanned, ticked, shown_at, flowed;
	uint32_t refused_capacity; /* a size that could not be had: not tried again until it changes */
	/* between the two */
	_Atomic(const struct settings *) wanted; /* posted by main, immutable */
	_Atomic(const struct settings *) adopted;
	_Atomic uint32_t drains_asked, drains_done;
	_Atomic bool stop;
	_Atomic uint64_t shown[TRK_N_COUNTERS];
	_Atomic uint32_t entries, capacity;
	/* main's */
	pthread_t id;
	bool running;
};

struct thread_place {
	const char *dir, *statedir; /* shared memory; what outlives a reboot */
	uint32_t shard, shards;
	uint64_t ring_slots; /* of the slice ring */
};

/* Open segment and slice ring, recover, and bring the table to the size in `set`. */
int thread_open(
	struct thread *t, const struct thread_place *where, const struct settings *set, struct err *err);
int thread_start(struct thread *t, struct err *err);
/* Ask it to stop in order, then wait: it takes what inputs hold, emits what is pending as far as the slice ring
 * takes it within a few seconds, and ends. */
void thread_stop(struct thread *t);
void thread_close(struct thread *t);

#endif
