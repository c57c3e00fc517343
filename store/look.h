/*
 * look.h - what is in a segment's file, read without trusting any of it: for stats, verify and repair.
 */
#ifndef FT_STORE_LOOK_H
#define FT_STORE_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/block_format.h"
#include "store/columns.h"

enum { LOOK_BLOCKS = 1 << 14 };

struct look {
	uint32_t number;
	uint64_t blocks, rows, bytes, packed, min_us, max_us; /* of what is sound */
	uint64_t bad, journal_rows;
	bool deep, quiet;
	bool short_file,
		pages; /* what is wrong besides blocks: the file is cut short; LMDB's pages are damaged */
	uint8_t *map;  /* while look_open is not closed */
	uint64_t size;
	uint32_t next_block;
	struct columns_sum *columns;           /* may be NULL */
	struct block_header best[LOOK_BLOCKS]; /* by block number: the newest image */
	uint64_t offset[LOOK_BLOCKS];
	bool lost[LOOK_BLOCKS];
};

/* deep: every checksum is compared; what is wrong goes to standard output unless quiet.  The file is mapped until look_close. */
int look_open(struct look *l, const char *database, uint32_t number, struct columns_sum *columns, bool deep,
	bool quiet);
void look_close(struct look *l);
/* Is this block's image whole, every column of it? */
bool look_sound(const uint8_t *at, uint64_t bytes);

#endif
