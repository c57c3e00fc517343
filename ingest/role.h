/*
 * role.h - rules that say which interfaces are external and which internal: by hand, by a pattern on name or
 * description, or by speed.  What is said of one interface by hand goes before all other rules; of these the first
 * that matches decides.  Patterns: * and ?, any case.
 */
#ifndef FT_INGEST_ROLE_H
#define FT_INGEST_ROLE_H

#include <stdbool.h>

#include "common/contract/interfaces.h"
#include "common/err.h"

enum { ROLE_RULES = 256, ROLE_PATTERN = 100 };
enum role_by { ROLE_BY_HAND = 1, ROLE_BY_NAME, ROLE_BY_DESCRIPTION, ROLE_BY_SPEED };

struct role_rule {       /* as kept in ingest.lmdb */
	uint32_t number; /* 0: free */
	uint8_t role, by;
	uint8_t one_exporter; /* address counts; always by hand */
	uint8_t pad;
	uint8_t address[16];
	uint32_t index, pad2;
	uint64_t speed_from, speed_to; /* bits a second, both included */
	char pattern[ROLE_PATTERN];
};
struct role_rules {
	struct role_rule rule[ROLE_RULES]; /* in order of number */
	unsigned n;
};

uint8_t role_of(const struct role_rules *r, const struct ft_interface *i);
/* "external", "internal", "none"; -1: none of them */
int role_number(const char *word);
const char *role_word(unsigned role);
/* "10G", "1000000000", "100M-1G"; false: it is not */
bool role_speed(const char *word, uint64_t *from, uint64_t *to);

#endif
