/* Which exporters a user filter can let anything through of (queryd/visible.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/addr.h"
#include "queryd/visible.h"

static bool
seen(const char *text, const char *address, uint32_t version, uint32_t domain)
{
	struct arena a;
	struct err err;
	struct filter_node *filter;
	struct visible_source s = {.version = version, .domain = domain};
	arena_init(&a, 0);
	if (filter_parse(&a, text, &filter, &err) != 0)
		fail_msg("%s: %s", text, err.text);
	assert_int_equal(addr_parse(address, s.address), 0);
	bool is = visible(filter, &s);
	arena_free(&a);
	return is;
}

static void
what_a_filter_excludes_is_not_seen(void **state)
{
	static const struct {
		const char *filter;
		bool one, two; /* 10.0.0.1 of NetFlow 9, domain 1; 10.0.0.2 of sFlow 5, domain 2 */
	} row[] = {{"", true, true}, {"EXPIP == 10.0.0.1", true, false}, {"EXPIP != 10.0.0.1", false, true},
		{"EXPIP == 10.0.0.0/24", true, true}, {"EXPIP in (10.0.0.2, 10.0.0.3)", false, true},
		{"EXPIP not in (10.0.0.2, 10.0.0.3)", true, false}, {"EXPV == sf5", false, true},
		{"EXPV in (5, 9)", true, false}, {"DOMAIN >= 2", false, true}, {"DOMAIN < 2", true, false},
		{"DOMAIN > 1", false, true}, {"DOMAIN <= 1", true, false},
		/* what depends on the slice is left open */
		{"SRVPORT == 443", true, true}, {"SRVPORT == 443 && EXPIP == 10.0.0.1", true, false},
		{"SRVPORT == 443 || EXPIP == 10.0.0.1", true, true},
		{"!(SRVPORT == 443 || EXPIP == 10.0.0.1)", false, true},
		{"!(EXPIP == 10.0.0.1)", false, true}, {"EXPIP == 10.0.0.1 ^| EXPV == sf5", true, true},
		{"EXPIP == 10.0.0.1 ^| EXPV == nf9", false, false},
		{"EXPIP == 10.0.0.1 ^| SRVPORT == 443", true, true},
		{"EXPIP == 10.0.0.1 && EXPIP == 10.0.0.2", false, false},
		{"GUID == 01234567-89ab-cdef-0123-456789abcdef", false, false}};
	(void)state;
	for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++)
		if (seen(row[i].filter, "10.0.0.1", 9, 1) != row[i].one ||
			seen(row[i].filter, "10.0.0.2", 21, 2) != row[i].two)
			fail_msg("%s", row[i].filter);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_a_filter_excludes_is_not_seen)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
