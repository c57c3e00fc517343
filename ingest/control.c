/*
 * control.c - see control.h.
 */
#include "ingest/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/counters.h"
#include "common/log.h"
#include "ingest/census.h"
#include "ingest/forget.h"

enum { WATCH_US = 2000000 };

/* ---- operations on exporters --------------------------------------------------------------------- */

/* who is meant; 0: nobody, and the call is answered, unless an address that is not known yet will do */
static uint32_t
meant(struct ingest *g, struct rpc_call *call, bool may_be_new, bool *answered)
{
	const char *word = json_string_value(json_object_get(call->request, "exporter"));
	uint32_t id = word ? exporter_by(&g->exporters, word) : 0;
	*answered = false;
	if (id || (word && may_be_new))
		return id;
	*answered = true;
	if (word == NULL)
		rpc_reply_error(g->proc->ctl, call, "bad_request", "/exporter",
			"exporter is missing: the name or address of one");
	else
		rpc_reply_error(g->proc->ctl, call, "not_found", "/exporter",
			"no exporter has the name or address '%.64s'", word);
	return 0;
}

static void
answer_one(struct ingest *g, struct rpc_call *call, uint32_t id)
{
	json_t *o = ingest_exporter_json(g, id);
	if (o == NULL)
		rpc_reply_error(g->proc->ctl, call, "internal", NULL, "out of memory");
	else
		rpc_reply(g->proc->ctl, call, json_pack("{s:o}", "exporter", o), NULL, 0, false, false);
}

static void
exporters_list(struct ingest *g, struct rpc_call *call)
{
	rpc_reply(g->proc->ctl, call, json_pack("{s:o}", "exporters", ingest_exporters_json(g)), NULL, 0,
		false, false);
}

static void
exporters_one(struct ingest *g, struct rpc_call *call)
{
	bool answered;
	uint32_t id = meant(g, call, false, &answered);
	if (!answered)
		answer_one(g, call, id);
}

static void
refuse(struct ingest *g, struct rpc_call *call, const struct err *err, const char *at)
{
	const char *code = err->code == FT_EINVAL   ? "bad_request"
			   : err->code == FT_EXIST  ? "exists"
			   : err->code == FT_ENOENT ? "not_found"
			   : err->code == FT_EFULL  ? "refused"
						    : "internal";
	rpc_reply_error(g->proc->ctl, call, code, at[0] ? at : NULL, "%s", err->text);
}

static void
exporters_set(struct ingest *g, struct rpc_call *call)
{
	struct err err = {0};
	char at[EXPORTER_AT] = "";
	bool answered;
	uint32_t id = meant(g, call, true, &answered);
	if (answered)
		return;
	if (exporter_set(&g->exporters, &id, call->request, at, &err) != 0) {
		refuse(g, call, &err, at);
		return;
	}
	char *set = json_dumps(exporter_set_of(&g->exporters, id), JSON_COMPACT);
	log_high("settings of exporter '%.64s' changed: %s",
		json_string_value(json_object_get(call->request, "exporter")),
		set ? set : "all are the defaults");
	free(set);
	answer_one(g, call, id);
}

/* The threads do their part between batches; ingest_housekeeping answers when all have. */
static void
exporters_forget(struct ingest *g, struct rpc_call *call)
{
	struct err err = {0};
	bool answered;
	uint32_t id = meant(g, call, false, &answered);
	if (answered)
		return;
	if (g->forget_open || g->draining) {
		rpc_reply_error(g->proc->ctl, call, "refused", NULL,
			g->draining ? "a drain is under way"
				    : "another exporter is being forgotten; try again");
		return;
	}
	if (forget_begin(g, id, &err) != 0) {
		refuse(g, call, &err, "");
		return;
	}
	g->forgetting = call;
	log_high("exporter '%.64s' is forgotten",
		json_string_value(json_object_get(call->request, "exporter")));
}

static void
exporters_sources(struct ingest *g, struct rpc_call *call)
{
	rpc_reply(g->proc->ctl, call, json_pack("{s:o}", "exporters", ingest_sources_json(g)), NULL, 0, false,
		false);
}

/* which elements an exporter sends */
static void
exporters_elements(struct ingest *g, struct rpc_call *call)
{
	struct census *list[INGEST_THREADS];
	char address[ADDR_TEXT];
	uint64_t records;
	unsigned n = 0;
	bool answered;
	uint32_t id = meant(g, call, false, &answered);
	if (answered)
		return;
	for (unsigned i = 0; i < g->n; i++)
		if (g->thread[i].decoder.census)
			list[n++] = g->thread[i].decoder.census;
	const struct ft_exporter *e = exporters_get(&g->exporters, id);
	addr_text(e->address, address);
	json_t *found = census_answer(list, n, id, g->kept, &records);
	rpc_reply(g->proc->ctl, call,
		json_pack("{s:s, s:s, s:I, s:o}", "address", address, "name", e->name, "records",
			(json_int_t)records, "elements", found),
		NULL, 0, false, false);
}

static void
drain(struct ingest *g, struct rpc_call *call)
{
	if (g->draining || g->forget_open) {
		rpc_reply_error(g->proc->ctl, call, "refused", NULL,
			g->draining ? "a drain is under way" : "an exporter is being forgotten; try again");
		return;
	}
	g->draining = call;
	atomic_store(&g->drain, true);
	log_high("draining: sockets are not read any more, they queue");
}

static void
connections(struct ingest *g, struct rpc_call *call)
{
	rpc_reply(g->proc->ctl, call, g->has_tcp ? tcp_json(&g->tcp) : json_object(), NULL, 0, false, false);
}

void
ingest_read_interfaces(struct ingest *g, const struct conf *conf)
{
	struct err err;
	const char *path = conf_str(conf, CONF_netflow_interfacesfile);
	if (*path && interfaces_file(&g->interfaces, path, &err) != 0)
		log_critical("%s", err.text);
}

static void
interfaces(struct ingest *g, struct rpc_call *call)
{
	struct err err = {0};
	json_t *body = interfaces_control(&g->interfaces, call->request, &err);
	if (body)
		rpc_reply(g->proc->ctl, call, body, NULL, 0, false, false);
	else
		rpc_reply_error(g->proc->ctl, call, err.code == FT_ENOENT ? "not_found" : "bad_request", NULL,
			"%s", err.text);
}

static const struct {
	const char *op;
	void (*run)(struct ingest *g, struct rpc_call *call);
} operations[] = {{"exporters", exporters_sources}, {"exporters.list", exporters_list},
	{"exporters.get", exporters_one}, {"exporters.set", exporters_set},
	{"exporters.forget", exporters_forget}, {"exporters.elements", exporters_elements},
	{"connections", connections}, {"interfaces", interfaces}, {"drain", drain}};

void
ingest_control(void *ctx, struct rpc_call *call)
{
	for (unsigned i = 0; i < sizeof operations / sizeof operations[0]; i++)
		if (strcmp(call->op, operations[i].op) == 0) {
			operations[i].run(ctx, call);
			return;
		}
	const struct ingest *g = ctx;
	rpc_reply_error(g->proc->ctl, call, "unknown_op", "/op", "unknown operation '%.64s'", call->op);
}

void
ingest_keep(struct ingest *g, const struct conf *c)
{
	struct keep *k;
	const char *bad;
	struct err err;
	if (keep_from(c, CONF_netflow_keepfields, conf_uint(c, CONF_sessiontables_elementbytes), g->keep, &k,
		    &bad, &err) != FT_OK) {
		log_critical("keepfields stays as it is: %s", err.text);
		return;
	}
	if (bad)
		log_high("netflow/keepfields: no information element is called %s; give its IANA name or "
			 "PEN.ID",
			bad);
	if (k)
		g->keep = k;
	g->kept = k;
	for (unsigned i = 0; i < g->n; i++)
		atomic_store_explicit(&g->thread[i].keep, k, memory_order_release);
}

void
ingest_reload(void *ctx, const struct conf *was, const struct conf *now)
{
	struct ingest *g = ctx;
	(void)was;
	ingest_read_interfaces(g, now);
	for (unsigned i = 0; i < g->n; i++) {
		atomic_store(&g->thread[i].refuse_old, !conf_bool(now, CONF_netflow_ignoreoldnetflows));
		atomic_store(&g->thread[i].sflow_from, !conf_bool(now, CONF_sflow_agentaddress));
	}
	ingest_keep(g, now);
	atomic_store(&g->tcp.timeout_us, (int64_t)conf_uint(now, CONF_netflow_tcptimeout) * 1000000);
}

void
ingest_restore_counters(struct ingest *g)
{
	for (unsigned c = 0; c < THREAD_COUNTERS; c++) {
		uint64_t sum = 0;
		for (unsigned i = 0; i < g->n; i++)
			sum += g->thread[i].shown[c] = stage_record(&g->thread[i].stage)->counter[c];
		counter_set(ingest_thread_counter(c), sum);
	}
}

void
ingest_show_buffers(struct ingest *g, uint64_t bytes)
{
	uint64_t least = UINT64_MAX, stall = conf_uint(g->proc->conf, CONF_stall);
	for (unsigned i = 0; i < g->n - g->has_tcp; i++)
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

/* for flows an hour */
static void
watch(struct ingest *g, mono_t now)
{
	if (g->looked.ns != 0 && mono_since(now, g->looked).us < WATCH_US)
		return;
	g->looked = now;
	for (unsigned i = 0; i < g->n; i++) {
		const struct ingest_thread *t = &g->thread[i];
		uint64_t n = stage_record(&t->stage)->id[ID_SOURCES];
		if (g->hourly[i] == NULL)
			g->hourly[i] = calloc(t->h->sources, sizeof *g->hourly[i]);
		for (uint64_t k = 0; g->hourly[i] && k < n && k < t->h->sources; k++)
			hourly_note(&g->hourly[i][k], &t->sources[k], wall_now().us);
	}
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
	watch(g, now);
	if (mono_since(now, g->synced).us >= 1000000) {
		struct err err;
		g->synced = now;
		interfaces_settle(&g->interfaces);
		if (kv_sync(g->kv, &err) != 0)
			log_limited(LOG_L_CRITICAL, "%s", err.text);
	}
	if (forget_done(g) && g->forgetting) {
		rpc_reply(g->proc->ctl, g->forgetting, NULL, NULL, 0, false, false);
		g->forgetting = NULL;
	}
	if (g->draining && idle) {
		rpc_reply(g->proc->ctl, g->draining, json_pack("{s:b}", "drained", 1), NULL, 0, false, false);
		g->draining = NULL;
	}
}
