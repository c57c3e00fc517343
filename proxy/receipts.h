/*
 * receipts.h - which files ft-import has brought in, and how far: STATEDIR/imported.
 *
 * All that is ever imported is one stream of flows, numbered from 1 (ingest/proxied.h): a file's flows get the numbers that
 * follow.  ft-ingest remembers up to which number it has taken the stream, in the record by which it commits flows; so
 * whatever is killed, the next start asks it, and goes on there.  That memory ends with the machine's: after a reboot
 * the stream goes on at the number up to which flows may have been sent.  Nothing comes twice then; what was sent
 * and not stored yet is lost, as it is to any exporter.
 *
 *   stream ID                                which stream: random
 *   run POSITION FROM FLOWS DIGEST NAME      the file's flows from number FROM on get the positions from POSITION on
 *   to POSITION                              synced before flows are sent: none beyond this is
 *   end POSITION                             the run is over: up to here they were taken
 *
 * Lines are only ever appended; one that a crash cut short is taken off.  A run without an end is settled at the next start.
 * A file is known by a digest of its lines, whatever it is called.
 */
#ifndef FT_PROXY_RECEIPTS_H
#define FT_PROXY_RECEIPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct receipt {
	uint64_t digest[2];
	uint64_t flows, done; /* in the file; of them taken */
};

struct receipts {
	int fd; /* locked: one import at a time */
	char path[600];
	uint64_t stream; /* 0: none yet */
	uint64_t next;   /* position after the last one that was settled */
	struct receipt *file;
	unsigned n, room;
	/* a run that is not settled: */
	bool open;
	unsigned running; /* of which file */
	uint64_t base, from, to;
};

/* FT_EBUSY: another import is at work. */
int receipts_open(struct receipts *r, const char *statedir, struct err *err);
void receipts_close(struct receipts *r);
/* NULL: never heard of */
struct receipt *receipts_find(struct receipts *r, const uint64_t digest[2]);
int receipts_run(struct receipts *r, const uint64_t digest[2], uint64_t flows, uint64_t from,
	const char *name, struct err *err);
int receipts_to(struct receipts *r, uint64_t position, struct err *err);
int receipts_end(struct receipts *r, uint64_t position, struct err *err);

#endif
