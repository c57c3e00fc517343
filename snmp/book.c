/*
 * book.c - see book.h.
 */
#include "snmp/book.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/kv.h"
#include "common/log.h"
#include "snmp/member.h"

enum { MAP = 64 << 20 };
static const char owner_key[] = ".owner";

struct entry *
book_find(const struct book *b, const char *address)
{
	for (unsigned i = 0; i < b->n; i++)
		if (strcmp(b->entry[i]->address, address) == 0)
			return b->entry[i];
	return NULL;
}

struct entry *
book_add(struct book *b, const char *address, json_t *members)
{
	struct entry *e = calloc(1, sizeof *e);
	if (b->n == b->room) {
		unsigned room = b->room ? b->room * 2 : 16;
		struct entry **more = realloc(b->entry, room * sizeof *more);
		if (more) {
			b->entry = more;
			b->room = room;
		}
	}
	if (e == NULL || b->n == b->room) {
		free(e);
		json_decref(members);
		return NULL;
	}
	snprintf(e->address, sizeof e->address, "%s", address);
	e->members = members;
	b->entry[b->n++] = e;
	return e;
}

static void
drop(struct entry *e)
{
	json_decref(e->members);
	json_decref(e->result);
	free(e);
}

static int
put(struct book *b, const char *key, const char *value, size_t n, struct err *err)
{
	struct kv_txn *t;
	int rc = kv_begin(b->kv, true, &t, err);
	if (rc != 0)
		return rc;
	rc = value ? kv_put(t, 0, key, strlen(key), value, n, err) : kv_del(t, 0, key, strlen(key), err);
	if (rc != 0) {
		kv_abort(t);
		return rc == FT_ENOENT ? 0 : rc;
	}
	return kv_commit(t, err);
}

int
book_store(struct book *b, const struct entry *e, struct err *err)
{
	json_t *o = json_copy(e->members);
	json_object_set_new(o, "to_port", json_integer((json_int_t)e->to_port));
	char *text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (text == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	int rc = put(b, e->address, text, strlen(text), err);
	explicit_bzero(text, strlen(text));
	free(text);
	return rc;
}

int
book_remove(struct book *b, struct entry *e, struct err *err)
{
	int rc = put(b, e->address, NULL, 0, err);
	if (rc != 0)
		return rc;
	for (unsigned i = 0; i < b->n; i++)
		if (b->entry[i] == e)
			b->entry[i] = b->entry[--b->n];
	drop(e);
	return 0;
}

/* One record.  What an earlier version did not know gets its default; what is not understood is left out and said. */
static void
take(struct book *b, const char *address, const struct kv_bytes *v)
{
	struct err err = {0};
	const char *at;
	json_t *o = json_loadb(v->p, v->n, 0, NULL), *members = members_new();
	json_int_t port = json_integer_value(json_object_get(o, "to_port"));
	json_object_del(o, "to_port");
	if (!json_is_object(o) || members_set(members, o, &at, &err) != 0) {
		log_critical("snmp.lmdb: what it holds of %.64s is not understood (%s): register it again",
			address, err.text);
		json_decref(members);
	} else {
		struct entry *e = book_add(b, address, members);
		if (e)
			e->to_port = port > 0 && port < 65536 ? (unsigned)port : 0;
	}
	json_decref(o);
}

static int
load(struct book *b, struct err *err)
{
	struct kv_txn *t;
	struct kv_cursor *c;
	struct kv_bytes k, v;
	int rc = kv_begin(b->kv, false, &t, err);
	if (rc != 0)
		return rc;
	rc = kv_cursor_open(t, 0, &c);
	if (rc == 0) {
		for (int at = kv_cursor_seek(c, NULL, 0, &k, &v); at == 0; at = kv_cursor_next(c, &k, &v)) {
			char key[ADDR_TEXT] = "";
			uint8_t address[16];
			if (k.n >= sizeof key)
				continue;
			memcpy(key, k.p, k.n);
			if (strcmp(key, owner_key) == 0)
				snprintf(b->owner, sizeof b->owner, "%.*s", (int)v.n, (const char *)v.p);
			else if (addr_parse(key, address) == 0)
				take(b, key, &v);
		}
		kv_cursor_close(c);
	}
	kv_abort(t);
	return rc;
}

int
book_open(struct book *b, const char *dir, const char *instance, struct err *err)
{
	char path[500], host[64] = "";
	memset(b, 0, sizeof *b);
	if (mkdir(dir, 0750) != 0 && errno != EEXIST)
		return err_sys(err, "%s: can't make the folder", dir);
	snprintf(path, sizeof path, "%s/snmp.lmdb", dir);
	mode_t was = umask(077);
	int rc = kv_open(&b->kv, path, MAP, 0, KV_CREATE, err);
	umask(was);
	if (rc != 0)
		return rc;
	if (chmod(path, 0600) != 0) /* it may come from a backup that had no modes */
		return err_sys(err, "%s: its mode can't be set to 0600", path);
	if ((rc = load(b, err)) != 0 || b->owner[0])
		return rc;
	(void)gethostname(host, sizeof host - 1); /* without a name the instance's must do */
	snprintf(b->owner, sizeof b->owner, "Flowtrove %.40s@%.60s", instance, host);
	return put(b, owner_key, b->owner, strlen(b->owner), err);
}

void
book_close(struct book *b)
{
	for (unsigned i = 0; i < b->n; i++)
		drop(b->entry[i]);
	free(b->entry);
	if (b->kv)
		kv_close(b->kv);
	memset(b, 0, sizeof *b);
}
