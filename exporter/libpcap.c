/* libpcap.c - see libpcap.h */
#include "exporter/libpcap.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <pcap.h>
#include <pcap/sll.h>
#include <stdlib.h>
#include <string.h>

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
libpcap_compile(
	struct bpf *b, const char *text, uint32_t link, uint32_t snap, const char *nic, struct err *err)
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
libpcap_free(struct bpf *b)
{
	free(b->code);
	*b = (struct bpf){0};
}

bool
libpcap_match(const struct bpf *b, const uint8_t *bytes, uint32_t n, uint32_t wire)
{
	return bpf_filter((const struct bpf_insn *)(const void *)b->code, bytes, wire, n) != 0;
}

/* ---- capture ---------------------------------------------------------------------------------- */

enum { TURN = 4096 };    /* packets a call, so that clocks and collectors get their turn */
enum { MOST_MB = 1024 }; /* of a buffer; libpcap takes less if there is not so much */

struct libpcap {
	pcap_t *handle;
	uint32_t link, nic;
	/* of libpcap_take */
	void (*f)(void *ctx, const struct pcap_packet *packet, uint32_t nic, bool leaving);
	void *ctx;
};

static int
failed(struct err *err, const struct libpcap_setup *s, const pcap_t *handle, int rc)
{
	const char *why = pcap_geterr((pcap_t *)(uintptr_t)handle);
	return err_set(err, rc == PCAP_ERROR_PERM_DENIED ? FT_EPERM : FT_ESYS, "libpcap on %s: %s%s%s",
		s->nic, pcap_statustostr(rc), why[0] ? ": " : "", why);
}

static int
activate(struct libpcap *p, const struct libpcap_setup *s, struct err *err)
{
	char why[PCAP_ERRBUF_SIZE];
	struct bpf_program program;
	unsigned megabytes = s->megabytes < 1 ? 1 : s->megabytes > MOST_MB ? MOST_MB : s->megabytes;
	(void)pcap_set_snaplen(p->handle, (int)s->snap);
	(void)pcap_set_promisc(p->handle, s->promiscuous);
	(void)pcap_set_timeout(p->handle, s->retire_ms);
	(void)pcap_set_buffer_size(p->handle, (int)(megabytes << 20));
	int rc = pcap_activate(p->handle);
	if (rc < 0)
		return failed(err, s, p->handle, rc);
	/* cooked packets of "any": the second kind says by which interface */
	if (pcap_datalink(p->handle) == DLT_LINUX_SLL)
		(void)pcap_set_datalink(p->handle, DLT_LINUX_SLL2);
	p->link = (uint32_t)pcap_datalink(p->handle);
	if (pcap_compile(p->handle, &program, s->filter, 1, PCAP_NETMASK_UNKNOWN) != 0)
		return err_set(err, FT_EINVAL, "filter '%s': %s", s->filter, pcap_geterr(p->handle));
	rc = pcap_setfilter(p->handle, &program);
	pcap_freecode(&program);
	if (rc != 0)
		return failed(err, s, p->handle, rc);
	return pcap_setnonblock(p->handle, 1, why) == 0
		       ? 0
		       : err_set(err, FT_ESYS, "libpcap on %s: %s", s->nic, why);
}

struct libpcap *
libpcap_open(const struct libpcap_setup *s, struct err *err)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	struct libpcap *p = calloc(1, sizeof *p);
	if (p == NULL) {
		(void)err_set(err, FT_ENOMEM, "no memory to capture");
		return NULL;
	}
	p->handle = pcap_create(s->nic, why);
	p->nic = if_nametoindex(s->nic);
	if (p->handle == NULL)
		(void)err_set(err, FT_ESYS, "libpcap on %s: %s", s->nic, why);
	else if (activate(p, s, err) == 0)
		return p;
	libpcap_close(p);
	return NULL;
}

int
libpcap_fd(const struct libpcap *p)
{
	return pcap_get_selectable_fd(p->handle);
}

static void
on_packet(u_char *ctx, const struct pcap_pkthdr *h, const u_char *bytes)
{
	const struct libpcap *p = (const struct libpcap *)(const void *)ctx;
	struct pcap_packet packet = {.when_us = (int64_t)h->ts.tv_sec * 1000000 + h->ts.tv_usec,
		.bytes = bytes,
		.n = h->caplen,
		.wire = h->len,
		.link = p->link};
	uint32_t nic = p->nic;
	bool leaving = false;
	if (p->link == DLT_LINUX_SLL2 && h->caplen >= SLL2_HDR_LEN) {
		struct sll2_header cooked;
		memcpy(&cooked, bytes, sizeof cooked);
		nic = ntohl(cooked.sll2_if_index);
		leaving = cooked.sll2_pkttype == LINUX_SLL_OUTGOING;
	}
	p->f(p->ctx, &packet, nic, leaving);
}

bool
libpcap_take(struct libpcap *p,
	void (*f)(void *ctx, const struct pcap_packet *packet, uint32_t nic, bool leaving), void *ctx)
{
	p->f = f;
	p->ctx = ctx;
	return pcap_dispatch(p->handle, TURN, on_packet, (u_char *)p) > 0;
}

void
libpcap_count(struct libpcap *p, uint64_t *packets, uint64_t *dropped)
{
	struct pcap_stat s;
	if (pcap_stats(p->handle, &s) != 0)
		return;
	*packets = s.ps_recv;
	*dropped = (uint64_t)s.ps_drop + s.ps_ifdrop;
}

void
libpcap_close(struct libpcap *p)
{
	if (p && p->handle)
		pcap_close(p->handle);
	free(p);
}
