/* shm_test.c - segments: whole or not there, held once, refused in words */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/ring.h"
#include "common/shm.h"

static const struct shm_kind kind = {"FTTEST", 0x00010000u, 0x1234abcdu};
static const struct shm_kind other_layout = {"FTTEST", 0x00010000u, 0x1234abceu};
static const struct shm_kind other_version = {"FTTEST", 0x00020000u, 0x1234abcdu};
static const struct shm_kind other_magic = {"FTOTHER", 0x00010000u, 0x1234abcdu};

static char dir[64];

static int
set_up(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof dir, "/tmp/ft-shm-XXXXXX");
	return mkdtemp(dir) == NULL;
}

static int
tear_down(void **state)
{
	char command[128];
	(void)state;
	(void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
	return system(command);
}

static void
make(const char *name, size_t size)
{
	struct shm s;
	struct err e;
	assert_int_equal(shm_create(&s, dir, name, &kind, size, &e), FT_OK);
	assert_int_equal(shm_publish(&s, &e), FT_OK);
	shm_close(&s);
}

static void
a_segment_is_seen_whole_or_not_at_all(void **state)
{
	struct shm made, seen;
	struct err e;
	(void)state;
	assert_int_equal(shm_open_rw(&seen, dir, "a", &kind, &e), FT_ENOENT);
	assert_non_null(strstr(e.text, "not started"));
	assert_int_equal(shm_create(&made, dir, "a", &kind, 5000, &e), FT_OK);
	assert_int_equal(made.size % 4096, 0);
	assert_int_equal(shm_open_rw(&seen, dir, "a", &kind, &e), FT_ENOENT);
	((uint8_t *)made.base)[4999] = 7;
	assert_int_equal(shm_publish(&made, &e), FT_OK);
	assert_int_equal(shm_open_ro(&seen, dir, "a", &kind, &e), FT_OK);
	assert_int_equal(((uint8_t *)seen.base)[4999], 7);
	assert_int_equal(((uint8_t *)seen.base)[4998], 0);
	assert_true(shm_header(&seen)->incarnation != 0 && shm_header(&seen)->size == made.size);
	struct stat st;
	assert_int_equal(fstat(made.fd, &st), 0);
	assert_true((size_t)st.st_blocks * 512 >= made.size); /* not sparse */
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(shm_create(&(struct shm){0}, dir, "a", &kind, 5000, &e), FT_EXIST);
	assert_int_equal(shm_remove(dir, "a"), FT_OK);
	assert_int_equal(shm_remove(dir, "a"), FT_ENOENT);
	assert_int_equal(((uint8_t *)seen.base)[4999], 7); /* a mapping outlives the name */
	shm_close(&made);
	shm_close(&seen);
	shm_close(&seen);
	shm_close(&(struct shm){0});
}

static void
what_a_killed_maker_left_is_made_again_from_zero(void **state)
{
	(void)state;
	struct shm s;
	struct err e;
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (shm_create(&s, dir, "k", &kind, 4096, &e) == FT_OK) {
			memset((uint8_t *)s.base + 64, 0xee, 4032);
			(void)kill(getpid(), SIGKILL);
		}
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	bool made;
	assert_int_equal(shm_open_or_create(&s, dir, "k", &kind, 8192, &made, &e), FT_OK);
	assert_true(made);
	for (size_t i = 64; i < 8192; i++)
		assert_int_equal(((uint8_t *)s.base)[i], 0);
	struct shm second;
	assert_int_equal(shm_create(&second, dir, "k", &kind, 4096, &e), FT_EBUSY);
	assert_non_null(strstr(e.text, "being made"));
	assert_int_equal(shm_publish(&s, &e), FT_OK);
	shm_close(&s);
	assert_int_equal(shm_open_or_create(&s, dir, "k", &kind, 8192, &made, &e), FT_OK);
	assert_false(made);
	shm_close(&s);
}

static void
a_foreign_segment_is_refused_with_the_remedy(void **state)
{
	struct shm s;
	struct err e;
	(void)state;
	make("f", 4096);
	assert_int_equal(shm_open_rw(&s, dir, "f", &other_layout, &e), FT_ELAYOUT);
	assert_non_null(strstr(e.text, "another build"));
	assert_non_null(strstr(e.text, "`ft-ctl drain`"));
	assert_null(s.base);
	assert_int_equal(shm_open_ro(&s, dir, "f", &other_version, &e), FT_ELAYOUT);
	assert_non_null(strstr(e.text, "version 1.0"));
	assert_non_null(strstr(e.text, "`ft-ctl drain`"));
	assert_int_equal(shm_open_ro(&s, dir, "f", &other_magic, &e), FT_ELAYOUT);
	assert_non_null(strstr(e.text, "FTTEST"));
	/* a live holder is named */
	struct shm held;
	char pid[32];
	assert_int_equal(shm_open_rw(&held, dir, "f", &kind, &e), FT_OK);
	assert_int_equal(shm_hold(&held, 0, &e), FT_OK);
	assert_int_equal(shm_open_rw(&s, dir, "f", &other_layout, &e), FT_ELAYOUT);
	(void)snprintf(pid, sizeof pid, "pid %d", (int)getpid());
	assert_non_null(strstr(e.text, pid));
	assert_non_null(strstr(e.text, "start again")); /* the sentence was not cut short */
	shm_close(&held);
}

static void
a_damaged_or_short_file_is_refused(void **state)
{
	struct shm s;
	struct err e;
	char path[128];
	(void)state;
	make("d", 8192);
	(void)snprintf(path, sizeof path, "%s/d", dir);
	assert_int_equal(truncate(path, 4096), 0);
	assert_int_equal(shm_open_rw(&s, dir, "d", &kind, &e), FT_EFORMAT);
	assert_int_equal(truncate(path, 10), 0);
	assert_int_equal(shm_open_rw(&s, dir, "d", &kind, &e), FT_ELAYOUT);
	assert_int_equal(shm_open_rw(&s, dir, "../d", &kind, &e), FT_EINVAL);
	assert_int_equal(shm_open_rw(&s, dir, "", &kind, &e), FT_EINVAL);
}

static void
a_role_is_held_once_and_goes_with_its_holder(void **state)
{
	struct shm a, b;
	struct err e;
	char pid[32];
	int pipe_fd[2], status;
	(void)state;
	make("r", 4096);
	assert_int_equal(pipe(pipe_fd), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (shm_open_rw(&a, dir, "r", &kind, &e) == FT_OK && shm_hold(&a, 1, &e) == FT_OK &&
			write(pipe_fd[1], "x", 1) == 1)
			for (;;)
				(void)pause();
		_exit(1);
	}
	char x;
	close(pipe_fd[1]);
	assert_int_equal(read(pipe_fd[0], &x, 1), 1);
	close(pipe_fd[0]);
	assert_int_equal(shm_open_rw(&b, dir, "r", &kind, &e), FT_OK);
	assert_int_equal(shm_hold(&b, 1, &e), FT_EBUSY);
	(void)snprintf(pid, sizeof pid, "pid %d", (int)child);
	assert_non_null(strstr(e.text, pid));
	assert_int_equal(shm_hold(&b, 0, &e), FT_OK); /* the other role is free */
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(shm_hold(&b, 1, &e), FT_OK);
	shm_close(&b);
}

static void
a_ring_is_made_once_and_joined_by_one_consumer(void **state)
{
	struct ring p, c, x;
	struct err e;
	(void)state;
	assert_int_equal(ring_attach(&c, dir, "ring", &kind, FT_RING_CONSUMER, &e), FT_ENOENT);
	assert_int_equal(ring_create(&p, dir, "ring", &kind, 64, 2000, &e), FT_OK);
	assert_int_equal(ring_capacity(&p), 2048);
	assert_int_equal(ring_attach(&c, dir, "ring", &kind, FT_RING_CONSUMER, &e), FT_OK);
	assert_int_equal(ring_attach(&x, dir, "ring", &kind, FT_RING_CONSUMER, &e), FT_EBUSY);
	assert_int_equal(ring_create(&x, dir, "ring", &kind, 64, 2000, &e), FT_EBUSY);
	*(uint64_t *)ring_slot(&p, 0) = 42;
	ring_publish(&p, 1);
	assert_true(ring_filled(&c, 0) == 1 && *(uint64_t *)ring_slot(&c, 0) == 42);
	ring_close(&p);
	/* a restart finds what was in it, whatever size is configured now */
	assert_int_equal(ring_create(&p, dir, "ring", &kind, 128, 2000, &e), FT_ELAYOUT);
	assert_non_null(strstr(e.text, "`ft-ctl drain`"));
	assert_int_equal(ring_create(&p, dir, "ring", &kind, 64, 100000, &e), FT_OK);
	assert_int_equal(ring_capacity(&p), 2048);
	assert_true(ring_room(&p, 1, 1) == 2047);
	ring_close(&p);
	ring_close(&c);
	make("noring", 4096);
	assert_int_equal(ring_attach(&c, dir, "noring", &kind, FT_RING_CONSUMER, &e), FT_EFORMAT);
}

static void
too_little_room_is_said_before_anything_is_mapped(void **state)
{
	struct shm s;
	struct err e;
	(void)state;
	assert_int_equal(shm_create(&s, dir, "big", &kind, (size_t)1 << 50, &e), FT_ESYS);
	assert_non_null(strstr(e.text, "can't reserve"));
	assert_non_null(strstr(e.text, "peakflows"));
	char path[128];
	(void)snprintf(path, sizeof path, "%s/.big.new", dir);
	assert_int_not_equal(access(path, F_OK), 0); /* nothing is left behind */
	assert_int_equal(shm_dir("a/b", path, sizeof path, &e), FT_EINVAL);
	assert_int_equal(shm_dir("", path, sizeof path, &e), FT_EINVAL);
}

/* A process that has it open, or only mapped; told when by a byte, ended by SIGKILL. */
static pid_t
reader_of(const char *name)
{
	int told[2];
	char byte;
	assert_int_equal(pipe(told), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct shm r;
		if (shm_open_ro(&r, dir, name, &kind, NULL) != FT_OK)
			_exit(1);
		close(r.fd); /* the mapping alone must count */
		if (write(told[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(told[0], &byte, 1), 1);
	close(told[0]);
	close(told[1]);
	return pid;
}

static void
memory_is_used_again_only_when_nobody_else_sees_it(void **state)
{
	struct shm s, seen;
	struct err e;
	(void)state;
	/* the reader before the segment's own open, whose descriptor a fork would hand on */
	make("one", 4096);
	pid_t pid = reader_of("one");
	assert_int_equal(shm_open_rw(&s, dir, "one", &kind, &e), FT_OK);
	uint64_t first = shm_header(&s)->incarnation;
	assert_int_equal(shm_hide(&s, "spare", &e), FT_OK);
	assert_int_equal(shm_open_ro(&seen, dir, "one", &kind, &e), FT_ENOENT);
	assert_false(shm_claim(&s));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(shm_claim(&s));
	make("taken", 4096);
	assert_int_equal(shm_show(&s, dir, "taken", &e), FT_EXIST);
	assert_int_equal(shm_show(&s, dir, "two", &e), FT_OK);
	assert_int_equal(shm_open_ro(&seen, dir, "two", &kind, &e), FT_OK);
	assert_true(shm_header(&seen)->incarnation != first);
	assert_false(shm_claim(&s)); /* ours, in this process, counts as well */
	shm_close(&seen);
	shm_close(&s);
}

static void
who_opens_a_claimed_segment_waits_and_harms_nobody(void **state)
{
	struct shm s;
	struct err e;
	int status;
	(void)state;
	make("one", 4096);
	assert_int_equal(shm_open_rw(&s, dir, "one", &kind, &e), FT_OK);
	assert_true(shm_claim(&s));
	pid_t pid = fork();
	if (pid ==
		0) { /* with O_NONBLOCK open() says that it would wait; our owner gets a signal, and lives */
		char path[128];
		(void)snprintf(path, sizeof path, "%s/one", dir);
		close(s.fd);
		_exit(open(path, O_RDONLY | O_NONBLOCK) < 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(shm_show(&s, dir, "two", &e), FT_OK);
	shm_close(&s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_segment_is_seen_whole_or_not_at_all),
		TEST(what_a_killed_maker_left_is_made_again_from_zero),
		TEST(a_foreign_segment_is_refused_with_the_remedy),
		TEST(a_damaged_or_short_file_is_refused),
		TEST(a_role_is_held_once_and_goes_with_its_holder),
		TEST(a_ring_is_made_once_and_joined_by_one_consumer),
		TEST(memory_is_used_again_only_when_nobody_else_sees_it),
		TEST(who_opens_a_claimed_segment_waits_and_harms_nobody),
		TEST(too_little_room_is_said_before_anything_is_mapped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
