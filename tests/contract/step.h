/*
 * step.h - stepping tests: a stage is killed after every instruction that changed shared memory, and each time
 * what it left is recovered, finished and compared with the truth.
 *
 * How it works.  step_run() forks a child that runs work() under PTRACE_SINGLESTEP.  After every instruction
 * the parent looks whether a region changed.  If so, that is what SIGKILL at this instruction would leave:
 * the regions are copied, recover() and finish() run on the copy in the parent, and finish() says whether the
 * result is the truth.  At every `recovery_every`-th such point recovery itself is stepped: another child runs
 * recover() on the left-over state, and after each of its changes a copy is recovered again (so a kill in the
 * middle of recovery is tried everywhere), finished and compared.
 *
 * How to use it (tests/contract/stage_stepping_test.c is the smallest example)
 *   1 Build the tiny variant's world in a few regions: step_region() gives zeroed MAP_SHARED memory.  Format
 *     rings (ring_format) and the stage there, fill the input ring with a small fixed input (10-20 records),
 *     publish it.  Keep regions small (<= 256 KiB in all): they are compared and copied thousands of times.
 *   2 work(ctx, at): the stage's own code over the regions at at[0], at[1], …: attach, run until the input is
 *     used up.  Runs in the child.  Private memory (indices, struct stage, struct ring) belongs on its stack
 *     or is built here; never reuse what the parent prepared unless it does not change.
 *   3 recover(ctx, at): what the real process does at start: attach to at[], stage_recover(), publish from the
 *     record.  at[] are other addresses than in work(): nothing may be a pointer.  May be run any number of
 *     times on the same memory.
 *   4 finish(ctx, at, why, n): after recover(): attach anew, run the stage over the rest of the input, then
 *     compare everything with the truth (table, records that a consumer would read from the output ring from
 *     its own tail, counters).  false and a sentence in `why` if anything differs.
 *   recover() and finish() run thousands of times in one process: free what they allocate.  If one of them
 *   crashes, aborts or hangs for 10 s that counts as a failure at that point and the run goes on.
 *
 * A step costs 20 to 50 µs: keep work() below some 300,000 instructions, and recover() below 10,000.
 * A ring's consumer can be part of the truth: let finish() consume from the tail in the ring and count every
 * record's number seen exactly once, with what the child has already consumed kept in another region.
 *
 * FT_SOAK=1 in the environment: recovery is stepped at every point, without a time budget.
 * Under the thread sanitizer nothing is stepped (its runtime does not like it): `skipped` is set.
 */
#ifndef FT_STEP_H
#define FT_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STEP_REGIONS = 16 };

struct step_region {
	const char *name;
	void *base; /* MAP_SHARED */
	size_t size;
	/* check only at every n-th change that touches nothing but this region; 0 and 1: at each.  For bulk
	 * memory whose single bytes do not matter (datagram payloads). */
	unsigned every;
};

struct step_test {
	const char *name;
	struct step_region region[STEP_REGIONS];
	unsigned regions;
	void (*work)(void *ctx, void *const *at);
	void (*recover)(void *ctx, void *const *at);
	bool (*finish)(void *ctx, void *const *at, char *why, size_t n);
	void *ctx;
	unsigned recovery_every; /* short round; 0: 101.  FT_SOAK: 1 */
	unsigned budget_s;       /* short round: no further stepped recoveries after this time; 0: 40 */
	uint64_t most_steps;     /* a child that takes more is a failure; 0: 3 million */
	bool quiet;              /* print no failures (a test that expects them) */
};

struct step_result {
	uint64_t instructions;     /* stepped in work() */
	uint64_t changed;          /* of them, those that changed a region */
	uint64_t checked;          /* copies recovered and compared */
	uint64_t recoveries;       /* recoveries stepped */
	uint64_t recovery_changed; /* points in them, all checked */
	uint64_t failures;
	bool skipped;
};

/* Add a region of `size` zeroed bytes to t; returns its memory. */
void *step_region(struct step_test *t, const char *name, size_t size);
/* Run the test and print one line of figures and the first failures (instruction number, address, symbol). */
struct step_result step_run(const struct step_test *t);
/* Unmap what step_region() gave. */
void step_free(struct step_test *t);

#endif
