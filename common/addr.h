/*
 * addr.h - IPv4 and IPv6 addresses as 16 bytes (IPv4 mapped, ::ffff:a.b.c.d) and prefixes of them.
 */
#ifndef FT_ADDR_H
#define FT_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { ADDR_TEXT = 64 }; /* room for any address or prefix as text */

static const uint8_t addr_v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static inline bool
addr_is_v4(const uint8_t a[16])
{
	return memcmp(a, addr_v4_prefix, 12) == 0;
}
static inline void
addr_from_v4(uint8_t out[16], const uint8_t v4[4])
{
	memcpy(out, addr_v4_prefix, 12);
	memcpy(out + 12, v4, 4);
}
/* RFC 5952 text; IPv4 as dotted quad.  Returns the length. */
int addr_text(const uint8_t a[16], char out[ADDR_TEXT]);
/* "10.0.0.1", "2001:db8::1"; FT_EINVAL otherwise */
int addr_parse(const char *text, uint8_t out[16]);
/* "10.0.0.0/8", "2001:db8::/32", or a bare address (/32, /128).  *bits is the length in the 128-bit form
 * (IPv4 /8 is 104). */
int addr_parse_prefix(const char *text, uint8_t out[16], unsigned *bits);
bool addr_in_prefix(const uint8_t a[16], const uint8_t net[16], unsigned bits);
void addr_mask(uint8_t out[16], const uint8_t a[16], unsigned bits);
/* "10.0.0.0/8": the prefix of a; bits as above */
int addr_prefix_text(const uint8_t a[16], unsigned bits, char out[ADDR_TEXT]);
int addr_compare(const uint8_t a[16], const uint8_t b[16]);

#endif
