/*
 * store_damage_test.c - damaged files: a byte flipped in a block's payload and in each kind of LMDB page, files cut
 * short, garbage.  Readers skip what is damaged and say so, the rest answers, nobody dies; ft-store starts, keeps what
 * shared memory holds, and stores on.
 */
#include <fcntl.h>
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

#include "common/block_format.h"
#include "common/log.h"
#include "common/segment_file.h"
#include "tests/unit/store_help.h"

enum { BLOCKS = 6, ROWS = 32, OPEN_ROWS = 20, SLICES = BLOCKS * ROWS + OPEN_ROWS };

static struct bench b;
static char file[400], index_file[400];

/* One segment of six sealed blocks, and an open one; `finished`: the six in a finished segment. */
static void
build(bool finished)
{
	struct store_settings set = bench_settings();
	struct err err;
	if (finished)
		set.segment_rows = BLOCKS * ROWS;
	bench_open(&b, "damage");
	bench_ring(&b, 1024);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	for (unsigned i = 0; i < BLOCKS; i++) {
		for (unsigned k = 0; k < ROWS; k += 4) {
			bench_send_all(&b, (uint64_t)i * ROWS + k, 4);
			if (k == 20)
				assert_int_equal(journal_commit(&b.st, &err), FT_OK);
		}
		assert_int_equal(store_next(&b.st, &err), FT_OK);
	}
	bench_send_all(&b, BLOCKS * ROWS, OPEN_ROWS);
	assert_int_equal(journal_commit(&b.st, &err), FT_OK);
	snprintf(file, sizeof file, "%s/segments/00000001.seg", b.database);
	snprintf(index_file, sizeof index_file, "%s/index.lmdb", b.database);
}

static uint64_t
file_size(const char *path)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_size;
}

static void
flip(const char *path, uint64_t at, uint8_t bits)
{
	uint8_t byte;
	int fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= bits;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	close(fd);
}

/* cmocka's handlers would let the child go on with the next test */
static void
own_signals(void)
{
	static const int each[] = {SIGBUS, SIGSEGV, SIGFPE, SIGABRT, SIGILL};
	for (unsigned i = 0; i < sizeof each / sizeof each[0]; i++)
		(void)signal(each[i], SIG_DFL);
}

/* In a child, so that a death is seen: what a reader finds.  Never a wrong row, never more than `most` blocks bad. */
static void
read_in_child(uint64_t most_bad, uint64_t least_rows, const char *what)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		own_signals();
		struct snapshot_reader *r;
		struct seen o;
		if (snapshot_reader_open(&r, b.shm, b.database, true, NULL) != FT_OK)
			_exit(2);
		bench_read(&b, r, SLICES, &o);
		snapshot_reader_close(r);
		if (o.foreign || o.twice) {
			fprintf(stderr, "%s: %s\n", what, o.why);
			_exit(3);
		}
		if (o.bad_blocks > most_bad || o.distinct < least_rows) {
			fprintf(stderr, "%s: %llu blocks bad, %llu slices\n", what,
				(unsigned long long)o.bad_blocks, (unsigned long long)o.distinct);
			_exit(4);
		}
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fail_msg("%s: the reader ended with status %x", what, (unsigned)status);
}

/* In a child: ft-store starts on it, takes one more slice and commits. */
static void
start_in_child(const char *what)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		own_signals();
		struct store_settings set = bench_settings();
		struct err err;
		if (store_open(&b.st, b.shm, b.database, &set, &err) != FT_OK) {
			fprintf(stderr, "%s: %s\n", what, err.text);
			_exit(2);
		}
		while (!intake_drained(&b.st))
			if (intake_turn(&b.st) == 0 && store_next(&b.st, &err) != FT_OK)
				_exit(3);
		if (journal_commit(&b.st, &err) != FT_OK) {
			fprintf(stderr, "%s: %s\n", what, err.text);
			_exit(4);
		}
		store_close(&b.st);
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fail_msg("%s: ft-store ended with status %x", what, (unsigned)status);
}

static void
a_flipped_byte_in_a_block_costs_that_block(void **s)
{
	(void)s;
	build(false);
	struct zone *z = index_get_block(&b.st, 1, 2);
	assert_non_null(z);
	struct block_header h;
	int fd = open(file, O_RDONLY);
	assert_int_equal(pread(fd, &h, sizeof h, (off_t)z->file_offset), sizeof h);
	/* the head, each column, each part of a dictionary */
	for (uint32_t i = 0; i < h.columns; i++) {
		struct block_entry e;
		assert_int_equal(
			pread(fd, &e, sizeof e, (off_t)(z->file_offset + sizeof h + i * sizeof e)), sizeof e);
		if (e.bytes == 0)
			continue;
		uint64_t at = z->file_offset + e.offset + e.bytes / 2;
		flip(file, at, 0x10);
		read_in_child(1, SLICES - ROWS, "payload");
		flip(file, at, 0x10);
	}
	for (uint64_t at = 0; at < h.head_bytes; at += 37) {
		flip(file, z->file_offset + at, 0x40);
		read_in_child(1, SLICES - ROWS, "head");
		flip(file, z->file_offset + at, 0x40);
	}
	close(fd);
	free(z);
	read_in_child(0, SLICES, "as it was");
	bench_close(&b);
}

/* Page kinds of LMDB, by their flags at byte 10 of a page. */
static const char *
page_kind(const uint8_t *page, uint64_t number)
{
	uint16_t flags;
	memcpy(&flags, page + 10, 2);
	if (number < 2)
		return "meta page";
	if (flags & 0x04)
		return "overflow page";
	if (flags & 0x02)
		return "leaf page";
	return flags & 0x01 ? "branch page" : "other page";
}

static void
try_pages(const char *path, bool start)
{
	uint64_t size = file_size(path);
	uint8_t *copy = malloc(size);
	int fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, copy, size), (ssize_t)size);
	close(fd);
	unsigned step = FT_BLOCK_ROWS == 64 ? 3 : 9;
	unsigned turn = 0;
	for (uint64_t page = 0; page * 4096 < size; page++) {
		const char *kind = page_kind(copy + page * 4096, page);
		/* the page's header, its directory of nodes, its nodes */
		for (unsigned at = turn++ % step; at < (kind[0] == 'o' ? 16u : 200u);
			at += step * (kind[0] == 'o' ? 3 : 4)) {
			flip(path, page * 4096 + at, (uint8_t)(1u << (at % 8)));
			read_in_child(1, SLICES - ROWS, kind);
			if (start && at % 4 == 0) {
				start_in_child(kind);
				read_in_child(BLOCKS, OPEN_ROWS, kind);
				/* ft-store may have moved on to another segment: back to the beginning */
				free(copy);
				bench_close(&b);
				build(false);
				bench_stop(&b);
				size = file_size(path);
				copy = malloc(size);
				fd = open(path, O_RDONLY);
				assert_int_equal(read(fd, copy, size), (ssize_t)size);
				close(fd);
				if (page * 4096 >= size)
					break;
			} else {
				flip(path, page * 4096 + at, (uint8_t)(1u << (at % 8)));
			}
		}
	}
	free(copy);
}

static void
flipped_bits_in_lmdb_s_pages_of_a_segment_kill_nobody(void **s)
{
	(void)s;
	build(false);
	bench_stop(&b);
	try_pages(file, true);
	bench_close(&b);
}

static void
flipped_bits_in_a_finished_segment_kill_nobody(void **s)
{
	(void)s;
	build(true);
	bench_stop(&b);
	try_pages(file, false);
	bench_close(&b);
}

static void
a_damaged_index_costs_pruning_only(void **s)
{
	(void)s;
	build(false);
	bench_stop(&b);
	uint64_t size = file_size(index_file);
	for (uint64_t page = 0; page * 4096 < size; page++)
		for (uint64_t at = 2 + page % 5; at < 120; at += 29) {
			flip(index_file, page * 4096 + at, 0x21);
			read_in_child(0, SLICES, "index");
			flip(index_file, page * 4096 + at, 0x21);
		}
	flip(index_file, UINT64_C(4096) * 2 + 20, 0xff);
	start_in_child("index");
	read_in_child(0, SLICES, "index made anew");
	bench_close(&b);
}

static void
a_file_cut_short_costs_what_was_cut(void **s)
{
	(void)s;
	build(false);
	bench_stop(&b);
	for (uint64_t size = file_size(file); size > 0; size = size > 5000 ? size - 5000 : 0) {
		assert_int_equal(truncate(file, (off_t)size), 0);
		read_in_child(BLOCKS, OPEN_ROWS, "cut short");
	}
	start_in_child("cut short");
	read_in_child(BLOCKS, OPEN_ROWS, "after the start");
	bench_close(&b);
}

static void
a_file_cut_short_under_a_reader_s_map_costs_blocks_not_the_reader(void **s)
{
	struct snapshot_reader *r;
	struct seen o;
	(void)s;
	build(true);
	assert_int_equal(snapshot_reader_open(&r, b.shm, b.database, true, NULL), FT_OK);
	bench_read(&b, r, SLICES, &o);
	assert_int_equal(o.distinct, SLICES);
	assert_int_equal(truncate(file, 3 * 4096), 0);
	bench_read(&b, r, SLICES, &o);
	assert_int_equal(o.foreign, 0);
	assert_true(o.bad_blocks > 0 && o.distinct >= OPEN_ROWS);
	assert_true(snapshot_bad_blocks(r) > 0);
	snapshot_reader_close(r);
	bench_close(&b);
}

/* The journal in a damaged segment is all there is of the open block: shared memory is gone too. */
static void
a_damaged_journal_without_shared_memory_gives_what_is_whole(void **s)
{
	(void)s;
	build(false);
	bench_stop(&b);
	ring_close(&b.ring);
	remove_tree(b.shm);
	mkdir(b.shm, 0750);
	bench_ring(&b, 1024);
	for (unsigned i = 0; i < 2; i++) /* both meta pages */
		for (unsigned at = 0; at < 200; at += 8)
			flip(file, UINT64_C(4096) * i + at, 0xa5);
	start_in_child("meta pages and shared memory lost");
	read_in_child(0, SLICES, "blocks and journal found by their magic");
	bench_close(&b);
}

/* A power cut in the middle of writing a page: its first sectors are new, the others are not.  One of the last pages of the
 * file at a time, with shared memory gone as well.  What was sealed is whole but for the block that was hit, and of the
 * journal what comes before the page. */
static void
a_torn_last_page_costs_what_was_on_it(void **s)
{
	static const uint8_t zero[2048];
	(void)s;
	for (unsigned back = 1; back <= 8; back++) {
		build(false);
		bench_stop(&b);
		ring_close(&b.ring);
		remove_tree(b.shm);
		mkdir(b.shm, 0750);
		bench_ring(&b, 1024);
		uint64_t pages = file_size(file) / 4096;
		int fd = open(file, O_RDWR);
		assert_true(fd >= 0 && pages > back);
		assert_int_equal(
			pwrite(fd, zero, sizeof zero, (off_t)((pages - back) * 4096 + 2048)), sizeof zero);
		close(fd);
		start_in_child("torn page");
		read_in_child(1, SLICES - ROWS - OPEN_ROWS, "torn page");
		bench_close(&b);
	}
}

static void
garbage_in_the_place_of_a_segment_is_missing_not_deadly(void **s)
{
	(void)s;
	build(true);
	bench_stop(&b);
	int fd = open(file, O_RDWR | O_TRUNC);
	for (unsigned i = 0; i < 5000; i++)
		assert_int_equal(write(fd, "FTBLOCK garbage!", 16), 16);
	close(fd);
	read_in_child(BLOCKS, OPEN_ROWS, "garbage");
	start_in_child("garbage");
	bench_close(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flipped_byte_in_a_block_costs_that_block),
		cmocka_unit_test(flipped_bits_in_lmdb_s_pages_of_a_segment_kill_nobody),
		cmocka_unit_test(flipped_bits_in_a_finished_segment_kill_nobody),
		cmocka_unit_test(a_damaged_index_costs_pruning_only),
		cmocka_unit_test(a_file_cut_short_costs_what_was_cut),
		cmocka_unit_test(a_file_cut_short_under_a_reader_s_map_costs_blocks_not_the_reader),
		cmocka_unit_test(a_damaged_journal_without_shared_memory_gives_what_is_whole),
		cmocka_unit_test(a_torn_last_page_costs_what_was_on_it),
		cmocka_unit_test(garbage_in_the_place_of_a_segment_is_missing_not_deadly),
	};
	log_open("store_damage_test", NULL, LOG_L_ALWAYS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
