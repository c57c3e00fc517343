/* Lists of kept elements: golden bytes, merging, hostile bytes; names and values of elements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/element_list.h"
#include "common/ie.h"

static uint8_t list[FT_ELEMENTS_MOST];

static size_t
said(uint8_t *to, size_t n, uint32_t pen, uint16_t id, uint8_t who, const char *value)
{
	struct kept_element e = {pen, id, (uint16_t)strlen(value), who, (const uint8_t *)value};
	return element_add(to, n, FT_ELEMENTS_MOST, &e);
}

static size_t
merge(size_t have, size_t room, uint8_t side, uint16_t id, const char *value, bool *changed)
{
	uint8_t says[300];
	uint64_t dropped = 0;
	size_t n = said(says, 0, id >= 1000 ? 9 : 0, id, 0, value);
	*changed = false;
	n = element_merge(list, have, room, says, n, side, changed, &dropped);
	assert_true(dropped == 0 || (n == have && !*changed));
	return n;
}

static void
the_bytes_of_a_list_are_these(void **state)
{
	static const uint8_t want[] = {
		1, 52, 0, 1, 0, 'A', 0x82, 0xcb, 0x2f, 9, 0, 0, 0, 3, 0, 'x', 'y', 'z'};
	(void)state;
	size_t n = said(list, 0, 0, 52, FT_SAID_A, "A");
	n = said(list, n, 9, 12235, FT_SAID_B, "xyz");
	assert_int_equal(n, sizeof want);
	assert_memory_equal(list, want, n);
}

static void
the_latest_of_each_direction_wins(void **state)
{
	char json[400];
	bool changed;
	(void)state;
	size_t n = merge(0, 100, FT_SAID_A, 460, "one", &changed);
	assert_true(changed);
	n = merge(n, 100, FT_SAID_A, 460, "one", &changed);
	assert_false(changed);
	n = merge(n, 100, FT_SAID_B, 460, "one", &changed); /* both: one entry */
	assert_true(changed);
	assert_int_equal(n, 8);
	json[ie_list_json(list, n, json, sizeof json)] = 0;
	assert_string_equal(json, "{\"httpRequestHost\":\"one\"}");
	n = merge(n, 100, FT_SAID_B, 460, "three", &changed);
	n = merge(n, 100, FT_SAID_A, 461, "/", &changed);
	n = merge(n, 100, FT_SAID_A, 460, "", &changed); /* empty says nothing */
	assert_false(changed);
	json[ie_list_json(list, n, json, sizeof json)] = 0;
	assert_string_equal(json, "{\"httpRequestHost\":[\"one\",\"three\"],\"httpRequestTarget\":\"/\"}");
	n = merge(n, 100, FT_SAID_A, 460, "three", &changed); /* agreed again */
	json[ie_list_json(list, n, json, sizeof json)] = 0;
	assert_string_equal(json, "{\"httpRequestTarget\":\"/\",\"httpRequestHost\":\"three\"}");
	uint8_t turned[100], back[100];
	assert_int_equal(element_copy(turned, 100, list, n, true), n);
	assert_int_equal(element_copy(back, 100, turned, n, true), n);
	assert_memory_equal(back, list, n);
}

static void
what_does_not_fit_is_left_out_whole(void **state)
{
	uint8_t cut[100], says[100];
	bool changed;
	uint64_t dropped = 0;
	(void)state;
	size_t n = merge(0, 20, FT_SAID_A, 460, "0123456789", &changed);
	size_t m = merge(n, 20, FT_SAID_B, 460, "x", &changed);
	assert_int_equal(m, n); /* 15 + 6 > 20 */
	size_t s = said(says, 0, 0, 52, 0, "a");
	s = said(says, s, 0, 53, 0, "b");
	assert_int_equal(element_merge(list, n, 21, says, s, FT_SAID_A, &changed, &dropped), 21);
	assert_int_equal(dropped, 1);
	assert_int_equal(element_copy(cut, 20, list, 21, false), 15);
}

/* whatever the bytes, nothing beyond them is read and a list stays a list */
static void
damaged_lists_are_harmless(void **state)
{
	uint8_t bytes[64], to[64];
	uint64_t x = 12345, dropped = 0;
	char json[8192];
	bool changed;
	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		size_t n = 0;
		for (; n < sizeof bytes && n < round % 65; n++) {
			x = x * 6364136223846793005u + 1442695040888963407u;
			bytes[n] = (uint8_t)((x >> 60) < 12 ? x >> 33 & 3 : x >> 40);
		}
		size_t used = element_copy(to, sizeof to, bytes, n, round & 1);
		assert_true(used <= n);
		used = element_merge(to, used, sizeof to, bytes, n, FT_SAID_A, &changed, &dropped);
		assert_true(used <= sizeof to);
		assert_true(ie_list_json(bytes, n, json, sizeof json) <= sizeof json);
	}
}

static void
every_element_has_one_name_and_is_found_by_it(void **state)
{
	static const struct {
		uint32_t pen;
		uint16_t id;
		const char *name;
	} row[] = {
#define IE(pen, id, name, type) {pen, id, #name},
#include "common/ie.def"
#undef IE
	};
	static const struct {
		uint32_t pen;
		uint16_t id;
		const char *name;
	} decoded[] = {
#define ELEMENT(pen, id, name, kind, target) {pen, id, #name},
#include "common/elements.def"
#undef ELEMENT
	};
	char name[IE_NAME];
	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		uint32_t pen;
		uint16_t id;
		if (i > 0)
			assert_true(row[i - 1].pen < row[i].pen ||
				    (row[i - 1].pen == row[i].pen && row[i - 1].id < row[i].id));
		assert_true(ie_name(row[i].pen, row[i].id, name) > 0);
		assert_true(ie_parse(name, &pen, &id) && pen == row[i].pen && id == row[i].id);
	}
	/* what is decoded is called the same, but for its vendor */
	for (size_t i = 0; i < sizeof decoded / sizeof decoded[0]; i++) {
		(void)ie_name(decoded[i].pen, decoded[i].id, name);
		const char *vendor = strchr(name, ':');
		assert_string_equal(vendor ? vendor + 1 : name, decoded[i].name);
	}
	(void)ie_name(12345, 7, name);
	assert_string_equal(name, "12345.7");
}

static void
values_are_shown_by_type(void **state)
{
	static const struct {
		enum ie_type type;
		size_t n;
		const char *bytes, *json;
	} row[] = {
		{IE_UNSIGNED, 2, "\1\2", "258"},
		{IE_UNSIGNED, 8, "\xff\xff\xff\xff\xff\xff\xff\xff", "\"18446744073709551615\""},
		{IE_UNSIGNED, 9, "\1\2\3\4\5\6\7\x8\x9", "\"010203040506070809\""},
		{IE_SIGNED, 1, "\xfe", "-2"},
		{IE_SIGNED, 3, "\x80\0\0", "-8388608"},
		{IE_FLOAT, 4, "\x3d\xcc\xcc\xcd", "0.1"},
		{IE_FLOAT, 8, "\x3f\xb9\x99\x99\x99\x99\x99\x9a", "0.1"},
		{IE_FLOAT, 4, "\x7f\x80\0\0", "\"Infinity\""},
		{IE_FLOAT, 3, "\1\2\3", "\"010203\""},
		{IE_ADDRESS, 4, "\xc0\0\2\1", "\"192.0.2.1\""},
		{IE_ADDRESS, 16, "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1", "\"2001:db8::1\""},
		{IE_MAC, 6, "\0\1\2\xa\xb\xc", "\"00:01:02:0a:0b:0c\""},
		{IE_STRING, 6, "a\"\\\n\0\0", "\"a\\\"\\\\\\u000a\""},
		{IE_STRING, 2, "\xff\xfe", "\"fffe\""},
		{IE_OCTETS, 0, "", "\"\""},
		{IE_BOOLEAN, 1, "\1", "true"},
		{IE_BOOLEAN, 1, "\2", "false"},
		{IE_BOOLEAN, 1, "\3", "3"},
		{IE_NTP, 8, "\x83\xaa\x7e\x81\x80\0\0\0", "1500000"},
		{IE_UNKNOWN, 3, "\1\0\0", "65536"},
		{IE_UNKNOWN, 10, "0123456789", "\"30313233343536373839\""},
	};
	char out[256];
	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		size_t n = ie_value_json(
			row[i].type, (const uint8_t *)row[i].bytes, row[i].n, out, sizeof out - 1);
		out[n] = 0;
		assert_string_equal(out, row[i].json);
	}
}

static void
values_are_compared_by_type(void **state)
{
	static const struct {
		enum ie_type type;
		const char *word;
		bool quoted;
		enum ie_cmp cmp;
		size_t n;
		const char *bytes;
		bool match;
	} row[] = {
		{IE_UNSIGNED, "258", false, IE_EQ, 4, "\0\0\1\2", true}, /* reduced sizes are equal */
		{IE_UNSIGNED, "1-5", false, IE_EQ, 1, "\6", false},
		{IE_UNSIGNED, "5", false, IE_GE, 1, "\5", true},
		{IE_SIGNED, "-1", false, IE_LT, 2, "\xff\xfe", true},
		{IE_SIGNED, "-5-5", false, IE_EQ, 1, "\0", true},
		{IE_SIGNED, "-9223372036854775808", false, IE_EQ, 8, "\x80\0\0\0\0\0\0\0", true},
		{IE_FLOAT, "0.1", false, IE_EQ, 4, "\x3d\xcc\xcc\xcd", true},
		{IE_FLOAT, "0.1", false, IE_EQ, 8, "\x3f\xb9\x99\x99\x99\x99\x99\x9a", true},
		{IE_FLOAT, "0.1", false, IE_GT, 4, "\x3d\xcc\xcc\xcd", false},
		{IE_ADDRESS, "192.0.2.0/24", false, IE_EQ, 4, "\xc0\0\2\1", true},
		{IE_ADDRESS, "2001:db8::/32", false, IE_EQ, 4, "\xc0\0\2\1", false},
		{IE_MAC, "00-01-02-0A-0b-0c", false, IE_EQ, 6, "\0\1\2\xa\xb\xc", true},
		{IE_STRING, "alice", false, IE_EQ, 8, "alice\0\0\0", true},
		{IE_STRING, "alice", false, IE_EQ, 4, "alic", false},
		{IE_STRING, "Alice", false, IE_EQ, 5, "alice", false},
		{IE_OCTETS, "0x6100", false, IE_EQ, 2, "a\0", true},
		{IE_OCTETS, "61", false, IE_EQ, 2, "a\0", false},
		{IE_BOOLEAN, "true", false, IE_EQ, 1, "\1", true},
		{IE_BOOLEAN, "true", false, IE_EQ, 1, "\2", false},
		{IE_NTP, "1500000", false, IE_EQ, 8, "\x83\xaa\x7e\x81\x80\0\0\0", true},
		{IE_UNKNOWN, "12", false, IE_EQ, 1, "\14", true},
		{IE_UNKNOWN, "12", true, IE_EQ, 2, "12", true},
		{IE_UNKNOWN, "1.5", false, IE_EQ, 4, "\x3f\xc0\0\0", true},
		{IE_UNKNOWN, "10.0.0.1", false, IE_EQ, 4, "\xa\0\0\1", true},
		{IE_UNKNOWN, "-1", false, IE_EQ, 1, "\xff", true},
		{IE_UNKNOWN, "hello", false, IE_EQ, 5, "hello", true},
	};
	struct arena a;
	(void)state;
	arena_init(&a, 1 << 16);
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		struct ie_value v;
		assert_int_equal(ie_value_parse(&a, row[i].type, row[i].word, row[i].quoted, &v), 0);
		if (ie_value_match(&v, row[i].cmp, (const uint8_t *)row[i].bytes, row[i].n) != row[i].match)
			fail_msg("row %zu: %s", i, row[i].word);
	}
	static const struct {
		enum ie_type type;
		const char *word;
	} bad[] = {{IE_UNSIGNED, "-1"}, {IE_UNSIGNED, "5-1"}, {IE_UNSIGNED, "18446744073709551616"},
		{IE_SIGNED, "9223372036854775808"}, {IE_FLOAT, "nan"}, {IE_FLOAT, "0x1p3"},
		{IE_FLOAT, "1e999"}, {IE_ADDRESS, "10.0.0"}, {IE_MAC, "00:11"}, {IE_OCTETS, "0x"},
		{IE_OCTETS, "abc"}, {IE_OCTETS, "zz"}, {IE_BOOLEAN, "2"}};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct ie_value v;
		assert_int_equal(ie_value_parse(&a, bad[i].type, bad[i].word, false, &v), FT_EINVAL);
	}
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_bytes_of_a_list_are_these),
		cmocka_unit_test(the_latest_of_each_direction_wins),
		cmocka_unit_test(what_does_not_fit_is_left_out_whole),
		cmocka_unit_test(damaged_lists_are_harmless),
		cmocka_unit_test(every_element_has_one_name_and_is_found_by_it),
		cmocka_unit_test(values_are_shown_by_type),
		cmocka_unit_test(values_are_compared_by_type),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
