/* bench_blast NIC FLOWS PACKETS RATE: sends 64-byte frames (60 and a check sequence), UDP of so many flows in turn, RATE a
 * second (0: as fast as can be), out of an interface.  Prints how many went and the seconds it took. */
#include <net/if.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <arpa/inet.h>

#include "common/clock.h"

enum { BATCH = 64, FRAME = 60 };

static void
make(uint8_t f[FRAME], uint32_t flow)
{
	static const uint8_t head[] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17};
	memset(f, 0, FRAME);
	memcpy(f, head, sizeof head);
	uint32_t src = htonl(0x0a000000u + flow), dst = htonl(0xc0a80000u + flow % 251);
	memcpy(f + 26, &src, 4);
	memcpy(f + 30, &dst, 4);
	f[34] = (uint8_t)(16 + flow % 200), f[35] = (uint8_t)(flow / 200);
	f[37] = 53;
	f[39] = 26;
}

int
main(int argc, char **argv)
{
	static uint8_t frame[BATCH][FRAME];
	struct mmsghdr m[BATCH];
	struct iovec v[BATCH];
	if (argc != 5)
		return 100;
	uint32_t flows = (uint32_t)strtoul(argv[2], NULL, 10), flow = 0;
	uint64_t packets = strtoull(argv[3], NULL, 10), rate = strtoull(argv[4], NULL, 10), sent = 0;
	int s = socket(AF_PACKET, SOCK_RAW, 0), one = 1;
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(argv[1])};
	if (flows == 0 || s < 0 || bind(s, (struct sockaddr *)&to, sizeof to) != 0)
		return 111;
	(void)setsockopt(s, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
	memset(m, 0, sizeof m);
	for (unsigned i = 0; i < BATCH; i++) {
		v[i] = (struct iovec){frame[i], FRAME};
		m[i].msg_hdr.msg_iov = &v[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	mono_t begin = mono_now();
	while (sent < packets) {
		for (unsigned i = 0; i < BATCH; i++)
			make(frame[i], flow++ % flows);
		int n = sendmmsg(s, m, BATCH, 0);
		sent += n > 0 ? (uint64_t)n : 0;
		while (rate && (uint64_t)mono_since(mono_now(), begin).us * rate < sent * 1000000)
			;
	}
	printf("%llu %.6f\n", (unsigned long long)sent, (double)mono_since(mono_now(), begin).us / 1e6);
	return 0;
}
