/*
 * open_block.h - the open block: a shared-memory segment of columns and dictionaries that only grows
 * (contract/block.h), and the private indices that find an entry of a dictionary.
 *
 * Rows and entries are written beyond the counts; whoever owns the stage says when they count.  Memory beyond the
 * counts is zero before a batch begins (a new segment is, and what a killed batch left is cleared at start), so
 * that columns a batch has nothing for need not be written.
 */
#ifndef FT_STORE_OPEN_BLOCK_H
#define FT_STORE_OPEN_BLOCK_H

#include "common/catalog.h"
#include "common/contract/slice_ring.h"
#include "common/shm.h"
#include "store/tags.h"

#ifdef FT_TINY
enum {
	OPEN_BATCH = 4,
	OPEN_ADDRS = 96,
	OPEN_EXPORTERS = 8,
	OPEN_WIDES = 32,
	OPEN_TEXTS = 32,
	OPEN_HEAP = 16384
};
#else
enum {
	OPEN_BATCH = 128,
	OPEN_ADDRS = 131072,
	OPEN_EXPORTERS = 8192,
	OPEN_WIDES = 65536,
	OPEN_TEXTS = 65536,
	OPEN_HEAP = 4 << 20
};
#endif
enum { TEXT_MOST = 4096 }; /* longest text; longer ones are cut */

/* What counts: rows, entries of each dictionary, bytes of heap. */
struct open_counts {
	uint32_t rows, dict[FT_DICTS];
	uint64_t heap;
};

struct addr_key { /* what an entry was asked for with: all that a look-up compares, in half a cache line */
	uint8_t address[16];
	uint32_t as, version;
	uint8_t mask, fill[7];
};

struct open_index { /* open addressing, code + 1; 0 free */
	uint32_t *slot, mask;
};

struct open_block {
	struct shm shm;
	struct ft_open_header *h;
	uint8_t *column[FT_COLUMNS];
	struct ft_addr_entry *addr;
	struct ft_exporter_entry *exporter;
	struct ft_wide_entry *wide;
	struct ft_text_entry *text;
	uint8_t *heap;
	struct open_counts next; /* what the running batch has made of the counts */
	/* private */
	struct addr_key *addr_key; /* and the indices behind it, in one piece */
	uint32_t *index;           /* all slots of these: */
	size_t index_bytes;
	struct open_index by_addr, by_bare, by_exporter, by_wide, by_text;
	struct {
		uint32_t id, domain, version, code; /* id 0: free */
	} exporter_cache[64];
	uint64_t seed;
	bool has_ext,
		has_text; /* a row was written that has extensions, texts; else those columns are all zero */
};

/* false: the column is zero in every row, and its memory was never touched (nor should it be for reading it) */
bool open_block_has(const struct open_block *b, enum ft_column c);

/* What an exporter's id means (segment "exporters"); false: not known (yet). */
typedef bool (*exporter_lookup)(void *ctx, uint32_t id, uint8_t address[16], uint8_t guid[16]);

/* Make block (segment, block), empty; replaces a leftover of that name. */
int open_block_make(struct open_block *b, const char *shm_dir, const uint8_t store_uuid[16], uint32_t segment,
	uint32_t block, struct err *err);
/* An empty one takes at most so many rows (but OPEN_LEAST), so that a small segment is not overfilled by its last block. */
enum { OPEN_LEAST = 64 };
void open_block_bound(struct open_block *b, uint64_t rows);
/* Take over the one that is there, with the counts that were committed. */
int open_block_attach(struct open_block *b, const char *shm_dir, uint32_t segment, uint32_t block,
	const struct open_counts *counts, struct err *err);
/* The same over memory of the caller's (tests): b must be zeroed, shm.fd -1. */
size_t open_block_bytes(void);
void open_block_format(void *base, const uint8_t store_uuid[16], uint32_t segment, uint32_t block);
int open_block_over(struct open_block *b, void *memory, const struct open_counts *counts, struct err *err);
void open_block_close(struct open_block *b);
#define OPEN_SPARE "open.spare" /* its hidden name is this with a dot before it */
/* Out of sight, kept for open_block_renew: memory, mapping and indices. */
int open_block_hide(struct open_block *b, struct err *err);
/* Make a hidden one block (segment, block), empty.  Not FT_OK: somebody may still read what it held, or another
 * reason; it is closed then, and the caller makes a new one. */
int open_block_renew(struct open_block *b, const char *shm_dir, const uint8_t store_uuid[16],
	uint32_t segment, uint32_t block, struct err *err);
struct open_counts open_block_empty(void); /* counts of a new block: code 0 of WIDE and TEXT is "absent" */

/* How many slices certainly fit, OPEN_BATCH at most; 0: the block is full. */
uint32_t open_block_room(const struct open_block *b);

/* Append n <= open_block_room() slices.  ext[i] and element bytes may be NULL.  b->next grows. */
struct open_slice {
	const struct ft_slice *s;
	const struct ft_slice_ext *x;
	const uint8_t *elements;
	uint32_t element_bytes;
	uint32_t app_bytes;
	const char *app; /* name of the application */
};
void open_block_append(struct open_block *b, const struct open_slice *slices, uint32_t n, struct tags *tags,
	exporter_lookup lookup, void *ctx);

extern const uint8_t open_column_bits[FT_COLUMNS];
extern const int8_t open_column_dict[FT_COLUMNS];
extern const uint32_t open_entry_bytes[FT_DICTS];
/* start of the entries of a dictionary */
void *open_block_entries(const struct open_block *b, enum ft_dict d);

#endif
