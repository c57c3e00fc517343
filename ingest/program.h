/*
 * program.h - templates compiled to field programs, shared by NetFlow v9 and IPFIX.
 *
 * A program is a straight list of moves from a record's bytes to the fields of struct decoded; it is immutable
 * once compiled.  Records of fixed-length templates have fixed offsets; with variable-length fields (RFC 7011
 * section 7) the offsets are found first, field by field, through a cursor.
 * What a record carries is known when the template is: presence bits, the kind of its times and whether it is a
 * biflow are decided at compile time.
 */
#ifndef FT_INGEST_PROGRAM_H
#define FT_INGEST_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/contract/flow_ring.h"
#include "common/err.h"
#include "ingest/shuffle.h"

enum { PROGRAM_FIELDS = 512, PROGRAM_VARIABLE = 65535 };

/* what does not go straight into a flow */
struct scratch {
	uint8_t src4[16], dst4[16], src6[16], dst6[16];
	uint8_t next_hop4[16], bgp_next_hop4[16], next_hop6[16], bgp_next_hop6[16], nat_src4[16],
		nat_dst4[16], station4[16];
	uint64_t out_bytes, out_packets, bytes_total, packets_total;
	uint64_t init_bytes, resp_bytes, init_packets, resp_packets, rev_bytes, rev_packets;
	uint64_t first_ms, last_ms, first_ntp, last_ntp, first_s, last_s, init_ms, observed_s, observed_ms;
	uint64_t rev_first_ms, rev_last_ms, observed_ntp, frame_bytes, duration_us;
	uint64_t sampler, forwarding;
	uint32_t first_uptime, last_uptime, first_delta, last_delta, duration_ms;
	uint32_t rev_first_uptime, rev_last_uptime;
	uint32_t sampling, sampler_interval, psamp_interval, psamp_space, psamp_size, psamp_population, mpls;
	uint16_t icmp4, icmp6, vlan, post_vlan, dot1q, post_dot1q;
	uint8_t src_mask4, dst_mask4, src_mask6, dst_mask6, icmp_type, icmp_code, ip_version, biflow;
	uint8_t dscp, sampler_mode, nat_event, rev_tos, rev_flags;
	uint8_t first_flags, more_flags, rev_first_flags, rev_more_flags;
	uint8_t post_dst_mac[6], post_src_mac[6];
	const uint8_t *frame, *ip_packet; /* first bytes of a sampled packet (IE 315, 313), in the record */
	const uint8_t *app_name;          /* text, in the record */
	uint32_t frame_n, ip_packet_n, frame_size, app_name_n;
};

struct decoded {
	uint32_t program;              /* serial of the program that was run last; 0: none */
	_Alignas(16) struct ft_flow f; /* shuffles write 16 bytes at a time, from here to the end */
	struct ft_flow_ext x;
	struct scratch s;
	const uint8_t *elements; /* with FT_FLOW_ELEMENTS: f.element_bytes of them (contract/elements.h) */
};

struct template_field {
	uint32_t pen;
	uint16_t id, length; /* PROGRAM_VARIABLE: variable */
};

/* what a template carries; bits of program.has */
enum program_has {
	HAS_BYTES,
	HAS_TOTAL,
	HAS_OUT,
	HAS_INIT,
	HAS_RESP,
	HAS_REVERSE,
	HAS_SRC4,
	HAS_DST4,
	HAS_SRC6,
	HAS_DST6,
	HAS_UPTIME,
	HAS_MS,
	HAS_NTP,
	HAS_S,
	HAS_DELTA,
	HAS_OBSERVED,
	HAS_OBSERVED_S,
	HAS_DURATION,
	HAS_INIT_TIME,
	HAS_VLAN,
	HAS_POST_VLAN,
	HAS_DOT1Q,
	HAS_POST_DOT1Q,
	HAS_NEXT_HOP4,
	HAS_BGP_NEXT_HOP4,
	HAS_NEXT_HOP6,
	HAS_BGP_NEXT_HOP6,
	HAS_MPLS,
	HAS_NAT4,
	HAS_NAT6,
	HAS_NAT_PORTS,
	HAS_APP,
	HAS_FORWARDING,
	HAS_EVENT,
	HAS_EXT_EVENT,
	HAS_VRF,
	HAS_END_REASON,
	HAS_MAC,
	HAS_SAMPLING,
	HAS_SAMPLER,
	HAS_ICMP4,
	HAS_ICMP6,
	HAS_ICMP_TYPE,
	HAS_BIFLOW,
	HAS_REV_TIME,
	HAS_REV_UPTIME,
	HAS_IF,
	HAS_AS,
	HAS_MASK,
	HAS_TOS,
	HAS_FLAGS,
	HAS_PROTO,
	HAS_IP_VERSION,
	HAS_FRAME,
	HAS_APP_NAME,
	HAS_YAF_FLAGS,
	HAS_DSCP,
	HAS_OBSERVED_NTP,
	HAS_DURATION_US,
};

struct program_op {
	uint8_t kind;
	uint8_t width;   /* of the target, bytes */
	uint16_t length; /* in the record */
	uint16_t offset; /* in the record, if fixed; else the number of the field */
	uint16_t target; /* in struct decoded */
};

struct program {
	uint32_t serial; /* of this process, never 0, never again */
	bool variable;
	uint16_t
		record_bytes; /* exact if fixed, else the least (RFC 7011: a variable field takes 1 at least) */
	bool addressed, tagged; /* the template settles which addresses, which VLAN tags */
	uint16_t n_ops, n_fields;
	uint16_t n_moves; /* shuffles, behind the ops; 0: every op is run */
	uint16_t n_rest;  /* with shuffles: the first so many ops are run after them */
	uint64_t has;
	uint32_t bits, ext; /* ft_flow.bits and ft_flow_ext.has that every record of it gets */
	const struct template_field *fields; /* of the template; for variable lengths */
	struct program_op op[];
};

/* Compile; fields must outlive the program.  Of an options template of v9 the first n_scope fields are scopes, not
 * elements.  NULL: out of memory.  Elements that are not in elements.def are left out. */
struct program *program_compile(
	const struct template_field *fields, unsigned n, uint8_t version, unsigned n_scope);

/* Time and context of the datagram that a record came in. */
struct record_context {
	wall_t export_time; /* header clock, corrected */
	uptime_t uptime;    /* NetFlow v5, v9 */
	bool has_uptime;
	int64_t init_ms;       /* IPFIX: systemInitTime learnt from options; 0 unknown */
	int64_t correction_us; /* added to the record's absolute times */
};

/* Decode one record at p with `left` bytes.  Returns the bytes it took, or -1 if it is cut short.  d->f and d->x are
 * complete but for exporter, domain, version and sampling. */
int program_run(const struct program *g, const uint8_t *p, size_t left, const struct record_context *c,
	struct decoded *d);
/* The reverse flow of a biflow or initiator/responder record; false if there is none. */
bool program_reverse(const struct program *g, const struct decoded *d, struct decoded *r);

/* name of an element, or NULL */
const char *program_element_name(uint32_t pen, uint16_t id);

static inline bool
program_carries(const struct program *g, enum program_has what)
{
	return (g->has >> what & 1) != 0;
}

#endif
