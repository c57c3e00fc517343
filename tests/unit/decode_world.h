/*
 * decode_world.h - a decoder that keeps what it decodes, for tests; include after cmocka.h.
 */
#ifndef FT_TESTS_DECODE_WORLD_H
#define FT_TESTS_DECODE_WORLD_H

#include "ingest/decode.h"
#include "ingest/learn.h"
#include "tests/contract/wire.h"

enum { SECS = 1760000000, UPTIME = 100000, FLOWS_MAX = 1024, SOURCES = 8 };
#define S INT64_C(1000000)

static struct {
	struct decoder d;
	struct learn learn;
	struct ft_source table[SOURCES];
	uint64_t n_sources;
	struct decoded flow[FLOWS_MAX];
	unsigned flows, troubles;
	int64_t arrived_us;
} t;

static bool
on_flow(void *ctx, const struct decoded *d)
{
	(void)ctx;
	assert_true(t.flows < FLOWS_MAX);
	t.flow[t.flows++] = *d;
	return true;
}
static uint32_t
on_exporter(void *ctx, const uint8_t address[16], wall_t now)
{
	(void)ctx, (void)now;
	return 1u + address[15];
}
static void
on_trouble(void *ctx, const struct message *m, unsigned set, const char *why)
{
	(void)ctx, (void)m, (void)set, (void)why;
	t.troubles++;
}

static int
up(void **state)
{
	struct err err;
	(void)state;
	memset(&t, 0, sizeof t);
	t.arrived_us = SECS * S;
	t.d = (struct decoder){.sink = {.flow = on_flow, .exporter = on_exporter, .trouble = on_trouble},
		.limits = {.templates = 4, .waiting = 4096, .sources = SOURCES},
		.learn = &t.learn};
	return decoder_init(&t.d, t.table, &t.n_sources) || decoder_load(&t.d, &err);
}
static int
down(void **state)
{
	(void)state;
	decoder_close(&t.d);
	learn_close(&t.learn);
	return 0;
}

static void
feed_from(const struct wire *w, uint8_t sender)
{
	uint8_t from[16] = {[15] = sender};
	decode_datagram(&t.d, w->b, w->n, from, (wall_t){t.arrived_us});
	decode_finish(&t.d);
}
static void
feed(const struct wire *w)
{
	feed_from(w, 0);
}

/* a template set with one template */
static inline void
teach(struct wire *w, unsigned id, const uint16_t (*field)[2], unsigned n)
{
	unsigned at = w_set(w, w->b[1] == 9 ? 0 : 2);
	w_template(w, id, field, n);
	w_set_end(w, at);
}
#define TEACH(w, id, field) teach(w, id, field, sizeof field / sizeof field[0])

static const uint16_t plain[][2] = {{8, 4}, {12, 4}, {1, 4}, {2, 4}};
static inline void
plain_data(struct wire *w, unsigned id, unsigned n, uint32_t bytes)
{
	unsigned at = w_set(w, id);
	for (unsigned i = 0; i < n; i++)
		w32(w, 0x0a000001 + i), w32(w, 0x0a000002), w32(w, bytes + i), w32(w, 1);
	w_set_end(w, at);
}

#endif
