/*
 * web.h - what the parts of the gateway share: who asks, how queryd is asked for them, what errors look like.
 *
 * The gateway holds no data and decides nothing about rights: a request's credentials go to queryd with the address of who
 * asks, and queryd's answer goes back.  The cookie is queryd's token itself, so a restart of the gateway logs nobody out.
 */
#ifndef FT_WEBD_WEB_H
#define FT_WEBD_WEB_H

#include <jansson.h>

#include "common/conf.h"
#include "web/webd/http.h"
#include "web/webd/upstream.h"

/*
 * The cookie's name.  Browsers keep cookies by host, whatever the port: the port is in the name, so that two instances on one
 * host don't log each other out.  Over TLS it is a __Host- one: no other host of the domain, and no plain page, can plant it.
 */
enum { WEB_COOKIE_ROOM = 40 };
void web_cookie(const struct http_call *call, char name[WEB_COOKIE_ROOM]);
/* how JSON is written */
#define WEB_JSON (JSON_COMPACT | JSON_REAL_PRECISION(12))

struct web {
	struct upstream *up;
	const struct conf *conf;
	const char *shm;
	char webroot[512]; /* where the interface is */
	char openapi[600]; /* file of /api/v1/openapi.yaml */
};

/* everything that comes */
void web_handle(void *ctx, struct http_call *call);

/* Answers {"error": text, "code": code, …} and ends the call. */
void web_error(struct http_call *call, int status, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* queryd's error reply, as a status and {"error", "code", "place", "position"} */
void web_relay_error(struct http_call *call, const json_t *reply);
/* the same as an object (new); *status may be NULL */
json_t *web_error_of(const json_t *reply, int *status, int *retry_s);
/* object: stolen */
void web_json(struct http_call *call, int status, json_t *object);
/* queryd's reply without what belongs to its protocol (new) */
json_t *web_members(const json_t *reply);

/* What comes with a request to say who asks: auth for queryd (new), or NULL: nothing, or the call has been answered with an
 * error because the cookie was not sent by our own page. `token`: from a parameter, or NULL. */
json_t *web_credentials(struct http_call *call, const char *token, bool *answered);
/* Is it a page of ours that sends this, as far as the browser tells?  False: answered. */
bool web_same_site(struct http_call *call);

/* A question of which only the last reply counts. */
struct exchange {
	struct web *web;
	struct http_call *call;
	struct question *question;
	void (*done)(struct exchange *x, const json_t *reply, bool ok);
	char user[132], word[1032]; /* the operation's own */
};
/* request: stolen, without v, id, on_behalf_of.  x: an exchange that goes on with a further question, NULL for a new one. */
void exchange_ask(struct web *w, struct http_call *call, struct exchange *x, json_t *request,
	void (*done)(struct exchange *x, const json_t *reply, bool ok), struct exchange **made);
/* Gives back the call, and frees x. */
struct http_call *exchange_end(struct exchange *x);

/* The body as a JSON object (new); NULL: answered. */
json_t *web_body(struct http_call *call);

/* session.c */
void session_login(struct web *w, struct http_call *call);
void session_who(struct web *w, struct http_call *call);
void session_logout(struct web *w, struct http_call *call);
void session_password(struct web *w, struct http_call *call);
/* op.c */
void op_run(struct web *w, struct http_call *call, const char *name);
/* manual.c */
void manual_auth(struct web *w, struct http_call *call);
void manual_stat(struct web *w, struct http_call *call);
void manual_sessions(struct web *w, struct http_call *call);
/* metrics.c */
void metrics_show(struct web *w, struct http_call *call);
void metrics_health(struct web *w, struct http_call *call);
/* files.c: a file of the interface; any path */
void files_serve(struct web *w, struct http_call *call);
/* one file, as it is */
void files_send(struct http_call *call, const char *path, const char *type);

#endif
