/*
 * stage_stepping_test.c - stage.c and ring.c under the stepping harness, and the harness under a stage that
 * is wrong on purpose.
 *
 * A toy tracker A reads {key, amount} from a ring, sums by key in its table and sends one record {key, what
 * was added} a key and batch; a toy store B adds those up by key in its own table.  Both must end with the
 * sums of the input.  Recovery uses another batch size than the first run, so that a batch done again sends
 * other records than before: output that was visible without being committed can't pass unnoticed.  In
 * recover() B first takes what it sees, as a consumer that lives on would while A is restarted.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/ring.h"
#include "common/stage.h"
#include "tests/contract/step.h"

enum { KEYS = 4, INPUT = 14, UNDO = 512, TABLE_AT = 4096 };
enum { IN, A, MID, B, REGIONS };
enum fault { NONE, PUBLISH_FIRST, TOUCH_LATE, NO_TOUCH, ABORT, CRASH };

struct item {
	uint64_t key, amount;
};
struct sum {
	uint64_t amount, times;
	uint64_t check; /* amount ^ times: shows a slot that was half written */
	uint64_t pad;
};
struct world {
	struct step_test t;
	enum fault fault;
};
struct side {
	struct stage stage;
	struct ring in, out;
	struct sum *table;
};

static uint64_t
key_of(uint64_t i)
{
	return (i * 7 + i / 3) % KEYS;
}
static uint64_t
amount_of(uint64_t i)
{
	return 100 + i * i;
}

static void
attach(struct side *s, void *stage, void *in, void *out)
{
	static const struct stage_use use = {.inputs = 1, .outputs = 1, .ids = 0, .counters = 2};
	*s = (struct side){.table = (struct sum *)((uint8_t *)stage + TABLE_AT)};
	stage_attach_used(&s->stage, stage, 0, &use);
	ring_over(&s->in, in);
	if (out != NULL)
		ring_over(&s->out, out);
}

static void
publish(struct side *s)
{
	const struct ft_stage_record *r = stage_record(&s->stage);
	if (s->out.h != NULL)
		ring_publish(&s->out, r->output[0]);
	ring_release(&s->in, r->input[0]);
}

static void
add(struct side *s, uint64_t key, uint64_t amount, enum fault fault)
{
	struct sum *slot = &s->table[key];
	if (fault != TOUCH_LATE && fault != NO_TOUCH)
		stage_touch(&s->stage, slot, sizeof *slot);
	slot->amount += amount;
	slot->times++;
	slot->check = slot->amount ^ slot->times;
	if (fault == TOUCH_LATE)
		stage_touch(&s->stage, slot, sizeof *slot);
}

/* one batch of at most n records; false: nothing to do */
static bool
batch_a(struct side *s, uint64_t n, enum fault fault)
{
	uint64_t pos = stage_record(&s->stage)->input[0], out = stage_record(&s->stage)->output[0];
	uint64_t filled = ring_filled(&s->in, pos);
	uint64_t delta[KEYS] = {0};
	if (filled == pos || ring_room(&s->out, out, KEYS) < KEYS)
		return false;
	stage_begin(&s->stage);
	for (; n > 0 && pos < filled; n--, pos++) {
		const struct item *item = ring_slot(&s->in, pos);
		add(s, item->key, item->amount, fault);
		delta[item->key] += item->amount;
		s->stage.next.counter[0]++;
	}
	for (uint64_t key = 0; key < KEYS; key++)
		if (delta[key] != 0)
			*(struct item *)ring_slot(&s->out, out++) = (struct item){key, delta[key]};
	s->stage.next.input[0] = pos;
	s->stage.next.output[0] = out;
	if (fault == PUBLISH_FIRST)
		ring_publish(&s->out, out);
	stage_commit(&s->stage);
	publish(s);
	return true;
}

static bool
batch_b(struct side *s, uint64_t n)
{
	uint64_t pos = stage_record(&s->stage)->input[0], filled = ring_filled(&s->in, pos);
	if (filled <= pos)
		return false;
	stage_begin(&s->stage);
	for (; n > 0 && pos < filled; n--, pos++) {
		const struct item *item = ring_slot(&s->in, pos);
		add(s, item->key, item->amount, NONE);
		s->stage.next.counter[0]++;
	}
	s->stage.next.input[0] = pos;
	stage_commit(&s->stage);
	publish(s);
	return true;
}

static void
run_both(struct world *w, void *const *at, uint64_t batch)
{
	struct side a, b;
	attach(&a, at[A], at[IN], at[MID]);
	attach(&b, at[B], at[MID], NULL);
	while (batch_a(&a, batch, w->fault) | batch_b(&b, batch + 1))
		;
}

static void
work(void *ctx, void *const *at)
{
	run_both(ctx, at, 2);
}

static void
recover(void *ctx, void *const *at)
{
	struct side a, b;
	(void)ctx;
	attach(&b, at[B], at[MID], NULL);
	stage_recover(&b.stage);
	publish(&b);
	while (batch_b(&b, 2))
		;
	attach(&a, at[A], at[IN], at[MID]);
	stage_recover(&a.stage);
	publish(&a);
}

static bool
finish(void *ctx, void *const *at, char *why, size_t n)
{
	struct sum truth[KEYS] = {0};
	const struct world *w = ctx;
	if (w->fault == ABORT)
		abort();
	if (w->fault == CRASH)
		*(volatile int *)NULL = 1;
	run_both(ctx, at, 3);
	for (uint64_t i = 0; i < INPUT; i++) {
		truth[key_of(i)].amount += amount_of(i);
		truth[key_of(i)].times++;
	}
	struct side a, b;
	attach(&a, at[A], at[IN], at[MID]);
	attach(&b, at[B], at[MID], NULL);
	for (unsigned k = 0; k < KEYS; k++) {
		const struct sum *x = &a.table[k], *y = &b.table[k];
		if (x->amount != truth[k].amount || x->times != truth[k].times ||
			x->check != (x->amount ^ x->times) || y->amount != truth[k].amount ||
			y->check != (y->amount ^ y->times)) {
			(void)snprintf(why, n, "key %u: A has %lu in %lu, B has %lu, the truth is %lu in %lu",
				k, (unsigned long)x->amount, (unsigned long)x->times,
				(unsigned long)y->amount, (unsigned long)truth[k].amount,
				(unsigned long)truth[k].times);
			return false;
		}
	}
	if (stage_record(&a.stage)->counter[0] != INPUT) {
		(void)snprintf(why, n, "A counted %lu records of %d",
			(unsigned long)stage_record(&a.stage)->counter[0], INPUT);
		return false;
	}
	return true;
}

static struct step_result
run_world(const char *name, enum fault fault)
{
	struct world w = {.fault = fault};
	w.t = (struct step_test){
		.name = name,
		.work = work,
		.recover = recover,
		.finish = finish,
		.ctx = &w,
		.quiet = fault != NONE,
		.recovery_every = 23,
		.budget_s = 15,
	};
	void *in = step_region(&w.t, "in", ring_bytes(sizeof(struct item), 16));
	void *a = step_region(&w.t, "a", TABLE_AT + KEYS * sizeof(struct sum));
	void *mid = step_region(&w.t, "mid", ring_bytes(sizeof(struct item), 8));
	void *b = step_region(&w.t, "b", TABLE_AT + KEYS * sizeof(struct sum));
	assert_true(stage_bytes(UNDO) <= TABLE_AT);
	ring_format(in, sizeof(struct item), 16);
	ring_format(mid, sizeof(struct item), 8);
	stage_format(a, 0, UNDO);
	stage_format(b, 0, UNDO);
	struct ring r;
	ring_over(&r, in);
	for (uint64_t i = 0; i < INPUT; i++)
		*(struct item *)ring_slot(&r, i) = (struct item){key_of(i), amount_of(i)};
	ring_publish(&r, INPUT);
	struct step_result result = step_run(&w.t);
	step_free(&w.t);
	return result;
}

static void
a_kill_at_any_instruction_of_a_stage_or_its_recovery_changes_nothing(void **state)
{
	(void)state;
	struct step_result r = run_world("stage", NONE);
	if (r.skipped)
		skip();
	assert_int_equal(r.failures, 0);
	assert_true(r.changed > 100);
	assert_true(r.recovery_changed > 20);
}

static void
output_published_before_the_commit_is_found(void **state)
{
	(void)state;
	struct step_result r = run_world("publish before commit (must fail)", PUBLISH_FIRST);
	if (r.skipped)
		skip();
	assert_true(r.failures > 0);
}

static void
a_slot_changed_before_its_image_is_kept_is_found(void **state)
{
	(void)state;
	struct step_result r = run_world("touch after change (must fail)", TOUCH_LATE);
	if (r.skipped)
		skip();
	assert_true(r.failures > 0);
}

static void
a_slot_changed_without_an_image_is_found(void **state)
{
	(void)state;
	struct step_result r = run_world("no touch (must fail)", NO_TOUCH);
	if (r.skipped)
		skip();
	assert_true(r.failures > 0);
}

static void
a_recovery_that_crashes_is_a_failure_at_that_point(void **state)
{
	(void)state;
	struct step_result r = run_world("aborts (must fail)", ABORT);
	if (r.skipped)
		skip();
	assert_true(r.failures == r.checked && r.checked > 100);
#ifndef __SANITIZE_ADDRESS__
	r = run_world("crashes (must fail)", CRASH);
	assert_true(r.failures == r.checked && r.checked > 100);
#endif
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kill_at_any_instruction_of_a_stage_or_its_recovery_changes_nothing),
		cmocka_unit_test(output_published_before_the_commit_is_found),
		cmocka_unit_test(a_slot_changed_before_its_image_is_kept_is_found),
		cmocka_unit_test(a_slot_changed_without_an_image_is_found),
		cmocka_unit_test(a_recovery_that_crashes_is_a_failure_at_that_point),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
