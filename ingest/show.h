/*
 * show.h - a decoded record as a JSON object, for ft-decode: counters as on the wire, the sampling rate beside them.
 */
#ifndef FT_INGEST_SHOW_H
#define FT_INGEST_SHOW_H

#include <jansson.h>

#include "ingest/decode.h"
#include "ingest/template.h"

/* A new object for a record given to decode_sink.record; exporter: address of who sent it. */
json_t *show_record(const struct message *m, const struct template *t, const struct decoded *d,
	const uint8_t *bytes, size_t n, const uint8_t exporter[16]);

#endif
