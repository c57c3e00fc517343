/*
 * sessions.c - raw sessions: slices of a session brought together, everything else streamed.
 *
 * Rows stream in the order they were stored, single slices as they are met; sessions of several slices follow,
 * by start.  Only the latter are held in memory.  If only some rows are wanted, they are the first by start, or of the
 * order asked for: a pass finds out which these are.  With `whole`, the ids of the sessions in the frame are
 * collected first, then every block is gone through for their slices.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queryd/engine_internal.h"
#include "queryd/held.h"
#include "queryd/leading.h"

struct listing {
	struct query *q;
	struct row_writer out;
	struct row_maker maker;
	struct held held;
	struct set64 chosen; /* whole: sessions of the frame */
	struct leading leading;
	bool sorted; /* rows are the first ones of an order, all held until the end */
	int64_t frame_end;
	uint64_t sessions, rows, sums[6];
};

static bool
wanted(const struct listing *l)
{
	return l->q->spec->most == 0 || l->rows < l->q->spec->most;
}

static void
count_in(struct listing *l, const struct slice_sums *s)
{
	for (int i = 0; i < 6; i++)
		l->sums[i] += s->sums[i];
}

static void
write_session(struct listing *l, const struct field_value value[SESSION_FIELDS], uint8_t state, int64_t end)
{
	if (!wanted(l))
		return;
	/* a session that ended lingers for late flows before its last slice is called that: the reason is known at once */
	bool ended = (state & FT_SLICE_LAST) || value[SESSION_F_end_reason].kind != VALUE_NONE;
	bool complete = ended && end < l->frame_end;
	row_writer_row(&l->out, value,
		l->out.csv ? ""
		: complete ? "\"complete\":true"
			   : "\"complete\":false");
	l->rows++;
}

static void
write_slice(struct listing *l, struct worker *w, uint32_t j, const struct slice_sums *s)
{
	static const char *const positions[] = {"middle", "first", "last", "only"};
	char extra[200] = "";
	if (!wanted(l))
		return;
	if (!l->out.csv) {
		bool first = s->state & FT_SLICE_FIRST;
		int n = snprintf(extra, sizeof extra, "\"position\":\"%s\",\"cut\":%s",
			positions[s->state & (FT_SLICE_FIRST | FT_SLICE_LAST)],
			s->state & FT_SLICE_CUT ? "true" : "false");
		snprintf(extra + n, sizeof extra - (size_t)n,
			first ? ",\"start_us\":null,\"prev_us\":null"
			      : ",\"start_us\":%" PRId64 ",\"prev_us\":%" PRId64,
			s->start, (int64_t)batch_sel64(&w->batch, FT_COL_prev_us)[j]);
	}
	row_writer_row(&l->out, l->maker.value, extra);
	l->rows++;
}

static struct slice_sums
sums_of(struct worker *w, uint32_t j)
{
	struct batch *b = &w->batch;
	struct slice_sums s = {
		.session = batch_sel64(b, FT_COL_session)[j],
		.sums = {batch_sel64(b, FT_COL_client_bytes)[j], batch_sel64(b, FT_COL_server_bytes)[j],
			batch_sel64(b, FT_COL_client_packets)[j], batch_sel64(b, FT_COL_server_packets)[j],
			batch_sel32(b, FT_COL_client_flows)[j], batch_sel32(b, FT_COL_server_flows)[j]},
		.first = (int64_t)batch_sel64(b, FT_COL_first_us)[j],
		.last = (int64_t)batch_sel64(b, FT_COL_last_us)[j],
		.flags = {(uint8_t)batch_sel32(b, FT_COL_client_flags)[j],
			(uint8_t)batch_sel32(b, FT_COL_server_flags)[j]},
		.state = (uint8_t)batch_sel32(b, FT_COL_state)[j],
	};
	int64_t start = (int64_t)batch_sel64(b, FT_COL_start_us)[j];
	s.start = s.state & FT_SLICE_FIRST ? s.first : start;
	return s;
}

static int
list_block(void *ctx, struct worker *w, struct block_view *v)
{
	struct listing *l = ctx;
	(void)w;
	return row_maker_block(&l->maker, v);
}

static int
list_batch(void *ctx, struct worker *w)
{
	struct listing *l = ctx;
	struct query *q = l->q;
	bool slices = q->spec->slices;
	int bad = row_maker_batch(&l->maker, w);
	if (bad != 0)
		return bad;
	for (uint32_t j = 0; j < w->batch.m; j++) {
		struct slice_sums s = sums_of(w, j);
		if (w->batch.rc != 0)
			return w->batch.rc;
		if (q->everything && !set64_has(&l->chosen, s.session))
			continue;
		bool alone = slices || ((s.state & FT_SLICE_FIRST) && !join_has_several(q, s.session));
		if (l->sorted && order_fixed(&l->leading.order, w, j, &s) != 0)
			return FT_EFORMAT;
		count_in(l, &s);
		l->sessions += alone;
		if (l->sorted ? !leading_has(&l->leading, &s, alone) : alone && !wanted(l))
			continue;
		int rc = row_maker_row(&l->maker, w, j);
		if (rc != 0 || w->batch.rc != 0)
			return rc ? rc : w->batch.rc;
		if (slices)
			write_slice(l, w, j, &s);
		else if (alone && !l->sorted)
			write_session(l, l->maker.value, s.state, s.last);
		else if ((rc = held_add(&l->held, &s, l->maker.value)) != 0)
			return rc;
		if (l->out.rc != 0)
			return l->out.rc;
	}
	return 0;
}

static int
choose_batch(void *ctx, struct worker *w)
{
	struct listing *l = ctx;
	const uint64_t *session = batch_sel64(&w->batch, FT_COL_session);
	for (uint32_t j = 0; j < w->batch.m && w->batch.rc == 0; j++)
		if (set64_add(&l->chosen, session[j]) < 0)
			return FT_EFULL;
	return w->batch.rc;
}

static int
write_held(struct listing *l)
{
	struct query *q = l->q;
	uint32_t *order = held_order(&l->held, &l->leading.order);
	struct field_value value[SESSION_FIELDS];
	if (order == NULL)
		return query_full(q);
	l->sessions += l->sorted ? leading_several(&l->leading) : l->held.ids.n;
	for (uint32_t i = 0; i < l->held.ids.n && wanted(l) && l->out.rc == 0; i++) {
		const struct held_session *s = &l->held.list[order[i]];
		held_row(s, value);
		write_session(l, value, s->state, s->end);
		if ((i & 1023) == 0) {
			int rc = scan_check(q);
			if (rc != 0)
				return rc;
		}
	}
	return 0;
}

static int
leading_batch(void *ctx, struct worker *w)
{
	struct listing *l = ctx;
	for (uint32_t j = 0; j < w->batch.m; j++) {
		struct slice_sums s = sums_of(w, j);
		if (w->batch.rc != 0)
			return w->batch.rc;
		if (l->q->everything && !set64_has(&l->chosen, s.session))
			continue;
		bool alone = (s.state & FT_SLICE_FIRST) && !join_has_several(l->q, s.session);
		if (order_fixed(&l->leading.order, w, j, &s) != 0)
			return FT_EFORMAT;
		if (leading_add(&l->leading, &s, alone) != 0)
			return FT_EFULL;
	}
	return 0;
}

enum { SORTED_MOST = 100000 }; /* rows that are sorted unasked; more are listed as they are stored */

static int
find_leading(struct listing *l)
{
	struct pass p = {.level = SCAN_SELECTED, .alone = true, .ctx = l, .batch = leading_batch};
	const struct query_spec *spec = l->q->spec;
	bool asked = spec->sort != NULL || spec->sessions_offset > 0;
	if (spec->slices || (!asked && (spec->most == 0 || spec->most > SORTED_MOST)))
		return 0;
	l->sorted = true;
	l->leading.offset = spec->sessions_offset;
	l->leading.most = spec->most ? spec->most : UINT64_MAX - spec->sessions_offset;
	int rc = scan(l->q, &p);
	return rc == 0 && leading_close(&l->leading) != 0 ? query_full(l->q) : rc;
}

static int
list(struct listing *l)
{
	struct query *q = l->q;
	const struct query_spec *spec = q->spec;
	struct pass p = {.level = SCAN_SELECTED,
		.count = true,
		.alone = true,
		.ctx = l,
		.block = list_block,
		.batch = list_batch};
	struct pass choose = {.level = SCAN_SELECTED, .alone = true, .ctx = l, .batch = choose_batch};
	bool session = (q->filter && q->filter->session) || (q->user && q->user->session);
	bool whole = spec->whole && !spec->slices;
	int rc = 0;
	q->passes = (session ? 2u : 1u) + (spec->slices ? 0u : 1u) + (whole ? 2u : 0u);
	if (!spec->slices || session)
		rc = join_several(q, false);
	if (rc == 0 && session)
		rc = join_sessions(q);
	if (rc == 0 && whole) {
		rc = scan(q, &choose);
		query_everything(q);
		if (rc == 0)
			rc = join_several(q, false);
	}
	if (rc == 0)
		rc = find_leading(l);
	if (rc == 0)
		rc = scan(q, &p);
	if (rc == 0)
		rc = write_held(l);
	return rc;
}

static void
write_tail(struct listing *l)
{
	char line[64];
	snprintf(line, sizeof line, "Total sessions: %" PRIu64, l->sessions);
	row_writer_text(&l->out, line);
	snprintf(line, sizeof line, "Total Packets: %" PRIu64, l->sums[2] + l->sums[3]);
	row_writer_text(&l->out, line);
	snprintf(line, sizeof line, "Total Bytes: %" PRIu64, l->sums[0] + l->sums[1]);
	row_writer_text(&l->out, line);
}

static json_t *
integer(uint64_t v)
{
	return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

static int
summarise(struct listing *l, json_t **summary)
{
	json_t *o = json_object();
	if (o == NULL)
		return query_full(l->q);
	json_object_set_new(o, "sessions", integer(l->sessions));
	json_object_set_new(o, "bytes", integer(l->sums[0] + l->sums[1]));
	json_object_set_new(o, "packets", integer(l->sums[2] + l->sums[3]));
	json_object_set_new(o, "flows", integer(l->sums[4] + l->sums[5]));
	json_object_set_new(o, "rows", integer(l->rows));
	int rc = query_report(l->q, o);
	if (rc == 0)
		*summary = o;
	else
		json_decref(o);
	return rc;
}

int
run_sessions(const struct source *source, const struct services *services, struct query_context *c,
	const struct query_spec *spec, int (*write)(void *ctx, const char *bytes, size_t n), void *ctx,
	json_t **summary, struct err *err)
{
	struct query q;
	struct listing l = {.q = &q, .out = {.write = write, .ctx = ctx}, .frame_end = spec->to_us};
	const char *format = spec->format ? spec->format : "csv";
	bool tail = strcmp(format, "csv_head") == 0, head = tail || strcmp(format, "csv_table") == 0;
	*summary = NULL;
	int rc = query_open(&q, spec, c, source, services, err);
	l.maker = (struct row_maker){
		.budget = &q.budget, .services = services, .interfaces = source->interfaces};
	l.held = (struct held){.budget = &q.budget, .arena = &q.arena, .ids.budget = &q.budget};
	l.chosen.budget = &q.budget;
	l.leading.budget = l.leading.ids.budget = &q.budget;
	l.leading.all = true;
	q.touch |= session_columns_needed() | COLUMN_COUNTS;
	if (rc == 0 && !head && strcmp(format, "csv") != 0 && strcmp(format, "ndjson") != 0)
		rc = err_set(err, FT_EINVAL,
			"format: expected csv, csv_table, csv_head or ndjson, found `%.60s`", format);
	if (rc == 0)
		rc = order_parse(&l.leading.order, spec->sort, err);
	if (rc == 0 && spec->slices && (spec->sort || spec->sessions_offset))
		rc = err_set(err, FT_EINVAL, "sort and offset are of sessions, not of slices");
	if (rc == 0 && row_writer_open(&l.out, strcmp(format, "ndjson") != 0) != 0)
		rc = query_full(&q);
	if (rc == 0 && head)
		row_writer_head(&l.out);
	if (rc == 0)
		rc = list(&l);
	if (rc == 0 && tail)
		write_tail(&l);
	if (rc == 0 || rc == FT_ETIME) /* what was found is worth sending */
		(void)row_writer_flush(&l.out);
	if (rc == 0 && l.out.rc != 0)
		rc = l.out.rc == FT_ECANCEL ? err_set(err, FT_ECANCEL, "the query was cancelled") : l.out.rc;
	if (rc == 0)
		rc = summarise(&l, summary);
	row_writer_close(&l.out);
	row_maker_free(&l.maker);
	held_free(&l.held);
	set64_free(&l.chosen);
	leading_free(&l.leading);
	query_close(&q);
	return rc;
}
