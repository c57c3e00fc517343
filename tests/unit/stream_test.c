/* stream.h: messages of IPFIX in a byte stream, wherever it is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/stream.h"

enum { MOST = 8 };

/* a message of so many bytes */
static size_t
put(uint8_t *to, unsigned bytes)
{
	memset(to, 0xab, bytes);
	to[0] = 0, to[1] = 10, to[2] = (uint8_t)(bytes >> 8), to[3] = (uint8_t)bytes;
	return bytes;
}

static void
pitfall_15_a_message_is_whole_at_its_last_byte_and_not_before(void **state)
{
	uint8_t b[300];
	uint32_t length[MOST];
	(void)state;
	size_t first = put(b, 16), all = first + put(b + first, 200);
	all += put(b + all, 17);
	for (size_t n = 0; n <= all; n++) {
		/* a copy of its own size, so that a read beyond it is seen */
		uint8_t *p = malloc(n + 1);
		memcpy(p, b, n);
		struct stream_cut s = stream_cut(p, n, length, MOST);
		assert_null(s.why);
		assert_int_equal(s.n, n < 16 ? 0 : n < 216 ? 1 : n < 233 ? 2 : 3);
		assert_int_equal(s.used, n < 16 ? 0 : n < 216 ? 16 : n < 233 ? 216 : 233);
		size_t rest = n - s.used;
		/* before its length is there, nothing is known of it */
		assert_int_equal(s.need, rest < 4 ? 16 : n < 16 ? 16 : n < 216 ? 200 : 17);
		free(p);
	}
	assert_int_equal(length[0], 16);
	assert_int_equal(length[1], 200);
	assert_int_equal(length[2], 17);
}

static void
the_longest_message_is_a_message(void **state)
{
	uint8_t *b = malloc(STREAM_MESSAGE + 16);
	uint32_t length[MOST];
	(void)state;
	put(b, STREAM_MESSAGE);
	put(b + STREAM_MESSAGE, 16);
	struct stream_cut s = stream_cut(b, STREAM_MESSAGE - 1, length, MOST);
	assert_int_equal(s.n, 0);
	assert_int_equal(s.need, STREAM_MESSAGE);
	s = stream_cut(b, STREAM_MESSAGE + 16, length, MOST);
	assert_int_equal(s.n, 2);
	assert_int_equal(length[0], STREAM_MESSAGE);
	free(b);
}

static void
no_more_messages_than_asked_for(void **state)
{
	uint8_t b[16 * 5];
	uint32_t length[2];
	(void)state;
	for (unsigned i = 0; i < 5; i++)
		put(b + 16 * i, 16);
	struct stream_cut s = stream_cut(b, sizeof b, length, 2);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.used, 32);
	assert_null(s.why);
}

static void
pitfall_15_what_is_wrong_is_said_as_soon_as_it_is_seen_and_what_came_before_counts(void **state)
{
	static const struct {
		uint8_t bytes[4];
		unsigned n;
	} bad[] = {{{'G', 'E'}, 2}, {{0, 9}, 2}, {{0, 0}, 2}, {{0, 10, 0, 15}, 4}, {{0, 10, 0, 0}, 4}};
	uint32_t length[MOST];
	(void)state;
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		uint8_t b[40];
		size_t n = put(b, 20);
		memcpy(b + n, bad[i].bytes, 4);
		struct stream_cut s = stream_cut(b, n + bad[i].n - 1, length, MOST);
		assert_null(s.why);
		s = stream_cut(b, n + bad[i].n, length, MOST);
		assert_non_null(s.why);
		assert_int_equal(s.n, 1);
		assert_int_equal(s.used, 20);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pitfall_15_a_message_is_whole_at_its_last_byte_and_not_before),
		cmocka_unit_test(the_longest_message_is_a_message),
		cmocka_unit_test(no_more_messages_than_asked_for),
		cmocka_unit_test(
			pitfall_15_what_is_wrong_is_said_as_soon_as_it_is_seen_and_what_came_before_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
