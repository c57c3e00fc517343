/*
 * tz.c - time zones by name (tz.h).  Times up to the last transition of a TZif file (RFC 8536) come from its table,
 * later ones from the rule in its footer (POSIX TZ, such as "CET-1CEST,M3.5.0,M10.5.0/3").
 */
#include "common/tz.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cursor.h"

enum { FILE_MOST = 1 << 20, TYPES = 256 };

/* a day of the year by the footer: month 1-12, week 1-5 (5: the last), weekday; seconds of that day */
struct change {
	int month, week, day;
	int32_t second;
};
struct tz {
	uint32_t n;
	int64_t *at;
	uint8_t *type;
	int32_t offset[TYPES];
	int32_t before; /* first type, in force before the first transition */
	bool rule, has_summer;
	int32_t winter, summer;
	struct change to_summer, to_winter;
};

/* ---- the footer ------------------------------------------------------------------------------- */

static bool
rule_name(const char **p)
{
	const char *s = *p;
	if (*s == '<') {
		s = strchr(s, '>');
		if (s == NULL)
			return false;
		*p = s + 1;
		return true;
	}
	while (isalpha((unsigned char)*s))
		s++;
	bool good = s - *p >= 3;
	*p = s;
	return good;
}

/* [+-]hh[:mm[:ss]] as seconds */
static bool
rule_time(const char **p, int32_t *out)
{
	long part[3] = {0, 0, 0};
	int sign = 1;
	if (**p == '-' || **p == '+')
		sign = *(*p)++ == '-' ? -1 : 1;
	for (int i = 0; i < 3; i++) {
		char *end;
		if (!isdigit((unsigned char)**p))
			return false;
		part[i] = strtol(*p, &end, 10);
		*p = end;
		if (part[i] > 167 || **p != ':')
			break;
		(*p)++;
	}
	*out = sign * (int32_t)(part[0] * 3600 + part[1] * 60 + part[2]);
	return part[0] <= 167;
}

static bool
rule_change(const char **p, struct change *c)
{
	int used = 0;
	if (sscanf(*p, ",M%d.%d.%d%n", &c->month, &c->week, &c->day, &used) != 3 || used == 0 ||
		c->month < 1 || c->month > 12 || c->week < 1 || c->week > 5 || c->day < 0 || c->day > 6)
		return false;
	*p += used;
	c->second = 7200;
	if (**p != '/')
		return true;
	(*p)++;
	return rule_time(p, &c->second);
}

static void
rule_parse(struct tz *z, const char *p)
{
	int32_t west;
	if (!rule_name(&p) || !rule_time(&p, &west))
		return;
	z->winter = -west;
	if (*p == 0) {
		z->rule = true;
		return;
	}
	if (!rule_name(&p))
		return;
	z->summer = z->winter + 3600;
	if (*p != ',' && *p != 0) {
		if (!rule_time(&p, &west))
			return;
		z->summer = -west;
	}
	z->has_summer = rule_change(&p, &z->to_summer) && rule_change(&p, &z->to_winter);
	z->rule = z->has_summer;
}

static int64_t
civil(int year, int month, int day)
{
	struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
	return timegm(&tm);
}

/* local (wall clock by the offset before the change) seconds of a change in a year */
static int64_t
change_at(const struct change *c, int year)
{
	int64_t first = civil(year, c->month, 1);
	int weekday = (int)((first / 86400 + 4) % 7);
	int day = 1 + (c->day - weekday + 7) % 7 + 7 * (c->week - 1);
	int64_t next = c->month == 12 ? civil(year + 1, 1, 1) : civil(year, c->month + 1, 1);
	while (first + (int64_t)(day - 1) * 86400 >= next)
		day -= 7;
	return first + (int64_t)(day - 1) * 86400 + c->second;
}

static int32_t
rule_offset(const struct tz *z, int64_t utc)
{
	if (!z->has_summer)
		return z->winter;
	time_t t = (time_t)(utc + z->winter);
	struct tm tm;
	gmtime_r(&t, &tm);
	int64_t begin = change_at(&z->to_summer, tm.tm_year + 1900) - z->winter;
	int64_t end = change_at(&z->to_winter, tm.tm_year + 1900) - z->summer;
	bool in = begin < end ? utc >= begin && utc < end : utc >= begin || utc < end;
	return in ? z->summer : z->winter;
}

/* ---- the file --------------------------------------------------------------------------------- */

struct counts {
	uint32_t isut, isstd, leap, time, type, chars;
};

static bool
head(struct cursor *c, struct counts *n, uint8_t *version)
{
	const uint8_t *magic = cursor_take(c, 4);
	if (magic == NULL || memcmp(magic, "TZif", 4) != 0)
		return false;
	*version = cursor_u8(c);
	cursor_skip(c, 15);
	n->isut = cursor_u32(c);
	n->isstd = cursor_u32(c);
	n->leap = cursor_u32(c);
	n->time = cursor_u32(c);
	n->type = cursor_u32(c);
	n->chars = cursor_u32(c);
	return !c->bad && n->type > 0 && n->type <= TYPES && n->time < FILE_MOST && n->leap < FILE_MOST &&
	       n->chars < FILE_MOST && n->isut <= TYPES && n->isstd <= TYPES;
}

static bool
body(struct tz *z, struct cursor *c, const struct counts *n, size_t time_bytes)
{
	z->at = calloc(n->time + 1, sizeof *z->at);
	z->type = calloc(n->time + 1, 1);
	if (z->at == NULL || z->type == NULL)
		return false;
	z->n = n->time;
	for (uint32_t i = 0; i < n->time; i++)
		z->at[i] = time_bytes == 8 ? (int64_t)cursor_u64(c) : (int32_t)cursor_u32(c);
	for (uint32_t i = 0; i < n->time; i++) {
		z->type[i] = cursor_u8(c);
		if (z->type[i] >= n->type)
			return false;
	}
	for (uint32_t i = 0; i < n->type; i++) {
		z->offset[i] = (int32_t)cursor_u32(c);
		cursor_skip(c, 2);
	}
	z->before = z->offset[0];
	cursor_skip(c, n->chars + n->leap * (time_bytes + 4) + n->isstd + n->isut);
	return !c->bad;
}

static bool
parse(struct tz *z, const uint8_t *bytes, size_t size)
{
	struct cursor c = cursor_of(bytes, size);
	struct counts n;
	uint8_t version;
	char footer[128];
	if (!head(&c, &n, &version))
		return false;
	if (version < '2')
		return body(z, &c, &n, 4);
	cursor_skip(&c, (size_t)n.time * 5 + n.type * 6 + n.chars + (size_t)n.leap * 8 + n.isstd + n.isut);
	if (!head(&c, &n, &version) || !body(z, &c, &n, 8))
		return false;
	size_t left = cursor_left(&c);
	const uint8_t *p = cursor_take(&c, left);
	if (p && left > 2 && left < sizeof footer && p[0] == '\n') {
		memcpy(footer, p + 1, left - 1);
		footer[left - 1] = 0;
		footer[strcspn(footer, "\n")] = 0;
		rule_parse(z, footer);
	}
	return true;
}

static bool
fixed(const char *name, int32_t *offset)
{
	unsigned h = 99, m = 0;
	size_t n = strlen(name);
	char c;
	*offset = 0;
	if (strcmp(name, "UTC") == 0 || strcmp(name, "Z") == 0)
		return true;
	if ((name[0] != '+' && name[0] != '-') || n > 6 || !isdigit((unsigned char)name[1]))
		return false;
	bool good = n == 6   ? sscanf(name + 1, "%2u:%2u%c", &h, &m, &c) == 2
		    : n == 5 ? sscanf(name + 1, "%2u%2u%c", &h, &m, &c) == 2
			     : sscanf(name + 1, "%2u%c", &h, &c) == 1;
	*offset = (name[0] == '-' ? -1 : 1) * (int32_t)(h * 3600 + m * 60);
	return good && h <= 18 && m < 60;
}

static uint8_t *
slurp(const char *name, size_t *size)
{
	char path[512];
	const char *dir = getenv("TZDIR");
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("_+-/", *p))
			return NULL; /* no dots: no way out of the folder */
	if (name[0] == 0 || name[0] == '/')
		return NULL;
	int n = snprintf(path, sizeof path, "%s/%s", dir && dir[0] ? dir : "/usr/share/zoneinfo", name);
	int fd = n > 0 && (size_t)n < sizeof path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return NULL;
	uint8_t *bytes = malloc(FILE_MOST);
	ssize_t got = bytes ? read(fd, bytes, FILE_MOST) : -1;
	close(fd);
	if (got <= 0) {
		free(bytes);
		return NULL;
	}
	*size = (size_t)got;
	return bytes;
}

int
tz_open(struct tz **out, const char *name, struct err *err)
{
	struct tz *z = calloc(1, sizeof *z);
	int32_t offset;
	size_t size;
	*out = NULL;
	if (z == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	if (fixed(name, &offset)) {
		z->before = offset;
		*out = z;
		return 0;
	}
	uint8_t *bytes = slurp(name, &size);
	bool good = bytes && parse(z, bytes, size);
	free(bytes);
	if (!good) {
		tz_close(z);
		return err_set(err, FT_ENOENT,
			"no time zone '%.60s': write UTC, an offset like +02:00, or a name like "
			"Europe/Berlin",
			name);
	}
	*out = z;
	return 0;
}

void
tz_close(struct tz *z)
{
	if (z == NULL)
		return;
	free(z->at);
	free(z->type);
	free(z);
}

int32_t
tz_offset(const struct tz *z, int64_t utc)
{
	if (z == NULL) {
		time_t t = (time_t)utc;
		struct tm tm;
		return localtime_r(&t, &tm) ? (int32_t)tm.tm_gmtoff : 0;
	}
	if (z->n == 0 || utc < z->at[0])
		return z->n == 0 && z->rule ? rule_offset(z, utc) : z->before;
	if (utc >= z->at[z->n - 1] && z->rule)
		return rule_offset(z, utc);
	uint32_t lo = 0, hi = z->n; /* at[lo] <= utc < at[hi] */
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (z->at[mid] <= utc)
			lo = mid;
		else
			hi = mid;
	}
	return z->offset[z->type[lo]];
}

int64_t
tz_to_utc(const struct tz *z, int64_t local)
{
	/* a day earlier and a day later: the offsets before and after any change nearby */
	int32_t before = tz_offset(z, local - 86400 - tz_offset(z, local - 86400));
	int32_t after = tz_offset(z, local + 86400 - tz_offset(z, local + 86400));
	if (tz_offset(z, local - before) == before)
		return local - before;
	if (tz_offset(z, local - after) == after)
		return local - after;
	return local - before;
}
