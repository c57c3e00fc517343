/*
 * direction.h - who is the client: the evidence, strongest first, as a pure function.
 *
 *   1 exporter   biflow or NSEL names the initiator
 *   2 SYN        one side showed SYN without ACK, the other did not
 *   3 ICMP       who asks (request types), who reports (errors)
 *   4 service    exactly one side's port is a service
 *   5 time       one side began at least a millisecond earlier, or is the only one seen at all
 *   6 port       the lower port serves
 *   7 only       nothing of all this: the source of the first flow
 * Time resolution: exporters send seconds, milliseconds or finer.  Times cut to seconds differ by nothing or by
 * a whole second, so one threshold of 1 ms is right for all of them.
 */
#ifndef FT_TRACKER_DIRECTION_H
#define FT_TRACKER_DIRECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/contract/slice_ring.h"

enum { DIRECTION_RESOLUTION_US = 1000 };

/* Evidence that a side has: the stronger, the higher the bit. */
enum {
	DIRECTION_SERVICE = 1, /* its port is a service */
	DIRECTION_ASKS = 2,    /* ICMP: this side's port is 0 (flow_key.h) */
	DIRECTION_OPENS = 4,   /* showed SYN without ACK */
	DIRECTION_CLAIMED = 8, /* the exporter says this side opened the conversation */
};

struct direction {
	uint8_t rule; /* FT_RULE_* */
	bool turn;    /* b is the client */
};

/* Of both functions a is the side taken for the client so far (of a new session the first flow's source).  Rules 1 to 4;
 * false: the sides' evidence is the same. */
static inline bool
direction_by_evidence(unsigned a, unsigned b, struct direction *out)
{
	unsigned strongest;
	if (a == b)
		return false;
	strongest = 31u - (unsigned)__builtin_clz(a ^ b);
	out->rule = (uint8_t)(FT_RULE_SERVICE - strongest);
	/* who serves is not the client; whatever else there is speaks for its side */
	out->turn = ((b >> strongest & 1) != 0) != (strongest == 0);
	return true;
}

/* Rules 5 to 7.  *_first_us: when a side's packets began; 0: not seen. */
struct direction direction_by_start(int64_t a_first_us, int64_t b_first_us, uint16_t a_port, uint16_t b_port);

#endif
