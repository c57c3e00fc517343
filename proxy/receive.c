/*
 * receive.c - see receive.h.
 */
#include "proxy/receive.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/counters.h"
#include "common/log.h"

enum { DATAGRAM = 65536, TURN = 256, WAIT_MS = 250, BUSY = 4, GATHER_US = 2000 };

/* ---- datagrams -------------------------------------------------------------------------------- */

static void
count_drops(struct receive *r, unsigned port, unsigned i, struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		uint32_t now;
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_RXQ_OVFL)
			continue;
		memcpy(&now, CMSG_DATA(c), sizeof now);
		counter_add(COUNTER_proxy_kernel_drops, now - r->drops[port][i]);
		r->drops[port][i] = now;
	}
}

/* Up to TURN datagrams of one socket; how many. */
static unsigned
read_socket(struct receive *r, unsigned port, unsigned i)
{
	static uint8_t bytes[DATAGRAM];
	unsigned turn = 0;
	for (; turn < TURN && !atomic_load_explicit(&r->stop, memory_order_relaxed); turn++) {
		struct sockaddr_storage from;
		uint8_t address[16];
		union {
			struct cmsghdr h;
			char room[64];
		} control;
		struct iovec v = {bytes, sizeof bytes};
		struct msghdr m = {&from, sizeof from, &v, 1, &control, sizeof control, 0};
		intake_begin(r->intake);
		ssize_t n = recvmsg(r->port[port].fd[i], &m, MSG_DONTWAIT);
		if (n < 0) {
			intake_none(r->intake);
			break;
		}
		if (from.ss_family == AF_INET6)
			memcpy(address, &((struct sockaddr_in6 *)&from)->sin6_addr, 16);
		else
			addr_from_v4(address, (const uint8_t *)&((struct sockaddr_in *)&from)->sin_addr);
		count_drops(r, port, i, &m);
		intake_message(r->intake, (uint16_t)r->port[port].port, 0, address, bytes, (size_t)n);
	}
	return turn;
}

/* ---- TCP -------------------------------------------------------------------------------------- */

static void
on_message(void *ctx, const struct connection *c, const uint8_t *p, size_t n)
{
	struct receive *r = ctx;
	intake_begin(r->intake);
	intake_message(r->intake, c->port, c->id, c->address, p, n);
}

static void
on_ended(void *ctx, uint32_t id)
{
	struct receive *r = ctx;
	intake_ended(r->intake, id);
}

/* ---- the thread ------------------------------------------------------------------------------- */

static void *
run(void *ctx)
{
	struct receive *r = ctx;
	struct pollfd at[RECEIVE_PORTS * THREAD_SOCKETS + 2];
	bool more = false;
	unsigned got = 0;
	while (!atomic_load(&r->stop)) {
		const struct timespec moment = {0, GATHER_US * 1000};
		nfds_t n = 0;
		/* where datagrams come one after the other, a turn for each would cost more than to decode it */
		if (got >= BUSY && got < TURN)
			(void)nanosleep(&moment, NULL);
		got = 0;
		at[n++] = (struct pollfd){r->wake, POLLIN, 0};
		at[n++] = (struct pollfd){r->connections.epoll, POLLIN, 0}; /* -1 is passed over */
		for (unsigned p = 0; p < r->ports; p++)
			for (unsigned i = 0; i < r->port[p].n; i++)
				at[n++] = (struct pollfd){r->port[p].fd[i], POLLIN, 0};
		(void)poll(at, n, more ? 0 : WAIT_MS);
		n = 2;
		for (unsigned p = 0; p < r->ports; p++)
			for (unsigned i = 0; i < r->port[p].n; i++)
				if (at[n++].revents)
					got += read_socket(r, p, i);
		more = connections_turn(&r->connections);
		intake_turn(r->intake);
	}
	return NULL;
}

/* ---- life ------------------------------------------------------------------------------------- */

static int
open_ports(struct receive *r, const struct conf *c, struct err *err)
{
	static const struct {
		enum conf_key ports, address;
	} row[] = {{CONF_netflow_netflowport, CONF_netflow_listenaddress},
		{CONF_sflow_sflowport, CONF_netflow_listenaddress}};
	const char *const *words;
	uint64_t want = conf_uint(c, CONF_stall) * conf_uint(c, CONF_peakflows) * 100;
	unsigned bad = 0;
	for (unsigned k = 0; k < 2; k++)
		for (unsigned i = 0; i < conf_list(c, row[k].ports, &words) && r->ports < RECEIVE_PORTS;
			i++) {
			struct port_sockets *p = &r->port[r->ports];
			if (sockets_open(p, conf_str(c, row[k].address), conf_port(c, row[k].ports, i), want,
				    err) == 0)
				r->ports++;
			else {
				log_critical("%s", err->text);
				sockets_close(p);
				bad++;
			}
		}
	return r->ports == 0 && bad ? err->code : 0;
}

int
receive_open(struct receive *r, const struct conf *c, struct intake *intake, struct err *err)
{
	r->intake = intake;
	r->connections.epoll = -1;
	r->connections.message = on_message;
	r->connections.ended = on_ended;
	r->connections.ctx = r;
	r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->wake < 0)
		return err_sys(err, "no eventfd");
	int rc = connections_open(&r->connections, c, err);
	return rc ? rc : open_ports(r, c, err);
}

int
receive_start(struct receive *r, struct err *err)
{
	errno = pthread_create(&r->thread, NULL, run, r);
	r->running = errno == 0;
	return r->running ? 0 : err_sys(err, "can't make a thread");
}

void
receive_close(struct receive *r)
{
	uint64_t one = 1;
	if (r->running) {
		atomic_store(&r->stop, true);
		if (write(r->wake, &one, sizeof one) < 0)
			log_low("receiving is told to stop already");
		pthread_join(r->thread, NULL);
		r->running = false;
	}
	for (unsigned i = 0; i < r->ports; i++)
		sockets_close(&r->port[i]);
	if (r->intake)
		connections_close(&r->connections);
}
