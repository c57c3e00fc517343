/*
 * decode_test.c - the decoders of NetFlow 5, 9 and IPFIX on datagrams made by hand: what is right, and what real
 * exporters and collectors got wrong.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/flow_key.h"
#include "ingest/template.h"
#include "tests/unit/decode_world.h"

/* ---- v5 --------------------------------------------------------------------------------------- */

static void
v5_every_field(void **state)
{
	struct wire w = {0};
	(void)state;
	w_v5_header(&w, 1, UPTIME, SECS, 77);
	w_fix16(&w, 12, (999u * 1000000) >> 16), w_fix16(&w, 14, (999u * 1000000) & 65535);
	w_fix16(&w, 22, 0x4064); /* mode 1, 1 in 100 */
	w_v5_record(
		&w, 0x0a000001, 0x0a000002, 0x0a0000fe, 1234, 443, 10, 4000, UPTIME - 5000, UPTIME - 1000);
	feed(&w);
	assert_int_equal(t.flows, 1);
	const struct ft_flow *f = &t.flow[0].f;
	assert_int_equal(f->src[15], 1);
	assert_int_equal(f->dst[15], 2);
	assert_int_equal(f->src_port, 1234);
	assert_int_equal(f->dst_port, 443);
	assert_int_equal(f->packets, 10);
	assert_int_equal(f->bytes, 4000);
	/* the header's nanoseconds count */
	assert_int_equal(f->first_us, (SECS - 5) * S + 999000);
	assert_int_equal(f->last_us, (SECS - 1) * S + 999000);
	assert_int_equal(f->flags, 0x1b);
	assert_int_equal(f->proto, 6);
	assert_int_equal(f->src_as, 64512);
	assert_int_equal(f->dst_as, 64513);
	assert_int_equal(f->src_mask, 24);
	assert_int_equal(f->dst_mask, 16);
	assert_int_equal(f->in_if, 1);
	assert_int_equal(f->out_if, 2);
	assert_int_equal(f->sampling, 100);
	assert_int_equal(f->version, 5);
	assert_true(f->bits & FT_FLOW_EXT);
	assert_int_equal(t.flow[0].x.next_hop[15], 254);
}

static void
v5_times_survive_the_wrap(void **state)
{
	struct wire w = {0};
	(void)state;
	/* uptime has wrapped since the flow began, and a stamp lies after the header's */
	w_v5_header(&w, 2, 1000, SECS, 0);
	w_v5_record(&w, 1, 2, 0, 1, 2, 1, 1, UINT32_MAX - 999, 500);
	w_v5_record(&w, 1, 2, 0, 1, 2, 1, 1, 900, 1100);
	feed(&w);
	assert_int_equal(t.flow[0].f.first_us, (SECS - 2) * S);
	assert_int_equal(t.flow[0].f.last_us, SECS * S - 500000);
	assert_int_equal(t.flow[1].f.first_us, SECS * S - 100000);
	assert_int_equal(t.flow[1].f.last_us, SECS * S + 100000);
}

static void
v5_icmp_in_the_port(void **state)
{
	struct wire w = {0};
	(void)state;
	w_v5_header(&w, 1, UPTIME, SECS, 0);
	w_v5_record(&w, 1, 2, 0, 0, 0x0800, 1, 64, UPTIME, UPTIME);
	w.b[24 + 38] = 1;
	feed(&w);
	assert_true(t.flow[0].f.bits & FT_FLOW_ICMP);
	assert_int_equal(t.flow[0].f.icmp_type, 8);
	assert_int_equal(t.flow[0].f.icmp_code, 0);
}

static void
v5_cut_short(void **state)
{
	struct wire w = {0};
	(void)state;
	w_v5_header(&w, 3, UPTIME, SECS, 0);
	w_v5_record(&w, 1, 2, 0, 1, 2, 1, 1, UPTIME, UPTIME);
	feed(&w);
	assert_int_equal(t.flows, 1);
	assert_int_equal(t.table[0].undecodable_sets, 1);
	w.n = 20;
	feed(&w);
	assert_int_equal(t.d.totals.bad_datagrams, 1);
}

/* ---- sequence --------------------------------------------------------------------------------- */

static void
v5_datagram(uint32_t sequence, unsigned n)
{
	struct wire w = {0};
	w_v5_header(&w, n, UPTIME, SECS, sequence);
	for (unsigned i = 0; i < n; i++)
		w_v5_record(&w, 1, 2, 0, 1, 2, 1, 1, UPTIME, UPTIME);
	feed(&w);
}

static void
sequence_gaps_are_counted(void **state)
{
	(void)state;
	v5_datagram(UINT32_MAX - 4, 5); /* wraps to 0 */
	v5_datagram(0, 5);
	assert_int_equal(t.table[0].sequence_gaps, 0);
	v5_datagram(15, 5); /* 10 missing */
	assert_int_equal(t.table[0].sequence_gaps, 10);
	v5_datagram(5, 5); /* late: 5 of them after all */
	assert_int_equal(t.table[0].sequence_gaps, 5);
	v5_datagram(20, 5); /* and on */
	assert_int_equal(t.table[0].sequence_gaps, 5);
	v5_datagram(2000000000, 5); /* no loss: a restart */
	v5_datagram(2000000005, 5);
	assert_int_equal(t.table[0].sequence_gaps, 5);
}

static void
sequence_of_ipfix_counts_records(void **state)
{
	struct wire w = {0}, x = {0}, y = {0};
	(void)state;
	w_ipfix_header(&w, SECS, 0, 1), TEACH(&w, 256, plain), plain_data(&w, 256, 3, 1), w_ipfix_end(&w);
	w_ipfix_header(&x, SECS, 3, 1), plain_data(&x, 256, 2, 1), w_ipfix_end(&x);
	w_ipfix_header(&y, SECS, 9, 1), plain_data(&y, 256, 2, 1), w_ipfix_end(&y);
	feed(&w), feed(&x);
	assert_int_equal(t.table[0].sequence_gaps, 0);
	feed(&y);
	assert_int_equal(t.table[0].sequence_gaps, 4);
}

/* ---- templates -------------------------------------------------------------------------------- */

static void
templates_have_a_scope(void **state)
{
	static const uint16_t other[][2] = {{12, 4}, {8, 4}, {2, 4}, {1, 4}};
	struct wire w = {0}, x = {0}, y = {0};
	(void)state;
	w_v9_header(&w, UPTIME, SECS, 0, 3), TEACH(&w, 257, plain);
	w_v9_header(&x, UPTIME, SECS, 0, 4), TEACH(&x, 257, other), plain_data(&x, 257, 1, 50);
	w_v9_header(&y, UPTIME, SECS, 1, 3), plain_data(&y, 257, 1, 50);
	feed(&w), feed(&x), feed(&y);
	assert_int_equal(t.flow[0].f.bytes, 1);
	assert_int_equal(t.flow[0].f.packets, 50);
	assert_int_equal(t.flow[1].f.bytes, 50);
	/* nor do other exporters share it */
	feed_from(&y, 9);
	assert_int_equal(t.flows, 2);
	assert_int_equal(t.n_sources, 3);
}

static void
data_waits_for_its_template(void **state)
{
	struct wire w = {0}, x = {0};
	(void)state;
	w_v9_header(&w, UPTIME, SECS - 60, 0, 3), plain_data(&w, 256, 3, 10);
	w_v9_header(&x, UPTIME + 60000, SECS, 1, 3), TEACH(&x, 256, plain), plain_data(&x, 256, 1, 99);
	feed(&w);
	assert_int_equal(t.flows, 0);
	assert_int_equal(t.table[0].sets_waiting, 1);
	feed(&x);
	assert_int_equal(t.flows, 4);
	assert_int_equal(t.flow[0].f.bytes, 10);
	/* with the times of the datagram it came in */
	assert_int_equal(t.flow[0].f.export_us, (SECS - 60) * S);
	assert_int_equal(t.flow[3].f.export_us, SECS * S);
	assert_int_equal(t.table[0].sets_waiting, 0);
	feed(&x);
	assert_int_equal(t.flows, 5);
}

static void
an_empty_set_waits_for_nothing(void **state)
{
	struct wire w = {0};
	(void)state;
	w_v9_header(&w, UPTIME, SECS, 0, 3), w_set_end(&w, w_set(&w, 300));
	feed(&w);
	assert_int_equal(t.table[0].sets_waiting, 0);
	assert_int_equal(t.table[0].undecodable_sets, 0);
}

static void
waiting_is_bounded(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		struct wire w = {0};
		w_v9_header(&w, UPTIME, SECS, i, 3), plain_data(&w, 256 + i, 5, 10);
		feed(&w);
	}
	assert_true(t.table[0].sets_waiting > 5 && t.table[0].sets_waiting < 60);
	assert_int_equal(t.table[0].sets_waiting + t.table[0].sets_dropped, 60);
}

static void
bad_template_deletes_the_old(void **state)
{
	static const uint16_t empty[][2] = {{8, 0}, {12, 0}};
	struct wire w = {0}, x = {0}, y = {0};
	(void)state;
	w_v9_header(&w, UPTIME, SECS, 0, 3), TEACH(&w, 256, plain);
	w_v9_header(&x, UPTIME, SECS, 1, 3), TEACH(&x, 256, empty);
	w_v9_header(&y, UPTIME, SECS, 2, 3), plain_data(&y, 256, 1, 1);
	feed(&w), feed(&x), feed(&y);
	assert_int_equal(t.flows, 0);
	assert_int_equal(t.table[0].undecodable_sets, 1);
	assert_int_equal(t.table[0].sets_waiting, 1);
	assert_int_equal(t.table[0].templates, 0);
}

static void
withdrawal_over_udp_is_ignored(void **state)
{
	struct wire w = {0};
	(void)state;
	w_ipfix_header(&w, SECS, 0, 1), TEACH(&w, 256, plain);
	unsigned at = w_set(&w, 2);
	w16(&w, 256), w16(&w, 0);
	w_set_end(&w, at);
	plain_data(&w, 256, 1, 7), w_ipfix_end(&w);
	feed(&w);
	assert_int_equal(t.flows, 1);
	assert_int_equal(t.troubles, 0);
}

static void
templates_are_bounded(void **state)
{
	struct wire w = {0};
	(void)state;
	w_v9_header(&w, UPTIME, SECS, 0, 3);
	for (unsigned i = 0; i < 20; i++)
		TEACH(&w, 256 + i, plain);
	feed(&w);
	assert_int_equal(t.table[0].templates, 4);
	assert_int_equal(t.d.totals.bound_hits, 16);
}

static void
padding_of_every_length(void **state)
{
	struct wire w = {0};
	(void)state;
	w_v9_header(&w, UPTIME, SECS, 0, 3), TEACH(&w, 256, plain);
	for (unsigned pad = 0; pad < 40; pad++) {
		unsigned at = w_set(&w, 256);
		w32(&w, 0x0a000001), w32(&w, 0x0a000002), w32(&w, 9), w32(&w, 1);
		for (unsigned i = 0; i < pad; i++)
			w8(&w, 0);
		w_set_end(&w, at);
	}
	/* and a datagram filled up with zeros */
	memset(w.b + w.n, 0, 200), w.n += 200;
	feed(&w);
	assert_int_equal(t.flows, 40);
	assert_int_equal(t.troubles, 0);
}

static void
field_of_no_length(void **state)
{
	static const uint16_t odd[][2] = {{8, 4}, {56, 0}, {12, 4}, {1, 4}, {2, 4}};
	struct wire w = {0};
	(void)state;
	w_v9_header(&w, UPTIME, SECS, 0, 3), TEACH(&w, 256, odd), plain_data(&w, 256, 2, 5);
	feed(&w);
	assert_int_equal(t.flows, 2);
	assert_int_equal(t.flow[1].f.bytes, 6);
}

static void
hostile_sets(void **state)
{
	struct wire w = {0};
	(void)state;
	w_v9_header(&w, UPTIME, SECS, 0, 3);
	w16(&w, 256), w16(&w, 0); /* a set that would never end */
	feed(&w);
	assert_int_equal(t.table[0].undecodable_sets, 1);
	memset(&w, 0, sizeof w);
	w_v9_header(&w, UPTIME, SECS, 1, 3);
	w16(&w, 0), w16(&w, 12), w16(&w, 256), w16(&w, 65535), w16(&w, 8), w16(&w, 4);
	feed(&w);
	assert_int_equal(t.table[0].undecodable_sets, 2);
	assert_int_equal(t.table[0].templates, 0);
}

/* ---- values ----------------------------------------------------------------------------------- */

static void
integers_of_every_length(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 8; n++) {
		const uint16_t field[][2] = {
			{8, 4}, {12, 4}, {1, (uint16_t)n}, {10, (uint16_t)(n > 4 ? 4 : n)}};
		struct wire w = {0};
		w_v9_header(&w, UPTIME, SECS, n, n), TEACH(&w, 256, field);
		unsigned at = w_set(&w, 256);
		w32(&w, 1), w32(&w, 2);
		for (unsigned i = 0; i < n; i++)
			w8(&w, 0x11 * (i + 1));
		for (unsigned i = 0; i < (n > 4 ? 4 : n); i++)
			w8(&w, i + 1);
		w_set_end(&w, at);
		t.flows = 0;
		feed(&w);
		assert_int_equal(t.flows, 1);
		assert_int_equal(t.flow[0].f.bytes, UINT64_C(0x1122334455667788) >> (8 - n) * 8);
		assert_int_equal(t.flow[0].f.in_if, UINT64_C(0x01020304) >> (n > 4 ? 0 : 4 - n) * 8);
	}
}

static void
variable_lengths_shift_what_follows(void **state)
{
	static const uint16_t field[][2] = {{8, 4}, {96, 65535}, {12, 4}, {82, 65535}, {1, 8}};
	struct wire w = {0};
	(void)state;
	w_ipfix_header(&w, SECS, 0, 1), TEACH(&w, 300, field);
	unsigned at = w_set(&w, 300);
	w32(&w, 1), w8(&w, 4), w_bytes(&w, "http", 4), w32(&w, 2), w8(&w, 255), w16(&w, 3),
		w_bytes(&w, "eth", 3), w64(&w, 11);
	w32(&w, 1), w8(&w, 0), w32(&w, 3), w8(&w, 255), w16(&w, 300), memset(w.b + w.n, 'x', 300), w.n += 300,
		w64(&w, 12);
	w8(&w, 0), w8(&w, 0), w8(&w, 0);
	w_set_end(&w, at), w_ipfix_end(&w);
	feed(&w);
	assert_int_equal(t.flows, 2);
	assert_int_equal(t.flow[0].f.bytes, 11);
	assert_int_equal(t.flow[1].f.bytes, 12);
	assert_int_equal(t.flow[1].f.dst[15], 3);
	assert_int_equal(t.troubles, 0);
}

static void
ipfix_times_of_all_kinds(void **state)
{
	static const struct {
		uint16_t first, last, length;
		uint64_t a, b;
		int64_t first_us, last_us;
	} kind[] = {
		{150, 151, 4, SECS - 9, SECS - 2, (SECS - 9) * S, (SECS - 2) * S},
		{152, 153, 8, UINT64_C(1759999990123), UINT64_C(1759999999456), 1759999990123000,
			1759999999456000},
		{154, 155, 8, (UINT64_C(1759999990) + 2208988800) << 32 | 0x80000000,
			(UINT64_C(1759999999) + 2208988800) << 32 | 0x40000000, 1759999990500000,
			1759999999250000},
		{156, 157, 8, (UINT64_C(1759999990) + 2208988800) << 32 | 0x80000000,
			(UINT64_C(1759999999) + 2208988800) << 32, 1759999990500000, 1759999999000000},
		{158, 159, 4, 5000000, 1000, (SECS - 5) * S, SECS * S - 1000},
	};
	(void)state;
	for (unsigned i = 0; i < sizeof kind / sizeof kind[0]; i++) {
		const uint16_t field[][2] = {
			{8, 4}, {12, 4}, {kind[i].first, kind[i].length}, {kind[i].last, kind[i].length}};
		struct wire w = {0};
		w_ipfix_header(&w, SECS, 0, i), TEACH(&w, 300, field);
		unsigned at = w_set(&w, 300);
		w32(&w, 1), w32(&w, 2);
		if (kind[i].length == 4)
			w32(&w, (uint32_t)kind[i].a), w32(&w, (uint32_t)kind[i].b);
		else
			w64(&w, kind[i].a), w64(&w, kind[i].b);
		w_set_end(&w, at), w_ipfix_end(&w);
		t.flows = 0;
		feed(&w);
		assert_int_equal(t.flow[0].f.first_us, kind[i].first_us);
		assert_int_equal(t.flow[0].f.last_us, kind[i].last_us);
	}
	/* none at all: the export's */
	struct wire w = {0};
	w_ipfix_header(&w, SECS, 0, 99), TEACH(&w, 300, plain), plain_data(&w, 300, 1, 1), w_ipfix_end(&w);
	t.flows = 0;
	feed(&w);
	assert_int_equal(t.flow[0].f.first_us, SECS * S);
	assert_true(t.flow[0].f.bits & FT_FLOW_NOTIME);
}

static void
uptime_in_ipfix_needs_the_boot_time(void **state)
{
	static const uint16_t field[][2] = {{8, 4}, {12, 4}, {22, 4}, {21, 4}};
	struct wire w = {0};
	(void)state;
	w_ipfix_header(&w, SECS, 0, 1);
	unsigned at = w_set(&w, 3); /* options: scope 144, then 160 */
	w16(&w, 400), w16(&w, 2), w16(&w, 1), w16(&w, 144), w16(&w, 4), w16(&w, 160), w16(&w, 8);
	w_set_end(&w, at);
	at = w_set(&w, 400);
	w32(&w, 1), w64(&w, (UINT64_C(1760000000) - 1000) * 1000);
	w_set_end(&w, at);
	TEACH(&w, 300, field);
	at = w_set(&w, 300);
	w32(&w, 1), w32(&w, 2), w32(&w, 990000), w32(&w, 999000);
	w_set_end(&w, at), w_ipfix_end(&w);
	feed(&w);
	assert_int_equal(t.flow[0].f.first_us, (SECS - 10) * S);
	assert_int_equal(t.flow[0].f.last_us, (SECS - 1) * S);
}

static void
both_families_in_one_record(void **state)
{
	static const uint16_t field[][2] = {{8, 4}, {12, 4}, {27, 16}, {28, 16}, {1, 4}};
	static const uint8_t six[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
	struct wire w = {0};
	(void)state;
	w_v9_header(&w, UPTIME, SECS, 0, 3), TEACH(&w, 256, field);
	unsigned at = w_set(&w, 256);
	w32(&w, 0x0a000001), w32(&w, 0x0a000002), memset(w.b + w.n, 0, 32), w.n += 32, w32(&w, 1);
	w32(&w, 0), w32(&w, 0), w_bytes(&w, six, 16), w_bytes(&w, six, 16), w32(&w, 2);
	w_set_end(&w, at);
	feed(&w);
	assert_false(t.flow[0].f.bits & FT_FLOW_V6);
	assert_int_equal(t.flow[0].f.src[12], 10);
	assert_true(t.flow[1].f.bits & FT_FLOW_V6);
	assert_memory_equal(t.flow[1].f.src, six, 16);
}

static void
icmp_in_every_encoding(void **state)
{
	static const uint16_t a[][2] = {{8, 4}, {12, 4}, {4, 1}, {32, 2}},
			      b[][2] = {{8, 4}, {12, 4}, {4, 1}, {11, 2}};
	static const uint16_t c[][2] = {{8, 4}, {12, 4}, {4, 1}, {176, 1}, {177, 1}};
	struct wire w = {0};
	(void)state;
	w_v9_header(&w, UPTIME, SECS, 0, 3), TEACH(&w, 256, a), TEACH(&w, 257, b), TEACH(&w, 258, c);
	for (unsigned id = 256; id <= 258; id++) {
		unsigned at = w_set(&w, id);
		w32(&w, 1), w32(&w, 2), w8(&w, 1), w16(&w, 0x0301);
		w_set_end(&w, at);
	}
	feed(&w);
	assert_int_equal(t.flows, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(t.flow[i].f.icmp_type, 3);
		assert_int_equal(t.flow[i].f.icmp_code, 1);
	}
}

static void
sampling_from_every_source(void **state)
{
	static const uint16_t with[][2] = {{8, 4}, {12, 4}, {48, 1}}, own[][2] = {{8, 4}, {12, 4}, {34, 4}};
	struct wire w = {0};
	(void)state;
	w_v9_header(&w, UPTIME, SECS, 0, 3);
	unsigned at = w_set(&w, 1); /* two samplers in one domain; options in the packet of their template */
	w16(&w, 400), w16(&w, 4), w16(&w, 12), w16(&w, 1), w16(&w, 4), w16(&w, 48), w16(&w, 1), w16(&w, 49),
		w16(&w, 1), w16(&w, 50), w16(&w, 4);
	w_set_end(&w, at);
	at = w_set(&w, 400);
	w32(&w, 0), w8(&w, 1), w8(&w, 2), w32(&w, 100), w32(&w, 0), w8(&w, 2), w8(&w, 2), w32(&w, 1000);
	w_set_end(&w, at);
	TEACH(&w, 256, with), TEACH(&w, 257, own), TEACH(&w, 258, plain);
	at = w_set(&w, 256);
	w32(&w, 1), w32(&w, 2), w8(&w, 1), w32(&w, 1), w32(&w, 2), w8(&w, 2), w32(&w, 1), w32(&w, 2),
		w8(&w, 0);
	w_set_end(&w, at);
	at = w_set(&w, 257);
	w32(&w, 1), w32(&w, 2), w32(&w, 512);
	w_set_end(&w, at);
	feed(&w);
	assert_int_equal(t.flow[0].f.sampling, 100);
	assert_int_equal(t.flow[1].f.sampling, 1000);
	assert_int_equal(t.flow[2].f.sampling, 0); /* not sampled */
	assert_int_equal(t.flow[3].f.sampling, 512);
	/* IPFIX: 1 taken, 99 left out */
	memset(&w, 0, sizeof w);
	w_ipfix_header(&w, SECS, 0, 3);
	at = w_set(&w, 3);
	w16(&w, 400), w16(&w, 3), w16(&w, 1), w16(&w, 302), w16(&w, 4), w16(&w, 305), w16(&w, 4),
		w16(&w, 306), w16(&w, 4);
	w_set_end(&w, at);
	at = w_set(&w, 400);
	w32(&w, 7), w32(&w, 1), w32(&w, 99);
	w_set_end(&w, at);
	TEACH(&w, 256, plain), plain_data(&w, 256, 1, 1), w_ipfix_end(&w);
	feed(&w);
	assert_int_equal(t.flow[4].f.sampling, 100);
}

static void
biflow_becomes_two_flows(void **state)
{
	struct wire w = {0};
	(void)state;
	w_ipfix_header(&w, SECS, 0, 1);
	unsigned at = w_set(&w, 2);
	w16(&w, 256), w16(&w, 8);
	w16(&w, 8), w16(&w, 4), w16(&w, 12), w16(&w, 4), w16(&w, 7), w16(&w, 2), w16(&w, 11), w16(&w, 2),
		w16(&w, 1), w16(&w, 4), w16(&w, 2), w16(&w, 4);
	w16(&w, 0x8001), w16(&w, 4), w32(&w, 29305), w16(&w, 0x8002), w16(&w, 4), w32(&w, 29305);
	w_set_end(&w, at);
	at = w_set(&w, 256);
	w32(&w, 0x0a000001), w32(&w, 0x0a000002), w16(&w, 1000), w16(&w, 80), w32(&w, 100), w32(&w, 2),
		w32(&w, 5000), w32(&w, 4);
	w32(&w, 0x0a000001), w32(&w, 0x0a000002), w16(&w, 1001), w16(&w, 80), w32(&w, 100), w32(&w, 2),
		w32(&w, 0), w32(&w, 0);
	w_set_end(&w, at), w_ipfix_end(&w);
	feed(&w);
	assert_int_equal(t.flows, 3); /* an empty reverse side is none */
	const struct ft_flow *f = &t.flow[0].f, *r = &t.flow[1].f;
	assert_int_equal(r->bytes, 5000);
	assert_int_equal(r->src_port, 80);
	assert_memory_equal(r->src, f->dst, 16);
	assert_true(r->bits & FT_FLOW_REVERSE);
	assert_true(f->bits & FT_FLOW_SRC_CLIENT);
	assert_true(r->bits & FT_FLOW_DST_CLIENT);
	assert_int_equal(flow_key_hash(f), flow_key_hash(r));
	assert_int_equal(t.table[0].next_sequence, 2);
}

static void
v9_and_ipfix_say_the_same(void **state)
{
	static const uint16_t field[][2] = {{8, 4}, {12, 4}, {7, 2}, {11, 2}, {4, 1}, {5, 1}, {6, 1}, {1, 8},
		{2, 4}, {10, 4}, {14, 2}, {16, 4}, {17, 2}, {9, 1}, {13, 1}, {58, 2}, {59, 2}, {15, 4},
		{56, 6}, {80, 6}, {70, 3}, {89, 1}, {95, 4}, {136, 1}, {225, 4}, {226, 4}, {227, 2}, {228, 2},
		{234, 4}, {233, 1}, {152, 8}, {153, 8}};
	(void)state;
	for (unsigned v = 0; v < 2; v++) {
		struct wire w = {0};
		if (v == 0)
			w_v9_header(&w, UPTIME, SECS, 0, 3);
		else
			w_ipfix_header(&w, SECS, 0, 3);
		TEACH(&w, 256, field);
		unsigned at = w_set(&w, 256);
		for (unsigned i = 0; i < sizeof field / sizeof field[0]; i++)
			if (field[i][0] >= 152 && field[i][0] <= 153)
				w64(&w, UINT64_C(1759999990000) + field[i][0]);
			else
				for (unsigned k = 0; k < field[i][1]; k++)
					w8(&w, i * 3 + k + 1);
		w_set_end(&w, at);
		if (v)
			w_ipfix_end(&w);
		feed(&w);
	}
	assert_int_equal(t.flows, 2);
	t.flow[1].f.version = 9;
	assert_memory_equal(&t.flow[0].f, &t.flow[1].f, sizeof t.flow[0].f);
	assert_memory_equal(&t.flow[0].x, &t.flow[1].x, sizeof t.flow[0].x);
	assert_int_equal(t.flow[0].x.has | FT_EXT_NSEL_EXT, 0x3ff);
}

static void
one_records_fields_do_not_leak_into_the_next(void **state)
{
	static const uint16_t wide[][2] = {
		{8, 4}, {12, 4}, {1, 4}, {2, 4}, {4, 1}, {11, 2}, {56, 6}, {15, 4}, {58, 2}};
	struct wire w = {0};
	(void)state;
	w_v9_header(&w, UPTIME, SECS, 0, 3), TEACH(&w, 256, wide), TEACH(&w, 257, plain);
	for (unsigned i = 0; i < 2; i++) {
		unsigned at = w_set(&w, 256);
		w32(&w, 1), w32(&w, 2), w32(&w, 3), w32(&w, 4), w8(&w, i ? 6 : 1), w16(&w, 0x0800),
			w_bytes(&w, "abcdef", 6), w32(&w, i ? 0 : 9), w16(&w, 7);
		w_set_end(&w, at);
	}
	plain_data(&w, 257, 1, 5);
	feed(&w);
	assert_int_equal(t.flow[0].f.icmp_type, 8);
	assert_int_equal(t.flow[1].f.icmp_type, 0);
	assert_true(t.flow[0].x.has & FT_EXT_NEXT_HOP);
	assert_false(t.flow[1].x.has & FT_EXT_NEXT_HOP);
	assert_int_equal(t.flow[1].x.next_hop[15], 0);
	assert_int_equal(t.flow[2].f.in_vlan, 0);
	assert_false(t.flow[2].f.bits & FT_FLOW_EXT);
	assert_int_equal(t.flow[2].x.src_mac[0], 0);
}

/* ---- clocks ----------------------------------------------------------------------------------- */

static int64_t
export_at(uint32_t secs, int64_t arrived_s)
{
	struct wire w = {0};
	w_v9_header(&w, UPTIME, secs, t.table[0].next_sequence, 3), TEACH(&w, 256, plain),
		plain_data(&w, 256, 1, 1);
	t.arrived_us = arrived_s * S;
	t.flows = 0;
	feed(&w);
	return t.flows ? t.flow[0].f.export_us : -1;
}

static void
only_impossible_clocks_are_corrected(void **state)
{
	(void)state;
	assert_int_equal(export_at(SECS - 1, SECS), (SECS - 1) * S); /* lag */
	assert_int_equal(export_at(12345, SECS), SECS * S);          /* 1970 */
	assert_int_equal(export_at(12350, SECS + 6),
		(SECS + 5) * S); /* the correction stays: jitter does not move it */
	assert_int_equal(export_at(12375, SECS), (SECS + 30) * S);             /* nor a header that jumps */
	assert_int_equal(export_at(SECS + 7200, SECS), SECS * S);              /* two hours ahead */
	assert_int_equal(export_at(SECS - 200000, SECS), (SECS - 200000) * S); /* a replay */
	/* an hour behind: believed until it has been steady for ten minutes */
	assert_int_equal(export_at(SECS - 3600, SECS), (SECS - 3600) * S);
	assert_int_equal(export_at(SECS - 3600 + 300, SECS + 300), (SECS - 3300) * S);
	assert_int_equal(export_at(SECS - 3600 + 700, SECS + 700), (SECS + 700) * S);
	/* a fast replay is never steady */
	for (int i = 0; i < 20; i++)
		assert_int_equal(export_at(SECS + (uint32_t)i * 600 - 20000, SECS + 1000 + i),
			(SECS + i * 600 - 20000) * S);
}

static void
old_exports_are_refused_if_asked(void **state)
{
	(void)state;
	t.d.limits.refuse_old = true;
	assert_int_equal(export_at(SECS - 200000, SECS), -1);
	assert_int_equal(t.d.totals.old_refused, 1);
	assert_int_equal(export_at(SECS - 80000, SECS), (SECS - 80000) * S);
}

static void
sources_are_bounded(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct wire w = {0};
		w_v9_header(&w, UPTIME, SECS, 0, i), TEACH(&w, 256, plain), plain_data(&w, 256, 1, 1);
		feed(&w);
	}
	assert_int_equal(t.n_sources, SOURCES);
	assert_int_equal(t.flows, SOURCES);
	assert_int_equal(t.d.totals.exporters_refused, 1);
}

/* ---- restarts --------------------------------------------------------------------------------- */

static void
restart(struct kv *kv, unsigned db)
{
	struct err err;
	struct decoder d = t.d;
	assert_int_equal(learn_flush(&t.learn, &err), 0);
	decoder_close(&t.d);
	learn_close(&t.learn);
	t.learn = (struct learn){.kv = kv, .db = db, .port = 2055, .batch = 1};
	t.d = (struct decoder){.sink = d.sink, .limits = d.limits, .learn = &t.learn};
	assert_int_equal(learn_recover(&t.learn, false, 0, &err), 0);
	assert_int_equal(decoder_init(&t.d, t.table, &t.n_sources), 0);
	assert_int_equal(decoder_load(&t.d, &err), 0);
}

static char folder[64];
static struct kv *kv;
static unsigned kv_main;

static void
open_file(void)
{
	struct err err;
	snprintf(folder, sizeof folder, "/tmp/ft-decode-test.XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(learn_open(&kv, &kv_main, folder, &err), 0);
	restart(kv, kv_main);
}

static void
close_file(void)
{
	char path[96];
	decoder_close(&t.d);
	learn_close(&t.learn);
	t.learn = (struct learn){0};
	kv_close(kv);
	snprintf(path, sizeof path, "%s/ingest.lmdb", folder);
	(void)unlink(path);
	snprintf(path, sizeof path, "%s/ingest.lmdb-lock", folder);
	(void)unlink(path);
	(void)rmdir(folder);
}

static void
what_was_learnt_survives_a_restart(void **state)
{
	(void)state;
	open_file();
	/* a template, a rate, and a set that waits */
	struct wire w = {0};
	w_v9_header(&w, UPTIME, SECS, 0, 3), TEACH(&w, 256, plain);
	unsigned at = w_set(&w, 1);
	w16(&w, 400), w16(&w, 4), w16(&w, 4), w16(&w, 1), w16(&w, 4), w16(&w, 34), w16(&w, 4);
	w_set_end(&w, at);
	at = w_set(&w, 400);
	w32(&w, 0), w32(&w, 64);
	w_set_end(&w, at);
	plain_data(&w, 300, 2, 70);
	feed(&w);
	restart(kv, kv_main);
	struct wire x = {0};
	w_v9_header(&x, UPTIME + 1000, SECS + 1, 1, 3), plain_data(&x, 256, 1, 5);
	t.arrived_us += S;
	feed(&x);
	assert_int_equal(t.flows, 1);
	assert_int_equal(t.flow[0].f.sampling, 64);
	struct wire y = {0};
	w_v9_header(&y, UPTIME + 2000, SECS + 2, 2, 3), TEACH(&y, 300, plain);
	feed(&y);
	assert_int_equal(t.flows, 3);
	assert_int_equal(t.flow[1].f.bytes, 70);
	restart(kv, kv_main);
	/* the exporter restarted too: its old templates mean nothing any more */
	struct wire z = {0};
	w_v9_header(&z, 5000, SECS + 300, 0, 3), plain_data(&z, 256, 1, 5);
	t.arrived_us += 300 * S;
	feed(&z);
	assert_int_equal(t.flows, 3);
	assert_int_equal(t.table[0].sets_waiting, 1);
	close_file();
}

/* a datagram of one record by template `id`, sent so long after the exporter's start */
static void
one_record(uint32_t uptime_s, unsigned id, bool with_template)
{
	struct wire w = {0};
	w_v9_header(&w, uptime_s * 1000, SECS, 0, 3);
	if (with_template)
		TEACH(&w, id, plain);
	plain_data(&w, id, 1, 5);
	feed(&w);
}

static void
what_a_restart_made_void_stays_so(void **state)
{
	(void)state;
	open_file();
	one_record(1000, 256, true);
	one_record(1000, 257, true);
	assert_int_equal(t.flows, 2);
	restart(kv, kv_main);
	one_record(1000, 257, true); /* confirmed: it is the one of now */
	assert_int_equal(t.flows, 3);
	one_record(10, 257, false); /* the exporter restarted */
	assert_int_equal(t.flows, 4);
	assert_int_equal(t.table[0].templates, 1);
	assert_int_equal(template_count(t.d.templates), 1);
	restart(kv, kv_main);
	one_record(11, 257, false);
	assert_int_equal(t.flows, 5);
	one_record(12, 256, false);
	assert_int_equal(t.flows, 5);
	assert_int_equal(t.table[0].sets_waiting, 1);
	one_record(13, 256, true);
	assert_int_equal(t.flows, 7);
	restart(kv, kv_main); /* what had made the old one void says nothing of the new one */
	one_record(14, 256, false);
	assert_int_equal(t.flows, 8);
	close_file();
}

static void
what_waited_keeps_its_order(void **state)
{
	enum { SETS = 600 };
	(void)state;
	open_file();
	t.d.limits.waiting = 1 << 20;
	for (unsigned i = 0; i < SETS; i++) {
		struct wire w = {0};
		w_v9_header(&w, UPTIME, SECS, i, 3), plain_data(&w, 300, 1, 1 + i);
		feed(&w);
	}
	restart(kv, kv_main);
	struct wire y = {0};
	w_v9_header(&y, UPTIME, SECS, SETS, 3), TEACH(&y, 300, plain);
	feed(&y);
	assert_int_equal(t.flows, SETS);
	for (unsigned i = 0; i < SETS && i < sizeof t.flow / sizeof t.flow[0]; i++)
		assert_int_equal(t.flow[i].f.bytes, 1 + i);
	close_file();
}

#define TEST(sentence, f)                                                                                    \
	{                                                                                                    \
		sentence, f, up, down, NULL                                                                  \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("v5: every field, and the header's nanoseconds", v5_every_field),
		TEST("uptime stamps survive the wrap and lie after the header's", v5_times_survive_the_wrap),
		TEST("v5: ICMP type and code in the destination port", v5_icmp_in_the_port),
		TEST("v5: fewer records than the header says", v5_cut_short),
		TEST("sequence gaps are counted modulo 2^32; late and restarted is no loss",
			sequence_gaps_are_counted),
		TEST("IPFIX counts data records", sequence_of_ipfix_counts_records),
		TEST("pitfall 1: templates belong to an exporter and a domain", templates_have_a_scope),
		TEST("pitfall 2: data that comes before its template is decoded when it comes",
			data_waits_for_its_template),
		TEST("pitfall 2: an empty set waits for nothing", an_empty_set_waits_for_nothing),
		TEST("pitfall 2: what waits is bounded and counted", waiting_is_bounded),
		TEST("pitfall 3: an invalid new template deletes the old one", bad_template_deletes_the_old),
		TEST("pitfall 3: withdrawals over UDP are ignored", withdrawal_over_udp_is_ignored),
		TEST("pitfall 4: templates of a source are bounded", templates_are_bounded),
		TEST("pitfall 4: a field of no length is legal", field_of_no_length),
		TEST("pitfall 4: sets that never end, templates with 65,535 fields", hostile_sets),
		TEST("pitfall 5: padding of any length is no record", padding_of_every_length),
		TEST("pitfall 6: integers of 1 to 8 bytes", integers_of_every_length),
		TEST("pitfall 6: variable lengths, short and long", variable_lengths_shift_what_follows),
		TEST("pitfall 8: IPFIX times of all kinds", ipfix_times_of_all_kinds),
		TEST("pitfall 8: uptime stamps in IPFIX count from systemInitTime",
			uptime_in_ipfix_needs_the_boot_time),
		TEST("pitfall 9: only clocks that can't be right are corrected",
			only_impossible_clocks_are_corrected),
		TEST("pitfall 9: exports of more than a day ago are refused if asked",
			old_exports_are_refused_if_asked),
		TEST("pitfall 10: sampling from options, sampler tables, records",
			sampling_from_every_source),
		TEST("pitfall 13: a biflow becomes two flows that pair", biflow_becomes_two_flows),
		TEST("pitfall 17: both families in one record", both_families_in_one_record),
		TEST("pitfall 17: ICMP in every encoding", icmp_in_every_encoding),
		TEST("v9 and IPFIX encodings of a flow decode to the same bytes", v9_and_ipfix_say_the_same),
		TEST("what one record had does not leak into the next",
			one_records_fields_do_not_leak_into_the_next),
		TEST("what was learnt survives a restart, unless the exporter restarted too",
			what_was_learnt_survives_a_restart),
		TEST("templates that an exporter's restart made void stay so after ours",
			what_a_restart_made_void_stays_so),
		TEST("what waited for a template is decoded in its order, after a restart too",
			what_waited_keeps_its_order),
		TEST("sources are bounded, refusals counted", sources_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
