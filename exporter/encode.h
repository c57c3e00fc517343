/*
 * encode.h - flow records to export messages: NetFlow v5, v9 (RFC 3954), IPFIX (RFC 7011).
 *
 * An encoder fills one message and hands it over when it is full or when told to.  Sequence numbers: v5 counts flows before
 * this message, v9 messages of this source before it, IPFIX data records (options' too) sent before it in this transport
 * session.  Templates and the options record go first, then again after template_us or TEMPLATE_MESSAGES messages,
 * whichever comes first; over TCP once a connection (encode_restart).
 *
 * Times of v5 and v9 are milliseconds since boot_us.  v9's header has whole seconds only: it says the second that begins
 * after now, so that no flow ends after its message and a collector still gets each millisecond right.
 *
 * v5 has neither IPv6 nor counts beyond 32 bits: an IPv6 flow is not exported (and counted), a larger one becomes several.
 */
#ifndef FT_EXPORTER_ENCODE_H
#define FT_EXPORTER_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporter/flow.h"

enum { ENCODE_MOST = 8192, ENCODE_LEAST = 768, ENCODE_USUAL = 1420 };
enum { TEMPLATE_MESSAGES = 512 };
/* without and with an MPLS label; order of encode.c's table */
enum { TEMPLATE_V4 = 256, TEMPLATE_V6, TEMPLATE_LABELLED_V4, TEMPLATE_LABELLED_V6, TEMPLATE_OPTIONS, TEMPLATE_KINDS = 4 };

/* one direction of a flow, as it is exported */
struct record {
	uint8_t src[16], dst[16];
	uint16_t src_port, dst_port; /* ICMP: 0 and type * 256 + code */
	uint8_t proto, version, tcp_flags, tos, end_reason, ttl_min, ttl_max;
	uint16_t icmp, vlan, vlan_inner;
	uint32_t mpls_label, input, output;
	bool labelled;		     /* mpls_label is one */
	uint8_t src_mac[6], dst_mac[6];
	uint64_t packets, bytes;
	int64_t first_us, last_us;
	uint32_t first_uptime, last_uptime; /* filled in by the encoder */
};

/* what the options record tells */
struct report {
	uint32_t sampling; /* 1 in so many */
	uint64_t octets, messages, flows, dropped, ignored, unsent;
};

struct encode_setup {
	unsigned version; /* 5, 9, 10 */
	uint32_t domain;  /* v5: engine type and id in its low 16 bits */
	uint32_t sampling;
	size_t most; /* bytes of a message */
	int64_t boot_us, template_us;
	bool stream; /* templates once a connection */
	/* a message is complete: bytes, and how many flows are in it */
	void (*on_message)(void *ctx, const uint8_t *bytes, size_t n, unsigned flows);
	void (*on_report)(void *ctx, struct report *s); /* fill in s */
	void *ctx;
};

struct encoder {
	struct encode_setup setup;
	uint32_t sequence;
	size_t record_size[TEMPLATE_KINDS];
	size_t n, set;	   /* bytes in the message; where its open set begins, 0: none */
	unsigned set_id, records, flows, since_templates;
	int64_t templates_at_us; /* when they were sent last */
	bool templates_due;
	uint64_t unfit; /* records that v5 can't carry */
	uint8_t message[ENCODE_MOST];
};

void encode_open(struct encoder *e, const struct encode_setup *setup);
/* r->first_uptime and last_uptime are set. */
void encode_record(struct encoder *e, struct record *r, int64_t now_us);
/* Hand over what is begun.  Nothing if nothing is. */
void encode_flush(struct encoder *e, int64_t now_us);
/* A message of templates and the options record: that the last counts arrive.  Not in v5. */
void encode_report(struct encoder *e, int64_t now_us);
/* A new connection: the sequence begins anew, templates go first.  What is begun is thrown away. */
void encode_restart(struct encoder *e);

#endif
