/*
 * shard.h - a shard at work: batches of flows, the emission that goes round with the clock, the sweep over old
 * sessions.  Over memory and rings of the caller's; thread.c gives it threads and files.
 *
 * Everything that changes the table is a batch of the stage (contract/stage.h): begin, apply, commit (one
 * store), then publish the output ring's head and give inputs back.  A batch is made as large as the output ring has
 * room for, down to one flow; if even that does not fit nothing is begun.
 *
 * Emission.  A hand goes round the words of the dirty bitmap once in a storageinterval, in steps of a golden
 * section so that a table that is filled from below still emits evenly; what it finds changed is emitted.  So
 * a flow waits at most one interval; a session seen one way for less than a second, whose direction rests on weak
 * evidence, is passed over once: at most a second more.  A hand that was held up (store away) catches up.
 */
#ifndef FT_TRACKER_SHARD_H
#define FT_TRACKER_SHARD_H

#include "tracker/core.h"

enum { SHARD_WAIT_MS = 1000, SHARD_AGE_PERIOD_MS = 8000 };

struct shard {
	struct core c;
	struct ring in[FT_STAGE_INPUTS];
	bool in_open[FT_STAGE_INPUTS];
	uint64_t hand_ms;   /* monotonic, when the hands began */
	uint64_t emit_hand; /* words visited since then */
	uint64_t age_hand;  /* slots looked at since then */
	uint32_t words, step;
	bool recovered; /* the last process was killed inside a batch */
};

/* Take over a segment (table_format() or an earlier process made it) and the output ring in s->c.out: undo what
 * did not commit, publish what did, rebuild what is derived.  now_ms: monotonic. */
int shard_start(struct shard *s, void *base, const struct settings *set, uint64_t seed, uint64_t now_ms,
	struct err *err);
/* The table's part of that alone, after a resize. */
int shard_take_table(struct shard *s, void *base, uint64_t seed, uint64_t now_ms, struct err *err);
void shard_stop(struct shard *s);
/* Input ring i is there (s->in[i], attached by the caller): from its recorded position, or, if this ring is not the
 * one the record speaks of, from where its consumer stood. */
void shard_open_input(struct shard *s, unsigned i);

/* Apply up to `most` flows of input i.  Returns how many; 0: nothing there, or no room (see shard_room). */
unsigned shard_batch(struct shard *s, unsigned i, unsigned most, uint64_t now_ms);
static inline uint64_t
shard_head(const struct shard *s)
{
	return stage_record(&s->c.st)->output[0];
}
static inline bool
shard_room(struct shard *s)
{
	return ring_room(&s->c.out, shard_head(s), core_slots(&s->c)) >= core_slots(&s->c);
}
static inline uint64_t
shard_input_at(const struct shard *s, unsigned i)
{
	return stage_record(&s->c.st)->input[i];
}
bool shard_has_input(struct shard *s, unsigned i);

/* Move both hands to where the clock says.  False: the output ring is full, call again. */
bool shard_tick(struct shard *s, uint64_t now_ms);
/* A new storageinterval: the hands begin anew. */
void shard_restart_hands(struct shard *s, uint64_t now_ms);
/* Emit all there is, waiting for nobody.  end: the sessions end too, and the table is empty afterwards (drain).
 * False: the ring is full, call again. */
bool shard_flush(struct shard *s, bool end, uint64_t now_ms);
/* Evict until at most `entries` are left.  False: the ring is full, call again. */
bool shard_shrink(struct shard *s, uint32_t entries, uint64_t now_ms);
/* Copy everything into a freshly formatted segment that has room for it: same commit record, same entries. */
void shard_copy(const struct shard *s, void *base);

#endif
