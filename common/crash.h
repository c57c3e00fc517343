/*
 * crash.h - crash points: places round every write, fsync, rename and unlink where a test may kill the
 * process.  FT_CRASH_AT=N in the environment: the N-th point passed kills with SIGKILL.  FT_CRASH_COUNT=FILE: each
 * point's name is appended to FILE, so that a test can enumerate them.  Costs one relaxed load otherwise.
 */
#ifndef FT_CRASH_H
#define FT_CRASH_H

#include <stdbool.h>

extern bool crash_armed;
void crash_point_hit(const char *name);
static inline void
crash_point(const char *name)
{
	if (__builtin_expect(crash_armed, 0))
		crash_point_hit(name);
}
void crash_init(void); /* reads the environment; called by proc_start */

#endif
