/*
 * socket.h - UDP sockets of a port, and those that listen for TCP: taken over from the keeper, or bound and handed to it.
 */
#ifndef FT_INGEST_SOCKET_H
#define FT_INGEST_SOCKET_H

#include "common/err.h"
#include "ingest/tee.h"
#include "ingest/thread.h"

struct port_sockets {
	const char *kind; /* NULL: UDP; "tcp", "tls": a listener for connections; set before sockets_open */
	unsigned port, n, batch;
	int fd[THREAD_SOCKETS];
	bool fresh[THREAD_SOCKETS]; /* bound now, not taken over */
	unsigned turn;
	unsigned got;          /* datagrams of the latest call */
	const struct tee *tee; /* who else gets the datagrams; NULL: nobody */
	int wake;              /* eventfd of the process: readable ends the wait */
	uint64_t buffer_bytes; /* what the kernel gave the smallest */
};

/* Listen at `address` ("" = all, IPv4 and IPv6; a name may have several addresses).  want_bytes: queue asked for.  On
 * failure err says which process holds the port, as far as can be found out. */
int sockets_open(
	struct port_sockets *p, const char *address, unsigned port, uint64_t want_bytes, struct err *err);
void sockets_close(struct port_sockets *p);
/* for ingest_thread.receive: recvmmsg into the batch from whichever socket has something; waits up to 250 ms */
unsigned sockets_receive(void *ctx, struct ingest_thread *t);

#endif
