/*
 * ft-ingest - takes flow datagrams from UDP sockets and IPFIX messages from TCP connections, decodes them, and hands
 * flows to ft-tracker.
 *
 * Owns: statedir/ingest.lmdb, segments "ingest.<i>", "flow.<i>.<s>", "exporters", "labels", "interfaces".  One thread a UDP port, one for
 * TCP; the main thread
 * answers the control socket.  Must never wait for a disk on the way of a datagram.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/counters.h"
#include "common/log.h"
#include "common/proc.h"
#include "ingest/control.h"
#include "ingest/census.h"
#include "ingest/forget.h"

/* 4 bytes of a flow's share of its datagram's header, kernel bookkeeping and all; 60 of its record */
enum { QUEUE_BYTES_A_FLOW = 120, SOURCES_AN_EXPORTER = 2, TCP_RING_FLOWS = 65536 };

static int
open_state(struct ingest *g, const char *dir, struct err *err)
{
	if (mkdir(dir, 0750) != 0 && errno != EEXIST)
		return err_sys(err, "%s: can't make the folder", dir);
	return learn_open(&g->kv, &g->db, dir, err);
}

/* The next thread, with segment and rings; port 0: that of TCP. */
static int
open_thread(struct ingest *g, const struct proc *p, unsigned index, unsigned port, uint64_t flows,
	uint64_t *memory, struct err *err)
{
	const struct conf *c = p->conf;
	struct ingest_thread_options o = {.index = index,
		.port = port,
		.shards = (unsigned)conf_uint(c, CONF_sessiontables_trackerthreads),
		.sources = (uint32_t)conf_uint(c, CONF_netflow_maxexporters) * SOURCES_AN_EXPORTER,
		.templates = (uint32_t)conf_uint(c, CONF_netflow_maxtemplates),
		.waiting_bytes = conf_uint(c, CONF_netflow_maxwaiting),
		.labels = &g->labels,
		.interfaces = &g->interfaces,
		.kv = g->kv,
		.db = g->db};
	struct ingest_thread *t = &g->thread[g->n];
	o.ring_slots = flows / o.shards;
	int rc = ingest_thread_open(t, p->shm, &o, &g->exporters, &g->stop, &g->drain, err);
	if (rc != 0)
		return rc;
	atomic_store(&t->refuse_old, !conf_bool(c, CONF_netflow_ignoreoldnetflows));
	atomic_store(&t->sflow_from, !conf_bool(c, CONF_sflow_agentaddress));
	*memory += t->shm.size;
	for (unsigned i = 0; i < o.shards; i++)
		*memory += t->ring[i].shm.size;
	return 0;
}

static int
open_port(struct ingest *g, const struct proc *p, unsigned port, uint64_t *memory, struct err *err)
{
	const struct conf *c = p->conf;
	uint64_t flows = conf_uint(c, CONF_stall) * conf_uint(c, CONF_peakflows);
	struct ingest_thread *t = &g->thread[g->n];
	struct port_sockets *s = &g->sockets[g->n];
	/* A port that can't be bound leaves its rings in place all the same: they may hold flows. */
	int rc = open_thread(g, p, g->n, port, flows, memory, err);
	if (rc != 0)
		return rc;
	if (sockets_open(s, conf_str(c, CONF_netflow_listenaddress), port, flows * QUEUE_BYTES_A_FLOW, err) !=
		0)
		log_critical("%s", err->text);
	for (unsigned i = 0; i < s->n; i++)
		if (s->fresh[i])
			ingest_thread_new_socket(t, i);
	t->receive = sockets_receive;
	t->receive_ctx = s;
	s->wake = g->wake;
	s->batch = (unsigned)conf_uint(c, CONF_netflow_batch);
	g->n++;
	return 0;
}

/* All TCP ports and their connections are one thread's.  Its ring need not hold `stall` seconds: when it is full, senders
 * wait. */
static int
open_tcp(struct ingest *g, const struct proc *p, uint64_t *memory, unsigned *listening, struct err *err)
{
	struct ingest_thread *t = &g->thread[g->n];
	uint64_t flows = conf_uint(p->conf, CONF_stall) * conf_uint(p->conf, CONF_peakflows);
	if (!tcp_wanted(p->conf)) {
		tcp_abandon();
		return 0;
	}
	int rc = open_thread(
		g, p, INGEST_TCP, 0, flows < TCP_RING_FLOWS ? flows : TCP_RING_FLOWS, memory, err);
	if (rc == 0)
		rc = tcp_open(&g->tcp, p->conf, g->wake, err);
	if (rc != 0)
		return rc;
	for (unsigned i = 0; i < g->tcp.ports; i++)
		*listening += g->tcp.port[i].n > 0;
	t->receive = tcp_receive;
	t->receive_ctx = &g->tcp;
	g->has_tcp = true;
	g->n++;
	return 0;
}

/* Ports of NetFlow and of sFlow differ by nothing but their setting: a datagram says itself what it is. */
static int
open_ports(struct ingest *g, const struct proc *p, struct err *err)
{
	static const enum conf_key keys[] = {CONF_netflow_netflowport, CONF_sflow_sflowport};
	const char *const *words;
	unsigned ports = 0, listening = 0, tcp = 0;
	uint64_t memory = 0;
	for (unsigned k = 0; k < sizeof keys / sizeof keys[0]; k++) {
		unsigned n = conf_list(p->conf, keys[k], &words);
		for (unsigned i = 0; i < n && g->n < INGEST_PORTS; i++) {
			int rc = open_port(g, p, conf_port(p->conf, keys[k], i), &memory, err);
			if (rc != 0)
				return rc;
			listening += g->sockets[g->n - 1].n > 0;
		}
		ports += n;
	}
	if (listening == 0)
		return err_set(err, FT_EBUSY,
			"none of the %u ports of netflowport and sflowport can be listened at", ports);
	int rc = open_tcp(g, p, &memory, &tcp, err);
	if (rc != 0)
		return rc;
	ingest_show_buffers(
		g, conf_uint(p->conf, CONF_stall) * conf_uint(p->conf, CONF_peakflows) * QUEUE_BYTES_A_FLOW);
	log_high("listening at %u of %u UDP ports and %u of %u TCP ports; %.0f MB of shared memory",
		listening, ports, tcp, g->tcp.ports, (double)memory / 1e6);
	return 0;
}

/* Other collectors that get what comes in: NetFlow ports and sFlow ports have their own. */
static int
open_tees(struct ingest *g, const struct proc *p, struct err *err)
{
	static const enum conf_key tees[] = {CONF_netflow_tee, CONF_sflow_tee},
				   ports[] = {CONF_netflow_netflowport, CONF_sflow_sflowport};
	const char *const *words;
	unsigned own[INGEST_PORTS], n_own = 0, netflow = conf_list(p->conf, ports[0], &words);
	for (unsigned k = 0; k < 2; k++) {
		unsigned n = conf_list(p->conf, ports[k], &words);
		for (unsigned i = 0; i < n && n_own < INGEST_PORTS; i++)
			own[n_own++] = conf_port(p->conf, ports[k], i);
	}
	for (unsigned k = 0; k < 2; k++) {
		unsigned n = conf_list(p->conf, tees[k], &words);
		int rc = tee_open(&g->tee[k], words, n, own, n_own, err);
		if (rc != 0)
			return rc;
	}
	for (unsigned i = 0; i < INGEST_PORTS; i++) /* the ports of NetFlow come first */
		g->sockets[i].tee = &g->tee[i >= netflow];
	return 0;
}

static void *
run(void *thread)
{
	ingest_thread_run(thread);
	return NULL;
}

static int
open_all(struct ingest *g, struct proc *p, struct err *err)
{
	g->proc = p;
	g->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (g->wake < 0)
		return err_sys(err, "can't make an eventfd");
	int rc = open_state(g, conf_str(p->conf, CONF_statedir), err);
	if (rc == 0)
		rc = exporters_open(&g->exporters, p->shm, g->kv,
			(uint32_t)conf_uint(p->conf, CONF_netflow_maxexporters), err);
	if (rc == 0)
		rc = labels_open(&g->labels, p->shm, g->kv,
			(uint32_t)conf_uint(p->conf, CONF_netflow_maxlabels),
			(uint32_t)conf_uint(p->conf, CONF_netflow_maxexporters), err);
	if (rc == 0)
		rc = open_tees(g, p, err);
	if (rc == 0)
		rc = interfaces_open(&g->interfaces, p->shm, g->kv,
			(uint32_t)conf_uint(p->conf, CONF_netflow_maxinterfaces),
			(uint32_t)conf_uint(p->conf, CONF_netflow_maxexporters), err);
	if (rc == 0)
		ingest_read_interfaces(g, p->conf);
	if (rc == 0)
		rc = open_ports(g, p, err);
	if (rc == 0) {
		ingest_restore_counters(g);
		ingest_keep(g, p->conf);
		for (unsigned i = 0; i < g->n; i++)
			g->thread[i].decoder.census = census_new(); /* without memory nobody is told */
		rc = forget_resume(g, err);
	}
	return rc;
}

static void
close_all(struct ingest *g)
{
	struct err err;
	for (unsigned i = 0; i < g->n; i++) {
		census_free(g->thread[i].decoder.census);
		ingest_thread_close(&g->thread[i]);
	}
	for (unsigned i = 0; i < INGEST_THREADS; i++)
		free(g->hourly[i]);
	for (unsigned i = 0; i < g->n - g->has_tcp; i++)
		sockets_close(&g->sockets[i]);
	if (g->has_tcp)
		tcp_close(&g->tcp);
	interfaces_close(&g->interfaces);
	labels_close(&g->labels);
	for (struct keep *k = g->keep, *was; k; k = was) {
		was = k->was;
		free(k);
	}
	for (unsigned k = 0; k < 2; k++)
		tee_close(&g->tee[k]);
	exporters_close(&g->exporters);
	if (kv_sync(g->kv, &err) != 0)
		log_critical("%s", err.text);
	kv_close(g->kv);
}

int
main(int argc, char **argv)
{
	static struct ingest g;
	struct proc p = {.ctx = &g, .on_ctl = ingest_control, .on_reload = ingest_reload};
	struct err err = {0};
	pthread_t thread[INGEST_THREADS];
	if (proc_start(&p, "ft-ingest", argc, argv) != 0)
		return p.exit_code;
	if (open_all(&g, &p, &err) != 0)
		return proc_fail(&p, &err);
	for (unsigned i = 0; i < g.n; i++)
		if ((errno = pthread_create(&thread[i], NULL, run, &g.thread[i])) != 0) {
			err_sys(&err, "can't start a thread");
			return proc_fail(&p, &err);
		}
	proc_ready(&p);
	while (proc_running(&p)) {
		/* rpc_server_turn needs some time for itself; a quarter of a second is often enough for the rest */
		proc_turn(&p, (span_t){g.draining || g.forget_open ? 20000 : 250000});
		ingest_housekeeping(&g);
	}
	uint64_t one = 1;
	atomic_store(&g.stop, true);
	ssize_t n = write(g.wake, &one, sizeof one);
	(void)n; /* an eventfd takes it always */
	for (unsigned i = 0; i < g.n; i++)
		pthread_join(thread[i], NULL);
	close_all(&g);
	return proc_stop(&p);
}
