/*
 * client.h - the command line tools' way to a server: connection, login, progress, errors in words.
 */
#ifndef FT_CLI_CLIENT_H
#define FT_CLI_CLIENT_H

#include <jansson.h>

#include "cli/options.h"

struct client;

/* Connect; asks for the password if there is none, and prints a session key if one was wanted.  Not 0: the exit code;
 * what went wrong has been said on stderr. */
int client_open(struct client **out, const struct options *o);
void client_close(struct client *c);

/* Ask (request is stolen; auth is added) and take the final reply.  Payload frames go to `write`, which returns
 * non-zero to end it all quietly; NULL if there are none. */
int client_ask(struct client *c, json_t *request, int (*write)(void *ctx, const void *bytes, size_t n),
	void *ctx, json_t **reply);

/* members that say which slices a query looks at, from the options */
void client_selection(const struct options *o, json_t *request);
/* -al: what the server says about alerts; the exit code */
int client_alerts(struct client *c, const struct options *o);

#endif
