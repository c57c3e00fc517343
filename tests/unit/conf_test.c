/* flowtrove.conf: what it accepts, and that every problem is said with file, line and what would be right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/conf_edit.h"
#include "common/log.h"

static char path[64] = "/tmp/conf-test.XXXXXX";

static struct conf *
load(const char *text, struct conf_problems *problems)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return conf_load(path, problems);
}

static void
defaults_are_the_manuals(void **state)
{
	(void)state;
	struct conf_problems p;
	const char *const *words;
	struct conf *c = conf_load(NULL, &p);
	assert_non_null(c);
	assert_int_equal(p.errors, 0);
	assert_int_equal(conf_uint(c, CONF_listenport), 9640);
	assert_int_equal(conf_uint(c, CONF_querythreads), 3);
	assert_int_equal(conf_uint(c, CONF_maxclientlatency), 60);
	assert_int_equal(conf_uint(c, CONF_sessiontables_timeout), 7200);
	assert_int_equal(conf_uint(c, CONF_sessiontables_toolong), 28800);
	assert_int_equal(conf_uint(c, CONF_storage_storageinterval), 5);
	assert_true(conf_bool(c, CONF_sessiontables_resizable));
	assert_int_equal(conf_list(c, CONF_netflow_netflowport, &words), 3);
	assert_int_equal(conf_port(c, CONF_netflow_netflowport, 1), 9666);
	assert_string_equal(conf_userdata(c), "/var/lib/flowtrove/USERDATA");
	assert_string_equal(conf_name(CONF_netflow_netflowport), "netflow/netflowport");
	conf_free(c);
}

static void
sections_comments_quotes_and_suffixes_are_read(void **state)
{
	(void)state;
	struct conf_problems p;
	struct conf *c = load(
		"# a comment\n"
		"listenport 9700   # another\n"
		"instance \"a # b\"\n"
		"querymemory = 2G\n"
		"<SessionTables>\n"
		"\ttimeout 2h\n\tresizable no\n"
		"</sessiontables>\n"
		"<storage>\ndatabasepath data\n</storage>\n"
		"<netflow>\nnetflowport 2055, 2056\t2057\nkeepfields minimumTTL, cisco:appHTTPHost 9.12\n"
		"tee 192.0.2.1:2055 [2001:db8::1]:2055 collector.example:9995\n</netflow>",
		&p);
	assert_non_null(c);
	assert_null(p.text);
	assert_int_equal(conf_uint(c, CONF_listenport), 9700);
	assert_string_equal(conf_str(c, CONF_instance), "a # b");
	assert_int_equal(conf_uint(c, CONF_querymemory), 2147483648u);
	assert_int_equal(conf_uint(c, CONF_sessiontables_timeout), 7200);
	assert_false(conf_bool(c, CONF_sessiontables_resizable));
	assert_int_equal(conf_port(c, CONF_netflow_netflowport, 2), 2057);
	assert_string_equal(
		conf_str(c, CONF_storage_databasepath), "/tmp/data"); /* against the file's folder */
	assert_string_equal(conf_userdata(c), "/tmp/USERDATA");
	conf_free(c);
}

static void
each_problem_names_its_line_and_the_remedy(void **state)
{
	(void)state;
	static const struct {
		const char *text, *expect;
	} bad[] = {
		{"listenprot 1\n", ":1: unknown key 'listenprot'; there is listenport at the top level"},
		{"\n\nnetflowport 1\n", ":3: unknown key 'netflowport'; there is netflowport in <netflow>"},
		{"xyzzyplugh 1\n", "`ft-config example` prints all keys"},
		{"listenport 0\n", ":1: listenport: '0' is no number"},
		{"listenport 9640x\n", "from 1 to 65535"},
		{"listenport -1\n", "from 1 to 65535"},
		{"querytime 99999999999999999999\n", ":1: querytime"},
		{"listenport 1\nlistenport 2\n", ":2: listenport stands there twice; the first is in line 1"},
		{"debuglevel LOUD\n", "none of ALWAYS, CRITICAL, HIGH, MEDIUM, LOW"},
		{"<sessiontables>\nresizable perhaps\n</sessiontables>\n",
			":2: resizable: 'perhaps' is neither yes nor no"},
		{"<netflow>\nnetflowport 1 2 3 4 5 6 7 8 9\n</netflow>\n",
			":2: netflowport takes at most 8 ports"},
		{"<netflow>\nnetflowport 1 70000\n</netflow>\n", "'70000' is no port"},
		{"<netflow>\nnetflowport 7 7\n</netflow>\n", "port 7 stands there twice"},
		{"<nothing>\n</nothing>\n", ":1: unknown section <nothing>"},
		{"<netflow>\n", "<netflow> is not closed at the end"},
		{"</netflow>\n", ":1: </netflow> closes nothing"},
		{"<netflow\n", ":1: '<netflow': a section is <name>"},
		{"listenport\n", ":1: listenport has no value"},
		{"<netflow>\nkeepfields minimumTTL minimumTLT\n</netflow>\n",
			":2: keepfields: no information element is called 'minimumTLT'"},
		{"<netflow>\nkeepfields 9.70000\n</netflow>\n", ":2: keepfields: no information element"},
		{"<netflow>\ntee 192.0.2.1:2055 192.0.2.2\n</netflow>\n",
			":2: tee: '192.0.2.2' is not HOST:PORT"},
		{"<sflow>\ntee 2001:db8::1:6343\n</sflow>\n", ":2: tee: '2001:db8::1:6343' is not HOST:PORT"},
		{"<sflow>\ntee host:0\n</sflow>\n", ":2: tee: 'host:0' is not HOST:PORT"},
		{"<sflow>\ntee a:1 b:1 c:1 d:1 e:1 f:1 g:1 h:1 i:1\n</sflow>\n",
			":2: tee takes at most 8 words"},
	};
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct conf_problems p;
		struct conf *c = load(bad[i].text, &p);
		assert_null(c);
		assert_true(p.errors >= 1);
		if (strncmp(p.text, path, strlen(path)) != 0 || strstr(p.text, bad[i].expect) == NULL)
			fail_msg("%s\n  said: %s  and not: %s", bad[i].text, p.text, bad[i].expect);
		conf_problems_free(&p);
	}
}

static void
all_problems_are_collected_and_nothing_half_applies(void **state)
{
	(void)state;
	struct conf_problems p;
	assert_null(load("listenport 9999\nx1 1\nlistenport 1\n<storage>\nsegmentsize 1\n</storage>\n", &p));
	assert_int_equal(p.errors, 3);
	conf_problems_free(&p);
}

static void
what_an_old_file_may_hold_is_a_note(void **state)
{
	(void)state;
	struct conf_problems p;
	struct conf *c = load("user nobody\nlicense ABCDEF\n", &p);
	assert_non_null(c);
	assert_int_equal(p.errors, 0);
	assert_int_equal(p.notes, 2);
	assert_non_null(strstr(p.text, ":1: note: user is ignored"));
	conf_problems_free(&p);
	conf_free(c);
}

static void
a_missing_file_is_said(void **state)
{
	(void)state;
	struct conf_problems p;
	assert_null(conf_load("/nowhere/flowtrove.conf", &p));
	assert_non_null(strstr(p.text, "/nowhere/flowtrove.conf: can't be read: No such file"));
	conf_problems_free(&p);
}

static unsigned changed, live;
static void
count(void *ctx, enum conf_key key, bool is_live)
{
	(void)ctx;
	assert_true(key == CONF_listenport || key == CONF_querytime);
	changed++;
	live += is_live;
}

static void
a_change_says_whether_it_needs_a_restart(void **state)
{
	(void)state;
	struct conf_problems p;
	struct conf *was = load("listenport 1\n", &p), *now = load("listenport 2\nquerytime 1\n", &p);
	conf_diff(was, now, count, NULL);
	assert_int_equal(changed, 2);
	assert_int_equal(live, 1);
	conf_free(was);
	conf_free(now);
}

static void
the_example_is_a_good_file(void **state)
{
	(void)state;
	struct conf_problems p;
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	conf_print_example(f);
	fclose(f);
	/* and once more with every line in force */
	struct conf *c = conf_load(path, &p);
	assert_non_null(c);
	conf_free(c);
	f = fopen(path, "r");
	char line[512], *text = calloc(1, 65536);
	assert_non_null(f);
	assert_non_null(text);
	while (fgets(line, sizeof line, f)) {
		char *at = line + strspn(line, "\t");
		if (at[0] == '#' && at[1] != ' ')
			*at = ' ';
		strncat(text, line, 65535 - strlen(text));
	}
	fclose(f);
	c = load(text, &p);
	if (c == NULL)
		fail_msg("%s", p.text);
	conf_free(c);
	free(text);
}

static void
the_manual_page_is_of_this_table(void **state)
{
	(void)state;
	FILE *page = fopen("docs/man/flowtrove.conf.5", "r"), *now = tmpfile();
	char is[1024], should[1024];
	if (page == NULL || now == NULL)
		skip(); /* not run from the project's folder */
	conf_print_man(now);
	rewind(now);
	while (fgets(should, sizeof should, now)) {
		if (fgets(is, sizeof is, page) == NULL || strcmp(is, should) != 0)
			fail_msg("docs/man/flowtrove.conf.5 is not what `ft-config man` prints: %s", should);
	}
	assert_null(fgets(is, sizeof is, page));
	fclose(page);
	fclose(now);
}

static void
edited(const char *text, const char *section, const char *key, const char *value, const char *should)
{
	char *is = conf_edit(text, section, key, value);
	assert_string_equal(is, should);
	free(is);
}

static void
one_setting_is_changed_and_the_rest_of_the_file_is_as_it_was(void **state)
{
	(void)state;
	static const char file[] = "# mine\n\nquerytime 5m   # long\n<storage>\n\t# segmentsize "
				   "7\n\tsegmentsize=64\n</storage>\n"
				   "querymemory 1G\n";
	edited(file, "", "querytime", "60",
		"# mine\n\nquerytime 60   # long\n<storage>\n\t# segmentsize "
		"7\n\tsegmentsize=64\n</storage>\n"
		"querymemory 1G\n");
	edited(file, "storage", "segmentsize", "128",
		"# mine\n\nquerytime 5m   # long\n<storage>\n\t# segmentsize 7\n\tsegmentsize "
		"128\n</storage>\n"
		"querymemory 1G\n");
	/* of the top level, behind a section */
	edited(file, "", "querymemory", "2G",
		"# mine\n\nquerytime 5m   # long\n<storage>\n\t# segmentsize "
		"7\n\tsegmentsize=64\n</storage>\n"
		"querymemory 2G\n");
	/* what is not there goes where it belongs */
	edited("a 1\n<storage>\n\tsegmentsize 64\n</storage>\n", "storage", "maxage", "3d",
		"a 1\n<storage>\n\tsegmentsize 64\n\tmaxage 3d\n</storage>\n");
	edited("a 1\n<storage>\n</storage>\n", "", "querytime", "9",
		"a 1\nquerytime 9\n<storage>\n</storage>\n");
	edited("a 1", "mail", "server", "", "a 1\n<mail>\n\tserver \"\"\n</mail>\n");
	edited("", "", "querytime", "9", "querytime 9\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_the_manuals),
		cmocka_unit_test(sections_comments_quotes_and_suffixes_are_read),
		cmocka_unit_test(each_problem_names_its_line_and_the_remedy),
		cmocka_unit_test(all_problems_are_collected_and_nothing_half_applies),
		cmocka_unit_test(what_an_old_file_may_hold_is_a_note),
		cmocka_unit_test(a_missing_file_is_said),
		cmocka_unit_test(a_change_says_whether_it_needs_a_restart),
		cmocka_unit_test(one_setting_is_changed_and_the_rest_of_the_file_is_as_it_was),
		cmocka_unit_test(the_example_is_a_good_file),
		cmocka_unit_test(the_manual_page_is_of_this_table),
	};
	int fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return rc;
}
