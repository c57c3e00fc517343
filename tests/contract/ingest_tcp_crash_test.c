/*
 * ingest_tcp_crash_test.c - the thread of TCP connections is killed before and after every system call it makes, and some
 * instructions after it took messages out of the kernel's queue; the next process goes on with the same connections (as
 * the keeper hands them over) and the same memory.  Every flow is seen once, and a message of which half was there is
 * whole when its rest comes.
 *
 * tcp_read() and the stage are the real ones, and so are the connections; the kernel's queue is not in memory that a
 * snapshot could put back, which is why the kills are real ones (ptrace, SIGKILL) and not the stepping harness's.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "ingest/tcp.h"
#include "ingest/tcp_read.h"
#include "tests/contract/ingest_world.h"

enum {
	PEERS = 3,
	MESSAGES = 4,
	EACH = 3,
	FLOWS = PEERS * MESSAGES * EACH,
	STOPS_MAX = 400,
	SEGMENT_MAX = 65536
};

static char folder[64];
static struct {
	int sender, receiver;
	struct wire message[MESSAGES];
} peer[PEERS];

struct shared {
	struct seen seen;
	uint8_t segment[SEGMENT_MAX] __attribute__((aligned(4096)));
	uint8_t ring[sizeof(struct ft_ring_header) + WORLD_SLOTS * sizeof(struct ft_flow)]
		__attribute__((aligned(64)));
	struct ft_datagram_slot slot[FT_DATAGRAMS] __attribute__((aligned(64)));
};
static struct shared *world;

/* ---- traffic ---------------------------------------------------------------------------------- */

static void
make_messages(void)
{
	static const uint16_t fields[][2] = {{8, 4}, {12, 4}, {1, 4}, {2, 4}};
	for (unsigned p = 0; p < PEERS; p++)
		for (unsigned m = 0; m < MESSAGES; m++) {
			struct wire *w = &peer[p].message[m];
			unsigned at;
			w->n = 0;
			w_ipfix_header(w, 1760000000, m * EACH, 8);
			if (m == 0) {
				at = w_set(w, 2);
				w_template(w, 256, fields, 4);
				w_set_end(w, at);
			}
			at = w_set(w, 256);
			for (unsigned k = 0; k < EACH; k++)
				w32(w, 0x0a000000 + (p * MESSAGES + m) * EACH + k), w32(w, 0xc0a80001),
					w32(w, 100), w32(w, 1);
			w_set_end(w, at), w_ipfix_end(w);
		}
}

static void
send_bytes(unsigned p, const uint8_t *from, size_t n)
{
	assert_int_equal(send(peer[p].sender, from, n, MSG_NOSIGNAL), (ssize_t)n);
}

/* all but the second half of the last message */
static void
connect_all(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t n = sizeof a;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(listener, PEERS), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &n), 0);
	for (unsigned p = 0; p < PEERS; p++) {
		peer[p].sender = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(peer[p].sender, (struct sockaddr *)&a, sizeof a), 0);
		peer[p].receiver = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		assert_true(peer[p].receiver >= 0);
		for (unsigned m = 0; m + 1 < MESSAGES; m++)
			send_bytes(p, peer[p].message[m].b, peer[p].message[m].n);
		send_bytes(p, peer[p].message[MESSAGES - 1].b, peer[p].message[MESSAGES - 1].n / 2);
	}
	close(listener);
}

static void
send_the_rest(void)
{
	for (unsigned p = 0; p < PEERS; p++) {
		const struct wire *w = &peer[p].message[MESSAGES - 1];
		send_bytes(p, w->b + w->n / 2, w->n - w->n / 2);
	}
}

static void
close_all(void)
{
	for (unsigned p = 0; p < PEERS; p++) {
		close(peer[p].sender);
		close(peer[p].receiver);
	}
}

/* ---- the thread, in a process of its own -------------------------------------------------------- */

static unsigned
receive(void *ctx, struct ingest_thread *t)
{
	struct tcp *s = ctx;
	for (unsigned p = 0; p < PEERS; p++) {
		unsigned n = tcp_read(s, t, &s->c[p]);
		if (n > 0)
			return n;
	}
	return 0;
}

static void
while_full(void *ctx, struct ingest_thread *t, unsigned shard)
{
	struct ring out;
	struct ingest_side side = {.seen = &world->seen};
	(void)ctx, (void)t, (void)shard;
	ring_over(&out, world->ring);
	side.out = out;
	ingest_consume(&side, 3);
}

static void
run(bool traced)
{
	static struct ingest_side s;
	static struct tcp_connection c[PEERS];
	static uint32_t gone[2 * PEERS];
	static uint8_t peek[TCP_PEEK];
	static struct tcp tcp = {.c = c, .room = PEERS, .gone = gone, .peek = peek, .batch = 2};
	struct kv *kv;
	struct err err;
	unsigned db;
	if (learn_open(&kv, &db, folder, &err) != 0 ||
		ingest_attach(&s, world->segment, world->ring, &world->seen, kv, db) != 0)
		_exit(3);
	for (unsigned p = 0; p < PEERS; p++) {
		c[p].id = 10 + p;
		c[p].fd = peer[p].receiver;
		c[p].port = 4739;
		memcpy(c[p].address,
			(const uint8_t[16]){[10] = 0xff, [11] = 0xff, [12] = 127, [15] = (uint8_t)p}, 16);
	}
	s.t.stream = true;
	s.t.datagrams = world->slot;
	s.t.receive = receive;
	s.t.receive_ctx = &tcp;
	s.t.while_full = while_full;
	for (unsigned i = 0; i < FT_DATAGRAMS; i++) {
		s.t.batch->iov[i].iov_base = world->slot[i].payload;
		s.t.batch->msg[i].msg_hdr.msg_iov = &s.t.batch->iov[i];
		s.t.batch->msg[i].msg_hdr.msg_iovlen = 1;
	}
	if (traced && (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0 || raise(SIGSTOP) != 0))
		_exit(4);
	ingest_run(&s);
	_exit(0);
}

/* Kill at the stop before or after its n-th system call; after recvmmsg, `more` instructions later.  false: it came to its
 * end before, true: killed.  *was_take: the call was recvmmsg. */
static bool
run_and_kill(unsigned n, unsigned more, bool *was_take)
{
	int status = 0;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		run(true);
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	if (!WIFSTOPPED(status))
		skip(); /* nobody may be traced here */
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			return false;
		}
		assert_true(WIFSTOPPED(status));
	}
#ifdef __x86_64__
	struct user_regs_struct r;
	assert_int_equal(ptrace(PTRACE_GETREGS, pid, NULL, &r), 0);
	*was_take = r.orig_rax == SYS_recvmmsg;
#else
	*was_take = false;
#endif
	for (unsigned i = 0; i < more && WIFSTOPPED(status); i++) {
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return true;
}

static void
run_to_the_end(void)
{
	int status = 0;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		run(false);
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- the test ---------------------------------------------------------------------------------- */

static void
begin(void)
{
	char path[128];
	memset(world, 0, offsetof(struct shared, slot));
	ingest_segment_format(world->segment, WORLD_SOURCES);
	((struct ingest_header *)world->segment)->seg.incarnation = 77;
	ring_format(world->ring, sizeof(struct ft_flow), WORLD_SLOTS);
	((struct ft_ring_header *)world->ring)->slots = WORLD_SLOTS;
	snprintf(path, sizeof path, "%s/ingest.lmdb", folder);
	(void)unlink(path);
	snprintf(path, sizeof path, "%s/ingest.lmdb-lock", folder);
	(void)unlink(path);
}

/* every flow once: addresses count from 10.0.0.0 */
static void
all_once(unsigned stop, unsigned more)
{
	unsigned times[FLOWS] = {0};
	bool good = world->seen.wrong == 0 && world->seen.positions == FLOWS;
	for (uint64_t i = 0; i < world->seen.positions; i++) {
		const uint8_t *a = &world->seen.slot[i].src[12];
		unsigned which = (unsigned)a[1] << 16 | (unsigned)a[2] << 8 | a[3];
		good = good && a[0] == 10 && which < FLOWS && times[which]++ == 0;
	}
	if (!good)
		print_error("killed at stop %u and %u instructions: %llu of %u flows, wrong %llu\n", stop,
			more, (unsigned long long)world->seen.positions, FLOWS,
			(unsigned long long)world->seen.wrong);
	assert_true(good);
}

static bool
once(unsigned stop, unsigned more, bool *was_take)
{
	begin();
	connect_all();
	bool killed = run_and_kill(stop, more, was_take);
	send_the_rest();
	run_to_the_end();
	close_all();
	all_once(stop, more);
	return killed;
}

static void
killed_round_every_system_call(void **state)
{
	static const unsigned later[] = {1, 40, 400};
	unsigned kills = 0, takes = 0;
	bool take, other;
	(void)state;
	for (unsigned stop = 1;; stop++) {
		assert_true(stop < STOPS_MAX);
		if (!once(stop, 0, &take))
			break;
		kills++;
		for (unsigned i = 0; take && i < sizeof later / sizeof later[0]; i++, kills++)
			(void)once(stop, later[i], &other);
		takes += take;
	}
	print_message("TCP: %u kills, %u of the stops at recvmmsg, every flow once\n", kills, takes);
	assert_true(kills > 20);
}

int
main(void)
{
	log_open("test", NULL, LOG_L_ALWAYS);
	snprintf(folder, sizeof folder, "/tmp/ft-ingest-tcp.XXXXXX");
	world = mmap(NULL, sizeof *world, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (world == MAP_FAILED || mkdtemp(folder) == NULL)
		return 1;
	make_messages();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_round_every_system_call),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	begin();
	(void)rmdir(folder);
	return rc;
}
