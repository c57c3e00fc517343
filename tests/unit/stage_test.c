/* stage_test.c - batches that commit, batches that do not, and their recovery */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/clock.h"
#include "common/stage.h"

enum { UNDO = 1024, AT = 128, TABLE = 8 };

struct slot {
	uint64_t value;
	uint8_t odd[13]; /* images need not be whole words */
};
struct world {
	void *memory;
	struct stage stage;
	struct slot *table;
};

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	w->memory = calloc(1, AT + stage_bytes(UNDO) + TABLE * sizeof(struct slot));
	w->table = (struct slot *)((uint8_t *)w->memory + AT + stage_bytes(UNDO));
	stage_format(w->memory, AT, UNDO);
	stage_attach(&w->stage, w->memory, AT);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;
	free(w->memory);
	free(w);
	return 0;
}

static void
change(struct world *w, unsigned i, uint64_t value)
{
	stage_touch(&w->stage, &w->table[i], sizeof w->table[i]);
	w->table[i].value = value;
	memset(w->table[i].odd, (int)value, sizeof w->table[i].odd);
}

/* as a new process would: only shared memory is left */
static void
restart(struct world *w)
{
	stage_attach(&w->stage, w->memory, AT);
	stage_recover(&w->stage);
}

static void
a_committed_batch_stays_after_a_restart(void **state)
{
	struct world *w = *state;
	for (uint64_t i = 1; i <= 5; i++) {
		stage_begin(&w->stage);
		change(w, 3, i);
		w->stage.next.input[0] = 10 * i;
		w->stage.next.output[31] = 20 * i;
		w->stage.next.id[7] = 30 * i;
		w->stage.next.counter[63] = 40 * i;
		stage_commit(&w->stage);
		restart(w);
		const struct ft_stage_record *r = stage_record(&w->stage);
		assert_true(r->seq == i && r->input[0] == 10 * i && r->output[31] == 20 * i &&
			    r->id[7] == 30 * i && r->counter[63] == 40 * i);
		assert_memory_equal(&w->stage.next, r, sizeof *r);
		assert_true(w->table[3].value == i);
	}
}

static void
an_uncommitted_batch_is_undone_newest_first(void **state)
{
	struct world *w = *state;
	stage_begin(&w->stage);
	change(w, 1, 11);
	change(w, 2, 22);
	w->stage.next.counter[0] = 1;
	stage_commit(&w->stage);
	stage_begin(&w->stage);
	change(w, 1, 12);
	change(w, 2, 23);
	change(w, 1, 13); /* the same slot again: the older image must win */
	change(w, 7, 77);
	w->stage.next.counter[0] = 2;
	for (int again = 0; again < 2; again++) {
		restart(w);
		assert_true(w->table[1].value == 11 && w->table[2].value == 22 && w->table[7].value == 0);
		for (unsigned k = 0; k < sizeof w->table[1].odd; k++)
			assert_true(w->table[1].odd[k] == 11 && w->table[7].odd[k] == 0);
		assert_true(w->stage.next.counter[0] == 1 && w->stage.next.seq == 1);
	}
	/* the same batch again, to its end */
	stage_begin(&w->stage);
	change(w, 1, 12);
	stage_commit(&w->stage);
	restart(w);
	assert_true(w->table[1].value == 12 && stage_record(&w->stage)->seq == 2);
}

static void
a_batch_that_only_began_leaves_nothing_to_undo(void **state)
{
	struct world *w = *state;
	stage_begin(&w->stage);
	change(w, 0, 5);
	stage_commit(&w->stage);
	stage_begin(&w->stage);
	restart(w);
	assert_true(w->table[0].value == 5 && stage_record(&w->stage)->seq == 1);
}

static void
an_image_beyond_undo_bytes_is_not_believed(void **state)
{
	struct world *w = *state;
	stage_begin(&w->stage);
	change(w, 0, 5);
	stage_commit(&w->stage);
	stage_begin(&w->stage);
	change(w, 0, 6);
	/* killed while appending: the log has bytes, the count does not say so */
	struct ft_undo_entry *e = (struct ft_undo_entry *)(w->stage.undo + w->stage.undo_bytes);
	*e = (struct ft_undo_entry){.offset = UINT64_MAX, .bytes = UINT32_MAX, .back = UINT32_MAX};
	restart(w);
	assert_true(w->table[0].value == 5);
}

static void
recovery_that_is_killed_half_way_can_run_again(void **state)
{
	struct world *w = *state;
	stage_begin(&w->stage);
	change(w, 0, 1);
	change(w, 1, 2);
	stage_commit(&w->stage);
	stage_begin(&w->stage);
	change(w, 0, 10);
	change(w, 1, 20);
	/* the first recovery put back slot 1 and died */
	w->table[1].value = 2;
	restart(w);
	assert_true(w->table[0].value == 1 && w->table[1].value == 2);
}

static void
the_log_tells_its_room_and_takes_exactly_that(void **state)
{
	struct world *w = *state;
	stage_begin(&w->stage);
	assert_int_equal(stage_undo_room(&w->stage), UNDO);
	while (stage_undo_room(&w->stage) >= sizeof(struct ft_undo_entry) + 32)
		change(w, 4, 9);
	assert_int_equal(stage_undo_room(&w->stage), UNDO % 48);
	restart(w);
	assert_true(w->table[4].value == 0);
	assert_int_equal(stage_undo_room(&w->stage), UNDO);
}

static void
an_owner_that_uses_little_keeps_what_it_never_writes(void **state)
{
	struct world *w = *state;
	static const struct stage_use little = {.inputs = 2, .outputs = 1, .ids = 0, .counters = 3};
	for (uint64_t i = 1; i <= 3; i++) { /* an earlier build used more */
		stage_begin(&w->stage);
		w->stage.next.counter[40] = i;
		stage_commit(&w->stage);
	}
	stage_attach_used(&w->stage, w->memory, AT, &little);
	stage_recover(&w->stage);
	for (uint64_t i = 1; i <= 6; i++) {
		stage_begin(&w->stage);
		w->stage.next.input[1] += 1;
		w->stage.next.counter[2] += 2;
		stage_commit(&w->stage);
		const struct ft_stage_record *r = stage_record(&w->stage);
		assert_true(
			r->seq == 3 + i && r->input[1] == i && r->counter[2] == 2 * i && r->counter[40] == 3);
	}
}

/* What a batch costs; printed, not judged: machines differ. */
static void
a_batch_is_cheap(void **state)
{
	struct world *w = *state;
	static const struct stage_use little = {.inputs = 4, .outputs = 2, .ids = 1, .counters = 12};
	enum { BATCHES = 100000 };
	for (int full = 0; full < 2; full++) {
		if (full)
			stage_attach(&w->stage, w->memory, AT);
		else
			stage_attach_used(&w->stage, w->memory, AT, &little);
		mono_t began = mono_now();
		for (int i = 0; i < BATCHES; i++) {
			stage_begin(&w->stage);
			change(w, (unsigned)i % TABLE, (uint64_t)i);
			stage_commit(&w->stage);
		}
		print_message("a batch of one change, %s record: %.0f ns\n", full ? "whole" : "small",
			(double)(mono_now().ns - began.ns) / BATCHES);
	}
	assert_true(stage_record(&w->stage)->seq == 2 * BATCHES);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_committed_batch_stays_after_a_restart),
		TEST(an_uncommitted_batch_is_undone_newest_first),
		TEST(a_batch_that_only_began_leaves_nothing_to_undo),
		TEST(an_image_beyond_undo_bytes_is_not_believed),
		TEST(recovery_that_is_killed_half_way_can_run_again),
		TEST(the_log_tells_its_room_and_takes_exactly_that),
		TEST(an_owner_that_uses_little_keeps_what_it_never_writes),
		TEST(a_batch_is_cheap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
