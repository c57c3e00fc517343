/* The filter language: what it accepts, how it is written out, and what it says when it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/filter.h"

static const struct {
	const char *text, *printed;
} good[] = {
	/* words that are what they are in quotes only */
	{"IP = \"-E\"", "ADDR == \"-E\""},
	{"IP = \"fe80::1%eth0\"", "ADDR == \"fe80::1%eth0\""},
	{"IP = \"_\"", "ADDR == \"_\""},
	{"INIF = \"12\"", "INIF == \"12\""},
	{"ASN = \"AS12\"", "ASN == \"AS12\""},
	{"", ""},
	{"  \t\n", ""},
	{"SRVIP == 10.1.0.0/16 && (SRVPORT == 22 || SRVPORT == 2222) && !(CLNCC == US)",
		"SRVIP == 10.1.0.0/16 && (SRVPORT == 22 || SRVPORT == 2222) && !(CLNCC == US)"},
	{"srvip=10.1.2.3", "SRVIP == 10.1.2.3"},
	{"IP==2001:db8::1", "ADDR == 2001:db8::1"},
	{"addr == 2001:DB8::/32", "ADDR == 2001:db8::/32"},
	{"ADDR == 10.1.2.3/8", "ADDR == 10.0.0.0/8"},
	{"SRVIP==10.1.0.0/16&&SRVPORT==22||PROTO==TCP",
		"(SRVIP == 10.1.0.0/16 && SRVPORT == 22) || PROTO == TCP"},
	{"PORT == 1 || PORT == 2 ^| PORT == 3 && PORT == 4",
		"PORT == 1 || (PORT == 2 ^| (PORT == 3 && PORT == 4))"},
	{"PORT == 1 and not PORT == 2 or PORT==3 xor PORT==4",
		"(PORT == 1 && !(PORT == 2)) || (PORT == 3 ^| PORT == 4)"},
	{"PORT == 3 ^^ PORT == 4", "PORT == 3 ^| PORT == 4"},
	{"PORT in (22, http, 1-1023)", "PORT == 22 || PORT == http || PORT == 1-1023"},
	{"TOS == 0 && PORT not in (22,23)", "TOS == 0 && (PORT != 22 && PORT != 23)"},
	{"PORT not in (22,23)", "PORT != 22 && PORT != 23"},
	{"SRVPORT>=1024", "SRVPORT >= 1024"},
	{"SRVPORT == 10-20", "SRVPORT == 10-20"},
	{"proto==6", "PROTO == TCP"},
	{"PROTO == 253", "PROTO == 253"},
	{"PROTO == icmp6", "PROTO == ICMPV6"},
	{"TOTBYTS > 1G", "TOTBYTS > 1000000000"},
	{"BYTES > 1.5k", "BYTES > 1500"},
	{"CLNPKTS >= 18446744073709551615", "CLNPKTS >= 18446744073709551615"},
	{"TTIME > 0.25", "TTIME > 0.25"},
	{"TTIME == 1-2.5", "TTIME == 1-2.5"},
	{"TOS = 184", "TOS == 184"},
	{"CC == us or cc == ??", "CC == US || CC == ??"},
	{"ASN == AS32934", "ASN == 32934"},
	{"ASN == \"Some Carrier\"", "ASN == \"Some Carrier\""},
	{"GRP == 'Office/2nd floor'", "GRP == \"Office/2nd floor\""},
	{"BLK == 10.1.0.0/16", "BLK == 10.1.0.0/16"},
	{"BLK == 10.1.2.3/32", "BLK == 10.1.2.3/32"},
	{"CLNMAC == 00-11-22-AA-bb-cc", "CLNMAC == 00:11:22:aa:bb:cc"},
	{"IFACE == 4294967295", "IFACE == 4294967295"},
	{"FLAGS == FSYN", "FLAGS == FSYN"},
	{"FLAGS != fack", "FLAGS != FACK"},
	{"FSYN && !FACK", "FSYN && !(FACK)"},
	{"APP == 13:80 || APP == ms-teams", "APP == 13:80 || APP == ms-teams"},
	{"ASAEVT == denied && ASAEXTEVT == 1001", "ASAEVT == DENIED && ASAEXTEVT == INGRESSACL"},
	{"EXPV == ipfix", "EXPV == 10"},
	{"ie(minimumttl)<10", "IE(minimumTTL) < 10"},
	{"IE(0.52) in (1, 5-9)", "IE(minimumTTL) == 1 || IE(minimumTTL) == 5-9"},
	{"IE( cisco:apphttphost ) == 'a b'", "IE(cisco:appHTTPHost) == \"a b\""},
	{"!IE(12345.7) && IE(reverseMinimumTTL) not in (1)", "!(IE(12345.7)) && IE(reverseMinimumTTL) != 1"},
	{"IE(12345.7) == \"12\" || IE(12345.7) == 0x0a0B || IE(12345.7) == -3",
		"IE(12345.7) == \"12\" || IE(12345.7) == 0x0a0B || IE(12345.7) == -3"},
	{"IE(samplingProbability) == 0.25-1e3", "IE(samplingProbability) == 0.25-1e3"},
	{"IE(mibObjectValueInteger) == -5--1", "IE(mibObjectValueInteger) == -5--1"},
	{"01234567-89AB-cdef-0123-456789abcdef", "01234567-89ab-cdef-0123-456789abcdef"},
	{"GUID == 01234567-89AB-cdef-0123-456789abcdef", "GUID == 01234567-89ab-cdef-0123-456789abcdef"},
	{"START >= 2026-11-24T12:00:00Z", "START >= 2026-11-24T12:00:00Z"},
	{"START >= \"11/24/26 12:00:00.5\"", "START >= 2026-11-24T12:00:00.500000Z"},
	{"END < 2026-11-24T12:00:00+02:00", "END < 2026-11-24T10:00:00Z"},
	{"END < 1764000000.25", "END < 2025-11-24T16:00:00.250000Z"},
	{"SRVIP == host-1.example.org", "SRVIP == host-1.example.org"},
	{"SESSION == 12345678901234567890", "SESSION == 12345678901234567890"},
	{"ENDREASON == rst && RULE == syn", "ENDREASON == RST && RULE == SYN"},
	{"((((PORT == 1))))", "PORT == 1"},
	{"!!PORT == 1", "!(!(PORT == 1))"},
	{"MPLS == 16 && VRF == 2 && FWDSTATUS == 64 && SAMPLING == 100 && DOMAIN == 7 && ICMPTYPE == 8 && "
	 "ICMPCODE == 0",
		"MPLS == 16 && VRF == 2 && FWDSTATUS == 64 && SAMPLING == 100 && DOMAIN == 7 && ICMPTYPE == "
		"8 && "
		"ICMPCODE == 0"},
};

static void
a_filter_is_read_and_written_out_in_the_manuals_form(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++) {
		struct arena a;
		struct filter_node *n;
		struct err err;
		arena_init(&a, 0);
		if (filter_parse(&a, good[i].text, &n, &err) != 0)
			fail_msg("%s: %s", good[i].text, err.text);
		char *once = filter_print(&a, n);
		assert_string_equal(once, good[i].printed);
		struct filter_node *again;
		if (filter_parse(&a, once, &again, &err) != 0)
			fail_msg("printed form refused: %s: %s", once, err.text);
		assert_string_equal(filter_print(&a, again), once);
		arena_free(&a);
	}
}

static const struct {
	const char *text;
	int position;
	const char *says;
} bad[] = {
	{"SRVIP", 6, "a comparison"},
	{"IE", 3, "( and an information element"},
	{"IE()", 4, "an information element: a name"},
	{"IE(0.0) == 1", 4, "an information element: a name"},
	{"IE(nosuch:thing) == 1", 4, "an information element: a name"},
	{"IE(minimumTTL", 14, ") after the information element"},
	{"IE(minimumTTL) == -1", 19, "a number, or a range"},
	{"IE(minimumTTL) in (1, x)", 23, "a number, or a range"},
	{"IE(minimumTTL) > 1-5", 18, "one number, not a range"},
	{"IE(userName) > x", 14, "no order"},
	{"IE(samplingProbability) == 1.2.3", 28, "a number such as 0.25"},
	{"IE(12345.7) > abc", 15, "one number"},
	{"SRVIP == ", 10, "an address"},
	{"SRVIP == 10.1.0.300", 10, "an address"},
	{"SRVIP == 10.0.0.0/33", 10, "an address"},
	{"SRVIP > 10.0.0.1", 7, "no order"},
	{"FOO == 1", 1, "a field"},
	{"SRVPORT == 65536", 12, "a port"},
	{"SRVPORT == 20-10", 12, "a port"},
	{"SRVPORT > 10-20", 11, "not a range"},
	{"PORT in 5", 9, "( after in"},
	{"PORT in (5", 11, ", or )"},
	{"PORT in (5,)", 12, "a port"},
	{"PORT not 5", 10, "in after not"},
	{"(PORT == 5", 11, ")"},
	{"PORT == 5)", 10, "end of the filter"},
	{"PORT == 5 PORT == 6", 11, "&&"},
	{"PORT == 5 & PORT == 6", 11, "&&"},
	{"PORT == 5 && ", 14, "a field"},
	{"&& PORT == 5", 1, "a field"},
	{"TOS == 256", 8, "from 0 to 255"},
	{"CLNCC == USA", 10, "two letters"},
	{"FLAGS == SYNACK", 10, "FSYN"},
	{"FLAGS > FSYN", 7, "no order"},
	{"GRP == \"open", 13, "closing"},
	{"TTIME > fast", 9, "seconds"},
	{"START > yesterday", 9, "a time"},
	{"START > 2026-13-01", 9, "a time"},
	{"MAC == 00:11:22:33:44", 8, "a MAC"},
	{"BLK == 10.0.0.0", 8, "a netblock"},
	{"GUID == 1234", 9, "a GUID"},
	{"ASAEVT == WHAT", 11, "firewall event"},
	{"CLNBYTS > 1X", 11, "K, M, G or T"},
	{"CLNBYTS > 18446744073709551616", 11, "a number"},
	{"GRP == \"\xc3\xa4\xc3\xb6\" && FOO == 1", 16, "a field"},
	{"PORT ~ 5", 6, "a comparison"},
};

static void
a_refused_filter_names_the_position_and_what_was_expected(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct arena a;
		struct filter_node *n;
		struct err err = {0};
		arena_init(&a, 0);
		if (filter_parse(&a, bad[i].text, &n, &err) == 0)
			fail_msg("accepted: %s", bad[i].text);
		if (err.sys != bad[i].position || strstr(err.text, bad[i].says) == NULL)
			fail_msg("%s: position %d, \"%s\"; wanted %d, \"%s\"", bad[i].text, err.sys, err.text,
				bad[i].position, bad[i].says);
		arena_free(&a);
	}
}

/* n times `unit`, joined */
static char *
repeat(const char *before, const char *unit, const char *after, unsigned n, const char *middle)
{
	size_t size = strlen(middle) + (strlen(before) + strlen(unit) + strlen(after)) * n + 1, at = 0;
	char *s = calloc(1, size + 1);
	for (unsigned i = 0; i < n; i++)
		at += (size_t)snprintf(s + at, size - at, "%s", before);
	at += (size_t)snprintf(s + at, size - at, "%s", middle);
	for (unsigned i = 0; i < n; i++)
		at += (size_t)snprintf(s + at, size - at, "%s%s", unit, after);
	return s;
}

static int
parse(char *text, struct err *err)
{
	struct arena a;
	struct filter_node *n;
	arena_init(&a, 0);
	int rc = filter_parse(&a, text, &n, err);
	arena_free(&a);
	free(text);
	return rc;
}

static void
length_depth_and_terms_have_bounds(void **state)
{
	(void)state;
	struct err err;
	assert_int_equal(parse(repeat("(", "", ")", 64, "PORT==1"), &err), 0);
	assert_int_equal(parse(repeat("(", "", ")", 65, "PORT==1"), &err), FT_EINVAL);
	assert_int_equal(parse(repeat("!", "", "", 65, "PORT==1"), &err), FT_EINVAL);
	assert_int_equal(parse(repeat("", "||PORT==1", "", 4095, "PORT==1"), &err), 0);
	assert_int_equal(parse(repeat("", "||PORT==1", "", 4096, "PORT==1"), &err), FT_EINVAL);
	assert_int_equal(parse(repeat(" ", "", "", 65530, "PORT=1"), &err), 0);
	assert_int_equal(parse(repeat(" ", "", "", 65530, "PORT==1"), &err), FT_EINVAL);
}

static void
memory_beyond_the_bound_is_an_error(void **state)
{
	(void)state;
	struct arena a;
	struct filter_node *n;
	struct err err;
	char *text = repeat("", ",1", "", 10000, "PORT in (1");
	size_t end = strlen(text);
	text[end] = ')'; /* repeat() leaves room for it */
	arena_init(&a, 4096);
	assert_int_equal(filter_parse(&a, text, &n, &err), FT_EFULL);
	arena_free(&a);
	free(text);
}

static void
every_field_has_a_name_a_type_and_help(void **state)
{
	(void)state;
	for (int i = 0; i < FILTER_FIELDS; i++) {
		const struct filter_field_info *f = filter_field_info((enum filter_field)i);
		assert_int_equal(filter_field_find(f->name), i);
		assert_true(strlen(f->help) > 5);
		assert_non_null(filter_type_expects(f->type));
	}
	assert_int_equal(filter_field_find("ip"), FILTER_ADDR);
	assert_int_equal(filter_field_find("nothing"), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_filter_is_read_and_written_out_in_the_manuals_form),
		cmocka_unit_test(a_refused_filter_names_the_position_and_what_was_expected),
		cmocka_unit_test(length_depth_and_terms_have_bounds),
		cmocka_unit_test(memory_beyond_the_bound_is_an_error),
		cmocka_unit_test(every_field_has_a_name_a_type_and_help),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
