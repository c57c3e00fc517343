/*
 * element_list.h - reading and writing lists of kept elements (contract/elements.h).
 */
#ifndef FT_ELEMENT_LIST_H
#define FT_ELEMENT_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/contract/elements.h"

struct kept_element {
	uint32_t pen;
	uint16_t id, bytes;
	uint8_t said; /* FT_SAID_A, FT_SAID_B */
	const uint8_t *value;
};

/* The element at *at; moves *at behind it.  false: the end, or what is there is no element. */
bool element_next(const uint8_t *list, size_t n, size_t *at, struct kept_element *out);
/* Bytes an element takes in a list. */
size_t element_size(const struct kept_element *e);
/* Write it at list + n if that stays within room; the new length, or n if it does not fit. */
size_t element_add(uint8_t *list, size_t n, size_t room, const struct kept_element *e);

/* Merge a flow's list (n bytes of `says`) into a session's, which has `have` of `room` bytes; side: FT_SAID_A or
 * FT_SAID_B, who sent the flow.  Returns the new length.  *changed: the list differs; *dropped: + elements that did
 * not fit. */
size_t element_merge(uint8_t *list, size_t have, size_t room, const uint8_t *says, size_t n, uint8_t side,
	bool *changed, uint64_t *dropped);
/* A copy with sides exchanged if `swap`, cut at whole elements to room. */
size_t element_copy(uint8_t *to, size_t room, const uint8_t *list, size_t n, bool swap);

#endif
