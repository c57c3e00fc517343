/*
 * tls.h - certificate and TLS settings of the web port; with tls.c the only file here that knows OpenSSL.
 *
 * TLS 1.2 and 1.3, ciphers with forward secrecy and authenticated encryption only, no renegotiation, no compression.
 * Without a certificate of one's own (web/tlscertfile) there is a self-made one: ECDSA P-256 in FOLDER/web.crt and
 * web.key (0600), made at first start, valid for ten years, for this machine's names and addresses.
 */
#ifndef FT_WEBD_TLS_H
#define FT_WEBD_TLS_H

#include <stdbool.h>

#include "common/err.h"

struct tls;
struct ssl_st;

/* certfile and keyfile "": self-made, in folder.  Errors say which file and what to do. */
int tls_open(
	struct tls **out, const char *certfile, const char *keyfile, const char *folder, struct err *err);
/* Read the files again (SIGHUP); on failure the old ones stay in use. */
int tls_reload(struct tls *t, const char *certfile, const char *keyfile, const char *folder, struct err *err);
void tls_close(struct tls *t);
/* Certified by somebody else than itself: browsers may be told to insist on TLS. */
bool tls_certified(const struct tls *t);
/* SHA-256 of the certificate, "AB:CD:…": what a person compares when the browser asks; valid until a reload */
const char *tls_fingerprint(const struct tls *t);
/* what a new connection is spoken with; NULL: no memory */
struct ssl_st *tls_session(struct tls *t);

#endif
