/*
 * op.c - POST /api/v1/op/OPERATION: whatever queryd can do, in its own words.  The body is the request's members; the answer
 * the reply's.  By Accept:
 *
 *   application/json      one object; of `sessions` {"sessions": [row, …], "summary": {…}}, streamed
 *   application/x-ndjson  rows, one a line; of the others {"progress": {…}} while it runs; last {"reply": {…}} or {"error": …}
 *   text/csv              sessions with a head and without a summary, stat as ftstat -c with its head
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "web/webd/relay.h"

/* ---- JSON -------------------------------------------------------------------------------------- */

static void
json_last(struct relay *r, const json_t *reply)
{
	relay_line(r, web_members(reply));
}

/* lines of objects become members of an array; relay_state: rows have been written */
static void
array_rows(struct relay *r, const char *bytes, size_t n)
{
	static const char first[] = "{\"sessions\":[\n", next[] = ",\n";
	char *out = malloc(2 * n + sizeof first);
	size_t used = 0;
	if (out == NULL)
		return;
	for (const char *at = bytes, *end = bytes + n; at < end;) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t line = nl ? (size_t)(nl - at) : (size_t)(end - at);
		const char *before = *relay_state(r) ? next : first;
		memcpy(out + used, before, strlen(before));
		used += strlen(before);
		memcpy(out + used, at, line);
		used += line;
		*relay_state(r) = 1;
		at += line + 1;
	}
	relay_write(r, out, used);
	free(out);
}

static void
array_last(struct relay *r, const json_t *reply)
{
	json_t *members = web_members(reply);
	char *text = json_dumps(members, WEB_JSON);
	const char *between = *relay_state(r) ? "\n]" : "{\"sessions\":[]";
	json_decref(members);
	if (text == NULL)
		return;
	relay_write(r, between, strlen(between));
	if (text[0] == '{' && text[1] != '}')
		text[0] = ','; /* the rest of the object */
	relay_write(r, text, strlen(text));
	relay_write(r, "\n", 1);
	free(text);
}

/* ---- NDJSON ------------------------------------------------------------------------------------ */

static void
lines_progressed(struct relay *r, const json_t *progress)
{
	relay_line(r, json_pack("{s:O}", "progress", progress));
}

static void
lines_rows(struct relay *r, const char *bytes, size_t n)
{
	relay_write(r, bytes, n);
}

static void
lines_last(struct relay *r, const json_t *reply)
{
	relay_line(r, json_pack("{s:o}", "reply", web_members(reply)));
}

static void
lines_failed(struct relay *r, const json_t *reply)
{
	relay_line(r, web_error_of(reply, NULL, NULL));
}

/* ---- CSV of a view ----------------------------------------------------------------------------- */

static const char *const amounts[] = {"bytes_sent", "bytes_received", "packets_sent", "packets_received",
	"sessions_initiated", "sessions_accepted"};
enum { AMOUNTS = sizeof amounts / sizeof amounts[0] };

/* RFC 4180 */
static void
csv_text(FILE *to, const char *s)
{
	if (s[strcspn(s, ",\"\r\n")] == 0) {
		fputs(s, to);
		return;
	}
	fputc('"', to);
	for (; *s; s++) {
		if (*s == '"')
			fputc('"', to);
		fputc(*s, to);
	}
	fputc('"', to);
}

static void
csv_view_row(FILE *to, const json_t *row)
{
	const json_t *key = json_object_get(row, "key"), *series = json_object_get(row, "series"), *v;
	const char *label = json_string_value(json_object_get(row, "label"));
	size_t i;
	if (json_is_array(key)) {
		const char *a = json_string_value(json_array_get(key, 0)),
			   *b = json_string_value(json_array_get(key, 1));
		char both[1200];
		snprintf(both, sizeof both, "%s - %s", a ? a : "", b ? b : "");
		csv_text(to, both);
	} else
		csv_text(to, json_is_string(key) ? json_string_value(key) : "");
	fputc(',', to);
	csv_text(to, label ? label : "");
	fprintf(to, ",%lld,%.4f", (long long)json_integer_value(json_object_get(row, "value")),
		json_number_value(json_object_get(row, "percent")));
	for (i = 0; i < AMOUNTS; i++)
		fprintf(to, ",%lld", (long long)json_integer_value(json_object_get(row, amounts[i])));
	if (series)
		fputc(',', to);
	json_array_foreach ((json_t *)(uintptr_t)series, i, v)
		fprintf(to, "%s%lld", i ? " " : "", (long long)json_integer_value(v));
	fputc('\n', to);
}

static void
csv_view(struct relay *r, const json_t *reply)
{
	const json_t *view = json_object_get(reply, "view"), *row;
	char *text = NULL;
	size_t n = 0, i;
	FILE *to = open_memstream(&text, &n);
	if (to == NULL)
		return;
	fputs("key,label,value,percent", to);
	for (i = 0; i < AMOUNTS; i++)
		fprintf(to, ",%s", amounts[i]);
	fputs(json_integer_value(json_object_get(view, "slots")) ? ",series\n" : "\n", to);
	json_array_foreach (json_object_get(view, "rows"), i, row)
		csv_view_row(to, row);
	fclose(to);
	if (text)
		relay_write(r, text, n);
	free(text);
}

/* ---- the operation ----------------------------------------------------------------------------- */

static const struct relay_form json_form = {"application/json", false, NULL, NULL, json_last, NULL},
			       array_form = {"application/json", false, array_rows, NULL, array_last, NULL},
			       lines_form = {"application/x-ndjson", false, lines_rows, lines_progressed,
				       lines_last, lines_failed},
			       query_lines_form = {"application/x-ndjson", true, lines_rows, lines_progressed,
				       lines_last, lines_failed},
			       csv_rows_form = {"text/csv; charset=utf-8", false, lines_rows, NULL, NULL,
				       NULL},
			       csv_view_form = {"text/csv; charset=utf-8", false, NULL, NULL, csv_view, NULL};

static const struct relay_form *
form_of(const struct http_call *call, const char *name, json_t *request)
{
	const char *accept = http_header(&call->head, "accept");
	bool sessions = strcmp(name, "sessions") == 0, stat = strcmp(name, "stat") == 0;
	bool csv = http_accepts(accept, "text/csv");
	if (sessions)
		json_object_set_new(request, "format", json_string(csv ? "csv_table" : "ndjson"));
	if (csv && (sessions || stat))
		return sessions ? &csv_rows_form : &csv_view_form;
	if (http_accepts(accept, "application/x-ndjson"))
		return sessions || stat ? &query_lines_form : &lines_form;
	return sessions ? &array_form : &json_form;
}

void
op_run(struct web *w, struct http_call *call, const char *name)
{
	static const char *const given[] = {"v", "id", "op", "auth", "on_behalf_of", "format"};
	bool answered;
	json_t *auth = web_credentials(call, NULL, &answered), *body = auth ? web_body(call) : NULL;
	if (auth == NULL && !answered)
		web_error(call, 401, "auth", "not logged in");
	if (body == NULL) {
		json_decref(auth);
		return;
	}
	for (unsigned i = 0; i < sizeof given / sizeof given[0]; i++)
		if (json_object_get(body, given[i])) {
			web_error(call, 400, "bad_request",
				"the body has no member '%s': path and headers say that", given[i]);
			json_decref(auth);
			json_decref(body);
			return;
		}
	json_object_set_new(body, "op", json_string(name));
	json_object_set_new(body, "auth", auth);
	relay_start(w, call, body, form_of(call, name, body));
}
