/*
 * census.h - which elements exporters send, for people: a template each with its fields, how many records came by it, and
 * the first record of some sets as a sample.  Since the start of the process; nothing that counts depends on it.
 *
 * Written by the ingest thread it belongs to, read by the main thread.  The thread adds to a counter once a set; only
 * when it meets a template, and once a second for a sample, it wants the lock, and a sample is left out rather than
 * waited for.
 */
#ifndef FT_INGEST_CENSUS_H
#define FT_INGEST_CENSUS_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#include "ingest/kept.h"
#include "ingest/template.h"

enum { CENSUS_MOST = 4096, CENSUS_SAMPLES = 4, CENSUS_SAMPLE_BYTES = 1024 };

struct census_template {
	uint32_t exporter, domain;
	uint16_t id, n_fields, n_scope;
	uint8_t version;
	bool options;
	_Atomic uint64_t records;
	struct template_field *field;
	/* under the lock */
	uint8_t *sample[CENSUS_SAMPLES]; /* the latest, in turn; NULL: none yet */
	uint16_t sample_bytes[CENSUS_SAMPLES];
	unsigned samples;
	/* the thread's own */
	int64_t sampled_us;
};
struct census {
	pthread_mutex_t mutex;
	struct census_template *list[CENSUS_MOST];
	_Atomic uint32_t n; /* more templates than fit are not looked at */
};

struct census *census_new(void);
void census_free(struct census *c);
/* A data set of this template: `records` of them, the first at p with `left` bytes from there to the set's end. */
void census_set(struct census *c, const struct message *m, struct template *t, const uint8_t *p, size_t left,
	uint32_t records);

/* It is forgotten: its templates are gone. */
void census_forget(struct census *c, uint32_t exporter);

/* What one exporter sends, of all threads' tables: a list of objects {name, element, type, lengths, in, fate, records,
 * samples}, the commonest first; *records of flows it sent by templates. */
json_t *census_answer(struct census *const *list, unsigned n, uint32_t exporter, const struct keep *keep,
	uint64_t *records);

#endif
