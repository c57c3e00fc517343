/*
 * places.h - what the MMDB files say of an address and an AS when a question is asked: for lookups, labels, completion, and AS
 * named in filters.  (Sessions keep the country and AS that they were tagged with when they came.)
 *
 * Files that were replaced are opened anew, looked at every ten seconds.  The table of names is read when it is first asked for.
 * Thread-safe; a filter that is being resolved holds nothing.
 */
#ifndef FT_QUERYD_PLACES_H
#define FT_QUERYD_PLACES_H

#include <jansson.h>
#include <stdbool.h>

#include "common/geo.h"

enum { PLACES_NAME = 128 };

struct places;

/* NULL: no memory.  Paths may be "". */
struct places *places_new(const char *country_file, const char *as_file);
void places_files(struct places *p, const char *country_file, const char *as_file);
void places_free(struct places *p);

void places_of(struct places *p, const uint8_t address[16], struct geo_place *out);
/* false: not known */
bool places_as_name(struct places *p, uint32_t as, char out[PLACES_NAME]);
/* AS whose name is `pattern` in any case, or matches it if it has * or ?: the first `room` of them; how many there are */
unsigned places_as_find(struct places *p, const char *pattern, uint32_t *as, unsigned room);
/* is there a table of names at all */
bool places_has_names(struct places *p);

#endif
