/*
 * template.c - templates: parsed with bounds, compiled, remembered (RFC 3954 sections 5.2 and 6.1, RFC 7011 sections
 * 3.4 and 8).
 *
 * A template that can't be right deletes what was known under its id: data would otherwise be decoded by a layout the
 * exporter no longer uses.  Withdrawals are for reliable transports (RFC 7011 sections 8.1 and 8.4): obeyed over TCP, ignored
 * in datagrams, which may come out of order.
 *
 * Groups.  Some things happen to many templates at once: an exporter restarted, and those from before our start are
 * void; a connection withdraws all of a kind.  Anybody may send what says so, in a few bytes and as often as he likes, so
 * neither may look at the whole table.  Templates that either can happen to are members of a group: of (exporter,
 * version, domain) the provisional ones, of (... connection, kind) those of connections.  A confirmed one of datagrams
 * is in none.
 * A restart costs the same however many it makes void: the group is put aside, and a template of it counts as none
 * from then on.  It is taken out when it is looked for, or by and by as new templates come (two for each).  In the file the
 * source gets a line that says by which of our starts a template must have been confirmed to count (LEARN_VOID), and
 * templates say in which they were (a confirmed one is written again, once a start).
 * A withdrawal of all empties the group at once: each step was paid for by a template that the connection sent.
 */
#include "ingest/template.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "ingest/template_group.h"

struct template_table {
	struct template **slot; /* open addressing; a deleted place is closed up */
	struct template_groups groups;
	uint64_t seed; /* a sender can't foresee which templates share a place */
	uint32_t mask, used;
	uint32_t start; /* number of this start of ours */
	uint64_t steps;
};

/* what the file has of a template, fields behind it */
struct stored {
	uint16_t n_fields, n_scope;
	uint8_t options, start[3]; /* of ours, that it was confirmed in; big-endian */
};

enum { SETS_TEMPLATE_MIN = 256, TEMPLATES_MAX = 65536 /* of all exporters of a port */ };

struct template_table *
template_table_new(void)
{
	struct template_table *t = calloc(1, sizeof *t);
	if (t == NULL)
		return NULL;
	t->mask = 255;
	t->seed = hash_secret();
	t->slot = calloc(t->mask + 1, sizeof *t->slot);
	groups_open(&t->groups, t->seed);
	if (t->slot == NULL || t->groups.bucket == NULL) {
		template_table_free(t);
		return NULL;
	}
	return t;
}

/* ---- the table -------------------------------------------------------------------------------- */

static void
template_free(struct template_table *t, struct template *p)
{
	groups_leave(&t->groups, p);
	free(p->program);
	free(p);
}

void
template_table_free(struct template_table *t)
{
	if (t == NULL)
		return;
	for (uint32_t i = 0; t->slot && t->groups.bucket && i <= t->mask; i++)
		if (t->slot[i])
			template_free(t, t->slot[i]);
	groups_close(&t->groups);
	free(t->slot);
	free(t);
}

unsigned
template_count(const struct template_table *t)
{
	return t->used - t->groups.n_void;
}

uint64_t
template_steps(const struct template_table *t)
{
	return t->steps + t->groups.steps;
}

/* what a template is known by: its key in the file */
static struct learn_key
key_of(uint32_t exporter, uint8_t version, uint32_t domain, uint32_t connection, uint16_t id)
{
	return (struct learn_key){.kind = LEARN_TEMPLATE,
		.version = version,
		.exporter = exporter,
		.domain = domain,
		.id = id,
		.sub = connection};
}

static struct learn_key
own_key(const struct template *t)
{
	return key_of(t->exporter, t->version, t->domain, t->connection, t->id);
}

static uint32_t
locate(struct template_table *t, const struct learn_key *k)
{
	uint64_t h = hash_mix(((uint64_t)k->exporter << 32 | k->domain) ^ t->seed,
		k->sub << 32 | (uint64_t)k->version << 16 | k->id);
	uint32_t i = (uint32_t)h & t->mask;
	for (const struct template *p; t->steps++, (p = t->slot[i]) != NULL; i = (i + 1) & t->mask)
		if (p->id == k->id && p->exporter == k->exporter && p->domain == k->domain &&
			p->version == k->version && p->connection == k->sub)
			break;
	return i;
}

static void
grow(struct template_table *t)
{
	struct template **was = t->slot;
	uint32_t n = t->mask + 1;
	t->mask = n * 2 - 1;
	t->slot = calloc((size_t)n * 2, sizeof *t->slot);
	CHECK(t->slot != NULL);
	for (uint32_t i = 0; i < n; i++)
		if (was[i]) {
			struct learn_key k = own_key(was[i]);
			t->slot[locate(t, &k)] = was[i];
		}
	free(was);
}

static void
insert(struct template_table *t, struct template *new)
{
	if (t->used * 2 > t->mask)
		grow(t);
	struct learn_key k = own_key(new);
	uint32_t i = locate(t, &k);
	if (t->slot[i])
		template_free(t, t->slot[i]);
	else
		t->used++;
	t->slot[i] = new;
	groups_join(&t->groups, new);
}

static void
take_out(struct template_table *t, uint32_t i)
{
	template_free(t, t->slot[i]);
	t->slot[i] = NULL;
	t->used--;
	/* what stood behind it moves up, so that a search never stops at the hole */
	for (uint32_t j = (i + 1) & t->mask; t->slot[j]; j = (j + 1) & t->mask) {
		struct template *p = t->slot[j];
		t->slot[j] = NULL;
		struct learn_key k = own_key(p);
		t->slot[locate(t, &k)] = p;
	}
}

static void
forget(struct decoder *d, struct template *t)
{
	struct learn_key key = own_key(t);
	learn_del(d->learn, &key);
	take_out(d->templates, locate(d->templates, &key));
}

/* two of those that are void */
static void
clear_away(struct decoder *d)
{
	struct template *t;
	for (unsigned i = 0; i < 2 && (t = groups_void(&d->templates->groups)) != NULL; i++)
		forget(d, t);
}

struct template *
template_find(const struct message *m, uint16_t id)
{
	struct template_table *table = m->d->templates;
	struct learn_key k = key_of(m->exporter, m->version, m->domain, m->d->connection, id);
	struct template *t = table->slot[locate(table, &k)];
	if (t == NULL || t->group == NULL || !t->group->aside)
		return t;
	forget(m->d, t);
	return NULL;
}

static void
remember(struct decoder *d, const struct template *t)
{
	uint32_t start = d->templates->start;
	struct {
		struct stored s;
		struct template_field field[PROGRAM_FIELDS];
	} v; /* as far as it is used */
	v.s = (struct stored){t->n_fields, t->n_scope, t->options,
		{(uint8_t)(start >> 16), (uint8_t)(start >> 8), (uint8_t)start}};
	struct learn_key key = own_key(t);
	memcpy(v.field, t->field, t->n_fields * sizeof t->field[0]);
	learn_put(d->learn, &key, &v, sizeof v.s + t->n_fields * sizeof t->field[0]);
}

static struct template *
make(const struct learn_key *key, const struct template_field *field, unsigned n, unsigned n_scope,
	bool options)
{
	struct template *t = calloc(1, sizeof *t + n * sizeof t->field[0]);
	CHECK(t != NULL);
	*t = (struct template){.exporter = key->exporter,
		.domain = key->domain,
		.connection = (uint32_t)key->sub,
		.id = (uint16_t)key->id,
		.version = key->version,
		.options = options,
		.n_fields = (uint16_t)n,
		.n_scope = (uint16_t)n_scope};
	memcpy(t->field, field, n * sizeof *field);
	t->program = program_compile(t->field, n, key->version, options ? n_scope : 0);
	CHECK(t->program != NULL);
	return t;
}

static void
learn_template(struct message *m, uint16_t id, const struct template_field *field, unsigned n,
	unsigned n_scope, bool options)
{
	struct decoder *d = m->d;
	struct template *old = template_find(m, id);
	if (old && old->n_fields == n && old->n_scope == n_scope && old->options == options &&
		memcmp(old->field, field, n * sizeof *field) == 0) {
		if (old->provisional) {
			groups_leave(&d->templates->groups, old);
			old->provisional = false;
			remember(d, old);
		}
		return;
	}
	if (old == NULL)
		clear_away(d);
	if (old == NULL &&
		(d->work.templates >= d->limits.templates || d->templates->used >= TEMPLATES_MAX)) {
		d->totals.bound_hits++;
		source_undecodable(m, id, "more templates than maxtemplates allows");
		return;
	}
	if (old == NULL)
		d->work.templates++;
	struct learn_key key = key_of(m->exporter, m->version, m->domain, d->connection, id);
	struct template *t = make(&key, field, n, n_scope, options);
	insert(d->templates, t);
	remember(d, t);
	if (!m->replay)
		sets_waited(m, id);
}

static void
refuse(struct message *m, uint16_t id, const char *why)
{
	struct decoder *d = m->d;
	struct template *old = template_find(m, id);
	source_undecodable(m, id, why);
	if (old) {
		forget(d, old);
		if (d->work.templates > 0)
			d->work.templates--;
	}
}

/* One template, or with the set's own id all of its kind (RFC 7011 section 8.1). */
static void
withdraw(struct message *m, uint16_t id, bool options)
{
	struct decoder *d = m->d;
	if (d->connection == 0)
		return;
	if (id >= SETS_TEMPLATE_MIN) {
		struct template *t = template_find(m, id);
		if (t) {
			forget(d, t);
			d->work.templates -= d->work.templates > 0;
		}
		return;
	}
	const struct template_group *g = groups_find(
		&d->templates->groups, m->exporter, m->version, m->domain, d->connection, options);
	for (uint32_t left = g ? g->n : 0; left > 0; left--) { /* the last one takes the group with it */
		d->templates->steps++;
		forget(d, g->first);
		d->work.templates -= d->work.templates > 0;
	}
}

/* NULL, or why the template can't be used */
static const char *
judge(const struct template_field *field, unsigned n, bool v9)
{
	unsigned bytes = 0;
	for (unsigned i = 0; i < n; i++) {
		/* in v9 65535 is a length like any other, and no record is that long */
		if (v9 && field[i].length == PROGRAM_VARIABLE)
			return "template with a field of 65535 bytes";
		bytes += field[i].length == PROGRAM_VARIABLE ? 1 : field[i].length;
	}
	if (bytes == 0)
		return "template whose records have no bytes";
	return bytes > 65535 ? "template whose records are longer than a datagram" : NULL;
}

static void
read_fields(struct cursor *c, unsigned n, bool v9, struct template_field *field)
{
	for (unsigned i = 0; i < n; i++) {
		uint16_t id = cursor_u16(c), length = cursor_u16(c);
		uint32_t pen = 0;
		/* the enterprise bit; in v9 the whole word is the id (some vendors use high ones) */
		if (!v9 && (id & 0x8000)) {
			pen = cursor_u32(c);
			id &= 0x7fff;
		}
		field[i] = (struct template_field){pen, id, length};
	}
}

void
template_set(struct message *m, struct cursor c, bool options)
{
	struct template_field field[PROGRAM_FIELDS];
	bool v9 = m->version == 9;
	/* fewer than four bytes, or a template id of 0, is padding */
	while (!m->d->stopped && cursor_left(&c) >= 4) {
		uint16_t id = cursor_u16(&c), n, n_scope = 0;
		if (options && v9) {
			/* lengths in bytes (RFC 3954 section 6.1) */
			n_scope = cursor_u16(&c) / 4;
			n = (uint16_t)(n_scope + cursor_u16(&c) / 4);
		} else {
			n = cursor_u16(&c);
			if (options && n > 0)
				n_scope = cursor_u16(&c);
		}
		if (id == 0 && n == 0)
			return;
		if (n == 0 && !v9) {
			withdraw(m, id, options);
			continue;
		}
		if (id < SETS_TEMPLATE_MIN) {
			source_undecodable(m, id, "template id below 256");
			return;
		}
		if (n > PROGRAM_FIELDS || n_scope > n || (options && !v9 && n_scope == 0)) {
			refuse(m, id,
				n > PROGRAM_FIELDS ? "template with too many fields"
						   : "options template with a bad scope");
			return;
		}
		read_fields(&c, n, v9, field);
		if (c.bad) {
			refuse(m, id, "template cut short");
			return;
		}
		const char *why = judge(field, n, v9);
		if (why)
			refuse(m, id, why);
		else
			learn_template(m, id, field, n, n_scope, options);
	}
}

/* ---- the file --------------------------------------------------------------------------------- */

static int
load_one(void *ctx, const struct learn_key *key, const uint8_t *value, size_t n)
{
	struct decoder *d = ctx;
	struct template_field field[PROGRAM_FIELDS];
	struct stored s;
	if (n < sizeof s)
		return 0;
	memcpy(&s, value, sizeof s);
	if (s.n_fields == 0 || s.n_fields > PROGRAM_FIELDS || n != sizeof s + s.n_fields * sizeof field[0])
		return 0;
	memcpy(field, value + sizeof s, s.n_fields * sizeof field[0]);
	struct template *t = make(key, field, s.n_fields, s.n_scope, s.options != 0);
	t->provisional = t->connection == 0; /* a connection that is still open vouches for its own */
	t->start = (uint32_t)s.start[0] << 16 | (uint32_t)s.start[1] << 8 | s.start[2];
	insert(d->templates, t);
	return 0;
}

static int
load_start(void *ctx, const struct learn_key *key, const uint8_t *value, size_t n)
{
	struct decoder *d = ctx;
	(void)key;
	if (n == sizeof d->templates->start)
		memcpy(&d->templates->start, value, n);
	return 0;
}

struct voids {
	struct void_source {
		struct learn_key key;
		uint32_t start;
	} * of;
	size_t n, room;
};

static int
load_void(void *ctx, const struct learn_key *key, const uint8_t *value, size_t n)
{
	struct voids *v = ctx;
	if (n != sizeof v->of->start)
		return 0;
	if (v->n == v->room) {
		v->room = v->room ? v->room * 2 : 64;
		v->of = realloc(v->of, v->room * sizeof *v->of);
		CHECK(v->of != NULL);
	}
	v->of[v->n].key = *key;
	memcpy(&v->of[v->n++].start, value, n);
	return 0;
}

/* what a restart of the exporter had made void, and was not taken out yet */
static void
drop_void(struct decoder *d, const struct void_source *v)
{
	const struct learn_key *k = &v->key;
	const struct template_group *g =
		groups_find(&d->templates->groups, k->exporter, k->version, k->domain, 0, false);
	for (struct template *t = g ? g->first : NULL, *next; t; t = next) {
		next = t->group_next;
		if (t->start < v->start)
			forget(d, t);
	}
	learn_del(d->learn, k);
}

int
template_load(struct decoder *d, struct err *err)
{
	struct voids v = {NULL, 0, 0};
	const struct learn_key key = {.kind = LEARN_START};
	int rc = learn_each(d->learn, LEARN_TEMPLATE, load_one, d, err);
	if (rc == 0)
		rc = learn_each(d->learn, LEARN_START, load_start, d, err);
	if (rc == 0)
		rc = learn_each(d->learn, LEARN_VOID, load_void, &v, err);
	for (size_t i = 0; rc == 0 && i < v.n; i++)
		drop_void(d, &v.of[i]);
	free(v.of);
	if (rc == 0) {
		d->templates->start++;
		learn_put(d->learn, &key, &d->templates->start, sizeof d->templates->start);
	}
	return rc;
}

void
template_restart(struct decoder *d, uint32_t exporter, uint8_t version, uint32_t domain)
{
	struct template_table *t = d->templates;
	struct template_group *g = groups_find(&t->groups, exporter, version, domain, 0, false);
	const struct learn_key key = {
		.kind = LEARN_VOID, .version = version, .exporter = exporter, .domain = domain};
	if (g == NULL)
		return;
	d->work.templates -= g->n < d->work.templates ? g->n : d->work.templates;
	groups_put_aside(&t->groups, g);
	learn_put(d->learn, &key, &t->start, sizeof t->start);
}

void
template_forget(struct decoder *d, uint32_t exporter)
{
	for (uint32_t i = 0; i <= d->templates->mask;) {
		struct template *t = d->templates->slot[i];
		if (t && t->exporter == exporter && t->connection == 0)
			forget(d, t); /* another may have moved into this place: look again */
		else
			i++;
	}
}

void
template_disconnect(struct decoder *d, bool (*gone)(void *ctx, uint32_t connection), void *ctx)
{
	for (uint32_t i = 0; i <= d->templates->mask;) {
		struct template *t = d->templates->slot[i];
		if (t && t->connection && gone(ctx, t->connection))
			forget(d, t); /* another may have moved into this place: look again */
		else
			i++;
	}
}

void
template_count_known(const struct decoder *d, struct ft_source *s)
{
	if (s->connection)
		return;
	const struct template_group *g =
		groups_find(&d->templates->groups, s->exporter, s->version, s->domain, 0, false);
	s->templates += g ? g->n : 0;
}
