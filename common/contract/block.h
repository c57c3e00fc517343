/*
 * block.h - store -> readers: blocks of slices in columns, open (shared memory) and sealed (LMDB).
 *
 * 1 Store writes; queryd, alertd, relay read.  Readers never write, never lock.
 * 2 An open block is its own segment "open.<segment>.<block>" (decimal), made when the one before is
 *   sealed, unlinked after its sealed form is committed and the catalog points past it; mappings keep it
 *   alive.  Its memory becomes a later open block's only when the kernel says that nobody else has it open or
 *   mapped (shm_claim); a reader that found the name just before finds another block's number in the header,
 *   and looks at the catalog again.  A sealed block is a value in its segment's LMDB file, never changed.
 * 3 Open layout: struct ft_open_header, then each column as an array of its width (fields.def) for
 *   `capacity` rows at column[c], then the dictionaries' entries.  Which rows and entries count is said by
 *   the catalog (contract/catalog.h), not here.
 *   Sealed layout: docs/block-format.md, byte by byte; common/block_view.h reads both through one API.
 * 4 Publication: rows and dictionary entries are appended beyond the committed counts with plain stores,
 *   entries before the codes that name them; the store's stage commits (contract/stage.h); then the catalog
 *   record is flipped (release).  A published row never moves and is never changed.
 * 5 Full (rows, or any dictionary): the block is sealed and the next one begins.
 * 6 Crash: rows beyond the committed counts are garbage and are overwritten.
 * 7 Version: FT_BLOCK_VERSION; readers accept every older one.  Columns are only ever appended.
 * 8 Tests: tests/contract/block_golden_test.c, store_stepping_test.c, tests/fuzz/fuzz_block.c.
 */
#ifndef FT_CONTRACT_BLOCK_H
#define FT_CONTRACT_BLOCK_H

#include "common/contract/abi.h"
#include "common/contract/slice_ring.h"

#define FT_OPEN_MAGIC "FTOPEN"
#define FT_OPEN_VERSION 0x00010000u
#define FT_BLOCK_VERSION 2u

enum ft_column {
#define COLUMN(name, bits, dictionary, value) FT_COL_##name,
#include "common/fields.def"
#undef COLUMN
	FT_COLUMNS
};
static_assert(FT_COLUMNS <= 64, "ft_open_header has room for 64 columns");

enum ft_dict {
	FT_DICT_NONE = -1,
	FT_DICT_ADDR = 0,
	FT_DICT_EXPORTER = 1,
	FT_DICT_WIDE = 2, /* 16-byte values: MACs (first 6 bytes), next hops, NAT addresses; code 0 = absent */
	FT_DICT_TEXT = 3, /* byte strings: group paths, application names, kept elements; code 0 = absent */
	FT_DICTS = 4,
};

/* One entry for each (address, AS, mask, tag version): everything that hangs off an address. */
struct ft_addr_entry {
	uint8_t address[16];
	uint32_t bare;	      /* code of the first entry in this block with the same address */
	uint32_t as;	      /* 0 unknown */
	uint32_t group;	      /* code in FT_DICT_TEXT of "Parent/Child"; 0 none */
	uint32_t tag_version; /* of the tag files and groups in force */
	uint16_t country;     /* 'U' << 8 | 'S'; 0 unknown */
	uint8_t mask;	      /* as exported (0-32 for IPv4, 0-128); 255 not sent */
	uint8_t net_bits;     /* netblock: address/net_bits in the 128-bit form (IPv4 /16 = 112); 255 unknown */
};
static_assert(sizeof(struct ft_addr_entry) == 36, "address entry");

struct ft_exporter_entry {
	uint8_t address[16];
	uint8_t guid[16]; /* zero: not proxied */
	uint32_t domain;
	uint32_t version;
};
static_assert(sizeof(struct ft_exporter_entry) == 40, "exporter entry");

struct ft_wide_entry {
	uint8_t value[16];
};

struct ft_text_entry {
	uint32_t offset, bytes; /* in the text heap */
};

struct ft_open_header {
	struct ft_seg_header seg;
	uint8_t store_uuid[16];
	uint32_t segment, block;
	uint32_t capacity, columns;	     /* rows; FT_COLUMNS of the writer */
	uint64_t column[64];		     /* offset of each column's array */
	uint64_t dict[FT_DICTS];	     /* offset of each dictionary's entries */
	uint32_t dict_capacity[FT_DICTS];
	uint64_t heap;			     /* offset of the text heap */
	uint64_t heap_capacity;
};

#define FT_OPEN_LAYOUT                                                                                        \
	FT_LAYOUT5(sizeof(struct ft_open_header), sizeof(struct ft_addr_entry),                               \
		sizeof(struct ft_exporter_entry), offsetof(struct ft_open_header, dict),                      \
		offsetof(struct ft_open_header, heap))

#endif
