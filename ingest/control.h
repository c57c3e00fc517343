/*
 * control.h - the main thread's side of ft-ingest: control operations, housekeeping, figures.
 */
#ifndef FT_INGEST_CONTROL_H
#define FT_INGEST_CONTROL_H

#include "common/proc.h"
#include "ingest/exporter_set.h"
#include "ingest/hourly.h"
#include "ingest/tcp.h"

/* what config.def allows: netflowport 8, sflowport 4 */
enum { INGEST_PORTS = 8 + 4 };
/* segments of the thread of TCP have this number, however many UDP ports there are: it can't be taken for one of them */
enum { INGEST_TCP = INGEST_PORTS, INGEST_THREADS };

struct ingest {
	struct proc *proc;
	struct kv *kv;
	unsigned db;
	struct exporter_table exporters;
	struct label_table labels;
	struct interface_table interfaces;
	struct ingest_thread thread[INGEST_THREADS]; /* that of TCP, if there is one, is the last */
	struct port_sockets sockets[INGEST_PORTS];
	struct tee tee[2]; /* of NetFlow ports, of sFlow ports */
	struct tcp tcp;
	bool has_tcp;
	unsigned n;
	int wake;
	_Atomic bool stop, drain;
	struct rpc_call *draining, *forgetting; /* wait for their answer */
	bool forget_open;                       /* forget.h: threads have yet to do it */
	struct hourly *hourly[INGEST_THREADS];  /* a source slot; NULL: no memory for it */
	mono_t synced, looked;
	struct keep *keep;       /* the latest choice of elements, and those before it */
	const struct keep *kept; /* the one in force; NULL: none */
};

/* Control operations, contract/rpc.h has them: "exporters", "exporters.list", ".get", ".set", ".forget", ".elements",
 * "connections", "interfaces" (interface_control.c), "drain" (finish what was received, read no more). */
void ingest_control(void *ctx, struct rpc_call *call);
/* Which elements are kept, as the configuration says (kept.h). */
void ingest_keep(struct ingest *g, const struct conf *c);
/* the file of names of interfaces, if one is set; what is wrong with it is a log line */
void ingest_read_interfaces(struct ingest *g, const struct conf *conf);
void ingest_reload(void *ctx, const struct conf *was, const struct conf *now);
/* SUM counters are the sums of the threads' records; called before threads run */
void ingest_restore_counters(struct ingest *g);
/* exporter_show.c; new: each source in words; each exporter with its sources; one, with its interfaces, too */
json_t *ingest_sources_json(const struct ingest *g);
json_t *ingest_exporters_json(const struct ingest *g);
json_t *ingest_exporter_json(const struct ingest *g, uint32_t id);
void ingest_show_buffers(struct ingest *g, uint64_t bytes);
/* a few times a second: sync LMDB once a second, gauges, answer a drain */
void ingest_housekeeping(struct ingest *g);

#endif
