/*
 * feed.h - flows to this machine's ft-ingest, in the way of ft-proxy (ingest/proxied.h): numbered, acknowledged, taken once.
 */
#ifndef FT_PROXY_FEED_H
#define FT_PROXY_FEED_H

#include "common/conf.h"
#include "proxy/encode.h"
#include "proxy/link.h"

enum { FEED_BUFFER = ENCODE_HEADER + ENCODE_OPTIONS_SET + QUEUE_MESSAGE };

struct feed {
	struct destination to;
	struct link link;
	uint64_t stream, position; /* of the next flow */
	uint64_t taken;            /* as far as was acknowledged */
	uint8_t guid[16];
	uint32_t sequence;
	struct encoder encoder;
	uint64_t acks; /* that came */
	uint8_t ack[PROXIED_ACK];
	size_t ack_n;
	uint8_t out[FEED_BUFFER];
};

/* Where ft-ingest takes IPFIX over TCP, by its configuration; FT_ENOENT: nowhere (err says what to set). */
int feed_find(struct feed *f, const struct conf *c, struct err *err);
/* Connect, and ask how far it has the stream: *known is the position after the last flow it took, 0 if it knows nothing of the
 * stream.  FT_ESYS: no connection, or it broke; it may be tried again. */
int feed_open(struct feed *f, uint64_t *known, struct err *err);
void feed_close(struct feed *f);
/* The next flow, at f->position, which the caller has set before the first one. */
int feed_flow(struct feed *f, const struct ft_flow *flow, const struct ft_flow_ext *x,
	const uint8_t exporter[16], struct err *err);
/* Until all of it was taken. */
int feed_flush(struct feed *f, struct err *err);

#endif
