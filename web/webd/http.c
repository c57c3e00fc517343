/*
 * http.c - connections and requests, see http.h.
 *
 * A connection has one timer.  It is set when a state begins and not moved by bytes that come, so that dripping gains
 * nothing: `request` for connecting, TLS, head and body together, `idle` between requests, a moment for lingering.  In
 * CONN_ANSWER there is none: how long an answer may take is the handler's business, and that the client takes it is what
 * the write timeout of the bufferevent sees to.
 *
 * The end is orderly where bytes of the client may still be under way: a close() would make the kernel reset the connection
 * and the client might lose the answer that says why.  So we say that nothing more comes, and throw away what arrives
 * until the client closes, for LINGER_S at most.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/counters.h"
#include "common/log.h"
#include "web/webd/http_internal.h"
#include "web/webd/tls.h"

enum { LINGER_S = 2, LISTEN_QUEUE = 512, TLS_FIRST_BYTE = 0x16 };

static void on_read(struct bufferevent *bev, void *arg);

/* ---- the list of connections ------------------------------------------------------------------- */

static void
unlist(struct http_conn *c)
{
	struct http_server *s = c->server;
	if (c->prev)
		c->prev->next = c->next;
	else
		s->first = c->next;
	if (c->next)
		c->next->prev = c->prev;
	else
		s->last = c->prev;
}

static void
append(struct http_conn *c)
{
	struct http_server *s = c->server;
	c->prev = s->last;
	c->next = NULL;
	if (s->last)
		s->last->next = c;
	else
		s->first = c;
	s->last = c;
}

static void
enter(struct http_conn *c, enum conn_state state)
{
	c->state = state;
	unlist(c);
	append(c);
}

static void
set_timer(struct http_conn *c, unsigned seconds)
{
	struct timeval t = {.tv_sec = (time_t)seconds};
	if (seconds)
		evtimer_add(c->timer, &t);
	else
		evtimer_del(c->timer);
}

void
http_conn_free(struct http_conn *c)
{
	struct http_server *s = c->server;
	if (c->state == CONN_ANSWER && c->call.on_gone)
		c->call.on_gone(&c->call);
	unlist(c);
	counter_set(COUNTER_webd_connections, --s->connections);
	if (c->peek)
		event_free(c->peek);
	if (c->timer)
		event_free(c->timer);
	if (c->bev)
		bufferevent_free(c->bev); /* closes the socket too */
	else
		close(c->fd);
	free(c->head_bytes);
	free(c->call.body);
	free(c);
}

/* ---- a request --------------------------------------------------------------------------------- */

static void
forget_request(struct http_conn *c)
{
	free(c->head_bytes);
	free(c->call.body);
	c->head_bytes = NULL;
	memset(&c->call, 0, sizeof c->call);
	c->call.conn = c;
	memset(&c->chunks, 0, sizeof c->chunks);
	c->chunked = c->no_body = false;
}

static bool
is_proxy(const struct http_settings *s, const char *address)
{
	for (unsigned i = 0; i < s->n_proxies; i++)
		if (strcmp(s->proxies[i], address) == 0)
			return true;
	return false;
}

/* an address as we write it, without what makes it an IPv4 one on an IPv6 socket; false: that is none */
static bool
plain_address(const char *text, size_t n, char out[HTTP_ADDRESS])
{
	char copy[64];
	uint8_t bytes[16];
	if (n >= sizeof copy)
		return false;
	memcpy(copy, text, n);
	copy[n] = 0;
	if (inet_pton(AF_INET, copy, bytes) == 1)
		return inet_ntop(AF_INET, bytes, out, HTTP_ADDRESS) != NULL;
	if (inet_pton(AF_INET6, copy, bytes) != 1)
		return false;
	if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)bytes))
		return inet_ntop(AF_INET, bytes + 12, out, HTTP_ADDRESS) != NULL;
	return inet_ntop(AF_INET6, bytes, out, HTTP_ADDRESS) != NULL;
}

/*
 * Who asks, and over what.  A proxy that is declared is believed the last address of X-Forwarded-For that is no proxy itself:
 * those before it are what the client says.  One that is not declared makes a request ours no more, even if it comes from
 * loopback: what is open to this machine must not be open to whom a proxy on it serves.
 */
static void
find_client(struct http_conn *c)
{
	const struct http_settings *s = &c->server->set;
	struct http_call *call = &c->call;
	const char *proto = http_header(&call->head, "x-forwarded-proto");
	bool forwarded = http_header(&call->head, "x-forwarded-for") ||
			 http_header(&call->head, "forwarded") || http_header(&call->head, "via");
	memcpy(call->client, c->peer, sizeof call->client);
	call->port = c->port;
	call->secure = c->encrypted;
	call->loopback = c->from_here && !forwarded;
	if (!is_proxy(s, c->peer))
		return;
	call->loopback = false;
	call->secure = c->encrypted || (proto && strcasecmp(proto, "https") == 0);
	for (unsigned h = call->head.headers; h-- > 0;) {
		if (strcmp(call->head.header[h].name, "x-forwarded-for") != 0)
			continue;
		const char *value = call->head.header[h].value;
		size_t n = strlen(value);
		while (n > 0) {
			size_t begin = n;
			while (begin > 0 && value[begin - 1] != ',')
				begin--;
			size_t from = begin + strspn(value + begin, " \t"), to = n;
			while (to > from && (value[to - 1] == ' ' || value[to - 1] == '\t'))
				to--;
			char address[HTTP_ADDRESS];
			if (!plain_address(value + from, to - from, address))
				return; /* nonsense: as far as we can tell it is the last one that made sense */
			memcpy(call->client, address, sizeof address);
			if (!is_proxy(s, address))
				return;
			n = begin > 0 ? begin - 1 : 0;
		}
	}
}

static void
dispatch(struct http_conn *c)
{
	set_timer(c, 0);
	bufferevent_setwatermark(c->bev, EV_READ, 0, HTTP_HEAD_MOST);
	enter(c, CONN_ANSWER);
	counter_add(COUNTER_webd_requests, 1);
	c->server->handler(c->server->ctx, &c->call);
}

/* false: more must come, or it has been refused */
static bool
take_head(struct http_conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t have = evbuffer_get_length(in);
	/* empty lines before a request are ignored (RFC 9112 section 2.2) */
	while (have >= 2 && memcmp(evbuffer_pullup(in, 2), "\r\n", 2) == 0) {
		evbuffer_drain(in, 2);
		have -= 2;
	}
	size_t look = have < HTTP_HEAD_MOST ? have : HTTP_HEAD_MOST;
	const char *bytes = look ? (const char *)evbuffer_pullup(in, (ev_ssize_t)look) : NULL;
	size_t n = bytes ? http_head_bytes(bytes, look) : 0;
	if (n == 0) {
		if (have >= HTTP_HEAD_MOST)
			http_refuse(c, 431);
		else if (have > 0 && !c->refused && !evtimer_pending(c->timer, NULL))
			set_timer(c, c->server->set.request_s);
		return false;
	}
	c->head_bytes = malloc(n + 1);
	if (c->head_bytes == NULL) {
		http_conn_free(c);
		return false;
	}
	memcpy(c->head_bytes, bytes, n);
	evbuffer_drain(in, n);
	int status = http_parse(c->head_bytes, n, &c->call.head);
	if (status == 0 && c->call.head.length > (int64_t)c->server->set.body)
		status = 413;
	if (status != 0) {
		http_refuse(c, status);
		return false;
	}
	return true;
}

static bool
take_body(struct http_conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t want = (size_t)c->call.head.length;
	if (evbuffer_get_length(in) < want)
		return false;
	c->call.body = malloc(want + 1);
	if (c->call.body == NULL) {
		http_conn_free(c);
		return false;
	}
	evbuffer_remove(in, c->call.body, want);
	c->call.body[want] = 0;
	c->call.body_bytes = want;
	return true;
}

/* ---- a body in pieces (RFC 9112 section 7.1) -------------------------------------------------- */

enum { CHUNK_LINE = 256 };

/* size of a chunk, whatever extensions follow; false: it is none, or too large for any body */
static bool
chunk_size(const char *line, size_t *size)
{
	size_t digits = strspn(line, "0123456789abcdefABCDEF");
	const char *rest = line + digits + strspn(line + digits, " \t");
	if (digits == 0 || digits > 8 || (*rest != 0 && *rest != ';'))
		return false;
	*size = strtoul(line, NULL, 16);
	return true;
}

/* 0, or the status to refuse with */
static int
begin_chunk(struct http_conn *c, const char *line)
{
	struct http_chunks *k = &c->chunks;
	size_t most = c->server->set.body, have = c->call.body_bytes;
	if (!chunk_size(line, &k->left))
		return 400;
	k->at = k->left ? CHUNK_DATA : CHUNK_TRAILER;
	if (k->left > most - have)
		return 413;
	if (have + k->left < k->room)
		return 0;
	size_t room = 2 * (have + k->left) + 1;
	char *p = realloc(c->call.body, room < most + 1 ? room : most + 1);
	if (p == NULL)
		return 500;
	c->call.body = p;
	k->room = room < most + 1 ? room : most + 1;
	return 0;
}

/* A line of what is not the body: a size, or a trailer, which nobody asked for.  0: more must come, -1: it is done, else a status. */
static int
chunk_line(struct http_conn *c, struct evbuffer *in)
{
	struct http_chunks *k = &c->chunks;
	size_t n;
	char *line = evbuffer_readln(in, &n, EVBUFFER_EOL_CRLF_STRICT);
	if (line == NULL)
		return evbuffer_get_length(in) > CHUNK_LINE ? 400 : 0;
	bool trailer = k->at == CHUNK_TRAILER;
	k->overhead += n + 2;
	int status = n > CHUNK_LINE || strlen(line) != n                  ? 400
		     : k->overhead > c->server->set.body + HTTP_HEAD_MOST ? 413
		     : trailer                                            ? 0
									  : begin_chunk(c, line);
	free(line);
	return status ? status : trailer && n == 0 ? -1 : 1;
}

/* true: the body is whole */
static bool
take_chunks(struct http_conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct http_chunks *k = &c->chunks;
	char end[2];
	int status = 1;
	while (status == 1)
		switch (k->at) {
		case CHUNK_DATA: {
			size_t n = evbuffer_get_length(in);
			n = n < k->left ? n : k->left;
			evbuffer_remove(in, c->call.body + c->call.body_bytes, n);
			c->call.body_bytes += n;
			k->left -= n;
			status = k->left == 0;
			k->at = k->left ? CHUNK_DATA : CHUNK_END;
			break;
		}
		case CHUNK_END:
			if (evbuffer_get_length(in) < 2)
				return false;
			evbuffer_remove(in, end, 2);
			status = memcmp(end, "\r\n", 2) == 0 ? 1 : 400;
			k->at = CHUNK_SIZE;
			break;
		default:
			status = chunk_line(c, in);
		}
	if (status > 1)
		http_refuse(c, status);
	if (status != -1)
		return false;
	if (c->call.body == NULL && (c->call.body = malloc(1)) == NULL) {
		http_conn_free(c);
		return false;
	}
	c->call.body[c->call.body_bytes] = 0;
	return true;
}

static void
proceed(struct http_conn *c)
{
	if (c->state == CONN_HEAD) {
		if (!take_head(c))
			return;
		c->keep_alive = c->call.head.keep_alive && !c->server->closing;
		c->no_body = strcmp(c->call.head.method, "HEAD") == 0;
		find_client(c);
		size_t want = (size_t)c->call.head.length;
		if (!evtimer_pending(c->timer, NULL))
			set_timer(c, c->server->set.request_s);
		bufferevent_setwatermark(c->bev, EV_READ, 0, want > HTTP_HEAD_MOST ? want : HTTP_HEAD_MOST);
		enter(c, CONN_BODY);
		if (c->call.head.expect_continue &&
			want + c->call.head.chunked > evbuffer_get_length(bufferevent_get_input(c->bev))) {
			static const char on[] = "HTTP/1.1 100 Continue\r\n\r\n";
			bufferevent_write(c->bev, on, sizeof on - 1);
		}
	}
	if (c->state == CONN_BODY && (c->call.head.chunked ? take_chunks(c) : take_body(c)))
		dispatch(c);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct http_conn *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	if (c->state == CONN_LINGER || c->state == CONN_FLUSH)
		evbuffer_drain(in, evbuffer_get_length(in));
	else if (c->state == CONN_HEAD || c->state == CONN_BODY)
		proceed(c);
}

/* ---- the end of an answer ---------------------------------------------------------------------- */

static void
linger(struct http_conn *c)
{
	if (c->encrypted) {
		http_conn_free(c); /* TLS says in its own words that this is the end */
		return;
	}
	enter(c, CONN_LINGER);
	set_timer(c, LINGER_S);
	shutdown(c->fd, SHUT_WR);
}

static void
on_write(struct bufferevent *bev, void *arg)
{
	struct http_conn *c = arg;
	if (c->state == CONN_ANSWER && c->call.on_room)
		c->call.on_room(&c->call);
	else if (c->state == CONN_FLUSH && evbuffer_get_length(bufferevent_get_output(bev)) == 0)
		linger(c);
}

void
http_conn_done(struct http_conn *c)
{
	forget_request(c);
	bufferevent_setwatermark(c->bev, EV_WRITE, 0, 0);
	if (!c->keep_alive) {
		enter(c, CONN_FLUSH);
		bufferevent_trigger(c->bev, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS | BEV_TRIG_IGNORE_WATERMARKS);
		return;
	}
	enter(c, CONN_HEAD);
	set_timer(c, c->server->set.idle_s);
	/* what has come meanwhile */
	if (evbuffer_get_length(bufferevent_get_input(c->bev)) > 0)
		bufferevent_trigger(c->bev, EV_READ, BEV_TRIG_DEFER_CALLBACKS | BEV_TRIG_IGNORE_WATERMARKS);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct http_conn *c = arg;
	if (what & BEV_EVENT_CONNECTED) {
		counter_add(COUNTER_webd_tls_handshakes, 1);
		return;
	}
	/* it sends no more, but may still take what it was told */
	if ((what & BEV_EVENT_EOF) && c->state == CONN_FLUSH &&
		evbuffer_get_length(bufferevent_get_output(bev)) > 0) {
		bufferevent_disable(bev, EV_READ);
		return;
	}
	if (what & BEV_EVENT_TIMEOUT)
		counter_add(COUNTER_webd_timeouts, 1);
	http_conn_free(c);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;
	(void)fd;
	(void)what;
	if (c->state != CONN_LINGER)
		counter_add(COUNTER_webd_timeouts, 1);
	if (c->state == CONN_BODY ||
		(c->state == CONN_HEAD && evbuffer_get_length(bufferevent_get_input(c->bev)) > 0))
		http_refuse(c, 408);
	else
		http_conn_free(c);
}

/* ---- connecting -------------------------------------------------------------------------------- */

/* The first byte is there: TLS or not? */
static void
on_peek(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;
	struct http_server *s = c->server;
	uint8_t first;
	(void)what;
	ssize_t n = recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	event_free(c->peek);
	c->peek = NULL;
	c->encrypted = n == 1 && first == TLS_FIRST_BYTE && c->tls;
	struct ssl_st *ssl = c->encrypted ? tls_session(c->tls) : NULL;
	if (n == 1 && ssl)
		c->bev = bufferevent_openssl_socket_new(s->base, c->fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
			BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	else if (n == 1 && !c->encrypted)
		c->bev = bufferevent_socket_new(
			s->base, c->fd, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (c->bev == NULL) {
		http_conn_free(c);
		return;
	}
	if (c->encrypted)
		bufferevent_openssl_set_allow_dirty_shutdown(c->bev, 1);
	struct timeval write_most = {.tv_sec = (time_t)s->set.write_s};
	bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
	bufferevent_set_timeouts(c->bev, NULL, s->set.write_s ? &write_most : NULL);
	bufferevent_setwatermark(c->bev, EV_READ, 0, HTTP_HEAD_MOST);
	enter(c, CONN_HEAD);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

static bool
is_loopback(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24 == 127;
	const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
	return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

/* All connections are taken: whoever has waited longest without being answered makes room.  False: all are being answered. */
static bool
make_room(struct http_server *s)
{
	struct http_conn *c = s->first;
	while (c && c->state == CONN_ANSWER)
		c = c->next;
	if (c == NULL)
		return false;
	counter_add(COUNTER_webd_evicted, 1);
	http_conn_free(c);
	return true;
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from, int n, void *arg)
{
	struct listening *at = arg;
	struct http_server *s = at->server;
	struct sockaddr_storage own;
	socklen_t own_bytes = sizeof own;
	char host[64];
	int on = 1;
	(void)l;
	struct http_conn *c =
		s->connections < s->set.connections || make_room(s) ? calloc(1, sizeof *c) : NULL;
	if (c == NULL) {
		counter_add(COUNTER_webd_refused, 1);
		close(fd);
		return;
	}
	c->server = s;
	c->fd = fd;
	c->tls = at->tls;
	c->port = at->port;
	c->call.conn = c;
	append(c);
	counter_set(COUNTER_webd_connections, ++s->connections);
	counter_add(COUNTER_webd_accepted, 1);
	if (getnameinfo(from, (socklen_t)n, host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0 ||
		!plain_address(host, strcspn(host, "%"), c->peer)) {
		http_conn_free(c);
		return;
	}
	c->from_here = is_loopback(from) && getsockname(fd, (struct sockaddr *)&own, &own_bytes) == 0 &&
		       is_loopback((struct sockaddr *)&own);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	c->timer = evtimer_new(s->base, on_timer, c);
	c->peek = event_new(s->base, fd, EV_READ | EV_PERSIST, on_peek, c);
	if (c->timer == NULL || c->peek == NULL || event_add(c->peek, NULL) != 0) {
		http_conn_free(c);
		return;
	}
	set_timer(c, s->set.request_s);
}

/* out of descriptors, mostly: connections that wait make room */
static void
on_accept_error(struct evconnlistener *l, void *arg)
{
	struct http_server *s = arg;
	(void)l;
	log_limited(LOG_L_CRITICAL, "can't take a connection: %s", strerror(errno));
	(void)make_room(s);
}

/* ---- life -------------------------------------------------------------------------------------- */

int
http_open(struct http_server **out, struct event_base *base, const struct http_settings *set,
	http_handler handler, void *ctx, struct err *err)
{
	struct http_server *s = calloc(1, sizeof *s);
	*out = s;
	if (s == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	s->base = base;
	s->set = *set;
	s->handler = handler;
	s->ctx = ctx;
	return 0;
}

void
http_set(struct http_server *s, const struct http_settings *now)
{
	s->set = *now;
}

static int
bind_to(const struct addrinfo *a, bool all)
{
	int on = 1, off = 0, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (all && a->ai_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(fd, a->ai_addr, a->ai_addrlen) == 0)
		return fd;
	int why = errno;
	close(fd);
	errno = why;
	return -1;
}

int
http_listen(struct http_server *s, const char *address, unsigned port, struct tls *tls, struct err *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list = NULL, *a;
	char service[8];
	bool all = address[0] == 0 || strcmp(address, "*") == 0;
	int fd = -1, why;
	CHECK(s->listeners < sizeof s->listening / sizeof s->listening[0]);
	struct listening *at = &s->listening[s->listeners];
	snprintf(service, sizeof service, "%u", port);
	/* IPv6 first, which takes IPv4 as well; a machine without it has 0.0.0.0 */
	why = getaddrinfo(all ? "::" : address, service, &hints, &list);
	if (why != 0)
		return err_set(
			err, FT_EINVAL, "web/listen %s: no such address (%s)", address, gai_strerror(why));
	for (a = list; a && fd < 0; a = a->ai_next)
		fd = bind_to(a, all);
	freeaddrinfo(list);
	if (fd < 0 && all && errno != EADDRINUSE) {
		struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
		struct addrinfo v4 = {
			.ai_family = AF_INET, .ai_addr = (struct sockaddr *)&any, .ai_addrlen = sizeof any};
		fd = bind_to(&v4, true);
	}
	if (fd < 0)
		return err_sys(err, "%s port %u", all ? "all addresses" : address, port);
	at->server = s;
	at->tls = tls;
	at->port = port;
	at->listener = evconnlistener_new(
		s->base, on_accept, at, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, LISTEN_QUEUE, fd);
	if (at->listener == NULL) {
		close(fd);
		return err_set(err, FT_ENOMEM, "port %u: can't listen", port);
	}
	evconnlistener_set_error_cb(at->listener, on_accept_error);
	s->listeners++;
	return 0;
}

void
http_close(struct http_server *s)
{
	if (s == NULL)
		return;
	s->closing = true;
	for (unsigned i = 0; i < s->listeners; i++)
		evconnlistener_free(s->listening[i].listener);
	while (s->first)
		http_conn_free(s->first);
	free(s);
}
