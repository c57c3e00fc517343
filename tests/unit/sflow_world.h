/*
 * sflow_world.h - for tests of sFlow: a decoder whose flows are kept, and an encoder of datagrams.
 */
#ifndef FT_TEST_SFLOW_WORLD_H
#define FT_TEST_SFLOW_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/addr.h"
#include "ingest/learn.h"
#include "ingest/sflow.h"

#define ARRIVED INT64_C(1700000000123456)

/* ---- a decoder whose flows are kept ----------------------------------------------------------- */

enum { MOST = 64 };
static struct {
	struct decoder d;
	struct ft_source table[16];
	uint64_t n_sources;
	struct learn learn;
	struct decoded flow[MOST];
	struct sflow_sample sample[MOST];
	unsigned n, n_troubles, n_counters;
	struct sflow_counters counters[MOST];
	char name[32];
	uint8_t agent[16][16];
	unsigned agents;
} w;

static inline bool
on_flow(void *ctx, const struct decoded *d)
{
	(void)ctx;
	assert_true(w.n < MOST);
	w.flow[w.n++] = *d;
	return true;
}

static inline void
on_record(void *ctx, const struct message *m, const struct template *t, const struct decoded *d,
	const uint8_t *bytes, size_t n)
{
	struct sflow_counters k;
	const char *why;
	bool is_flow;
	(void)ctx;
	(void)d;
	assert_null(t);
	assert_int_equal(sflow_sample_read(m->version, bytes, n, &is_flow, &w.sample[w.n], &k, &why), n);
	assert_true(is_flow);
}

static inline void
on_trouble(void *ctx, const struct message *m, unsigned set, const char *why)
{
	(void)ctx;
	(void)m;
	(void)set;
	assert_non_null(why);
	w.n_troubles++;
}

static inline void
on_counters(void *ctx, const struct message *m, const struct sflow_counters *k)
{
	(void)ctx;
	(void)m;
	assert_true(w.n_counters < MOST);
	w.counters[w.n_counters++] = *k;
	if (k->name) {
		assert_true(k->name_n < sizeof w.name);
		memcpy(w.name, k->name, k->name_n);
		w.name[k->name_n] = 0;
	}
}

static inline uint32_t
on_exporter(void *ctx, const uint8_t address[16], wall_t now)
{
	(void)ctx;
	(void)now;
	for (unsigned i = 0; i < w.agents; i++)
		if (memcmp(w.agent[i], address, 16) == 0)
			return i + 1;
	memcpy(w.agent[w.agents++], address, 16);
	return w.agents;
}

static inline int
begin(void **state)
{
	(void)state;
	memset(&w, 0, sizeof w);
	w.d.sink = (struct decode_sink){.flow = on_flow,
		.record = on_record,
		.trouble = on_trouble,
		.exporter = on_exporter,
		.counters = on_counters};
	w.d.limits = (struct decode_limits){.templates = 8, .waiting = 4096, .sources = 16};
	w.d.learn = &w.learn;
	return decoder_init(&w.d, w.table, &w.n_sources) == 0 && decoder_load(&w.d, NULL) == 0 ? 0 : -1;
}

static inline int
end(void **state)
{
	(void)state;
	decoder_close(&w.d);
	return 0;
}

/* ---- encoding --------------------------------------------------------------------------------- */

static struct {
	uint8_t b[4096];
	size_t n;
	size_t samples; /* where their number stands */
	uint8_t version;
	size_t sample, record, records;
} e;

static inline void
u32(uint32_t v)
{
	assert_true(e.n + 4 <= sizeof e.b);
	v = __builtin_bswap32(v);
	memcpy(e.b + e.n, &v, 4);
	e.n += 4;
}

static inline void
words(unsigned n, const uint32_t *v)
{
	for (unsigned i = 0; i < n; i++)
		u32(v[i]);
}
#define U32(...) words(sizeof((uint32_t[]){__VA_ARGS__}) / 4, (uint32_t[]){__VA_ARGS__})

static inline void
opaque(const void *bytes, size_t n)
{
	assert_true(e.n + n + 3 <= sizeof e.b);
	memcpy(e.b + e.n, bytes, n);
	memset(e.b + e.n + n, 0, 3);
	e.n += (n + 3) / 4 * 4;
}

/* write over a word written before */
static inline void
patch(size_t at, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(e.b + at, &v, 4);
}

static inline uint32_t
peek(size_t at)
{
	uint32_t v;
	memcpy(&v, e.b + at, 4);
	return __builtin_bswap32(v);
}

static inline void
address(const char *text)
{
	uint8_t a[16];
	assert_int_equal(addr_parse(text, a), 0);
	u32(addr_is_v4(a) ? 1 : 2);
	if (addr_is_v4(a))
		opaque(a + 12, 4);
	else
		opaque(a, 16);
}

static inline void
bare(const char *text)
{
	uint8_t a[16];
	assert_int_equal(addr_parse(text, a), 0);
	if (addr_is_v4(a))
		opaque(a + 12, 4);
	else
		opaque(a, 16);
}

static inline void
datagram(uint8_t version, const char *agent, uint32_t sub_agent, uint32_t sequence)
{
	memset(&e, 0, sizeof e);
	e.version = version;
	u32(version);
	address(agent);
	if (version == 5)
		u32(sub_agent);
	u32(sequence);
	u32(1000 * sequence); /* uptime */
	e.samples = e.n;
	u32(0);
}

static inline void
sample_begin(uint32_t type)
{
	patch(e.samples, peek(e.samples) + 1);
	u32(type);
	e.sample = e.n;
	if (e.version == 5)
		u32(0);
}

static inline void
sample_end(void)
{
	if (e.version == 5)
		patch(e.sample, (uint32_t)(e.n - e.sample - 4));
}

/* a version 5 flow sample up to its records; source index 7, 1 in 100 */
static inline void
flow_sample(uint32_t in, uint32_t out)
{
	sample_begin(1);
	U32(1, 7, 100, 1000, 0, in, out);
	e.records = e.n;
	u32(0);
}

static inline void
record_begin(uint32_t type)
{
	patch(e.records, peek(e.records) + 1);
	u32(type);
	e.record = e.n;
	u32(0);
}

static inline void
record_end(void)
{
	patch(e.record, (uint32_t)(e.n - e.record - 4));
}

static const uint8_t tcp_frame[] = {2, 0, 0, 0, 0, 0xaa, 2, 0, 0, 0, 0, 0xbb, 0x81, 0x00, 0x00, 0x64, 0x08,
	0x00, 0x45, 0x10, 0x05, 0xdc, 0, 9, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x01, 0xbb, 0xc0, 0,
	0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 0, 0, 0, 0, 0, 0};

static inline void
raw_header(uint32_t protocol, uint32_t frame_bytes, const uint8_t *bytes, size_t n)
{
	record_begin(1);
	U32(protocol, frame_bytes, 4, (uint32_t)n);
	opaque(bytes, n);
	record_end();
}

static inline void
tcp_header(void)
{
	raw_header(1, 1522, tcp_frame, sizeof tcp_frame);
}

static inline void
send_cut(size_t n)
{
	static const uint8_t from[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 99};
	uint8_t *copy = malloc(n ? n : 1);
	memcpy(copy, e.b, n);
	decode_datagram(&w.d, copy, n, from, (wall_t){ARRIVED});
	decode_finish(&w.d);
	free(copy);
}

static inline void
send(void)
{
	send_cut(e.n);
}

static inline void
is_address(const uint8_t a[16], const char *text)
{
	char got[ADDR_TEXT];
	(void)addr_text(a, got);
	assert_string_equal(got, text);
}

static inline void
interface_counters(uint32_t index)
{
	U32(index, 6, 0, 1000000000, 1, 3, 1, 5, 11, 12, 13, 14, 15, 16, 2, 6, 21, 22, 23, 24, 25, 1);
}

#endif
