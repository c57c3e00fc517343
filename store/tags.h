/*
 * tags.h - what hangs off an address: country, AS, announced prefix (MMDB files, common/geo.c) and traffic group
 * (store/groups.c).  Looked up once an address and block, and remembered across blocks in a small cache.
 *
 * tag_version goes up whenever files or groups change; a block's entries are keyed by it, so that a change takes
 * effect at the next new entry and never alters what is stored.
 */
#ifndef FT_STORE_TAGS_H
#define FT_STORE_TAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct geo;
struct groups;

struct tag {
	uint32_t as;      /* 0 unknown */
	uint16_t country; /* 'U' << 8 | 'S'; 0 unknown */
	uint8_t net_bits; /* announced prefix in the 128-bit form; 255 unknown */
	uint8_t fill;
	const char *group; /* path, NULL none; lives until the groups change */
};

struct tags {
	uint32_t version;
	struct geo *geo;       /* may be NULL */
	struct groups *groups; /* may be NULL */
	struct tag_slot *cache;
};

int tags_open(struct tags *t, uint32_t version);
void tags_close(struct tags *t);
void tags_of(struct tags *t, const uint8_t address[16], struct tag *out);
/* after geo or groups changed */
void tags_changed(struct tags *t);

#endif
