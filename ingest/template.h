/*
 * template.h - templates by (exporter, version, domain, id): the source port is no part of the key, since exporters
 * send options and data from different ports, and restart on another one (RFC 7011 section 8.4 notwithstanding).
 * Over TCP they are of one connection, too, may be withdrawn, and end with it (section 8.1).
 */
#ifndef FT_INGEST_TEMPLATE_H
#define FT_INGEST_TEMPLATE_H

#include "ingest/decode.h"
#include "ingest/learn.h"

enum { TEMPLATE_KEPT = 128 }; /* fields of a template that are kept (kept.h); more are left out, counted */
struct template_kept {
	uint16_t field, offset; /* in the record, if its length is fixed */
};

struct census_template;

struct template
{
	uint32_t exporter, domain, connection;
	uint16_t id;
	uint8_t version;
	bool options;
	bool provisional; /* from before the start: not yet confirmed by the exporter */
	uint32_t start;   /* of ours, that it was loaded from (template.c: groups) */
	struct template_group *group;
	struct template *group_next, **group_at;
	uint16_t n_fields, n_scope;
	struct program *program;
	struct census_template *census; /* where its records are counted (census.h) */
	bool met;                       /* census is settled */
	uint32_t kept_serial;           /* the choice that `kept` was made for; 0: none yet */
	uint16_t n_kept, n_beyond;
	struct template_kept kept[TEMPLATE_KEPT];
	struct template_field field[];
};

struct template_table *template_table_new(void);
void template_table_free(struct template_table *t);
unsigned template_count(const struct template_table *t);
/* Places looked at since the table was made: what a datagram costs here, for tests. */
uint64_t template_steps(const struct template_table *t);

/* the template by which this message's sets `id` are read, or NULL */
struct template *template_find(const struct message *m, uint16_t id);
/* A template set (options: an options template set), its header taken off: v9 set ids 0 and 1, IPFIX 2 and 3. */
void template_set(struct message *m, struct cursor body, bool options);
/* Load what the learn log's file has. */
int template_load(struct decoder *d, struct err *err);
/* How many are known of a source that has no slot yet. */
void template_count_known(const struct decoder *d, struct ft_source *s);
/* Those of connections that are gone. */
void template_disconnect(struct decoder *d, bool (*gone)(void *ctx, uint32_t connection), void *ctx);
/* The exporter restarted: templates not confirmed since our start are void. */
void template_restart(struct decoder *d, uint32_t exporter, uint8_t version, uint32_t domain);
/* Everything of an exporter is void, but what connections that are open have taught: it comes only once. */
void template_forget(struct decoder *d, uint32_t exporter);

#endif
