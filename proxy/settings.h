/*
 * settings.h - what flowproxy.conf says (section recursion of common/config.def), read and checked.
 */
#ifndef FT_PROXY_SETTINGS_H
#define FT_PROXY_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf.h"

enum { PROXY_DESTINATIONS = 8 };

struct destination {
	char host[256], port[8];
	bool tls;
};

struct proxy_settings {
	uint8_t guid[16];
	struct destination to[PROXY_DESTINATIONS];
	unsigned n;
	char queuepath[300];
	uint64_t queuesize;
	char cert[300], key[300], ca[300]; /* "": none */
};

/* guid: of the command line, or NULL.  FT_EINVAL: what is wrong, in words. */
int settings_read(struct proxy_settings *s, const struct conf *c, const char *guid, struct err *err);
/* a new one, random (RFC 4122, version 4) */
int settings_guid_new(uint8_t out[16]);

#endif
