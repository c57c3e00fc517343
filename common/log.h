/*
 * log.h - structured log lines to stderr or syslog: `LEVEL process: text key=value …`.
 * Levels are the manual's: a message is printed if its level is at most the configured one.
 * Anything an outsider can trigger goes through log_limited(): a token bucket a call site (burst 5, one a
 * second), which says how many lines it swallowed.  No secret is ever logged.
 */
#ifndef FT_LOG_H
#define FT_LOG_H

#include <stdatomic.h>
#include <stdint.h>

enum log_level { LOG_L_ALWAYS, LOG_L_CRITICAL, LOG_L_HIGH, LOG_L_MEDIUM, LOG_L_LOW };

struct log_limit {
	_Atomic int64_t tokens_at_ns;
	_Atomic uint32_t swallowed;
};

/* process: "ft-ingest"; file: NULL for stderr, "syslog", or a path (reopened by log_reopen on SIGHUP) */
void log_open(const char *process, const char *file, enum log_level most);
void log_reopen(void);
void log_set_level(enum log_level most);
int log_level_parse(const char *word, enum log_level *out);
void log_at(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_limited_at(struct log_limit *limit, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_always(...) log_at(LOG_L_ALWAYS, __VA_ARGS__)
#define log_critical(...) log_at(LOG_L_CRITICAL, __VA_ARGS__)
#define log_high(...) log_at(LOG_L_HIGH, __VA_ARGS__)
#define log_medium(...) log_at(LOG_L_MEDIUM, __VA_ARGS__)
#define log_low(...) log_at(LOG_L_LOW, __VA_ARGS__)
#define log_limited(level, ...)                                                                               \
	do {                                                                                                  \
		static struct log_limit limit_here_;                                                          \
		log_limited_at(&limit_here_, (level), __VA_ARGS__);                                           \
	} while (0)

#endif
