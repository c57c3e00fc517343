/* upstream.c - see upstream.h. */
#include "web/webd/upstream.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/counters.h"
#include "common/log.h"
#include "common/rpc.h"

enum { IDLE_MOST = 16, REPLIES_A_TURN = 16, LOOK_MS = 500 };
static const int64_t hung_us = 10 * INT64_C(1000000);

struct question {
	struct upstream *u;
	struct question *next, **at;
	struct rpc_client *client; /* NULL: it can't be asked, and `failure` says why */
	struct event *readable;
	upstream_reply reply;
	void *ctx;
	bool paused, over;
	const char *failure;
};
struct upstream {
	struct event_base *base;
	struct event *look;
	struct rpc_client *first; /* whose threads all share */
	char endpoint[300], shm[200];
	unsigned most, n;
	struct question *list;
	struct rpc_client *idle[IDLE_MOST];
	unsigned n_idle;
	int64_t started_us; /* of the queryd that is asked */
	bool alive;
};

static const char away[] =
	"the query server is not there; it is started again by itself, try again in a moment";
static const char hung[] = "the query server does not answer";
static const char busy[] = "too many requests are being answered; try again in a moment";
static const char broken[] = "the query server's answer can't be read";

/* ---- is it there? ------------------------------------------------------------------------------ */

/* A connection of ZeroMQ waits for ever for a server that is away, so a plain one is tried first. */
static bool
listens(const struct upstream *u)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const char *path = u->endpoint + strlen("ipc://");
	if (strlen(path) >= sizeof to.sun_path)
		return false;
	memcpy(to.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return true; /* no descriptors: that is another trouble */
	bool good = connect(fd, (struct sockaddr *)&to, sizeof to) == 0 || errno == EAGAIN;
	close(fd);
	return good;
}

/* when the queryd that is there now has started; 0: none, or it hangs */
static int64_t
started(const struct upstream *u, bool *hangs)
{
	struct err err = {0};
	const struct ft_counters *c = counters_peer(u->shm, "queryd", &err);
	int64_t at = 0;
	*hangs = false;
	if (c == NULL)
		return 0;
	*hangs = wall_now().us - atomic_load(&c->beat_us) > hung_us;
	if (atomic_load(&c->ready) && !*hangs)
		at = atomic_load(&c->started_us);
	counters_peer_close(c);
	return at;
}

/* ---- the end of a question --------------------------------------------------------------------- */

static void
question_free(struct question *q, bool reusable)
{
	struct upstream *u = q->u;
	*q->at = q->next;
	if (q->next)
		q->next->at = q->at;
	counter_set(COUNTER_webd_asked_now, --u->n);
	if (q->readable)
		event_free(q->readable);
	if (q->client) {
		if (reusable && u->n_idle < IDLE_MOST)
			u->idle[u->n_idle++] = q->client;
		else
			rpc_client_close(q->client);
	}
	free(q);
}

static void
fail(struct question *q, const char *why)
{
	json_t *body = json_pack("{s:b, s:{s:s, s:s, s:i}}", "ok", 0, "error", "code", "unavailable",
		"message", why, "retry_s", 1);
	q->over = true;
	q->reply(q->ctx, body, NULL, 0, false);
	json_decref(body);
	question_free(q, false);
}

static void
forget_idle(struct upstream *u)
{
	while (u->n_idle > 0)
		rpc_client_close(u->idle[--u->n_idle]);
}

/* the queryd that was asked is no more, or another one is there */
static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct upstream *u = arg;
	bool hangs;
	int64_t now = started(u, &hangs);
	(void)fd;
	(void)what;
	if (now != 0 && u->started_us == 0)
		u->started_us = now;
	u->alive = now != 0;
	if (now == u->started_us)
		return;
	if (u->started_us != 0)
		log_high("%s", now     ? "the query server has been started again"
			       : hangs ? hung
				       : "the query server is gone");
	u->started_us = now;
	forget_idle(u);
	/* replies may cancel others, so begin anew after each */
	for (bool again = true; again;) {
		again = false;
		for (struct question *q = u->list; q && !again; q = q->next)
			if (q->client && !q->over) {
				fail(q, hangs ? hung : away);
				again = true;
			}
	}
}

/* ---- replies ----------------------------------------------------------------------------------- */

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct question *q = arg;
	(void)fd;
	(void)what;
	if (q->client == NULL) {
		fail(q, q->failure);
		return;
	}
	for (unsigned i = 0; i < REPLIES_A_TURN; i++) {
		json_t *body;
		const void *payload;
		size_t n;
		bool more;
		struct err err = {0};
		if (q->paused)
			return;
		int rc = rpc_client_try(q->client, &body, &payload, &n, &more, &err);
		if (rc == FT_EAGAIN)
			return;
		if (rc != 0) {
			log_limited(LOG_L_CRITICAL, "%s", err.text);
			fail(q, broken);
			return;
		}
		/* the callback may cancel, which must not free what is in use here */
		struct upstream *u = q->u;
		q->over = !more;
		q->reply(q->ctx, body, payload, n, more);
		json_decref(body);
		if (!more) {
			question_free(q, true);
			return;
		}
		bool there = false;
		for (struct question *o = u->list; o && !there; o = o->next)
			there = o == q;
		if (!there)
			return;
	}
	event_active(q->readable, EV_READ, 0); /* others' turn, then on */
}

struct question *
upstream_ask(struct upstream *u, json_t *request, upstream_reply reply, void *ctx)
{
	struct question *q = calloc(1, sizeof *q);
	struct err err = {0};
	if (q == NULL) {
		json_decref(request);
		return NULL;
	}
	q->u = u;
	q->reply = reply;
	q->ctx = ctx;
	q->next = u->list;
	q->at = &u->list;
	if (u->list)
		u->list->at = &q->next;
	u->list = q;
	counter_set(COUNTER_webd_asked_now, ++u->n);
	counter_add(COUNTER_webd_asked, 1);
	if (u->n > u->most)
		q->failure = busy;
	else if (!listens(u)) {
		q->failure = away;
		forget_idle(u);
	} else if (u->n_idle > 0)
		q->client = u->idle[--u->n_idle];
	else if (rpc_client_open_beside(&q->client, u->first, &err) != 0) {
		log_limited(LOG_L_CRITICAL, "%s", err.text);
		q->failure = busy;
	}
	if (q->client && rpc_client_send(q->client, request, &err) != 0) {
		rpc_client_close(q->client);
		q->client = NULL;
		q->failure = err.code == FT_EINVAL ? "the request is not UTF-8" : busy;
		request = NULL;
	} else if (q->client)
		request = NULL;
	json_decref(request);
	q->readable = event_new(
		u->base, q->client ? rpc_client_fd(q->client) : -1, EV_READ | EV_PERSIST, on_readable, q);
	if (q->readable == NULL || (q->client && event_add(q->readable, NULL) != 0)) {
		question_free(q, false);
		return NULL;
	}
	event_active(q->readable, EV_READ, 0);
	return q;
}

void
upstream_pause(struct question *q)
{
	if (q->paused || q->over || q->client == NULL)
		return;
	q->paused = true;
	event_del(q->readable); /* it would be readable all the time */
}

void
upstream_resume(struct question *q)
{
	if (!q->paused)
		return;
	q->paused = false;
	event_add(q->readable, NULL);
	event_active(q->readable, EV_READ, 0);
}

void
upstream_cancel(struct question *q)
{
	if (q->client && !q->over) {
		counter_add(COUNTER_webd_cancelled, 1);
		(void)rpc_client_cancel(q->client);
	}
	question_free(q, false);
}

bool
upstream_alive(const struct upstream *u)
{
	return u->alive;
}

/* ---- life -------------------------------------------------------------------------------------- */

int
upstream_open(struct upstream **out, struct event_base *base, const char *rundir, const char *shm,
	unsigned most, struct err *err)
{
	struct upstream *u = calloc(1, sizeof *u);
	struct timeval every = {.tv_usec = LOOK_MS * 1000};
	bool hangs;
	*out = u;
	if (u == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	u->base = base;
	u->most = most;
	snprintf(u->endpoint, sizeof u->endpoint, "ipc://%s/queryd.gate", rundir);
	snprintf(u->shm, sizeof u->shm, "%s", shm);
	int rc = rpc_client_open(&u->first, u->endpoint, NULL, err);
	if (rc != 0)
		return rc;
	u->started_us = started(u, &hangs);
	u->alive = u->started_us != 0;
	u->look = event_new(base, -1, EV_PERSIST, on_look, u);
	if (u->look == NULL || event_add(u->look, &every) != 0)
		return err_set(err, FT_ENOMEM, "out of memory");
	return 0;
}

void
upstream_close(struct upstream *u)
{
	if (u == NULL)
		return;
	while (u->list)
		question_free(u->list, false);
	forget_idle(u);
	if (u->look)
		event_free(u->look);
	rpc_client_close(u->first);
	free(u);
}
