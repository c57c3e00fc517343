/* places.c - see places.h. */
#include "queryd/places.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/glob.h"
#include "common/log.h"

static const int64_t look_ns = 10000000000;
enum { MOST = 2000000 };

struct name {
	uint32_t as, at; /* at: in text */
};
struct places {
	pthread_rwlock_t lock; /* over all of it */
	char country[512], as[512];
	struct geo *geo;
	int64_t looked_ns; /* 0: not yet */
	bool read;         /* the table of names is of these files */
	struct name *name; /* by AS */
	uint32_t n, room;
	char *text;
	size_t bytes, text_room;
};

struct places *
places_new(const char *country_file, const char *as_file)
{
	struct places *p = calloc(1, sizeof *p);
	if (p == NULL)
		return NULL;
	pthread_rwlock_init(&p->lock, NULL);
	places_files(p, country_file, as_file);
	return p;
}

static void
drop(struct places *p)
{
	geo_close(p->geo);
	free(p->name);
	free(p->text);
	p->geo = NULL;
	p->name = NULL;
	p->text = NULL;
	p->n = p->room = 0;
	p->bytes = p->text_room = 0;
	p->read = false;
	p->looked_ns = 0;
}

void
places_files(struct places *p, const char *country_file, const char *as_file)
{
	pthread_rwlock_wrlock(&p->lock);
	drop(p);
	snprintf(p->country, sizeof p->country, "%s", country_file);
	snprintf(p->as, sizeof p->as, "%s", as_file);
	pthread_rwlock_unlock(&p->lock);
}

void
places_free(struct places *p)
{
	if (p == NULL)
		return;
	drop(p);
	pthread_rwlock_destroy(&p->lock);
	free(p);
}

/* ---- the table of names ----------------------------------------------------------------------- */

static void
add(void *ctx, uint32_t as, const char *name, size_t bytes)
{
	struct places *p = ctx;
	if (bytes >= PLACES_NAME)
		bytes = PLACES_NAME - 1;
	if (p->n == MOST || (p->n > 0 && p->name[p->n - 1].as == as)) /* neighbours are often of one AS */
		return;
	if (p->n == p->room) {
		uint32_t room = p->room ? p->room * 2 : 4096;
		struct name *list = realloc(p->name, room * sizeof *list);
		if (list == NULL)
			return;
		p->name = list;
		p->room = room;
	}
	if (p->bytes + bytes + 1 > p->text_room) {
		size_t room = (p->text_room ? p->text_room * 2 : 65536) + bytes;
		char *text = realloc(p->text, room);
		if (text == NULL || room > UINT32_MAX) {
			p->text = text ? text : p->text;
			return;
		}
		p->text = text;
		p->text_room = room;
	}
	p->name[p->n++] = (struct name){as, (uint32_t)p->bytes};
	memcpy(p->text + p->bytes, name, bytes);
	p->text[p->bytes + bytes] = 0;
	p->bytes += bytes + 1;
}

static int
by_as(const void *x, const void *y)
{
	const struct name *a = x, *b = y;
	return a->as != b->as ? (a->as < b->as ? -1 : 1) : (a->at > b->at) - (a->at < b->at);
}

static void
read_names(struct places *p)
{
	uint32_t n = 0;
	geo_each_as(p->geo, add, p);
	if (p->n > 1)
		qsort(p->name, p->n, sizeof *p->name, by_as);
	for (uint32_t i = 0; i < p->n; i++)
		if (n == 0 || p->name[n - 1].as != p->name[i].as)
			p->name[n++] = p->name[i];
	p->n = n;
	p->read = true;
}

/* The lock for reading, with files as they are now; names: with their table. */
static void
hold(struct places *p, bool names)
{
	int64_t now = mono_now().ns;
	pthread_rwlock_rdlock(&p->lock);
	if (p->looked_ns && now - p->looked_ns < look_ns && (p->read || !names))
		return;
	pthread_rwlock_unlock(&p->lock);
	pthread_rwlock_wrlock(&p->lock);
	if (p->looked_ns == 0 || (now - p->looked_ns >= look_ns && p->geo && geo_stale(p->geo))) {
		struct err err = {0};
		drop(p);
		if (geo_open(&p->geo, p->country, p->as, &err) != 0)
			log_limited(LOG_L_CRITICAL, "%s", err.text);
	}
	p->looked_ns = now;
	if (names && !p->read)
		read_names(p);
	pthread_rwlock_unlock(&p->lock);
	pthread_rwlock_rdlock(&p->lock);
}

/* ---- asking ----------------------------------------------------------------------------------- */

void
places_of(struct places *p, const uint8_t address[16], struct geo_place *out)
{
	*out = (struct geo_place){.net_bits = 255};
	hold(p, false);
	if (p->geo)
		geo_lookup(p->geo, address, out);
	pthread_rwlock_unlock(&p->lock);
}

bool
places_as_name(struct places *p, uint32_t as, char out[PLACES_NAME])
{
	hold(p, true);
	uint32_t lo = 0, hi = p->n;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (p->name[mid].as < as)
			lo = mid + 1;
		else
			hi = mid;
	}
	bool known = lo < p->n && p->name[lo].as == as;
	if (known)
		snprintf(out, PLACES_NAME, "%s", p->text + p->name[lo].at);
	pthread_rwlock_unlock(&p->lock);
	return known;
}

unsigned
places_as_find(struct places *p, const char *pattern, uint32_t *as, unsigned room)
{
	bool wild = strpbrk(pattern, "*?") != NULL;
	unsigned n = 0;
	hold(p, true);
	for (uint32_t i = 0; i < p->n; i++) {
		const char *name = p->text + p->name[i].at;
		if (wild ? !glob_matches(pattern, name) : strcasecmp(pattern, name) != 0)
			continue;
		if (n < room)
			as[n] = p->name[i].as;
		n++;
	}
	pthread_rwlock_unlock(&p->lock);
	return n;
}

bool
places_has_names(struct places *p)
{
	hold(p, true);
	bool has = p->n > 0;
	pthread_rwlock_unlock(&p->lock);
	return has;
}
