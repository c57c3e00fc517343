/*
 * filter.h - the filter language: text to syntax tree and back.
 *
 *   filter  := xor-less precedence, loosest first:  or || · xor ^| ^^ · and && · not ! · ( … )
 *   test    := FIELD (== = != < <= > >=) value | FIELD [not] in ( value, … ) | a bare TCP flag or GUID | IE ( element )
 *   FIELD   := a name of filters.def | IE ( element ), an element's name or PEN.ID
 *   IFROLE ( in | out | any ) is another spelling of INROLE, OUTROLE, IFROLE
 *
 * The parser checks everything that can be told from the text; names of hosts, services, applications and AS
 * are kept as words and resolved by who runs the filter.  Fields are the rows of filters.def.
 * Bounds: 64 KiB of text, parentheses 64 deep, 4,096 tests, 16,384 values.
 */
#ifndef FT_FILTER_H
#define FT_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/err.h"
#include "common/ie.h"

enum { FILTER_MAX_TEXT = 65536, FILTER_MAX_DEPTH = 64, FILTER_MAX_TESTS = 4096, FILTER_MAX_VALUES = 16384 };

enum filter_field {
#define FILTER(name, ...) FILTER_##name,
#include "common/filters.def"
#undef FILTER
	FILTER_FIELDS
};

enum filter_type {
	FILTER_T_ADDR,
	FILTER_T_PORT,
	FILTER_T_PROTO,
	FILTER_T_COUNT,
	FILTER_T_SECONDS,
	FILTER_T_NUMBER,
	FILTER_T_COUNTRY,
	FILTER_T_AS,
	FILTER_T_GROUP,
	FILTER_T_BLOCK,
	FILTER_T_MAC,
	FILTER_T_FLAGS,
	FILTER_T_APP,
	FILTER_T_NSEL,
	FILTER_T_NSELEXT,
	FILTER_T_TIME,
	FILTER_T_VERSION,
	FILTER_T_GUID,
	FILTER_T_RULE,
	FILTER_T_END,
	FILTER_T_ELEMENT,
	FILTER_T_IFACE,
	FILTER_T_VRF,
	FILTER_T_ROLE,
	FILTER_TYPES
};

enum filter_cmp { FILTER_EQ, FILTER_NE, FILTER_LT, FILTER_LE, FILTER_GT, FILTER_GE };

enum filter_kind {
	FILTER_V_RANGE,  /* lo … hi, both included: numbers; SECONDS and TIME in microseconds */
	FILTER_V_PREFIX, /* bytes/bits in the 128-bit form; MAC: first 6 bytes, GUID: all 16 */
	FILTER_V_WORD,   /* text: a host, service, application, group or AS name */
	FILTER_V_ELEMENT, /* `element`; word is how it was written (NULL: the element alone, whatever its value) */
};
struct filter_value {
	enum filter_kind kind;
	uint32_t position; /* 1-based character in the text */
	uint64_t lo, hi;
	uint8_t bytes[16];
	unsigned bits;
	const char *word; /* as written */
	bool quoted;      /* ELEMENT: in quotes */
	const struct ie_value *element;
};

enum filter_op { FILTER_AND, FILTER_OR, FILTER_XOR, FILTER_NOT, FILTER_TEST };
struct filter_node {
	enum filter_op op;
	uint32_t n; /* AND OR XOR: children, at least 2; NOT: 1; TEST: values, at least 1 */
	struct filter_node **child;
	/* TEST: true if the field compares so with one of the values; NE: with none (EQ negated, so that with
	 * a field of either side neither side may match) */
	enum filter_field field;
	enum filter_cmp cmp;
	bool bare; /* a TCP flag or GUID without its field; IE(element) alone */
	uint32_t pen; /* IE: which element */
	uint16_t id;
	uint32_t position;
	struct filter_value *value;
};

struct filter_field_info {
	const char *name, *help;
	enum filter_type type;
	uint64_t most;
};
const struct filter_field_info *filter_field_info(enum filter_field field);
/* by name or other name, any case; -1: none */
int filter_field_find(const char *name);
/* other names: i = 0 …; NULL at the end */
const char *filter_alias(unsigned i, enum filter_field *field);
/* what a value of the type looks like, for errors and help: "an address, a network or a host name" */
const char *filter_type_expects(enum filter_type type);
const char *filter_cmp_text(enum filter_cmp cmp);
/* do < <= > >= make sense */
bool filter_type_ordered(enum filter_type type);

/* *out NULL: an empty filter, which selects everything.  FT_EINVAL: err->sys is the position (1-based
 * character), err->text says what was expected there. */
int filter_parse(struct arena *a, const char *text, struct filter_node **out, struct err *err);

/* In the manual's form, canonical names and values; a node of NULL is "".  NULL: arena bound. */
char *filter_print(struct arena *a, const struct filter_node *node);

/* one value of a field (filter_value.c); word is NUL terminated; err says what was expected */
int filter_value_parse(struct arena *a, enum filter_field field, const char *word, bool quoted,
	struct filter_value *out, struct err *err);

#endif
