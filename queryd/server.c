/* server.c - see server.h. */
#include "queryd/server.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/addr.h"
#include "common/counters.h"
#include "common/log.h"
#include "queryd/hosts.h"
#include "queryd/request.h"

static const int64_t progress_ns = 250000000;
/* above what rows may have under way (op_query.c), so that they have progress too; a client that reads nothing must not
 * pile it up */
enum { PROGRESS_MOST = 4 << 20, WAIT_THREADS = 4, HOST_THREADS = 4, LONG_QUERY_US = 250000 };

/* ---- the end of a request --------------------------------------------------------------------- */

static void
unlist(struct request *r)
{
	struct server *s = r->server;
	pthread_mutex_lock(&s->mutex);
	*r->at = r->next;
	if (r->next)
		r->next->at = r->at;
	pthread_mutex_unlock(&s->mutex);
}

static void
drop(struct request *r)
{
	if (r->entered)
		users_leave(r->server->parts.users, r->who.name);
	user_drop(&r->who);
	free(r);
}

void
request_reply(struct request *r, json_t *body)
{
	struct rpc_server *rpc = r->rpc;
	struct rpc_call *call = r->call;
	unlist(r);
	drop(r); /* before the reply: who reads it may delete this user next */
	counter_add(COUNTER_queryd_requests, 1);
	rpc_reply(rpc, call, body, NULL, 0, false, false);
}

static void
end(struct request *r, const char *code, const char *at, const char *text)
{
	struct rpc_server *rpc = r->rpc;
	struct rpc_call *call = r->call;
	unsigned retry_s = r->retry_s;
	unlist(r);
	drop(r);
	counter_add(COUNTER_queryd_requests, 1);
	counter_add(COUNTER_queryd_errors, 1);
	if (retry_s == 0) {
		rpc_reply_error(rpc, call, code, at, "%s", text);
		return;
	}
	json_t *e = json_pack(
		"{s:s, s:s, s:s, s:i}", "code", code, "message", text, "at", at, "retry_s", (int)retry_s);
	rpc_reply(rpc, call, json_pack("{s:b, s:o}", "ok", 0, "error", e), NULL, 0, false, false);
}

void
request_error(struct request *r, const char *code, const char *at, const char *fmt, ...)
{
	char text[600], place[80];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	snprintf(place, sizeof place, "%s", at ? at : "");
	end(r, code, place, text);
}

void
request_fail(struct request *r, const struct err *err)
{
	static const struct {
		int rc;
		const char *code;
	} map[] = {{FT_EINVAL, "bad_request"}, {FT_ENOENT, "not_found"}, {FT_EXIST, "exists"},
		{FT_EPERM, "refused"}, {FT_EFULL, "limit"}, {FT_ETIME, "limit"}, {FT_ECANCEL, "cancelled"},
		{FT_EAUTH, "auth"}, {FT_EAGAIN, "unavailable"}, {FT_EBUSY, "unavailable"}};
	const char *code = "internal";
	for (unsigned i = 0; i < sizeof map / sizeof map[0]; i++)
		if (map[i].rc == err->code)
			code = map[i].code;
	if (strcmp(code, "internal") == 0)
		log_limited(LOG_L_CRITICAL, "%s failed: %s", r->op ? r->op->name : "?", err->text);
	request_error(r, code, NULL, "%s", err->text[0] ? err->text : err_name(err->code));
}

/* ---- from a frame to an operation ------------------------------------------------------------- */

/* By the gate: whose request it is.  False: that is no address. */
static bool
on_behalf(struct rpc_call *call)
{
	json_t *from = json_object_get(call->request, "on_behalf_of");
	uint8_t address[16];
	char canonical[ADDR_TEXT];
	const char *text = json_string_value(from);
	if (from == NULL)
		return true;
	if (text == NULL || addr_parse(text, address) != 0)
		return false;
	addr_text(address, canonical); /* as the addresses of tokens are kept */
	snprintf(call->peer, sizeof call->peer, "%.45s", canonical);
	json_object_del(call->request, "on_behalf_of");
	return true;
}

static void
handle(struct server *s, struct rpc_server *rpc, struct rpc_call *call)
{
	char at[80];
	struct err err = {0};
	struct request *r = s->stopping ? NULL : calloc(1, sizeof *r);
	if (r == NULL) {
		rpc_reply_error(rpc, call, s->stopping ? "unavailable" : "internal", NULL,
			s->stopping ? "the server is stopping" : "out of memory");
		return;
	}
	r->server = s;
	r->rpc = rpc;
	r->gateway = rpc == s->gate;
	r->ticket = TICKET_KINDS;
	r->call = call;
	r->in = call->request;
	r->started = mono_now();
	bool placed = !r->gateway || on_behalf(call);
	if (strncmp(call->peer, "::ffff:", 7) == 0) /* IPv4 on an IPv6 socket */
		memmove(call->peer, call->peer + 7, strlen(call->peer + 7) + 1);
	pthread_mutex_lock(&s->mutex);
	r->next = s->list;
	r->at = &s->list;
	if (s->list)
		s->list->at = &r->next;
	s->list = r;
	pthread_mutex_unlock(&s->mutex);
	if (!placed) {
		request_error(r, "bad_request", "/on_behalf_of", "on_behalf_of is an address");
		return;
	}
	r->op = operation_find(call->op);
	if (r->op == NULL) {
		counter_add(COUNTER_queryd_bad_frames, 1);
		request_error(r, "unknown_op", "/op", "this server has no operation '%.64s'", call->op);
		return;
	}
	if (operation_check(r->op, r->in, at, &err) != 0) {
		request_error(r, "bad_request", at, "%s", err.text);
		return;
	}
	login_begin(r);
}

static void
on_port(void *ctx, struct rpc_call *call)
{
	struct server *s = ctx;
	handle(s, s->rpc, call);
}

static void
on_gate(void *ctx, struct rpc_call *call)
{
	struct server *s = ctx;
	handle(s, s->gate, call);
}

/* may this user do that? */
static bool
allowed(struct request *r)
{
	bool own_password = strcmp(r->op->name, "users.password") == 0 &&
			    strcmp(request_string(r, "name", ""), r->who.name) == 0;
	if (r->who.must_change && !own_password && !(r->gateway && r->op->right == OP_ENTRY)) {
		request_error(r, "must_change_password", NULL,
			"the password of '%s' must be changed first: ftum -chpw %s NEWPASSWORD", r->who.name,
			r->who.name);
		return false;
	}
	if (r->op->right == OP_ADMIN && !r->who.admin) {
		request_error(r, "forbidden", NULL, "%s is for administrators", r->op->name);
		return false;
	}
	return true;
}

void
request_run(struct request *r)
{
	struct server *s = r->server;
	int rc = 0;
	if (!allowed(r))
		return;
	if (r->op->kind == OP_HASH)
		rc = jobs_put(s->hash, r->call->peer, r);
	else if (r->op->kind == OP_WAIT)
		rc = jobs_put(s->waits, r->who.name, r);
	else
		r->op->run(r); /* QUICK; QUERY puts itself into the queue when its frame is good */
	if (rc != 0)
		request_error(r, "unavailable", NULL, "too many requests wait; try again");
}

static void
run_hash(void *ctx, void *job)
{
	struct request *r = job;
	(void)ctx;
	if (r->authenticated)
		r->op->run(r);
	else
		login_verify(r);
}

static void
run_wait(void *ctx, void *job)
{
	struct request *r = job;
	(void)ctx;
	r->op->run(r);
}

static void
run_query(void *ctx, void *job)
{
	(void)ctx;
	query_work(job);
}

/* ---- cancel and progress ---------------------------------------------------------------------- */

static void
on_cancel(void *ctx, struct rpc_call *call)
{
	struct server *s = ctx;
	struct request *waited = NULL;
	pthread_mutex_lock(&s->mutex);
	for (struct request *r = s->list; r; r = r->next)
		if (r->call == call) {
			atomic_store(&r->query.cancel, true);
			if (jobs_remove(s->queries, r))
				waited = r;
			break;
		}
	pthread_cond_broadcast(&s->drained);
	pthread_mutex_unlock(&s->mutex);
	if (waited) {
		counter_add(COUNTER_queryd_queries_cancelled, 1);
		request_error(waited, "cancelled", NULL, "cancelled");
	}
}

static void
say_progress(struct server *s)
{
	mono_t now = mono_now();
	if (now.ns - s->said.ns < progress_ns)
		return;
	s->said = now;
	unsigned waiting, running;
	jobs_count(s->queries, &waiting, &running);
	counter_set(COUNTER_queryd_queries_waiting, waiting);
	counter_set(COUNTER_queryd_queries_running, running);
	pthread_mutex_lock(&s->mutex);
	for (struct request *r = s->list; r; r = r->next) {
		if (!r->progress || now.ns - r->started.ns < progress_ns ||
			rpc_unsent(r->rpc, r->call) > PROGRESS_MOST)
			continue;
		json_t *p = json_pack("{s:I, s:I, s:I, s:b}", "rows_scanned",
			(json_int_t)atomic_load_explicit(&r->query.rows_scanned, memory_order_relaxed),
			"rows_total",
			(json_int_t)atomic_load_explicit(&r->query.rows_total, memory_order_relaxed),
			"elapsed_ms", (json_int_t)((now.ns - r->started.ns) / 1000000), "waiting",
			(int)!r->running);
		rpc_reply(r->rpc, r->call, json_pack("{s:o}", "progress", p), NULL, 0, false, true);
	}
	pthread_mutex_unlock(&s->mutex);
}

/* ---- life ------------------------------------------------------------------------------------- */

static void
settings(struct server *s, const struct conf *c)
{
	atomic_store(&s->key_age_us, (int64_t)conf_uint(c, CONF_userdata_maxsessionkeyage) * 1000000);
	atomic_store(&s->login_age_us, (int64_t)conf_uint(c, CONF_userdata_tokenage) * 1000000);
	tickets_ages(s->parts.tickets, atomic_load(&s->key_age_us), atomic_load(&s->login_age_us));
	atomic_store(&s->query_time_us, (int64_t)conf_uint(c, CONF_querytime) * 1000000);
	atomic_store(&s->client_latency_us, (int64_t)conf_uint(c, CONF_maxclientlatency) * 1000000);
	atomic_store(&s->query_memory, conf_uint(c, CONF_querymemory));
}

static int
open_gate(struct server *s, const char *endpoint, const struct rpc_server_options *o, struct err *err)
{
	int rc = rpc_server_open(&s->gate, endpoint, o, err);
	/* for the gateway, which is of the daemons' group; not for everybody */
	if (rc == 0 && chmod(endpoint + strlen("ipc://"), 0660) != 0)
		rc = err_sys(err, "%s: can't set who may open it", endpoint);
	return rc;
}

int
server_open(struct server **out, const struct server_parts *parts, struct err *err)
{
	struct rpc_server_options o = {.handler = on_port, .on_cancel = on_cancel};
	struct rpc_server_options g = {.handler = on_gate, .on_cancel = on_cancel};
	struct server *s = calloc(1, sizeof *s);
	*out = NULL;
	if (s == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	s->parts = *parts;
	s->conf = parts->conf;
	s->started_us = wall_now().us;
	pthread_mutex_init(&s->mutex, NULL);
	pthread_cond_init(&s->drained, NULL);
	pthread_rwlock_init(&s->conf_lock, NULL);
	settings(s, s->conf);
	s->query_threads = (unsigned)conf_uint(s->conf, CONF_querythreads);
	s->throttle = throttle_new();
	o.ctx = g.ctx = s;
	if (parts->curve) {
		o.curve_public = parts->curve->public_key;
		o.curve_secret = parts->curve->secret_key;
	}
	int rc = s->throttle ? 0 : err_set(err, FT_ENOMEM, "out of memory");
	if (rc == 0)
		rc = hosts_open(&s->hosts, HOST_THREADS, NULL, err);
	if (rc == 0)
		rc = jobs_open(&s->hash, 2, run_hash, s, err);
	if (rc == 0)
		rc = jobs_open(&s->waits, WAIT_THREADS, run_wait, s, err);
	if (rc == 0)
		rc = jobs_open(&s->queries, s->query_threads, run_query, s, err);
	if (rc == 0)
		rc = jobs_let_by(s->queries, (span_t){LONG_QUERY_US}, s->query_threads, err);
	if (rc == 0)
		rc = rpc_server_open(&s->rpc, parts->endpoint, &o, err);
	if (rc == 0 && parts->gate)
		rc = open_gate(s, parts->gate, &g, err);
	if (rc != 0) {
		server_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

void
server_close(struct server *s)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->mutex);
	s->stopping = true;
	for (struct request *r = s->list; r; r = r->next)
		atomic_store(&r->query.cancel, true);
	pthread_cond_broadcast(&s->drained);
	pthread_mutex_unlock(&s->mutex);
	jobs_close(s->hash); /* may put into the others */
	jobs_close(s->waits);
	jobs_close(s->queries);
	if (s->rpc) {
		server_turn(s, -1, (span_t){0}); /* last replies */
		rpc_server_close(s->gate);
		rpc_server_close(s->rpc);
	}
	hosts_close(s->hosts);
	throttle_free(s->throttle);
	pthread_rwlock_destroy(&s->conf_lock);
	pthread_cond_destroy(&s->drained);
	pthread_mutex_destroy(&s->mutex);
	free(s);
}

void
server_turn(struct server *s, int extra_fd, span_t most)
{
	if (most.us > progress_ns / 1000)
		most.us = progress_ns / 1000;
	struct rpc_server *const both[] = {s->rpc, s->gate};
	(void)rpc_servers_turn(both, s->gate ? 2 : 1, extra_fd, most);
	if (s->stopping)
		return;
	say_progress(s);
	/* replies may have gone out: whoever waits for room looks again */
	pthread_mutex_lock(&s->mutex);
	pthread_cond_broadcast(&s->drained);
	pthread_mutex_unlock(&s->mutex);
}

void
server_reload(struct server *s, const struct conf *now)
{
	pthread_rwlock_wrlock(&s->conf_lock);
	s->conf = now;
	pthread_rwlock_unlock(&s->conf_lock);
	settings(s, now);
}
