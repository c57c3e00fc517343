/*
 * zone.h - building, storing and asking zone maps (struct zone of snapshot.h).
 *
 * Key in index.lmdb: segment and block, big-endian, so that they sort; block ZONE_SEGMENT is the segment's
 * summary.  Value: the fixed part of struct zone, the filter's words, xxh3 of both.
 * The address filter is a split-block Bloom filter: an address picks one block of 32 bytes and sets a bit in each of
 * its eight words; about 12 bits an address make 0.5 % false alarms and never a false denial.
 */
#ifndef FT_ZONE_H
#define FT_ZONE_H

#include "common/snapshot.h"

#define ZONE_SEGMENT UINT32_MAX

struct zone_key {
	uint8_t b[8];
};
struct zone_key zone_key(uint32_t segment, uint32_t block);
void zone_key_read(const void *key, uint32_t *segment, uint32_t *block);

/* A finished segment's summary. */
struct zone_segment {
	uint8_t segment_uuid[16];
	uint32_t blocks, zero;
	uint64_t rows, bytes;
	uint64_t checksum;
};
void zone_segment_seal(struct zone_segment *s);
bool zone_segment_good(const void *value, size_t n, struct zone_segment *out);

size_t zone_value_bytes(const struct zone *z);
void zone_value_write(const struct zone *z, void *to);
/* malloc'd, its filter behind it; NULL: damaged, of another version, or no memory */
struct zone *zone_value_read(const void *value, size_t n);

/* Add [first, last] to the spans, keeping them disjoint, ascending and few. */
void zone_add_span(struct zone *z, int64_t first_us, int64_t last_us);
/* Words for n addresses: a multiple of 4, 0 if they are too many for a filter */
uint32_t zone_filter_words(uint64_t addresses);
void zone_filter_add(uint64_t *words, uint32_t n, const uint8_t address[16]);

#endif
