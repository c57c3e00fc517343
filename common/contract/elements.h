/*
 * elements.h - kept information elements: one list of bytes, the same in the flow ring, the connection table, the
 * slice ring and the blocks (part HEAP, docs/block-format.md).  No list travels while keepfields is none.
 *
 * 1 Who writes: ingest makes a flow's list from the record; tracker merges lists into the session's and puts that
 *   into its slices; store copies it into the text heap; queryd reads it.  Whoever reads checks: a list is what
 *   exporters sent, and damage to a block may hit it.
 * 2 Layout: elements one after the other, no padding, nothing after the last:
 *     1 byte    who said it: FT_SAID_*, and FT_SAID_PEN if an enterprise number follows
 *     2 bytes   id              4 bytes  enterprise number (only with FT_SAID_PEN; else it is 0)
 *     2 bytes   length          bytes    the value as it was on the wire (network byte order, reduced sizes)
 *   Numbers are little-endian, unaligned.
 *   In a flow FT_SAID_* is 0: the flow's own direction is meant.  In the connection table FT_SAID_A is the side whose
 *   address and port sort lower, so that a session that is turned round need not be rewritten.  In slices and blocks
 *   A is the client, B the server.  An element that both sides said with one value is there once, with both bits.
 * 3 In a ring the list lies in slots of its own behind the record's others (they may wrap round the ring's end);
 *   ft_flow.element_bytes and ft_slice.element_bytes say how long it is, at most FT_ELEMENTS_MOST.  The slots are part
 *   of the record: `slots` counts them, and they are published, and taken back after a crash, with it.
 * 4 Which value wins: of each direction the latest that is not empty.  A session keeps at most `elementbytes`; what does
 *   not fit is left out whole, and counted (tracker_elements_dropped).
 * 5 After a crash: lists in rings stand and fall with their records.  The session's list is in the connection table
 *   under the stage's undo log like everything there (tracker/kept.h): it is what the committed flows made of it.
 * Tests: tests/unit/element_list_test.c (golden bytes), tests/contract/tracker_stepping_kept_test.c,
 * ingest_stepping_test.c, tests/e2e/test_elements.py.
 */
#ifndef FT_CONTRACT_ELEMENTS_H
#define FT_CONTRACT_ELEMENTS_H

#include "common/contract/abi.h"

enum { FT_SAID_A = 1, FT_SAID_B = 2, FT_SAID_PEN = 0x80 };
#ifdef FT_TINY
enum { FT_ELEMENTS_MOST = 512 };
#else
enum { FT_ELEMENTS_MOST = 4096 };
#endif

#endif
