/*
 * ingest_crash_test.c - what ingest learns (LMDB) and what it publishes (the stage) commit one after the other; this
 * test kills it before and after every commit of LMDB, twice in a row, and each time finishes and compares with an
 * undisturbed run.
 *
 * The traffic is made of what goes wrong if a datagram is decoded again with what it taught itself: data before a
 * redefinition of its template in one datagram, sets that waited and were taken out, a template put back to what it was,
 * a sampling rate that changes between two data sets.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/crash.h"
#include "common/log.h"
#include "tests/contract/ingest_world.h"

enum { DATAGRAMS = 8, POINTS_MAX = 200, SEGMENT_MAX = 65536 };

static struct wire queue[DATAGRAMS];
static const uint8_t senders[DATAGRAMS];
static char folder[64];

struct shared {
	struct seen seen;
	uint8_t segment[SEGMENT_MAX] __attribute__((aligned(4096)));
	uint8_t ring[sizeof(struct ft_ring_header) + WORLD_SLOTS * sizeof(struct ft_flow)]
		__attribute__((aligned(64)));
};
static struct shared *world;

struct truth {
	struct seen seen;
	struct ft_source source[WORLD_SOURCES];
	uint64_t counter[THREAD_COUNTERS];
};

/* ---- traffic ---------------------------------------------------------------------------------- */

static const uint16_t a[][2] = {{8, 4}, {12, 4}, {1, 4}, {2, 4}};
static const uint16_t b[][2] = {{12, 4}, {8, 4}, {2, 4}, {1, 4}};
enum { FIELDS = 4 };
static unsigned serial;

static void
data(struct wire *w, unsigned id, unsigned n)
{
	unsigned at = w_set(w, id);
	for (unsigned i = 0; i < n; i++, serial++)
		w32(w, 0x0a000001 + serial), w32(w, 0xc0a80001 + serial), w32(w, 1000 + serial),
			w32(w, 1 + serial);
	w_set_end(w, at);
}

static void
teach(struct wire *w, unsigned id, const uint16_t (*field)[2])
{
	unsigned at = w_set(w, 0);
	w_template(w, id, field, FIELDS);
	w_set_end(w, at);
}

static void
sampling(struct wire *w, bool with_template, unsigned rate)
{
	unsigned at;
	if (with_template) {
		at = w_set(w, 1);
		w16(w, 400), w16(w, 4), w16(w, 4), w16(w, 1), w16(w, 4), w16(w, 34), w16(w, 4);
		w_set_end(w, at);
	}
	at = w_set(w, 400);
	w32(w, 0), w32(w, rate);
	w_set_end(w, at);
}

static void
make_traffic(void)
{
	for (unsigned i = 0; i < DATAGRAMS; i++)
		w_v9_header(&queue[i], 5000, 1760000000, i, 3);
	data(&queue[0], 300, 3);
	teach(&queue[1], 256, a), data(&queue[1], 256, 3);
	data(&queue[2], 256, 5), teach(&queue[2], 256, b), data(&queue[2], 256, 5);
	data(&queue[3], 300, 2), data(&queue[3], 256, 2), teach(&queue[3], 300, a), data(&queue[3], 300, 12);
	sampling(&queue[4], true, 10), data(&queue[4], 256, 4), sampling(&queue[4], false, 20),
		data(&queue[4], 256, 4);
	data(&queue[5], 256, 4), teach(&queue[5], 256, a), data(&queue[5], 256, 9), teach(&queue[5], 256, b);
	data(&queue[6], 301, 2), data(&queue[6], 256, 2);
	teach(&queue[7], 301, b), teach(&queue[7], 301, a), data(&queue[7], 301, 1);
}

/* ---- runs ------------------------------------------------------------------------------------- */

/* in a process of its own: kill at crash point `fatal` (0: none).  true if it came to its end */
static bool
run(unsigned fatal, unsigned batch)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		static struct ingest_side s;
		struct kv *kv;
		struct err err;
		unsigned db;
		char at[16];
		memset(&s, 0, sizeof s);
		s.queue = queue;
		s.from = senders;
		s.n = DATAGRAMS;
		s.batch = batch;
		if (fatal) {
			snprintf(at, sizeof at, "%u", fatal);
			setenv("FT_CRASH_AT", at, 1);
		}
		crash_init();
		if (learn_open(&kv, &db, folder, &err) != 0 ||
			ingest_attach(&s, world->segment, world->ring, &world->seen, kv, db) != 0)
			_exit(3);
		ingest_run(&s);
		_exit(0);
	}
	int status = 0;
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return false;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return true;
}

static void
begin(void)
{
	char path[128];
	memset(world, 0, sizeof *world);
	ingest_segment_format(world->segment, WORLD_SOURCES);
	((struct ingest_header *)world->segment)->seg.incarnation = 77;
	ring_format(world->ring, sizeof(struct ft_flow), WORLD_SLOTS);
	((struct ft_ring_header *)world->ring)->slots = WORLD_SLOTS;
	snprintf(path, sizeof path, "%s/ingest.lmdb", folder);
	(void)unlink(path); /* may not be there */
	snprintf(path, sizeof path, "%s/ingest.lmdb-lock", folder);
	(void)unlink(path);
}

static void
look(struct truth *t)
{
	const struct ingest_header *h = (const struct ingest_header *)world->segment;
	struct stage st;
	memset(t, 0, sizeof *t);
	t->seen = world->seen;
	memcpy(t->source, world->segment + h->at_sources, sizeof t->source);
	for (unsigned i = 0; i < WORLD_SOURCES; i++)
		t->source[i].full_wait_us = 0;
	stage_attach(&st, world->segment, h->at_stage);
	memcpy(t->counter, stage_record(&st)->counter, sizeof t->counter);
	t->counter[THREAD_FULL_WAIT_US] = t->counter[THREAD_RESUMED] = 0;
}

static void
test_every_commit(void **state)
{
	static struct truth truth, now;
	unsigned points = 0, runs = 0;
	(void)state;
	begin();
	assert_true(run(0, 4));
	look(&truth);
	assert_int_equal(truth.seen.wrong, 0);
	assert_int_equal(truth.counter[THREAD_FLOWS], serial);
	assert_int_equal(truth.source[0].sets_waiting, 0);
	for (unsigned first = 1;; first++) {
		assert_true(first < POINTS_MAX);
		begin();
		if (run(first, 3))
			break;
		points++;
		/* the next process is killed too, at its first points in turn; then one that may finish */
		for (unsigned second = 1; second <= 4; second++, runs++) {
			if (second > 1) {
				begin();
				(void)run(first, 3);
			}
			(void)run(second, 2);
			assert_true(run(0, 4));
			look(&now);
			if (memcmp(&now, &truth, sizeof now) != 0)
				print_error("killed at point %u, then at %u: %llu slots of %llu, wrong %llu, "
					    "flows %llu\n",
					first, second, (unsigned long long)now.seen.positions,
					(unsigned long long)truth.seen.positions,
					(unsigned long long)now.seen.wrong,
					(unsigned long long)now.counter[THREAD_FLOWS]);
			assert_memory_equal(&now, &truth, sizeof now);
		}
	}
	print_message("ingest: %u crash points, %u double kills, all exact\n", points, runs);
	assert_true(points >= 10);
}

int
main(void)
{
	snprintf(folder, sizeof folder, "/tmp/ft-ingest-crash.XXXXXX");
	log_open("test", NULL, LOG_L_ALWAYS);
	world = mmap(NULL, sizeof *world, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (world == MAP_FAILED || mkdtemp(folder) == NULL)
		return 1;
	make_traffic();
	const struct CMUnitTest tests[] = {
		{"killed round every commit of what it learns, ingest publishes every flow once",
			test_every_commit, NULL, NULL, NULL},
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	begin();
	(void)rmdir(folder);
	return rc;
}
