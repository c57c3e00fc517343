/* op_saved.c - operations on what users save: preferences and workspaces. */
#include <string.h>

#include "queryd/operations.h"
#include "queryd/prefs.h"
#include "queryd/request.h"
#include "queryd/workspaces.h"

static void
answer(struct request *r, int rc, struct err *err, const char *name, json_t *o)
{
	if (rc == 0) {
		request_reply(r, name ? json_pack("{s:o}", name, o) : NULL);
		return;
	}
	err->code = rc;
	request_fail(r, err);
}

void
op_prefs_get(struct request *r)
{
	struct err err = {0};
	json_t *o;
	int rc = prefs_get(r->server->parts.saved, r->who.name, request_string(r, "key", NULL), &o, &err);
	answer(r, rc, &err, "prefs", o);
}

void
op_prefs_set(struct request *r)
{
	struct err err = {0};
	int rc = prefs_set(r->server->parts.saved, r->who.name, request_string(r, "key", ""),
		request_json(r, "value"), &err);
	answer(r, rc, &err, NULL, NULL);
}

void
op_workspaces_list(struct request *r)
{
	struct err err = {0};
	json_t *o;
	int rc = workspaces_list(r->server->parts.saved, &r->who, &o, &err);
	answer(r, rc, &err, "workspaces", o);
}

void
op_workspaces_get(struct request *r)
{
	struct err err = {0};
	json_t *o;
	int rc =
		workspaces_get(r->server->parts.saved, &r->who, request_string(r, "workspace", ""), &o, &err);
	answer(r, rc, &err, "workspace", o);
}

void
op_workspaces_save(struct request *r)
{
	struct err err = {0};
	json_t *o;
	struct workspace_change w = {.id = request_string(r, "workspace", NULL),
		.name = request_string(r, "name", NULL),
		.description = request_string(r, "description", NULL),
		.notes = request_string(r, "notes", NULL),
		.icon = request_string(r, "icon", NULL),
		.share = request_string(r, "share", NULL),
		.state = request_json(r, "state")};
	int rc = workspaces_save(r->server->parts.saved, &r->who, &w, wall_now().us, &o, &err);
	answer(r, rc, &err, "workspace", o);
}

void
op_workspaces_delete(struct request *r)
{
	struct err err = {0};
	char owner[USERS_NAME];
	const char *id = request_string(r, "workspace", "");
	json_t *head = NULL;
	/* an administrator's hand on what is another's is in the audit log */
	if (r->who.admin && workspaces_get(r->server->parts.saved, &r->who, id, &head, NULL) == 0) {
		bool mine = json_is_true(json_object_get(head, "mine"));
		json_t *details = json_pack("{s:s, s:O, s:O}", "id", id, "name",
			json_object_get(head, "name"), "owner", json_object_get(head, "owner"));
		json_decref(head);
		if (mine)
			json_decref(details);
		else if (!request_audited(r, details))
			return;
	}
	int rc = workspaces_delete(r->server->parts.saved, &r->who, id, owner, &err);
	answer(r, rc, &err, NULL, NULL);
}
