/*
 * timeframe.h - what people write for times and frames, as microseconds since 1970 UTC.
 *
 * A time: MM/DD/YY hh:mm:ss.frac (the manual's; a year of two digits is 1970 to 2069, four are taken too; seconds,
 *   fraction and the time of day may be left out), ISO 8601 (2013-11-05T10:15:00.25Z, an offset or none, space for the
 *   T), microseconds since 1970 as a bare number, or "now".  Without an offset of its own it is in `zone`.
 * A span: [-]1y2M3w4d5h6m7s, units from large to small, each at most once; y is 365 days, M 30 days.
 * A frame: a span (up to now), or this|last hour|day|week|month|year, today, yesterday; weeks begin on Sunday.
 *   "this …" ends now.
 */
#ifndef FT_TIMEFRAME_H
#define FT_TIMEFRAME_H

#include <stdint.h>

#include "common/err.h"
#include "common/tz.h"

/* FT_EINVAL: err says what was expected.  zone NULL: this process's own. */
int timeframe_time(const char *text, const struct tz *zone, int64_t now_us, int64_t *us, struct err *err);
int timeframe_span(const char *text, int64_t *us, struct err *err);
int timeframe_frame(const char *text, const struct tz *zone, int64_t now_us, int64_t *from_us, int64_t *to_us,
	struct err *err);

/* "11/05/13 10:15:00.250000" in the zone; room for 32 characters */
enum { TIMEFRAME_TEXT = 32 };
void timeframe_print(int64_t us, const struct tz *zone, char out[TIMEFRAME_TEXT]);
/* "1w2d", "15m", "0.25s": for people; room for 40 characters */
void timeframe_print_span(int64_t us, char out[40]);

#endif
