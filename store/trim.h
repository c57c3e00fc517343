/*
 * trim.h - the free pages of finished segments go back to the filesystem; files are copied with their holes.
 */
#ifndef FT_STORE_TRIM_H
#define FT_STORE_TRIM_H

#include "store/store.h"

/* Give back what no page of a finished segment uses.  The file keeps its size and every used page its place; bytes given back
 * are added to *freed.  FT_EFORMAT: its list of free pages and its blocks contradict each other, nothing was done. */
int segment_trim(struct store *st, uint32_t number, uint64_t *freed, struct err *err);
/* One segment, if one was finished a while ago and is still to be trimmed: called every few seconds. */
void trim_run(struct store *st);

/* Copy a file, holes as holes, and sync it.  It appears under its name when it is whole.  errno says why not. */
int file_copy(const char *from, const char *to);

#endif
