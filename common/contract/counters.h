/*
 * counters.h - any daemon -> `ft-ctl status`, /metrics: counters in shared memory.
 *
 * Segment "counters.<process>": header, then one 64-bit word a row of counters.def (all processes' rows, so
 * that the index is the row number; a process writes its own only).  Made by the process at start, removed
 * by nobody; a restart continues SUM counters where they stood.  Relaxed stores: figures for people and
 * metrics; what must be exact is copied from a stage's record after its commit.  `beat_us` is stored at
 * least once a second: an old one shows a hung process.  layout: number and names of the rows, hashed, so
 * that builds with other rows refuse each other (the owner then makes the segment anew).
 */
#ifndef FT_CONTRACT_COUNTERS_H
#define FT_CONTRACT_COUNTERS_H

#include <stdatomic.h>

#include "common/contract/abi.h"

#define FT_COUNTERS_MAGIC "FTCOUNT"
#define FT_COUNTERS_VERSION 0x00010000u

struct ft_counters {
	struct ft_seg_header seg;
	_Atomic int64_t started_us, beat_us; /* wall clock */
	_Atomic uint32_t pid, ready;	     /* ready: takes work */
	uint8_t fill[FT_LINE - 24];
	_Atomic uint64_t value[];
};

#endif
