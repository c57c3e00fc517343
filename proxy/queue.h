/*
 * queue.h - what a destination has not taken yet: files of messages, in order, on disk.
 *
 * Folder QUEUEPATH/HOST_PORT/:
 *   meta               stream, position that was taken, whether the destination acknowledges: one write of 40 bytes
 *   <position>.q       messages from that position on (hex), only ever appended to; a header of zeros behind the last
 *   spare              a file that was taken, kept for the next one to be written on
 * A message is a header {magic, bytes, position, flows, xxh3 of all that} and the sets of an IPFIX message, which is
 * numbered by the flows that went before it.  Its bytes and its position never change once written, so that a destination
 * can know it again.
 *
 * Nothing is synced: what was written outlives a kill of the process, not of the machine.  A message that is cut off at the end
 * of a file (a kill in the middle of the write, which the kernel hardly allows, or power loss) is taken off at the next
 * start, and counted.  A file is deleted when all of it was taken; when a queue has more than its bytes the oldest file is
 * deleted, and its flows are counted as dropped: positions go on, so the destination sees the gap.
 * One thread appends, another reads and acknowledges; a mutex is held for each.
 */
#ifndef FT_PROXY_QUEUE_H
#define FT_PROXY_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum {
	QUEUE_MESSAGE = 60000
}; /* most bytes of sets in one: with headers, and an options set, IPFIX takes 65535 */
enum { QUEUE_CHUNK = 256 << 10 }; /* read at once: messages are small, a system call for each would be most of the work */

struct queue_file {
	uint64_t first, end; /* positions */
	uint64_t bytes;
};

struct queue {
	char dir[400];
	pthread_mutex_t mutex;
	uint64_t stream;     /* random, made with the queue; never 0 */
	uint64_t end, taken; /* positions: after the last message; up to where the destination has them */
	bool acknowledges;   /* the destination has done so at least once */
	uint64_t bytes, most, dropped;
	struct queue_file *file; /* oldest first; the last is appended to */
	unsigned n_files, room;
	bool spare; /* there is one */
	int out, meta;
	int wake; /* eventfd: something was appended while the reader waited */
	bool waiting;
};

struct queue_reader {
	int fd;
	uint64_t file;     /* first position of the file that is open */
	uint64_t at;       /* offset in it */
	uint64_t position; /* of the next message */
	uint8_t *chunk;    /* QUEUE_CHUNK bytes of the file from chunk_at on, n_chunk of them there; NULL: not read yet */
	uint64_t chunk_at;
	size_t n_chunk;
};

struct queue_message {
	uint64_t position;
	uint32_t flows, bytes;
};

int queue_open(struct queue *q, const char *dir, uint64_t most, struct err *err);
void queue_close(struct queue *q);
/* Append a message.  false: it could not be written (disk full): dropped, counted. */
bool queue_append(struct queue *q, const void *sets, size_t n, uint32_t flows);
void queue_read_begin(struct queue *q, struct queue_reader *r); /* at what was not taken yet */
/* The next message; false: there is none now, and queue.wake will become readable when there is. */
bool queue_read(struct queue *q, struct queue_reader *r, uint8_t out[QUEUE_MESSAGE], struct queue_message *m);
void queue_read_end(struct queue_reader *r);
/* Everything before the position was taken; by_ack: the destination said so. */
void queue_taken(struct queue *q, uint64_t position, bool by_ack);
struct queue_figures {
	uint64_t flows, bytes, dropped, end, taken;
};
struct queue_figures queue_figures(struct queue *q);

#endif
