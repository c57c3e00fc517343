/*
 * catalog.c - twin records and a selector (contract/catalog.h).
 *
 * The record being filled in is never the selected one.  A reader that is interrupted for as long as it takes the
 * writer to publish twice sees its record change under it; seq, read before and after, tells.  Words are moved with
 * relaxed atomic accesses, so that the race is a defined one.
 */
#include "common/catalog.h"

#include <stdio.h>
#include <string.h>

const struct shm_kind catalog_kind = {FT_CATALOG_MAGIC, FT_CATALOG_VERSION, FT_CATALOG_LAYOUT};
const struct shm_kind open_kind = {FT_OPEN_MAGIC, FT_OPEN_VERSION, FT_OPEN_LAYOUT};

enum { WORDS = sizeof(struct ft_catalog_record) / 8 };
static_assert(sizeof(struct ft_catalog_record) % 8 == 0, "records are words");
static_assert(offsetof(struct ft_catalog_record, seq) == 0, "seq is the first word");

void
catalog_read(const struct ft_catalog *c, struct ft_catalog_record *out)
{
	uint64_t words[WORDS];
	for (;;) {
		uint32_t at = atomic_load_explicit(&c->selector, memory_order_acquire) & 1;
		const uint64_t *from = (const uint64_t *)(const void *)&c->record[at];
		words[0] = __atomic_load_n(&from[0], __ATOMIC_ACQUIRE);
		for (unsigned i = 1; i < WORDS; i++)
			words[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
		/* the words are read before seq is looked at again */
		atomic_thread_fence(memory_order_acquire);
		if (__atomic_load_n(&from[0], __ATOMIC_RELAXED) != words[0])
			continue;
		/* whole; but is it the selected one?  A slow reader may have come to one that is not published yet, and
		 * would see the one before it next time. */
		const uint64_t *other = (const uint64_t *)(const void *)&c->record[at ^ 1];
		if (words[0] != 0 ? atomic_load_explicit(&c->selector, memory_order_relaxed) == at
				  : __atomic_load_n(&other[0], __ATOMIC_ACQUIRE) == 0)
			break; /* both 0: nothing was published yet */
	}
	memcpy(out, words, sizeof *out);
}

void
catalog_publish(struct ft_catalog *c, const struct ft_catalog_record *r)
{
	uint32_t was = atomic_load_explicit(&c->selector, memory_order_relaxed) & 1, idle = was ^ 1;
	uint64_t words[WORDS], *to = (uint64_t *)(void *)&c->record[idle];
	memcpy(words, r, sizeof words);
	words[0] = c->record[was].seq + 1;
	/* A reader may still be on this record (it was selected before the other one), or come to it before it is whole:
	 * its seq is 0 meanwhile.  Selector and seq alone would not do: both may be back where they were by the time the
	 * reader looks again. */
	__atomic_store_n(&to[0], 0, __ATOMIC_RELEASE);
	atomic_thread_fence(memory_order_release);
	for (unsigned i = 1; i < WORDS; i++)
		__atomic_store_n(&to[i], words[i], __ATOMIC_RELAXED);
	__atomic_store_n(&to[0], words[0], __ATOMIC_RELEASE);
	atomic_store_explicit(&c->selector, idle, memory_order_release);
}

void
open_block_name(char out[64], uint32_t segment, uint32_t block)
{
	(void)snprintf(out, 64, "open.%u.%u", segment, block);
}
