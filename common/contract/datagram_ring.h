/*
 * datagram_ring.h - sockets -> ingest: where recvmmsg puts datagrams, in the segment "ingest.<i>" of
 * ingest thread i, beside that thread's stage (contract/stage.h) and source table (exporters.h).
 *
 * 1 One thread is writer and reader; the kernel fills slots inside recvmmsg.  `ft-ctl status` reads
 *   counters only.
 * 2 Ingest makes it, `ft-ctl drain` and a reboot remove it.  Descriptors live outside the process (a
 *   keeper: systemd's descriptor store or ft-sockets), so a kill loses neither queue nor slots.
 * 3 A batch is up to FT_DATAGRAMS slots.
 * 4 Order: every slot's msg_len = 0; then `batch` = committed batch + 1 (release); then recvmmsg; then
 *   decode; the stage's commit sets input[0] = batch.  While a batch is being worked off,
 *   input[1] and input[2] say how far: datagrams done, and flows done of the current datagram (both 0
 *   once the batch is done), so that a full flow ring may split a batch anywhere, and a restart
 *   re-decodes the current datagram and skips what was already published.  `arrived_us` and `socket` are
 *   stored before recvmmsg: a datagram decoded again gets the arrival it had.  Counters of a
 *   datagram are applied in the commit that finishes it.
 * 5 Full: ingest does not call recvmmsg before the batch is done; the kernel's queue fills first, and
 *   SO_RXQ_OVFL is the only place where a flow drops.
 * 6 Crash: on start, if batch == input[0] + 1 the slots with msg_len > 0 are received and not finished:
 *   they are decoded before the socket is read.  If batch == input[0] they are done.
 *   The mmsghdr array's pointers are rewritten at every start; only msg_len, msg_flags, namelen and the
 *   control lengths carry meaning across a restart.
 *   The thread of TCP (ingest/tcp.h) has the same ring; there a slot is an IPFIX message, `socket` the id of the
 *   connection that all slots of the batch came by, `from` is filled in by ingest and the first two bytes of `control`
 *   are the local port, all before recvmmsg.
 * 7 Version 1.0.   8 Tests: tests/contract/ingest_stepping_test.c.
 */
#ifndef FT_CONTRACT_DATAGRAM_RING_H
#define FT_CONTRACT_DATAGRAM_RING_H

#include <stdatomic.h>
#include <sys/socket.h>

#include "common/contract/abi.h"

#define FT_INGEST_MAGIC "FTINGEST"
#define FT_INGEST_VERSION 0x00010000u

/* Slots 64 KB apart would share the same few sets of the second-level cache: the spread gives each datagram of usual
 * size lines of its own. */
enum { FT_DATAGRAM_BYTES = 65536, FT_CONTROL_BYTES = 128, FT_DATAGRAM_SPREAD = 1792 };

struct ft_datagram_slot {
	struct sockaddr_storage from;      /* 128 bytes */
	uint8_t control[FT_CONTROL_BYTES]; /* SO_TIMESTAMPNS, SO_RXQ_OVFL, destination port */
	uint8_t payload[FT_DATAGRAM_BYTES];
	uint8_t spread[FT_DATAGRAM_SPREAD];
};

struct ft_datagram_batch {
	_Atomic uint64_t batch; /* see 4 */
	uint32_t count;         /* slots, FT_DATAGRAMS */
	uint32_t socket;        /* of the thread's sockets, the one read */
	int64_t arrived_us;     /* wall clock */
	uint8_t fill[FT_LINE - 24];
	struct mmsghdr msg[FT_DATAGRAMS];
	struct iovec iov[FT_DATAGRAMS];
	/* struct ft_datagram_slot[count] follows at the next page */
};

#endif
