/*
 * interfaces.h - what ingest knows of exporters' interfaces (contract/interfaces.h), as a sorted copy that a query
 * keeps for its whole life: names, descriptions, speeds and roles, with the time from which they are true.
 */
#ifndef FT_QUERYD_INTERFACES_H
#define FT_QUERYD_INTERFACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/contract/block.h"
#include "common/contract/interfaces.h"

struct interfaces {       /* immutable; threads share it */
	uint64_t version; /* of the segment it was copied from */
	uint32_t n;
	struct ft_interface row[]; /* by exporter (address, guid), kind, index, since_us */
};

/* A copy of the segment; NULL: it is being written all the time, or there is no memory: stay with what there is. */
struct interfaces *interfaces_copy(const struct ft_interfaces *t, size_t segment_bytes);
/* sort rows that a test made */
void interfaces_sort(struct interfaces *t);

/* The versions of one interface or VRF (kind: FT_KIND_*): rows [*lo, *hi).  t may be NULL. */
void interfaces_find(const struct interfaces *t, const struct ft_exporter_entry *e, uint8_t kind,
	uint32_t index, uint32_t *lo, uint32_t *hi);
/* Of [lo, hi) the one that was true at a time; NULL: the interface is not known. */
const struct ft_interface *interfaces_then(
	const struct interfaces *t, uint32_t lo, uint32_t hi, int64_t at_us);
const struct ft_interface *interfaces_at(
	const struct interfaces *t, const struct ft_exporter_entry *e, uint8_t kind, uint32_t index,
	int64_t at_us);

/* Names of an interface within [from, to) for people: "Gi0/1", "Te1/1 (before: Gi0/1)"; address NULL: of that index at
 * any exporter, "192.0.2.1 Gi0/1, 192.0.2.2 eth3"; false: none is known. */
bool interfaces_label(const struct interfaces *t, const uint8_t *address, uint32_t index, int64_t from_us,
	int64_t to_us, char *out, size_t n);
/* Does a pattern fit the name or description that the interface (address NULL: any of that index) has within [from, to)? */
bool interfaces_has(const struct interfaces *t, const uint8_t *address, uint32_t index, int64_t from_us,
	int64_t to_us, const char *pattern);
/* pattern of * and ?, any case, on name or description */
bool interfaces_named(const struct ft_interface *i, const char *pattern);

#endif
