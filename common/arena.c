/* arena.c - see arena.h */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"

/* Chunks double from 4 KiB to 256 KiB, so that small owners stay small and large ones do few mallocs.  A
 * request larger than a chunk gets one of its own, put behind the current one so that the current one's rest
 * stays in use. */
enum { CHUNK_MIN = 4096, CHUNK_MAX = 262144, ALIGN = 16 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t size, at; /* bytes of data, and taken of them */
	size_t pad;      /* data starts 16-byte aligned */
	uint8_t data[];
};

void
arena_init(struct arena *a, size_t bound)
{
	*a = (struct arena){.bound = bound};
}

static struct arena_chunk *
chunk_new(size_t size)
{
	struct arena_chunk *c = malloc(sizeof *c + size);
	if (c != NULL) {
		c->next = NULL;
		c->size = size;
		c->at = 0;
	}
	return c;
}

void *
arena_alloc(struct arena *a, size_t bytes)
{
	if (bytes > SIZE_MAX / 2)
		goto full;
	size_t n = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (n == 0)
		n = ALIGN;
	if (a->bound != 0 && (a->used > a->bound || n > a->bound - a->used))
		goto full;
	struct arena_chunk *c = a->chunks;
	if (c == NULL || c->size - c->at < n) {
		size_t size = c == NULL ? CHUNK_MIN : c->size < CHUNK_MAX ? c->size * 2 : CHUNK_MAX;
		if (size > CHUNK_MAX)
			size = CHUNK_MAX;
		bool alone = n > size / 2 && c != NULL;
		c = chunk_new(n > size || alone ? n : size);
		if (c == NULL)
			goto full;
		if (alone) {
			c->next = a->chunks->next;
			a->chunks->next = c;
		} else {
			c->next = a->chunks;
			a->chunks = c;
		}
	}
	void *p = c->data + c->at;
	c->at += n;
	a->used += n;
	return p;
full:
	a->hit = true;
	return NULL;
}

void *
arena_zalloc(struct arena *a, size_t bytes)
{
	void *p = arena_alloc(a, bytes);
	if (p != NULL)
		memset(p, 0, bytes);
	return p;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = arena_alloc(a, n);
	if (p != NULL)
		memcpy(p, s, n);
	return p;
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	char *p = arena_alloc(a, (size_t)n + 1);
	if (p != NULL) {
		va_start(ap, fmt);
		(void)vsnprintf(p, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	return p;
}

void
arena_free(struct arena *a)
{
	for (struct arena_chunk *c = a->chunks, *next; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	arena_init(a, a->bound);
}
