/*
 * export.h - sessions as a server sends them in CSV, into a file of Parquet.
 */
#ifndef FT_CLI_EXPORT_H
#define FT_CLI_EXPORT_H

#include <stdbool.h>
#include <stddef.h>

struct export;

/* Make the file (what is there is replaced when it is whole); NULL: said on stderr. */
struct export *export_open(const char *path);
/* Whole lines of CSV (RFC 4180), the head first; lines that have not as many columns as the head are no rows. */
bool export_lines(struct export *e, const char *at, size_t n);
/* keep: the file gets its name, else it goes.  false: said on stderr. */
bool export_close(struct export *e, bool keep);

#endif
