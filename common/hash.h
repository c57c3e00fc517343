/*
 * hash.h - one mixing function for tables in memory.  Keys from outside are hashed with a secret seed made
 * at process start, so that nobody can aim at one bucket.
 */
#ifndef FT_HASH_H
#define FT_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t
hash_mix(uint64_t a, uint64_t b)
{
	__uint128_t m = (__uint128_t)(a ^ 0x9e3779b97f4a7c15ull) * (b ^ 0xd1b54a32d192ed03ull);
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}
static inline uint64_t
hash_16(const uint8_t p[16], uint64_t seed)
{
	uint64_t w[2];
	memcpy(w, p, 16);
	return hash_mix(w[0] ^ seed, w[1]);
}
uint64_t hash_bytes(const void *p, size_t n, uint64_t seed); /* xxh3 */
uint64_t hash_secret(void); /* this process's seed */

#endif
