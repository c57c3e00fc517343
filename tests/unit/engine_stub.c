/*
 * engine_stub.c - an engine for tests of queryd's front: remembers what it was asked, holds a query until it is let go,
 * and makes rows without end.  Filters are commands: "HOLD" waits, "EAT" hits the memory bound, "LATE" the time
 * bound, "ROWS" writes 2,000 chunks of 100 KB, "BAD" is wrong at position 3.
 */
#include "tests/unit/engine_stub.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

struct stub stub;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

void
stub_reset(void)
{
	pthread_mutex_lock(&mutex);
	stub = (struct stub){0};
	pthread_mutex_unlock(&mutex);
}

void
stub_let_go(void)
{
	pthread_mutex_lock(&mutex);
	stub.go = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
}

void
stub_wait_held(unsigned n)
{
	pthread_mutex_lock(&mutex);
	while (stub.held < n)
		pthread_cond_wait(&changed, &mutex);
	pthread_mutex_unlock(&mutex);
}

static void
copy(char *to, size_t room, const char *from)
{
	snprintf(to, room, "%s", from ? from : "");
}

static int
remember(struct query_context *c, const struct query_spec *q, struct err *err)
{
	pthread_mutex_lock(&mutex);
	stub.spec = *q;
	stub.context_memory = c->memory;
	stub.queries++;
	copy(stub.filter, sizeof stub.filter, q->filter);
	copy(stub.user_filter, sizeof stub.user_filter, q->user_filter);
	copy(stub.entity, sizeof stub.entity, q->entity);
	copy(stub.exporter, sizeof stub.exporter, q->exporter);
	size_t n = strlen(stub.order);
	snprintf(stub.order + n, sizeof stub.order - n, "%s;", q->exporter ? q->exporter : "");
	bool hold = strcmp(stub.filter, "HOLD") == 0;
	if (hold) {
		stub.held++;
		pthread_cond_broadcast(&changed);
	}
	while (hold && !stub.go && !atomic_load(&c->cancel)) {
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec = (until.tv_nsec + 20000000) % 1000000000;
		until.tv_sec += until.tv_nsec < 20000000;
		atomic_store(&c->rows_total, 1000);
		atomic_store(&c->rows_scanned, 10);
		pthread_cond_timedwait(&changed, &mutex, &until);
	}
	stub.cancelled += atomic_load(&c->cancel);
	pthread_mutex_unlock(&mutex);
	if (atomic_load(&c->cancel))
		return err_set(err, FT_ECANCEL, "cancelled");
	if (strcmp(stub.filter, "EAT") == 0)
		return err_set(err, FT_EFULL, "the query needs more than querymemory");
	if (strcmp(stub.filter, "LATE") == 0)
		return err_set(err, FT_ETIME, "the query took longer than querytime");
	return strcmp(stub.filter, "BAD") == 0 ? engine_check_filter(NULL, "BAD", err) : 0;
}

int
engine_open(struct engine **out, const struct conf *conf, const char *shm_dir, struct err *err)
{
	(void)conf, (void)shm_dir, (void)err;
	*out = NULL;
	return 0;
}
void
engine_reload(struct engine *e, const struct conf *conf)
{
	(void)e, (void)conf;
}
void
engine_close(struct engine *e)
{
	(void)e;
}

int
engine_view(
	struct engine *e, struct query_context *c, const struct query_spec *q, json_t **out, struct err *err)
{
	(void)e;
	int rc = remember(c, q, err);
	if (rc == 0)
		*out = json_pack("{s:s}", "stub", "view");
	return rc;
}

int
engine_sessions(struct engine *e, struct query_context *c, const struct query_spec *q,
	int (*write)(void *ctx, const char *bytes, size_t n), void *ctx, json_t **summary, struct err *err)
{
	static char chunk[100000];
	(void)e;
	int rc = remember(c, q, err);
	memset(chunk, 'x', sizeof chunk);
	chunk[sizeof chunk - 1] = '\n';
	unsigned n = strcmp(stub.filter, "ROWS") == 0 ? 2000 : 1;
	for (unsigned i = 0; rc == 0 && i < n; i++) {
		rc = write(ctx, chunk, sizeof chunk);
		stub.chunks += rc == 0;
	}
	if (rc == 0)
		*summary = json_pack("{s:s}", "stub", "sessions");
	return rc;
}

int
engine_check_filter(struct engine *e, const char *filter, struct err *err)
{
	(void)e;
	if (strcmp(filter, "BAD") != 0)
		return 0;
	int rc = err_set(err, FT_EINVAL, "filter, position 3: expected better");
	if (err)
		err->sys = 3;
	return rc;
}
json_t *
engine_grammar(struct engine *e)
{
	(void)e;
	return json_pack("{s:[]}", "fields");
}
json_t *
engine_status(struct engine *e)
{
	(void)e;
	return json_pack("{s:i, s:i}", "rows", 7, "complete_until_us", 5);
}

struct places *
engine_places(struct engine *e)
{
	(void)e;
	return NULL;
}
