/*
 * tracker_stepping_test.c - the tracker's stage, killed after every instruction that changed shared memory.
 *
 * A small input that makes a full round of everything the stage does: sessions open, merge, are turned round before
 * they are stored, are cut by an attribute, get extensions, end and begin anew, are evicted (the table has room
 * for two), are emitted by the hand and by flush, and leave.  A consumer copies slices into a sink by their position in
 * the ring; it lives on while the tracker is restarted.  Whatever the instruction, in the end: every flow is in
 * exactly one slice, in its direction; slices of a session form one chain of hulls; no id serves two sessions; the
 * table is empty and the counters agree.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/addr.h"
#include "tests/contract/step.h"
#include "tracker/shard.h"

enum { CAPACITY = 2, UNDO = 8192, IN_SLOTS = 8, OUT_SLOTS = 8, SINK = 64, FLOWS = 20, KEYS = 6 };
enum { SEGMENT, IN, OUT, CONSUMED };
enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

static struct settings set;

struct input {
	uint8_t key, reply, flags, tos;
	int64_t first_s;
	uint8_t ext; /* 0: none, else the next hop */
};
/* Work takes two a batch, and the hand goes round after every fourth. */
static const struct input input[FLOWS] = {
	{0, 1, SYN | ACK, 0, 1, 9}, /* the reply comes first, is taken for the client's, and turned */
	{1, 0, ACK, 0, 0, 3}, /* 50001 will be the client: both begin together, and its port is the higher */
	{0, 0, SYN, 0, 0, 0},
	{1, 1, ACK, 9, 0, 4},
	{1, 0, ACK, 0, 3, 3},
	{1, 1, ACK, 9, 3, 4},
	{1, 0, ACK, 7, 4, 5}, /* another TOS: a cut */
	{1, 1, ACK, 9, 4, 8}, /* another next hop of the client's: a cut */
	{0, 0, ACK | FIN, 0, 3, 0},
	{0, 1, ACK | FIN, 0, 3, 0}, /* ends, with this pending */
	{2, 1, ACK, 0, 5, 2},       /* evicts it */
	{3, 1, ACK, 0, 5, 3},       /* evicts 1 */
	{2, 1, ACK, 0, 5, 2},
	{3, 1, ACK, 0, 5, 3},
	{4, 1, ACK, 0, 6, 6}, /* evicts 2 and takes slot and extension of it at once */
	{5, 1, ACK, 0, 6, 7},
	{0, 0, SYN, 0, 40, 0}, /* a new session of an old key */
	{1, 1, ACK, 9, 41, 0},
	{0, 0, ACK, 0, 41, 0},
	{0, 1, RST, 0, 41, 0},
};

static struct ft_flow
flow_of(unsigned i)
{
	const struct input *in = &input[i];
	struct ft_flow f = {
		.bytes = 100 + i * i,
		.packets = 1 + i,
		.first_us = (1700000000 + in->first_s) * INT64_C(1000000),
		.export_us = (1700000001 + in->first_s) * INT64_C(1000000),
		.exporter = 1,
		.src_port = 40000, /* the client's is the lower: the rule for ports is wrong, SYN is right */
		.dst_port = (uint16_t)(50000 + in->key),
		.proto = 6,
		.version = 10,
		.slots = in->ext ? 2 : 1,
		.bits = FT_FLOW_HAS_FLAGS | FT_FLOW_HAS_TOS | (in->ext ? FT_FLOW_EXT : 0),
		.flags = in->flags,
		.tos = in->tos,
	};
	f.last_us = f.first_us + 500000;
	addr_from_v4(f.src, (const uint8_t[]){10, 0, 0, 1});
	addr_from_v4(f.dst, (const uint8_t[]){10, 0, 0, 2});
	if (in->reply) {
		struct ft_flow r = f;
		memcpy(r.src, f.dst, 16);
		memcpy(r.dst, f.src, 16);
		r.src_port = f.dst_port;
		r.dst_port = f.src_port;
		return r;
	}
	return f;
}

/* ring_format() has a least size that is large in the ordinary build; a test may have any power of two */
static size_t
small_ring(uint32_t slot_bytes, uint64_t slots)
{
	return sizeof(struct ft_ring_header) + slot_bytes * slots;
}

static void
consume(void *const *at)
{
	struct ring r;
	struct ft_slice *sink = at[CONSUMED];
	ring_over(&r, at[OUT]);
	uint64_t pos = atomic_load(&r.h->tail), head = atomic_load(&r.h->head);
	if (head <= pos)
		return;
	for (uint64_t p = pos; p < head && p < SINK; p++)
		sink[p] = *(const struct ft_slice *)ring_slot(&r, p);
	ring_release(&r, head);
}

/* Ingest, which lives on too: slots given back are written again at once. */
static void
produce(void *const *at)
{
	struct ring r;
	ring_over(&r, at[IN]);
	uint64_t head = atomic_load(&r.h->head), tail = atomic_load(&r.h->tail), pos = 0;
	for (unsigned i = 0; i < FLOWS; i++) {
		struct ft_flow f = flow_of(i);
		if (pos >= head && pos + f.slots <= tail + IN_SLOTS) {
			*(struct ft_flow *)ring_slot(&r, pos) = f;
			if (f.slots == 2) {
				struct ft_flow_ext *x = ring_slot(&r, pos + 1);
				memset(x, 0, sizeof *x);
				x->has = FT_EXT_NEXT_HOP;
				x->next_hop[15] = input[i].ext;
			}
			head = pos + f.slots;
		}
		pos += f.slots;
	}
	ring_publish(&r, head);
}

static void
attach(struct shard *s, void *const *at)
{
	struct err err;
	memset(s, 0, sizeof *s);
	ring_over(&s->c.out, at[OUT]);
	CHECK(shard_start(s, at[SEGMENT], &set, 0x51ed5eed, 1000, &err) == 0);
	ring_over(&s->in[0], at[IN]);
	shard_open_input(s, 0);
}

/* batches of n flows; the hand goes round after every second one */
static void
run_all(void *const *at, unsigned n)
{
	struct shard s;
	attach(&s, at);
	consume(at);
	produce(at);
	uint64_t now = 2000;
	for (unsigned turn = 0; shard_has_input(&s, 0); turn++, now += 700) {
		produce(at);
		if (shard_batch(&s, 0, n, now) == 0)
			consume(at);
		while (turn % 2 == 1 && !shard_tick(&s, now))
			consume(at);
		if (turn % 3 == 2)
			consume(at);
	}
	consume(at);
	while (!shard_flush(&s, true, now))
		consume(at);
	consume(at);
	shard_stop(&s);
}

static void
work(void *ctx, void *const *at)
{
	(void)ctx;
	run_all(at, 2);
}

static void
recover(void *ctx, void *const *at)
{
	struct shard s;
	(void)ctx;
	consume(at);
	produce(at);
	attach(&s, at);
	consume(at);
	shard_stop(&s);
}

/* [0]: from port 40000, [1]: from the other side */
struct sum {
	uint64_t bytes[2], packets[2], flows[2];
	uint64_t by_tos[2][10];
};

static void
truth(struct sum *t)
{
	memset(t, 0, KEYS * sizeof *t);
	for (unsigned i = 0; i < FLOWS; i++) {
		struct ft_flow f = flow_of(i);
		struct sum *k = &t[input[i].key];
		k->bytes[input[i].reply] += f.bytes;
		k->packets[input[i].reply] += f.packets;
		k->flows[input[i].reply]++;
		k->by_tos[input[i].reply][input[i].tos] += f.bytes;
	}
}

/* The next hop of the client's packets: attributes and extensions come back right too. */
static bool
next_hop_fits(const struct ft_slice *s, unsigned key, unsigned mine)
{
	static const uint8_t of_key[KEYS] = {0, 0, 2, 3, 6, 7};
	const struct ft_slice_ext *x = (const struct ft_slice_ext *)(s + 1);
	uint8_t hop = s->present & FT_SLICE_EXT ? x->next_hop[15] : 0;
	uint64_t b3 = flow_of(3).bytes, b5 = flow_of(5).bytes, bytes = s->client_bytes;
	if (key == 0)
		return mine == 1 || hop == 0; /* the reply's went to the server's side */
	if (mine == 0)
		return true; /* opened late, so that which side began decides */
	if (key > 1)
		return hop == of_key[key];
	if (bytes == b3 || bytes == b5 || bytes == b3 + b5)
		return hop == 4;
	return bytes == flow_of(7).bytes ? hop == 8 : bytes == flow_of(17).bytes;
}

/* One slice into the sums, by who has port 40000; its place in its session's chain is checked on the way. */
static const char *
add_slice(const struct ft_slice *s, const struct ft_slice *first, struct sum *t)
{
	unsigned mine = s->client_port == 40000 ? 0 : 1, other = 1 - mine;
	unsigned key = (mine ? s->client_port : s->server_port) - 50000u;
	int64_t start = 0, prev = 0;
	bool any = false;
	if (key >= KEYS)
		return "a port nobody sent";
	t[key].bytes[mine] += s->client_bytes, t[key].bytes[other] += s->server_bytes;
	t[key].packets[mine] += s->client_packets, t[key].packets[other] += s->server_packets;
	t[key].flows[mine] += s->client_flows, t[key].flows[other] += s->server_flows;
	if (s->client_tos > 9 || s->server_tos > 9)
		return "a TOS nobody sent";
	t[key].by_tos[mine][s->client_tos] += s->client_bytes;
	t[key].by_tos[other][s->server_tos] += s->server_bytes;
	if (s->client_flows > 0 && !next_hop_fits(s, key, mine))
		return "a wrong next hop";
	for (const struct ft_slice *e = first; e < s; e += e->slots) {
		if (e->session != s->session)
			continue;
		if (e->client_port != s->client_port || e->server_port != s->server_port)
			return "an id that serves two sessions, or a session turned";
		start = !any || e->first_us < start ? e->first_us : start;
		prev = e->last_us > prev ? e->last_us : prev;
		any = true;
	}
	if (any == !!(s->state & FT_SLICE_FIRST))
		return "FIRST in the wrong place";
	return s->start_us == start && s->prev_us == prev ? NULL : "a wrong hull";
}

static bool
finish(void *ctx, void *const *at, char *why, size_t n)
{
	struct sum want[KEYS], have[KEYS] = {0};
	struct ring out;
	struct stage st;
	const struct trk_header *h = at[SEGMENT];
	const struct ft_slice *sink = at[CONSUMED];
	uint64_t slices = 0;
	(void)ctx;
	run_all(at, 3);
	truth(want);
	ring_over(&out, at[OUT]);
	stage_attach(&st, at[SEGMENT], h->stage);
	const struct ft_stage_record *r = stage_record(&st);
	uint64_t end = atomic_load(&out.h->tail);
	if (end != r->output[0] || end > SINK) {
		(void)snprintf(why, n, "the consumer stands at %lu, the record at %lu", (unsigned long)end,
			(unsigned long)r->output[0]);
		return false;
	}
	for (uint64_t p = 0; p < end; p += sink[p].slots, slices++) {
		const char *bad = sink[p].slots == 1 || sink[p].slots == 2 ? add_slice(&sink[p], sink, have)
									   : "no slice";
		if (bad) {
			(void)snprintf(why, n, "slice at %lu: %s", (unsigned long)p, bad);
			return false;
		}
	}
	for (unsigned k = 0; k < KEYS; k++)
		if (memcmp(&want[k], &have[k], sizeof want[k]) != 0) {
			(void)snprintf(why, n,
				"key %u: flows %lu and %lu, truth %lu and %lu; bytes %lu, truth %lu", k,
				(unsigned long)have[k].flows[0], (unsigned long)have[k].flows[1],
				(unsigned long)want[k].flows[0], (unsigned long)want[k].flows[1],
				(unsigned long)have[k].bytes[0], (unsigned long)want[k].bytes[0]);
			return false;
		}
	const struct trk_entry *e = (const struct trk_entry *)((const uint8_t *)at[SEGMENT] + h->entries);
	for (unsigned i = 0; i < CAPACITY; i++)
		if (e[i].state & TRK_USED) {
			(void)snprintf(why, n, "entry %u is still there", i);
			return false;
		}
	if (r->counter[TRK_N_FLOWS] != FLOWS || r->counter[TRK_N_SLICES] != slices ||
		r->counter[TRK_N_SESSIONS] != r->id[TRK_ID_SESSION]) {
		(void)snprintf(why, n, "counters: %lu flows of %d, %lu slices of %lu",
			(unsigned long)r->counter[TRK_N_FLOWS], FLOWS,
			(unsigned long)r->counter[TRK_N_SLICES], (unsigned long)slices);
		return false;
	}
	return true;
}

static void
format_small_ring(void *memory, uint32_t slot_bytes, uint64_t slots)
{
	struct ft_ring_header *h = memory;
	h->slot_bytes = slot_bytes;
	h->slots = slots;
}

static void
a_kill_at_any_instruction_loses_nothing_and_counts_nothing_twice(void **state)
{
	struct step_test t = {
		.name = "tracker",
		.work = work,
		.recover = recover,
		.finish = finish,
		.recovery_every = 61,
	};
	(void)state;
	void *segment = step_region(&t, "segment", table_bytes(CAPACITY, 0, UNDO));
	void *in = step_region(&t, "in", small_ring(sizeof(struct ft_flow), IN_SLOTS));
	void *out = step_region(&t, "out", small_ring(sizeof(struct ft_slice), OUT_SLOTS));
	(void)step_region(&t, "sink", SINK * sizeof(struct ft_slice));
	set = (struct settings){.capacity = CAPACITY, .interval_s = 1, .timeout_s = 30, .linger_s = 15};
	service_ports_init(&set.services);
	table_format(segment, CAPACITY, 0, UNDO, 0, 1, 1);
	format_small_ring(in, sizeof(struct ft_flow), IN_SLOTS);
	format_small_ring(out, sizeof(struct ft_slice), OUT_SLOTS);
	struct step_result result = step_run(&t);
	step_free(&t);
	if (result.skipped)
		skip();
	assert_int_equal(result.failures, 0);
	assert_true(result.changed > 500);
	assert_true(result.recovery_changed > 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kill_at_any_instruction_loses_nothing_and_counts_nothing_twice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
