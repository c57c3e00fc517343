/*
 * interface_file.c - names of interfaces that an administrator wrote down: setting netflow/interfacesfile.
 *
 *   EXPORTER INDEX NAME [SPEED [DESCRIPTION]]
 *
 * Words may stand in "…"; `-` for what is not said; # begins a comment.  What the file says goes before what the
 * exporter or SNMP says, and is true from the moment it is read, or always if nothing was known before.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/clock.h"
#include "ingest/interface.h"

enum { WORDS = 6, LINE = 1024 };

/* words of a line, in place; -1: a quote is not closed, or there are too many */
static int
split(char *s, char *word[WORDS])
{
	int n = 0;
	for (;;) {
		s += strspn(s, " \t\r\n");
		if (*s == 0 || *s == '#')
			return n;
		if (n == WORDS)
			return -1;
		if (*s == '"') {
			word[n++] = ++s;
			s = strchr(s, '"');
			if (s == NULL)
				return -1;
		} else {
			word[n++] = s;
			s += strcspn(s, " \t\r\n");
		}
		if (*s)
			*s++ = 0;
	}
}

static const uint8_t *
said(const char *word, size_t *n)
{
	*n = strlen(word);
	return strcmp(word, "-") == 0 ? NULL : (const uint8_t *)word;
}

/* NULL, or what is wrong */
static const char *
one_line(struct interface_table *x, char *line, int64_t now_us)
{
	char *word[WORDS], *end;
	uint8_t address[16];
	uint64_t to;
	int n = split(line, word);
	struct interface_says s = {.address = address, .at_us = now_us, .from = FT_FROM_FILE};
	if (n == 0)
		return NULL;
	if (n < 3 || n > 5)
		return "expected EXPORTER INDEX NAME [SPEED [DESCRIPTION]]";
	if (addr_parse(word[0], address) != 0)
		return "the exporter is no address";
	errno = 0;
	unsigned long index = strtoul(word[1], &end, 10);
	if (errno || *end || end == word[1] || index > UINT32_MAX)
		return "the index is no number from 0 to 4294967295";
	s.index = (uint32_t)index;
	s.name = said(word[2], &s.name_n);
	if (n > 3 && strcmp(word[3], "-") != 0 && (!role_speed(word[3], &s.speed, &to) || to != s.speed))
		return "the speed is no number of bits a second such as 10G";
	if (n > 4)
		s.description = said(word[4], &s.description_n);
	return interfaces_learn(x, &s) ? NULL : "there is no room: raise netflow/maxinterfaces";
}

int
interfaces_file(struct interface_table *x, const char *path, struct err *err)
{
	char line[LINE];
	unsigned number = 0;
	int64_t now_us = wall_now().us;
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return err_sys(err, "can't read interfacesfile %s", path);
	interfaces_release(x, FT_FROM_FILE);
	const char *why = NULL;
	while (why == NULL && fgets(line, sizeof line, f)) {
		number++;
		why = strlen(line) == sizeof line - 1 ? "the line is too long" : one_line(x, line, now_us);
	}
	(void)fclose(f);
	interfaces_settle(x);
	return why ? err_set(err, FT_EINVAL, "interfacesfile %s, line %u: %s", path, number, why) : 0;
}
