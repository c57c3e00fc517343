/*
 * query.c - what a query asks, made ready: filters parsed and resolved, blocks chosen.
 */
#include "queryd/query.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/addr.h"
#include "common/clock.h"
#include "common/names.h"

int
query_full(struct query *q)
{
	return err_set(q->err, FT_EFULL,
		"the query needs more memory than it may use (`querymemory`, %llu bytes); ask for a shorter "
		"time frame "
		"or set a filter",
		(unsigned long long)q->budget.bound);
}

void
query_warn(struct query *q, const char *fmt, ...)
{
	char text[400];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (q->n_warnings < sizeof q->warnings / sizeof q->warnings[0]) {
		char *copy = arena_strdup(&q->arena, text);
		if (copy != NULL)
			q->warnings[q->n_warnings++] = copy;
	}
}

/* -e, -ei, -ef and -border as filter text: they mean the same */
static int
options_text(const struct query_spec *s, char *out, size_t n, struct err *err)
{
	uint8_t address[16];
	char text[ADDR_TEXT];
	uint32_t version;
	size_t at = 0;
	out[0] = 0;
	if (s->exporter != NULL && *s->exporter) {
		if (addr_parse(s->exporter, address) != 0)
			return err_set(
				err, FT_EINVAL, "exporter: expected an address, found `%.60s`", s->exporter);
		addr_text(address, text);
		at += (size_t)snprintf(out + at, n - at, "EXPIP == %s", text);
	}
	if (s->exporter_if >= 0) {
		if (s->exporter_if > UINT32_MAX)
			return err_set(
				err, FT_EINVAL, "exporter interface: expected an index from 0 to 4294967295");
		at += (size_t)snprintf(
			out + at, n - at, "%sIFACE == %lld", at ? " && " : "", (long long)s->exporter_if);
	}
	if (s->exporter_version != NULL && *s->exporter_version) {
		if (!names_number(NAMES_VERSION, s->exporter_version, &version))
			return err_set(err, FT_EINVAL,
				"export version: expected one of nf1 nf5 nf7 nf9 ipfix sf2 sf4 sf5, found "
				"`%.60s`",
				s->exporter_version);
		at += (size_t)snprintf(out + at, n - at, "%sEXPV == %u", at ? " && " : "", version);
	}
	if (s->border)
		snprintf(out + at, n - at, "%sIFROLE == external", at ? " && " : "");
	return 0;
}

/* a && b; either may be NULL */
static int
both(struct arena *a, struct filter_node *x, struct filter_node *y, struct filter_node **out)
{
	*out = x ? x : y;
	if (x == NULL || y == NULL)
		return 0;
	struct filter_node *n = arena_zalloc(a, sizeof *n);
	struct filter_node **child = arena_alloc(a, 2 * sizeof(struct filter_node *));
	if (n == NULL || child == NULL)
		return FT_EFULL;
	child[0] = x;
	child[1] = y;
	n->op = FILTER_AND;
	n->n = 2;
	n->child = child;
	*out = n;
	return 0;
}

static int
make_filters(struct query *q)
{
	struct filter_node *options = NULL, *all = NULL, *user = NULL;
	char text[256];
	struct err hidden = {0};
	int rc = filter_parse(&q->arena, q->spec->filter, &q->root, q->err);
	if (rc == 0)
		rc = options_text(q->spec, text, sizeof text, q->err);
	if (rc == 0)
		rc = filter_parse(&q->arena, text, &options, q->err);
	if (rc == 0)
		rc = both(&q->arena, q->root, options, &all);
	q->filter_has_options = q->root != NULL && options != NULL;
	if (rc == 0 && (q->canonical = filter_print(&q->arena, q->root)) == NULL)
		rc = FT_EFULL;
	if (rc == FT_EFULL)
		return query_full(q);
	if (rc == 0)
		rc = resolve_program(&q->arena, all, q->services, q->source->places, q->spec->names, true,
			&q->filter, &q->resolution, q->err);
	if (rc != 0)
		return rc;
	/* a user must not learn of the filter that is set on them, even if it fails: then nothing is shown */
	rc = filter_parse(&q->arena, q->spec->user_filter, &user, &hidden);
	if (rc == 0)
		rc = resolve_program(
			&q->arena, user, q->services, q->source->places, NULL, true, &q->user, NULL, &hidden);
	if (rc != 0)
		return err_set(q->err, FT_EPERM, "your account can't run queries now; ask an administrator");
	return 0;
}

/* blocks that zone maps rule out; `whole` later asks for all others again */
static void
plan(struct query *q)
{
	uint64_t rows = 0;
	for (uint32_t i = 0; i < q->source->n; i++) {
		const struct snapshot_block *b = &q->source->block[i];
		const struct zone *z = b->zone;
		if (z != NULL && ((!q->everything && !zone_may_overlap(z, q->frame.from, q->frame.to)) ||
					 !program_zone(q->user, z) || !program_zone(q->filter, z))) {
			q->block_state[i] = BLOCK_PRUNED;
			q->blocks_pruned++;
			continue;
		}
		rows += b->rows;
		if (b->open || b->resident)
			q->from_ram = true;
		else
			q->from_disk = true;
	}
	q->rows_planned = rows;
}

void
query_everything(struct query *q)
{
	q->everything = true;
	for (uint32_t i = 0; i < q->source->n; i++)
		if (q->block_state[i] == BLOCK_PRUNED)
			q->block_state[i] = BLOCK_UNKNOWN;
	q->blocks_pruned = 0;
	set64_free(&q->several);
	set64_free(&q->cut);
	plan(q);
}

int
query_open(struct query *q, const struct query_spec *spec, struct query_context *c,
	const struct source *source, const struct services *services, struct err *err)
{
	static struct err nobody; /* so that q->err is never NULL; its text is never read */
	*q = (struct query){.spec = spec,
		.context = c,
		.source = source,
		.services = services,
		.err = err ? err : &nobody};
	q->started_ns = mono_now().ns;
	q->budget.bound = c->memory;
	q->several.budget = q->cut.budget = &q->budget;
	q->frame = (struct frame){spec->from_us, spec->to_us, spec->slots};
	arena_init(&q->arena, c->memory != 0 ? (size_t)c->memory : 0);
	if (spec->to_us <= spec->from_us)
		return err_set(err, FT_EINVAL, "the time frame is empty: its end must be after its start");
	if (spec->slots > 1000000)
		return err_set(err, FT_EINVAL, "too many time slots (at most 1,000,000)");
	int rc = make_filters(q);
	if (rc != 0)
		return rc;
	q->block_state = arena_zalloc(&q->arena, (size_t)source->n + 1);
	if (q->block_state == NULL)
		return query_full(q);
	plan(q);
	q->touch = column_bit(FT_COL_first_us) | column_bit(FT_COL_last_us);
	q->touch |= q->user ? q->user->columns : 0;
	q->touch |= q->filter ? q->filter->columns : 0;
	if ((q->user && q->user->session) || (q->filter && q->filter->session))
		q->touch |= COLUMN_COUNTS | column_bit(FT_COL_client_bytes) |
			    column_bit(FT_COL_server_bytes) | column_bit(FT_COL_client_packets) |
			    column_bit(FT_COL_server_packets) | column_bit(FT_COL_client_flags) |
			    column_bit(FT_COL_server_flags);
	return 0;
}

void
query_close(struct query *q)
{
	join_free(q);
	arena_free(&q->arena);
}

static json_t *
resolved(const struct query *q)
{
	json_t *o = json_object();
	for (uint32_t i = 0; o != NULL && i < q->resolution.n; i++) {
		const struct resolved *r = &q->resolution.row[i];
		json_t *list = json_object_get(o, r->name);
		if (list == NULL) {
			list = json_array();
			json_object_set_new_nocheck(o, r->name, list);
		}
		json_array_append_new(list, json_string(r->text));
	}
	return o;
}

/* Shared memory was lost: of interest to who asks about that time, and to everybody until new slices have come. */
static void
warn_of_gap(struct query *q)
{
	const struct source *s = q->source;
	if (s->gap_to_us == 0 || (s->complete_us > s->gap_to_us &&
					 (q->frame.to <= s->gap_from_us || q->frame.from >= s->gap_to_us)))
		return;
	char from[32], to[32];
	struct tm tm;
	time_t t = (time_t)(s->gap_from_us / 1000000);
	strftime(from, sizeof from, "%Y-%m-%d %H:%M:%S", gmtime_r(&t, &tm));
	t = (time_t)(s->gap_to_us / 1000000);
	strftime(to, sizeof to, "%H:%M:%S", gmtime_r(&t, &tm));
	query_warn(q,
		"shared memory was lost (a power cut?): flows that arrived between %s and %s UTC may be "
		"missing",
		from, to);
}

int
query_report(struct query *q, json_t *answer)
{
	unsigned damaged = 0;
	for (uint32_t i = 0; i < q->source->n; i++)
		if (q->block_state[i] == BLOCK_DAMAGED) {
			const struct snapshot_block *b = &q->source->block[i];
			if (damaged++ < 4)
				query_warn(q,
					"block %u of segment %u is damaged: its %u slices are missing here",
					b->block, b->segment, b->rows);
		}
	if (damaged > 4)
		query_warn(q, "%u more damaged blocks are missing here", damaged - 4);
	if (q->source->missing_segments > 0)
		query_warn(q, "%u segments are listed but not there: their slices are missing here",
			q->source->missing_segments);
	warn_of_gap(q);
	if (q->source->absent)
		query_warn(q, "there is no session database yet");
	uint64_t scanned = atomic_load(&q->blocks_scanned);
	uint64_t left_out = q->source->n - scanned - damaged;
	json_object_set_new(answer, "from_us", json_integer(q->frame.from));
	json_object_set_new(answer, "to_us", json_integer(q->frame.to));
	json_object_set_new(answer, "complete_until_us",
		q->source->complete_us ? json_integer(q->source->complete_us) : json_null());
	json_object_set_new(answer, "rows_scanned", json_integer((json_int_t)atomic_load(&q->rows_scanned)));
	json_object_set_new(answer, "blocks_scanned", json_integer((json_int_t)scanned));
	json_object_set_new(answer, "blocks_pruned", json_integer((json_int_t)left_out));
	json_object_set_new(answer, "source",
		json_string(q->from_ram && q->from_disk ? "mixed"
			    : q->from_disk              ? "disk"
							: "ram"));
	json_object_set_new(
		answer, "elapsed_ms", json_real((double)((mono_now().ns - q->started_ns) / 1000) / 1000.0));
	json_object_set_new(answer, "filter", json_string(q->canonical));
	json_object_set_new(answer, "resolved", resolved(q));
	json_t *list = json_array();
	for (unsigned i = 0; i < q->n_warnings; i++)
		json_array_append_new(list, json_string(q->warnings[i]));
	return json_object_set_new(answer, "warnings", list) == 0 ? 0 : FT_ENOMEM;
}
