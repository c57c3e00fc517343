/* view.c - see view.h. */
#include "cli/view.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/table.h"
#include "common/timeframe.h"

static const char *
word(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));
	return s ? s : "";
}

static uint64_t
amount(const json_t *o, const char *name)
{
	json_int_t v = json_integer_value(json_object_get(o, name));
	return v > 0 ? (uint64_t)v : 0;
}

void
view_key(const json_t *row, const char *between, char *out, size_t room)
{
	const json_t *key = json_object_get(row, "key");
	if (json_is_array(key))
		snprintf(out, room, "%s%s%s", json_string_value(json_array_get(key, 0)), between,
			json_string_value(json_array_get(key, 1)));
	else
		snprintf(out, room, "%s", json_is_string(key) ? json_string_value(key) : "");
}

void
view_title(const json_t *view, char *out, size_t room)
{
	const char *direction = word(view, "direction");
	snprintf(out, room, "%s by %s%s%s", word(view, "entity"), word(view, "count"),
		strcmp(direction, "total") == 0 ? "" : " ", strcmp(direction, "total") == 0 ? "" : direction);
}

/* ---- CSV -------------------------------------------------------------------------------------- */

static const char *const amounts[] = {"bytes_sent", "bytes_received", "packets_sent", "packets_received",
	"sessions_initiated", "sessions_accepted"};
enum { AMOUNTS = sizeof amounts / sizeof amounts[0] };

static void
csv_row(const json_t *row, FILE *to)
{
	char key[600];
	const json_t *series = json_object_get(row, "series"), *v;
	view_key(row, " - ", key, sizeof key);
	table_csv(to, key);
	fputc(',', to);
	table_csv(to, word(row, "label"));
	fprintf(to, ",%llu,%.4f", (unsigned long long)amount(row, "value"),
		json_number_value(json_object_get(row, "percent")));
	for (unsigned i = 0; i < AMOUNTS; i++)
		fprintf(to, ",%llu", (unsigned long long)amount(row, amounts[i]));
	if (series) {
		size_t i;
		fputc(',', to);
		json_array_foreach (series, i, v)
			fprintf(to, "%s%lld", i ? " " : "", (long long)json_integer_value(v));
	}
	fputc('\n', to);
}

void
view_csv(const json_t *view, bool head, FILE *to)
{
	static const char *const totals[] = {"sessions", "bytes", "packets", "flows"};
	const json_t *row, *total = json_object_get(view, "total"), *other = json_object_get(view, "other");
	size_t i;
	if (head) {
		fputs("key,label,value,percent", to);
		for (i = 0; i < AMOUNTS; i++)
			fprintf(to, ",%s", amounts[i]);
		fputs(amount(view, "slots") ? ",series\n" : "\n", to);
	}
	json_array_foreach (json_object_get(view, "rows"), i, row)
		csv_row(row, to);
	if (!head)
		return;
	fprintf(to, "\nsummary,value\nother_count,%llu\nother_value,",
		(unsigned long long)amount(other, "count"));
	if (json_is_integer(json_object_get(other, "value")))
		fprintf(to, "%llu", (unsigned long long)amount(other, "value"));
	fputc('\n', to);
	for (i = 0; i < 4; i++)
		fprintf(to, "total_%s,%llu\n", totals[i], (unsigned long long)amount(total, totals[i]));
	fprintf(to, "from_us,%llu\nto_us,%llu\n", (unsigned long long)amount(view, "from_us"),
		(unsigned long long)amount(view, "to_us"));
}

/* ---- table ------------------------------------------------------------------------------------ */

static const char *
unit(const char *count)
{
	return strcmp(count, "BYTES") == 0 ? "B" : strcmp(count, "BITS") == 0 ? "bit" : "";
}

/* a row's series as blocks of eight heights, the highest of the row full */
static void
spark(const json_t *series, char *out, size_t room)
{
	static const char *const level[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	enum { CELLS = 40 };
	double cell[CELLS] = {0}, most = 0;
	size_t n = json_array_size(series), cells = n < CELLS ? n : CELLS, used = 0;
	for (size_t i = 0; i < n; i++)
		cell[i * cells / n] += json_number_value(json_array_get(series, i));
	for (size_t i = 0; i < cells; i++)
		most = cell[i] > most ? cell[i] : most;
	out[0] = 0;
	for (size_t i = 0; i < cells && used + 4 < room; i++) {
		int l = most > 0 ? (int)(cell[i] / most * 7.999) : 0;
		used += (size_t)snprintf(out + used, room - used, "%s", cell[i] > 0 ? level[l] : " ");
	}
}

static bool
utf8(void)
{
	static int known = -1;
	if (known < 0) {
		setlocale(LC_CTYPE, "");
		known = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	}
	return known;
}

static void
frame_line(const json_t *view, FILE *to)
{
	char from[TIMEFRAME_TEXT], until[TIMEFRAME_TEXT], span[40];
	int64_t a = (int64_t)amount(view, "from_us"), b = (int64_t)amount(view, "to_us");
	timeframe_print(a, NULL, from);
	timeframe_print(b, NULL, until);
	timeframe_print_span(b - a, span);
	from[17] = until[17] = 0; /* whole seconds will do for people */
	fprintf(to, "%s to %s (%s)", from, until, span);
	const char *filter = word(view, "filter");
	if (filter[0])
		fprintf(to, ", %s", filter);
	fputc('\n', to);
}

static void
columns(struct table *t, const json_t *view, bool labels, bool series)
{
	table_column(t, "", true);
	table_column(t, word(view, "entity"), false);
	if (labels)
		table_column(t, "name", false);
	table_column(t, word(view, "count"), true);
	table_column(t, "%", true);
	table_column(t, "sent", true);
	table_column(t, "received", true);
	table_column(t, "pkts sent", true);
	table_column(t, "received", true);
	table_column(t, "initiated", true);
	table_column(t, "accepted", true);
	if (series)
		table_column(t, "over time", false);
}

static void
scaled(struct table *t, uint64_t v, const char *what)
{
	char n[TABLE_NUMBER];
	table_number(v, n);
	table_cellf(t, "%s%s%s", n, what[0] && v < 1000 ? " " : "", what);
}

static void
blank(struct table *t, unsigned n)
{
	while (n-- > 0)
		table_cell(t, "");
}

static bool
any_label(const json_t *rows)
{
	size_t i;
	const json_t *row;
	json_array_foreach (rows, i, row)
		if (word(row, "label")[0])
			return true;
	return false;
}

static void
total_rows(struct table *t, const json_t *view, bool labels, bool series)
{
	const json_t *other = json_object_get(view, "other"), *total = json_object_get(view, "total");
	const char *count = word(view, "count");
	unsigned rest = 6 + series;
	bool unique = strncmp(count, "UNIQUE", 6) == 0;
	uint64_t all = strcmp(count, "PACKETS") == 0    ? amount(total, "packets")
		       : strcmp(count, "SESSIONS") == 0 ? amount(total, "sessions")
		       : strcmp(count, "UPDATES") == 0  ? amount(total, "flows")
		       : strcmp(count, "BITS") == 0     ? amount(total, "bytes") * 8
							: amount(total, "bytes");
	char n[TABLE_NUMBER];
	table_line(t);
	if (amount(other, "count") > 0) {
		table_cell(t, "");
		table_cellf(t, "other (%s)", table_grouped(amount(other, "count"), n));
		blank(t, labels);
		if (unique)
			blank(t, 2);
		else {
			scaled(t, amount(other, "value"), unit(count));
			table_cellf(
				t, "%.1f", all ? 100.0 * (double)amount(other, "value") / (double)all : 0.0);
		}
		blank(t, rest);
	}
	table_cell(t, "");
	table_cell(t, "total");
	blank(t, labels);
	if (unique)
		blank(t, 2);
	else {
		scaled(t, all, unit(count));
		table_cell(t, "");
	}
	blank(t, rest);
}

void
view_totals(const json_t *total, const json_t *answer, FILE *to)
{
	char n[4][TABLE_NUMBER], until[TIMEFRAME_TEXT];
	uint64_t bytes = amount(total, "bytes"), complete = amount(answer, "complete_until_us");
	fprintf(to, "%s sessions, %s%sB, %s packets, %s flows",
		table_grouped(amount(total, "sessions"), n[0]), table_number(bytes, n[1]),
		bytes < 1000 ? " " : "", table_grouped(amount(total, "packets"), n[2]),
		table_grouped(amount(total, "flows"), n[3]));
	if (complete > 0 && complete < amount(answer, "to_us")) {
		timeframe_print((int64_t)complete, NULL, until);
		until[17] = 0; /* whole seconds */
		fprintf(to, "; complete until %s", until);
	}
	fputc('\n', to);
}

/* a pair has no order, a client and the service it uses have */
static const char *
between_parts(const json_t *view)
{
	bool directed = strcmp(word(view, "entity"), "CLIENTSERVICE") == 0;
	if (!utf8())
		return directed ? " -> " : " - ";
	return directed ? " → " : " ↔ ";
}

void
view_table(const struct options *o, const json_t *view, FILE *to)
{
	const json_t *rows = json_object_get(view, "rows"), *row, *total = json_object_get(view, "total");
	const char *count = word(view, "count"), *between = between_parts(view);
	bool labels = any_label(rows), series = amount(view, "slots") > 0 && utf8();
	char title[160];
	size_t i;
	(void)o;
	view_title(view, title, sizeof title);
	fprintf(to, "%s, ", title);
	frame_line(view, to);
	struct table *t = table_new();
	columns(t, view, labels, series);
	json_array_foreach (rows, i, row) {
		char key[600], line[200];
		view_key(row, between, key, sizeof key);
		table_cellf(t, "%zu", (size_t)amount(view, "offset") + i + 1);
		table_cell(t, key);
		if (labels)
			table_cell(t, word(row, "label"));
		scaled(t, amount(row, "value"), unit(count));
		table_cellf(t, "%.1f", json_number_value(json_object_get(row, "percent")));
		for (unsigned k = 0; k < AMOUNTS; k++)
			scaled(t, amount(row, amounts[k]), k < 2 ? "B" : "");
		if (series) {
			spark(json_object_get(row, "series"), line, sizeof line);
			table_cell(t, line);
		}
	}
	total_rows(t, view, labels, series);
	table_print(t, to);
	table_free(t);
	view_totals(total, view, to);
}

void
view_remarks(const struct options *o, const json_t *answer)
{
	const json_t *warning;
	size_t i;
	json_array_foreach (json_object_get(answer, "warnings"), i, warning)
		fprintf(stderr, "%s: warning: %s\n", o->tool, json_string_value(warning));
	if (!o->verbose)
		return;
	char n[TABLE_NUMBER], until[TIMEFRAME_TEXT];
	fprintf(stderr, "%s rows in %llu blocks (%llu left out unread), from %s, %.1f ms",
		table_grouped(amount(answer, "rows_scanned"), n),
		(unsigned long long)amount(answer, "blocks_scanned"),
		(unsigned long long)amount(answer, "blocks_pruned"), word(answer, "source"),
		json_number_value(json_object_get(answer, "elapsed_ms")));
	int64_t complete = (int64_t)amount(answer, "complete_until_us");
	if (complete > 0) {
		timeframe_print(complete, NULL, until);
		fprintf(stderr, ", complete until %s", until);
	}
	fputc('\n', stderr);
}
