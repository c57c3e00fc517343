/*
 * ctl.h - what ft-ctl knows of a running system.  Everything is read from shared memory (counters, rings), so that
 * it works while a daemon hangs; only the table of exporters is asked from ft-ingest.
 */
#ifndef FT_CLI_CTL_H
#define FT_CLI_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/conf.h"
#include "common/err.h"

/* the first CTL_NEEDED make the system: it is ready without the others, which serve those who want them */
enum { CTL_NEEDED = 4, CTL_DAEMONS = 6 };
extern const char *const
	ctl_daemons[CTL_DAEMONS]; /* in the order of the flow: ingest, tracker, store, queryd; then snmp, webd */

/* State of one daemon as a word: "ready", "starting", "hung" (no beat for 5 s), "stopped". */
const char *ctl_state(const char *shm, const char *daemon);
bool ctl_all_ready(const char *shm);

/* The whole system as one object (instance, ready, daemons, rates, rings, loss, tracker, store, exporters); rates are measured over `sample`
 * (0: no rates).  Never NULL. */
json_t *ctl_status(const struct conf *c, const char *shm, span_t sample);

/* What a daemon answers to op (its member `part`, NULL: all of it); null if it does not. */
json_t *ctl_ask(const struct conf *c, const char *role, const char *op, const char *part);
/* One daemon: name, state, pid, counters. */
json_t *ctl_daemon(const char *shm, const char *daemon);

/* Is it the configuration of ft-proxy, which stands alone?  Its state (instance, ready, daemons, guid, destinations), and that in
 * words. */
bool ctl_proxy(const struct conf *c);
json_t *ctl_proxy_status(const struct conf *c, const char *shm);
void ctl_proxy_print(FILE *to, const json_t *status);

/* "3.5 s", "42 s", "7 min", "3.5 h", "2.0 days", into out; returns out */
const char *ctl_lasting(char out[32], double seconds);
void ctl_print(FILE *to, const json_t *status);

/* `ft-ctl switches …`: argv without those two words; the exit code */
int ctl_switches(int argc, char **argv);
/* `ft-ctl exporters WORD…`: the request that the words ask for; NULL: err says what would be right. */
json_t *ctl_exporters_request(int n, char **word, struct err *err);
/* Send it (stolen) and print the answer in words, or as JSON. */
int ctl_exporters(const struct conf *c, json_t *request, bool json, FILE *to, struct err *err);
/* Which elements an exporter (its address or name) sends; FT_ENOENT: no such exporter. */
int ctl_elements(const struct conf *c, const char *exporter, bool json, FILE *to, struct err *err);

/* Empty the rings in order and remove them; FT_ETIME if a daemon did not finish. */
int ctl_drain(const struct conf *c, const char *shm, FILE *say, struct err *err);
/* `ft-ctl interfaces …`: the whole of that command; its exit code. */
int ctl_interfaces(int argc, char **argv, FILE *to);

#endif
