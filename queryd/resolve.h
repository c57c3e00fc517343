/*
 * resolve.h - a syntax tree becomes a program that does not depend on any block: names are looked up, every
 * comparison is a set of ranges, addresses or words, perhaps negated.  Immutable, shared by a query's threads.
 * queryd/compile.h binds it to one block after the other.
 */
#ifndef FT_QUERYD_RESOLVE_H
#define FT_QUERYD_RESOLVE_H

#include "common/contract/block.h"
#include "common/filter.h"
#include "common/snapshot.h"
#include "common/services.h"
#include "queryd/engine.h"
#include "queryd/places.h"

enum test_part {
	PART_SELF,
	PART_ADDRESS,
	PART_COUNTRY,
	PART_AS,
	PART_GROUP,
	PART_NETBLOCK,
	PART_MASK,
	PART_EXP_ADDRESS,
	PART_EXP_DOMAIN,
	PART_EXP_VERSION,
	PART_EXP_GUID,
	PART_WIDE,
	PART_DSCP,
	PART_ICMP_TYPE,
	PART_ICMP_CODE,
	PART_APP,
	PART_ELEMENTS,
	PART_IFACE,
	PART_IFROLE,
	PART_VRF,
	PART_SES_SUM,
	PART_SES_TOTAL,
	PART_SES_TIME,
	PART_SES_FLAGS,
	PART_SES_START,
	PART_SES_END,
};

/* is it settled by what an exporter told of the number (contract/interfaces.h)? */
static inline bool
named_by_exporter(enum test_part part)
{
	return part == PART_IFACE || part == PART_IFROLE || part == PART_VRF;
}

struct test_prefix {
	uint8_t bytes[16];
	unsigned bits;
};
struct test_range {
	uint64_t lo, hi;
};
struct test {
	enum filter_field field;
	enum filter_type type;
	enum test_part part;
	int a, b; /* columns; b -1: one side only */
	uint32_t has_a, has_b;
	bool negate;
	struct test_range *range;   /* any of them */
	struct test_prefix *exact;  /* whole addresses, sorted */
	struct test_prefix *prefix; /* the others */
	const char **word;
	uint32_t ranges, exacts, prefixes, words, values;
	uint32_t pen; /* PART_ELEMENTS: which element, how it is compared, and with what: values[] */
	uint16_t id;
	enum ie_cmp cmp;
	const struct ie_value **element;
	uint8_t *lookup; /* PART_SELF of at most 16 bits with more than one range: 65536 answers */
};

struct step {
	enum filter_op op;
	uint32_t n, test; /* children; test: index, for TEST */
	uint32_t *child;  /* indices of steps, all smaller than this step's */
};
struct program {
	struct step *step; /* the last one is the root */
	struct test *test;
	uint32_t steps, tests;
	uint64_t columns; /* bits: what it reads */
	bool session;     /* has tests of the session within the frame */
	bool attribute;   /* has tests of what may change in the course of a session */
};

/* names looked up for the answer: {"host": ["10.0.0.1"]} */
struct resolved {
	const char *name;
	char text[64];
};
enum { RESOLVED_MOST = 64 };
struct resolution {
	struct resolved *row;
	uint32_t n;
};

/* root NULL: *out is NULL, everything.  places NULL: AS have no names here.  err->sys is the position of a name that is not known. */
int resolve_program(struct arena *a, const struct filter_node *root, const struct services *services,
	struct places *places, const struct engine_names *names, bool hosts, struct program **out,
	struct resolution *seen, struct err *err);

bool test_range_has(const struct test *t, uint64_t v);
bool test_address_has(const struct test *t, const uint8_t address[16]);
/* a traffic group: the named one or a child of it */
bool test_group_has(const struct test *t, const char *text, uint32_t bytes);
/* a list of kept elements (contract/elements.h): either direction's value counts */
bool test_elements_has(const struct test *t, const uint8_t *list, size_t n);

/* false: no slice of a block with this zone map can be selected */
bool program_zone(const struct program *p, const struct zone *z);

#endif
