/*
 * kv.c - LMDB behind one door (kv.h).
 *
 * What LMDB's ways ask for: an environment is opened once a process; the map size is fixed when the file is
 * made (a reader takes what the file says); read transactions are not tied to threads (NOTLS); never WRITEMAP (a full disk
 * would be SIGBUS).  A full disk shows as EIO or ENOSPC from the commit: the caller is told, the file keeps
 * its last good state.
 */
#include "common/kv.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crash.h"

struct kv {
	MDB_env *env;
	char *path;
	unsigned flags;
};
struct kv_txn {
	MDB_txn *t;
	struct kv *kv;
	bool write;
};
struct kv_cursor {
	MDB_cursor *c;
};

static int
kv_error(struct err *err, int rc, const char *path, const char *what)
{
	switch (rc) {
	case 0:
		return 0;
	case MDB_NOTFOUND:
		return FT_ENOENT;
	case MDB_KEYEXIST:
		return FT_EXIST;
	case MDB_MAP_FULL:
	case MDB_DBS_FULL:
	case MDB_READERS_FULL:
	case MDB_TXN_FULL:
		return err_set(err, FT_EFULL, "%s: %s: %s", path, what, mdb_strerror(rc));
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_PANIC:
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
		return err_set(
			err, FT_EFORMAT, "%s: %s: damaged or no LMDB file: %s", path, what, mdb_strerror(rc));
	case ENOENT:
		return err_set(err, FT_ENOENT, "%s: %s: no such file", path, what);
	default:
		if (rc > 0) {
			errno = rc;
			return err_sys(err, "%s: %s", path, what);
		}
		return err_set(err, FT_EINVAL, "%s: %s: %s", path, what, mdb_strerror(rc));
	}
}

/* A new name is only safe once its directory is on disk. */
static void
sync_directory(const char *path)
{
	char *copy = strdup(path);
	if (copy == NULL)
		return;
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		crash_point("kv: sync directory");
		(void)fsync(fd); /* some filesystems can't; then the name is as safe as they make it */
		close(fd);
	}
	free(copy);
}

/* the main database's order of keys is set when a transaction opens it, once an environment */
static int
open_main(MDB_env *env)
{
	MDB_txn *t;
	MDB_dbi db;
	int rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &t);
	if (rc != 0)
		return rc;
	rc = mdb_dbi_open(t, NULL, 0, &db);
	mdb_txn_abort(t);
	return rc;
}

/* Readers of other users (one a role, one common group) write their slot into the lock file. */
static void
share_lock(const char *path, unsigned flags)
{
	char *lock;
	if ((flags & (KV_NOLOCK | KV_READONLY)) || asprintf(&lock, "%s-lock", path) < 0)
		return;
	(void)chmod(lock, 0660); /* a filesystem without modes has none to give */
	free(lock);
}

int
kv_open(struct kv **out, const char *path, size_t map, unsigned dbs, unsigned flags, struct err *err)
{
	struct stat st;
	bool fresh = stat(path, &st) != 0;
	struct kv *kv = calloc(1, sizeof *kv);
	unsigned f = MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD;
	int rc;
	*out = NULL;
	if (kv == NULL || (kv->path = strdup(path)) == NULL) {
		free(kv);
		return err_set(err, FT_ENOMEM, "%s: out of memory", path);
	}
	kv->flags = flags;
	if (fresh && !(flags & KV_CREATE)) {
		rc = ENOENT;
		goto fail;
	}
	f |= (flags & KV_READONLY ? MDB_RDONLY : 0) | (flags & KV_NOSYNC ? MDB_NOSYNC : 0) |
	     (flags & KV_NOLOCK ? MDB_NOLOCK : 0);
	rc = mdb_env_create(&kv->env);
	if (rc == 0 && map)
		rc = mdb_env_set_mapsize(kv->env, map);
	if (rc == 0 && dbs)
		rc = mdb_env_set_maxdbs(kv->env, dbs);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(kv->env, 126);
	if (rc == 0) {
		crash_point("kv: open");
		rc = mdb_env_open(kv->env, path, f, 0640);
	}
	if (rc == 0)
		rc = open_main(kv->env);
	if (rc != 0)
		goto fail;
	if (fresh) {
		share_lock(path, flags);
		sync_directory(path);
	}
	*out = kv;
	return 0;
fail:
	rc = kv_error(err, rc, path, "can't open");
	if (kv->env)
		mdb_env_close(kv->env);
	free(kv->path);
	free(kv);
	return rc;
}

void
kv_close(struct kv *kv)
{
	if (kv == NULL)
		return;
	mdb_env_close(kv->env);
	free(kv->path);
	free(kv);
}

int
kv_sync(struct kv *kv, struct err *err)
{
	crash_point("kv: before sync");
	int rc = mdb_env_sync(kv->env, 1);
	crash_point("kv: after sync");
	return kv_error(err, rc, kv->path, "can't sync");
}

size_t
kv_used(struct kv *kv)
{
	MDB_envinfo info;
	MDB_stat st;
	if (mdb_env_info(kv->env, &info) != 0 || mdb_env_stat(kv->env, &st) != 0)
		return 0;
	return (info.me_last_pgno + 1) * st.ms_psize;
}

int
kv_reader_check(struct kv *kv)
{
	int dead = 0;
	return mdb_reader_check(kv->env, &dead) == 0 ? dead : 0;
}

const void *
kv_map(struct kv *kv)
{
	MDB_envinfo info;
	return mdb_env_info(kv->env, &info) == 0 ? info.me_mapaddr : NULL;
}

/* ---- free pages: LMDB's database 0, whose values are a count and so many page numbers ---- */

struct pages {
	size_t *number, n, room;
};

static int
note_pages(struct pages *p, const MDB_val *v)
{
	size_t count;
	if (v->mv_size < sizeof count)
		return FT_EFORMAT;
	memcpy(&count, v->mv_data, sizeof count);
	if (count > v->mv_size / sizeof count - 1)
		return FT_EFORMAT;
	if (p->room - p->n < count) {
		size_t room = p->room * 2 + count;
		size_t *more = realloc(p->number, room * sizeof *more);
		if (more == NULL)
			return FT_ENOMEM;
		p->number = more;
		p->room = room;
	}
	memcpy(p->number + p->n, (const uint8_t *)v->mv_data + sizeof count, count * sizeof count);
	p->n += count;
	return FT_OK;
}

static int
by_number(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	return (x > y) - (x < y);
}

int
kv_free_ranges(struct kv *kv, int (*range)(void *ctx, uint64_t from, uint64_t to), void *ctx)
{
	struct pages p = {0};
	MDB_txn *t;
	MDB_cursor *c;
	MDB_val k, v;
	MDB_stat st;
	if (mdb_env_stat(kv->env, &st) != 0 || mdb_txn_begin(kv->env, NULL, MDB_RDONLY, &t) != 0)
		return FT_ESYS;
	int rc = mdb_cursor_open(t, 0, &c) == 0 ? FT_OK : FT_ESYS;
	if (rc == FT_OK) {
		while (rc == FT_OK && mdb_cursor_get(c, &k, &v, MDB_NEXT) == 0)
			rc = note_pages(&p, &v);
		mdb_cursor_close(c);
	}
	mdb_txn_abort(t);
	if (p.n > 1)
		qsort(p.number, p.n, sizeof *p.number, by_number);
	for (size_t i = 0, next; i < p.n && rc == FT_OK; i = next) {
		for (next = i + 1; next < p.n && p.number[next] <= p.number[next - 1] + 1; next++)
			;
		rc = range(ctx, (uint64_t)p.number[i] * st.ms_psize,
			((uint64_t)p.number[next - 1] + 1) * st.ms_psize);
	}
	free(p.number);
	return rc;
}

int
kv_begin(struct kv *kv, bool write, struct kv_txn **out, struct err *err)
{
	struct kv_txn *t = malloc(sizeof *t);
	int rc;
	*out = NULL;
	if (t == NULL)
		return err_set(err, FT_ENOMEM, "%s: out of memory", kv->path);
	t->kv = kv;
	t->write = write;
	rc = mdb_txn_begin(kv->env, NULL, write ? 0 : MDB_RDONLY, &t->t);
	if (rc == MDB_MAP_RESIZED) { /* another process made it larger */
		rc = mdb_env_set_mapsize(kv->env, 0);
		if (rc == 0)
			rc = mdb_txn_begin(kv->env, NULL, write ? 0 : MDB_RDONLY, &t->t);
	}
	if (rc != 0) {
		free(t);
		return kv_error(err, rc, kv->path, "can't begin a transaction");
	}
	*out = t;
	return 0;
}

int
kv_commit(struct kv_txn *t, struct err *err)
{
	struct kv *kv = t->kv;
	if (t->write)
		crash_point("kv: before commit");
	int rc = mdb_txn_commit(t->t);
	if (t->write)
		crash_point("kv: after commit");
	free(t);
	return kv_error(err, rc, kv->path, "can't commit");
}

void
kv_abort(struct kv_txn *t)
{
	if (t == NULL)
		return;
	mdb_txn_abort(t->t);
	free(t);
}

int
kv_db(struct kv_txn *t, const char *name, unsigned *db, struct err *err)
{
	MDB_dbi dbi;
	int rc = mdb_dbi_open(t->t, name, name && t->write ? MDB_CREATE : 0, &dbi);
	if (rc == 0)
		*db = dbi;
	return kv_error(err, rc, t->kv->path, name ? name : "main database");
}

/* LMDB's main database is handle 1; its 0 is the list of free pages, which nobody may touch */
static MDB_dbi
handle(unsigned db)
{
	return db ? db : 1;
}

int
kv_get(struct kv_txn *t, unsigned db, const void *key, size_t key_bytes, struct kv_bytes *out)
{
	MDB_val k = {key_bytes, (void *)(uintptr_t)key}, v;
	int rc = mdb_get(t->t, handle(db), &k, &v);
	if (rc == 0)
		*out = (struct kv_bytes){v.mv_data, v.mv_size};
	return kv_error(NULL, rc, t->kv->path, "can't read");
}

int
kv_put(struct kv_txn *t, unsigned db, const void *key, size_t key_bytes, const void *value, size_t bytes,
	struct err *err)
{
	MDB_val k = {key_bytes, (void *)(uintptr_t)key}, v = {bytes, (void *)(uintptr_t)value};
	return kv_error(err, mdb_put(t->t, handle(db), &k, &v, 0), t->kv->path, "can't write");
}

int
kv_reserve(struct kv_txn *t, unsigned db, const void *key, size_t key_bytes, size_t bytes, void **room,
	struct err *err)
{
	MDB_val k = {key_bytes, (void *)(uintptr_t)key}, v = {bytes, NULL};
	int rc = mdb_put(t->t, handle(db), &k, &v, MDB_RESERVE);
	if (rc == 0)
		*room = v.mv_data;
	return kv_error(err, rc, t->kv->path, "can't write");
}

int
kv_del(struct kv_txn *t, unsigned db, const void *key, size_t key_bytes, struct err *err)
{
	MDB_val k = {key_bytes, (void *)(uintptr_t)key};
	return kv_error(err, mdb_del(t->t, handle(db), &k, NULL), t->kv->path, "can't delete");
}

int
kv_cursor_open(struct kv_txn *t, unsigned db, struct kv_cursor **out)
{
	struct kv_cursor *c = malloc(sizeof *c);
	*out = NULL;
	if (c == NULL)
		return FT_ENOMEM;
	int rc = mdb_cursor_open(t->t, handle(db), &c->c);
	if (rc != 0) {
		free(c);
		return kv_error(NULL, rc, t->kv->path, "can't read");
	}
	*out = c;
	return 0;
}

static int
cursor_get(struct kv_cursor *c, MDB_val *k, struct kv_bytes *ko, struct kv_bytes *vo, MDB_cursor_op op)
{
	MDB_val v;
	int rc = mdb_cursor_get(c->c, k, &v, op);
	if (rc == 0) {
		*ko = (struct kv_bytes){k->mv_data, k->mv_size};
		*vo = (struct kv_bytes){v.mv_data, v.mv_size};
	}
	return kv_error(NULL, rc, "", "can't read");
}

int
kv_cursor_seek(struct kv_cursor *c, const void *key, size_t key_bytes, struct kv_bytes *k, struct kv_bytes *v)
{
	MDB_val at = {key_bytes, (void *)(uintptr_t)key};
	return cursor_get(c, &at, k, v, key_bytes ? MDB_SET_RANGE : MDB_FIRST);
}

int
kv_cursor_next(struct kv_cursor *c, struct kv_bytes *k, struct kv_bytes *v)
{
	MDB_val at;
	return cursor_get(c, &at, k, v, MDB_NEXT);
}

int
kv_cursor_last(struct kv_cursor *c, struct kv_bytes *k, struct kv_bytes *v)
{
	MDB_val at;
	return cursor_get(c, &at, k, v, MDB_LAST);
}

void
kv_cursor_close(struct kv_cursor *c)
{
	if (c == NULL)
		return;
	mdb_cursor_close(c->c);
	free(c);
}
