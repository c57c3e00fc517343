/* picture.c - the chart of `ftstat -g` out of a view's answer (view.h). */
#include <stdlib.h>
#include <string.h>

#include "cli/view.h"
#include "common/timeframe.h"
#include "render/chart.h"

/* an array of numbers; divide: BITS come as bits, and the chart wants bytes */
static double *
values(const json_t *series, unsigned slots, double divide)
{
	double *out = calloc(slots ? slots : 1, sizeof *out);
	CHECK(out != NULL);
	for (unsigned i = 0; i < slots; i++)
		out[i] = json_number_value(json_array_get(series, i)) / divide;
	return out;
}

static enum chart_unit
unit_of(const char *count)
{
	return strcmp(count, "BYTES") == 0      ? CHART_BYTES
	       : strcmp(count, "BITS") == 0     ? CHART_BITS
	       : strcmp(count, "PACKETS") == 0  ? CHART_PACKETS
	       : strcmp(count, "SESSIONS") == 0 ? CHART_SESSIONS
						: CHART_COUNT;
}

/* rows beyond what a chart can tell apart go into "other" */
static void
add_rest(double *other, double *total, const json_t *rows, size_t from, unsigned slots, double divide)
{
	for (size_t i = from; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i), *series = json_object_get(row, "series");
		*total += json_number_value(json_object_get(row, "value")) / divide;
		for (unsigned k = 0; k < slots; k++)
			other[k] += json_number_value(json_array_get(series, k)) / divide;
	}
}

int
view_picture(const struct options *o, const json_t *view)
{
	enum { SHOWN = 15, LABEL = 160 };
	char title[160], subtitle[400], from[TIMEFRAME_TEXT], until[TIMEFRAME_TEXT], label[SHOWN][LABEL];
	const json_t *rows = json_object_get(view, "rows"), *other = json_object_get(view, "other");
	const char *count = json_string_value(json_object_get(view, "count"));
	const char *filter = json_string_value(json_object_get(view, "filter"));
	struct chart c = {.width = (unsigned)o->width, .height = (unsigned)o->height};
	struct err err = {0};
	c.unit = unit_of(count ? count : "");
	double divide = c.unit == CHART_BITS ? 8 : 1;
	c.from_us = json_integer_value(json_object_get(view, "from_us"));
	c.to_us = json_integer_value(json_object_get(view, "to_us"));
	c.complete_until_us = json_integer_value(json_object_get(view, "complete_until_us"));
	c.slots = (unsigned)json_integer_value(json_object_get(view, "slots"));
	c.n = (unsigned)json_array_size(rows) < SHOWN ? (unsigned)json_array_size(rows) : SHOWN;
	view_title(view, title, sizeof title);
	timeframe_print(c.from_us, NULL, from);
	timeframe_print(c.to_us, NULL, until);
	from[17] = until[17] = 0; /* whole seconds */
	snprintf(subtitle, sizeof subtitle, "%s to %s%s%s", from, until, filter && filter[0] ? "   " : "",
		filter ? filter : "");
	c.title = title;
	c.subtitle = subtitle;
	for (unsigned i = 0; i < c.n; i++) {
		const json_t *row = json_array_get(rows, i);
		const char *name = json_string_value(json_object_get(row, "label"));
		view_key(row, " ↔ ", label[i], LABEL);
		size_t n = strlen(label[i]);
		if (name && name[0])
			snprintf(label[i] + n, LABEL - n, " %s", name);
		c.series[i] = (struct chart_series){label[i],
			values(json_object_get(row, "series"), c.slots, divide),
			json_number_value(json_object_get(row, "value")) / divide};
	}
	double *rest = values(json_object_get(other, "series"), c.slots, divide);
	c.other_total = json_number_value(json_object_get(other, "value")) / divide;
	add_rest(rest, &c.other_total, rows, c.n, c.slots, divide);
	if (c.other_total > 0)
		c.other = rest;
	int rc = chart_write(&c, o->picture, &err);
	if (rc != 0)
		fprintf(stderr, "%s: %s\n", o->tool, err.text);
	for (unsigned i = 0; i < c.n; i++)
		free((double *)(uintptr_t)c.series[i].value);
	free(rest);
	return rc == 0 ? EXIT_GOOD : rc == FT_EINVAL ? EXIT_USAGE : EXIT_FAILED;
}
