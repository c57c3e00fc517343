/*
 * table.h - aligned tables for people.  Cells are UTF-8; what comes from outside has its control characters replaced.
 */
#ifndef FT_CLI_TABLE_H
#define FT_CLI_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct table;

struct table *table_new(void); /* ends the program's work with a message if there is no memory: never NULL */
void table_free(struct table *t);
void table_column(struct table *t, const char *title, bool right);
void table_cell(struct table *t, const char *text); /* next cell; after the last column a new row begins */
void table_cellf(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void table_line(struct table *t); /* a rule between rows */
void table_print(const struct table *t, FILE *to);

/* "1.23 G": three digits and a decimal suffix; whole below 1000 */
enum { TABLE_NUMBER = 32 };
const char *table_number(uint64_t v, char out[TABLE_NUMBER]);
/* "12,345,678" */
const char *table_grouped(uint64_t v, char out[TABLE_NUMBER]);

/* one cell of CSV (RFC 4180: quoted where it must be) */
void table_csv(FILE *to, const char *text);

#endif
