/*
 * label_test.c - texts that flows carry by number (contract/labels.h), and how a decoder gives them to flows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ingest/decode.h"
#include "ingest/label.h"
#include "ingest/learn.h"
#include "tests/contract/wire.h"

enum { CAPACITY = 16, SECS = 1760000000 };

static char folder[64];
static struct kv *kv;
static unsigned db;
static struct label_table x;
static struct err err;

static int
make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/label_test_XXXXXX");
	return mkdtemp(folder) == NULL || learn_open(&kv, &db, folder, &err) ||
	       labels_open(&x, folder, kv, CAPACITY, 4, &err);
}
static void
away(const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	(void)unlink(path);
}
static int
remove_folder(void **state)
{
	(void)state;
	labels_close(&x);
	kv_close(kv);
	away("labels"), away("ingest.lmdb"), away("ingest.lmdb-lock");
	return rmdir(folder);
}
static uint32_t
id(uint32_t exporter, const char *text)
{
	return labels_id(&x, exporter, text, strlen(text));
}
static const char *
text(uint32_t number)
{
	static char out[FT_LABEL_BYTES + 1];
	snprintf(out, sizeof out, "%.*s", x.t->slot[number - 1].bytes, x.t->slot[number - 1].text);
	return out;
}

static void
a_text_has_one_number_whoever_sends_it(void **state)
{
	(void)state;
	assert_int_equal(id(1, "dns"), 1);
	assert_int_equal(id(2, "ssh"), 2);
	assert_int_equal(id(2, "dns"), 1);
	assert_int_equal(labels_id(&x, 1, "ssh\0\0junk", 9), 2);
	assert_int_equal(id(1, "ssh   "), 2);
	assert_int_equal(id(1, ""), 0);
	assert_int_equal(id(1, "   "), 0);
	assert_string_equal(text(1), "dns");
}

static void
a_number_means_the_same_after_the_segment_was_lost(void **state)
{
	(void)state;
	assert_int_equal(id(1, "alpha"), 1);
	assert_int_equal(id(1, "beta"), 2);
	labels_close(&x);
	away("labels");
	assert_int_equal(labels_open(&x, folder, kv, CAPACITY, 4, &err), 0);
	assert_int_equal(id(1, "beta"), 2);
	assert_int_equal(id(1, "gamma"), 3);
	assert_string_equal(text(1), "alpha");
	/* and when only the segment is left: the file was damaged and begun anew */
	labels_close(&x);
	kv_close(kv);
	away("ingest.lmdb");
	assert_int_equal(learn_open(&kv, &db, folder, &err), 0);
	assert_int_equal(labels_open(&x, folder, kv, CAPACITY, 4, &err), 0);
	assert_int_equal(id(1, "gamma"), 3);
	assert_int_equal(id(1, "delta"), 4);
}

static void
new_names_are_written_many_at_once(void **state)
{
	(void)state;
	assert_int_equal(id(1, "alpha"), 1);
	assert_int_equal(id(1, "beta"), 2);
	assert_int_equal(atomic_load(&x.saved), 0);
	labels_flush(&x);
	assert_int_equal(atomic_load(&x.saved), 2);
	assert_int_equal(id(1, "gamma"), 3);
	/* killed before it was written: the segment has it, and the next start writes it */
	atomic_store(&x.saved, 3);
	labels_close(&x);
	assert_int_equal(labels_open(&x, folder, kv, CAPACITY, 4, &err), 0);
	assert_int_equal(atomic_load(&x.saved), 2);
	assert_int_equal(id(1, "gamma"), 3);
	labels_close(&x);
	away("labels");
	assert_int_equal(labels_open(&x, folder, kv, CAPACITY, 4, &err), 0);
	assert_int_equal(id(1, "gamma"), 3);
}

static void
one_exporter_fills_half_of_the_table_and_no_more(void **state)
{
	char name[16];
	(void)state;
	for (unsigned i = 1; i <= CAPACITY; i++) {
		snprintf(name, sizeof name, "app%u", i);
		assert_int_equal(id(1, name), i <= CAPACITY / 2 ? i : 0);
	}
	assert_int_equal(id(2, "mine"), CAPACITY / 2 + 1);
	assert_int_equal(id(1, "mine"), CAPACITY / 2 + 1);
	assert_int_equal(id(9, "beyond maxexporters"), 0);
	for (unsigned i = 0; i < CAPACITY; i++) {
		snprintf(name, sizeof name, "other%u", i);
		(void)id(2 + i % 3, name);
	}
	assert_int_equal(atomic_load(&x.t->count), CAPACITY);
	assert_int_equal(id(1, "app1"), 1);
}

static void
texts_are_made_printable_utf8_and_cut_between_characters(void **state)
{
	char lang[80];
	(void)state;
	assert_string_equal(text(labels_id(&x, 1, "a\x01\xff\xc3\xa9\xc3", 6)), "a??\xc3\xa9?");
	assert_string_equal(
		text(labels_id(&x, 1, "\xed\xa0\x80z", 4)), "???z"); /* a surrogate is no character */
	memset(lang, 'x', sizeof lang);
	memcpy(lang + 58, "\xc3\xa9", 2);
	uint32_t n = labels_id(&x, 1, lang, sizeof lang);
	assert_int_equal(x.t->slot[n - 1].bytes, 58);
}

/* ---- decoder ---------------------------------------------------------------------------------- */

static struct decoded flow[16];
static unsigned flows;

static bool
on_flow(void *ctx, const struct decoded *d)
{
	(void)ctx;
	flow[flows++] = *d;
	return true;
}
static uint32_t
on_exporter(void *ctx, const uint8_t address[16], wall_t now)
{
	(void)ctx, (void)now, (void)address;
	return 1;
}
static uint32_t
on_label(void *ctx, uint32_t exporter, const void *p, size_t n)
{
	(void)ctx;
	return labels_id(&x, exporter, p, n);
}

static void
w_text(struct wire *w, const char *p, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		w8(w, i < strlen(p) ? (uint8_t)p[i] : 0);
}

static void
a_flow_carries_the_name_in_force_when_it_was_decoded(void **state)
{
	static const uint16_t data[][2] = {{8, 4}, {12, 4}, {1, 4}, {95, 4}},
			      pan[][2] = {{8, 4}, {12, 4}, {1, 4}, {56701, 8}},
			      ipfix[][2] = {{8, 4}, {12, 4}, {1, 4}, {95, 4}, {96, 65535}};
	struct ft_source source[2] = {0};
	uint64_t sources = 0;
	struct learn learn = {0};
	struct decoder d = {.sink = {.flow = on_flow, .exporter = on_exporter, .label = on_label},
		.limits = {.templates = 8, .waiting = 4096, .sources = 2},
		.learn = &learn};
	struct wire w = {.n = 0};
	uint8_t from[16] = {[15] = 1};
	unsigned at;
	(void)state;
	flows = 0;
	assert_int_equal(decoder_init(&d, source, &sources), 0);
	assert_int_equal(decoder_load(&d, &err), 0);
	w_v9_header(&w, 1000, SECS, 1, 7);
	at = w_set(&w, 0), w_template(&w, 256, data, 4), w_template(&w, 257, pan, 4), w_set_end(&w, at);
	at = w_set(&w, 1);
	w16(&w, 258), w16(&w, 4), w16(&w, 8), w16(&w, 1), w16(&w, 4), w16(&w, 95), w16(&w, 4), w16(&w, 96),
		w16(&w, 8);
	w_set_end(&w, at);
#define FLOW(id) at = w_set(&w, id), w32(&w, 0x0a000001), w32(&w, 0x0a000002), w32(&w, 100)
	FLOW(256), w32(&w, 13u << 24 | 5), w_set_end(&w, at);
	for (unsigned i = 0; i < 2; i++) {
		at = w_set(&w, 258), w32(&w, 0), w32(&w, 13u << 24 | 5), w_text(&w, i ? "new" : "old", 8),
		w_set_end(&w, at);
		FLOW(256), w32(&w, 13u << 24 | 5), w_set_end(&w, at);
	}
	FLOW(257), w_text(&w, "ssl", 8), w_set_end(&w, at);
	FLOW(257), w_text(&w, "", 8), w_set_end(&w, at);
	decode_datagram(&d, w.b, w.n, from, (wall_t){SECS * INT64_C(1000000)});
	decode_finish(&d);
	assert_int_equal(flows, 5);
	assert_int_equal(flow[0].x.app_name, 0);
	assert_string_equal(text(flow[1].x.app_name), "old");
	assert_string_equal(text(flow[2].x.app_name), "new");
	assert_string_equal(text(flow[3].x.app_name), "ssl");
	assert_true(flow[3].f.bits & FT_FLOW_EXT);
	assert_int_equal(flow[3].x.has, FT_EXT_APP_NAME);
	assert_int_equal(flow[4].x.app_name, 0);
	assert_false(flow[4].f.bits & FT_FLOW_EXT);
	/* IPFIX: the name of the record goes before the table's */
	w.n = 0;
	w_ipfix_header(&w, SECS, 0, 7);
	at = w_set(&w, 2), w_template(&w, 300, ipfix, 5), w_set_end(&w, at);
	FLOW(300), w32(&w, 13u << 24 | 5), w8(&w, 4), w_text(&w, "here", 4), w_set_end(&w, at);
	FLOW(300), w32(&w, 13u << 24 | 5), w8(&w, 0), w_set_end(&w, at);
	w_ipfix_end(&w);
	decode_datagram(&d, w.b, w.n, from, (wall_t){SECS * INT64_C(1000000)});
	decode_finish(&d);
	assert_int_equal(flows, 7);
	assert_string_equal(text(flow[5].x.app_name), "here");
	assert_string_equal(text(flow[6].x.app_name), "new");
	decoder_close(&d);
	learn_close(&learn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			new_names_are_written_many_at_once, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(
			a_text_has_one_number_whoever_sends_it, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(
			a_number_means_the_same_after_the_segment_was_lost, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(
			one_exporter_fills_half_of_the_table_and_no_more, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(
			texts_are_made_printable_utf8_and_cut_between_characters, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(
			a_flow_carries_the_name_in_force_when_it_was_decoded, make_folder, remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
