/* Requests and replies: bad frames are answered and the connection kept; bulk, cancel, clients that go away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include "common/rpc.h"

enum { SECONDS = 10, PAYLOAD = 300000 };

static char endpoint[64];
static struct rpc_server *server;
static pthread_t thread;
static int stop_fd;
static struct rpc_call *_Atomic held; /* of op "hold": answered by another thread or never */
static _Atomic unsigned cancelled, sent;
static _Atomic size_t most_unsent;
static void *zmq;
static void *raw; /* a DEALER of our own, to send what rpc_client would not */

static void
handler(void *ctx, struct rpc_call *call)
{
	(void)ctx;
	if (strcmp(call->op, "echo") == 0) {
		rpc_reply(server, call, json_pack("{s:O?}", "echo", json_object_get(call->request, "what")),
			NULL, 0, false, false);
	} else if (strcmp(call->op, "payload") == 0) {
		char *p = malloc(PAYLOAD);
		assert_non_null(p);
		memset(p, 'x', PAYLOAD);
		rpc_reply(server, call, json_pack("{s:{s:i}}", "progress", "rows_scanned", 1), NULL, 0, false,
			true);
		rpc_reply(server, call, json_pack("{s:s}", "payload", "csv"), p, PAYLOAD, true, false);
	} else if (strcmp(call->op, "hold") == 0)
		atomic_store(&held, call);
	else
		rpc_reply_error(server, call, "unknown_op", "/op", "unknown operation '%s'", call->op);
}

/* the owner of the work is told, ends it, and answers */
static void
on_cancel(void *ctx, struct rpc_call *call)
{
	(void)ctx;
	atomic_fetch_add(&cancelled, 1);
	atomic_store(&held, NULL);
	rpc_reply_error(server, call, "cancelled", NULL, "cancelled");
}

static void *
serve(void *arg)
{
	(void)arg;
	while (!rpc_server_turn(server, stop_fd, (span_t){1000000})) {
	}
	return NULL;
}

static int
begin(void **state)
{
	(void)state;
	struct rpc_server_options o = {.handler = handler, .on_cancel = on_cancel};
	struct err err;
	snprintf(endpoint, sizeof endpoint, "ipc:///tmp/rpc-test-%d", (int)getpid());
	stop_fd = eventfd(0, EFD_CLOEXEC);
	if (rpc_server_open(&server, endpoint, &o, &err) != 0 ||
		pthread_create(&thread, NULL, serve, NULL) != 0)
		return -1;
	zmq = zmq_ctx_new();
	raw = zmq_socket(zmq, ZMQ_DEALER);
	int no = 0, most = SECONDS * 1000;
	zmq_setsockopt(raw, ZMQ_LINGER, &no, sizeof no);
	zmq_setsockopt(raw, ZMQ_RCVTIMEO, &most, sizeof most);
	return zmq_connect(raw, endpoint);
}

static int
end(void **state)
{
	(void)state;
	uint64_t one = 1;
	if (write(stop_fd, &one, sizeof one) != sizeof one)
		return -1;
	pthread_join(thread, NULL);
	rpc_server_close(server);
	zmq_close(raw);
	zmq_ctx_term(zmq);
	close(stop_fd);
	return 0;
}

/* send a frame as it is; the error code of the answer, or "" */
static const char *
code_of(const void *frame, size_t n, int64_t *id)
{
	static char code[64], text[4096];
	assert_int_equal(zmq_send(raw, frame, n, 0), n);
	int got = zmq_recv(raw, text, sizeof text, 0);
	assert_true(got > 0 && (size_t)got < sizeof text);
	json_t *o = json_loadb(text, (size_t)got, 0, NULL);
	assert_non_null(o);
	*id = json_integer_value(json_object_get(o, "id"));
	json_t *e = json_object_get(o, "error");
	snprintf(code, sizeof code, "%s", e ? json_string_value(json_object_get(e, "code")) : "");
	json_decref(o);
	return code;
}
static const char *
code_of_text(const char *text, int64_t *id)
{
	return code_of(text, strlen(text), id);
}

static struct rpc_client *
client(void)
{
	struct rpc_client *c;
	struct err err = {0};
	if (rpc_client_open(&c, endpoint, NULL, &err) != 0)
		fail_msg("%s", err.text);
	return c;
}

static void
wait_held(void)
{
	for (unsigned i = 0; atomic_load(&held) == NULL; i++) {
		assert_true(i < SECONDS * 1000);
		(void)poll(NULL, 0, 1);
	}
}

static void
a_request_is_answered_with_its_id(void **state)
{
	(void)state;
	int64_t id;
	assert_string_equal(code_of_text("{\"v\":1,\"id\":42,\"op\":\"echo\",\"what\":1}", &id), "");
	assert_int_equal(id, 42);
	struct rpc_client *c = client();
	struct err err;
	json_t *body;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(rpc_ask(c, json_pack("{s:s, s:i}", "op", "echo", "what", i), &body,
					 span_seconds(SECONDS), &err),
			0);
		assert_int_equal(json_integer_value(json_object_get(body, "echo")), i);
		json_decref(body);
	}
	assert_int_equal(rpc_ask(c, json_pack("{s:s}", "op", "nonsense"), &body, span_seconds(SECONDS), &err),
		FT_EINVAL);
	assert_string_equal(err.text, "unknown operation 'nonsense'");
	rpc_client_close(c);
}

static void
bad_frames_get_an_error_and_the_connection_is_kept(void **state)
{
	(void)state;
	int64_t id;
	assert_string_equal(code_of_text("", &id), "bad_request");
	assert_string_equal(code_of_text("hello", &id), "bad_request");
	assert_string_equal(code_of_text("{\"op\":", &id), "bad_request");
	assert_string_equal(code_of_text("[1]", &id), "bad_request");
	assert_string_equal(code_of_text("{\"id\":5}", &id), "bad_request");
	assert_int_equal(id, 5);
	assert_string_equal(code_of_text("{\"id\":6,\"op\":7}", &id), "bad_request");
	assert_string_equal(code_of_text("{\"id\":[],\"op\":\"echo\"}", &id), "bad_request");
	assert_string_equal(code_of_text("{\"v\":9,\"id\":8,\"op\":\"echo\"}", &id), "bad_request");
	assert_string_equal(code_of_text("{\"op\":\"echo\",\"op\":\"echo\"}", &id), "bad_request");
	assert_string_equal(code_of("{\"op\":\"\xff\xfe\"}", 11, &id), "bad_request");
	assert_string_equal(code_of_text("{\"id\":9,\"op\":\"what\"}", &id), "unknown_op");
	assert_string_equal(code_of_text("{\"id\":10,\"op\":\"echo\"}", &id), "");
	assert_int_equal(id, 10);
}

static void
frames_beyond_a_bound_are_refused(void **state)
{
	(void)state;
	int64_t id;
	size_t n = FT_RPC_MAX_FRAME + 1000;
	char *big = malloc(n);
	assert_non_null(big);
	memset(big, ' ', n);
	assert_string_equal(code_of(big, n, &id), "too_large");
	memset(big, '[', 100000);
	assert_string_equal(code_of(big, 100000, &id), "bad_request");
	memset(big, 'a', n);
	memcpy(big, "{\"op\":\"echo\",\"what\":\"", 21);
	memcpy(big + 200000, "\"}", 2);
	assert_string_equal(code_of(big, 200002, &id), "too_large");
	memcpy(big + 60000, "\"}", 2);
	/* the answer echoes 60 kB, more than code_of takes: only that the server lives */
	free(big);
	assert_string_equal(code_of_text("{\"op\":\"echo\"}", &id), "");
}

static void
bulk_comes_after_progress_and_whole(void **state)
{
	(void)state;
	struct rpc_client *c = client();
	struct err err;
	json_t *body;
	const void *payload;
	size_t bytes;
	bool more;
	assert_int_equal(rpc_client_send(c, json_pack("{s:s}", "op", "payload"), &err), 0);
	assert_int_equal(rpc_client_next(c, &body, &payload, &bytes, &more, span_seconds(SECONDS), &err), 0);
	assert_true(more);
	assert_non_null(json_object_get(body, "progress"));
	json_decref(body);
	assert_int_equal(rpc_client_next(c, &body, &payload, &bytes, &more, span_seconds(SECONDS), &err), 0);
	assert_false(more);
	assert_int_equal(bytes, PAYLOAD);
	assert_int_equal(((const char *)payload)[PAYLOAD - 1], 'x');
	json_decref(body);
	rpc_client_close(c);
}

static void
a_request_can_be_cancelled(void **state)
{
	(void)state;
	struct rpc_client *c = client();
	struct err err;
	json_t *body;
	const void *payload;
	size_t bytes;
	bool more;
	unsigned was = atomic_load(&cancelled);
	assert_int_equal(rpc_client_send(c, json_pack("{s:s}", "op", "hold"), &err), 0);
	wait_held();
	assert_int_equal(rpc_client_cancel(c), 0);
	assert_int_equal(rpc_client_next(c, &body, &payload, &bytes, &more, span_seconds(SECONDS), &err), 0);
	assert_false(more);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(body, "error"), "code")), "cancelled");
	assert_int_equal(atomic_load(&cancelled), was + 1);
	json_decref(body);
	rpc_client_close(c);
}

static void
the_owner_of_the_work_is_told_that_its_client_has_gone(void **state)
{
	(void)state;
	struct rpc_client *c = client();
	struct err err;
	unsigned was = atomic_load(&cancelled);
	assert_int_equal(rpc_client_send(c, json_pack("{s:s}", "op", "hold"), &err), 0);
	wait_held();
	rpc_client_close(c);
	for (unsigned i = 0; atomic_load(&cancelled) == was; i++) {
		assert_true(i < SECONDS * 1000);
		(void)poll(NULL, 0, 1);
	}
}

/* answers a held call from a thread of its own, holding back when the client does not read */
static void *
produce(void *arg)
{
	struct rpc_call *call = arg;
	char block[65536];
	memset(block, 'r', sizeof block);
	for (unsigned i = 0; i < 200; i++) {
		while (rpc_unsent(server, call) > (1u << 20) && !rpc_gone(call))
			(void)poll(NULL, 0, 1);
		size_t now = rpc_unsent(server, call);
		if (now > atomic_load(&most_unsent))
			atomic_store(&most_unsent, now);
		rpc_reply(server, call, json_object(), block, sizeof block, false, i < 199);
		atomic_fetch_add(&sent, 1);
	}
	return NULL;
}

static void
a_slow_reader_holds_back_its_producer_only(void **state)
{
	(void)state;
	struct rpc_client *c = client(), *other = client();
	struct err err;
	json_t *body;
	const void *payload;
	size_t bytes, total = 0;
	bool more = true;
	pthread_t producer;
	assert_int_equal(rpc_client_send(c, json_pack("{s:s}", "op", "hold"), &err), 0);
	wait_held();
	assert_int_equal(pthread_create(&producer, NULL, produce, atomic_exchange(&held, NULL)), 0);
	/* the producer stands still although 200 blocks are wanted; others are served meanwhile */
	for (int i = 0; i < 50; i++) {
		assert_int_equal(rpc_ask(other, json_pack("{s:s, s:i}", "op", "echo", "what", i), &body,
					 span_seconds(SECONDS), &err),
			0);
		json_decref(body);
	}
	while (more) {
		assert_int_equal(
			rpc_client_next(c, &body, &payload, &bytes, &more, span_seconds(SECONDS), &err), 0);
		total += bytes;
		json_decref(body);
	}
	assert_int_equal(total, 200 * 65536);
	pthread_join(producer, NULL);
	assert_true(atomic_load(&most_unsent) < (2u << 20));
	rpc_client_close(c);
	rpc_client_close(other);
}

static void
curve_keeps_those_without_the_key_out(void **state)
{
	(void)state;
	char public_key[41], secret_key[41], wrong_public[41], wrong_secret[41];
	struct rpc_server *s;
	struct rpc_client *good, *bad;
	struct err err = {0};
	char at[64];
	json_t *body = NULL;
	assert_int_equal(zmq_curve_keypair(public_key, secret_key), 0);
	assert_int_equal(zmq_curve_keypair(wrong_public, wrong_secret), 0);
	struct rpc_server_options o = {
		.handler = handler, .curve_public = public_key, .curve_secret = secret_key};
	snprintf(at, sizeof at, "ipc:///tmp/rpc-test-curve-%d", (int)getpid());
	assert_int_equal(rpc_server_open(&s, at, &o, &err), 0);
	assert_int_equal(rpc_client_open(&good, at, public_key, &err), 0);
	assert_int_equal(rpc_client_open(&bad, at, wrong_public, &err), 0);
	assert_int_equal(rpc_client_send(bad, json_pack("{s:s}", "op", "cancel"), &err), 0);
	assert_int_equal(rpc_client_send(good, json_pack("{s:s}", "op", "cancel"), &err), 0);
	bool more;
	const void *payload;
	size_t bytes;
	int rc = FT_ETIME;
	for (unsigned i = 0; rc == FT_ETIME && i < SECONDS * 100; i++) {
		(void)rpc_server_turn(s, -1, (span_t){5000});
		rc = rpc_client_next(good, &body, &payload, &bytes, &more, (span_t){5000}, &err);
	}
	assert_int_equal(rc, 0);
	assert_true(json_is_false(json_object_get(body, "cancelled"))); /* there is nothing to cancel */
	json_decref(body);
	assert_int_equal(
		rpc_client_next(bad, &body, &payload, &bytes, &more, (span_t){100000}, &err), FT_ETIME);
	rpc_client_close(good);
	rpc_client_close(bad);
	rpc_server_close(s);
}

static void
an_endpoint_in_use_is_said(void **state)
{
	(void)state;
	struct rpc_server *first, *second;
	struct rpc_server_options o = {.handler = handler};
	struct err err = {0};
	char at[64];
	int port = 20000 + (int)getpid() % 20000;
	do
		snprintf(at, sizeof at, "tcp://127.0.0.1:%d", ++port);
	while (rpc_server_open(&first, at, &o, &err) != 0 && port < 60000);
	assert_int_equal(rpc_server_open(&second, at, &o, &err), FT_ESYS);
	assert_non_null(strstr(err.text, at));
	assert_null(second);
	rpc_server_close(first);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_answered_with_its_id),
		cmocka_unit_test(bad_frames_get_an_error_and_the_connection_is_kept),
		cmocka_unit_test(frames_beyond_a_bound_are_refused),
		cmocka_unit_test(bulk_comes_after_progress_and_whole),
		cmocka_unit_test(a_request_can_be_cancelled),
		cmocka_unit_test(the_owner_of_the_work_is_told_that_its_client_has_gone),
		cmocka_unit_test(a_slow_reader_holds_back_its_producer_only),
		cmocka_unit_test(curve_keeps_those_without_the_key_out),
		cmocka_unit_test(an_endpoint_in_use_is_said),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
