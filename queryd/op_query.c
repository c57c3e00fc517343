/* op_query.c - operations that ask the engine: views, raw sessions, grammar, checking a filter. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/counters.h"
#include "common/filter.h"
#include "common/timeframe.h"
#include "queryd/friendly.h"
#include "queryd/operations.h"
#include "queryd/places.h"
#include "queryd/request.h"

/* an answer is one JSON object in memory, about 40 bytes a number of a series */
enum { UNSENT_MOST = 2 << 20, SERIES_MOST = 10000000 };

/* ---- the frame -------------------------------------------------------------------------------- */

static int
time_of(const struct request *r, const char *name, const struct tz *zone, int64_t now, int64_t *us,
	struct err *err)
{
	const json_t *v = json_object_get(r->in, name);
	if (json_is_string(v))
		return timeframe_time(json_string_value(v), zone, now, us, err);
	*us = json_integer_value(v);
	return 0;
}

/* at: the member that is wrong */
static int
frame(const struct request *r, struct query_spec *q, const char **at, struct err *err)
{
	const char *zone_name = request_string(r, "zone", NULL), *last = request_string(r, "last", NULL);
	bool from = json_object_get(r->in, "from"), to = json_object_get(r->in, "to");
	struct tz *zone = NULL;
	int64_t now = wall_now().us;
	*at = "/zone";
	int rc = zone_name ? tz_open(&zone, zone_name, err) : 0;
	if (rc == 0 && (from || to)) {
		*at = from ? "/to" : "/from";
		if (last)
			rc = err_set(err, FT_EINVAL, "a frame is either from and to, or last");
		else if (!from || !to)
			rc = err_set(err, FT_EINVAL, "from and to go together");
		if (rc == 0) {
			*at = "/from";
			rc = time_of(r, "from", zone, now, &q->from_us, err);
		}
		if (rc == 0) {
			*at = "/to";
			rc = time_of(r, "to", zone, now, &q->to_us, err);
		}
		if (rc == 0 && q->from_us >= q->to_us)
			rc = err_set(err, FT_EINVAL, "the frame ends before it begins");
	} else if (rc == 0) {
		*at = "/last";
		rc = timeframe_frame(last ? last : "15m", zone, now, &q->from_us, &q->to_us, err);
	}
	tz_close(zone);
	return rc;
}

/* what stat and sessions have in common; false: answered */
static bool
begin(struct request *r)
{
	struct query_spec *q = &r->spec;
	struct err err = {0};
	const char *at;
	if (frame(r, q, &at, &err) != 0) {
		request_error(r, "bad_time", at, "%s", err.text);
		return false;
	}
	q->filter = request_string(r, "filter", NULL);
	q->user_filter = r->who.filter;
	q->exporter = request_string(r, "exporter", NULL);
	q->exporter_if = request_int(r, "exporter_if", -1);
	q->border = request_bool(r, "border");
	q->exporter_version = request_string(r, "exporter_version", NULL);
	r->progress = request_bool(r, "progress");
	return true;
}

static void
put(struct request *r)
{
	if (jobs_put(r->server->queries, r->who.name, r) != 0)
		request_error(r, "unavailable", NULL, "too many queries wait; try again later");
}

void
op_stat(struct request *r)
{
	struct query_spec *q = &r->spec;
	const char *direction = request_string(r, "direction", "total");
	if (strcasecmp(direction, "total") == 0)
		q->direction = QUERY_TOTAL;
	else if (strcasecmp(direction, "sent") == 0)
		q->direction = QUERY_SENT;
	else if (strcasecmp(direction, "received") == 0)
		q->direction = QUERY_RECEIVED;
	else {
		request_error(r, "bad_request", "/direction", "direction is total, sent or received");
		return;
	}
	q->entity = request_string(r, "group_by", "IP");
	q->count = request_string(r, "count_by", "BYTES");
	q->rows = (uint32_t)request_int(r, "rows", 128);
	q->offset = (uint32_t)request_int(r, "offset", 0);
	q->slots = (uint32_t)request_int(r, "slots", 0);
	if ((uint64_t)q->rows * q->slots > SERIES_MOST) {
		request_error(r, "bad_request", "/slots", "rows times slots is at most %d", SERIES_MOST);
		return;
	}
	if (begin(r))
		put(r);
}

void
op_sessions(struct request *r)
{
	struct query_spec *q = &r->spec;
	q->format = request_string(r, "format", "ndjson");
	if (strcmp(q->format, "csv") != 0 && strcmp(q->format, "csv_table") != 0 &&
		strcmp(q->format, "csv_head") != 0 && strcmp(q->format, "ndjson") != 0) {
		request_error(r, "bad_request", "/format", "format is csv, csv_table, csv_head or ndjson");
		return;
	}
	q->most = (uint64_t)request_int(r, "most", 0);
	q->sort = request_string(r, "sort", NULL);
	q->sessions_offset = (uint64_t)request_int(r, "offset", 0);
	q->slices = request_bool(r, "slices");
	q->whole = request_bool(r, "whole");
	if (begin(r))
		put(r);
}

/* ---- on a query thread ------------------------------------------------------------------------ */

/* Rows go out as fast as the client takes them: beyond UNSENT_MOST bytes under way we wait for the main thread to say
 * that something was sent.  A client that takes nothing for maxclientlatency is given up. */
static int
send_rows(void *ctx, const char *bytes, size_t n)
{
	struct request *r = ctx;
	struct server *s = r->server;
	size_t least = SIZE_MAX;
	mono_t since = mono_now();
	for (;;) {
		size_t unsent = rpc_unsent(r->rpc, r->call);
		int64_t latency = atomic_load(&s->client_latency_us);
		if (atomic_load(&r->query.cancel) || rpc_gone(r->call))
			return FT_ECANCEL;
		if (unsent <= UNSENT_MOST)
			break;
		if (unsent < least) {
			least = unsent;
			since = mono_now();
		} else if (latency && mono_since(mono_now(), since).us > latency) {
			r->stopped = "the client took nothing for maxclientlatency seconds";
			return FT_ECANCEL;
		}
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += 100000000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		pthread_mutex_lock(&s->mutex);
		pthread_cond_clockwait(&s->drained, &s->mutex, CLOCK_MONOTONIC, &until);
		pthread_mutex_unlock(&s->mutex);
	}
	const char *payload = r->spec.format[0] == 'n' ? "ndjson" : "csv";
	rpc_reply(r->rpc, r->call, json_pack("{s:s}", "payload", payload), (void *)(uintptr_t)bytes, n, false,
		true);
	return 0;
}

/* AS that nobody named are called as the file of names calls them */
static bool
known_name(void *ctx, const char *kind, const char *key, char out[FRIENDLY_NAME])
{
	_Static_assert((int)PLACES_NAME <= (int)FRIENDLY_NAME, "an AS's name fits");
	return ctx != NULL && strcmp(kind, "as") == 0 &&
	       places_as_name(ctx, (uint32_t)strtoul(key, NULL, 10), out);
}

static void
fail(struct request *r, const struct err *err)
{
	char at[32] = "";
	bool position = err->code == FT_EINVAL && err->sys > 0;
	if (err->code == FT_ECANCEL) {
		counter_add(COUNTER_queryd_queries_cancelled, 1);
		if (r->stopped)
			request_error(r, "limit", NULL, "%s", r->stopped);
		else
			request_error(r, "cancelled", NULL, "cancelled");
		return;
	}
	if (!position) {
		request_fail(r, err);
		return;
	}
	snprintf(at, sizeof at, "%d", err->sys);
	request_error(r, "bad_filter", at, "%s", err->text);
}

static unsigned
find_names(void *ctx, const char *kind, const char *name, char (*key)[ENGINE_NAME_KEY], unsigned room)
{
	_Static_assert((int)ENGINE_NAME_KEY == (int)FRIENDLY_KEY, "one room for a key");
	struct request *r = ctx;
	return friendly_find(r->server->parts.saved, &r->who, kind, name, key, room);
}

void
query_work(struct request *r)
{
	struct engine_names names = {find_names, r};
	struct server *s = r->server;
	struct err err = {0};
	json_t *out = NULL;
	unsigned waiting, running;
	int64_t time = atomic_load(&s->query_time_us);
	int rc;
	pthread_mutex_lock(&s->mutex);
	r->running = true;
	if (s->stopping)
		atomic_store(&r->query.cancel, true);
	pthread_mutex_unlock(&s->mutex);
	if (atomic_load(&r->query.cancel) || rpc_gone(r->call)) {
		err.code = FT_ECANCEL;
		fail(r, &err);
		return;
	}
	jobs_count(s->queries, &waiting, &running);
	/* threads of the pool that nobody else wants help this query */
	r->query.threads =
		running + waiting < s->query_threads ? s->query_threads - running - waiting + 1 : 1;
	r->query.memory = atomic_load(&s->query_memory);
	r->query.deadline_ns = time ? mono_now().ns + time * 1000 : 0;
	counter_add(COUNTER_queryd_queries, 1);
	bool view = r->op->run == op_stat;
	r->spec.names = &names;
	if (view)
		rc = engine_view(s->parts.engine, &r->query, &r->spec, &out, &err);
	else
		rc = engine_sessions(s->parts.engine, &r->query, &r->spec, send_rows, r, &out, &err);
	counter_add(COUNTER_queryd_rows_scanned, atomic_load(&r->query.rows_scanned));
	if (rc != 0) {
		err.code = rc;
		json_decref(out);
		fail(r, &err);
		return;
	}
	if (view) {
		struct friendly_other other = {known_name, engine_places(s->parts.engine)};
		friendly_label(s->parts.saved, &r->who, out, &other);
	}
	request_reply(r, json_pack("{s:o}", view ? "view" : "summary", out));
}

/* ---- the language ----------------------------------------------------------------------------- */

void
op_grammar(struct request *r)
{
	request_reply(r, json_pack("{s:o}", "grammar", engine_grammar(r->server->parts.engine)));
}

void
op_filter_check(struct request *r)
{
	const char *text = request_string(r, "filter", "");
	struct filter_node *node;
	struct err err = {0};
	struct arena arena;
	arena_init(&arena, (size_t)16 << 20);
	int rc = engine_check_filter(r->server->parts.engine, text, &err);
	if (rc == 0)
		rc = filter_parse(&arena, text, &node, &err);
	if (rc != 0) {
		err.code = rc;
		fail(r, &err);
	} else {
		const char *printed = filter_print(&arena, node);
		request_reply(r, json_pack("{s:s}", "filter", printed ? printed : text));
	}
	arena_free(&arena);
}
