/* Counters in shared memory: they go on over a restart, a peer reads them, foreign rows are not mixed up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/counters.h"
#include "common/shm.h"

static char dir[] = "/dev/shm/counters-test.XXXXXX";

static void
they_count_before_they_are_opened(void **state)
{
	(void)state;
	counter_add(COUNTER_store_commits, 3);
	assert_int_equal(counter_get(COUNTER_store_commits), 3);
}

/* one life of the process */
static void
live(uint64_t add)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct err err;
		if (counters_open(dir, "ingest", &err) != 0)
			_exit(2);
		counter_add(COUNTER_ingest_flows, add);
		counters_ready(true);
		_exit(0); /* as abrupt as a kill: nothing is flushed by hand */
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
sums_go_on_over_a_restart_and_a_peer_sees_them(void **state)
{
	(void)state;
	struct err err;
	live(5);
	live(7);
	const struct ft_counters *c = counters_peer(dir, "ingest", &err);
	assert_non_null(c);
	assert_int_equal(atomic_load(&c->value[COUNTER_ingest_flows]), 12);
	assert_int_equal(atomic_load(&c->ready), 1);
	assert_true(atomic_load(&c->beat_us) >= atomic_load(&c->started_us));
	counters_peer_close(c);
	assert_null(counters_peer(dir, "tracker", &err));
	assert_int_equal(err.code, FT_ENOENT);
}

static void
a_segment_with_other_rows_is_refused_to_a_peer_and_made_anew_by_its_owner(void **state)
{
	(void)state;
	struct err err;
	struct shm s;
	struct shm_kind other = {FT_COUNTERS_MAGIC, FT_COUNTERS_VERSION, 12345};
	assert_int_equal(shm_create(&s, dir, "counters.store", &other, 4096, &err), 0);
	assert_int_equal(shm_publish(&s, &err), 0);
	shm_close(&s);
	assert_null(counters_peer(dir, "store", &err));
	assert_int_equal(err.code, FT_ELAYOUT);
	assert_int_equal(counters_open(dir, "store", &err), 0);
	const struct ft_counters *c = counters_peer(dir, "store", &err);
	assert_non_null(c);
	counters_peer_close(c);
}

static void
rows_say_whose_they_are_and_what_they_count(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNTERS; i++) {
		assert_true(counter_rows[i].process[0] && counter_rows[i].name[0] && counter_rows[i].help[0]);
		for (unsigned j = 0; j < i; j++)
			assert_false(strcmp(counter_rows[i].name, counter_rows[j].name) == 0 &&
				     strcmp(counter_rows[i].process, counter_rows[j].process) == 0);
	}
	assert_true(counter_rows[COUNTER_store_rows].gauge);
	assert_false(counter_rows[COUNTER_ingest_flows].gauge);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_count_before_they_are_opened),
		cmocka_unit_test(sums_go_on_over_a_restart_and_a_peer_sees_them),
		cmocka_unit_test(a_segment_with_other_rows_is_refused_to_a_peer_and_made_anew_by_its_owner),
		cmocka_unit_test(rows_say_whose_they_are_and_what_they_count),
	};
	if (mkdtemp(dir) == NULL)
		return 1;
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	(void)shm_remove(dir, "counters.ingest");
	(void)shm_remove(dir, "counters.store");
	rmdir(dir);
	return rc;
}
