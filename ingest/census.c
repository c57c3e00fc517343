/* census.c - see census.h */
#include "ingest/census.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ie.h"

enum { EVERY_US = 1000000 };

struct census *
census_new(void)
{
	struct census *c = calloc(1, sizeof *c);
	if (c != NULL)
		pthread_mutex_init(&c->mutex, NULL);
	return c;
}

static void
empty(struct census_template *e)
{
	free(e->field);
	for (unsigned i = 0; i < CENSUS_SAMPLES; i++) {
		free(e->sample[i]);
		e->sample[i] = NULL;
	}
	e->field = NULL;
	e->samples = 0;
	e->sampled_us = 0;
	atomic_store_explicit(&e->records, 0, memory_order_relaxed);
}

void
census_free(struct census *c)
{
	if (c == NULL)
		return;
	for (uint32_t i = 0; i < c->n; i++) {
		empty(c->list[i]);
		free(c->list[i]);
	}
	pthread_mutex_destroy(&c->mutex);
	free(c);
}

static bool
fill(struct census_template *e, const struct template *t)
{
	e->field = malloc(t->n_fields * sizeof *e->field);
	if (e->field == NULL)
		return false;
	memcpy(e->field, t->field, t->n_fields * sizeof *e->field);
	e->n_fields = t->n_fields;
	e->n_scope = t->n_scope;
	e->options = t->options;
	return true;
}

/* The template's row: the one it had before it was sent again, its records counted anew if it is another now. */
static struct census_template *
meet(struct census *c, const struct template *t)
{
	struct census_template *e = NULL;
	for (uint32_t i = 0; i < c->n && e == NULL; i++)
		if (c->list[i]->id == t->id && c->list[i]->exporter == t->exporter &&
			c->list[i]->domain == t->domain && c->list[i]->version == t->version)
			e = c->list[i];
	if (e && e->field && e->n_fields == t->n_fields && e->n_scope == t->n_scope &&
		e->options == t->options && memcmp(e->field, t->field, t->n_fields * sizeof *e->field) == 0)
		return e;
	if (e == NULL && c->n == CENSUS_MOST)
		return NULL;
	pthread_mutex_lock(&c->mutex);
	if (e != NULL) {
		empty(e);
		e = fill(e, t) ? e : NULL;
	} else if ((e = calloc(1, sizeof *e)) != NULL && fill(e, t)) {
		e->exporter = t->exporter;
		e->domain = t->domain;
		e->version = t->version;
		e->id = t->id;
		c->list[c->n++] = e;
	} else {
		free(e);
		e = NULL;
	}
	pthread_mutex_unlock(&c->mutex);
	return e;
}

static void
sample(struct census *c, struct census_template *e, const uint8_t *p, size_t left)
{
	if (pthread_mutex_trylock(&c->mutex) != 0)
		return;
	unsigned i = e->samples % CENSUS_SAMPLES;
	size_t n = left < CENSUS_SAMPLE_BYTES ? left : CENSUS_SAMPLE_BYTES;
	uint8_t *room = realloc(e->sample[i], n);
	if (room != NULL) {
		memcpy(room, p, n);
		e->sample[i] = room;
		e->sample_bytes[i] = (uint16_t)n;
		e->samples++;
	}
	pthread_mutex_unlock(&c->mutex);
}

void
census_set(struct census *c, const struct message *m, struct template *t, const uint8_t *p, size_t left,
	uint32_t records)
{
	if (!t->met) {
		t->met = true;
		t->census = meet(c, t);
	}
	struct census_template *e = t->census;
	if (e == NULL || records == 0)
		return;
	atomic_store_explicit(&e->records, atomic_load_explicit(&e->records, memory_order_relaxed) + records,
		memory_order_relaxed);
	int64_t ago = m->arrived.us - e->sampled_us;
	if (ago >= EVERY_US || ago < 0 || e->samples < CENSUS_SAMPLES) {
		e->sampled_us = m->arrived.us;
		sample(c, e, p, left);
	}
}

void
census_forget(struct census *c, uint32_t exporter)
{
	pthread_mutex_lock(&c->mutex);
	for (uint32_t i = 0; i < c->n; i++)
		if (c->list[i]->exporter == exporter)
			empty(c->list[i]);
	pthread_mutex_unlock(&c->mutex);
}

/* ---- the answer ------------------------------------------------------------------------------- */

enum { VALUES_SHOWN = 3, VALUE_SHOWN = 64 };

/* An element in flow records and in option records are two rows. */
struct row {
	uint32_t pen;
	uint16_t id;
	bool options;
	uint64_t records;
	json_t *lengths, *samples;
};
struct rows {
	struct row *row;
	unsigned n, room;
};

static struct row *
row_of(struct rows *all, const struct template_field *f, bool options)
{
	for (unsigned i = 0; i < all->n; i++)
		if (all->row[i].id == f->id && all->row[i].pen == f->pen && all->row[i].options == options)
			return &all->row[i];
	if (all->n == all->room) {
		unsigned room = all->room ? all->room * 2 : 64;
		struct row *more = realloc(all->row, room * sizeof *more);
		if (more == NULL)
			return NULL;
		all->row = more;
		all->room = room;
	}
	struct row *r = &all->row[all->n++];
	*r = (struct row){f->pen, f->id, options, 0, json_array(), json_array()};
	return r;
}

static void
add_once(json_t *list, json_t *v, size_t most)
{
	size_t i;
	json_t *have;
	json_array_foreach (list, i, have)
		if (json_equal(have, v)) {
			json_decref(v);
			return;
		}
	if (json_array_size(list) < most)
		json_array_append_new(list, v);
	else
		json_decref(v);
}

static void
add_value(json_t *list, const struct template_field *f, const uint8_t *p, size_t n)
{
	char text[6 * VALUE_SHOWN + 64];
	enum ie_type type = ie_type(f->pen, f->id);
	size_t most = n;
	if (n > VALUE_SHOWN) /* long ones are shown by their beginning, text up to a whole character */
		for (most = VALUE_SHOWN; most > VALUE_SHOWN - 4 && (p[most] & 0xc0) == 0x80;)
			most--;
	size_t bytes = ie_value_json(type, p, most, text, sizeof text);
	json_t *v = bytes ? json_loadb(text, bytes, JSON_DECODE_ANY, NULL) : NULL;
	if (v && most < n && json_is_string(v)) {
		json_t *cut = json_sprintf("%s…", json_string_value(v));
		json_decref(v);
		v = cut;
	}
	if (v)
		add_once(list, v, VALUES_SHOWN);
}

/* each field of the template, with its value in the sample (NULL: none) */
static void
walk(struct rows *all, const struct census_template *e, const uint8_t *p, size_t n)
{
	struct cursor c = cursor_of(p, n);
	for (unsigned i = 0; i < e->n_fields; i++) {
		const struct template_field *f = &e->field[i];
		size_t len = f->length;
		if (p != NULL && len == PROGRAM_VARIABLE) {
			len = cursor_u8(&c);
			if (len == 255)
				len = cursor_u16(&c);
		}
		const uint8_t *at = p ? cursor_take(&c, len) : NULL;
		if (p != NULL && at == NULL)
			return;
		if (e->version == 9 && i < e->n_scope)
			continue; /* a scope of NetFlow v9 is no element */
		struct row *r = row_of(all, f, e->options);
		if (r == NULL)
			return;
		if (p != NULL) {
			if (len > 0)
				add_value(r->samples, f, at, len);
			continue;
		}
		bool again = false;
		for (unsigned k = 0; k < i && !again; k++)
			again = e->field[k].id == f->id && e->field[k].pen == f->pen;
		r->records += again ? 0 : atomic_load_explicit(&e->records, memory_order_relaxed);
		add_once(r->lengths,
			f->length == PROGRAM_VARIABLE ? json_string("variable") : json_integer(f->length), 8);
	}
}

static int
by_records(const void *x, const void *y)
{
	const struct row *a = x, *b = y;
	if (a->options != b->options)
		return a->options ? 1 : -1;
	if (a->records != b->records)
		return a->records > b->records ? -1 : 1;
	if (a->pen != b->pen)
		return a->pen < b->pen ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

static json_t *
row_json(const struct row *r, const struct keep *keep)
{
	char name[IE_NAME], number[24];
	ie_name(r->pen, r->id, name);
	snprintf(number, sizeof number, "%u.%u", r->pen, r->id);
	const char *fate = r->options                      ? "option"
			   : keep_has(keep, r->pen, r->id) ? "kept"
			   : kept_no_column(r->pen, r->id) ? "skipped"
							   : "column";
	return json_pack("{s:s, s:s, s:s, s:o, s:s, s:I, s:o}", "name", name, "element", number, "type",
		ie_type_word(ie_type(r->pen, r->id)), "lengths", r->lengths, "fate", fate, "records",
		(json_int_t)r->records, "samples", r->samples);
}

json_t *
census_answer(
	struct census *const *list, unsigned n, uint32_t exporter, const struct keep *keep, uint64_t *records)
{
	struct rows all = {NULL, 0, 0};
	json_t *out = json_array();
	*records = 0;
	for (unsigned k = 0; k < n; k++) {
		struct census *c = list[k];
		pthread_mutex_lock(&c->mutex);
		for (uint32_t i = 0; i < c->n; i++) {
			const struct census_template *e = c->list[i];
			if (e->exporter != exporter || e->field == NULL)
				continue;
			*records += e->options ? 0 : atomic_load_explicit(&e->records, memory_order_relaxed);
			walk(&all, e, NULL, 0);
			for (unsigned s = 0; s < CENSUS_SAMPLES; s++)
				if (e->sample[s])
					walk(&all, e, e->sample[s], e->sample_bytes[s]);
		}
		pthread_mutex_unlock(&c->mutex);
	}
	if (all.n > 1)
		qsort(all.row, all.n, sizeof *all.row, by_records);
	for (unsigned i = 0; i < all.n; i++)
		json_array_append_new(out, row_json(&all.row[i], keep));
	free(all.row);
	return out;
}
