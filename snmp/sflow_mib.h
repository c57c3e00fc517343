/*
 * sflow_mib.h - writes the two sFlow MIBs into a switch, so that it sends its samples here.
 *
 *   version 1.2   enterprise 4300 (InMon), RFC 3176 section 3: one table, a row a data source with owner, timeout, rate,
 *                 counter interval, collector; datagrams of version 4
 *   version 1.3   enterprise 14706 (sFlow.org, sFlow version 5 appendix): receivers (owner, timeout, collector), and
 *                 samplers and pollers that name a receiver; datagrams of version 5
 *
 * Both share their manners, which nothing enforces: a row whose owner is empty is free; it is claimed by setting owner
 * and timeout in one request; nothing else of it may be set before; when the timeout runs out the switch frees it.  So
 * this writes rows that are free or its own, and never those of another collector, and what it claimed falls free by
 * itself when Flowtrove is gone.  Data sources that are no interface (VLANs, modules) are left alone: their samples
 * would count the interfaces' packets once more.
 */
#ifndef FT_SNMP_SFLOW_MIB_H
#define FT_SNMP_SFLOW_MIB_H

#include "snmp/session.h"

enum sflow_mib { SFLOW_MIB_12, SFLOW_MIB_13, SFLOW_MIBS };

/* How it went, as a word for people and programs: see sflow_state_word. */
enum sflow_state {
	SFLOW_ABSENT,	  /* the switch does not have this MIB */
	SFLOW_REGISTERED, /* every interface */
	SFLOW_PARTLY,	  /* some; said tells why not the others */
	SFLOW_OWNED,	  /* another collector has it all */
	SFLOW_FAILED,	  /* said tells why */
	SFLOW_FREE,	  /* looked at or released: it could be claimed */
};

struct sflow_wish {
	const char *owner; /* who we are to the switch: 1 to 127 bytes, the same at every refresh */
	unsigned lease_s;  /* the switch frees the rows after this long */
	uint8_t destination[16]; /* IPv4 mapped */
	unsigned port;
	int64_t sampling; /* 1 in N packets */
	int64_t counters; /* seconds between counter samples; 0: none */
	int64_t header;	  /* bytes of a packet that are sampled */
	int64_t datagram; /* most bytes of a datagram */
};

struct sflow_report {
	enum sflow_state state;
	enum session_outcome outcome; /* of the request that failed */
	char version[80];	      /* what the switch says of its implementation; "" unknown */
	char said[SNMP_SAID];	      /* in words, with the remedy; "" if there is nothing to say */
	unsigned interfaces;	      /* that the switch can sample */
	unsigned samplers, pollers;   /* of them that are ours now */
	unsigned owned, refused;      /* of them that another collector has; that refused */
	int64_t rate_least, rate_most; /* sampling rates really in force: a switch may round them; 0: unknown */
};

const char *sflow_mib_word(enum sflow_mib mib);	      /* "1.2", "1.3" */
const char *sflow_state_word(enum sflow_state state); /* "registered" … */

void sflow_register(
	struct session *s, enum sflow_mib mib, const struct sflow_wish *w, struct sflow_report *r);
/* Give back what carries our owner's name. */
void sflow_release(struct session *s, enum sflow_mib mib, const char *owner, struct sflow_report *r);
/* What registering would find; changes nothing. */
void sflow_look(struct session *s, enum sflow_mib mib, const char *owner, struct sflow_report *r);

#endif
