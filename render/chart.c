/*
 * chart.c - layout and drawing of the stacked chart (chart.h).  Pure: data in, picture out; reads no clock but
 * the time zone of the caller for axis labels.
 */
#include "render/chart.h"

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <cairo.h>
#include <math.h>
#include <pango/pangocairo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Colours that stay apart for people with colour-weak eyes, on white and on dark. */
static const uint32_t palette[] = {
	0x3b78c2,
	0xe08a1e,
	0x3f9e5a,
	0xc94f4f,
	0x8464b8,
	0x8a6a52,
	0xd77fb4,
	0x5f7f8c,
	0xb5a62b,
	0x2aa6b0,
	0x7fa8dd,
	0xf0b878,
	0x8ccb98,
	0xe59a9a,
	0xb5a0d8,
	0xbfa594,
};

struct box {
	double x, y, w, h;
};

uint32_t
chart_colour(unsigned i)
{
	return palette[i % (sizeof palette / sizeof palette[0])];
}

void
chart_number(double v, char out[16])
{
	static const char suffix[] = " KMGTPE";
	unsigned s = 0;
	while (fabs(v) >= 999.5 && s < 6) {
		v /= 1000;
		s++;
	}
	if (s == 0)
		snprintf(out, 16, v == floor(v) ? "%.0f" : "%.2g", v);
	else
		snprintf(out, 16, fabs(v) < 9.95 ? "%.1f %c" : "%.0f %c", v, suffix[s]);
}

static void
set_colour(cairo_t *cr, uint32_t rgb, double alpha)
{
	cairo_set_source_rgba(
		cr, (rgb >> 16 & 255) / 255.0, (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0, alpha);
}

/* align: 0 left, 0.5 centre, 1 right of x; returns the width used */
static double
text(cairo_t *cr, double x, double y, double size, double align, double most, bool bold, const char *s)
{
	PangoLayout *l = pango_cairo_create_layout(cr);
	PangoFontDescription *f = pango_font_description_new();
	int w, h;
	pango_font_description_set_family(f, "sans");
	pango_font_description_set_absolute_size(f, size * PANGO_SCALE);
	pango_font_description_set_weight(f, bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
	pango_layout_set_font_description(l, f);
	pango_layout_set_text(l, s, -1);
	if (most > 0) {
		pango_layout_set_width(l, (int)(most * PANGO_SCALE));
		pango_layout_set_ellipsize(l, PANGO_ELLIPSIZE_END);
	}
	pango_layout_get_pixel_size(l, &w, &h);
	cairo_move_to(cr, x - align * w, y - h / 2.0);
	pango_cairo_show_layout(cr, l);
	pango_font_description_free(f);
	g_object_unref(l);
	return w;
}

static double
slot_seconds(const struct chart *c)
{
	double s = (double)(c->to_us - c->from_us) / 1e6 / c->slots;
	return s > 0 ? s : 1;
}

/* what one unit of a series is on the axis: amounts become rates, bytes may become bits */
static double
scale(const struct chart *c)
{
	return (c->unit == CHART_BITS ? 8.0 : 1.0) / slot_seconds(c);
}

static const char *
unit_text(enum chart_unit u)
{
	switch (u) {
	case CHART_BYTES:
		return "bytes/s";
	case CHART_BITS:
		return "bits/s";
	case CHART_PACKETS:
		return "packets/s";
	case CHART_SESSIONS:
		return "sessions/s";
	default:
		return "new/s";
	}
}

static double
highest_stack(const struct chart *c)
{
	double most = 0;
	for (unsigned t = 0; t < c->slots; t++) {
		double sum = c->other ? c->other[t] : 0;
		for (unsigned i = 0; i < c->n; i++)
			sum += c->series[i].value[t];
		most = sum > most ? sum : most;
	}
	return most * scale(c);
}

/* a step of 1, 2 or 5 times a power of ten that gives about `lines` lines */
static double
nice_step(double most, double lines)
{
	if (most <= 0)
		return 1;
	double raw = most / lines, power = pow(10, floor(log10(raw))), m = raw / power;
	return power * (m <= 1 ? 1 : m <= 2 ? 2 : m <= 5 ? 5 : 10);
}

static void
draw_y_axis(cairo_t *cr, const struct chart *c, struct box b, double top, double step)
{
	char label[16];
	cairo_set_line_width(cr, 1);
	for (double v = 0; v <= top + step / 2; v += step) {
		double y = floor(b.y + b.h - v / top * b.h) + 0.5;
		set_colour(cr, 0x000000, v == 0 ? 0.6 : 0.12);
		cairo_move_to(cr, b.x, y);
		cairo_line_to(cr, b.x + b.w, y);
		cairo_stroke(cr);
		set_colour(cr, 0x444444, 1);
		chart_number(v, label);
		text(cr, b.x - 6, y, 11, 1, 0, false, label);
	}
	set_colour(cr, 0x444444, 1);
	text(cr, b.x - 6, b.y - 12, 11, 1, 0, false, unit_text(c->unit));
}

/* time steps that people read, in seconds */
static const int64_t time_steps[] = {1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800,
	21600, 43200, 86400, 172800, 604800, 1209600, 2592000, 7776000, 31536000};

static void
draw_x_axis(cairo_t *cr, const struct chart *c, struct box b)
{
	int64_t span = (c->to_us - c->from_us) / 1000000, step = 0;
	for (unsigned i = 0; i < sizeof time_steps / sizeof time_steps[0]; i++) {
		step = time_steps[i];
		if ((double)span / (double)step <= b.w / 90)
			break;
	}
	time_t begin = (time_t)(c->from_us / 1000000);
	struct tm tm;
	localtime_r(&begin, &tm);
	int64_t offset = tm.tm_gmtoff;
	for (int64_t t = ((begin + offset) / step + 1) * step - offset; t < c->to_us / 1000000; t += step) {
		time_t at = (time_t)t;
		char label[32];
		double x = b.x + (double)(t * 1000000 - c->from_us) / (double)(c->to_us - c->from_us) * b.w;
		localtime_r(&at, &tm);
		strftime(label, sizeof label,
			step < 60                       ? "%H:%M:%S"
			: step < 86400 && span <= 86400 ? "%H:%M"
			: step < 86400                  ? "%d %b %H:%M"
							: "%d %b",
			&tm);
		set_colour(cr, 0x000000, 0.35);
		cairo_move_to(cr, floor(x) + 0.5, b.y + b.h);
		cairo_line_to(cr, floor(x) + 0.5, b.y + b.h + 4);
		cairo_stroke(cr);
		set_colour(cr, 0x444444, 1);
		if (x > b.x + 20 && x < b.x + b.w - 20)
			text(cr, x, b.y + b.h + 13, 11, 0.5, 0, false, label);
	}
}

/* one layer: the area between `below` and below + value, as steps a slot wide; below is moved up */
static void
draw_layer(cairo_t *cr, const struct chart *c, struct box b, double top, const double *value, double *below,
	uint32_t rgb)
{
	double w = b.w / c->slots, k = scale(c) * b.h / top, floor_y = b.y + b.h;
	for (unsigned t = 0; t < c->slots; t++) {
		double y = floor_y - (below[t] + value[t]) * k;
		if (t == 0)
			cairo_move_to(cr, b.x, y);
		cairo_line_to(cr, b.x + w * t, y);
		cairo_line_to(cr, b.x + w * (t + 1), y);
	}
	for (unsigned t = c->slots; t-- > 0;) {
		double y = floor_y - below[t] * k;
		cairo_line_to(cr, b.x + w * (t + 1), y);
		cairo_line_to(cr, b.x + w * t, y);
	}
	cairo_close_path(cr);
	set_colour(cr, rgb, 1);
	cairo_fill(cr);
	for (unsigned t = 0; t < c->slots; t++)
		below[t] += value[t];
}

static void
draw_incomplete(cairo_t *cr, const struct chart *c, struct box b)
{
	if (c->complete_until_us <= 0 || c->complete_until_us >= c->to_us)
		return;
	double x = b.x;
	if (c->complete_until_us > c->from_us)
		x += (double)(c->complete_until_us - c->from_us) / (double)(c->to_us - c->from_us) * b.w;
	cairo_save(cr);
	cairo_rectangle(cr, x, b.y, b.x + b.w - x, b.h);
	cairo_clip(cr);
	set_colour(cr, 0x000000, 0.25);
	for (double d = x - b.h; d < b.x + b.w; d += 8) {
		cairo_move_to(cr, d, b.y + b.h);
		cairo_line_to(cr, d + b.h, b.y);
		cairo_stroke(cr);
	}
	cairo_restore(cr);
}

static void
draw_legend(cairo_t *cr, const struct chart *c, struct box b)
{
	double row = 17, y = b.y + 8;
	unsigned fit = (unsigned)(b.h / row), shown = c->n;
	if (shown + (c->other ? 1 : 0) > fit)
		shown = fit > 2 ? fit - 2 : 0;
	for (unsigned i = 0; i < shown; i++, y += row) {
		char v[16];
		chart_number(c->series[i].total * (c->unit == CHART_BITS ? 8 : 1), v);
		set_colour(cr, chart_colour(i), 1);
		cairo_rectangle(cr, b.x, y - 5, 10, 10);
		cairo_fill(cr);
		set_colour(cr, 0x222222, 1);
		double used = text(cr, b.x + b.w, y, 11, 1, 0, false, v);
		text(cr, b.x + 16, y, 11, 0, b.w - 24 - used, false, c->series[i].label);
	}
	if (shown < c->n) {
		char more[64];
		snprintf(more, sizeof more, "and %u more", c->n - shown);
		set_colour(cr, 0x666666, 1);
		text(cr, b.x + 16, y, 11, 0, b.w - 16, false, more);
		y += row;
	}
	if (c->other) {
		char v[16];
		chart_number(c->other_total * (c->unit == CHART_BITS ? 8 : 1), v);
		set_colour(cr, 0xb8b8b8, 1);
		cairo_rectangle(cr, b.x, y - 5, 10, 10);
		cairo_fill(cr);
		set_colour(cr, 0x222222, 1);
		text(cr, b.x + b.w, y, 11, 1, 0, false, v);
		text(cr, b.x + 16, y, 11, 0, b.w / 2, false, "other");
	}
}

static int
draw(cairo_t *cr, const struct chart *c, double w, double h)
{
	double legend = w > 600 ? 250 : w * 0.35;
	struct box plot = {64, 76, w - 64 - legend - 36, h - 76 - 34},
		   side = {w - legend - 12, 76, legend, h - 92};
	double most = highest_stack(c), step = nice_step(most > 0 ? most : 1, plot.h / 55);
	double top = step * ceil((most > 0 ? most : 1) / step);
	double *below = calloc(c->slots, sizeof *below);
	if (below == NULL)
		return FT_ENOMEM;
	cairo_set_source_rgb(cr, 1, 1, 1);
	cairo_paint(cr);
	set_colour(cr, 0x111111, 1);
	text(cr, 16, 20, 15, 0, w - 32, true, c->title ? c->title : "");
	set_colour(cr, 0x555555, 1);
	if (c->subtitle)
		text(cr, 16, 40, 11, 0, w - 32, false, c->subtitle);
	cairo_set_antialias(cr, CAIRO_ANTIALIAS_NONE);
	for (unsigned i = 0; i < c->n; i++)
		draw_layer(cr, c, plot, top, c->series[i].value, below, chart_colour(i));
	if (c->other)
		draw_layer(cr, c, plot, top, c->other, below, 0xb8b8b8);
	cairo_set_antialias(cr, CAIRO_ANTIALIAS_DEFAULT);
	draw_incomplete(cr, c, plot);
	draw_y_axis(cr, c, plot, top, step);
	draw_x_axis(cr, c, plot);
	draw_legend(cr, c, side);
	free(below);
	return cairo_status(cr) == CAIRO_STATUS_SUCCESS ? 0 : FT_ESYS;
}

/* Truevision TGA 2.0, type 2: uncompressed 32-bit BGRA, top row first, which is what Cairo has in memory */
static int
write_tga(cairo_surface_t *s, const char *path)
{
	int w = cairo_image_surface_get_width(s), h = cairo_image_surface_get_height(s);
	int stride = cairo_image_surface_get_stride(s);
	uint8_t head[18] = {0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, (uint8_t)w, (uint8_t)(w >> 8), (uint8_t)h,
		(uint8_t)(h >> 8), 32, 0x28};
	FILE *f = fopen(path, "wb");
	if (f == NULL)
		return -1;
	cairo_surface_flush(s);
	const unsigned char *data = cairo_image_surface_get_data(s);
	bool ok = fwrite(head, sizeof head, 1, f) == 1;
	for (int y = 0; ok && y < h; y++)
		ok = fwrite(data + (size_t)y * (size_t)stride, (size_t)w * 4, 1, f) == 1;
	return fclose(f) == 0 && ok ? 0 : -1;
}

int
chart_write(const struct chart *c, const char *path, struct err *err)
{
	double w = c->width ? c->width : 1000, h = c->height ? c->height : 480;
	const char *end = strrchr(path, '.');
	cairo_surface_t *s = NULL;
	if (c->slots == 0 || c->to_us <= c->from_us)
		return err_set(err, FT_EINVAL, "a picture needs time slots: give -w NUM");
	if (w < 200 || h < 150 || w > 16384 || h > 16384)
		return err_set(
			err, FT_EINVAL, "a picture is 200 x 150 to 16384 x 16384, not %.0f x %.0f", w, h);
	bool svg = end && strcasecmp(end, ".svg") == 0, pdf = end && strcasecmp(end, ".pdf") == 0;
	bool tga = end && strcasecmp(end, ".tga") == 0, png = end && strcasecmp(end, ".png") == 0;
	if (!svg && !pdf && !tga && !png)
		return err_set(err, FT_EINVAL, "%s: the name must end in .tga, .png, .svg or .pdf", path);
	s = svg   ? cairo_svg_surface_create(path, w, h)
	    : pdf ? cairo_pdf_surface_create(path, w, h)
		  : cairo_image_surface_create(CAIRO_FORMAT_ARGB32, (int)w, (int)h);
	cairo_t *cr = cairo_create(s);
	int rc = draw(cr, c, w, h);
	cairo_destroy(cr);
	if (rc == 0 && png && cairo_surface_write_to_png(s, path) != CAIRO_STATUS_SUCCESS)
		rc = FT_ESYS;
	if (rc == 0 && tga && write_tga(s, path) != 0)
		rc = FT_ESYS;
	cairo_surface_finish(s);
	if (rc == 0 && cairo_surface_status(s) != CAIRO_STATUS_SUCCESS)
		rc = FT_ESYS;
	cairo_surface_destroy(s);
	if (rc == FT_ENOMEM)
		return err_set(err, rc, "%s: out of memory", path);
	return rc ? err_sys(err, "%s: can't write the picture", path) : 0;
}
