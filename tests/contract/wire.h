/*
 * wire.h - export datagrams made by hand, for tests.
 */
#ifndef FT_TESTS_WIRE_H
#define FT_TESTS_WIRE_H

#include <stdint.h>
#include <string.h>

struct wire {
	uint8_t b[9000];
	unsigned n;
};

static inline void
w8(struct wire *w, unsigned v)
{
	w->b[w->n++] = (uint8_t)v;
}
static inline void
w16(struct wire *w, unsigned v)
{
	w8(w, v >> 8);
	w8(w, v & 255);
}
static inline void
w32(struct wire *w, uint32_t v)
{
	w16(w, v >> 16);
	w16(w, v & 65535);
}
static inline void
w64(struct wire *w, uint64_t v)
{
	w32(w, (uint32_t)(v >> 32));
	w32(w, (uint32_t)v);
}
static inline void
w_bytes(struct wire *w, const void *p, unsigned n)
{
	memcpy(w->b + w->n, p, n);
	w->n += n;
}
/* write a 16-bit value at an earlier place */
static inline void
w_fix16(struct wire *w, unsigned at, unsigned v)
{
	w->b[at] = (uint8_t)(v >> 8);
	w->b[at + 1] = (uint8_t)v;
}
static inline void
w_v5_header(struct wire *w, unsigned count, uint32_t uptime, uint32_t secs, uint32_t sequence)
{
	w16(w, 5), w16(w, count), w32(w, uptime), w32(w, secs), w32(w, 0), w32(w, sequence), w16(w, 0),
		w16(w, 0);
}
static inline void
w_v5_record(struct wire *w, uint32_t src, uint32_t dst, uint32_t hop, unsigned sport, unsigned dport,
	uint32_t packets, uint32_t bytes, uint32_t first, uint32_t last)
{
	w32(w, src), w32(w, dst), w32(w, hop), w16(w, 1), w16(w, 2), w32(w, packets), w32(w, bytes),
		w32(w, first), w32(w, last), w16(w, sport), w16(w, dport), w8(w, 0), w8(w, 0x1b), w8(w, 6),
		w8(w, 0), w16(w, 64512), w16(w, 64513), w8(w, 24), w8(w, 16), w16(w, 0);
}
static inline void
w_v9_header(struct wire *w, uint32_t uptime, uint32_t secs, uint32_t sequence, uint32_t domain)
{
	w16(w, 9), w16(w, 1), w32(w, uptime), w32(w, secs), w32(w, sequence), w32(w, domain);
}
static inline void
w_ipfix_header(struct wire *w, uint32_t secs, uint32_t sequence, uint32_t domain)
{
	w16(w, 10), w16(w, 0), w32(w, secs), w32(w, sequence), w32(w, domain);
}
static inline void
w_ipfix_end(struct wire *w)
{
	w_fix16(w, 2, w->n);
}
/* begins a set; w_set_end with its return value */
static inline unsigned
w_set(struct wire *w, unsigned id)
{
	unsigned at = w->n;
	w16(w, id), w16(w, 0);
	return at;
}
static inline void
w_set_end(struct wire *w, unsigned at)
{
	w_fix16(w, at + 2, w->n - at);
}
/* a template record: pairs of id and length */
static inline void
w_template(struct wire *w, unsigned id, const uint16_t (*field)[2], unsigned n)
{
	w16(w, id), w16(w, n);
	for (unsigned i = 0; i < n; i++)
		w16(w, field[i][0]), w16(w, field[i][1]);
}

#endif
