/* element_list.c - see element_list.h */
#include "common/element_list.h"

#include <string.h>

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}
static void
put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

bool
element_next(const uint8_t *list, size_t n, size_t *at, struct kept_element *out)
{
	size_t left = *at < n ? n - *at : 0;
	const uint8_t *p = list + *at;
	size_t head = left > 0 && (p[0] & FT_SAID_PEN) ? 9 : 5;
	if (left < head)
		return false;
	*out = (struct kept_element){.id = get16(p + 1), .said = p[0] & (FT_SAID_A | FT_SAID_B)};
	if (head == 9)
		out->pen = (uint32_t)get16(p + 3) | (uint32_t)get16(p + 5) << 16;
	out->bytes = get16(p + head - 2);
	if (out->bytes > left - head)
		return false;
	out->value = p + head;
	*at += head + out->bytes;
	return true;
}

size_t
element_size(const struct kept_element *e)
{
	return (e->pen ? 9u : 5u) + e->bytes;
}

size_t
element_add(uint8_t *list, size_t n, size_t room, const struct kept_element *e)
{
	if (n > room || element_size(e) > room - n)
		return n;
	uint8_t *p = list + n;
	*p++ = (uint8_t)(e->said | (e->pen ? FT_SAID_PEN : 0));
	put16(p, e->id);
	p += 2;
	if (e->pen) {
		put16(p, (uint16_t)e->pen);
		put16(p + 2, (uint16_t)(e->pen >> 16));
		p += 4;
	}
	put16(p, e->bytes);
	if (e->bytes > 0)
		memcpy(p + 2, e->value, e->bytes);
	return n + element_size(e);
}

static bool
same_value(const struct kept_element *a, const struct kept_element *b)
{
	return a->bytes == b->bytes && memcmp(a->value, b->value, a->bytes) == 0;
}

/* Merge one element.  Most flows of a session repeat what was said: that is found without a change. */
static size_t
merge_one(uint8_t *list, size_t have, size_t room, const struct kept_element *says, uint8_t side,
	bool *changed, uint64_t *dropped)
{
	struct kept_element e;
	size_t begin = 0, at = 0;
	uint8_t was[FT_ELEMENTS_MOST];
	size_t was_begin[2], was_n[2], found = 0, freed = 0;
	/* at most two entries of an element: one both said, or one each */
	for (; found < 2 && element_next(list, have, &at, &e); begin = at) {
		if (e.id != says->id || e.pen != says->pen)
			continue;
		if ((e.said & side) && same_value(&e, says))
			return have;
		was_begin[found] = begin;
		was_n[found++] = at - begin;
	}
	/* what the other side said stays, with its bit alone, unless it is the same */
	struct kept_element mine = *says;
	mine.said = side;
	size_t kept = 0;
	for (size_t k = 0; k < found; k++) {
		size_t p = was_begin[k];
		(void)element_next(list, have, &p, &e);
		freed += was_n[k];
		e.said &= (uint8_t)~side;
		if (e.said == 0)
			continue;
		if (same_value(&e, says))
			mine.said |= e.said;
		else
			kept = element_add(was, kept, sizeof was, &e);
	}
	if (have - freed + kept + element_size(&mine) > room) {
		(*dropped)++;
		return have;
	}
	for (size_t k = found; k-- > 0;) {
		size_t end = was_begin[k] + was_n[k];
		memmove(list + was_begin[k], list + end, have - end);
		have -= was_n[k];
	}
	memcpy(list + have, was, kept);
	*changed = true;
	return element_add(list, have + kept, room, &mine);
}

size_t
element_merge(uint8_t *list, size_t have, size_t room, const uint8_t *says, size_t n, uint8_t side,
	bool *changed, uint64_t *dropped)
{
	struct kept_element e;
	for (size_t at = 0; element_next(says, n, &at, &e);)
		if (e.bytes > 0)
			have = merge_one(list, have, room, &e, side, changed, dropped);
	return have;
}

size_t
element_copy(uint8_t *to, size_t room, const uint8_t *list, size_t n, bool swap)
{
	struct kept_element e;
	size_t used = 0;
	for (size_t at = 0; element_next(list, n, &at, &e);) {
		if (swap)
			e.said = (uint8_t)((e.said & FT_SAID_A ? FT_SAID_B : 0) |
					   (e.said & FT_SAID_B ? FT_SAID_A : 0));
		size_t now = element_add(to, used, room, &e);
		if (now == used)
			break;
		used = now;
	}
	return used;
}
