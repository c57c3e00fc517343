/*
 * forget.h - forgetting an exporter (operation exporters.forget): its settings, interfaces and VRFs, and in each thread its
 * sources, templates, options and waiting sets.  These are several transactions, so that it shall be done is written down
 * first (ingest.lmdb, database "forget") and struck out last: killed in between, the next start does it again from the
 * beginning.  So an exporter is whole as long as nobody was told otherwise, or forgotten; each part may be done twice.
 */
#ifndef FT_INGEST_FORGET_H
#define FT_INGEST_FORGET_H

#include "ingest/control.h"

/* Begin; the threads do their part between batches. */
int forget_begin(struct ingest *g, uint32_t id, struct err *err);
/* At start, before threads run: what an earlier process had begun. */
int forget_resume(struct ingest *g, struct err *err);
/* true, once: all threads have done it since it began */
bool forget_done(struct ingest *g);

#endif
