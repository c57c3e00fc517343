/*
 * rescan.c - files of segments came, went or changed beside a running ft-store: attached, repaired (change.c).
 *
 * Whatever is between is safe: a reader believes a place of the index only if the block is there (snapshot.c), and a
 * number that is listed without a file is missing, and said so.
 */
#include <stdlib.h>

#include "common/log.h"
#include "store/store.h"

void
rescan_index(
	struct store *st, const uint32_t *changed, uint32_t n_changed, const uint32_t *gone, uint32_t n_gone)
{
	for (uint32_t i = 0; i < n_changed; i++)
		index_drop_segment(st, changed[i]);
	for (uint32_t i = 0; i < n_gone; i++)
		(void)index_put_gone(st, gone[i]);
}

int
store_rescan(struct store *st, const uint32_t *changed, uint32_t n_changed, const uint32_t *gone,
	uint32_t n_gone, struct err *err)
{
	uint32_t *n, count;
	index_mend_stop(st);
	rescan_index(st, changed, n_changed, gone, n_gone);
	int rc = segment_list(st->database, &n, &count, err);
	if (rc == FT_OK) {
		st->first_segment = count > 0 && n[0] < st->segment ? n[0] : st->segment;
		free(n);
		store_count_sealed(st);
		catalog_tell(st);
		log_high("%u segments were attached or changed; the oldest is %u", n_changed,
			st->first_segment);
	}
	index_mend_start(st);
	return rc;
}
