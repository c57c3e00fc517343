/* queryd's front over the wire, with a stub for an engine: who may do what, and what a request can't do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/rpc.h"
#include "queryd/request.h"
#include "tests/unit/engine_stub.h"

static struct {
	char dir[64], endpoint[64], gate[96];
	int port;
	struct conf *conf;
	struct users *users;
	struct tickets *tickets;
	struct audit *audit;
	struct saved *saved;
	struct server *server;
	_Atomic bool stop;
	pthread_t thread;
} the;

/* ---- a server --------------------------------------------------------------------------------- */

static int
free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static void *
loop(void *arg)
{
	(void)arg;
	while (!atomic_load(&the.stop))
		server_turn(the.server, -1, (span_t){20000});
	return NULL;
}

static char *
in_dir(const char *name)
{
	static char path[4][160];
	static unsigned i;
	i = (i + 1) % 4;
	snprintf(path[i], sizeof path[i], "%s/%s", the.dir, name);
	return path[i];
}

static void
start_server(void)
{
	struct err err = {0};
	the.server = NULL;
	atomic_store(&the.stop, false);
	struct server_parts parts = {the.endpoint, the.gate, NULL, the.conf, NULL, the.users, the.tickets,
		the.audit, the.saved, "/tmp/ft-nobody"};
	if (server_open(&the.server, &parts, &err) != 0)
		fail_msg("%s", err.text);
	pthread_create(&the.thread, NULL, loop, NULL);
}

static void
stop_server(void)
{
	atomic_store(&the.stop, true);
	pthread_join(the.thread, NULL);
	server_close(the.server);
}

static int
begin(void **state)
{
	char first[USERS_FIRST_PASSWORD];
	struct conf_problems problems;
	struct err err = {0};
	(void)state;
	snprintf(the.dir, sizeof the.dir, "/tmp/ft-server-XXXXXX");
	if (mkdtemp(the.dir) == NULL || auth_init(&err) != 0)
		return -1;
	FILE *f = fopen(in_dir("conf"), "w");
	fputs("querythreads 2\nquerymemory 64M\nmaxclientlatency 3\n<userdata>\nmaxsessionkeyage "
	      "60\n</userdata>\n",
		f);
	fclose(f);
	the.conf = conf_load(in_dir("conf"), &problems);
	if (the.conf == NULL)
		return -1;
	conf_problems_free(&problems);
	if (users_open(&the.users, the.dir, first, &err) ||
		tickets_open(&the.tickets, users_kv(the.users), &err) ||
		audit_open(&the.audit, in_dir("audit.log"), &err) || saved_open(&the.saved, the.dir, &err))
		return -1;
	users_set_password(the.users, "admin", "adminpw", &err);
	users_add(the.users, "joe", "joepw", false, "SRVPORT == 80", &err);
	users_add(the.users, "ann", "annpw", false, NULL, &err);
	the.port = free_port();
	snprintf(the.endpoint, sizeof the.endpoint, "tcp://127.0.0.1:%d", the.port);
	snprintf(the.gate, sizeof the.gate, "ipc://%s/gate", the.dir);
	start_server();
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	stop_server();
	audit_close(the.audit);
	saved_close(the.saved);
	tickets_close(the.tickets);
	users_close(the.users);
	conf_free(the.conf);
	static const char *const file[] = {"conf", "audit.log", "users.lmdb", "users.lmdb-lock", "saved.lmdb",
		"saved.lmdb-lock", "first-password", "gate"};
	for (unsigned i = 0; i < sizeof file / sizeof file[0]; i++)
		(void)unlink(in_dir(file[i]));
	return rmdir(the.dir);
}

/* ---- a client --------------------------------------------------------------------------------- */

static struct rpc_client *
connected(void)
{
	struct rpc_client *c;
	assert_int_equal(rpc_client_open(&c, the.endpoint, NULL, NULL), 0);
	return c;
}

static json_t *
as(const char *user, const char *password, json_t *request)
{
	json_object_set_new(request, "auth", json_pack("{s:s, s:s}", "user", user, "password", password));
	return request;
}

/* the last reply to a request; progress and rows are counted on the way */
static unsigned progress_seen;
static size_t payload_seen;
static json_t *
last_reply(struct rpc_client *c)
{
	json_t *body = NULL;
	bool more = true;
	struct err err = {0};
	progress_seen = 0;
	payload_seen = 0;
	while (more) {
		const void *payload;
		size_t n;
		json_decref(body);
		if (rpc_client_next(c, &body, &payload, &n, &more, span_seconds(20), &err) != 0)
			fail_msg("%s", err.text);
		progress_seen += json_object_get(body, "progress") != NULL;
		payload_seen += n;
	}
	return body;
}

static json_t *
ask_at(const char *endpoint, json_t *request)
{
	struct rpc_client *c;
	assert_int_equal(rpc_client_open(&c, endpoint, NULL, NULL), 0);
	assert_int_equal(rpc_client_send(c, request, NULL), 0);
	json_t *body = last_reply(c);
	rpc_client_close(c);
	return body;
}

static json_t *
ask(json_t *request)
{
	return ask_at(the.endpoint, request);
}

/* the error's code, or "ok"; at: where to put the place */
static const char *
code_of(json_t *reply, char at[80])
{
	static char code[40];
	const json_t *e = json_object_get(reply, "error");
	const char *place = json_string_value(json_object_get(e, "at"));
	snprintf(code, sizeof code, "%s",
		json_is_true(json_object_get(reply, "ok")) ? "ok"
							   : json_string_value(json_object_get(e, "code")));
	if (at)
		snprintf(at, 80, "%s", place ? place : "");
	json_decref(reply);
	return code;
}

static const char *
code(json_t *request)
{
	return code_of(ask(request), NULL);
}

static json_t *
op(const char *name)
{
	return json_pack("{s:s}", "op", name);
}

/* ---- tests ------------------------------------------------------------------------------------ */

static void
a_wrong_request_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *request, *code, *at;
	} row[] = {
		{"{\"op\":\"nonsense\"}", "unknown_op", "/op"},
		{"{\"op\":\"stat\",\"rows\":\"many\"}", "bad_request", "/rows"},
		{"{\"op\":\"stat\",\"rows\":0}", "bad_request", "/rows"},
		{"{\"op\":\"stat\",\"rows\":1.5}", "bad_request", "/rows"},
		{"{\"op\":\"stat\",\"rows\":200000,\"slots\":1000}", "bad_request", "/slots"},
		{"{\"op\":\"stat\",\"filter\":7}", "bad_request", "/filter"},
		{"{\"op\":\"stat\",\"fliter\":\"PROTO == TCP\"}", "bad_request", "/fliter"},
		{"{\"op\":\"stat\",\"direction\":\"up\"}", "bad_request", "/direction"},
		{"{\"op\":\"stat\",\"progress\":1}", "bad_request", "/progress"},
		{"{\"op\":\"stat\",\"from\":true}", "bad_request", "/from"},
		{"{\"op\":\"stat\",\"from\":1}", "bad_time", "/to"},
		{"{\"op\":\"stat\",\"to\":1}", "bad_time", "/from"},
		{"{\"op\":\"stat\",\"from\":2,\"to\":1}", "bad_time", "/to"},
		{"{\"op\":\"stat\",\"from\":1,\"to\":2,\"last\":\"1h\"}", "bad_time", "/to"},
		{"{\"op\":\"stat\",\"from\":\"yesteryear\",\"to\":2}", "bad_time", "/from"},
		{"{\"op\":\"stat\",\"last\":\"2d1w\"}", "bad_time", "/last"},
		{"{\"op\":\"stat\",\"zone\":\"Nowhere\"}", "bad_time", "/zone"},
		{"{\"op\":\"stat\",\"filter\":\"BAD\"}", "bad_filter", "3"},
		{"{\"op\":\"stat\",\"filter\":\"EAT\"}", "limit", ""},
		{"{\"op\":\"stat\",\"filter\":\"LATE\"}", "limit", ""},
		{"{\"op\":\"sessions\",\"format\":\"xml\"}", "bad_request", "/format"},
		{"{\"op\":\"users.add\",\"name\":\"bob\"}", "bad_request", "/password"},
		{"{\"op\":\"users.add\",\"name\":\"a/b\",\"password\":\"x\"}", "bad_request", "/name"},
		{"{\"op\":\"users.set\",\"name\":\"joe\"}", "bad_request", ""},
		{"{\"op\":\"filter.check\",\"filter\":\"BAD\"}", "bad_filter", "3"},
	};
	(void)state;
	stub_reset();
	for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++) {
		char at[80];
		json_error_t e;
		const char *got = code_of(ask(as("admin", "adminpw", json_loads(row[i].request, 0, &e))), at);
		if (strcmp(got, row[i].code) != 0 || strcmp(at, row[i].at) != 0)
			fail_msg("%s: %s at '%s', not %s at '%s'", row[i].request, got, at, row[i].code,
				row[i].at);
	}
}

static void
what_auth_may_look_like(void **state)
{
	(void)state;
	char at[80];
	assert_string_equal(code(op("whoami")), "auth");
	assert_string_equal(code(as("admin", "wrong", op("whoami"))), "auth");
	assert_string_equal(code(as("nobody", "adminpw", op("whoami"))), "auth");
	assert_string_equal(code(as("admin", "adminpw", op("whoami"))), "ok");
	json_t *r = op("whoami");
	json_object_set_new(r, "auth", json_string("admin"));
	assert_string_equal(code_of(ask(r), at), "bad_request");
	assert_string_equal(at, "/auth");
	r = op("whoami");
	json_object_set_new(r, "auth", json_pack("{s:s, s:i}", "user", "admin", "password", 7));
	assert_string_equal(code_of(ask(r), at), "bad_request");
	assert_string_equal(at, "/auth/password");
	r = as("admin", "adminpw", op("whoami"));
	json_object_set_new(
		json_object_get(r, "auth"), "key", json_string("00000000000000000000000000000000"));
	assert_string_equal(code(r), "bad_request");
}

static void
frames_that_are_no_request_leave_the_connection_alive(void **state)
{
	(void)state;
	struct rpc_client *c = connected();
	static char long_text[2 << 20];
	json_t *deep = json_array();
	for (unsigned i = 0; i < 40; i++)
		deep = json_pack("[o]", deep);
	assert_int_equal(
		rpc_client_send(c, json_pack("{s:s, s:o}", "op", "whoami", "filter", deep), NULL), 0);
	assert_string_equal(code_of(last_reply(c), NULL), "bad_request");
	memset(long_text, 'x', sizeof long_text - 1);
	assert_int_equal(
		rpc_client_send(c, json_pack("{s:s, s:s}", "op", "whoami", "filter", long_text), NULL), 0);
	assert_string_equal(code_of(last_reply(c), NULL), "too_large");
	assert_int_equal(rpc_client_send(c, as("admin", "adminpw", op("whoami")), NULL), 0);
	assert_string_equal(code_of(last_reply(c), NULL), "ok");
	rpc_client_close(c);
}

static void
the_user_filter_is_in_everything_a_user_runs(void **state)
{
	static const char *const request[] = {"{\"op\":\"stat\"}", "{\"op\":\"stat\",\"slots\":10}",
		"{\"op\":\"stat\",\"filter\":\"PORT == 1\",\"group_by\":\"ASN\"}", "{\"op\":\"sessions\"}",
		"{\"op\":\"sessions\",\"slices\":true}", "{\"op\":\"sessions\",\"whole\":true}",
		"{\"op\":\"sessions\",\"filter\":\"SRVPORT == 443\"}"};
	(void)state;
	json_error_t e;
	for (unsigned i = 0; i < sizeof request / sizeof request[0]; i++) {
		stub_reset();
		assert_string_equal(code(as("joe", "joepw", json_loads(request[i], 0, &e))), "ok");
		assert_string_equal(stub.user_filter, "SRVPORT == 80");
		assert_string_equal(code(as("ann", "annpw", json_loads(request[i], 0, &e))), "ok");
		assert_string_equal(stub.user_filter, "");
	}
	/* it can't be given, nor is it shown */
	assert_string_equal(
		code(as("joe", "joepw", json_loads("{\"op\":\"stat\",\"user_filter\":\"\"}", 0, &e))),
		"bad_request");
	json_t *me = ask(as("joe", "joepw", op("whoami")));
	char *text = json_dumps(me, 0);
	assert_null(strstr(text, "SRVPORT"));
	assert_non_null(strstr(text, "\"restricted\": true"));
	free(text);
	json_decref(me);
	me = ask(as("joe", "joepw", op("status")));
	assert_null(json_object_get(me, "store"));
	json_decref(me);
}

static void
a_query_reaches_the_engine_as_it_was_asked(void **state)
{
	(void)state;
	json_error_t e;
	stub_reset();
	json_t *r = json_loads("{\"op\":\"stat\",\"group_by\":\"IPPAIR\",\"count_by\":\"UNIQUE "
			       "IP\",\"direction\":\"sent\",\"rows\":5,"
			       "\"offset\":2,\"slots\":3,\"from\":\"11/05/13 "
			       "10:15:00\",\"to\":1383646600000000,\"zone\":\"UTC\","
			       "\"exporter\":\"10.0.0.1\",\"exporter_if\":4,\"exporter_version\":\"nf9\"}",
		0, &e);
	assert_string_equal(code(as("admin", "adminpw", r)), "ok");
	assert_string_equal(stub.entity, "IPPAIR");
	assert_int_equal(stub.spec.direction, QUERY_SENT);
	assert_int_equal(stub.spec.rows, 5);
	assert_int_equal(stub.spec.offset, 2);
	assert_int_equal(stub.spec.slots, 3);
	assert_int_equal(stub.spec.from_us, 1383646500000000);
	assert_int_equal(stub.spec.to_us, 1383646600000000);
	assert_string_equal(stub.exporter, "10.0.0.1");
	assert_int_equal(stub.spec.exporter_if, 4);
	assert_int_equal(stub.context_memory, 64 << 20);
	r = json_loads("{\"op\":\"sessions\",\"last\":\"1h\",\"slices\":true,\"whole\":true,\"most\":9,"
		       "\"format\":\"csv_head\"}",
		0, &e);
	assert_string_equal(code(as("admin", "adminpw", r)), "ok");
	assert_int_equal(stub.spec.to_us - stub.spec.from_us, 3600000000);
	assert_true(
		stub.spec.slices && stub.spec.whole && stub.spec.most == 9 && stub.spec.exporter_if == -1);
}

static void
a_user_without_rights_is_refused(void **state)
{
	static const char *const admin_only[] = {"{\"op\":\"users.list\"}",
		"{\"op\":\"users.add\",\"name\":\"xx\",\"password\":\"x\"}",
		"{\"op\":\"users.delete\",\"name\":\"ann\"}",
		"{\"op\":\"users.set\",\"name\":\"joe\",\"filter\":\"\"}",
		"{\"op\":\"users.set\",\"name\":\"joe\",\"admin\":true}",
		"{\"op\":\"users.password\",\"name\":\"ann\",\"password\":\"x\"}", "{\"op\":\"audit.list\"}",
		"{\"op\":\"settings.get\"}"};
	json_error_t e;
	(void)state;
	for (unsigned i = 0; i < sizeof admin_only / sizeof admin_only[0]; i++)
		assert_string_equal(code(as("joe", "joepw", json_loads(admin_only[i], 0, &e))), "forbidden");
	assert_string_equal(code(as("admin", "adminpw", op("settings.get"))), "ok");
	assert_string_equal(code(as("admin", "adminpw", op("exporters.list"))), "unavailable");
}

static void
users_are_made_changed_and_deleted(void **state)
{
	json_error_t e;
	(void)state;
	assert_string_equal(code(as("admin", "adminpw",
				    json_loads("{\"op\":\"users.add\",\"name\":\"bob\",\"password\":"
					       "\"bobpw\",\"filter\":\"BAD\"}",
					    0, &e))),
		"bad_filter");
	assert_string_equal(
		code(as("admin", "adminpw",
			json_loads("{\"op\":\"users.add\",\"name\":\"bob\",\"password\":\"bobpw\"}", 0, &e))),
		"ok");
	assert_string_equal(
		code(as("admin", "adminpw",
			json_loads("{\"op\":\"users.add\",\"name\":\"bob\",\"password\":\"bobpw\"}", 0, &e))),
		"exists");
	assert_string_equal(code(as("bob", "bobpw", op("whoami"))), "ok");
	assert_string_equal(
		code(as("bob", "bobpw",
			json_loads(
				"{\"op\":\"users.password\",\"name\":\"bob\",\"password\":\"new\"}", 0, &e))),
		"ok");
	assert_string_equal(code(as("bob", "bobpw", op("whoami"))), "auth");
	assert_string_equal(code(as("bob", "new", op("whoami"))), "ok");
	/* the right takes hold at once, and so does its loss */
	assert_string_equal(
		code(as("admin", "adminpw",
			json_loads("{\"op\":\"users.set\",\"name\":\"bob\",\"admin\":true}", 0, &e))),
		"ok");
	assert_string_equal(code(as("bob", "new", op("users.list"))), "ok");
	assert_string_equal(
		code(as("admin", "adminpw",
			json_loads("{\"op\":\"users.set\",\"name\":\"bob\",\"filter\":\"PROTO == TCP\"}", 0,
				&e))),
		"refused");
	assert_string_equal(
		code(as("admin", "adminpw",
			json_loads("{\"op\":\"users.set\",\"name\":\"bob\",\"admin\":false}", 0, &e))),
		"ok");
	assert_string_equal(code(as("bob", "new", op("users.list"))), "forbidden");
	assert_string_equal(
		code(as("admin", "adminpw",
			json_loads("{\"op\":\"users.set\",\"name\":\"admin\",\"admin\":false}", 0, &e))),
		"refused");
	assert_string_equal(code(as("admin", "adminpw",
				    json_loads("{\"op\":\"users.delete\",\"name\":\"admin\"}", 0, &e))),
		"refused");
	/* a session key means logged in */
	json_t *login = json_pack("{s:s, s:b}", "op", "login", "session_key", 1);
	json_t *reply = ask(as("bob", "new", login));
	assert_non_null(json_object_get(reply, "session_key"));
	json_decref(reply);
	assert_string_equal(
		code(as("admin", "adminpw", json_loads("{\"op\":\"users.delete\",\"name\":\"bob\"}", 0, &e))),
		"refused");
	assert_string_equal(
		code(as("admin", "adminpw",
			json_loads(
				"{\"op\":\"users.password\",\"name\":\"bob\",\"password\":\"x\"}", 0, &e))),
		"ok");
	assert_string_equal(
		code(as("admin", "adminpw", json_loads("{\"op\":\"users.delete\",\"name\":\"bob\"}", 0, &e))),
		"ok");
	assert_string_equal(code(as("bob", "x", op("whoami"))), "auth");
	reply = ask(as("admin", "adminpw", op("audit.list")));
	char *text = json_dumps(reply, 0);
	assert_non_null(strstr(text, "act=users.add name=\\\"bob\\\""));
	assert_non_null(strstr(text, "act=users.delete name=\\\"bob\\\""));
	assert_null(strstr(text, "bobpw"));
	free(text);
	json_decref(reply);
}

static void
until_it_is_changed_only_the_password_can_be_changed(void **state)
{
	char dir[64], first[USERS_FIRST_PASSWORD];
	struct err err = {0};
	json_error_t e;
	(void)state;
	/* the server is moved to a folder that was never used */
	stop_server();
	struct users *was = the.users;
	struct tickets *tickets_was = the.tickets;
	snprintf(dir, sizeof dir, "/tmp/ft-first-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(users_open(&the.users, dir, first, &err), 0);
	assert_int_equal(tickets_open(&the.tickets, users_kv(the.users), &err), 0);
	start_server();
	static const char *const refused[] = {"{\"op\":\"whoami\"}", "{\"op\":\"login\"}",
		"{\"op\":\"stat\"}", "{\"op\":\"users.list\"}",
		"{\"op\":\"users.add\",\"name\":\"xx\",\"password\":\"x\"}", "{\"op\":\"key\"}",
		"{\"op\":\"users.password\",\"name\":\"other\",\"password\":\"x\"}"};
	for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++)
		assert_string_equal(
			code(as("admin", first, json_loads(refused[i], 0, &e))), "must_change_password");
	json_t *same =
		json_pack("{s:s, s:s, s:s}", "op", "users.password", "name", "admin", "password", first);
	assert_string_equal(code(as("admin", first, same)), "refused");
	json_t *change =
		json_pack("{s:s, s:s, s:s}", "op", "users.password", "name", "admin", "password", "new");
	assert_string_equal(code(as("admin", first, change)), "ok");
	assert_string_equal(code(as("admin", "new", op("whoami"))), "ok");
	stop_server();
	tickets_close(the.tickets);
	users_close(the.users);
	char path[128];
	static const char *const file[] = {"users.lmdb", "users.lmdb-lock"};
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, file[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
	the.users = was;
	the.tickets = tickets_was;
	start_server();
}

static void
a_session_key_serves_one_address_only(void **state)
{
	(void)state;
	json_t *reply = ask(as("ann", "annpw", op("key")));
	char key[64];
	snprintf(key, sizeof key, "%s", json_string_value(json_object_get(reply, "session_key")));
	assert_int_equal(json_integer_value(json_object_get(reply, "session_key_age")), 60);
	json_decref(reply);
	json_t *r = json_pack("{s:s, s:{s:s}}", "op", "whoami", "auth", "key", key);
	reply = ask(json_incref(r));
	assert_string_equal(json_string_value(json_object_get(reply, "user")), "ann");
	json_decref(reply);
	/* the same key from 127.0.0.2 */
	char endpoint[100];
	struct rpc_client *c;
	snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.2:0;127.0.0.1:%d", the.port);
	assert_int_equal(rpc_client_open(&c, endpoint, NULL, NULL), 0);
	assert_int_equal(rpc_client_send(c, r, NULL), 0);
	assert_string_equal(code_of(last_reply(c), NULL), "auth");
	rpc_client_close(c);
	r = json_pack("{s:s, s:{s:s}}", "op", "whoami", "auth", "key", "00000000000000000000000000000000");
	assert_string_equal(code(r), "auth");
}

static void
too_many_wrong_passwords_are_not_even_looked_at(void **state)
{
	(void)state;
	char endpoint[100];
	struct rpc_client *c;
	snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.9:0;127.0.0.1:%d", the.port);
	assert_int_equal(rpc_client_open(&c, endpoint, NULL, NULL), 0);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(rpc_client_send(c, as("ann", "guess", op("whoami")), NULL), 0);
		assert_string_equal(code_of(last_reply(c), NULL), "auth");
	}
	assert_int_equal(rpc_client_send(c, as("ann", "annpw", op("whoami")), NULL), 0);
	assert_string_equal(code_of(last_reply(c), NULL), "throttled");
	assert_int_equal(rpc_client_send(c, as("joe", "joepw", op("whoami")), NULL), 0);
	assert_string_equal(code_of(last_reply(c), NULL), "ok"); /* another account is not */
	rpc_client_close(c);
	assert_string_equal(code(as("ann", "annpw", op("whoami"))), "ok"); /* nor the same from elsewhere */
}

static json_t *
hold(bool progress)
{
	return json_pack("{s:s, s:s, s:b}", "op", "stat", "filter", "HOLD", "progress", (int)progress);
}

static void
a_query_tells_its_progress_and_can_be_cancelled(void **state)
{
	(void)state;
	stub_reset();
	struct rpc_client *c = connected();
	json_t *body;
	const void *payload;
	size_t n;
	bool more;
	assert_int_equal(rpc_client_send(c, as("admin", "adminpw", hold(true)), NULL), 0);
	assert_int_equal(rpc_client_next(c, &body, &payload, &n, &more, span_seconds(10), NULL), 0);
	json_t *p = json_object_get(body, "progress");
	assert_true(more);
	assert_int_equal(json_integer_value(json_object_get(p, "rows_total")), 1000);
	assert_int_equal(json_integer_value(json_object_get(p, "rows_scanned")), 10);
	json_decref(body);
	assert_int_equal(rpc_client_cancel(c), 0);
	assert_string_equal(code_of(last_reply(c), NULL), "cancelled");
	assert_int_equal(stub.cancelled, 1);
	rpc_client_close(c);
}

static void
a_client_that_goes_away_cancels_its_query(void **state)
{
	(void)state;
	stub_reset();
	struct rpc_client *c = connected();
	assert_int_equal(rpc_client_send(c, as("admin", "adminpw", hold(false)), NULL), 0);
	stub_wait_held(1);
	rpc_client_close(c);
	/* the server must notice by itself; meanwhile it answers others */
	for (unsigned i = 0; i < 2000 && stub.cancelled == 0; i++)
		assert_string_equal(code(as("ann", "annpw", op("whoami"))), "ok");
	assert_int_equal(stub.cancelled, 1);
}

static void
waiting_queries_take_turns_by_user_and_can_be_cancelled(void **state)
{
	(void)state;
	stub_reset();
	struct rpc_client *holder[2], *a[3], *b, *x;
	for (unsigned i = 0; i < 2; i++) {
		holder[i] = connected();
		rpc_client_send(holder[i], as("admin", "adminpw", hold(false)), NULL);
	}
	stub_wait_held(2); /* both threads are busy */
	for (unsigned i = 0; i < 3; i++) {
		char name[8];
		snprintf(name, sizeof name, "a%u", i);
		a[i] = connected();
		rpc_client_send(a[i],
			as("ann", "annpw",
				json_pack("{s:s, s:s, s:s}", "op", "stat", "exporter", name, "filter", "")),
			NULL);
		/* a later request of the same user: when it is answered the earlier one is in the queue */
		assert_string_equal(code(as("ann", "annpw", op("whoami"))), "ok");
	}
	b = connected();
	rpc_client_send(b, as("joe", "joepw", json_pack("{s:s, s:s}", "op", "stat", "exporter", "b")), NULL);
	x = connected();
	rpc_client_send(x, as("joe", "joepw", json_pack("{s:s, s:s}", "op", "stat", "exporter", "x")), NULL);
	json_t *status;
	do
		status = ask(as("admin", "adminpw", op("status")));
	while (json_integer_value(json_object_get(status, "queries_waiting")) < 5 &&
		(json_decref(status), true));
	assert_int_equal(json_integer_value(json_object_get(status, "queries_running")), 2);
	json_decref(status);
	rpc_client_cancel(x); /* while it waits */
	assert_string_equal(code_of(last_reply(x), NULL), "cancelled");
	stub.order[0] = 0;
	rpc_client_cancel(holder[0]); /* one thread is free now */
	assert_string_equal(code_of(last_reply(holder[0]), NULL), "cancelled");
	for (unsigned i = 0; i < 3; i++)
		assert_string_equal(code_of(last_reply(a[i]), NULL), "ok");
	assert_string_equal(code_of(last_reply(b), NULL), "ok");
	assert_string_equal(stub.order, "a0;b;a1;a2;");
	stub_let_go();
	assert_string_equal(code_of(last_reply(holder[1]), NULL), "ok");
	for (unsigned i = 0; i < 3; i++)
		rpc_client_close(a[i]);
	rpc_client_close(b);
	rpc_client_close(x);
	rpc_client_close(holder[0]);
	rpc_client_close(holder[1]);
}

static void
rows_come_as_fast_as_they_are_taken_and_no_faster(void **state)
{
	(void)state;
	stub_reset();
	struct rpc_client *c = connected();
	rpc_client_send(
		c, as("admin", "adminpw", json_pack("{s:s, s:s}", "op", "sessions", "filter", "ROWS")), NULL);
	assert_string_equal(code_of(last_reply(c), NULL), "ok");
	assert_int_equal(payload_seen, 2000 * 100000u);
	rpc_client_close(c);
}

static void
a_client_that_takes_nothing_is_given_up(void **state)
{
	(void)state;
	stub_reset();
	struct rpc_client *c = connected();
	rpc_client_send(
		c, as("admin", "adminpw", json_pack("{s:s, s:s}", "op", "sessions", "filter", "ROWS")), NULL);
	/* not a byte is read here until the server gives up; it tells by its status */
	unsigned queries;
	while (stub.chunks == 0)
		assert_string_equal(code(as("ann", "annpw", op("whoami"))), "ok");
	do {
		json_t *status = ask(as("admin", "adminpw", op("status")));
		queries = (unsigned)json_integer_value(json_object_get(status, "queries_running"));
		json_decref(status);
	} while (queries > 0);
	assert_true(stub.chunks < 2000);
	assert_string_equal(code_of(last_reply(c), NULL), "limit");
	rpc_client_close(c);
}

static void
a_stopping_server_ends_its_queries(void **state)
{
	(void)state;
	stub_reset();
	struct rpc_client *c = connected();
	rpc_client_send(c, as("admin", "adminpw", hold(false)), NULL);
	stub_wait_held(1);
	stop_server();
	assert_string_equal(code_of(last_reply(c), NULL), "cancelled");
	rpc_client_close(c);
	start_server();
}

/* op with this token, asked by the gate for somebody at this address */
static json_t *
with_token(const char *name, const char *token, const char *from)
{
	return json_pack("{s:s, s:s, s:{s:s}}", "op", name, "on_behalf_of", from, "auth", "token", token);
}

static void
the_gate_takes_the_address_of_who_is_behind_it(void **state)
{
	char token[40], at[80];
	(void)state;
	json_t *login =
		json_pack("{s:s, s:b, s:s}", "op", "login", "token", 1, "on_behalf_of", "203.0.113.5");
	/* on the query port nobody speaks for another */
	assert_string_equal(code_of(ask(as("ann", "annpw", json_deep_copy(login))), at), "bad_request");
	assert_string_equal(at, "/on_behalf_of");
	json_t *reply = ask_at(the.gate, as("ann", "annpw", login));
	snprintf(token, sizeof token, "%s", json_string_value(json_object_get(reply, "token")));
	assert_int_equal(json_integer_value(json_object_get(reply, "token_age")), 3600);
	json_decref(reply);
	assert_string_equal(code_of(ask_at(the.gate, with_token("whoami", token, "203.0.113.5")), at), "ok");
	assert_string_equal(
		code_of(ask_at(the.gate, with_token("whoami", token, "203.0.113.6")), at), "auth");
	assert_string_equal(
		code_of(ask_at(the.gate, with_token("whoami", token, "::ffff:203.0.113.5")), at), "ok");
	assert_string_equal(
		code_of(ask_at(the.gate, with_token("whoami", token, "nowhere")), at), "bad_request");
	assert_string_equal(at, "/on_behalf_of");
	/* a token is no session key */
	json_t *r = json_pack(
		"{s:s, s:s, s:{s:s}}", "op", "whoami", "on_behalf_of", "203.0.113.5", "auth", "key", token);
	assert_string_equal(code_of(ask_at(the.gate, r), at), "auth");
	assert_string_equal(code_of(ask_at(the.gate, as("ann", "annpw", op("logout"))), at), "bad_request");
	assert_string_equal(code_of(ask_at(the.gate, with_token("logout", token, "203.0.113.5")), at), "ok");
	assert_string_equal(
		code_of(ask_at(the.gate, with_token("whoami", token, "203.0.113.5")), at), "auth");
}

static void
the_gate_lets_in_who_must_change_the_password_to_do_that(void **state)
{
	struct err err = {0};
	char token[40], first[USERS_FIRST_PASSWORD] = "";
	(void)state;
	/* admin of another folder, at its first start */
	struct users *was = the.users;
	struct tickets *had = the.tickets;
	char *dir = strdup(in_dir("new"));
	stop_server();
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(users_open(&the.users, dir, first, &err), 0);
	assert_int_equal(tickets_open(&the.tickets, users_kv(the.users), &err), 0);
	start_server();
	json_t *login = json_pack("{s:s, s:b, s:s}", "op", "login", "token", 1, "on_behalf_of", "::1");
	json_t *reply = ask_at(the.gate, as("admin", first, login));
	assert_true(json_is_true(json_object_get(reply, "must_change_password")));
	snprintf(token, sizeof token, "%s", json_string_value(json_object_get(reply, "token")));
	json_decref(reply);
	assert_string_equal(code_of(ask_at(the.gate, with_token("whoami", token, "::1")), NULL), "ok");
	assert_string_equal(code_of(ask_at(the.gate, with_token("users.list", token, "::1")), NULL),
		"must_change_password");
	json_t *change = with_token("users.password", token, "::1");
	json_object_set_new(change, "name", json_string("admin"));
	json_object_set_new(change, "password", json_string("another one"));
	assert_string_equal(code_of(ask_at(the.gate, change), NULL), "ok");
	/* that ended the token */
	assert_string_equal(code_of(ask_at(the.gate, with_token("whoami", token, "::1")), NULL), "auth");
	stop_server();
	tickets_close(the.tickets);
	users_close(the.users);
	the.users = was;
	the.tickets = had;
	static const char *const file[] = {"users.lmdb", "users.lmdb-lock", "first-password"};
	for (unsigned i = 0; i < 3; i++) {
		char path[300];
		snprintf(path, sizeof path, "%s/%s", dir, file[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
	free(dir);
	start_server();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wrong_request_is_refused_with_its_place),
		cmocka_unit_test(what_auth_may_look_like),
		cmocka_unit_test(frames_that_are_no_request_leave_the_connection_alive),
		cmocka_unit_test(the_user_filter_is_in_everything_a_user_runs),
		cmocka_unit_test(a_query_reaches_the_engine_as_it_was_asked),
		cmocka_unit_test(a_user_without_rights_is_refused),
		cmocka_unit_test(users_are_made_changed_and_deleted),
		cmocka_unit_test(until_it_is_changed_only_the_password_can_be_changed),
		cmocka_unit_test(a_session_key_serves_one_address_only),
		cmocka_unit_test(the_gate_takes_the_address_of_who_is_behind_it),
		cmocka_unit_test(the_gate_lets_in_who_must_change_the_password_to_do_that),
		cmocka_unit_test(too_many_wrong_passwords_are_not_even_looked_at),
		cmocka_unit_test(a_query_tells_its_progress_and_can_be_cancelled),
		cmocka_unit_test(a_client_that_goes_away_cancels_its_query),
		cmocka_unit_test(waiting_queries_take_turns_by_user_and_can_be_cancelled),
		cmocka_unit_test(rows_come_as_fast_as_they_are_taken_and_no_faster),
		cmocka_unit_test(a_client_that_takes_nothing_is_given_up),
		cmocka_unit_test(a_stopping_server_ends_its_queries),
	};
	return cmocka_run_group_tests(tests, begin, finish);
}
