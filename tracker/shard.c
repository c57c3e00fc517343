/* shard.c - see shard.h */
#include "tracker/shard.h"

#include <stdlib.h>
#include <string.h>

#include "common/contract/slice_ring.h"
#include "tracker/emit.h"
#include "tracker/expire.h"
#include "tracker/kept.h"
#include "tracker/session.h"

enum { LOOK_AHEAD = 12, EMIT_AHEAD = 6, HANDS_EPOCH_MS = 3600000 };

static const struct stage_use used = {FT_STAGE_INPUTS, 1, TRK_IDS, TRK_N_COUNTERS};

static void
set_now(struct shard *s, uint64_t now_ms)
{
	s->c.now_ms = (uint32_t)now_ms;
}

/* ---- start and stop --------------------------------------------------------------------------- */

/* a word stride that shares no factor with the number of words, near the golden section of it */
static uint32_t
golden_step(uint32_t words)
{
	uint32_t step = (uint32_t)((uint64_t)words * 618 / 1000) | 1;
	for (;; step += 2) {
		uint32_t a = words, b = step;
		while (b) {
			uint32_t r = a % b;
			a = b;
			b = r;
		}
		if (a == 1)
			return step;
	}
}

static uint64_t
emission_due(const struct shard *s, uint64_t now_ms)
{
	uint64_t period = (uint64_t)s->c.set->interval_s * 1000;
	return (now_ms - s->hand_ms) * s->words / (period ? period : 1000);
}

static uint64_t
age_due(const struct shard *s, uint64_t now_ms)
{
	return (now_ms - s->hand_ms) * s->c.t.capacity / SHARD_AGE_PERIOD_MS;
}

/* Where hands stand follows from the clock: a process that is killed before they have gone round goes on where the
 * last one was, and not for ever over the same slots. */
void
shard_restart_hands(struct shard *s, uint64_t now_ms)
{
	s->hand_ms = now_ms - now_ms % HANDS_EPOCH_MS;
	s->emit_hand = emission_due(s, now_ms);
	s->age_hand = age_due(s, now_ms);
	s->c.t.age_hand = (uint32_t)(s->age_hand % s->c.t.capacity);
}

int
shard_take_table(struct shard *s, void *base, uint64_t seed, uint64_t now_ms, struct err *err)
{
	const struct trk_header *h = base;
	stage_attach_used(&s->c.st, base, h->stage, &used);
	const struct ft_stage *st = s->c.st.s;
	s->recovered =
		atomic_load_explicit(&st->undo_seq, memory_order_relaxed) > stage_record(&s->c.st)->seq &&
		atomic_load_explicit(&st->undo_bytes, memory_order_relaxed) > 0;
	stage_recover(&s->c.st);
	int rc = table_attach(&s->c.t, base, s->c.set->scoped, seed, err);
	if (rc != FT_OK)
		return rc;
	s->c.id_base = (uint64_t)h->epoch << 48 | (uint64_t)h->shard << 40;
	s->words = (s->c.t.capacity + 63) / 64;
	s->step = golden_step(s->words);
	set_now(s, now_ms);
	shard_restart_hands(s, now_ms);
	return FT_OK;
}

/* The ring may have been made anew since the record was written: then its positions are void. */
static void
meet_ring(struct shard *s, struct trk_ring_id *id, uint64_t incarnation, uint64_t *position, uint64_t stands)
{
	if (id->incarnation == incarnation)
		return;
	stage_begin(&s->c.st);
	stage_touch(&s->c.st, id, sizeof *id);
	id->incarnation = incarnation;
	*position = stands;
	stage_commit(&s->c.st);
}

int
shard_start(struct shard *s, void *base, const struct settings *set, uint64_t seed, uint64_t now_ms,
	struct err *err)
{
	s->c.set = set;
	int rc = shard_take_table(s, base, seed, now_ms, err);
	if (rc != FT_OK)
		return rc;
	struct ft_ring_header *h = s->c.out.h;
	meet_ring(s, &s->c.t.h->output, h->seg.incarnation, &s->c.st.next.output[0],
		atomic_load_explicit(&h->head, memory_order_acquire));
	ring_publish(&s->c.out, shard_head(s));
	return FT_OK;
}

void
shard_open_input(struct shard *s, unsigned i)
{
	struct ft_ring_header *h = s->in[i].h;
	meet_ring(s, &s->c.t.h->input[i], h->seg.incarnation, &s->c.st.next.input[i],
		atomic_load_explicit(&h->tail, memory_order_acquire));
	ring_release(&s->in[i], shard_input_at(s, i));
	s->in_open[i] = true;
}

void
shard_stop(struct shard *s)
{
	table_detach(&s->c.t);
	free(s->c.clocks.second);
	s->c.clocks = (struct clocks){NULL, 0};
}

/* ---- batches ---------------------------------------------------------------------------------- */

/* The commit, then what follows from it. */
static void
commit(struct shard *s)
{
	stage_commit(&s->c.st);
	ring_publish(&s->c.out, s->c.st.next.output[0]);
}

bool
shard_has_input(struct shard *s, unsigned i)
{
	uint64_t at = shard_input_at(s, i);
	return s->in_open[i] && ring_filled(&s->in[i], at) > at;
}

/* Passes 1 and 2.  ends[k] is where input stands after flow k. */
static unsigned
look_ahead(struct shard *s, unsigned i, unsigned most, struct session_flow *flow, uint64_t *ends)
{
	struct ring *in = &s->in[i];
	uint64_t at = shard_input_at(s, i), filled = ring_filled(in, at);
	unsigned n = 0;
	uint32_t fresh = 0;
	for (; n < most && at < filled; n++) {
		const struct ft_flow *f = ring_slot(in, at);
		const uint8_t *later = ring_slot(in, at + LOOK_AHEAD); /* another core wrote it */
		__builtin_prefetch(later);
		__builtin_prefetch(later + FT_LINE);
		uint64_t slots = f->slots ? f->slots : 1;
		const struct ft_flow_ext *x =
			(f->bits & FT_FLOW_EXT) && slots >= 2 ? ring_slot(in, at + 1) : NULL;
		session_look(&s->c, f, x, &flow[n]);
		uint64_t others = x ? 2 : 1;
		if ((f->bits & FT_FLOW_ELEMENTS) && (slots - others) * sizeof *f >= f->element_bytes) {
			flow[n].ring = in;
			flow[n].elements = at + others;
		}
		at += slots;
		ends[n] = at;
	}
	for (unsigned k = 0; k < n; k++)
		table_prefetch_entry(&s->c.t, flow[k].hash, &fresh);
	return n;
}

unsigned
shard_batch(struct shard *s, unsigned i, unsigned most, uint64_t now_ms)
{
	struct session_flow flow[CORE_BATCH];
	uint64_t ends[CORE_BATCH];
	if (!s->in_open[i])
		return 0;
	most = most > CORE_BATCH ? CORE_BATCH : most;
	uint64_t room =
		ring_room(&s->c.out, shard_head(s), (uint64_t)most * core_slots(&s->c)) / core_slots(&s->c);
	most = room < most ? (unsigned)room : most;
	unsigned n = most ? look_ahead(s, i, most, flow, ends) : 0;
	if (n == 0)
		return 0;
	set_now(s, now_ms);
	stage_begin(&s->c.st);
	unsigned done = 0;
	while (done < n && stage_undo_room(&s->c.st) >= core_undo(&s->c))
		session_apply(&s->c, &flow[done++]);
	s->c.st.next.input[i] = ends[done - 1];
	commit(s);
	ring_release(&s->in[i], s->c.st.next.input[i]);
	return done;
}

/* How many of a batch of emissions may be made now: by room and by undo log. */
static uint32_t
emissions(struct shard *s, uint32_t most)
{
	uint32_t batch = most < CORE_BATCH ? most : CORE_BATCH;
	uint64_t log = s->c.st.s->undo_capacity / core_undo(&s->c);
	batch = log < batch ? (uint32_t)log : batch;
	uint64_t room =
		ring_room(&s->c.out, shard_head(s), (uint64_t)batch * core_slots(&s->c)) / core_slots(&s->c);
	return room < batch ? (uint32_t)room : batch;
}

/* Seen one way for less than a second, on weak evidence: the other direction may be on its way. */
static bool
waits(const struct core *c, const struct trk_entry *e)
{
	uint32_t seen = TRK_CLIENT_SEEN | TRK_SERVER_SEEN;
	if ((e->state & (TRK_STORED | TRK_ENDED)) || (e->state & seen) == seen || e->rule <= FT_RULE_ICMP)
		return false;
	uint16_t age = (uint16_t)((uint16_t)(c->now_ms / 10) - e->since);
	return age < SHARD_WAIT_MS / 10;
}

/* One word of the bitmap.  False: out of room before its end.  *n: emissions left in the open batch. */
static bool
emit_word(struct shard *s, uint32_t word, bool wait, uint32_t *n)
{
	uint64_t ahead = s->c.t.dirty[word];
	for (unsigned i = 0; i < EMIT_AHEAD && ahead; i++, ahead &= ahead - 1)
		table_prefetch_slot(&s->c.t, word * 64 + (uint32_t)__builtin_ctzll(ahead));
	for (uint64_t bits = s->c.t.dirty[word]; bits; bits &= bits - 1) {
		if (ahead) {
			table_prefetch_slot(&s->c.t, word * 64 + (uint32_t)__builtin_ctzll(ahead));
			ahead &= ahead - 1;
		}
		uint32_t slot = word * 64 + (uint32_t)__builtin_ctzll(bits);
		const struct trk_entry *e = &s->c.t.entry[slot];
		if (wait && waits(&s->c, e))
			continue;
		if (*n == 0)
			return false;
		emit_pending(&s->c, slot);
		--*n;
	}
	return true;
}

/* Visit words from *hand to `to`; word(k) = k * step mod words. */
static bool
emit_until(struct shard *s, uint64_t *hand, uint64_t to, bool wait)
{
	while (*hand < to) {
		uint32_t n = emissions(s, CORE_BATCH);
		if (n == 0)
			return false;
		stage_begin(&s->c.st);
		/* an empty stretch of words is passed in one batch that changes nothing */
		while (*hand < to) {
			uint32_t word = (uint32_t)((*hand % s->words) * (uint64_t)s->step % s->words);
			if (!emit_word(s, word, wait, &n))
				break;
			++*hand;
		}
		commit(s);
	}
	return true;
}

static bool
tick_emission(struct shard *s, uint64_t now_ms)
{
	uint64_t due = emission_due(s, now_ms);
	if (due > s->emit_hand + s->words)
		s->emit_hand = due - s->words; /* more than a round behind: one round does it */
	return emit_until(s, &s->emit_hand, due, true);
}

static bool
tick_age(struct shard *s, uint64_t now_ms)
{
	uint64_t due = age_due(s, now_ms);
	if (due > s->age_hand + s->c.t.capacity)
		s->age_hand = due - s->c.t.capacity;
	while (s->age_hand < due) {
		uint32_t n = emissions(s, CORE_BATCH);
		if (n == 0)
			return false;
		uint64_t left = due - s->age_hand;
		stage_begin(&s->c.st);
		s->age_hand += expire_sweep(&s->c, left < UINT32_MAX ? (uint32_t)left : UINT32_MAX, n);
		commit(s);
	}
	return true;
}

bool
shard_tick(struct shard *s, uint64_t now_ms)
{
	set_now(s, now_ms);
	return tick_emission(s, now_ms) && tick_age(s, now_ms);
}

bool
shard_flush(struct shard *s, bool end, uint64_t now_ms)
{
	set_now(s, now_ms);
	if (!end) {
		uint64_t hand = 0;
		return emit_until(s, &hand, s->words, false);
	}
	for (uint32_t slot = 0; slot < s->c.t.capacity;) {
		uint32_t n = emissions(s, CORE_BATCH);
		if (n == 0)
			return false;
		stage_begin(&s->c.st);
		for (; slot < s->c.t.capacity && n > 0; slot++)
			if (s->c.t.entry[slot].state & TRK_USED) {
				emit_end(&s->c, slot, FT_END_NONE);
				n--;
			}
		commit(s);
	}
	return true;
}

bool
shard_shrink(struct shard *s, uint32_t entries, uint64_t now_ms)
{
	set_now(s, now_ms);
	while (table_used(&s->c.t) > entries) {
		uint32_t n = emissions(s, table_used(&s->c.t) - entries);
		if (n == 0)
			return false;
		stage_begin(&s->c.st);
		while (n-- > 0)
			expire_evict(&s->c);
		commit(s);
	}
	return true;
}

void
shard_copy(const struct shard *s, void *base)
{
	const struct table *t = &s->c.t;
	struct trk_header *h = base;
	struct ft_stage *st = (struct ft_stage *)((uint8_t *)base + h->stage);
	struct trk_entry *entry = (struct trk_entry *)((uint8_t *)base + h->entries);
	struct trk_ext *ext = (struct trk_ext *)((uint8_t *)base + h->exts);
	uint32_t n = 0, nx = 0, cells = 0;
	memcpy(h->input, t->h->input, sizeof h->input);
	h->output = t->h->output;
	st->record[0] = st->record[1] = *stage_record(&s->c.st);
	for (uint32_t i = 0; i < t->capacity; i++) {
		if (!(t->entry[i].state & TRK_USED))
			continue;
		CHECK(n < h->capacity);
		entry[n] = t->entry[i];
		if (entry[n].ext) {
			ext[nx] = t->ext[entry[n].ext - 1];
			entry[n].ext = ++nx;
		}
		if (h->cells)
			kept_copy(t, i, h, n, &cells);
		n++;
	}
}
