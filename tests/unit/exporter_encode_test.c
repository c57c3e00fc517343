/* What ft-exporter encodes, the collector's own decoders read: every field, every sequence number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/addr.h"
#include "exporter/encode.h"
#include "tests/unit/decode_world.h"

enum { MESSAGES = 64, RECORDS = 200 };
static struct {
	struct wire w;
	unsigned flows;
} message[MESSAGES];
static unsigned messages;
static struct encoder e;

static void
on_message(void *ctx, const uint8_t *bytes, size_t n, unsigned flows)
{
	(void)ctx;
	assert_true(messages < MESSAGES && n <= e.setup.most);
	memcpy(message[messages].w.b, bytes, n);
	message[messages].w.n = (unsigned)n;
	message[messages++].flows = flows;
}

static void
on_report(void *ctx, struct report *s)
{
	(void)ctx;
	s->dropped = 7;
}

static void
begin(unsigned version, bool stream, uint32_t sampling)
{
	struct encode_setup setup = {.version = version,
		.domain = 3,
		.sampling = sampling,
		.most = ENCODE_LEAST,
		.boot_us = (SECS - 1000) * S,
		.template_us = 5 * S,
		.stream = stream,
		.on_message = on_message,
		.on_report = on_report};
	messages = 0;
	encode_open(&e, &setup);
	t.d.limits.templates = 16;
}

static struct record
record_of(unsigned i, bool v6)
{
	struct record r = {.version = v6 ? 6 : 4,
		.src_port = (uint16_t)(1000 + i),
		.dst_port = 443,
		.proto = 6,
		.tcp_flags = (uint8_t)(i & 0x3f),
		.tos = (uint8_t)i,
		.end_reason = (uint8_t)(1 + i % 5),
		.ttl_min = 60,
		.ttl_max = 64,
		.vlan = (uint16_t)(i & 1 ? 100 + i : 0),
		.labelled = i % 3 == 0,
		.mpls_label = 16 + i,
		.input = i,
		.output = i + 1,
		.packets = 1 + i,
		.bytes = 40 + UINT64_C(1000) * i,
		.first_us = (SECS - 60) * S + i * 1000,
		.last_us = (SECS - 1) * S + i * 1000};
	for (unsigned k = 0; k < 16; k++)
		r.src[k] = (uint8_t)(0x20 + k + i), r.dst[k] = (uint8_t)(0x60 + k + i);
	if (!v6) {
		addr_from_v4(r.src, (const uint8_t[]){10, 0, (uint8_t)(i >> 8), (uint8_t)i});
		addr_from_v4(r.dst, (const uint8_t[]){192, 0, 2, (uint8_t)i});
	}
	return r;
}

static void
read_all(void)
{
	uint64_t gaps = 0;
	for (unsigned i = 0; i < messages; i++) {
		feed(&message[i].w);
		gaps += t.d.totals.sequence_gaps;
	}
	assert_int_equal(gaps, 0);
	assert_int_equal(t.troubles, 0);
}

static void
every_field_is_read_back_and_no_sequence_number_is_missed(void **state)
{
	(void)state;
	for (unsigned k = 0; k < 3; k++) {
		unsigned version = k == 0 ? 5 : k == 1 ? 9 : 10;
		begin(version, false, 1);
		for (unsigned i = 0; i < RECORDS; i++) {
			struct record r = record_of(i, version != 5 && i % 7 < 3);
			encode_record(&e, &r, SECS * S + i * S / 10); /* templates come again meanwhile */
		}
		encode_flush(&e, SECS * S + 20 * S);
		t.flows = 0;
		read_all();
		assert_int_equal(t.flows, RECORDS);
		for (unsigned i = 0; i < RECORDS; i++) {
			const struct ft_flow *f = &t.flow[i].f;
			struct record r = record_of(i, version != 5 && i % 7 < 3);
			assert_memory_equal(f->src, r.src, 16);
			assert_memory_equal(f->dst, r.dst, 16);
			assert_int_equal(f->src_port, r.src_port);
			assert_int_equal(f->bytes, r.bytes);
			assert_int_equal(f->packets, r.packets);
			assert_int_equal(f->first_us, r.first_us);
			assert_int_equal(f->last_us, r.last_us);
			assert_int_equal(f->flags, r.tcp_flags);
			assert_int_equal(f->tos, r.tos);
			assert_int_equal(f->in_if, r.input);
			assert_int_equal(f->out_if, r.output);
			if (version == 5)
				continue;
			assert_int_equal(f->domain, 3);
			assert_int_equal(f->in_vlan, r.vlan);
			assert_int_equal((t.flow[i].x.has & FT_EXT_MPLS) != 0, r.labelled);
			if (r.labelled)
				assert_int_equal(t.flow[i].x.mpls_label, r.mpls_label);
		}
	}
}

static void
a_lost_message_is_seen_by_its_sequence_number(void **state)
{
	(void)state;
	static const unsigned versions[] = {5, 9, 10};
	for (unsigned k = 0; k < 3; k++) {
		assert_int_equal(down(state), 0);
		assert_int_equal(up(state), 0);
		begin(versions[k], false, 1);
		for (unsigned i = 0; i < 60; i++) {
			struct record r = record_of(i, false);
			encode_record(&e, &r, SECS * S);
		}
		encode_flush(&e, SECS * S);
		assert_true(messages >= 4);
		uint64_t gaps = 0;
		for (unsigned i = 0; i < messages; i++)
			if (i != 2) {
				feed(&message[i].w);
				gaps += t.d.totals.sequence_gaps;
			}
		assert_int_equal(gaps, versions[k] == 9 ? 1 : message[2].flows);
	}
}

static void
over_a_stream_templates_go_once_a_connection(void **state)
{
	(void)state;
	begin(10, true, 1);
	for (unsigned connection = 0; connection < 2; connection++) {
		messages = 0;
		for (unsigned i = 0; i < 60; i++) {
			struct record r = record_of(i, false);
			encode_record(&e, &r, (SECS + 10 * i) * S);
		}
		encode_flush(&e, (SECS + 1000) * S);
		for (unsigned i = 0; i < messages; i++)
			assert_int_equal(message[i].w.b[16] == 0, i == 0); /* its first set is below 256 */
		assert_memory_equal(message[0].w.b + 8, ((const uint8_t[]){0, 0, 0, 0}), 4);
		encode_restart(&e);
	}
}

static void
netflow_5_splits_what_32_bits_do_not_hold_and_leaves_out_ipv6(void **state)
{
	(void)state;
	begin(5, false, 100);
	struct record r = record_of(1, false);
	r.bytes = 3 * UINT64_C(0xffffffff) + 17;
	r.packets = 1000001;
	encode_record(&e, &r, SECS * S);
	r = record_of(2, true);
	encode_record(&e, &r, SECS * S);
	encode_flush(&e, SECS * S);
	assert_int_equal(e.unfit, 1);
	read_all();
	uint64_t bytes = 0, packets = 0;
	assert_int_equal(t.flows, 4);
	for (unsigned i = 0; i < t.flows; i++) {
		bytes += t.flow[i].f.bytes;
		packets += t.flow[i].f.packets;
		assert_int_equal(t.flow[i].f.sampling, 100);
	}
	assert_int_equal(bytes, 3 * UINT64_C(0xffffffff) + 17);
	assert_int_equal(packets, 1000001);
}

static void
the_sampling_rate_comes_with_the_templates(void **state)
{
	(void)state;
	for (unsigned version = 9; version <= 10; version++) {
		begin(version, false, 50);
		struct record r = record_of(1, false);
		encode_record(&e, &r, SECS * S);
		encode_flush(&e, SECS * S);
		t.flows = 0;
		read_all();
		assert_int_equal(t.flows, 1);
		assert_int_equal(t.flow[0].f.sampling, 50);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			every_field_is_read_back_and_no_sequence_number_is_missed, up, down),
		cmocka_unit_test_setup_teardown(a_lost_message_is_seen_by_its_sequence_number, up, down),
		cmocka_unit_test_setup_teardown(over_a_stream_templates_go_once_a_connection, up, down),
		cmocka_unit_test_setup_teardown(
			netflow_5_splits_what_32_bits_do_not_hold_and_leaves_out_ipv6, up, down),
		cmocka_unit_test_setup_teardown(the_sampling_rate_comes_with_the_templates, up, down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
