/*
 * store_stepping_test.c - ft-store killed after every instruction that changes shared memory: ring, stage, open block,
 * catalog.  What touches the disk is tried by store_crash_test.c.  Tiny build only: a plain block is 60 MB.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/contract/step.h"
#include "tests/unit/store_help.h"

enum { SLICES = 14, SLOTS = 32 };
enum { AT_STORE, AT_RING, AT_OPEN, AT_CATALOG };

#ifdef FT_TINY

/* What ft-store does when it starts and shared memory is whole. */
static void
attach(struct store *st, void *const *at)
{
	size_t stage_at = (sizeof(struct store_segment) + FT_LINE - 1) & ~(size_t)(FT_LINE - 1);
	struct open_counts counts;
	st->turn = 0;
	st->lock_fd = st->shm.fd = st->catalog_shm.fd = st->exporters_shm.fd = st->open.shm.fd = -1;
	st->own = at[AT_STORE];
	stage_attach_used(&st->stage, at[AT_STORE], stage_at, &store_stage_used);
	stage_recover(&st->stage);
	counts = store_counts(st);
	CHECK(open_block_over(&st->open, at[AT_OPEN], &counts, NULL) == FT_OK);
	CHECK(tags_open(&st->tags, 1) == FT_OK);
	st->catalog = at[AT_CATALOG];
	st->segment = 1;
	st->first_segment = 1;
	ring_over(&st->ring[0], at[AT_RING]);
	st->attached[0] = true;
	ring_release(&st->ring[0], stage_record(&st->stage)->input[0]);
	catalog_tell(st);
}

static void
detach(struct store *st)
{
	open_block_close(&st->open);
	tags_close(&st->tags);
}

static void
work(void *ctx, void *const *at)
{
	static struct store st;
	(void)ctx;
	attach(&st, at);
	while (intake_turn(&st) > 0)
		catalog_tell(&st);
	detach(&st);
}

static void
recover(void *ctx, void *const *at)
{
	static struct store st;
	(void)ctx;
	attach(&st, at);
	detach(&st);
}

/* Rows the catalog counts are rows 0 … n - 1 of the input, as made. */
static bool
rows_right(void *const *at, uint32_t least, char *why, size_t n)
{
	struct ft_catalog_record c;
	struct block_view v;
	uint64_t value[SLICES];
	catalog_read(at[AT_CATALOG], &c);
	if (c.rows < least || c.rows > SLICES) {
		snprintf(why, n, "the catalog counts %u rows, not %u or more", c.rows, least);
		return false;
	}
	((struct ft_open_header *)at[AT_OPEN])->seg.size = open_block_bytes();
	if (block_view_open(&v, at[AT_OPEN], &c, NULL) != FT_OK) {
		snprintf(why, n, "the open block can't be read");
		return false;
	}
	bool good = true;
	for (uint32_t i = 0; i < c.rows && good; i++) {
		struct ft_slice made;
		struct ft_slice_ext ext, *x = &ext;
		const struct ft_slice *s = &made;
		bool has;
		slice_make(i, &made, &ext, &has);
		if (!has)
			memset(&ext, 0, sizeof ext);
#define CHECK_NONE(name, want)                                                                               \
	if (good && (block_u64(&v, FT_COL_##name, i, 1, value) != FT_OK || value[0] != (uint64_t)(want))) {  \
		snprintf(why, n, "row %u: " #name " is not as made", i);                                     \
		good = false;                                                                                \
	}
#define CHECK_ADDR(name, want)                                                                               \
	if (good && (block_u64(&v, FT_COL_##name, i, 1, value) != FT_OK ||                                   \
			    memcmp(v.addr[value[0]].address, made.name, 16) != 0)) {                         \
		snprintf(why, n, "row %u: " #name " is not as made", i);                                     \
		good = false;                                                                                \
	}
#define CHECK_EXPORTER(name, want)                                                                           \
	if (good && (block_u64(&v, FT_COL_##name, i, 1, value) != FT_OK ||                                   \
			    v.exporter[value[0]].domain != made.domain)) {                                   \
		snprintf(why, n, "row %u: exporter is not as made", i);                                      \
		good = false;                                                                                \
	}
#define CHECK_WIDE(name, want)                                                                               \
	if (good && (block_u64(&v, FT_COL_##name, i, 1, value) != FT_OK || (has ? 0 : value[0] != 0))) {     \
		snprintf(why, n, "row %u: " #name " is not as made", i);                                     \
		good = false;                                                                                \
	}
#define CHECK_TEXT(name, want) CHECK_NONE(name, 0)
#define COLUMN(name, bits, dictionary, want) CHECK_##dictionary(name, want)
#include "common/fields.def"
#undef COLUMN
	}
	block_view_close(&v);
	return good;
}

static bool
finish(void *ctx, void *const *at, char *why, size_t n)
{
	static struct store st;
	(void)ctx;
	if (!rows_right(at, 0, why, n))
		return false;
	attach(&st, at);
	while (intake_turn(&st) > 0)
		catalog_tell(&st);
	bool good = rows_right(at, SLICES, why, n);
	if (good && stage_record(&st.stage)->counter[COUNT_SLICES] != SLICES) {
		snprintf(why, n, "%llu slices counted",
			(unsigned long long)stage_record(&st.stage)->counter[COUNT_SLICES]);
		good = false;
	}
	if (good && atomic_load(&st.ring[0].h->tail) != atomic_load(&st.ring[0].h->head)) {
		snprintf(why, n, "the ring is not used up");
		good = false;
	}
	/* the dictionary has each address and attributes once */
	const struct ft_addr_entry *a = st.open.addr;
	for (uint32_t i = 0; good && i < st.open.next.dict[FT_DICT_ADDR]; i++)
		if (a[i].bare > i || memcmp(a[a[i].bare].address, a[i].address, 16) != 0) {
			snprintf(why, n, "address entry %u names entry %u as its first", i, a[i].bare);
			good = false;
		}
	detach(&st);
	return good;
}

static void
killed_after_every_instruction_every_slice_is_stored_once(void **state)
{
	static const uint8_t uuid[16] = {1};
	struct step_test t = {
		.name = "store", .work = work, .recover = recover, .finish = finish, .recovery_every = 19};
	size_t stage_at = (sizeof(struct store_segment) + FT_LINE - 1) & ~(size_t)(FT_LINE - 1);
	struct ring r;
	uint64_t head = 0;
	(void)state;
	uint8_t *own = step_region(&t, "store", stage_at + stage_bytes(STORE_UNDO));
	void *ring = step_region(&t, "ring", ring_bytes(sizeof(struct ft_slice), SLOTS));
	void *open = step_region(&t, "open block", open_block_bytes());
	step_region(&t, "catalog", sizeof(struct ft_catalog));
	stage_format(own, stage_at, STORE_UNDO);
	ring_format(ring, sizeof(struct ft_slice), SLOTS);
	open_block_format(open, uuid, 1, 0);
	ring_over(&r, ring);
	for (uint64_t i = 0; i < SLICES; i++) {
		struct ft_slice s;
		struct ft_slice_ext x;
		bool ext;
		slice_make(i, &s, &x, &ext);
		memcpy(ring_slot(&r, head), &s, sizeof s);
		if (ext)
			memcpy(ring_slot(&r, head + 1), &x, sizeof x);
		head += s.slots;
	}
	ring_publish(&r, head);
	/* the stage as a first start leaves it: an empty block */
	struct stage st;
	struct open_counts empty = open_block_empty();
	stage_attach_used(&st, own, stage_at, &store_stage_used);
	stage_begin(&st);
	st.next.id[ID_SEGMENT] = 1;
	store_counts_put(&st, &empty);
	stage_commit(&st);
	struct step_result done = step_run(&t);
	step_free(&t);
	if (done.skipped)
		return;
	assert_int_equal(done.failures, 0);
	assert_true(done.checked > 200);
}

#else

static void
killed_after_every_instruction_every_slice_is_stored_once(void **state)
{
	(void)state;
	print_message("skipped: a block of the plain build is too large to be compared at each step; see the "
		      "tiny build\n");
}

#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_after_every_instruction_every_slice_is_stored_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
