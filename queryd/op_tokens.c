/* op_tokens.c - API tokens, and logins as what can be ended. */
#include <stdio.h>
#include <string.h>

#include "common/addr.h"
#include "queryd/operations.h"
#include "queryd/request.h"

void
op_tokens_list(struct request *r)
{
	bool all = request_bool(r, "all");
	if (all && !r->who.admin) {
		request_error(r, "forbidden", "/all", "tokens of all users are for administrators");
		return;
	}
	json_t *list = tickets_list(r->server->parts.tickets, all ? NULL : r->who.name, wall_now().us);
	request_reply(r, json_pack("{s:o}", "tokens", list));
}

void
op_tokens_add(struct request *r)
{
	struct err err = {0};
	char secret[AUTH_KEY_HEX + 1], id[TICKET_ID], address[ADDR_TEXT] = "";
	uint8_t bytes[16];
	const char *from = request_string(r, "address", NULL), *name = request_string(r, "name", "");
	int64_t expires = request_int(r, "expires_us", 0), now = wall_now().us;
	if (r->ticket == TICKET_TOKEN) {
		request_error(r, "refused", NULL, "an API token can't make another; log in to make one");
		return;
	}
	if (from && addr_parse(from, bytes) != 0) {
		request_error(r, "bad_request", "/address", "'%.64s' is no address", from);
		return;
	}
	if (from)
		addr_text(bytes, address);
	if (expires && expires <= now) {
		request_error(
			r, "bad_request", "/expires_us", "a token that has expired already is of no use");
		return;
	}
	json_t *details = json_pack("{s:s, s:s*}", "name", name, "address", from);
	if (expires)
		json_object_set_new(details, "expires_us", json_integer(expires));
	if (!request_audited(r, details))
		return;
	struct ticket_new what = {.kind = TICKET_TOKEN,
		.user = r->who.name,
		.peer = address,
		.name = name,
		.expires_us = expires};
	int rc = tickets_issue(r->server->parts.tickets, &what, now, secret, id, &err);
	if (rc != 0) {
		request_audit_failure(r, "name", name, err.text);
		err.code = rc;
		request_fail(r, &err);
		return;
	}
	request_reply(r, json_pack("{s:s, s:s}", "token_id", id, "token", secret));
	auth_wipe(secret, sizeof secret);
}

void
op_tokens_delete(struct request *r)
{
	struct err err = {0};
	const char *id = request_string(r, "token_id", "");
	if (!request_audited(r, json_pack("{s:s}", "token_id", id)))
		return;
	int rc = tickets_delete(r->server->parts.tickets, id, r->who.admin ? NULL : r->who.name, NULL, &err);
	if (rc != 0) {
		request_audit_failure(r, "token_id", id, err.text);
		err.code = rc;
		request_fail(r, &err);
		return;
	}
	request_reply(r, NULL);
}
