/*
 * program_settle.c - what of a record depends on several elements, once they are in place (program_settle.h): which
 * address pair, which counters, which kind of times, and the other direction of a record that has both.
 */
#include "ingest/program_settle.h"

#include <string.h>

#include "common/flow_key.h"
#include "common/packet.h"

static int64_t
ntp_us(uint64_t ntp)
{
	/* RFC 7011 section 6.1.9: seconds since 1900 and a 32-bit fraction, for micro- and nanoseconds alike */
	return ((int64_t)(ntp >> 32) - 2208988800ll) * 1000000 +
	       (int64_t)(((ntp & 0xffffffff) * 1000000) >> 32);
}

enum { AHEAD_MS = 60000, DAY_MS = 86400000 };

static int64_t
from_uptime(const struct program *g, const struct record_context *c, const struct decoded *d, uint32_t stamp)
{
	if (c->has_uptime) {
		/* SonicWall: the header's uptime is in seconds, its records' in milliseconds.  No stamp is far ahead of
		 * its header otherwise, least of all by that factor. */
		int64_t ago_ms = (int64_t)c->uptime.ms * 1000 - stamp;
		if ((int32_t)(stamp - c->uptime.ms) > AHEAD_MS && ago_ms > -AHEAD_MS && ago_ms < DAY_MS)
			return c->export_time.us - ago_ms * 1000;
		return uptime_to_wall(c->export_time, c->uptime, (uptime_t){stamp}).us;
	}
	int64_t init = program_carries(g, HAS_INIT_TIME) ? (int64_t)d->s.init_ms : c->init_ms;
	if (init <= 0 || init > (INT64_C(1) << 50))
		return c->export_time.us;
	/* milliseconds since the device's start; they wrap at 2^32, so the latest turn not after the export counts;
	 * one before the start, of an exporter that reads an old capture, is a wrap, too */
	int64_t t = init + stamp, behind = c->export_time.us / 1000 + 60000 - t, turn = INT64_C(1) << 32;
	t += (behind >= 0 ? behind / turn : -1) * turn;
	return t * 1000 + c->correction_us;
}

/* Microseconds of an absolute stamp in units of `unit_us`; 0 if it is none: not set, or beyond any year we will see. */
static int64_t
absolute(uint64_t v, int64_t unit_us, int64_t fix)
{
	return v == 0 || v > (uint64_t)((INT64_C(1) << 60) / unit_us) ? 0 : (int64_t)v * unit_us + fix;
}
static inline int64_t
or_else(int64_t t, int64_t other)
{
	return t ? t : other;
}

/* one end and how long it lasted */
static void
settle_duration(const struct program *g, const struct scratch *s, int64_t *first, int64_t *last)
{
	uint64_t us = program_carries(g, HAS_DURATION_US) ? s->duration_us : (uint64_t)s->duration_ms * 1000;
	if (us > UINT64_C(366) * 86400 * 1000000)
		return;
	if (*first && !*last)
		*last = *first + (int64_t)us;
	else if (*last && !*first)
		*first = *last - (int64_t)us;
}

static void
settle_times(const struct program *g, const struct record_context *c, struct decoded *d)
{
	struct ft_flow *f = &d->f;
	const struct scratch *s = &d->s;
	int64_t first = 0, last = 0, fix = c->correction_us;
	/* start and end may be of different kinds: each takes the finest it has */
	if (program_carries(g, HAS_UPTIME)) {
		/* both 0: no times; one alone may be the moment of boot */
		if (s->first_uptime || s->last_uptime) {
			first = from_uptime(g, c, d, s->first_uptime);
			last = from_uptime(g, c, d, s->last_uptime);
		}
	}
	if (program_carries(g, HAS_S)) {
		first = or_else(absolute(s->first_s, 1000000, fix), first);
		last = or_else(absolute(s->last_s, 1000000, fix), last);
	}
	if (program_carries(g, HAS_DELTA)) {
		first = c->export_time.us - s->first_delta;
		last = c->export_time.us - s->last_delta;
	}
	if (program_carries(g, HAS_OBSERVED_S) && first == 0)
		first = absolute(s->observed_s, 1000000, fix);
	if (program_carries(g, HAS_OBSERVED) && first == 0)
		first = absolute(s->observed_ms, 1000, fix);
	if (program_carries(g, HAS_MS)) {
		first = or_else(absolute(s->first_ms, 1000, fix), first);
		last = or_else(absolute(s->last_ms, 1000, fix), last);
	}
	if (program_carries(g, HAS_NTP)) {
		first = s->first_ntp ? ntp_us(s->first_ntp) + fix : first;
		last = s->last_ntp ? ntp_us(s->last_ntp) + fix : last;
	}
	/* begun at 152, this event seen at 323: it lasted until then (firewalls) */
	if (program_carries(g, HAS_OBSERVED) && first && !last && s->observed_ms > s->first_ms)
		last = absolute(s->observed_ms, 1000, fix);
	if (program_carries(g, HAS_OBSERVED_NTP) && first == 0 && s->observed_ntp)
		first = ntp_us(s->observed_ntp) + fix;
	if (program_carries(g, HAS_DURATION) || program_carries(g, HAS_DURATION_US))
		settle_duration(g, s, &first, &last);
	if (first == 0 && last == 0) {
		first = last = c->export_time.us;
		f->bits |= FT_FLOW_NOTIME;
	} else if (first == 0)
		first = last;
	else if (last == 0)
		last = first;
	if (last < first) { /* some exporters interchange them */
		int64_t t = first;
		first = last;
		last = t;
	}
	f->first_us = first;
	f->last_us = last;
}

static void
settle_addresses(const struct program *g, struct decoded *d)
{
	static const uint8_t zero4[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}, zero6[16];
	struct scratch *s = &d->s;
	bool v6 = program_carries(g, HAS_SRC6) || program_carries(g, HAS_DST6);
	bool v4 = program_carries(g, HAS_SRC4) || program_carries(g, HAS_DST4);
	if (v4 && v6) {
		/* both pairs in one record (the unused one is zero): the IP version decides, else the pair that is set */
		if (program_carries(g, HAS_IP_VERSION) && (s->ip_version == 4 || s->ip_version == 6))
			v6 = s->ip_version == 6;
		else
			v6 = memcmp(s->src4, zero4, 16) == 0 && memcmp(s->dst4, zero4, 16) == 0 &&
			     (memcmp(s->src6, zero6, 16) != 0 || memcmp(s->dst6, zero6, 16) != 0);
	}
	if (v6) {
		memcpy(d->f.src, s->src6, 16);
		memcpy(d->f.dst, s->dst6, 16);
		d->f.src_mask = s->src_mask6;
		d->f.dst_mask = s->dst_mask6;
		d->f.bits |= FT_FLOW_V6;
	} else {
		memcpy(d->f.src, program_carries(g, HAS_SRC4) ? s->src4 : zero4, 16);
		memcpy(d->f.dst, program_carries(g, HAS_DST4) ? s->dst4 : zero4, 16);
		d->f.src_mask = s->src_mask4;
		d->f.dst_mask = s->dst_mask4;
	}
}

static void
settle_counters(const struct program *g, struct decoded *d)
{
	struct ft_flow *f = &d->f;
	const struct scratch *s = &d->s;
	if (program_carries(g, HAS_INIT) || program_carries(g, HAS_RESP)) {
		/* initiator and responder: what 1 and 85 repeat there is the sum or one of the two */
		if (program_carries(g, HAS_INIT)) {
			f->bytes = s->init_bytes;
			f->packets = program_carries(g, HAS_BYTES) && s->init_packets == 0 ? f->packets
											   : s->init_packets;
		}
	} else if (!program_carries(g, HAS_BYTES)) {
		if (program_carries(g, HAS_TOTAL)) {
			f->bytes = s->bytes_total;
			f->packets = s->packets_total;
		} else if (program_carries(g, HAS_OUT)) {
			f->bytes = s->out_bytes;
			f->packets = s->out_packets;
		} else
			f->bits |= FT_FLOW_NOCOUNT;
	}
	if (program_carries(g, HAS_BYTES) && f->bytes == 0 && f->packets == 0 &&
		program_carries(g, HAS_OUT) &&
		!program_carries(g, HAS_INIT)) { /* egress records carry zeros in 1 and 2 */
		f->bytes = s->out_bytes;
		f->packets = s->out_packets;
	}
}

/* A record that carries the first bytes of a packet instead of its addresses (RFC 5477 section 8.5): one sampled packet. */
static void
settle_frame(const struct program *g, struct decoded *d)
{
	struct packet k;
	struct ft_flow *f = &d->f;
	if (d->s.frame_n)
		packet_parse(PACKET_LINK_ETHERNET, d->s.frame, d->s.frame_n, &k);
	else
		packet_parse(PACKET_LINK_IP, d->s.ip_packet, d->s.ip_packet_n, &k);
	if (k.has & PACKET_MAC && !program_carries(g, HAS_MAC)) {
		memcpy(d->x.src_mac, k.src_mac, 6);
		memcpy(d->x.dst_mac, k.dst_mac, 6);
		d->x.has |= FT_EXT_MAC;
	}
	if (k.has & PACKET_VLAN && !program_carries(g, HAS_VLAN) && !program_carries(g, HAS_DOT1Q)) {
		f->in_vlan = k.vlan_outer;
		f->bits |= FT_FLOW_HAS_VLAN;
	}
	if (!(k.has & PACKET_IP))
		return;
	memcpy(f->src, k.src, 16);
	memcpy(f->dst, k.dst, 16);
	f->bits |= (k.has & PACKET_IPV6 ? FT_FLOW_V6 : 0) | FT_FLOW_HAS_TOS |
		   (k.has & PACKET_FLAGS ? FT_FLOW_HAS_FLAGS : 0);
	f->proto = k.proto;
	f->tos = k.tos;
	f->flags = k.tcp_flags;
	f->src_port = k.src_port;
	f->dst_port = (uint16_t)(k.has & PACKET_ICMP ? k.icmp_type << 8 | k.icmp_code : k.dst_port);
	if (f->bits & FT_FLOW_NOCOUNT) {
		f->bits &= ~(uint32_t)FT_FLOW_NOCOUNT;
		f->bytes = k.ip_bytes ? k.ip_bytes : d->s.frame_size;
		f->packets = 1;
	}
}

static void
settle_ext(const struct program *g, struct decoded *d)
{
	struct ft_flow_ext *x = &d->x;
	const struct scratch *s = &d->s;
	x->has |= g->ext;
	if (program_carries(g, HAS_NEXT_HOP4) || program_carries(g, HAS_NEXT_HOP6) ||
		program_carries(g, HAS_BGP_NEXT_HOP4) || program_carries(g, HAS_BGP_NEXT_HOP6)) {
		bool v6 = (d->f.bits & FT_FLOW_V6) != 0;
		const uint8_t *hop = v6 && program_carries(g, HAS_NEXT_HOP6)       ? s->next_hop6
				     : program_carries(g, HAS_NEXT_HOP4)           ? s->next_hop4
				     : program_carries(g, HAS_NEXT_HOP6)           ? s->next_hop6
				     : v6 && program_carries(g, HAS_BGP_NEXT_HOP6) ? s->bgp_next_hop6
				     : program_carries(g, HAS_BGP_NEXT_HOP4)       ? s->bgp_next_hop4
										   : s->bgp_next_hop6;
		static const uint8_t zero[16], zero4[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
		if (memcmp(hop, zero, 16) != 0 && memcmp(hop, zero4, 16) != 0) {
			memcpy(x->next_hop, hop, 16);
			x->has |= FT_EXT_NEXT_HOP;
		}
	}
	if (program_carries(g, HAS_NAT4)) {
		memcpy(x->nat_src, s->nat_src4, 16);
		memcpy(x->nat_dst, s->nat_dst4, 16);
	}
	if (program_carries(g, HAS_MPLS))
		x->mpls_label = s->mpls >> 4;   /* 20 bits label, 3 experimental, 1 bottom of stack */
	if (program_carries(g, HAS_FORWARDING)) /* 1, 2 or 4 bytes; the status is the first of a wide one */
		x->forwarding_status =
			(uint8_t)(s->forwarding > 0xffffff ? s->forwarding >> 24 : s->forwarding);
}

void
program_settle(const struct program *g, const struct record_context *c, struct decoded *d)
{
	struct ft_flow *f = &d->f;
	struct scratch *s = &d->s;
	f->bits = g->bits;
	f->export_us = c->export_time.us;
	if (!g->addressed)
		settle_addresses(g, d);
	settle_counters(g, d);
	if (program_carries(g, HAS_FRAME) && !program_carries(g, HAS_SRC4) && !program_carries(g, HAS_SRC6) &&
		d->s.frame_n + d->s.ip_packet_n > 0)
		settle_frame(g, d);
	settle_times(g, c, d);
	if (!g->tagged && (program_carries(g, HAS_VLAN) || program_carries(g, HAS_DOT1Q))) {
		f->in_vlan = program_carries(g, HAS_VLAN) && (s->vlan || !program_carries(g, HAS_DOT1Q))
				     ? s->vlan
				     : s->dot1q;
		f->bits |= FT_FLOW_HAS_VLAN;
	}
	if (!g->tagged && (program_carries(g, HAS_POST_VLAN) || program_carries(g, HAS_POST_DOT1Q))) {
		f->out_vlan = program_carries(g, HAS_POST_VLAN) &&
					      (s->post_vlan || !program_carries(g, HAS_POST_DOT1Q))
				      ? s->post_vlan
				      : s->post_dot1q;
		f->bits |= FT_FLOW_HAS_OUT_VLAN;
	}
	if (program_carries(g, HAS_DSCP) && !program_carries(g, HAS_TOS)) {
		f->tos = (uint8_t)(s->dscp << 2);
		f->bits |= FT_FLOW_HAS_TOS;
	}
	if (program_carries(g, HAS_YAF_FLAGS))
		f->flags |= s->first_flags | s->more_flags;
	if (!program_carries(g, HAS_PROTO) &&
		(program_carries(g, HAS_ICMP4) || program_carries(g, HAS_ICMP6)))
		f->proto = program_carries(g, HAS_ICMP4) ? 1 : 58;
	if (f->proto == 1 || f->proto == 58) {
		uint16_t icmp = f->dst_port;
		if (program_carries(g, HAS_ICMP_TYPE))
			icmp = (uint16_t)(s->icmp_type << 8 | s->icmp_code);
		else if (program_carries(g, HAS_ICMP4) && (f->proto == 1 || !program_carries(g, HAS_ICMP6)))
			icmp = s->icmp4;
		else if (program_carries(g, HAS_ICMP6))
			icmp = s->icmp6;
		f->icmp_type = (uint8_t)(icmp >> 8);
		f->icmp_code = (uint8_t)icmp;
		f->src_port = 0;
		f->dst_port = icmp;
		f->bits |= FT_FLOW_ICMP;
	}
	if (program_carries(g, HAS_INIT) || program_carries(g, HAS_RESP) || program_carries(g, HAS_EVENT))
		f->bits |= FT_FLOW_SRC_CLIENT;
	if (program_carries(g, HAS_BIFLOW)) /* RFC 5103 section 6.3: 1 initiator, 2 reverse initiator */
		f->bits |= s->biflow == 1 ? FT_FLOW_SRC_CLIENT : s->biflow == 2 ? FT_FLOW_DST_CLIENT : 0;
	else if (program_carries(g, HAS_REVERSE))
		f->bits |= FT_FLOW_SRC_CLIENT;
	if (g->ext || program_carries(g, HAS_NEXT_HOP4) || program_carries(g, HAS_NEXT_HOP6) ||
		program_carries(g, HAS_BGP_NEXT_HOP4) || program_carries(g, HAS_BGP_NEXT_HOP6))
		settle_ext(g, d);
	if (d->x.has)
		f->bits |= FT_FLOW_EXT;
}

/* type of the answer to an ICMP request, or the type itself where nothing answers */
static uint8_t
icmp_answer(uint8_t proto, uint8_t type)
{
	for (unsigned answer = 0; answer < 256; answer++)
		if (flow_icmp_asked_by(proto, (uint8_t)answer) == type)
			return (uint8_t)answer;
	return type;
}

bool
program_reverse(const struct program *g, const struct decoded *d, struct decoded *r)
{
	uint64_t bytes = 0, packets = 0;
	if (program_carries(g, HAS_RESP)) {
		bytes = d->s.resp_bytes;
		packets = d->s.resp_packets;
	} else if (program_carries(g, HAS_REVERSE)) {
		bytes = d->s.rev_bytes;
		packets = d->s.rev_packets;
	}
	if (bytes == 0 && packets == 0) /* an empty reverse side is no flow */
		return false;
	*r = *d;
	struct ft_flow *f = &r->f;
	memcpy(f->src, d->f.dst, 16);
	memcpy(f->dst, d->f.src, 16);
	f->bytes = bytes;
	f->packets = packets;
	f->src_port = d->f.dst_port;
	f->dst_port = d->f.src_port;
	f->in_if = d->f.out_if;
	f->out_if = d->f.in_if;
	f->src_as = d->f.dst_as;
	f->dst_as = d->f.src_as;
	f->src_mask = d->f.dst_mask;
	f->dst_mask = d->f.src_mask;
	if (f->bits & FT_FLOW_HAS_OUT_VLAN) {
		f->in_vlan = d->f.out_vlan;
		f->out_vlan = d->f.in_vlan;
	}
	f->tos = program_carries(g, HAS_REVERSE) ? d->s.rev_tos : d->f.tos;
	f->flags = program_carries(g, HAS_REVERSE)
			   ? d->s.rev_flags | d->s.rev_first_flags | d->s.rev_more_flags
			   : 0;
	if (program_carries(g, HAS_REV_TIME) && d->s.rev_first_ms &&
		d->s.rev_first_ms < (UINT64_C(1) << 50)) {
		f->first_us = (int64_t)d->s.rev_first_ms * 1000;
		f->last_us = d->s.rev_last_ms >= d->s.rev_first_ms && d->s.rev_last_ms < (UINT64_C(1) << 50)
				     ? (int64_t)d->s.rev_last_ms * 1000
				     : f->first_us;
	}
	f->bits |= FT_FLOW_REVERSE;
	/* who is the client stays the same host, which is the other side of this flow */
	uint32_t client = d->f.bits & (FT_FLOW_SRC_CLIENT | FT_FLOW_DST_CLIENT);
	f->bits &= ~(uint32_t)(FT_FLOW_SRC_CLIENT | FT_FLOW_DST_CLIENT);
	f->bits |= client & FT_FLOW_SRC_CLIENT   ? FT_FLOW_DST_CLIENT
		   : client & FT_FLOW_DST_CLIENT ? FT_FLOW_SRC_CLIENT
						 : 0;
	if (f->bits &
		FT_FLOW_ICMP) { /* the request names both directions: its reply has the answering type */
		f->icmp_type = icmp_answer(f->proto, d->f.icmp_type);
		f->src_port = 0;
		f->dst_port = (uint16_t)(f->icmp_type << 8 | f->icmp_code);
	}
	if (r->f.bits & FT_FLOW_EXT) {
		memcpy(r->x.src_mac, d->x.dst_mac, 6);
		memcpy(r->x.dst_mac, d->x.src_mac, 6);
		memcpy(r->x.nat_src, d->x.nat_dst, 16);
		memcpy(r->x.nat_dst, d->x.nat_src, 16);
		r->x.nat_src_port = d->x.nat_dst_port;
		r->x.nat_dst_port = d->x.nat_src_port;
	}
	return true;
}
