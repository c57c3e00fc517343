/* client.c - see client.h. */
#include "cli/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/late.h"
#include "cli/plain.h"
#include "common/contract/rpc.h"
#include "common/rpc.h"

enum { CONNECT_MS = 5000, SILENCE_S = 20 };

struct client {
	const struct options *o;
	struct plain *plain; /* on this machine; NULL: encrypted, by rpc */
	struct rpc_client *rpc;
	char address[64];
	char *key_from_file;
	bool bar; /* a progress bar is on the screen */
};

/* ---- connecting ------------------------------------------------------------------------------- */

static bool
loopback(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET)
		return (ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24) == 127;
	return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

/* ZeroMQ would try for ever without a word, so a plain connection is tried first: 0 and the socket, or errno */
static int
try_connect(const struct addrinfo *a, int *out)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), why = 0;
	socklen_t n = sizeof why;
	if (fd < 0)
		return errno;
	if (connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
		struct pollfd p = {.fd = fd, .events = POLLOUT};
		if (errno != EINPROGRESS)
			why = errno;
		else if (poll(&p, 1, CONNECT_MS) != 1)
			why = ETIMEDOUT;
		else
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &n);
	}
	if (why != 0)
		close(fd);
	else
		*out = fd;
	return why;
}

/* the server's public key: FLOWTROVE_SERVERKEY, or a file named after the server */
static const char *
server_key(struct client *c)
{
	char path[512], line[64] = "";
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	if (c->o->server_key)
		return c->o->server_key;
	if (config && config[0])
		snprintf(path, sizeof path, "%s/flowtrove/%s.key", config, c->o->server);
	else
		snprintf(path, sizeof path, "%s/.config/flowtrove/%s.key", home ? home : "", c->o->server);
	FILE *f = strchr(c->o->server, '/') ? NULL : fopen(path, "re");
	if (f == NULL)
		return NULL;
	if (fgets(line, sizeof line, f))
		line[strcspn(line, "\r\n")] = 0;
	fclose(f);
	c->key_from_file = strdup(line);
	return c->key_from_file;
}

static int
connect_server(struct client *c)
{
	const struct options *o = c->o;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list, *a;
	struct err err = {0};
	char endpoint[100];
	int fd = -1, why = getaddrinfo(o->server, o->port, &hints, &list);
	if (why != 0) {
		fprintf(stderr, "%s: %s: no such server (%s)\n", o->tool, o->server, gai_strerror(why));
		return EXIT_FAILED;
	}
	for (a = list; a; a = a->ai_next) {
		why = try_connect(a, &fd);
		if (why == 0)
			break;
	}
	if (a == NULL) {
		fprintf(stderr,
			"%s: %s port %s: %s. Is ft-queryd running there, and is this its listenport?\n",
			o->tool, o->server, o->port, strerror(why));
		freeaddrinfo(list);
		return EXIT_FAILED;
	}
	getnameinfo(a->ai_addr, a->ai_addrlen, c->address, sizeof c->address, NULL, 0, NI_NUMERICHOST);
	snprintf(endpoint, sizeof endpoint, a->ai_family == AF_INET6 ? "tcp://[%s]:%s" : "tcp://%s:%s",
		c->address, o->port);
	const char *key = server_key(c);
	bool local = loopback(a->ai_addr);
	freeaddrinfo(list);
	if (local && key == NULL && plain_open(&c->plain, fd, &err) == 0)
		return 0;
	if (!local || key != NULL)
		close(fd);
	if (!local && key == NULL) {
		fprintf(stderr,
			"%s: %s is another machine, so the connection is encrypted, which needs the server's "
			"public key: put it (curve.pub in "
			"its userdatapath) into FLOWTROVE_SERVERKEY or ~/.config/flowtrove/%s.key\n",
			o->tool, o->server, o->server);
		return EXIT_AUTH;
	}
	if ((local && key == NULL) || rpc_client_open(&c->rpc, endpoint, key, &err) != 0) {
		fprintf(stderr, "%s: %s\n", o->tool, err.text);
		return EXIT_FAILED;
	}
	return 0;
}

/* ---- asking ----------------------------------------------------------------------------------- */

static json_t *
credentials(const struct client *c)
{
	const struct options *o = c->o;
	if (o->key)
		return json_pack("{s:s}", "key", o->key);
	return json_pack("{s:s, s:s}", "user", o->user, "password", o->password);
}

static void
clear_bar(struct client *c)
{
	if (c->bar)
		fprintf(stderr, "\r\033[K");
	c->bar = false;
}

static void
show_progress(struct client *c, const json_t *p)
{
	double done = (double)json_integer_value(json_object_get(p, "rows_scanned"));
	double total = (double)json_integer_value(json_object_get(p, "rows_total"));
	double seconds = (double)json_integer_value(json_object_get(p, "elapsed_ms")) / 1000;
	char bar[41];
	if (!c->o->verbose)
		return;
	if (json_is_true(json_object_get(p, "waiting"))) {
		fprintf(stderr, "\r\033[Kwaiting for a free query thread, %.1f s", seconds);
	} else {
		double part = total > 0 ? done / total : 0;
		int n = part > 1 ? 40 : (int)(part * 40);
		memset(bar, '.', 40);
		memset(bar, '#', (size_t)n);
		bar[40] = 0;
		fprintf(stderr, "\r\033[K[%s] %3.0f %%  %.1f M rows  %.1f s", bar,
			part > 1 ? 100 : part * 100, done / 1e6, seconds);
	}
	fflush(stderr);
	c->bar = true;
}

/* an error reply in words; the exit code */
static int
complain(const struct client *c, const json_t *reply)
{
	static const struct {
		const char *code;
		int exit_code;
	} map[] = {
#define RPC_ERROR(word, exit, http) {word, exit},
		FT_RPC_ERRORS(RPC_ERROR)
#undef RPC_ERROR
	};
	const json_t *e = json_object_get(reply, "error");
	const char *code = json_string_value(json_object_get(e, "code"));
	const char *text = json_string_value(json_object_get(e, "message"));
	const char *at = json_string_value(json_object_get(e, "at"));
	int out = EXIT_FAILED;
	for (unsigned i = 0; code && i < sizeof map / sizeof map[0]; i++)
		if (strcmp(code, map[i].code) == 0)
			out = map[i].exit_code;
	const char *filter = c->o->query ? c->o->query : c->o->act == ACT_FILTER ? c->o->act_text : NULL;
	if (code && strcmp(code, "bad_filter") == 0 && at && filter) {
		fprintf(stderr, "%s: %s\n  %s\n  %*s^\n", c->o->tool, text ? text : "", filter,
			atoi(at) > 0 ? atoi(at) - 1 : 0, "");
		return out;
	}
	fprintf(stderr, "%s: %s\n", c->o->tool, text ? text : "refused without a reason");
	return out;
}

static int
next_reply(struct client *c, json_t **body, const void **payload, size_t *n, bool *more, struct err *err)
{
	return c->plain ? plain_next(c->plain, body, payload, n, more, span_seconds(SILENCE_S), err)
			: rpc_client_next(c->rpc, body, payload, n, more, span_seconds(SILENCE_S), err);
}

static int
no_answer(const struct client *c, const struct err *err)
{
	if (err->code == FT_ETIME)
		fprintf(stderr,
			"%s: %s port %s takes connections but does not answer: is it ft-queryd, and does it "
			"expect "
			"%s?\n",
			c->o->tool, c->o->server, c->o->port,
			c->o->server_key || c->key_from_file
				? "this key (FLOWTROVE_SERVERKEY)"
				: "an encrypted connection (FLOWTROVE_SERVERKEY)");
	else
		fprintf(stderr, "%s: %s\n", c->o->tool, err->text);
	return EXIT_FAILED;
}

int
client_ask(struct client *c, json_t *request, int (*write)(void *, const void *, size_t), void *ctx,
	json_t **reply)
{
	struct err err = {0};
	bool more = true;
	*reply = NULL;
	if (c->o->key || c->o->user)
		json_object_set_new(request, "auth", credentials(c));
	int sent = c->plain ? plain_send(c->plain, request, span_seconds(SILENCE_S), &err)
			    : rpc_client_send(c->rpc, request, &err);
	if (sent != 0)
		return no_answer(c, &err);
	while (more) {
		const void *payload;
		size_t n;
		json_t *body;
		if (next_reply(c, &body, &payload, &n, &more, &err) != 0) {
			clear_bar(c);
			return no_answer(c, &err);
		}
		const json_t *progress = json_object_get(body, "progress");
		if (progress)
			show_progress(c, progress);
		else
			clear_bar(c);
		if (payload && write && write(ctx, payload, n) != 0) {
			json_decref(body);
			(void)(c->plain ? plain_cancel(c->plain) : rpc_client_cancel(c->rpc));
			return EXIT_GOOD;
		}
		if (more) {
			json_decref(body);
			continue;
		}
		if (!json_is_true(json_object_get(body, "ok"))) {
			int rc = complain(c, body);
			json_decref(body);
			return rc;
		}
		*reply = body;
	}
	return 0;
}

void
client_selection(const struct options *o, json_t *r)
{
	json_object_set_new(r, "progress", json_true());
	if (o->start || (o->last && o->last[0] && strpbrk(o->last, "0123456789") == NULL)) {
		/* days and hours by name are the caller's, not the server's */
		json_object_set_new(r, "from", json_integer(o->from_us));
		json_object_set_new(r, "to", json_integer(o->to_us));
	} else if (o->last)
		json_object_set_new(r, "last", json_string(o->last));
	if (o->query)
		json_object_set_new(r, "filter", json_string(o->query));
	if (o->exporter)
		json_object_set_new(r, "exporter", json_string(o->exporter));
	if (o->exporter_if >= 0)
		json_object_set_new(r, "exporter_if", json_integer(o->exporter_if));
	if (o->border)
		json_object_set_new(r, "border", json_true());
	if (o->exporter_version)
		json_object_set_new(r, "exporter_version", json_string(o->exporter_version));
}

int
client_alerts(struct client *c, const struct options *o)
{
	json_t *reply;
	(void)o;
	int rc = client_ask(c, json_pack("{s:s}", "op", "whoami"), NULL, NULL, &reply);
	json_decref(reply);
	if (rc != 0)
		return rc;
	fprintf(stderr, "%s: this server has no alert service, so there are no alerts to list\n", c->o->tool);
	return EXIT_FAILED;
}

/* ---- login ------------------------------------------------------------------------------------ */

static int
get_key(struct client *c)
{
	json_t *reply;
	int rc = client_ask(c, json_pack("{s:s}", "op", "key"), NULL, NULL, &reply);
	const char *key = json_string_value(json_object_get(reply, "session_key"));
	if (rc == 0 && key)
		fprintf(stderr, "%s\n", key);
	json_decref(reply);
	return rc;
}

int
client_open(struct client **out, const struct options *given)
{
	struct options *o = (struct options *)(uintptr_t)given;
	char prompt[200];
	struct client *c = calloc(1, sizeof *c);
	*out = NULL;
	if (c == NULL) {
		fprintf(stderr, "%s: out of memory\n", o->tool);
		return EXIT_FAILED;
	}
	c->o = o;
	late_use();
	int rc = 0;
	if (o->key == NULL && o->user == NULL)
		rc = options_wrong(o, "who are you? give -un USER, or set FLOWTROVE_USERNAME");
	if (rc == 0)
		rc = connect_server(c);
	if (rc == 0 && o->key == NULL && o->password == NULL) {
		snprintf(prompt, sizeof prompt, "password of %s at %s: ", o->user, o->server);
		o->password = options_ask_secret(prompt);
		if (o->password == NULL) {
			fprintf(stderr,
				"%s: no password, and no terminal to ask at: set FLOWTROVE_PASSWORD\n",
				o->tool);
			rc = EXIT_AUTH;
		}
	}
	if (rc == 0 && o->want_key)
		rc = get_key(c);
	if (rc != 0)
		client_close(c);
	else
		*out = c;
	return rc;
}

void
client_close(struct client *c)
{
	if (c == NULL)
		return;
	clear_bar(c);
	plain_close(c->plain);
	rpc_client_close(c->rpc);
	free(c->key_from_file);
	free(c);
}
