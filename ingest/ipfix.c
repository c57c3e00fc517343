/*
 * ipfix.c - IPFIX (RFC 7011): message header and walk over the sets.
 *
 * The sequence counts data records, options data included, of the domain (section 3.1).  What follows a message in its
 * datagram is not looked at (some exporters pad there).
 */
#include "ingest/template.h"

enum { HEADER = 16 };

void
decode_ipfix(struct decoder *d, const uint8_t *bytes, size_t n, const uint8_t from[16], wall_t arrived)
{
	struct message m = {.d = d, .version = 10, .arrived = arrived};
	struct cursor c = cursor_of(bytes, n);
	cursor_skip(&c, 2);
	unsigned length = cursor_u16(&c);
	m.header.us = (int64_t)cursor_u32(&c) * 1000000;
	m.sequence = cursor_u32(&c);
	m.domain = cursor_u32(&c);
	if (c.bad || length < HEADER) {
		source_bad(d, &m, "IPFIX header cut short");
		return;
	}
	if (!source_begin(&m, from))
		return;
	if (length > n)
		source_undecodable(&m, 0, "message cut short"); /* what there is of it may still be good */
	else
		c = cursor_of(bytes + HEADER, length - HEADER);
	while (!d->stopped && cursor_left(&c) >= 4) {
		unsigned id = cursor_u16(&c), size = cursor_u16(&c);
		if (id == 0 && size == 0)
			break; /* padding between sets is not allowed, and sent */
		if (size < 4) {
			source_undecodable(&m, id, "set shorter than its header");
			break;
		}
		if (size - 4u > cursor_left(&c)) {
			/* a message length that is too small is seen; what a datagram has of a set is decoded */
			c.end = bytes + n;
			if (size - 4u > cursor_left(&c))
				source_undecodable(&m, id, "set cut short");
		}
		struct cursor body =
			cursor_sub(&c, size - 4u < cursor_left(&c) ? size - 4u : cursor_left(&c));
		if (id == 2 || id == 3)
			template_set(&m, body, id == 3);
		else if (id >= 256)
			sets_data(&m, id, body);
		else
			source_undecodable(&m, id, "set id that is reserved");
	}
	source_sequence(&m, m.records);
}
