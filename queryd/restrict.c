/*
 * restrict.c - either-side fields restrict the ranking: with `ASN == 32934` a view of AS shows that one only.
 *
 * An entity is shown if it satisfies one of the positive either-side tests of its own kind that a selected
 * slice must have met: of a && b those of both together, of a || b only if both sides restrict.  Negated tests
 * restrict nothing.  Of a pair one side has to satisfy it.
 */
#include <stdlib.h>

#include "queryd/view.h"

struct tests {
	const struct test *list[256];
	unsigned n;
	bool all; /* nothing is restricted */
};

static void
join(struct tests *to, const struct tests *x)
{
	for (unsigned i = 0; i < x->n; i++) {
		if (to->n == sizeof to->list / sizeof to->list[0]) {
			to->all = true;
			return;
		}
		to->list[to->n++] = x->list[i];
	}
}

/* negate: the step stands under an odd number of nots */
static void
collect(const struct program *p, uint32_t i, bool negate, int field, struct tests *out)
{
	const struct step *s = &p->step[i];
	out->n = 0;
	out->all = true;
	if (s->op == FILTER_TEST) {
		const struct test *t = &p->test[s->test];
		if ((int)t->field == field && t->negate == negate) {
			out->list[out->n++] = t;
			out->all = false;
		}
		return;
	}
	if (s->op == FILTER_NOT) {
		collect(p, s->child[0], !negate, field, out);
		return;
	}
	if (s->op == FILTER_XOR)
		return;
	struct tests *one = malloc(sizeof *one);
	if (one == NULL)
		return;
	bool and = (s->op == FILTER_AND) != negate;
	bool all = and;
	for (uint32_t k = 0; k < s->n; k++) {
		collect(p, s->child[k], negate, field, one);
		if (one->all)
			all = and? all : true;
		else {
			all = and? false : all;
			out->all = false;
			join(out, one);
			all |= out->all;
		}
	}
	out->all = all;
	if (all)
		out->n = 0;
	free(one);
}

int
view_restrict(struct view *v)
{
	const struct program *p = v->q->filter;
	if (p == NULL || v->q->root == NULL || v->entity->field < 0)
		return 0;
	uint32_t root = p->steps - 1;
	if (v->q->filter_has_options)
		root = p->step[root].child[0]; /* the options beside it restrict nothing */
	struct tests *t = malloc(sizeof *t);
	if (t == NULL)
		return query_full(v->q);
	collect(p, root, false, v->entity->field, t);
	uint32_t n = keys_bound(&v->keys);
	if (!t->all && n > 0) {
		v->permitted = arena_zalloc(&v->q->arena, n);
		if (v->permitted == NULL) {
			free(t);
			return query_full(v->q);
		}
		for (uint32_t id = 0; id < n; id++) {
			uint32_t element[2];
			if (v->value[id] == 0) /* not ranked, or no id at all */
				continue;
			unsigned parts = keys_elements(&v->keys, id, element);
			for (unsigned k = 0; k < parts; k++)
				for (unsigned i = 0; i < t->n && !v->permitted[id]; i++)
					v->permitted[id] =
						keys_element_has(&v->keys, element[k], t->list[i], v->q);
		}
	}
	free(t);
	return 0;
}
