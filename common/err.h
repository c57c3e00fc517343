/*
 * err.h - how a failure travels: negative code up, words beside it.
 *
 * Functions return 0 or a negative FT_E…; those that can fail for a reason a person must act on also take
 * a struct err * (may be NULL) and say in it what failed, which file, and what to do.  Nothing below main.c
 * exits.  A programmer's error is CHECK(): always compiled in, aborts with file, line and text.
 */
#ifndef FT_ERR_H
#define FT_ERR_H

enum {
	FT_OK = 0,
	FT_EINVAL = -1,	  /* the caller's or the input's fault */
	FT_ENOENT = -2,	  /* no such thing (any more) */
	FT_EXIST = -3,	  /* there already */
	FT_ENOMEM = -4,
	FT_ESYS = -5,	  /* a system call failed; errno is kept in err->sys */
	FT_ELAYOUT = -6,  /* another version or layout */
	FT_EBUSY = -7,	  /* somebody else holds it */
	FT_EFULL = -8,	  /* a bound is reached */
	FT_EFORMAT = -9,  /* damaged or foreign data */
	FT_ETIME = -10,	  /* deadline passed */
	FT_ECANCEL = -11,
	FT_EAUTH = -12,	  /* not logged in, wrong password */
	FT_EPERM = -13,	  /* logged in, not allowed */
	FT_EAGAIN = -14,
};

struct err {
	int code;
	int sys;	/* errno, if code is FT_ESYS */
	char text[480]; /* one sentence; names the thing and the remedy */
};

/* Fill in err (if not NULL) and return code, so that `return err_set(err, FT_EINVAL, "…", …);` works. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* As err_set with FT_ESYS, errno kept and ": <strerror>" appended. */
int err_sys(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *err_name(int code);

_Noreturn void check_failed(const char *file, int line, const char *what);
#define CHECK(cond) ((cond) ? (void)0 : check_failed(__FILE__, __LINE__, #cond))

#endif
