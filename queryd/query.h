/*
 * query.h - one running query: what it asks, the blocks it reads, and passes over them.
 *
 * A query is a few passes over the same blocks: `scan` runs one, on as many threads as the caller allows,
 * each thread with a worker of its own (its batch, its bindings, its part of the result).  What passes share is
 * read-only while a pass runs.  A block is left out of all passes once it was pruned or found damaged.
 */
#ifndef FT_QUERYD_QUERY_H
#define FT_QUERYD_QUERY_H

#include <jansson.h>

#include "common/snapshot.h"
#include "queryd/batch.h"
#include "queryd/compile.h"
#include "queryd/engine.h"
#include "queryd/tables.h"

/* Where blocks come from: a snapshot, or memory in tests. */
struct source {
	void *ctx;
	const struct snapshot_block *block;
	uint32_t n;
	unsigned missing_segments;
	int64_t complete_us;                 /* 0: not known */
	int64_t gap_from_us, gap_to_us;      /* what arrived between these may be missing; 0: nothing is */
	bool absent;                         /* there is no store (yet) */
	const struct interfaces *interfaces; /* what is known of exporters' interfaces; NULL: nothing */
	struct places *places;               /* names of AS; NULL: none */
	/* may be called by several threads at once */
	int (*view)(void *ctx, uint32_t i, struct block_view *v, struct err *err);
};

/* Sessions that have more than one slice (or whose one slice is not the first): all that joining is about.
 * A first slice whose session is not in here is alone. */
struct join;

enum block_state { BLOCK_UNKNOWN, BLOCK_PRUNED, BLOCK_DAMAGED };
enum scan_level { SCAN_ROWS, SCAN_USER, SCAN_SELECTED };

struct query {
	const struct query_spec *spec;
	struct query_context *context;
	const struct source *source;
	const struct services *services;
	struct err *err;
	struct arena arena;
	struct budget budget;
	struct frame frame;
	struct program *user, *filter; /* NULL: everything */
	struct filter_node *root;      /* of the filter, for what restricts a ranking */
	bool filter_has_options;       /* `filter` is (root && -e -ei -ef) */
	char *canonical;
	struct resolution resolution;
	struct join *join_user, *join_filter; /* aggregates for session tests; NULL: none */
	struct set64 several;                 /* see struct join */
	struct set64 cut;         /* of them those that were cut, unless `several` has only these */
	uint64_t *several_filter; /* a bit or more of 16 a session: most questions end here, in cache */
	uint64_t several_words;   /* power of two; 0: none */
	uint64_t *several_sorted; /* `several` in ascending order, if they are few */
	bool several_cut_only;    /* only sessions that were cut are in it */
	uint64_t touch;           /* columns any pass reads */
	uint8_t *block_state;
	bool everything; /* blocks outside the frame too (`whole`) */
	int64_t started_ns;
	/* for the answer */
	_Atomic uint64_t rows_scanned, blocks_scanned;
	uint64_t blocks_pruned;
	uint64_t rows_planned;        /* of one pass */
	unsigned passes, passes_done; /* for progress */
	bool from_ram, from_disk;
	char *warnings[16];
	unsigned n_warnings;
};

struct worker {
	struct query *q;
	void *part; /* this thread's part of the pass's result */
	struct batch batch;
	struct binding user, filter;
	struct session_columns *session_user, *session_filter;
	uint32_t block; /* index in the source */
	bool several;   /* the block may have slices of sessions in q->several */
	int rc;
	struct err err;
};

/* One pass. */
struct pass {
	enum scan_level level;
	bool count; /* its rows are the answer's rows_scanned */
	bool alone; /* on one thread, blocks in order */
	void *ctx;
	/* each thread: makes and takes away worker->part; both may be NULL.  end runs on the query's thread, one
	 * worker after the other, and merges; rc of the pass is 0 then */
	int (*begin)(void *ctx, struct worker *w);
	int (*end)(void *ctx, struct worker *w);
	void (*drop)(void *ctx, struct worker *w);
	int (*block)(void *ctx, struct worker *w, struct block_view *v); /* new block; may be NULL */
	int (*batch)(void *ctx, struct worker *w);                       /* worker->batch, rows selected */
	int (*leave)(
		void *ctx, struct worker *w, struct block_view *v); /* all batches were seen; may be NULL */
};

/* query.c: parse, resolve, plan.  query_close always after query_open, whatever it returned. */
int query_open(struct query *q, const struct query_spec *spec, struct query_context *c,
	const struct source *source, const struct services *services, struct err *err);
void query_close(struct query *q);
/* From here on passes read blocks and slices outside the frame too; sets of `several` start anew. */
void query_everything(struct query *q);
void query_warn(struct query *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* the common members of every answer */
int query_report(struct query *q, json_t *answer);
int query_full(struct query *q); /* FT_EFULL and the sentence */

/* scan.c */
int scan(struct query *q, const struct pass *p);
/* f(ctx, i) for each i below n, on as many threads as the caller allows; its first failure, not explained */
int scan_parallel(struct query *q, uint32_t n, int (*f)(void *ctx, uint32_t i), void *ctx);
/* every row of the worker's block is selected and lies in the frame */
bool scan_takes_all(const struct worker *w);
/* cancelled or too late? */
int scan_check(struct query *q);

/* join.c */
/* sessions of several slices; cut_only: only those flagged */
int join_several(struct query *q, bool cut_only);
/* what session tests of both filters need; call after join_several(q, false) */
int join_sessions(struct query *q);
void join_free(struct query *q);
bool join_has_several(const struct query *q, uint64_t session);
/* may the block have a session of several slices */
bool join_block_has_several(const struct query *q, struct block_view *v);
int join_columns(struct worker *w, const struct join *j, struct session_columns *out);

/* How a selected row counts its session in the frame: COUNT_NO another slice does; COUNT_YES; COUNT_ID by
 * distinct id.  One a selected row.  total, if not NULL: the same for the sum of all, which asks for an id only where
 * a filter selects part of a session or the session was cut. */
enum { COUNT_NO, COUNT_YES, COUNT_ID };
void join_counts(struct worker *w, uint8_t *out, uint8_t *total);

static inline uint64_t
column_bit(enum ft_column c)
{
	return (uint64_t)1 << c;
}
#define COLUMN_COUNTS                                                                                        \
	(column_bit(FT_COL_state) | column_bit(FT_COL_session) | column_bit(FT_COL_start_us) |               \
		column_bit(FT_COL_prev_us))

#endif
