/* guid.h - the number of a proxy, 16 bytes, as it is written: 06d41c48-cf15-4b7f-bd81-b8dcf449c9c5 */
#ifndef FT_GUID_H
#define FT_GUID_H

#include <stdbool.h>
#include <stdint.h>

enum { GUID_TEXT = 37 };

void guid_text(const uint8_t guid[16], char out[GUID_TEXT]);
/* 32 hex digits, and hyphens between bytes or not.  FT_EINVAL: it is none. */
int guid_parse(const char *text, uint8_t out[16]);
/* all zero: no proxy */
bool guid_none(const uint8_t guid[16]);

#endif
