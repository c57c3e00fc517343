/*
 * ingest_world.c - see ingest_world.h.
 */
#include "tests/contract/ingest_world.h"

#include <stdlib.h>
#include <string.h>

static struct ft_datagram_slot slots[FT_DATAGRAMS];

static uint32_t
exporter(void *ctx, const uint8_t address[16], wall_t now)
{
	(void)ctx, (void)now;
	return 1u + address[15];
}

static uint32_t
proxied(void *ctx, const uint8_t address[16], const uint8_t guid[16], wall_t now)
{
	(void)ctx, (void)now;
	return 100u + address[15] + guid[15];
}

static uint64_t
batch_begins(const struct ingest_thread *t)
{
	const struct ft_stage_record *r = stage_record(&t->stage);
	return r->counter[THREAD_DATAGRAMS] - r->input[IN_DATAGRAM];
}

static void
fill_slots(const struct ingest_side *s)
{
	uint64_t first = batch_begins(&s->t);
	for (unsigned i = 0; i < FT_DATAGRAMS && first + i < s->n; i++) {
		const struct wire *w = &s->queue[first + i];
		memcpy(slots[i].payload, w->b, w->n);
		slots[i].from.ss_family = AF_INET;
		((uint8_t *)&slots[i].from)[7] = s->from[first + i];
	}
}

static unsigned
receive(void *ctx, struct ingest_thread *t)
{
	struct ingest_side *s = ctx;
	uint64_t first = batch_begins(t);
	unsigned n = 0;
	fill_slots(s);
	t->batch->arrived_us = WORLD_ARRIVED_US;
	t->batch->socket = 0;
	for (; n < s->batch && n < FT_DATAGRAMS && first + n < s->n; n++) {
		t->batch->msg[n].msg_hdr.msg_controllen = 0;
		atomic_signal_fence(memory_order_seq_cst);
		t->batch->msg[n].msg_len = s->queue[first + n].n;
		atomic_signal_fence(memory_order_seq_cst);
	}
	return n;
}

void
ingest_consume(struct ingest_side *s, uint64_t most)
{
	uint64_t pos = atomic_load(&s->out.h->tail), head = atomic_load(&s->out.h->head);
	for (; pos < head && most > 0; pos++, most--) {
		const struct ft_flow *f = ring_slot(&s->out, pos);
		if (pos >= SEEN_MAX ||
			(pos < s->seen->positions && memcmp(&s->seen->slot[pos], f, sizeof *f) != 0)) {
			s->seen->wrong = 1;
			break;
		}
		s->seen->slot[pos] = *f;
		atomic_signal_fence(memory_order_seq_cst);
		if (pos >= s->seen->positions)
			s->seen->positions = pos + 1;
	}
	ring_release(&s->out, pos);
}

static void
while_full(void *ctx, struct ingest_thread *t, unsigned shard)
{
	(void)t, (void)shard;
	ingest_consume(ctx, 3);
}

int
ingest_attach(struct ingest_side *s, void *segment, void *ring, struct seen *seen, struct kv *kv, unsigned db)
{
	const struct ingest_thread_options o = {
		.port = 2055, .shards = 1, .templates = 16, .waiting_bytes = 4096, .kv = kv, .db = db};
	struct err err;
	s->seen = seen;
	s->t.h = segment;
	s->t.stop = &s->stop;
	s->t.drain = &s->drain;
	ring_over(&s->t.ring[0], ring);
	ring_over(&s->out, ring);
	int rc = ingest_thread_attach(&s->t, &o, &err);
	if (rc != 0)
		return rc;
	s->t.datagrams = slots;
	s->t.receive = receive;
	s->t.while_full = while_full;
	s->t.receive_ctx = s;
	s->t.decoder.sink.exporter = exporter;
	s->t.decoder.sink.proxied = proxied;
	fill_slots(s);
	return 0;
}

void
ingest_run(struct ingest_side *s)
{
	while (ingest_thread_turn(&s->t))
		ingest_consume(s, 1);
	ingest_consume(s, SEEN_MAX);
}
