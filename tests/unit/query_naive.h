/*
 * query_naive.h - random slices, random filters, and what a query should answer about them, computed the slow,
 * obvious way and without any code of the engine.
 */
#ifndef FT_TESTS_QUERY_NAIVE_H
#define FT_TESTS_QUERY_NAIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/filter.h"
#include "tests/unit/blockgen.h"

struct dice {
	uint64_t state;
};
uint64_t dice_next(struct dice *d);
uint32_t dice_below(struct dice *d, uint32_t n);

enum { POOL = 14 }; /* addresses in play */
extern const char *const pool_text[POOL];

/* sessions of one to five slices in the order they would be stored in */
struct corpus {
	struct blockgen_slice *slice;
	uint32_t n;
	int64_t from, to; /* everything lies within */
};
void corpus_make(struct corpus *c, struct dice *d, uint32_t sessions);
void corpus_free(struct corpus *c);

/* a filter as text and as a tree of its own */
struct fnode;
struct fnode *fnode_random(struct dice *d, unsigned depth, bool session_tests);
void fnode_text(const struct fnode *f, char *out, size_t n);
void fnode_free(struct fnode *f);

struct naive_row {
	char key[2][128];
	uint64_t value, bytes[2], packets[2], sessions[2];
	uint64_t series[16];
};
struct naive {
	struct naive_row *row; /* best first */
	uint32_t rows, room;
	uint64_t sessions, bytes, packets, flows;
	bool *selected; /* a slice each */
};
struct naive_query {
	const char *entity, *count;
	enum query_direction direction;
	int64_t from, to;
	uint32_t slots;
	const struct fnode *user, *filter; /* NULL: everything */
};
void naive_run(struct naive *out, const struct corpus *c, const struct naive_query *q);
void naive_free(struct naive *n);

/* an element of one side of a slice, as text; false: it has none.  side 0 client, 1 server */
bool naive_element(const struct blockgen_slice *s, const char *element, int side, char out[128]);
/* does a field of a slice have this value: for restricting; see query_naive_filter.c */
bool naive_restricts(const struct fnode *f, const char *entity);
bool naive_permits(const struct fnode *f, const char *entity, const char *key);
/* selected by the filter, over the slices that `seen` allows (session tests) */
void naive_select(
	const struct corpus *c, const struct fnode *f, int64_t from, int64_t to, const bool *seen, bool *out);

#endif
