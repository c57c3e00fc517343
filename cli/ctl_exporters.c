/*
 * ctl_exporters.c - `ft-ctl exporters`: asks ft-ingest, the owner, over its control socket; prints what it says
 * (contract/rpc.h: exporters.list, .get, .set, .forget).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ctl.h"
#include "cli/table.h"
#include "common/rpc.h"

enum { ANSWER_S = 10, TAGS_BYTES = 1024 };

/* ---- words to a request -------------------------------------------------------------------------- */

static bool
number(const char *word, json_int_t *out)
{
	char *end;
	errno = 0;
	unsigned long long v = strtoull(word, &end, 10);
	*out = (json_int_t)v;
	return word[0] >= '0' && word[0] <= '9' && *end == 0 && errno == 0 && v <= UINT32_MAX;
}

/* N | none; false: err says what would be right */
static bool
sampling(json_t *request, const char *word, struct err *err)
{
	json_int_t n = 0;
	if (strcmp(word, "none") != 0 && !number(word, &n)) {
		err_set(err, FT_EINVAL,
			"sampling is N of 1 in N, or none for what the exporter says itself; not '%s'", word);
		return false;
	}
	json_object_set_new(request, "sampling", json_integer(n));
	return true;
}

/* all words that are left, as one text */
static void
rest(json_t *request, const char *member, int n, char **word)
{
	char text[TAGS_BYTES] = "";
	for (int i = 0; i < n; i++) {
		size_t at = strlen(text);
		snprintf(text + at, sizeof text - at, "%s%s", i ? " " : "", word[i]);
	}
	json_object_set_new(request, member, json_string(strcmp(text, "none") == 0 ? "" : text));
}

/* what follows `set NAME`: words taken, 0 if it is wrong */
static int
one_setting(json_t *request, int n, char **word, struct err *err)
{
	json_int_t index;
	if (n > 0 && json_object_get(request, "sampling") &&
		(strcmp(word[0], "sampling") == 0 || strcmp(word[0], "if") == 0)) {
		err_set(err, FT_EINVAL, "one sampling at a time");
		return 0;
	}
	if (n >= 2 && strcmp(word[0], "sampling") == 0)
		return sampling(request, word[1], err) ? 2 : 0;
	if (n >= 2 && strcmp(word[0], "clock") == 0) {
		json_object_set_new(request, "clock", json_string(word[1]));
		return 2;
	}
	if (n >= 4 && strcmp(word[0], "if") == 0 && strcmp(word[2], "sampling") == 0) {
		if (!number(word[1], &index)) {
			err_set(err, FT_EINVAL, "if takes the index of an interface, not '%s'", word[1]);
			return 0;
		}
		json_object_set_new(request, "interface", json_integer(index));
		return sampling(request, word[3], err) ? 4 : 0;
	}
	if (n >= 2 && (strcmp(word[0], "name") == 0 || strcmp(word[0], "tags") == 0)) {
		rest(request, word[0], n - 1, word + 1);
		return n;
	}
	err_set(err, FT_EINVAL,
		"after set NAME: sampling N|none, if INDEX sampling N|none, clock auto|trust|arrival, name "
		"TEXT|none, "
		"tags WORDS|none");
	return 0;
}

json_t *
ctl_exporters_request(int n, char **word, struct err *err)
{
	if (n == 0)
		return json_pack("{s:s}", "op", "exporters.list");
	bool set = strcmp(word[0], "set") == 0, enable = strcmp(word[0], "enable") == 0;
	bool disable = strcmp(word[0], "disable") == 0, forget = strcmp(word[0], "forget") == 0;
	if (!set && !enable && !disable && !forget) {
		if (n == 1)
			return json_pack("{s:s, s:s}", "op", "exporters.get", "exporter", word[0]);
		err_set(err, FT_EINVAL,
			"one exporter at a time, by name or address; or set, enable, disable, forget");
		return NULL;
	}
	if (n < 2 || (!set && n > 2)) {
		err_set(err, FT_EINVAL, "%s takes the name or address of one exporter", word[0]);
		return NULL;
	}
	json_t *r = json_pack(
		"{s:s, s:s}", "op", forget ? "exporters.forget" : "exporters.set", "exporter", word[1]);
	if (r == NULL) {
		err_set(err, FT_EINVAL, "the name of the exporter is not UTF-8");
		return NULL;
	}
	if (enable || disable)
		json_object_set_new(r, "enabled", json_boolean(enable));
	int at = 2, took = 1;
	for (; set && (at < n || at == 2); at += took)
		if ((took = one_setting(r, n - at, word + at, err)) == 0) {
			json_decref(r);
			return NULL;
		}
	return r;
}

/* ---- printing ------------------------------------------------------------------------------------ */

static uint64_t
num(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}
static const char *
str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static const char *
rate(const json_t *source, char out[64])
{
	if (num(source, "sampling") == 0)
		snprintf(out, 64, "not told");
	else
		snprintf(out, 64, "1 in %" PRIu64 " (%s)", num(source, "sampling"),
			str(source, "sampling_source"));
	return out;
}

static const char *
hourly(const json_t *o, char out[TABLE_NUMBER])
{
	const json_t *v = json_object_get(o, "flows_per_hour");
	return json_is_integer(v) ? table_number((uint64_t)json_integer_value(v), out) : "-";
}

static const char *
called(const json_t *e)
{
	return str(e, "name")[0] ? str(e, "name") : str(e, "address");
}

/* what is the same in all sources, or "several" */
static void
over_sources(struct table *t, const json_t *e, const char *(*f)(const json_t *s, char out[64]))
{
	char first[64] = "-", now[64];
	const json_t *list = json_object_get(e, "sources");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *is = f(json_array_get(list, i), now);
		if (i > 0 && strcmp(is, first) != 0) {
			table_cell(t, "several");
			return;
		}
		snprintf(first, sizeof first, "%s", is);
	}
	table_cell(t, first);
}

/* of one behind a proxy: its name or address, the proxy's, and the GUID, by which ADDRESS@GUID names it */
static void
behind(FILE *to, const json_t *list)
{
	const json_t *e, *s;
	const char *proxy;
	size_t i, k;
	json_array_foreach (list, i, e) {
		if (str(e, "guid")[0] == 0)
			continue;
		proxy = "";
		json_array_foreach (json_object_get(e, "sources"), k, s)
			proxy = str(s, "proxy")[0] ? str(s, "proxy") : proxy;
		fprintf(to, "%s: behind a proxy%s%s: %s@%s\n", called(e), proxy[0] ? " at " : "", proxy,
			str(e, "address"), str(e, "guid"));
	}
}

static const char *
protocol(const json_t *source, char out[64])
{
	snprintf(out, 64, "%s", str(source, "protocol"));
	return out;
}

static const char *
ago(const json_t *o, char out[48])
{
	char t[32];
	double s = (double)(wall_now().us - (int64_t)num(o, "last_us")) / 1e6;
	if (num(o, "last_us") == 0)
		snprintf(out, 48, "never");
	else
		snprintf(out, 48, "%s ago", ctl_lasting(t, s < 0 ? 0 : s));
	return out;
}

static const char *
skew(const json_t *source, char out[64])
{
	char t[32];
	double s = (double)(int64_t)num(source, "skew_us") / 1e6, size = s < 0 ? -s : s;
	if (size < 2) /* on the way, and whole seconds in headers */
		snprintf(out, 64, "good");
	else
		snprintf(out, 64, "%s %s", ctl_lasting(t, size), s < 0 ? "behind" : "ahead");
	return out;
}

static void
print_list(FILE *to, const json_t *list)
{
	static const char *const title[] = {"exporter", "address", "protocol", "state", "datagrams", "flows",
		"flows/h", "last heard", "clock", "sampling"};
	struct table *t = table_new();
	char n[TABLE_NUMBER], w[48];
	const json_t *e;
	size_t i;
	if (json_array_size(list) == 0)
		fprintf(to, "no exporter has sent anything yet\n");
	for (i = 0; i < sizeof title / sizeof title[0]; i++)
		table_column(t, title[i], i >= 4 && i <= 6);
	json_array_foreach (list, i, e) {
		table_cell(t, called(e));
		table_cell(t, str(e, "address"));
		over_sources(t, e, protocol);
		table_cell(t, str(e, "state"));
		table_cell(t, table_number(num(e, "datagrams"), n));
		table_cell(t, table_number(num(e, "flows") + num(e, "flows_disabled"), n));
		table_cell(t, hourly(e, n));
		table_cell(t, ago(e, w));
		over_sources(t, e, skew);
		over_sources(t, e, rate);
	}
	if (json_array_size(list) > 0)
		table_print(t, to);
	table_free(t);
	behind(to, list);
	json_array_foreach (list, i, e)
		if (str(e, "why")[0])
			fprintf(to, "%s: %s: %s\n", called(e), str(e, "state"), str(e, "why"));
}

static void
print_source(FILE *to, const json_t *s)
{
	char a[TABLE_NUMBER], b[TABLE_NUMBER], w[48], r[64];
	fprintf(to, "%s, domain %" PRIu64 ", at port %" PRIu64 ": %s%s%s\n", str(s, "protocol"),
		num(s, "domain"), num(s, "port"), str(s, "state"), str(s, "why")[0] ? ": " : "",
		str(s, "why"));
	fprintf(to, "  %s datagrams, %s flows", table_grouped(num(s, "datagrams"), a),
		table_grouped(num(s, "flows") + num(s, "flows_disabled"), b));
	if (num(s, "flows_disabled"))
		fprintf(to, " (%s of them not stored, while it was disabled)",
			table_grouped(num(s, "flows_disabled"), a));
	fprintf(to, "%s%s, last heard %s\n",
		json_is_integer(json_object_get(s, "flows_per_hour")) ? ", an hour: " : "",
		json_is_integer(json_object_get(s, "flows_per_hour")) ? hourly(s, a) : "", ago(s, w));
	fprintf(to, "  sampling: %s", rate(s, r));
	if (strcmp(str(s, "sampling_source"), "override") == 0)
		fprintf(to, "; the exporter says %s%s", num(s, "sampling_exported") ? "1 in " : "nothing",
			num(s, "sampling_exported") ? table_grouped(num(s, "sampling_exported"), a) : "");
	if (str(s, "proxy")[0])
		fprintf(to, "\n  by the proxy at %s, to whose clock and losses look at its own line",
			str(s, "proxy"));
	fprintf(to, "\n  clock: %s%s", skew(s, r), num(s, "correction_us") ? ", times are corrected" : "");
	fprintf(to, "\n  templates: %" PRIu64 " known, %" PRIu64 " sets wait for theirs\n",
		num(s, "templates"), num(s, "sets_waiting"));
	fprintf(to,
		"  lost on the way here, by its own numbers: %s\n"
		"  lost in the socket's queue while it talked: %s datagrams\n",
		table_grouped(num(s, "sequence_gaps"), a), table_grouped(num(s, "kernel_drops"), b));
	fprintf(to, "  lost because not understood: %s sets", table_grouped(num(s, "undecodable"), a));
	fprintf(to, ", and %s whose template did not come\n", table_grouped(num(s, "sets_dropped"), a));
	fprintf(to, "  waited for room (nothing is lost by it): %.1f s\n",
		(double)num(s, "full_wait_us") / 1e6);
	if (num(s, "duplicates"))
		fprintf(to, "  %" PRIu64 " datagrams late or twice\n", num(s, "duplicates"));
	if (num(s, "samples_missing") || num(s, "sampler_drops"))
		fprintf(to,
			"  %" PRIu64 " samples missing by its own numbers, %" PRIu64
			" packets that its sampler passed over\n",
			num(s, "samples_missing"), num(s, "sampler_drops"));
}

static void
print_interfaces(FILE *to, const json_t *list)
{
	struct table *t = table_new();
	const json_t *o;
	size_t i;
	char n[TABLE_NUMBER];
	table_column(t, "interface", true);
	table_column(t, "name", false);
	table_column(t, "description", false);
	table_column(t, "sampling", false);
	json_array_foreach (list, i, o) {
		table_cellf(t, "%" PRIu64, num(o, "index"));
		table_cell(t, str(o, "name"));
		table_cell(t, str(o, "description"));
		if (num(o, "sampling_override"))
			table_cellf(t, "1 in %s (override)", table_grouped(num(o, "sampling_override"), n));
		else
			table_cell(t, "");
	}
	if (json_array_size(list) > 0)
		table_print(t, to);
	else
		fprintf(to, "interfaces: it has told of none\n");
	table_free(t);
}

static void
print_one(FILE *to, const json_t *e)
{
	const json_t *list = json_object_get(e, "sources"), *tags = json_object_get(e, "tags");
	char n[TABLE_NUMBER];
	fprintf(to, "%s%s%s%s: %s%s%s\n", called(e), str(e, "name")[0] ? " (" : "",
		str(e, "name")[0] ? str(e, "address") : "", str(e, "name")[0] ? ")" : "", str(e, "state"),
		str(e, "why")[0] ? ": " : "", str(e, "why"));
	if (str(e, "guid")[0])
		fprintf(to, "behind a proxy: %s\n", str(e, "guid"));
	if (json_array_size(tags) > 0)
		fprintf(to, "tags:");
	for (size_t i = 0; i < json_array_size(tags); i++)
		fprintf(to, " %s%s", json_string_value(json_array_get(tags, i)),
			i + 1 == json_array_size(tags) ? "\n" : "");
	if (strcmp(str(e, "clock"), "auto") != 0)
		fprintf(to, "clock is set to %s\n", str(e, "clock"));
	if (num(e, "sampling_override"))
		fprintf(to, "sampling is set to 1 in %s\n", table_grouped(num(e, "sampling_override"), n));
	for (size_t i = 0; i < json_array_size(list); i++)
		print_source(to, json_array_get(list, i));
	print_interfaces(to, json_object_get(e, "interfaces"));
	list = json_object_get(e, "vrfs");
	for (size_t i = 0; i < json_array_size(list); i++)
		fprintf(to, "VRF %" PRIu64 ": %s\n", num(json_array_get(list, i), "id"),
			str(json_array_get(list, i), "name"));
}

int
ctl_exporters(const struct conf *c, json_t *request, bool json, FILE *to, struct err *err)
{
	char endpoint[400];
	struct rpc_client *client;
	json_t *body = NULL;
	bool list = strcmp(str(request, "op"), "exporters.list") == 0;
	bool forget = strcmp(str(request, "op"), "exporters.forget") == 0;
	snprintf(endpoint, sizeof endpoint, "ipc://%s/ingest.ctl", conf_str(c, CONF_rundir));
	int rc = rpc_client_open(&client, endpoint, NULL, err);
	if (rc != 0) {
		json_decref(request);
		return rc;
	}
	rc = rpc_ask(client, request, &body, span_seconds(ANSWER_S), err);
	rpc_client_close(client);
	if (rc == FT_ETIME)
		return err_set(err, rc,
			"ft-ingest does not answer at %s/ingest.ctl, and only it knows the exporters: see "
			"ft-ctl status",
			conf_str(c, CONF_rundir));
	if (rc != 0)
		return rc;
	const json_t *what = json_object_get(body, list ? "exporters" : "exporter");
	if (forget) {
		if (!json)
			fprintf(to, "forgotten; if it sends again it is a new one\n");
	} else if (json) {
		json_dumpf(what, to, JSON_INDENT(1));
		fputc('\n', to);
	} else if (list)
		print_list(to, what);
	else
		print_one(to, what);
	json_decref(body);
	return 0;
}
