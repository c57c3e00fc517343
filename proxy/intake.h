/*
 * intake.h - export messages in, records for the queues out: ingest's decoders and what they are told of exporters.
 *
 * What exporters teach is kept in queuepath/ingest.lmdb (ingest/learn.h); who they are and how far they have counted in
 * queuepath/state, a file that is mapped, so that a kill changes nothing: the datagram that it cost shows as a sequence gap.
 * The file also says whether a datagram is in hand; a start that finds one counts it (`interrupted`).
 *
 * One thread uses all this, but for intake_keep and the figures.
 */
#ifndef FT_PROXY_INTAKE_H
#define FT_PROXY_INTAKE_H

#include <stdatomic.h>

#include "common/conf.h"
#include "ingest/decode.h"
#include "ingest/kept.h"
#include "ingest/learn.h"
#include "proxy/encode.h"

enum { INTAKE_SOURCES = 8192, INTAKE_EXPORTERS = 4096, INTAKE_LABELS = 32768, INTAKE_TOLD = 16384 };

struct intake_state; /* the mapped file */

/* what was passed on of an interface, by a hash of which: not again while nothing changes, for INTAKE's hour */
struct intake_told {
	uint64_t which, what;
	mono_t when;
};

struct intake {
	struct decoder decoder;
	struct learn learn;
	struct kv *kv;
	unsigned db;
	struct intake_state *state;
	int state_fd; /* held for its lock */
	char **label; /* by number - 1: names of applications of this run */
	unsigned n_labels;
	uint32_t *label_index;
	struct intake_told *told;
	uint8_t guid[16];
	struct encoder encoder;
	mono_t synced, expired;
	_Atomic(struct keep *) keep; /* elements without a column that are passed on; NULL: none */
	_Atomic bool refuse_old, sflow_from;
	_Atomic uint32_t exporters;
	/* what one datagram brought, for every queue */
	void (*put)(void *ctx, const struct encoder *e);
	void *ctx;
};

int intake_open(
	struct intake *k, const struct conf *c, const char *dir, const uint8_t guid[16], struct err *err);
void intake_close(struct intake *k);
/* What may change while it runs; any thread. */
void intake_configure(struct intake *k, const struct conf *c);

/* A datagram is about to be taken from the kernel / there was none after all. */
void intake_begin(struct intake *k);
void intake_none(struct intake *k);
/* One message, which came in by the local port; connection: 0, or of which TCP connection. */
void intake_message(struct intake *k, uint16_t port, uint32_t connection, const uint8_t from[16],
	const uint8_t *p, size_t n);
/* A connection is over: its templates are void. */
void intake_ended(struct intake *k, uint32_t connection);
/* Now and then, between messages: sync, give up sets that waited too long. */
void intake_turn(struct intake *k);

#endif
