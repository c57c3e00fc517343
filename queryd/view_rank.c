/* view_rank.c - the rank pass: one number an entity. */
#include <stdlib.h>
#include <string.h>

#include "queryd/view.h"

struct rank_part {
	struct keys keys, members;
	struct keymap map, member_map;
	struct coded code;
	uint64_t *value;
	uint32_t values;
	struct parts64 pairs, sums; /* UNIQUE; amounts of pairs by key of `comb` */
	struct min128 counts;
	uint32_t x[BATCH], y[BATCH], mx[BATCH], my[BATCH];
	uint64_t key[BATCH * 8], amount[BATCH];
	uint8_t counting[BATCH];
};

static int
rank_begin(void *ctx, struct worker *w)
{
	struct view *v = ctx;
	struct budget *b = &v->q->budget;
	struct rank_part *p = calloc(1, sizeof *p);
	if (p == NULL)
		return FT_ENOMEM;
	keys_init(&p->keys, v->entity, &v->texts, b);
	p->keys.shared = v->keys.shared;
	keymap_init(&p->map, b);
	keymap_init(&p->member_map, b);
	if (v->unique != NULL)
		keys_init(&p->members, v->unique, &v->texts, b);
	p->members.shared = v->members.shared;
	parts64_init(&p->pairs, false, b);
	parts64_init(&p->sums, true, b);
	p->counts.budget = b;
	w->part = p;
	return 0;
}

static int
rank_block(void *ctx, struct worker *w, struct block_view *b)
{
	struct view *v = ctx;
	struct rank_part *p = w->part;
	int rc = keymap_block(&p->map, &p->keys, b, &v->q->budget);
	if (rc == 0 && v->by_code)
		rc = coded_block(&p->code, b, &v->q->budget);
	if (rc == 0 && v->unique != NULL)
		rc = keymap_block(&p->member_map, &p->members, b, &v->q->budget);
	return rc;
}

/* where a batch's amounts go: by id, or by code */
struct target {
	uint64_t *sum;
	const uint32_t *x, *y;
	bool apart; /* all are there, and no row has the same two */
};

static void
rank_amounts(const struct view *v, const struct target *t, struct batch *b)
{
	const uint64_t *client = batch_amount(b, v->amount[0]), *server = batch_amount(b, v->amount[1]);
	if (b->rc != 0)
		return;
	switch (v->entity->class) {
	case VIEW_TWO:
		if (v->direction == QUERY_TOTAL && t->apart)
			kernel_sum_apart(t->sum, t->x, t->y, client, server, b->m);
		else if (v->direction == QUERY_TOTAL)
			kernel_sum_both(t->sum, t->x, t->y, client, server, b->m);
		else {
			bool sent = v->direction == QUERY_SENT;
			kernel_sum(t->sum, t->x, sent ? client : server, b->m);
			kernel_sum(t->sum, t->y, sent ? server : client, b->m);
		}
		break;
	case VIEW_FLOW:
		kernel_sum(t->sum, t->x, client, b->m);
		kernel_sum(t->sum, t->y, server, b->m);
		break;
	default:
		kernel_sum_one(t->sum, t->x, client, server, b->m);
	}
}

static int
rank_sessions(const struct view *v, struct rank_part *p, const struct target *t, struct worker *w)
{
	struct batch *b = &w->batch;
	join_counts(w, p->counting, NULL);
	const uint64_t *session = w->several ? batch_sel64(b, FT_COL_session) : NULL;
	if (b->rc != 0)
		return b->rc;
	if (t->apart && session == NULL) {
		static const uint8_t yes[] = {[COUNT_YES] = 1};
		bool x = v->direction != QUERY_RECEIVED, y = v->direction != QUERY_SENT;
		for (uint32_t j = 0; j < b->m; j++) {
			t->sum[t->x[j]] += yes[p->counting[j]] & x;
			t->sum[t->y[j]] += yes[p->counting[j]] & y;
		}
		return 0;
	}
	for (uint32_t j = 0; j < b->m; j++) {
		uint32_t id[2];
		if (p->counting[j] == COUNT_NO)
			continue;
		unsigned n = view_counted(v, t->x[j], t->y[j], id);
		for (unsigned k = 0; k < n; k++) {
			if (p->counting[j] == COUNT_YES) {
				t->sum[id[k]]++;
				continue;
			}
			if (v->by_code)
				id[k] = keys_of_code(&p->keys, true, &p->map, w, id[k]);
			if (id[k] == ID_NONE || min128_add(&p->counts, session[j], id[k], 0) < 0)
				return b->rc ? b->rc : FT_EFULL;
		}
	}
	return 0;
}

static int
rank_mutual(struct rank_part *p, uint32_t m)
{
	uint32_t n = 0;
	for (uint32_t j = 0; j < m; j++) {
		uint32_t x = p->x[j], y = p->y[j], lo = x < y ? x : y;
		p->key[n] = (uint64_t)lo << 32 | (x ^ y ^ lo);
		n += x != ID_NONE && y != ID_NONE;
	}
	return parts64_add(&p->pairs, p->key, NULL, n);
}

static int
rank_unique(const struct view *v, struct rank_part *p, struct worker *w)
{
	struct batch *b = &w->batch;
	if (v->mutual)
		return rank_mutual(p, b->m);
	int rc = keys_batch(&p->members, true, &p->member_map, w, p->mx, p->my);
	const uint32_t *client = batch_sel32(b, FT_COL_client_flows),
		       *server = batch_sel32(b, FT_COL_server_flows);
	if (rc != 0 || b->rc != 0)
		return rc ? rc : b->rc;
	uint32_t n = 0;
	for (uint32_t j = 0; j < b->m; j++) {
		struct member_pair m[8];
		unsigned found = view_members(
			v, p->x[j], p->y[j], p->mx[j], p->my[j], client[j] != 0, server[j] != 0, m);
		for (unsigned k = 0; k < found; k++)
			p->key[n++] = (uint64_t)m[k].id << 32 | m[k].member;
	}
	return parts64_add(&p->pairs, p->key, NULL, n);
}

/* amounts of pairs: no ids yet, there are too many pairs to look one up for each row */
static int
rank_pairs(struct view *v, struct rank_part *p, struct worker *w)
{
	struct batch *b = &w->batch;
	int rc = keys_pairs(&p->keys, &p->map, w, p->key, p->x);
	if (rc != 0)
		return rc;
	const uint64_t *client, *server;
	if (v->kind == COUNT_SESSIONS) {
		join_counts(w, p->counting, NULL);
		for (uint32_t j = 0; j < b->m; j++)
			p->amount[j] = p->counting[j] == COUNT_YES;
	} else {
		client = batch_amount(b, v->amount[0]);
		server = batch_amount(b, v->amount[1]);
		for (uint32_t j = 0; j < b->m; j++)
			p->amount[j] = client[j] + server[j];
	}
	return b->rc ? b->rc : parts64_add(&p->sums, p->key, p->amount, b->m);
}

/* Do ids of these elements mean the same to all threads?  Those of a table that they share do; those of pairs have a
 * table in each thread, but are not used where pairs are added up in parts. */
static bool
alike(const struct view *v, const struct view_info *e)
{
	bool pair_ids = e->class == VIEW_PAIR && !v->by_part;
	return v->q->context->threads == 1 || (e->element <= EL_WIDE_LAST && !pair_ids);
}

static int
list_pair(void *ctx, uint64_t key, uint64_t sum)
{
	struct rank_part *p = ctx;
	p->keys.comb.key[p->keys.comb.n] = key;
	p->value[p->keys.comb.n++] = sum;
	return 0;
}

/* the end of a thread's part: queues are emptied; tables whose keys mean the same to all are kept as they are, of others
 * pairs get ids */
static int
rank_settle(struct view *v, struct rank_part *p)
{
	bool same = alike(v, v->entity) && v->n_kept < VIEW_THREADS;
	struct parts64 *t = v->by_part ? &p->sums : &p->pairs;
	int rc = parts64_flush(&p->pairs);
	if (rc == 0 && v->by_part)
		rc = parts64_flush(&p->sums);
	if (rc != 0)
		return rc;
	if (same && (v->by_part || (v->unique != NULL && (v->mutual || alike(v, v->unique))))) {
		v->kept[v->n_kept++] = *t;
		parts64_init(t, v->by_part, &v->q->budget);
		return 0;
	}
	uint64_t n = v->by_part ? parts64_count(&p->sums) : 0;
	if (n == 0)
		return 0;
	if (!tab64_list(&p->keys.comb, n) || !values_room(&v->q->budget, &p->value, &p->values, (uint32_t)n))
		return FT_EFULL;
	(void)parts64_each(&p->sums, list_pair, p);
	parts64_free(&p->sums);
	return 0;
}

static int
rank_batch(void *ctx, struct worker *w)
{
	struct view *v = ctx;
	struct rank_part *p = w->part;
	struct batch *b = &w->batch;
	struct target t;
	if (v->by_part)
		return rank_pairs(v, p, w);
	if (v->by_code) {
		if (!coded_begin(&p->code, &v->q->budget))
			return FT_EFULL;
		t = (struct target){
			p->code.sum, batch_sel32(b, FT_COL_client), batch_sel32(b, FT_COL_server), false};
		if (b->rc != 0)
			return b->rc;
		/* Only of a row whose two codes are one address does it matter which of its codes counts. */
		if (kernel_any_near(t.x, t.y, p->code.codes.gap, b->m)) {
			t.x = coded_codes_of(&p->code.codes, b, FT_COL_client, p->x);
			t.y = coded_codes_of(&p->code.codes, b, FT_COL_server, p->y);
		} else
			t.apart = true;
	} else {
		int rc = keys_batch(&p->keys, true, &p->map, w, p->x, p->y);
		if (rc != 0)
			return rc;
		if (!values_room(&v->q->budget, &p->value, &p->values, keys_bound(&p->keys)))
			return FT_EFULL;
		t = (struct target){p->value, p->x, p->y, false};
	}
	switch (v->kind) {
	case COUNT_SESSIONS:
		return rank_sessions(v, p, &t, w);
	case COUNT_UNIQUE:
		return rank_unique(v, p, w);
	default:
		rank_amounts(v, &t, b);
		return b->rc;
	}
}

static int
rank_leave(void *ctx, struct worker *w, struct block_view *b)
{
	struct view *v = ctx;
	struct rank_part *p = w->part;
	return !v->by_code ? 0 : coded_leave(&p->code, b, &p->keys, &p->value, &p->values, &v->q->budget);
}

struct remaps {
	struct view *v;
	uint32_t *id, *member;
};
static int
add_pair(void *ctx, uint64_t key, uint64_t sum)
{
	(void)sum;
	struct remaps *r = ctx;
	uint32_t x = r->id[key >> 32],
		 y = r->v->mutual ? r->id[key & UINT32_MAX] : r->member[key & UINT32_MAX];
	bool turn = r->v->mutual && x > y;
	uint64_t moved = turn ? (uint64_t)y << 32 | x : (uint64_t)x << 32 | y;
	return parts64_add(&r->v->pairs, &moved, NULL, 1);
}

static int
merge(struct view *v, struct rank_part *p)
{
	uint32_t n = keys_bound(&p->keys), members = v->unique ? keys_bound(&p->members) : 0;
	struct remaps r = {v, malloc(((size_t)n + 1) * 4), malloc(((size_t)members + 1) * 4)};
	int rc = r.id && r.member ? keys_merge(&v->keys, &p->keys, r.id) : FT_ENOMEM;
	if (rc == 0 && v->unique != NULL)
		rc = keys_merge(&v->members, &p->members, r.member);
	if (rc == 0 && !values_room(&v->q->budget, &v->value, &v->values, keys_bound(&v->keys)))
		rc = FT_EFULL;
	for (uint32_t i = 0; rc == 0 && i < n && i < p->values; i++)
		v->value[r.id[i]] += p->value[i];
	if (rc == 0)
		rc = parts64_each(&p->pairs, add_pair, &r);
	for (uint64_t i = 0; rc == 0 && i < p->counts.slots; i++) {
		const struct min128_slot *s = &p->counts.slot[i];
		if (s->b1 != 0 && min128_add(&v->counts, s->a, r.id[s->b1 - 1], 0) < 0)
			rc = FT_EFULL;
	}
	free(r.id);
	free(r.member);
	return rc;
}

#define SWAP(type, a, b)                                                                                     \
	do {                                                                                                 \
		type swap_ = (a);                                                                            \
		(a) = (b);                                                                                   \
		(b) = swap_;                                                                                 \
	} while (0)

/* the first thread's part becomes the result, the others' are merged into it */
static int
rank_end(void *ctx, struct worker *w)
{
	struct view *v = ctx;
	struct rank_part *p = w->part;
	int rc = rank_settle(v, p);
	if (rc != 0)
		return rc;
	if (v->merged)
		return merge(v, p);
	v->merged = true;
	SWAP(struct keys, v->keys, p->keys);
	SWAP(struct keys, v->members, p->members);
	SWAP(uint64_t *, v->value, p->value);
	SWAP(uint32_t, v->values, p->values);
	SWAP(struct parts64, v->pairs, p->pairs);
	SWAP(struct min128, v->counts, p->counts);
	return 0;
}

static void
rank_drop(void *ctx, struct worker *w)
{
	struct view *v = ctx;
	struct rank_part *p = w->part;
	keys_free(&p->keys);
	keys_free(&p->members);
	keymap_free(&p->map, &v->q->budget);
	keymap_free(&p->member_map, &v->q->budget);
	budget_free(&v->q->budget, p->value, p->values * sizeof *p->value);
	coded_free(&p->code, &v->q->budget);
	parts64_free(&p->pairs);
	parts64_free(&p->sums);
	min128_free(&p->counts);
	free(p);
}

/* ---- what is told after the pass ----------------------------------------------------------------------- */

static int
merge_part(void *ctx, uint32_t i)
{
	struct view *v = ctx;
	int rc = 0;
	for (unsigned k = 1; k < v->n_kept && rc == 0; k++)
		rc = parts64_merge(&v->kept[0], &v->kept[k], i);
	return rc;
}

/* where the pairs of a part go */
struct listing {
	struct view *v;
	uint64_t at;
};
static int
list_one(void *ctx, uint64_t key, uint64_t sum)
{
	struct listing *l = ctx;
	l->v->keys.comb.key[l->at] = key;
	l->v->value[l->at++] = sum;
	return 0;
}
static int
list_part(void *ctx, uint32_t i)
{
	struct listing l = {ctx, 0};
	for (uint32_t k = 0; k < i; k++)
		l.at += parts64_part(&l.v->kept[0], k);
	return parts64_each_of(&l.v->kept[0], i, list_one, &l);
}

static int
tally_pair(void *ctx, uint64_t key, uint64_t sum)
{
	(void)sum;
	struct view *v = ctx;
	uint32_t x = (uint32_t)(key >> 32), y = (uint32_t)key;
	v->value[x]++;
	if (v->mutual && x != y)
		v->value[y]++;
	return 0;
}

/* the same by several threads at once */
static int
tally_together(void *ctx, uint64_t key, uint64_t sum)
{
	(void)sum;
	struct view *v = ctx;
	uint32_t x = (uint32_t)(key >> 32), y = (uint32_t)key;
	(void)__atomic_fetch_add(&v->value[x], 1, __ATOMIC_RELAXED);
	if (v->mutual && x != y)
		(void)__atomic_fetch_add(&v->value[y], 1, __ATOMIC_RELAXED);
	return 0;
}
static int
tally_part(void *ctx, uint32_t i)
{
	struct view *v = ctx;
	return parts64_each_of(&v->kept[0], i, v->q->context->threads > 1 ? tally_together : tally_pair, v);
}

/* Tables of all threads become one, and its pairs ids with values, or counts. */
static int
rank_kept(struct view *v)
{
	struct query *q = v->q;
	if (v->n_kept == 0)
		return 0;
	int rc = v->n_kept > 1 ? scan_parallel(q, PARTS, merge_part, v) : 0;
	uint64_t n = v->by_part ? parts64_count(&v->kept[0]) : 0;
	if (rc == 0 && v->by_part &&
		(!tab64_list(&v->keys.comb, n) ||
			!values_room(&q->budget, &v->value, &v->values, (uint32_t)n + 1)))
		rc = FT_EFULL;
	if (rc == 0 && v->by_part) {
		rc = scan_parallel(q, PARTS, list_part, v);
		v->keys.comb.n += (uint32_t)n;
	} else if (rc == 0 && !values_room(&q->budget, &v->value, &v->values, keys_bound(&v->keys) + 1))
		rc = FT_EFULL;
	else if (rc == 0)
		rc = scan_parallel(q, PARTS, tally_part, v);
	for (unsigned i = 0; i < v->n_kept; i++)
		parts64_free(&v->kept[i]);
	v->n_kept = 0;
	return rc != 0 ? query_full(q) : 0;
}

/* FT_EFULL is no failure if there is another way */
static int
rank_at_once(struct view *v)
{
	int rc = view_hosts(v);
	if (rc != FT_EFULL)
		return rc;
	view_hosts_free(v);
	v->at_once = false;
	v->total = (struct total){0};
	budget_free(&v->q->budget, v->value, v->values * sizeof *v->value);
	v->value = NULL;
	v->values = 0;
	*v->q->err = (struct err){0};
	return rc;
}

int
view_rank(struct view *v)
{
	if (v->at_once) {
		int rc = rank_at_once(v);
		if (rc != FT_EFULL)
			return rc;
	}
	struct pass p = {.level = SCAN_SELECTED,
		.count = true,
		.ctx = v,
		.begin = rank_begin,
		.end = rank_end,
		.drop = rank_drop,
		.block = rank_block,
		.batch = rank_batch,
		.leave = rank_leave};
	/* sessions that are counted by distinct id, and their series, need the ids of pairs while rows are read */
	v->by_part = v->entity->class == VIEW_PAIR && v->kind != COUNT_UNIQUE &&
		     (v->kind != COUNT_SESSIONS || (v->q->several.n == 0 && v->q->frame.slots == 0));
	int rc = scan(v->q, &p);
	if (rc == 0 && parts64_flush(&v->pairs) != 0)
		rc = query_full(v->q);
	if (rc == 0)
		rc = rank_kept(v);
	if (rc == 0 && !values_room(&v->q->budget, &v->value, &v->values, keys_bound(&v->keys)))
		rc = query_full(v->q);
	if (rc != 0)
		return rc;
	(void)parts64_each(&v->pairs, tally_pair, v);
	for (uint64_t i = 0; i < v->counts.slots; i++)
		if (v->counts.slot[i].b1 != 0)
			v->value[v->counts.slot[i].b1 - 1]++;
	parts64_free(&v->pairs);
	min128_free(&v->counts);
	return 0;
}
