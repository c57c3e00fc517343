/*
 * bench_sink: a collector that only reads.  Listens at a port of 127.0.0.1, prints it, and takes one connection of ft-proxy after the
 * other; acknowledges what came (docs/proxy.md), as ft-ingest would, and counts nothing.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ingest/proxied.h"
#include "proxy/encode.h"

enum { ROOM = 1 << 20 };

static uint64_t
number(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;
	while (n-- > 0)
		v = v << 8 | *p++;
	return v;
}

static void
acknowledge(int fd, uint64_t stream, uint64_t position)
{
	uint8_t ack[PROXIED_ACK] = {'F', 'T', 'K', '1'};
	for (unsigned i = 0; i < 8; i++) {
		ack[8 + i] = (uint8_t)(stream >> (56 - 8 * i));
		ack[16 + i] = (uint8_t)(position >> (56 - 8 * i));
	}
	(void)send(fd, ack, sizeof ack, MSG_NOSIGNAL);
}

/* the messages of one connection, to its end */
static void
take(int fd)
{
	static uint8_t in[ROOM];
	size_t n = 0;
	for (ssize_t k; (k = recv(fd, in + n, sizeof in - n, 0)) > 0;) {
		size_t at = 0;
		uint64_t stream = 0, after = 0;
		for (n += (size_t)k; n - at >= ENCODE_HEADER;) {
			const uint8_t *m = in + at;
			size_t length = number(m + 2, 2);
			if (length < ENCODE_HEADER || n - at < length)
				break;
			if (length >= ENCODE_HEADER + ENCODE_OPTIONS_SET &&
				number(m + 16, 2) == ENCODE_OPTIONS) {
				stream = number(m + 20, 8);
				after = number(m + 28, 8) + number(m + 36, 4);
			}
			at += length;
		}
		memmove(in, in + at, n -= at);
		if (stream)
			acknowledge(fd, stream, after);
	}
}

int
main(void)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof here;
	int s = socket(AF_INET, SOCK_STREAM, 0);
	if (s < 0 || bind(s, (struct sockaddr *)&here, n) != 0 || listen(s, 4) != 0 ||
		getsockname(s, (struct sockaddr *)&here, &n) != 0)
		return 111;
	printf("%u\n", ntohs(here.sin_port));
	fflush(stdout);
	for (int fd; (fd = accept(s, NULL, NULL)) >= 0; close(fd))
		take(fd);
	return 0;
}
