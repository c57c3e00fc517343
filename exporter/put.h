/* put.h - numbers in network order, one after the other: each gives where the next goes */
#ifndef FT_EXPORTER_PUT_H
#define FT_EXPORTER_PUT_H

#include <stdint.h>
#include <string.h>

static inline uint8_t *
put_8(uint8_t *p, unsigned v)
{
	*p = (uint8_t)v;
	return p + 1;
}
static inline uint8_t *
put_16(uint8_t *p, unsigned v)
{
	uint16_t b = __builtin_bswap16((uint16_t)v);
	memcpy(p, &b, 2);
	return p + 2;
}
static inline uint8_t *
put_32(uint8_t *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, 4);
	return p + 4;
}
static inline uint8_t *
put_24(uint8_t *p, uint32_t v)
{
	p = put_8(p, v >> 16);
	return put_16(p, v & 0xffff);
}
static inline uint8_t *
put_64(uint8_t *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(p, &v, 8);
	return p + 8;
}
static inline uint8_t *
put_bytes(uint8_t *p, const uint8_t *from, size_t n)
{
	memcpy(p, from, n);
	return p + n;
}

#endif
