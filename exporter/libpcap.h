/*
 * libpcap.h - what libpcap does for the exporter; libpcap.c alone knows pcap.h.
 *
 * Filter expressions as tcpdump and softflowd take them (pcap-filter(7)), compiled; and capture, for where the kernel gives no
 * TPACKET_V3 ring (live.h), or the interface is one that only libpcap knows.
 */
#ifndef FT_EXPORTER_LIBPCAP_H
#define FT_EXPORTER_LIBPCAP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/pcap_file.h"

struct bpf_instruction { /* as the kernel has it: struct sock_filter */
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};
struct bpf {
	struct bpf_instruction *code; /* malloc'd */
	unsigned n;
};

/* link: PCAP_…; snap: bytes that a matching packet is cut to.  nic: for the kernel, which takes a tag off before the filter
 * sees a packet; NULL for packets of a file. */
int libpcap_compile(
	struct bpf *b, const char *text, uint32_t link, uint32_t snap, const char *nic, struct err *err);
void libpcap_free(struct bpf *b);
/* does it let this packet through?  Only of filters for files. */
bool libpcap_match(const struct bpf *b, const uint8_t *bytes, uint32_t n, uint32_t wire);

struct libpcap_setup {
	const char *nic, *filter;
	unsigned megabytes; /* of its buffer */
	uint32_t snap;
	int retire_ms; /* how long it may hold packets back */
	bool promiscuous;
};
struct libpcap; /* a capture */

/* NULL and err: it can't capture there. */
struct libpcap *libpcap_open(const struct libpcap_setup *s, struct err *err);
/* Readable when there are packets. */
int libpcap_fd(const struct libpcap *p);
/* Passes what is there to f, whose packet is valid until f returns; false: nothing was.  nic: index of the interface, 0 not
 * known; leaving: this machine sent it, as far as libpcap can tell. */
bool libpcap_take(struct libpcap *p,
	void (*f)(void *ctx, const struct pcap_packet *packet, uint32_t nic, bool leaving), void *ctx);
/* Since it was opened: packets seen, packets dropped for want of room. */
void libpcap_count(struct libpcap *p, uint64_t *packets, uint64_t *dropped);
void libpcap_close(struct libpcap *p);

#endif
