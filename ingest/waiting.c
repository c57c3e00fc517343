/*
 * waiting.c - sets that came before their template: kept with the times of their message, at most limits.waiting
 * bytes and 30 minutes, decoded in the order they came when the template does (RFC 3954 section 9).
 * They are in the learn log's file, so neither a kill nor a restart loses them, and taken out there under its undo.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "ingest/options.h"

enum { LIFE_S = 1800 };
#if defined FT_TINY || defined FT_FUZZ
enum { BUCKETS = 64 }; /* made anew for each input of a fuzzer */
#else
enum { BUCKETS = 16384 };
#endif

struct kept {
	struct kept *next;
	struct learn_key key;
	int64_t arrived_us, export_us, correction_us;
	uint32_t uptime_ms, bytes;
	uint8_t has_uptime, pad[3];
	uint32_t connection; /* decoder.connection */
	uint8_t body[];
};
#define STORED_FROM offsetof(struct kept, arrived_us)

struct waiting {
	struct kept *first[BUCKETS], *last[BUCKETS];
	size_t sets, bytes;
	uint64_t serial;
};

struct waiting *
waiting_new(void)
{
	return calloc(1, sizeof(struct waiting));
}

void
waiting_free(struct waiting *w)
{
	for (unsigned i = 0; w && i < BUCKETS; i++)
		for (struct kept *k = w->first[i], *next; k; k = next) {
			next = k->next;
			free(k);
		}
	free(w);
}

size_t
waiting_sets(const struct waiting *w)
{
	return w->sets;
}

static unsigned
bucket(uint32_t exporter, uint8_t version, uint32_t domain, uint32_t connection, uint32_t id)
{
	uint64_t what = (uint64_t)version << 32 | id;
	return (unsigned)hash_mix(
		       (uint64_t)exporter << 32 | domain, what ^ (uint64_t)connection << 16 ^ hash_secret()) %
	       BUCKETS;
}

static void
append(struct waiting *w, struct kept *k)
{
	unsigned b = bucket(k->key.exporter, k->key.version, k->key.domain, k->connection, k->key.id);
	if (w->last[b])
		w->last[b]->next = k;
	else
		w->first[b] = k;
	w->last[b] = k;
	w->sets++;
	w->bytes += sizeof *k + k->bytes;
}

/* the one after `before` (NULL: the first of the bucket) leaves the list */
static struct kept *
unlink_after(struct waiting *w, unsigned b, struct kept *before)
{
	struct kept *k = before ? before->next : w->first[b];
	if (before)
		before->next = k->next;
	else
		w->first[b] = k->next;
	if (w->last[b] == k)
		w->last[b] = before;
	w->sets--;
	w->bytes -= sizeof *k + k->bytes;
	return k;
}

void
waiting_keep(struct message *m, unsigned id, const struct cursor *body)
{
	struct decoder *d = m->d;
	struct waiting *w = d->waiting;
	size_t n = cursor_left(body);
	if (w->bytes + sizeof(struct kept) + n > d->limits.waiting) {
		d->work.sets_dropped++;
		d->totals.sets_dropped++;
		if (d->sink.trouble)
			d->sink.trouble(d->sink.ctx, m, id,
				"no template for it, and no room to keep it (maxwaiting)");
		return;
	}
	struct kept *k = malloc(sizeof *k + n);
	CHECK(k != NULL);
	*k = (struct kept){
		.key = {.kind = LEARN_WAITING,
			.version = m->version,
			.exporter = m->exporter,
			.domain = m->domain,
			.id = id,
			.sub = htobe64(++w->serial)}, /* the file has keys in the order of their bytes */
		.arrived_us = m->arrived.us,
		.export_us = m->ctx.export_time.us,
		.correction_us = m->ctx.correction_us,
		.uptime_ms = m->ctx.uptime.ms,
		.bytes = (uint32_t)n,
		.has_uptime = m->ctx.has_uptime,
		.connection = d->connection,
	};
	memcpy(k->body, body->at, n);
	append(w, k);
	learn_put(d->learn, &k->key, (uint8_t *)k + STORED_FROM, sizeof *k - STORED_FROM + n);
	d->work.sets_waiting++;
}

void
sets_waited(struct message *m, unsigned id)
{
	struct decoder *d = m->d;
	struct waiting *w = d->waiting;
	unsigned b = bucket(m->exporter, m->version, m->domain, d->connection, id);
	for (struct kept *before = NULL, *k;
		!d->stopped && (k = before ? before->next : w->first[b]) != NULL;) {
		if (k->key.id != id || k->key.exporter != m->exporter || k->key.domain != m->domain ||
			k->key.version != m->version || k->connection != d->connection) {
			before = k;
			continue;
		}
		(void)unlink_after(w, b, before);
		struct message then = *m;
		then.replay = true;
		then.arrived.us = k->arrived_us;
		then.ctx = (struct record_context){.export_time = {k->export_us},
			.uptime = {k->uptime_ms},
			.has_uptime = k->has_uptime,
			.init_ms = m->ctx.init_ms,
			.correction_us = k->correction_us};
		learn_del(d->learn, &k->key);
		if (d->work.sets_waiting > 0)
			d->work.sets_waiting--;
		sets_data(&then, id, cursor_of(k->body, k->bytes));
		free(k);
	}
}

/* Give up those of which `hopeless` says so; how many. */
static unsigned
give_up(struct decoder *d, bool (*hopeless)(const void *ctx, const struct kept *k), const void *ctx)
{
	struct waiting *w = d->waiting;
	unsigned dropped = 0;
	for (unsigned b = 0; w->sets && b < BUCKETS; b++)
		for (struct kept *before = NULL, *k; (k = before ? before->next : w->first[b]) != NULL;) {
			if (!hopeless(ctx, k)) {
				before = k;
				continue;
			}
			(void)unlink_after(w, b, before);
			learn_del(d->learn, &k->key);
			d->connection = k->connection;
			source_gave_up(d, k->key.exporter, k->key.version, k->key.domain);
			free(k);
			dropped++;
		}
	return dropped;
}

static bool
too_old(const void *ctx, const struct kept *k)
{
	const wall_t *now = ctx;
	return now->us - k->arrived_us >= LIFE_S * INT64_C(1000000);
}

unsigned
waiting_expire(struct decoder *d, wall_t now)
{
	return give_up(d, too_old, &now);
}

struct ended {
	bool (*gone)(void *ctx, uint32_t connection);
	void *ctx;
};

static bool
of_ended(const void *ctx, const struct kept *k)
{
	const struct ended *e = ctx;
	return k->connection && e->gone(e->ctx, k->connection);
}

void
waiting_disconnect(struct decoder *d, bool (*gone)(void *ctx, uint32_t connection), void *ctx)
{
	struct ended e = {gone, ctx};
	(void)give_up(d, of_ended, &e);
}

static int
load_one(void *ctx, const struct learn_key *key, const uint8_t *value, size_t n)
{
	struct decoder *d = ctx;
	size_t head = sizeof(struct kept) - STORED_FROM;
	if (n < head || n > 65536 + head)
		return 0;
	struct kept *k = calloc(1, STORED_FROM + n);
	CHECK(k != NULL);
	k->key = *key;
	k->key.port = 0;
	memcpy((uint8_t *)k + STORED_FROM, value, n);
	k->bytes = (uint32_t)(n - head);
	append(d->waiting, k);
	if (be64toh(key->sub) > d->waiting->serial)
		d->waiting->serial = be64toh(key->sub);
	return 0;
}

int
waiting_load(struct decoder *d, struct err *err)
{
	return learn_each(d->learn, LEARN_WAITING, load_one, d, err);
}

void
waiting_forget(struct decoder *d, uint32_t exporter)
{
	struct waiting *w = d->waiting;
	for (unsigned b = 0; b < BUCKETS; b++)
		for (struct kept *before = NULL, *k; (k = before ? before->next : w->first[b]) != NULL;) {
			if (k->key.exporter != exporter) {
				before = k;
				continue;
			}
			(void)unlink_after(w, b, before);
			learn_del(d->learn, &k->key);
			free(k);
		}
}
