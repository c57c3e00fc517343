/*
 * learn_test.c - the file of what was learnt, against a model: changes in batches, flushed in the middle of datagrams, killed
 * before and after every step of a commit, taken back, and folded meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ingest/journal.h"
#include "ingest/learn.h"

enum { KEYS = 40, WAITING = 3000, DATAGRAMS = 4, BATCHES = 3000, PORT = 2055, INCARNATION = 9 };

struct model {
	uint32_t option[KEYS]; /* 0: none; else what its bytes begin with */
	bool waiting[WAITING];
};
static struct {
	struct kv *kv;
	unsigned db;
	struct learn l;
	struct model now, at[DATAGRAMS]; /* at the beginning of each datagram of the batch */
	unsigned from;                   /* where decoding would go on */
	uint32_t waited, seed;
	char folder[64];
} t;

static uint32_t
dice(uint32_t n)
{
	t.seed = t.seed * 1664525 + 1013904223;
	return (t.seed >> 8) % n;
}

static int
up(void **state)
{
	struct err err;
	(void)state;
	memset(&t, 0, sizeof t);
	t.seed = 4;
	snprintf(t.folder, sizeof t.folder, "/tmp/ft-learn-test.XXXXXX");
	if (mkdtemp(t.folder) == NULL || learn_open(&t.kv, &t.db, t.folder, &err) != 0)
		return 1;
	t.l = (struct learn){.kv = t.kv, .db = t.db, .port = PORT, .incarnation = INCARNATION, .batch = 1};
	return 0;
}

static int
down(void **state)
{
	char path[96];
	(void)state;
	learn_close(&t.l);
	kv_close(t.kv);
	snprintf(path, sizeof path, "%s/ingest.lmdb", t.folder);
	(void)unlink(path);
	snprintf(path, sizeof path, "%s/ingest.lmdb-lock", t.folder);
	(void)unlink(path);
	return rmdir(t.folder);
}

/* ---- the model -------------------------------------------------------------------------------- */

static struct learn_key
option(uint32_t i)
{
	return (struct learn_key){.kind = LEARN_OPTION, .exporter = i % 3, .sub = i};
}

static struct learn_key
waiting(uint32_t i)
{
	return (struct learn_key){.kind = LEARN_WAITING, .exporter = 1, .sub = i};
}

/* lengths follow from the value, so that what is replaced in place and what is not both occur */
static size_t
value_of(uint32_t v, uint8_t *bytes)
{
	size_t n = 4 + v % 7 + (v % 97 == 0 ? 4000 : 0);
	memset(bytes, (int)(v & 0xff), n);
	memcpy(bytes, &v, 4);
	return n;
}

static void
change(void)
{
	uint8_t bytes[8192];
	uint32_t i = dice(KEYS), v = 1 + dice(1000000);
	struct learn_key k = option(i);
	switch (dice(6)) {
	case 0:
		learn_del(&t.l, &k);
		t.now.option[i] = 0;
		break;
	case 1:
		if (t.waited == WAITING)
			break;
		k = waiting(t.waited);
		learn_put(&t.l, &k, bytes, value_of(t.waited, bytes));
		t.now.waiting[t.waited++] = true;
		break;
	case 2:
		for (i = 0; i < t.waited; i++)
			if (t.now.waiting[i] && dice(3) == 0) {
				k = waiting(i);
				learn_del(&t.l, &k);
				t.now.waiting[i] = false;
			}
		break;
	default:
		learn_put(&t.l, &k, bytes, value_of(v, bytes));
		t.now.option[i] = v;
	}
}

static int
look(void *ctx, const struct learn_key *key, const uint8_t *value, size_t n)
{
	struct model *m = ctx;
	uint8_t bytes[8192];
	uint32_t v;
	assert_true(n >= 4);
	memcpy(&v, value, 4);
	assert_int_equal(value_of(v, bytes), n);
	assert_memory_equal(bytes, value, n);
	if (key->kind == LEARN_OPTION) {
		assert_int_equal(m->option[key->sub], 0); /* once */
		m->option[key->sub] = v;
	} else {
		assert_false(m->waiting[key->sub]);
		m->waiting[key->sub] = true;
	}
	return 0;
}

static void
check(const struct model *want)
{
	static struct model have;
	struct err err;
	memset(&have, 0, sizeof have);
	assert_int_equal(learn_each(&t.l, LEARN_OPTION, look, &have, &err), 0);
	assert_int_equal(learn_each(&t.l, LEARN_WAITING, look, &have, &err), 0);
	assert_memory_equal(&have, want, sizeof have);
}

/* ---- kills ------------------------------------------------------------------------------------ */

static void
flush(void)
{
	struct err err;
	assert_int_equal(learn_flush(&t.l, &err), 0);
}

/* the process is gone, with what it had not written; the next one decodes from where the stage says */
static void
kill_and_start(bool unfinished)
{
	struct err err;
	uint64_t batch = t.l.batch;
	learn_close(&t.l);
	t.l = (struct learn){
		.kv = t.kv, .db = t.db, .port = PORT, .incarnation = INCARNATION, .batch = batch};
	assert_int_equal(learn_recover(&t.l, unfinished, t.from, &err), 0);
	if (unfinished)
		t.now = t.at[t.from];
	check(&t.now);
}

/* a batch of datagrams, or the rest of one.  false: it was killed */
static bool
batch(void)
{
	for (unsigned d = t.from; d < DATAGRAMS; d++) {
		t.l.datagram = d;
		t.at[d] = t.now;
		for (unsigned n = dice(12); n > 0; n--) {
			change();
			if (dice(10) != 0)
				continue;
			/* a ring is full: what there is commits, in the middle of the datagram */
			flush();
			bool committed = dice(20) != 0;
			if (committed)
				t.from = d;
			if (!committed || dice(20) == 0)
				return false;
		}
	}
	if (dice(30) == 0)
		return false; /* before it was written */
	flush();
	return dice(30) != 0; /* written, and the stage did not commit */
}

static void
killed_anywhere_it_knows_what_had_committed(void **state)
{
	unsigned kills = 0;
	(void)state;
	for (unsigned b = 0; b < BATCHES; b++) {
		if (!batch()) {
			kill_and_start(true);
			kills++;
			continue;
		}
		t.l.batch++;
		t.from = 0;
		check(&t.now);
		if (dice(50) == 0) {
			kill_and_start(false);
			kills++;
		}
	}
	print_message("%u batches, %u kills\n", BATCHES, kills);
	assert_true(kills > 100);
}

static void
what_could_not_be_written_is_forgotten(void **state)
{
	uint8_t bytes[8192];
	struct learn_key a = option(1), b = option(2);
	struct model want = {.option = {[1] = 1}};
	(void)state;
	learn_put(&t.l, &a, bytes, value_of(1, bytes));
	flush();
	t.l.batch++;
	learn_put(&t.l, &a, bytes, value_of(2, bytes));
	learn_put(&t.l, &b, bytes, value_of(3, bytes));
	learn_forget(&t.l);
	check(&want);
	t.now = want;
	kill_and_start(false);
}

static void
a_key_that_changes_all_the_time_is_written_seldom(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 200000; i++) {
		struct learn_key k = option(i % KEYS);
		learn_put(&t.l, &k, &i, sizeof i);
		t.l.datagram = i / 1000 % 50;
		if (i % 50000 == 49999) {
			flush();
			t.l.batch++;
		}
	}
	print_message(
		"200000 changes of %u keys: %llu values written\n", KEYS, (unsigned long long)t.l.writes);
	assert_true(t.l.writes < 1000);
}

static void
a_journal_does_not_outgrow_the_keys_that_change(void **state)
{
	enum { MANY = 20000 };
	size_t most = 0;
	(void)state;
	for (uint32_t i = 0; i < 50 * MANY; i++) {
		struct learn_key k = option(i % MANY);
		learn_put(&t.l, &k, &i, sizeof i);
		if (i % 1000 == 999) {
			flush();
			t.l.batch++;
			most = t.l.journal->bytes > most ? t.l.journal->bytes : most;
		}
	}
	print_message("%u changes of %u keys: %llu values written, the journal has at most %zu KB\n",
		50 * MANY, MANY, (unsigned long long)t.l.writes, most / 1000);
	assert_true(most < (size_t)MANY * 2 * change_bytes(4));
	assert_true(t.l.writes < 50 * MANY / 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(killed_anywhere_it_knows_what_had_committed, up, down),
		cmocka_unit_test_setup_teardown(what_could_not_be_written_is_forgotten, up, down),
		cmocka_unit_test_setup_teardown(a_key_that_changes_all_the_time_is_written_seldom, up, down),
		cmocka_unit_test_setup_teardown(a_journal_does_not_outgrow_the_keys_that_change, up, down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
