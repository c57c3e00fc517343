/*
 * sflow24.c - samples of sFlow versions 2 and 4 (RFC 3176 and its predecessor; see sflow.h).
 *
 *   flow      1 | sequence | source | rate | pool | drops | input | output | packet data | n | extended data
 *   counters  2 | sequence | source | interval | kind | counters of that kind
 *   packet data    1 header, 2 IPv4 fields, 3 IPv6 fields
 *   extended data  1 switch, 2 router, 3 gateway (differs between 2 and 4), 4 user, 5 URL
 *
 * Nothing has a length: a kind that is not known ends the datagram, since nobody can tell where the next begins.
 * Interfaces are indexes; the top bit of the output one says that there are several.
 */
#include "ingest/sflow.h"

enum { FLOW = 1, COUNTERS = 2 };

/* length and bytes, padded to 4 */
static void
skip_opaque(struct cursor *c)
{
	size_t n = cursor_u32(c);
	cursor_skip(c, n);
	cursor_skip(c, (4 - n % 4) % 4);
}

/* false: of a kind that is not known */
static bool
packet_data(struct cursor *c, struct sflow_sample *s)
{
	switch (cursor_u32(c)) {
	case 1:
		sflow_header(c, false, s);
		return true;
	case 2:
		sflow_ip_fields(c, false, s);
		return true;
	case 3:
		sflow_ip_fields(c, true, s);
		return true;
	default:
		return false;
	}
}

static bool
extended_data(struct cursor *c, uint8_t version, struct sflow_sample *s)
{
	switch (cursor_u32(c)) {
	case 1:
		sflow_switch(c, s);
		return true;
	case 2:
		sflow_router(c, s);
		return true;
	case 3:
		sflow_gateway(c, version, s);
		return true;
	case 4: /* user: of the source, of the destination */
		skip_opaque(c);
		skip_opaque(c);
		return true;
	case 5: /* URL: direction, text */
		cursor_skip(c, 4);
		skip_opaque(c);
		return true;
	default:
		return false;
	}
}

static bool
flow(struct cursor *c, uint8_t version, struct sflow_sample *s, const char **why)
{
	s->sequence = cursor_u32(c);
	uint32_t source = cursor_u32(c);
	s->source_class = source >> 24;
	s->source_index = source & 0xffffff;
	s->rate = cursor_u32(c);
	s->pool = cursor_u32(c);
	s->drops = cursor_u32(c);
	s->in_if = cursor_u32(c);
	s->out_if = cursor_u32(c);
	if (s->out_if & 0x80000000) {
		s->out_format = SFLOW_IF_MULTIPLE;
		s->out_if &= 0x7fffffff;
	}
	if (!packet_data(c, s)) {
		*why = c->bad ? "sample cut short"
			      : "packet data of a kind that is not known: the rest can't be read";
		return false;
	}
	uint32_t n = cursor_u32(c);
	for (uint32_t i = 0; i < n && !c->bad; i++)
		if (!extended_data(c, version, s)) {
			if (!c->bad)
				*why = "extended data of a kind that is not known: the rest can't be read";
			c->bad = true; /* this sample is good as far as it went, and the last */
		}
	if (c->bad) {
		s->has |= SFLOW_CUT;
		if (*why == NULL)
			*why = "sample cut short";
	}
	sflow_settle(s);
	return (s->has & (SFLOW_HEADER | SFLOW_IP)) != 0;
}

static void
counters(struct cursor *c, struct sflow_counters *k, const char **why)
{
	/* by kind 1-7: generic, Ethernet, token ring, FDDI, 100BaseVG, WAN, VLAN.  All but the last begin with the generic
	 * ones; bytes behind them: */
	static const uint8_t rest[] = {0, 0, 52, 72, 0, 80, 0, 28};
	cursor_skip(c, 4);
	uint32_t source = cursor_u32(c);
	k->source_class = source >> 24;
	k->source_index = source & 0xffffff;
	cursor_skip(c, 4);
	uint32_t kind = cursor_u32(c);
	if (c->bad || kind == 0 || kind >= sizeof rest) {
		*why = c->bad ? "sample cut short"
			      : "counters of a kind that is not known: the rest can't be read";
		c->bad = true;
		return;
	}
	if (kind != 7)
		sflow_interface(c, k);
	cursor_skip(c, rest[kind]);
	if (c->bad)
		*why = "sample cut short";
}

size_t
sflow24_sample_read(uint8_t version, const uint8_t *bytes, size_t n, bool *is_flow, struct sflow_sample *s,
	struct sflow_counters *k, const char **why)
{
	struct cursor c = cursor_of(bytes, n);
	s->format = cursor_u32(&c);
	switch (s->format) {
	case FLOW:
		*is_flow = flow(&c, version, s, why);
		break;
	case COUNTERS:
		counters(&c, k, why);
		break;
	default:
		*why = "sample of a kind that is not known: the rest can't be read";
		return 0;
	}
	/* after a sample that did not end well nothing can be found */
	return c.bad ? (*is_flow ? n : 0) : n - cursor_left(&c);
}
