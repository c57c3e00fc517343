/*
 * tee_test.c - targets of datagrams that are repeated: what is one, and that sending never waits.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/contract/datagram_ring.h"
#include "ingest/tee.h"

static uint16_t
listen_at(int *fd)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	*fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_true(*fd >= 0);
	assert_int_equal(bind(*fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(getsockname(*fd, (struct sockaddr *)&a, &n), 0);
	return ntohs(a.sin_port);
}

static int
open_word(const char *word, const unsigned *own, unsigned n_own)
{
	struct tee t;
	struct err err;
	int rc = tee_open(&t, &word, 1, own, n_own, &err);
	tee_close(&t);
	return rc;
}

static void
a_target_is_a_host_and_a_port(void **state)
{
	static const char *const bad[] = {"192.0.2.1", "192.0.2.1:", ":2055", "192.0.2.1:0",
		"192.0.2.1:70000", "192.0.2.1:20x", "2001:db8::1:2055", "[]:2055", "[2001:db8::1]",
		"[2001:db8::1]2055"};
	(void)state;
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(open_word(bad[i], NULL, 0), FT_EINVAL);
	assert_int_equal(open_word("192.0.2.1:2055", NULL, 0), 0);
	assert_int_equal(open_word("[2001:db8::1]:2055", NULL, 0), 0);
}

static void
nobody_sends_to_himself(void **state)
{
	static const unsigned own[] = {2055, 6343};
	(void)state;
	assert_int_equal(open_word("127.0.0.1:6343", own, 2), FT_EINVAL);
	assert_int_equal(open_word("127.0.0.1:6344", own, 2), 0);
	assert_int_equal(open_word("192.0.2.1:2055", own, 2), 0);
}

static void
what_comes_in_goes_out_unchanged_and_nothing_waits(void **state)
{
	enum { N = FT_DATAGRAMS, ROUNDS = 25000 / N };
	static uint8_t payload[N][1400];
	struct sockaddr_in from[N];
	struct mmsghdr msg[N];
	struct iovec iov[N];
	struct tee t;
	struct err err;
	char words[2][32];
	int fd, deaf;
	(void)state;
	snprintf(words[0], sizeof words[0], "127.0.0.1:%u", listen_at(&fd));
	snprintf(words[1], sizeof words[1], "127.0.0.1:%u", listen_at(&deaf));
	assert_int_equal(tee_open(&t, (const char *const[]){words[0], words[1]}, 2, NULL, 0, &err), 0);
	for (unsigned i = 0; i < N; i++) {
		memset(payload[i], (int)i, sizeof payload[i]);
		from[i] =
			(struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f010000 + i)};
		iov[i] = (struct iovec){payload[i], sizeof payload[i]};
		msg[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &from[i],
						  .msg_namelen = sizeof from[i],
						  .msg_iov = &iov[i],
						  .msg_iovlen = 1},
			.msg_len = 1 + i * 20};
	}
	/* nobody reads the second: its queue is full soon, and it does not matter */
	for (unsigned r = 0; r < ROUNDS; r++)
		tee_repeat(&t, msg, N);
	uint8_t got[2000];
	struct sockaddr_in who;
	socklen_t size = sizeof who;
	for (unsigned i = 0; i < N; i++) {
		ssize_t n = recvfrom(fd, got, sizeof got, 0, (struct sockaddr *)&who, &size);
		assert_int_equal(n, 1 + i * 20);
		assert_memory_equal(got, payload[i], (size_t)n);
		if (t.target[0].transparent)
			assert_int_equal(who.sin_addr.s_addr, from[i].sin_addr.s_addr);
	}
	tee_close(&t);
	close(fd);
	close(deaf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_is_a_host_and_a_port),
		cmocka_unit_test(nobody_sends_to_himself),
		cmocka_unit_test(what_comes_in_goes_out_unchanged_and_nothing_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
