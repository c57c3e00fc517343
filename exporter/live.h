/*
 * live.h - packets of an interface: a ring that the kernel fills (packet(7), TPACKET_V3), blocks of many packets each.
 *
 * A packet is cut to `snap` bytes by the filter, before it is copied.  A block that is not full is given after
 * LIVE_RETIRE_MS.  Where the kernel gives no such ring, or when told to, libpcap captures (libpcap.h); it does not say which
 * packets of an interface this machine has sent, so all count as coming in there.  What the machine sends over loopback is seen as it leaves and as it comes: the first is left out, as
 * libpcap does.
 */
#ifndef FT_EXPORTER_LIVE_H
#define FT_EXPORTER_LIVE_H

#include "common/pcap_file.h"
#include "exporter/libpcap.h"
#include "exporter/meter.h"

enum { LIVE_RETIRE_MS = 50, LIVE_BLOCK = 1 << 20 };

struct live {
	int fd;
	uint32_t nic;	/* index; 0: any */
	uint32_t link;	/* PCAP_… of its packets */
	bool cooked;	/* without link header: the kernel says the protocol */
	uint8_t *ring;
	unsigned blocks, next;
	struct libpcap *pcap; /* captures instead of the ring; NULL: the ring does */
	uint64_t packets, dropped; /* as the kernel counts */
};

/* s: filter "" is all.  by_libpcap: not by the ring.  Needs CAP_NET_RAW, and once only. */
int live_open(struct live *l, const struct libpcap_setup *s, bool by_libpcap, struct err *err);
/* Passes what the kernel has ready to the meter; false: nothing was.  index: to give as interface instead; 0: its own. */
bool live_take(struct live *l, struct meter *m, uint32_t index);
/* Adds the kernel's counts to packets and dropped. */
void live_count(struct live *l);
void live_close(struct live *l);

#endif
