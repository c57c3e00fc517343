/*
 * jobs.h - a pool of threads with a waiting queue that is fair among owners: each owner's jobs run in order,
 * owners take turns, so that one user's hundred queries do not keep another's one waiting.
 *
 * A job is a pointer that the pool never looks into; it is in the queue, running or gone.
 */
#ifndef FT_QUERYD_JOBS_H
#define FT_QUERYD_JOBS_H

#include <stdbool.h>

#include "common/err.h"

#include "common/clock.h"

struct jobs;
typedef void (*jobs_run)(void *ctx, void *job);

/* run is called by the pool's threads, once a job; threads 1 … 64 */
int jobs_open(struct jobs **out, unsigned threads, jobs_run run, void *ctx, struct err *err);
/* From now on a job that has run for `after` is a long one: its thread, and those that it starts from then on, leave the processor to
 * others where it is scarce (nice), and while jobs wait for a thread, each long one lets a job beside it, `most` at a
 * time, of an owner who has no long one himself.  So what is quick waits for what is long of others `after` at most, not until
 * it has ended. */
int jobs_let_by(struct jobs *j, span_t after, unsigned most, struct err *err);
/* Waits for running jobs; the caller has cancelled them.  Waiting ones are run too (and end early, cancelled). */
void jobs_close(struct jobs *j);
/* FT_EFULL: 1,000 of this owner, or 10,000 of all, wait already */
int jobs_put(struct jobs *j, const char *owner, void *job);
/* true: it was waiting still and is the caller's again; false: it is running, or gone */
bool jobs_remove(struct jobs *j, const void *job);
/* jobs that wait, and those that run */
void jobs_count(struct jobs *j, unsigned *waiting, unsigned *running);

#endif
