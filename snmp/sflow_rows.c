/*
 * sflow_rows.c - see sflow_rows.h.
 */
#include "snmp/sflow_rows.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t if_index[] = {1, 3, 6, 1, 2, 1, 2, 2, 1, 1};
enum { IF_INDEX = sizeof if_index / sizeof if_index[0] };

uint32_t
sflow_rows_interface(const uint32_t *suffix, unsigned n)
{
	if (n > 0 && suffix[0] == IF_INDEX + 1) {
		suffix++;
		n--;
	}
	return n > IF_INDEX && memcmp(suffix, if_index, sizeof if_index) == 0 ? suffix[IF_INDEX] : 0;
}

struct session_oid
sflow_column(const struct session_oid *table, uint32_t column, const struct sflow_row *row)
{
	struct session_oid o = session_name(table, &column, 1);
	return row ? session_name(&o, row->suffix, row->n) : o;
}

static int
take(void *ctx, const uint32_t *suffix, unsigned n, const struct session_var *v)
{
	struct sflow_rows *rows = ctx;
	if (n > ROW_SUFFIX)
		return 0; /* no index of these tables is as long */
	if (rows->n == rows->room) {
		unsigned room = rows->room ? rows->room * 2 : 64;
		struct sflow_row *more = realloc(rows->row, room * sizeof *more);
		if (more == NULL)
			return 1;
		rows->row = more;
		rows->room = room;
	}
	struct sflow_row *row = &rows->row[rows->n++];
	*row = (struct sflow_row){.n = n, .interface = sflow_rows_interface(suffix, n), .number = v->number};
	memcpy(row->suffix, suffix, n * sizeof *suffix);
	for (unsigned i = 0; v->type == SNMP_STRING && i < v->bytes && i < ROW_TEXT - 1; i++)
		row->text[i] = isprint(v->string[i]) ? (char)v->string[i] : '?';
	return 0;
}

enum session_outcome
sflow_rows_read(struct session *s, const struct session_oid *table, uint32_t column, struct sflow_rows *rows,
	struct session_result *r)
{
	struct session_oid root = sflow_column(table, column, NULL);
	*rows = (struct sflow_rows){0};
	return session_walk(s, &root, ROWS_MOST, take, rows, r);
}

void
sflow_rows_free(struct sflow_rows *rows)
{
	free(rows->row);
	*rows = (struct sflow_rows){0};
}

enum session_outcome
sflow_set(struct session *s, const struct session_var *v, unsigned n, unsigned need, struct session_result *r)
{
	enum session_outcome rc = session_set(s, v, n, r);
	if (rc == SNMP_OK || rc == SNMP_NO_ANSWER || rc == SNMP_BROKEN || n < 2)
		return rc;
	for (unsigned i = 0; i < n; i++) {
		struct session_result one = {0};
		bool pair = i + 1 < n && strstr(v[i].name, "AddressType") != NULL;
		unsigned mask = (1u << i) | (pair ? 2u << i : 0);
		rc = session_set(s, &v[i], pair ? 2 : 1, &one);
		i += pair;
		if (rc == SNMP_OK)
			continue;
		if (rc == SNMP_NO_ANSWER || rc == SNMP_BROKEN || (need & mask)) {
			*r = one;
			return rc;
		}
	}
	return r->outcome = SNMP_OK;
}
