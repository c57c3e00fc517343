/*
 * tcp_answer.c - see tcp_answer.h.
 */
#include "ingest/tcp_answer.h"

#include <sys/socket.h>

#include "ingest/proxied.h"
#include "ingest/tcp_read.h"

void
tcp_answer(struct tcp *s, struct ingest_thread *t)
{
	uint8_t ack[PROXIED_ACK];
	struct tcp_connection *c = NULL;
	if (!proxied_ack(&t->decoder, ack))
		return;
	for (unsigned i = 0; i < s->room && c == NULL; i++)
		if (s->c[i].id == t->batch->socket && !s->c[i].closing)
			c = &s->c[i];
	if (c == NULL)
		return;
	if (c->tls) {
		(void)tls_write(c->tls, ack, sizeof ack); /* whole records, or nothing */
		return;
	}
	ssize_t n = send(c->fd, ack, sizeof ack, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0 && (size_t)n < sizeof ack) /* what follows would be misread */
		tcp_end(s, c, THREAD_TCP_BROKEN, "it does not read what is sent back");
}
