/*
 * leading.h - which sessions are rows [offset, offset + most) of an order, without holding more than the keys of
 * offset + most of them and the sums of those of several slices.  Fed with every slice once; then `leading_close` says
 * from which (key, session) to which the wanted ones reach.
 */
#ifndef FT_QUERYD_LEADING_H
#define FT_QUERYD_LEADING_H

#include "queryd/order.h"

struct leading_one {
	struct order_key key;
	uint64_t session;
};
struct leading {
	struct budget *budget;
	struct order order;
	uint64_t offset, most;
	struct leading_one *heap; /* the last of those kept is at the root */
	uint64_t n, room;
	struct tab64 ids;           /* sessions of several slices */
	struct slice_sums *several; /* by id */
	uint32_t several_room;
	struct leading_one first, last; /* of the rows wanted */
	bool all;                       /* every session is */
	bool none;                      /* there are not more than `offset` */
};
/* alone: the session has no other slice.  0 or FT_EFULL */
int leading_add(struct leading *l, const struct slice_sums *s, bool alone);
int leading_close(struct leading *l);
/* is it one of the wanted? */
bool leading_has(const struct leading *l, const struct slice_sums *s, bool alone);
/* sessions of several slices that were met */
uint64_t leading_several(const struct leading *l);
void leading_free(struct leading *l);

#endif
