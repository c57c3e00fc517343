/* op_users.c - operations on users and sessions keys.  Every change is in the audit log before it is done. */
#include <string.h>

#include "queryd/operations.h"
#include "queryd/request.h"

/* ---- who am I --------------------------------------------------------------------------------- */

static json_t *
me(const struct request *r)
{
	json_t *o = json_pack("{s:s, s:b, s:b}", "user", r->who.name, "admin", (int)r->who.admin,
		"restricted", r->who.filter != NULL);
	if (r->who.must_change)
		json_object_set_new(o, "must_change_password", json_true());
	return o;
}

static void
with_ticket(struct request *r, enum ticket_kind kind)
{
	static const char *const member[TICKET_KINDS][2] = {
		{"session_key", "session_key_age"}, {"token", "token_age"}};
	struct server *s = r->server;
	struct err err = {0};
	char key[AUTH_KEY_HEX + 1];
	int64_t age = atomic_load(kind == TICKET_KEY ? &s->key_age_us : &s->login_age_us);
	if (r->ticket == TICKET_TOKEN) {
		request_error(r, "refused", "/auth", "an API token can't log in; use user and password");
		return;
	}
	if (kind == TICKET_KEY && age == 0) {
		request_error(
			r, "refused", NULL, "session keys are off on this server: maxsessionkeyage is 0");
		return;
	}
	struct ticket_new what = {.kind = kind, .user = r->who.name, .peer = r->call->peer};
	int rc = tickets_issue(s->parts.tickets, &what, wall_now().us, key, NULL, &err);
	if (rc != 0) {
		err.code = rc;
		request_fail(r, &err);
		return;
	}
	json_t *o = me(r);
	json_object_set_new(o, member[kind][0], json_string(key));
	json_object_set_new(o, member[kind][1], json_integer(age / 1000000));
	auth_wipe(key, sizeof key);
	request_reply(r, o);
}

void
op_login(struct request *r)
{
	if (request_bool(r, "session_key"))
		with_ticket(r, TICKET_KEY);
	else if (request_bool(r, "token"))
		with_ticket(r, TICKET_LOGIN);
	else
		request_reply(r, me(r));
}

void
op_key(struct request *r)
{
	with_ticket(r, TICKET_KEY);
}

void
op_logout(struct request *r)
{
	const json_t *auth = json_object_get(r->in, "auth");
	const char *word =
		json_string_value(json_object_get(auth, json_object_get(auth, "key") ? "key" : "token"));
	if (word == NULL || r->ticket == TICKET_TOKEN) {
		request_error(r, "bad_request", "/auth",
			"logging out ends a session key or the token of a login, so it is asked with one; an "
			"API "
			"token is ended by tokens.delete");
		return;
	}
	tickets_end(r->server->parts.tickets, word);
	request_reply(r, NULL);
}

void
op_whoami(struct request *r)
{
	request_reply(r, me(r));
}

/* ---- users ------------------------------------------------------------------------------------ */

static void
done(struct request *r, int rc, struct err *err)
{
	if (rc == 0) {
		request_reply(r, NULL);
		return;
	}
	request_audit_failure(r, "name", request_string(r, "name", NULL), err->text);
	err->code = rc;
	if (rc == FT_EINVAL)
		request_error(r, "bad_request", strstr(err->text, "password") ? "/password" : "/name", "%s",
			err->text);
	else
		request_fail(r, err);
}

/* a filter must be one that the engine understands; false: answered */
static bool
filter_good(struct request *r, const char *filter)
{
	struct err err = {0};
	char at[16];
	if (filter == NULL || filter[0] == 0 ||
		engine_check_filter(r->server->parts.engine, filter, &err) == 0)
		return true;
	snprintf(at, sizeof at, "%d", err.sys);
	request_error(r, "bad_filter", at, "%s", err.text);
	return false;
}

void
op_users_list(struct request *r)
{
	struct server *s = r->server;
	json_t *list = users_list(s->parts.users), *u;
	size_t i;
	int64_t now = wall_now().us;
	json_array_foreach (list, i, u) {
		const char *name = json_string_value(json_object_get(u, "name"));
		bool in = json_is_true(json_object_get(u, "active")) ||
			  tickets_has(s->parts.tickets, name, now);
		json_object_del(u, "active");
		json_object_set_new(u, "logged_in", json_boolean(in));
	}
	request_reply(r, json_pack("{s:o}", "users", list));
}

/* logins and session keys, and users of whom a request runs just now (a script with a password has nothing else) */
void
op_users_online(struct request *r)
{
	struct server *s = r->server;
	json_t *list = tickets_list(s->parts.tickets, NULL, wall_now().us), *out = json_array(), *x;
	size_t i;
	json_array_foreach (list, i, x)
		if (strcmp(json_string_value(json_object_get(x, "kind")), "token") != 0)
			json_array_append_new(
				out, json_pack("{s:O, s:O, s:O, s:O, s:O}", "user",
					     json_object_get(x, "user"), "kind", json_object_get(x, "kind"),
					     "address", json_object_get(x, "address"), "since_us",
					     json_object_get(x, "created_us"), "used_us",
					     json_object_get(x, "used_us")));
	json_decref(list);
	list = users_list(s->parts.users);
	json_array_foreach (list, i, x)
		if (json_is_true(json_object_get(x, "active")))
			json_array_append_new(out,
				json_pack("{s:O, s:s, s:n, s:n, s:n}", "user", json_object_get(x, "name"),
					"kind", "request", "address", "since_us", "used_us"));
	json_decref(list);
	request_reply(r, json_pack("{s:o}", "online", out));
}

void
op_users_add(struct request *r)
{
	struct err err = {0};
	const char *name = request_string(r, "name", ""), *filter = request_string(r, "filter", NULL);
	bool admin = request_bool(r, "admin");
	if (!filter_good(r, filter) || !request_audited(r, json_pack("{s:s, s:b, s:s*}", "name", name,
								   "admin", (int)admin, "filter", filter)))
		return;
	done(r,
		users_add(
			r->server->parts.users, name, request_string(r, "password", ""), admin, filter, &err),
		&err);
}

void
op_users_delete(struct request *r)
{
	struct server *s = r->server;
	struct err err = {0};
	const char *name = request_string(r, "name", "");
	if (!request_audited(r, json_pack("{s:s}", "name", name)))
		return;
	bool has = tickets_has(s->parts.tickets, name, wall_now().us);
	int rc = users_delete(s->parts.users, r->who.name, name, has, &err);
	if (rc == 0) {
		/* a new user of that name must not have what this one had; what a failure leaves, the next start sweeps */
		tickets_revoke(s->parts.tickets, name, true);
		(void)saved_forget(s->parts.saved, name, NULL);
	}
	done(r, rc, &err);
}

void
op_users_set(struct request *r)
{
	struct err err = {0};
	const char *name = request_string(r, "name", ""), *filter = request_string(r, "filter", NULL);
	bool admin = request_bool(r, "admin"), has_admin = json_object_get(r->in, "admin");
	if (!has_admin && filter == NULL) {
		request_error(r, "bad_request", "", "nothing to set: give admin or filter");
		return;
	}
	json_t *details = json_pack("{s:s, s:s*}", "name", name, "filter", filter);
	if (has_admin)
		json_object_set_new(details, "admin", json_boolean(admin));
	if (!filter_good(r, filter)) {
		json_decref(details);
		return;
	}
	if (request_audited(r, details))
		done(r,
			users_set(r->server->parts.users, r->who.name, name, has_admin ? &admin : NULL,
				filter, &err),
			&err);
}

/* Changing somebody's password asks for one's own, so that a browser left alone, or a token that leaked, does not do it.
 * false: answered */
static bool
proven(struct request *r)
{
	struct server *s = r->server;
	const char *own = request_string(r, "own", NULL);
	int64_t now = mono_now().ns / 1000;
	if (r->ticket == TICKET_KINDS)
		return true; /* asked with user and password */
	if (own == NULL) {
		request_error(r, "forbidden", "/own", "give your own password to change another's");
		return false;
	}
	int64_t wait = throttle_wait(s->throttle, r->who.name, r->call->peer, now);
	if (wait > 0) {
		request_error(r, "throttled", "/own", "too many wrong passwords; try again in %lld s",
			(long long)((wait + 999999) / 1000000));
		return false;
	}
	if (users_verify(s->parts.users, r->who.name, own, now) != 0) {
		throttle_wrong(s->throttle, r->who.name, r->call->peer, now);
		request_error(r, "forbidden", "/own", "this is not your own password");
		return false;
	}
	throttle_right(s->throttle, r->who.name, r->call->peer);
	return true;
}

void
op_users_password(struct request *r)
{
	struct server *s = r->server;
	struct err err = {0};
	const char *name = request_string(r, "name", "");
	if (!r->who.admin && strcmp(name, r->who.name) != 0) {
		request_error(r, "forbidden", NULL, "only an administrator changes another user's password");
		return;
	}
	if (strcmp(name, r->who.name) != 0 && !proven(r))
		return;
	if (!request_audited(r, json_pack("{s:s}", "name", name)))
		return;
	int rc = users_set_password(s->parts.users, name, request_string(r, "password", ""), &err);
	if (rc == 0)
		tickets_revoke(s->parts.tickets, name, false);
	done(r, rc, &err);
}
