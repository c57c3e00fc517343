/*
 * main.c - ft-queryd: the one front door.  Opens users, engine and the query port; serves until it is told to stop.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/counters.h"
#include "common/holder.h"
#include "common/log.h"
#include "common/proc.h"
#include "queryd/server.h"

struct daemon {
	struct proc proc;
	struct engine *engine;
	struct users *users;
	struct tickets *tickets;
	struct audit *audit;
	struct saved *saved;
	struct server *server;
	struct curve curve;
	bool encrypted;
};

static void
audit_path(const struct conf *c, char out[600])
{
	const char *set = conf_str(c, CONF_auditlogfile);
	snprintf(out, 600, "%s%s", set[0] ? set : conf_userdata(c), set[0] ? "" : "/audit.log");
}

static void
on_reload(void *ctx, const struct conf *was, const struct conf *now)
{
	struct daemon *d = ctx;
	struct err err = {0};
	char path[600];
	(void)was;
	audit_path(now, path);
	if (audit_reopen(d->audit, path, &err) != 0)
		log_critical("%s; the old one is used on", err.text);
	engine_reload(d->engine, now);
	server_reload(d->server, now);
}

/* the public key is what a new client needs: `ft-ctl status` shows it */
static void
on_ctl(void *ctx, struct rpc_call *call)
{
	struct daemon *d = ctx;
	if (strcmp(call->op, "curve") == 0)
		rpc_reply(d->proc.ctl, call,
			json_pack("{s:b, s:s}", "encrypted", (int)d->encrypted, "public_key",
				d->curve.public_key),
			NULL, 0, false, false);
	else
		rpc_reply_error(
			d->proc.ctl, call, "unknown_op", "/op", "unknown operation '%.64s'", call->op);
}

static bool
exists(void *ctx, const char *user)
{
	struct user u;
	bool yes = users_get(ctx, user, &u) != FT_ENOENT;
	user_drop(&u);
	return yes;
}

static int
open_parts(struct daemon *d, struct err *err)
{
	const struct conf *c = d->proc.conf;
	const char *address = conf_str(c, CONF_listenaddress);
	char path[600], endpoint[300], gate[400], first[USERS_FIRST_PASSWORD];
	int rc = auth_init(err);
	if (rc == 0)
		rc = users_open(&d->users, conf_userdata(c), first, err);
	if (rc == 0 && first[0])
		log_always("first start: user admin has the password %s (also in %s/first-password); it must "
			   "be changed before "
			   "anything else: ftum -un admin -chpw admin NEWPASSWORD",
			first, conf_userdata(c));
	if (rc == 0)
		rc = tickets_open(&d->tickets, users_kv(d->users), err);
	if (rc == 0)
		rc = saved_open(&d->saved, conf_userdata(c), err);
	if (rc == 0)
		rc = saved_sweep(d->saved, exists, d->users, err);
	audit_path(c, path);
	if (rc == 0)
		rc = audit_open(&d->audit, path, err);
	if (rc == 0)
		rc = curve_load(&d->curve, conf_userdata(c), err);
	if (rc == 0)
		rc = engine_open(&d->engine, c, d->proc.shm, err);
	if (rc != 0)
		return rc;
	d->encrypted = !curve_loopback(address);
	bool v6 = strchr(address, ':') && address[0] != '[';
	snprintf(endpoint, sizeof endpoint, v6 ? "tcp://[%s]:%u" : "tcp://%s:%u", address,
		(unsigned)conf_uint(c, CONF_listenport));
	snprintf(gate, sizeof gate, "ipc://%s/queryd.gate", conf_str(c, CONF_rundir));
	if (d->encrypted)
		log_always("queries are encrypted; clients need the public key %s (in %s/curve.pub) in "
			   "FLOWTROVE_SERVERKEY or "
			   "~/.config/flowtrove/HOST.key",
			d->curve.public_key, conf_userdata(c));
	struct server_parts parts = {endpoint, gate, d->encrypted ? &d->curve : NULL, c, d->engine, d->users,
		d->tickets, d->audit, d->saved, conf_str(c, CONF_rundir)};
	rc = server_open(&d->server, &parts, err);
	if (rc == FT_ESYS && err->sys == EADDRINUSE) {
		char holder[120];
		unsigned port = (unsigned)conf_uint(c, CONF_listenport);
		holder_of_port("tcp", port, holder, sizeof holder);
		rc = err_set(err, FT_ESYS,
			"%s: TCP port %u is in use%s; end that process, or change listenport", endpoint, port,
			holder);
	}
	return rc;
}

int
main(int argc, char **argv)
{
	struct daemon d = {.proc = {.on_reload = on_reload, .on_ctl = on_ctl}};
	struct err err = {0};
	d.proc.ctx = &d;
	if (proc_start(&d.proc, "ft-queryd", argc, argv) != 0)
		return d.proc.exit_code;
	if (open_parts(&d, &err) != 0)
		return proc_fail(&d.proc, &err);
	/* signals and the control socket wake the loop through one descriptor */
	int wake = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event on_flag = {.events = EPOLLIN}, on_control = {.events = EPOLLIN};
	if (wake < 0 || epoll_ctl(wake, EPOLL_CTL_ADD, d.proc.wake_fd, &on_flag) != 0 ||
		epoll_ctl(wake, EPOLL_CTL_ADD, rpc_server_fd(d.proc.ctl), &on_control) != 0) {
		err_sys(&err, "can't watch the control socket");
		return proc_fail(&d.proc, &err);
	}
	proc_ready(&d.proc);
	while (proc_running(&d.proc)) {
		server_turn(d.server, wake, (span_t){250000});
		proc_turn(&d.proc, (span_t){0});
	}
	server_close(d.server);
	engine_close(d.engine);
	audit_close(d.audit);
	saved_close(d.saved);
	tickets_close(d.tickets);
	users_close(d.users);
	close(wake);
	return proc_stop(&d.proc);
}
