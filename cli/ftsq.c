/* ftsq.c - raw sessions: asks the server for them and prints what comes, as CSV, JSON lines or a table. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/table.h"
#include "cli/view.h"
#include "common/names.h"
#include "common/timeframe.h"

/* rows for people are aligned a page at a time, so that the first show at once and memory stays small */
enum { PAGE = 200 };
struct printer {
	const struct options *o;
	struct table *table;
	unsigned rows;
	uint64_t all;
};

static const char *
word(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));
	return s ? s : "";
}

static void
start_page(struct printer *p)
{
	static const char *const left[] = {"start", "duration", "proto", "client", "", "server", "exporter"};
	static const char *const right[] = {"bytes out", "bytes in", "pkts out", "pkts in"};
	p->table = table_new();
	for (unsigned i = 0; i < 7; i++)
		table_column(p->table, left[i], i == 1);
	for (unsigned i = 0; i < 4; i++)
		table_column(p->table, right[i], true);
	table_column(p->table, "end", false);
	p->rows = 0;
}

static void
end_page(struct printer *p)
{
	if (p->table == NULL)
		return;
	table_print(p->table, stdout);
	table_free(p->table);
	p->table = NULL;
}

/* ICMP has no ports: its type and code are shown with the protocol */
static bool
is_icmp(const json_t *s)
{
	return json_is_integer(json_object_get(s, "icmp_type"));
}

static void
endpoint(struct table *t, const json_t *s, const char *ip_name, const char *port_name)
{
	const char *ip = word(s, ip_name);
	const json_t *port = json_object_get(s, port_name);
	if (!json_is_integer(port) || is_icmp(s))
		table_cell(t, ip);
	else
		table_cellf(t, strchr(ip, ':') ? "[%s]:%lld" : "%s:%lld", ip,
			(long long)json_integer_value(port));
}

static void
protocol(struct table *t, const json_t *s)
{
	char number[24];
	json_int_t proto = json_integer_value(json_object_get(s, "proto"));
	const char *name = names_word(NAMES_PROTOCOL, (uint32_t)proto);
	snprintf(number, sizeof number, "%lld", (long long)proto);
	if (is_icmp(s))
		table_cellf(t, "%s %lld/%lld", name ? name : number,
			(long long)json_integer_value(json_object_get(s, "icmp_type")),
			(long long)json_integer_value(json_object_get(s, "icmp_code")));
	else
		table_cell(t, name ? name : number);
}

static void
amount(struct table *t, const json_t *s, const char *name)
{
	char n[TABLE_NUMBER];
	table_cell(t, table_number((uint64_t)json_integer_value(json_object_get(s, name)), n));
}

static void
table_row(struct printer *p, const json_t *s)
{
	char at[TIMEFRAME_TEXT], span[40];
	int64_t first = json_integer_value(json_object_get(s, "first_us"));
	int64_t last = json_integer_value(json_object_get(s, "last_us"));
	if (p->table == NULL)
		start_page(p);
	struct table *t = p->table;
	timeframe_print(first, NULL, at);
	at[21] = 0; /* milliseconds */
	table_cell(t, at);
	if (last - first < 60000000)
		snprintf(span, sizeof span, "%.3fs", (double)(last - first) / 1e6);
	else
		timeframe_print_span(last - first, span);
	table_cell(t, span);
	protocol(t, s);
	endpoint(t, s, "client_ip", "client_port");
	table_cell(t, "->");
	endpoint(t, s, "server_ip", "server_port");
	table_cell(t, word(s, "exporter_ip"));
	amount(t, s, "client_bytes");
	amount(t, s, "server_bytes");
	amount(t, s, "client_packets");
	amount(t, s, "server_packets");
	table_cell(t, word(s, "end_reason"));
	if (++p->rows == PAGE)
		end_page(p);
}

static void
line(struct printer *p, const char *text, size_t n)
{
	json_error_t e;
	json_t *s = json_loadb(text, n, 0, &e);
	p->all++;
	if (s)
		table_row(p, s);
	json_decref(s);
}

/* chunks hold whole lines */
static int
take(void *ctx, const void *bytes, size_t n)
{
	struct printer *p = ctx;
	if (p->o->output != OUT_TABLE)
		return fwrite(bytes, 1, n, stdout) == n ? 0 : -1;
	for (const char *at = bytes, *end = at + n; at < end;) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t len = nl ? (size_t)(nl - at) : (size_t)(end - at);
		if (len > 0)
			line(p, at, len);
		at += len + 1;
	}
	return ferror(stdout) ? -1 : 0;
}

static json_t *
request(const struct options *o)
{
	json_t *r = json_pack("{s:s, s:s}", "op", "sessions", "format",
		o->output == OUT_CSV        ? "csv"
		: o->output == OUT_CSV_HEAD ? "csv_head"
					    : "ndjson");
	if (o->rows > 0)
		json_object_set_new(r, "most", json_integer(o->rows));
	if (o->slices)
		json_object_set_new(r, "slices", json_true());
	if (o->whole)
		json_object_set_new(r, "whole", json_true());
	client_selection(o, r);
	return r;
}

static int
finish(struct printer *p, const json_t *summary)
{
	if (p->o->output == OUT_TABLE) {
		end_page(p);
		uint64_t listed = p->all,
			 all = (uint64_t)json_integer_value(json_object_get(summary, "sessions"));
		if (listed < all && !p->o->slices)
			printf("first %llu of ", (unsigned long long)listed);
		view_totals(summary, summary, stdout);
	}
	view_remarks(p->o, summary);
	if (fflush(stdout) != 0) {
		perror("ftsq: standard output");
		return EXIT_FAILED;
	}
	return EXIT_GOOD;
}

int
main(int argc, char **argv)
{
	struct options o;
	struct client *c;
	json_t *reply = NULL;
	signal(SIGPIPE, SIG_DFL); /* a reader that has seen enough ends us quietly */
	int rc = options_parse(&o, "ftsq", argc, argv);
	if (rc >= 0) {
		options_free(&o);
		return rc;
	}
	rc = client_open(&c, &o);
	if (rc != 0)
		return rc;
	struct printer p = {.o = &o};
	if (o.alerts)
		rc = client_alerts(c, &o);
	else {
		rc = client_ask(c, request(&o), take, &p, &reply);
		if (rc == 0)
			rc = finish(&p, json_object_get(reply, "summary"));
		json_decref(reply);
	}
	client_close(c);
	options_free(&o);
	return rc;
}
