/*
 * look.c - see look.h.
 */
#include "store/look.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/segment_file.h"
#include "store/journal.h"
#include "store/store.h"

static int
note_block(void *ctx, uint64_t offset, const struct block_header *h)
{
	struct look *l = ctx;
	if (h->segment != l->number || h->block >= LOOK_BLOCKS)
		return FT_OK;
	struct block_header *b = &l->best[h->block];
	if (b->bytes != 0 && !block_is_newer(h, b->commit, b->sealed_us))
		return FT_OK;
	*b = *h;
	l->offset[h->block] = offset;
	if (h->block >= l->next_block)
		l->next_block = h->block + 1;
	return FT_OK;
}

static int
note_directory(void *ctx, uint64_t offset, const struct segment_directory *d)
{
	struct look *l = ctx;
	(void)offset;
	if (d->segment == l->number && d->blocks <= LOOK_BLOCKS && d->blocks > l->next_block)
		l->next_block = d->blocks;
	return FT_OK;
}

bool
look_sound(const uint8_t *at, uint64_t n)
{
	struct block_view v;
	uint64_t rows[4096];
	bool good = block_view_sealed(&v, at, n, true, NULL) == FT_OK;
	if (good)
		good = block_addrs(&v) != NULL && block_exporters(&v) != NULL && block_wides(&v) != NULL;
	for (unsigned c = 0; c < FT_COLUMNS && good; c++)
		for (uint32_t from = 0; from < v.rows && good; from += 4096) {
			uint32_t take = v.rows - from < 4096 ? v.rows - from : 4096;
			good = block_u64(&v, (enum ft_column)c, from, take, rows) == FT_OK;
		}
	block_view_close(&v);
	return good;
}

static int
look_inside(void *ctx)
{
	struct look *l = ctx;
	struct segment_visit visit = {note_block, note_directory, l};
	int rc = segment_scan(l->map, l->size, &visit);
	for (uint32_t b = 0; b < l->next_block && rc == FT_OK; b++) {
		const struct block_header *h = &l->best[b];
		if (h->bytes == 0 || (l->deep && !look_sound(l->map + l->offset[b], h->bytes))) {
			if (!l->quiet)
				printf("segment %u: block %u is damaged\n", l->number, b);
			l->lost[b] = true;
			l->bad++;
			continue;
		}
		l->blocks++;
		l->rows += h->rows;
		l->packed += h->bytes;
		if (l->columns)
			columns_add(l->columns, l->map + l->offset[b], h->bytes);
		if (l->min_us == 0 || (uint64_t)h->min_first_us < l->min_us)
			l->min_us = (uint64_t)h->min_first_us;
		if ((uint64_t)h->max_last_us > l->max_us)
			l->max_us = (uint64_t)h->max_last_us;
	}
	return rc;
}

int
look_open(struct look *l, const char *database, uint32_t number, struct columns_sum *columns, bool deep,
	bool quiet)
{
	char path[600];
	struct stat st;
	memset(l, 0, sizeof *l);
	l->number = number;
	l->columns = columns;
	l->deep = deep;
	l->quiet = quiet;
	if (segment_path(path, sizeof path, database, number) != FT_OK)
		return FT_EINVAL;
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = FT_ESYS;
	if (fd < 0 || fstat(fd, &st) != 0) {
		if (!quiet)
			printf("segment %u: %s\n", number, strerror(errno));
	} else {
		l->size = (uint64_t)st.st_size;
		l->bytes = (uint64_t)st.st_blocks * 512;
		void *p = l->size ? mmap(NULL, l->size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
		if (p != MAP_FAILED) {
			l->map = p;
			rc = guard_run(look_inside, l);
		}
		if (rc != FT_OK) {
			if (!quiet)
				printf("segment %u: the file is cut short\n", number);
			l->short_file = true;
			l->bad++;
		}
	}
	if (fd >= 0)
		close(fd);
	struct segment_state s;
	struct journal_head last;
	if (deep && segment_examine(database, number, false, &s, &last) == FT_OK) {
		if (s.kind != SEGMENT_GOOD) {
			if (!quiet)
				printf("segment %u: its LMDB pages are damaged; blocks are found without "
				       "them\n",
					number);
			l->pages = true;
			l->bad++;
		} else if (s.last) {
			l->journal_rows = s.last->row_to;
		}
	}
	return rc;
}

void
look_close(struct look *l)
{
	if (l->map)
		(void)munmap(l->map, l->size);
	l->map = NULL;
}
