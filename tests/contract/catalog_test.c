/* The catalog's twin records: a reader never sees half of one, however fast the writer is (contract/catalog.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/catalog.h"

enum { PUBLICATIONS = 200000 };
static struct ft_catalog catalog;
static _Atomic bool done;

/* every member follows from n */
static struct ft_catalog_record
record(uint64_t n)
{
	struct ft_catalog_record r = {.first_segment = (uint32_t)n,
		.segment = (uint32_t)n + 1,
		.block = (uint32_t)n + 2,
		.rows = (uint32_t)n + 3,
		.heap = n + 4,
		.durable_rows = (uint32_t)n + 5,
		.tag_version = (uint32_t)n + 6,
		.commit = n + 7,
		.complete_us = (int64_t)n + 8,
		.published_us = (int64_t)n + 9,
		.rows_total = n + 10,
		.resident_segment = (uint32_t)n + 11,
		.resident_block = (uint32_t)n + 12,
		.gap_from_us = (int64_t)n + 13,
		.gap_to_us = (int64_t)n + 14};
	for (unsigned d = 0; d < FT_DICTS; d++)
		r.dict[d] = (uint32_t)n + 20 + d;
	return r;
}

static void *
reader(void *ctx)
{
	uint64_t *bad = ctx, last = 0;
	while (!atomic_load(&done)) {
		struct ft_catalog_record r, want;
		catalog_read(&catalog, &r);
		if (r.seq == 0)
			continue;
		want = record(r.commit - 7);
		want.seq = r.seq;
		if (memcmp(&r, &want, sizeof r) != 0 || r.seq < last) {
			if ((*bad)++ == 0)
				print_message("seq %llu after %llu: commit %llu, first segment %u, last word "
					      "%lld\n",
					(unsigned long long)r.seq, (unsigned long long)last,
					(unsigned long long)r.commit, r.first_segment,
					(long long)r.gap_to_us);
		}
		last = r.seq;
	}
	return NULL;
}

static void
a_reader_sees_whole_records_that_never_go_back(void **s)
{
	pthread_t thread[2];
	uint64_t bad[2] = {0};
	(void)s;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, reader, &bad[i]), 0);
	for (uint64_t n = 0; n < PUBLICATIONS; n++) {
		struct ft_catalog_record r = record(n);
		catalog_publish(&catalog, &r);
	}
	atomic_store(&done, true);
	for (unsigned i = 0; i < 2; i++)
		(void)pthread_join(thread[i], NULL);
	assert_int_equal(bad[0] + bad[1], 0);
	struct ft_catalog_record last;
	catalog_read(&catalog, &last);
	assert_int_equal(last.seq, PUBLICATIONS);
	assert_int_equal(last.commit, PUBLICATIONS - 1 + 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_sees_whole_records_that_never_go_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
