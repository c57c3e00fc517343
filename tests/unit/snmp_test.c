/* ft-snmp: what may be said of a device, what faulty devices answer (a session of our own instead of session.c), and the
 * running of jobs. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "snmp/interfaces.h"
#include "snmp/member.h"
#include "snmp/sflow_rows.h"
#include "snmp/work.h"

/* ---- a device of a few objects ------------------------------------------------------------------ */

struct session {
	struct session_var var[64];
	unsigned n, sets;
	enum session_outcome on_set;
};

struct session_oid
session_name(const struct session_oid *root, const uint32_t *suffix, unsigned n)
{
	struct session_oid o = *root;
	for (unsigned i = 0; i < n && o.n < SNMP_OID_MAX; i++)
		o.id[o.n++] = suffix[i];
	return o;
}

struct session_var
session_int(const char *name, struct session_oid o, int64_t value)
{
	return (struct session_var){.name = name, .oid = o, .type = SNMP_INT, .number = value};
}

struct session_var
session_bytes(const char *name, struct session_oid o, const void *bytes, size_t n)
{
	struct session_var v = {.name = name, .oid = o, .type = SNMP_STRING, .bytes = (unsigned)n};
	memcpy(v.string, bytes, n);
	return v;
}

static struct session_var *
at(struct session *s, const struct session_oid *o)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->var[i].oid.n == o->n && memcmp(s->var[i].oid.id, o->id, o->n * sizeof o->id[0]) == 0)
			return &s->var[i];
	return NULL;
}

enum session_outcome
session_get(struct session *s, struct session_var *v, unsigned n, struct session_result *r)
{
	for (unsigned i = 0; i < n; i++) {
		const struct session_var *x = at(s, &v[i].oid);
		v[i].type = SNMP_NONE;
		if (x)
			v[i] = *x;
	}
	return r->outcome = SNMP_OK;
}

enum session_outcome
session_set(struct session *s, const struct session_var *v, unsigned n, struct session_result *r)
{
	s->sets++;
	for (unsigned i = 0; s->on_set == SNMP_OK && i < n; i++)
		if (at(s, &v[i].oid))
			*at(s, &v[i].oid) = v[i];
	snprintf(r->said, sizeof r->said, "said");
	return r->outcome = s->on_set;
}

enum session_outcome
session_walk(struct session *s, const struct session_oid *root, unsigned most,
	int (*row)(void *, const uint32_t *, unsigned, const struct session_var *), void *ctx,
	struct session_result *r)
{
	for (unsigned i = 0; i < s->n && most--; i++) {
		const struct session_oid *o = &s->var[i].oid;
		if (o->n >= root->n && memcmp(o->id, root->id, root->n * sizeof root->id[0]) == 0 &&
			row(ctx, o->id + root->n, o->n - root->n, &s->var[i]) != 0)
			break;
	}
	return r->outcome = SNMP_OK;
}

static struct session_oid
oid(const char *dotted)
{
	struct session_oid o = {0};
	for (char *end = (char *)(uintptr_t)dotted; *end; end += *end == '.')
		o.id[o.n++] = (uint32_t)strtoul(end, &end, 10);
	return o;
}

static void
has(struct session *s, const char *dotted, const char *text, int64_t number)
{
	s->var[s->n++] = text ? session_bytes(NULL, oid(dotted), text, strlen(text))
			      : session_int(NULL, oid(dotted), number);
}

#define RCVR "1.3.6.1.4.1.14706.1.1.4.1."
#define FS "1.3.6.1.4.1.14706.1.1.5.1."
#define IFX "1.3.6.1.2.1.31.1.1.1."

static const struct sflow_wish wish = {.owner = "me",
	.lease_s = 60,
	.destination = {[10] = 0xff, 0xff, 10, 0, 0, 9},
	.port = 6343,
	.sampling = 8};

/* ---- tests --------------------------------------------------------------------------------------- */

static void
a_data_source_is_an_interface_with_or_without_its_length(void **state)
{
	(void)state;
	const uint32_t with[] = {11, 1, 3, 6, 1, 2, 1, 2, 2, 1, 1, 42, 1},
		       vlan[] = {12, 1, 3, 6, 1, 2, 1, 16, 22, 1, 1, 1, 1, 7};
	assert_int_equal(sflow_rows_interface(with, 13), 42);
	assert_int_equal(sflow_rows_interface(with + 1, 11), 42);
	assert_int_equal(sflow_rows_interface(with, 11), 0);
	assert_int_equal(sflow_rows_interface(vlan, 14), 0);
	assert_int_equal(sflow_rows_interface(with, 0), 0);
	for (unsigned n = 0; n < 13; n++)
		(void)sflow_rows_interface(with, n); /* looks at no more than it was given: for ASan */
}

static void
data_sources_that_are_no_interface_are_left_alone(void **state)
{
	(void)state;
	struct session s = {.on_set = SNMP_OK};
	struct sflow_report r;
	has(&s, RCVR "2.1", "", 0);
	has(&s, FS "3.11.1.3.6.1.2.1.2.2.1.1.5.1", NULL, 0);
	has(&s, FS "3.12.1.3.6.1.2.1.16.22.1.1.1.1.7.1", NULL, 0);
	sflow_register(&s, SFLOW_MIB_13, &wish, &r);
	assert_string_equal(sflow_state_word(r.state), "registered");
	assert_int_equal(r.interfaces, 1);
	assert_int_equal(s.var[1].number, 1);
	assert_int_equal(s.var[2].number, 0);
}

static void
tables_of_a_faulty_switch_are_refused_in_words(void **state)
{
	(void)state;
	struct session s = {.on_set = SNMP_OK};
	struct sflow_report r;
	has(&s, RCVR "2", "", 0); /* a row without a number */
	sflow_register(&s, SFLOW_MIB_13, &wish, &r);
	assert_int_equal(r.state, SFLOW_FAILED);
	assert_non_null(strstr(r.said, "faulty"));
	s.n = 0;
	has(&s, RCVR "2.1", "", 0); /* a receiver and nothing to sample */
	sflow_register(&s, SFLOW_MIB_13, &wish, &r);
	assert_int_equal(r.state, SFLOW_FAILED);
	assert_non_null(strstr(r.said, "sFlowFsTable"));
	assert_int_equal(s.var[0].bytes, 0); /* given back */
	s.n = 0;
	has(&s, "1.3.6.1.4.1.14706.1.1.1.0", "2.0;Later;1", 0);
	s.sets = 0;
	sflow_register(&s, SFLOW_MIB_13, &wish, &r);
	assert_int_equal(r.state, SFLOW_FAILED);
	assert_non_null(strstr(r.said, "newer than 1.3"));
	assert_int_equal(s.sets, 0);
}

static void
a_switch_that_falls_silent_is_asked_no_more(void **state)
{
	(void)state;
	struct session s = {.on_set = SNMP_NO_ANSWER};
	struct sflow_report r;
	has(&s, RCVR "2.1", "", 0);
	has(&s, FS "3.11.1.3.6.1.2.1.2.2.1.1.5.1", NULL, 0);
	sflow_register(&s, SFLOW_MIB_13, &wish, &r);
	assert_int_equal(r.outcome, SNMP_NO_ANSWER);
	assert_int_equal(s.sets, 1);
}

static void
names_of_interfaces_become_clean_text(void **state)
{
	(void)state;
	struct session s = {.on_set = SNMP_OK};
	struct session_result r = {0};
	struct interfaces x;
	char longest[200];
	memset(longest, 'x', sizeof longest);
	memcpy(longest + 63, "\xc3\xa9", 3); /* a character across the end of the room */
	has(&s, IFX "1.7", "a\x01\xff\xed\xa0\x80z\xe2\x82", 0);
	has(&s, IFX "1.3", longest, 0);
	has(&s, IFX "1.3.9", "an index of two numbers is none", 0);
	has(&s, IFX "15.7", NULL, 4000000000);
	has(&s, IFX "15.9", NULL, -1);
	has(&s, IFX "18.7", "Z\xc3\xbcrich \xf0\x9f\x8c\x90 ", 0);
	assert_int_equal(interfaces_read(&s, &x, &r), SNMP_OK);
	assert_int_equal(x.n, 3);
	assert_int_equal(x.row[0].index, 3);
	assert_int_equal(strlen(x.row[0].name), 63);
	assert_string_equal(x.row[1].name, "a ????z??");
	assert_string_equal(x.row[1].description, "Z\xc3\xbcrich \xf0\x9f\x8c\x90");
	assert_int_equal(x.row[1].speed, 4000000000000000);
	assert_int_equal(x.row[2].speed, 0);
	interfaces_free(&x);
	s.n = 0;
	assert_int_equal(interfaces_read(&s, &x, &r), SNMP_NO_SUCH);
	interfaces_free(&x);
}

static json_t *
say(const char *json)
{
	json_t *o = json_loads(json, 0, NULL);
	assert_non_null(o);
	return o;
}

static void
every_default_of_a_device_is_one_that_may_be_said(void **state)
{
	(void)state;
	struct err err = {0};
	const char *at = "";
	json_t *defaults = members_new(), *o = members_new(), *community = say("{\"community\": \"c\"}");
	assert_int_equal(members_set(o, defaults, &at, &err), 0);
	assert_int_equal(members_check(o, &at, &err), FT_EINVAL); /* but for its secrets */
	assert_string_equal(at, "/set/community");
	assert_int_equal(members_set(o, community, &at, &err), 0);
	assert_int_equal(members_check(o, &at, &err), 0);
	json_decref(defaults);
	json_decref(community);
	json_decref(o);
}

static void
what_may_not_be_said_of_a_device_is_refused_whole_and_without_its_secrets(void **state)
{
	(void)state;
	static const char *const bad[] = {"{\"port\": 0}", "{\"port\": 1.5}", "{\"port\": \"161\"}",
		"{\"sflow\": \"yes\"}", "{\"mib\": \"1\"}", "{\"mib\": \"1.2|1.3\"}", "{\"mib\": \"\"}",
		"{\"destination\": \"10.0.0\"}", "{\"nothing\": 1}", "{\"community\": \"tell\\nme\"}",
		"{\"auth_password\": \"tellme\"}", "{\"sampling\": 64, \"counters\": -1}"};
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct err err = {0};
		const char *at;
		json_t *o = members_new(), *was = members_new(), *from = say(bad[i]);
		assert_int_equal(members_set(o, from, &at, &err), FT_EINVAL);
		assert_true(json_equal(o, was));
		assert_null(strstr(err.text, "tell"));
		json_decref(o);
		json_decref(was);
		json_decref(from);
	}
	json_t *o = say("{\"community\": \"tellme\", \"user\": \"u\", \"auth_password\": \"\"}"),
	       *shown = members_public(o);
	char *text = json_dumps(shown, 0);
	assert_null(strstr(text, "tellme"));
	assert_true(json_is_true(json_object_get(shown, "has_community")));
	assert_true(json_is_false(json_object_get(shown, "has_auth_password")));
	free(text);
	json_decref(shown);
	json_decref(o);
}

static struct work_job *
run(const char *program, const char *request)
{
	struct work *w;
	struct err err = {0};
	struct work_job *j = calloc(1, sizeof *j), *done;
	int wake = eventfd(0, EFD_CLOEXEC);
	struct pollfd p = {.fd = wake, .events = POLLIN};
	j->request = strdup(request);
	assert_int_equal(work_open(&w, program, 2, wake, &err), 0);
	work_give(w, j);
	assert_int_equal(poll(&p, 1, 60000), 1);
	while ((done = work_done(w)) == NULL) {
	}
	work_close(w);
	close(wake);
	assert_ptr_equal(done, j);
	return j;
}

static void
a_job_brings_back_what_its_program_said_or_how_it_ended(void **state)
{
	(void)state;
	struct work_job *j = run("/bin/cat", "{\"some\": \"thing\"}");
	assert_string_equal(j->answer, "{\"some\": \"thing\"}");
	assert_null(j->request); /* wiped: it held secrets */
	work_free(j);
	j = run("/bin/false", "{}");
	assert_null(j->answer);
	assert_non_null(strstr(j->why, "ended with 1"));
	work_free(j);
}

static void
closing_ends_jobs_that_run_and_jobs_that_wait(void **state)
{
	(void)state;
	struct work *w;
	struct err err = {0};
	char script[] = "/tmp/ft-snmp-test.XXXXXX";
	int fd = mkstemp(script), wake = eventfd(0, EFD_CLOEXEC);
	assert_true(fd >= 0 && write(fd, "#!/bin/sh\nexec sleep 1000\n", 26) == 26);
	fchmod(fd, 0700);
	close(fd);
	assert_int_equal(work_open(&w, script, 1, wake, &err), 0);
	for (unsigned i = 0; i < 3; i++) {
		struct work_job *j = calloc(1, sizeof *j);
		j->request = strdup("{}");
		work_give(w, j);
	}
	work_close(w);
	unlink(script);
	close(wake);
}

int
main(void)
{
	/* as every daemon does: a job that ends before it has read its task is seen by its status */
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_data_source_is_an_interface_with_or_without_its_length),
		cmocka_unit_test(data_sources_that_are_no_interface_are_left_alone),
		cmocka_unit_test(tables_of_a_faulty_switch_are_refused_in_words),
		cmocka_unit_test(a_switch_that_falls_silent_is_asked_no_more),
		cmocka_unit_test(names_of_interfaces_become_clean_text),
		cmocka_unit_test(every_default_of_a_device_is_one_that_may_be_said),
		cmocka_unit_test(what_may_not_be_said_of_a_device_is_refused_whole_and_without_its_secrets),
		cmocka_unit_test(a_job_brings_back_what_its_program_said_or_how_it_ended),
		cmocka_unit_test(closing_ends_jobs_that_run_and_jobs_that_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
