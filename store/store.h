/*
 * store.h - what the files of ft-store share: one struct, one thread (the index mender aside).
 *
 *   slice rings -> intake -> open block (shm)   stage commit, catalog            safe against a kill
 *                            journal -> active segment, synced every second      safe against power loss
 *                            seal    -> active segment, journal deleted in the same transaction
 *                            segment: the next file; index: zone maps; expire: oldest files
 *
 * LMDB is the truth after a restart, the stage's record (rows, entries, ring positions) as far as it agrees with
 * it, the catalog is published from both (recover.c).
 */
#ifndef FT_STORE_H
#define FT_STORE_H

#include <pthread.h>
#include <stdbool.h>

#include "common/clock.h"
#include "common/codec.h"
#include "common/contract/exporters.h"
#include "common/contract/labels.h"
#include "common/kv.h"
#include "common/ring.h"
#include "common/stage.h"
#include "common/zone.h"
#include "store/open_block.h"

#define STORE_MAGIC "FTSTORE"
#define STORE_VERSION 0x00010000u
enum { STORE_RINGS = FT_STAGE_INPUTS, STORE_UNDO = 4096 };

/* Numbering of the stage's record. */
enum { OUT_ROWS, OUT_DICT, OUT_HEAP = OUT_DICT + FT_DICTS, OUT_USED };
enum { ID_SEGMENT, ID_BLOCK, ID_TAG_VERSION, ID_USED };
enum { COUNT_SLICES, COUNT_USED };

/* Segment "store": private to ft-store. */
struct store_segment {
	struct ft_seg_header seg;
	uint8_t store_uuid[16];
	uint8_t fill[48];
	struct store_ring { /* undo unit: which ring input[i] counts in */
		uint64_t incarnation, zero;
	} ring[STORE_RINGS];
	/* struct ft_stage follows */
};
#define STORE_LAYOUT FT_LAYOUT3(sizeof(struct store_segment), sizeof(struct ft_stage), (uint32_t)OUT_USED)

extern const struct stage_use store_stage_used;

struct store_settings {
	uint64_t segment_rows, segments, database_bytes, max_age_s, memcache_rows, interval_s, commit_s;
	char archive[512];
};

struct journal_head;
struct store {
	char shm_dir[200], database[512];
	struct store_settings set;
	uint8_t uuid[16], boot_id[16];
	int lock_fd;

	struct shm shm; /* struct store_segment */
	struct store_segment *own;
	struct stage stage;
	struct shm catalog_shm;
	struct ft_catalog *catalog;
	struct open_block open;
	struct open_block spare; /* the one before, hidden: memory for the next */
	struct tags tags;

	struct ring ring[STORE_RINGS];
	bool attached[STORE_RINGS];
	unsigned turn; /* ring to begin with */
	struct shm exporters_shm;
	const struct ft_exporters *exporters;
	struct shm labels_shm;
	const struct ft_labels *labels;

	/* the active segment */
	struct kv *kv;
	uint32_t segment, block, first_segment;
	uint8_t segment_uuid[16];
	uint64_t segment_rows;        /* sealed in it */
	struct open_counts durable;   /* of the open block, in the journal */
	uint32_t journal_seq;         /* next record of the open block */
	uint64_t commit;              /* of the latest synced commit */
	uint64_t catalog_commit;      /* what the catalog said at start */
	_Atomic uint64_t sealed_rows; /* in all segments */
	int64_t complete_us, gap_from_us, gap_to_us;
	bool complete_held; /* shared memory was lost and nothing has come since */

	struct kv *index;
	pthread_t mender;
	bool mending;
	_Atomic bool mend_stop;
	uint32_t mend_first, mend_end; /* segments it looks at */
	_Atomic bool mending_now;
	uint32_t trim_next;    /* the next one whose free pages go back to the filesystem */
	int64_t clock_wall_us; /* expire.c: the wall clock when it was looked at last, 0 never */
	mono_t clock_seen, clock_trusted_from;
	struct codec_out pack; /* kept from block to block */
	uint64_t *wide[4];     /* FT_BLOCK_ROWS + OPEN_ADDRS each: scratch of sealing */
	mono_t next_commit, next_look, next_expire, next_exporters;
	bool damaged; /* LMDB failed in the active segment: see store_move_on */
	bool failing; /* the last commit failed: disk full, read-only */
	int commit_rc;
};

/* ---- recover.c: start and stop; examine.c: what a segment's file holds ---- */
int store_open(struct store *st, const char *shm_dir, const char *database, const struct store_settings *set,
	struct err *err);
/* What LMDB says of a segment, walked with a guard round it. */
struct segment_state {
	enum { SEGMENT_EMPTY, SEGMENT_GOOD, SEGMENT_DAMAGED } kind;
	bool finished; /* has its directory */
	uint8_t store_uuid[16], segment_uuid[16];
	uint32_t blocks; /* sealed; the open one has this number */
	uint64_t rows, commit;
	struct journal_head *last; /* of the open block; kept in the caller's room */
};
/* write: look whether it can be written to as well */
int segment_examine(const char *database, uint32_t number, bool write, struct segment_state *s,
	struct journal_head *last);
/* the same of a file that lies elsewhere */
int segment_examine_file(
	const char *path, uint32_t number, struct segment_state *s, struct journal_head *last);
/* Append what its journal holds to an empty block; s as segment_examine left it. */
int segment_replay(const char *database, uint32_t number, struct segment_state *s, struct journal_head *last,
	struct open_block *to, struct err *err);
/* The active segment is damaged (st->damaged): the open block's rows go to a new one. */
int store_move_on(struct store *st, struct err *err);
void store_count_sealed(struct store *st);
void store_close(struct store *st); /* memory and handles; commits nothing */

/* ---- intake.c ---- */
void intake_look(struct store *st);     /* attach rings and the exporter table that have come */
uint32_t intake_turn(struct store *st); /* one batch: slices taken; 0: nothing there, or the block is full */
bool intake_drained(struct store *st);  /* every ring is empty */
void intake_wait(struct store *st, span_t most);
/* The rings are all but empty: a short pause, in which they fill a little.  A turn costs the same for few slices as for
 * many, and a producer need not wake a consumer that does not wait. */
void intake_gather(struct store *st);
void intake_close(struct store *st);

/* ---- journal.c ---- */
int journal_put(struct store *st, struct kv_txn *t, uint32_t segment, uint32_t block, uint32_t seq,
	const struct open_counts *from, const struct open_counts *to, uint64_t commit, struct err *err);
int journal_commit(struct store *st, struct err *err); /* everything committed so far, synced */
bool journal_good(const void *value, size_t n, struct journal_head *out);
/* Apply a record to a block that has exactly the rows and entries before it. */
int journal_apply(struct open_block *b, const void *value, size_t n);

/* ---- seal.c ---- */
int seal_pack(struct store *st, const struct open_block *b, const struct open_counts *counts, uint64_t commit,
	struct zone *zone, uint64_t **filter, struct err *err); /* bytes in st->pack */
int seal_block(struct store *st, struct err *err);

/* ---- segment.c ---- */
enum { MAIN_DB = 1 }; /* LMDB's handle of the one database a file has */
int main_begin(
	struct kv *kv, bool write, struct kv_txn **out, struct err *err); /* kv_begin, database opened */
struct segment_key {
	uint8_t b[12];
};
enum { KEY_META = 'M', KEY_BLOCK = 'B', KEY_JOURNAL = 'J', KEY_DIRECTORY = 'D' };
struct segment_key segment_key(char kind, uint32_t a, uint32_t b);
uint64_t segment_offset(const void *value);
struct segment_meta {
	uint8_t store_uuid[16], segment_uuid[16];
	uint32_t segment, version;
	int64_t created_us;
	uint64_t checksum;
};
bool segment_meta_good(const void *value, size_t n, struct segment_meta *out);
int segment_put_meta(struct store *st, struct kv_txn *t, uint32_t number, struct err *err);
int segment_create(struct store *st, uint32_t number, const struct open_counts *counts, struct err *err);
int segment_open(struct store *st, uint32_t number, struct err *err); /* for writing: st->kv */
int segment_finish(struct store *st, struct err *err);                /* write the directory, close */
/* LMDB's lock file goes: a finished segment is read without one */
void segment_unlock(const char *database, uint32_t number);
int segment_list(
	const char *database, uint32_t **numbers, uint32_t *n, struct err *err); /* ascending; free() */
int segment_space(const struct store *st, uint64_t need, struct err *err); /* FT_EFULL: the disk has less */

/* ---- index.c ---- */
int index_open(struct store *st, struct err *err);
void index_close(struct store *st);
int index_put_block(struct store *st, uint32_t segment, uint32_t block, const struct zone *z);
int index_put_segment(struct store *st, uint32_t segment, const struct zone_segment *s);
void index_drop_segment(struct store *st, uint32_t segment);
/* It was taken out on purpose: readers do not miss it (snapshot.c).  Until there is a file of that number again. */
int index_put_gone(struct store *st, uint32_t segment);
bool index_get_segment(struct store *st, uint32_t segment, struct zone_segment *out);
struct zone *index_get_block(struct store *st, uint32_t segment, uint32_t block);
/* Look through a file's blocks, write the entries that are missing, and the summary if finished. */
int index_mend_segment(
	struct store *st, uint32_t segment, uint32_t blocks_known, bool finished, struct zone_segment *out);
void index_mend_start(struct store *st); /* in the background: all segments before the active one */
void index_mend_stop(struct store *st);

/* ---- catalog.c ---- */
void catalog_tell(struct store *st);
int catalog_make(struct store *st, struct err *err);
/* Begin block (segment, block) with `counts` and positions as they stand: open block made, stage flipped,
 * catalog told, older open blocks unlinked. */
int store_flip(struct store *st, uint32_t segment, uint32_t block, struct err *err);
/* The open block is full (or has to go): seal it, and if the segment is full begin the next one; then flip.  After a
 * failure it is called again and goes on where it stopped. */
int store_next(struct store *st, struct err *err);
bool store_flip_due(const struct store *st); /* sealed, not flipped yet */
void store_sweep_open(struct store *st);     /* unlink open blocks that are not the current one */
void store_spare(struct store
		*st); /* the memory of the first flip, made beforehand; if it cannot be, the flip says so */
struct open_counts store_counts(const struct store *st); /* of the stage's record */
void store_counts_put(struct stage *stage, const struct open_counts *c);

/* ---- rescan.c: files of segments before the active one came, went or changed ---- */
/* What the index says of `changed` is forgotten; of what is in `gone` it says that it was taken out on purpose. */
void rescan_index(
	struct store *st, const uint32_t *changed, uint32_t n_changed, const uint32_t *gone, uint32_t n_gone);
/* And the folder is looked at anew, readers are told. */
int store_rescan(struct store *st, const uint32_t *changed, uint32_t n_changed, const uint32_t *gone,
	uint32_t n_gone, struct err *err);

/* ---- expire.c ---- */
void expire_run(struct store *st);
/* expire_run at a time of one's choice, for tests: one segment goes at most */
void expire_at(struct store *st, int64_t wall_us, mono_t now);
bool expire_oldest(struct store *st, const char *why);

#endif
