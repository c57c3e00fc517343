/* view_top.c - which entities the table shows: the best by value, equal values by key as text. */
#include <stdlib.h>
#include <string.h>

#include "queryd/view.h"

/* is a before b in the table */
static bool
before(const struct view *v, uint32_t a, uint32_t b)
{
	if (v->value[a] != v->value[b])
		return v->value[a] > v->value[b];
	return a != b && keys_compare(&v->keys, a, b) < 0;
}

/* heap of the best so far, the worst of them at the root */
static void
sift_down(const struct view *v, uint32_t *heap, uint32_t n, uint32_t i)
{
	for (;;) {
		uint32_t worst = i, left = 2 * i + 1, right = left + 1;
		if (left < n && before(v, heap[worst], heap[left]))
			worst = left;
		if (right < n && before(v, heap[worst], heap[right]))
			worst = right;
		if (worst == i)
			return;
		uint32_t swap = heap[i];
		heap[i] = heap[worst];
		heap[worst] = swap;
		i = worst;
	}
}

static void
sift_up(const struct view *v, uint32_t *heap, uint32_t i)
{
	while (i > 0 && before(v, heap[(i - 1) / 2], heap[i])) {
		uint32_t swap = heap[i], up = (i - 1) / 2;
		heap[i] = heap[up];
		heap[up] = swap;
		i = up;
	}
}

/*
 * The detail pass looks keys up once more.  Where only shown rows matter a table of just these is enough, which stays in
 * the processor's cache.  The series of "other" is that of all less those shown, and that of all needs to know of a row of
 * the database how many entities it counts for: none, one, or two.  Of most entities that follows from the view: every
 * row has a pair of addresses, a port, an application.  Of addresses themselves it is two, or one where both sides are
 * the same, which codes tell (coded.h).  Where some rows have no entity (groups, interfaces), or the filter permits some
 * entities only, all ids are needed.
 */
static bool
stands_alone(const struct view *v)
{
	enum element e = v->entity->element;
	if (v->q->frame.slots == 0 || v->permitted != NULL || v->kind == COUNT_SESSIONS ||
		v->kind == COUNT_UNIQUE)
		return false;
	switch (v->entity->class) {
	case VIEW_TWO:
		return v->by_code && v->rows <= CODED_ROWS_MOST;
	case VIEW_PAIR:
		return e == EL_IP || e == EL_COUNTRY || e == EL_ASN;
	case VIEW_ONE:
		return e == EL_PORTPROTO || e == EL_PROTO || e == EL_APP || e == EL_SERVICE ||
		       e == EL_CLIENTSERVICE;
	default:
		return false;
	}
}

static int
detail_keys(struct view *v)
{
	const uint32_t *shown = v->top + v->offset;
	int rc = FT_ENOENT;
	keys_init(&v->few, v->entity, &v->texts, &v->q->budget);
	v->alone = stands_alone(v);
	if (!v->at_once && (v->q->frame.slots == 0 || v->kind == COUNT_UNIQUE || v->alone))
		rc = keys_subset(&v->few, &v->keys, shown, v->rows);
	v->alone = v->alone && rc == 0;
	if (rc == FT_EFULL)
		return query_full(v->q);
	v->detail = rc == 0 ? &v->few : &v->keys;
	if (rc != 0 && !tab64_index(&v->keys.comb))
		return query_full(v->q);
	v->row_of = arena_zalloc(&v->q->arena, ((size_t)keys_bound(v->detail) + 1) * sizeof *v->row_of);
	if (v->row_of == NULL)
		return query_full(v->q);
	for (uint32_t r = 0; r < v->rows; r++)
		v->row_of[rc == 0 ? r : shown[r]] = r + 1;
	return 0;
}

int
view_choose(struct view *v)
{
	int rc = view_restrict(v);
	if (rc != 0)
		return rc;
	uint32_t n = keys_bound(&v->keys);
	uint64_t want = (uint64_t)v->q->spec->offset + v->q->spec->rows;
	uint32_t most = want < n ? (uint32_t)want : n;
	v->top = arena_alloc(&v->q->arena, ((size_t)most + 1) * sizeof *v->top);
	if (v->top == NULL)
		return query_full(v->q);
	uint32_t *heap = v->top, kept = 0;
	for (uint32_t id = 0; id < n; id++) {
		if (v->value[id] == 0 || (v->permitted != NULL && !v->permitted[id]))
			continue;
		v->entities++;
		v->all += v->value[id];
		if (kept < most) {
			heap[kept] = id;
			sift_up(v, heap, kept++);
		} else if (most > 0 && before(v, id, heap[0])) {
			heap[0] = id;
			sift_down(v, heap, kept, 0);
		}
		if ((id & 4095) == 0 && (rc = scan_check(v->q)) != 0)
			return rc;
	}
	for (uint32_t i = kept; i > 1; i--) { /* heap sort: the worst goes to the end */
		uint32_t swap = heap[0];
		heap[0] = heap[i - 1];
		heap[i - 1] = swap;
		sift_down(v, heap, i - 1, 0);
	}
	v->tops = kept;
	v->offset = v->q->spec->offset < kept ? v->q->spec->offset : kept;
	v->rows = kept - v->offset;
	return detail_keys(v);
}
