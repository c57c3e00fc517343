/*
 * journal.h - the journal of what was learnt (learn.h), in memory: records in the order they came, each some changes, and
 * an index that says which change of a key is the latest.  Records from `head` on are in the file, but for the last
 * ones, which were collected since the last flush.
 */
#ifndef FT_INGEST_JOURNAL_H
#define FT_INGEST_JOURNAL_H

#include "ingest/learn.h"

#define CHANGE_GONE UINT32_MAX

/* One change, as in the file; the value follows, filled up to a multiple of 8 bytes. */
struct change {
	struct learn_key key;
	uint32_t datagram; /* that taught it: several may be written at once */
	uint32_t n;        /* bytes of the value; CHANGE_GONE: the key was deleted */
	uint8_t value[];
};

struct record_stamp {
	uint64_t incarnation, batch;
};

struct record {
	struct record *next;
	uint64_t number;
	uint32_t bytes, room; /* of changes */
	bool written;
	struct record_stamp stamp; /* from here on as in the file */
	uint8_t data[] __attribute__((aligned(8)));
};

_Static_assert(offsetof(struct record, data) == offsetof(struct record, stamp) + sizeof(struct record_stamp),
	"a record is one piece");

struct place { /* of the latest change of a key */
	struct record *record;
	uint32_t hash;
	uint32_t at : 31;
	uint32_t unborn : 1; /* the table never had the key, so there is nothing to delete from it */
};

struct journal {
	struct record *head, *fresh, *tail; /* fresh: the first that is not written; NULL: none */
	uint32_t at;                        /* changes of the head before this are folded */
	uint64_t number;                    /* of the last record */
	size_t bytes;                       /* in all records */
	unsigned collected;                 /* changes that are not written */
	struct place *place;                /* open addressing */
	uint32_t mask, used;
};

struct journal *journal_new(void);
void journal_free(struct journal *j);
/* value NULL: deleted.  A change of the same key by the same datagram that is not written yet is replaced. */
void journal_add(struct journal *j, const struct learn *where, const struct learn_key *key, const void *value,
	size_t n);
/* A record as the file has it, in order.  unfinished: without what datagrams of `where`'s batch from `from` on
 * taught. */
void journal_read(struct journal *j, uint64_t number, const void *bytes, size_t n, const struct learn *where,
	bool unfinished, uint32_t from);
/* drop what is not written */
void journal_forget(struct journal *j);
/* everything collected is in the file now */
void journal_written(struct journal *j);
/* A change of the head is dealt with; stored: the table has it now. */
void journal_drop_change(struct journal *j, const struct record *r, uint32_t at, bool stored);
void journal_drop_head(struct journal *j);
/* NULL: the journal has nothing of the key */
struct place *journal_latest(const struct journal *j, const struct learn_key *key);

static inline const struct change *
change_at(const struct record *r, uint32_t at)
{
	return (const struct change *)(const void *)(r->data + at);
}

static inline uint32_t
change_bytes(uint32_t n)
{
	return (uint32_t)sizeof(struct change) + (n == CHANGE_GONE ? 0 : (n + 7) / 8 * 8);
}

#endif
