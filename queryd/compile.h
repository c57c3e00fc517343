/*
 * compile.h - a program bound to one block, and run over its batches.
 *
 * Binding asks every dictionary entry once: afterwards a test of addresses, countries, AS, groups, exporters or
 * names is one table look-up a row.  Columns that are constant or whose range is known from the block's header
 * decide tests without a row being read; what is decided folds through the tree, and a block in which nothing
 * can be selected is left at once.
 *
 * Tests of the session within the frame read `struct session_columns`, which the join fills in (queryd/join.h).
 */
#ifndef FT_QUERYD_COMPILE_H
#define FT_QUERYD_COMPILE_H

#include "queryd/batch.h"
#include "queryd/interfaces.h"
#include "queryd/resolve.h"
#include "queryd/tables.h"

/* a row each: of the row's session, its slices within the frame */
struct session_columns {
	uint64_t bytes[2][BATCH], packets[2][BATCH]; /* client, server */
	uint64_t start[BATCH], end[BATCH];
	uint32_t flags[BATCH];
	bool filled;
};

struct binding {
	const struct program *p;
	const struct services *services;
	const struct interfaces *interfaces; /* NULL: nothing is known of any */
	struct budget *budget;
	uint8_t **bits;  /* a test each: answers by dictionary code */
	uint32_t *room;  /* bytes of bits */
	int8_t *decided; /* a test each: 0 never, 1 always, -1 ask the rows */
	int8_t *folded;  /* a step each */
	uint8_t *scratch[FILTER_MAX_DEPTH * 3 + 16];
};

/* p NULL is allowed: everything is selected */
int binding_init(
	struct binding *b, const struct program *p, const struct services *services, struct budget *budget);
void binding_free(struct binding *b);
/* FT_EFORMAT: a dictionary is damaged.  *none: nothing of this block is selected. */
int binding_block(struct binding *b, struct block_view *v, bool *none);
/* clears rows of batch->mask that are not selected; s NULL if the program has no session tests */
int binding_run(struct binding *b, struct batch *batch, const struct session_columns *s);

#endif
