/* Store end to end in one process: rings in, blocks out; restarts, lost shared memory, segments, expiry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/store_help.h"

static struct bench b;

static int
setup(void **state)
{
	(void)state;
	bench_open(&b, "test");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	bench_close(&b);
	return 0;
}

static void
start(void)
{
	struct store_settings set = bench_settings();
	assert_int_equal(bench_start(&b, &set), FT_OK);
}

static void
what_is_sent_is_read_from_the_open_block(void **s)
{
	(void)s;
	bench_ring(&b, 4096);
	start();
	bench_send_all(&b, 0, 50);
	bench_expect(&b, 50);
	bench_send_all(&b, 50, 7);
	bench_expect(&b, 57);
}

enum { SEVERAL = FT_BLOCK_ROWS == 64 ? 1000 : 600000 };

static void
full_blocks_are_sealed_and_read_back(void **s)
{
	(void)s;
	bench_ring(&b, 8192);
	start();
	bench_send_all(&b, 0, SEVERAL);
	assert_true(b.st.block > 0);
	bench_expect(&b, SEVERAL);
	struct snapshot_reader *r;
	struct seen o;
	assert_int_equal(snapshot_reader_open(&r, b.shm, b.database, true, NULL), FT_OK);
	bench_read(&b, r, SEVERAL, &o);
	assert_int_equal(o.unindexed, 0);
	snapshot_reader_close(r);
}

static void
a_killed_store_goes_on_where_it_was(void **s)
{
	(void)s;
	bench_ring(&b, 4096);
	start();
	bench_send_all(&b, 0, 130);
	for (unsigned turn = 0; turn < 5; turn++) {
		bench_stop(&b);
		start();
		bench_expect(&b, 130 + turn * 40);
		bench_send_all(&b, 130 + turn * 40, 40);
	}
	bench_expect(&b, 330);
}

static void
what_was_committed_survives_the_loss_of_shared_memory(void **s)
{
	struct err err;
	(void)s;
	bench_ring(&b, 4096);
	start();
	bench_send_all(&b, 0, 300);
	assert_int_equal(journal_commit(&b.st, &err), FT_OK);
	bench_send_all(&b, 300, 1);
	assert_int_equal(journal_commit(&b.st, &err), FT_OK);
	bench_stop(&b);
	ring_close(&b.ring);
	remove_tree(b.shm);
	mkdir(b.shm, 0750);
	bench_ring(&b, 4096);
	start();
	assert_true(b.st.gap_to_us > 0 && b.st.gap_from_us > 0);
	bench_expect(&b, 301);
	bench_send_all(&b, 301, 200);
	bench_expect(&b, 501);
	/* the gap is remembered over further restarts */
	assert_int_equal(journal_commit(&b.st, &err), FT_OK);
	int64_t gap = b.st.gap_to_us;
	bench_stop(&b);
	start();
	assert_int_equal(b.st.gap_to_us, gap);
}

static void
only_the_store_s_segments_lost_means_ring_positions_hold(void **s)
{
	struct err err;
	char path[300];
	(void)s;
	bench_ring(&b, 4096);
	start();
	bench_send_all(&b, 0, 100);
	assert_int_equal(journal_commit(&b.st, &err), FT_OK);
	bench_stop(&b);
	assert_int_equal(bench_send(&b, 100, 60), 60);
	snprintf(path, sizeof path, "%s/store", b.shm);
	assert_int_equal(unlink(path), 0);
	start();
	bench_take(&b);
	bench_expect(&b, 160);
}

static void
segments_follow_each_other_and_the_oldest_expire(void **s)
{
	struct store_settings set = bench_settings();
	(void)s;
	set.segment_rows = FT_BLOCK_ROWS;
	set.segments = 2;
	bench_ring(&b, 8192);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	bench_send_all(&b, 0, SEVERAL);
	assert_true(b.st.segment > 2);
	bench_expect(&b, SEVERAL);
	bench_stop(&b);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	bench_expect(&b, SEVERAL);
	uint32_t first = b.st.first_segment;
	while (b.st.segment - b.st.first_segment + 1 > 2) {
		expire_run(&b.st);
		assert_int_equal(b.st.first_segment, ++first);
	}
	struct snapshot_reader *r;
	struct seen o;
	assert_int_equal(snapshot_reader_open(&r, b.shm, b.database, true, NULL), FT_OK);
	bench_read(&b, r, SEVERAL, &o);
	snapshot_reader_close(r);
	assert_int_equal(o.missing_segments, 0);
	assert_int_equal(o.foreign, 0);
	assert_true(o.rows < SEVERAL && o.rows > 0);
}

static void
an_index_that_is_deleted_is_made_again(void **s)
{
	struct store_settings set = bench_settings();
	char path[300];
	(void)s;
	set.segment_rows = FT_BLOCK_ROWS;
	bench_ring(&b, 8192);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	bench_send_all(&b, 0, SEVERAL);
	bench_stop(&b);
	snprintf(path, sizeof path, "%s/index.lmdb", b.database);
	assert_int_equal(unlink(path), 0);
	bench_expect(&b, SEVERAL); /* without an index: slower, not less */
	assert_int_equal(bench_start(&b, &set), FT_OK);
	index_mend_start(&b.st);
	/* stopping asks it to end early; a second run goes on, and the third finds all done */
	for (unsigned i = 0; i < 200; i++) {
		struct zone_segment z;
		index_mend_stop(&b.st);
		if (index_get_segment(&b.st, b.st.segment - 1, &z))
			break;
		b.st.mend_stop = false;
		index_mend_start(&b.st);
		pthread_join(b.st.mender, NULL);
		b.st.mending = false;
	}
	struct snapshot_reader *r;
	struct snapshot snap;
	assert_int_equal(snapshot_reader_open(&r, b.shm, b.database, true, NULL), FT_OK);
	assert_int_equal(snapshot_open(r, &snap, NULL), FT_OK);
	for (uint32_t i = 0; i + 1 < snap.n; i++)
		assert_non_null(snap.blocks[i].zone);
	snapshot_close(&snap);
	snapshot_reader_close(r);
	bench_expect(&b, SEVERAL);
}

static void
a_ring_made_anew_is_read_from_its_start(void **s)
{
	char path[300];
	(void)s;
	bench_ring(&b, 4096);
	start();
	bench_send_all(&b, 0, 90);
	ring_close(&b.ring);
	snprintf(path, sizeof path, "%s/slice.0", b.shm);
	assert_int_equal(unlink(path), 0);
	bench_ring(&b, 4096);
	intake_look(&b.st);
	bench_send_all(&b, 90, 90);
	bench_expect(&b, 180);
}

static void
two_stores_on_one_database_are_refused(void **s)
{
	struct store other;
	struct store_settings set = bench_settings();
	struct err err;
	(void)s;
	start();
	assert_int_equal(store_open(&other, b.shm, b.database, &set, &err), FT_EBUSY);
	store_close(&other);
}

static uint64_t
open_inode(void)
{
	struct stat st;
	assert_int_equal(fstat(b.st.open.shm.fd, &st), 0);
	return st.st_ino;
}

/* blocks 0, 2, 4 … share memory, and 1, 3, 5 …, unless a reader still has the old one */
static void
an_open_block_s_memory_is_used_again_unless_it_is_still_read(void **s)
{
	struct snapshot_reader *r;
	struct snapshot seen;
	struct block_view v;
	uint64_t sent = 0, session[64], again[64];
	(void)s;
	bench_ring(&b, 4096);
	struct store_settings set = bench_settings();
	set.segment_rows = 64; /* a block a segment */
	assert_int_equal(bench_start(&b, &set), FT_OK);
	bench_send_all(&b, 0, 40);
	sent = 40;
	uint64_t ino = open_inode();
	assert_int_equal(snapshot_reader_open(&r, b.shm, b.database, true, NULL), FT_OK);
	assert_int_equal(snapshot_open(r, &seen, NULL), FT_OK);
	assert_int_equal(snapshot_view(&seen, 0, &v, NULL), FT_OK);
	assert_int_equal(block_u64(&v, FT_COL_session, 0, 40, session), FT_OK);
	while (b.st.segment < 4)
		bench_send_all(&b, sent, 32), sent += 32;
	assert_int_equal(block_u64(&v, FT_COL_session, 0, 40, again), FT_OK);
	assert_memory_equal(session, again, 40 * sizeof session[0]);
	block_view_close(&v);
	snapshot_close(&seen);
	snapshot_reader_close(r);
	assert_true(open_inode() != ino);
	uint32_t segment = b.st.segment;
	ino = open_inode();
	while (b.st.segment < segment + 2)
		bench_send_all(&b, sent, 32), sent += 32;
	assert_int_equal(open_inode(), ino);
	bench_expect(&b, sent);
	bench_stop(&b);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	bench_expect(&b, sent);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_sent_is_read_from_the_open_block, setup, teardown),
		cmocka_unit_test_setup_teardown(full_blocks_are_sealed_and_read_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_killed_store_goes_on_where_it_was, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_was_committed_survives_the_loss_of_shared_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(
			only_the_store_s_segments_lost_means_ring_positions_hold, setup, teardown),
		cmocka_unit_test_setup_teardown(
			segments_follow_each_other_and_the_oldest_expire, setup, teardown),
		cmocka_unit_test_setup_teardown(an_index_that_is_deleted_is_made_again, setup, teardown),
		cmocka_unit_test_setup_teardown(a_ring_made_anew_is_read_from_its_start, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_open_block_s_memory_is_used_again_unless_it_is_still_read, setup, teardown),
		cmocka_unit_test_setup_teardown(two_stores_on_one_database_are_refused, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
