/*
 * block_view.c - reading blocks (block_view.h, docs/block-format.md).
 *
 * Nothing a block says is believed before it was held against the bytes there are: the header by its checksum,
 * each column's place by its directory entry, its structure by codec, its contents by xxh3, and codes by the
 * size of the dictionary they point into, so that whoever scans may index by code without asking.
 */
#include "common/block_view.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/segment_file.h"
#include "common/vector.h"

#define DICT_NONE FT_DICT_NONE
#define DICT_ADDR FT_DICT_ADDR
#define DICT_EXPORTER FT_DICT_EXPORTER
#define DICT_WIDE FT_DICT_WIDE
#define DICT_TEXT FT_DICT_TEXT
static const int8_t column_dict[FT_COLUMNS] = {
#define COLUMN(name, bits, dictionary, value) [FT_COL_##name] = DICT_##dictionary,
#include "common/fields.def"
#undef COLUMN
};
static const uint8_t column_bits[FT_COLUMNS] = {
#define COLUMN(name, bits, dictionary, value) [FT_COL_##name] = bits,
#include "common/fields.def"
#undef COLUMN
};

static void
all_absent(struct block_view *v)
{
	for (unsigned c = 0; c < FT_COLUMNS; c++)
		v->column[c] = (struct block_column){.encoding = CODEC_CONST,
			.scale = 1,
			.count = v->rows,
			.sound = true,
			.checked = true};
	for (unsigned c = 0; c < sizeof v->dict_column / sizeof v->dict_column[0]; c++)
		v->dict_column[c] = (struct block_column){.encoding = CODEC_CONST, .scale = 1};
}

static bool
within(uint64_t offset, uint64_t bytes, uint64_t size)
{
	return offset <= size && bytes <= size - offset;
}

int
block_view_open(struct block_view *v, const struct ft_open_header *h, const struct ft_catalog_record *r,
	struct err *err)
{
	static const uint32_t entry_bytes[FT_DICTS] = {sizeof(struct ft_addr_entry),
		sizeof(struct ft_exporter_entry), sizeof(struct ft_wide_entry), sizeof(struct ft_text_entry)};
	const uint8_t *base = (const uint8_t *)h;
	uint64_t size = h->seg.size;
	*v = (struct block_view){.open = true,
		.segment = h->segment,
		.block = h->block,
		.rows = r->rows,
		.base = base,
		.base_bytes = size,
		.min_first_us = INT64_MIN,
		.max_last_us = INT64_MAX,
		.min_start_us = INT64_MIN};
	all_absent(v);
	if (r->rows > h->capacity || h->columns > 64 || !within(h->heap, r->heap, size))
		return err_set(
			err, FT_EFORMAT, "open block %u.%u: its header is damaged", h->segment, h->block);
	for (unsigned c = 0; c < FT_COLUMNS && c < h->columns; c++) {
		uint64_t bytes = (uint64_t)r->rows * column_bits[c] / 8;
		if (!within(h->column[c], bytes, size))
			return err_set(err, FT_EFORMAT, "open block %u.%u: its header is damaged", h->segment,
				h->block);
		v->column[c] = (struct block_column){.encoding = CODEC_PACKED,
			.bits = column_bits[c],
			.scale = 1,
			.high = UINT64_MAX,
			.count = r->rows,
			.data = base + h->column[c],
			.bytes = bytes,
			.sound = true,
			.checked = true};
	}
	for (unsigned d = 0; d < FT_DICTS; d++) {
		if (!within(h->dict[d], (uint64_t)r->dict[d] * entry_bytes[d], size))
			return err_set(err, FT_EFORMAT, "open block %u.%u: its header is damaged", h->segment,
				h->block);
		v->dict_count[d] = r->dict[d];
	}
	v->addr = (const void *)(base + h->dict[FT_DICT_ADDR]);
	v->exporter = (const void *)(base + h->dict[FT_DICT_EXPORTER]);
	v->wide = (const void *)(base + h->dict[FT_DICT_WIDE]);
	v->text = (const void *)(base + h->dict[FT_DICT_TEXT]);
	v->heap = base + h->heap;
	v->heap_bytes = r->heap;
	return FT_OK;
}

/* ---- sealed ------------------------------------------------------------------------------------- */

static int
read_header(const uint8_t *bytes, size_t n, struct block_header *h, struct err *err)
{
	if (n < sizeof *h)
		return err_set(err, FT_EFORMAT, "a block of %zu bytes is too short", n);
	memcpy(h, bytes, sizeof *h);
	if (memcmp(h->magic, FT_BLOCK_MAGIC, sizeof h->magic) != 0)
		return err_set(err, FT_EFORMAT, "not a block: its magic is wrong");
	if (h->version == 0 || h->version > FT_BLOCK_VERSION)
		return err_set(err, FT_EFORMAT,
			"block %u.%u is of version %u, newer than this program reads (%u): update Flowtrove",
			h->segment, h->block, h->version, FT_BLOCK_VERSION);
	if (h->bytes > n || h->columns > BLOCK_MAX_COLUMNS ||
		h->head_bytes < sizeof *h + h->columns * sizeof(struct block_entry) ||
		h->head_bytes > h->bytes)
		return err_set(err, FT_EFORMAT, "block %u.%u is cut short or its header is damaged",
			h->segment, h->block);
	if (block_head_checksum((const void *)bytes) != h->checksum)
		return err_set(err, FT_EFORMAT, "block %u.%u: the checksum of its header is wrong",
			h->segment, h->block);
	return FT_OK;
}

static struct block_column *
column_of(struct block_view *v, unsigned id)
{
	if (id < FT_COLUMNS)
		return &v->column[id];
	if (id >= BLOCK_PART_FIRST && id < BLOCK_PART_FIRST + BLOCK_PARTS)
		return &v->dict_column[id - BLOCK_PART_FIRST];
	return NULL; /* of a later version: skipped */
}

/* A column refers to a column, a part of a dictionary to a part. */
static bool
ref_fits(const struct block_entry *e)
{
	if (e->ref == 0)
		return e->encoding != CODEC_BY;
	return e->id < FT_COLUMNS ? e->ref <= FT_COLUMNS
				  : e->encoding != CODEC_BY && e->divisor <= 1 && e->ref > BLOCK_PART_FIRST &&
					    e->ref <= BLOCK_PART_FIRST + BLOCK_PARTS;
}

int
block_view_sealed(struct block_view *v, const void *bytes, size_t n, bool check, struct err *err)
{
	struct block_header h;
	*v = (struct block_view){.base = bytes};
	int rc = read_header(bytes, n, &h, err);
	if (rc != FT_OK)
		return rc;
	v->base_bytes = h.bytes;
	v->segment = h.segment;
	v->block = h.block;
	v->rows = h.rows;
	v->check = check;
	v->min_first_us = h.min_first_us;
	v->max_last_us = h.max_last_us;
	v->min_start_us = h.min_start_us;
	v->commit = h.commit;
	v->checksum = h.checksum;
	memcpy(v->segment_uuid, h.segment_uuid, sizeof v->segment_uuid);
	memcpy(v->dict_count, h.dict_count, sizeof v->dict_count);
	all_absent(v);
	for (unsigned i = 0; i < h.columns; i++) {
		struct block_entry e;
		memcpy(&e, (const uint8_t *)bytes + sizeof h + i * sizeof e, sizeof e);
		struct block_column *c = column_of(v, e.id);
		if (c == NULL)
			continue;
		if (!within(e.offset, e.bytes, h.bytes) || e.scale == 0 ||
			(e.id < FT_COLUMNS && e.count != h.rows) || !ref_fits(&e) || e.encoding >= CODECS)
			return err_set(
				err, FT_EFORMAT, "block %u.%u: its directory is damaged", h.segment, h.block);
		*c = (struct block_column){.encoding = e.encoding,
			.bits = e.bits,
			.ref = e.ref,
			.divisor = e.divisor,
			.scale = e.scale,
			.base = e.base,
			.low = e.low,
			.high = e.high,
			.count = e.count,
			.data = (const uint8_t *)bytes + e.offset,
			.bytes = e.bytes,
			.checksum = e.checksum,
			.checked = e.bytes == 0};
	}
	/* one step only: what a difference refers to is no difference itself */
	bool chain = false;
	for (unsigned i = 0; i < FT_COLUMNS; i++)
		chain |= v->column[i].ref != 0 && v->column[v->column[i].ref - 1].ref != 0;
	for (unsigned i = 0; i < BLOCK_PARTS; i++)
		chain |= v->dict_column[i].ref != 0 &&
			 v->dict_column[v->dict_column[i].ref - 1 - BLOCK_PART_FIRST].ref != 0;
	if (chain)
		return err_set(err, FT_EFORMAT, "block %u.%u: its directory is damaged", h.segment, h.block);
	return FT_OK;
}

void
block_view_close(struct block_view *v)
{
	for (unsigned c = 0; c < FT_COLUMNS; c++)
		free(v->column[c].unpacked);
	for (unsigned c = 0; c < sizeof v->dict_column / sizeof v->dict_column[0]; c++)
		free(v->dict_column[c].unpacked);
	for (unsigned i = 0; i < sizeof v->owned / sizeof v->owned[0]; i++)
		free(v->owned[i]);
	*v = (struct block_view){0};
}

/* true: the bytes are what was written.  What is known of them from another view of the mapping is not looked at again. */
static bool
verified(struct block_view *v, struct block_column *c, unsigned id)
{
	if (c->checked || !v->check)
		return true;
	_Atomic uint64_t *word = v->verified ? &v->verified[id / 64] : NULL;
	uint64_t bit = UINT64_C(1) << id % 64;
	if (word == NULL || (atomic_load_explicit(word, memory_order_relaxed) & bit) == 0) {
		if (hash_bytes(c->data, c->bytes, 0) != c->checksum)
			return false;
		if (word != NULL)
			atomic_fetch_or_explicit(word, bit, memory_order_relaxed);
	} else
		c->fits = (atomic_load_explicit(word + 2, memory_order_relaxed) & bit) != 0;
	c->checked = true;
	return true;
}

/* the column was read: its structure is good */
static inline void
read_well(struct block_view *v, struct block_column *c, unsigned id)
{
	if (c->fits || !c->sound || v->verified == NULL || !v->check)
		return;
	c->fits = true;
	atomic_fetch_or_explicit(&v->verified[id / 64 + 2], UINT64_C(1) << id % 64, memory_order_relaxed);
}

VECTOR static uint32_t
largest_u32(const uint32_t *v, uint32_t n)
{
	uint32_t most = 0;
	for (uint32_t i = 0; i < n; i++)
		most = v[i] > most ? v[i] : most;
	return most;
}

/* x / divisor below 2^31: (x + 1/2) / divisor lies at least 1 / (2 divisor) away from any whole number, and what
 * multiplying by a rounded reciprocal may be wrong by is below 2^-21 / divisor. */
VECTOR static void
divide_small(uint64_t *out, uint32_t n, unsigned divisor)
{
	double reciprocal = 1.0 / divisor;
	for (uint32_t i = 0; i < n; i++)
		out[i] = (uint64_t)(uint32_t)(int32_t)(((double)(int32_t)out[i] + 0.5) * reciprocal);
}

VECTOR static uint64_t
any_bits(const uint64_t *v, uint32_t n)
{
	uint64_t bits = 0;
	for (uint32_t i = 0; i < n; i++)
		bits |= v[i];
	return bits;
}

/* x / divisor for all of out; reciprocal: 2^64 / divisor, rounded up, is right below 2^48. */
static void
divide(uint64_t *out, uint32_t n, unsigned divisor)
{
	if (any_bits(out, n) >> 31 == 0) {
		divide_small(out, n, divisor);
		return;
	}
	uint64_t reciprocal = UINT64_MAX / divisor + 1;
	for (uint32_t i = 0; i < n; i++)
		out[i] = out[i] >> 48 ? out[i] / divisor
				      : (uint64_t)((unsigned __int128)out[i] * reciprocal >> 64);
}

/* What a column is a difference to, added; other is changed. */
static void
add_rows(const struct block_column *c, uint32_t n, uint64_t *other, uint64_t *out)
{
	if (c->divisor > 1)
		divide(other, n, c->divisor);
	uint64_t less = c->divisor > 1 ? BLOCK_DIVIDED_BIAS : 0;
	for (uint32_t i = 0; i < n; i++)
		out[i] += other[i] - less;
}

static int
add_other(struct block_view *v, const struct block_column *c, uint32_t from, uint32_t n, uint64_t *out)
{
	uint64_t other[1024];
	int rc = FT_OK;
	for (uint32_t done = 0; done < n && rc == FT_OK;) {
		uint32_t take = n - done < 1024 ? n - done : 1024;
		rc = block_u64(v, (enum ft_column)(c->ref - 1), from + done, take, other);
		if (rc == FT_OK)
			add_rows(c, take, other, out + done);
		done += take;
	}
	return rc;
}

int
block_ref(const struct block_view *v, enum ft_column id)
{
	const struct block_column *c = &v->column[id];
	return c->encoding == CODEC_BY ? -1 : c->ref - 1;
}

int
block_u64_of(struct block_view *v, enum ft_column id, uint32_t from, uint32_t n, const uint64_t *other,
	uint64_t *out)
{
	struct block_column *c = &v->column[id];
	uint64_t copy[1024];
	if (!verified(v, c, id))
		return FT_EFORMAT;
	int rc = codec_u64(c, from, n, out);
	read_well(v, c, id);
	for (uint32_t done = 0, take; done < n && rc == FT_OK; done += take) {
		take = n - done < 1024 ? n - done : 1024;
		memcpy(copy, other + done, take * sizeof *copy);
		add_rows(c, take, copy, out + done);
	}
	return rc;
}

bool
block_picks(const struct block_view *v, enum ft_column id)
{
	const struct block_column *c = &v->column[id];
	return codec_picks(c) && (c->ref == 0 || codec_picks(&v->column[c->ref - 1]));
}

int
block_pick_u64(struct block_view *v, enum ft_column id, uint32_t from, const uint16_t *row, uint32_t n,
	uint64_t *out)
{
	struct block_column *c = &v->column[id];
	if (!verified(v, c, id))
		return FT_EFORMAT;
	int rc = codec_pick_u64(c, from, row, n, out);
	read_well(v, c, id);
	for (uint32_t done = 0, take; done < n && rc == FT_OK && c->ref != 0; done += take) {
		uint64_t other[512];
		take = n - done < 512 ? n - done : 512;
		rc = block_pick_u64(v, (enum ft_column)(c->ref - 1), from, row + done, take, other);
		if (rc == FT_OK)
			add_rows(c, take, other, out + done);
	}
	if (rc == FT_OK && column_dict[id] >= 0) {
		uint64_t most = 0;
		for (uint32_t i = 0; i < n; i++)
			most = out[i] > most ? out[i] : most;
		if (most >= v->dict_count[column_dict[id]] && (most > 0 || column_dict[id] < FT_DICT_WIDE))
			return FT_EFORMAT;
	}
	return rc;
}

int
block_u64(struct block_view *v, enum ft_column id, uint32_t from, uint32_t n, uint64_t *out)
{
	struct block_column *c = &v->column[id];
	if (n == 0)
		return FT_OK;
	if (!verified(v, c, id))
		return FT_EFORMAT;
	int rc;
	if (c->encoding == CODEC_BY) {
		rc = block_u64(v, (enum ft_column)(c->ref - 1), from, n, out);
		if (rc == FT_OK)
			rc = codec_by_u64(c, from, n, out);
	} else {
		rc = codec_u64(c, from, n, out);
		read_well(v, c, id);
		if (rc == FT_OK && c->ref != 0)
			rc = add_other(v, c, from, n, out);
	}
	if (rc == FT_OK && column_dict[id] >= 0) {
		uint64_t most = 0;
		for (uint32_t i = 0; i < n; i++)
			most = out[i] > most ? out[i] : most;
		if (most >= v->dict_count[column_dict[id]] && (most > 0 || column_dict[id] < FT_DICT_WIDE))
			return FT_EFORMAT;
	}
	return rc;
}

int
block_u32(struct block_view *v, enum ft_column id, uint32_t from, uint32_t n, uint32_t *out)
{
	struct block_column *c = &v->column[id];
	if (n == 0)
		return FT_OK;
	if (!verified(v, c, id))
		return FT_EFORMAT;
	if (c->ref != 0 && c->encoding != CODEC_BY) {
		uint64_t wide[512];
		for (uint32_t done = 0; done < n;) {
			uint32_t take = n - done < 512 ? n - done : 512;
			int rc = block_u64(v, id, from + done, take, wide);
			if (rc != FT_OK)
				return rc;
			for (uint32_t i = 0; i < take; i++)
				out[done + i] = (uint32_t)wide[i];
			done += take;
		}
		return FT_OK;
	}
	int rc;
	if (c->encoding == CODEC_BY) {
		rc = block_u32(v, (enum ft_column)(c->ref - 1), from, n, out);
		if (rc == FT_OK)
			rc = codec_by_u32(c, from, n, out);
	} else {
		rc = codec_u32(c, from, n, out);
		read_well(v, c, id);
	}
	if (rc == FT_OK && column_dict[id] >= 0) {
		uint32_t most = largest_u32(out, n);
		if (most >= v->dict_count[column_dict[id]] && (most > 0 || column_dict[id] < FT_DICT_WIDE))
			return FT_EFORMAT;
	}
	return rc;
}

static int
sum_of(struct block_view *v, enum ft_column id, uint64_t *sum)
{
	struct block_column *c = &v->column[id];
	uint64_t other = 0;
	if (!verified(v, c, id))
		return FT_EFORMAT;
	if (c->encoding == CODEC_BY || c->divisor > 1) { /* row by row */
		uint64_t run[1024];
		int rc = FT_OK;
		for (uint32_t at = 0; at < v->rows && rc == FT_OK; at += 1024) {
			uint32_t take = v->rows - at < 1024 ? v->rows - at : 1024;
			rc = block_u64(v, id, at, take, run);
			for (uint32_t i = 0; i < take && rc == FT_OK; i++)
				*sum += run[i];
		}
		return rc;
	}
	int rc = codec_sum(c, sum);
	if (rc == FT_OK && c->ref != 0)
		rc = block_sum(v, (enum ft_column)(c->ref - 1), &other);
	*sum += other;
	return rc;
}

/* word of `sums`, 0: of none */
static unsigned
sum_place(enum ft_column id)
{
	switch (id) {
	case FT_COL_client_bytes:
		return 1;
	case FT_COL_server_bytes:
		return 2;
	case FT_COL_client_packets:
		return 3;
	case FT_COL_server_packets:
		return 4;
	case FT_COL_client_flows:
		return 5;
	case FT_COL_server_flows:
		return 6;
	default:
		return 0;
	}
}

/* Two threads may both find a sum not known: they store the same. */
int
block_sum(struct block_view *v, enum ft_column id, uint64_t *sum)
{
	unsigned at = v->sums != NULL ? sum_place(id) : 0;
	*sum = 0;
	if (at != 0 && (atomic_load_explicit(&v->sums[0], memory_order_acquire) >> at & 1)) {
		*sum = atomic_load_explicit(&v->sums[at], memory_order_relaxed);
		return FT_OK;
	}
	int rc = sum_of(v, id, sum);
	if (rc == FT_OK && at != 0) {
		atomic_store_explicit(&v->sums[at], *sum, memory_order_relaxed);
		atomic_fetch_or_explicit(&v->sums[0], UINT64_C(1) << at, memory_order_release);
	}
	return rc;
}

bool
block_constant(struct block_view *v, enum ft_column id, uint64_t *value)
{
	const struct block_column *c = &v->column[id];
	if (c->encoding != CODEC_CONST || c->ref != 0)
		return false;
	*value = c->base;
	return true;
}

bool
block_range(struct block_view *v, enum ft_column id, uint64_t *min, uint64_t *max)
{
	const struct block_column *c = &v->column[id];
	if (c->encoding == CODEC_CONST && c->ref == 0) {
		*min = *max = c->base;
		return true;
	}
	if (v->open)
		return false;
	*min = c->low;
	*max = c->high;
	return true;
}

/* ---- dictionaries -------------------------------------------------------------------------------- */

/* A part of n numbers, unpacked; NULL on damage.  A part that isn't there reads as 0. */
static uint64_t *
part_u64(struct block_view *v, enum block_part id, uint64_t n)
{
	struct block_column *c = &v->dict_column[id - BLOCK_PART_FIRST];
	uint64_t *out;
	if ((c->count != n && (c->count != 0 || c->bytes != 0)) || n > UINT32_MAX || !verified(v, c, id))
		return NULL;
	out = calloc(n + 1, sizeof *out);
	if (out != NULL && c->count == n && codec_u64(c, 0, n, out) != FT_OK) {
		free(out);
		return NULL;
	}
	if (out != NULL && c->ref != 0) {
		uint64_t *other = part_u64(v, (enum block_part)(c->ref - 1), n);
		for (uint64_t i = 0; other != NULL && i < n; i++)
			out[i] += other[i];
		if (other == NULL) {
			free(out);
			out = NULL;
		}
		free(other);
	}
	return out;
}

static void
put_be64(uint8_t *to, uint64_t x)
{
	x = __builtin_bswap64(x);
	memcpy(to, &x, 8);
}

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool
addresses(struct block_view *v, struct ft_addr_entry *e, uint32_t n)
{
	uint64_t v4 = v->dict_column[BLOCK_PART_V4 - BLOCK_PART_FIRST].count;
	if (v4 > n)
		return false;
	uint64_t *four = part_u64(v, BLOCK_PART_V4, v4), *high = part_u64(v, BLOCK_PART_V6_HIGH, n - v4),
		 *low = part_u64(v, BLOCK_PART_V6_LOW, n - v4);
	bool ok = four != NULL && high != NULL && low != NULL;
	for (uint32_t i = 0; ok && i < n; i++) {
		if (i < v4) {
			uint32_t be = __builtin_bswap32((uint32_t)four[i]);
			memcpy(e[i].address, mapped, 12);
			memcpy(e[i].address + 12, &be, 4);
		} else {
			put_be64(e[i].address, high[i - v4]);
			put_be64(e[i].address + 8, low[i - v4]);
		}
	}
	free(four);
	free(high);
	free(low);
	return ok;
}

#define MEMBER(part, field, type)                                                                            \
	do {                                                                                                 \
		uint64_t *x_ = part_u64(v, part, n);                                                         \
		ok = ok && x_ != NULL;                                                                       \
		for (uint32_t i = 0; ok && i < n; i++)                                                       \
			e[i].field = (type)x_[i];                                                            \
		free(x_);                                                                                    \
	} while (0)

const struct ft_addr_entry *
block_addrs(struct block_view *v)
{
	uint32_t n = v->dict_count[FT_DICT_ADDR];
	if (v->open || v->addr != NULL)
		return v->addr;
	/* a block has no more addresses than two a row: bounds what a damaged header can make us allocate */
	if (n > 2 * (uint64_t)v->rows)
		return NULL;
	struct ft_addr_entry *e = calloc((size_t)n + 1, sizeof *e);
	bool ok = e != NULL && addresses(v, e, n);
	MEMBER(BLOCK_PART_BARE, bare, uint32_t);
	MEMBER(BLOCK_PART_AS, as, uint32_t);
	MEMBER(BLOCK_PART_GROUP, group, uint32_t);
	MEMBER(BLOCK_PART_TAG_VERSION, tag_version, uint32_t);
	MEMBER(BLOCK_PART_COUNTRY, country, uint16_t);
	MEMBER(BLOCK_PART_MASK, mask, uint8_t);
	MEMBER(BLOCK_PART_NET_BITS, net_bits, uint8_t);
	for (uint32_t i = 0; ok && i < n; i++)
		ok = e[i].bare <= i;
	if (!ok) {
		free(e);
		return NULL;
	}
	v->owned[FT_DICT_ADDR] = e;
	return v->addr = e;
}

/* numbers [from, from + n) of a part that has `count` of them */
static bool
part_run(struct block_view *v, enum block_part id, uint64_t count, uint32_t from, uint32_t n, uint64_t *out)
{
	struct block_column *c = &v->dict_column[id - BLOCK_PART_FIRST];
	if (c->count != count || !verified(v, c, id) || codec_u64(c, from, n, out) != FT_OK)
		return false;
	read_well(v, c, id);
	return true;
}

int
block_addresses(struct block_view *v, uint32_t from, uint32_t n, uint8_t (*out)[16])
{
	uint64_t count = v->dict_count[FT_DICT_ADDR],
		 v4 = v->dict_column[BLOCK_PART_V4 - BLOCK_PART_FIRST].count;
	if (v->addr != NULL) {
		for (uint32_t i = 0; i < n; i++)
			memcpy(out[i], v->addr[from + i].address, 16);
		return FT_OK;
	}
	if (v4 > count)
		return FT_EFORMAT;
	while (n > 0) {
		enum { RUN = 1024 };
		uint64_t high[RUN], low[RUN];
		uint32_t take = n < RUN ? n : RUN;
		if (from < v4) {
			take = v4 - from < take ? (uint32_t)(v4 - from) : take;
			if (!part_run(v, BLOCK_PART_V4, v4, from, take, low))
				return FT_EFORMAT;
			for (uint32_t i = 0; i < take; i++) {
				uint32_t be = __builtin_bswap32((uint32_t)low[i]);
				memcpy(out[i], mapped, 12);
				memcpy(out[i] + 12, &be, 4);
			}
		} else {
			uint32_t at = (uint32_t)(from - v4);
			if (!part_run(v, BLOCK_PART_V6_HIGH, count - v4, at, take, high) ||
				!part_run(v, BLOCK_PART_V6_LOW, count - v4, at, take, low))
				return FT_EFORMAT;
			for (uint32_t i = 0; i < take; i++) {
				put_be64(out[i], high[i]);
				put_be64(out[i] + 8, low[i]);
			}
		}
		from += take;
		n -= take;
		out += take;
	}
	return FT_OK;
}

uint32_t
block_v4_count(const struct block_view *v)
{
	uint64_t n = v->dict_column[BLOCK_PART_V4 - BLOCK_PART_FIRST].count;
	return v->addr == NULL && n <= v->dict_count[FT_DICT_ADDR] ? (uint32_t)n : 0;
}

int
block_v4(struct block_view *v, uint32_t from, uint32_t n, uint32_t *out)
{
	struct block_column *c = &v->dict_column[BLOCK_PART_V4 - BLOCK_PART_FIRST];
	if (!verified(v, c, BLOCK_PART_V4) || codec_u32(c, from, n, out) != FT_OK)
		return FT_EFORMAT;
	read_well(v, c, BLOCK_PART_V4);
	return FT_OK;
}

int
block_addr_numbers(
	struct block_view *v, enum block_addr_number which, uint32_t from, uint32_t n, uint32_t *out)
{
	enum block_part id = which == BLOCK_ADDR_AS ? BLOCK_PART_AS : BLOCK_PART_COUNTRY;
	struct block_column *c = &v->dict_column[id - BLOCK_PART_FIRST];
	if (!v->open && v->addr == NULL && c->ref == 0) {
		if (c->count == 0 && c->bytes == 0) { /* a part that is not there */
			memset(out, 0, n * sizeof *out);
			return FT_OK;
		}
		if (c->count != v->dict_count[FT_DICT_ADDR] || !verified(v, c, id) ||
			codec_u32(c, from, n, out) != FT_OK)
			return FT_EFORMAT;
		read_well(v, c, id);
		return FT_OK;
	}
	const struct ft_addr_entry *e = block_addrs(v);
	for (uint32_t i = 0; e != NULL && i < n; i++)
		out[i] = which == BLOCK_ADDR_AS ? e[from + i].as : e[from + i].country;
	return e != NULL ? FT_OK : FT_EFORMAT;
}

int
block_bare(struct block_view *v, uint32_t *out, bool *differ)
{
	uint32_t count = v->dict_count[FT_DICT_ADDR];
	const struct block_column *c = &v->dict_column[BLOCK_PART_BARE - BLOCK_PART_FIRST];
	*differ = true;
	for (uint32_t from = 0; from < count;) {
		uint64_t bare[1024];
		uint32_t take = count - from < 1024 ? count - from : 1024;
		if (v->addr != NULL)
			for (uint32_t i = 0; i < take; i++)
				bare[i] = v->addr[from + i].bare;
		else if (!part_run(v, BLOCK_PART_BARE, c->count == 0 ? 0 : count, from, take, bare))
			return FT_EFORMAT;
		for (uint32_t i = 0; i < take; i++) {
			*differ &= bare[i] == from + i;
			if (bare[i] > from + i)
				return FT_EFORMAT;
			out[from + i] = (uint32_t)bare[i];
		}
		from += take;
	}
	return FT_OK;
}

/* A part that is an array of structs; it may lie at any alignment in RAW form, so it is copied unless aligned. */
static const void *
part_bytes(struct block_view *v, enum block_part id, uint64_t bytes, void **owned)
{
	struct block_column *c = &v->dict_column[id - BLOCK_PART_FIRST];
	if (c->count != bytes || !verified(v, c, id))
		return NULL;
	const uint8_t *raw = bytes == 0 ? (const uint8_t *)"" : codec_raw(c);
	if (raw == NULL)
		return NULL;
	if (bytes > 0 && (uintptr_t)raw % 8 == 0)
		return raw;
	*owned = calloc(1, bytes + 8);
	if (*owned != NULL && bytes > 0)
		memcpy(*owned, raw, bytes);
	return *owned;
}

const struct ft_exporter_entry *
block_exporters(struct block_view *v)
{
	if (!v->open && v->exporter == NULL)
		v->exporter = part_bytes(v, BLOCK_PART_EXPORTERS,
			(uint64_t)v->dict_count[FT_DICT_EXPORTER] * sizeof *v->exporter,
			&v->owned[FT_DICT_EXPORTER]);
	return v->exporter;
}

const struct ft_wide_entry *
block_wides(struct block_view *v)
{
	if (!v->open && v->wide == NULL)
		v->wide = part_bytes(v, BLOCK_PART_WIDE,
			(uint64_t)v->dict_count[FT_DICT_WIDE] * sizeof *v->wide, &v->owned[FT_DICT_WIDE]);
	return v->wide;
}

const char *
block_text(struct block_view *v, uint32_t code, uint32_t *bytes)
{
	*bytes = 0;
	if (code == 0 || code >= v->dict_count[FT_DICT_TEXT])
		return "";
	if (!v->open && v->heap == NULL) {
		v->text = part_bytes(v, BLOCK_PART_TEXT,
			(uint64_t)v->dict_count[FT_DICT_TEXT] * sizeof *v->text, &v->owned[FT_DICT_TEXT]);
		v->heap_bytes = v->dict_column[BLOCK_PART_HEAP - BLOCK_PART_FIRST].count;
		v->heap = part_bytes(v, BLOCK_PART_HEAP, v->heap_bytes, &v->owned[FT_DICTS]);
	}
	if (v->text == NULL || v->heap == NULL) { /* damaged: not tried again */
		v->heap = (const uint8_t *)"";
		v->heap_bytes = 0;
		return "";
	}
	if (!within(v->text[code].offset, v->text[code].bytes, v->heap_bytes))
		return "";
	*bytes = v->text[code].bytes;
	return (const char *)v->heap + v->text[code].offset;
}
