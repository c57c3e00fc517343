/*
 * capture.c - see capture.h; common/pcap_file.h reads the files.
 */
#include "ingest/capture.h"

#include <string.h>

#include "common/addr.h"
#include "common/cursor.h"
#include "common/pcap_file.h"

enum { PIECES = 8, DATAGRAM = 65536 };

struct piece {           /* an IPv4 datagram of which not all fragments have come */
	uint8_t key[12]; /* addresses, id, protocol */
	uint32_t have, total;
	uint64_t used; /* 0: free */
	uint8_t bytes[DATAGRAM];
};
struct capture {
	void (*f)(void *ctx, const uint8_t from[16], int64_t when_us, const uint8_t *payload, size_t n);
	void *ctx;
	int64_t when_us;
};
static struct piece pieces[PIECES];
static uint64_t pieces_clock;

static void
udp(const struct capture *g, const uint8_t from[16], struct cursor c)
{
	cursor_skip(&c, 4);
	size_t length = cursor_u16(&c);
	cursor_skip(&c, 2);
	if (c.bad || length < 8)
		return;
	size_t left = cursor_left(&c);
	g->f(g->ctx, from, g->when_us, c.at, length - 8 < left ? length - 8 : left);
}

static void
fragment(const struct capture *g, const uint8_t *ip, const uint8_t from[16], unsigned offset, bool more,
	struct cursor c)
{
	uint8_t key[12];
	memcpy(key, ip + 12, 8);
	memcpy(key + 8, ip + 4, 2);
	key[10] = ip[9], key[11] = 0;
	struct piece *p = &pieces[0];
	for (unsigned i = 0; i < PIECES; i++) {
		if (pieces[i].used && memcmp(pieces[i].key, key, sizeof key) == 0) {
			p = &pieces[i];
			break;
		}
		if (pieces[i].used < p->used)
			p = &pieces[i];
	}
	if (p->used == 0 || memcmp(p->key, key, sizeof key) != 0) {
		memcpy(p->key, key, sizeof key);
		p->have = p->total = 0;
	}
	p->used = ++pieces_clock;
	size_t n = cursor_left(&c);
	if (offset + n > DATAGRAM)
		return;
	memcpy(p->bytes + offset, c.at, n);
	p->have += (uint32_t)n;
	if (!more)
		p->total = (uint32_t)(offset + n);
	if (p->total && p->have >= p->total) {
		p->used = 0;
		if (ip[9] == 17)
			udp(g, from, cursor_of(p->bytes, p->total));
	}
}

static void
ipv4(const struct capture *g, struct cursor c)
{
	const uint8_t *ip = c.at;
	uint8_t from[16];
	if (cursor_left(&c) < 20)
		return;
	size_t header = (ip[0] & 15u) * 4u, total = (size_t)ip[2] << 8 | ip[3];
	unsigned word = (unsigned)ip[6] << 8 | ip[7], offset = (word & 0x1fff) * 8;
	if (header < 20 || (total && total < header))
		return;
	if (total && total < cursor_left(&c)) /* Ethernet pads short frames */
		c.end = c.at + total;
	cursor_skip(&c, header);
	if (c.bad)
		return;
	addr_from_v4(from, ip + 12);
	if (offset || word & 0x2000)
		fragment(g, ip, from, offset, (word & 0x2000) != 0, c);
	else if (ip[9] == 17)
		udp(g, from, c);
}

static void
ipv6(const struct capture *g, struct cursor c)
{
	const uint8_t *ip = cursor_take(&c, 40);
	if (ip == NULL)
		return;
	size_t length = (size_t)ip[4] << 8 | ip[5];
	unsigned next = ip[6];
	if (length && length < cursor_left(&c))
		c.end = c.at + length;
	while (next == 0 || next == 43 || next == 60) { /* hop by hop, routing, destination options */
		next = cursor_u8(&c);
		unsigned words = cursor_u8(&c);
		cursor_skip(&c, words * 8u + 6u);
		if (c.bad)
			return;
	}
	if (next == 17)
		udp(g, ip + 8, c);
}

static void
ip(const struct capture *g, struct cursor c)
{
	if (cursor_left(&c) == 0)
		return;
	if (c.at[0] >> 4 == 4)
		ipv4(g, c);
	else if (c.at[0] >> 4 == 6)
		ipv6(g, c);
}

static void
ethertype(const struct capture *g, unsigned type, struct cursor c)
{
	while (type == 0x8100 || type == 0x88a8 || type == 0x9100) {
		cursor_skip(&c, 2);
		type = cursor_u16(&c);
	}
	if (!c.bad && (type == 0x0800 || type == 0x86dd))
		ip(g, c);
}

static void
packet(const struct capture *g, unsigned link, struct cursor c)
{
	unsigned type;
	switch (link) {
	case PCAP_ETHERNET:
		cursor_skip(&c, 12);
		type = cursor_u16(&c);
		ethertype(g, type, c);
		break;
	case PCAP_SLL:
		cursor_skip(&c, 14);
		type = cursor_u16(&c);
		ethertype(g, type, c);
		break;
	case PCAP_SLL2:
		type = cursor_u16(&c);
		cursor_skip(&c, 18);
		ethertype(g, type, c);
		break;
	case PCAP_NULL:
	case PCAP_LOOP:
		cursor_skip(&c, 4);
		ip(g, c);
		break;
	case PCAP_RAW:
	case PCAP_RAW_BSD:
	case PCAP_RAW_OPENBSD:
	case PCAP_IPV4:
	case PCAP_IPV6:
		ip(g, c);
		break;
	default:
		break;
	}
}

int
capture_each(const uint8_t *bytes, size_t n,
	void (*f)(void *ctx, const uint8_t from[16], int64_t when_us, const uint8_t *payload, size_t n),
	void *ctx)
{
	struct capture g = {.f = f, .ctx = ctx};
	struct pcap_file file;
	struct pcap_packet p;
	int rc = pcap_file_open(&file, bytes, n);
	if (rc != 0)
		return rc;
	memset(pieces, 0, sizeof pieces);
	while (pcap_file_next(&file, &p)) {
		g.when_us = p.when_us;
		packet(&g, p.link, cursor_of(p.bytes, p.n));
	}
	return 0;
}
