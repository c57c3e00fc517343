/*
 * exporter_test.c - what is set for exporters and what they say of themselves: overrides, disabled ones, clocks, scopes of
 * sampling rates, sets that are given up, forgetting; all with times of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/addr.h"
#include "ingest/exporter_set.h"
#include "ingest/hourly.h"
#include "ingest/options.h"
#include "tests/unit/decode_world.h"

static const uint16_t with_if[][2] = {{8, 4}, {12, 4}, {1, 4}, {10, 4}, {14, 4}};

/* settings of the exporter that the world's datagrams come from (id 1) */
static void
put_in_force(const struct setting *s)
{
	settings_drop((struct settings *)(uintptr_t)t.d.settings);
	struct settings *all = settings_new(1);
	assert_non_null(all);
	if (s)
		assert_int_equal(settings_add(all, s), 0);
	t.d.settings = all;
}

static int
down_settings(void **state)
{
	settings_drop((struct settings *)(uintptr_t)t.d.settings);
	t.d.settings = NULL;
	return down(state);
}

/* one record between two interfaces, of 1000 bytes */
static void
between(struct wire *w, unsigned id, uint32_t in, uint32_t out)
{
	unsigned at = w_set(w, id);
	w32(w, 1), w32(w, 2), w32(w, 1000), w32(w, in), w32(w, out);
	w_set_end(w, at);
}

/* ---- overrides ----------------------------------------------------------------------------------- */

static void
an_override_wins_and_leaves_the_counters_alone(void **state)
{
	static const struct setting_interface of[] = {{3, 50}, {9, 7}};
	struct wire w = {0};
	(void)state;
	w_v9_header(&w, UPTIME, SECS, 0, 3);
	unsigned at = w_set(&w, 1); /* the exporter says 1 in 10 */
	w16(&w, 400), w16(&w, 4), w16(&w, 4), w16(&w, 1), w16(&w, 4), w16(&w, 34), w16(&w, 4);
	w_set_end(&w, at);
	at = w_set(&w, 400);
	w32(&w, 0), w32(&w, 10);
	w_set_end(&w, at);
	TEACH(&w, 256, with_if);
	between(&w, 256, 3, 9), between(&w, 256, 1, 9), between(&w, 256, 1, 2);
	feed(&w);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(t.flow[i].f.sampling, 10);
	put_in_force(&(struct setting){.exporter = 1, .sampling = 100, .interfaces = 2, .interface = of});
	feed(&w);
	assert_int_equal(t.flow[3].f.sampling, 50);  /* of the interface it came in by */
	assert_int_equal(t.flow[4].f.sampling, 7);   /* of the one it left by */
	assert_int_equal(t.flow[5].f.sampling, 100); /* of the exporter */
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(t.flow[i].f.bytes, 1000);
	/* what the exporter says is not forgotten */
	assert_int_equal(t.table[0].sampling_seen, 10);
	put_in_force(&(struct setting){.exporter = 1, .interfaces = 1, .interface = of});
	feed(&w);
	assert_int_equal(t.flow[6].f.sampling, 50);
	assert_int_equal(t.flow[7].f.sampling, 10);                      /* no override: as it says */
	put_in_force(&(struct setting){.exporter = 2, .sampling = 100}); /* another's */
	feed(&w);
	assert_int_equal(t.flow[9].f.sampling, 10);
}

static void
an_override_holds_for_v5_and_both_directions_of_a_biflow(void **state)
{
	static const uint16_t both[][2] = {{8, 4}, {12, 4}, {231, 4}, {232, 4}};
	struct wire w = {0};
	(void)state;
	put_in_force(&(struct setting){.exporter = 1, .sampling = 100});
	w_v5_header(&w, 1, UPTIME, SECS, 77);
	w_fix16(&w, 22, 0x4005);
	w_v5_record(&w, 1, 2, 0, 1, 2, 10, 4000, UPTIME - 5, UPTIME);
	feed(&w);
	assert_int_equal(t.flow[0].f.sampling, 100);
	memset(&w, 0, sizeof w);
	w_v9_header(&w, UPTIME, SECS, 0, 3), TEACH(&w, 256, both);
	unsigned at = w_set(&w, 256);
	w32(&w, 1), w32(&w, 2), w32(&w, 100), w32(&w, 200);
	w_set_end(&w, at);
	feed(&w);
	assert_int_equal(t.flows, 3);
	assert_int_equal(t.flow[1].f.sampling, 100);
	assert_int_equal(t.flow[2].f.sampling, 100);
}

static void
a_disabled_exporter_is_counted_and_not_stored(void **state)
{
	struct wire w = {0};
	(void)state;
	put_in_force(&(struct setting){.exporter = 1, .disabled = true});
	w_v9_header(&w, UPTIME, SECS, 0, 3), TEACH(&w, 256, plain), plain_data(&w, 256, 5, 1);
	feed(&w);
	assert_int_equal(t.flows, 0);
	assert_int_equal(t.table[0].flows, 0);
	assert_int_equal(t.table[0].flows_disabled, 5);
	assert_int_equal(t.d.totals.flows_disabled, 5);
	assert_int_equal(t.table[0].datagrams, 1);
	assert_int_equal(t.table[0].templates, 1);
	/* another exporter's flows come */
	feed_from(&w, 7);
	assert_int_equal(t.flows, 5);
	/* enabled again, its template is known, and nothing is missing */
	put_in_force(NULL);
	memset(&w, 0, sizeof w);
	w_v9_header(&w, UPTIME, SECS, 1, 3), plain_data(&w, 256, 2, 1);
	feed(&w);
	assert_int_equal(t.flows, 7);
	assert_int_equal(t.table[0].flows, 2);
	assert_int_equal(t.table[0].sequence_gaps, 0);
	/* a datagram of which a part was handed on before a restart is finished */
	put_in_force(&(struct setting){.exporter = 1, .disabled = true});
	t.d.resumed = true;
	memset(&w, 0, sizeof w);
	w_v9_header(&w, UPTIME, SECS, 2, 3), plain_data(&w, 256, 2, 1);
	feed(&w);
	assert_int_equal(t.flows, 9);
}

/* ---- clocks -------------------------------------------------------------------------------------- */

/* export time that a flow gets from a header of `secs`, arriving at `arrived_s`; -1: no flow */
static int64_t
export_at(uint32_t secs, int64_t arrived_s)
{
	struct wire w = {0};
	w_v9_header(&w, UPTIME, secs, t.table[0].next_sequence, 3), TEACH(&w, 256, plain),
		plain_data(&w, 256, 1, 1);
	t.arrived_us = arrived_s * S;
	t.flows = 0;
	feed(&w);
	return t.flows ? t.flow[0].f.export_us : -1;
}

static void
clock_trust_never_corrects_and_arrival_always_does(void **state)
{
	(void)state;
	put_in_force(&(struct setting){.exporter = 1, .clock = SETTING_CLOCK_TRUST});
	assert_int_equal(export_at(12345, SECS), 12345 * S);
	assert_int_equal(export_at(SECS + 7200, SECS), (SECS + 7200) * S);
	assert_int_equal(t.table[0].skew_us, 7200 * S); /* shown all the same */
	assert_int_equal(t.table[0].state, FT_SOURCE_OK);
	put_in_force(&(struct setting){.exporter = 1, .clock = SETTING_CLOCK_ARRIVAL});
	assert_int_equal(export_at(SECS - 5, SECS), SECS * S);
	assert_int_equal(export_at(SECS - 400000, SECS + 1), (SECS + 1) * S);
	assert_int_equal(t.table[0].state, FT_SOURCE_OK);
	/* and nothing of it is left when the clock is judged again */
	put_in_force(NULL);
	assert_int_equal(export_at(SECS - 60, SECS + 2), (SECS - 60) * S);
	assert_int_equal(export_at(SECS + 2, SECS + 3), (SECS + 2) * S);
	assert_int_equal(t.table[0].correction_us, 0);
}

static void
a_correction_comes_after_ten_minutes_stays_and_goes_at_once(void **state)
{
	const int64_t off = -300;
	(void)state;
	/* five minutes behind and steady: believed for ten minutes, jitter of a second or not */
	for (int64_t at = 0; at < 600; at += 60)
		assert_int_equal(export_at((uint32_t)(SECS + at + off + (at / 60) % 2), SECS + at),
			(SECS + at + off + (at / 60) % 2) * S);
	for (int64_t at = 600; at < 1200; at += 60) {
		int64_t jitter = (at / 60) % 3 - 1;
		assert_int_equal(export_at((uint32_t)(SECS + at + off + jitter), SECS + at),
			(SECS + at + jitter) * S); /* the correction does not follow the jitter */
	}
	assert_int_equal(t.table[0].state, FT_SOURCE_CLOCK_WRONG);
	/* the clock is set right */
	assert_int_equal(export_at(SECS + 1200, SECS + 1200), (SECS + 1200) * S);
	assert_int_equal(t.table[0].state, FT_SOURCE_OK);
	/* and wrong again: another ten minutes of doubt */
	assert_int_equal(export_at((uint32_t)(SECS + 1260 + off), SECS + 1260), (SECS + 1260 + off) * S);
	assert_int_equal(export_at((uint32_t)(SECS + 1859 + off), SECS + 1859), (SECS + 1859 + off) * S);
	assert_int_equal(export_at((uint32_t)(SECS + 1860 + off), SECS + 1860), (SECS + 1860) * S);
}

/* ---- waiting ------------------------------------------------------------------------------------- */

static void
sets_without_a_template_are_given_up_after_thirty_minutes(void **state)
{
	struct wire w = {0};
	(void)state;
	w_v9_header(&w, UPTIME, SECS, 0, 3), plain_data(&w, 256, 1, 1);
	feed(&w); /* at SECS */
	t.arrived_us += 600 * S;
	memset(&w, 0, sizeof w);
	w_v9_header(&w, UPTIME, SECS + 600, 1, 3), plain_data(&w, 256, 1, 2), plain_data(&w, 257, 1, 3);
	feed(&w);
	assert_int_equal(t.table[0].sets_waiting, 3);
	assert_int_equal(t.table[0].state, FT_SOURCE_NO_TEMPLATE);
	assert_int_equal(waiting_expire(&t.d, (wall_t){(SECS + 1800) * S - 1}), 0);
	assert_int_equal(waiting_expire(&t.d, (wall_t){(SECS + 1800) * S}), 1);
	assert_int_equal(t.table[0].sets_waiting, 2);
	assert_int_equal(t.table[0].sets_dropped, 1);
	/* the template comes 25 minutes after the second set: that one is decoded, the first is gone */
	t.arrived_us = (SECS + 2100) * S;
	memset(&w, 0, sizeof w);
	w_v9_header(&w, UPTIME, SECS + 2100, 2, 3), TEACH(&w, 256, plain);
	feed(&w);
	assert_int_equal(t.flows, 1);
	assert_int_equal(t.flow[0].f.bytes, 2);
	assert_int_equal(t.flow[0].f.export_us, (SECS + 600) * S); /* with the time of its own datagram */
	assert_int_equal(waiting_expire(&t.d, (wall_t){(SECS + 2400) * S}), 1);
	assert_int_equal(waiting_sets(t.d.waiting), 0);
	assert_int_equal(t.table[0].sets_dropped, 2);
}

/* ---- sampling as exporters tell it --------------------------------------------------------------- */

/* an IPFIX options template 400 of the given fields, the first n_scope of them scopes, four bytes each, and a record */
static void
option(struct wire *w, unsigned n_scope, unsigned n, const uint16_t *field, const uint32_t *value)
{
	unsigned at = w_set(w, 3);
	w16(w, 400), w16(w, n), w16(w, n_scope);
	for (unsigned i = 0; i < n; i++)
		w16(w, field[i]), w16(w, 4);
	w_set_end(w, at);
	at = w_set(w, 400);
	for (unsigned i = 0; i < n; i++)
		w32(w, value[i]);
	w_set_end(w, at);
}
#define OPTION(w, n_scope, fields, values)                                                                   \
	option(w, n_scope, sizeof fields / sizeof fields[0], fields, values)

static unsigned
provenance(void)
{
	return (t.table[0].flags & FT_SOURCE_SAMPLING) >> FT_SOURCE_SAMPLING_SHIFT;
}

static void
a_rate_told_of_a_template_or_an_interface_holds_for_its_flows_alone(void **state)
{
	static const uint16_t by_template[] = {145, 305, 306}, by_if[] = {10, 34}, all[] = {149, 34};
	static const uint32_t template_256[] = {256, 1, 99}, interface_3[] = {3, 20}, interface_4[] = {4, 30},
			      everything[] = {3, 5};
	struct wire w = {0};
	(void)state;
	w_ipfix_header(&w, SECS, 0, 3);
	OPTION(&w, 1, by_template, template_256);
	OPTION(&w, 1, by_if, interface_3);
	OPTION(&w, 1, by_if, interface_4);
	TEACH(&w, 256, with_if), TEACH(&w, 257, with_if);
	between(&w, 256, 3, 4), between(&w, 257, 3, 4), between(&w, 257, 1, 4), between(&w, 257, 1, 2);
	w_ipfix_end(&w);
	feed(&w);
	assert_int_equal(t.flow[0].f.sampling, 100); /* its template's, though an interface has one */
	assert_int_equal(t.flow[1].f.sampling, 20);
	assert_int_equal(t.flow[2].f.sampling, 30);
	assert_int_equal(t.flow[3].f.sampling, 0); /* nothing was told of it */
	assert_int_equal(provenance(), FT_SAMPLING_UNKNOWN);
	memset(&w, 0, sizeof w);
	w_ipfix_header(&w, SECS, 0, 3);
	OPTION(&w, 1, all, everything);
	between(&w, 257, 3, 4), between(&w, 257, 1, 2);
	w_ipfix_end(&w);
	feed(&w);
	assert_int_equal(t.flow[4].f.sampling, 20);
	assert_int_equal(t.flow[5].f.sampling, 5); /* of the whole source */
	assert_int_equal(provenance(), FT_SAMPLING_OPTION);
	/* another domain's flows have nothing of it */
	memset(&w, 0, sizeof w);
	w_ipfix_header(&w, SECS, 0, 4), TEACH(&w, 256, with_if), between(&w, 256, 3, 4), w_ipfix_end(&w);
	feed(&w);
	assert_int_equal(t.flow[6].f.sampling, 0);
}

static void
v9_scopes_are_numbered_apart(void **state)
{
	struct wire w = {0};
	(void)state;
	w_v9_header(&w, UPTIME, SECS, 0, 3);
	unsigned at = w_set(&w, 1); /* scope 5: a template; then scope 2: an interface */
	w16(&w, 400), w16(&w, 4), w16(&w, 4), w16(&w, 5), w16(&w, 2), w16(&w, 34), w16(&w, 4);
	w16(&w, 401), w16(&w, 4), w16(&w, 4), w16(&w, 2), w16(&w, 4), w16(&w, 34), w16(&w, 4);
	w_set_end(&w, at);
	at = w_set(&w, 400);
	w16(&w, 256), w32(&w, 64);
	w_set_end(&w, at);
	at = w_set(&w, 401);
	w32(&w, 9), w32(&w, 32);
	w_set_end(&w, at);
	TEACH(&w, 256, with_if), TEACH(&w, 257, with_if);
	between(&w, 256, 9, 1), between(&w, 257, 9, 1), between(&w, 257, 1, 1);
	feed(&w);
	assert_int_equal(t.flow[0].f.sampling, 64);
	assert_int_equal(t.flow[1].f.sampling, 32);
	assert_int_equal(t.flow[2].f.sampling, 0);
}

static void
selectors_and_samplers_name_their_rate(void **state)
{
	static const uint16_t named[][2] = {{8, 4}, {12, 4}, {302, 4}};
	static const uint16_t count[] = {302, 304, 305, 306}, population[] = {302, 304, 309, 310},
			      probability[] = {302, 304, 311};
	static const uint32_t one_in_10[] = {1, 1, 10, 90}, one_in_40[] = {2, 3, 25, 1000},
			      a_quarter[] = {3, 4, 0x3e800000};
	struct wire w = {0};
	(void)state;
	w_ipfix_header(&w, SECS, 0, 3);
	OPTION(&w, 1, count, one_in_10);
	OPTION(&w, 1, population, one_in_40);
	OPTION(&w, 1, probability, a_quarter);
	TEACH(&w, 256, named);
	unsigned at = w_set(&w, 256);
	for (unsigned selector = 1; selector <= 4; selector++)
		w32(&w, 1), w32(&w, 2), w32(&w, selector);
	w_set_end(&w, at);
	w_ipfix_end(&w);
	feed(&w);
	assert_int_equal(t.flow[0].f.sampling, 10);
	assert_int_equal(t.flow[1].f.sampling, 40);
	assert_int_equal(t.flow[2].f.sampling, 4);
	assert_int_equal(t.flow[3].f.sampling, 4); /* one that nobody told of: the last that was */
	assert_int_equal(provenance(), FT_SAMPLING_OPTION);
}

static void
what_is_said_of_the_whole_source_beats_the_sampler_last_told_of(void **state)
{
	static const uint16_t of_all[] = {149, 34}, of_one[] = {48, 50};
	static const uint32_t five[] = {3, 5}, sampler_1[] = {1, 100};
	struct wire w = {0};
	(void)state;
	w_ipfix_header(&w, SECS, 0, 3);
	OPTION(&w, 1, of_all, five);
	OPTION(&w, 1, of_one, sampler_1);
	TEACH(&w, 256, plain), plain_data(&w, 256, 1, 1), w_ipfix_end(&w);
	feed(&w);
	assert_int_equal(t.flow[0].f.sampling, 5);
}

static void
who_told_the_rate_is_known(void **state)
{
	static const uint16_t own[][2] = {{8, 4}, {12, 4}, {34, 4}};
	struct wire w = {0};
	(void)state;
	w_v5_header(&w, 1, UPTIME, SECS, 77);
	w_fix16(&w, 22, 0x4064);
	w_v5_record(&w, 1, 2, 0, 1, 2, 10, 4000, UPTIME - 5, UPTIME);
	feed(&w);
	assert_int_equal(provenance(), FT_SAMPLING_HEADER);
	assert_int_equal(t.table[0].sampling_seen, 100);
	assert_int_equal(down(NULL) + up(NULL), 0);
	memset(&w, 0, sizeof w);
	w_v9_header(&w, UPTIME, SECS, 0, 3), TEACH(&w, 256, own);
	unsigned at = w_set(&w, 256);
	w32(&w, 1), w32(&w, 2), w32(&w, 512);
	w_set_end(&w, at);
	feed(&w);
	assert_int_equal(provenance(), FT_SAMPLING_RECORD);
	assert_int_equal(t.table[0].sampling_seen, 512);
}

/* ---- forgetting ---------------------------------------------------------------------------------- */

static unsigned touches;
static void
on_touch(void *ctx, struct ft_source *slot)
{
	(void)ctx, (void)slot;
	touches++;
}

static void
a_forgotten_exporter_leaves_nothing_and_others_all(void **state)
{
	static const uint16_t of_all[] = {149, 34};
	static const uint32_t five[] = {3, 5};
	struct wire w = {0};
	(void)state;
	t.d.sink.touch = on_touch;
	w_ipfix_header(&w, SECS, 0, 3);
	OPTION(&w, 1, of_all, five);
	TEACH(&w, 256, plain), plain_data(&w, 256, 1, 1), plain_data(&w, 300, 1, 1), w_ipfix_end(&w);
	for (uint8_t sender = 0; sender < 4; sender++)
		feed_from(&w, sender);
	assert_int_equal(t.n_sources, 4);
	unsigned templates = template_count(t.d.templates);
	touches = 0;
	decoder_forget(&t.d, 2); /* sender 1 */
	assert_int_equal(t.n_sources, 3);
	assert_int_equal(touches, 2); /* the slot that was given away, and whose it is now */
	assert_int_equal(template_count(t.d.templates), templates - 2);
	assert_int_equal(waiting_sets(t.d.waiting), 3);
	/* the others go on where they were */
	t.flows = 0;
	memset(&w, 0, sizeof w);
	w_ipfix_header(&w, SECS, 0, 3), plain_data(&w, 256, 1, 1), w_ipfix_end(&w);
	for (uint8_t sender = 0; sender < 4; sender++)
		if (sender != 1)
			feed_from(&w, sender);
	assert_int_equal(t.flows, 3);
	assert_int_equal(t.n_sources, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(t.table[i].datagrams, 2);
		assert_int_equal(t.flow[i].f.sampling, 5);
	}
	/* and that one begins anew: no template, no rate */
	feed_from(&w, 1);
	assert_int_equal(t.flows, 3);
	assert_int_equal(t.n_sources, 4);
	assert_int_equal(t.table[3].datagrams, 1);
	assert_int_equal(t.table[3].sampling, 0);
	assert_int_equal(t.table[3].sets_waiting, 1);
	decoder_forget(&t.d, 99); /* one that never sent */
	assert_int_equal(t.n_sources, 4);
}

/* ---- kept settings ------------------------------------------------------------------------------- */

static struct {
	char folder[40];
	struct kv *kv;
	unsigned db;
	struct exporter_table x;
	char at[EXPORTER_AT];
	struct err err;
} k;

static void
open_kept(void)
{
	assert_int_equal(learn_open(&k.kv, &k.db, k.folder, &k.err), 0);
	assert_int_equal(exporters_open(&k.x, k.folder, k.kv, 64, &k.err), 0);
}
static void
close_kept(void)
{
	exporters_close(&k.x);
	kv_close(k.kv);
}
static int
up_kept(void **state)
{
	(void)state;
	memset(&k, 0, sizeof k);
	snprintf(k.folder, sizeof k.folder, "/tmp/ft-exporter-test.XXXXXX");
	if (mkdtemp(k.folder) == NULL)
		return 1;
	open_kept();
	return 0;
}
static int
down_kept(void **state)
{
	char command[80];
	(void)state;
	close_kept();
	snprintf(command, sizeof command, "rm -rf %s", k.folder);
	return system(command);
}

/* 0 or what exporter_set said; text: the members of a request but for the quotes */
static int
set(const char *who, const char *text)
{
	char request[4096];
	json_error_t e;
	uint32_t id = exporter_by(&k.x, who);
	snprintf(request, sizeof request, "{\"exporter\":\"%s\",%s}", who, text);
	json_t *o = json_loads(request, 0, &e);
	assert_non_null(o);
	k.at[0] = 0;
	int rc = exporter_set(&k.x, &id, o, k.at, &k.err);
	json_decref(o);
	return rc;
}

static const struct setting *
kept(const char *who)
{
	return settings_find(k.x.settings, exporter_by(&k.x, who));
}

static void
settings_take_effect_and_survive(void **state)
{
	(void)state;
	uint32_t generation = atomic_load(&k.x.generation);
	assert_int_equal(set("192.0.2.1", "\"name\":\"core 1\",\"clock\":\"trust\",\"sampling\":100"), 0);
	assert_int_equal(set("core 1", "\"interface\":3,\"sampling\":50"), 0);
	assert_int_equal(set("core 1", "\"interface\":1,\"sampling\":20"), 0);
	assert_int_equal(set("core 1", "\"tags\":\"berlin, core\",\"enabled\":false"), 0);
	assert_true(atomic_load(&k.x.generation) > generation);
	for (unsigned turn = 0; turn < 2; turn++) {
		const struct setting *s = kept("core 1");
		assert_ptr_equal(s, kept("192.0.2.1"));
		assert_non_null(s);
		assert_int_equal(s->clock, SETTING_CLOCK_TRUST);
		assert_true(s->disabled);
		assert_int_equal(setting_rate(s, 3, 1), 50);
		assert_int_equal(setting_rate(s, 2, 1), 20);
		assert_int_equal(setting_rate(s, 2, 2), 100);
		const struct ft_exporter *e = exporters_get(&k.x, exporter_by(&k.x, "core 1"));
		assert_string_equal(e->name, "core 1");
		assert_int_equal(e->disabled, 1);
		const json_t *tags = json_object_get(exporter_set_of(&k.x, e->id), "tags");
		assert_int_equal(json_array_size(tags), 2);
		assert_string_equal(json_string_value(json_array_get(tags, 1)), "core");
		close_kept();
		open_kept();
	}
	/* taken back one by one, nothing is left of them */
	assert_int_equal(
		set("core 1", "\"sampling\":0,\"clock\":\"auto\",\"enabled\":true,\"tags\":\"\""), 0);
	assert_int_equal(set("core 1", "\"interface\":1,\"sampling\":0"), 0);
	assert_int_equal(setting_rate(kept("core 1"), 3, 1), 50);
	assert_int_equal(set("core 1", "\"interface\":3,\"sampling\":0"), 0);
	assert_null(kept("core 1"));
	assert_int_equal(set("core 1", "\"name\":\"\""), 0);
	assert_int_equal(exporter_by(&k.x, "core 1"), 0);
	assert_null(exporter_set_of(&k.x, exporter_by(&k.x, "192.0.2.1")));
}

static void
what_is_wrong_changes_nothing_and_says_where(void **state)
{
	static const struct {
		const char *text, *at;
	} bad[] = {{"\"sampling\":-1", "/sampling"}, {"\"sampling\":4294967296", "/sampling"},
		{"\"sampling\":\"100\"", "/sampling"}, {"\"clock\":\"right\"", "/clock"},
		{"\"interface\":3", "/interface"}, {"\"interface\":-3,\"sampling\":1", "/sampling"},
		{"\"name\":\"10.0.0.1\"", "/name"}, {"\"name\":\" x\"", "/name"},
		{"\"name\":\"a\\nb\"", "/name"}, {"\"enabled\":1", "/enabled"},
		{"\"tags\":\"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\"", "/tags"},
		{"\"clock\":\"trust\",\"sampling\":-1", "/sampling"}, {"\"x\":1", ""}};
	(void)state;
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(set("192.0.2.9", bad[i].text), FT_EINVAL);
		assert_string_equal(k.at, bad[i].at);
	}
	assert_int_equal(exporter_by(&k.x, "192.0.2.9"), 0); /* it was not even made known */
	assert_int_equal(set("nobody", "\"sampling\":5"), FT_ENOENT);
	assert_int_equal(set("192.0.2.1", "\"name\":\"edge\""), 0);
	assert_int_equal(set("192.0.2.2", "\"name\":\"edge\""), FT_EXIST);
	assert_int_equal(set("edge", "\"name\":\"edge\""), 0); /* its own */
	static const char request[] =
		"\"tags\":\"a b c d e f g h i j k l m n o p q\""; /* one more than EXPORTER_TAGS */
	assert_int_equal(set("edge", request), FT_EINVAL);
}

static void
a_table_in_use_stays_until_it_is_let_go(void **state)
{
	(void)state;
	assert_int_equal(set("192.0.2.1", "\"sampling\":100"), 0);
	uint32_t id = exporter_by(&k.x, "192.0.2.1");
	struct settings *mine = exporters_settings(&k.x);
	for (unsigned i = 0; i < 40; i++) { /* more than the table's first size, too */
		char who[20];
		snprintf(who, sizeof who, "192.0.2.%u", i + 2);
		assert_int_equal(set(who, "\"sampling\":7"), 0);
	}
	assert_int_equal(set("192.0.2.1", "\"sampling\":5"), 0);
	assert_int_equal(settings_find(mine, id)->sampling, 100);
	assert_int_equal(settings_find(k.x.settings, id)->sampling, 5);
	assert_int_equal(settings_find(k.x.settings, exporter_by(&k.x, "192.0.2.41"))->sampling, 7);
	settings_drop(mine);
}

/* ---- flows an hour ------------------------------------------------------------------------------- */

static void
flows_an_hour_follow_the_last_hour(void **state)
{
	struct hourly h = {0};
	struct ft_source s = {.exporter = 1, .domain = 2, .version = 9, .flows = 5000};
	const int64_t begin = SECS * S;
	(void)state;
	assert_int_equal(hourly_rate(&h, &s, begin), -1);
	hourly_note(&h, &s, begin);
	s.flows += 5;
	assert_int_equal(hourly_rate(&h, &s, begin + 5 * S), -1); /* too early to tell */
	s.flows += 5;
	assert_int_equal(hourly_rate(&h, &s, begin + 10 * S), 3600);
	/* one a second for two hours, then none: an hour later the figure is 0 */
	for (int64_t at = 10; at < 7200; at += 2, s.flows += 2)
		hourly_note(&h, &s, begin + at * S);
	int64_t rate = hourly_rate(&h, &s, begin + 7200 * S);
	assert_true(rate >= 3590 && rate <= 3610);
	for (int64_t at = 7200; at <= 7200 + 4200; at += 2)
		hourly_note(&h, &s, begin + at * S);
	assert_int_equal(hourly_rate(&h, &s, begin + (7200 + 4200) * S), 0);
	/* the slot becomes another's */
	s.domain = 3;
	assert_int_equal(hourly_rate(&h, &s, begin + 12000 * S), -1);
	hourly_note(&h, &s, begin + 12000 * S);
	s.flows_disabled += 100;
	assert_int_equal(hourly_rate(&h, &s, begin + 12100 * S), 3600);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down_settings)
#define KEPT(f) cmocka_unit_test_setup_teardown(f, up_kept, down_kept)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_override_wins_and_leaves_the_counters_alone),
		TEST(an_override_holds_for_v5_and_both_directions_of_a_biflow),
		TEST(a_disabled_exporter_is_counted_and_not_stored),
		TEST(clock_trust_never_corrects_and_arrival_always_does),
		TEST(a_correction_comes_after_ten_minutes_stays_and_goes_at_once),
		TEST(sets_without_a_template_are_given_up_after_thirty_minutes),
		TEST(a_rate_told_of_a_template_or_an_interface_holds_for_its_flows_alone),
		TEST(v9_scopes_are_numbered_apart),
		TEST(selectors_and_samplers_name_their_rate),
		TEST(what_is_said_of_the_whole_source_beats_the_sampler_last_told_of),
		TEST(who_told_the_rate_is_known),
		TEST(a_forgotten_exporter_leaves_nothing_and_others_all),
		KEPT(settings_take_effect_and_survive),
		KEPT(what_is_wrong_changes_nothing_and_says_where),
		KEPT(a_table_in_use_stays_until_it_is_let_go),
		cmocka_unit_test(flows_an_hour_follow_the_last_hour),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
