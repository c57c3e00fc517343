/* kept.c - see kept.h */
#include "ingest/kept.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/conf.h"
#include "common/element_list.h"
#include "common/ie.h"

enum { PADDING = 210 };

/* decoded, but no column of a session says what they said: they only stand in for others, or nothing asks for them */
static const uint16_t passed_over[] = {
	18, 23, 24, 48, 49, 57, 63, 81, 162, 195, 230, 302, 324, 325, 352, 366};

bool
kept_no_column(uint32_t pen, uint16_t id)
{
	if (program_element_name(pen, id) == NULL)
		return !(pen == 0 && id == PADDING);
	for (size_t i = 0; pen == 0 && i < sizeof passed_over / sizeof passed_over[0]; i++)
		if (passed_over[i] == id)
			return true;
	return false;
}

int
keep_from(const struct conf *c, enum conf_key list, uint64_t most, struct keep *was, struct keep **out,
	const char **bad, struct err *err)
{
	static _Atomic uint32_t serials;
	const char *const *word;
	unsigned n = conf_list(c, list, &word);
	*out = NULL;
	*bad = NULL;
	if (n == 0 || most == 0 || (n == 1 && strcasecmp(word[0], "none") == 0))
		return FT_OK;
	struct keep *k = calloc(1, sizeof *k);
	if (k == NULL)
		return err_set(err, FT_ENOMEM, "out of memory for keepfields");
	*k = (struct keep){.was = was, .most = (uint16_t)(most < FT_ELEMENTS_MOST ? most : FT_ELEMENTS_MOST)};
	k->serial = atomic_fetch_add_explicit(&serials, 1, memory_order_relaxed) + 1;
	for (unsigned i = 0; i < n; i++) {
		if (strcasecmp(word[i], "all") == 0)
			k->all = true;
		else if (k->n < KEEP_LIST_MOST && ie_parse(word[i], &k->list[k->n].pen, &k->list[k->n].id))
			k->n++;
		else if (*bad == NULL)
			*bad = word[i];
	}
	*out = k;
	return FT_OK;
}

bool
keep_has(const struct keep *k, uint32_t pen, uint16_t id)
{
	if (k == NULL)
		return false;
	for (unsigned i = 0; i < k->n; i++)
		if (k->list[i].id == id &&
			(k->list[i].pen == pen || (pen == IE_PEN_REVERSE && k->list[i].pen == 0)))
			return true;
	return k->all && kept_no_column(pen, id);
}

/* Which fields, and where they are if the template is of fixed length. */
static void
choose(const struct keep *k, struct template *t)
{
	uint32_t at = 0;
	t->n_kept = t->n_beyond = 0;
	for (unsigned i = 0; i < t->n_fields; i++) {
		const struct template_field *f = &t->field[i];
		if (f->length > 0 && keep_has(k, f->pen, f->id)) {
			if (t->n_kept < TEMPLATE_KEPT)
				t->kept[t->n_kept++] = (struct template_kept){(uint16_t)i, (uint16_t)at};
			else
				t->n_beyond++;
		}
		at += f->length;
	}
	t->kept_serial = k->serial;
}

struct lists {
	const struct keep *k;
	uint8_t *to[2]; /* this direction, the other */
	size_t n[2];
	bool other; /* there is a flow of the other direction */
	uint64_t dropped;
};

static void
add(struct lists *l, const struct template_field *f, const uint8_t *p, size_t n)
{
	bool other = l->other && f->pen == IE_PEN_REVERSE;
	struct kept_element e = {.pen = other ? 0 : f->pen, .id = f->id, .bytes = (uint16_t)n, .value = p};
	if (n == 0)
		return;
	size_t now = element_add(l->to[other], l->n[other], l->k->most, &e);
	l->dropped += now == l->n[other];
	l->n[other] = now;
}

/* lengths are in the record: every field is passed */
static void
walk(struct lists *l, const struct template *t, const uint8_t *p, size_t n)
{
	struct cursor c = cursor_of(p, n);
	unsigned next = 0;
	for (unsigned i = 0; i < t->n_fields && next < t->n_kept; i++) {
		size_t len = t->field[i].length;
		if (len == PROGRAM_VARIABLE) {
			len = cursor_u8(&c);
			if (len == 255)
				len = cursor_u16(&c);
		}
		const uint8_t *at = cursor_take(&c, len);
		if (at == NULL)
			return;
		if (t->kept[next].field == i) {
			add(l, &t->field[i], at, len);
			next++;
		}
	}
}

static void
give(struct decoded *r, uint8_t *list, size_t n)
{
	r->elements = list;
	r->f.element_bytes = (uint16_t)n;
	r->f.bits |= n ? FT_FLOW_ELEMENTS : 0;
}

void
kept_of(const struct keep *k, struct template *t, const uint8_t *p, size_t n, struct decoder *d,
	struct decoded *there, struct decoded *back)
{
	struct lists l = {.k = k, .to = {d->kept[0], d->kept[1]}, .other = back != NULL};
	if (t->kept_serial != k->serial)
		choose(k, t);
	if (t->n_kept == 0)
		return;
	if (t->program->variable)
		walk(&l, t, p, n);
	else
		for (unsigned i = 0; i < t->n_kept; i++)
			add(&l, &t->field[t->kept[i].field], p + t->kept[i].offset,
				t->field[t->kept[i].field].length);
	d->totals.elements_dropped += l.dropped + t->n_beyond;
	give(there, l.to[0], l.n[0]);
	if (back)
		give(back, l.to[1], l.n[1]);
}
