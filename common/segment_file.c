/*
 * segment_file.c - see segment_file.h.
 */
#include "common/segment_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"

enum { PAGE = 4096, PAGE_HEADER = 16 };

int
segment_path(char *out, size_t n, const char *database, uint32_t segment)
{
	int len = snprintf(out, n, "%s/segments/%08u.seg", database, segment);
	return len > 0 && (size_t)len < n ? FT_OK : FT_EINVAL;
}

bool
segment_number(const char *name, uint32_t *segment)
{
	char *end;
	if (name[0] < '0' || name[0] > '9')
		return false;
	unsigned long v = strtoul(name, &end, 10);
	if (end - name < 8 || strcmp(end, ".seg") != 0 || v > UINT32_MAX - 1)
		return false;
	*segment = (uint32_t)v;
	return true;
}

uint64_t
block_head_checksum(const struct block_header *h)
{
	struct block_header zeroed;
	memcpy(&zeroed, h, sizeof zeroed);
	zeroed.checksum = 0;
	uint64_t seed = hash_bytes(&zeroed, sizeof zeroed, 0);
	return hash_bytes((const uint8_t *)h + sizeof zeroed, h->head_bytes - sizeof zeroed, seed);
}

bool
block_header_good(const void *bytes, uint64_t n, struct block_header *out)
{
	if (n < sizeof *out)
		return false;
	memcpy(out, bytes, sizeof *out);
	return memcmp(out->magic, FT_BLOCK_MAGIC, sizeof out->magic) == 0 && out->bytes <= n &&
	       out->bytes % BLOCK_ALIGN == 0 && out->columns <= BLOCK_MAX_COLUMNS &&
	       out->head_bytes <= out->bytes &&
	       out->head_bytes >= sizeof *out + out->columns * sizeof(struct block_entry) &&
	       block_head_checksum(bytes) == out->checksum;
}

uint64_t
segment_directory_checksum(const struct segment_directory *d)
{
	struct segment_directory zeroed;
	memcpy(&zeroed, d, sizeof zeroed);
	zeroed.checksum = 0;
	uint64_t seed = hash_bytes(&zeroed, sizeof zeroed, 0);
	return hash_bytes(d->entry, d->blocks * sizeof d->entry[0], seed);
}

bool
segment_directory_good(const struct segment_directory *d, uint64_t room)
{
	return room >= sizeof *d && memcmp(d->magic, FT_DIRECTORY_MAGIC, sizeof d->magic) == 0 &&
	       d->version == 1 && d->blocks <= (room - sizeof *d) / sizeof d->entry[0] &&
	       segment_directory_checksum(d) == d->checksum;
}

int
segment_scan(const uint8_t *map, uint64_t bytes, const struct segment_visit *visit)
{
	for (uint64_t at = 0; at + PAGE <= bytes;) {
		const uint8_t *p = map + at + PAGE_HEADER;
		struct block_header h;
		int rc = 0;
		at += PAGE;
		if (memcmp(p, "FT", 2) != 0)
			continue;
		if (block_header_good(p, bytes - (uint64_t)(p - map), &h)) {
			rc = visit->block(visit->ctx, (uint64_t)(p - map), &h);
			at += h.bytes / PAGE *
			      PAGE; /* the value and its page header: one page more than its size */
		} else if (visit->directory &&
			   segment_directory_good((const void *)p, bytes - (uint64_t)(p - map))) {
			rc = visit->directory(visit->ctx, (uint64_t)(p - map), (const void *)p);
		}
		if (rc != 0)
			return rc;
	}
	return FT_OK;
}
