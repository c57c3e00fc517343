/*
 * abi.h - what every shared-memory segment starts with, and how two builds find out that they
 * disagree.
 *
 * A segment is a file in /dev/shm/flowtrove-<instance>/ (or any directory a test names).  It is made
 * under a temporary name, allocated whole (posix_fallocate: a sparse file on a full tmpfs dies of
 * SIGBUS), filled in, and renamed: whoever can open it sees it complete.
 *
 * Nothing in a segment is a pointer; integers are fixed width and naturally aligned, in host order
 * (segments never leave the machine).  Whoever maps a segment compares magic, version and the layout
 * word; a mismatch is refused in words, naming the remedy (`ft-ctl drain`).
 */
#ifndef FT_CONTRACT_ABI_H
#define FT_CONTRACT_ABI_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define FT_LINE 64 /* bytes a cache line: one owner each */

/* version = major << 16 | minor.  A reader accepts older minors; slots and headers grow at the end. */
struct ft_seg_header {
	char magic[8];	      /* kind of segment, NUL padded */
	uint32_t version;
	uint32_t layout;      /* FT_LAYOUT over the sizes and offsets both sides rely on */
	uint64_t size;	      /* bytes of the whole segment */
	uint64_t incarnation; /* random, new each time the segment is made; positions of another are void */
	uint64_t created_us;  /* wall clock, microseconds since 1970 UTC */
	uint32_t holder[4];   /* pids that hold the segment's roles (0 producer/owner, 1 consumer); advisory,
			       * the OFD lock on byte [role] of the file is what counts */
	uint64_t reserved;
};
static_assert(sizeof(struct ft_seg_header) == FT_LINE, "a segment header is one cache line");

/* Fold sizes and offsets into a layout word: FT_LAYOUT2(sizeof(struct a), offsetof(struct a, b)) ... */
#define FT_MIX(h, v) ((((uint32_t)(h) ^ (uint32_t)(v)) * 2654435761u) ^ ((uint32_t)(v) >> 3))
#define FT_LAYOUT1(a) FT_MIX(0x46544c59u, a)
#define FT_LAYOUT2(a, b) FT_MIX(FT_LAYOUT1(a), b)
#define FT_LAYOUT3(a, b, c) FT_MIX(FT_LAYOUT2(a, b), c)
#define FT_LAYOUT4(a, b, c, d) FT_MIX(FT_LAYOUT3(a, b, c), d)
#define FT_LAYOUT5(a, b, c, d, e) FT_MIX(FT_LAYOUT4(a, b, c, d), e)
#define FT_LAYOUT6(a, b, c, d, e, f) FT_MIX(FT_LAYOUT5(a, b, c, d, e), f)

/* The tiny build makes every bound small so that boundaries are crossed all the time. */
#ifdef FT_TINY
#define FT_BLOCK_ROWS 64u
#define FT_RING_MIN_SLOTS 8u
#define FT_BATCH 2u
#define FT_DATAGRAMS 4u
#else
#define FT_BLOCK_ROWS 262144u
#define FT_RING_MIN_SLOTS 1024u
#define FT_BATCH 64u
#define FT_DATAGRAMS 64u
#endif

#endif
