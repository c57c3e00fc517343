/*
 * connections.c - see connections.h.
 */
#include "proxy/connections.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/counters.h"
#include "common/log.h"
#include "common/proc.h"
#include "ingest/stream.h"

enum {
	EVENTS = 64,
	ACCEPTS = 64,                      /* a turn and listener */
	BUFFER = 2 * (STREAM_MESSAGE + 1), /* a rest, and as much again */
	MESSAGES = 64,                     /* cut at a time */
	READS = 4,                         /* a turn and connection: then it is the others' turn */
	HANDSHAKE_S = 30,
	OTHER_FILES = 100, /* files of the process besides connections */
};
enum { OF_LISTENER = 1, OF_CONNECTION }; /* upper half of epoll's data */
enum result { NOTHING, SOMETHING, OVER };

/* ---- the end of a connection ------------------------------------------------------------------- */

static void
end(struct connections *s, struct connection *c, enum counter counter, const char *why)
{
	char from[ADDR_TEXT];
	addr_text(c->address, from);
	if (why) {
		counter_add(counter, 1);
		log_limited(LOG_L_HIGH, "TCP port %u: the connection of %s port %u is closed: %s", c->port,
			from, c->peer_port, why);
	} else
		log_medium("TCP port %u: %s port %u has closed its connection", c->port, from, c->peer_port);
	tls_end(c->tls);
	close(c->fd);
	free(c->rest);
	s->ended(s->ctx, c->id);
	*c = (struct connection){.fd = -1};
	s->open--;
	counter_set(COUNTER_proxy_tcp_connections, s->open);
}

/* ---- taking connections ----------------------------------------------------------------------- */

static void
prepare(int fd)
{
	int one = 1, idle = 60, each = 15, tries = 4;
	/* a peer that vanished is noticed within two minutes */
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &each, sizeof each);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof tries);
}

static void
peer_of(struct connection *c, const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET6) {
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)a;
		memcpy(c->address, &six->sin6_addr, 16);
		c->peer_port = ntohs(six->sin6_port);
	} else {
		const struct sockaddr_in *four = (const struct sockaddr_in *)a;
		addr_from_v4(c->address, (const uint8_t *)&four->sin_addr);
		c->peer_port = ntohs(four->sin_port);
	}
}

static void
take(struct connections *s, const struct port_sockets *p, int fd, const struct sockaddr_storage *from)
{
	struct connection new = {.id = s->last_id + 1,
		.fd = fd,
		.port = (uint16_t)p->port,
		.ready = true,
		.since = mono_now(),
		.heard = mono_now()};
	unsigned i = 0;
	while (i < s->most && s->c[i].id)
		i++;
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.u64 = (uint64_t)OF_CONNECTION << 32 | i};
	if (i == s->most) {
		counter_add(COUNTER_proxy_tcp_refused, 1);
		log_limited(LOG_L_CRITICAL,
			"TCP port %u: a connection is refused: there are %u already (maxconnections)",
			p->port, s->open);
		close(fd);
		return;
	}
	peer_of(&new, from);
	prepare(fd);
	if ((strcmp(p->kind, "tls") == 0 && (new.tls = tls_begin(s->tls, fd)) == NULL) ||
		epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) != 0) {
		log_limited(LOG_L_CRITICAL, "TCP port %u: a connection can't be taken: %s", p->port,
			strerror(errno));
		tls_end(new.tls);
		close(fd);
		return;
	}
	s->c[i] = new;
	s->last_id = new.id;
	s->open++;
	counter_add(COUNTER_proxy_tcp_accepted, 1);
	counter_set(COUNTER_proxy_tcp_connections, s->open);
}

static void
take_from(struct connections *s, const struct port_sockets *p, int listener)
{
	for (unsigned i = 0; i < ACCEPTS; i++) {
		struct sockaddr_storage from = {0};
		socklen_t n = sizeof from;
		int fd = accept4(listener, (struct sockaddr *)&from, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			take(s, p, fd, &from);
		else if (errno != ECONNABORTED && errno != EINTR) {
			if (errno != EAGAIN)
				log_limited(LOG_L_CRITICAL, "TCP port %u: can't take a connection: %s",
					p->port, strerror(errno));
			return;
		}
	}
}

/* ---- reading ---------------------------------------------------------------------------------- */

/* Up to `room` bytes to p. */
static enum result
read_some(struct connections *s, struct connection *c, uint8_t *p, size_t room, size_t *got)
{
	struct err err;
	if (c->tls) {
		bool known = tls_established(c->tls);
		switch (tls_read(c->tls, p, room, got, &err)) {
		case TLS_DATA:
			return SOMETHING;
		case TLS_AGAIN:
			return NOTHING;
		case TLS_END:
			end(s, c, COUNTER_proxy_tcp_broken,
				c->n_rest ? "it ended in the middle of a message" : NULL);
			return OVER;
		default:
			end(s, c, known ? COUNTER_proxy_tcp_broken : COUNTER_proxy_tls_failed, err.text);
			return OVER;
		}
	}
	ssize_t n = recv(c->fd, p, room, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return errno == EINTR ? SOMETHING : NOTHING;
	if (n <= 0) {
		end(s, c, COUNTER_proxy_tcp_broken,
			n < 0       ? strerror(errno)
			: c->n_rest ? "it ended in the middle of a message"
				    : NULL);
		return OVER;
	}
	*got = (size_t)n;
	return SOMETHING;
}

/* false: what comes is no IPFIX, the connection is over */
static bool
cut(struct connections *s, struct connection *c, size_t n)
{
	uint32_t length[MESSAGES];
	size_t at = 0;
	struct stream_cut k;
	do {
		k = stream_cut(s->buffer + at, n - at, length, MESSAGES);
		for (unsigned i = 0; i < k.n; at += length[i++])
			s->message(s->ctx, c, s->buffer + at, length[i]);
	} while (k.n == MESSAGES);
	if (k.why) {
		end(s, c, COUNTER_proxy_tcp_bad, k.why);
		return false;
	}
	c->n_rest = n - at;
	if (c->n_rest && c->rest == NULL && (c->rest = malloc(STREAM_MESSAGE + 1)) == NULL) {
		end(s, c, COUNTER_proxy_tcp_broken, "out of memory");
		return false;
	}
	if (c->n_rest)
		memcpy(c->rest, s->buffer + at, c->n_rest);
	else {
		free(c->rest);
		c->rest = NULL;
	}
	return true;
}

static void
read_connection(struct connections *s, struct connection *c)
{
	for (unsigned i = 0; i < READS; i++) {
		size_t got = 0;
		if (c->n_rest)
			memcpy(s->buffer, c->rest, c->n_rest);
		switch (read_some(s, c, s->buffer + c->n_rest, BUFFER - c->n_rest, &got)) {
		case NOTHING:
			c->ready = false;
			return;
		case OVER:
			return;
		default:
			c->heard = mono_now();
			if (!cut(s, c, c->n_rest + got))
				return;
		}
	}
}

static void
look_at_times(struct connections *s)
{
	mono_t now = mono_now();
	if (mono_since(now, s->looked).us < 1000000)
		return;
	s->looked = now;
	for (unsigned i = 0; i < s->most; i++) {
		struct connection *c = &s->c[i];
		if (c->id == 0)
			continue;
		if (c->tls && !tls_established(c->tls) &&
			mono_since(now, c->since).us > HANDSHAKE_S * INT64_C(1000000))
			end(s, c, COUNTER_proxy_tls_failed, "no TLS handshake within 30 s");
		else if (s->timeout_us && mono_since(now, c->heard).us > s->timeout_us)
			end(s, c, COUNTER_proxy_tcp_broken, "nothing came for tcptimeout");
	}
}

bool
connections_turn(struct connections *s)
{
	struct epoll_event e[EVENTS];
	bool more = false;
	int n = s->epoll >= 0 ? epoll_wait(s->epoll, e, EVENTS, 0) : 0;
	for (int i = 0; i < n; i++) {
		unsigned at = (uint32_t)e[i].data.u64;
		if (e[i].data.u64 >> 32 == OF_LISTENER)
			take_from(s, &s->port[at / THREAD_SOCKETS],
				s->port[at / THREAD_SOCKETS].fd[at % THREAD_SOCKETS]);
		else
			s->c[at].ready = s->c[at].id != 0;
	}
	for (unsigned i = 0, left = s->open; i < s->most && left > 0; i++) {
		left -= s->c[i].id != 0;
		if (s->c[i].id && s->c[i].ready)
			read_connection(s, &s->c[i]);
		more |= s->c[i].id && s->c[i].ready;
	}
	if (s->open)
		look_at_times(s);
	return more;
}

/* ---- life ------------------------------------------------------------------------------------- */

static void
open_ports(struct connections *s, const struct conf *conf, enum conf_key key, const char *kind)
{
	const char *const *words;
	struct err err;
	unsigned n = conf_list(conf, key, &words);
	for (unsigned i = 0; i < n && s->ports < CONNECTIONS_PORTS; i++) {
		struct port_sockets *p = &s->port[s->ports];
		*p = (struct port_sockets){.kind = kind};
		if (sockets_open(p, conf_str(conf, CONF_netflow_listenaddress), conf_port(conf, key, i),
			    conf_uint(conf, CONF_netflow_tcpbuffer), &err) != 0)
			log_critical("%s", err.text);
		for (unsigned k = 0; k < p->n; k++) {
			struct epoll_event e = {.events = EPOLLIN,
				.data.u64 = (uint64_t)OF_LISTENER << 32 | (s->ports * THREAD_SOCKETS + k)};
			int flags = fcntl(p->fd[k], F_GETFL);
			(void)fcntl(p->fd[k], F_SETFL, flags | O_NONBLOCK);
			if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, p->fd[k], &e) != 0)
				log_critical("TCP port %u: %s", p->port, strerror(errno));
		}
		s->ports++;
	}
}

static void
open_tls(struct connections *s, const struct conf *conf)
{
	const struct tls_files f = {.cert = conf_str(conf, CONF_netflow_tlscertfile),
		.key = conf_str(conf, CONF_netflow_tlskeyfile),
		.ca = conf_str(conf, CONF_netflow_tlscafile),
		.require = conf_bool(conf, CONF_netflow_tlsclientcert)};
	const char *const *words;
	struct err err;
	if (conf_list(conf, CONF_netflow_ipfixtlsport, &words) == 0)
		return;
	if (tls_server_open(&s->tls, &f, &err) != 0)
		log_critical("ipfixtlsport is not listened at: %s", err.text);
	else
		open_ports(s, conf, CONF_netflow_ipfixtlsport, "tls");
}

int
connections_open(struct connections *s, const struct conf *conf, struct err *err)
{
	const char *const *words;
	s->epoll = -1;
	if (conf_list(conf, CONF_netflow_ipfixtcpport, &words) +
			conf_list(conf, CONF_netflow_ipfixtlsport, &words) ==
		0)
		return 0;
	unsigned long files = proc_raise_files();
	s->most = (unsigned)conf_uint(conf, CONF_netflow_maxconnections);
	if (s->most + OTHER_FILES > files)
		s->most = files > 2 * OTHER_FILES ? (unsigned)files - OTHER_FILES : OTHER_FILES;
	s->timeout_us = (int64_t)conf_uint(conf, CONF_netflow_tcptimeout) * 1000000;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->c = calloc(s->most, sizeof *s->c);
	s->buffer = malloc(BUFFER);
	if (s->epoll < 0 || s->c == NULL || s->buffer == NULL)
		return err_set(err, FT_ENOMEM, "out of memory for %u TCP connections", s->most);
	open_ports(s, conf, CONF_netflow_ipfixtcpport, "tcp");
	open_tls(s, conf);
	return 0;
}

void
connections_close(struct connections *s)
{
	for (unsigned i = 0; s->c && i < s->most; i++)
		if (s->c[i].id) {
			tls_end(s->c[i].tls);
			close(s->c[i].fd);
			free(s->c[i].rest);
		}
	for (unsigned i = 0; i < s->ports; i++)
		sockets_close(&s->port[i]);
	tls_server_close(s->tls);
	if (s->epoll >= 0)
		close(s->epoll);
	free(s->c);
	free(s->buffer);
	*s = (struct connections){.epoll = -1};
}
