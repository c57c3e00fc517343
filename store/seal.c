/*
 * seal.c - a full open block becomes a packed value of the active segment (docs/block-format.md).
 *
 * Addresses are sorted (IPv4 first) and codes renumbered, so that they pack as small differences and a block of
 * few addresses has narrow codes; rows keep their order.  One LMDB transaction puts the packed block, deletes its
 * journal, and writes the empty first journal record of the next block; then the index entry, then the flip.
 */
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/block_format.h"
#include "common/counters.h"
#include "common/crash.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/segment_file.h"
#include "store/relate.h"
#include "store/store.h"

struct build {
	struct store *st;
	const struct open_block *b;
	const struct open_counts *n;
	struct codec_out *out;
	struct block_entry entry[BLOCK_MAX_COLUMNS];
	uint32_t entries;
	uint32_t *order, *rank; /* sorted position -> code, code -> sorted position */
	uint32_t v4;            /* addresses that are IPv4: the first ones of order */
	uint32_t *by;           /* values of the column that another may go by; made when first wanted */
	int by_column;          /* which one they are of + 1 */
};

static void
add_entry(struct build *k, unsigned id, const struct block_column *d, size_t offset, unsigned ref)
{
	CHECK(k->entries < BLOCK_MAX_COLUMNS);
	k->entry[k->entries++] = (struct block_entry){.id = (uint16_t)id,
		.encoding = d->encoding,
		.bits = d->bits,
		.count = (uint32_t)d->count,
		.base = d->base,
		.low = d->low,
		.high = d->high,
		.scale = d->scale,
		.ref = (uint16_t)ref,
		.offset = offset,
		.bytes = d->bytes,
		.checksum = d->bytes && !k->out->failed ? hash_bytes(k->out->p + offset, d->bytes, 0) : 0};
}

/* ---- the order of addresses ------------------------------------------------------------------------ */

struct v6_item {
	uint8_t address[16];
	uint32_t code;
};

static int
by_address(const void *a, const void *b)
{
	const struct v6_item *x = a, *y = b;
	int d = memcmp(x->address, y->address, 16);
	return d ? d : (x->code > y->code) - (x->code < y->code);
}

/* Sort by the upper half, stably: four passes of eight bits. */
static void
radix_sort(uint64_t *v, uint64_t *other, uint32_t n)
{
	for (unsigned pass = 0; pass < 4; pass++) {
		uint32_t at[257] = {0};
		unsigned shift = 32 + 8 * pass;
		for (uint32_t i = 0; i < n; i++)
			at[(v[i] >> shift & 255) + 1]++;
		for (unsigned i = 0; i < 256; i++)
			at[i + 1] += at[i];
		for (uint32_t i = 0; i < n; i++)
			other[at[v[i] >> shift & 255]++] = v[i];
		uint64_t *swap = v;
		v = other;
		other = swap;
	}
}

static int
order_addresses(struct build *k)
{
	uint32_t n = k->n->dict[FT_DICT_ADDR], n6 = 0;
	const struct ft_addr_entry *e = k->b->addr;
	uint64_t *v4 = malloc((n + 1) * sizeof *v4), *other = malloc((n + 1) * sizeof *other);
	struct v6_item *v6 = NULL;
	k->order = malloc((n + 1) * sizeof *k->order);
	k->rank = malloc((n + 1) * sizeof *k->rank);
	int rc = v4 && other && k->order && k->rank ? FT_OK : FT_ENOMEM;
	for (uint32_t i = 0; i < n && rc == FT_OK; i++) {
		if (addr_is_v4(e[i].address)) {
			uint32_t be;
			memcpy(&be, e[i].address + 12, 4);
			v4[k->v4++] = (uint64_t)__builtin_bswap32(be) << 32 | i;
		} else {
			n6++;
		}
	}
	if (rc == FT_OK && n6 > 0 && (v6 = malloc(n6 * sizeof *v6)) == NULL)
		rc = FT_ENOMEM;
	if (rc == FT_OK) {
		radix_sort(v4, other, k->v4);
		for (uint32_t i = 0; i < k->v4; i++)
			k->order[i] = (uint32_t)v4[i];
		uint32_t at = 0;
		for (uint32_t i = 0; i < n && n6 > 0; i++)
			if (!addr_is_v4(e[i].address)) {
				memcpy(v6[at].address, e[i].address, 16);
				v6[at++].code = i;
			}
		if (n6 > 1)
			qsort(v6, n6, sizeof *v6, by_address);
		for (uint32_t i = 0; i < n6; i++)
			k->order[k->v4 + i] = v6[i].code;
		for (uint32_t i = 0; i < n; i++)
			k->rank[k->order[i]] = i;
	}
	free(v4);
	free(other);
	free(v6);
	return rc;
}

/* ---- columns --------------------------------------------------------------------------------------- */

static const uint8_t *
column_at(const struct build *k, enum ft_column c)
{
	return k->b->column[c];
}

static void
widen(const uint8_t *from, unsigned bits, uint32_t n, uint64_t *out)
{
	codec_unpack_u64(from, bits, 0, n, 0, 1, out);
}

static unsigned
hints_of(enum ft_column c)
{
	switch (c) {
	case FT_COL_session:
		return CODEC_STEPWISE;
	case FT_COL_first_us:
		return CODEC_TIMES | CODEC_STEPWISE;
	case FT_COL_last_us: /* stored as a duration */
		return CODEC_TIMES | CODEC_TAIL;
	case FT_COL_start_us:
	case FT_COL_prev_us:
		return CODEC_TIMES;
	case FT_COL_client_bytes:
	case FT_COL_server_bytes:
	case FT_COL_client_packets:
	case FT_COL_server_packets:
		return CODEC_TAIL;
	case FT_COL_client:
	case FT_COL_server:
	case FT_COL_exporter:
	case FT_COL_client_port:
	case FT_COL_server_port:
	case FT_COL_proto:
		return CODEC_DIRECT;
	default:
		return 0;
	}
}

/* Columns of the server's side that often are the client's over again: then nothing is stored but that. */
static int
twin_of(enum ft_column c)
{
	switch (c) {
	case FT_COL_server_flags:
		return FT_COL_client_flags;
	case FT_COL_server_tos:
		return FT_COL_client_tos;
	case FT_COL_server_vlan:
		return FT_COL_client_vlan;
	case FT_COL_server_flows:
		return FT_COL_client_flows;
	default:
		return -1;
	}
}

/* It has one: columns are packed in their order. */
static const struct block_entry *
entry_of(const struct build *k, enum ft_column c)
{
	const struct block_entry *e = k->entry;
	while (e->id != c)
		e++;
	return e;
}

static bool
pack_twin(struct build *k, enum ft_column c)
{
	int other = twin_of(c);
	uint32_t n = k->n->rows;
	size_t bytes = (size_t)n * open_column_bits[c] / 8;
	if (other < 0 || n == 0 || memcmp(column_at(k, c), column_at(k, (enum ft_column)other), bytes) != 0)
		return false;
	const struct block_entry *e = entry_of(k, (enum ft_column)other);
	if (e->ref != 0) { /* itself said by another: the same bytes say both */
		k->entry[k->entries] = *e;
		k->entry[k->entries++].id = (uint16_t)c;
		return true;
	}
	struct block_column d = {
		.encoding = CODEC_CONST, .scale = 1, .count = n, .low = e->low, .high = e->high};
	add_entry(k, c, &d, 0, (unsigned)other + 1);
	return true;
}

/* A column's values as other columns go by them. */
static bool
take_by(struct build *k, enum ft_column c)
{
	uint32_t n = k->n->rows;
	const uint8_t *p = column_at(k, c);
	if (k->by_column == (int)c + 1)
		return true;
	if (k->by == NULL && (k->by = malloc(n * sizeof *k->by)) == NULL)
		return false;
	k->by_column = (int)c + 1;
	if (c == FT_COL_client || c == FT_COL_server) {
		const uint32_t *code = (const uint32_t *)(const void *)p;
		for (uint32_t i = 0; i < n; i++)
			k->by[i] = k->rank[code[i]];
	} else {
		codec_unpack_u32(p, open_column_bits[c], 0, n, 0, 1, k->by);
	}
	return true;
}

/* The column, if it goes by an earlier one and takes no more than `most` bytes. */
static bool
pack_by(struct build *k, enum ft_column c, const uint64_t *v, uint64_t most)
{
	int other = relate_by(c);
	struct block_column d;
	if (other < 0 || k->n->rows == 0)
		return false;
	const struct block_entry *e = entry_of(k, (enum ft_column)other);
	if (e->ref != 0 || e->low == e->high || e->high > UINT32_MAX || !take_by(k, (enum ft_column)other))
		return false;
	size_t at =
		codec_pack_by(k->out, v, k->n->rows, k->by, (uint32_t)e->low, (uint32_t)e->high, most, &d);
	if (at == 0)
		return false;
	add_entry(k, c, &d, at, (unsigned)other + 1);
	return true;
}

/* Nearly all rows have one value, as some of them tell: the column may be next to nothing by itself. */
static bool
mostly_one(const uint64_t *v, uint32_t n)
{
	enum { ASKED = 1024 };
	uint32_t step = n / ASKED + 1, asked = 0, same = 0;
	for (uint32_t i = 0; i < n; i += step, asked++)
		same += v[i] == v[n / 2];
	return same > asked - asked / 16;
}

/* What was packed last goes where something else was packed before it. */
static void
take_place(struct build *k, size_t at)
{
	struct block_entry *e = &k->entry[k->entries - 1];
	if (k->out->failed || e->bytes == 0)
		return;
	memmove(k->out->p + at, k->out->p + e->offset, e->bytes);
	k->out->used = at + e->bytes;
	e->offset = at;
}

/* bytes[i] becomes v[i] + the bias - bytes[i] / divisor; false if one is below 0.  The product with the divisor's inverse is the
 * exact quotient of numbers below 2^64 / divisor (the error of the inverse, below the divisor, is then less than 1). */
static bool
take_quotients(uint64_t *bytes, const uint64_t *v, uint32_t n, unsigned divisor)
{
	uint64_t inverse = UINT64_MAX / divisor + 1, most = UINT64_MAX / divisor - 1;
	bool fits = true;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t part = (uint64_t)((unsigned __int128)bytes[i] * inverse >> 64),
			 less = v[i] + BLOCK_DIVIDED_BIAS;
		fits &= bytes[i] <= most && part <= less;
		bytes[i] = less - part;
	}
	return fits;
}

static enum ft_column
packets_bytes(enum ft_column c)
{
	return c == FT_COL_client_packets   ? FT_COL_client_bytes
	       : c == FT_COL_server_packets ? FT_COL_server_bytes
					    : c;
}

/* Packets as what bytes do not say, if that takes a quarter of a byte a row less than by themselves (*plain, packed at `at`: its
 * place is taken; NULL: what they would take is not known yet, so that only next to nothing is sure to be less): readers of packets
 * have to read the bytes as well then. */
static bool
pack_divided(struct build *k, enum ft_column c, const uint64_t *v, unsigned divisor, size_t at,
	const struct block_column *plain)
{
	enum ft_column other = packets_bytes(c);
	uint32_t n = k->n->rows;
	uint64_t *bytes = k->st->wide[3], low, high;
	struct block_column d;
	codec_limits(v, n, &low, &high);
	if ((plain != NULL && plain->bytes < n / 4) || high >= INT32_MAX)
		return false;
	widen(column_at(k, other), open_column_bits[other], n, bytes);
	if (!take_quotients(bytes, v, n, divisor))
		return false;
	size_t end = k->out->used, now = codec_pack(k->out, bytes, n, hints_of(c), &d);
	if (k->out->failed || d.bytes + n / 4 > (plain ? plain->bytes : n / 4 + n / 8)) {
		k->out->used = end;
		return false;
	}
	d.low = low;
	d.high = high;
	add_entry(k, c, &d, now, (unsigned)other + 1);
	k->entry[k->entries - 1].divisor = (uint16_t)divisor;
	if (plain != NULL)
		take_place(k, at);
	return true;
}

/* What makes packets out of bytes; 0: nothing.  *sure: so much less that what they take by themselves need not be known. */
static unsigned
divisor_of(struct build *k, enum ft_column c, const uint64_t *v, bool *sure)
{
	enum ft_column other = packets_bytes(c);
	uint32_t n = k->n->rows;
	uint64_t plain = 0;
	*sure = false;
	if (other == c || !open_block_has(k->b, other))
		return 0;
	widen(column_at(k, other), open_column_bits[other], n, k->st->wide[3]);
	unsigned divisor = relate_divisor(v, k->st->wide[3], n, &plain);
	*sure = plain >= n / 2;
	return divisor;
}

static void
pack_column(struct build *k, enum ft_column c)
{
	const uint8_t *p = column_at(k, c);
	uint32_t n = k->n->rows;
	unsigned bits = open_column_bits[c], width = bits / 8, ref = 0;
	struct block_column d;
	uint64_t *v = k->st->wide[0];
	if (c == FT_COL_first_us) {
		v = k->st->wide[1]; /* kept: last_us is stored as the difference, and the zone map needs it */
	} else if (c == FT_COL_last_us) {
		v = k->st->wide[2];
	}
	if (!open_block_has(k->b, c)) {
		d = (struct block_column){.encoding = CODEC_CONST, .scale = 1, .count = n};
		add_entry(k, c, &d, 0, 0);
		return;
	}
	if (n > 0 && c != FT_COL_client && c != FT_COL_server && v == k->st->wide[0] &&
		(n == 1 || memcmp(p, p + width, (size_t)(n - 1) * width) == 0)) {
		uint64_t x = 0;
		memcpy(&x, p, width);
		d = (struct block_column){
			.encoding = CODEC_CONST, .scale = 1, .count = n, .base = x, .low = x, .high = x};
		add_entry(k, c, &d, 0, 0);
		return;
	}
	if (pack_twin(k, c))
		return;
	if (c == FT_COL_client || c == FT_COL_server) {
		const uint32_t *code = (const uint32_t *)(const void *)p;
		for (uint32_t i = 0; i < n; i++)
			v[i] = k->rank[code[i]];
	} else {
		widen(p, bits, n, v);
	}
	if (c == FT_COL_last_us) {
		uint64_t low = UINT64_MAX, high = 0;
		for (uint32_t i = 0; i < n; i++) {
			low = v[i] < low ? v[i] : low;
			high = v[i] > high ? v[i] : high;
			k->st->wide[0][i] = v[i] - k->st->wide[1][i];
		}
		ref = FT_COL_first_us + 1;
		size_t at = codec_pack(k->out, k->st->wide[0], n, hints_of(c), &d);
		d.low = low;
		d.high = high;
		add_entry(k, c, &d, at, ref);
		return;
	}
	if (pack_by(k, c, v, mostly_one(v, n) ? n / 32 : n / 12))
		return; /* hardly anything else takes as little */
	bool sure;
	unsigned divisor = divisor_of(k, c, v, &sure);
	if (divisor != 0 && sure && pack_divided(k, c, v, divisor, 0, NULL))
		return;
	size_t at = codec_pack(k->out, v, n, hints_of(c), &d);
	if (divisor != 0 && pack_divided(k, c, v, divisor, at, &d))
		return;
	if (relate_by(c) >= 0 && d.bytes > n / 32 && pack_by(k, c, v, d.bytes - d.bytes / 4)) {
		take_place(k, at);
		return;
	}
	add_entry(k, c, &d, at, ref);
}

/* ---- dictionaries ---------------------------------------------------------------------------------- */

static void
pack_part(struct build *k, enum block_part id, const uint64_t *v, uint64_t n, unsigned hints)
{
	struct block_column d;
	size_t at = codec_pack(k->out, v, n, hints, &d);
	add_entry(k, id, &d, at, 0);
}

static uint64_t
be64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return __builtin_bswap64(v);
}

#define PART(id, expression)                                                                                 \
	do {                                                                                                 \
		for (uint32_t i = 0; i < n; i++) {                                                           \
			const struct ft_addr_entry *e = &a[i];                                               \
			v[i] = (expression);                                                                 \
		}                                                                                            \
		pack_part(k, id, v, n, 0);                                                                   \
	} while (0)

static int
pack_addresses(struct build *k)
{
	uint32_t n = k->n->dict[FT_DICT_ADDR];
	uint64_t *v = k->st->wide[0];
	struct ft_addr_entry *a = malloc((n + 1) * sizeof *a);
	if (a == NULL)
		return FT_ENOMEM;
	for (uint32_t i = 0; i < n; i++) /* anywhere in memory: once, not for each part */
		a[i] = k->b->addr[k->order[i]];
	for (uint32_t i = 0; i < k->v4; i++)
		v[i] = be64(a[i].address + 8) & UINT32_MAX;
	pack_part(k, BLOCK_PART_V4, v, k->v4, CODEC_ASCENDING);
	for (uint32_t i = k->v4; i < n; i++)
		v[i - k->v4] = be64(a[i].address);
	pack_part(k, BLOCK_PART_V6_HIGH, v, n - k->v4, 0);
	for (uint32_t i = k->v4; i < n; i++)
		v[i - k->v4] = be64(a[i].address + 8);
	pack_part(k, BLOCK_PART_V6_LOW, v, n - k->v4, 0);
	/* the first of those with one address; most are their own, so the distance to it is stored as a whole */
	for (uint32_t i = 0; i < n; i++)
		v[i] = i > 0 && memcmp(a[i].address, a[i - 1].address, 16) == 0 ? v[i - 1] : i;
	pack_part(k, BLOCK_PART_BARE, v, n, CODEC_ASCENDING);
	PART(BLOCK_PART_AS, e->as);
	PART(BLOCK_PART_GROUP, e->group);
	PART(BLOCK_PART_TAG_VERSION, e->tag_version);
	PART(BLOCK_PART_COUNTRY, e->country);
	PART(BLOCK_PART_MASK, e->mask);
	/* where the exporter sent the mask the netblock is that, and nothing is left of it */
	bool beyond = false;
	for (uint32_t i = 0; i < n; i++)
		beyond |= a[i].net_bits < a[i].mask;
	if (beyond) {
		PART(BLOCK_PART_NET_BITS, e->net_bits);
	} else {
		PART(BLOCK_PART_NET_BITS, (uint64_t)(e->net_bits - e->mask));
		k->entry[k->entries - 1].ref = BLOCK_PART_MASK + 1;
	}
	free(a);
	return FT_OK;
}

static void
pack_raw(struct build *k, enum block_part id, const void *bytes, uint64_t n)
{
	struct block_column d;
	size_t at = codec_pack_bytes(k->out, bytes, n, &d);
	add_entry(k, id, &d, at, 0);
}

/* ---- the zone map ---------------------------------------------------------------------------------- */

static void
zone_times(struct build *k, struct zone *z)
{
	const uint64_t *first = k->st->wide[1], *last = k->st->wide[2];
	const uint64_t *start = (const uint64_t *)(const void *)column_at(k, FT_COL_start_us);
	int64_t low = 1, high = 0; /* the span hit last: most rows lie in it */
	z->min_start_us = INT64_MAX;
	for (uint32_t i = 0; i < k->n->rows; i++) {
		int64_t a = (int64_t)first[i], b = (int64_t)last[i], s = start[i] ? (int64_t)start[i] : a;
		z->min_start_us = s < z->min_start_us ? s : z->min_start_us;
		if (a >= low && b <= high)
			continue;
		zone_add_span(z, a, b);
		low = 1;
		high = 0;
		for (uint32_t q = 0; q < z->spans; q++)
			if (z->span[q].first_us <= a && z->span[q].last_us >= b) {
				low = z->span[q].first_us;
				high = z->span[q].last_us;
			}
	}
}

static uint64_t *
zone_addresses(struct build *k, struct zone *z)
{
	uint32_t n = k->n->dict[FT_DICT_ADDR], words = zone_filter_words(n);
	for (uint32_t i = 0; i < k->n->dict[FT_DICT_EXPORTER]; i++) {
		const uint8_t *a = k->b->exporter[i].address;
		uint32_t at = 0, kept = z->exporters < ZONE_EXPORTERS ? z->exporters : ZONE_EXPORTERS;
		while (at < kept && memcmp(z->exporter[at], a, 16) != 0)
			at++;
		if (at < kept)
			continue;
		if (kept < ZONE_EXPORTERS)
			memcpy(z->exporter[kept], a, 16);
		z->exporters = kept + 1;
	}
	uint64_t *filter = words ? calloc(words, sizeof *filter) : NULL;
	if (filter == NULL)
		return NULL;
	z->filter_words = words;
	z->address_filter = filter;
	for (uint32_t i = 0; i < n; i++)
		if (k->b->addr[i].bare == i)
			zone_filter_add(filter, words, k->b->addr[i].address);
	return filter;
}

/* ---- all together ---------------------------------------------------------------------------------- */

static void
finish_block(struct build *k, const struct zone *z, uint64_t commit, size_t head)
{
	codec_align(k->out, BLOCK_ALIGN);
	if (k->out->failed)
		return;
	struct block_header h = {.version = FT_BLOCK_VERSION,
		.bytes = k->out->used,
		.segment = k->st->segment,
		.block = k->st->block,
		.rows = k->n->rows,
		.columns = k->entries,
		.commit = commit,
		.sealed_us = wall_now().us,
		.min_start_us = z->min_start_us,
		.min_first_us = INT64_MAX,
		.max_last_us = INT64_MIN};
	memcpy(h.magic, FT_BLOCK_MAGIC, sizeof h.magic);
	h.head_bytes = (uint32_t)head;
	memcpy(h.store_uuid, k->st->uuid, 16);
	memcpy(h.segment_uuid, k->st->segment_uuid, 16);
	memcpy(h.dict_count, k->n->dict, sizeof h.dict_count);
	if (z->spans > 0) {
		h.min_first_us = z->span[0].first_us;
		h.max_last_us = z->span[z->spans - 1].last_us;
	}
	memcpy(k->out->p, &h, sizeof h);
	memcpy(k->out->p + sizeof h, k->entry, k->entries * sizeof k->entry[0]);
	h.checksum = block_head_checksum((const void *)k->out->p);
	memcpy(k->out->p, &h, sizeof h);
}

int
seal_pack(struct store *st, const struct open_block *b, const struct open_counts *counts, uint64_t commit,
	struct zone *zone, uint64_t **filter, struct err *err)
{
	struct build k = {.st = st, .b = b, .n = counts, .out = &st->pack};
	/* room for the head: every column and part has an entry */
	size_t head =
		(sizeof(struct block_header) + (FT_COLUMNS + BLOCK_PARTS) * sizeof(struct block_entry) + 63) &
		~(size_t)63;
	*zone = (struct zone){.commit = commit, .rows = counts->rows};
	*filter = NULL;
	memcpy(zone->segment_uuid, st->segment_uuid, 16);
	st->pack.used = 0;
	if (order_addresses(&k) != FT_OK || codec_room(&st->pack, head) == NULL) {
		free(k.order);
		free(k.rank);
		return err_set(err, FT_ENOMEM, "out of memory for sealing a block");
	}
	for (unsigned c = 0; c < FT_COLUMNS; c++)
		pack_column(&k, (enum ft_column)c);
	zone_times(&k, zone);
	bool ok = pack_addresses(&k) == FT_OK;
	pack_raw(&k, BLOCK_PART_EXPORTERS, b->exporter,
		(uint64_t)counts->dict[FT_DICT_EXPORTER] * sizeof *b->exporter);
	pack_raw(&k, BLOCK_PART_WIDE, b->wide, (uint64_t)counts->dict[FT_DICT_WIDE] * sizeof *b->wide);
	pack_raw(&k, BLOCK_PART_TEXT, b->text, (uint64_t)counts->dict[FT_DICT_TEXT] * sizeof *b->text);
	pack_raw(&k, BLOCK_PART_HEAP, b->heap, counts->heap);
	*filter = zone_addresses(&k, zone);
	finish_block(&k, zone, commit, head);
	free(k.order);
	free(k.rank);
	free(k.by);
	if (!ok || st->pack.failed) {
		free(*filter);
		*filter = NULL;
		codec_out_free(&st->pack);
		return err_set(err, FT_ENOMEM, "out of memory for sealing a block");
	}
	struct block_header h;
	memcpy(&h, st->pack.p, sizeof h);
	zone->bytes = h.bytes;
	zone->checksum = h.checksum;
	return FT_OK;
}

/* The transaction.  The rows since the last journal record need no record of their own: they are in the block. */
static int
seal_commit(struct store *st, uint64_t commit, struct err *err)
{
	struct kv_txn *t;
	struct open_counts empty = open_block_empty();
	int rc = segment_space(st, st->pack.used * 2 + (1 << 20), err);
	if (rc == FT_OK)
		rc = main_begin(st->kv, true, &t, err);
	if (rc != FT_OK)
		return rc;
	struct segment_key k = segment_key(KEY_BLOCK, st->block, 0);
	/* deleted first, so that their pages may be used for the block */
	for (uint32_t seq = 0; seq < st->journal_seq && rc == FT_OK; seq++) {
		struct segment_key j = segment_key(KEY_JOURNAL, st->block, seq);
		rc = kv_del(t, MAIN_DB, j.b, sizeof j.b, err);
		rc = rc == FT_ENOENT ? FT_OK : rc;
	}
	if (rc == FT_OK)
		rc = kv_put(t, MAIN_DB, k.b, sizeof k.b, st->pack.p, st->pack.used, err);
	if (rc == FT_OK)
		rc = journal_put(st, t, st->segment, st->block + 1, 0, &empty, &empty, commit, err);
	if (rc != FT_OK) {
		kv_abort(t);
		return rc;
	}
	return kv_commit(t, err);
}

struct guarded {
	struct store *st;
	uint64_t commit;
	struct err *err;
};

static int
seal_guarded(void *ctx)
{
	struct guarded *g = ctx;
	return seal_commit(g->st, g->commit, g->err);
}

static void
index_sealed(struct store *st, uint32_t block, struct zone *z)
{
	struct kv_txn *t;
	struct kv_bytes v;
	struct segment_key k = segment_key(KEY_BLOCK, block, 0);
	if (main_begin(st->kv, false, &t, NULL) != FT_OK)
		return;
	if (kv_get(t, MAIN_DB, k.b, sizeof k.b, &v) == FT_OK) {
		z->file_offset = segment_offset(v.p);
		(void)index_put_block(st, st->segment, block, z);
	}
	kv_abort(t);
}

int
seal_block(struct store *st, struct err *err)
{
	struct open_counts now = store_counts(st);
	struct zone z;
	uint64_t *filter;
	mono_t began = mono_now();
	if (now.rows == 0)
		return FT_OK;
	int rc = seal_pack(st, &st->open, &now, st->commit + 1, &z, &filter, err);
	if (rc != FT_OK)
		return rc;
	struct guarded g = {st, st->commit + 1, err};
	rc = guard_run_wild(seal_guarded, &g);
	st->damaged = rc == FT_EFORMAT;
	if (rc != FT_OK) {
		counter_add(COUNTER_store_commit_failures, 1);
		free(filter);
		return rc;
	}
	crash_point("seal: committed");
	st->commit++;
	index_sealed(st, st->block, &z);
	free(filter);
	st->segment_rows += now.rows;
	st->sealed_rows += now.rows;
	st->block++; /* LMDB has it; the flip below makes shared memory agree */
	st->journal_seq = 1;
	st->durable = open_block_empty();
	counter_add(COUNTER_store_blocks, 1);
	counter_add(COUNTER_store_commits, 1);
	counter_add(COUNTER_store_commit_us, (uint64_t)mono_since(mono_now(), began).us);
	log_medium("sealed block %u of segment %u: %u slices in %zu bytes, %lld us", st->block - 1,
		st->segment, now.rows, st->pack.used, (long long)mono_since(mono_now(), began).us);
	return FT_OK;
}
