/*
 * store_crash_test.c - ft-store killed at every crash point (before and after each write, sync, rename, unlink of
 * LMDB and shared memory), over an input that seals blocks, changes segments and expires the oldest.
 *
 *   1 killed, started again, finished: every slice is there once
 *   2 killed, killed again while it recovers, finished
 *   3 killed, shared memory removed (power loss): what was synced is there, once, and the store goes on
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/crash.h"
#include "common/log.h"
#include "tests/unit/store_help.h"

enum { SLICES = 260, BLOCK = 50, COMMIT = 17, POINTS_MAX = 2000 };

static struct bench b;
static char count_file[200];

/* segments of one block; `keep` of them */
static struct store_settings
settings(uint64_t keep)
{
	struct store_settings set = bench_settings();
	set.segment_rows = BLOCK;
	set.segments = keep;
	return set;
}

/* In a child: take everything, with commits and seals at fixed places.  true: it came to its end. */
static bool
run(unsigned fatal, uint64_t keep)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		struct store_settings set = settings(keep);
		struct err err;
		char text[16];
		if (fatal > 0) {
			snprintf(text, sizeof text, "%u", fatal);
			setenv("FT_CRASH_AT", text, 1);
		}
		crash_init();
		if (store_open(&b.st, b.shm, b.database, &set, &err) != FT_OK) {
			fprintf(stderr, "store_open: %s\n", err.text);
			_exit(3);
		}
		uint32_t since = 0;
		while (!intake_drained(&b.st)) {
			uint32_t n = intake_turn(&b.st);
			since += n;
			if ((n == 0 || store_counts(&b.st).rows >= BLOCK) && store_next(&b.st, &err) != FT_OK)
				_exit(4);
			if (since >= COMMIT) {
				since = 0;
				if (journal_commit(&b.st, &err) != FT_OK)
					_exit(5);
			}
			expire_run(&b.st);
		}
		if (journal_commit(&b.st, &err) != FT_OK)
			_exit(6);
		store_close(&b.st);
		_exit(0);
	}
	int status = 0;
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return false;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("the store ended with status %x (crash point %u)", (unsigned)status, fatal);
	return true;
}

static void
begin(uint64_t slices)
{
	bench_open(&b, "crash");
	bench_ring(&b, 1024);
	assert_int_equal(bench_send(&b, 0, slices), slices);
}

static unsigned
points(uint64_t keep)
{
	unsigned n = 0;
	begin(SLICES);
	snprintf(count_file, sizeof count_file, "%s/points", b.root);
	setenv("FT_CRASH_COUNT", count_file, 1);
	assert_true(run(0, keep));
	unsetenv("FT_CRASH_COUNT");
	FILE *f = fopen(count_file, "r");
	assert_non_null(f);
	for (int c; (c = fgetc(f)) != EOF;)
		n += c == '\n';
	fclose(f);
	bench_close(&b);
	assert_in_range(n, 50, POINTS_MAX);
	return n;
}

/* plain builds make large open blocks, so they try every third point; the tiny build tries all */
static unsigned
stride(void)
{
	return FT_BLOCK_ROWS == 64 || getenv("FT_SOAK") ? 1 : 5;
}

static void
killed_at_every_point_nothing_is_lost_or_twice(void **s)
{
	unsigned n = points(100), tried = 0;
	(void)s;
	for (unsigned at = 1; at <= n; at += stride(), tried++) {
		begin(SLICES);
		assert_false(run(at, 100));
		assert_true(run(0, 100));
		bench_expect(&b, SLICES);
		bench_close(&b);
	}
	print_message("%u of %u crash points\n", tried, n);
}

static void
killed_twice_nothing_is_lost_or_twice(void **s)
{
	unsigned n = points(100), tried = 0;
	(void)s;
	for (unsigned at = 1; at <= n; at += 7 * stride())
		for (unsigned again = 1; again <= 12; again += stride(), tried++) {
			begin(SLICES);
			assert_false(run(at, 100));
			if (!run(again, 100))
				assert_true(run(0, 100));
			bench_expect(&b, SLICES);
			bench_close(&b);
		}
	print_message("%u pairs of crash points\n", tried);
}

/* A reader while the store is dead, too. */
static void
what_readers_see_between_kill_and_restart_is_right(void **s)
{
	unsigned n = points(100);
	(void)s;
	for (unsigned at = 1; at <= n; at += 3 * stride()) {
		struct snapshot_reader *r;
		struct snapshot snap;
		struct seen o = {0};
		begin(SLICES);
		assert_false(run(at, 100));
		assert_int_equal(snapshot_reader_open(&r, b.shm, b.database, true, NULL), FT_OK);
		if (snapshot_open(r, &snap, NULL) ==
			FT_OK) { /* before the first catalog there is nothing to see */
			snapshot_close(&snap);
			bench_read(&b, r, SLICES, &o);
		}
		snapshot_reader_close(r);
		if (o.twice || o.foreign || o.bad_blocks || o.missing_segments)
			fail_msg("point %u: %llu twice, %llu wrong (%s), %llu bad, %llu missing", at,
				(unsigned long long)o.twice, (unsigned long long)o.foreign, o.why,
				(unsigned long long)o.bad_blocks, (unsigned long long)o.missing_segments);
		bench_close(&b);
	}
}

static void
after_power_loss_what_was_synced_is_there(void **s)
{
	unsigned n = points(100);
	(void)s;
	for (unsigned at = 1; at <= n; at += 2 * stride()) {
		struct seen o;
		uint64_t durable = 0;
		begin(SLICES);
		assert_false(run(at, 100));
		struct shm c;
		if (shm_open_ro(&c, b.shm, "catalog", &catalog_kind, NULL) == FT_OK) {
			struct ft_catalog_record rec;
			catalog_read(c.base, &rec);
			durable = rec.seq ? rec.rows_total - rec.rows + rec.durable_rows : 0;
			shm_close(&c);
		}
		ring_close(&b.ring);
		remove_tree(b.shm);
		mkdir(b.shm, 0750);
		bench_ring(&b, 1024);
		assert_true(run(0, 100)); /* an empty ring: recovers, ends */
		struct snapshot_reader *r;
		assert_int_equal(snapshot_reader_open(&r, b.shm, b.database, true, NULL), FT_OK);
		bench_read(&b, r, SLICES, &o);
		snapshot_reader_close(r);
		if (o.distinct < durable || o.twice || o.foreign || o.bad_blocks || o.missing_segments)
			fail_msg("point %u: %llu synced, %llu there, %llu twice, %llu wrong (%s)", at,
				(unsigned long long)durable, (unsigned long long)o.distinct,
				(unsigned long long)o.twice, (unsigned long long)o.foreign, o.why);
		/* rows are taken in order, so what is there is a prefix: send the rest */
		assert_int_equal(bench_send(&b, o.distinct, SLICES - o.distinct), SLICES - o.distinct);
		assert_true(run(0, 100));
		bench_expect(&b, SLICES);
		bench_close(&b);
	}
}

static void
killed_while_expiring_the_rest_is_right(void **s)
{
	unsigned n = points(2);
	(void)s;
	for (unsigned at = 1; at <= n; at += 2 * stride()) {
		struct snapshot_reader *r;
		struct seen o;
		begin(SLICES);
		assert_false(run(at, 2));
		assert_true(run(0, 2));
		assert_int_equal(snapshot_reader_open(&r, b.shm, b.database, true, NULL), FT_OK);
		bench_read(&b, r, SLICES, &o);
		snapshot_reader_close(r);
		if (o.twice || o.foreign || o.bad_blocks || o.missing_segments || o.distinct == 0)
			fail_msg("point %u: %llu twice, %llu wrong (%s), %llu missing", at,
				(unsigned long long)o.twice, (unsigned long long)o.foreign, o.why,
				(unsigned long long)o.missing_segments);
		bench_close(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_at_every_point_nothing_is_lost_or_twice),
		cmocka_unit_test(killed_twice_nothing_is_lost_or_twice),
		cmocka_unit_test(what_readers_see_between_kill_and_restart_is_right),
		cmocka_unit_test(after_power_loss_what_was_synced_is_there),
		cmocka_unit_test(killed_while_expiring_the_rest_is_right),
	};
	log_open("store_crash_test", NULL, LOG_L_ALWAYS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
