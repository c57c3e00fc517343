/*
 * exporter.h - who sends: the identity table (contract/exporters.h), shared by all threads of ingest, and kept in
 * ingest.lmdb so that an id means the same exporter for ever; and the settings of exporters (exporter_set.h).
 */
#ifndef FT_INGEST_EXPORTER_H
#define FT_INGEST_EXPORTER_H

#include <pthread.h>

#include "common/contract/exporters.h"
#include "common/kv.h"
#include "common/shm.h"
#include "ingest/setting.h"

struct exporter_table {
	struct shm shm;
	struct ft_exporters *t;
	struct kv *kv;
	pthread_mutex_t mutex;
	uint32_t *index; /* open addressing over ids, private */
	uint32_t mask;
	struct exporter_sets *sets;  /* of the main thread: exporter_set.c */
	struct settings *settings;   /* under the mutex */
	_Atomic uint32_t generation; /* of `settings`, for a look without the mutex */
	/* An exporter to be forgotten: the main thread stores the id, then raises the serial with release; each thread
	 * does its part and says so (ingest_thread.forgot). */
	_Atomic uint32_t forget_id, forget_serial;
};

int exporters_open(
	struct exporter_table *x, const char *shm_dir, struct kv *kv, uint32_t most, struct err *err);
void exporters_close(struct exporter_table *x);
/* id of the exporter, made durable (against a kill) if it is new; 0: the table is full.  Any thread. */
uint32_t exporters_id(struct exporter_table *x, const uint8_t address[16], const uint8_t guid[16]);
/* NULL: no such id */
const struct ft_exporter *exporters_get(const struct exporter_table *x, uint32_t id);
/* The settings in force, held for the caller, who drops them; NULL: none. */
struct settings *exporters_settings(struct exporter_table *x);
/* Replace them (taken over). */
void exporters_settings_publish(struct exporter_table *x, struct settings *t);

#endif
