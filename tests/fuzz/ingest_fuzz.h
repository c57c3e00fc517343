/*
 * ingest_fuzz.h - a decoder of its own for each input: a row of datagrams, each led by its length in two bytes, so that
 * templates and the data they describe can meet.  With the highest bit of a length it is a message of a TCP connection
 * (templates of its own, withdrawals), with 0xffff nothing follows: the connection has ended.  All elements are kept,
 * counted and named, as a running system may be told to.
 */
#ifndef FT_FUZZ_INGEST_H
#define FT_FUZZ_INGEST_H

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/ie.h"
#include "ingest/census.h"
#include "ingest/decode.h"
#include "ingest/interface.h"
#include "ingest/kept.h"
#include "ingest/label.h"
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
	CHECK(d->f.element_bytes <= FT_ELEMENTS_MOST);
	if (d->f.bits & FT_FLOW_ELEMENTS) {
		static char json[65536];
		CHECK(ie_list_json(d->elements, d->f.element_bytes, json, sizeof json) < sizeof json);
	}
	return true;
}

static uint32_t
fuzz_label(void *ctx, uint32_t exporter, const void *text, size_t n)
{
	char out[64];
	(void)ctx;
	size_t used = label_clean(out, sizeof out, text, n);
	CHECK(used <= sizeof out && used <= n && exporter != 0);
	return used ? 1 + (uint8_t)out[0] : 0;
}

static bool
fuzz_interface(void *ctx, const struct message *m, struct interface_says *says)
{
	char out[128];
	(void)ctx, (void)m;
	CHECK(label_clean(out, sizeof out, says->name, says->name ? says->name_n : 0) <= sizeof out);
	CHECK(label_clean(out, sizeof out, says->description, says->description ? says->description_n : 0) <=
		sizeof out);
	return says->index % 3 != 0;
}

static bool
fuzz_gone(void *ctx, uint32_t connection)
{
	(void)ctx;
	return connection != 0;
}

/* a target may look at records, too */
static void (*fuzz_record)(void *ctx, const struct message *m, const struct template *t,
	const struct decoded *d, const uint8_t *bytes, size_t n);

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
	struct keep keep = {.serial = 1, .all = true, .most = 200};
	struct decoder d = {.sink = {.flow = fuzz_flow,
				    .exporter = fuzz_exporter,
				    .proxied = fuzz_proxied,
				    .label = fuzz_label,
				    .interface = fuzz_interface,
				    .record = fuzz_record},
		.limits = {.templates = 16, .waiting = 20000, .sources = FUZZ_SOURCES},
		.keep = &keep,
		.census = census_new(),
		.learn = &learn};
	CHECK(decoder_init(&d, table, &n_sources) == 0 && decoder_load(&d, &err) == 0);
	for (unsigned k = 0; left >= 2 && k < 64; k++) {
		uint32_t n = (uint32_t)p[0] << 8 | p[1];
		p += 2, left -= 2;
		if (n == 0xffff) {
			(void)decoder_disconnect(&d, fuzz_gone, NULL);
			continue;
		}
		d.connection = n >> 15 & 1;
		n &= 0x7fff;
		n = n < left ? n : (uint32_t)left;
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
	census_free(d.census);
	learn_close(&learn);
	return 0;
}

#endif
