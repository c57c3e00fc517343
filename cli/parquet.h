/*
 * parquet.h - rows into a file of Apache Parquet (format 2.9), which DuckDB, pandas, Spark and ClickHouse read.
 *
 * A plain writer: row groups of PARQUET_GROUP rows, one data page (version 1) a column and group, every column optional,
 * values PLAIN or, where few are different, RLE_DICTIONARY; no compression (dictionaries and bit packing do most of what it would).
 * Memory is that of one row group.  The file is whole only after parquet_close.
 */
#ifndef FT_CLI_PARQUET_H
#define FT_CLI_PARQUET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { PARQUET_GROUP = 65536 };
enum parquet_type {
	PARQUET_TEXT,   /* UTF-8 */
	PARQUET_JSON,   /* UTF-8 that is JSON */
	PARQUET_UINT32, /* unsigned numbers */
	PARQUET_UINT64,
	PARQUET_TIME, /* microseconds since 1970 UTC */
	PARQUET_BOOL
};

struct parquet;
struct parquet_column {
	const char *name; /* must outlive the writer */
	enum parquet_type type;
};

/* NULL: no memory.  Nothing is written before the first rows. */
struct parquet *parquet_open(FILE *to, const struct parquet_column *columns, unsigned n);
/* The next row's value of a column; a column without one is null.  Text is copied. */
void parquet_number(struct parquet *p, unsigned column, uint64_t v);
void parquet_text(struct parquet *p, unsigned column, const char *text, size_t n);
/* The row is complete.  false: the file can't be written, or no memory is left (also at every call after). */
bool parquet_row(struct parquet *p);
/* Write what is left and the end, and free it.  false: the file is not whole. */
bool parquet_close(struct parquet *p);

#endif
