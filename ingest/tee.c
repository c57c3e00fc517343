/*
 * tee.c - see tee.h.
 *
 * One socket a target, shared by all threads.  The source address goes with each datagram as IP_PKTINFO, so one sendmmsg
 * takes a batch of many exporters; a raw socket would keep the port too, but needs headers made by hand, does not
 * fragment, and one capability more.
 */
#include "ingest/tee.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/contract/datagram_ring.h"
#include "common/conf_words.h"
#include "common/counters.h"
#include "common/log.h"

enum { SEND_BUFFER = 4 << 20 };

static uint16_t
port_of(const struct sockaddr_storage *a)
{
	return ntohs(a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
					      : ((const struct sockaddr_in *)a)->sin_port);
}

/* An address of this host can be bound, any other can't. */
static bool
is_here(const struct sockaddr_storage *a, socklen_t n)
{
	struct sockaddr_storage any_port = *a;
	if (a->ss_family == AF_INET6)
		((struct sockaddr_in6 *)&any_port)->sin6_port = 0;
	else
		((struct sockaddr_in *)&any_port)->sin_port = 0;
	int fd = socket(a->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool here = fd >= 0 && bind(fd, (const struct sockaddr *)&any_port, n) == 0;
	if (fd >= 0)
		close(fd);
	return here;
}

static int
open_one(struct tee_target *g, const struct addrinfo *a, struct err *err)
{
	int one = 1, size = SEND_BUFFER;
	bool six = a->ai_family == AF_INET6;
	memcpy(&g->to, a->ai_addr, a->ai_addrlen);
	g->to_bytes = a->ai_addrlen;
	g->fd = socket(a->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (g->fd < 0)
		return err_sys(err, "tee %s: can't make a UDP socket", g->name);
	if (setsockopt(g->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
		(void)setsockopt(g->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	g->transparent = setsockopt(g->fd, six ? IPPROTO_IPV6 : IPPROTO_IP,
				 six ? IPV6_TRANSPARENT : IP_TRANSPARENT, &one, sizeof one) == 0;
	return 0;
}

int
tee_open(struct tee *t, const char *const *words, unsigned n, const unsigned *own, unsigned n_own,
	struct err *err)
{
	t->n = 0;
	for (unsigned i = 0; i < n; i++) {
		struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM}, *list = NULL;
		struct tee_target *g = &t->target[t->n];
		char host[256], port[8];
		if (t->n == TEE_TARGETS)
			return err_set(err, FT_EINVAL, "tee: at most %d targets", TEE_TARGETS);
		if (!conf_words_target(words[i], host, sizeof host, port, sizeof port))
			return err_set(err, FT_EINVAL,
				"tee %.100s: expected HOST:PORT, as in 192.0.2.7:2055 or [2001:db8::7]:2055",
				words[i]);
		snprintf(g->name, sizeof g->name, "%.79s", words[i]);
		int rc = getaddrinfo(host, port, &hints, &list);
		if (rc != 0) {
			log_critical("tee %s: %s; nothing is repeated there until ft-ingest is started again",
				g->name, gai_strerror(rc));
			continue;
		}
		rc = open_one(g, list, err);
		freeaddrinfo(list);
		if (rc != 0)
			return rc;
		t->n++;
		for (unsigned k = 0; k < n_own; k++)
			if (own[k] == port_of(&g->to) && is_here(&g->to, g->to_bytes))
				return err_set(err, FT_EINVAL,
					"tee %s: that is where ft-ingest itself listens; datagrams would go "
					"round for ever",
					g->name);
		log_high("datagrams are repeated to %s, %s", g->name,
			g->transparent
				? "as from the exporters' own addresses"
				: "from this host's address: CAP_NET_ADMIN or CAP_NET_RAW is needed to keep "
				  "the exporters'");
	}
	return 0;
}

void
tee_close(struct tee *t)
{
	for (unsigned i = 0; i < t->n; i++)
		close(t->target[i].fd);
	t->n = 0;
}

/* ---- sending ---------------------------------------------------------------------------------- */

union control {
	struct cmsghdr h; /* for its alignment */
	uint8_t v4[CMSG_SPACE(sizeof(struct in_pktinfo))], v6[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* The kernel sends nothing from a loopback address to elsewhere. */
static bool
may_be_from(const struct tee_target *g, const uint8_t source[16])
{
	bool v4 = addr_is_v4(source), loopback = v4 ? source[12] == 127 : IN6_IS_ADDR_LOOPBACK(source);
	if (!g->transparent || v4 != (g->to.ss_family == AF_INET))
		return false;
	if (!loopback)
		return true;
	return v4 ? ((const uint8_t *)&((const struct sockaddr_in *)&g->to)->sin_addr)[0] == 127
		  : IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&g->to)->sin6_addr);
}

static void
set_source(struct msghdr *m, union control *c, const uint8_t source[16])
{
	bool v4 = addr_is_v4(source);
	memset(c, 0, sizeof *c);
	m->msg_control = c;
	m->msg_controllen = v4 ? sizeof c->v4 : sizeof c->v6;
	struct cmsghdr *h = CMSG_FIRSTHDR(m);
	h->cmsg_level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	h->cmsg_type = v4 ? IP_PKTINFO : IPV6_PKTINFO;
	if (v4) {
		struct in_pktinfo i = {0};
		memcpy(&i.ipi_spec_dst, source + 12, 4);
		h->cmsg_len = CMSG_LEN(sizeof i);
		memcpy(CMSG_DATA(h), &i, sizeof i);
	} else {
		struct in6_pktinfo i = {0};
		memcpy(&i.ipi6_addr, source, 16);
		h->cmsg_len = CMSG_LEN(sizeof i);
		memcpy(CMSG_DATA(h), &i, sizeof i);
	}
}

static void
source_of(const struct msghdr *m, uint8_t out[16])
{
	const struct sockaddr_storage *from = m->msg_name;
	if (from->ss_family == AF_INET6)
		memcpy(out, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
	else
		addr_from_v4(out, (const uint8_t *)&((const struct sockaddr_in *)from)->sin_addr);
}

/* How many of the batch were sent.  What fails is left out; with no room in the socket all the rest is. */
static unsigned
send_all(const struct tee_target *g, struct mmsghdr *out, unsigned n)
{
	unsigned sent = 0;
	for (unsigned at = 0; at < n;) {
		int k = sendmmsg(g->fd, out + at, n - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (k > 0) {
			at += (unsigned)k;
			sent += (unsigned)k;
			continue;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
			break;
		if (errno == EINTR)
			continue;
		log_limited(LOG_L_CRITICAL, "tee %s: can't send: %s", g->name, strerror(errno));
		at++;
	}
	return sent;
}

static void
repeat_to(const struct tee_target *g, const struct mmsghdr *msg, unsigned n)
{
	struct mmsghdr out[FT_DATAGRAMS];
	struct iovec iov[FT_DATAGRAMS];
	union control control[FT_DATAGRAMS];
	for (unsigned i = 0; i < n; i++) {
		uint8_t source[16];
		size_t most = msg[i].msg_hdr.msg_iov->iov_len;
		iov[i] = (struct iovec){
			msg[i].msg_hdr.msg_iov->iov_base, msg[i].msg_len < most ? msg[i].msg_len : most};
		out[i] = (struct mmsghdr){.msg_hdr = {.msg_name = (void *)(uintptr_t)&g->to,
						  .msg_namelen = g->to_bytes,
						  .msg_iov = &iov[i],
						  .msg_iovlen = 1}};
		source_of(&msg[i].msg_hdr, source);
		if (may_be_from(g, source))
			set_source(&out[i].msg_hdr, &control[i], source);
	}
	unsigned sent = send_all(g, out, n);
	counter_add(COUNTER_ingest_tee_sent, sent);
	counter_add(COUNTER_ingest_tee_dropped, n - sent);
}

void
tee_repeat(const struct tee *t, const struct mmsghdr *msg, unsigned n)
{
	for (unsigned i = 0; i < t->n; i++)
		repeat_to(&t->target[i], msg, n < FT_DATAGRAMS ? n : FT_DATAGRAMS);
}
