/*
 * tables.h - hash tables of a running query: keys to dense ids, sets, and the memory bound they share.
 *
 * All are open addressing with linear probing, filled to half at most (three quarters where slots are wide), keyed by a secret seed: addresses come
 * from outside.  Every growth asks the query's budget first; FT_EFULL then ends the query, with nothing
 * half-changed.  A table belongs to one thread.
 */
#ifndef FT_QUERYD_TABLES_H
#define FT_QUERYD_TABLES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_NONE UINT32_MAX

struct budget {
	_Atomic uint64_t used;
	uint64_t bound; /* 0: none */
};
/* true: taken */
bool budget_take(struct budget *b, uint64_t bytes);
void budget_give(struct budget *b, uint64_t bytes);
/* realloc within the budget; NULL leaves p as it was */
void *budget_realloc(struct budget *b, void *p, size_t was, size_t now);
void budget_free(struct budget *b, void *p, size_t bytes);
/* n times size bytes of zeroes within the budget, for budget_free; NULL: no memory */
void *budget_zeroed(struct budget *b, uint64_t n, size_t size);
/* what hashes of tables are keyed with */
uint64_t table_seed(void);

/* u64 key -> id 0, 1, … in order of arrival */
struct tab64_slot {
	uint64_t key;
	uint32_t id1; /* id + 1; 0 empty */
	uint32_t pad;
};
struct tab64 {
	struct budget *budget;
	struct tab64_slot *slot;
	uint64_t *key; /* by id */
	uint32_t n, room;
	uint64_t slots; /* power of two or 0 */
};
/* id of the key, made if new; ID_NONE: no memory */
uint32_t tab64_intern(struct tab64 *t, uint64_t key);
/* ID_NONE: not there */
uint32_t tab64_find(const struct tab64 *t, uint64_t key);
/* Many at once: memory is asked for ahead, which is what large tables wait for.  key ID64_NONE gives ID_NONE.
 * make: intern, else find.  false: no memory. */
#define ID64_NONE UINT64_MAX
bool tab64_many(struct tab64 *t, bool make, const uint64_t *key, uint32_t n, uint32_t *id);
/* room for n keys, which the caller then puts into key[] from t->n on, all different; they can't be found until
 * tab64_index was called (interning does so by itself) */
bool tab64_list(struct tab64 *t, uint64_t n);
bool tab64_index(struct tab64 *t);
void tab64_free(struct tab64 *t);

/* set of u64 */
struct set64 {
	struct budget *budget;
	uint64_t *slot; /* key + 1; 0 empty */
	uint64_t n, slots;
};
/* 1 new, 0 there already, FT_EFULL */
int set64_add(struct set64 *s, uint64_t key);
bool set64_has(const struct set64 *s, uint64_t key);
void set64_free(struct set64 *s);
/* every key; returns f's first non-zero answer */
int set64_each(const struct set64 *s, int (*f)(void *ctx, uint64_t key), void *ctx);

/* (u64, u64) -> smallest of the values it was given */
struct min128_slot {
	uint64_t a, b1; /* b + 1; 0 empty */
	int64_t value;
};
struct min128 {
	struct budget *budget;
	struct min128_slot *slot;
	uint64_t n, slots;
};
/* 1 new, 0 there already (now with the smaller value), FT_EFULL */
int min128_add(struct min128 *m, uint64_t a, uint64_t b, int64_t value);
bool min128_find(const struct min128 *m, uint64_t a, uint64_t b, int64_t *value);
void min128_free(struct min128 *m);

#endif
