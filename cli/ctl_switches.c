/*
 * ctl_switches.c - `ft-ctl switches`: registers devices with ft-snmp and shows what they answered.
 *
 * Communities and passwords come from the terminal, a file or standard input, never from an argument: argument lists are
 * public.  What may be set, and of what kind it is, is in common/switches.def.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/ctl.h"
#include "cli/options.h"
#include "cli/table.h"
#include "common/addr.h"
#include "common/rpc.h"

enum { LONGEST_S = 330, LINE_MOST = 512 };

enum kind { TEXT, SECRET, NUMBER, YESNO, WORD };
static const struct member {
	const char *name;
	enum kind kind;
	const char *fallback, *words, *help;
} members[] = {
#define SWITCH(name, kind, fallback, min, max, words, help) {#name, kind, fallback, words, help},
#include "common/switches.def"
};
enum { MEMBERS = sizeof members / sizeof members[0] };

struct request {
	const struct conf *conf;
	const char *verb, *address, *secrets; /* secrets: a file, "-", or NULL */
	bool json, asks_secrets;
	json_t *set;
};

static void
usage(FILE *to)
{
	fprintf(to,
		"usage: ft-ctl switches [-c FILE] [-j]              devices spoken to by SNMP, and what they "
		"answered\n"
		"       ft-ctl switches set ADDRESS [NAME=VALUE …] [-s FILE] [-c FILE] [-j]\n"
		"                                                register a device or change it, and ask it "
		"at once\n"
		"       ft-ctl switches refresh ADDRESS          ask it now\n"
		"       ft-ctl switches test ADDRESS             look what registering would find; changes "
		"nothing\n"
		"       ft-ctl switches forget ADDRESS           give back what was claimed in it, and "
		"forget it\n"
		"  -s FILE  community, or auth_password and priv_password, one a line; - is standard input.\n"
		"           Without it they are asked for, when the device is new or its user or version "
		"changes\n"
		"  NAME=VALUE (what is not said stays, or has its default):\n");
	for (unsigned i = 0; i < MEMBERS; i++)
		if (members[i].kind != SECRET)
			fprintf(to, "  %-16s %s%s%s%s%s%s\n", members[i].name, members[i].help,
				members[i].words[0] ? ": " : "", members[i].words,
				members[i].fallback[0] ? " (" : "", members[i].fallback,
				members[i].fallback[0] ? ")" : "");
}

static const char *
text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));
	return s ? s : "";
}

static int
wrong(const char *fmt, const char *what)
{
	fprintf(stderr, "ft-ctl: ");
	/* every caller's format takes one text */
	fprintf(stderr, fmt, what);
	fprintf(stderr, "; see ft-ctl switches -h\n");
	return EXIT_USAGE;
}

/* "sampling=512" */
static int
take_setting(struct request *q, const char *word)
{
	size_t n = strcspn(word, "=");
	char *end;
	for (unsigned i = 0; i < MEMBERS; i++) {
		const struct member *m = &members[i];
		const char *value = word + n + 1;
		if (strlen(m->name) != n || memcmp(m->name, word, n) != 0)
			continue;
		if (m->kind == SECRET)
			return wrong("%s is a secret and no argument, since everybody can read those: use -s "
				     "FILE, or "
				     "leave it out and be asked",
				m->name);
		q->asks_secrets |= strcmp(m->name, "version") == 0 || strcmp(m->name, "user") == 0 ||
				   strcmp(m->name, "auth") == 0 || strcmp(m->name, "priv") == 0;
		if (m->kind == NUMBER) {
			long long v = strtoll(value, &end, 10);
			if (end == value || *end)
				return wrong("%s is a number", m->name);
			json_object_set_new(q->set, m->name, json_integer(v));
		} else if (m->kind == YESNO) {
			if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
				return wrong("%s is yes or no", m->name);
			json_object_set_new(q->set, m->name, json_boolean(*value == 'y'));
		} else if (json_object_set_new(q->set, m->name, json_string(value)) != 0)
			return wrong("%s: the value is no UTF-8", m->name);
		return 0;
	}
	return wrong("there is no setting '%s'", word);
}

/* ---- asking ft-snmp ------------------------------------------------------------------------------ */

static int
ask(const struct request *q, json_t *request, json_t **body, struct err *err)
{
	char endpoint[400];
	struct rpc_client *client;
	snprintf(endpoint, sizeof endpoint, "ipc://%s/snmp.ctl", conf_str(q->conf, CONF_rundir));
	*body = NULL;
	int rc = rpc_client_open(&client, endpoint, NULL, err);
	if (rc != 0) {
		json_decref(request);
		return rc;
	}
	/* a daemon that runs answers "status" at once; one that does not must not be waited for */
	json_t *status = NULL;
	rc = rpc_ask(client, json_pack("{s:s}", "op", "status"), &status, span_seconds(5), err);
	json_decref(status);
	if (rc == 0)
		rc = rpc_ask(client, request, body, span_seconds(LONGEST_S), err);
	else {
		json_decref(request);
		err_set(err, rc, "ft-snmp does not answer at %s: is it running, and may you connect?",
			endpoint + strlen("ipc://"));
	}
	rpc_client_close(client);
	return rc;
}

/* Registered already?  Its members then; a new reference, or NULL. */
static json_t *
find(const struct request *q, struct err *err)
{
	json_t *body, *found = NULL, *one;
	size_t i;
	uint8_t wanted[16], has[16];
	if (addr_parse(q->address, wanted) != 0 ||
		ask(q, json_pack("{s:s}", "op", "switches.list"), &body, err) != 0)
		return NULL;
	json_array_foreach (json_object_get(body, "switches"), i, one) {
		if (addr_parse(text(one, "address"), has) == 0 && memcmp(wanted, has, 16) == 0)
			found = json_incref(one);
	}
	json_decref(body);
	return found;
}

/* ---- secrets --------------------------------------------------------------------------------------- */

static char *
read_line(FILE *f)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n = getline(&line, &room, f);
	if (n < 0) {
		free(line);
		return NULL;
	}
	line[strcspn(line, "\r\n")] = 0;
	return line;
}

static int
take_secret(struct request *q, const char *name, FILE *f)
{
	char prompt[200];
	snprintf(prompt, sizeof prompt, "%s of %s: ", name, q->address);
	char *s = f ? read_line(f) : options_ask_secret(prompt);
	if (s == NULL) {
		fprintf(stderr,
			f ? "ft-ctl: the secrets end before %s: they are read one a line\n"
			  : "ft-ctl: no terminal to ask for %s at: give it with -s FILE, or -s - on standard "
			    "input\n",
			name);
		return EXIT_USAGE;
	}
	int rc = json_object_set_new(q->set, name, json_string(s));
	explicit_bzero(s, strlen(s));
	free(s);
	return rc == 0 ? 0 : wrong("%s is no UTF-8", name);
}

static int
take_secrets(struct request *q, const json_t *was)
{
	static const char *const fallback[] = {"version", "auth", "priv"};
	const char *now[3];
	FILE *f = NULL;
	if (was && !q->asks_secrets && q->secrets == NULL)
		return 0;
	for (unsigned i = 0; i < 3; i++) {
		now[i] = text(q->set, fallback[i]);
		for (unsigned k = 0; now[i][0] == 0 && k < MEMBERS; k++)
			if (strcmp(members[k].name, fallback[i]) == 0)
				now[i] = was ? text(was, fallback[i]) : members[k].fallback;
	}
	if (q->secrets)
		f = strcmp(q->secrets, "-") == 0 ? stdin : fopen(q->secrets, "re");
	if (q->secrets && f == NULL) {
		fprintf(stderr, "ft-ctl: %s can't be read\n", q->secrets);
		return EXIT_USAGE;
	}
	int rc = 0;
	if (strcmp(now[0], "2c") == 0)
		rc = take_secret(q, "community", f);
	else {
		if (strcmp(now[1], "none") != 0)
			rc = take_secret(q, "auth_password", f);
		if (rc == 0 && strcmp(now[1], "none") != 0 && strcmp(now[2], "none") != 0)
			rc = take_secret(q, "priv_password", f);
	}
	if (f && f != stdin)
		fclose(f);
	return rc;
}

/* ---- showing --------------------------------------------------------------------------------------- */

static json_int_t
number(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

static void
ago(json_int_t us, char out[32])
{
	time_t t = (time_t)(us / 1000000);
	struct tm tm;
	if (us == 0 || localtime_r(&t, &tm) == NULL || strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(out, 32, "never");
}

static void
show_mib(const char *which, const json_t *m)
{
	printf("  sFlow MIB %s  %s", which, text(m, "state"));
	if (number(m, "samplers"))
		printf(": %lld of %lld interfaces sampled", (long long)number(m, "samplers"),
			(long long)number(m, "interfaces"));
	if (number(m, "rate_least") && number(m, "rate_least") == number(m, "rate_most"))
		printf(", 1 in %lld", (long long)number(m, "rate_least"));
	else if (number(m, "rate_least"))
		printf(", 1 in %lld to %lld", (long long)number(m, "rate_least"),
			(long long)number(m, "rate_most"));
	if (number(m, "pollers"))
		printf(", counters of %lld", (long long)number(m, "pollers"));
	if (text(m, "version")[0])
		printf("  (%s)", text(m, "version"));
	putchar('\n');
}

static void
show_result(const json_t *r)
{
	const char *which;
	json_t *m;
	printf("%s%s%s\n", text(r, "state"), text(r, "said")[0] ? ": " : "", text(r, "said"));
	json_object_foreach (json_object_get(r, "mibs"), which, m) {
		if (strcmp(text(m, "state"), "no such MIB") != 0)
			show_mib(which, m);
	}
	if (text(r, "interfaces_said")[0])
		printf("  interfaces     %s\n", text(r, "interfaces_said"));
}

static void
show_all(const json_t *list)
{
	struct table *t = table_new();
	static const char *const heads[] = {
		"switch", "SNMP", "sends to", "1 in", "interfaces", "asked", "state"};
	json_t *s;
	size_t i;
	for (unsigned h = 0; h < sizeof heads / sizeof heads[0]; h++)
		table_column(t, heads[h], h == 3 || h == 4);
	json_array_foreach (list, i, s) {
		char when[32];
		bool sflow = json_is_true(json_object_get(s, "sflow"));
		json_int_t port =
			number(s, "destination_port") ? number(s, "destination_port") : number(s, "to_port");
		ago(number(s, "asked_us"), when);
		table_cell(t, text(s, "address"));
		table_cellf(t, "v%s", text(s, "version"));
		if (sflow)
			table_cellf(t, "%s port %lld", text(s, "sends_to")[0] ? text(s, "sends_to") : "?",
				(long long)port);
		else
			table_cell(t, "-");
		if (sflow)
			table_cellf(t, "%lld", (long long)number(s, "sampling"));
		else
			table_cell(t, "-");
		table_cellf(t, "%lld", (long long)number(s, "interfaces_known"));
		table_cell(t, when);
		table_cell(t, text(s, "state"));
	}
	table_print(t, stdout);
	table_free(t);
	json_array_foreach (list, i, s) {
		if (text(s, "said")[0])
			printf("%s: %s\n", text(s, "address"), text(s, "said"));
	}
}

static int
print(const struct request *q, json_t *body)
{
	json_t *result = json_object_get(body, "result");
	const char *state = text(result, "state");
	static const char *const good[] = {"registered", "partly registered", "free", "answers"};
	int rc = result && strcmp(q->verb, "forget") != 0;
	for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++)
		if (strcmp(state, good[i]) == 0)
			rc = 0;
	if (json_is_null(result))
		rc = 0; /* a disabled one is not asked */
	if (q->json) {
		json_dumpf(body, stdout, JSON_INDENT(1));
		putchar('\n');
	} else if (q->verb[0] == 0)
		show_all(json_object_get(body, "switches"));
	else if (json_is_null(result))
		printf("%s is disabled and was not asked\n", q->address);
	else if (strcmp(q->verb, "forget") == 0 && strcmp(state, "free") != 0)
		printf("forgotten, but what was claimed in it will only run out: %s%s%s\n", state,
			text(result, "said")[0] ? ": " : "", text(result, "said"));
	else if (strcmp(q->verb, "forget") == 0)
		printf("given back and forgotten\n");
	else
		show_result(result);
	return rc;
}

static int
run(struct request *q)
{
	struct err err = {0};
	char op[32];
	json_t *body;
	if (strcmp(q->verb, "set") == 0) {
		json_t *was = find(q, &err);
		int rc = err.code ? EXIT_FAILED : take_secrets(q, was);
		json_decref(was);
		if (err.code)
			fprintf(stderr, "ft-ctl: %s\n", err.text);
		if (rc != 0)
			return rc;
	}
	snprintf(op, sizeof op, "switches.%s", q->verb[0] ? q->verb : "list");
	json_t *request = json_pack("{s:s}", "op", op);
	if (q->address)
		json_object_set_new(request, "address", json_string(q->address));
	if (strcmp(q->verb, "set") == 0)
		json_object_set(request, "set", q->set);
	if (ask(q, request, &body, &err) != 0) {
		fprintf(stderr, "ft-ctl: %s\n", err.text);
		return EXIT_FAILED;
	}
	int rc = print(q, body);
	json_decref(body);
	return rc;
}

static int
parse(struct request *q, int argc, char **argv, const char **file)
{
	static const char *const verbs[] = {"set", "refresh", "test", "forget"};
	int i = 0, rc = 0;
	for (unsigned k = 0; argc > 0 && k < sizeof verbs / sizeof verbs[0]; k++)
		if (strcmp(argv[0], verbs[k]) == 0)
			q->verb = verbs[k];
	if (argc > 0 && strcmp(argv[0], "list") == 0)
		i++;
	if (q->verb[0]) {
		if (argc < 2 || argv[1][0] == '-')
			return wrong("%s needs the address of a device", q->verb);
		q->address = argv[1];
		i = 2;
	}
	for (; rc == 0 && i < argc; i++) {
		bool set = strcmp(q->verb, "set") == 0;
		if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
			*file = argv[++i];
		else if (strcmp(argv[i], "-j") == 0)
			q->json = true;
		else if (strcmp(argv[i], "-s") == 0 && i + 1 < argc && set)
			q->secrets = argv[++i];
		else if (set && strchr(argv[i], '='))
			rc = take_setting(q, argv[i]);
		else
			rc = wrong("'%s' is not understood", argv[i]);
	}
	return rc;
}

int
ctl_switches(int argc, char **argv)
{
	const char *file = "/etc/flowtrove/flowtrove.conf";
	struct request q = {.verb = "", .set = json_object()};
	struct conf_problems problems;
	if (argc > 0 && (strcmp(argv[0], "-h") == 0 || strcmp(argv[0], "--help") == 0)) {
		usage(stdout);
		json_decref(q.set);
		return 0;
	}
	int rc = parse(&q, argc, argv, &file);
	struct conf *c = NULL;
	if (rc == 0) {
		c = conf_load(file, &problems);
		if (problems.errors)
			fputs(problems.text, stderr);
		conf_problems_free(&problems);
		rc = c ? 0 : EXIT_USAGE;
	}
	if (rc == 0) {
		q.conf = c;
		rc = run(&q);
	}
	if (c)
		conf_free(c);
	json_decref(q.set);
	return rc;
}
