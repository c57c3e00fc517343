/*
 * slice_ring.h - tracker -> store: slices of sessions (the rows that are stored).
 *
 * 1 One ring a tracker shard: segment "slice.<s>".  Tracker makes it and produces; store consumes.
 * 2-8 as contract/ring.h; the magic is "FTSLICE".  A record is one ft_slice slot, an ft_slice_ext slot
 *   if FT_SLICE_EXT is set, then slots of kept elements (element_bytes of them; contract/elements.h);
 *   `slots` counts them all.
 *   Counters are deltas of this slice, already multiplied by `sampling`.  Everything is in the client's
 *   orientation: in_if is where the client's packets came in.
 * Golden bytes: tests/contract/slice_ring_test.c.
 */
#ifndef FT_CONTRACT_SLICE_RING_H
#define FT_CONTRACT_SLICE_RING_H

#include "common/contract/abi.h"
#include "common/contract/ring.h"

#define FT_SLICE_MAGIC "FTSLICE"
#define FT_SLICE_VERSION 0x00020000u

/* ft_slice.state: position in the session and what happened to it; stored in the column of that name */
enum {
	FT_SLICE_FIRST = 1u << 0,     /* no earlier slice */
	FT_SLICE_LAST = 1u << 1,      /* no later slice; FIRST|LAST = the only one */
	FT_SLICE_CUT = 1u << 2,	      /* the session was cut on a changed attribute, here or before, or stored
				       * out of time order: count it by distinct id under a filter or ranking
				       * on an attribute */
	FT_SLICE_DISPUTED = 1u << 3,  /* later evidence contradicts the direction */
	FT_SLICE_EVICTED = 1u << 4,   /* the table was full */
	FT_SLICE_INFERRED = 1u << 5,  /* something was inferred from the other event of an NSEL connection */
};

/* ft_slice.rule: what decided who is the client, strongest first */
enum {
	FT_RULE_EXPORTER = 1, /* biflow or NSEL says so */
	FT_RULE_SYN = 2,      /* SYN without ACK from one side only */
	FT_RULE_ICMP = 3,     /* request and reply types */
	FT_RULE_SERVICE = 4,  /* exactly one side's port is a service */
	FT_RULE_TIME = 5,     /* which direction started first */
	FT_RULE_PORT = 6,     /* the lower port */
	FT_RULE_ONLY = 7,     /* equal ports and times: the first flow's source */
};

/* ft_slice.end_reason: given as soon as the end is known.  A session that has ended lingers, and late flows may
 * make one more slice: FT_SLICE_LAST is set only when none can come any more. */
enum {
	FT_END_NONE = 0,     /* no end known */
	FT_END_FIN = 1,
	FT_END_RST = 2,
	FT_END_TIMEOUT = 3,
	FT_END_TOOLONG = 4,
	FT_END_EVICTED = 5,
	FT_END_NEW = 6,	     /* a new session of the same key began */
	FT_END_EXPORTER = 7, /* NSEL teardown or denied */
};

/* ft_slice.present: which nullable attributes were sent; stored in the column of that name */
enum {
	FT_HAS_IF = 1u << 0,
	FT_HAS_CLIENT_VLAN = 1u << 1,
	FT_HAS_SERVER_VLAN = 1u << 2,
	FT_HAS_CLIENT_TOS = 1u << 3,
	FT_HAS_SERVER_TOS = 1u << 4,
	FT_HAS_FLAGS = 1u << 5,
	FT_HAS_CLIENT_MASK = 1u << 6,
	FT_HAS_SERVER_MASK = 1u << 7,
	FT_HAS_MPLS = 1u << 8,
	FT_HAS_VRF = 1u << 9,
	FT_HAS_FWD = 1u << 10,
	FT_HAS_NSEL = 1u << 11,
	FT_HAS_NSEL_EXT = 1u << 12,
	FT_HAS_APP = 1u << 13,
	FT_HAS_NAT = 1u << 14,
	FT_HAS_CLIENT_AS = 1u << 15, /* sent by the exporter, not looked up */
	FT_HAS_SERVER_AS = 1u << 16,
};
#define FT_SLICE_EXT (1u << 31) /* in `present`: an ft_slice_ext slot follows (not stored) */
#define FT_SLICE_V6 (1u << 30)	/* in `present`: IPv6 (not stored) */

struct ft_slice {
	uint8_t client[16], server[16]; /* IPv4 mapped ::ffff:a.b.c.d */
	uint64_t session;   /* never used twice: epoch 16 bits, shard 8, counter 40 */
	int64_t first_us, last_us;  /* of this part */
	int64_t start_us, prev_us;  /* hull of the earlier slices; both 0 in the first */
	uint64_t client_bytes, server_bytes, client_packets, server_packets;
	uint32_t client_flows, server_flows; /* export records merged */
	uint32_t exporter, domain;
	uint32_t in_if, out_if;
	uint32_t client_as, server_as;
	uint32_t sampling, present;
	uint16_t client_port, server_port; /* ICMP: client_port 0, server_port = type * 256 + code of the request */
	uint16_t client_vlan, server_vlan;
	uint8_t proto, version;
	uint8_t client_flags, server_flags, client_tos, server_tos, client_mask, server_mask;
	uint8_t state, rule, end_reason, slots;
	uint16_t element_bytes; /* 0: none */
	uint8_t pad[26];
};
static_assert(sizeof(struct ft_slice) == 192, "a slice is three lines");

struct ft_slice_ext {
	uint8_t next_hop[16];
	uint8_t nat_client[16], nat_server[16];
	uint64_t app;
	uint32_t mpls_label, vrf;
	uint16_t nat_client_port, nat_server_port;
	uint16_t nsel_ext_event;
	uint8_t nsel_event, forwarding_status;
	uint8_t client_mac[6], server_mac[6];
	uint32_t has; /* FT_EXT_* of flow_ring.h */
	uint32_t app_name; /* number in contract/labels.h; 0 none */
	uint8_t pad[100];
};
static_assert(sizeof(struct ft_slice_ext) == 192, "extensions are one slot");

#define FT_SLICE_LAYOUT                                                                                       \
	FT_LAYOUT6(sizeof(struct ft_slice), offsetof(struct ft_slice, client_bytes),                          \
		offsetof(struct ft_slice, present), offsetof(struct ft_slice, element_bytes),                         \
		offsetof(struct ft_slice_ext, app), offsetof(struct ft_slice_ext, has))

#endif
