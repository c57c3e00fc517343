/*
 * tcp.c - connections: taken, taken over, ended, and which of them is read next.  See tcp.h.
 *
 * Each ready connection gets one batch, then it is the others' turn: one that sends without end does not starve them, and
 * one that sends nothing costs nothing.
 */
#include "ingest/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/log.h"
#include "common/proc.h"
#include "ingest/tcp_answer.h"
#include "ingest/tcp_read.h"

enum {
	EVENTS = 128,
	ACCEPTS = 64, /* a turn */
	IDS = 256,    /* reserved at a time */
	WAIT_MS = 250,
	HANDSHAKE_S = 30,
	OTHER_FILES = 200, /* files of the process besides connections */
};
enum { OF_WAKE = 1, OF_LISTENER, OF_CONNECTION }; /* upper half of epoll's data */

/* ---- names ------------------------------------------------------------------------------------ */

static bool
is_v4(const uint8_t a[16])
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	return memcmp(a, mapped, sizeof mapped) == 0;
}

static void
name_of(const struct tcp_connection *c, char out[TCP_NAME])
{
	unsigned from = is_v4(c->address) ? 12 : 0;
	int n = snprintf(out, TCP_NAME, "conn:%u:%x:", c->port, c->id);
	for (unsigned i = from; i < 16; i++)
		n += snprintf(out + n, TCP_NAME - (size_t)n, "%02x", c->address[i]);
}

/* false: the name of something else */
static bool
name_read(const char *name, struct tcp_connection *c)
{
	char hex[33];
	unsigned port, id, byte;
	if (sscanf(name, "conn%*1[:_]%5u%*1[:_]%8x%*1[:_]%32[0-9a-f]", &port, &id, hex) != 3 || port > 65535)
		return false;
	size_t n = strlen(hex) / 2;
	if (n != 4 && n != 16)
		return false;
	c->port = (uint16_t)port;
	c->id = id;
	c->address[10] = c->address[11] = 0xff;
	for (size_t i = 0; i < n; i++) {
		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return false;
		c->address[16 - n + i] = (uint8_t)byte;
	}
	return true;
}

static const char *
text_of(const struct tcp_connection *c, char out[ADDR_TEXT + 8])
{
	char a[ADDR_TEXT];
	addr_text(c->address, a);
	snprintf(out, ADDR_TEXT + 8, is_v4(c->address) ? "%s:%u" : "[%s]:%u", a, c->peer_port);
	return out;
}

/* ---- ready ones ------------------------------------------------------------------------------- */

void
tcp_again(struct tcp *s, struct tcp_connection *c)
{
	if (c->ready || c->closing)
		return;
	unsigned i = (unsigned)(c - s->c) + 1;
	c->ready = true;
	c->next = 0;
	if (s->last)
		s->c[s->last - 1].next = i;
	else
		s->first = i;
	s->last = i;
}

static void
not_ready(struct tcp *s, struct tcp_connection *c)
{
	unsigned i = (unsigned)(c - s->c) + 1, before = 0;
	if (!c->ready)
		return;
	for (unsigned k = s->first; k != i; k = s->c[k - 1].next)
		before = k;
	*(before ? &s->c[before - 1].next : &s->first) = c->next;
	if (s->last == i)
		s->last = before;
	c->ready = false;
}

static struct tcp_connection *
next_ready(struct tcp *s)
{
	if (s->first == 0)
		return NULL;
	struct tcp_connection *c = &s->c[s->first - 1];
	not_ready(s, c);
	return c;
}

/* ---- the end of a connection ------------------------------------------------------------------- */

/* What it taught is forgotten first (settle), then the keeper lets go of it: killed between the two, it is taken over, and
 * found at its end again. */
void
tcp_end(struct tcp *s, struct tcp_connection *c, enum thread_counter counter, const char *why)
{
	static struct log_limit limit[THREAD_COUNTERS];
	char from[ADDR_TEXT + 8];
	if (c->closing)
		return;
	c->closing = true;
	s->gone[s->gone_n++] = c->id;
	if (counter)
		s->pending[counter]++;
	if (why) /* one who does this all the time must not hide what others do */
		log_limited_at(&limit[counter], LOG_L_HIGH, "TCP port %u: the connection of %s is closed: %s",
			c->port, text_of(c, from), why);
	else
		log_medium("TCP port %u: %s has closed its connection", c->port, text_of(c, from));
}

static void
release(struct tcp *s, struct tcp_connection *c)
{
	char name[TCP_NAME];
	name_of(c, name);
	not_ready(s, c);
	(void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, c->fd, NULL);
	tls_end(c->tls);
	(void)shutdown(c->fd, SHUT_RDWR); /* the keeper may still have it for a moment */
	if (c->kept)
		proc_drop_fd(name);
	close(c->fd);
	free(c->buffer);
	pthread_mutex_lock(&s->mutex);
	memset(c, 0, sizeof *c);
	s->open--;
	pthread_mutex_unlock(&s->mutex);
}

static bool
is_gone(void *ctx, uint32_t id)
{
	const struct tcp *s = ctx;
	for (unsigned i = 0; i < s->gone_n; i++)
		if (s->gone[i] == id)
			return true;
	return false;
}

static struct tcp_connection *
find(const struct tcp *s, uint32_t id)
{
	for (unsigned i = 0; i < s->room; i++)
		if (s->c[i].id == id)
			return &s->c[i];
	return NULL;
}

/* Ids are not used again while anything may remember them: after 2^32, and then not those of open connections. */
static void
reserve_ids(struct tcp *s, uint64_t *next)
{
	bool taken = true;
	while (taken) {
		if (*next == 0 || *next + IDS > UINT32_MAX)
			*next = 1;
		taken = false;
		for (unsigned i = 0; i < s->room; i++)
			taken |= s->c[i].id >= *next && s->c[i].id < *next + IDS;
		s->next_id = (uint32_t)*next;
		*next += IDS;
		s->end_id = (uint32_t)*next;
	}
}

/* in a batch: what must move with the stage's record */
static void
settle(struct ingest_thread *t, void *ctx)
{
	struct tcp *s = ctx;
	if (s->gone_n)
		(void)decoder_disconnect(&t->decoder, is_gone, s);
	for (unsigned i = 0; i < THREAD_COUNTERS; i++) {
		t->stage.next.counter[i] += s->pending[i];
		s->pending[i] = 0;
	}
	if (s->next_id == s->end_id)
		reserve_ids(s, &t->stage.next.id[ID_CONNECTION]);
	s->dirty = false;
}

static void
settle_all(struct tcp *s, struct ingest_thread *t)
{
	ingest_thread_aside(t, settle, s);
	for (unsigned i = 0; i < s->gone_n; i++) {
		struct tcp_connection *c = find(s, s->gone[i]);
		if (c)
			release(s, c);
	}
	s->gone_n = 0;
	counter_set(COUNTER_ingest_tcp_connections, s->open);
}

/* ---- the begin -------------------------------------------------------------------------------- */

static bool
not_here(void *ctx, uint32_t id)
{
	return find(ctx, id) == NULL;
}

static int
by_id(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* connections that a source was heard by, and that nobody has kept */
static unsigned
lost(struct tcp *s, const struct ingest_thread *t)
{
	uint64_t n = t->stage.next.id[ID_SOURCES];
	uint32_t *id = calloc(n + 1, sizeof *id);
	unsigned found = 0, k = 0;
	for (uint64_t i = 0; id && i < n; i++)
		if (t->sources[i].connection && not_here(s, t->sources[i].connection))
			id[found++] = t->sources[i].connection;
	if (found)
		qsort(id, found, sizeof *id, by_id);
	for (unsigned i = 0; i < found; i++)
		k += i == 0 || id[i] != id[i - 1];
	free(id);
	return k;
}

/* The first batch, after what a predecessor had received is decoded: connections that did not come over are forgotten. */
static void
begin(struct ingest_thread *t, void *ctx)
{
	struct tcp *s = ctx;
	unsigned n = lost(s, t);
	t->stage.next.counter[THREAD_TCP_LOST] += n;
	if (n)
		log_high("%u TCP connections did not outlive the restart: their senders connect again", n);
	(void)decoder_disconnect(&t->decoder, not_here, s);
	s->next_id = s->end_id = 0;
	settle(t, s);
}

/* ---- taking connections ----------------------------------------------------------------------- */

static void
watch(struct tcp *s, struct tcp_connection *c)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET | (c->tls ? EPOLLOUT : 0),
		.data.u64 = (uint64_t)OF_CONNECTION << 32 | (uint32_t)(c - s->c)};
	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, c->fd, &e) != 0)
		tcp_end(s, c, THREAD_TCP_BROKEN, strerror(errno));
	else
		tcp_again(s, c); /* what is there already makes no event */
}

static void
prepare(int fd)
{
	int one = 1, idle = 60, each = 15, tries = 4;
	/* a peer that vanished is noticed within two minutes */
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &each, sizeof each);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof tries);
}

static void
peer_of(const struct sockaddr_storage *a, struct tcp_connection *c)
{
	if (a->ss_family == AF_INET6) {
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)a;
		memcpy(c->address, &six->sin6_addr, 16);
		c->peer_port = ntohs(six->sin6_port);
	} else {
		const struct sockaddr_in *four = (const struct sockaddr_in *)a;
		addr_from_v4(c->address, (const uint8_t *)&four->sin_addr);
		c->peer_port = ntohs(four->sin_port);
	}
}

static struct tcp_connection *
enter(struct tcp *s, const struct tcp_connection *new)
{
	pthread_mutex_lock(&s->mutex);
	struct tcp_connection *c = find(s, 0);
	CHECK(c != NULL);
	c->id = new->id;
	c->fd = new->fd;
	c->port = new->port;
	c->peer_port = new->peer_port;
	c->secret = new->secret;
	c->kept = new->kept;
	memcpy(c->address, new->address, 16);
	c->since = mono_now();
	atomic_store_explicit(&c->heard_ns, c->since.ns, memory_order_relaxed);
	s->open++;
	pthread_mutex_unlock(&s->mutex);
	return c;
}

static void
take_in(struct tcp *s, const struct port_sockets *p, int fd, const struct sockaddr_storage *from)
{
	char name[TCP_NAME], text[ADDR_TEXT + 8];
	struct tcp_connection new = {
		.fd = fd, .port = (uint16_t)p->port, .secret = strcmp(p->kind, "tls") == 0};
	peer_of(from, &new);
	if (s->open >= s->most) {
		s->pending[THREAD_TCP_REFUSED]++;
		log_limited(LOG_L_CRITICAL,
			"TCP port %u: %s is refused: there are %u connections already (maxconnections)",
			p->port, text_of(&new, text), s->open);
		close(fd);
		return;
	}
	new.id = s->next_id++;
	prepare(fd);
	name_of(&new, name);
	/* before anything is read, so that no byte is ever in this process alone */
	new.kept = !new.secret &&proc_keep_fd(name, fd) == 0;
	struct tcp_connection *c = enter(s, &new);
	s->pending[THREAD_TCP_ACCEPTED]++;
	if (!new.secret && !new.kept)
		counter_add(COUNTER_ingest_tcp_not_kept, 1);
	if (new.secret && (c->tls = tls_begin(s->tls, fd)) == NULL) {
		tcp_end(s, c, THREAD_TLS_FAILED, "out of memory");
		return;
	}
	log_medium("TCP port %u: %s has connected", p->port, text_of(c, text));
	watch(s, c);
}

static void
take_from(struct tcp *s, const struct port_sockets *p, int listener)
{
	for (unsigned i = 0; i < ACCEPTS && s->next_id != s->end_id; i++) {
		struct sockaddr_storage from = {0};
		socklen_t n = sizeof from;
		int fd = accept4(listener, (struct sockaddr *)&from, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
			continue;
		if (fd < 0) {
			if (errno != EAGAIN)
				log_limited(LOG_L_CRITICAL, "TCP port %u: can't take a connection: %s",
					p->port, strerror(errno));
			return;
		}
		s->dirty = true;
		take_in(s, p, fd, &from);
	}
	s->dirty = true; /* perhaps all ids are used */
}

/* ---- events ----------------------------------------------------------------------------------- */

static void
look_at_times(struct tcp *s)
{
	mono_t now = mono_now();
	int64_t most = atomic_load_explicit(&s->timeout_us, memory_order_relaxed);
	if (mono_since(now, s->looked).us < 1000000)
		return;
	s->looked = now;
	for (unsigned i = 0; i < s->room; i++) {
		struct tcp_connection *c = &s->c[i];
		if (c->id == 0 || c->closing)
			continue;
		if (c->tls && !tls_established(c->tls) &&
			mono_since(now, c->since).us > HANDSHAKE_S * INT64_C(1000000))
			tcp_end(s, c, THREAD_TLS_FAILED, "no TLS handshake within 30 s");
		else if (most &&
			 (now.ns - atomic_load_explicit(&c->heard_ns, memory_order_relaxed)) / 1000 > most)
			tcp_end(s, c, THREAD_TCP_BROKEN, "nothing came for tcptimeout");
	}
}

/* Waits if there is nothing to do. */
static void
look(struct tcp *s)
{
	struct epoll_event e[EVENTS];
	bool busy = s->first || s->gone_n || s->dirty;
	int n = epoll_wait(s->epoll, e, EVENTS, busy ? 0 : WAIT_MS);
	for (int i = 0; i < n; i++) {
		unsigned at = (uint32_t)e[i].data.u64;
		switch (e[i].data.u64 >> 32) {
		case OF_CONNECTION:
			if (e[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR) && s->c[at].tls == NULL)
				s->c[at].over = true; /* what is in the queue is all there will be */
			tcp_again(s, &s->c[at]);
			break;
		case OF_LISTENER:
			take_from(s, &s->port[at / THREAD_SOCKETS],
				s->port[at / THREAD_SOCKETS].fd[at % THREAD_SOCKETS]);
			break;
		default:
			break; /* told to stop */
		}
	}
	look_at_times(s);
}

unsigned
tcp_receive(void *ctx, struct ingest_thread *t)
{
	struct tcp *s = ctx;
	struct tcp_connection *c;
	if (!s->begun) {
		ingest_thread_aside(t, begin, s);
		s->begun = true;
		return 0;
	}
	tcp_answer(s, t);
	look(s);
	if (s->gone_n || s->dirty) {
		settle_all(s, t);
		return 0;
	}
	while ((c = next_ready(s)) != NULL) {
		unsigned n = c->closing ? 0 : tcp_read(s, t, c);
		if (n > 0)
			return n;
		if (s->gone_n)
			break;
	}
	return 0;
}

/* ---- life ------------------------------------------------------------------------------------- */

bool
tcp_wanted(const struct conf *conf)
{
	const char *const *words;
	return conf_list(conf, CONF_netflow_ipfixtcpport, &words) +
		       conf_list(conf, CONF_netflow_ipfixtlsport, &words) >
	       0;
}

static void
open_ports(struct tcp *s, const struct conf *conf, enum conf_key key, const char *kind)
{
	const char *const *words;
	struct err err;
	unsigned n = conf_list(conf, key, &words);
	for (unsigned i = 0; i < n && s->ports < TCP_PORTS; i++) {
		struct port_sockets *p = &s->port[s->ports];
		*p = (struct port_sockets){.kind = kind};
		if (sockets_open(p, conf_str(conf, CONF_netflow_listenaddress), conf_port(conf, key, i),
			    conf_uint(conf, CONF_netflow_tcpbuffer), &err) != 0)
			log_critical("%s", err.text);
		for (unsigned k = 0; k < p->n; k++) {
			struct epoll_event e = {.events = EPOLLIN,
				.data.u64 = (uint64_t)OF_LISTENER << 32 | (s->ports * THREAD_SOCKETS + k)};
			int on = 1;
			(void)ioctl(p->fd[k], FIONBIO, &on);
			if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, p->fd[k], &e) != 0)
				log_critical("TCP port %u: %s", p->port, strerror(errno));
		}
		s->ports++;
	}
}

static void
open_tls(struct tcp *s, const struct conf *conf)
{
	const struct tls_files f = {.cert = conf_str(conf, CONF_netflow_tlscertfile),
		.key = conf_str(conf, CONF_netflow_tlskeyfile),
		.ca = conf_str(conf, CONF_netflow_tlscafile),
		.require = conf_bool(conf, CONF_netflow_tlsclientcert)};
	const char *const *words;
	struct err err;
	if (conf_list(conf, CONF_netflow_ipfixtlsport, &words) == 0)
		return;
	if (tls_server_open(&s->tls, &f, &err) != 0)
		log_critical("ipfixtlsport is not listened at: %s", err.text);
	else
		open_ports(s, conf, CONF_netflow_ipfixtlsport, "tls");
}

static bool
begins(const char *name, const char *kind)
{
	size_t n = strlen(kind);
	return strncmp(name, kind, n) == 0 && (name[n] == ':' || name[n] == '_');
}

/* Listeners of ports that are no longer in the configuration, and with `all` connections, too. */
static void
give_up_kept(const struct tcp *s, bool all)
{
	char name[TCP_NAME + 32];
	int fd;
	for (unsigned i = 0; (fd = proc_kept_at(i, name, sizeof name)) >= 0;) {
		bool drop = all && begins(name, "conn");
		if (begins(name, "tcp") || begins(name, "tls")) {
			drop = true;
			for (unsigned k = 0; s && k < s->ports; k++)
				for (unsigned j = 0; j < s->port[k].n; j++)
					drop &= s->port[k].fd[j] != fd;
		}
		if (drop) {
			log_high("%s is no longer listened at: it is closed", name);
			proc_drop_fd(name);
			close(fd);
		} else
			i++;
	}
}

void
tcp_abandon(void)
{
	give_up_kept(NULL, true);
}

static void
take_over(struct tcp *s)
{
	char name[TCP_NAME + 32];
	int fd;
	unsigned n = 0;
	for (unsigned i = 0; (fd = proc_kept_at(i, name, sizeof name)) >= 0; i++) {
		struct tcp_connection old = {.fd = fd, .kept = true};
		struct sockaddr_storage from = {0};
		struct tcp_connection same;
		socklen_t size = sizeof from;
		if (!name_read(name, &old))
			continue;
		same = old;
		if (getpeername(fd, (struct sockaddr *)&from, &size) == 0)
			peer_of(&from,
				&same); /* a connection that broke has no peer any more, but the name has */
		old.peer_port = same.peer_port;
		watch(s, enter(s, &old));
		n++;
	}
	if (n)
		log_high("%u TCP connections taken over with what they have sent", n);
}

static unsigned
kept_connections(void)
{
	char name[TCP_NAME + 32];
	unsigned n = 0;
	for (unsigned i = 0; proc_kept_at(i, name, sizeof name) >= 0; i++)
		n += begins(name, "conn");
	return n;
}

int
tcp_open(struct tcp *s, const struct conf *conf, int wake, struct err *err)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uint64_t)OF_WAKE << 32};
	unsigned long files = proc_raise_files();
	unsigned kept = kept_connections();
	s->most = (unsigned)conf_uint(conf, CONF_netflow_maxconnections);
	if (s->most + OTHER_FILES > files) {
		s->most = files > 2 * OTHER_FILES ? (unsigned)files - OTHER_FILES : OTHER_FILES;
		log_critical("at most %u TCP connections: no more than %lu files may be open (ulimit -n, "
			     "LimitNOFILE)",
			s->most, files);
	}
	s->room = s->most > kept ? s->most : kept;
	s->batch = (unsigned)conf_uint(conf, CONF_netflow_batch);
	atomic_store(&s->timeout_us, (int64_t)conf_uint(conf, CONF_netflow_tcptimeout) * 1000000);
	pthread_mutex_init(&s->mutex, NULL);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->c = calloc(s->room, sizeof *s->c);
	s->gone = calloc(2 * (size_t)s->room, sizeof *s->gone);
	s->peek = malloc(TCP_PEEK);
	if (s->c == NULL || s->gone == NULL || s->peek == NULL)
		return err_set(err, FT_ENOMEM, "out of memory for %u TCP connections", s->room);
	if (s->epoll < 0 || epoll_ctl(s->epoll, EPOLL_CTL_ADD, wake, &e) != 0)
		return err_sys(err, "can't watch TCP connections");
	open_ports(s, conf, CONF_netflow_ipfixtcpport, "tcp");
	open_tls(s, conf);
	for (unsigned i = 0; i < s->ports; i++)
		if (s->port[i].n && s->port[i].buffer_bytes < 2 * STREAM_MESSAGE)
			log_critical("TCP port %u: the kernel gives %llu bytes a connection, too few for a "
				     "long IPFIX message: raise net.core.rmem_max",
				s->port[i].port, (unsigned long long)s->port[i].buffer_bytes);
	give_up_kept(s, false);
	take_over(s);
	return 0;
}

void
tcp_close(struct tcp *s)
{
	for (unsigned i = 0; i < s->room; i++)
		if (s->c[i].id) {
			tls_end(s->c[i].tls);
			free(s->c[i].buffer);
			close(s->c[i].fd);
		}
	for (unsigned i = 0; i < s->ports; i++)
		sockets_close(&s->port[i]);
	tls_server_close(s->tls);
	close(s->epoll);
	free(s->c);
	free(s->gone);
	free(s->peek);
	pthread_mutex_destroy(&s->mutex);
}

/* ---- for people ------------------------------------------------------------------------------- */

static json_t *
connection_json(const struct tcp_connection *c, mono_t now)
{
	char address[ADDR_TEXT];
	int waiting = 0;
	addr_text(c->address, address);
	(void)ioctl(c->fd, FIONREAD, &waiting);
	return json_pack("{s:I, s:s, s:i, s:i, s:b, s:b, s:I, s:I, s:I, s:I, s:I}", "id", (json_int_t)c->id,
		"address", address, "peer_port", (int)c->peer_port, "port", (int)c->port, "tls",
		(int)c->secret, "kept", (int)c->kept, "messages", (json_int_t)atomic_load(&c->messages),
		"bytes", (json_int_t)atomic_load(&c->bytes), "waiting_bytes", (json_int_t)waiting, "silent_s",
		(json_int_t)((now.ns - atomic_load(&c->heard_ns)) / 1000000000), "age_s",
		(json_int_t)(mono_since(now, c->since).us / 1000000));
}

json_t *
tcp_json(struct tcp *s)
{
	json_t *listeners = json_array(), *list = json_array();
	mono_t now = mono_now();
	for (unsigned i = 0; i < s->ports; i++)
		json_array_append_new(listeners, json_pack("{s:i, s:b, s:b}", "port", (int)s->port[i].port,
							 "tls", (int)(strcmp(s->port[i].kind, "tls") == 0),
							 "listening", (int)(s->port[i].n > 0)));
	pthread_mutex_lock(&s->mutex);
	for (unsigned i = 0; i < s->room; i++)
		if (s->c[i].id)
			json_array_append_new(list, connection_json(&s->c[i], now));
	pthread_mutex_unlock(&s->mutex);
	return json_pack(
		"{s:o, s:i, s:o}", "listeners", listeners, "most", (int)s->most, "connections", list);
}
