/*
 * intake.c - slice rings to rows, one stage batch at a time.
 *
 * Rings are found by looking into the shared-memory folder once a second: tracker shards come and go.  Which ring
 * input[i] counts in is kept beside the stage (incarnation, an undo unit): positions of another incarnation are
 * void, and a ring made anew is read from its tail.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/counters.h"
#include "common/log.h"
#include "store/store.h"

enum { AHEAD = 8, GATHER_US = 100000 };
static const struct shm_kind slice_kind = {FT_SLICE_MAGIC, FT_SLICE_VERSION, FT_SLICE_LAYOUT};
static const struct shm_kind exporters_kind = {FT_EXPORTERS_MAGIC, FT_EXPORTERS_VERSION,
	FT_LAYOUT2(sizeof(struct ft_exporter), sizeof(struct ft_exporters))};

/* A ring seen for the first time: where to begin. */
static void
ring_adopt(struct store *st, unsigned i)
{
	struct store_ring *slot = &st->own->ring[i];
	struct ft_ring_header *h = st->ring[i].h;
	uint64_t tail = atomic_load_explicit(&h->tail, memory_order_acquire);
	bool same = slot->incarnation == h->seg.incarnation;
	const struct ft_stage_record *r = stage_record(&st->stage);
	/* the same ring: our record says (a tail beyond it means our record is older than the ring's: a rebuilt
	 * store; what lies between was released and may be overwritten) */
	if (same && r->input[i] >= tail)
		return;
	stage_begin(&st->stage);
	stage_touch(&st->stage, slot, sizeof *slot);
	slot->incarnation = h->seg.incarnation;
	st->stage.next.input[i] = tail;
	stage_commit(&st->stage);
	if (same)
		log_high("slice.%u: %llu slots were released but not stored before the restart", i,
			(unsigned long long)(tail - r->input[i]));
}

static bool
same_file(const struct store *st, unsigned i, const char *name)
{
	char path[300];
	struct stat a, b;
	snprintf(path, sizeof path, "%s/%s", st->shm_dir, name);
	return stat(path, &a) == 0 && fstat(st->ring[i].shm.fd, &b) == 0 && a.st_ino == b.st_ino;
}

static bool
ring_empty(struct store *st, unsigned i)
{
	uint64_t at = stage_record(&st->stage)->input[i];
	return ring_filled(&st->ring[i], at) <= at;
}

static const struct shm_kind labels_kind = {FT_LABELS_MAGIC, FT_LABELS_VERSION, FT_LABELS_LAYOUT};

/* As below: a name that leads to another file is another segment; numbers mean the same in it. */
static void
look_for_labels(struct store *st)
{
	struct err err;
	char path[300];
	struct stat a, b;
	snprintf(path, sizeof path, "%s/labels", st->shm_dir);
	if (st->labels != NULL) {
		if (stat(path, &a) != 0 || fstat(st->labels_shm.fd, &b) != 0 || a.st_ino == b.st_ino)
			return;
		shm_close(&st->labels_shm);
		st->labels = NULL;
	}
	int rc = shm_open_ro(&st->labels_shm, st->shm_dir, "labels", &labels_kind, &err);
	if (rc == FT_OK)
		st->labels = st->labels_shm.base;
	else if (rc != FT_ENOENT)
		log_limited(LOG_L_CRITICAL, "%s", err.text);
}

/* Ingest may have been started with shared memory of its own making since: then the name leads to another file. */
static void
look_for_exporters(struct store *st)
{
	struct err err;
	char path[300];
	struct stat a, b;
	snprintf(path, sizeof path, "%s/exporters", st->shm_dir);
	if (st->exporters != NULL) {
		if (stat(path, &a) != 0 || fstat(st->exporters_shm.fd, &b) != 0 || a.st_ino == b.st_ino)
			return;
		shm_close(&st->exporters_shm);
		st->exporters = NULL;
		memset(st->open.exporter_cache, 0, sizeof st->open.exporter_cache);
	}
	int rc = shm_open_ro(&st->exporters_shm, st->shm_dir, "exporters", &exporters_kind, &err);
	if (rc == FT_OK)
		st->exporters = st->exporters_shm.base;
	else if (rc != FT_ENOENT)
		log_limited(LOG_L_CRITICAL, "%s", err.text);
}

void
intake_look(struct store *st)
{
	char name[32];
	struct err err;
	for (unsigned i = 0; i < STORE_RINGS; i++) {
		snprintf(name, sizeof name, "slice.%u", i);
		/* its name leads to another file: the tracker made it anew after a drain */
		if (st->attached[i] && ring_empty(st, i) && !same_file(st, i, name)) {
			ring_close(&st->ring[i]);
			st->attached[i] = false;
		}
		if (st->attached[i])
			continue;
		int rc = ring_attach(&st->ring[i], st->shm_dir, name, &slice_kind, FT_RING_CONSUMER, &err);
		if (rc == FT_OK) {
			st->attached[i] = true;
			ring_adopt(st, i);
			ring_release(&st->ring[i], stage_record(&st->stage)->input[i]);
		} else if (rc != FT_ENOENT) {
			log_limited(LOG_L_CRITICAL, "%s", err.text);
		}
	}
	look_for_exporters(st);
	look_for_labels(st);
}

static bool
lookup_exporter(void *ctx, uint32_t id, uint8_t address[16], uint8_t guid[16])
{
	struct store *st = ctx;
	if (id == 0)
		return false;
	if (st->exporters ==
		NULL) { /* ingest makes the table before its first flow; without it look now and then */
		mono_t now = mono_now();
		if (now.ns < st->next_exporters.ns)
			return false;
		st->next_exporters = mono_after(now, span_seconds(1));
		look_for_exporters(st);
	}
	if (st->exporters == NULL || id > st->exporters->capacity ||
		id > atomic_load_explicit(&st->exporters->count, memory_order_acquire))
		return false;
	memcpy(address, st->exporters->slot[id - 1].address, 16);
	memcpy(guid, st->exporters->slot[id - 1].guid, 16);
	return true;
}

/* The name of a row's application.  The number was published before any flow that has it (contract/labels.h). */
static void
name_application(struct store *st, struct open_slice *o)
{
	uint32_t id = o->x->app_name;
	if (st->labels == NULL || id > atomic_load_explicit(&st->labels->count, memory_order_acquire))
		look_for_labels(st);
	if (st->labels == NULL || id > st->labels->capacity ||
		id > atomic_load_explicit(&st->labels->count, memory_order_acquire))
		return;
	const struct ft_label *l = &st->labels->slot[id - 1];
	o->app = l->text;
	o->app_bytes = l->bytes <= FT_LABEL_BYTES ? l->bytes : FT_LABEL_BYTES;
}

/* Records from `at` on, at most `most`; *end is the position after the last one taken. */
static uint32_t
gather(struct store *st, unsigned i, uint64_t at, uint32_t most, struct open_slice *in, uint8_t *elements,
	uint64_t *end)
{
	struct ring *r = &st->ring[i];
	uint64_t filled = ring_filled(r, at);
	uint32_t n = 0;
	if (filled <
		at + OPEN_BATCH * 2) { /* look again: `cached` may be old, and fuller batches cost less */
		r->cached = atomic_load_explicit(&r->h->head, memory_order_acquire);
		filled = r->cached;
	}
	while (n < most && at < filled) {
		const struct ft_slice *s = ring_slot(r, at);
		/* written by another core: fetched early, and many at a time */
		const uint8_t *ahead = ring_slot(r, at + AHEAD);
		__builtin_prefetch(ahead);
		__builtin_prefetch(ahead + FT_LINE);
		__builtin_prefetch(ahead + 2 * FT_LINE);
		uint32_t slots = s->slots ? s->slots : 1, kept = 1;
		if (slots > filled - at) {
			log_limited(LOG_L_CRITICAL, "slice.%u: a record of %u slots is not whole: skipped", i,
				slots);
			at = filled;
			break;
		}
		in[n] = (struct open_slice){.s = s};
		if (s->present & FT_SLICE_EXT && slots > 1) {
			in[n].x = ring_slot(r, at + 1);
			kept = 2;
			if (in[n].x->app_name != 0)
				name_application(st, &in[n]);
		}
		if (slots > kept) {
			uint8_t *to = elements + (size_t)n * TEXT_MOST;
			uint32_t list = s->element_bytes < TEXT_MOST ? s->element_bytes : TEXT_MOST, done = 0;
			for (uint32_t k = kept; k < slots && done < list; k++) {
				uint32_t part = list - done < r->slot_bytes ? list - done : r->slot_bytes;
				memcpy(to + done, ring_slot(r, at + k), part);
				done += part;
			}
			in[n].elements = to;
			in[n].element_bytes = done;
		}
		at += slots;
		n++;
	}
	*end = at;
	return n;
}

uint32_t
intake_turn(struct store *st)
{
	static uint8_t elements[OPEN_BATCH * TEXT_MOST];
	struct open_slice in[OPEN_BATCH];
	uint32_t room = open_block_room(&st->open);
	if (room == 0)
		return 0;
	for (unsigned k = 0; k < STORE_RINGS; k++) {
		unsigned i = (st->turn + k) % STORE_RINGS;
		if (!st->attached[i])
			continue;
		uint64_t at = stage_record(&st->stage)->input[i], end;
		uint32_t n = gather(st, i, at, room, in, elements, &end);
		if (n == 0)
			continue;
		stage_begin(&st->stage);
		open_block_append(&st->open, in, n, &st->tags, lookup_exporter, st);
		st->stage.next.input[i] = end;
		st->stage.next.id[ID_TAG_VERSION] = st->tags.version;
		st->stage.next.counter[COUNT_SLICES] += n;
		store_counts_put(&st->stage, &st->open.next);
		stage_commit(&st->stage);
		ring_release(&st->ring[i], end);
		counter_set(COUNTER_store_slices, stage_record(&st->stage)->counter[COUNT_SLICES]);
		st->turn = i + 1;
		return n;
	}
	return 0;
}

bool
intake_drained(struct store *st)
{
	for (unsigned i = 0; i < STORE_RINGS; i++)
		if (st->attached[i] && !ring_empty(st, i))
			return false;
	return true;
}

void
intake_wait(struct store *st, span_t most)
{
	struct ring *rings[STORE_RINGS];
	uint64_t next[STORE_RINGS];
	unsigned n = 0;
	for (unsigned i = 0; i < STORE_RINGS; i++)
		if (st->attached[i]) {
			rings[n] = &st->ring[i];
			next[n++] = stage_record(&st->stage)->input[i];
		}
	/* nothing to wait for, or nothing that would help: what waits in the rings has no room */
	if (n == 0 || open_block_room(&st->open) == 0)
		(void)poll(NULL, 0, most.us < 20000 ? (int)(most.us / 1000) : 20);
	else
		ring_wait_any(rings, next, n, most);
}

void
intake_gather(struct store *st)
{
	uint64_t us = GATHER_US;
	for (unsigned i = 0; i < STORE_RINGS; i++)
		if (st->attached[i] && ring_capacity(&st->ring[i]) < us)
			us = ring_capacity(&st->ring[i]); /* a slot in a microsecond: no tracker is faster */
	if (us >= 1000 && open_block_room(&st->open) > 0)
		(void)poll(NULL, 0, (int)(us / 1000));
}

void
intake_close(struct store *st)
{
	for (unsigned i = 0; i < STORE_RINGS; i++)
		if (st->attached[i])
			ring_close(&st->ring[i]);
	shm_close(&st->exporters_shm);
	st->exporters = NULL;
	shm_close(&st->labels_shm);
	st->labels = NULL;
}
