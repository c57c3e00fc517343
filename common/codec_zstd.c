/*
 * codec_zstd.c - general compression where it pays: heaps of bytes, and columns that are seldom read.
 *
 * ZPAGED data: u32 offsets[pages + 1] from the start of the data, then the frames.  A frame holds `bits`/8
 * planes of the page's rows: all lowest bytes, then the next ones, which compresses far better than rows.
 * A block is read front to back, so one unpacked page is kept with the column.
 */
#include "common/codec_parts.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { LEVEL = 1 };

void *
codec_unzip(const uint8_t *frame, uint64_t bytes, uint64_t n)
{
	if (ZSTD_getFrameContentSize(frame, bytes) != n || n > (UINT64_C(1) << 28))
		return NULL;
	void *out = malloc(n ? n : 1);
	if (out != NULL && ZSTD_decompress(out, n, frame, bytes) != n) {
		free(out);
		return NULL;
	}
	return out;
}

size_t
codec_zip(struct codec_out *out, const void *bytes, size_t n)
{
	size_t before = out->used, bound = ZSTD_compressBound(n);
	void *room = codec_room(out, bound);
	if (room == NULL)
		return 0;
	size_t got = ZSTD_compress(room, bound, bytes, n, LEVEL);
	if (ZSTD_isError(got) || got > n - n / 10) {
		out->used = before;
		return 0;
	}
	out->used = before + got;
	return got;
}

struct open_page {
	uint64_t page; /* + 1; 0 none */
	uint64_t value[CODEC_ZPAGE];
	uint8_t planes[CODEC_ZPAGE * 8];
};

bool
codec_zpaged_open(struct block_column *c)
{
	uint64_t pages = (c->count + CODEC_ZPAGE - 1) / CODEC_ZPAGE;
	uint32_t was, now;
	if (c->bits == 0 || c->bits > 64 || c->bits % 8 != 0 || c->count > UINT32_MAX ||
		c->bytes < (pages + 1) * sizeof now)
		return false;
	was = (uint32_t)((pages + 1) * sizeof now);
	for (uint64_t i = 0; i <= pages; i++) {
		memcpy(&now, c->data + i * sizeof now, sizeof now);
		if (now < was || now > c->bytes)
			return false;
		was = now;
	}
	c->unpacked = calloc(1, sizeof(struct open_page));
	return c->unpacked != NULL;
}

static int
open_page(struct block_column *c, struct open_page *o, uint64_t page)
{
	uint32_t at[2];
	unsigned planes = c->bits / 8;
	uint64_t rows = c->count - page * CODEC_ZPAGE;
	rows = rows < CODEC_ZPAGE ? rows : CODEC_ZPAGE;
	o->page = 0;
	memcpy(at, c->data + page * sizeof at[0], sizeof at);
	if (ZSTD_decompress(o->planes, rows * planes, c->data + at[0], at[1] - at[0]) != rows * planes)
		return FT_EFORMAT;
	for (uint64_t i = 0; i < rows; i++)
		o->value[i] = o->planes[i];
	for (unsigned p = 1; p < planes; p++)
		for (uint64_t i = 0; i < rows; i++)
			o->value[i] |= (uint64_t)o->planes[p * rows + i] << (8 * p);
	o->page = page + 1;
	return FT_OK;
}

int
codec_zpaged_u64(struct block_column *c, uint64_t from, uint64_t n, uint64_t *out)
{
	struct open_page *o = c->unpacked;
	while (n > 0) {
		uint64_t page = from / CODEC_ZPAGE, at = from % CODEC_ZPAGE;
		uint64_t take = CODEC_ZPAGE - at < n ? CODEC_ZPAGE - at : n;
		if (o->page != page + 1) {
			int rc = open_page(c, o, page);
			if (rc != FT_OK)
				return rc;
		}
		for (uint64_t i = 0; i < take; i++)
			out[i] = c->base + o->value[at + i] * c->scale;
		from += take;
		n -= take;
		out += take;
	}
	return FT_OK;
}

size_t
codec_zpaged_write(struct codec_out *out, const uint64_t *v, uint64_t n, uint64_t base, unsigned planes)
{
	uint64_t pages = (n + CODEC_ZPAGE - 1) / CODEC_ZPAGE;
	size_t start = out->used, bound = ZSTD_compressBound((size_t)CODEC_ZPAGE * planes);
	uint8_t page[CODEC_ZPAGE * 8];
	if (codec_room(out, (pages + 1) * sizeof(uint32_t)) == NULL)
		return 0;
	for (uint64_t i = 0; i <= pages; i++) {
		uint32_t at = (uint32_t)(out->used - start);
		memcpy(out->p + start + i * sizeof at, &at, sizeof at);
		if (i == pages)
			break;
		uint64_t first = i * CODEC_ZPAGE, rows = n - first < CODEC_ZPAGE ? n - first : CODEC_ZPAGE;
		for (unsigned p = 0; p < planes; p++)
			for (uint64_t r = 0; r < rows; r++)
				page[p * rows + r] = (uint8_t)((v[first + r] - base) >> (8 * p));
		size_t before = out->used;
		void *room = codec_room(out, bound);
		if (room == NULL)
			return 0;
		size_t got = ZSTD_compress(room, bound, page, rows * planes, LEVEL);
		if (ZSTD_isError(got)) {
			out->failed = true;
			return 0;
		}
		out->used = before + got;
	}
	return out->used - start;
}
