/* Names of addresses: asked once, remembered, and nobody waits longer than they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/addr.h"
#include "queryd/hosts.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned asked;
static bool held;

/* 10.0.0.N is host-N; N 0 has no name; while held, nobody gets an answer */
static bool
resolve(const uint8_t address[16], char name[HOSTS_NAME])
{
	pthread_mutex_lock(&mutex);
	asked++;
	while (held)
		pthread_cond_wait(&changed, &mutex);
	pthread_mutex_unlock(&mutex);
	snprintf(name, HOSTS_NAME, "host-%u", address[15]);
	return address[15] != 0;
}

static void
hold(bool yes)
{
	pthread_mutex_lock(&mutex);
	held = yes;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
}

static void
a_name_is_asked_once_and_waited_for_as_long_as_said(void **state)
{
	static struct hosts_answer answer[200];
	uint8_t address[200][16];
	struct hosts *h;
	(void)state;
	for (unsigned i = 0; i < 200; i++)
		addr_from_v4(address[i], (const uint8_t[]){10, 0, 0, (uint8_t)i});
	assert_int_equal(hosts_open(&h, 3, resolve, NULL), 0);
	hosts_ask(h, (const uint8_t(*)[16])address, 200, answer, span_seconds(20));
	unsigned known = 0;
	for (unsigned i = 0; i < 200; i++) {
		assert_int_not_equal(answer[i].state, HOSTS_PENDING);
		known += answer[i].state == HOSTS_KNOWN;
	}
	assert_int_equal(answer[0].state, HOSTS_NONE);
	assert_string_equal(answer[7].name, "host-7");
	assert_int_equal(known, 199);
	unsigned once = asked;
	/* few of them may share a slot, and then push each other out; one alone stays */
	hosts_ask(h, (const uint8_t(*)[16])(address + 199), 1, answer, span_seconds(20));
	hosts_ask(h, (const uint8_t(*)[16])(address + 199), 1, answer, span_seconds(20));
	assert_true(asked <= once + 1);
	hold(true);
	uint8_t other[1][16];
	addr_from_v4(other[0], (const uint8_t[]){10, 0, 1, 5});
	hosts_ask(h, (const uint8_t(*)[16])other, 1, answer, (span_t){0});
	assert_int_equal(answer[0].state, HOSTS_PENDING);
	hold(false);
	hosts_ask(h, (const uint8_t(*)[16])other, 1, answer, span_seconds(20));
	assert_int_equal(answer[0].state, HOSTS_KNOWN);
	hosts_close(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_asked_once_and_waited_for_as_long_as_said)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
