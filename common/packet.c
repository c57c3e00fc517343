/*
 * packet.c - see packet.h.
 *
 * The walk holds one cursor.  Each layer takes its header from it and returns what comes next; `bad` (cut short) ends
 * everything, and what was not reached keeps its bit in `has` clear.  Offsets are differences to the first byte.
 */
#include "common/packet.h"

#include <string.h>

#include "common/addr.h"
#include "common/cursor.h"

enum { MAX_TAGS = 8, MAX_LABELS = 16, MAX_EXTENSIONS = 16 };
enum {
	TYPE_IPV4 = 0x0800,
	TYPE_ARP = 0x0806,
	TYPE_IPV6 = 0x86dd,
	TYPE_MPLS = 0x8847,
	TYPE_MPLS_MULTI = 0x8848
};
enum {
	TYPE_PPPOE = 0x8864,
	TYPE_PPP = 0x880b,
	TYPE_BRIDGED = 0x6558,
	TYPE_ERSPAN2 = 0x88be,
	TYPE_ERSPAN3 = 0x22eb
};
enum {
	PROTO_ICMP = 1,
	PROTO_IPIP = 4,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_DCCP = 33,
	PROTO_IPV6 = 41,
	PROTO_GRE = 47
};
enum { PROTO_ICMP6 = 58, PROTO_SCTP = 132, PROTO_UDPLITE = 136, PROTO_MPLS = 137 };
enum { NEXT_HOP = 0, NEXT_ROUTING = 43, NEXT_FRAGMENT = 44, NEXT_AH = 51, NEXT_NONE = 59, NEXT_OPTIONS = 60 };
enum {
	PORT_GTP = 2152,
	PORT_VXLAN = 4789,
	PORT_VXLAN_GPE = 4790,
	PORT_GENEVE = 6081,
	PORT_VXLAN_LINUX = 8472
};

struct walk {
	struct cursor c;
	const uint8_t *start;
	struct packet *p;
};

static uint32_t
offset(const struct walk *w)
{
	return (uint32_t)(w->c.at - w->start);
}

static void
found_inner(struct walk *w, enum packet_link link)
{
	if (w->c.bad || cursor_left(&w->c) == 0 || link == PACKET_LINK_NONE)
		return;
	w->p->has |= PACKET_INNER;
	w->p->inner = offset(w);
	w->p->inner_link = (uint8_t)link;
}

/* what a payload named by an ethertype begins with */
static enum packet_link
link_of(uint16_t type)
{
	switch (type) {
	case TYPE_IPV4:
	case TYPE_IPV6:
		return PACKET_LINK_IP;
	case TYPE_BRIDGED:
		return PACKET_LINK_ETHERNET;
	case TYPE_MPLS:
	case TYPE_MPLS_MULTI:
		return PACKET_LINK_MPLS;
	case TYPE_PPP:
		return PACKET_LINK_PPP;
	default:
		return PACKET_LINK_NONE;
	}
}

/* ---- layer 4 and tunnels ---------------------------------------------------------------------- */

/* RFC 2784, 2890 (version 0), 2637 (version 1: PPTP) */
static void
gre(struct walk *w)
{
	uint16_t flags = cursor_u16(&w->c), type = cursor_u16(&w->c);
	if (flags & 0x8000) /* checksum */
		cursor_skip(&w->c, 4);
	if (flags & 0x4000) /* routing (RFC 1701): nobody sends it, and its length is not said up front */
		return;
	if (flags & 0x2000)
		w->p->tunnel_id = cursor_u32(&w->c);
	if (flags & 0x1000) /* sequence */
		cursor_skip(&w->c, 4);
	if ((flags & 7) == 1 && flags & 0x0080) /* acknowledgment */
		cursor_skip(&w->c, 4);
	if (type == TYPE_ERSPAN2 || type == TYPE_ERSPAN3) {
		/* mirrored frames; without a sequence number there is no ERSPAN header (type I) */
		bool trailer = false;
		if (type == TYPE_ERSPAN3) {
			cursor_skip(&w->c, 8);
			trailer = (cursor_u32(&w->c) & 1) != 0;
		} else if (flags & 0x1000)
			cursor_skip(&w->c, 8);
		if (trailer)
			cursor_skip(&w->c, 8);
		found_inner(w, PACKET_LINK_ETHERNET);
		return;
	}
	found_inner(w, link_of(type));
}

/* RFC 7348; Generic Protocol Extension names what is inside */
static void
vxlan(struct walk *w, bool gpe)
{
	static const uint8_t inside[] = {PACKET_LINK_NONE, PACKET_LINK_IP, PACKET_LINK_IP,
		PACKET_LINK_ETHERNET, PACKET_LINK_NONE, PACKET_LINK_MPLS};
	uint32_t first = cursor_u32(&w->c), second = cursor_u32(&w->c);
	if (w->c.bad || !(first & 0x08000000)) /* no valid network identifier: something else on that port */
		return;
	unsigned next = first & 0xff;
	w->p->tunnel_id = second >> 8;
	if (gpe && first & 0x04000000)
		found_inner(w, next < sizeof inside ? (enum packet_link)inside[next] : PACKET_LINK_NONE);
	else
		found_inner(w, PACKET_LINK_ETHERNET);
}

/* RFC 8926 */
static void
geneve(struct walk *w)
{
	uint16_t first = cursor_u16(&w->c), type = cursor_u16(&w->c);
	uint32_t vni = cursor_u32(&w->c) >> 8;
	cursor_skip(&w->c, (size_t)(first >> 8 & 0x3f) * 4);
	if (w->c.bad || first >> 14 != 0)
		return;
	w->p->tunnel_id = vni;
	found_inner(w, link_of(type));
}

/* 3GPP TS 29.281: user packets (message type 255) of GTP version 1 */
static void
gtp(struct walk *w)
{
	uint8_t flags = cursor_u8(&w->c), type = cursor_u8(&w->c);
	cursor_skip(&w->c, 2);
	uint32_t endpoint = cursor_u32(&w->c);
	if (flags >> 5 != 1 || !(flags & 0x10) || type != 255)
		return;
	if (flags & 7) {
		cursor_skip(&w->c, 3);
		uint8_t next = cursor_u8(&w->c);
		for (unsigned i = 0; next != 0 && !w->c.bad && i < MAX_EXTENSIONS; i++) {
			unsigned words = cursor_u8(&w->c);
			if (words == 0)
				return;
			cursor_skip(&w->c, words * 4 - 2);
			next = cursor_u8(&w->c);
		}
		if (next != 0)
			return;
	}
	w->p->tunnel_id = endpoint;
	found_inner(w, PACKET_LINK_IP);
}

static void
udp_tunnel(struct walk *w)
{
	cursor_skip(&w->c, 4); /* length, checksum */
	switch (w->p->dst_port) {
	case PORT_VXLAN:
	case PORT_VXLAN_LINUX:
		vxlan(w, false);
		break;
	case PORT_VXLAN_GPE:
		vxlan(w, true);
		break;
	case PORT_GENEVE:
		geneve(w);
		break;
	case PORT_GTP:
		gtp(w);
		break;
	default:
		break;
	}
}

static void
ports(struct walk *w)
{
	uint16_t src = cursor_u16(&w->c), dst = cursor_u16(&w->c);
	if (w->c.bad)
		return;
	w->p->src_port = src;
	w->p->dst_port = dst;
	w->p->has |= PACKET_PORTS;
}

static void
layer4(struct walk *w)
{
	struct packet *p = w->p;
	if (p->frag_offset != 0) /* the header went with the first fragment */
		return;
	p->l4 = offset(w);
	switch (p->proto) {
	case PROTO_TCP:
		ports(w);
		cursor_skip(&w->c, 9); /* sequence, acknowledgment, header length */
		p->tcp_flags = cursor_u8(&w->c);
		if (!w->c.bad)
			p->has |= PACKET_FLAGS;
		break;
	case PROTO_UDP:
		ports(w);
		udp_tunnel(w);
		break;
	case PROTO_UDPLITE:
	case PROTO_SCTP:
	case PROTO_DCCP:
		ports(w);
		break;
	case PROTO_ICMP:
	case PROTO_ICMP6:
		p->icmp_type = cursor_u8(&w->c);
		p->icmp_code = cursor_u8(&w->c);
		if (!w->c.bad)
			p->has |= PACKET_ICMP;
		else
			p->icmp_type = 0;
		break;
	case PROTO_GRE:
		gre(w);
		break;
	case PROTO_IPIP:
	case PROTO_IPV6:
		found_inner(w, PACKET_LINK_IP);
		break;
	case PROTO_MPLS:
		found_inner(w, PACKET_LINK_MPLS);
		break;
	default:
		break;
	}
}

/* ---- layer 3 ---------------------------------------------------------------------------------- */

/* Bytes behind the packet (Ethernet pads to 60) are not part of it. */
static void
end_at(struct walk *w, uint32_t l3, uint32_t bytes)
{
	if (bytes != 0 && (size_t)(w->c.end - w->start) - l3 > bytes)
		w->c.end = w->start + l3 + bytes;
}

static void
fragment(struct walk *w, uint32_t id, unsigned units, bool more)
{
	w->p->frag_id = id;
	w->p->frag_offset = (uint16_t)(units * 8);
	w->p->frag_more = more;
	if (units || more)
		w->p->has |= PACKET_FRAGMENT;
}

/* RFC 791 */
static void
ipv4(struct walk *w)
{
	struct packet *p = w->p;
	uint32_t l3 = offset(w);
	struct cursor h = cursor_sub(&w->c, 20);
	unsigned first = cursor_u8(&h);
	if (h.bad || first >> 4 != 4 || (first & 15) < 5)
		return;
	p->ethertype = TYPE_IPV4;
	p->l3 = l3;
	p->tos = cursor_u8(&h);
	p->ip_bytes = cursor_u16(&h);
	uint32_t id = cursor_u16(&h);
	unsigned bits = cursor_u16(&h);
	fragment(w, id, bits & 0x1fff, (bits & 0x2000) != 0);
	p->ttl = cursor_u8(&h);
	p->proto = cursor_u8(&h);
	cursor_skip(&h, 2);
	addr_from_v4(p->src, cursor_take(&h, 4));
	addr_from_v4(p->dst, cursor_take(&h, 4));
	p->has |= PACKET_IPV4 | PACKET_ETHERTYPE;
	unsigned header = (first & 15) * 4;
	if (p->ip_bytes < header) /* 0 where the network card cuts segments; smaller than its header: a lie */
		p->ip_bytes = 0;
	end_at(w, l3, p->ip_bytes);
	cursor_skip(&w->c, header - 20);
	if (!w->c.bad)
		layer4(w);
}

/* RFC 2675: the length of a packet of more than 64 KB is an option of the hop-by-hop header */
static uint32_t
jumbo(struct cursor options)
{
	while (cursor_left(&options) > 0) {
		uint8_t type = cursor_u8(&options);
		if (type == 0) /* Pad1 */
			continue;
		uint8_t n = cursor_u8(&options);
		if (type == 0xc2 && n == 4) {
			uint32_t bytes = cursor_u32(&options);
			return options.bad ? 0 : bytes;
		}
		cursor_skip(&options, n);
	}
	return 0;
}

/* RFC 8200 section 4: headers between the fixed one and layer 4.  False: cut short, or no more to see */
static bool
extensions(struct walk *w, bool no_length)
{
	struct packet *p = w->p;
	for (unsigned i = 0; i < MAX_EXTENSIONS; i++) {
		struct cursor c = w->c;
		unsigned kind = p->proto;
		if (kind != NEXT_HOP && kind != NEXT_ROUTING && kind != NEXT_FRAGMENT && kind != NEXT_AH &&
			kind != NEXT_OPTIONS)
			return kind != NEXT_NONE;
		uint8_t next = cursor_u8(&c);
		unsigned n = cursor_u8(&c);
		if (kind == NEXT_FRAGMENT) {
			unsigned bits = cursor_u16(&c);
			uint32_t id = cursor_u32(&c);
			if (c.bad)
				return false;
			fragment(w, id, bits >> 3, (bits & 1) != 0);
		} else {
			/* of AH (RFC 4302) in 4 bytes less 2, else in 8 bytes less 1 */
			struct cursor body =
				cursor_sub(&c, (kind == NEXT_AH ? (n + 2) * 4 : (n + 1) * 8) - 2);
			if (c.bad)
				return false;
			uint32_t bytes = kind == NEXT_HOP && no_length ? jumbo(body) : 0;
			if (bytes && bytes <= UINT32_MAX - 40)
				p->ip_bytes = bytes + 40;
		}
		w->c = c;
		p->proto = next;
		if (p->frag_offset != 0) /* what follows is the middle of something */
			return false;
	}
	return false;
}

static void
ipv6(struct walk *w)
{
	struct packet *p = w->p;
	uint32_t l3 = offset(w);
	struct cursor h = cursor_sub(&w->c, 40);
	uint32_t first = cursor_u32(&h);
	if (h.bad || first >> 28 != 6)
		return;
	p->ethertype = TYPE_IPV6;
	p->l3 = l3;
	p->tos = (uint8_t)(first >> 20);
	p->flow_label = first & 0xfffff;
	unsigned payload = cursor_u16(&h);
	p->proto = cursor_u8(&h);
	p->ttl = cursor_u8(&h);
	memcpy(p->src, cursor_take(&h, 16), 16);
	memcpy(p->dst, cursor_take(&h, 16), 16);
	p->has |= PACKET_IPV6 | PACKET_ETHERTYPE;
	/* no length: jumbogram, or a packet that the network card will cut; nothing behind the header is 40 bytes */
	p->ip_bytes = payload || p->proto == NEXT_NONE ? payload + 40 : 0;
	end_at(w, l3, p->ip_bytes);
	if (extensions(w, payload == 0))
		layer4(w);
}

static void
ip(struct walk *w)
{
	if (cursor_left(&w->c) == 0)
		return;
	if (w->c.at[0] >> 4 == 4)
		ipv4(w);
	else
		ipv6(w);
}

/* ---- between link and layer 3 ----------------------------------------------------------------- */

/* RFC 3032.  Nothing says what is under the bottom label: the first four bits tell IP from a pseudowire (RFC 4385). */
static void
mpls(struct walk *w)
{
	struct packet *p = w->p;
	for (unsigned i = 0;; i++) {
		uint32_t entry = cursor_u32(&w->c);
		if (w->c.bad || i == MAX_LABELS)
			return;
		if (i == 0) {
			p->mpls_label = entry >> 12;
			p->has |= PACKET_MPLS;
		}
		if (entry & 0x100) /* bottom of stack */
			break;
	}
	p->l3 = offset(w);
	if (cursor_left(&w->c) == 0)
		return;
	unsigned nibble = w->c.at[0] >> 4;
	if (nibble == 4 || nibble == 6)
		ip(w);
	else if (nibble == 0) { /* control word, then most often Ethernet */
		cursor_skip(&w->c, 4);
		found_inner(w, PACKET_LINK_ETHERNET);
	}
}

/* protocol numbers of PPP, one byte if odd (RFC 1661 section 6.5) */
static void
ppp(struct walk *w)
{
	unsigned protocol = cursor_u8(&w->c);
	if (!(protocol & 1))
		protocol = protocol << 8 | cursor_u8(&w->c);
	if (w->c.bad)
		return;
	w->p->l3 = offset(w);
	if (protocol == 0x21)
		ipv4(w);
	else if (protocol == 0x57)
		ipv6(w);
	else if (protocol == 0x281 || protocol == 0x283)
		mpls(w);
}

static void
layer3(struct walk *w, uint16_t type)
{
	switch (type) {
	case TYPE_IPV4:
		ipv4(w);
		break;
	case TYPE_IPV6:
		ipv6(w);
		break;
	case TYPE_ARP:
		w->p->has |= PACKET_ARP;
		break;
	case TYPE_MPLS:
	case TYPE_MPLS_MULTI:
		mpls(w);
		break;
	case TYPE_PPPOE: /* RFC 2516 */
		cursor_skip(&w->c, 6);
		ppp(w);
		break;
	default:
		break;
	}
}

/* IEEE 802.2, RFC 1042 */
static void
llc(struct walk *w)
{
	uint32_t head = cursor_u32(&w->c); /* DSAP, SSAP, control, first byte of the organisation */
	if (w->c.bad)
		return;
	if (head >> 8 == 0xaaaa03) {
		unsigned rest = cursor_u16(&w->c);
		uint16_t type = cursor_u16(&w->c);
		if (w->c.bad)
			return;
		w->p->l3 = offset(w);
		/* RFC 1042, and bridge tunnels (802.1H); other organisations number protocols of their own */
		if ((head & 0xff) == 0 && (rest == 0 || rest == 0xf8)) {
			w->p->ethertype = type;
			w->p->has |= PACKET_ETHERTYPE;
			layer3(w, type);
		}
		return;
	}
	w->p->l3 = offset(w) - 1;
	if (head >> 8 == 0x060603) { /* IP's own access point; the fourth byte is its first */
		w->c.at--;
		ipv4(w);
	}
}

static bool
is_tag(uint16_t type)
{
	return type == 0x8100 || type == 0x88a8 || type == 0x9100 || type == 0x9200 || type == 0x9300;
}

static void
tag(struct packet *p, uint16_t tci)
{
	if (!(p->has & PACKET_VLAN)) {
		p->vlan_outer = tci & 0xfff;
		p->vlan_priority = (uint8_t)(tci >> 13);
		p->has |= PACKET_VLAN;
	} else if (!(p->has & PACKET_VLAN_INNER)) {
		p->vlan_inner = tci & 0xfff;
		p->has |= PACKET_VLAN_INNER;
	}
}

static void
ethernet(struct walk *w)
{
	struct packet *p = w->p;
	const uint8_t *macs = cursor_take(&w->c, 12);
	if (macs == NULL)
		return;
	memcpy(p->dst_mac, macs, 6);
	memcpy(p->src_mac, macs + 6, 6);
	p->has |= PACKET_MAC;
	uint16_t type = cursor_u16(&w->c);
	for (unsigned i = 0; i < MAX_TAGS && !w->c.bad; i++) {
		if (is_tag(type)) {
			uint16_t tci = cursor_u16(&w->c);
			if (!w->c.bad)
				tag(p, tci);
		} else if (type == 0x8926) /* VN-Tag (802.1BR) */
			cursor_skip(&w->c, 4);
		else
			break;
		type = cursor_u16(&w->c);
	}
	if (w->c.bad)
		return;
	p->l3 = offset(w);
	if (type < 0x0600) { /* IEEE 802.3: a length */
		end_at(w, offset(w), type);
		llc(w);
		return;
	}
	p->ethertype = type;
	p->has |= PACKET_ETHERTYPE;
	layer3(w, type);
}

/* IEEE 802.11: only data frames carry packets, and only those that are not protected can be read */
static void
wireless(struct walk *w)
{
	struct packet *p = w->p;
	unsigned control = cursor_u16(&w->c); /* little-endian on air: first byte type, second flags */
	cursor_skip(&w->c, 2);
	const uint8_t *a = cursor_take(&w->c, 18);
	cursor_skip(&w->c, 2);
	bool to_ds = control & 1, from_ds = control & 2, data = (control >> 10 & 3) == 2;
	if (w->c.bad)
		return;
	const uint8_t *fourth = to_ds && from_ds ? cursor_take(&w->c, 6) : NULL;
	if (!data || w->c.bad)
		return;
	memcpy(p->dst_mac, to_ds ? a + 12 : a, 6);
	memcpy(p->src_mac, fourth ? fourth : from_ds ? a + 12 : a + 6, 6);
	p->has |= PACKET_MAC;
	if (control & 0x8000) { /* quality of service; with the order bit, high throughput control */
		cursor_skip(&w->c, 2);
		if (control & 0x80)
			cursor_skip(&w->c, 4);
	}
	if (control & 0x40 || control & 0x4000) /* protected; or a data frame without data */
		return;
	llc(w);
}

void
packet_parse(enum packet_link link, const uint8_t *bytes, size_t n, struct packet *p)
{
	struct walk w = {cursor_of(bytes, n), bytes, p};
	memset(p, 0, sizeof *p);
	switch (link) {
	case PACKET_LINK_ETHERNET:
		ethernet(&w);
		break;
	case PACKET_LINK_IP:
		ip(&w);
		break;
	case PACKET_LINK_MPLS:
		mpls(&w);
		break;
	case PACKET_LINK_PPP:
		if (n >= 2 && bytes[0] == 0xff && bytes[1] == 0x03)
			cursor_skip(&w.c, 2);
		ppp(&w);
		break;
	case PACKET_LINK_LLC:
		llc(&w);
		break;
	case PACKET_LINK_80211:
		wireless(&w);
		break;
	default:
		break;
	}
}
