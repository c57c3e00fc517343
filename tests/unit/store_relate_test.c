/* Columns that have to do with each other are said once: flags by protocol, VLAN by client, packets out of bytes, netblocks by masks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/block_format.h"
#include "common/log.h"
#include "store/relate.h"
#include "tests/unit/store_help.h"

enum { ROWS = FT_BLOCK_ROWS < 6000 ? 40 : 6000 }; /* a tiny block has room for 96 addresses */

static uint64_t state;
static uint64_t
next(void)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (state ^ state >> 29) >> 8;
}

static void
make(struct ft_slice *s)
{
	uint64_t client = next() % 200, server = next() % 500, odd = next() % 100;
	memset(s, 0, sizeof *s);
	s->client[10] = s->client[11] = s->server[10] = s->server[11] = 0xff;
	s->client[12] = 10;
	s->client[15] = (uint8_t)client;
	s->server[12] = 93;
	s->server[14] = (uint8_t)(server >> 8);
	s->server[15] = (uint8_t)server;
	s->exporter = 1;
	s->version = 9;
	s->first_us = INT64_C(1700000000000000) + (int64_t)(next() % 100000) * 4000;
	s->last_us = s->first_us + (int64_t)(next() % 1000) * 4000;
	s->proto = next() % 3 ? 6 : 17;
	s->client_flags = s->proto == 6 ? (odd == 1 ? 2 : 27) : 0;
	s->server_flags = odd == 2 ? 4 : s->client_flags;
	s->client_vlan = s->server_vlan = (uint16_t)(odd == 3 ? 4000 : 10 + client % 20);
	s->in_if = 1 + (uint32_t)client % 7;
	s->out_if = 48 + (uint32_t)server % 2;
	s->client_bytes = 40 + next() % (next() % 10 ? 3000 : 5000000);
	s->client_packets = 1 + s->client_bytes / 400 + (odd == 4);
	s->server_bytes = next() % 9000;
	s->server_packets = 1 + next() % 50;
	s->client_mask = 24;
	s->server_mask = 16;
	s->present = FT_HAS_CLIENT_MASK | FT_HAS_SERVER_MASK | FT_HAS_IF | FT_HAS_FLAGS | FT_HAS_CLIENT_VLAN |
		     FT_HAS_SERVER_VLAN;
	s->slots = 1;
}

static void
column_is_as_made(struct block_view *v, enum ft_column c, const uint64_t *want)
{
	uint64_t back[ROWS], sum, all = 0, low, high;
	uint32_t narrow[ROWS];
	assert_int_equal(block_u64(v, c, 0, ROWS, back), FT_OK);
	assert_int_equal(block_u32(v, c, 0, ROWS, narrow), FT_OK);
	assert_true(block_range(v, c, &low, &high));
	for (uint32_t i = 0; i < ROWS; i++) {
		assert_int_equal(back[i], want[i]);
		assert_int_equal(narrow[i], want[i]);
		assert_true(low <= want[i] && want[i] <= high);
		all += want[i];
	}
	assert_int_equal(block_u64(v, c, ROWS / 3, ROWS / 2, back), FT_OK);
	assert_memory_equal(back, want + ROWS / 3, ROWS / 2 * sizeof back[0]);
	assert_int_equal(block_sum(v, c, &sum), FT_OK);
	assert_int_equal(sum, all);
}

#define COLUMNS(X)                                                                                           \
	X(client_flags)                                                                                      \
	X(server_flags)                                                                                      \
	X(client_vlan)                                                                                       \
	X(server_vlan)                                                                                       \
	X(in_if) X(out_if) X(client_packets) X(server_packets) X(client_bytes) X(server_bytes) X(proto)

static void
columns_that_go_together_are_said_once_and_read_back(void **s)
{
	struct bench b;
	struct store_settings set = bench_settings();
	struct zone z;
	uint64_t *filter, *want[FT_COLUMNS] = {0};
	struct block_view v;
	struct err err;
	(void)s;
	state = 1;
	bench_open(&b, "relate");
	bench_ring(&b, 1 << 13);
	assert_int_equal(bench_start(&b, &set), FT_OK);
#define ROOM(c) want[FT_COL_##c] = malloc(ROWS * sizeof(uint64_t));
	COLUMNS(ROOM)
	for (uint32_t i = 0; i < ROWS; i++) {
		struct ft_slice made;
		make(&made);
		memcpy(ring_slot(&b.ring, b.head++), &made, sizeof made);
#define KEEP(c) want[FT_COL_##c][i] = made.c;
		COLUMNS(KEEP)
	}
	ring_publish(&b.ring, b.head);
	bench_take(&b);
	struct open_counts n = store_counts(&b.st);
	assert_int_equal(n.rows, ROWS);
	assert_int_equal(seal_pack(&b.st, &b.st.open, &n, 7, &z, &filter, &err), FT_OK);
	free(filter);
	assert_int_equal(block_view_sealed(&v, b.st.pack.p, b.st.pack.used, true, &err), FT_OK);
	if (ROWS >= 6000) {
		assert_int_equal(v.column[FT_COL_client_flags].encoding, CODEC_BY);
		assert_int_equal(v.column[FT_COL_server_flags].encoding, CODEC_BY);
		assert_int_equal(v.column[FT_COL_client_vlan].encoding, CODEC_BY);
		assert_int_equal(v.column[FT_COL_server_vlan].encoding, CODEC_BY);
		assert_int_equal(v.column[FT_COL_in_if].encoding, CODEC_BY);
		assert_int_equal(v.column[FT_COL_out_if].encoding, CODEC_BY);
		assert_int_equal(v.column[FT_COL_client_packets].divisor, 400);
		assert_int_equal(v.column[FT_COL_server_packets].divisor, 0);
		assert_int_equal(v.column[FT_COL_first_us].scale, 4000);
		assert_int_equal(
			v.dict_column[BLOCK_PART_NET_BITS - BLOCK_PART_FIRST].ref, BLOCK_PART_MASK + 1);
	}
#define SAME(c) column_is_as_made(&v, FT_COL_##c, want[FT_COL_##c]);
	COLUMNS(SAME)
	const struct ft_addr_entry *a = block_addrs(&v);
	assert_non_null(a);
	for (uint32_t i = 0; i < v.dict_count[FT_DICT_ADDR]; i++) {
		assert_int_equal(a[i].mask, a[i].address[12] == 10 ? 24 : 16);
		assert_int_equal(a[i].net_bits, 96 + a[i].mask);
	}
	block_view_close(&v);
#define FREE(c) free(want[FT_COL_##c]);
	COLUMNS(FREE)
	bench_close(&b);
}

static void
the_size_of_packets_is_found_where_there_is_one(void **s)
{
	uint64_t packets[3000], bytes[3000], plain;
	(void)s;
	state = 2;
	for (unsigned size = 100; size <= 1500; size += 175) {
		for (unsigned i = 0; i < 3000; i++) {
			bytes[i] = 40 + next() % (next() % 10 ? 4000 : 1000000);
			packets[i] = 1 + bytes[i] / size;
		}
		assert_int_equal(relate_divisor(packets, bytes, 3000, &plain), size);
	}
	for (unsigned i = 0; i < 3000; i++)
		packets[i] = 1 + next() % 100;
	assert_int_equal(relate_divisor(packets, bytes, 3000, &plain), 0);
	for (unsigned i = 0; i < 3000; i++)
		packets[i] = bytes[i] = UINT64_MAX - i;
	assert_int_equal(relate_divisor(packets, bytes, 3000, &plain), 0);
	memset(packets, 0, sizeof packets);
	memset(bytes, 0, sizeof bytes);
	assert_int_equal(relate_divisor(packets, bytes, 3000, &plain), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_that_go_together_are_said_once_and_read_back),
		cmocka_unit_test(the_size_of_packets_is_found_where_there_is_one),
	};
	log_open("store_relate_test", NULL, LOG_L_ALWAYS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
