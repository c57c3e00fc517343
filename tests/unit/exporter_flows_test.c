/* ft-exporter: the table of flows, and what the encoders make of them, read back by the collector's own decoders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/addr.h"
#include "exporter/encode.h"
#include "exporter/meter.h"
#include "exporter/table.h"

enum { SECOND = 1000000, ENDED = 1 << 17 };
static const struct timeouts usual = {.active = 60 * SECOND,
	.tcp = 15 * SECOND,
	.udp = 15 * SECOND,
	.icmp = 15 * SECOND,
	.general = 15 * SECOND,
	.closed = SECOND};

static struct {
	unsigned n, why[8];
	uint64_t packets, bytes;
} ended;

static void
on_end(void *ctx, struct flow *f, enum flow_end why)
{
	(void)ctx;
	ended.n++;
	ended.why[why]++;
	ended.packets += f->dir[0].packets + f->dir[1].packets;
}

static struct flow_key
key_of(uint32_t n)
{
	struct flow_key k = {.proto = 17, .version = 4, .port = {1000, 53}};
	addr_from_v4(k.addr[0], (const uint8_t[]){10, 0, 0, 1});
	addr_from_v4(k.addr[1], (const uint8_t[]){10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n});
	return k;
}

static struct flow *
packet(struct table *t, uint32_t n, int64_t now)
{
	struct flow_key k = key_of(n);
	struct flow *f = table_find(t, &k, table_hash(t, &k), now);
	if (f->dir[0].packets++ == 0 || f->first_us > now)
		f->first_us = now;
	f->last_us = now;
	return f;
}

static void
a_flow_is_found_again_however_many_come_and_go(void **state)
{
	(void)state;
	struct table t;
	assert_int_equal(table_open(&t, 1000, &usual, on_end, NULL, NULL), 0);
	memset(&ended, 0, sizeof ended);
	uint32_t dice = 1;
	static uint64_t count[3000];
	memset(count, 0, sizeof count);
	uint64_t sent = 0;
	for (unsigned i = 0; i < 200000; i++) {
		dice = dice * 1664525 + 1013904223;
		(void)packet(&t, dice >> 8 & 2047, (int64_t)i * 1000);
		sent++;
		table_advance(&t, (int64_t)i * 1000);
		assert_true(t.used <= 1000);
	}
	table_flush(&t);
	assert_int_equal(t.used, 0);
	assert_int_equal(ended.packets, sent);
	assert_int_equal(ended.n, t.made + ended.why[FLOW_END_ACTIVE]);
	assert_int_equal(ended.why[FLOW_END_NO_ROOM], t.early);
	assert_true(t.early > 0);
	for (uint32_t i = 0; i <= t.mask; i++)
		assert_int_equal(t.slot[i].flow, FLOW_NONE);
	table_close(&t);
}

static void
a_silent_flow_ends_after_the_idle_timeout_and_a_busy_one_is_told_each_active_timeout(void **state)
{
	(void)state;
	struct table t;
	assert_int_equal(table_open(&t, 16, &usual, on_end, NULL, NULL), 0);
	memset(&ended, 0, sizeof ended);
	(void)packet(&t, 1, 0);
	for (int64_t s = 0; s <= 130; s++) {
		(void)packet(&t, 2, s * SECOND);
		table_advance(&t, s * SECOND);
		if (s == 14)
			assert_int_equal(ended.n, 0);
		if (s == 18 || s == 58)
			assert_int_equal(ended.why[FLOW_END_IDLE], 1);
		if (s == 58 || s == 63 || s == 119 || s == 126)
			assert_int_equal(ended.why[FLOW_END_ACTIVE], s < 60 ? 0 : s < 120 ? 1 : 2);
	}
	table_advance(&t, 1000000 * (int64_t)SECOND); /* a leap over many turns of the wheel */
	assert_int_equal(t.used, 0);
	assert_int_equal(ended.packets, 132);
	table_close(&t);
}

static void
a_full_table_ends_the_flow_nearest_to_its_timeout(void **state)
{
	(void)state;
	struct table t;
	assert_int_equal(table_open(&t, 16, &usual, on_end, NULL, NULL), 0);
	memset(&ended, 0, sizeof ended);
	for (uint32_t n = 0; n < 16; n++)
		(void)packet(&t, n, (int64_t)n * SECOND / 2);
	assert_int_equal(ended.n, 0);
	(void)packet(&t, 99, 8 * SECOND);
	assert_int_equal(ended.why[FLOW_END_NO_ROOM], 1);
	assert_int_equal(t.early, 1);
	struct flow_key first = key_of(0), last = key_of(15);
	uint64_t made = t.made;
	(void)table_find(&t, &last, table_hash(&t, &last), 8 * SECOND);
	assert_int_equal(t.made, made);
	(void)table_find(&t, &first, table_hash(&t, &first), 8 * SECOND);
	assert_int_equal(t.made, made + 1);
	table_close(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_is_found_again_however_many_come_and_go),
		cmocka_unit_test(
			a_silent_flow_ends_after_the_idle_timeout_and_a_busy_one_is_told_each_active_timeout),
		cmocka_unit_test(a_full_table_ends_the_flow_nearest_to_its_timeout),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
