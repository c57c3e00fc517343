/*
 * receive.h - datagrams in, flows out: sockets and ingest's decoders on one thread.
 *
 * A datagram is read, decoded, and its flows are in every queue before the next one is read: a kill loses the flows of one
 * datagram at most.  What exporters teach is kept in queuepath/ingest.lmdb (ingest/learn.h); who they are and how far
 * they have counted in queuepath/state, a file that is mapped, so that a kill changes nothing: the datagram that it
 * cost shows as a sequence gap.
 */
#ifndef FT_PROXY_RECEIVE_H
#define FT_PROXY_RECEIVE_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/proc.h"
#include "ingest/decode.h"
#include "ingest/learn.h"
#include "ingest/socket.h"
#include "proxy/encode.h"

enum { RECEIVE_PORTS = 12, RECEIVE_SOURCES = 8192, RECEIVE_EXPORTERS = 4096, RECEIVE_LABELS = 32768 };

struct receive_state; /* the mapped file */

struct receive {
	struct decoder decoder;
	struct learn learn;
	struct kv *kv;
	unsigned db;
	struct receive_state *state;
	struct port_sockets port[RECEIVE_PORTS];
	unsigned ports;
	uint32_t drops[RECEIVE_PORTS][THREAD_SOCKETS]; /* the kernel's count so far */
	char **label;                                  /* by number - 1: names of applications of this run */
	unsigned n_labels;
	uint32_t *label_index;
	uint8_t guid[16];
	struct encoder encoder;
	pthread_t thread;
	bool running;
	int wake;
	_Atomic bool stop;
	_Atomic uint32_t exporters;
	/* a message for every queue */
	void (*put)(void *ctx, const struct encoder *e);
	void *ctx;
};

int receive_open(
	struct receive *r, const struct conf *c, const char *dir, const uint8_t guid[16], struct err *err);
int receive_start(struct receive *r, struct err *err);
void receive_close(struct receive *r);
/* one datagram, as the thread does it; for tests */
void receive_datagram(struct receive *r, const uint8_t *p, size_t n, const uint8_t from[16], wall_t arrived);

#endif
