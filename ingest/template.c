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
 * neither may look at the whole table.  Templates that either can happen to are also in chains by (exporter, version,
 * domain, connection, kind): provisional ones, and those of connections.  A confirmed one of datagrams is in none.  A
 * chain is walked to be emptied, so what a datagram costs here was paid for by the templates that once came or were
 * loaded, and is at most `maxtemplates` steps.
 */
#include "ingest/template.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"

struct template_table {
	struct template **slot;  /* open addressing; a deleted place is closed up */
	struct template **group; /* heads of chains, as many as slots */
	uint64_t seed;           /* a sender can't foresee which templates share a place */
	uint32_t mask, used;
	uint64_t steps;
};

/* what the file has of a template, fields behind it */
struct stored {
	uint16_t n_fields, n_scope;
	uint8_t options, pad[3];
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
	t->group = calloc(t->mask + 1, sizeof *t->group);
	if (t->slot == NULL || t->group == NULL) {
		template_table_free(t);
		return NULL;
	}
	return t;
}

/* ---- groups ----------------------------------------------------------------------------------- */

static struct template **
chain(const struct template_table *t, uint32_t exporter, uint8_t version, uint32_t domain,
	uint32_t connection, bool options)
{
	/* provisional ones are void or counted together, whatever their kind */
	uint64_t kind = (uint64_t)version << 1 | (connection && options);
	uint64_t h =
		hash_mix(((uint64_t)exporter << 32 | domain) ^ t->seed, (uint64_t)connection << 32 | kind);
	return &t->group[(uint32_t)h & t->mask];
}

static void
join(struct template_table *t, struct template *p)
{
	if (p->connection == 0 && !p->provisional)
		return;
	struct template **head = chain(t, p->exporter, p->version, p->domain, p->connection, p->options);
	p->group_next = *head;
	p->group_at = head;
	if (p->group_next)
		p->group_next->group_at = &p->group_next;
	*head = p;
}

static void
leave(struct template *p)
{
	if (p->group_at == NULL)
		return;
	*p->group_at = p->group_next;
	if (p->group_next)
		p->group_next->group_at = p->group_at;
	p->group_at = NULL;
	p->group_next = NULL;
}

static bool
is_of(const struct template *p, uint32_t exporter, uint8_t version, uint32_t domain, uint32_t connection)
{
	return p->exporter == exporter && p->version == version && p->domain == domain &&
	       p->connection == connection;
}

/* ---- the table -------------------------------------------------------------------------------- */

static void
template_free(struct template *t)
{
	leave(t);
	free(t->program);
	free(t);
}

void
template_table_free(struct template_table *t)
{
	if (t == NULL)
		return;
	for (uint32_t i = 0; t->slot && t->group && i <= t->mask; i++)
		if (t->slot[i])
			template_free(t->slot[i]);
	free(t->slot);
	free(t->group);
	free(t);
}

unsigned
template_count(const struct template_table *t)
{
	return t->used;
}

uint64_t
template_steps(const struct template_table *t)
{
	return t->steps;
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

struct template *
template_find(const struct message *m, uint16_t id)
{
	struct learn_key k = key_of(m->exporter, m->version, m->domain, m->d->connection, id);
	return m->d->templates->slot[locate(m->d->templates, &k)];
}

static void
grow(struct template_table *t)
{
	struct template **was = t->slot;
	uint32_t n = t->mask + 1;
	t->mask = n * 2 - 1;
	free(t->group);
	t->slot = calloc((size_t)n * 2, sizeof *t->slot);
	t->group = calloc((size_t)n * 2, sizeof *t->group);
	CHECK(t->slot != NULL && t->group != NULL);
	for (uint32_t i = 0; i < n; i++)
		if (was[i]) {
			join(t, was[i]);
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
		template_free(t->slot[i]);
	else
		t->used++;
	t->slot[i] = new;
	join(t, new);
}

static void
take_out(struct template_table *t, uint32_t i)
{
	template_free(t->slot[i]);
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

static void
remember(struct decoder *d, const struct template *t)
{
	struct {
		struct stored s;
		struct template_field field[PROGRAM_FIELDS];
	} v; /* as far as it is used */
	v.s = (struct stored){t->n_fields, t->n_scope, t->options, {0}};
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
		if (old->provisional)
			leave(old);
		old->provisional = false;
		return;
	}
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
	struct template *next =
		*chain(d->templates, m->exporter, m->version, m->domain, d->connection, options);
	for (struct template *t; (t = next) != NULL;) {
		next = t->group_next;
		d->templates->steps++;
		if (is_of(t, m->exporter, m->version, m->domain, d->connection) && t->options == options) {
			forget(d, t);
			d->work.templates -= d->work.templates > 0;
		}
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
	insert(d->templates, t);
	return 0;
}

int
template_load(struct decoder *d, struct err *err)
{
	return learn_each(d->learn, LEARN_TEMPLATE, load_one, d, err);
}

void
template_restart(struct decoder *d, uint32_t exporter, uint8_t version, uint32_t domain)
{
	struct template *next = *chain(d->templates, exporter, version, domain, 0, false);
	for (struct template *t; (t = next) != NULL;) {
		next = t->group_next;
		d->templates->steps++;
		if (is_of(t, exporter, version, domain, 0)) {
			forget(d, t);
			d->work.templates -= d->work.templates > 0;
		}
	}
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
	for (const struct template *t = *chain(d->templates, s->exporter, s->version, s->domain, 0, false); t;
		t = t->group_next) {
		d->templates->steps++;
		s->templates += is_of(t, s->exporter, s->version, s->domain, 0);
	}
}
