/*
 * sflow_test.c - datagrams of sFlow 2, 4 and 5, encoded here, and what becomes of them.
 */
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

static bool
on_flow(void *ctx, const struct decoded *d)
{
	(void)ctx;
	assert_true(w.n < MOST);
	w.flow[w.n++] = *d;
	return true;
}

static void
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

static void
on_trouble(void *ctx, const struct message *m, unsigned set, const char *why)
{
	(void)ctx;
	(void)m;
	(void)set;
	assert_non_null(why);
	w.n_troubles++;
}

static void
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

static uint32_t
on_exporter(void *ctx, const uint8_t address[16], wall_t now, bool *disabled)
{
	(void)ctx;
	(void)now;
	*disabled = false;
	for (unsigned i = 0; i < w.agents; i++)
		if (memcmp(w.agent[i], address, 16) == 0)
			return i + 1;
	memcpy(w.agent[w.agents++], address, 16);
	return w.agents;
}

static int
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

static int
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

static void
u32(uint32_t v)
{
	assert_true(e.n + 4 <= sizeof e.b);
	v = __builtin_bswap32(v);
	memcpy(e.b + e.n, &v, 4);
	e.n += 4;
}

static void
words(unsigned n, const uint32_t *v)
{
	for (unsigned i = 0; i < n; i++)
		u32(v[i]);
}
#define U32(...) words(sizeof((uint32_t[]){__VA_ARGS__}) / 4, (uint32_t[]){__VA_ARGS__})

static void
opaque(const void *bytes, size_t n)
{
	assert_true(e.n + n + 3 <= sizeof e.b);
	memcpy(e.b + e.n, bytes, n);
	memset(e.b + e.n + n, 0, 3);
	e.n += (n + 3) / 4 * 4;
}

/* write over a word written before */
static void
patch(size_t at, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(e.b + at, &v, 4);
}

static uint32_t
peek(size_t at)
{
	uint32_t v;
	memcpy(&v, e.b + at, 4);
	return __builtin_bswap32(v);
}

static void
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

static void
bare(const char *text)
{
	uint8_t a[16];
	assert_int_equal(addr_parse(text, a), 0);
	if (addr_is_v4(a))
		opaque(a + 12, 4);
	else
		opaque(a, 16);
}

static void
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

static void
sample_begin(uint32_t type)
{
	patch(e.samples, peek(e.samples) + 1);
	u32(type);
	e.sample = e.n;
	if (e.version == 5)
		u32(0);
}

static void
sample_end(void)
{
	if (e.version == 5)
		patch(e.sample, (uint32_t)(e.n - e.sample - 4));
}

/* a version 5 flow sample up to its records; source index 7, 1 in 100 */
static void
flow_sample(uint32_t in, uint32_t out)
{
	sample_begin(1);
	U32(1, 7, 100, 1000, 0, in, out);
	e.records = e.n;
	u32(0);
}

static void
record_begin(uint32_t type)
{
	patch(e.records, peek(e.records) + 1);
	u32(type);
	e.record = e.n;
	u32(0);
}

static void
record_end(void)
{
	patch(e.record, (uint32_t)(e.n - e.record - 4));
}

static const uint8_t tcp_frame[] = {2, 0, 0, 0, 0, 0xaa, 2, 0, 0, 0, 0, 0xbb, 0x81, 0x00, 0x00, 0x64, 0x08,
	0x00, 0x45, 0x10, 0x05, 0xdc, 0, 9, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x01, 0xbb, 0xc0, 0,
	0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 0, 0, 0, 0, 0, 0};

static void
raw_header(uint32_t protocol, uint32_t frame_bytes, const uint8_t *bytes, size_t n)
{
	record_begin(1);
	U32(protocol, frame_bytes, 4, (uint32_t)n);
	opaque(bytes, n);
	record_end();
}

static void
tcp_header(void)
{
	raw_header(1, 1522, tcp_frame, sizeof tcp_frame);
}

static void
send_cut(size_t n)
{
	static const uint8_t from[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 99};
	uint8_t *copy = malloc(n ? n : 1);
	memcpy(copy, e.b, n);
	decode_datagram(&w.d, copy, n, from, (wall_t){ARRIVED});
	decode_finish(&w.d);
	free(copy);
}

static void
send(void)
{
	send_cut(e.n);
}

static void
is_address(const uint8_t a[16], const char *text)
{
	char got[ADDR_TEXT];
	(void)addr_text(a, got);
	assert_string_equal(got, text);
}

/* ---- version 5 -------------------------------------------------------------------------------- */

static void
a_sampled_header_is_a_flow_of_one_packet_of_its_ip_length(void **state)
{
	(void)state;
	datagram(5, "192.0.2.7", 3, 1);
	flow_sample(11, 12);
	tcp_header();
	sample_end();
	send();
	assert_int_equal(w.n, 1);
	const struct ft_flow *f = &w.flow[0].f;
	is_address(f->src, "10.0.0.1");
	is_address(f->dst, "10.0.0.2");
	assert_int_equal(f->src_port, 443);
	assert_int_equal(f->dst_port, 0xc000);
	assert_int_equal(f->proto, 6);
	assert_int_equal(f->flags, 0x18);
	assert_int_equal(f->tos, 0x10);
	assert_int_equal(f->bytes, 1500);
	assert_int_equal(f->packets, 1);
	assert_int_equal(f->sampling, 100);
	assert_int_equal(f->in_if, 11);
	assert_int_equal(f->out_if, 12);
	assert_int_equal(f->version, 21);
	assert_int_equal(f->domain, 3);
	assert_true(f->first_us == ARRIVED && f->last_us == ARRIVED && f->export_us == ARRIVED);
	assert_int_equal(f->in_vlan, 100);
	assert_int_equal(f->out_vlan, 100);
	assert_int_equal(w.flow[0].x.has, FT_EXT_MAC);
	assert_int_equal(w.flow[0].x.src_mac[5], 0xbb);
	assert_int_equal(w.sample[0].frame_bytes, 1522);
	assert_int_equal(w.sample[0].packet.ttl, 64);
	assert_int_equal(w.n_troubles, 0);
}

static void
the_agent_is_the_exporter_unless_the_sender_shall_be(void **state)
{
	(void)state;
	datagram(5, "192.0.2.7", 3, 1);
	flow_sample(1, 2);
	tcp_header();
	sample_end();
	send();
	is_address(w.agent[0], "192.0.2.7");
	datagram(5, "2001:db8::7", 0, 1);
	send();
	is_address(w.agent[1], "2001:db8::7");
	w.d.limits.sflow_from = true;
	datagram(5, "192.0.2.7", 3, 1);
	send();
	is_address(w.agent[2], "192.0.2.99");
	/* an agent that does not know its address */
	w.d.limits.sflow_from = false;
	datagram(5, "0.0.0.0", 3, 2);
	send();
	assert_int_equal(w.agents, 3);
	assert_int_equal(w.n_sources, 3);
}

static void
pitfall_14_interface_values_have_formats(void **state)
{
	static const struct {
		uint32_t in, out, in_if, out_if;
		int forwarding;
	} table[] = {
		{27, 28, 27, 28, -1},
		{0x3fffffff, 28, 0x3fffffff, 28, -1}, /* from the device itself: kept, and not dropped */
		{27, 0x3fffffff, 27, 0x3fffffff, -1}, {27, 0x80000003, 27, 0, -1}, /* three ways out */
		{27, 0x40000001, 27, 0, 131},                                      /* host unreachable */
		{27, 0x40000102, 27, 0, 129},                                      /* access list */
		{27, 0x40000105, 27, 0, 138},                                      /* rate limit */
		{27, 0x400001ff, 27, 0, 128}, /* a reason of the future */
	};
	(void)state;
	datagram(5, "192.0.2.7", 0, 1);
	for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
		flow_sample(table[i].in, table[i].out);
		tcp_header();
		sample_end();
	}
	send();
	assert_int_equal(w.n, sizeof table / sizeof table[0]);
	for (unsigned i = 0; i < w.n; i++) {
		assert_int_equal(w.flow[i].f.in_if, table[i].in_if);
		assert_int_equal(w.flow[i].f.out_if, table[i].out_if);
		assert_true(w.flow[i].f.bits & FT_FLOW_HAS_IF);
		assert_int_equal(w.flow[i].x.has & FT_EXT_FWD ? w.flow[i].x.forwarding_status : -1,
			table[i].forwarding);
	}
}

static void
pitfall_14_expanded_samples_carry_indexes_of_32_bits(void **state)
{
	(void)state;
	datagram(5, "192.0.2.7", 0, 1);
	sample_begin(3);
	U32(1, 0, 11001, 1000, 5, 0, 0, 29001, 0, 1285816721);
	e.records = e.n;
	u32(0);
	tcp_header();
	sample_end();
	send();
	assert_int_equal(w.n, 1);
	assert_int_equal(w.flow[0].f.in_if, 29001);
	assert_int_equal(w.flow[0].f.out_if, 1285816721);
	assert_int_equal(w.flow[0].f.sampling, 1000);
}

static void
pitfall_14_unknown_samples_and_records_are_passed_over(void **state)
{
	(void)state;
	datagram(5, "192.0.2.7", 0, 1);
	sample_begin(4413 << 12 | 1); /* of another enterprise */
	U32(1, 2, 3);
	sample_end();
	sample_begin(77);
	u32(9);
	sample_end();
	flow_sample(1, 2);
	record_begin(9 << 12 | 1);
	U32(1, 2, 3);
	record_end();
	record_begin(1999);
	record_end();
	record_begin(1037); /* access list; length not rounded up */
	U32(42, 3);
	opaque("abc", 3);
	patch(e.record, 11);
	tcp_header();
	sample_end();
	send();
	assert_int_equal(w.n, 1);
	assert_int_equal(w.flow[0].f.src_port, 443);
	assert_int_equal(w.n_troubles, 0);
}

static void
fields_stand_in_for_a_header(void **state)
{
	(void)state;
	datagram(5, "192.0.2.7", 0, 1);
	flow_sample(1, 2);
	record_begin(3);
	U32(576, 17);
	bare("198.51.100.1");
	bare("198.51.100.2");
	U32(5000, 53, 0, 0x20);
	record_end();
	sample_end();
	flow_sample(1, 2);
	record_begin(4);
	U32(1280, 6);
	bare("2001:db8::1");
	bare("2001:db8::2");
	U32(5001, 443, 0x12, 0);
	record_end();
	record_begin(2); /* Ethernet: 6 bytes, padded */
	u32(1298);
	opaque("\x02\0\0\0\0\x01", 6);
	opaque("\x02\0\0\0\0\x02", 6);
	u32(0x86dd);
	record_end();
	sample_end();
	/* both: the header says more */
	flow_sample(1, 2);
	record_begin(3);
	U32(99, 17);
	bare("198.51.100.1");
	bare("198.51.100.2");
	U32(5000, 53, 0, 0);
	record_end();
	tcp_header();
	sample_end();
	send();
	assert_int_equal(w.n, 3);
	assert_int_equal(w.flow[0].f.bytes, 576);
	assert_int_equal(w.flow[0].f.dst_port, 53);
	assert_int_equal(w.flow[0].f.tos, 0x20);
	is_address(w.flow[0].f.src, "198.51.100.1");
	assert_false(w.flow[0].f.bits & FT_FLOW_V6);
	assert_int_equal(w.flow[1].f.bytes, 1280);
	assert_int_equal(w.flow[1].f.flags, 0x12);
	assert_true(w.flow[1].f.bits & FT_FLOW_V6);
	assert_int_equal(w.flow[1].x.dst_mac[5], 2);
	assert_int_equal(w.flow[2].f.bytes, 1500);
	is_address(w.flow[2].f.src, "10.0.0.1");
}

static void
pitfall_17_icmp_in_the_ports_of_a_fields_record(void **state)
{
	static const uint32_t ports[][2] = {{0, 0x0803}, {8, 3}, {0, 8}};
	(void)state;
	datagram(5, "192.0.2.7", 0, 1);
	for (unsigned i = 0; i < 3; i++) {
		flow_sample(1, 2);
		record_begin(3);
		U32(84, 1);
		bare("198.51.100.1");
		bare("198.51.100.2");
		U32(ports[i][0], ports[i][1], 0, 0);
		record_end();
		sample_end();
	}
	send();
	for (unsigned i = 0; i < 3; i++) {
		assert_true(w.flow[i].f.bits & FT_FLOW_ICMP);
		assert_int_equal(w.flow[i].f.icmp_type, 8);
		assert_int_equal(w.flow[i].f.icmp_code, i < 2 ? 3 : 0);
		assert_int_equal(w.flow[i].f.src_port, 0);
		assert_int_equal(w.flow[i].f.dst_port, 0x800 + (i < 2 ? 3 : 0));
	}
}

static void
pitfall_17_frames_without_addresses_count_too(void **state)
{
	static const uint8_t arp[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
	(void)state;
	datagram(5, "192.0.2.7", 0, 1);
	flow_sample(1, 2);
	raw_header(1, 64, arp, sizeof arp);
	sample_end();
	flow_sample(1, 2);
	record_begin(2);
	u32(64);
	opaque("\x02\0\0\0\0\x01", 6);
	opaque("\x02\0\0\0\0\x02", 6);
	u32(0x88cc);
	record_end();
	sample_end();
	send();
	assert_int_equal(w.n, 2);
	for (unsigned i = 0; i < 2; i++) {
		is_address(w.flow[i].f.src, "0.0.0.0");
		assert_int_equal(w.flow[i].f.bytes, 46); /* without link header and check sequence */
		assert_int_equal(w.flow[i].f.packets, 1);
		assert_true(w.flow[i].x.has & FT_EXT_MAC);
	}
	assert_int_equal(w.sample[0].packet.ethertype, 0x0806);
	assert_int_equal(w.sample[1].packet.ethertype, 0x88cc);
}

static void
switch_records_say_both_vlans(void **state)
{
	static const struct {
		uint32_t src, dst;
		uint16_t in, out;
	} table[] = {
		{514, 515, 514, 515},
		{UINT32_MAX, 100, 0, 100}, /* came in by a routed port */
		{100, UINT32_MAX, 100, 0},
		{0, 0, 100, 100}, /* says nothing: the tag in the header */
		{UINT32_MAX, UINT32_MAX, 100, 100},
	};
	(void)state;
	datagram(5, "192.0.2.7", 0, 1);
	for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
		flow_sample(1, 2);
		tcp_header();
		record_begin(1001);
		U32(table[i].src, 0, table[i].dst, 0);
		record_end();
		sample_end();
	}
	send();
	for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
		assert_int_equal(w.flow[i].f.in_vlan, table[i].in);
		assert_int_equal(w.flow[i].f.out_vlan, table[i].out);
	}
}

static void
routers_and_gateways(void **state)
{
	(void)state;
	datagram(5, "192.0.2.7", 0, 1);
	flow_sample(1, 2);
	tcp_header();
	record_begin(1003);
	address("203.0.113.2");
	U32(28976, 64500, 64501, 2, /* a set, then a sequence */ 1, 1, 64999, 2, 3, 8218, 29605, 203361);
	U32(2, 0x201a0001, 0x201a0002, 110);
	record_end();
	record_begin(1002);
	address("203.0.113.1");
	U32(32, 22);
	record_end();
	sample_end();
	/* source and destination inside: the router's own AS; no router record: BGP's next hop; masks unknown */
	flow_sample(1, 2);
	tcp_header();
	record_begin(1003);
	address("2001:db8::9");
	U32(39421, 0, 0, 0, 0, 0);
	record_end();
	record_begin(1002);
	U32(0, UINT32_MAX, UINT32_MAX);
	record_end();
	sample_end();
	send();
	const struct decoded *d = &w.flow[0];
	is_address(d->x.next_hop, "203.0.113.1");
	assert_int_equal(d->f.src_as, 64500);
	assert_int_equal(d->f.dst_as, 203361);
	assert_int_equal(d->f.src_mask, 32);
	assert_int_equal(d->f.dst_mask, 22);
	assert_int_equal(w.sample[0].n_path, 4);
	assert_int_equal(w.sample[0].path[3], 203361);
	assert_int_equal(w.sample[0].n_communities, 2);
	assert_int_equal(w.sample[0].local_pref, 110);
	d = &w.flow[1];
	is_address(d->x.next_hop, "2001:db8::9");
	assert_int_equal(d->f.src_as, 39421);
	assert_int_equal(d->f.dst_as, 39421);
	assert_false(d->f.bits & FT_FLOW_HAS_MASK);
	assert_int_equal(w.n_troubles, 0);
}

static void
translation_labels_and_tunnels(void **state)
{
	(void)state;
	datagram(5, "192.0.2.7", 0, 1);
	flow_sample(1, 2);
	tcp_header();
	record_begin(1007);
	address("203.0.113.10");
	address("203.0.113.11");
	record_end();
	record_begin(1020);
	U32(6000, 6001);
	record_end();
	record_begin(1006);
	address("203.0.113.1");
	U32(2, 0x0001e0ff, 0x0001f1ff, 1, 0x000200ff);
	record_end();
	record_begin(1030);
	u32(4097);
	record_end();
	sample_end();
	send();
	const struct ft_flow_ext *x = &w.flow[0].x;
	assert_int_equal(x->has, FT_EXT_MAC | FT_EXT_NAT | FT_EXT_MPLS);
	is_address(x->nat_src, "203.0.113.10");
	assert_int_equal(x->nat_dst_port, 6001);
	assert_int_equal(x->mpls_label, 0x1e);
	assert_int_equal(w.sample[0].vni_in, 4097);
}

static void
pitfall_14_a_discarded_packet_is_a_flow_that_was_not_forwarded(void **state)
{
	(void)state;
	datagram(5, "192.0.2.7", 0, 1);
	sample_begin(5);
	U32(1, 0, 7, 0, 7, 8, 258);
	e.records = e.n;
	u32(0);
	record_begin(1036);
	u32(42);
	record_end();
	tcp_header();
	sample_end();
	send();
	assert_int_equal(w.n, 1);
	assert_int_equal(w.flow[0].f.bytes, 1500);
	assert_int_equal(w.flow[0].f.sampling, 1);
	assert_int_equal(w.flow[0].f.in_if, 7);
	assert_int_equal(w.flow[0].f.out_if, 8);
	assert_true(w.flow[0].x.has & FT_EXT_FWD);
	assert_int_equal(w.flow[0].x.forwarding_status, 129);
	assert_int_equal(w.table[0].sampling, 0);
}

static void
header_protocols_without_ethernet(void **state)
{
	static const uint8_t labels[] = {0, 1, 0xe1, 63};
	uint8_t bytes[64];
	(void)state;
	datagram(5, "192.0.2.7", 0, 1);
	flow_sample(1, 2);
	raw_header(11, 1500, tcp_frame + 18, sizeof tcp_frame - 18);
	sample_end();
	flow_sample(1, 2);
	memcpy(bytes, labels, 4);
	memcpy(bytes + 4, tcp_frame + 18, sizeof tcp_frame - 18);
	raw_header(13, 1504, bytes, sizeof tcp_frame - 14);
	sample_end();
	flow_sample(1, 2);
	raw_header(3, 500, tcp_frame, sizeof tcp_frame); /* token ring: counted, not read */
	sample_end();
	send();
	assert_int_equal(w.flow[0].f.src_port, 443);
	assert_int_equal(w.flow[1].f.src_port, 443);
	assert_int_equal(w.flow[1].x.mpls_label, 0x1e);
	assert_int_equal(w.flow[2].f.bytes, 496);
	assert_int_equal(w.flow[2].f.proto, 0);
}

static void
alike_samples_are_different_packets(void **state)
{
	(void)state;
	datagram(5, "192.0.2.7", 0, 1);
	for (unsigned i = 0; i < 2; i++) {
		flow_sample(1, 2);
		tcp_header();
		sample_end();
	}
	send();
	assert_int_equal(w.n, 2);
	assert_true(w.flow[0].f.bits & FT_FLOW_NOTIME); /* what tells the tracker so */
}

static void
a_request_to_an_application_is_no_packet(void **state)
{
	(void)state;
	datagram(5, "192.0.2.7", 0, 1);
	flow_sample(1, 2);
	record_begin(2100);
	u32(6);
	bare("10.0.0.1");
	bare("10.0.0.2");
	U32(80, 40000);
	record_end();
	sample_end();
	send();
	assert_int_equal(w.n, 0);
	assert_int_equal(w.n_troubles, 0);
	assert_int_equal(w.table[0].options, 1);
}

static void
interface_counters(uint32_t index)
{
	U32(index, 6, 0, 1000000000, 1, 3, 1, 5, 11, 12, 13, 14, 15, 16, 2, 6, 21, 22, 23, 24, 25, 1);
}

static void
counter_samples_tell_of_interfaces(void **state)
{
	(void)state;
	datagram(5, "192.0.2.7", 0, 1);
	sample_begin(2);
	U32(9, 3);
	e.records = e.n;
	u32(0);
	record_begin(1005);
	u32(4);
	opaque("eno1", 4);
	record_end();
	record_begin(1);
	interface_counters(3);
	record_end();
	record_begin(2);
	for (unsigned i = 0; i < 13; i++)
		u32(i);
	record_end();
	sample_end();
	sample_begin(4);
	U32(9, 0, 70000);
	e.records = e.n;
	u32(0);
	record_begin(1001); /* processor: nothing of an interface */
	U32(1, 2, 3);
	record_end();
	sample_end();
	flow_sample(1, 2);
	tcp_header();
	sample_end();
	send();
	assert_int_equal(w.n, 1);
	assert_int_equal(w.n_counters, 1);
	const struct sflow_counters *k = &w.counters[0];
	assert_int_equal(k->index, 3);
	assert_int_equal(k->speed, 1000000000);
	assert_int_equal(k->status, 3);
	assert_int_equal(k->in_bytes, (UINT64_C(1) << 32) + 5);
	assert_int_equal(k->out_bytes, (UINT64_C(2) << 32) + 6);
	assert_int_equal(k->out_errors, 25);
	assert_string_equal(w.name, "eno1");
	assert_int_equal(w.n_troubles, 0);
}

/* ---- losses ----------------------------------------------------------------------------------- */

static void
numbered(uint32_t sequence, uint32_t sub_agent, uint32_t source, uint32_t sample, uint32_t drops)
{
	datagram(5, "192.0.2.7", sub_agent, sequence);
	sample_begin(1);
	U32(sample, source, 100, 1000, drops, 1, 2);
	e.records = e.n;
	u32(0);
	tcp_header();
	sample_end();
	send();
}

static void
pitfall_16_datagrams_are_numbered_by_agent_and_sub_agent(void **state)
{
	(void)state;
	numbered(10, 1, 7, 1, 0);
	numbered(500, 2, 7, 1, 0);
	numbered(11, 1, 7, 2, 0);
	numbered(501, 2, 7, 2, 0);
	numbered(14, 1, 7, 3, 0); /* 12 and 13 are missing */
	assert_int_equal(w.n_sources, 2);
	assert_int_equal(w.table[0].sequence_gaps, 2);
	assert_int_equal(w.table[1].sequence_gaps, 0);
	assert_int_equal(w.table[0].sampling, 100);
	numbered(13, 1, 7, 4, 0); /* one was only late */
	assert_int_equal(w.table[0].sequence_gaps, 1);
	numbered(15, 1, 7, 5, 0);
	assert_int_equal(w.table[0].sequence_gaps, 1);
}

static void
pitfall_16_samples_are_numbered_by_data_source(void **state)
{
	(void)state;
	numbered(1, 1, 7, 100, 5);
	numbered(2, 1, 8, 9000, 0);
	numbered(3, 1, 7, 101, 5);
	numbered(4, 1, 8, 9001, 0);
	assert_int_equal(w.table[0].samples_missing, 0);
	numbered(5, 1, 7, 104, 8);
	assert_int_equal(w.table[0].samples_missing, 2);
	assert_int_equal(w.table[0].sampler_drops, 3);
	numbered(4, 1, 7, 103, 8); /* late */
	assert_int_equal(w.table[0].samples_missing, 2);
	numbered(7, 1, 7, 1, 0); /* the agent began anew: nothing is made up */
	numbered(8, 1, 7, 2, 1);
	assert_int_equal(w.table[0].samples_missing, 2);
	assert_int_equal(w.table[0].sampler_drops, 4);
	numbered(9, 1, 7, UINT32_MAX, 1);
	numbered(10, 1, 7, 1, 1); /* 0 is missing, over the end of 32 bits */
	assert_int_equal(w.table[0].samples_missing, 3);
}

/* ---- versions 2 and 4 ------------------------------------------------------------------------- */

static void
old_sample(uint32_t out)
{
	sample_begin(1);
	U32(1, 3 << 24 | 7, 512, 1000, 0, 4, out);
}

static void
old_header(void)
{
	U32(1, 1, 1518, sizeof tcp_frame);
	opaque(tcp_frame, sizeof tcp_frame);
}

static void
versions_2_and_4_differ_in_their_gateways(void **state)
{
	(void)state;
	for (uint8_t version = 2; version <= 4; version = (uint8_t)(version + 2)) {
		w.n = 0;
		datagram(version, "192.0.2.7", 0, 1);
		old_sample(5);
		old_header();
		u32(5);
		U32(1, 10, 0, 20, 0);
		u32(2);
		address("203.0.113.1");
		U32(24, 16);
		u32(3);
		if (version == 2)
			U32(64500, 64501, 64502, 3, 100, 200, 300);
		else
			U32(64500, 64501, 64502, 1, 2, 3, 100, 200, 300, 1, 0xffff0001, 50);
		U32(4, 3);
		opaque("bob", 3);
		u32(5);
		opaque("alice", 5);
		U32(5, 1, 7);
		opaque("http://", 7);
		/* counters between: all kinds have to be passed over in their own length */
		static const uint8_t more[] = {0, 0, 52, 72, 0, 80, 0};
		for (uint32_t kind = 1; kind <= 6; kind++) {
			sample_begin(2);
			U32(1, 7, 20, kind);
			interface_counters(kind);
			for (unsigned i = 0; i < more[kind]; i += 4)
				u32(0);
		}
		sample_begin(2);
		U32(1, 7, 20, 7, 100, 0, 1, 2, 3, 4, 5);
		old_sample(0x80000007);
		U32(2, 576, 17);
		bare("198.51.100.1");
		bare("198.51.100.2");
		U32(5000, 53, 0, 0x20, 0);
		old_sample(6);
		U32(3, 1280, 6);
		bare("2001:db8::1");
		bare("2001:db8::2");
		U32(5001, 443, 0x12, 0, 0);
		send();
		assert_int_equal(w.n, 3);
		const struct decoded *d = &w.flow[0];
		assert_int_equal(d->f.version, version == 2 ? 18 : 20);
		assert_int_equal(d->f.domain, 0);
		assert_int_equal(d->f.bytes, 1500);
		assert_int_equal(d->f.sampling, 512);
		assert_int_equal(d->f.in_if, 4);
		assert_int_equal(d->f.out_if, 5);
		assert_int_equal(d->f.in_vlan, 10);
		assert_int_equal(d->f.out_vlan, 20);
		assert_int_equal(d->f.src_mask, 24);
		assert_int_equal(d->f.src_as, 64501);
		assert_int_equal(d->f.dst_as, 300);
		is_address(d->x.next_hop, "203.0.113.1");
		assert_int_equal(w.sample[0].n_path, 3);
		assert_int_equal(w.sample[0].source_class, 3);
		assert_int_equal(w.sample[0].source_index, 7);
		assert_int_equal(w.flow[1].f.out_if, 0);
		assert_int_equal(w.flow[1].f.bytes, 576);
		assert_int_equal(w.flow[2].f.dst_port, 443);
	}
	assert_int_equal(w.n_counters, 12);
	assert_int_equal(w.counters[5].index, 6);
	assert_int_equal(w.n_sources, 2);
	assert_int_equal(w.n_troubles, 0);
}

static void
what_has_no_length_and_is_not_known_ends_the_datagram(void **state)
{
	(void)state;
	datagram(4, "192.0.2.7", 0, 1);
	old_sample(5);
	old_header();
	u32(0);
	old_sample(5);
	old_header();
	U32(1, 99, 1, 2, 3); /* extended data of the future */
	old_sample(5);
	old_header();
	u32(0);
	send();
	assert_int_equal(w.n, 2); /* the second is good without it */
	assert_true(w.n_troubles > 0);
	datagram(4, "192.0.2.7", 0, 2);
	sample_begin(9);
	old_sample(5);
	send();
	assert_int_equal(w.n, 2);
	assert_int_equal(w.table[0].sequence_gaps, 0);
	assert_true(w.table[0].undecodable_sets > 0);
}

/* ---- bad input -------------------------------------------------------------------------------- */

static void
big(uint8_t version)
{
	datagram(version, "192.0.2.7", 0, 1);
	for (unsigned i = 0; i < 3; i++) {
		if (version != 5) {
			old_sample(5);
			old_header();
			u32(1);
			u32(3);
			if (version == 2)
				U32(1, 2, 3, 2, 100, 200);
			else
				U32(1, 2, 3, 1, 2, 2, 100, 200, 1, 7, 50);
			continue;
		}
		flow_sample(1, 2);
		tcp_header();
		record_begin(1003);
		address("203.0.113.2");
		U32(1, 2, 3, 1, 2, 2, 100, 200, 1, 7, 50);
		record_end();
		sample_end();
	}
}

static void
cut_at_every_byte_what_is_whole_still_counts(void **state)
{
	(void)state;
	for (uint8_t version = 2; version <= 5; version = (uint8_t)(version == 2 ? 4 : version + 1)) {
		unsigned had = 0;
		big(version);
		for (size_t n = 0; n < e.n; n++) {
			w.n = w.n_troubles = 0;
			big(version);
			send_cut(n);
			assert_true(w.n >= had && w.n <= 3);
			assert_true(w.n_troubles > 0);
			had = w.n;
			for (unsigned i = 0; i + 1 < w.n; i++)
				assert_int_equal(w.flow[i].f.dst_as, 200);
		}
		w.n = w.n_troubles = 0;
		send();
		assert_int_equal(w.n, 3);
		assert_int_equal(w.n_troubles, 0);
	}
}

static void
pitfall_14_counts_from_outside_are_bounded_by_the_bytes(void **state)
{
	(void)state;
	for (uint8_t version = 2; version <= 5; version = (uint8_t)(version == 2 ? 4 : version + 1)) {
		big(version);
		/* every word in turn says 4 billion of whatever it counts, or minus something */
		for (size_t at = 4; at + 4 <= e.n; at += 4)
			for (unsigned k = 0; k < 3; k++) {
				static const uint32_t hostile[] = {UINT32_MAX, 0x7fffffff, 0xfffffff0};
				w.n = 0;
				big(version);
				patch(at, hostile[k]);
				send();
				assert_true(w.n <= 3);
			}
	}
}

static void
other_versions_are_refused_and_counted(void **state)
{
	(void)state;
	static const uint32_t versions[] = {0, 1, 3, 6, 0xffff};
	for (unsigned i = 0; i < sizeof versions / sizeof versions[0]; i++) {
		datagram(5, "192.0.2.7", 0, 1);
		patch(0, versions[i]);
		send();
		assert_int_equal(w.d.totals.bad_datagrams, 1);
	}
	datagram(5, "192.0.2.7", 0, 1);
	patch(4, 3); /* an address of a kind that is not known */
	send();
	assert_int_equal(w.d.totals.bad_datagrams, 1);
	assert_int_equal(w.n_sources, 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		T(a_sampled_header_is_a_flow_of_one_packet_of_its_ip_length),
		T(the_agent_is_the_exporter_unless_the_sender_shall_be),
		T(pitfall_14_interface_values_have_formats),
		T(pitfall_14_expanded_samples_carry_indexes_of_32_bits),
		T(pitfall_14_unknown_samples_and_records_are_passed_over),
		T(pitfall_14_a_discarded_packet_is_a_flow_that_was_not_forwarded),
		T(pitfall_14_counts_from_outside_are_bounded_by_the_bytes),
		T(fields_stand_in_for_a_header),
		T(pitfall_17_icmp_in_the_ports_of_a_fields_record),
		T(pitfall_17_frames_without_addresses_count_too),
		T(switch_records_say_both_vlans),
		T(routers_and_gateways),
		T(translation_labels_and_tunnels),
		T(header_protocols_without_ethernet),
		T(alike_samples_are_different_packets),
		T(a_request_to_an_application_is_no_packet),
		T(counter_samples_tell_of_interfaces),
		T(pitfall_16_datagrams_are_numbered_by_agent_and_sub_agent),
		T(pitfall_16_samples_are_numbered_by_data_source),
		T(versions_2_and_4_differ_in_their_gateways),
		T(what_has_no_length_and_is_not_known_ends_the_datagram),
		T(cut_at_every_byte_what_is_whole_still_counts),
		T(other_versions_are_refused_and_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
