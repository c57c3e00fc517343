/*
 * guard.c - running code over maps that may be cut short or hold nonsense (snapshot.h).
 *
 * A page of a mapped file that is gone raises SIGBUS in the thread that touched it.  The handler jumps back to
 * that thread's guard; a thread without one gets what it would have got (the earlier handler, or death).
 * Why not read() into a buffer: a scan would copy every column.  Guards nest; the innermost is jumped to.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/snapshot.h"

struct guard {
	sigjmp_buf back;
	bool wild;
	struct guard *outer;
};
static _Thread_local struct guard *volatile guards;

static const int caught[] = {SIGBUS, SIGSEGV, SIGFPE, SIGABRT};
enum { CAUGHT = sizeof caught / sizeof caught[0] };
static struct sigaction before[CAUGHT];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void
on_signal(int sig, siginfo_t *info, void *context)
{
	struct guard *g = guards;
	if (g != NULL && (sig == SIGBUS || g->wild))
		siglongjmp(g->back, 1);
	for (unsigned i = 0; i < CAUGHT; i++) {
		if (caught[i] != sig)
			continue;
		if (before[i].sa_flags & SA_SIGINFO) {
			before[i].sa_sigaction(sig, info, context);
			return;
		}
		/* default: put it back and return, the instruction is tried again and the process dies of it */
		(void)sigaction(sig, &before[i], NULL);
		if (sig == SIGABRT)
			(void)raise(sig);
	}
}

/* Our handlers in place, whoever else has set some since; theirs is called for what is not ours.  A guard is entered
 * once a block, so asking each time is cheap. */
static void
install(bool wild)
{
	struct sigaction mine = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER}, now;
	(void)sigemptyset(&mine.sa_mask);
	for (unsigned i = 0; i < (wild ? CAUGHT : 1u); i++) {
		if (sigaction(caught[i], NULL, &now) != 0 ||
			((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_signal))
			continue;
		(void)pthread_mutex_lock(&lock);
		before[i] = now;
		(void)sigaction(caught[i], &mine, NULL);
		(void)pthread_mutex_unlock(&lock);
	}
}

static int
run(int (*f)(void *ctx), void *ctx, bool wild)
{
	struct guard g = {.wild = wild, .outer = guards};
	int rc;
	install(wild);
	if (sigsetjmp(g.back, 1) == 0) {
		guards = &g;
		rc = f(ctx);
	} else {
		rc = FT_EFORMAT;
	}
	guards = g.outer;
	return rc;
}

int
guard_run(int (*f)(void *ctx), void *ctx)
{
	return run(f, ctx, false);
}

int
guard_run_wild(int (*f)(void *ctx), void *ctx)
{
	return run(f, ctx, true);
}
