/*
 * wide.h - 16 bytes and a small number to an id: addresses, netblocks, GUIDs.
 *
 * Keys are dealt by their hash to parts, each a table with a lock of its own, so that the threads of a query fill one
 * table together and nothing has to be merged afterwards.  An id is `place in the part * parts + part`: with one part
 * ids are 0, 1, … in order of arrival; with more there are gaps, and tabwide_bound() is above every id.
 *
 * Open addressing with linear probing, filled to half at most.  IPv4 addresses are whole in their slot, so that one
 * access to memory finds one; of other keys the slot has half of the hash.  Many keys are looked up together: first
 * all slots are asked for, then read, since what a large table waits for is memory.
 */
#ifndef FT_QUERYD_WIDE_H
#define FT_QUERYD_WIDE_H

#include "queryd/tables.h"

#ifdef FT_TINY
enum { WIDE_SHARED_PARTS = 4 };
#else
enum { WIDE_SHARED_PARTS = 16 };
#endif

struct wide_key {
	uint8_t bytes[16];
	uint32_t extra;
};
struct tabwide {
	struct budget *budget;
	struct wide_part *part; /* made with the first key */
	unsigned parts, shift;  /* a power of two; what it is a power of */
	uint32_t expected;      /* IPv4 addresses that are soon to come: room for them is made at once */
};

/* several threads may use it together if it is shared */
void tabwide_init(struct tabwide *t, struct budget *b, bool shared);
/* id of the key, made if new; ID_NONE: no memory */
uint32_t tabwide_intern(struct tabwide *t, const struct wide_key *key);
/* ID_NONE: not there */
uint32_t tabwide_find(struct tabwide *t, const struct wide_key *key);
/* n keys of 16 bytes with extra 0.  make: intern, else find.  false: no memory */
bool tabwide_many(struct tabwide *t, bool make, const uint8_t (*key)[16], uint32_t n, uint32_t *id);
/* the same for IPv4 addresses as numbers */
bool tabwide_many_v4(struct tabwide *t, bool make, const uint32_t *address, uint32_t n, uint32_t *id);

/* For one thread, when no other fills it: */
const struct wide_key *tabwide_key(const struct tabwide *t, uint32_t id);
uint32_t tabwide_bound(const struct tabwide *t);
uint32_t tabwide_count(const struct tabwide *t);
/* is there a key with this id, which is below the bound */
bool tabwide_has(const struct tabwide *t, uint32_t id);
void tabwide_free(struct tabwide *t);

#endif
