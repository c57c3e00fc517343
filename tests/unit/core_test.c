/* core_test.c - arenas, errors, hashes, log lines, crash points */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/arena.h"
#include "common/crash.h"
#include "common/err.h"
#include "common/hash.h"
#include "common/log.h"

static void
an_arena_gives_aligned_memory_that_does_not_overlap(void **state)
{
	struct arena a;
	uint8_t *p[400];
	(void)state;
	arena_init(&a, 0);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < 400; i++) {
			size_t n = i * i % 3001;
			p[i] = arena_alloc(&a, n);
			assert_non_null(p[i]);
			assert_int_equal((uintptr_t)p[i] % 16, 0);
			memset(p[i], (int)(i & 0xff), n);
		}
		for (size_t i = 0; i < 400; i++)
			for (size_t k = 0; k < i * i % 3001; k++)
				assert_int_equal(p[i][k], i & 0xff);
		arena_free(&a);
		assert_int_equal(a.used, 0);
	}
}

static void
an_arena_ends_at_its_bound_and_says_so(void **state)
{
	struct arena a;
	(void)state;
	arena_init(&a, 1000);
	assert_non_null(arena_alloc(&a, 900));
	assert_null(arena_alloc(&a, 200));
	assert_true(a.hit);
	assert_non_null(arena_zalloc(&a, 64));
	assert_null(arena_zalloc(&a, 64));
	assert_null(arena_strdup(&a, "one more word that does not fit"));
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX - 8));
	arena_free(&a);
	assert_false(a.hit);
	assert_non_null(arena_alloc(&a, 1000 / 16 * 16));
	arena_free(&a);
	arena_init(&a, 0);
	char *big = arena_zalloc(&a, 1 << 20), *small = arena_printf(&a, "%s-%d", "x", 7);
	assert_int_equal(big[(1 << 20) - 1], 0);
	assert_string_equal(small, "x-7");
	assert_string_equal(arena_strdup(&a, "word"), "word");
	arena_free(&a);
}

static void
an_error_keeps_words_code_and_errno(void **state)
{
	struct err e;
	(void)state;
	assert_int_equal(err_set(&e, FT_EINVAL, "key %s", "x"), FT_EINVAL);
	assert_string_equal(e.text, "key x");
	assert_int_equal(err_set(NULL, FT_EFULL, "nobody listens"), FT_EFULL);
	errno = ENOSPC;
	assert_int_equal(err_sys(&e, "can't write %s", "f"), FT_ESYS);
	assert_int_equal(e.sys, ENOSPC);
	assert_string_equal(e.text, "can't write f: No space left on device");
	char longer[1000];
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	errno = EIO;
	(void)err_sys(&e, "%s", longer);
	assert_int_equal(strlen(e.text), sizeof e.text - 1);
	assert_string_equal(err_name(FT_EAGAIN), "again");
	assert_string_equal(err_name(-15), "unknown");
	assert_string_equal(err_name(1), "unknown");
}

static void
hashes_depend_on_every_byte_and_the_seed(void **state)
{
	uint8_t key[64] = {0};
	(void)state;
	uint64_t none = hash_bytes(key, sizeof key, 1);
	for (size_t i = 0; i < sizeof key; i++) {
		key[i] = 1;
		assert_true(hash_bytes(key, sizeof key, 1) != none);
		if (i < 16)
			assert_true(hash_16(key, 1) != hash_16(key + 32, 1));
		key[i] = 0;
	}
	assert_true(hash_bytes(key, sizeof key, 2) != none);
	assert_true(hash_secret() == hash_secret());
}

/* everything logged to `file`, as text of the caller's */
static char *
slurp(const char *file, char *out, size_t n)
{
	FILE *f = fopen(file, "r");
	assert_non_null(f);
	out[fread(out, 1, n - 1, f)] = '\0';
	(void)fclose(f);
	return out;
}

static void
the_log_filters_levels_limits_outsiders_and_is_reopened(void **state)
{
	char path[] = "/tmp/ft-log-XXXXXX", moved[64], text[8192];
	enum log_level level;
	(void)state;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(log_level_parse("Critical", &level), FT_OK);
	assert_int_equal(level, LOG_L_CRITICAL);
	assert_int_equal(log_level_parse("loud", &level), FT_EINVAL);
	log_open("ft-test", path, LOG_L_HIGH);
	log_high("a line n=%d", 1);
	log_low("not this one");
	log_critical("two\nlines \033[31m");
	(void)slurp(path, text, sizeof text);
	assert_non_null(strstr(text, "Z HIGH ft-test: a line n=1\n"));
	assert_null(strstr(text, "not this one"));
	assert_non_null(strstr(text, "CRITICAL ft-test: two?lines ?[31m\n"));

	(void)snprintf(moved, sizeof moved, "%s.1", path);
	assert_int_equal(rename(path, moved), 0);
	log_high("still into the old file");
	log_reopen();
	for (int i = 0; i < 100; i++)
		log_limited(LOG_L_HIGH, "somebody knocks");
	assert_non_null(strstr(slurp(moved, text, sizeof text), "still into the old file"));
	(void)slurp(path, text, sizeof text);
	int lines = 0;
	for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	assert_in_range(lines, 5, 6); /* a burst of 5; one more if this took a second */
	log_open("ft-test", NULL, LOG_L_HIGH);
	(void)unlink(path);
	(void)unlink(moved);
}

static void
a_crash_point_kills_at_the_count_it_is_told(void **state)
{
	char path[] = "/tmp/ft-crash-XXXXXX", text[256];
	(void)state;
	int fd = mkstemp(path), status;
	assert_true(fd >= 0);
	close(fd);
	crash_point("never armed");
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)setenv("FT_CRASH_AT", "2", 1);
		(void)setenv("FT_CRASH_COUNT", path, 1);
		crash_init();
		crash_point("first");
		crash_point("second");
		crash_point("third");
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_string_equal(slurp(path, text, sizeof text), "first\nsecond\n");
	(void)unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_arena_gives_aligned_memory_that_does_not_overlap),
		cmocka_unit_test(an_arena_ends_at_its_bound_and_says_so),
		cmocka_unit_test(an_error_keeps_words_code_and_errno),
		cmocka_unit_test(hashes_depend_on_every_byte_and_the_seed),
		cmocka_unit_test(the_log_filters_levels_limits_outsiders_and_is_reopened),
		cmocka_unit_test(a_crash_point_kills_at_the_count_it_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
