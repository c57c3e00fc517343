/*
 * receive.c - see receive.h.
 */
#include "proxy/receive.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/counters.h"
#include "common/hash.h"
#include "common/log.h"
#include "ingest/options.h"

#define STATE_MAGIC UINT64_C(0x3153595850544600)
#define STATE_LAYOUT ((uint64_t)sizeof(struct ft_source) << 32 | RECEIVE_SOURCES)
enum { DATAGRAM = 65536, TURN = 256, EXPIRE_S = 30, SYNC_S = 1, INDEX = 65536 };

struct receive_state {
	uint64_t magic, layout, n_sources, n_exporters;
	uint8_t exporter[RECEIVE_EXPORTERS][16];
	struct ft_source source[RECEIVE_SOURCES];
};

/* ---- the decoder's sink ----------------------------------------------------------------------- */

static uint32_t
on_exporter(void *ctx, const uint8_t address[16], wall_t now)
{
	struct receive *r = ctx;
	struct receive_state *s = r->state;
	(void)now;
	for (uint64_t i = 0; i < s->n_exporters; i++)
		if (memcmp(s->exporter[i], address, 16) == 0)
			return (uint32_t)i + 1;
	if (s->n_exporters == RECEIVE_EXPORTERS)
		return 0;
	memcpy(s->exporter[s->n_exporters], address, 16);
	s->n_exporters++;
	atomic_store(&r->exporters, (uint32_t)s->n_exporters);
	return (uint32_t)s->n_exporters;
}

/* Names are the same for all exporters here: the collector tells them apart. */
static uint32_t
on_label(void *ctx, uint32_t exporter, const void *text, size_t n)
{
	struct receive *r = ctx;
	char name[PROXIED_TEXT + 1];
	(void)exporter;
	n = strnlen(text, n < PROXIED_TEXT ? n : PROXIED_TEXT);
	if (n == 0)
		return 0;
	memcpy(name, text, n);
	name[n] = 0;
	uint32_t at = (uint32_t)hash_bytes(name, n, hash_secret()) % INDEX;
	for (; r->label_index[at]; at = (at + 1) % INDEX)
		if (strcmp(r->label[r->label_index[at] - 1], name) == 0)
			return r->label_index[at];
	if (r->n_labels == RECEIVE_LABELS || (r->label[r->n_labels] = strdup(name)) == NULL)
		return 0;
	r->label_index[at] = ++r->n_labels;
	return r->n_labels;
}

static void
put(struct receive *r)
{
	encode_end(&r->encoder);
	if (r->encoder.flows)
		r->put(r->ctx, &r->encoder);
	encode_begin(&r->encoder);
}

static bool
on_flow(void *ctx, const struct decoded *d)
{
	struct receive *r = ctx;
	struct proxied_origin o = {.name = NULL};
	memcpy(o.exporter, r->state->exporter[d->f.exporter - 1], 16);
	memcpy(o.guid, r->guid, 16);
	if (d->f.bits & FT_FLOW_EXT && d->x.has & FT_EXT_APP_NAME && d->x.app_name) {
		o.name = (const uint8_t *)r->label[d->x.app_name - 1];
		o.n = (uint32_t)strlen(r->label[d->x.app_name - 1]);
	}
	if (!encode_flow(&r->encoder, &d->f, &d->x, &o)) {
		put(r);
		(void)encode_flow(&r->encoder, &d->f, &d->x, &o);
	}
	return true;
}

static void
on_trouble(void *ctx, const struct message *m, unsigned set, const char *why)
{
	char from[ADDR_TEXT] = "an unknown exporter";
	const struct receive *r = ctx;
	if (m->exporter)
		addr_text(r->state->exporter[m->exporter - 1], from);
	log_limited(LOG_L_MEDIUM, "port %u, %s domain %u, set %u: %s", r->decoder.port, from, m->domain, set,
		why);
}

/* ---- datagrams -------------------------------------------------------------------------------- */

static void
count(const struct decode_totals *n)
{
	counter_add(COUNTER_proxy_datagrams, n->datagrams);
	counter_add(COUNTER_proxy_flows, n->flows);
	counter_add(COUNTER_proxy_sequence_gaps, n->sequence_gaps);
	counter_add(COUNTER_proxy_undecodable, n->undecodable);
	counter_add(COUNTER_proxy_bad_datagrams, n->bad_datagrams);
	counter_add(COUNTER_proxy_sets_dropped, n->sets_dropped);
	counter_add(COUNTER_proxy_refused, n->exporters_refused + n->old_refused);
}

void
receive_datagram(struct receive *r, const uint8_t *p, size_t n, const uint8_t from[16], wall_t arrived)
{
	struct err err;
	r->learn.batch++;
	decode_datagram(&r->decoder, p, n, from, arrived);
	if (learn_flush(&r->learn, &err) != 0) {
		log_limited(LOG_L_CRITICAL, "what exporters taught can't be remembered: %s", err.text);
		learn_forget(&r->learn);
	}
	put(r);
	decode_finish(&r->decoder);
	count(&r->decoder.totals);
}

static void
count_drops(struct receive *r, unsigned port, unsigned i, struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		uint32_t now;
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_RXQ_OVFL)
			continue;
		memcpy(&now, CMSG_DATA(c), sizeof now);
		counter_add(COUNTER_proxy_kernel_drops, now - r->drops[port][i]);
		r->drops[port][i] = now;
	}
}

/* Up to TURN datagrams of one socket. */
static void
read_socket(struct receive *r, unsigned port, unsigned i)
{
	static uint8_t bytes[DATAGRAM];
	r->decoder.port = (uint16_t)r->port[port].port;
	for (unsigned turn = 0; turn < TURN && !atomic_load_explicit(&r->stop, memory_order_relaxed);
		turn++) {
		struct sockaddr_storage from;
		uint8_t address[16];
		union {
			struct cmsghdr h;
			char room[64];
		} control;
		struct iovec v = {bytes, sizeof bytes};
		struct msghdr m = {&from, sizeof from, &v, 1, &control, sizeof control, 0};
		ssize_t n = recvmsg(r->port[port].fd[i], &m, MSG_DONTWAIT);
		if (n < 0)
			return;
		if (from.ss_family == AF_INET6)
			memcpy(address, &((struct sockaddr_in6 *)&from)->sin6_addr, 16);
		else
			addr_from_v4(address, (const uint8_t *)&((struct sockaddr_in *)&from)->sin_addr);
		count_drops(r, port, i, &m);
		receive_datagram(r, bytes, (size_t)n, address, wall_now());
	}
}

static void
now_and_then(struct receive *r, mono_t *synced, mono_t *expired)
{
	mono_t now = mono_now();
	struct err err;
	if (mono_since(now, *synced).us > span_seconds(SYNC_S).us) {
		*synced = now;
		if (kv_sync(r->kv, &err) != 0)
			log_limited(LOG_L_CRITICAL, "%s", err.text);
	}
	if (mono_since(now, *expired).us > span_seconds(EXPIRE_S).us) {
		*expired = now;
		r->learn.batch++;
		r->decoder.totals = (struct decode_totals){0};
		(void)waiting_expire(&r->decoder, wall_now());
		count(&r->decoder.totals);
		(void)learn_flush(&r->learn, &err);
	}
}

static void *
run(void *ctx)
{
	struct receive *r = ctx;
	struct pollfd at[RECEIVE_PORTS * THREAD_SOCKETS + 1];
	mono_t synced = mono_now(), expired = synced;
	while (!atomic_load(&r->stop)) {
		nfds_t n = 0;
		at[n++] = (struct pollfd){r->wake, POLLIN, 0};
		for (unsigned p = 0; p < r->ports; p++)
			for (unsigned i = 0; i < r->port[p].n; i++)
				at[n++] = (struct pollfd){r->port[p].fd[i], POLLIN, 0};
		(void)poll(at, n, 250);
		n = 1;
		for (unsigned p = 0; p < r->ports; p++)
			for (unsigned i = 0; i < r->port[p].n; i++)
				if (at[n++].revents)
					read_socket(r, p, i);
		now_and_then(r, &synced, &expired);
	}
	return NULL;
}

/* ---- life ------------------------------------------------------------------------------------- */

static int
open_state(struct receive *r, const char *dir, struct err *err)
{
	char path[400];
	snprintf(path, sizeof path, "%s/state", dir);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return err_sys(err, "%s: can't open", path);
	/* held for life: the descriptor stays open */
	if (fcntl(fd, F_OFD_SETLK, &lock) != 0)
		return err_set(
			err, FT_EBUSY, "%s: another ft-proxy runs here; give each its own queuepath", dir);
	errno = posix_fallocate(fd, 0, sizeof *r->state);
	if (errno != 0)
		return err_sys(err, "%s: no room", path);
	void *p = mmap(NULL, sizeof *r->state, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(err, "%s: can't map", path);
	r->state = p;
	if (r->state->magic != STATE_MAGIC || r->state->layout != STATE_LAYOUT ||
		r->state->n_sources > RECEIVE_SOURCES || r->state->n_exporters > RECEIVE_EXPORTERS) {
		r->state->n_sources = r->state->n_exporters = 0;
		r->state->layout = STATE_LAYOUT;
		r->state->magic = STATE_MAGIC;
	}
	atomic_store(&r->exporters, (uint32_t)r->state->n_exporters);
	return 0;
}

static int
open_decoder(struct receive *r, const struct conf *c, const char *dir, struct err *err)
{
	int rc = learn_open(&r->kv, &r->db, dir, err);
	if (rc != 0)
		return rc;
	/* the port is no part of what was learnt: one thread has all */
	r->learn = (struct learn){.kv = r->kv, .db = r->db, .port = 1, .incarnation = 1};
	rc = learn_recover(&r->learn, false, 0, err);
	if (rc != 0)
		return rc;
	r->decoder.sink = (struct decode_sink){
		.ctx = r, .flow = on_flow, .trouble = on_trouble, .exporter = on_exporter, .label = on_label};
	r->decoder.limits =
		(struct decode_limits){.templates = (unsigned)conf_uint(c, CONF_netflow_maxtemplates),
			.waiting = 16 << 20,
			.sources = RECEIVE_SOURCES,
			.refuse_old = !conf_bool(c, CONF_netflow_ignoreoldnetflows),
			.sflow_from = !conf_bool(c, CONF_sflow_agentaddress)};
	r->decoder.learn = &r->learn;
	if (decoder_init(&r->decoder, r->state->source, &r->state->n_sources) != 0)
		return err_set(err, FT_ENOMEM, "out of memory for templates");
	return decoder_load(&r->decoder, err);
}

static int
open_ports(struct receive *r, const struct conf *c, struct err *err)
{
	static const struct {
		enum conf_key ports, address;
	} row[] = {{CONF_netflow_netflowport, CONF_netflow_listenaddress},
		{CONF_sflow_sflowport, CONF_netflow_listenaddress}};
	const char *const *words;
	uint64_t want = conf_uint(c, CONF_stall) * conf_uint(c, CONF_peakflows) * 100;
	unsigned bad = 0;
	for (unsigned k = 0; k < 2; k++)
		for (unsigned i = 0; i < conf_list(c, row[k].ports, &words) && r->ports < RECEIVE_PORTS;
			i++) {
			struct port_sockets *p = &r->port[r->ports];
			if (sockets_open(p, conf_str(c, row[k].address), conf_port(c, row[k].ports, i), want,
				    err) == 0)
				r->ports++;
			else {
				log_critical("%s", err->text);
				sockets_close(p);
				bad++;
			}
		}
	return r->ports == 0 && bad ? err->code : 0;
}

int
receive_open(
	struct receive *r, const struct conf *c, const char *dir, const uint8_t guid[16], struct err *err)
{
	memcpy(r->guid, guid, 16);
	r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->label = calloc(RECEIVE_LABELS, sizeof *r->label);
	r->label_index = calloc(INDEX, sizeof *r->label_index);
	if (r->wake < 0 || r->label == NULL || r->label_index == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	encode_begin(&r->encoder);
	int rc = open_state(r, dir, err);
	if (rc == 0)
		rc = open_decoder(r, c, dir, err);
	return rc ? rc : open_ports(r, c, err);
}

int
receive_start(struct receive *r, struct err *err)
{
	errno = pthread_create(&r->thread, NULL, run, r);
	r->running = errno == 0;
	return r->running ? 0 : err_sys(err, "can't make a thread");
}

void
receive_close(struct receive *r)
{
	uint64_t one = 1;
	struct err err;
	if (r->running) {
		atomic_store(&r->stop, true);
		if (write(r->wake, &one, sizeof one) < 0)
			log_low("receiving is told to stop already");
		pthread_join(r->thread, NULL);
		r->running = false;
	}
	for (unsigned i = 0; i < r->ports; i++)
		sockets_close(&r->port[i]);
	if (r->decoder.templates)
		decoder_close(&r->decoder);
	learn_close(&r->learn);
	if (r->kv) {
		(void)kv_sync(r->kv, &err);
		kv_close(r->kv);
	}
	for (unsigned i = 0; i < r->n_labels; i++)
		free(r->label[i]);
	free(r->label);
	free(r->label_index);
	if (r->state)
		munmap(r->state, sizeof *r->state);
	r->state = NULL;
}
