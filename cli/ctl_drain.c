/*
 * ctl_drain.c - `ft-ctl drain`: empties the rings so that they can be made anew in another layout or another
 * number of shards (spec: upgrade and resize).
 *
 * Each daemon in the order of the flow is asked to finish; it answers when nothing is under way any more (contract/rpc.h).
 * Only when all have is anything removed.  The daemons still map what is removed, and do nothing more; SIGTERM ends
 * them in order, and their supervisor starts them on new segments.  The sockets are kept meanwhile and queue.
 * A daemon that is not running is skipped if nothing waits in the ring it reads, else the drain is refused.
 */
#include <errno.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/ctl.h"
#include "common/rpc.h"

enum { DRAIN_S = 300, STAGES = 3 };

static int
ask(const struct conf *c, const char *daemon, pid_t *pid, struct err *err)
{
	char endpoint[400];
	struct rpc_client *client;
	json_t *body = NULL;
	snprintf(endpoint, sizeof endpoint, "ipc://%s/%s.ctl", conf_str(c, CONF_rundir), daemon);
	int rc = rpc_client_open(&client, endpoint, NULL, err);
	if (rc != 0)
		return rc;
	rc = rpc_ask(client, json_pack("{s:s}", "op", "status"), &body, span_seconds(5), err);
	if (rc == 0) {
		*pid = (pid_t)json_integer_value(json_object_get(body, "pid"));
		json_decref(body);
		rc = rpc_ask(client, json_pack("{s:s}", "op", "drain"), &body, span_seconds(DRAIN_S), err);
	}
	json_decref(body);
	rpc_client_close(client);
	return rc;
}

static void
remove_matching(const char *shm, const char *pattern)
{
	char path[300];
	glob_t g;
	snprintf(path, sizeof path, "%s/%s", shm, pattern);
	if (glob(path, 0, NULL, &g) != 0)
		return;
	for (size_t i = 0; i < g.gl_pathc; i++)
		(void)unlink(g.gl_pathv[i]); /* gone already is as good */
	globfree(&g);
}

int
ctl_drain(const struct conf *c, const char *shm, FILE *say, struct err *err)
{
	static const char *const segments[] = {"flow.*", "slice.*", "ingest.*", "tracker", "tracker.*"};
	pid_t pid[STAGES] = {0};
	for (unsigned i = 0; i < STAGES; i++) {
		const char *state = ctl_state(shm, ctl_daemons[i]);
		if (strcmp(state, "ready") != 0)
			return err_set(err, FT_EAGAIN,
				"ft-%s is %s: all of ingest, tracker and store must run to be drained. "
				"Nothing was removed",
				ctl_daemons[i], state);
	}
	for (unsigned i = 0; i < STAGES; i++) {
		int rc = ask(c, ctl_daemons[i], &pid[i], err);
		if (rc != 0) {
			for (unsigned j = 0; j <= i; j++)
				if (pid[j] > 1)
					(void)kill(pid[j], SIGTERM); /* a fresh start ends its pause */
			return rc;
		}
		fprintf(say, "ft-%s is done\n", ctl_daemons[i]);
	}
	for (unsigned i = 0; i < sizeof segments / sizeof segments[0]; i++)
		remove_matching(shm, segments[i]);
	for (unsigned i = 0; i < STAGES; i++)
		if (pid[i] > 1)
			(void)kill(pid[i], SIGTERM);
	for (unsigned i = 0, looks = 0; i < STAGES; i++)
		while (pid[i] > 1 && kill(pid[i], 0) == 0) {
			if (++looks > DRAIN_S * 50)
				return err_set(err, FT_ETIME, "ft-%s (pid %d) does not end", ctl_daemons[i],
					(int)pid[i]);
			(void)poll(NULL, 0, 20);
		}
	fprintf(say, "drained: the rings are removed; the daemons start again on new ones\n");
	return 0;
}
