/* addr.c - see addr.h.  Text is RFC 5952: lower case, no leading zeros, the longest run (the first of
 * equals, two groups at least) of zero groups as "::". */
#include <arpa/inet.h>

#include "common/addr.h"
#include "common/err.h"

static char *
put_u8(char *p, unsigned v)
{
	if (v >= 100) {
		*p++ = (char)('0' + v / 100);
		v %= 100;
		*p++ = (char)('0' + v / 10);
	} else if (v >= 10) {
		*p++ = (char)('0' + v / 10);
	}
	*p++ = (char)('0' + v % 10);
	return p;
}

static char *
put_group(char *p, unsigned v)
{
	static const char hex[] = "0123456789abcdef";
	for (int shift = 12; shift > 0; shift -= 4)
		if (v >> shift)
			*p++ = hex[v >> shift & 15];
	*p++ = hex[v & 15];
	return p;
}

int
addr_text(const uint8_t a[16], char out[ADDR_TEXT])
{
	char *p = out;
	if (addr_is_v4(a)) {
		for (int i = 12; i < 16; i++) {
			p = put_u8(p, a[i]);
			*p++ = '.';
		}
		*--p = '\0';
		return (int)(p - out);
	}
	unsigned group[8];
	for (int i = 0; i < 8; i++)
		group[i] = (unsigned)a[2 * i] << 8 | a[2 * i + 1];
	int run_at = -1, run = 1; /* a run of one group is not shortened */
	for (int i = 0; i < 8; i++) {
		int n = 0;
		while (i + n < 8 && group[i + n] == 0)
			n++;
		if (n > run) {
			run_at = i;
			run = n;
		}
		i += n;
	}
	for (int i = 0; i < 8; i++) {
		if (i == run_at) {
			*p++ = ':';
			*p++ = ':';
			i += run - 1;
			continue;
		}
		if (i > 0 && p[-1] != ':')
			*p++ = ':';
		p = put_group(p, group[i]);
	}
	*p = '\0';
	return (int)(p - out);
}

/* one decimal number without sign, 0 to 128; -1: not one */
static int
parse_bits(const char *s)
{
	int v = 0;
	if (*s == '\0' || (s[0] == '0' && s[1] != '\0'))
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		v = v * 10 + (*s - '0');
		if (v > 128)
			return -1;
	}
	return v;
}

int
addr_parse(const char *text, uint8_t out[16])
{
	uint8_t v4[4];
	if (inet_pton(AF_INET, text, v4) == 1) {
		addr_from_v4(out, v4);
		return FT_OK;
	}
	return inet_pton(AF_INET6, text, out) == 1 ? FT_OK : FT_EINVAL;
}

int
addr_parse_prefix(const char *text, uint8_t out[16], unsigned *bits)
{
	char bare[ADDR_TEXT];
	uint8_t a[16];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	if (n >= sizeof bare)
		return FT_EINVAL;
	memcpy(bare, text, n);
	bare[n] = '\0';
	if (addr_parse(bare, a) != FT_OK)
		return FT_EINVAL;
	bool dotted = strchr(bare, ':') == NULL; /* ::ffff:10.0.0.0/104 counts as IPv6 text */
	int len = slash ? parse_bits(slash + 1) : dotted ? 32 : 128;
	if (len < 0 || len > (dotted ? 32 : 128))
		return FT_EINVAL;
	*bits = (unsigned)len + (dotted ? 96 : 0);
	addr_mask(out, a, *bits);
	return FT_OK;
}

bool
addr_in_prefix(const uint8_t a[16], const uint8_t net[16], unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	if (memcmp(a, net, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ net[whole]) >> (8 - rest)) == 0;
}

void
addr_mask(uint8_t out[16], const uint8_t a[16], unsigned bits)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned left = bits > i * 8 ? bits - i * 8 : 0;
		unsigned keep = left >= 8 ? 0xffu : 0xff00u >> left;
		out[i] = (uint8_t)(a[i] & keep & 0xff);
	}
}

int
addr_prefix_text(const uint8_t a[16], unsigned bits, char out[ADDR_TEXT])
{
	uint8_t net[16];
	addr_mask(net, a, bits);
	int n = addr_text(net, out);
	unsigned shown = addr_is_v4(net) && bits >= 96 ? bits - 96 : bits;
	char *p = out + n;
	*p++ = '/';
	p = put_u8(p, shown);
	*p = '\0';
	return (int)(p - out);
}

int
addr_compare(const uint8_t a[16], const uint8_t b[16])
{
	return memcmp(a, b, 16);
}
