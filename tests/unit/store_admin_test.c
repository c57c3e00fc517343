/* ft-store's commands for administrators. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "store/admin.h"
#include "store/trim.h"
#include "tests/unit/store_help.h"

enum { BLOCK = 40, SLICES = BLOCK * 4 + 10 };
static struct bench b;
static char conf[300];

static void
build(void)
{
	struct store_settings set = bench_settings();
	struct err err;
	set.segment_rows = BLOCK * 2;
	bench_open(&b, "admin");
	bench_ring(&b, 1024);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	for (unsigned i = 0; i < 4; i++) {
		bench_send_all(&b, (uint64_t)i * BLOCK, BLOCK / 2);
		bench_send_all(&b, (uint64_t)i * BLOCK + BLOCK / 2, BLOCK / 2);
		assert_int_equal(store_next(&b.st, &err), FT_OK);
	}
	bench_send_all(&b, BLOCK * 4, 10);
	assert_int_equal(journal_commit(&b.st, &err), FT_OK);
	snprintf(conf, sizeof conf, "%s/flowtrove.conf", b.root);
	FILE *f = fopen(conf, "w");
	assert_non_null(f);
	fprintf(f, "instance admintest%d\n<storage>\ndatabasepath %s\n</storage>\n", (int)getpid(),
		b.database);
	fclose(f);
}

static int
command(const char *word, const char *argument, const char *more)
{
	char *argv[] = {(char *)(uintptr_t) "ft-store", (char *)(uintptr_t)word, (char *)(uintptr_t) "-c",
		conf, (char *)(uintptr_t)argument, (char *)(uintptr_t)more};
	int rc = admin_main(argument ? more ? 6 : 5 : 4, argv);
	log_open("store_admin_test", NULL, LOG_L_ALWAYS);
	return rc;
}

static void
stats_and_verify_work_beside_a_running_store(void **s)
{
	(void)s;
	build();
	assert_int_equal(command("stats", NULL, NULL), 0);
	assert_int_equal(command("verify", NULL, NULL), 0);
	bench_expect(&b, SLICES);
	bench_close(&b);
}

static void
a_backup_made_while_the_store_runs_is_a_whole_database(void **s)
{
	char copy[150];
	(void)s;
	build();
	snprintf(copy, sizeof copy, "%s/copy", b.root);
	assert_int_equal(command("backup", copy, NULL), 0);
	bench_stop(&b);
	/* elsewhere, without shared memory: journal included */
	remove_tree(b.shm);
	mkdir(b.shm, 0750);
	snprintf(b.database, sizeof b.database, "%s", copy);
	struct store_settings set = bench_settings();
	assert_int_equal(bench_start(&b, &set), FT_OK);
	bench_expect(&b, SLICES);
	bench_close(&b);
}

static void
damage_is_found_by_verify(void **s)
{
	char path[400];
	(void)s;
	build();
	struct zone *z = index_get_block(&b.st, 1, 1);
	assert_non_null(z);
	bench_stop(&b);
	snprintf(path, sizeof path, "%s/segments/00000001.seg", b.database);
	FILE *f = fopen(path, "r+b");
	assert_non_null(f);
	fseek(f, (long)z->file_offset + 4096 + 300, SEEK_SET);
	fputs("damage", f);
	fclose(f);
	free(z);
	assert_int_equal(command("verify", NULL, NULL), 1);
	bench_close(&b);
}

static void
segments_are_detached_and_attached(void **s)
{
	char away[200];
	struct store_settings set = bench_settings();
	struct snapshot_reader *r;
	struct seen o;
	(void)s;
	build();
	snprintf(away, sizeof away, "%s/away", b.root);
	assert_int_equal(mkdir(away, 0750), 0);
	assert_int_equal(command("detach", "1", away), 1); /* the store runs */
	bench_stop(&b);
	assert_int_equal(command("detach", "1", away), 0);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	assert_int_equal(snapshot_reader_open(&r, b.shm, b.database, true, NULL), FT_OK);
	bench_read(&b, r, SLICES, &o);
	snapshot_reader_close(r);
	assert_int_equal(o.distinct, SLICES - BLOCK * 2);
	assert_int_equal(o.missing_segments, 0);
	bench_stop(&b);
	assert_int_equal(command("attach", away, NULL), 0);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	bench_expect(&b, SLICES);
	bench_close(&b);
}

/* Answers, of which none warns. */
static void
expect_quietly(uint64_t distinct)
{
	struct snapshot_reader *r;
	struct seen o;
	assert_int_equal(snapshot_reader_open(&r, b.shm, b.database, true, NULL), FT_OK);
	bench_read(&b, r, SLICES, &o);
	snapshot_reader_close(r);
	assert_int_equal(o.distinct, distinct);
	assert_int_equal(o.twice + o.foreign + o.bad_blocks + o.missing_segments, 0);
}

static void
a_segment_taken_out_between_others_is_not_missed(void **s)
{
	char away[200];
	struct store_settings set = bench_settings();
	(void)s;
	build();
	bench_stop(&b);
	snprintf(away, sizeof away, "%s/away", b.root);
	assert_int_equal(mkdir(away, 0750), 0);
	assert_int_equal(command("detach", "2", away), 0);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	expect_quietly(SLICES - BLOCK * 2);
	bench_stop(&b);
	assert_int_equal(command("attach", away, NULL), 0);
	assert_int_equal(command("attach", away, NULL), 1); /* it is there already */
	assert_int_equal(bench_start(&b, &set), FT_OK);
	bench_expect(&b, SLICES);
	bench_close(&b);
}

static void
segments_of_another_database_are_not_attached(void **s)
{
	char away[200];
	(void)s;
	build();
	bench_stop(&b);
	snprintf(away, sizeof away, "/tmp/ft-admin-away-%d", (int)getpid());
	assert_int_equal(mkdir(away, 0750), 0);
	assert_int_equal(command("detach", "1", away), 0);
	bench_close(&b);
	build(); /* another one */
	bench_stop(&b);
	char path[300];
	snprintf(path, sizeof path, "%s/segments/00000001.seg", b.database);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(command("attach", away, NULL), 1);
	assert_int_not_equal(access(path, F_OK), 0);
	remove_tree(away);
	bench_close(&b);
}

static void
spoil(uint32_t segment, uint32_t block)
{
	char path[400];
	struct zone *z = index_get_block(&b.st, segment, block);
	assert_non_null(z);
	snprintf(path, sizeof path, "%s/segments/%08u.seg", b.database, segment);
	FILE *f = fopen(path, "r+b");
	assert_non_null(f);
	fseek(f, (long)z->file_offset + 4096 + 300, SEEK_SET);
	fputs("damage", f);
	fclose(f);
	free(z);
}

static void
repair_keeps_what_is_sound_and_no_answer_warns_any_more(void **s)
{
	struct store_settings set = bench_settings();
	(void)s;
	build();
	assert_int_equal(command("repair", NULL, NULL), 0); /* nothing is damaged */
	expect_quietly(SLICES);
	spoil(1, 0);
	bench_stop(&b);
	assert_int_equal(command("verify", NULL, NULL), 1);
	assert_int_equal(command("repair", NULL, NULL), 0);
	assert_int_equal(command("verify", NULL, NULL), 0);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	expect_quietly(SLICES - BLOCK);
	bench_stop(&b);
	assert_int_equal(command("repair", NULL, NULL), 0);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	expect_quietly(SLICES - BLOCK);
	bench_close(&b);
}

static void
repair_takes_what_is_lost_from_a_backup(void **s)
{
	char copy[200], path[300];
	struct store_settings set = bench_settings();
	(void)s;
	build();
	snprintf(copy, sizeof copy, "%s/copy", b.root);
	assert_int_equal(command("backup", copy, NULL), 0);
	spoil(1, 1);
	bench_stop(&b);
	snprintf(path, sizeof path, "%s/segments/00000002.seg", b.database);
	assert_int_equal(truncate(path, 4096), 0); /* of this one nothing is left */
	assert_int_equal(command("repair", copy, NULL), 0);
	assert_int_equal(command("verify", NULL, NULL), 0);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	bench_expect(&b, SLICES);
	bench_stop(&b);
	assert_int_equal(unlink(path), 0); /* nor of this one's name */
	assert_int_equal(command("repair", copy, NULL), 0);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	bench_expect(&b, SLICES);
	bench_close(&b);
}

static void
a_segment_of_which_nothing_can_be_read_is_put_away(void **s)
{
	char path[300];
	struct store_settings set = bench_settings();
	(void)s;
	build();
	bench_stop(&b);
	snprintf(path, sizeof path, "%s/segments/00000002.seg", b.database);
	assert_int_equal(truncate(path, 4096), 0);
	assert_int_equal(command("repair", NULL, NULL), 0);
	assert_int_equal(command("verify", NULL, NULL), 0);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	expect_quietly(SLICES - 2 * BLOCK);
	snprintf(path, sizeof path, "%s/damaged/00000002.seg", b.database);
	assert_int_equal(access(path, F_OK), 0);
	bench_close(&b);
}

static void
clear_removes_everything_only_when_the_store_is_stopped(void **s)
{
	(void)s;
	build();
	assert_int_equal(command("clear", "--yes", NULL), 1);
	bench_stop(&b);
	assert_int_equal(command("clear", "--yes", NULL), 0);
	char path[300];
	snprintf(path, sizeof path, "%s/segments/00000001.seg", b.database);
	assert_int_not_equal(access(path, F_OK), 0);
	snprintf(path, sizeof path, "/dev/shm/flowtrove-admintest%d", (int)getpid());
	(void)rmdir(path); /* clear looked there for an open block */
	bench_close(&b);
}

static uint64_t
bytes_on_disk(uint32_t segment)
{
	char path[300];
	struct stat file;
	snprintf(path, sizeof path, "%s/segments/%08u.seg", b.database, segment);
	assert_int_equal(stat(path, &file), 0);
	return (uint64_t)file.st_blocks * 512;
}

static void
free_pages_of_a_finished_segment_are_given_back(void **s)
{
	struct store_settings set = bench_settings();
	struct err err;
	uint64_t freed = 0, again = 0;
	char from[300], to[300];
	struct stat a, z;
	(void)s;
	set.segment_rows = BLOCK * 4;
	bench_open(&b, "trim");
	bench_ring(&b, 1024);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	for (unsigned i = 0; i < 6; i++) {
		for (unsigned part = 0; part < 4;
			part++) { /* journal records in pages that are free afterwards */
			bench_send_all(&b, (uint64_t)i * BLOCK + part * BLOCK / 4, BLOCK / 4);
			assert_int_equal(journal_commit(&b.st, &err), FT_OK);
		}
		assert_int_equal(store_next(&b.st, &err), FT_OK);
	}
	assert_int_equal(b.st.segment, 2);
	uint64_t before = bytes_on_disk(1);
	assert_int_equal(segment_trim(&b.st, 1, &freed, &err), FT_OK);
	assert_true(freed > 0);
	assert_int_equal(bytes_on_disk(1), before - freed);
	assert_int_equal(segment_trim(&b.st, 1, &again, &err), FT_OK);
	assert_int_equal(again, 0);
	bench_expect(&b, BLOCK * 6);
	/* a copy has the holes too */
	snprintf(from, sizeof from, "%s/segments/00000001.seg", b.database);
	snprintf(to, sizeof to, "%s/copy.seg", b.root);
	assert_int_equal(file_copy(from, to), FT_OK);
	assert_int_equal(stat(from, &a), 0);
	assert_int_equal(stat(to, &z), 0);
	assert_int_equal(a.st_size, z.st_size);
	assert_true(z.st_blocks <= a.st_blocks);
	/* found without the index too, and by LMDB */
	bench_stop(&b);
	snprintf(to, sizeof to, "%s/index.lmdb", b.database);
	unlink(to);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	bench_expect(&b, BLOCK * 6);
	/* not known to the index: nothing is done */
	index_drop_segment(&b.st, 1);
	assert_int_not_equal(segment_trim(&b.st, 1, &again, &err), FT_OK);
	bench_close(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stats_and_verify_work_beside_a_running_store),
		cmocka_unit_test(a_backup_made_while_the_store_runs_is_a_whole_database),
		cmocka_unit_test(damage_is_found_by_verify),
		cmocka_unit_test(segments_are_detached_and_attached),
		cmocka_unit_test(free_pages_of_a_finished_segment_are_given_back),
		cmocka_unit_test(a_segment_taken_out_between_others_is_not_missed),
		cmocka_unit_test(segments_of_another_database_are_not_attached),
		cmocka_unit_test(repair_keeps_what_is_sound_and_no_answer_warns_any_more),
		cmocka_unit_test(repair_takes_what_is_lost_from_a_backup),
		cmocka_unit_test(a_segment_of_which_nothing_can_be_read_is_put_away),
		cmocka_unit_test(clear_removes_everything_only_when_the_store_is_stopped),
	};
	log_open("store_admin_test", NULL, LOG_L_ALWAYS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
