/* tracker_world.c - see tracker_world.h */
#include "tests/unit/tracker_world.h"

#include <stdlib.h>
#include <string.h>

#include "common/addr.h"

static void *
zeroed(size_t n)
{
	void *p = aligned_alloc(4096, (n + 4095) & ~(size_t)4095);
	CHECK(p != NULL);
	memset(p, 0, n);
	return p;
}

static void
attach(struct world *w)
{
	struct err err;
	memset(&w->s, 0, sizeof w->s);
	ring_over(&w->s.c.out, w->out_memory);
	CHECK(shard_start(&w->s, w->segment, &w->set, 0x1234567, w->now_ms, &err) == 0);
	ring_over(&w->s.in[0], w->in_memory);
	shard_open_input(&w->s, 0);
}

void
world_open(struct world *w, uint32_t capacity, uint64_t in_slots, uint64_t out_slots)
{
	*w = (struct world){.now_ms = 1000};
	w->set = (struct settings){
		.capacity = capacity, .interval_s = 5, .timeout_s = 7200, .toolong_s = 28800, .linger_s = 15};
	service_ports_init(&w->set.services);
	w->segment = zeroed(table_bytes(capacity, 0, CORE_UNDO));
	w->in_memory = zeroed(ring_bytes(sizeof(struct ft_flow), in_slots));
	w->out_memory = zeroed(ring_bytes(sizeof(struct ft_slice), out_slots));
	table_format(w->segment, capacity, 0, CORE_UNDO, 0, 1, 1);
	ring_format(w->in_memory, sizeof(struct ft_flow), in_slots);
	ring_format(w->out_memory, sizeof(struct ft_slice), out_slots);
	ring_over(&w->producer, w->in_memory);
	ring_over(&w->consumer, w->out_memory);
	attach(w);
}

void
world_close(struct world *w)
{
	shard_stop(&w->s);
	free(w->segment);
	free(w->in_memory);
	free(w->out_memory);
	free(w->got);
}

void
world_restart(struct world *w)
{
	shard_stop(&w->s);
	attach(w);
}

void
world_consume(struct world *w)
{
	while (!w->stuck && ring_filled(&w->consumer, w->taken) > w->taken) {
		if (w->n == w->room) {
			w->room = w->room ? 2 * w->room : 256;
			w->got = realloc(w->got, w->room * sizeof *w->got);
			CHECK(w->got != NULL);
		}
		struct got *g = &w->got[w->n++];
		memset(g, 0, sizeof *g);
		g->s = *(const struct ft_slice *)ring_slot(&w->consumer, w->taken);
		if (g->s.present & FT_SLICE_EXT)
			g->x = *(const struct ft_slice_ext *)ring_slot(&w->consumer, w->taken + 1);
		w->taken += g->s.slots;
		ring_release(&w->consumer, w->taken);
	}
}

void
world_run(struct world *w)
{
	world_consume(w);
	while (shard_batch(&w->s, 0, CORE_BATCH, w->now_ms) > 0)
		world_consume(w);
}

void
world_push(struct world *w, const struct ft_flow *f, const struct ft_flow_ext *x)
{
	uint64_t slots = x ? 2 : 1;
	if (ring_room(&w->producer, w->pushed, slots) < slots)
		world_run(w);
	CHECK(ring_room(&w->producer, w->pushed, slots) >= slots);
	struct ft_flow *to = ring_slot(&w->producer, w->pushed);
	*to = *f;
	to->slots = (uint8_t)slots;
	if (x) {
		to->bits |= FT_FLOW_EXT;
		*(struct ft_flow_ext *)ring_slot(&w->producer, w->pushed + 1) = *x;
	}
	w->pushed += slots;
	ring_publish(&w->producer, w->pushed);
}

void
world_pass(struct world *w, uint64_t ms)
{
	for (uint64_t end = w->now_ms + ms; w->now_ms < end;) {
		w->now_ms = w->now_ms + 20 < end ? w->now_ms + 20 : end;
		while (!shard_tick(&w->s, w->now_ms) && !w->stuck)
			world_consume(w);
		world_consume(w);
	}
}

void
world_flush(struct world *w, bool end)
{
	world_run(w);
	while (!shard_flush(&w->s, end, w->now_ms))
		world_consume(w);
	world_consume(w);
}

struct ft_flow
world_flow(unsigned src, unsigned sport, unsigned dst, unsigned dport, int64_t first_ms, int64_t last_ms)
{
	struct ft_flow f = {
		.bytes = 100,
		.packets = 1,
		.first_us = (WORLD_T0 + first_ms) * 1000,
		.last_us = (WORLD_T0 + last_ms) * 1000,
		.export_us = (WORLD_T0 + last_ms) * 1000,
		.exporter = 1,
		.src_port = (uint16_t)sport,
		.dst_port = (uint16_t)dport,
		.proto = 6,
		.version = 9,
		.slots = 1,
		.bits = FT_FLOW_HAS_FLAGS,
		.flags = 24,
	};
	addr_from_v4(f.src, (const uint8_t[]){10, 0, 0, (uint8_t)src});
	addr_from_v4(f.dst, (const uint8_t[]){10, 0, 0, (uint8_t)dst});
	return f;
}

uint64_t
world_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}
