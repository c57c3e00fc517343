/* session.c - see session.h */
#include "tracker/session.h"

#include <string.h>

#include "common/lines.h"
#include "tracker/attributes.h"
#include "tracker/direction.h"
#include "tracker/emit.h"
#include "tracker/expire.h"
#include "tracker/kept.h"
#include "tracker/nsel.h"

enum {
	PROTO_TCP = 6,
	TCP_FIN = 1,
	TCP_SYN = 2,
	TCP_RST = 4,
	TCP_ACK = 16,
	MOST_FLOWS = UINT16_MAX,
};
/* 0 is "not seen" in hulls; the upper bound keeps differences within 64 bits */
static const int64_t least_us = 1, most_us = INT64_C(1) << 61;

static int64_t
sane(int64_t us)
{
	return us < least_us ? least_us : us > most_us ? most_us : us;
}

/* ---- duplicates ------------------------------------------------------------------------------- */

/* Digest of what makes two records of one direction the same; 0: this kind can't be told (samples and events
 * without times or counters are rightly alike). */
static uint32_t
digest(const struct ft_flow *f)
{
	if (f->bits & (FT_FLOW_NOTIME | FT_FLOW_NOCOUNT))
		return 0;
	uint64_t h = hash_mix((uint64_t)f->first_us ^ f->packets << 40, (uint64_t)f->last_us);
	h = hash_mix(h ^ f->bytes, f->packets + 0x9e3779b97f4a7c15ull);
	uint32_t d = (uint32_t)(h >> 32);
	return d ? d : 1;
}

void
session_look(
	const struct core *c, const struct ft_flow *f, const struct ft_flow_ext *x, struct session_flow *out)
{
	out->f = f;
	out->x = x;
	out->ring = NULL;
	out->first_us = sane(f->first_us);
	out->last_us = sane(f->last_us);
	if (out->last_us < out->first_us)
		out->last_us = out->first_us;
	out->key = (struct table_key){.src = f->src,
		.dst = f->dst,
		.port = flow_key_ports(f),
		.exporter = f->exporter,
		.proto = f->proto};
	if (c->t.scoped) {
		uint16_t in = f->bits & FT_FLOW_HAS_VLAN ? f->in_vlan : 0;
		if (c->t.scoped & TABLE_KEY_VLAN)
			out->key.scope.vlan =
				table_scope_vlan(in, f->bits & FT_FLOW_HAS_OUT_VLAN ? f->out_vlan : in);
		if (c->t.scoped & TABLE_KEY_DOMAIN)
			out->key.scope.domain = f->domain;
		if ((c->t.scoped & TABLE_KEY_VRF) && x && (x->has & FT_EXT_VRF))
			out->key.scope.vrf = x->vrf;
	}
	out->dup = digest(f);
	out->export_s = core_second(f->export_us);
	out->hash = table_hash(&c->t, &out->key);
	table_prefetch_bucket(&c->t, out->hash);
}

static uint64_t
scaled(uint64_t n, uint32_t sampling)
{
	uint64_t out;
	if (sampling <= 1)
		return n;
	return __builtin_mul_overflow(n, (uint64_t)sampling, &out) ? UINT64_MAX : out;
}

static uint8_t
flags_of(const struct ft_flow *f)
{
	return f->bits & FT_FLOW_HAS_FLAGS ? f->flags : 0;
}

/* ---- direction -------------------------------------------------------------------------------- */

static void
turn(struct core *c, struct trk_entry *e, bool fresh)
{
	struct trk_ext *x = table_ext(&c->t, e);
	if (!fresh) {
		c->st.next.counter[TRK_N_TURNED]++;
		table_touch_cold(&c->st, e);
		if (x)
			stage_touch(&c->st, x, sizeof *x);
	}
	attributes_turn(e, x);
}

/* the exporter says that the side taken for the server opened the conversation */
static bool
claims_other(const struct ft_flow *f, bool from_client)
{
	return f->bits & (from_client ? FT_FLOW_DST_CLIENT : FT_FLOW_SRC_CLIENT);
}

/* When each side began, as far as known with this flow.  Of a stored session only a side heard for the first time
 * is news. */
static void
beginnings(const struct trk_entry *e, const struct session_flow *in, bool from_client, int64_t *client,
	int64_t *server)
{
	int64_t *mine = from_client ? client : server, *other = from_client ? server : client;
	if (!(e->state & TRK_STORED)) {
		*client = e->start_us;
		*server = e->prev_us;
		if (*mine == 0 || in->first_us < *mine)
			*mine = in->first_us;
		return;
	}
	*client = *server = 0;
	if (e->state & (from_client ? TRK_CLIENT_SEEN : TRK_SERVER_SEEN))
		return;
	*mine = in->first_us;
	*other = table_pending(e) && e->first_us < e->start_us ? e->first_us : e->start_us;
}

/* All evidence there is, this flow's included. */
static struct direction
decide(const struct core *c, const struct trk_entry *e, const struct session_flow *in, bool from_client)
{
	const struct service_ports *sv = &c->set->services;
	uint32_t claims = in->f->bits & (FT_FLOW_SRC_CLIENT | FT_FLOW_DST_CLIENT);
	unsigned client = e->state & TRK_CLIENT_OPENS ? DIRECTION_OPENS : 0,
		 server = e->state & TRK_SERVER_OPENS ? DIRECTION_OPENS : 0;
	struct direction d;
	if (claims || e->rule == FT_RULE_EXPORTER) {
		uint32_t mine = from_client ? FT_FLOW_SRC_CLIENT : FT_FLOW_DST_CLIENT;
		client |= (claims & mine) || e->rule == FT_RULE_EXPORTER ? DIRECTION_CLAIMED : 0;
		server |= claims & ~mine ? DIRECTION_CLAIMED : 0;
	}
	if (e->proto == FLOW_PROTO_ICMP || e->proto == FLOW_PROTO_ICMP6) {
		client |= e->client_port == 0 ? DIRECTION_ASKS : 0;
		server |= e->server_port == 0 ? DIRECTION_ASKS : 0;
	} else {
		client |= service_ports_has(sv, e->proto, e->client_port) ? DIRECTION_SERVICE : 0;
		server |= service_ports_has(sv, e->proto, e->server_port) ? DIRECTION_SERVICE : 0;
	}
	if (!direction_by_evidence(client, server, &d)) {
		int64_t client_us, server_us;
		beginnings(e, in, from_client, &client_us, &server_us);
		d = direction_by_start(client_us, server_us, e->client_port, e->server_port);
	}
	return d;
}

/* May a session that is not yet stored take a direction by this rule?  From times down all evidence is looked at
 * anew with each flow, so the latest judgement is the best.  What decided once by SYN stays, should the other side
 * show one too. */
static bool
is_better(const struct trk_entry *e, uint8_t rule)
{
	if (e->state & TRK_INHERITED)
		return rule < e->rule && rule <= FT_RULE_SERVICE;
	return e->rule == 0 || e->rule >= FT_RULE_TIME || rule <= e->rule;
}

/* Judge the direction with this flow's evidence; returns whether the flow goes from client to server.  fresh: the
 * slot was taken by this flow, its image is of no use. */
static bool
judge(struct core *c, struct trk_entry *e, const struct session_flow *in, bool from_client, bool fresh)
{
	struct direction d = decide(c, e, in, from_client);
	bool contradicts = e->rule == FT_RULE_EXPORTER && claims_other(in->f, from_client);
	if (e->state & TRK_STORED) {
		contradicts = contradicts || (d.turn && d.rule <= e->rule);
	} else if (is_better(e, d.rule)) {
		if (d.rule != e->rule) {
			if (!fresh)
				table_touch_cold(&c->st, e);
			e->rule = d.rule;
		}
		if (d.turn) {
			turn(c, e, fresh);
			from_client = !from_client;
		}
	}
	if (contradicts && !(e->state & TRK_DISPUTED)) {
		e->state |= TRK_DISPUTED;
		c->st.next.counter[TRK_N_DISPUTED]++;
	}
	return from_client;
}

/* May this flow say something about the direction?  Most flows of long sessions may not. */
static bool
is_evidence(const struct trk_entry *e, const struct ft_flow *f, bool from_client)
{
	if (!(e->state & TRK_STORED) || (f->bits & (FT_FLOW_SRC_CLIENT | FT_FLOW_DST_CLIENT)))
		return true;
	return !(e->state & (from_client ? TRK_CLIENT_SEEN : TRK_SERVER_SEEN)) ||
	       (flags_of(f) & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* ---- merging ---------------------------------------------------------------------------------- */

static void
set_sides(struct trk_entry *e, const struct ft_flow *f, bool from_client)
{
	if (f->proto != PROTO_TCP)
		return;
	uint8_t flags = flags_of(f);
	if (flags & TCP_SYN)
		e->state |= from_client ? TRK_CLIENT_SYN : TRK_SERVER_SYN;
	if ((flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		e->state |= from_client ? TRK_CLIENT_OPENS : TRK_SERVER_OPENS;
}

/* Attributes and extension; emits what is pending if the flow clashes with it. */
static void
merge_attributes(struct core *c, uint32_t slot, const struct session_flow *in, bool from_client, bool fresh)
{
	struct trk_entry *e = &c->t.entry[slot];
	struct attributes a;
	struct trk_ext says;
	struct extension_change change = {false, false, false};
	/* flags are sums, not attributes: only whether the exporter sends them at all is kept */
	if ((in->f->bits & FT_FLOW_HAS_FLAGS) && !(e->present & FT_HAS_FLAGS)) {
		if (!fresh)
			table_touch_cold(&c->st, e);
		e->present |= FT_HAS_FLAGS;
	}
	/* a fresh entry was made of this flow, and turned with it */
	enum attributes_news news = ATTRIBUTES_SAME;
	if (!fresh || in->x)
		news = attributes_compare(e, in->f, from_client);
	if (in->x == NULL && news == ATTRIBUTES_JOINS) {
		e->state |= e->state & TRK_STORED ? TRK_CUT : 0;
		table_touch_cold(&c->st, e);
		attributes_join(e, in->f, from_client);
		return;
	}
	if (in->x == NULL && news == ATTRIBUTES_SAME)
		return;
	attributes_of(in->f, from_client, &a);
	uint32_t differ = attributes_differ(e, &a);
	bool clash = (differ & attributes_spoken(e)) != 0;
	if (in->x) {
		extension_of(in->x, from_client, e->state, &says);
		change = extension_differ(e, table_ext(&c->t, e), &says, from_client);
		clash = clash || change.clash;
	}
	if (!differ && !change.any)
		return;
	if (clash) {
		emit_pending(c, slot);
		c->st.next.counter[TRK_N_CUTS]++;
	}
	if ((e->state & TRK_STORED) && (differ || change.news))
		e->state |= TRK_CUT;
	if (!fresh)
		table_touch_cold(&c->st, e);
	if (differ)
		attributes_set(e, &a);
	if (change.any) {
		if (e->ext)
			stage_touch(&c->st, &c->t.ext[e->ext - 1], sizeof *c->t.ext);
		e->present |= extension_set(table_extend(&c->t, e), &says);
	}
}

static void
count(struct core *c, struct trk_entry *e, const struct session_flow *in, bool from_client)
{
	const struct ft_flow *f = in->f;
	uint64_t bytes = f->bits & FT_FLOW_NOCOUNT ? 0 : scaled(f->bytes, f->sampling);
	uint64_t packets = f->bits & FT_FLOW_NOCOUNT ? 0 : scaled(f->packets, f->sampling);
	if (in->x && (in->x->has & FT_EXT_NSEL) && e->ext) {
		stage_touch(&c->st, &c->t.ext[e->ext - 1], sizeof *c->t.ext);
		bool late = in->last_us <= (table_pending(e)               ? e->last_us
						   : e->state & TRK_STORED ? e->prev_us
									   : 0);
		nsel_share(&c->t.ext[e->ext - 1], in->x->nsel_event, from_client, late, &bytes, &packets);
	}
	if (!table_pending(e)) {
		e->first_us = in->first_us;
		e->last_us = in->last_us;
		e->since = (uint16_t)(c->now_ms / 10);
	} else {
		e->first_us = in->first_us < e->first_us ? in->first_us : e->first_us;
		e->last_us = in->last_us > e->last_us ? in->last_us : e->last_us;
	}
	if (from_client) {
		e->client_bytes += bytes;
		e->client_packets += packets;
		e->client_flows++;
		e->client_flags |= flags_of(f);
		e->state |= TRK_CLIENT_SEEN;
	} else {
		e->server_bytes += bytes;
		e->server_packets += packets;
		e->server_flows++;
		e->server_flags |= flags_of(f);
		e->state |= TRK_SERVER_SEEN;
	}
	if (!(e->state & TRK_STORED)) {
		int64_t *began = from_client ? &e->start_us : &e->prev_us;
		if (*began == 0 || in->first_us < *began)
			*began = in->first_us;
	}
}

/* FIN from both, RST from either, or the exporter's word: from here on the session lingers.  True: it has just ended. */
static bool
look_for_end(struct core *c, struct trk_entry *e, const struct session_flow *in, bool from_client, bool fresh)
{
	const struct ft_flow *f = in->f;
	uint8_t end = FT_END_NONE, flags = f->proto == PROTO_TCP ? flags_of(f) : 0;
	if (flags & TCP_FIN)
		e->state |= from_client ? TRK_CLIENT_FIN : TRK_SERVER_FIN;
	if (e->state & TRK_ENDED)
		return false;
	if ((e->state & TRK_CLIENT_FIN) && (e->state & TRK_SERVER_FIN))
		end = FT_END_FIN;
	else if (flags & TCP_RST)
		end = FT_END_RST;
	if (nsel_is(in->x, NSEL_DELETED))
		end = FT_END_EXPORTER;
	if (end == FT_END_NONE)
		return false;
	if (!fresh)
		table_touch_cold(&c->st, e);
	e->end = end;
	e->state |= TRK_ENDED;
	return true;
}

/* Of an NSEL connection one event may leave out what the other said. */
static void
look_for_inferred(struct trk_entry *e, const struct session_flow *in)
{
	const struct ft_flow *f = in->f;
	if (!in->x || !(in->x->has & FT_EXT_NSEL) || !(e->present & FT_HAS_NSEL) ||
		(f->bits & FT_FLOW_REVERSE))
		return;
	uint8_t event = in->x->nsel_event;
	if ((event == NSEL_DELETED || event == NSEL_UPDATED) &&
		((f->bits & FT_FLOW_NOTIME) || !(f->bits & (FT_FLOW_SRC_CLIENT | FT_FLOW_DST_CLIENT))))
		e->state |= TRK_INFERRED;
}

static void
merge(struct core *c, uint32_t slot, const struct session_flow *in, bool from_client, bool fresh)
{
	struct trk_entry *e = &c->t.entry[slot];
	const struct ft_flow *f = in->f;
	if (!fresh)
		table_touch_hot(&c->st, e);
	if ((from_client ? e->client_flows : e->server_flows) == MOST_FLOWS)
		emit_pending(c, slot); /* the counter is full: one slice more, nothing else */
	look_for_inferred(e, in);
	set_sides(e, f, from_client);
	if (is_evidence(e, f, from_client))
		from_client = judge(c, e, in, from_client, fresh);
	merge_attributes(c, slot, in, from_client, fresh);
	if (in->ring)
		kept_merge(c, slot, in);
	count(c, e, in, from_client);
	bool ended = look_for_end(c, e, in, from_client, fresh);
	uint32_t seen_s = in->export_s;
	bool look = fresh || ended || seen_s < e->seen_s;
	e->dup[from_client ? 0 : 1] = in->dup;
	e->seen_s = seen_s;
	e->updated_ms = c->now_ms;
	table_dirty_set(&c->t, slot);
	if (look)
		expire_look_at(&c->t, c->set, slot);
}

/* ---- opening ---------------------------------------------------------------------------------- */

static uint64_t
next_session(struct core *c)
{
	c->st.next.counter[TRK_N_SESSIONS]++;
	return c->id_base | (c->st.next.id[TRK_ID_SESSION]++ & ((UINT64_C(1) << 40) - 1));
}

/* A first flow as an entry: its source stands for the client until it is judged. */
static void
begin(struct core *c, struct trk_entry *e, const struct session_flow *in)
{
	const struct ft_flow *f = in->f;
	lines_clear(e, sizeof *e);
	e->session = next_session(c);
	e->exporter = f->exporter;
	e->domain = f->domain;
	e->client_port = in->key.port.src;
	e->server_port = in->key.port.dst;
	e->opened_s = in->export_s;
	e->proto = f->proto;
	e->version = f->version;
	e->state = TRK_USED;
	memcpy(e->client, f->src, 16);
	memcpy(e->server, f->dst, 16);
	attributes_begin(e, f);
}

/* What a session that was only cut off for its length leaves to the next one. */
struct legacy {
	uint8_t rule;
	bool from_client;
	bool events; /* NSEL: what its updates have counted goes with it */
	int64_t told_bytes[2], told_packets[2];
};

static void
leave(const struct core *c, const struct trk_entry *e, bool from_client, struct legacy *out)
{
	*out = (struct legacy){
		.rule = e->rule, .from_client = from_client, .events = e->present & FT_HAS_NSEL};
	if (out->events) {
		const struct trk_ext *x = table_ext(&c->t, e);
		memcpy(out->told_bytes, x->nsel_bytes, sizeof out->told_bytes);
		memcpy(out->told_packets, x->nsel_packets, sizeof out->told_packets);
	}
}

static uint32_t
open_session(struct core *c, const struct session_flow *in, const struct legacy *was, bool *from_client)
{
	if (c->t.free_entries == 0)
		expire_evict(c);
	uint32_t slot = table_take(&c->t, &c->st, in->hash);
	CHECK(slot != TABLE_NONE);
	struct trk_entry *e = &c->t.entry[slot];
	begin(c, e, in);
	*from_client = true;
	if (was->rule) {
		e->rule = was->rule;
		e->state |= TRK_INHERITED;
		if (!was->from_client) {
			attributes_turn(e, NULL);
			*from_client = false;
		}
	}
	if (was->events) {
		struct trk_ext *x = table_extend(&c->t, e);
		memcpy(x->nsel_bytes, was->told_bytes, sizeof x->nsel_bytes);
		memcpy(x->nsel_packets, was->told_packets, sizeof x->nsel_packets);
	}
	return slot;
}

/* NSEL denied: a session of its own that needs no slot. */
static void
denied(struct core *c, const struct session_flow *in)
{
	struct trk_entry e;
	struct trk_ext x = {0}, says;
	bool from_client = true;
	begin(c, &e, in);
	set_sides(&e, in->f, true);
	struct direction d = decide(c, &e, in, true);
	e.rule = d.rule;
	if (d.turn) {
		attributes_turn(&e, NULL);
		from_client = false;
	}
	extension_of(in->x, from_client, 0, &says);
	e.present |= in->f->bits & FT_FLOW_HAS_FLAGS ? FT_HAS_FLAGS : 0;
	e.present |= extension_set(&x, &says);
	count(c, &e, in, from_client);
	uint8_t list[FT_ELEMENTS_MOST];
	emit_alone(c, &e, &x, list, kept_alone(c, in, from_client, list), FT_END_EXPORTER);
}

/* The other direction of a biflow in which nothing went the other way. */
static bool
says_nothing(const struct ft_flow *f)
{
	return (f->bits & FT_FLOW_REVERSE) &&
	       ((f->bits & FT_FLOW_NOCOUNT) || (f->bytes == 0 && f->packets == 0));
}

void
session_apply(struct core *c, const struct session_flow *in)
{
	const struct ft_flow *f = in->f;
	uint64_t *n = c->st.next.counter;
	struct legacy was = {0};
	bool from_client = true, fresh = false;
	n[TRK_N_FLOWS]++;
	clocks_hear(&c->clocks, f->exporter, in->export_s);
	if (says_nothing(f))
		return;
	if (nsel_is(in->x, NSEL_DENIED)) {
		denied(c, in);
		return;
	}
	uint32_t slot = table_find(&c->t, &in->key, in->hash, &from_client);
	if (slot != TABLE_NONE) {
		const struct trk_entry *e = &c->t.entry[slot];
		if (in->dup && e->dup[from_client ? 0 : 1] == in->dup) {
			n[TRK_N_DUPLICATES]++;
			if (c->set->dedup) {
				n[TRK_N_DROPPED]++;
				return;
			}
		}
		uint8_t over = expire_by_flow(c->set, e, in, from_client);
		if (over != FT_END_NONE) {
			if (over == FT_END_TOOLONG)
				leave(c, e, from_client, &was);
			emit_end(c, slot, over);
			slot = TABLE_NONE;
		}
	}
	if (slot == TABLE_NONE) {
		slot = open_session(c, in, &was, &from_client);
		fresh = true;
	}
	merge(c, slot, in, from_client, fresh);
}
