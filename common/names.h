/*
 * names.h - numbers that people know by a name, from names.def.
 */
#ifndef FT_NAMES_H
#define FT_NAMES_H

#include <stdbool.h>
#include <stdint.h>

enum names_kind {
	NAMES_PROTOCOL,
	NAMES_TCPFLAG,
	NAMES_VERSION,
	NAMES_NSEL,
	NAMES_NSELEXT,
	NAMES_RULE,
	NAMES_END,
	NAMES_ROLE,
};

struct names_row {
	enum names_kind kind;
	uint32_t number;
	const char *word, *help;
};

/* word of a number, or NULL */
const char *names_word(enum names_kind kind, uint32_t number);
/* help of a number, or NULL: of an export version what people call it, "NetFlow 9", "IPFIX", "sFlow 5" */
const char *names_help(enum names_kind kind, uint32_t number);
/* number of a word (any case); false if there is none */
bool names_number(enum names_kind kind, const char *word, uint32_t *number);
/* rows of all kinds, in the table's order */
const struct names_row *names_rows(unsigned *n);

#endif
