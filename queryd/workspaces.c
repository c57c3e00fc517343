/* workspaces.c - see workspaces.h. */
#include "queryd/workspaces.h"

#include <stdio.h>
#include <string.h>

static const char builtin[] = "builtin:";

/* ---- the built-in ones ------------------------------------------------------------------------ */

static const struct {
	const char *id, *name, *icon, *last, *filter, *description;
} example[] = {
#define WORKSPACE(id, name, icon, last, filter, description) {#id, name, icon, last, filter, description},
#include "queryd/workspaces.def"
};
static const struct {
	const char *id, *entity, *count, *direction;
} example_view[] = {
#define WORKSPACE_VIEW(id, entity, count, direction) {#id, entity, count, direction},
#include "queryd/workspaces.def"
};
enum { EXAMPLES = sizeof example / sizeof example[0], VIEWS = sizeof example_view / sizeof example_view[0] };

const char *
workspaces_filter(unsigned i)
{
	return i < EXAMPLES ? example[i].filter : NULL;
}

static json_t *
example_head(unsigned i)
{
	char id[48];
	snprintf(id, sizeof id, "%s%s", builtin, example[i].id);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:n, s:b, s:b, s:n, s:n}", "id", id, "name",
		example[i].name, "description", example[i].description, "icon", example[i].icon, "share",
		"everyone", "owner", "mine", 0, "built_in", 1, "created_us", "changed_us");
}

static json_t *
example_whole(const char *id)
{
	for (unsigned i = 0; i < EXAMPLES; i++) {
		if (strcmp(example[i].id, id + sizeof builtin - 1) != 0)
			continue;
		json_t *o = example_head(i), *views = json_array();
		for (unsigned k = 0; k < VIEWS; k++)
			if (strcmp(example_view[k].id, example[i].id) == 0)
				json_array_append_new(
					views, json_pack("{s:s, s:s, s:s}", "entity", example_view[k].entity,
						       "count", example_view[k].count, "direction",
						       example_view[k].direction));
		json_object_set_new(o, "notes", json_string(""));
		json_object_set_new(o, "state",
			json_pack("{s:i, s:s, s:s, s:o}", "v", 1, "filter", example[i].filter, "last",
				example[i].last, "views", views));
		return o;
	}
	return NULL;
}

static bool
is_builtin(const char *id)
{
	return strncmp(id, builtin, sizeof builtin - 1) == 0;
}

/* ---- reading ---------------------------------------------------------------------------------- */

static const char *
word(const json_t *o, const char *name)
{
	const char *v = json_string_value(json_object_get(o, name));
	return v ? v : "";
}

static bool
owns(const struct user *who, const json_t *head)
{
	return strcmp(word(head, "owner"), who->name) == 0;
}

static bool
sees(const struct user *who, const json_t *head)
{
	const char *share = word(head, "share");
	return owns(who, head) || strcmp(share, "everyone") == 0 ||
	       (who->filter == NULL && strcmp(share, "all") == 0);
}

/* as it is shown: the stored one with who it is for */
static json_t *
shown(const char *id, json_t *head, const struct user *who)
{
	json_object_set_new(head, "id", json_string(id));
	json_object_set_new(head, "mine", json_boolean(owns(who, head)));
	json_object_set_new(head, "built_in", json_false());
	return head;
}

struct listing {
	const struct user *who;
	json_t *out;
};

static int
list_one(void *ctx, const struct kv_bytes *key, const struct kv_bytes *value)
{
	struct listing *l = ctx;
	json_error_t e;
	char id[WORKSPACE_ID];
	json_t *head = json_loadb(value->p, value->n, 0, &e);
	snprintf(id, sizeof id, "%.*s", (int)key->n, (const char *)key->p);
	if (head && sees(l->who, head))
		json_array_append(l->out, shown(id, head, l->who));
	json_decref(head);
	return 0;
}

int
workspaces_list(struct saved *s, const struct user *who, json_t **out, struct err *err)
{
	struct kv_txn *t;
	unsigned db;
	*out = NULL;
	int rc = saved_begin(s, false, SAVED_WORKSPACES, &t, &db, err);
	if (rc != 0)
		return rc;
	struct listing l = {who, json_array()};
	(void)saved_each(t, db, "", 0, list_one, &l);
	kv_abort(t);
	for (unsigned i = 0; i < EXAMPLES; i++)
		json_array_append_new(l.out, example_head(i));
	*out = l.out;
	return 0;
}

static int
none(const char *id, struct err *err)
{
	return err_set(err, FT_ENOENT, "there is no workspace '%.48s'", id);
}

int
workspaces_get(struct saved *s, const struct user *who, const char *id, json_t **out, struct err *err)
{
	struct kv_txn *t;
	unsigned db;
	*out = is_builtin(id) ? example_whole(id) : NULL;
	if (is_builtin(id))
		return *out ? 0 : none(id, err);
	int rc = saved_begin(s, false, SAVED_WORKSPACES, &t, &db, err);
	if (rc != 0)
		return rc;
	json_t *head = saved_get(t, db, id, strlen(id));
	json_t *body = saved_get(t, saved_db(s, SAVED_STATES), id, strlen(id));
	kv_abort(t);
	if (head && body && sees(who, head)) {
		json_object_update(head, body);
		*out = json_incref(shown(id, head, who));
	} else
		rc = none(id, err);
	json_decref(head);
	json_decref(body);
	return rc;
}

/* ---- writing ---------------------------------------------------------------------------------- */

static int
check(const struct workspace_change *w, struct err *err)
{
	static const char *const shares[] = {"none", "all", "everyone"};
	bool good = w->share == NULL;
	for (unsigned i = 0; i < 3; i++)
		good |= w->share && strcmp(shares[i], w->share) == 0;
	if (!good)
		return err_set(err, FT_EINVAL, "share is none, all or everyone");
	if (w->id == NULL && (w->name == NULL || w->state == NULL))
		return err_set(err, FT_EINVAL, "a new workspace needs a name and a state");
	for (const unsigned char *p = (const unsigned char *)(w->name ? w->name : ""); *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			return err_set(err, FT_EINVAL, "a name has no control characters");
	if (w->state && !json_is_object(w->state))
		return err_set(err, FT_EINVAL, "state is an object");
	return 0;
}

struct count {
	const struct user *who;
	unsigned mine, all;
};

static int
count_one(void *ctx, const struct kv_bytes *key, const struct kv_bytes *value)
{
	struct count *c = ctx;
	json_error_t e;
	json_t *head = json_loadb(value->p, value->n, 0, &e);
	(void)key;
	c->all++;
	c->mine += head && owns(c->who, head);
	json_decref(head);
	return 0;
}

static int
room_for_one(struct kv_txn *t, unsigned db, const struct user *who, struct err *err)
{
	struct count c = {.who = who};
	(void)saved_each(t, db, "", 0, count_one, &c);
	if (c.mine >= WORKSPACES_A_USER)
		return err_set(
			err, FT_EPERM, "you have %d workspaces already; delete one first", WORKSPACES_A_USER);
	if (c.all >= WORKSPACES_MOST)
		return err_set(err, FT_EPERM,
			"there are %d workspaces already, which is the most there can be", WORKSPACES_MOST);
	return 0;
}

static void
put(json_t *o, const char *name, const char *value, const char *otherwise)
{
	if (value)
		json_object_set_new(o, name, json_string(value));
	else if (json_object_get(o, name) == NULL)
		json_object_set_new(o, name, json_string(otherwise));
}

/* what is stored already, or the frame of a new one */
static int
fetch(struct saved *s, struct kv_txn *t, const struct user *who, const char *id, bool fresh, int64_t now_us,
	json_t **head, json_t **body, struct err *err)
{
	*head = *body = NULL;
	if (fresh) {
		int rc = room_for_one(t, saved_db(s, SAVED_WORKSPACES), who, err);
		if (rc != 0)
			return rc;
		*head = json_pack("{s:s, s:I}", "owner", who->name, "created_us", (json_int_t)now_us);
		*body = json_object();
		return 0;
	}
	*head = saved_get(t, saved_db(s, SAVED_WORKSPACES), id, strlen(id));
	*body = saved_get(t, saved_db(s, SAVED_STATES), id, strlen(id));
	if (*head == NULL || *body == NULL || !sees(who, *head))
		return none(id, err);
	return owns(who, *head)
		       ? 0
		       : err_set(err, FT_EPERM, "this workspace is of '%s'; save it under a name of your own",
				 word(*head, "owner"));
}

int
workspaces_save(struct saved *s, const struct user *who, const struct workspace_change *w, int64_t now_us,
	json_t **out, struct err *err)
{
	char id[AUTH_KEY_HEX + 1];
	struct kv_txn *t;
	unsigned db;
	json_t *head, *body;
	*out = NULL;
	int rc = check(w, err);
	if (rc == 0 && w->id && is_builtin(w->id))
		rc = err_set(err, FT_EPERM, "a built-in workspace stays as it is; save it as a new one");
	if (rc == 0)
		rc = saved_begin(s, true, SAVED_WORKSPACES, &t, &db, err);
	if (rc != 0)
		return rc;
	auth_random_hex(id);
	id[WORKSPACE_ID - 1] = 0;
	if (w->id)
		snprintf(id, sizeof id, "%s", w->id);
	rc = fetch(s, t, who, id, w->id == NULL, now_us, &head, &body, err);
	if (rc == 0) {
		put(head, "name", w->name, "");
		put(head, "description", w->description, "");
		put(head, "icon", w->icon, "");
		put(head, "share", w->share, "none");
		json_object_set_new(head, "changed_us", json_integer(now_us));
		put(body, "notes", w->notes, "");
		if (w->state)
			json_object_set(body, "state", (json_t *)(uintptr_t)w->state);
		rc = saved_put(t, db, id, strlen(id), head, err);
	}
	if (rc == 0)
		rc = saved_put(t, saved_db(s, SAVED_STATES), id, strlen(id), body, err);
	if (rc == 0)
		rc = kv_commit(t, err);
	else
		kv_abort(t);
	if (rc == 0)
		*out = json_incref(shown(id, head, who));
	json_decref(head);
	json_decref(body);
	return rc;
}

int
workspaces_delete(
	struct saved *s, const struct user *who, const char *id, char owner[USERS_NAME], struct err *err)
{
	struct kv_txn *t;
	unsigned db;
	owner[0] = 0;
	if (is_builtin(id))
		return err_set(err, FT_EPERM, "a built-in workspace can't be deleted");
	int rc = saved_begin(s, true, SAVED_WORKSPACES, &t, &db, err);
	if (rc != 0)
		return rc;
	json_t *head = saved_get(t, db, id, strlen(id));
	if (head == NULL || !sees(who, head))
		rc = none(id, err);
	else if (!owns(who, head) && !who->admin)
		rc = err_set(err, FT_EPERM,
			"this workspace is of '%s', who alone can delete it, or an administrator",
			word(head, "owner"));
	else {
		snprintf(owner, USERS_NAME, "%s", word(head, "owner"));
		rc = kv_del(t, db, id, strlen(id), err);
		if (rc == 0)
			rc = kv_del(t, saved_db(s, SAVED_STATES), id, strlen(id), err);
	}
	json_decref(head);
	if (rc == 0)
		return kv_commit(t, err);
	kv_abort(t);
	return rc;
}
