/*
 * geo.h - country and AS from files of MaxMind's format; the only user of libmaxminddb.
 * Country: "country"/"iso_code" (or "registered_country", or a plain "country_code").  AS:
 * "autonomous_system_number" (or "asn"); the announced prefix is the record's network.
 */
#ifndef FT_STORE_GEO_H
#define FT_STORE_GEO_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "store/tags.h"

/* Paths may be "" (not used).  A file that can't be read is said in err, and does without. */
int geo_open(struct geo **out, const char *country_file, const char *as_file, struct err *err);
void geo_close(struct geo *g);
void geo_lookup(struct geo *g, const uint8_t address[16], struct tag *out);
/* true: a file on disk is another one than the one opened */
bool geo_stale(const struct geo *g);

#endif
