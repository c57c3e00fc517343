/*
 * Raw sessions against slices added up by hand: joined, as slices, whole, limited, as CSV and NDJSON; and what
 * damage, bounds and cancelling do to a query.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/clock.h"
#include "queryd/engine_internal.h"
#include "queryd/session_row.h"
#include "tests/unit/query_naive.h"

static struct services *services;

struct world {
	struct corpus corpus;
	struct blockgen *block;
	uint32_t blocks;
	struct blockgen_source source;
};

static void
world_open(struct world *w, struct dice *d, uint32_t sessions)
{
	corpus_make(&w->corpus, d, sessions);
	w->block = calloc(w->corpus.n + 1, sizeof *w->block);
	w->blocks = 0;
	for (uint32_t at = 0; at < w->corpus.n;) {
		uint32_t rows = 1 + dice_below(d, 200);
		blockgen_open(&w->block[w->blocks], w->blocks, rows);
		for (uint32_t i = 0; i < rows && at < w->corpus.n; i++)
			blockgen_add(&w->block[w->blocks], &w->corpus.slice[at++]);
		w->blocks++;
	}
	blockgen_source_open(&w->source, w->block, w->blocks, true);
}
static void
world_close(struct world *w)
{
	blockgen_source_close(&w->source);
	for (uint32_t i = 0; i < w->blocks; i++)
		blockgen_close(&w->block[i]);
	free(w->block);
	corpus_free(&w->corpus);
}

struct text {
	char *s;
	size_t n, room;
	unsigned chunks;
	_Atomic bool *cancel;
};
static int
keep(void *ctx, const char *bytes, size_t n)
{
	struct text *t = ctx;
	if (t->n + n + 1 > t->room) {
		t->room = (t->n + n + 1) * 2;
		t->s = realloc(t->s, t->room);
		assert_non_null(t->s);
	}
	memcpy(t->s + t->n, bytes, n);
	t->n += n;
	t->s[t->n] = 0;
	t->chunks++;
	assert_true(bytes[n - 1] == '\n');
	assert_true(n <= 262144);
	return 0;
}

static struct query_spec
everything(const struct world *w, const char *format)
{
	return (struct query_spec){
		.from_us = w->corpus.from, .to_us = w->corpus.to, .exporter_if = -1, .format = format};
}

static json_t *
list(struct world *w, const struct query_spec *spec, struct text *t)
{
	struct query_context c = {.memory = 1u << 28, .threads = 1};
	struct err err = {0};
	json_t *summary = NULL;
	*t = (struct text){0};
	if (run_sessions(&w->source.source, services, &c, spec, keep, t, &summary, &err) != 0)
		fail_msg("%s: %s", spec->filter, err.text);
	return summary;
}

static uint64_t
member(json_t *o, const char *name)
{
	json_t *v = json_object_get(o, name);
	if (strcmp(name, "session_id") == 0 &&
		json_is_string(v)) /* a string: JavaScript's numbers have 53 bits */
		return strtoull(json_string_value(v), NULL, 10);
	if (v == NULL || strcmp(name, "session_id") == 0 || !json_is_integer(v))
		fail_msg("%s is not a number", name);
	return (uint64_t)json_integer_value(v);
}

/* one row against the slices of its session that `in` allows */
static void
check_row(const struct world *w, json_t *row, const bool *in, int64_t to)
{
	uint64_t id = member(row, "session_id"), sums[6] = {0};
	int64_t start = INT64_MAX, end = INT64_MIN, earliest = INT64_MAX;
	const struct blockgen_slice *first = NULL;
	uint32_t flags[2] = {0, 0};
	bool last = false;
	for (uint32_t i = 0; i < w->corpus.n; i++) {
		const struct ft_slice *s = &w->corpus.slice[i].s;
		if (s->session != id || !in[i])
			continue;
		const uint64_t add[6] = {s->client_bytes, s->server_bytes, s->client_packets,
			s->server_packets, s->client_flows, s->server_flows};
		for (int k = 0; k < 6; k++)
			sums[k] += add[k];
		int64_t own = s->state & FT_SLICE_FIRST ? s->first_us : s->start_us;
		start = own < start ? own : start;
		end = s->last_us > end ? s->last_us : end;
		if (s->first_us < earliest) {
			earliest = s->first_us;
			first = &w->corpus.slice[i];
		}
		flags[0] |= s->client_flags;
		flags[1] |= s->server_flags;
		last |= (s->state & FT_SLICE_LAST) != 0;
	}
	static const char *const names[6] = {"client_bytes", "server_bytes", "client_packets",
		"server_packets", "client_flows", "server_flows"};
	assert_non_null(first);
	for (int k = 0; k < 6; k++)
		assert_int_equal(member(row, names[k]), sums[k]);
	assert_int_equal(member(row, "first_us"), start);
	assert_int_equal(member(row, "last_us"), end);
	if (json_is_integer(json_object_get(row, "client_flags"))) {
		assert_int_equal(member(row, "client_flags"), flags[0]);
		assert_int_equal(member(row, "server_flags"), flags[1]);
	}
	char text[128];
	naive_element(first, "IP", 0, text);
	assert_string_equal(json_string_value(json_object_get(row, "client_ip")), text);
	naive_element(first, "IP", 1, text);
	assert_string_equal(json_string_value(json_object_get(row, "server_ip")), text);
	if (naive_element(first, "NETBLOCK", 0, text))
		assert_string_equal(json_string_value(json_object_get(row, "client_netblock")), text);
	if (naive_element(first, "GROUP", 1, text))
		assert_string_equal(json_string_value(json_object_get(row, "server_group")), text);
	if (naive_element(first, "MAC", 1, text))
		assert_string_equal(json_string_value(json_object_get(row, "server_mac")), text);
	assert_int_equal(member(row, "server_port"), first->s.server_port);
	assert_int_equal(json_is_true(json_object_get(row, "complete")), last && end < to);
}

static void
sessions_are_the_sums_of_their_slices_in_the_frame(void **state)
{
	(void)state;
	static char filter_text[8192];
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct dice d = {seed};
		struct world w;
		world_open(&w, &d, 10 + dice_below(&d, 120));
		struct query_spec spec = everything(&w, "ndjson");
		bool whole = dice_below(&d, 4) == 0;
		int64_t all = spec.to_us - spec.from_us;
		if (dice_below(&d, 3)) {
			spec.from_us += (int64_t)(dice_next(&d) % (uint64_t)all);
			spec.to_us = spec.from_us + 1 + (int64_t)(dice_next(&d) % (uint64_t)all);
		}
		struct fnode *f = dice_below(&d, 2) ? fnode_random(&d, 1, !whole) : NULL;
		filter_text[0] = 0;
		if (f)
			fnode_text(f, filter_text, sizeof filter_text);
		spec.filter = filter_text;
		spec.whole = whole;
		bool *seen = malloc(w.corpus.n), *in = malloc(w.corpus.n);
		memset(seen, 1, w.corpus.n);
		naive_select(&w.corpus, f, spec.from_us, spec.to_us, seen, in);
		uint64_t ids = 0, bytes = 0;
		for (uint32_t i = 0; i < w.corpus.n; i++) {
			bool again = !in[i];
			for (uint32_t k = 0; k < i; k++)
				again |= in[k] && w.corpus.slice[k].s.session == w.corpus.slice[i].s.session;
			ids += !again;
		}
		if (whole) { /* all slices of the chosen sessions that the filter selects, wherever they are */
			bool *chosen = malloc(w.corpus.n), *any = malloc(w.corpus.n);
			naive_select(&w.corpus, f, INT64_MIN / 2, INT64_MAX, seen, any);
			for (uint32_t i = 0; i < w.corpus.n; i++) {
				chosen[i] = false;
				for (uint32_t k = 0; k < w.corpus.n; k++)
					chosen[i] |= in[k] && w.corpus.slice[k].s.session ==
								      w.corpus.slice[i].s.session;
			}
			for (uint32_t i = 0; i < w.corpus.n; i++)
				in[i] = chosen[i] && any[i];
			free(chosen);
			free(any);
		}
		for (uint32_t i = 0; i < w.corpus.n; i++)
			if (in[i])
				bytes += w.corpus.slice[i].s.client_bytes + w.corpus.slice[i].s.server_bytes;
		struct text t;
		json_t *summary = list(&w, &spec, &t);
		uint64_t rows = 0;
		for (char *line = t.s, *next; line != NULL && *line; line = next) {
			next = strchr(line, '\n');
			*next++ = 0;
			json_error_t e;
			json_t *row = json_loads(line, 0, &e);
			if (row == NULL)
				fail_msg("seed %llu: not JSON: %s: %s", (unsigned long long)seed, e.text,
					line);
			check_row(&w, row, in, spec.to_us);
			json_decref(row);
			rows++;
		}
		if (rows != ids)
			fail_msg("seed %llu: filter %s: %llu rows, not %llu", (unsigned long long)seed,
				filter_text, (unsigned long long)rows, (unsigned long long)ids);
		assert_int_equal(member(summary, "sessions"), ids);
		assert_int_equal(member(summary, "bytes"), bytes);
		json_decref(summary);
		free(t.s);
		free(seen);
		free(in);
		fnode_free(f);
		world_close(&w);
	}
}

static void
slices_are_listed_as_they_are_stored(void **state)
{
	(void)state;
	struct dice d = {77};
	struct world w;
	struct text t;
	world_open(&w, &d, 80);
	struct query_spec spec = everything(&w, "ndjson");
	spec.slices = true;
	json_t *summary = list(&w, &spec, &t);
	uint32_t i = 0;
	for (char *line = t.s, *next; *line; line = next, i++) {
		next = strchr(line, '\n');
		*next++ = 0;
		json_t *row = json_loads(line, 0, NULL);
		const struct ft_slice *s = &w.corpus.slice[i].s;
		assert_non_null(row);
		assert_int_equal(member(row, "session_id"), s->session);
		assert_int_equal(member(row, "first_us"), s->first_us);
		assert_int_equal(member(row, "last_us"), s->last_us);
		assert_int_equal(member(row, "client_bytes"), s->client_bytes);
		bool first = s->state & FT_SLICE_FIRST;
		assert_int_equal(json_is_null(json_object_get(row, "start_us")), first);
		json_decref(row);
	}
	assert_int_equal(i, w.corpus.n);
	assert_int_equal(member(summary, "rows"), w.corpus.n);
	json_decref(summary);
	free(t.s);
	world_close(&w);
}

static void
csv_has_the_fields_of_the_table_in_its_order(void **state)
{
	(void)state;
	struct dice d = {78};
	struct world w;
	struct text t;
	world_open(&w, &d, 40);
	struct query_spec spec = everything(&w, "csv_head");
	spec.most = 7;
	json_t *summary = list(&w, &spec, &t);
	assert_int_equal(member(summary, "rows"), 7);
	assert_true(member(summary, "sessions") > 7);
	char *line = strtok(t.s, "\n");
	char head[4096] = "";
	for (int f = 0; f < SESSION_FIELDS; f++)
		snprintf(head + strlen(head), sizeof head - strlen(head), "%s%s", f ? "," : "",
			session_field_name[f]);
	assert_string_equal(line, head);
	for (int i = 0; i < 7; i++) {
		line = strtok(NULL, "\n");
		unsigned commas = 0;
		for (char *s = line; *s; s++)
			commas += *s == ',';
		assert_int_equal(commas, SESSION_FIELDS - 1);
	}
	assert_non_null(strstr(strtok(NULL, "\n"), "Total sessions: "));
	json_decref(summary);
	free(t.s);
	spec.format = "csv";
	summary = list(&w, &spec, &t);
	assert_null(strstr(t.s, "session_id"));
	json_decref(summary);
	free(t.s);
	world_close(&w);
}

static void
a_limited_list_is_the_first_sessions_by_start(void **state)
{
	(void)state;
	struct dice d = {82};
	struct world w;
	struct text t, few;
	world_open(&w, &d, 120);
	struct query_spec spec = everything(&w, "ndjson");
	json_decref(list(&w, &spec, &t));
	struct one {
		uint64_t start, id;
	} all[400], swap;
	uint32_t n = 0;
	for (char *line = t.s, *next; *line; line = next) {
		next = strchr(line, '\n');
		*next++ = 0;
		json_t *row = json_loads(line, 0, NULL);
		all[n++] = (struct one){member(row, "first_us"), member(row, "session_id")};
		json_decref(row);
	}
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = i + 1; k < n; k++)
			if (all[k].start < all[i].start ||
				(all[k].start == all[i].start && all[k].id < all[i].id)) {
				swap = all[i];
				all[i] = all[k];
				all[k] = swap;
			}
	for (uint32_t most = 1; most < n + 3; most += 1 + most / 2) {
		spec.most = most;
		json_t *summary = list(&w, &spec, &few);
		uint32_t i = 0;
		for (char *line = few.s, *next; *line; line = next, i++) {
			next = strchr(line, '\n');
			*next++ = 0;
			json_t *row = json_loads(line, 0, NULL);
			assert_int_equal(member(row, "session_id"), all[i].id);
			json_decref(row);
		}
		assert_int_equal(i, most < n ? most : n);
		assert_int_equal(member(summary, "sessions"), n);
		json_decref(summary);
		free(few.s);
	}
	free(t.s);
	world_close(&w);
}

/* the field by which a listed row sorts, so that plain comparing of text or numbers is right */
static void
sort_value(json_t *row, const char *by, char out[64])
{
	bool ip = strstr(by, "_ip") != NULL, duration = strcmp(by, "duration") == 0;
	uint64_t n = 0;
	if (ip) {
		uint8_t a[16];
		assert_int_equal(addr_parse(json_string_value(json_object_get(row, by)), a), 0);
		for (int i = 0; i < 16; i++)
			snprintf(out + 2 * i, 3, "%02x", a[i]);
		return;
	}
	if (duration)
		n = member(row, "last_us") - member(row, "first_us");
	else if (strcmp(by, "bytes") == 0)
		n = member(row, "client_bytes") + member(row, "server_bytes");
	else
		n = member(row, by);
	snprintf(out, 64, "%020" PRIu64, n);
}

static void
a_sorted_list_can_be_paged_through(void **state)
{
	(void)state;
	static const char *const by[] = {"first_us", "last_us", "duration", "bytes", "client_packets",
		"server_flows", "server_ip", "client_port", "proto"};
	struct dice d = {83};
	struct world w;
	struct text t;
	world_open(&w, &d, 150);
	for (unsigned k = 0; k < 2 * sizeof by / sizeof *by; k++) {
		char sort[40], was[64] = "", now[64];
		bool down = k & 1;
		uint64_t rows = 0, total = 1, was_id = 0;
		snprintf(sort, sizeof sort, "%s%s", down ? "-" : "", by[k / 2]);
		struct query_spec spec = everything(&w, "ndjson");
		spec.sort = sort;
		spec.most = 37;
		for (; spec.sessions_offset < total + 37; spec.sessions_offset += 37) {
			json_t *summary = list(&w, &spec, &t);
			total = member(summary, "sessions");
			uint64_t here = 0;
			for (char *line = t.s, *next; line && *line; line = next, here++) {
				next = strchr(line, '\n');
				*next++ = 0;
				json_t *row = json_loads(line, 0, NULL);
				sort_value(row, by[k / 2], now);
				int order = rows + here ? strcmp(was, now) : 0;
				assert_true(down ? order >= 0 : order <= 0);
				if (rows + here && order == 0)
					assert_true(member(row, "session_id") > was_id);
				memcpy(was, now, sizeof was);
				was_id = member(row, "session_id");
				json_decref(row);
			}
			uint64_t left = total > spec.sessions_offset ? total - spec.sessions_offset : 0;
			assert_int_equal(here, left < 37 ? left : 37);
			rows += here;
			json_decref(summary);
			free(t.s);
		}
		assert_int_equal(rows, total);
	}
	world_close(&w);
}

static void
what_can_t_be_sorted_by_is_refused_with_what_can(void **state)
{
	(void)state;
	struct dice d = {84};
	struct world w;
	world_open(&w, &d, 5);
	struct query_spec spec = everything(&w, "ndjson");
	struct query_context c = {.memory = 1u << 28, .threads = 1};
	struct err err = {0};
	struct text t = {0};
	json_t *summary;
	spec.sort = "colour";
	assert_int_equal(
		run_sessions(&w.source.source, services, &c, &spec, keep, &t, &summary, &err), FT_EINVAL);
	assert_non_null(strstr(err.text, "duration"));
	spec.sort = "bytes";
	spec.slices = true;
	assert_int_equal(
		run_sessions(&w.source.source, services, &c, &spec, keep, &t, &summary, &err), FT_EINVAL);
	world_close(&w);
}

static void
a_damaged_block_is_left_out_with_a_warning(void **state)
{
	(void)state;
	struct dice d = {79};
	struct world w;
	struct text t;
	struct query_context c = {.memory = 1u << 28, .threads = 2};
	struct err err = {0};
	json_t *answer = NULL;
	world_open(&w, &d, 200);
	w.source.damaged = 1;
	struct query_spec spec = everything(&w, "csv");
	spec.entity = "IP";
	spec.count = "BYTES";
	spec.rows = 5;
	assert_int_equal(run_view(&w.source.source, services, &c, &spec, &answer, &err), 0);
	assert_int_equal(json_array_size(json_object_get(answer, "warnings")), 1);
	assert_int_equal(member(answer, "blocks_scanned"), w.blocks - 1);
	assert_int_equal(member(answer, "rows_scanned"), w.corpus.n - w.source.list[1].rows);
	json_decref(answer);
	/* a code beyond its dictionary is damage too */
	w.source.damaged = UINT32_MAX;
	uint32_t *codes = (uint32_t *)(void *)((uint8_t *)w.block[0].h + w.block[0].h->column[FT_COL_client]);
	codes[0] = 1000000;
	assert_int_equal(run_view(&w.source.source, services, &c, &spec, &answer, &err), 0);
	assert_int_equal(json_array_size(json_object_get(answer, "warnings")), 1);
	json_decref(answer);
	answer = list(&w, &spec, &t);
	assert_int_equal(json_array_size(json_object_get(answer, "warnings")), 1);
	json_decref(answer);
	free(t.s);
	world_close(&w);
}

static void
bounds_of_memory_time_and_patience_are_told(void **state)
{
	(void)state;
	struct dice d = {80};
	struct world w;
	struct err err = {0};
	json_t *answer = NULL;
	world_open(&w, &d, 300);
	struct query_spec spec = everything(&w, "csv");
	spec.entity = "CLIENTSERVICE";
	spec.count = "UNIQUE IP";
	spec.rows = 5;
	struct query_context small = {.memory = 30000, .threads = 2};
	assert_int_equal(run_view(&w.source.source, services, &small, &spec, &answer, &err), FT_EFULL);
	assert_non_null(strstr(err.text, "querymemory"));
	struct query_context late = {.memory = 1u << 28, .threads = 1, .deadline_ns = 1};
	assert_int_equal(run_view(&w.source.source, services, &late, &spec, &answer, &err), FT_ETIME);
	assert_non_null(strstr(err.text, "querytime"));
	struct query_context gone = {.memory = 1u << 28, .threads = 1, .cancel = true};
	assert_int_equal(run_view(&w.source.source, services, &gone, &spec, &answer, &err), FT_ECANCEL);
	struct query_context fine = {.memory = 1u << 28, .threads = 1};
	spec.filter = "SRVPORT == 22 && FOO == 1";
	assert_int_equal(run_view(&w.source.source, services, &fine, &spec, &answer, &err), FT_EINVAL);
	assert_int_equal(err.sys, 18);
	spec.filter = "PORT == nosuchservice";
	assert_int_equal(run_view(&w.source.source, services, &fine, &spec, &answer, &err), FT_EINVAL);
	assert_int_equal(err.sys, 9);
	spec.filter = "";
	spec.user_filter = "FOO == secret";
	assert_int_equal(run_view(&w.source.source, services, &fine, &spec, &answer, &err), FT_EPERM);
	assert_null(strstr(err.text, "secret"));
	spec.user_filter = NULL;
	spec.entity = "NOTHING";
	assert_int_equal(run_view(&w.source.source, services, &fine, &spec, &answer, &err), FT_EINVAL);
	spec.entity = "IP";
	spec.count = "UNIQUE APP";
	assert_int_equal(run_view(&w.source.source, services, &fine, &spec, &answer, &err), FT_EINVAL);
	spec.count = "BYTES";
	spec.to_us = spec.from_us;
	assert_int_equal(run_view(&w.source.source, services, &fine, &spec, &answer, &err), FT_EINVAL);
	world_close(&w);
}

static void
no_store_is_an_empty_answer_and_a_warning(void **state)
{
	(void)state;
	struct source none = {.absent = true};
	struct query_context c = {.memory = 1u << 20, .threads = 3};
	struct query_spec spec = {
		.from_us = 0, .to_us = 1, .exporter_if = -1, .entity = "IP", .count = "BYTES", .rows = 10};
	struct err err = {0};
	json_t *answer = NULL;
	assert_int_equal(run_view(&none, services, &c, &spec, &answer, &err), 0);
	assert_int_equal(json_array_size(json_object_get(answer, "rows")), 0);
	assert_int_equal(json_array_size(json_object_get(answer, "warnings")), 1);
	json_decref(answer);
}

static void
options_select_an_exporter_its_interface_and_its_version(void **state)
{
	(void)state;
	struct dice d = {81};
	struct world w;
	struct text t;
	world_open(&w, &d, 200);
	struct query_spec spec = everything(&w, "ndjson");
	spec.slices = true;
	spec.exporter = "127.0.0.1";
	spec.exporter_if = 2;
	spec.exporter_version = "ipfix";
	uint64_t want = 0;
	for (uint32_t i = 0; i < w.corpus.n; i++) {
		const struct blockgen_slice *b = &w.corpus.slice[i];
		want += b->exporter[15] == 1 && b->s.version == 10 && (b->s.present & FT_HAS_IF) &&
			(b->s.in_if == 2 || b->s.out_if == 2);
	}
	json_t *summary = list(&w, &spec, &t);
	assert_true(want > 0);
	assert_int_equal(member(summary, "rows"), want);
	json_decref(summary);
	free(t.s);
	world_close(&w);
}

static void
the_grammar_is_complete(void **state)
{
	(void)state;
	json_t *g = grammar_json(services);
	assert_true(json_array_size(json_object_get(g, "fields")) >= FILTER_FIELDS);
	assert_true(json_array_size(json_object_get(g, "entities")) >= 29);
	assert_int_equal(json_array_size(json_object_get(g, "counts")), 16);
	char *s = json_dumps(g, 0);
	assert_non_null(s);
	free(s);
	json_decref(g);
}

int
main(void)
{
	services = services_read("/nonexistent");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_are_the_sums_of_their_slices_in_the_frame),
		cmocka_unit_test(slices_are_listed_as_they_are_stored),
		cmocka_unit_test(csv_has_the_fields_of_the_table_in_its_order),
		cmocka_unit_test(a_limited_list_is_the_first_sessions_by_start),
		cmocka_unit_test(a_sorted_list_can_be_paged_through),
		cmocka_unit_test(what_can_t_be_sorted_by_is_refused_with_what_can),
		cmocka_unit_test(a_damaged_block_is_left_out_with_a_warning),
		cmocka_unit_test(bounds_of_memory_time_and_patience_are_told),
		cmocka_unit_test(no_store_is_an_empty_answer_and_a_warning),
		cmocka_unit_test(options_select_an_exporter_its_interface_and_its_version),
		cmocka_unit_test(the_grammar_is_complete),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	services_free(services);
	return rc;
}
