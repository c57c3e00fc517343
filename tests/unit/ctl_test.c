/* `ft-ctl exporters WORD…` to requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/ctl.h"

/* words separated by '|' as the request, in JSON; NULL: refused */
static char *
request(const char *line)
{
	static char made[512];
	char text[512], *word[32], *save = NULL;
	struct err err = {0};
	int n = 0;
	snprintf(text, sizeof text, "%s", line);
	for (char *w = strtok_r(text, "|", &save); w && n < 32; w = strtok_r(NULL, "|", &save))
		word[n++] = w;
	json_t *o = ctl_exporters_request(n, word, &err);
	if (o == NULL) {
		assert_int_equal(err.code, FT_EINVAL);
		assert_true(strlen(err.text) > 20);
		return NULL;
	}
	char *json = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
	snprintf(made, sizeof made, "%s", json);
	free(json);
	json_decref(o);
	return made;
}

static void
words_become_requests(void **state)
{
	static const struct {
		const char *line, *json;
	} row[] = {{"", "{\"op\":\"exporters.list\"}"},
		{"core 1", "{\"exporter\":\"core 1\",\"op\":\"exporters.get\"}"},
		{"set|x|sampling|100", "{\"exporter\":\"x\",\"op\":\"exporters.set\",\"sampling\":100}"},
		{"set|x|sampling|none|clock|trust",
			"{\"clock\":\"trust\",\"exporter\":\"x\",\"op\":\"exporters.set\",\"sampling\":0}"},
		{"set|x|if|3|sampling|50",
			"{\"exporter\":\"x\",\"interface\":3,\"op\":\"exporters.set\",\"sampling\":50}"},
		{"set|x|name|core|one",
			"{\"exporter\":\"x\",\"name\":\"core one\",\"op\":\"exporters.set\"}"},
		{"set|x|tags|none", "{\"exporter\":\"x\",\"op\":\"exporters.set\",\"tags\":\"\"}"},
		{"disable|x", "{\"enabled\":false,\"exporter\":\"x\",\"op\":\"exporters.set\"}"},
		{"enable|x", "{\"enabled\":true,\"exporter\":\"x\",\"op\":\"exporters.set\"}"},
		{"forget|x", "{\"exporter\":\"x\",\"op\":\"exporters.forget\"}"}};
	(void)state;
	for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++)
		assert_string_equal(request(row[i].line), row[i].json);
}

static void
what_is_no_request_is_refused(void **state)
{
	static const char *const bad[] = {"set", "set|x", "set|x|sampling", "set|x|sampling|-1",
		"set|x|sampling|4294967296", "set|x|sampling|1x", "set|x|if|3|sampling", "set|x|if|3|name|y",
		"set|x|if|a|sampling|3", "set|x|clock", "set|x|clock|trust|dance",
		"set|x|sampling|1|sampling|2", "set|x|sampling|1|if|3|sampling|2",
		"set|x|if|3|sampling|2|sampling|1", "disable", "disable|x|y", "forget", "a|b", "enable|x|y"};
	(void)state;
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (request(bad[i]))
			fail_msg("'%s' was taken", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_become_requests), cmocka_unit_test(what_is_no_request_is_refused)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
