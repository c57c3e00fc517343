/* Any text as a time, a span, a frame and a time zone: a value within bounds or a sentence; what is a time prints and
 * reads back as itself. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/timeframe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tz *utc, *zone;
	char text[256], printed[TIMEFRAME_TEXT], span[40];
	struct err err = {0};
	int64_t us, again, from, to;
	const int64_t now = 1383646500123456;
	if (utc == NULL)
		CHECK(tz_open(&utc, "UTC", NULL) == 0 && tz_open(&zone, "Europe/Berlin", NULL) == 0);
	if (size >= sizeof text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	if (timeframe_time(text, utc, now, &us, &err) == 0) {
		timeframe_print(us, utc, printed);
		if (us >= 0 && us < 3155760000000000) { /* two digits of a year reach from 1970 to 2069 */
			CHECK(timeframe_time(printed, utc, now, &again, &err) == 0);
			CHECK(again == us);
		}
	} else
		CHECK(err.text[0] != 0);
	if (timeframe_time(text, zone, now, &us, &err) == 0)
		timeframe_print(us, zone, printed);
	if (timeframe_span(text, &us, &err) == 0) {
		CHECK(us > 0);
		timeframe_print_span(us, span);
	}
	if (timeframe_frame(text, zone, now, &from, &to, &err) == 0)
		CHECK(from < to && to <= now);
	struct tz *z;
	if (tz_open(&z, text, &err) == 0) {
		CHECK(tz_offset(z, 1383646500) > -26 * 3600 && tz_offset(z, 1383646500) < 26 * 3600);
		tz_close(z);
	}
	return 0;
}
