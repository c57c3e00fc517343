/* timeframe.c - see timeframe.h. */
#include "common/timeframe.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const int64_t second = 1000000;
enum { LAST_YEAR = 2261 };

/* ---- times ------------------------------------------------------------------------------------ */

struct written {
	int year, month, day, hour, minute, second;
	int64_t micro;
	bool has_offset;
	int32_t offset;
};

/* most digits of a number; how many there were, 0 if none */
static int
digits(const char **p, int most, int *value)
{
	int n = 0;
	*value = 0;
	while (n < most && isdigit((unsigned char)**p)) {
		*value = *value * 10 + (*(*p)++ - '0');
		n++;
	}
	return n;
}

static bool
take(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

/* hh:mm[:ss[.frac]] or hh alone after an ISO date */
static bool
time_of_day(const char **p, struct written *w)
{
	if (digits(p, 2, &w->hour) == 0 || !take(p, ':') || digits(p, 2, &w->minute) == 0)
		return false;
	if (!take(p, ':'))
		return true;
	if (digits(p, 2, &w->second) == 0)
		return false;
	if (!take(p, '.') && !take(p, ','))
		return true;
	int64_t unit = 100000;
	if (!isdigit((unsigned char)**p))
		return false;
	for (int n = 0; isdigit((unsigned char)**p); n++, unit /= 10) {
		if (n == 6)
			return false;
		w->micro += (*(*p)++ - '0') * unit;
	}
	return true;
}

static bool
us_date(const char *p, struct written *w)
{
	if (digits(&p, 2, &w->month) == 0 || !take(&p, '/') || digits(&p, 2, &w->day) == 0 || !take(&p, '/'))
		return false;
	int n = digits(&p, 4, &w->year);
	if (n == 2)
		w->year += w->year < 70 ? 2000 : 1900;
	else if (n != 4)
		return false;
	if (*p == 0)
		return true;
	if (!isspace((unsigned char)*p))
		return false;
	while (isspace((unsigned char)*p))
		p++;
	return time_of_day(&p, w) && *p == 0;
}

static bool
iso_offset(const char **p, struct written *w)
{
	int h, m = 0, sign;
	if (take(p, 'Z') || take(p, 'z')) {
		w->has_offset = true;
		return true;
	}
	if (**p != '+' && **p != '-')
		return true;
	sign = *(*p)++ == '-' ? -1 : 1;
	if (digits(p, 2, &h) != 2)
		return false;
	bool colon = take(p, ':');
	if (digits(p, 2, &m) != 2 && (colon || m != 0))
		return false;
	w->has_offset = true;
	w->offset = sign * (h * 3600 + m * 60);
	return h <= 18 && m < 60;
}

static bool
iso_date(const char *p, struct written *w)
{
	if (digits(&p, 4, &w->year) != 4 || !take(&p, '-') || digits(&p, 2, &w->month) != 2 ||
		!take(&p, '-') || digits(&p, 2, &w->day) != 2)
		return false;
	if (*p == 0)
		return true;
	if (!take(&p, 'T') && !take(&p, 't') && !take(&p, ' '))
		return false;
	return time_of_day(&p, w) && iso_offset(&p, w) && *p == 0;
}

/* microseconds; false: no such day or time of day */
static bool
resolve(const struct written *w, const struct tz *zone, int64_t *us)
{
	if (w->year < 1970 || w->year > LAST_YEAR || w->hour > 23 || w->minute > 59 || w->second > 60)
		return false;
	struct tm tm = {.tm_year = w->year - 1900, .tm_mon = w->month - 1, .tm_mday = w->day};
	struct tm back = tm;
	int64_t day = timegm(&back);
	if (back.tm_mon != tm.tm_mon || back.tm_mday != tm.tm_mday || w->month < 1)
		return false;
	int64_t local = day + w->hour * 3600 + w->minute * 60 + w->second;
	*us = (w->has_offset ? local - w->offset : tz_to_utc(zone, local)) * second + w->micro;
	return true;
}

int
timeframe_time(const char *text, const struct tz *zone, int64_t now_us, int64_t *us, struct err *err)
{
	struct written w = {0}, iso = {0};
	char *end;
	if (strcasecmp(text, "now") == 0) {
		*us = now_us;
		return 0;
	}
	if (isdigit((unsigned char)text[0]) && strspn(text, "0123456789") == strlen(text) &&
		strlen(text) >= 9 && strlen(text) <= 16) {
		*us = strtoll(text, &end, 10);
		return 0;
	}
	bool us_form = us_date(text, &w);
	if (!us_form && !iso_date(text, &iso))
		return err_set(err, FT_EINVAL,
			"'%.60s' is no time: write MM/DD/YY hh:mm:ss.microsec (11/05/13 10:15:00) or ISO "
			"8601 (2013-11-05T10:15:00Z)",
			text);
	if (!resolve(us_form ? &w : &iso, zone, us))
		return err_set(err, FT_EINVAL, "'%.60s': there is no such day or time of day", text);
	return 0;
}

/* ---- spans ------------------------------------------------------------------------------------ */

static const struct unit {
	char letter;
	int64_t seconds;
} units[] = {{'y', 365 * 86400}, {'M', 30 * 86400}, {'w', 7 * 86400}, {'d', 86400}, {'h', 3600}, {'m', 60},
	{'s', 1}};
enum { UNITS = sizeof units / sizeof units[0] };

static int
unit_of(char c)
{
	for (int i = 0; i < UNITS; i++)
		if (units[i].letter == c)
			return i;
	return -1;
}

static int
wrong_order(const char *text, const int64_t *amount, struct err *err)
{
	char right[160];
	size_t n = 0;
	for (int i = 0; i < UNITS; i++)
		if (amount[i] >= 0)
			n += (size_t)snprintf(
				right + n, sizeof right - n, "%lld%c", (long long)amount[i], units[i].letter);
	return err_set(err, FT_EINVAL, "'%.60s': units go from large to small: write %s", text, right);
}

int
timeframe_span(const char *text, int64_t *us, struct err *err)
{
	int64_t amount[UNITS], sum = 0;
	const char *p = text + (text[0] == '-');
	int last = -1;
	bool order = true;
	memset(amount, -1, sizeof amount);
	if (*p == 0)
		goto unreadable;
	while (*p) {
		int value, u;
		if (digits(&p, 9, &value) == 0 || (u = unit_of(*p)) < 0)
			goto unreadable;
		if (amount[u] >= 0)
			return err_set(err, FT_EINVAL, "'%.60s': the unit %c is there twice", text, *p);
		amount[u] = value;
		order &= u > last;
		last = u;
		sum += value * units[u].seconds;
		p++;
	}
	if (!order)
		return wrong_order(text, amount, err);
	if (sum == 0 || sum > 200 * units[0].seconds)
		return err_set(err, FT_EINVAL, "'%.60s': a span is 1 second to 200 years", text);
	*us = sum * second;
	return 0;
unreadable:
	return err_set(err, FT_EINVAL,
		"'%.60s' is no span: write numbers with units, large to small, of y M w d h m s (15m, 1w2d)",
		text);
}

/* ---- frames ----------------------------------------------------------------------------------- */

enum period { HOUR, DAY, WEEK, MONTH, YEAR };

/* local start of the period that holds the local time t, or of the one before it */
static int64_t
period_start(enum period p, int64_t local, bool before)
{
	time_t t = (time_t)local;
	struct tm tm;
	gmtime_r(&t, &tm);
	tm.tm_sec = tm.tm_min = 0;
	if (p == HOUR)
		tm.tm_hour -= before;
	else
		tm.tm_hour = 0;
	if (p == DAY)
		tm.tm_mday -= before;
	if (p == WEEK)
		tm.tm_mday -= tm.tm_wday + (before ? 7 : 0);
	if (p == MONTH || p == YEAR)
		tm.tm_mday = 1;
	if (p == MONTH)
		tm.tm_mon -= before;
	if (p == YEAR) {
		tm.tm_mon = 0;
		tm.tm_year -= before;
	}
	return timegm(&tm);
}

static const struct named {
	const char *words;
	enum period period;
	bool before;
} named[] = {{"this hour", HOUR, false}, {"last hour", HOUR, true}, {"today", DAY, false},
	{"this day", DAY, false}, {"yesterday", DAY, true}, {"last day", DAY, true},
	{"this week", WEEK, false}, {"last week", WEEK, true}, {"this month", MONTH, false},
	{"last month", MONTH, true}, {"this year", YEAR, false}, {"last year", YEAR, true}};

int
timeframe_frame(const char *text, const struct tz *zone, int64_t now_us, int64_t *from_us, int64_t *to_us,
	struct err *err)
{
	char words[32];
	int64_t span;
	snprintf(words, sizeof words, "%s", text);
	for (char *p = words; *p; p++)
		if (*p == '_' || *p == '-')
			*p = ' ';
	for (unsigned i = 0; i < sizeof named / sizeof named[0]; i++) {
		if (strcasecmp(words, named[i].words) != 0)
			continue;
		int64_t now_s = now_us / second, local = now_s + tz_offset(zone, now_s);
		*from_us = tz_to_utc(zone, period_start(named[i].period, local, named[i].before)) * second;
		*to_us = named[i].before
				 ? tz_to_utc(zone, period_start(named[i].period, local, false)) * second
				 : now_us;
		if (*to_us <= *from_us) /* the first instant of it */
			*to_us = *from_us + 1;
		return 0;
	}
	if (isalpha((unsigned char)text[0]))
		return err_set(err, FT_EINVAL,
			"'%.60s' is no time frame: write a span (15m, 1w2d), today, yesterday, or this or "
			"last hour, day, week, month, year",
			text);
	int rc = timeframe_span(text, &span, err);
	if (rc != 0)
		return rc;
	*to_us = now_us;
	*from_us = now_us - span;
	return 0;
}

/* ---- for people ------------------------------------------------------------------------------- */

void
timeframe_print(int64_t us, const struct tz *zone, char out[TIMEFRAME_TEXT])
{
	int64_t s = us / second, fraction = us % second;
	if (fraction < 0) {
		fraction += second;
		s--;
	}
	time_t local = (time_t)(s + tz_offset(zone, s));
	struct tm tm;
	gmtime_r(&local, &tm);
	char date[24];
	strftime(date, sizeof date, "%m/%d/%y %H:%M:%S", &tm);
	snprintf(out, TIMEFRAME_TEXT, "%s.%06d", date, (int)fraction);
}

void
timeframe_print_span(int64_t us, char out[40])
{
	int64_t s = us / second;
	size_t n = 0;
	out[0] = 0;
	if (s < 1) {
		snprintf(out, 40, "%.3fs", (double)us / 1e6);
		return;
	}
	/* weeks and more only where they come out even: 14d reads better than 2w, and 400d than 1y35d */
	for (int i = 2; i < UNITS; i++) {
		int64_t v = s / units[i].seconds;
		if (v == 0 || (i == 2 && s % units[i].seconds))
			continue;
		n += (size_t)snprintf(out + n, 40 - n, "%lld%c", (long long)v, units[i].letter);
		s %= units[i].seconds;
	}
}
