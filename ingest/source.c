/*
 * source.c - who sends, by what clock, and what is missing (decode.h).
 *
 * Clock.  A header clock is corrected only where it can't be right: before 2001, more than ten minutes ahead, or off by
 * 2 s to a day and steady for ten minutes (a clock set wrong runs beside ours; a replay does not).  More than a day
 * behind is a replay: its times are kept.  A correction once made stays while the clock stays within a minute of where it
 * was: neither network jitter nor headers that jump (nfreplay's do, by half a minute) reach the times of flows, which
 * would tear a session's two directions apart.
 *
 * Sequence.  v5 counts flows, v9 datagrams, IPFIX data records (RFC 3954 section 5.1, RFC 7011 section 3.1), modulo
 * 2^32.  A jump forward is a gap; a small step back a datagram that was late (its gap is taken back) or came twice; a large
 * one in either direction is a restart.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "ingest/options.h"
#include "ingest/proxied.h"
#include "ingest/setting.h"
#include "ingest/template.h"

#define SECOND INT64_C(1000000)
#define YEAR_2001 (978307200 * SECOND)
enum {
	AHEAD_S = 600,
	STEADY_S = 600,
	DAY_S = 86400,
	LEAST_S = 2,
	HOLD_S = 60,
	JUMP = 1 << 20,
	BACK = 1 << 16,
	UPTIME_SLACK_MS = 60000
};

static int64_t
magnitude(int64_t v)
{
	return v < 0 ? -v : v;
}

static uint32_t
place(const struct decoder *d, uint32_t exporter, uint8_t version, uint32_t domain)
{
	/* domains are the sender's to choose: without a secret it could make all of them meet in one place */
	return (uint32_t)hash_mix((uint64_t)exporter << 32 | domain, version ^ hash_secret()) & d->index_mask;
}

static int32_t
find(const struct decoder *d, uint32_t exporter, uint8_t version, uint32_t domain)
{
	int32_t free_one = -1;
	for (uint32_t i = place(d, exporter, version, domain); d->index[i]; i = (i + 1) & d->index_mask) {
		const struct ft_source *s = &d->source[d->index[i] - 1];
		if (s->exporter != exporter || s->domain != domain || s->version != version)
			continue;
		if (s->connection == d->connection)
			return (int32_t)(d->index[i] - 1);
		if (s->connection == 0 && free_one < 0)
			free_one = (int32_t)(d->index[i] - 1);
	}
	return free_one; /* its connection has ended: this one follows it */
}

static void
enter(struct decoder *d, uint32_t slot)
{
	const struct ft_source *s = &d->source[slot];
	uint32_t i = place(d, s->exporter, s->version, s->domain);
	while (d->index[i])
		i = (i + 1) & d->index_mask;
	d->index[i] = slot + 1;
}

int
decoder_load(struct decoder *d, struct err *err)
{
	uint32_t n = 16;
	while (n < d->limits.sources * 2)
		n *= 2;
	free(d->index);
	d->index = calloc(n, sizeof *d->index);
	if (d->index == NULL)
		return err_set(err, FT_ENOMEM, "out of memory for %u sources", d->limits.sources);
	d->index_mask = n - 1;
	for (uint64_t i = 0; i < *d->n_sources; i++)
		enter(d, (uint32_t)i);
	int rc = template_load(d, err);
	if (rc == 0)
		rc = options_load(d, err);
	return rc == 0 ? waiting_load(d, err) : rc;
}

/* no correction that was found out is in force any more */
static void
clock_forget(struct ft_source *s)
{
	s->flags &= ~(uint32_t)FT_SOURCE_CORRECTED;
	s->correction_us = s->offset_since_us = 0;
}

static void
clock_correct(struct message *m, struct ft_source *s)
{
	int64_t skew = s->skew_us;
	if (m->header.us < YEAR_2001 || skew > AHEAD_S * SECOND) {
		if (!(s->flags & FT_SOURCE_CORRECTED) || magnitude(s->correction_us + skew) > HOLD_S * SECOND)
			s->correction_us = -skew;
		s->flags |= FT_SOURCE_CORRECTED;
		s->offset_since_us = 0;
		return;
	}
	if (skew < -DAY_S * SECOND || magnitude(skew) < LEAST_S * SECOND) {
		clock_forget(s);
		return;
	}
	/* v9 and IPFIX headers have whole seconds: a steady clock still shows steps of one */
	int64_t tolerance = magnitude(s->offset_us) / 100;
	if (tolerance < SECOND)
		tolerance = SECOND;
	if (s->offset_since_us == 0 || magnitude(skew - s->offset_us) > tolerance) {
		s->offset_us = skew;
		s->offset_since_us = m->arrived.us;
		s->flags &= ~(uint32_t)FT_SOURCE_CORRECTED;
		s->correction_us = 0;
	} else if (m->arrived.us - s->offset_since_us >= STEADY_S * SECOND &&
		   !(s->flags & FT_SOURCE_CORRECTED)) {
		s->correction_us = -s->offset_us;
		s->flags |= FT_SOURCE_CORRECTED;
	}
}

/* by what the administrator set, or as the clock behaves */
static void
clock_judge(struct message *m, struct ft_source *s)
{
	unsigned mode = m->d->limits.trust_clock ? SETTING_CLOCK_TRUST
			: m->setting             ? m->setting->clock
						 : SETTING_CLOCK_AUTO;
	s->skew_us = m->header.us - m->arrived.us;
	if (mode == SETTING_CLOCK_AUTO) {
		clock_correct(m, s);
		return;
	}
	clock_forget(s);
	if (mode == SETTING_CLOCK_ARRIVAL)
		s->correction_us = -s->skew_us;
}

/* uptime fell back, or the sequence began anew */
static bool
restarted(const struct message *m, const struct ft_source *s)
{
	if (m->d->connection)
		return false; /* then its connection would have ended */
	if (!(s->flags & FT_SOURCE_SEQUENCE) && s->datagrams == 0)
		return false;
	if (m->ctx.has_uptime) {
		uint32_t header_s = (uint32_t)(m->header.us / SECOND);
		int32_t off = (int32_t)(m->ctx.uptime.ms - s->uptime_ms - (header_s - s->export_s) * 1000);
		return m->ctx.uptime.ms < s->uptime_ms && (off < -UPTIME_SLACK_MS || off > UPTIME_SLACK_MS);
	}
	return m->version == 10 && m->sequence == 0 && s->next_sequence != 0;
}

bool
source_begin(struct message *m, const uint8_t from[16])
{
	struct decoder *d = m->d;
	struct ft_source *s = &d->work;
	m->exporter = d->sink.exporter(d->sink.ctx, from, m->arrived);
	d->slot = m->exporter ? find(d, m->exporter, m->version, m->domain) : -2;
	if (m->exporter == 0 || (d->slot < 0 && *d->n_sources >= d->limits.sources)) {
		d->slot = -2;
		d->totals.exporters_refused++;
		return false;
	}
	if (d->slot >= 0)
		*s = d->source[d->slot];
	else {
		*s = (struct ft_source){.exporter = m->exporter,
			.domain = m->domain,
			.version = m->version,
			.port = d->port,
			.connection = d->connection};
		s->sampling = options_rate(d->options, m, OPTIONS_DEFAULT);
		s->init_ms = options_init_time(d->options, m);
		template_count_known(d, s);
	}
	s->flags &= ~(uint32_t)FT_SOURCE_RESTARTED;
	if (s->connection != d->connection) {
		s->connection = d->connection;
		s->port = d->port;
		s->flags &= ~(uint32_t)FT_SOURCE_SEQUENCE; /* a connection counts for itself */
	}
	if (restarted(m, s)) {
		s->flags = (s->flags & ~(uint32_t)FT_SOURCE_SEQUENCE) | FT_SOURCE_RESTARTED;
		template_restart(d, m->exporter, m->version, m->domain);
	}
	m->setting = settings_find(d->settings, m->exporter);
	clock_judge(m, s);
	m->ctx.correction_us = s->correction_us;
	m->ctx.export_time = (wall_t){m->header.us + s->correction_us};
	m->ctx.init_ms = (int64_t)s->init_ms;
	s->datagrams++;
	s->last_us = m->arrived.us;
	s->export_s = (uint32_t)(m->header.us / SECOND);
	s->uptime_ms = m->ctx.uptime.ms;
	/* A disabled exporter is decoded all the same, so that its templates are known when it is enabled again. */
	m->disabled = m->setting && m->setting->disabled && !d->resumed;
	if (d->limits.refuse_old && m->header.us >= YEAR_2001 && s->skew_us < -DAY_S * SECOND) {
		d->totals.old_refused++;
		s->flags &= ~(uint32_t)FT_SOURCE_SEQUENCE;
		return false;
	}
	return true;
}

void
source_sequence(struct message *m, uint32_t units)
{
	struct ft_source *s = &m->d->work;
	if (m->replay)
		return;
	if (s->flags & FT_SOURCE_SEQUENCE) {
		int32_t ahead = (int32_t)(m->sequence - s->next_sequence);
		if (ahead > 0 && ahead < JUMP) {
			s->sequence_gaps += (uint32_t)ahead;
			m->d->totals.sequence_gaps += (uint32_t)ahead;
		} else if (ahead < 0 && ahead > -BACK) {
			/* the gap it left when it was overtaken, or nothing if it came twice */
			uint64_t late = units < s->sequence_gaps ? units : s->sequence_gaps;
			s->sequence_gaps -= late;
			m->d->totals.sequence_gaps -= late; /* a change, applied modulo 2^64 */
			s->duplicates++;
			return;
		}
	}
	s->next_sequence = m->sequence + units;
	if (m->unknown)
		s->flags &= ~(uint32_t)FT_SOURCE_SEQUENCE;
	else
		s->flags |= FT_SOURCE_SEQUENCE;
}

bool
source_flow(struct message *m, struct decoded *r)
{
	struct decoder *d = m->d;
	r->f.exporter = m->exporter;
	r->f.domain = m->domain;
	r->f.version = m->version;
	if (m->disabled) {
		d->work.flows_disabled++;
		d->totals.flows_disabled++;
		return true;
	}
	if (m->setting && !m->unsampled) {
		uint32_t rate = setting_rate(m->setting, r->f.in_if, r->f.out_if);
		if (rate)
			r->f.sampling = rate;
	}
	d->work.flows++;
	d->totals.flows++;
	if (!d->sink.flow(d->sink.ctx, r))
		d->stopped = true;
	return !d->stopped;
}

void
source_bad(struct decoder *d, const struct message *m, const char *why)
{
	d->totals.bad_datagrams++;
	if (d->sink.trouble)
		d->sink.trouble(d->sink.ctx, m, 0, why);
}

void
source_undecodable(struct message *m, unsigned set, const char *why)
{
	struct decoder *d = m->d;
	d->work.undecodable_sets++;
	d->totals.undecodable++;
	m->unknown = true;
	if (d->sink.trouble)
		d->sink.trouble(d->sink.ctx, m, set, why);
}

void
decode_finish(struct decoder *d)
{
	struct ft_source *s = &d->work;
	if (d->slot == -2)
		return;
	s->state = s->undecodable_sets && s->undecodable_sets * 10 > s->datagrams ? FT_SOURCE_UNDECODABLE
		   : s->sets_waiting && s->templates == 0                         ? FT_SOURCE_NO_TEMPLATE
		   : s->flags & FT_SOURCE_CORRECTED                               ? FT_SOURCE_CLOCK_WRONG
		   : s->sequence_gaps && s->sequence_gaps * 100 > s->flows + s->flows_disabled + s->datagrams
			   ? FT_SOURCE_GAPS
			   : FT_SOURCE_OK;
	s->full_wait_us += d->totals.full_wait_us;
	proxied_finish(d);
	bool fresh = d->slot < 0;
	uint32_t slot = fresh ? (uint32_t)*d->n_sources : (uint32_t)d->slot;
	if (d->sink.touch)
		d->sink.touch(d->sink.ctx, &d->source[slot]);
	d->source[slot] = *s;
	if (fresh) {
		++*d->n_sources;
		enter(d, slot);
		d->slot = (int32_t)slot;
	}
}

void
source_proxied(struct decoder *d, uint32_t exporter, uint8_t version, uint32_t domain, uint64_t flows,
	uint32_t sampling, wall_t arrived)
{
	uint32_t connection = d->connection;
	d->connection =
		0; /* it is the proxy that has connected: its exporters are the same by any connection */
	int32_t slot = find(d, exporter, version, domain);
	d->connection = connection;
	bool fresh = slot < 0;
	if (fresh && *d->n_sources + 1 >= d->limits.sources) { /* the last one is for the proxy itself */
		d->totals.bound_hits++;
		return;
	}
	struct ft_source *s = &d->source[fresh ? (uint32_t)*d->n_sources : (uint32_t)slot];
	if (d->sink.touch)
		d->sink.touch(d->sink.ctx, s);
	if (fresh) {
		*s = (struct ft_source){
			.exporter = exporter, .domain = domain, .version = version, .port = d->port};
		enter(d, (uint32_t)(*d->n_sources)++);
	}
	s->state = FT_SOURCE_OK;
	s->proxy = d->work.exporter;
	s->datagrams++;
	s->flows += flows;
	s->last_us = arrived.us;
	s->sampling_seen = sampling;
	s->flags = (s->flags & ~(uint32_t)FT_SOURCE_SAMPLING) | FT_SOURCE_BEHIND |
		   (sampling ? (uint32_t)FT_SAMPLING_RECORD : FT_SAMPLING_UNKNOWN)
			   << FT_SOURCE_SAMPLING_SHIFT;
}

void
source_gave_up(struct decoder *d, uint32_t exporter, uint8_t version, uint32_t domain)
{
	int32_t slot = find(d, exporter, version, domain);
	d->totals.sets_dropped++;
	if (slot < 0)
		return;
	struct ft_source *s = &d->source[slot];
	if (d->sink.touch)
		d->sink.touch(d->sink.ctx, s);
	s->sets_dropped++;
	s->sets_waiting -= s->sets_waiting > 0;
}

void
decoder_forget(struct decoder *d, uint32_t exporter)
{
	bool any = false;
	template_forget(d, exporter);
	options_forget(d, exporter);
	waiting_forget(d, exporter);
	for (uint64_t i = 0; i < *d->n_sources;) {
		struct ft_source *s = &d->source[i], *last = &d->source[*d->n_sources - 1];
		if (s->exporter != exporter) {
			i++;
			continue;
		}
		if (d->sink.touch && s != last) {
			d->sink.touch(d->sink.ctx, s);
			d->sink.touch(d->sink.ctx, last);
		}
		*s = *last;
		--*d->n_sources;
		any = true;
	}
	if (!any)
		return;
	memset(d->index, 0, (d->index_mask + 1) * sizeof *d->index);
	for (uint64_t i = 0; i < *d->n_sources; i++)
		enter(d, (uint32_t)i);
}

void
source_sampling(struct message *m, uint32_t rate, unsigned from)
{
	struct ft_source *s = &m->d->work;
	s->sampling_seen = rate;
	s->flags = (s->flags & ~(uint32_t)FT_SOURCE_SAMPLING) | from << FT_SOURCE_SAMPLING_SHIFT;
}

unsigned
decoder_disconnect(struct decoder *d, bool (*gone)(void *ctx, uint32_t connection), void *ctx)
{
	unsigned freed = 0;
	waiting_disconnect(d, gone, ctx); /* needs the sources */
	template_disconnect(d, gone, ctx);
	for (uint64_t i = 0; i < *d->n_sources; i++) {
		struct ft_source *s = &d->source[i];
		if (s->connection == 0 || !gone(ctx, s->connection))
			continue;
		if (d->sink.touch)
			d->sink.touch(d->sink.ctx, s);
		s->connection = 0;
		s->templates = 0;
		s->sets_waiting = 0;
		freed++;
	}
	return freed;
}

const char *
source_state(const struct ft_source *s, wall_t now, char *why, size_t n)
{
	why[0] = 0;
	if (now.us - s->last_us > 300 * SECOND) {
		snprintf(why, n, "nothing came for %lld s", (long long)((now.us - s->last_us) / SECOND));
		return "silent";
	}
	switch (s->state) {
	case FT_SOURCE_NO_TEMPLATE:
		snprintf(why, n,
			"%llu sets wait for their template: the exporter has not sent it yet (set its "
			"template refresh lower)",
			(unsigned long long)s->sets_waiting);
		return "no template yet";
	case FT_SOURCE_CLOCK_WRONG:
		snprintf(why, n, "its clock is %.1f s %s; times are corrected (set NTP on the exporter)",
			(double)magnitude(s->skew_us) / 1e6, s->skew_us < 0 ? "behind" : "ahead");
		return "clock wrong";
	case FT_SOURCE_GAPS:
		snprintf(why, n,
			"%llu %s missing by its own numbers: lost on the way here or in the socket queue",
			(unsigned long long)s->sequence_gaps,
			s->version == 9 || s->version >= 18 ? "datagrams" : "flows");
		return "sequence gaps";
	case FT_SOURCE_UNDECODABLE:
		snprintf(why, n, "%llu sets could not be decoded", (unsigned long long)s->undecodable_sets);
		return "undecodable";
	default:
		return "ok";
	}
}
