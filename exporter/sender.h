/*
 * sender.h - export messages to one collector, by UDP or TCP.
 *
 * UDP: what the socket does not take is lost, and counted.  With `patient` (a file is being read: nobody is waiting) a
 * full socket is waited for instead.
 * TCP: messages go into a buffer of SENDER_BUFFER bytes; a collector that is away or slow costs what does not fit, whole
 * messages, counted.  A lost connection is tried again after a second, then after twice as long, up to half a minute; what
 * was in the buffer is lost with it, since nobody can tell how much of it arrived.
 */
#ifndef FT_EXPORTER_SENDER_H
#define FT_EXPORTER_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/err.h"

enum { SENDER_BUFFER = 4 << 20 };
enum sender_state { SENDER_AWAY, SENDER_CONNECTING, SENDER_UP };

struct sender {
	char name[80]; /* as the user wrote it */
	struct sockaddr_storage to;
	socklen_t to_size;
	bool tcp, patient;
	int fd;
	enum sender_state state;
	mono_t retry_at;
	int64_t wait_s;
	uint8_t *buffer;
	size_t n, at; /* bytes in the buffer; how many of them are sent */
	uint64_t waiting; /* flows in the buffer */
	uint64_t octets, messages, flows;	/* sent */
	uint64_t lost_messages, lost_flows;
	void (*on_up)(void *ctx); /* a connection is there: templates are due */
	void *ctx;
};

/* where: "host:port", "[2001:db8::1]:port".  Resolved once. */
int sender_open(struct sender *s, const char *where, bool tcp, bool patient, struct err *err);
void sender_send(struct sender *s, const uint8_t *bytes, size_t n, unsigned flows);
/* Connect, and send what waits. */
void sender_turn(struct sender *s);
/* What poll should wait for on s->fd: 0 nothing. */
short sender_events(const struct sender *s);
/* Sends what waits, for at most so long; the rest is lost. */
void sender_finish(struct sender *s, int64_t patience_s);
void sender_close(struct sender *s);

#endif
