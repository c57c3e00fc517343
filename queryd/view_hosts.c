/*
 * view_hosts.c - filtered views of addresses, all of an answer in one pass.
 *
 * What a row of the table shows of an address are six sums.  While a block's rows are read they are added up by code of
 * the block's dictionary; when all were read, each address that got something is looked up once, in the order of the
 * dictionary, and its sums go to those of its id (an address may have several codes: its AS changed).  So every column is read once, and the detail pass has nothing left to
 * do.  What can't be added up - sessions of several slices, which are counted by distinct id - is listed by block and
 * goes into a set once addresses have ids.
 *
 * That takes 48 bytes an address and thread.  Where it is too much for the query's memory the two passes of view.h do
 * it with eight.
 *
 * Invariant: between blocks all sums by code are 0.  A block of which few rows are selected notes which codes got
 * something, so that neither looking for them nor clearing them costs as much as its dictionary is large.
 */
#include <stdlib.h>
#include <string.h>

#include "queryd/view.h"

/* a row whose session is counted by its id; total: its sum too */
struct by_id {
	uint64_t session;
	uint32_t x, y;
	bool entity, total;
};

struct hosts_part {
	struct coded_codes codes;
	uint32_t room; /* codes there is room for */
	struct sides *side;
	uint32_t (*sessions)[2]; /* initiated, accepted */
	uint64_t *twice;         /* what both sides got, as they are the same address; NULL: none yet */
	uint64_t *touched;       /* bits by code, of blocks of which few rows are selected */
	bool dense, dirty;       /* look at all codes; not cleared: the block before was left early */
	struct by_id *list;
	uint32_t listed, list_room;
	uint32_t *map; /* id by code, while there is a list */
	uint32_t map_room;
	struct row *full; /* by id */
	uint32_t fulls;
	uint64_t *less; /* by id: `twice` */
	uint32_t lesses;
	struct min128 ids;
	struct total total;
	bool whole;
	uint8_t counting[BATCH], total_counting[BATCH];
};

static int
hosts_begin(void *ctx, struct worker *w)
{
	(void)ctx;
	struct hosts_part *p = calloc(1, sizeof *p);
	if (p == NULL)
		return FT_ENOMEM;
	p->ids.budget = &w->q->budget;
	w->part = p;
	return 0;
}

static void
hosts_drop(void *ctx, struct worker *w)
{
	struct hosts_part *p = w->part;
	struct budget *b = &w->q->budget;
	(void)ctx;
	coded_codes_free(&p->codes, b);
	budget_free(b, p->side, p->room * sizeof *p->side);
	budget_free(b, p->sessions, p->room * sizeof *p->sessions);
	budget_free(b, p->twice, p->room * sizeof *p->twice);
	budget_free(b, p->touched, p->room / 64 * sizeof *p->touched);
	budget_free(b, p->list, p->list_room * sizeof *p->list);
	budget_free(b, p->map, p->map_room * sizeof *p->map);
	budget_free(b, p->full, p->fulls * sizeof *p->full);
	budget_free(b, p->less, p->lesses * sizeof *p->less);
	min128_free(&p->ids);
	free(p);
}

/* ---- one block -------------------------------------------------------------------------------------- */

/* nothing of the old is kept: it is all 0 */
static bool
room_for(struct hosts_part *p, uint32_t codes, struct budget *b)
{
	if (codes > p->room) {
		uint32_t room = (codes + codes / 4 + 63) / 64 * 64;
		budget_free(b, p->side, p->room * sizeof *p->side);
		budget_free(b, p->sessions, p->room * sizeof *p->sessions);
		budget_free(b, p->twice, p->room * sizeof *p->twice);
		budget_free(b, p->touched, p->room / 64 * sizeof *p->touched);
		p->room = room;
		p->twice = NULL;
		p->side = budget_zeroed(b, room, sizeof *p->side);
		p->sessions = budget_zeroed(b, room, sizeof *p->sessions);
		p->touched = budget_zeroed(b, room / 64, sizeof *p->touched);
	} else if (p->dirty) {
		memset(p->side, 0, p->room * sizeof *p->side);
		memset(p->sessions, 0, p->room * sizeof *p->sessions);
		memset(p->touched, 0, p->room / 64 * sizeof *p->touched);
		if (p->twice != NULL)
			memset(p->twice, 0, p->room * sizeof *p->twice);
	}
	p->dirty = false;
	return p->side != NULL && p->sessions != NULL && p->touched != NULL;
}

static int
hosts_block(void *ctx, struct worker *w, struct block_view *b)
{
	struct hosts_part *p = w->part;
	(void)ctx;
	p->listed = 0;
	p->dense = p->whole = false;
	if (!room_for(p, b->dict_count[FT_DICT_ADDR], &w->q->budget))
		return FT_EFULL;
	return coded_codes_block(&p->codes, b, &w->q->budget);
}

static void
touch(struct hosts_part *p, const uint32_t *x, const uint32_t *y, uint32_t m)
{
	for (uint32_t j = 0; j < m; j++) {
		p->touched[x[j] / 64] |= (uint64_t)1 << x[j] % 64;
		p->touched[y[j] / 64] |= (uint64_t)1 << y[j] % 64;
	}
}

/* rows that are between an address and itself: what is ranked by counts for it once */
static int
note_twice(const struct view *v, struct hosts_part *p, struct worker *w, const uint32_t *x, const uint32_t *y,
	const uint64_t *client, const uint64_t *server)
{
	uint32_t m = w->batch.m;
	if (v->direction != QUERY_TOTAL || !kernel_any_near(x, y, p->codes.gap, m))
		return 0;
	if (p->twice == NULL && (p->twice = budget_zeroed(&w->q->budget, p->room, sizeof *p->twice)) == NULL)
		return FT_EFULL;
	for (uint32_t j = 0; j < m; j++)
		if (p->codes.bare[x[j]] == p->codes.bare[y[j]])
			p->twice[x[j]] += v->kind == COUNT_SESSIONS ? p->counting[j] == COUNT_YES
								    : client[j] + server[j];
	return 0;
}

static int
list_by_id(struct hosts_part *p, struct worker *w, const uint32_t *x, const uint32_t *y)
{
	const uint64_t *session = batch_sel64(&w->batch, FT_COL_session);
	for (uint32_t j = 0; j < w->batch.m; j++) {
		bool entity = p->counting[j] == COUNT_ID, total = p->total_counting[j] == COUNT_ID;
		if (!entity && !total)
			continue;
		if (p->listed == p->list_room) {
			uint32_t room = p->list_room ? p->list_room * 2 : 256;
			struct by_id *l = budget_realloc(
				&w->q->budget, p->list, p->list_room * sizeof *l, room * sizeof *l);
			if (l == NULL)
				return FT_EFULL;
			p->list = l;
			p->list_room = room;
		}
		p->list[p->listed++] = (struct by_id){session[j], x[j], y[j], entity, total};
	}
	return 0;
}

static int
hosts_sessions(struct hosts_part *p, struct worker *w, const uint32_t *x, const uint32_t *y)
{
	uint32_t m = w->batch.m, all, by_id = 0;
	join_counts(w, p->counting, p->total_counting);
	for (uint32_t j = 0; j < m; j++) {
		uint8_t yes = p->counting[j] == COUNT_YES;
		p->sessions[x[j]][0] += yes;
		p->sessions[y[j]][1] += yes;
	}
	all = kernel_count8(p->total_counting, COUNT_YES, m);
	if (w->several)
		by_id = kernel_count8(p->counting, COUNT_ID, m) +
			kernel_count8(p->total_counting, COUNT_ID, m);
	p->total.sessions += all;
	return by_id ? list_by_id(p, w, x, y) : 0;
}

static int
hosts_batch(void *ctx, struct worker *w)
{
	struct view *v = ctx;
	struct hosts_part *p = w->part;
	struct batch *b = &w->batch;
	const uint32_t *x = batch_sel32(b, FT_COL_client), *y = batch_sel32(b, FT_COL_server);
	const uint64_t *bytes[2] = {batch_amount(b, FT_COL_client_bytes),
		batch_amount(b, FT_COL_server_bytes)},
		       *packets[2] = {batch_amount(b, FT_COL_client_packets),
			       batch_amount(b, FT_COL_server_packets)};
	if (b->rc != 0)
		return b->rc;
	p->dirty = true;
	if (!p->dense && b->m * 8 < b->n)
		touch(p, x, y, b->m);
	else
		p->dense = true;
	kernel_sum_sides(p->side, x, y, bytes, packets, b->m);
	int rc = view_totals(&p->total, &p->whole, w);
	if (rc == 0)
		rc = hosts_sessions(p, w, x, y);
	if (rc == 0 && v->kind == COUNT_PACKETS)
		rc = note_twice(v, p, w, x, y, packets[0], packets[1]);
	else if (rc == 0)
		rc = note_twice(v, p, w, x, y, bytes[0], bytes[1]);
	return rc;
}

/* ---- from codes to ids ------------------------------------------------------------------------------- */

static bool
full_room(struct row **full, uint32_t *fulls, uint32_t n, struct budget *b)
{
	if (n <= *fulls)
		return true;
	uint32_t room = n + n / 2 + 64;
	struct row *p = budget_realloc(b, *full, *fulls * sizeof *p, room * sizeof *p);
	if (p == NULL)
		return false;
	memset(p + *fulls, 0, (room - *fulls) * sizeof *p);
	*full = p;
	*fulls = room;
	return true;
}

enum { RUN = 1024 };

static int
add_codes(struct view *v, struct hosts_part *p, struct block_view *b, const uint32_t *code, uint32_t n)
{
	struct budget *budget = &v->q->budget;
	uint32_t id[RUN], most = 0;
	int rc = coded_ids(&v->hosts, b, code, n, id);
	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < n; i++)
		most = id[i] > most ? id[i] : most;
	if (!full_room(&p->full, &p->fulls, most + 1, budget) ||
		(p->twice != NULL && !values_room(budget, &p->less, &p->lesses, most + 1)))
		return FT_EFULL;
	for (uint32_t i = 0; i < n; i++) {
		struct row *to = &p->full[id[i]];
		struct sides *from = &p->side[code[i]];
		if (i + 8 < n)
			__builtin_prefetch(&p->full[id[i + 8]], 1);
		for (int k = 0; k < 2; k++) {
			to->bytes[k] += from->sum[k];
			to->packets[k] += from->sum[2 + k];
			to->sessions[k] += p->sessions[code[i]][k];
			from->sum[k] = from->sum[2 + k] = 0;
			p->sessions[code[i]][k] = 0;
		}
		if (p->twice != NULL) {
			p->less[id[i]] += p->twice[code[i]];
			p->twice[code[i]] = 0;
		}
		if (p->listed > 0)
			p->map[code[i]] = id[i];
	}
	return 0;
}

/* codes [from, from + take) that got something */
static uint32_t
codes_with(struct hosts_part *p, uint32_t from, uint32_t take, uint32_t *code)
{
	uint32_t n = 0;
	if (p->dense) {
		for (uint32_t c = from; c < from + take; c++) {
			const struct sides *s = &p->side[c];
			code[n] = c;
			n += (s->sum[0] | s->sum[1] | s->sum[2] | s->sum[3] | p->sessions[c][0] |
				     p->sessions[c][1]) != 0;
		}
		return n;
	}
	for (uint32_t word = from / 64; word < (from + take + 63) / 64; word++) {
		for (uint64_t bits = p->touched[word]; bits != 0; bits &= bits - 1)
			code[n++] = word * 64 + (uint32_t)__builtin_ctzll(bits);
		p->touched[word] = 0;
	}
	return n;
}

static int
list_leave(struct view *v, struct hosts_part *p, struct block_view *b)
{
	for (uint32_t i = 0; i < p->listed; i++) {
		const struct by_id *l = &p->list[i];
		uint32_t code[2] = {l->x, l->y}, id[2];
		if (l->total && min128_add(&p->ids, l->session, TAG_TOTAL, 0) < 0)
			return FT_EFULL;
		for (int k = 0; k < 2 && l->entity; k++) {
			if (p->map[code[k]] == ID_NONE) { /* no amounts: it was passed over */
				int rc = coded_ids(&v->hosts, b, &code[k], 1, &p->map[code[k]]);
				if (rc != 0)
					return rc;
			}
			id[k] = p->map[code[k]];
			if (min128_add(&p->ids, l->session,
				    (uint64_t)id[k] << 3 | (k == 0 ? TAG_INITIATED : TAG_ACCEPTED), 0) < 0)
				return FT_EFULL;
			bool ranked = v->direction == QUERY_TOTAL || (v->direction == QUERY_SENT) == (k == 0);
			if (v->kind == COUNT_SESSIONS && ranked &&
				min128_add(&p->ids, l->session, (uint64_t)id[k] << 3 | TAG_VALUE, 0) < 0)
				return FT_EFULL;
		}
	}
	return 0;
}

static int
hosts_leave(void *ctx, struct worker *w, struct block_view *b)
{
	struct view *v = ctx;
	struct hosts_part *p = w->part;
	struct budget *budget = &v->q->budget;
	uint32_t code[RUN], n = p->codes.n, take;
	if (!p->dirty)
		return 0;
	if (p->listed > 0) {
		if (p->map_room < n) {
			budget_free(budget, p->map, p->map_room * sizeof *p->map);
			p->map_room = p->room;
			p->map = budget_realloc(budget, NULL, 0, p->map_room * sizeof *p->map);
			if (p->map == NULL) {
				p->map_room = 0;
				return FT_EFULL;
			}
		}
		memset(p->map, 0xff, n * sizeof *p->map);
	}
	if (p->dense) /* batches before it became so may have left marks */
		memset(p->touched, 0, p->room / 64 * sizeof *p->touched);
	for (uint32_t from = 0; from < n; from += take) {
		take = n - from < RUN ? n - from : RUN;
		uint32_t some = codes_with(p, from, take, code);
		int rc = some > 0 ? add_codes(v, p, b, code, some) : 0;
		if (rc != 0)
			return rc;
	}
	int rc = list_leave(v, p, b);
	p->dirty = rc != 0;
	return rc;
}

/* ---- bringing it together ---------------------------------------------------------------------------- */

static int
merge_ids(struct min128 *to, const struct min128 *from)
{
	for (uint64_t i = 0; i < from->slots; i++) {
		const struct min128_slot *s = &from->slot[i];
		if (s->b1 != 0 && min128_add(to, s->a, s->b1 - 1, 0) < 0)
			return FT_EFULL;
	}
	return 0;
}

#define SWAP(type, a, b)                                                                                     \
	do {                                                                                                 \
		type swap_ = (a);                                                                            \
		(a) = (b);                                                                                   \
		(b) = swap_;                                                                                 \
	} while (0)

/* the larger of two results takes in the other */
static int
hosts_end(void *ctx, struct worker *w)
{
	struct view *v = ctx;
	struct hosts_part *p = w->part;
	struct budget *b = &v->q->budget;
	v->total.sessions += p->total.sessions;
	v->total.bytes += p->total.bytes;
	v->total.packets += p->total.packets;
	v->total.flows += p->total.flows;
	if (v->fulls < p->fulls) {
		SWAP(struct row *, v->full, p->full);
		SWAP(uint32_t, v->fulls, p->fulls);
	}
	kernel_add((uint64_t *)v->full, (const uint64_t *)p->full, p->fulls * (sizeof(struct row) / 8));
	if (p->lesses > 0 && !values_room(b, &v->less, &v->lesses, p->lesses))
		return FT_EFULL;
	kernel_add(v->less, p->less, p->lesses);
	if (v->ids.n < p->ids.n)
		SWAP(struct min128, v->ids, p->ids);
	return merge_ids(&v->ids, &p->ids);
}

static void
hosts_values(struct view *v)
{
	static const size_t place[] = {
		[COUNT_BYTES] = 0, [COUNT_BITS] = 0, [COUNT_PACKETS] = 2, [COUNT_SESSIONS] = 4};
	uint32_t n = v->fulls < v->values ? v->fulls : v->values;
	for (uint32_t id = 0; id < n; id++) {
		const uint64_t *pair = (const uint64_t *)&v->full[id] + place[v->kind];
		v->value[id] = (v->direction != QUERY_RECEIVED ? pair[0] : 0) +
			       (v->direction != QUERY_SENT ? pair[1] : 0);
	}
	for (uint32_t id = 0; id < v->lesses && id < n; id++)
		v->value[id] -= v->less[id];
	for (uint64_t i = 0; i < v->ids.slots; i++) {
		const struct min128_slot *s = &v->ids.slot[i];
		if (s->b1 == 0)
			continue;
		v->value[(s->b1 - 1) >> 3] += ((s->b1 - 1) & 7) == TAG_VALUE;
		v->total.sessions += ((s->b1 - 1) & 7) == TAG_TOTAL;
	}
}

void
view_hosts_free(struct view *v)
{
	budget_free(&v->q->budget, v->full, v->fulls * sizeof *v->full);
	budget_free(&v->q->budget, v->less, v->lesses * sizeof *v->less);
	v->full = NULL;
	v->less = NULL;
	v->fulls = v->lesses = 0;
	min128_free(&v->ids);
	tabwide_free(&v->hosts); /* empty, and good for use again */
}

int
view_hosts(struct view *v)
{
	struct pass p = {.level = SCAN_SELECTED,
		.count = true,
		.ctx = v,
		.begin = hosts_begin,
		.end = hosts_end,
		.drop = hosts_drop,
		.block = hosts_block,
		.batch = hosts_batch,
		.leave = hosts_leave};
	if (v->keys.shared == NULL) {
		tabwide_init(&v->hosts, &v->q->budget, false);
		v->keys.shared = &v->hosts;
	}
	v->ids.budget = &v->q->budget;
	int rc = scan(v->q, &p);
	if (rc == 0 && (!values_room(&v->q->budget, &v->value, &v->values, keys_bound(&v->keys) + 1) ||
			       !full_room(&v->full, &v->fulls, keys_bound(&v->keys) + 1, &v->q->budget)))
		rc = query_full(v->q);
	if (rc == 0)
		hosts_values(v);
	return rc;
}

void
view_hosts_rows(struct view *v)
{
	for (uint32_t r = 0; r < v->rows; r++)
		v->row[r] = v->full[v->top[v->offset + r]];
	for (uint64_t i = 0; i < v->ids.slots; i++) {
		const struct min128_slot *s = &v->ids.slot[i];
		unsigned tag = (s->b1 - 1) & 7;
		if (s->b1 == 0 || (tag != TAG_INITIATED && tag != TAG_ACCEPTED))
			continue;
		uint32_t row = v->row_of[(s->b1 - 1) >> 3];
		if (row != 0)
			v->row[row - 1].sessions[tag == TAG_ACCEPTED]++;
	}
}
