/*
 * proc.h - the skeleton every daemon's main.c shares.
 *
 *   int main(int argc, char **argv)
 *   {
 *       struct proc p;
 *       if (proc_start(&p, "ft-tracker", argc, argv) != 0)     options, config, log, signals, shm dir,
 *           return p.exit_code;                                 counters; --version and -h end here
 *       … open rings, tables; on failure: return proc_fail(&p, &err);
 *       proc_ready(&p);                                         sd_notify, counters, ctl socket answers
 *       while (proc_running(&p)) …                              loop; proc_turn() handles ctl and signals
 *       … orderly stop
 *       return proc_stop(&p);
 *   }
 *
 * Command line of every daemon: -c FILE, -f (stay in front; always so, accepted for the manual's sake),
 * -n (check the configuration and end), --version, -h.  Exit codes: 0 ok, 100 usage or configuration,
 * 111 system.  Signal handlers set flags and write an eventfd; all work is in the loop.
 */
#ifndef FT_PROC_H
#define FT_PROC_H

#include <stdatomic.h>
#include <stdbool.h>

#include "common/clock.h"
#include "common/conf.h"
#include "common/err.h"
#include "common/rpc.h"

struct proc {
	const char *name;	/* "ft-tracker" */
	const char *role;	/* "tracker" */
	struct conf *conf;
	char shm[200];		/* directory of the segments */
	struct rpc_server *ctl; /* ipc://<rundir>/<role>.ctl */
	int exit_code;
	_Atomic bool stop, reload; /* set by SIGTERM/SIGINT, SIGHUP */
	int wake_fd;		/* eventfd: readable when a flag was set */
	/* called by proc_turn() on SIGHUP with the new configuration after it was found good; what a daemon can't
	 * apply it says through log.  May be NULL. */
	void (*on_reload)(void *ctx, const struct conf *was, const struct conf *now);
	/* answers control operations beyond the common ones (status, counters, reload); may be NULL */
	rpc_handler on_ctl;
	void *ctx;
};

int proc_start(struct proc *p, const char *name, int argc, char **argv);
int proc_fail(struct proc *p, const struct err *err); /* prints what failed and the remedy; returns 111 */
void proc_ready(struct proc *p);
static inline bool
proc_running(const struct proc *p)
{
	return !atomic_load_explicit(&p->stop, memory_order_relaxed);
}
/* Handle signals and control requests; sleeps up to `most` for the next.  Beats once a second. */
void proc_turn(struct proc *p, span_t most);
int proc_stop(struct proc *p); /* last log line, frees; returns exit code */

/* Descriptors kept outside the process (systemd's descriptor store, or ft-sockets): names and numbers of
 * those handed over at start ($LISTEN_FDS, $LISTEN_FDNAMES). */
int proc_kept_fd(const char *name);		 /* -1: none of that name */
int proc_keep_fd(const char *name, int fd);	 /* FDSTORE=1 to $NOTIFY_SOCKET; 0 or FT_ENOENT */
void proc_drop_fd(const char *name);		 /* the keeper lets go of it; the caller closes its own */
/* The i-th kept descriptor and its name; -1: there are no more.  A name that went through systemd has '_' for ':'. */
int proc_kept_at(unsigned i, char *name, size_t room);
/* These may be called by any thread. */
enum { PROC_KEPT_MAX = 2048 + 64 };		 /* netflow/maxconnections, and sockets that listen */
unsigned long proc_raise_files(void);		 /* open files up to the hard limit; returns it */

#endif
