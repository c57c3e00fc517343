#include "queryd/earliest.h"

#include <stdlib.h>

#include "common/err.h"

static bool
later(const struct earliest_one *a, const struct earliest_one *b)
{
	return a->start != b->start ? a->start > b->start : a->session > b->session;
}

static void
swap(struct earliest_one *a, struct earliest_one *b)
{
	struct earliest_one t = *a;
	*a = *b;
	*b = t;
}

static void
down(struct earliest *e)
{
	for (uint64_t i = 0;;) {
		uint64_t top = i, left = 2 * i + 1, right = left + 1;
		if (left < e->n && later(&e->heap[left], &e->heap[top]))
			top = left;
		if (right < e->n && later(&e->heap[right], &e->heap[top]))
			top = right;
		if (top == i)
			return;
		swap(&e->heap[i], &e->heap[top]);
		i = top;
	}
}

static int
keep(struct earliest *e, const struct earliest_one *one)
{
	if (e->n == e->most) {
		if (later(&e->heap[0], one)) {
			e->heap[0] = *one;
			down(e);
		}
		e->all = false;
		return 0;
	}
	if (e->n == e->room) {
		uint64_t room = e->room ? e->room * 2 : 64;
		struct earliest_one *p =
			budget_realloc(e->budget, e->heap, e->room * sizeof *p, room * sizeof *p);
		if (p == NULL)
			return FT_EFULL;
		e->heap = p;
		e->room = room;
	}
	uint64_t i = e->n++;
	e->heap[i] = *one;
	for (; i > 0 && later(&e->heap[i], &e->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&e->heap[i], &e->heap[(i - 1) / 2]);
	return 0;
}

int
earliest_add(struct earliest *e, uint64_t session, int64_t start, bool alone)
{
	if (!alone)
		return min128_add(&e->several, session, 0, start) < 0 ? FT_EFULL : 0;
	return keep(e, &(struct earliest_one){start, session});
}

int
earliest_close(struct earliest *e)
{
	for (uint64_t i = 0; i < e->several.slots; i++) {
		const struct min128_slot *s = &e->several.slot[i];
		int rc = s->b1 != 0 ? keep(e, &(struct earliest_one){s->value, s->a}) : 0;
		if (rc != 0)
			return rc;
	}
	if (e->n > 0)
		e->last = e->heap[0];
	return 0;
}

bool
earliest_has(const struct earliest *e, uint64_t session, int64_t start, bool alone)
{
	struct earliest_one one = {start, session};
	if (e->all)
		return true;
	if (!alone && !min128_find(&e->several, session, 0, &one.start))
		return false;
	return !later(&one, &e->last);
}

uint64_t
earliest_several(const struct earliest *e)
{
	return e->several.n;
}

void
earliest_free(struct earliest *e)
{
	budget_free(e->budget, e->heap, e->room * sizeof *e->heap);
	min128_free(&e->several);
	e->heap = NULL;
}
