/*
 * ie.h - information elements by number and name (ie.def), and their values as JSON and in filters.
 */
#ifndef FT_IE_H
#define FT_IE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/err.h"

enum ie_type {
	IE_UNSIGNED,
	IE_SIGNED,
	IE_FLOAT,
	IE_ADDRESS,
	IE_MAC,
	IE_STRING,
	IE_OCTETS,
	IE_BOOLEAN,
	IE_NTP,
	IE_UNKNOWN, /* not in ie.def: the value's length, in filters its form, decides */
	IE_TYPES
};
enum { IE_NAME = 96, IE_PEN_REVERSE = 29305 };

enum ie_type ie_type(uint32_t pen, uint16_t id);
const char *ie_type_word(enum ie_type type);
/* Its name, or "pen.id"; returns the length. */
size_t ie_name(uint32_t pen, uint16_t id, char out[IE_NAME]);
/* IANA's name, a vendor's (cisco:appHTTPHost), reverse and IANA's name, or pen.id; any case.  false: none of these. */
bool ie_parse(const char *text, uint32_t *pen, uint16_t *id);

/* ---- values (ie_value.c) ---------------------------------------------------------------------- */

/* As JSON into out (not terminated): a number, a string, true or false; text that is not UTF-8 in hexadecimal digits.
 * Returns the length, 0 if it needs more than `room`.  6 * n + 64 bytes are always enough. */
size_t ie_value_json(enum ie_type type, const uint8_t *value, size_t n, char *out, size_t room);
/* A list of contract/elements.h as a JSON object {"name": value}; where the two directions differ an array of two,
 * the client's first.  What does not fit into room is left out.  0: there is nothing in it. */
size_t ie_list_json(const uint8_t *list, size_t n, char *out, size_t room);

/* A value to compare with. */
enum ie_form {
	IE_F_ANY,
	IE_F_UNSIGNED,
	IE_F_SIGNED,
	IE_F_FLOAT,
	IE_F_ADDRESS,
	IE_F_MAC,
	IE_F_OCTETS,
	IE_F_BOOLEAN
};
enum ie_cmp { IE_EQ, IE_LT, IE_LE, IE_GT, IE_GE };
struct ie_value {
	enum ie_form form;
	enum ie_type type;   /* of the element */
	uint64_t lo, hi;     /* UNSIGNED; SIGNED with the top bit turned, so that they sort */
	double flo, fhi;     /* FLOAT */
	uint8_t bytes[16];   /* ADDRESS, MAC */
	unsigned bits;       /* ADDRESS */
	const uint8_t *data; /* OCTETS: in the arena */
	size_t n;
};
/* what a value of the type looks like, for errors */
const char *ie_type_expects(enum ie_type type);
/* may < <= > >= follow */
bool ie_type_ordered(enum ie_type type);
/* FT_EINVAL: word is no value of the type; FT_EFULL: the arena's bound. */
int ie_value_parse(struct arena *a, enum ie_type type, const char *word, bool quoted, struct ie_value *out);
/* one number: may follow < <= > >= */
bool ie_value_single(const struct ie_value *v);
bool ie_value_match(const struct ie_value *v, enum ie_cmp cmp, const uint8_t *value, size_t n);

#endif
