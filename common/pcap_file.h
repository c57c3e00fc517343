/*
 * pcap_file.h - the packets of a capture file in memory: pcap (microseconds or nanoseconds, either byte order) and
 * pcapng (draft-ietf-opsawg-pcapng: enhanced, simple and the obsolete packet blocks; time units of each interface).
 *
 * An iterator: no allocation, no copy; a packet points into the file.  It never reads beyond the bytes given.  A file cut
 * short ends where it was cut: `truncated` tells.
 */
#ifndef FT_PCAP_FILE_H
#define FT_PCAP_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cursor.h"
#include "common/packet.h"

enum { PCAP_INTERFACES = 64 }; /* of one pcapng section; packets of those beyond are passed over */

/* https://www.tcpdump.org/linktypes.html: those that packets can be read from */
enum {
	PCAP_NULL = 0,
	PCAP_ETHERNET = 1,
	PCAP_PPP = 9,
	PCAP_RAW_BSD = 12,
	PCAP_RAW_OPENBSD = 14,
	PCAP_PPP_HDLC = 50,
	PCAP_PPPOE = 51,
	PCAP_RAW = 101,
	PCAP_CISCO_HDLC = 104,
	PCAP_80211 = 105,
	PCAP_LOOP = 108,
	PCAP_SLL = 113,
	PCAP_80211_RADIOTAP = 127,
	PCAP_MPLS = 219,
	PCAP_IPV4 = 228,
	PCAP_IPV6 = 229,
	PCAP_SLL2 = 276
};

struct pcap_packet {
	int64_t when_us;      /* since 1970 UTC */
	const uint8_t *bytes;
	uint32_t n, wire;     /* bytes captured; bytes the packet had (never less than n) */
	uint32_t link;	      /* LINKTYPE */
};

struct pcap_interface {
	uint32_t link, snap;
	int64_t units;	   /* of time stamps, a second */
	int64_t offset_s;  /* added to each */
};

struct pcap_file {
	struct cursor c;
	bool swapped, nano, ng;
	bool truncated; /* the file ended within a packet or block */
	unsigned n_interfaces;
	struct pcap_interface interface[PCAP_INTERFACES];
};

/* 0, or FT_EFORMAT if the bytes begin like no capture file. */
int pcap_file_open(struct pcap_file *f, const uint8_t *bytes, size_t n);
/* The next packet; false at the end. */
bool pcap_file_next(struct pcap_file *f, struct pcap_packet *p);

/* What packet_parse begins with, and *skip: bytes of this link's own header before that.  PACKET_LINK_NONE: unknown link
 * type, or a payload that is no packet.  Linux cooked headers (SLL) are passed as Ethernet of which only the type is true:
 * *macs says if there are MAC addresses. */
enum packet_link pcap_packet_link(const struct pcap_packet *p, uint32_t *skip, bool *macs);

#endif
