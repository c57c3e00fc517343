/*
 * server.h - the query port: takes requests, finds out who asks, runs operations, answers.
 *
 *   client ─frame─▶ rpc ─▶ validate (operations.def) ─▶ who? ─┬─ remembered or key ─▶ rights ─▶ run
 *                                                              └─ hash pool (2 threads) ─▶ rights ─▶ run
 *   run: QUICK on whichever thread is here · HASH on the hash pool · WAIT on threads of its own · QUERY on the
 *   query pool, fair among users.
 *
 * The gate is a second way in, for the gateway: there a request may say `on_behalf_of`, the address of whoever is behind the
 * gateway, and that is the address that session keys are bound to, that the throttle counts and the audit log shows.  Who
 * may open that socket (its file: 0660, of the daemons' group) is trusted that far, and no further: it needs a user's
 * password, key or token like everybody.
 *
 * The main thread (server_turn) never waits for a disk, a hash or another daemon, but for the commit of a
 * user's change.
 */
#ifndef FT_QUERYD_SERVER_H
#define FT_QUERYD_SERVER_H

#include "common/clock.h"
#include "common/conf.h"
#include "common/err.h"
#include "queryd/audit.h"
#include "queryd/curve.h"
#include "queryd/engine.h"
#include "queryd/saved.h"
#include "queryd/tickets.h"
#include "queryd/users.h"

struct server;

struct server_parts {              /* borrowed: they outlive the server */
	const char *endpoint;      /* tcp://ADDRESS:PORT */
	const char *gate;          /* ipc://RUNDIR/queryd.gate, see below; NULL: none */
	const struct curve *curve; /* NULL: not encrypted */
	const struct conf *conf;
	struct engine *engine;
	struct users *users;
	struct tickets *tickets;
	struct audit *audit;
	struct saved *saved;
	const char *rundir; /* folder of the other daemons' control sockets */
};

int server_open(struct server **out, const struct server_parts *parts, struct err *err);
/* Cancels what runs, waits for it, closes the port. */
void server_close(struct server *s);
/* Take and answer requests; sleeps up to `most`, and wakes for extra_fd. */
void server_turn(struct server *s, int extra_fd, span_t most);
/* The configuration changed; the old one may be freed afterwards. */
void server_reload(struct server *s, const struct conf *now);

#endif
