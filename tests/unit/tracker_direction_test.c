/*
 * tracker_direction_test.c - who is the client: the rules one by one, in tables, then through the tracker.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/tracker_world.h"
#include "tracker/direction.h"

/* ---- the pure functions ----------------------------------------------------------------------- */

static void
the_strongest_evidence_that_is_there_decides(void **state)
{
	static const struct {
		const char *what;
		struct {
			bool claimed, opens, asks, service;
			uint16_t port;
			int64_t first_us;
		} a, b;
		uint8_t rule;
		bool turn;
	} row[] = {
		{"a is claimed", {.claimed = true, .service = true, .port = 80},
			{.opens = true, .port = 5000}, FT_RULE_EXPORTER, false},
		{"b is claimed", {.opens = true, .port = 5000}, {.claimed = true, .port = 80},
			FT_RULE_EXPORTER, true},
		{"both are claimed: SYN", {.claimed = true}, {.claimed = true, .opens = true}, FT_RULE_SYN,
			true},
		{"a opens against its service port", {.opens = true, .service = true, .port = 80},
			{.port = 5000}, FT_RULE_SYN, false},
		{"both open: service", {.opens = true, .service = true, .port = 80},
			{.opens = true, .port = 5000}, FT_RULE_SERVICE, true},
		{"b asks", {.port = 2048}, {.asks = true}, FT_RULE_ICMP, true},
		{"a asks", {.asks = true}, {.port = 2048}, FT_RULE_ICMP, false},
		{"a serves, though it began first", {.service = true, .port = 443, .first_us = 1},
			{.port = 50000, .first_us = 9000}, FT_RULE_SERVICE, true},
		{"both serve: time", {.service = true, .port = 53, .first_us = 5000},
			{.service = true, .port = 123, .first_us = 4000}, FT_RULE_TIME, true},
		{"a began a millisecond earlier", {.port = 5, .first_us = 5000},
			{.port = 6, .first_us = 6000}, FT_RULE_TIME, false},
		{"less than the resolution says nothing", {.port = 5, .first_us = 5000},
			{.port = 6, .first_us = 5999}, FT_RULE_PORT, true},
		{"only a was seen", {.port = 5, .first_us = 5000}, {.port = 6}, FT_RULE_TIME, false},
		{"only b was seen", {.port = 5}, {.port = 6, .first_us = 5000}, FT_RULE_TIME, true},
		{"the lower port serves", {.port = 40000}, {.port = 50000}, FT_RULE_PORT, true},
		{"nothing at all", {.port = 7, .first_us = 1}, {.port = 7, .first_us = 2}, FT_RULE_ONLY,
			false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct direction d;
		unsigned has[2] = {0, 0};
		for (unsigned side = 0; side < 2; side++)
			has[side] = ((side ? row[i].b.claimed : row[i].a.claimed) ? DIRECTION_CLAIMED : 0u) |
				    ((side ? row[i].b.opens : row[i].a.opens) ? DIRECTION_OPENS : 0u) |
				    ((side ? row[i].b.asks : row[i].a.asks) ? DIRECTION_ASKS : 0u) |
				    ((side ? row[i].b.service : row[i].a.service) ? DIRECTION_SERVICE : 0u);
		if (!direction_by_evidence(has[0], has[1], &d))
			d = direction_by_start(
				row[i].a.first_us, row[i].b.first_us, row[i].a.port, row[i].b.port);
		if (d.rule != row[i].rule || d.turn != row[i].turn)
			fail_msg("%s: rule %u turn %d", row[i].what, d.rule, d.turn);
	}
}

/* ---- through the tracker ---------------------------------------------------------------------- */

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

/* the only slice there is */
static const struct ft_slice *
only(void)
{
	if (w.n != 1)
		fail_msg("%zu slices, not one", w.n);
	return &w.got[0].s;
}

static void
push(struct ft_flow f)
{
	world_push(&w, &f, NULL);
	world_run(&w);
}

static void
a_reply_that_comes_first_waits_for_the_request(void **state)
{
	(void)state;
	push(world_flow(2, 40000, 1, 50000, 5, 10)); /* reply */
	world_pass(&w, 300);
	assert_int_equal(w.n, 0);
	push(world_flow(1, 50000, 2, 40000, 2, 9));
	world_pass(&w, 5000);
	assert_int_equal(only()->client_port, 50000);
	assert_int_equal(only()->rule, FT_RULE_TIME);
	assert_int_equal(only()->client_flows, 1);
	assert_int_equal(only()->server_flows, 1);
	assert_int_equal(
		w.s.c.st.next.counter[TRK_N_TURNED], 1); /* what came first was taken for the client's */
}

static void
a_session_is_turned_round_before_it_is_stored(void **state)
{
	(void)state;
	struct ft_flow f = world_flow(1, 40000, 2, 50000, 0, 10);
	f.bits |= FT_FLOW_HAS_IF | FT_FLOW_HAS_AS | FT_FLOW_HAS_TOS | FT_FLOW_HAS_MASK | FT_FLOW_HAS_VLAN;
	f.in_if = 1, f.out_if = 2, f.src_as = 3, f.dst_as = 4, f.tos = 5, f.src_mask = 6, f.dst_mask = 7,
	f.in_vlan = 8;
	struct ft_flow r = world_flow(2, 50000, 1, 40000, 3, 11);
	r.bits = f.bits, r.in_if = 2, r.out_if = 1, r.src_as = 4, r.dst_as = 3, r.tos = 15, r.src_mask = 7,
	r.dst_mask = 6, r.in_vlan = 9;
	push(r); /* the only side seen is taken for the client */
	push(f); /* but 1 began first */
	world_pass(&w, 5000);
	const struct ft_slice *s = only();
	assert_int_equal(s->rule, FT_RULE_TIME);
	assert_int_equal(s->client_port, 40000);
	assert_int_equal(s->in_if, 1);
	assert_int_equal(s->out_if, 2);
	assert_int_equal(s->client_as, 3);
	assert_int_equal(s->server_as, 4);
	assert_int_equal(s->client_tos, 5);
	assert_int_equal(s->server_tos, 15);
	assert_int_equal(s->client_mask, 6);
	assert_int_equal(s->server_mask, 7);
	assert_int_equal(s->client_vlan, 8);
	assert_int_equal(s->server_vlan, 9);
	assert_int_equal(s->state, FT_SLICE_FIRST);
	assert_int_equal(w.s.c.st.next.counter[TRK_N_TURNED], 1);
}

static void
a_stored_session_is_disputed_not_turned(void **state)
{
	(void)state;
	push(world_flow(2, 50000, 1, 40000, 8, 12));
	world_pass(&w, 11000);
	assert_int_equal(only()->rule, FT_RULE_TIME);
	assert_int_equal(only()->client_port, 50000);
	push(world_flow(1, 40000, 2, 50000, 5, 10)); /* 1 began first, so 1 was the client */
	world_pass(&w, 5000);
	assert_int_equal(w.n, 2);
	assert_int_equal(w.got[1].s.client_port, 50000);
	assert_int_equal(w.got[1].s.session, w.got[0].s.session);
	assert_true(w.got[1].s.state & FT_SLICE_DISPUTED);
	assert_int_equal(w.s.c.st.next.counter[TRK_N_DISPUTED], 1);
}

static void
syn_without_ack_beats_the_service_port(void **state)
{
	(void)state;
	struct ft_flow f = world_flow(1, 20, 2, 50000, 0, 1); /* active FTP: the server opens */
	f.flags = 2;
	push(f);
	struct ft_flow r = world_flow(2, 50000, 1, 20, 0, 1);
	r.flags = 18;
	push(r);
	world_pass(&w, 5000);
	assert_int_equal(only()->rule, FT_RULE_SYN);
	assert_int_equal(only()->client_port, 20);
}

static void
a_syn_decides_at_once(void **state)
{
	(void)state;
	world_pass(&w, 3700); /* the world begins at 1 s, and the first slot is visited at 5 s */
	struct ft_flow f = world_flow(1, 45000, 2, 50000, 0, 1);
	f.flags = 2;
	push(f);
	world_pass(&w, 320); /* the tick comes 300 ms after it */
	assert_int_equal(only()->rule, FT_RULE_SYN);
	assert_int_equal(only()->client_port, 45000);
}

static void
the_exporters_word_beats_everything(void **state)
{
	(void)state;
	struct ft_flow f = world_flow(1, 443, 2, 50000, 0, 1);
	f.bits |= FT_FLOW_DST_CLIENT, f.flags = 2;
	push(f);
	world_pass(&w, 5000);
	assert_int_equal(only()->rule, FT_RULE_EXPORTER);
	assert_int_equal(only()->client_port, 50000);
	f = world_flow(1, 443, 2, 50000, 2, 3);
	f.bits |= FT_FLOW_SRC_CLIENT; /* says otherwise now */
	push(f);
	world_pass(&w, 5000);
	assert_true(w.got[1].s.state & FT_SLICE_DISPUTED);
}

static void
an_echo_request_and_its_reply_are_one_session(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 2; first++) { /* whichever is exported first */
		w.n = 0;
		struct ft_flow q = world_flow(1, 0, 2, 8 << 8, 100 * first, 1),
			       r = world_flow(2, 0, 1, 0, 100 * first + 1, 2);
		q.proto = r.proto = 1;
		q.bits = r.bits = 0;
		q.dst[15] = r.src[15] = (uint8_t)(2 + first);
		if (first)
			r.bits |= FT_FLOW_ICMP; /* type and code in fields of their own */
		push(first ? r : q);
		push(first ? q : r);
		world_pass(&w, 5000);
		assert_int_equal(only()->rule, FT_RULE_ICMP);
		assert_int_equal(only()->client_port, 0);
		assert_int_equal(only()->server_port, 2048);
		assert_int_equal(only()->client[15], 1);
		assert_int_equal(only()->client_flows, 1);
		assert_int_equal(only()->server_flows, 1);
	}
}

static void
icmp_errors_are_one_way_sessions(void **state)
{
	(void)state;
	struct ft_flow f = world_flow(1, 0, 2, 3 << 8 | 1, 0, 1), r = world_flow(2, 0, 1, 3 << 8 | 1, 0, 1);
	f.proto = r.proto = 1;
	push(f);
	push(r);
	world_pass(&w, 5000);
	assert_int_equal(w.n, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(w.got[i].s.server_port, 0x301);
		assert_int_equal(w.got[i].s.server_flows, 0);
		assert_int_equal(w.got[i].s.rule, FT_RULE_ICMP);
	}
}

static void
icmp6_echo_pairs_too(void **state)
{
	(void)state;
	struct ft_flow q = world_flow(1, 0, 2, 128 << 8, 0, 1), r = world_flow(2, 0, 1, 129 << 8, 0, 1);
	q.proto = r.proto = 58;
	q.src[0] = q.dst[0] = r.src[0] = r.dst[0] = 0x20;
	push(r);
	push(q);
	world_pass(&w, 5000);
	assert_int_equal(only()->server_port, 128 << 8);
	assert_int_equal(only()->client[15], 1);
	assert_true(only()->present & FT_SLICE_V6);
}

static void
services_are_named_by_protocol_and_never_ephemeral(void **state)
{
	char path[] = "/tmp/tracker_services_XXXXXX";
	static struct service_ports s;
	struct err err;
	(void)state;
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	fputs("# a comment 1/tcp\nhttp 8080/tcp www # x\nsip\t5060/udp\nhigh 40000/tcp\nbroken\nonlyport "
	      "77777/tcp\n",
		f);
	fclose(f);
	assert_int_equal(service_ports_load(&s, path, &err), 0);
	unlink(path);
	assert_true(service_ports_has(&s, 6, 8080));
	assert_false(service_ports_has(&s, 17, 8080));
	assert_true(service_ports_has(&s, 132, 8080)); /* SCTP: any name will do */
	assert_true(service_ports_has(&s, 17, 5060));
	assert_true(service_ports_has(&s, 6, 1023));
	assert_false(service_ports_has(&s, 6, 1024));
	assert_false(service_ports_has(&s, 6, 40000));
	assert_int_equal(service_ports_load(&s, "/nonexistent/services", &err), FT_ESYS);
	assert_true(service_ports_has(&s, 6, 22));
}

static void
the_shard_hash_is_blind_to_direction(void **state)
{
	uint64_t rnd = 7;
	unsigned count[4] = {0};
	(void)state;
	for (unsigned i = 0; i < 4000; i++) {
		uint64_t a = world_random(&rnd);
		struct ft_flow f = world_flow(a & 255, a >> 8 & 65535, a >> 24 & 255, a >> 32 & 65535, 0, 0),
			       r = f;
		memcpy(r.src, f.dst, 16);
		memcpy(r.dst, f.src, 16);
		r.src_port = f.dst_port, r.dst_port = f.src_port;
		assert_int_equal(flow_key_hash(&f), flow_key_hash(&r));
		assert_int_equal(flow_key_shard(&f, 4), flow_key_shard(&r, 4));
		count[flow_key_shard(&f, 4)]++;
	}
	for (unsigned i = 0; i < 4; i++)
		assert_in_range(count[i], 850, 1150);
}

int
main(void)
{
#define IN_WORLD(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_strongest_evidence_that_is_there_decides),
		IN_WORLD(a_reply_that_comes_first_waits_for_the_request),
		IN_WORLD(a_session_is_turned_round_before_it_is_stored),
		IN_WORLD(a_stored_session_is_disputed_not_turned),
		IN_WORLD(syn_without_ack_beats_the_service_port),
		IN_WORLD(a_syn_decides_at_once),
		IN_WORLD(the_exporters_word_beats_everything),
		IN_WORLD(an_echo_request_and_its_reply_are_one_session),
		IN_WORLD(icmp_errors_are_one_way_sessions),
		IN_WORLD(icmp6_echo_pairs_too),
		cmocka_unit_test(services_are_named_by_protocol_and_never_ephemeral),
		cmocka_unit_test(the_shard_hash_is_blind_to_direction),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
