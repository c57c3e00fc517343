/* meter.c - see meter.h */
#include "exporter/meter.h"

#include <string.h>

#include "common/hash.h"

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };
enum { PROTO_TCP = 6 };

/* ---- flows to records ------------------------------------------------------------------------- */

static void
one_way(struct meter *m, const struct flow *f, unsigned d, enum flow_end why)
{
	const struct flow_dir *w = &f->dir[d];
	if (w->packets == 0)
		return;
	struct record r = {
		.src_port = f->key.port[d],
		.dst_port = f->key.port[!d],
		.proto = f->key.proto,
		.version = f->key.version,
		.tcp_flags = w->tcp_flags,
		.tos = w->tos,
		.end_reason = (uint8_t)why,
		.ttl_min = w->ttl_min,
		.ttl_max = w->ttl_max,
		.vlan = f->key.vlan,
		.vlan_inner = f->key.vlan_inner,
		.mpls_label = w->mpls_label,
		.labelled = w->mpls_label != FLOW_NONE,
		.input = w->input,
		.output = w->output,
		.packets = w->packets,
		.bytes = w->bytes,
		.first_us = w->first_us,
		.last_us = w->last_us,
	};
	if (f->key.icmp) {
		r.icmp = r.dst_port = f->key.port[1];
		r.src_port = 0;
	}
	memcpy(r.src, f->key.addr[d], 16);
	memcpy(r.dst, f->key.addr[!d], 16);
	memcpy(r.src_mac, f->mac[d], 6);
	memcpy(r.dst_mac, f->mac[!d], 6);
	m->on_record(m->ctx, &r, m->clock_us);
}

static void
on_end(void *ctx, struct flow *f, enum flow_end why)
{
	/* who spoke first goes first: a collector that pairs them takes that side for the client */
	one_way(ctx, f, f->starter, why);
	one_way(ctx, f, !f->starter, why);
}

int
meter_open(struct meter *m, uint32_t flows, const struct timeouts *timeouts, uint32_t sampling, bool inside,
	struct err *err)
{
	m->inside = inside;
	m->sampling = sampling;
	m->dice = 0x2545f4914f6cdd1d; /* the same file gives the same sample */
	m->clock_us = INT64_MIN;
	return table_open(&m->table, flows, timeouts, on_end, m, err);
}

void
meter_close(struct meter *m)
{
	table_close(&m->table);
}

/* ---- taking a packet -------------------------------------------------------------------------- */

/* One of each window of N packets, each as likely (RFC 5475 section 5.2.1, n = 1): traffic that repeats itself every N
 * packets does not fool it. */
static bool
sampled(struct meter *m)
{
	if (m->sampling <= 1)
		return true;
	if (m->skip == 0) {
		m->dice ^= m->dice << 13;
		m->dice ^= m->dice >> 7;
		m->dice ^= m->dice << 17;
		m->skip = m->sampling;
		m->pick = (uint32_t)((m->dice >> 32) * m->sampling >> 32);
	}
	return --m->skip == m->pick;
}

/* The ports of a fragment that has none are those its first fragment had.  A small cache that forgets what is old by
 * overwriting it; an entry is known by 64 bits of hash over all that names the datagram. */
static void
fragment(struct meter *m, struct packet *p)
{
	uint64_t what = hash_mix(hash_16(p->src, m->table.seed), hash_16(p->dst, m->table.seed)) ^
			hash_mix(p->frag_id, (uint64_t)p->proto << 16 | p->ethertype);
	struct meter_fragment *f = &m->fragment[what % METER_FRAGMENTS];
	uint16_t icmp = (uint16_t)(p->icmp_type << 8 | p->icmp_code);
	if (p->frag_offset == 0)
		*f = (struct meter_fragment){what, p->src_port, p->has & PACKET_ICMP ? icmp : p->dst_port};
	else if (f->what == what) {
		p->src_port = f->src_port;
		p->dst_port = f->dst_port;
		p->icmp_type = (uint8_t)(f->dst_port >> 8);
		p->icmp_code = (uint8_t)f->dst_port;
	} else
		m->orphans++;
}

/* the IP header to be counted; *at: where its packet_parse began.  False: there is none */
static bool
find_ip(const struct meter *m, enum packet_link link, const struct pcap_packet *c, uint32_t *at,
	struct packet *p)
{
	packet_parse(link, c->bytes + *at, c->n - *at, p);
	if (__builtin_expect(!(p->has & PACKET_INNER), 1))
		return (p->has & PACKET_IP) != 0;
	for (unsigned depth = 0; p->has & PACKET_INNER && depth < METER_DEEPEST; depth++) {
		struct packet in;
		if (p->has & PACKET_IP && !m->inside)
			break;
		packet_parse((enum packet_link)p->inner_link, c->bytes + *at + p->inner,
			c->n - *at - p->inner, &in);
		if (!(in.has & (PACKET_IP | PACKET_INNER)))
			break;
		*at += p->inner;
		/* what is outside an inner packet is still where it passed */
		if (!(in.has & PACKET_VLAN)) {
			in.vlan_outer = p->vlan_outer;
			in.vlan_inner = p->vlan_inner;
			in.has |= p->has & (PACKET_VLAN | PACKET_VLAN_INNER);
		}
		if (!(in.has & PACKET_MPLS)) {
			in.mpls_label = p->mpls_label;
			in.has |= p->has & PACKET_MPLS;
		}
		*p = in;
	}
	return (p->has & PACKET_IP) != 0;
}

static uint64_t
word(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return __builtin_bswap64(v);
}

/* does src come after dst? */
static bool
turned(const struct packet *p)
{
	uint64_t a = word(p->src), b = word(p->dst);
	if (a == b) {
		a = word(p->src + 8);
		b = word(p->dst + 8);
	}
	return a != b ? a > b : p->src_port > p->dst_port;
}

static void
key_of(const struct packet *p, struct pending *q)
{
	struct flow_key *k = &q->key;
	bool t = turned(p), icmp = p->proto == 1 || p->proto == 58;
	memset(k, 0, sizeof *k);
	memcpy(k->addr[t], p->src, 16);
	memcpy(k->addr[!t], p->dst, 16);
	k->vlan = p->vlan_outer;
	k->vlan_inner = p->vlan_inner;
	k->proto = p->proto;
	k->version = p->has & PACKET_IPV4 ? 4 : 6;
	if (icmp) {
		k->icmp = (uint8_t)(1 + t);
		k->port[1] = (uint16_t)(p->icmp_type << 8 | p->icmp_code);
	} else {
		k->port[t] = p->src_port;
		k->port[!t] = p->dst_port;
	}
	q->from = t;
}

void
meter_packet(struct meter *m, const struct pcap_packet *c, const struct meter_side *side)
{
	struct packet p;
	uint32_t at;
	bool macs;
	m->packets++;
	if (!sampled(m)) {
		m->sampled_out++;
		return;
	}
	enum packet_link link = pcap_packet_link(c, &at, &macs);
	if (!find_ip(m, link, c, &at, &p)) {
		m->ignored++;
		/* time goes on all the same */
		if (c->when_us > m->clock_us && m->n_pending == 0)
			m->clock_us = c->when_us;
		return;
	}
	if (side->tagged) { /* the card took the outermost tag off */
		p.vlan_inner = p.vlan_outer;
		p.vlan_outer = side->tci & 0xfff;
	}
	if (p.has & PACKET_FRAGMENT)
		fragment(m, &p);
	struct pending *q = &m->pending[m->n_pending++];
	key_of(&p, q);
	q->hash = table_hash(&m->table, &q->key);
	table_prefetch(&m->table, q->hash);
	q->when_us = c->when_us;
	/* a card that cuts segments itself is given packets without a length */
	q->bytes = p.ip_bytes ? p.ip_bytes : c->wire - at - p.l3;
	q->mpls_label = p.has & PACKET_MPLS ? p.mpls_label : FLOW_NONE;
	q->side = *side;
	q->tcp_flags = p.tcp_flags;
	q->tos = p.tos;
	q->ttl = p.ttl;
	q->macs = macs && p.has & PACKET_MAC;
	memcpy(q->src_mac, p.src_mac, 6);
	memcpy(q->dst_mac, p.dst_mac, 6);
	if (m->n_pending == METER_BATCH)
		meter_settle(m);
}

/* ---- counting --------------------------------------------------------------------------------- */

static void
first_of_flow(struct flow *f, const struct pending *q)
{
	f->starter = q->from;
	if (q->macs) {
		memcpy(f->mac[q->from], q->src_mac, 6);
		memcpy(f->mac[!q->from], q->dst_mac, 6);
	}
}

static void
count(struct meter *m, const struct pending *q)
{
	if (q->when_us > m->clock_us) {
		m->clock_us = q->when_us;
		table_advance(&m->table, m->clock_us);
	}
	struct flow *f = table_find(&m->table, &q->key, q->hash, q->when_us);
	if (f->closing & FLOW_CLOSING_SOON && (q->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		/* the same ports once more: another connection */
		table_end(&m->table, f, FLOW_END_CLOSED);
		f = table_find(&m->table, &q->key, q->hash, q->when_us);
	}
	if (!f->seen) {
		f->seen = 1;
		first_of_flow(f, q);
	}
	struct flow_dir *d = &f->dir[q->from];
	if (f->dir[0].packets + f->dir[1].packets == 0) /* new, or begun again after an active export */
		f->first_us = q->when_us;
	else if (q->when_us < f->first_us)
		f->first_us = q->when_us;
	if (q->when_us > f->last_us)
		f->last_us = q->when_us;
	if (d->packets == 0) {
		d->first_us = d->last_us = q->when_us;
		d->tos = q->tos;
		d->input = q->side.input;
		d->output = q->side.output;
		d->mpls_label = q->mpls_label;
		d->ttl_min = d->ttl_max = q->ttl;
	}
	d->packets++;
	d->bytes += q->bytes;
	m->bytes += q->bytes;
	if (q->when_us < d->first_us)
		d->first_us = q->when_us;
	if (q->when_us > d->last_us)
		d->last_us = q->when_us;
	d->ttl_min = q->ttl < d->ttl_min ? q->ttl : d->ttl_min;
	d->ttl_max = q->ttl > d->ttl_max ? q->ttl : d->ttl_max;
	d->tcp_flags |= q->tcp_flags;
	if (q->tcp_flags & (TCP_FIN | TCP_RST) && q->key.proto == PROTO_TCP) {
		f->closing =
			(uint8_t)(f->closing | (q->tcp_flags & TCP_RST ? FLOW_CLOSING_RST : 1 << q->from));
		if (f->closing & FLOW_CLOSING_RST || (f->closing & 3) == 3)
			table_closing(&m->table, f);
	}
}

void
meter_settle(struct meter *m)
{
	for (unsigned i = 0; i < m->n_pending; i++)
		table_prefetch_flow(&m->table, m->pending[i].hash);
	for (unsigned i = 0; i < m->n_pending; i++)
		count(m, &m->pending[i]);
	m->n_pending = 0;
}

void
meter_clock(struct meter *m, int64_t now_us)
{
	meter_settle(m);
	if (now_us > m->clock_us)
		m->clock_us = now_us;
	table_advance(&m->table, m->clock_us);
}

void
meter_flush(struct meter *m)
{
	meter_settle(m);
	table_flush(&m->table);
}
