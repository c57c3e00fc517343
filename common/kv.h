/*
 * kv.h - LMDB behind one door; the only file pair that knows lmdb.h.
 * One environment a file (no subdirectory), opened once a process, one writing process (design: one owner
 * per datum).  Values read are pointers into the map, valid until the transaction ends.
 * In test builds every write, fsync, rename and unlink passes crash_point() (common/crash.h).
 */
#ifndef FT_KV_H
#define FT_KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct kv; /* an environment */
struct kv_txn;
struct kv_bytes {
	const void *p;
	size_t n;
};

enum {
	KV_READONLY = 1u << 0,
	KV_NOSYNC = 1u << 1, /* commit without fsync; kv_sync once a second (safe against a kill) */
	KV_NOLOCK = 1u << 2, /* a file nobody writes any more: no lock file */
	KV_CREATE = 1u << 3,
};

/* map: size fixed at creation (sparse).  dbs: named databases to be used at most (0: only the main one).
 * After creating a file its directory is synced. */
int kv_open(struct kv **out, const char *path, size_t map, unsigned dbs, unsigned flags, struct err *err);
void kv_close(struct kv *kv);
int kv_sync(struct kv *kv, struct err *err);
size_t kv_used(struct kv *kv); /* bytes of pages in use */
int kv_reader_check(struct kv *kv);
/* Pages that the latest commit does not use, as ranges of bytes in the file, ascending and apart.  Stops when `range` returns
 * non-zero and returns that. */
int kv_free_ranges(struct kv *kv, int (*range)(void *ctx, uint64_t from, uint64_t to), void *ctx);
const void *kv_map(struct kv *kv); /* start of the map, for file offsets of values */

int kv_begin(struct kv *kv, bool write, struct kv_txn **out, struct err *err);
int kv_commit(struct kv_txn *t, struct err *err); /* frees t, also on failure */
void kv_abort(struct kv_txn *t);
/* db: handle of a named database, opened (and created when writing) in this transaction; NULL: main.  Everywhere below
 * db 0 is the main database, too. */
int kv_db(struct kv_txn *t, const char *name, unsigned *db, struct err *err);
int kv_get(struct kv_txn *t, unsigned db, const void *key, size_t key_bytes, struct kv_bytes *out);
int kv_put(struct kv_txn *t, unsigned db, const void *key, size_t key_bytes, const void *value, size_t bytes,
	struct err *err);
/* room for a value of `bytes`, to be filled in before the next call on t */
int kv_reserve(struct kv_txn *t, unsigned db, const void *key, size_t key_bytes, size_t bytes, void **room,
	struct err *err);
int kv_del(struct kv_txn *t, unsigned db, const void *key, size_t key_bytes, struct err *err);

struct kv_cursor;
int kv_cursor_open(struct kv_txn *t, unsigned db, struct kv_cursor **out);
/* first key >= given (n 0: the first of all); FT_ENOENT at the end */
int kv_cursor_seek(
	struct kv_cursor *c, const void *key, size_t key_bytes, struct kv_bytes *k, struct kv_bytes *v);
int kv_cursor_next(struct kv_cursor *c, struct kv_bytes *k, struct kv_bytes *v);
int kv_cursor_last(struct kv_cursor *c, struct kv_bytes *k, struct kv_bytes *v);
void kv_cursor_close(struct kv_cursor *c);

#endif
