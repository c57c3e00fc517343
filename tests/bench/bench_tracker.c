/*
 * bench_tracker.c - what a flow costs in the tracker: 1 M distinct sessions, 4 M flows in random order, one
 * thread, over plain memory.  Timed: applying batches, and the hands that emit and age, at 500,000 flows a second
 * of the tracker's clock.  Not timed: filling the flow ring and emptying the slice ring.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/addr.h"
#include "tracker/shard.h"

enum { SESSIONS = 1000000, FLOWS = 4000000, CHUNK = 32768, OUT_SLOTS = 1 << 20, FLOWS_A_MS = 500 };

static void *
memory(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (p == MAP_FAILED) {
		perror("mmap");
		exit(111);
	}
	return p;
}

/* CPU time of this thread: the machine may be busy with something else */
static int64_t
spent_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint64_t
mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* flow i: a permutation of sessions four times over, each time another one */
static void
make(struct ft_flow *f, uint64_t i)
{
	uint64_t round = i / SESSIONS, k = (i * 7368787 + round * 331) % SESSIONS, h = mix(k + 1);
	bool reply = (k + round) & 1;
	*f = (struct ft_flow){
		.bytes = 1000,
		.packets = 4,
		.first_us = 1700000000000000 + (int64_t)(i / FLOWS_A_MS) * 1000,
		.exporter = 1,
		.in_if = 1,
		.out_if = 2,
		.src_as = 64512,
		.dst_as = 1000,
		.bits = FT_FLOW_HAS_FLAGS | FT_FLOW_HAS_IF | FT_FLOW_HAS_AS | FT_FLOW_HAS_TOS |
			FT_FLOW_HAS_MASK,
		.src_port = (uint16_t)(32768 + h % 28000),
		.dst_port = 443,
		.proto = 6,
		.flags = 24,
		.version = 9,
		.slots = 1,
	};
	f->last_us = f->first_us + 500;
	f->export_us = f->last_us;
	addr_from_v4(
		f->src, (const uint8_t[]){10, (uint8_t)(h >> 16), (uint8_t)(h >> 24), (uint8_t)(h >> 32)});
	addr_from_v4(f->dst, (const uint8_t[]){93, (uint8_t)(k >> 16), (uint8_t)(k >> 8), (uint8_t)k});
	if (!reply)
		return;
	struct ft_flow r = *f;
	memcpy(r.src, f->dst, 16);
	memcpy(r.dst, f->src, 16);
	r.src_port = f->dst_port, r.dst_port = f->src_port;
	r.in_if = f->out_if, r.out_if = f->in_if;
	r.src_as = f->dst_as, r.dst_as = f->src_as;
	*f = r;
}

int
main(void)
{
	static struct shard s;
	static struct settings set = {
		.capacity = 1 << 20, .interval_s = 5, .timeout_s = 7200, .toolong_s = 28800, .linger_s = 15};
	struct ring producer, consumer;
	struct err err;
	service_ports_init(&set.services);
	void *segment = memory(table_bytes(set.capacity, 0, CORE_UNDO));
	void *in = memory(ring_bytes(sizeof(struct ft_flow), CHUNK)),
	     *out = memory(ring_bytes(sizeof(struct ft_slice), OUT_SLOTS));
	table_format(segment, set.capacity, 0, CORE_UNDO, 0, 1, 1);
	ring_format(in, sizeof(struct ft_flow), CHUNK);
	ring_format(out, sizeof(struct ft_slice), OUT_SLOTS);
	ring_over(&producer, in);
	ring_over(&consumer, out);
	ring_over(&s.c.out, out);
	if (shard_start(&s, segment, &set, 0x1234, 0, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		return 111;
	}
	ring_over(&s.in[0], in);
	shard_open_input(&s, 0);
	int64_t spent = 0;
	uint64_t rounds[4] = {0};
	for (uint64_t i = 0; i < FLOWS;) {
		for (unsigned k = 0; k < CHUNK && i < FLOWS; k++, i++)
			make(ring_slot(&producer, i), i);
		ring_publish(&producer, i);
		int64_t began = spent_ns();
		uint64_t now_ms = i / FLOWS_A_MS;
		while (shard_batch(&s, 0, CORE_BATCH, now_ms) > 0)
			;
		(void)shard_tick(&s, now_ms);
		int64_t ns = spent_ns() - began;
		spent += ns;
		rounds[(i - 1) / SESSIONS] += (uint64_t)ns;
		ring_release(&consumer, ring_filled(&consumer, UINT64_MAX));
	}
	const struct ft_stage_record *r = stage_record(&s.c.st);
	printf("tracker: %.1f ns of CPU a flow (%d flows of %d sessions, %lu slices emitted on the way; by "
	       "quarter "
	       "%.0f %.0f %.0f %.0f)\n",
		(double)spent / FLOWS, FLOWS, SESSIONS, (unsigned long)r->counter[TRK_N_SLICES],
		(double)rounds[0] / SESSIONS, (double)rounds[1] / SESSIONS, (double)rounds[2] / SESSIONS,
		(double)rounds[3] / SESSIONS);
	if (r->counter[TRK_N_FLOWS] != FLOWS || r->counter[TRK_N_SESSIONS] != SESSIONS) {
		fprintf(stderr, "tracker: %lu flows, %lu sessions: wrong\n",
			(unsigned long)r->counter[TRK_N_FLOWS], (unsigned long)r->counter[TRK_N_SESSIONS]);
		return 1;
	}
	return 0;
}
