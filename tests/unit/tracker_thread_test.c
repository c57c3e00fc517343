/*
 * tracker_thread_test.c - the tracker's thread over real segments: killed at random moments and at every crash point,
 * resized, drained, stopped in order.  What a consumer saw in the end must be what was produced.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/crash.h"
#include "common/log.h"
#include "tests/unit/tracker_world.h"
#include "tracker/segment.h"
#include "tracker/thread.h"

enum { KEYS = 200, SESSIONS_MOST = 1 << 19, FLOWS = 400000 };

static const struct shm_kind flow_kind = {FT_FLOW_MAGIC, FT_FLOW_VERSION, FT_FLOW_LAYOUT};
static const struct shm_kind slice_kind = {FT_SLICE_MAGIC, FT_SLICE_VERSION, FT_SLICE_LAYOUT};

struct sum {
	uint64_t bytes[2], flows[2];
};

static struct {
	char dir[64];
	struct ring flows, slices;
	bool slices_open;
	uint64_t pushed, taken, rnd;
	struct sum want[KEYS], have[KEYS];
	struct settings set[2];
	uint64_t slices_seen;
	/* of each session: its hull as the slices so far make it */
	int64_t start[SESSIONS_MOST], prev[SESSIONS_MOST];
} t;

static void
remove_all(const char *dir)
{
	DIR *d = opendir(dir);
	if (d == NULL)
		return;
	for (const struct dirent *e; (e = readdir(d)) != NULL;) {
		char path[400];
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && unlink(path) != 0)
			remove_all(path);
	}
	closedir(d);
	rmdir(dir);
}

static int
set_up(void **state)
{
	struct err err;
	(void)state;
	memset(&t, 0, sizeof t);
	log_set_level(LOG_L_ALWAYS);
	snprintf(t.dir, sizeof t.dir, "/dev/shm/tracker_test_XXXXXX");
	if (mkdtemp(t.dir) == NULL)
		return -1;
	for (unsigned i = 0; i < 2; i++) {
		t.set[i] = (struct settings){.capacity = i ? 50 : 80,
			.interval_s = 1,
			.timeout_s = 7200,
			.linger_s = 15,
			.resizable = true};
		service_ports_init(&t.set[i].services);
	}
	if (ring_create(&t.flows, t.dir, "flow.0.0", &flow_kind, sizeof(struct ft_flow), FT_RING_MIN_SLOTS,
		    &err) != 0)
		return -1;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	ring_close(&t.flows);
	ring_close(&t.slices);
	remove_all(t.dir);
	return 0;
}

/* ---- producer and consumer -------------------------------------------------------------------- */

static void
produce(unsigned n)
{
	for (; n > 0 && ring_room(&t.flows, t.pushed, 1) > 0; n--) {
		uint64_t r = world_random(&t.rnd);
		unsigned key = (unsigned)(r % KEYS), reply = r >> 20 & 1;
		int64_t at = (int64_t)t.pushed;
		struct ft_flow f = reply ? world_flow(2, 50000 + key, 1, 40000, at, at + 1)
					 : world_flow(1, 40000, 2, 50000 + key, at, at + 1);
		f.bits |= FT_FLOW_HAS_TOS;
		f.tos = (uint8_t)(r >> 30 & 1);
		f.bytes = r >> 40 & 0xffff;
		*(struct ft_flow *)ring_slot(&t.flows, t.pushed) = f;
		t.want[key].bytes[reply] += f.bytes;
		t.want[key].flows[reply]++;
		t.pushed++;
	}
	ring_publish(&t.flows, t.pushed);
}

static void
take(const struct ft_slice *s)
{
	unsigned mine = s->client_port == 40000 ? 0 : 1;
	unsigned key = (mine ? s->client_port : s->server_port) - 50000u;
	uint64_t id = s->session & 0xffffff;
	assert_in_range(key, 0, KEYS - 1);
	assert_in_range(id, 0, SESSIONS_MOST - 1);
	t.have[key].bytes[mine] += s->client_bytes;
	t.have[key].bytes[1 - mine] += s->server_bytes;
	t.have[key].flows[mine] += s->client_flows;
	t.have[key].flows[1 - mine] += s->server_flows;
	assert_int_equal(s->start_us, t.start[id]);
	assert_int_equal(s->prev_us, t.prev[id]);
	if (t.start[id] == 0 || s->first_us < t.start[id])
		t.start[id] = s->first_us;
	if (s->last_us > t.prev[id])
		t.prev[id] = s->last_us;
	t.slices_seen++;
}

static void
consume(void)
{
	struct err err;
	if (!t.slices_open)
		t.slices_open =
			ring_attach(&t.slices, t.dir, "slice.0", &slice_kind, FT_RING_CONSUMER, &err) == 0;
	if (!t.slices_open)
		return;
	for (uint64_t filled = ring_filled(&t.slices, t.taken); t.taken < filled;) {
		const struct ft_slice *s = ring_slot(&t.slices, t.taken);
		take(s);
		t.taken += s->slots;
	}
	ring_release(&t.slices, t.taken);
}

static void
expect_all(void)
{
	consume();
	for (unsigned k = 0; k < KEYS; k++)
		if (memcmp(&t.want[k], &t.have[k], sizeof t.want[k]) != 0)
			fail_msg("key %u: %lu and %lu flows of %lu and %lu", k, t.have[k].flows[0],
				t.have[k].flows[1], t.want[k].flows[0], t.want[k].flows[1]);
}

static void
open_thread(struct thread *th)
{
	struct err err;
	struct thread_place where = {
		.dir = t.dir, .statedir = t.dir, .shards = 1, .ring_slots = FT_RING_MIN_SLOTS};
	if (thread_open(th, &where, &t.set[0], &err) != 0 || thread_start(th, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		_exit(3);
	}
}

/* ---- killed ----------------------------------------------------------------------------------- */

/* The tracker as a process.  It ends in order when `end` is closed; meanwhile it may change its size all the time. */
static pid_t
spawn(int end[2], bool resizing)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	static struct thread th;
	char byte;
	close(end[1]);
	open_thread(&th);
	for (unsigned i = 0; resizing; i++) {
		fd_set set;
		struct timeval most = {0, 500};
		FD_ZERO(&set);
		FD_SET(end[0], &set);
		if (select(end[0] + 1, &set, NULL, NULL, &most) > 0)
			break;
		atomic_store(&th.wanted, &t.set[i & 1]);
	}
	while (read(end[0], &byte, 1) > 0)
		;
	thread_stop(&th);
	thread_close(&th);
	_exit(0);
}

static void
feed(int64_t us, uint64_t most)
{
	most += t.pushed;
	for (mono_t until = mono_after(mono_now(), (span_t){us}); mono_now().ns < until.ns;) {
		if (t.pushed < most)
			produce(16);
		consume();
	}
}

static void
kill_rounds(unsigned rounds, bool resizing)
{
	int end[2], status;
	for (unsigned i = 0; i < rounds; i++) {
		assert_int_equal(pipe(end), 0);
		pid_t pid = spawn(end, resizing);
		feed((int64_t)(world_random(&t.rnd) % 12000), FLOWS / rounds);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		close(end[0]);
		close(end[1]);
	}
	assert_int_equal(pipe(end), 0);
	pid_t pid = spawn(end, false);
	while (t.pushed < 50000)
		feed(2000, 50000);
	close(end[1]);
	while (waitpid(pid, &status, WNOHANG) == 0)
		consume();
	close(end[0]);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	expect_all();
	print_message("%u kills, %lu flows, %lu slices\n", rounds, t.pushed, t.slices_seen);
}

static unsigned
rounds(void)
{
	return getenv("FT_SOAK") ? 1000 : 60;
}

static void
random_kills_lose_nothing_and_count_nothing_twice(void **state)
{
	(void)state;
	t.rnd = 101;
	kill_rounds(rounds(), false);
}

static void
random_kills_while_resizing_too(void **state)
{
	(void)state;
	t.rnd = 202;
	kill_rounds(rounds(), true);
}

/* ---- stopped, drained, resized ---------------------------------------------------------------- */

static struct thread th;

/* store goes on taking slices while the tracker stops */
static void
stop_while_consuming(void)
{
	atomic_store(&th.stop, true);
	while (pthread_tryjoin_np(th.id, NULL) != 0)
		consume();
	th.running = false;
	thread_stop(&th);
	thread_close(&th);
}

static void
an_orderly_stop_leaves_nothing_in_shared_memory(void **state)
{
	(void)state;
	t.rnd = 1;
	open_thread(&th);
	produce(500);
	consume();
	stop_while_consuming(); /* it takes what is there before it ends */
	expect_all();
}

static void
a_drain_ends_every_session(void **state)
{
	(void)state;
	t.rnd = 2;
	open_thread(&th);
	produce(300);
	atomic_fetch_add(&th.drains_asked, 1);
	while (atomic_load(&th.drains_done) != 1)
		consume();
	expect_all();
	assert_int_equal(atomic_load(&th.entries), 0);
	thread_stop(&th);
	thread_close(&th);
}

static void
a_running_table_changes_its_size(void **state)
{
	(void)state;
	t.rnd = 3;
	open_thread(&th);
	for (unsigned i = 1; i < 8; i++) {
		uint64_t from = t.pushed;
		while (t.pushed < from + 500) {
			produce(50);
			consume();
		}
		atomic_store(&th.wanted, &t.set[i & 1]);
		while (atomic_load(&th.capacity) != t.set[i & 1].capacity)
			consume();
	}
	stop_while_consuming();
	expect_all();
}

/* ---- crash points ----------------------------------------------------------------------------- */

/* Open, resize if asked; both pass crash points. */
static void
open_and_resize(uint32_t capacity)
{
	struct shm seg;
	struct err err;
	static struct shard s;
	memset(&s, 0, sizeof s);
	if (segment_open(&seg, t.dir, t.dir, 0, 1, 80, 0, &err) != 0 ||
		ring_create(&s.c.out, t.dir, "slice.0", &slice_kind, sizeof(struct ft_slice),
			FT_RING_MIN_SLOTS, &err) != 0 ||
		shard_start(&s, seg.base, &t.set[0], 7, 0, &err) != 0)
		_exit(3);
	if (capacity && segment_resize(&seg, t.dir, &s, capacity, 0, 7, 0, &err) != 0)
		_exit(4);
	_exit(0);
}

static bool
survives_point(unsigned n, uint32_t capacity)
{
	char at[16];
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		snprintf(at, sizeof at, "%u", n);
		setenv("FT_CRASH_AT", at, 1);
		crash_init();
		open_and_resize(capacity);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status))
		assert_int_equal(WEXITSTATUS(status), 0);
	return WIFEXITED(status);
}

static unsigned
stored_epoch(void)
{
	char path[100];
	unsigned epoch = 0;
	snprintf(path, sizeof path, "%s/tracker.epoch", t.dir);
	FILE *f = fopen(path, "r");
	if (f == NULL)
		return 0;
	assert_int_equal(fscanf(f, "%u", &epoch), 1);
	fclose(f);
	return epoch;
}

static void
a_table_made_anew_has_an_epoch_of_its_own_wherever_it_was_killed(void **state)
{
	struct shm seg;
	struct err err;
	unsigned highest = 0, points = 0;
	(void)state;
	for (bool whole = false; !whole; points++) {
		whole = survives_point(points + 1, 0);
		if (segment_open(&seg, t.dir, t.dir, 0, 1, 80, 0, &err) != 0)
			fail_msg("%s", err.text);
		const struct trk_header *h = seg.base;
		assert_true(h->epoch > highest);
		assert_true(h->epoch <= stored_epoch());
		highest = h->epoch;
		shm_close(&seg);
		assert_int_equal(shm_remove(t.dir, "tracker.0"), 0);
	}
	assert_true(points > 5);
}

static void
a_resize_killed_at_any_point_leaves_one_whole_table(void **state)
{
	struct err err;
	struct shm seg;
	unsigned points = 0;
	(void)state;
	t.rnd = 4;
	open_thread(&th);
	produce(100);
	while (atomic_load(&t.flows.h->tail) != t.pushed)
		consume();
	thread_stop(&th);
	uint32_t used = table_used(&th.s.c.t);
	thread_close(&th);
	for (bool whole = false; !whole; points++) {
		whole = survives_point(points + 1, 90 + points);
		if (segment_open(&seg, t.dir, t.dir, 0, 1, 80, 0, &err) != 0)
			fail_msg("%s", err.text);
		struct shard s = {0};
		s.c.set = &t.set[0];
		assert_int_equal(shard_take_table(&s, seg.base, 9, 0, &err), 0);
		assert_int_equal(table_used(&s.c.t), used);
		assert_int_equal(stage_record(&s.c.st)->counter[TRK_N_FLOWS], t.pushed);
		if (whole)
			assert_int_equal(s.c.t.capacity, 90 + points);
		char path[100];
		snprintf(path, sizeof path, "%s/tracker.0.next", t.dir);
		assert_int_not_equal(access(path, F_OK), 0);
		shard_stop(&s);
		shm_close(&seg);
	}
	assert_true(points > 3);
}

static void
another_number_of_threads_is_refused_in_words(void **state)
{
	struct shm seg;
	struct err err;
	(void)state;
	assert_int_equal(segment_open(&seg, t.dir, t.dir, 0, 1, 80, 0, &err), 0);
	shm_close(&seg);
	assert_int_equal(segment_open(&seg, t.dir, t.dir, 0, 2, 40, 0, &err), FT_ELAYOUT);
	assert_non_null(strstr(err.text, "ft-ctl drain"));
}

int
main(void)
{
#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		IN_DIR(random_kills_lose_nothing_and_count_nothing_twice),
		IN_DIR(random_kills_while_resizing_too),
		IN_DIR(an_orderly_stop_leaves_nothing_in_shared_memory),
		IN_DIR(a_drain_ends_every_session),
		IN_DIR(a_running_table_changes_its_size),
		IN_DIR(a_table_made_anew_has_an_epoch_of_its_own_wherever_it_was_killed),
		IN_DIR(a_resize_killed_at_any_point_leaves_one_whole_table),
		IN_DIR(another_number_of_threads_is_refused_in_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
