/* See store_help.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/hash.h"
#include "tests/unit/store_help.h"

static const struct shm_kind slice_kind = {FT_SLICE_MAGIC, FT_SLICE_VERSION, FT_SLICE_LAYOUT};

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

void
remove_tree(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void
bench_open(struct bench *b, const char *name)
{
	const char *dir = getenv("FT_TEST_DIR");
	memset(b, 0, sizeof *b);
	snprintf(b->root, sizeof b->root, "%s/ft-store-%s-%d",
		dir                             ? dir
		: access("/dev/shm", W_OK) == 0 ? "/dev/shm"
						: "/tmp",
		name, (int)getpid());
	snprintf(b->shm, sizeof b->shm, "%s/shm", b->root);
	snprintf(b->database, sizeof b->database, "%s/database", b->root);
	remove_tree(b->root);
	assert_int_equal(mkdir(b->root, 0750), 0);
	assert_int_equal(mkdir(b->shm, 0750), 0);
	b->ring.shm.fd = -1;
}

/* ingest's table with one exporter, 192.0.2.1 */
static void
make_exporters(struct bench *b)
{
	static const struct shm_kind kind = {FT_EXPORTERS_MAGIC, FT_EXPORTERS_VERSION,
		FT_LAYOUT2(sizeof(struct ft_exporter), sizeof(struct ft_exporters))};
	struct shm shm;
	if (shm_create(&shm, b->shm, "exporters", &kind, 4096, NULL) != FT_OK)
		return; /* there already */
	struct ft_exporters *t = shm.base;
	t->capacity = 8;
	t->slot[0] = (struct ft_exporter){
		.id = 1, .address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1}};
	atomic_store(&t->count, 1);
	assert_int_equal(shm_publish(&shm, NULL), FT_OK);
	shm_close(&shm);
}

void
bench_ring(struct bench *b, uint64_t slots)
{
	struct err err;
	make_exporters(b);
	if (ring_create(&b->ring, b->shm, "slice.0", &slice_kind, sizeof(struct ft_slice), slots, &err) !=
		FT_OK)
		fail_msg("%s", err.text);
	b->head = atomic_load(&b->ring.h->head);
}

struct store_settings
bench_settings(void)
{
	return (struct store_settings){.segment_rows = 1 << 24,
		.segments = 100,
		.memcache_rows = 4000000,
		.interval_s = 5,
		.commit_s = 1};
}

int
bench_start(struct bench *b, const struct store_settings *set)
{
	struct err err;
	int rc = store_open(&b->st, b->shm, b->database, set, &err);
	b->running = true; /* also what a failed start opened is closed */
	if (rc != FT_OK)
		print_message("store_open: %s\n", err.text);
	return rc;
}

void
bench_stop(struct bench *b)
{
	if (b->running)
		store_close(&b->st);
	b->running = false;
}

void
bench_close(struct bench *b)
{
	bench_stop(b);
	if (b->ring.h)
		ring_close(&b->ring);
	remove_tree(b->root);
}

/* ---- slices ----------------------------------------------------------------------------------------- */

static uint64_t
mix(uint64_t i, uint64_t salt)
{
	return hash_mix(i * 0x9e37u + 77, salt * 0x51ed27u + 3);
}

static void
address(uint64_t h, bool v6, uint8_t out[16])
{
	memset(out, 0, 16);
	if (v6) {
		out[0] = 0x20;
		out[1] = 1;
		out[2] = 0x0d;
		out[3] = 0xb8;
		memcpy(out + 8, &h, 3);
		return;
	}
	out[10] = out[11] = 0xff;
	out[12] = 10;
	out[13] = (uint8_t)(h >> 16 & 3);
	out[14] = (uint8_t)(h >> 8);
	out[15] = (uint8_t)h;
}

void
slice_make(uint64_t i, struct ft_slice *s, struct ft_slice_ext *x, bool *has_ext)
{
	static const uint16_t ports[] = {80, 443, 22, 53, 8080, 3389};
	int64_t t = INT64_C(1700000000000000) + (int64_t)i * 1000;
	bool v6 = mix(i, 1) % 10 == 0;
	*s = (struct ft_slice){.session = i,
		.first_us = t,
		.last_us = t + (int64_t)(mix(i, 2) % 60000) * 1000,
		.client_bytes = mix(i, 3) % 100000,
		.server_bytes = mix(i, 4) % 10000000,
		.client_packets = mix(i, 5) % 100,
		.server_packets = mix(i, 6) % 1000,
		.client_flows = 1,
		.server_flows = mix(i, 7) % 2,
		.exporter = 1,
		.domain = (uint32_t)(mix(i, 8) % 2),
		.in_if = 3,
		.out_if = (uint32_t)(mix(i, 9) % 4),
		.sampling = 1,
		.client_port = (uint16_t)(1024 + mix(i, 10) % 60000),
		.server_port = ports[mix(i, 11) % 6],
		.proto = 6,
		.version = 9,
		.client_flags = 0x1b,
		.server_flags = 0x13,
		.state = FT_SLICE_FIRST | FT_SLICE_LAST,
		.rule = 4,
		.end_reason = (uint8_t)(mix(i, 12) % 3),
		.slots = 1,
		.present = FT_HAS_IF | FT_HAS_FLAGS | (v6 ? FT_SLICE_V6 : 0)};
	address(mix(mix(i, 13) % 500, 20), v6, s->client);
	address(mix(mix(i, 14) % 100, 21), v6, s->server);
	if (mix(i, 24) % 9 == 0) /* a scan */
		s->server_port = (uint16_t)mix(i, 25);
	s->client_vlan = s->server_vlan = (uint16_t)(mix(i, 26) % 20);
	if (mix(i, 15) % 20 == 0) {
		s->start_us = t - 5000000;
		s->prev_us = t - 100000;
		s->state = FT_SLICE_LAST;
	}
	if (mix(i, 16) % 7 == 0) { /* exporters disagree on an address's AS */
		s->present |= FT_HAS_CLIENT_AS | FT_HAS_CLIENT_MASK;
		s->client_as = (uint32_t)(64500 + mix(i, 17) % 3);
		s->client_mask = v6 ? 64 : 24;
	}
	*has_ext = mix(i, 18) % 11 == 0;
	*x = (struct ft_slice_ext){.app = mix(i, 19) % 5,
		.mpls_label = 17,
		.vrf = 2,
		.nat_client_port = 4000,
		.nsel_event = 1,
		.client_mac = {2, 0, 0, 0, 0, (uint8_t)(mix(i, 22) % 4)}};
	address(mix(i, 23) % 3, false, x->next_hop);
	if (*has_ext) {
		s->present |= FT_SLICE_EXT;
		s->slots = 2;
	}
}

uint64_t
bench_send(struct bench *b, uint64_t from, uint64_t n)
{
	uint64_t sent = 0;
	for (; sent < n; sent++) {
		struct ft_slice s;
		struct ft_slice_ext x;
		bool ext;
		slice_make(from + sent, &s, &x, &ext);
		if (ring_room(&b->ring, b->head, s.slots) < s.slots)
			break;
		memcpy(ring_slot(&b->ring, b->head), &s, sizeof s);
		if (ext)
			memcpy(ring_slot(&b->ring, b->head + 1), &x, sizeof x);
		b->head += s.slots;
	}
	ring_publish(&b->ring, b->head);
	return sent;
}

void
bench_take(struct bench *b)
{
	struct err err;
	if (!b->st.attached[0])
		intake_look(&b->st);
	while (!intake_drained(&b->st))
		if (intake_turn(&b->st) == 0 && store_next(&b->st, &err) != FT_OK)
			fail_msg("store_next: %s", err.text);
	catalog_tell(&b->st);
}

void
bench_send_all(struct bench *b, uint64_t from, uint64_t n)
{
	for (uint64_t done = 0; done < n;) {
		done += bench_send(b, from + done, n - done);
		bench_take(b);
	}
}

/* ---- reading back ------------------------------------------------------------------------------------ */

static void
complain(struct seen *o, uint64_t i, const char *what)
{
	if (o->foreign++ == 0)
		snprintf(o->why, sizeof o->why, "slice %llu: %s", (unsigned long long)i, what);
}

struct rows {
	uint64_t v[FT_COLUMNS][4096];
};

static void
check_row(struct block_view *v, const struct rows *r, uint32_t k, struct seen *o)
{
	struct ft_slice made;
	struct ft_slice_ext ext, *x = &ext;
	const struct ft_slice *s = &made;
	bool has;
	uint64_t i = r->v[FT_COL_session][k];
	slice_make(i, &made, &ext, &has);
	if (!has)
		memset(&ext, 0, sizeof ext);
#define CHECK_NONE(name, value)                                                                              \
	if (r->v[FT_COL_##name][k] != (uint64_t)(value))                                                     \
		complain(o, i, #name);
#define CHECK_ADDR(name, value)
#define CHECK_EXPORTER(name, value)
#define CHECK_WIDE(name, value)
#define CHECK_TEXT(name, value)
#define COLUMN(name, bits, dictionary, value) CHECK_##dictionary(name, value)
#include "common/fields.def"
#undef COLUMN
	const struct ft_addr_entry *a = block_addrs(v);
	const struct ft_exporter_entry *e = block_exporters(v);
	const struct ft_wide_entry *w = block_wides(v);
	if (a == NULL || e == NULL || w == NULL) {
		complain(o, i, "dictionary");
		return;
	}
	const struct ft_addr_entry *c = &a[r->v[FT_COL_client][k]];
	if (memcmp(c->address, made.client, 16) != 0 || memcmp(a[c->bare].address, made.client, 16) != 0)
		complain(o, i, "client");
	if (c->as != (made.present & FT_HAS_CLIENT_AS ? made.client_as : 0) ||
		c->mask != (made.present & FT_HAS_CLIENT_MASK ? made.client_mask : 255))
		complain(o, i, "client's AS or mask");
	if (memcmp(a[r->v[FT_COL_server][k]].address, made.server, 16) != 0)
		complain(o, i, "server");
	if (e[r->v[FT_COL_exporter][k]].address[12] != 192)
		complain(o, i, "exporter's address");
	if (e[r->v[FT_COL_exporter][k]].domain != made.domain || e[r->v[FT_COL_exporter][k]].version != 9)
		complain(o, i, "exporter");
	if (memcmp(w[r->v[FT_COL_client_mac][k]].value, ext.client_mac, 6) != 0 ||
		memcmp(w[r->v[FT_COL_next_hop][k]].value, ext.next_hop, 16) != 0)
		complain(o, i, "MAC or next hop");
}

static int
read_block(struct block_view *v, uint64_t n, uint8_t *have, struct seen *o)
{
	static _Thread_local struct rows r;
	uint32_t bytes;
	if (block_addrs(v) == NULL || block_exporters(v) == NULL || block_wides(v) == NULL)
		return FT_EFORMAT;
	(void)block_text(v, 1, &bytes);
	/* all of it before a row is counted: a damaged column makes the block bad, not some rows */
	for (unsigned c = 0; c < FT_COLUMNS; c++)
		for (uint32_t from = 0; from < v->rows; from += 4096)
			if (block_u64(v, (enum ft_column)c, from,
				    v->rows - from < 4096 ? v->rows - from : 4096, r.v[c]) != FT_OK)
				return FT_EFORMAT;
	for (uint32_t from = 0; from < v->rows;) {
		uint32_t take = v->rows - from < 4096 ? v->rows - from : 4096;
		for (unsigned c = 0; c < FT_COLUMNS; c++) {
			int rc = block_u64(v, (enum ft_column)c, from, take, r.v[c]);
			if (rc != FT_OK)
				return rc;
		}
		for (uint32_t k = 0; k < take; k++) {
			uint64_t i = r.v[FT_COL_session][k];
			if (i >= n) {
				complain(o, i, "was never sent");
				continue;
			}
			if (have[i])
				o->twice++;
			else
				o->distinct++;
			have[i] = 1;
			check_row(v, &r, k, o);
		}
		o->rows += take;
		from += take;
	}
	return FT_OK;
}

void
bench_read(struct bench *b, struct snapshot_reader *r, uint64_t n, struct seen *out)
{
	struct snapshot s;
	struct err err;
	uint8_t *have = calloc(n + 1, 1);
	(void)b;
	*out = (struct seen){0};
	if (snapshot_open(r, &s, &err) != FT_OK)
		fail_msg("snapshot_open: %s", err.text);
	out->missing_segments = s.missing_segments;
	for (uint32_t i = 0; i < s.n; i++) {
		struct block_view v;
		if (snapshot_view(&s, i, &v, &err) != FT_OK || read_block(&v, n, have, out) != FT_OK)
			out->bad_blocks++;
		if (!s.blocks[i].open && s.blocks[i].zone == NULL)
			out->unindexed++;
		if (s.blocks[i].zone) {
			const struct zone *z = s.blocks[i].zone;
			uint64_t first = 0, last = 0;
			for (uint32_t k = 0; k < v.rows; k++) {
				if (block_u64(&v, FT_COL_first_us, k, 1, &first) != FT_OK ||
					block_u64(&v, FT_COL_last_us, k, 1, &last) != FT_OK)
					break;
				if (!zone_may_overlap(z, (int64_t)first, (int64_t)first + 1) ||
					!zone_may_overlap(z, (int64_t)last, (int64_t)last + 1))
					complain(out, k, "the zone map denies a time");
				if (k > 200)
					k += 97;
			}
			const struct ft_addr_entry *a = block_addrs(&v);
			for (uint32_t k = 0; a && k < v.dict_count[FT_DICT_ADDR]; k++)
				if (!zone_may_have_address(z, a[k].address))
					complain(out, k, "the zone map denies an address");
		}
		block_view_close(&v);
	}
	snapshot_close(&s);
	free(have);
}

void
bench_expect(struct bench *b, uint64_t n)
{
	struct snapshot_reader *r;
	struct seen o;
	struct err err;
	if (snapshot_reader_open(&r, b->shm, b->database, true, &err) != FT_OK)
		fail_msg("%s", err.text);
	bench_read(b, r, n, &o);
	snapshot_reader_close(r);
	if (o.distinct != n || o.twice || o.foreign || o.bad_blocks || o.missing_segments)
		fail_msg("of %llu slices %llu are there, %llu twice, %llu wrong (%s), %llu blocks bad, %llu "
			 "segments missing",
			(unsigned long long)n, (unsigned long long)o.distinct, (unsigned long long)o.twice,
			(unsigned long long)o.foreign, o.why, (unsigned long long)o.bad_blocks,
			(unsigned long long)o.missing_segments);
}
