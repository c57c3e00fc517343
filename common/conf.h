/*
 * conf.h - flowtrove.conf: `key value` lines and <section> … </section>, `#` comments; rows in config.def.
 *
 * An unknown key, a bad value or a duplicate is reported with file, line and what would be right; all
 * problems of a file are collected, and a file with any problem is not applied at all.  A struct conf is
 * immutable: SIGHUP loads a new one, conf_diff tells what changed.
 */
#ifndef FT_CONF_H
#define FT_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"

/* enum conf_key { CONF_instance, …, CONF_netflow_netflowport, …, CONF_KEYS }: generated from config.def into
 * $(BUILD)/gen/conf_keys.h by common/conf_gen.awk, since a section may be empty or hold a slash */
#include "conf_keys.h"

struct conf;

/* Problems of a file, one line a problem: "FILE:LINE: text". */
struct conf_problems {
	char *text; /* malloc'd, NUL terminated; free with conf_problems_free */
	unsigned errors, notes;
};

/* NULL and problems->errors > 0 if the file can't be used.  path NULL: all defaults. */
struct conf *conf_load(const char *path, struct conf_problems *problems);
void conf_problems_free(struct conf_problems *problems);
void conf_free(struct conf *c);

uint64_t conf_uint(const struct conf *c, enum conf_key key); /* UINT, SECS, LEVEL (enum log_level) */
bool conf_bool(const struct conf *c, enum conf_key key);
const char *conf_str(const struct conf *c, enum conf_key key); /* STR, PATH: "" if unset */
unsigned conf_list(const struct conf *c, enum conf_key key, const char *const **words); /* LIST, PORTS */
unsigned conf_port(const struct conf *c, enum conf_key key, unsigned i);
const char *conf_path(const struct conf *c); /* of the file, absolute */

/* Where users and saved things live: userdatapath, or USERDATA beside the database. */
const char *conf_userdata(const struct conf *c);

const char *conf_name(enum conf_key key); /* "netflow/netflowport" */
/* Calls f for every key whose value differs; live says whether the change applies without a restart. */
void conf_diff(const struct conf *was, const struct conf *now,
	void (*f)(void *ctx, enum conf_key key, bool live), void *ctx);
/* All settings with their defaults and help, as an example file / as rows of the man page. */
void conf_print_example(FILE *to);
void conf_print_man(FILE *to);

#endif
