/* visible.c - see visible.h. */
#include "queryd/visible.h"

#include <string.h>

#include "common/addr.h"

enum truth { NEVER, ALWAYS, OPEN };

static enum truth
truth_of(bool v)
{
	return v ? ALWAYS : NEVER;
}

static enum truth
number_is(uint64_t is, enum filter_cmp cmp, const struct filter_value *v)
{
	if (v->kind != FILTER_V_RANGE)
		return OPEN;
	switch (cmp) {
	case FILTER_EQ:
	case FILTER_NE: /* turned round by who asks */
		return truth_of(is >= v->lo && is <= v->hi);
	case FILTER_LT:
		return truth_of(is < v->lo);
	case FILTER_LE:
		return truth_of(is <= v->hi);
	case FILTER_GT:
		return truth_of(is > v->hi);
	case FILTER_GE:
		return truth_of(is >= v->lo);
	}
	return OPEN;
}

static enum truth
one_value(const struct filter_node *n, const struct filter_value *v, const struct visible_source *s)
{
	switch (n->field) {
	case FILTER_EXPIP:
		if (v->kind == FILTER_V_PREFIX && (n->cmp == FILTER_EQ || n->cmp == FILTER_NE))
			return truth_of(addr_in_prefix(s->address, v->bytes, v->bits));
		return OPEN; /* a host name is looked up by who runs the filter */
	case FILTER_GUID:
		return v->kind == FILTER_V_PREFIX ? truth_of(memcmp(s->guid, v->bytes, 16) == 0) : OPEN;
	case FILTER_EXPV:
		return number_is(s->version, n->cmp, v);
	case FILTER_DOMAIN:
		return number_is(s->domain, n->cmp, v);
	default:
		return OPEN;
	}
}

static enum truth not(enum truth t) { return t == OPEN ? OPEN : t == NEVER ? ALWAYS : NEVER; }

static enum truth
test(const struct filter_node *n, const struct visible_source *s)
{
	enum truth any = NEVER;
	for (uint32_t i = 0; i < n->n && any != ALWAYS; i++) {
		enum truth t = one_value(n, &n->value[i], s);
		any = t == NEVER ? any : t;
	}
	return n->cmp == FILTER_NE ? not(any) : any;
}

static enum truth
work_out(const struct filter_node *n, const struct visible_source *s)
{
	if (n->op == FILTER_TEST)
		return test(n, s);
	if (n->op == FILTER_NOT)
		return not(work_out(n->child[0], s));
	enum truth all = work_out(n->child[0], s);
	for (uint32_t i = 1; i < n->n; i++) {
		enum truth t = work_out(n->child[i], s);
		if (n->op == FILTER_XOR)
			all = all == OPEN || t == OPEN ? OPEN : truth_of(all != t);
		else {
			enum truth decides = n->op == FILTER_AND ? NEVER : ALWAYS;
			all = all == decides || t == decides ? decides
			      : all == OPEN || t == OPEN     ? OPEN
							     : all;
		}
	}
	return all;
}

bool
visible(const struct filter_node *filter, const struct visible_source *s)
{
	return filter == NULL || work_out(filter, s) != NEVER;
}
