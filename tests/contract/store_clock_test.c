/* The wall clock jumps by a year, forward and back: nothing is dropped by it, and what is promised of completeness follows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "common/log.h"
#include "store/serve.h"
#include "tests/unit/store_help.h"

enum { BLOCK = 40, BLOCKS = 6 };
#define DAY_US INT64_C(86400000000)
#define YEAR_US (365 * DAY_US)

static struct bench b;
static mono_t now;

/* six segments of a block each, and the time of their newest slice */
static int64_t
build(uint64_t max_age_s)
{
	struct store_settings set = bench_settings();
	struct err err;
	int64_t newest = 0;
	set.segment_rows = BLOCK;
	set.max_age_s = max_age_s;
	bench_open(&b, "clock");
	bench_ring(&b, 1024);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	for (unsigned i = 0; i < BLOCKS; i++) {
		bench_send_all(&b, (uint64_t)i * BLOCK, BLOCK);
		if (store_counts(&b.st).rows > 0)
			assert_int_equal(store_next(&b.st, &err), FT_OK);
	}
	for (uint64_t i = 0; i < (uint64_t)BLOCKS * BLOCK; i++) {
		struct ft_slice s;
		struct ft_slice_ext x;
		bool has;
		slice_make(i, &s, &x, &has);
		newest = s.last_us > newest ? s.last_us : newest;
	}
	now = mono_now();
	return newest;
}

/* looks every five seconds, as the daemon does */
static void
pass(int64_t *wall_us, int64_t seconds)
{
	for (int64_t i = 0; i < seconds; i += 5) {
		now = mono_after(now, span_seconds(5));
		*wall_us += 5000000;
		expire_at(&b.st, *wall_us, now);
	}
}

static void
segments_go_by_age_when_the_clock_goes_as_it_should(void **s)
{
	(void)s;
	int64_t wall = build(86400) + DAY_US / 2;
	uint32_t first = b.st.first_segment;
	pass(&wall, 3600);
	assert_int_equal(b.st.first_segment, first); /* half a day old */
	for (unsigned i = 0; i < 14; i++)
		pass(&wall, 3600);
	assert_int_equal(b.st.first_segment, b.st.segment); /* a day and more; the active one stays */
	bench_close(&b);
}

static void
a_jump_forward_by_a_year_and_back_drops_nothing(void **s)
{
	(void)s;
	int64_t wall = build(30 * 86400) + DAY_US;
	uint32_t first = b.st.first_segment;
	pass(&wall, 60);
	wall += YEAR_US;
	pass(&wall, 1800);
	assert_int_equal(b.st.first_segment, first);
	wall -= YEAR_US; /* put right */
	pass(&wall, 2 * 3600);
	assert_int_equal(b.st.first_segment, first);
	wall -= YEAR_US;
	pass(&wall, 2 * 3600);
	assert_int_equal(b.st.first_segment, first);
	bench_expect(&b, (uint64_t)BLOCKS * BLOCK);
	bench_close(&b);
}

/* a machine that was off for a year: what law forbids to keep goes, an hour later */
static void
what_is_too_old_after_a_jump_goes_when_the_clock_stays_so(void **s)
{
	(void)s;
	int64_t wall = build(30 * 86400) + DAY_US;
	pass(&wall, 60);
	wall += YEAR_US;
	pass(&wall, 3500);
	assert_int_not_equal(b.st.first_segment, b.st.segment);
	pass(&wall, 300);
	assert_int_equal(b.st.first_segment, b.st.segment);
	bench_close(&b);
}

static void
a_start_with_a_clock_a_year_ahead_drops_nothing_for_an_hour(void **s)
{
	struct err err;
	(void)s;
	(void)build(30 * 86400);
	struct store_settings set = b.st.set;
	assert_int_equal(serve_stop(&b.st, &err), FT_OK);
	int64_t wall = wall_now().us + YEAR_US;
	bench_stop(&b);
	ring_close(&b.ring);
	remove_tree(b.shm); /* a reboot */
	assert_int_equal(mkdir(b.shm, 0750), 0);
	bench_ring(&b, 1024);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	uint32_t first = b.st.first_segment;
	now = mono_now();
	pass(&wall, 1800);
	assert_int_equal(b.st.first_segment, first);
	bench_close(&b);
}

static void
completeness_follows_a_clock_that_is_set_back(void **s)
{
	(void)s;
	int64_t wall = build(0) + YEAR_US;
	serve_complete(&b.st, wall);
	int64_t was = b.st.complete_us;
	assert_true(was < wall && was > wall - 60 * INT64_C(1000000));
	serve_complete(&b.st, wall - 1000000); /* slewed: waited for */
	assert_int_equal(b.st.complete_us, was);
	serve_complete(&b.st, wall - YEAR_US);
	assert_int_equal(b.st.complete_us, was - YEAR_US);
	serve_complete(&b.st, wall + YEAR_US);
	assert_int_equal(b.st.complete_us, was + YEAR_US);
	bench_close(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_go_by_age_when_the_clock_goes_as_it_should),
		cmocka_unit_test(a_jump_forward_by_a_year_and_back_drops_nothing),
		cmocka_unit_test(what_is_too_old_after_a_jump_goes_when_the_clock_stays_so),
		cmocka_unit_test(a_start_with_a_clock_a_year_ahead_drops_nothing_for_an_hour),
		cmocka_unit_test(completeness_follows_a_clock_that_is_set_back),
	};
	log_open("store_clock_test", NULL, LOG_L_ALWAYS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
