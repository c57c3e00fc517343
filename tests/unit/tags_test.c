/* What hangs off an address: traffic groups, country, AS and announced prefix. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/addr.h"
#include "common/geo.h"
#include "store/groups.h"
#include "store/tags.h"
#include "tests/unit/store_help.h"

static const char *
group_of(const struct groups *g, const char *text)
{
	uint8_t a[16];
	assert_int_equal(addr_parse(text, a), 0);
	const char *name = groups_find(g, a);
	return name ? name : "";
}

static void
the_longest_block_names_the_group(void **s)
{
	struct groups *g;
	struct err err;
	json_t *list =
		json_loads("[{\"name\":\"All\",\"blocks\":[\"10.0.0.0/8\"]},"
			   "{\"name\":\"Offices/Berlin\",\"blocks\":[\"10.1.0.0/16\",\"2001:db8:1::/48\"]},"
			   "{\"name\":\"Offices/Berlin/Lab\",\"blocks\":[\"10.1.2.0/24\",\"10.1.2.3\"]}]",
			0, NULL);
	(void)s;
	assert_int_equal(groups_parse(&g, list, &(size_t){0}, &err), FT_OK);
	assert_string_equal(group_of(g, "10.9.9.9"), "All");
	assert_string_equal(group_of(g, "10.1.9.9"), "Offices/Berlin");
	assert_string_equal(group_of(g, "10.1.2.3"), "Offices/Berlin/Lab");
	assert_string_equal(group_of(g, "10.1.2.4"), "Offices/Berlin/Lab");
	assert_string_equal(group_of(g, "2001:db8:1::5"), "Offices/Berlin");
	assert_string_equal(group_of(g, "2001:db8:2::5"), "");
	assert_string_equal(group_of(g, "11.0.0.1"), "");
	json_t *back = groups_json(g);
	assert_true(json_equal(back, list));
	json_decref(back);
	json_decref(list);
	groups_free(g);
}

static void
groups_that_make_no_sense_are_refused_in_words(void **s)
{
	static const char *const bad[] = {"{}", "[{\"blocks\":[]}]", "[{\"name\":\"\",\"blocks\":[]}]",
		"[{\"name\":\"a/\",\"blocks\":[]}]", "[{\"name\":\"a\"}]",
		"[{\"name\":\"a\",\"blocks\":[\"10.0.0.0/33\"]}]", "[{\"name\":\"a\",\"blocks\":[7]}]",
		"[{\"name\":\"a\",\"blocks\":[\"10.0.0.0/8\"]},{\"name\":\"b\",\"blocks\":[\"10.0.0.0/"
		"8\"]}]"};
	(void)s;
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct groups *g;
		struct err err = {0};
		json_t *list = json_loads(bad[i], 0, NULL);
		assert_non_null(list);
		assert_int_equal(groups_parse(&g, list, &(size_t){0}, &err), FT_EINVAL);
		assert_true(strlen(err.text) > 10);
		json_decref(list);
	}
}

static void
groups_are_kept_over_a_restart(void **s)
{
	struct bench b;
	struct groups *g;
	struct err err;
	json_t *list = json_loads("[{\"name\":\"Home\",\"blocks\":[\"192.168.0.0/16\"]}]", 0, NULL);
	(void)s;
	bench_open(&b, "groups");
	assert_int_equal(groups_load(&g, b.root, &err), FT_OK);
	assert_null(g);
	assert_int_equal(groups_save(b.root, list, &err), FT_OK);
	assert_int_equal(groups_load(&g, b.root, &err), FT_OK);
	assert_string_equal(group_of(g, "192.168.3.4"), "Home");
	groups_free(g);
	json_decref(list);
	bench_close(&b);
}

/* ---- a small file of MaxMind's format --------------------------------------------------------------- */

struct mmdb {
	uint32_t node[4096][2]; /* 0: nothing; < 1 << 30: node; else 1 << 30 | data offset */
	uint32_t nodes;
	uint8_t data[4096];
	uint32_t bytes;
};

static void
text(struct mmdb *m, const char *t)
{
	m->data[m->bytes++] = (uint8_t)(2u << 5 | strlen(t));
	memcpy(m->data + m->bytes, t, strlen(t));
	m->bytes += (uint32_t)strlen(t);
}

static void
number(struct mmdb *m, unsigned type, uint32_t v)
{
	m->data[m->bytes++] = (uint8_t)(type << 5 | 4);
	for (unsigned i = 0; i < 4; i++)
		m->data[m->bytes++] = (uint8_t)(v >> (24 - 8 * i));
}

static void
network(struct mmdb *m, const char *prefix, uint32_t data)
{
	uint8_t a[16];
	unsigned bits;
	uint32_t at = 0;
	assert_int_equal(addr_parse_prefix(prefix, a, &bits), 0);
	if (addr_is_v4(a)) /* IPv4 lives under ::/96 */
		memset(a, 0, 12);
	for (unsigned i = 0; i < bits; i++) {
		unsigned bit = a[i / 8] >> (7 - i % 8) & 1;
		if (i + 1 == bits) {
			m->node[at][bit] = UINT32_C(1) << 30 | data;
		} else {
			if (m->node[at][bit] == 0)
				m->node[at][bit] = m->nodes++;
			at = m->node[at][bit];
		}
	}
}

static void
write_file(struct mmdb *m, const char *path)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	for (uint32_t i = 0; i < m->nodes; i++)
		for (unsigned k = 0; k < 2; k++) {
			uint32_t v = m->node[i][k];
			v = v == 0 ? m->nodes : v & UINT32_C(1) << 30 ? m->nodes + 16 + (v & 0xffffff) : v;
			fputc((int)(v >> 16 & 255), f), fputc((int)(v >> 8 & 255), f),
				fputc((int)(v & 255), f);
		}
	for (unsigned i = 0; i < 16; i++)
		fputc(0, f);
	fwrite(m->data, 1, m->bytes, f);
	fwrite("\xab\xcd\xefMaxMind.com", 1, 14, f);
	uint32_t nodes = m->nodes;
	m->bytes = 0;
	m->data[m->bytes++] = 7u << 5 | 9;
	text(m, "node_count"), number(m, 6, nodes);
	text(m, "record_size"), m->data[m->bytes++] = 5u << 5 | 1, m->data[m->bytes++] = 24;
	text(m, "ip_version"), m->data[m->bytes++] = 5u << 5 | 1, m->data[m->bytes++] = 6;
	text(m, "database_type"), text(m, "Test");
	text(m, "languages"), m->data[m->bytes++] = 0, m->data[m->bytes++] = 4;
	text(m, "binary_format_major_version"), m->data[m->bytes++] = 5u << 5 | 1, m->data[m->bytes++] = 2;
	text(m, "binary_format_minor_version"), m->data[m->bytes++] = 5u << 5 | 0;
	text(m, "build_epoch"), m->data[m->bytes++] = 1, m->data[m->bytes++] = 2, m->data[m->bytes++] = 1;
	text(m, "description"), m->data[m->bytes++] = 7u << 5 | 0;
	fwrite(m->data, 1, m->bytes, f);
	fclose(f);
}

static void
make_files(const char *country, const char *as, const char *iso)
{
	static struct mmdb m;
	memset(&m, 0, sizeof m);
	m.nodes = 1;
	uint32_t at = m.bytes;
	m.data[m.bytes++] = 7u << 5 | 1;
	text(&m, "country"), m.data[m.bytes++] = 7u << 5 | 1, text(&m, "iso_code"), text(&m, iso);
	network(&m, "10.0.0.0/8", at);
	network(&m, "2001:db8::/32", at);
	write_file(&m, country);
	memset(&m, 0, sizeof m);
	m.nodes = 1;
	at = m.bytes;
	m.data[m.bytes++] = 7u << 5 | 1;
	text(&m, "autonomous_system_number"), number(&m, 6, 64500);
	network(&m, "10.1.0.0/16", at);
	network(&m, "2001:db8:4::/48", at);
	write_file(&m, as);
}

static struct tag
tag_of(struct tags *t, const char *address)
{
	uint8_t a[16];
	struct tag tag;
	assert_int_equal(addr_parse(address, a), 0);
	tags_of(t, a, &tag);
	return tag;
}

static void
country_as_and_announced_prefix_come_from_the_files(void **s)
{
	struct bench b;
	struct tags t;
	struct err err;
	char country[300], as[300];
	(void)s;
	bench_open(&b, "geo");
	snprintf(country, sizeof country, "%s/country.mmdb", b.root);
	snprintf(as, sizeof as, "%s/as.mmdb", b.root);
	make_files(country, as, "DE");
	assert_int_equal(tags_open(&t, 1), FT_OK);
	if (geo_open(&t.geo, country, as, &err) != FT_OK)
		fail_msg("%s", err.text);
	assert_int_equal(tag_of(&t, "10.1.2.3").country, 'D' << 8 | 'E');
	assert_int_equal(tag_of(&t, "10.1.2.3").as, 64500);
	assert_int_equal(tag_of(&t, "10.1.2.3").net_bits, 112);
	assert_int_equal(tag_of(&t, "10.2.2.3").as, 0);
	assert_int_equal(tag_of(&t, "2001:db8:4::1").as, 64500);
	assert_int_equal(tag_of(&t, "2001:db8:4::1").net_bits, 48);
	assert_int_equal(tag_of(&t, "11.2.2.3").country, 0);
	assert_false(geo_stale(t.geo));
	/* a new file, as an updater would put it there */
	char temp[320];
	snprintf(temp, sizeof temp, "%s.new", country);
	make_files(temp, as, "FR");
	assert_int_equal(rename(temp, country), 0);
	assert_true(geo_stale(t.geo));
	geo_close(t.geo);
	assert_int_equal(geo_open(&t.geo, country, as, &err), FT_OK);
	tags_changed(&t);
	assert_int_equal(t.version, 2);
	assert_int_equal(tag_of(&t, "10.1.2.3").country, 'F' << 8 | 'R');
	tags_close(&t);
	bench_close(&b);
}

static void
a_file_that_is_no_mmdb_is_said_and_done_without(void **s)
{
	struct geo *g;
	struct err err;
	uint8_t a[16] = {0};
	struct geo_place tag;
	(void)s;
	assert_int_equal(geo_open(&g, "/etc/passwd", "", &err), FT_EFORMAT);
	assert_non_null(strstr(err.text, "/etc/passwd"));
	geo_lookup(g, a, &tag);
	geo_close(g);
	assert_int_equal(geo_open(&g, "/nonexistent", "", &err), FT_ESYS);
	geo_close(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_block_names_the_group),
		cmocka_unit_test(groups_that_make_no_sense_are_refused_in_words),
		cmocka_unit_test(groups_are_kept_over_a_restart),
		cmocka_unit_test(country_as_and_announced_prefix_come_from_the_files),
		cmocka_unit_test(a_file_that_is_no_mmdb_is_said_and_done_without),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
