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

enum { DIRECTION_RESOLUTION_US = 1000 };

struct direction_side {
	bool claimed; /* the exporter says this side opened the conversation */
	bool opens;   /* showed SYN without ACK */
	bool asks;    /* ICMP: this side's port is 0 (flow_key.h) */
	bool service; /* its port is a service */
	uint16_t port;
	int64_t first_us; /* when its packets began; 0: not seen */
};

struct direction {
	uint8_t rule; /* FT_RULE_* */
	bool turn;    /* b is the client */
};

/* a: the side taken for the client so far (of a new session the first flow's source). */
struct direction direction_decide(const struct direction_side *a, const struct direction_side *b);

#endif
