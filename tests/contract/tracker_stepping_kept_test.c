/*
 * tracker_stepping_kept_test.c - kept elements in the tracker's stage, killed after every instruction that changed shared
 * memory.
 *
 * A small input in which lists come, are repeated, grow and shrink by cells, change sides of a session that is turned,
 * go with sessions that are evicted, and take cells that were just given back.  Each flow's bytes are a bit of its own:
 * the sums of a session's slices say which flows are in, and its list must be what exactly these make, merged in order.
 * In the end no cell is in use.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/addr.h"
#include "common/element_list.h"
#include "tests/contract/step.h"
#include "tracker/shard.h"

enum {
	CAPACITY = 2,
	CELLS = 12,
	UNDO = 16384,
	IN_SLOTS = 16,
	OUT_SLOTS = 16,
	SINK = 128,
	FLOWS = 14,
	LIST_MOST = 400
};
enum { SEGMENT, IN, OUT, CONSUMED };

static struct settings set;

/* what a flow says: two elements, the second of so many bytes; 0: no list */
static const struct {
	uint8_t key, reply, value, bytes, ext;
} input[FLOWS] = {
	{0, 1, 1, 10, 1}, /* the reply comes first and is turned */
	{0, 0, 2, 10, 0},
	{1, 0, 3, 150, 0}, /* two cells */
	{1, 1, 3, 150, 1}, /* both say the same */
	{0, 0, 2, 10, 0},  /* nothing new */
	{1, 0, 4, 3, 0},   /* one side differs */
	{1, 1, 4, 3, 0},   /* both again: shorter by a cell */
	{0, 1, 5, 200, 0}, /* longer */
	{2, 0, 6, 130, 0}, /* evicts, takes cells given back */
	{0, 1, 7, 0, 0},   /* no list: what was said stays */
	{3, 0, 8, 250, 1},
	{2, 1, 9, 120, 0},
	{2, 0, 9, 120, 0},
	{3, 0, 9, 1, 0},
};

static size_t
list_of(unsigned i, uint8_t list[LIST_MOST])
{
	uint8_t value[256];
	memset(value, input[i].value, sizeof value);
	if (input[i].bytes == 0)
		return 0;
	struct kept_element a = {.id = 52, .bytes = 1, .value = value};
	struct kept_element b = {.pen = 9, .id = 12235, .bytes = input[i].bytes, .value = value};
	return element_add(list, element_add(list, 0, LIST_MOST, &a), LIST_MOST, &b);
}

static struct ft_flow
flow_of(unsigned i)
{
	uint8_t list[LIST_MOST];
	size_t n = list_of(i, list);
	struct ft_flow f = {
		.bytes = UINT64_C(1) << i,
		.packets = 1,
		.first_us = (1700000000 + (int64_t)i / 4) * INT64_C(1000000),
		.export_us = (1700000001 + (int64_t)i / 4) * INT64_C(1000000),
		.exporter = 1,
		.src_port = 40000,
		.dst_port = (uint16_t)(input[i].key == 0 ? 53 : 50000 + input[i].key),
		.proto = 17,
		.version = 10,
		.slots = (uint8_t)(1 + input[i].ext + (n + 127) / 128),
		.element_bytes = (uint16_t)n,
		.bits = (n ? FT_FLOW_ELEMENTS : 0) | (input[i].ext ? FT_FLOW_EXT : 0),
	};
	f.last_us = f.first_us + 500000;
	addr_from_v4(f.src, (const uint8_t[]){10, 0, 0, 1});
	addr_from_v4(f.dst, (const uint8_t[]){10, 0, 0, 2});
	if (input[i].reply) {
		struct ft_flow r = f;
		memcpy(r.src, f.dst, 16);
		memcpy(r.dst, f.src, 16);
		r.src_port = f.dst_port;
		r.dst_port = f.src_port;
		return r;
	}
	return f;
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

/* Ingest, which lives on: slots given back are written again at once, lists round the ring's end too. */
static void
produce(void *const *at)
{
	struct ring r;
	uint8_t list[LIST_MOST];
	ring_over(&r, at[IN]);
	uint64_t head = atomic_load(&r.h->head), tail = atomic_load(&r.h->tail), pos = 0;
	for (unsigned i = 0; i < FLOWS; i++) {
		struct ft_flow f = flow_of(i);
		if (pos >= head && pos + f.slots <= tail + IN_SLOTS) {
			size_t n = list_of(i, list);
			*(struct ft_flow *)ring_slot(&r, pos) = f;
			if (input[i].ext) {
				struct ft_flow_ext *x = ring_slot(&r, pos + 1);
				memset(x, 0, sizeof *x);
				x->has = FT_EXT_NEXT_HOP;
				x->next_hop[15] = input[i].value;
			}
			for (size_t done = 0, k = 1u + input[i].ext; done < n; done += 128, k++)
				memcpy(ring_slot(&r, pos + k), list + done, n - done < 128 ? n - done : 128);
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
		consume(at);
	}
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

/* What the flows in `in` make of a session's list, in the slice's orientation. */
static size_t
truth(uint64_t in, bool mine, uint8_t *list)
{
	uint8_t says[LIST_MOST];
	size_t n = 0;
	bool changed;
	uint64_t dropped = 0;
	for (unsigned i = 0; i < FLOWS; i++)
		if (in >> i & 1)
			n = element_merge(list, n, set.element_bytes, says, list_of(i, says),
				!input[i].reply == mine ? FT_SAID_A : FT_SAID_B, &changed, &dropped);
	return n;
}

static const char *
check_slice(const struct ft_slice *s, const struct ft_slice *first, uint64_t *all)
{
	uint8_t want[FT_ELEMENTS_MOST], have[FT_ELEMENTS_MOST];
	uint64_t in = 0, here = s->client_bytes + s->server_bytes;
	unsigned others = s->present & FT_SLICE_EXT ? 2 : 1;
	size_t n = s->element_bytes;
	if ((n + sizeof *s - 1) / sizeof *s + others != s->slots)
		return "slots and element_bytes disagree";
	for (const struct ft_slice *e = first; e <= s; e += e->slots)
		in |= e->session == s->session ? e->client_bytes + e->server_bytes : 0;
	memcpy(have, s + others, n);
	if (truth(in, s->client_port == 40000, want) != n || memcmp(want, have, n) != 0)
		return "its list is not what its flows make";
	if (*all & here)
		return "a flow twice";
	*all |= here;
	return NULL;
}

static bool
finish(void *ctx, void *const *at, char *why, size_t n)
{
	struct ring out;
	struct shard s;
	const struct ft_slice *sink = at[CONSUMED];
	uint64_t all = 0;
	(void)ctx;
	run_all(at, 3);
	ring_over(&out, at[OUT]);
	uint64_t end = atomic_load(&out.h->tail);
	for (uint64_t p = 0; p < end; p += sink[p].slots) {
		const char *bad = end > SINK           ? "too many slices"
				  : sink[p].slots == 0 ? "no slice"
						       : check_slice(&sink[p], sink, &all);
		if (bad) {
			(void)snprintf(why, n, "slice at %lu: %s", (unsigned long)p, bad);
			return false;
		}
	}
	attach(&s, at);
	uint32_t cells = s.c.t.cells_seen - s.c.t.free_cells, entries = table_used(&s.c.t);
	uint64_t dropped = stage_record(&s.c.st)->counter[TRK_N_ELEMENTS_DROPPED];
	shard_stop(&s);
	(void)snprintf(why, n, "flows %lx, %u cells and %u entries in use, %lu elements dropped",
		(unsigned long)all, cells, entries, (unsigned long)dropped);
	return all == (UINT64_C(1) << FLOWS) - 1 && cells == 0 && entries == 0 && dropped == 0;
}

static size_t
small_ring(uint32_t slot_bytes, uint64_t slots)
{
	return sizeof(struct ft_ring_header) + slot_bytes * slots;
}

static void
format_small_ring(void *memory, uint32_t slot_bytes, uint64_t slots)
{
	struct ft_ring_header *h = memory;
	h->slot_bytes = slot_bytes;
	h->slots = slots;
}

static void
a_kill_at_any_instruction_leaves_each_session_the_elements_of_its_flows(void **state)
{
	struct step_test t = {.name = "tracker, kept elements",
		.work = work,
		.recover = recover,
		.finish = finish,
		.recovery_every = 397};
	(void)state;
	void *segment = step_region(&t, "segment", table_bytes(CAPACITY, CELLS, UNDO));
	void *in = step_region(&t, "in", small_ring(sizeof(struct ft_flow), IN_SLOTS));
	void *out = step_region(&t, "out", small_ring(sizeof(struct ft_slice), OUT_SLOTS));
	(void)step_region(&t, "sink", SINK * sizeof(struct ft_slice));
	set = (struct settings){
		.capacity = CAPACITY, .interval_s = 1, .timeout_s = 30, .linger_s = 15, .element_bytes = 512};
	service_ports_init(&set.services);
	table_format(segment, CAPACITY, CELLS, UNDO, 0, 1, 1);
	format_small_ring(in, sizeof(struct ft_flow), IN_SLOTS);
	format_small_ring(out, sizeof(struct ft_slice), OUT_SLOTS);
	struct step_result result = step_run(&t);
	step_free(&t);
	if (result.skipped)
		skip();
	assert_int_equal(result.failures, 0);
	assert_true(result.changed > 500);
	assert_true(result.recovery_changed > 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kill_at_any_instruction_leaves_each_session_the_elements_of_its_flows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
