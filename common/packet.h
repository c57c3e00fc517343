/*
 * packet.h - a captured frame, as far as it was captured, to what a flow needs of it.
 *
 * One pure walk over the bytes, for sFlow's sampled headers and for the software exporter.  It never reads beyond the n
 * bytes given (cursor.h), allocates nothing, and does the same number of steps at most whatever the bytes say: layers
 * that may repeat (VLAN tags, MPLS labels, IPv6 extension headers) have a bound each.
 * A frame cut short is no error: `has` tells what was reached before the end.
 *
 *   Ethernet (802.3, LLC/SNAP) | PPP | IPv4, IPv6 | MPLS | 802.11 data   first header, said by the caller
 *   802.1Q, 802.1ad, VN-Tag, PPPoE, MPLS label stack                     between
 *   IPv4 with options, IPv6 with extension headers, ARP                  layer 3
 *   TCP, UDP, UDP-Lite, SCTP, DCCP, ICMP, ICMPv6                         layer 4
 *
 * Tunnels (GRE, VXLAN, Geneve, GTP-U, IP in IP, Ethernet over MPLS): the outer packet is the flow.  `inner` is where the
 * packet inside begins and `inner_link` what it begins with: call again on bytes + inner, n - inner.
 */
#ifndef FT_PACKET_H
#define FT_PACKET_H

#include <stddef.h>
#include <stdint.h>

enum packet_link {
	PACKET_LINK_NONE = 0,
	PACKET_LINK_ETHERNET,
	PACKET_LINK_IP,	   /* IPv4 or IPv6, by its first four bits */
	PACKET_LINK_MPLS,
	PACKET_LINK_PPP,   /* RFC 1661, with or without the HDLC address and control bytes of RFC 1662 */
	PACKET_LINK_LLC,   /* RFC 2684 (AAL5): LLC and SNAP, no MAC addresses */
	PACKET_LINK_80211, /* IEEE 802.11 MAC header of data frames, not encrypted */
};

/* what was found: bits of packet.has */
enum {
	PACKET_MAC = 1u << 0,
	PACKET_ETHERTYPE = 1u << 1,
	PACKET_VLAN = 1u << 2,	     /* vlan_outer */
	PACKET_VLAN_INNER = 1u << 3, /* a second tag: vlan_inner */
	PACKET_MPLS = 1u << 4,
	PACKET_ARP = 1u << 5,
	PACKET_IPV4 = 1u << 6,
	PACKET_IPV6 = 1u << 7,
	PACKET_PORTS = 1u << 8,
	PACKET_FLAGS = 1u << 9,	     /* TCP flags */
	PACKET_ICMP = 1u << 10,	     /* type and code, of either ICMP */
	PACKET_FRAGMENT = 1u << 11,  /* one of several: frag_offset or frag_more is set */
	PACKET_INNER = 1u << 12,     /* a tunnel: inner, inner_link */
	PACKET_IP = PACKET_IPV4 | PACKET_IPV6,
};

struct packet {
	uint32_t has;
	uint8_t src_mac[6], dst_mac[6];
	uint16_t ethertype;   /* of what follows all tags and labels; 0x0800, 0x86dd for IP whatever came before */
	uint16_t vlan_outer, vlan_inner; /* 12 bits */
	uint8_t vlan_priority;
	uint32_t mpls_label;  /* top label, 20 bits */
	uint8_t src[16], dst[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint16_t src_port, dst_port;
	uint8_t proto;	      /* behind all IPv6 extension headers, as far as they were captured */
	uint8_t tos, ttl, tcp_flags;
	uint8_t icmp_type, icmp_code;
	uint32_t ip_bytes;    /* layer 3 bytes as the IP header says, header included; 0: it does not say (offloading) */
	uint32_t flow_label;  /* IPv6 */
	uint32_t frag_id;
	uint16_t frag_offset; /* bytes */
	uint8_t frag_more;
	uint8_t inner_link;   /* enum packet_link */
	uint32_t l3;	      /* offset of layer 3 (of what the last ethertype announces); bytes of link headers */
	uint32_t l4;	      /* offset of layer 4; 0: not reached */
	uint32_t inner;	      /* offset of the packet inside a tunnel */
	uint32_t tunnel_id;   /* VXLAN and Geneve network, GRE key, GTP endpoint */
};

/* Fill in p, all of it, from the first n bytes of a frame that begins with `link`. */
void packet_parse(enum packet_link link, const uint8_t *bytes, size_t n, struct packet *p);

#endif
