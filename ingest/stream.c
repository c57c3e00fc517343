/*
 * stream.c - see stream.h.
 */
#include "ingest/stream.h"

#include "common/cursor.h"

enum { VERSION = 10 };

struct stream_cut
stream_cut(const uint8_t *p, size_t n, uint32_t *length, unsigned most)
{
	struct stream_cut s = {.need = STREAM_HEADER};
	struct cursor c = cursor_of(p, n);
	while (s.n < most) {
		struct cursor head = c;
		uint16_t version = cursor_u16(&head), bytes = cursor_u16(&head);
		/* what is wrong is said as soon as it is seen: a stream that is not IPFIX may never send a whole header */
		if (cursor_left(&c) >= 2 && version != VERSION) {
			s.why = "no IPFIX message: its version is not 10";
			return s;
		}
		if (head.bad)
			return s;
		if (bytes < STREAM_HEADER) {
			s.why = "IPFIX message whose length is below the 16 bytes of its header";
			return s;
		}
		if (cursor_left(&c) < bytes) {
			s.need = bytes;
			return s;
		}
		cursor_skip(&c, bytes);
		length[s.n++] = bytes;
		s.used += bytes;
	}
	return s;
}
