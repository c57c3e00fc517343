/*
 * ft-config - looks after flowtrove.conf: checks one, prints all settings, brings an old installation's file over.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf.h"

enum { MIGRATE_ROUNDS = 8 };

static void
usage(FILE *to)
{
	fprintf(to, "usage: ft-config check FILE     every problem with file and line; ends with 1 if there "
		    "is one\n"
		    "       ft-config migrate FILE   an old flowtraq.conf as a flowtrove.conf, on standard "
		    "output\n"
		    "       ft-config example        every setting with its default, as a file\n"
		    "       ft-config man            the same as rows of flowtrove.conf(5)\n"
		    "       ft-config --version\n");
}

static int
check(const char *path)
{
	struct conf_problems problems;
	struct conf *c = conf_load(path, &problems);
	if (problems.text)
		fputs(problems.text, stderr);
	if (c)
		printf("%s: good\n", path);
	else
		fprintf(stderr, "%s: %u %s; nothing of it would be applied\n", path, problems.errors,
			problems.errors == 1 ? "problem" : "problems");
	conf_problems_free(&problems);
	conf_free(c);
	return c ? 0 : 1;
}

/* Copy `from` to `to`; a line that `problems` (of a check of `from`) names becomes a comment that says why. */
static int
comment_out(const char *from, FILE *to, const struct conf_problems *problems)
{
	FILE *f = fopen(from, "re");
	char *line = NULL;
	size_t room = 0, prefix = strlen(from);
	if (f == NULL)
		return -1;
	for (unsigned n = 1; getline(&line, &room, f) >= 0; n++) {
		const char *why = NULL;
		for (const char *p = problems->text; p && *p && why == NULL; p = strchr(p, '\n') + 1) {
			char *end;
			if (strncmp(p, from, prefix) == 0 && p[prefix] == ':' &&
				strtoul(p + prefix + 1, &end, 10) == n && *end == ':')
				why = end + 2;
		}
		if (why)
			fprintf(to, "# not carried over: %.*s\n#", (int)strcspn(why, "\n"), why);
		fputs(line, to);
		if (line[0] && line[strlen(line) - 1] != '\n')
			fputc('\n', to);
	}
	free(line);
	fclose(f);
	return 0;
}

static int
scratch(char *path, size_t size, FILE **out)
{
	const char *folder = getenv("TMPDIR");
	snprintf(path, size, "%s/ft-config.XXXXXX", folder && folder[0] ? folder : "/tmp");
	int fd = mkstemp(path);
	*out = fd < 0 ? NULL : fdopen(fd, "w");
	return *out ? 0 : -1;
}

/* Comment lines out until the rest is good: an unknown section takes a round for its lines and its end. */
static int
migrate(const char *path)
{
	char now[300] = "", next[300];
	struct conf_problems problems = {0};
	struct conf *c = NULL;
	FILE *to;
	int rc = 1;
	for (unsigned round = 0; c == NULL && round < MIGRATE_ROUNDS; round++) {
		const char *from = round ? now : path;
		conf_problems_free(&problems);
		c = conf_load(from, &problems);
		if ((c && round) || scratch(next, sizeof next, &to) != 0)
			break;
		int failed = comment_out(from, to, &problems);
		fclose(to);
		if (round)
			unlink(now);
		memcpy(now, next, sizeof now);
		if (failed)
			break;
	}
	FILE *f = c ? fopen(now[0] ? now : path, "re") : NULL;
	if (f) {
		int ch;
		printf("# from %s by ft-config migrate\n", path);
		while ((ch = getc(f)) != EOF)
			putchar(ch);
		fclose(f);
		rc = 0;
	} else
		fprintf(stderr, "ft-config: %s: can't be brought over:\n%s", path,
			problems.text ? problems.text : strerror(errno));
	if (now[0])
		unlink(now);
	conf_problems_free(&problems);
	conf_free(c);
	return rc;
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	if (argc == 3 && strcmp(verb, "check") == 0)
		return check(argv[2]);
	if (argc == 3 && strcmp(verb, "migrate") == 0)
		return migrate(argv[2]);
	if (argc == 2 && strcmp(verb, "example") == 0)
		conf_print_example(stdout);
	else if (argc == 2 && strcmp(verb, "man") == 0)
		conf_print_man(stdout);
	else if (strcmp(verb, "--version") == 0)
		printf("ft-config %s\n", FT_VERSION);
	else if (strcmp(verb, "-h") == 0 || strcmp(verb, "--help") == 0)
		usage(stdout);
	else {
		usage(stderr);
		return 2;
	}
	return 0;
}
