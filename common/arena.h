/*
 * arena.h - memory that goes with its owner: a query, a connection, an exporter.  Freeing the owner frees
 * all.  A bound may be set; beyond it allocation returns NULL and `hit` is set, for a clear error.
 */
#ifndef FT_ARENA_H
#define FT_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_chunk;
struct arena {
	struct arena_chunk *chunks;
	size_t used, bound; /* bytes; bound 0 = none */
	bool hit;
};

void arena_init(struct arena *a, size_t bound);
void *arena_alloc(struct arena *a, size_t bytes);  /* 16-byte aligned, not zeroed; NULL at the bound */
void *arena_zalloc(struct arena *a, size_t bytes); /* zeroed */
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void arena_free(struct arena *a); /* back to empty; the arena may be used again */

#endif
