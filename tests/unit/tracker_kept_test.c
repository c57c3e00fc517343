/* Kept elements of sessions: restarts, resizes, full memory, sessions without a slot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/element_list.h"
#include "tests/unit/tracker_world.h"

enum { SLOTS = 1024, LISTS = 64 };

struct kept_world {
	struct world w;
	void *bigger;
	size_t n; /* lists seen, by order */
	uint8_t list[LISTS][FT_ELEMENTS_MOST];
	size_t bytes[LISTS];
};

static void *
zero(size_t n)
{
	void *p = aligned_alloc(64, (n + 63) & ~(size_t)63);
	assert_non_null(p);
	return memset(p, 0, n);
}

static void
attach(struct kept_world *k)
{
	struct world *w = &k->w;
	struct err err;
	memset(&w->s, 0, sizeof w->s);
	ring_over(&w->s.c.out, w->out_memory);
	assert_int_equal(shard_start(&w->s, w->segment, &w->set, 7, w->now_ms, &err), 0);
	ring_over(&w->s.in[0], w->in_memory);
	shard_open_input(&w->s, 0);
}

static struct kept_world *
open_world(uint32_t capacity, uint32_t cells)
{
	struct kept_world *k = calloc(1, sizeof *k);
	assert_non_null(k);
	struct world *w = &k->w;
	world_open(w, capacity, SLOTS, SLOTS);
	shard_stop(&w->s);
	free(w->segment);
	w->set.element_bytes = 512;
	w->segment = zero(table_bytes(capacity, cells, CORE_UNDO));
	table_format(w->segment, capacity, cells, CORE_UNDO, 0, 1, 1);
	attach(k);
	return k;
}

static void
close_world(struct kept_world *k)
{
	world_close(&k->w);
	free(k->bigger);
	free(k);
}

static void
push(struct kept_world *k, struct ft_flow f, const struct ft_flow_ext *x, unsigned value, unsigned bytes)
{
	struct world *w = &k->w;
	uint8_t says[512], v[400];
	memset(v, (int)value, sizeof v);
	struct kept_element e = {.id = 460, .bytes = (uint16_t)bytes, .value = v};
	size_t n = element_add(says, 0, sizeof says, &e);
	unsigned others = x ? 2 : 1;
	f.bits |= FT_FLOW_ELEMENTS | (x ? FT_FLOW_EXT : 0);
	f.element_bytes = (uint16_t)n;
	f.slots = (uint8_t)(others + (n + sizeof f - 1) / sizeof f);
	while (ring_room(&w->producer, w->pushed, f.slots) < f.slots)
		(void)shard_batch(&w->s, 0, CORE_BATCH, w->now_ms);
	*(struct ft_flow *)ring_slot(&w->producer, w->pushed) = f;
	if (x)
		*(struct ft_flow_ext *)ring_slot(&w->producer, w->pushed + 1) = *x;
	for (size_t done = 0, i = others; done < n; done += sizeof f, i++)
		memcpy(ring_slot(&w->producer, w->pushed + i), says + done,
			n - done < sizeof f ? n - done : sizeof f);
	w->pushed += f.slots;
	ring_publish(&w->producer, w->pushed);
	while (shard_batch(&w->s, 0, CORE_BATCH, w->now_ms) > 0)
		continue;
}

/* all slices with their lists */
static void
consume(struct kept_world *k)
{
	struct world *w = &k->w;
	while (ring_filled(&w->consumer, w->taken) > w->taken) {
		const struct ft_slice *s = ring_slot(&w->consumer, w->taken);
		unsigned others = s->present & FT_SLICE_EXT ? 2 : 1;
		assert_true(k->n < LISTS);
		k->bytes[k->n] = s->element_bytes;
		for (size_t done = 0, i = others; done < s->element_bytes; done += sizeof *s, i++) {
			size_t left = s->element_bytes - done;
			memcpy(k->list[k->n] + done, ring_slot(&w->consumer, w->taken + i),
				left < sizeof *s ? left : sizeof *s);
		}
		k->n++;
		w->taken += s->slots;
		ring_release(&w->consumer, w->taken);
	}
}

static void
flush(struct kept_world *k)
{
	while (!shard_flush(&k->w.s, true, k->w.now_ms))
		consume(k);
	consume(k);
}

/* how many of the lists seen have one element of that value and length, said by `who` */
static unsigned
seen(const struct kept_world *k, unsigned value, unsigned bytes, uint8_t who)
{
	unsigned n = 0;
	for (size_t i = 0; i < k->n; i++) {
		struct kept_element e;
		size_t at = 0;
		if (element_next(k->list[i], k->bytes[i], &at, &e) && e.bytes == bytes &&
			e.value[0] == value && e.said == who && at == k->bytes[i])
			n++;
	}
	return n;
}

static uint64_t
dropped(const struct kept_world *k)
{
	return stage_record(&k->w.s.c.st)->counter[TRK_N_ELEMENTS_DROPPED];
}

static void
a_restart_finds_the_lists(void **state)
{
	struct kept_world *k = open_world(8, 16);
	(void)state;
	push(k, world_flow(1, 50000, 2, 443, 0, 10), NULL, 'a', 300);
	push(k, world_flow(3, 50000, 2, 443, 0, 10), NULL, 'b', 10);
	push(k, world_flow(3, 50000, 2, 443, 20, 30), NULL, 'c', 5); /* shorter, as long */
	shard_stop(&k->w.s);
	attach(k);
	push(k, world_flow(4, 50000, 2, 443, 0, 10), NULL, 'd', 200);
	flush(k);
	assert_int_equal(k->n, 3);
	assert_int_equal(seen(k, 'a', 300, FT_SAID_A), 1);
	assert_int_equal(seen(k, 'c', 5, FT_SAID_A), 1);
	assert_int_equal(seen(k, 'd', 200, FT_SAID_A), 1);
	assert_int_equal(k->w.s.c.t.cells_seen - k->w.s.c.t.free_cells, 0);
	assert_int_equal(dropped(k), 0);
	close_world(k);
}

static void
resize_to(struct kept_world *k, uint32_t capacity, uint32_t cells)
{
	k->bigger = zero(table_bytes(capacity, cells, CORE_UNDO));
	table_format(k->bigger, capacity, cells, CORE_UNDO, 0, 1, 1);
	shard_copy(&k->w.s, k->bigger);
	shard_stop(&k->w.s);
	free(k->w.segment);
	k->w.segment = k->bigger;
	k->bigger = NULL;
	attach(k);
}

static void
a_resize_takes_the_lists_along_as_far_as_there_is_room(void **state)
{
	struct kept_world *k = open_world(8, 16);
	(void)state;
	push(k, world_flow(1, 50000, 2, 443, 0, 10), NULL, 'a', 300); /* three cells */
	push(k, world_flow(3, 50000, 2, 443, 0, 10), NULL, 'b', 300);
	push(k, world_flow(4, 50000, 2, 443, 0, 10), NULL, 'c', 10);
	resize_to(k, 16, 32);
	resize_to(k, 4, 4); /* one of three cells, and the short one */
	push(k, world_flow(5, 50000, 2, 443, 0, 10), NULL, 'e', 1); /* no cell is left */
	assert_int_equal(dropped(k), 1);
	flush(k);
	assert_int_equal(k->n, 4);
	assert_int_equal(seen(k, 'a', 300, FT_SAID_A) + seen(k, 'b', 300, FT_SAID_A), 1);
	assert_int_equal(seen(k, 'c', 10, FT_SAID_A), 1);
	close_world(k);
}

static void
none_keeps_nothing_and_forgets_what_was(void **state)
{
	struct kept_world *k = open_world(8, 16);
	(void)state;
	push(k, world_flow(1, 50000, 2, 443, 0, 10), NULL, 'a', 10);
	k->w.set.element_bytes = 0;
	resize_to(k, 8, 0);
	push(k, world_flow(3, 50000, 2, 443, 0, 10), NULL, 'b', 10);
	flush(k);
	assert_int_equal(k->n, 2);
	assert_int_equal(k->bytes[0] + k->bytes[1], 0);
	close_world(k);
}

static void
a_list_keeps_its_sides_when_the_session_is_turned(void **state)
{
	struct kept_world *k = open_world(8, 16);
	struct ft_flow reply = world_flow(2, 443, 1, 50000, 5, 10), ask = world_flow(1, 50000, 2, 443, 0, 10);
	(void)state;
	reply.src_port = 50001, ask.dst_port = 50001; /* no service: SYN decides */
	reply.flags = 18, ask.flags = 2;
	push(k, reply, NULL, 's', 4);
	push(k, ask, NULL, 's', 4);
	push(k, ask, NULL, 'c', 4);
	flush(k);
	assert_int_equal(k->n, 1);
	struct kept_element e;
	size_t at = 0;
	unsigned ok = 0;
	while (element_next(k->list[0], k->bytes[0], &at, &e))
		ok += e.value[0] == 'c' ? e.said == FT_SAID_A : e.said == FT_SAID_B;
	assert_int_equal(ok, 2);
	close_world(k);
}

static void
a_denied_connection_has_its_list(void **state)
{
	struct kept_world *k = open_world(8, 16);
	struct ft_flow_ext x = {.has = FT_EXT_NSEL, .nsel_event = 3};
	(void)state;
	push(k, world_flow(1, 50000, 2, 443, 0, 10), &x, 'd', 250);
	consume(k);
	assert_int_equal(k->n, 1);
	assert_int_equal(seen(k, 'd', 250, FT_SAID_A), 1);
	close_world(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restart_finds_the_lists),
		cmocka_unit_test(a_resize_takes_the_lists_along_as_far_as_there_is_room),
		cmocka_unit_test(none_keeps_nothing_and_forgets_what_was),
		cmocka_unit_test(a_list_keeps_its_sides_when_the_session_is_turned),
		cmocka_unit_test(a_denied_connection_has_its_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
