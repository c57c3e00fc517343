/* interfaces.c - see interfaces.h */
#include "queryd/interfaces.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/glob.h"

enum { TRIES = 100, AT_ONCE = 3 };

static int
by_place(const void *x, const void *y)
{
	const struct ft_interface *a = x, *b = y;
	int c = memcmp(a->address, b->address, 16);
	if (c == 0)
		c = memcmp(a->guid, b->guid, 16);
	if (c == 0)
		c = a->kind - b->kind;
	if (c == 0)
		c = a->index < b->index ? -1 : a->index > b->index;
	return c ? c : a->since_us < b->since_us ? -1 : a->since_us > b->since_us;
}

void
interfaces_sort(struct interfaces *t)
{
	if (t->n > 1)
		qsort(t->row, t->n, sizeof t->row[0], by_place);
}

/* Word by word, each an acquire load: what is loaded after them is loaded after them, and a race is a defined one. */
static void
copy_slot(struct ft_interface *to, const struct ft_interface *from)
{
	uint64_t word[sizeof *from / 8] = {0};
	const uint64_t *p = (const uint64_t *)(const void *)from;
	for (size_t i = 0; i < sizeof word / sizeof word[0]; i++)
		word[i] = __atomic_load_n(&p[i], __ATOMIC_ACQUIRE);
	memcpy(to, word, sizeof *to);
}

static bool
copy_once(const struct ft_interfaces *t, uint32_t room, struct interfaces *out)
{
	uint64_t before = atomic_load_explicit(&t->version, memory_order_acquire);
	uint32_t count = t->count < room ? t->count : room;
	if (before & 1)
		return false;
	out->n = 0;
	for (uint32_t s = 0; s < count; s++) {
		copy_slot(&out->row[out->n], &t->slot[s]);
		out->n += out->row[out->n].used != 0;
	}
	out->version = before;
	return atomic_load_explicit(&t->version, memory_order_relaxed) == before;
}

struct interfaces *
interfaces_copy(const struct ft_interfaces *t, size_t segment_bytes)
{
	size_t fits = (segment_bytes - sizeof *t) / sizeof t->slot[0];
	uint32_t room = t->capacity < fits ? t->capacity : (uint32_t)fits;
	uint32_t some = t->count < room ? t->count : room; /* what comes meanwhile comes with the next copy */
	struct interfaces *out = malloc(sizeof *out + (size_t)some * sizeof out->row[0]);
	for (unsigned i = 0; out != NULL && i < TRIES; i++) {
		if (copy_once(t, some, out)) {
			for (uint32_t k = 0; k < out->n; k++) {
				out->row[k].name[sizeof out->row[k].name - 1] = 0;
				out->row[k].description[sizeof out->row[k].description - 1] = 0;
			}
			interfaces_sort(out);
			return out;
		}
		(void)sched_yield();
	}
	free(out);
	return NULL;
}

static int
compare(const struct ft_interface *r, const struct ft_exporter_entry *e, uint8_t kind, uint32_t index)
{
	int c = memcmp(r->address, e->address, 16);
	if (c == 0)
		c = memcmp(r->guid, e->guid, 16);
	if (c == 0)
		c = r->kind - kind;
	return c ? c : r->index < index ? -1 : r->index > index;
}

void
interfaces_find(const struct interfaces *t, const struct ft_exporter_entry *e, uint8_t kind, uint32_t index,
	uint32_t *lo, uint32_t *hi)
{
	uint32_t a = 0, b = t ? t->n : 0;
	while (a < b) {
		uint32_t mid = (a + b) / 2;
		if (compare(&t->row[mid], e, kind, index) < 0)
			a = mid + 1;
		else
			b = mid;
	}
	*lo = *hi = a;
	while (t && *hi < t->n && compare(&t->row[*hi], e, kind, index) == 0)
		++*hi;
}

const struct ft_interface *
interfaces_then(const struct interfaces *t, uint32_t lo, uint32_t hi, int64_t at_us)
{
	if (lo == hi)
		return NULL;
	uint32_t best = lo; /* before the first the first counts */
	for (uint32_t i = lo + 1; i < hi && t->row[i].since_us <= at_us; i++)
		best = i;
	return &t->row[best];
}

const struct ft_interface *
interfaces_at(const struct interfaces *t, const struct ft_exporter_entry *e, uint8_t kind, uint32_t index,
	int64_t at_us)
{
	uint32_t lo, hi;
	interfaces_find(t, e, kind, index, &lo, &hi);
	return interfaces_then(t, lo, hi, at_us);
}

static bool
same_interface(const struct ft_interface *a, const struct ft_interface *b)
{
	return a->index == b->index && a->kind == b->kind && memcmp(a->address, b->address, 16) == 0 &&
	       memcmp(a->guid, b->guid, 16) == 0;
}

/* was row i true at some time of [from, to)?  Rows of one interface follow each other. */
static bool
within(const struct interfaces *t, uint32_t i, int64_t from_us, int64_t to_us)
{
	const struct ft_interface *r = &t->row[i];
	bool first = i == 0 || !same_interface(&t->row[i - 1], r);
	bool last = i + 1 == t->n || !same_interface(&t->row[i + 1], r);
	return (first || r->since_us < to_us) && (last || t->row[i + 1].since_us > from_us);
}

static void
put(char *out, size_t n, const char *a, const char *b)
{
	size_t used = strlen(out);
	if (used < n)
		snprintf(out + used, n - used, "%s%s", a, b);
}

/* first row of an exporter, whatever its GUID */
static uint32_t
exporter_begins(const struct interfaces *t, const uint8_t *address)
{
	uint32_t a = 0, b = t->n;
	while (a < b) {
		uint32_t mid = (a + b) / 2;
		if (memcmp(t->row[mid].address, address, 16) < 0)
			a = mid + 1;
		else
			b = mid;
	}
	return a;
}

static bool
label_of_one(const struct interfaces *t, const uint8_t *address, uint32_t index, int64_t from_us,
	int64_t to_us, char *out, size_t n)
{
	const char *now = NULL;
	unsigned before = 0;
	uint32_t lo = exporter_begins(t, address), hi = lo;
	while (hi < t->n && memcmp(t->row[hi].address, address, 16) == 0)
		hi++;
	for (uint32_t i = hi; i-- > lo;) {
		const struct ft_interface *r = &t->row[i];
		if (r->kind != FT_KIND_INTERFACE || r->index != index || r->name[0] == 0 ||
			!within(t, i, from_us, to_us))
			continue;
		if (now == NULL)
			put(out, n, now = r->name, "");
		else if (strcmp(now, r->name) != 0 && before < AT_ONCE)
			put(out, n, before++ ? ", " : " (before: ", r->name);
	}
	if (before)
		put(out, n, ")", "");
	return now != NULL;
}

bool
interfaces_label(const struct interfaces *t, const uint8_t *address, uint32_t index, int64_t from_us,
	int64_t to_us, char *out, size_t n)
{
	unsigned shown = 0;
	const struct ft_interface *before = NULL;
	out[0] = 0;
	if (t == NULL)
		return false;
	if (address != NULL)
		return label_of_one(t, address, index, from_us, to_us, out, n);
	for (uint32_t i = 0; i < t->n; i++) {
		const struct ft_interface *r = &t->row[i];
		if (r->kind != FT_KIND_INTERFACE || r->index != index || r->name[0] == 0 ||
			!within(t, i, from_us, to_us) ||
			(before && memcmp(before->address, r->address, 16) == 0))
			continue;
		char text[ADDR_TEXT];
		before = r;
		if (shown++ == AT_ONCE) {
			put(out, n, ", …", "");
			break;
		}
		addr_text(r->address, text);
		put(out, n, shown > 1 ? ", " : "", text);
		put(out, n, " ", "");
		(void)label_of_one(t, r->address, index, from_us, to_us, out, n);
	}
	return shown > 0;
}

bool
interfaces_named(const struct ft_interface *i, const char *pattern)
{
	return (i->name[0] && glob_matches(pattern, i->name)) ||
	       (i->description[0] && glob_matches(pattern, i->description));
}

bool
interfaces_has(const struct interfaces *t, const uint8_t *address, uint32_t index, int64_t from_us,
	int64_t to_us, const char *pattern)
{
	for (uint32_t i = t && address ? exporter_begins(t, address) : 0; t && i < t->n; i++) {
		const struct ft_interface *r = &t->row[i];
		if (address && memcmp(r->address, address, 16) != 0)
			break;
		if (r->kind == FT_KIND_INTERFACE && r->index == index && within(t, i, from_us, to_us) &&
			interfaces_named(r, pattern))
			return true;
	}
	return false;
}
