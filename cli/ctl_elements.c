/*
 * ctl_elements.c - `ft-ctl elements NAME`: which information elements an exporter sends, what becomes of them, with
 * sample values and how often.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/ctl.h"
#include "cli/table.h"
#include "common/rpc.h"

enum { ASK_S = 5 };

static const char *
str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

/* a list of JSON values as words with commas between; strings bare */
static void
join(const json_t *list, char *out, size_t room)
{
	size_t i, at = 0;
	json_t *v;
	out[0] = 0;
	json_array_foreach (list, i, v) {
		char *text =
			json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
		int n = snprintf(out + at, room - at, "%s%s", i ? ", " : "",
			json_is_string(v) ? json_string_value(v)
			: text            ? text
					  : "");
		free(text);
		if (n < 0 || (size_t)n >= room - at)
			break;
		at += (size_t)n;
	}
}

static void
print(FILE *to, const json_t *body)
{
	size_t i;
	json_t *e;
	char text[512], number[TABLE_NUMBER];
	double all = (double)json_integer_value(json_object_get(body, "records"));
	const char *name = str(body, "name");
	struct table *t = table_new();
	fprintf(to, "%s%s%s%s: %s flow records since ft-ingest started\n", str(body, "address"),
		*name ? " (" : "", name, *name ? ")" : "", table_grouped((uint64_t)all, number));
	table_column(t, "Element", false);
	table_column(t, "Number", false);
	table_column(t, "Type", false);
	table_column(t, "Bytes", true);
	table_column(t, "Becomes", false);
	table_column(t, "Records", true);
	table_column(t, "Share", true);
	table_column(t, "Samples", false);
	json_array_foreach (json_object_get(body, "elements"), i, e) {
		uint64_t records = (uint64_t)json_integer_value(json_object_get(e, "records"));
		bool option = strcmp(str(e, "fate"), "option") == 0;
		table_cell(t, str(e, "name"));
		table_cell(t, str(e, "element"));
		table_cell(t, str(e, "type"));
		join(json_object_get(e, "lengths"), text, sizeof text);
		table_cell(t, text);
		table_cell(t, str(e, "fate"));
		table_cell(t, table_grouped(records, number));
		if (option || all <= 0)
			table_cell(t, "");
		else
			table_cellf(t, "%.1f %%", 100 * (double)records / all);
		join(json_object_get(e, "samples"), text, sizeof text);
		table_cell(t, text);
	}
	if (json_array_size(json_object_get(body, "elements")) == 0)
		fprintf(to, "no records of a template since then (NetFlow v1, v5, v7 and sFlow have none: "
			    "their fields are "
			    "fixed)\n");
	else
		table_print(t, to);
	table_free(t);
}

int
ctl_elements(const struct conf *c, const char *exporter, bool json, FILE *to, struct err *err)
{
	char endpoint[400];
	struct rpc_client *client;
	json_t *body = NULL;
	snprintf(endpoint, sizeof endpoint, "ipc://%s/ingest.ctl", conf_str(c, CONF_rundir));
	int rc = rpc_client_open(&client, endpoint, NULL, err);
	if (rc != 0)
		return rc;
	rc = rpc_ask(client, json_pack("{s:s, s:s}", "op", "exporters.elements", "exporter", exporter), &body,
		span_seconds(ASK_S), err);
	rpc_client_close(client);
	if (rc == 0 && json) {
		json_dumpf(body, to, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
		fputc('\n', to);
	} else if (rc == 0)
		print(to, body);
	json_decref(body);
	return rc;
}
