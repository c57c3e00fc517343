/* shuffle.c - see shuffle.h.  SSSE3 (every x86 since 2006) where there is one; no other machine runs it. */
#include "ingest/shuffle.h"

#include <string.h>

#if defined __x86_64__
#include <tmmintrin.h>
#endif

bool
shuffle_able(void)
{
#if defined __x86_64__
	return __builtin_cpu_supports("ssse3");
#else
	return false;
#endif
}

/* The window that takes the lowest source byte still wanted, kept within the record. */
static size_t
window(const struct shuffle_byte *chunk, const bool *have, size_t record_bytes)
{
	size_t lowest = SIZE_MAX;
	for (unsigned i = 0; i < SHUFFLE_CHUNK; i++)
		if (chunk[i].from >= 0 && !have[i] && (size_t)chunk[i].from < lowest)
			lowest = (size_t)chunk[i].from;
	return lowest < record_bytes - SHUFFLE_CHUNK || lowest == SIZE_MAX ? lowest
									   : record_bytes - SHUFFLE_CHUNK;
}

static bool
touched(const struct shuffle_byte *chunk)
{
	for (unsigned i = 0; i < SHUFFLE_CHUNK; i++)
		if (chunk[i].from != SHUFFLE_UNTOUCHED)
			return true;
	return false;
}

/* One chunk; moves written, 0 if there is no room for them. */
static unsigned
cover(const struct shuffle_byte *chunk, size_t target, size_t record_bytes, struct shuffle_move *out,
	unsigned room)
{
	bool have[SHUFFLE_CHUNK] = {false};
	unsigned n = 0;
	for (size_t at = window(chunk, have, record_bytes); n == 0 || at != SIZE_MAX;
		at = window(chunk, have, record_bytes)) {
		if (n == room)
			return 0;
		struct shuffle_move *m = &out[n++];
		*m = (struct shuffle_move){
			.source = (uint16_t)(at == SIZE_MAX ? 0 : at), .target = (uint16_t)target};
		memset(m->choose, 0x80, sizeof m->choose);
		memset(m->keep, n == 1 ? 0 : 0xff, sizeof m->keep);
		for (unsigned i = 0; i < SHUFFLE_CHUNK; i++) {
			if (n == 1 && chunk[i].from == SHUFFLE_FILL)
				m->fill[i] = chunk[i].fill;
			if (at == SIZE_MAX || chunk[i].from < 0 || have[i] || (size_t)chunk[i].from < at ||
				(size_t)chunk[i].from >= at + SHUFFLE_CHUNK)
				continue;
			m->choose[i] = (uint8_t)((size_t)chunk[i].from - at);
			have[i] = true;
		}
	}
	return n;
}

unsigned
shuffle_compile(
	const struct shuffle_byte *map, size_t n, size_t record_bytes, struct shuffle_move out[SHUFFLE_MOST])
{
	unsigned moves = 0;
	if (record_bytes < SHUFFLE_CHUNK || record_bytes > UINT16_MAX)
		return 0;
	for (size_t at = 0; at + SHUFFLE_CHUNK <= n; at += SHUFFLE_CHUNK) {
		if (!touched(map + at))
			continue;
		unsigned more = cover(map + at, at, record_bytes, out + moves, SHUFFLE_MOST - moves);
		if (more == 0)
			return 0;
		moves += more;
	}
	return moves;
}

#if defined __x86_64__
__attribute__((target("ssse3"))) void
shuffle_run(const struct shuffle_move *move, unsigned n, const uint8_t *record, uint8_t *target)
{
	for (const struct shuffle_move *m = move, *end = move + n; m < end; m++) {
		__m128i *to = (__m128i *)(void *)(target + m->target);
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(record + m->source));
		__m128i choose = _mm_loadu_si128((const __m128i *)(const void *)m->choose);
		__m128i fill = _mm_loadu_si128((const __m128i *)(const void *)m->fill);
		__m128i keep = _mm_loadu_si128((const __m128i *)(const void *)m->keep);
		__m128i old = _mm_and_si128(_mm_loadu_si128(to), keep);
		_mm_storeu_si128(to, _mm_or_si128(_mm_or_si128(_mm_shuffle_epi8(bytes, choose), fill), old));
	}
}
#else
void
shuffle_run(const struct shuffle_move *move, unsigned n, const uint8_t *record, uint8_t *target)
{
	for (const struct shuffle_move *m = move, *end = move + n; m < end; m++)
		for (unsigned i = 0; i < SHUFFLE_CHUNK; i++) {
			uint8_t byte = m->choose[i] & 0x80 ? 0 : record[m->source + m->choose[i]];
			uint8_t *to = target + m->target + i;
			*to = (uint8_t)((*to & m->keep[i]) | m->fill[i] | byte);
		}
}
#endif
