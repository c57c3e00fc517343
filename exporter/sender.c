/* sender.c - see sender.h */
#include "exporter/sender.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

enum { LONGEST_WAIT_S = 30, SOCKET_BUFFER = 4 << 20 };

static int
resolve(struct sender *s, const char *where, struct err *err)
{
	char host[256];
	const char *colon = strrchr(where, ':');
	size_t n = colon ? (size_t)(colon - where) : 0;
	if (n == 0 || n >= sizeof host || colon[1] == '\0')
		return err_set(
			err, FT_EINVAL, "collector '%s': write HOST:PORT, or [ADDRESS]:PORT for IPv6", where);
	if (where[0] == '[' && where[n - 1] == ']' && n > 2)
		snprintf(host, sizeof host, "%.*s", (int)n - 2, where + 1);
	else
		snprintf(host, sizeof host, "%.*s", (int)n, where);
	struct addrinfo hints = {.ai_socktype = s->tcp ? SOCK_STREAM : SOCK_DGRAM}, *found;
	int rc = getaddrinfo(host, colon + 1, &hints, &found);
	if (rc != 0)
		return err_set(err, FT_EINVAL, "collector '%s': %s", where, gai_strerror(rc));
	memcpy(&s->to, found->ai_addr, found->ai_addrlen);
	s->to_size = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

static int
open_udp(struct sender *s, struct err *err)
{
	int size = SOCKET_BUFFER;
	s->fd = socket(s->to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&s->to, s->to_size) != 0)
		return err_sys(err, "collector '%s'", s->name);
	if (setsockopt(s->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
		(void)setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	s->state = SENDER_UP;
	return 0;
}

/* The connection is gone, or did not come up. */
static void
away(struct sender *s, int why)
{
	s->wait_s = s->wait_s ? s->wait_s * 2 : 1;
	s->wait_s = s->wait_s > LONGEST_WAIT_S ? LONGEST_WAIT_S : s->wait_s;
	log_limited(
		LOG_L_HIGH, "collector %s: %s; trying again in %d s", s->name, strerror(why), (int)s->wait_s);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->state = SENDER_AWAY;
	s->retry_at = mono_after(mono_now(), span_seconds(s->wait_s));
	s->lost_flows += s->waiting;
	s->n = s->at = 0;
	s->waiting = 0;
}

static void
up(struct sender *s)
{
	s->state = SENDER_UP;
	s->wait_s = 0;
	s->on_up(s->ctx);
}

static void
try_connect(struct sender *s)
{
	int one = 1;
	s->fd = socket(s->to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0) {
		away(s, errno);
		return;
	}
	(void)setsockopt(s->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	if (connect(s->fd, (struct sockaddr *)&s->to, s->to_size) == 0)
		up(s);
	else if (errno == EINPROGRESS)
		s->state = SENDER_CONNECTING;
	else
		away(s, errno);
}

static void
look_connected(struct sender *s)
{
	struct pollfd p = {.fd = s->fd, .events = POLLOUT};
	int why = 0;
	socklen_t size = sizeof why;
	if (poll(&p, 1, 0) <= 0)
		return;
	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &why, &size) != 0)
		why = errno;
	if (why != 0)
		away(s, why);
	else
		up(s);
}

static void
drain(struct sender *s)
{
	while (s->at < s->n) {
		ssize_t k = send(s->fd, s->buffer + s->at, s->n - s->at, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0) {
			if (errno != EAGAIN)
				away(s, errno);
			return;
		}
		s->at += (size_t)k;
		s->octets += (uint64_t)k;
	}
	s->flows += s->waiting;
	s->waiting = 0;
	s->n = s->at = 0;
}

/* a collector says nothing; that it has closed is all there is to read */
static void
look_closed(struct sender *s)
{
	uint8_t some[512];
	ssize_t k = recv(s->fd, some, sizeof some, MSG_DONTWAIT);
	if (k == 0)
		away(s, ECONNRESET);
	else if (k < 0 && errno != EAGAIN && errno != EINTR)
		away(s, errno);
}

void
sender_turn(struct sender *s)
{
	if (!s->tcp)
		return;
	if (s->state == SENDER_AWAY && mono_now().ns >= s->retry_at.ns)
		try_connect(s);
	if (s->state == SENDER_CONNECTING)
		look_connected(s);
	if (s->state == SENDER_UP)
		look_closed(s);
	if (s->state == SENDER_UP)
		drain(s);
}

short
sender_events(const struct sender *s)
{
	if (!s->tcp || s->fd < 0)
		return 0;
	if (s->state == SENDER_CONNECTING)
		return POLLOUT;
	return (short)(POLLIN | (s->n > s->at ? POLLOUT : 0));
}

int
sender_open(struct sender *s, const char *where, bool tcp, bool patient, struct err *err)
{
	s->tcp = tcp;
	s->patient = patient;
	s->fd = -1;
	snprintf(s->name, sizeof s->name, "%s", where);
	int rc = resolve(s, where, err);
	if (rc != 0)
		return rc;
	if (!tcp)
		return open_udp(s, err);
	s->buffer = malloc(SENDER_BUFFER);
	if (s->buffer == NULL)
		return err_set(err, FT_ENOMEM, "no memory for the buffer of collector '%s'", where);
	try_connect(s);
	if (!patient)
		return 0;
	/* a file is read once: without its collector there is nothing to do */
	struct pollfd p = {.fd = s->fd, .events = POLLOUT};
	if (s->state == SENDER_CONNECTING && poll(&p, 1, 10000) > 0)
		look_connected(s);
	if (s->state != SENDER_UP)
		return err_set(err, FT_ESYS, "collector '%s' does not take a TCP connection", where);
	return 0;
}

static void
send_udp(struct sender *s, const uint8_t *bytes, size_t n, unsigned flows)
{
	/* an ICMP error about an earlier datagram comes with the next: that one has not been sent */
	for (unsigned tries = 0; tries < 3; tries++) {
		ssize_t k = send(s->fd, bytes, n, MSG_NOSIGNAL | (s->patient ? 0 : MSG_DONTWAIT));
		if (k == (ssize_t)n) {
			s->messages++;
			s->octets += n;
			s->flows += flows;
			return;
		}
		if (errno != EINTR && errno != ECONNREFUSED)
			break;
	}
	log_limited(LOG_L_HIGH, "collector %s: %s", s->name, strerror(errno));
	s->lost_messages++;
	s->lost_flows += flows;
}

void
sender_send(struct sender *s, const uint8_t *bytes, size_t n, unsigned flows)
{
	if (!s->tcp) {
		send_udp(s, bytes, n, flows);
		return;
	}
	if (s->at > 0 && s->n + n > SENDER_BUFFER) {
		memmove(s->buffer, s->buffer + s->at, s->n - s->at);
		s->n -= s->at;
		s->at = 0;
	}
	while (s->patient && s->state == SENDER_UP && s->n + n > SENDER_BUFFER) {
		struct pollfd p = {.fd = s->fd, .events = POLLOUT};
		(void)poll(&p, 1, 1000);
		drain(s);
		if (s->at > 0) {
			memmove(s->buffer, s->buffer + s->at, s->n - s->at);
			s->n -= s->at;
			s->at = 0;
		}
	}
	if (s->state != SENDER_UP || s->n + n > SENDER_BUFFER) {
		s->lost_messages++;
		s->lost_flows += flows;
		return;
	}
	memcpy(s->buffer + s->n, bytes, n);
	s->n += n;
	s->waiting += flows;
	s->messages++;
	if (s->n > SENDER_BUFFER / 64)
		drain(s);
}

void
sender_finish(struct sender *s, int64_t patience_s)
{
	mono_t end = mono_after(mono_now(), span_seconds(patience_s));
	while (s->tcp && s->state == SENDER_UP && s->n > s->at && mono_now().ns < end.ns) {
		struct pollfd p = {.fd = s->fd, .events = POLLOUT};
		(void)poll(&p, 1, 100);
		drain(s);
	}
	s->lost_flows += s->waiting;
	s->waiting = 0;
}

void
sender_close(struct sender *s)
{
	if (s->tcp && s->fd >= 0)
		(void)shutdown(s->fd, SHUT_WR);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	free(s->buffer);
	s->buffer = NULL;
}
