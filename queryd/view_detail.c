/* view_detail.c - the detail pass: everything but the rank value, for the rows that are shown. */
#include <stdlib.h>
#include <string.h>

#include "queryd/view.h"

struct detail_part {
	struct keymap map, member_map;
	struct row *row; /* by row + 1; 0 is for what is not shown */
	uint64_t *series;
	struct total total;
	struct min128 ids, first_seen;
	uint32_t x[BATCH], y[BATCH], mx[BATCH], my[BATCH];
	/* rows of the batch that belong to shown entities, and to which (row + 1; 0 none); by code: places in the selection
	 * of the `hits` rows whose client is shown, and of the `backs` whose server is */
	uint32_t hits, rx[BATCH], ry[BATCH];
	uint16_t hit[BATCH], back[BATCH];
	uint32_t backs;
	struct coded_rows code;
	struct coded_codes codes; /* by code, with a series: one code an address … */
	const uint32_t *cx, *cy;  /* … of the selected rows' sides */
	bool whole; /* all rows of the block are selected and lie in the frame: its sums are in the total */
	uint8_t counting[BATCH], total_counting[BATCH]; /* for entities; for the total */
};

static size_t
series_cells(const struct view *v)
{
	return (size_t)v->q->frame.slots * ((size_t)v->rows + 1);
}

static int
arrays(struct view *v, struct row **row, uint64_t **series)
{
	struct budget *b = &v->q->budget;
	size_t rows = ((size_t)v->rows + 1) * sizeof **row, cells = series_cells(v) * sizeof **series;
	*row = budget_realloc(b, NULL, 0, rows);
	if (*row != NULL)
		memset(*row, 0, rows);
	*series = NULL;
	if (*row != NULL && cells > 0) {
		*series = budget_realloc(b, NULL, 0, cells);
		if (*series != NULL)
			memset(*series, 0, cells);
	}
	return *row != NULL && (cells == 0 || *series != NULL) ? 0 : FT_EFULL;
}
static void
arrays_free(struct view *v, struct row *row, uint64_t *series)
{
	budget_free(&v->q->budget, row, ((size_t)v->rows + 1) * sizeof *row);
	budget_free(&v->q->budget, series, series_cells(v) * sizeof *series);
}

static void
detail_drop(void *ctx, struct worker *w)
{
	struct view *v = ctx;
	struct detail_part *p = w->part;
	keymap_free(&p->map, &v->q->budget);
	keymap_free(&p->member_map, &v->q->budget);
	arrays_free(v, p->row, p->series);
	min128_free(&p->ids);
	min128_free(&p->first_seen);
	coded_rows_free(&p->code, &v->q->budget);
	coded_codes_free(&p->codes, &v->q->budget);
	free(p);
}

static int
detail_begin(void *ctx, struct worker *w)
{
	struct view *v = ctx;
	struct detail_part *p = calloc(1, sizeof *p);
	if (p == NULL)
		return FT_ENOMEM;
	w->part = p;
	keymap_init(&p->map, &v->q->budget);
	keymap_init(&p->member_map, &v->q->budget);
	p->ids.budget = p->first_seen.budget = &v->q->budget;
	int rc = arrays(v, &p->row, &p->series);
	if (rc != 0)
		detail_drop(ctx, w);
	return rc;
}

static int
detail_block(void *ctx, struct worker *w, struct block_view *b)
{
	struct view *v = ctx;
	struct detail_part *p = w->part;
	p->whole = false;
	int rc = v->detail_by_code ? 0 : keymap_block(&p->map, v->detail, b, &v->q->budget);
	if (v->detail_by_code)
		coded_rows_block(&p->code, b);
	if (v->detail_by_code && v->alone)
		rc = coded_codes_block(&p->codes, b, &v->q->budget);
	if (rc == 0 && v->unique != NULL && v->q->frame.slots > 0)
		rc = keymap_block(&p->member_map, &v->members, b, &v->q->budget);
	return rc;
}

/* ---- one batch ------------------------------------------------------------------------------------- */

static void
find_hits(const struct view *v, struct detail_part *p, uint32_t m)
{
	bool sides = v->entity->class == VIEW_TWO || v->entity->class == VIEW_FLOW;
	uint32_t hits = 0;
	for (uint32_t j = 0; j < m; j++) {
		uint32_t rx = p->x[j] == ID_NONE ? 0 : v->row_of[p->x[j]];
		uint32_t ry = !sides || p->y[j] == ID_NONE ? 0 : v->row_of[p->y[j]];
		p->hit[hits] = (uint16_t)j;
		p->rx[hits] = rx;
		p->ry[hits] = ry;
		hits += (rx | ry) != 0;
	}
	p->hits = hits;
}

static int
hits_of_batch(struct view *v, struct detail_part *p, struct worker *w)
{
	int rc = keys_batch(v->detail, false, &p->map, w, p->x, p->y);
	if (rc == 0)
		find_hits(v, p, w->batch.m);
	return rc;
}

static void
detail_amounts(const struct view *v, struct detail_part *p, struct batch *b, bool packets)
{
	const uint64_t *client = batch_amount(b, packets ? FT_COL_client_packets : FT_COL_client_bytes);
	const uint64_t *server = batch_amount(b, packets ? FT_COL_server_packets : FT_COL_server_bytes);
	bool flow = v->entity->class == VIEW_FLOW, pair = v->entity->class == VIEW_PAIR;
	size_t at = packets ? offsetof(struct row, packets) : offsetof(struct row, bytes);
	for (uint32_t h = 0; h < p->hits; h++) {
		uint32_t j = p->hit[h], rx = p->rx[h], ry = p->ry[h];
		uint64_t c = client[j], s = server[j];
		uint64_t *x = (uint64_t *)(void *)((char *)&p->row[rx] + at);
		uint64_t *y = (uint64_t *)(void *)((char *)&p->row[ry] + at);
		/* of a pair, sent is from the first to the second */
		bool turned = pair && v->first[rx - 1] != p->y[j];
		x[turned] += c;
		x[!turned] += flow ? 0 : s;
		y[0] += flow ? 0 : s;
		y[1] += flow ? s : c;
	}
}

static uint64_t
total_of(struct batch *b, enum ft_column client, enum ft_column server)
{
	return kernel_total(batch_amount(b, client), b->m) + kernel_total(batch_amount(b, server), b->m);
}

/* everything selected: what is not needed row by row comes from the block as a whole */
int
view_totals(struct total *t, bool *whole, struct worker *w)
{
	static const enum ft_column column[] = {FT_COL_client_bytes, FT_COL_server_bytes,
		FT_COL_client_packets, FT_COL_server_packets, FT_COL_client_flows, FT_COL_server_flows};
	struct batch *b = &w->batch;
	if (b->from == 0 && scan_takes_all(w)) {
		uint64_t sum[6];
		for (int i = 0; i < 6; i++) {
			int rc = block_sum(b->v, column[i], &sum[i]);
			if (rc != 0)
				return rc;
		}
		*whole = true;
		t->bytes += sum[0] + sum[1];
		t->packets += sum[2] + sum[3];
		t->flows += sum[4] + sum[5];
	}
	if (*whole)
		return 0;
	t->bytes += total_of(b, FT_COL_client_bytes, FT_COL_server_bytes);
	t->packets += total_of(b, FT_COL_client_packets, FT_COL_server_packets);
	t->flows += total_of(b, FT_COL_client_flows, FT_COL_server_flows);
	return b->rc;
}

static int
count_one(struct detail_part *p, uint8_t how, uint64_t session, uint64_t row, unsigned tag, uint64_t *counter)
{
	if (how == COUNT_YES) {
		++*counter;
		return 0;
	}
	return min128_add(&p->ids, session, row << 3 | tag, 0) < 0 ? FT_EFULL : 0;
}

/* rows that a session is initiated and accepted by: 0 none, else row + 1 */
static void
roles(const struct view *v, const struct detail_part *p, uint32_t h, uint32_t *initiated, uint32_t *accepted)
{
	uint32_t rx = p->rx[h];
	*initiated = rx;
	*accepted = p->ry[h];
	switch (v->entity->class) {
	case VIEW_TWO:
	case VIEW_FLOW:
		break;
	case VIEW_PAIR:
		if (rx && v->first[rx - 1] != p->y[p->hit[h]]) {
			*initiated = 0;
			*accepted = rx;
		}
		break;
	case VIEW_ONE:
		*accepted = rx;
	}
}

/* SESSIONS with a series: every entity's, since "other" needs those that are not shown */
static int
session_series(const struct view *v, struct detail_part *p, struct batch *b, const uint64_t *session)
{
	const uint64_t *first = batch_sel64(b, FT_COL_first_us);
	uint32_t slots = v->q->frame.slots;
	for (uint32_t j = 0; j < b->m; j++) {
		uint32_t counted[2];
		int64_t time = (int64_t)first[j];
		unsigned n = p->counting[j] == COUNT_NO ? 0 : view_counted(v, p->x[j], p->y[j], counted);
		for (unsigned k = 0; k < n; k++) {
			if (v->permitted != NULL && !v->permitted[counted[k]])
				continue;
			if (p->counting[j] == COUNT_YES) {
				uint32_t slot = frame_slot(&v->q->frame, time), row = v->row_of[counted[k]];
				p->series[(size_t)v->rows * slots + slot]++;
				if (row)
					p->series[(size_t)(row - 1) * slots + slot]++;
			} else if (min128_add(&p->ids, session[j], (uint64_t)counted[k] << 3 | TAG_VALUE,
					   time) < 0)
				return FT_EFULL;
		}
	}
	return b->rc;
}

/* how each selected row counts its session; those of the total are counted.  *session: ids, if any has to be known */
static int
total_sessions(struct detail_part *p, struct worker *w, const uint64_t **session)
{
	struct batch *b = &w->batch;
	join_counts(w, p->counting, p->total_counting);
	*session = w->several ? batch_sel64(b, FT_COL_session) : NULL;
	p->total.sessions += kernel_count8(p->total_counting, COUNT_YES, b->m);
	uint32_t by_id = w->several ? kernel_count8(p->total_counting, COUNT_ID, b->m) : 0;
	for (uint32_t j = 0; j < b->m && by_id > 0; j++)
		if (p->total_counting[j] == COUNT_ID && min128_add(&p->ids, (*session)[j], TAG_TOTAL, 0) < 0)
			return FT_EFULL;
	return b->rc;
}

static int
detail_sessions(const struct view *v, struct detail_part *p, struct worker *w, const uint64_t *session)
{
	struct batch *b = &w->batch;
	for (uint32_t h = 0; h < p->hits; h++) {
		uint32_t j = p->hit[h], initiated, accepted;
		uint8_t how = p->counting[j];
		uint64_t id = session ? session[j] : 0;
		if (how == COUNT_NO)
			continue;
		roles(v, p, h, &initiated, &accepted);
		int rc = 0;
		if (initiated)
			rc = count_one(p, how, id, initiated, TAG_INITIATED, &p->row[initiated].sessions[0]);
		if (rc == 0 && accepted)
			rc = count_one(p, how, id, accepted, TAG_ACCEPTED, &p->row[accepted].sessions[1]);
		if (rc != 0)
			return rc;
	}
	if (v->kind == COUNT_SESSIONS && v->q->frame.slots > 0)
		return session_series(v, p, b, session);
	return b->rc;
}

/* Where in a series one side's amount of a row goes: into that of all so many times, into those of shown rows once. */
struct target {
	uint64_t *all, *own[2]; /* own[i] NULL: none */
	uint32_t times;
};
static inline void
target_add(const struct target *t, uint32_t slot, uint64_t v)
{
	t->all[slot] += t->times * v;
	if (t->own[0] != NULL)
		t->own[0][slot] += v;
	if (t->own[1] != NULL)
		t->own[1][slot] += v;
}

/* v over [first, last] into the slots; i and end are the slots of first and last */
static void
series_add(const struct frame *f, const struct target *t, uint64_t v, int64_t first, int64_t last, uint32_t i,
	uint32_t end)
{
	if (first >= last) {
		if (first >= f->from && first < f->to)
			target_add(t, i, v);
		return;
	}
	if (i == end && first >= f->from && last < f->to) {
		target_add(t, i, v);
		return;
	}
	uint64_t before = frame_until(v, first, last, f->from);
	for (; i <= end; i++) {
		int64_t until = i == end ? f->to : frame_slot_start(f, i + 1);
		uint64_t after = frame_until(v, first, last, until);
		target_add(t, i, after - before);
		before = after;
	}
}

/* Rows come nearly in the order of their times: mostly the slot is the one found last, which takes no division. */
struct slot_hint {
	int64_t from, to; /* of the slot */
	uint32_t slot;
};
static inline uint32_t
slot_of(const struct frame *f, struct slot_hint *h, int64_t t)
{
	if (t >= h->from && t < h->to)
		return h->slot;
	h->slot = frame_slot(f, t);
	h->from = frame_slot_start(f, h->slot);
	h->to = frame_slot_start(f, h->slot + 1);
	return h->slot;
}

/* what a row counts for, and which of it is shown (row + 1; 0 not) */
static inline unsigned
series_shares(
	const struct view *v, const struct detail_part *p, uint32_t j, struct share share[2], uint32_t row[2])
{
	unsigned n = 0, all;
	if (v->detail_by_code) {
		n = view_shares(v, p->cx[j], p->cy[j], share); /* one code an address: as good as ids here */
		for (unsigned k = 0; k < n; k++)
			row[k] = p->code.row[share[k].id];
		return n;
	}
	if (v->alone) {
		share[0] = (struct share){p->x[j], 1, 1};
		row[0] = p->x[j] == ID_NONE ? 0 : v->row_of[p->x[j]];
		return 1;
	}
	all = view_shares(v, p->x[j], p->y[j], share);
	for (unsigned k = 0; k < all; k++) {
		if (v->permitted != NULL && !v->permitted[share[k].id])
			continue;
		share[n] = share[k];
		row[n++] = v->row_of[share[k].id];
	}
	return n;
}

static int
detail_series(const struct view *v, struct detail_part *p, struct batch *b)
{
	const uint64_t *first = batch_sel64(b, FT_COL_first_us), *last = batch_sel64(b, FT_COL_last_us);
	const struct frame *f = &v->q->frame;
	bool wide[2] = {batch_is_wide(v->amount[0]), batch_is_wide(v->amount[1])};
	const void *amounts[2];
	for (int side = 0; side < 2; side++)
		amounts[side] = wide[side] ? (const void *)batch_sel64(b, v->amount[side])
					   : (const void *)batch_sel32(b, v->amount[side]);
	uint64_t *all = p->series + (size_t)v->rows * f->slots;
	struct slot_hint begin = {0}, end = {0};
	for (uint32_t j = 0; j < b->m; j++) {
		struct share share[2];
		uint32_t row[2], to = slot_of(f, &end, (int64_t)last[j]),
				 from = slot_of(f, &begin, (int64_t)first[j]);
		unsigned n = series_shares(v, p, j, share, row);
		for (int side = 0; side < 2; side++) {
			uint64_t amount = wide[side] ? ((const uint64_t *)amounts[side])[j]
						     : ((const uint32_t *)amounts[side])[j];
			struct target t = {.all = all};
			for (unsigned k = 0; k < n; k++) {
				if (!(side ? share[k].server : share[k].client))
					continue;
				t.own[t.times++] =
					row[k] ? p->series + (size_t)(row[k] - 1) * f->slots : NULL;
			}
			if (amount != 0 && t.times > 0)
				series_add(f, &t, amount, (int64_t)first[j], (int64_t)last[j], from, to);
		}
	}
	return b->rc;
}

static int
detail_members(struct view *v, struct detail_part *p, struct worker *w)
{
	struct batch *b = &w->batch;
	int rc = keys_batch(&v->members, false, &p->member_map, w, p->mx, p->my);
	const uint32_t *client = batch_sel32(b, FT_COL_client_flows),
		       *server = batch_sel32(b, FT_COL_server_flows);
	const uint64_t *first = batch_sel64(b, FT_COL_first_us);
	if (rc != 0 || b->rc != 0)
		return rc ? rc : b->rc;
	for (uint32_t j = 0; j < b->m; j++) {
		struct member_pair m[8];
		unsigned n = view_members(
			v, p->x[j], p->y[j], p->mx[j], p->my[j], client[j] != 0, server[j] != 0, m);
		for (unsigned k = 0; k < n; k++) {
			uint32_t row = v->row_of[m[k].id];
			if (row && min128_add(&p->first_seen, row, m[k].member, (int64_t)first[j]) < 0)
				return FT_EFULL;
		}
	}
	return 0;
}

/* ---- addresses by code of the block ------------------------------------------------------------------- */

static uint32_t
coded_hits(const uint8_t *row, const uint32_t *code, uint32_t m, uint16_t *hit)
{
	uint32_t n = 0;
	for (uint32_t j = 0; j < m; j++) {
		hit[n] = (uint16_t)j;
		n += row[code[j]] != 0;
	}
	return n;
}

/* back: a row's server is the shown one */
static void
coded_add(struct detail_part *p, struct batch *b, bool back)
{
	const uint32_t *code = batch_sel32(b, back ? FT_COL_server : FT_COL_client);
	const uint64_t *sent = batch_amount(b, back ? FT_COL_server_bytes : FT_COL_client_bytes),
		       *received = batch_amount(b, back ? FT_COL_client_bytes : FT_COL_server_bytes),
		       *packets = batch_amount(b, back ? FT_COL_server_packets : FT_COL_client_packets),
		       *other = batch_amount(b, back ? FT_COL_client_packets : FT_COL_server_packets);
	const uint16_t *hit = back ? p->back : p->hit;
	uint32_t n = back ? p->backs : p->hits;
	for (uint32_t h = 0; h < n; h++) {
		uint32_t j = hit[h];
		struct row *r = &p->row[p->code.row[code[j]]];
		r->bytes[0] += sent[j];
		r->bytes[1] += received[j];
		r->packets[0] += packets[j];
		r->packets[1] += other[j];
		r->sessions[back] += p->counting[j] == COUNT_YES;
	}
}

static int
coded_by_id(struct detail_part *p, struct batch *b, const uint64_t *session, bool back)
{
	const uint32_t *code = batch_sel32(b, back ? FT_COL_server : FT_COL_client);
	const uint16_t *hit = back ? p->back : p->hit;
	uint32_t n = back ? p->backs : p->hits;
	for (uint32_t h = 0; h < n; h++) {
		uint64_t row = p->code.row[code[hit[h]]];
		if (p->counting[hit[h]] == COUNT_ID &&
			min128_add(&p->ids, session[hit[h]], row << 3 | (back ? TAG_ACCEPTED : TAG_INITIATED),
				0) < 0)
			return FT_EFULL;
	}
	return 0;
}

static int
detail_coded(struct view *v, struct detail_part *p, struct worker *w)
{
	struct batch *b = &w->batch;
	const uint32_t *x = batch_sel32(b, FT_COL_client), *y = batch_sel32(b, FT_COL_server);
	const uint64_t *session;
	int rc = b->rc ? b->rc : coded_rows_begin(&p->code, b->v, &v->few, &v->sieve, &v->q->budget);
	if (rc == 0)
		rc = view_totals(&p->total, &p->whole, w);
	if (rc == 0)
		rc = total_sessions(p, w, &session);
	if (rc != 0)
		return rc;
	p->hits = coded_hits(p->code.row, x, b->m, p->hit);
	p->backs = coded_hits(p->code.row, y, b->m, p->back);
	if (p->hits + p->backs == 0)
		return 0;
	coded_add(p, b, false);
	coded_add(p, b, true);
	if (b->rc == 0 && w->several)
		rc = coded_by_id(p, b, session, false);
	if (b->rc == 0 && rc == 0 && w->several)
		rc = coded_by_id(p, b, session, true);
	return rc ? rc : b->rc;
}

static int
coded_series(const struct view *v, struct detail_part *p, struct batch *b)
{
	p->cx = coded_codes_of(&p->codes, b, FT_COL_client, p->x);
	p->cy = coded_codes_of(&p->codes, b, FT_COL_server, p->y);
	return b->rc ? b->rc : detail_series(v, p, b);
}

/* Entities that get all of a row: amounts and sessions in one go. */
static void
detail_one(struct detail_part *p, struct batch *b)
{
	const uint64_t *client = batch_amount(b, FT_COL_client_bytes),
		       *server = batch_amount(b, FT_COL_server_bytes),
		       *packets = batch_amount(b, FT_COL_client_packets),
		       *back = batch_amount(b, FT_COL_server_packets);
	for (uint32_t h = 0; h < p->hits; h++) {
		uint32_t j = p->hit[h];
		struct row *r = &p->row[p->rx[h]];
		bool yes = p->counting[j] == COUNT_YES;
		r->bytes[0] += client[j];
		r->bytes[1] += server[j];
		r->packets[0] += packets[j];
		r->packets[1] += back[j];
		r->sessions[0] += yes;
		r->sessions[1] += yes;
	}
}

/* few of the rows are of shown entities: from here on these alone are selected, and read */
static void
narrow(struct detail_part *p, struct batch *b)
{
	for (uint32_t h = 0; h < p->hits; h++) {
		p->y[h] = p->y[p->hit[h]];
		p->counting[h] = p->counting[p->hit[h]];
	}
	batch_keep(b, p->hit, p->hits);
	for (uint32_t h = 0; h < p->hits; h++)
		p->hit[h] = (uint16_t)h;
}

static int
detail_batch(void *ctx, struct worker *w)
{
	struct view *v = ctx;
	struct detail_part *p = w->part;
	struct batch *b = &w->batch;
	const uint64_t *session;
	bool series = v->q->frame.slots > 0;
	if (v->detail_by_code) {
		int rc = detail_coded(v, p, w);
		return rc == 0 && series ? coded_series(v, p, b) : rc;
	}
	int rc = hits_of_batch(v, p, w);
	if (rc == 0)
		rc = view_totals(&p->total, &p->whole, w);
	if (rc == 0)
		rc = total_sessions(p, w, &session);
	if (rc != 0 || (p->hits == 0 && !series))
		return rc;
	if (!series && p->hits * 8 <= b->m) {
		narrow(p, b);
		session = w->several ? batch_sel64(b, FT_COL_session) : NULL;
	}
	if (v->entity->class == VIEW_ONE && !series && !w->several) {
		detail_one(p, b);
		return b->rc;
	}
	detail_amounts(v, p, b, false);
	detail_amounts(v, p, b, true);
	rc = detail_sessions(v, p, w, session);
	if (rc == 0 && series && v->kind == COUNT_UNIQUE)
		rc = detail_members(v, p, w);
	else if (rc == 0 && series && v->kind != COUNT_SESSIONS)
		rc = detail_series(v, p, b);
	return rc != 0 ? rc : b->rc;
}

/* ---- bringing it together ---------------------------------------------------------------------------- */

static int
merge_min(struct min128 *to, const struct min128 *from)
{
	for (uint64_t i = 0; i < from->slots; i++) {
		const struct min128_slot *s = &from->slot[i];
		if (s->b1 != 0 && min128_add(to, s->a, s->b1 - 1, s->value) < 0)
			return FT_EFULL;
	}
	return 0;
}

static int
detail_end(void *ctx, struct worker *w)
{
	struct view *v = ctx;
	struct detail_part *p = w->part;
	for (uint32_t r = 0; r < v->rows; r++)
		for (int k = 0; k < 2; k++) {
			v->row[r].bytes[k] += p->row[r + 1].bytes[k];
			v->row[r].packets[k] += p->row[r + 1].packets[k];
			v->row[r].sessions[k] += p->row[r + 1].sessions[k];
		}
	for (size_t i = 0; i < series_cells(v); i++)
		v->series[i] += p->series[i];
	v->total.sessions += p->total.sessions;
	v->total.bytes += p->total.bytes;
	v->total.packets += p->total.packets;
	v->total.flows += p->total.flows;
	int rc = merge_min(&v->ids, &p->ids);
	return rc != 0 ? rc : merge_min(&v->first_seen, &p->first_seen);
}

/* sessions that were counted by id, members that were seen: each once, where it was first */
static void
tally(struct view *v)
{
	uint32_t slots = v->q->frame.slots;
	for (uint64_t i = 0; i < v->ids.slots; i++) {
		const struct min128_slot *s = &v->ids.slot[i];
		if (s->b1 == 0)
			continue;
		uint64_t at = (s->b1 - 1) >> 3, tag = (s->b1 - 1) & 7;
		if (tag == TAG_TOTAL)
			v->total.sessions++;
		else if (tag != TAG_VALUE)
			v->row[at - 1].sessions[tag == TAG_ACCEPTED]++;
		else if (v->series != NULL) {
			uint32_t slot = frame_slot(&v->q->frame, s->value), row = v->row_of[at];
			v->series[(size_t)v->rows * slots + slot]++;
			if (row)
				v->series[(size_t)(row - 1) * slots + slot]++;
		}
	}
	for (uint64_t i = 0; i < v->first_seen.slots; i++) {
		const struct min128_slot *s = &v->first_seen.slot[i];
		if (s->b1 != 0)
			v->series[(s->a - 1) * slots + frame_slot(&v->q->frame, s->value)]++;
	}
}

int
view_detail(struct view *v)
{
	struct pass p = {.level = SCAN_SELECTED,
		.count = true,
		.ctx = v,
		.begin = detail_begin,
		.end = detail_end,
		.drop = detail_drop,
		.block = detail_block,
		.batch = detail_batch};
	v->first = arena_alloc(&v->q->arena, ((size_t)v->rows + 1) * sizeof *v->first);
	if (v->first == NULL || arrays(v, &v->row, &v->series) != 0)
		return query_full(v->q);
	if (v->at_once) {
		view_hosts_rows(v);
		return 0;
	}
	v->ids.budget = v->first_seen.budget = &v->q->budget;
	v->detail_by_code = v->by_code && v->detail == &v->few && (v->q->frame.slots == 0 || v->alone) &&
			    v->rows <= CODED_ROWS_MOST;
	if (v->detail_by_code)
		coded_sieve(&v->sieve, &v->few);
	for (uint32_t r = 0; r < v->rows; r++) {
		char part[2][KEY_TEXT];
		keys_text(v->detail, v->detail == &v->few ? r : v->top[v->offset + r], part, &v->first[r]);
	}
	int rc = scan(v->q, &p);
	if (rc == 0)
		tally(v);
	return rc;
}

void
view_close(struct view *v)
{
	if (v->q == NULL)
		return;
	if (v->at_once)
		view_hosts_free(v);
	keys_free(&v->keys);
	keys_free(&v->few);
	keys_free(&v->members);
	tabwide_free(&v->hosts);
	tabwide_free(&v->member_hosts);
	for (unsigned i = 0; i < v->n_kept; i++)
		parts64_free(&v->kept[i]);
	budget_free(&v->q->budget, v->value, v->values * sizeof *v->value);
	parts64_free(&v->pairs);
	min128_free(&v->counts);
	min128_free(&v->ids);
	min128_free(&v->first_seen);
	arrays_free(v, v->row, v->series);
	texts_free(&v->texts);
}
