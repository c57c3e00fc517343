#include "tests/unit/blockseal.h"

#include <stdlib.h>
#include <string.h>

#include "store/store.h"

void
blockseal(struct blockgen *g)
{
	struct store *st = calloc(1, sizeof *st);
	struct open_counts n = {.rows = g->r.rows, .heap = g->r.heap};
	uint8_t *base = (uint8_t *)g->h;
	struct open_block b = {.h = g->h,
		.addr = (void *)(base + g->h->dict[FT_DICT_ADDR]),
		.exporter = (void *)(base + g->h->dict[FT_DICT_EXPORTER]),
		.wide = (void *)(base + g->h->dict[FT_DICT_WIDE]),
		.text = (void *)(base + g->h->dict[FT_DICT_TEXT]),
		.heap = base + g->h->heap,
		.has_ext = true,
		.has_text = true};
	struct zone z;
	uint64_t *filter;
	struct err err;
	CHECK(st != NULL);
	memcpy(n.dict, g->r.dict, sizeof n.dict);
	for (int c = 0; c < FT_COLUMNS; c++)
		b.column[c] = base + g->h->column[c];
	for (size_t i = 0; i < sizeof st->wide / sizeof st->wide[0]; i++) {
		st->wide[i] = calloc(n.rows + n.dict[FT_DICT_ADDR] + 16, sizeof **st->wide);
		CHECK(st->wide[i] != NULL);
	}
	st->segment = g->h->segment;
	st->block = g->h->block;
	CHECK(seal_pack(st, &b, &n, 1, &z, &filter, &err) == FT_OK);
	free(filter);
	g->sealed_bytes = st->pack.used;
	g->sealed = aligned_alloc(4096, st->pack.used);
	CHECK(g->sealed != NULL);
	memcpy(g->sealed, st->pack.p, st->pack.used);
	codec_out_free(&st->pack);
	for (size_t i = 0; i < sizeof st->wide / sizeof st->wide[0]; i++)
		free(st->wide[i]);
	free(st);
}
