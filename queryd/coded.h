/*
 * coded.h - amounts by code of a block's address dictionary.
 *
 * While a block's rows are read, amounts are added up in an array indexed by code; when all were read, each address that
 * got something is looked up once, in the order of the dictionary.  That holds for entities that are the address itself.
 * An address may have several codes in a block (its AS or tags changed): then the first of them stands for all.
 * Nothing of a block that is left early is kept.
 */
#ifndef FT_QUERYD_CODED_H
#define FT_QUERYD_CODED_H

#include "queryd/keys.h"

/* Codes of a block, one an address. */
struct coded_codes {
	bool differ;  /* no address has two */
	uint32_t gap; /* codes of one address are at most so far apart */
	uint32_t n, room;
	uint32_t *bare; /* by code, the one that stands for it */
};
int coded_codes_block(struct coded_codes *c, struct block_view *v, struct budget *b);
/* of selected rows; room for BATCH, used if it is not the column itself.  See batch->rc. */
const uint32_t *coded_codes_of(
	const struct coded_codes *c, struct batch *b, enum ft_column column, uint32_t *room);
void coded_codes_free(struct coded_codes *c, struct budget *b);

/* Ids of addresses, made if new; n of at least 1 and at most 1,024 codes, ascending, less than 1,024 apart.  0, FT_EFULL or
 * FT_EFORMAT. */
int coded_ids(struct tabwide *t, struct block_view *v, const uint32_t *code, uint32_t n, uint32_t *id);

struct coded {
	struct coded_codes codes;
	uint32_t room;
	uint64_t *sum; /* by code; NULL until the first row of the first block */
	bool blank;    /* not yet set to 0 for this block */
};

/* a new block */
int coded_block(struct coded *c, struct block_view *v, struct budget *b);
/* c->sum is usable then; false: no memory */
bool coded_begin(struct coded *c, struct budget *b);
/* The block's sums into `value` by id of k, which grow.  0, FT_EFULL or FT_EFORMAT. */
int coded_leave(struct coded *c, struct block_view *v, struct keys *k, uint64_t **value, uint32_t *values,
	struct budget *b);
void coded_free(struct coded *c, struct budget *b);

/* Which of the shown rows each code of a block is: row + 1, 0 none.  All codes of an address say its row. */
enum { CODED_ROWS_MOST = UINT8_MAX - 1 }; /* one byte a code: the table should stay in a near cache */
struct coded_rows {
	bool blank;
	uint32_t n, room;
	uint8_t *row;
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
