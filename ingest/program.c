/*
 * program.c - compiles templates and runs the result (program.h).
 *
 * Two steps a record: the moves, then program_settle(), which decides what depends on several elements.  Moves of fixed
 * layouts are byte shuffles (shuffle.h); what is more than moving bytes, records of variable layout, and machines without
 * shuffles take a switch an element.  What the template alone settles is settled when it is compiled.
 */
#include "ingest/program.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/cursor.h"
#include "common/lines.h"
#include "ingest/program_settle.h"

enum op_kind {
	UINT,
	V4,
	V6,
	MAC,
	APP,
	FRAME,
	TEXT,
	/* made at compile time: the common sizes without a loop */ U8,
	U16,
	U32,
	U64,
	U32TO64,
	SKIP
};

struct element {
	uint32_t pen;
	uint16_t id;
	uint8_t kind, width;
	uint16_t target;
	const char *name;
};
static const struct element elements[] = {
#define ELEMENT(pen, id, name, kind, target)                                                                 \
	{pen, id, kind, (uint8_t)sizeof(((struct decoded *)0)->target), offsetof(struct decoded, target),    \
		#name},
#include "common/elements.def"
#undef ELEMENT
};

static const struct element *
find(uint32_t pen, uint16_t id)
{
	for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++)
		if (elements[i].id == id && elements[i].pen == pen)
			return &elements[i];
	return NULL;
}

const char *
program_element_name(uint32_t pen, uint16_t id)
{
	const struct element *e = find(pen, id);
	return e ? e->name : NULL;
}

#define TARGET(field) offsetof(struct decoded, field)
/* target of an element -> what its presence means */
static const struct {
	uint16_t target;
	uint8_t has;
	uint32_t bits, ext;
} meaning[] = {
	{TARGET(f.bytes), HAS_BYTES, 0, 0},
	{TARGET(f.packets), HAS_BYTES, 0, 0},
	{TARGET(s.bytes_total), HAS_TOTAL, 0, 0},
	{TARGET(s.packets_total), HAS_TOTAL, 0, 0},
	{TARGET(s.out_bytes), HAS_OUT, 0, 0},
	{TARGET(s.out_packets), HAS_OUT, 0, 0},
	{TARGET(s.init_bytes), HAS_INIT, 0, 0},
	{TARGET(s.resp_bytes), HAS_RESP, 0, 0},
	{TARGET(s.init_packets), HAS_INIT, 0, 0},
	{TARGET(s.resp_packets), HAS_RESP, 0, 0},
	{TARGET(s.rev_bytes), HAS_REVERSE, 0, 0},
	{TARGET(s.rev_packets), HAS_REVERSE, 0, 0},
	{TARGET(s.src4), HAS_SRC4, 0, 0},
	{TARGET(s.dst4), HAS_DST4, 0, 0},
	{TARGET(s.src6), HAS_SRC6, 0, 0},
	{TARGET(s.dst6), HAS_DST6, 0, 0},
	{TARGET(s.first_uptime), HAS_UPTIME, 0, 0},
	{TARGET(s.last_uptime), HAS_UPTIME, 0, 0},
	{TARGET(s.first_ms), HAS_MS, 0, 0},
	{TARGET(s.last_ms), HAS_MS, 0, 0},
	{TARGET(s.first_ntp), HAS_NTP, 0, 0},
	{TARGET(s.last_ntp), HAS_NTP, 0, 0},
	{TARGET(s.first_s), HAS_S, 0, 0},
	{TARGET(s.last_s), HAS_S, 0, 0},
	{TARGET(s.first_delta), HAS_DELTA, 0, 0},
	{TARGET(s.last_delta), HAS_DELTA, 0, 0},
	{TARGET(s.observed_ms), HAS_OBSERVED, 0, 0},
	{TARGET(s.observed_s), HAS_OBSERVED_S, 0, 0},
	{TARGET(s.duration_ms), HAS_DURATION, 0, 0},
	{TARGET(s.duration_us), HAS_DURATION_US, 0, 0},
	{TARGET(s.observed_ntp), HAS_OBSERVED_NTP, 0, 0},
	{TARGET(s.dscp), HAS_DSCP, 0, 0},
	{TARGET(s.init_ms), HAS_INIT_TIME, 0, 0},
	{TARGET(s.rev_first_ms), HAS_REV_TIME, 0, 0},
	{TARGET(s.rev_first_uptime), HAS_REV_UPTIME, 0, 0},
	{TARGET(s.vlan), HAS_VLAN, 0, 0},
	{TARGET(s.post_vlan), HAS_POST_VLAN, 0, 0},
	{TARGET(s.dot1q), HAS_DOT1Q, 0, 0},
	{TARGET(s.post_dot1q), HAS_POST_DOT1Q, 0, 0},
	{TARGET(s.next_hop4), HAS_NEXT_HOP4, 0, 0},
	{TARGET(s.bgp_next_hop4), HAS_BGP_NEXT_HOP4, 0, 0},
	{TARGET(s.next_hop6), HAS_NEXT_HOP6, 0, 0},
	{TARGET(s.bgp_next_hop6), HAS_BGP_NEXT_HOP6, 0, 0},
	{TARGET(s.mpls), HAS_MPLS, 0, FT_EXT_MPLS},
	{TARGET(s.nat_src4), HAS_NAT4, 0, FT_EXT_NAT},
	{TARGET(s.nat_dst4), HAS_NAT4, 0, FT_EXT_NAT},
	{TARGET(x.nat_src), HAS_NAT6, 0, FT_EXT_NAT},
	{TARGET(x.nat_dst), HAS_NAT6, 0, FT_EXT_NAT},
	{TARGET(x.nat_src_port), HAS_NAT_PORTS, 0, FT_EXT_NAT},
	{TARGET(x.nat_dst_port), HAS_NAT_PORTS, 0, FT_EXT_NAT},
	{TARGET(x.app), HAS_APP, 0, FT_EXT_APP},
	{TARGET(s.app_name_n), HAS_APP_NAME, 0, 0},
	{TARGET(s.forwarding), HAS_FORWARDING, 0, FT_EXT_FWD},
	{TARGET(x.nsel_event), HAS_EVENT, 0, FT_EXT_NSEL},
	{TARGET(x.nsel_ext_event), HAS_EXT_EVENT, 0, FT_EXT_NSEL_EXT},
	{TARGET(x.vrf), HAS_VRF, 0, FT_EXT_VRF},
	{TARGET(x.end_reason), HAS_END_REASON, 0, FT_EXT_END_REASON},
	{TARGET(x.src_mac), HAS_MAC, 0, FT_EXT_MAC},
	{TARGET(x.dst_mac), HAS_MAC, 0, FT_EXT_MAC},
	{TARGET(s.sampling), HAS_SAMPLING, 0, 0},
	{TARGET(s.sampler_interval), HAS_SAMPLING, 0, 0},
	{TARGET(s.psamp_interval), HAS_SAMPLING, 0, 0},
	{TARGET(s.psamp_population), HAS_SAMPLING, 0, 0},
	{TARGET(s.sampler), HAS_SAMPLER, 0, 0},
	{TARGET(s.icmp4), HAS_ICMP4, 0, 0},
	{TARGET(s.icmp6), HAS_ICMP6, 0, 0},
	{TARGET(s.icmp_type), HAS_ICMP_TYPE, 0, 0},
	{TARGET(s.biflow), HAS_BIFLOW, 0, 0},
	{TARGET(f.in_if), HAS_IF, FT_FLOW_HAS_IF, 0},
	{TARGET(f.out_if), HAS_IF, FT_FLOW_HAS_IF, 0},
	{TARGET(f.src_as), HAS_AS, FT_FLOW_HAS_AS, 0},
	{TARGET(f.dst_as), HAS_AS, FT_FLOW_HAS_AS, 0},
	{TARGET(s.src_mask4), HAS_MASK, FT_FLOW_HAS_MASK, 0},
	{TARGET(s.src_mask6), HAS_MASK, FT_FLOW_HAS_MASK, 0},
	{TARGET(f.tos), HAS_TOS, FT_FLOW_HAS_TOS, 0},
	{TARGET(f.flags), HAS_FLAGS, FT_FLOW_HAS_FLAGS, 0},
	{TARGET(s.first_flags), HAS_YAF_FLAGS, FT_FLOW_HAS_FLAGS, 0},
	{TARGET(s.more_flags), HAS_YAF_FLAGS, FT_FLOW_HAS_FLAGS, 0},
	{TARGET(f.proto), HAS_PROTO, 0, 0},
	{TARGET(s.frame_n), HAS_FRAME, 0, 0},
	{TARGET(s.ip_packet_n), HAS_FRAME, 0, 0},
	{TARGET(s.ip_version), HAS_IP_VERSION, 0, 0},
};

static void
note(struct program *g, uint16_t target)
{
	for (size_t i = 0; i < sizeof meaning / sizeof meaning[0]; i++)
		if (meaning[i].target == target) {
			g->has |= UINT64_C(1) << meaning[i].has;
			g->bits |= meaning[i].bits;
			g->ext |= meaning[i].ext;
		}
}

/* common sizes get moves without a loop */
static uint8_t
specialise(uint8_t kind, uint8_t width, uint16_t length)
{
	if (kind != UINT || length == PROGRAM_VARIABLE)
		return kind;
	if (length == 1 && width == 1)
		return U8;
	if (length == 2 && width == 2)
		return U16;
	if (length == 4 && width == 4)
		return U32;
	if (length == 8 && width == 8)
		return U64;
	if (length == 4 && width == 8)
		return U32TO64;
	return UINT;
}

/* ---- what the template alone settles ----------------------------------------------------------- */

static bool
carries(const struct program *g, enum program_has a, enum program_has b)
{
	return program_carries(g, a) && program_carries(g, b);
}

static bool
carries_any(const struct program *g, enum program_has a, enum program_has b)
{
	return program_carries(g, a) || program_carries(g, b);
}

static bool
moves_to(const struct program *g, uint16_t target)
{
	for (unsigned i = 0; i < g->n_ops; i++)
		if (g->op[i].target == target)
			return true;
	return false;
}

/* Elements that are used where there is none of those that say it better. */
static void
stand_in(struct program *g)
{
	static const struct {
		uint16_t has, target, better[4];
	} all[] = {
		/* the frame's addresses as they left: some probes tell one side so, and one so */
		{TARGET(s.post_dst_mac), TARGET(x.dst_mac), {TARGET(x.dst_mac)}},
		{TARGET(s.post_src_mac), TARGET(x.src_mac), {TARGET(x.src_mac)}},
		/* flows of layer 2: bytes of frames */
		{TARGET(s.frame_bytes), TARGET(f.bytes),
			{TARGET(f.bytes), TARGET(s.bytes_total), TARGET(s.out_bytes), TARGET(s.init_bytes)}},
		/* wireless controllers: of both ends they tell the station alone */
		{TARGET(s.station4), TARGET(s.src4),
			{TARGET(s.src4), TARGET(s.dst4), TARGET(s.src6), TARGET(s.dst6)}},
	};
	for (size_t k = 0; k < sizeof all / sizeof all[0]; k++) {
		bool better = false;
		for (unsigned i = 0; i < 4 && all[k].better[i]; i++)
			better |= moves_to(g, all[k].better[i]);
		for (unsigned i = 0; !better && i < g->n_ops; i++)
			if (g->op[i].target == all[k].has) {
				g->op[i].target = all[k].target;
				note(g, all[k].target);
			}
	}
}

/* With one pair of addresses or one kind of VLAN there is nothing to choose: its elements go straight into the flow. */
static void
settle_early(struct program *g)
{
	static const struct {
		uint16_t scratch, flow;
		bool v4, v6;
	} direct[] = {
		{TARGET(s.src4), TARGET(f.src), true, false},
		{TARGET(s.dst4), TARGET(f.dst), true, false},
		{TARGET(s.src_mask4), TARGET(f.src_mask), true, false},
		{TARGET(s.dst_mask4), TARGET(f.dst_mask), true, false},
		{TARGET(s.src6), TARGET(f.src), false, true},
		{TARGET(s.dst6), TARGET(f.dst), false, true},
		{TARGET(s.src_mask6), TARGET(f.src_mask), false, true},
		{TARGET(s.dst_mask6), TARGET(f.dst_mask), false, true},
		{TARGET(s.vlan), TARGET(f.in_vlan), false, false},
		{TARGET(s.post_vlan), TARGET(f.out_vlan), false, false},
	};
	bool v4 = carries(g, HAS_SRC4, HAS_DST4) && !carries_any(g, HAS_SRC6, HAS_DST6);
	bool v6 = carries(g, HAS_SRC6, HAS_DST6) && !carries_any(g, HAS_SRC4, HAS_DST4);
	g->addressed = v4 || v6;
	g->tagged = !carries_any(g, HAS_DOT1Q, HAS_POST_DOT1Q);
	g->bits |= v6 ? FT_FLOW_V6 : 0;
	g->bits |= g->tagged && program_carries(g, HAS_VLAN) ? FT_FLOW_HAS_VLAN : 0;
	g->bits |= g->tagged && program_carries(g, HAS_POST_VLAN) ? FT_FLOW_HAS_OUT_VLAN : 0;
	for (unsigned i = 0; i < g->n_ops; i++)
		for (size_t k = 0; k < sizeof direct / sizeof direct[0]; k++)
			if (g->op[i].target == direct[k].scratch && (direct[k].v4          ? v4
									    : direct[k].v6 ? v6
											   : g->tagged))
				g->op[i].target = direct[k].flow;
}

/* ---- moves as shuffles ------------------------------------------------------------------------- */

enum { SHUFFLE_WORTH = 5 }; /* fewer moves are quick enough, and compiling costs as much as 10,000 of them */
enum { BASE = TARGET(f), MAP = sizeof(struct decoded) - BASE };
static_assert(MAP % SHUFFLE_CHUNK == 0, "whole chunks");

/* Is the move nothing but bytes in another order? */
static bool
shuffles(const struct program_op *o)
{
	return o->kind == V4 || o->kind == V6 || o->kind == MAC ||
	       ((o->kind == UINT || (o->kind >= U8 && o->kind <= U32TO64)) && o->length <= o->width);
}

static void
map_op(const struct program_op *o, struct shuffle_byte *map)
{
	struct shuffle_byte *to = map + o->target - BASE;
	bool turned = o->kind != V4 && o->kind != V6 && o->kind != MAC;
	if (o->kind == V4) {
		for (unsigned i = 0; i < 12; i++)
			to[i] = (struct shuffle_byte){SHUFFLE_FILL, addr_v4_prefix[i]};
		to += 12;
	}
	for (unsigned i = 0; i < o->length; i++) /* the lowest byte of a number comes last */
		to[i] = (struct shuffle_byte){o->offset + (int32_t)(turned ? o->length - 1 - i : i), 0};
	for (unsigned i = o->length; turned && i < o->width; i++)
		to[i] = (struct shuffle_byte){SHUFFLE_FILL, 0};
}

/* Two elements for one field: the later one counts, which a map can say only if both are in it. */
static bool
disputed(const struct program *g)
{
	for (unsigned i = 0; i < g->n_ops; i++)
		for (unsigned k = 0; k < i; k++)
			if (g->op[i].target == g->op[k].target && shuffles(&g->op[i]) != shuffles(&g->op[k]))
				return true;
	return false;
}

/* What must be zero where a record says nothing.  Addresses, times, exporter and domain are always set later. */
static void
map_cleared(struct shuffle_byte *map)
{
	for (size_t i = 0; i < MAP; i++)
		map[i] = (struct shuffle_byte){SHUFFLE_UNTOUCHED, 0};
	for (size_t i = offsetof(struct ft_flow, bytes); i < sizeof(struct ft_flow); i++)
		if (i < offsetof(struct ft_flow, first_us) || i >= offsetof(struct ft_flow, in_if))
			map[i] = (struct shuffle_byte){SHUFFLE_FILL, 0};
}

/* g with its shuffles behind it, or as it was if they can't be had. */
static struct program *
with_shuffles(struct program *g)
{
	struct shuffle_byte map[MAP];
	struct shuffle_move move[SHUFFLE_MOST];
	if (g->variable || g->n_ops < SHUFFLE_WORTH || !shuffle_able() || disputed(g))
		return g;
	map_cleared(map);
	for (unsigned i = 0; i < g->n_ops; i++)
		if (shuffles(&g->op[i]))
			map_op(&g->op[i], map);
	unsigned n = shuffle_compile(map, MAP, g->record_bytes, move);
	size_t ops = sizeof *g + g->n_ops * sizeof g->op[0];
	struct program *more = n ? realloc(g, ops + n * sizeof *move) : NULL;
	if (more == NULL)
		return g;
	memcpy((uint8_t *)more + ops, move, n * sizeof *move);
	more->n_moves = (uint16_t)n;
	return more;
}

/* what the shuffles leave comes first */
static void
order(struct program *g)
{
	for (unsigned i = 0; i < g->n_ops; i++) {
		struct program_op o = g->op[i];
		if (shuffles(&o))
			continue;
		memmove(&g->op[g->n_rest + 1], &g->op[g->n_rest], (i - g->n_rest) * sizeof o);
		g->op[g->n_rest++] = o;
	}
}

struct program *
program_compile(const struct template_field *fields, unsigned n, uint8_t version, unsigned n_scope)
{
	struct program *g = calloc(1, sizeof *g + n * sizeof g->op[0]);
	unsigned least = 0;
	if (g == NULL)
		return NULL;
	static _Atomic uint32_t serials;
	g->serial = atomic_fetch_add_explicit(&serials, 1, memory_order_relaxed) + 1;
	g->fields = fields;
	g->n_fields = (uint16_t)n;
	for (unsigned i = 0; i < n; i++)
		if (fields[i].length == PROGRAM_VARIABLE)
			g->variable = true;
	for (unsigned i = 0; i < n; i++) {
		const struct element *e =
			version == 9 && i < n_scope ? NULL : find(fields[i].pen, fields[i].id);
		uint16_t length = fields[i].length;
		/* an address or MAC of another length is something else */
		if (e && ((e->kind == V4 && length != 4) || (e->kind == V6 && length != 16) ||
				 (e->kind == MAC && length != 6)))
			e = NULL;
		/* an element that comes several times: the first is the outer header's (RFC 7011 section 8) */
		for (unsigned k = 0; e && k < i; k++)
			if (fields[k].id == fields[i].id && fields[k].pen == fields[i].pen &&
				fields[k].length > 0)
				e = NULL;
		if (e && length > 0) {
			g->op[g->n_ops++] = (struct program_op){specialise(e->kind, e->width, length),
				e->width, length, (uint16_t)(g->variable ? i : least), e->target};
			note(g, e->target);
		}
		least += length == PROGRAM_VARIABLE ? 1 : length;
	}
	g->record_bytes = (uint16_t)(least > 65535 ? 65535 : least);
	stand_in(g);
	settle_early(g);
	order(g);
	return with_shuffles(g);
}

/* ---- moves ------------------------------------------------------------------------------------ */

static inline void
store(uint8_t *to, unsigned width, uint64_t v)
{
	switch (width) {
	case 1:
		to[0] = (uint8_t)v;
		break;
	case 2: {
		uint16_t w = (uint16_t)v;
		memcpy(to, &w, 2);
		break;
	}
	case 4: {
		/* a value that does not fit is kept as large as can be, not wrapped into a small one */
		uint32_t w = v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
		memcpy(to, &w, 4);
		break;
	}
	default:
		memcpy(to, &v, 8);
	}
}

/* RFC 6759: engine id, then a selector.  Of more than 7 bytes the last are kept: engine 20 has an enterprise number of
 * 32 bits first, whose upper byte is 0 so far. */
static void
move_app(uint8_t *to, const uint8_t *p, size_t n)
{
	uint64_t selector = 0;
	for (size_t i = 1; i < n; i++)
		selector = selector << 8 | p[i];
	uint64_t v = (uint64_t)p[0] << 56 | (selector & 0xffffffffffffff);
	memcpy(to, &v, 8);
}

static inline __attribute__((always_inline)) void
move(const struct program_op *o, const uint8_t *p, size_t n, uint8_t *base)
{
	uint8_t *to = base + o->target;
	uint16_t v2;
	uint32_t v4;
	uint64_t v8;
	switch (o->kind) {
	case U8:
		to[0] = p[0];
		break;
	case U16:
		memcpy(&v2, p, 2);
		v2 = __builtin_bswap16(v2);
		memcpy(to, &v2, 2);
		break;
	case U32:
		memcpy(&v4, p, 4);
		v4 = __builtin_bswap32(v4);
		memcpy(to, &v4, 4);
		break;
	case U64:
		memcpy(&v8, p, 8);
		v8 = __builtin_bswap64(v8);
		memcpy(to, &v8, 8);
		break;
	case U32TO64:
		memcpy(&v4, p, 4);
		v8 = __builtin_bswap32(v4);
		memcpy(to, &v8, 8);
		break;
	case V4:
		addr_from_v4(to, p);
		break;
	case V6:
		memcpy(to, p, 16);
		break;
	case MAC:
		memcpy(to, p, 6);
		break;
	case FRAME: {
		uint32_t size = (uint32_t)n;
		memcpy(to, &size, sizeof size);
		memcpy(base + (o->target == offsetof(struct decoded, s.frame_n)
					      ? offsetof(struct decoded, s.frame)
					      : offsetof(struct decoded, s.ip_packet)),
			&p, sizeof p);
		break;
	}
	case TEXT: {
		uint32_t size = (uint32_t)n;
		memcpy(to, &size, sizeof size);
		memcpy(base + offsetof(struct decoded, s.app_name), &p, sizeof p);
		break;
	}
	case APP:
		if (n > 0)
			move_app(to, p, n);
		else
			memset(to, 0, 8);
		break;
	case UINT: {
		struct cursor c = cursor_of(p, n);
		store(to, o->width, cursor_uint(&c, n));
		break;
	}
	default:
		break;
	}
}

/* where each field of a record with variable lengths is; bytes taken, or -1 */
static int
locate(const struct program *g, const uint8_t *p, size_t left, const uint8_t **at, uint16_t *length)
{
	struct cursor c = cursor_of(p, left);
	for (unsigned i = 0; i < g->n_fields; i++) {
		size_t n = g->fields[i].length;
		if (n == PROGRAM_VARIABLE) {
			n = cursor_u8(&c);
			if (n == 255)
				n = cursor_u16(&c);
		}
		at[i] = cursor_take(&c, n);
		length[i] = (uint16_t)n;
		if (c.bad)
			return -1;
	}
	return (int)(left - cursor_left(&c));
}

/* ---- running ---------------------------------------------------------------------------------- */

/* The moves of a program write the same fields each time, so scratch, the largest part, is cleared only when another
 * program comes; what program_settle() writes by need lies in the flow and its extension. */
static inline void
clear(const struct program *g, struct decoded *d, bool flow)
{
	if (d->program != g->serial) {
		lines_clear(&d->f, MAP);
		d->program = g->serial;
		return;
	}
	if (flow)
		lines_clear(&d->f, sizeof d->f);
	if (d->x.has)
		lines_clear(&d->x, sizeof d->x);
}

static const struct shuffle_move *
shuffle_moves(const struct program *g)
{
	return (const struct shuffle_move *)(const void *)&g->op[g->n_ops];
}

int
program_run(const struct program *g, const uint8_t *p, size_t left, const struct record_context *c,
	struct decoded *d)
{
	int took = g->record_bytes;
	if (!g->variable) {
		if (left < g->record_bytes)
			return -1;
		unsigned n = g->n_moves ? g->n_rest : g->n_ops;
		clear(g, d, g->n_moves == 0);
		if (g->n_moves)
			shuffle_run(shuffle_moves(g), g->n_moves, p, (uint8_t *)&d->f);
		for (unsigned i = 0; i < n; i++)
			move(&g->op[i], p + g->op[i].offset, g->op[i].length, (uint8_t *)d);
	} else {
		const uint8_t *at[PROGRAM_FIELDS];
		uint16_t length[PROGRAM_FIELDS];
		took = locate(g, p, left, at, length);
		if (took < 0)
			return -1;
		clear(g, d, true);
		for (unsigned i = 0; i < g->n_ops; i++)
			move(&g->op[i], at[g->op[i].offset], length[g->op[i].offset], (uint8_t *)d);
	}
	program_settle(g, c, d);
	return took;
}
