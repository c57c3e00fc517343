/* ftsq.c - raw sessions: asks the server for them and prints what comes, as CSV, JSON lines or a table. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/export.h"
#include "cli/table.h"
#include "cli/view.h"
#include "common/names.h"
#include "common/timeframe.h"

/* What a row for people is made of: fields by name, found in the head of the CSV.  Fields that a server does not have
 * read as empty. */
#define SHOWN(x)                                                                                             \
	x(first_us) x(last_us) x(proto) x(icmp_type) x(icmp_code) x(client_ip) x(client_port) x(server_ip)   \
		x(server_port) x(exporter_ip) x(client_bytes) x(server_bytes) x(client_packets)              \
			x(server_packets) x(end_reason)
enum shown {
#define NAME(name) SHOWN_##name,
	SHOWN(NAME)
#undef NAME
		SHOWN_FIELDS
};
static const char *const shown_name[SHOWN_FIELDS] = {
#define NAME(name) #name,
	SHOWN(NAME)
#undef NAME
};

/* rows for people are aligned a page at a time, so that the first show at once and memory stays small */
enum { PAGE = 200, COLUMNS_MOST = 256, TEXT = 64 };
struct printer {
	const struct options *o;
	struct export *parquet; /* NULL: not wanted */
	struct table *table;
	unsigned rows;
	uint64_t all;
	unsigned columns;              /* of the CSV; 0: its head has not come yet */
	int8_t shown_at[COLUMNS_MOST]; /* by column of the CSV: enum shown, or -1 */
	char text[SHOWN_FIELDS][TEXT]; /* of the current row */
	int64_t second;                /* whose text is `at` */
	char at[TIMEFRAME_TEXT];
};

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

static uint64_t
number(const struct printer *p, enum shown f)
{
	return strtoull(p->text[f], NULL, 10);
}

/* ICMP has no ports: its type and code are shown with the protocol */
static void
endpoint(struct printer *p, enum shown address, enum shown port)
{
	const char *ip = p->text[address];
	if (p->text[port][0] == 0 || p->text[SHOWN_icmp_type][0] != 0)
		table_cell(p->table, ip);
	else
		table_cellf(p->table, strchr(ip, ':') ? "[%s]:%s" : "%s:%s", ip, p->text[port]);
}

static void
protocol(struct printer *p)
{
	const char *name = names_word(NAMES_PROTOCOL, (uint32_t)number(p, SHOWN_proto));
	if (name == NULL)
		name = p->text[SHOWN_proto];
	if (p->text[SHOWN_icmp_type][0])
		table_cellf(p->table, "%s %s/%s", name, p->text[SHOWN_icmp_type], p->text[SHOWN_icmp_code]);
	else
		table_cell(p->table, name);
}

static void
amount(struct printer *p, enum shown f)
{
	char n[TABLE_NUMBER];
	table_cell(p->table, table_number(number(p, f), n));
}

/* many rows begin in the same second, and the time zone is only asked for a new one */
static void
start_time(struct printer *p, int64_t us)
{
	int64_t second = us / 1000000;
	if (us < 0 || p->at[0] == 0 || second != p->second) {
		timeframe_print(us, NULL, p->at);
		p->second = second;
	}
	table_cellf(p->table, "%.17s.%03d", p->at, (int)((us < 0 ? 0 : us) / 1000 % 1000));
}

static void
table_row(struct printer *p)
{
	char span[40];
	int64_t first = strtoll(p->text[SHOWN_first_us], NULL, 10);
	int64_t last = strtoll(p->text[SHOWN_last_us], NULL, 10);
	if (p->table == NULL)
		start_page(p);
	start_time(p, first);
	if (last - first < 60000000)
		snprintf(span, sizeof span, "%.3fs", (double)(last - first) / 1e6);
	else
		timeframe_print_span(last - first, span);
	table_cell(p->table, span);
	protocol(p);
	endpoint(p, SHOWN_client_ip, SHOWN_client_port);
	table_cell(p->table, "->");
	endpoint(p, SHOWN_server_ip, SHOWN_server_port);
	table_cell(p->table, p->text[SHOWN_exporter_ip]);
	amount(p, SHOWN_client_bytes);
	amount(p, SHOWN_server_bytes);
	amount(p, SHOWN_client_packets);
	amount(p, SHOWN_server_packets);
	table_cell(p->table, p->text[SHOWN_end_reason]);
	p->all++;
	if (++p->rows == PAGE)
		end_page(p);
}

/* One field of CSV (RFC 4180 section 2), its end: a comma, a line's end, or `end`.  A quoted one may hold both. */
static const char *
field_end(const char *at, const char *end)
{
	bool quoted = false;
	for (; at < end && (quoted || (*at != ',' && *at != '\n')); at++)
		quoted ^= *at == '"';
	return at;
}

static void
head_field(struct printer *p, unsigned column, const char *name, size_t n)
{
	for (unsigned f = 0; f < SHOWN_FIELDS; f++)
		if (strlen(shown_name[f]) == n && memcmp(shown_name[f], name, n) == 0)
			p->shown_at[column] = (int8_t)f;
}

/* One line, and what follows it.  What is shown are numbers, addresses and words, which are never quoted. */
static const char *
line(struct printer *p, const char *at, const char *end)
{
	unsigned column = 0;
	memset(p->text, 0, sizeof p->text);
	for (bool more = true; more; column++) {
		const char *stop = field_end(at, end);
		size_t n = (size_t)(stop - at);
		int f = column < COLUMNS_MOST ? p->shown_at[column] : -1;
		if (p->columns == 0 && column < COLUMNS_MOST)
			head_field(p, column, at, n);
		else if (f >= 0)
			memcpy(p->text[f], at, n < TEXT ? n : TEXT - 1);
		more = stop < end && *stop == ',';
		at = stop < end ? stop + 1 : end;
	}
	if (p->columns == 0)
		p->columns = column;
	else if (column == p->columns) /* the totals after the rows have no columns */
		table_row(p);
	return at;
}

static int
take(void *ctx, const void *bytes, size_t n)
{
	struct printer *p = ctx; /* chunks hold whole lines */
	if (p->parquet != NULL)
		return export_lines(p->parquet, bytes, n) ? 0 : -1;
	if (p->o->output != OUT_TABLE)
		return fwrite(bytes, 1, n, stdout) == n ? 0 : -1;
	for (const char *at = bytes, *end = at + n; at < end;)
		at = line(p, at, end);
	return ferror(stdout) ? -1 : 0;
}

static json_t *
request(const struct options *o)
{
	json_t *r = json_pack("{s:s, s:s}", "op", "sessions", "format",
		o->output == OUT_CSV    ? "csv"
		: o->output == OUT_JSON ? "ndjson"
					: "csv_head");
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
	if (p->parquet != NULL) {
		bool whole = export_close(p->parquet, true);
		p->parquet = NULL;
		if (!whole)
			return EXIT_FAILED;
	} else if (p->o->output == OUT_TABLE) {
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
	memset(p.shown_at, -1, sizeof p.shown_at);
	if (o.alerts)
		rc = client_alerts(c, &o);
	else if (o.parquet != NULL && (p.parquet = export_open(o.parquet)) == NULL)
		rc = EXIT_FAILED;
	else {
		rc = client_ask(c, request(&o), take, &p, &reply);
		if (rc == 0)
			rc = finish(&p, json_object_get(reply, "summary"));
		json_decref(reply);
	}
	if (p.parquet != NULL) {
		(void)export_close(p.parquet, false);
		rc = rc ? rc : EXIT_FAILED;
	}
	client_close(c);
	options_free(&o);
	return rc;
}
