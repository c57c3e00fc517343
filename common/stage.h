/*
 * stage.h - the one implementation of contract/stage.h.
 */
#ifndef FT_STAGE_H
#define FT_STAGE_H

#include <stdbool.h>
#include <string.h>

#include "common/contract/stage.h"
#include "common/err.h"

/* How much of a record an owner uses, from index 0: a commit copies no more than that. */
struct stage_use {
	uint32_t inputs, outputs, ids, counters;
};

struct stage {
	uint8_t *base; /* start of the segment: undo offsets count from here */
	struct ft_stage *s;
	uint8_t *undo;
	struct ft_stage_record next; /* private: what the running batch will commit */
	uint64_t undo_bytes;
	uint64_t last_entry; /* where the newest undo entry starts */
	struct stage_use use;
	unsigned whole; /* commits that still copy the whole record */
	bool open;
};

enum { STAGE_UNDO_ALIGN = 16 };

/* Nothing that follows may be moved above what is before: a compiler barrier, see stage.c. */
static inline void
stage_order_after(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

static inline uint64_t
stage_padded(uint64_t bytes)
{
	return (bytes + STAGE_UNDO_ALIGN - 1) & ~(uint64_t)(STAGE_UNDO_ALIGN - 1);
}

/* Bytes of struct ft_stage plus `undo` bytes of log, rounded up to a line. */
size_t stage_bytes(size_t undo);
/* Write an empty stage (seq 0) into zeroed memory at base + offset. */
void stage_format(void *base, size_t offset, size_t undo);
void stage_attach(struct stage *st, void *base, size_t offset);
/* As stage_attach, for an owner that uses only the first few inputs, outputs, ids and counters: the hot path
 * copies those.  What lies beyond keeps the value it has. */
void stage_attach_used(struct stage *st, void *base, size_t offset, const struct stage_use *use);

/* Undo a batch that did not commit.  Idempotent; may be killed at any instruction and run again.  Afterwards
 * `next` is the selected record; the caller publishes heads and tails from it and rebuilds what is derived. */
void stage_recover(struct stage *st);

static inline const struct ft_stage_record *
stage_record(const struct stage *st)
{
	return &st->s->record[atomic_load_explicit(&st->s->selector, memory_order_acquire)];
}

/* Begin a batch: `next` becomes a copy of the selected record, with seq one more. */
void stage_begin(struct stage *st);
/* Keep the image of a slot that is about to change.  A slot may be touched again in the same batch (the
 * oldest image wins on recovery, since images go back newest first); callers avoid it for speed only.
 * Aborts if the log is full: the owner sizes it for its largest batch. */
static inline void
stage_touch(struct stage *st, const void *slot, uint32_t bytes)
{
	CHECK(st->open);
	uint64_t at = st->undo_bytes, end = at + sizeof(struct ft_undo_entry) + stage_padded(bytes);
	CHECK(end <= st->s->undo_capacity);
	struct ft_undo_entry *e = (struct ft_undo_entry *)(st->undo + at);
	e->offset = (uint64_t)((const uint8_t *)slot - st->base);
	e->bytes = bytes;
	e->back = (uint32_t)(at - st->last_entry);
	memcpy(e + 1, slot, bytes);
	st->last_entry = at;
	st->undo_bytes = end;
	/* release: the image is whole before the log has it; the slot is written only afterwards */
	atomic_store_explicit(&st->s->undo_bytes, end, memory_order_release);
	stage_order_after();
}
/* room left in the log, so that a long batch can be ended early */
size_t stage_undo_room(const struct stage *st);
void stage_commit(struct stage *st);

#endif
