/*
 * bench_decode.c - nanoseconds of CPU to decode a record: NetFlow v5, v9 and IPFIX (25 fields, as routers send them),
 * and IPFIX with variable-length fields, up to the copy into a ring slot; receive calls apart.
 * Each line is the best of several rounds: what the code costs, not what else the machine did.
 *
 *   bench_decode                                measure
 *   bench_decode send FORMAT PORT RECORDS RATE  the same datagrams to 127.0.0.1, so many records a second, so that other
 *                                               collectors can be measured with them; prints how many records went
 */
#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "ingest/decode.h"
#include "ingest/learn.h"
#include "tests/contract/wire.h"

enum { RECORDS = 20, DATAGRAMS = 64, SLOTS = 4096, ROUNDS = 60, TURNS = 50 };

static struct ft_flow slots[SLOTS * 2];
static uint64_t next, shards[4];

static bool
on_flow(void *ctx, const struct decoded *d)
{
	(void)ctx;
	/* what the thread does: shard, slot, copy */
	shards[flow_key_shard(&d->f, 4)]++;
	struct ft_flow *f = &slots[next++ % SLOTS];
	*f = d->f;
	f->slots = 1;
	if (d->f.bits & FT_FLOW_EXT)
		memcpy(&slots[next++ % SLOTS], &d->x, sizeof d->x);
	return true;
}

static uint32_t
on_exporter(void *ctx, const uint8_t address[16], wall_t now)
{
	(void)ctx, (void)address, (void)now;
	return 1;
}

static const uint16_t v9_fields[][2] = {{8, 4}, {12, 4}, {7, 2}, {11, 2}, {4, 1}, {5, 1}, {6, 1}, {1, 8},
	{2, 8}, {10, 4}, {14, 4}, {16, 4}, {17, 4}, {9, 1}, {13, 1}, {58, 2}, {61, 1}, {34, 4}, {15, 4},
	{136, 1}, {89, 1}, {48, 1}, {234, 4}, {22, 4}, {21, 4}};
static const uint16_t ipfix_fields[][2] = {{8, 4}, {12, 4}, {7, 2}, {11, 2}, {4, 1}, {5, 1}, {6, 1}, {1, 8},
	{2, 8}, {10, 4}, {14, 4}, {16, 4}, {17, 4}, {9, 1}, {13, 1}, {58, 2}, {61, 1}, {34, 4}, {15, 4},
	{136, 1}, {89, 1}, {48, 1}, {234, 4}, {152, 8}, {153, 8}};
static const uint16_t variable_fields[][2] = {{8, 4}, {12, 4}, {7, 2}, {11, 2}, {4, 1}, {5, 1}, {6, 1},
	{1, 8}, {2, 8}, {10, 4}, {14, 4}, {16, 4}, {17, 4}, {9, 1}, {13, 1}, {58, 2}, {61, 1}, {96, 65535},
	{15, 4}, {136, 1}, {89, 1}, {48, 1}, {234, 4}, {152, 8}, {153, 8}};
enum { FIELDS = 25 };

static void
record(struct wire *w, const uint16_t (*field)[2], unsigned i)
{
	for (unsigned k = 0; k < FIELDS; k++) {
		unsigned n = field[k][1];
		if (n == 65535)
			w8(w, 6), w_bytes(w, "google", 6);
		else if (field[k][0] == 152 || field[k][0] == 153)
			w64(w, UINT64_C(1760000000000) - 100 + i);
		else if (field[k][0] == 21 || field[k][0] == 22)
			w32(w, 90000 + i);
		else
			for (unsigned b = 0; b < n; b++)
				w8(w, b + 1 < n ? 0 : (i * 7 + k) & 127);
	}
}

static void
make(struct wire *w, const char *what, unsigned i)
{
	bool v5 = strcmp(what, "v5") == 0, v9 = strcmp(what, "v9") == 0,
	     variable = strcmp(what, "ipfix variable") == 0;
	const uint16_t(*field)[2] = v9 ? v9_fields : variable ? variable_fields : ipfix_fields;
	memset(w, 0, sizeof *w);
	if (v5) {
		w_v5_header(w, RECORDS, 100000, 1760000000, i * RECORDS);
		for (unsigned k = 0; k < RECORDS; k++)
			w_v5_record(
				w, 0x0a000001 + k, 0x08080808 + i, 0, 40000 + k, 443, 10, 4000, 90000, 99000);
		return;
	}
	if (v9)
		w_v9_header(w, 100000, 1760000000, i, 1);
	else
		w_ipfix_header(w, 1760000000, i * RECORDS, 1);
	unsigned at;
	if (i == 0) {
		at = w_set(w, v9 ? 0 : 2);
		w_template(w, 256, field, FIELDS);
		w_set_end(w, at);
	}
	at = w_set(w, 256);
	for (unsigned k = 0; k < RECORDS; k++)
		record(w, field, k + i);
	w_set_end(w, at);
	if (!v9)
		w_ipfix_end(w);
}

static double
cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double
measure(const char *what)
{
	static struct wire wire[DATAGRAMS];
	static const uint8_t from[16] = {[15] = 1};
	struct ft_source table[4];
	uint64_t n_sources = 0;
	struct learn learn = {0};
	struct err err;
	struct decoder d = {.sink = {.flow = on_flow, .exporter = on_exporter},
		.limits = {.templates = 16, .waiting = 1 << 20, .sources = 4},
		.learn = &learn};
	double best = 1e18;
	if (decoder_init(&d, table, &n_sources) != 0 || decoder_load(&d, &err) != 0)
		exit(1);
	for (unsigned i = 0; i < DATAGRAMS; i++)
		make(&wire[i], what, i);
	for (unsigned r = 0; r < ROUNDS; r++) {
		double begin = cpu();
		uint64_t flows = table[0].flows;
		for (unsigned t = 0; t < TURNS; t++)
			for (unsigned i = 0; i < DATAGRAMS; i++) {
				decode_datagram(&d, wire[i].b, wire[i].n, from,
					(wall_t){INT64_C(1760000000) * 1000000});
				decode_finish(&d);
			}
		flows = r ? table[0].flows - flows : (uint64_t)TURNS * DATAGRAMS * RECORDS;
		double each = (cpu() - begin) / (double)flows;
		best = each < best ? each : best;
	}
	if (table[0].flows != (uint64_t)ROUNDS * TURNS * DATAGRAMS * RECORDS)
		exit(1);
	decoder_close(&d);
	learn_close(&learn);
	return best;
}

/* where the header's sequence is, and what a datagram adds to it */
static void
number(struct wire *w, const char *what, uint32_t datagram)
{
	bool v9 = strcmp(what, "v9") == 0;
	unsigned at = strcmp(what, "v5") == 0 ? 16 : v9 ? 12 : 8;
	uint32_t n = v9 ? datagram : datagram * RECORDS;
	w_fix16(w, at, n >> 16), w_fix16(w, at + 2, n & 65535);
}

static int
send_all(const char *what, unsigned port, uint64_t records, uint64_t rate)
{
	static struct wire wire[DATAGRAMS];
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (s < 0 || connect(s, (struct sockaddr *)&to, sizeof to) != 0 || rate == 0)
		return 1;
	for (unsigned i = 0; i < DATAGRAMS; i++)
		make(&wire[i], what, i);
	mono_t begin = mono_now();
	uint64_t sent = 0;
	for (uint32_t k = 0; sent < records; k++) {
		struct wire *w = &wire[k % DATAGRAMS];
		number(w, what, k);
		sent += send(s, w->b, w->n, 0) == (ssize_t)w->n ? RECORDS : 0;
		struct timespec pause = {0, 200000};
		while ((uint64_t)mono_since(mono_now(), begin).us * rate < sent * 1000000)
			nanosleep(&pause, NULL);
	}
	printf("%llu\n", (unsigned long long)sent);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "send") == 0)
		return send_all(argv[2], (unsigned)strtoul(argv[3], NULL, 10), strtoull(argv[4], NULL, 10),
			strtoull(argv[5], NULL, 10));
	static const struct {
		const char *what;
		double most; /* what a record may cost, ns; 0: only shown */
	} row[] = {{"v5", 60}, {"v9", 120}, {"ipfix", 120}, {"ipfix variable", 0}};
	for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++) {
		double ns = measure(row[i].what);
		printf("decode %-15s %6.1f ns a record", row[i].what, ns);
		if (row[i].most > 0)
			printf("  (at most %.0f: %s)", row[i].most, ns <= row[i].most ? "ok" : "SLOWER");
		printf("\n");
	}
	return 0;
}
