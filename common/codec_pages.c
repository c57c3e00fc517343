/*
 * codec_pages.c - writing PAGED columns: each page of CODEC_PAGE rows has a base and a width of its own.
 *
 * A page's width need not hold its largest value.  Bytes of sessions have a long tail, and ids and times go on by
 * small steps but for a jump now and then: a page as wide as its widest row would pay for that row a thousand
 * times.  So the width is the one that makes the page smallest, and rows beyond it keep their low bits in place and
 * their high bits in a list behind the page.
 */
#include <string.h>

#include "common/codec_parts.h"
#include "common/vector.h"

enum { TRIED = 4, HIGH_BITS = 32, EXCEPTION_BYTES = sizeof(uint32_t) + sizeof(uint16_t) };

static bool
line_up(struct codec_out *out, size_t start)
{
	size_t over = (out->used - start) % 8;
	return over == 0 || codec_room(out, 8 - over) != NULL;
}

static unsigned
running_width(const uint64_t *v, uint64_t rows)
{
	uint64_t most = 0;
	for (uint64_t i = 1; i < rows; i++) {
		if (v[i] < v[i - 1])
			return 65;
		most = v[i] - v[i - 1] > most ? v[i] - v[i - 1] : most;
	}
	return codec_width(most);
}

bool
codec_paged_write(struct codec_out *out, const uint64_t *v, uint64_t n, uint32_t scale, bool ascending)
{
	uint64_t pages = codec_pages(n);
	size_t start = out->used;
	if (codec_room(out, pages * sizeof(struct codec_page)) == NULL && pages > 0)
		return false;
	for (uint64_t i = 0; i < pages; i++) {
		uint64_t rows = codec_page_rows(n, i * CODEC_PAGE), low, high, steps[CODEC_PAGE];
		const uint64_t *from = v + i * CODEC_PAGE;
		codec_limits(from, rows, &low, &high);
		struct codec_page p = {.base = low, .bits = (uint8_t)codec_width((high - low) / scale)};
		if (ascending && running_width(from, rows) < p.bits) {
			p.running = CODEC_UP;
			p.bits = (uint8_t)running_width(from, rows);
			p.base = from[0];
			steps[0] = 0;
			for (uint64_t k = 1; k < rows; k++)
				steps[k] = from[k] - from[k - 1];
			from = steps;
			low = 0;
		}
		p.offset = (uint32_t)(out->used - start);
		if (p.bits > 0 && !codec_packed_write(out, from, rows, low, p.running ? 1 : scale, p.bits))
			return false;
		if (!line_up(out, start))
			return false;
		memcpy(out->p + start + i * sizeof p, &p, sizeof p);
	}
	return true;
}

/* ---- pages with exceptions --------------------------------------------------------------------------- */

struct plan { /* of a page: what is packed, and how wide */
	uint64_t value[CODEC_PAGE];
	unsigned bits, exceptions;
	uint64_t bytes;
};

VECTOR static void
plain_distances(uint64_t *to, const uint64_t *v, uint64_t rows, uint64_t low)
{
	for (uint64_t i = 0; i < rows; i++)
		to[i] = v[i] - low;
}

VECTOR static void
plain_steps(uint64_t *to, const uint64_t *v, uint64_t rows)
{
	to[0] = 0;
	for (uint64_t i = 1; i < rows; i++) {
		int64_t step = (int64_t)(v[i] - v[i - 1]);
		to[i] = (uint64_t)step << 1 ^ (step < 0 ? UINT64_MAX : 0);
	}
}

static void
distances(uint64_t *to, const uint64_t *v, uint64_t rows, uint64_t low, struct codec_exact by)
{
	for (uint64_t i = 0; i < rows; i++)
		to[i] = codec_exact_u64(v[i] - low, by);
}

/* Steps from row to row, the sign in the lowest bit.  A difference of two multiples of `scale` is one, and is small enough to
 * be taken as signed only where the page's range is. */
static void
steps(uint64_t *to, const uint64_t *v, uint64_t rows, struct codec_exact by)
{
	to[0] = 0;
	for (uint64_t i = 1; i < rows; i++) {
		int64_t step = (int64_t)((uint64_t)((int64_t)(v[i] - v[i - 1]) >> by.shift) * by.inverse);
		to[i] = (uint64_t)step << 1 ^ (step < 0 ? UINT64_MAX : 0);
	}
}

static void
widths(struct plan *p, uint64_t rows)
{
	uint32_t count[4][65] = {{0}};
	uint64_t i = 0;
	for (; i + 4 <= rows; i += 4)
		for (unsigned k = 0; k < 4; k++)
			count[k][codec_width(p->value[i + k])]++;
	for (; i < rows; i++)
		count[0][codec_width(p->value[i])]++;
	unsigned widest = 64;
	while (widest > 0 && count[0][widest] + count[1][widest] + count[2][widest] + count[3][widest] == 0)
		widest--;
	uint64_t over = 0;
	p->bytes = UINT64_MAX;
	for (unsigned bits = widest;; bits--) {
		uint64_t bytes = codec_packed_bytes(rows, bits) + over * EXCEPTION_BYTES;
		if (bytes < p->bytes) {
			p->bytes = bytes;
			p->bits = bits;
			p->exceptions = (unsigned)over;
		}
		if (bits == 0 || widest - bits == HIGH_BITS)
			return;
		over += (uint64_t)count[0][bits] + count[1][bits] + count[2][bits] + count[3][bits];
	}
}

static bool
write_page(struct codec_out *out, struct plan *p, uint64_t rows)
{
	/* an exception takes more than the widest page saves, so that there are never as many as rows */
	uint64_t mask = p->bits == 64 ? UINT64_MAX : (UINT64_C(1) << p->bits) - 1;
	uint32_t high[CODEC_PAGE], n = 0;
	uint16_t at[CODEC_PAGE + 1];
	for (uint64_t i = 0; i < rows && p->exceptions > 0; i++) {
		at[n] = (uint16_t)i;
		n += p->value[i] > mask;
	}
	for (uint32_t i = 0; i < n; i++) {
		high[i] = (uint32_t)(p->value[at[i]] >> p->bits); /* there are none of 64 bits */
		p->value[at[i]] &= mask;
	}
	if (p->bits > 0 && !codec_packed_write(out, p->value, rows, 0, 1, p->bits))
		return false;
	if (p->exceptions == 0)
		return true;
	if (!line_up(out, 0))
		return false;
	uint8_t *to = codec_room(out, (size_t)p->exceptions * EXCEPTION_BYTES);
	if (to == NULL)
		return false;
	memcpy(to, high, p->exceptions * sizeof high[0]);
	memcpy(to + p->exceptions * sizeof high[0], at, p->exceptions * sizeof at[0]);
	return true;
}

bool
codec_paged_patched(struct codec_out *out, const uint64_t *v, uint64_t n, uint32_t scale, bool delta)
{
	uint64_t pages = codec_pages(n);
	size_t start = out->used;
	struct plan plain, step;
	bool stepping =
		false; /* a column's pages are alike: what was better for one is tried alone for the next */
	struct codec_exact by = codec_exact_of(scale);
	CHECK(start % 8 == 0);
	if (codec_room(out, pages * sizeof(struct codec_page)) == NULL && pages > 0)
		return false;
	for (uint64_t i = 0; i < pages; i++) {
		uint64_t rows = codec_page_rows(n, i * CODEC_PAGE), low, high;
		const uint64_t *from = v + i * CODEC_PAGE;
		struct plan *best = &plain;
		codec_limits(from, rows, &low, &high);
		struct codec_page p = {.base = low};
		bool trial = i % TRIED == 0, can = delta && high - low < UINT64_C(1) << 62;
		if (trial || !stepping || !can) {
			if (scale == 1)
				plain_distances(plain.value, from, rows, low);
			else
				distances(plain.value, from, rows, low, by);
			widths(&plain, rows);
		}
		if (can && (trial || stepping)) {
			if (scale == 1)
				plain_steps(step.value, from, rows);
			else
				steps(step.value, from, rows, by);
			widths(&step, rows);
		}
		if (trial) /* steps are summed up by whoever reads: they must save a tenth */
			stepping = can && step.bytes < plain.bytes - plain.bytes / 10;
		if (stepping && can) {
			best = &step;
			p.running = CODEC_STEPS;
			p.base = from[0];
		}
		p.bits = (uint8_t)best->bits;
		p.exceptions = (uint16_t)best->exceptions;
		p.offset = (uint32_t)(out->used - start);
		if (!write_page(out, best, rows) || !line_up(out, start))
			return false;
		memcpy(out->p + start + i * sizeof p, &p, sizeof p);
	}
	return true;
}
