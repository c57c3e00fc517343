/*
 * block_view.h - one way to read a block, open or sealed.
 *
 * A view points into a mapping (or memory of the caller's, in tests) and owns nothing but what it has
 * decoded lazily; a view is used by one thread.  Column reads decode into the caller's arrays, so kernels are
 * pure loops over arrays.  A damaged column is FT_EFORMAT, never wrong rows: with `check` set each column's
 * checksum is verified when it is first read through this mapping.
 */
#ifndef FT_BLOCK_VIEW_H
#define FT_BLOCK_VIEW_H

#include <stdatomic.h>
#include <stdbool.h>

#include "common/codec.h" /* struct block_column */
#include "common/contract/block.h"
#include "common/contract/catalog.h"
#include "common/err.h"

enum { BLOCK_SUMS = 7 }; /* words of `sums` */

struct block_view {
	uint32_t segment, block, rows;
	bool open, check;
	uint32_t dict_count[FT_DICTS];
	int64_t min_first_us, max_last_us;      /* sealed: from the header; open: INT64_MIN, INT64_MAX */
	struct block_column column[FT_COLUMNS]; /* one the block does not have reads as 0 */
	struct block_column dict_column[16];    /* sealed dictionaries are columns too: BLOCK_PART_… */
	uint8_t segment_uuid[16];
	uint64_t commit, checksum; /* sealed: of the header */
	int64_t min_start_us;
	const uint8_t *base;
	uint64_t base_bytes;
	/* with `check`: columns verified so far, two words of bits shared by all views of a mapping (columns, then
	 * dictionary parts), and two more for those whose pages were looked at as well; NULL: only this view remembers */
	_Atomic uint64_t *verified;
	/* sums of counter columns, which all views of a mapping share as well: [0] says which are known, by bit; NULL: none */
	_Atomic uint64_t *sums;
	/* decoded dictionaries; for an open block they point into the map */
	const struct ft_addr_entry *addr;
	const struct ft_exporter_entry *exporter;
	const struct ft_wide_entry *wide;
	const struct ft_text_entry *text;
	const uint8_t *heap;
	uint64_t heap_bytes;
	void *owned[8];
};

/* over an open block's mapping, with the counts of a catalog record */
int block_view_open(struct block_view *v, const struct ft_open_header *h, const struct ft_catalog_record *r,
	struct err *err);
/* over a sealed block's bytes; checks the header, not the columns */
int block_view_sealed(struct block_view *v, const void *bytes, size_t n, bool check, struct err *err);
void block_view_close(struct block_view *v);

/* rows [from, from + n) of a column, widened; n may be 0.  out has room for n. */
int block_u64(struct block_view *v, enum ft_column c, uint32_t from, uint32_t n, uint64_t *out);
int block_u32(struct block_view *v, enum ft_column c, uint32_t from, uint32_t n, uint32_t *out);
/* Rows from + row[0 … n) alone, ascending, of columns that block_picks. */
bool block_picks(const struct block_view *v, enum ft_column c);
int block_pick_u64(struct block_view *v, enum ft_column c, uint32_t from, const uint16_t *row, uint32_t n,
	uint64_t *out);
/* The column that this one is a difference to, or -1; block_u64_of is block_u64 with that column's rows at hand. */
int block_ref(const struct block_view *v, enum ft_column c);
int block_u64_of(struct block_view *v, enum ft_column c, uint32_t from, uint32_t n, const uint64_t *other,
	uint64_t *out);
/* sum of all rows of a column, often without reading them all; of counters of a sealed block it is read once only */
int block_sum(struct block_view *v, enum ft_column c, uint64_t *sum);
/* true if every row has the same value (then *value is set and nothing needs to be decoded) */
bool block_constant(struct block_view *v, enum ft_column c, uint64_t *value);
/* smallest and largest value, from the column's header; false if not known without a scan (open block) */
bool block_range(struct block_view *v, enum ft_column c, uint64_t *min, uint64_t *max);

/* Addresses of the codes [from, from + n) alone, without what else their entries have.  out has room for n. */
int block_addresses(struct block_view *v, uint32_t from, uint32_t n, uint8_t (*out)[16]);
/* The first codes, so many of them, are IPv4 addresses that can be had as numbers: those of [from, from + n).  0 of an open
 * block, whose addresses are in no order. */
uint32_t block_v4_count(const struct block_view *v);
int block_v4(struct block_view *v, uint32_t from, uint32_t n, uint32_t *out);
/* Country or AS of the codes [from, from + n) alone. */
enum block_addr_number { BLOCK_ADDR_COUNTRY, BLOCK_ADDR_AS };
int block_addr_numbers(
	struct block_view *v, enum block_addr_number which, uint32_t from, uint32_t n, uint32_t *out);
/* For each of all codes the first one with the same address.  *differ: that is the code itself, for all. */
int block_bare(struct block_view *v, uint32_t *out, bool *differ);

/* Dictionaries, decoded on first use: entries 0 … dict_count - 1.  NULL on damage. */
const struct ft_addr_entry *block_addrs(struct block_view *v);
const struct ft_exporter_entry *block_exporters(struct block_view *v);
const struct ft_wide_entry *block_wides(struct block_view *v);
/* bytes of a text code; empty for 0 or damage */
const char *block_text(struct block_view *v, uint32_t code, uint32_t *bytes);

#endif
