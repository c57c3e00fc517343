/*
 * shuffle.h - a record of fixed layout as a permutation of bytes.
 *
 * Most of decoding is to put bytes elsewhere in another order: a counter's four big-endian bytes become the low four of
 * eight, an IPv4 address the last four of a mapped one.  Where each byte of the target comes from is known when the
 * template is, and a byte shuffle moves sixteen of them at once: a record of 21 fields takes 8 shuffles, no branches,
 * and a third of the time of a switch an element.
 *
 * A map says it byte by byte; shuffle_compile() covers each 16-byte chunk of the target with windows of 16 source bytes.
 */
#ifndef FT_INGEST_SHUFFLE_H
#define FT_INGEST_SHUFFLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHUFFLE_CHUNK = 16, SHUFFLE_MOST = 64, SHUFFLE_UNTOUCHED = -1, SHUFFLE_FILL = -2 };

/* What one byte of the target becomes: the record's byte `from`, or `fill` (SHUFFLE_FILL); SHUFFLE_UNTOUCHED bytes of
 * a chunk that has others are zeroed with it. */
struct shuffle_byte {
	int32_t from;
	uint8_t fill;
};

/* target[0..16) = (target[0..16) & keep) | fill | the record's bytes from `source` on, chosen by `choose` (0x80: none) */
struct shuffle_move {
	uint8_t choose[SHUFFLE_CHUNK], fill[SHUFFLE_CHUNK], keep[SHUFFLE_CHUNK];
	uint16_t source, target;
};

/* May this machine run shuffles?  If not, the caller moves element by element. */
bool shuffle_able(void);

/* Cover a map of n bytes (a multiple of 16) for records of record_bytes.  Returns the moves written to out
 * (SHUFFLE_MOST at most), or 0 where it can't be done: a record shorter than a chunk, or one too scattered. */
unsigned shuffle_compile(
	const struct shuffle_byte *map, size_t n, size_t record_bytes, struct shuffle_move out[SHUFFLE_MOST]);

/* record has the bytes it was compiled for; target the map's. */
void shuffle_run(const struct shuffle_move *move, unsigned n, const uint8_t *record, uint8_t *target);

#endif
