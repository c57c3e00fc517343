/*
 * replay_test.c - the datagrams of several exporters and observation domains, in any interleaving that keeps each
 * stream's own order, make the same sessions.
 *
 * The streams use the same template ids for other layouts, send data before its template, change a template under way,
 * tell their sampling rate in the middle, and number their datagrams.  All of that is state by exporter and domain; a
 * mistake in its scope shows as sessions that depend on the order.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/tracker_world.h"

#include "ingest/decode.h"
#include "ingest/learn.h"
#include "tests/contract/wire.h"

enum {
	STREAMS = 8,
	LENGTH = 40, /* datagrams of a stream */
	SECS = 1760000000,
	UPTIME = 100000000,
	SESSIONS = 2000,
	MIXES = 12
};

struct stream {
	uint8_t version, exporter;
	uint32_t domain;
	struct wire datagram[LENGTH];
};
static struct stream streams[STREAMS];

/* ---- what is sent ------------------------------------------------------------------------------- */

struct conversation {
	uint32_t client, server;
	uint16_t sport, dport;
	uint8_t proto;
};

/* each stream sees conversations of its own */
static struct conversation
conversation(unsigned stream, unsigned i)
{
	return (struct conversation){0x0a000000 + stream * 256 + i % 7, 0xc0000200 + i % 5,
		(uint16_t)(20000 + i), i % 3 ? 443 : 53, i % 3 ? 6 : 17};
}

static const uint16_t layout[3][11][2] = {
	{{8, 4}, {12, 4}, {7, 2}, {11, 2}, {4, 1}, {6, 1}, {1, 4}, {2, 4}, {22, 4}, {21, 4}, {10, 2}},
	{{12, 4}, {8, 4}, {11, 2}, {7, 2}, {2, 4}, {1, 4}, {21, 4}, {22, 4}, {6, 1}, {4, 1}, {10, 2}},
	{{4, 1}, {1, 8}, {8, 4}, {2, 8}, {12, 4}, {7, 2}, {6, 1}, {11, 2}, {152, 8}, {153, 8}, {14, 4}},
};

struct record {
	uint32_t src, dst, bytes, packets;
	uint16_t sport, dport;
	uint8_t proto, flags;
	int64_t first_ms, last_ms; /* since SECS */
};

static void
put(struct wire *w, const uint16_t field[2], const struct record *r)
{
	uint64_t v = 3;
	switch (field[0]) {
	case 1:
		v = r->bytes;
		break;
	case 2:
		v = r->packets;
		break;
	case 4:
		v = r->proto;
		break;
	case 6:
		v = r->flags;
		break;
	case 7:
		v = r->sport;
		break;
	case 8:
		v = r->src;
		break;
	case 11:
		v = r->dport;
		break;
	case 12:
		v = r->dst;
		break;
	case 21:
		v = (uint64_t)(UPTIME + r->last_ms);
		break;
	case 22:
		v = (uint64_t)(UPTIME + r->first_ms);
		break;
	case 152:
		v = (uint64_t)(SECS * INT64_C(1000) + r->first_ms);
		break;
	case 153:
		v = (uint64_t)(SECS * INT64_C(1000) + r->last_ms);
		break;
	default:
		break;
	}
	for (unsigned i = field[1]; i > 0; i--)
		w8(w, (unsigned)(v >> (i - 1) * 8) & 255);
}

static unsigned
layout_at(const struct stream *s, unsigned index, unsigned at)
{
	unsigned first = s->version == 10 ? 2 : index % 2;
	return at < LENGTH / 2 || s->version == 10 ? first : 1 - first;
}

/* the records of datagram `at`: request and answer a datagram later, twice each, FIN the second time */
static unsigned
records(unsigned index, unsigned at, struct record out[8])
{
	unsigned n = 0;
	for (unsigned ago = 0; ago < 4; ago++)
		for (unsigned k = 0; k < 2 && at >= ago; k++) {
			unsigned i = (at - ago) * 2 + k;
			struct conversation c = conversation(index, i);
			bool back = ago % 2 == 1, again = ago >= 2, tcp = c.proto == 6;
			out[n++] = (struct record){back ? c.server : c.client, back ? c.client : c.server,
				1000 + i * 10 + ago, 1 + i % 5, back ? c.dport : c.sport,
				back ? c.sport : c.dport, c.proto,
				(uint8_t)(!tcp    ? 0
					  : again ? 0x11
					  : back  ? 0x12
						  : 0x02),
				at * 1000 + back, at * 1000 + 500 + back};
		}
	return n;
}

static void
template_of(struct wire *w, const struct stream *s, unsigned l)
{
	unsigned at = w_set(w, s->version == 9 ? 0 : 2);
	w_template(w, 256, layout[l], 11);
	w_set_end(w, at);
}

static void
rate_of(struct wire *w, const struct stream *s, uint32_t rate)
{
	unsigned at = w_set(w, s->version == 9 ? 1 : 3);
	if (s->version == 9)
		w16(w, 400), w16(w, 4), w16(w, 4), w16(w, 1), w16(w, 4), w16(w, 34), w16(w, 4);
	else
		w16(w, 400), w16(w, 2), w16(w, 1), w16(w, 149), w16(w, 4), w16(w, 34), w16(w, 4);
	w_set_end(w, at);
	at = w_set(w, 400);
	w32(w, s->domain), w32(w, rate);
	w_set_end(w, at);
}

static void
make_v5(struct wire *w, const struct record *r, unsigned n, unsigned at, uint32_t sequence)
{
	w_v5_header(w, n, UPTIME + at * 1000, SECS + at, sequence);
	for (unsigned i = 0; i < n; i++) {
		w_v5_record(w, r[i].src, r[i].dst, 0, r[i].sport, r[i].dport, r[i].packets, r[i].bytes,
			(uint32_t)(UPTIME + r[i].first_ms), (uint32_t)(UPTIME + r[i].last_ms));
		w->b[w->n - 11] = r[i].flags;
		w->b[w->n - 10] = r[i].proto;
	}
}

static void
make(struct stream *s, unsigned index)
{
	uint32_t sequence = 0;
	for (unsigned at = 0; at < LENGTH; at++) {
		struct wire *w = &s->datagram[at];
		struct record r[8];
		unsigned n = records(index, at, r), l = layout_at(s, index, at);
		if (s->version == 5) {
			make_v5(w, r, n, at, sequence);
			sequence += n;
			continue;
		}
		if (s->version == 9)
			w_v9_header(w, UPTIME + at * 1000, SECS + at, sequence++, s->domain);
		else
			w_ipfix_header(w, SECS + at, sequence, s->domain);
		if (at == 2 + index % 3 || at == LENGTH / 2)
			template_of(w, s, l);
		if (at == 10) {
			rate_of(w, s, 10 + index);
			sequence += s->version == 10;
		}
		unsigned set = w_set(w, 256);
		for (unsigned i = 0; i < n; i++)
			for (unsigned k = 0; k < 11; k++)
				put(w, layout[l][k], &r[i]);
		w_set_end(w, set);
		if (s->version == 10) {
			w_ipfix_end(w);
			sequence += n;
		}
	}
}

static int
make_streams(void **state)
{
	static const struct {
		uint8_t version, exporter;
		uint32_t domain;
	} kind[STREAMS] = {
		{9, 1, 0}, {9, 1, 1}, {9, 1, 77}, {10, 1, 0}, {10, 2, 0}, {10, 2, 1}, {9, 3, 0}, {5, 4, 0}};
	(void)state;
	for (unsigned i = 0; i < STREAMS; i++) {
		streams[i].version = kind[i].version;
		streams[i].exporter = kind[i].exporter;
		streams[i].domain = kind[i].domain;
		make(&streams[i], i);
	}
	return 0;
}

/* ---- what comes of it --------------------------------------------------------------------------- */

struct session {
	uint8_t client[16], server[16];
	uint64_t client_bytes, server_bytes, client_packets, server_packets;
	int64_t first_us, last_us;
	uint64_t session; /* id: not compared */
	uint32_t exporter, domain, client_flows, server_flows, sampling;
	uint16_t client_port, server_port;
	uint8_t proto, version, client_flags, server_flags, end, pad[3];
};

static struct result {
	struct session s[SESSIONS];
	unsigned n;
	uint64_t gaps, undecodable, waiting;
} results[2];

static struct world world;
static struct decoder decoder;

static bool
on_flow(void *ctx, const struct decoded *d)
{
	(void)ctx;
	world_push(&world, &d->f, d->f.bits & FT_FLOW_EXT ? &d->x : NULL);
	return true;
}
static uint32_t
on_exporter(void *ctx, const uint8_t address[16], wall_t now)
{
	(void)ctx, (void)now;
	return address[15];
}

static void
add(struct result *r, const struct ft_slice *p)
{
	unsigned i = 0;
	while (i < r->n && r->s[i].session != p->session)
		i++;
	assert_true(i < SESSIONS);
	struct session *s = &r->s[i];
	if (i == r->n) {
		r->n++;
		*s = (struct session){.session = p->session,
			.exporter = p->exporter,
			.domain = p->domain,
			.client_port = p->client_port,
			.server_port = p->server_port,
			.proto = p->proto,
			.version = p->version,
			.first_us = p->first_us,
			.last_us = p->last_us};
		memcpy(s->client, p->client, 16);
		memcpy(s->server, p->server, 16);
	}
	s->client_bytes += p->client_bytes;
	s->server_bytes += p->server_bytes;
	s->client_packets += p->client_packets;
	s->server_packets += p->server_packets;
	s->client_flows += p->client_flows;
	s->server_flows += p->server_flows;
	s->client_flags |= p->client_flags;
	s->server_flags |= p->server_flags;
	s->sampling = p->sampling;
	s->end = p->end_reason == FT_END_FIN ? FT_END_FIN : 0;
	s->first_us = p->first_us < s->first_us ? p->first_us : s->first_us;
	s->last_us = p->last_us > s->last_us ? p->last_us : s->last_us;
}

static int
by_content(const void *x, const void *y)
{
	return memcmp(x, y, sizeof(struct session));
}

/* order[]: which stream sends next */
static void
run(struct result *r, const uint8_t *order)
{
	static struct ft_source table[STREAMS];
	uint64_t n_sources = 0;
	unsigned sent[STREAMS] = {0};
	struct learn learn = {0};
	struct err err;
	memset(r, 0, sizeof *r);
	memset(table, 0, sizeof table);
	world_open(&world, 1024, 256, 256);
	decoder = (struct decoder){.sink = {.flow = on_flow, .exporter = on_exporter},
		.limits = {.templates = 16, .waiting = 1 << 20, .sources = STREAMS},
		.learn = &learn};
	assert_int_equal(decoder_init(&decoder, table, &n_sources), 0);
	assert_int_equal(decoder_load(&decoder, &err), 0);
	for (unsigned i = 0; i < STREAMS * LENGTH; i++) {
		struct stream *s = &streams[order[i]];
		const struct wire *w = &s->datagram[sent[order[i]]++];
		uint8_t from[16] = {[15] = s->exporter};
		decode_datagram(&decoder, w->b, w->n, from, (wall_t){SECS * INT64_C(1000000)});
		decode_finish(&decoder);
		world_run(&world);
		world_pass(&world, 20);
	}
	world_flush(&world, true);
	for (size_t i = 0; i < world.n; i++)
		add(r, &world.got[i].s);
	for (unsigned i = 0; i < r->n; i++)
		r->s[i].session = 0;
	qsort(r->s, r->n, sizeof r->s[0], by_content);
	for (unsigned i = 0; i < n_sources; i++) {
		r->gaps += table[i].sequence_gaps;
		r->undecodable += table[i].undecodable_sets;
		r->waiting += table[i].sets_waiting;
	}
	decoder_close(&decoder);
	learn_close(&learn);
	world_close(&world);
}

/* 0: one stream after the other, backwards; odd: bursts of up to 30 datagrams; even: one by one */
static void
shuffle(uint8_t order[STREAMS * LENGTH], unsigned mix, uint64_t *dice)
{
	unsigned left[STREAMS];
	for (unsigned i = 0; i < STREAMS; i++)
		left[i] = LENGTH;
	for (unsigned n = 0; n < STREAMS * LENGTH;) {
		unsigned burst = mix % 2 ? 1 + (unsigned)(world_random(dice) % 30) : mix ? 1 : LENGTH;
		unsigned s = mix ? (unsigned)(world_random(dice) % STREAMS) : STREAMS - 1 - n / LENGTH;
		for (; burst > 0 && left[s] > 0; burst--, left[s]--)
			order[n++] = (uint8_t)s;
	}
}

static void
any_interleaving_makes_the_same_sessions(void **state)
{
	uint8_t order[STREAMS * LENGTH];
	uint64_t dice = 4;
	(void)state;
	for (unsigned i = 0; i < STREAMS * LENGTH; i++) /* in turn */
		order[i] = (uint8_t)(i % STREAMS);
	run(&results[0], order);
	assert_int_equal(results[0].n, STREAMS * LENGTH * 2);
	assert_int_equal(results[0].gaps, 0);
	assert_int_equal(results[0].undecodable, 0);
	assert_int_equal(results[0].waiting, 0);
	for (unsigned mix = 0; mix < MIXES; mix++) {
		shuffle(order, mix, &dice);
		run(&results[1], order);
		assert_int_equal(results[1].n, results[0].n);
		for (unsigned i = 0; i < results[0].n; i++)
			if (memcmp(&results[0].s[i], &results[1].s[i], sizeof results[0].s[i]) != 0)
				fail_msg("mix %u: session %u is another one", mix, i);
		assert_int_equal(results[1].gaps, 0);
		assert_int_equal(results[1].undecodable, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(any_interleaving_makes_the_same_sessions)};
	return cmocka_run_group_tests(tests, make_streams, NULL);
}
