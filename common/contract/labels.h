/*
 * labels.h - ingest -> readers: short texts that flows carry by number (names of applications).
 *
 * 1 Ingest writes (all its threads, under one mutex of the process); store reads, and whoever wants to.
 * 2 Segment "labels", made by ingest when absent, removed by nobody.  The truth is ingest.lmdb, database
 *   "labels": a number means the same text for ever, also after the segment was lost.
 * 3 A header line, then `capacity` slots of one line; number = slot index + 1, 0 is "none".  Texts are UTF-8
 *   without control characters, cut at FT_LABEL_BYTES, and stand there once, whoever sent them.
 * 4 A slot is filled in, then `count` is stored with release; slots below count never change.  LMDB follows before any
 *   flow that names the number is published; a reader that finds a number in a ring finds its text.
 * 5 Full (config netflow/maxlabels, of which one exporter may fill half): the flow goes on without a name,
 *   counted in `bound_hits`.
 * 6 Crash: a number that LMDB has and the segment lacks is put in at the next start, and the other way round; one that no flow
 *   refers to costs its slot.  Which number a text gets is decided once: a datagram that is decoded again after a kill
 *   gets the same.  That the name is the one in force when the flow was decoded is thereby part of the flow,
 *   whatever store is behind.
 * 7 Version 1.0.   8 Tests: tests/unit/label_test.c, tests/e2e/test_names.py.
 */
#ifndef FT_CONTRACT_LABELS_H
#define FT_CONTRACT_LABELS_H

#include <stdatomic.h>

#include "common/contract/abi.h"

#define FT_LABELS_MAGIC "FTLABELS"
#define FT_LABELS_VERSION 0x00010000u
#define FT_LABELS_LAYOUT FT_LAYOUT2(sizeof(struct ft_label), sizeof(struct ft_labels))
enum { FT_LABEL_BYTES = 59 };

struct ft_label {
	uint32_t exporter; /* who sent it first; bounds what one exporter may fill */
	uint8_t bytes;
	char text[FT_LABEL_BYTES]; /* not terminated */
};
static_assert(sizeof(struct ft_label) == FT_LINE, "a label is one line");

struct ft_labels {
	struct ft_seg_header seg;
	uint32_t capacity;
	_Atomic uint32_t count;
	uint8_t fill[FT_LINE - 8];
	struct ft_label slot[];
};

#endif
