/* friendly.c - see friendly.h. */
#include "queryd/friendly.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/addr.h"
#include "common/names.h"

enum check {
	CHECK_ADDRESS,
	CHECK_NETBLOCK,
	CHECK_NUMBER,
	CHECK_TEXT,
	CHECK_PORT,
	CHECK_MAC,
	CHECK_INTERFACE
};
static const struct {
	const char *kind, *help;
	enum check check;
} kinds[] = {
#define NAME_KIND(kind, check, help) {#kind, help, CHECK_##check},
#include "queryd/friendly.def"
#undef NAME_KIND
};
static const struct {
	const char *entity, *kind[2];
} views[] = {
#define NAME_VIEW(entity, first, second) {#entity, {#first, #second}},
#include "queryd/friendly.def"
#undef NAME_VIEW
};
enum { KINDS = sizeof kinds / sizeof kinds[0], VIEWS = sizeof views / sizeof views[0] };

/* ---- keys ------------------------------------------------------------------------------------- */

/* digits and nothing else; false: no number up to most */
static bool
number(const char *text, unsigned long most, unsigned long *out)
{
	char *end;
	if (!isdigit((unsigned char)text[0]))
		return false;
	*out = strtoul(text, &end, 10);
	return *end == 0 && *out <= most;
}

static bool
address(const char *text, char out[FRIENDLY_KEY])
{
	uint8_t a[16];
	return addr_parse(text, a) == 0 && addr_text(a, out) > 0;
}

static bool
netblock(const char *text, char out[FRIENDLY_KEY])
{
	uint8_t net[16], masked[16];
	unsigned bits;
	if (addr_parse_prefix(text, net, &bits) != 0)
		return false;
	addr_mask(masked, net, bits);
	addr_prefix_text(masked, bits, out);
	return true;
}

/* 443/TCP, 443/tcp, 443/6 */
static bool
port(const char *text, char out[FRIENDLY_KEY])
{
	const char *slash = strchr(text, '/');
	char digits[8] = "";
	unsigned long p, proto;
	if (slash == NULL || slash == text || slash - text > 5)
		return false;
	memcpy(digits, text, (size_t)(slash - text));
	if (!number(digits, 65535, &p))
		return false;
	if (!number(slash + 1, 255, &proto)) {
		uint32_t value;
		if (!names_number(NAMES_PROTOCOL, slash + 1, &value))
			return false;
		proto = value;
	}
	const char *word = names_word(NAMES_PROTOCOL, (uint32_t)proto);
	if (word)
		snprintf(out, FRIENDLY_KEY, "%lu/%s", p, word);
	else
		snprintf(out, FRIENDLY_KEY, "%lu/%lu", p, proto);
	return true;
}

static bool
mac(const char *text, char out[FRIENDLY_KEY])
{
	if (strlen(text) != 17)
		return false;
	for (unsigned i = 0; i < 17; i++) {
		if (i % 3 == 2 ? text[i] != ':' && text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return false;
		out[i] = i % 3 == 2 ? ':' : (char)tolower((unsigned char)text[i]);
	}
	out[17] = 0;
	return true;
}

static bool
interface(const char *text, char out[FRIENDLY_KEY])
{
	const char *slash = strrchr(text, '/');
	char a[ADDR_TEXT], canonical[FRIENDLY_KEY];
	unsigned long index;
	if (slash == NULL || slash - text >= ADDR_TEXT || !number(slash + 1, UINT32_MAX, &index))
		return false;
	snprintf(a, sizeof a, "%.*s", (int)(slash - text), text);
	if (!address(a, canonical))
		return false;
	snprintf(out, FRIENDLY_KEY, "%.60s/%lu", canonical, index);
	return true;
}

static bool
plain(const char *text, size_t most)
{
	size_t n = strlen(text);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0))
			return false;
	return n > 0 && n <= most;
}

int
friendly_key(const char *kind, const char *key, char out[FRIENDLY_KEY], const char **at, struct err *err)
{
	unsigned long n;
	unsigned i = 0;
	bool good = false;
	while (i < KINDS && strcmp(kinds[i].kind, kind) != 0)
		i++;
	*at = "/kind";
	if (i == KINDS)
		return err_set(err, FT_EINVAL,
			"kind is address, netblock, as, group, port, qos, vlan, mac, exporter or interface");
	*at = "/key";
	switch (kinds[i].check) {
	case CHECK_ADDRESS:
		good = address(key, out);
		break;
	case CHECK_NETBLOCK:
		good = netblock(key, out);
		break;
	case CHECK_NUMBER:
		if (strncasecmp(key, "AS", 2) == 0)
			key += 2;
		good = number(key, UINT32_MAX, &n);
		if (good)
			snprintf(out, FRIENDLY_KEY, "%lu", n);
		break;
	case CHECK_TEXT:
		good = plain(key, FRIENDLY_KEY - 1);
		if (good)
			snprintf(out, FRIENDLY_KEY, "%s", key);
		break;
	case CHECK_PORT:
		good = port(key, out);
		break;
	case CHECK_MAC:
		good = mac(key, out);
		break;
	case CHECK_INTERFACE:
		good = interface(key, out);
		break;
	}
	return good ? 0 : err_set(err, FT_EINVAL, "expected %s, found '%.64s'", kinds[i].help, key);
}

int
friendly_name_good(const char *name, struct err *err)
{
	return plain(name, FRIENDLY_NAME - 1)
		       ? 0
		       : err_set(err, FT_EINVAL, "a name has 1 to %d bytes and no control characters",
				 FRIENDLY_NAME - 1);
}

/* OWNER NUL KIND NUL KEY; 0: too long */
static size_t
db_key(char out[SAVED_KEY], const char *owner, const char *kind, const char *key)
{
	char rest[SAVED_KEY];
	size_t k = strlen(kind), n = saved_key(out, owner, kind);
	if (n == 0 || n + 1 + strlen(key) >= SAVED_KEY || k >= sizeof rest)
		return 0;
	out[n] = 0;
	memcpy(out + n + 1, key, strlen(key));
	return n + 1 + strlen(key);
}

/* ---- writing ---------------------------------------------------------------------------------- */

static int
count_one(void *ctx, const struct kv_bytes *key, const struct kv_bytes *value)
{
	unsigned *n = ctx;
	(void)key, (void)value;
	(*n)++;
	return 0;
}

int
friendly_set(struct saved *s, const char *owner, const char *kind, const char *key, const char *name,
	const char *by, int64_t now_us, struct err *err)
{
	char k[SAVED_KEY], prefix[SAVED_KEY];
	size_t n = db_key(k, owner, kind, key), pn = saved_key(prefix, owner, "");
	struct kv_txn *t;
	unsigned db, have = 0;
	struct kv_bytes old;
	int rc = n ? saved_begin(s, true, SAVED_NAMES, &t, &db, err)
		   : err_set(err, FT_EINVAL, "the key is too long");
	if (rc != 0)
		return rc;
	if (name[0] == 0) {
		rc = kv_del(t, db, k, n, err);
		if (rc == FT_ENOENT)
			(void)err_set(err, FT_ENOENT, "there is no such name");
	} else {
		unsigned most = owner[0] ? FRIENDLY_A_USER : FRIENDLY_FOR_ALL;
		if (kv_get(t, db, k, n, &old) != 0)
			(void)saved_each(t, db, prefix, pn, count_one, &have);
		json_t *o = json_pack(
			"{s:s, s:s, s:I}", "name", name, "by", by, "changed_us", (json_int_t)now_us);
		rc = have >= most
			     ? err_set(err, FT_EPERM, "there are %u names already; delete some first", most)
		     : o ? saved_put(t, db, k, n, o, err)
			 : err_set(err, FT_EINVAL, "a name is UTF-8");
		json_decref(o);
	}
	if (rc == 0)
		return kv_commit(t, err);
	kv_abort(t);
	return rc;
}

/* ---- listing ---------------------------------------------------------------------------------- */

struct page {
	const char *kind, *scope;
	size_t prefix;
	unsigned left;
	json_t *out;
	char last[SAVED_KEY];
	bool more;
	struct kv_bytes after; /* n 0: none */
};

static int
page_one(void *ctx, const struct kv_bytes *key, const struct kv_bytes *value)
{
	struct page *p = ctx;
	char kind[32], text[SAVED_KEY];
	json_error_t e;
	const char *rest = (const char *)key->p + p->prefix;
	size_t n = key->n - p->prefix, k = strnlen(rest, n);
	if (k == n || k >= sizeof kind)
		return 0;
	memcpy(kind, rest, k);
	kind[k] = 0;
	snprintf(text, sizeof text, "%.*s", (int)(n - k - 1), rest + k + 1);
	if (p->kind && strcmp(p->kind, kind) != 0)
		return 0;
	if (p->after.n) { /* up to and with the last one of the page before */
		size_t least = key->n < p->after.n ? key->n : p->after.n;
		int c = memcmp(key->p, p->after.p, least);
		if (c < 0 || (c == 0 && key->n <= p->after.n))
			return 0;
	}
	if (p->left == 0) {
		p->more = true;
		return 1;
	}
	json_t *o = json_loadb(value->p, value->n, 0, &e);
	if (o == NULL)
		return 0;
	json_object_set_new(o, "for", json_string(p->scope));
	json_object_set_new(o, "kind", json_string(kind));
	json_object_set_new(o, "key", json_string(text));
	json_array_append_new(p->out, o);
	snprintf(p->last, sizeof p->last, "%s|%s|%.300s", p->scope, kind, text);
	p->left--;
	return 0;
}

/* `next` of a page: SCOPE|KIND|KEY; false: it is none */
static bool
read_cursor(const char *after, char scope[8], char kind[32], const char **key)
{
	const char *a = strchr(after, '|'), *b = a ? strchr(a + 1, '|') : NULL;
	if (b == NULL || a - after > 3 || b - a > 31)
		return false;
	snprintf(scope, 8, "%.*s", (int)(a - after), after);
	snprintf(kind, 32, "%.*s", (int)(b - a - 1), a + 1);
	*key = b + 1;
	return true;
}

int
friendly_list(struct saved *s, const struct user *who, const char *kind, const char *after, unsigned most,
	json_t **out, struct err *err)
{
	static const char *const scopes[] = {"me", "all"};
	char from_scope[8] = "", from_kind[32] = "", prefix[SAVED_KEY], start[SAVED_KEY];
	const char *from_key = "";
	struct kv_txn *t;
	unsigned db;
	*out = NULL;
	if (after && !read_cursor(after, from_scope, from_kind, &from_key))
		return err_set(err, FT_EINVAL, "after is the `next` of the page before");
	int rc = saved_begin(s, false, SAVED_NAMES, &t, &db, err);
	if (rc != 0)
		return rc;
	struct page p = {.kind = kind, .left = most, .out = json_array()};
	for (unsigned i = 0; i < 2 && !p.more; i++) {
		const char *owner = i == 0 ? who->name : "";
		if ((i == 1 && who->filter) || (after && i == 0 && strcmp(from_scope, "all") == 0))
			continue;
		p.scope = scopes[i];
		p.prefix = saved_key(prefix, owner, "");
		p.after.n = after && strcmp(from_scope, scopes[i]) == 0
				    ? db_key(start, owner, from_kind, from_key)
				    : 0;
		p.after.p = start;
		(void)saved_each(t, db, prefix, p.prefix, page_one, &p);
	}
	kv_abort(t);
	*out = json_pack("{s:o, s:s?}", "names", p.out, "next", p.more ? p.last : NULL);
	return 0;
}

/* ---- by name ---------------------------------------------------------------------------------- */

struct search {
	const char *name;
	size_t prefix;
	char (*key)[FRIENDLY_KEY];
	unsigned n, room;
};

static int
search_one(void *ctx, const struct kv_bytes *key, const struct kv_bytes *value)
{
	struct search *x = ctx;
	json_error_t e;
	json_t *o = json_loadb(value->p, value->n, 0, &e);
	const char *name = json_string_value(json_object_get(o, "name"));
	if (name && strcasecmp(name, x->name) == 0 && x->n < x->room)
		snprintf(x->key[x->n++], FRIENDLY_KEY, "%.*s", (int)(key->n - x->prefix),
			(const char *)key->p + x->prefix);
	json_decref(o);
	return 0;
}

unsigned
friendly_find(struct saved *s, const struct user *who, const char *kind, const char *name,
	char (*key)[FRIENDLY_KEY], unsigned room)
{
	char prefix[SAVED_KEY];
	struct search x = {.name = name, .key = key, .room = room};
	struct kv_txn *t;
	unsigned db;
	if (saved_begin(s, false, SAVED_NAMES, &t, &db, NULL) != 0)
		return 0;
	for (unsigned i = 0; i < 2 && x.n == 0; i++) {
		if (i == 1 && who->filter)
			break;
		x.prefix = db_key(prefix, i == 0 ? who->name : "", kind, "");
		(void)saved_each(t, db, prefix, x.prefix, search_one, &x);
	}
	kv_abort(t);
	return x.n;
}

/* ---- beside the rows of a view ---------------------------------------------------------------- */

struct labeller {
	struct kv_txn *t;
	unsigned db;
	const struct user *who;
	const struct friendly_other *other;
};

static bool
stored(const struct labeller *l, const char *owner, const char *kind, const char *key,
	char out[FRIENDLY_NAME])
{
	char k[SAVED_KEY];
	size_t n = db_key(k, owner, kind, key);
	json_t *o = n ? saved_get(l->t, l->db, k, n) : NULL;
	const char *name = json_string_value(json_object_get(o, "name"));
	if (name)
		snprintf(out, FRIENDLY_NAME, "%s", name);
	json_decref(o);
	return name != NULL;
}

static bool
find(const struct labeller *l, const char *kind, const char *key, char out[FRIENDLY_NAME])
{
	return stored(l, l->who->name, kind, key, out) || stored(l, "", kind, key, out) ||
	       (l->other && l->other->find(l->other->ctx, kind, key, out));
}

/* 10.0.0.1:443/TCP, [2001:db8::1]:443/TCP: the names of either part */
static bool
find_service(const struct labeller *l, const char *key, char out[FRIENDLY_NAME])
{
	const char *colon = strrchr(key, ':');
	char a[ADDR_TEXT], host[FRIENDLY_NAME], service[FRIENDLY_NAME];
	if (colon == NULL || colon - key >= ADDR_TEXT)
		return false;
	bool bracket = key[0] == '[';
	snprintf(a, sizeof a, "%.*s", (int)(colon - key) - 2 * bracket, key + bracket);
	bool named = find(l, "address", a, host), served = find(l, "port", colon + 1, service);
	if (named || served)
		snprintf(out, FRIENDLY_NAME, "%.80s:%.45s", named ? host : a, served ? service : colon + 1);
	return named || served;
}

static bool
part(const struct labeller *l, const char *kind, const char *key, char out[FRIENDLY_NAME])
{
	return strcmp(kind, "service") == 0 ? find_service(l, key, out) : find(l, kind, key, out);
}

static void
label_row(const struct labeller *l, json_t *row, const char *const kind[2])
{
	char name[2][FRIENDLY_NAME], both[2 * FRIENDLY_NAME + 8];
	json_t *key = json_object_get(row, "key");
	if (!json_is_array(key)) {
		const char *text = json_string_value(key);
		if (text && part(l, kind[0], text, name[0]))
			json_object_set_new(row, "label", json_string(name[0]));
		return;
	}
	bool has[2];
	const char *text[2];
	for (unsigned i = 0; i < 2; i++) {
		text[i] = json_string_value(json_array_get(key, i));
		has[i] = text[i] && part(l, kind[i], text[i], name[i]);
	}
	if (!has[0] && !has[1])
		return;
	snprintf(both, sizeof both, "%s - %s",
		has[0]    ? name[0]
		: text[0] ? text[0]
			  : "",
		has[1]    ? name[1]
		: text[1] ? text[1]
			  : "");
	json_object_set_new(row, "label", json_string(both));
	json_object_set_new(
		row, "labels", json_pack("[s?, s?]", has[0] ? name[0] : NULL, has[1] ? name[1] : NULL));
}

void
friendly_label(struct saved *s, const struct user *who, json_t *view, const struct friendly_other *other)
{
	const char *entity = json_string_value(json_object_get(view, "entity"));
	struct labeller l = {.who = who, .other = other};
	unsigned v = 0;
	size_t i;
	json_t *row;
	while (v < VIEWS && entity && strcmp(views[v].entity, entity) != 0)
		v++;
	if (entity == NULL || v == VIEWS || saved_begin(s, false, SAVED_NAMES, &l.t, &l.db, NULL) != 0)
		return;
	json_array_foreach (json_object_get(view, "rows"), i, row)
		label_row(&l, row, views[v].kind);
	kv_abort(l.t);
}
