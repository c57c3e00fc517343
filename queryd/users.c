/* users.c - see users.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "queryd/users_internal.h"

static const int64_t remember_us = 300 * INT64_C(1000000);

/* ---- names ------------------------------------------------------------------------------------ */

/* characters of a UTF-8 text; -1: not UTF-8, or a control character */
static int
characters(const char *text)
{
	int n = 0;
	json_t *valid = json_string(text); /* NULL unless it is UTF-8 */
	json_decref(valid);
	for (const unsigned char *p = (const unsigned char *)text; *p && valid; p++) {
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0))
			return -1;
		n += (*p & 0xc0) != 0x80;
	}
	return valid ? n : -1;
}

int
users_name_good(const char *name, struct err *err)
{
	int n = characters(name);
	if (n < 0)
		return err_set(err, FT_EINVAL, "a user name is UTF-8 without control characters");
	if (n < 2 || n > 32)
		return err_set(err, FT_EINVAL, "a user name has 2 to 32 characters, not %d", n);
	if (name[0] == ' ' || name[strlen(name) - 1] == ' ')
		return err_set(err, FT_EINVAL, "a user name does not begin or end with a space");
	if (name[0] == '_')
		return err_set(err, FT_EINVAL, "a user name does not begin with an underscore");
	if (strpbrk(name, "/:<>"))
		return err_set(err, FT_EINVAL, "a user name has none of / : < >");
	return 0;
}

int
users_password_good(const char *password, struct err *err)
{
	if (password[0] == 0)
		return err_set(err, FT_EINVAL, "a password is not empty");
	if (strlen(password) > AUTH_PASSWORD_MOST)
		return err_set(err, FT_EINVAL, "a password has at most %d bytes", AUTH_PASSWORD_MOST);
	return 0;
}

/* ---- records ---------------------------------------------------------------------------------- */

/* index of the name, or where it would go; the mutex is held */
static unsigned
place(const struct users *u, const char *name, bool *found)
{
	unsigned lo = 0, hi = u->n;
	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;
		int c = strcmp(u->record[mid]->name, name);
		if (c == 0) {
			*found = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*found = false;
	return lo;
}

static struct user_record *
find(const struct users *u, const char *name)
{
	bool found;
	unsigned i = place(u, name, &found);
	return found ? u->record[i] : NULL;
}

static int
insert(struct users *u, struct user_record *r)
{
	bool found;
	unsigned i = place(u, r->name, &found);
	if (u->n == u->room) {
		unsigned room = u->room ? 2 * u->room : 16;
		struct user_record **p = realloc(u->record, room * sizeof *p);
		if (p == NULL)
			return FT_ENOMEM;
		u->record = p;
		u->room = room;
	}
	memmove(u->record + i + 1, u->record + i, (u->n - i) * sizeof *u->record);
	u->record[i] = r;
	u->n++;
	return 0;
}

static unsigned
administrators(const struct users *u)
{
	unsigned n = 0;
	for (unsigned i = 0; i < u->n; i++)
		n += u->record[i]->admin;
	return n;
}

/* ---- life ------------------------------------------------------------------------------------- */

/* The file comes first: a kill in between leaves a password that the next start replaces, never a user whose
 * password nobody knows. */
static int
first_user(struct users *u, char first[USERS_FIRST_PASSWORD], struct err *err)
{
	char path[512];
	struct user_record *r = calloc(1, sizeof *r);
	if (r == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	snprintf(path, sizeof path, "%s/first-password", u->dir);
	memcpy(r->name, "admin", 6);
	r->admin = r->must_change = true;
	r->created_us = wall_now().us;
	auth_random_password(first);
	int rc = auth_hash(first, r->hash, err);
	if (rc == 0)
		rc = users_file_first(path, first, err);
	if (rc == 0)
		rc = users_file_store(u, r, err);
	if (rc == 0)
		rc = insert(u, r);
	if (rc != 0)
		users_file_free(r);
	return rc;
}

int
users_open(struct users **out, const char *dir, char first[USERS_FIRST_PASSWORD], struct err *err)
{
	char path[512];
	struct users *u = calloc(1, sizeof *u);
	*out = NULL;
	first[0] = 0;
	if (u == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	pthread_mutex_init(&u->mutex, NULL);
	snprintf(u->dir, sizeof u->dir, "%s", dir);
	snprintf(path, sizeof path, "%s/users.lmdb", dir);
	int rc = users_file_folder(dir, err);
	if (rc == 0)
		rc = kv_open(&u->kv, path, (size_t)256 << 20, 4, KV_CREATE, err);
	if (rc == 0 && chmod(path, 0600) != 0)
		rc = err_sys(err, "%s: can't be made readable by its owner alone", path);
	if (rc == 0)
		rc = users_file_load(u, insert, err);
	if (rc == 0 && u->n == 0)
		rc = first_user(u, first, err);
	if (rc != 0) {
		users_close(u);
		return rc;
	}
	*out = u;
	return 0;
}

void
users_close(struct users *u)
{
	if (u == NULL)
		return;
	for (unsigned i = 0; i < u->n; i++)
		users_file_free(u->record[i]);
	free(u->record);
	if (u->kv)
		kv_close(u->kv);
	pthread_mutex_destroy(&u->mutex);
	free(u);
}

struct kv *
users_kv(struct users *u)
{
	return u->kv;
}

/* ---- asking ----------------------------------------------------------------------------------- */

void
user_drop(struct user *who)
{
	free(who->filter);
	who->filter = NULL;
}

int
users_get(struct users *u, const char *name, struct user *out)
{
	int rc = FT_ENOENT;
	memset(out, 0, sizeof *out);
	pthread_mutex_lock(&u->mutex);
	const struct user_record *r = find(u, name);
	if (r) {
		memcpy(out->name, r->name, sizeof out->name);
		out->admin = r->admin;
		out->must_change = r->must_change;
		out->filter = r->filter ? strdup(r->filter) : NULL;
		rc = r->filter && out->filter == NULL ? FT_ENOMEM : 0;
	}
	pthread_mutex_unlock(&u->mutex);
	return rc;
}

int
users_remembered(struct users *u, const char *name, const char *password, int64_t now_us)
{
	uint8_t digest[AUTH_DIGEST];
	auth_digest(digest, name, password);
	pthread_mutex_lock(&u->mutex);
	const struct user_record *r = find(u, name);
	int yes = r && r->known_until_us > now_us && auth_equal(digest, r->known);
	pthread_mutex_unlock(&u->mutex);
	auth_wipe(digest, sizeof digest);
	return yes;
}

int
users_verify(struct users *u, const char *name, const char *password, int64_t now_us)
{
	char hash[AUTH_HASH] = "";
	uint64_t version = 0;
	pthread_mutex_lock(&u->mutex);
	struct user_record *r = find(u, name);
	if (r) {
		memcpy(hash, r->hash, sizeof hash);
		version = r->version;
	}
	pthread_mutex_unlock(&u->mutex);
	if (hash[0] == 0)
		auth_verify_nobody(password);
	bool good = hash[0] && auth_verify(hash, password);
	auth_wipe(hash, sizeof hash);
	if (!good)
		return FT_EAUTH;
	pthread_mutex_lock(&u->mutex);
	r = find(u, name);
	good = r && r->version == version; /* changed meanwhile: it was the old one */
	if (good) {
		auth_digest(r->known, name, password);
		r->known_until_us = now_us + remember_us;
	}
	pthread_mutex_unlock(&u->mutex);
	return good ? 0 : FT_EAUTH;
}

void
users_enter(struct users *u, const char *name)
{
	pthread_mutex_lock(&u->mutex);
	struct user_record *r = find(u, name);
	if (r)
		r->active++;
	pthread_mutex_unlock(&u->mutex);
}

void
users_leave(struct users *u, const char *name)
{
	pthread_mutex_lock(&u->mutex);
	struct user_record *r = find(u, name);
	if (r && r->active > 0)
		r->active--;
	pthread_mutex_unlock(&u->mutex);
}

/* ---- changing --------------------------------------------------------------------------------- */

static uint64_t
next_version(void)
{
	static _Atomic uint64_t version = 1;
	return version++;
}

int
users_add(struct users *u, const char *name, const char *password, bool admin, const char *filter,
	struct err *err)
{
	bool filtered = filter && filter[0];
	int rc = users_name_good(name, err);
	if (rc == 0)
		rc = users_password_good(password, err);
	if (rc != 0)
		return rc;
	if (admin && filtered)
		return err_set(err, FT_EPERM, "a user filter can't be set on an administrator");
	struct user_record *r = calloc(1, sizeof *r);
	if (r == NULL || (filtered && (r->filter = strdup(filter)) == NULL)) {
		users_file_free(r);
		return err_set(err, FT_ENOMEM, "out of memory");
	}
	memcpy(r->name, name, strlen(name));
	r->admin = admin;
	r->created_us = wall_now().us;
	r->version = next_version();
	rc = auth_hash(password, r->hash, err);
	pthread_mutex_lock(&u->mutex);
	if (rc == 0 && find(u, name))
		rc = err_set(err, FT_EXIST, "there is a user '%s' already", name);
	if (rc == 0 && u->n >= USERS_MOST)
		rc = err_set(err, FT_EPERM, "there are %d users already, which is the most there can be",
			USERS_MOST);
	if (rc == 0)
		rc = users_file_store(u, r, err);
	if (rc == 0 && insert(u, r) != 0) {
		rc = err_set(err, FT_ENOMEM, "out of memory");
		(void)users_file_erase(u, name, NULL); /* it would be there at the next start */
	}
	pthread_mutex_unlock(&u->mutex);
	if (rc != 0)
		users_file_free(r);
	return rc;
}

static int
no_user(const char *name, struct err *err)
{
	return err_set(err, FT_ENOENT, "there is no user '%.140s'", name);
}

int
users_delete(struct users *u, const char *by, const char *name, bool has_key, struct err *err)
{
	int rc = 0;
	bool found;
	pthread_mutex_lock(&u->mutex);
	unsigned i = place(u, name, &found);
	if (!found)
		rc = no_user(name, err);
	else if (strcmp(by, name) == 0)
		rc = err_set(
			err, FT_EPERM, "you are '%s', and nobody can delete a user that is logged in", name);
	else if (has_key || u->record[i]->active)
		rc = err_set(err, FT_EPERM, "'%s' is logged in; a user can be deleted when not", name);
	else
		rc = users_file_erase(u, name, err);
	if (rc == 0) {
		users_file_free(u->record[i]);
		memmove(u->record + i, u->record + i + 1, (u->n - i - 1) * sizeof *u->record);
		u->n--;
	}
	pthread_mutex_unlock(&u->mutex);
	return rc;
}

int
users_set_password(struct users *u, const char *name, const char *password, struct err *err)
{
	char hash[AUTH_HASH], was[AUTH_HASH] = "", path[512];
	bool must_change = false;
	int rc = users_password_good(password, err);
	if (rc != 0)
		return rc;
	pthread_mutex_lock(&u->mutex);
	struct user_record *r = find(u, name);
	if (r) {
		memcpy(was, r->hash, sizeof was);
		must_change = r->must_change;
	}
	pthread_mutex_unlock(&u->mutex);
	if (was[0] == 0)
		return no_user(name, err);
	if (must_change && auth_verify(was, password))
		return err_set(err, FT_EPERM, "the new password is the old one; choose another");
	rc = auth_hash(password, hash, err);
	if (rc != 0)
		return rc;
	pthread_mutex_lock(&u->mutex);
	r = find(u, name);
	if (r) {
		struct user_record old = *r;
		memcpy(r->hash, hash, sizeof hash);
		r->must_change = false;
		rc = users_file_store(u, r, err);
		if (rc != 0)
			*r = old;
		else {
			r->version = next_version();
			r->known_until_us = 0;
		}
	} else
		rc = no_user(name, err);
	pthread_mutex_unlock(&u->mutex);
	snprintf(path, sizeof path, "%s/first-password", u->dir);
	if (rc == 0 && must_change)
		(void)unlink(path); /* may be gone already */
	return rc;
}

/* may these be set?  the mutex is held */
static int
set_rules(const struct users *u, const char *by, const struct user_record *r, const bool *admin,
	const char *filter, struct err *err)
{
	bool will_be = admin ? *admin : r->admin;
	const char *filter_then = filter ? filter : r->filter ? r->filter : "";
	if (admin && !*admin && r->admin && strcmp(by, r->name) == 0)
		return err_set(err, FT_EPERM,
			"you can't take away your own administrator right; another administrator can");
	if (admin && !*admin && r->admin && administrators(u) == 1)
		return err_set(err, FT_EPERM, "'%s' is the only administrator", r->name);
	if (will_be && filter_then[0])
		return err_set(err, FT_EPERM,
			filter && filter[0] ? "a user filter can't be set on an administrator"
					    : "'%s' has a user filter, which an administrator can't have: "
					      "take it away first",
			r->name);
	return 0;
}

int
users_set(struct users *u, const char *by, const char *name, const bool *admin, const char *filter,
	struct err *err)
{
	int rc;
	pthread_mutex_lock(&u->mutex);
	struct user_record *r = find(u, name);
	rc = r ? set_rules(u, by, r, admin, filter, err) : no_user(name, err);
	if (rc == 0) {
		struct user_record old = *r;
		r->filter = filter ? (filter[0] ? strdup(filter) : NULL) : old.filter;
		if (filter && filter[0] && r->filter == NULL)
			rc = err_set(err, FT_ENOMEM, "out of memory");
		if (admin)
			r->admin = *admin;
		if (rc == 0)
			rc = users_file_store(u, r, err);
		if (rc != 0) {
			if (r->filter != old.filter)
				free(r->filter);
			*r = old;
		} else {
			if (r->filter != old.filter)
				free(old.filter);
			r->known_until_us = 0;
			r->version = next_version();
		}
	}
	pthread_mutex_unlock(&u->mutex);
	return rc;
}

json_t *
users_list(struct users *u)
{
	json_t *out = json_array();
	pthread_mutex_lock(&u->mutex);
	for (unsigned i = 0; i < u->n; i++) {
		const struct user_record *r = u->record[i];
		json_array_append_new(out,
			json_pack("{s:s, s:b, s:s?, s:b, s:I, s:b}", "name", r->name, "admin", (int)r->admin,
				"filter", r->filter, "must_change_password", (int)r->must_change,
				"created_us", (json_int_t)r->created_us, "active", r->active > 0));
	}
	pthread_mutex_unlock(&u->mutex);
	return out;
}
