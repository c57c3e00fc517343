/*
 * groups.h - traffic groups: names ("Parent/Child") with address blocks; the longest matching block wins.
 * Kept as JSON in DATABASE/groups: [{"name": "Parent/Child", "blocks": ["10.0.0.0/8", …]}, …].
 */
#ifndef FT_STORE_GROUPS_H
#define FT_STORE_GROUPS_H

#include <jansson.h>
#include <stdint.h>

#include "common/err.h"

struct groups;
enum { GROUP_NAME = 255, GROUP_BLOCKS = 1 << 20 };

/* *out NULL without error: there is no file */
int groups_load(struct groups **out, const char *database, struct err *err);
/* Check a list; at: index of the entry that is wrong, err: why. */
int groups_parse(struct groups **out, const json_t *list, size_t *at, struct err *err);
/* Write the list: a new file, synced, renamed over the old one. */
int groups_save(const char *database, const json_t *list, struct err *err);
json_t *groups_json(const struct groups *g); /* new reference; an empty list for NULL */
const char *groups_find(const struct groups *g, const uint8_t address[16]); /* NULL: in none */
void groups_free(struct groups *g);

#endif
