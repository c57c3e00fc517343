/*
 * scan.c - one pass over a query's blocks.
 *
 * A damaged block must be left out whole, or its rows would be counted in part: before any row of a block is
 * added up, every column that any pass of the query reads is touched at both ends (a column's checksum is
 * verified when it is first read; a file cut short shows at the last row).  Both steps run under guard_run, so
 * that a SIGBUS from the map is an error like others.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "queryd/query.h"

struct scan_shared {
	struct query *q;
	const struct pass *p;
	_Atomic uint32_t next;
	_Atomic int rc; /* first failure ends all */
};

int
scan_check(struct query *q)
{
	if (atomic_load_explicit(&q->context->cancel, memory_order_relaxed))
		return err_set(q->err, FT_ECANCEL, "the query was cancelled");
	if (q->context->deadline_ns != 0 && mono_now().ns > q->context->deadline_ns)
		return err_set(q->err, FT_ETIME,
			"the query reached its time bound (`querytime`); ask for a shorter time frame, or a "
			"filter on "
			"an address or exporter");
	return 0;
}

/* the same without words: several threads may be here */
static int
stop(struct query *q)
{
	if (atomic_load_explicit(&q->context->cancel, memory_order_relaxed))
		return FT_ECANCEL;
	return q->context->deadline_ns != 0 && mono_now().ns > q->context->deadline_ns ? FT_ETIME : 0;
}

struct guarded {
	struct worker *w;
	struct block_view *v;
	const struct pass *p;
};

static int
touch(void *ctx)
{
	struct guarded *g = ctx;
	uint32_t rows = g->v->rows;
	uint64_t value, columns = g->w->q->touch;
	for (int c = 0; c < FT_COLUMNS; c++) {
		if (!(columns >> c & 1))
			continue;
		int rc = block_u64(g->v, (enum ft_column)c, 0, 1, &value);
		if (rc == 0)
			rc = block_u64(g->v, (enum ft_column)c, rows - 1, 1, &value);
		if (rc != 0)
			return rc;
	}
	return 0;
}

bool
scan_takes_all(const struct worker *w)
{
	return w->batch.block_inside && w->q->filter == NULL && w->q->user == NULL;
}

static int
select_rows(struct worker *w, enum scan_level level)
{
	struct query *q = w->q;
	struct batch *b = &w->batch;
	int rc = 0;
	if (b->inside && (level < SCAN_USER || q->user == NULL) &&
		(level < SCAN_SELECTED || q->filter == NULL)) {
		batch_select_all(b);
		return 0;
	}
	batch_mask_frame(b);
	if (level >= SCAN_USER && q->user != NULL) {
		if (q->join_user != NULL)
			rc = join_columns(w, q->join_user, w->session_user);
		if (rc == 0)
			rc = binding_run(&w->user, b, w->session_user);
	}
	if (rc == 0 && level >= SCAN_SELECTED && q->filter != NULL && memchr(b->mask, 1, b->n) != NULL) {
		if (q->join_filter != NULL)
			rc = join_columns(w, q->join_filter, w->session_filter);
		if (rc == 0)
			rc = binding_run(&w->filter, b, w->session_filter);
	}
	batch_select(b);
	return rc != 0 ? rc : b->rc;
}

static int
rows(void *ctx)
{
	struct guarded *g = ctx;
	struct worker *w = g->w;
	struct query *q = w->q;
	bool none = false;
	int rc = 0;

	if (g->p->level >= SCAN_USER)
		rc = binding_block(&w->user, g->v, &none);
	if (rc == 0 && !none && g->p->level >= SCAN_SELECTED)
		rc = binding_block(&w->filter, g->v, &none);
	if (rc != 0 || none)
		return rc != 0 ? rc : 1;
	if (g->p->block != NULL && (rc = g->p->block(g->p->ctx, w, g->v)) != 0)
		return rc;
	w->several = join_block_has_several(q, g->v);
	w->batch.rc = 0;
	w->batch.block_inside =
		q->everything || (g->v->min_first_us >= q->frame.from && g->v->max_last_us < q->frame.to);
	for (uint32_t from = 0; from < g->v->rows && rc == 0; from += BATCH) {
		uint32_t n = g->v->rows - from < BATCH ? g->v->rows - from : BATCH;
		batch_start(&w->batch, g->v, &q->frame, from, n);
		if ((rc = stop(q)) != 0 || (rc = select_rows(w, g->p->level)) != 0)
			break;
		if (w->batch.m > 0)
			rc = g->p->batch(g->p->ctx, w);
		if (rc == 0)
			rc = w->batch.rc;
		atomic_fetch_add_explicit(&q->context->rows_scanned, n, memory_order_relaxed);
	}
	return rc == 0 && g->p->leave != NULL ? g->p->leave(g->p->ctx, w, g->v) : rc;
}

static bool
time_pruned(const struct query *q, const struct block_view *v)
{
	return !q->everything && v->min_first_us != INT64_MIN &&
	       (v->min_first_us >= q->frame.to || v->max_last_us < q->frame.from);
}

/* one block: 0 read, 1 nothing in it, or a failure */
static int
scan_block(struct worker *w, const struct pass *p, uint32_t i)
{
	struct query *q = w->q;
	struct block_view v;
	w->block = i;
	int rc = q->source->view(q->source->ctx, i, &v, &w->err);
	if (rc != 0)
		return rc;
	struct guarded g = {w, &v, p};
	if (v.rows == 0 || time_pruned(q, &v))
		rc = 1;
	else {
		rc = guard_run(touch, &g);
		if (rc == 0)
			rc = guard_run(rows, &g);
		if (rc >= 0 && p->count) {
			const struct snapshot_block *b = &q->source->block[i];
			if (rc == 0) {
				atomic_fetch_add(&q->rows_scanned, v.rows);
				atomic_fetch_add(&q->blocks_scanned, 1);
			}
			(void)b;
		}
	}
	block_view_close(&v);
	return rc;
}

static void
work(struct scan_shared *s, struct worker *w)
{
	struct query *q = s->q;
	for (;;) {
		uint32_t i = atomic_fetch_add(&s->next, 1);
		if (i >= q->source->n || atomic_load(&s->rc) != 0)
			return;
		if (q->block_state[i] != BLOCK_UNKNOWN)
			continue;
		int rc = scan_block(w, s->p, i);
		if (rc == 0 || rc == 1)
			continue; /* "nothing in it" holds for this level only */
		if (rc == FT_EFORMAT || rc == FT_ENOENT) {
			q->block_state[i] = BLOCK_DAMAGED;
			continue;
		}
		int zero = 0;
		atomic_compare_exchange_strong(&s->rc, &zero, rc);
		return;
	}
}

struct thread {
	struct scan_shared *shared;
	struct worker *worker;
	pthread_t id;
	bool started;
};
static void *
thread_main(void *arg)
{
	struct thread *t = arg;
	work(t->shared, t->worker);
	return NULL;
}

static void
worker_close(struct worker *w)
{
	binding_free(&w->user);
	binding_free(&w->filter);
	batch_free(&w->batch);
	free(w->session_user);
	free(w->session_filter);
	free(w);
}

static struct worker *
worker_open(struct query *q, const struct pass *p)
{
	struct worker *w = calloc(1, sizeof *w);
	if (w == NULL)
		return NULL;
	w->q = q;
	int rc = binding_init(&w->user, q->user, q->services, &q->budget);
	if (rc == 0)
		rc = binding_init(&w->filter, q->filter, q->services, &q->budget);
	w->user.interfaces = w->filter.interfaces = q->source->interfaces;
	if (rc == 0 && q->join_user != NULL && (w->session_user = calloc(1, sizeof *w->session_user)) == NULL)
		rc = FT_ENOMEM;
	if (rc == 0 && q->join_filter != NULL &&
		(w->session_filter = calloc(1, sizeof *w->session_filter)) == NULL)
		rc = FT_ENOMEM;
	if (rc == 0 && p->begin != NULL)
		rc = p->begin(p->ctx, w);
	if (rc == 0)
		return w;
	worker_close(w);
	return NULL;
}

static int
explain(struct query *q, int rc)
{
	switch (rc) {
	case FT_ECANCEL:
		return err_set(q->err, FT_ECANCEL, "the query was cancelled");
	case FT_ETIME:
		return err_set(q->err, FT_ETIME,
			"the query reached its time bound (`querytime`); ask for a shorter time frame, or a "
			"filter on "
			"an address or exporter");
	case FT_EFULL:
	case FT_ENOMEM:
		return query_full(q);
	default:
		return rc;
	}
}

int
scan(struct query *q, const struct pass *p)
{
	struct scan_shared shared = {.q = q, .p = p};
	unsigned n = p->alone ? 1 : q->context->threads, live = 0;
	if (n > q->source->n)
		n = q->source->n;
	if (n < 1)
		n = 1;
	if (n > 32)
		n = 32;
	struct worker *workers[32] = {NULL};
	struct thread threads[32];
	for (unsigned i = 0; i < n && (workers[i] = worker_open(q, p)) != NULL; i++)
		live++;
	if (live == 0)
		return query_full(q);
	if (q->passes < q->passes_done + 1)
		q->passes = q->passes_done + 1;
	atomic_store(&q->context->rows_total, q->passes * q->rows_planned);
	if (p->count) {
		atomic_store(&q->rows_scanned, 0);
		atomic_store(&q->blocks_scanned, 0);
	}
	for (unsigned i = 1; i < live; i++) {
		threads[i] = (struct thread){.shared = &shared, .worker = workers[i]};
		threads[i].started = pthread_create(&threads[i].id, NULL, thread_main, &threads[i]) == 0;
	}
	work(&shared, workers[0]);
	for (unsigned i = 1; i < live; i++)
		if (threads[i].started)
			(void)pthread_join(threads[i].id, NULL);
	int rc = atomic_load(&shared.rc);
	/* rows that a pass left out are done too */
	atomic_store(&q->context->rows_scanned, ++q->passes_done * q->rows_planned);
	for (unsigned i = 0; i < live; i++) {
		if (rc == 0 && p->end != NULL)
			rc = p->end(p->ctx, workers[i]);
		if (p->drop != NULL)
			p->drop(p->ctx, workers[i]);
		worker_close(workers[i]);
	}
	return rc == 0 ? 0 : explain(q, rc);
}

/* ---- work that is no pass ------------------------------------------------------------------------------ */

struct parallel {
	struct query *q;
	uint32_t n;
	int (*f)(void *ctx, uint32_t i);
	void *ctx;
	_Atomic uint32_t next;
	_Atomic int rc;
};

static void *
parallel_main(void *arg)
{
	struct parallel *p = arg;
	for (;;) {
		uint32_t i = atomic_fetch_add(&p->next, 1);
		int zero = 0;
		if (i >= p->n || atomic_load(&p->rc) != 0)
			return NULL;
		int rc = stop(p->q);
		if (rc == 0)
			rc = p->f(p->ctx, i);
		if (rc != 0)
			atomic_compare_exchange_strong(&p->rc, &zero, rc);
	}
}

int
scan_parallel(struct query *q, uint32_t n, int (*f)(void *ctx, uint32_t i), void *ctx)
{
	enum { MOST = 32 };
	struct parallel p = {.q = q, .n = n, .f = f, .ctx = ctx};
	pthread_t thread[MOST];
	unsigned want = q->context->threads < MOST ? q->context->threads : MOST, live = 0;
	while (live + 1 < want && pthread_create(&thread[live], NULL, parallel_main, &p) == 0)
		live++;
	(void)parallel_main(&p);
	for (unsigned i = 0; i < live; i++)
		(void)pthread_join(thread[i], NULL);
	int rc = atomic_load(&p.rc);
	return rc == 0 ? 0 : explain(q, rc);
}
