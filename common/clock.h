/*
 * clock.h - four kinds of time that must not mix, as four types.
 *   mono_t    monotonic nanoseconds of this machine: ticks, deadlines
 *   wall_t    microseconds since 1970 UTC: stored times
 *   uptime_t  an exporter's milliseconds since its boot, modulo 2^32
 *   span_t    a duration in microseconds
 */
#ifndef FT_CLOCK_H
#define FT_CLOCK_H

#include <stdint.h>
#include <time.h>

typedef struct { int64_t ns; } mono_t;
typedef struct { int64_t us; } wall_t;
typedef struct { uint32_t ms; } uptime_t;
typedef struct { int64_t us; } span_t;

static inline mono_t
mono_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (mono_t){(int64_t)t.tv_sec * 1000000000 + t.tv_nsec};
}
static inline wall_t
wall_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (wall_t){(int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000};
}
static inline mono_t
mono_after(mono_t t, span_t d)
{
	return (mono_t){t.ns + d.us * 1000};
}
static inline span_t
mono_since(mono_t now, mono_t then)
{
	return (span_t){(now.ns - then.ns) / 1000};
}
static inline span_t
span_seconds(int64_t s)
{
	return (span_t){s * 1000000};
}
/* Absolute time of an uptime-relative stamp (RFC 3954 section 8): the difference to the header's uptime is
 * signed 32 bits, so it survives both the wrap at 49.7 days and a stamp slightly after the header. */
static inline wall_t
uptime_to_wall(wall_t header_wall, uptime_t header_uptime, uptime_t stamp)
{
	return (wall_t){header_wall.us - (int64_t)(int32_t)(header_uptime.ms - stamp.ms) * 1000};
}

#endif
