/* view.h - a view's answer (spec: names in every output) as CSV, as a table, as a picture. */
#ifndef FT_CLI_VIEW_H
#define FT_CLI_VIEW_H

#include <jansson.h>

#include "cli/options.h"

/* one row of CSV each; with head: names first, a blank line and the totals last */
void view_csv(const json_t *view, bool head, FILE *to);
void view_table(const struct options *o, const json_t *view, FILE *to);
/* the chart of -g; the exit code */
int view_picture(const struct options *o, const json_t *view);
/* key of a row for people: pairs joined */
void view_key(const json_t *row, const char *between, char *out, size_t room);
/* "IP by BYTES sent" */
void view_title(const json_t *view, char *out, size_t room);
/* the last line under a table: totals, and up to when they are complete if not to the end of the frame */
void view_totals(const json_t *total, const json_t *answer, FILE *to);
/* what -v says at the end, and warnings, on stderr */
void view_remarks(const struct options *o, const json_t *answer);

#endif
