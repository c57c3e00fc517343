/*
 * engine_internal.h - the engine over any source of blocks, for engine.c and for tests.
 */
#ifndef FT_QUERYD_ENGINE_INTERNAL_H
#define FT_QUERYD_ENGINE_INTERNAL_H

#include "queryd/query.h"

/* as engine_view and engine_sessions of engine.h */
int run_view(const struct source *source, const struct services *services, struct query_context *c,
	const struct query_spec *spec, json_t **out, struct err *err);
int run_sessions(const struct source *source, const struct services *services, struct query_context *c,
	const struct query_spec *spec, int (*write)(void *ctx, const char *bytes, size_t n), void *ctx,
	json_t **summary, struct err *err);
/* engine_grammar of engine.h */
json_t *grammar_json(const struct services *services);

#endif
