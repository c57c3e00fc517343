/*
 * learn.h - what ingest learns from exporters and must not forget: templates, option tables, sets that wait for their
 * template.  File: statedir/ingest.lmdb, one for all threads.
 *
 * Order.  LMDB and the stage (shared memory) commit one after the other.  LMDB is first: were it second, a kill between
 * the two would leave flows published that were decoded by a template nobody remembers.  So a kill between the two leaves
 * LMDB ahead: a restart decodes the datagram again, with what the datagram itself taught, which is wrong if data before
 * the template in it was decoded by the older definition, or if a waiting set was taken out.  Therefore changes of a batch
 * that has not committed must be possible to take back.
 *
 * Journal.  Changes go into the file as they came, many in a value, stamped with (segment incarnation, batch, datagram):
 * to take back is to leave out.  Later, when their batch has committed, they are folded into the table, a value a key,
 * and leave the journal; of a key that changed again since, only what it is now.  At start the journal is read, without
 * the changes of datagrams that did not commit, and folded whole before anything is loaded.
 * That is also what bounds the cost.  A value of the table costs some microseconds, and a datagram can change hundreds a
 * kilobyte, as often as its sender likes; a change in the journal costs the copying of its bytes.  So a flush
 * folds no more than a small share of what it appends, and the journal grows instead: to about the size of all keys that
 * change, since what comes after that finds the older value of its key still there and makes it void.  JOURNAL_MOST
 * ends it in any case.
 *
 * Changes are collected in memory and written by learn_flush(), one transaction, not synced (enough against a kill);
 * the owner syncs once a second.
 */
#ifndef FT_INGEST_LEARN_H
#define FT_INGEST_LEARN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/kv.h"

enum learn_kind {
	LEARN_TEMPLATE = 't',
	LEARN_WAITING = 'w', /* a key is never used again */
	LEARN_SAMPLER = 's',
	LEARN_OPTION = 'o', /* boot time, application names */
	LEARN_VOID = 'v',   /* templates of a source older than this are void (template.c) */
	LEARN_START = 'n',  /* number of this start */
	LEARN_JOURNAL = 'j',
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
	/* values put into the file and taken out, since the start: what learning costs */
	uint64_t writes;
	struct journal *journal; /* private (journal.h) */
};

/* Open (make) the file; a damaged one (power loss) is put aside and begun anew. */
int learn_open(struct kv **kv, unsigned *db, const char *statedir, struct err *err);
void learn_put(struct learn *l, const struct learn_key *key, const void *value, size_t n);
void learn_del(struct learn *l, const struct learn_key *key);
/* Write what was collected.  0, or the error: then nothing may be committed that depends on it. */
int learn_flush(struct learn *l, struct err *err);
void learn_forget(struct learn *l); /* drop what was collected */
/* At start, before anything else.  unfinished: the batch (incarnation, batch) is to be decoded again from datagram
 * `from`. */
int learn_recover(struct learn *l, bool unfinished, uint32_t from, struct err *err);
/* Call f for each value of a kind and this port, as last flushed or collected.  f returns 0 to go on, and may not put or
 * delete. */
int learn_each(struct learn *l, enum learn_kind kind,
	int (*f)(void *ctx, const struct learn_key *key, const uint8_t *value, size_t n), void *ctx,
	struct err *err);
void learn_close(struct learn *l); /* frees; the file stays open */

#endif
