/* guid.c - see guid.h */
#include "common/guid.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"

void
guid_text(const uint8_t g[16], char out[GUID_TEXT])
{
	snprintf(out, GUID_TEXT, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", g[0],
		g[1], g[2], g[3], g[4], g[5], g[6], g[7], g[8], g[9], g[10], g[11], g[12], g[13], g[14],
		g[15]);
}

int
guid_parse(const char *text, uint8_t out[16])
{
	unsigned n = 0, byte;
	for (; *text; text += 2) {
		if (*text == '-' && n > 0 && n < 16)
			text++;
		if (n == 16 || !isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]) ||
			sscanf(text, "%2x", &byte) != 1)
			return FT_EINVAL;
		out[n++] = (uint8_t)byte;
	}
	return n == 16 ? 0 : FT_EINVAL;
}

bool
guid_none(const uint8_t guid[16])
{
	static const uint8_t none[16];
	return memcmp(guid, none, 16) == 0;
}
