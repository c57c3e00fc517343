/* users_file.c - users.lmdb and what else the table of users writes (users_internal.h). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queryd/users_internal.h"

void
users_file_free(struct user_record *r)
{
	if (r == NULL)
		return;
	free(r->filter);
	auth_wipe(r, sizeof *r);
	free(r);
}

static struct user_record *
from_json(const char *name, size_t name_bytes, const void *p, size_t n)
{
	json_error_t e;
	json_t *o = json_loadb(p, n, 0, &e);
	const char *hash = json_string_value(json_object_get(o, "hash"));
	const char *filter = json_string_value(json_object_get(o, "filter"));
	struct user_record *r = o && hash && name_bytes < USERS_NAME && strlen(hash) < AUTH_HASH
					? calloc(1, sizeof *r)
					: NULL;
	if (r) {
		memcpy(r->name, name, name_bytes);
		memcpy(r->hash, hash, strlen(hash));
		r->admin = json_is_true(json_object_get(o, "admin"));
		r->must_change = json_is_true(json_object_get(o, "must_change"));
		r->created_us = json_integer_value(json_object_get(o, "created_us"));
		r->filter = filter && filter[0] && !r->admin ? strdup(filter) : NULL;
		if (filter && filter[0] && !r->admin && r->filter == NULL) {
			users_file_free(r); /* never a user without their filter */
			r = NULL;
		}
	}
	json_decref(o);
	return r;
}

int
users_file_store(struct users *u, const struct user_record *r, struct err *err)
{
	json_t *o = json_pack("{s:s, s:b, s:b, s:I, s:s*}", "hash", r->hash, "admin", (int)r->admin,
		"must_change", (int)r->must_change, "created_us", (json_int_t)r->created_us, "filter",
		r->filter);
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	struct kv_txn *t;
	unsigned db;
	json_decref(o);
	if (text == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	int rc = kv_begin(u->kv, true, &t, err);
	if (rc == 0) {
		rc = kv_db(t, "users", &db, err);
		if (rc == 0)
			rc = kv_put(t, db, r->name, strlen(r->name), text, strlen(text), err);
		if (rc == 0)
			rc = kv_commit(t, err);
		else
			kv_abort(t);
	}
	free(text);
	return rc;
}

int
users_file_erase(struct users *u, const char *name, struct err *err)
{
	struct kv_txn *t;
	unsigned db;
	int rc = kv_begin(u->kv, true, &t, err);
	if (rc != 0)
		return rc;
	rc = kv_db(t, "users", &db, err);
	if (rc == 0)
		rc = kv_del(t, db, name, strlen(name), err);
	if (rc == 0)
		return kv_commit(t, err);
	kv_abort(t);
	return rc;
}

int
users_file_load(struct users *u, int (*insert)(struct users *u, struct user_record *r), struct err *err)
{
	struct kv_txn *t;
	struct kv_cursor *c;
	struct kv_bytes k, v;
	unsigned db;
	int rc = kv_begin(u->kv, true, &t, err); /* writing: the database is made */
	if (rc != 0)
		return rc;
	rc = kv_db(t, "users", &db, err);
	if (rc == 0)
		rc = kv_cursor_open(t, db, &c);
	if (rc != 0) {
		kv_abort(t);
		return rc;
	}
	for (rc = kv_cursor_seek(c, NULL, 0, &k, &v); rc == 0; rc = kv_cursor_next(c, &k, &v)) {
		struct user_record *r = from_json(k.p, k.n, v.p, v.n);
		if (r == NULL || insert(u, r) != 0) {
			users_file_free(r);
			kv_cursor_close(c);
			kv_abort(t);
			return err_set(err, FT_EFORMAT,
				"%s/users.lmdb: the record of a user can't be read; restore the file from a "
				"backup",
				u->dir);
		}
	}
	kv_cursor_close(c);
	return kv_commit(t, err);
}

int
users_file_first(const char *path, const char *password, struct err *err)
{
	char part[520];
	snprintf(part, sizeof part, "%s.new", path);
	(void)unlink(part); /* of a start that was cut short */
	int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "%s: can't write", part);
	if (dprintf(fd, "%s\n", password) < 0 || fsync(fd) != 0 || rename(part, path) != 0) {
		int rc = err_sys(err, "%s: can't write", path);
		close(fd);
		return rc;
	}
	close(fd);
	return 0;
}

int
users_file_folder(const char *dir, struct err *err)
{
	char part[480];
	size_t n = strlen(dir);
	if (n == 0 || n >= sizeof part)
		return err_set(err, FT_EINVAL, "userdatapath '%s': not the path of a folder", dir);
	for (size_t i = 1; i <= n; i++)
		if (dir[i] == '/' || dir[i] == 0) {
			memcpy(part, dir, i);
			part[i] = 0;
			struct stat st;
			if (stat(part, &st) != 0 && mkdir(part, dir[i] ? 0755 : 0700) != 0)
				return err_sys(err, "%s: can't make the folder", part);
		}
	return 0;
}
