/*
 * Speed of the query engine alone, without protocol and programs: milliseconds of processor and of wall time, the best
 * of some rounds.
 *
 *   bench_query [-n SLICES] [-t THREADS] [-r ROUNDS] [VIEW…]         slices of one hour in memory (2 M), made like those
 *                                      of a network (Zipf hosts and servers, most sessions one slice): open blocks, so
 *                                      that columns are plain arrays
 *   bench_query -c CONF -s SHM -f FROM -e TO [-t …] [-r …] [VIEW…]   a store that is there, by its configuration and its
 *                                      folder in /dev/shm; from and to in seconds since 1970
 *
 * VIEW is ENTITY;COUNT;FILTER;SLOTS, what is missing is empty ("IP;BYTES;PORT == 22"), or csv;FILTER, ndjson;FILTER.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/conf.h"
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

static struct query_context context = {.memory = (uint64_t)4 << 30, .threads = 1};
static struct query_spec frame = {.from_us = 1760000000000000, .to_us = 1760003700000000, .exporter_if = -1};
static unsigned rounds = 3;
/* one of the two */
static struct engine *engine;
static const struct source *source;
static struct services *services;
static uint64_t written;

/* processor time: the machine may be busy with other things */
static double
ms(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int
count_bytes(void *ctx, const char *bytes, size_t n)
{
	(void)ctx;
	(void)bytes;
	written += n;
	return 0;
}

static int
ask(const struct query_spec *spec, struct err *err)
{
	json_t *answer = NULL;
	int rc;
	written = 0;
	if (spec->format != NULL)
		rc = engine ? engine_sessions(engine, &context, spec, count_bytes, NULL, &answer, err)
			    : run_sessions(source, services, &context, spec, count_bytes, NULL, &answer, err);
	else
		rc = engine ? engine_view(engine, &context, spec, &answer, err)
			    : run_view(source, services, &context, spec, &answer, err);
	json_decref(answer);
	return rc;
}

/* ENTITY;COUNT;FILTER;SLOTS or csv;FILTER */
static void
measure(const char *words)
{
	char copy[400], *part[4] = {NULL}, *at = copy;
	double cpu = 1e12, wall = 1e12;
	snprintf(copy, sizeof copy, "%s", words);
	for (int i = 0; i < 4 && at != NULL; i++) {
		part[i] = at;
		if ((at = strchr(at, ';')) != NULL)
			*at++ = 0;
	}
	struct query_spec spec = frame;
	if (strcmp(part[0], "csv") == 0 || strcmp(part[0], "ndjson") == 0) {
		spec.format = part[0];
		spec.filter = part[1];
	} else {
		spec.entity = part[0];
		spec.count = part[1];
		spec.filter = part[2];
		spec.slots = part[3] ? (uint32_t)atoi(part[3]) : 0;
		spec.rows = 128;
	}
	for (unsigned i = 0; i < (spec.format ? 1 : rounds); i++) {
		struct err err = {0};
		double c = ms(CLOCK_PROCESS_CPUTIME_ID), w = ms(CLOCK_MONOTONIC);
		if (ask(&spec, &err) != 0) {
			printf("%s: %s\n", words, err.text);
			return;
		}
		c = ms(CLOCK_PROCESS_CPUTIME_ID) - c;
		w = ms(CLOCK_MONOTONIC) - w;
		cpu = c < cpu ? c : cpu;
		wall = w < wall ? w : wall;
	}
	printf("%-56s %8.1f ms CPU %8.1f ms", words, cpu, wall);
	if (spec.format)
		printf(" %8.1f MB", (double)written / 1e6);
	printf("\n");
	fflush(stdout);
}

static void
measure_all(int argc, char **argv)
{
	static const char *const usual[] = {"IP;BYTES", "IP;BYTES;;60", "IP;BYTES;SRVPORT == 443",
		"IP;BYTES;PORT == 22", "IP;BYTES;IP == 172.16.0.0/20", "IP;BYTES;SRVPORT == 22 && CC == AC",
		"IP;BYTES;TOTBYTS > 100K", "IP;SESSIONS", "IP;UNIQUE IP", "IPPAIR;BYTES", "IPPAIR;SESSIONS",
		"PORTPROTO;BYTES", "ASN;BYTES", "ASN;SESSIONS", "QOS;SESSIONS", "IF;PACKETS",
		"CLIENTSERVICE;BYTES", "csv", "ndjson"};
	for (int i = 0; i < argc; i++)
		measure(argv[i]);
	for (size_t i = 0; argc == 0 && i < sizeof usual / sizeof usual[0]; i++)
		measure(usual[i]);
	if (argc == 0 && engine == NULL) { /* a frame that cuts into the data */
		printf("a frame that cuts:\n");
		frame.from_us += 60000000;
		frame.to_us -= 180000000;
		measure("IP;BYTES");
	}
}

static void
generated(uint64_t n, int argc, char **argv)
{
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
	services = services_read("/etc/services");
	source = &s.source;
	measure_all(argc, argv);
	for (uint32_t i = 0; i < blocks; i++)
		blockgen_close(&block[i]);
	blockgen_source_close(&s);
	services_free(services);
	free(block);
}

static int
stored(const char *path, const char *shm, int argc, char **argv)
{
	struct conf_problems problems = {0};
	struct conf *conf = conf_load(path, &problems);
	struct err err = {0};
	if (conf == NULL || engine_open(&engine, conf, shm, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	measure_all(argc, argv);
	engine_close(engine);
	conf_free(conf);
	conf_problems_free(&problems);
	return 0;
}

int
main(int argc, char **argv)
{
	const char *conf = NULL, *shm = NULL;
	uint64_t n = 2000000;
	for (int c; (c = getopt(argc, argv, "n:t:r:c:s:f:e:")) != -1;)
		switch (c) {
		case 'n':
			n = strtoull(optarg, NULL, 10);
			break;
		case 't':
			context.threads = (unsigned)atoi(optarg);
			break;
		case 'r':
			rounds = (unsigned)atoi(optarg);
			break;
		case 'c':
			conf = optarg;
			break;
		case 's':
			shm = optarg;
			break;
		case 'f':
			frame.from_us = strtoll(optarg, NULL, 10) * 1000000;
			break;
		case 'e':
			frame.to_us = strtoll(optarg, NULL, 10) * 1000000;
			break;
		default:
			return 2;
		}
	if (conf != NULL && shm != NULL)
		return stored(conf, shm, argc - optind, argv + optind);
	generated(n, argc - optind, argv + optind);
	return 0;
}
