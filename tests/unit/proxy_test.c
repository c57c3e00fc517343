/*
 * proxy_test.c - ft-proxy's queue across restarts and damage, and flows there and back: encoded by the proxy, decoded by
 * ingest, taken once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/counters.h"
#include "common/element_list.h"
#include "common/guid.h"
#include "ingest/interface.h"
#include "ingest/kept.h"
#include "proxy/encode.h"
#include "proxy/queue.h"
#include "proxy/settings.h"

enum { FLOWS = 4, MESSAGES = 100 };
static char dir[64];

static int
set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/ft-proxy-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int
tear_down(void **state)
{
	char command[100];
	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

/* ---- the queue -------------------------------------------------------------------------------- */

static void
open_queue(struct queue *q, uint64_t most)
{
	struct err err = {0};
	int rc = queue_open(q, dir, most, &err);
	if (rc != 0)
		fail_msg("%s", err.text);
}

static void
append(struct queue *q, unsigned from, unsigned to, size_t n)
{
	static uint8_t sets[QUEUE_MESSAGE];
	for (unsigned i = from; i < to; i++) {
		memset(sets, (int)i, n);
		assert_true(queue_append(q, sets, n, 10));
	}
}

/* messages from..to are next, and none after them */
static void
expect(struct queue *q, struct queue_reader *r, unsigned from, unsigned to)
{
	static uint8_t sets[QUEUE_MESSAGE];
	struct queue_message m;
	for (unsigned i = from; i < to; i++) {
		assert_true(queue_read(q, r, sets, &m));
		assert_int_equal(m.position, i * 10);
		assert_int_equal(m.flows, 10);
		assert_int_equal(sets[m.bytes - 1], (uint8_t)i);
	}
	assert_false(queue_read(q, r, sets, &m));
}

static void
a_queue_outlives_its_process_and_forgets_what_was_taken(void **state)
{
	struct queue q;
	struct queue_reader r;
	(void)state;
	open_queue(&q, 64 << 20);
	append(&q, 0, MESSAGES, 5000);
	uint64_t stream = q.stream;
	queue_taken(&q, 305, true); /* within a message: that one is not taken */
	queue_close(&q);
	open_queue(&q, 64 << 20);
	assert_int_equal(q.stream, stream);
	assert_true(q.acknowledges);
	queue_read_begin(&q, &r);
	expect(&q, &r, 30, MESSAGES);
	append(&q, MESSAGES, MESSAGES + 3, 100);
	expect(&q, &r, MESSAGES, MESSAGES + 3);
	queue_taken(&q, (MESSAGES + 3) * 10, true);
	assert_int_equal(queue_figures(&q).flows, 0);
	queue_read_end(&r);
	queue_close(&q);
	open_queue(&q, 64 << 20); /* positions go on where they were */
	append(&q, MESSAGES + 3, MESSAGES + 4, 100);
	queue_read_begin(&q, &r);
	expect(&q, &r, MESSAGES + 3, MESSAGES + 4);
	queue_read_end(&r);
	queue_close(&q);
}

static void
a_message_that_was_cut_off_is_taken_off(void **state)
{
	struct queue q;
	struct queue_reader r;
	char path[500];
	(void)state;
	open_queue(&q, 64 << 20);
	append(&q, 0, 10, 1000);
	queue_close(&q);
	snprintf(path, sizeof path, "%s/%016x.q", dir, 0);
	assert_int_equal(truncate(path, 9 * 1032 + 500), 0);
	open_queue(&q, 64 << 20);
	append(&q, 9, 12, 1000);
	queue_read_begin(&q, &r);
	expect(&q, &r, 0, 12);
	queue_read_end(&r);
	queue_close(&q);
}

static void
a_damaged_byte_costs_no_more_than_its_file(void **state)
{
	struct queue q;
	struct queue_reader r;
	struct queue_message m;
	static uint8_t sets[QUEUE_MESSAGE];
	char path[500];
	(void)state;
	open_queue(&q, 4 << 20); /* files of 128 KB */
	append(&q, 0, MESSAGES, 5000);
	queue_close(&q);
	snprintf(path, sizeof path, "%s/%016x.q", dir, 0);
	FILE *f = fopen(path, "r+b");
	assert_non_null(f);
	fseek(f, 5 * 5032 + 100, SEEK_SET);
	fputc(0xff, f);
	fclose(f);
	open_queue(&q, 4 << 20);
	queue_read_begin(&q, &r);
	unsigned n = 0, gaps = 0;
	for (uint64_t next = 0; queue_read(&q, &r, sets, &m); next = m.position + m.flows, n++)
		gaps += m.position != next;
	assert_int_equal(gaps, 1);
	assert_in_range(n, MESSAGES - 27, MESSAGES - 1);
	queue_read_end(&r);
	queue_close(&q);
}

static void
a_file_that_was_taken_is_written_on_again_and_read_as_new(void **state)
{
	struct queue q;
	struct queue_reader r;
	uint64_t damaged = counter_get(COUNTER_proxy_damaged);
	unsigned from = 0;
	(void)state;
	open_queue(&q, 4 << 20); /* files of 128 KB */
	for (unsigned turn = 1; turn < 6; turn++) {
		append(&q, from, turn * 60,
			5000 - turn * 17); /* other lengths each time: nothing falls in place */
		if (turn > 1)
			assert_true(q.spare || q.n_files > 1);
		queue_taken(&q, (turn * 60 - 5) * 10, true);
		queue_close(&q);
		open_queue(&q, 4 << 20);
		from = turn * 60;
		queue_read_begin(&q, &r);
		expect(&q, &r, from - 5, from);
		queue_read_end(&r);
	}
	queue_close(&q);
	assert_int_equal(counter_get(COUNTER_proxy_damaged), damaged);
}

static void
beyond_its_bytes_the_oldest_go_and_are_counted(void **state)
{
	struct queue q;
	struct queue_reader r;
	struct queue_message m;
	static uint8_t sets[QUEUE_MESSAGE];
	unsigned n = 0;
	(void)state;
	open_queue(&q, 1 << 20);
	queue_read_begin(&q, &r);
	append(&q, 0, 1, 50000);
	assert_true(queue_read(&q, &r, sets, &m)); /* a reader whose file goes away reads on behind it */
	append(&q, 1, MESSAGES, 50000);
	struct queue_figures f = queue_figures(&q);
	assert_true(f.bytes <= 1 << 20);
	assert_true(f.dropped > 0);
	assert_int_equal(f.dropped + f.flows, MESSAGES * 10);
	while (queue_read(&q, &r, sets, &m))
		n++;
	assert_int_equal(m.position, (MESSAGES - 1) * 10);
	assert_int_equal(n * 10, f.flows);
	queue_read_end(&r);
	queue_close(&q);
}

/* ---- there and back --------------------------------------------------------------------------- */

static struct {
	struct decoder d;
	struct learn learn;
	struct ft_source table[64];
	uint64_t n_sources;
	struct decoded got[64];
	char name[64][PROXIED_TEXT + 1];
	unsigned n, names;
	uint8_t address[16], guid[16];
	uint8_t elements[64][300];
	struct interface_says says;
	char text[2][200];
} w;

static bool
on_flow(void *ctx, const struct decoded *d)
{
	(void)ctx;
	if (d->f.bits & FT_FLOW_ELEMENTS)
		memcpy(w.elements[w.n], d->elements, d->f.element_bytes);
	w.got[w.n++] = *d;
	return true;
}

static bool
on_interface(void *ctx, const struct message *m, struct interface_says *says)
{
	(void)ctx;
	assert_int_equal(m->exporter, 2);
	w.says = *says;
	snprintf(w.text[0], sizeof w.text[0], "%.*s", (int)says->name_n, (const char *)says->name);
	snprintf(w.text[1], sizeof w.text[1], "%.*s", (int)says->description_n,
		(const char *)says->description);
	return true;
}

static uint32_t
on_exporter(void *ctx, const uint8_t address[16], wall_t now)
{
	(void)ctx, (void)address, (void)now;
	return 1;
}

static uint32_t
on_proxied(void *ctx, const uint8_t address[16], const uint8_t guid[16], wall_t now)
{
	(void)ctx, (void)now;
	memcpy(w.address, address, 16);
	memcpy(w.guid, guid, 16);
	return 2;
}

static uint32_t
on_label(void *ctx, uint32_t exporter, const void *text, size_t n)
{
	(void)ctx;
	assert_int_equal(exporter, 2);
	snprintf(w.name[w.names], sizeof w.name[0], "%.*s", (int)n, (const char *)text);
	return ++w.names;
}

static void
open_decoder(void)
{
	struct err err;
	memset(&w, 0, sizeof w);
	w.d.sink = (struct decode_sink){.flow = on_flow,
		.exporter = on_exporter,
		.proxied = on_proxied,
		.label = on_label,
		.interface = on_interface};
	w.d.limits = (struct decode_limits){.templates = 64, .waiting = 1 << 20, .sources = 64};
	w.d.learn = &w.learn;
	assert_int_equal(decoder_init(&w.d, w.table, &w.n_sources), 0);
	assert_int_equal(decoder_load(&w.d, &err), 0);
}

/* every byte that travels, and none that does not */
static void
make_flow(unsigned i, struct ft_flow *f, struct ft_flow_ext *x)
{
	memset(f, 0, sizeof *f);
	memset(x, 0, sizeof *x);
	for (unsigned k = 0; k < 16; k++)
		f->src[k] = f->dst[k] = (uint8_t)(k + i);
	if (!(i & 1)) {
		memset(f->src, 0, 10), memset(f->dst, 0, 10);
		memset(f->src + 10, 0xff, 2), memset(f->dst + 10, 0xff, 2);
	}
	f->bits = (i & 1 ? FT_FLOW_V6 : 0) | (i & 2 ? FT_FLOW_EXT : 0) | FT_FLOW_HAS_IF | FT_FLOW_REVERSE;
	f->bytes = UINT64_MAX - i;
	f->packets = 1ull << 40;
	f->first_us = 1750000000123457 + i;
	f->last_us = 1750000000999999 + i;
	f->export_us = 1750000001000001;
	f->domain = 77;
	f->in_if = UINT32_MAX, f->out_if = 3, f->src_as = 4200000001u, f->dst_as = 5, f->sampling = 1000;
	f->src_port = 65535, f->dst_port = 443, f->in_vlan = 4094, f->out_vlan = 12;
	f->proto = 6, f->tos = 184, f->flags = 0x1b, f->src_mask = 24, f->dst_mask = 16, f->version = 9;
	f->icmp_type = 3, f->icmp_code = 1;
	if (!(i & 2))
		return;
	x->has = FT_EXT_MAC | FT_EXT_APP_NAME | FT_EXT_NAT;
	x->mpls_label = 0xfffff;
	for (unsigned k = 0; k < 16; k++)
		x->next_hop[k] = x->nat_src[k] = x->nat_dst[k] = (uint8_t)(0xf0 + k);
	x->nat_src_port = 1, x->nat_dst_port = 2;
	memcpy(x->src_mac, "abcdef", 6), memcpy(x->dst_mac, "ghijkl", 6);
	x->app = 0x0d00000000000123, x->vrf = 9, x->nsel_ext_event = 1001, x->nsel_event = 3;
	x->forwarding_status = 64, x->end_reason = 4, x->app_name = 1;
}

static size_t
message(uint8_t *out, const struct encoder *e, uint64_t position, const uint8_t guid[16])
{
	size_t n = ENCODE_HEADER + ENCODE_OPTIONS_SET + e->n;
	(void)encode_header(out, n, 1750000002, 0, 7);
	assert_int_equal(encode_options(out + ENCODE_HEADER, 0x1122334455667788, position, e->records, guid),
		ENCODE_OPTIONS_SET);
	memcpy(out + ENCODE_HEADER + ENCODE_OPTIONS_SET, e->sets, e->n);
	return n;
}

static void
decode(const uint8_t *p, size_t n)
{
	static const uint8_t from[16] = {[15] = 1};
	w.n = 0;
	decode_datagram(&w.d, p, n, from, (wall_t){1750000002000000});
	decode_finish(&w.d);
	assert_int_equal(w.d.totals.undecodable, 0);
}

static void
a_flow_arrives_as_it_was_and_a_message_once(void **state)
{
	static struct encoder e;
	static uint8_t bytes[65536];
	struct proxied_origin o = {.exporter = {[0] = 9, [15] = 8},
		.guid = {[0] = 1, [15] = 2},
		.application = {(const uint8_t *)"web", 3}};
	struct ft_flow f;
	struct ft_flow_ext x;
	uint8_t ack[PROXIED_ACK];
	(void)state;
	open_decoder();
	size_t n = ENCODE_HEADER + encode_templates(bytes + ENCODE_HEADER);
	(void)encode_header(bytes, n, 1750000002, 0, 7);
	decode(bytes, n);
	encode_begin(&e);
	for (unsigned i = 0; i < FLOWS; i++) {
		make_flow(i, &f, &x);
		assert_true(encode_flow(&e, &f, &x, &o));
	}
	encode_end(&e);
	n = message(bytes, &e, 100, o.guid);
	decode(bytes, n);
	assert_int_equal(w.n, FLOWS);
	assert_memory_equal(w.address, o.exporter, 16);
	assert_memory_equal(w.guid, o.guid, 16);
	for (unsigned i = 0; i < FLOWS; i++) {
		make_flow(i, &f, &x);
		f.exporter = 2;
		assert_memory_equal(&w.got[i].f, &f, sizeof f);
		if (i & 2) {
			assert_string_equal(w.name[w.got[i].x.app_name - 1], "web");
			x.app_name = w.got[i].x.app_name;
			assert_memory_equal(&w.got[i].x, &x, sizeof x);
		}
	}
	assert_true(proxied_ack(&w.d, ack));
	assert_int_equal(ack[23], 100 + FLOWS);
	assert_false(proxied_ack(&w.d, ack));
	decode(bytes, n); /* the same again */
	assert_int_equal(w.n, 0);
	assert_true(proxied_ack(&w.d, ack));
	assert_int_equal(ack[23], 100 + FLOWS);
	n = message(bytes, &e, 110, o.guid); /* some were dropped before it */
	decode(bytes, n);
	assert_int_equal(w.n, FLOWS);
	assert_int_equal(w.d.totals.sequence_gaps, 110 - 100 - FLOWS);
	/* a successor knows from the table what was taken */
	proxied_free(&w.d);
	decode(bytes, n);
	assert_int_equal(w.n, 0);
	assert_int_equal(w.n_sources, 2);
	decoder_close(&w.d);
	learn_close(&w.learn);
}

static void
teach(void)
{
	static uint8_t bytes[8192];
	size_t n = ENCODE_HEADER + encode_templates(bytes + ENCODE_HEADER);
	open_decoder();
	(void)encode_header(bytes, n, 1750000002, 0, 7);
	decode(bytes, n);
}

static void
what_is_beside_a_flow_arrives_as_it_was(void **state)
{
	static struct encoder e;
	static uint8_t bytes[65536], list[FT_ELEMENTS_MOST];
	static const struct keep all = {.serial = 1, .all = true, .most = FT_ELEMENTS_MOST},
				 one = {.serial = 2, .most = 40, .n = 1, .list = {{0, 52}}};
	static const uint8_t ttl = 61, words[260] = {'x'};
	const struct kept_element kept[] = {
		{.id = 52, .bytes = 1, .value = &ttl}, {.pen = 12345, .id = 7, .bytes = 260, .value = words}};
	struct proxied_origin o = {.guid = {[0] = 1}},
			      about = {.guid = {[0] = 1},
				      .name = {(const uint8_t *)"ge-0/0/1", 8},
				      .description = {(const uint8_t *)"to the west", 11},
				      .speed = 10000000000};
	struct ft_flow f;
	struct ft_flow_ext x;
	size_t n = 0;
	(void)state;
	for (unsigned i = 0; i < 2; i++)
		n = element_add(list, n, sizeof list, &kept[i]);
	o.elements = (struct proxied_text){list, (uint32_t)n};
	teach();
	encode_begin(&e);
	for (unsigned i = 0; i < FLOWS; i++) {
		make_flow(i, &f, &x);
		assert_true(encode_flow(&e, &f, &x, &o));
	}
	f = (struct ft_flow){.in_if = 17, .export_us = 1750000001000001, .version = 21, .domain = 3};
	assert_true(encode_interface(&e, &f, &about));
	encode_end(&e);
	assert_int_equal(e.records, FLOWS + 1);
	size_t bytes_n = message(bytes, &e, 0, o.guid);
	w.d.keep = &all;
	w.d.kept[0][0] = 0;
	decode(bytes, bytes_n);
	assert_int_equal(w.n, FLOWS);
	for (unsigned i = 0; i < FLOWS; i++) {
		assert_int_equal(w.got[i].f.element_bytes, n);
		assert_memory_equal(w.elements[i], list, n);
	}
	assert_int_equal(w.says.index, 17);
	assert_int_equal(w.says.speed, 10000000000);
	assert_int_equal(w.says.at_us, 1750000001000001);
	assert_int_equal(w.says.kind, FT_KIND_INTERFACE);
	assert_string_equal(w.text[0], "ge-0/0/1");
	assert_string_equal(w.text[1], "to the west");
	bytes_n = message(bytes, &e, 100, o.guid); /* a collector that keeps less */
	w.d.keep = &one;
	decode(bytes, bytes_n);
	assert_int_equal(w.got[0].f.element_bytes, 6);
	bytes_n = message(bytes, &e, 200, o.guid);
	w.d.keep = NULL;
	decode(bytes, bytes_n);
	assert_int_equal(w.got[0].f.element_bytes, 0);
	assert_int_equal(w.got[0].f.bits & FT_FLOW_ELEMENTS, 0);
	decoder_close(&w.d);
	learn_close(&w.learn);
}

static void
times_keep_their_microsecond(void **state)
{
	(void)state;
	for (int64_t us = 1750000000000000; us < 1750000001000000; us += 7)
		assert_int_equal(proxied_us(proxied_ntp(us)), us);
	assert_int_equal(proxied_us(proxied_ntp(1750000000999999)), 1750000000999999);
	assert_int_equal(proxied_us(proxied_ntp(2750000000000001)), 2750000000000001);
}

static void
a_guid_is_read_as_it_is_written(void **state)
{
	uint8_t guid[16], again[16];
	char text[GUID_TEXT];
	(void)state;
	assert_int_equal(settings_guid_new(guid), 0);
	guid_text(guid, text);
	assert_int_equal(guid_parse(text, again), 0);
	assert_memory_equal(guid, again, 16);
	assert_int_not_equal(guid_parse("", again), 0);
	assert_int_not_equal(guid_parse("06d41c48-cf15-4b7f-bd81-b8dcf449c9c-", again), 0);
	assert_int_equal(guid_parse("00000000-0000-0000-0000-000000000000", again), 0);
	assert_true(guid_none(again));
	assert_int_not_equal(guid_parse("06d41c48-cf15-4b7f-bd81-b8dcf449c9c", again), 0);
	assert_int_not_equal(guid_parse("06d41c48-cf15-4b7f-bd81-b8dcf449c9c57", again), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_queue_outlives_its_process_and_forgets_what_was_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_message_that_was_cut_off_is_taken_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_damaged_byte_costs_no_more_than_its_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			beyond_its_bytes_the_oldest_go_and_are_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_file_that_was_taken_is_written_on_again_and_read_as_new, set_up, tear_down),
		cmocka_unit_test(a_flow_arrives_as_it_was_and_a_message_once),
		cmocka_unit_test(what_is_beside_a_flow_arrives_as_it_was),
		cmocka_unit_test(times_keep_their_microsecond),
		cmocka_unit_test(a_guid_is_read_as_it_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
