/*
 * tcp_read.h - from a connection's queue into the slots of the datagram ring (tcp.h).
 */
#ifndef FT_INGEST_TCP_READ_H
#define FT_INGEST_TCP_READ_H

#include "ingest/tcp.h"

enum { TCP_PEEK = 128 << 10 }; /* most bytes looked at, for one batch */

/* Whole messages of c into the armed batch; how many.  0: there is none now, or c is at its end (tcp_end was called).  c is
 * put on the list of ready connections if there is or may be more. */
unsigned tcp_read(struct tcp *s, struct ingest_thread *t, struct tcp_connection *c);

/* tcp.c, for this: c ends; counter (0: none) says why, in figures, and why (NULL: in order) in words. */
void tcp_end(struct tcp *s, struct tcp_connection *c, enum thread_counter counter, const char *why);
void tcp_again(struct tcp *s, struct tcp_connection *c);

#endif
