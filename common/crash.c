/* crash.c - see crash.h */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/crash.h"

bool crash_armed;
static _Atomic unsigned long passed;
static unsigned long fatal; /* 0: none */
static int count_fd = -1;

void
crash_point_hit(const char *name)
{
	unsigned long n = atomic_fetch_add(&passed, 1) + 1;
	if (count_fd >= 0) {
		/* one write a line, so that lines of several processes do not mix */
		char line[128];
		int k = snprintf(line, sizeof line, "%s\n", name);
		if (k >= (int)sizeof line)
			k = (int)sizeof line - 1;
		if (write(count_fd, line, (size_t)k) != k) {
			close(count_fd);
			count_fd = -1;
		}
	}
	if (n == fatal) {
		(void)kill(getpid(), SIGKILL);
		for (;;)
			(void)pause(); /* never passes the point */
	}
}

void
crash_init(void)
{
	const char *at = getenv("FT_CRASH_AT"), *count = getenv("FT_CRASH_COUNT");
	atomic_store(&passed, 0);
	fatal = at ? strtoul(at, NULL, 10) : 0;
	if (count_fd >= 0)
		close(count_fd);
	count_fd = count && *count ? open(count, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644) : -1;
	crash_armed = fatal != 0 || count_fd >= 0;
}
