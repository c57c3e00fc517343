/* run.c - one view from words to answer. */
#include "queryd/engine_internal.h"
#include "queryd/view.h"

int
run_view(const struct source *source, const struct services *services, struct query_context *c,
	const struct query_spec *spec, json_t **out, struct err *err)
{
	struct query q;
	struct view v = {0};
	*out = NULL;
	int rc = query_open(&q, spec, c, source, services, err);
	if (rc == 0)
		rc = view_open(&v, &q);
	if (rc == 0)
		rc = view_rank(&v);
	if (rc == 0)
		rc = view_choose(&v);
	if (rc == 0)
		rc = view_detail(&v);
	if (rc == 0)
		rc = view_answer(&v, out);
	view_close(&v);
	query_close(&q);
	return rc;
}
