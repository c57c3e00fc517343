/*
 * flood_test.c - what strangers can make ingest do, counted, whatever is known of others: of the table of templates at
 * most 1,000 places looked at for a kilobyte they send (a place costs less than 100 ns), and at most 30 values written to
 * the file (a value costs less than 3 us).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "ingest/decode.h"
#include "ingest/learn.h"
#include "ingest/template.h"
#include "tests/contract/wire.h"

enum { SECS = 1760000000, KNOWN = 60000, SPOOFED = 100000, MANY = 1024, STEPS_A_KB = 1000, WRITES_A_KB = 30 };

static struct {
	struct decoder d;
	struct learn learn;
	struct kv *kv;
	unsigned db;
	struct ft_source *table;
	uint64_t n_sources, bytes;
	uint32_t exporter;
	char folder[64];
} t;

static bool
on_flow(void *ctx, const struct decoded *d)
{
	(void)ctx, (void)d;
	return true;
}
static uint32_t
on_exporter(void *ctx, const uint8_t address[16], wall_t now)
{
	(void)ctx, (void)address, (void)now;
	return t.exporter;
}

/* a decoder that knows what the file has, and no source */
static void
begin(void)
{
	struct err err;
	t.n_sources = 0;
	t.learn = (struct learn){.kv = t.kv, .db = t.db, .port = 2055, .batch = 1};
	t.d = (struct decoder){.sink = {.flow = on_flow, .exporter = on_exporter},
		.limits = {.templates = MANY, .waiting = 1 << 20, .sources = KNOWN + SPOOFED + 2},
		.learn = &t.learn};
	assert_int_equal(learn_recover(&t.learn, false, 0, &err), 0);
	assert_int_equal(decoder_init(&t.d, t.table, &t.n_sources), 0);
	assert_int_equal(decoder_load(&t.d, &err), 0);
}

static void
end(void)
{
	struct err err;
	assert_int_equal(learn_flush(&t.learn, &err), 0);
	decoder_close(&t.d);
	learn_close(&t.learn);
}

static int
up(void **state)
{
	struct err err;
	(void)state;
	memset(&t, 0, sizeof t);
	snprintf(t.folder, sizeof t.folder, "/tmp/ft-flood-test.XXXXXX");
	t.table = calloc(KNOWN + SPOOFED + 2, sizeof *t.table);
	return t.table == NULL || mkdtemp(t.folder) == NULL || learn_open(&t.kv, &t.db, t.folder, &err) != 0;
}
static int
down(void **state)
{
	char path[96];
	(void)state;
	kv_close(t.kv);
	free(t.table);
	snprintf(path, sizeof path, "%s/ingest.lmdb", t.folder);
	(void)unlink(path);
	snprintf(path, sizeof path, "%s/ingest.lmdb-lock", t.folder);
	(void)unlink(path);
	return rmdir(t.folder);
}

static void
feed(uint32_t exporter, const struct wire *w)
{
	static const uint8_t from[16];
	t.exporter = exporter;
	t.bytes += w->n;
	decode_datagram(&t.d, w->b, w->n, from, (wall_t){SECS * INT64_C(1000000)});
	decode_finish(&t.d);
}

static void
teach(struct wire *w, unsigned first, unsigned n)
{
	static const uint16_t plain[][2] = {{8, 4}, {12, 4}, {1, 4}, {2, 4}};
	unsigned at = w_set(w, w->b[1] == 9 ? 0 : 2);
	for (unsigned i = 0; i < n; i++)
		w_template(w, first + i, plain, 4);
	w_set_end(w, at);
}

/* a datagram of templates, sent so long after the start of its exporter */
static void
templates(uint32_t exporter, uint32_t uptime_s, unsigned first, unsigned n)
{
	struct wire w = {0};
	w_v9_header(&w, uptime_s * 1000, SECS, 0, 0);
	teach(&w, first, n);
	feed(exporter, &w);
}

/* as many as are kept, in the file, from before the start; the last exporter has as many as one may */
static void
know_many(void)
{
	begin();
	for (uint32_t e = 1; e <= KNOWN; e++)
		templates(e, 1000, 256, 1);
	for (unsigned id = 256; id < 256 + MANY; id += 256)
		templates(KNOWN + 1, 1000, id, 256);
	assert_int_equal(template_count(t.d.templates), KNOWN + MANY);
	end();
	begin();
	assert_int_equal(template_count(t.d.templates), KNOWN + MANY);
}

static void
a_kilobyte_costs_little(uint64_t steps_before, uint64_t bytes_before, const char *what)
{
	uint64_t steps = template_steps(t.d.templates) - steps_before, bytes = t.bytes - bytes_before;
	printf("%s: %.0f steps a KB\n", what, (double)steps * 1000 / (double)bytes);
	assert_true(steps * 1000 <= bytes * STEPS_A_KB);
}

static void
strangers_that_restart_do_not_make_it_search(void **state)
{
	(void)state;
	know_many();
	uint64_t steps = template_steps(t.d.templates), bytes = t.bytes, most = 0;
	for (unsigned i = 0; i < SPOOFED; i++) {
		uint64_t before = template_steps(t.d.templates);
		uint32_t who = 1 + i * 7 % (KNOWN + SPOOFED / 2); /* some of them are known */
		templates(who == KNOWN + 1 ? 1 : who, 1000 - i / 1000, 256 + i % 3, 1);
		templates(who == KNOWN + 1 ? 1 : who, 10, 300, 1); /* less uptime: it restarted */
		before = template_steps(t.d.templates) - before;
		most = before > most ? before : most;
	}
	a_kilobyte_costs_little(steps, bytes, "restarts of strangers");
	printf("the dearest pair of datagrams: %llu steps\n", (unsigned long long)most);
	assert_true(most < 200);
	/* the one with many: as cheap as all, and none of them counts any more */
	for (unsigned i = 0; i < 3; i++) {
		steps = template_steps(t.d.templates);
		templates(KNOWN + 1, 900 - i, 256, 1);
		templates(KNOWN + 1, 10, 256, 1);
		steps = template_steps(t.d.templates) - steps;
		assert_true(steps < 100);
	}
	assert_true(template_count(t.d.templates) < KNOWN + SPOOFED);
	/* it may have as many as before, and each new one takes two of the old out */
	for (unsigned id = 10000; id < 10000 + MANY; id += 128) {
		steps = template_steps(t.d.templates);
		templates(KNOWN + 1, 20, id, 128);
		steps = template_steps(t.d.templates) - steps;
		assert_true(steps < 128 * 100);
	}
	assert_true(t.d.work.templates > MANY - 10);
	end();
}

static void
a_connection_that_withdraws_all_does_not_make_it_search(void **state)
{
	(void)state;
	know_many();
	t.d.connection = 7;
	uint64_t steps = template_steps(t.d.templates), bytes = t.bytes;
	for (unsigned i = 0; i < 100; i++) {
		struct wire w = {0};
		w_ipfix_header(&w, SECS, 0, 0);
		teach(&w, 256, 2);
		unsigned at = w_set(&w, 2);
		for (unsigned k = 0; k < 1000; k++)
			w16(&w, 2), w16(&w, 0); /* all of them */
		w_set_end(&w, at), w_ipfix_end(&w);
		feed(KNOWN + 1, &w);
	}
	a_kilobyte_costs_little(steps, bytes, "withdrawals of all");
	assert_int_equal(template_count(t.d.templates), KNOWN + MANY);
	end();
}

/* ---- what is written -------------------------------------------------------------------------- */

/* `what` n times, a datagram each; a batch has 64, as ingest's */
static void
writes_little(unsigned n, void (*what)(struct wire *w, unsigned i), const char *name)
{
	struct err err;
	uint64_t writes = t.learn.writes, bytes = t.bytes;
	for (unsigned i = 0; i < n; i++) {
		struct wire w = {0};
		w_v9_header(&w, 1000000, SECS, i, 0);
		what(&w, i);
		t.learn.datagram = i % 64;
		feed(1, &w);
		if (i % 64 == 63) {
			assert_int_equal(learn_flush(&t.learn, &err), 0);
			t.learn.batch++;
		}
	}
	writes = t.learn.writes - writes;
	bytes = t.bytes - bytes;
	printf("%s: %.1f values written a KB\n", name, (double)writes * 1000 / (double)bytes);
	assert_true(writes * 1000 <= bytes * WRITES_A_KB);
}

static void
options_template(struct wire *w, unsigned id, const uint16_t (*field)[2], unsigned n)
{
	unsigned at = w_set(w, 1);
	w16(w, id), w16(w, 0), w16(w, 4 * n);
	for (unsigned i = 0; i < n; i++)
		w16(w, field[i][0]), w16(w, field[i][1]);
	w_set_end(w, at);
}

static void
rates(struct wire *w, unsigned i)
{
	static const uint16_t rate[][2] = {{34, 1}};
	options_template(w, 400, rate, 1);
	unsigned at = w_set(w, 400);
	for (unsigned k = 0; k < 1200; k++)
		w8(w, 1 + (i + k) % 200);
	w_set_end(w, at);
}

static void
samplers(struct wire *w, unsigned i)
{
	static const uint16_t sampler[][2] = {{48, 4}, {34, 4}};
	options_template(w, 401, sampler, 2);
	unsigned at = w_set(w, 401);
	for (unsigned k = 0; k < 150; k++)
		w32(w, (i * 150 + k) % 30000), w32(w, 1 + i);
	w_set_end(w, at);
}

static void
applications(struct wire *w, unsigned i)
{
	static const uint16_t app[][2] = {{95, 4}, {96, 2}};
	options_template(w, 402, app, 2);
	unsigned at = w_set(w, 402);
	for (unsigned k = 0; k < 200; k++)
		w32(w, (i * 200 + k) % 20000), w16(w, 0x4141 + i % 20);
	w_set_end(w, at);
}

static void
redefined(struct wire *w, unsigned i)
{
	static const uint16_t a[][2] = {{8, 4}}, b[][2] = {{12, 4}};
	unsigned at = w_set(w, 0);
	for (unsigned k = 0; k < 150; k++)
		w_template(w, 500 + (i * 150 + k) % 900, i / 6 % 2 ? a : b, 1);
	w_set_end(w, at);
}

static void
too_early(struct wire *w, unsigned i)
{
	for (unsigned k = 0; k < 200; k++) {
		unsigned at = w_set(w, 3000 + (i + k) % 100);
		w16(w, k), w_set_end(w, at);
	}
	if (i % 2 == 0) /* and now and then what they wait for */
		redefined(w, i), teach(w, 3000 + i % 100, 1);
}

static void
what_changes_all_the_time_is_written_seldom(void **state)
{
	(void)state;
	begin();
	writes_little(640, rates, "a rate that changes in every record");
	writes_little(1280, samplers, "30,000 samplers whose rates change");
	writes_little(1280, applications, "20,000 applications whose names change");
	writes_little(1280, redefined, "900 templates that are redefined");
	writes_little(640, too_early, "sets that wait for their templates");
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(strangers_that_restart_do_not_make_it_search, up, down),
		cmocka_unit_test_setup_teardown(
			a_connection_that_withdraws_all_does_not_make_it_search, up, down),
		cmocka_unit_test_setup_teardown(what_changes_all_the_time_is_written_seldom, up, down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
