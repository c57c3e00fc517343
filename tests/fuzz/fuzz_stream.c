/*
 * fuzz_stream.c - a byte stream of IPFIX messages: cut whole, and in two at a place the input names, it is the same.
 */
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "ingest/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { MOST = 16 };

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	uint32_t length[MOST], part[MOST];
	if (n < 2)
		return 0;
	size_t at = (size_t)bytes[0] << 8 | bytes[1];
	bytes += 2, n -= 2;
	at = at < n ? at : n;
	uint8_t *p = malloc(n + 1);
	CHECK(p != NULL);
	memcpy(p, bytes, n);
	struct stream_cut all = stream_cut(p, n, length, MOST), one = stream_cut(p, at, part, MOST);
	size_t used = 0;
	CHECK(all.n <= MOST && all.used <= n && all.need >= STREAM_HEADER && all.need <= STREAM_MESSAGE);
	for (unsigned i = 0; i < all.n; i++) {
		CHECK(length[i] >= STREAM_HEADER && length[i] <= STREAM_MESSAGE);
		used += length[i];
	}
	CHECK(used == all.used && one.n <= all.n && memcmp(length, part, one.n * sizeof part[0]) == 0);
	/* the rest, from where the first part ended */
	struct stream_cut two = stream_cut(p + one.used, n - one.used, part, MOST - one.n);
	CHECK(one.n + two.n == all.n && one.used + two.used == all.used);
	CHECK(one.why == NULL || all.n == one.n);
	free(p);
	return 0;
}
