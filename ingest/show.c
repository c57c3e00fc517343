/*
 * show.c - see show.h and show.def.
 */
#include "ingest/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/ie.h"
#include "common/names.h"
#include "ingest/sflow.h"

enum show_kind { NUM, IP, MAC, TEXT, HEX, APP, LABEL, ACL };
static const struct {
	uint32_t pen;
	uint16_t id;
	uint8_t kind;
	const char *name;
} rows[] = {
#define SHOW(pen, id, name, kind) {pen, id, kind, #name},
#include "ingest/show.def"
#undef SHOW
};

static void
put(json_t *o, const char *name, json_t *v)
{
	/* the first that says something counts: some templates carry an element twice, or one for each IP version */
	json_t *was = json_object_get(o, name);
	if (was && !(json_is_integer(was) && json_integer_value(was) == 0)) {
		json_decref(v);
		return;
	}
	json_object_set_new(o, name, v);
}

static void
put_number(json_t *o, const char *name, uint64_t v)
{
	put(o, name, json_integer((json_int_t)v));
}

static void
put_ip(json_t *o, const char *name, const uint8_t a[16])
{
	char text[ADDR_TEXT];
	addr_text(a, text);
	put(o, name, json_string(text));
}

static void
put_hex(json_t *o, const char *name, const uint8_t *p, size_t n, unsigned group, char between)
{
	char text[2400];
	size_t at = 0;
	for (size_t i = 0; i < n && i < 750; i++) {
		if (group && i && i % group == 0)
			text[at++] = between;
		at += (size_t)snprintf(text + at, sizeof text - at, "%02x", p[i]);
	}
	text[at] = 0;
	put(o, name, json_string(text));
}

/* bytes of a string as far as they are UTF-8; some exporters pad with NULs */
static void
put_text(json_t *o, const char *name, const uint8_t *p, size_t n)
{
	const uint8_t *end = n ? memchr(p, 0, n) : NULL;
	json_t *s = json_stringn((const char *)p, end ? (size_t)(end - p) : n);
	if (s)
		put(o, name, s);
	else
		put_hex(o, name, p, n, 0, 0);
}

static uint64_t
number(const uint8_t *p, size_t n)
{
	struct cursor c = cursor_of(p, n);
	return cursor_uint(&c, n);
}

static void
put_kind(json_t *o, const char *name, unsigned kind, const uint8_t *p, size_t n)
{
	uint8_t a[16];
	char text[64];
	switch (kind) {
	case NUM:
		put_number(o, name, number(p, n));
		break;
	case IP:
		if (n == 4)
			addr_from_v4(a, p);
		else if (n == 16)
			memcpy(a, p, 16);
		else
			break;
		if (n == 16 &&
			addr_is_v4(a)) { /* a mapped address in an IPv6 element is shown as what it is */
			snprintf(text, sizeof text, "::ffff:%u.%u.%u.%u", p[12], p[13], p[14], p[15]);
			put(o, name, json_string(text));
		} else
			put_ip(o, name, a);
		break;
	case MAC:
		put_hex(o, name, p, n, 1, ':');
		break;
	case TEXT:
		put_text(o, name, p, n);
		break;
	case APP:
		if (n == 0)
			break;
		snprintf(text, sizeof text, "%u:%llu", p[0], (unsigned long long)number(p + 1, n - 1));
		put(o, name, json_string(text));
		put_hex(o, "app_id_hex", p, n, 0, 0);
		break;
	case LABEL: {
		json_t *list = json_object_get(o, name);
		if (list == NULL) {
			list = json_array();
			json_object_set_new(o, name, list);
		}
		if (n == 3 && (p[0] | p[1] | p[2]))
			json_array_append_new(list, json_integer((json_int_t)(number(p, 3) >> 4)));
		break;
	}
	case ACL:
		put_hex(o, name, p, n, 4, '-');
		break;
	default:
		put_hex(o, name, p, n, 0, 0);
	}
}

/* Does it look like text?  What nobody has named is mostly a number, but where it has a length of its own, or a long one, and
 * nothing but letters, it is what one would read. */
static bool
readable(const struct template_field *f, const uint8_t *p, size_t n)
{
	if (ie_type(f->pen, f->id) != IE_UNKNOWN || (f->length != PROGRAM_VARIABLE && n <= 8))
		return false;
	while (n > 0 && p[n - 1] == 0)
		n--;
	for (size_t i = 0; i < n; i++)
		if (p[i] < ' ' || p[i] > '~')
			return false;
	return n > 1;
}

static void
show_unknown(json_t *o, const struct template_field *f, const uint8_t *p, size_t n)
{
	char name[IE_NAME], *text = malloc(6 * n + 64);
	if (text == NULL)
		return;
	(void)ie_name(f->pen, f->id, name);
	if (readable(f, p, n)) {
		put_text(o, name, p, n);
		free(text);
		return;
	}
	size_t bytes = ie_value_json(ie_type(f->pen, f->id), p, n, text, 6 * n + 64);
	json_t *v = json_loadb(text, bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	free(text);
	if (v)
		put(o, name, v);
}

struct seen {
	uint8_t src6[16], dst6[16], hop[16], bgp[16];
	bool has_src6, has_dst6, has_v4, has_hop, has_bgp, has_icmp, has_type, has_code;
	uint16_t icmp;
	uint8_t type, code;
};

static void
note(struct seen *s, uint16_t id, const uint8_t *p, size_t n)
{
	uint8_t a[16] = {0};
	if (n == 4)
		addr_from_v4(a, p);
	else if (n == 16)
		memcpy(a, p, 16);
	switch (id) {
	case 8:
	case 12:
		s->has_v4 = true;
		break;
	case 27:
		memcpy(s->src6, a, 16);
		s->has_src6 = true;
		break;
	case 28:
		memcpy(s->dst6, a, 16);
		s->has_dst6 = true;
		break;
	case 15:
	case 62: { /* of both the one that is set, else the IPv4 one */
		static const uint8_t none[16], none4[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
		bool empty = memcmp(s->hop, none, 16) == 0 || memcmp(s->hop, none4, 16) == 0;
		bool set = memcmp(a, none, 16) != 0 && memcmp(a, none4, 16) != 0;
		if (!s->has_hop || (empty && (set || id == 15)))
			memcpy(s->hop, a, 16);
		s->has_hop = true;
		break;
	}
	case 18:
	case 63:
		if (!s->has_bgp)
			memcpy(s->bgp, a, 16);
		s->has_bgp = true;
		break;
	case 32:
	case 139:
		if (!s->has_icmp || s->icmp == 0)
			s->icmp = (uint16_t)number(p, n);
		s->has_icmp = true;
		break;
	case 176:
	case 178:
		s->type = (uint8_t)number(p, n);
		s->has_type = true;
		break;
	case 177:
	case 179:
		s->code = (uint8_t)number(p, n);
		s->has_code = true;
		break;
	default:
		break;
	}
}

static bool
assembled(uint32_t pen, uint16_t id)
{
	static const uint16_t list[] = {
		8, 12, 15, 27, 28, 62, 176, 177, 178, 179, 150, 151, 152, 153, 154, 155, 156, 157};
	for (size_t i = 0; pen == 0 && i < sizeof list / sizeof list[0]; i++)
		if (list[i] == id)
			return true;
	return false;
}

static void
show_fields(json_t *o, const struct template *t, const uint8_t *bytes, size_t n, struct seen *s)
{
	struct cursor c = cursor_of(bytes, n);
	for (unsigned i = 0; i < t->n_fields; i++) {
		const struct template_field *f = &t->field[i];
		size_t len = f->length, k = 0;
		if (len == PROGRAM_VARIABLE) {
			len = cursor_u8(&c);
			if (len == 255)
				len = cursor_u16(&c);
		}
		const uint8_t *p = cursor_take(&c, len);
		if (p == NULL)
			return;
		if (t->version == 9 && i < t->n_scope) {
			static const char *const scope[] = {"", "scope_system", "scope_interface",
				"scope_line_card", "scope_cache", "scope_template"};
			put_number(o, f->id < 6 ? scope[f->id] : "scope", number(p, len));
			continue;
		}
		if (f->pen == 0)
			note(s, f->id, p, len);
		bool again =
			false; /* an element that comes several times: the first counts, but for labels */
		for (unsigned j = 0; j < i && !again; j++)
			again = t->field[j].id == f->id && t->field[j].pen == f->pen &&
				t->field[j].length > 0;
		if (assembled(f->pen, f->id) || len == 0 || again)
			continue;
		while (k < sizeof rows / sizeof rows[0] && (rows[k].id != f->id || rows[k].pen != f->pen))
			k++;
		if (k < sizeof rows / sizeof rows[0])
			put_kind(o, rows[k].name, rows[k].kind, p, len);
		else
			show_unknown(o, f, p, len);
	}
}

static void
show_icmp(json_t *o, const struct seen *s, const struct ft_flow *f)
{
	if (s->has_type || s->has_code) {
		put_number(o, "icmp_type", s->type);
		put_number(o, "icmp_code", s->code);
	} else if (s->has_icmp) {
		put_number(o, "icmp_type", s->icmp >> 8);
		put_number(o, "icmp_code", s->icmp & 255);
	} else if (f->bits & FT_FLOW_ICMP) {
		put_number(o, "icmp_type", f->icmp_type);
		put_number(o, "icmp_code", f->icmp_code);
	}
}

static void
show_times(json_t *o, const struct ft_flow *f)
{
	if (f->bits & FT_FLOW_NOTIME)
		return;
	put_number(o, "first_ms", (uint64_t)(f->first_us / 1000));
	put_number(o, "last_ms", (uint64_t)(f->last_us / 1000));
	put_number(o, "first_s", (uint64_t)(f->first_us / 1000000));
	put_number(o, "last_s", (uint64_t)(f->last_us / 1000000));
}

static void show_packet(json_t *o, const struct packet *p);
static void show_decoded(json_t *o, const struct decoded *d);

/* a sampled packet in place of its fields */
static void
show_frame(json_t *o, const struct decoded *d)
{
	struct packet k;
	if (d->s.frame_n)
		packet_parse(PACKET_LINK_ETHERNET, d->s.frame, d->s.frame_n, &k);
	else
		packet_parse(PACKET_LINK_IP, d->s.ip_packet, d->s.ip_packet_n, &k);
	show_packet(o, &k);
	show_decoded(o, d);
	if (k.has & PACKET_VLAN)
		put_number(o, "dst_vlan", k.vlan_outer);
}

static void
show_template_record(
	json_t *o, const struct template *t, const struct decoded *d, const uint8_t *bytes, size_t n)
{
	static const uint8_t zero[16];
	struct seen s = {0};
	const struct ft_flow *f = &d->f;
	show_fields(o, t, bytes, n, &s);
	if (t->options)
		return;
	if (s.has_v4 || s.has_src6 || s.has_dst6) {
		put_ip(o, "src_ip", f->src);
		put_ip(o, "dst_ip", f->dst);
	}
	/* both pairs: an IPv4 packet carried in IPv6 */
	if (s.has_v4 && !(f->bits & FT_FLOW_V6) &&
		(memcmp(s.src6, zero, 16) != 0 || memcmp(s.dst6, zero, 16) != 0)) {
		put_ip(o, "src_ip6", s.src6);
		put_ip(o, "dst_ip6", s.dst6);
	}
	if (d->s.frame_n + d->s.ip_packet_n > 0 && !s.has_v4 && !s.has_src6)
		show_frame(o, d);
	if (s.has_hop || s.has_bgp)
		put_ip(o, "next_hop", s.has_hop ? s.hop : s.bgp);
	json_t *ttl = json_object_get(o, "min_ttl");
	if (ttl && json_object_get(o, "ttl") == NULL)
		put_number(o, "ttl", (uint64_t)json_integer_value(ttl));
	show_icmp(o, &s, f);
	show_times(o, f);
	put_number(o, "sampling", f->sampling);
	json_t *vlan = json_object_get(o, "vlan"), *post = json_object_get(o, "post_vlan");
	if (vlan)
		put_number(o, "src_vlan", (uint64_t)json_integer_value(vlan));
	if (post)
		put_number(o, "dst_vlan", (uint64_t)json_integer_value(post));
	if ((s.has_v4 || s.has_src6) && json_object_get(o, "ethertype") == NULL)
		put_number(o, "ethertype", f->bits & FT_FLOW_V6 ? 0x86dd : 0x0800);
}

/* what a struct decoded holds, for formats without templates */
static void
show_decoded(json_t *o, const struct decoded *d)
{
	const struct ft_flow *f = &d->f;
	put_ip(o, "src_ip", f->src);
	put_ip(o, "dst_ip", f->dst);
	put_number(o, "src_port", f->src_port);
	put_number(o, "dst_port", f->dst_port);
	put_number(o, "proto", f->proto);
	put_number(o, "bytes", f->bytes);
	put_number(o, "packets", f->packets);
	put_number(o, "sampling", f->sampling);
	if (f->bits & FT_FLOW_HAS_IF) {
		put_number(o, "in_if", f->in_if);
		put_number(o, "out_if", f->out_if);
	}
	if (f->bits & FT_FLOW_HAS_TOS)
		put_number(o, "tos", f->tos);
	if (f->bits & FT_FLOW_HAS_FLAGS)
		put_number(o, "tcp_flags", f->flags);
	if (f->bits & FT_FLOW_HAS_AS) {
		put_number(o, "src_as", f->src_as);
		put_number(o, "dst_as", f->dst_as);
	}
	if (f->bits & FT_FLOW_HAS_MASK) {
		put_number(o, "src_mask", f->src_mask);
		put_number(o, "dst_mask", f->dst_mask);
	}
	if (f->bits & FT_FLOW_HAS_VLAN) {
		put_number(o, "vlan", f->in_vlan);
		put_number(o, "src_vlan", f->in_vlan);
	}
	if (f->bits & FT_FLOW_HAS_OUT_VLAN)
		put_number(o, "dst_vlan", f->out_vlan);
	if (f->bits & FT_FLOW_ICMP) {
		put_number(o, "icmp_type", f->icmp_type);
		put_number(o, "icmp_code", f->icmp_code);
	}
	put_number(o, "ethertype", f->bits & FT_FLOW_V6 ? 0x86dd : 0x0800);
}

static void
show_fixed(json_t *o, const struct message *m, const struct decoded *d, const uint8_t *bytes)
{
	uint8_t hop[16];
	show_decoded(o, d);
	put_number(o, "first_uptime_ms", number(bytes + 24, 4));
	put_number(o, "last_uptime_ms", number(bytes + 28, 4));
	/* as on the wire: the flow of an ICMP record has no source port */
	json_object_set_new(o, "src_port", json_integer((json_int_t)number(bytes + 32, 2)));
	addr_from_v4(hop, bytes + 8);
	put_ip(o, "next_hop", hop);
	show_times(o, &d->f);
	if (m->version == 5) {
		put_number(o, "sampling_interval", d->f.sampling);
		put_number(o, "sampling_algorithm", m->sampling_mode);
	}
}

/* the sampled packet's own headers, as far as they were captured */
static void
show_packet(json_t *o, const struct packet *p)
{
	static const char *const of_ip[] = {"src_ip", "dst_ip", "proto"};
	if (p->has & PACKET_ETHERTYPE)
		json_object_set_new(o, "ethertype", json_integer(p->ethertype));
	else
		json_object_del(o, "ethertype");
	if (!(p->has & (PACKET_PORTS | PACKET_ICMP))) {
		json_object_del(o, "src_port");
		json_object_del(o, "dst_port");
	}
	if (p->has & PACKET_VLAN)
		put_number(o, "dot1q_vlan", p->vlan_outer);
	if (p->has & PACKET_VLAN_INNER)
		put_number(o, "dot1q_cvlan", p->vlan_inner);
	if (p->has & PACKET_MPLS)
		put_number(o, "mpls_top_label", p->mpls_label);
	if (p->has & PACKET_MAC) {
		put_hex(o, "src_mac", p->src_mac, 6, 1, ':');
		put_hex(o, "dst_mac", p->dst_mac, 6, 1, ':');
	}
	if (p->has & PACKET_INNER && p->tunnel_id)
		put_number(o, "tunnel_id", p->tunnel_id);
	if (!(p->has & PACKET_IP)) {
		for (unsigned i = 0; i < sizeof of_ip / sizeof of_ip[0]; i++)
			json_object_del(o, of_ip[i]);
		return;
	}
	put_number(o, "ip_version", p->has & PACKET_IPV6 ? 6 : 4);
	put_number(o, "ttl", p->ttl);
	if (p->has & PACKET_IPV6)
		put_number(o, "flow_label", p->flow_label);
	if (p->has & PACKET_IPV4 || p->has & PACKET_FRAGMENT)
		put_number(o, "frag_id", p->frag_id);
	if (p->has & PACKET_FRAGMENT)
		put_number(o, "frag_offset", p->frag_offset);
}

static void
show_gateway(json_t *o, const struct sflow_sample *s)
{
	json_t *path = json_array(), *communities = json_array();
	for (uint32_t i = 0; i < s->n_path; i++)
		json_array_append_new(path, json_integer(s->path[i]));
	for (uint32_t i = 0; i < s->n_communities; i++)
		json_array_append_new(
			communities, json_integer((json_int_t)number(s->communities + 4 * i, 4)));
	json_object_set_new(o, "dst_as_path", path);
	json_object_set_new(o, "dst_communities", communities);
	put_number(o, "router_as", s->router_as);
	put_number(o, "src_peer_as", s->src_peer_as);
	put_number(o, "local_pref", s->local_pref);
}

static void
show_interface(json_t *o, const char *name, uint32_t format, uint32_t value, const char *format_name)
{
	/* the device itself, discarded, several: 0, which is how NetFlow says that there is no one interface */
	static const char *const words[] = {"index", "discarded", "multiple", "3"};
	bool internal = format == SFLOW_IF_INDEX && value == SFLOW_INTERNAL;
	json_object_set_new(o, name, json_integer(format == SFLOW_IF_INDEX && !internal ? value : 0));
	if (internal || format != SFLOW_IF_INDEX)
		put(o, format_name, json_string(internal ? "internal" : words[format & 3]));
}

static void
show_sflow(json_t *o, const struct message *m, const struct decoded *d, const uint8_t *bytes, size_t n)
{
	struct sflow_sample s;
	struct sflow_counters k;
	const char *why;
	bool flow = false;
	show_decoded(o, d);
	if (sflow_sample_read(m->version, bytes, n, &flow, &s, &k, &why) == 0 || !flow)
		return;
	show_packet(o, &s.packet);
	show_interface(o, "in_if", s.in_format, s.in_if, "in_if_format");
	show_interface(o, "out_if", s.out_format, s.out_if, "out_if_format");
	if (s.source_class == 0 && s.in_if != s.out_if &&
		(s.source_index == s.in_if || s.source_index == s.out_if))
		put_number(o, "direction", s.source_index != s.in_if);
	if (s.has & SFLOW_HEADER) {
		put_number(o, "frame_bytes", s.frame_bytes);
		put_number(o, "stripped_bytes", s.stripped);
		put_number(o, "header_protocol", s.protocol);
	} else if (s.has & SFLOW_ETHERNET)
		put_number(o, "frame_bytes", s.frame_bytes);
	put_number(o, "sample_seq", s.sequence);
	put_number(o, "source_id", s.source_index);
	put_number(o, "sample_pool", s.pool);
	put_number(o, "sample_drops", s.drops);
	if (s.has & SFLOW_GATEWAY)
		show_gateway(o, &s);
	if (d->x.has & FT_EXT_NEXT_HOP)
		put_ip(o, "next_hop", d->x.next_hop);
	if (s.has & SFLOW_GATEWAY)
		put_ip(o, "bgp_next_hop", s.bgp_next_hop);
	if (s.has & SFLOW_MPLS)
		put_number(o, "mpls_top_label", s.mpls_label);
	if (s.has & SFLOW_NAT) {
		put_ip(o, "nat_src_ip", s.nat_src);
		put_ip(o, "nat_dst_ip", s.nat_dst);
	}
	if (s.has & SFLOW_NAT_PORTS) {
		put_number(o, "nat_src_port", s.nat_src_port);
		put_number(o, "nat_dst_port", s.nat_dst_port);
	}
	if (s.has & SFLOW_VNI_IN)
		put_number(o, "in_vni", s.vni_in);
	if (s.has & SFLOW_VNI_OUT)
		put_number(o, "out_vni", s.vni_out);
	if (d->x.has & FT_EXT_FWD)
		put_number(o, "fwd_status", d->x.forwarding_status);
	if (s.has & SFLOW_DROPPED)
		put_number(o, "drop_reason", s.reason);
}

json_t *
show_record(const struct message *m, const struct template *t, const struct decoded *d, const uint8_t *bytes,
	size_t n, const uint8_t exporter[16])
{
	json_t *o = json_object();
	json_object_set_new(o, "kind", json_string(t && t->options ? "option" : "flow"));
	json_object_set_new(o, "version",
		json_integer(m->version >= SFLOW_V2 ? (m->version == SFLOW_V5 ? 5 : m->version - 16)
						    : m->version));
	const char *protocol = names_help(NAMES_VERSION, m->version);
	if (protocol)
		json_object_set_new(o, "protocol", json_string(protocol));
	put_ip(o, "exporter_ip", exporter);
	put_number(o, "odid", m->domain);
	put_number(o, "seq", m->sequence);
	put_number(o, "export_s", (uint64_t)(m->header.us / 1000000));
	put_number(o, "export_ms", (uint64_t)(m->header.us / 1000));
	if (m->ctx.has_uptime)
		put_number(o, "uptime_ms", m->ctx.uptime.ms);
	if (t) {
		put_number(o, "template_id", t->id);
		show_template_record(o, t, d, bytes, n);
	} else if (m->version >= SFLOW_V2)
		show_sflow(o, m, d, bytes, n);
	else
		show_fixed(o, m, d, bytes);
	return o;
}
