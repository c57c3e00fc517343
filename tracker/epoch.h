/*
 * epoch.h - the part of session ids that makes them new whenever a table is made anew: a number in
 * statedir/tracker.epoch, one higher each time, on disk before the table it is for is visible.
 */
#ifndef FT_TRACKER_EPOCH_H
#define FT_TRACKER_EPOCH_H

#include <stdint.h>

#include "common/err.h"

/* The next epoch, 1-65535 (after 65535 comes 1 again: ids would repeat only against rows that many new tables
 * old).  Written, synced, renamed, directory synced; a kill on the way loses one number at most. */
int epoch_next(const char *statedir, uint32_t *epoch, struct err *err);

#endif
