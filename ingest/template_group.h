/*
 * template_group.h - templates that something may happen to all at once (template.c, "Groups").
 */
#ifndef FT_INGEST_TEMPLATE_GROUP_H
#define FT_INGEST_TEMPLATE_GROUP_H

#include "ingest/template.h"

struct template_group {
	struct template_group *next; /* in its bucket; put aside: in groups.aside */
	struct template *first;
	uint32_t exporter, domain, connection, n;
	uint8_t version;
	bool options, aside;
};

struct template_groups {
	struct template_group **bucket;
	struct template_group *aside; /* those whose members are void */
	uint64_t seed;                /* a sender can't foresee which share a bucket */
	uint32_t mask, used, n_void;
	uint64_t steps; /* groups looked at */
};

void groups_open(struct template_groups *g, uint64_t seed); /* .bucket NULL: no memory */
void groups_close(struct template_groups *g);
/* NULL: it has no members */
struct template_group *groups_find(struct template_groups *g, uint32_t exporter, uint8_t version,
	uint32_t domain, uint32_t connection, bool options);
/* A template joins if it is provisional or a connection's. */
void groups_join(struct template_groups *g, struct template *t);
void groups_leave(struct template_groups *g, struct template *t);
/* Its members are void; the next of that name is another group. */
void groups_put_aside(struct template_groups *g, struct template_group *one);
/* One that is void, to be taken out; NULL: there is none. */
struct template *groups_void(struct template_groups *g);

#endif
