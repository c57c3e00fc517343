/*
 * sflow_flow.c - see sflow.h.
 *
 * Bytes.  A flow counts layer 3, as NetFlow does: the length field of the sampled IP header.  Where there is no IP header
 * (bridged protocols) or it does not say (segments the network card cuts), the frame's length less what was stripped and
 * less the link header.
 *
 * Interfaces.  An index is kept as it is, the device itself (0x3fffffff) too.  Discarded and multiple destinations have
 * no one interface: 0, and a discarded packet has a forwarding status.
 *
 * VLANs.  The switch record says both sides; one that it does not know (a routed port) is 0.  Without it the packet is
 * taken to have kept the tag it was sampled with: the two directions of a conversation must not differ by the port
 * that each was sampled at.
 *
 * Losses.  Each data source numbers its samples and counts packets that it should have sampled and could not.  Both are
 * kept by source in a table of fixed size; a source that was forgotten begins anew: a loss may be missed, none is made up.
 * The table is not restored after a restart: flows do not depend on it.
 */
#include "ingest/sflow.h"

#include <stdlib.h>

#include "common/addr.h"
#include "common/hash.h"

enum { NO_VLAN = 4096, ETHERNET_BYTES = 18 };

/* ---- records ---------------------------------------------------------------------------------- */

bool
sflow_address(struct cursor *c, uint8_t out[16])
{
	uint32_t type = cursor_u32(c);
	const uint8_t *p;
	memset(out, 0, 16);
	switch (type) {
	case 0: /* unknown: nothing follows */
		return !c->bad;
	case 1:
		p = cursor_take(c, 4);
		if (p)
			addr_from_v4(out, p);
		return p != NULL;
	case 2:
		p = cursor_take(c, 16);
		if (p)
			memcpy(out, p, 16);
		return p != NULL;
	default:
		c->bad = true;
		return false;
	}
}

static enum packet_link
link_of(uint32_t protocol)
{
	switch (protocol) {
	case 1: /* Ethernet */
		return PACKET_LINK_ETHERNET;
	case 7:  /* PPP */
	case 14: /* packets over SONET: PPP in HDLC framing */
		return PACKET_LINK_PPP;
	case 9: /* AAL5 */
		return PACKET_LINK_LLC;
	case 10: /* AAL5 with IP alone */
	case 11: /* IPv4 */
	case 12: /* IPv6 */
		return PACKET_LINK_IP;
	case 13: /* MPLS */
		return PACKET_LINK_MPLS;
	case 15: /* 802.11 MAC */
		return PACKET_LINK_80211;
	default: /* token bus and ring, FDDI, frame relay, X.25, SMDS: the frame counts, its inside is not read */
		return PACKET_LINK_NONE;
	}
}

void
sflow_header(struct cursor *c, bool stripped, struct sflow_sample *s)
{
	s->protocol = cursor_u32(c);
	s->frame_bytes = cursor_u32(c);
	s->stripped = stripped ? cursor_u32(c) : 0;
	size_t n = cursor_u32(c);
	if (c->bad)
		return;
	if (n > cursor_left(c)) {
		s->has |= SFLOW_CUT;
		n = cursor_left(c);
	}
	const uint8_t *header = cursor_take(c, n);
	size_t pad = (4 - n % 4) % 4;
	cursor_skip(c, pad < cursor_left(c) ? pad : cursor_left(c));
	packet_parse(link_of(s->protocol), header, n, &s->packet);
	s->has |= SFLOW_HEADER;
}

/* ICMP in the ports of a fields record: type and code in the two, or both in the second as NetFlow has it, or the type
 * alone there: agents differ. */
static void
icmp_of_ports(struct packet *p)
{
	if (p->src_port == 0 && p->dst_port > 255) {
		p->icmp_type = (uint8_t)(p->dst_port >> 8);
		p->icmp_code = (uint8_t)p->dst_port;
	} else {
		p->icmp_type = (uint8_t)(p->src_port ? p->src_port : p->dst_port);
		p->icmp_code = (uint8_t)(p->src_port ? p->dst_port : 0);
	}
	p->has = (p->has & ~(uint32_t)PACKET_PORTS) | PACKET_ICMP;
}

void
sflow_ip_fields(struct cursor *c, bool v6, struct sflow_sample *s)
{
	struct packet *p = &s->packet;
	size_t width = v6 ? 16 : 4;
	uint32_t bytes = cursor_u32(c), proto = cursor_u32(c);
	const uint8_t *src = cursor_take(c, width), *dst = cursor_take(c, width);
	uint32_t src_port = cursor_u32(c), dst_port = cursor_u32(c), flags = cursor_u32(c),
		 tos = cursor_u32(c);
	if (c->bad)
		return;
	s->has |= SFLOW_IP;
	if (p->has & PACKET_IP) /* the packet's own first bytes say more */
		return;
	if (v6) {
		memcpy(p->src, src, 16);
		memcpy(p->dst, dst, 16);
	} else {
		addr_from_v4(p->src, src);
		addr_from_v4(p->dst, dst);
	}
	p->has |= (v6 ? PACKET_IPV6 : PACKET_IPV4) | PACKET_ETHERTYPE | PACKET_PORTS;
	p->ethertype = v6 ? 0x86dd : 0x0800;
	p->ip_bytes = bytes;
	p->proto = (uint8_t)proto;
	p->src_port = (uint16_t)src_port;
	p->dst_port = (uint16_t)dst_port;
	p->tos = (uint8_t)tos;
	if (p->proto == 6) {
		p->tcp_flags = (uint8_t)flags;
		p->has |= PACKET_FLAGS;
	} else if (p->proto == 1 || p->proto == 58)
		icmp_of_ports(p);
}

void
sflow_switch(struct cursor *c, struct sflow_sample *s)
{
	s->src_vlan = cursor_u32(c);
	s->src_priority = cursor_u32(c);
	s->dst_vlan = cursor_u32(c);
	s->dst_priority = cursor_u32(c);
	if (!c->bad)
		s->has |= SFLOW_SWITCH;
}

void
sflow_router(struct cursor *c, struct sflow_sample *s)
{
	(void)sflow_address(c, s->next_hop);
	s->src_mask = cursor_u32(c);
	s->dst_mask = cursor_u32(c);
	if (!c->bad)
		s->has |= SFLOW_ROUTER;
}

/* n AS numbers; false: there are fewer bytes */
static bool
path_numbers(struct cursor *c, uint32_t n, struct sflow_sample *s)
{
	if (n > cursor_left(c) / 4) {
		c->bad = true;
		return false;
	}
	for (uint32_t i = 0; i < n; i++) {
		s->last_as = cursor_u32(c);
		if (s->n_path < SFLOW_PATH)
			s->path[s->n_path++] = s->last_as;
	}
	return true;
}

/* Version 5 begins with the BGP next hop; version 2 has the path as one list, 4 and 5 in segments (sets and sequences),
 * and after it communities and the local preference. */
void
sflow_gateway(struct cursor *c, uint8_t version, struct sflow_sample *s)
{
	memset(s->bgp_next_hop, 0, 16);
	if (version == SFLOW_V5)
		(void)sflow_address(c, s->bgp_next_hop);
	s->router_as = cursor_u32(c);
	s->src_as = cursor_u32(c);
	s->src_peer_as = cursor_u32(c);
	s->n_path = s->last_as = s->n_communities = s->local_pref = 0;
	s->communities = NULL;
	uint32_t segments = cursor_u32(c);
	if (version == SFLOW_V2)
		(void)path_numbers(c, segments, s);
	else {
		for (uint32_t i = 0; i < segments && !c->bad; i++) {
			cursor_skip(c, 4); /* 1 set, 2 sequence */
			uint32_t n = cursor_u32(c);
			if (c->bad || !path_numbers(c, n, s))
				break;
		}
		uint32_t n = cursor_u32(c);
		if (n > cursor_left(c) / 4)
			c->bad = true;
		if (!c->bad) {
			s->communities = cursor_take(c, (size_t)n * 4);
			s->n_communities = n;
		}
		s->local_pref = cursor_u32(c);
	}
	if (!c->bad)
		s->has |= SFLOW_GATEWAY;
}

void
sflow_interface(struct cursor *c, struct sflow_counters *k)
{
	struct sflow_counters i = *k;
	i.index = cursor_u32(c);
	i.type = cursor_u32(c);
	i.speed = cursor_u64(c);
	i.direction = cursor_u32(c);
	i.status = cursor_u32(c);
	i.in_bytes = cursor_u64(c);
	i.in_unicast = cursor_u32(c);
	i.in_multicast = cursor_u32(c);
	i.in_broadcast = cursor_u32(c);
	i.in_discards = cursor_u32(c);
	i.in_errors = cursor_u32(c);
	i.in_unknown = cursor_u32(c);
	i.out_bytes = cursor_u64(c);
	i.out_unicast = cursor_u32(c);
	i.out_multicast = cursor_u32(c);
	i.out_broadcast = cursor_u32(c);
	i.out_discards = cursor_u32(c);
	i.out_errors = cursor_u32(c);
	i.promiscuous = cursor_u32(c);
	if (c->bad)
		return;
	i.has_interface = true;
	*k = i;
}

void
sflow_settle(struct sflow_sample *s)
{
	struct packet *p = &s->packet;
	if (s->has & SFLOW_MPLS && !(p->has & PACKET_MPLS)) {
		p->mpls_label = s->mpls_label;
		p->has |= PACKET_MPLS;
	}
	if (s->has & SFLOW_VLAN_TUNNEL && !(p->has & PACKET_VLAN)) {
		p->vlan_outer = (uint16_t)s->tunnel_vlan;
		p->has |= PACKET_VLAN;
	}
}

/* ---- sample to flow --------------------------------------------------------------------------- */

/* IPFIX forwardingStatus (RFC 7270 section 4.12): 64 and more dropped… is 128 to 191, with its reason */
static uint8_t
forwarding_status(uint32_t reason)
{
	switch (reason) {
	case 0: /* network, host, source route, isolated: no way there */
	case 1:
	case 5:
	case 6:
	case 7:
	case 8:
	case 11:
	case 12:
		return 131; /* unroutable */
	case 9:             /* prohibited */
	case 10:
	case 13:
	case 258:           /* access list */
		return 129; /* ACL deny */
	case 4:             /* fragmentation needed */
	case 262:           /* too big */
		return 133; /* fragmentation and DF set */
	case 257:
		return 137; /* bad TTL */
	case 260:           /* random early detection */
		return 139; /* WRED */
	case 261:           /* shaping, rate limits */
		return 138; /* policer */
	default:
		return 128; /* dropped, unknown */
	}
}

static uint64_t
layer3_bytes(const struct sflow_sample *s)
{
	const struct packet *p = &s->packet;
	if (p->has & PACKET_IP && p->ip_bytes)
		return p->ip_bytes;
	uint64_t off = s->has & SFLOW_HEADER ? (uint64_t)s->stripped + p->l3 : ETHERNET_BYTES;
	return s->frame_bytes > off ? s->frame_bytes - off : 0;
}

static void
vlans(const struct sflow_sample *s, struct ft_flow *f)
{
	bool in = s->has & SFLOW_SWITCH && s->src_vlan < NO_VLAN,
	     out = s->has & SFLOW_SWITCH && s->dst_vlan < NO_VLAN;
	uint16_t in_vlan = (uint16_t)(in ? s->src_vlan : 0), out_vlan = (uint16_t)(out ? s->dst_vlan : 0);
	bool tagged = (s->packet.has & PACKET_VLAN) != 0;
	if (!in && !out && !tagged)
		return;
	if (in_vlan == 0 && out_vlan == 0 && tagged)
		in_vlan = out_vlan = s->packet.vlan_outer;
	f->in_vlan = in_vlan;
	f->out_vlan = out_vlan;
	f->bits |= FT_FLOW_HAS_VLAN | FT_FLOW_HAS_OUT_VLAN;
}

static void
packet_fields(const struct packet *p, struct ft_flow *f)
{
	static const uint8_t zero4[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
	bool is_ip = (p->has & PACKET_IP) != 0;
	memcpy(f->src, is_ip ? p->src : zero4, 16);
	memcpy(f->dst, is_ip ? p->dst : zero4, 16);
	if (!is_ip)
		return;
	f->bits |= FT_FLOW_HAS_TOS | (p->has & PACKET_IPV6 ? FT_FLOW_V6 : 0u);
	f->proto = p->proto;
	f->tos = p->tos;
	if (p->has & PACKET_PORTS) {
		f->src_port = p->src_port;
		f->dst_port = p->dst_port;
	}
	if (p->has & PACKET_FLAGS) {
		f->flags = p->tcp_flags;
		f->bits |= FT_FLOW_HAS_FLAGS;
	}
	if (p->has & PACKET_ICMP) {
		f->icmp_type = p->icmp_type;
		f->icmp_code = p->icmp_code;
		f->dst_port = (uint16_t)(p->icmp_type << 8 | p->icmp_code);
		f->bits |= FT_FLOW_ICMP;
	}
}

static bool
is_set(const uint8_t a[16])
{
	static const uint8_t zero[16];
	return memcmp(a, zero, 16) != 0 && !(addr_is_v4(a) && memcmp(a + 12, zero, 4) == 0);
}

static void
routing(const struct sflow_sample *s, struct ft_flow *f, struct ft_flow_ext *x)
{
	uint32_t most = f->bits & FT_FLOW_V6 ? 128 : 32;
	if (s->has & SFLOW_ROUTER && (s->src_mask <= most || s->dst_mask <= most)) {
		f->src_mask = (uint8_t)(s->src_mask <= most ? s->src_mask : 0);
		f->dst_mask = (uint8_t)(s->dst_mask <= most ? s->dst_mask : 0);
		f->bits |= FT_FLOW_HAS_MASK;
	}
	if (s->has & SFLOW_GATEWAY) {
		/* source 0, or a path that is empty: inside the router's own AS */
		f->src_as = s->src_as ? s->src_as : s->router_as;
		f->dst_as = s->last_as ? s->last_as : s->router_as;
		f->bits |= FT_FLOW_HAS_AS;
	}
	const uint8_t *hop = s->has & SFLOW_ROUTER && is_set(s->next_hop)        ? s->next_hop
			     : s->has & SFLOW_GATEWAY && is_set(s->bgp_next_hop) ? s->bgp_next_hop
										 : NULL;
	if (hop) {
		memcpy(x->next_hop, hop, 16);
		x->has |= FT_EXT_NEXT_HOP;
	}
}

static void
extension(const struct sflow_sample *s, struct ft_flow_ext *x)
{
	const struct packet *p = &s->packet;
	if (p->has & PACKET_MAC) {
		memcpy(x->src_mac, p->src_mac, 6);
		memcpy(x->dst_mac, p->dst_mac, 6);
		x->has |= FT_EXT_MAC;
	}
	if (p->has & PACKET_MPLS) {
		x->mpls_label = p->mpls_label;
		x->has |= FT_EXT_MPLS;
	}
	if (s->has & (SFLOW_NAT | SFLOW_NAT_PORTS)) {
		if (s->has & SFLOW_NAT) {
			memcpy(x->nat_src, s->nat_src, 16);
			memcpy(x->nat_dst, s->nat_dst, 16);
		}
		if (s->has & SFLOW_NAT_PORTS) {
			x->nat_src_port = (uint16_t)s->nat_src_port;
			x->nat_dst_port = (uint16_t)s->nat_dst_port;
		}
		x->has |= FT_EXT_NAT;
	}
	if (s->has & SFLOW_DROPPED || s->out_format == SFLOW_IF_DISCARDED) {
		x->forwarding_status = forwarding_status(s->has & SFLOW_DROPPED ? s->reason : s->out_if);
		x->has |= FT_EXT_FWD;
	}
}

void
sflow_flow(const struct sflow_sample *s, const struct message *m, struct decoded *d)
{
	struct ft_flow *f = &d->f;
	memset(f, 0, sizeof *f);
	memset(&d->x, 0, sizeof d->x);
	packet_fields(&s->packet, f);
	f->bytes = layer3_bytes(s);
	f->packets = 1;
	f->first_us = f->last_us = f->export_us = m->ctx.export_time.us;
	/* an uptime is all that a datagram has: samples alike in everything are still different packets */
	f->bits |= FT_FLOW_NOTIME | FT_FLOW_HAS_IF;
	f->in_if = s->in_format == SFLOW_IF_INDEX ? s->in_if : 0;
	f->out_if = s->out_format == SFLOW_IF_INDEX ? s->out_if : 0;
	f->sampling = s->rate;
	f->version = m->version;
	vlans(s, f);
	routing(s, f, &d->x);
	extension(s, &d->x);
	if (d->x.has)
		f->bits |= FT_FLOW_EXT;
}

/* ---- losses ----------------------------------------------------------------------------------- */

enum { TABLE = 1 << 14, PROBES = 8, JUMP = 1 << 20, LATE_MS = 60000 };
struct sflow_source {
	uint32_t exporter; /* 0: free */
	uint32_t domain, source_class, source_index;
	uint32_t kind; /* version and sample format: each has numbers of its own */
	uint32_t sequence, drops, uptime_ms;
};
struct sflow_table {
	struct sflow_source source[TABLE];
};

void
sflow_table_free(struct sflow_table *t)
{
	free(t);
}

static struct sflow_source *
place(struct sflow_table *t, const struct sflow_source *key)
{
	uint64_t h = hash_mix((uint64_t)key->exporter << 32 | key->domain,
		hash_mix((uint64_t)key->source_class << 32 | key->source_index, key->kind));
	for (unsigned i = 0; i < PROBES; i++) {
		struct sflow_source *e = &t->source[(h + i) & (TABLE - 1)];
		if (e->exporter == 0 || (e->exporter == key->exporter && e->domain == key->domain &&
						e->source_class == key->source_class &&
						e->source_index == key->source_index && e->kind == key->kind))
			return e;
	}
	struct sflow_source *e = &t->source[h & (TABLE - 1)];
	e->exporter = 0;
	return e;
}

void
sflow_account(struct message *m, const struct sflow_sample *s)
{
	struct decoder *d = m->d;
	if (d->sflow == NULL && (d->sflow = calloc(1, sizeof *d->sflow)) == NULL)
		return;
	struct sflow_source key = {.exporter = m->exporter,
		.domain = m->domain,
		.source_class = s->source_class,
		.source_index = s->source_index,
		.kind = (uint32_t)m->version << 16 | (s->has & SFLOW_DROPPED ? 5 : 1),
		.sequence = s->sequence,
		.drops = s->drops,
		.uptime_ms = m->ctx.uptime.ms};
	struct sflow_source *e = place(d->sflow, &key);
	if (e->exporter) {
		uint32_t missing = s->sequence - e->sequence - 1, drops = s->drops - e->drops;
		uint32_t back_ms = e->uptime_ms - key.uptime_ms;
		/* Not ahead, in a datagram that was not sent later and not long before: late, or it came twice.  Else the
		 * agent counts anew. */
		if (missing >= JUMP && back_ms < LATE_MS)
			return;
		if (missing < JUMP) {
			d->work.samples_missing += missing;
			d->work.sampler_drops += drops < JUMP ? drops : 0;
		}
	}
	*e = key;
}
