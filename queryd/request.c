/* request.c - what operations share: members of a checked request, and audit lines around a change. */
#include "queryd/request.h"

#include <string.h>

const char *
request_string(const struct request *r, const char *name, const char *otherwise)
{
	const char *v = json_string_value(json_object_get(r->in, name));
	return v ? v : otherwise;
}

int64_t
request_int(const struct request *r, const char *name, int64_t otherwise)
{
	const json_t *v = json_object_get(r->in, name);
	return v ? json_integer_value(v) : otherwise;
}

bool
request_bool(const struct request *r, const char *name)
{
	return json_is_true(json_object_get(r->in, name));
}

json_t *
request_json(const struct request *r, const char *name)
{
	return json_object_get(r->in, name);
}

bool
request_audited(struct request *r, json_t *details)
{
	struct err err = {0};
	int rc = audit_write(r->server->parts.audit, r->who.name, r->call->peer, r->op->name, details, &err);
	json_decref(details);
	if (rc != 0)
		request_error(r, "refused", NULL,
			"nothing was changed, because the audit log can't be written: %s", err.text);
	return rc == 0;
}

void
request_audit_failure(struct request *r, const char *about, const char *value, const char *why)
{
	json_t *details = json_pack("{s:s*, s:s}", about, value, "failed", why);
	(void)audit_write(r->server->parts.audit, r->who.name, r->call->peer, r->op->name, details,
		NULL); /* refused anyway */
	json_decref(details);
}
