/*
 * catalog.h - reading and publishing contract/catalog.h's record.
 */
#ifndef FT_CATALOG_H
#define FT_CATALOG_H

#include "common/contract/catalog.h"
#include "common/shm.h"

extern const struct shm_kind catalog_kind;
extern const struct shm_kind open_kind; /* of open blocks */

/* A consistent copy of the record.  Waits for nobody: a writer that dies leaves a whole record selected. */
void catalog_read(const struct ft_catalog *c, struct ft_catalog_record *out);
/* One writer.  seq is set to one more than the record published before. */
void catalog_publish(struct ft_catalog *c, const struct ft_catalog_record *r);

/* "open.<segment>.<block>" */
void open_block_name(char out[64], uint32_t segment, uint32_t block);

#endif
