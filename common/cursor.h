/*
 * cursor.h - the only way bytes from outside are read: bounds-checked, big-endian, with a sticky error.
 * After the first read beyond the end every read gives 0 and `bad` stays set, so a decoder is a straight
 * line that is checked once.  No decoder does pointer arithmetic.
 */
#ifndef FT_CURSOR_H
#define FT_CURSOR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *at, *end;
	bool bad;
};

static inline struct cursor
cursor_of(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	return (struct cursor){p, p + n, false};
}
static inline size_t
cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->at);
}
/* n bytes, or NULL (and bad) if there are fewer */
static inline const uint8_t *
cursor_take(struct cursor *c, size_t n)
{
	const uint8_t *p = c->at;
	if (__builtin_expect(c->bad || (size_t)(c->end - p) < n, 0)) {
		c->bad = true;
		c->at = c->end;
		return NULL;
	}
	c->at = p + n;
	return p;
}
static inline void
cursor_skip(struct cursor *c, size_t n)
{
	(void)cursor_take(c, n);
}
/* a cursor over the next n bytes, which are consumed; bad if there are fewer */
static inline struct cursor
cursor_sub(struct cursor *c, size_t n)
{
	const uint8_t *p = cursor_take(c, n);
	struct cursor s = {p, p ? p + n : p, p == NULL};
	return s;
}
static inline uint8_t
cursor_u8(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 1);
	return p ? p[0] : 0;
}
static inline uint16_t
cursor_u16(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 2);
	uint16_t v = 0;
	if (p)
		memcpy(&v, p, 2);
	return __builtin_bswap16(v);
}
static inline uint32_t
cursor_u32(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 4);
	uint32_t v = 0;
	if (p)
		memcpy(&v, p, 4);
	return __builtin_bswap32(v);
}
static inline uint64_t
cursor_u64(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 8);
	uint64_t v = 0;
	if (p)
		memcpy(&v, p, 8);
	return __builtin_bswap64(v);
}
/* an unsigned integer of 0 to 8 bytes (RFC 7011 section 6.2: reduced size); longer: the last 8 bytes */
static inline uint64_t
cursor_uint(struct cursor *c, size_t n)
{
	if (n > 8) {
		cursor_skip(c, n - 8);
		n = 8;
	}
	const uint8_t *p = cursor_take(c, n);
	uint64_t v = 0;
	for (size_t i = 0; p && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

#endif
