/* LMDB behind its door: what is written is there after a reopening, bounds and damage are errors in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/crash.h"
#include "common/kv.h"

static char dir[] = "/tmp/kv-test.XXXXXX";
static char path[64];

static struct kv *
open_kv(unsigned flags, size_t map)
{
	struct kv *kv;
	struct err err = {0};
	if (kv_open(&kv, path, map, 4, flags, &err) != 0)
		fail_msg("%s", err.text);
	return kv;
}

static int
fresh(void **state)
{
	char lock[80];
	(void)state;
	snprintf(lock, sizeof lock, "%s-lock", path);
	unlink(path);
	unlink(lock);
	return 0;
}

static void
put(struct kv *kv, const char *key, const char *value)
{
	struct kv_txn *t;
	struct err err = {0};
	unsigned db;
	assert_int_equal(kv_begin(kv, true, &t, &err), 0);
	assert_int_equal(kv_db(t, "things", &db, &err), 0);
	assert_int_equal(kv_put(t, db, key, strlen(key), value, strlen(value), &err), 0);
	assert_int_equal(kv_commit(t, &err), 0);
}

static void
what_is_committed_is_there_after_a_reopening(void **state)
{
	(void)state;
	struct kv *kv = open_kv(KV_CREATE, 1 << 20);
	struct kv_txn *t;
	struct kv_bytes v;
	unsigned db;
	put(kv, "a", "one");
	put(kv, "b", "two");
	kv_close(kv);
	kv = open_kv(KV_READONLY, 0);
	assert_int_equal(kv_begin(kv, false, &t, NULL), 0);
	assert_int_equal(kv_db(t, "things", &db, NULL), 0);
	assert_int_equal(kv_get(t, db, "b", 1, &v), 0);
	assert_int_equal(v.n, 3);
	assert_memory_equal(v.p, "two", 3);
	assert_int_equal(kv_get(t, db, "c", 1, &v), FT_ENOENT);
	kv_abort(t);
	kv_close(kv);
}

static void
an_aborted_transaction_leaves_nothing(void **state)
{
	(void)state;
	struct kv *kv = open_kv(KV_CREATE, 1 << 20);
	struct kv_txn *t;
	struct kv_bytes v;
	unsigned db;
	void *room;
	put(kv, "a", "one");
	assert_int_equal(kv_begin(kv, true, &t, NULL), 0);
	assert_int_equal(kv_db(t, "things", &db, NULL), 0);
	assert_int_equal(kv_reserve(t, db, "b", 1, 4, &room, NULL), 0);
	memcpy(room, "four", 4);
	assert_int_equal(kv_del(t, db, "a", 1, NULL), 0);
	kv_abort(t);
	assert_int_equal(kv_begin(kv, false, &t, NULL), 0);
	assert_int_equal(kv_get(t, db, "a", 1, &v), 0);
	assert_int_equal(kv_get(t, db, "b", 1, &v), FT_ENOENT);
	kv_abort(t);
	kv_close(kv);
}

static void
a_cursor_walks_in_order(void **state)
{
	(void)state;
	struct kv *kv = open_kv(KV_CREATE, 1 << 20);
	struct kv_txn *t;
	struct kv_cursor *c;
	struct kv_bytes k, v;
	unsigned db;
	put(kv, "b", "2");
	put(kv, "d", "4");
	put(kv, "a", "1");
	assert_int_equal(kv_begin(kv, false, &t, NULL), 0);
	assert_int_equal(kv_db(t, "things", &db, NULL), 0);
	assert_int_equal(kv_cursor_open(t, db, &c), 0);
	assert_int_equal(kv_cursor_seek(c, "", 0, &k, &v), 0);
	assert_memory_equal(k.p, "a", 1);
	assert_int_equal(kv_cursor_seek(c, "c", 1, &k, &v), 0);
	assert_memory_equal(k.p, "d", 1);
	assert_int_equal(kv_cursor_next(c, &k, &v), FT_ENOENT);
	assert_int_equal(kv_cursor_last(c, &k, &v), 0);
	assert_memory_equal(v.p, "4", 1);
	kv_cursor_close(c);
	kv_abort(t);
	kv_close(kv);
}

static void
a_full_map_is_an_error_and_the_old_state_stays(void **state)
{
	(void)state;
	struct kv *kv = open_kv(KV_CREATE, 65536);
	struct kv_txn *t;
	struct kv_bytes v;
	struct err err = {0};
	unsigned db;
	void *room;
	put(kv, "a", "one");
	assert_int_equal(kv_begin(kv, true, &t, &err), 0);
	assert_int_equal(kv_db(t, "things", &db, &err), 0);
	assert_int_equal(kv_reserve(t, db, "b", 1, 1 << 20, &room, &err), FT_EFULL);
	assert_non_null(strstr(err.text, path));
	kv_abort(t);
	put(kv, "c", "three");
	assert_int_equal(kv_begin(kv, false, &t, NULL), 0);
	assert_int_equal(kv_get(t, db, "a", 1, &v), 0);
	kv_abort(t);
	kv_close(kv);
}

static void
what_is_not_there_or_no_database_is_said(void **state)
{
	(void)state;
	struct kv *kv;
	struct err err = {0};
	assert_int_equal(kv_open(&kv, path, 0, 0, KV_READONLY, &err), FT_ENOENT);
	assert_non_null(strstr(err.text, path));
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	for (unsigned i = 0; i < 4096; i++)
		fputs("not lmdb", f);
	fclose(f);
	assert_int_equal(kv_open(&kv, path, 0, 0, KV_READONLY | KV_NOLOCK, &err), FT_EFORMAT);
	assert_non_null(strstr(err.text, "damaged"));
}

/* Every crash point of a write is a place where a kill leaves the old state or the new one, nothing else. */
static void
a_kill_at_any_crash_point_leaves_the_old_state_or_the_new(void **state)
{
	(void)state;
	struct kv *kv = open_kv(KV_CREATE, 1 << 20);
	put(kv, "a", "old");
	kv_close(kv);
	bool ended = false;
	for (unsigned n = 1; !ended && n < 50; n++) {
		pid_t pid = fork();
		if (pid == 0) {
			char text[16];
			snprintf(text, sizeof text, "%u", n);
			setenv("FT_CRASH_AT", text, 1);
			crash_init();
			kv = open_kv(0, 0);
			put(kv, "a", "new");
			(void)kv_sync(kv, NULL);
			kv_close(kv);
			_exit(0);
		}
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		ended = WIFEXITED(status);
		assert_true(ended ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == 9);
		struct kv_txn *t;
		struct kv_bytes v;
		unsigned db;
		kv = open_kv(0, 0);
		assert_int_equal(kv_begin(kv, false, &t, NULL), 0);
		assert_int_equal(kv_db(t, "things", &db, NULL), 0);
		assert_int_equal(kv_get(t, db, "a", 1, &v), 0);
		assert_true(v.n == 3 && (memcmp(v.p, "old", 3) == 0 || memcmp(v.p, "new", 3) == 0));
		assert_true(!ended || memcmp(v.p, "new", 3) == 0);
		kv_abort(t);
		kv_close(kv);
	}
	assert_true(ended);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_committed_is_there_after_a_reopening, fresh),
		cmocka_unit_test_setup(an_aborted_transaction_leaves_nothing, fresh),
		cmocka_unit_test_setup(a_cursor_walks_in_order, fresh),
		cmocka_unit_test_setup(a_full_map_is_an_error_and_the_old_state_stays, fresh),
		cmocka_unit_test_setup(what_is_not_there_or_no_database_is_said, fresh),
		cmocka_unit_test_setup(a_kill_at_any_crash_point_leaves_the_old_state_or_the_new, fresh),
	};
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof path, "%s/kv", dir);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	(void)fresh(NULL);
	rmdir(dir);
	return rc;
}
