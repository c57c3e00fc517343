/*
 * ctl_interfaces.c - `ft-ctl interfaces`: the interfaces that ft-ingest knows, and the rules that say which are
 * external and which internal (ingest/interface_control.c).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/ctl.h"
#include "cli/table.h"
#include "common/rpc.h"

enum { USAGE = 2, WORDS = 8 };

static void
usage(FILE *to)
{
	fprintf(to,
		"usage: ft-ctl interfaces [EXPORTER] [-c FILE] [-j]   names, speeds and roles, with the time "
		"from which they are true\n"
		"       ft-ctl interfaces role ROLE EXPORTER INDEX   say of one interface what it is\n"
		"       ft-ctl interfaces role ROLE name PATTERN [at EXPORTER]\n"
		"       ft-ctl interfaces role ROLE description PATTERN [at EXPORTER]\n"
		"       ft-ctl interfaces role ROLE speed 10G | 1G-40G [at EXPORTER]\n"
		"       ft-ctl interfaces rules                      list the rules; the first that fits "
		"decides, by hand before others\n"
		"       ft-ctl interfaces forget RULE                take a rule back, by its number\n"
		"  ROLE is external, internal or none; a PATTERN has * and ?, in quotes; EXPORTER is an "
		"address\n");
}

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

/* "1000000000": a number that JSON shall carry as one; false: it is none */
static bool
integer(const char *word, json_int_t *out)
{
	char *end;
	*out = strtoll(word, &end, 10);
	return *word && *end == 0 && *out >= 0;
}

/* the request of a command line; NULL: it is not understood */
static json_t *
request_of(char **w, int n)
{
	json_int_t number;
	if (n == 0)
		return json_pack("{s:s, s:s}", "op", "interfaces", "do", "list");
	if (n == 1 && strcmp(w[0], "rules") == 0)
		return json_pack("{s:s, s:s}", "op", "interfaces", "do", "rules");
	if (n == 2 && strcmp(w[0], "forget") == 0 && integer(w[1], &number))
		return json_pack("{s:s, s:s, s:I}", "op", "interfaces", "do", "forget", "rule", number);
	if (n == 1 && strcmp(w[0], "role") != 0 && strcmp(w[0], "forget") != 0)
		return json_pack("{s:s, s:s, s:s}", "op", "interfaces", "do", "list", "exporter", w[0]);
	if (n < 4 || strcmp(w[0], "role") != 0 || (n > 4 && (n != 6 || strcmp(w[4], "at") != 0)))
		return NULL;
	json_t *o = json_pack("{s:s, s:s, s:s}", "op", "interfaces", "do", "role", "role", w[1]);
	if (strcmp(w[2], "name") == 0 || strcmp(w[2], "description") == 0 || strcmp(w[2], "speed") == 0)
		json_object_set_new(o, w[2], json_string(w[3]));
	else if (n == 4 && integer(w[3], &number)) {
		json_object_set_new(o, "exporter", json_string(w[2]));
		json_object_set_new(o, "index", json_integer(number));
	} else {
		json_decref(o);
		return NULL;
	}
	if (n == 6)
		json_object_set_new(o, "exporter", json_string(w[5]));
	return o;
}

static void
print_interfaces(FILE *to, const json_t *list)
{
	static const char *const head[] = {
		"exporter", "index", "name", "speed", "role", "true from", "description"};
	struct table *t = table_new();
	size_t i;
	json_t *o;
	char n[TABLE_NUMBER], when[32];
	for (unsigned k = 0; k < sizeof head / sizeof head[0]; k++)
		table_column(t, head[k], k == 1 || k == 3);
	json_array_foreach (list, i, o) {
		time_t s = (time_t)(num(o, "since_us") / 1000000);
		struct tm tm;
		if (s == 0 || localtime_r(&s, &tm) == NULL ||
			strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm) == 0)
			snprintf(when, sizeof when, "always");
		if (str(o, "guid")[0])
			table_cellf(t, "%s@%s", str(o, "exporter"), str(o, "guid"));
		else
			table_cell(t, str(o, "exporter"));
		table_cellf(t, "%" PRIu64, num(o, "index"));
		table_cell(t, str(o, "name"));
		table_cell(t, num(o, "speed") ? table_number(num(o, "speed"), n) : "");
		table_cell(t, strcmp(str(o, "role"), "none") == 0 ? "" : str(o, "role"));
		table_cell(t, when);
		table_cell(t, str(o, "description"));
	}
	if (json_array_size(list) == 0)
		fprintf(to,
			"no exporter has told of an interface yet, and netflow/interfacesfile names none\n");
	else
		table_print(t, to);
	table_free(t);
}

static void
print_rules(FILE *to, const json_t *list)
{
	size_t i;
	json_t *o;
	json_array_foreach (list, i, o) {
		fprintf(to, "%4" PRIu64 "  %-8s ", num(o, "rule"), str(o, "role"));
		if (strcmp(str(o, "by"), "index") == 0)
			fprintf(to, "%s interface %" PRIu64 "\n", str(o, "exporter"), num(o, "index"));
		else
			fprintf(to, "%s %s%s%s\n", str(o, "by"), str(o, "value"),
				json_object_get(o, "exporter") ? " at " : "", str(o, "exporter"));
	}
	if (json_array_size(list) == 0)
		fprintf(to, "there are no rules: `ft-ctl interfaces role` makes one\n");
}

static int
ask(const struct conf *c, json_t *request, bool json, FILE *to)
{
	char endpoint[400];
	struct rpc_client *client = NULL;
	struct err err = {0};
	json_t *body = NULL;
	snprintf(endpoint, sizeof endpoint, "ipc://%s/ingest.ctl", conf_str(c, CONF_rundir));
	int rc = rpc_client_open(&client, endpoint, NULL, &err);
	if (rc == 0)
		rc = rpc_ask(client, request, &body, span_seconds(5), &err);
	else
		json_decref(request);
	if (rc != 0)
		fprintf(stderr, "ft-ctl: %s\n", err.text);
	else if (json) {
		json_dumpf(body, to, JSON_INDENT(1));
		fputc('\n', to);
	} else if (json_object_get(body, "interfaces"))
		print_interfaces(to, json_object_get(body, "interfaces"));
	else if (json_object_get(body, "rules"))
		print_rules(to, json_object_get(body, "rules"));
	else if (json_object_get(body, "rule"))
		fprintf(to, "rule %" PRIu64 "\n", num(body, "rule"));
	json_decref(body);
	if (client)
		rpc_client_close(client);
	return rc ? 1 : 0;
}

int
ctl_interfaces(int argc, char **argv, FILE *to)
{
	const char *file = "/etc/flowtrove/flowtrove.conf";
	char *word[WORDS];
	int n = 0;
	bool json = false, good = true;
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
			file = argv[++i];
		else if (strcmp(argv[i], "-j") == 0)
			json = true;
		else if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
			usage(to);
			return 0;
		} else if (n < WORDS)
			word[n++] = argv[i];
		else
			good = false;
	}
	json_t *request = good ? request_of(word, n) : NULL;
	if (request == NULL) {
		usage(stderr);
		return USAGE;
	}
	struct conf_problems problems;
	struct conf *c = conf_load(file, &problems);
	if (problems.errors)
		fputs(problems.text, stderr);
	conf_problems_free(&problems);
	if (c == NULL) {
		json_decref(request);
		return USAGE;
	}
	int rc = ask(c, request, json, to);
	conf_free(c);
	return rc;
}
