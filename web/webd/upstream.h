/*
 * upstream.h - asking queryd from the event loop.  Each question has a connection of its own while it runs (kept for the
 * next one afterwards), so that an answer whose reader is slow waits in queryd and holds up nobody else's.
 *
 * queryd that is away is noticed: its control segment says when it started and that it lives, and questions under way when it
 * ends or hangs are answered "unavailable" in its place.  A question that is not wanted any more is cancelled there.
 */
#ifndef FT_WEBD_UPSTREAM_H
#define FT_WEBD_UPSTREAM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct event_base;
struct upstream;
struct question;

/* One reply.  body: borrowed, an object as contract/rpc.h has it (also where this file answers for queryd); payload may be NULL.
 * The last one has more = false, and the question is no more when it returns.  In it upstream_pause may be called,
 * or upstream_cancel, after which the question is no more. */
typedef void (*upstream_reply)(void *ctx, const json_t *body, const void *payload, size_t n, bool more);

/* rundir: of queryd.gate; shm: of its counters; most: questions at once */
int upstream_open(struct upstream **out, struct event_base *base, const char *rundir, const char *shm,
	unsigned most, struct err *err);
void upstream_close(struct upstream *u); /* questions under way get no reply any more */
bool upstream_alive(const struct upstream *u);
/* request: stolen.  The reply always comes later, never from within. NULL: no memory. */
struct question *upstream_ask(struct upstream *u, json_t *request, upstream_reply reply, void *ctx);
void upstream_pause(struct question *q); /* no replies until upstream_resume */
void upstream_resume(struct question *q);
void upstream_cancel(struct question *q);

#endif
