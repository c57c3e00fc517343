/*
 * trafficgen - made-up traffic whose every figure is known beforehand.
 *
 * Sessions are drawn in order of their start from a seeded generator; each is cut into the one-way records a
 * router would export and these wait in a heap, ordered by the virtual second they are due, until virtual time
 * reaches them.  Each exporter sends from an address of its own (127.a.b.c counted up from -b), as NetFlow v5, v9
 * or IPFIX.  The truth goes to a file, one record a line, with a head that names the columns; tests/e2e/oracle.py
 * computes from it what a collector has to answer.  The same arguments always give the same traffic.
 * SIGTERM: no new sessions; what is under way is sent and the truth is complete.
 *
 * What the traffic holds, so that a collector that pairs it wrongly is found out:
 *   TCP with SYN flags; UDP to services; UDP between two ephemeral ports and NTP from 123 to 123, where only the
 *   start of the directions (1 ms apart or more) tells the client; ping of both families; the reply exported
 *   before the request; sessions of many records (-a); servers whose AS the exporters disagree on; no 5-tuple twice.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum wire { WIRE_V5 = 5, WIRE_V9 = 9, WIRE_IPFIX = 10 };
enum { PAYLOAD = 1400, EXPORTERS = 64, TEMPLATE_SECONDS = 20 };

struct record {
	uint64_t due; /* virtual second in which it is exported */
	uint64_t order;
	uint64_t session, first_ms, last_ms, bytes, packets;
	uint8_t src[16], dst[16];
	uint32_t in_if, out_if, src_as, dst_as;
	uint16_t sport, dport, vlan;
	uint8_t proto, tos, flags, smask, dmask, exporter;
	bool v6, reply;
};

static struct {
	enum wire wire;
	uint64_t sessions, rate, seed, start;
	unsigned exporters, each_second, clients, servers, active_s;
	double v6, icmp, oneway, retos, mean_s;
	uint32_t source, sequence;
	const char *truth, *progress;
	bool realtime, no_templates;
} opt = {.wire = WIRE_V9,
	.sessions = 10000,
	.seed = 1,
	.start = 1750000000,
	.exporters = 1,
	.each_second = 500,
	.clients = 800,
	.servers = 4000,
	.active_s = 30,
	.v6 = 0.15,
	.icmp = 0.04,
	.mean_s = 6,
	.source = 0x7f000001};

static volatile sig_atomic_t stopped;

static void
on_term(int sig)
{
	(void)sig;
	stopped = 1;
}
static void
die(const char *what)
{
	fprintf(stderr, "trafficgen: %s: %s\n", what, strerror(errno));
	exit(1);
}
static void *
must(void *p)
{
	if (p == NULL)
		die("memory");
	return p;
}

/* ---- chance: xorshift128+, and a hash for figures that hang off a number ----------------------------------- */

static uint64_t chance_state[2];

static uint64_t
stir(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}
static uint64_t
chance(void)
{
	uint64_t a = chance_state[0], b = chance_state[1];
	chance_state[0] = b;
	a ^= a << 23;
	chance_state[1] = a ^ b ^ (a >> 18) ^ (b >> 5);
	return chance_state[1] + b;
}
static uint64_t
below(uint64_t n)
{
	return (chance() >> 11) % n;
}
static double
fraction(void)
{
	return (double)(chance() >> 11) * 0x1p-53;
}
/* 0 … n-1, small ones often: a few talk much, as in life */
static uint64_t
skewed(uint64_t n)
{
	double u = fraction();
	return (uint64_t)((double)n * u * u * u);
}
/* 1 … , mean about `mean`, long tail */
static double
tailed(double mean)
{
	double u = fraction();
	return mean * 0.35 * pow(1.0 - u * 0.9999, -0.65);
}

/* ---- 5-tuples used ------------------------------------------------------------------------------------------ */

static uint64_t *used;
static uint64_t used_slots;

/* true the first time; blind to direction */
static bool
use_tuple(const struct record *r)
{
	uint64_t a[2], b[2], ha, hb;
	memcpy(a, r->src, 16);
	memcpy(b, r->dst, 16);
	ha = stir(stir(a[0]) ^ a[1]) + r->sport;
	hb = stir(stir(b[0]) ^ b[1]) + (r->proto == 1 || r->proto == 58 ? r->sport : r->dport);
	uint64_t h = stir(stir(ha) + stir(hb) + r->proto) | 1;
	for (uint64_t i = h % used_slots;; i = (i + 1) % used_slots) {
		if (used[i] == h)
			return false;
		if (used[i] == 0) {
			used[i] = h;
			return true;
		}
	}
}

/* ---- heap of records to come, ordered by (due, order) ------------------------------------------------------ */

static struct record *heap;
static size_t heap_n, heap_room;
static uint64_t orders;

static bool
sooner(const struct record *a, const struct record *b)
{
	return a->due != b->due ? a->due < b->due : a->order < b->order;
}
static void
heap_put(struct record r)
{
	if (heap_n == heap_room) {
		heap_room = heap_room ? heap_room * 2 : 4096;
		heap = must(realloc(heap, heap_room * sizeof *heap));
	}
	r.order = orders++;
	size_t i = heap_n++;
	for (; i > 0 && sooner(&r, &heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = r;
}
static struct record
heap_take(void)
{
	struct record top = heap[0], last = heap[--heap_n];
	size_t i = 0;
	for (;;) {
		size_t c = 2 * i + 1;
		if (c >= heap_n)
			break;
		if (c + 1 < heap_n && sooner(&heap[c + 1], &heap[c]))
			c++;
		if (!sooner(&heap[c], &last))
			break;
		heap[i] = heap[c];
		i = c;
	}
	heap[i] = last;
	return top;
}

/* ---- the wire ------------------------------------------------------------------------------------------------ */

struct exporter {
	int fd;
	uint8_t buf[PAYLOAD + 256];
	size_t len, set; /* set: offset of the data set being filled, 0 none */
	unsigned count, records, template;
	uint32_t sequence;
	uint64_t templates_due;
	char name[INET_ADDRSTRLEN];
};
static struct exporter exporters[EXPORTERS];
static struct {
	uint64_t records, datagrams, sessions, bytes, packets, last_s, refused;
} sent;
static FILE *truth, *progress;
static int64_t began_ns, reported_ns;

static int64_t
now_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
put(struct exporter *e, uint64_t v, unsigned bytes)
{
	while (bytes--)
		e->buf[e->len++] = (uint8_t)(v >> (8 * bytes));
}
static void
put_at(struct exporter *e, size_t at, unsigned v)
{
	e->buf[at] = (uint8_t)(v >> 8);
	e->buf[at + 1] = (uint8_t)v;
}

/* information element, its length for IPv4 and IPv6 records */
static const struct {
	uint16_t id, v4, v6;
} elements[] = {{8, 4, 0}, {12, 4, 0}, {27, 0, 16}, {28, 0, 16}, {4, 1, 1}, {7, 2, 2}, {11, 2, 2}, {6, 1, 1},
	{5, 1, 1}, {10, 4, 4}, {14, 4, 4}, {58, 2, 2}, {16, 4, 4}, {17, 4, 4}, {9, 1, 0}, {13, 1, 0},
	{29, 0, 1}, {30, 0, 1}, {1, 8, 8}, {2, 4, 4}};
enum { ELEMENTS = sizeof elements / sizeof elements[0] };

static void
put_templates(struct exporter *e)
{
	for (unsigned v6 = 0; v6 < 2; v6++) {
		size_t set = e->len, count;
		put(e, opt.wire == WIRE_V9 ? 0 : 2, 2);
		put(e, 0, 2);
		put(e, 300 + v6, 2);
		count = e->len;
		put(e, 0, 2);
		unsigned n = 2;
		for (unsigned i = 0; i < ELEMENTS; i++) {
			unsigned len = v6 ? elements[i].v6 : elements[i].v4;
			if (len == 0)
				continue;
			put(e, elements[i].id, 2);
			put(e, len, 2);
			n++;
		}
		/* v9: FIRST_SWITCHED and LAST_SWITCHED by uptime; IPFIX: flowStartMilliseconds and flowEndMilliseconds */
		put(e, opt.wire == WIRE_V9 ? 22 : 152, 2);
		put(e, opt.wire == WIRE_V9 ? 4 : 8, 2);
		put(e, opt.wire == WIRE_V9 ? 21 : 153, 2);
		put(e, opt.wire == WIRE_V9 ? 4 : 8, 2);
		put_at(e, count, n);
		put_at(e, set + 2, (unsigned)(e->len - set));
		e->count++;
	}
}
static uint64_t
boot_ms(void)
{
	return (opt.start - 86400) * 1000;
}
static void
begin_datagram(struct exporter *e, uint64_t now_s)
{
	unsigned domain = 7;
	e->len = e->set = 0;
	e->count = e->records = e->template = 0;
	put(e, (unsigned)opt.wire, 2);
	put(e, 0, 2);
	if (opt.wire != WIRE_IPFIX)
		put(e, (uint32_t)(now_s * 1000 - boot_ms()), 4);
	put(e, now_s, 4);
	if (opt.wire == WIRE_V5)
		put(e, 0, 4);
	put(e, e->sequence, 4);
	put(e, opt.wire == WIRE_V5 ? 0 : domain, 4);
	if (opt.wire != WIRE_V5 && !opt.no_templates && now_s >= e->templates_due) {
		e->templates_due = now_s + TEMPLATE_SECONDS;
		put_templates(e);
	}
}
static void
end_set(struct exporter *e)
{
	if (e->set == 0)
		return;
	while ((e->len - e->set) % 4)
		put(e, 0, 1);
	put_at(e, e->set + 2, (unsigned)(e->len - e->set));
	e->set = 0;
}
/* no faster than -r records a second of wall time; with -R as virtual time says */
static void
pace(uint64_t now_s)
{
	int64_t due = opt.rate ? (int64_t)((double)sent.records / (double)opt.rate * 1e9) : 0;
	if (opt.realtime && !stopped) {
		int64_t at = (int64_t)now_s * 1000000000 - now_ns(CLOCK_REALTIME) + now_ns(CLOCK_MONOTONIC) -
			     began_ns;
		due = at > due ? at : due;
	}
	int64_t ahead = began_ns + due - now_ns(CLOCK_MONOTONIC);
	if (ahead > 300000) {
		struct timespec t = {(time_t)(ahead / 1000000000), (long)(ahead % 1000000000)};
		nanosleep(&t, NULL);
	}
}
static void
report(bool last)
{
	int64_t now = now_ns(CLOCK_REALTIME);
	if (progress == NULL || (!last && now < reported_ns + 50000000))
		return;
	reported_ns = now;
	fprintf(progress, "%lld\t%llu\n", (long long)(now / 1000), (unsigned long long)sent.records);
	fflush(progress);
}
static void
send_datagram(struct exporter *e, uint64_t now_s)
{
	if (e->len == 0)
		return;
	end_set(e);
	put_at(e, 2, opt.wire == WIRE_IPFIX ? (unsigned)e->len : e->count);
	while (send(e->fd, e->buf, e->len, 0) < 0) {
		/* an error of the datagram before, reported now: nobody listened for a moment */
		if (errno != ECONNREFUSED && errno != ENOBUFS && errno != EINTR)
			die("send");
		if (errno == ECONNREFUSED)
			sent.refused++;
	}
	e->sequence += opt.wire == WIRE_V9 ? 1 : e->records;
	sent.records += e->records;
	sent.datagrams++;
	e->len = 0;
	report(false);
	pace(now_s);
}
static void
put_v5(struct exporter *e, const struct record *r)
{
	for (unsigned i = 12; i < 16; i++)
		put(e, r->src[i], 1);
	for (unsigned i = 12; i < 16; i++)
		put(e, r->dst[i], 1);
	put(e, 0, 4);
	put(e, r->in_if, 2);
	put(e, r->out_if, 2);
	put(e, r->packets, 4);
	put(e, r->bytes, 4);
	put(e, (uint32_t)(r->first_ms - boot_ms()), 4);
	put(e, (uint32_t)(r->last_ms - boot_ms()), 4);
	put(e, r->sport, 2);
	put(e, r->dport, 2);
	put(e, r->flags, 2); /* a zero byte, then the flags */
	put(e, r->proto, 1);
	put(e, r->tos, 1);
	put(e, r->src_as, 2);
	put(e, r->dst_as, 2);
	put(e, r->smask, 1);
	put(e, r->dmask, 1);
	put(e, 0, 2);
}
static void
put_templated(struct exporter *e, const struct record *r)
{
	unsigned id = r->v6 ? 301 : 300;
	if (e->template != id || e->set == 0) {
		end_set(e);
		e->set = e->len;
		e->template = id;
		put(e, id, 2);
		put(e, 0, 2);
	}
	for (unsigned i = r->v6 ? 0 : 12; i < 16; i++)
		put(e, r->src[i], 1);
	for (unsigned i = r->v6 ? 0 : 12; i < 16; i++)
		put(e, r->dst[i], 1);
	put(e, r->proto, 1);
	put(e, r->sport, 2);
	put(e, r->dport, 2);
	put(e, r->flags, 1);
	put(e, r->tos, 1);
	put(e, r->in_if, 4);
	put(e, r->out_if, 4);
	put(e, r->vlan, 2);
	put(e, r->src_as, 4);
	put(e, r->dst_as, 4);
	put(e, r->smask, 1);
	put(e, r->dmask, 1);
	put(e, r->bytes, 8);
	put(e, r->packets, 4);
	if (opt.wire == WIRE_V9) {
		put(e, (uint32_t)(r->first_ms - boot_ms()), 4);
		put(e, (uint32_t)(r->last_ms - boot_ms()), 4);
	} else {
		put(e, r->first_ms, 8);
		put(e, r->last_ms, 8);
	}
}
static void
tell_truth(const struct record *r)
{
	char a[INET6_ADDRSTRLEN], b[INET6_ADDRSTRLEN];
	inet_ntop(r->v6 ? AF_INET6 : AF_INET, r->src + (r->v6 ? 0 : 12), a, sizeof a);
	inet_ntop(r->v6 ? AF_INET6 : AF_INET, r->dst + (r->v6 ? 0 : 12), b, sizeof b);
	fprintf(truth, "%llu\t%s\t%d\t%llu\t%llu\t%s\t%s\t%u\t%u\t%u\t%u\t%u\t%llu\t%llu\t%u\t%u\t%u\t%u\t",
		(unsigned long long)r->session, exporters[r->exporter].name, r->reply,
		(unsigned long long)r->first_ms, (unsigned long long)r->last_ms, a, b, r->sport, r->dport,
		r->proto, r->flags, r->tos, (unsigned long long)r->bytes, (unsigned long long)r->packets,
		r->in_if, r->out_if, r->src_as, r->dst_as);
	if (opt.wire == WIRE_V5)
		fputs("\n", truth);
	else
		fprintf(truth, "%u\n", r->vlan);
}
static void
export_record(const struct record *r)
{
	struct exporter *e = &exporters[r->exporter];
	/* a record, the head of another set and its padding must still fit */
	if (e->len > 0 && (e->len + 112 > PAYLOAD || (opt.wire == WIRE_V5 && e->count == 30)))
		send_datagram(e, r->due);
	if (e->len == 0)
		begin_datagram(e, r->due);
	if (opt.wire == WIRE_V5)
		put_v5(e, r);
	else
		put_templated(e, r);
	e->count++;
	e->records++;
	sent.bytes += r->bytes;
	sent.packets += r->packets;
	sent.last_s = r->due;
	if (truth)
		tell_truth(r);
}
/* everything due up to and in this second; a datagram never spans two, so that its header's clock is exact */
static void
export_until(uint64_t now_s)
{
	while (heap_n > 0 && heap[0].due <= now_s) {
		struct record r = heap_take();
		if (sent.last_s != r.due)
			for (unsigned i = 0; i < opt.exporters; i++)
				send_datagram(&exporters[i], sent.last_s);
		export_record(&r);
	}
}

/* ---- sessions ------------------------------------------------------------------------------------------------ */

static void
make_address(uint8_t out[16], bool v6, bool server, uint64_t rank)
{
	uint64_t h = stir(rank * 2 + server + 77);
	memset(out, 0, 16);
	if (v6) {
		static const uint8_t site[4] = {0x20, 0x01, 0x0d, 0xb8};
		memcpy(out, site, 4);
		out[5] = server ? 0x5e : 0xc1;
		memcpy(out + 8, &h, 8);
	} else if (server) {
		static const uint8_t first[] = {5, 17, 23, 46, 62, 80, 91, 104, 151, 185, 193, 212};
		out[10] = out[11] = 0; /* the wire has the last four */
		out[12] = first[h % sizeof first];
		out[13] = (uint8_t)(h >> 8);
		out[14] = (uint8_t)(rank >> 8);
		out[15] = (uint8_t)rank;
	} else {
		out[12] = 172;
		out[13] = (uint8_t)(16 + rank / 65536 % 16);
		out[14] = (uint8_t)(rank >> 8);
		out[15] = (uint8_t)rank;
	}
}
/* ports, protocol and flags of a conversation; false: client decided by time alone */
static void
make_kind(struct record *c)
{
	static const uint16_t tcp[] = {443, 443, 443, 80, 22, 25, 993, 5432, 3306},
			      udp[] = {53, 53, 443, 161, 514, 5060};
	double u = fraction();
	if (u < opt.icmp) {
		c->proto = c->v6 ? 58 : 1;
		c->sport = 0;
		c->dport = c->v6 ? 128 << 8 : 8 << 8;
		return;
	}
	c->sport = (uint16_t)(32768 + below(28000));
	if (u < 0.58) {
		c->proto = 6;
		c->dport = tcp[below(sizeof tcp / sizeof tcp[0])];
		if (below(10) == 0)
			c->dport = (uint16_t)(1024 + below(60000));
		return;
	}
	c->proto = 17;
	c->dport = udp[below(sizeof udp / sizeof udp[0])];
	if (below(8) == 0)
		c->dport = (uint16_t)(32768 + below(28000));
	else if (below(20) == 0)
		c->sport = c->dport = 123;
}
static void
make_session(uint64_t start_ms)
{
	struct record c = {.session = sent.sessions}, s;
	uint64_t client = skewed(opt.clients), server = skewed(opt.servers);
	do {
		c.v6 = opt.wire != WIRE_V5 && fraction() < opt.v6;
		make_address(c.src, c.v6, false, client);
		make_address(c.dst, c.v6, true, server);
		make_kind(&c);
		server = (server + 1) % opt.servers; /* next time, should this 5-tuple be taken */
	} while (!use_tuple(&c));
	server = (server + opt.servers - 1) % opt.servers;
	uint64_t hc = stir(client + 1), hs = stir(server + 1000003);
	c.exporter = (uint8_t)(hc % opt.exporters);
	c.vlan = (uint16_t)(100 + hc % 12);
	c.in_if = (uint32_t)(1 + hc % 16);
	c.out_if = (uint32_t)(90 + hs % 3);
	c.src_as = (uint32_t)(64500 + hc % 5);
	c.dst_as = (uint32_t)(2000 + hs % 700 + (hs % 8 == 0 ? c.exporter * 1000u : 0));
	c.smask = c.v6 ? 64 : 24;
	c.dmask = c.v6 ? 48 : (uint8_t)(12 + hs % 12);
	c.tos = below(7) == 0 ? 184 : below(9) == 0 ? 40 : 0;
	s = c;
	s.reply = true;
	memcpy(s.src, c.dst, 16);
	memcpy(s.dst, c.src, 16);
	s.sport = c.dport;
	s.dport = c.sport;
	if (c.proto == 1 || c.proto == 58) {
		s.sport = 0;
		s.dport = c.v6 ? 129 << 8 : 0; /* echo reply */
	}
	s.in_if = c.out_if, s.out_if = c.in_if;
	s.src_as = c.dst_as, s.dst_as = c.src_as;
	s.smask = c.dmask, s.dmask = c.smask;
	if (below(5) == 0)
		s.tos = 8;
	double seconds = c.proto == 6 || below(4) == 0 ? tailed(opt.mean_s) : fraction() * 0.3;
	if (seconds > 3000)
		seconds = 3000;
	uint64_t parts = 1 + (uint64_t)(seconds / opt.active_s), ms = (uint64_t)(seconds * 1000);
	bool lonely = fraction() < opt.oneway, reply_first = below(3) == 0, retos = fraction() < opt.retos;
	for (uint64_t i = 0; i < parts; i++) {
		uint64_t from = start_ms + i * opt.active_s * 1000, to = from + opt.active_s * 1000 - 1;
		if (i + 1 == parts)
			to = start_ms + ms > from + 2 ? start_ms + ms : from + 2;
		c.first_ms = from, c.last_ms = to;
		s.first_ms = from + 1 + below(2), s.last_ms = to - below(2);
		if (s.last_ms < s.first_ms)
			s.last_ms = s.first_ms;
		c.packets = 1 + (uint64_t)tailed(6), s.packets = 1 + (uint64_t)tailed(9);
		c.bytes = c.packets * (40 + below(400)), s.bytes = s.packets * (40 + below(1400));
		if (c.proto == 6) {
			c.flags = (uint8_t)((i == 0 ? 0x02 : 0) | 0x18 | (i + 1 == parts ? 0x01 : 0));
			s.flags = (uint8_t)((i == 0 ? 0x12 : 0x10) | 0x08 | (i + 1 == parts ? 0x01 : 0));
		}
		if (retos && i == parts / 2)
			c.tos = 96;
		c.due = s.due = to / 1000 + 1;
		if (reply_first && !lonely)
			heap_put(s);
		heap_put(c);
		if (!reply_first && !lonely)
			heap_put(s);
	}
	sent.sessions++;
}

/* ---- main ---------------------------------------------------------------------------------------------------- */

static void
usage(void)
{
	fputs("usage: trafficgen [options] ADDRESS PORT\n"
	      "  -f v5|v9|ipfix     format (v9)                 -n N    sessions (10000)\n"
	      "  -e N               exporters (1)               -b ADDR address of the first (127.0.0.1)\n"
	      "  -r N               most records a second, 0: no bound (0)\n"
	      "  -R                 virtual time is wall time: start now, export when due\n"
	      "  -N                 send no templates: the collector has them from before\n"
	      "  -q N               first sequence number (0)\n"
	      "  -t S               virtual start, seconds since 1970 (1750000000)\n"
	      "  -p N               sessions a virtual second (500)     -d S    mean duration of TCP (6)\n"
	      "  -a S               seconds after which a running flow is exported (30)\n"
	      "  -6 F -i F -o F     share of IPv6 (0.15), ping (0.04), sessions without a reply (0)\n"
	      "  -x F               share of sessions whose TOS changes on the way (0)\n"
	      "  -c N -v N          clients (800), servers (4000)       -s N    seed (1)\n"
	      "  -T FILE            write the truth                     -P FILE wall time and records sent, "
	      "as it goes\n",
		stderr);
	exit(2);
}
static uint64_t
number(const char *s)
{
	char *end;
	unsigned long long v = strtoull(s, &end, 10);
	if (*s == 0 || *end != 0) {
		fprintf(stderr, "trafficgen: '%s' is no number\n", s);
		exit(2);
	}
	return v;
}
static void
options(int argc, char **argv)
{
	for (int c; (c = getopt(argc, argv, "f:n:e:b:q:r:RNt:p:d:a:6:i:o:x:c:v:s:T:P:")) != -1;) {
		struct in_addr a;
		switch (c) {
		case 'f':
			opt.wire = !strcmp(optarg, "v5")      ? WIRE_V5
				   : !strcmp(optarg, "ipfix") ? WIRE_IPFIX
							      : WIRE_V9;
			break;
		case 'n':
			opt.sessions = number(optarg);
			break;
		case 'e':
			opt.exporters = (unsigned)number(optarg);
			break;
		case 'b':
			if (inet_pton(AF_INET, optarg, &a) != 1)
				usage();
			opt.source = ntohl(a.s_addr);
			break;
		case 'q':
			opt.sequence = (uint32_t)number(optarg);
			break;
		case 'r':
			opt.rate = number(optarg);
			break;
		case 'R':
			opt.realtime = true;
			break;
		case 'N':
			opt.no_templates = true;
			break;
		case 't':
			opt.start = number(optarg);
			break;
		case 'p':
			opt.each_second = (unsigned)number(optarg);
			break;
		case 'd':
			opt.mean_s = atof(optarg);
			break;
		case 'a':
			opt.active_s = (unsigned)number(optarg);
			break;
		case '6':
			opt.v6 = atof(optarg);
			break;
		case 'i':
			opt.icmp = atof(optarg);
			break;
		case 'o':
			opt.oneway = atof(optarg);
			break;
		case 'x':
			opt.retos = atof(optarg);
			break;
		case 'c':
			opt.clients = (unsigned)number(optarg);
			break;
		case 'v':
			opt.servers = (unsigned)number(optarg);
			break;
		case 's':
			opt.seed = number(optarg);
			break;
		case 'T':
			opt.truth = optarg;
			break;
		case 'P':
			opt.progress = optarg;
			break;
		default:
			usage();
		}
	}
	if (argc - optind != 2 || opt.exporters == 0 || opt.exporters > EXPORTERS || opt.each_second == 0 ||
		opt.active_s == 0 || opt.clients == 0 || opt.servers == 0)
		usage();
	if (opt.realtime)
		opt.start = (uint64_t)(now_ns(CLOCK_REALTIME) / 1000000000);
}
static void
open_exporters(const char *address, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number(port))};
	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		usage();
	for (unsigned i = 0; i < opt.exporters; i++) {
		struct exporter *e = &exporters[i];
		struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(opt.source + i)};
		e->sequence = opt.sequence;
		inet_ntop(AF_INET, &from.sin_addr, e->name, sizeof e->name);
		e->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (e->fd < 0 || bind(e->fd, (struct sockaddr *)&from, sizeof from) < 0)
			die(e->name);
		if (connect(e->fd, (struct sockaddr *)&to, sizeof to) < 0)
			die(address);
	}
}

int
main(int argc, char **argv)
{
	options(argc, argv);
	signal(SIGTERM, on_term);
	chance_state[0] = stir(opt.seed), chance_state[1] = stir(opt.seed + 0x5eed);
	for (used_slots = 65536; used_slots < opt.sessions * 3; used_slots *= 2) {
	}
	used = must(calloc(used_slots, sizeof *used));
	if (opt.truth) {
		truth = fopen(opt.truth, "w");
		if (truth == NULL)
			die(opt.truth);
		fputs("session\texporter\treply\tfirst\tlast\tsrc\tdst\tsport\tdport\tproto\tflags\ttos\tbyte"
		      "s\tpackets\t"
		      "in_if\tout_if\tsrc_as\tdst_as\tvlan\n",
			truth);
	}
	if (opt.progress) {
		progress = fopen(opt.progress, "w");
		if (progress == NULL)
			die(opt.progress);
	}
	open_exporters(argv[optind], argv[optind + 1]);
	began_ns = now_ns(CLOCK_MONOTONIC);
	for (uint64_t second = opt.start; sent.sessions < opt.sessions && !stopped; second++) {
		uint64_t n = opt.sessions - sent.sessions;
		n = n < opt.each_second ? n : opt.each_second;
		for (uint64_t i = 0; i < n; i++)
			make_session(second * 1000 + i * 1000 / opt.each_second);
		export_until(second);
	}
	export_until(UINT64_MAX);
	for (unsigned i = 0; i < opt.exporters; i++)
		send_datagram(&exporters[i], sent.last_s);
	report(true);
	if ((truth && fclose(truth) != 0) || (progress && fclose(progress) != 0))
		die("writing");
	printf("{\"sessions\": %llu, \"records\": %llu, \"datagrams\": %llu, \"bytes\": %llu, \"packets\": "
	       "%llu, \"refused\": %llu, "
	       "\"seconds\": %.3f, \"start\": %llu, \"end\": %llu}\n",
		(unsigned long long)sent.sessions, (unsigned long long)sent.records,
		(unsigned long long)sent.datagrams, (unsigned long long)sent.bytes,
		(unsigned long long)sent.packets, (unsigned long long)sent.refused,
		(double)(now_ns(CLOCK_MONOTONIC) - began_ns) / 1e9, (unsigned long long)opt.start,
		(unsigned long long)sent.last_s);
	return 0;
}
