/* err.c - see err.h */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

static const char *const names[] = {
	"ok",
	"invalid",
	"not found",
	"exists",
	"out of memory",
	"system",
	"layout",
	"busy",
	"full",
	"damaged",
	"deadline passed",
	"cancelled",
	"not logged in",
	"not allowed",
	"again",
};

int
err_set(struct err *err, int code, const char *fmt, ...)
{
	if (err == NULL)
		return code;
	err->code = code;
	err->sys = 0;
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	return code;
}

int
err_sys(struct err *err, const char *fmt, ...)
{
	int sys = errno;
	if (err == NULL)
		return FT_ESYS;
	err->code = FT_ESYS;
	err->sys = sys;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof err->text) {
		char why[128];
		/* the GNU strerror_r: the result may or may not be in `why` */
		(void)snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s",
			strerror_r(sys, why, sizeof why));
	}
	errno = sys;
	return FT_ESYS;
}

const char *
err_name(int code)
{
	if (code > 0 || code < 1 - (int)(sizeof names / sizeof names[0]))
		return "unknown";
	return names[-code];
}

void
check_failed(const char *file, int line, const char *what)
{
	(void)fprintf(stderr, "%s:%d: this must hold and does not: %s\n", file, line, what);
	abort();
}
