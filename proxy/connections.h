/*
 * connections.h - IPFIX over TCP and TLS from exporters: listeners, connections, messages.
 *
 * One thread, which is receive's; it watches `epoll`.  Nothing outlives the process: a connection ends with it, and so does
 * what the kernel held of it, which its exporter can tell (RFC 7011 section 10.4.2: it connects again).  An exporter is never
 * made to wait: what its messages hold goes to the queues on disk.
 *
 * Bounds: maxconnections, tcpbuffer and tcptimeout of section netflow; 64 KB of memory for one that has sent a part of a message.
 */
#ifndef FT_PROXY_CONNECTIONS_H
#define FT_PROXY_CONNECTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/conf.h"
#include "ingest/socket.h"
#include "ingest/tls.h"

enum { CONNECTIONS_PORTS = 16 };

struct connection {
	uint32_t id; /* 0: free.  Never used again in this process */
	int fd;
	uint16_t port, peer_port; /* ours, its */
	uint8_t address[16];
	bool ready;      /* there may be something to be read */
	struct tls *tls; /* NULL: plain */
	uint8_t *rest;   /* of a message that is not whole, or NULL; n_rest bytes */
	size_t n_rest;
	mono_t since, heard;
};

struct connections {
	struct port_sockets port[CONNECTIONS_PORTS];
	unsigned ports;
	struct tls_server *tls;
	int epoll; /* -1: no TCP is wanted */
	struct connection *c;
	unsigned most, open;
	uint32_t last_id;
	uint8_t *buffer;
	int64_t timeout_us; /* 0: none */
	mono_t looked;
	/* a whole message of a connection; a connection has ended: what it taught is void */
	void (*message)(void *ctx, const struct connection *c, const uint8_t *p, size_t n);
	void (*ended)(void *ctx, uint32_t id);
	void *ctx;
};

/* Listen at ipfixtcpport and ipfixtlsport.  A port that can't be listened at is said and left out; 0 even then. */
int connections_open(struct connections *s, const struct conf *conf, struct err *err);
/* Take new connections, read what is there.  true: there may be more at once. */
bool connections_turn(struct connections *s);
void connections_close(struct connections *s);

#endif
