#include "queryd/leading.h"

#include <stdlib.h>

#include "common/err.h"

static bool
after(const struct leading_one *a, const struct leading_one *b)
{
	return order_after(a->key, a->session, b->key, b->session);
}

static void
swap(struct leading_one *a, struct leading_one *b)
{
	struct leading_one t = *a;
	*a = *b;
	*b = t;
}

/* the root sinks to its place among the first n */
static void
down(struct leading *l, uint64_t n)
{
	for (uint64_t i = 0;;) {
		uint64_t top = i, left = 2 * i + 1, right = left + 1;
		if (left < n && after(&l->heap[left], &l->heap[top]))
			top = left;
		if (right < n && after(&l->heap[right], &l->heap[top]))
			top = right;
		if (top == i)
			return;
		swap(&l->heap[i], &l->heap[top]);
		i = top;
	}
}

static int
keep(struct leading *l, uint64_t session, const struct slice_sums *s)
{
	struct leading_one one = {order_key(&l->order, s), session};
	if (l->n == l->offset + l->most) {
		if (after(&l->heap[0], &one)) {
			l->heap[0] = one;
			down(l, l->n);
		}
		l->all = false;
		return 0;
	}
	if (l->n == l->room) {
		uint64_t room = l->room ? l->room * 2 : 64;
		struct leading_one *p =
			budget_realloc(l->budget, l->heap, l->room * sizeof *p, room * sizeof *p);
		if (p == NULL)
			return FT_EFULL;
		l->heap = p;
		l->room = room;
	}
	uint64_t i = l->n++;
	l->heap[i] = one;
	for (; i > 0 && after(&l->heap[i], &l->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&l->heap[i], &l->heap[(i - 1) / 2]);
	return 0;
}

int
leading_add(struct leading *l, const struct slice_sums *s, bool alone)
{
	if (alone)
		return keep(l, s->session, s);
	uint32_t n = l->ids.n, id = tab64_intern(&l->ids, s->session);
	if (id == ID_NONE)
		return FT_EFULL;
	if (id >= l->several_room) {
		uint32_t room = l->several_room ? l->several_room * 2 : 256;
		struct slice_sums *p =
			budget_realloc(l->budget, l->several, l->several_room * sizeof *p, room * sizeof *p);
		if (p == NULL)
			return FT_EFULL;
		l->several = p;
		l->several_room = room;
	}
	struct slice_sums *to = &l->several[id];
	if (id == n) {
		*to = *s;
		return 0;
	}
	for (int i = 0; i < 6; i++)
		to->sums[i] += s->sums[i];
	to->start = s->start < to->start ? s->start : to->start;
	to->last = s->last > to->last ? s->last : to->last;
	return 0;
}

int
leading_close(struct leading *l)
{
	for (uint32_t i = 0; i < l->ids.n; i++) {
		int rc = keep(l, l->ids.key[i], &l->several[i]);
		if (rc != 0)
			return rc;
	}
	l->none = l->n <= l->offset;
	if (l->none)
		return 0;
	l->last = l->heap[0];
	if (l->offset == 0)
		return 0;
	/* taking the last away, again and again, leaves row `offset` at the root */
	for (uint64_t n = l->n; n > l->offset + 1;) {
		swap(&l->heap[0], &l->heap[--n]);
		down(l, n);
	}
	l->first = l->heap[0];
	l->all = false;
	return 0;
}

bool
leading_has(const struct leading *l, const struct slice_sums *s, bool alone)
{
	if (l->all || l->none)
		return !l->none;
	uint32_t id = alone ? 0 : tab64_find(&l->ids, s->session);
	if (id == ID_NONE)
		return false;
	struct leading_one one = {order_key(&l->order, alone ? s : &l->several[id]), s->session};
	return !after(&one, &l->last) && (l->offset == 0 || !after(&l->first, &one));
}

uint64_t
leading_several(const struct leading *l)
{
	return l->ids.n;
}

void
leading_free(struct leading *l)
{
	budget_free(l->budget, l->heap, l->room * sizeof *l->heap);
	budget_free(l->budget, l->several, l->several_room * sizeof *l->several);
	tab64_free(&l->ids);
	l->heap = NULL;
	l->several = NULL;
}
