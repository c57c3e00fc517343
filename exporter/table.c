/* table.c - see table.h */
#include "exporter/table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/hash.h"

enum { WHEEL_STEP_US = 250000 };
#ifdef FT_TINY
enum { WHEEL = 64 };
#else
enum { WHEEL = 2048 };
#endif
enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMP6 = 58 };

static void *
pages(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	(void)madvise(p, n, MADV_HUGEPAGE); /* a lookup touches two pages at random */
	return p;
}

int
table_open(struct table *t, uint32_t flows, const struct timeouts *timeouts,
	void (*on_end)(void *ctx, struct flow *f, enum flow_end why), void *ctx, struct err *err)
{
	CHECK(flows >= 16 && flows <= TABLE_MOST);
	*t = (struct table){.size = flows, .timeouts = *timeouts, .on_end = on_end, .ctx = ctx};
	uint32_t slots = 32;
	while (slots < 2 * flows)
		slots *= 2;
	t->mask = slots - 1;
	t->seed = hash_secret();
	t->turn = INT64_MIN;
	t->slot = pages((size_t)slots * sizeof *t->slot);
	t->flow = pages((size_t)flows * sizeof *t->flow);
	t->bucket = malloc(WHEEL * sizeof *t->bucket);
	if (t->slot == NULL || t->flow == NULL || t->bucket == NULL) {
		table_close(t);
		return err_set(
			err, FT_ENOMEM, "no memory for a table of %u flows: ask for fewer with -m", flows);
	}
	memset(t->slot, 0xff, (size_t)slots * sizeof *t->slot);
	memset(t->bucket, 0xff, WHEEL * sizeof *t->bucket);
	t->free = FLOW_NONE; /* entries never used are taken in order: memory is touched as it is needed */
	return 0;
}

void
table_close(struct table *t)
{
	if (t->slot)
		munmap(t->slot, ((size_t)t->mask + 1) * sizeof *t->slot);
	if (t->flow)
		munmap(t->flow, (size_t)t->size * sizeof *t->flow);
	free(t->bucket);
	*t = (struct table){0};
}

uint32_t
table_hash(const struct table *t, const struct flow_key *k)
{
	uint64_t w[6];
	memcpy(w, k, sizeof w);
	uint64_t a = hash_mix(w[0] ^ t->seed, w[1]), b = hash_mix(w[2] ^ t->seed, w[3]);
	return (uint32_t)(hash_mix(a + w[4], b ^ w[5]) >> 16);
}

/* ---- wheel ------------------------------------------------------------------------------------ */

static int64_t
deadline(const struct table *t, const struct flow *f)
{
	const struct timeouts *o = &t->timeouts;
	int64_t idle;
	if (f->closing & FLOW_CLOSING_SOON)
		idle = o->closed;
	else if (f->key.proto == PROTO_TCP)
		idle = o->tcp;
	else if (f->key.proto == PROTO_UDP)
		idle = o->udp;
	else if (f->key.proto == PROTO_ICMP || f->key.proto == PROTO_ICMP6)
		idle = o->icmp;
	else
		idle = o->general;
	int64_t at = f->last_us + idle, active = f->first_us + o->active;
	return at < active ? at : active;
}

static void
hang(struct table *t, uint32_t i, int64_t at_us)
{
	struct flow *f = &t->flow[i];
	int64_t turn = at_us / WHEEL_STEP_US + 1; /* up once the deadline is past */
	if (turn < t->turn)
		turn = t->turn;
	if (turn > t->turn + WHEEL - 1)
		turn = t->turn + WHEEL - 1;
	f->bucket = (uint16_t)((uint64_t)turn % WHEEL);
	f->prev = FLOW_NONE;
	f->next = t->bucket[f->bucket];
	if (f->next != FLOW_NONE)
		t->flow[f->next].prev = i;
	t->bucket[f->bucket] = i;
}

static void
unhang(struct table *t, const struct flow *f)
{
	if (f->prev != FLOW_NONE)
		t->flow[f->prev].next = f->next;
	else
		t->bucket[f->bucket] = f->next;
	if (f->next != FLOW_NONE)
		t->flow[f->next].prev = f->prev;
}

/* ---- table ------------------------------------------------------------------------------------ */

static void
forget(struct table *t, uint32_t i)
{
	struct flow *f = &t->flow[i];
	uint32_t at = f->hash & t->mask;
	while (t->slot[at].flow != i)
		at = (at + 1) & t->mask;
	/* move back what would not be found over the hole: those whose own place is not between hole and them */
	for (uint32_t next = (at + 1) & t->mask; t->slot[next].flow != FLOW_NONE;
		next = (next + 1) & t->mask) {
		uint32_t home = t->slot[next].hash & t->mask;
		if (((next - home) & t->mask) >= ((next - at) & t->mask)) {
			t->slot[at] = t->slot[next];
			at = next;
		}
	}
	t->slot[at].flow = FLOW_NONE;
	f->next = t->free;
	t->free = i;
	t->used--;
}

static void
end(struct table *t, uint32_t i, enum flow_end why)
{
	struct flow *f = &t->flow[i];
	unhang(t, f);
	t->on_end(t->ctx, f, why);
	forget(t, i);
}

void
table_end(struct table *t, struct flow *f, enum flow_end why)
{
	end(t, (uint32_t)(f - t->flow), why);
}

/* the flow nearest to its deadline, by where the wheel has it */
static void
make_room(struct table *t)
{
	for (int64_t turn = t->turn; turn < t->turn + WHEEL; turn++) {
		uint32_t i = t->bucket[(uint64_t)turn % WHEEL];
		if (i == FLOW_NONE)
			continue;
		t->early++;
		end(t, i, FLOW_END_NO_ROOM);
		return;
	}
	CHECK(!"a full table has a flow in some bucket");
}

static bool
same_key(const struct flow_key *a, const struct flow_key *b)
{
	uint64_t x[6], y[6];
	memcpy(x, a, sizeof x);
	memcpy(y, b, sizeof y);
	return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x[4] ^ y[4]) |
		       (x[5] ^ y[5])) == 0;
}

struct flow *
table_find(struct table *t, const struct flow_key *k, uint32_t hash, int64_t now_us)
{
	uint32_t at = hash & t->mask;
	for (; t->slot[at].flow != FLOW_NONE; at = (at + 1) & t->mask)
		if (t->slot[at].hash == hash && same_key(&t->flow[t->slot[at].flow].key, k))
			return &t->flow[t->slot[at].flow];
	if (t->turn == INT64_MIN)
		t->turn = now_us / WHEEL_STEP_US;
	if (t->used == t->size) {
		make_room(t);
		for (at = hash & t->mask; t->slot[at].flow != FLOW_NONE;)
			at = (at + 1) & t->mask;
	}
	uint32_t i = t->free;
	if (i == FLOW_NONE)
		i = t->used; /* no hole: those in use are the first ones */
	else
		t->free = t->flow[i].next;
	t->used++;
	t->peak = t->used > t->peak ? t->used : t->peak;
	t->made++;
	t->slot[at] = (struct table_slot){hash, i};
	struct flow *f = &t->flow[i];
	*f = (struct flow){.key = *k, .hash = hash, .first_us = now_us, .last_us = now_us};
	hang(t, i, deadline(t, f));
	return f;
}

void
table_closing(struct table *t, struct flow *f)
{
	if (f->closing & FLOW_CLOSING_SOON)
		return;
	f->closing |= FLOW_CLOSING_SOON;
	unhang(t, f);
	hang(t, (uint32_t)(f - t->flow), deadline(t, f));
}

static void
begin_again(struct flow *f, int64_t now_us)
{
	memset(f->dir, 0, sizeof f->dir);
	f->first_us = now_us;
}

/* A flow whose bucket has come up: ended, begun again or hung up anew. */
static void
look(struct table *t, uint32_t i, int64_t now_us)
{
	struct flow *f = &t->flow[i];
	int64_t at = deadline(t, f);
	if (at > now_us) {
		unhang(t, f);
		hang(t, i, at);
		return;
	}
	bool active = at == f->first_us + t->timeouts.active && f->last_us >= f->first_us &&
		      f->dir[0].packets + f->dir[1].packets > 0;
	if (f->closing & FLOW_CLOSING_SOON)
		end(t, i, FLOW_END_CLOSED);
	else if (!active)
		end(t, i, FLOW_END_IDLE);
	else {
		unhang(t, f);
		t->on_end(t->ctx, f, FLOW_END_ACTIVE);
		begin_again(f, now_us);
		hang(t, i, deadline(t, f));
	}
}

void
table_advance(struct table *t, int64_t now_us)
{
	int64_t turn = now_us / WHEEL_STEP_US;
	if (t->turn == INT64_MIN)
		return;
	/* a leap longer than the wheel: each bucket once */
	if (turn - t->turn > WHEEL)
		t->turn = turn - WHEEL;
	while (t->turn <= turn) {
		uint32_t i = t->bucket[(uint64_t)t->turn % WHEEL], next;
		t->turn++; /* what is hung up now comes later */
		for (; i != FLOW_NONE; i = next) {
			next = t->flow[i].next;
			look(t, i, now_us);
		}
	}
}

void
table_flush(struct table *t)
{
	for (uint32_t b = 0; b < WHEEL; b++)
		while (t->bucket[b] != FLOW_NONE)
			end(t, t->bucket[b], FLOW_END_FORCED);
	t->turn = INT64_MIN; /* empty: time may begin anywhere */
}
