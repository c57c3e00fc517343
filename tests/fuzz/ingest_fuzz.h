/*
 * ingest_fuzz.h - a decoder of its own for each input: a row of datagrams, each led by its length in two bytes, so that
 * templates and the data they describe can meet.
 */
#ifndef FT_FUZZ_INGEST_H
#define FT_FUZZ_INGEST_H

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "ingest/decode.h"
#include "ingest/learn.h"

enum { FUZZ_SOURCES = 8 };

static uint64_t fuzz_sum; /* so that what is decoded is read */

static bool
fuzz_flow(void *ctx, const struct decoded *d)
{
	const uint8_t *f = (const uint8_t *)&d->f, *x = (const uint8_t *)&d->x;
	(void)ctx;
	for (size_t i = 0; i < sizeof d->f; i++)
		fuzz_sum += f[i];
	for (size_t i = 0; d->f.bits & FT_FLOW_EXT && i < sizeof d->x; i++)
		fuzz_sum += x[i];
	CHECK(d->f.first_us <= d->f.last_us);
	return true;
}

static uint32_t
fuzz_exporter(void *ctx, const uint8_t address[16], wall_t now)
{
	(void)ctx, (void)now;
	return 1u + (address[15] & 3);
}

static uint32_t
fuzz_proxied(void *ctx, const uint8_t address[16], const uint8_t guid[16], wall_t now)
{
	(void)ctx, (void)guid, (void)now;
	return 5u + (address[15] & 3);
}

/* versions: what the first two bytes of a datagram may be; another value is made one of them */
static inline int
fuzz_datagrams(const uint8_t *p, size_t left, const uint16_t *versions, unsigned n_versions)
{
	struct ft_source table[FUZZ_SOURCES];
	uint64_t n_sources = 0;
	uint8_t from[16] = {0};
	struct learn learn = {0};
	struct err err;
	struct decoder d = {.sink = {.flow = fuzz_flow, .exporter = fuzz_exporter, .proxied = fuzz_proxied},
		.limits = {.templates = 16, .waiting = 20000, .sources = FUZZ_SOURCES},
		.learn = &learn};
	CHECK(decoder_init(&d, table, &n_sources) == 0 && decoder_load(&d, &err) == 0);
	for (unsigned k = 0; left >= 2 && k < 64; k++) {
		size_t n = (size_t)p[0] << 8 | p[1];
		p += 2, left -= 2;
		n = n < left ? n : left;
		/* a copy of its own size, so that a read beyond it is seen */
		uint8_t *g = malloc(n ? n : 1);
		CHECK(g != NULL);
		memcpy(g, p, n);
		if (n >= 2) {
			unsigned version = (unsigned)g[0] << 8 | g[1], known = 0;
			for (unsigned i = 0; i < n_versions; i++)
				known |= version == versions[i];
			if (!known) {
				g[0] = 0;
				g[1] = (uint8_t)versions[g[1] % n_versions];
			}
		}
		from[15] = (uint8_t)(k % 5 == 4);
		decode_datagram(&d, g, n, from, (wall_t){INT64_C(1760000000) * 1000000 + k});
		decode_finish(&d);
		CHECK(n_sources <= FUZZ_SOURCES);
		free(g);
		p += n, left -= n;
	}
	decoder_close(&d);
	learn_close(&learn);
	return 0;
}

#endif
