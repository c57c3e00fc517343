/*
 * socket.c - see socket.h.  A descriptor kept by the keeper comes back with its queue; only when there is none is the
 * port bound.
 */
#include "ingest/socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "common/holder.h"
#include "common/log.h"
#include "common/proc.h"

enum { GATHER_US = 3000, LONG_GATHER_US = 100000, LONG_GATHER_BYTES = 32 << 20 };

static void
set_up(struct port_sockets *p, int fd, uint64_t want)
{
	int one = 1, size = want > INT32_MAX / 2 ? INT32_MAX / 2 : (int)want, got = 0;
	socklen_t n = sizeof got;
	if (p->kind == NULL)
		(void)setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &one, sizeof one);
	/* beyond rmem_max where we may, else as far as it goes; ft-ctl status shows how long that lasts */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &n) == 0 &&
		(p->buffer_bytes == 0 || (uint64_t)got < p->buffer_bytes))
		p->buffer_bytes = (uint64_t)got;
}

static int
open_one(struct port_sockets *p, const struct addrinfo *a, uint64_t want, struct err *err)
{
	char host[80], name[120], who[160];
	int one = 1, zero = 0;
	if (getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0)
		snprintf(host, sizeof host, "?");
	snprintf(name, sizeof name, "%s:%s:%u", p->kind ? p->kind : "udp", host, p->port);
	int fd = proc_kept_fd(name);
	bool fresh = fd < 0;
	const char *what = p->kind ? "TCP" : "UDP";
	if (fresh) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, 0);
		if (fd < 0) {
			if (a->ai_family == AF_INET6 && errno == EAFNOSUPPORT)
				return 0;
			return err_sys(err, "can't make a %s socket", what);
		}
		if (a->ai_family == AF_INET6) /* "::" takes IPv4 too when nothing else is asked for */
			(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
				strcmp(host, "::") == 0 ? &zero : &one, sizeof one);
		if (p->kind) /* connections of an earlier life may linger */
			(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || (p->kind && listen(fd, SOMAXCONN) != 0)) {
			int why = errno;
			close(fd);
			if (why == EADDRNOTAVAIL &&
				(p->n > 0 || (a->ai_family == AF_INET6 && a->ai_next != NULL)))
				return 0; /* no IPv6 on this machine */
			holder_of_port(p->kind ? "tcp" : "udp", p->port, who, sizeof who);
			errno = why;
			return err_sys(err,
				"%s port %u at %s%s: can't listen; free it or choose another for %s", what,
				p->port, host, who,
				p->kind ? "ipfixtcpport or ipfixtlsport" : "netflowport or sflowport");
		}
		if (proc_keep_fd(name, fd) == FT_ESYS)
			log_high("%s could not be handed to the keeper: a restart will lose its queue", name);
	} else
		log_high("%s taken over with its queue", name);
	set_up(p, fd, want);
	p->fresh[p->n] = fresh;
	p->fd[p->n++] = fd;
	return 0;
}

int
sockets_open(struct port_sockets *p, const char *address, unsigned port, uint64_t want, struct err *err)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_flags = AI_PASSIVE}, *list = NULL;
	char service[16];
	p->port = port;
	p->n = 0;
	hints.ai_socktype = p->kind ? SOCK_STREAM : SOCK_DGRAM;
	snprintf(service, sizeof service, "%u", port);
	if (address[0] == 0)
		hints.ai_family = AF_INET6; /* one dual-stack socket */
	/* RFC 6761 6.3: that name is loopback, whatever a resolver says, or where there is no /etc/hosts to say it */
	bool loopback = strcasecmp(address, "localhost") == 0;
	if (loopback)
		hints.ai_flags = 0;
	int rc = getaddrinfo(address[0] && !loopback ? address : NULL, service, &hints, &list);
	if (rc != 0 && address[0] == 0) {
		hints.ai_family = AF_INET;
		rc = getaddrinfo(NULL, service, &hints, &list);
	}
	if (rc != 0)
		return err_set(err, FT_EINVAL, "listenaddress %s: %s", address, gai_strerror(rc));
	rc = 0;
	for (const struct addrinfo *a = list; a && rc == 0 && p->n < THREAD_SOCKETS; a = a->ai_next) {
		bool twice = false;
		for (const struct addrinfo *b = list; b != a; b = b->ai_next)
			twice |= a->ai_addrlen == b->ai_addrlen &&
				 memcmp(a->ai_addr, b->ai_addr, a->ai_addrlen) == 0;
		if (!twice)
			rc = open_one(p, a, want, err);
	}
	freeaddrinfo(list);
	return rc != 0 ? rc : p->n ? 0 : err_set(err, FT_ESYS, "port %u: no address to listen at", port);
}

void
sockets_close(struct port_sockets *p)
{
	for (unsigned i = 0; i < p->n; i++)
		close(p->fd[i]);
	p->n = 0;
}

/*
 * Below saturation a datagram a turn would be a system call, a commit and two wake-ups for every twenty flows: most of
 * what ingest and the tracker spend, measured.  So after a batch that was less than half full the queue is given a
 * moment to fill; longer where it holds seconds, and shorter where the kernel did not grant that.
 */
static void
gather(const struct port_sockets *p)
{
	long us = p->buffer_bytes >= LONG_GATHER_BYTES ? LONG_GATHER_US : GATHER_US;
	struct timespec t = {0, us * 1000L};
	(void)nanosleep(&t, NULL);
}

unsigned
sockets_receive(void *ctx, struct ingest_thread *t)
{
	struct port_sockets *p = ctx;
	struct pollfd at[THREAD_SOCKETS + 1];
	unsigned want = p->batch && p->batch < t->batch->count ? p->batch : t->batch->count;
	if (p->got && p->got < want / 2)
		gather(p);
	p->got = 0;
	for (unsigned turn = 0; turn < 2; turn++) {
		for (unsigned i = 0; i < p->n; i++) {
			/* take turns, so that a busy socket does not starve the other */
			unsigned k = (p->turn + i) % p->n;
			t->batch->socket = k;
			t->batch->arrived_us = wall_now().us;
			int n = recvmmsg(p->fd[k], t->batch->msg, want, MSG_DONTWAIT, NULL);
			if (n > 0) {
				p->turn = k + 1;
				p->got = (unsigned)n;
				if (p->tee)
					tee_repeat(p->tee, t->batch->msg, (unsigned)n);
				return (unsigned)n;
			}
			if (n < 0 && errno != EAGAIN && errno != EINTR)
				log_limited(LOG_L_CRITICAL, "port %u: can't receive: %s", p->port,
					strerror(errno));
		}
		if (turn == 1)
			break;
		for (unsigned i = 0; i < p->n; i++)
			at[i] = (struct pollfd){p->fd[i], POLLIN, 0};
		at[p->n] = (struct pollfd){p->wake, POLLIN, 0};
		if (poll(at, p->n + 1, 250) <= 0)
			return 0;
		if (!(at[p->n].revents & POLLIN))
			gather(p);
	}
	return 0;
}
