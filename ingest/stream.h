/*
 * stream.h - IPFIX messages in a byte stream (RFC 7011 section 10.4): they follow each other, each led by its version and
 * its length, without anything between them.
 */
#ifndef FT_INGEST_STREAM_H
#define FT_INGEST_STREAM_H

#include <stddef.h>
#include <stdint.h>

/* section 3.1: the length field counts the header, too, and has 16 bits */
enum { STREAM_HEADER = 16, STREAM_MESSAGE = 65535 };

struct stream_cut {
	unsigned n;  /* whole messages found */
	size_t used; /* bytes they take */
	size_t need; /* bytes from `used` on that the next message takes, as far as is known: at least a header */
	const char *why; /* NULL, or why what follows `used` is no IPFIX message */
};

/* Cut p[0..n) into at most `most` messages; length[i] gets their bytes. */
struct stream_cut stream_cut(const uint8_t *p, size_t n, uint32_t *length, unsigned most);

#endif
