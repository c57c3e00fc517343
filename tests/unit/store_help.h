/*
 * store_help.h - slices whose every figure follows from their number, a ring to send them by, and a reader that
 * holds what is stored against the numbers.
 */
#ifndef FT_TESTS_STORE_HELP_H
#define FT_TESTS_STORE_HELP_H

#include "common/snapshot.h"
#include "store/store.h"

struct bench {
	char root[128], shm[160], database[160];
	struct ring ring; /* the tracker's side of slice.0 */
	uint64_t head;
	struct store st;
	bool running;
};

/* folders under /tmp (or FT_TEST_DIR), empty */
void bench_open(struct bench *b, const char *name);
void bench_close(struct bench *b); /* store, ring, folders */
void bench_ring(struct bench *b, uint64_t slots);
struct store_settings bench_settings(void);
int bench_start(struct bench *b, const struct store_settings *set); /* store_open */
void bench_stop(struct bench *b); /* as a kill would: nothing is committed */

void slice_make(uint64_t i, struct ft_slice *s, struct ft_slice_ext *x, bool *has_ext);
/* Put slices from, from + 1, … on the ring, as many as fit; returns how many */
uint64_t bench_send(struct bench *b, uint64_t from, uint64_t n);
/* take everything from the ring, sealing where it is due */
void bench_take(struct bench *b);
void bench_send_all(struct bench *b, uint64_t from, uint64_t n);

/* Read everything; each slice below `n` must be there once, nothing else, every column as made.  Returns the
 * number of different slices found; *wrong: something was not as made. */
struct seen {
	uint64_t rows, distinct, twice, foreign, bad_blocks, missing_segments, unindexed;
	char why[200];
};
void bench_read(struct bench *b, struct snapshot_reader *r, uint64_t n, struct seen *out);
/* all of 0 … n - 1, once, as made; fails the test otherwise */
void bench_expect(struct bench *b, uint64_t n);
void remove_tree(const char *path);

#endif
