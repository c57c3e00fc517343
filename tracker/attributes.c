/* attributes.c - see attributes.h */
#include "tracker/attributes.h"

#include <string.h>

#include "common/err.h"
#include "common/lines.h"

enum {
	SIDELESS = FT_HAS_IF | FT_HAS_CLIENT_AS | FT_HAS_SERVER_AS | FT_HAS_CLIENT_MASK | FT_HAS_SERVER_MASK |
		   ATTR_SAMPLING | ATTR_VERSION,
	MAC_BYTES = 6,
};

static const uint8_t no_mac[MAC_BYTES];

void
attributes_of(const struct ft_flow *f, bool from_client, struct attributes *a)
{
	uint32_t bits = f->bits;
	*a = (struct attributes){.about = SIDELESS, .version = f->version};
	/* 0 and 1 are both "not sampled" */
	a->sampling = f->sampling > 1 ? f->sampling : 0;
	bool both_vlans = (bits & FT_FLOW_HAS_OUT_VLAN) != 0;
	if (bits & FT_FLOW_HAS_IF) {
		a->present |= FT_HAS_IF;
		a->in_if = from_client ? f->in_if : f->out_if;
		a->out_if = from_client ? f->out_if : f->in_if;
	}
	if (bits & FT_FLOW_HAS_AS) {
		/* 0 is how exporters say that they do not know */
		a->client_as = from_client ? f->src_as : f->dst_as;
		a->server_as = from_client ? f->dst_as : f->src_as;
		a->present |= (a->client_as ? FT_HAS_CLIENT_AS : 0) | (a->server_as ? FT_HAS_SERVER_AS : 0);
	}
	if (bits & FT_FLOW_HAS_MASK) {
		a->present |= FT_HAS_CLIENT_MASK | FT_HAS_SERVER_MASK;
		a->client_mask = from_client ? f->src_mask : f->dst_mask;
		a->server_mask = from_client ? f->dst_mask : f->src_mask;
	}
	if (from_client) {
		a->about |= FT_HAS_CLIENT_TOS | FT_HAS_CLIENT_VLAN | (both_vlans ? FT_HAS_SERVER_VLAN : 0);
		a->present |= (bits & FT_FLOW_HAS_TOS ? FT_HAS_CLIENT_TOS : 0) |
			      (bits & FT_FLOW_HAS_VLAN ? FT_HAS_CLIENT_VLAN : 0) |
			      (both_vlans ? FT_HAS_SERVER_VLAN : 0);
		a->client_tos = f->tos;
		a->client_vlan = f->in_vlan;
		a->server_vlan = f->out_vlan;
	} else {
		a->about |= FT_HAS_SERVER_TOS | FT_HAS_SERVER_VLAN | (both_vlans ? FT_HAS_CLIENT_VLAN : 0);
		a->present |= (bits & FT_FLOW_HAS_TOS ? FT_HAS_SERVER_TOS : 0) |
			      (bits & FT_FLOW_HAS_VLAN ? FT_HAS_SERVER_VLAN : 0) |
			      (both_vlans ? FT_HAS_CLIENT_VLAN : 0);
		a->server_tos = f->tos;
		a->server_vlan = f->in_vlan;
		a->client_vlan = f->out_vlan;
	}
}

/* Two neighbours of a flow as one word, in the client's orientation. */
static inline uint64_t
pair32(const uint32_t *p, bool from_client)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return from_client ? v : v << 32 | v >> 32;
}
static inline uint32_t
pair8(const uint8_t *p, bool from_client)
{
	return from_client ? (uint32_t)p[1] << 8 | p[0] : (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t
own_tos(bool from_client)
{
	return from_client ? FT_HAS_CLIENT_TOS : FT_HAS_SERVER_TOS;
}
static inline uint32_t
own_vlan(bool from_client)
{
	return from_client ? FT_HAS_CLIENT_VLAN : FT_HAS_SERVER_VLAN;
}

/* What a flow says has a value; of both VLANs only its own side's.  What it has no bit for is zero in it (the decoder's
 * word), and so it is in the entry. */
static inline uint32_t
present_of(const struct ft_flow *f, uint64_t as, bool from_client)
{
	uint32_t bits = f->bits;
	return (bits & FT_FLOW_HAS_IF ? FT_HAS_IF : 0) |
	       (bits & FT_FLOW_HAS_MASK ? FT_HAS_CLIENT_MASK | FT_HAS_SERVER_MASK : 0) |
	       (bits & FT_FLOW_HAS_TOS ? own_tos(from_client) : 0) |
	       (bits & FT_FLOW_HAS_VLAN ? own_vlan(from_client) : 0) | ((uint32_t)as ? FT_HAS_CLIENT_AS : 0) |
	       (as >> 32 ? FT_HAS_SERVER_AS : 0);
}

void
attributes_begin(struct trk_entry *e, const struct ft_flow *f)
{
	e->present = present_of(f, pair32(&f->src_as, true), true) |
		     (f->bits & FT_FLOW_HAS_OUT_VLAN ? FT_HAS_SERVER_VLAN : 0);
	memcpy(&e->in_if, &f->in_if, 2 * sizeof e->in_if);
	memcpy(&e->client_as, &f->src_as, 2 * sizeof e->client_as);
	memcpy(&e->client_vlan, &f->in_vlan, 2 * sizeof e->client_vlan);
	memcpy(&e->client_mask, &f->src_mask, 2 * sizeof e->client_mask);
	e->sampling = f->sampling > 1 ? f->sampling : 0;
	e->version = f->version;
	e->client_tos = f->tos;
}

enum attributes_news
attributes_compare(const struct trk_entry *e, const struct ft_flow *f, bool from_client)
{
	uint32_t own = own_tos(from_client) | own_vlan(from_client);
	uint32_t tos = from_client ? e->client_tos : e->server_tos;
	uint32_t vlan = from_client ? e->client_vlan : e->server_vlan;
	uint64_t as = pair32(&f->src_as, from_client), differ;
	uint32_t present = present_of(f, as, from_client) ^ e->present;
	differ = present & SIDELESS;
	differ |= pair32(&f->in_if, from_client) ^ pair32(&e->in_if, true);
	differ |= as ^ pair32(&e->client_as, true);
	differ |= pair8(&f->src_mask, from_client) ^ pair8(&e->client_mask, true);
	differ |= (uint32_t)(e->version ^ f->version) | (f->bits & FT_FLOW_HAS_OUT_VLAN);
	differ |= e->sampling ^ (f->sampling > 1 ? f->sampling : 0);
	if (differ != 0)
		return ATTRIBUTES_LOOK;
	if (((present & own) | (tos ^ f->tos) | (vlan ^ f->in_vlan)) == 0)
		return ATTRIBUTES_SAME;
	bool silent = (e->present & own) == 0 && (from_client ? e->client_flows : e->server_flows) == 0;
	return silent ? ATTRIBUTES_JOINS : ATTRIBUTES_LOOK;
}

void
attributes_join(struct trk_entry *e, const struct ft_flow *f, bool from_client)
{
	e->present |= (f->bits & FT_FLOW_HAS_TOS ? own_tos(from_client) : 0) |
		      (f->bits & FT_FLOW_HAS_VLAN ? own_vlan(from_client) : 0);
	*(from_client ? &e->client_tos : &e->server_tos) = f->tos;
	*(from_client ? &e->client_vlan : &e->server_vlan) = f->in_vlan;
}

static_assert(
	offsetof(struct ft_flow, out_if) == offsetof(struct ft_flow, in_if) + 4 &&
		offsetof(struct ft_flow, dst_as) == offsetof(struct ft_flow, src_as) + 4 &&
		offsetof(struct ft_flow, dst_mask) == offsetof(struct ft_flow, src_mask) + 1 &&
		offsetof(struct ft_flow, out_vlan) == offsetof(struct ft_flow, in_vlan) + 2 &&
		offsetof(struct trk_entry, server_vlan) == offsetof(struct trk_entry, client_vlan) + 2 &&
		offsetof(struct trk_entry, out_if) == offsetof(struct trk_entry, in_if) + 4 &&
		offsetof(struct trk_entry, server_as) == offsetof(struct trk_entry, client_as) + 4 &&
		offsetof(struct trk_entry, server_mask) == offsetof(struct trk_entry, client_mask) + 1,
	"pairs are neighbours");

uint32_t
attributes_differ(const struct trk_entry *e, const struct attributes *a)
{
	uint32_t here = a->present & e->present;
	uint32_t d = (a->present ^ e->present) & a->about;
	d |= (here & FT_HAS_IF) && (e->in_if != a->in_if || e->out_if != a->out_if) ? FT_HAS_IF : 0;
	d |= (here & FT_HAS_CLIENT_AS) && e->client_as != a->client_as ? FT_HAS_CLIENT_AS : 0;
	d |= (here & FT_HAS_SERVER_AS) && e->server_as != a->server_as ? FT_HAS_SERVER_AS : 0;
	d |= (here & FT_HAS_CLIENT_MASK) && e->client_mask != a->client_mask ? FT_HAS_CLIENT_MASK : 0;
	d |= (here & FT_HAS_SERVER_MASK) && e->server_mask != a->server_mask ? FT_HAS_SERVER_MASK : 0;
	d |= (here & FT_HAS_CLIENT_VLAN) && e->client_vlan != a->client_vlan ? FT_HAS_CLIENT_VLAN : 0;
	d |= (here & FT_HAS_SERVER_VLAN) && e->server_vlan != a->server_vlan ? FT_HAS_SERVER_VLAN : 0;
	d |= (here & FT_HAS_CLIENT_TOS) && e->client_tos != a->client_tos ? FT_HAS_CLIENT_TOS : 0;
	d |= (here & FT_HAS_SERVER_TOS) && e->server_tos != a->server_tos ? FT_HAS_SERVER_TOS : 0;
	d |= e->sampling != a->sampling ? ATTR_SAMPLING : 0;
	d |= e->version != a->version ? ATTR_VERSION : 0;
	return d;
}

uint32_t
attributes_spoken(const struct trk_entry *e)
{
	bool client = e->client_flows > 0, server = e->server_flows > 0;
	uint32_t m = client || server ? SIDELESS : 0;
	if (client)
		m |= FT_HAS_CLIENT_TOS | FT_HAS_CLIENT_VLAN | (e->present & FT_HAS_SERVER_VLAN);
	if (server)
		m |= FT_HAS_SERVER_TOS | FT_HAS_SERVER_VLAN | (e->present & FT_HAS_CLIENT_VLAN);
	return m;
}

void
attributes_set(struct trk_entry *e, const struct attributes *a)
{
	e->present = (e->present & ~a->about) | (a->present & a->about);
	e->in_if = a->in_if;
	e->out_if = a->out_if;
	e->client_as = a->client_as;
	e->server_as = a->server_as;
	e->client_mask = a->client_mask;
	e->server_mask = a->server_mask;
	e->sampling = a->sampling;
	e->version = a->version;
	if (a->about & FT_HAS_CLIENT_TOS)
		e->client_tos = a->client_tos;
	if (a->about & FT_HAS_SERVER_TOS)
		e->server_tos = a->server_tos;
	if (a->about & FT_HAS_CLIENT_VLAN)
		e->client_vlan = a->client_vlan;
	if (a->about & FT_HAS_SERVER_VLAN)
		e->server_vlan = a->server_vlan;
}

void
extension_of(const struct ft_flow_ext *x, bool from_client, uint32_t state, struct trk_ext *out)
{
	uint32_t has = x->has;
	lines_clear(out, sizeof *out);
	out->has = has & (FT_EXT_NAT | FT_EXT_VRF | FT_EXT_FWD | FT_EXT_NSEL | FT_EXT_NSEL_EXT | FT_EXT_APP |
				 FT_EXT_APP_NAME);
	out->app = x->app;
	out->app_name = x->app_name;
	out->vrf = x->vrf;
	out->forwarding_status = x->forwarding_status;
	out->nsel_event = x->nsel_event;
	out->nsel_ext_event = x->nsel_ext_event;
	memcpy(out->nat_client, from_client ? x->nat_src : x->nat_dst, 16);
	memcpy(out->nat_server, from_client ? x->nat_dst : x->nat_src, 16);
	out->nat_client_port = from_client ? x->nat_src_port : x->nat_dst_port;
	out->nat_server_port = from_client ? x->nat_dst_port : x->nat_src_port;
	if (has & FT_EXT_MAC) {
		/* The source MAC is this side's.  The destination's is the exporter's own on a routed path: it
		 * stands for the other side only until that side is heard. */
		bool other_seen = state & (from_client ? TRK_SERVER_SEEN : TRK_CLIENT_SEEN);
		out->has |= FT_EXT_MAC;
		memcpy(from_client ? out->client_mac : out->server_mac, x->src_mac, MAC_BYTES);
		if (!other_seen)
			memcpy(from_client ? out->server_mac : out->client_mac, x->dst_mac, MAC_BYTES);
	}
	if (from_client) {
		out->has |= has & (FT_EXT_NEXT_HOP | FT_EXT_MPLS);
		memcpy(out->next_hop, x->next_hop, 16);
		out->mpls_label = x->mpls_label;
	} else {
		out->server_has = has & (FT_EXT_NEXT_HOP | FT_EXT_MPLS);
		memcpy(out->server_next_hop, x->next_hop, 16);
		out->server_mpls_label = x->mpls_label & 0xffffff;
	}
}

static bool
mac_says(const uint8_t *mac)
{
	return memcmp(mac, no_mac, MAC_BYTES) != 0;
}

struct extension_change
extension_differ(
	const struct trk_entry *e, const struct trk_ext *have, const struct trk_ext *says, bool from_client)
{
	static const struct trk_ext none;
	if (have == NULL)
		have = &none;
	uint32_t both = have->has & says->has, fresh = says->has & ~have->has;
	bool pending = (e->client_flows | e->server_flows) != 0;
	bool own = from_client ? e->client_flows > 0 : e->server_flows > 0;
	bool shared = ((both & FT_EXT_NAT) && (memcmp(have->nat_client, says->nat_client, 32) != 0 ||
						      have->nat_client_port != says->nat_client_port ||
						      have->nat_server_port != says->nat_server_port)) ||
		      ((both & FT_EXT_APP) && have->app != says->app) ||
		      ((both & FT_EXT_APP_NAME) && have->app_name != says->app_name) ||
		      ((both & FT_EXT_VRF) && have->vrf != says->vrf) ||
		      ((both & FT_EXT_FWD) && have->forwarding_status != says->forwarding_status);
	bool mine = ((both & FT_EXT_NEXT_HOP) && memcmp(have->next_hop, says->next_hop, 16) != 0) ||
		    ((both & FT_EXT_MPLS) && have->mpls_label != says->mpls_label);
	const uint8_t *my_mac = from_client ? says->client_mac : says->server_mac;
	const uint8_t *had_mac = from_client ? have->client_mac : have->server_mac;
	bool mac = (both & FT_EXT_MAC) && mac_says(my_mac) && memcmp(my_mac, had_mac, MAC_BYTES) != 0;
	/* events are the session's history, not an attribute: created and deleted are one session */
	bool event = ((both & FT_EXT_NSEL) && have->nsel_event != says->nsel_event) ||
		     ((both & FT_EXT_NSEL_EXT) && have->nsel_ext_event != says->nsel_ext_event);
	struct extension_change c = {.clash = (shared && pending) || ((mine || mac) && own)};
	c.news = shared || mine || mac || event || fresh != 0;
	c.any = c.news || says->server_has != 0;
	return c;
}

uint32_t
extension_set(struct trk_ext *have, const struct trk_ext *says)
{
	uint32_t has = says->has, present = 0;
	if (has & FT_EXT_NAT) {
		memcpy(have->nat_client, says->nat_client, 16);
		memcpy(have->nat_server, says->nat_server, 16);
		have->nat_client_port = says->nat_client_port;
		have->nat_server_port = says->nat_server_port;
		present |= FT_HAS_NAT;
	}
	if (has & FT_EXT_APP) {
		/* the name of another number is no longer true */
		if (have->app != says->app && !(has & FT_EXT_APP_NAME)) {
			have->app_name = 0;
			have->has &= ~(uint32_t)FT_EXT_APP_NAME;
		}
		have->app = says->app;
		present |= FT_HAS_APP;
	}
	if (has & FT_EXT_APP_NAME)
		have->app_name = says->app_name;
	if (has & FT_EXT_VRF) {
		have->vrf = says->vrf;
		present |= FT_HAS_VRF;
	}
	if (has & FT_EXT_FWD) {
		have->forwarding_status = says->forwarding_status;
		present |= FT_HAS_FWD;
	}
	if (has & FT_EXT_NSEL) {
		have->nsel_event = says->nsel_event;
		present |= FT_HAS_NSEL;
	}
	if (has & FT_EXT_NSEL_EXT) {
		have->nsel_ext_event = says->nsel_ext_event;
		present |= FT_HAS_NSEL_EXT;
	}
	if (has & FT_EXT_MPLS) {
		have->mpls_label = says->mpls_label;
		present |= FT_HAS_MPLS;
	}
	if (has & FT_EXT_NEXT_HOP)
		memcpy(have->next_hop, says->next_hop, 16);
	if (has & FT_EXT_MAC) {
		if (mac_says(says->client_mac))
			memcpy(have->client_mac, says->client_mac, MAC_BYTES);
		if (mac_says(says->server_mac))
			memcpy(have->server_mac, says->server_mac, MAC_BYTES);
	}
	if ((says->server_has & FT_EXT_NEXT_HOP) && !((have->has | has) & FT_EXT_NSEL))
		memcpy(have->server_next_hop, says->server_next_hop, 16);
	if (says->server_has & FT_EXT_MPLS)
		have->server_mpls_label = says->server_mpls_label;
	have->has |= has;
	have->server_has |= says->server_has;
	return present;
}

#define SWAP(a, b)                                                                                           \
	do {                                                                                                 \
		__typeof__(a) swap_ = (a);                                                                   \
		(a) = (b);                                                                                   \
		(b) = swap_;                                                                                 \
	} while (0)

static inline void
swap_bytes(uint8_t *a, uint8_t *b, size_t n)
{
	uint8_t was[16];
	CHECK(n <= sizeof was);
	memcpy(was, a, n);
	memcpy(a, b, n);
	memcpy(b, was, n);
}

/* exchange two flags of a word */
static uint32_t
swap_bits(uint32_t word, uint32_t a, uint32_t b)
{
	uint32_t out = word & ~(a | b);
	return out | (word & a ? b : 0) | (word & b ? a : 0);
}

void
attributes_turn(struct trk_entry *e, struct trk_ext *x)
{
	swap_bytes(e->client, e->server, 16);
	SWAP(e->client_port, e->server_port);
	SWAP(e->in_if, e->out_if);
	SWAP(e->client_as, e->server_as);
	SWAP(e->client_vlan, e->server_vlan);
	SWAP(e->client_tos, e->server_tos);
	SWAP(e->client_mask, e->server_mask);
	e->present = swap_bits(e->present, FT_HAS_CLIENT_VLAN, FT_HAS_SERVER_VLAN);
	e->present = swap_bits(e->present, FT_HAS_CLIENT_TOS, FT_HAS_SERVER_TOS);
	e->present = swap_bits(e->present, FT_HAS_CLIENT_MASK, FT_HAS_SERVER_MASK);
	e->present = swap_bits(e->present, FT_HAS_CLIENT_AS, FT_HAS_SERVER_AS);
	SWAP(e->client_bytes, e->server_bytes);
	SWAP(e->client_packets, e->server_packets);
	SWAP(e->client_flows, e->server_flows);
	SWAP(e->client_flags, e->server_flags);
	SWAP(e->start_us, e->prev_us);
	SWAP(e->dup[0], e->dup[1]);
	e->state = swap_bits(e->state, TRK_CLIENT_SEEN, TRK_SERVER_SEEN);
	e->state = swap_bits(e->state, TRK_CLIENT_FIN, TRK_SERVER_FIN);
	e->state = swap_bits(e->state, TRK_CLIENT_SYN, TRK_SERVER_SYN);
	e->state = swap_bits(e->state, TRK_CLIENT_OPENS, TRK_SERVER_OPENS);
	if (x == NULL)
		return;
	uint32_t sided = FT_EXT_NEXT_HOP | FT_EXT_MPLS, client_has = x->has & sided;
	swap_bytes(x->nat_client, x->nat_server, 16);
	SWAP(x->nat_client_port, x->nat_server_port);
	swap_bytes(x->client_mac, x->server_mac, MAC_BYTES);
	if (x->has & FT_EXT_NSEL) {
		SWAP(x->nsel_bytes[0], x->nsel_bytes[1]);
		SWAP(x->nsel_packets[0], x->nsel_packets[1]);
	} else
		swap_bytes(x->next_hop, x->server_next_hop, 16);
	uint32_t label = x->mpls_label;
	x->mpls_label = x->server_mpls_label;
	x->server_mpls_label = label & 0xffffff;
	x->has = (x->has & ~sided) | (x->server_has & sided);
	x->server_has = client_has & 0xff;
	e->present = (e->present & ~(uint32_t)FT_HAS_MPLS) | (x->has & FT_EXT_MPLS ? FT_HAS_MPLS : 0);
}
