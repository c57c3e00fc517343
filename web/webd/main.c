/*
 * main.c - ft-webd: HTTPS and HTTP in front of queryd.  Opens certificate, ports and the way to queryd; one event loop until
 * it is told to stop.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/holder.h"
#include "common/log.h"
#include "common/proc.h"
#include "web/webd/http.h"
#include "web/webd/tls.h"
#include "web/webd/web.h"

struct daemon {
	struct proc proc;
	struct event_base *base;
	struct event *turn, *woken;
	struct http_server *http;
	struct tls *tls;
	struct web web;
	char tls_folder[500];
};

static void
settings(const struct daemon *d, const struct conf *c, struct http_settings *s)
{
	*s = (struct http_settings){
		.connections = (unsigned)conf_uint(c, CONF_web_maxconnections),
		.body = conf_uint(c, CONF_web_maxbody),
		.request_s = (unsigned)conf_uint(c, CONF_web_requesttime),
		.idle_s = (unsigned)conf_uint(c, CONF_web_idletime),
		.write_s = (unsigned)conf_uint(c, CONF_web_writetime),
		.hsts = d->tls && tls_certified(d->tls),
	};
	s->n_proxies = conf_list(c, CONF_web_behindproxy, &s->proxies);
}

static void
on_reload(void *ctx, const struct conf *was, const struct conf *now)
{
	struct daemon *d = ctx;
	struct http_settings s;
	struct err err = {0};
	(void)was;
	/* also when nothing changed: a renewed certificate has the same name */
	if (tls_reload(d->tls, conf_str(now, CONF_web_tlscertfile), conf_str(now, CONF_web_tlskeyfile),
		    d->tls_folder, &err) != 0)
		log_critical("%s; the old certificate is used on", err.text);
	settings(d, now, &s);
	http_set(d->http, &s);
	d->web.conf = now;
}

/* control socket and signals; libevent has looked at everything else meanwhile */
static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	(void)fd;
	(void)what;
	proc_turn(&d->proc, (span_t){0});
	if (!proc_running(&d->proc))
		event_base_loopbreak(d->base);
}

/* the folder beside the programs that make built them in, or the package's */
static void
find_interface(struct web *w, const struct conf *c)
{
	const char *set = conf_str(c, CONF_web_webroot);
	char exe[400], path[600];
	struct stat st;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	exe[n > 0 ? n : 0] = 0;
	/* .../build/bin/ft-webd, also of a variant: .../build/asan/bin */
	char *build = strstr(exe, "/build/");
	snprintf(w->webroot, sizeof w->webroot, "%s", set[0] ? set : "/usr/share/flowtrove/web");
	snprintf(w->openapi, sizeof w->openapi, "%s", "/usr/share/flowtrove/openapi.yaml");
	if (build == NULL)
		return;
	*build = 0;
	snprintf(path, sizeof path, "%s/web/webd", exe);
	if (stat(path, &st) != 0)
		return;
	snprintf(w->openapi, sizeof w->openapi, "%s/docs/openapi.yaml", exe);
	if (set[0] == 0)
		snprintf(w->webroot, sizeof w->webroot, "%s/build/web", exe);
}

static int
listen_on(struct daemon *d, enum conf_key key, struct tls *tls, struct err *err)
{
	const struct conf *c = d->proc.conf;
	unsigned port = (unsigned)conf_uint(c, key);
	char holder[120];
	if (port == 0)
		return 0;
	int rc = http_listen(d->http, conf_str(c, CONF_web_listen), port, tls, err);
	if (rc == FT_ESYS && err->sys == EADDRINUSE) {
		holder_of_port("tcp", port, holder, sizeof holder);
		return err_set(err, FT_ESYS, "TCP port %u is in use%s; end that process, or change %s", port,
			holder, conf_name(key));
	}
	if (rc == FT_ESYS && err->sys == EACCES)
		return err_set(err, FT_ESYS,
			"%s: ports below 1024 need the capability to bind them (the unit gives it), or "
			"change %s",
			err->text, conf_name(key));
	return rc;
}

static int
open_parts(struct daemon *d, struct err *err)
{
	const struct conf *c = d->proc.conf;
	struct http_settings s;
	(void)proc_raise_files();
	snprintf(d->tls_folder, sizeof d->tls_folder, "%s/web", conf_str(c, CONF_statedir));
	if (mkdir(conf_str(c, CONF_statedir), 0770) != 0 && errno != EEXIST)
		return err_sys(err, "%s: can't make the folder", conf_str(c, CONF_statedir));
	if (mkdir(d->tls_folder, 0700) != 0 && errno != EEXIST)
		return err_sys(err, "%s: can't make the folder", d->tls_folder);
	int rc = tls_open(&d->tls, conf_str(c, CONF_web_tlscertfile), conf_str(c, CONF_web_tlskeyfile),
		d->tls_folder, err);
	if (rc != 0)
		return rc;
	d->base = event_base_new();
	if (d->base == NULL)
		return err_set(err, FT_ENOMEM, "can't make an event loop");
	rc = upstream_open(&d->web.up, d->base, conf_str(c, CONF_rundir), d->proc.shm,
		(unsigned)conf_uint(c, CONF_web_maxrequests), err);
	if (rc != 0)
		return rc;
	d->web.conf = c;
	d->web.shm = d->proc.shm;
	find_interface(&d->web, c);
	settings(d, c, &s);
	rc = http_open(&d->http, d->base, &s, web_handle, &d->web, err);
	if (rc == 0)
		rc = listen_on(d, CONF_web_port, d->tls, err);
	if (rc == 0)
		rc = listen_on(d, CONF_web_httpport, NULL, err);
	return rc;
}

static void
say(const struct daemon *d)
{
	const struct conf *c = d->proc.conf;
	char page[600];
	struct stat st;
	snprintf(page, sizeof page, "%s/index.html", d->web.webroot);
	if (stat(page, &st) != 0)
		log_critical("the web interface is not there (%s): only the API is served; make builds it "
			     "where npm is installed, or set "
			     "webroot",
			page);
	log_always("web interface at https://%s:%u/, certificate %.95s%s",
		conf_str(c, CONF_web_listen)[0] ? conf_str(c, CONF_web_listen) : "*",
		(unsigned)conf_uint(c, CONF_web_port), tls_fingerprint(d->tls),
		tls_certified(d->tls) ? "" : " (its own)");
}

int
main(int argc, char **argv)
{
	struct daemon d = {.proc = {.on_reload = on_reload}};
	struct timeval every = {.tv_usec = 200000};
	struct err err = {0};
	d.proc.ctx = &d;
	if (proc_start(&d.proc, "ft-webd", argc, argv) != 0)
		return d.proc.exit_code;
	if (open_parts(&d, &err) != 0)
		return proc_fail(&d.proc, &err);
	d.turn = event_new(d.base, rpc_server_fd(d.proc.ctl), EV_READ | EV_PERSIST, on_turn, &d);
	d.woken = event_new(d.base, d.proc.wake_fd, EV_READ | EV_PERSIST, on_turn, &d);
	if (d.turn == NULL || d.woken == NULL || event_add(d.turn, &every) != 0 ||
		event_add(d.woken, NULL) != 0) {
		err_set(&err, FT_ENOMEM, "can't watch the control socket");
		return proc_fail(&d.proc, &err);
	}
	say(&d);
	proc_ready(&d.proc);
	event_base_dispatch(d.base);
	http_close(d.http);
	upstream_close(d.web.up);
	event_free(d.turn);
	event_free(d.woken);
	event_base_free(d.base);
	tls_close(d.tls);
	return proc_stop(&d.proc);
}
