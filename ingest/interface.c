/*
 * interface.c - see interface.h.
 *
 * What is told of an interface is compared with the version in force at that time.  Nothing new: nothing happens.  A
 * value that was not known is filled in.  A value that changed begins a new version at that time; with another name it
 * is another interface, of which the description and speed of the old one say nothing.
 */
#include "ingest/interface.h"

#include <stdlib.h>
#include <string.h>

#include "common/guid.h"
#include "common/hash.h"
#include "common/log.h"
#include "ingest/interface_store.h"
#include "ingest/label.h"

static const uint8_t no_guid[16];
/* Of a batch that changes n, FLUSH_LEAST + n / FLUSH_SHARE are written; SETTLE by housekeeping. */
enum { FLUSH_LEAST = 16, FLUSH_SHARE = 16, SETTLE = 2000 };

/* ---- the segment ------------------------------------------------------------------------------ */

static uint32_t *
chain(const struct interface_table *x, const uint8_t *address, const uint8_t *guid, uint8_t kind,
	uint32_t index)
{
	uint64_t h = hash_mix(hash_16(address, hash_secret()), hash_16(guid, (uint64_t)kind << 32 | index));
	return &x->bucket[h & x->mask];
}

static bool
same(const struct ft_interface *i, const uint8_t *address, const uint8_t *guid, uint8_t kind, uint32_t index)
{
	return i->index == index && i->kind == kind && memcmp(i->address, address, 16) == 0 &&
	       memcmp(i->guid, guid, 16) == 0;
}

static void
change_begin(struct interface_table *x)
{
	atomic_store_explicit(&x->t->version, atomic_load_explicit(&x->t->version, memory_order_relaxed) | 1,
		memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static void
change_end(struct interface_table *x)
{
	atomic_store_explicit(&x->t->version,
		(atomic_load_explicit(&x->t->version, memory_order_relaxed) | 1) + 1, memory_order_release);
}

void
interfaces_flush(struct interface_table *x)
{
	if (atomic_load_explicit(&x->waiting, memory_order_relaxed) == 0)
		return; /* this thread's own changes it would see */
	pthread_mutex_lock(&x->mutex);
	interface_store_write(x, FLUSH_LEAST + interface_store_news(x) / FLUSH_SHARE);
	pthread_mutex_unlock(&x->mutex);
}

void
interfaces_settle(struct interface_table *x)
{
	pthread_mutex_lock(&x->mutex);
	interface_store_write(x, SETTLE);
	pthread_mutex_unlock(&x->mutex);
}

/* ---- slots ------------------------------------------------------------------------------------ */

static void
unchain(struct interface_table *x, uint32_t slot)
{
	const struct ft_interface *i = &x->t->slot[slot];
	uint32_t *at = chain(x, i->address, i->guid, i->kind, i->index);
	while (*at && *at != slot + 1)
		at = &x->next[*at - 1];
	if (*at)
		*at = x->next[slot];
	if (i->exporter <= x->exporters && x->by_exporter[i->exporter] > 0)
		x->by_exporter[i->exporter]--;
}

static void
enchain(struct interface_table *x, uint32_t slot)
{
	const struct ft_interface *i = &x->t->slot[slot];
	uint32_t *at = chain(x, i->address, i->guid, i->kind, i->index);
	x->next[slot] = *at;
	*at = slot + 1;
	if (i->exporter <= x->exporters)
		x->by_exporter[i->exporter]++;
}

static void
write_slot(struct interface_table *x, uint32_t slot, const struct ft_interface *i)
{
	change_begin(x);
	x->t->slot[slot] = *i;
	if (slot >= x->t->count)
		x->t->count = slot + 1;
	change_end(x);
}

/* ---- learning --------------------------------------------------------------------------------- */

struct versions { /* of one interface */
	uint32_t slot[FT_INTERFACE_VERSIONS + 1];
	unsigned n;
};

static struct versions
versions_of(const struct interface_table *x, const uint8_t *address, const uint8_t *guid, uint8_t kind,
	uint32_t index)
{
	struct versions v = {.n = 0};
	for (uint32_t s = *chain(x, address, guid, kind, index); s && v.n <= FT_INTERFACE_VERSIONS;
		s = x->next[s - 1])
		if (same(&x->t->slot[s - 1], address, guid, kind, index))
			v.slot[v.n++] = s - 1;
	return v;
}

uint32_t
interface_slot(const struct interface_table *x, const struct ft_interface *i)
{
	uint32_t s = *chain(x, i->address, i->guid, i->kind, i->index);
	for (; s; s = x->next[s - 1])
		if (same(&x->t->slot[s - 1], i->address, i->guid, i->kind, i->index) &&
			x->t->slot[s - 1].since_us == i->since_us)
			return s - 1;
	return x->t->capacity;
}

/* in force at a time: the latest not after it, else the first; -1: there is none */
static int
in_force(const struct interface_table *x, const struct versions *v, int64_t at_us)
{
	int best = -1, first = -1;
	for (unsigned i = 0; i < v->n; i++) {
		int64_t since = x->t->slot[v->slot[i]].since_us;
		if (first < 0 || since < x->t->slot[v->slot[first]].since_us)
			first = (int)i;
		if (since <= at_us && (best < 0 || since > x->t->slot[v->slot[best]].since_us))
			best = (int)i;
	}
	return best >= 0 ? best : first;
}

enum { NO_NEWS = 0, NEWS_FILLED = 1, NEWS_CHANGED = 2 };

static int
set_text(char *have, size_t room, uint8_t *from, const uint8_t *p, size_t n, uint8_t who)
{
	char text[sizeof((struct ft_interface *)0)->description];
	size_t used = p ? label_clean(text, room - 1, p, n) : 0;
	if (used == 0)
		return NO_NEWS;
	text[used] = 0;
	if (strcmp(have, text) == 0) {
		bool stronger = who > *from;
		*from = stronger ? who : *from;
		return stronger ? NEWS_FILLED : NO_NEWS;
	}
	if (*have && who < *from)
		return NO_NEWS;
	int news = *have ? NEWS_CHANGED : NEWS_FILLED;
	memset(have, 0, room);
	memcpy(have, text, used);
	*from = who;
	return news;
}

static int
set_speed(struct ft_interface *i, const struct interface_says *s)
{
	if (s->speed == 0 || (s->speed == i->speed && s->from <= i->from_speed) ||
		(i->speed && s->speed != i->speed && s->from < i->from_speed))
		return NO_NEWS;
	int news = i->speed && i->speed != s->speed ? NEWS_CHANGED : NEWS_FILLED;
	i->speed = s->speed;
	i->from_speed = s->from;
	return news;
}

static int
merge(struct ft_interface *i, const struct interface_says *s)
{
	int name = set_text(i->name, sizeof i->name, &i->from_name, s->name, s->name_n, s->from), most = name;
	if (name == NEWS_CHANGED) {
		memset(i->description, 0, sizeof i->description);
		i->speed = i->from_description = i->from_speed = 0;
	}
	int d = set_text(i->description, sizeof i->description, &i->from_description, s->description,
		s->description_n, s->from);
	int v = set_speed(i, s);
	most = d > most ? d : most;
	return v > most ? v : most;
}

static bool
has_room(const struct interface_table *x, uint32_t exporter)
{
	return exporter == 0 ||
	       (exporter <= x->exporters && x->by_exporter[exporter] < (x->t->capacity + 1) / 2);
}

/* a free slot; capacity: there is none */
static uint32_t
free_slot(const struct interface_table *x)
{
	if (x->hole)
		return x->hole - 1;
	return x->t->count; /* is capacity, if there is none */
}

/* A version more; of too many the oldest goes, its slot is taken over. */
static bool
add(struct interface_table *x, const struct versions *v, const struct ft_interface *i)
{
	bool full = v->n >= FT_INTERFACE_VERSIONS;
	uint32_t slot;
	if (full) {
		unsigned oldest = 0;
		for (unsigned k = 1; k < v->n; k++)
			if (x->t->slot[v->slot[k]].since_us < x->t->slot[v->slot[oldest]].since_us)
				oldest = k;
		slot = v->slot[oldest];
	} else if (!has_room(x, i->exporter) || (slot = free_slot(x)) == x->t->capacity)
		return false;
	if (full)
		unchain(x, slot);
	else if (x->hole)
		x->hole = x->next[slot];
	write_slot(x, slot, i);
	enchain(x, slot);
	interface_store_note(x, slot);
	return true;
}

static bool
learn(struct interface_table *x, const struct interface_says *s)
{
	const uint8_t *guid = s->guid ? s->guid : no_guid;
	struct versions v = versions_of(x, s->address, guid, s->kind, s->index);
	int now = in_force(x, &v, s->at_us);
	struct ft_interface i = {
		.index = s->index, .kind = s->kind, .used = 1, .exporter = s->exporter, .since_us = s->at_us};
	if (now >= 0)
		i = x->t->slot[v.slot[now]];
	memcpy(i.address, s->address, 16);
	memcpy(i.guid, guid, 16);
	int news = merge(&i, s);
	if (news == NO_NEWS && (now >= 0 || s->from != FT_FROM_NOBODY))
		return true;
	i.role = role_of(&x->rules, &i);
	if (now < 0)
		return add(x, &v, &i);
	if (news == NEWS_FILLED || i.since_us == s->at_us) {
		write_slot(x, v.slot[now], &i);
		interface_store_note(x, v.slot[now]);
		return true;
	}
	i.since_us = s->at_us;
	i.exporter = s->exporter;
	return add(x, &v, &i);
}

bool
interfaces_learn(struct interface_table *x, const struct interface_says *s)
{
	pthread_mutex_lock(&x->mutex);
	bool good = learn(x, s);
	pthread_mutex_unlock(&x->mutex);
	return good;
}

void
interfaces_release(struct interface_table *x, uint8_t from)
{
	pthread_mutex_lock(&x->mutex);
	change_begin(x);
	for (uint32_t s = 0; s < x->t->count; s++) {
		struct ft_interface *i = &x->t->slot[s];
		i->from_name = i->from_name == from ? FT_FROM_EXPORTER : i->from_name;
		i->from_description = i->from_description == from ? FT_FROM_EXPORTER : i->from_description;
		i->from_speed = i->from_speed == from ? FT_FROM_EXPORTER : i->from_speed;
	}
	change_end(x);
	pthread_mutex_unlock(&x->mutex);
}

/* ---- rules ------------------------------------------------------------------------------------ */

static int
rule_write(struct interface_table *x, uint32_t number, const struct role_rule *r, struct err *err)
{
	const uint8_t key[4] = {
		(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
	struct kv_txn *t;
	unsigned db;
	if (x->kv == NULL)
		return 0;
	int rc = kv_begin(x->kv, true, &t, err);
	if (rc != 0)
		return rc;
	rc = kv_db(t, "roles", &db, err);
	if (rc == 0)
		rc = r ? kv_put(t, db, key, sizeof key, r, sizeof *r, err)
		       : kv_del(t, db, key, sizeof key, err);
	if (rc == 0 || (r == NULL && rc == FT_ENOENT))
		return kv_commit(t, err);
	kv_abort(t);
	return rc;
}

static void
apply_rules(struct interface_table *x)
{
	change_begin(x);
	for (uint32_t s = 0; s < x->t->count; s++)
		x->t->slot[s].role = role_of(&x->rules, &x->t->slot[s]);
	change_end(x);
}

static int
rule_drop(struct interface_table *x, unsigned k, struct err *err)
{
	struct role_rules *r = &x->rules;
	int rc = rule_write(x, r->rule[k].number, NULL, err);
	if (rc != 0)
		return rc;
	memmove(&r->rule[k], &r->rule[k + 1], (r->n - k - 1) * sizeof r->rule[0]);
	r->n--;
	return 0;
}

static int
rule_add(struct interface_table *x, struct role_rule *r, struct err *err)
{
	struct role_rules *all = &x->rules;
	int rc = 0;
	for (unsigned k = 0; rc == 0 && r->by == ROLE_BY_HAND && k < all->n; k++)
		if (all->rule[k].by == ROLE_BY_HAND && all->rule[k].index == r->index &&
			memcmp(all->rule[k].address, r->address, 16) == 0)
			rc = rule_drop(x, k--, err);
	if (rc != 0)
		return rc;
	if (all->n == ROLE_RULES)
		return err_set(err, FT_EFULL, "there are %u rules already, which is the most: forget some",
			ROLE_RULES);
	r->number = all->n ? all->rule[all->n - 1].number + 1 : 1;
	rc = rule_write(x, r->number, r, err);
	if (rc != 0)
		return rc;
	all->rule[all->n++] = *r;
	if (r->by == ROLE_BY_HAND &&
		versions_of(x, r->address, no_guid, FT_KIND_INTERFACE, r->index).n == 0) {
		/* nobody has told of it: so that readers find its role, it is entered, true at all times */
		struct interface_says says = {.address = r->address, .index = r->index, .at_us = INT64_MIN};
		(void)learn(x, &says);
	}
	return 0;
}

int
interfaces_rule_add(struct interface_table *x, struct role_rule *r, struct err *err)
{
	pthread_mutex_lock(&x->mutex);
	int rc = rule_add(x, r, err);
	interface_store_write(x, UINT32_MAX);
	apply_rules(x);
	pthread_mutex_unlock(&x->mutex);
	return rc;
}

int
interfaces_rule_forget(struct interface_table *x, uint32_t number, struct err *err)
{
	pthread_mutex_lock(&x->mutex);
	int rc = err_set(err, FT_ENOENT, "there is no rule %u: `ft-ctl interfaces rules` lists them", number);
	for (unsigned k = 0; k < x->rules.n; k++)
		if (x->rules.rule[k].number == number) {
			rc = rule_drop(x, k, err);
			break;
		}
	apply_rules(x);
	pthread_mutex_unlock(&x->mutex);
	return rc;
}

void
interfaces_forget(struct interface_table *x, const uint8_t *address, const uint8_t *guid)
{
	struct err err;
	pthread_mutex_lock(&x->mutex);
	for (unsigned k = 0; k < x->rules.n && guid_none(guid);)
		if (x->rules.rule[k].by != ROLE_BY_HAND ||
			memcmp(x->rules.rule[k].address, address, 16) != 0 || rule_drop(x, k, &err) != 0)
			k++;
	for (uint32_t s = 0; s < x->t->count; s++) {
		struct ft_interface *i = &x->t->slot[s];
		if (!i->used || memcmp(i->address, address, 16) != 0 || memcmp(i->guid, guid, 16) != 0)
			continue;
		unchain(x, s);
		write_slot(x, s, &(struct ft_interface){.used = 0});
		x->next[s] = x->hole;
		x->hole = s + 1;
		interface_store_note(x, s);
	}
	interface_store_write(x, UINT32_MAX);
	pthread_mutex_unlock(&x->mutex);
}

/* ---- opening ---------------------------------------------------------------------------------- */

static int
load_rules(struct interface_table *x, struct kv_txn *t, struct err *err)
{
	struct kv_cursor *c = NULL;
	struct kv_bytes k, v;
	unsigned db;
	int rc = kv_db(t, "roles", &db, err);
	if (rc == 0)
		rc = kv_cursor_open(t, db, &c);
	for (int at = rc ? rc : kv_cursor_seek(c, NULL, 0, &k, &v); at == 0; at = kv_cursor_next(c, &k, &v)) {
		struct role_rule *r = &x->rules.rule[x->rules.n];
		if (x->rules.n == ROLE_RULES || v.n != sizeof *r)
			continue;
		memcpy(r, v.p, sizeof *r);
		r->pattern[ROLE_PATTERN - 1] = 0;
		x->rules.n++;
	}
	kv_cursor_close(c);
	return rc;
}

/* What the segment has is true, if nobody was killed writing it: it may have more than the file. */
static int
load_slots(struct interface_table *x, bool whole, struct kv_txn *t, struct err *err)
{
	int rc = 0;
	if (!whole) {
		x->t->count = 0;
		rc = interface_store_load(x, t, err);
	}
	for (uint32_t s = 0; s < x->t->count; s++) {
		struct ft_interface *i = &x->t->slot[s];
		if (i->used) {
			i->role = role_of(&x->rules, i);
			enchain(x, s);
		} else {
			x->next[s] = x->hole;
			x->hole = s + 1;
		}
	}
	for (uint32_t s = x->t->count; s < x->t->capacity && x->t->slot[s].used; s++)
		memset(&x->t->slot[s], 0, sizeof x->t->slot[s]);
	return rc == 0 && whole ? interface_store_compare(x, t, err) : rc;
}

static int
load(struct interface_table *x, bool made, struct err *err)
{
	struct kv_txn *t;
	bool torn = atomic_load_explicit(&x->t->version, memory_order_relaxed) & 1;
	if (x->kv == NULL)
		return 0;
	int rc = kv_begin(x->kv, true, &t, err);
	if (rc != 0)
		return rc;
	change_begin(x);
	rc = load_rules(x, t, err);
	if (rc == 0)
		rc = load_slots(x, !made && !torn && x->t->count <= x->t->capacity, t, err);
	change_end(x);
	if (rc == 0)
		return kv_commit(t, err);
	kv_abort(t);
	return rc;
}

int
interfaces_open(struct interface_table *x, const char *shm_dir, struct kv *kv, uint32_t most,
	uint32_t exporters, struct err *err)
{
	static const struct shm_kind kind = {
		FT_INTERFACES_MAGIC, FT_INTERFACES_VERSION, FT_INTERFACES_LAYOUT};
	bool made;
	memset(x, 0, sizeof *x);
	x->kv = kv;
	x->exporters = exporters;
	pthread_mutex_init(&x->mutex, NULL);
	int rc = shm_open_or_create(&x->shm, shm_dir, "interfaces", &kind,
		sizeof(struct ft_interfaces) + (size_t)most * sizeof(struct ft_interface), &made, err);
	if (rc != 0)
		return rc;
	x->t = x->shm.base;
	if (made)
		x->t->capacity = most;
	for (x->mask = 255; x->mask < x->t->capacity; x->mask = x->mask * 2 + 1) {
	}
	x->bucket = calloc((size_t)x->mask + 1, sizeof *x->bucket);
	x->next = calloc(x->t->capacity, sizeof *x->next);
	x->by_exporter = calloc((size_t)exporters + 1, sizeof *x->by_exporter);
	x->store = interface_store_new(x->t->capacity);
	if (x->store == NULL || x->bucket == NULL || x->next == NULL || x->by_exporter == NULL)
		return err_set(err, FT_ENOMEM, "out of memory for %u interfaces", x->t->capacity);
	rc = load(x, made, err);
	return rc == 0 && made ? shm_publish(&x->shm, err) : rc;
}

void
interfaces_close(struct interface_table *x)
{
	if (x->store)
		interface_store_write(x, UINT32_MAX);
	interface_store_free(x->store);
	free(x->bucket);
	free(x->next);
	free(x->by_exporter);
	shm_close(&x->shm);
	pthread_mutex_destroy(&x->mutex);
}
