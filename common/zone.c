/*
 * zone.c - zone maps (zone.h).
 */
#include "common/zone.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"

enum { FIXED = offsetof(struct zone, address_filter), WORDS_A_BLOCK = 4 };

static void
put_be32(uint8_t *to, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(to, &v, 4);
}

struct zone_key
zone_key(uint32_t segment, uint32_t block)
{
	struct zone_key k;
	put_be32(k.b, segment);
	put_be32(k.b + 4, block);
	return k;
}

void
zone_key_read(const void *key, uint32_t *segment, uint32_t *block)
{
	uint32_t v[2];
	memcpy(v, key, 8);
	*segment = __builtin_bswap32(v[0]);
	*block = __builtin_bswap32(v[1]);
}

void
zone_segment_seal(struct zone_segment *s)
{
	s->checksum = hash_bytes(s, offsetof(struct zone_segment, checksum), 1);
}

bool
zone_segment_good(const void *value, size_t n, struct zone_segment *out)
{
	if (n != sizeof *out)
		return false;
	memcpy(out, value, n);
	return hash_bytes(out, offsetof(struct zone_segment, checksum), 1) == out->checksum;
}

size_t
zone_value_bytes(const struct zone *z)
{
	return FIXED + (size_t)z->filter_words * 8 + 8;
}

void
zone_value_write(const struct zone *z, void *to)
{
	uint8_t *p = to;
	size_t n = FIXED + (size_t)z->filter_words * 8;
	memcpy(p, z, FIXED);
	if (z->filter_words)
		memcpy(p + FIXED, z->address_filter, (size_t)z->filter_words * 8);
	uint64_t sum = hash_bytes(p, n, FIXED);
	memcpy(p + n, &sum, 8);
}

struct zone *
zone_value_read(const void *value, size_t n)
{
	uint64_t sum;
	if (n < FIXED + 8 || (n - FIXED) % 8 != 0)
		return NULL;
	memcpy(&sum, (const uint8_t *)value + n - 8, 8);
	if (hash_bytes(value, n - 8, FIXED) != sum)
		return NULL;
	struct zone *z = malloc(sizeof *z + n);
	if (z == NULL)
		return NULL;
	memcpy(z, value, FIXED);
	if (n != zone_value_bytes(z) || z->spans > ZONE_SPANS || z->filter_words > ZONE_FILTER_WORDS ||
		z->filter_words % WORDS_A_BLOCK != 0 ||
		(z->filter_words && z->filter_words < WORDS_A_BLOCK)) {
		free(z);
		return NULL;
	}
	z->address_filter = NULL;
	if (z->filter_words) {
		uint64_t *words = (uint64_t *)(void *)(z + 1);
		memcpy(words, (const uint8_t *)value + FIXED, (size_t)z->filter_words * 8);
		z->address_filter = words;
	}
	return z;
}

/* ---- time -------------------------------------------------------------------------------------- */

static void
span_remove(struct zone *z, uint32_t i)
{
	z->spans--;
	memmove(&z->span[i], &z->span[i + 1], (z->spans - i) * sizeof z->span[0]);
}

void
zone_add_span(struct zone *z, int64_t first, int64_t last)
{
	uint32_t i = 0;
	if (last < first)
		last = first;
	while (i < z->spans && z->span[i].last_us < first)
		i++;
	if (i < z->spans && z->span[i].first_us <= last) { /* touches span i, and perhaps later ones */
		if (z->span[i].first_us > first)
			z->span[i].first_us = first;
		if (z->span[i].last_us < last)
			z->span[i].last_us = last;
		while (i + 1 < z->spans && z->span[i + 1].first_us <= z->span[i].last_us) {
			if (z->span[i].last_us < z->span[i + 1].last_us)
				z->span[i].last_us = z->span[i + 1].last_us;
			span_remove(z, i + 1);
		}
		return;
	}
	if (z->spans < ZONE_SPANS) {
		memmove(&z->span[i + 1], &z->span[i], (z->spans - i) * sizeof z->span[0]);
		z->span[i] = (struct zone_span){first, last};
		z->spans++;
		return;
	}
	/* one too many: of the gaps between the spans and the new one the smallest is closed */
	struct zone_span all[ZONE_SPANS + 1];
	memcpy(all, z->span, i * sizeof all[0]);
	all[i] = (struct zone_span){first, last};
	memcpy(all + i + 1, z->span + i, (ZONE_SPANS - i) * sizeof all[0]);
	uint32_t best = 0;
	for (uint32_t k = 1; k < ZONE_SPANS; k++)
		if ((uint64_t)all[k + 1].first_us - (uint64_t)all[k].last_us <
			(uint64_t)all[best + 1].first_us - (uint64_t)all[best].last_us)
			best = k;
	all[best].last_us = all[best + 1].last_us;
	memmove(all + best + 1, all + best + 2, (ZONE_SPANS - best - 1) * sizeof all[0]);
	memcpy(z->span, all, sizeof z->span);
}

bool
zone_may_overlap(const struct zone *z, int64_t from_us, int64_t to_us)
{
	for (uint32_t i = 0; i < z->spans; i++)
		if (z->span[i].first_us < to_us && z->span[i].last_us >= from_us)
			return true;
	return z->spans == 0 && z->rows > 0;
}

/* ---- addresses --------------------------------------------------------------------------------- */

uint32_t
zone_filter_words(uint64_t addresses)
{
	if (addresses * 6 > (uint64_t)ZONE_FILTER_WORDS * 64)
		return 0;
	/* 11 bits an address: one block in 150 is looked into in vain, which costs less than reading larger filters of all */
	uint64_t wanted = (addresses * 11 / 64 + WORDS_A_BLOCK) / WORDS_A_BLOCK * WORDS_A_BLOCK;
	return wanted < ZONE_FILTER_WORDS ? (uint32_t)wanted : ZONE_FILTER_WORDS;
}

static const uint32_t salt[8] = {0x47b6137bu, 0x44974d91u, 0x8824ad5bu, 0xa2b7289du, 0x705495c7u, 0x2df1424bu,
	0x9efc4947u, 0x5c6bfb31u};

static uint64_t
address_hash(const uint8_t address[16])
{
	return hash_16(address, UINT64_C(0x5f37a3c1d9e4b762));
}

void
zone_filter_add(uint64_t *words, uint32_t n, const uint8_t address[16])
{
	uint64_t h = address_hash(address);
	uint64_t *b = words + (h >> 32) % (n / WORDS_A_BLOCK) * WORDS_A_BLOCK;
	for (unsigned i = 0; i < 8; i++)
		b[i / 2] |= UINT64_C(1) << (((uint32_t)h * salt[i] >> 27) + 32 * (i & 1));
}

bool
zone_may_have_address(const struct zone *z, const uint8_t address[16])
{
	if (z->filter_words == 0 || z->address_filter == NULL)
		return true;
	uint64_t h = address_hash(address);
	const uint64_t *b = z->address_filter + (h >> 32) % (z->filter_words / WORDS_A_BLOCK) * WORDS_A_BLOCK;
	for (unsigned i = 0; i < 8; i++)
		if ((b[i / 2] >> (((uint32_t)h * salt[i] >> 27) + 32 * (i & 1)) & 1) == 0)
			return false;
	return true;
}
