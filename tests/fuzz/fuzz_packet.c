/* Any bytes after a first that says what they begin with: the walk ends inside them, and a frame one byte shorter shows
 * nothing that the longer one does not.  Packets inside tunnels are walked as well. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
walk(enum packet_link link, const uint8_t *bytes, size_t n, unsigned depth)
{
	struct packet p, shorter;
	packet_parse(link, bytes, n, &p);
	CHECK(p.l3 <= n && p.l4 <= n);
	if (n > 0) {
		packet_parse(link, bytes, n - 1, &shorter);
		CHECK((shorter.has & ~p.has) == 0);
	}
	if (p.has & PACKET_INNER) {
		CHECK(p.inner < n && p.inner_link != PACKET_LINK_NONE);
		if (depth < 8)
			walk((enum packet_link)p.inner_link, bytes + p.inner, n - p.inner, depth + 1);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	/* exactly as many bytes as there are, so that a sanitizer sees a read beyond them */
	uint8_t *copy = malloc(size);
	CHECK(copy != NULL);
	memcpy(copy, data, size);
	walk((enum packet_link)(copy[0] % 7), copy + 1, size - 1, 0);
	free(copy);
	return 0;
}
