/*
 * link.c - see link.h.
 */
#include "proxy/link.h"

#include <errno.h>
#include <linux/sockios.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

enum { WAIT_S = 10 };

/* 0: ready; FT_ETIME, FT_ECANCEL */
static int
wait_for(int fd, short events, int stop_fd, mono_t since)
{
	for (;;) {
		struct pollfd p[2] = {{fd, events, 0}, {stop_fd, POLLIN, 0}};
		int64_t left = WAIT_S * 1000 - mono_since(mono_now(), since).us / 1000;
		if (left <= 0)
			return FT_ETIME;
		if (poll(p, 2, (int)left) < 0 && errno != EINTR)
			return FT_ESYS;
		if (p[1].revents)
			return FT_ECANCEL;
		if (p[0].revents)
			return 0;
	}
}

static int
connect_one(const struct addrinfo *a, int stop_fd, struct err *err, const struct destination *to)
{
	int one = 1, why = 0, idle = 30, each = 10, tries = 3, unacknowledged_ms = 60000;
	socklen_t n = sizeof why;
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(err, "no socket");
	int rc = connect(fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS ? 0 : errno;
	if (rc == 0) {
		int waited = wait_for(fd, POLLOUT, stop_fd, mono_now());
		if (waited == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &n) == 0)
			rc = why;
		else
			rc = waited == FT_ECANCEL ? ECANCELED : ETIMEDOUT;
	}
	if (rc != 0) {
		close(fd);
		return err_set(err, rc == ECANCELED ? FT_ECANCEL : FT_ESYS, "%s port %s: can't connect: %s",
			to->host, to->port, strerror(rc));
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &each, sizeof each);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof tries);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
	return fd;
}

/* ---- TLS -------------------------------------------------------------------------------------- */

static int
tls_failed(struct err *err, const struct link *l, const char *what, const char *which)
{
	const char *why = NULL;
	long verdict = l->ssl ? SSL_get_verify_result(l->ssl) : X509_V_OK;
	if (verdict != X509_V_OK)
		why = X509_verify_cert_error_string(verdict);
	else if (ERR_peek_last_error())
		why = ERR_reason_error_string(ERR_peek_last_error());
	ERR_clear_error();
	return err_set(err, FT_EINVAL, "%s %s: %s", what, which, why ? why : "unknown error");
}

static int
context(struct link *l, const struct proxy_settings *s, struct err *err)
{
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());
	l->ssl_context = c;
	if (c == NULL)
		return tls_failed(err, l, "OpenSSL", "can't start");
	SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
	SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(c, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
	if (s->ca[0] ? SSL_CTX_load_verify_locations(c, s->ca, NULL) != 1
		     : SSL_CTX_set_default_verify_paths(c) != 1)
		return tls_failed(err, l, "tlscafile", s->ca);
	if (s->cert[0] && SSL_CTX_use_certificate_chain_file(c, s->cert) != 1)
		return tls_failed(err, l, "tlscertfile", s->cert);
	if (s->cert[0] && (SSL_CTX_use_PrivateKey_file(c, s->key, SSL_FILETYPE_PEM) != 1 ||
				  SSL_CTX_check_private_key(c) != 1))
		return tls_failed(err, l, "tlskeyfile", s->key);
	return 0;
}

static int
handshake(struct link *l, const struct destination *to, const struct proxy_settings *s, int stop_fd,
	struct err *err)
{
	struct in6_addr six;
	struct in_addr four;
	mono_t since = mono_now();
	int rc = context(l, s, err);
	if (rc != 0)
		return rc;
	SSL *ssl = l->ssl = SSL_new(l->ssl_context);
	if (ssl == NULL || SSL_set_fd(ssl, l->fd) != 1)
		return tls_failed(err, l, "OpenSSL", "can't start");
	bool address = inet_pton(AF_INET, to->host, &four) == 1 || inet_pton(AF_INET6, to->host, &six) == 1;
	if (address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), to->host) != 1
		    : (SSL_set1_host(ssl, to->host) != 1 || SSL_set_tlsext_host_name(ssl, to->host) != 1))
		return tls_failed(err, l, "TLS", to->host);
	for (;;) {
		ERR_clear_error();
		int n = SSL_connect(ssl);
		if (n == 1)
			return 0;
		int why = SSL_get_error(ssl, n);
		if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
			return tls_failed(err, l, "TLS with", to->host);
		rc = wait_for(l->fd, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, stop_fd, since);
		if (rc != 0)
			return err_set(err, rc, "%s port %s: no TLS handshake within %d s", to->host,
				to->port, WAIT_S);
	}
}

/* ---- life ------------------------------------------------------------------------------------- */

int
link_open(struct link *l, const struct destination *to, const struct proxy_settings *s, int stop_fd,
	struct err *err)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
	*l = (struct link){.fd = -1};
	int rc = getaddrinfo(to->host, to->port, &hints, &list);
	if (rc != 0)
		return err_set(err, FT_ENOENT, "%s: %s", to->host, gai_strerror(rc));
	rc = FT_ENOENT;
	for (const struct addrinfo *a = list; a && l->fd < 0 && rc != FT_ECANCEL; a = a->ai_next) {
		rc = connect_one(a, stop_fd, err, to);
		if (rc >= 0)
			l->fd = rc;
	}
	freeaddrinfo(list);
	if (l->fd < 0)
		return rc;
	rc = to->tls ? handshake(l, to, s, stop_fd, err) : 0;
	if (rc != 0)
		link_close(l);
	return rc;
}

void
link_close(struct link *l)
{
	if (l->ssl) {
		if (SSL_is_init_finished(l->ssl))
			(void)SSL_shutdown(l->ssl);
		ERR_clear_error();
		SSL_free(l->ssl);
	}
	SSL_CTX_free(l->ssl_context);
	if (l->fd >= 0)
		close(l->fd);
	*l = (struct link){.fd = -1};
}

static long
tls_result(struct link *l, int got, size_t n)
{
	if (got == 1)
		return (long)n;
	int why = SSL_get_error(l->ssl, got);
	ERR_clear_error();
	l->wants_read |= why == SSL_ERROR_WANT_READ;
	l->wants_write |= why == SSL_ERROR_WANT_WRITE;
	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

long
link_send(struct link *l, const uint8_t *p, size_t n)
{
	size_t done = 0;
	if (l->ssl) {
		ERR_clear_error();
		l->wants_read = l->wants_write = false;
		int got = SSL_write_ex(l->ssl, p, n, &done);
		return tls_result(l, got, done);
	}
	ssize_t k = send(l->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return k >= 0 ? (long)k : errno == EAGAIN || errno == EINTR ? 0 : -1;
}

long
link_receive(struct link *l, uint8_t *p, size_t n)
{
	size_t done = 0;
	if (l->ssl) {
		ERR_clear_error();
		int got = SSL_read_ex(l->ssl, p, n, &done);
		return tls_result(l, got, done);
	}
	ssize_t k = recv(l->fd, p, n, MSG_DONTWAIT);
	return k > 0 ? (long)k : k < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

short
link_events(const struct link *l, bool to_send)
{
	bool out = to_send ? !l->wants_read : l->wants_write;
	return (short)(POLLIN | (out ? POLLOUT : 0));
}

int
link_unsent(const struct link *l)
{
	int n = 0;
	return ioctl(l->fd, SIOCOUTQ, &n) == 0 ? n : -1;
}
