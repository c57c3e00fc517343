/*
 * tcp.h - IPFIX over TCP and TLS: one thread (thread.h) whose datagrams are messages of many connections.
 *
 * Exactly once.  What was received and not yet decoded stays where nothing can lose it: in the kernel's queue of the
 * connection, of which the keeper has a second descriptor.  So:
 *   1 The queue is looked at without taking anything (MSG_PEEK), and cut into messages.
 *   2 The whole ones, and no byte more, are received by recvmmsg into the slots of the datagram ring, a message a slot, in
 *     one call.  From there on they are datagrams like any other: msg_len says what was received, they leave the ring in
 *     the commit that publishes their flows (contract/datagram_ring.h).
 *   3 A message that is not whole yet stays in the queue.  SO_RCVLOWAT keeps it from waking us before it is.
 *   4 batch->socket is the connection's id, the slot's control bytes begin with the local port, its `from` is the exporter;
 *     all stored before the call.
 * A connection's id is in the name by which the keeper has it, "conn:<port>:<id>:<address>", and never used again; its
 * templates are in ingest.lmdb by that id (RFC 7011 section 8: a template is of one transport session).  When it has ended, a
 * batch without datagrams forgets them.
 * Why not take all bytes and keep the rest in shared memory: a second copy of what the kernel holds already, of 64 KB for
 * each connection, and a second protocol to prove.  What it costs: bytes are copied twice.
 *
 * What can't be kept.  A kill between accept() and the hand-over to the keeper (some microseconds) resets a connection of
 * which nothing was taken.  TLS: its keys are in this process's memory, so a connection ends with the process, and what its
 * sender had sent and we had not decoded is lost with it; it is counted (tcp_lost) at the next start.
 *
 * Bounds: maxconnections; tcpbuffer bytes in the kernel for each; TLS: 64 KB more for one that has sent part of a message.
 * Back-pressure: while the flow ring is full nothing is read, the windows close, senders wait.
 */
#ifndef FT_INGEST_TCP_H
#define FT_INGEST_TCP_H

#include <jansson.h>
#include <pthread.h>

#include "common/conf.h"
#include "ingest/socket.h"
#include "ingest/stream.h"
#include "ingest/tls.h"

enum { TCP_PORTS = 16, TCP_NAME = 80 };

struct tcp_connection {
	uint32_t id; /* 0: free */
	int fd;
	uint16_t port, peer_port;
	uint8_t address[16];
	bool secret, kept, ready;
	bool over, broke; /* nothing more will come; and it ended badly (TLS) */
	bool closing, greeted;
	unsigned next; /* in the list of ready ones: index + 1 */
	int lowat;
	struct tls *tls; /* of a secret one */
	uint8_t *buffer; /* TLS: STREAM_MESSAGE + 1 bytes while a part of a message waits */
	size_t fill;
	mono_t since;
	_Atomic int64_t heard_ns; /* mono_t */
	_Atomic uint64_t messages, bytes;
};

struct tcp {
	struct port_sockets port[TCP_PORTS];
	unsigned ports;
	struct tls_server *tls;
	int epoll;
	struct tcp_connection *c;
	unsigned room, most, open;
	unsigned first, last; /* ready connections: index + 1 */
	uint32_t *gone;       /* ids of connections that ended and are to be forgotten */
	unsigned gone_n;
	uint32_t next_id, end_id; /* ids that are reserved */
	uint64_t pending[THREAD_COUNTERS];
	bool begun, dirty;
	uint8_t *peek;
	mono_t looked;
	_Atomic int64_t timeout_us;
	pthread_mutex_t mutex; /* of the list of connections; the thread alone changes it */
	unsigned batch;
};

/* Are there ports in the configuration? */
bool tcp_wanted(const struct conf *conf);
/* Listen, take over connections.  A port that can't be listened at is said and left out; returns 0 even then. */
int tcp_open(struct tcp *s, const struct conf *conf, int wake, struct err *err);
/* None wanted any more: what an earlier configuration left with the keeper is given up. */
void tcp_abandon(void);
/* for ingest_thread.receive */
unsigned tcp_receive(void *ctx, struct ingest_thread *t);
/* The thread has ended: connections stay with the keeper, those of TLS end. */
void tcp_close(struct tcp *s);
/* {"listeners": […], "connections": […], "most": n}: for `ft-ctl status`; any thread */
json_t *tcp_json(struct tcp *s);

#endif
