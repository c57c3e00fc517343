/*
 * block_format.h - the bytes of a sealed block and of a segment's directory; docs/block-format.md in C.
 * Little-endian.  common/block_view.c reads, store/seal.c writes.
 */
#ifndef FT_BLOCK_FORMAT_H
#define FT_BLOCK_FORMAT_H

#include "common/contract/block.h"

#define FT_BLOCK_MAGIC "FTBLOCK"
#define FT_DIRECTORY_MAGIC "FTSEGDIR"
enum { BLOCK_ALIGN = 4096, BLOCK_COLUMN_ALIGN = 64, BLOCK_MAX_COLUMNS = 128, BLOCK_DIVIDED_BIAS = 65536 };

struct block_header {
	char magic[8];
	uint32_t version;
	uint32_t head_bytes; /* header and directory; the checksum covers them */
	uint64_t bytes;      /* of the whole block, a multiple of BLOCK_ALIGN */
	uint8_t store_uuid[16];
	uint8_t segment_uuid[16];
	uint32_t segment, block;
	uint32_t rows, columns;            /* rows; entries in the directory */
	int64_t min_first_us, max_last_us; /* hull of the slices */
	int64_t min_start_us;              /* earliest start of a session with a slice here */
	uint64_t commit;                   /* number of the commit that sealed it */
	int64_t sealed_us;
	uint32_t dict_count[FT_DICTS];
	uint64_t zero;
	uint64_t checksum; /* xxh3 of head_bytes bytes with this field 0 */
};
static_assert(sizeof(struct block_header) == 144, "block header");

struct block_entry {
	uint16_t id;      /* enum ft_column, or BLOCK_PART_… */
	uint8_t encoding; /* CODEC_* */
	uint8_t bits;
	uint32_t count;
	uint64_t base, low, high;
	uint32_t scale;
	uint16_t
		ref; /* column (or part) id + 1 that this one is a difference to or, CODEC_BY, goes by; 0 none */
	/* with ref: above 1, value = the other's / divisor + this - BLOCK_DIVIDED_BIAS (packets out of bytes) */
	uint16_t divisor;
	uint64_t offset; /* from the start of the block, a multiple of BLOCK_COLUMN_ALIGN */
	uint64_t bytes;
	uint64_t checksum; /* xxh3 of the bytes */
};
static_assert(sizeof(struct block_entry) == 64, "directory entry");

/* Parts of dictionaries, columns of their own.  Addresses are sorted, IPv4 before IPv6. */
enum block_part {
	BLOCK_PART_FIRST = 64,
	BLOCK_PART_V4 = 64,      /* IPv4 addresses as numbers */
	BLOCK_PART_V6_HIGH = 65, /* first and last eight bytes as big-endian numbers */
	BLOCK_PART_V6_LOW = 66,
	BLOCK_PART_BARE = 67, /* the members of ft_addr_entry */
	BLOCK_PART_AS = 68,
	BLOCK_PART_GROUP = 69,
	BLOCK_PART_TAG_VERSION = 70,
	BLOCK_PART_COUNTRY = 71,
	BLOCK_PART_MASK = 72,
	BLOCK_PART_NET_BITS = 73,
	BLOCK_PART_EXPORTERS = 74, /* bytes: ft_exporter_entry[] */
	BLOCK_PART_WIDE = 75,      /* bytes: ft_wide_entry[] */
	BLOCK_PART_TEXT = 76,      /* bytes: ft_text_entry[] */
	BLOCK_PART_HEAP = 77,      /* bytes */
	BLOCK_PARTS = 14,
};

/* The last value of a finished segment: where its blocks are in the file. */
struct segment_directory {
	char magic[8];
	uint32_t version, segment;
	uint8_t store_uuid[16], segment_uuid[16];
	uint32_t blocks, zero;
	uint64_t rows, bytes; /* bytes: of the value, a multiple of BLOCK_ALIGN */
	uint64_t checksum;    /* xxh3 of the header and entries with this field 0 */
	struct segment_entry {
		uint64_t offset, bytes, checksum; /* in the file; the block header's checksum */
		uint32_t block, rows;
	} entry[];
};
static_assert(sizeof(struct segment_directory) == 80, "segment directory");

#endif
