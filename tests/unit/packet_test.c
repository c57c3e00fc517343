/*
 * packet_test.c - frames made by hand, whole and cut at every byte.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/addr.h"
#include "common/packet.h"

struct frame {
	uint8_t b[1024];
	size_t n;
};

/* bytes as hexadecimal digits; spaces between are for the reader */
static void
put(struct frame *f, const char *hex)
{
	for (; *hex; hex++) {
		if (*hex == ' ')
			continue;
		char two[3] = {hex[0], hex[1], 0};
		assert_true(f->n < sizeof f->b);
		f->b[f->n++] = (uint8_t)strtoul(two, NULL, 16);
		hex++;
	}
}

#define MACS "0202020202aa 0202020202bb "
#define IPV4(length, proto) "45b8" length "1234 4000 3f" proto "0000 0a000001 c0000202 "
#define IPV6(length, next)                                                                                   \
	"6b812345" length next "40 20010db8000000000000000000000001 20010db8000000000000000000000002 "
#define TCP "0050 c001 00000001 00000002 5012 ffff 0000 0000 "
#define UDP(port) "c002" port "0020 0000 "

/* Cut at every byte: nothing is read beyond (the copy is as long as the cut), what was found stays found as more is
 * seen, and is the same. */
static void
cut(enum packet_link link, const struct frame *f)
{
	struct packet whole, p;
	uint32_t had = 0;
	packet_parse(link, f->b, f->n, &whole);
	for (size_t n = 0; n <= f->n; n++) {
		uint8_t *copy = malloc(n ? n : 1);
		memcpy(copy, f->b, n);
		packet_parse(link, copy, n, &p);
		free(copy);
		assert_int_equal(had & ~p.has, 0);
		had = p.has;
		assert_int_equal(p.has & ~whole.has, 0);
		if (p.has & PACKET_IP) {
			assert_memory_equal(p.src, whole.src, 16);
			assert_memory_equal(p.dst, whole.dst, 16);
			assert_int_equal(p.tos, whole.tos);
		}
		if (p.has & PACKET_PORTS) {
			assert_int_equal(p.src_port, whole.src_port);
			assert_int_equal(p.dst_port, whole.dst_port);
			assert_int_equal(p.proto, whole.proto);
			assert_int_equal(p.ip_bytes, whole.ip_bytes);
		}
		if (p.has & PACKET_INNER) {
			assert_int_equal(p.inner, whole.inner);
			assert_true(p.inner < n);
		}
	}
	assert_int_equal(had, whole.has);
}

static struct packet
parse(enum packet_link link, const char *hex)
{
	struct frame f = {.n = 0};
	struct packet p;
	put(&f, hex);
	cut(link, &f);
	packet_parse(link, f.b, f.n, &p);
	return p;
}

static void
is_address(const uint8_t a[16], const char *text)
{
	char got[ADDR_TEXT];
	(void)addr_text(a, got);
	assert_string_equal(got, text);
}

static void
ethernet_ipv4_tcp(void **state)
{
	(void)state;
	struct packet p = parse(PACKET_LINK_ETHERNET, MACS "0800" IPV4("0028", "06") TCP);
	assert_int_equal(p.has, PACKET_MAC | PACKET_ETHERTYPE | PACKET_IPV4 | PACKET_PORTS | PACKET_FLAGS);
	is_address(p.src, "10.0.0.1");
	is_address(p.dst, "192.0.2.2");
	assert_int_equal(p.dst_mac[5], 0xaa);
	assert_int_equal(p.src_mac[5], 0xbb);
	assert_int_equal(p.src_port, 80);
	assert_int_equal(p.dst_port, 0xc001);
	assert_int_equal(p.tcp_flags, 0x12);
	assert_int_equal(p.tos, 0xb8);
	assert_int_equal(p.ttl, 63);
	assert_int_equal(p.ip_bytes, 40);
	assert_int_equal(p.frag_id, 0x1234);
	assert_int_equal(p.ethertype, 0x0800);
	assert_int_equal(p.l3, 14);
	assert_int_equal(p.l4, 34);
}

static void
one_vlan_tag_two_and_too_many(void **state)
{
	(void)state;
	struct packet p = parse(PACKET_LINK_ETHERNET, MACS "8100 6064 0800" IPV4("001c", "11") UDP("0035"));
	assert_int_equal(p.has & (PACKET_VLAN | PACKET_VLAN_INNER), PACKET_VLAN);
	assert_int_equal(p.vlan_outer, 100);
	assert_int_equal(p.vlan_priority, 3);
	assert_int_equal(p.dst_port, 53);
	p = parse(PACKET_LINK_ETHERNET, MACS "88a8 0064 8100 0fff 86dd" IPV6("0008", "11") UDP("0035"));
	assert_int_equal(p.vlan_outer, 100);
	assert_int_equal(p.vlan_inner, 4095);
	assert_true(p.has & PACKET_VLAN_INNER);
	assert_int_equal(p.l3, 22);
	assert_int_equal(p.dst_port, 53);
	p = parse(PACKET_LINK_ETHERNET,
		MACS "8100 0001 8100 0002 8100 0003 8100 0004 8100 0005 8100 0006 8100 "
		     "0007 8100 0008 8100 0009 0800" IPV4("001c", "11") UDP("0035"));
	assert_int_equal(p.vlan_inner, 2);
	assert_false(p.has & PACKET_IP);
}

static void
labels_are_followed_to_ip_and_to_ethernet_inside(void **state)
{
	(void)state;
	struct packet p = parse(PACKET_LINK_ETHERNET, MACS "8847 0001e03f 0001f13e" IPV4("0028", "06") TCP);
	assert_true(p.has & PACKET_MPLS);
	assert_int_equal(p.mpls_label, 0x1e);
	assert_int_equal(p.src_port, 80);
	assert_int_equal(p.ethertype, 0x0800);
	p = parse(PACKET_LINK_MPLS, "0001e13f" IPV6("0014", "06") TCP);
	assert_true(p.has & PACKET_IPV6);
	/* a pseudowire: control word, then a frame */
	p = parse(PACKET_LINK_ETHERNET, MACS "8847 0001e13f 00000001" MACS "0800");
	assert_true(p.has & PACKET_INNER);
	assert_int_equal(p.inner_link, PACKET_LINK_ETHERNET);
	assert_int_equal(p.inner, 22);
	/* no bottom: the walk ends */
	struct frame f = {.n = 0};
	put(&f, MACS "8847");
	while (f.n + 4 < sizeof f.b)
		put(&f, "0001e03f");
	packet_parse(PACKET_LINK_ETHERNET, f.b, f.n, &p);
	assert_int_equal(p.has, PACKET_MAC | PACKET_ETHERTYPE | PACKET_MPLS);
}

static void
pppoe_and_ppp(void **state)
{
	(void)state;
	struct packet p = parse(PACKET_LINK_ETHERNET, MACS "8864 1100 0001 002a 0021" IPV4("0028", "06") TCP);
	assert_int_equal(p.src_port, 80);
	assert_int_equal(p.l3, 22);
	p = parse(PACKET_LINK_ETHERNET, MACS "8864 1100 0001 003e 0057" IPV6("0014", "06") TCP);
	assert_true(p.has & PACKET_IPV6);
	p = parse(PACKET_LINK_PPP, "ff03 0021" IPV4("0028", "06") TCP);
	assert_int_equal(p.src_port, 80);
	p = parse(PACKET_LINK_PPP, "21" IPV4("0028", "06") TCP); /* compressed protocol field */
	assert_int_equal(p.src_port, 80);
	p = parse(PACKET_LINK_PPP, "c021 01"); /* link control: no packet */
	assert_int_equal(p.has, 0);
}

static void
llc_and_snap(void **state)
{
	(void)state;
	struct packet p = parse(PACKET_LINK_ETHERNET, MACS "0030 aaaa03 000000 0800" IPV4("0028", "06") TCP);
	assert_int_equal(p.src_port, 80);
	assert_int_equal(p.ethertype, 0x0800);
	p = parse(PACKET_LINK_ETHERNET, MACS "0026 424203 0000 00 00"); /* spanning tree */
	assert_int_equal(p.has, PACKET_MAC);
	assert_int_equal(p.l3, 17);
	p = parse(PACKET_LINK_ETHERNET, MACS "0030 aaaa03 00000c 2000 02b4"); /* Cisco's own: CDP */
	assert_int_equal(p.has, PACKET_MAC);
	p = parse(PACKET_LINK_LLC, "aaaa03 000000 86dd" IPV6("0014", "06") TCP);
	assert_int_equal(p.src_port, 80);
	p = parse(PACKET_LINK_80211,
		"8801 0000 020202020201 020202020202 020202020203 1000 0000 aaaa03 000000 0800" IPV4(
			"0028", "06") TCP);
	assert_int_equal(p.src_port, 80);
	assert_int_equal(p.dst_mac[5], 3);
	assert_int_equal(p.src_mac[5], 2);
}

static void
arp_is_noted(void **state)
{
	(void)state;
	struct packet p = parse(PACKET_LINK_ETHERNET, MACS "0806 0001 0800 06 04 0001");
	assert_int_equal(p.has, PACKET_MAC | PACKET_ETHERTYPE | PACKET_ARP);
	assert_int_equal(p.ethertype, 0x0806);
}

static void
ipv4_options_are_passed_over(void **state)
{
	(void)state;
	struct packet p =
		parse(PACKET_LINK_IP, "4600 002c 0000 0000 4006 0000 0a000001 0a000002 94040000" TCP);
	assert_int_equal(p.src_port, 80);
	assert_int_equal(p.ip_bytes, 44);
	p = parse(PACKET_LINK_IP, "4f00 002c 0000 0000 4006 0000 0a000001 0a000002 94040000" TCP);
	assert_false(p.has & PACKET_PORTS); /* the options would reach beyond the packet */
	p = parse(PACKET_LINK_IP, "4400 002c 0000 0000 4006 0000 0a000001 0a000002" TCP);
	assert_int_equal(p.has, 0); /* a header of 16 bytes is none */
}

static void
padding_is_not_read_as_ports(void **state)
{
	(void)state;
	struct packet p =
		parse(PACKET_LINK_ETHERNET, MACS "0800" IPV4("0016", "06") "0050 0051 0052 0053 0054");
	assert_int_equal(p.ip_bytes, 22);
	assert_false(p.has & PACKET_PORTS);
	/* segments that the network card will cut have no length */
	p = parse(PACKET_LINK_ETHERNET, MACS "0800" IPV4("0000", "06") TCP);
	assert_int_equal(p.ip_bytes, 0);
	assert_int_equal(p.src_port, 80);
}

static void
fragments(void **state)
{
	(void)state;
	struct packet p =
		parse(PACKET_LINK_IP, "4500 05dc 0007 2000 4011 0000 0a000001 0a000002" UDP("0035"));
	assert_int_equal(p.has, PACKET_ETHERTYPE | PACKET_IPV4 | PACKET_PORTS | PACKET_FRAGMENT);
	assert_int_equal(p.frag_more, 1);
	p = parse(PACKET_LINK_IP, "4500 05dc 0007 00b9 4011 0000 0a000001 0a000002" UDP("0035"));
	assert_int_equal(p.has, PACKET_ETHERTYPE | PACKET_IPV4 | PACKET_FRAGMENT);
	assert_int_equal(p.frag_offset, 1480);
	p = parse(PACKET_LINK_IP, IPV6("0010", "2c") "1100 0001 00000009" UDP("0035"));
	assert_int_equal(p.has, PACKET_ETHERTYPE | PACKET_IPV6 | PACKET_PORTS | PACKET_FRAGMENT);
	assert_int_equal(p.frag_id, 9);
	p = parse(PACKET_LINK_IP, IPV6("0010", "2c") "1100 0b90 00000009" UDP("0035"));
	assert_int_equal(p.has, PACKET_ETHERTYPE | PACKET_IPV6 | PACKET_FRAGMENT);
	assert_int_equal(p.proto, 17);
	assert_int_equal(p.frag_offset, 2960);
}

static void
ipv6_extension_headers_are_walked(void **state)
{
	(void)state;
	/* hop-by-hop, routing, destination options, authentication, then TCP */
	struct packet p = parse(PACKET_LINK_IP,
		IPV6("0040", "00") "2b00 0104 00000000 3c00 0000 00000000 3300 0104 00000000 "
				   "0604 0000 00000001 00000002 000102030405060708090a0b" TCP);
	assert_int_equal(p.proto, 6);
	assert_int_equal(p.src_port, 80);
	assert_int_equal(p.tos, 0xb8);
	assert_int_equal(p.flow_label, 0x12345);
	assert_int_equal(p.ip_bytes, 104);
	assert_int_equal(p.l4, 40 + 8 + 8 + 8 + 24);
	/* a chain without end */
	struct frame f = {.n = 0};
	put(&f, IPV6("0300", "3c"));
	while (f.n + 8 < sizeof f.b)
		put(&f, "3c00 0104 00000000");
	packet_parse(PACKET_LINK_IP, f.b, f.n, &p);
	assert_int_equal(p.proto, 60);
	assert_false(p.has & PACKET_PORTS);
	/* nothing behind */
	p = parse(PACKET_LINK_IP, IPV6("0000", "3b"));
	assert_int_equal(p.ip_bytes, 40);
}

static void
a_jumbogram_says_its_length_in_an_option(void **state)
{
	(void)state;
	struct packet p = parse(PACKET_LINK_IP, IPV6("0000", "00") "1100 c204 00012000" UDP("0035"));
	assert_int_equal(p.ip_bytes, 0x12000 + 40);
	assert_int_equal(p.dst_port, 53);
}

static void
other_layer_4(void **state)
{
	(void)state;
	struct packet p = parse(PACKET_LINK_IP, IPV4("0020", "84") "0b59 0b5a 00000000 00000000");
	assert_int_equal(p.src_port, 2905);
	p = parse(PACKET_LINK_IP, IPV4("001c", "01") "0300 0000 00000000");
	assert_int_equal(p.has, PACKET_ETHERTYPE | PACKET_IPV4 | PACKET_ICMP);
	assert_int_equal(p.icmp_type, 3);
	p = parse(PACKET_LINK_IP, IPV6("0008", "3a") "8701 0000 00000000");
	assert_int_equal(p.icmp_type, 135);
	assert_int_equal(p.icmp_code, 1);
	p = parse(PACKET_LINK_IP, IPV4("001c", "32") "00000001 00000002"); /* ESP: no ports */
	assert_int_equal(p.has, PACKET_ETHERTYPE | PACKET_IPV4);
	assert_int_equal(p.proto, 50);
}

/* the packet inside is IPv4 with TCP from port 80 */
static void
inside(const char *hex, enum packet_link link, uint32_t id)
{
	struct frame f = {.n = 0};
	struct packet p, q;
	put(&f, hex);
	cut(PACKET_LINK_ETHERNET, &f);
	packet_parse(PACKET_LINK_ETHERNET, f.b, f.n, &p);
	is_address(p.src, "10.0.0.1");
	assert_true(p.has & PACKET_INNER);
	assert_int_equal(p.inner_link, link);
	assert_int_equal(p.tunnel_id, id);
	packet_parse((enum packet_link)p.inner_link, f.b + p.inner, f.n - p.inner, &q);
	is_address(q.src, "10.0.0.9");
	assert_int_equal(q.src_port, 80);
}

#define INNER "4500 0028 0001 0000 4006 0000 0a000009 0a00000a" TCP
static void
tunnels_report_where_the_inner_packet_begins(void **state)
{
	(void)state;
	inside(MACS "0800" IPV4("0050", "04") INNER, PACKET_LINK_IP, 0);
	inside(MACS "0800" IPV4("0050", "2f") "0000 0800" INNER, PACKET_LINK_IP, 0);
	inside(MACS "0800" IPV4("0070", "2f") "b000 6558 abcd0000 00000007 00000001" MACS "0800" INNER,
		PACKET_LINK_ETHERNET, 7);
	inside(MACS "0800" IPV4("0070", "2f") "3081 880b 00100007 00000001 00000002 ff03 0021" INNER,
		PACKET_LINK_PPP, 0x100007); /* PPTP */
	inside(MACS "0800" IPV4("0070", "2f") "1000 88be 00000001 10000000 00000000" MACS "0800" INNER,
		PACKET_LINK_ETHERNET, 0); /* ERSPAN */
	inside(MACS "0800" IPV4("0080", "11") UDP("12b5") "08000000 00001700" MACS "0800" INNER,
		PACKET_LINK_ETHERNET, 0x17);
	inside(MACS "0800" IPV4("0080", "11") UDP("12b6") "0c000001 00001700" INNER, PACKET_LINK_IP, 0x17);
	inside(MACS "0800" IPV4("0080", "11") UDP("17c1") "0140 6558 00001800 00000000" MACS "0800" INNER,
		PACKET_LINK_ETHERNET, 0x18);
	inside(MACS "0800" IPV4("0080", "11") UDP("0868") "34ff 0034 00000019 00000085 01000900" INNER,
		PACKET_LINK_IP, 0x19);
}

static void
what_is_no_tunnel_header_is_no_tunnel(void **state)
{
	(void)state;
	struct packet p =
		parse(PACKET_LINK_IP, IPV4("0080", "11") UDP("12b5") "00000000 00001700" MACS "0800");
	assert_false(p.has & PACKET_INNER);
	p = parse(PACKET_LINK_IP, IPV4("0080", "2f") "4000 0800 00000000" INNER);
	assert_false(p.has & PACKET_INNER);
	p = parse(PACKET_LINK_IP, IPV4("0080", "11") UDP("17c1") "c000 6558 00001800" MACS "0800");
	assert_false(p.has & PACKET_INNER);
}

static void
any_bytes_end(void **state)
{
	(void)state;
	srand(791);
	for (int i = 0; i < 20000; i++) {
		struct frame f = {.n = (size_t)rand() % 160};
		for (size_t k = 0; k < f.n; k++)
			f.b[k] = (uint8_t)rand();
		if (i % 2 && f.n > 14) /* often far enough to be an IP packet */
			memcpy(f.b + 12, i % 4 == 1 ? "\x08\x00\x45" : "\x86\xdd\x60", 3);
		cut((enum packet_link)(i % 7), &f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ethernet_ipv4_tcp),
		cmocka_unit_test(one_vlan_tag_two_and_too_many),
		cmocka_unit_test(labels_are_followed_to_ip_and_to_ethernet_inside),
		cmocka_unit_test(pppoe_and_ppp),
		cmocka_unit_test(llc_and_snap),
		cmocka_unit_test(arp_is_noted),
		cmocka_unit_test(ipv4_options_are_passed_over),
		cmocka_unit_test(padding_is_not_read_as_ports),
		cmocka_unit_test(fragments),
		cmocka_unit_test(ipv6_extension_headers_are_walked),
		cmocka_unit_test(a_jumbogram_says_its_length_in_an_option),
		cmocka_unit_test(other_layer_4),
		cmocka_unit_test(tunnels_report_where_the_inner_packet_begins),
		cmocka_unit_test(what_is_no_tunnel_header_is_no_tunnel),
		cmocka_unit_test(any_bytes_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
