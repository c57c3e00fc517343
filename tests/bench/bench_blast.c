/*
 * bench_blast NIC FLOWS SECONDS RATE: sends 64-byte frames (60 and a check sequence), UDP of so many flows, RATE a second (0: as
 * fast as can be), out of one end of a veth pair.  Prints how many went, the seconds it took, and how they were sent.
 *
 * "xdp": the kernel makes the frames itself.  A program of a few instructions is run by BPF_PROG_RUN with "live frames" (Linux
 * 5.18): it writes the flow's addresses into each frame and redirects it to NIC, so that a packet costs neither a system call nor
 * a copy.  Each run ends with a wait for the kernel's grace period, so there is one run, which a timer ends; the rate is kept by
 * the program, which drops the frame if it is not time yet.  The other end of the pair needs GRO switched on, which is what makes
 * veth take frames so.
 * "socket": where the kernel does not do that, sendmmsg on a packet socket, a third as fast.
 */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/clock.h"

enum { BATCH = 64, FRAME = 60 };
enum { AT_SOURCE = 28, AT_DESTINATION = 33, AT_PORT = 34 };

static volatile sig_atomic_t over;

/* 10.0.0.0 + flow to 192.168.0.0 + flow % 256, ports 16… and 53 */
static void
make(uint8_t f[FRAME], uint32_t flow)
{
	static const uint8_t head[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0,
		64, 17, 0, 0, 10, 0, 0, 0, 192, 168, 0, 0, 0, 16, 0, 53, 0, 26};
	memset(f, 0, FRAME);
	memcpy(f, head, sizeof head);
	f[AT_SOURCE] = (uint8_t)(flow >> 8);
	f[AT_SOURCE + 1] = f[AT_DESTINATION] = f[AT_PORT] = (uint8_t)flow;
}

/* ---- frames of the kernel's making --------------------------------------------------------------- */

#define R(code, dst, src, off, imm)                                                                          \
	{                                                                                                    \
		code, dst, src, off, imm                                                                     \
	}

struct state { /* shared with the program */
	uint64_t next_ns, interval_ns, sent;
};

static int
bpf(int what, union bpf_attr *a)
{
	return (int)syscall(SYS_bpf, what, a, sizeof *a);
}

static int
make_map(const struct state *first)
{
	union bpf_attr a;
	uint32_t key = 0;
	memset(&a, 0, sizeof a);
	a.map_type = BPF_MAP_TYPE_ARRAY;
	a.key_size = sizeof key;
	a.value_size = sizeof *first;
	a.max_entries = 1;
	int fd = bpf(BPF_MAP_CREATE, &a);
	memset(&a, 0, sizeof a);
	a.map_fd = (uint32_t)fd;
	a.key = (uint64_t)(uintptr_t)&key;
	a.value = (uint64_t)(uintptr_t)first;
	return fd >= 0 && bpf(BPF_MAP_UPDATE_ELEM, &a) == 0 ? fd : -1;
}

static uint64_t
sent_by(int map)
{
	union bpf_attr a;
	struct state s = {0};
	uint32_t key = 0;
	memset(&a, 0, sizeof a);
	a.map_fd = (uint32_t)map;
	a.key = (uint64_t)(uintptr_t)&key;
	a.value = (uint64_t)(uintptr_t)&s;
	(void)bpf(BPF_MAP_LOOKUP_ELEM, &a);
	return s.sent;
}

/* a frame as make() makes it, of a flow chosen at random, if it is time; -1: the kernel does not want it */
static int
make_program(int map, uint32_t flows, uint32_t nic)
{
	const struct bpf_insn code[] = {
		R(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0),
		R(BPF_LD | BPF_IMM | BPF_DW, 7, BPF_PSEUDO_MAP_VALUE, 0, map),
		R(0, 0, 0, 0, 0),
		R(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ktime_get_ns),
		R(BPF_LDX | BPF_MEM | BPF_DW, 8, 7, offsetof(struct state, next_ns), 0),
		R(BPF_JMP | BPF_JLT | BPF_X, 0, 8, 23, 0), /* not yet: to the end */
		R(BPF_LDX | BPF_MEM | BPF_DW, 1, 7, offsetof(struct state, interval_ns), 0),
		R(BPF_ALU64 | BPF_ADD | BPF_X, 8, 1, 0, 0),
		/* 100 us behind: what was missed is not made up for */
		R(BPF_ALU64 | BPF_MOV | BPF_X, 1, 0, 0, 0),
		R(BPF_ALU64 | BPF_SUB | BPF_K, 1, 0, 0, 100000),
		R(BPF_JMP | BPF_JLE | BPF_X, 1, 8, 1, 0),
		R(BPF_ALU64 | BPF_MOV | BPF_X, 8, 0, 0, 0),
		R(BPF_STX | BPF_MEM | BPF_DW, 7, 8, offsetof(struct state, next_ns), 0),
		R(BPF_LDX | BPF_MEM | BPF_W, 2, 6, 0, 0), /* data */
		R(BPF_LDX | BPF_MEM | BPF_W, 3, 6, 4, 0), /* data_end */
		R(BPF_ALU64 | BPF_MOV | BPF_X, 8, 2, 0, 0),
		R(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, FRAME),
		R(BPF_JMP | BPF_JGT | BPF_X, 2, 3, 11, 0),
		R(BPF_LDX | BPF_MEM | BPF_DW, 1, 7, offsetof(struct state, sent), 0),
		R(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, 1),
		R(BPF_STX | BPF_MEM | BPF_DW, 7, 1, offsetof(struct state, sent), 0),
		R(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_prandom_u32),
		R(BPF_ALU | BPF_MOD | BPF_K, 0, 0, 0, (int32_t)flows),
		R(BPF_STX | BPF_MEM | BPF_B, 8, 0, AT_SOURCE + 1, 0),
		R(BPF_STX | BPF_MEM | BPF_B, 8, 0, AT_DESTINATION, 0),
		R(BPF_STX | BPF_MEM | BPF_B, 8, 0, AT_PORT, 0),
		R(BPF_ALU | BPF_RSH | BPF_K, 0, 0, 0, 8),
		R(BPF_STX | BPF_MEM | BPF_B, 8, 0, AT_SOURCE, 0),
		R(BPF_JMP | BPF_JA, 0, 0, 2, 0),
		R(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_DROP),
		R(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		R(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, (int32_t)nic),
		R(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0),
		R(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect),
		R(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	static char words[8192];
	union bpf_attr a;
	memset(&a, 0, sizeof a);
	a.prog_type = BPF_PROG_TYPE_XDP;
	a.insns = (uint64_t)(uintptr_t)code;
	a.insn_cnt = sizeof code / sizeof code[0];
	a.license = (uint64_t)(uintptr_t) "GPL";
	a.log_buf = (uint64_t)(uintptr_t)words;
	a.log_size = sizeof words;
	a.log_level = 1;
	int fd = bpf(BPF_PROG_LOAD, &a);
	if (fd < 0 && getenv("FT_BENCH_WHY"))
		fprintf(stderr, "bpf: %m\n%s\n", words);
	return fd;
}

static void
on_alarm(int signo)
{
	(void)signo;
	over = 1;
}

static bool
by_kernel(uint32_t nic, uint32_t flows, uint64_t rate, uint64_t *sent)
{
	const struct state first = {0, rate ? 1000000000 / rate : 0, 0};
	uint8_t frame[FRAME];
	union bpf_attr a;
	int map = make_map(&first), fd = map >= 0 ? make_program(map, flows, nic) : -1;
	if (fd < 0)
		return false;
	make(frame, 0);
	memset(&a, 0, sizeof a);
	a.test.prog_fd = (uint32_t)fd;
	a.test.data_in = (uint64_t)(uintptr_t)frame;
	a.test.data_size_in = FRAME;
	a.test.flags = 1u << 1; /* BPF_F_TEST_XDP_LIVE_FRAMES */
	a.test.batch_size = BATCH;
	a.test.repeat = INT32_MAX;
	while (!over && bpf(BPF_PROG_TEST_RUN, &a) == 0)
		;
	*sent = sent_by(map);
	return over && *sent > 0;
}

/* ---- a packet socket ------------------------------------------------------------------------------ */

static bool
by_socket(uint32_t nic, uint32_t flows, uint64_t rate, uint64_t *sent)
{
	static uint8_t frame[BATCH][FRAME];
	struct mmsghdr m[BATCH];
	struct iovec v[BATCH];
	uint32_t flow = 0;
	int s = socket(AF_PACKET, SOCK_RAW, 0), one = 1;
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)nic};
	if (s < 0 || bind(s, (struct sockaddr *)&to, sizeof to) != 0)
		return false;
	(void)setsockopt(s, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
	memset(m, 0, sizeof m);
	for (unsigned i = 0; i < BATCH; i++) {
		v[i] = (struct iovec){frame[i], FRAME};
		m[i].msg_hdr.msg_iov = &v[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	mono_t begin = mono_now();
	for (*sent = 0; !over;) {
		for (unsigned i = 0; i < BATCH; i++)
			make(frame[i], flow++ % flows);
		int n = sendmmsg(s, m, BATCH, 0);
		*sent += n > 0 ? (uint64_t)n : 0;
		while (rate && (uint64_t)mono_since(mono_now(), begin).us * rate < *sent * 1000000)
			;
	}
	close(s);
	return true;
}

int
main(int argc, char **argv)
{
	if (argc != 5)
		return 100;
	uint32_t nic = if_nametoindex(argv[1]), flows = (uint32_t)strtoul(argv[2], NULL, 10);
	uint64_t rate = strtoull(argv[4], NULL, 10), sent = 0;
	double seconds = strtod(argv[3], NULL);
	struct sigaction end = {.sa_handler = on_alarm};
	struct itimerval at = {
		.it_value = {(time_t)seconds, (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6)}};
	if (nic == 0 || flows == 0 || flows > 65536 || seconds <= 0)
		return 111;
	(void)sigaction(SIGALRM, &end, NULL);
	(void)setitimer(ITIMER_REAL, &at, NULL);
	mono_t begin = mono_now();
	const char *how = "xdp";
	if (!by_kernel(nic, flows, rate, &sent)) {
		how = "socket";
		over = 0;
		(void)setitimer(ITIMER_REAL, &at, NULL);
		begin = mono_now();
		if (!by_socket(nic, flows, rate, &sent))
			return 111;
	}
	printf("%llu %.6f %s\n", (unsigned long long)sent, (double)mono_since(mono_now(), begin).us / 1e6,
		how);
	return 0;
}
