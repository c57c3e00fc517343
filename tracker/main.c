/*
 * main.c - ft-tracker: flows become sessions.  A thread a shard (thread.h); this one turns control requests,
 * signals and counters.
 */
#include <stdlib.h>
#include <string.h>

#include "common/counters.h"
#include "common/log.h"
#include "common/proc.h"
#include "tracker/settings.h"
#include "tracker/thread.h"

enum { MOST_SHARDS = 16, MOST_DRAINS = 8 };

static struct {
	struct proc p;
	struct thread thread[MOST_SHARDS];
	unsigned shards;
	struct settings *set, *old; /* in force; before it, until every shard has adopted the new one */
	struct rpc_call *drain[MOST_DRAINS];
	unsigned drains;
} me;

static void
on_reload(void *ctx, const struct conf *was, const struct conf *now)
{
	struct settings *set = malloc(sizeof *set);
	struct err err;
	(void)ctx, (void)was;
	if (set == NULL || me.old != NULL || settings_from(now, set, &err) != FT_OK) {
		log_critical("the tracker keeps its settings: %s",
			set == NULL ? "out of memory"
			: me.old    ? "the last change is still being applied"
				    : err.text);
		free(set);
		return;
	}
	set->scoped = me.set->scoped; /* RESTART, and said so already */
	if (!set->resizable && set->capacity != me.set->capacity) {
		log_high("conntracksize stays as it is: resizable is no");
		set->capacity = me.set->capacity;
	}
	me.old = me.set;
	me.set = set;
	for (unsigned i = 0; i < me.shards; i++)
		atomic_store_explicit(&me.thread[i].wanted, set, memory_order_release);
}

static void
on_ctl(void *ctx, struct rpc_call *call)
{
	(void)ctx;
	if (strcmp(call->op, "drain") != 0) {
		rpc_reply_error(me.p.ctl, call, "unknown_op", "/op", "unknown operation '%.64s'", call->op);
		return;
	}
	if (me.drains == MOST_DRAINS) {
		rpc_reply_error(
			me.p.ctl, call, "refused", NULL, "%d drains are under way already", MOST_DRAINS);
		return;
	}
	me.drain[me.drains++] = call;
	for (unsigned i = 0; i < me.shards; i++)
		atomic_fetch_add_explicit(&me.thread[i].drains_asked, 1, memory_order_release);
}

/* What shards have come to since the last turn. */
static void
look_at_shards(void)
{
	static const enum counter row[TRK_N_COUNTERS] = {COUNTER_tracker_flows, COUNTER_tracker_sessions,
		COUNTER_tracker_slices, COUNTER_tracker_evicted, COUNTER_tracker_disputed,
		COUNTER_tracker_turned, COUNTER_tracker_duplicates, COUNTER_tracker_duplicates_dropped,
		COUNTER_tracker_attribute_cuts, COUNTER_tracker_elements_dropped};
	uint64_t sum[TRK_N_COUNTERS] = {0}, entries = 0, capacity = 0;
	bool drained = true, adopted = true;
	for (unsigned i = 0; i < me.shards; i++) {
		struct thread *t = &me.thread[i];
		for (unsigned k = 0; k < TRK_N_COUNTERS; k++)
			sum[k] += atomic_load_explicit(&t->shown[k], memory_order_relaxed);
		entries += atomic_load_explicit(&t->entries, memory_order_relaxed);
		capacity += atomic_load_explicit(&t->capacity, memory_order_relaxed);
		drained = drained && atomic_load_explicit(&t->drains_done, memory_order_acquire) ==
					     atomic_load_explicit(&t->drains_asked, memory_order_relaxed);
		adopted = adopted && atomic_load_explicit(&t->adopted, memory_order_acquire) == me.set;
	}
	for (unsigned k = 0; k < TRK_N_COUNTERS; k++)
		counter_set(row[k], sum[k]);
	counter_set(COUNTER_tracker_entries, entries);
	counter_set(COUNTER_tracker_capacity, capacity);
	if (adopted) {
		free(me.old);
		me.old = NULL;
	}
	while (drained && me.drains > 0)
		rpc_reply(me.p.ctl, me.drain[--me.drains], json_object(), NULL, 0, false, false);
}

static int
open_shards(struct err *err)
{
	const struct conf *c = me.p.conf;
	unsigned shards = (unsigned)conf_uint(c, CONF_sessiontables_trackerthreads);
	me.set = malloc(sizeof *me.set);
	int rc = me.set ? settings_from(c, me.set, err) : err_set(err, FT_ENOMEM, "out of memory");
	struct thread_place where = {
		.dir = me.p.shm, .statedir = conf_str(c, CONF_statedir), .shards = shards};
	where.ring_slots = conf_uint(c, CONF_stall) * conf_uint(c, CONF_peakflows) / shards;
	for (; rc == FT_OK && me.shards < shards; me.shards += rc == FT_OK) {
		where.shard = me.shards;
		rc = thread_open(&me.thread[me.shards], &where, me.set, err);
	}
	for (unsigned i = 0; rc == FT_OK && i < shards; i++)
		rc = thread_start(&me.thread[i], err);
	return rc;
}

static void
close_shards(void)
{
	for (unsigned i = 0; i < me.shards; i++)
		atomic_store(&me.thread[i].stop, true);
	for (unsigned i = 0; i < me.shards; i++)
		thread_stop(&me.thread[i]);
	look_at_shards();
	for (unsigned i = 0; i < me.shards; i++)
		thread_close(&me.thread[i]);
	free(me.old);
	free(me.set);
}

int
main(int argc, char **argv)
{
	struct err err;
	me.p.on_reload = on_reload;
	me.p.on_ctl = on_ctl;
	if (proc_start(&me.p, "ft-tracker", argc, argv) != 0)
		return me.p.exit_code;
	if (open_shards(&err) != FT_OK) {
		close_shards();
		return proc_fail(&me.p, &err);
	}
	proc_ready(&me.p);
	while (proc_running(&me.p)) {
		proc_turn(&me.p, (span_t){100000});
		look_at_shards();
	}
	close_shards();
	return proc_stop(&me.p);
}
