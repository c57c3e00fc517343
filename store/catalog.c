/*
 * catalog.c - telling readers what there is (contract/catalog.h), and the step from one open block to the next.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/counters.h"
#include "common/crash.h"
#include "common/log.h"
#include "store/store.h"

struct open_counts
store_counts(const struct store *st)
{
	const struct ft_stage_record *r = stage_record(&st->stage);
	struct open_counts c = {.rows = (uint32_t)r->output[OUT_ROWS], .heap = r->output[OUT_HEAP]};
	for (unsigned d = 0; d < FT_DICTS; d++)
		c.dict[d] = (uint32_t)r->output[OUT_DICT + d];
	return c;
}

void
store_counts_put(struct stage *stage, const struct open_counts *c)
{
	stage->next.output[OUT_ROWS] = c->rows;
	for (unsigned d = 0; d < FT_DICTS; d++)
		stage->next.output[OUT_DICT + d] = c->dict[d];
	stage->next.output[OUT_HEAP] = c->heap;
}

int
catalog_make(struct store *st, struct err *err)
{
	bool made;
	int rc = shm_open_or_create(&st->catalog_shm, st->shm_dir, "catalog", &catalog_kind,
		sizeof(struct ft_catalog), &made, err);
	if (rc != FT_OK)
		return rc;
	st->catalog = st->catalog_shm.base;
	memcpy(st->catalog->store_uuid, st->uuid, 16);
	return made ? shm_publish(&st->catalog_shm, err) : FT_OK;
}

/* Where the newest memcachesize rows begin.  Blocks before the open one are taken as full ones, which errs on
 * the side of saying less. */
static void
resident_from(const struct store *st, struct ft_catalog_record *c, uint32_t rows)
{
	uint64_t left = st->set.memcache_rows > rows ? st->set.memcache_rows - rows : 0;
	uint64_t blocks = left / FT_BLOCK_ROWS;
	c->resident_segment = c->segment;
	c->resident_block = blocks < c->block ? c->block - (uint32_t)blocks : 0;
}

void
catalog_tell(struct store *st)
{
	const struct ft_stage_record *r = stage_record(&st->stage);
	struct open_counts now = store_counts(st);
	struct ft_catalog_record c = {.first_segment = st->first_segment,
		.segment = st->open.h->segment,
		.block = st->open.h->block,
		.rows = now.rows,
		.heap = now.heap,
		.durable_rows = st->durable.rows,
		.tag_version = (uint32_t)r->id[ID_TAG_VERSION],
		.commit = st->commit,
		.complete_us = st->complete_us,
		.published_us = wall_now().us,
		.rows_total = st->sealed_rows + now.rows,
		.gap_from_us = st->gap_from_us,
		.gap_to_us = st->gap_to_us};
	memcpy(c.dict, now.dict, sizeof c.dict);
	resident_from(st, &c, now.rows);
	catalog_publish(st->catalog, &c);
}

void
store_sweep_open(struct store *st)
{
	char keep[64];
	struct dirent *e;
	DIR *d = opendir(st->shm_dir);
	if (d == NULL)
		return;
	open_block_name(keep, st->segment, st->block);
	while ((e = readdir(d)) != NULL)
		if ((strncmp(e->d_name, "open.", 5) == 0 && strcmp(e->d_name, keep) != 0) ||
			strcmp(e->d_name, "." OPEN_SPARE) == 0)
			(void)shm_remove(st->shm_dir, e->d_name);
	closedir(d);
}

void
store_spare(struct store *st)
{
	struct err err;
	if (open_block_make(&st->spare, st->shm_dir, st->uuid, st->segment, st->block + 1, &err) != FT_OK)
		return;
	if (open_block_hide(&st->spare, &err) != FT_OK)
		open_block_close(&st->spare);
}

int
store_flip(struct store *st, uint32_t segment, uint32_t block, struct err *err)
{
	struct open_block next = st->spare;
	int rc = FT_ENOENT;
	st->spare = (struct open_block){.shm.fd = -1};
	if (next.h != NULL)
		rc = open_block_renew(&next, st->shm_dir, st->uuid, segment, block, err);
	if (rc != FT_OK)
		rc = open_block_make(&next, st->shm_dir, st->uuid, segment, block, err);
	if (rc != FT_OK)
		return rc;
	uint64_t wanted = st->set.segment_rows;
	open_block_bound(&next, wanted > st->segment_rows ? wanted - st->segment_rows : wanted);
	crash_point("flip: open block made");
	stage_begin(&st->stage);
	st->stage.next.id[ID_SEGMENT] = segment;
	st->stage.next.id[ID_BLOCK] = block;
	store_counts_put(&st->stage, &next.next);
	stage_commit(&st->stage);
	crash_point("flip: stage committed");
	st->spare = st->open;
	st->open = next;
	st->segment = segment;
	st->block = block;
	catalog_tell(st);
	crash_point("flip: catalog told");
	if (st->spare.h != NULL && open_block_hide(&st->spare, err) != FT_OK) {
		log_limited(LOG_L_CRITICAL, "%s", err->text);
		open_block_close(&st->spare);
	}
	return FT_OK;
}

bool
store_flip_due(const struct store *st)
{
	return st->open.h == NULL || st->open.h->segment != st->segment || st->open.h->block != st->block;
}

int
store_next(struct store *st, struct err *err)
{
	int rc;
	struct open_counts empty = open_block_empty();
	if (st->damaged && (rc = store_move_on(st, err)) != FT_OK)
		return rc;
	if (!store_flip_due(st) && st->kv != NULL) {
		rc = seal_block(st, err);
		if (rc == FT_EFORMAT && (rc = store_move_on(st, err)) == FT_OK)
			rc = seal_block(st, err);
		if (rc != FT_OK)
			return rc;
	}
	if (st->kv != NULL && st->segment_rows >= st->set.segment_rows) {
		rc = segment_finish(st, err);
		if (rc == FT_EFORMAT)
			st->kv = NULL; /* without a directory; its blocks are found all the same */
		else if (rc != FT_OK)
			return rc;
	}
	if (st->kv == NULL) {
		rc = segment_create(st, st->segment + 1, &empty, err);
		if (rc != FT_OK)
			return rc;
	}
	return store_flip(st, st->segment, st->block, err);
}
