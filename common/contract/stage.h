/*
 * stage.h - the crash-proof step that ingest, tracker and store share (spec 25: exactly once).
 *
 * A stage takes records from input rings, changes a table in its own shared memory, and writes
 * records to output rings.  After SIGKILL at any instruction the next process finds either all of a
 * batch or nothing of it, in the table, the inputs consumed, the outputs published and the counters.
 *
 * Layout: the stage's segment holds, at offsets its owner chooses,
 *        struct ft_stage    selector, two commit records, undo log header
 *        undo bytes         {struct ft_undo_entry, image}, each 16-byte aligned
 *        the table          slots the owner changes
 *
 * One batch
 *   1 stage_begin()   reserves output room (the caller asks rings for the most the batch can need);
 *                     undo.bytes = 0, then undo.seq = record.seq + 1 (release): the log is armed.
 *   2 stage_touch()   before a slot changes its image is appended, then undo.bytes is bumped (release),
 *                     then the slot may be written.  Output is written beyond the published heads.
 *   3 stage_commit()  the idle record is filled in (seq + 1, input positions, output heads, next ids,
 *                     counters) and the selector flipped (release): THAT ONE STORE IS THE COMMIT.
 *   4 publish         ring heads, then ring tails, are stored from the selected record.
 * Recovery (stage_recover): if undo.seq == selected.seq + 1, images go back newest first (each copy is
 *   idempotent: recovery itself may be killed and run again); then 4 is done again.  If undo.seq <=
 *   selected.seq the batch committed and the log is dead.
 * Ordering: all by one thread, so program order is what a later process sees of this one's stores
 *   (SIGKILL stops a thread between instructions; the page cache keeps every store made).  Release
 *   stores keep the compiler from moving slot writes across undo.bytes, undo.seq and selector.
 * A slot is the unit of undo; nothing in one slot refers to another in a way that undo of one alone
 * would break.  Whatever can be derived from the slots (hash indices, dirty bitmaps, free lists) is
 * private memory, rebuilt at start.
 * Version 1.0.  Tests: tests/unit/stage_test.c, and one stepping test a stage in tests/contract/.
 */
#ifndef FT_CONTRACT_STAGE_H
#define FT_CONTRACT_STAGE_H

#include <stdatomic.h>

#include "common/contract/abi.h"

#define FT_STAGE_VERSION 0x00010000u
enum { FT_STAGE_INPUTS = 32, FT_STAGE_OUTPUTS = 32, FT_STAGE_IDS = 8, FT_STAGE_COUNTERS = 64 };

struct ft_stage_record {
	uint64_t seq;			       /* batches committed */
	uint64_t input[FT_STAGE_INPUTS];       /* consumed positions, one an input ring */
	uint64_t output[FT_STAGE_OUTPUTS];     /* published positions, one an output ring (or row counts) */
	uint64_t id[FT_STAGE_IDS];	       /* next ids and other state that must move with the batch */
	uint64_t counter[FT_STAGE_COUNTERS];   /* exact counters, the owner's own numbering */
};

struct ft_undo_entry {
	uint64_t offset; /* of the slot, from the start of the segment */
	uint32_t bytes;
	uint32_t back;	 /* bytes back to the entry before; 0 in the first */
	/* image follows, padded to 16 */
};

struct ft_stage {
	_Atomic uint32_t selector; /* 0 or 1: which record counts */
	uint32_t pad;
	uint64_t undo_capacity; /* bytes of undo log, constant */
	_Atomic uint64_t undo_seq;
	_Atomic uint64_t undo_bytes;
	uint8_t fill[FT_LINE - 32];
	struct ft_stage_record record[2];
	/* undo bytes follow */
};
static_assert(sizeof(struct ft_stage_record) % 8 == 0, "records are words");
static_assert(offsetof(struct ft_stage, record) == FT_LINE, "records start on a line");

#endif
