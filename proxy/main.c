/*
 * ft-proxy - takes flow exports where no collector is, and passes every flow on as IPFIX over TCP or TLS, with its
 * exporter's address, version and domain, and the GUID of this site.  Needs no other daemon.
 *
 * Owns: queuepath.  One thread receives and fills the queues, one a destination empties its queue; this one answers
 * and reloads.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/counters.h"
#include "common/guid.h"
#include "common/log.h"
#include "common/proc.h"
#include "proxy/forward.h"
#include "proxy/receive.h"

struct proxy {
	struct proc *proc;
	const char *guid; /* -g, or NULL */
	struct proxy_settings settings;
	struct intake intake;
	struct receive receive;
	struct forward to[PROXY_DESTINATIONS];
	unsigned n;
	pthread_mutex_t mutex; /* of `to` and `n`, for the receiving thread */
};

static void
on_message(void *ctx, const struct encoder *e)
{
	struct proxy *x = ctx;
	pthread_mutex_lock(&x->mutex);
	for (unsigned i = 0; i < x->n; i++)
		(void)queue_append(&x->to[i].queue, e->sets, e->n, e->records);
	pthread_mutex_unlock(&x->mutex);
}

static void
figures(struct proxy *x)
{
	uint64_t flows = 0, bytes = 0, connected = 0;
	for (unsigned i = 0; i < x->n; i++) {
		struct queue_figures q = queue_figures(&x->to[i].queue);
		flows += q.flows;
		bytes += q.bytes;
		connected += atomic_load(&x->to[i].connected);
	}
	counter_set(COUNTER_proxy_queued_flows, flows);
	counter_set(COUNTER_proxy_queued_bytes, bytes);
	counter_set(COUNTER_proxy_destinations, connected);
	counter_set(COUNTER_proxy_exporters, atomic_load(&x->intake.exporters));
}

static void
control(void *ctx, struct rpc_call *call)
{
	struct proxy *x = ctx;
	char guid[GUID_TEXT];
	if (strcmp(call->op, "destinations") != 0) {
		rpc_reply_error(
			x->proc->ctl, call, "unknown_op", "op", "ft-proxy knows no operation %s", call->op);
		return;
	}
	json_t *list = json_array();
	for (unsigned i = 0; i < x->n; i++)
		json_array_append_new(list, forward_json(&x->to[i]));
	guid_text(x->settings.guid, guid);
	rpc_reply(x->proc->ctl, call, json_pack("{s:s, s:o}", "guid", guid, "destinations", list), NULL, 0,
		false, false);
}

/* ---- destinations ------------------------------------------------------------------------------ */

static int
open_all(struct proxy *x, struct err *err)
{
	if (mkdir(x->settings.queuepath, 0750) != 0 && errno != EEXIST)
		return err_sys(err, "recursion/queuepath %s: can't make the folder", x->settings.queuepath);
	for (x->n = 0; x->n < x->settings.n; x->n++) {
		struct forward *f = &x->to[x->n];
		int rc = forward_open(f, &x->settings.to[x->n], &x->settings, err);
		if (rc == 0)
			rc = forward_start(f, err);
		if (rc != 0) {
			forward_close(f);
			return rc;
		}
	}
	return 0;
}

static void
close_all(struct proxy *x)
{
	while (x->n > 0)
		forward_close(&x->to[--x->n]);
}

/* All connections are made anew; queues stay on disk, so nothing is lost by it.  Datagrams wait in the kernel meanwhile. */
static void
reload(void *ctx, const struct conf *was, const struct conf *now)
{
	struct proxy *x = ctx;
	struct proxy_settings next;
	struct err err = {0};
	(void)was;
	if (settings_read(&next, now, x->guid, &err) != 0) {
		log_critical("%s: the destinations stay as they were", err.text);
		return;
	}
	pthread_mutex_lock(&x->mutex);
	close_all(x);
	memcpy(next.guid, x->settings.guid, sizeof next.guid); /* these two need a restart */
	memcpy(next.queuepath, x->settings.queuepath, sizeof next.queuepath);
	x->settings = next;
	if (open_all(x, &err) != 0)
		log_critical("%s", err.text);
	pthread_mutex_unlock(&x->mutex);
	intake_configure(&x->intake, now);
}

/* ---- the command line -------------------------------------------------------------------------- */

static int
print_guid(void)
{
	uint8_t guid[16];
	char text[GUID_TEXT];
	if (settings_guid_new(guid) != 0) {
		perror("ft-proxy: no random numbers");
		return 111;
	}
	guid_text(guid, text);
	return puts(text) < 0 ? 111 : 0;
}

/* What proc_start does not know is taken out; a configuration of our own is the default.  Returns the new count. */
static int
own_options(struct proxy *x, int argc, char **argv, char **out)
{
	bool configured = false;
	int n = 0;
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "-g") == 0 && i + 1 < argc) {
			x->guid = argv[++i];
			continue;
		}
		configured |= strcmp(argv[i], "-c") == 0;
		out[n++] = argv[i];
	}
	if (!configured) {
		out[n++] = (char *)(uintptr_t) "-c";
		out[n++] = (char *)(uintptr_t) "/etc/flowtrove/flowproxy.conf";
	}
	out[n] = NULL;
	return n;
}

static int
begin(struct proxy *x, struct err *err)
{
	int rc = settings_read(&x->settings, x->proc->conf, x->guid, err);
	if (rc == 0)
		rc = open_all(x, err);
	x->intake.put = on_message;
	x->intake.ctx = x;
	if (rc == 0)
		rc = intake_open(&x->intake, x->proc->conf, x->settings.queuepath, x->settings.guid, err);
	if (rc == 0)
		rc = receive_open(&x->receive, x->proc->conf, &x->intake, err);
	return rc ? rc : receive_start(&x->receive, err);
}

int
main(int argc, char **argv)
{
	static struct proxy x;
	struct proc p = {.ctx = &x, .on_ctl = control, .on_reload = reload};
	struct err err = {0};
	char **options = calloc((size_t)argc + 3, sizeof *options);
	if (options == NULL)
		return 111;
	if (argc == 2 && strcmp(argv[1], "guid") == 0) {
		free(options);
		return print_guid();
	}
	pthread_mutex_init(&x.mutex, NULL);
	x.proc = &p;
	if (proc_start(&p, "ft-proxy", own_options(&x, argc, argv, options), options) != 0) {
		free(options);
		return p.exit_code;
	}
	int rc = begin(&x, &err);
	if (rc == 0) {
		proc_ready(&p);
		while (proc_running(&p)) {
			proc_turn(&p, span_seconds(1));
			figures(&x);
		}
	}
	receive_close(&x.receive);
	intake_close(&x.intake);
	close_all(&x);
	free(options);
	if (rc == 0)
		return proc_stop(&p);
	(void)proc_fail(&p, &err);
	return rc == FT_EINVAL ? 100 : 111;
}
