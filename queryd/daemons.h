/*
 * daemons.h - asking another daemon at its control socket (rundir/ROLE.ctl) on behalf of a request.  The calling thread
 * waits: for operations of kind WAIT.
 */
#ifndef FT_QUERYD_DAEMONS_H
#define FT_QUERYD_DAEMONS_H

#include "queryd/request.h"

/* role: "ingest"; body: stolen; about: the member of the request that a failure's audit line names, NULL: none is written.
 * The answer, new; NULL: the request was answered with why not. */
json_t *daemons_ask(struct request *r, const char *role, json_t *body, unsigned seconds, const char *about);
/* the request itself as body, but for who asks */
json_t *daemons_forward(struct request *r, const char *role, unsigned seconds, const char *about);
/* without a request: NULL if it does not answer */
json_t *daemons_try(const struct server *s, const char *role, json_t *body, unsigned seconds);

#endif
