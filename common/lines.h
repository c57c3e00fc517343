/*
 * lines.h - clear and copy a few cache lines of known size.
 *
 * gcc makes a memset or memcpy of 128 to 192 bytes a `rep stos` or `rep movs`, which takes longer to start than these take:
 * it was a fifth of all decoding.  n: a constant, a multiple of 16; no alignment is needed.
 */
#ifndef FT_LINES_H
#define FT_LINES_H

#include <stddef.h>
#include <stdint.h>

typedef uint64_t lines_word __attribute__((vector_size(16), aligned(1), may_alias));

static inline __attribute__((always_inline)) void
lines_clear(void *what, size_t n)
{
	lines_word *p = what;
#pragma GCC unroll 16
	for (size_t i = 0; i < n / sizeof *p; i++) {
		p[i] = (lines_word){0, 0};
		__asm__ volatile("" ::: "memory"); /* or it is recognised as a memset */
	}
}

static inline __attribute__((always_inline)) void
lines_copy(void *to, const void *from, size_t n)
{
	lines_word *p = to;
	const lines_word *q = from;
#pragma GCC unroll 16
	for (size_t i = 0; i < n / sizeof *p; i++) {
		p[i] = q[i];
		__asm__ volatile("" ::: "memory");
	}
}

#endif
