/*
 * manual.c - the manual's three calls, as old scripts make them: POST auth, GET stat, GET sessions, parameters in the query
 * string (or as a form), tables of strings.  The words of queryd and those of the manual are brought together here only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "web/webd/relay.h"

/* ---- parameters -------------------------------------------------------------------------------- */

/* false: answered */
static bool
parameters(struct http_call *call, struct http_params *p)
{
	const char *type = http_header(&call->head, "content-type");
	static const char form[] = "application/x-www-form-urlencoded";
	p->n = 0;
	int rc = http_params(call->head.query, p);
	if (rc == 0 && call->body_bytes > 0) {
		if (type && strncasecmp(type, form, sizeof form - 1) != 0) {
			web_error(call, 415, "bad_request",
				"parameters come in the query string, or as a form: Content-Type: %s", form);
			return false;
		}
		rc = strlen(call->body) == call->body_bytes ? http_params(call->body, p) : 400;
	}
	if (rc != 0)
		web_error(call, 400, "bad_request",
			"the parameters can't be read: at most %d, name=value, %%-escaped UTF-8",
			HTTP_PARAMS);
	return rc == 0;
}

/* Old scripts may name the server to ask.  There is one here, and nobody is sent elsewhere. */
static bool
server_good(struct web *w, struct http_call *call, const struct http_params *p)
{
	const char *server = http_param(p, "server"), *port = http_param(p, "port");
	const char *own[] = {"localhost", "127.0.0.1", "::1", conf_str(w->conf, CONF_listenaddress), NULL};
	char host[256] = "", number[8];
	bool good = server == NULL || server[0] == 0;
	(void)gethostname(host, sizeof host - 1);
	own[4] = host;
	for (unsigned i = 0; i < 5 && !good; i++)
		good = own[i][0] && strcasecmp(own[i], server) == 0;
	snprintf(number, sizeof number, "%u", (unsigned)conf_uint(w->conf, CONF_listenport));
	if (good && (port == NULL || port[0] == 0 || strcmp(port, number) == 0))
		return true;
	web_error(call, 400, "bad_request",
		"this is the API of one server, %s port %s: leave out server and port", own[0], number);
	return false;
}

static void
copy(json_t *request, const char *member, const struct http_params *p, const char *name)
{
	const char *value = http_param(p, name);
	if (value && value[0])
		json_object_set_new(request, member, json_string(value));
}

/* what stat and sessions have in common; NULL: answered */
static json_t *
request_of(struct web *w, struct http_call *call, const char *op, const struct http_params *p)
{
	bool answered;
	if (!server_good(w, call, p))
		return NULL;
	json_t *auth = web_credentials(call, http_param(p, "auth_token"), &answered);
	if (auth == NULL) {
		if (!answered)
			web_error(call, 401, "auth", "auth_token is missing: POST /api/v1/auth gives one");
		return NULL;
	}
	const char *after = http_param(p, "after_time"), *before = http_param(p, "before_time"),
		   *range = http_param(p, "time_range");
	const char *query = http_param(p, "query");
	json_t *request = json_pack("{s:s, s:o}", "op", op, "auth", auth);
	if (after && after[0] && before && before[0]) {
		copy(request, "from", p, "after_time");
		copy(request, "to", p, "before_time");
	} else if ((after && after[0]) || (before && before[0])) {
		web_error(call, 400, "bad_time", "after_time and before_time go together");
		json_decref(request);
		return NULL;
	} else if (range && range[0])
		json_object_set_new(request, "last", json_string(range + (range[0] == '-')));
	copy(request, "filter", p, query && query[0] ? "query" : "filter");
	return request;
}

/* false: answered */
static bool
rows_of(struct http_call *call, const struct http_params *p, json_int_t most, json_int_t *rows)
{
	const char *text = http_param(p, "rows");
	char *end;
	*rows = 10;
	if (text == NULL || text[0] == 0)
		return true;
	long long n = strtoll(text, &end, 10);
	if (*end == 0 && n >= 1 && n <= most) {
		*rows = n;
		return true;
	}
	web_error(call, 400, "bad_request", "rows is a number from 1 to %lld", (long long)most);
	return false;
}

/* ---- auth -------------------------------------------------------------------------------------- */

static void
token_given(struct exchange *x, const json_t *reply, bool ok)
{
	struct http_call *call = exchange_end(x);
	if (ok)
		web_json(call, 200, json_pack("{s:O}", "auth_token", json_object_get(reply, "token")));
	else
		web_relay_error(call, reply);
}

void
manual_auth(struct web *w, struct http_call *call)
{
	struct http_params p;
	/* a password in a path would end in logs: only the form counts */
	call->head.query[0] = 0;
	if (!web_same_site(call) || !parameters(call, &p) || !server_good(w, call, &p))
		return;
	const char *user = http_param(&p, "username"), *password = http_param(&p, "password");
	if (user == NULL || password == NULL) {
		web_error(call, 400, "bad_request",
			"auth takes username and password as a form: -d 'username=…&password=…'");
		return;
	}
	exchange_ask(w, call, NULL,
		json_pack("{s:s, s:b, s:{s:s, s:s}}", "op", "login", "token", 1, "auth", "user", user,
			"password", password),
		token_given, NULL);
}

/* ---- stat -------------------------------------------------------------------------------------- */

static const char *const amounts[] = {"bytes_sent", "bytes_received", "packets_sent", "packets_received",
	"sessions_initiated", "sessions_accepted"};
static const char *const amount_heads[] = {
	"SENT BYTES", "RECV BYTES", "SENT PCKTS", "RECV PCKTS", "SESS. INIT", "SESS. ACPT"};
enum { AMOUNTS = 6 };

static void
number(json_t *row, const json_t *v)
{
	char text[32];
	snprintf(text, sizeof text, "%lld", (long long)json_integer_value(v));
	json_array_append_new(row, json_string(text));
}

/* colours as the manual's screens had them: by rank, RRGGBBAA */
static const char *const colours[] = {"9f5afbff", "3f8fd2ff", "e8743bff", "19a979ff", "ed4a7bff", "945eccff",
	"13a4b4ff", "525df4ff", "bf399eff", "6c8893ff", "ee6868ff", "2f6497ff"};

static json_t *
row_of(const json_t *row, size_t rank)
{
	json_t *out = json_array(), *series = json_array();
	const json_t *key = json_object_get(row, "key"), *v;
	char both[1200];
	size_t i;
	if (json_is_array(key)) {
		const char *a = json_string_value(json_array_get(key, 0)),
			   *b = json_string_value(json_array_get(key, 1));
		snprintf(both, sizeof both, "%s - %s", a ? a : "", b ? b : "");
	} else
		snprintf(both, sizeof both, "%s", json_is_string(key) ? json_string_value(key) : "");
	json_array_append_new(out, json_string(both));
	number(out, json_object_get(row, "value"));
	json_array_append_new(out, json_string(colours[rank % (sizeof colours / sizeof colours[0])]));
	for (i = 0; i < AMOUNTS; i++)
		number(out, json_object_get(row, amounts[i]));
	json_array_foreach ((json_t *)(uintptr_t)json_object_get(row, "series"), i, v)
		number(series, v);
	json_array_append_new(out, series);
	return out;
}

static void
stat_last(struct relay *r, const json_t *reply)
{
	const json_t *view = json_object_get(reply, "view"), *row;
	const char *entity = json_string_value(json_object_get(view, "entity"));
	const char *count = json_string_value(json_object_get(view, "count"));
	const char *direction = json_string_value(json_object_get(view, "direction"));
	json_t *columns = json_array(), *data = json_array();
	char head[80];
	size_t i;
	const char *way = direction && strcmp(direction, "sent") == 0       ? "SENT "
			  : direction && strcmp(direction, "received") == 0 ? "RECV "
									    : "";
	json_array_append_new(columns, json_string(entity ? entity : ""));
	snprintf(head, sizeof head, "%s%s", way, count ? count : "");
	json_array_append_new(columns, json_string(head));
	json_array_append_new(columns, json_string("COLORS"));
	for (i = 0; i < AMOUNTS; i++)
		json_array_append_new(columns, json_string(amount_heads[i]));
	json_array_append_new(columns, json_string("TIME SERIES"));
	json_array_foreach ((json_t *)(uintptr_t)json_object_get(view, "rows"), i, row)
		json_array_append_new(data, row_of(row, i));
	relay_line(r, json_pack("{s:o, s:o}", "columns", columns, "data", data));
}

void
manual_stat(struct web *w, struct http_call *call)
{
	static const struct relay_form form = {"application/json", false, NULL, NULL, stat_last, NULL};
	enum { SLOTS = 100 };
	struct http_params p;
	json_int_t rows;
	json_t *request = parameters(call, &p) && rows_of(call, &p, 100000, &rows)
				  ? request_of(w, call, "stat", &p)
				  : NULL;
	if (request == NULL)
		return;
	const char *direction = http_param(&p, "direction");
	copy(request, "group_by", &p, "group_by");
	copy(request, "count_by", &p, "count_by");
	if (direction && direction[0])
		json_object_set_new(request, "direction",
			json_string(strcmp(direction, "snd") == 0   ? "sent"
				    : strcmp(direction, "rcv") == 0 ? "received"
								    : direction));
	json_object_set_new(request, "rows", json_integer(rows));
	json_object_set_new(request, "slots", json_integer(SLOTS));
	relay_start(w, call, request, &form);
}

/* ---- sessions ---------------------------------------------------------------------------------- */

/* columns of the manual's table, and the members of a session they come from; what the manual's was beyond the first
 * three is not known any more */
static const struct {
	const char *head, *member, *otherwise;
} columns[] = {{"CLIENT ADDRESS", "client_ip", ""}, {"CLIENT COUNTRY", "client_country", "??"},
	{"CLIENT AS", "client_as", "0"}, {"CLIENT PORT", "client_port", "0"},
	{"SERVER ADDRESS", "server_ip", ""}, {"SERVER COUNTRY", "server_country", "??"},
	{"SERVER AS", "server_as", "0"}, {"SERVER PORT", "server_port", "0"}, {"PROTOCOL", "proto", ""},
	{"START TIME", "first_us", ""}, {"END TIME", "last_us", ""}, {"CLIENT BYTES", "client_bytes", "0"},
	{"SERVER BYTES", "server_bytes", "0"}, {"CLIENT PACKETS", "client_packets", "0"},
	{"SERVER PACKETS", "server_packets", "0"}, {"CLIENT FLAGS", "client_flags", ""},
	{"SERVER FLAGS", "server_flags", ""}, {"TOS", "client_tos", "0"}, {"IN IF", "in_if", ""},
	{"OUT IF", "out_if", ""}, {"EXPORTER", "exporter_ip", ""}, {"APPLICATION", "app_name", ""}};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

static json_t *
cell(const json_t *session, unsigned i)
{
	const json_t *v = json_object_get(session, columns[i].member);
	char text[40];
	size_t n = strlen(columns[i].member);
	if (json_is_integer(v) && strcmp(columns[i].member + n - 3, "_us") == 0) {
		json_int_t us = json_integer_value(v);
		time_t s = (time_t)(us / 1000000);
		struct tm tm;
		localtime_r(&s, &tm);
		size_t k = strftime(text, sizeof text, "%m/%d/%y %H:%M:%S", &tm);
		snprintf(text + k, sizeof text - k, ".%06d", (int)(us % 1000000));
		return json_string(text);
	}
	if (json_is_integer(v)) {
		snprintf(text, sizeof text, "%lld", (long long)json_integer_value(v));
		return json_string(text);
	}
	return json_string(
		json_is_string(v) && json_string_length(v) ? json_string_value(v) : columns[i].otherwise);
}

static void
put_columns(struct relay *r)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < COLUMNS; i++)
		json_array_append_new(list, json_string(columns[i].head));
	char *text = json_dumps(list, JSON_COMPACT);
	json_decref(list);
	relay_write(r, "{\"columns\":", 11);
	if (text)
		relay_write(r, text, strlen(text));
	relay_write(r, ",\"data\":[", 9);
	free(text);
}

/* relay_state: 0 nothing written, 1 the heads, 2 rows */
static void
session_rows(struct relay *r, const char *bytes, size_t n)
{
	if (*relay_state(r) == 0)
		put_columns(r);
	for (const char *at = bytes, *end = bytes + n; at < end;) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t line = nl ? (size_t)(nl - at) : (size_t)(end - at);
		json_t *session = json_loadb(at, line, 0, NULL), *row = json_array();
		for (unsigned i = 0; i < COLUMNS; i++)
			json_array_append_new(row, cell(session, i));
		if (*relay_state(r) == 2)
			relay_write(r, ",\n", 2);
		char *text = json_dumps(row, JSON_COMPACT);
		if (text)
			relay_write(r, text, strlen(text));
		free(text);
		json_decref(row);
		json_decref(session);
		*relay_state(r) = 2;
		at += line + 1;
	}
}

static void
sessions_last(struct relay *r, const json_t *reply)
{
	const json_t *summary = json_object_get(reply, "summary");
	char text[3][60];
	if (*relay_state(r) == 0)
		put_columns(r);
	snprintf(text[0], sizeof text[0], "Total sessions: %lld",
		(long long)json_integer_value(json_object_get(summary, "sessions")));
	snprintf(text[1], sizeof text[1], "Total Packets: %lld",
		(long long)json_integer_value(json_object_get(summary, "packets")));
	snprintf(text[2], sizeof text[2], "Total Bytes: %lld",
		(long long)json_integer_value(json_object_get(summary, "bytes")));
	relay_write(r, "],\"summary\":", 12);
	relay_line(r, json_pack("[s, s, s]", text[0], text[1], text[2]));
	relay_write(r, "}\n", 2);
}

void
manual_sessions(struct web *w, struct http_call *call)
{
	static const struct relay_form form = {
		"application/json", false, session_rows, NULL, sessions_last, NULL};
	struct http_params p;
	json_int_t rows;
	json_t *request = parameters(call, &p) && rows_of(call, &p, 1000000000, &rows)
				  ? request_of(w, call, "sessions", &p)
				  : NULL;
	if (request == NULL)
		return;
	json_object_set_new(request, "format", json_string("ndjson"));
	json_object_set_new(request, "most", json_integer(rows));
	relay_start(w, call, request, &form);
}
