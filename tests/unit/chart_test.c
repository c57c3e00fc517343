/* Pictures: every format is written, bad requests are refused in words, numbers read well. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "render/chart.h"

enum { SLOTS = 60, SERIES = 7 };
static double values[SERIES + 1][SLOTS];

static struct chart
sample(void)
{
	static const char *const label[SERIES] = {"10.0.0.1", "10.2.3.4", "2001:db8:1::a00:12ff:fe34:5678",
		"192.0.2.77", "198.51.100.4", "a very long friendly name that will not fit", "203.0.113.9"};
	struct chart c = {.title = "IP by BYTES",
		.subtitle = "SRVPORT == 443, last hour",
		.from_us = 1760000000000000,
		.to_us = 1760003600000000,
		.complete_until_us = 1760003400000000,
		.slots = SLOTS,
		.unit = CHART_BITS,
		.n = SERIES,
		.other = values[SERIES]};
	for (unsigned i = 0; i <= SERIES; i++) {
		double sum = 0;
		for (unsigned t = 0; t < SLOTS; t++) {
			values[i][t] = floor(1e7 / (i + 1) * (1.3 + sin(t / 5.0 + i)));
			sum += values[i][t];
		}
		if (i < SERIES)
			c.series[i] = (struct chart_series){label[i], values[i], sum};
		else
			c.other_total = sum;
	}
	return c;
}

static void
every_format_is_written(void **state)
{
	(void)state;
	static const char *const end[] = {"png", "tga", "svg", "pdf"};
	const char *keep = getenv("FT_KEEP_PICTURES");
	for (unsigned i = 0; i < 4; i++) {
		char path[256];
		struct stat st;
		struct err err;
		struct chart c = sample();
		snprintf(path, sizeof path, "%s/chart_test.%d.%s", keep ? keep : "/tmp", (int)getpid(),
			end[i]);
		assert_int_equal(chart_write(&c, path, &err), 0);
		assert_int_equal(stat(path, &st), 0);
		assert_true(st.st_size > 5000);
		if (!keep)
			unlink(path);
	}
}

static void
what_cannot_be_drawn_is_refused_in_words(void **state)
{
	(void)state;
	struct err err;
	struct chart c = sample();
	assert_int_equal(chart_write(&c, "/tmp/x.gif", &err), FT_EINVAL);
	assert_non_null(strstr(err.text, ".tga, .png"));
	c.slots = 0;
	assert_int_equal(chart_write(&c, "/tmp/x.png", &err), FT_EINVAL);
	c = sample();
	assert_int_equal(chart_write(&c, "/nonexistent/x.png", &err), FT_ESYS);
	assert_non_null(strstr(err.text, "/nonexistent/x.png"));
}

static void
numbers_read_well(void **state)
{
	(void)state;
	static const struct {
		double v;
		const char *text;
	} row[] = {{0, "0"}, {7, "7"}, {999, "999"}, {1000, "1.0 K"}, {12345, "12 K"}, {1.5e9, "1.5 G"}};
	for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++) {
		char out[16];
		chart_number(row[i].v, out);
		assert_string_equal(out, row[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_format_is_written),
		cmocka_unit_test(what_cannot_be_drawn_is_refused_in_words),
		cmocka_unit_test(numbers_read_well),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
