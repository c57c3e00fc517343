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
static pthread_once_t once = PTHREAD_ONCE_INIT, once_wild = PTHREAD_ONCE_INIT;

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

static void
install(unsigned from, unsigned to)
{
	struct sigaction a = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER};
	(void)sigemptyset(&a.sa_mask);
	for (unsigned i = from; i < to; i++)
		(void)sigaction(caught[i], &a, &before[i]);
}

static void
install_bus(void)
{
	install(0, 1);
}

static void
install_wild(void)
{
	install(1, CAUGHT);
}

static int
run(int (*f)(void *ctx), void *ctx, bool wild)
{
	struct guard g = {.wild = wild, .outer = guards};
	int rc;
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
	(void)pthread_once(&once, install_bus);
	return run(f, ctx, false);
}

int
guard_run_wild(int (*f)(void *ctx), void *ctx)
{
	(void)pthread_once(&once, install_bus);
	(void)pthread_once(&once_wild, install_wild);
	return run(f, ctx, true);
}
