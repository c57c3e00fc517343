/*
 * netflow9.c - NetFlow version 9 (RFC 3954): header and walk over the flowsets.
 *
 * The header's count is of records, often wrong, and not used.  Flowsets may be padded beyond what the RFC allows, and
 * a datagram may end in zeros (PAN-OS): a set of id 0 and length 0 ends it.  The sequence counts datagrams.
 */
#include "ingest/template.h"

void
decode_netflow9(struct decoder *d, const uint8_t *bytes, size_t n, const uint8_t from[16], wall_t arrived)
{
	struct message m = {.d = d, .version = 9, .arrived = arrived};
	struct cursor c = cursor_of(bytes, n);
	cursor_skip(&c, 4); /* version, count */
	m.ctx.uptime.ms = cursor_u32(&c);
	m.ctx.has_uptime = true;
	m.header.us = (int64_t)cursor_u32(&c) * 1000000;
	m.sequence = cursor_u32(&c);
	m.domain = cursor_u32(&c);
	if (c.bad) {
		source_bad(d, &m, "NetFlow v9 header cut short");
		return;
	}
	if (!source_begin(&m, from))
		return;
	while (!d->stopped && cursor_left(&c) >= 4) {
		unsigned id = cursor_u16(&c), length = cursor_u16(&c);
		if (id == 0 && length == 0)
			break;
		if (length < 4) {
			source_undecodable(&m, id, "flowset shorter than its header");
			break;
		}
		if (length - 4u > cursor_left(&c)) /* whole records of it are decoded all the same */
			source_undecodable(&m, id, "flowset cut short");
		struct cursor body =
			cursor_sub(&c, length - 4u < cursor_left(&c) ? length - 4u : cursor_left(&c));
		if (id <= 1)
			template_set(&m, body, id == 1);
		else if (id >= 256)
			sets_data(&m, id, body);
		else
			source_undecodable(&m, id, "flowset id that is reserved");
	}
	m.unknown = false; /* datagrams are counted, whatever is in them */
	source_sequence(&m, 1);
}
