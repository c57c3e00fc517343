/*
 * rpc.h - requests and replies over ZeroMQ; the only file pair that knows zmq.h.  Wire format and error
 * codes: contract/rpc.h and docs/protocol/.
 *
 * Server: a ROUTER that gives each request to a handler on the caller's thread; replies may be sent later
 * and from any thread through rpc_reply (an inproc queue wakes the server's loop), several a request
 * (progress, bulk) with `more`.  Client: one DEALER, one request at a time, replies as they come; in an event loop
 * rpc_client_fd and rpc_client_try instead of rpc_client_next.
 * CURVE is used on tcp:// endpoints that are not loopback.
 */
#ifndef FT_RPC_H
#define FT_RPC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/contract/rpc.h"
#include "common/err.h"

struct rpc_server;
struct rpc_client;

/* One request being answered.  Owned by the server; valid until its last reply (more = false) is sent. */
struct rpc_call {
	uint64_t serial;     /* of this server, never reused */
	char peer[48];       /* address the connection comes from ("127.0.0.1", "ipc") */
	uint64_t connection; /* same for all calls of one connection; gone clients: see rpc_gone */
	json_t *request;     /* an object with v, id, op; freed with the call */
	const char *op;
	void *user; /* the handler's */
};
typedef void (*rpc_handler)(void *ctx, struct rpc_call *call);

struct rpc_server_options {
	size_t max_frame;                        /* bytes; larger frames are refused (default 1 MiB) */
	unsigned max_depth;                      /* JSON nesting (default 32) */
	const char *curve_public, *curve_secret; /* Z85 keys; NULL: plain */
	/* told when a call's client has gone or sent `cancel` for its id, so that work can stop; may be NULL */
	void (*on_cancel)(void *ctx, struct rpc_call *call);
	rpc_handler handler;
	void *ctx;
};

int rpc_server_open(
	struct rpc_server **out, const char *endpoint, const struct rpc_server_options *o, struct err *err);
void rpc_server_close(struct rpc_server *s);
int rpc_server_fd(struct rpc_server *s);
/* Take what has come and send what is queued; sleeps up to `most`; also wakes for extra_fd (-1: none).
 * Returns true if extra_fd is readable. */
bool rpc_server_turn(struct rpc_server *s, int extra_fd, span_t most);
/* The same for several servers (at most 4) of one thread. */
bool rpc_servers_turn(struct rpc_server *const s[], unsigned n, int extra_fd, span_t most);

/* Reply to a call: `body` (stolen) gets "id", "ok": true and, if more, "more": true.  payload may be NULL;
 * it is copied, or taken over if `own` (freed with free()).  Any thread.  After the last one (more = false)
 * the call is freed. */
void rpc_reply(struct rpc_server *s, struct rpc_call *call, json_t *body, void *payload, size_t payload_bytes,
	bool own, bool more);
/* {"ok": false, "error": {"code": …, "message": …, "at": …}}: code is a word of contract/rpc.h; ends the call */
void rpc_reply_error(struct rpc_server *s, struct rpc_call *call, const char *code, const char *at,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Bytes of replies queued to this call's client and not yet taken: for back-pressure on bulk rows. */
size_t rpc_unsent(struct rpc_server *s, struct rpc_call *call);
bool rpc_gone(struct rpc_call *call); /* the client went away or cancelled */

int rpc_client_open(
	struct rpc_client **out, const char *endpoint, const char *curve_server_key, struct err *err);
/* another to the same endpoint (not an encrypted one) that shares the first's threads; closed before it */
int rpc_client_open_beside(struct rpc_client **out, struct rpc_client *first, struct err *err);
void rpc_client_close(struct rpc_client *c);
/* For event loops.  Readable once after a change: then, and after each send, call rpc_client_try until FT_EAGAIN. */
int rpc_client_fd(struct rpc_client *c);
/* as rpc_client_next, without waiting: FT_EAGAIN if nothing has come */
int rpc_client_try(struct rpc_client *c, json_t **body, const void **payload, size_t *payload_bytes,
	bool *more, struct err *err);
/* Send a request (stolen; "v" and "id" are filled in).  Then rpc_client_next until *more is false. */
int rpc_client_send(struct rpc_client *c, json_t *request, struct err *err);
/* Next reply: *body is new; *payload points to bytes valid until the next call.  FT_ETIME after `most`. */
int rpc_client_next(struct rpc_client *c, json_t **body, const void **payload, size_t *payload_bytes,
	bool *more, span_t most, struct err *err);
int rpc_client_cancel(struct rpc_client *c); /* of the request under way */
/* Send and take the one reply; an error reply becomes err (code words mapped to FT_E…). */
int rpc_ask(struct rpc_client *c, json_t *request, json_t **body, span_t most, struct err *err);

#endif
