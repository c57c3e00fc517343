/*
 * forward.h - one destination: a thread that takes messages from its queue and sends them, each connection anew from
 * what was not taken.
 *
 * A connection begins with all templates (RFC 7011 section 8: they are of one connection); then each message of the queue gets its
 * header and the options record that says where in the stream it stands (ingest/proxied.h).  What comes back is
 * acknowledgements; they are what deletes.  While something is unacknowledged and nothing is sent, a message without
 * flows asks once a second how far the other side is.
 *
 * A destination that never acknowledged anything may be another collector: then what its kernel has acknowledged for five
 * seconds counts as taken, which is at least once: what was on its way when a connection broke is sent again.
 */
#ifndef FT_PROXY_FORWARD_H
#define FT_PROXY_FORWARD_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#include "proxy/encode.h"
#include "proxy/link.h"
#include "proxy/queue.h"
#include "proxy/settings.h"

struct forward {
	const struct destination *to;
	const struct proxy_settings *settings;
	struct queue queue;
	pthread_t thread;
	bool opened, running;
	int stop_fd; /* eventfd: readable when told to stop */
	_Atomic bool stop;
	_Atomic bool connected;
	_Atomic uint64_t connects, failures, sent_flows;
	pthread_mutex_t mutex;
	char why[480]; /* why it is not connected; under the mutex */
	/* of the connection; the thread's own */
	struct link link;
	struct queue_reader reader;
	uint32_t sequence;
	uint64_t sent; /* position after what was sent */
	mono_t began, asked;
	uint8_t *out; /* FORWARD_BUFFER bytes, n of them to be sent, from `at` on */
	size_t n, at;
	uint8_t ack[PROXIED_ACK];
	size_t ack_n;
};

int forward_open(
	struct forward *f, const struct destination *to, const struct proxy_settings *s, struct err *err);
int forward_start(struct forward *f, struct err *err);
void forward_stop(struct forward *f); /* the thread ends; the queue stays */
void forward_close(struct forward *f);
json_t *forward_json(struct forward *f);

#endif
