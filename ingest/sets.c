/*
 * sets.c - data sets of NetFlow v9 and IPFIX: records by their template's program.
 */
#include <string.h>

#include "ingest/census.h"
#include "ingest/kept.h"
#include "ingest/options.h"
#include "ingest/proxied.h"

/* a rate in the record itself; 0: none */
static uint32_t
own_rate(const struct scratch *s)
{
	if (s->sampler_interval)
		return s->sampler_interval;
	if (s->sampling)
		return s->sampling;
	if (s->psamp_interval && s->psamp_space == 0) /* "1 in interval", as some write it */
		return s->psamp_interval;
	if (s->psamp_interval)
		return (uint32_t)(((uint64_t)s->psamp_interval + s->psamp_space) / s->psamp_interval);
	if (s->psamp_size && s->psamp_population >= s->psamp_size)
		return s->psamp_population / s->psamp_size;
	return 0;
}

/* the rate by options data: of the flow's sampler, template, interface, or source; 0 unknown */
static uint32_t
told_rate(const struct message *m, const struct template *t, const struct decoded *r)
{
	const struct option_table *options = m->d->options;
	uint32_t rate;
	if (program_carries(t->program, HAS_SAMPLER)) {
		rate = options_rate(options, m, (uint32_t)r->s.sampler);
		if (rate || r->s.sampler == 0) /* 0 is "not sampled" unless a sampler 0 was told of */
			return rate;
	}
	rate = options_scoped_rate(options, m, t->id, &r->f);
	return rate ? rate : m->d->work.sampling;
}

/* the rate a flow was sampled at, as far as it or its exporter says; 0 unknown */
static uint32_t
sampling(struct message *m, const struct template *t, const struct decoded *r)
{
	if (program_carries(t->program, HAS_SAMPLING)) {
		uint32_t rate = own_rate(&r->s);
		if (rate) {
			source_sampling(m, rate, FT_SAMPLING_RECORD);
			return rate;
		}
	}
	uint32_t rate = told_rate(m, t, r);
	source_sampling(m, rate, rate ? FT_SAMPLING_OPTION : FT_SAMPLING_UNKNOWN);
	return rate;
}

/* Some exporters fill sets or whole datagrams with zeros far beyond the padding that is allowed (PAN-OS, NX-OS).  A
 * record of nothing but zeros, up to the end of the set, is such padding. */
static bool
all_zero(const struct cursor *c)
{
	static const uint8_t zero[64];
	const uint8_t *p = c->at;
	size_t n = cursor_left(c);
	for (; n >= sizeof zero; p += sizeof zero, n -= sizeof zero)
		if (memcmp(p, zero, sizeof zero) != 0)
			return false;
	return memcmp(p, zero, n) == 0;
}

/* The name of the application, if the record has one, or its exporter told what its number means. */
static void
name_application(struct message *m, const struct program *g, struct decoded *r)
{
	const struct decode_sink *sink = &m->d->sink;
	uint32_t name = 0;
	if (sink->label == NULL)
		return;
	if (program_carries(g, HAS_APP_NAME) && r->s.app_name_n > 0) {
		name = sink->label(sink->ctx, m->exporter, r->s.app_name, r->s.app_name_n);
		if (name == 0 && r->s.app_name[0] != 0)
			m->d->totals.bound_hits++;
	} else if (program_carries(g, HAS_APP))
		name = options_app_name(m->d->options, m, r->x.app);
	if (name == 0)
		return;
	r->x.app_name = name;
	r->x.has |= FT_EXT_APP_NAME;
	r->f.bits |= FT_FLOW_EXT;
}

static bool
flow_record(struct message *m, struct template *t, struct cursor *c)
{
	struct decoder *d = m->d;
	struct decoded *r = &d->now, back;
	size_t left = cursor_left(c);
	int took = program_run(t->program, c->at, left, &m->ctx, r);
	if (took <= 0)
		return false;
	const uint8_t *p = cursor_take(c, (size_t)took);
	m->records++;
	r->f.sampling = sampling(m, t, r);
	if (program_carries(t->program, HAS_APP) || program_carries(t->program, HAS_APP_NAME))
		name_application(m, t->program, r);
	if (d->sink.record) {
		r->f.exporter = m->exporter;
		d->sink.record(d->sink.ctx, m, t, r, p, (size_t)took);
	}
	bool both = program_reverse(t->program, r, &back);
	if (d->keep)
		kept_of(d->keep, t, p, (size_t)took, d, r, both ? &back : NULL);
	return source_flow(m, r) && (!both || source_flow(m, &back));
}

static bool
option_record(struct message *m, const struct template *t, struct cursor *c)
{
	struct decoder *d = m->d;
	int took = options_record(m, t, c->at, cursor_left(c));
	if (took <= 0)
		return false;
	const uint8_t *p = cursor_take(c, (size_t)took);
	m->records++;
	if (proxied_is(m, t))
		proxied_options(m, t, p, (size_t)took);
	if (d->sink.record) {
		(void)program_run(t->program, p, (size_t)took, &m->ctx, &d->now);
		d->sink.record(d->sink.ctx, m, t, &d->now, p, (size_t)took);
	}
	return true;
}

static void
records(struct message *m, struct template *t, unsigned id, struct cursor c)
{
	size_t least = t->program->record_bytes;
	bool proxied = !t->options && proxied_is(m, t);
	if (proxied && m->passed_over) {
		m->unknown = true; /* not counted, so the next number is not known */
		return;
	}
	/* what is shorter than the shortest record is padding, however long it is */
	while (!m->d->stopped && cursor_left(&c) >= least) {
		if (c.at[0] == 0 && all_zero(&c))
			return;
		bool good = t->options ? option_record(m, t, &c)
			    : proxied  ? proxied_record(m, t, &c)
				       : flow_record(m, t, &c);
		if (!good && !m->d->stopped) {
			if (cursor_left(&c) >
				3) /* up to three bytes are padding, even where a variable field could begin */
				source_undecodable(m, id, "record cut short");
			return;
		}
	}
}

void
sets_data(struct message *m, unsigned id, struct cursor c)
{
	struct template *t = template_find(m, (uint16_t)id);
	if (t == NULL && cursor_left(&c) == 0)
		return; /* no record, whatever the template says */
	if (t == NULL) {
		m->unknown = true;
		waiting_keep(m, id, &c);
		return;
	}
	uint32_t before = m->records;
	records(m, t, id, c);
	if (m->d->census)
		census_set(m->d->census, m, t, c.at, cursor_left(&c), m->records - before);
}
