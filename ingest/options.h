/*
 * options.h - what exporters say about themselves in options data: sampling rates, boot time, names of interfaces,
 * VRFs and applications; and waiting sets (waiting.c).
 */
#ifndef FT_INGEST_OPTIONS_H
#define FT_INGEST_OPTIONS_H

#include "ingest/decode.h"
#include "ingest/learn.h"
#include "ingest/template.h"

#define OPTIONS_DEFAULT UINT32_MAX /* the rate of flows that name no sampler */

struct option_table *option_table_new(void);
void option_table_free(struct option_table *t);
/* One options data record.  Bytes it took, or -1 if it is cut short. */
int options_record(struct message *m, const struct template *t, const uint8_t *p, size_t left);
/* What is said of an interface, in options or counter samples of sFlow; what is not said is NULL, 0. */
void options_interface(struct message *m, uint32_t index, const uint8_t *name, size_t name_n,
	const uint8_t *description, size_t description_n, uint64_t speed);
/* rate of a sampler of this message's exporter and domain; 0 unknown */
uint32_t options_rate(const struct option_table *t, const struct message *m, uint32_t sampler);
/* label of the name of an application (RFC 6759), as last told; 0 unknown */
uint32_t options_app_name(const struct option_table *t, const struct message *m, uint64_t app);
/* rate told of the template of a flow, else of its interfaces; 0: none was */
uint32_t options_scoped_rate(
	const struct option_table *t, const struct message *m, unsigned template_id, const struct ft_flow *f);
uint64_t options_init_time(const struct option_table *t, const struct message *m);
int options_load(struct decoder *d, struct err *err);
void options_forget(struct decoder *d, uint32_t exporter);

/* waiting.c: sets that came before their template */
struct waiting *waiting_new(void);
void waiting_free(struct waiting *w);
void waiting_keep(struct message *m, unsigned id, const struct cursor *body);
size_t waiting_sets(const struct waiting *w);
/* Give up what is older than 30 minutes at `now`; returns how many sets. */
unsigned waiting_expire(struct decoder *d, wall_t now);
/* Give up those of connections that are gone: no template can come for them any more. */
void waiting_disconnect(struct decoder *d, bool (*gone)(void *ctx, uint32_t connection), void *ctx);
int waiting_load(struct decoder *d, struct err *err);
void waiting_forget(struct decoder *d, uint32_t exporter);

#endif
