/*
 * ingest_stepping_test.c - ingest's stage under the stepping harness: killed after every instruction that changed
 * shared memory, recovered, finished, compared with the truth.
 *
 * The world: a socket queue of prepared datagrams (v5, v9, IPFIX from three exporters), a segment "ingest", a flow
 * ring of 8 slots, so that batches are split all the time, and a consumer that lives in the same thread: it takes
 * records when the ring is full and keeps, by ring position, what it saw in a region of its own.  A position that is
 * seen twice with different contents is an error at once; at the end the contents of all positions must be those of an
 * undisturbed run, and so must the source table and the counters.
 *
 * Records of v9 and IPFIX bring kept elements: flows of two, three and four slots.
 *
 * A second world is the connection of a proxy (ingest/proxied.h): messages that come again, as after a connection that broke,
 * and some that never came.  There a flow counts once however often its message comes, whenever ingest is killed.
 *
 * The queue's position needs no memory: what has been taken is the record's count of datagrams, since the kernel takes a
 * datagram out and stores msg_len in one go as far as the process can see.  Templates come from a datagram that each
 * attach decodes first: what is learnt through LMDB has a test of its own (ingest_crash_test.c).
 */
#include <malloc.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/log.h"
#include "ingest/kept.h"
#include "proxy/encode.h"
#include "tests/contract/ingest_world.h"
#include "tests/contract/step.h"

enum { DATAGRAMS = 9, PROXIED = 5, SOURCES = WORLD_SOURCES, SLOTS = WORLD_SLOTS };
enum { SEGMENT, RING, SEEN, REGIONS };

static struct wire queue[DATAGRAMS], templates[2], proxied[PROXIED], proxied_templates[1];
static const uint8_t senders[DATAGRAMS] = {0, 1, 2, 0, 1, 2, 0, 1, 2}, one_sender[PROXIED];

/* what a world is made of */
static const struct traffic {
	const struct wire *queue, *templates;
	const uint8_t
		*from; /* last byte of the address of each datagram, and of the first sender of templates */
	unsigned n, n_templates, first;
	unsigned budget_s, checked; /* step.h; states that are checked at least */
	uint64_t flows, gaps, duplicates;
} usual = {queue, templates, senders, DATAGRAMS, 2, 1, 0, 500, 21, 3, 0},
  by_proxy = {proxied, proxied_templates, one_sender, PROXIED, 1, 0, 5, 150, 4, 2, 2};
static const struct traffic *traffic = &usual;

struct truth {
	struct seen seen;
	struct ft_source source[SOURCES];
	struct ft_stage_record record;
};
static struct truth truth;

/* ---- traffic ---------------------------------------------------------------------------------- */

static const uint16_t fields[][2] = {
	{8, 4}, {12, 4}, {7, 2}, {11, 2}, {4, 1}, {1, 4}, {2, 4}, {15, 4}, {52, 1}, {341, 120}};
/* the last but one is kept, a slot more, in IPFIX the last as well: two */
enum { FIELDS = sizeof fields / sizeof fields[0], FIELDS9 = FIELDS - 1 };
static const struct keep keep = {.serial = 1, .all = true, .most = 300};

static void
record(struct wire *w, unsigned i, bool v9)
{
	w32(w, 0x0a000001 + i), w32(w, 0x0a010001 + i), w16(w, 1000 + i), w16(w, 443), w8(w, 6),
		w32(w, 100 + i), w32(w, 1 + i), w32(w, i % 2 ? 0x0a0000fe : 0), w8(w, 30 + i);
	for (unsigned k = 0; !v9 && k < 120; k++)
		w8(w, 'a' + i);
}

static void
make_traffic(void)
{
	unsigned serial = 0;
	uint32_t v5 = 0, v9 = 10, ipfix = 0;
	w_v9_header(&templates[0], 1000, 1760000000, 9, 7);
	unsigned at = w_set(&templates[0], 0);
	w_template(&templates[0], 256, fields, FIELDS9);
	w_set_end(&templates[0], at);
	w_ipfix_header(&templates[1], 1760000000, 0, 8);
	at = w_set(&templates[1], 2);
	w_template(&templates[1], 256, fields, FIELDS);
	w_set_end(&templates[1], at);
	w_ipfix_end(&templates[1]);
	for (unsigned i = 0; i < DATAGRAMS; i++) {
		struct wire *w = &queue[i];
		unsigned n = 1 + i % 4;
		if (i % 3 == 0) {
			v5 += i == 6 ? 3 : 0; /* a gap */
			w_v5_header(w, n, 5000, 1760000000, v5);
			v5 += n;
			for (unsigned k = 0; k < n; k++, serial++)
				w_v5_record(w, 0xc0a80001 + serial, 0x08080808, k & 1 ? 0x0a0000fe : 0, 2000,
					53, 2, 200, 1000, 4000);
			continue;
		}
		if (i % 3 == 1)
			w_v9_header(w, 5000, 1760000000, v9++, 7);
		else
			w_ipfix_header(w, 1760000000, ipfix, 8);
		at = w_set(w, 256);
		for (unsigned k = 0; k < n; k++)
			record(w, serial++, i % 3 == 1);
		w_set_end(w, at);
		if (i % 3 == 2) {
			w_ipfix_end(w);
			ipfix += n;
		}
	}
}

/* ---- by a proxy ------------------------------------------------------------------------------- */

enum { STREAM = 77 };

static void
message(struct wire *w, const struct encoder *e, uint64_t position)
{
	static const uint8_t guid[16] = {[15] = 9};
	size_t n = ENCODE_HEADER + ENCODE_OPTIONS_SET;
	(void)encode_options(w->b + ENCODE_HEADER, STREAM, position, e->records, guid);
	memcpy(w->b + n, e->sets, e->n);
	w->n = (unsigned)encode_header(w->b, n + e->n, 1760000000, 0, STREAM);
	w->n = (unsigned)(n + e->n);
}

/* `n` flows, and in the second message what an exporter says of an interface */
static void
flows(struct encoder *e, unsigned from, unsigned n)
{
	static const uint8_t element[] = {0, 52, 0, 1, 0, 30};
	struct proxied_origin o = {.guid = {[15] = 9}};
	encode_begin(e);
	for (unsigned i = from; i < from + n; i++) {
		struct ft_flow f = {.bytes = 100 + i, .packets = 1, .proto = 6, .version = 9, .sampling = 1};
		memset(f.src + 10, 0xff, 2), memset(f.dst + 10, 0xff, 2);
		f.src[15] = (uint8_t)i, f.dst[15] = 200;
		o.exporter[15] = i % 2;
		o.elements = i % 4 == 3 ? (struct proxied_text){element, sizeof element}
					: (struct proxied_text){NULL, 0};
		CHECK(encode_flow(e, &f, NULL, &o));
	}
	if (from == 2) {
		struct ft_flow f = {.in_if = 3, .version = 9};
		o.elements.n = 0;
		CHECK(encode_interface(e, &f, &o));
	}
	encode_end(e);
}

/* Of the templates those that this world needs: each one costs a tenth of the steps there are. */
static void
teach_proxied(struct wire *w)
{
	static uint8_t all[ENCODE_TEMPLATE_BYTES];
	size_t n = encode_templates(all), set = (size_t)(all[2] << 8 | all[3]);
	unsigned at = w_set(w, 2);
	for (size_t i = 4, end; i < set; i = end) {
		unsigned id = (unsigned)(all[i] << 8 | all[i + 1]),
			 left = (unsigned)(all[i + 2] << 8 | all[i + 3]);
		for (end = i + 4; left > 0; left--)
			end += all[end] & 0x80 ? 8 : 4;
		if (id == ENCODE_TEMPLATE || id == ENCODE_TEMPLATE + 4 || id == ENCODE_INTERFACE)
			w_bytes(w, all + i, (unsigned)(end - i));
	}
	w_set_end(w, at);
	w_bytes(w, all + set, (unsigned)(n - set)); /* of options */
}

static void
make_proxied(void)
{
	/* first flow, flows, position (what is said of an interface counts): the third and fifth come again, the fourth begins two
	 * after the one before it */
	static const struct {
		unsigned from, n, position;
	} row[PROXIED] = {{0, 1, 0}, {2, 2, 1}, {2, 2, 1}, {7, 1, 6}, {0, 1, 0}};
	static struct encoder e;
	struct wire *t = &proxied_templates[0];
	w_ipfix_header(t, 1760000000, 0, STREAM);
	teach_proxied(t);
	w_ipfix_end(t);
	for (unsigned i = 0; i < PROXIED; i++) {
		flows(&e, row[i].from, row[i].n);
		message(&proxied[i], &e, row[i].position);
	}
}

/* ---- one side --------------------------------------------------------------------------------- */

static void
attach(struct ingest_side *s, void *const *at, unsigned batch)
{
	memset(s, 0, sizeof *s);
	s->queue = traffic->queue;
	s->from = traffic->from;
	s->n = traffic->n;
	s->batch = batch;
	CHECK(ingest_attach(s, at[SEGMENT], at[RING], at[SEEN], NULL, 0) == 0);
	atomic_store(&s->t.keep, &keep);
	/* as if learnt long ago; never finished, so it changes nothing that counts */
	for (unsigned i = 0; i < traffic->n_templates; i++) {
		const uint8_t from[16] = {[15] = (uint8_t)(traffic->first + i)};
		decode_datagram(&s->t.decoder, traffic->templates[i].b, traffic->templates[i].n, from,
			(wall_t){WORLD_ARRIVED_US});
	}
}

static void
run(void *const *at, unsigned batch)
{
	struct ingest_side s;
	attach(&s, at, batch);
	ingest_run(&s);
	ingest_thread_detach(&s.t);
}

static void
work(void *ctx, void *const *at)
{
	(void)ctx;
	run(at, 3);
}

static void
recover(void *ctx, void *const *at)
{
	struct ingest_side s;
	(void)ctx;
	attach(&s, at, 1);
	ingest_thread_detach(&s.t);
}

static void
forget_times(struct ft_source *s, struct ft_stage_record *r)
{
	for (unsigned i = 0; i < SOURCES; i++)
		s[i].full_wait_us = 0;
	r->counter[THREAD_FULL_WAIT_US] = r->counter[THREAD_RESUMED] = 0;
	r->seq = 0;
	r->input[IN_BATCH] = 0;
}

static void
look(void *const *at, struct truth *t)
{
	const struct ingest_header *h = at[SEGMENT];
	struct stage st;
	t->seen = *(const struct seen *)at[SEEN];
	memcpy(t->source, (const uint8_t *)at[SEGMENT] + h->at_sources, sizeof t->source);
	stage_attach(&st, at[SEGMENT], h->at_stage);
	t->record = *stage_record(&st);
	forget_times(t->source, &t->record);
}

static bool
finish(void *ctx, void *const *at, char *why, size_t n)
{
	static struct truth now;
	(void)ctx;
	run(at, 2);
	look(at, &now);
	if (now.seen.wrong)
		snprintf(why, n, "a ring position was seen with two different contents");
	else if (now.seen.positions != truth.seen.positions)
		snprintf(why, n, "%llu slots were seen, not %llu", (unsigned long long)now.seen.positions,
			(unsigned long long)truth.seen.positions);
	else if (memcmp(now.seen.slot, truth.seen.slot, sizeof now.seen.slot) != 0)
		snprintf(why, n, "flows differ from those of an undisturbed run");
	else if (memcmp(now.source, truth.source, sizeof now.source) != 0)
		snprintf(why, n, "the source table differs");
	else if (memcmp(&now.record, &truth.record, sizeof now.record) != 0)
		snprintf(why, n, "counters or positions differ (datagrams %llu, flows %llu)",
			(unsigned long long)now.record.counter[THREAD_DATAGRAMS],
			(unsigned long long)now.record.counter[THREAD_FLOWS]);
	else
		return true;
	return false;
}

static void
prepare(struct step_test *t)
{
	*t = (struct step_test){.name = "ingest",
		.work = work,
		.recover = recover,
		.finish = finish,
		.budget_s = traffic->budget_s};
	struct ingest_header h;
	static uint8_t scratch[1 << 20];
	CHECK(ingest_segment_bytes(SOURCES) > 0);
	ingest_segment_format(scratch, SOURCES);
	memcpy(&h, scratch, sizeof h);
	void *segment = step_region(t, "segment", h.at_datagrams);
	ingest_segment_format(segment, SOURCES);
	void *ring = step_region(t, "ring", sizeof(struct ft_ring_header) + SLOTS * sizeof(struct ft_flow));
	ring_format(ring, sizeof(struct ft_flow), SLOTS);
	((struct ft_ring_header *)ring)->slots = SLOTS;
	(void)step_region(t, "seen", sizeof(struct seen));
}

static void
test_every_instruction(void **state)
{
	struct step_test t;
	uint64_t duplicates = 0;
	traffic = *state;
	/* the undisturbed run, with another batch size than either */
	prepare(&t);
	void *at[REGIONS];
	for (unsigned i = 0; i < REGIONS; i++)
		at[i] = t.region[i].base;
	run(at, 4);
	look(at, &truth);
	step_free(&t);
	assert_int_equal(truth.record.counter[THREAD_DATAGRAMS], traffic->n);
	assert_int_equal(truth.record.counter[THREAD_FLOWS], traffic->flows);
	assert_int_equal(truth.record.counter[THREAD_GAPS], traffic->gaps);
	for (unsigned i = 0; i < SOURCES; i++)
		duplicates += truth.source[i].duplicates;
	assert_int_equal(duplicates, traffic->duplicates);
	assert_int_equal(truth.seen.wrong, 0);

	prepare(&t);
	struct step_result r = step_run(&t);
	step_free(&t);
	if (r.skipped)
		return;
	assert_int_equal(r.failures, 0);
	assert_true(r.checked > traffic->checked);
	assert_true(r.recoveries > 0); /* how many is a matter of time: step.h, budget_s */
}

int
main(void)
{
	/* fresh pages are zero already: clearing reused ones byte by byte would be most of the steps */
	(void)mallopt(M_MMAP_THRESHOLD, 16384);
	log_open("test", NULL, LOG_L_ALWAYS);
	make_traffic();
	make_proxied();
	const struct CMUnitTest tests[] = {
		{"ingest killed at every changed instruction publishes every flow once",
			test_every_instruction, NULL, NULL, (void *)(uintptr_t)&usual},
		{"ingest killed at every changed instruction takes every flow of a proxy once",
			test_every_instruction, NULL, NULL, (void *)(uintptr_t)&by_proxy},
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
