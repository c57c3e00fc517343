/*
 * intake.c - see intake.h.
 */
#include "proxy/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/counters.h"
#include "common/hash.h"
#include "common/log.h"
#include "ingest/interface.h"
#include "ingest/options.h"

#define STATE_MAGIC UINT64_C(0x3253595850544600)
#define STATE_LAYOUT ((uint64_t)sizeof(struct ft_source) << 32 | INTAKE_SOURCES)
enum { EXPIRE_S = 30, SYNC_S = 1, INDEX = 65536, TOLD_S = 3600, WAITING = 16 << 20 };

struct intake_state {
	uint64_t magic, layout, n_sources, n_exporters;
	_Atomic uint64_t in_hand; /* a datagram was taken, and is not in all queues yet */
	uint8_t exporter[INTAKE_EXPORTERS][16];
	struct ft_source source[INTAKE_SOURCES];
};

/* ---- the decoder's sink ----------------------------------------------------------------------- */

static uint32_t
on_exporter(void *ctx, const uint8_t address[16], wall_t now)
{
	struct intake *k = ctx;
	struct intake_state *s = k->state;
	(void)now;
	for (uint64_t i = 0; i < s->n_exporters; i++)
		if (memcmp(s->exporter[i], address, 16) == 0)
			return (uint32_t)i + 1;
	if (s->n_exporters == INTAKE_EXPORTERS)
		return 0;
	memcpy(s->exporter[s->n_exporters], address, 16);
	s->n_exporters++;
	atomic_store(&k->exporters, (uint32_t)s->n_exporters);
	return (uint32_t)s->n_exporters;
}

/* Names are the same for all exporters here: the collector tells them apart. */
static uint32_t
on_label(void *ctx, uint32_t exporter, const void *text, size_t n)
{
	struct intake *k = ctx;
	char name[PROXIED_TEXT + 1];
	(void)exporter;
	n = strnlen(text, n < PROXIED_TEXT ? n : PROXIED_TEXT);
	if (n == 0)
		return 0;
	memcpy(name, text, n);
	name[n] = 0;
	uint32_t at = (uint32_t)hash_bytes(name, n, hash_secret()) % INDEX;
	for (; k->label_index[at]; at = (at + 1) % INDEX)
		if (strcmp(k->label[k->label_index[at] - 1], name) == 0)
			return k->label_index[at];
	if (k->n_labels == INTAKE_LABELS || (k->label[k->n_labels] = strdup(name)) == NULL)
		return 0;
	k->label_index[at] = ++k->n_labels;
	return k->n_labels;
}

static void
put(struct intake *k)
{
	encode_end(&k->encoder);
	if (k->encoder.records)
		k->put(k->ctx, &k->encoder);
	encode_begin(&k->encoder);
}

static struct proxied_origin
origin(const struct intake *k, uint32_t exporter)
{
	struct proxied_origin o = {.speed = 0};
	memcpy(o.exporter, k->state->exporter[exporter - 1], 16);
	memcpy(o.guid, k->guid, 16);
	return o;
}

static bool
on_flow(void *ctx, const struct decoded *d)
{
	struct intake *k = ctx;
	struct proxied_origin o = origin(k, d->f.exporter);
	if (d->f.bits & FT_FLOW_EXT && d->x.has & FT_EXT_APP_NAME && d->x.app_name) {
		const char *name = k->label[d->x.app_name - 1];
		o.application = (struct proxied_text){(const uint8_t *)name, (uint32_t)strlen(name)};
	}
	if (d->f.bits & FT_FLOW_ELEMENTS)
		o.elements = (struct proxied_text){d->elements, d->f.element_bytes};
	if (!encode_flow(&k->encoder, &d->f, &d->x, &o)) {
		put(k);
		(void)encode_flow(&k->encoder, &d->f, &d->x, &o);
	}
	return true;
}

static struct proxied_text
text_of(const uint8_t *p, size_t n)
{
	n = p ? strnlen((const char *)p, n < PROXIED_TEXT ? n : PROXIED_TEXT) : 0;
	return (struct proxied_text){p, (uint32_t)n};
}

static uint64_t
hash_of(const struct proxied_text *t, uint64_t seed)
{
	return t->n ? hash_bytes(t->p, t->n, seed) : hash_mix(seed, 1);
}

/* Has that been passed on within the hour?  Exporters repeat it every minute or so. */
static bool
told(struct intake *k, const struct message *m, uint32_t index, const struct proxied_origin *o)
{
	uint64_t which = hash_mix((uint64_t)m->exporter << 32 | index, hash_secret() + o->kind);
	uint64_t what = hash_of(&o->description, hash_of(&o->name, hash_mix(o->speed, m->domain)));
	struct intake_told *t = &k->told[which % INTAKE_TOLD];
	mono_t now = mono_now();
	if (t->which == which && t->what == what && mono_since(now, t->when).us < TOLD_S * INT64_C(1000000))
		return true;
	*t = (struct intake_told){which, what, now};
	return false;
}

static bool
on_interface(void *ctx, const struct message *m, struct interface_says *says)
{
	struct intake *k = ctx;
	struct proxied_origin o = origin(k, m->exporter);
	struct ft_flow f = {
		.in_if = says->index, .export_us = says->at_us, .domain = m->domain, .version = m->version};
	o.name = text_of(says->name, says->name_n);
	o.description = text_of(says->description, says->description_n);
	o.speed = says->speed;
	o.kind = says->kind;
	if (told(k, m, says->index, &o))
		return true;
	counter_add(COUNTER_proxy_interfaces, 1);
	if (!encode_interface(&k->encoder, &f, &o)) {
		put(k);
		(void)encode_interface(&k->encoder, &f, &o);
	}
	return true;
}

static void
on_trouble(void *ctx, const struct message *m, unsigned set, const char *why)
{
	char from[ADDR_TEXT] = "an unknown exporter";
	const struct intake *k = ctx;
	if (m->exporter)
		addr_text(k->state->exporter[m->exporter - 1], from);
	log_limited(LOG_L_MEDIUM, "port %u, %s domain %u, set %u: %s", k->decoder.port, from, m->domain, set,
		why);
}

/* ---- messages --------------------------------------------------------------------------------- */

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
	counter_add(COUNTER_proxy_elements_dropped, n->elements_dropped);
}

/* before what was learnt is let go of: what it says is on disk first */
static void
flush(struct intake *k)
{
	struct err err;
	if (learn_flush(&k->learn, &err) == 0)
		return;
	log_limited(LOG_L_CRITICAL, "what exporters taught can't be remembered: %s", err.text);
	learn_forget(&k->learn);
}

void
intake_begin(struct intake *k)
{
	atomic_store_explicit(&k->state->in_hand, 1, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
}

void
intake_none(struct intake *k)
{
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(&k->state->in_hand, 0, memory_order_relaxed);
}

void
intake_message(struct intake *k, uint16_t port, uint32_t connection, const uint8_t from[16], const uint8_t *p,
	size_t n)
{
	struct decoder *d = &k->decoder;
	k->learn.batch++;
	d->port = port;
	d->connection = connection;
	d->keep = atomic_load_explicit(&k->keep, memory_order_acquire);
	d->limits.refuse_old = atomic_load_explicit(&k->refuse_old, memory_order_relaxed);
	d->limits.sflow_from = atomic_load_explicit(&k->sflow_from, memory_order_relaxed);
	decode_datagram(d, p, n, from, wall_now());
	flush(k);
	put(k);
	decode_finish(d);
	count(&d->totals);
	intake_none(k);
}

static bool
is_it(void *ctx, uint32_t connection)
{
	return connection == *(const uint32_t *)ctx;
}

static bool
any(void *ctx, uint32_t connection)
{
	(void)ctx, (void)connection;
	return true;
}

static void
disconnect(struct intake *k, bool (*gone)(void *ctx, uint32_t connection), void *ctx)
{
	k->learn.batch++;
	k->decoder.totals = (struct decode_totals){0};
	(void)decoder_disconnect(&k->decoder, gone, ctx);
	flush(k);
	count(&k->decoder.totals);
}

void
intake_ended(struct intake *k, uint32_t connection)
{
	disconnect(k, is_it, &connection);
}

void
intake_turn(struct intake *k)
{
	mono_t now = mono_now();
	struct err err;
	if (mono_since(now, k->synced).us > span_seconds(SYNC_S).us) {
		k->synced = now;
		if (kv_sync(k->kv, &err) != 0)
			log_limited(LOG_L_CRITICAL, "%s", err.text);
	}
	if (mono_since(now, k->expired).us > span_seconds(EXPIRE_S).us) {
		k->expired = now;
		k->learn.batch++;
		k->decoder.totals = (struct decode_totals){0};
		(void)waiting_expire(&k->decoder, wall_now());
		count(&k->decoder.totals);
		flush(k);
	}
}

/* ---- life ------------------------------------------------------------------------------------- */

static void
fresh_state(struct intake_state *s)
{
	s->n_sources = s->n_exporters = 0;
	atomic_store(&s->in_hand, 0);
	s->layout = STATE_LAYOUT;
	s->magic = STATE_MAGIC;
}

static int
open_state(struct intake *k, const char *dir, struct err *err)
{
	char path[400];
	snprintf(path, sizeof path, "%s/state", dir);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	k->state_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (k->state_fd < 0)
		return err_sys(err, "%s: can't open", path);
	if (fcntl(k->state_fd, F_OFD_SETLK, &lock) != 0)
		return err_set(
			err, FT_EBUSY, "%s: another ft-proxy runs here; give each its own queuepath", dir);
	errno = posix_fallocate(k->state_fd, 0, sizeof *k->state);
	if (errno != 0)
		return err_sys(err, "%s: no room", path);
	void *p = mmap(NULL, sizeof *k->state, PROT_READ | PROT_WRITE, MAP_SHARED, k->state_fd, 0);
	if (p == MAP_FAILED)
		return err_sys(err, "%s: can't map", path);
	struct intake_state *s = k->state = p;
	if (s->magic != STATE_MAGIC || s->layout != STATE_LAYOUT || s->n_sources > INTAKE_SOURCES ||
		s->n_exporters > INTAKE_EXPORTERS)
		fresh_state(s);
	if (atomic_load(&s->in_hand)) {
		counter_add(COUNTER_proxy_interrupted, 1);
		log_high("the last ft-proxy here was killed with a datagram in hand: its flows may be lost");
		atomic_store(&s->in_hand, 0);
	}
	atomic_store(&k->exporters, (uint32_t)s->n_exporters);
	return 0;
}

static int
open_decoder(struct intake *k, const struct conf *c, const char *dir, struct err *err)
{
	int rc = learn_open(&k->kv, &k->db, dir, err);
	if (rc != 0)
		return rc;
	/* the port is no part of what was learnt: one thread has all */
	k->learn = (struct learn){.kv = k->kv, .db = k->db, .port = 1, .incarnation = 1};
	rc = learn_recover(&k->learn, false, 0, err);
	if (rc != 0)
		return rc;
	k->decoder.sink = (struct decode_sink){.ctx = k,
		.flow = on_flow,
		.trouble = on_trouble,
		.exporter = on_exporter,
		.label = on_label,
		.interface = on_interface};
	k->decoder.limits =
		(struct decode_limits){.templates = (unsigned)conf_uint(c, CONF_netflow_maxtemplates),
			.waiting = WAITING,
			.sources = INTAKE_SOURCES};
	k->decoder.learn = &k->learn;
	if (decoder_init(&k->decoder, k->state->source, &k->state->n_sources) != 0)
		return err_set(err, FT_ENOMEM, "out of memory for templates");
	rc = decoder_load(&k->decoder, err);
	if (rc == 0)
		disconnect(k, any, NULL); /* those of an earlier process ended with it */
	return rc;
}

void
intake_configure(struct intake *k, const struct conf *c)
{
	struct keep *next;
	const char *bad;
	struct err err;
	atomic_store(&k->refuse_old, !conf_bool(c, CONF_netflow_ignoreoldnetflows));
	atomic_store(&k->sflow_from, !conf_bool(c, CONF_sflow_agentaddress));
	/* an old choice may still be in use: it is not freed */
	if (keep_from(c, CONF_recursion_keepfields, FT_ELEMENTS_MOST, NULL, &next, &bad, &err) != 0) {
		log_critical("recursion/keepfields stays as it is: %s", err.text);
		return;
	}
	if (bad)
		log_high("recursion/keepfields: no information element is called %s; give its IANA name or "
			 "PEN.ID",
			bad);
	atomic_store_explicit(&k->keep, next, memory_order_release);
}

int
intake_open(struct intake *k, const struct conf *c, const char *dir, const uint8_t guid[16], struct err *err)
{
	memcpy(k->guid, guid, 16);
	k->label = calloc(INTAKE_LABELS, sizeof *k->label);
	k->label_index = calloc(INDEX, sizeof *k->label_index);
	k->told = calloc(INTAKE_TOLD, sizeof *k->told);
	if (k->label == NULL || k->label_index == NULL || k->told == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	k->synced = k->expired = mono_now();
	encode_begin(&k->encoder);
	intake_configure(k, c);
	int rc = open_state(k, dir, err);
	return rc == 0 ? open_decoder(k, c, dir, err) : rc;
}

void
intake_close(struct intake *k)
{
	struct err err;
	if (k->decoder.templates)
		decoder_close(&k->decoder);
	learn_close(&k->learn);
	if (k->kv) {
		(void)kv_sync(k->kv, &err);
		kv_close(k->kv);
	}
	for (unsigned i = 0; i < k->n_labels; i++)
		free(k->label[i]);
	free(k->label);
	free(k->label_index);
	free(k->told);
	if (k->state) {
		munmap(k->state, sizeof *k->state);
		close(k->state_fd);
	}
	k->state = NULL;
}
