/* conf_edit.c - see conf_edit.h.  Reads lines as conf.c does. */
#include "common/conf_edit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct edit {
	FILE *to;
	const char *section, *key, *value;
	char in[64]; /* the section we are in */
	bool insert; /* it is nowhere: put it where it belongs */
	bool done;
};

static void
write_setting(struct edit *e, const char *indent, size_t n)
{
	fprintf(e->to, "%.*s%s %s", (int)n, indent, e->key, e->value[0] ? e->value : "\"\"");
	e->done = true;
}

/* where a comment begins, or the end */
static size_t
comment_at(const char *line, size_t n)
{
	bool quoted = false;
	for (size_t i = 0; i < n; i++)
		if (line[i] == '"')
			quoted = !quoted;
		else if (line[i] == '#' && !quoted)
			return i;
	return n;
}

/* the blanks before a comment belong to it */
static size_t
blanks_before(const char *line, size_t at)
{
	while (at > 0 && (line[at - 1] == ' ' || line[at - 1] == '\t' || line[at - 1] == '\r'))
		at--;
	return at;
}

static void
section_line(struct edit *e, const char *line, size_t n)
{
	char name[64];
	size_t end = n;
	while (end > 0 && line[end - 1] != '>')
		end--;
	snprintf(name, sizeof name, "%.*s", end > 2 ? (int)end - 2 : 0, line + 1);
	bool closes = name[0] == '/';
	bool top = e->section[0] == 0 &&
		   e->in[0] == 0; /* settings of the top level stand before the first section */
	if (e->insert && !e->done && (top || (closes && strcmp(e->in, e->section) == 0))) {
		write_setting(e, "\t", closes ? 1 : 0);
		fputc('\n', e->to);
	}
	if (closes)
		e->in[0] = 0;
	else
		snprintf(e->in, sizeof e->in, "%s", name);
}

static void
one_line(struct edit *e, const char *line, size_t n)
{
	size_t indent = strspn(line, " \t"), stop = comment_at(line, n);
	indent = indent > n ? n : indent;
	size_t word = strcspn(line + indent, " \t=\n"), left = stop > indent ? stop - indent : 0;
	if (left > 0 && line[indent] == '<')
		section_line(e, line + indent, left);
	else if (!e->done && left > word && word == strlen(e->key) && strcmp(e->in, e->section) == 0 &&
		 memcmp(line + indent, e->key, word) == 0) {
		write_setting(e, line, indent);
		size_t at = stop < n ? blanks_before(line, stop) : n;
		fprintf(e->to, "%.*s\n", (int)(n - at), line + at);
		return;
	}
	fprintf(e->to, "%.*s\n", (int)n, line);
}

/* NULL: no memory, or (not inserting) the setting is nowhere */
static char *
pass(struct edit e, const char *text)
{
	char *out = NULL;
	size_t size;
	e.to = open_memstream(&out, &size);
	if (e.to == NULL)
		return NULL;
	while (*text) {
		size_t n = strcspn(text, "\n");
		one_line(&e, text, n);
		text += n + (text[n] == '\n');
	}
	if (!e.done && e.insert && e.section[0]) {
		fprintf(e.to, "<%s>\n", e.section);
		write_setting(&e, "\t", 1);
		fprintf(e.to, "\n</%s>\n", e.section);
	} else if (!e.done && e.insert) {
		write_setting(&e, "", 0);
		fputc('\n', e.to);
	}
	if (fclose(e.to) == 0 && e.done)
		return out;
	free(out);
	return NULL;
}

char *
conf_edit(const char *text, const char *section, const char *key, const char *value)
{
	struct edit e = {.section = section, .key = key, .value = value};
	char *out = pass(e, text);
	e.insert = true;
	return out ? out : pass(e, text);
}
