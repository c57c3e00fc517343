/*
 * segment.c - segments: one LMDB environment a file, DATABASE/segments/NNNNNNNN.seg.
 *
 * Keys are a kind and two big-endian numbers: M meta; B block n; J record seq of block n; D the directory, put
 * last.  Every commit of the active one is synced; the map's size is fixed when the file is made (sparse).  A
 * segment that got its directory is never written again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/block_format.h"
#include "common/crash.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/segment_file.h"
#include "store/store.h"

enum { ROW_MOST = 256 }; /* bytes a row may take in the file, journal included; the map is that large */

int
main_begin(struct kv *kv, bool write, struct kv_txn **out, struct err *err)
{
	unsigned db;
	int rc = kv_begin(kv, write, out, err);
	if (rc == FT_OK && (rc = kv_db(*out, NULL, &db, err)) != FT_OK) {
		kv_abort(*out);
		*out = NULL;
	} else if (rc == FT_OK) {
		CHECK(db == MAIN_DB);
	}
	return rc;
}

struct segment_key
segment_key(char kind, uint32_t a, uint32_t b)
{
	struct segment_key k = {{(uint8_t)kind}};
	a = __builtin_bswap32(a);
	b = __builtin_bswap32(b);
	memcpy(k.b + 4, &a, 4);
	memcpy(k.b + 8, &b, 4);
	return k;
}

/* Where a value with pages of its own lies in the file: the first word of its page is the page's number. */
uint64_t
segment_offset(const void *value)
{
	uint64_t page;
	memcpy(&page, (const uint8_t *)value - 16, sizeof page);
	return page * (uint64_t)sysconf(_SC_PAGESIZE) + 16;
}

bool
segment_meta_good(const void *value, size_t n, struct segment_meta *out)
{
	if (n != sizeof *out)
		return false;
	memcpy(out, value, sizeof *out);
	return out->version == 1 &&
	       hash_bytes(out, offsetof(struct segment_meta, checksum), 2) == out->checksum;
}

int
segment_list(const char *database, uint32_t **numbers, uint32_t *n, struct err *err)
{
	char path[600];
	uint32_t room = 0, one;
	struct dirent *e;
	*numbers = NULL;
	*n = 0;
	snprintf(path, sizeof path, "%s/segments", database);
	DIR *d = opendir(path);
	if (d == NULL)
		return err_sys(err, "%s can't be listed", path);
	while ((e = readdir(d)) != NULL) {
		if (!segment_number(e->d_name, &one))
			continue;
		if (*n == room) {
			uint32_t more = room * 2 + 64;
			uint32_t *p = realloc(*numbers, more * sizeof *p);
			if (p == NULL) {
				closedir(d);
				free(*numbers);
				*numbers = NULL;
				return err_set(err, FT_ENOMEM, "out of memory");
			}
			*numbers = p;
			room = more;
		}
		uint32_t at = (*n)++;
		for (; at > 0 && (*numbers)[at - 1] > one; at--)
			(*numbers)[at] = (*numbers)[at - 1];
		(*numbers)[at] = one;
	}
	closedir(d);
	return FT_OK;
}

int
segment_space(const struct store *st, uint64_t need, struct err *err)
{
	struct statvfs v;
	if (statvfs(st->database, &v) != 0)
		return err_sys(err, "%s can't be asked for its space", st->database);
	if (v.f_flag & ST_RDONLY)
		return err_set(err, FT_EFULL, "%s is on a read-only file system", st->database);
	if ((uint64_t)v.f_bavail * v.f_frsize < need)
		return err_set(err, FT_EFULL, "the disk of %s is full: %llu KB are left, %llu are needed",
			st->database, (unsigned long long)((uint64_t)v.f_bavail * v.f_frsize / 1024),
			(unsigned long long)(need / 1024));
	return FT_OK;
}

/* rows of the configuration, but at least two blocks' worth so that a full block always fits */
static size_t
map_size(const struct store *st)
{
	uint64_t rows = st->set.segment_rows + 2 * (uint64_t)FT_BLOCK_ROWS;
	return (size_t)(rows * ROW_MOST + (64u << 20)) & ~(size_t)4095;
}

int
segment_put_meta(struct store *st, struct kv_txn *t, uint32_t number, struct err *err)
{
	struct segment_meta m = {.segment = number, .version = 1, .created_us = wall_now().us};
	struct segment_key k = segment_key(KEY_META, 0, 0);
	memcpy(m.store_uuid, st->uuid, 16);
	memcpy(m.segment_uuid, st->segment_uuid, 16);
	m.checksum = hash_bytes(&m, offsetof(struct segment_meta, checksum), 2);
	return kv_put(t, MAIN_DB, k.b, sizeof k.b, &m, sizeof m, err);
}

static void
random_uuid(uint8_t out[16])
{
	if (getrandom(out, 16, 0) != 16) {
		uint64_t w[2] = {hash_mix(hash_secret(), (uint64_t)wall_now().us), (uint64_t)mono_now().ns};
		memcpy(out, w, 16);
	}
	out[6] = (uint8_t)((out[6] & 0x0f) | 0x40);
	out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
}

/* A file without meta is what a crash left of a creation: removed, made again. */
int
segment_create(struct store *st, uint32_t number, const struct open_counts *counts, struct err *err)
{
	char path[600], lock[608];
	struct kv *kv;
	struct kv_txn *t;
	struct open_counts empty = open_block_empty();
	uint8_t was_uuid[16];
	int rc = segment_path(path, sizeof path, st->database, number);
	if (rc != FT_OK)
		return err_set(err, rc, "%s: the path is too long", st->database);
	rc = segment_space(st, 4 << 20, err);
	if (rc != FT_OK)
		return rc;
	snprintf(lock, sizeof lock, "%s-lock", path);
	crash_point("segment: before unlink");
	(void)unlink(path);
	(void)unlink(lock);
	rc = kv_open(&kv, path, map_size(st), 0, KV_CREATE, err);
	if (rc != FT_OK)
		return rc;
	memcpy(was_uuid, st->segment_uuid, 16);
	random_uuid(st->segment_uuid);
	rc = main_begin(kv, true, &t, err);
	if (rc == FT_OK) {
		rc = segment_put_meta(st, t, number, err);
		if (rc == FT_OK)
			rc = journal_put(st, t, number, 0, 0, &empty, counts, st->commit + 1, err);
		if (rc == FT_OK)
			rc = kv_commit(t, err);
		else
			kv_abort(t);
	}
	if (rc != FT_OK) {
		memcpy(st->segment_uuid, was_uuid, 16);
		kv_close(kv);
		(void)unlink(path);
		(void)unlink(lock);
		return rc;
	}
	st->kv = kv;
	st->commit++;
	st->segment = number;
	st->block = 0;
	st->segment_rows = 0;
	st->journal_seq = 1;
	st->durable = *counts;
	return FT_OK;
}

int
segment_open(struct store *st, uint32_t number, struct err *err)
{
	char path[600];
	int rc = segment_path(path, sizeof path, st->database, number);
	return rc != FT_OK ? rc : kv_open(&st->kv, path, 0, 0, 0, err);
}

/* The directory: where each block is.  It is a hint for whoever has the file alone. */
static int
put_directory(struct store *st, uint32_t blocks, struct segment_directory **out, struct err *err)
{
	struct kv_txn *t;
	struct kv_bytes v;
	size_t n = sizeof **out + blocks * sizeof(*out)->entry[0];
	size_t padded = (n + BLOCK_ALIGN - 1) / BLOCK_ALIGN * BLOCK_ALIGN;
	struct segment_directory *d = calloc(1, padded);
	if (d == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	memcpy(d->magic, FT_DIRECTORY_MAGIC, 8);
	d->version = 1;
	d->segment = st->segment;
	memcpy(d->store_uuid, st->uuid, 16);
	memcpy(d->segment_uuid, st->segment_uuid, 16);
	d->blocks = blocks;
	d->bytes = padded;
	int rc = main_begin(st->kv, false, &t, err);
	for (uint32_t b = 0; b < blocks && rc == FT_OK; b++) {
		struct segment_key k = segment_key(KEY_BLOCK, b, 0);
		struct block_header h;
		rc = kv_get(t, MAIN_DB, k.b, sizeof k.b, &v);
		if (rc != FT_OK)
			break;
		memcpy(&h, v.p, sizeof h);
		d->entry[b] = (struct segment_entry){.offset = segment_offset(v.p),
			.bytes = v.n,
			.checksum = h.checksum,
			.block = b,
			.rows = h.rows};
		d->rows += h.rows;
	}
	if (t)
		kv_abort(t);
	d->checksum = segment_directory_checksum(d);
	if (rc == FT_OK)
		rc = main_begin(st->kv, true, &t, err);
	if (rc == FT_OK) {
		struct segment_key k = segment_key(KEY_DIRECTORY, 0, 0);
		rc = kv_put(t, MAIN_DB, k.b, sizeof k.b, d, padded, err);
		if (rc == FT_OK)
			rc = kv_commit(t, err);
		else
			kv_abort(t);
	}
	*out = d;
	return rc;
}

void
segment_unlock(const char *database, uint32_t number)
{
	char path[600], lock[608];
	if (segment_path(path, sizeof path, database, number) != FT_OK)
		return;
	snprintf(lock, sizeof lock, "%s-lock", path);
	(void)unlink(lock);
}

int
segment_finish(struct store *st, struct err *err)
{
	char path[600];
	struct segment_directory *d = NULL;
	struct stat file;
	int rc = put_directory(st, st->block, &d, err);
	if (rc == FT_OK && segment_path(path, sizeof path, st->database, st->segment) == FT_OK &&
		stat(path, &file) == 0) {
		struct zone_segment s = {
			.blocks = d->blocks, .rows = d->rows, .bytes = (uint64_t)file.st_size};
		memcpy(s.segment_uuid, st->segment_uuid, 16);
		(void)index_put_segment(st, st->segment, &s);
		kv_close(st->kv);
		st->kv = NULL;
		segment_unlock(st->database, st->segment);
	}
	free(d);
	return rc;
}
