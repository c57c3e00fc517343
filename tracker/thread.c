/* thread.c - see thread.h */
#include "tracker/thread.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/counters.h"
#include "common/hash.h"
#include "common/log.h"
#include "tracker/segment.h"

enum {
	TICK_US = 20000,
	SCAN_US = 1000000,
	FIRST_SCAN_US = 50000,
	SHOW_US = 100000,
	STOP_US = 4000000,
	NAP_US = 100000,
	NAPS_US = 400000,  /* how long after the last flow it naps before it waits to be woken */
	NAP_SLOTS = 65536, /* a ring that holds fewer could fill up during a nap */
};

static const struct shm_kind flow_kind = {FT_FLOW_MAGIC, FT_FLOW_VERSION, FT_FLOW_LAYOUT};
static const struct shm_kind slice_kind = {FT_SLICE_MAGIC, FT_SLICE_VERSION, FT_SLICE_LAYOUT};

static uint64_t
ms(mono_t t)
{
	return (uint64_t)(t.ns / 1000000);
}

/* ---- what main sees --------------------------------------------------------------------------- */

static void
show(struct thread *t, mono_t now)
{
	const struct ft_stage_record *r = stage_record(&t->s.c.st);
	for (unsigned i = 0; i < TRK_N_COUNTERS; i++)
		atomic_store_explicit(&t->shown[i], r->counter[i], memory_order_relaxed);
	atomic_store_explicit(&t->entries, table_used(&t->s.c.t), memory_order_relaxed);
	atomic_store_explicit(&t->capacity, t->s.c.t.capacity, memory_order_relaxed);
	t->shown_at = now;
}

/* ---- waiting ---------------------------------------------------------------------------------- */

/* The slice ring is full: store is behind or away. */
static void
wait_for_room(struct thread *t)
{
	mono_t began = mono_now();
	ring_wait_room(&t->s.c.out, shard_head(&t->s), core_slots(&t->s.c), (span_t){TICK_US});
	counter_add(COUNTER_tracker_full_wait_us, (uint64_t)mono_since(mono_now(), began).us);
}

static void
wait_for_flows(struct thread *t)
{
	struct ring *ring[FT_STAGE_INPUTS];
	uint64_t next[FT_STAGE_INPUTS];
	unsigned n = 0;
	for (unsigned i = 0; i < FT_STAGE_INPUTS; i++)
		if (t->s.in_open[i]) {
			ring[n] = &t->s.in[i];
			next[n++] = shard_input_at(&t->s, i);
		}
	if (n > 0) {
		ring_wait_any(ring, next, n, (span_t){TICK_US});
	} else {
		struct timespec pause = {0, TICK_US * 1000L};
		(void)nanosleep(&pause, NULL);
	}
}

/* While flows come, but not enough for whole batches: let some gather, so that ingest need not wake us for every
 * datagram (a wake-up costs more than ten flows do).  Latency is counted in seconds here.  Not with rings so small
 * that a nap fills them.  Returns whether it napped. */
static bool
nap(const struct thread *t)
{
	struct timespec pause = {0, NAP_US * 1000L};
	for (unsigned i = 0; i < FT_STAGE_INPUTS; i++)
		if (t->s.in_open[i] && ring_capacity(&t->s.in[i]) < NAP_SLOTS)
			return false;
	(void)nanosleep(&pause, NULL);
	return true;
}

/* ---- inputs ----------------------------------------------------------------------------------- */

/* Ingest made its ring anew (after a drain): the name leads to another file. */
static bool
replaced(const struct ring *r)
{
	struct stat mine, named;
	return stat(r->shm.path, &named) == 0 && fstat(r->shm.fd, &mine) == 0 && mine.st_ino != named.st_ino;
}

static void
attach_input(struct thread *t, unsigned i, const char *name)
{
	struct err err;
	struct shard *s = &t->s;
	if (s->in_open[i]) {
		if (shard_has_input(s, i) || !replaced(&s->in[i]))
			return;
		ring_close(&s->in[i]);
		s->in_open[i] = false;
	}
	int rc = ring_attach(&s->in[i], t->dir, name, &flow_kind, FT_RING_CONSUMER, &err);
	if (rc == FT_OK) {
		shm_map_now(&s->in[i].shm);
		shard_open_input(s, i);
		log_medium("reading %s", name);
	} else if (rc != FT_ENOENT) {
		log_limited(LOG_L_CRITICAL, "can't take flows: %s", err.text);
	}
}

static void
scan_inputs(struct thread *t, mono_t now)
{
	DIR *d = opendir(t->dir);
	t->scanned = now;
	if (d == NULL)
		return;
	for (const struct dirent *e; (e = readdir(d)) != NULL;) {
		unsigned i, shard;
		int end = 0;
		if (sscanf(e->d_name, "flow.%u.%u%n", &i, &shard, &end) == 2 && e->d_name[end] == 0 &&
			shard == t->s.c.t.h->shard) {
			if (i < FT_STAGE_INPUTS)
				attach_input(t, i, e->d_name);
			else
				log_limited(LOG_L_CRITICAL, "%s is not read: at most %d ingest threads",
					e->d_name, FT_STAGE_INPUTS);
		}
	}
	closedir(d);
}

static bool
any_open(const struct thread *t)
{
	for (unsigned i = 0; i < FT_STAGE_INPUTS; i++)
		if (t->s.in_open[i])
			return true;
	return false;
}

/* One batch of each input; how many flows. */
static unsigned
take_flows(struct thread *t, mono_t now)
{
	unsigned n = 0;
	for (unsigned i = 0; i < FT_STAGE_INPUTS; i++)
		if (t->s.in_open[i])
			n += shard_batch(&t->s, i, CORE_BATCH, ms(now));
	return n;
}

/* ---- settings --------------------------------------------------------------------------------- */

/* One step towards the capacity asked for: some evictions, or the switch.  True when there is nothing left to do. */
static bool
resize_step(struct thread *t, mono_t now)
{
	uint32_t want = t->s.c.set->capacity, cells = core_cells(t->s.c.set);
	struct err err;
	if ((want == t->s.c.t.capacity && cells == t->s.c.t.cells) || want == t->refused_capacity)
		return true;
	if (!shard_shrink(&t->s, want, ms(now)))
		return false;
	int rc = segment_resize(&t->seg, t->dir, &t->s, want, cells, t->seed, ms(now), &err);
	if (rc == FT_OK) {
		log_high("the table has room for %u sessions now%s", want,
			cells ? ", and for kept elements" : "");
		t->refused_capacity = 0;
	} else {
		log_critical("conntracksize stays at %u: %s", t->s.c.t.capacity, err.text);
		t->refused_capacity = want;
	}
	return true;
}

static void
adopt(struct thread *t, mono_t now)
{
	const struct settings *want = atomic_load_explicit(&t->wanted, memory_order_acquire);
	if (want == t->s.c.set)
		return;
	bool slower = want->interval_s != t->s.c.set->interval_s;
	t->s.c.set = want;
	table_due_forget(&t->s.c.t);
	t->refused_capacity = 0;
	if (slower)
		shard_restart_hands(&t->s, ms(now));
	atomic_store_explicit(&t->adopted, want, memory_order_release);
}

/* ---- the loop --------------------------------------------------------------------------------- */

/* `ft-ctl drain`: done when inputs are empty, every session is emitted and store has taken all. */
static bool
drain_step(struct thread *t, mono_t now)
{
	uint32_t asked = atomic_load_explicit(&t->drains_asked, memory_order_acquire);
	if (asked == atomic_load_explicit(&t->drains_done, memory_order_relaxed))
		return true;
	for (unsigned i = 0; i < FT_STAGE_INPUTS; i++)
		if (shard_has_input(&t->s, i))
			return true; /* flows first */
	if (!shard_flush(&t->s, true, ms(now)))
		return false;
	if (ring_room(&t->s.c.out, shard_head(&t->s), ring_capacity(&t->s.c.out)) <
		ring_capacity(&t->s.c.out))
		return true; /* store has not taken all of it yet */
	show(t, now);
	atomic_store_explicit(&t->drains_done, asked, memory_order_release);
	return true;
}

/* Ended in order, then shared memory may be deleted (a reboot): nothing may be lost by it.  What inputs hold now
 * is taken, what is pending is emitted; a store that is away is not waited for for ever: then it stays where it is. */
static void
stop_in_order(struct thread *t)
{
	uint64_t until[FT_STAGE_INPUTS];
	mono_t end = mono_after(mono_now(), (span_t){STOP_US});
	for (unsigned i = 0; i < FT_STAGE_INPUTS; i++)
		until[i] = t->s.in_open[i] ? ring_filled(&t->s.in[i], UINT64_MAX) : 0;
	for (mono_t now = mono_now(); now.ns < end.ns; now = mono_now()) {
		bool more = false, moved = false;
		for (unsigned i = 0; i < FT_STAGE_INPUTS; i++)
			if (t->s.in_open[i] && shard_input_at(&t->s, i) < until[i]) {
				more = true;
				moved |= shard_batch(&t->s, i, CORE_BATCH, ms(now)) > 0;
			}
		if (!more)
			break;
		if (!moved)
			wait_for_room(t);
	}
	while (!shard_flush(&t->s, false, ms(mono_now())) && mono_now().ns < end.ns)
		wait_for_room(t);
	show(t, mono_now());
}

static void *
run(void *arg)
{
	struct thread *t = arg;
	while (!atomic_load_explicit(&t->stop, memory_order_relaxed)) {
		mono_t now = mono_now();
		bool room = true;
		if (mono_since(now, t->ticked).us >= TICK_US) {
			adopt(t, now);
			if (mono_since(now, t->scanned).us >= (any_open(t) ? SCAN_US : FIRST_SCAN_US))
				scan_inputs(t, now);
			room = shard_tick(&t->s, ms(now)) && resize_step(t, now) && drain_step(t, now);
			t->ticked = now;
			if (mono_since(now, t->shown_at).us >= SHOW_US)
				show(t, now);
		}
		unsigned flows = take_flows(t, now);
		if (flows > 0)
			t->flowed = now;
		if (flows >= CORE_BATCH / 2)
			continue;
		if (!room || !shard_room(&t->s))
			wait_for_room(t);
		else if ((mono_since(now, t->flowed).us > NAPS_US || !nap(t)) && flows == 0)
			wait_for_flows(t);
	}
	stop_in_order(t);
	return NULL;
}

/* ---- life ------------------------------------------------------------------------------------- */

int
thread_open(struct thread *t, const struct thread_place *where, const struct settings *set, struct err *err)
{
	char name[64];
	memset(t, 0, sizeof *t);
	t->seed = hash_secret();
	snprintf(t->dir, sizeof t->dir, "%s", where->dir);
	snprintf(name, sizeof name, "slice.%u", where->shard);
	int rc = segment_open(&t->seg, where->dir, where->statedir, where->shard, where->shards,
		set->capacity, core_cells(set), err);
	if (rc != FT_OK)
		return rc;
	rc = ring_create(
		&t->s.c.out, where->dir, name, &slice_kind, sizeof(struct ft_slice), where->ring_slots, err);
	if (rc == FT_OK)
		rc = shard_start(&t->s, t->seg.base, set, t->seed, ms(mono_now()), err);
	if (rc != FT_OK) {
		ring_close(&t->s.c.out);
		shm_close(&t->seg);
		return rc;
	}
	shm_map_now(&t->seg);
	shm_map_now(&t->s.c.out.shm);
	if (t->s.recovered)
		counter_add(COUNTER_tracker_recovered, 1);
	atomic_store(&t->wanted, set);
	atomic_store(&t->adopted, set);
	scan_inputs(t, mono_now());
	show(t, mono_now());
	log_high("shard %u: room for %u sessions, %u followed, %zu MB; slice ring of %llu slots, %zu MB",
		where->shard, t->s.c.t.capacity, table_used(&t->s.c.t), t->seg.size >> 20,
		(unsigned long long)ring_capacity(&t->s.c.out), t->s.c.out.shm.size >> 20);
	return FT_OK;
}

int
thread_start(struct thread *t, struct err *err)
{
	int sys = pthread_create(&t->id, NULL, run, t);
	if (sys != 0)
		return err_set(err, FT_ESYS, "can't start a thread: %s", strerror(sys));
	t->running = true;
	return FT_OK;
}

void
thread_stop(struct thread *t)
{
	atomic_store(&t->stop, true);
	if (t->running)
		(void)pthread_join(t->id, NULL);
	t->running = false;
}

void
thread_close(struct thread *t)
{
	for (unsigned i = 0; i < FT_STAGE_INPUTS; i++)
		if (t->s.in_open[i])
			ring_close(&t->s.in[i]);
	ring_close(&t->s.c.out);
	shard_stop(&t->s);
	shm_close(&t->seg);
}
