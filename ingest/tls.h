/*
 * tls.h - the one file pair that knows OpenSSL: TLS 1.2 and 1.3 for connections that exporters open (RFC 7011 section 11).
 * The sockets are non-blocking; the handshake happens inside tls_read.
 */
#ifndef FT_INGEST_TLS_H
#define FT_INGEST_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct tls_server; /* certificate, key, whom to trust; made once, used by one thread */
struct tls;        /* one connection */

struct tls_files {
	const char *cert, *key; /* PEM; the certificate first, then its chain */
	const char *ca;         /* PEM, "" none: what client certificates are checked against */
	bool require;           /* no client without a certificate */
};

int tls_server_open(struct tls_server **s, const struct tls_files *f, struct err *err);
void tls_server_close(struct tls_server *s);

/* NULL: out of memory.  fd stays the caller's. */
struct tls *tls_begin(struct tls_server *s, int fd);
enum tls_result { TLS_DATA, TLS_AGAIN, TLS_END, TLS_FAILED };
/* Up to n bytes into p; *got says how many (TLS_DATA).  TLS_AGAIN: when the socket is readable or writable again.
 * TLS_END: the sender is done.  TLS_FAILED: err says why, and nothing more will come. */
enum tls_result tls_read(struct tls *t, uint8_t *p, size_t n, size_t *got, struct err *err);
/* n bytes, all or none; false: they are not sent */
bool tls_write(struct tls *t, const uint8_t *p, size_t n);
bool tls_established(const struct tls *t);
/* "TLSv1.3", and the subject of the client's certificate or "" */
const char *tls_version(const struct tls *t);
void tls_subject(const struct tls *t, char *out, size_t room);
/* Says goodbye if it can without waiting, and frees. */
void tls_end(struct tls *t);

#endif
