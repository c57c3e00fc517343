#include "tests/unit/blockgen.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"

static const uint8_t bits_of[FT_COLUMNS] = {
#define COLUMN(name, bits, dictionary, value) bits,
#include "common/fields.def"
#undef COLUMN
};
static const uint32_t entry_bytes[FT_DICTS] = {sizeof(struct ft_addr_entry), sizeof(struct ft_exporter_entry),
	sizeof(struct ft_wide_entry), sizeof(struct ft_text_entry)};

static uint64_t
align(uint64_t n)
{
	return (n + 63) & ~(uint64_t)63;
}

void
blockgen_open(struct blockgen *g, uint32_t block, uint32_t capacity)
{
	struct ft_open_header h = {.segment = 1, .block = block, .capacity = capacity, .columns = FT_COLUMNS};
	uint64_t at = align(sizeof h);
	for (int c = 0; c < FT_COLUMNS; c++) {
		h.column[c] = at;
		at = align(at + (uint64_t)capacity * bits_of[c] / 8 + 16);
	}
	for (int d = 0; d < FT_DICTS; d++) {
		h.dict[d] = at;
		h.dict_capacity[d] = 2 * capacity + 8;
		at = align(at + (uint64_t)h.dict_capacity[d] * entry_bytes[d]);
	}
	h.heap = at;
	h.heap_capacity = (uint64_t)capacity * 32 + 64;
	h.seg.size = at + h.heap_capacity;
	memcpy(h.seg.magic, FT_OPEN_MAGIC, sizeof FT_OPEN_MAGIC);
	h.seg.version = FT_OPEN_VERSION;
	h.seg.layout = FT_OPEN_LAYOUT;
	*g = (struct blockgen){.min_first = INT64_MAX, .max_last = INT64_MIN};
	g->h = calloc(1, h.seg.size);
	g->slot = calloc((size_t)capacity * 8, sizeof *g->slot);
	CHECK(g->h != NULL && g->slot != NULL);
	*g->h = h;
	g->r.dict[FT_DICT_WIDE] = g->r.dict[FT_DICT_TEXT] = 1; /* code 0 is "absent" */
}

void
blockgen_close(struct blockgen *g)
{
	free(g->sealed);
	free(g->h);
	free(g->slot);
}

static void *
entries(struct blockgen *g, enum ft_dict d)
{
	return (uint8_t *)g->h + g->h->dict[d];
}

static uint32_t
text_code(struct blockgen *g, const char *s)
{
	struct ft_text_entry *e = entries(g, FT_DICT_TEXT);
	if (s == NULL)
		return 0;
	for (uint32_t i = 1; i < g->r.dict[FT_DICT_TEXT]; i++)
		if (e[i].bytes == strlen(s) &&
			memcmp((uint8_t *)g->h + g->h->heap + e[i].offset, s, e[i].bytes) == 0)
			return i;
	uint32_t code = g->r.dict[FT_DICT_TEXT]++;
	e[code] = (struct ft_text_entry){(uint32_t)g->r.heap, (uint32_t)strlen(s)};
	memcpy((uint8_t *)g->h + g->h->heap + g->r.heap, s, strlen(s));
	g->r.heap += strlen(s);
	CHECK(g->r.heap <= g->h->heap_capacity);
	return code;
}

static uint32_t
wide_code(struct blockgen *g, const uint8_t *bytes, size_t n)
{
	static const uint8_t zero[16];
	struct ft_wide_entry *e = entries(g, FT_DICT_WIDE), one = {{0}};
	memcpy(one.value, bytes, n);
	if (memcmp(bytes, zero, n) == 0)
		return 0;
	for (uint32_t i = 1; i < g->r.dict[FT_DICT_WIDE]; i++)
		if (memcmp(&e[i], &one, sizeof one) == 0)
			return i;
	e[g->r.dict[FT_DICT_WIDE]] = one;
	return g->r.dict[FT_DICT_WIDE]++;
}

static uint32_t
addr_code(struct blockgen *g, const uint8_t address[16], uint32_t as, uint8_t mask,
	const struct blockgen_tags *t)
{
	struct ft_addr_entry *e = entries(g, FT_DICT_ADDR), one = {.as = as,
								    .group = text_code(g, t->group),
								    .country = t->country,
								    .mask = mask,
								    .net_bits = t->net_bits};
	memcpy(one.address, address, 16);
	uint64_t mask_of = (uint64_t)g->h->capacity * 8 - 1, at = hash_16(address, as) % (mask_of + 1);
	one.bare = g->r.dict[FT_DICT_ADDR];
	for (uint32_t i = 0; i < g->r.dict[FT_DICT_ADDR] && mask_of < 4096 * 8; i++)
		if (memcmp(e[i].address, address, 16) == 0) {
			one.bare = i;
			break;
		}
	for (; g->slot[at] != 0; at = (at + 1) % (mask_of + 1)) {
		struct ft_addr_entry *have = &e[g->slot[at] - 1];
		if (memcmp(have->address, address, 16) == 0 && have->as == as && have->mask == mask &&
			have->group == one.group)
			return g->slot[at] - 1;
	}
	e[g->r.dict[FT_DICT_ADDR]] = one;
	g->slot[at] = ++g->r.dict[FT_DICT_ADDR];
	return g->slot[at] - 1;
}

static uint32_t
exporter_code(struct blockgen *g, const struct blockgen_slice *b)
{
	struct ft_exporter_entry *e = entries(g, FT_DICT_EXPORTER),
				 one = {.domain = b->s.domain, .version = b->s.version};
	memcpy(one.address, b->exporter, 16);
	memcpy(one.guid, b->guid, 16);
	for (uint32_t i = 0; i < g->r.dict[FT_DICT_EXPORTER]; i++)
		if (memcmp(&e[i], &one, sizeof one) == 0)
			return i;
	e[g->r.dict[FT_DICT_EXPORTER]] = one;
	return g->r.dict[FT_DICT_EXPORTER]++;
}

static void
put(struct blockgen *g, int column, uint64_t v)
{
	uint8_t *at = (uint8_t *)g->h + g->h->column[column] + (uint64_t)g->r.rows * bits_of[column] / 8;
	memcpy(at, &v, bits_of[column] / 8);
}

void
blockgen_add(struct blockgen *g, const struct blockgen_slice *b)
{
	const struct ft_slice *s = &b->s;
	const struct ft_slice_ext *x = &b->x;
	CHECK(g->r.rows < g->h->capacity);
#define COLUMN(name, bits, dictionary, value) put(g, FT_COL_##name, value);
#include "common/fields.def"
#undef COLUMN
	bool cm = s->present & FT_HAS_CLIENT_MASK, sm = s->present & FT_HAS_SERVER_MASK;
	put(g, FT_COL_client, addr_code(g, s->client, s->client_as, cm ? s->client_mask : 255, &b->client));
	put(g, FT_COL_server, addr_code(g, s->server, s->server_as, sm ? s->server_mask : 255, &b->server));
	put(g, FT_COL_exporter, exporter_code(g, b));
	put(g, FT_COL_client_mac, wide_code(g, x->client_mac, 6));
	put(g, FT_COL_server_mac, wide_code(g, x->server_mac, 6));
	put(g, FT_COL_next_hop, wide_code(g, x->next_hop, 16));
	put(g, FT_COL_nat_client, wide_code(g, x->nat_client, 16));
	put(g, FT_COL_nat_server, wide_code(g, x->nat_server, 16));
	put(g, FT_COL_app_name, text_code(g, b->app_name));
	g->r.rows++;
	g->min_first = s->first_us < g->min_first ? s->first_us : g->min_first;
	g->max_last = s->last_us > g->max_last ? s->last_us : g->max_last;
}

static int
view(void *ctx, uint32_t i, struct block_view *v, struct err *err)
{
	struct blockgen_source *s = ctx;
	if (i == s->damaged)
		return err_set(err, FT_EFORMAT, "damaged on purpose");
	if (s->g[i].sealed != NULL)
		return block_view_sealed(v, s->g[i].sealed, s->g[i].sealed_bytes, true, err);
	int rc = block_view_open(v, s->g[i].h, &s->g[i].r, err);
	if (rc == 0 && s->known && (s->all_known || i % 2 == 0)) {
		v->min_first_us = s->g[i].min_first;
		v->max_last_us = s->g[i].max_last;
	}
	return rc;
}

void
blockgen_source_open(struct blockgen_source *s, struct blockgen *g, uint32_t n, bool known)
{
	*s = (struct blockgen_source){.g = g, .known = known, .damaged = UINT32_MAX};
	s->list = calloc(n + 1, sizeof *s->list);
	CHECK(s->list != NULL);
	for (uint32_t i = 0; i < n; i++)
		s->list[i] = (struct snapshot_block){
			.segment = 1, .block = i, .rows = g[i].r.rows, .open = i + 1 == n};
	s->source = (struct source){.ctx = s, .block = s->list, .n = n, .view = view};
}

void
blockgen_source_close(struct blockgen_source *s)
{
	free(s->list);
}
