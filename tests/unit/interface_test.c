/*
 * interface_test.c - the table of interfaces (contract/interfaces.h): what was true when, who goes before whom, rules
 * of roles, bounds; and the sorted copy that queryd makes of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/addr.h"
#include "common/glob.h"
#include "ingest/interface.h"
#include "ingest/learn.h"
#include "queryd/interfaces.h"

enum { CAPACITY = 32 };
static char folder[64];
static struct kv *kv;
static unsigned db;
static struct interface_table x;
static const uint8_t no_guid[16];
static struct err err;
static uint8_t router[16], other[16];

static int
up(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/interface_test_XXXXXX");
	assert_int_equal(addr_parse("192.0.2.1", router), 0);
	assert_int_equal(addr_parse("192.0.2.2", other), 0);
	return mkdtemp(folder) == NULL || learn_open(&kv, &db, folder, &err) ||
	       interfaces_open(&x, folder, kv, CAPACITY, 8, &err);
}
static void
away(const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	(void)unlink(path);
}
static int
down(void **state)
{
	(void)state;
	interfaces_close(&x);
	kv_close(kv);
	away("interfaces"), away("ingest.lmdb"), away("ingest.lmdb-lock"), away("file");
	return rmdir(folder);
}

static bool
tell(const uint8_t *who, uint32_t index, int64_t at, const char *name, const char *description,
	uint64_t speed, uint8_t from)
{
	struct interface_says s = {.address = who,
		.index = index,
		.exporter = from == FT_FROM_EXPORTER,
		.at_us = at,
		.from = from,
		.name = (const uint8_t *)name,
		.name_n = name ? strlen(name) : 0,
		.description = (const uint8_t *)description,
		.description_n = description ? strlen(description) : 0,
		.speed = speed};
	return interfaces_learn(&x, &s);
}

/* "name|description|speed|role" at a time, through queryd's copy; "-": not known */
static const char *
then(const uint8_t *who, uint32_t index, int64_t at)
{
	static char out[256];
	struct ft_exporter_entry e = {.domain = 0};
	struct interfaces *t = interfaces_copy(x.t, x.shm.size);
	assert_non_null(t);
	memcpy(e.address, who, 16);
	const struct ft_interface *i = interfaces_at(t, &e, FT_KIND_INTERFACE, index, at);
	if (i == NULL)
		snprintf(out, sizeof out, "-");
	else
		snprintf(out, sizeof out, "%s|%s|%llu|%s", i->name, i->description,
			(unsigned long long)i->speed, role_word(i->role));
	free(t);
	return out;
}

static void
again(void)
{
	interfaces_close(&x);
	assert_int_equal(interfaces_open(&x, folder, kv, CAPACITY, 8, &err), 0);
}

static void
an_index_has_the_name_of_the_time(void **state)
{
	(void)state;
	assert_true(tell(router, 3, 1000, "Gi0/1", NULL, 0, FT_FROM_EXPORTER));
	assert_true(tell(router, 3, 1001, NULL, "to the core", 0, FT_FROM_EXPORTER));
	assert_true(tell(router, 3, 1002, NULL, NULL, 1000000000, FT_FROM_EXPORTER));
	assert_int_equal(x.t->count, 1);
	/* renumbered: description and speed were the old one's */
	assert_true(tell(router, 3, 5000, "Te1/1", NULL, 0, FT_FROM_EXPORTER));
	assert_true(tell(router, 3, 5001, NULL, NULL, 10000000000, FT_FROM_EXPORTER));
	for (int pass = 0; pass < 2; pass++, again()) {
		assert_string_equal(then(router, 3, 0), "Gi0/1|to the core|1000000000|none");
		assert_string_equal(then(router, 3, 4999), "Gi0/1|to the core|1000000000|none");
		assert_string_equal(then(router, 3, 5000), "Te1/1||10000000000|none");
		assert_string_equal(then(router, 4, 5000), "-");
		assert_string_equal(then(other, 3, 5000), "-");
	}
	/* another description: the rest stays */
	assert_true(tell(router, 3, 6000, NULL, "uplink", 0, FT_FROM_EXPORTER));
	assert_true(tell(router, 3, 7000, NULL, "spare", 0, FT_FROM_EXPORTER));
	assert_string_equal(then(router, 3, 6500), "Te1/1|uplink|10000000000|none");
	assert_string_equal(then(router, 3, 7000), "Te1/1|spare|10000000000|none");
	/* a replay of the past finds its place */
	assert_true(tell(router, 3, 500, "Fa0/1", NULL, 0, FT_FROM_EXPORTER));
	assert_string_equal(then(router, 3, 600), "Fa0/1||0|none");
	assert_string_equal(then(router, 3, 1000), "Gi0/1|to the core|1000000000|none");
	/* the same again is no news */
	uint64_t version = atomic_load(&x.t->version);
	assert_true(tell(router, 3, 9000, "Te1/1", "spare", 10000000000, FT_FROM_EXPORTER));
	assert_true(atomic_load(&x.t->version) == version);
}

static void
what_a_datagram_tells_is_written_in_one_go(void **state)
{
	char name[16];
	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		snprintf(name, sizeof name, "port %u", i);
		assert_true(tell(router, i, 1000, name, NULL, 0, FT_FROM_EXPORTER));
	}
	assert_int_equal(atomic_load(&x.waiting), 6);
	assert_string_equal(then(router, 5, 1000), "port 5||0|none"); /* seen at once */
	interfaces_flush(&x);
	assert_int_equal(atomic_load(&x.waiting), 0);
	again();
	assert_string_equal(then(router, 5, 1000), "port 5||0|none");
	/* what was forgotten makes room that is found without a search */
	interfaces_forget(&x, router, no_guid);
	for (uint32_t i = 0; i < 6; i++)
		assert_true(tell(other, i, 1000, "again", NULL, 0, FT_FROM_EXPORTER));
	assert_int_equal(x.t->count, 6);
	again();
	assert_string_equal(then(other, 0, 1000), "again||0|none");
	assert_string_equal(then(router, 0, 1000), "-");
}

static void
what_is_told_all_the_time_is_written_seldom(void **state)
{
	char name[16];
	(void)state;
	for (int64_t at = 0; at < 64000; at++) {
		snprintf(name, sizeof name, "name %d", (int)at % 999);
		assert_true(tell(router, (uint32_t)(at % 2), at / 1000, name, NULL, 0, FT_FROM_EXPORTER));
		if (at % 10000 == 9999)
			interfaces_flush(&x);
	}
	print_message("64000 names: %llu written\n", (unsigned long long)x.written);
	assert_true(x.written < 200);
	assert_true(atomic_load(&x.waiting) <= 16);
}

static void
a_kill_loses_nothing_that_readers_saw(void **state)
{
	(void)state;
	assert_true(tell(router, 1, 1000, "one", NULL, 0, FT_FROM_EXPORTER));
	assert_true(tell(router, 2, 1000, "two", NULL, 0, FT_FROM_EXPORTER));
	assert_true(tell(other, 3, 1000, "three", NULL, 0, FT_FROM_EXPORTER));
	interfaces_settle(&x);
	interfaces_forget(&x, router, no_guid);
	assert_true(tell(router, 2, 2000, "new", "to be", 0, FT_FROM_EXPORTER));
	assert_true(tell(other, 3, 1500, "other", NULL, 7, FT_FROM_EXPORTER));
	/* as after a kill: nothing more is written */
	x.kv = NULL;
	again();
	assert_int_equal(atomic_load(&x.waiting), 2);
	for (int pass = 0; pass < 3; pass++, again()) {
		assert_string_equal(then(router, 1, 1000), "-");
		assert_string_equal(then(router, 2, 2000), "new|to be|0|none");
		assert_string_equal(then(other, 3, 1000), "three||0|none");
		assert_string_equal(then(other, 3, 1500), "other||7|none");
		if (pass == 1) { /* the machine was switched off, too */
			interfaces_close(&x);
			away("interfaces");
			assert_int_equal(interfaces_open(&x, folder, kv, CAPACITY, 8, &err), 0);
		}
	}
	/* killed while it wrote a slot: what the file has counts */
	atomic_fetch_or(&x.t->version, 1);
	assert_true(tell(other, 4, 1500, "half", NULL, 7, FT_FROM_EXPORTER));
	atomic_fetch_or(&x.t->version, 1);
	x.kv = NULL;
	again();
	assert_string_equal(then(other, 4, 1500), "-");
	assert_string_equal(then(other, 3, 1500), "other||7|none");
}

static void
a_vrf_is_no_interface_of_that_index(void **state)
{
	(void)state;
	struct interface_says vrf = {.address = router,
		.kind = FT_KIND_VRF,
		.index = 3,
		.exporter = 1,
		.at_us = 1000,
		.from = FT_FROM_EXPORTER,
		.name = (const uint8_t *)"customer-a",
		.name_n = 10};
	struct ft_exporter_entry e = {.domain = 0};
	struct role_rule all = {.role = FT_ROLE_EXTERNAL, .by = ROLE_BY_NAME, .pattern = "*"};
	memcpy(e.address, router, 16);
	assert_true(interfaces_learn(&x, &vrf));
	assert_true(tell(router, 3, 1000, "Gi0/3", NULL, 0, FT_FROM_EXPORTER));
	assert_int_equal(interfaces_rule_add(&x, &all, &err), 0);
	vrf.at_us = 5000, vrf.name = (const uint8_t *)"customer-b";
	assert_true(interfaces_learn(&x, &vrf));
	for (int pass = 0; pass < 2; pass++, again()) {
		struct interfaces *t = interfaces_copy(x.t, x.shm.size);
		assert_string_equal(then(router, 3, 9000), "Gi0/3||0|external");
		assert_string_equal(interfaces_at(t, &e, FT_KIND_VRF, 3, 4999)->name, "customer-a");
		assert_string_equal(interfaces_at(t, &e, FT_KIND_VRF, 3, 5000)->name, "customer-b");
		assert_int_equal(interfaces_at(t, &e, FT_KIND_VRF, 3, 5000)->role, FT_ROLE_UNKNOWN);
		assert_null(interfaces_at(t, &e, FT_KIND_VRF, 4, 5000));
		assert_false(interfaces_has(t, router, 3, 0, 9000, "customer-*"));
		free(t);
		json_t *list = interfaces_json(&x, FT_KIND_INTERFACE, router, NULL);
		assert_int_equal(json_array_size(list), 1);
		json_decref(list);
	}
	interfaces_forget(&x, router, no_guid);
	struct interfaces *t = interfaces_copy(x.t, x.shm.size);
	assert_null(interfaces_at(t, &e, FT_KIND_VRF, 3, 5000));
	free(t);
}

static void
the_administrators_file_goes_before_the_exporter(void **state)
{
	char path[128];
	(void)state;
	snprintf(path, sizeof path, "%s/file", folder);
	FILE *f = fopen(path, "w");
	fputs("# names\n192.0.2.1 3 \"wan 1\" 10G \"to the provider\"\n\n192.0.2.2 9 - 100M\n", f);
	fclose(f);
	assert_int_equal(interfaces_file(&x, path, &err), 0);
	assert_true(tell(router, 3, INT64_MAX, "Gi0/1", NULL, 5, FT_FROM_EXPORTER));
	assert_string_equal(then(router, 3, INT64_MAX), "wan 1|to the provider|10000000000|none");
	assert_string_equal(then(other, 9, 0), "||100000000|none");
	f = fopen(path, "w");
	fputs("192.0.2.1 x name\n", f);
	fclose(f);
	assert_int_equal(interfaces_file(&x, path, &err), FT_EINVAL);
	assert_non_null(strstr(err.text, "line 1: the index is no number"));
	/* it is no longer in the file: the exporter's word counts */
	assert_true(tell(router, 3, INT64_MAX, "Gi0/1", NULL, 0, FT_FROM_EXPORTER));
	assert_string_equal(then(router, 3, INT64_MAX), "Gi0/1||0|none");
	assert_int_equal(interfaces_file(&x, "/nonexistent/file", &err), FT_ESYS);
}

static void
names_read_by_snmp_go_before_the_exporters(void **state)
{
	json_t *put = json_pack("{s:s, s:s, s:i, s:[{s:i, s:s, s:s, s:i}, {s:i, s:s, s:i}]}", "do", "put",
		"exporter", "192.0.2.1", "at_us", 1000, "interfaces", "index", 3, "name", "ge-0/0/3",
		"description", "uplink", "speed", 1000000000, "index", 4, "name", "x", "speed", 0);
	(void)state;
	tell(router, 3, 500, "if3", NULL, 0, FT_FROM_EXPORTER);
	json_t *answer = interfaces_control(&x, put, &err);
	assert_non_null(answer);
	json_decref(answer);
	assert_true(tell(router, 3, 2000, "if3", NULL, 0, FT_FROM_EXPORTER));
	assert_string_equal(then(router, 3, 3000), "ge-0/0/3|uplink|1000000000|none");
	assert_string_equal(then(router, 3, 999), "if3||0|none");
	assert_string_equal(then(router, 4, 0), "x||0|none");
	uint64_t version = atomic_load(&x.t->version);
	interfaces_forget(&x, other, no_guid);
	answer = interfaces_control(&x, put, &err);
	json_decref(answer);
	json_object_del(put, "at_us");
	assert_null(interfaces_control(&x, put, &err));
	json_decref(put);
	assert_true(atomic_load(&x.t->version) == version);
	interfaces_forget(&x, router, no_guid);
	assert_string_equal(then(router, 3, 3000), "-");
	again();
	assert_string_equal(then(router, 3, 3000), "-");
}

static uint32_t
rule(uint8_t role, uint8_t by, const char *pattern, const uint8_t *who, uint32_t index)
{
	struct role_rule r = {.role = role, .by = by, .one_exporter = who != NULL, .index = index};
	if (who)
		memcpy(r.address, who, 16);
	if (pattern)
		snprintf(r.pattern, sizeof r.pattern, "%s", pattern);
	if (by == ROLE_BY_SPEED)
		assert_true(role_speed(pattern, &r.speed_from, &r.speed_to));
	assert_int_equal(interfaces_rule_add(&x, &r, &err), 0);
	return r.number;
}

static void
rules_say_what_is_external(void **state)
{
	(void)state;
	tell(router, 1, 1000, "ge-0/0/1", "ISP one", 1000000000, FT_FROM_EXPORTER);
	tell(router, 2, 1000, "ge-0/0/2", "lan", 10000000000, FT_FROM_EXPORTER);
	tell(other, 1, 1000, "eth1", "", 100000000, FT_FROM_EXPORTER);
	(void)rule(FT_ROLE_EXTERNAL, ROLE_BY_DESCRIPTION, "isp*", NULL, 0);
	uint32_t all = rule(FT_ROLE_INTERNAL, ROLE_BY_NAME, "GE-?/0/*", router, 0);
	(void)rule(FT_ROLE_EXTERNAL, ROLE_BY_SPEED, "10M-1G", NULL, 0);
	(void)rule(FT_ROLE_EXTERNAL, ROLE_BY_HAND, NULL, router, 77); /* nobody has told of it */
	for (int pass = 0; pass < 2; pass++, again()) {
		assert_string_equal(then(router, 1, 0), "ge-0/0/1|ISP one|1000000000|external");
		assert_string_equal(then(router, 2, 0), "ge-0/0/2|lan|10000000000|internal");
		assert_string_equal(then(other, 1, 0), "eth1||100000000|external");
		assert_string_equal(then(router, 77, 0), "||0|external");
	}
	/* by hand goes before; once more replaces; a name that comes later finds the rules */
	(void)rule(FT_ROLE_EXTERNAL, ROLE_BY_HAND, NULL, router, 2);
	assert_string_equal(then(router, 2, 0), "ge-0/0/2|lan|10000000000|external");
	(void)rule(FT_ROLE_UNKNOWN, ROLE_BY_HAND, NULL, router, 2);
	assert_string_equal(then(router, 2, 0), "ge-0/0/2|lan|10000000000|none");
	tell(router, 5, 1000, "ge-1/0/0", NULL, 0, FT_FROM_EXPORTER);
	assert_string_equal(then(router, 5, 0), "ge-1/0/0||0|internal");
	assert_int_equal(interfaces_rule_forget(&x, all, &err), 0);
	assert_int_equal(interfaces_rule_forget(&x, all, &err), FT_ENOENT);
	assert_string_equal(then(router, 5, 0), "ge-1/0/0||0|none");
}

static void
versions_exporters_and_the_table_are_bounded(void **state)
{
	char name[16];
	(void)state;
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "if%d", i);
		assert_true(tell(router, 1, 1000 + i, name, NULL, 0, FT_FROM_EXPORTER));
	}
	assert_int_equal(x.t->count, FT_INTERFACE_VERSIONS);
	assert_string_equal(then(router, 1, 1019), "if19||0|none");
	assert_string_equal(then(router, 1, 1012), "if12||0|none");
	unsigned taken = 0;
	for (uint32_t i = 2; i < 40; i++)
		taken += tell(router, i, 1000, "x", NULL, 0, FT_FROM_EXPORTER);
	assert_int_equal(taken + FT_INTERFACE_VERSIONS, CAPACITY / 2);
	again();
	assert_false(tell(router, 39, 1000, "x", NULL, 0, FT_FROM_EXPORTER));
	for (uint32_t i = 0; i < 40; i++)
		(void)tell(other, i, 1000, "y", NULL, 0, FT_FROM_FILE);
	assert_int_equal(x.t->count, CAPACITY);
	assert_string_equal(then(other, 5, 0), "y||0|none");
}

static void
a_reader_does_not_take_what_is_being_written(void **state)
{
	(void)state;
	tell(router, 1, 1000, "a", NULL, 0, FT_FROM_EXPORTER);
	atomic_fetch_add(&x.t->version, 1); /* as a writer that was killed leaves it */
	assert_null(interfaces_copy(x.t, x.shm.size));
	again(); /* the next start of ingest puts it right */
	assert_string_equal(then(router, 1, 0), "a||0|none");
}

static void
labels_tell_of_a_change_within_the_frame(void **state)
{
	char out[128];
	(void)state;
	tell(router, 1, 1000, "old", NULL, 0, FT_FROM_EXPORTER);
	tell(router, 1, 2000, "new", NULL, 0, FT_FROM_EXPORTER);
	tell(other, 1, 1000, "eth0", "wan", 0, FT_FROM_EXPORTER);
	struct interfaces *t = interfaces_copy(x.t, x.shm.size);
	assert_true(interfaces_label(t, router, 1, 0, 2000, out, sizeof out));
	assert_string_equal(out, "old");
	assert_true(interfaces_label(t, router, 1, 2000, 3000, out, sizeof out));
	assert_string_equal(out, "new");
	assert_true(interfaces_label(t, router, 1, 1500, 2500, out, sizeof out));
	assert_string_equal(out, "new (before: old)");
	assert_true(interfaces_label(t, NULL, 1, 2000, 2500, out, sizeof out));
	assert_string_equal(out, "192.0.2.1 new, 192.0.2.2 eth0");
	assert_false(interfaces_label(t, router, 2, 0, 9000, out, sizeof out));
	assert_true(interfaces_has(t, other, 1, 0, 9000, "W*"));
	assert_false(interfaces_has(t, router, 1, 2000, 3000, "old"));
	free(t);
}

static void
patterns(void **state)
{
	(void)state;
	assert_true(glob_matches("*", "") && glob_matches("*", "x") && glob_matches("a*c", "abbc"));
	assert_true(glob_matches("G?0/*", "gi0/12") && glob_matches("*/1", "a/1/1"));
	assert_false(glob_matches("", "x") || glob_matches("?", "") || glob_matches("a*b", "abc"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_index_has_the_name_of_the_time, up, down),
		cmocka_unit_test_setup_teardown(what_a_datagram_tells_is_written_in_one_go, up, down),
		cmocka_unit_test_setup_teardown(what_is_told_all_the_time_is_written_seldom, up, down),
		cmocka_unit_test_setup_teardown(a_kill_loses_nothing_that_readers_saw, up, down),
		cmocka_unit_test_setup_teardown(a_vrf_is_no_interface_of_that_index, up, down),
		cmocka_unit_test_setup_teardown(the_administrators_file_goes_before_the_exporter, up, down),
		cmocka_unit_test_setup_teardown(names_read_by_snmp_go_before_the_exporters, up, down),
		cmocka_unit_test_setup_teardown(rules_say_what_is_external, up, down),
		cmocka_unit_test_setup_teardown(versions_exporters_and_the_table_are_bounded, up, down),
		cmocka_unit_test_setup_teardown(a_reader_does_not_take_what_is_being_written, up, down),
		cmocka_unit_test_setup_teardown(labels_tell_of_a_change_within_the_frame, up, down),
		cmocka_unit_test(patterns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
