/*
 * decode.h - flow export datagrams to flows, as a library without sockets, threads or shared memory.
 *
 * One struct decoder serves one stream of datagrams (an ingest thread; ft-decode).  It holds what was learnt:
 * templates, sampling rates, sets that wait for their template, and a table of sources.  What it produces goes to
 * the sink, flow by flow, in an order that depends on nothing but the datagrams, what was learnt before, and the
 * arrival time given: a restart decodes a datagram again and gets the same flows (spec: exactly once).
 *
 * A datagram changes nothing that counts until decode_finish(): counters, sequence state and clocks live in
 * `work`, a copy of the source's slot.  What is learnt takes effect at once (data in the same datagram needs it), and
 * goes to the learn log (learn.h), which the owner flushes before it lets any flow of this datagram be seen.
 */
#ifndef FT_INGEST_DECODE_H
#define FT_INGEST_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/contract/elements.h"
#include "common/contract/exporters.h"
#include "common/cursor.h"
#include "ingest/program.h"

struct census;
struct keep;
struct learn;
struct template_table;
struct template;
struct option_table;
struct proxied;
struct waiting;
struct message;
struct sflow_counters;
struct sflow_table;
struct setting;
struct settings;
struct interface_says;

struct decode_sink {
	void *ctx;
	/* A flow: f complete but for `slots`; x counts if FT_FLOW_EXT is set.  false: stop, the process ends. */
	bool (*flow)(void *ctx, const struct decoded *d);
	/* A data record as it was decoded, before it becomes one or two flows; t is NULL for fixed formats.  For
	 * ft-decode; may be NULL. */
	void (*record)(void *ctx, const struct message *m, const struct template *t, const struct decoded *d,
		const uint8_t *bytes, size_t n);
	/* A set or datagram that can't be decoded, and why.  May be NULL. */
	void (*trouble)(void *ctx, const struct message *m, unsigned set, const char *why);
	/* The id of an exporter; 0: refused (maxexporters). */
	uint32_t (*exporter)(void *ctx, const uint8_t address[16], wall_t now);
	/* As exporter, of one whose flows come by the proxy of that GUID.  NULL: what proxies say is read as plain IPFIX. */
	uint32_t (*proxied)(void *ctx, const uint8_t address[16], const uint8_t guid[16], wall_t now);
	/* The number of a text (contract/labels.h); 0: no room.  May be NULL: flows get no names. */
	uint32_t (*label)(void *ctx, uint32_t exporter, const void *text, size_t n);
	/* What the exporter says of one of its interfaces (address and exporter are the sink's to fill in); false: no
	 * room.  May be NULL. */
	bool (*interface)(void *ctx, const struct message *m, struct interface_says *says);
	/* What a counter sample of sFlow says of an interface.  May be NULL. */
	void (*counters)(void *ctx, const struct message *m, const struct sflow_counters *k);
	/* The slot of a source is about to change (undo log).  May be NULL. */
	void (*touch)(void *ctx, struct ft_source *slot);
};

struct decode_limits {
	unsigned templates; /* an exporter and domain */
	size_t waiting;     /* bytes of sets kept, in all */
	unsigned sources;
	bool refuse_old;  /* ignoreoldnetflows no: exports more than a day old are refused */
	bool trust_clock; /* no correction, whatever is set for the exporter */
	bool sflow_from;  /* sflow/agentaddress no: an sFlow exporter is who sends, not the agent it names */
};

/* totals of one datagram, applied when it is finished */
struct decode_totals {
	uint64_t datagrams, flows, sequence_gaps, undecodable, bad_datagrams, sets_dropped, exporters_refused,
		bound_hits, old_refused, full_wait_us, elements_dropped, flows_disabled;
	int64_t sets_waiting; /* change of the gauge */
};

struct decoder {
	struct decode_sink sink;
	struct decode_limits limits;
	struct learn *learn;             /* never NULL: one without a file remembers nothing */
	const struct settings *settings; /* of exporters, by an administrator; may be NULL; not owned */
	struct template_table *templates;
	struct option_table *options;
	struct waiting *waiting;
	struct proxied *proxied;   /* NULL until the first flow of a proxy */
	struct sflow_table *sflow; /* NULL until the first sFlow sample */
	struct ft_source *source;  /* table; slots used are [0, *n_sources) */
	uint64_t *n_sources;
	uint32_t *index; /* hash of (exporter, version, domain) -> slot + 1 */
	uint32_t index_mask;
	uint16_t port; /* local port that datagrams come in by */
	/* The transport session (RFC 7011 section 8) that the message came by: 0 for datagrams, else a TCP connection's
	 * id.  Templates, waiting sets and sequence numbers are of one connection; what options say is of the exporter. */
	uint32_t connection;
	/* the datagram being decoded */
	struct ft_source work;
	int32_t slot; /* of `work` in the table; -1: none yet, -2: table full */
	struct decode_totals totals;
	bool stopped; /* the sink said so */
	bool resumed; /* some of its flows were handed on before a restart: so it is finished, disabled or not */
	struct decoded now;
	struct census *census;             /* NULL: nobody asks which elements come */
	const struct keep *keep;           /* elements without a column that are kept; NULL: none */
	uint8_t kept[2][FT_ELEMENTS_MOST]; /* those of the record being decoded, a direction each */
};

/* One export message.  version 5 9 10 … as ft_flow.version. */
struct message {
	struct decoder *d;
	uint8_t version;
	uint32_t exporter, domain;
	wall_t arrived, header; /* header: as sent */
	struct record_context ctx;
	uint32_t sequence;
	uint32_t records;              /* data records seen, options included */
	bool unknown;                  /* a set could not be counted: the next sequence number is not known */
	bool replay;                   /* a kept set: it was counted when it came */
	uint8_t sampling_mode;         /* v5: the header's two bits */
	bool passed_over;              /* of a proxy, and taken before: its flows are */
	bool disabled;                 /* flows are counted and not handed on */
	bool unsampled;                /* the record is of no sampler: no rate that was set applies */
	const struct setting *setting; /* NULL: nothing is set for the exporter */
};

/* sources, index_memory: decoder_init allocates the index and everything learnt.  0 or FT_ENOMEM. */
int decoder_init(struct decoder *d, struct ft_source *table, uint64_t *n_sources);
void decoder_close(struct decoder *d);
/* What was learnt and the source index are derived: build them from the table and the learn log's file. */
int decoder_load(struct decoder *d, struct err *err);

/* Decode one datagram.  Afterwards, unless d->stopped, call decode_finish() in the batch that commits it. */
void decode_datagram(
	struct decoder *d, const uint8_t *bytes, size_t n, const uint8_t from[16], wall_t arrived);
/* Put `work` into the table. */
void decode_finish(struct decoder *d);
/* Connections have ended: their templates and waiting sets go, their sources are free for the next of their
 * exporter.  gone says so of a connection's id.  Returns how many sources were freed. */
unsigned decoder_disconnect(struct decoder *d, bool (*gone)(void *ctx, uint32_t connection), void *ctx);

/* ---- for the formats -------------------------------------------------------------------------- */
void decode_netflow5(
	struct decoder *d, const uint8_t *bytes, size_t n, const uint8_t from[16], wall_t arrived);
void decode_netflow9(
	struct decoder *d, const uint8_t *bytes, size_t n, const uint8_t from[16], wall_t arrived);
void decode_ipfix(struct decoder *d, const uint8_t *bytes, size_t n, const uint8_t from[16], wall_t arrived);
/* NetFlow v1 and v7: fixed layouts as v5 */
void decode_netflow1(
	struct decoder *d, const uint8_t *bytes, size_t n, const uint8_t from[16], wall_t arrived);
void decode_netflow7(
	struct decoder *d, const uint8_t *bytes, size_t n, const uint8_t from[16], wall_t arrived);

/* sFlow 2, 4 and 5: versions 18, 20 and 21; the domain is the sub-agent */
void decode_sflow(struct decoder *d, const uint8_t *bytes, size_t n, const uint8_t from[16], wall_t arrived);

/* source.c: begin a message: exporter, source, clock; false: refused, counted.  m has version, domain, header,
 * ctx.uptime and has_uptime, sequence set. */
bool source_begin(struct message *m, const uint8_t from[16]);
/* Sequence: `units` the message carries by its own counting, once all of it is decoded. */
void source_sequence(struct message *m, uint32_t units);
/* hand a flow on; sets what the message knows.  false: stop */
bool source_flow(struct message *m, struct decoded *d);
/* datagram that is no message at all */
void source_bad(struct decoder *d, const struct message *m, const char *why);
void source_undecodable(struct message *m, unsigned set, const char *why);
/* a kept set of this source was given up */
void source_gave_up(struct decoder *d, uint32_t exporter, uint8_t version, uint32_t domain);
/* The rate a flow says it was sampled at, and who told (FT_SAMPLING_…): for the exporter's figures. */
void source_sampling(struct message *m, uint32_t rate, unsigned from);
/* Forget an exporter, everything learnt from it included: its sources' slots are given to the last ones.  To be done
 * between datagrams, in a batch of its own.  Settings and its id are not the decoder's. */
void decoder_forget(struct decoder *d, uint32_t exporter);
/* words of ft_source.state, and why */
const char *source_state(const struct ft_source *s, wall_t now, char *why, size_t n);

/* sets.c: data sets of v9 and IPFIX (one of them, with its header taken off) */
void sets_data(struct message *m, unsigned id, struct cursor body);
/* a template became known: decode what waited for it */
void sets_waited(struct message *m, unsigned id);

#endif
