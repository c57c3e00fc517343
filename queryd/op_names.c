/* op_names.c - friendly names and traffic groups. */
#include <string.h>

#include "queryd/daemons.h"
#include "queryd/friendly.h"
#include "queryd/operations.h"

enum { STORE_S = 10 };

void
op_names_list(struct request *r)
{
	struct err err = {0};
	json_t *o;
	int rc = friendly_list(r->server->parts.saved, &r->who, request_string(r, "kind", NULL),
		request_string(r, "after", NULL), (unsigned)request_int(r, "most", 1000), &o, &err);
	if (rc == 0)
		request_reply(r, o);
	else {
		err.code = rc;
		request_fail(r, &err);
	}
}

/* name "": take it away */
static void
set(struct request *r, const char *name)
{
	struct err err = {0};
	char key[FRIENDLY_KEY];
	const char *at, *kind = request_string(r, "kind", ""), *scope = request_string(r, "for", "me");
	bool all = strcmp(scope, "all") == 0;
	if (!all && strcmp(scope, "me") != 0) {
		request_error(r, "bad_request", "/for", "for is me or all");
		return;
	}
	if (all && !r->who.admin) {
		request_error(r, "forbidden", "/for", "names for all are given by administrators");
		return;
	}
	if (friendly_key(kind, request_string(r, "key", ""), key, &at, &err) != 0) {
		request_error(r, "bad_request", at, "%s", err.text);
		return;
	}
	if (name[0] && friendly_name_good(name, &err) != 0) {
		request_error(r, "bad_request", "/name", "%s", err.text);
		return;
	}
	if (all && !request_audited(r, json_pack("{s:s, s:s, s:s}", "kind", kind, "key", key, "name", name)))
		return;
	int rc = friendly_set(r->server->parts.saved, all ? "" : r->who.name, kind, key, name, r->who.name,
		wall_now().us, &err);
	if (rc == 0) {
		request_reply(r, json_pack("{s:s}", "key", key));
		return;
	}
	if (all)
		request_audit_failure(r, "key", key, err.text);
	err.code = rc;
	request_fail(r, &err);
}

void
op_names_set(struct request *r)
{
	set(r, request_string(r, "name", ""));
}

void
op_names_delete(struct request *r)
{
	set(r, "");
}

/* ---- traffic groups: ft-store owns them, since it tags addresses with them when they come --------- */

/* their blocks tell of the whole network, so they are for who may see all traffic */
void
op_groups_list(struct request *r)
{
	if (r->who.filter) {
		request_error(
			r, "forbidden", NULL, "traffic groups are shown to users who may see all traffic");
		return;
	}
	json_t *answer = daemons_forward(r, "store", STORE_S, NULL);
	if (answer)
		request_reply(r, json_pack("{s:O}", "groups", json_object_get(answer, "groups")));
	json_decref(answer);
}

void
op_groups_set(struct request *r)
{
	json_t *list = request_json(r, "groups");
	if (!request_audited(r, json_pack("{s:I}", "groups", (json_int_t)json_array_size(list))))
		return;
	json_t *answer = daemons_forward(r, "store", STORE_S, "groups");
	if (answer)
		request_reply(r, json_pack("{s:O}", "tag_version", json_object_get(answer, "tag_version")));
	json_decref(answer);
}
