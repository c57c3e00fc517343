/* What people write for times and frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/timeframe.h"

static const int64_t now = 1383646500123456; /* 2013-11-05 10:15:00.123456 UTC, a Tuesday */
static struct tz *utc, *berlin, *newyork, *sydney;

static int64_t
time_of(const char *text, const struct tz *z)
{
	struct err err = {0};
	int64_t us = -1;
	int rc = timeframe_time(text, z, now, &us, &err);
	return rc == 0 ? us : -1;
}

static void
the_manuals_form_and_iso_8601_name_the_same_instant(void **state)
{
	(void)state;
	int64_t t = 1383646500000000;
	assert_int_equal(time_of("11/05/13 10:15:00", utc), t);
	assert_int_equal(time_of("11/05/2013 10:15:00.25", utc), t + 250000);
	assert_int_equal(time_of("11/05/13 10:15:00.000001", utc), t + 1);
	assert_int_equal(time_of("11/05/13 10:15", utc), t);
	assert_int_equal(time_of("2013-11-05T10:15:00Z", berlin), t);
	assert_int_equal(time_of("2013-11-05T11:15:00+01:00", utc), t);
	assert_int_equal(time_of("2013-11-05 11:15:00", berlin), t);
	assert_int_equal(time_of("1383646500000000", utc), t);
	assert_int_equal(time_of("now", utc), now);
	assert_int_equal(time_of("01/01/70", utc), 0);
}

static void
what_is_no_time_is_refused(void **state)
{
	static const char *const bad[] = {"", "x", "02/30/13 00:00:00", "13/01/13 00:00:00",
		"11/05/13 24:00:00", "11/05/13 10:15:00.1234567", "11/05/13 10:15:00 x",
		"2013-11-05T10:15:00+99:00", "11/05/1 10:15:00", "15m", "00/10/13 00:00:00",
		"11/05/13 10:60:00", "2013-11-05T"};
	(void)state;
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (time_of(bad[i], utc) != -1)
			fail_msg("'%s' was taken", bad[i]);
}

static void
zones_follow_their_summer_time(void **state)
{
	(void)state;
	assert_int_equal(tz_offset(berlin, 1372636800), 7200); /* July 2013 */
	assert_int_equal(tz_offset(berlin, 1388534400), 3600); /* January 2014 */
	assert_int_equal(tz_offset(newyork, 1372636800), -14400);
	assert_int_equal(tz_offset(sydney, 1388534400), 39600);
	/* beyond any table: by the rule */
	assert_int_equal(tz_offset(berlin, 4118083200), 7200); /* 2100-07-01 */
	assert_int_equal(tz_offset(berlin, 4102444800), 3600); /* 2100-01-01 */
	assert_int_equal(tz_offset(sydney, 4102444800), 39600);
	assert_int_equal(tz_offset(sydney, 4118083200), 36000);
	/* the second of the change */
	assert_int_equal(tz_offset(berlin, 1364691599), 3600);
	assert_int_equal(tz_offset(berlin, 1364691600), 7200);
}

static void
our_zones_agree_with_the_c_library(void **state)
{
	static const char *const name[] = {"Europe/Berlin", "America/New_York", "Australia/Sydney",
		"Asia/Kathmandu", "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Apia"};
	(void)state;
	for (unsigned n = 0; n < sizeof name / sizeof name[0]; n++) {
		struct tz *z;
		assert_int_equal(tz_open(&z, name[n], NULL), 0);
		setenv("TZ", name[n], 1);
		tzset();
		for (int64_t t = 100000; t < 4000000000; t += 3600 * 24 * 11 + 977) {
			if (tz_offset(z, t) != tz_offset(NULL, t))
				fail_msg("%s at %lld: %d, not %d", name[n], (long long)t, tz_offset(z, t),
					tz_offset(NULL, t));
			int64_t local = t + tz_offset(z, t);
			assert_int_equal(tz_to_utc(z, local) + tz_offset(z, tz_to_utc(z, local)), local);
		}
		tz_close(z);
	}
	setenv("TZ", "UTC", 1);
	tzset();
}

static void
zones_that_do_not_exist_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "Nowhere/City", "../../etc/passwd", "/etc/localtime", "+", "+99:00", "+1:2:3", "Europe"};
	struct tz *z;
	(void)state;
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(tz_open(&z, bad[i], NULL), FT_ENOENT);
	assert_int_equal(tz_open(&z, "-03:30", NULL), 0);
	assert_int_equal(tz_offset(z, 0), -12600);
	tz_close(z);
}

static void
spans_have_units_from_large_to_small(void **state)
{
	struct err err = {0};
	int64_t us;
	(void)state;
	assert_int_equal(timeframe_span("-15m", &us, &err), 0);
	assert_int_equal(us, 900 * 1000000LL);
	assert_int_equal(timeframe_span("1y2M3w4d5h6m7s", &us, &err), 0);
	assert_int_equal(us, ((365 + 60 + 21 + 4) * 86400LL + 5 * 3600 + 6 * 60 + 7) * 1000000);
	assert_int_equal(timeframe_span("2d1w", &us, &err), FT_EINVAL);
	assert_non_null(strstr(err.text, "write 1w2d"));
	assert_int_equal(timeframe_span("1h1h", &us, &err), FT_EINVAL);
	assert_non_null(strstr(err.text, "twice"));
	static const char *const bad[] = {"", "-", "15", "m", "15x", "1.5h", "0s", "--1h", "999999999y"};
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(timeframe_span(bad[i], &us, &err), FT_EINVAL);
}

static void
frame_is(const char *text, const struct tz *z, const char *from, const char *to)
{
	struct err err = {0};
	int64_t a, b;
	char t[TIMEFRAME_TEXT];
	if (timeframe_frame(text, z, now, &a, &b, &err) != 0)
		fail_msg("%s", err.text);
	timeframe_print(a, z, t);
	assert_string_equal(t, from);
	timeframe_print(b, z, t);
	assert_string_equal(t, to);
}

static void
named_frames_are_those_of_the_zone(void **state)
{
	(void)state;
	frame_is("15m", utc, "11/05/13 10:00:00.123456", "11/05/13 10:15:00.123456");
	frame_is("this hour", utc, "11/05/13 10:00:00.000000", "11/05/13 10:15:00.123456");
	frame_is("Last-Hour", utc, "11/05/13 09:00:00.000000", "11/05/13 10:00:00.000000");
	frame_is("today", newyork, "11/05/13 00:00:00.000000", "11/05/13 05:15:00.123456");
	frame_is("yesterday", berlin, "11/04/13 00:00:00.000000", "11/05/13 00:00:00.000000");
	frame_is("this week", newyork, "11/03/13 00:00:00.000000", "11/05/13 05:15:00.123456");
	frame_is("last week", newyork, "10/27/13 00:00:00.000000", "11/03/13 00:00:00.000000");
	frame_is("last_month", berlin, "10/01/13 00:00:00.000000", "11/01/13 00:00:00.000000");
	frame_is("this year", berlin, "01/01/13 00:00:00.000000", "11/05/13 11:15:00.123456");
	int64_t a, b;
	assert_int_equal(timeframe_frame("next hour", utc, now, &a, &b, NULL), FT_EINVAL);
	/* the day of the change has 25 hours in New York */
	assert_int_equal(timeframe_frame("last week", newyork, now, &a, &b, NULL), 0);
	assert_int_equal((b - a) / 1000000, 7 * 86400);
	assert_int_equal(timeframe_frame("this week", newyork, now, &a, &b, NULL), 0);
	assert_int_equal((b - a) / 1000000, 2 * 86400 + 3600 + 5 * 3600 + 900);
}

static void
spans_print_as_they_are_written(void **state)
{
	char t[40];
	(void)state;
	timeframe_print_span(900000000, t);
	assert_string_equal(t, "15m");
	timeframe_print_span((7 * 86400 * 2) * 1000000LL, t);
	assert_string_equal(t, "2w");
	timeframe_print_span(90061 * 1000000LL, t);
	assert_string_equal(t, "1d1h1m1s");
	timeframe_print_span(250000, t);
	assert_string_equal(t, "0.250s");
}

int
main(void)
{
	setenv("TZ", "UTC", 1);
	if (tz_open(&utc, "UTC", NULL) || tz_open(&berlin, "Europe/Berlin", NULL) ||
		tz_open(&newyork, "America/New_York", NULL) || tz_open(&sydney, "Australia/Sydney", NULL))
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_manuals_form_and_iso_8601_name_the_same_instant),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(zones_follow_their_summer_time),
		cmocka_unit_test(our_zones_agree_with_the_c_library),
		cmocka_unit_test(zones_that_do_not_exist_are_refused),
		cmocka_unit_test(spans_have_units_from_large_to_small),
		cmocka_unit_test(named_frames_are_those_of_the_zone),
		cmocka_unit_test(spans_print_as_they_are_written),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	tz_close(utc);
	tz_close(berlin);
	tz_close(newyork);
	tz_close(sydney);
	return rc;
}
