/* log.c - see log.h.  A line is put together on the stack and written with one write(), so lines of several
 * threads and processes do not mix. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"

enum { LINE = 2048, BURST = 5 };
#define REFILL_NS INT64_C(1000000000) /* one line a second */

static const char *const words[] = {"always", "critical", "high", "medium", "low"};
static const char *const shown[] = {"ALWAYS", "CRITICAL", "HIGH", "MEDIUM", "LOW"};
static const int priorities[] = {LOG_NOTICE, LOG_CRIT, LOG_WARNING, LOG_INFO, LOG_DEBUG};

static char process_name[32] = "flowtrove";
static char file_path[256];
static bool to_syslog;
static _Atomic int out_fd = 2;
static _Atomic int most_level = LOG_L_MEDIUM;
static pthread_mutex_t reopen_lock = PTHREAD_MUTEX_INITIALIZER;

void
log_open(const char *process, const char *file, enum log_level most)
{
	(void)snprintf(process_name, sizeof process_name, "%s", process);
	log_set_level(most);
	to_syslog = file != NULL && strcmp(file, "syslog") == 0;
	(void)snprintf(file_path, sizeof file_path, "%s", file != NULL && !to_syslog ? file : "");
	if (to_syslog)
		openlog(process_name, LOG_PID, LOG_DAEMON);
	log_reopen();
}

void
log_reopen(void)
{
	if (to_syslog)
		return;
	pthread_mutex_lock(&reopen_lock);
	if (file_path[0] != '\0') {
		int fd = open(file_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
		int old = atomic_load(&out_fd);
		if (fd < 0) {
			int sys = errno;
			pthread_mutex_unlock(&reopen_lock);
			log_at(LOG_L_CRITICAL, "can't open log file %s (%s); logging goes on where it went",
				file_path, strerror(sys));
			return;
		}
		if (old != 2) {
			/* same descriptor, new file: a thread that is writing right now hits one of the two */
			(void)dup3(fd, old, O_CLOEXEC);
			close(fd);
		} else {
			atomic_store(&out_fd, fd);
		}
	} else {
		atomic_store(&out_fd, 2);
	}
	pthread_mutex_unlock(&reopen_lock);
}

void
log_set_level(enum log_level most)
{
	atomic_store_explicit(&most_level, (int)most, memory_order_relaxed);
}

int
log_level_parse(const char *word, enum log_level *out)
{
	for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strcasecmp(word, words[i]) == 0 || (word[0] == (char)('0' + i) && word[1] == '\0')) {
			*out = (enum log_level)i;
			return FT_OK;
		}
	}
	return FT_EINVAL;
}

static bool
wanted(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&most_level, memory_order_relaxed);
}

static void
emit(enum log_level level, uint32_t swallowed, const char *fmt, va_list ap)
{
	char line[LINE];
	int sys = errno;
	size_t n = 0, text;
	if (!to_syslog) {
		if (file_path[0] != '\0') {
			/* whoever collects stderr stamps lines itself; a file has nobody to do so */
			struct tm tm;
			time_t now = time(NULL);
			(void)gmtime_r(&now, &tm);
			n = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%SZ ", &tm);
		}
		n += (size_t)snprintf(line + n, sizeof line - n, "%s %s: ", shown[level], process_name);
	}
	text = n;
	/* room is left for the note on swallowed lines and the newline */
	size_t room = sizeof line - n - 64;
	errno = sys; /* for %m */
	int k = vsnprintf(line + n, room, fmt, ap);
	n += k < 0 ? 0 : (size_t)k < room ? (size_t)k : room - 1;
	if (swallowed > 0)
		n += (size_t)snprintf(line + n, 64, " swallowed=%u", swallowed);
	/* text may hold what an outsider sent: no control characters reach a terminal or fake a line */
	for (size_t i = text; i < n; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	if (to_syslog) {
		line[n] = '\0';
		syslog(priorities[level], "%s", line);
	} else {
		line[n++] = '\n';
		ssize_t done = write(atomic_load_explicit(&out_fd, memory_order_relaxed), line, n);
		(void)done; /* nowhere to complain to */
	}
	errno = sys;
}

void
log_at(enum log_level level, const char *fmt, ...)
{
	if (!wanted(level))
		return;
	va_list ap;
	va_start(ap, fmt);
	emit(level, 0, fmt, ap);
	va_end(ap);
}

/* The bucket as one number: the time at which it will be full again.  A line moves it on by one refill; it
 * may be at most BURST refills ahead of now.  Returns false if the line is to be swallowed. */
static bool
bucket_take(struct log_limit *limit)
{
	int64_t now = mono_now().ns;
	int64_t at = atomic_load_explicit(&limit->tokens_at_ns, memory_order_relaxed);
	for (;;) {
		int64_t base = at > now ? at : now;
		if (base + REFILL_NS - now > BURST * REFILL_NS)
			return false;
		if (atomic_compare_exchange_weak_explicit(&limit->tokens_at_ns, &at, base + REFILL_NS,
			    memory_order_relaxed, memory_order_relaxed))
			return true;
	}
}

void
log_limited_at(struct log_limit *limit, enum log_level level, const char *fmt, ...)
{
	if (!wanted(level))
		return;
	if (!bucket_take(limit)) {
		atomic_fetch_add_explicit(&limit->swallowed, 1, memory_order_relaxed);
		return;
	}
	uint32_t swallowed = atomic_exchange_explicit(&limit->swallowed, 0, memory_order_relaxed);
	va_list ap;
	va_start(ap, fmt);
	emit(level, swallowed, fmt, ap);
	va_end(ap);
}
