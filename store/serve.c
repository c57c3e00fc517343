/*
 * serve.c - see serve.h.
 */
#include "store/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/counters.h"
#include "common/geo.h"
#include "common/log.h"
#include "common/proc.h"
#include "store/groups.h"
#include "store/trim.h"

#ifdef FT_TINY /* segments of a few rows: they come and go fast */
enum { EXPIRE_S = 1 };
#else
enum { EXPIRE_S = 5 };
#endif
enum { LOOK_S = 1, TELL_US = 100000, STOP_S = 5 };

void
settings_from(struct store_settings *s, const struct conf *c)
{
	*s = (struct store_settings){
		.segment_rows = conf_uint(c, CONF_storage_segmentsize),
		.segments = conf_uint(c, CONF_storage_segmentcount),
		.database_bytes = conf_uint(c, CONF_storage_databasesize),
		.max_age_s = conf_uint(c, CONF_storage_maxage),
		.memcache_rows = conf_uint(c, CONF_sessiontables_memcachesize),
		.interval_s = conf_uint(c, CONF_storage_storageinterval),
		.commit_s = conf_uint(c, CONF_storage_commitinterval),
	};
	snprintf(s->archive, sizeof s->archive, "%s", conf_str(c, CONF_storage_archive));
}

static void
open_geo(struct store *st, const struct conf *c)
{
	const char *country = conf_str(c, CONF_ip2cfile), *as = conf_str(c, CONF_ip2asnfile);
	struct err err;
	geo_close(st->tags.geo);
	st->tags.geo = NULL;
	if (country[0] == '\0' && as[0] == '\0')
		return;
	if (geo_open(&st->tags.geo, country, as, &err) != FT_OK)
		log_critical("%s", err.text);
}

void
serve_tags(struct store *st, const struct conf *c)
{
	struct err err;
	open_geo(st, c);
	groups_free(st->tags.groups);
	if (groups_load(&st->tags.groups, st->database, &err) != FT_OK)
		log_critical("%s", err.text);
	tags_changed(&st->tags);
}

/* A commit or seal failed: say so, and if that frees space, let the oldest segment go.  databasesize promises that
 * many bytes are kept, so below it nothing is dropped. */
static void
failed(struct store *st, int rc, const struct err *err)
{
	st->failing = true;
	log_limited(LOG_L_CRITICAL,
		"can't store to disk: %s; slices are kept in memory as long as there is room", err->text);
	if (rc == FT_EFULL && st->set.database_bytes == 0)
		(void)expire_oldest(st, "the disk is full");
	/* LMDB may have given the environment up: with a fresh handle the next try begins cleanly */
	if (st->kv != NULL && rc != FT_EFULL && !st->damaged) {
		kv_close(st->kv);
		st->kv = NULL;
		struct err again;
		if (segment_open(st, st->segment, &again) != FT_OK) {
			log_limited(LOG_L_CRITICAL, "%s", again.text);
			st->damaged = true; /* the next try moves on to a new segment */
		}
	}
}

static void
commit_due(struct store *st, mono_t now)
{
	struct err err;
	if (now.ns < st->next_commit.ns)
		return;
	st->next_commit = mono_after(now, span_seconds((int64_t)st->set.commit_s));
	if (open_block_room(&st->open) == 0 || store_flip_due(st))
		return; /* the seal is the commit */
	int rc = journal_commit(st, &err);
	if (rc != FT_OK)
		failed(st, rc, &err);
	else if (st->failing) {
		st->failing = false;
		log_high("storing to disk again");
	}
}

static void
seal_due(struct store *st, mono_t now)
{
	struct err err;
	if (open_block_room(&st->open) > 0 && !store_flip_due(st))
		return;
	if (st->failing && now.ns < st->next_commit.ns)
		return; /* tried a moment ago */
	int rc = store_next(st, &err);
	if (rc != FT_OK) {
		st->next_commit = mono_after(now, span_seconds(1));
		failed(st, rc, &err);
	} else if (st->failing) {
		st->failing = false;
		log_high("storing to disk again");
	}
}

static void
look_around(struct store *st, const struct conf *c, mono_t now)
{
	if (now.ns >= st->next_look.ns) {
		st->next_look = mono_after(now, span_seconds(LOOK_S));
		intake_look(st);
		if (st->tags.geo && geo_stale(st->tags.geo)) {
			open_geo(st, c);
			tags_changed(&st->tags);
			log_high("tag files have changed: new addresses are looked up in the new ones");
		}
	}
	if (now.ns >= st->next_expire.ns) {
		st->next_expire = mono_after(now, span_seconds(EXPIRE_S));
		expire_run(st);
		trim_run(st);
		counter_set(COUNTER_store_rows, atomic_load(&st->sealed_rows) + store_counts(st).rows);
	}
}

void
serve_complete(struct store *st, int64_t wall_us)
{
	enum { SLEW_US = 60000000 }; /* set back by less it is only waited for */
	int64_t complete = wall_us - (int64_t)(st->set.interval_s + 1) * 1000000;
	if (complete > st->complete_us || complete < st->complete_us - SLEW_US)
		st->complete_us = complete;
}

uint32_t
serve_turn(struct store *st, const struct conf *c)
{
	static int64_t told_us;
	uint32_t taken = 0;
	mono_t now = mono_now();
	for (unsigned i = 0; i < SERVE_BATCHES; i++) {
		uint32_t n = intake_turn(st);
		if (n == 0)
			break;
		taken += n;
	}
	st->complete_held = st->complete_held && taken == 0;
	int64_t wall = wall_now().us;
	bool drained = intake_drained(st);
	/* what had arrived an emission and a turn before was in the rings, and they are empty */
	if (drained && !st->complete_held) {
		serve_complete(st, wall);
		counter_set(COUNTER_store_complete_us, (uint64_t)st->complete_us);
	}
	seal_due(st, now);
	commit_due(st, now);
	if (taken > 0 || wall - told_us > TELL_US || wall < told_us) {
		catalog_tell(st);
		told_us = wall;
	}
	look_around(st, c, now);
	return taken;
}

span_t
serve_idle(const struct store *st)
{
	mono_t now = mono_now();
	int64_t us = mono_since(st->next_commit, now).us;
	return (span_t){us < 1000 ? 1000 : us > 50000 ? 50000 : us};
}

int
serve_drain(struct store *st, struct err *err)
{
	intake_look(st);
	while (!intake_drained(st)) {
		if (intake_turn(st) == 0) {
			int rc = store_next(st, err);
			if (rc != FT_OK)
				return rc;
		}
	}
	int rc = store_flip_due(st) ? store_next(st, err) : journal_commit(st, err);
	catalog_tell(st);
	return rc;
}

/* What has been handed over is taken, so that an orderly stop of all, in the order of the flow, leaves nothing in
 * memory only. */
int
serve_stop(struct store *st, struct err *err)
{
	mono_t end = mono_after(mono_now(), span_seconds(STOP_S));
	intake_look(st);
	while (!intake_drained(st) && mono_now().ns < end.ns)
		if (intake_turn(st) == 0 && store_next(st, err) != FT_OK)
			break;
	if (intake_drained(st)) {
		st->complete_held = false;
		st->complete_us = wall_now().us;
	}
	int rc = journal_commit(st, err);
	catalog_tell(st);
	return rc;
}

/* ---- control --------------------------------------------------------------------------------------- */

static json_t *
stats(struct store *st)
{
	struct open_counts n = store_counts(st);
	char uuid[33];
	for (unsigned i = 0; i < 16; i++)
		snprintf(uuid + 2 * i, 3, "%02x", st->uuid[i]);
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}",
		"database", st->database, "uuid", uuid, "rows",
		(json_int_t)(atomic_load(&st->sealed_rows) + n.rows), "first_segment",
		(json_int_t)st->first_segment, "segment", (json_int_t)st->segment, "block",
		(json_int_t)st->block, "open_rows", (json_int_t)n.rows, "open_addresses",
		(json_int_t)n.dict[FT_DICT_ADDR], "durable_rows", (json_int_t)st->durable.rows, "commit",
		(json_int_t)st->commit, "complete_us", (json_int_t)st->complete_us, "gap_from_us",
		(json_int_t)st->gap_from_us, "gap_to_us", (json_int_t)st->gap_to_us, "segments",
		(json_int_t)counter_get(COUNTER_store_segments), "failing", (int)st->failing);
}

static void
groups_set(struct serve_context *x, struct rpc_call *call)
{
	struct groups *g;
	struct err err;
	const json_t *list = json_object_get(call->request, "groups");
	size_t at;
	char place[40];
	int rc = groups_parse(&g, list, &at, &err);
	if (rc != FT_OK) {
		snprintf(place, sizeof place, json_is_array(list) ? "/groups/%zu" : "/groups", at);
		rpc_reply_error(x->p->ctl, call, "bad_request", place, "%s", err.text);
		return;
	}
	rc = groups_save(x->st->database, list, &err);
	if (rc != FT_OK) {
		groups_free(g);
		rpc_reply_error(x->p->ctl, call, "refused", NULL, "%s", err.text);
		return;
	}
	groups_free(x->st->tags.groups);
	x->st->tags.groups = g;
	tags_changed(&x->st->tags);
	rpc_reply(x->p->ctl, call, json_pack("{s:I}", "tag_version", (json_int_t)x->st->tags.version), NULL,
		0, false, false);
}

/* {"changed": [numbers], "gone": [numbers]}: ft-store attach and repair (change.c) */
static void
segments(struct serve_context *x, struct rpc_call *call)
{
	enum { MOST = 65536 };
	static uint32_t list[2][MOST];
	static const char *const word[2] = {"changed", "gone"};
	uint32_t n[2] = {0, 0};
	struct err err;
	for (unsigned k = 0; k < 2; k++) {
		const json_t *a = json_object_get(call->request, word[k]), *v;
		size_t i;
		json_array_foreach (a, i, v) {
			json_int_t number = json_integer_value(v);
			if (number <= 0 || number >= x->st->segment || n[k] == MOST) {
				rpc_reply_error(x->p->ctl, call, "bad_request", NULL,
					"%s: segments before %u, and %u at most", word[k], x->st->segment,
					MOST);
				return;
			}
			list[k][n[k]++] = (uint32_t)number;
		}
	}
	if (store_rescan(x->st, list[0], n[0], list[1], n[1], &err) == FT_OK)
		rpc_reply(x->p->ctl, call, stats(x->st), NULL, 0, false, false);
	else
		rpc_reply_error(x->p->ctl, call, "refused", NULL, "%s", err.text);
}

void
serve_control(void *ctx, struct rpc_call *call)
{
	struct serve_context *x = ctx;
	struct err err;
	if (strcmp(call->op, "stats") == 0) {
		rpc_reply(x->p->ctl, call, stats(x->st), NULL, 0, false, false);
	} else if (strcmp(call->op, "drain") == 0) {
		if (serve_drain(x->st, &err) == FT_OK)
			rpc_reply(x->p->ctl, call, stats(x->st), NULL, 0, false, false);
		else
			rpc_reply_error(x->p->ctl, call, "refused", NULL, "%s", err.text);
	} else if (strcmp(call->op, "segments") == 0) {
		segments(x, call);
	} else if (strcmp(call->op, "groups.list") == 0) {
		rpc_reply(x->p->ctl, call, json_pack("{s:o}", "groups", groups_json(x->st->tags.groups)),
			NULL, 0, false, false);
	} else if (strcmp(call->op, "groups.set") == 0) {
		groups_set(x, call);
	} else {
		rpc_reply_error(x->p->ctl, call, "unknown_op", "/op", "unknown operation '%.64s'", call->op);
	}
}
