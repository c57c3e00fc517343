/* role.c - see role.h */
#include "ingest/role.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/glob.h"

static const char *const words[] = {
	[FT_ROLE_UNKNOWN] = "none", [FT_ROLE_EXTERNAL] = "external", [FT_ROLE_INTERNAL] = "internal"};

static bool
matches(const struct role_rule *r, const struct ft_interface *i)
{
	if (r->one_exporter && memcmp(r->address, i->address, 16) != 0)
		return false;
	switch (r->by) {
	case ROLE_BY_HAND:
		return r->index == i->index;
	case ROLE_BY_NAME:
		return i->name[0] && glob_matches(r->pattern, i->name);
	case ROLE_BY_DESCRIPTION:
		return i->description[0] && glob_matches(r->pattern, i->description);
	default:
		return i->speed && i->speed >= r->speed_from && i->speed <= r->speed_to;
	}
}

uint8_t
role_of(const struct role_rules *r, const struct ft_interface *i)
{
	if (i->kind != FT_KIND_INTERFACE)
		return FT_ROLE_UNKNOWN;
	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned k = 0; k < r->n; k++)
			if ((r->rule[k].by == ROLE_BY_HAND) == (pass == 0) && matches(&r->rule[k], i))
				return r->rule[k].role;
	return FT_ROLE_UNKNOWN;
}

int
role_number(const char *word)
{
	for (int i = 0; i < 3; i++)
		if (strcasecmp(word, words[i]) == 0)
			return i;
	return -1;
}

const char *
role_word(unsigned role)
{
	return role < 3 ? words[role] : "none";
}

static bool
speed(const char **s, uint64_t *out)
{
	static const char letters[] = "kmgt";
	char *end;
	if (!isdigit((unsigned char)**s))
		return false;
	double v = strtod(*s, &end);
	const char *l = *end ? strchr(letters, tolower((unsigned char)*end)) : NULL;
	for (const char *k = letters; l && k <= l; k++)
		v *= 1000;
	*s = end + (l != NULL);
	*out = v < 1e18 ? (uint64_t)v : 0;
	return v < 1e18;
}

bool
role_speed(const char *word, uint64_t *from, uint64_t *to)
{
	if (!speed(&word, from))
		return false;
	*to = *from;
	if (*word == '-') {
		word++;
		if (!speed(&word, to))
			return false;
	}
	return *word == 0 && *from <= *to;
}
