/*
 * proc.c - the skeleton of every daemon (proc.h): options, configuration, signals, control socket, readiness, and
 * the descriptors that outlive a process.
 */
#include "common/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/counters.h"
#include "common/crash.h"
#include "common/log.h"
#include "common/shm.h"

enum { EXIT_USAGE_ = 100, EXIT_SYSTEM = 111, KEPT_NAME = 96 };

/* Signal handlers can only reach what is static; a process has one struct proc. */
static struct proc *self;

static void
on_signal(int signo)
{
	int saved = errno;
	uint64_t one = 1;
	if (signo == SIGHUP)
		atomic_store(&self->reload, true);
	else
		atomic_store(&self->stop, true);
	ssize_t n = write(self->wake_fd, &one, sizeof one);
	(void)n; /* a full eventfd is readable already */
	errno = saved;
}

static void
usage(const char *name, FILE *to)
{
	fprintf(to,
		"usage: %s -c FILE [-f] [-n]\n"
		"  -c FILE    configuration (default /etc/flowtrove/flowtrove.conf)\n"
		"  -f         stay in front (always so; accepted for old scripts)\n"
		"  -n         check the configuration and end\n"
		"  --version  print the version and end\n",
		name);
}

/* 0 go on, else the process ends with p->exit_code */
static int
options(struct proc *p, int argc, char **argv, const char **file, bool *check)
{
	*file = "/etc/flowtrove/flowtrove.conf";
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-f") == 0)
			continue;
		if (strcmp(argv[i], "-n") == 0)
			*check = true;
		else if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
			*file = argv[++i];
		else if (strcmp(argv[i], "--version") == 0) {
			printf("%s %s\n", p->name, FT_VERSION);
			return 1;
		} else if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
			usage(p->name, stdout);
			return 1;
		} else {
			fprintf(stderr, "%s: unknown option %s\n", p->name, argv[i]);
			usage(p->name, stderr);
			p->exit_code = EXIT_USAGE_;
			return 1;
		}
	}
	return 0;
}

static int
signals(struct proc *p)
{
	struct sigaction act = {.sa_handler = on_signal};
	p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->wake_fd < 0)
		return FT_ESYS;
	self = p;
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

static int
load(struct proc *p, const char *file)
{
	struct conf_problems problems;
	p->conf = conf_load(file, &problems);
	if (problems.text)
		fputs(problems.text, stderr);
	conf_problems_free(&problems);
	if (p->conf == NULL)
		p->exit_code = EXIT_USAGE_;
	return p->conf ? 0 : FT_EINVAL;
}

static int
make_folder(const char *path, mode_t mode, struct err *err)
{
	char part[512];
	size_t n = strlen(path);
	if (n >= sizeof part)
		return err_set(err, FT_EINVAL, "%s: the path is too long", path);
	for (size_t i = 1; i <= n; i++)
		if (path[i] == '/' || path[i] == 0) {
			memcpy(part, path, i);
			part[i] = 0;
			if (mkdir(part, i == n ? mode : 0755) != 0 && errno != EEXIST)
				return err_sys(err, "%s: can't make the folder", part);
		}
	return 0;
}

static void control(void *ctx, struct rpc_call *call);

static int
control_socket(struct proc *p, struct err *err)
{
	char endpoint[400];
	struct rpc_server_options o = {.handler = control, .ctx = p};
	int rc = make_folder(conf_str(p->conf, CONF_rundir), 0770, err);
	if (rc != 0)
		return rc;
	if (strlen(conf_str(p->conf, CONF_rundir)) + strlen(p->role) > 95)
		return err_set(err, FT_EINVAL,
			"rundir %s: too long for a socket's path (at most 95 characters)",
			conf_str(p->conf, CONF_rundir));
	snprintf(endpoint, sizeof endpoint, "ipc://%s/%s.ctl", conf_str(p->conf, CONF_rundir), p->role);
	rc = rpc_server_open(&p->ctl, endpoint, &o, err);
	if (rc == 0)
		(void)chmod(endpoint + strlen("ipc://"), 0660); /* for the other roles: one group */
	return rc;
}

static void
write_pid_file(const struct proc *p)
{
	char path[500];
	snprintf(path, sizeof path, "%s/%s.pid", conf_str(p->conf, CONF_rundir), p->role);
	FILE *f = fopen(path, "we");
	if (f == NULL)
		return;
	fprintf(f, "%d\n", (int)getpid());
	fclose(f);
}

static void kept_take_over(const struct proc *p);

int
proc_start(struct proc *p, const char *name, int argc, char **argv)
{
	const char *file;
	bool check = false;
	struct err err = {0};
	p->name = name;
	p->role = strncmp(name, "ft-", 3) == 0 ? name + 3 : name;
	p->exit_code = 0;
	if (options(p, argc, argv, &file, &check) != 0)
		return FT_EINVAL;
	umask(027);
	log_open(name, NULL, LOG_L_HIGH);
	if (load(p, file) != 0)
		return FT_EINVAL;
	if (check) {
		printf("%s: good\n", file);
		return FT_EINVAL; /* exit code 0 */
	}
	const char *logfile = conf_str(p->conf, CONF_logfile);
	log_open(name, logfile[0] ? logfile : NULL, (enum log_level)conf_uint(p->conf, CONF_debuglevel));
	crash_init();
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* an old kernel without it is no reason to stop */
	if (signals(p) != 0) {
		err_sys(&err, "can't set up signals");
		proc_fail(p, &err);
		return FT_ESYS;
	}
	if (shm_dir(conf_str(p->conf, CONF_instance), p->shm, sizeof p->shm, &err) != 0 ||
		counters_open(p->shm, p->role, &err) != 0 || control_socket(p, &err) != 0) {
		proc_fail(p, &err);
		return FT_ESYS;
	}
	kept_take_over(p);
	return 0;
}

int
proc_fail(struct proc *p, const struct err *err)
{
	log_critical("%s", err->text);
	p->exit_code = EXIT_SYSTEM;
	return EXIT_SYSTEM;
}

/* ---- readiness and descriptors: systemd's protocol, or ft-sockets that speaks the same way --------- */

static int
notify(const char *text, int fd)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	if (path == NULL || strlen(path) >= sizeof to.sun_path)
		return FT_ENOENT;
	memcpy(to.sun_path, path, strlen(path));
	if (to.sun_path[0] == '@')
		to.sun_path[0] = 0;
	struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} control_room = {0};
	struct msghdr m = {.msg_name = &to,
		.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)),
		.msg_iov = &iov,
		.msg_iovlen = 1};
	if (fd >= 0) {
		m.msg_control = control_room.room;
		m.msg_controllen = sizeof control_room.room;
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		return FT_ESYS;
	ssize_t n = sendmsg(s, &m, MSG_NOSIGNAL);
	close(s);
	return n < 0 ? FT_ESYS : 0;
}

static struct {
	char name[KEPT_NAME];
	int fd;
} kept[PROC_KEPT_MAX];
static unsigned n_kept;
static pthread_mutex_t kept_mutex = PTHREAD_MUTEX_INITIALIZER; /* of all this, once threads run */
static int keeper = -1;                                        /* connection to ft-sockets */
static bool kept_by_keeper;

static void
kept_add(const char *name, int fd)
{
	if (n_kept == PROC_KEPT_MAX)
		return; /* never: ft-sockets keeps no more, and its owners bound what they give */
	snprintf(kept[n_kept].name, KEPT_NAME, "%s", name);
	kept[n_kept++].fd = fd;
}

static void
kept_from_systemd(void)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
	if (pid == NULL || n == NULL || names == NULL || atoi(pid) != (int)getpid())
		return;
	/* systemd allows no ':' in names, so proc_keep_fd writes '_' for it and it is matched so */
	for (int i = 0; i < atoi(n) && *names; i++) {
		char name[KEPT_NAME];
		size_t len = strcspn(names, ":");
		snprintf(name, sizeof name, "%.*s", (int)len, names);
		kept_add(name, 3 + i);
		(void)fcntl(3 + i, F_SETFD, FD_CLOEXEC);
		names += len + (names[len] == ':');
	}
}

/* one message of the keeper: "name" with one descriptor; an empty one ends the list */
static int
keeper_receive(char *name, size_t room, int *fd)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} c;
	struct iovec iov = {name, room - 1};
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.room, .msg_controllen = sizeof c.room};
	ssize_t n = recvmsg(keeper, &m, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return FT_ESYS;
	name[n] = 0;
	*fd = -1;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h))
		if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS)
			memcpy(fd, CMSG_DATA(h), sizeof *fd);
	return n == 0 || *fd < 0 ? FT_ENOENT : 0;
}

static int
keeper_send(const char *name, int fd)
{
	struct iovec iov = {(void *)(uintptr_t)name, strlen(name)};
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} c = {0};
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.room, .msg_controllen = sizeof c.room};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof fd);
	return sendmsg(keeper, &m, MSG_NOSIGNAL) < 0 ? FT_ESYS : 0;
}

static int
keeper_connect(const struct proc *p)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct timeval most = {.tv_sec = 2};
	int n = snprintf(to.sun_path, sizeof to.sun_path, "%s/sockets.keep", conf_str(p->conf, CONF_rundir));
	if (n < 0 || (size_t)n >= sizeof to.sun_path)
		return FT_EINVAL;
	keeper = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (keeper < 0)
		return FT_ESYS;
	/* a keeper that hangs is none */
	(void)setsockopt(keeper, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
	(void)setsockopt(keeper, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
	if (connect(keeper, (struct sockaddr *)&to, sizeof to) == 0)
		return 0;
	close(keeper);
	keeper = -1;
	return FT_ENOENT;
}

/* A keeper of ft-ingest starts beside it under the same supervisor: it waits a little for it to listen.  ft-proxy needs none, and
 * takes one that is there. */
static void
kept_from_keeper(const struct proc *p)
{
	char name[KEPT_NAME];
	int fd;
	bool ingest = strcmp(p->role, "ingest") == 0;
	if (!ingest && strcmp(p->role, "proxy") != 0)
		return;
	for (unsigned turn = 0; keeper_connect(p) != 0; turn++) {
		if (!ingest)
			return;
		if (turn == 40) {
			log_high(
				"no ft-sockets at %s/sockets.keep: a restart of ft-ingest will lose what its "
				"socket queues hold",
				conf_str(p->conf, CONF_rundir));
			return;
		}
		(void)poll(NULL, 0, 50);
	}
	kept_by_keeper = true;
	while (keeper_receive(name, sizeof name, &fd) == 0)
		kept_add(name, fd);
}

/* A keeper that was killed has lost what it held; its successor is given everything again. */
static void
keeper_look(const struct proc *p)
{
	char name[KEPT_NAME];
	int fd = -1;
	ssize_t n = 0;
	if (!kept_by_keeper)
		return;
	if (keeper >= 0)
		n = recv(keeper, name, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	if (keeper >= 0)
		close(keeper);
	if (keeper_connect(p) != 0)
		return; /* next time */
	while (keeper_receive(name, sizeof name, &fd) == 0)
		close(fd);
	for (unsigned i = 0; i < n_kept; i++)
		(void)keeper_send(kept[i].name, kept[i].fd); /* a failure shows as a lost keeper again */
	log_high("ft-sockets is back: it has the sockets again");
}

static void
keeper_watch(const struct proc *p)
{
	pthread_mutex_lock(&kept_mutex);
	keeper_look(p);
	pthread_mutex_unlock(&kept_mutex);
}

static void
kept_take_over(const struct proc *p)
{
	kept_from_systemd();
	if (getenv("NOTIFY_SOCKET") == NULL)
		kept_from_keeper(p);
}

static bool
same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if (*a != *b && !((*a == ':' || *a == '_') && (*b == ':' || *b == '_')))
			return false;
	return *a == *b;
}

static unsigned
kept_find(const char *name)
{
	unsigned i = 0;
	while (i < n_kept && !same_name(kept[i].name, name))
		i++;
	return i;
}

int
proc_kept_fd(const char *name)
{
	pthread_mutex_lock(&kept_mutex);
	unsigned i = kept_find(name);
	int fd = i < n_kept ? kept[i].fd : -1;
	pthread_mutex_unlock(&kept_mutex);
	return fd;
}

int
proc_kept_at(unsigned i, char *name, size_t room)
{
	int fd = -1;
	pthread_mutex_lock(&kept_mutex);
	if (i < n_kept) {
		fd = kept[i].fd;
		snprintf(name, room, "%s", kept[i].name);
	}
	pthread_mutex_unlock(&kept_mutex);
	return fd;
}

/* systemd's way: FDSTORE=1 or FDSTOREREMOVE=1.  FDPOLL=0: a connection whose sender has gone still holds what it sent. */
static int
store_tell(const char *verb, const char *name, int fd)
{
	char text[KEPT_NAME + 48];
	int from = snprintf(text, sizeof text, "%s=1\n%sFDNAME=", verb, fd >= 0 ? "FDPOLL=0\n" : "");
	snprintf(text + from, sizeof text - (size_t)from, "%s", name);
	for (char *c = text + from; *c; c++)
		if (*c == ':')
			*c = '_';
	return notify(text, fd);
}

int
proc_keep_fd(const char *name, int fd)
{
	int rc;
	pthread_mutex_lock(&kept_mutex);
	unsigned i = kept_find(name);
	if (i < n_kept)
		kept[i].fd = fd;
	else
		kept_add(name, fd);
	if (kept_by_keeper)
		rc = keeper >= 0 ? keeper_send(name, fd) : FT_ENOENT;
	else
		rc = store_tell("FDSTORE", name, fd);
	pthread_mutex_unlock(&kept_mutex);
	return rc;
}

void
proc_drop_fd(const char *name)
{
	char text[KEPT_NAME + 1];
	pthread_mutex_lock(&kept_mutex);
	unsigned i = kept_find(name);
	if (i < n_kept)
		kept[i] = kept[--n_kept];
	snprintf(text, sizeof text, "-%s", name);
	if (!kept_by_keeper)
		(void)store_tell("FDSTOREREMOVE", name, -1);
	else if (keeper >= 0) /* a keeper that is away has lost it anyway */
		(void)send(keeper, text, strlen(text), MSG_NOSIGNAL);
	pthread_mutex_unlock(&kept_mutex);
}

unsigned long
proc_raise_files(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return 1024;
	r.rlim_cur = r.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &r); /* lowering none, raising what is allowed: can't be refused */
	return (unsigned long)r.rlim_cur;
}

void
proc_ready(struct proc *p)
{
	write_pid_file(p);
	counters_ready(true);
	(void)notify("READY=1", -1);
	log_high("ready (version %s, instance %s)", FT_VERSION, conf_str(p->conf, CONF_instance));
}

/* ---- the loop --------------------------------------------------------------------------------- */

static void
say_change(void *ctx, enum conf_key key, bool live)
{
	(void)ctx;
	log_high("%s changed%s", conf_name(key), live ? "" : ": takes effect at the next start");
}

/* Threads may still hold texts of an earlier configuration, so it lives as long as the process: some kilobytes for each
 * SIGHUP. */
static struct retired {
	struct conf *c;
	struct retired *next;
} * retired;

static void
retire(struct conf *c)
{
	struct retired *r = malloc(sizeof *r);
	if (r == NULL)
		return;
	*r = (struct retired){c, retired};
	retired = r;
}

static void
free_retired(void)
{
	while (retired) {
		struct retired *r = retired;
		retired = r->next;
		conf_free(r->c);
		free(r);
	}
}

/* 0, or the reason in *why (malloc'd) */
static int
reload(struct proc *p, char **why)
{
	struct conf_problems problems;
	struct conf *now = conf_load(conf_path(p->conf), &problems), *was = p->conf;
	*why = NULL;
	if (now == NULL) {
		for (const char *at = problems.text; at && *at; at += strcspn(at, "\n") + 1)
			log_critical("configuration not applied: %.*s", (int)strcspn(at, "\n"), at);
		*why = problems.text;
		return FT_EINVAL;
	}
	conf_problems_free(&problems);
	conf_diff(was, now, say_change, NULL);
	const char *logfile = conf_str(now, CONF_logfile);
	if (strcmp(logfile, conf_str(was, CONF_logfile)) != 0)
		log_open(p->name, logfile[0] ? logfile : NULL,
			(enum log_level)conf_uint(now, CONF_debuglevel));
	log_reopen();
	log_set_level((enum log_level)conf_uint(now, CONF_debuglevel));
	p->conf = now;
	if (p->on_reload)
		p->on_reload(p->ctx, was, now);
	retire(was);
	log_high("configuration read again");
	return 0;
}

void
proc_turn(struct proc *p, span_t most)
{
	static int64_t beat_ns;
	uint64_t count;
	(void)rpc_server_turn(p->ctl, p->wake_fd, most);
	ssize_t n = read(p->wake_fd, &count, sizeof count);
	(void)n; /* non-blocking: nothing there is fine */
	if (atomic_exchange(&p->reload, false)) {
		char *why;
		(void)reload(p, &why);
		free(why);
	}
	int64_t now = mono_now().ns;
	if (now - beat_ns >= 500000000) {
		beat_ns = now;
		counters_beat();
		(void)notify("WATCHDOG=1", -1);
		keeper_watch(p);
	}
}

int
proc_stop(struct proc *p)
{
	char path[500];
	(void)notify("STOPPING=1", -1);
	counters_ready(false);
	snprintf(path, sizeof path, "%s/%s.pid", conf_str(p->conf, CONF_rundir), p->role);
	(void)unlink(path); /* may be gone already */
	rpc_server_close(p->ctl);
	log_high("stopped in order");
	conf_free(p->conf);
	p->conf = NULL;
	free_retired();
	return p->exit_code;
}

/* ---- what every control socket answers -------------------------------------------------------- */

static json_t *
counters_json(const struct proc *p)
{
	json_t *o = json_object();
	for (unsigned i = 0; i < COUNTERS; i++)
		if (strcmp(counter_rows[i].process, p->role) == 0)
			json_object_set_new(
				o, counter_rows[i].name, json_integer((json_int_t)counter_get(i)));
	return o;
}

static void
control(void *ctx, struct rpc_call *call)
{
	struct proc *p = ctx;
	if (strcmp(call->op, "status") == 0) {
		rpc_reply(p->ctl, call,
			json_pack("{s:s, s:i, s:s, s:b, s:I, s:s, s:o}", "name", p->name, "pid",
				(int)getpid(), "version", FT_VERSION, "ready",
				(int)atomic_load(&counters_mine->ready), "started_us",
				(json_int_t)atomic_load(&counters_mine->started_us), "config",
				conf_path(p->conf), "counters", counters_json(p)),
			NULL, 0, false, false);
		return;
	}
	if (strcmp(call->op, "counters") == 0) {
		rpc_reply(p->ctl, call, json_pack("{s:o}", "counters", counters_json(p)), NULL, 0, false,
			false);
		return;
	}
	if (strcmp(call->op, "reload") == 0) {
		char *why;
		if (reload(p, &why) == 0)
			rpc_reply(p->ctl, call, json_object(), NULL, 0, false, false);
		else
			rpc_reply_error(p->ctl, call, "refused", NULL, "%s", why ? why : "out of memory");
		free(why);
		return;
	}
	if (p->on_ctl) {
		p->on_ctl(p->ctx, call);
		return;
	}
	rpc_reply_error(p->ctl, call, "unknown_op", "/op", "unknown operation '%.64s'", call->op);
}
