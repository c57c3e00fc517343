/*
 * ft-exporter - counts the flows of an interface or of capture files and sends them as NetFlow v5, v9 or IPFIX.
 *
 * Runs alone: no configuration file, no shared memory, no other process.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/log.h"
#include "exporter/run.h"

enum { EXIT_WRONG = 1, EXIT_USAGE_ = 100, EXIT_SYSTEM = 111 };

static volatile sig_atomic_t stop, report;
static struct options options;
static struct run run;

static void
on_signal(int signo)
{
	if (signo == SIGUSR1)
		report = 1;
	else
		stop = 1;
}

static void
signals(void)
{
	struct sigaction a = {.sa_handler = on_signal};
	(void)sigaction(SIGTERM, &a, NULL);
	(void)sigaction(SIGINT, &a, NULL);
	(void)sigaction(SIGUSR1, &a, NULL);
	a.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &a, NULL);
}

/* Sockets, ring and files are open: nothing else needs to be allowed. */
static int
give_up_privileges(const char *user, struct err *err)
{
	if (geteuid() == 0) {
		const struct passwd *u = getpwnam(user);
		if (u == NULL)
			return err_set(err, FT_ENOENT, "there is no user %s: -u names one to run as", user);
		if (setgroups(0, NULL) != 0 || setgid(u->pw_gid) != 0 || setuid(u->pw_uid) != 0)
			return err_sys(err, "becoming user %s", user);
	}
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return 0;
}

static int
write_pid(const char *path, struct err *err)
{
	if (path == NULL)
		return 0;
	FILE *f = fopen(path, "we");
	if (f == NULL || fprintf(f, "%d\n", (int)getpid()) < 0) {
		int rc = err_sys(err, "%s", path);
		if (f)
			fclose(f);
		return rc;
	}
	return fclose(f) == 0 ? 0 : err_sys(err, "%s", path);
}

static int
fail(const struct err *err, int code)
{
	fprintf(stderr, "ft-exporter: %s\n", err->text);
	return code;
}

int
main(int argc, char **argv)
{
	struct err err = {0};
	int rc = options_parse(&options, argc, argv, &err);
	if (rc == OPTIONS_HELP) {
		fputs(options_help, stdout);
		return 0;
	}
	if (rc == OPTIONS_VERSION) {
		puts("ft-exporter " FT_VERSION);
		return 0;
	}
	if (rc != 0)
		return fail(&err, EXIT_USAGE_);
	log_open("ft-exporter", NULL, LOG_L_MEDIUM);
	signals();
	run.stop = &stop;
	run.report = &report;
	if (write_pid(options.pidfile, &err) != 0 || run_open(&run, &options, &err) != 0)
		rc = fail(&err, EXIT_SYSTEM);
	else if (give_up_privileges(options.user, &err) != 0)
		rc = fail(&err, EXIT_SYSTEM);
	else {
		rc = (options.nic ? run_live : run_files)(&run, &err);
		run_finish(&run);
		run_report(&run);
		if (rc != 0)
			rc = fail(&err, rc == FT_EINVAL ? EXIT_USAGE_ : EXIT_SYSTEM);
	}
	run_close(&run);
	return rc;
}
