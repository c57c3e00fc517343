/*
 * sflow24_test.c - versions 2 and 4, and bad input of all three.
 */
#include "tests/unit/sflow_world.h"

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
		T(pitfall_14_counts_from_outside_are_bounded_by_the_bytes),
		T(versions_2_and_4_differ_in_their_gateways),
		T(what_has_no_length_and_is_not_known_ends_the_datagram),
		T(cut_at_every_byte_what_is_whole_still_counts),
		T(other_versions_are_refused_and_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
