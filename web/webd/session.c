/*
 * session.c - logging in and out of a browser.  A login always makes a new token, and the one that came along ends: what
 * somebody planted in the browser before is worth nothing afterwards (session fixation).
 */
#include <stdio.h>
#include <string.h>

#include "web/webd/web.h"

static void
set_cookie(struct http_call *call, const char *token)
{
	/* no Max-Age: it ends with the browser, or when it has been idle for tokenage at the server */
	char name[WEB_COOKIE_ROOM];
	web_cookie(call, name);
	http_add(call, "Set-Cookie", "%s=%s; Path=/; HttpOnly; SameSite=Strict%s%s", name, token ? token : "",
		call->secure ? "; Secure" : "", token ? "" : "; Max-Age=0");
}

static json_t *
me(const json_t *reply)
{
	json_t *o = json_object();
	json_object_set(o, "user", json_object_get(reply, "user"));
	json_object_set(o, "admin", json_object_get(reply, "admin"));
	json_object_set(o, "restricted", json_object_get(reply, "restricted"));
	json_object_set_new(o, "must_change_password",
		json_boolean(json_is_true(json_object_get(reply, "must_change_password"))));
	return o;
}

static void
nothing(void *ctx, const json_t *body, const void *payload, size_t n, bool more)
{
	(void)ctx, (void)body, (void)payload, (void)n, (void)more;
}

/* end the token that came with a request; nobody waits for it */
static void
end_old_token(struct web *w, struct http_call *call)
{
	char name[WEB_COOKIE_ROOM], old[40];
	web_cookie(call, name);
	if (http_cookie(&call->head, name, old, sizeof old))
		(void)upstream_ask(w->up,
			json_pack("{s:s, s:s, s:{s:s}}", "op", "logout", "on_behalf_of", call->client, "auth",
				"token", old),
			nothing, NULL);
}

static void
logged_in(struct exchange *x, const json_t *reply, bool ok)
{
	struct web *w = x->web;
	struct http_call *call = exchange_end(x);
	const char *token = json_string_value(json_object_get(reply, "token"));
	if (!ok || token == NULL) {
		web_relay_error(call, reply);
		return;
	}
	end_old_token(w, call);
	set_cookie(call, token);
	web_json(call, 200, me(reply));
}

static json_t *
login_request(const char *user, const char *password)
{
	return json_pack("{s:s, s:b, s:{s:s, s:s}}", "op", "login", "token", 1, "auth", "user", user,
		"password", password);
}

void
session_login(struct web *w, struct http_call *call)
{
	json_t *body = web_same_site(call) ? web_body(call) : NULL;
	if (body == NULL)
		return;
	const char *user = json_string_value(json_object_get(body, "username"));
	const char *password = json_string_value(json_object_get(body, "password"));
	if (user == NULL || password == NULL || json_object_size(body) != 2)
		web_error(call, 400, "bad_request", "logging in takes {\"username\": …, \"password\": …}");
	else
		exchange_ask(w, call, NULL, login_request(user, password), logged_in, NULL);
	json_decref(body);
}

/* what every request of somebody who is logged in begins with; NULL: answered */
static json_t *
credentials(struct http_call *call)
{
	bool answered;
	json_t *auth = web_credentials(call, NULL, &answered);
	if (auth == NULL && !answered)
		web_error(call, 401, "auth", "not logged in");
	return auth;
}

static void
who(struct exchange *x, const json_t *reply, bool ok)
{
	struct http_call *call = exchange_end(x);
	if (ok)
		web_json(call, 200, me(reply));
	else
		web_relay_error(call, reply);
}

void
session_who(struct web *w, struct http_call *call)
{
	json_t *auth = credentials(call);
	if (auth)
		exchange_ask(w, call, NULL, json_pack("{s:s, s:o}", "op", "whoami", "auth", auth), who, NULL);
}

static void
logged_out(struct exchange *x, const json_t *reply, bool ok)
{
	struct http_call *call = exchange_end(x);
	const char *code = json_string_value(json_object_get(json_object_get(reply, "error"), "code"));
	/* who is not logged in any more is logged out */
	if (!ok && (code == NULL || strcmp(code, "auth") != 0)) {
		web_relay_error(call, reply);
		return;
	}
	set_cookie(call, NULL);
	http_reply(call, 204, NULL, NULL, 0);
}

void
session_logout(struct web *w, struct http_call *call)
{
	json_t *auth = credentials(call);
	if (auth)
		exchange_ask(w, call, NULL, json_pack("{s:s, s:o}", "op", "logout", "auth", auth), logged_out,
			NULL);
}

/* ---- one's own password: who → change, proven by the old one → log in with the new one ---------------------------- */

static void
changed(struct exchange *x, const json_t *reply, bool ok)
{
	struct web *w = x->web;
	if (!ok) {
		web_relay_error(exchange_end(x), reply);
		return;
	}
	/* that ended every token of this user */
	exchange_ask(w, x->call, x, login_request(x->user, x->word), logged_in, NULL);
}

static void
known(struct exchange *x, const json_t *reply, bool ok)
{
	const char *user = json_string_value(json_object_get(reply, "user"));
	struct web *w = x->web;
	char old[sizeof x->word];
	if (!ok || user == NULL) {
		web_relay_error(exchange_end(x), reply);
		return;
	}
	snprintf(x->user, sizeof x->user, "%s", user);
	snprintf(old, sizeof old, "%s", x->word);
	json_t *body = json_loadb(x->call->body, x->call->body_bytes, 0, NULL);
	const char *new = json_string_value(json_object_get(body, "new"));
	snprintf(x->word, sizeof x->word, "%s", new ? new : "");
	json_t *request = json_pack("{s:s, s:s, s:s, s:{s:s, s:s}}", "op", "users.password", "name", user,
		"password", x->word, "auth", "user", user, "password", old);
	explicit_bzero(old, sizeof old);
	json_decref(body);
	exchange_ask(w, x->call, x, request, changed, NULL);
}

void
session_password(struct web *w, struct http_call *call)
{
	struct exchange *x = NULL;
	json_t *auth = credentials(call), *body = auth ? web_body(call) : NULL;
	const char *old = json_string_value(json_object_get(body, "old"));
	const char *new = json_string_value(json_object_get(body, "new"));
	if (body == NULL) {
		json_decref(auth);
		return;
	}
	if (old == NULL || new == NULL || strlen(old) > 1024 || strlen(new) > 1024) {
		json_decref(auth);
		web_error(call, 400, "bad_request",
			"changing the password takes {\"old\": …, \"new\": …}, at most 1024 bytes each");
	} else {
		exchange_ask(w, call, NULL, json_pack("{s:s, s:o}", "op", "whoami", "auth", auth), known, &x);
		if (x)
			snprintf(x->word, sizeof x->word, "%s", old);
	}
	json_decref(body);
}
