/*
 * meter.h - packets to flows: sampling, parsing, ports of later fragments, counting in the table.
 *
 * Packets are taken in small batches: each is parsed and hashed when it comes, its slot of the table is being fetched
 * meanwhile, and all are counted together (meter_settle).  What is counted is the first IP header of a packet, behind tags,
 * labels and pseudowires; with `inside`, the innermost one that tunnels (GRE, VXLAN, Geneve, GTP, IP in IP) show.
 */
#ifndef FT_EXPORTER_METER_H
#define FT_EXPORTER_METER_H

#include "common/pcap_file.h"
#include "exporter/encode.h"
#include "exporter/table.h"

enum { METER_BATCH = 16, METER_FRAGMENTS = 4096, METER_DEEPEST = 8 };

/* where a packet passed, and the tag that the network card took off it */
struct meter_side {
	uint32_t input, output;
	uint16_t tci;
	bool tagged;
};

struct pending {
	struct flow_key key;
	int64_t when_us;
	uint64_t bytes;
	uint32_t hash, mpls_label;
	struct meter_side side;
	uint8_t from; /* side of the key that sent it */
	uint8_t tcp_flags, tos, ttl;
	bool macs;
	uint8_t src_mac[6], dst_mac[6];
};

struct meter_fragment {
	uint64_t what;
	uint16_t src_port, dst_port;
};

struct meter {
	struct table table;
	bool inside;
	uint32_t sampling, skip, pick; /* packets left of this window; which of it is taken */
	uint64_t dice;
	int64_t clock_us; /* the latest time of any packet, or of meter_clock */
	struct pending pending[METER_BATCH];
	unsigned n_pending;
	struct meter_fragment fragment[METER_FRAGMENTS];
	uint64_t packets, bytes, sampled_out, ignored, orphans; /* orphans: fragments whose first was not seen */
	void (*on_record)(void *ctx, struct record *r, int64_t now_us);
	void *ctx;
};

int meter_open(struct meter *m, uint32_t flows, const struct timeouts *timeouts, uint32_t sampling, bool inside,
	struct err *err);
void meter_close(struct meter *m);
void meter_packet(struct meter *m, const struct pcap_packet *p, const struct meter_side *side);
/* Count what was taken in. */
void meter_settle(struct meter *m);
/* Time goes on without packets. */
void meter_clock(struct meter *m, int64_t now_us);
/* Export everything. */
void meter_flush(struct meter *m);

#endif
