/*
 * service_ports.h - which ports are services: below 1024, or named in servicesfile and below 32768 (the ephemeral
 * range is never evidence).  /etc/services form: `name port/proto [aliases] # comment`.
 */
#ifndef FT_TRACKER_SERVICE_PORTS_H
#define FT_TRACKER_SERVICE_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

enum { SERVICES_WELL_KNOWN = 1024, SERVICES_EPHEMERAL = 32768 };

struct service_ports {
	uint64_t tcp[SERVICES_EPHEMERAL / 64], udp[SERVICES_EPHEMERAL / 64];
	uint64_t any[SERVICES_EPHEMERAL / 64]; /* named for whatever protocol: for those but TCP and UDP */
	uint32_t named;
};

/* Ports below 1024 only, until a file is read. */
void service_ports_init(struct service_ports *s);
/* FT_ESYS if the file can't be read (then s is as service_ports_init left it); lines that are not of the form are
 * passed over, as everyone does who reads /etc/services. */
int service_ports_load(struct service_ports *s, const char *path, struct err *err);

static inline bool
service_ports_has(const struct service_ports *s, uint8_t proto, uint16_t port)
{
	if (port >= SERVICES_EPHEMERAL)
		return false;
	const uint64_t *map = proto == 6 ? s->tcp : proto == 17 ? s->udp : s->any;
	return map[port >> 6] >> (port & 63) & 1;
}

#endif
