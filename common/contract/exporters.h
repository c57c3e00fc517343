/*
 * exporters.h - who sends: two tables that ingest writes and everybody may read.
 *
 * Identity table, segment "exporters": id -> address and GUID, append only, never reused, the same id
 *   after any restart (kept in ingest.lmdb, key: address and GUID).  All threads of ingest share it under
 *   a process mutex.  A slot is filled in, then `count` is stored with release: slots below count never
 *   change but for `name` and `disabled`, which readers treat as hints.  The tracker pairs flows by this
 *   id; store copies address and GUID into each block's dictionary, so that blocks need no other file.
 *
 * Source table, in the segment "ingest.<i>" of each ingest thread: one slot for each (exporter, protocol
 *   version, domain; over TCP also: connection that is open) that thread has met, with sequence state and
 *   the four kinds of loss.  A slot whose connection has ended serves the next of its exporter.  Slots are the
 *   undo unit of that thread's stage, so the counters are exact across kills.  Readers may see a slot in
 *   the middle of a batch: figures for people, not for accounting.
 *
 * Full: FT_EXPORTERS_MAX / FT_SOURCES_MAX (config netflow/maxexporters); a datagram of one more exporter is
 *   counted in `exporters_refused` and dropped.   Version 1.0.
 */
#ifndef FT_CONTRACT_EXPORTERS_H
#define FT_CONTRACT_EXPORTERS_H

#include <stdatomic.h>

#include "common/contract/abi.h"

#define FT_EXPORTERS_MAGIC "FTEXPORT"
#define FT_EXPORTERS_VERSION 0x00010000u

struct ft_exporter {
	uint32_t id; /* slot index + 1; 0 is "none" */
	uint32_t disabled;
	uint8_t address[16]; /* IPv4 mapped */
	uint8_t guid[16];    /* all zero: not proxied */
	char name[64];       /* tag given by an administrator, NUL terminated */
	int64_t first_seen_us;
	uint8_t pad[16];
};
static_assert(sizeof(struct ft_exporter) == 128, "identity slot");

struct ft_exporters {
	struct ft_seg_header seg;
	uint32_t capacity;
	_Atomic uint32_t count;
	uint8_t fill[FT_LINE - 8];
	struct ft_exporter slot[];
};

/* ft_source.state, in words in `ft-ctl status` */
enum {
	FT_SOURCE_FREE = 0,
	FT_SOURCE_OK = 1,
	FT_SOURCE_NO_TEMPLATE = 2,
	FT_SOURCE_CLOCK_WRONG = 3,
	FT_SOURCE_GAPS = 4,
	FT_SOURCE_UNDECODABLE = 5,
};

struct ft_source {
	uint32_t exporter; /* 0: free slot */
	uint32_t domain;
	uint8_t version, state;
	uint16_t port;     /* local port it arrives at */
	uint32_t sampling; /* what the exporter says of flows that name no sampler, 0 unknown */
	uint64_t datagrams, flows, options;
	uint64_t sequence_gaps; /* units missing: flows for v5 and IPFIX, datagrams for v9, sFlow */
	uint64_t undecodable_sets;
	uint32_t sets_waiting; /* kept for their template */
	uint32_t connection;   /* TCP: the connection it sends by; 0 none, or UDP */
	uint64_t sets_dropped; /* bound or 30 minutes hit */
	uint64_t kernel_drops; /* SO_RXQ_OVFL deltas while this source was talking (an estimate) */
	uint64_t full_wait_us; /* time its flows waited for room */
	int64_t last_us;       /* arrival of the latest datagram */
	int64_t skew_us;       /* header clock minus arrival */
	union {
		uint32_t next_sequence;
		uint32_t
			proxy; /* with FT_SOURCE_BEHIND: the exporter that is the proxy its flows came by last */
	};
	uint32_t templates;
	uint32_t uptime_ms, export_s; /* of the latest header */
	uint64_t duplicates;          /* late or repeated datagrams, by sequence */
	/* ingest's own: clock correction in force, the steady offset being watched (header minus arrival) and
	 * since when, boot time learnt from options (IE 160, milliseconds since 1970; 0 unknown) */
	int64_t correction_us, offset_us, offset_since_us;
	uint64_t init_ms;
	/* sFlow: samples missing by the numbers of the agent's data sources; packets its samplers had to pass over */
	union {
		struct {
			uint64_t samples_missing, sampler_drops;
		};
		/* with FT_SOURCE_PROXY: the proxy's queue, and the position after the last flow of it that was taken */
		struct {
			uint64_t proxy_stream, proxy_next;
		};
	};
	uint32_t flags;         /* FT_SOURCE_SEQUENCE … */
	uint32_t sampling_seen; /* rate of its latest flow as the exporter says it, 0 unknown */
	uint64_t
		flows_disabled; /* decoded, counted here and not handed on: an administrator disabled the exporter */
};
enum {
	FT_SOURCE_SEQUENCE = 1u << 0,  /* next_sequence is known */
	FT_SOURCE_CORRECTED = 1u << 1, /* correction_us is in force */
	FT_SOURCE_RESTARTED = 1u << 2, /* the exporter restarted before its latest datagram */
	FT_SOURCE_PROXY = 1u << 3,     /* the connection of an ft-proxy (ingest/proxied.h) */
	FT_SOURCE_BEHIND = 1u << 4,    /* its flows come by a proxy, which has a source of its own */
	/* who told sampling_seen: two bits, FT_SAMPLING_… */
	FT_SOURCE_SAMPLING_SHIFT = 8,
	FT_SOURCE_SAMPLING = 3u << FT_SOURCE_SAMPLING_SHIFT,
};
enum { FT_SAMPLING_UNKNOWN, FT_SAMPLING_HEADER, FT_SAMPLING_OPTION, FT_SAMPLING_RECORD };
static_assert(sizeof(struct ft_source) == 192, "source slot");

#endif
