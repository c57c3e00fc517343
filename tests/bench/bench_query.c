/*
 * Speed of the query engine alone: 2 M slices of one hour in memory, made like flowgen's (Zipf hosts and servers,
 * most sessions one slice), asked on one thread; milliseconds of processor time, the best of three.   bench_query [slices] [threads]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "queryd/engine_internal.h"
#include "tests/unit/blockgen.h"

enum { ROWS = 262144, HOSTS = 5000, SERVERS = 200000 };
static uint64_t state = 42;
static uint64_t
mix(uint64_t z)
{
	z = (z ^ (z >> 33)) * 0xff51afd7ed558ccdull;
	z = (z ^ (z >> 33)) * 0xc4ceb9fe1a85ec53ull;
	return z ^ (z >> 33);
}
static double
unit(void)
{
	return (double)(mix(state += 0x9e3779b97f4a7c15ull) >> 11) / 9007199254740992.0;
}
static uint64_t
zipf(double n)
{
	return (uint64_t)pow(n, unit()) - 1;
}

static void
make(struct blockgen_slice *b, uint64_t i, uint64_t n)
{
	static const uint16_t ports[] = {443, 443, 443, 80, 53, 22, 25, 993};
	uint64_t c = zipf(HOSTS), s = zipf(SERVERS);
	uint32_t a = (uint32_t)mix(c) | 0x0a, z = (uint32_t)mix(s + 77) | 0x40;
	memset(b, 0, sizeof *b);
	memcpy(b->s.client, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	memcpy(b->s.server, b->s.client, 12);
	memcpy(b->s.client + 12, &a, 4);
	memcpy(b->s.server + 12, &z, 4);
	memcpy(b->exporter, b->s.client, 12);
	b->exporter[12] = 127;
	b->exporter[15] = 1;
	b->s.session = (uint64_t)1 << 48 | i;
	b->s.first_us = 1760000000000000 + (int64_t)(i * 3600000000u / n);
	b->s.last_us = b->s.first_us + (int64_t)(unit() * unit() * 5e6);
	b->s.proto = unit() < .6 ? 6 : 17;
	b->s.client_port = (uint16_t)(32768 + unit() * 28000);
	b->s.server_port = unit() < .9 ? ports[(int)(unit() * 8)] : (uint16_t)(1024 + unit() * 40000);
	b->s.client_bytes = (uint64_t)exp(6.5 + 3 * unit());
	b->s.server_bytes = (uint64_t)exp(7.5 + 5 * unit());
	b->s.client_packets = 1 + b->s.client_bytes / 400;
	b->s.server_packets = 1 + b->s.server_bytes / 1100;
	b->s.client_flows = b->s.server_flows = 1;
	b->s.client_flags = b->s.server_flags = 27;
	b->s.client_tos = b->s.server_tos = unit() < .1 ? 184 : 0;
	b->s.in_if = 1 + (uint32_t)(mix(c) % 24);
	b->s.out_if = 48;
	b->s.client_as = 64512;
	b->s.server_as = (uint32_t)(1000 + mix(s / 16) % 60000);
	b->s.client_vlan = b->s.server_vlan = (uint16_t)(10 + mix(c) % 20);
	b->s.present = FT_HAS_IF | FT_HAS_FLAGS | FT_HAS_CLIENT_TOS | FT_HAS_SERVER_TOS | FT_HAS_CLIENT_VLAN |
		       FT_HAS_SERVER_VLAN;
	b->s.sampling = 1;
	b->s.version = 9;
	b->s.rule = FT_RULE_SERVICE;
	b->s.state = FT_SLICE_FIRST | (unit() < .6 ? FT_SLICE_LAST : 0);
	if (i > 1000 && unit() < .03) { /* a later slice of an earlier session */
		b->s.session -= 900;
		b->s.state = FT_SLICE_LAST;
		b->s.start_us = b->s.prev_us = b->s.first_us - 1000000;
	}
	b->client.net_bits = 112;
	b->server.net_bits = 116;
	b->client.country = 'U' << 8 | 'S';
	b->server.country = (uint16_t)('A' << 8 | ('A' + mix(s / 64) % 26));
}

/* processor time: the machine may be busy with other things */
static double
cpu_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static struct query_context context = {.memory = (uint64_t)4 << 30};

static void
view(const struct source *source, const struct services *services, const char *entity, const char *count,
	const char *filter, uint32_t slots, int64_t cut)
{
	double best = 1e9;
	for (int i = 0; i < 3; i++) {
		struct query_spec spec = {.from_us = 1760000000000000 + cut,
			.to_us = 1760003700000000 - 3 * cut,
			.exporter_if = -1,
			.entity = entity,
			.count = count,
			.filter = filter,
			.rows = 128,
			.slots = slots};
		struct err err = {0};
		json_t *answer = NULL;
		double start = cpu_ms();
		if (run_view(source, services, &context, &spec, &answer, &err) != 0) {
			printf("%s %s %s: %s\n", entity, count, filter, err.text);
			return;
		}
		double ms = cpu_ms() - start;
		best = ms < best ? ms : best;
		json_decref(answer);
	}
	printf("%-14s %-12s %-32s %3u slots%s %8.1f ms\n", entity, count, filter, slots,
		cut ? " cut" : "    ", best);
	fflush(stdout);
}

static uint64_t written;
static int
count_bytes(void *ctx, const char *bytes, size_t n)
{
	(void)ctx;
	(void)bytes;
	written += n;
	return 0;
}

static void
list(const struct source *source, const struct services *services, const char *format)
{
	struct query_spec spec = {
		.from_us = 1760000000000000, .to_us = 1760003700000000, .exporter_if = -1, .format = format};
	struct err err = {0};
	json_t *summary = NULL;
	written = 0;
	double start = cpu_ms();
	if (run_sessions(source, services, &context, &spec, count_bytes, NULL, &summary, &err) != 0) {
		printf("sessions: %s\n", err.text);
		return;
	}
	printf("sessions as %-8s %6.1f MB %33s %8.1f ms\n", format, (double)written / 1e6, "",
		cpu_ms() - start);
	json_decref(summary);
}

int
main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000;
	context.threads = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
	uint32_t blocks = (uint32_t)((n + ROWS - 1) / ROWS);
	struct blockgen *block = calloc(blocks, sizeof *block);
	for (uint64_t i = 0; i < n; i++) {
		struct blockgen_slice b;
		if (i % ROWS == 0)
			blockgen_open(&block[i / ROWS], (uint32_t)(i / ROWS), ROWS);
		make(&b, i, n);
		blockgen_add(&block[i / ROWS], &b);
	}
	struct blockgen_source s;
	blockgen_source_open(&s, block, blocks, true);
	s.all_known = true;
	struct services *services = services_read("/etc/services");
	const struct source *source = &s.source;
	view(source, services, "IP", "BYTES", "", 0, 0);
	view(source, services, "IP", "BYTES", "", 0, 60000000);
	view(source, services, "IP", "BYTES", "", 60, 0);
	view(source, services, "IP", "BYTES", "SRVPORT == 443", 0, 0);
	view(source, services, "IP", "BYTES", "SRVPORT == 22 && CC == AC", 0, 0);
	view(source, services, "IP", "BYTES", "TOTBYTS > 100K", 0, 0);
	view(source, services, "IP", "SESSIONS", "", 0, 0);
	view(source, services, "IP", "UNIQUE IP", "", 0, 0);
	view(source, services, "IPPAIR", "BYTES", "", 0, 0);
	view(source, services, "IPPAIR", "SESSIONS", "", 0, 0);
	view(source, services, "PORTPROTO", "BYTES", "", 0, 0);
	view(source, services, "ASN", "BYTES", "", 0, 0);
	view(source, services, "ASN", "SESSIONS", "", 0, 0);
	view(source, services, "QOS", "SESSIONS", "", 0, 0);
	view(source, services, "IF", "PACKETS", "", 0, 0);
	view(source, services, "CLIENTSERVICE", "BYTES", "", 0, 0);
	list(source, services, "csv");
	list(source, services, "ndjson");
	for (uint32_t i = 0; i < blocks; i++)
		blockgen_close(&block[i]);
	blockgen_source_close(&s);
	services_free(services);
	free(block);
	return 0;
}
