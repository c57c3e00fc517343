#include "queryd/batch.h"

#include <stdlib.h>
#include <string.h>

#include "queryd/kernel.h"

static const uint8_t bits_of[FT_COLUMNS] = {
#define COLUMN(name, bits, dictionary, value) bits,
#include "common/fields.def"
#undef COLUMN
};

bool
batch_is_wide(enum ft_column c)
{
	return bits_of[c] == 64;
}

void
batch_start(struct batch *b, struct block_view *v, const struct frame *f, uint32_t from, uint32_t n)
{
	b->v = v;
	b->frame = f;
	b->from = from;
	b->n = n;
	b->m = 0;
	b->inside = b->block_inside;
	b->have = b->have_sel = b->have_amount = 0;
}

void
batch_select(struct batch *b)
{
	uint32_t m = 0;
	for (uint32_t i = 0; i < b->n; i += 8) { /* of most words no row is selected */
		uint32_t end = b->n - i < 8 ? b->n : i + 8;
		uint64_t word;
		memcpy(&word, b->mask + i, sizeof word); /* BATCH is a multiple of 8 */
		if (word == 0 && end - i == 8)
			continue;
		for (uint32_t k = i; k < end; k++) {
			b->sel[m] = (uint16_t)k;
			m += b->mask[k];
		}
	}
	b->m = m;
	b->in_order = 0;
	b->have_sel = b->have_amount = 0;
}

void
batch_select_all(struct batch *b)
{
	memset(b->mask, 1, b->n);
	for (uint32_t i = b->in_order; i < b->n; i++)
		b->sel[i] = (uint16_t)i;
	b->in_order = b->n > b->in_order ? b->n : b->in_order;
	b->m = b->n;
	b->have_sel = b->have_amount = 0;
}

void
batch_keep(struct batch *b, const uint16_t *place, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		b->sel[i] = b->sel[place[i]];
	b->m = n;
	b->in_order = 0;
	b->have_sel = b->have_amount = 0;
}

void
batch_free(struct batch *b)
{
	for (int c = 0; c < FT_COLUMNS; c++) {
		free(b->column[c]);
		free(b->selected[c]);
		free(b->amount[c]);
		b->column[c] = b->selected[c] = b->amount[c] = NULL;
	}
}

/* an array of BATCH values that stays with the batch; a batch is small, so it is not in the budget */
static void *
room(struct batch *b, void **at)
{
	if (*at == NULL)
		*at = aligned_alloc(64, sizeof(uint64_t) * (BATCH < 64 ? 64 : BATCH));
	if (*at == NULL)
		b->rc = FT_ENOMEM;
	return *at;
}

static const void *
nothing(void)
{
	static const uint64_t zero[BATCH];
	return zero;
}

const uint32_t *
batch_u32(struct batch *b, enum ft_column c)
{
	uint32_t *out = room(b, &b->column[c]);
	if (out == NULL)
		return nothing();
	if (b->have >> c & 1)
		return out;
	int rc = block_u32(b->v, c, b->from, b->n, out);
	if (rc != 0) {
		b->rc = rc;
		memset(out, 0, b->n * sizeof *out);
	}
	b->have |= (uint64_t)1 << c;
	return out;
}

const uint64_t *
batch_u64(struct batch *b, enum ft_column c)
{
	uint64_t *out = room(b, &b->column[c]);
	if (out == NULL)
		return nothing();
	if (b->have >> c & 1)
		return out;
	int ref = block_ref(b->v, c);
	bool at_hand = ref >= 0 && batch_is_wide((enum ft_column)ref) && (b->have >> ref & 1);
	int rc = at_hand ? block_u64_of(b->v, c, b->from, b->n, b->column[ref], out)
			 : block_u64(b->v, c, b->from, b->n, out);
	if (rc != 0) {
		b->rc = rc;
		memset(out, 0, b->n * sizeof *out);
	}
	b->have |= (uint64_t)1 << c;
	return out;
}

/* few rows of a column that was not read yet are read alone */
static bool
worth_picking(const struct batch *b, enum ft_column c)
{
	return !(b->have >> c & 1) && b->m * 8 <= b->n && block_picks(b->v, c);
}

static void
pick32(struct batch *b, enum ft_column c, uint32_t *out)
{
	uint64_t wide[512];
	for (uint32_t done = 0, take; done < b->m; done += take) {
		take = b->m - done < 512 ? b->m - done : 512;
		int rc = block_pick_u64(b->v, c, b->from, b->sel + done, take, wide);
		if (rc != 0)
			b->rc = rc;
		for (uint32_t j = 0; j < take; j++)
			out[done + j] = rc == 0 ? (uint32_t)wide[j] : 0;
	}
}

const uint32_t *
batch_sel32(struct batch *b, enum ft_column c)
{
	if (b->m == b->n)
		return batch_u32(b, c);
	uint32_t *out = room(b, &b->selected[c]);
	if (out == NULL)
		return nothing();
	if (b->have_sel >> c & 1)
		return out;
	b->have_sel |= (uint64_t)1 << c;
	if (worth_picking(b, c)) {
		pick32(b, c, out);
		return out;
	}
	const uint32_t *in = batch_u32(b, c);
	for (uint32_t j = 0; j < b->m; j++)
		out[j] = in[b->sel[j]];
	return out;
}

const uint64_t *
batch_sel64(struct batch *b, enum ft_column c)
{
	if (b->m == b->n)
		return batch_u64(b, c);
	uint64_t *out = room(b, &b->selected[c]);
	if (out == NULL)
		return nothing();
	if (b->have_sel >> c & 1)
		return out;
	b->have_sel |= (uint64_t)1 << c;
	if (worth_picking(b, c)) {
		int rc = block_pick_u64(b->v, c, b->from, b->sel, b->m, out);
		if (rc != 0) {
			b->rc = rc;
			memset(out, 0, b->m * sizeof *out);
		}
		return out;
	}
	const uint64_t *in = batch_u64(b, c);
	for (uint32_t j = 0; j < b->m; j++)
		out[j] = in[b->sel[j]];
	return out;
}

void
batch_mask_frame(struct batch *b)
{
	if (b->inside) {
		memset(b->mask, 1, b->n);
		return;
	}
	const uint64_t *first = batch_u64(b, FT_COL_first_us), *last = batch_u64(b, FT_COL_last_us);
	int64_t from = b->frame->from, to = b->frame->to;
	/* of an open block nothing is said beforehand, and of one at the frame's edge most batches are inside */
	if (kernel_inside(first, last, from, to, b->n)) {
		b->inside = true;
		memset(b->mask, 1, b->n);
		return;
	}
	for (uint32_t i = 0; i < b->n; i++)
		b->mask[i] = ((int64_t)first[i] < to) & ((int64_t)last[i] >= from);
}

const uint64_t *
batch_amount(struct batch *b, enum ft_column c)
{
	const uint64_t *wide = batch_is_wide(c) ? batch_sel64(b, c) : NULL;
	if (b->inside && wide != NULL)
		return wide;
	uint64_t *out = room(b, &b->amount[c]);
	if (out == NULL)
		return nothing();
	if (b->have_amount >> c & 1)
		return out;
	b->have_amount |= (uint64_t)1 << c;
	if (wide != NULL)
		memcpy(out, wide, b->m * sizeof *out);
	else {
		const uint32_t *narrow = batch_sel32(b, c);
		for (uint32_t j = 0; j < b->m; j++)
			out[j] = narrow[j];
	}
	if (b->inside)
		return out;
	const uint64_t *first = batch_sel64(b, FT_COL_first_us), *last = batch_sel64(b, FT_COL_last_us);
	const struct frame *f = b->frame;
	for (uint32_t j = 0; j < b->m; j++) {
		int64_t a = (int64_t)first[j], z = (int64_t)last[j];
		if (frame_cuts(f, a, z))
			out[j] = frame_part(out[j], a, z, f->from, f->to);
	}
	return out;
}
