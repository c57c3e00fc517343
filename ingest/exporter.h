/*
 * exporter.h - who sends: the identity table (contract/exporters.h), shared by all threads of ingest, and kept in
 * ingest.lmdb so that an id means the same exporter for ever.
 */
#ifndef FT_INGEST_EXPORTER_H
#define FT_INGEST_EXPORTER_H

#include <pthread.h>

#include "common/contract/exporters.h"
#include "common/kv.h"
#include "common/shm.h"

struct exporter_table {
	struct shm shm;
	struct ft_exporters *t;
	struct kv *kv;
	pthread_mutex_t mutex;
	uint32_t *index; /* open addressing over ids, private */
	uint32_t mask;
};

int exporters_open(
	struct exporter_table *x, const char *shm_dir, struct kv *kv, uint32_t most, struct err *err);
void exporters_close(struct exporter_table *x);
/* id of the exporter, made durable (against a kill) if it is new; 0: the table is full.  Any thread. */
uint32_t exporters_id(
	struct exporter_table *x, const uint8_t address[16], const uint8_t guid[16], bool *disabled);
/* NULL: no such id */
const struct ft_exporter *exporters_get(const struct exporter_table *x, uint32_t id);

#endif
