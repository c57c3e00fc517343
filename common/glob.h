/*
 * glob.h - patterns of names: * stands for any run of bytes, ? for one, letters in any case.
 */
#ifndef FT_GLOB_H
#define FT_GLOB_H

#include <stdbool.h>

/* Does the whole text match?  Takes time in proportion to pattern times text at most. */
bool glob_matches(const char *pattern, const char *text);

#endif
