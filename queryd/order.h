/*
 * order.h - in which order sessions are listed: by start, or by a field whose value a session's slices add up to or share.
 *
 * Every order is total: what is equal is ordered by session id.
 */
#ifndef FT_QUERYD_ORDER_H
#define FT_QUERYD_ORDER_H

#include "queryd/held.h"

/* what sessions are compared by; addresses fill both, numbers lo */
struct order_key {
	uint64_t hi, lo;
};
struct order {
	int by; /* row of the table in order.c */
	bool descending;
};
/* name: a field of a session, `duration`, `bytes` or `packets`; a minus before it: the largest first; NULL: first_us.
 * FT_EINVAL with the names there are */
int order_parse(struct order *o, const char *name, struct err *err);
/* s->fixed of a slice: what all slices of its session share.  See batch->rc; FT_EFORMAT */
int order_fixed(const struct order *o, struct worker *w, uint32_t j, struct slice_sums *s);
struct order_key order_key(const struct order *o, const struct slice_sums *s);
/* is (a, session x) listed after (b, session y)? */
bool order_after(struct order_key a, uint64_t x, struct order_key b, uint64_t y);

#endif
