/*
 * blockgen.h - blocks in memory for tests: rows laid out as an open block (contract/block.h), read through
 * common/block_view.h like any other.
 */
#ifndef FT_TESTS_BLOCKGEN_H
#define FT_TESTS_BLOCKGEN_H

#include "common/block_view.h"
#include "common/contract/slice_ring.h"
#include "common/snapshot.h"
#include "queryd/query.h"

struct blockgen_tags {
	uint16_t country;
	uint8_t net_bits;  /* 255 unknown */
	const char *group; /* NULL: none */
};
struct blockgen_slice {
	struct ft_slice s;
	struct ft_slice_ext x;
	struct blockgen_tags client, server;
	uint8_t exporter[16], guid[16];
	const char *app_name; /* NULL: none */
};
struct blockgen {
	struct ft_open_header *h;
	struct ft_catalog_record r;
	uint32_t *slot; /* hash of address entries */
	int64_t min_first, max_last;
	void *sealed; /* NULL: it is open (blockseal.h) */
	size_t sealed_bytes;
};

void blockgen_open(struct blockgen *g, uint32_t block, uint32_t capacity);
void blockgen_add(struct blockgen *g, const struct blockgen_slice *s);
void blockgen_close(struct blockgen *g);

/* n blocks as a source; some say what times they hold (as sealed ones do) if known is set */
struct blockgen_source {
	struct source source;
	struct snapshot_block *list;
	struct blockgen *g;
	bool known, all_known; /* every second block; every block */
	uint32_t damaged;      /* index of a block whose view fails; UINT32_MAX: none */
};
void blockgen_source_open(struct blockgen_source *s, struct blockgen *g, uint32_t n, bool known);
void blockgen_source_close(struct blockgen_source *s);

#endif
