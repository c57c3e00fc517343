/*
 * learn.h - what ingest learns from exporters and must not forget: exporters, templates, option tables, sets that wait
 * for their template.  File: statedir/ingest.lmdb, one for all threads.
 *
 * Why there is an undo log here too.  LMDB and the stage (shared memory) commit one after the other.  LMDB is first:
 * were it second, a kill between the two would leave flows published that were decoded by a template nobody
 * remembers.  So a kill between the two leaves LMDB ahead: a restart decodes the datagram again, with what the
 * datagram itself taught, which is wrong if data before the template in it was decoded by the older definition, or if
 * a waiting set was taken out.  Therefore each change keeps the value it replaced, stamped with (segment incarnation,
 * batch, datagram); at start the changes of datagrams that did not commit are taken back, newest first, before
 * anything is loaded.  A batch's log is dead when the next batch learns something, which deletes it.
 *
 * Changes are collected in memory and written by learn_flush(), one transaction, not synced (enough against a kill);
 * learn_sync() is called once a second.
 */
#ifndef FT_INGEST_LEARN_H
#define FT_INGEST_LEARN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/kv.h"

enum learn_kind {
	LEARN_EXPORTER = 'e', /* never undone: ids are not reused */
	LEARN_TEMPLATE = 't',
	LEARN_WAITING = 'w',
	LEARN_SAMPLER = 's',
	LEARN_OPTION = 'o', /* boot time, application names */
	LEARN_UNDO = 'u',
};

struct learn_key {
	uint8_t kind, version;
	uint16_t port; /* local port: each thread learns for itself */
	uint32_t exporter, domain;
	uint32_t id; /* template, sampler, interface … */
	uint64_t sub;
};

struct learn {
	struct kv *kv; /* NULL: nothing is kept (ft-decode, tests) */
	unsigned db;
	uint16_t port;
	/* where we are; set by the owner before each datagram */
	uint64_t incarnation, batch;
	uint32_t datagram;
	/* private */
	struct learn_change *change;
	unsigned n_changes, room;
	uint64_t undo_batch; /* the batch that the undo log is of */
	uint32_t undo_n;
};

/* Open (make) the file; a damaged one (power loss) is put aside and begun anew. */
int learn_open(struct kv **kv, unsigned *db, const char *statedir, struct err *err);
void learn_put(struct learn *l, const struct learn_key *key, const void *value, size_t n);
void learn_del(struct learn *l, const struct learn_key *key);
/* Write what was collected.  0, or the error: then nothing may be committed that depends on it. */
int learn_flush(struct learn *l, struct err *err);
void learn_forget(struct learn *l); /* drop what was collected */
/* At start.  unfinished: the batch (incarnation, batch) is to be decoded again from datagram `from`. */
int learn_recover(struct learn *l, bool unfinished, uint32_t from, struct err *err);
/* Call f for each value of a kind and this port (exporters: all).  f returns 0 to go on. */
int learn_each(struct learn *l, enum learn_kind kind,
	int (*f)(void *ctx, const struct learn_key *key, const uint8_t *value, size_t n), void *ctx,
	struct err *err);
/* As learn_each, of one exporter and key version (for options: what they are about); port as l says.  Reads what is
 * committed, so another thread than the writer's may call it, with a struct learn of its own. */
int learn_each_of(const struct learn *l, enum learn_kind kind, uint8_t version, uint32_t exporter,
	int (*f)(void *ctx, const struct learn_key *key, const uint8_t *value, size_t n), void *ctx,
	struct err *err);
void learn_close(struct learn *l); /* frees; the file stays open */

#endif
