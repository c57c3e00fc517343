/* emit.c - see emit.h */
#include "tracker/emit.h"

#include <string.h>

#include "common/addr.h"
#include "common/lines.h"
#include "tracker/kept.h"

static uint32_t
clamped(int64_t us)
{
	return us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

bool
emit_hull(struct trk_entry *e)
{
	int64_t first = e->first_us, last = e->last_us;
	if (!(e->state & TRK_STORED)) {
		e->start_us = first;
		e->prev_us = last;
		e->state &= ~(uint32_t)TRK_GAPS;
		e->solid_us = 0;
		return false;
	}
	int64_t start = e->start_us, prev = e->prev_us;
	bool late = false;
	if (!(e->state & TRK_GAPS)) {
		if (first > prev) { /* a gap before this slice */
			e->state |= TRK_GAPS;
			e->solid_us = clamped(last - first);
		} else if (last < start) { /* a gap after it */
			e->state |= TRK_GAPS;
			e->solid_us = clamped(prev - start);
		}
	} else {
		int64_t tail = prev - e->solid_us;
		late = first < tail && last > start;
		if (first > prev)
			e->solid_us = clamped(last - first);
		else if (last >= tail)
			e->solid_us = clamped((last > prev ? last : prev) - (first < tail ? first : tail));
	}
	if (first < start)
		e->start_us = first;
	if (last > prev)
		e->prev_us = last;
	return late;
}

static void
fill_ext(struct ft_slice_ext *to, const struct trk_ext *x)
{
	lines_clear(to, sizeof *to);
	memcpy(to->next_hop, x->next_hop, 16);
	memcpy(to->nat_client, x->nat_client, 16);
	memcpy(to->nat_server, x->nat_server, 16);
	to->app = x->app;
	to->app_name = x->app_name;
	to->mpls_label = x->mpls_label;
	to->vrf = x->vrf;
	to->nat_client_port = x->nat_client_port;
	to->nat_server_port = x->nat_server_port;
	to->nsel_ext_event = x->nsel_ext_event;
	to->nsel_event = x->nsel_event;
	to->forwarding_status = x->forwarding_status;
	memcpy(to->client_mac, x->client_mac, sizeof to->client_mac);
	memcpy(to->server_mac, x->server_mac, sizeof to->server_mac);
	to->has = x->has;
}

/* The list of kept elements; the last slot's rest is zero. */
static void
write_elements(struct core *c, uint64_t at, const uint8_t *list, size_t n)
{
	const size_t each = sizeof(struct ft_slice);
	for (size_t done = 0; done < n; done += each, at++) {
		uint8_t *slot = ring_slot(&c->out, at);
		size_t part = n - done < each ? n - done : each;
		memcpy(slot, list + done, part);
		memset(slot + part, 0, each - part);
	}
}

/* What a slice says beside its entry: the hull of the session's earlier slices (both 0 if there are none), and n bytes of
 * kept elements. */
struct beside {
	int64_t start_us, prev_us;
	const uint8_t *list;
	size_t n;
};

/* Beyond the published head of the output ring, where the caller has reserved room. */
static void
write_slice(struct core *c, const struct trk_entry *e, const struct trk_ext *x, const struct beside *b,
	uint8_t state, uint8_t reason)
{
	uint64_t at = c->st.next.output[0];
	struct ft_slice *s = ring_slot(&c->out, at);
	lines_clear(s, sizeof *s);
	s->session = e->session;
	s->first_us = e->first_us;
	s->last_us = e->last_us;
	s->start_us = b->start_us;
	s->prev_us = b->prev_us;
	s->client_bytes = e->client_bytes;
	s->server_bytes = e->server_bytes;
	s->client_packets = e->client_packets;
	s->server_packets = e->server_packets;
	s->client_flows = e->client_flows;
	s->server_flows = e->server_flows;
	s->exporter = e->exporter;
	s->domain = e->domain;
	s->in_if = e->in_if;
	s->out_if = e->out_if;
	s->client_as = e->client_as;
	s->server_as = e->server_as;
	s->sampling = e->sampling;
	s->client_port = e->client_port;
	s->server_port = e->server_port;
	s->client_vlan = e->client_vlan;
	s->server_vlan = e->server_vlan;
	s->proto = e->proto;
	s->version = e->version;
	s->client_flags = e->client_flags;
	s->server_flags = e->server_flags;
	s->client_tos = e->client_tos;
	s->server_tos = e->server_tos;
	s->client_mask = e->client_mask;
	s->server_mask = e->server_mask;
	s->state = state;
	s->rule = e->rule;
	s->end_reason = reason;
	s->slots = (uint8_t)((x ? 2 : 1) + (b->n + sizeof *s - 1) / sizeof *s);
	s->element_bytes = (uint16_t)b->n;
	memcpy(s->client, e->client, 16);
	memcpy(s->server, e->server, 16);
	s->present = e->present | (x ? FT_SLICE_EXT : 0) | (addr_is_v4(e->client) ? 0 : FT_SLICE_V6);
	if (x)
		fill_ext(ring_slot(&c->out, at + 1), x);
	if (b->n)
		write_elements(c, at + (x ? 2 : 1), b->list, b->n);
	c->st.next.output[0] = at + s->slots;
	c->st.next.counter[TRK_N_SLICES]++;
}

static uint8_t
slice_state(const struct trk_entry *e, bool last, uint8_t reason)
{
	return (uint8_t)((e->state & TRK_STORED ? 0 : FT_SLICE_FIRST) | (last ? FT_SLICE_LAST : 0) |
			 (e->state & TRK_CUT ? FT_SLICE_CUT : 0) |
			 (e->state & TRK_DISPUTED ? FT_SLICE_DISPUTED : 0) |
			 (e->state & TRK_INFERRED ? FT_SLICE_INFERRED : 0) |
			 (reason == FT_END_EVICTED ? FT_SLICE_EVICTED : 0));
}

static void
emit_rest(struct core *c, uint32_t slot, bool last, uint8_t reason)
{
	struct trk_entry *e = &c->t.entry[slot];
	uint8_t list[FT_ELEMENTS_MOST];
	struct beside b = {.list = list};
	if (e->state & TRK_STORED) {
		b.start_us = e->start_us;
		b.prev_us = e->prev_us;
	}
	if (emit_hull(e))
		e->state |= TRK_CUT;
	b.n = kept_slice(c, slot, list);
	write_slice(c, e, table_ext(&c->t, e), &b, slice_state(e, last, reason), reason);
	e->state |= TRK_STORED;
	e->client_bytes = e->server_bytes = e->client_packets = e->server_packets = 0;
	e->client_flows = e->server_flows = 0;
	e->client_flags = e->server_flags = 0;
	e->first_us = e->last_us = 0;
	table_dirty_clear(&c->t, slot);
}

void
emit_pending(struct core *c, uint32_t slot)
{
	struct trk_entry *e = &c->t.entry[slot];
	if (!table_pending(e))
		return;
	table_touch_hot(&c->st, e);
	emit_rest(c, slot, false, e->state & TRK_ENDED ? e->end : FT_END_NONE);
}

void
emit_end(struct core *c, uint32_t slot, uint8_t reason)
{
	struct trk_entry *e = &c->t.entry[slot];
	if (e->state & TRK_ENDED)
		reason = e->end;
	if (table_pending(e)) {
		table_touch_hot(&c->st, e);
		emit_rest(c, slot, true, reason);
	}
	table_give(&c->t, &c->st, slot);
}

void
emit_alone(struct core *c, const struct trk_entry *e, const struct trk_ext *x, const uint8_t *elements,
	size_t n, uint8_t reason)
{
	struct beside b = {.list = elements, .n = n};
	write_slice(c, e, x, &b, slice_state(e, true, reason), reason);
}
