/* The pool of threads is fair among owners. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "queryd/jobs.h"

static sem_t gate, seen;
static char order[256];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* a job is its name; "!" waits at the gate */
static void
run(void *ctx, void *job)
{
	(void)ctx;
	if (strcmp(job, "!") == 0) {
		sem_post(&seen);
		sem_wait(&gate);
		return;
	}
	pthread_mutex_lock(&mutex);
	strncat(order, job, sizeof order - strlen(order) - 1);
	pthread_mutex_unlock(&mutex);
	sem_post(&seen);
}

static struct jobs *
held_pool(void)
{
	struct jobs *j;
	sem_init(&gate, 0, 0);
	sem_init(&seen, 0, 0);
	order[0] = 0;
	assert_int_equal(jobs_open(&j, 1, run, NULL, NULL), 0);
	assert_int_equal(jobs_put(j, "x", "!"), 0);
	sem_wait(&seen);
	return j;
}

static void
owners_take_turns(void **state)
{
	(void)state;
	struct jobs *j = held_pool();
	static char *const first[] = {"a1", "a2", "a3", "a4"};
	for (unsigned i = 0; i < 4; i++)
		jobs_put(j, "a", first[i]);
	jobs_put(j, "b", "b1");
	jobs_put(j, "c", "c1");
	jobs_put(j, "b", "b2");
	sem_post(&gate);
	for (unsigned i = 0; i < 7; i++)
		sem_wait(&seen);
	assert_string_equal(order, "a1b1c1a2b2a3a4");
	jobs_close(j);
}

static void
what_waits_can_be_taken_back(void **state)
{
	(void)state;
	struct jobs *j = held_pool();
	char *a1 = "a1", *a2 = "a2", *b1 = "b1", *c1 = "c1", *d1 = "d1";
	unsigned waiting, running;
	jobs_put(j, "a", a1);
	jobs_put(j, "a", a2);
	jobs_put(j, "b", b1);
	jobs_put(j, "c", c1);
	assert_true(jobs_remove(j, a1));
	assert_false(jobs_remove(j, a1));
	assert_true(jobs_remove(j, c1)); /* the last owner goes: the next one must still be reached */
	jobs_put(j, "d", d1);
	jobs_count(j, &waiting, &running);
	assert_int_equal(waiting, 3);
	assert_int_equal(running, 1);
	sem_post(&gate);
	for (unsigned i = 0; i < 3; i++)
		sem_wait(&seen);
	assert_string_equal(order, "a2b1d1");
	assert_false(jobs_remove(j, b1));
	jobs_close(j);
}

static void
one_owner_can_not_fill_the_queue(void **state)
{
	(void)state;
	struct jobs *j = held_pool();
	unsigned taken = 0;
	while (taken < 5000 && jobs_put(j, "greedy", "") == 0)
		taken++;
	assert_int_equal(taken, 1000);
	assert_int_equal(jobs_put(j, "modest", "m"), 0);
	sem_post(&gate);
	for (unsigned i = 0; i < 1001; i++)
		sem_wait(&seen);
	assert_string_equal(order, "m");
	jobs_close(j);
}

static void
closing_runs_what_waits(void **state)
{
	(void)state;
	struct jobs *j = held_pool();
	jobs_put(j, "a", "a1");
	jobs_put(j, "b", "b1");
	sem_post(&gate);
	jobs_close(j);
	assert_string_equal(order, "a1b1");
}

/* Both threads are in long jobs: others are let by, but not who has a long one himself. */
static void
what_is_long_lets_others_by(void **state)
{
	(void)state;
	struct jobs *j;
	unsigned waiting, running;
	sem_init(&gate, 0, 0);
	sem_init(&seen, 0, 0);
	order[0] = 0;
	assert_int_equal(jobs_open(&j, 2, run, NULL, NULL), 0);
	assert_int_equal(jobs_let_by(j, (span_t){1000}, 2, NULL), 0);
	for (unsigned i = 0; i < 2; i++) {
		jobs_put(j, "long", "!");
		sem_wait(&seen);
	}
	jobs_put(j, "long", "l3");
	for (unsigned i = 0; i < 20; i++) {
		jobs_put(j, "quick", i == 0 ? "q1" : "");
		sem_wait(&seen);
	}
	assert_string_equal(order, "q1");
	jobs_count(j, &waiting, &running);
	assert_int_equal(waiting, 1);
	sem_post(&gate);
	sem_wait(&seen);
	assert_string_equal(order, "q1l3");
	sem_post(&gate);
	/* those that had given way are replaced */
	for (unsigned i = 0; i < 50; i++) {
		jobs_put(j, "long", "");
		sem_wait(&seen);
	}
	jobs_close(j);
}

static void *
put_many(void *arg)
{
	struct jobs *j = arg;
	for (unsigned i = 0; i < 500; i++)
		while (jobs_put(j, i % 2 ? "odd" : "even", "") != 0) {
		}
	return NULL;
}

static void
many_threads_lose_nothing(void **state)
{
	(void)state;
	struct jobs *j;
	pthread_t t[4];
	sem_init(&seen, 0, 0);
	order[0] = 0;
	assert_int_equal(jobs_open(&j, 4, run, NULL, NULL), 0);
	assert_int_equal(jobs_let_by(j, (span_t){0}, 4, NULL), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, put_many, j);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (unsigned i = 0; i < 2000; i++)
		sem_wait(&seen);
	jobs_close(j);
	assert_int_equal(sem_trywait(&seen), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owners_take_turns),
		cmocka_unit_test(what_waits_can_be_taken_back),
		cmocka_unit_test(one_owner_can_not_fill_the_queue),
		cmocka_unit_test(closing_runs_what_waits),
		cmocka_unit_test(what_is_long_lets_others_by),
		cmocka_unit_test(many_threads_lose_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
