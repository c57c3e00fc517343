/*
 * tracker_session_test.c - when sessions begin, are cut, and end; what their slices say.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/tracker_world.h"
#include "tracker/emit.h"

static struct world w;

static int
open_world(void **state)
{
	(void)state;
	world_open(&w, 64, 64, 64);
	return 0;
}

static int
close_world(void **state)
{
	(void)state;
	world_close(&w);
	return 0;
}

static uint64_t
counted(unsigned i)
{
	return stage_record(&w.s.c.st)->counter[i];
}

static void
push(struct ft_flow f)
{
	world_push(&w, &f, NULL);
	world_run(&w);
}

static void
push_ext(struct ft_flow f, struct ft_flow_ext x)
{
	world_push(&w, &f, &x);
	world_run(&w);
}

/* client and server of a TCP session on port 80, with flags; seconds */
static struct ft_flow
ask(unsigned flags, int64_t first, int64_t last)
{
	struct ft_flow f = world_flow(1, 50000, 2, 80, first * 1000, last * 1000);
	f.flags = (uint8_t)flags;
	return f;
}

static struct ft_flow
answer(unsigned flags, int64_t first, int64_t last)
{
	struct ft_flow f = world_flow(2, 80, 1, 50000, first * 1000, last * 1000);
	f.flags = (uint8_t)flags;
	return f;
}

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

static const struct ft_slice *
slice(size_t i)
{
	if (i >= w.n)
		fail_msg("there are %zu slices", w.n);
	return &w.got[i].s;
}

static void
a_running_session_emits_its_changes_once_an_interval(void **state)
{
	(void)state;
	push(ask(SYN, 0, 1));
	push(answer(SYN | ACK, 0, 2));
	world_pass(&w, 5000);
	push(ask(ACK, 2, 6));
	push(ask(ACK, 6, 7));
	world_pass(&w, 5000);
	world_pass(&w, 5000); /* nothing new: nothing */
	assert_int_equal(w.n, 2);
	assert_int_equal(slice(0)->state, FT_SLICE_FIRST);
	assert_int_equal(slice(0)->start_us, 0);
	assert_int_equal(slice(0)->prev_us, 0);
	assert_int_equal(slice(0)->client_flags, SYN);
	assert_int_equal(slice(0)->server_flags, SYN | ACK);
	assert_int_equal(slice(1)->state, 0);
	assert_int_equal(slice(1)->client_flows, 2);
	assert_int_equal(slice(1)->client_bytes, 200);
	assert_int_equal(slice(1)->server_flows, 0);
	assert_int_equal(slice(1)->session, slice(0)->session);
	assert_int_equal(slice(1)->start_us, slice(0)->first_us);
	assert_int_equal(slice(1)->prev_us, slice(0)->last_us);
	assert_int_equal(slice(0)->session >> 40, 1 << 8); /* epoch 1, shard 0 */
}

static void
flags_are_shown_as_soon_as_they_are_sent(void **state)
{
	(void)state;
	struct ft_flow f = ask(0, 0, 1);
	f.bits = 0;
	push(f);
	world_flush(&w, false);
	push(ask(ACK, 1, 2));
	world_flush(&w, false);
	assert_false(slice(0)->present & FT_HAS_FLAGS);
	assert_true(slice(1)->present & FT_HAS_FLAGS);
	assert_int_equal(slice(1)->client_flags, ACK);
}

static void
fin_from_both_sides_ends_a_session_that_lingers(void **state)
{
	(void)state;
	push(ask(SYN | ACK | FIN, 0, 1));
	push(answer(SYN | ACK | FIN, 0, 1));
	world_pass(&w, 5000);
	assert_int_equal(slice(0)->state, FT_SLICE_FIRST);
	assert_int_equal(slice(0)->end_reason, FT_END_FIN);
	assert_int_equal(table_used(&w.s.c.t), 1);
	push(ask(ACK, 1, 2)); /* what trickles in is of the same session */
	world_pass(&w, 5000);
	assert_int_equal(slice(1)->session, slice(0)->session);
	assert_int_equal(slice(1)->state, 0);
	assert_int_equal(slice(1)->end_reason, FT_END_FIN);
	push(ask(ACK, 2, 3));
	push(world_flow(9, 1, 8, 2, 0, 21000)); /* the exporter's clock moves on */
	while (w.n < 3)                         /* the hands pass both: whichever comes first emits */
		world_pass(&w, 20);
	world_pass(&w, SHARD_AGE_PERIOD_MS);
	assert_int_equal(table_used(&w.s.c.t), 1); /* the other one */
}

static void
the_slice_that_comes_when_linger_is_over_is_the_last(void **state)
{
	(void)state;
	w.set.interval_s = 100;
	world_restart(&w);
	push(ask(SYN | ACK | FIN, 0, 1));
	push(answer(SYN | ACK | FIN, 0, 1));
	push(world_flow(9, 1, 8, 2, 0, 21000));
	world_pass(&w, SHARD_AGE_PERIOD_MS);
	assert_int_equal(w.n, 1);
	assert_int_equal(slice(0)->state, FT_SLICE_FIRST | FT_SLICE_LAST);
	assert_int_equal(slice(0)->end_reason, FT_END_FIN);
}

static void
rst_from_either_side_ends_a_session(void **state)
{
	(void)state;
	push(answer(RST | ACK, 0, 0));
	world_pass(&w, 5000);
	assert_int_equal(slice(0)->end_reason, FT_END_RST);
	push(ask(SYN, 0, 0)); /* exported later, began before */
	world_pass(&w, 5000);
	assert_int_equal(slice(1)->session, slice(0)->session);
	assert_int_equal(slice(1)->end_reason, FT_END_RST);
}

static void
a_syn_after_the_last_packet_opens_a_new_session(void **state)
{
	(void)state;
	push(ask(SYN | ACK, 0, 1));
	push(answer(SYN | ACK, 2, 3)); /* begins after the client's last packet: still the reply */
	push(ask(SYN, 4, 5));
	world_flush(&w, false);
	assert_int_equal(w.n, 2);
	assert_int_equal(slice(0)->state, FT_SLICE_FIRST | FT_SLICE_LAST);
	assert_int_equal(slice(0)->end_reason, FT_END_NEW);
	assert_int_equal(slice(0)->server_flows, 1);
	assert_int_equal(slice(1)->client_flows, 1);
	assert_int_equal(slice(1)->state, FT_SLICE_FIRST);
	assert_true(slice(0)->session != slice(1)->session);
}

static void
a_flow_that_starts_after_linger_opens_a_new_session(void **state)
{
	(void)state;
	push(ask(RST, 0, 1));
	push(ask(ACK, 15, 16)); /* within */
	push(ask(ACK, 32, 33)); /* 16 seconds after that */
	world_flush(&w, false);
	assert_int_equal(w.n, 2);
	assert_int_equal(slice(0)->client_flows, 2);
	assert_int_equal(slice(0)->end_reason, FT_END_RST);
	assert_int_equal(slice(1)->state, FT_SLICE_FIRST);
}

static void
idle_sessions_end_by_their_exporters_clock(void **state)
{
	(void)state;
	w.set.timeout_s = 100;
	w.set.udp_timeout_s = 10;
	struct ft_flow udp = world_flow(3, 5000, 4, 53, 0, 1000), other = world_flow(9, 1, 8, 2, 0, 12000);
	udp.proto = 17;
	push(ask(SYN, 0, 1));
	push(udp);
	other.exporter = 2;
	push(other); /* another exporter's clock says nothing */
	world_pass(&w, 9000);
	assert_int_equal(table_used(&w.s.c.t), 3);
	other.exporter = 1;
	push(other);
	world_pass(&w, 9000);
	assert_int_equal(table_used(&w.s.c.t), 3); /* UDP has gone, the other is new */
	struct ft_flow late = ask(ACK, 150, 150);
	push(late);
	world_flush(&w, false);
	assert_int_equal(slice(w.n - 1)->state, FT_SLICE_FIRST);
}

static void
what_a_restart_forgets_does_not_end_sessions(void **state)
{
	(void)state;
	w.set.timeout_s = 10;
	push(ask(SYN, 0, 1));
	push(world_flow(9, 1, 8, 2, 0, 60000));
	world_restart(&w);
	world_pass(&w, 9000);
	assert_int_equal(table_used(&w.s.c.t), 2); /* the clock is not known */
	push(world_flow(9, 1, 8, 2, 60000, 61000));
	world_pass(&w, 9000);
	assert_int_equal(table_used(&w.s.c.t), 1);
}

static void
too_long_a_session_goes_on_under_a_new_id_the_same_way_round(void **state)
{
	(void)state;
	w.set.toolong_s = 100;
	struct ft_flow f = world_flow(1, 40000, 2, 50000, 0, 10);
	f.flags = SYN; /* 40000 is the client, against the lower port */
	push(f);
	world_pass(&w, 5000);
	f = world_flow(2, 50000, 1, 40000, 10, 60000);
	push(f);
	world_pass(&w, 5000);
	f = world_flow(1, 40000, 2, 50000, 60000, 120000);
	push(f);
	world_flush(&w, false);
	assert_int_equal(w.n, 3);
	assert_int_equal(slice(1)->session, slice(0)->session);
	assert_true(slice(2)->session != slice(0)->session);
	assert_int_equal(slice(2)->state, FT_SLICE_FIRST);
	assert_int_equal(slice(2)->client_port, 40000);
	assert_int_equal(slice(2)->rule, FT_RULE_SYN);
}

static void
a_full_table_gives_up_the_least_recently_updated(void **state)
{
	(void)state;
	world_close(&w);
	world_open(&w, 2, 64, 64);
	for (unsigned i = 0; i < 5; i++) {
		push(world_flow(i + 1, 50000, 99, 80, i, i));
		w.now_ms += 10;
		push(world_flow(1, 50000, 99, 80, i, i)); /* the first stays busy */
		w.now_ms += 10;
	}
	world_flush(&w, false);
	assert_int_equal(counted(TRK_N_EVICTED), 3);
	assert_int_equal(counted(TRK_N_SESSIONS), 5);
	unsigned evicted = 0;
	uint64_t flows = 0;
	for (size_t i = 0; i < w.n; i++) {
		const struct ft_slice *s = slice(i);
		flows += s->client_flows;
		if (s->state & FT_SLICE_EVICTED) {
			evicted++;
			assert_int_equal(s->end_reason, FT_END_EVICTED);
			assert_true(s->state & FT_SLICE_LAST);
			assert_true(s->client[15] != 1);
		}
	}
	assert_int_equal(evicted, 3);
	assert_int_equal(flows, 10);
}

static void
a_changed_attribute_cuts_the_slice(void **state)
{
	(void)state;
	struct ft_flow f = ask(ACK, 0, 1);
	f.bits |= FT_FLOW_HAS_TOS | FT_FLOW_HAS_IF;
	f.in_if = 1, f.out_if = 2;
	push(f);
	struct ft_flow r = answer(ACK, 0, 1);
	r.bits = f.bits, r.tos = 9, r.in_if = 2, r.out_if = 1; /* the other direction's TOS is its own */
	push(r);
	f.tos = 4, f.first_us += 1000000, f.last_us += 1000000;
	push(f);
	assert_int_equal(w.n, 1); /* at once */
	push(r);
	world_flush(&w, false);
	assert_int_equal(slice(0)->client_tos, 0);
	assert_int_equal(slice(0)->server_tos, 9);
	assert_false(slice(0)->state & FT_SLICE_CUT);
	assert_int_equal(slice(1)->client_tos, 4);
	assert_int_equal(slice(1)->server_flows, 1);
	assert_true(slice(1)->state & FT_SLICE_CUT);
	assert_int_equal(counted(TRK_N_CUTS), 1);
}

static void
a_direction_heard_later_is_no_cut_but_marks_the_session(void **state)
{
	(void)state;
	struct ft_flow f = ask(SYN, 0, 1), r = answer(ACK, 0, 1);
	f.bits |= FT_FLOW_HAS_TOS, r.bits |= FT_FLOW_HAS_TOS;
	push(f);
	world_pass(&w, 5000);
	push(r); /* a filter on its TOS finds only the second slice: count by id */
	world_pass(&w, 5000);
	assert_int_equal(w.n, 2);
	assert_int_equal(counted(TRK_N_CUTS), 0);
	assert_true(slice(1)->state & FT_SLICE_CUT);
	assert_true(slice(1)->present & FT_HAS_SERVER_TOS);
}

static void
sampling_multiplies_and_a_changed_rate_cuts(void **state)
{
	(void)state;
	struct ft_flow f = ask(ACK, 0, 1);
	f.sampling = 10;
	push(f);
	push(f);
	f.sampling = 100;
	push(f);
	world_flush(&w, false);
	assert_int_equal(slice(0)->client_bytes, 2000);
	assert_int_equal(slice(0)->client_packets, 20);
	assert_int_equal(slice(0)->sampling, 10);
	assert_int_equal(slice(1)->client_bytes, 10000);
	assert_int_equal(slice(1)->sampling, 100);
}

static void
line_cards_with_domains_of_their_own_make_one_session(void **state)
{
	(void)state;
	struct ft_flow f = ask(ACK, 0, 1), r = answer(ACK, 0, 1);
	f.domain = 1, r.domain = 2;
	push(f);
	push(r);
	world_flush(&w, false);
	assert_int_equal(w.n, 1);
	assert_int_equal(slice(0)->domain, 1);
}

static void
sessionkey_takes_vlan_vrf_and_domain_apart(void **state)
{
	(void)state;
	for (unsigned scoped = 0; scoped < 8; scoped++) {
		world_close(&w);
		world_open(&w, 64, 64, 64);
		w.set.scoped = scoped;
		world_restart(&w);
		for (unsigned i = 0; i < 16; i++) {
			struct ft_flow f = i & 1 ? answer(ACK, 0, 1) : ask(ACK, 0, 1);
			struct ft_flow_ext x = {.has = FT_EXT_VRF, .vrf = 7 + (i >> 3 & 1)};
			f.bits |= FT_FLOW_HAS_VLAN;
			f.in_vlan = 3 + (i >> 1 & 1), f.domain = 5 + (i >> 2 & 1);
			push_ext(f, x);
		}
		world_restart(&w); /* the index is rebuilt from the entries */
		world_flush(&w, true);
		unsigned bits = (scoped & 1) + (scoped >> 1 & 1) + (scoped >> 2 & 1);
		assert_int_equal(counted(TRK_N_SESSIONS), 1 << bits);
		assert_int_equal(table_used(&w.s.c.t), 0);
	}
}

static void
duplicates_are_counted_and_dropped_if_asked(void **state)
{
	(void)state;
	for (unsigned dedup = 0; dedup < 2; dedup++) {
		world_close(&w);
		world_open(&w, 64, 64, 64);
		w.set.dedup = dedup;
		struct ft_flow f = ask(ACK, 0, 1), r = answer(ACK, 0, 1), n = f;
		push(f);
		push(r);
		push(f);
		push(r);
		n.bytes++;
		push(n);
		n.bits |= FT_FLOW_NOTIME; /* samples are rightly alike */
		push(n);
		push(n);
		world_flush(&w, false);
		assert_int_equal(counted(TRK_N_DUPLICATES), 2);
		assert_int_equal(counted(TRK_N_DROPPED), dedup ? 2 : 0);
		assert_int_equal(slice(0)->client_flows, dedup ? 4 : 5);
		assert_int_equal(slice(0)->server_flows, dedup ? 1 : 2);
	}
}

static void
extensions_travel_in_the_clients_orientation(void **state)
{
	(void)state;
	struct ft_flow_ext x = {.has = FT_EXT_MAC | FT_EXT_NEXT_HOP | FT_EXT_NAT | FT_EXT_APP | FT_EXT_MPLS,
		.app = 0x0300000000000050,
		.mpls_label = 77,
		.nat_src_port = 1,
		.nat_dst_port = 2};
	memset(x.nat_src, 1, 16), memset(x.nat_dst, 2, 16), memset(x.next_hop, 3, 16);
	memset(x.src_mac, 0xa, 6), memset(x.dst_mac, 0xb, 6);
	push_ext(answer(ACK, 0, 1), x); /* the server's, first */
	struct ft_flow_ext y = {.has = FT_EXT_MAC | FT_EXT_NEXT_HOP};
	memset(y.next_hop, 4, 16), memset(y.src_mac, 0xc, 6), memset(y.dst_mac, 0xd, 6);
	push_ext(ask(ACK, 0, 1), y);
	push_ext(answer(ACK, 1, 2), x); /* says what it said: no cut */
	world_flush(&w, false);
	assert_int_equal(w.n, 1);
	const struct ft_slice_ext *g = &w.got[0].x;
	assert_int_equal(g->nat_client_port, 2);
	assert_int_equal(g->nat_client[0], 2);
	assert_int_equal(g->nat_server[0], 1);
	assert_int_equal(g->next_hop[0], 4);     /* the client's packets' */
	assert_int_equal(g->client_mac[0], 0xc); /* each side's own, not the router's */
	assert_int_equal(g->server_mac[0], 0xa);
	assert_int_equal(g->app, x.app);
	assert_true(slice(0)->present & FT_HAS_APP);
	assert_false(slice(0)->present & FT_HAS_MPLS);
	x.app++;
	push_ext(answer(ACK, 2, 3), x);
	world_flush(&w, false);
	assert_int_equal(slice(1)->present & FT_HAS_APP, FT_HAS_APP);
	assert_true(slice(1)->state & FT_SLICE_CUT);
}

static void
an_nsel_connection_is_one_session(void **state)
{
	(void)state;
	struct ft_flow f = ask(0, 0, 0), gone = ask(0, 9, 9), back = answer(0, 9, 9);
	struct ft_flow_ext made = {.has = FT_EXT_NSEL, .nsel_event = 1};
	struct ft_flow_ext torn = {
		.has = FT_EXT_NSEL | FT_EXT_NSEL_EXT, .nsel_event = 2, .nsel_ext_event = 2030};
	f.bits = FT_FLOW_NOCOUNT | FT_FLOW_SRC_CLIENT;
	gone.bits = FT_FLOW_NOTIME;
	gone.bytes = 500;
	back.bits = FT_FLOW_NOTIME | FT_FLOW_REVERSE;
	back.bytes = 900;
	push_ext(f, made);
	push_ext(gone, torn);
	push_ext(back, torn);
	world_pass(&w, 5000);
	assert_int_equal(w.n, 1);
	assert_int_equal(slice(0)->rule, FT_RULE_EXPORTER);
	assert_int_equal(slice(0)->client_bytes, 500);
	assert_int_equal(slice(0)->server_bytes, 900);
	assert_int_equal(slice(0)->first_us, f.first_us);
	assert_int_equal(slice(0)->state, FT_SLICE_FIRST | FT_SLICE_INFERRED);
	assert_int_equal(slice(0)->end_reason, FT_END_EXPORTER);
	assert_int_equal(w.got[0].x.nsel_event, 2);
	assert_int_equal(w.got[0].x.nsel_ext_event, 2030);
	struct ft_flow again = ask(0, 12, 12);
	again.bits = f.bits;
	push_ext(again, made); /* the ports are used again */
	world_pass(&w, 5000);
	assert_true(slice(1)->session != slice(0)->session);
}

static void
denied_events_are_sessions_of_their_own(void **state)
{
	(void)state;
	struct ft_flow f = ask(0, 0, 0);
	struct ft_flow_ext no = {.has = FT_EXT_NSEL, .nsel_event = 3};
	f.bits = FT_FLOW_NOCOUNT;
	push_ext(f, no);
	push_ext(f, no);
	assert_int_equal(w.n, 2);
	assert_int_equal(table_used(&w.s.c.t), 0);
	assert_int_equal(slice(0)->state, FT_SLICE_FIRST | FT_SLICE_LAST);
	assert_int_equal(slice(0)->client_port, 50000);
	assert_int_equal(w.got[1].x.nsel_event, 3);
	assert_true(slice(0)->session != slice(1)->session);
}

static void
a_biflow_without_an_answer_is_one_way(void **state)
{
	(void)state;
	struct ft_flow f = ask(SYN, 0, 1), r = answer(0, 0, 1);
	f.bits |= FT_FLOW_SRC_CLIENT;
	r.bits |= FT_FLOW_DST_CLIENT | FT_FLOW_REVERSE;
	r.bytes = r.packets = 0;
	push(f);
	push(r);
	world_pass(&w, 5000);
	assert_int_equal(slice(0)->client_flows, 1);
	assert_int_equal(slice(0)->server_flows, 0);
	assert_int_equal(counted(TRK_N_FLOWS), 2);
}

static void
garbage_times_and_counts_are_survived(void **state)
{
	static const int64_t t[] = {INT64_MIN, -1, 0, 1, INT64_C(1) << 62, INT64_MAX};
	uint64_t rnd = 3;
	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		struct ft_flow f = ask((unsigned)world_random(&rnd) & 31, 0, 0);
		f.first_us = t[world_random(&rnd) % 6];
		f.last_us = t[world_random(&rnd) % 6];
		f.export_us = t[world_random(&rnd) % 6];
		f.bytes = world_random(&rnd);
		f.sampling = (uint32_t)world_random(&rnd);
		f.exporter = (uint32_t)world_random(&rnd) % 3 ? 1 : UINT32_MAX;
		push(f);
		if (i % 7 == 0)
			world_pass(&w, 1000);
	}
	world_flush(&w, true);
	assert_int_equal(counted(TRK_N_FLOWS), 3000);
}

static void
no_slice_waits_longer_than_an_interval_and_a_second(void **state)
{
	uint64_t rnd = 11;
	uint64_t pushed_at[600];
	(void)state;
	world_close(&w);
	world_open(&w, 1024, 64, 64);
	for (unsigned i = 0; i < 600; i++) {
		struct ft_flow f =
			world_flow(i & 255, 40000 + i, 7, 50000, 0, 1); /* one way, weak evidence */
		push(f);
		pushed_at[i] = w.now_ms;
		size_t before = w.n;
		world_pass(&w, world_random(&rnd) % 60);
		for (size_t k = before; k < w.n; k++) {
			uint16_t port =
				slice(k)->server_port < 50000 ? slice(k)->server_port : slice(k)->client_port;
			uint64_t waited = w.now_ms - pushed_at[port - 40000];
			assert_in_range(waited, 900, 6100);
		}
	}
	world_pass(&w, 6000);
	assert_int_equal(w.n, 600);
}

/* how the hull's flag follows from slices: {first, last} in order, expected flags as a string */
static void
a_slice_that_reaches_into_a_gap_of_its_hull_is_out_of_order(void **state)
{
	static const struct {
		int64_t span[5][2];
		const char *late;
	} row[] = {
		{{{10, 20}, {21, 30}, {31, 40}}, "..."},
		{{{10, 20}, {10, 20}, {15, 25}, {5, 12}}, "...."}, /* overlapping: never a gap */
		{{{10, 20}, {30, 40}, {22, 28}}, "..x"},           /* into the gap */
		{{{10, 20}, {30, 40}, {20, 30}}, "..x"},           /* fills it */
		{{{10, 20}, {30, 40}, {1, 9}, {0, 1}}, "...."},    /* before the start */
		{{{10, 20}, {30, 40}, {1, 9}, {9, 10}},
			"...x"}, /* on the safe side: only the tail is known to be solid */
		{{{50, 60}, {10, 20}, {15, 30}, {60, 70}}, "..x."}, /* a gap at the front */
		{{{50, 60}, {10, 20}, {52, 65}}, "..."},
		{{{10, 20}, {30, 40}, {31, 45}, {44, 60}}, "...."}, /* two directions, one after the other */
		{{{10, 20}, {30, 40}, {29, 45}}, "..x"},            /* began in the gap */
		{{{10, 20}, {30, 40}, {50, 60}, {41, 49}}, "...x"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct trk_entry e = {0};
		for (size_t k = 0; row[i].late[k]; k++) {
			e.first_us = row[i].span[k][0];
			e.last_us = row[i].span[k][1];
			bool late = emit_hull(&e);
			e.state |= TRK_STORED;
			if (late != (row[i].late[k] == 'x'))
				fail_msg("row %zu, slice %zu: %d", i, k, late);
		}
	}
}

int
main(void)
{
#define IN_WORLD(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_running_session_emits_its_changes_once_an_interval),
		IN_WORLD(flags_are_shown_as_soon_as_they_are_sent),
		IN_WORLD(fin_from_both_sides_ends_a_session_that_lingers),
		IN_WORLD(the_slice_that_comes_when_linger_is_over_is_the_last),
		IN_WORLD(rst_from_either_side_ends_a_session),
		IN_WORLD(a_syn_after_the_last_packet_opens_a_new_session),
		IN_WORLD(a_flow_that_starts_after_linger_opens_a_new_session),
		IN_WORLD(idle_sessions_end_by_their_exporters_clock),
		IN_WORLD(what_a_restart_forgets_does_not_end_sessions),
		IN_WORLD(too_long_a_session_goes_on_under_a_new_id_the_same_way_round),
		IN_WORLD(a_full_table_gives_up_the_least_recently_updated),
		IN_WORLD(a_changed_attribute_cuts_the_slice),
		IN_WORLD(a_direction_heard_later_is_no_cut_but_marks_the_session),
		IN_WORLD(sampling_multiplies_and_a_changed_rate_cuts),
		IN_WORLD(line_cards_with_domains_of_their_own_make_one_session),
		IN_WORLD(sessionkey_takes_vlan_vrf_and_domain_apart),
		IN_WORLD(duplicates_are_counted_and_dropped_if_asked),
		IN_WORLD(extensions_travel_in_the_clients_orientation),
		IN_WORLD(an_nsel_connection_is_one_session),
		IN_WORLD(denied_events_are_sessions_of_their_own),
		IN_WORLD(a_biflow_without_an_answer_is_one_way),
		IN_WORLD(garbage_times_and_counts_are_survived),
		IN_WORLD(no_slice_waits_longer_than_an_interval_and_a_second),
		cmocka_unit_test(a_slice_that_reaches_into_a_gap_of_its_hull_is_out_of_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
