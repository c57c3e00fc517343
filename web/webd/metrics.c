/*
 * metrics.c - /healthz, and /metrics in Prometheus' text format: every counter of counters.def of every daemon, read from their
 * segments in shared memory, so that they are told even of a daemon that hangs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/counters.h"
#include "web/webd/web.h"

static const char text_type[] = "text/plain; version=0.0.4; charset=utf-8";

/* processes that counters.def names, each once; how many */
static unsigned
processes(const char *out[], unsigned most)
{
	unsigned n = 0;
	for (unsigned i = 0; i < COUNTERS; i++) {
		unsigned k = 0;
		while (k < n && strcmp(out[k], counter_rows[i].process) != 0)
			k++;
		if (k == n && n < most)
			out[n++] = counter_rows[i].process;
	}
	return n;
}

/* a HELP text may hold no bare backslash or line feed */
static void
put_help(FILE *to, const char *s)
{
	for (; *s; s++)
		if (*s == '\\')
			fputs("\\\\", to);
		else
			fputc(*s == '\n' ? ' ' : *s, to);
	fputc('\n', to);
}

static void
put_lives(FILE *to, const char *const name[], const struct ft_counters *const c[], unsigned n)
{
	int64_t now = wall_now().us;
	fputs("# HELP flowtrove_up whether a daemon runs and takes work\n# TYPE flowtrove_up gauge\n", to);
	for (unsigned i = 0; i < n; i++) /* a proxy is seldom on the same machine */
		if (c[i] || strcmp(name[i], "proxy") != 0)
			fprintf(to, "flowtrove_up{daemon=\"%s\"} %d\n", name[i],
				c[i] && atomic_load(&c[i]->ready) &&
					now - atomic_load(&c[i]->beat_us) < 10000000);
	fputs("# HELP flowtrove_start_time_seconds when a daemon was started, since 1970\n"
	      "# TYPE flowtrove_start_time_seconds gauge\n",
		to);
	for (unsigned i = 0; i < n; i++)
		if (c[i])
			fprintf(to, "flowtrove_start_time_seconds{daemon=\"%s\"} %.3f\n", name[i],
				(double)atomic_load(&c[i]->started_us) / 1e6);
	fprintf(to,
		"# HELP flowtrove_build_info the version, as a label\n# TYPE flowtrove_build_info gauge\n"
		"flowtrove_build_info{version=\"%s\"} 1\n",
		FT_VERSION);
}

static void
write_all(struct web *w, FILE *to)
{
	enum { MOST = 32 };
	const char *name[MOST] = {NULL};
	const struct ft_counters *c[MOST];
	unsigned n = processes(name, MOST);
	for (unsigned i = 0; i < n; i++)
		c[i] = counters_peer(w->shm, name[i], NULL);
	put_lives(to, name, c, n);
	for (unsigned row = 0; row < COUNTERS; row++) {
		const struct counter_row *r = &counter_rows[row];
		for (unsigned i = 0; i < n; i++) {
			if (c[i] == NULL || strcmp(name[i], r->process) != 0)
				continue;
			/* by Prometheus' custom a counter's name ends with _total */
			const char *total = r->gauge ? "" : "_total";
			fprintf(to, "# HELP flowtrove_%s_%s%s ", r->process, r->name, total);
			put_help(to, r->help);
			fprintf(to, "# TYPE flowtrove_%s_%s%s %s\nflowtrove_%s_%s%s %llu\n", r->process,
				r->name, total, r->gauge ? "gauge" : "counter", r->process, r->name, total,
				(unsigned long long)atomic_load_explicit(
					&c[i]->value[row], memory_order_relaxed));
		}
	}
	for (unsigned i = 0; i < n; i++)
		if (c[i])
			counters_peer_close(c[i]);
}

static void
send(struct web *w, struct http_call *call)
{
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);
	if (to) {
		write_all(w, to);
		fclose(to);
	}
	if (text)
		http_reply(call, 200, text_type, text, n);
	else
		web_error(call, 500, "internal", "out of memory");
	free(text);
}

static void
checked(struct exchange *x, const json_t *reply, bool ok)
{
	struct web *w = x->web;
	struct http_call *call = exchange_end(x);
	if (!ok)
		web_relay_error(call, reply);
	else if (!json_is_true(json_object_get(reply, "admin")))
		web_error(call, 403, "forbidden", "counters are for administrators");
	else
		send(w, call);
}

/* Called so from this machine itself?  A page of another site whose name was made to point here is not. */
static bool
from_here(const struct http_call *call)
{
	const char *host = http_header(&call->head, "host");
	static const char *const own[] = {"localhost", "127.", "[::1]"};
	for (unsigned i = 0; call->loopback && host && i < 3; i++)
		if (strncmp(host, own[i], strlen(own[i])) == 0)
			return true;
	return call->loopback && host == NULL;
}

void
metrics_show(struct web *w, struct http_call *call)
{
	bool answered;
	if (from_here(call)) {
		send(w, call);
		return;
	}
	json_t *auth = web_credentials(call, NULL, &answered);
	if (auth)
		exchange_ask(
			w, call, NULL, json_pack("{s:s, s:o}", "op", "whoami", "auth", auth), checked, NULL);
	else if (!answered)
		web_error(call, 401, "auth",
			"from elsewhere this needs an administrator's token: Authorization: Bearer TOKEN");
}

/* For load balancers and supervisors, so it says nothing that is of use to anybody else. */
void
metrics_health(struct web *w, struct http_call *call)
{
	bool good = upstream_alive(w->up);
	if (!good)
		http_add(call, "Retry-After", "2");
	web_json(call, good ? 200 : 503,
		json_pack("{s:s}", "status", good ? "ok" : "the query server is not there"));
}
