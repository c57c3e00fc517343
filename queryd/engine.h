/*
 * engine.h - between queryd's front (protocol, users: server.c …) and its engine (filters, views, raw
 * sessions).  The engine knows nothing of sockets or users; the front nothing of blocks.
 *
 * A query runs on the thread that calls engine_view / engine_sessions (a worker of the front's pool of
 * `querythreads`); with threads > 1 in the context the engine may use helpers of its own pool.
 */
#ifndef FT_QUERYD_ENGINE_H
#define FT_QUERYD_ENGINE_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/conf.h"
#include "common/err.h"

struct engine;

/* Opens the snapshot reader; FT_OK also while there is no store yet (queries then answer with nothing and a warning). */
int engine_open(struct engine **out, const struct conf *conf, const char *shm_dir, struct err *err);
void engine_reload(struct engine *e, const struct conf *conf);
void engine_close(struct engine *e);

/* What a running query shares with whoever started it. */
struct query_context {
	_Atomic bool cancel;		/* set by anyone: the engine returns FT_ECANCEL within 100 ms */
	_Atomic uint64_t rows_scanned, rows_total; /* for progress; total known once planned */
	int64_t deadline_ns;		/* monotonic; 0: none.  Beyond it FT_ETIME */
	uint64_t memory;		/* bytes; beyond it FT_EFULL with a sentence that says what to change */
	unsigned threads;		/* at most so many; >= 1 */
};

/* A user's friendly names, for words in the user's own filter (never in a user filter): keys of `kind` (friendly.def) that are called
 * `name`, the first `room` of them; how many. */
enum { ENGINE_NAME_KEY = 256 };
struct engine_names {
	unsigned (*find)(void *ctx, const char *kind, const char *name, char (*key)[ENGINE_NAME_KEY], unsigned room);
	void *ctx;
};

enum query_direction { QUERY_TOTAL, QUERY_SENT, QUERY_RECEIVED };

struct query_spec {
	int64_t from_us, to_us;		/* [from, to) */
	const char *filter;		/* the user's query; NULL or "" : all.  Errors name a position in it */
	const struct engine_names *names; /* words of the filter that DNS does not know; NULL: none */
	const char *user_filter;	/* ANDed in at slice level, never mentioned in errors or answers; NULL: none */
	const char *exporter;		/* -e: address or NULL */
	int64_t exporter_if;		/* -ei: index or -1 */
	bool border;			/* only slices that cross the border: IFROLE == external */
	const char *exporter_version;	/* -ef: nf1 nf5 nf7 nf9 ipfix sf2 sf4 sf5 or NULL */
	/* views */
	const char *entity;		/* "IP", "IPPAIR", … as -grp */
	const char *count;		/* "BYTES", "UNIQUE IP", … as -cnt */
	enum query_direction direction;
	uint32_t rows, offset;		/* rows of the table: [offset, offset + rows) by rank */
	uint32_t slots;			/* time slots of the series; 0: no series */
	/* raw sessions */
	bool slices;			/* list slices themselves, not sessions joined */
	bool whole;			/* also fetch a session's slices outside the frame */
	uint64_t most;			/* most rows; 0: all */
	const char *sort;		/* field to sort by, `-` before it: the largest first; NULL: see docs/query.md */
	uint64_t sessions_offset;	/* rows left out before them, by that order */
	const char *format;		/* "csv", "csv_table" (with head), "csv_head" (head and summary), "ndjson" */
};

/* A view: *out is spec 40's answer object ("rows", "other", "total", …, "warnings").  err->text of FT_EINVAL for a filter
 * carries the position in err->sys (1-based character). */
int engine_view(struct engine *e, struct query_context *c, const struct query_spec *q, json_t **out, struct err *err);

/* Raw sessions: rows go to write() in chunks of whole lines (at most ~256 KB each); write returns 0, or
 * FT_ECANCEL to stop.  *summary: {"sessions", "bytes", "packets", "flows", "rows_scanned", …, "warnings"}. */
int engine_sessions(struct engine *e, struct query_context *c, const struct query_spec *q,
	int (*write)(void *ctx, const char *bytes, size_t n), void *ctx, json_t **summary, struct err *err);

/* Is this a filter?  0, or FT_EINVAL with the position in err->sys and what was expected in err->text. */
int engine_check_filter(struct engine *e, const char *filter, struct err *err);
/* The grammar for completion and help: {"fields": [{"name", "type", "help", "values"}…], "operators": […],
 * "entities": […], "counts": […]}: from the tables. */
json_t *engine_grammar(struct engine *e);
/* what the MMDB files say (places.h) */
struct places;
struct places *engine_places(struct engine *e);
/* Status of the store as readers see it: rows, from, to, complete_until_us, blocks, resident. */
json_t *engine_status(struct engine *e);

#endif
