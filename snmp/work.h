/*
 * work.h - runs ft-snmp-job for one device at a time on each of a few threads, and wakes the main thread with what came
 * back.  A job that takes too long, breaks or writes too much is killed and its end said in words.
 */
#ifndef FT_SNMP_WORK_H
#define FT_SNMP_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct work;

struct work_job {
	struct work_job *next;
	void *owner;   /* the giver's */
	unsigned what; /* the giver's */
	char *request; /* JSON, malloc'd; wiped and freed once it was handed over */
	char *answer;  /* JSON, malloc'd; NULL: it failed */
	char why[200]; /* then: how */
};

/* program: of the job, absolute; wake: an eventfd written when a job is done */
int work_open(struct work **out, const char *program, unsigned threads, int wake, struct err *err);
/* Kills what runs; jobs not taken are freed. */
void work_close(struct work *w);
void work_give(struct work *w, struct work_job *j); /* w owns it until it is taken back */
struct work_job *work_done(struct work *w);	    /* NULL: none is */
void work_free(struct work_job *j);

#endif
