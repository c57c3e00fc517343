/* ring_test.c - wrap, full, sleep and wake, two threads */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/ring.h"

enum { SLOTS = FT_RING_MIN_SLOTS };

/* what travels; both words tell the position, so that a torn or stale slot shows */
struct item {
	uint64_t n, inverse;
};

static void *
new_ring(uint64_t start)
{
	void *m = calloc(1, ring_bytes(sizeof(struct item), SLOTS));
	assert_non_null(m);
	ring_format(m, sizeof(struct item), SLOTS);
	struct ft_ring_header *h = m;
	atomic_store(&h->head, start);
	atomic_store(&h->tail, start);
	return m;
}

/* fill the ring from `pos`, see it full, empty it again */
static void
fill_and_empty(uint64_t pos)
{
	void *m = new_ring(pos);
	struct ring p, c;
	ring_over(&p, m);
	ring_over(&c, m);
	for (int round = 0; round < 3; round++) {
		assert_true(ring_filled(&c, pos) == pos);
		assert_true(ring_room(&p, pos, SLOTS) == SLOTS);
		for (uint64_t i = 0; i < SLOTS; i++) {
			struct item *s = ring_slot(&p, pos + i);
			*s = (struct item){pos + i, ~(pos + i)};
			assert_true(ring_room(&p, pos + i, 1) == SLOTS - i);
		}
		assert_true(ring_room(&p, pos + SLOTS, 1) == 0);
		assert_true(ring_filled(&c, pos) == pos);
		ring_publish(&p, pos + SLOTS);
		ring_publish(&p, pos + SLOTS);
		assert_true(ring_filled(&c, pos) == pos + SLOTS);
		for (uint64_t i = 0; i < SLOTS; i++) {
			const struct item *s = ring_slot(&c, pos + i);
			assert_true(s->n == pos + i && s->inverse == ~s->n);
		}
		ring_release(&c, pos + 1);
		assert_true(ring_room(&p, pos + SLOTS, 1) == 1);
		ring_release(&c, pos + SLOTS);
		assert_true(ring_room(&p, pos + SLOTS, SLOTS) == SLOTS);
		pos += SLOTS;
	}
	assert_true(atomic_load(&p.h->high_water) == SLOTS);
	free(m);
}

static void
a_ring_fills_and_empties_where_32_bits_wrap(void **state)
{
	(void)state;
	fill_and_empty(0);
	fill_and_empty((UINT64_C(1) << 32) - SLOTS - 1);
	fill_and_empty((UINT64_C(1) << 32) - 1);
	fill_and_empty(UINT64_C(1) << 32);
	fill_and_empty((UINT64_C(1) << 63) - 3);
	fill_and_empty(UINT64_MAX - 4 * SLOTS);
}

static void
a_producer_that_attaches_late_does_not_trust_an_old_tail(void **state)
{
	void *m = new_ring(1000000);
	struct ring p;
	(void)state;
	ring_over(&p, m);
	assert_true(ring_room(&p, 1000000, 1) == SLOTS);
	assert_true(ring_room(&p, 1000000 + SLOTS, 1) == 0);
	free(m);
}

static void
sizes_are_rounded_up_to_powers_of_two(void **state)
{
	(void)state;
	assert_int_equal(ring_bytes(128, 1), sizeof(struct ft_ring_header) + FT_RING_MIN_SLOTS * 128);
	assert_int_equal(ring_bytes(128, 5000), sizeof(struct ft_ring_header) + 8192 * 128);
	assert_int_equal(ring_bytes(128, 8192), sizeof(struct ft_ring_header) + 8192 * 128);
}

static void
a_wait_ends_after_50_ms_and_a_full_ring_is_counted(void **state)
{
	void *m = new_ring(5);
	struct ring p, c;
	(void)state;
	ring_over(&p, m);
	ring_over(&c, m);
	mono_t began = mono_now();
	ring_wait_data(&c, 5, span_seconds(3600));
	struct ring *both[2] = {&c, &c};
	ring_wait_any(both, (uint64_t[]){5, 5}, 2, span_seconds(3600));
	ring_publish(&p, 5 + SLOTS);
	ring_wait_room(&p, 5 + SLOTS, 1, span_seconds(3600));
	/* three waits of 50 ms; generous above, since the machine may be busy */
	assert_in_range(mono_since(mono_now(), began).us, 140000, 10000000);
	assert_true(atomic_load(&p.h->full_waits) == 1);
	assert_true(atomic_load(&p.h->full_wait_us) >= 45000);
	/* something to do: no sleep at all, and nobody stays marked as asleep */
	for (int i = 0; i < 1000; i++) {
		ring_wait_data(&c, 5, span_seconds(1));
		ring_wait_any(both, (uint64_t[]){5 + SLOTS, 5}, 2, span_seconds(1));
		ring_wait_room(&p, 5, 1, span_seconds(1));
	}
	assert_true(atomic_load(&p.h->full_waits) == 1);
	assert_true(atomic_load(&p.h->consumer_waits) == 0 && atomic_load(&p.h->producer_waits) == 0);
	free(m);
}

struct pair {
	void *memory[2];
	uint64_t count;
};

/* odd sizes of batches, so that every fill level occurs */
static void *
produce(void *arg)
{
	const struct pair *w = arg;
	struct ring r;
	uint64_t pos = 0, x = 1;
	ring_over(&r, w->memory[0]);
	while (pos < w->count) {
		uint64_t n = 1 + (x = x * 6364136223846793005u + 1442695040888963407u) % 7;
		if (n > w->count - pos)
			n = w->count - pos;
		while (ring_room(&r, pos, n) < n)
			ring_wait_room(&r, pos, n, span_seconds(1));
		for (uint64_t i = 0; i < n; i++, pos++)
			*(struct item *)ring_slot(&r, pos) = (struct item){pos, ~pos};
		ring_publish(&r, pos);
	}
	return NULL;
}

/* takes from both rings, or from the first only; returns the number of wrong items */
static uint64_t
consume(const struct pair *w, unsigned rings)
{
	struct ring r[2];
	struct ring *list[2] = {&r[0], &r[1]};
	uint64_t pos[2] = {0}, wrong = 0;
	for (unsigned i = 0; i < rings; i++)
		ring_over(&r[i], w->memory[i]);
	while (pos[0] < w->count || (rings == 2 && pos[1] < w->count)) {
		bool idle = true;
		for (unsigned i = 0; i < rings; i++) {
			uint64_t filled = ring_filled(&r[i], pos[i]);
			for (; pos[i] < filled; pos[i]++) {
				const struct item *s = ring_slot(&r[i], pos[i]);
				wrong += s->n != pos[i] || s->inverse != ~pos[i];
				idle = false;
			}
			ring_release(&r[i], pos[i]);
		}
		if (idle)
			ring_wait_any(list, pos, rings, span_seconds(1));
	}
	return wrong;
}

static void
a_million_records_pass_between_two_threads(void **state)
{
	struct pair w = {.memory = {new_ring(0)}, .count = 1000000};
	pthread_t t;
	(void)state;
	assert_int_equal(pthread_create(&t, NULL, produce, &w), 0);
	assert_true(consume(&w, 1) == 0);
	assert_int_equal(pthread_join(t, NULL), 0);
	const struct ft_ring_header *h = w.memory[0];
	assert_true(atomic_load(&h->high_water) <= SLOTS && atomic_load(&h->high_water) > 0);
	free(w.memory[0]);
}

static void
one_consumer_sleeps_on_two_rings(void **state)
{
	struct pair w = {.memory = {new_ring(0), new_ring(0)}, .count = 200000}, other;
	pthread_t t[2];
	(void)state;
	other = w;
	other.memory[0] = w.memory[1];
	assert_int_equal(pthread_create(&t[0], NULL, produce, &w), 0);
	assert_int_equal(pthread_create(&t[1], NULL, produce, &other), 0);
	assert_true(consume(&w, 2) == 0);
	assert_int_equal(pthread_join(t[0], NULL), 0);
	assert_int_equal(pthread_join(t[1], NULL), 0);
	free(w.memory[0]);
	free(w.memory[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ring_fills_and_empties_where_32_bits_wrap),
		cmocka_unit_test(a_producer_that_attaches_late_does_not_trust_an_old_tail),
		cmocka_unit_test(sizes_are_rounded_up_to_powers_of_two),
		cmocka_unit_test(a_wait_ends_after_50_ms_and_a_full_ring_is_counted),
		cmocka_unit_test(a_million_records_pass_between_two_threads),
		cmocka_unit_test(one_consumer_sleeps_on_two_rings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
