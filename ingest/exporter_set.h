/*
 * exporter_set.h - what an administrator set for exporters: checked, kept in ingest.lmdb, published to the threads.
 *
 * An exporter's settings are one JSON document, in the database "settings" under its id:
 *   {"name": "core1", "enabled": false, "tags": ["core", "berlin"], "clock": "trust", "sampling": 100,
 *    "interfaces": {"3": {"sampling": 50}}}
 * A member that is not there is the default (no name, enabled, no tags, auto, as the exporter says).  An exporter
 * without any has no document.  Members that this version does not know are kept.
 *
 * A change is written first and in force then, from the next batch of each thread on; a kill at any instruction leaves
 * the old document or the new one.  Batches already decoded stay as they are; the rest of a datagram that was cut by a
 * restart is decoded by the new settings, but for `enabled`: what began is finished.
 *
 * All of it is the main thread's (but exporters_settings, exporter.h).
 */
#ifndef FT_INGEST_EXPORTER_SET_H
#define FT_INGEST_EXPORTER_SET_H

#include <jansson.h>

#include "ingest/exporter.h"

enum { EXPORTER_TAGS = 16, EXPORTER_TAG_BYTES = 31, EXPORTER_INTERFACES = 1024, EXPORTER_AT = 40 };

int exporter_sets_load(struct exporter_table *x, struct err *err);
void exporter_sets_free(struct exporter_table *x);

/* By name, else by ADDRESS@GUID or address; 0: nobody is called so.  An address alone means the one that sends here itself, and
 * if there is none the first behind a proxy. */
uint32_t exporter_by(const struct exporter_table *x, const char *name_or_address);
/* as text; null: it sends here itself */
json_t *exporter_guid_json(const uint8_t guid[16]);
/* The document, borrowed; NULL: nothing is set. */
const json_t *exporter_set_of(const struct exporter_table *x, uint32_t id);

/* Change what a request's members say (docs/protocol, exporters.set): name, enabled, tags, clock, sampling; sampling with
 * interface is that interface's.  *id is 0 if the exporter is not known yet: the address in `exporter` makes it so.
 * FT_EINVAL: `at` is the member that is wrong.  FT_EXIST: the name is another's. */
int exporter_set(
	struct exporter_table *x, uint32_t *id, const json_t *change, char at[EXPORTER_AT], struct err *err);
/* Back to the defaults. */
int exporter_unset(struct exporter_table *x, uint32_t id, struct err *err);

#endif
