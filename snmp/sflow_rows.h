/*
 * sflow_rows.h - columns of the sFlow MIBs' tables as lists of rows, and setting several objects of a row.
 */
#ifndef FT_SNMP_SFLOW_ROWS_H
#define FT_SNMP_SFLOW_ROWS_H

#include "snmp/sflow_mib.h"

enum { ROW_SUFFIX = 24, ROW_TEXT = 128, ROWS_MOST = 32768 };

struct sflow_row {
	unsigned n;
	uint32_t suffix[ROW_SUFFIX]; /* of the row in every column */
	uint32_t interface;	     /* ifIndex of its data source; 0: it is none */
	int64_t number;
	char text[ROW_TEXT]; /* of a string, NUL terminated; what is unprintable as '?' */
};

struct sflow_rows {
	unsigned n, room;
	struct sflow_row *row;
};

/* Column `column` of the table at `table` (its entry's name).  Rows must be freed whatever comes back. */
enum session_outcome sflow_rows_read(struct session *s, const struct session_oid *table, uint32_t column,
	struct sflow_rows *rows, struct session_result *r);
void sflow_rows_free(struct sflow_rows *rows);

/* ifIndex of a name that begins with a data source, which is the name of an ifIndex object
 * (1.3.6.1.2.1.2.2.1.1.N), with or without the length in front that SMIv2 wants (RFC 2578 section 7.7); 0: it is
 * something else. */
uint32_t sflow_rows_interface(const uint32_t *suffix, unsigned n);

struct session_oid sflow_column(const struct session_oid *table, uint32_t column, const struct sflow_row *row);

/* Set v[0..n) in one request; where that is refused one after the other, since a switch may not let some objects be
 * written.  `need` has a bit for each that matters: refusal of the others is no failure.  An address goes together with
 * the address type before it. */
enum session_outcome sflow_set(
	struct session *s, const struct session_var *v, unsigned n, unsigned need, struct session_result *r);

#endif
