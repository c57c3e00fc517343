/*
 * segment_file.h - segments/NNNNNNNN.seg: where they are, and finding the blocks in one without walking LMDB's tree.
 *
 * A value of more than half a page lies in pages of its own, behind a page header of 16 bytes, and is never moved
 * or changed while it lives; blocks are padded so that it is always so.  Therefore a block can be found by its
 * magic at 16 bytes into a page, and is believed by its header's checksum.
 */
#ifndef FT_SEGMENT_FILE_H
#define FT_SEGMENT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/block_format.h"
#include "common/err.h"

/* DATABASE/segments/NNNNNNNN.seg; FT_EINVAL if out is too small */
int segment_path(char *out, size_t n, const char *database, uint32_t segment);
/* the number in a file name "NNNNNNNN.seg"; false: no segment */
bool segment_number(const char *name, uint32_t *segment);

/* Visit every block image and directory with a good header in the bytes of a file, in file order.  An image
 * may be one of a transaction that never committed: of two of one number take the later commit, then the later
 * sealed_us.  Stops when a callback returns non-zero and returns that.  The map may be cut short: call it in
 * guard_run.  directory may be NULL. */
struct segment_visit {
	int (*block)(void *ctx, uint64_t offset, const struct block_header *h);
	int (*directory)(void *ctx, uint64_t offset, const struct segment_directory *d);
	void *ctx;
};
int segment_scan(const uint8_t *map, uint64_t bytes, const struct segment_visit *visit);

/* true if b is to be preferred to a (same block number) */
static inline bool
block_is_newer(const struct block_header *b, uint64_t a_commit, int64_t a_sealed_us)
{
	return b->commit != a_commit ? b->commit > a_commit : b->sealed_us > a_sealed_us;
}

bool block_header_good(const void *bytes, uint64_t n, struct block_header *out);
bool segment_directory_good(const struct segment_directory *d, uint64_t room);
uint64_t segment_directory_checksum(const struct segment_directory *d);
uint64_t block_head_checksum(const struct block_header *h); /* of header and directory behind it in memory */

#endif
