/* web.c - see web.h: from a request to who handles it, credentials, errors. */
#include "web/webd/web.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/contract/rpc.h"

enum { BODY_NESTING = 32 };

/* ---- answers ----------------------------------------------------------------------------------- */

void
web_json(struct http_call *call, int status, json_t *object)
{
	char *text = json_dumps(object, WEB_JSON);
	json_decref(object);
	size_t n = text ? strlen(text) : 0;
	if (text)
		text[n++] = '\n'; /* in the place of the NUL: a line of a terminal of its own */
	http_reply(call, text ? status : 500, "application/json", text, n);
	free(text);
}

void
web_error(struct http_call *call, int status, const char *code, const char *fmt, ...)
{
	char text[600];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	json_t *o = json_object();
	json_t *s = json_string(text);
	json_object_set_new(o, "error", s ? s : json_string("(not UTF-8)"));
	json_object_set_new(o, "code", json_string(code));
	if (status == 401)
		http_add(call, "WWW-Authenticate", "Bearer realm=\"flowtrove\"");
	web_json(call, status, o);
}

json_t *
web_error_of(const json_t *reply, int *status, int *retry_s)
{
	static const struct {
		const char *code;
		int status;
	} map[] = {
#define RPC_ERROR(word, exit, http) {word, http},
		FT_RPC_ERRORS(RPC_ERROR)
#undef RPC_ERROR
	};
	const json_t *e = json_object_get(reply, "error"), *retry = json_object_get(e, "retry_s");
	const char *code = json_string_value(json_object_get(e, "code"));
	const char *text = json_string_value(json_object_get(e, "message"));
	const char *at = json_string_value(json_object_get(e, "at"));
	json_t *o = json_object();
	int found = 500;
	code = code ? code : "internal";
	for (unsigned i = 0; i < sizeof map / sizeof map[0]; i++)
		if (strcmp(code, map[i].code) == 0)
			found = map[i].status;
	json_object_set_new(o, "error", json_string(text ? text : "refused without a reason"));
	json_object_set_new(o, "code", json_string(code));
	if (strcmp(code, "bad_filter") == 0) {
		json_object_set_new(o, "place", json_string("/filter"));
		if (at && atoi(at) > 0)
			json_object_set_new(o, "position", json_integer(atoi(at)));
	} else if (at && at[0] == '/' && strncmp(at, "/auth", 5) != 0)
		json_object_set_new(o, "place", json_string(at));
	if (status)
		*status = found;
	if (retry_s)
		*retry_s = retry ? (int)json_integer_value(retry) : strcmp(code, "unavailable") == 0 ? 2 : 0;
	return o;
}

void
web_relay_error(struct http_call *call, const json_t *reply)
{
	int status, retry_s;
	json_t *o = web_error_of(reply, &status, &retry_s);
	if (retry_s > 0)
		http_add(call, "Retry-After", "%d", retry_s);
	if (status == 401)
		http_add(call, "WWW-Authenticate", "Bearer realm=\"flowtrove\"");
	web_json(call, status, o);
}

json_t *
web_members(const json_t *reply)
{
	static const char *const ours[] = {"v", "id", "ok", "more"};
	json_t *o = json_copy((json_t *)(uintptr_t)reply);
	for (unsigned i = 0; i < sizeof ours / sizeof ours[0]; i++)
		json_object_del(o, ours[i]);
	return o;
}

/* ---- who asks ---------------------------------------------------------------------------------- */

/*
 * Cross-site request forgery: another site's page can make a browser send a request here, with our cookie if SameSite does
 * not hold it back.  It can't set a header of its own without being allowed to (which we never do), and browsers say
 * where a request comes from; so a cookie counts only with X-Flowtrove, and only if Origin and Sec-Fetch-Site, where sent,
 * name us.  Tokens that a caller must put in by itself need none of that.
 */
static bool
own_origin(const struct http_call *call)
{
	const char *origin = http_header(&call->head, "origin"), *host = http_header(&call->head, "host");
	const char *site = http_header(&call->head, "sec-fetch-site");
	if (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
		return false;
	if (origin == NULL)
		return true;
	const char *scheme = call->secure ? "https://" : "http://";
	return strncmp(origin, scheme, strlen(scheme)) == 0 && host &&
	       strcasecmp(origin + strlen(scheme), host) == 0;
}

bool
web_same_site(struct http_call *call)
{
	if (own_origin(call))
		return true;
	web_error(call, 403, "forbidden", "this request comes from a page of another site");
	return false;
}

static bool
is_word(const char *s)
{
	return strlen(s) == 32 && strspn(s, "0123456789abcdef") == 32;
}

void
web_cookie(const struct http_call *call, char name[WEB_COOKIE_ROOM])
{
	snprintf(name, WEB_COOKIE_ROOM, "%sflowtrove-%u", call->secure ? "__Host-" : "", call->port);
}

json_t *
web_credentials(struct http_call *call, const char *token, bool *answered)
{
	const char *authorization = http_header(&call->head, "authorization");
	char name[WEB_COOKIE_ROOM], cookie[40];
	*answered = false;
	web_cookie(call, name);
	if (token == NULL && authorization && strncasecmp(authorization, "Bearer ", 7) == 0)
		token = authorization + 7 + strspn(authorization + 7, " ");
	if (token) {
		if (is_word(token))
			return json_pack("{s:s}", "token", token);
		*answered = true;
		web_error(call, 401, "auth", "a token is 32 digits, 0-9 and a-f");
		return NULL;
	}
	if (!http_cookie(&call->head, name, cookie, sizeof cookie) || !is_word(cookie))
		return NULL;
	const char *method = call->head.method, *mark = http_header(&call->head, "x-flowtrove");
	bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	if (!own_origin(call) || (!reads && (mark == NULL || strcmp(mark, "1") != 0))) {
		*answered = true;
		web_error(call, 403, "forbidden",
			"the cookie counts only for requests of our own pages: they have the header "
			"X-Flowtrove: 1");
		return NULL;
	}
	return json_pack("{s:s}", "token", cookie);
}

/* ---- questions --------------------------------------------------------------------------------- */

static void
on_gone(struct http_call *call)
{
	struct exchange *x = call->user;
	if (x->question)
		upstream_cancel(x->question);
	free(x);
}

static void
on_reply(void *ctx, const json_t *body, const void *payload, size_t n, bool more)
{
	struct exchange *x = ctx;
	(void)payload;
	(void)n;
	if (more)
		return;
	x->question = NULL;
	x->done(x, body, json_is_true(json_object_get(body, "ok")));
}

void
exchange_ask(struct web *w, struct http_call *call, struct exchange *x, json_t *request,
	void (*done)(struct exchange *x, const json_t *reply, bool ok), struct exchange **made)
{
	bool fresh = x == NULL;
	if (fresh)
		x = calloc(1, sizeof *x);
	if (made)
		*made = x;
	if (x == NULL) {
		json_decref(request);
		web_error(call, 500, "internal", "out of memory");
		return;
	}
	x->web = w;
	x->call = call;
	x->done = done;
	call->user = x;
	call->on_gone = on_gone;
	json_object_set_new(request, "on_behalf_of", json_string(call->client));
	x->question = upstream_ask(w->up, request, on_reply, x);
	if (x->question == NULL) {
		if (made)
			*made = NULL;
		web_error(exchange_end(x), 500, "internal", "out of memory");
	}
}

struct http_call *
exchange_end(struct exchange *x)
{
	struct http_call *call = x->call;
	call->user = NULL;
	call->on_gone = NULL;
	/* passwords may have been in it */
	explicit_bzero(x, sizeof *x);
	free(x);
	return call;
}

/* ---- bodies ------------------------------------------------------------------------------------ */

/* deep nesting would make the JSON library recurse */
static bool
too_deep(const char *p, size_t n)
{
	unsigned depth = 0;
	bool string = false;
	for (size_t i = 0; i < n; i++) {
		if (string && p[i] == '\\')
			i++;
		else if (p[i] == '"')
			string = !string;
		else if (!string && (p[i] == '{' || p[i] == '[') && ++depth > BODY_NESTING)
			return true;
		else if (!string && (p[i] == '}' || p[i] == ']') && depth > 0)
			depth--;
	}
	return false;
}

json_t *
web_body(struct http_call *call)
{
	json_error_t e;
	if (call->body_bytes == 0)
		return json_object();
	const char *type = http_header(&call->head, "content-type");
	if (type && strncasecmp(type, "application/json", 16) != 0) {
		web_error(call, 415, "bad_request", "the body is JSON: Content-Type: application/json");
		return NULL;
	}
	if (too_deep(call->body, call->body_bytes)) {
		web_error(call, 400, "bad_request", "nesting goes at most %d deep", BODY_NESTING);
		return NULL;
	}
	json_t *o = json_loadb(call->body, call->body_bytes, JSON_REJECT_DUPLICATES, &e);
	if (o == NULL)
		web_error(call, 400, "bad_request", "the body is not JSON: line %d, column %d: %.150s",
			e.line, e.column, e.text);
	else if (!json_is_object(o)) {
		web_error(call, 400, "bad_request", "the body is a JSON object");
		json_decref(o);
		o = NULL;
	}
	return o;
}

/* ---- routes ------------------------------------------------------------------------------------ */

static void
openapi(struct web *w, struct http_call *call)
{
	files_send(call, w->openapi, "application/yaml; charset=utf-8");
}

static const struct route {
	const char *method, *path;
	void (*run)(struct web *w, struct http_call *call);
	bool api;
} routes[] = {
#define API(method, path, function, login, help) {method, path, function, true},
#define ROOT(method, path, function, login, help) {method, path, function, false},
#include "web/webd/routes.def"
};

/* what follows /api/v1 or the manual's /flowtraq/api/v1; NULL: it is no path of the API */
static const char *
api_path(const char *path)
{
	static const char *const prefix[] = {"/api/v1", "/flowtraq/api/v1"};
	for (unsigned i = 0; i < 2; i++) {
		size_t n = strlen(prefix[i]);
		if (strncmp(path, prefix[i], n) == 0 && (path[n] == '/' || path[n] == 0))
			return path + n;
	}
	return NULL;
}

/* true: it was one, and it is answered */
static bool
run_route(struct web *w, struct http_call *call, const char *path, bool api)
{
	char allowed[64] = "";
	const char *method = call->head.method;
	bool head = strcmp(method, "HEAD") == 0;
	for (unsigned i = 0; i < sizeof routes / sizeof routes[0]; i++) {
		const struct route *r = &routes[i];
		if (r->api != api || strcmp(r->path, path) != 0)
			continue;
		if (strcmp(r->method, method) == 0 || (head && strcmp(r->method, "GET") == 0)) {
			r->run(w, call);
			return true;
		}
		size_t n = strlen(allowed);
		snprintf(allowed + n, sizeof allowed - n, "%s%s", n ? ", " : "", r->method);
	}
	if (allowed[0] == 0)
		return false;
	http_add(call, "Allow", "%s", allowed);
	web_error(call, 405, "bad_request", "%s takes %s", path, allowed);
	return true;
}

static void
run_api(struct web *w, struct http_call *call, const char *path)
{
	if (run_route(w, call, path, true))
		return;
	if (strncmp(path, "/op/", 4) == 0) {
		if (strcmp(call->head.method, "POST") == 0)
			op_run(w, call, path + 4);
		else {
			http_add(call, "Allow", "POST");
			web_error(call, 405, "bad_request", "operations take POST");
		}
		return;
	}
	web_error(call, 404, "not_found", "the API has no such path; all of them: /api/v1/openapi.yaml");
}

/* the Host header, without a port; false: none that an address could be made of */
static bool
host_of(const struct http_call *call, char *out, size_t room)
{
	const char *host = http_header(&call->head, "host");
	size_t n = host ? host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":") : 0;
	if (n == 0 || n >= room || n > strlen(host))
		return false;
	memcpy(out, host, n);
	out[n] = 0;
	return strspn(out, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") == n;
}

/* Somebody elsewhere on plain HTTP: nothing is said but where to go. */
static void
to_https(struct web *w, struct http_call *call)
{
	char host[256], port[16] = "";
	unsigned p = (unsigned)conf_uint(w->conf, CONF_web_port);
	if (p != 443)
		snprintf(port, sizeof port, ":%u", p);
	if (!host_of(call, host, sizeof host)) {
		web_error(call, 400, "bad_request", "this server speaks https");
		return;
	}
	bool reads = strcmp(call->head.method, "GET") == 0 || strcmp(call->head.method, "HEAD") == 0;
	if (!reads) { /* what was in it has been seen by whoever listens: better that it fails at once */
		web_error(call, 403, "forbidden", "this server speaks https: https://%s%s", host, port);
		return;
	}
	char escaped[3 * HTTP_PATH + 1], *to = escaped;
	for (const unsigned char *c = (const unsigned char *)call->head.path; *c; c++)
		to += snprintf(
			to, 4, *c > 0x20 && *c < 0x7f && strchr("%?#\"<>", *c) == NULL ? "%c" : "%%%02X", *c);
	http_add(call, "Location", "https://%s%s%s%s%s", host, port, escaped, call->head.query[0] ? "?" : "",
		call->head.query);
	http_reply(call, 308, NULL, NULL, 0);
}

void
web_handle(void *ctx, struct http_call *call)
{
	struct web *w = ctx;
	const char *path = call->head.path, *api;
	if (!call->secure && !call->loopback && strcmp(path, "/healthz") != 0) {
		to_https(w, call);
		return;
	}
	api = api_path(path);
	if (api)
		run_api(w, call, api);
	else if (strncmp(path, "/flowtraq", 9) == 0 && (path[9] == 0 || path[9] == '/')) {
		http_add(call, "Location", "%s", path[9] && path[10] ? path + 9 : "/");
		http_reply(call, 308, NULL, NULL, 0);
	} else if (!run_route(w, call, path, false))
		files_serve(w, call);
}
