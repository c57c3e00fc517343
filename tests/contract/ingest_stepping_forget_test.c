/*
 * ingest_stepping_forget_test.c - an exporter is forgotten, and the thread is killed meanwhile: after every instruction that changed
 * shared memory (stepping), and round every commit of LMDB (crash points).  Each time it is found whole, or forgotten
 * with all it had taught; and forgetting it again leaves nothing of it and everything of the others.
 */
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/crash.h"
#include "common/log.h"
#include "ingest/forget.h"
#include "ingest/options.h"
#include "tests/contract/ingest_world.h"
#include "tests/contract/step.h"

enum { DATAGRAMS = 6, GONE = 1, STAYS = 2, POINTS_MAX = 60, SEGMENT_MAX = 65536 };
enum { SEGMENT, RING, SEEN, REGIONS };

static struct wire queue[DATAGRAMS];
static const uint8_t senders[DATAGRAMS] = {0, 1, 0, 1, 0, 1}; /* exporters 1 and 2 */
static char folder[64];

/* what is known of the two: [0] is to be forgotten */
struct known {
	unsigned sources[2], templates[2], options[2], waiting[2];
	uint64_t flows[2];
};

/* ---- traffic: a template, a rate, an application's name, a flow, a set that waits; from two domains ------------- */

static void
make_traffic(void)
{
	static const uint16_t fields[][2] = {{8, 4}, {12, 4}, {1, 4}, {2, 4}};
	for (unsigned i = 0; i < DATAGRAMS; i++) {
		struct wire *w = &queue[i];
		w_v9_header(w, 5000, 1760000000, i / 2, i < 2 ? 3 : 4);
		unsigned at = w_set(w, 0);
		w_template(w, 256 + i, fields, 4);
		w_set_end(w, at);
		at = w_set(w, 1);
		w16(w, 400), w16(w, 4), w16(w, 12), w16(w, 1), w16(w, 4), w16(w, 34), w16(w, 4), w16(w, 95),
			w16(w, 4), w16(w, 96), w16(w, 4);
		w_set_end(w, at);
		at = w_set(w, 400);
		w32(w, 0), w32(w, 10 + i), w32(w, 0x0d000001), w32(w, 0x61626300 + i);
		w_set_end(w, at);
		at = w_set(w, 256 + i);
		w32(w, 0x0a000001 + i), w32(w, 0xc0a80001), w32(w, 100), w32(w, 1);
		w_set_end(w, at);
		at = w_set(w, 300 + i);
		w32(w, 1);
		w_set_end(w, at);
	}
}

/* ---- one process's side ------------------------------------------------------------------------ */

static void
attach(struct ingest_side *s, void *const *at, struct kv *kv, unsigned db)
{
	memset(s, 0, sizeof *s);
	s->queue = queue;
	s->from = senders;
	s->n = DATAGRAMS;
	s->batch = 3;
	CHECK(ingest_attach(s, at[SEGMENT], at[RING], at[SEEN], kv, db) == 0);
}

static int
count(void *ctx, const struct learn_key *key, const uint8_t *value, size_t n)
{
	unsigned *of = ctx;
	(void)value, (void)n;
	if (key->exporter == GONE || key->exporter == STAYS)
		of[key->exporter - 1]++;
	return 0;
}

static void
look(struct ingest_side *s, struct known *k)
{
	struct err err;
	memset(k, 0, sizeof *k);
	for (uint64_t i = 0; i < s->t.stage.next.id[ID_SOURCES]; i++) {
		const struct ft_source *f = &s->t.sources[i];
		unsigned who = f->exporter - GONE;
		CHECK(who < 2);
		k->sources[who]++;
		k->flows[who] += f->flows;
	}
	CHECK(learn_each(&s->t.learn, LEARN_TEMPLATE, count, k->templates, &err) == 0);
	CHECK(learn_each(&s->t.learn, LEARN_SAMPLER, count, k->options, &err) == 0);
	CHECK(learn_each(&s->t.learn, LEARN_OPTION, count, k->options, &err) == 0);
	CHECK(learn_each(&s->t.learn, LEARN_WAITING, count, k->waiting, &err) == 0);
}

static void
format(void *segment, void *ring)
{
	ingest_segment_format(segment, WORLD_SOURCES);
	((struct ingest_header *)segment)->seg.incarnation = 77;
	ring_format(ring, sizeof(struct ft_flow), WORLD_SLOTS);
	((struct ft_ring_header *)ring)->slots = WORLD_SLOTS;
}

/* ---- every instruction -------------------------------------------------------------------------- */

static struct known whole;

static void
step_work(void *ctx, void *const *at)
{
	struct ingest_side s;
	(void)ctx;
	attach(&s, at, NULL, 0);
	ingest_thread_forget(&s.t, GONE);
	ingest_thread_detach(&s.t);
}

static void
step_recover(void *ctx, void *const *at)
{
	struct ingest_side s;
	(void)ctx;
	attach(&s, at, NULL, 0);
	ingest_thread_detach(&s.t);
}

static bool
step_finish(void *ctx, void *const *at, char *why, size_t n)
{
	struct ingest_side s;
	struct known k, after;
	(void)ctx;
	attach(&s, at, NULL, 0);
	look(&s, &k);
	ingest_thread_forget(&s.t, GONE);
	look(&s, &after);
	ingest_thread_detach(&s.t);
	if (k.sources[0] != 0 && (k.sources[0] != whole.sources[0] || k.flows[0] != whole.flows[0]))
		snprintf(why, n, "half of it is forgotten: %u sources with %llu flows", k.sources[0],
			(unsigned long long)k.flows[0]);
	else if (k.sources[1] != whole.sources[1] || k.flows[1] != whole.flows[1])
		snprintf(why, n, "another exporter has suffered");
	else if (after.sources[0] != 0 || after.sources[1] != whole.sources[1] ||
		 after.flows[1] != whole.flows[1])
		snprintf(why, n, "forgetting it again leaves %u sources of it and %u of the other",
			after.sources[0], after.sources[1]);
	else
		return true;
	return false;
}

static void
killed_at_any_instruction(void **state)
{
	struct step_test t = {.name = "forget",
		.work = step_work,
		.recover = step_recover,
		.finish = step_finish,
		.budget_s = 5};
	static uint8_t scratch[1 << 20];
	struct ingest_header h;
	struct ingest_side s;
	void *at[REGIONS];
	(void)state;
	ingest_segment_format(scratch, WORLD_SOURCES);
	memcpy(&h, scratch, sizeof h);
	at[SEGMENT] = step_region(&t, "segment", h.at_datagrams);
	at[RING] =
		step_region(&t, "ring", sizeof(struct ft_ring_header) + WORLD_SLOTS * sizeof(struct ft_flow));
	at[SEEN] = step_region(&t, "seen", sizeof(struct seen));
	format(at[SEGMENT], at[RING]);
	attach(&s, at, NULL, 0);
	ingest_run(&s);
	look(&s, &whole);
	ingest_thread_detach(&s.t);
	assert_int_equal(whole.sources[0], 2);
	assert_int_equal(whole.sources[1], 2);
	struct step_result r = step_run(&t);
	step_free(&t);
	if (r.skipped)
		return;
	assert_int_equal(r.failures, 0);
	assert_true(r.checked > 20);
}

/* ---- every commit ------------------------------------------------------------------------------- */

struct shared {
	struct seen seen;
	struct known before, after, again;
	uint8_t segment[SEGMENT_MAX] __attribute__((aligned(4096)));
	uint8_t ring[sizeof(struct ft_ring_header) + WORLD_SLOTS * sizeof(struct ft_flow)]
		__attribute__((aligned(64)));
};
static struct shared *world;

enum phase { TEACH, FORGET, LOOK };

/* in a process of its own; killed at crash point `fatal` after it has attached (0: none).  true: it came to its end */
static bool
process(enum phase phase, unsigned fatal)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		static struct ingest_side s;
		struct kv *kv;
		struct err err;
		unsigned db;
		char number[16];
		void *at[REGIONS] = {world->segment, world->ring, &world->seen};
		if (learn_open(&kv, &db, folder, &err) != 0)
			_exit(3);
		attach(&s, at, kv, db);
		if (fatal) {
			snprintf(number, sizeof number, "%u", fatal);
			setenv("FT_CRASH_AT", number, 1);
			crash_init();
		}
		if (phase == TEACH)
			ingest_run(&s);
		if (phase == LOOK)
			look(&s, &world->after);
		if (phase != TEACH)
			ingest_thread_forget(&s.t, GONE);
		look(&s, phase == TEACH ? &world->before : &world->again);
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
	format(world->segment, world->ring);
	snprintf(path, sizeof path, "%s/ingest.lmdb", folder);
	(void)unlink(path);
	snprintf(path, sizeof path, "%s/ingest.lmdb-lock", folder);
	(void)unlink(path);
}

static void
nothing_of_it(const struct known *k)
{
	struct known want = world->before;
	want.sources[0] = want.templates[0] = want.options[0] = want.waiting[0] = 0;
	want.flows[0] = 0;
	assert_memory_equal(k, &want, sizeof want);
}

static void
killed_round_any_commit(void **state)
{
	unsigned points = 0, whole_ones = 0;
	(void)state;
	for (unsigned fatal = 1;; fatal++) {
		assert_true(fatal < POINTS_MAX);
		begin();
		assert_true(process(TEACH, 0));
		assert_int_equal(
			world->before.templates[0], 5); /* three, and one of options in each domain */
		assert_int_equal(world->before.waiting[0], 3);
		assert_true(world->before.options[0] >= 4);
		bool ended = process(FORGET, fatal);
		assert_true(process(LOOK, 0));
		bool is_whole = memcmp(&world->after, &world->before, sizeof world->after) == 0;
		if (!is_whole)
			nothing_of_it(&world->after);
		nothing_of_it(&world->again);
		points += !ended;
		whole_ones += is_whole;
		if (ended)
			break;
	}
	print_message("forget: killed at %u points, found whole after %u of them\n", points, whole_ones);
	assert_true(points >= 2 && whole_ones >= 1 && whole_ones < points + 1);
}

/* ---- what belongs to no thread: settings and interfaces ------------------------------------------- */

enum { SET = 1, TOLD = 2 };

static struct ingest g; /* without threads */

static void
remove_parts(void)
{
	static const char *const name[] = {"exporters", "interfaces"};
	char path[96];
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, name[i]);
		(void)unlink(path);
	}
}

static void
open_parts(void)
{
	struct err err;
	memset(&g, 0, sizeof g);
	CHECK(learn_open(&g.kv, &g.db, folder, &err) == 0);
	CHECK(exporters_open(&g.exporters, folder, g.kv, 8, &err) == 0);
	CHECK(interfaces_open(&g.interfaces, folder, g.kv, 32, 8, &err) == 0);
}

static void
close_parts(void)
{
	interfaces_close(&g.interfaces);
	exporters_close(&g.exporters);
	kv_close(g.kv);
}

static const uint8_t address[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1}, none[16];

static uint32_t
teach_parts(void)
{
	struct err err;
	char at[EXPORTER_AT];
	uint32_t id = exporters_id(&g.exporters, address, none);
	json_t *change = json_pack("{s:s, s:i}", "exporter", "192.0.2.1", "sampling", 7);
	struct interface_says says = {.address = address,
		.index = 3,
		.exporter = id,
		.at_us = 1000,
		.from = FT_FROM_EXPORTER,
		.name = (const uint8_t *)"Gi0/3",
		.name_n = 5};
	CHECK(exporter_set(&g.exporters, &id, change, at, &err) == 0);
	json_decref(change);
	CHECK(interfaces_learn(&g.interfaces, &says));
	interfaces_flush(&g.interfaces);
	return id;
}

static unsigned
known_parts(uint32_t id)
{
	json_t *list = interfaces_json(&g.interfaces, FT_KIND_INTERFACE, address, none);
	unsigned known = (exporter_set_of(&g.exporters, id) ? SET : 0) | (json_array_size(list) ? TOLD : 0);
	json_decref(list);
	return known;
}

static void
settings_and_interfaces_go_with_it_whenever_it_is_killed(void **state)
{
	unsigned points = 0, resumed = 0;
	(void)state;
	for (unsigned fatal = 1;; fatal++) {
		char number[16];
		struct err err;
		int status = 0;
		assert_true(fatal < POINTS_MAX);
		begin();
		remove_parts();
		open_parts();
		uint32_t id = teach_parts();
		close_parts();
		fflush(NULL);
		pid_t pid = fork();
		if (pid == 0) {
			open_parts();
			snprintf(number, sizeof number, "%u", fatal);
			setenv("FT_CRASH_AT", number, 1);
			crash_init();
			if (forget_begin(&g, id, &err) != 0 || !forget_done(&g))
				_exit(3);
			_exit(0);
		}
		assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
		open_parts();
		unsigned before = known_parts(id);
		assert_int_equal(forget_resume(&g, &err), 0);
		resumed += g.forget_open;
		if (g.forget_open)
			assert_true(forget_done(&g));
		unsigned after = known_parts(id);
		assert_true(after == 0 || (after == (SET | TOLD) && before == after));
		/* struck out: the next start finds nothing to do */
		assert_int_equal(forget_resume(&g, &err), 0);
		assert_false(g.forget_open);
		close_parts();
		points++;
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			assert_int_equal(after, 0);
			break;
		}
	}
	print_message("forget: killed at %u points, taken up again after %u\n", points - 1, resumed);
	assert_true(points > 4 && resumed > 2);
	remove_parts();
}

int
main(void)
{
	/* fresh pages are zero already: clearing reused ones byte by byte would be most of the steps */
	(void)mallopt(M_MMAP_THRESHOLD, 16384);
	log_open("test", NULL, LOG_L_ALWAYS);
	snprintf(folder, sizeof folder, "/tmp/ft-ingest-forget.XXXXXX");
	world = mmap(NULL, sizeof *world, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (world == MAP_FAILED || mkdtemp(folder) == NULL)
		return 1;
	make_traffic();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_at_any_instruction),
		cmocka_unit_test(killed_round_any_commit),
		cmocka_unit_test(settings_and_interfaces_go_with_it_whenever_it_is_killed),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	begin();
	(void)rmdir(folder);
	return rc;
}
