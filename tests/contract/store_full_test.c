/*
 * store_full_test.c - the disk fills up (a small tmpfs, mounted by this test if it may): the store says so, keeps what
 * arrives in shared memory, lets the ring fill up, harms nothing, and goes on when there is space again.
 */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/counters.h"
#include "common/log.h"
#include "store/serve.h"
#include "tests/unit/store_help.h"

enum { FIRST = 40, MORE = 30 };
static struct bench b;
static char filler[400];

static bool
small_disk(void)
{
	bench_open(&b, "full");
	assert_int_equal(mkdir(b.database, 0750), 0);
	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		mount("tmpfs", b.database, "tmpfs", 0, "size=12m") != 0) {
		print_message("skipped: a small file system can only be mounted by root\n");
		bench_close(&b);
		return false;
	}
	snprintf(filler, sizeof filler, "%s/filler", b.database);
	return true;
}

static void
fill(void)
{
	static uint8_t page[4096];
	int fd = open(filler, O_WRONLY | O_CREAT, 0600);
	memset(page, 7, sizeof page);
	assert_true(fd >= 0);
	while (write(fd, page, sizeof page) == (ssize_t)sizeof page)
		;
	close(fd);
}

static void
a_full_disk_loses_nothing_and_is_left_by_itself(void **s)
{
	struct store_settings set = bench_settings();
	struct err err;
	(void)s;
	if (!small_disk())
		return;
	bench_ring(&b, 1024);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	bench_send_all(&b, 0, FIRST);
	assert_int_equal(journal_commit(&b.st, &err), FT_OK);
	fill();
	uint64_t failures = counter_get(COUNTER_store_commit_failures);
	/* slices still arrive, and can be queried */
	assert_int_equal(bench_send(&b, FIRST, MORE), MORE);
	while (intake_turn(&b.st) > 0)
		;
	catalog_tell(&b.st);
	assert_int_equal(journal_commit(&b.st, &err), FT_EFULL);
	assert_non_null(strstr(err.text, "full"));
	assert_true(counter_get(COUNTER_store_commit_failures) > failures);
	/* sealing fails too, and changes nothing */
	assert_int_equal(store_next(&b.st, &err), FT_EFULL);
	assert_int_equal(store_next(&b.st, &err), FT_EFULL);
	/* a restart on the full disk */
	bench_stop(&b);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	while (intake_turn(&b.st) > 0)
		;
	catalog_tell(&b.st);
	uint32_t rows = store_counts(&b.st).rows;
	/* the block gets full: what does not fit stays in the ring */
	uint64_t sent = FIRST + MORE;
	sent += bench_send(&b, sent, 100);
	while (intake_turn(&b.st) > 0)
		;
	assert_true(store_counts(&b.st).rows >= rows);
	/* space again */
	assert_int_equal(unlink(filler), 0);
	bench_take(&b);
	assert_int_equal(store_next(&b.st, &err), FT_OK);
	assert_int_equal(journal_commit(&b.st, &err), FT_OK);
	bench_expect(&b, sent);
	bench_stop(&b);
	(void)umount2(b.database, MNT_DETACH);
	bench_close(&b);
}

/* Writing fails in the middle, as a quota or a dying disk would have it: here by a limit on the size of files. */
static void
a_write_error_is_outlived(void **s)
{
	struct store_settings set = bench_settings();
	struct rlimit limit, small;
	char path[300];
	struct stat file;
	(void)s;
	bench_open(&b, "limit");
	bench_ring(&b, 1024);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	bench_send_all(&b, 0, FIRST);
	b.st.next_commit.ns = 0;
	(void)serve_turn(&b.st, NULL);
	assert_int_equal(b.st.durable.rows, FIRST);
	snprintf(path, sizeof path, "%s/segments/00000001.seg", b.database);
	assert_int_equal(stat(path, &file), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = limit;
	small.rlim_cur = (rlim_t)file.st_size + 4096;
	assert_int_equal(bench_send(&b, FIRST, MORE), MORE);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	uint64_t failures = counter_get(COUNTER_store_commit_failures);
	for (unsigned i = 0; i < 3; i++) {
		b.st.next_commit.ns = 0;
		(void)serve_turn(&b.st, NULL);
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	/* whatever failed, and whether it failed: what arrived is stored and readable */
	if (counter_get(COUNTER_store_commit_failures) == failures)
		print_message("the file did not have to grow\n");
	for (unsigned i = 0; i < 4; i++) { /* what had no room is taken from the ring */
		b.st.next_commit.ns = 0;
		(void)serve_turn(&b.st, NULL);
	}
	bench_expect(&b, FIRST + MORE);
	assert_int_equal(b.st.durable.rows, store_counts(&b.st).rows);
	assert_false(b.st.failing);
	bench_stop(&b);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	bench_expect(&b, FIRST + MORE);
	bench_close(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_disk_loses_nothing_and_is_left_by_itself),
		cmocka_unit_test(a_write_error_is_outlived),
	};
	log_open("store_full_test", NULL, LOG_L_ALWAYS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
