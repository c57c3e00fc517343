/*
 * snapshot.h - a consistent set of blocks to read: catalog, open block, sealed blocks, zone maps.
 *
 * A reader is one a process (threads share it): it keeps segments mapped and remembers which columns were
 * checked.  A snapshot is one a query: what it lists stays readable until it is closed, whatever store does.
 * The protocol is contract/catalog.h's.  Zone maps come from index.lmdb and are only a hint: a block whose
 * entry is missing or stale has `zone` NULL and must be scanned.
 */
#ifndef FT_SNAPSHOT_H
#define FT_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/block_view.h"
#include "common/err.h"

/* What is known of a block without reading it.  Stored in index.lmdb under (segment, block). */
enum { ZONE_SPANS = 4, ZONE_EXPORTERS = 8, ZONE_FILTER_WORDS = 16384 };
struct zone_span {
	int64_t first_us, last_us;
};
struct zone {
	uint8_t segment_uuid[16];
	uint64_t commit;
	uint32_t rows, spans, exporters;   /* exporters > ZONE_EXPORTERS: too many to list */
	uint32_t filter_words;             /* words of address_filter, a multiple of 4; 0: none */
	struct zone_span span[ZONE_SPANS]; /* disjoint, ascending: every slice lies in one */
	int64_t min_start_us;              /* earliest start of a session with a slice here */
	uint8_t exporter[ZONE_EXPORTERS][16];
	uint64_t file_offset, bytes, checksum; /* of the block in its segment's file */
	const uint64_t *
		address_filter; /* Bloom filter over addresses (split block, see common/zone.h); NULL: none */
};

struct snapshot_reader;
struct snapshot_block {
	uint32_t segment, block, rows;
	bool open;               /* the open block */
	bool resident;           /* kept in RAM */
	const struct zone *zone; /* NULL: scan it */
};
struct snapshot {
	struct snapshot_reader *reader;
	struct ft_catalog_record catalog;
	struct snapshot_block *blocks; /* oldest first, the open one last */
	uint32_t n;
	unsigned missing_segments; /* listed but not there: answers must warn */
	void *private;
};

int snapshot_reader_open(
	struct snapshot_reader **out, const char *shm_dir, const char *database, bool check, struct err *err);
void snapshot_reader_close(struct snapshot_reader *r);

/* FT_ENOENT: there is no store here (yet) */
int snapshot_open(struct snapshot_reader *r, struct snapshot *s, struct err *err);
void snapshot_close(struct snapshot *s);

/* A view of block i, to be closed by block_view_close.  FT_EFORMAT: damaged, skip it and warn. */
int snapshot_view(struct snapshot *s, uint32_t i, struct block_view *v, struct err *err);

/* false: no slice of the block can lie in [from, to) */
bool zone_may_overlap(const struct zone *z, int64_t from_us, int64_t to_us);
/* false: the address is certainly not in the block */
bool zone_may_have_address(const struct zone *z, const uint8_t address[16]);

/* Blocks found damaged so far by this reader (each counted once). */
uint64_t snapshot_bad_blocks(const struct snapshot_reader *r);

/* Run f(ctx) so that a SIGBUS inside it (a file cut short under a map) makes guard_run return FT_EFORMAT
 * instead of killing the process.  f must hold no locks and allocate only from its context. */
int guard_run(int (*f)(void *ctx), void *ctx);
/* As guard_run, for walks through LMDB's unchecked pages: SIGSEGV, SIGFPE and a failed assertion end it as well.
 * What f had opened is lost: its environment must not be used or closed afterwards. */
int guard_run_wild(int (*f)(void *ctx), void *ctx);

#endif
