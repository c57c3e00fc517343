/*
 * http.h - HTTP/1.1 and HTTPS on libevent: connections, requests in, answers out.  Knows nothing of Flowtrove.
 *
 *   accept ─▶ first byte: TLS or not ─▶ head ─▶ body ─▶ handler … answer ─▶ next head, or the end
 *
 * One port takes both http and https: the first byte of a TLS connection (0x16) begins no HTTP request.  Whether plain
 * HTTP is served is the handler's business, which sees call->secure and call->loopback.
 *
 * What a client can't do: send a head of more than 16 KB or a body of more than `body` bytes; take longer than
 * `request` for both, however slowly it drips; keep a connection idle for longer than `idle`, or one whose answers it does
 * not take for longer than `write`; hold the last free connection: beyond `connections` the one that has been waiting for
 * longest without a request being answered is closed.  While an answer is made, the connection is watched: a client that
 * goes away is told to whoever makes it (on_gone).
 *
 * Everything runs on the thread of the event loop.  A struct http_call belongs to this file; a handler has it until it has
 * called http_reply, http_reply_file, http_end or http_abort, or was told on_gone.
 */
#ifndef FT_WEBD_HTTP_H
#define FT_WEBD_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "web/webd/http_parse.h"

struct event_base;
struct http_server;
struct tls;

enum { HTTP_HEAD_MOST = 16384, HTTP_ADDRESS = 48, HTTP_MORE = 2048, HTTP_NONCE = 24 };

struct http_settings {
	unsigned connections;                /* at once */
	size_t body;                         /* bytes */
	unsigned request_s, idle_s, write_s; /* seconds */
	const char *const *proxies; /* addresses that are believed X-Forwarded-For and -Proto; borrowed */
	unsigned n_proxies;
	bool hsts; /* the certificate is one that browsers can check */
};

struct http_call {
	struct http_head head;
	char *body; /* NUL-terminated, body_bytes before that */
	size_t body_bytes;
	char client[HTTP_ADDRESS]; /* who asks: the peer, or the one whom a declared proxy names */
	unsigned port;             /* ours, at which it came */
	bool secure;               /* the browser's connection is encrypted */
	bool loopback;             /* from this machine, to it, and by no proxy that says so */
	/* the handler's */
	void *user;
	void (*on_gone)(struct http_call *call); /* the client went away; the call is no more afterwards */
	void (*on_room)(struct http_call *call); /* what was written has mostly been sent */
	char nonce[HTTP_NONCE];                  /* "" or what Content-Security-Policy allows styles by */
	/* of http.c */
	struct http_conn *conn;
	char more[HTTP_MORE]; /* header lines added by the handler */
	size_t more_bytes;
	bool begun;
};
typedef void (*http_handler)(void *ctx, struct http_call *call);

int http_open(struct http_server **out, struct event_base *base, const struct http_settings *s,
	http_handler handler, void *ctx, struct err *err);
/* Listen at an address ("" all) and port.  tls NULL: plain HTTP only. */
int http_listen(struct http_server *s, const char *address, unsigned port, struct tls *tls, struct err *err);
void http_set(struct http_server *s, const struct http_settings *now);
void http_close(struct http_server *s);

/* ---- answers ---- */

/* A header line of the answer to come; what does not fit, or has a control character in it, is left out. */
void http_add(struct http_call *c, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The whole answer.  type may be NULL if there is no body. */
void http_reply(struct http_call *c, int status, const char *type, const void *body, size_t n);
/* fd is closed in the end */
void http_reply_file(struct http_call *c, int status, const char *type, int fd, size_t bytes);
/* An answer in pieces.  http_write returns how many bytes wait to be sent: beyond HTTP_FULL write no more until on_room. */
enum { HTTP_FULL = 256 * 1024, HTTP_ROOM = 64 * 1024 };
void http_begin(struct http_call *c, int status, const char *type);
size_t http_write(struct http_call *c, const void *bytes, size_t n);
void http_end(struct http_call *c);
/* The rest can't be given: the connection breaks, so that the client sees an answer cut short. */
void http_abort(struct http_call *c);

const char *http_reason(int status);

#endif
