/*
 * link.h - one TCP connection to a destination, plain or TLS: the one file pair of ft-proxy that knows OpenSSL.
 */
#ifndef FT_PROXY_LINK_H
#define FT_PROXY_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "proxy/settings.h"

struct link {
	int fd; /* -1: closed */
	void *ssl, *ssl_context;
	bool wants_read, wants_write; /* TLS: what its next step waits for */
};

/* Connect, and TLS's handshake with the destination's certificate checked against its name; waits up to 10 s, or until
 * stop_fd is readable (FT_ECANCEL). */
int link_open(struct link *l, const struct destination *to, const struct proxy_settings *s, int stop_fd,
	struct err *err);
void link_close(struct link *l);
/* > 0: bytes; 0: not now (poll for link_events); < 0: it is broken */
long link_send(struct link *l, const uint8_t *p, size_t n);
long link_receive(struct link *l, uint8_t *p, size_t n);
short link_events(const struct link *l, bool to_send); /* of poll(2) */
/* bytes that the peer's kernel has not acknowledged yet */
int link_unsent(const struct link *l);

#endif
