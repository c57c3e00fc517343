/* http_internal.h - what http.c (connections) and http_reply.c (answers) share. */
#ifndef FT_WEBD_HTTP_INTERNAL_H
#define FT_WEBD_HTTP_INTERNAL_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "web/webd/http.h"

/* PEEK   nothing has come yet          HEAD    waiting for the end of a head
 * BODY   head parsed, body coming      ANSWER  the handler has it
 * FLUSH  the last answer is going out  LINGER  all is said; what still comes is thrown away, for a moment */
enum conn_state { CONN_PEEK, CONN_HEAD, CONN_BODY, CONN_ANSWER, CONN_FLUSH, CONN_LINGER };

struct http_conn {
	struct http_server *server;
	struct http_conn *next, *prev; /* by time of the last change of state, the longest waiting first */
	struct tls *tls;
	int fd;
	unsigned port;
	struct event *peek, *timer;
	struct bufferevent *bev; /* NULL in CONN_PEEK */
	enum conn_state state;
	bool encrypted, refused;
	char peer[HTTP_ADDRESS];
	bool from_here; /* peer and our end are this machine's loopback */
	char *head_bytes;
	bool keep_alive, chunked, no_body;
	struct http_chunks {
		enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER } at;
		size_t left, room, overhead; /* of the chunk; of the body; bytes that are not the body's */
	} chunks;                            /* a request's body that comes in pieces */
	struct http_call call;
};

/* the answer is complete: on to the next request, or to the end */
void http_conn_done(struct http_conn *c);
/* a request that never reaches the handler */
void http_refuse(struct http_conn *c, int status);
void http_conn_free(struct http_conn *c);

struct http_server {
	struct event_base *base;
	struct http_settings set;
	http_handler handler;
	void *ctx;
	struct http_conn *first, *last;
	unsigned connections;
	unsigned listeners;
	struct listening {
		struct evconnlistener *listener;
		struct http_server *server;
		struct tls *tls;
		unsigned port;
	} listening[8];
	bool closing;
};

#endif
