/*
 * tcp_read.c - see tcp_read.h and the essay in tcp.h.
 */
#include "ingest/tcp_read.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

enum { LOWAT_FROM = 4096 }; /* below that a wake-up more is cheaper than telling the kernel */

/* where the batch's message i comes from; its payload is not touched */
static void
label(struct ingest_thread *t, const struct tcp_connection *c, unsigned i)
{
	struct sockaddr_in6 from = {.sin6_family = AF_INET6, .sin6_port = htons(c->peer_port)};
	struct ft_datagram_slot *slot = &t->datagrams[i];
	struct msghdr *m = &t->batch->msg[i].msg_hdr;
	memcpy(&from.sin6_addr, c->address, 16);
	memcpy(&slot->from, &from, sizeof from);
	memcpy(slot->control, &c->port, sizeof c->port);
	/* a stream has neither names nor control messages: the kernel must not write there */
	m->msg_name = m->msg_control = NULL;
	m->msg_namelen = 0;
	m->msg_controllen = 0;
}

static void
count(struct tcp_connection *c, unsigned n, size_t bytes)
{
	atomic_store_explicit(&c->heard_ns, mono_now().ns, memory_order_relaxed);
	atomic_fetch_add_explicit(&c->messages, n, memory_order_relaxed);
	atomic_fetch_add_explicit(&c->bytes, bytes, memory_order_relaxed);
}

static unsigned
wanted(const struct tcp *s, const struct ingest_thread *t)
{
	return s->batch && s->batch < t->batch->count ? s->batch : t->batch->count;
}

/* The kernel wakes us when so much is there; at the end of the stream in any case. */
static void
wait_for_bytes(struct tcp_connection *c, size_t need)
{
	int lowat = need >= LOWAT_FROM ? (int)need : 1;
	if (lowat != c->lowat && setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof lowat) == 0)
		c->lowat = lowat;
}

/* No whole message is there. */
static void
incomplete(struct tcp *s, struct tcp_connection *c, const struct stream_cut *cut, size_t have)
{
	if (cut->why)
		tcp_end(s, c, THREAD_TCP_BAD, cut->why);
	else if (c->over && have > 0)
		tcp_end(s, c, THREAD_TCP_CUT, "it ended in the middle of a message, which is lost");
	else if (c->over)
		tcp_end(s, c, c->broke ? THREAD_TCP_BROKEN : 0, c->broke ? "TLS broke" : NULL);
}

static unsigned
take(struct tcp *s, struct ingest_thread *t, struct tcp_connection *c, const uint32_t *length,
	const struct stream_cut *cut)
{
	for (unsigned i = 0; i < cut->n; i++) {
		label(t, c, i);
		t->batch->iov[i].iov_len = length[i];
	}
	t->batch->socket = c->id;
	t->batch->arrived_us = wall_now().us;
	atomic_signal_fence(memory_order_seq_cst);
	int n = recvmmsg(c->fd, t->batch->msg, cut->n, MSG_DONTWAIT, NULL);
	if (n <= 0) { /* all of it is there: only a connection that broke at this moment */
		tcp_again(s, c);
		return 0;
	}
	count(c, (unsigned)n, cut->used);
	return (unsigned)n;
}

static unsigned
read_plain(struct tcp *s, struct ingest_thread *t, struct tcp_connection *c)
{
	uint32_t length[FT_DATAGRAMS];
	unsigned most = wanted(s, t);
	ssize_t have = recv(c->fd, s->peek, TCP_PEEK, MSG_PEEK | MSG_DONTWAIT);
	if (have < 0 && errno == EINTR) {
		tcp_again(s, c);
		return 0;
	}
	if (have < 0 && errno == EAGAIN)
		return 0;
	if (have < 0) {
		tcp_end(s, c, THREAD_TCP_BROKEN, strerror(errno));
		return 0;
	}
	c->over |= have == 0;
	struct stream_cut cut = stream_cut(s->peek, (size_t)have, length, most);
	size_t rest = (size_t)have - cut.used;
	if (cut.n == 0) {
		incomplete(s, c, &cut, (size_t)have);
		if (!c->closing)
			wait_for_bytes(c, cut.need);
		return 0;
	}
	/* another event comes only for what arrives from now on */
	if (cut.n == most || cut.why || c->over || have == TCP_PEEK)
		tcp_again(s, c);
	else
		wait_for_bytes(c, rest ? cut.need : 1);
	return take(s, t, c, length, &cut);
}

/* ---- TLS -------------------------------------------------------------------------------------- */

static void
greet(struct tcp_connection *c)
{
	char subject[256];
	if (c->greeted)
		return;
	c->greeted = true;
	tls_subject(c->tls, subject, sizeof subject);
	log_medium("TCP port %u: connection %u: %s, %s%s", c->port, c->id, tls_version(c->tls),
		subject[0] ? "certificate of " : "no certificate", subject);
}

/* As much as the buffer takes.  True: the sender may have more at once. */
static bool
fill(struct tcp *s, struct tcp_connection *c)
{
	struct err err;
	size_t got, room = STREAM_MESSAGE + 1;
	if (c->buffer == NULL && (c->buffer = malloc(room)) == NULL) {
		tcp_end(s, c, THREAD_TCP_BROKEN, "out of memory");
		return false;
	}
	while (!c->over && c->fill < room)
		switch (tls_read(c->tls, c->buffer + c->fill, room - c->fill, &got, &err)) {
		case TLS_DATA:
			greet(c);
			c->fill += got;
			break;
		case TLS_AGAIN:
			return false;
		case TLS_END:
			c->over = true;
			break;
		default:
			if (c->fill == 0) {
				tcp_end(s, c, c->greeted ? THREAD_TCP_BROKEN : THREAD_TLS_FAILED, err.text);
				return false;
			}
			c->over = c->broke = true; /* what came before counts */
		}
	return true;
}

/* As the kernel would: a slot counts from the moment its msg_len does. */
static void
deliver(struct ingest_thread *t, struct tcp_connection *c, const uint32_t *length, unsigned n)
{
	size_t at = 0;
	t->batch->socket = c->id;
	t->batch->arrived_us = wall_now().us;
	for (unsigned i = 0; i < n; at += length[i], i++) {
		label(t, c, i);
		memcpy(t->datagrams[i].payload, c->buffer + at, length[i]);
		atomic_signal_fence(memory_order_seq_cst);
		t->batch->msg[i].msg_len = length[i];
		atomic_signal_fence(memory_order_seq_cst);
	}
}

static unsigned
read_tls(struct tcp *s, struct ingest_thread *t, struct tcp_connection *c)
{
	uint32_t length[FT_DATAGRAMS];
	bool more = fill(s, c);
	if (c->closing)
		return 0;
	struct stream_cut cut = stream_cut(c->buffer, c->fill, length, wanted(s, t));
	if (cut.n > 0) {
		deliver(t, c, length, cut.n);
		count(c, cut.n, cut.used);
		c->fill -= cut.used;
		memmove(c->buffer, c->buffer + cut.used, c->fill);
		if (more || cut.n == wanted(s, t) || cut.why)
			tcp_again(s, c);
	} else
		incomplete(s, c, &cut, c->fill);
	if (c->fill == 0) {
		free(c->buffer);
		c->buffer = NULL;
	}
	return cut.n;
}

unsigned
tcp_read(struct tcp *s, struct ingest_thread *t, struct tcp_connection *c)
{
	return c->tls ? read_tls(s, t, c) : read_plain(s, t, c);
}
