#include "queryd/held.h"

#include <stdlib.h>
#include <string.h>

#include "queryd/order.h"

static size_t
encoded(const struct field_value *v)
{
	switch (v->kind) {
	case VALUE_NONE:
		return 0;
	case VALUE_TEXT:
	case VALUE_JSON:
		return 2 + sizeof(uint32_t) + v->bytes;
	default:
		return 2 + sizeof(uint64_t);
	}
}

static int
encode(struct held *h, struct held_session *s, const struct field_value value[SESSION_FIELDS])
{
	size_t n = 0;
	for (int f = 0; f < SESSION_FIELDS; f++)
		n += encoded(&value[f]);
	uint8_t *fields = arena_alloc(h->arena, n + 1), *at = fields;
	if (fields == NULL || !budget_take(h->budget, n + 1))
		return FT_EFULL;
	for (int f = 0; f < SESSION_FIELDS; f++) {
		const struct field_value *v = &value[f];
		if (v->kind == VALUE_NONE)
			continue;
		*at++ = (uint8_t)f;
		*at++ = (uint8_t)v->kind;
		if (v->kind == VALUE_TEXT || v->kind == VALUE_JSON) {
			memcpy(at, &v->bytes, sizeof v->bytes);
			memcpy(at + sizeof v->bytes, v->text, v->bytes);
			at += sizeof v->bytes + v->bytes;
		} else {
			memcpy(at, &v->n, sizeof v->n);
			at += sizeof v->n;
		}
	}
	s->fields = fields;
	s->bytes = (uint32_t)n;
	return 0;
}

static void
decode(const struct held_session *s, struct field_value value[SESSION_FIELDS])
{
	const uint8_t *at = s->fields, *end = s->fields + s->bytes;
	for (int f = 0; f < SESSION_FIELDS; f++)
		value[f].kind = VALUE_NONE;
	while (at < end) {
		struct field_value *v = &value[*at++];
		v->kind = (enum value_kind) * at++;
		if (v->kind == VALUE_TEXT || v->kind == VALUE_JSON) {
			memcpy(&v->bytes, at, sizeof v->bytes);
			v->text = (const char *)at + sizeof v->bytes;
			at += sizeof v->bytes + v->bytes;
		} else {
			memcpy(&v->n, at, sizeof v->n);
			at += sizeof v->n;
		}
	}
}

/* the earlier slice's fields, gaps filled from the later one's; what ended it, what a firewall said last, and kept
 * elements are the later one's to say.  earlier: begins before what is held; latest: ends no sooner (events of a firewall's connection all
 * begin with the connection). */
static int
combine(struct held *h, struct held_session *to, bool earlier, bool latest,
	const struct field_value value[SESSION_FIELDS])
{
	struct field_value have[SESSION_FIELDS];
	bool changed = earlier;
	decode(to, have);
	for (int f = 0; f < SESSION_FIELDS; f++) {
		bool ending = f == SESSION_F_end_reason || f == SESSION_F_direction_disputed;
		bool event =
			f == SESSION_F_nsel_event || f == SESSION_F_nsel_ext_event || f == SESSION_F_elements;
		bool better = ending ? !earlier : event ? latest : earlier;
		if (value[f].kind == VALUE_NONE || (have[f].kind != VALUE_NONE && !better))
			continue;
		changed |= have[f].kind == VALUE_NONE || ending || event;
		have[f] = value[f];
	}
	return changed ? encode(h, to, have) : 0;
}

int
held_add(struct held *h, const struct slice_sums *s, const struct field_value value[SESSION_FIELDS])
{
	uint32_t n = h->ids.n, id = tab64_intern(&h->ids, s->session);
	if (id == ID_NONE)
		return FT_EFULL;
	if (id >= h->room) {
		uint32_t room = h->room ? h->room * 2 : 256;
		struct held_session *p =
			budget_realloc(h->budget, h->list, h->room * sizeof *p, room * sizeof *p);
		if (p == NULL)
			return FT_EFULL;
		h->list = p;
		h->room = room;
	}
	struct held_session *to = &h->list[id];
	int rc;
	if (id == n) {
		*to = (struct held_session){.session = s->session,
			.start = s->start,
			.first = s->first,
			.end = s->last,
			.fixed = {s->fixed[0], s->fixed[1]}};
		rc = encode(h, to, value);
	} else {
		bool earlier = s->first < to->first;
		rc = combine(h, to, earlier, s->last >= to->end, value);
		to->first = earlier ? s->first : to->first;
		to->start = s->start < to->start ? s->start : to->start;
		to->end = s->last > to->end ? s->last : to->end;
	}
	for (int i = 0; i < 6; i++)
		to->sums[i] += s->sums[i];
	to->flags[0] |= s->flags[0];
	to->flags[1] |= s->flags[1];
	to->state |= s->state;
	return rc;
}

static struct slice_sums
sums_of(const struct held_session *h)
{
	struct slice_sums s = {.session = h->session,
		.start = h->start,
		.last = h->end,
		.fixed = {h->fixed[0], h->fixed[1]},
		.flags = {h->flags[0], h->flags[1]},
		.state = h->state};
	memcpy(s.sums, h->sums, sizeof s.sums);
	return s;
}

struct ordered {
	struct order_key key;
	uint64_t session;
	uint32_t id;
};
static int
compare(const void *x, const void *y)
{
	const struct ordered *a = x, *b = y;
	return order_after(a->key, a->session, b->key, b->session) ? 1 : -1;
}

uint32_t *
held_order(struct held *h, const struct order *order)
{
	uint32_t n = h->ids.n, *out = arena_alloc(h->arena, ((size_t)n + 1) * sizeof *out);
	struct ordered *list = budget_zeroed(h->budget, (uint64_t)n + 1, sizeof *list);
	for (uint32_t i = 0; i < n && out != NULL && list != NULL; i++) {
		struct slice_sums s = sums_of(&h->list[i]);
		list[i] = (struct ordered){order_key(order, &s), s.session, i};
	}
	if (out != NULL && list != NULL) {
		qsort(list, n, sizeof *list, compare);
		for (uint32_t i = 0; i < n; i++)
			out[i] = list[i].id;
	}
	bool bad = list == NULL;
	if (list != NULL)
		budget_free(h->budget, list, ((uint64_t)n + 1) * sizeof *list);
	return bad ? NULL : out;
}

static void
set(struct field_value *v, uint64_t n)
{
	v->kind = VALUE_UINT;
	v->n = n;
}

void
held_sums(const struct slice_sums *s, struct field_value value[SESSION_FIELDS])
{
	set(&value[SESSION_F_session_id], s->session);
	set(&value[SESSION_F_first_us], (uint64_t)s->start);
	set(&value[SESSION_F_last_us], (uint64_t)s->last);
	set(&value[SESSION_F_client_bytes], s->sums[0]);
	set(&value[SESSION_F_server_bytes], s->sums[1]);
	set(&value[SESSION_F_client_packets], s->sums[2]);
	set(&value[SESSION_F_server_packets], s->sums[3]);
	set(&value[SESSION_F_client_flows], s->sums[4]);
	set(&value[SESSION_F_server_flows], s->sums[5]);
	if (value[SESSION_F_client_flags].kind != VALUE_NONE)
		set(&value[SESSION_F_client_flags], s->flags[0]);
	if (value[SESSION_F_server_flags].kind != VALUE_NONE)
		set(&value[SESSION_F_server_flags], s->flags[1]);
}

void
held_row(const struct held_session *h, struct field_value value[SESSION_FIELDS])
{
	struct slice_sums s = sums_of(h);
	decode(h, value);
	held_sums(&s, value);
}

void
held_free(struct held *h)
{
	budget_free(h->budget, h->list, h->room * sizeof *h->list);
	tab64_free(&h->ids);
}
