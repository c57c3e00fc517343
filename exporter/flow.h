/*
 * flow.h - a conversation as the exporter keeps it: both directions in one entry, told apart by who spoke first.
 *
 * A key has its lower side (address, then port) first, so that a packet and its answer meet.  dir[0] counts packets from
 * side 0 to side 1.  ICMP has no ports; type and code stand in port[1] of an ordering of their own, so that each way is a
 * flow by itself, as NetFlow v5 has it.
 */
#ifndef FT_EXPORTER_FLOW_H
#define FT_EXPORTER_FLOW_H

#include <stdint.h>

enum { FLOW_NONE = 0xffffffffu };

/* why a flow was exported: flowEndReason (IPFIX element 136) */
enum flow_end {
	FLOW_END_IDLE = 1,
	FLOW_END_ACTIVE = 2,
	FLOW_END_CLOSED = 3,  /* TCP FIN both ways, or RST */
	FLOW_END_FORCED = 4,  /* the exporter ends */
	FLOW_END_NO_ROOM = 5, /* the table was full */
};

/* compared and hashed as words; no byte of it is left unset */
struct flow_key {
	uint8_t addr[2][16]; /* IPv4 as ::ffff:a.b.c.d */
	uint16_t port[2];
	uint16_t vlan, vlan_inner; /* 0: none */
	uint8_t proto, version;	   /* 4, 6 */
	uint8_t icmp;		   /* 1 + the side that sent it; 0: not ICMP */
	uint8_t zero[5];
};
_Static_assert(sizeof(struct flow_key) == 48, "six words");

struct flow_dir {
	uint64_t packets, bytes;       /* 0 packets: nothing to export.  Layer 3 bytes */
	int64_t first_us, last_us;
	uint32_t input, output;	       /* interface index; 0: not known */
	uint8_t tcp_flags, tos, ttl_min, ttl_max; /* tos of the first packet */
	uint32_t mpls_label; /* top label of the first packet; FLOW_NONE: none */
};

struct flow {
	struct flow_key key;
	struct flow_dir dir[2];
	int64_t first_us, last_us; /* of either direction, since the last export */
	uint32_t hash;
	uint32_t prev, next; /* in its bucket of the wheel; FLOW_NONE */
	uint16_t bucket;
	uint8_t starter;     /* side that was seen first */
	uint8_t closing;     /* bits 0, 1: that side sent FIN; FLOW_CLOSING_* */
	uint8_t mac[2][6];   /* of side 0, 1 */
	uint8_t seen;	     /* it has had a packet */
};

enum { FLOW_CLOSING_RST = 4, FLOW_CLOSING_SOON = 8 /* in its last seconds */ };

#endif
