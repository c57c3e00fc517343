/*
 * bpf.h - filter expressions as tcpdump and softflowd take them (pcap-filter(7)), compiled by libpcap.  bpf.c alone knows
 * pcap.h.
 */
#ifndef FT_EXPORTER_BPF_H
#define FT_EXPORTER_BPF_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

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
int bpf_compile(struct bpf *b, const char *text, uint32_t link, uint32_t snap, const char *nic, struct err *err);
void bpf_free(struct bpf *b);
/* does it let this packet through?  Only of filters for files. */
bool bpf_match(const struct bpf *b, const uint8_t *bytes, uint32_t n, uint32_t wire);

#endif
