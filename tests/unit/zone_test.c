/* Zone maps: they may let a block through that has nothing, never deny one that has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/zone.h"

static uint64_t state = 11;
static uint64_t
next(void)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return state >> 20;
}

static void
spans_stay_few_disjoint_ascending_and_cover_everything(void **s)
{
	(void)s;
	for (unsigned turn = 0; turn < 2000; turn++) {
		struct zone z = {0};
		int64_t first[64], last[64];
		unsigned n = 1 + (unsigned)(next() % 64);
		for (unsigned i = 0; i < n; i++) {
			first[i] = (int64_t)(next() % 100000) - 20000;
			last[i] = first[i] + (int64_t)(next() % (turn % 3 ? 50 : 20000));
			zone_add_span(&z, first[i], last[i]);
			z.rows++;
		}
		assert_in_range(z.spans, 1, ZONE_SPANS);
		for (unsigned i = 0; i + 1 < z.spans; i++)
			assert_true(z.span[i].first_us <= z.span[i].last_us &&
				    z.span[i].last_us < z.span[i + 1].first_us);
		for (unsigned i = 0; i < n; i++) {
			bool covered = false;
			for (unsigned k = 0; k < z.spans; k++)
				covered = covered ||
					  (z.span[k].first_us <= first[i] && z.span[k].last_us >= last[i]);
			assert_true(covered);
			assert_true(zone_may_overlap(&z, last[i], last[i] + 1));
			assert_true(zone_may_overlap(&z, first[i] - 5, first[i] + 1));
		}
		assert_false(zone_may_overlap(&z, -50000, -20000));
		assert_false(zone_may_overlap(&z, 200000, 300000));
	}
}

/* one late row among recent ones does not spoil pruning */
static void
a_late_row_has_a_span_of_its_own(void **s)
{
	struct zone z = {.rows = 3};
	(void)s;
	zone_add_span(&z, 1000000, 1000010);
	zone_add_span(&z, 5, 6);
	zone_add_span(&z, 1000005, 1000030);
	assert_int_equal(z.spans, 2);
	assert_false(zone_may_overlap(&z, 7, 1000000));
}

static void
addresses_that_are_there_are_never_denied_and_few_others_pass(void **s)
{
	static const uint32_t sizes[] = {1, 10, 1000, 60000, 150000};
	(void)s;
	for (unsigned k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
		struct zone z = {.filter_words = zone_filter_words(sizes[k])};
		uint64_t *words = calloc(z.filter_words, 8);
		uint32_t wrong = 0;
		assert_true(z.filter_words >= 4);
		z.address_filter = words;
		for (uint32_t i = 0; i < sizes[k]; i++) {
			uint8_t a[16] = {0};
			uint32_t v = i * 2654435761u;
			memcpy(a + 12, &v, 4);
			a[10] = a[11] = 0xff;
			zone_filter_add(words, z.filter_words, a);
		}
		for (uint32_t i = 0; i < sizes[k]; i++) {
			uint8_t a[16] = {0};
			uint32_t v = i * 2654435761u;
			memcpy(a + 12, &v, 4);
			a[10] = a[11] = 0xff;
			assert_true(zone_may_have_address(&z, a));
			a[0] = 0x20; /* another address */
			wrong += zone_may_have_address(&z, a);
		}
		assert_true(wrong <= (sizes[k] > 80000 ? sizes[k] / 6 : sizes[k] / 50) +
					     1); /* the filter is bounded */
		free(words);
	}
	assert_int_equal(zone_filter_words(10000000), 0);
}

static void
stored_zones_read_back_and_damaged_ones_do_not(void **s)
{
	uint64_t words[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct zone z = {.commit = 5,
		.rows = 7,
		.spans = 1,
		.span = {{1, 2}},
		.exporters = 1,
		.file_offset = 4112,
		.filter_words = 8,
		.address_filter = words};
	size_t n = zone_value_bytes(&z);
	uint8_t *value = malloc(n);
	(void)s;
	zone_value_write(&z, value);
	struct zone *back = zone_value_read(value, n);
	assert_non_null(back);
	assert_int_equal(back->file_offset, 4112);
	assert_memory_equal(back->address_filter, words, sizeof words);
	free(back);
	for (size_t i = 0; i < n; i += 3) {
		value[i] ^= 4;
		assert_null(zone_value_read(value, n));
		value[i] ^= 4;
	}
	for (size_t cut = 0; cut < n; cut += 8)
		assert_null(zone_value_read(value, cut));
	free(value);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_stay_few_disjoint_ascending_and_cover_everything),
		cmocka_unit_test(a_late_row_has_a_span_of_its_own),
		cmocka_unit_test(addresses_that_are_there_are_never_denied_and_few_others_pass),
		cmocka_unit_test(stored_zones_read_back_and_damaged_ones_do_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
