/*
 * ctl_status.c - collects the state of a running system (ctl.h).
 */
#include <errno.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "cli/ctl.h"
#include "common/contract/flow_ring.h"
#include "common/contract/slice_ring.h"
#include "common/counters.h"
#include "common/rpc.h"
#include "common/shm.h"

enum { HUNG_US = 5000000, ASK_US = 2000000 };

const char *const ctl_daemons[CTL_DAEMONS] = {"ingest", "tracker", "store", "queryd", "snmp", "webd"};

static json_t *
number(uint64_t v)
{
	return json_integer((json_int_t)v);
}

/* a pid in a segment may belong to a process of an earlier boot, so its command must fit, too */
static bool
alive(uint32_t pid, const char *daemon)
{
	char path[64], comm[32] = "";
	if (pid == 0)
		return false;
	snprintf(path, sizeof path, "/proc/%u/comm", pid);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return false;
	bool read = fgets(comm, sizeof comm, f) != NULL;
	fclose(f);
	comm[strcspn(comm, "\n")] = 0;
	return read && strncmp(comm, "ft-", 3) == 0 && strcmp(comm + 3, daemon) == 0;
}

static const char *
state_of(const struct ft_counters *c, const char *daemon)
{
	if (!alive(atomic_load(&c->pid), daemon))
		return "stopped";
	if (wall_now().us - atomic_load(&c->beat_us) > HUNG_US)
		return "hung";
	return atomic_load(&c->ready) ? "ready" : "starting";
}

const char *
ctl_state(const char *shm, const char *daemon)
{
	const struct ft_counters *c = counters_peer(shm, daemon, NULL);
	const char *state = c ? state_of(c, daemon) : "stopped";
	if (c)
		counters_peer_close(c);
	return state;
}

bool
ctl_all_ready(const char *shm)
{
	for (unsigned i = 0; i < CTL_NEEDED; i++)
		if (strcmp(ctl_state(shm, ctl_daemons[i]), "ready") != 0)
			return false;
	return true;
}

static json_t *
daemon_json(const struct ft_counters *c, const char *daemon)
{
	json_t *o = json_pack("{s:s, s:s}", "name", daemon, "state", c ? state_of(c, daemon) : "stopped");
	json_t *counters = json_object();
	if (c && strcmp(json_string_value(json_object_get(o, "state")), "stopped") != 0) {
		int64_t now = wall_now().us;
		json_object_set_new(o, "pid", number(atomic_load(&c->pid)));
		json_object_set_new(
			o, "uptime_s", json_real((double)(now - atomic_load(&c->started_us)) / 1e6));
		json_object_set_new(
			o, "beat_age_s", json_real((double)(now - atomic_load(&c->beat_us)) / 1e6));
	}
	for (unsigned i = 0; c && i < COUNTERS; i++)
		if (strcmp(counter_rows[i].process, daemon) == 0)
			json_object_set_new(
				counters, counter_rows[i].name, number(atomic_load(&c->value[i])));
	json_object_set_new(o, "counters", counters);
	return o;
}

json_t *
ctl_daemon(const char *shm, const char *daemon)
{
	const struct ft_counters *c = counters_peer(shm, daemon, NULL);
	json_t *o = daemon_json(c, daemon);
	if (c)
		counters_peer_close(c);
	return o;
}

/* Rings of one kind: how full they are, how full they ever were. */
static void
rings(json_t *list, const char *shm, const char *pattern, const struct shm_kind *kind)
{
	char path[300];
	glob_t g;
	snprintf(path, sizeof path, "%s/%s", shm, pattern);
	if (glob(path, 0, NULL, &g) != 0)
		return;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct shm s = {0};
		const char *name = strrchr(g.gl_pathv[i], '/') + 1;
		if (shm_open_ro(&s, shm, name, kind, NULL) != 0)
			continue;
		const struct ft_ring_header *h = s.base;
		/* tail first: it can only grow, so that the difference is never negative */
		uint64_t tail = atomic_load(&h->tail), used = atomic_load(&h->head) - tail;
		json_array_append_new(
			list, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "name", name, "slots",
				      number(h->slots), "used", number(used < h->slots ? used : h->slots),
				      "high_water", number(atomic_load(&h->high_water)), "full_waits",
				      number(atomic_load(&h->full_waits)), "full_wait_us",
				      number(atomic_load(&h->full_wait_us))));
		shm_close(&s);
	}
	globfree(&g);
}

json_t *
ctl_ask(const struct conf *c, const char *role, const char *op, const char *part)
{
	char endpoint[400];
	struct rpc_client *client;
	json_t *body = NULL, *list = NULL;
	snprintf(endpoint, sizeof endpoint, "ipc://%s/%s.ctl", conf_str(c, CONF_rundir), role);
	if (rpc_client_open(&client, endpoint, NULL, NULL) != 0)
		return json_null();
	if (rpc_ask(client, json_pack("{s:s}", "op", op), &body, (span_t){ASK_US}, NULL) == 0)
		list = json_incref(part ? json_object_get(body, part) : body);
	json_decref(body);
	rpc_client_close(client);
	return list ? list : json_null();
}

static uint64_t
value(const struct ft_counters *c, enum counter which)
{
	return c ? atomic_load(&c->value[which]) : 0;
}

/* the one of a pair that is not there keeps its place with null, so that members are always the same */
static json_t *
rates(const struct ft_counters *const peer[CTL_DAEMONS], span_t sample)
{
	static const struct {
		const char *name;
		unsigned daemon;
		enum counter counter;
	} of[] = {{"datagrams", 0, COUNTER_ingest_datagrams}, {"flows", 0, COUNTER_ingest_flows},
		{"sessions", 1, COUNTER_tracker_sessions}, {"slices", 2, COUNTER_store_slices},
		{"queries", 3, COUNTER_queryd_queries}};
	enum { RATES = sizeof of / sizeof of[0] };
	uint64_t was[RATES];
	json_t *o = json_object();
	if (sample.us == 0)
		return o;
	mono_t begin = mono_now();
	for (unsigned i = 0; i < RATES; i++)
		was[i] = value(peer[of[i].daemon], of[i].counter);
	(void)poll(NULL, 0, (int)(sample.us / 1000));
	double seconds = (double)mono_since(mono_now(), begin).us / 1e6;
	for (unsigned i = 0; i < RATES; i++) {
		uint64_t is = value(peer[of[i].daemon], of[i].counter);
		/* a daemon that has just started anew may show less */
		json_object_set_new(
			o, of[i].name, json_real(is < was[i] ? 0 : (double)(is - was[i]) / seconds));
	}
	return o;
}

json_t *
ctl_status(const struct conf *c, const char *shm, span_t sample)
{
	static const struct shm_kind flow = {FT_FLOW_MAGIC, FT_FLOW_VERSION, FT_FLOW_LAYOUT},
				     slice = {FT_SLICE_MAGIC, FT_SLICE_VERSION, FT_SLICE_LAYOUT};
	const struct ft_counters *peer[CTL_DAEMONS];
	json_t *daemons = json_array(), *ring_list = json_array();
	bool ready = true;
	for (unsigned i = 0; i < CTL_DAEMONS; i++)
		peer[i] = counters_peer(shm, ctl_daemons[i], NULL);
	json_t *measured = rates(peer, sample);
	for (unsigned i = 0; i < CTL_DAEMONS; i++) {
		json_array_append_new(daemons, daemon_json(peer[i], ctl_daemons[i]));
		ready &= i >= CTL_NEEDED ||
			 (peer[i] && strcmp(state_of(peer[i], ctl_daemons[i]), "ready") == 0);
	}
	rings(ring_list, shm, "flow.*", &flow);
	rings(ring_list, shm, "slice.*", &slice);
	json_t *loss = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "kernel_drops",
		number(value(peer[0], COUNTER_ingest_kernel_drops)), "full_wait_us",
		number(value(peer[0], COUNTER_ingest_full_wait_us)), "sequence_gaps",
		number(value(peer[0], COUNTER_ingest_sequence_gaps)), "undecodable",
		number(value(peer[0], COUNTER_ingest_undecodable)), "bad_datagrams",
		number(value(peer[0], COUNTER_ingest_bad_datagrams)), "sets_dropped",
		number(value(peer[0], COUNTER_ingest_sets_dropped)));
	json_t *store = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "rows",
		number(value(peer[2], COUNTER_store_rows)), "bytes",
		number(value(peer[2], COUNTER_store_bytes)), "segments",
		number(value(peer[2], COUNTER_store_segments)), "oldest_us",
		number(value(peer[2], COUNTER_store_oldest_us)), "complete_us",
		number(value(peer[2], COUNTER_store_complete_us)), "room_rows",
		number(conf_uint(c, CONF_storage_segmentcount) * conf_uint(c, CONF_storage_segmentsize)));
	json_t *tracker =
		json_pack("{s:o, s:o, s:o}", "entries", number(value(peer[1], COUNTER_tracker_entries)),
			"capacity", number(value(peer[1], COUNTER_tracker_capacity)), "evicted",
			number(value(peer[1], COUNTER_tracker_evicted)));
	bool ingest_up = peer[0] && strcmp(state_of(peer[0], "ingest"), "ready") == 0;
	json_t *o = json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "instance",
		conf_str(c, CONF_instance), "config", conf_path(c), "version", FT_VERSION, "ready",
		(int)ready, "daemons", daemons, "rates", measured, "rings", ring_list, "loss", loss,
		"tracker", tracker, "store", store, "socket_seconds",
		number(value(peer[0], COUNTER_ingest_socket_seconds)), "exporters",
		ingest_up && sample.us ? ctl_ask(c, "ingest", "exporters", "exporters") : json_null());
	json_object_set_new(
		o, "tcp", ingest_up && sample.us ? ctl_ask(c, "ingest", "connections", NULL) : json_null());
	for (unsigned i = 0; i < CTL_DAEMONS; i++)
		if (peer[i])
			counters_peer_close(peer[i]);
	return o;
}
