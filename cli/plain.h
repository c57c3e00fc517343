/*
 * plain.h - a server on this machine, asked over one socket without libzmq.
 *
 * What goes over the wire is the same: ZMTP 3.0 (rfc.zeromq.org/spec/23), mechanism NULL, one DEALER.  But libzmq is 20
 * shared libraries, threads and a hand-over for each message, and a command that asks one question spends more time on
 * these than the server on the answer.  Other machines are asked encrypted, by common/rpc.h.
 */
#ifndef FT_CLI_PLAIN_H
#define FT_CLI_PLAIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/clock.h"
#include "common/err.h"

struct plain;

/* fd is connected, non-blocking, and the client's from now on */
int plain_open(struct plain **out, int fd, struct err *err);
void plain_close(struct plain *p);
/* The first one waits until the server has greeted, up to `most`.  These three as rpc_client_send, rpc_client_next and rpc_client_cancel of common/rpc.h.  FT_ETIME: also if the other side
 * speaks something else. */
int plain_send(struct plain *p, json_t *request, span_t most, struct err *err);
int plain_next(struct plain *p, json_t **body, const void **payload, size_t *payload_bytes, bool *more,
	span_t most, struct err *err);
int plain_cancel(struct plain *p);

#endif
