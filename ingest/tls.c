/*
 * tls.c - see tls.h.
 */
#include "ingest/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tls_server {
	SSL_CTX *ctx;
};

struct tls {
	SSL *ssl;
};

/* what OpenSSL says last, in words */
static int
failed(struct err *err, int code, const char *what, const char *file)
{
	char why[160] = "unknown error";
	unsigned long e = ERR_peek_last_error();
	if (ERR_reason_error_string(e))
		snprintf(why, sizeof why, "%s", ERR_reason_error_string(e));
	else if (errno)
		snprintf(why, sizeof why, "%s", strerror(errno));
	ERR_clear_error();
	return err_set(err, code, "%s %s: %s", what, file, why);
}

static int
trust(SSL_CTX *c, const struct tls_files *f, struct err *err)
{
	if (f->ca[0] == 0)
		return f->require ? err_set(err, FT_EINVAL,
					    "tlsclientcert yes needs tlscafile: whose certificates are good?")
				  : 0;
	if (SSL_CTX_load_verify_locations(c, f->ca, NULL) != 1)
		return failed(err, FT_EINVAL, "tlscafile", f->ca);
	SSL_CTX_set_client_CA_list(c, SSL_load_client_CA_file(f->ca));
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER | (f->require ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
	return 0;
}

static int
load(SSL_CTX *c, const struct tls_files *f, struct err *err)
{
	if (f->cert[0] == 0 || f->key[0] == 0)
		return err_set(err, FT_EINVAL, "ipfixtlsport needs tlscertfile and tlskeyfile");
	if (SSL_CTX_use_certificate_chain_file(c, f->cert) != 1)
		return failed(err, FT_EINVAL, "tlscertfile", f->cert);
	if (SSL_CTX_use_PrivateKey_file(c, f->key, SSL_FILETYPE_PEM) != 1)
		return failed(err, FT_EINVAL, "tlskeyfile", f->key);
	if (SSL_CTX_check_private_key(c) != 1)
		return failed(err, FT_EINVAL, "tlskeyfile is not the key of tlscertfile:", f->key);
	return trust(c, f, err);
}

int
tls_server_open(struct tls_server **s, const struct tls_files *f, struct err *err)
{
	*s = calloc(1, sizeof **s);
	if (*s == NULL)
		return err_set(err, FT_ENOMEM, "out of memory for TLS");
	errno = 0;
	(*s)->ctx = SSL_CTX_new(TLS_server_method());
	if ((*s)->ctx == NULL) {
		free(*s);
		*s = NULL;
		return failed(err, FT_ENOMEM, "OpenSSL", "can't start");
	}
	SSL_CTX *c = (*s)->ctx;
	SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
	/* Exporters connect seldom and only send: no sessions to resume, no tickets, which they would never read.  One that
	 * closes without TLS's own goodbye is common; a message that is cut short by that is seen by its length. */
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(c, 0);
	SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				       SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	int rc = load(c, f, err);
	if (rc != 0) {
		tls_server_close(*s);
		*s = NULL;
	}
	return rc;
}

void
tls_server_close(struct tls_server *s)
{
	if (s == NULL)
		return;
	SSL_CTX_free(s->ctx);
	free(s);
}

struct tls *
tls_begin(struct tls_server *s, int fd)
{
	struct tls *t = calloc(1, sizeof *t);
	if (t == NULL)
		return NULL;
	t->ssl = SSL_new(s->ctx);
	if (t->ssl == NULL || SSL_set_fd(t->ssl, fd) != 1) {
		SSL_free(t->ssl);
		free(t);
		ERR_clear_error();
		return NULL;
	}
	SSL_set_accept_state(t->ssl);
	return t;
}

enum tls_result
tls_read(struct tls *t, uint8_t *p, size_t n, size_t *got, struct err *err)
{
	*got = 0;
	errno = 0;
	ERR_clear_error();
	if (SSL_read_ex(t->ssl, p, n, got) == 1)
		return TLS_DATA;
	switch (SSL_get_error(t->ssl, 0)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return TLS_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_END;
	default:
		break;
	}
	long verdict = SSL_get_verify_result(t->ssl);
	if (verdict != X509_V_OK)
		err_set(err, FT_EINVAL, "its certificate: %s", X509_verify_cert_error_string(verdict));
	else if (ERR_peek_last_error() == 0 && errno == 0)
		err_set(err, FT_EINVAL, "it closed the connection");
	else
		failed(err, FT_EINVAL, "TLS", tls_established(t) ? "broke" : "did not come about");
	ERR_clear_error();
	return TLS_FAILED;
}

bool
tls_write(struct tls *t, const uint8_t *p, size_t n)
{
	size_t sent;
	ERR_clear_error();
	/* A record that was begun is finished by the next write; moving buffers are allowed, and all of these say all that was
	 * taken so far, so that an older one does no harm. */
	bool done = SSL_write_ex(t->ssl, p, n, &sent) == 1;
	ERR_clear_error();
	return done;
}

bool
tls_established(const struct tls *t)
{
	return SSL_is_init_finished(t->ssl) == 1;
}

const char *
tls_version(const struct tls *t)
{
	return SSL_get_version(t->ssl);
}

void
tls_subject(const struct tls *t, char *out, size_t room)
{
	const X509 *cert = SSL_get0_peer_certificate(t->ssl);
	out[0] = 0;
	if (cert)
		(void)X509_NAME_oneline(X509_get_subject_name(cert), out, (int)room);
}

void
tls_end(struct tls *t)
{
	if (t == NULL)
		return;
	if (tls_established(t))
		(void)SSL_shutdown(t->ssl); /* one attempt */
	ERR_clear_error();
	SSL_free(t->ssl);
	free(t);
}
