/*
 * shuffle_test.c - moving bytes by shuffles gives what moving them element by element gives: random templates of all
 * elements and lengths, random records, one after the other through the same decoded record.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/hash.h"
#include "ingest/program.h"

enum { TEMPLATES = 3000, RECORDS = 4, MOST_FIELDS = 40 };

static uint64_t dice_state = 20260101;

static uint32_t
dice(uint32_t below)
{
	dice_state = hash_mix(dice_state, 0x5851f42d4c957f2d);
	return (uint32_t)(dice_state >> 33) % below;
}

static const struct {
	uint32_t pen;
	uint16_t id;
} known[] = {
#define ELEMENT(pen, id, name, kind, target) {pen, id},
#include "common/elements.def"
#undef ELEMENT
};

static uint16_t
some_length(void)
{
	static const uint16_t usual[] = {1, 2, 4, 8, 16, 6, 4, 4, 2, 3, 0, 5, 7, 12};
	return usual[dice(sizeof usual / sizeof usual[0])];
}

static unsigned
some_template(struct template_field *f, size_t *bytes)
{
	unsigned n = 1 + dice(MOST_FIELDS);
	*bytes = 0;
	for (unsigned i = 0; i < n; i++) {
		unsigned k = dice(sizeof known / sizeof known[0] + 6);
		f[i] = (struct template_field){0, (uint16_t)(500 + k), some_length()};
		if (k < sizeof known / sizeof known[0])
			f[i] = (struct template_field){known[k].pen, known[k].id, some_length()};
		/* addresses and MACs mostly as they are */
		if (f[i].id == 8 || f[i].id == 12 || f[i].id == 225)
			f[i].length = 4;
		if (f[i].id == 27 || f[i].id == 28)
			f[i].length = 16;
		if (f[i].id == 56 || f[i].id == 80)
			f[i].length = 6;
		*bytes += f[i].length;
	}
	return n;
}

static void
fill(uint8_t *record, size_t n)
{
	unsigned how = dice(3);
	for (size_t i = 0; i < n; i++)
		record[i] = (uint8_t)(how == 0 ? 0 : how == 1 ? dice(256) : dice(4) == 0);
}

static void
same(const struct decoded *a, const struct decoded *b)
{
	struct ft_flow fa = a->f, fb = b->f;
	/* set by the caller */
	fa.exporter = fb.exporter = fa.domain = fb.domain = 0;
	assert_memory_equal(&fa, &fb, sizeof fa);
	assert_int_equal(a->x.has, b->x.has);
	if (a->x.has)
		assert_memory_equal(&a->x, &b->x, sizeof a->x);
}

static void
shuffled_and_single_moves_agree(void **state)
{
	(void)state;
	struct template_field f[MOST_FIELDS];
	struct decoded one = {0}, other = {0};
	struct record_context c = {.export_time = {1760000000000000}, .uptime = {900000}, .has_uptime = true};
	unsigned shuffled = 0;
	for (unsigned t = 0; t < TEMPLATES; t++) {
		size_t bytes;
		unsigned n = some_template(f, &bytes);
		struct program *g = program_compile(f, n, 10, 0), *h = program_compile(f, n, 10, 0);
		assert_non_null(g);
		assert_non_null(h);
		shuffled += g->n_moves > 0;
		h->n_moves = 0;
		/* exactly as long as it says: a byte read beyond is seen by the sanitizer */
		uint8_t *record = malloc(bytes ? bytes : 1);
		assert_non_null(record);
		for (unsigned r = 0; r < RECORDS; r++) {
			struct decoded back, other_back;
			fill(record, bytes);
			assert_int_equal(program_run(g, record, bytes, &c, &one), bytes);
			assert_int_equal(program_run(h, record, bytes, &c, &other), bytes);
			same(&one, &other);
			assert_int_equal(
				program_reverse(g, &one, &back), program_reverse(h, &other, &other_back));
		}
		free(record);
		free(g);
		free(h);
	}
	if (shuffle_able())
		assert_true(shuffled > TEMPLATES / 2);
}

/* Every byte of a chunk from anywhere: the windows put it together. */
static void
windows_cover_what_is_scattered(void **state)
{
	(void)state;
	enum { N = 48, LONG = 200 };
	for (unsigned round = 0; round < 500 && shuffle_able(); round++) {
		struct shuffle_byte map[N];
		struct shuffle_move move[SHUFFLE_MOST];
		uint8_t record[LONG], got[N], want[N];
		unsigned spread = 1 + dice(LONG);
		for (unsigned i = 0; i < N; i++) {
			unsigned what = dice(8);
			map[i] = what == 0   ? (struct shuffle_byte){SHUFFLE_UNTOUCHED, 0}
				 : what == 1 ? (struct shuffle_byte){SHUFFLE_FILL, (uint8_t)dice(256)}
					     : (struct shuffle_byte){(int32_t)dice(spread), 0};
		}
		for (unsigned i = 0; i < LONG; i++)
			record[i] = (uint8_t)dice(256);
		memset(got, 0xee, sizeof got);
		memset(want, 0xee, sizeof want);
		unsigned n = shuffle_compile(map, N, LONG, move);
		assert_true(n > 0);
		shuffle_run(move, n, record, got);
		for (unsigned i = 0; i < N; i++) {
			bool any = false;
			for (unsigned k = i / SHUFFLE_CHUNK * SHUFFLE_CHUNK;
				k < (i / SHUFFLE_CHUNK + 1) * SHUFFLE_CHUNK; k++)
				any |= map[k].from != SHUFFLE_UNTOUCHED;
			if (any)
				want[i] = map[i].from >= 0 ? record[map[i].from] : map[i].fill;
		}
		assert_memory_equal(got, want, N);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		{"shuffled and single moves agree", shuffled_and_single_moves_agree, NULL, NULL, NULL},
		{"windows cover what is scattered", windows_cover_what_is_scattered, NULL, NULL, NULL},
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
