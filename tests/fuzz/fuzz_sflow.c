/* Any datagrams on the sFlow port, each with its length in two bytes before it: every one is decoded or refused, makes at
 * most as many flows as it has room for samples, and a sample reads the same when it is read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "ingest/learn.h"
#include "ingest/sflow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SOURCES = 8 };
static unsigned flows;

static bool
flow(void *ctx, const struct decoded *d)
{
	(void)ctx;
	CHECK(d->f.exporter == 1);
	if (d->f.version >= SFLOW_V2)
		CHECK(d->f.packets == 1);
	flows++;
	return true;
}

static uint32_t
exporter(void *ctx, const uint8_t address[16], wall_t now)
{
	(void)ctx;
	(void)now;
	return address != NULL;
}

static void
record(void *ctx, const struct message *m, const struct template *t, const struct decoded *d,
	const uint8_t *bytes, size_t n)
{
	struct sflow_sample s;
	struct sflow_counters k;
	struct decoded again;
	const char *why;
	bool is_flow;
	(void)ctx;
	(void)t;
	if (m->version < SFLOW_V2)
		return;
	CHECK(sflow_sample_read(m->version, bytes, n, &is_flow, &s, &k, &why) == n && is_flow);
	CHECK(s.n_path <= SFLOW_PATH && s.n_communities <= n / 4);
	sflow_flow(&s, m, &again);
	CHECK(again.f.bytes == d->f.bytes && again.f.bits == d->f.bits);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ft_source table[SOURCES] = {{0}};
	uint64_t n_sources = 0;
	struct learn learn = {0};
	struct decoder d = {.learn = &learn,
		.sink = {.flow = flow, .record = record, .exporter = exporter},
		.limits = {.templates = 8, .waiting = 4096, .sources = SOURCES}};
	static const uint8_t from[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
	CHECK(decoder_init(&d, table, &n_sources) == 0 && decoder_load(&d, NULL) == 0);
	while (size >= 2) {
		size_t n = (size_t)data[0] << 8 | data[1];
		data += 2;
		size -= 2;
		n = n < size ? n : size;
		uint8_t *copy = malloc(n ? n : 1);
		CHECK(copy != NULL);
		memcpy(copy, data, n);
		flows = 0;
		decode_datagram(&d, copy, n, from, (wall_t){INT64_C(1700000000000000)});
		decode_finish(&d);
		free(copy);
		CHECK(flows <= n / 8 || (n > 0 && data[0] != 0) || (n > 1 && data[1] != 0));
		data += n;
		size -= n;
	}
	decoder_close(&d);
	return 0;
}
