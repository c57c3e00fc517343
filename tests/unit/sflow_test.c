/*
 * sflow_test.c - version 5, encoded here, and what becomes of it; what was lost on the way.
 */
#include "ingest/setting.h"
#include "tests/unit/sflow_world.h"

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

/* a rate that an administrator set is of the samplers: a discarded packet that is told of is one packet */
static void
an_override_is_of_samples_not_of_discarded_packets(void **state)
{
	struct settings *set = settings_new(1);
	(void)state;
	assert_non_null(set);
	assert_int_equal(settings_add(set, &(struct setting){.exporter = 1, .sampling = 1000}), 0);
	w.d.settings = set;
	datagram(5, "192.0.2.7", 0, 1);
	flow_sample(1, 2);
	tcp_header();
	sample_end();
	sample_begin(5);
	U32(1, 0, 7, 0, 7, 8, 258);
	e.records = e.n;
	u32(0);
	tcp_header();
	sample_end();
	flow_sample(1, 2);
	tcp_header();
	sample_end();
	send();
	settings_drop(set);
	w.d.settings = NULL;
	assert_int_equal(w.n, 3);
	assert_int_equal(w.flow[0].f.sampling, 1000);
	assert_int_equal(w.flow[1].f.sampling, 1);
	assert_int_equal(w.flow[2].f.sampling, 1000);
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
		T(an_override_is_of_samples_not_of_discarded_packets),
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
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
