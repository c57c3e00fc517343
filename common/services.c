/* services.c - see services.h */
#include "common/services.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/names.h"

enum { MOST = 65536, LINE_MOST = 512 };

struct service {
	uint16_t port;
	uint8_t proto;
	bool other; /* another name of the row with the same number */
	uint32_t order;
	char *name;
};
struct services {
	struct service *row;
	unsigned n, room;
};

static bool
add(struct services *s, const char *name, uint16_t port, uint8_t proto, bool other)
{
	if (s->n == MOST)
		return true;
	if (s->n == s->room) {
		unsigned room = s->room ? s->room * 2 : 512;
		struct service *row = realloc(s->row, room * sizeof *row);
		if (row == NULL)
			return false;
		s->row = row;
		s->room = room;
	}
	s->row[s->n] = (struct service){port, proto, other, s->n, strdup(name)};
	return s->row[s->n++].name != NULL;
}

/* "name 80/tcp other names # comment"; lines that are not so are passed over */
static bool
read_line(struct services *s, char *line)
{
	char *save, *hash = strchr(line, '#');
	if (hash != NULL)
		*hash = 0;
	char *name = strtok_r(line, " \t\r\n", &save),
	     *number = name ? strtok_r(NULL, " \t\r\n", &save) : NULL;
	if (number == NULL)
		return true;
	char *slash;
	unsigned long port = strtoul(number, &slash, 10);
	uint32_t proto;
	if (slash == number || *slash != '/' || port > 65535 ||
		!names_number(NAMES_PROTOCOL, slash + 1, &proto))
		return true;
	if (!add(s, name, (uint16_t)port, (uint8_t)proto, false))
		return false;
	while ((name = strtok_r(NULL, " \t\r\n", &save)) != NULL)
		if (!add(s, name, (uint16_t)port, (uint8_t)proto, true))
			return false;
	return true;
}

static int
by_number(const void *x, const void *y)
{
	const struct service *a = x, *b = y;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	if (a->proto != b->proto)
		return a->proto < b->proto ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static int
no_memory(struct services **out, FILE *f, struct err *err)
{
	services_free(*out);
	*out = NULL;
	if (f != NULL)
		(void)fclose(f);
	return err_set(err, FT_ENOMEM, "out of memory for names of services");
}

int
services_open(struct services **out, const char *path, struct err *err)
{
	struct services *s = *out = calloc(1, sizeof *s);
	if (s == NULL)
		return no_memory(out, NULL, err);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return err_sys(err, "can't read servicesfile %s", path);
	char line[LINE_MOST];
	bool whole = true; /* the line before ended: this is the start of one */
	while (fgets(line, sizeof line, f) != NULL) {
		bool ends = strchr(line, '\n') != NULL;
		if (whole && !read_line(s, line))
			return no_memory(out, f, err);
		whole = ends;
	}
	bool bad = ferror(f) != 0;
	(void)fclose(f);
	if (s->n > 1)
		qsort(s->row, s->n, sizeof *s->row, by_number);
	return bad ? err_sys(err, "can't read servicesfile %s to its end", path) : FT_OK;
}

struct services *
services_read(const char *path)
{
	struct services *s;
	if (path == NULL || *path == 0)
		return calloc(1, sizeof *s);
	(void)services_open(&s, path, NULL);
	return s;
}

void
services_free(struct services *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->n; i++)
		free(s->row[i].name);
	free(s->row);
	free(s);
}

const char *
services_name(const struct services *s, uint16_t port, uint8_t proto)
{
	unsigned lo = 0, hi = s->n;
	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		const struct service *r = &s->row[mid];
		if (r->port < port || (r->port == port && r->proto < proto))
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < s->n && s->row[lo].port == port && s->row[lo].proto == proto)
		return s->row[lo].name;
	return NULL;
}

bool
services_find(const struct services *s, const char *name, unsigned i, uint16_t *port, uint8_t *proto)
{
	for (unsigned k = 0; k < s->n; k++)
		if (strcasecmp(s->row[k].name, name) == 0 && i-- == 0) {
			*port = s->row[k].port;
			if (proto != NULL)
				*proto = s->row[k].proto;
			return true;
		}
	return false;
}

const char *
services_row(const struct services *s, unsigned i, uint16_t *port, uint8_t *proto)
{
	if (i >= s->n)
		return NULL;
	*port = s->row[i].port;
	*proto = s->row[i].proto;
	return s->row[i].name;
}
