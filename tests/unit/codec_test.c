/* Columns packed and read back: every encoding, every width, every position. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/codec.h"
#include "common/codec_parts.h"

static uint64_t state = 42;
static uint64_t
next(void)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return state ^ state >> 29;
}

/* single rows, dense and sparse, say what all of them do */
static void
picks_are_the_rows(struct block_column *d, const uint64_t *v, uint64_t n)
{
	uint16_t row[2000];
	uint64_t picked[2000];
	for (unsigned turn = 0; turn < 12 && n > 0 && codec_picks(d); turn++) {
		uint64_t from = next() % n;
		uint32_t some = 0, step = turn % 3 == 0 ? 1 : turn % 3 == 1 ? 20 : 700;
		for (uint64_t i = next() % step; from + i < n && i < UINT16_MAX && some < 2000;
			i += 1 + next() % step)
			row[some++] = (uint16_t)i;
		assert_int_equal(codec_pick_u64(d, from, row, some, picked), 0);
		for (uint32_t i = 0; i < some; i++)
			assert_int_equal(picked[i], v[from + row[i]]);
		row[0] = (uint16_t)(n - from < UINT16_MAX ? n - from : UINT16_MAX);
		if (n - from < UINT16_MAX)
			assert_int_equal(codec_pick_u64(d, from, row, 1, picked), FT_EFORMAT);
	}
}

/* Pack v, read it back whole and in pieces, wide and narrow. */
static uint8_t
round_trip(const uint64_t *v, uint64_t n, unsigned hints)
{
	struct codec_out out = {0};
	struct block_column d;
	size_t at = codec_pack(&out, v, n, hints, &d);
	assert_false(out.failed);
	/* a copy of exactly its bytes, so that the sanitizer sees a read beyond */
	uint8_t *data = malloc(d.bytes + 1);
	memcpy(data, out.p ? out.p + at : (const uint8_t *)"", d.bytes);
	uint8_t *exact = realloc(data, d.bytes ? d.bytes : 1);
	d.data = exact;
	uint64_t *back = calloc(n + 1, 8);
	uint32_t *narrow = calloc(n + 1, 4);
	assert_int_equal(codec_u64(&d, 0, n, back), 0);
	if (n > 0)
		assert_memory_equal(back, v, n * 8);
	assert_int_equal(codec_u32(&d, 0, n, narrow), 0);
	for (uint64_t i = 0; i < n; i++)
		assert_int_equal(narrow[i], (uint32_t)v[i]);
	uint64_t sum = 0, all = 0;
	for (uint64_t i = 0; i < n; i++)
		all += v[i];
	assert_int_equal(codec_sum(&d, &sum), 0);
	assert_int_equal(sum, all);
	for (unsigned turn = 0; turn < 20 && n > 0; turn++) {
		codec_scalar = turn >= 10; /* the twins say the same */
		uint64_t from = next() % n, take = next() % (n - from + 1);
		assert_int_equal(codec_u64(&d, from, take, back), 0);
		assert_memory_equal(back, v + from, take * 8);
		assert_int_equal(codec_u32(&d, from, take, narrow), 0);
		for (uint64_t i = 0; i < take; i++)
			assert_int_equal(narrow[i], (uint32_t)v[from + i]);
	}
	codec_scalar = false;
	picks_are_the_rows(&d, v, n);
	assert_int_equal(codec_u64(&d, n, 1, back), FT_EFORMAT);
	for (uint64_t i = 0; i < n; i++) {
		if (v[i] < d.low || v[i] > d.high)
			fail_msg("row %llu lies outside the range", (unsigned long long)i);
	}
	free(back);
	free(narrow);
	free(d.unpacked);
	free(exact);
	codec_out_free(&out);
	return d.encoding;
}

/* a long tail, ids that go on and jump, and both with few, many and no exceptions in a page */
static void
rows_wider_than_their_page_are_read_back(void **s)
{
	static const unsigned hints[] = {CODEC_TAIL, CODEC_STEPWISE, CODEC_TAIL | CODEC_STEPWISE,
		CODEC_TIMES | CODEC_STEPWISE, CODEC_TIMES | CODEC_TAIL};
	static const uint64_t lengths[] = {1024, 1025, 1031, 5000};
	enum { MOST = 5000 };
	uint64_t *v = malloc(MOST * sizeof *v);
	unsigned paged = 0;
	(void)s;
	for (unsigned h = 0; h < sizeof hints / sizeof hints[0]; h++)
		for (unsigned l = 0; l < sizeof lengths / sizeof lengths[0]; l++)
			for (unsigned wide = 1; wide <= 64; wide += 3)
				for (unsigned jump = 2; jump <= 2048; jump *= 8) {
					uint64_t scale = hints[h] & CODEC_TIMES && wide < 50 ? 1000 : 1,
						 at = 0;
					for (uint64_t i = 0; i < lengths[l]; i++) {
						uint64_t big = next() >> (64 - wide), step = next() % 9;
						at = next() % jump == 0 ? big : at + step - 3;
						v[i] = (hints[h] & CODEC_STEPWISE   ? at + (1 << 20)
							       : next() % jump == 0 ? big
										    : next() % 700) *
						       scale;
					}
					paged += round_trip(v, lengths[l], hints[h]) == CODEC_PAGED;
				}
	assert_true(paged > 100);
	free(v);
}

static void
every_width_at_every_length(void **s)
{
	static const uint64_t lengths[] = {1, 2, 63, 64, 65, 1023, 1024, 1025, 3000};
	(void)s;
	for (unsigned bits = 0; bits <= 64; bits++)
		for (unsigned l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
			uint64_t n = lengths[l], *v = malloc(n * 8),
				 mask = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
			for (uint64_t i = 0; i < n; i++)
				v[i] = (next() & mask) + (bits < 60 ? 1000 : 0);
			round_trip(v, n, 0);
			round_trip(v, n, CODEC_DIRECT | CODEC_TIMES);
			round_trip(v, n, CODEC_COLD);
			free(v);
		}
}

static void
no_rows(void **s)
{
	(void)s;
	assert_int_equal(round_trip(NULL, 0, 0), CODEC_CONST);
}

enum { MANY = 70000 };

static void
each_encoding_is_chosen_where_it_is_lightest(void **s)
{
	uint64_t *v = malloc(MANY * 8);
	(void)s;
	for (unsigned i = 0; i < MANY; i++)
		v[i] = 7;
	assert_int_equal(round_trip(v, MANY, 0), CODEC_CONST);
	for (unsigned i = 0; i < MANY; i++)
		v[i] = 1024 + next() % 64512;
	assert_int_equal(round_trip(v, MANY, CODEC_DIRECT), CODEC_PACKED);
	static const uint64_t ports[] = {22, 53, 80, 443, 3389, 65535};
	for (unsigned i = 0; i < MANY; i++)
		v[i] = ports[next() % 6];
	assert_int_equal(round_trip(v, MANY, CODEC_DIRECT), CODEC_DICT);
	/* a few services, and scans over all ports */
	for (unsigned i = 0; i < MANY; i++)
		v[i] = next() % 50 ? ports[next() % 6] : next() % 65536;
	assert_int_equal(round_trip(v, MANY, CODEC_DIRECT), CODEC_COMMON);
	for (unsigned i = 0; i < MANY; i++)
		v[i] = UINT64_C(1700000000000000) + i * 2000 + next() % 5000 * 1000;
	assert_int_equal(round_trip(v, MANY, CODEC_TIMES), CODEC_PAGED);
	for (unsigned i = 0; i < MANY; i++)
		v[i] = next() % 3 ? 0 : UINT64_C(1700000000000000) + next() % 100000;
	assert_int_equal(round_trip(v, MANY, 0), CODEC_SPARSE);
	for (unsigned i = 0; i < MANY; i++)
		v[i] = next() % 20 ? 0 : UINT64_C(1700000000000000) + next() % 100000;
	assert_int_equal(round_trip(v, MANY, 0), CODEC_FEW);
	for (unsigned i = 0; i < MANY; i++)
		v[i] = next() % 5000 ? 0 : UINT64_C(1700000000000000) + next() % 100000 * 64000;
	assert_int_equal(round_trip(v, MANY, CODEC_TIMES), CODEC_FEW);
	for (unsigned i = 0; i < MANY; i++)
		v[i] = i % 997 < 500 ? next() % 40 * 131 : (uint64_t)(i % 13) << 40;
	round_trip(v, MANY, CODEC_COLD);
	for (unsigned i = 0; i < MANY; i++)
		v[i] = (next() % 8) << 40 | (next() % 8) << 32 | (next() % 8) << 24 | (next() % 8) << 16 |
		       next() % 8;
	assert_int_equal(round_trip(v, MANY, CODEC_COLD), CODEC_ZPAGED);
	free(v);
}

/* clocks tick in milliseconds, or some of them */
static void
times_are_counted_in_their_clocks_ticks(void **s)
{
	static const uint32_t ticks[] = {2, 7, 1000, 4000, 10000, 25000, 64000, 1000000, 4294967295u};
	uint64_t *v = malloc(MANY * 8);
	(void)s;
	for (unsigned k = 0; k < sizeof ticks / sizeof ticks[0]; k++)
		for (unsigned odd = 0; odd < 2; odd++) {
			struct codec_out out = {0};
			struct block_column d;
			for (unsigned i = 0; i < MANY; i++)
				v[i] = 1234567 + next() % 5000 * ticks[k];
			if (odd)
				v[MANY - 1]++;
			round_trip(v, MANY, CODEC_TIMES);
			round_trip(v, MANY, CODEC_TIMES | CODEC_STEPWISE);
			round_trip(v, MANY, CODEC_TIMES | CODEC_TAIL);
			(void)codec_pack(&out, v, MANY, CODEC_TIMES | CODEC_TAIL, &d);
			assert_int_equal(d.scale, odd ? 1 : ticks[k]);
			codec_out_free(&out);
		}
	free(v);
}

/* ---- columns that go by another ------------------------------------------------------------------- */

enum { HOSTS = 3000 };
struct by_world {
	uint64_t v[MANY];
	uint32_t host[MANY];
	uint8_t *data;
	struct block_column d;
};

static size_t
pack_world(struct by_world *w, unsigned differ, uint64_t most)
{
	struct codec_out out = {0};
	(void)codec_room(&out, 64);
	for (unsigned i = 0; i < MANY; i++) {
		w->host[i] = 7 + (uint32_t)(next() % HOSTS);
		w->v[i] = differ && next() % differ == 0 ? next() % 5000 : w->host[i] % 24;
	}
	size_t at = codec_pack_by(&out, w->v, MANY, w->host, 7, 7 + HOSTS - 1, most, &w->d);
	w->data = malloc(w->d.bytes + 1);
	if (at > 0)
		memcpy(w->data, out.p + at, w->d.bytes);
	w->d.data = w->data;
	codec_out_free(&out);
	return at;
}

static void
a_column_that_goes_by_another_is_a_table_and_the_rows_that_differ(void **s)
{
	struct by_world *w = calloc(1, sizeof *w);
	(void)s;
	for (unsigned differ = 0; differ <= 400; differ += 50) {
		uint64_t back[3000];
		uint32_t narrow[3000];
		assert_true(pack_world(w, differ, MANY / 4) > 0);
		assert_int_equal(w->d.encoding, CODEC_BY);
		assert_true(w->d.bytes < MANY / 8);
		for (unsigned turn = 0; turn < 50; turn++) {
			uint64_t from = next() % MANY, n = next() % 3000;
			n = n > MANY - from ? MANY - from : n;
			for (uint64_t i = 0; i < n; i++)
				back[i] = narrow[i] = w->host[from + i];
			assert_int_equal(codec_by_u64(&w->d, from, n, back), 0);
			assert_int_equal(codec_by_u32(&w->d, from, n, narrow), 0);
			for (uint64_t i = 0; i < n; i++) {
				assert_int_equal(back[i], w->v[from + i]);
				assert_int_equal(narrow[i], w->v[from + i]);
			}
		}
		back[0] = 7 + HOSTS; /* no such entry: the other column is damaged */
		assert_int_equal(codec_by_u64(&w->d, 0, 1, back), FT_EFORMAT);
		back[0] = 6;
		assert_int_equal(codec_by_u64(&w->d, 0, 1, back), FT_EFORMAT);
		free(w->d.unpacked);
		free(w->data);
	}
	assert_int_equal(pack_world(w, 2, MANY / 4), 0); /* it does not go by it */
	free(w->data);
	assert_int_equal(pack_world(w, 0, 100), 0); /* more than is allowed */
	free(w->data);
	free(w);
}

static void
a_damaged_column_that_goes_by_another_is_never_read_outside(void **s)
{
	struct by_world *w = calloc(1, sizeof *w);
	(void)s;
	assert_true(pack_world(w, 90, MANY / 4) > 0);
	for (unsigned turn = 0; turn < 400; turn++) {
		struct block_column bad = w->d;
		uint64_t back[1100];
		bad.bytes = turn % 5 == 0 ? next() % w->d.bytes : w->d.bytes;
		uint8_t *cut = malloc(bad.bytes + 1);
		memcpy(cut, w->data, bad.bytes);
		for (unsigned k = 0; k < 3 && bad.bytes > 64; k++)
			cut[next() % (turn & 1 ? bad.bytes : 64)] = (uint8_t)next();
		bad.data = cut;
		for (unsigned i = 0; i < 1100; i++)
			back[i] = w->host[MANY - 1100 + i];
		(void)codec_by_u64(&bad, MANY - 1100, 1100, back);
		free(bad.unpacked);
		free(cut);
	}
	free(w->data);
	free(w);
}

static void
ascending_columns_are_running_differences(void **s)
{
	uint64_t *v = malloc(MANY * 8), x = 3;
	(void)s;
	for (unsigned i = 0; i < MANY; i++)
		v[i] = x += next() % 50000;
	assert_int_equal(round_trip(v, MANY, CODEC_ASCENDING), CODEC_PAGED);
	v[1000] = UINT64_MAX; /* not ascending after all */
	round_trip(v, MANY, CODEC_ASCENDING);
	free(v);
}

static void
quick_packing_reads_back(void **s)
{
	static const unsigned widths[] = {0, 3, 8, 9, 16, 17, 31, 32, 33, 64};
	(void)s;
	for (unsigned w = 0; w < sizeof widths / sizeof widths[0]; w++) {
		uint64_t v[500], back[500],
			mask = widths[w] == 64 ? UINT64_MAX : (UINT64_C(1) << widths[w]) - 1;
		struct codec_out out = {0};
		struct block_column d;
		for (unsigned i = 0; i < 500; i++)
			v[i] = next() & mask;
		size_t at = codec_pack_quick(&out, v, 500, &d);
		d.data = out.p ? out.p + at : NULL;
		assert_int_equal(codec_u64(&d, 0, 500, back), 0);
		assert_memory_equal(v, back, sizeof v);
		codec_out_free(&out);
	}
}

static void
bytes_are_compressed_if_it_pays(void **s)
{
	char text[4000];
	struct codec_out out = {0};
	struct block_column d;
	(void)s;
	for (unsigned i = 0; i < sizeof text; i++)
		text[i] = (char)('a' + i % 7);
	size_t at = codec_pack_bytes(&out, text, sizeof text, &d);
	d.data = out.p + at;
	assert_int_equal(d.encoding, CODEC_ZSTD);
	assert_memory_equal(codec_raw(&d), text, sizeof text);
	free(d.unpacked);
	for (unsigned i = 0; i < sizeof text; i++)
		text[i] = (char)next();
	at = codec_pack_bytes(&out, text, sizeof text, &d);
	d.data = out.p + at;
	assert_int_equal(d.encoding, CODEC_RAW);
	assert_memory_equal(codec_raw(&d), text, sizeof text);
	codec_out_free(&out);
}

static void
damaged_columns_are_refused_or_wrong_but_never_read_outside(void **s)
{
	uint64_t *v = malloc(5000 * 8), *back = malloc(5000 * 8);
	static uint16_t row[5000];
	(void)s;
	for (unsigned kind = 0; kind < 9; kind++) {
		for (unsigned i = 0; i < 5000; i++)
			v[i] = kind == 8 ? (next() % 30 ? 9 : next())
			       : kind >= 6
				       ? (kind == 7 ? i : 0) + (next() % 50 ? next() % 9000 : next() >> 20)
			       : kind == 0 ? next() % 1000
			       : kind == 1 ? (next() % 5) * 1000003
			       : kind == 2 ? i * 1000 + next() % 64
			       : kind == 5 ? (next() % 20 ? 443 : next() % 65536)
			       : kind == 3 ? (next() % 3 ? 0 : next())
					   : (next() % 8) << 30 | (next() % 512 == 0 ? next() % 65536 : 0);
		struct codec_out out = {0};
		struct block_column d;
		size_t at = codec_pack(&out, v, 5000,
			kind == 4   ? CODEC_COLD
			: kind == 6 ? CODEC_TAIL
			: kind == 7 ? CODEC_STEPWISE
				    : 0,
			&d);
		assert_true(kind < 6 || d.encoding == (kind == 8 ? CODEC_FEW : CODEC_PAGED));
		for (unsigned turn = 0; turn < 300; turn++) {
			struct block_column bad = d;
			uint8_t *data = malloc(d.bytes);
			memcpy(data, out.p + at, d.bytes);
			for (unsigned k = 0; k < 3; k++)
				data[next() % (turn & 1 ? d.bytes : 64)] = (uint8_t)next();
			if (turn % 5 == 0)
				bad.bytes = next() % d.bytes;
			uint8_t *cut = malloc(bad.bytes + 1);
			memcpy(cut, data, bad.bytes);
			bad.data = cut;
			(void)codec_u64(&bad, 0, 5000, back);
			(void)codec_u64(&bad, next() % 5000, 1, back);
			for (uint16_t i = 0; i < 5000; i++)
				row[i] = i;
			if (codec_picks(&bad))
				(void)codec_pick_u64(&bad, 0, row, 5000, back);
			for (uint16_t i = 0; i < 500; i++)
				row[i] = (uint16_t)(i * 10);
			if (codec_picks(&bad))
				(void)codec_pick_u64(&bad, 9, row, 500, back);
			free(bad.unpacked);
			free(cut);
			free(data);
		}
		codec_out_free(&out);
	}
	free(v);
	free(back);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_width_at_every_length),
		cmocka_unit_test(rows_wider_than_their_page_are_read_back),
		cmocka_unit_test(no_rows),
		cmocka_unit_test(each_encoding_is_chosen_where_it_is_lightest),
		cmocka_unit_test(times_are_counted_in_their_clocks_ticks),
		cmocka_unit_test(a_column_that_goes_by_another_is_a_table_and_the_rows_that_differ),
		cmocka_unit_test(a_damaged_column_that_goes_by_another_is_never_read_outside),
		cmocka_unit_test(ascending_columns_are_running_differences),
		cmocka_unit_test(quick_packing_reads_back),
		cmocka_unit_test(bytes_are_compressed_if_it_pays),
		cmocka_unit_test(damaged_columns_are_refused_or_wrong_but_never_read_outside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
