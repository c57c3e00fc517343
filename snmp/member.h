/*
 * member.h - what an administrator said of a device, as a JSON object of the members of common/switches.def: checked,
 * filled up with defaults, shown without secrets.
 */
#ifndef FT_SNMP_MEMBER_H
#define FT_SNMP_MEMBER_H

#include <jansson.h>

#include "common/err.h"

/* All members with their defaults. */
json_t *members_new(void);
/* Put `from` (an object: member name to value) over `to`, all or nothing; err names the member, *at points to it
 * ("/set/port", static). */
int members_set(json_t *to, const json_t *from, const char **at, struct err *err);
/* Does it hold together: a community for 2c, user and passwords for 3? */
int members_check(const json_t *o, const char **at, struct err *err);
/* A copy without secrets: "has_community": true in their place. */
json_t *members_public(const json_t *o);

const char *member_text(const json_t *o, const char *name); /* "" if absent */

#endif
