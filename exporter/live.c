/* live.c - see live.h */
#include "exporter/live.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"

_Static_assert(sizeof(struct bpf_instruction) == sizeof(struct sock_filter), "one layout");

static int
find_nic(struct live *l, const char *nic, struct err *err)
{
	struct ifreq r = {0};
	l->link = PCAP_RAW;
	l->cooked = true;
	if (strcmp(nic, "any") == 0)
		return 0;
	l->nic = if_nametoindex(nic);
	if (l->nic == 0)
		return err_set(err, FT_ENOENT, "there is no interface %s: `ip link` lists them", nic);
	memcpy(r.ifr_name, nic, strnlen(nic, sizeof r.ifr_name - 1));
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = s < 0 ? -1 : ioctl(s, SIOCGIFHWADDR, &r);
	if (s >= 0)
		close(s);
	if (rc != 0)
		return err_sys(err, "interface %s", nic);
	switch (r.ifr_hwaddr.sa_family) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		l->link = PCAP_ETHERNET;
		l->cooked = false;
		break;
	case ARPHRD_IEEE80211:
		l->link = PCAP_80211;
		l->cooked = false;
		break;
	case ARPHRD_IEEE80211_RADIOTAP:
		l->link = PCAP_80211_RADIOTAP;
		l->cooked = false;
		break;
	default: /* PPP, tunnels: what is before layer 3 is of no interest */
		break;
	}
	return 0;
}

static int
attach(const struct live *l, const char *nic, uint32_t snap, const char *filter, struct err *err)
{
	struct bpf b;
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, snap);
	struct sock_fprog program = {.len = 1, .filter = &all};
	bool own = filter[0] != '\0';
	if (own) {
		int rc = libpcap_compile(&b, filter, l->link, snap, l->cooked ? NULL : nic, err);
		if (rc != 0)
			return rc;
		program = (struct sock_fprog){(unsigned short)b.n, (struct sock_filter *)(void *)b.code};
	}
	int rc = setsockopt(l->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
	if (rc != 0)
		(void)err_sys(err, "the kernel does not take the filter");
	if (own)
		libpcap_free(&b);
	return rc == 0 ? 0 : FT_ESYS;
}

static int
make_ring(struct live *l, unsigned megabytes, struct err *err)
{
	int version = TPACKET_V3;
	l->blocks = megabytes ? megabytes : 1;
	struct tpacket_req3 r = {
		.tp_block_size = LIVE_BLOCK,
		.tp_block_nr = l->blocks,
		.tp_frame_size = 2048, /* of no meaning but to be a divisor */
		.tp_frame_nr = LIVE_BLOCK / 2048 * l->blocks,
		.tp_retire_blk_tov = LIVE_RETIRE_MS,
	};
	if (setsockopt(l->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0)
		return err_sys(err, "this kernel has no TPACKET_V3");
	if (setsockopt(l->fd, SOL_PACKET, PACKET_RX_RING, &r, sizeof r) != 0)
		return err_sys(err, "a ring of %u MB (-B asks for less)", l->blocks);
	void *p = mmap(NULL, (size_t)l->blocks * LIVE_BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, l->fd, 0);
	if (p == MAP_FAILED)
		return err_sys(err, "a ring of %u MB (-B asks for less)", l->blocks);
	l->ring = p;
	return 0;
}

static int
open_ring(struct live *l, const struct libpcap_setup *s, struct err *err)
{
	int rc = find_nic(l, s->nic, err);
	if (rc != 0)
		return rc;
	/* of no protocol yet: nothing comes before the filter is there */
	l->fd = socket(AF_PACKET, (l->cooked ? SOCK_DGRAM : SOCK_RAW) | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return errno == EPERM || errno == EACCES ? err_set(err, FT_EPERM,
								   "capturing needs root or CAP_NET_RAW: "
								   "start ft-exporter as root; it gives up "
								   "its privileges by itself")
							 : err_sys(err, "a packet socket");
	rc = attach(l, s->nic, s->snap, s->filter, err);
	if (rc == 0)
		rc = make_ring(l, s->megabytes, err);
	if (rc != 0)
		return rc;
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)l->nic};
	if (bind(l->fd, (struct sockaddr *)&to, sizeof to) != 0)
		return err_sys(err, "interface %s", s->nic);
	struct packet_mreq wide = {.mr_ifindex = (int)l->nic, .mr_type = PACKET_MR_PROMISC};
	if (s->promiscuous && l->nic)
		(void)setsockopt(l->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &wide, sizeof wide);
	return 0;
}

/* What neither way can do better: no right to capture, no such interface, a filter that is none. */
static bool
final(int rc)
{
	return rc == 0 || rc == FT_EPERM || rc == FT_EINVAL || rc == FT_ENOENT;
}

int
live_open(struct live *l, const struct libpcap_setup *s, bool by_libpcap, struct err *err)
{
	struct err why = {0};
	*l = (struct live){.fd = -1};
	int rc = by_libpcap ? FT_ESYS : open_ring(l, s, &why);
	if (rc == 0)
		return 0;
	live_close(l);
	if (final(rc))
		return err_set(err, rc, "%s", why.text);
	l->pcap = libpcap_open(s, err);
	if (l->pcap == NULL)
		return err->code ? err->code : FT_ESYS;
	l->fd = libpcap_fd(l->pcap);
	if (!by_libpcap)
		log_high("%s: libpcap captures instead, which is slower", why.text);
	return 0;
}

static void
one(const struct live *l, const struct tpacket3_hdr *h, struct meter *m, uint32_t index)
{
	const uint8_t *base = (const uint8_t *)h;
	struct sockaddr_ll from;
	memcpy(&from, base + ((sizeof *h + TPACKET_ALIGNMENT - 1) & ~(size_t)(TPACKET_ALIGNMENT - 1)),
		sizeof from);
	bool leaving = from.sll_pkttype == PACKET_OUTGOING;
	if (leaving && from.sll_hatype == ARPHRD_LOOPBACK)
		return;
	struct pcap_packet p = {
		.when_us = (int64_t)h->tp_sec * 1000000 + h->tp_nsec / 1000,
		.bytes = base + (l->cooked ? h->tp_net : h->tp_mac),
		.n = h->tp_snaplen,
		.wire = h->tp_len,
		.link = l->link,
	};
	if (l->cooked) {
		unsigned type = ntohs(from.sll_protocol);
		p.link = type == ETH_P_MPLS_UC || type == ETH_P_MPLS_MC ? PCAP_MPLS : PCAP_RAW;
		if (p.link == PCAP_RAW && type != ETH_P_IP && type != ETH_P_IPV6)
			p.n = 0;
	}
	struct meter_side side = {
		.tagged = (h->tp_status & TP_STATUS_VLAN_VALID) != 0,
		.tci = (uint16_t)h->hv1.tp_vlan_tci,
	};
	*(leaving ? &side.output : &side.input) = index ? index : (uint32_t)from.sll_ifindex;
	meter_packet(m, &p, &side);
}

struct taking {
	struct meter *meter;
	uint32_t index;
};

static void
on_packet(void *ctx, const struct pcap_packet *p, uint32_t nic, bool leaving)
{
	const struct taking *t = ctx;
	struct meter_side side = {.tagged = false};
	*(leaving ? &side.output : &side.input) = t->index ? t->index : nic;
	meter_packet(t->meter, p, &side);
}

bool
live_take(struct live *l, struct meter *m, uint32_t index)
{
	bool any = false;
	if (l->pcap) {
		struct taking t = {m, index};
		any = libpcap_take(l->pcap, on_packet, &t);
		meter_settle(m);
		return any;
	}
	for (unsigned taken = 0; taken < l->blocks; taken++) {
		uint8_t *b = l->ring + (size_t)l->next * LIVE_BLOCK;
		struct tpacket_block_desc *d = (struct tpacket_block_desc *)(void *)b;
		_Atomic uint32_t *status = (_Atomic uint32_t *)&d->hdr.bh1.block_status;
		if (!(atomic_load_explicit(status, memory_order_acquire) & TP_STATUS_USER))
			break;
		const uint8_t *at = b + d->hdr.bh1.offset_to_first_pkt;
		for (uint32_t i = 0; i < d->hdr.bh1.num_pkts; i++) {
			const struct tpacket3_hdr *h = (const struct tpacket3_hdr *)(const void *)at;
			/* packets of one size are the rule: the fourth from here (a hint may point anywhere) */
			__builtin_prefetch(at + (size_t)h->tp_next_offset * 4);
			__builtin_prefetch(at + (size_t)h->tp_next_offset * 4 + 64);
			one(l, h, m, index);
			at += h->tp_next_offset;
		}
		meter_settle(m);
		atomic_store_explicit(status, TP_STATUS_KERNEL, memory_order_release);
		l->next = (l->next + 1) % l->blocks;
		any = true;
	}
	return any;
}

void
live_count(struct live *l)
{
	struct tpacket_stats_v3 s = {0}; /* the kernel begins again at each look */
	socklen_t size = sizeof s;
	if (l->pcap) {
		libpcap_count(l->pcap, &l->packets, &l->dropped);
		return;
	}
	if (l->fd < 0 || getsockopt(l->fd, SOL_PACKET, PACKET_STATISTICS, &s, &size) != 0)
		return;
	l->packets += s.tp_packets;
	l->dropped += s.tp_drops;
}

void
live_close(struct live *l)
{
	if (l->ring)
		munmap(l->ring, (size_t)l->blocks * LIVE_BLOCK);
	l->ring = NULL;
	if (l->pcap)
		libpcap_close(l->pcap); /* the descriptor is its own */
	else if (l->fd >= 0)
		close(l->fd);
	l->pcap = NULL;
	l->fd = -1;
}
