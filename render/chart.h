/*
 * chart.h - a stacked chart of a view over time, drawn with Cairo: what `ftstat -g` writes and reports print.
 *
 * The top-ranked series lies at the bottom, "other" on top in grey.  Values are amounts a slot; the chart shows
 * rates a second.  A slot that is not complete yet (from complete_until_us on) is hatched.
 */
#ifndef FT_RENDER_CHART_H
#define FT_RENDER_CHART_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

enum { CHART_SERIES_MAX = 64 };

enum chart_unit { CHART_BYTES, CHART_BITS, CHART_PACKETS, CHART_SESSIONS, CHART_COUNT };

struct chart_series {
	const char *label;    /* UTF-8; cut with an ellipsis where it does not fit */
	const double *value;  /* one a slot: amount in that slot */
	double total;	      /* shown in the legend */
};

struct chart {
	const char *title, *subtitle;	  /* subtitle: filter and time frame; may be NULL */
	int64_t from_us, to_us;		  /* frame, microseconds since 1970 UTC */
	int64_t complete_until_us;	  /* 0: all complete */
	unsigned slots;
	enum chart_unit unit;
	struct chart_series series[CHART_SERIES_MAX];
	unsigned n;			  /* series, best first */
	const double *other;		  /* NULL: none */
	double other_total;
	unsigned width, height;		  /* pixels (points for .svg and .pdf); 0: 1000 x 480 */
};

/* The colour of rank i, 0xRRGGBB; the same list as the interface's. */
uint32_t chart_colour(unsigned i);

/* Draw into `path`; the format is by its ending: .tga .png .svg .pdf.  FT_EINVAL: another ending, nothing to
 * draw; FT_ESYS: can't be written. */
int chart_write(const struct chart *c, const char *path, struct err *err);

/* "1.5 G" - a number with a decimal suffix, for axes and legends; at most 15 characters */
void chart_number(double v, char out[16]);

#endif
