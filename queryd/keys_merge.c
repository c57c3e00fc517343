/* keys_merge.c - ids of one `struct keys` in another: all of them, or a few. */
#include <stdlib.h>
#include <string.h>

#include "queryd/keys.h"

static bool
uses_comb(const struct keys *k)
{
	return keys_parts(k) == 2;
}
static bool
uses_wide(const struct keys *k)
{
	return k->view->element <= EL_WIDE_LAST;
}

int
keys_merge(struct keys *to, const struct keys *from, uint32_t *remap)
{
	struct tabwide *wider = keys_wide(to), *had = keys_wide(from);
	bool same = wider == had;
	uint32_t wides = tabwide_bound(had), *wide = malloc(((size_t)wides + 1) * sizeof *wide);
	uint32_t *narrow = malloc(((size_t)from->narrow.n + 1) * sizeof *narrow);
	int rc = wide && narrow ? 0 : FT_ENOMEM;
	for (uint32_t i = 0; rc == 0 && i < wides; i++)
		if (same)
			wide[i] = i;
		else if (tabwide_has(had, i) &&
			 (wide[i] = tabwide_intern(wider, tabwide_key(had, i))) == ID_NONE)
			rc = FT_EFULL;
	enum element e = to->view->element;
	for (uint32_t i = 0; rc == 0 && i < from->narrow.n; i++) {
		uint64_t key = from->narrow.key[i];
		if (e == EL_EXPIF)
			key = (uint64_t)wide[key >> 32] << 32 | (key & UINT32_MAX);
		else if (e == EL_SERVICE || e == EL_CLIENTSERVICE)
			key = (uint64_t)wide[key >> 24] << 24 | (key & 0xffffff);
		if ((narrow[i] = tab64_intern(&to->narrow, key)) == ID_NONE)
			rc = FT_EFULL;
	}
	const uint32_t *part = uses_wide(to) ? wide : narrow;
	for (uint32_t i = 0; rc == 0 && uses_comb(to) && i < from->comb.n; i++) {
		uint32_t x = (uint32_t)(from->comb.key[i] >> 32), y = (uint32_t)from->comb.key[i];
		if (e == EL_CLIENTSERVICE) {
			x = wide[x];
			y = narrow[y];
		} else {
			x = part[x];
			y = y == ID_NONE ? ID_NONE : part[y];
			if (x > y) {
				uint32_t swap = x;
				x = y;
				y = swap;
			}
		}
		if ((remap[i] = tab64_intern(&to->comb, (uint64_t)x << 32 | y)) == ID_NONE)
			rc = FT_EFULL;
	}
	if (rc == 0 && !uses_comb(to))
		memcpy(remap, part, keys_bound(from) * sizeof *remap);
	free(wide);
	free(narrow);
	return rc;
}

static uint32_t
subset_element_wide(struct keys *to, const struct keys *from, uint32_t wide)
{
	return tabwide_intern(keys_wide(to), tabwide_key(keys_wide(from), wide));
}

/* an element that is not of `comb` */
static uint32_t
subset_element(struct keys *to, const struct keys *from, uint32_t id)
{
	enum element e = from->view->element;
	if (uses_wide(from))
		return subset_element_wide(to, from, id);
	uint64_t key = from->narrow.key[id];
	unsigned shift = e == EL_EXPIF ? 32 : e == EL_SERVICE || e == EL_CLIENTSERVICE ? 24 : 0;
	if (shift != 0) {
		uint32_t wide = subset_element_wide(to, from, (uint32_t)(key >> shift));
		if (wide == ID_NONE)
			return ID_NONE;
		key = (uint64_t)wide << shift | (key & (((uint64_t)1 << shift) - 1));
	}
	return tab64_intern(&to->narrow, key);
}

int
keys_subset(struct keys *to, const struct keys *from, const uint32_t *ids, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t id = ids[i], wide, narrow, got = ID_NONE;
		enum element e = from->view->element;
		uint64_t comb = uses_comb(from) ? from->comb.key[id] : 0;
		if (from->view->class == VIEW_PAIR) {
			uint32_t part[2] = {(uint32_t)(comb >> 32), (uint32_t)comb}, moved[2];
			if (part[1] == ID_NONE)
				return FT_ENOENT; /* half a pair could not be told from a pair with an unknown half */
			for (int k = 0; k < 2; k++)
				if ((moved[k] = subset_element(to, from, part[k])) == ID_NONE)
					return FT_EFULL;
			uint32_t lo = moved[0] < moved[1] ? moved[0] : moved[1];
			got = tab64_intern(&to->comb, (uint64_t)lo << 32 | (moved[0] ^ moved[1] ^ lo));
		} else if (e == EL_CLIENTSERVICE) {
			wide = subset_element_wide(to, from, (uint32_t)(comb >> 32));
			narrow = wide == ID_NONE ? wide : subset_element(to, from, (uint32_t)comb);
			if (narrow != ID_NONE)
				got = tab64_intern(&to->comb, (uint64_t)wide << 32 | narrow);
		} else
			got = subset_element(to, from, id);
		if (got == ID_NONE)
			return FT_EFULL;
		/* ids of wide or narrow elements may be shared by several keys, final ids are the rows in order */
		CHECK(got == i);
	}
	return 0;
}
