/*
 * sflow.c - sFlow datagrams: which version; the walk over samples; version 5 (see sflow.h).
 *
 * Version 5: every sample and every record has a type (20 bits enterprise, 12 bits format) and a length, so what is not
 * known is passed over by its length.  A length beyond the bytes left is cut to them, and the sample marked as cut.
 *
 *   datagram  version | agent address | sub-agent | sequence | uptime ms | n | samples
 *   sample    type | length | 1 flow, 2 counters, 3 and 4 the same with 64-bit ids, 5 a discarded packet
 *   record    type | length | body
 *
 * The sequence counts datagrams of the agent and sub-agent.  There is no time of day: flows get the arrival time.
 */
#include "ingest/sflow.h"

#include "common/addr.h"
#include "ingest/options.h"

enum { FLOW = 1, COUNTERS = 2, FLOW_EXPANDED = 3, COUNTERS_EXPANDED = 4, DISCARDED = 5 };
enum { INDEX_BITS = 0x3fffffff };

/* a body of `length` bytes, rounded up to XDR's 4, or what is left of it */
static struct cursor
body(struct cursor *c, uint32_t length, bool *cut)
{
	size_t left = cursor_left(c), n = length;
	if (n > left) {
		*cut = true;
		n = left;
	}
	struct cursor b = cursor_sub(c, n);
	size_t pad = (4 - n % 4) % 4;
	cursor_skip(c, pad < cursor_left(c) ? pad : cursor_left(c));
	return b;
}

/* ---- records of flow samples ------------------------------------------------------------------ */

/* the MAC addresses are opaque[6], padded to 8 */
static void
ethernet(struct cursor *c, struct sflow_sample *s)
{
	uint32_t bytes = cursor_u32(c);
	const uint8_t *src = cursor_take(c, 8), *dst = cursor_take(c, 8);
	uint32_t type = cursor_u32(c);
	struct packet *p = &s->packet;
	if (c->bad)
		return;
	s->has |= SFLOW_ETHERNET;
	if (s->has & SFLOW_HEADER) /* says it all, and better */
		return;
	s->frame_bytes = bytes;
	memcpy(p->src_mac, src, 6);
	memcpy(p->dst_mac, dst, 6);
	p->has |= PACKET_MAC;
	if (!(p->has & PACKET_ETHERTYPE)) {
		p->ethertype = (uint16_t)type;
		p->has |= PACKET_ETHERTYPE;
	}
}

static void
nat(struct cursor *c, struct sflow_sample *s)
{
	bool good = sflow_address(c, s->nat_src) && sflow_address(c, s->nat_dst);
	if (good)
		s->has |= SFLOW_NAT;
}

/* next hop, stack of the packet as received, stack as sent; the first entry is the top */
static void
mpls(struct cursor *c, struct sflow_sample *s)
{
	uint8_t hop[16];
	(void)sflow_address(c, hop);
	for (unsigned stack = 0; stack < 2 && !c->bad; stack++) {
		uint32_t n = cursor_u32(c);
		if (c->bad || n > cursor_left(c) / 4)
			return;
		for (uint32_t i = 0; i < n; i++) {
			uint32_t entry = cursor_u32(c);
			if (i == 0 && !(s->has & SFLOW_MPLS)) {
				s->mpls_label = entry >> 12;
				s->has |= SFLOW_MPLS;
			}
		}
	}
}

static void
vlan_tunnel(struct cursor *c, struct sflow_sample *s)
{
	uint32_t n = cursor_u32(c), outermost = cursor_u32(c); /* TPID and TCI */
	if (c->bad || n == 0)
		return;
	s->tunnel_vlan = outermost & 0xfff;
	s->has |= SFLOW_VLAN_TUNNEL;
}

static void
record(uint32_t type, struct cursor c, struct sflow_sample *s)
{
	switch (type) {
	case 1:
		sflow_header(&c, true, s);
		break;
	case 2:
		ethernet(&c, s);
		break;
	case 3:
		sflow_ip_fields(&c, false, s);
		break;
	case 4:
		sflow_ip_fields(&c, true, s);
		break;
	case 1001:
		sflow_switch(&c, s);
		break;
	case 1002:
		sflow_router(&c, s);
		break;
	case 1003:
		sflow_gateway(&c, SFLOW_V5, s);
		break;
	case 1006:
		mpls(&c, s);
		break;
	case 1007:
		nat(&c, s);
		break;
	case 1012:
		vlan_tunnel(&c, s);
		break;
	case 1020:
		s->nat_src_port = cursor_u32(&c);
		s->nat_dst_port = cursor_u32(&c);
		if (!c.bad)
			s->has |= SFLOW_NAT_PORTS;
		break;
	case 1029:
		s->vni_out = cursor_u32(&c);
		if (!c.bad)
			s->has |= SFLOW_VNI_OUT;
		break;
	case 1030:
		s->vni_in = cursor_u32(&c);
		if (!c.bad)
			s->has |= SFLOW_VNI_IN;
		break;
	default:
		if (type >= 2000 &&
			type < 3000) /* hosts and applications: requests are sampled, not packets */
			s->has |= SFLOW_APPLICATION;
		/* users, URLs, names of MPLS tunnels and VCs, 802.11, tunnels' outer headers, ACLs, queues, TCP
		 * state: no place in a flow */
		return;
	}
	if (c.bad)
		s->has |= SFLOW_CUT;
}

static void
records(struct cursor *c, struct sflow_sample *s)
{
	bool cut = false;
	uint32_t count = cursor_u32(c), i;
	for (i = 0; i < count && cursor_left(c) >= 8; i++) {
		uint32_t type = cursor_u32(c), length = cursor_u32(c);
		record(type, body(c, length, &cut), s);
	}
	if (cut || i < count || c->bad)
		s->has |= SFLOW_CUT;
	sflow_settle(s);
}

static void
interfaces(struct cursor *c, struct sflow_sample *s)
{
	uint32_t in = cursor_u32(c), out = cursor_u32(c);
	s->in_format = in >> 30;
	s->in_if = in & INDEX_BITS;
	s->out_format = out >> 30;
	s->out_if = out & INDEX_BITS;
}

static void
source(struct cursor *c, bool expanded, uint32_t *class, uint32_t *index)
{
	*class = cursor_u32(c);
	if (expanded)
		*index = cursor_u32(c);
	else {
		*index = *class & 0xffffff;
		*class >>= 24;
	}
}

/* false: not even its fixed part is there */
static bool
flow(struct cursor *c, uint32_t type, struct sflow_sample *s)
{
	bool expanded = type == FLOW_EXPANDED;
	s->sequence = cursor_u32(c);
	source(c, expanded || type == DISCARDED, &s->source_class, &s->source_index);
	if (type == DISCARDED) { /* sflow.org, "sFlow Dropped Packet Notification Structures" */
		s->drops = cursor_u32(c);
		s->in_if = cursor_u32(c);
		s->out_if = cursor_u32(c);
		s->reason = cursor_u32(c);
		s->rate = 1; /* every one that is told of */
		s->has |= SFLOW_DROPPED;
	} else {
		s->rate = cursor_u32(c);
		s->pool = cursor_u32(c);
		s->drops = cursor_u32(c);
		if (expanded) {
			s->in_format = cursor_u32(c);
			s->in_if = cursor_u32(c);
			s->out_format = cursor_u32(c);
			s->out_if = cursor_u32(c);
		} else
			interfaces(c, s);
	}
	if (c->bad)
		return false;
	records(c, s);
	return true;
}

static bool
counters(struct cursor *c, bool expanded, struct sflow_counters *k)
{
	bool cut = false;
	cursor_skip(c, 4);
	source(c, expanded, &k->source_class, &k->source_index);
	uint32_t count = cursor_u32(c), i;
	for (i = 0; i < count && cursor_left(c) >= 8; i++) {
		uint32_t type = cursor_u32(c), length = cursor_u32(c);
		struct cursor b = body(c, length, &cut);
		if (type == 1)
			sflow_interface(&b, k);
		else if (type == 1005) { /* port name */
			size_t n = cursor_u32(&b);
			k->name = cursor_take(&b, n);
			k->name_n = k->name ? n : 0;
		}
	}
	return !c->bad && !cut && i == count;
}

static size_t
sample5(const uint8_t *bytes, size_t n, bool *is_flow, struct sflow_sample *s, struct sflow_counters *k,
	const char **why)
{
	struct cursor c = cursor_of(bytes, n);
	uint32_t type = cursor_u32(&c), length = cursor_u32(&c);
	bool cut = false, good = true;
	if (c.bad)
		return 0;
	struct cursor b = body(&c, length, &cut);
	if (cut)
		s->has |= SFLOW_CUT;
	s->format = type;
	switch (type) {
	case FLOW:
	case FLOW_EXPANDED:
	case DISCARDED:
		good = flow(&b, type, s);
		*is_flow = good && (!(s->has & SFLOW_APPLICATION) || s->has & SFLOW_PACKET);
		break;
	case COUNTERS:
	case COUNTERS_EXPANDED:
		good = counters(&b, type == COUNTERS_EXPANDED, k);
		break;
	default: /* of another enterprise, or newer than this */
		break;
	}
	if (!good || cut || s->has & SFLOW_CUT)
		*why = cut ? "sample longer than its datagram" : "sample cut short";
	return n - cursor_left(&c);
}

size_t
sflow_sample_read(uint8_t version, const uint8_t *bytes, size_t n, bool *flow_sample, struct sflow_sample *s,
	struct sflow_counters *k, const char **why)
{
	*flow_sample = false;
	*why = NULL;
	memset(s, 0, sizeof *s);
	memset(k, 0, sizeof *k);
	size_t took = version == SFLOW_V5 ? sample5(bytes, n, flow_sample, s, k, why)
					  : sflow24_sample_read(version, bytes, n, flow_sample, s, k, why);
	if (took == 0 && *why == NULL)
		*why = "sample cut short";
	return took;
}

/* ---- datagrams -------------------------------------------------------------------------------- */

static void
interface(struct message *m, const struct sflow_counters *k)
{
	struct decoder *d = m->d;
	/* without the generic counters the data source says which, if it is an interface (class 0) */
	if (k->has_interface || (k->name && k->source_class == 0))
		options_interface(m, k->has_interface ? k->index : k->source_index, k->name, k->name_n, NULL,
			0, k->has_interface ? k->speed : 0);
	if (d->sink.counters)
		d->sink.counters(d->sink.ctx, m, k);
}

void
sflow_samples(struct message *m, struct cursor *c, uint32_t count)
{
	struct decoder *d = m->d;
	struct sflow_sample s;
	struct sflow_counters k;
	uint32_t i;
	for (i = 0; i < count && cursor_left(c) >= 8 && !d->stopped; i++) {
		const uint8_t *at = c->at;
		const char *why;
		bool is_flow;
		size_t took = sflow_sample_read(m->version, at, cursor_left(c), &is_flow, &s, &k, &why);
		if (why)
			source_undecodable(m, s.format, why);
		if (took == 0)
			return;
		cursor_skip(c, took);
		if (k.has_interface || k.name)
			interface(m, &k);
		if (!is_flow) {
			d->work.options++;
			continue;
		}
		m->records++;
		sflow_account(m, &s);
		sflow_flow(&s, m, &d->now);
		d->now.f.exporter = m->exporter;
		m->unsampled = (s.has & SFLOW_DROPPED) != 0;
		if (s.rate && !m->unsampled) {
			d->work.sampling = s.rate;
			source_sampling(m, s.rate, FT_SAMPLING_HEADER);
		}
		if (d->sink.record)
			d->sink.record(d->sink.ctx, m, NULL, &d->now, at, took);
		(void)source_flow(m, &d->now);
	}
	if (i < count && !d->stopped)
		source_undecodable(m, 0, "fewer samples than the datagram says");
}

static bool
is_unset(const uint8_t a[16])
{
	static const uint8_t zero[16], any[4];
	return memcmp(a, zero, 16) == 0 || (memcmp(a + 12, any, 4) == 0 && addr_is_v4(a));
}

void
decode_sflow(struct decoder *d, const uint8_t *bytes, size_t n, const uint8_t from[16], wall_t arrived)
{
	struct message m = {.d = d, .arrived = arrived, .header = arrived};
	struct cursor c = cursor_of(bytes, n);
	uint8_t agent[16];
	uint32_t version = cursor_u32(&c);
	m.version = version == 5 ? SFLOW_V5 : version == 4 ? SFLOW_V4 : version == 2 ? SFLOW_V2 : 0;
	if (m.version == 0) {
		source_bad(d, &m, "no version of sFlow that is known");
		return;
	}
	(void)sflow_address(&c, agent);
	m.domain = version == 5 ? cursor_u32(&c) : 0; /* sub-agent */
	m.sequence = cursor_u32(&c);
	m.ctx.uptime.ms = cursor_u32(&c);
	m.ctx.has_uptime = true;
	uint32_t count = cursor_u32(&c);
	if (c.bad) {
		source_bad(d, &m, "sFlow header cut short");
		return;
	}
	if (!source_begin(&m, d->limits.sflow_from || is_unset(agent) ? from : agent))
		return;
	sflow_samples(&m, &c, count);
	m.unknown = false; /* datagrams are counted, whatever is in them */
	source_sequence(&m, 1);
}
