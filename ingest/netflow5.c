/*
 * netflow5.c - the fixed layouts: NetFlow 1, 5 and 7 (Cisco, "NetFlow Export Datagram Format").
 *
 *   1   header 16: no sequence; record 52 (or 48): no AS, masks; flags after a pad
 *   5   header 24: sequence of flows, engine type and id, sampling (2 bits mode, 14 bits interval); record 48
 *   7   header 24: as 5 without engine and sampling; record 52: as 5, flags of validity, router address
 * Counters are 32 bits, times milliseconds of the device's uptime; headers have nanoseconds beside their seconds.
 */
#include <string.h>

#include "common/addr.h"
#include "common/lines.h"
#include "ingest/decode.h"

enum { FLOWS_MAX = 30, NANO = 1000000000 };

static uint16_t
be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}
static uint32_t
be32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return __builtin_bswap32(v);
}

/* What the three have in common: the first 36 bytes of a record.  p has been checked to be there. */
static void
common_part(const struct message *m, const uint8_t *p, struct decoded *d)
{
	struct ft_flow *f = &d->f;
	lines_clear(f, sizeof *f);
	addr_from_v4(f->src, p);
	addr_from_v4(f->dst, p + 4);
	f->in_if = be16(p + 12);
	f->out_if = be16(p + 14);
	f->packets = be32(p + 16);
	f->bytes = be32(p + 20);
	int64_t first = uptime_to_wall(m->ctx.export_time, m->ctx.uptime, (uptime_t){be32(p + 24)}).us;
	int64_t last = uptime_to_wall(m->ctx.export_time, m->ctx.uptime, (uptime_t){be32(p + 28)}).us;
	f->first_us = first < last ? first : last; /* some exporters interchange them */
	f->last_us = first < last ? last : first;
	f->export_us = m->ctx.export_time.us;
	f->src_port = be16(p + 32);
	f->dst_port = be16(p + 34);
	f->bits = FT_FLOW_HAS_IF | FT_FLOW_HAS_TOS | FT_FLOW_HAS_FLAGS;
	if (d->x.has)
		lines_clear(&d->x, sizeof d->x);
	if (be32(p + 8) != 0) {
		d->x.has = FT_EXT_NEXT_HOP;
		addr_from_v4(d->x.next_hop, p + 8);
		f->bits |= FT_FLOW_EXT;
	}
}

static void
icmp(struct ft_flow *f)
{
	if (f->proto != 1)
		return;
	f->bits |= FT_FLOW_ICMP;
	f->icmp_type = (uint8_t)(f->dst_port >> 8);
	f->icmp_code = (uint8_t)f->dst_port;
	f->src_port = 0;
}

static void
record1(const uint8_t *p, struct ft_flow *f)
{
	f->proto = p[38];
	f->tos = p[39];
	f->flags = p[40];
}

static void
record5(const uint8_t *p, struct ft_flow *f)
{
	f->flags = p[37];
	f->proto = p[38];
	f->tos = p[39];
	f->src_as = be16(p + 40);
	f->dst_as = be16(p + 42);
	f->src_mask = p[44];
	f->dst_mask = p[45];
	f->bits |= FT_FLOW_HAS_AS | FT_FLOW_HAS_MASK;
}

static void
records(struct message *m, struct cursor *c, unsigned count, size_t size)
{
	struct decoder *d = m->d;
	struct decoded *r = &d->now;
	for (unsigned i = 0; i < count && !d->stopped; i++) {
		const uint8_t *p = cursor_take(c, size);
		if (p == NULL) {
			source_undecodable(m, 0, "fewer records than the header says");
			break;
		}
		common_part(m, p, r);
		if (m->version == 1)
			record1(p, &r->f);
		else
			record5(p, &r->f);
		icmp(&r->f);
		r->f.sampling = d->work.sampling;
		if (d->sink.record)
			d->sink.record(d->sink.ctx, m, NULL, r, p, size);
		(void)source_flow(m, r);
	}
}

/* count, uptime, seconds, nanoseconds, which all three begin with */
static unsigned
header(struct message *m, struct cursor *c)
{
	cursor_skip(c, 2);
	unsigned count = cursor_u16(c);
	m->ctx.uptime.ms = cursor_u32(c);
	m->ctx.has_uptime = true;
	uint32_t seconds = cursor_u32(c), nano = cursor_u32(c);
	m->header.us = (int64_t)seconds * 1000000 + (nano < NANO ? nano / 1000 : 0);
	return count;
}

void
decode_netflow5(struct decoder *d, const uint8_t *bytes, size_t n, const uint8_t from[16], wall_t arrived)
{
	struct message m = {.d = d, .version = 5, .arrived = arrived};
	struct cursor c = cursor_of(bytes, n);
	unsigned count = header(&m, &c);
	m.sequence = cursor_u32(&c);
	m.domain = cursor_u16(&c); /* engine type and id: each counts for itself */
	unsigned sampling = cursor_u16(&c), rate = sampling & 0x3fff;
	m.sampling_mode = (uint8_t)(sampling >> 14);
	if (c.bad || count > FLOWS_MAX * 2) {
		source_bad(d, &m,
			c.bad ? "NetFlow v5 header cut short" : "NetFlow v5 with more records than fit");
		return;
	}
	if (!source_begin(&m, from))
		return;
	d->work.sampling = rate;
	source_sampling(&m, rate, rate ? FT_SAMPLING_HEADER : FT_SAMPLING_UNKNOWN);
	records(&m, &c, count, 48);
	source_sequence(&m, count);
}

void
decode_netflow1(struct decoder *d, const uint8_t *bytes, size_t n, const uint8_t from[16], wall_t arrived)
{
	struct message m = {.d = d, .version = 1, .arrived = arrived};
	struct cursor c = cursor_of(bytes, n);
	unsigned count = header(&m, &c);
	if (c.bad || count > FLOWS_MAX) {
		source_bad(d, &m,
			c.bad ? "NetFlow v1 header cut short" : "NetFlow v1 with more records than fit");
		return;
	}
	/* 52 bytes as most write it, 48 without the last word */
	if (source_begin(&m, from))
		records(&m, &c, count, cursor_left(&c) >= count * 52u ? 52 : 48);
}

void
decode_netflow7(struct decoder *d, const uint8_t *bytes, size_t n, const uint8_t from[16], wall_t arrived)
{
	struct message m = {.d = d, .version = 7, .arrived = arrived};
	struct cursor c = cursor_of(bytes, n);
	unsigned count = header(&m, &c);
	m.sequence = cursor_u32(&c);
	cursor_skip(&c, 4);
	if (c.bad || count > FLOWS_MAX) {
		source_bad(d, &m,
			c.bad ? "NetFlow v7 header cut short" : "NetFlow v7 with more records than fit");
		return;
	}
	if (!source_begin(&m, from))
		return;
	records(&m, &c, count, 52);
	source_sequence(&m, count);
}
