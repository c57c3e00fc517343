/* The command lines of ftsq, ftstat and ftum: the table, what is refused, and that man pages say the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/options.h"
#include "cli/table.h"

static struct options o;

/* words separated by '|'; the result of the parser */
static int
parse(const char *tool, const char *line)
{
	static char text[512];
	char *argv[32] = {text + 500}, *save = NULL;
	int argc = 1;
	options_free(&o);
	snprintf(text, 500, "%s", line);
	for (char *w = strtok_r(text, "|", &save); w && argc < 31; w = strtok_r(NULL, "|", &save))
		argv[argc++] = w;
	return options_parse(&o, tool, argc, argv);
}

static void
old_scripts_run_unchanged(void **state)
{
	(void)state;
	assert_int_equal(
		parse("ftstat",
			"-s|10.0.0.1|-p|9641|-un|joe|-up|pw|-grp|IP|-cnt|UNIQUE|PORTPROTO|-snd|-tn|-15m|-c"),
		-1);
	assert_string_equal(o.server, "10.0.0.1");
	assert_string_equal(o.count, "UNIQUE PORTPROTO");
	assert_string_equal(o.password, "pw");
	assert_true(o.sent && o.output == OUT_CSV);
	assert_int_equal(
		parse("ftstat", "-cnt|UNIQUE IP|-grp|HOST|-c+|-rcv|-w|10|-r|5|-g|x.tga|-gx|800|-gy|600"), -1);
	assert_string_equal(o.count, "UNIQUE IP");
	assert_int_equal(o.output, OUT_CSV_HEAD);
	assert_int_equal(parse("ftsq", "-te|11/05/13 10:15:00.5|-tl|11/05/13 "
				       "10:16:00|-e|10.1.1.1|-ei|3|-ef|nf9|-q|PROTO == TCP|-v"),
		-1);
	assert_int_equal(o.to_us - o.from_us, 59500000);
	assert_int_equal(o.exporter_if, 3);
	assert_int_equal(parse("ftum", "-un|admin|-addu|Mary Ann|secret"), -1);
	assert_int_equal(o.act, ACT_ADD);
	assert_string_equal(o.act_password, "secret");
	assert_int_equal(parse("ftum", "-chpw|joe|-|-un|admin"), -1);
	assert_string_equal(o.act_password, "-");
	assert_int_equal(parse("ftum", "-chpw|joe|-un|admin"), -1);
	assert_null(o.act_password);
	assert_int_equal(parse("ftstat", "-us|-grp|IP"), -1);
	assert_true(o.want_key);
	assert_int_equal(parse("ftstat", "-us|91389bd1127bce0a2615d390be08f696|-grp|IP"), -1);
	assert_string_equal(o.key, "91389bd1127bce0a2615d390be08f696");
}

static void
what_does_not_go_together_is_refused(void **state)
{
	static const char *const bad[] = {"-grp|IP|-snd|-rcv", "-grp|IP|-tn|15m|-te|11/05/13",
		"-grp|IP|-te|11/05/13", "-grp|IP|-gx|800", "-grp|IP|-gx|800|-gy|600",
		"-grp|IP|-g|x.png|-gx|800", "-grp|IP|-ei|3", "-grp", "-grp|IP|-r|0", "-grp|IP|-r|x",
		"-grp|IP|-w|1.5", "-grp|IP|-p|70000", "-grp|IP|-tn|2d1w", "-grp|IP|-slices",
		"-grp|IP|-au|joe", "-grp|IP|-us|nokey", "",
		"-grp|IP|-te|11/05/13 10:00:00|-tl|11/05/13 09:00:00", "stray"};
	(void)state;
	assert_non_null(freopen("/dev/null", "w", stderr));
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (parse("ftstat", bad[i]) != EXIT_USAGE)
			fail_msg("'%s' was taken", bad[i]);
}

static void
secrets_do_not_stay_in_the_argument_list(void **state)
{
	char text[] = "geheim", key[] = "91389bd1127bce0a2615d390be08f696";
	char *argv[] = {"ftum", "-un", "a", "-up", text, "-ulist", NULL},
	     *argk[] = {"ftsq", "-us", key, NULL};
	(void)state;
	options_free(&o);
	assert_int_equal(options_parse(&o, "ftum", 6, argv), -1);
	assert_string_equal(o.password, "geheim");
	assert_string_equal(text, "xxxxxx");
	options_free(&o);
	assert_int_equal(options_parse(&o, "ftsq", 3, argk), -1);
	assert_null(strstr(key, "9138"));
}

static void
the_environment_gives_defaults_and_ours_wins(void **state)
{
	(void)state;
	setenv("FLOWTRAQ_SERVER", "old", 1);
	setenv("FLOWTRAQ_PORT", "1111", 1);
	setenv("FLOWTRAQ_USERNAME", "u", 1);
	setenv("FLOWTRAQ_PASSWORD", "p", 1);
	setenv("FLOWTROVE_SERVER", "new", 1);
	assert_int_equal(parse("ftsq", "-tn|1h"), -1);
	assert_string_equal(o.server, "new");
	assert_string_equal(o.port, "1111");
	assert_string_equal(o.user, "u");
	assert_string_equal(o.password, "p");
	assert_int_equal(parse("ftsq", "-s|given|-up|q"), -1);
	assert_string_equal(o.server, "given");
	assert_string_equal(o.password, "q");
	unsetenv("FLOWTRAQ_PASSWORD");
}

/* the list between the markers of a man page is what the table makes (cli/man.sh writes it) */
static void
man_pages_list_every_option(void **state)
{
	static const char *const page[] = {"docs/man/ftsq.1", "docs/man/ftstat.1", "docs/man/ftum.1"};
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		char *made = NULL, *text = calloc(1, 1 << 16);
		size_t n = 0;
		FILE *f = open_memstream(&made, &n), *in = fopen(page[i], "r");
		options_man("qsu"[i], f);
		fclose(f);
		if (in == NULL)
			fail_msg("%s can't be read (tests run in the top folder)", page[i]);
		assert_true(fread(text, 1, (1 << 16) - 1, in) > 0);
		fclose(in);
		if (strstr(text, made) == NULL)
			fail_msg("%s is not up to date: run cli/man.sh build/bin", page[i]);
		free(made);
		free(text);
	}
}

static void
numbers_are_for_people(void **state)
{
	char n[TABLE_NUMBER];
	(void)state;
	assert_string_equal(table_number(0, n), "0");
	assert_string_equal(table_number(999, n), "999");
	assert_string_equal(table_number(1000, n), "1.00 K");
	assert_string_equal(table_number(1234567, n), "1.23 M");
	assert_string_equal(table_number(999999, n), "1.00 M");
	assert_string_equal(table_number(12345678901234, n), "12.3 T");
	assert_string_equal(table_number(UINT64_MAX, n), "18.4 E");
	assert_string_equal(table_grouped(1234567, n), "1,234,567");
	assert_string_equal(table_grouped(7, n), "7");
}

static void
csv_cells_are_quoted_where_they_must_be(void **state)
{
	char *text = NULL;
	size_t n;
	(void)state;
	FILE *f = open_memstream(&text, &n);
	table_csv(f, "plain");
	table_csv(f, "a,b");
	table_csv(f, "say \"x\"");
	fclose(f);
	assert_string_equal(text, "plain\"a,b\"\"say \"\"x\"\"\"");
	free(text);
}

static void
tables_are_aligned_and_show_no_control_characters(void **state)
{
	char *text = NULL;
	size_t n;
	(void)state;
	struct table *t = table_new();
	table_column(t, "name", false);
	table_column(t, "n", true);
	table_cell(t, "Jos\xc3\xa9");
	table_cell(t, "1");
	table_line(t);
	table_cell(t, "a\x1b[2J");
	table_cell(t, "1000");
	FILE *f = open_memstream(&text, &n);
	table_print(t, f);
	fclose(f);
	table_free(t);
	assert_string_equal(text, "name      n\nJos\xc3\xa9      1\n-----  ----\na?[2J  1000\n");
	free(text);
}

int
main(void)
{
	static const char *const name[] = {"SERVER", "PORT", "USERNAME", "PASSWORD", "SERVERKEY"};
	for (unsigned i = 0; i < 5; i++) {
		char full[40];
		snprintf(full, sizeof full, "FLOWTROVE_%s", name[i]);
		unsetenv(full);
		snprintf(full, sizeof full, "FLOWTRAQ_%s", name[i]);
		unsetenv(full);
	}
	setenv("TZ", "UTC", 1);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(old_scripts_run_unchanged),
		cmocka_unit_test(secrets_do_not_stay_in_the_argument_list),
		cmocka_unit_test(the_environment_gives_defaults_and_ours_wins),
		cmocka_unit_test(man_pages_list_every_option),
		cmocka_unit_test(numbers_are_for_people),
		cmocka_unit_test(csv_cells_are_quoted_where_they_must_be),
		cmocka_unit_test(tables_are_aligned_and_show_no_control_characters),
		cmocka_unit_test(what_does_not_go_together_is_refused),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	options_free(&o);
	return rc;
}
