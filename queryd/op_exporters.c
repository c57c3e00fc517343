/*
 * op_exporters.c - operations on exporters.  ft-ingest owns them: each is forwarded to its control socket and the answer
 * handed on, cut down to what the user may know.
 *
 * Who sees what: administrators, and users without a user filter, may see all traffic, so they see every exporter with
 * its figures.  A user with a filter sees of an exporter that it exists (identity, and which protocols it speaks), and
 * not even that where the filter lets nothing of it through (visible.h).  Changes are for administrators, and in the
 * audit log before they are made.
 */
#include <stdio.h>
#include <string.h>

#include "common/addr.h"
#include "common/guid.h"
#include "queryd/daemons.h"
#include "queryd/op_exporters.h"
#include "queryd/operations.h"
#include "queryd/visible.h"

enum { ANSWER_S = 10, KNOWN_S = 3 };

/* The request as it is, but for who asks.  NULL: answered with why not. */
static json_t *
ask_ingest(struct request *r)
{
	return daemons_forward(r, "ingest", ANSWER_S, r->op->right == OP_ADMIN ? "exporter" : NULL);
}

/* ---- what a user with a filter may know ---------------------------------------------------------- */

static json_t *
chosen(const json_t *from, const char *const *name, unsigned n)
{
	json_t *o = json_object();
	for (unsigned i = 0; i < n; i++)
		if (json_object_get(from, name[i]))
			json_object_set(o, name[i], json_object_get(from, name[i]));
	return o;
}

/* NULL: not even that it exists */
static json_t *
public_exporter(const struct filter_node *filter, const json_t *exporter)
{
	static const char *const who[] = {"id", "address", "guid", "name", "tags"};
	static const char *const what[] = {"version", "protocol", "domain"};
	struct visible_source v = {.version = 0};
	const char *address = json_string_value(json_object_get(exporter, "address"));
	json_t *sources = json_array(), *s;
	size_t i;
	const char *guid = json_string_value(json_object_get(exporter, "guid"));
	if (guid && guid_parse(guid, v.guid) != 0) {
		json_decref(sources);
		return NULL;
	}
	if (address && addr_parse(address, v.address) == 0)
		json_array_foreach (json_object_get(exporter, "sources"), i, s) {
			v.version = (uint32_t)json_integer_value(json_object_get(s, "version"));
			v.domain = (uint32_t)json_integer_value(json_object_get(s, "domain"));
			if (visible(filter, &v))
				json_array_append_new(sources, chosen(s, what, 3));
		}
	if (json_array_size(sources) == 0) {
		json_decref(sources);
		return NULL;
	}
	json_t *o = chosen(exporter, who, 5);
	json_object_set_new(o, "sources", sources);
	return o;
}

/* the user's filter, parsed; false: answered */
static bool
own_filter(struct request *r, struct arena *a, struct filter_node **out)
{
	struct err err = {0};
	*out = NULL;
	if (filter_parse(a, r->who.filter, out, &err) == 0)
		return true;
	request_error(
		r, "refused", NULL, "your user filter can't be read, so nothing is shown: %s", err.text);
	return false;
}

/* ---- operations ---------------------------------------------------------------------------------- */

/* those of a list that a user with a filter may know of, new */
static json_t *
public_list(const struct filter_node *filter, const json_t *list)
{
	json_t *out = json_array(), *x;
	size_t i;
	json_array_foreach (list, i, x) {
		json_t *o = public_exporter(filter, x);
		if (o)
			json_array_append_new(out, o);
	}
	return out;
}

json_t *
op_exporters_known(struct request *r)
{
	struct arena a;
	struct filter_node *filter = NULL;
	json_t *answer =
		daemons_try(r->server, "ingest", json_pack("{s:s}", "op", "exporters.list"), KNOWN_S);
	json_t *list = json_object_get(answer, "exporters"), *out = NULL;
	arena_init(&a, 0);
	if (list && r->who.filter == NULL)
		out = json_incref(list);
	else if (list && filter_parse(&a, r->who.filter, &filter, NULL) == 0)
		out = public_list(filter, list);
	arena_free(&a);
	json_decref(answer);
	return out;
}

void
op_exporters_list(struct request *r)
{
	struct arena a;
	struct filter_node *filter;
	json_t *answer = ask_ingest(r);
	if (answer == NULL)
		return;
	json_t *list = json_object_get(answer, "exporters");
	arena_init(&a, 0);
	if (r->who.filter == NULL)
		request_reply(r, json_pack("{s:O}", "exporters", list));
	else if (own_filter(r, &a, &filter))
		request_reply(r, json_pack("{s:o}", "exporters", public_list(filter, list)));
	arena_free(&a);
	json_decref(answer);
}

void
op_exporters_get(struct request *r)
{
	struct arena a;
	struct filter_node *filter;
	json_t *answer = ask_ingest(r);
	if (answer == NULL)
		return;
	json_t *one = json_object_get(answer, "exporter");
	arena_init(&a, 0);
	if (r->who.filter == NULL)
		request_reply(r, json_pack("{s:O}", "exporter", one));
	else if (own_filter(r, &a, &filter)) {
		json_t *o = public_exporter(filter, one);
		if (o)
			request_reply(r, json_pack("{s:o}", "exporter", o));
		else /* as if it did not exist */
			request_error(r, "not_found", "/exporter",
				"no exporter has the name or address '%.64s'",
				request_string(r, "exporter", ""));
	}
	arena_free(&a);
	json_decref(answer);
}

static bool
audited(struct request *r)
{
	json_t *details = json_copy(r->in);
	static const char *const envelope[] = {"v", "id", "op", "auth"};
	for (unsigned i = 0; i < 4; i++)
		json_object_del(details, envelope[i]);
	return request_audited(r, details);
}

void
op_exporters_set(struct request *r)
{
	json_t *answer = audited(r) ? ask_ingest(r) : NULL;
	if (answer)
		request_reply(r, json_pack("{s:O}", "exporter", json_object_get(answer, "exporter")));
	json_decref(answer);
}

void
op_exporters_forget(struct request *r)
{
	json_t *answer = audited(r) ? ask_ingest(r) : NULL;
	if (answer)
		request_reply(r, NULL);
	json_decref(answer);
}

/* samples are traffic: for administrators, who may see all of it */
void
op_exporters_elements(struct request *r)
{
	json_t *answer = ask_ingest(r);
	if (answer)
		request_reply(
			r, json_pack("{s:O, s:O, s:O, s:O}", "address", json_object_get(answer, "address"),
				   "name", json_object_get(answer, "name"), "records",
				   json_object_get(answer, "records"), "elements",
				   json_object_get(answer, "elements")));
	json_decref(answer);
}
