/*
 * thread.h - one ingest thread: its segment (stage, sources, datagram batch), its decoder and its flow rings.
 * Receiving is a function pointer, so that tests feed batches without sockets.
 *
 * Segment "ingest.<i>":  ingest_header | stage and undo log | source slots | batch | datagrams
 */
#ifndef FT_INGEST_THREAD_H
#define FT_INGEST_THREAD_H

#include <stdatomic.h>

#include "common/contract/datagram_ring.h"
#include "common/counters.h"
#include "common/ring.h"
#include "common/stage.h"
#include "ingest/decode.h"
#include "ingest/exporter.h"
#include "ingest/interface.h"
#include "ingest/label.h"
#include "ingest/learn.h"

enum { THREAD_SHARDS = 16, THREAD_SOCKETS = 4 };

/* what the stage's record holds: contract/datagram_ring.h */
enum { IN_BATCH = 0, IN_DATAGRAM = 1, IN_FLOW = 2, IN_USED = 3 };
enum { ID_SOURCES = 0, ID_DROPS = 1, ID_PORT = ID_DROPS + THREAD_SOCKETS, ID_CONNECTION, ID_USED };

/* exact counters, in the stage's record, in this order */
enum thread_counter {
	THREAD_DATAGRAMS,
	THREAD_FLOWS,
	THREAD_KERNEL_DROPS,
	THREAD_GAPS,
	THREAD_UNDECODABLE,
	THREAD_BAD,
	THREAD_SETS_DROPPED,
	THREAD_OLD_REFUSED,
	THREAD_EXPORTERS_REFUSED,
	THREAD_FULL_WAIT_US,
	THREAD_RESUMED,
	THREAD_BOUND_HITS,
	THREAD_ELEMENTS_DROPPED,
	THREAD_FLOWS_DISABLED,
	THREAD_TCP_ACCEPTED,
	THREAD_TCP_REFUSED,
	THREAD_TCP_BAD,
	THREAD_TCP_CUT,
	THREAD_TCP_BROKEN,
	THREAD_TCP_LOST,
	THREAD_TLS_FAILED,
	THREAD_COUNTERS
};

struct ingest_header {
	struct ft_seg_header seg;
	uint64_t sources; /* slots */
	uint64_t at_stage, at_sources, at_batch, at_datagrams;
	uint8_t fill[24];
};

struct ingest_thread {
	unsigned i, port, shards;
	bool stream; /* TCP: a batch is of the connection batch->socket (tcp.h) */
	struct shm shm;
	struct ingest_header *h;
	struct stage stage;
	struct ft_source *sources;
	uint64_t *touched; /* a source: the batch in which it was kept in the undo log */
	struct ft_datagram_batch *batch;
	struct ft_datagram_slot *datagrams;
	struct ring ring[THREAD_SHARDS];
	struct decoder decoder;
	struct learn learn;
	struct exporter_table *exporters;
	struct label_table *labels;         /* NULL: flows get no names */
	struct interface_table *interfaces; /* NULL: what is said of them is not kept */
	_Atomic bool *stop, *drain;
	_Atomic bool idle;                 /* nothing of a batch is left; for drain */
	_Atomic bool refuse_old;           /* set from the main thread */
	_Atomic bool sflow_from;           /* the same */
	_Atomic(const struct keep *) keep; /* the same: elements without a column that are kept; NULL: none */
	_Atomic uint64_t waiting_sets, templates; /* for the main thread's gauges */
	uint64_t shown[THREAD_COUNTERS];
	mono_t expired;
	uint32_t generation;     /* of the settings of exporters that are in force */
	_Atomic uint32_t forgot; /* exporter_table.forget_serial as far as it is done */
	struct settings *settings;

	/* Waits a little for datagrams, stores batch->arrived_us and batch->socket, then fills batch->msg; returns how
	 * many, 0 none. */
	unsigned (*receive)(void *ctx, struct ingest_thread *t);
	void *receive_ctx;
	/* Called instead of waiting for room in a ring; NULL but in tests, where the consumer is the same thread. */
	void (*while_full)(void *ctx, struct ingest_thread *t, unsigned shard);

	/* of the datagram being decoded */
	uint64_t skip, done; /* flows that an earlier process published; flows so far */
	uint32_t datagram;
};

struct ingest_thread_options {
	struct label_table *labels;         /* NULL: flows get no names */
	struct interface_table *interfaces; /* NULL: what is said of them is not kept */
	unsigned index, port, shards;       /* port: local one; 0: the thread of TCP */
	uint32_t sources, templates;
	uint64_t waiting_bytes, ring_slots;
	struct kv *kv; /* NULL: nothing learnt is kept */
	unsigned db;
};

/* Make or open the segment and the rings, recover, load what was learnt.  x, stop and drain outlive the thread. */
int ingest_thread_open(struct ingest_thread *t, const char *shm_dir, const struct ingest_thread_options *o,
	struct exporter_table *x, _Atomic bool *stop, _Atomic bool *drain, struct err *err);
void ingest_thread_close(struct ingest_thread *t);
/* Sockets that are new (not kept) count their drops from 0. */
void ingest_thread_new_socket(struct ingest_thread *t, unsigned socket);
/* Finish what a predecessor had received, then receive and decode until *stop. */
void ingest_thread_run(struct ingest_thread *t);

/* A batch without datagrams, to be called from `receive`: f may change sources, learn, count.  Afterwards `receive` must
 * return 0, since the batch that was armed is over. */
void ingest_thread_aside(struct ingest_thread *t, void (*f)(struct ingest_thread *t, void *ctx), void *ctx);
/* Forget an exporter, in a batch of its own: killed anywhere, all of it is known or nothing. */
void ingest_thread_forget(struct ingest_thread *t, uint32_t exporter);
/* the process's counter that shows a thread's */
enum counter ingest_thread_counter(enum thread_counter c);

/* ---- for tests -------------------------------------------------------------------------------- */
/* Bytes of a segment with so many source slots; write headers into zeroed memory. */
size_t ingest_segment_bytes(uint32_t sources);
void ingest_segment_format(void *memory, uint32_t sources);
/* Attach to a segment at t->h and rings in t->ring: recover the stage, what was learnt, and publish. */
int ingest_thread_attach(struct ingest_thread *t, const struct ingest_thread_options *o, struct err *err);
void ingest_thread_detach(struct ingest_thread *t);
/* One turn: finish an unfinished batch, or receive and decode one; false if nothing came or told to stop. */
bool ingest_thread_turn(struct ingest_thread *t);

#endif
