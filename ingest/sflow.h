/*
 * sflow.h - sFlow 2, 4 (RFC 3176) and 5 (sflow.org, "sFlow Version 5", July 2004, and its later structures).
 *
 * A datagram holds samples; a flow sample is one packet out of `rate`, described by records: its first bytes, or fields
 * taken from them, and what the switch knew of it.  The three versions differ in framing; what a sample says is one
 * struct, and flows are made of that in one place (sflow_flow.c).
 *
 *   sflow.c       the demultiplexer by version, and version 5
 *   sflow24.c     versions 2 and 4: no lengths, so what is unknown ends the datagram
 *   sflow_flow.c  records that the versions share; sample -> flow; what each data source lost
 *
 * Counts and lengths in a datagram are bounded by the bytes that are left, never trusted.
 * Reading a sample is pure: ft-decode reads it again for what has no place in a flow.
 */
#ifndef FT_INGEST_SFLOW_H
#define FT_INGEST_SFLOW_H

#include "common/packet.h"
#include "ingest/decode.h"

enum { SFLOW_V2 = 18, SFLOW_V4 = 20, SFLOW_V5 = 21 }; /* ft_flow.version */
enum { SFLOW_PATH = 32 };                             /* numbers of an AS path that are kept */
enum { SFLOW_INTERNAL = 0x3fffffff };                 /* interface value: the device itself */

/* format of an interface value, two bits */
enum { SFLOW_IF_INDEX = 0, SFLOW_IF_DISCARDED = 1, SFLOW_IF_MULTIPLE = 2 };

/* what a sample had: bits of sflow_sample.has */
enum {
	SFLOW_HEADER = 1u << 0,   /* packet, protocol, frame_bytes, stripped: from the packet's first bytes */
	SFLOW_ETHERNET = 1u << 1, /* an Ethernet record: frame_bytes, MACs */
	SFLOW_IP = 1u << 2,       /* an IPv4 or IPv6 record */
	SFLOW_SWITCH = 1u << 3,
	SFLOW_ROUTER = 1u << 4,
	SFLOW_GATEWAY = 1u << 5,
	SFLOW_NAT = 1u << 6,
	SFLOW_NAT_PORTS = 1u << 7,
	SFLOW_MPLS = 1u << 8,
	SFLOW_VNI_IN = 1u << 9,
	SFLOW_VNI_OUT = 1u << 10,
	SFLOW_VLAN_TUNNEL = 1u << 11,
	SFLOW_DROPPED = 1u << 12,     /* a discarded packet (sample format 5): `reason` says why */
	SFLOW_CUT = 1u << 13,         /* shorter than it says: what was there was used */
	SFLOW_APPLICATION = 1u << 14, /* a record of an application's request */
	SFLOW_PACKET = SFLOW_HEADER | SFLOW_ETHERNET | SFLOW_IP, /* something of a packet */
};

struct sflow_sample {
	uint32_t has;
	uint32_t format; /* sample type of the wire: 1 flow, 3 expanded flow, 5 discarded packet */
	uint32_t sequence, source_class, source_index, rate, pool, drops;
	uint32_t in_format, in_if, out_format, out_if; /* values without their format bits */
	uint32_t reason;   /* ICMP unreachable codes, 256 unknown, 257 TTL, 258 ACL, … */
	uint32_t protocol; /* header protocol: 1 Ethernet, 11 IPv4, … */
	uint32_t
		frame_bytes; /* of the packet on the wire, link header and most often check sequence included */
	uint32_t stripped;   /* bytes taken off before sampling (check sequence: 4) */
	struct packet
		packet; /* of all records: the header's, and where it does not reach to IP, the fields' */
	/* extended records; only what `has` names is set */
	uint32_t src_vlan, src_priority, dst_vlan, dst_priority; /* UINT32_MAX unknown */
	uint8_t next_hop[16];
	uint32_t src_mask, dst_mask;
	uint8_t bgp_next_hop[16];
	uint32_t router_as, src_as, src_peer_as;
	uint32_t n_path, path[SFLOW_PATH]; /* towards the destination; its last is the destination's AS */
	uint32_t last_as;                  /* of the path, however long; 0 if it is empty */
	uint32_t n_communities;
	const uint8_t *communities; /* 4 bytes each, big-endian, in the datagram */
	uint32_t local_pref;
	uint8_t nat_src[16], nat_dst[16];
	uint32_t nat_src_port, nat_dst_port;
	uint32_t mpls_label; /* top of the received stack, else of the sent one */
	uint32_t vni_in, vni_out;
	uint32_t tunnel_vlan; /* outermost tag that the switch took off */
};

/* What a counter sample says of an interface. */
struct sflow_counters {
	uint32_t source_class, source_index;
	bool has_interface; /* the generic interface counters that follow */
	uint32_t index, type, direction,
		status; /* RFC 2863; direction 1 full duplex; status bit 0 admin, 1 oper up */
	uint64_t speed, in_bytes, out_bytes; /* bit/s; bytes since the counter began */
	uint32_t in_unicast, in_multicast, in_broadcast, in_discards, in_errors, in_unknown;
	uint32_t out_unicast, out_multicast, out_broadcast, out_discards, out_errors, promiscuous;
	const uint8_t *name; /* in the datagram; NULL: not said */
	size_t name_n;
};

/* Read the sample that begins (type first) at bytes, which may be followed by others; version as ft_flow.version.
 * Returns the bytes it took; 0: it can't be read, *why says what of it.  *flow: s is a flow sample, else it is nothing. */
size_t sflow_sample_read(uint8_t version, const uint8_t *bytes, size_t n, bool *flow, struct sflow_sample *s,
	struct sflow_counters *counters, const char **why);
/* The flow a sample makes, but for exporter and domain; times are m's arrival. */
void sflow_flow(const struct sflow_sample *s, const struct message *m, struct decoded *d);

/* ---- for the versions ------------------------------------------------------------------------- */
/* Walk over `count` samples of a message, as far as there are bytes. */
void sflow_samples(struct message *m, struct cursor *c, uint32_t count);
/* type and address; false: of a kind that is not known, or cut short */
bool sflow_address(struct cursor *c, uint8_t out[16]);
/* bodies that all versions share; `length` of version 5 records bounds c */
void sflow_header(struct cursor *c, bool stripped, struct sflow_sample *s);
void sflow_ip_fields(struct cursor *c, bool v6, struct sflow_sample *s);
void sflow_switch(struct cursor *c, struct sflow_sample *s);
void sflow_router(struct cursor *c, struct sflow_sample *s);
void sflow_gateway(struct cursor *c, uint8_t version, struct sflow_sample *s);
void sflow_interface(struct cursor *c, struct sflow_counters *k);
/* what the records said, put together: once, after the last of them */
void sflow_settle(struct sflow_sample *s);
size_t sflow24_sample_read(uint8_t version, const uint8_t *bytes, size_t n, bool *flow,
	struct sflow_sample *s, struct sflow_counters *counters, const char **why);

/* What each data source of an agent counted last: samples that were lost on the way and packets the sampler missed. */
struct sflow_table;
void sflow_account(struct message *m, const struct sflow_sample *s);
void sflow_table_free(struct sflow_table *t);

#endif
