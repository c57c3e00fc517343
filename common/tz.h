/*
 * tz.h - time zones by name, several at once and in threads, which the C library can't do.
 * Names are those of the zone database ("Europe/Berlin"), "UTC", "Z", or an offset ("+02:00").
 * A NULL zone means this process's own (TZ, /etc/localtime), through the C library.
 */
#ifndef FT_TZ_H
#define FT_TZ_H

#include <stdint.h>

#include "common/err.h"

struct tz;

/* FT_ENOENT: no such zone.  Reads $TZDIR or /usr/share/zoneinfo (RFC 8536). */
int tz_open(struct tz **out, const char *name, struct err *err);
void tz_close(struct tz *z);
/* seconds east of UTC that are in force at a time (seconds since 1970 UTC) */
int32_t tz_offset(const struct tz *z, int64_t utc_s);
/* UTC of a local time, both in seconds; of a local time that does not exist or exists twice, the one by the
 * offset in force before the change */
int64_t tz_to_utc(const struct tz *z, int64_t local_s);

#endif
