/*
 * kept.h - elements without a column that travel with their flow (setting keepfields; contract/elements.h).
 *
 * What is kept is settled once a template and choice, not a record; while the choice is none (decoder.keep NULL) a
 * record costs one test.
 */
#ifndef FT_INGEST_KEPT_H
#define FT_INGEST_KEPT_H

#include "common/conf.h"
#include "ingest/template.h"

enum { KEEP_LIST_MOST = 256 };
/* A choice; immutable.  They are kept until the process ends, since a thread may still use an old one. */
struct keep {
	struct keep *was;
	uint32_t serial; /* of this process, never 0 */
	bool all;        /* every element that does not end in a column */
	uint16_t most;   /* bytes a flow's list may have (elementbytes) */
	uint16_t n;
	struct {
		uint32_t pen;
		uint16_t id;
	} list[KEEP_LIST_MOST]; /* kept whether decoded or not */
};

/* The choice that a list of a configuration makes, of at most `most` bytes a flow: *out NULL for none.  Words that name no
 * element are left out; the first is written to bad (NULL: none).  was: the one before. */
int keep_from(const struct conf *c, enum conf_key list, uint64_t most, struct keep *was, struct keep **out,
	const char **bad, struct err *err);
/* It does not end in a column, nor is it padding. */
bool kept_no_column(uint32_t pen, uint16_t id);
bool keep_has(const struct keep *k, uint32_t pen, uint16_t id);

/* Give the flow of a record, and the one of its other direction (NULL: there is none), their lists: elements of PEN
 * 29305 (RFC 5103) are the other direction's. */
void kept_of(const struct keep *k, struct template *t, const uint8_t *p, size_t n, struct decoder *d,
	struct decoded *there, struct decoded *back);

#endif
