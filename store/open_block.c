/*
 * open_block.c - see open_block.h.
 */
#include "store/open_block.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/hash.h"

#define DICT_NONE FT_DICT_NONE
#define DICT_ADDR FT_DICT_ADDR
#define DICT_EXPORTER FT_DICT_EXPORTER
#define DICT_WIDE FT_DICT_WIDE
#define DICT_TEXT FT_DICT_TEXT
const uint8_t open_column_bits[FT_COLUMNS] = {
#define COLUMN(name, bits, dictionary, value) [FT_COL_##name] = bits,
#include "common/fields.def"
#undef COLUMN
};
const int8_t open_column_dict[FT_COLUMNS] = {
#define COLUMN(name, bits, dictionary, value) [FT_COL_##name] = DICT_##dictionary,
#include "common/fields.def"
#undef COLUMN
};
const uint32_t open_entry_bytes[FT_DICTS] = {sizeof(struct ft_addr_entry), sizeof(struct ft_exporter_entry),
	sizeof(struct ft_wide_entry), sizeof(struct ft_text_entry)};
static const uint32_t dict_capacity[FT_DICTS] = {OPEN_ADDRS, OPEN_EXPORTERS, OPEN_WIDES, OPEN_TEXTS};

enum { NEVER_SENT = 255 };

/* ---- columns that few rows have something for ---- */

static bool
of_ext(enum ft_column c)
{
	return c >= FT_COL_client_mac && c <= FT_COL_nsel_ext_event;
}

static bool
of_text(enum ft_column c)
{
	return c == FT_COL_app_name || c == FT_COL_elements;
}

bool
open_block_has(const struct open_block *b, enum ft_column c)
{
	return (b->has_ext || !of_ext(c)) && (b->has_text || !of_text(c));
}

struct open_counts
open_block_empty(void)
{
	return (struct open_counts){.dict = {[FT_DICT_WIDE] = 1, [FT_DICT_TEXT] = 1}};
}

/* ---- layout -------------------------------------------------------------------------------------- */

/* Where the columns lie.  Known when compiled, so that a row's stores need one register for the block and one for the
 * row.  A column is a power of two of bytes: without a gap between them, all columns' current lines would fall into
 * the same few sets of the processor's cache. */
enum { GAP = 5 * FT_LINE };
struct columns {
	_Alignas(FT_LINE) struct ft_open_header header;
#define COLUMN(name, bits, dictionary, value)                                                                \
	_Alignas(FT_LINE) uint##bits##_t name[FT_BLOCK_ROWS];                                                \
	uint8_t gap_##name[GAP];
#include "common/fields.def"
#undef COLUMN
};

static uint64_t
line_up(uint64_t at)
{
	return (at + FT_LINE - 1) & ~(uint64_t)(FT_LINE - 1);
}

static uint64_t
lay_out(struct ft_open_header *h)
{
	static const size_t column[FT_COLUMNS] = {
#define COLUMN(name, bits, dictionary, value) [FT_COL_##name] = offsetof(struct columns, name),
#include "common/fields.def"
#undef COLUMN
	};
	uint64_t at = line_up(sizeof(struct columns));
	h->capacity = FT_BLOCK_ROWS;
	h->columns = FT_COLUMNS;
	for (unsigned c = 0; c < FT_COLUMNS; c++)
		h->column[c] = column[c];
	for (unsigned d = 0; d < FT_DICTS; d++) {
		h->dict[d] = at;
		h->dict_capacity[d] = dict_capacity[d];
		at = line_up(at + (uint64_t)dict_capacity[d] * open_entry_bytes[d]);
	}
	h->heap = at;
	h->heap_capacity = OPEN_HEAP;
	return line_up(at + OPEN_HEAP);
}

static uint32_t
index_slots(uint32_t entries)
{
	uint32_t n = 16;
	while (n < entries * 2)
		n *= 2;
	return n;
}

/* The private indices, all in one piece of memory, which is asked for in huge pages: a look-up goes anywhere in it, and
 * would miss in the processor's table of pages as often as in its cache. */
static int
index_make(struct open_block *b)
{
	enum { HUGE_PAGE = 2 << 20 };
	const uint32_t *most = b->h->dict_capacity;
	struct {
		struct open_index *x;
		uint32_t slots;
	} part[] = {{&b->by_addr, index_slots(most[DICT_ADDR])}, {&b->by_bare, index_slots(most[DICT_ADDR])},
		{&b->by_exporter, index_slots(most[DICT_EXPORTER])},
		{&b->by_wide, index_slots(most[DICT_WIDE])}, {&b->by_text, index_slots(most[DICT_TEXT])}};
	enum { PARTS = sizeof part / sizeof part[0] };
	size_t keys = most[DICT_ADDR] * sizeof *b->addr_key, slots = 0;
	for (unsigned i = 0; i < PARTS; i++)
		slots += part[i].slots;
	b->index_bytes = slots * sizeof(uint32_t);
	size_t n = (keys + b->index_bytes + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
	uint8_t *p = aligned_alloc(HUGE_PAGE, n);
	if (p == NULL)
		return FT_ENOMEM;
	(void)madvise(p, n, MADV_HUGEPAGE);
	b->addr_key = (void *)p;
	uint32_t *at = b->index = (void *)(p + keys);
	memset(at, 0, b->index_bytes);
	for (unsigned i = 0; i < PARTS; i++) {
		*part[i].x = (struct open_index){at, part[i].slots - 1};
		at += part[i].slots;
	}
	return FT_OK;
}

static int
take_over(struct open_block *b, void *memory, struct err *err)
{
	uint8_t *base = memory;
	b->h = memory;
	for (unsigned c = 0; c < FT_COLUMNS; c++)
		b->column[c] = base + b->h->column[c];
	b->addr = (void *)(base + b->h->dict[FT_DICT_ADDR]);
	b->exporter = (void *)(base + b->h->dict[FT_DICT_EXPORTER]);
	b->wide = (void *)(base + b->h->dict[FT_DICT_WIDE]);
	b->text = (void *)(base + b->h->dict[FT_DICT_TEXT]);
	b->heap = base + b->h->heap;
	b->seed = hash_secret();
	if (index_make(b) != FT_OK) {
		open_block_close(b);
		return err_set(err, FT_ENOMEM, "out of memory for the open block");
	}
	return FT_OK;
}

size_t
open_block_bytes(void)
{
	struct ft_open_header h = {0};
	return lay_out(&h);
}

void
open_block_format(void *base, const uint8_t store_uuid[16], uint32_t segment, uint32_t block)
{
	struct ft_open_header *h = base;
	(void)lay_out(h);
	memcpy(h->store_uuid, store_uuid, 16);
	h->segment = segment;
	h->block = block;
}

/* The columns that every slice writes, mapped in one call: a fault for each page costs several times as much. */
static void
map_early(const struct open_block *b)
{
#ifdef MADV_POPULATE_WRITE
	const struct ft_open_header *h = b->shm.base;
	(void)madvise(b->shm.base, h->column[FT_COL_client_mac] & ~(uint64_t)4095, MADV_POPULATE_WRITE);
#else
	(void)b;
#endif
}

int
open_block_make(struct open_block *b, const char *shm_dir, const uint8_t store_uuid[16], uint32_t segment,
	uint32_t block, struct err *err)
{
	char name[64];
	*b = (struct open_block){.shm.fd = -1};
	open_block_name(name, segment, block);
	(void)shm_remove(shm_dir, name);
	int rc = shm_create(&b->shm, shm_dir, name, &open_kind, open_block_bytes(), err);
	if (rc != FT_OK)
		return rc;
	open_block_format(b->shm.base, store_uuid, segment, block);
	map_early(b);
	rc = shm_publish(&b->shm, err);
	if (rc != FT_OK) {
		shm_close(&b->shm);
		return rc;
	}
	b->next = open_block_empty();
	return take_over(b, b->shm.base, err);
}

int
open_block_hide(struct open_block *b, struct err *err)
{
	return shm_hide(&b->shm, OPEN_SPARE, err);
}

/* Every row writes the other columns whole, and entries are written whole: what they held need not be cleared. */
static void
clear_lazy(struct open_block *b)
{
	for (unsigned c = 0; c < FT_COLUMNS; c++)
		if ((of_ext(c) || of_text(c)) && open_block_has(b, c))
			memset(b->column[c], 0, (size_t)FT_BLOCK_ROWS * open_column_bits[c] / 8);
	b->has_ext = b->has_text = false;
}

int
open_block_renew(struct open_block *b, const char *shm_dir, const uint8_t store_uuid[16], uint32_t segment,
	uint32_t block, struct err *err)
{
	char name[64];
	int rc = shm_claim(&b->shm) ? FT_OK : FT_EBUSY;
	if (rc == FT_OK) {
		clear_lazy(b);
		open_block_format(b->shm.base, store_uuid, segment, block);
		memset(b->index, 0, b->index_bytes);
		memset(b->exporter_cache, 0, sizeof b->exporter_cache);
		b->next = open_block_empty();
		open_block_name(name, segment, block);
		(void)shm_remove(shm_dir, name);
		rc = shm_show(&b->shm, shm_dir, name, err);
	}
	if (rc != FT_OK)
		open_block_close(b);
	return rc;
}

void
open_block_bound(struct open_block *b, uint64_t rows)
{
	if (rows < b->h->capacity)
		b->h->capacity = rows > OPEN_LEAST ? (uint32_t)rows : OPEN_LEAST;
}

void
open_block_close(struct open_block *b)
{
	shm_close(&b->shm);
	free(b->addr_key);
	*b = (struct open_block){.shm.fd = -1};
}

void *
open_block_entries(const struct open_block *b, enum ft_dict d)
{
	return (uint8_t *)b->h + b->h->dict[d];
}

/* ---- dictionaries -------------------------------------------------------------------------------- */

static inline uint64_t
addr_hash(const struct open_block *b, const uint8_t address[16], uint32_t as, uint8_t mask, uint32_t version)
{
	return hash_mix(hash_16(address, b->seed), (uint64_t)as << 8 | mask | (uint64_t)version << 40);
}

static inline const uint32_t *
bare_slot(const struct open_block *b, const uint8_t address[16])
{
	return &b->by_bare.slot[(uint32_t)hash_16(address, b->seed ^ 1) & b->by_bare.mask];
}

static void
index_put(struct open_index *x, uint64_t hash, uint32_t code)
{
	uint32_t at = (uint32_t)hash & x->mask;
	while (x->slot[at] != 0)
		at = (at + 1) & x->mask;
	x->slot[at] = code + 1;
}

static inline bool
same_16(const uint8_t *a, const uint8_t *b)
{
	uint64_t x[2], y[2];
	memcpy(x, a, 16);
	memcpy(y, b, 16);
	return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

static uint32_t
text_code(struct open_block *b, const void *text, uint32_t bytes)
{
	if (bytes == 0)
		return 0;
	if (bytes > TEXT_MOST)
		bytes = TEXT_MOST;
	uint64_t hash = hash_bytes(text, bytes, b->seed);
	uint32_t at = (uint32_t)hash & b->by_text.mask, code;
	for (; (code = b->by_text.slot[at]) != 0; at = (at + 1) & b->by_text.mask) {
		const struct ft_text_entry *e = &b->text[code - 1];
		if (e->bytes == bytes && memcmp(b->heap + e->offset, text, bytes) == 0)
			return code - 1;
	}
	code = b->next.dict[FT_DICT_TEXT]++;
	b->text[code] = (struct ft_text_entry){(uint32_t)b->next.heap, bytes};
	memcpy(b->heap + b->next.heap, text, bytes);
	b->next.heap += bytes;
	b->by_text.slot[at] = code + 1;
	return code;
}

static uint32_t
wide_code(struct open_block *b, const uint8_t value[16])
{
	static const uint8_t zero[16];
	if (same_16(value, zero))
		return 0;
	uint32_t at = (uint32_t)hash_16(value, b->seed) & b->by_wide.mask, code;
	for (; (code = b->by_wide.slot[at]) != 0; at = (at + 1) & b->by_wide.mask)
		if (same_16(b->wide[code - 1].value, value))
			return code - 1;
	code = b->next.dict[FT_DICT_WIDE]++;
	memcpy(b->wide[code].value, value, 16);
	b->by_wide.slot[at] = code + 1;
	return code;
}

/* A new entry: tags are looked up once, here.  What the exporter sent wins. */
static uint32_t
new_address(struct open_block *b, const uint8_t address[16], uint32_t as, uint8_t mask, struct tags *tags)
{
	struct tag tag;
	uint32_t code = b->next.dict[FT_DICT_ADDR]++;
	struct ft_addr_entry *e = &b->addr[code];
	bool v4 = address[10] == 0xff && address[11] == 0xff;
	tags_of(tags, address, &tag);
	for (unsigned i = 0; i < 10; i++)
		v4 = v4 && address[i] == 0;
	memcpy(e->address, address, 16);
	e->as = as ? as : tag.as;
	e->group = tag.group ? text_code(b, tag.group, (uint32_t)strlen(tag.group)) : 0;
	e->tag_version = tags->version;
	e->country = tag.country;
	e->mask = mask;
	e->net_bits = mask != NEVER_SENT && mask != 0 ? (uint8_t)(v4 ? 96 + mask : mask) : tag.net_bits;
	b->addr_key[code] = (struct addr_key){.as = as, .version = tags->version, .mask = mask};
	memcpy(b->addr_key[code].address, address, 16);
	uint32_t at = (uint32_t)hash_16(address, b->seed ^ 1) & b->by_bare.mask, bare;
	while ((bare = b->by_bare.slot[at]) != 0 && !same_16(b->addr[bare - 1].address, address))
		at = (at + 1) & b->by_bare.mask;
	if (bare == 0)
		b->by_bare.slot[at] = code + 1;
	e->bare = bare ? bare - 1 : code;
	return code;
}

static inline uint32_t
addr_code(struct open_block *b, const uint8_t address[16], uint32_t as, uint8_t mask, uint64_t hash,
	struct tags *tags)
{
	uint32_t at = (uint32_t)hash & b->by_addr.mask, code;
	for (; (code = b->by_addr.slot[at]) != 0; at = (at + 1) & b->by_addr.mask) {
		const struct addr_key *k = &b->addr_key[code - 1];
		if (same_16(k->address, address) && k->as == as && k->mask == mask &&
			k->version == tags->version)
			return code - 1;
	}
	code = new_address(b, address, as, mask, tags);
	b->by_addr.slot[at] = code + 1;
	return code;
}

static bool
same_exporter(const struct ft_exporter_entry *a, const struct ft_exporter_entry *e)
{
	return memcmp(a, e, sizeof *a) == 0;
}

static uint32_t
exporter_slow(struct open_block *b, const struct ft_slice *s, exporter_lookup lookup, void *ctx)
{
	struct ft_exporter_entry e = {.domain = s->domain, .version = s->version};
	bool known = lookup != NULL && lookup(ctx, s->exporter, e.address, e.guid);
	uint32_t at = (uint32_t)hash_bytes(&e, sizeof e, b->seed) & b->by_exporter.mask, code;
	for (; (code = b->by_exporter.slot[at]) != 0; at = (at + 1) & b->by_exporter.mask)
		if (same_exporter(&b->exporter[code - 1], &e))
			break;
	if (code == 0) {
		code = ++b->next.dict[FT_DICT_EXPORTER];
		b->exporter[code - 1] = e;
		b->by_exporter.slot[at] = code;
	}
	if (known) {
		uint32_t i = (s->exporter * 31 + s->domain * 7 + s->version) % 64;
		b->exporter_cache[i].id = s->exporter;
		b->exporter_cache[i].domain = s->domain;
		b->exporter_cache[i].version = s->version;
		b->exporter_cache[i].code = code - 1;
	}
	return code - 1;
}

static inline uint32_t
exporter_code(struct open_block *b, const struct ft_slice *s, exporter_lookup lookup, void *ctx)
{
	uint32_t i = (s->exporter * 31 + s->domain * 7 + s->version) % 64;
	if (s->exporter != 0 && b->exporter_cache[i].id == s->exporter &&
		b->exporter_cache[i].domain == s->domain && b->exporter_cache[i].version == s->version)
		return b->exporter_cache[i].code;
	return exporter_slow(b, s, lookup, ctx);
}

/* ---- taking over what a predecessor left ----------------------------------------------------------- */

static void
index_committed(struct open_block *b)
{
	for (uint32_t i = 0; i < b->next.dict[FT_DICT_ADDR]; i++) {
		const struct ft_addr_entry *e = &b->addr[i];
		/* whether `as` was sent or looked up is forgotten: at worst the same address gets a second entry */
		b->addr_key[i] = (struct addr_key){.as = e->as, .version = e->tag_version, .mask = e->mask};
		memcpy(b->addr_key[i].address, e->address, 16);
		index_put(&b->by_addr, addr_hash(b, e->address, e->as, e->mask, e->tag_version), i);
		if (e->bare == i)
			index_put(&b->by_bare, hash_16(e->address, b->seed ^ 1), i);
	}
	for (uint32_t i = 0; i < b->next.dict[FT_DICT_EXPORTER]; i++)
		index_put(&b->by_exporter, hash_bytes(&b->exporter[i], sizeof b->exporter[i], b->seed), i);
	for (uint32_t i = 1; i < b->next.dict[FT_DICT_WIDE]; i++)
		index_put(&b->by_wide, hash_16(b->wide[i].value, b->seed), i);
	for (uint32_t i = 1; i < b->next.dict[FT_DICT_TEXT]; i++)
		index_put(&b->by_text, hash_bytes(b->heap + b->text[i].offset, b->text[i].bytes, b->seed), i);
}

/* What a killed batch may have written of the columns becomes zero again; entries are written whole, and need not. */
static void
clear_beyond(struct open_block *b)
{
	uint32_t rows = b->next.rows,
		 n = b->h->capacity - rows < OPEN_BATCH ? b->h->capacity - rows : OPEN_BATCH;
	for (unsigned c = 0; c < FT_COLUMNS; c++) {
		size_t width = open_column_bits[c] / 8;
		memset(b->column[c] + rows * width, 0, n * width);
	}
}

static bool
counts_fit(const struct ft_open_header *h, const struct open_counts *c)
{
	for (unsigned d = 0; d < FT_DICTS; d++)
		if (c->dict[d] > h->dict_capacity[d])
			return false;
	return c->rows <= h->capacity && c->heap <= h->heap_capacity;
}

int
open_block_over(struct open_block *b, void *memory, const struct open_counts *counts, struct err *err)
{
	int rc = take_over(b, memory, err);
	if (rc != FT_OK)
		return rc;
	b->next = *counts;
	b->has_ext = b->has_text = counts->rows > 0; /* not known: looked at when it matters */
	index_committed(b);
	clear_beyond(b);
	return FT_OK;
}

int
open_block_attach(struct open_block *b, const char *shm_dir, uint32_t segment, uint32_t block,
	const struct open_counts *counts, struct err *err)
{
	char name[64];
	struct ft_open_header layout = {0};
	uint64_t size = lay_out(&layout);
	*b = (struct open_block){.shm.fd = -1};
	open_block_name(name, segment, block);
	int rc = shm_open_rw(&b->shm, shm_dir, name, &open_kind, err);
	if (rc != FT_OK)
		return rc;
	const struct ft_open_header *h = b->shm.base;
	if (b->shm.size < size || h->segment != segment || h->block != block || h->columns != FT_COLUMNS ||
		memcmp(h->column, layout.column, sizeof h->column) != 0 ||
		memcmp(h->dict, layout.dict, sizeof h->dict) != 0 || h->heap != layout.heap ||
		!counts_fit(h, counts)) {
		shm_close(&b->shm);
		return err_set(err, FT_ELAYOUT,
			"%s/%s was made by another build and may hold slices: run `ft-ctl drain` with that "
			"build, then start "
			"again",
			shm_dir, name);
	}
	return open_block_over(b, b->shm.base, counts, err);
}

/* ---- appending ------------------------------------------------------------------------------------ */

static uint32_t
least(uint32_t n, uint64_t room, uint32_t each)
{
	return room / each < n ? (uint32_t)(room / each) : n;
}

uint32_t
open_block_room(const struct open_block *b)
{
	const struct ft_open_header *h = b->h;
	const struct open_counts *c = &b->next;
	uint32_t n = least(OPEN_BATCH, h->capacity - c->rows, 1);
	n = least(n, h->dict_capacity[FT_DICT_ADDR] - c->dict[FT_DICT_ADDR], 2);
	n = least(n, h->dict_capacity[FT_DICT_EXPORTER] - c->dict[FT_DICT_EXPORTER], 1);
	n = least(n, h->dict_capacity[FT_DICT_WIDE] - c->dict[FT_DICT_WIDE], 5);
	n = least(n, h->dict_capacity[FT_DICT_TEXT] - c->dict[FT_DICT_TEXT], 4);
	return least(n, h->heap_capacity - c->heap, TEXT_MOST + 3 * 256);
}

struct codes { /* of a batch; one array a dictionary column */
	uint32_t client[OPEN_BATCH], server[OPEN_BATCH], exporter[OPEN_BATCH];
	uint32_t client_mac[OPEN_BATCH], server_mac[OPEN_BATCH], next_hop[OPEN_BATCH], nat_client[OPEN_BATCH],
		nat_server[OPEN_BATCH], app_name[OPEN_BATCH], elements[OPEN_BATCH];
	bool ext, text;
};

static void
find_addresses(
	struct open_block *b, const struct open_slice *in, uint32_t n, struct tags *tags, struct codes *k)
{
	uint64_t hc[OPEN_BATCH], hs[OPEN_BATCH];
	/* hash and prefetch first: the table is larger than the cache, and misses overlap this way */
	for (uint32_t i = 0; i < n; i++) {
		const struct ft_slice *s = in[i].s;
		uint32_t ca = s->present & FT_HAS_CLIENT_AS ? s->client_as : 0;
		uint32_t sa = s->present & FT_HAS_SERVER_AS ? s->server_as : 0;
		uint8_t cm = s->present & FT_HAS_CLIENT_MASK ? s->client_mask : NEVER_SENT;
		uint8_t sm = s->present & FT_HAS_SERVER_MASK ? s->server_mask : NEVER_SENT;
		hc[i] = addr_hash(b, s->client, ca, cm, tags->version);
		hs[i] = addr_hash(b, s->server, sa, sm, tags->version);
		__builtin_prefetch(&b->by_addr.slot[(uint32_t)hc[i] & b->by_addr.mask]);
		__builtin_prefetch(&b->by_addr.slot[(uint32_t)hs[i] & b->by_addr.mask]);
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t c = b->by_addr.slot[(uint32_t)hc[i] & b->by_addr.mask];
		uint32_t s = b->by_addr.slot[(uint32_t)hs[i] & b->by_addr.mask];
		/* of a new address: is the address known with another tag? */
		__builtin_prefetch(c ? (const void *)&b->addr_key[c - 1] : bare_slot(b, in[i].s->client));
		__builtin_prefetch(s ? (const void *)&b->addr_key[s - 1] : bare_slot(b, in[i].s->server));
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct ft_slice *s = in[i].s;
		uint32_t ca = s->present & FT_HAS_CLIENT_AS ? s->client_as : 0;
		uint32_t sa = s->present & FT_HAS_SERVER_AS ? s->server_as : 0;
		uint8_t cm = s->present & FT_HAS_CLIENT_MASK ? s->client_mask : NEVER_SENT;
		uint8_t sm = s->present & FT_HAS_SERVER_MASK ? s->server_mask : NEVER_SENT;
		k->client[i] = addr_code(b, s->client, ca, cm, hc[i], tags);
		k->server[i] = addr_code(b, s->server, sa, sm, hs[i], tags);
	}
}

static void
find_wides(struct open_block *b, const struct open_slice *in, uint32_t n, struct codes *k)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct ft_slice_ext *x = in[i].x;
		uint8_t mac[2][16] = {{0}};
		if (x == NULL) {
			k->client_mac[i] = k->server_mac[i] = k->next_hop[i] = k->nat_client[i] =
				k->nat_server[i] = 0;
			continue;
		}
		memcpy(mac[0], x->client_mac, 6);
		memcpy(mac[1], x->server_mac, 6);
		k->client_mac[i] = wide_code(b, mac[0]);
		k->server_mac[i] = wide_code(b, mac[1]);
		k->next_hop[i] = wide_code(b, x->next_hop);
		k->nat_client[i] = wide_code(b, x->nat_client);
		k->nat_server[i] = wide_code(b, x->nat_server);
	}
}

/* Row by row: a slice is three lines, and each column's current line stays in the cache.  The conditions are constants
 * to the compiler. */
#define TAKE_NONE(name, bits, value) t->name[row] = (uint##bits##_t)(value)
#define TAKE_ADDR(name, bits, value) t->name[row] = k->name[i]
#define TAKE_EXPORTER(name, bits, value) t->name[row] = k->name[i]
#define TAKE_WIDE(name, bits, value) t->name[row] = k->name[i]
#define TAKE_TEXT(name, bits, value) t->name[row] = k->name[i]

static inline __attribute__((always_inline)) void
store_rows(struct columns *t, const struct open_slice *in, uint32_t n, const struct codes *k, uint32_t row,
	bool common, bool ext, bool text)
{
	static const struct ft_slice_ext no_ext;
	for (uint32_t i = 0; i < n; i++, row++) {
		const struct ft_slice *s = in[i].s;
		const struct ft_slice_ext *x = ext && in[i].x ? in[i].x : &no_ext;
		(void)s, (void)x;
#define COLUMN(name, bits, dictionary, value)                                                                \
	if (of_ext(FT_COL_##name) ? ext : of_text(FT_COL_##name) ? text : common)                            \
		TAKE_##dictionary(name, bits, value);
#include "common/fields.def"
#undef COLUMN
	}
}

void
open_block_append(struct open_block *b, const struct open_slice *in, uint32_t n, struct tags *tags,
	exporter_lookup lookup, void *ctx)
{
	struct codes k;
	CHECK(n <= OPEN_BATCH);
	k.ext = k.text = false;
	find_addresses(b, in, n, tags, &k);
	for (uint32_t i = 0; i < n; i++) {
		k.exporter[i] = exporter_code(b, in[i].s, lookup, ctx);
		k.ext = k.ext || in[i].x != NULL;
		k.text = k.text || in[i].element_bytes != 0 || in[i].app_bytes != 0;
	}
	if (k.ext)
		find_wides(b, in, n, &k);
	if (k.text)
		for (uint32_t i = 0; i < n; i++) {
			k.app_name[i] = text_code(b, in[i].app, in[i].app_bytes);
			k.elements[i] = text_code(b, in[i].elements, in[i].element_bytes);
		}
	b->has_ext = b->has_ext || k.ext;
	b->has_text = b->has_text || k.text;
	struct columns *t = (void *)b->h;
	store_rows(t, in, n, &k, b->next.rows, true, false, false);
	if (k.ext)
		store_rows(t, in, n, &k, b->next.rows, false, true, false);
	if (k.text)
		store_rows(t, in, n, &k, b->next.rows, false, false, true);
	b->next.rows += n;
}
