/* What users save: bounds, who sees whose, and what is left of it after a kill. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/crash.h"
#include "common/filter.h"
#include "queryd/auth.h"
#include "queryd/prefs.h"
#include "queryd/workspaces.h"

static char dir[64];
static struct saved *s;
static struct user joe = {.name = "joe"}, ann = {.name = "ann"}, chief = {.name = "chief", .admin = true};
static struct user narrow = {.name = "narrow", .filter = (char *)(uintptr_t) "SRVPORT == 80"};

static void
reopen(void)
{
	struct err err = {0};
	saved_close(s);
	if (saved_open(&s, dir, &err) != 0)
		fail_msg("%s", err.text);
}

static int
begin(void **state)
{
	struct err err = {0};
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/ft-saved-XXXXXX");
	if (mkdtemp(dir) == NULL || auth_init(&err) != 0)
		return -1;
	s = NULL;
	reopen();
	return 0;
}

static int
finish(void **state)
{
	char path[96];
	(void)state;
	saved_close(s);
	snprintf(path, sizeof path, "%s/saved.lmdb", dir);
	unlink(path);
	snprintf(path, sizeof path, "%s/saved.lmdb-lock", dir);
	unlink(path);
	return rmdir(dir);
}

/* ---- preferences ------------------------------------------------------------------------------ */

static char *
prefs_of(const struct user *who, const char *key)
{
	static char text[256];
	json_t *o;
	assert_int_equal(prefs_get(s, who->name, key, &o, NULL), 0);
	char *t = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
	snprintf(text, sizeof text, "%s", t);
	free(t);
	json_decref(o);
	return text;
}

static int
set(const struct user *who, const char *key, json_t *value)
{
	struct err err = {0};
	int rc = prefs_set(s, who->name, key, value, &err);
	json_decref(value);
	return rc;
}

static void
preferences_are_each_users_own_and_outlive_a_restart(void **state)
{
	(void)state;
	assert_int_equal(set(&joe, "palette", json_string("dark")), 0);
	assert_int_equal(set(&joe, "rows", json_integer(25)), 0);
	assert_int_equal(set(&ann, "rows", json_pack("{s:[i,i]}", "a", 1, 2)), 0);
	reopen();
	assert_string_equal(prefs_of(&joe, NULL), "{\"palette\":\"dark\",\"rows\":25}");
	assert_string_equal(prefs_of(&joe, "rows"), "{\"rows\":25}");
	assert_string_equal(prefs_of(&ann, NULL), "{\"rows\":{\"a\":[1,2]}}");
	assert_int_equal(set(&joe, "palette", json_null()), 0);
	assert_int_equal(set(&joe, "never there", json_null()), 0);
	assert_string_equal(prefs_of(&joe, NULL), "{\"rows\":25}");
	assert_string_equal(prefs_of(&chief, "rows"), "{}");
}

static void
preferences_have_a_bound_together_and_a_replaced_one_is_not_counted_twice(void **state)
{
	static char text[40001];
	(void)state;
	memset(text, 'x', sizeof text - 1);
	assert_int_equal(set(&joe, "a", json_string(text)), 0);
	assert_int_equal(set(&joe, "a", json_string(text)), 0);
	assert_int_equal(set(&joe, "b", json_string(text)), FT_EPERM);
	assert_string_equal(prefs_of(&joe, "b"), "{}");
	assert_int_equal(set(&ann, "b", json_string(text)), 0);
}

/* ---- workspaces ------------------------------------------------------------------------------- */

static int
save(const struct user *who, const char *id, const char *name, const char *share, char out[WORKSPACE_ID])
{
	struct err err = {0};
	json_t *o = NULL, *state = json_pack("{s:s}", "filter", "SRVPORT == 22");
	struct workspace_change w = {.id = id, .name = name, .share = share, .notes = name, .state = state};
	int rc = workspaces_save(s, who, &w, 1000, &o, &err);
	if (rc == 0 && out)
		snprintf(out, WORKSPACE_ID, "%s", json_string_value(json_object_get(o, "id")));
	json_decref(o);
	json_decref(state);
	return rc;
}

/* how many that are not built in */
static unsigned
seen_by(const struct user *who)
{
	json_t *list, *x;
	size_t i;
	unsigned n = 0;
	assert_int_equal(workspaces_list(s, who, &list, NULL), 0);
	json_array_foreach (list, i, x)
		n += json_is_false(json_object_get(x, "built_in"));
	json_decref(list);
	return n;
}

static int
get(const struct user *who, const char *id)
{
	json_t *o;
	struct err err = {0};
	int rc = workspaces_get(s, who, id, &o, &err);
	json_decref(o);
	return rc;
}

static void
a_workspace_is_seen_by_whom_it_is_shared_with_and_changed_by_its_owner(void **state)
{
	char mine[WORKSPACE_ID], all[WORKSPACE_ID], everyone[WORKSPACE_ID], owner[USERS_NAME];
	struct err err = {0};
	(void)state;
	assert_int_equal(save(&joe, NULL, "mine", "none", mine), 0);
	assert_int_equal(save(&joe, NULL, "all", "all", all), 0);
	assert_int_equal(save(&joe, NULL, "everyone", "everyone", everyone), 0);
	reopen();
	assert_int_equal(seen_by(&joe), 3);
	assert_int_equal(seen_by(&ann), 2);
	assert_int_equal(
		seen_by(&narrow), 1); /* a user filter keeps the text away too, unless it is meant for it */
	assert_int_equal(get(&narrow, everyone), 0);
	assert_int_equal(get(&narrow, all), FT_ENOENT);
	assert_int_equal(get(&ann, all), 0);
	assert_int_equal(get(&ann, mine), FT_ENOENT);
	assert_int_equal(get(&chief, mine), FT_ENOENT); /* an administrator reads nobody's drawer */
	assert_int_equal(save(&ann, all, "taken", NULL, NULL), FT_EPERM);
	assert_int_equal(save(&narrow, all, "taken", NULL, NULL), FT_ENOENT);
	assert_int_equal(save(&joe, all, "renamed", NULL, NULL), 0);
	assert_int_equal(save(&joe, all, NULL, "some", NULL), FT_EINVAL);
	assert_int_equal(save(&joe, "builtin:ssh", "mine now", NULL, NULL), FT_EPERM);
	assert_int_equal(save(&joe, NULL, "line\nbreak", NULL, NULL), FT_EINVAL);
	json_t *o;
	assert_int_equal(workspaces_get(s, &ann, all, &o, &err), 0);
	assert_string_equal(json_string_value(json_object_get(o, "name")), "renamed");
	assert_string_equal(json_string_value(json_object_get(o, "share")), "all");
	assert_true(json_is_false(json_object_get(o, "mine")));
	assert_non_null(json_object_get(json_object_get(o, "state"), "filter"));
	json_decref(o);
	assert_int_equal(workspaces_delete(s, &ann, all, owner, &err), FT_EPERM);
	assert_int_equal(workspaces_delete(s, &ann, mine, owner, &err), FT_ENOENT);
	assert_int_equal(workspaces_delete(s, &chief, all, owner, &err), 0);
	assert_string_equal(owner, "joe");
	assert_int_equal(workspaces_delete(s, &joe, mine, owner, &err), 0);
	assert_int_equal(workspaces_delete(s, &joe, mine, owner, &err), FT_ENOENT);
	assert_int_equal(seen_by(&joe), 1);
}

static void
a_user_has_a_bounded_number_of_workspaces(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORKSPACES_A_USER; i++)
		assert_int_equal(save(&joe, NULL, "one", NULL, NULL), 0);
	assert_int_equal(save(&joe, NULL, "one more", NULL, NULL), FT_EPERM);
	assert_int_equal(save(&ann, NULL, "hers", NULL, NULL), 0);
}

static void
the_built_in_workspaces_are_whole_and_their_filters_can_be_read(void **state)
{
	struct arena arena;
	struct filter_node *node;
	struct err err = {0};
	const char *filter;
	json_t *list, *x, *o;
	size_t i;
	(void)state;
	for (unsigned k = 0; (filter = workspaces_filter(k)); k++) {
		arena_init(&arena, 0);
		if (filter_parse(&arena, filter, &node, &err) != 0)
			fail_msg("%s: %s", filter, err.text);
		arena_free(&arena);
	}
	assert_int_equal(workspaces_list(s, &narrow, &list, &err), 0);
	assert_true(json_array_size(list) >= 12);
	json_array_foreach (list, i, x) {
		assert_int_equal(
			workspaces_get(s, &narrow, json_string_value(json_object_get(x, "id")), &o, &err), 0);
		assert_true(json_array_size(json_object_get(json_object_get(o, "state"), "views")) >= 3);
		json_decref(o);
	}
	json_decref(list);
	assert_int_equal(get(&joe, "builtin:nonsense"), FT_ENOENT);
}

/* ---- users that go, and kills ----------------------------------------------------------------- */

static bool
only_ann(void *ctx, const char *user)
{
	(void)ctx;
	return strcmp(user, "ann") == 0;
}

static void
what_belongs_to_a_user_goes_with_the_user(void **state)
{
	struct err err = {0};
	(void)state;
	set(&joe, "a", json_integer(1));
	set(&ann, "a", json_integer(2));
	save(&joe, NULL, "his", "all", NULL);
	save(&ann, NULL, "hers", "all", NULL);
	assert_int_equal(saved_forget(s, "joe", &err), 0);
	assert_string_equal(prefs_of(&joe, NULL), "{}");
	assert_int_equal(seen_by(&chief), 1);
	set(&joe, "a", json_integer(1));
	save(&joe, NULL, "his", "all", NULL);
	assert_int_equal(saved_sweep(s, only_ann, NULL, &err), 0);
	assert_string_equal(prefs_of(&joe, NULL), "{}");
	assert_string_equal(prefs_of(&ann, NULL), "{\"a\":2}");
	assert_int_equal(seen_by(&chief), 1);
}

/* Killed at each write of a save: the workspace is there whole, or not at all. */
static void
a_kill_leaves_a_workspace_whole_or_not_there(void **state)
{
	int status = SIGKILL;
	char at[16];
	(void)state;
	saved_close(s);
	for (unsigned n = 1; WIFSIGNALED(status); n++) {
		pid_t pid = fork();
		if (pid == 0) {
			s = NULL;
			reopen();
			snprintf(at, sizeof at, "%u", n);
			setenv("FT_CRASH_AT", at, 1);
			crash_init();
			_exit(save(&joe, NULL, "his", "all", NULL) == 0 ? 0 : 1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
		s = NULL;
		reopen();
		json_t *list, *x;
		size_t i;
		assert_int_equal(workspaces_list(s, &joe, &list, NULL), 0);
		json_array_foreach (list, i, x)
			assert_int_equal(get(&joe, json_string_value(json_object_get(x, "id"))), 0);
		json_decref(list);
		saved_close(s);
	}
	s = NULL;
	reopen();
	assert_true(seen_by(&joe) >= 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			preferences_are_each_users_own_and_outlive_a_restart, begin, finish),
		cmocka_unit_test_setup_teardown(
			preferences_have_a_bound_together_and_a_replaced_one_is_not_counted_twice, begin,
			finish),
		cmocka_unit_test_setup_teardown(
			a_workspace_is_seen_by_whom_it_is_shared_with_and_changed_by_its_owner, begin,
			finish),
		cmocka_unit_test_setup_teardown(a_user_has_a_bounded_number_of_workspaces, begin, finish),
		cmocka_unit_test_setup_teardown(
			the_built_in_workspaces_are_whole_and_their_filters_can_be_read, begin, finish),
		cmocka_unit_test_setup_teardown(what_belongs_to_a_user_goes_with_the_user, begin, finish),
		cmocka_unit_test_setup_teardown(a_kill_leaves_a_workspace_whole_or_not_there, begin, finish),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
