/* glob.c - see glob.h */
#include "common/glob.h"

#include <ctype.h>
#include <stddef.h>

bool
glob_matches(const char *p, const char *s)
{
	const char *star = NULL, *from = NULL;
	while (*s) {
		if (*p == '*') {
			star = p++;
			from = s;
		} else if (*p == '?' || tolower((unsigned char)*p) == tolower((unsigned char)*s)) {
			p++;
			s++;
		} else if (star) {
			p = star + 1;
			s = ++from;
		} else
			return false;
	}
	while (*p == '*')
		p++;
	return *p == 0;
}
