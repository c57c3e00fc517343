/* expire.c - see expire.h */
#include "tracker/expire.h"

#include <stdlib.h>

#include "tracker/emit.h"
#include "tracker/nsel.h"
#include "tracker/session.h"

enum { PROTO_TCP = 6, PROTO_UDP = 17, TCP_SYN = 2, CLOCKS_MOST = 1 << 24, SWEEP_GROUP = 32 };

void
clocks_hear_new(struct clocks *k, uint32_t exporter, uint32_t second)
{
	uint32_t n = k->n ? k->n : 1024;
	if (exporter >= CLOCKS_MOST)
		return; /* no such exporter: its sessions go when space is needed */
	while (n <= exporter)
		n *= 2;
	uint32_t *more = realloc(k->second, n * sizeof *more);
	if (more == NULL)
		return;
	for (uint32_t i = k->n; i < n; i++)
		more[i] = 0;
	k->second = more;
	k->n = n;
	k->second[exporter] = second;
}

static uint32_t
idle_limit(const struct settings *s, uint8_t proto)
{
	if (proto == PROTO_UDP && s->udp_timeout_s)
		return s->udp_timeout_s;
	if ((proto == FLOW_PROTO_ICMP || proto == FLOW_PROTO_ICMP6) && s->icmp_timeout_s)
		return s->icmp_timeout_s;
	return s->timeout_s;
}

/* a clock that stepped back makes nothing old */
static bool
older(uint32_t now_s, uint32_t then_s, uint32_t limit_s)
{
	return now_s > then_s && now_s - then_s > limit_s;
}

static int64_t
last_packet(const struct trk_entry *e)
{
	int64_t last = e->state & TRK_STORED ? e->prev_us : e->last_us;
	return e->last_us > last ? e->last_us : last;
}

uint8_t
expire_by_flow(
	const struct settings *s, const struct trk_entry *e, const struct session_flow *in, bool from_client)
{
	const struct ft_flow *f = in->f;
	int64_t last = last_packet(e), linger_us = (int64_t)s->linger_s * 1000000;
	bool ended = e->state & TRK_ENDED, after = f->first_us > last;
	if (ended && after && f->first_us - last > linger_us)
		return e->end;
	if (after && f->proto == PROTO_TCP && (f->bits & FT_FLOW_HAS_FLAGS) && (f->flags & TCP_SYN)) {
		bool again = e->state & (from_client ? TRK_CLIENT_SYN : TRK_SERVER_SYN);
		if (again || ended || f->first_us - last > linger_us)
			return FT_END_NEW;
	}
	if (after && nsel_is(in->x, NSEL_CREATED) && (e->present & FT_HAS_NSEL))
		return FT_END_NEW;
	uint32_t now = in->export_s, idle = idle_limit(s, f->proto);
	if (idle && older(now, e->seen_s, idle))
		return FT_END_TIMEOUT;
	if (s->toolong_s && older(now, e->opened_s, s->toolong_s))
		return FT_END_TOOLONG;
	return FT_END_NONE;
}

/* toolong is not asked here: a session that runs on learns of it with its next flow and then keeps its
 * direction; one that does not is idle. */
uint8_t
expire_by_clock(const struct settings *s, const struct trk_entry *e, uint32_t clock_s)
{
	if (clock_s == 0)
		return FT_END_NONE;
	if ((e->state & TRK_ENDED) && older(clock_s, e->seen_s, s->linger_s))
		return e->end;
	uint32_t idle = idle_limit(s, e->proto);
	return idle && older(clock_s, e->seen_s, idle) ? FT_END_TIMEOUT : FT_END_NONE;
}

void
expire_look_at(struct table *t, const struct settings *s, uint32_t slot)
{
	const struct trk_entry *e = &t->entry[slot];
	uint32_t limit = e->state & TRK_ENDED ? s->linger_s : idle_limit(s, e->proto);
	/* no idle limit: an end may still come, and says so */
	uint64_t second = limit || (e->state & TRK_ENDED) ? (uint64_t)e->seen_s + limit : UINT32_MAX;
	t->due[slot].exporter = e->exporter;
	t->due[slot].second = second < UINT32_MAX ? (uint32_t)second : UINT32_MAX;
}

/* Nothing of an exporter not heard since the start is due: its clock is 0. */
static bool
is_due(const struct core *c, uint32_t slot)
{
	const struct table_due *due = &c->t.due[slot];
	return due->second == 0 || clocks_at(&c->clocks, due->exporter) > due->second;
}

/* Taken slots from the age hand on that are due, their entries being loaded; how many. */
static uint32_t
sweep_due(struct core *c, uint32_t look, uint32_t room, uint32_t due[SWEEP_GROUP], uint32_t *looked)
{
	struct table *t = &c->t;
	uint32_t n = 0;
	while (*looked < look && n < room) {
		bool taken;
		uint32_t slot = table_next_used(t, t->age_hand, &taken);
		uint32_t next = slot + taken < t->capacity ? slot + taken : t->capacity;
		*looked += next - t->age_hand;
		t->age_hand = next == t->capacity ? 0 : next;
		if (taken && is_due(c, slot)) {
			table_prefetch_state(t, slot);
			due[n++] = slot;
		}
	}
	return n;
}

/* In groups: who is due, who of them is over (the others' next time is noted), then their end; what each step needs was
 * asked for in the one before. */
uint32_t
expire_sweep(struct core *c, uint32_t look, uint32_t most)
{
	struct table *t = &c->t;
	uint32_t looked = 0, slot[SWEEP_GROUP];
	uint8_t reason[SWEEP_GROUP];
	while (looked < look && most > 0) {
		uint32_t n = sweep_due(c, look, most < SWEEP_GROUP ? most : SWEEP_GROUP, slot, &looked);
		for (uint32_t k = 0; k < n; k++) {
			const struct trk_entry *e = &t->entry[slot[k]];
			reason[k] =
				expire_by_clock(c->set, e, clocks_at(&c->clocks, t->due[slot[k]].exporter));
			if (reason[k])
				table_prefetch_give(t, slot[k]);
			else
				expire_look_at(t, c->set, slot[k]);
		}
		for (uint32_t k = 0; k < n; k++)
			if (reason[k]) {
				emit_end(c, slot[k], reason[k]);
				most--;
			}
	}
	return looked;
}

void
expire_evict(struct core *c)
{
	struct table *t = &c->t;
	uint32_t best = TABLE_NONE, best_age = 0;
	CHECK(table_used(t) > 0);
	for (unsigned probed = 0; probed < CORE_EVICT_PROBES || best == TABLE_NONE;) {
		uint32_t slot = t->evict_hand;
		t->evict_hand = slot + 1 == t->capacity ? 0 : slot + 1;
		const struct trk_entry *e = &t->entry[slot];
		if (!(e->state & TRK_USED))
			continue;
		probed++;
		/* an ended one is older than any that is not */
		uint32_t age =
			(c->now_ms - e->updated_ms) >> 1 | (e->state & TRK_ENDED ? UINT32_C(1) << 31 : 0);
		if (best == TABLE_NONE || age > best_age) {
			best = slot;
			best_age = age;
		}
		if (probed >= t->capacity)
			break;
	}
	/* a full table evicts for every new session: what the next one will look at is loaded meanwhile */
	for (unsigned i = 0; i < CORE_EVICT_PROBES && t->evict_hand + i < t->capacity; i++)
		__builtin_prefetch(&t->entry[t->evict_hand + i].state);
	if (!(t->entry[best].state & TRK_ENDED))
		c->st.next.counter[TRK_N_EVICTED]++;
	emit_end(c, best, FT_END_EVICTED);
}
