/* Snapshots taken while the store appends, seals, changes segments and expires in another thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/wait.h>
#include <cmocka.h>

#include "common/log.h"
#include "tests/unit/store_help.h"

enum { READERS = 2, SEAL = FT_BLOCK_ROWS == 64 ? 50 : 4000, SLICES = SEAL * 25 };

static struct bench b;
static _Atomic bool done;
static _Atomic uint64_t reads;

struct reader {
	struct snapshot_reader *r;
	bool expiring;
	char why[300];
};

static void *
read_on(void *ctx)
{
	struct reader *x = ctx;
	uint64_t before = 0;
	for (bool last = false; !last && x->why[0] == '\0';) {
		last = atomic_load(&done);
		struct seen o;
		bench_read(&b, x->r, SLICES, &o);
		if (o.twice || o.foreign || o.bad_blocks || o.missing_segments || o.rows != o.distinct)
			snprintf(x->why, sizeof x->why, "%llu twice, %llu wrong (%s), %llu bad, %llu missing",
				(unsigned long long)o.twice, (unsigned long long)o.foreign, o.why,
				(unsigned long long)o.bad_blocks, (unsigned long long)o.missing_segments);
		if (!x->expiring && o.distinct < before)
			snprintf(x->why, sizeof x->why, "slices went away: %llu, then %llu",
				(unsigned long long)before, (unsigned long long)o.distinct);
		before = o.distinct;
		atomic_fetch_add(&reads, 1);
	}
	return NULL;
}

static void
run(bool expiring)
{
	struct store_settings set = bench_settings();
	struct reader reader[READERS] = {{0}};
	pthread_t thread[READERS];
	struct err err;
	set.segment_rows = SEAL * 2;
	set.segments = expiring ? 3 : 1000;
	bench_open(&b, "snapshot");
	bench_ring(&b, 1024);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	atomic_store(&done, false);
	atomic_store(&reads, 0);
	for (unsigned i = 0; i < READERS; i++) {
		/* each a reader of its own, the second one shared with nobody either: threads of one are tried by queryd */
		assert_int_equal(snapshot_reader_open(&reader[i].r, b.shm, b.database, true, NULL), FT_OK);
		reader[i].expiring = expiring;
		assert_int_equal(pthread_create(&thread[i], NULL, read_on, &reader[i]), 0);
	}
	for (uint64_t i = 0; i < SLICES;) {
		uint64_t n = bench_send(&b, i, SLICES - i < 40 ? SLICES - i : 40);
		bench_take(&b);
		i += n;
		if (store_counts(&b.st).rows >= SEAL) {
			assert_int_equal(store_next(&b.st, &err), FT_OK);
			/* give readers a chance between seals: wait for one more whole reading */
			uint64_t was = atomic_load(&reads);
			while (atomic_load(&reads) == was)
				(void)sched_yield();
		}
		if (expiring)
			expire_run(&b.st);
	}
	atomic_store(&done, true);
	for (unsigned i = 0; i < READERS; i++) {
		(void)pthread_join(thread[i], NULL);
		snapshot_reader_close(reader[i].r);
		if (reader[i].why[0])
			fail_msg("%s", reader[i].why);
	}
	if (!expiring)
		bench_expect(&b, SLICES);
	bench_close(&b);
}

/*
 * In a process of its own: writer and readers open the same LMDB files here, which LMDB does not allow within one process
 * (its lock file's mutexes may be set up again while a thread still has one in its list of robust ones).  In life they are
 * two processes.  What the first case leaves behind must not meet the second one's.
 */
static void
run_apart(bool expiring)
{
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		run(expiring); /* a failure goes on to the end of main, which does not end with 0 */
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
snapshots_across_seals_and_segments_are_whole(void **s)
{
	(void)s;
	run_apart(false);
}

static void
snapshots_across_expiry_miss_nothing_that_is_listed(void **s)
{
	(void)s;
	run_apart(true);
}

static int
touch_beyond(void *ctx)
{
	return *(volatile const char *)ctx ? FT_OK : FT_EINVAL;
}

static int
nested(void *ctx)
{
	assert_int_equal(guard_run(touch_beyond, ctx), FT_EFORMAT);
	return FT_OK;
}

static void
a_page_that_is_gone_ends_the_guarded_call_only(void **s)
{
	struct err err;
	struct shm m;
	static const struct shm_kind kind = {"FTTEST", 1, 1};
	(void)s;
	bench_open(&b, "guard");
	assert_int_equal(shm_create(&m, b.shm, "page", &kind, 65536, &err), FT_OK);
	assert_int_equal(ftruncate(m.fd, 4096), 0);
	assert_int_equal(guard_run(touch_beyond, (char *)m.base + 8192), FT_EFORMAT);
	assert_int_equal(guard_run(nested, (char *)m.base + 8192), FT_OK);
	shm_close(&m);
	bench_close(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(snapshots_across_seals_and_segments_are_whole),
		cmocka_unit_test(snapshots_across_expiry_miss_nothing_that_is_listed),
		cmocka_unit_test(a_page_that_is_gone_ends_the_guarded_call_only),
	};
	log_open("snapshot_test", NULL, LOG_L_CRITICAL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
