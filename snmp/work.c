/*
 * work.c - see work.h.
 *
 * Processes and not threads speak SNMP: what comes from the network is parsed where only one device's credentials are,
 * the library's global state can't mix devices, and a crash of it costs one answer.  posix_spawn and not fork: this
 * process has threads.
 */
#include "snmp/work.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"

enum { THREADS_MOST = 64, JOB_S = 300, ANSWER_MOST = 16 << 20, CHUNK = 65536 };

extern char **environ;

struct work {
	pthread_mutex_t mutex;
	pthread_cond_t given;
	struct work_job *first, **last; /* to be done */
	struct work_job *done;
	bool stop;
	int wake;
	unsigned threads;
	pthread_t thread[THREADS_MOST];
	pid_t running[THREADS_MOST];
	char program[400];
};

struct seat {
	struct work *w;
	unsigned i;
};

static void
wipe(char *s)
{
	if (s)
		explicit_bzero(s, strlen(s));
	free(s);
}

void
work_free(struct work_job *j)
{
	if (j == NULL)
		return;
	wipe(j->request);
	free(j->answer);
	free(j);
}

/* The child gets the two pipes and standard error, nothing else.  0, or errno. */
static int
start(struct work *w, unsigned seat, int in, int out)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t pipes;
	char *argv[] = {w->program, NULL};
	pid_t pid = 0;
	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in, 0);
	posix_spawn_file_actions_adddup2(&files, out, 1);
	posix_spawn_file_actions_addclosefrom_np(&files, 3);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigdefault(&attr, &pipes);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	pthread_mutex_lock(&w->mutex);
	int rc = w->stop ? ECANCELED : posix_spawn(&pid, w->program, &files, &attr, argv, environ);
	if (rc == 0)
		w->running[seat] = pid;
	pthread_mutex_unlock(&w->mutex);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return rc;
}

/* Everything up to the end of the stream; NULL and why if it is too late or too much. */
static char *
read_all(int fd, mono_t end, char *why, size_t room)
{
	size_t n = 0, has = CHUNK;
	char *text = malloc(has);
	for (;;) {
		int64_t left = (end.ns - mono_now().ns) / 1000000;
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (text == NULL || left <= 0 || n >= ANSWER_MOST) {
			snprintf(why, room, "%s",
				text == NULL ? "out of memory"
				: left <= 0
					? "the device was so slow that asking it was given up after 5 minutes"
					: "the device's tables are larger than what is read");
			break;
		}
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		ssize_t got = read(fd, text + n, has - n - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			text[n] = 0;
			return text;
		}
		n += (size_t)got;
		if (has - n < CHUNK / 2) {
			char *more = realloc(text, has *= 2);
			if (more == NULL)
				free(text);
			text = more;
		}
	}
	free(text);
	return NULL;
}

static void
finish(struct work *w, unsigned seat, struct work_job *j)
{
	int status = 0;
	siginfo_t ended;
	pid_t pid = w->running[seat];
	if (j->answer == NULL)
		(void)kill(pid, SIGKILL); /* it may have ended already */
	while (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
	}
	pthread_mutex_lock(&w->mutex);
	w->running[seat] = 0; /* before the number can become another process's: work_close kills by it */
	(void)waitpid(pid, &status, 0);
	pthread_mutex_unlock(&w->mutex);
	if (j->answer == NULL || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
		return;
	free(j->answer);
	j->answer = NULL;
	if (WIFSIGNALED(status))
		snprintf(j->why, sizeof j->why,
			"ft-snmp-job was ended by signal %d while it spoke to the device: its answer may be "
			"malformed",
			WTERMSIG(status));
	else
		snprintf(
			j->why, sizeof j->why, "ft-snmp-job ended with %d; see the log", WEXITSTATUS(status));
}

static void
run(struct work *w, unsigned seat, struct work_job *j)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, rc;
	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		rc = errno;
	else
		rc = start(w, seat, in[0], out[1]);
	for (unsigned i = 0; i < 2; i++) {
		int fd = i ? out[1] : in[0];
		if (fd >= 0)
			close(fd);
	}
	if (rc == 0) {
		/* smaller than a pipe holds, so that this never waits */
		ssize_t n = write(in[1], j->request, strlen(j->request));
		(void)n; /* a child that is gone shows in its status */
		close(in[1]);
		in[1] = -1;
		j->answer =
			read_all(out[0], mono_after(mono_now(), span_seconds(JOB_S)), j->why, sizeof j->why);
		finish(w, seat, j);
	} else
		snprintf(j->why, sizeof j->why, "can't start %.100s: %.60s", w->program, strerror(rc));
	if (in[1] >= 0)
		close(in[1]);
	if (out[0] >= 0)
		close(out[0]);
	wipe(j->request);
	j->request = NULL;
}

static void *
thread(void *arg)
{
	struct seat seat = *(struct seat *)arg;
	struct work *w = seat.w;
	uint64_t one = 1;
	free(arg);
	pthread_mutex_lock(&w->mutex);
	for (;;) {
		while (!w->stop && w->first == NULL)
			pthread_cond_wait(&w->given, &w->mutex);
		if (w->stop)
			break;
		struct work_job *j = w->first;
		w->first = j->next;
		if (w->first == NULL)
			w->last = &w->first;
		pthread_mutex_unlock(&w->mutex);
		run(w, seat.i, j);
		pthread_mutex_lock(&w->mutex);
		j->next = w->done;
		w->done = j;
		ssize_t n = write(w->wake, &one, sizeof one);
		(void)n; /* a full eventfd is readable already */
	}
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

int
work_open(struct work **out, const char *program, unsigned threads, int wake, struct err *err)
{
	struct work *w = calloc(1, sizeof *w);
	*out = w;
	if (w == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->given, NULL);
	w->last = &w->first;
	w->wake = wake;
	snprintf(w->program, sizeof w->program, "%s", program);
	if (access(program, X_OK) != 0)
		return err_sys(err, "%s: can't be run; it belongs beside ft-snmp", program);
	for (unsigned i = 0; i < threads && i < THREADS_MOST; i++) {
		struct seat *seat = malloc(sizeof *seat);
		if (seat == NULL)
			return err_set(err, FT_ENOMEM, "out of memory");
		*seat = (struct seat){w, i};
		if ((errno = pthread_create(&w->thread[i], NULL, thread, seat)) != 0) {
			free(seat);
			return err_sys(err, "can't start a thread");
		}
		w->threads++;
	}
	return 0;
}

void
work_close(struct work *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->mutex);
	w->stop = true;
	for (unsigned i = 0; i < w->threads; i++)
		if (w->running[i] > 1)
			(void)kill(w->running[i], SIGKILL);
	pthread_cond_broadcast(&w->given);
	pthread_mutex_unlock(&w->mutex);
	for (unsigned i = 0; i < w->threads; i++)
		pthread_join(w->thread[i], NULL);
	for (unsigned list = 0; list < 2; list++)
		for (struct work_job *j = list ? w->done : w->first, *next; j; j = next) {
			next = j->next;
			work_free(j);
		}
	pthread_mutex_destroy(&w->mutex);
	pthread_cond_destroy(&w->given);
	free(w);
}

void
work_give(struct work *w, struct work_job *j)
{
	j->next = NULL;
	pthread_mutex_lock(&w->mutex);
	*w->last = j;
	w->last = &j->next;
	pthread_cond_signal(&w->given);
	pthread_mutex_unlock(&w->mutex);
}

struct work_job *
work_done(struct work *w)
{
	pthread_mutex_lock(&w->mutex);
	struct work_job *j = w->done;
	if (j)
		w->done = j->next;
	pthread_mutex_unlock(&w->mutex);
	return j;
}
