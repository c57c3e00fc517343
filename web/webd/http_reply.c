/*
 * http_reply.c - answers, see http.h.
 *
 * Every answer, errors and redirects too, carries the headers of `always`: they tell a browser to take nothing from
 * elsewhere, to guess no types, to show us in nobody's frame and to tell nobody where a link was found.  Styles may carry a
 * nonce, which only the page that was given it knows.  What may be cached says so itself; all else is not stored.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/counters.h"
#include "common/log.h"
#include "web/webd/http_internal.h"

static const char always[] =
	"X-Content-Type-Options: nosniff\r\n"
	"X-Frame-Options: DENY\r\n"
	"Referrer-Policy: no-referrer\r\n"
	"Cross-Origin-Opener-Policy: same-origin\r\n"
	"Cross-Origin-Resource-Policy: same-origin\r\n"
	"Permissions-Policy: camera=(), geolocation=(), microphone=(), payment=(), usb=()\r\n";

const char *
http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {{200, "OK"}, {204, "No Content"}, {301, "Moved Permanently"}, {302, "Found"},
		{304, "Not Modified"}, {308, "Permanent Redirect"}, {400, "Bad Request"},
		{401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"},
		{406, "Not Acceptable"}, {408, "Request Timeout"}, {409, "Conflict"},
		{413, "Content Too Large"}, {414, "URI Too Long"}, {415, "Unsupported Media Type"},
		{417, "Expectation Failed"}, {421, "Misdirected Request"}, {429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"}, {499, "Client Closed Request"},
		{500, "Internal Server Error"}, {501, "Not Implemented"}, {503, "Service Unavailable"},
		{505, "HTTP Version Not Supported"}};
	for (unsigned i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

void
http_add(struct http_call *c, const char *name, const char *fmt, ...)
{
	char value[HTTP_MORE];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(value, sizeof value, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof value)
		return;
	for (const char *v = value; *v; v++)
		if ((unsigned char)*v < 0x20 || *v == 0x7f)
			return;
	size_t room = sizeof c->more - c->more_bytes;
	n = snprintf(c->more + c->more_bytes, room, "%s: %s\r\n", name, value);
	if (n > 0 && (size_t)n < room)
		c->more_bytes += (size_t)n;
	else
		c->more[c->more_bytes] = 0;
}

static bool
added(const struct http_call *c, const char *name)
{
	size_t n = strlen(name);
	for (const char *line = c->more; *line; line = strchr(line, '\n') + 1)
		if (strncasecmp(line, name, n) == 0 && line[n] == ':')
			return true;
	return false;
}

static void
put_policy(struct evbuffer *out, const struct http_call *c)
{
	char nonce[HTTP_NONCE + 16] = "";
	if (c->nonce[0])
		snprintf(nonce, sizeof nonce, " 'nonce-%s'", c->nonce);
	evbuffer_add_printf(out,
		"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'%s; img-src "
		"'self' data: "
		"blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; "
		"frame-ancestors "
		"'none'; base-uri 'none'; form-action 'self'\r\n",
		nonce);
}

/* length < 0: not known, the answer comes in pieces */
static void
put_head(struct http_call *c, int status, const char *type, int64_t length)
{
	struct http_conn *conn = c->conn;
	struct evbuffer *out = bufferevent_get_output(conn->bev);
	char date[40];
	time_t now = time(NULL);
	struct tm tm;
	gmtime_r(&now, &tm);
	strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	c->begun = true;
	counter_add(status >= 500   ? COUNTER_webd_answers_5xx
		    : status >= 400 ? COUNTER_webd_answers_4xx
				    : COUNTER_webd_answers_good,
		1);
	log_low("%s %s %s: %d", conn->peer, c->head.method ? c->head.method : "?", c->head.path, status);
	evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, http_reason(status), date);
	if (type)
		evbuffer_add_printf(out, "Content-Type: %s\r\n", type);
	if (length >= 0 && status != 204 && status != 304)
		evbuffer_add_printf(out, "Content-Length: %lld\r\n", (long long)length);
	if (length < 0 && conn->chunked)
		evbuffer_add_printf(out, "Transfer-Encoding: chunked\r\n");
	if (!conn->keep_alive)
		evbuffer_add_printf(out, "Connection: close\r\n");
	else if (c->head.http10)
		evbuffer_add_printf(out, "Connection: keep-alive\r\n");
	if (!added(c, "Cache-Control"))
		evbuffer_add_printf(out, "Cache-Control: no-store\r\n");
	if (conn->server->set.hsts && c->secure)
		evbuffer_add_printf(out, "Strict-Transport-Security: max-age=31536000\r\n");
	evbuffer_add(out, always, sizeof always - 1);
	put_policy(out, c);
	evbuffer_add(out, c->more, c->more_bytes);
	evbuffer_add(out, "\r\n", 2);
}

void
http_reply(struct http_call *c, int status, const char *type, const void *body, size_t n)
{
	struct http_conn *conn = c->conn;
	put_head(c, status, type, (int64_t)n);
	if (!conn->no_body && n > 0)
		evbuffer_add(bufferevent_get_output(conn->bev), body, n);
	http_conn_done(conn);
}

void
http_reply_file(struct http_call *c, int status, const char *type, int fd, size_t bytes)
{
	struct http_conn *conn = c->conn;
	put_head(c, status, type, (int64_t)bytes);
	/* evbuffer_add_file takes the descriptor over; it can't add nothing */
	if (conn->no_body || bytes == 0)
		close(fd);
	else if (evbuffer_add_file(bufferevent_get_output(conn->bev), fd, 0, (ev_off_t)bytes) != 0) {
		close(fd);
		http_abort(c);
		return;
	}
	http_conn_done(conn);
}

void
http_begin(struct http_call *c, int status, const char *type)
{
	struct http_conn *conn = c->conn;
	conn->chunked = !c->head.http10;
	if (!conn->chunked)
		conn->keep_alive = false; /* its end is the connection's */
	put_head(c, status, type, -1);
	bufferevent_setwatermark(conn->bev, EV_WRITE, HTTP_ROOM, 0);
}

size_t
http_write(struct http_call *c, const void *bytes, size_t n)
{
	struct http_conn *conn = c->conn;
	struct evbuffer *out = bufferevent_get_output(conn->bev);
	if (n > 0 && !conn->no_body) {
		if (conn->chunked)
			evbuffer_add_printf(out, "%zx\r\n", n);
		evbuffer_add(out, bytes, n);
		if (conn->chunked)
			evbuffer_add(out, "\r\n", 2);
	}
	return evbuffer_get_length(out);
}

void
http_end(struct http_call *c)
{
	struct http_conn *conn = c->conn;
	if (conn->chunked && !conn->no_body)
		evbuffer_add(bufferevent_get_output(conn->bev), "0\r\n\r\n", 5);
	http_conn_done(conn);
}

void
http_abort(struct http_call *c)
{
	c->on_gone = NULL;
	http_conn_free(c->conn);
}

void
http_refuse(struct http_conn *c, int status)
{
	static const struct {
		int status;
		const char *text;
	} why[] = {{408, "the request did not come in time"}, {413, "the body is too large"},
		{414, "the path is too long"}, {431, "the head of a request has at most 16 KB and 64 lines"},
		{501, "bodies with a transfer coding are not taken: send Content-Length"}};
	char body[200];
	const char *text = "this is no HTTP request that is taken here";
	for (unsigned i = 0; i < sizeof why / sizeof why[0]; i++)
		if (why[i].status == status)
			text = why[i].text;
	counter_add(COUNTER_webd_bad_requests, 1);
	c->refused = true;
	c->keep_alive = false;
	c->state = CONN_ANSWER;
	evtimer_del(c->timer);
	c->call.secure = c->encrypted;
	int n = snprintf(body, sizeof body, "{\"error\": \"%s\", \"code\": \"bad_request\"}\n", text);
	http_reply(&c->call, status, "application/json", body, (size_t)n);
}
