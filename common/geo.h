/*
 * geo.h - country and AS from files of MaxMind's format; the only user of libmaxminddb.
 * Country: "country"/"iso_code" (or "registered_country", or a plain "country_code").  AS:
 * "autonomous_system_number" (or "asn"); the announced prefix is the record's network.
 */
#ifndef FT_GEO_H
#define FT_GEO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct geo;
struct geo_place {
	uint32_t as;      /* 0 unknown */
	uint16_t country; /* 'U' << 8 | 'S'; 0 unknown */
	uint8_t net_bits; /* announced prefix in the 128-bit form; 255 unknown */
};

/* Paths may be "" (not used).  A file that can't be read is said in err, and does without. */
int geo_open(struct geo **out, const char *country_file, const char *as_file, struct err *err);
void geo_close(struct geo *g);
void geo_lookup(const struct geo *g, const uint8_t address[16], struct geo_place *out);
/* Every AS with a name ("autonomous_system_organization", "as_name", "name"), once a record of the file: numbers come again and again.
 * name is bytes long and not terminated.  A quarter of a second for the whole Internet. */
void geo_each_as(const struct geo *g, void (*f)(void *ctx, uint32_t as, const char *name, size_t bytes), void *ctx);
/* true: a file on disk is another one than the one opened */
bool geo_stale(const struct geo *g);

#endif
