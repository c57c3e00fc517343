/*
 * jobs.c - see jobs.h.  Owners with waiting jobs stand in a ring; a free thread takes the first job of the
 * owner at its head, who then goes to the end (or leaves, if that was the last).  One mutex: a job is milliseconds.
 *
 * Threads are counted, not kept: one whose job was long ends with it, since who has given way (nice) may not take that
 * back, and another takes its place; one more than there should be ends when nothing waits.
 */
#include "queryd/jobs.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 128, NICE = 5, LOOK_MS = 50 };
enum { THREADS_MOST = 64, WAITING_MOST = 10000, OWNER_MOST = 1000, OWNER = 140 };

struct node {
	void *job;
	struct node *next;
};
struct owner {
	char name[OWNER];
	struct node *first;
	unsigned n;
	struct owner *next;
};
/* a thread that runs a job */
struct slot {
	char owner[OWNER];
	bool busy, gave_way;
	mono_t since;
	pid_t id;
};
struct jobs {
	pthread_mutex_t mutex;
	pthread_cond_t some, ended, watch; /* a job came; a thread ended; for the minder */
	struct owner *head, **tail;
	unsigned waiting, running;
	unsigned threads, alive; /* as many as wanted; as there are */
	bool stop;
	jobs_run run;
	void *ctx;
	bool minded;
	pthread_t minder;
	span_t after;
	unsigned most;
	struct slot slot[SLOTS];
};

/* the mutex is held; of this owner, who is in the ring */
static void *
take(struct jobs *j, struct owner *o)
{
	struct owner **at = &j->head;
	struct node *n = o->first;
	void *job = n->job;
	o->first = n->next;
	o->n--;
	free(n);
	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	if (j->tail == &o->next)
		j->tail = at;
	if (o->first) {
		o->next = NULL;
		*j->tail = o;
		j->tail = &o->next;
	} else
		free(o);
	j->waiting--;
	return job;
}

/* Does a long job of this owner run? */
static bool
has_long(const struct jobs *j, const char *owner)
{
	for (const struct slot *s = j->slot; s < j->slot + SLOTS; s++)
		if (s->busy && s->gave_way && strcmp(s->owner, owner) == 0)
			return true;
	return false;
}

/* Whose turn it is for one more thread; NULL: nobody's.  Who is let by has nothing long running: else long ones would be
 * let by, and whoever comes after waits again. */
static struct owner *
turn(struct jobs *j)
{
	struct owner *o = j->head;
	if (j->running >= j->threads && !j->stop)
		while (o && has_long(j, o->name))
			o = o->next;
	return o;
}

static void *work(void *arg);

/* the mutex is held */
static bool
start(struct jobs *j)
{
	sigset_t all, was;
	pthread_attr_t detached;
	pthread_t id;
	sigfillset(&all); /* signals are the main thread's */
	pthread_sigmask(SIG_SETMASK, &all, &was);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	bool good = j->alive < SLOTS && pthread_create(&id, &detached, work, j) == 0;
	pthread_attr_destroy(&detached);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	j->alive += good;
	return good;
}

/* the mutex is held, but while the job runs.  true: the thread gave way to others and ends */
static bool
run_one(struct jobs *j, struct owner *o)
{
	struct slot *s = j->slot;
	while (s->busy)
		s++;
	*s = (struct slot){.busy = true, .since = mono_now(), .id = gettid()};
	snprintf(s->owner, sizeof s->owner, "%s", o->name);
	void *job = take(j, o);
	j->running++;
	pthread_cond_signal(&j->watch);
	pthread_mutex_unlock(&j->mutex);
	j->run(j->ctx, job);
	pthread_mutex_lock(&j->mutex);
	j->running--;
	s->busy = false;
	return s->gave_way;
}

static void *
work(void *arg)
{
	struct jobs *j = arg;
	bool tired = false;
	pthread_mutex_lock(&j->mutex);
	while (!tired) {
		struct owner *o;
		while ((o = turn(j)) == NULL && !j->stop && j->alive <= j->threads)
			pthread_cond_wait(&j->some, &j->mutex);
		if (o == NULL)
			break;
		tired = run_one(j, o);
	}
	j->alive--;
	if (tired && j->alive < j->threads && (j->head != NULL || !j->stop))
		(void)start(j);
	pthread_cond_signal(&j->ended);
	pthread_mutex_unlock(&j->mutex);
	return NULL;
}

/* How many run for long; they give way. */
static unsigned
long_ones(struct jobs *j)
{
	unsigned n = 0;
	mono_t now = mono_now();
	for (struct slot *s = j->slot; s < j->slot + SLOTS; s++) {
		if (!s->busy || mono_since(now, s->since).us < j->after.us)
			continue;
		n++;
		if (!s->gave_way && setpriority(PRIO_PROCESS, (id_t)s->id, NICE) == 0)
			s->gave_way = true;
	}
	return n;
}

static void *
mind(void *arg)
{
	struct jobs *j = arg;
	struct timespec until;
	pthread_mutex_lock(&j->mutex);
	while (!j->stop) {
		if (j->running == 0) {
			pthread_cond_wait(&j->watch, &j->mutex);
			continue;
		}
		clock_gettime(CLOCK_MONOTONIC, &until); /* the other clock may be set back meanwhile */
		until.tv_nsec += LOOK_MS * 1000000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		(void)pthread_cond_clockwait(&j->ended, &j->mutex, CLOCK_MONOTONIC, &until);
		unsigned slow = long_ones(j), more = slow < j->most ? slow : j->most;
		if (j->running == j->alive && j->alive < j->threads + more && turn(j) != NULL)
			(void)start(j);
	}
	pthread_mutex_unlock(&j->mutex);
	return NULL;
}

int
jobs_let_by(struct jobs *j, span_t after, unsigned most, struct err *err)
{
	sigset_t all, was;
	j->after = after;
	j->most = most < THREADS_MOST ? most : THREADS_MOST;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	j->minded = pthread_create(&j->minder, NULL, mind, j) == 0;
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	return j->minded ? 0 : err_sys(err, "can't start a thread");
}

int
jobs_open(struct jobs **out, unsigned threads, jobs_run run, void *ctx, struct err *err)
{
	struct jobs *j = calloc(1, sizeof *j);
	*out = NULL;
	if (j == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	CHECK(threads > 0 && threads <= THREADS_MOST);
	pthread_mutex_init(&j->mutex, NULL);
	pthread_cond_init(&j->some, NULL);
	pthread_cond_init(&j->ended, NULL);
	pthread_cond_init(&j->watch, NULL);
	j->tail = &j->head;
	j->run = run;
	j->ctx = ctx;
	j->threads = threads;
	pthread_mutex_lock(&j->mutex);
	while (j->alive < threads && start(j)) {
	}
	bool good = j->alive == threads;
	pthread_mutex_unlock(&j->mutex);
	if (!good) {
		jobs_close(j);
		return err_sys(err, "can't start %u threads", threads);
	}
	*out = j;
	return 0;
}

void
jobs_close(struct jobs *j)
{
	if (j == NULL)
		return;
	pthread_mutex_lock(&j->mutex);
	j->stop = true;
	pthread_cond_broadcast(&j->some);
	pthread_cond_signal(&j->watch);
	pthread_mutex_unlock(&j->mutex);
	if (j->minded)
		pthread_join(j->minder, NULL);
	pthread_mutex_lock(&j->mutex);
	while (j->alive > 0)
		pthread_cond_wait(&j->ended, &j->mutex);
	pthread_mutex_unlock(&j->mutex);
	pthread_cond_destroy(&j->some);
	pthread_cond_destroy(&j->ended);
	pthread_cond_destroy(&j->watch);
	pthread_mutex_destroy(&j->mutex);
	free(j);
}

/* the mutex is held; NULL: no memory */
static struct owner *
owner_of(struct jobs *j, const char *name)
{
	for (struct owner *o = j->head; o; o = o->next)
		if (strcmp(o->name, name) == 0)
			return o;
	struct owner *o = calloc(1, sizeof *o);
	if (o == NULL)
		return NULL;
	snprintf(o->name, sizeof o->name, "%s", name);
	*j->tail = o;
	j->tail = &o->next;
	return o;
}

int
jobs_put(struct jobs *j, const char *owner, void *job)
{
	int rc = FT_EFULL;
	struct node *n = calloc(1, sizeof *n);
	pthread_mutex_lock(&j->mutex);
	struct owner *o = n && j->waiting < WAITING_MOST ? owner_of(j, owner) : NULL;
	if (o && o->n < OWNER_MOST) {
		n->job = job;
		o->n++;
		struct node **at = &o->first;
		while (*at)
			at = &(*at)->next;
		*at = n;
		n = NULL;
		j->waiting++;
		rc = 0;
		pthread_cond_signal(&j->some);
		if (j->running >= j->threads)
			pthread_cond_signal(&j->ended); /* the minder looks at once */
	}
	pthread_mutex_unlock(&j->mutex);
	free(n);
	return rc;
}

bool
jobs_remove(struct jobs *j, const void *job)
{
	bool found = false;
	pthread_mutex_lock(&j->mutex);
	for (struct owner **oat = &j->head, *o; !found && (o = *oat) != NULL; oat = &o->next) {
		for (struct node **at = &o->first, *n; (n = *at) != NULL; at = &n->next)
			if (n->job == job) {
				*at = n->next;
				o->n--;
				free(n);
				j->waiting--;
				found = true;
				break;
			}
		if (found && o->first == NULL) {
			*oat = o->next;
			if (j->tail == &o->next)
				j->tail = oat;
			free(o);
			break;
		}
	}
	pthread_mutex_unlock(&j->mutex);
	return found;
}

void
jobs_count(struct jobs *j, unsigned *waiting, unsigned *running)
{
	pthread_mutex_lock(&j->mutex);
	*waiting = j->waiting;
	*running = j->running;
	pthread_mutex_unlock(&j->mutex);
}
