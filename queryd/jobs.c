/*
 * jobs.c - see jobs.h.  Owners with waiting jobs stand in a ring; a free thread takes the first job of the
 * owner at its head, who then goes to the end (or leaves, if that was the last).  One mutex: a job is milliseconds.
 */
#include "queryd/jobs.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
struct jobs {
	pthread_mutex_t mutex;
	pthread_cond_t some;
	struct owner *head, **tail;
	unsigned waiting, running, threads;
	bool stop;
	jobs_run run;
	void *ctx;
	pthread_t thread[THREADS_MOST];
};

/* the mutex is held */
static void *
next(struct jobs *j)
{
	struct owner *o = j->head;
	struct node *n = o->first;
	void *job = n->job;
	o->first = n->next;
	o->n--;
	free(n);
	j->head = o->next;
	if (j->head == NULL)
		j->tail = &j->head;
	if (o->first) {
		o->next = NULL;
		*j->tail = o;
		j->tail = &o->next;
	} else
		free(o);
	j->waiting--;
	return job;
}

static void *
work(void *arg)
{
	struct jobs *j = arg;
	pthread_mutex_lock(&j->mutex);
	for (;;) {
		while (j->head == NULL && !j->stop)
			pthread_cond_wait(&j->some, &j->mutex);
		if (j->head == NULL)
			break;
		void *job = next(j);
		j->running++;
		pthread_mutex_unlock(&j->mutex);
		j->run(j->ctx, job);
		pthread_mutex_lock(&j->mutex);
		j->running--;
	}
	pthread_mutex_unlock(&j->mutex);
	return NULL;
}

int
jobs_open(struct jobs **out, unsigned threads, jobs_run run, void *ctx, struct err *err)
{
	struct jobs *j = calloc(1, sizeof *j);
	sigset_t all, was;
	*out = NULL;
	if (j == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	CHECK(threads > 0 && threads <= THREADS_MOST);
	pthread_mutex_init(&j->mutex, NULL);
	pthread_cond_init(&j->some, NULL);
	j->tail = &j->head;
	j->run = run;
	j->ctx = ctx;
	sigfillset(&all); /* signals are the main thread's */
	pthread_sigmask(SIG_SETMASK, &all, &was);
	while (j->threads < threads && pthread_create(&j->thread[j->threads], NULL, work, j) == 0)
		j->threads++;
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	if (j->threads < threads) {
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
	pthread_mutex_unlock(&j->mutex);
	for (unsigned i = 0; i < j->threads; i++)
		pthread_join(j->thread[i], NULL);
	pthread_cond_destroy(&j->some);
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
