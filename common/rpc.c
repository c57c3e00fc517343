/*
 * rpc.c - the answering end of rpc.h: requests and replies over ZeroMQ (contract/rpc.h).
 *
 * Threads: a ZeroMQ socket belongs to the thread that turns the server.  Replies from elsewhere go into a queue
 * under a mutex, and an eventfd wakes that thread.  A reply that the client's pipe can't take (EAGAIN: it does not
 * read) stays queued and holds back that client's later ones only; its bytes count in rpc_unsent, which is what
 * those who produce bulk rows look at.
 * A client that goes away: ROUTER_MANDATORY makes a send to it fail, but a query that has nothing to send yet would not
 * notice.  So the socket's monitor tells of any disconnect, and then every running call gets a keepalive reply
 * ({"keepalive": true, "more": true}, swallowed by rpc_client): those that fail are gone and cancelled.  The monitor may
 * tell before the router itself has heard of it, so it is tried again, five times at growing distance.
 */
#include "common/rpc.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include "common/hash.h"
#include "common/log.h"
#include "common/rpc_parse.h"

enum { ID_MAX = 255, PIPE_MESSAGES = 8, TURN_MESSAGES = 256, MAX_WIRE = 64 << 20, PROBES = 5, SERVERS = 4 };

struct call {
	struct rpc_call pub; /* first: callers hold a pointer to it */
	json_t *id;
	uint8_t route[ID_MAX];
	uint8_t route_bytes;
	bool envelope; /* a REQ client: replies need the empty frame too */
	_Atomic bool gone;
	_Atomic size_t unsent;
	unsigned queued; /* replies not yet sent; under the mutex */
	bool ended;      /* the last reply is queued or sent; under the mutex */
	struct call *next;
};
struct reply {
	struct call *call;
	char *body;
	void *payload;
	size_t body_bytes, payload_bytes;
	struct reply *next;
};
struct rpc_server {
	void *zmq, *router, *monitor;
	int wake;
	struct rpc_server_options o;
	pthread_mutex_t mutex;
	struct call *calls;
	struct reply *first, **last;
	uint64_t serial;
	mono_t probe_at; /* when to look for gone clients next */
	unsigned probes; /* how often still; 0: nobody has disconnected */
};

/* ---- server: opening -------------------------------------------------------------------------- */

static void
set_int(void *socket, int option, int value)
{
	(void)zmq_setsockopt(
		socket, option, &value, sizeof value); /* a refusal keeps the default, which works */
}

static int
watch_disconnects(struct rpc_server *s)
{
	char name[64];
	snprintf(name, sizeof name, "inproc://monitor-%p", (void *)s);
	if (zmq_socket_monitor(s->router, name, ZMQ_EVENT_DISCONNECTED) != 0)
		return FT_ESYS;
	s->monitor = zmq_socket(s->zmq, ZMQ_PAIR);
	return s->monitor && zmq_connect(s->monitor, name) == 0 ? 0 : FT_ESYS;
}

int
rpc_server_open(
	struct rpc_server **out, const char *endpoint, const struct rpc_server_options *o, struct err *err)
{
	int64_t most = MAX_WIRE;
	struct rpc_server *s = calloc(1, sizeof *s);
	*out = NULL;
	if (s == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	s->o = *o;
	if (s->o.max_frame == 0)
		s->o.max_frame = FT_RPC_MAX_FRAME;
	if (s->o.max_depth == 0)
		s->o.max_depth = FT_RPC_MAX_DEPTH;
	s->last = &s->first;
	pthread_mutex_init(&s->mutex, NULL);
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->zmq = zmq_ctx_new();
	s->router = s->zmq ? zmq_socket(s->zmq, ZMQ_ROUTER) : NULL;
	if (s->wake < 0 || s->router == NULL) {
		rpc_server_close(s);
		return err_sys(err, "%s: can't make the socket", endpoint);
	}
	set_int(s->router, ZMQ_ROUTER_MANDATORY, 1);
	set_int(s->router, ZMQ_LINGER, 500);
	set_int(s->router, ZMQ_SNDHWM, PIPE_MESSAGES);
	set_int(s->router, ZMQ_RCVHWM, 1000);
	set_int(s->router, ZMQ_HEARTBEAT_IVL, 2000);
	/* longer than a stopped peer (SIGSTOP, a laptop's lid) should be taken for a dead one */
	set_int(s->router, ZMQ_HEARTBEAT_TIMEOUT, 60000);
	set_int(s->router, ZMQ_IPV6, 1);
	(void)zmq_setsockopt(s->router, ZMQ_MAXMSGSIZE, &most, sizeof most);
	if (o->curve_secret) {
		set_int(s->router, ZMQ_CURVE_SERVER, 1);
		if (zmq_setsockopt(s->router, ZMQ_CURVE_SECRETKEY, o->curve_secret,
			    strlen(o->curve_secret) + 1) != 0) {
			rpc_server_close(s);
			return err_set(err, FT_EINVAL, "%s: the CURVE secret key is not 40 Z85 characters",
				endpoint);
		}
	}
	if (watch_disconnects(s) != 0 || zmq_bind(s->router, endpoint) != 0) {
		int rc = err_sys(err, "%s: can't listen (is another instance running there?)", endpoint);
		rpc_server_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

static void
call_free(struct call *c)
{
	json_decref(c->pub.request);
	json_decref(c->id);
	free(c);
}

static void
reply_free(struct reply *r)
{
	free(r->body);
	free(r->payload);
	free(r);
}

void
rpc_server_close(struct rpc_server *s)
{
	if (s == NULL)
		return;
	if (s->monitor)
		zmq_close(s->monitor);
	if (s->router)
		zmq_close(s->router);
	if (s->zmq)
		zmq_ctx_term(s->zmq);
	while (s->first) {
		struct reply *r = s->first;
		s->first = r->next;
		reply_free(r);
	}
	while (s->calls) {
		struct call *c = s->calls;
		s->calls = c->next;
		call_free(c);
	}
	if (s->wake >= 0)
		close(s->wake);
	pthread_mutex_destroy(&s->mutex);
	free(s);
}

int
rpc_server_fd(struct rpc_server *s)
{
	int fd = -1;
	size_t n = sizeof fd;
	(void)zmq_getsockopt(s->router, ZMQ_FD, &fd, &n);
	return fd;
}

/* ---- server: replies -------------------------------------------------------------------------- */

static void
call_unlink(struct rpc_server *s, struct call *c)
{
	for (struct call **at = &s->calls; *at; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			return;
		}
}

/* the mutex is held; the call goes when nothing of it is left */
static void
call_done(struct rpc_server *s, struct call *c)
{
	if (!c->ended || c->queued)
		return;
	call_unlink(s, c);
	call_free(c);
}

static void
queue(struct rpc_server *s, struct call *c, json_t *body, void *payload, size_t bytes, bool own, bool more)
{
	struct reply *r = calloc(1, sizeof *r);
	json_object_set_new(body, "v", json_integer(FT_RPC_VERSION));
	json_object_set(body, "id", c->id);
	if (json_object_get(body, "ok") == NULL)
		json_object_set_new(body, "ok", json_true());
	if (more)
		json_object_set_new(body, "more", json_true());
	char *text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	if (payload && !own) {
		void *copy = malloc(bytes ? bytes : 1);
		if (copy)
			memcpy(copy, payload, bytes);
		payload = copy;
	}
	pthread_mutex_lock(&s->mutex);
	if (r && text && !atomic_load(&c->gone)) {
		*r = (struct reply){c, text, payload, strlen(text), payload ? bytes : 0, NULL};
		c->queued++;
		atomic_fetch_add(&c->unsent, r->body_bytes + r->payload_bytes);
		*s->last = r;
		s->last = &r->next;
	} else {
		free(r);
		free(text);
		free(payload);
	}
	if (!more) {
		c->ended = true;
		call_done(s, c);
	}
	pthread_mutex_unlock(&s->mutex);
	uint64_t one = 1;
	ssize_t n = write(s->wake, &one, sizeof one);
	(void)n; /* a full eventfd is readable already */
}

void
rpc_reply(struct rpc_server *s, struct rpc_call *call, json_t *body, void *payload, size_t bytes, bool own,
	bool more)
{
	queue(s, (struct call *)call, body ? body : json_object(), payload, bytes, own, more);
}

static json_t *
error_body(const char *code, const char *at, const char *message)
{
	json_t *e = json_object(), *o = json_object();
	json_object_set_new(e, "code", json_string(code));
	json_t *text = json_string(message);
	json_object_set_new(e, "message", text ? text : json_string("(not UTF-8)"));
	if (at && at[0])
		json_object_set_new(e, "at", json_string(at));
	json_object_set_new(o, "ok", json_false());
	json_object_set_new(o, "error", e);
	return o;
}

void
rpc_reply_error(
	struct rpc_server *s, struct rpc_call *call, const char *code, const char *at, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	queue(s, (struct call *)call, error_body(code, at, text), NULL, 0, false, false);
}

size_t
rpc_unsent(struct rpc_server *s, struct rpc_call *call)
{
	(void)s;
	return atomic_load(&((struct call *)call)->unsent);
}

bool
rpc_gone(struct rpc_call *call)
{
	return atomic_load(&((struct call *)call)->gone);
}

/* 0 sent, EAGAIN the client does not read, else it is gone */
static int
send_reply(struct rpc_server *s, const struct call *c, const void *body, size_t body_bytes,
	const void *payload, size_t payload_bytes)
{
	int last = ZMQ_DONTWAIT | (payload ? ZMQ_SNDMORE : 0);
	if (zmq_send(s->router, c->route, c->route_bytes, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
		return errno;
	if (c->envelope && zmq_send(s->router, "", 0, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
		return errno;
	if (zmq_send(s->router, body, body_bytes, last) < 0)
		return errno;
	if (payload && zmq_send(s->router, payload, payload_bytes, ZMQ_DONTWAIT) < 0)
		return errno;
	return 0;
}

/* The mutex is held, and let go of while the owner of the work is told.  `queued` keeps the call alive meanwhile: its
 * worker may give the last reply just now, and nothing of a gone client's is queued. */
static void
cancel(struct rpc_server *s, struct call *c)
{
	if (atomic_exchange(&c->gone, true) || c->ended || s->o.on_cancel == NULL)
		return;
	c->queued++;
	pthread_mutex_unlock(&s->mutex);
	s->o.on_cancel(s->o.ctx, &c->pub);
	pthread_mutex_lock(&s->mutex);
	c->queued--;
	call_done(s, c);
}

/* Send what is queued; true if something could not be sent because a client does not read. */
static bool
flush(struct rpc_server *s)
{
	const struct call *blocked[16];
	unsigned n_blocked = 0;
	pthread_mutex_lock(&s->mutex);
	for (struct reply **at = &s->first; *at;) {
		struct reply *r = *at;
		struct call *c = r->call;
		bool wait = false;
		for (unsigned i = 0; i < n_blocked; i++)
			wait |= blocked[i]->pub.connection == c->pub.connection;
		int rc = wait ? EAGAIN
			 : atomic_load(&c->gone) && !c->ended
				 ? EHOSTUNREACH
				 : send_reply(s, c, r->body, r->body_bytes, r->payload, r->payload_bytes);
		if (rc == EAGAIN) {
			if (!wait && n_blocked < 16)
				blocked[n_blocked++] = c;
			at = &r->next;
			continue;
		}
		*at = r->next;
		if (s->last == &r->next)
			s->last = at;
		atomic_fetch_sub(&c->unsent, r->body_bytes + r->payload_bytes);
		reply_free(r);
		if (rc != 0) {
			/* cancel lets go of the mutex: `queued` still holds the call, and the list is walked anew */
			cancel(s, c);
			at = &s->first;
		}
		c->queued--;
		call_done(s, c);
	}
	pthread_mutex_unlock(&s->mutex);
	return n_blocked > 0;
}

/* somebody has disconnected: find out whether it was one of those who wait.  True: some wait still. */
static bool
probe(struct rpc_server *s)
{
	static const char keepalive[] = "{\"v\":1,\"ok\":true,\"keepalive\":true,\"more\":true}";
	pthread_mutex_lock(&s->mutex);
again:
	for (struct call *c = s->calls; c; c = c->next) {
		if (atomic_load(&c->gone) || c->ended || c->envelope) /* a REQ socket takes one reply only */
			continue;
		int rc = send_reply(s, c, keepalive, sizeof keepalive - 1, NULL, 0);
		if (rc != 0 && rc != EAGAIN) {
			cancel(s, c);
			goto again;
		}
	}
	bool waiting = s->calls != NULL;
	pthread_mutex_unlock(&s->mutex);
	return waiting;
}

/* ---- server: requests ------------------------------------------------------------------------- */

static struct call *
call_new(struct rpc_server *s, const uint8_t *route, size_t route_bytes, bool envelope, const char *peer)
{
	struct call *c = calloc(1, sizeof *c);
	if (c == NULL)
		return NULL;
	memcpy(c->route, route, route_bytes);
	c->route_bytes = (uint8_t)route_bytes;
	c->envelope = envelope;
	c->pub.serial = ++s->serial;
	c->pub.connection = hash_bytes(route, route_bytes, 0);
	snprintf(c->pub.peer, sizeof c->pub.peer, "%s", peer && peer[0] ? peer : "ipc");
	return c;
}

static void
cancel_target(struct rpc_server *s, struct call *c)
{
	json_t *target = json_object_get(c->pub.request, "target");
	bool found = false;
	pthread_mutex_lock(&s->mutex);
	for (struct call *o = s->calls; o && !found; o = o->next)
		if (o != c && o->pub.connection == c->pub.connection && json_equal(o->id, target) &&
			!o->ended) {
			found = true;
			if (s->o.on_cancel && !atomic_load(&o->gone)) {
				pthread_mutex_unlock(&s->mutex);
				s->o.on_cancel(s->o.ctx, &o->pub);
				pthread_mutex_lock(&s->mutex);
			}
		}
	pthread_mutex_unlock(&s->mutex);
	rpc_reply(s, &c->pub, json_pack("{s:b}", "cancelled", (int)found), NULL, 0, false, false);
}

static void
handle(struct rpc_server *s, struct call *c, const void *frame, size_t n)
{
	struct rpc_limits limits = {s->o.max_frame, s->o.max_depth, 65536};
	struct rpc_refusal why = {0};
	c->pub.request = rpc_parse(frame, n, &limits, &c->id, &why);
	if (c->id == NULL)
		c->id = json_null();
	pthread_mutex_lock(&s->mutex);
	c->next = s->calls;
	s->calls = c;
	pthread_mutex_unlock(&s->mutex);
	if (c->pub.request == NULL) {
		rpc_reply_error(s, &c->pub, why.code, why.at, "%s", why.message);
		return;
	}
	c->pub.op = json_string_value(json_object_get(c->pub.request, "op"));
	if (strcmp(c->pub.op, "cancel") == 0)
		cancel_target(s, c);
	else
		s->o.handler(s->o.ctx, &c->pub);
}

/* one message: route, maybe an empty frame, the request; further frames are ignored.  False: nothing there. */
static bool
receive(struct rpc_server *s)
{
	zmq_msg_t route, part;
	zmq_msg_init(&route);
	if (zmq_msg_recv(&route, s->router, ZMQ_DONTWAIT) < 0) {
		zmq_msg_close(&route);
		return false;
	}
	bool envelope = false, handled = false;
	int more = zmq_msg_more(&route);
	for (unsigned i = 0; more; i++) {
		zmq_msg_init(&part);
		if (zmq_msg_recv(&part, s->router, 0) < 0) {
			zmq_msg_close(&part);
			break;
		}
		more = zmq_msg_more(&part);
		if (i == 0 && zmq_msg_size(&part) == 0 && more)
			envelope = true;
		else if (!handled && zmq_msg_size(&route) <= ID_MAX) {
			struct call *c = call_new(s, zmq_msg_data(&route), zmq_msg_size(&route), envelope,
				zmq_msg_gets(&part, "Peer-Address"));
			handled = true;
			if (c)
				handle(s, c, zmq_msg_data(&part), zmq_msg_size(&part));
		}
		zmq_msg_close(&part);
	}
	zmq_msg_close(&route);
	return true;
}

static void
drain_monitor(struct rpc_server *s)
{
	zmq_msg_t m;
	for (;;) {
		zmq_msg_init(&m);
		int n = zmq_msg_recv(&m, s->monitor, ZMQ_DONTWAIT);
		zmq_msg_close(&m);
		if (n < 0)
			return;
		s->probes = PROBES;
		s->probe_at = mono_now();
	}
}

/* how long this one may sleep, in milliseconds, of `ms`; its descriptors go into item[0..2] */
static long
prepare(struct rpc_server *s, zmq_pollitem_t item[3], long ms)
{
	bool stuck = flush(s);
	item[0] = (zmq_pollitem_t){s->router, 0, ZMQ_POLLIN, 0};
	item[1] = (zmq_pollitem_t){NULL, s->wake, ZMQ_POLLIN, 0};
	item[2] = (zmq_pollitem_t){s->monitor, 0, ZMQ_POLLIN, 0};
	if (stuck && ms > 5)
		ms = 5; /* ZeroMQ can't tell when one client's pipe has room again */
	if (s->probes) {
		long until = (long)(s->probe_at.ns - mono_now().ns) / 1000000 + 1;
		ms = until < 0 ? 0 : until < ms ? until : ms;
	}
	return ms;
}

static void
serve(struct rpc_server *s, bool woken)
{
	uint64_t count;
	if (woken) {
		ssize_t n = read(s->wake, &count, sizeof count);
		(void)n; /* non-blocking */
	}
	for (unsigned i = 0; i < TURN_MESSAGES && receive(s); i++) {
	}
	drain_monitor(s);
	flush(s);
	if (s->probes && mono_now().ns >= s->probe_at.ns) {
		int events;
		size_t n = sizeof events;
		(void)zmq_getsockopt(
			s->router, ZMQ_EVENTS, &events, &n); /* makes the router take note of what happened */
		bool waiting = probe(s);
		/* 2, 8, 32, 128 ms from now */
		s->probes = waiting ? s->probes - 1 : 0;
		s->probe_at = mono_after(mono_now(), (span_t){2000 << (2 * (PROBES - 1 - s->probes))});
	}
}

bool
rpc_servers_turn(struct rpc_server *const s[], unsigned n, int extra_fd, span_t most)
{
	zmq_pollitem_t item[3 * SERVERS + 1];
	long ms = (long)((most.us + 999) / 1000);
	CHECK(n <= SERVERS);
	for (unsigned i = 0; i < n; i++)
		ms = prepare(s[i], item + 3 * (size_t)i, ms);
	item[3 * n] = (zmq_pollitem_t){NULL, extra_fd, ZMQ_POLLIN, 0};
	if (zmq_poll(item, (int)(3 * n) + (extra_fd >= 0), ms) < 0)
		return extra_fd >= 0; /* a signal: let the caller look */
	for (unsigned i = 0; i < n; i++)
		serve(s[i], item[3 * i + 1].revents != 0);
	return extra_fd >= 0 && item[3 * n].revents;
}

bool
rpc_server_turn(struct rpc_server *s, int extra_fd, span_t most)
{
	return rpc_servers_turn(&s, 1, extra_fd, most);
}
