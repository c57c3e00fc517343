/* service_ports.c - see service_ports.h */
#include "tracker/service_ports.h"

#include <string.h>

#include "common/services.h"

static void
set(uint64_t *map, unsigned port)
{
	map[port >> 6] |= UINT64_C(1) << (port & 63);
}

void
service_ports_init(struct service_ports *s)
{
	memset(s, 0, sizeof *s);
	for (unsigned port = 0; port < SERVICES_WELL_KNOWN; port++) {
		set(s->tcp, port);
		set(s->udp, port);
		set(s->any, port);
	}
}

int
service_ports_load(struct service_ports *s, const char *path, struct err *err)
{
	struct services *names;
	uint16_t port;
	uint8_t proto;
	service_ports_init(s);
	int rc = services_open(&names, path, err);
	for (unsigned i = 0; names != NULL && services_row(names, i, &port, &proto) != NULL; i++) {
		if (port >= SERVICES_EPHEMERAL)
			break; /* rows are in order of port */
		if (proto == 6)
			set(s->tcp, port);
		else if (proto == 17)
			set(s->udp, port);
		set(s->any, port);
		s->named++;
	}
	services_free(names);
	return rc;
}
