/*
 * ingest_world.h - an ingest thread over memory of the test's, for the stepping and the crash test: a queue of prepared
 * datagrams instead of sockets, and a consumer of the flow ring that lives in the same thread.
 *
 * The consumer keeps by ring position what it saw, in memory that outlives the process; a position seen twice with
 * different contents is an error at once.  The queue's position needs no memory: what has been taken is the record's
 * count of datagrams, since the kernel takes a datagram out and stores msg_len in one go as far as a process can see.
 */
#ifndef FT_TESTS_INGEST_WORLD_H
#define FT_TESTS_INGEST_WORLD_H

#include "ingest/thread.h"
#include "tests/contract/wire.h"

enum { SEEN_MAX = 128, WORLD_SOURCES = 4, WORLD_SLOTS = 8 };
#define WORLD_ARRIVED_US (INT64_C(1760000000) * 1000000)

struct seen {
	uint64_t positions; /* highest seen + 1 */
	uint64_t wrong;     /* seen twice with different contents */
	struct ft_flow slot[SEEN_MAX];
};

struct ingest_side {
	/* set by the test */
	const struct wire *queue;
	const uint8_t *from; /* last byte of each datagram's source address */
	unsigned n, batch;
	/* */
	struct ingest_thread t;
	struct ring out; /* the consumer's end */
	struct seen *seen;
	_Atomic bool stop, drain;
};

/* Attach to a segment and a ring in memory; s was zeroed and has its queue.  At most one side at a time (payloads
 * lie in static memory). */
int ingest_attach(
	struct ingest_side *s, void *segment, void *ring, struct seen *seen, struct kv *kv, unsigned db);
void ingest_consume(struct ingest_side *s, uint64_t most);
/* work off the queue, consuming */
void ingest_run(struct ingest_side *s);

#endif
