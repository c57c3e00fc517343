/*
 * tee.h - repeats what comes in to other collectors, datagram by datagram, unchanged (settings netflow/tee, sflow/tee).
 *
 * After a batch has been received and before it is decoded.  Never waits: what a target's socket has no room for is dropped
 * there and counted (ingest tee_dropped).  Best effort on purpose: a kill between receiving and repeating loses a batch of
 * at most FT_DATAGRAMS for the targets, never for Flowtrove; nothing is repeated twice.
 *
 * The source address stays the exporter's where the host permits it: IP_TRANSPARENT, which needs CAP_NET_ADMIN or CAP_NET_RAW,
 * and a target of the same IP version; else it is this host's.  The source port is the socket's own.
 */
#ifndef FT_INGEST_TEE_H
#define FT_INGEST_TEE_H

#include <stdbool.h>
#include <sys/socket.h>

#include "common/err.h"

enum { TEE_TARGETS = 8 };

struct tee {
	unsigned n;
	struct tee_target {
		int fd;
		bool transparent;
		struct sockaddr_storage to;
		socklen_t to_bytes;
		char name[80];
	} target[TEE_TARGETS];
};

/* words: HOST:PORT, [IPv6]:PORT; names are looked up now.  own: UDP ports this process listens at; a target that is one of them
 * is refused, since it would send to itself.  FT_EINVAL with words for the user; a name that is not known is logged and
 * left out.  What was opened is closed by tee_close() in any case. */
int tee_open(struct tee *t, const char *const *words, unsigned n, const unsigned *own, unsigned n_own,
	struct err *err);
void tee_close(struct tee *t);
/* Repeats n datagrams as recvmmsg gave them.  Any thread. */
void tee_repeat(const struct tee *t, const struct mmsghdr *msg, unsigned n);

#endif
