/*
 * tags.c - see tags.h.  The cache is direct-mapped: an address that is not in its slot is looked up again, which
 * costs a microsecond and nothing else.
 */
#include "store/tags.h"

#include <stdlib.h>
#include <string.h>

#include "common/geo.h"
#include "common/hash.h"
#include "store/groups.h"

#ifdef FT_TINY
enum { SLOTS = 16 };
#else
enum { SLOTS = 1 << 15 };
#endif
struct tag_slot {
	uint8_t address[16];
	struct tag tag;
	bool used;
};

int
tags_open(struct tags *t, uint32_t version)
{
	*t = (struct tags){.version = version, .cache = calloc(SLOTS, sizeof *t->cache)};
	return t->cache ? FT_OK : FT_ENOMEM;
}

void
tags_close(struct tags *t)
{
	geo_close(t->geo);
	groups_free(t->groups);
	free(t->cache);
	*t = (struct tags){0};
}

void
tags_changed(struct tags *t)
{
	t->version++;
	memset(t->cache, 0, SLOTS * sizeof *t->cache);
}

static void
place(struct geo *g, const uint8_t address[16], struct tag *out)
{
	struct geo_place p;
	geo_lookup(g, address, &p);
	out->as = p.as;
	out->country = p.country;
	out->net_bits = p.net_bits;
}

void
tags_of(struct tags *t, const uint8_t address[16], struct tag *out)
{
	*out = (struct tag){.net_bits = 255};
	if (t->geo == NULL && t->groups == NULL)
		return;
	struct tag_slot *s = &t->cache[hash_16(address, hash_secret()) % SLOTS];
	if (!s->used || memcmp(s->address, address, 16) != 0) {
		memcpy(s->address, address, 16);
		s->tag = *out;
		s->used = true;
		if (t->geo)
			place(t->geo, address, &s->tag);
		if (t->groups)
			s->tag.group = groups_find(t->groups, address);
	}
	*out = s->tag;
}
