/*
 * capture.c - see capture.h.  Formats: the libpcap file format, draft-ietf-opsawg-pcapng.
 */
#include "ingest/capture.h"

#include <stdbool.h>
#include <string.h>

#include "common/addr.h"
#include "common/cursor.h"
#include "common/err.h"

enum {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_RAW_BSD = 12,
	LINK_RAW = 101,
	LINK_LOOP = 108,
	LINK_SLL = 113,
	LINK_SLL2 = 276
};
enum { PIECES = 8, DATAGRAM = 65536, INTERFACES = 64 };

struct piece {           /* an IPv4 datagram of which not all fragments have come */
	uint8_t key[12]; /* addresses, id, protocol */
	uint32_t have, total;
	uint64_t used; /* 0: free */
	uint8_t bytes[DATAGRAM];
};
struct capture {
	void (*f)(void *ctx, const uint8_t from[16], int64_t when_us, const uint8_t *payload, size_t n);
	void *ctx;
	bool swapped;
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
	case LINK_ETHERNET:
		cursor_skip(&c, 12);
		type = cursor_u16(&c);
		ethertype(g, type, c);
		break;
	case LINK_SLL:
		cursor_skip(&c, 14);
		type = cursor_u16(&c);
		ethertype(g, type, c);
		break;
	case LINK_SLL2:
		type = cursor_u16(&c);
		cursor_skip(&c, 18);
		ethertype(g, type, c);
		break;
	case LINK_NULL:
	case LINK_LOOP:
		cursor_skip(&c, 4);
		ip(g, c);
		break;
	case LINK_RAW:
	case LINK_RAW_BSD:
	case 14:
	case 228:
	case 229:
		ip(g, c);
		break;
	default:
		break;
	}
}

static uint32_t
u32(struct capture *g, struct cursor *c)
{
	uint32_t v = cursor_u32(c);
	return g->swapped ? __builtin_bswap32(v) : v;
}
static unsigned
u16(struct capture *g, struct cursor *c)
{
	uint16_t v = cursor_u16(c);
	return g->swapped ? __builtin_bswap16(v) : v;
}

static void
pcap(struct capture *g, struct cursor c, bool nano)
{
	cursor_skip(&c, 20);
	unsigned link = u32(g, &c) & 0xffff;
	while (cursor_left(&c) >= 16) {
		uint32_t seconds = u32(g, &c), part = u32(g, &c), kept = u32(g, &c);
		cursor_skip(&c, 4);
		g->when_us = (int64_t)seconds * 1000000 + (nano ? part / 1000 : part);
		struct cursor p = cursor_sub(&c, kept < cursor_left(&c) ? kept : cursor_left(&c));
		packet(g, link, p);
	}
}

static void
pcapng(struct capture *g, struct cursor c)
{
	unsigned link[INTERFACES] = {0}, n_links = 0;
	while (cursor_left(&c) >= 12) {
		const uint8_t *begin = c.at;
		uint32_t type = u32(g, &c), length;
		if (begin[0] == 0x0a && begin[1] == 0x0d && begin[2] == 0x0d && begin[3] == 0x0a) {
			/* a section has its own byte order */
			g->swapped = begin[8] == 0x4d;
			n_links = 0;
			type = 0;
		}
		length = u32(g, &c);
		if (length < 12 || length - 8 > cursor_left(&c))
			return;
		struct cursor b = cursor_sub(&c, length - 8);
		b.end -= 4;
		if (type == 1) {
			unsigned l = u16(g, &b);
			if (n_links < INTERFACES)
				link[n_links++] = l;
		} else if (type == 6) {
			uint32_t interface = u32(g, &b), high = u32(g, &b), low = u32(g, &b),
				 kept = u32(g, &b);
			cursor_skip(&b, 4);
			g->when_us = (int64_t)((uint64_t)high << 32 | low);
			if (interface < n_links)
				packet(g, link[interface],
					cursor_sub(&b, kept < cursor_left(&b) ? kept : cursor_left(&b)));
		} else if (type == 3) {
			cursor_skip(&b, 4);
			packet(g, link[0], b);
		}
	}
}

int
capture_each(const uint8_t *bytes, size_t n,
	void (*f)(void *ctx, const uint8_t from[16], int64_t when_us, const uint8_t *payload, size_t n),
	void *ctx)
{
	struct capture g = {.f = f, .ctx = ctx};
	struct cursor c = cursor_of(bytes, n);
	uint32_t magic = cursor_u32(&c);
	c = cursor_of(bytes, n);
	memset(pieces, 0, sizeof pieces);
	switch (magic) {
	case 0xa1b2c3d4:
	case 0xa1b23c4d:
		pcap(&g, c, magic == 0xa1b23c4d);
		return 0;
	case 0xd4c3b2a1:
	case 0x4d3cb2a1:
		g.swapped = true;
		pcap(&g, c, magic == 0x4d3cb2a1);
		return 0;
	case 0x0a0d0d0a:
		pcapng(&g, c);
		return 0;
	default:
		return FT_EFORMAT;
	}
}
