/*
 * coded.h - amounts by code of a block's address dictionary.
 *
 * While a block's rows are read, amounts are added up in an array indexed by code; when all were read, each address that
 * got something is looked up once, in the order of the dictionary.  That holds for entities that are the address itself,
 * in blocks where no address has two codes (the two sides of a row are then the same entity if their codes are).
 * A row is not undone if its block turns out to be damaged later, but nothing of a block left early is kept.
 */
#ifndef FT_QUERYD_CODED_H
#define FT_QUERYD_CODED_H

#include "queryd/keys.h"

struct coded {
	bool on; /* the current block is read like this */
	uint32_t n, room;
	uint64_t *sum; /* by code; NULL until the first row of the first block */
	bool blank;    /* not yet set to 0 for this block */
};

/* a new block; may be asked for any */
void coded_block(struct coded *c, struct block_view *v);
/* c->sum is usable then; false: no memory */
bool coded_begin(struct coded *c, struct budget *b);
/* The block's sums into `value` by id of k, which grow.  0, FT_EFULL or FT_EFORMAT. */
int coded_leave(struct coded *c, struct block_view *v, struct keys *k, uint64_t **value, uint32_t *values,
	struct budget *b);
void coded_free(struct coded *c, struct budget *b);

/* Which of the shown rows each code of a block is: row + 1, 0 none. */
struct coded_rows {
	bool on, blank;
	uint32_t n, room;
	uint16_t *row;
};
/* bits by hash of an address: most that are not among a few are told by one look */
struct sieve {
	uint64_t word[64];
};
/* for keys that are addresses */
void coded_sieve(struct sieve *s, const struct keys *few);
void coded_rows_block(struct coded_rows *c, struct block_view *v);
/* c->row is usable then; ids of `few` are rows */
int coded_rows_begin(struct coded_rows *c, struct block_view *v, struct keys *few, const struct sieve *s,
	struct budget *b);
void coded_rows_free(struct coded_rows *c, struct budget *b);

/* array of u64 by id, new ones 0; false: no memory */
bool values_room(struct budget *b, uint64_t **value, uint32_t *values, uint32_t n);

#endif
