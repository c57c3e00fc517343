/*
 * journal.h - a journal record: what was appended to the open block since the record before, and everything a
 * restart without shared memory needs to go on (docs/block-format.md).
 */
#ifndef FT_STORE_JOURNAL_H
#define FT_STORE_JOURNAL_H

#include "common/contract/block.h"
#include "common/contract/stage.h"

#define JOURNAL_MAGIC "FTJOURNL"
enum { JOURNAL_VERSION = 1 };

struct journal_head {
	char magic[8];
	uint32_t version, head_bytes; /* head and columns' entries */
	uint64_t bytes;               /* of the whole record */
	uint8_t store_uuid[16], segment_uuid[16], boot_id[16];
	uint32_t segment, block, seq, columns;
	uint32_t row_from, row_to;
	uint32_t dict_from[FT_DICTS], dict_to[FT_DICTS];
	uint64_t heap_from, heap_to;
	uint64_t commit;
	int64_t wall_us, complete_us, gap_from_us, gap_to_us;
	uint32_t tag_version, rings;
	struct {
		uint64_t incarnation, position; /* of each slice ring: consumed up to here */
	} ring[FT_STAGE_INPUTS];
	uint64_t checksum; /* xxh3 of all bytes with this field 0 */
};

#endif
