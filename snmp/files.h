/*
 * files.h - what devices call their interfaces, for whoever wants to know and until ft-ingest has been told (tell.h):
 * statedir/interfaces/ADDRESS.json, replaced whole by renaming.
 *
 *   {"address": "10.0.0.1", "at_us": 1750000000000000, "source": "snmp",
 *    "interfaces": [{"index": 1, "name": "ge-0/0/1", "description": "uplink", "speed": 1000000000}, …]}
 *
 * at_us: microseconds since 1970 at which it was so; indexes get renumbered.  speed: bits a second, 0 unknown.  Texts are
 * UTF-8 without control characters, name at most 64 bytes, description at most 255; ordered by index, each once.
 */
#ifndef FT_SNMP_FILES_H
#define FT_SNMP_FILES_H

#include <jansson.h>

#include "common/proc.h"

int files_write(const struct proc *p, const char *address, json_t *interfaces, struct err *err);
/* The file as it stands; NULL: there is none, or it is not whole. */
json_t *files_read(const struct proc *p, const char *address);
void files_remove(const struct proc *p, const char *address);

#endif
