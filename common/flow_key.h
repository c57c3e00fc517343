/*
 * flow_key.h - what makes two flows one session, as pure functions: ingest picks the tracker shard by it, the
 * tracker finds the entry by it.  Nobody else may have an opinion on this.
 *
 * Direction-blind: a flow and its reply hash alike.  ICMP and ICMPv6 have no ports; a request is given the
 * ports (0 -> type * 256 + code), its reply the same pair turned round, so that from here on they pair as any
 * other protocol does, and the side with port 0 is the asker.  Types that are no request and no reply (errors,
 * router and neighbour discovery, multicast listeners) get (0 -> type * 256 + code) too: nothing ever answers
 * that, so each is a one-way session of its own.
 * Sources: RFC 792, RFC 950 (mask), RFC 4443 (ICMPv6 echo), RFC 4620 (node information), RFC 8335 (extended echo).
 */
#ifndef FT_FLOW_KEY_H
#define FT_FLOW_KEY_H

#include <stdbool.h>

#include "common/contract/flow_ring.h"
#include "common/hash.h"

enum { FLOW_PROTO_ICMP = 1, FLOW_PROTO_ICMP6 = 58 };

struct flow_ports {
	uint16_t src, dst;
};

/* The type of the request that `type` answers, or -1 if it answers none.  Type 0 asked by 8 and so on. */
static inline int
flow_icmp_asked_by(uint8_t proto, uint8_t type)
{
	if (proto == FLOW_PROTO_ICMP) {
		switch (type) {
		case 0: /* echo */
			return 8;
		case 14: /* timestamp */
			return 13;
		case 16: /* information */
			return 15;
		case 18: /* address mask */
			return 17;
		case 43: /* extended echo */
			return 42;
		default:
			return -1;
		}
	}
	switch (type) {
	case 129: /* echo */
		return 128;
	case 140: /* node information */
		return 139;
	case 161: /* extended echo */
		return 160;
	default:
		return -1;
	}
}

/* Ports as the session key sees them. */
static inline struct flow_ports
flow_key_ports(const struct ft_flow *f)
{
	if (f->proto != FLOW_PROTO_ICMP && f->proto != FLOW_PROTO_ICMP6)
		return (struct flow_ports){f->src_port, f->dst_port};
	/* NetFlow v5 and many v9 exporters put type and code where the destination port goes */
	uint8_t type = f->bits & FT_FLOW_ICMP ? f->icmp_type : (uint8_t)(f->dst_port >> 8);
	uint8_t code = f->bits & FT_FLOW_ICMP ? f->icmp_code : (uint8_t)f->dst_port;
	int asked = flow_icmp_asked_by(f->proto, type);
	if (asked < 0)
		return (struct flow_ports){0, (uint16_t)(type << 8 | code)};
	/* the code of an extended echo reply is a result; that of others is the request's own */
	if (type == 43 || type == 161)
		code = 0;
	return (struct flow_ports){(uint16_t)(asked << 8 | code), 0};
}

/* One side of the key.  The second factor is seeded too: a factor an outsider knows could be made zero. */
static inline uint64_t
flow_key_side(const uint8_t address[16], uint16_t port, uint64_t seed)
{
	uint64_t w[2];
	memcpy(w, address, 16);
	return hash_mix(
		hash_mix(w[0] ^ seed, w[1] ^ (seed << 32 | seed >> 32)) ^ port, seed + 0x632be59bd9b4e019ull);
}

/* Hash of (exporter, unordered pair of address and port, protocol).  seed 0 is what shards are picked by: it
 * must be the same after a restart.  Tables in memory take hash_secret(). */
static inline uint64_t
flow_key_seeded(const uint8_t src[16], const uint8_t dst[16], struct flow_ports p, uint8_t proto,
	uint32_t exporter, uint64_t seed)
{
	uint64_t a = flow_key_side(src, p.src, seed), b = flow_key_side(dst, p.dst, seed);
	/* a sum is symmetric, and equal sides do not cancel as they would under xor */
	return hash_mix(a + b, ((uint64_t)exporter << 8 | proto) ^ seed);
}

static inline uint64_t
flow_key_hash(const struct ft_flow *f)
{
	return flow_key_seeded(f->src, f->dst, flow_key_ports(f), f->proto, f->exporter, 0);
}

/* The shard of a flow: 0 to shards - 1.  High bits, since tables index by low ones. */
static inline uint32_t
flow_key_shard(const struct ft_flow *f, uint32_t shards)
{
	return shards <= 1 ? 0 : (uint32_t)(((flow_key_hash(f) >> 32) * shards) >> 32);
}

#endif
