/*
 * control.c - see control.h.  Reads the threads' tables as anybody may (contract/exporters.h: figures for people).
 */
#include "ingest/control.h"

#include <string.h>

#include "common/addr.h"
#include "common/counters.h"
#include "common/log.h"
#include "ingest/kept.h"

static json_t *
source_json(const struct ingest *g, const struct ft_source *s, wall_t now)
{
	char address[ADDR_TEXT] = "?", why[160];
	const struct ft_exporter *e = exporters_get(&g->exporters, s->exporter);
	if (e)
		addr_text(e->address, address);
	const char *state = source_state(s, now, why, sizeof why);
	json_t *o = json_pack("{s:I, s:s, s:s, s:I, s:i, s:i, s:s, s:s}", "id", (json_int_t)s->exporter,
		"address", address, "name", e ? e->name : "", "domain", (json_int_t)s->domain, "version",
		(int)s->version, "port", (int)s->port, "state", state, "why", why);
	const struct {
		const char *name;
		uint64_t value;
	} row[] = {{"datagrams", s->datagrams}, {"flows", s->flows}, {"options", s->options},
		{"sequence_gaps", s->sequence_gaps}, {"duplicates", s->duplicates},
		{"undecodable", s->undecodable_sets}, {"sets_waiting", s->sets_waiting},
		{"sets_dropped", s->sets_dropped}, {"kernel_drops", s->kernel_drops},
		{"full_wait_us", s->full_wait_us}, {"last_us", (uint64_t)s->last_us},
		{"skew_us", (uint64_t)s->skew_us}, {"sampling", s->sampling}, {"templates", s->templates},
		{"samples_missing", s->samples_missing}, {"sampler_drops", s->sampler_drops}};
	for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++)
		json_object_set_new(o, row[i].name, json_integer((json_int_t)row[i].value));
	return o;
}

static json_t *
exporters_json(const struct ingest *g)
{
	json_t *list = json_array();
	wall_t now = wall_now();
	for (unsigned i = 0; i < g->n; i++) {
		const struct ingest_thread *t = &g->thread[i];
		uint64_t n = stage_record(&t->stage)->id[ID_SOURCES];
		for (uint64_t k = 0; k < n && k < t->h->sources; k++) {
			struct ft_source s = t->sources[k];
			json_array_append_new(list, source_json(g, &s, now));
		}
	}
	return list;
}

void
ingest_control(void *ctx, struct rpc_call *call)
{
	struct ingest *g = ctx;
	if (strcmp(call->op, "exporters") == 0)
		rpc_reply(g->proc->ctl, call, json_pack("{s:o}", "exporters", exporters_json(g)), NULL, 0,
			false, false);
	else if (strcmp(call->op, "drain") == 0 && g->draining == NULL) {
		g->draining = call;
		atomic_store(&g->drain, true);
		log_high("draining: sockets are not read any more, they queue");
	} else if (strcmp(call->op, "drain") == 0)
		rpc_reply_error(g->proc->ctl, call, "refused", NULL, "a drain is under way");
	else
		rpc_reply_error(
			g->proc->ctl, call, "unknown_op", "/op", "unknown operation '%.64s'", call->op);
}

void
ingest_keep(struct ingest *g, const struct conf *c)
{
	struct keep *k;
	const char *bad;
	struct err err;
	if (keep_from(c, g->keep, &k, &bad, &err) != FT_OK) {
		log_critical("keepfields stays as it is: %s", err.text);
		return;
	}
	if (bad)
		log_high("netflow/keepfields: no information element is called %s; give its IANA name or "
			 "PEN.ID",
			bad);
	if (k)
		g->keep = k;
	for (unsigned i = 0; i < g->n; i++)
		atomic_store_explicit(&g->thread[i].keep, k, memory_order_release);
}

void
ingest_reload(void *ctx, const struct conf *was, const struct conf *now)
{
	struct ingest *g = ctx;
	(void)was;
	for (unsigned i = 0; i < g->n; i++) {
		atomic_store(&g->thread[i].refuse_old, !conf_bool(now, CONF_netflow_ignoreoldnetflows));
		atomic_store(&g->thread[i].sflow_from, !conf_bool(now, CONF_sflow_agentaddress));
	}
	ingest_keep(g, now);
}

void
ingest_restore_counters(struct ingest *g)
{
	static const enum counter row[THREAD_COUNTERS] = {COUNTER_ingest_datagrams, COUNTER_ingest_flows,
		COUNTER_ingest_kernel_drops, COUNTER_ingest_sequence_gaps, COUNTER_ingest_undecodable,
		COUNTER_ingest_bad_datagrams, COUNTER_ingest_sets_dropped, COUNTER_ingest_old_refused,
		COUNTER_ingest_exporters_refused, COUNTER_ingest_full_wait_us, COUNTER_ingest_resumed,
		COUNTER_ingest_bound_hits, COUNTER_ingest_elements_dropped};
	for (unsigned c = 0; c < THREAD_COUNTERS; c++) {
		uint64_t sum = 0;
		for (unsigned i = 0; i < g->n; i++)
			sum += g->thread[i].shown[c] = stage_record(&g->thread[i].stage)->counter[c];
		counter_set(row[c], sum);
	}
}

void
ingest_show_buffers(struct ingest *g, uint64_t bytes)
{
	uint64_t least = UINT64_MAX, stall = conf_uint(g->proc->conf, CONF_stall);
	for (unsigned i = 0; i < g->n; i++)
		least = g->sockets[i].buffer_bytes < least ? g->sockets[i].buffer_bytes : least;
	/* the kernel doubles what is asked for, for its bookkeeping */
	uint64_t seconds = bytes ? least / 2 * stall / bytes : 0;
	counter_set(COUNTER_ingest_socket_seconds, seconds < stall ? seconds : stall);
	if (seconds < stall)
		log_high("socket queues hold %llu of %llu seconds of peakflows: raise net.core.rmem_max, or "
			 "give ft-ingest "
			 "CAP_NET_ADMIN",
			(unsigned long long)seconds, (unsigned long long)stall);
}

void
ingest_housekeeping(struct ingest *g)
{
	uint64_t waiting = 0, templates = 0;
	bool idle = true;
	mono_t now = mono_now();
	for (unsigned i = 0; i < g->n; i++) {
		waiting += atomic_load_explicit(&g->thread[i].waiting_sets, memory_order_relaxed);
		templates += atomic_load_explicit(&g->thread[i].templates, memory_order_relaxed);
		idle &= atomic_load(&g->thread[i].idle);
	}
	counter_set(COUNTER_ingest_sets_waiting, waiting);
	counter_set(COUNTER_ingest_templates, templates);
	counter_set(COUNTER_ingest_exporters, atomic_load(&g->exporters.t->count));
	if (mono_since(now, g->synced).us >= 1000000) {
		struct err err;
		g->synced = now;
		if (kv_sync(g->kv, &err) != 0)
			log_limited(LOG_L_CRITICAL, "%s", err.text);
	}
	if (g->draining && idle) {
		rpc_reply(g->proc->ctl, g->draining, json_pack("{s:b}", "drained", 1), NULL, 0, false, false);
		g->draining = NULL;
	}
}
