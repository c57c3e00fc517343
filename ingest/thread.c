/*
 * thread.c - batches of datagrams through the decoder into the flow rings, exactly once (thread.h,
 * contract/datagram_ring.h, contract/stage.h).
 *
 * The commit of a batch says that its datagrams are done and publishes their flows.  When a ring has no room in the
 * middle of a datagram, what has been written is committed with input[1] (datagrams done) and input[2] (flows done of
 * the current one), and decoding goes on when there is room.  A restart decodes that datagram again and drops as many
 * flows as were published.  For this to give the same flows, the decoder changes the source table only when a datagram
 * is finished, what it learnt meanwhile is taken back before loading (learn.h), and the arrival time is the batch's own,
 * kept in the segment.
 *
 * Giving up old waiting sets, and forgetting what a TCP connection taught when it ends, are batches without datagrams:
 * they have a number like any other, so their undo works alike.
 */
#include "ingest/thread.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/counters.h"
#include "common/flow_key.h"
#include "common/lines.h"
#include "common/log.h"
#include "ingest/census.h"
#include "ingest/options.h"

enum { EXPIRE_S = 30, WAIT_US = 50000 };

static const enum counter rows[THREAD_COUNTERS] = {
	[THREAD_DATAGRAMS] = COUNTER_ingest_datagrams,
	[THREAD_FLOWS] = COUNTER_ingest_flows,
	[THREAD_KERNEL_DROPS] = COUNTER_ingest_kernel_drops,
	[THREAD_GAPS] = COUNTER_ingest_sequence_gaps,
	[THREAD_UNDECODABLE] = COUNTER_ingest_undecodable,
	[THREAD_BAD] = COUNTER_ingest_bad_datagrams,
	[THREAD_SETS_DROPPED] = COUNTER_ingest_sets_dropped,
	[THREAD_OLD_REFUSED] = COUNTER_ingest_old_refused,
	[THREAD_EXPORTERS_REFUSED] = COUNTER_ingest_exporters_refused,
	[THREAD_FULL_WAIT_US] = COUNTER_ingest_full_wait_us,
	[THREAD_RESUMED] = COUNTER_ingest_resumed,
	[THREAD_BOUND_HITS] = COUNTER_ingest_bound_hits,
	[THREAD_ELEMENTS_DROPPED] = COUNTER_ingest_elements_dropped,
	[THREAD_FLOWS_DISABLED] = COUNTER_ingest_flows_disabled,
	[THREAD_TCP_ACCEPTED] = COUNTER_ingest_tcp_accepted,
	[THREAD_TCP_REFUSED] = COUNTER_ingest_tcp_refused,
	[THREAD_TCP_BAD] = COUNTER_ingest_tcp_bad,
	[THREAD_TCP_CUT] = COUNTER_ingest_tcp_cut,
	[THREAD_TCP_BROKEN] = COUNTER_ingest_tcp_broken,
	[THREAD_TCP_LOST] = COUNTER_ingest_tcp_lost,
	[THREAD_TLS_FAILED] = COUNTER_ingest_tls_failed,
};

enum counter
ingest_thread_counter(enum thread_counter c)
{
	return rows[c];
}

/* ---- commit ----------------------------------------------------------------------------------- */

static void
publish(struct ingest_thread *t)
{
	const struct ft_stage_record *r = stage_record(&t->stage);
	for (unsigned s = 0; s < t->shards; s++)
		ring_publish(&t->ring[s], r->output[s]);
}

/* the process's counters follow the record; several threads add to one row */
static void
show(struct ingest_thread *t)
{
	const struct ft_stage_record *r = stage_record(&t->stage);
	for (unsigned c = 0; c < THREAD_COUNTERS; c++)
		if (r->counter[c] != t->shown[c]) {
			counter_add(rows[c], r->counter[c] - t->shown[c]);
			t->shown[c] = r->counter[c];
		}
	atomic_store_explicit(&t->waiting_sets, waiting_sets(t->decoder.waiting), memory_order_relaxed);
	atomic_store_explicit(&t->templates, template_count(t->decoder.templates), memory_order_relaxed);
}

static void
commit(struct ingest_thread *t)
{
	struct err err;
	if (t->interfaces)
		interfaces_flush(t->interfaces);
	if (t->labels)
		labels_flush(t->labels);
	/* What cannot be written costs data after the next restart, which is better than to stop now. */
	if (learn_flush(&t->learn, &err) != 0) {
		log_limited(LOG_L_CRITICAL, "what exporters taught can't be remembered: %s", err.text);
		learn_forget(&t->learn);
	}
	stage_commit(&t->stage);
	publish(t);
}

/* A flow ring has no room: commit what there is, wait, begin anew.  False: told to stop. */
static bool
make_room(struct ingest_thread *t, unsigned shard, uint64_t want)
{
	t->stage.next.input[IN_DATAGRAM] = t->datagram;
	t->stage.next.input[IN_FLOW] = t->done;
	commit(t);
	mono_t begin = mono_now();
	uint64_t head = stage_record(&t->stage)->output[shard];
	while (ring_room(&t->ring[shard], head, want) < want &&
		!atomic_load_explicit(t->stop, memory_order_relaxed))
		if (t->while_full)
			t->while_full(t->receive_ctx, t, shard);
		else
			ring_wait_room(&t->ring[shard], head, want, (span_t){WAIT_US});
	t->decoder.totals.full_wait_us += (uint64_t)mono_since(mono_now(), begin).us;
	stage_begin(&t->stage);
	return ring_room(&t->ring[shard], head, want) >= want;
}

/* ---- the decoder's sink ----------------------------------------------------------------------- */

/* The list into the slots behind the record's others; the last one's rest is zero. */
static void
put_elements(struct ring *r, uint64_t at, const struct decoded *d)
{
	for (size_t done = 0, n = d->f.element_bytes; done < n; done += sizeof d->f, at++) {
		uint8_t *slot = ring_slot(r, at);
		size_t part = n - done < sizeof d->f ? n - done : sizeof d->f;
		memcpy(slot, d->elements + done, part);
		memset(slot + part, 0, sizeof d->f - part);
	}
}

static bool
on_flow(void *ctx, const struct decoded *d)
{
	struct ingest_thread *t = ctx;
	bool ext = (d->f.bits & FT_FLOW_EXT) != 0, kept = (d->f.bits & FT_FLOW_ELEMENTS) != 0;
	uint64_t want = ext ? 2 : 1;
	if (kept)
		want += (d->f.element_bytes + sizeof d->f - 1) / sizeof d->f;
	if (t->done < t->skip) {
		t->done++;
		return true;
	}
	unsigned s = flow_key_shard(&d->f, t->shards);
	if (ring_room(&t->ring[s], t->stage.next.output[s], want) < want && !make_room(t, s, want))
		return false;
	uint64_t at = t->stage.next.output[s];
	struct ft_flow *f = ring_slot(&t->ring[s], at);
	lines_copy(f, &d->f, sizeof *f);
	f->slots = (uint8_t)want;
	if (ext)
		lines_copy(ring_slot(&t->ring[s], at + 1), &d->x, sizeof d->x);
	if (kept)
		put_elements(&t->ring[s], at + 1 + ext, d);
	t->stage.next.output[s] = at + want;
	t->done++;
	return true;
}

static uint32_t
on_exporter(void *ctx, const uint8_t address[16], wall_t now)
{
	static const uint8_t no_guid[16];
	struct ingest_thread *t = ctx;
	(void)now;
	return exporters_id(t->exporters, address, no_guid);
}

static uint32_t
on_proxied(void *ctx, const uint8_t address[16], const uint8_t guid[16], wall_t now)
{
	struct ingest_thread *t = ctx;
	(void)now;
	return exporters_id(t->exporters, address, guid);
}

static uint32_t
on_label(void *ctx, uint32_t exporter, const void *text, size_t n)
{
	struct ingest_thread *t = ctx;
	return labels_id(t->labels, exporter, text, n);
}

static bool
on_interface(void *ctx, const struct message *m, struct interface_says *says)
{
	struct ingest_thread *t = ctx;
	const struct ft_exporter *e = exporters_get(t->exporters, m->exporter);
	if (e == NULL)
		return true;
	says->exporter = m->exporter;
	says->address = e->address;
	says->guid = e->guid;
	return interfaces_learn(t->interfaces, says);
}

static void
on_touch(void *ctx, struct ft_source *slot)
{
	struct ingest_thread *t = ctx;
	uint64_t *touched = &t->touched[slot - t->sources];
	if (*touched == t->stage.next.seq)
		return;
	*touched = t->stage.next.seq;
	stage_touch(&t->stage, slot, sizeof *slot);
}

static void
on_trouble(void *ctx, const struct message *m, unsigned set, const char *why)
{
	char from[ADDR_TEXT] = "an unknown exporter";
	const struct ingest_thread *t = ctx;
	const struct ft_exporter *e = exporters_get(t->exporters, m->exporter);
	if (e)
		addr_text(e->address, from);
	log_limited(LOG_L_MEDIUM, "%s port %u, %s domain %u, set %u: %s", t->stream ? "TCP" : "UDP",
		t->decoder.port, from, m->domain, set, why);
}

/* ---- one datagram ----------------------------------------------------------------------------- */

static void
count(struct ingest_thread *t, enum thread_counter c, uint64_t n)
{
	t->stage.next.counter[c] += n;
}

static void
count_totals(struct ingest_thread *t)
{
	const struct decode_totals *n = &t->decoder.totals;
	count(t, THREAD_DATAGRAMS, n->datagrams);
	count(t, THREAD_FLOWS, n->flows);
	count(t, THREAD_GAPS, n->sequence_gaps);
	count(t, THREAD_UNDECODABLE, n->undecodable);
	count(t, THREAD_BAD, n->bad_datagrams);
	count(t, THREAD_SETS_DROPPED, n->sets_dropped);
	count(t, THREAD_OLD_REFUSED, n->old_refused);
	count(t, THREAD_EXPORTERS_REFUSED, n->exporters_refused);
	count(t, THREAD_FULL_WAIT_US, n->full_wait_us);
	count(t, THREAD_BOUND_HITS, n->bound_hits);
	count(t, THREAD_ELEMENTS_DROPPED, n->elements_dropped);
	count(t, THREAD_FLOWS_DISABLED, n->flows_disabled);
}

static void
address_of(const struct sockaddr_storage *from, uint8_t out[16])
{
	if (from->ss_family == AF_INET6)
		memcpy(out, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
	else
		addr_from_v4(out, (const uint8_t *)&((const struct sockaddr_in *)from)->sin_addr);
}

/* The kernel tells with a datagram how many its socket has dropped so far: the difference is of the source that was
 * talking, as far as anybody can tell. */
static void
count_drops(struct ingest_thread *t, const struct msghdr *m)
{
	uint64_t *was = &t->stage.next.id[ID_DROPS + t->batch->socket % THREAD_SOCKETS];
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR((struct msghdr *)(uintptr_t)m, c)) {
		uint32_t now;
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_RXQ_OVFL)
			continue;
		memcpy(&now, CMSG_DATA(c), sizeof now);
		uint32_t dropped = now - (uint32_t)*was;
		*was = now;
		count(t, THREAD_KERNEL_DROPS, dropped);
		t->decoder.work.kernel_drops += dropped;
	}
}

static bool
one_datagram(struct ingest_thread *t, unsigned i)
{
	const struct ft_datagram_slot *slot = &t->datagrams[i];
	const struct mmsghdr *m = &t->batch->msg[i];
	uint8_t from[16];
	size_t n = m->msg_len <= FT_DATAGRAM_BYTES ? m->msg_len : FT_DATAGRAM_BYTES;
	t->datagram = t->learn.datagram = i;
	t->done = 0;
	t->decoder.resumed = t->skip > 0;
	address_of(&slot->from, from);
	if (t->stream) {
		t->decoder.connection = t->batch->socket;
		memcpy(&t->decoder.port, slot->control, sizeof t->decoder.port);
	}
	decode_datagram(&t->decoder, slot->payload, n, from, (wall_t){t->batch->arrived_us});
	if (t->decoder.stopped)
		return false;
	t->skip = 0;
	if (m->msg_hdr.msg_controllen > 0)
		count_drops(t, &m->msg_hdr);
	decode_finish(&t->decoder);
	count_totals(t);
	t->stage.next.input[IN_DATAGRAM] = i + 1;
	t->stage.next.input[IN_FLOW] = 0;
	return true;
}

/* What an administrator set since (setting.h): for whole batches. */
static void
heed_settings(struct ingest_thread *t)
{
	if (t->exporters == NULL ||
		atomic_load_explicit(&t->exporters->generation, memory_order_acquire) == t->generation)
		return;
	settings_drop(t->settings);
	t->decoder.settings = t->settings = exporters_settings(t->exporters);
	t->generation = t->settings ? settings_generation(t->settings) : 0;
}

/* The datagrams of the batch, from where the record says.  False: told to stop; what is left is for the next start. */
static bool
work_off(struct ingest_thread *t, unsigned n)
{
	heed_settings(t);
	stage_begin(&t->stage);
	t->learn.batch = t->stage.next.input[IN_BATCH] + 1;
	t->skip = t->stage.next.input[IN_FLOW];
	t->decoder.limits.refuse_old = atomic_load_explicit(&t->refuse_old, memory_order_relaxed);
	t->decoder.limits.sflow_from = atomic_load_explicit(&t->sflow_from, memory_order_relaxed);
	t->decoder.keep = atomic_load_explicit(&t->keep, memory_order_acquire);
	for (unsigned i = (unsigned)t->stage.next.input[IN_DATAGRAM]; i < n; i++)
		if (!one_datagram(t, i)) {
			learn_forget(&t->learn);
			stage_recover(&t->stage);
			return false;
		}
	t->stage.next.input[IN_BATCH]++;
	t->stage.next.input[IN_DATAGRAM] = t->stage.next.input[IN_FLOW] = 0;
	commit(t);
	show(t);
	return true;
}

/* ---- receiving -------------------------------------------------------------------------------- */

/* Lengths are 0 before the batch's number says that they count (contract/datagram_ring.h, 4). */
static void
arm(struct ingest_thread *t)
{
	for (unsigned i = 0; i < t->batch->count; i++) {
		struct msghdr *m = &t->batch->msg[i].msg_hdr;
		t->batch->msg[i].msg_len = 0;
		m->msg_namelen = sizeof t->datagrams[i].from;
		m->msg_controllen = FT_CONTROL_BYTES;
		m->msg_flags = 0;
	}
	atomic_store_explicit(
		&t->batch->batch, stage_record(&t->stage)->input[IN_BATCH] + 1, memory_order_release);
	atomic_signal_fence(memory_order_seq_cst);
}

static bool
armed(const struct ingest_thread *t)
{
	return atomic_load_explicit(&t->batch->batch, memory_order_acquire) ==
	       stage_record(&t->stage)->input[IN_BATCH] + 1;
}

static unsigned
received(const struct ingest_thread *t)
{
	unsigned n = t->batch->count;
	while (n > 0 && t->batch->msg[n - 1].msg_len == 0)
		n--;
	return n;
}

static bool
resume(struct ingest_thread *t, unsigned n)
{
	uint64_t from = stage_record(&t->stage)->input[IN_DATAGRAM];
	log_high("port %u%s: %u %s that had been received are decoded now", t->port,
		t->stream ? " (TCP)" : "", n - (unsigned)from, t->stream ? "messages" : "datagrams");
	stage_begin(&t->stage);
	count(t, THREAD_RESUMED, n - from);
	stage_commit(&t->stage);
	return work_off(t, n);
}

bool
ingest_thread_turn(struct ingest_thread *t)
{
	if (!armed(t))
		arm(t);
	unsigned n = received(t);
	if (n > 0)
		return resume(t, n);
	n = t->receive(t->receive_ctx, t);
	return n > 0 && work_off(t, n);
}

void
ingest_thread_aside(struct ingest_thread *t, void (*f)(struct ingest_thread *t, void *ctx), void *ctx)
{
	stage_begin(&t->stage);
	t->learn.batch = t->stage.next.input[IN_BATCH] + 1;
	t->learn.datagram = 0;
	t->decoder.totals = (struct decode_totals){0};
	f(t, ctx);
	count_totals(t);
	t->stage.next.input[IN_BATCH]++;
	commit(t);
	show(t);
}

static void
give_up_waiting(struct ingest_thread *t, void *ctx)
{
	(void)ctx;
	(void)waiting_expire(&t->decoder, wall_now());
}

static void
expire(struct ingest_thread *t)
{
	mono_t now = mono_now();
	if (waiting_sets(t->decoder.waiting) == 0 ||
		mono_since(now, t->expired).us < span_seconds(EXPIRE_S).us)
		return;
	t->expired = now;
	ingest_thread_aside(t, give_up_waiting, NULL);
}

static void
forget_one(struct ingest_thread *t, void *ctx)
{
	const uint32_t *id = ctx;
	decoder_forget(&t->decoder, *id);
}

void
ingest_thread_forget(struct ingest_thread *t, uint32_t exporter)
{
	ingest_thread_aside(t, forget_one, &exporter);
}

/* An administrator's wish; like giving up waiting sets, a batch without datagrams. */
static void
forget(struct ingest_thread *t)
{
	uint32_t serial = atomic_load_explicit(&t->exporters->forget_serial, memory_order_acquire);
	if (serial == atomic_load_explicit(&t->forgot, memory_order_relaxed))
		return;
	uint32_t id = atomic_load_explicit(&t->exporters->forget_id, memory_order_relaxed);
	if (t->decoder.census)
		census_forget(t->decoder.census, id);
	ingest_thread_forget(t, id);
	atomic_store_explicit(&t->forgot, serial, memory_order_release);
}

void
ingest_thread_run(struct ingest_thread *t)
{
	while (!atomic_load_explicit(t->stop, memory_order_relaxed)) {
		/* draining: sockets are kept and queue, but what has been received is worked off */
		if (atomic_load_explicit(t->drain, memory_order_relaxed) && !(armed(t) && received(t) > 0)) {
			atomic_store(&t->idle, true);
			ring_wait_room(&t->ring[0], stage_record(&t->stage)->output[0],
				ring_capacity(&t->ring[0]) + 1, (span_t){WAIT_US});
			continue;
		}
		atomic_store_explicit(&t->idle, false, memory_order_relaxed);
		(void)ingest_thread_turn(t);
		if (!(armed(t) && received(t) > 0)) {
			expire(t);
			forget(t);
		}
	}
}

/* ---- opening ---------------------------------------------------------------------------------- */

#define INGEST_LAYOUT                                                                                        \
	FT_LAYOUT5(sizeof(struct ft_source), sizeof(struct ingest_header), sizeof(struct ft_datagram_slot),  \
		sizeof(struct ft_stage_record), sizeof(struct ft_datagram_batch) + FT_DATAGRAMS)
enum { PAGE = 4096 };

static uint64_t
take(uint64_t *at, uint64_t bytes, uint64_t align)
{
	uint64_t begin = (*at + align - 1) / align * align;
	*at = begin + bytes;
	return begin;
}

/* every source once, for giving up waiting sets, is more than a batch of datagrams can touch */
static size_t
undo_bytes(uint32_t sources)
{
	return ((size_t)sources + FT_DATAGRAMS) * (sizeof(struct ft_source) + sizeof(struct ft_undo_entry));
}

static uint64_t
lay_out(struct ingest_header *h, uint32_t sources)
{
	uint64_t at = sizeof *h;
	h->sources = sources;
	h->at_stage = take(&at, stage_bytes(undo_bytes(sources)), FT_LINE);
	h->at_sources = take(&at, (uint64_t)sources * sizeof(struct ft_source), FT_LINE);
	h->at_batch = take(&at, sizeof(struct ft_datagram_batch), FT_LINE);
	h->at_datagrams = take(&at, FT_DATAGRAMS * sizeof(struct ft_datagram_slot), PAGE);
	return at;
}

size_t
ingest_segment_bytes(uint32_t sources)
{
	struct ingest_header h;
	return lay_out(&h, sources);
}

void
ingest_segment_format(void *memory, uint32_t sources)
{
	struct ingest_header *h = memory;
	(void)lay_out(h, sources);
	stage_format(memory, h->at_stage, undo_bytes(sources));
	((struct ft_datagram_batch *)((uint8_t *)memory + h->at_batch))->count = FT_DATAGRAMS;
}

static void
point_messages(struct ingest_thread *t)
{
	for (unsigned i = 0; i < t->batch->count; i++) { /* pointers are this process's */
		struct msghdr *m = &t->batch->msg[i].msg_hdr;
		t->batch->iov[i] = (struct iovec){t->datagrams[i].payload, FT_DATAGRAM_BYTES};
		m->msg_name = &t->datagrams[i].from;
		m->msg_iov = &t->batch->iov[i];
		m->msg_iovlen = 1;
		m->msg_control = t->datagrams[i].control;
	}
}

/* Which port's templates count.  A segment may hold an unfinished batch of another port (the configuration changed): that is
 * worked off as what it was, and this process goes on so; the next one learns for the new port. */
static uint16_t
learning_port(struct ingest_thread *t)
{
	uint64_t was = stage_record(&t->stage)->id[ID_PORT];
	if (was == t->port)
		return (uint16_t)was;
	if (was != 0 && armed(t) && received(t) > 0)
		return (uint16_t)was;
	stage_begin(&t->stage);
	t->stage.next.id[ID_PORT] = t->port;
	stage_commit(&t->stage);
	return (uint16_t)t->port;
}

int
ingest_thread_attach(struct ingest_thread *t, const struct ingest_thread_options *o, struct err *err)
{
	uint8_t *base = (uint8_t *)t->h;
	struct stage_use use = {IN_USED, o->shards, ID_USED, THREAD_COUNTERS};
	t->i = o->index;
	t->port = o->port;
	t->stream = o->port == 0;
	t->shards = o->shards;
	t->sources = (struct ft_source *)(base + t->h->at_sources);
	t->batch = (struct ft_datagram_batch *)(base + t->h->at_batch);
	t->datagrams = (struct ft_datagram_slot *)(base + t->h->at_datagrams);
	stage_attach_used(&t->stage, base, t->h->at_stage, &use);
	stage_recover(&t->stage);
	publish(t);
	t->touched = calloc(t->h->sources, sizeof *t->touched);
	if (t->touched == NULL)
		return err_set(
			err, FT_ENOMEM, "out of memory for %llu sources", (unsigned long long)t->h->sources);
	point_messages(t);
	const struct ft_stage_record *r = stage_record(&t->stage);
	t->learn = (struct learn){.kv = o->kv,
		.db = o->db,
		.port = learning_port(t),
		.incarnation = t->h->seg.incarnation,
		.batch = r->input[IN_BATCH] + 1};
	int rc = learn_recover(&t->learn, armed(t), (uint32_t)r->input[IN_DATAGRAM], err);
	if (rc != 0)
		return rc;
	t->decoder.sink = (struct decode_sink){.ctx = t,
		.flow = on_flow,
		.trouble = on_trouble,
		.exporter = on_exporter,
		.proxied = on_proxied,
		.touch = on_touch,
		.label = t->labels ? on_label : NULL,
		.interface = t->interfaces ? on_interface : NULL};
	t->decoder.limits = (struct decode_limits){
		.templates = o->templates, .waiting = o->waiting_bytes, .sources = (unsigned)t->h->sources};
	t->decoder.learn = &t->learn;
	t->decoder.port = (uint16_t)o->port;
	if (decoder_init(&t->decoder, t->sources, &t->stage.next.id[ID_SOURCES]) != 0)
		return err_set(err, FT_ENOMEM, "out of memory for templates");
	return decoder_load(&t->decoder, err);
}

void
ingest_thread_detach(struct ingest_thread *t)
{
	decoder_close(&t->decoder);
	settings_drop(t->settings);
	t->settings = NULL;
	learn_close(&t->learn);
	free(t->touched);
	t->touched = NULL;
}

static int
open_segment(
	struct ingest_thread *t, const char *shm_dir, const struct ingest_thread_options *o, struct err *err)
{
	static const struct shm_kind kind = {FT_INGEST_MAGIC, FT_INGEST_VERSION, INGEST_LAYOUT};
	char name[32];
	bool made;
	snprintf(name, sizeof name, "ingest.%u", o->index);
	int rc = shm_open_or_create(
		&t->shm, shm_dir, name, &kind, ingest_segment_bytes(o->sources), &made, err);
	if (rc != 0)
		return rc;
	t->h = t->shm.base;
	if (made) {
		ingest_segment_format(t->h, o->sources);
		rc = shm_publish(&t->shm, err);
	}
	return rc ? rc : shm_hold(&t->shm, 0, err);
}

static int
open_rings(
	struct ingest_thread *t, const char *shm_dir, const struct ingest_thread_options *o, struct err *err)
{
	static const struct shm_kind kind = {FT_FLOW_MAGIC, FT_FLOW_VERSION, FT_FLOW_LAYOUT};
	char name[40];
	for (unsigned s = 0; s < o->shards; s++) {
		snprintf(name, sizeof name, "flow.%u.%u", o->index, s);
		int rc = ring_create(
			&t->ring[s], shm_dir, name, &kind, sizeof(struct ft_flow), o->ring_slots, err);
		if (rc != 0)
			return rc;
		shm_map_now(&t->ring[s].shm);
	}
	return 0;
}

int
ingest_thread_open(struct ingest_thread *t, const char *shm_dir, const struct ingest_thread_options *o,
	struct exporter_table *x, _Atomic bool *stop, _Atomic bool *drain, struct err *err)
{
	memset(t, 0, sizeof *t);
	t->exporters = x;
	t->labels = o->labels;
	t->interfaces = o->interfaces;
	t->stop = stop;
	t->drain = drain;
	int rc = open_segment(t, shm_dir, o, err);
	if (rc == 0)
		rc = open_rings(t, shm_dir, o, err);
	return rc ? rc : ingest_thread_attach(t, o, err);
}

void
ingest_thread_new_socket(struct ingest_thread *t, unsigned socket)
{
	stage_begin(&t->stage);
	t->stage.next.id[ID_DROPS + socket % THREAD_SOCKETS] = 0;
	stage_commit(&t->stage);
}

void
ingest_thread_close(struct ingest_thread *t)
{
	ingest_thread_detach(t);
	for (unsigned s = 0; s < t->shards; s++)
		ring_close(&t->ring[s]);
	shm_close(&t->shm);
}
