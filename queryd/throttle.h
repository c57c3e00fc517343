/*
 * throttle.h - wrong passwords make the next attempt wait.
 *
 * Counted per account and address together (from the 5th on), and per address alone (from the 20th on): an
 * outsider can't lock somebody out who comes from elsewhere.  Each further wrong one doubles the wait, from 1 s up to
 * 300 s; a right one, or 15 minutes without a wrong one, forgets.  An attempt that comes too early is refused
 * without looking at the password.  Bounded: 4,096 entries, the oldest near its place is replaced.
 * Times are monotonic microseconds.  Thread-safe.
 */
#ifndef FT_QUERYD_THROTTLE_H
#define FT_QUERYD_THROTTLE_H

#include <stdint.h>

struct throttle;

struct throttle *throttle_new(void); /* NULL: no memory */
void throttle_free(struct throttle *t);
/* microseconds to wait; 0: may try */
int64_t throttle_wait(struct throttle *t, const char *account, const char *address, int64_t now_us);
void throttle_wrong(struct throttle *t, const char *account, const char *address, int64_t now_us);
void throttle_right(struct throttle *t, const char *account, const char *address);

#endif
