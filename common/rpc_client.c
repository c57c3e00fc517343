/*
 * rpc_client.c - the asking end of rpc.h: a DEALER of its own for each client, so that one answer that is not taken
 * holds back no other.
 *
 * In an event loop: rpc_client_fd is ZeroMQ's, which is readable *once* when something has changed.  After that, and after
 * each send, rpc_client_try is called until it says FT_EAGAIN; only then will the descriptor tell again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/rpc.h"

enum { PIPE_MESSAGES = 8 };

static void
set_int(void *socket, int option, int value)
{
	(void)zmq_setsockopt(
		socket, option, &value, sizeof value); /* a refusal keeps the default, which works */
}

struct rpc_client {
	void *zmq, *dealer;
	bool borrowed; /* zmq is another client's */
	uint64_t id;
	zmq_msg_t payload;
	bool has_payload;
	char endpoint[256];
};

static int
open_in(void *zmq, struct rpc_client **out, const char *endpoint, const char *curve_server_key,
	struct err *err)
{
	struct rpc_client *c = calloc(1, sizeof *c);
	char public_key[41], secret_key[41];
	*out = NULL;
	if (c == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	snprintf(c->endpoint, sizeof c->endpoint, "%s", endpoint);
	c->borrowed = zmq != NULL;
	c->zmq = zmq ? zmq : zmq_ctx_new();
	c->dealer = c->zmq ? zmq_socket(c->zmq, ZMQ_DEALER) : NULL;
	if (c->dealer == NULL) {
		rpc_client_close(c);
		return err_sys(err, "%s: can't make a socket", endpoint);
	}
	set_int(c->dealer, ZMQ_LINGER, 200);
	set_int(c->dealer, ZMQ_RCVHWM, PIPE_MESSAGES);
	set_int(c->dealer, ZMQ_HEARTBEAT_IVL, 2000);
	set_int(c->dealer, ZMQ_HEARTBEAT_TIMEOUT, 60000);
	set_int(c->dealer, ZMQ_IPV6, 1);
	if (curve_server_key) {
		if (zmq_curve_keypair(public_key, secret_key) != 0 ||
			zmq_setsockopt(c->dealer, ZMQ_CURVE_SERVERKEY, curve_server_key,
				strlen(curve_server_key) + 1) != 0 ||
			zmq_setsockopt(c->dealer, ZMQ_CURVE_PUBLICKEY, public_key, sizeof public_key) != 0 ||
			zmq_setsockopt(c->dealer, ZMQ_CURVE_SECRETKEY, secret_key, sizeof secret_key) != 0) {
			rpc_client_close(c);
			return err_set(err, FT_EINVAL, "the server's public key is not 40 Z85 characters");
		}
	}
	if (zmq_connect(c->dealer, endpoint) != 0) {
		int rc = err_sys(err, "%s: can't connect", endpoint);
		rpc_client_close(c);
		return rc;
	}
	*out = c;
	return 0;
}

int
rpc_client_open(struct rpc_client **out, const char *endpoint, const char *curve_server_key, struct err *err)
{
	return open_in(NULL, out, endpoint, curve_server_key, err);
}

int
rpc_client_open_beside(struct rpc_client **out, struct rpc_client *first, struct err *err)
{
	return open_in(first->zmq, out, first->endpoint, NULL, err);
}

int
rpc_client_fd(struct rpc_client *c)
{
	int fd = -1;
	size_t n = sizeof fd;
	(void)zmq_getsockopt(c->dealer, ZMQ_FD, &fd, &n);
	return fd;
}

void
rpc_client_close(struct rpc_client *c)
{
	if (c == NULL)
		return;
	if (c->has_payload)
		zmq_msg_close(&c->payload);
	if (c->dealer)
		zmq_close(c->dealer);
	if (c->zmq && !c->borrowed)
		zmq_ctx_term(c->zmq);
	free(c);
}

static int
send_object(struct rpc_client *c, json_t *o, struct err *err)
{
	char *text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (text == NULL)
		return err_set(err, FT_EINVAL, "the request is not UTF-8");
	int n = zmq_send(c->dealer, text, strlen(text), ZMQ_DONTWAIT);
	free(text);
	return n < 0 ? err_sys(err, "%s: can't send", c->endpoint) : 0;
}

int
rpc_client_send(struct rpc_client *c, json_t *request, struct err *err)
{
	json_object_set_new(request, "v", json_integer(FT_RPC_VERSION));
	json_object_set_new(request, "id", json_integer((json_int_t)++c->id));
	return send_object(c, request, err);
}

int
rpc_client_cancel(struct rpc_client *c)
{
	json_t *o = json_pack("{s:i, s:s, s:s, s:I}", "v", FT_RPC_VERSION, "id", "cancel", "op", "cancel",
		"target", (json_int_t)c->id);
	return send_object(c, o, NULL);
}

/* one message off the wire: body and, if there is one, payload */
static int
take(struct rpc_client *c, json_t **body, struct err *err)
{
	zmq_msg_t m;
	json_error_t e;
	zmq_msg_init(&m);
	if (zmq_msg_recv(&m, c->dealer, ZMQ_DONTWAIT) < 0) {
		int why = errno;
		zmq_msg_close(&m);
		if (why == EAGAIN)
			return FT_EAGAIN;
		errno = why;
		return err_sys(err, "%s: can't receive", c->endpoint);
	}
	*body = json_loadb(zmq_msg_data(&m), zmq_msg_size(&m), 0, &e);
	int more = zmq_msg_more(&m);
	zmq_msg_close(&m);
	if (c->has_payload)
		zmq_msg_close(&c->payload);
	c->has_payload = false;
	while (more) {
		zmq_msg_init(&m);
		if (zmq_msg_recv(&m, c->dealer, 0) < 0) {
			zmq_msg_close(&m);
			break;
		}
		more = zmq_msg_more(&m);
		if (c->has_payload) {
			zmq_msg_close(&m);
			continue;
		}
		c->payload = m;
		c->has_payload = true;
	}
	return *body ? 0 : err_set(err, FT_EFORMAT, "%s: the answer is not JSON", c->endpoint);
}

int
rpc_client_try(struct rpc_client *c, json_t **body, const void **payload, size_t *payload_bytes, bool *more,
	struct err *err)
{
	*body = NULL;
	for (;;) {
		int rc = take(c, body, err);
		if (rc != 0)
			return rc;
		json_t *id = json_object_get(*body, "id");
		bool mine = !json_is_integer(id) || json_integer_value(id) == (json_int_t)c->id;
		if (json_is_true(json_object_get(*body, "keepalive")) || !mine || json_is_string(id)) {
			json_decref(
				*body); /* a keepalive, an answer to `cancel`, a late one of an earlier request */
			*body = NULL;
			continue;
		}
		*more = json_is_true(json_object_get(*body, "more"));
		*payload = c->has_payload ? zmq_msg_data(&c->payload) : NULL;
		*payload_bytes = c->has_payload ? zmq_msg_size(&c->payload) : 0;
		return 0;
	}
}

int
rpc_client_next(struct rpc_client *c, json_t **body, const void **payload, size_t *payload_bytes, bool *more,
	span_t most, struct err *err)
{
	mono_t end = mono_after(mono_now(), most);
	*body = NULL;
	for (;;) {
		int64_t left = (end.ns - mono_now().ns) / 1000000;
		zmq_pollitem_t item = {c->dealer, 0, ZMQ_POLLIN, 0};
		int n = left < 0 ? 0 : zmq_poll(&item, 1, (long)left + 1);
		if (n == 0)
			return err_set(err, FT_ETIME, "%s: no answer within %.1f s", c->endpoint,
				(double)most.us / 1e6);
		if (n < 0 && errno == EINTR)
			return err_set(err, FT_ECANCEL, "interrupted");
		if (n < 0)
			return err_sys(err, "%s: can't wait", c->endpoint);
		int rc = rpc_client_try(c, body, payload, payload_bytes, more, err);
		if (rc != FT_EAGAIN)
			return rc;
	}
}

static int
code_to_err(const char *code)
{
	static const struct {
		const char *word;
		int rc;
	} map[] = {{"auth", FT_EAUTH}, {"must_change_password", FT_EAUTH}, {"throttled", FT_EAUTH},
		{"forbidden", FT_EPERM}, {"not_found", FT_ENOENT}, {"exists", FT_EXIST},
		{"cancelled", FT_ECANCEL}, {"limit", FT_EFULL}, {"unavailable", FT_EAGAIN}};
	for (unsigned i = 0; code && i < sizeof map / sizeof map[0]; i++)
		if (strcmp(code, map[i].word) == 0)
			return map[i].rc;
	return FT_EINVAL;
}

int
rpc_ask(struct rpc_client *c, json_t *request, json_t **body, span_t most, struct err *err)
{
	const void *payload;
	size_t bytes;
	bool more = true;
	int rc = rpc_client_send(c, request, err);
	*body = NULL;
	while (rc == 0 && more) {
		json_decref(*body);
		rc = rpc_client_next(c, body, &payload, &bytes, &more, most, err);
	}
	if (rc != 0)
		return rc;
	if (json_is_true(json_object_get(*body, "ok")))
		return 0;
	json_t *e = json_object_get(*body, "error");
	const char *code = json_string_value(json_object_get(e, "code"));
	const char *text = json_string_value(json_object_get(e, "message"));
	rc = err_set(err, code_to_err(code), "%s", text ? text : "refused without a reason");
	json_decref(*body);
	*body = NULL;
	return rc;
}
