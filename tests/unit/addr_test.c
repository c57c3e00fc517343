/* addr_test.c - addresses and prefixes as text and back */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "common/addr.h"
#include "common/err.h"

static void
addresses_print_as_rfc_5952_says(void **state)
{
	static const char *const table[][2] = {
		/* as given, as printed */
		{"10.0.0.1", "10.0.0.1"},
		{"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"},
		{"192.168.100.9", "192.168.100.9"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"::", "::"},
		{"::1", "::1"},
		{"1::", "1::"},
		{"2001:DB8::0001", "2001:db8::1"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, /* 4.2.2: one group is not shortened */
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},          /* 4.2.3: the longest run */
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},    /* 4.2.3: the first of equals */
		{"0:0:1:0:0:0:0:0", "0:0:1::"},
		{"fe80:0:0:0:200:5aff:fe00:1", "fe80::200:5aff:fe00:1"},
		{"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
		{"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
		{"1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0"},
		{"0:2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
		{"::10.0.0.1", "::a00:1"},
		{"64:ff9b::10.0.0.1", "64:ff9b::a00:1"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		uint8_t a[16];
		char text[ADDR_TEXT];
		assert_int_equal(addr_parse(table[i][0], a), FT_OK);
		assert_int_equal(addr_text(a, text), strlen(table[i][1]));
		assert_string_equal(text, table[i][1]);
	}
}

static void
what_is_printed_parses_to_the_same_address(void **state)
{
	(void)state;
	srand(5952);
	for (int i = 0; i < 20000; i++) {
		uint8_t a[16], b[16];
		char text[ADDR_TEXT], libc[INET6_ADDRSTRLEN];
		/* mostly zeros, so that every kind of run appears */
		for (int k = 0; k < 16; k++)
			a[k] = rand() % 3 ? 0 : (uint8_t)rand();
		if (i % 4 == 0)
			memcpy(a, addr_v4_prefix, 12);
		(void)addr_text(a, text);
		assert_int_equal(addr_parse(text, b), FT_OK);
		assert_memory_equal(a, b, 16);
		assert_int_equal(addr_compare(a, b), 0);
		if (addr_is_v4(a))
			assert_string_equal(text, inet_ntop(AF_INET, a + 12, libc, sizeof libc));
		else if (memcmp(a, addr_v4_prefix, 10) != 0) /* libc prints ::a.b.c.d for those */
			assert_string_equal(text, inet_ntop(AF_INET6, a, libc, sizeof libc));
	}
}

static void
what_is_no_address_is_refused(void **state)
{
	static const char *const bad[] = {"", " ", "10", "10.0.0", "10.0.0.256", "10.0.0.1.2", "010.0.0.1",
		"10.0.0.1 ", "1:2", ":::", "1::2::3", "g::", "12345::", "10.0.0.0/8", "1:2:3:4:5:6:7:8:9",
		"fe80::1%eth0"};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		uint8_t a[16];
		assert_int_equal(addr_parse(bad[i], a), FT_EINVAL);
	}
}

static void
prefixes_are_masked_and_counted_in_128_bits(void **state)
{
	static const struct {
		const char *given, *printed;
		unsigned bits;
	} table[] = {
		{"10.0.0.0/8", "10.0.0.0/8", 104},
		{"10.1.2.3/8", "10.0.0.0/8", 104}, /* host bits are masked away */
		{"10.1.2.3", "10.1.2.3/32", 128},
		{"10.1.2.3/32", "10.1.2.3/32", 128},
		{"0.0.0.0/0", "0.0.0.0/0", 96},
		{"255.255.255.255/1", "128.0.0.0/1", 97},
		{"172.16.5.4/12", "172.16.0.0/12", 108},
		{"192.168.1.130/25", "192.168.1.128/25", 121},
		{"2001:db8::/32", "2001:db8::/32", 32},
		{"2001:db8:ffff::1/33", "2001:db8:8000::/33", 33},
		{"::1", "::1/128", 128},
		{"::/0", "::/0", 0},
		{"ffff::/3", "e000::/3", 3},
		{"::ffff:10.1.2.3/104", "10.0.0.0/8", 104},
	};
	static const char *const bad[] = {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
		"10.0.0.0/+8", "10.0.0.0/8 ", "10.0.0.0/08", "10.0.0.0/0x8", "10/8", "::/129", "::/1280",
		"10.0.0.0/8/8", "10.0.0.0/99999999999999999999",
		"1111111111111111111111111111111111111111111111111111111111111111111111111111111111/8"};
	uint8_t net[16];
	unsigned bits;
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		char text[ADDR_TEXT];
		assert_int_equal(addr_parse_prefix(table[i].given, net, &bits), FT_OK);
		assert_int_equal(bits, table[i].bits);
		assert_int_equal(addr_prefix_text(net, bits, text), strlen(table[i].printed));
		assert_string_equal(text, table[i].printed);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(addr_parse_prefix(bad[i], net, &bits), FT_EINVAL);
}

static void
an_address_is_in_the_prefixes_it_masks_to(void **state)
{
	(void)state;
	srand(7);
	for (int i = 0; i < 200; i++) {
		uint8_t a[16], net[16], other[16];
		for (int k = 0; k < 16; k++)
			a[k] = (uint8_t)rand();
		for (unsigned bits = 0; bits <= 128; bits++) {
			addr_mask(net, a, bits);
			assert_true(addr_in_prefix(a, net, bits));
			if (bits == 0)
				continue;
			/* one bit of the prefix turned: not in it */
			unsigned turn = (unsigned)rand() % bits;
			memcpy(other, a, 16);
			other[turn / 8] ^= (uint8_t)(0x80 >> turn % 8);
			assert_false(addr_in_prefix(other, net, bits));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_print_as_rfc_5952_says),
		cmocka_unit_test(what_is_printed_parses_to_the_same_address),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(prefixes_are_masked_and_counted_in_128_bits),
		cmocka_unit_test(an_address_is_in_the_prefixes_it_masks_to),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
