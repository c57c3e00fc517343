/*
 * ring.h - the segment layout of a single-producer single-consumer ring of fixed slots.
 * common/ring.{h,c} is the one implementation; flow_ring.h and slice_ring.h say what travels.
 *
 * 1 Writer, readers   one producer process (a thread of it), one consumer.  Each holds an OFD lock on
 *                     its role byte for life; a second one is refused, naming the pid.
 * 2 Life              the producer makes it, nobody removes it but `ft-ctl drain` and a reboot; a
 *                     restart of either side changes nothing in it.
 * 3 Layout
 *        line 0  struct ft_seg_header
 *        line 1  constants: slot bytes, slots (a power of two)
 *        line 2  producer's: head, high water, times it found the ring full, microseconds it waited
 *        line 3  consumer's: tail
 *        line 4  futex words: consumer waits on `data`, producer waits on `room`
 *        line 5… slots
 *     head and tail count slots since the ring was made and never wrap (2^64); the slot of position p
 *     is p & (slots - 1).  A record is one or more consecutive slots; the first says how many.
 * 4 Publication   slots are written beyond head with plain stores; head is stored with release; the
 *     consumer loads head with acquire, reads, and gives slots back by storing tail with release, which
 *     the producer loads with acquire before it overwrites.  Both stores happen only after the stage of
 *     the side concerned has committed (contract/stage.h): head and tail are copies of committed records.
 *     Sleeping: a side sets its `…_waits`, looks at the other's counter once more, sleeps; the other stores
 *     its counter, then looks at `…_waits`.  These four are seq_cst (which includes release and acquire), so
 *     that at least one of the two sees the other; see common/ring.c.
 * 5 Full          the producer stops (backpressure); `full_waits` and `full_wait_us` count it (a wait is
 *     50 ms at most, a long one counts several times).
 * 6 Crash         producer dies: slots beyond head are garbage and never read; on restart head is stored
 *     again from its record.  Consumer dies: tail may lag its record; on restart it is stored again
 *     from the record, so nothing between the two is read twice.  A waker may die between store and
 *     wake: every futex wait ends after 50 ms at the latest.
 * 7 Version       1.0; slots may grow at the end (minor).
 * 8 Tests         tests/unit/ring_test.c (wrap, full, two threads), the stepping tests.
 */
#ifndef FT_CONTRACT_RING_H
#define FT_CONTRACT_RING_H

#include <stdatomic.h>

#include "common/contract/abi.h"

#define FT_RING_VERSION 0x00010000u
enum { FT_RING_PRODUCER = 0, FT_RING_CONSUMER = 1 };

struct ft_ring_header {
	struct ft_seg_header seg;
	/* line 1, constant */
	uint32_t slot_bytes;
	uint32_t pad1;
	uint64_t slots;
	uint8_t fill1[FT_LINE - 16];
	/* line 2, the producer's */
	_Atomic uint64_t head;
	_Atomic uint64_t high_water;   /* most slots ever in use */
	_Atomic uint64_t full_waits;   /* waits for room */
	_Atomic uint64_t full_wait_us; /* time it spent so */
	uint8_t fill2[FT_LINE - 32];
	/* line 3, the consumer's */
	_Atomic uint64_t tail;
	uint8_t fill3[FT_LINE - 8];
	/* line 4, futex words: odd-even counters, bumped to wake */
	_Atomic uint32_t data;	       /* bumped by the producer when `consumer_waits` is set */
	_Atomic uint32_t room;	       /* bumped by the consumer when `producer_waits` is set */
	_Atomic uint32_t consumer_waits;
	_Atomic uint32_t producer_waits;
	uint8_t fill4[FT_LINE - 16];
};
static_assert(sizeof(struct ft_ring_header) == 5 * FT_LINE, "ring header is five lines");
static_assert(offsetof(struct ft_ring_header, head) == 2 * FT_LINE, "producer's line");
static_assert(offsetof(struct ft_ring_header, tail) == 3 * FT_LINE, "consumer's line");

#endif
