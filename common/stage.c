/*
 * stage.c - the crash-proof step; contract/stage.h says what it promises and why that holds.
 *
 * Compiler barriers: a release store keeps what is written before it before it.  The other direction (a slot
 * written after stage_touch() must not be moved above the bump of undo_bytes) is what stage_order_after() is for:
 * it costs nothing, and matters as soon as these functions are inlined into their callers.  No CPU fence is
 * needed: a killed thread's stores reach memory in program order as far as any later process can tell.
 */
#include <string.h>

#include "common/stage.h"

size_t
stage_bytes(size_t undo)
{
	return (sizeof(struct ft_stage) + stage_padded(undo) + FT_LINE - 1) & ~(size_t)(FT_LINE - 1);
}

void
stage_format(void *base, size_t offset, size_t undo)
{
	struct ft_stage *s = (struct ft_stage *)((uint8_t *)base + offset);
	CHECK(offset % STAGE_UNDO_ALIGN == 0);
	s->undo_capacity = stage_padded(undo);
	atomic_store_explicit(&s->undo_seq, 0, memory_order_relaxed);
	atomic_store_explicit(&s->undo_bytes, 0, memory_order_relaxed);
	atomic_store_explicit(&s->selector, 0, memory_order_release);
}

void
stage_attach_used(struct stage *st, void *base, size_t offset, const struct stage_use *use)
{
	CHECK(use->inputs <= FT_STAGE_INPUTS && use->outputs <= FT_STAGE_OUTPUTS &&
		use->ids <= FT_STAGE_IDS && use->counters <= FT_STAGE_COUNTERS);
	*st = (struct stage){.base = base, .use = *use};
	st->s = (struct ft_stage *)(st->base + offset);
	st->undo = (uint8_t *)st->s + sizeof(struct ft_stage);
	/* an earlier build may have used more: the first two commits copy whole records, so that both of them
	 * agree in what this one never writes */
	st->whole = 2;
	st->next = *stage_record(st);
}

void
stage_attach(struct stage *st, void *base, size_t offset)
{
	static const struct stage_use all = {
		FT_STAGE_INPUTS, FT_STAGE_OUTPUTS, FT_STAGE_IDS, FT_STAGE_COUNTERS};
	stage_attach_used(st, base, offset, &all);
}

static inline void
copy_words(uint64_t *to, const uint64_t *from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		to[i] = from[i];
}

static void
record_copy(struct ft_stage_record *to, const struct ft_stage_record *from, const struct stage_use *use)
{
	to->seq = from->seq;
	copy_words(to->input, from->input, use->inputs);
	copy_words(to->output, from->output, use->outputs);
	copy_words(to->id, from->id, use->ids);
	copy_words(to->counter, from->counter, use->counters);
}

void
stage_recover(struct stage *st)
{
	struct ft_stage *s = st->s;
	uint64_t bytes = atomic_load_explicit(&s->undo_bytes, memory_order_acquire);
	if (atomic_load_explicit(&s->undo_seq, memory_order_acquire) == stage_record(st)->seq + 1) {
		CHECK(bytes <= s->undo_capacity);
		uint64_t last = 0;
		for (uint64_t at = 0; at < bytes;) {
			const struct ft_undo_entry *e = (const struct ft_undo_entry *)(st->undo + at);
			last = at;
			at += sizeof *e + stage_padded(e->bytes);
		}
		/* newest first: of two images of one slot the older one, put back last, wins */
		for (uint64_t at = last; bytes > 0;) {
			const struct ft_undo_entry *e = (const struct ft_undo_entry *)(st->undo + at);
			memcpy(st->base + e->offset, e + 1, e->bytes);
			if (at == 0)
				break;
			CHECK(e->back <= at && e->back > 0);
			at -= e->back;
		}
		/* All images are back: the log may be emptied.  Not before: a kill in the middle must find it. */
		stage_order_after();
		atomic_store_explicit(&s->undo_bytes, 0, memory_order_release);
		stage_order_after();
	}
	st->next = *stage_record(st);
	st->undo_bytes = st->last_entry = 0;
	st->open = false;
	st->whole = 2;
}

void
stage_begin(struct stage *st)
{
	CHECK(!st->open);
	const struct ft_stage_record *r = stage_record(st);
	record_copy(&st->next, r, &st->use);
	st->next.seq = r->seq + 1;
	st->undo_bytes = st->last_entry = 0;
	st->open = true;
	/* emptied while it is dead (undo_seq is the committed seq), then armed */
	atomic_store_explicit(&st->s->undo_bytes, 0, memory_order_release);
	atomic_store_explicit(&st->s->undo_seq, st->next.seq, memory_order_release);
	stage_order_after();
}

size_t
stage_undo_room(const struct stage *st)
{
	return st->s->undo_capacity - st->undo_bytes;
}

void
stage_commit(struct stage *st)
{
	CHECK(st->open);
	uint32_t idle = atomic_load_explicit(&st->s->selector, memory_order_relaxed) ^ 1;
	struct ft_stage_record *r = &st->s->record[idle];
	if (st->whole > 0) {
		st->whole--;
		*r = st->next;
	} else {
		record_copy(r, &st->next, &st->use);
	}
	st->open = false;
	/* release: the record, every slot and every output are written before the one store that commits */
	atomic_store_explicit(&st->s->selector, idle, memory_order_release);
	stage_order_after();
}
