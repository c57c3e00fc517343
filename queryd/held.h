/*
 * held.h - sessions of several slices, kept until all their slices in the frame were met.
 *
 * A session is its sums and the fields of its earliest slice, encoded: field, kind, number or text.  What the
 * earliest slice left absent comes from the next that has it (a server's TOS is known when it answers).
 */
#ifndef FT_QUERYD_HELD_H
#define FT_QUERYD_HELD_H

#include "queryd/session_row.h"

struct held_session {
	uint64_t session;
	int64_t start, first, end; /* of the session; of the slice the fields are from; last packet */
	uint64_t sums[6];          /* client and server: bytes, packets, flows */
	uint64_t fixed[2];
	uint8_t flags[2];
	uint8_t state; /* of all slices, ored */
	uint32_t bytes;
	uint8_t *fields;
};
struct held {
	struct budget *budget;
	struct arena *arena;
	struct tab64 ids;
	struct held_session *list; /* by id */
	uint32_t room;
};
/* one slice's numbers that add up */
struct slice_sums {
	uint64_t session, sums[6];
	uint64_t fixed[2]; /* what the order asks of the slices' common fields (order.h) */
	int64_t start, first, last;
	uint8_t flags[2], state;
};
int held_add(struct held *h, const struct slice_sums *s, const struct field_value value[SESSION_FIELDS]);
/* the order they are listed in; NULL without memory */
struct order;
uint32_t *held_order(struct held *h, const struct order *order);
/* fields of one, texts point into it */
void held_row(const struct held_session *s, struct field_value value[SESSION_FIELDS]);
void held_free(struct held *h);
/* the fields that are sums, times and flags of a session */
void held_sums(const struct slice_sums *s, struct field_value value[SESSION_FIELDS]);

#endif
