/* services.c - see services.h */
#include "tracker/services.h"

#include <stdio.h>
#include <string.h>

static void
set(uint64_t *map, unsigned port)
{
	map[port >> 6] |= UINT64_C(1) << (port & 63);
}

void
services_init(struct services *s)
{
	memset(s, 0, sizeof *s);
	for (unsigned port = 0; port < SERVICES_WELL_KNOWN; port++) {
		set(s->tcp, port);
		set(s->udp, port);
		set(s->any, port);
	}
}

static void
take_line(struct services *s, const char *line)
{
	char name[64], proto[16];
	unsigned port;
	if (*line == '#' || sscanf(line, "%63s %u/%15[a-zA-Z0-9-]", name, &port, proto) != 3 || *name == '#')
		return;
	if (port >= SERVICES_EPHEMERAL)
		return;
	if (strcmp(proto, "tcp") == 0)
		set(s->tcp, port);
	else if (strcmp(proto, "udp") == 0)
		set(s->udp, port);
	set(s->any, port);
	s->named++;
}

int
services_load(struct services *s, const char *path, struct err *err)
{
	services_init(s);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return err_sys(err, "can't read servicesfile %s (ports below 1024 count as services)", path);
	char line[1024];
	bool whole = true; /* the line before ended: this is the start of one */
	while (fgets(line, sizeof line, f)) {
		if (whole)
			take_line(s, line);
		whole = strchr(line, '\n') != NULL;
	}
	bool bad = ferror(f) != 0;
	fclose(f);
	if (bad)
		return err_sys(err, "can't read servicesfile %s to its end", path);
	return FT_OK;
}
