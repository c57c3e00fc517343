/* daemons.c - see daemons.h. */
#include "queryd/daemons.h"

#include <stdio.h>

static int
talk(const struct server *s, const char *role, json_t *body, unsigned seconds, json_t **answer)
{
	char endpoint[440];
	struct rpc_client *c;
	const void *payload;
	size_t n;
	bool more = false;
	*answer = NULL;
	snprintf(endpoint, sizeof endpoint, "ipc://%s/%s.ctl", s->parts.rundir, role);
	int rc = rpc_client_open(&c, endpoint, NULL, NULL);
	if (rc != 0) {
		json_decref(body);
		return rc;
	}
	rc = rpc_client_send(c, body, NULL);
	if (rc == 0)
		rc = rpc_client_next(c, answer, &payload, &n, &more, span_seconds(seconds), NULL);
	rpc_client_close(c);
	return rc;
}

static void
failed(struct request *r, const char *about, const char *why)
{
	if (about)
		request_audit_failure(r, about, request_string(r, about, NULL), why);
}

json_t *
daemons_ask(struct request *r, const char *role, json_t *body, unsigned seconds, const char *about)
{
	char why[80];
	json_t *answer;
	if (talk(r->server, role, body, seconds, &answer) != 0) {
		snprintf(why, sizeof why, "ft-%s does not answer, and only it can do that", role);
		failed(r, about, why);
		request_error(r, "unavailable", NULL, "%s", why);
		return NULL;
	}
	if (json_is_true(json_object_get(answer, "ok")))
		return answer;
	const json_t *e = json_object_get(answer, "error");
	const char *code = json_string_value(json_object_get(e, "code"));
	const char *text = json_string_value(json_object_get(e, "message"));
	snprintf(why, sizeof why, "ft-%s refused without a reason", role);
	failed(r, about, text ? text : why);
	request_error(r, code ? code : "internal", json_string_value(json_object_get(e, "at")), "%s",
		text ? text : why);
	json_decref(answer);
	return NULL;
}

json_t *
daemons_forward(struct request *r, const char *role, unsigned seconds, const char *about)
{
	json_t *body = json_copy(r->in);
	json_object_del(body, "auth");
	json_object_del(body, "id");
	return daemons_ask(r, role, body, seconds, about);
}

json_t *
daemons_try(const struct server *s, const char *role, json_t *body, unsigned seconds)
{
	json_t *answer;
	if (talk(s, role, body, seconds, &answer) == 0 && json_is_true(json_object_get(answer, "ok")))
		return answer;
	json_decref(answer);
	return NULL;
}
