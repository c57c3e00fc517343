/* bpf.c - see bpf.h */
#include "exporter/bpf.h"

#include <pcap.h>
#include <stdlib.h>
#include <string.h>

#include "common/pcap_file.h"

_Static_assert(sizeof(struct bpf_instruction) == sizeof(struct bpf_insn), "one layout");

/* A handle of the interface itself makes code that looks for tags where the kernel keeps them. */
static pcap_t *
handle(uint32_t link, uint32_t snap, const char *nic)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *p = nic ? pcap_create(nic, why) : NULL;
	if (p != NULL) {
		(void)pcap_set_snaplen(p, (int)snap);
		(void)pcap_set_buffer_size(p, 1 << 16);
		if (pcap_activate(p) >= 0 && pcap_datalink(p) == (int)link)
			return p;
		pcap_close(p);
	}
	/* libpcap numbers raw IP otherwise within a program than in files */
	return pcap_open_dead(link == PCAP_RAW ? DLT_RAW : (int)link, (int)snap);
}

int
bpf_compile(struct bpf *b, const char *text, uint32_t link, uint32_t snap, const char *nic, struct err *err)
{
	struct bpf_program program;
	*b = (struct bpf){0};
	pcap_t *p = handle(link, snap, nic);
	if (p == NULL)
		return err_set(err, FT_ENOMEM, "no memory for a filter");
	if (pcap_compile(p, &program, text, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		(void)err_set(err, FT_EINVAL, "filter '%s': %s", text, pcap_geterr(p));
		pcap_close(p);
		return FT_EINVAL;
	}
	pcap_close(p);
	size_t size = program.bf_len * sizeof *b->code;
	b->code = malloc(size + 1);
	if (b->code) {
		memcpy(b->code, program.bf_insns, size);
		b->n = program.bf_len;
	}
	pcap_freecode(&program);
	return b->code ? 0 : err_set(err, FT_ENOMEM, "no memory for a filter");
}

void
bpf_free(struct bpf *b)
{
	free(b->code);
	*b = (struct bpf){0};
}

bool
bpf_match(const struct bpf *b, const uint8_t *bytes, uint32_t n, uint32_t wire)
{
	return bpf_filter((const struct bpf_insn *)(const void *)b->code, bytes, wire, n) != 0;
}
