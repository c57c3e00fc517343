/* op_server.c - operations on the server itself: status, settings, audit log. */
#include <stdio.h>
#include <string.h>

#include "queryd/operations.h"
#include "queryd/request.h"

void
op_status(struct request *r)
{
	struct server *s = r->server;
	json_t *store = engine_status(s->parts.engine);
	json_t *o = json_pack("{s:s, s:I}", "version", FT_VERSION, "now_us", (json_int_t)wall_now().us);
	json_t *complete = json_object_get(store, "complete_until_us");
	if (complete)
		json_object_set(o, "complete_until_us", complete);
	if (r->who.admin) {
		unsigned waiting, running;
		jobs_count(s->queries, &waiting, &running);
		json_object_set_new(o, "started_us", json_integer(s->started_us));
		json_object_set_new(o, "queries_waiting", json_integer(waiting));
		json_object_set_new(o, "queries_running", json_integer(running));
		json_object_set_new(o, "query_threads", json_integer(s->query_threads));
		json_object_set(o, "store", store);
	}
	json_decref(store);
	request_reply(r, o);
}

void
op_audit_list(struct request *r)
{
	struct err err = {0};
	int64_t before = request_int(r, "before", INT64_MAX);
	json_t *lines =
		audit_tail(r->server->parts.audit, (unsigned)request_int(r, "lines", 100), &before, &err);
	if (lines == NULL)
		request_error(r, "internal", NULL, "%s", err.text);
	else
		request_reply(r, json_pack("{s:o, s:I}", "lines", lines, "before", (json_int_t)before));
}
