/* Users, remembered passwords, throttling, session keys, the audit log, keys of the port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "queryd/audit.h"
#include "queryd/curve.h"
#include "queryd/throttle.h"
#include "queryd/tickets.h"
#include "queryd/users.h"

static const int64_t second = 1000000;
static char dir[64], path[128], first[USERS_FIRST_PASSWORD];

static struct users *
fresh(void)
{
	struct users *u;
	struct err err = {0};
	snprintf(dir, sizeof dir, "/tmp/ft-users-XXXXXX");
	assert_non_null(mkdtemp(dir));
	if (users_open(&u, dir, first, &err) != 0)
		fail_msg("%s", err.text);
	return u;
}

static struct users *
again(struct users *u)
{
	struct err err = {0};
	users_close(u);
	if (users_open(&u, dir, first, &err) != 0)
		fail_msg("%s", err.text);
	return u;
}

static void
done(struct users *u)
{
	static const char *const file[] = {
		"users.lmdb", "users.lmdb-lock", "first-password", "audit.log", "curve.key", "curve.pub"};
	users_close(u);
	for (unsigned i = 0; i < sizeof file / sizeof file[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, file[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
}

static void
names_keep_the_rules(void **state)
{
	static const char *const good[] = {"ab", "joe", "Mary Ann", "José", "ユーザ", "a_b",
		"12345678901234567890123456789012", "x.y@example.org", "ÄÖÜäöüßÄÖÜäöüßÄÖÜäöüßÄÖÜäöüßÄÖÜä"};
	static const char *const bad[] = {"", "a", "_joe", " joe", "joe ", "a/b", "a:b", "a<b", "a>b",
		"123456789012345678901234567890123", "a\tb", "a\x7f", "a\xff", "ab\xc2\x85", "\xc3"};
	(void)state;
	for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++)
		if (users_name_good(good[i], NULL) != 0)
			fail_msg("'%s' was refused", good[i]);
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (users_name_good(bad[i], NULL) != FT_EINVAL)
			fail_msg("'%s' was taken", bad[i]);
}

static void
the_first_start_makes_an_administrator_who_must_change_the_password(void **state)
{
	struct user who;
	struct err err = {0};
	char word[64] = "";
	struct stat st;
	(void)state;
	struct users *u = fresh();
	assert_int_equal(strlen(first), 20);
	snprintf(path, sizeof path, "%s/first-password", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	FILE *f = fopen(path, "r");
	assert_non_null(fgets(word, sizeof word, f));
	fclose(f);
	word[strcspn(word, "\n")] = 0;
	assert_string_equal(word, first);
	assert_int_equal(users_verify(u, "admin", word, 0), 0);
	assert_int_equal(users_get(u, "admin", &who), 0);
	assert_true(who.admin && who.must_change);
	assert_int_equal(
		users_set_password(u, "admin", word, &err), FT_EPERM); /* the same one is no change */
	assert_int_equal(users_set_password(u, "admin", "another", &err), 0);
	assert_int_equal(access(path, F_OK), -1);
	u = again(u);
	assert_string_equal(first, "");
	assert_int_equal(users_get(u, "admin", &who), 0);
	assert_true(who.admin && !who.must_change);
	assert_int_equal(users_verify(u, "admin", "another", 0), 0);
	assert_int_equal(users_verify(u, "admin", word, 0), FT_EAUTH);
	assert_int_equal(users_verify(u, "nobody", "another", 0), FT_EAUTH);
	done(u);
}

static void
users_outlive_a_restart_with_their_filter(void **state)
{
	struct user who;
	struct err err = {0};
	(void)state;
	struct users *u = fresh();
	assert_int_equal(users_add(u, "joe", "pw", false, "SRVPORT == 80", &err), 0);
	assert_int_equal(users_add(u, "joe", "pw", false, NULL, &err), FT_EXIST);
	u = again(u);
	assert_int_equal(users_get(u, "joe", &who), 0);
	assert_false(who.admin);
	assert_string_equal(who.filter, "SRVPORT == 80");
	user_drop(&who);
	assert_int_equal(users_set(u, "admin", "joe", NULL, "", &err), 0);
	u = again(u);
	assert_int_equal(users_get(u, "joe", &who), 0);
	assert_null(who.filter);
	done(u);
}

static void
the_rules_on_rights_never_bend(void **state)
{
	struct err err = {0};
	bool yes = true, no = false;
	(void)state;
	struct users *u = fresh();
	assert_int_equal(users_add(u, "eve", "pw", true, "PROTO == TCP", &err), FT_EPERM);
	assert_int_equal(users_add(u, "joe", "pw", false, "PROTO == TCP", &err), 0);
	assert_int_equal(users_set(u, "admin", "joe", &yes, NULL, &err), FT_EPERM); /* has a filter */
	assert_int_equal(users_set(u, "admin", "admin", NULL, "PROTO == TCP", &err), FT_EPERM);
	assert_int_equal(users_set(u, "admin", "joe", &yes, "", &err), 0);           /* both at once */
	assert_int_equal(users_set(u, "admin", "admin", &no, NULL, &err), FT_EPERM); /* one's own */
	assert_int_equal(users_set(u, "joe", "admin", &no, NULL, &err), 0);
	assert_int_equal(users_set(u, "admin", "joe", &no, NULL, &err), FT_EPERM); /* the last one */
	assert_int_equal(users_delete(u, "joe", "joe", false, &err), FT_EPERM);    /* oneself */
	assert_int_equal(users_delete(u, "joe", "admin", true, &err), FT_EPERM);   /* has a session key */
	users_enter(u, "admin");
	assert_int_equal(users_delete(u, "joe", "admin", false, &err), FT_EPERM); /* is being answered */
	users_leave(u, "admin");
	assert_int_equal(users_delete(u, "joe", "admin", false, &err), 0);
	assert_int_equal(users_delete(u, "joe", "admin", false, &err), FT_ENOENT);
	u = again(u);
	json_t *list = users_list(u);
	assert_int_equal(json_array_size(list), 1);
	json_decref(list);
	done(u);
}

static void
a_verified_password_is_remembered_for_five_minutes(void **state)
{
	struct err err = {0};
	(void)state;
	struct users *u = fresh();
	assert_int_equal(users_add(u, "joe", "pw", false, NULL, &err), 0);
	assert_false(users_remembered(u, "joe", "pw", 0));
	assert_int_equal(users_verify(u, "joe", "pw", 10 * second), 0);
	assert_true(users_remembered(u, "joe", "pw", 10 * second));
	assert_true(users_remembered(u, "joe", "pw", 309 * second));
	assert_false(users_remembered(u, "joe", "pw", 311 * second));
	assert_false(users_remembered(u, "joe", "pW", 11 * second));
	assert_false(users_remembered(u, "admin", "pw", 11 * second));
	/* any change of the user forgets it */
	assert_int_equal(users_set(u, "admin", "joe", NULL, "PROTO == TCP", &err), 0);
	assert_false(users_remembered(u, "joe", "pw", 11 * second));
	assert_int_equal(users_verify(u, "joe", "pw", 12 * second), 0);
	assert_int_equal(users_set_password(u, "joe", "new", &err), 0);
	assert_false(users_remembered(u, "joe", "pw", 13 * second));
	done(u);
}

static void
wrong_passwords_wait_longer_and_longer(void **state)
{
	(void)state;
	struct throttle *t = throttle_new();
	int64_t now = second;
	for (unsigned i = 0; i < 4; i++)
		throttle_wrong(t, "joe", "10.0.0.1", now);
	assert_int_equal(throttle_wait(t, "joe", "10.0.0.1", now), 0);
	throttle_wrong(t, "joe", "10.0.0.1", now);
	assert_int_equal(throttle_wait(t, "joe", "10.0.0.1", now), second);
	assert_int_equal(
		throttle_wait(t, "joe", "10.0.0.2", now), 0); /* nobody is locked out from elsewhere */
	assert_int_equal(throttle_wait(t, "ann", "10.0.0.1", now), 0);
	throttle_wrong(t, "joe", "10.0.0.1", now);
	assert_int_equal(throttle_wait(t, "joe", "10.0.0.1", now), 2 * second);
	for (unsigned i = 0; i < 30; i++)
		throttle_wrong(t, "joe", "10.0.0.1", now);
	assert_int_equal(throttle_wait(t, "joe", "10.0.0.1", now), 300 * second);
	assert_true(throttle_wait(t, "ann", "10.0.0.1", now) > 0); /* the address tries too many names */
	throttle_right(t, "joe", "10.0.0.1");
	assert_true(throttle_wait(t, "joe", "10.0.0.1", now) > 0); /* by address still */
	now += 1000 * second;
	assert_int_equal(throttle_wait(t, "joe", "10.0.0.1", now), 0);
	throttle_wrong(t, "joe", "10.0.0.1", now); /* 15 minutes without one: forgotten */
	assert_int_equal(throttle_wait(t, "joe", "10.0.0.1", now), 0);
	throttle_free(t);
}

static int
use(struct tickets *t, bool key, const char *secret, const char *peer, int64_t now, char user[USERS_NAME])
{
	enum ticket_kind kind;
	return tickets_use(t, key, secret, peer, now, user, &kind);
}

static void
issue(struct tickets *t, enum ticket_kind kind, const char *user, const char *peer, int64_t now,
	char secret[AUTH_KEY_HEX + 1])
{
	struct ticket_new what = {.kind = kind, .user = user, .peer = peer};
	struct err err = {0};
	assert_int_equal(tickets_issue(t, &what, now, secret, NULL, &err), 0);
}

static struct tickets *
open_tickets(struct users *u)
{
	struct tickets *t;
	struct err err = {0};
	assert_int_equal(tickets_open(&t, users_kv(u), &err), 0);
	tickets_ages(t, 100 * second, 1000 * second);
	return t;
}

static void
session_keys_are_bound_to_an_address_and_expire(void **state)
{
	char key[AUTH_KEY_HEX + 1], other[AUTH_KEY_HEX + 1], user[USERS_NAME];
	int64_t now = 1000 * second;
	(void)state;
	struct users *u = fresh();
	struct tickets *t = open_tickets(u);
	issue(t, TICKET_KEY, "joe", "10.0.0.1", now, key);
	assert_int_equal(strlen(key), 32);
	assert_int_equal(use(t, true, key, "10.0.0.1", now + 99 * second, user), 0);
	assert_string_equal(user, "joe");
	assert_int_equal(use(t, true, key, "10.0.0.2", now + 99 * second, user), FT_EAUTH);
	/* each use renews it */
	assert_int_equal(use(t, true, key, "10.0.0.1", now + 190 * second, user), 0);
	assert_true(tickets_has(t, "joe", now + 250 * second));
	/* and it outlives a restart, of which only a fingerprint is stored */
	tickets_close(t);
	u = again(u);
	t = open_tickets(u);
	assert_int_equal(use(t, true, key, "10.0.0.1", now + 280 * second, user), 0);
	snprintf(path, sizeof path, "%s/users.lmdb", dir);
	FILE *f = fopen(path, "r");
	static char bytes[1 << 20];
	size_t n = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	assert_null(memmem(bytes, n, key, 32));
	assert_int_equal(use(t, true, key, "10.0.0.1", now + 381 * second, user), FT_EAUTH);
	assert_false(tickets_has(t, "joe", now + 381 * second));
	issue(t, TICKET_KEY, "joe", "10.0.0.1", now, key);
	issue(t, TICKET_KEY, "ann", "10.0.0.1", now, other);
	tickets_revoke(t, "joe", false);
	assert_int_equal(use(t, true, key, "10.0.0.1", now, user), FT_EAUTH);
	assert_int_equal(use(t, true, other, "10.0.0.1", now, user), 0);
	for (unsigned i = 0; i < 300; i++)
		issue(t, TICKET_KEY, "bob", "10.0.0.1", now + i, key);
	assert_int_equal(use(t, true, other, "10.0.0.1", now, user), 0); /* bob pushes out only his own */
	tickets_close(t);
	done(u);
}

static void
tokens_have_names_end_when_they_should_and_are_revoked_for_good(void **state)
{
	char token[AUTH_KEY_HEX + 1], bound[AUTH_KEY_HEX + 1], login[AUTH_KEY_HEX + 1], user[USERS_NAME];
	char id[TICKET_ID], bound_id[TICKET_ID];
	enum ticket_kind kind;
	int64_t now = 1000 * second;
	struct err err = {0};
	(void)state;
	struct users *u = fresh();
	struct tickets *t = open_tickets(u);
	struct ticket_new what = {TICKET_TOKEN, "joe", "", "backup script", 0};
	assert_int_equal(tickets_issue(t, &what, now, token, id, &err), 0);
	what = (struct ticket_new){TICKET_TOKEN, "joe", "10.0.0.1", "night", now + 50 * second};
	assert_int_equal(tickets_issue(t, &what, now, bound, bound_id, &err), 0);
	issue(t, TICKET_LOGIN, "joe", "", now, login);
	/* a token is no session key */
	assert_int_equal(use(t, true, token, "10.0.0.9", now, user), FT_EAUTH);
	assert_int_equal(tickets_use(t, false, token, "10.0.0.9", now, user, &kind), 0);
	assert_int_equal(kind, TICKET_TOKEN);
	assert_int_equal(use(t, false, bound, "10.0.0.9", now, user), FT_EAUTH);
	assert_int_equal(use(t, false, bound, "10.0.0.1", now, user), 0);
	json_t *list = tickets_list(t, "joe", now);
	assert_int_equal(json_array_size(list), 3);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(list, 0), "name")), "backup script");
	char *text = json_dumps(list, 0);
	assert_null(strstr(text, token));
	free(text);
	json_decref(list);
	/* its end is an end; idleness is none for it, but for a login */
	assert_int_equal(use(t, false, bound, "10.0.0.1", now + 50 * second, user), FT_EAUTH);
	assert_int_equal(use(t, false, login, "10.0.0.9", now + 1001 * second, user), FT_EAUTH);
	assert_int_equal(use(t, false, token, "10.0.0.9", now + 1000000 * second, user), 0);
	assert_false(tickets_has(t, "joe", now)); /* a token is not somebody logged in */
	tickets_revoke(t, "joe", false);
	assert_int_equal(use(t, false, token, "10.0.0.9", now, user), 0);
	/* nobody revokes another's; what is revoked stays so after a restart */
	assert_int_equal(tickets_delete(t, id, "ann", NULL, &err), FT_ENOENT);
	assert_int_equal(tickets_delete(t, id, "joe", user, &err), 0);
	tickets_close(t);
	u = again(u);
	t = open_tickets(u);
	assert_int_equal(use(t, false, token, "10.0.0.9", now, user), FT_EAUTH);
	for (unsigned i = 0; i < TICKET_TOKENS; i++)
		issue(t, TICKET_TOKEN, "joe", "", now, token);
	what = (struct ticket_new){TICKET_TOKEN, "joe", "", "one more", 0};
	assert_int_equal(tickets_issue(t, &what, now, bound, NULL, &err), FT_EPERM);
	tickets_revoke(t, "joe", true);
	assert_int_equal(use(t, false, token, "", now, user), FT_EAUTH);
	tickets_close(t);
	done(u);
}

static void
the_audit_log_can_not_be_forged(void **state)
{
	struct audit *a;
	struct err err = {0};
	(void)state;
	struct users *u = fresh();
	snprintf(path, sizeof path, "%s/audit.log", dir);
	assert_int_equal(audit_open(&a, path, &err), 0);
	json_t *details = json_pack("{s:s}", "name", "x\n2026-01-01 user=\"admin\"");
	assert_int_equal(audit_write(a, "admin", "127.0.0.1", "users.add", details, &err), 0);
	json_decref(details);
	assert_int_equal(audit_write(a, "admin", "127.0.0.1", "users.delete", NULL, &err), 0);
	int64_t before = INT64_MAX;
	json_t *lines = audit_tail(a, 10, &before, &err);
	assert_int_equal(before, 0);
	assert_int_equal(json_array_size(lines), 2);
	assert_non_null(strstr(json_string_value(json_array_get(lines, 0)), "act=users.add name=\"x\\n2026"));
	json_decref(lines);
	before = INT64_MAX;
	lines = audit_tail(a, 1, &before, &err);
	assert_non_null(strstr(json_string_value(json_array_get(lines, 0)), "act=users.delete"));
	json_decref(lines);
	audit_close(a);
	done(u);
}

static void
the_ports_keys_stay_the_same(void **state)
{
	struct curve c, d;
	struct err err = {0};
	struct stat st;
	(void)state;
	struct users *u = fresh();
	assert_int_equal(curve_load(&c, dir, &err), 0);
	assert_int_equal(strlen(c.public_key), 40);
	assert_int_equal(curve_load(&d, dir, &err), 0);
	assert_string_equal(c.public_key, d.public_key);
	assert_string_equal(c.secret_key, d.secret_key);
	snprintf(path, sizeof path, "%s/curve.key", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	FILE *f = fopen(path, "w");
	fputs("rubbish\n", f);
	fclose(f);
	assert_int_equal(curve_load(&c, dir, &err), FT_EFORMAT);
	assert_true(curve_loopback("127.0.0.1") && curve_loopback("::1") && curve_loopback("localhost"));
	assert_false(curve_loopback("0.0.0.0") || curve_loopback("10.0.0.1") || curve_loopback("::") ||
		     curve_loopback("127.example.org"));
	done(u);
}

int
main(void)
{
	if (auth_init(NULL) != 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_keep_the_rules),
		cmocka_unit_test(the_first_start_makes_an_administrator_who_must_change_the_password),
		cmocka_unit_test(users_outlive_a_restart_with_their_filter),
		cmocka_unit_test(the_rules_on_rights_never_bend),
		cmocka_unit_test(a_verified_password_is_remembered_for_five_minutes),
		cmocka_unit_test(wrong_passwords_wait_longer_and_longer),
		cmocka_unit_test(session_keys_are_bound_to_an_address_and_expire),
		cmocka_unit_test(tokens_have_names_end_when_they_should_and_are_revoked_for_good),
		cmocka_unit_test(the_audit_log_can_not_be_forged),
		cmocka_unit_test(the_ports_keys_stay_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
