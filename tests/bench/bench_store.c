/*
 * bench_store.c - what a slice costs in ft-store, by itself: taken from the ring and appended, journalled, packed;
 * bytes a slice by column; speed of reading columns back.   bench_store [blocks]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/hash.h"
#include "common/log.h"
#include "tests/unit/store_help.h"

enum { RING = 1 << 16 };
static struct bench b;
static uint64_t state = 7;

static uint64_t
next(void)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (state ^ state >> 29) >> 8;
}

static double
cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* few speak much: the square of a uniform number */
static void
address(uint64_t net, uint64_t n, uint8_t out[16])
{
	double u = (double)(next() % 1000000) * 1e-6;
	uint32_t v = (uint32_t)(net + (uint64_t)(u * u * (double)n) * 7);
	memset(out, 0, 10);
	out[10] = out[11] = 0xff;
	v = __builtin_bswap32(v);
	memcpy(out + 12, &v, 4);
}

static void
make(struct ft_slice *s, uint64_t i)
{
	static const uint16_t ports[] = {
		443, 443, 443, 80, 53, 53, 123, 22, 25, 993, 8080, 3389, 445, 5060, 389, 1194};
	int64_t t = (INT64_C(1700000000000) + (int64_t)(i / 30) - (int64_t)(next() % 5000)) * 1000;
	uint64_t packets = 1 + next() % 12 * (next() % 20 == 0 ? 50 : 1);
	memset(s, 0, sizeof *s);
	address(0x0a000000, 60000, s->client);
	address(0x5db80000, 8000, s->server);
	s->session = UINT64_C(1) << 48 | (i + next() % 60000);
	s->first_us = t;
	s->last_us = t + (int64_t)(next() % 30000) * 1000;
	s->client_packets = packets;
	s->client_bytes = packets * (60 + next() % 700);
	s->server_packets = packets + next() % 5;
	s->server_bytes = s->server_packets * (60 + next() % 1400);
	s->client_flows = s->server_flows = 1;
	s->exporter = 1;
	s->sampling = 1;
	s->in_if = (uint32_t)(next() % 4);
	s->out_if = (uint32_t)(next() % 4);
	s->client_as = 64500;
	s->server_as = (uint32_t)(64000 + (s->server[14] & 63));
	s->present = FT_HAS_IF | FT_HAS_FLAGS | FT_HAS_CLIENT_TOS | FT_HAS_SERVER_TOS | FT_HAS_CLIENT_AS |
		     FT_HAS_SERVER_AS;
	s->client_port = (uint16_t)(1024 + next() % 64000);
	s->server_port = ports[next() % 16];
	s->proto = s->server_port == 53 || s->server_port == 123 ? 17 : 6;
	s->version = 9;
	s->client_flags = s->proto == 6 ? (next() % 4 ? 0x1b : 0x1f) : 0;
	s->server_flags = s->client_flags;
	s->client_tos = next() % 10 == 0 ? 0xb8 : 0;
	s->rule = 4;
	s->state = next() % 20 ? FT_SLICE_FIRST | FT_SLICE_LAST : FT_SLICE_LAST;
	if (!(s->state & FT_SLICE_FIRST)) {
		s->start_us = t - 20000000;
		s->prev_us = t - 1000000;
	}
	s->end_reason = (uint8_t)(next() % 4);
	s->slots = 1;
}

static const char *const encodings[] = {
	"const", "packed", "dict", "paged", "sparse", "raw", "zstd", "zpaged", "common", "few", "by"};

static void
report_columns(void)
{
	struct snapshot_reader *r;
	struct snapshot s;
	struct block_view v;
	static const char *const names[] = {
#define COLUMN(name, bits, dictionary, value) #name,
#include "common/fields.def"
#undef COLUMN
	};
	static uint64_t out[FT_BLOCK_ROWS];
	static uint32_t narrow[FT_BLOCK_ROWS];
	if (snapshot_reader_open(&r, b.shm, b.database, true, NULL) != FT_OK ||
		snapshot_open(r, &s, NULL) != FT_OK)
		return;
	if (s.n > 1 && snapshot_view(&s, 0, &v, NULL) == FT_OK) {
		double rows = v.rows, total = 0;
		for (unsigned c = 0; c < FT_COLUMNS; c++) {
			struct block_column *k = &v.column[c];
			(void)block_u64(&v, (enum ft_column)c, 0, v.rows, out);
			double t0 = cpu();
			for (unsigned i = 0; i < 20; i++)
				(void)block_u64(&v, (enum ft_column)c, 0, v.rows, out);
			double t1 = cpu();
			for (unsigned i = 0; i < 20; i++)
				(void)block_u32(&v, (enum ft_column)c, 0, v.rows, narrow);
			double t2 = cpu();
			total += (double)k->bytes / rows;
			if (k->bytes)
				printf("  %-16s %-6s %2u bits %6.3f bytes  decode %5.2f ns a row (%4.1f GB/s "
				       "out), narrow %5.2f ns\n",
					names[c], encodings[k->encoding], k->bits, (double)k->bytes / rows,
					(t1 - t0) / 20 / rows * 1e9, 8 * rows * 20 / (t1 - t0) / 1e9,
					(t2 - t1) / 20 / rows * 1e9);
		}
		double dict = 0;
		for (unsigned c = 0; c < 14; c++) {
			dict += (double)v.dict_column[c].bytes / rows;
			if (v.dict_column[c].bytes)
				printf("  part %-11u %-6s %6.3f bytes\n", 64 + c,
					encodings[v.dict_column[c].encoding],
					(double)v.dict_column[c].bytes / rows);
		}
		printf("columns %.2f, dictionaries %.2f, block %.2f bytes a slice (%u rows, %u addresses)\n",
			total, dict, (double)v.base_bytes / rows, v.rows, v.dict_count[FT_DICT_ADDR]);
		block_view_close(&v);
	}
	snapshot_close(&s);
	snapshot_reader_close(r);
}

int
main(int argc, char **argv)
{
	struct store_settings set = bench_settings();
	struct err err;
	unsigned blocks = argc > 1 ? (unsigned)atoi(argv[1]) : 4;
	uint64_t n = (uint64_t)blocks * FT_BLOCK_ROWS, since = 0;
	double append = 0, journal = 0, seal = 0, pack = 0;
	struct ft_slice *made = malloc(RING * sizeof *made);
	log_open("bench_store", NULL, LOG_L_ALWAYS);
	bench_open(&b, "bench");
	bench_ring(&b, RING);
	if (bench_start(&b, &set) != FT_OK || made == NULL)
		return 1;
	for (uint64_t done = 0; done < n;) {
		uint64_t take = RING < n - done ? RING : n - done;
		for (uint64_t i = 0; i < take; i++)
			make(ring_slot(&b.ring, b.head + i), done + i);
		b.head += take;
		ring_publish(&b.ring, b.head);
		intake_look(&b.st);
		while (!intake_drained(&b.st)) {
			double t0 = cpu();
			uint32_t got = intake_turn(&b.st);
			append += cpu() - t0;
			since += got;
			if (got == 0) {
				struct zone z;
				uint64_t *filter;
				struct open_counts now = store_counts(&b.st);
				t0 = cpu();
				(void)seal_pack(&b.st, &b.st.open, &now, 1, &z, &filter, &err);
				pack += cpu() - t0;
				free(filter);
				t0 = cpu();
				if (store_next(&b.st, &err) != FT_OK)
					return 1;
				seal += cpu() - t0;
			} else if (since >= 30000) {
				since = 0;
				t0 = cpu();
				(void)journal_commit(&b.st, &err);
				journal += cpu() - t0;
			}
		}
		done += take;
	}
	printf("append  %6.1f ns a slice\njournal %6.1f ns a slice (a commit every 30,000)\nseal    %6.1f ns "
	       "a slice (all), pack alone %.1f ms a block\n"
	       "total   %6.1f ns a slice\n",
		append / (double)n * 1e9, journal / (double)n * 1e9, seal / (double)n * 1e9,
		pack / blocks * 1e3, (append + journal + seal) / (double)n * 1e9);
	struct stat file;
	char path[300];
	snprintf(path, sizeof path, "%s/segments/00000001.seg", b.database);
	if (stat(path, &file) == 0)
		printf("file    %6.2f bytes a slice, journal's free pages included\n",
			(double)file.st_size / (double)n);
	report_columns();
	bench_close(&b);
	free(made);
	return 0;
}
