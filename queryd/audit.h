/*
 * audit.h - the audit log: one line an administrative act, appended and synced before the act is done.
 *   2026-11-24T13:40:00.123456Z user="admin" from=127.0.0.1 act=users.add name="joe" admin=true
 * If the act then fails, a second line says so (`failed="…"`).  Passwords are never in it.  Values are JSON, so a
 * name can't fake a line.  Thread-safe.
 */
#ifndef FT_QUERYD_AUDIT_H
#define FT_QUERYD_AUDIT_H

#include <jansson.h>

#include "common/err.h"

struct audit;

/* path: of the file, made 0600 if new */
int audit_open(struct audit **out, const char *path, struct err *err);
void audit_close(struct audit *a);
/* after logrotate, or when the path changed */
int audit_reopen(struct audit *a, const char *path, struct err *err);
/* details: members that are written as name=value, may be NULL; borrowed.  An error means nothing may be done. */
int audit_write(struct audit *a, const char *user, const char *from, const char *act, const json_t *details,
	struct err *err);
/* Lines that end before byte `*before` of the file (INT64_MAX: its end), oldest first: an array of strings, new.
 * *before is then where the first of them begins, 0: there are no older ones.  A file that logrotate has put away is not looked at. */
json_t *audit_tail(struct audit *a, unsigned lines, int64_t *before, struct err *err);

#endif
