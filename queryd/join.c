/*
 * join.c - slices of one session, brought together by its id.
 *
 * Most sessions are one slice, and nothing needs to be held for them.  `several` has the ids of those that may
 * have more: whoever has a slice that is not its first.  A first slice whose id is not in there stands alone.
 *
 * Counting (spec 20).  A session is counted by the one slice that overlaps the frame while its hull does not;
 * that holds as long as a filter or a key selects all slices of a session or none.  Where it does not - the
 * session was cut on a changed attribute or stored out of order, or the query asks for something that a later
 * slice may be the first to say - its slices are counted by distinct id.
 */
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "queryd/kernel.h"
#include "queryd/query.h"

struct ses {
	uint64_t bytes[2], packets[2];
	int64_t start, end;
	uint32_t flags, pad;
};
struct join {
	struct tab64 ids;
	struct ses *ses; /* by id */
	uint32_t room;
};

/* ---- which sessions have several slices ------------------------------------------------------------ */

struct several_pass {
	struct query *q;
	bool cut_only;
};

struct several_part {
	struct set64 several, cut;
};

static int
several_begin(void *ctx, struct worker *w)
{
	(void)ctx;
	struct several_part *part = calloc(1, sizeof *part);
	if (part == NULL)
		return FT_ENOMEM;
	part->several.budget = part->cut.budget = &w->q->budget;
	w->part = part;
	return 0;
}

static int
several_batch(void *ctx, struct worker *w)
{
	struct several_pass *p = ctx;
	struct several_part *part = w->part;
	struct batch *b = &w->batch;
	const uint32_t *state = batch_u32(b, FT_COL_state);
	bool any = false;
	for (uint32_t j = 0; j < b->m && !any; j++) {
		uint32_t s = state[b->sel[j]];
		any = p->cut_only ? s & FT_SLICE_CUT : !(s & FT_SLICE_FIRST);
	}
	if (!any)
		return 0;
	const uint64_t *session = batch_u64(b, FT_COL_session);
	if (b->rc != 0)
		return b->rc;
	for (uint32_t j = 0; j < b->m; j++) {
		uint32_t i = b->sel[j], s = state[i];
		bool wanted = p->cut_only ? s & FT_SLICE_CUT : !(s & FT_SLICE_FIRST);
		if (wanted && set64_add(&part->several, session[i]) < 0)
			return FT_EFULL;
		if (!p->cut_only && (s & FT_SLICE_CUT) && set64_add(&part->cut, session[i]) < 0)
			return FT_EFULL;
	}
	return 0;
}

/* nothing of the wanted kind in the block's header: pass over its rows */
static int
several_block(void *ctx, struct worker *w, struct block_view *v)
{
	struct several_pass *p = ctx;
	uint64_t lo, hi;
	(void)w;
	if (block_constant(v, FT_COL_state, &lo))
		return (p->cut_only ? lo & FT_SLICE_CUT : !(lo & FT_SLICE_FIRST)) ? 0 : 1;
	if (p->cut_only && block_range(v, FT_COL_state, &lo, &hi) && hi < FT_SLICE_CUT)
		return 1;
	return 0;
}

static int
several_add(void *ctx, uint64_t session)
{
	return set64_add(ctx, session) < 0 ? FT_EFULL : 0;
}
static int
several_end(void *ctx, struct worker *w)
{
	struct several_pass *p = ctx;
	struct several_part *part = w->part;
	int rc = set64_each(&part->several, several_add, &p->q->several);
	return rc != 0 ? rc : set64_each(&part->cut, several_add, &p->q->cut);
}
static void
several_drop(void *ctx, struct worker *w)
{
	struct several_part *part = w->part;
	(void)ctx;
	set64_free(&part->several);
	set64_free(&part->cut);
	free(part);
}

static void
drop_filter(struct query *q)
{
	budget_free(&q->budget, q->several_filter, q->several_words * sizeof *q->several_filter);
	q->several_filter = NULL;
	q->several_words = 0;
	q->several_sorted = NULL; /* of the arena */
}

static int
filter_add(void *ctx, uint64_t session)
{
	struct query *q = ctx;
	uint64_t h = hash_mix(session, 1);
	q->several_filter[h >> 6 & (q->several_words - 1)] |= (uint64_t)1 << (h & 63);
	return 0;
}

struct ids {
	uint64_t *id, n;
};
static int
list_add(void *ctx, uint64_t session)
{
	struct ids *l = ctx;
	l->id[l->n++] = session;
	return 0;
}
static int
ascending(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

/* Ids are given in order of time, so that few sessions are in few blocks: all others need not be asked row by row. */
static int
make_sorted(struct query *q)
{
	enum { FEW = 4096 };
	if (q->several.n > FEW)
		return 0;
	struct ids l = {arena_alloc(&q->arena, q->several.n * sizeof *l.id), 0};
	if (l.id == NULL)
		return query_full(q);
	(void)set64_each(&q->several, list_add, &l);
	qsort(l.id, l.n, sizeof *l.id, ascending);
	q->several_sorted = l.id;
	return 0;
}

static int
make_filter(struct query *q)
{
	uint64_t words = 64;
	drop_filter(q);
	if (q->several.n == 0)
		return 0;
	while (words * 64 < q->several.n * 16)
		words *= 2;
	q->several_filter = budget_realloc(&q->budget, NULL, 0, words * sizeof *q->several_filter);
	if (q->several_filter == NULL)
		return query_full(q);
	memset(q->several_filter, 0, words * sizeof *q->several_filter);
	q->several_words = words;
	(void)set64_each(&q->several, filter_add, q);
	return make_sorted(q);
}

int
join_several(struct query *q, bool cut_only)
{
	struct several_pass ctx = {q, cut_only};
	struct pass p = {.level = SCAN_ROWS,
		.ctx = &ctx,
		.begin = several_begin,
		.end = several_end,
		.drop = several_drop,
		.block = several_block,
		.batch = several_batch};
	q->several_cut_only = cut_only;
	int rc = scan(q, &p);
	return rc == 0 ? make_filter(q) : rc;
}

bool
join_has_several(const struct query *q, uint64_t session)
{
	if (q->several_words == 0)
		return false;
	uint64_t h = hash_mix(session, 1);
	return (q->several_filter[h >> 6 & (q->several_words - 1)] >> (h & 63) & 1) &&
	       set64_has(&q->several, session);
}

bool
join_block_has_several(const struct query *q, struct block_view *v)
{
	uint64_t low, high, from = 0, to = q->several.n;
	if (to == 0 || q->several_sorted == NULL || !block_range(v, FT_COL_session, &low, &high))
		return to > 0;
	while (from < to) { /* the first that is not below `low` */
		uint64_t middle = from + (to - from) / 2;
		if (q->several_sorted[middle] < low)
			from = middle + 1;
		else
			to = middle;
	}
	return from < q->several.n && q->several_sorted[from] <= high;
}

/* ---- sums of a session within the frame ------------------------------------------------------------ */

static struct ses *
join_at(struct join *j, uint64_t session)
{
	uint32_t n = j->ids.n, id = tab64_intern(&j->ids, session);
	if (id == ID_NONE)
		return NULL;
	if (id >= j->room) {
		uint32_t room = j->room ? j->room * 2 : 256;
		struct ses *s = budget_realloc(j->ids.budget, j->ses, j->room * sizeof *s, room * sizeof *s);
		if (s == NULL)
			return NULL;
		j->ses = s;
		j->room = room;
	}
	if (id == n)
		j->ses[id] = (struct ses){.start = INT64_MAX, .end = INT64_MIN};
	return &j->ses[id];
}

static void
ses_add(struct ses *to, const struct ses *s)
{
	for (int side = 0; side < 2; side++) {
		to->bytes[side] += s->bytes[side];
		to->packets[side] += s->packets[side];
	}
	to->start = s->start < to->start ? s->start : to->start;
	to->end = s->end > to->end ? s->end : to->end;
	to->flags |= s->flags;
}

static struct join *
join_new(struct query *q)
{
	struct join *j = calloc(1, sizeof *j);
	if (j != NULL)
		j->ids.budget = &q->budget;
	return j;
}
static void
join_close(struct join *j)
{
	if (j == NULL)
		return;
	budget_free(j->ids.budget, j->ses, j->room * sizeof *j->ses);
	tab64_free(&j->ids);
	free(j);
}

static int
sums_begin(void *ctx, struct worker *w)
{
	(void)ctx;
	w->part = join_new(w->q);
	return w->part ? 0 : FT_ENOMEM;
}

static int
sums_batch(void *ctx, struct worker *w)
{
	struct batch *b = &w->batch;
	(void)ctx;
	const uint64_t *session = batch_u64(b, FT_COL_session);
	uint32_t hits[BATCH], n = 0;
	for (uint32_t j = 0; j < b->m; j++)
		if (join_has_several(w->q, session[b->sel[j]]))
			hits[n++] = b->sel[j];
	if (n == 0)
		return 0;
	const uint64_t *first = batch_u64(b, FT_COL_first_us), *last = batch_u64(b, FT_COL_last_us);
	const uint64_t *start = batch_u64(b, FT_COL_start_us);
	const uint64_t *cb = batch_u64(b, FT_COL_client_bytes), *sb = batch_u64(b, FT_COL_server_bytes);
	const uint64_t *cp = batch_u64(b, FT_COL_client_packets), *sp = batch_u64(b, FT_COL_server_packets);
	const uint32_t *state = batch_u32(b, FT_COL_state);
	const uint32_t *cf = batch_u32(b, FT_COL_client_flags), *sf = batch_u32(b, FT_COL_server_flags);
	if (b->rc != 0)
		return b->rc;
	for (uint32_t k = 0; k < n; k++) {
		uint32_t i = hits[k];
		struct ses one = {{cb[i], sb[i]}, {cp[i], sp[i]}, (int64_t)first[i], (int64_t)last[i],
			cf[i] | sf[i], 0};
		if (!(state[i] & FT_SLICE_FIRST) && (int64_t)start[i] < one.start)
			one.start = (int64_t)start[i];
		struct ses *to = join_at(w->part, session[i]);
		if (to == NULL)
			return FT_EFULL;
		ses_add(to, &one);
	}
	return 0;
}

static int
sums_end(void *ctx, struct worker *w)
{
	struct join *to = ctx, *from = w->part;
	for (uint32_t i = 0; i < from->ids.n; i++) {
		struct ses *s = join_at(to, from->ids.key[i]);
		if (s == NULL)
			return FT_EFULL;
		ses_add(s, &from->ses[i]);
	}
	return 0;
}
static void
sums_drop(void *ctx, struct worker *w)
{
	(void)ctx;
	join_close(w->part);
}

static int
sums(struct query *q, enum scan_level level, struct join **out)
{
	struct join *j = join_new(q);
	if (j == NULL)
		return query_full(q);
	struct pass p = {.level = level,
		.ctx = j,
		.begin = sums_begin,
		.end = sums_end,
		.drop = sums_drop,
		.batch = sums_batch};
	int rc = scan(q, &p);
	if (rc == 0)
		*out = j;
	else
		join_close(j);
	return rc;
}

int
join_sessions(struct query *q)
{
	int rc = 0;
	if (q->user != NULL && q->user->session)
		rc = sums(q, SCAN_ROWS, &q->join_user);
	if (rc == 0 && q->filter != NULL && q->filter->session)
		rc = sums(q, SCAN_USER, &q->join_filter);
	return rc;
}

void
join_free(struct query *q)
{
	join_close(q->join_user);
	join_close(q->join_filter);
	q->join_user = q->join_filter = NULL;
	set64_free(&q->several);
	set64_free(&q->cut);
	drop_filter(q);
}

int
join_columns(struct worker *w, const struct join *j, struct session_columns *out)
{
	struct batch *b = &w->batch;
	const uint64_t *session = batch_u64(b, FT_COL_session);
	const uint64_t *first = batch_u64(b, FT_COL_first_us), *start = batch_u64(b, FT_COL_start_us);
	const uint32_t *state = batch_u32(b, FT_COL_state);
	const uint32_t *cf = batch_u32(b, FT_COL_client_flags), *sf = batch_u32(b, FT_COL_server_flags);
	size_t bytes = b->n * sizeof(uint64_t);
	memcpy(out->bytes[0], batch_u64(b, FT_COL_client_bytes), bytes);
	memcpy(out->bytes[1], batch_u64(b, FT_COL_server_bytes), bytes);
	memcpy(out->packets[0], batch_u64(b, FT_COL_client_packets), bytes);
	memcpy(out->packets[1], batch_u64(b, FT_COL_server_packets), bytes);
	memcpy(out->end, batch_u64(b, FT_COL_last_us), bytes);
	for (uint32_t i = 0; i < b->n; i++) {
		bool hull = !(state[i] & FT_SLICE_FIRST) && (int64_t)start[i] < (int64_t)first[i];
		out->start[i] = hull ? start[i] : first[i];
		out->flags[i] = cf[i] | sf[i];
	}
	if (j->ids.n == 0)
		return b->rc;
	for (uint32_t i = 0; i < b->n; i++) {
		uint32_t id = b->mask[i] ? tab64_find(&j->ids, session[i]) : ID_NONE;
		if (id == ID_NONE)
			continue;
		const struct ses *s = &j->ses[id];
		for (int side = 0; side < 2; side++) {
			out->bytes[side][i] = s->bytes[side];
			out->packets[side][i] = s->packets[side];
		}
		out->start[i] = (uint64_t)s->start;
		out->end[i] = (uint64_t)s->end;
		out->flags[i] = s->flags;
	}
	return b->rc;
}

/* ---- counting -------------------------------------------------------------------------------------- */

/* Rows that are no first slices are few mostly: then their times are read of these alone.  false: they are not. */
static bool
count_few(struct worker *w, const uint32_t *state, uint8_t *out)
{
	enum { FEW = 128 };
	struct batch *b = &w->batch;
	uint16_t place[FEW], row[FEW];
	uint64_t start[FEW], prev[FEW];
	uint32_t n = 0;
	if (!block_picks(b->v, FT_COL_start_us) || !block_picks(b->v, FT_COL_prev_us) ||
		b->m - kernel_count_bit(state, b->m, FT_SLICE_FIRST) > FEW)
		return false;
	for (uint32_t j = 0; j < b->m; j++)
		if (!(state[j] & FT_SLICE_FIRST)) {
			place[n] = (uint16_t)j;
			row[n++] = b->sel[j];
		}
	int rc = block_pick_u64(b->v, FT_COL_start_us, b->from, row, n, start);
	if (rc == 0)
		rc = block_pick_u64(b->v, FT_COL_prev_us, b->from, row, n, prev);
	if (rc != 0)
		b->rc = rc;
	for (uint32_t k = 0; k < n && rc == 0; k++)
		if ((int64_t)start[k] < w->q->frame.to && (int64_t)prev[k] >= w->q->frame.from)
			out[place[k]] = COUNT_NO;
	return true;
}

void
join_counts(struct worker *w, uint8_t *out, uint8_t *total)
{
	struct batch *b = &w->batch;
	struct query *q = w->q;
	const uint32_t *state = batch_sel32(b, FT_COL_state);
	memset(out, COUNT_YES, b->m);
	if (!kernel_all_have(state, b->m, FT_SLICE_FIRST) && !count_few(w, state, out)) {
		const uint64_t *start = batch_sel64(b, FT_COL_start_us),
			       *prev = batch_sel64(b, FT_COL_prev_us);
		kernel_hulls(out, state, FT_SLICE_FIRST, start, prev, q->frame.from, q->frame.to, COUNT_YES,
			COUNT_NO, b->m);
	}
	if (total != NULL)
		memcpy(total, out, b->m);
	if (!w->several)
		return;
	bool parts = (q->filter && q->filter->attribute) || (q->user && q->user->attribute);
	/* FIRST|LAST is alone without asking */
	const uint64_t *session = batch_sel64(b, FT_COL_session);
	for (uint32_t j = 0; j < b->m; j++)
		if ((state[j] & (FT_SLICE_FIRST | FT_SLICE_LAST)) != (FT_SLICE_FIRST | FT_SLICE_LAST) &&
			join_has_several(q, session[j])) {
			out[j] = COUNT_ID;
			if (total != NULL && (parts || q->several_cut_only || set64_has(&q->cut, session[j])))
				total[j] = COUNT_ID;
		}
}
