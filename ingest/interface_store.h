/*
 * interface_store.h - the table of interfaces in ingest.lmdb.  Private to interface.c.  All functions: under the table's
 * mutex.
 *
 * Exporters may tell of hundreds of interfaces a kilobyte, as often as they like, and each costs microseconds to write.
 * So a slot that changed waits in a queue, once, and a batch writes a few of them; the rest is written as
 * time permits.  A kill loses nothing: the segment has it all, and the next start writes what the file lacks.
 */
#ifndef FT_INGEST_INTERFACE_STORE_H
#define FT_INGEST_INTERFACE_STORE_H

#include "ingest/interface.h"

struct interface_store;
/* NULL: no memory */
struct interface_store *interface_store_new(uint32_t capacity);
void interface_store_free(struct interface_store *s);
/* The slot has changed. */
void interface_store_note(struct interface_table *x, uint32_t slot);
/* Write up to `most` of the slots that wait.  What can't be written is said in the log, and waits on. */
void interface_store_write(struct interface_table *x, uint32_t most);
/* Changes noted since the last call. */
uint32_t interface_store_news(struct interface_table *x);
/* At start.  Fill the segment from the file. */
int interface_store_load(struct interface_table *x, struct kv_txn *t, struct err *err);
/* At start.  The segment has what is true: note what the file lacks, take out what it has beyond. */
int interface_store_compare(struct interface_table *x, struct kv_txn *t, struct err *err);

#endif
