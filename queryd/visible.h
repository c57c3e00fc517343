/*
 * visible.h - may a user filter let anything of an exporter through?
 *
 * A filter is worked out for one source of flows with all that is not known of a single slice left open: what
 * comes out false is false for every slice of it, so that a user with that filter can never see any, and is not told
 * that the exporter exists.  What stays open is shown by its name and address only.
 */
#ifndef FT_QUERYD_VISIBLE_H
#define FT_QUERYD_VISIBLE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/filter.h"

struct visible_source {
	uint8_t address[16], guid[16]; /* GUID all zero: not proxied */
	uint32_t version, domain;
};

/* filter: NULL is no filter */
bool visible(const struct filter_node *filter, const struct visible_source *s);

#endif
