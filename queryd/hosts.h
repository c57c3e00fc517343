/*
 * hosts.h - host names of addresses (reverse DNS), asked by a few threads of its own and remembered: 10 minutes a name, one minute
 * that there is none.  At most 8,192 are remembered and 1,024 wait to be asked; beyond that an address just has no name yet.
 * Nobody waits longer than they say.  Thread-safe.
 */
#ifndef FT_QUERYD_HOSTS_H
#define FT_QUERYD_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"

enum { HOSTS_NAME = 256 };
enum hosts_state { HOSTS_PENDING, HOSTS_KNOWN, HOSTS_NONE };

struct hosts;
struct hosts_answer {
	enum hosts_state state;
	char name[HOSTS_NAME];
};

/* resolve: for tests; NULL: DNS.  It returns false if there is no name. */
typedef bool (*hosts_resolve)(const uint8_t address[16], char name[HOSTS_NAME]);
int hosts_open(struct hosts **out, unsigned threads, hosts_resolve resolve, struct err *err);
/* A thread that waits for a name server is not waited for: it ends by itself. */
void hosts_close(struct hosts *h);

/* Fill in answers, waiting up to `most` for those not known yet. */
void hosts_ask(
	struct hosts *h, const uint8_t (*address)[16], unsigned n, struct hosts_answer *answer, span_t most);

#endif
