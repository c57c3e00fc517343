/*
 * tracker_differential_test.c - random traffic through the tracker, and through a reference that does it the slow,
 * obvious way; then frames over the slices.
 *
 * The reference keeps every flow of every session in a list and knows nothing of slices, tables or ticks.  From the
 * slices alone must follow: the same sessions, each with the same sums per direction and per attribute; the
 * direction the rules give for the flows that were there when the first slice went out; hulls; and the count of
 * sessions in any frame.  Seeds are fixed and printed on failure.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/addr.h"
#include "tests/unit/tracker_world.h"

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16, LINGER = 15 };

/* ---- the reference ---------------------------------------------------------------------------- */

struct ref_session {
	struct ft_flow *flow;
	unsigned flows, room;
	bool fin_src[2], ended, syn[2]; /* [0]: sides as the first flow's source, [1]: its destination */
	bool over;
	int64_t last_us, seen_s;
	uint64_t id; /* of the tracker's session, once matched */
};

static struct {
	struct ref_session *session;
	size_t n, room;
	uint64_t seed;
} ref;

static bool
same_side(const uint8_t a[16], uint16_t ap, const uint8_t b[16], uint16_t bp)
{
	return ap == bp && memcmp(a, b, 16) == 0;
}

/* ports as pairing sees them; written down again here on purpose */
static void
ref_ports(const struct ft_flow *f, uint16_t *sp, uint16_t *dp)
{
	*sp = f->src_port, *dp = f->dst_port;
	if (f->proto == 1 && f->dst_port >> 8 == 0)
		*sp = 2048, *dp = 0;
	if (f->proto == 58 && f->dst_port >> 8 == 129)
		*sp = 128 << 8, *dp = 0;
}

/* 1: as the session's first flow, 2: the other way, 0: another session */
static int
ref_same(const struct ref_session *s, const struct ft_flow *f)
{
	const struct ft_flow *g = &s->flow[0];
	uint16_t sp, dp, gs, gd;
	ref_ports(f, &sp, &dp);
	ref_ports(g, &gs, &gd);
	if (f->exporter != g->exporter || f->proto != g->proto)
		return 0;
	if (same_side(f->src, sp, g->src, gs) && same_side(f->dst, dp, g->dst, gd))
		return 1;
	return same_side(f->src, sp, g->dst, gd) && same_side(f->dst, dp, g->src, gs) ? 2 : 0;
}

static struct ref_session *
ref_find(const struct ft_flow *f, int *way)
{
	for (size_t i = ref.n; i-- > 0;)
		if (!ref.session[i].over && (*way = ref_same(&ref.session[i], f)) != 0)
			return &ref.session[i];
	return NULL;
}

static bool
ref_new_one(const struct ref_session *s, const struct ft_flow *f, int way)
{
	bool after = f->first_us > s->last_us;
	if (s->ended && after && f->first_us - s->last_us > LINGER * 1000000)
		return true;
	return after && f->proto == 6 && (f->flags & SYN) &&
	       (s->ended || s->syn[way - 1] || f->first_us - s->last_us > LINGER * 1000000);
}

static void
ref_take(const struct ft_flow *f)
{
	int way = 1;
	struct ref_session *s = ref_find(f, &way);
	if (s && ref_new_one(s, f, way)) {
		s->over = true;
		s = NULL;
	}
	if (s == NULL) {
		if (ref.n == ref.room) {
			ref.room = ref.room ? 2 * ref.room : 256;
			ref.session = realloc(ref.session, ref.room * sizeof *ref.session);
		}
		s = &ref.session[ref.n++];
		*s = (struct ref_session){.last_us = f->last_us};
		way = 1;
	}
	if (s->flows == s->room) {
		s->room = s->room ? 2 * s->room : 4;
		s->flow = realloc(s->flow, s->room * sizeof *s->flow);
	}
	s->flow[s->flows++] = *f;
	if (f->last_us > s->last_us)
		s->last_us = f->last_us;
	s->seen_s = f->export_us / 1000000;
	if (f->proto != 6)
		return;
	s->syn[way - 1] |= (f->flags & SYN) != 0;
	s->fin_src[way - 1] |= (f->flags & FIN) != 0;
	s->ended |= (s->fin_src[0] && s->fin_src[1]) || (f->flags & RST);
}

/* who is the client by the first n flows: 1 the first flow's source, 2 its destination; *rule */
static int
ref_client(const struct ref_session *s, unsigned n, uint8_t *rule)
{
	bool opens[2] = {false, false};
	int64_t began[2] = {INT64_MAX, INT64_MAX};
	uint16_t p[2];
	uint8_t proto = s->flow[0].proto;
	int only = 1;
	ref_ports(&s->flow[0], &p[0], &p[1]);
	for (unsigned i = 0; i < n; i++) {
		int way = ref_same(s, &s->flow[i]) - 1;
		opens[way] |= proto == 6 && (s->flow[i].flags & (SYN | ACK)) == SYN;
		if (s->flow[i].first_us < began[way])
			began[way] = s->flow[i].first_us;
		/* what was decided once by SYN stays so if the other side then shows one too */
		if (opens[0] != opens[1])
			only = opens[0] ? 1 : 2;
	}
	*rule = FT_RULE_SYN;
	if (opens[0] || opens[1])
		return only;
	*rule = FT_RULE_ICMP;
	if (proto == 1 || proto == 58)
		return p[0] == 0 ? 1 : 2;
	*rule = FT_RULE_SERVICE;
	if ((p[0] < 1024) != (p[1] < 1024))
		return p[1] < 1024 ? 1 : 2;
	*rule = FT_RULE_TIME;
	if (llabs(began[0] - began[1]) >= 1000)
		return began[0] < began[1] ? 1 : 2;
	*rule = FT_RULE_PORT;
	if (p[0] != p[1])
		return p[0] > p[1] ? 1 : 2;
	*rule = FT_RULE_ONLY;
	return 1;
}

/* ---- traffic ---------------------------------------------------------------------------------- */

static uint64_t
below(uint64_t n)
{
	return world_random(&ref.seed) % n;
}

static struct ft_flow
random_flow(int64_t now_ms)
{
	static const uint16_t port[] = {80, 53, 2000, 30000, 40000, 50000};
	static const uint8_t proto[] = {6, 6, 6, 17, 1, 58};
	unsigned a = 1 + (unsigned)below(4), b = 5 + (unsigned)below(3);
	int64_t length = (int64_t)below(4) == 0 ? (int64_t)below(900) : (int64_t)below(3);
	int64_t last = now_ms - (int64_t)below(50);
	struct ft_flow f = world_flow(a, port[3 + below(3)], b, port[below(6)], last - length, last);
	f.proto = proto[below(6)];
	f.export_us = (WORLD_T0 + now_ms) * 1000;
	f.exporter = 1 + (uint32_t)below(2);
	f.bytes = 40 + below(100000);
	f.packets = 1 + below(100);
	f.sampling = below(40) ? 0 : 1 + (uint32_t)below(3);
	f.bits |= FT_FLOW_HAS_IF | FT_FLOW_HAS_TOS | FT_FLOW_HAS_AS | (below(2) ? FT_FLOW_HAS_VLAN : 0);
	f.in_if = a, f.out_if = b, f.src_as = 100 + a, f.dst_as = below(30) ? 100 + b : 0;
	f.tos = below(6) ? 0 : 184;
	f.in_vlan = below(9) ? 7 : 8;
	f.flags = f.proto != 6 ? 0
			       : (uint8_t)(ACK | (below(5) ? 0 : SYN) | (below(6) ? 0 : FIN) |
					   (below(30) ? 0 : RST));
	if (f.proto == 6 && below(8) == 0)
		f.flags = SYN;
	if (f.proto == 1 || f.proto == 58) {
		f.src_port = 0;
		f.dst_port = f.proto == 1 ? 2048 : 128 << 8;
	}
	if (f.proto == 58 || below(5) == 0) {
		f.src[0] = f.dst[0] = 0x20;
		f.bits |= FT_FLOW_V6;
	}
	if (below(2)) { /* the other way */
		struct ft_flow r = f;
		memcpy(r.src, f.dst, 16), memcpy(r.dst, f.src, 16);
		r.src_port = f.dst_port, r.dst_port = f.src_port, r.in_if = f.out_if, r.out_if = f.in_if;
		r.src_as = f.dst_as, r.dst_as = f.src_as;
		if (f.proto == 1)
			r.src_port = r.dst_port = 0;
		if (f.proto == 58)
			r.src_port = 0, r.dst_port = 129 << 8;
		return r;
	}
	return f;
}

/* Near the end of linger the sweep and the flow race, rightly; such flows would say nothing about the tracker. */
static bool
races(const struct ft_flow *f)
{
	int way;
	const struct ref_session *s = ref_find(f, &way);
	int64_t since = s ? f->export_us / 1000000 - s->seen_s : 0;
	return s && s->ended && since > LINGER - 3 && since < LINGER + 3;
}

/* ---- comparing -------------------------------------------------------------------------------- */

static struct world w;

#define EXPECT(cond, ...)                                                                                    \
	do {                                                                                                 \
		if (!(cond)) {                                                                               \
			print_error(__VA_ARGS__);                                                            \
			fail_msg(" [%s:%d %s]", __FILE__, __LINE__, #cond);                                  \
		}                                                                                            \
	} while (0)

struct tuple {
	uint32_t in_if, out_if, client_as, server_as, sampling;
	uint16_t vlan;
	uint8_t tos;
	bool has_vlan;
	uint64_t bytes, packets, flows;
};
struct tuples {
	struct tuple t[256];
	unsigned n;
};

static void
add(struct tuples *all, struct tuple t)
{
	if (t.flows == 0)
		return;
	for (unsigned i = 0; i < all->n; i++) {
		struct tuple *u = &all->t[i];
		if (u->in_if == t.in_if && u->out_if == t.out_if && u->client_as == t.client_as &&
			u->server_as == t.server_as && u->sampling == t.sampling && u->tos == t.tos &&
			u->has_vlan == t.has_vlan && (!t.has_vlan || u->vlan == t.vlan)) {
			u->bytes += t.bytes, u->packets += t.packets, u->flows += t.flows;
			return;
		}
	}
	assert_in_range(all->n, 0, 255);
	all->t[all->n++] = t;
}

static void
expect_equal(const struct tuples *a, const struct tuples *b, uint64_t id)
{
	EXPECT(a->n == b->n, "session %lx: %u tuples of attributes, truth %u\n", id, a->n, b->n);
	struct tuples copy = *a;
	for (unsigned i = 0; i < b->n; i++) {
		struct tuple t = b->t[i], *u = copy.t;
		unsigned before = copy.n;
		add(&copy, t);
		EXPECT(copy.n == before, "session %lx: a tuple of attributes is missing\n", id);
		for (unsigned k = 0; k < copy.n; k++)
			if (u[k].flows > a->t[k].flows) {
				EXPECT(u[k].bytes - a->t[k].bytes == a->t[k].bytes &&
						u[k].packets == 2 * a->t[k].packets &&
						u[k].flows == 2 * a->t[k].flows,
					"session %lx: sums of an attribute differ\n", id);
				u[k] = a->t[k];
			}
	}
}

/* the slices of one session, in order, against the reference's flows */
static void
compare(const struct ref_session *r, const struct got *const *slice, unsigned n)
{
	struct tuples have[2] = {{.n = 0}, {.n = 0}}, want[2] = {{.n = 0}, {.n = 0}};
	const struct ft_slice *s0 = &slice[0]->s;
	uint8_t rule, flags[2] = {0, 0}, seen[2] = {0, 0};
	int64_t start = 0, prev = 0, first = INT64_MAX, last = 0;
	unsigned then = s0->client_flows + s0->server_flows;
	int client = ref_client(r, then, &rule);
	uint16_t sp, dp;
	ref_ports(&r->flow[0], &sp, &dp);
	/* a flow that cut the first slice had its say before the slice went out */
	if ((s0->rule != rule || s0->client_port != (client == 1 ? sp : dp)) && then < r->flows)
		client = ref_client(r, then + 1, &rule);
	EXPECT(s0->client_port == (client == 1 ? sp : dp) &&
			memcmp(s0->client, client == 1 ? r->flow[0].src : r->flow[0].dst, 16) == 0 &&
			s0->rule == rule,
		"session %lx: client port %u by rule %u, truth %u by %u\n", s0->session, s0->client_port,
		s0->rule, client == 1 ? sp : dp, rule);
	for (unsigned i = 0; i < n; i++) {
		const struct ft_slice *s = &slice[i]->s;
		EXPECT(!!(s->state & FT_SLICE_FIRST) == (i == 0), "session %lx: FIRST in slice %u\n",
			s->session, i);
		EXPECT(s->start_us == start && s->prev_us == prev, "session %lx: hull of slice %u\n",
			s->session, i);
		EXPECT(!(s->state & FT_SLICE_LAST) || i + 1 == n, "session %lx: LAST in slice %u of %u\n",
			s->session, i, n);
		EXPECT(s->client_flows + s->server_flows > 0, "session %lx: slice %u is empty\n", s->session,
			i);
		EXPECT(s->rule == s0->rule && memcmp(s->client, s0->client, 32) == 0,
			"session %lx was turned\n", s->session);
		struct tuple t = {s->in_if, s->out_if, s->client_as, s->server_as, s->sampling,
			s->client_vlan, s->client_tos, (s->present & FT_HAS_CLIENT_VLAN) != 0,
			s->client_bytes, s->client_packets, s->client_flows};
		add(&have[0], t);
		t.vlan = s->server_vlan, t.tos = s->server_tos,
		t.has_vlan = (s->present & FT_HAS_SERVER_VLAN) != 0;
		t.bytes = s->server_bytes, t.packets = s->server_packets, t.flows = s->server_flows;
		add(&have[1], t);
		start = i == 0 || s->first_us < start ? s->first_us : start;
		prev = s->last_us > prev ? s->last_us : prev;
		flags[0] |= s->client_flags, flags[1] |= s->server_flags;
	}
	for (unsigned i = 0; i < r->flows; i++) {
		const struct ft_flow *f = &r->flow[i];
		bool c = ref_same(r, f) == client;
		uint64_t factor = f->sampling > 1 ? f->sampling : 1;
		struct tuple t = {c ? f->in_if : f->out_if, c ? f->out_if : f->in_if,
			c ? f->src_as : f->dst_as, c ? f->dst_as : f->src_as,
			f->sampling > 1 ? f->sampling : 0, f->in_vlan, f->tos,
			(f->bits & FT_FLOW_HAS_VLAN) != 0, f->bytes * factor, f->packets * factor, 1};
		add(&want[c ? 0 : 1], t);
		seen[c ? 0 : 1] |= f->flags;
		first = f->first_us < first ? f->first_us : first;
		last = f->last_us > last ? f->last_us : last;
	}
	EXPECT(first == start && last == prev, "session %lx: its times\n", s0->session);
	EXPECT(flags[0] == seen[0] && flags[1] == seen[1], "session %lx: its flags\n", s0->session);
	expect_equal(&have[0], &want[0], s0->session);
	expect_equal(&have[1], &want[1], s0->session);
}

static bool
overlaps(int64_t first, int64_t last, int64_t from, int64_t to)
{
	return first < to && last >= from;
}

/* One session in one frame: how often the hull rule counts it, among slices that match an attribute or all. */
static void
in_frame(const struct got *const *slice, unsigned n, int64_t from, int64_t to, int tos)
{
	unsigned counted = 0, there = 0;
	bool cut = false;
	for (unsigned i = 0; i < n; i++) {
		const struct ft_slice *s = &slice[i]->s;
		cut |= (s->state & FT_SLICE_CUT) != 0;
		if (tos >= 0 && (!(s->present & FT_HAS_CLIENT_TOS) || s->client_tos != tos))
			continue;
		if (!overlaps(s->first_us, s->last_us, from, to))
			continue;
		there = 1;
		counted += (s->state & FT_SLICE_FIRST) || !overlaps(s->start_us, s->prev_us, from, to);
	}
	EXPECT(counted <= 1, "session %lx is counted %u times\n", slice[0]->s.session, counted);
	EXPECT(cut || counted == there, "session %lx: counted %u, there %u\n", slice[0]->s.session, counted,
		there);
}

static void
compare_all(void)
{
	static const struct got **of[1 << 16];
	static unsigned n_of[1 << 16];
	uint64_t sessions = stage_record(&w.s.c.st)->id[TRK_ID_SESSION];
	EXPECT(sessions == ref.n, "%lu sessions, truth %zu\n", sessions, ref.n);
	assert_in_range(sessions, 1, (1 << 16) - 1);
	memset(n_of, 0, sizeof n_of);
	for (size_t i = 0; i < w.n; i++) {
		uint64_t k = w.got[i].s.session & 0xffff;
		of[k] = realloc(n_of[k] ? of[k] : NULL, (n_of[k] + 1) * sizeof **of);
		of[k][n_of[k]++] = &w.got[i];
	}
	uint64_t cut = 0;
	for (uint64_t k = 0; k < sessions; k++) {
		/* both opened sessions in the order of flows */
		EXPECT(n_of[k] > 0, "session %lx has no slice\n", k);
		compare(&ref.session[k], of[k], n_of[k]);
		for (unsigned i = 0; i < 40; i++) {
			const struct ft_slice *near = &of[k][below(n_of[k])]->s;
			int64_t from = near->first_us - 20000 + (int64_t)below(40000),
				to = from + 1 + (int64_t)below(below(2) ? 3000 : 2000000);
			in_frame(of[k], n_of[k], from, to, i & 1 ? (int)(below(2) * 184) : -1);
		}
		cut += of[k][n_of[k] - 1]->s.state & FT_SLICE_CUT ? 1 : 0;
		free(of[k]);
	}
	print_message("%zu sessions in %zu slices, %lu flagged, %lu turned, %lu disputed\n", ref.n, w.n, cut,
		w.s.c.st.next.counter[TRK_N_TURNED], w.s.c.st.next.counter[TRK_N_DISPUTED]);
	assert_int_equal(w.s.c.st.next.counter[TRK_N_SLICES], w.n);
}

static void
forget(void)
{
	for (size_t i = 0; i < ref.n; i++)
		free(ref.session[i].flow);
	free(ref.session);
	memset(&ref, 0, sizeof ref);
}

static int
forget_all(void **state)
{
	(void)state;
	if (w.segment)
		world_close(&w);
	forget();
	return 0;
}

static void
run_seed(uint64_t seed, unsigned flows, unsigned restart_every)
{
	int64_t now = 0;
	world_open(&w, 4096, 64, 64);
	w.set.timeout_s = 0;
	w.set.toolong_s = 0;
	ref.seed = seed;
	print_message("seed %lu: ", seed);
	for (unsigned i = 0; i < flows; i++) {
		uint64_t step = below(50) ? below(60) : below(20) ? 400 : 40000;
		now += (int64_t)step;
		struct ft_flow f = random_flow(now);
		if (!races(&f)) {
			ref_take(&f);
			world_push(&w, &f, NULL);
		}
		if (below(3))
			world_run(&w);
		world_pass(&w, step < 1000 ? step : 9000);
		if (restart_every && i % restart_every == 0) {
			world_run(&w);
			world_restart(&w);
		}
	}
	world_flush(&w, true);
	assert_int_equal(table_used(&w.s.c.t), 0);
	compare_all();
	world_close(&w);
	w.segment = NULL;
	forget();
}

static void
random_traffic_gives_what_the_reference_gives(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++)
		run_seed(seed, 4000, 0);
}

static void
restarts_change_nothing(void **state)
{
	(void)state;
	for (uint64_t seed = 11; seed <= 13; seed++)
		run_seed(seed, 3000, 37);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(random_traffic_gives_what_the_reference_gives, forget_all),
		cmocka_unit_test_teardown(restarts_change_nothing, forget_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
