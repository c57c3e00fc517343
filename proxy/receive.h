/*
 * receive.h - the thread that reads what exporters send, by UDP, TCP and TLS.
 *
 * A datagram is read, decoded, and what it holds is in every queue before the next one is read: a kill loses the flows of one
 * datagram at most, and that is counted (intake.h).
 */
#ifndef FT_PROXY_RECEIVE_H
#define FT_PROXY_RECEIVE_H

#include <pthread.h>

#include "ingest/socket.h"
#include "proxy/connections.h"
#include "proxy/intake.h"

enum { RECEIVE_PORTS = 12 };

struct receive {
	struct intake *intake;
	struct port_sockets port[RECEIVE_PORTS];
	unsigned ports;
	uint32_t drops[RECEIVE_PORTS][THREAD_SOCKETS]; /* the kernel's count so far */
	struct connections connections;
	pthread_t thread;
	bool running;
	int wake;
	_Atomic bool stop;
};

int receive_open(struct receive *r, const struct conf *c, struct intake *intake, struct err *err);
int receive_start(struct receive *r, struct err *err);
void receive_close(struct receive *r);

#endif
