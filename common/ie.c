/* ie.c - see ie.h */
#include "common/ie.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct row {
	uint32_t pen;
	uint16_t id;
	uint8_t type;
	const char *name;
};
static const struct row rows[] = {
#define IE(pen, id, name, type) {pen, id, IE_##type, #name},
#include "common/ie.def"
#undef IE
};
enum { ROWS = sizeof rows / sizeof rows[0] };

/* vendor ids that elements.def knows and the registry does not */
enum {
	OF_UINT = IE_UNSIGNED,
	OF_V4 = IE_ADDRESS,
	OF_V6 = IE_ADDRESS,
	OF_MAC = IE_MAC,
	OF_APP = IE_OCTETS,
	OF_TEXT = IE_STRING,
	OF_FRAME = IE_OCTETS
};
static const struct row more[] = {
#define ELEMENT(pen, id, name, kind, target) {pen, id, OF_##kind, #name},
#include "common/elements.def"
#undef ELEMENT
};
enum { MORE = sizeof more / sizeof more[0] };

static const struct {
	uint32_t pen;
	const char *name;
} vendors[] = {
#define IE_VENDOR(pen, name) {pen, #name},
#include "common/ie.def"
#undef IE_VENDOR
};
enum { VENDORS = sizeof vendors / sizeof vendors[0] };

static const struct row *
find(uint32_t pen, uint16_t id)
{
	size_t lo = 0, hi = ROWS;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const struct row *r = &rows[mid];
		if (r->pen == pen && r->id == id)
			return r;
		if (r->pen < pen || (r->pen == pen && r->id < id))
			lo = mid + 1;
		else
			hi = mid;
	}
	for (size_t i = 0; i < MORE; i++)
		if (more[i].pen == pen && more[i].id == id)
			return &more[i];
	return NULL;
}

/* of the other direction (RFC 5103 section 6.1): the forward element's */
static const struct row *
known(uint32_t pen, uint16_t id)
{
	return find(pen == IE_PEN_REVERSE ? 0 : pen, id);
}

enum ie_type
ie_type(uint32_t pen, uint16_t id)
{
	const struct row *r = known(pen, id);
	return r ? (enum ie_type)r->type : IE_UNKNOWN;
}

const char *
ie_type_word(enum ie_type type)
{
	static const char *const words[IE_TYPES] = {"unsigned", "signed", "float", "address", "mac", "string",
		"octets", "boolean", "time", "unknown"};
	return words[type];
}

size_t
ie_name(uint32_t pen, uint16_t id, char out[IE_NAME])
{
	const struct row *r = known(pen, id);
	int n = 0;
	if (r == NULL)
		n = snprintf(out, IE_NAME, "%u.%u", pen, id);
	else if (pen == IE_PEN_REVERSE)
		n = snprintf(out, IE_NAME, "reverse%c%s", toupper((unsigned char)r->name[0]), r->name + 1);
	else {
		const char *vendor = NULL;
		for (size_t i = 0; i < VENDORS; i++)
			if (vendors[i].pen == pen)
				vendor = vendors[i].name;
		n = snprintf(out, IE_NAME, "%s%s%s", vendor ? vendor : "", vendor ? ":" : "", r->name);
	}
	return (size_t)n < IE_NAME ? (size_t)n : IE_NAME - 1;
}

static bool
by_number(const char *text, uint32_t *pen, uint16_t *id)
{
	char *end;
	if (!isdigit((unsigned char)text[0]))
		return false;
	unsigned long long p = strtoull(text, &end, 10);
	if (*end != '.' || !isdigit((unsigned char)end[1]) || p > UINT32_MAX || end - text > 10)
		return false;
	const char *second = end + 1;
	unsigned long long i = strtoull(second, &end, 10);
	if (*end != 0 || end - second > 5 || i > UINT16_MAX || i == 0)
		return false;
	*pen = (uint32_t)p;
	*id = (uint16_t)i;
	return true;
}

static bool
by_name(const char *name, uint32_t pen, uint16_t *id)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].pen == pen && strcasecmp(rows[i].name, name) == 0) {
			*id = rows[i].id;
			return true;
		}
	for (size_t i = 0; i < MORE; i++)
		if (more[i].pen == pen && strcasecmp(more[i].name, name) == 0) {
			*id = more[i].id;
			return true;
		}
	return false;
}

bool
ie_parse(const char *text, uint32_t *pen, uint16_t *id)
{
	if (by_number(text, pen, id))
		return true;
	for (size_t i = 0; i < VENDORS; i++) {
		size_t n = strlen(vendors[i].name);
		if (strncasecmp(text, vendors[i].name, n) == 0 && text[n] == ':') {
			*pen = vendors[i].pen;
			return by_name(text + n + 1, *pen, id);
		}
	}
	*pen = 0;
	if (by_name(text, 0, id))
		return true;
	*pen = IE_PEN_REVERSE;
	return strncasecmp(text, "reverse", 7) == 0 && by_name(text + 7, 0, id);
}
