/*
 * catalog.h - store -> readers: which blocks exist and how much of the open one counts.
 *
 * 1 Store writes; everybody reads.   2 Segment "catalog", made by store when absent, removed by nobody.
 * 3 Two records and a selector.      4 Store fills in the idle record and flips the selector (release) after
 *   its stage has committed; the idle record's seq is 0 while it is filled in.  A reader loads the selector
 *   (acquire), copies the record, and takes it if its seq was not 0 and seq and selector are unchanged afterwards; else it tries
 *   again.
 * 5 -   6 Crash: the selected record is whole; a restarted store publishes it again from its stage's record.
 * Reading across a seal (spec 25): (1) read the catalog: active segment s, open block n, rows r; (2) map
 *   "open.s.n", on ENOENT go back to 1; (3) begin the LMDB transaction on s; (4) take the blocks before (s, n)
 *   from LMDB, ignore (s, n) and later there, and take the first r rows from the map.  A segment between
 *   first_segment and s that answers ENOENT was retired: read the catalog again; if it is still listed, it is
 *   missing and the answer warns.
 * A follower stops at the durable position: power loss must not take back what it has seen.
 * 7 Version 1.0.   8 Tests: tests/contract/catalog_test.c.
 */
#ifndef FT_CONTRACT_CATALOG_H
#define FT_CONTRACT_CATALOG_H

#include <stdatomic.h>

#include "common/contract/block.h"

#define FT_CATALOG_MAGIC "FTCATLOG"
#define FT_CATALOG_VERSION 0x00010000u

struct ft_catalog_record {
	uint64_t seq;
	uint32_t first_segment,
		segment; /* oldest kept, active; numbers in between may be missing (attached, lost) */
	uint32_t block;  /* the open block's number in the active segment: blocks 0 … block-1 are sealed */
	uint32_t rows;   /* of the open block */
	uint32_t dict[FT_DICTS]; /* entries that count */
	uint64_t heap;           /* bytes of text heap that count */
	uint32_t durable_rows;   /* of the open block, synced to disk */
	uint32_t tag_version;
	uint64_t commit;                           /* number of the latest synced commit */
	int64_t complete_us;                       /* every flow that arrived before this has been stored */
	int64_t published_us;                      /* wall clock of this record */
	uint64_t rows_total;                       /* slices in all segments and the open block */
	uint32_t resident_segment, resident_block; /* from here on blocks are kept in RAM (memcachesize) */
	int64_t gap_from_us,
		gap_to_us; /* what arrived between these may be missing: power or shared memory was
					  * lost (the latest such time; both 0: never) */
};

struct ft_catalog {
	struct ft_seg_header seg;
	uint8_t store_uuid[16];
	_Atomic uint32_t selector;
	uint8_t fill[FT_LINE - 20];
	struct ft_catalog_record record[2];
};

#define FT_CATALOG_LAYOUT FT_LAYOUT2(sizeof(struct ft_catalog), offsetof(struct ft_catalog_record, commit))

#endif
