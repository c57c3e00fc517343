/*
 * conf.c - reads flowtrove.conf (conf.h).  One row of config.def is one setting: its kind says how the text is
 * read, its bounds what is refused.  All problems of a file are collected before anything is used.
 */
#include "common/conf.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf_words.h"
#include "common/log.h"

enum kind { UINT, SECS, BOOL, STR, PATH, PORTS, LEVEL, LIST, ELEMENTS, TARGETS };
enum { LIVE = 1, RESTART = 0, LIST_MAX = 256, LINE_MAX_BYTES = 4096 };

struct row {
	const char *section, *key;
	enum kind kind;
	const char *fallback;
	uint64_t min, max;
	bool live;
	const char *help;
};
static const struct row rows[CONF_KEYS] = {
#define CONF(section, key, kind, fallback, min, max, reload, help)                                           \
	{#section, #key, kind, fallback, min, max, reload, help},
#define CONF_IGNORED(section, key, note)
#include "common/config.def"
#undef CONF
#undef CONF_IGNORED
};
static const struct {
	const char *section, *key, *note;
} ignored[] = {
#define CONF(section, key, kind, fallback, min, max, reload, help)
#define CONF_IGNORED(section, key, note) {#section, #key, note},
#include "common/config.def"
#undef CONF
#undef CONF_IGNORED
};

struct value {
	char *text; /* as written; PATH: absolute */
	uint64_t number;
	char **words;
	unsigned n;
	unsigned line; /* 0: the default */
};
struct conf {
	char *path, *folder, *userdata;
	struct value value[CONF_KEYS];
};

/* ---- problems --------------------------------------------------------------------------------- */

struct reader {
	struct conf *c;
	struct conf_problems *p;
	const char *path;
	unsigned line;
	char section[128];
};

static void __attribute__((format(printf, 3, 4))) problem(struct reader *r, bool error, const char *fmt, ...)
{
	char text[600];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	size_t was = r->p->text ? strlen(r->p->text) : 0, room = was + strlen(text) + strlen(r->path) + 40;
	char *t = realloc(r->p->text, room);
	if (t == NULL)
		return;
	r->p->text = t;
	if (r->line)
		snprintf(t + was, room - was, "%s:%u: %s\n", r->path, r->line, text);
	else
		snprintf(t + was, room - was, "%s: %s\n", r->path, text);
	if (error)
		r->p->errors++;
	else
		r->p->notes++;
}

void
conf_problems_free(struct conf_problems *p)
{
	free(p->text);
	*p = (struct conf_problems){0};
}

/* letters to change, insert or drop to get from a to b; both short */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[64], n = (unsigned)strlen(b);
	if (n > 62 || strlen(a) > 62)
		return 99;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			unsigned change = diagonal + (tolower((unsigned char)a[i - 1]) !=
							     tolower((unsigned char)b[j - 1]));
			diagonal = row[j];
			unsigned least = row[j] + 1 < row[j - 1] + 1 ? row[j] + 1 : row[j - 1] + 1;
			row[j] = least < change ? least : change;
		}
	}
	return row[n];
}

static void
place(const struct row *row, char *out, size_t size)
{
	if (row->section[0])
		snprintf(out, size, "%s in <%s>", row->key, row->section);
	else
		snprintf(out, size, "%s at the top level", row->key);
}

static void
unknown(struct reader *r, const char *key)
{
	const struct row *best = NULL;
	unsigned least = 4;
	char where[160];
	for (unsigned i = 0; i < CONF_KEYS; i++) {
		unsigned d = distance(key, rows[i].key);
		if (d < least || (d == least && best && strcmp(rows[i].section, r->section) == 0)) {
			least = d;
			best = &rows[i];
		}
	}
	if (best == NULL) {
		problem(r, true, "unknown key '%s'%s%s%s (`ft-config example` prints all keys)", key,
			r->section[0] ? " in <" : "", r->section, r->section[0] ? ">" : "");
		return;
	}
	place(best, where, sizeof where);
	problem(r, true, "unknown key '%s'%s%s%s; there is %s", key, r->section[0] ? " in <" : "", r->section,
		r->section[0] ? ">" : "", where);
}

/* ---- values ----------------------------------------------------------------------------------- */

static int
read_number(const char *text, bool seconds, uint64_t *out)
{
	static const struct {
		char suffix;
		bool seconds;
		uint64_t times;
	} unit[] = {{'K', false, 1u << 10}, {'M', false, 1u << 20}, {'G', false, 1u << 30},
		{'T', false, 1ull << 40}, {'s', true, 1}, {'m', true, 60}, {'h', true, 3600},
		{'d', true, 86400}};
	char *end;
	if (!isdigit((unsigned char)text[0]))
		return FT_EINVAL;
	errno = 0;
	unsigned long long v = strtoull(text, &end, 10);
	uint64_t times = 1;
	if (errno)
		return FT_EINVAL;
	if (*end) {
		times = 0;
		for (unsigned i = 0; i < sizeof unit / sizeof unit[0]; i++)
			if (unit[i].seconds == seconds &&
				(seconds ? *end == unit[i].suffix
					 : toupper((unsigned char)*end) == unit[i].suffix))
				times = unit[i].times;
		if (times == 0 || end[1])
			return FT_EINVAL;
	}
	if (v > UINT64_MAX / times)
		return FT_EINVAL;
	*out = v * times;
	return 0;
}

static int
split(struct value *v, const char *text)
{
	char *copy = strdup(text), *at = copy;
	v->words = calloc(LIST_MAX, sizeof *v->words);
	if (copy == NULL || v->words == NULL) {
		free(copy);
		return FT_ENOMEM;
	}
	while (*(at += strspn(at, " \t,"))) {
		size_t n = strcspn(at, " \t,");
		if (v->n == LIST_MAX)
			break;
		v->words[v->n] = strndup(at, n);
		if (v->words[v->n++] == NULL)
			break;
		at += n;
	}
	bool whole = *at == 0;
	free(copy);
	return whole ? 0 : FT_EFULL;
}

static int
read_ports(struct reader *r, const struct row *row, struct value *v)
{
	if (split(v, v->text) != 0 || v->n > row->max) {
		problem(r, true, "%s takes at most %llu ports", row->key, (unsigned long long)row->max);
		return FT_EINVAL;
	}
	for (unsigned i = 0; i < v->n; i++) {
		uint64_t port;
		if (read_number(v->words[i], false, &port) != 0 || port < 1 || port > 65535) {
			problem(r, true, "%s: '%s' is no port (1 to 65535)", row->key, v->words[i]);
			return FT_EINVAL;
		}
		for (unsigned j = 0; j < i; j++)
			if (strcmp(v->words[i], v->words[j]) == 0) {
				problem(r, true, "%s: port %s stands there twice", row->key, v->words[i]);
				return FT_EINVAL;
			}
	}
	return 0;
}

static int
read_words(struct reader *r, const struct row *row, struct value *v)
{
	char host[256], port[8];
	unsigned most = row->max ? (unsigned)row->max : LIST_MAX;
	int rc = split(v, v->text);
	if (rc != 0 || v->n > most) {
		problem(r, true, "%s takes at most %u words", row->key, most);
		return FT_EINVAL;
	}
	for (unsigned i = 0; i < v->n; i++)
		if (row->kind == ELEMENTS && !conf_words_element(v->words[i])) {
			problem(r, true,
				"%s: no information element is called '%s'; give its IANA name, a vendor's, "
				"or PEN.ID",
				row->key, v->words[i]);
			rc = FT_EINVAL;
		} else if (row->kind == TARGETS &&
			   !conf_words_target(v->words[i], host, sizeof host, port, sizeof port)) {
			problem(r, true,
				"%s: '%s' is not HOST:PORT, as in 192.0.2.7:2055 or [2001:db8::7]:2055",
				row->key, v->words[i]);
			rc = FT_EINVAL;
		}
	return rc;
}

/* v->text is set; fill in the rest or report */
static int
read_value(struct reader *r, const struct row *row, struct value *v)
{
	enum log_level level;
	switch (row->kind) {
	case UINT:
	case SECS:
		if (read_number(v->text, row->kind == SECS, &v->number) != 0 || v->number < row->min ||
			v->number > row->max) {
			problem(r, true, "%s: '%s' is no %s from %llu to %llu", row->key, v->text,
				row->kind == SECS ? "time in seconds (or with s, m, h, d)"
						  : "number (K, M, G, T allowed)",
				(unsigned long long)row->min, (unsigned long long)row->max);
			return FT_EINVAL;
		}
		return 0;
	case BOOL:
		v->number = strcasecmp(v->text, "yes") == 0 || strcasecmp(v->text, "on") == 0 ||
			    strcmp(v->text, "1") == 0 || strcasecmp(v->text, "true") == 0;
		if (!v->number && strcasecmp(v->text, "no") != 0 && strcasecmp(v->text, "off") != 0 &&
			strcmp(v->text, "0") != 0 && strcasecmp(v->text, "false") != 0) {
			problem(r, true, "%s: '%s' is neither yes nor no", row->key, v->text);
			return FT_EINVAL;
		}
		return 0;
	case LEVEL:
		if (log_level_parse(v->text, &level) != 0) {
			problem(r, true, "%s: '%s' is none of ALWAYS, CRITICAL, HIGH, MEDIUM, LOW", row->key,
				v->text);
			return FT_EINVAL;
		}
		v->number = level;
		return 0;
	case PORTS:
		return read_ports(r, row, v);
	case LIST:
	case ELEMENTS:
	case TARGETS:
		return read_words(r, row, v);
	case PATH:
		if (v->text[0] && v->text[0] != '/') {
			char *joined;
			if (asprintf(&joined, "%s/%s", r->c->folder, v->text) < 0)
				return FT_ENOMEM;
			free(v->text);
			v->text = joined;
		}
		return 0;
	case STR:
		return 0;
	}
	return 0;
}

static void
value_clear(struct value *v)
{
	free(v->text);
	for (unsigned i = 0; i < v->n; i++)
		free(v->words[i]);
	free(v->words);
	*v = (struct value){0};
}

static void
set(struct reader *r, const char *key, const char *text)
{
	for (unsigned i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
		if (strcasecmp(ignored[i].key, key) == 0 &&
			(strcmp(ignored[i].section, r->section) == 0 || strcmp(key, "license") == 0)) {
			problem(r, false, "note: %s is ignored: %s", key, ignored[i].note);
			return;
		}
	for (unsigned i = 0; i < CONF_KEYS; i++) {
		struct value *v = &r->c->value[i];
		if (strcasecmp(rows[i].key, key) != 0 || strcasecmp(rows[i].section, r->section) != 0)
			continue;
		if (v->line) {
			problem(r, true, "%s stands there twice; the first is in line %u", key, v->line);
			return;
		}
		value_clear(v);
		v->line = r->line;
		if ((v->text = strdup(text)) != NULL)
			(void)read_value(r, &rows[i], v); /* reported there */
		return;
	}
	unknown(r, key);
}

/* ---- the file --------------------------------------------------------------------------------- */

static void
open_section(struct reader *r, const char *name)
{
	size_t n = strlen(r->section);
	for (unsigned i = 0; i < CONF_KEYS; i++) {
		const char *s = rows[i].section;
		if (strncasecmp(s, r->section, n) == 0 && (n == 0 || s[n] == '/') &&
			strncasecmp(s + n + (n ? 1 : 0), name, strlen(name)) == 0) {
			snprintf(r->section + n, sizeof r->section - n, "%s%s", n ? "/" : "", name);
			for (char *p = r->section; *p; p++)
				*p = (char)tolower((unsigned char)*p);
			return;
		}
	}
	problem(r, true, "unknown section <%s>%s%s%s", name, n ? " in <" : "", r->section, n ? ">" : "");
	snprintf(r->section + n, sizeof r->section - n, "%s%s", n ? "/" : "", name);
}

static void
close_section(struct reader *r, const char *name)
{
	char *last = strrchr(r->section, '/');
	const char *innermost = last ? last + 1 : r->section;
	if (strcasecmp(innermost, name) != 0) {
		problem(r, true, r->section[0] ? "</%s> does not close <%s>" : "</%s> closes nothing", name,
			innermost);
		return;
	}
	*(last ? last : r->section) = 0;
}

/* cut a comment off: a # that is not inside quotes */
static void
strip(char *s)
{
	bool quoted = false;
	for (char *p = s; *p; p++) {
		if (*p == '"')
			quoted = !quoted;
		else if (*p == '#' && !quoted) {
			*p = 0;
			break;
		}
	}
	size_t n = strlen(s);
	while (n && isspace((unsigned char)s[n - 1]))
		s[--n] = 0;
}

static void
read_line(struct reader *r, char *line)
{
	strip(line);
	char *s = line + strspn(line, " \t");
	size_t n = strlen(s);
	if (n == 0)
		return;
	if (s[0] == '<') {
		if (s[n - 1] != '>') {
			problem(r, true, "'%s': a section is <name> or </name>, alone on its line", s);
			return;
		}
		s[n - 1] = 0;
		if (s[1] == '/')
			close_section(r, s + 2);
		else
			open_section(r, s + 1);
		return;
	}
	char *value = s + strcspn(s, " \t=");
	if (*value) {
		*value++ = 0;
		value += strspn(value, " \t=");
	}
	n = strlen(value);
	if (n >= 2 && value[0] == '"' && value[n - 1] == '"') {
		value[n - 1] = 0;
		value++;
	} else if (n == 0) {
		problem(r, true, "%s has no value (a value may be \"\")", s);
		return;
	}
	set(r, s, value);
}

static void
read_file(struct reader *r, FILE *f)
{
	char line[LINE_MAX_BYTES];
	while (fgets(line, sizeof line, f)) {
		r->line++;
		if (strchr(line, '\n') == NULL && !feof(f)) {
			problem(r, true, "a line has at most %d characters", LINE_MAX_BYTES - 2);
			break;
		}
		read_line(r, line);
	}
	if (r->section[0])
		problem(r, true, "<%s> is not closed at the end of the file", r->section);
}

static int
start(struct conf *c, const char *path)
{
	char *absolute = path ? realpath(path, NULL) : strdup("/etc/flowtrove/flowtrove.conf");
	if (absolute == NULL)
		absolute = strdup(path);
	if (absolute == NULL)
		return FT_ENOMEM;
	c->path = absolute;
	char *slash = strrchr(absolute, '/');
	c->folder =
		slash ? strndup(absolute, slash == absolute ? 1 : (size_t)(slash - absolute)) : strdup(".");
	return c->folder ? 0 : FT_ENOMEM;
}

static void
finish(struct reader *r)
{
	struct conf *c = r->c;
	r->line = 0;
	for (unsigned i = 0; i < CONF_KEYS; i++) {
		struct value *v = &c->value[i];
		if (v->text == NULL && (v->text = strdup(rows[i].fallback)) != NULL && rows[i].fallback[0])
			(void)read_value(r, &rows[i], v);
	}
	const char *stated = conf_str(c, CONF_userdata_userdatapath),
		   *database = conf_str(c, CONF_storage_databasepath);
	const char *slash = strrchr(database, '/');
	if (stated[0])
		c->userdata = strdup(stated);
	else if (asprintf(&c->userdata, "%.*s/USERDATA", (int)(slash ? slash - database : 0), database) < 0)
		c->userdata = NULL;
}

struct conf *
conf_load(const char *path, struct conf_problems *p)
{
	struct conf_problems ignored_problems = {0};
	struct conf *c = calloc(1, sizeof *c);
	struct reader r = {.c = c, .p = p ? p : &ignored_problems, .path = path ? path : "defaults"};
	*r.p = (struct conf_problems){0};
	if (c == NULL || start(c, path) != 0) {
		problem(&r, true, "out of memory");
		conf_free(c);
		return NULL;
	}
	if (path) {
		FILE *f = fopen(path, "re");
		if (f == NULL)
			problem(&r, true, "can't be read: %s", strerror(errno));
		else {
			read_file(&r, f);
			fclose(f);
		}
	}
	if (r.p->errors == 0)
		finish(&r);
	if (r.p->errors) {
		conf_free(c);
		c = NULL;
	}
	if (p == NULL)
		conf_problems_free(&ignored_problems);
	return c;
}

void
conf_free(struct conf *c)
{
	if (c == NULL)
		return;
	for (unsigned i = 0; i < CONF_KEYS; i++)
		value_clear(&c->value[i]);
	free(c->path);
	free(c->folder);
	free(c->userdata);
	free(c);
}

/* ---- asking ----------------------------------------------------------------------------------- */

uint64_t
conf_uint(const struct conf *c, enum conf_key key)
{
	return c->value[key].number;
}
bool
conf_bool(const struct conf *c, enum conf_key key)
{
	return c->value[key].number != 0;
}
const char *
conf_str(const struct conf *c, enum conf_key key)
{
	return c->value[key].text ? c->value[key].text : "";
}
unsigned
conf_list(const struct conf *c, enum conf_key key, const char *const **words)
{
	*words = (const char *const *)c->value[key].words;
	return c->value[key].n;
}
unsigned
conf_port(const struct conf *c, enum conf_key key, unsigned i)
{
	return i < c->value[key].n ? (unsigned)strtoul(c->value[key].words[i], NULL, 10) : 0;
}
const char *
conf_path(const struct conf *c)
{
	return c->path;
}
const char *
conf_userdata(const struct conf *c)
{
	return c->userdata ? c->userdata : "";
}

const char *
conf_name(enum conf_key key)
{
	static char name[CONF_KEYS][64];
	if (name[key][0] == 0)
		snprintf(name[key], sizeof name[key], "%s%s%s", rows[key].section,
			rows[key].section[0] ? "/" : "", rows[key].key);
	return name[key];
}

void
conf_diff(const struct conf *was, const struct conf *now, void (*f)(void *ctx, enum conf_key key, bool live),
	void *ctx)
{
	for (unsigned i = 0; i < CONF_KEYS; i++)
		if (strcmp(conf_str(was, i), conf_str(now, i)) != 0)
			f(ctx, i, rows[i].live);
}

/* ---- printing --------------------------------------------------------------------------------- */

static void
print_rows(FILE *to, void (*section)(FILE *, const char *, bool), void (*one)(FILE *, const struct row *))
{
	const char *at = "";
	for (unsigned i = 0; i < CONF_KEYS; i++) {
		if (strcmp(rows[i].section, at) != 0) {
			if (at[0])
				section(to, at, false);
			at = rows[i].section;
			section(to, at, true);
		}
		one(to, &rows[i]);
	}
	if (at[0])
		section(to, at, false);
}

static void
example_section(FILE *to, const char *name, bool begin)
{
	fprintf(to, begin ? "\n<%s>\n" : "</%s>\n", name);
}
static void
example_row(FILE *to, const struct row *r)
{
	const char *tab = r->section[0] ? "\t" : "";
	bool quote = r->fallback[0] == 0 || (strchr(r->fallback, ' ') && r->kind == STR);
	fprintf(to, "%s# %s%s\n%s#%s %s%s%s\n", tab, r->help, r->live ? "" : " (needs a restart)", tab,
		r->key, quote ? "\"" : "", r->fallback, quote ? "\"" : "");
}
void
conf_print_example(FILE *to)
{
	fprintf(to, "# flowtrove.conf: every setting with its default; take the # away to change one.\n");
	print_rows(to, example_section, example_row);
}

static void
man_section(FILE *to, const char *name, bool begin)
{
	if (begin)
		fprintf(to, ".El\n.Ss <%s>\n.Bl -tag -width Ds\n", name);
}
static void
man_row(FILE *to, const struct row *r)
{
	static const char *const kind[] = {"number", "time in seconds, or with s, m, h, d", "yes or no",
		"text", "path", "ports", "level", "words", "elements", "targets"};
	fprintf(to, ".It Cm %s Ar %s\n%c%s.\n", r->key, kind[r->kind], toupper((unsigned char)r->help[0]),
		r->help + 1);
	if (r->fallback[0])
		fprintf(to, "Default: %s.\n", r->fallback);
	if (r->kind == UINT || r->kind == SECS)
		fprintf(to, "From %llu to %llu.\n", (unsigned long long)r->min, (unsigned long long)r->max);
	if (!r->live)
		fprintf(to, "A change needs a restart.\n");
}
void
conf_print_man(FILE *to)
{
	fprintf(to,
		".Dd November 24, 2026\n.Dt FLOWTROVE.CONF 5\n.Os\n.Sh NAME\n.Nm flowtrove.conf\n.Nd "
		"configuration of "
		"Flowtrove\n.Sh DESCRIPTION\nLines of\n.Ql key value\nand sections\n.Ql <name> ... </name> "
		";\n.Ql #\n"
		"begins a comment.\nAn unknown key, a bad value or a duplicate is reported with file and "
		"line, and nothing "
		"is applied.\nSIGHUP applies what can change while running.\nRelative paths start at the "
		"file's folder.\n"
		".Ss Top level\n.Bl -tag -width Ds\n");
	print_rows(to, man_section, man_row);
	fprintf(to, ".El\n.Sh SEE ALSO\n.Xr ft-config 1\n");
}
