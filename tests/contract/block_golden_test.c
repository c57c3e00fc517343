/*
 * block_golden_test.c - a sealed block's bytes, for ever: blocks written by earlier versions lie beside this file
 * (block_v*.golden) and must be read by this one.  FT_GOLDEN_WRITE=1 writes a new file, for a new version.
 * Also: the sizes and offsets that docs/block-format.md gives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/block_format.h"
#include "common/log.h"
#include "tests/unit/store_help.h"

enum { ROWS = 28 };

static void
the_layout_is_what_the_document_says(void **s)
{
	(void)s;
	assert_int_equal(offsetof(struct block_header, head_bytes), 12);
	assert_int_equal(offsetof(struct block_header, bytes), 16);
	assert_int_equal(offsetof(struct block_header, store_uuid), 24);
	assert_int_equal(offsetof(struct block_header, segment_uuid), 40);
	assert_int_equal(offsetof(struct block_header, segment), 56);
	assert_int_equal(offsetof(struct block_header, rows), 64);
	assert_int_equal(offsetof(struct block_header, min_first_us), 72);
	assert_int_equal(offsetof(struct block_header, commit), 96);
	assert_int_equal(offsetof(struct block_header, dict_count), 112);
	assert_int_equal(offsetof(struct block_header, checksum), 136);
	assert_int_equal(offsetof(struct block_entry, count), 4);
	assert_int_equal(offsetof(struct block_entry, base), 8);
	assert_int_equal(offsetof(struct block_entry, scale), 32);
	assert_int_equal(offsetof(struct block_entry, ref), 36);
	assert_int_equal(offsetof(struct block_entry, offset), 40);
	assert_int_equal(offsetof(struct block_entry, checksum), 56);
	assert_int_equal(CODEC_CONST, 0);
	assert_int_equal(CODEC_PACKED, 1);
	assert_int_equal(CODEC_DICT, 2);
	assert_int_equal(CODEC_PAGED, 3);
	assert_int_equal(CODEC_SPARSE, 4);
	assert_int_equal(CODEC_RAW, 5);
	assert_int_equal(CODEC_ZSTD, 6);
	assert_int_equal(CODEC_ZPAGED, 7);
	assert_int_equal(CODEC_COMMON, 8);
	assert_int_equal(CODEC_FEW, 9);
	assert_int_equal(CODEC_BY, 10);
	assert_int_equal(offsetof(struct block_entry, divisor), 38);
	/* ids are never given anew */
	assert_int_equal(FT_COL_session, 0);
	assert_int_equal(FT_COL_client, 5);
	assert_int_equal(FT_COL_client_bytes, 11);
	assert_int_equal(FT_COL_elements, 44);
	assert_int_equal(BLOCK_PART_HEAP, 77);
}

static void
rows_are_as_made(struct block_view *v)
{
	assert_int_equal(v->rows, ROWS);
	for (uint32_t i = 0; i < ROWS; i++) {
		struct ft_slice made;
		struct ft_slice_ext ext, *x = &ext;
		const struct ft_slice *s = &made;
		bool has;
		uint64_t got;
		slice_make(i, &made, &ext, &has);
		if (!has)
			memset(&ext, 0, sizeof ext);
#define CHECK_NONE(name, want)                                                                               \
	assert_int_equal(block_u64(v, FT_COL_##name, i, 1, &got), FT_OK);                                    \
	assert_int_equal(got, (uint64_t)(want));
#define CHECK_ADDR(name, want)                                                                               \
	assert_int_equal(block_u64(v, FT_COL_##name, i, 1, &got), FT_OK);                                    \
	assert_memory_equal(block_addrs(v)[got].address, made.name, 16);
#define CHECK_EXPORTER(name, want)                                                                           \
	assert_int_equal(block_u64(v, FT_COL_##name, i, 1, &got), FT_OK);                                    \
	assert_int_equal(block_exporters(v)[got].domain, made.domain);
#define CHECK_WIDE(name, want)
#define CHECK_TEXT(name, want)
#define COLUMN(name, bits, dictionary, want) CHECK_##dictionary(name, want)
#include "common/fields.def"
#undef COLUMN
	}
}

static uint8_t *
read_file(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	if (f == NULL)
		return NULL;
	uint8_t *p = malloc(1 << 20);
	*n = 0;
	*n = fread(p, 1, 1 << 20, f);
	fclose(f);
	return p;
}

static void
blocks_of_every_earlier_version_are_read(void **s)
{
	static const char *const files[] = {
		"tests/contract/block_v1.golden", "tests/contract/block_v2.golden"};
	(void)s;
	for (unsigned i = 0; i < sizeof files / sizeof files[0]; i++) {
		size_t n = 0;
		struct block_view v;
		struct err err;
		uint8_t *p = read_file(files[i], &n);
		if (p == NULL)
			fail_msg("%s is missing (run tests from the top folder)", files[i]);
		if (block_view_sealed(&v, p, n, true, &err) != FT_OK)
			fail_msg("%s: %s", files[i], err.text);
		rows_are_as_made(&v);
		block_view_close(&v);
		free(p);
	}
}

/* What seals today, reads today; and the same rows twice give the same bytes but for the time of sealing. */
static void
a_block_sealed_now_is_read_and_repeats_itself(void **s)
{
	struct bench b;
	struct store_settings set = bench_settings();
	struct zone z;
	uint64_t *filter;
	struct block_view v;
	struct err err;
	(void)s;
	bench_open(&b, "golden");
	bench_ring(&b, 1024);
	assert_int_equal(bench_start(&b, &set), FT_OK);
	bench_send_all(&b, 0, ROWS);
	struct open_counts n = store_counts(&b.st);
	assert_int_equal(n.rows, ROWS);
	assert_int_equal(seal_pack(&b.st, &b.st.open, &n, 7, &z, &filter, &err), FT_OK);
	free(filter);
	size_t bytes = b.st.pack.used;
	uint8_t *first = malloc(bytes);
	memcpy(first, b.st.pack.p, bytes);
	assert_int_equal(block_view_sealed(&v, first, bytes, true, &err), FT_OK);
	rows_are_as_made(&v);
	block_view_close(&v);
	if (getenv("FT_GOLDEN_WRITE")) {
		FILE *f = fopen("tests/contract/block_v2.golden", "wb");
		assert_non_null(f);
		fwrite(first, 1, bytes, f);
		fclose(f);
	}
	assert_int_equal(seal_pack(&b.st, &b.st.open, &n, 7, &z, &filter, &err), FT_OK);
	free(filter);
	assert_int_equal(b.st.pack.used, bytes);
	assert_memory_equal(b.st.pack.p + sizeof(struct block_header), first + sizeof(struct block_header),
		bytes - sizeof(struct block_header));
	free(first);
	bench_close(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_layout_is_what_the_document_says),
		cmocka_unit_test(a_block_sealed_now_is_read_and_repeats_itself),
		cmocka_unit_test(blocks_of_every_earlier_version_are_read),
	};
	log_open("block_golden_test", NULL, LOG_L_ALWAYS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
