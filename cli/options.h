/*
 * options.h - the command lines of ftsq, ftstat and ftum (options.def).
 *
 * Passwords and keys given as arguments are copied and overwritten in argv, so that a list of processes does not show
 * them for long.  Environment: FLOWTROVE_SERVER, _PORT, _USERNAME, _PASSWORD, _SERVERKEY; FLOWTRAQ_… is read where those
 * are not set.
 */
#ifndef FT_CLI_OPTIONS_H
#define FT_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_AUTH = 3 };
enum output { OUT_TABLE, OUT_CSV, OUT_CSV_HEAD, OUT_JSON };
enum act { ACT_NONE, ACT_PASSWORD, ACT_ADD, ACT_DELETE, ACT_ADMIN, ACT_NOADMIN, ACT_FILTER, ACT_LIST };

struct options {
	const char *tool; /* "ftstat" */
	char letter;      /* of options.def */
	const char *server, *port, *user, *server_key;
	char *password, *key; /* ours; NULL: none given */
	bool want_key;
	const char *start, *end, *last;
	int64_t from_us, to_us; /* of start and end, if given */
	const char *exporter, *exporter_version, *query;
	int64_t exporter_if; /* -1: any */
	const char *entity;
	char count[64];
	bool sent, received, border;
	int64_t rows; /* -1: not given */
	int64_t slots, width, height;
	bool slices, whole, verbose;
	enum output output;
	const char *picture, *parquet;
	enum act act;
	const char *act_user, *act_text;
	char *act_password;
	bool alerts;
	const char *alert_user, *alert_span;
};

/* -1: go on; else the exit code, all having been said */
int options_parse(struct options *o, const char *tool, int argc, char **argv);
/* wipes and frees the secrets in it */
void options_free(struct options *o);
/* "options" as -h prints them, or as the list of a man page (mdoc) */
void options_help(char letter, FILE *to);
void options_man(char letter, FILE *to);
/* Wrong usage: one line, and where to read on.  Returns EXIT_USAGE. */
int options_wrong(const struct options *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* From the terminal without echo, or a line of standard input if there is no terminal; NULL: none. */
char *options_ask_secret(const char *prompt);
/* a line of standard input, without its end; NULL: none */
char *options_read_line(void);

#endif
