/*
 * journal.c - see journal.h.
 */
#include "ingest/journal.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"

/* Small enough that LMDB keeps a record inside a page of its tree, two a page. */
enum { RECORD_BYTES = 1800 };

struct journal *
journal_new(void)
{
	struct journal *j = calloc(1, sizeof *j);
	CHECK(j != NULL);
	j->mask = 63;
	j->place = calloc(j->mask + 1, sizeof *j->place);
	CHECK(j->place != NULL);
	return j;
}

void
journal_free(struct journal *j)
{
	for (struct record *r = j ? j->head : NULL, *next; r; r = next) {
		next = r->next;
		free(r);
	}
	if (j)
		free(j->place);
	free(j);
}

/* ---- the index -------------------------------------------------------------------------------- */

static uint32_t
hash_key(const struct learn_key *k)
{
	return (uint32_t)hash_mix((uint64_t)k->exporter << 32 | k->domain,
		hash_mix(k->sub, (uint64_t)k->id << 32 | (uint32_t)(k->kind << 8 | k->version)) ^
			hash_secret());
}

static uint32_t
locate(const struct journal *j, const struct learn_key *k, uint32_t hash)
{
	uint32_t i = hash & j->mask;
	for (const struct place *p; (p = &j->place[i])->record; i = (i + 1) & j->mask)
		if (p->hash == hash && memcmp(&change_at(p->record, p->at)->key, k, sizeof *k) == 0)
			break;
	return i;
}

struct place *
journal_latest(const struct journal *j, const struct learn_key *key)
{
	struct place *p = &j->place[locate(j, key, hash_key(key))];
	return p->record ? p : NULL;
}

static void
grow(struct journal *j)
{
	struct place *was = j->place;
	uint32_t n = j->mask + 1;
	j->mask = n * 2 - 1;
	j->place = calloc((size_t)n * 2, sizeof *j->place);
	CHECK(j->place != NULL);
	for (uint32_t i = 0; i < n; i++) {
		if (was[i].record == NULL)
			continue;
		uint32_t k = was[i].hash & j->mask;
		while (j->place[k].record)
			k = (k + 1) & j->mask;
		j->place[k] = was[i];
	}
	free(was);
}

static void
enter(struct journal *j, uint32_t i, uint32_t hash, struct record *r, uint32_t at)
{
	const struct change *c = change_at(r, at);
	/* what was read from the file may have been folded in part */
	bool unborn = c->key.kind == LEARN_WAITING && c->n != CHANGE_GONE && !r->written;
	if (j->place[i].record)
		unborn = j->place[i].unborn;
	else
		j->used++;
	j->place[i] = (struct place){.record = r, .hash = hash, .at = at & INT32_MAX, .unborn = unborn};
	if (j->used * 2 > j->mask)
		grow(j);
}

static void
take_out(struct journal *j, uint32_t i)
{
	/* what stood behind it moves up, so that a search never stops at the hole */
	for (uint32_t k = (i + 1) & j->mask; j->place[k].record; k = (k + 1) & j->mask) {
		uint32_t home = j->place[k].hash & j->mask;
		if (((k - home) & j->mask) < ((k - i) & j->mask))
			continue;
		j->place[i] = j->place[k];
		i = k;
	}
	j->place[i].record = NULL;
	j->used--;
}

static void
index_record(struct journal *j, struct record *r, uint32_t from)
{
	for (uint32_t at = from; at < r->bytes; at += change_bytes(change_at(r, at)->n)) {
		const struct learn_key *k = &change_at(r, at)->key;
		uint32_t hash = hash_key(k);
		enter(j, locate(j, k, hash), hash, r, at);
	}
}

/* ---- records ---------------------------------------------------------------------------------- */

static struct record *
append(struct journal *j, uint32_t room)
{
	struct record *r = malloc(sizeof *r + room);
	CHECK(r != NULL);
	*r = (struct record){.room = room};
	if (j->tail)
		j->tail->next = r;
	else {
		j->head = r;
		j->at = 0;
	}
	j->tail = r;
	return r;
}

void
journal_add(struct journal *j, const struct learn *where, const struct learn_key *key, const void *value,
	size_t n)
{
	uint32_t bytes = value ? (uint32_t)n : CHANGE_GONE, takes = change_bytes(bytes);
	uint32_t hash = hash_key(key), i = locate(j, key, hash);
	const struct place *p = &j->place[i];
	struct change *c;
	if (p->record && !p->record->written) {
		c = (struct change *)(void *)(p->record->data + p->at);
		if (c->datagram == where->datagram && change_bytes(c->n) == takes &&
			(c->n == CHANGE_GONE) == (value == NULL)) {
			c->n = bytes;
			if (n > 0)
				memcpy(c->value, value, n);
			return;
		}
	}
	struct record *r = j->fresh ? j->tail : NULL;
	if (r == NULL || r->room - r->bytes < takes) {
		r = append(j, takes > RECORD_BYTES ? takes : RECORD_BYTES);
		r->number = ++j->number;
		r->stamp = (struct record_stamp){where->incarnation, where->batch};
		j->fresh = j->fresh ? j->fresh : r;
	}
	c = (struct change *)(void *)(r->data + r->bytes);
	*c = (struct change){.key = *key, .datagram = where->datagram, .n = bytes};
	memset(c->value, 0, takes - sizeof *c); /* what fills it up goes into the file, too */
	if (value && n > 0)
		memcpy(c->value, value, n);
	r->bytes += takes;
	j->bytes += takes;
	j->collected++;
	enter(j, i, hash, r, r->bytes - takes);
}

/* bytes up to the first change that is to be taken back or is not whole */
static uint32_t
good_bytes(const struct record *r, uint32_t from, bool take_back)
{
	uint32_t at = 0;
	while (r->bytes - at >= sizeof(struct change)) {
		const struct change *c = change_at(r, at);
		if ((c->n != CHANGE_GONE && c->n > r->bytes) || change_bytes(c->n) > r->bytes - at ||
			(take_back && c->datagram >= from))
			break;
		at += change_bytes(c->n);
	}
	return at;
}

void
journal_read(struct journal *j, uint64_t number, const void *bytes, size_t n, const struct learn *where,
	bool unfinished, uint32_t from)
{
	struct record_stamp s = {0, 0};
	size_t head = n < sizeof s ? n : sizeof s;
	struct record *r = append(j, (uint32_t)(n - head));
	memcpy(&s, bytes, head);
	memcpy(r->data, (const uint8_t *)bytes + head, n - head);
	r->number = number;
	r->stamp = s;
	r->written = true;
	r->bytes = (uint32_t)(n - head);
	r->bytes = good_bytes(
		r, from, unfinished && s.incarnation == where->incarnation && s.batch == where->batch);
	j->number = number;
	j->bytes += r->bytes;
	index_record(j, r, 0);
}

void
journal_forget(struct journal *j)
{
	struct record *last = NULL, *next;
	if (j->fresh == NULL)
		return;
	memset(j->place, 0, (j->mask + 1) * sizeof *j->place);
	j->used = 0;
	for (struct record *r = j->head; r != j->fresh; last = r, r = r->next)
		index_record(j, r, r == j->head ? j->at : 0);
	for (struct record *r = j->fresh; r; r = next) {
		next = r->next;
		j->bytes -= r->bytes;
		free(r);
	}
	j->tail = last;
	j->fresh = NULL;
	j->collected = 0;
	if (last)
		last->next = NULL;
	else
		j->head = NULL;
}

void
journal_written(struct journal *j)
{
	for (struct record *r = j->fresh; r; r = r->next)
		r->written = true;
	j->fresh = NULL;
	j->collected = 0;
}

void
journal_drop_change(struct journal *j, const struct record *r, uint32_t at, bool stored)
{
	struct place *p = journal_latest(j, &change_at(r, at)->key);
	if (p && p->record == r && p->at == at)
		take_out(j, (uint32_t)(p - j->place));
	else if (p && stored)
		p->unborn = 0;
}

void
journal_drop_head(struct journal *j)
{
	struct record *r = j->head;
	j->head = r->next;
	j->at = 0;
	j->bytes -= r->bytes;
	if (j->head == NULL)
		j->tail = NULL;
	free(r);
}
