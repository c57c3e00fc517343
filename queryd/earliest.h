/*
 * earliest.h - which sessions are the first N by start, without holding more than N of them and those of several
 * slices.  Fed with every slice once; then `earliest_close` says up to which (start, session) a session belongs.
 */
#ifndef FT_QUERYD_EARLIEST_H
#define FT_QUERYD_EARLIEST_H

#include "queryd/tables.h"

struct earliest_one {
	int64_t start;
	uint64_t session;
};
struct earliest {
	struct budget *budget;
	uint64_t most;
	struct earliest_one *heap; /* the latest of those kept is at the root */
	uint64_t n, room;
	struct min128 several; /* session, 0 -> start */
	struct earliest_one last;
	bool all; /* there are no more than N */
};
/* alone: the session has no other slice.  0 or FT_EFULL */
int earliest_add(struct earliest *e, uint64_t session, int64_t start, bool alone);
int earliest_close(struct earliest *e);
/* is it one of the first?  start counts only if it is alone */
bool earliest_has(const struct earliest *e, uint64_t session, int64_t start, bool alone);
/* sessions of several slices that were met */
uint64_t earliest_several(const struct earliest *e);
void earliest_free(struct earliest *e);

#endif
