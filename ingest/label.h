/*
 * label.h - texts that flows carry by number (contract/labels.h): one table for all threads, kept in ingest.lmdb.
 */
#ifndef FT_INGEST_LABEL_H
#define FT_INGEST_LABEL_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/contract/labels.h"
#include "common/kv.h"
#include "common/shm.h"

struct label_table {
	struct shm shm;
	struct ft_labels *t;
	struct kv *kv;
	pthread_mutex_t mutex; /* of those who add */
	_Atomic uint32_t
		*index; /* open addressing over numbers, private; grows only, so that readers take no lock */
	uint32_t mask, exporters;
	_Atomic uint32_t *by_exporter; /* texts that each brought */
	_Atomic uint32_t saved;        /* numbers that the file has: 1 to this */
	bool full;                     /* the file took no more */
};

/* exporters: their ids are at most this. */
int labels_open(struct label_table *x, const char *shm_dir, struct kv *kv, uint32_t most, uint32_t exporters,
	struct err *err);
void labels_close(struct label_table *x);
/* The number of a text as it came: up to a NUL, trailing blanks and what is no printable UTF-8 taken out.  0: empty, or
 * there is no room.  Any thread. */
uint32_t labels_id(struct label_table *x, uint32_t exporter, const void *text, size_t n);
/* Write the new ones to the file, in one transaction; to come before flows are seen that carry them.  While that fails,
 * no more are taken.  Any thread. */
void labels_flush(struct label_table *x);
/* A text as it came made fit to be shown: up to a NUL, no control characters, well-formed UTF-8 (else '?'), no blanks at
 * its end, at most `room` bytes and no character cut.  Bytes written; nothing is appended. */
size_t label_clean(char *out, size_t room, const void *text, size_t n);

#endif
