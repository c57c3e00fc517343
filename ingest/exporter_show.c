/*
 * exporter_show.c - exporters as JSON: identity, settings, figures summed over their sources, each source, and for one
 * exporter its interfaces and VRFs (docs/protocol: exporters.list, exporters.get).
 *
 * Reads the threads' tables as anybody may (contract/exporters.h): figures for people.
 */
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/names.h"
#include "ingest/control.h"
#include "ingest/options.h"

enum { WHY = 200 };

/* ---- words --------------------------------------------------------------------------------------- */

/* the worst state of its sources speaks for an exporter */
static const char *const worst_first[] = {
	"undecodable", "no template yet", "clock wrong", "sequence gaps", "ok", "silent"};
enum { STATES = sizeof worst_first / sizeof worst_first[0] };

static unsigned
rank(const char *state)
{
	unsigned i = 0;
	while (i < STATES && strcmp(worst_first[i], state) != 0)
		i++;
	return i;
}

static const char *
protocol(unsigned version)
{
	const char *word = names_help(NAMES_VERSION, version);
	return word ? word : "?";
}

static const char *
told_by(const struct ft_source *s)
{
	static const char *const word[] = {"unknown", "header", "option", "record"};
	return word[(s->flags & FT_SOURCE_SAMPLING) >> FT_SOURCE_SAMPLING_SHIFT];
}

/* ---- a source ------------------------------------------------------------------------------------ */

struct figure {
	const char *name;
	uint64_t value;
};
enum { FIGURES = 14 };

/* what can be summed */
static void
figures(const struct ft_source *s, struct figure out[FIGURES])
{
	bool proxy = (s->flags & FT_SOURCE_PROXY) != 0; /* then those two mean something else */
	const struct figure row[FIGURES] = {{"datagrams", s->datagrams}, {"flows", s->flows},
		{"flows_disabled", s->flows_disabled}, {"options", s->options}, {"templates", s->templates},
		{"sets_waiting", s->sets_waiting}, {"sets_dropped", s->sets_dropped},
		{"undecodable", s->undecodable_sets}, {"sequence_gaps", s->sequence_gaps},
		{"duplicates", s->duplicates}, {"kernel_drops", s->kernel_drops},
		{"full_wait_us", s->full_wait_us}, {"samples_missing", proxy ? 0 : s->samples_missing},
		{"sampler_drops", proxy ? 0 : s->sampler_drops}};
	memcpy(out, row, sizeof row);
}

static json_t *
optional(int64_t v, bool known)
{
	return known ? json_integer(v) : json_null();
}

/* the address of the proxy that its flows came by last */
static json_t *
proxy_json(const struct ingest *g, const struct ft_source *s)
{
	const struct ft_exporter *e =
		s->flags & FT_SOURCE_BEHIND ? exporters_get(&g->exporters, s->proxy) : NULL;
	char address[ADDR_TEXT];
	if (e == NULL)
		return json_null();
	addr_text(e->address, address);
	return json_string(address);
}

static json_t *
source_json(const struct ingest *g, const struct ft_source *s, const struct hourly *h, wall_t now)
{
	char why[WHY];
	struct figure row[FIGURES];
	const json_t *set = exporter_set_of(&g->exporters, s->exporter);
	const char *state = source_state(s, now, why, sizeof why);
	int64_t hour = h ? hourly_rate(h, s, now.us) : -1;
	json_t *over = json_object_get(set, "sampling");
	json_t *o = json_pack("{s:i, s:I, s:s, s:i, s:s, s:s, s:I, s:I}", "version", (int)s->version,
		"domain", (json_int_t)s->domain, "protocol", protocol(s->version), "port", (int)s->port,
		"state", state, "why", why, "last_us", (json_int_t)s->last_us, "skew_us",
		(json_int_t)s->skew_us);
	figures(s, row);
	for (unsigned i = 0; i < FIGURES; i++)
		json_object_set_new(o, row[i].name, json_integer((json_int_t)row[i].value));
	json_object_set_new(o, "flows_per_hour", optional(hour, hour >= 0));
	json_object_set_new(o, "correction_us", json_integer(s->correction_us));
	json_object_set_new(o, "sampling_exported", optional(s->sampling_seen, s->sampling_seen != 0));
	if (over)
		json_object_set(o, "sampling", over);
	else
		json_object_set_new(o, "sampling", optional(s->sampling_seen, s->sampling_seen != 0));
	json_object_set_new(o, "sampling_source", json_string(over ? "override" : told_by(s)));
	json_object_set_new(o, "proxy", proxy_json(g, s));
	return o;
}

json_t *
ingest_sources_json(const struct ingest *g)
{
	json_t *list = json_array();
	wall_t now = wall_now();
	for (unsigned i = 0; i < g->n; i++) {
		const struct ingest_thread *t = &g->thread[i];
		uint64_t n = stage_record(&t->stage)->id[ID_SOURCES];
		for (uint64_t k = 0; k < n && k < t->h->sources; k++) {
			struct ft_source s = t->sources[k];
			const struct ft_exporter *e = exporters_get(&g->exporters, s.exporter);
			char address[ADDR_TEXT] = "?";
			if (e)
				addr_text(e->address, address);
			json_t *o = source_json(g, &s, g->hourly[i] ? &g->hourly[i][k] : NULL, now);
			json_object_set_new(o, "id", json_integer(s.exporter));
			json_object_set_new(o, "address", json_string(address));
			json_object_set_new(o, "name", json_string(e ? e->name : ""));
			if (e && e->disabled) {
				json_object_set_new(o, "state", json_string("disabled"));
				json_object_set_new(o, "why", json_string("an administrator disabled it"));
			}
			json_array_append_new(list, o);
		}
	}
	return list;
}

/* ---- an exporter --------------------------------------------------------------------------------- */

static json_t *
or_default(const json_t *set, const char *name, json_t *otherwise)
{
	json_t *v = json_object_get(set, name);
	if (v == NULL)
		return otherwise;
	json_decref(otherwise);
	return json_incref(v);
}

static json_t *
overrides(const json_t *set)
{
	json_t *list = json_array(), *o;
	const char *index;
	json_object_foreach (json_object_get(set, "interfaces"), index, o)
		if (json_object_get(o, "sampling"))
			json_array_append_new(
				list, json_pack("{s:I, s:O}", "index", (json_int_t)strtoul(index, NULL, 10),
					      "sampling", json_object_get(o, "sampling")));
	return list;
}

static json_t *
begin(const struct ingest *g, uint32_t id)
{
	const struct ft_exporter *e = exporters_get(&g->exporters, id);
	const json_t *set = exporter_set_of(&g->exporters, id);
	char address[ADDR_TEXT];
	CHECK(e != NULL); /* the caller's id is of one that exists */
	addr_text(e->address, address);
	json_t *o = json_pack("{s:I, s:s, s:o, s:s, s:b, s:o, s:o, s:o, s:o, s:I, s:[]}", "id",
		(json_int_t)id, "address", address, "guid", exporter_guid_json(e->guid), "name", e->name,
		"enabled", !e->disabled, "tags", or_default(set, "tags", json_array()), "clock",
		or_default(set, "clock", json_string("auto")), "sampling_override",
		or_default(set, "sampling", json_null()), "sampling_interfaces", overrides(set),
		"first_seen_us", (json_int_t)e->first_seen_us, "sources");
	return o;
}

static void
sum(json_t *into, const json_t *source)
{
	static const struct ft_source none;
	struct figure row[FIGURES];
	figures(&none, row);
	for (unsigned i = 0; i < FIGURES; i++)
		json_object_set_new(into, row[i].name,
			json_integer(json_integer_value(json_object_get(into, row[i].name)) +
				     json_integer_value(json_object_get(source, row[i].name))));
}

/* state and figures of an exporter from those of its sources */
static void
finish(json_t *o)
{
	const json_t *list = json_object_get(o, "sources"), *s;
	unsigned worst = STATES;
	const char *state = "silent", *why = "it has sent nothing yet", *who = NULL;
	int64_t last = 0, hour = -1;
	uint64_t domain = 0;
	char text[WHY + 80];
	size_t i;
	json_array_foreach (list, i, s) {
		const char *is = json_string_value(json_object_get(s, "state"));
		const json_t *rate = json_object_get(s, "flows_per_hour");
		int64_t heard = json_integer_value(json_object_get(s, "last_us"));
		sum(o, s);
		last = heard > last ? heard : last;
		if (json_is_integer(rate))
			hour = (hour < 0 ? 0 : hour) + json_integer_value(rate);
		if (rank(is) >= worst)
			continue;
		worst = rank(is);
		state = is;
		why = json_string_value(json_object_get(s, "why"));
		who = json_string_value(json_object_get(s, "protocol"));
		domain = (uint64_t)json_integer_value(json_object_get(s, "domain"));
	}
	if (i == 0)
		sum(o, NULL);
	if (json_is_false(json_object_get(o, "enabled"))) {
		state = "disabled";
		snprintf(text, sizeof text,
			"an administrator disabled it: %llu flows were counted and not stored",
			(unsigned long long)json_integer_value(json_object_get(o, "flows_disabled")));
	} else if (i > 1 && *why)
		snprintf(text, sizeof text, "%s domain %llu: %s", who, (unsigned long long)domain, why);
	else
		snprintf(text, sizeof text, "%s", why);
	json_object_set_new(o, "state", json_string(state));
	json_object_set_new(o, "why", json_string(text));
	json_object_set_new(o, "last_us", optional(last, last > 0));
	json_object_set_new(o, "flows_per_hour", optional(hour, hour >= 0));
}

/* objects by id - 1, of those that have sent or have settings; only: that one, 0: all */
static void
collect(const struct ingest *g, uint32_t only, json_t **by_id, uint32_t count)
{
	wall_t now = wall_now();
	for (uint32_t id = 1; id <= count; id++)
		if (only ? id == only : exporter_set_of(&g->exporters, id) != NULL)
			by_id[id - 1] = begin(g, id);
	for (unsigned i = 0; i < g->n; i++) {
		const struct ingest_thread *t = &g->thread[i];
		uint64_t n = stage_record(&t->stage)->id[ID_SOURCES];
		for (uint64_t k = 0; k < n && k < t->h->sources; k++) {
			struct ft_source s = t->sources[k];
			uint32_t id = s.exporter;
			if (id == 0 || id > count || (only && id != only))
				continue;
			if (by_id[id - 1] == NULL)
				by_id[id - 1] = begin(g, id);
			json_array_append_new(json_object_get(by_id[id - 1], "sources"),
				source_json(g, &s, g->hourly[i] ? &g->hourly[i][k] : NULL, now));
		}
	}
}

json_t *
ingest_exporters_json(const struct ingest *g)
{
	uint32_t count = atomic_load(&g->exporters.t->count);
	json_t **by_id = calloc(count + 1, sizeof *by_id), *list = json_array();
	if (by_id == NULL)
		return list;
	collect(g, 0, by_id, count);
	for (uint32_t i = 0; i < count; i++)
		if (by_id[i]) {
			finish(by_id[i]);
			json_array_append_new(list, by_id[i]);
		}
	free(by_id);
	return list;
}

/* ---- interfaces ---------------------------------------------------------------------------------- */

static json_t *
interface(json_t *all, uint32_t index)
{
	char key[16];
	snprintf(key, sizeof key, "%010u", index); /* so that keys sort as numbers do */
	json_t *o = json_object_get(all, key);
	if (o == NULL) {
		o = json_pack("{s:I, s:n, s:n, s:n}", "index", (json_int_t)index, "name", "description",
			"sampling_override");
		json_object_set_new(all, key, o);
	}
	return o;
}

/* what the table of interfaces knows now: of several versions the last */
static void
note_known(const struct ingest *g, uint32_t id, json_t *all)
{
	const struct ft_exporter *e = exporters_get(&g->exporters, id);
	json_t *list = e ? interfaces_json((struct interface_table *)(uintptr_t)&g->interfaces,
				   FT_KIND_INTERFACE, e->address, e->guid)
			 : NULL;
	json_t *known;
	size_t i;
	json_array_foreach (list, i, known) {
		static const char *const text[] = {"name", "description"};
		json_t *o = interface(all, (uint32_t)json_integer_value(json_object_get(known, "index")));
		for (unsigned k = 0; k < 2; k++) {
			json_t *v = json_object_get(known, text[k]);
			json_object_set_new(o, text[k], json_string_length(v) ? json_incref(v) : json_null());
		}
		json_object_set(o, "speed", json_object_get(known, "speed"));
		json_object_set(o, "role", json_object_get(known, "role"));
	}
	json_decref(list);
}

static int
by_key(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *
interfaces_of(const struct ingest *g, uint32_t id)
{
	json_t *all = json_object(), *list = json_array(), *o;
	const char *index;
	note_known(g, id, all);
	json_object_foreach (json_object_get(exporter_set_of(&g->exporters, id), "interfaces"), index, o)
		if (json_object_get(o, "sampling"))
			json_object_set(interface(all, (uint32_t)strtoul(index, NULL, 10)),
				"sampling_override", json_object_get(o, "sampling"));
	const char **keys = calloc(json_object_size(all) + 1, sizeof *keys);
	size_t n = 0;
	json_object_foreach (all, index, o)
		if (keys)
			keys[n++] = index;
	if (keys)
		qsort(keys, n, sizeof *keys, by_key);
	for (size_t i = 0; i < n; i++)
		json_array_append(list, json_object_get(all, keys[i]));
	free(keys);
	json_decref(all);
	return list;
}

/* names of its VRFs by id; of one that was renamed the last */
static json_t *
vrfs_of(const struct ingest *g, uint32_t id)
{
	const struct ft_exporter *e = exporters_get(&g->exporters, id);
	json_t *list = json_array(), *last = NULL, *v;
	json_t *known = e ? interfaces_json((struct interface_table *)(uintptr_t)&g->interfaces, FT_KIND_VRF,
				    e->address, e->guid)
			  : NULL;
	size_t i;
	json_array_foreach (known, i, v) {
		if (last == NULL || !json_equal(json_object_get(last, "id"), json_object_get(v, "index"))) {
			last = json_pack("{s:O}", "id", json_object_get(v, "index"));
			json_array_append_new(list, last);
		}
		json_object_set(last, "name", json_object_get(v, "name"));
	}
	json_decref(known);
	return list;
}

json_t *
ingest_exporter_json(const struct ingest *g, uint32_t id)
{
	uint32_t count = atomic_load(&g->exporters.t->count);
	json_t **by_id = calloc(count + 1, sizeof *by_id);
	if (by_id == NULL)
		return NULL;
	collect(g, id, by_id, count);
	json_t *o = by_id[id - 1];
	free(by_id);
	finish(o);
	json_object_set_new(o, "interfaces", interfaces_of(g, id));
	json_object_set_new(o, "vrfs", vrfs_of(g, id));
	return o;
}
