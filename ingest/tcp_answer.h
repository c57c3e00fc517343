/*
 * tcp_answer.h - the one thing that is ever sent back on a connection: how far a proxy's flows are taken (proxied.h).
 */
#ifndef FT_INGEST_TCP_ANSWER_H
#define FT_INGEST_TCP_ANSWER_H

#include "ingest/tcp.h"

/* Between batches: what the latest one finished, to the connection it came by.  Nothing waits: one that can't be sent is
 * made up for by the next, as each says all that was taken so far. */
void tcp_answer(struct tcp *s, struct ingest_thread *t);

#endif
