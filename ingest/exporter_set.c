/*
 * exporter_set.c - see exporter_set.h.
 */
#include "ingest/exporter_set.h"

#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/guid.h"
#include "common/log.h"

struct exporter_sets {
	uint32_t generation;
	json_t *doc[]; /* by id - 1; NULL: defaults */
};

static const char *const clocks[] = {"auto", "trust", "arrival"}; /* enum setting_clock */
enum { CLOCKS = sizeof clocks / sizeof clocks[0], NAME_BYTES = sizeof((struct ft_exporter *)0)->name - 1 };

/* ---- documents to what the decoder reads ------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	const struct setting_interface *x = a, *y = b;
	return (x->index > y->index) - (x->index < y->index);
}

static unsigned
clock_of(const json_t *doc)
{
	const char *word = json_string_value(json_object_get(doc, "clock"));
	for (unsigned i = 0; word && i < CLOCKS; i++)
		if (strcmp(word, clocks[i]) == 0)
			return i;
	return SETTING_CLOCK_AUTO;
}

static uint32_t
rate_of(const json_t *o)
{
	json_int_t v = json_integer_value(json_object_get(o, "sampling"));
	return v > 0 && v <= UINT32_MAX ? (uint32_t)v : 0;
}

static int
add(struct settings *t, uint32_t id, const json_t *doc)
{
	struct setting_interface list[EXPORTER_INTERFACES] = {0};
	struct setting s = {.exporter = id,
		.disabled = json_is_false(json_object_get(doc, "enabled")),
		.clock = (uint8_t)clock_of(doc),
		.sampling = rate_of(doc),
		.interface = list};
	const char *index;
	json_t *o;
	json_object_foreach (json_object_get(doc, "interfaces"), index, o)
		if (rate_of(o) && s.interfaces < EXPORTER_INTERFACES)
			list[s.interfaces++] =
				(struct setting_interface){(uint32_t)strtoul(index, NULL, 10), rate_of(o)};
	qsort(list, s.interfaces, sizeof list[0], compare);
	if (!s.disabled && s.clock == SETTING_CLOCK_AUTO && s.sampling == 0 && s.interfaces == 0)
		return 0; /* a name and tags are nothing to the decoder */
	return settings_add(t, &s);
}

static void
show(const struct exporter_table *x, uint32_t id)
{
	struct ft_exporter *e = &x->t->slot[id - 1];
	const json_t *doc = x->sets->doc[id - 1];
	const char *name = json_string_value(json_object_get(doc, "name"));
	char text[sizeof e->name] = "";
	if (name)
		strncpy(text, name, sizeof text - 1);
	memcpy(e->name, text, sizeof text);
	e->disabled = json_is_false(json_object_get(doc, "enabled"));
}

static int
publish(struct exporter_table *x, struct err *err)
{
	struct settings *t = settings_new(++x->sets->generation);
	int rc = t ? 0 : FT_ENOMEM;
	for (uint32_t i = 0; rc == 0 && i < x->t->capacity; i++)
		if (x->sets->doc[i])
			rc = add(t, i + 1, x->sets->doc[i]);
	if (rc != 0) {
		settings_drop(t);
		return err_set(err, rc, "out of memory for the settings of exporters");
	}
	exporters_settings_publish(x, t);
	return 0;
}

/* ---- file -------------------------------------------------------------------------------------- */

int
exporter_sets_load(struct exporter_table *x, struct err *err)
{
	struct kv_txn *t;
	struct kv_cursor *c = NULL;
	struct kv_bytes k, v;
	unsigned db;
	x->sets = calloc(1, sizeof *x->sets + x->t->capacity * sizeof x->sets->doc[0]);
	if (x->sets == NULL)
		return err_set(err, FT_ENOMEM, "out of memory for %u exporters", x->t->capacity);
	int rc = kv_begin(x->kv, true, &t, err);
	if (rc == 0 && (rc = kv_db(t, "settings", &db, err)) != 0)
		kv_abort(t);
	if (rc != 0)
		return rc;
	rc = kv_cursor_open(t, db, &c);
	for (int at = rc ? rc : kv_cursor_seek(c, NULL, 0, &k, &v); at == 0; at = kv_cursor_next(c, &k, &v)) {
		uint32_t id;
		if (k.n != sizeof id)
			continue;
		memcpy(&id, k.p, sizeof id);
		json_t *doc = json_loadb(v.p, v.n, JSON_REJECT_DUPLICATES, NULL);
		if (id == 0 || id > x->t->capacity || !json_is_object(doc)) {
			log_critical(
				"ingest.lmdb: the settings of exporter %u can't be read; the defaults hold",
				id);
			json_decref(doc);
			continue;
		}
		x->sets->doc[id - 1] = doc;
		show(x, id);
	}
	kv_cursor_close(c);
	rc = kv_commit(t, err);
	return rc ? rc : publish(x, err);
}

void
exporter_sets_free(struct exporter_table *x)
{
	for (uint32_t i = 0; x->sets && i < x->t->capacity; i++)
		json_decref(x->sets->doc[i]);
	free(x->sets);
	x->sets = NULL;
}

/* doc is borrowed; empty: the entry goes */
static int
keep(struct exporter_table *x, uint32_t id, const json_t *doc, struct err *err)
{
	struct kv_txn *t;
	unsigned db;
	char *text = json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS);
	if (text == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	int rc = kv_begin(x->kv, true, &t, err);
	if (rc == 0) {
		rc = kv_db(t, "settings", &db, err);
		if (rc == 0 && json_object_size(doc) > 0)
			rc = kv_put(t, db, &id, sizeof id, text, strlen(text), err);
		else if (rc == 0) {
			rc = kv_del(t, db, &id, sizeof id, err);
			rc = rc == FT_ENOENT ? 0 : rc;
		}
		if (rc == 0)
			rc = kv_commit(t, err);
		else
			kv_abort(t);
	}
	free(text);
	return rc ? rc : kv_sync(x->kv, err);
}

static int
replace(struct exporter_table *x, uint32_t id, json_t *doc, struct err *err)
{
	int rc = keep(x, id, doc, err);
	if (rc != 0) {
		json_decref(doc);
		return rc;
	}
	json_decref(x->sets->doc[id - 1]);
	if (json_object_size(doc) == 0) {
		json_decref(doc);
		doc = NULL;
	}
	x->sets->doc[id - 1] = doc;
	show(x, id);
	return publish(x, err);
}

/* ---- who ---------------------------------------------------------------------------------------- */

static uint32_t
by_name(const struct exporter_table *x, const char *name)
{
	for (uint32_t i = 0; i < x->t->capacity; i++) {
		const char *has = json_string_value(json_object_get(x->sets->doc[i], "name"));
		if (has && strcmp(has, name) == 0)
			return i + 1;
	}
	return 0;
}

/* "ADDRESS@GUID" or "ADDRESS" into its parts; false: it is neither */
static bool
place_of(const char *word, uint8_t address[16], uint8_t guid[16], bool *told)
{
	char alone[ADDR_TEXT];
	const char *at = strchr(word, '@');
	size_t n = at ? (size_t)(at - word) : strlen(word);
	*told = at != NULL;
	if (n >= sizeof alone || (at && guid_parse(at + 1, guid) != 0))
		return false;
	memcpy(alone, word, n);
	alone[n] = 0;
	return addr_parse(alone, address) == 0;
}

uint32_t
exporter_by(const struct exporter_table *x, const char *word)
{
	uint8_t address[16], guid[16] = {0};
	bool told;
	uint32_t id = by_name(x, word), n = atomic_load_explicit(&x->t->count, memory_order_acquire);
	if (id || !place_of(word, address, guid, &told))
		return id;
	for (uint32_t i = 0; i < n; i++) {
		const struct ft_exporter *e = &x->t->slot[i];
		if (memcmp(e->address, address, 16) != 0)
			continue;
		if (memcmp(e->guid, guid, 16) == 0)
			return i + 1;
		id = id || told ? id : i + 1;
	}
	return id;
}

json_t *
exporter_guid_json(const uint8_t guid[16])
{
	char text[GUID_TEXT];
	guid_text(guid, text);
	return guid_none(guid) ? json_null() : json_string(text);
}

const json_t *
exporter_set_of(const struct exporter_table *x, uint32_t id)
{
	return id >= 1 && id <= x->t->capacity ? x->sets->doc[id - 1] : NULL;
}

/* ---- a change ----------------------------------------------------------------------------------- */

/* one part of a change, made to the document; `others` for names */
struct change {
	const struct exporter_table *x;
	uint32_t id;
	json_t *doc;
	const json_t *in;
};

static void
put(json_t *o, const char *key, json_t *value, bool standard)
{
	if (standard) {
		json_decref(value);
		json_object_del(o, key);
	} else
		json_object_set_new(o, key, value);
}

static bool
printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 127)
			return false;
	return true;
}

static int
change_name(struct change *c, const json_t *v, struct err *err)
{
	const char *name = json_string_value(v);
	uint8_t address[16];
	if (name == NULL || strlen(name) > NAME_BYTES || !printable(name))
		return err_set(err, FT_EINVAL,
			"a name is text of at most %d bytes without control characters; empty takes it away",
			NAME_BYTES);
	if (name[0] == ' ' || (name[0] && name[strlen(name) - 1] == ' '))
		return err_set(err, FT_EINVAL, "a name neither begins nor ends with a space");
	if (addr_parse(name, address) == 0)
		return err_set(err, FT_EINVAL, "'%s' is an address, which can't be a name", name);
	uint32_t other = name[0] ? by_name(c->x, name) : 0;
	if (other && other != c->id)
		return err_set(err, FT_EXIST, "another exporter is called '%s'", name);
	put(c->doc, "name", json_string(name), name[0] == 0);
	return 0;
}

static int
change_enabled(struct change *c, const json_t *v, struct err *err)
{
	if (!json_is_boolean(v))
		return err_set(err, FT_EINVAL, "enabled is true or false");
	put(c->doc, "enabled", json_false(), json_is_true(v));
	return 0;
}

static int
change_tags(struct change *c, const json_t *v, struct err *err)
{
	const char *text = json_string_value(v);
	if (text == NULL || !printable(text))
		return err_set(err, FT_EINVAL,
			"tags are words with spaces or commas between them; empty takes them away");
	json_t *list = json_array();
	while (*(text += strspn(text, " ,"))) {
		size_t n = strcspn(text, " ,");
		if (n > EXPORTER_TAG_BYTES || json_array_size(list) == EXPORTER_TAGS) {
			json_decref(list);
			return err_set(err, FT_EINVAL, "at most %d tags of at most %d bytes", EXPORTER_TAGS,
				EXPORTER_TAG_BYTES);
		}
		json_array_append_new(list, json_stringn(text, n));
		text += n;
	}
	put(c->doc, "tags", list, json_array_size(list) == 0);
	return 0;
}

static int
change_clock(struct change *c, const json_t *v, struct err *err)
{
	const char *word = json_string_value(v);
	for (unsigned i = 0; word && i < CLOCKS; i++)
		if (strcmp(word, clocks[i]) == 0) {
			put(c->doc, "clock", json_string(word), i == SETTING_CLOCK_AUTO);
			return 0;
		}
	return err_set(err, FT_EINVAL,
		"clock is auto (corrected where it can't be right), trust (never corrected) or arrival "
		"(times count from "
		"when they came)");
}

static int
change_interface(struct change *c, json_int_t index, json_int_t rate, struct err *err)
{
	char key[16];
	json_t *list = json_object_get(c->doc, "interfaces");
	if (index < 0 || index > UINT32_MAX)
		return err_set(err, FT_EINVAL, "interface is an index from 0 to 4294967295");
	if (list == NULL) {
		list = json_object();
		json_object_set_new(c->doc, "interfaces", list);
	}
	snprintf(key, sizeof key, "%u", (unsigned)index);
	json_t *one = json_object_get(list, key);
	if (one == NULL && rate != 0) {
		if (json_object_size(list) == EXPORTER_INTERFACES)
			return err_set(err, FT_EFULL,
				"at most %d interfaces of an exporter can have settings",
				EXPORTER_INTERFACES);
		one = json_object();
		json_object_set_new(list, key, one);
	}
	if (one)
		put(one, "sampling", json_integer(rate), rate == 0);
	if (one && json_object_size(one) == 0)
		json_object_del(list, key);
	if (json_object_size(list) == 0)
		json_object_del(c->doc, "interfaces");
	return 0;
}

static int
change_sampling(struct change *c, const json_t *v, struct err *err)
{
	const json_t *interface = json_object_get(c->in, "interface");
	json_int_t rate = json_integer_value(v);
	if (!json_is_integer(v) || rate < 0 || rate > UINT32_MAX)
		return err_set(err, FT_EINVAL,
			"sampling is N of 1 in N, from 1 to 4294967295; 0: as the exporter says");
	if (interface)
		return change_interface(c, json_integer_value(interface), rate, err);
	put(c->doc, "sampling", json_integer(rate), rate == 0);
	return 0;
}

static int
change_where(struct change *c, const json_t *v, struct err *err)
{
	if (!json_is_integer(v))
		return err_set(err, FT_EINVAL, "interface is an index from 0 to 4294967295");
	if (json_object_get(c->in, "sampling") == NULL)
		return err_set(err, FT_EINVAL,
			"interface says whose sampling is set, so sampling must be there, too");
	return 0;
}

static const struct {
	const char *name;
	int (*change)(struct change *c, const json_t *v, struct err *err);
} parts[] = {{"name", change_name}, {"enabled", change_enabled}, {"tags", change_tags},
	{"clock", change_clock}, {"interface", change_where}, {"sampling", change_sampling}};

static int
apply(struct change *c, char at[EXPORTER_AT], struct err *err)
{
	unsigned said = 0;
	for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		const json_t *v = json_object_get(c->in, parts[i].name);
		if (v == NULL)
			continue;
		said++;
		snprintf(at, EXPORTER_AT, "/%s", parts[i].name);
		int rc = parts[i].change(c, v, err);
		if (rc != 0)
			return rc;
	}
	at[0] = 0;
	return said ? 0
		    : err_set(err, FT_EINVAL,
			      "nothing to set: give name, enabled, tags, clock or sampling (with interface: "
			      "of that one)");
}

int
exporter_set(struct exporter_table *x, uint32_t *id, const json_t *in, char at[EXPORTER_AT], struct err *err)
{
	static const uint8_t direct[16];
	uint8_t address[16];
	const json_t *was = exporter_set_of(x, *id);
	struct change c = {.x = x, .id = *id, .in = in, .doc = was ? json_deep_copy(was) : json_object()};
	if (c.doc == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	int rc = apply(&c, at, err);
	if (rc == 0 && *id == 0) {
		const char *word = json_string_value(json_object_get(in, "exporter"));
		if (word == NULL || addr_parse(word, address) != 0)
			rc = err_set(err, FT_ENOENT,
				"no exporter is called '%.64s'; one that has not sent yet is named by its "
				"address",
				word ? word : "");
		else if ((*id = exporters_id(x, address, direct)) == 0)
			rc = err_set(
				err, FT_EFULL, "the table of exporters is full: raise netflow/maxexporters");
	}
	if (rc != 0) {
		json_decref(c.doc);
		return rc;
	}
	return replace(x, *id, c.doc, err);
}

int
exporter_unset(struct exporter_table *x, uint32_t id, struct err *err)
{
	return x->sets->doc[id - 1] ? replace(x, id, json_object(), err) : 0;
}
