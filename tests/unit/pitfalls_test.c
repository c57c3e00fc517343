/*
 * pitfalls_test.c - what real exporters do and real collectors got wrong, from the datagram to the session where it
 * takes both.  Numbers are those of docs/interop.md.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "ingest/interface.h"
#include "tests/unit/tracker_world.h"
#include "tests/unit/decode_world.h"

static struct world w_tracker;
static uint32_t now_s; /* the firewall's clock, since the beginning */

static int
up_both(void **state)
{
	world_open(&w_tracker, 64, 256, 256);
	now_s = 0;
	return up(state);
}

static int
down_both(void **state)
{
	world_close(&w_tracker);
	return down(state);
}

/* all that was decoded goes to the tracker */
static void
track(void)
{
	for (unsigned i = 0; i < t.flows; i++)
		world_push(&w_tracker, &t.flow[i].f, t.flow[i].f.bits & FT_FLOW_EXT ? &t.flow[i].x : NULL);
	t.flows = 0;
	world_run(&w_tracker);
}

struct sums {
	uint64_t client_bytes, server_bytes, client_packets, server_packets;
	unsigned sessions;
};

/* of all slices so far */
static struct sums
sum(void)
{
	struct sums s = {0};
	world_flush(&w_tracker, false);
	for (size_t i = 0; i < w_tracker.n; i++) {
		const struct ft_slice *p = &w_tracker.got[i].s;
		s.client_bytes += p->client_bytes;
		s.server_bytes += p->server_bytes;
		s.client_packets += p->client_packets;
		s.server_packets += p->server_packets;
		s.sessions += p->state & FT_SLICE_FIRST;
	}
	return s;
}

/* ---- 7: times relative to the uptime ------------------------------------------------------------ */

static const uint16_t by_uptime[][2] = {{8, 4}, {12, 4}, {1, 4}, {22, 4}, {21, 4}};

static const struct ft_flow *
uptime_flow(uint32_t uptime, uint32_t first, uint32_t last)
{
	static uint32_t sequence;
	struct wire w = {0};
	w_v9_header(&w, uptime, SECS, sequence++, 7), TEACH(&w, 256, by_uptime);
	unsigned at = w_set(&w, 256);
	w32(&w, 1), w32(&w, 2), w32(&w, 100), w32(&w, first), w32(&w, last);
	w_set_end(&w, at);
	t.flows = 0;
	feed(&w);
	assert_int_equal(t.flows, 1);
	return &t.flow[0].f;
}

static void
uptime_stamps_are_signed_differences(void **state)
{
	(void)state;
	/* the uptime wrapped at 49.7 days while the flow ran */
	const struct ft_flow *f = uptime_flow(3000, UINT32_MAX - 1999, 1000);
	assert_int_equal(f->first_us, (SECS - 5) * S);
	assert_int_equal(f->last_us, (SECS - 2) * S);
	/* stamps a little after the header's: not 49.7 days ago (Juniper) */
	f = uptime_flow(66892000, 66891500, 66892160);
	assert_int_equal(f->first_us, SECS * S - 500000);
	assert_int_equal(f->last_us, SECS * S + 160000);
	/* first and last interchanged */
	f = uptime_flow(50000, 49000, 40000);
	assert_int_equal(f->first_us, (SECS - 10) * S);
	assert_int_equal(f->last_us, (SECS - 1) * S);
	/* no times at all (some firewalls): the export's, and it is told that they are */
	f = uptime_flow(50000, 0, 0);
	assert_int_equal(f->first_us, SECS * S);
	assert_true(f->bits & FT_FLOW_NOTIME);
}

/* ---- 11: options joined to what they are about -------------------------------------------------- */

static struct kv *kv;
static char folder[64];

static void
open_learn(void)
{
	struct err err;
	unsigned db;
	snprintf(folder, sizeof folder, "/tmp/ft-pitfalls-test.XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(learn_open(&kv, &db, folder, &err), 0);
	t.learn = (struct learn){.kv = kv, .db = db, .port = 2055, .batch = 1};
}

static void
close_learn(void)
{
	char path[96];
	learn_close(&t.learn);
	t.learn = (struct learn){0};
	kv_close(kv);
	snprintf(path, sizeof path, "%s/ingest.lmdb", folder);
	(void)unlink(path);
	snprintf(path, sizeof path, "%s/ingest.lmdb-lock", folder);
	(void)unlink(path);
	(void)rmdir(folder);
}

struct look {
	uint64_t sub;
	const char *text;
	unsigned found;
};

static int
look_at(void *ctx, const struct learn_key *key, const uint8_t *value, size_t n)
{
	struct look *l = ctx;
	l->found += key->sub == l->sub && n == strlen(l->text) && memcmp(value, l->text, n) == 0;
	return 0;
}

/* is `text` known of application `sub`? */
static bool
learnt(uint64_t sub, const char *text)
{
	struct look l = {sub, text, 0};
	struct err err;
	assert_int_equal(learn_flush(&t.learn, &err), 0);
	assert_int_equal(learn_each(&t.learn, LEARN_OPTION, look_at, &l, &err), 0);
	return l.found > 0;
}

static void
text(struct wire *w, const char *s, unsigned n)
{
	unsigned have = (unsigned)strlen(s);
	w_bytes(w, s, have < n ? have : n);
	for (unsigned i = have; i < n; i++)
		w8(w, 0);
}

/* v9: lengths of scope and options in bytes; several templates and several records in a set */
static void
options_of_v9(struct wire *w)
{
	unsigned at = w_set(w, 1);
	w16(w, 400), w16(w, 4), w16(w, 8); /* scope interface: name, description */
	w16(w, 2), w16(w, 4), w16(w, 82), w16(w, 4), w16(w, 83), w16(w, 12);
	w16(w, 401), w16(w, 4), w16(w, 12); /* scope system: application, name, description */
	w16(w, 1), w16(w, 4), w16(w, 95), w16(w, 9), w16(w, 96), w16(w, 8), w16(w, 94), w16(w, 8);
	w_set_end(w, at);
	at = w_set(w, 400);
	w32(w, 7), text(w, "Gi07", 4), text(w, "to the core", 12);
	w32(w, 8), text(w, "Gi08", 4), text(w, "twelve bytes", 12); /* no NUL */
	w_set_end(w, at);
	at = w_set(w, 401); /* RFC 6759: engine 20 has an enterprise number before the selector */
	w32(w, 1), w8(w, 20), w32(w, 9), w32(w, 0x01020304), text(w, "webex", 8), text(w, "meetings", 8);
	w_set_end(w, at);
}

static struct {
	uint8_t kind;
	uint32_t index;
	char name[5], description[16];
} told[4];
static unsigned tolds;

static bool
on_interface(void *ctx, const struct message *m, struct interface_says *says)
{
	(void)ctx, (void)m;
	assert_true(tolds < 4);
	told[tolds].kind = says->kind;
	told[tolds].index = says->index;
	snprintf(told[tolds].name, sizeof told[0].name, "%.*s", (int)says->name_n, (const char *)says->name);
	snprintf(told[tolds].description, sizeof told[0].description, "%.*s", (int)says->description_n,
		(const char *)says->description);
	tolds++;
	return true;
}

static void
options_are_joined_to_what_they_are_about(void **state)
{
	static const uint16_t with_app[][2] = {{8, 4}, {12, 4}, {95, 9}, {10, 4}};
	const uint64_t app = UINT64_C(20) << 56 | (UINT64_C(9) << 32 | 0x01020304);
	struct wire w = {0}, x = {0};
	(void)state;
	open_learn();
	t.d.sink.interface = on_interface;
	w_v9_header(&w, UPTIME, SECS, 0, 3), options_of_v9(&w), TEACH(&w, 256, with_app);
	unsigned at = w_set(&w, 256);
	w32(&w, 1), w32(&w, 2), w8(&w, 20), w32(&w, 9), w32(&w, 0x01020304), w32(&w, 7);
	w_set_end(&w, at);
	feed(&w);
	assert_int_equal(t.troubles, 0);
	assert_int_equal(t.table[0].options, 3);
	assert_int_equal(tolds, 2);
	assert_int_equal(told[0].index, 7);
	assert_string_equal(told[0].name, "Gi07");
	assert_string_equal(told[0].description, "to the core");
	assert_int_equal(told[1].index, 8);
	assert_string_equal(told[1].name, "Gi08");
	assert_string_equal(told[1].description, "twelve bytes"); /* fills its field: no NUL */
	assert_int_equal(t.flow[0].x.app, app);
	assert_true(learnt(app, "webex") && learnt(app, "meetings"));
	/* IPFIX: numbers of fields, variable lengths, VRF by its id */
	w_ipfix_header(&x, SECS, 0, 3);
	at = w_set(&x, 3);
	w16(&x, 410), w16(&x, 2), w16(&x, 1), w16(&x, 234), w16(&x, 4), w16(&x, 236), w16(&x, 65535);
	w_set_end(&x, at);
	at = w_set(&x, 410);
	w32(&x, 5), w8(&x, 4), text(&x, "blue", 4), w32(&x, 6), w8(&x, 255), w16(&x, 3), text(&x, "red", 3);
	w_set_end(&x, at), w_ipfix_end(&x);
	feed(&x);
	assert_int_equal(tolds, 4);
	for (unsigned i = 2; i < 4; i++) {
		assert_int_equal(told[i].kind, FT_KIND_VRF);
		assert_int_equal(told[i].index, 3 + i);
		assert_string_equal(told[i].name, i == 2 ? "blue" : "red");
	}
	assert_int_equal(t.troubles, 0);
	close_learn();
}

/* ---- 12: NSEL and NAT --------------------------------------------------------------------------- */

enum { CREATED = 1, DELETED = 2, DENIED = 3, UPDATED = 5 };

static const uint16_t made[][2] = {{8, 4}, {7, 2}, {12, 4}, {11, 2}, {4, 1}, {225, 4}, {226, 4}, {227, 2},
	{228, 2}, {233, 1}, {33002, 2}, {323, 8}, {152, 8}};
static const uint16_t counted[][2] = {{8, 4}, {7, 2}, {12, 4}, {11, 2}, {4, 1}, {225, 4}, {226, 4}, {227, 2},
	{228, 2}, {233, 1}, {33002, 2}, {323, 8}, {152, 8}, {231, 4}, {232, 4}, {298, 4}, {299, 4}};

static void
later(uint32_t seconds)
{
	now_s += seconds;
	t.arrived_us += seconds * S;
}

/* an event of connection 10.0.0.1:<port> -> 192.0.2.1:443 at `ms` */
static void
event(unsigned port, unsigned what, unsigned why, int64_t ms, uint32_t forth, uint32_t back)
{
	static uint32_t sequence;
	bool counts = what == DELETED || what == UPDATED;
	unsigned id = counts ? 257 : 256;
	struct wire w = {0};
	w_v9_header(&w, UPTIME + now_s * 1000, SECS + now_s, sequence++, 0), TEACH(&w, 256, made),
		TEACH(&w, 257, counted);
	unsigned at = w_set(&w, id);
	w32(&w, 0x0a000001), w16(&w, port), w32(&w, 0xc0000201), w16(&w, 443), w8(&w, 6), w32(&w, 0xcb007101),
		w32(&w, 0xc0000201), w16(&w, 60000), w16(&w, 443), w8(&w, what), w16(&w, why);
	w64(&w, (uint64_t)(SECS * INT64_C(1000) + ms)), w64(&w, SECS * UINT64_C(1000));
	if (counts)
		w32(&w, forth), w32(&w, back), w32(&w, forth / 100), w32(&w, back / 100);
	w_set_end(&w, at);
	feed(&w);
	track();
}

static void
updates_and_teardown_are_not_counted_twice(void **state)
{
	(void)state;
	event(1000, CREATED, 0, 0, 0, 0);
	event(1000, UPDATED, 0, 60000, 1000, 5000);
	event(1000, UPDATED, 0, 120000, 2000, 7000);
	event(1000, UPDATED, 2032, 130000, 100, 0); /* at teardown: the last interval's */
	event(1000, DELETED, 2032, 130000, 3100, 12000);
	struct sums s = sum();
	assert_int_equal(s.sessions, 1);
	assert_int_equal(s.client_bytes, 3100);
	assert_int_equal(s.server_bytes, 12000);
	assert_int_equal(s.client_packets, 31);
	assert_int_equal(s.server_packets, 120);
	/* an update was lost: the teardown knows better */
	event(1001, CREATED, 0, 0, 0, 0);
	event(1001, UPDATED, 0, 60000, 1000, 5000);
	event(1001, DELETED, 2030, 130000, 4000, 12000);
	assert_int_equal(sum().client_bytes, 3100 + 4000);
	/* the last update comes after the teardown */
	event(1001, UPDATED, 2030, 130000, 3000, 7000);
	assert_int_equal(sum().client_bytes, 3100 + 4000);
	assert_int_equal(sum().server_bytes, 12000 + 12000);
	/* a short connection: the teardown alone */
	event(1002, DELETED, 2030, 5000, 700, 800);
	s = sum();
	assert_int_equal(s.sessions, 3);
	assert_int_equal(s.client_bytes, 3100 + 4000 + 700);
	/* another connection between the same ends that the firewall does not tell apart (pings) */
	event(1002, DELETED, 2030, 5000, 700, 800);
	assert_int_equal(sum().client_bytes, 3100 + 4000 + 700 + 700);
	event(1002, UPDATED, 0, 9000, 70, 0);
	assert_int_equal(sum().client_bytes, 3100 + 4000 + 700 + 700 + 70);
	/* less than the updates said: no total, what is new (other vendors) */
	event(1003, UPDATED, 0, 60000, 1000, 1000);
	event(1003, DELETED, 0, 65000, 50, 0);
	assert_int_equal(sum().client_bytes, 3100 + 4000 + 700 + 700 + 70 + 1050);
	assert_int_equal(sum().server_bytes, 12000 + 12000 + 800 + 800 + 1000);
}

static void
a_connection_that_is_cut_for_its_length_is_not_counted_twice(void **state)
{
	(void)state;
	w_tracker.set.toolong_s = 100;
	event(1000, CREATED, 0, 0, 0, 0);
	event(1000, UPDATED, 0, 60000, 1000, 5000);
	later(200);
	event(1000, UPDATED, 0, 260000, 2000, 7000);
	event(1000, DELETED, 2032, 261000, 3100, 12000);
	struct sums s = sum();
	assert_int_equal(s.sessions, 2);
	assert_int_equal(s.client_bytes, 3100);
	assert_int_equal(s.server_bytes, 12000);
}

static void
events_without_counters_make_sessions(void **state)
{
	(void)state;
	event(2000, CREATED, 0, 0, 0, 0);
	event(2001, DENIED, 1001, 10, 0, 0);
	event(2001, DENIED, 1002, 20, 0, 0);
	struct sums s = sum();
	assert_int_equal(s.sessions, 3);
	assert_int_equal(s.client_bytes + s.server_bytes, 0);
	unsigned denied = 0, created = 0;
	for (size_t i = 0; i < w_tracker.n; i++) {
		const struct got *g = &w_tracker.got[i];
		denied += g->x.nsel_event == DENIED && g->x.nsel_ext_event >= 1001;
		created += g->x.nsel_event == CREATED;
		assert_int_equal(g->s.rule, FT_RULE_EXPORTER);
		assert_int_equal(g->s.client_port / 10, 200);
		assert_int_equal(g->x.nat_client_port, 60000);
		assert_int_equal(g->x.nat_client[12], 203);
	}
	assert_int_equal(denied, 2);
	assert_int_equal(created, 1);
}

static void
a_teardown_lasts_from_creation_to_its_event(void **state)
{
	(void)state;
	event(3000, DELETED, 2030, 9000, 1, 1);
	(void)sum();
	assert_int_equal(w_tracker.got[0].s.first_us, SECS * S);
	assert_int_equal(w_tracker.got[0].s.last_us, (SECS + 9) * S);
}

/* ---- 18: huge values ---------------------------------------------------------------------------- */

static void
counters_beyond_32_bits_stay_whole(void **state)
{
	static const uint16_t wide[][2] = {{8, 4}, {12, 4}, {1, 8}, {2, 8}, {34, 4}};
	struct wire w = {0}, x = {0};
	(void)state;
	/* v5 has 32 bits, but not what its rate makes of them */
	w_v5_header(&w, 2, UPTIME, SECS, 0);
	w_fix16(&w, 22, 0x4000 | 16383);
	w_v5_record(&w, 0x0a000001, 0xc0000201, 0, 1000, 443, UINT32_MAX, UINT32_MAX, UPTIME - 10, UPTIME);
	w_v5_record(&w, 0x0a000001, 0xc0000201, 0, 1000, 443, UINT32_MAX, UINT32_MAX, UPTIME - 5, UPTIME);
	feed(&w);
	assert_int_equal(t.flow[0].f.bytes, UINT32_MAX);
	assert_int_equal(t.flow[0].f.sampling, 16383);
	track();
	assert_true(sum().client_bytes == UINT64_C(2) * UINT32_MAX * 16383);
	/* more than a million packets and 2 GB in one record (MikroTik); what can't be multiplied is kept as large as can be */
	w_v9_header(&x, UPTIME, SECS, 0, 1), TEACH(&x, 256, wide);
	unsigned at = w_set(&x, 256);
	w32(&x, 0x0a000003), w32(&x, 0x0a000004), w64(&x, UINT64_C(3000000000)), w64(&x, 2000000), w32(&x, 1);
	w32(&x, 0x0a000005), w32(&x, 0x0a000006), w64(&x, UINT64_MAX), w64(&x, 1), w32(&x, 1000);
	w_set_end(&x, at);
	feed(&x);
	assert_true(t.flow[0].f.bytes == UINT64_C(3000000000));
	assert_int_equal(t.flow[0].f.packets, 2000000);
	track();
	(void)sum();
	assert_true(w_tracker.got[w_tracker.n - 1].s.client_bytes == UINT64_MAX ||
		    w_tracker.got[w_tracker.n - 2].s.client_bytes == UINT64_MAX);
}

#define TEST(sentence, f)                                                                                    \
	{                                                                                                    \
		sentence, f, up_both, down_both, NULL                                                        \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("pitfall 7: uptime stamps are signed differences", uptime_stamps_are_signed_differences),
		TEST("pitfall 11: options are joined to what they are about",
			options_are_joined_to_what_they_are_about),
		TEST("pitfall 12: updates and teardown are not counted twice",
			updates_and_teardown_are_not_counted_twice),
		TEST("pitfall 12: nor when a long connection is cut in two",
			a_connection_that_is_cut_for_its_length_is_not_counted_twice),
		TEST("pitfall 12: events without counters make sessions",
			events_without_counters_make_sessions),
		TEST("pitfall 12: a teardown lasts from creation to its event",
			a_teardown_lasts_from_creation_to_its_event),
		TEST("pitfall 18: counters beyond 32 bits stay whole", counters_beyond_32_bits_stay_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
