/*
 * Views against a naive evaluator: random slices in random blocks, every entity by every count in every
 * direction, with random filters, user filters, frames and series.  Seeds are fixed and printed on failure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/codec.h"
#include "queryd/engine_internal.h"
#include "queryd/kernel.h"
#include "tests/unit/blockseal.h"
#include "tests/unit/query_naive.h"

static const char *const entities[] = {"IP", "IPPAIR", "PORTPROTO", "SRCPORT", "DSTPORT", "PROTO", "APP",
	"QOS", "TCPFLAGS", "IF", "IFPAIR", "EXPORTER", "EXPIF", "EXPIFPAIR", "COUNTRY", "COUNTRYPAIR", "VLAN",
	"VLANPAIR", "ASN", "ASNPAIR", "NETBLOCK", "NETBLOCKPAIR", "GROUP", "GROUPPAIR", "MAC", "MACPAIR",
	"SERVICE", "CLIENTSERVICE", "GUID"};
static const char *const counts[] = {"BYTES", "BITS", "PACKETS", "SESSIONS", "UPDATES", "UNIQUE IP",
	"UNIQUE PORTPROTO", "UNIQUE QOS", "UNIQUE TCPFLAGS", "UNIQUE IF", "UNIQUE COUNTRY", "UNIQUE VLAN",
	"UNIQUE ASN", "UNIQUE MAC", "UNIQUE NETBLOCK", "UNIQUE GROUP"};
enum { ENTITIES = sizeof entities / sizeof entities[0], COUNTS = sizeof counts / sizeof counts[0] };

static struct services *services;

struct world {
	struct corpus corpus;
	struct blockgen *block;
	uint32_t blocks;
	struct blockgen_source source;
};

static void
world_open(struct world *w, struct dice *d, uint32_t sessions)
{
	corpus_make(&w->corpus, d, sessions);
	w->block = calloc(w->corpus.n + 1, sizeof *w->block);
	w->blocks = 0;
	for (uint32_t at = 0; at < w->corpus.n;) {
		uint32_t rows = 1 + dice_below(d, dice_below(d, 2) ? 64 : 400);
		blockgen_open(&w->block[w->blocks], w->blocks, rows);
		for (uint32_t i = 0; i < rows && at < w->corpus.n; i++)
			blockgen_add(&w->block[w->blocks], &w->corpus.slice[at++]);
		if (dice_below(d, 3) != 0)
			blockseal(&w->block[w->blocks]);
		w->blocks++;
	}
	blockgen_source_open(&w->source, w->block, w->blocks, true);
}

static void
world_close(struct world *w)
{
	blockgen_source_close(&w->source);
	for (uint32_t i = 0; i < w->blocks; i++)
		blockgen_close(&w->block[i]);
	free(w->block);
	corpus_free(&w->corpus);
}

static uint64_t
number(json_t *o, const char *name)
{
	json_t *v = json_object_get(o, name);
	assert_non_null(v);
	return (uint64_t)json_integer_value(v);
}

struct question {
	char what[4000];
	uint64_t seed;
};
#define SAME(q, a, b, name)                                                                                  \
	do {                                                                                                 \
		uint64_t a_ = (a), b_ = (b);                                                                 \
		if (a_ != b_)                                                                                \
			fail_msg("seed %llu: %s: %s is %llu, not %llu", (unsigned long long)(q)->seed,       \
				(q)->what, name, (unsigned long long)a_, (unsigned long long)b_);            \
	} while (0)

static void
same_row(const struct question *q, json_t *row, const struct naive_row *want, uint32_t slots)
{
	json_t *key = json_object_get(row, "key");
	const char *a =
		json_is_array(key) ? json_string_value(json_array_get(key, 0)) : json_string_value(key);
	const char *b = json_is_array(key) ? json_string_value(json_array_get(key, 1)) : "";
	if (strcmp(a, want->key[0]) || strcmp(b, want->key[1]))
		fail_msg("seed %llu: %s: row %s %s, not %s %s (values %llu, %llu)",
			(unsigned long long)q->seed, q->what, a, b, want->key[0], want->key[1],
			(unsigned long long)number(row, "value"), (unsigned long long)want->value);
	SAME(q, number(row, "value"), want->value, a);
	SAME(q, number(row, "bytes_sent"), want->bytes[0], "bytes_sent");
	SAME(q, number(row, "bytes_received"), want->bytes[1], "bytes_received");
	SAME(q, number(row, "packets_sent"), want->packets[0], "packets_sent");
	SAME(q, number(row, "packets_received"), want->packets[1], "packets_received");
	SAME(q, number(row, "sessions_initiated"), want->sessions[0], "sessions_initiated");
	SAME(q, number(row, "sessions_accepted"), want->sessions[1], "sessions_accepted");
	json_t *series = json_object_get(row, "series");
	uint64_t sum = 0;
	for (uint32_t i = 0; i < slots; i++) {
		uint64_t v = (uint64_t)json_integer_value(json_array_get(series, i));
		SAME(q, v, want->series[i], "a slot");
		sum += v;
	}
	if (slots)
		SAME(q, sum, want->value, "the sum of the series");
}

static void
compare(const struct question *q, json_t *answer, const struct naive *want, const struct query_spec *spec)
{
	json_t *rows = json_object_get(answer, "rows"), *total = json_object_get(answer, "total"),
	       *other = json_object_get(answer, "other");
	SAME(q, number(total, "sessions"), want->sessions, "total sessions");
	SAME(q, number(total, "bytes"), want->bytes, "total bytes");
	SAME(q, number(total, "packets"), want->packets, "total packets");
	SAME(q, number(total, "flows"), want->flows, "total flows");
	uint32_t offset = spec->offset < want->rows ? spec->offset : want->rows;
	uint32_t shown = want->rows - offset < spec->rows ? want->rows - offset : spec->rows;
	for (uint32_t i = 0; i < shown && i < json_array_size(rows); i++)
		same_row(q, json_array_get(rows, i), &want->row[offset + i], spec->slots);
	SAME(q, json_array_size(rows), shown, "rows");
	SAME(q, number(other, "count"), want->rows - shown, "other entities");
	if (strncmp(spec->count, "UNIQUE", 6) == 0)
		return;
	uint64_t rest = 0, slot[16] = {0};
	for (uint32_t i = 0; i < want->rows; i++)
		if (i < offset || i >= offset + shown) {
			rest += want->row[i].value;
			for (uint32_t k = 0; k < spec->slots; k++)
				slot[k] += want->row[i].series[k];
		}
	SAME(q, number(other, "value"), rest, "other's value");
	for (uint32_t k = 0; k < spec->slots; k++)
		SAME(q, (uint64_t)json_integer_value(json_array_get(json_object_get(other, "series"), k)),
			slot[k], "other's slot");
}

struct plan {
	const char *entity, *count;
	enum query_direction direction;
	bool filter, user, session_tests, frame;
};

static void
ask(struct world *w, struct dice *d, uint64_t seed, const struct plan *p)
{
	static char text[8192], user_text[8192];
	struct question q = {.seed = seed};
	struct fnode *f = p->filter ? fnode_random(d, 2, p->session_tests) : NULL;
	struct fnode *u = p->user ? fnode_random(d, 1, p->session_tests) : NULL;
	struct naive_query nq = {
		.entity = p->entity, .count = p->count, .direction = p->direction, .user = u, .filter = f};
	struct query_context c = {.memory = 1u << 30, .threads = 1 + dice_below(d, 3)};
	struct query_spec spec = {
		.exporter_if = -1, .entity = p->entity, .count = p->count, .direction = p->direction};
	struct naive want;
	struct err err = {0};
	json_t *answer = NULL;
	text[0] = user_text[0] = 0;
	if (f)
		fnode_text(f, text, sizeof text);
	if (u)
		fnode_text(u, user_text, sizeof user_text);
	int64_t all = w->corpus.to - w->corpus.from;
	nq.from = w->corpus.from;
	nq.to = w->corpus.to;
	if (p->frame) {
		nq.from += (int64_t)(dice_next(d) % (uint64_t)all);
		nq.to = nq.from + 1 +
			(int64_t)(dice_next(d) % (uint64_t)(dice_below(d, 2) ? all : all / 20 + 1));
	}
	nq.slots = dice_below(d, 2) ? 1 + dice_below(d, 16) : 0;
	spec.from_us = nq.from;
	spec.to_us = nq.to;
	spec.slots = nq.slots;
	spec.filter = text;
	spec.user_filter = u ? user_text : NULL;
	spec.rows = dice_below(d, 3) ? 1000 : 1 + dice_below(d, 8);
	spec.offset = dice_below(d, 4) ? 0 : dice_below(d, 5);
	snprintf(q.what, sizeof q.what,
		"%s by %s, direction %d, filter %.1500s, user filter %.1500s, frame %lld-%lld, slots %u",
		p->entity, p->count, (int)p->direction, text, user_text, (long long)nq.from, (long long)nq.to,
		nq.slots);
	naive_run(&want, &w->corpus, &nq);
	if (run_view(&w->source.source, services, &c, &spec, &answer, &err) != 0)
		fail_msg("seed %llu: %s: %s", (unsigned long long)seed, q.what, err.text);
	compare(&q, answer, &want, &spec);
	json_decref(answer);
	naive_free(&want);
	fnode_free(f);
	fnode_free(u);
}

static void
every_entity_by_every_count_in_every_direction(void **state)
{
	(void)state;
	for (uint64_t round = 0; round < 2; round++) {
		struct dice d = {1000 + round};
		struct world w;
		world_open(&w, &d, 150);
		for (unsigned e = 0; e < ENTITIES; e++)
			for (unsigned k = 0; k < COUNTS; k++)
				for (int dir = 0; dir < 3; dir++) {
					struct plan p = {entities[e], counts[k], (enum query_direction)dir,
						false, false, false, round > 0};
					ask(&w, &d, 1000 + round, &p);
				}
		world_close(&w);
	}
}

static void
random_filters_frames_and_user_filters(void **state)
{
	(void)state;
	uint64_t seeds = getenv("FT_SOAK") ? 250 : 40; /* of 40 questions each */
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		struct dice d = {seed};
		struct world w;
		codec_scalar = kernel_scalar = seed % 4 == 0; /* the twins say the same */
		world_open(&w, &d, 20 + dice_below(&d, 150));
		for (unsigned i = 0; i < 40; i++) {
			struct plan p = {entities[dice_below(&d, ENTITIES)],
				counts[dice_below(&d, 2) ? dice_below(&d, 5) : dice_below(&d, COUNTS)],
				(enum query_direction)dice_below(&d, 3), true, dice_below(&d, 3) == 0,
				dice_below(&d, 2) == 0, dice_below(&d, 3) != 0};
			ask(&w, &d, seed, &p);
		}
		world_close(&w);
	}
	codec_scalar = kernel_scalar = false;
}

int
main(void)
{
	char path[] = "/tmp/query_test.XXXXXX";
	int fd = mkstemp(path);
	static const char text[] = "# test\ndomain 53/tcp\ndomain 53/udp\nhttp 80/tcp www # web\n";
	if (fd < 0 || write(fd, text, sizeof text - 1) != (ssize_t)sizeof text - 1)
		return 1;
	close(fd);
	services = services_read(path);
	unlink(path);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_entity_by_every_count_in_every_direction),
		cmocka_unit_test(random_filters_frames_and_user_filters),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	services_free(services);
	return rc;
}
