/*
 * program_settle.h - the second step of a record: what follows from its elements together.
 */
#ifndef FT_INGEST_PROGRAM_SETTLE_H
#define FT_INGEST_PROGRAM_SETTLE_H

#include "ingest/program.h"

/* The moves are done: complete d->f and d->x but for exporter, domain, version and sampling. */
void program_settle(const struct program *g, const struct record_context *c, struct decoded *d);

#endif
