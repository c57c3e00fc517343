/*
 * frame.h - times: which slices a frame sees, and how much of a slice falls into it.
 *
 * A frame is [from, to), a slice [first, last] with both ends included.  They overlap if first < to and
 * last >= from; a session's hull [start, prev] likewise, and a first slice has none.
 * Of an amount v the frame gets F(to) - F(from), F(t) = floor(v * clamp(t - first, 0, last - first) /
 * (last - first)); if first = last, all of it where from <= first < to.  The same formula cuts time slots,
 * so amounts of adjoining frames or slots add up exactly.
 */
#ifndef FT_QUERYD_FRAME_H
#define FT_QUERYD_FRAME_H

#include <stdbool.h>
#include <stdint.h>

struct frame {
	int64_t from, to;
	uint32_t slots; /* 0: no series */
};

static inline bool
frame_overlaps(const struct frame *f, int64_t first, int64_t last)
{
	return (first < f->to) & (last >= f->from); /* no branch: it stands in loops over rows */
}
/* does the frame cut the slice: only then has an amount to be pro-rated */
static inline bool
frame_cuts(const struct frame *f, int64_t first, int64_t last)
{
	return first < f->from || (last > f->to && first != last);
}

/* F(t) of the essay, for first < last */
static inline uint64_t
frame_until(uint64_t v, int64_t first, int64_t last, int64_t t)
{
	if (t <= first)
		return 0;
	if (t >= last)
		return v;
	uint64_t part = (uint64_t)(t - first), whole = (uint64_t)(last - first);
	if (v <= UINT32_MAX && part <= UINT32_MAX)
		return v * part / whole;
	return (uint64_t)((unsigned __int128)v * part / whole);
}
/* of v over [first, last] what [from, to) gets */
static inline uint64_t
frame_part(uint64_t v, int64_t first, int64_t last, int64_t from, int64_t to)
{
	if (first >= last)
		return first >= from && first < to ? v : 0;
	return frame_until(v, first, last, to) - frame_until(v, first, last, from);
}

/* floor(v * times / by); 128 bits only where it needs them, they are slow to divide */
static inline uint64_t
frame_share(uint64_t v, uint32_t times, uint64_t by)
{
	if (v >> 40 == 0 && times >> 20 == 0)
		return v * times / by;
	return (uint64_t)((unsigned __int128)v * times / by);
}
/* start of slot i (0 … slots): slots are cut as evenly as whole microseconds allow */
static inline int64_t
frame_slot_start(const struct frame *f, uint32_t i)
{
	return f->from + (int64_t)frame_share((uint64_t)(f->to - f->from), i, f->slots);
}
/* slot of a time within the frame; times before it are in slot 0 */
static inline uint32_t
frame_slot(const struct frame *f, int64_t t)
{
	if (t <= f->from)
		return 0;
	if (t >= f->to)
		return f->slots - 1;
	uint64_t span = (uint64_t)(f->to - f->from);
	uint32_t i = (uint32_t)frame_share((uint64_t)(t - f->from), f->slots, span);
	if (i + 1 < f->slots && frame_slot_start(f, i + 1) <= t) /* floors may differ by one */
		i++;
	return i;
}

#endif
