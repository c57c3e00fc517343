/*
 * fuzz_block.c - the reader of sealed blocks.  The input is a block; its checksums are put right first, so that the
 * fuzzer gets past them to the structure behind.
 */
#include <stdlib.h>
#include <string.h>

#include "common/block_format.h"
#include "common/block_view.h"
#include "common/hash.h"
#include "common/segment_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
make_right(uint8_t *block, size_t n)
{
	struct block_header h;
	if (n < sizeof h)
		return;
	memcpy(&h, block, sizeof h);
	if (h.columns > BLOCK_MAX_COLUMNS || h.head_bytes > n ||
		h.head_bytes < sizeof h + h.columns * sizeof(struct block_entry))
		return;
	h.checksum = block_head_checksum((const void *)block);
	memcpy(block, &h, sizeof h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct block_view v;
	static uint64_t wide[4096];
	static uint32_t narrow[4096];
	uint8_t *block = aligned_alloc(64, (n + 64) & ~(size_t)63);
	if (block == NULL)
		return 0;
	memcpy(block, data, n);
	make_right(block, n);
	/* an exact copy at the end of an allocation, so that a read beyond is seen */
	uint8_t *exact = malloc(n ? n : 1);
	memcpy(exact, block, n);
	free(block);
	if (block_view_sealed(&v, exact, n, n & 1, NULL) == FT_OK) {
		for (unsigned c = 0; c < FT_COLUMNS; c++) {
			uint64_t low, high, value;
			uint32_t rows = v.rows < 4096 ? v.rows : 4096;
			(void)block_u64(&v, (enum ft_column)c, v.rows - rows, rows, wide);
			(void)block_u32(&v, (enum ft_column)c, 0, rows, narrow);
			(void)block_range(&v, (enum ft_column)c, &low, &high);
			(void)block_constant(&v, (enum ft_column)c, &value);
		}
		const struct ft_addr_entry *a = v.rows < 1u << 20 ? block_addrs(&v) : NULL;
		for (uint32_t i = 0; a && i < v.dict_count[FT_DICT_ADDR]; i++)
			if (a[i].bare > i)
				abort();
		uint32_t bytes;
		for (uint32_t i = 0; i < 50; i++) {
			const char *t = block_text(&v, i, &bytes);
			for (uint32_t k = 0; k < bytes; k++)
				wide[0] += (uint8_t)t[k];
		}
		(void)block_exporters(&v);
		(void)block_wides(&v);
	}
	block_view_close(&v);
	free(exact);
	return 0;
}
