/*
 * flow_ring.h - ingest -> tracker: decoded flows.
 *
 * 1 One ring for each (ingest thread i, tracker shard s): segment "flow.<i>.<s>".  Ingest makes it and
 *   produces; tracker shard s consumes.  Ingest picks the shard by a direction-blind hash of the key.
 * 2-8 as contract/ring.h; the magic is "FTFLOW".  A record is one ft_flow slot, an ft_flow_ext slot if
 *   FT_FLOW_EXT is set, then slots of kept elements (FT_FLOW_ELEMENTS, element_bytes of them; contract/
 *   elements.h); `slots` counts them all.  Units: bytes at layer 3, scaled by nothing: counters are as on the wire and
 *   `sampling` says by what the sums are multiplied (the tracker multiplies).  Times are microseconds
 *   since 1970 UTC after clock correction.
 *   A biflow or an NSEL record with both directions is two ft_flow records, forward first, both with
 *   the same evidence; the reverse one has FT_FLOW_REVERSE.
 * Golden bytes: tests/contract/flow_ring_test.c.
 */
#ifndef FT_CONTRACT_FLOW_RING_H
#define FT_CONTRACT_FLOW_RING_H

#include "common/contract/abi.h"
#include "common/contract/ring.h"

#define FT_FLOW_MAGIC "FTFLOW"
#define FT_FLOW_VERSION 0x00020000u

/* ft_flow.bits: what the record carries and what is known of it */
enum {
	FT_FLOW_EXT = 1u << 0,	    /* an ft_flow_ext slot follows */
	FT_FLOW_ELEMENTS = 1u << 1, /* slots of kept elements follow */
	FT_FLOW_V6 = 1u << 2,	    /* addresses are IPv6 (else IPv4, mapped ::ffff:a.b.c.d) */
	FT_FLOW_REVERSE = 1u << 3,  /* the other direction of the biflow record just before */
	FT_FLOW_NOTIME = 1u << 4,   /* no times in the record: both are the export time */
	FT_FLOW_NOCOUNT = 1u << 5,  /* no counters in the record (NSEL create, denied) */
	FT_FLOW_ICMP = 1u << 6,	    /* icmp_type and icmp_code hold what the record says */
	/* who opened the conversation, if the exporter says so (biflow initiator, NSEL) */
	FT_FLOW_SRC_CLIENT = 1u << 7,
	FT_FLOW_DST_CLIENT = 1u << 8,
	/* presence of attributes whose zero is a value; absent shows as null */
	FT_FLOW_HAS_IF = 1u << 9,
	FT_FLOW_HAS_VLAN = 1u << 10,	 /* src side: `in_vlan` */
	FT_FLOW_HAS_OUT_VLAN = 1u << 11, /* both VLANs were sent */
	FT_FLOW_HAS_AS = 1u << 12,
	FT_FLOW_HAS_MASK = 1u << 13,
	FT_FLOW_HAS_TOS = 1u << 14,
	FT_FLOW_HAS_FLAGS = 1u << 15,
};

struct ft_flow {
	uint8_t src[16], dst[16];
	uint64_t bytes, packets;
	int64_t first_us, last_us;
	int64_t export_us;  /* exporter's header clock, corrected: idle, linger and toolong run on it */
	uint32_t exporter;  /* id in contract/exporters.h: address and GUID */
	uint32_t domain;    /* source id, observation domain, sub-agent */
	uint32_t in_if, out_if;
	uint32_t src_as, dst_as;
	uint32_t sampling;  /* 1 in N in force; 0 and 1: none */
	uint32_t bits;	    /* FT_FLOW_* */
	uint16_t src_port, dst_port;
	uint16_t in_vlan, out_vlan;
	uint8_t proto, tos, flags;
	uint8_t src_mask, dst_mask;
	uint8_t version;    /* 1 5 7 9 10, 18 20 21 for sFlow 2 4 5 */
	uint8_t slots;	    /* of this record, this one included */
	uint8_t icmp_type, icmp_code;
	uint8_t pad;
	uint16_t element_bytes; /* with FT_FLOW_ELEMENTS, else 0 */
	uint8_t pad2[4];
};
static_assert(sizeof(struct ft_flow) == 128, "a flow without extensions is one slot");

/* ft_flow_ext.has: which attributes are present */
enum {
	FT_EXT_MAC = 1u << 0,
	FT_EXT_NEXT_HOP = 1u << 1,
	FT_EXT_NAT = 1u << 2,
	FT_EXT_MPLS = 1u << 3,
	FT_EXT_VRF = 1u << 4,
	FT_EXT_FWD = 1u << 5,
	FT_EXT_NSEL = 1u << 6,
	FT_EXT_NSEL_EXT = 1u << 7,
	FT_EXT_APP = 1u << 8,
	FT_EXT_END_REASON = 1u << 9,
	FT_EXT_APP_NAME = 1u << 10,
};
struct ft_flow_ext {
	uint32_t has;
	uint32_t mpls_label; /* top label, 20 bits */
	uint8_t next_hop[16];
	uint8_t nat_src[16], nat_dst[16]; /* translated addresses, mapped as above */
	uint16_t nat_src_port, nat_dst_port;
	uint8_t src_mac[6], dst_mac[6];
	uint64_t app;	     /* RFC 6759: engine id << 56 | selector */
	uint32_t vrf;
	uint16_t nsel_ext_event;
	uint8_t nsel_event;
	uint8_t forwarding_status;
	uint8_t end_reason;  /* IE 136 */
	uint8_t pad[3];
	uint32_t app_name;   /* number in contract/labels.h: the name in force when it was decoded */
	uint8_t pad2[32];
};
static_assert(sizeof(struct ft_flow_ext) == 128, "extensions are one slot");

#define FT_FLOW_LAYOUT                                                                                        \
	FT_LAYOUT6(sizeof(struct ft_flow), offsetof(struct ft_flow, bytes), offsetof(struct ft_flow, bits),   \
		offsetof(struct ft_flow, element_bytes), offsetof(struct ft_flow_ext, app),                           \
		offsetof(struct ft_flow_ext, end_reason))

#endif
