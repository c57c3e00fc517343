/*
 * op_capacity.c - what the sizes hold: how many slices and sessions, and how much time at the rate of what is stored.
 *
 * Figures are measured: bytes a slice are the segments' bytes by their slices, the rate is the slices kept by the time from the
 * oldest of them to the latest, a followed session takes what the tracker's table takes of shared memory.  With little stored
 * there is nothing to measure, and `estimated` says that 32 bytes a slice were taken.
 */
#include <stdio.h>
#include <sys/stat.h>

#include "queryd/daemons.h"
#include "queryd/operations.h"

enum { ANSWER_S = 5, GUESS = 32, GUESS_SESSION = 320, FEW = 10000 };

struct figures {
	int64_t slices, bytes, oldest_us, complete_us; /* store */
	int64_t followed, room, table_bytes;           /* tracker */
};

static int64_t
counter_of(const json_t *answer, const char *name)
{
	return json_integer_value(json_object_get(json_object_get(answer, "counters"), name));
}

/* the tables of all shards */
static int64_t
table_bytes(const char *instance)
{
	int64_t sum = 0;
	for (unsigned i = 0; i < 64; i++) {
		char path[400];
		struct stat st;
		snprintf(path, sizeof path, "/dev/shm/flowtrove-%s/tracker.%u", instance, i);
		if (stat(path, &st) != 0)
			break;
		sum += st.st_size;
	}
	return sum;
}

static double
a_slice(const struct figures *f)
{
	return f->slices >= FEW ? (double)f->bytes / (double)f->slices : GUESS;
}

/* 0: not known */
static double
a_second(const struct figures *f)
{
	double span = (double)(f->complete_us - f->oldest_us) / 1e6;
	return f->slices >= FEW && f->oldest_us > 0 && span >= 60 ? (double)f->slices / span : 0;
}

static double
a_session(const struct figures *f)
{
	return f->room > 0 && f->table_bytes > 0 ? (double)f->table_bytes / (double)f->room : GUESS_SESSION;
}

static json_t *
seconds(const struct figures *f, double slices)
{
	double rate = a_second(f);
	return rate > 0 ? json_integer((json_int_t)(slices / rate)) : json_null();
}

static json_t *
database(struct request *r, const struct conf *c, const struct figures *f)
{
	double size =
		(double)request_int(r, "databasesize", (int64_t)conf_uint(c, CONF_storage_databasesize));
	double slices =
		(double)request_int(r, "segmentcount", (int64_t)conf_uint(c, CONF_storage_segmentcount)) *
		(double)request_int(r, "segmentsize", (int64_t)conf_uint(c, CONF_storage_segmentsize));
	if (size > 0 && size / a_slice(f) < slices)
		slices = size / a_slice(f);
	double left = slices > (double)f->slices ? slices - (double)f->slices : 0;
	return json_pack("{s:I, s:I, s:o, s:o, s:f}", "slices", (json_int_t)slices, "bytes",
		(json_int_t)(slices * a_slice(f)), "seconds", seconds(f, slices), "seconds_left",
		seconds(f, left), "percent_full", slices > 0 ? 100.0 * (double)f->slices / slices : 0.0);
}

static json_t *
cache(struct request *r, const struct conf *c, const struct figures *f)
{
	double slices = (double)request_int(
		r, "memcachesize", (int64_t)conf_uint(c, CONF_sessiontables_memcachesize));
	return json_pack("{s:I, s:I, s:o}", "slices", (json_int_t)slices, "bytes",
		(json_int_t)(slices * a_slice(f)), "seconds", seconds(f, slices));
}

static json_t *
tracker(struct request *r, const struct conf *c, const struct figures *f)
{
	double n = (double)request_int(
		r, "conntracksize", (int64_t)conf_uint(c, CONF_sessiontables_conntracksize));
	return json_pack("{s:I, s:I, s:f}", "sessions", (json_int_t)n, "bytes",
		(json_int_t)(n * a_session(f)), "percent_full",
		n > 0 ? 100.0 * (double)f->followed / n : 0.0);
}

void
op_capacity(struct request *r)
{
	struct server *s = r->server;
	struct figures f = {0};
	json_t *store = daemons_try(s, "store", json_pack("{s:s}", "op", "counters"), ANSWER_S);
	json_t *track = daemons_try(s, "tracker", json_pack("{s:s}", "op", "counters"), ANSWER_S);
	f.slices = counter_of(store, "rows");
	f.bytes = counter_of(store, "bytes");
	f.oldest_us = counter_of(store, "oldest_us");
	f.complete_us = counter_of(store, "complete_us");
	f.followed = counter_of(track, "entries");
	f.room = counter_of(track, "capacity");
	bool answered = store && track;
	json_decref(store);
	json_decref(track);
	if (!answered) {
		request_error(
			r, "unavailable", NULL, "ft-store or ft-tracker does not answer, and only they know");
		return;
	}
	pthread_rwlock_rdlock(&s->conf_lock);
	f.table_bytes = table_bytes(conf_str(s->conf, CONF_instance));
	json_t *out = json_pack("{s:o, s:o, s:o}", "database", database(r, s->conf, &f), "cache",
		cache(r, s->conf, &f), "tracker", tracker(r, s->conf, &f));
	pthread_rwlock_unlock(&s->conf_lock);
	double rate = a_second(&f);
	json_object_set_new(out, "now",
		json_pack("{s:I, s:I, s:I, s:I, s:o, s:f, s:f, s:o, s:b}", "slices", (json_int_t)f.slices,
			"bytes", (json_int_t)f.bytes, "sessions_followed", (json_int_t)f.followed,
			"sessions_room", (json_int_t)f.room, "oldest_us",
			f.oldest_us ? json_integer(f.oldest_us) : json_null(), "bytes_a_slice", a_slice(&f),
			"bytes_a_session", a_session(&f), "slices_a_second",
			rate > 0 ? json_real(rate) : json_null(), "estimated", f.slices < FEW));
	request_reply(r, out);
}
