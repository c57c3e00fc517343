/*
 * rpc_parse.c - request frames (rpc_parse.h).  Size, nesting and string length are checked on the raw bytes first,
 * so that the JSON library never sees what could make it recurse or allocate without bound.
 */
#include "common/rpc_parse.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/contract/rpc.h"

static void __attribute__((format(printf, 4, 5)))
refuse(struct rpc_refusal *why, const char *code, const char *at, const char *fmt, ...)
{
	va_list ap;
	why->code = code;
	snprintf(why->at, sizeof why->at, "%s", at);
	va_start(ap, fmt);
	vsnprintf(why->message, sizeof why->message, fmt, ap);
	va_end(ap);
}

static bool
within_limits(const char *p, size_t n, const struct rpc_limits *l, struct rpc_refusal *why)
{
	unsigned depth = 0;
	size_t begin = 0;
	bool string = false;
	char at[32];
	for (size_t i = 0; i < n; i++) {
		if (string) {
			if (p[i] == '\\')
				i++;
			else if (p[i] == '"')
				string = false;
			if (i - begin > l->string) {
				snprintf(at, sizeof at, "byte %zu", i);
				refuse(why, "too_large", at, "a string has at most %zu bytes", l->string);
				return false;
			}
		} else if (p[i] == '"') {
			string = true;
			begin = i;
		} else if (p[i] == '{' || p[i] == '[') {
			if (++depth > l->depth) {
				snprintf(at, sizeof at, "byte %zu", i);
				refuse(why, "bad_request", at, "nesting goes at most %u deep", l->depth);
				return false;
			}
		} else if ((p[i] == '}' || p[i] == ']') && depth > 0)
			depth--;
	}
	return true;
}

json_t *
rpc_parse(const void *frame, size_t n, const struct rpc_limits *l, json_t **id, struct rpc_refusal *why)
{
	json_error_t e;
	char at[64];
	*id = NULL;
	if (n > l->frame) {
		refuse(why, "too_large", "", "a request has at most %zu bytes, this one %zu", l->frame, n);
		return NULL;
	}
	if (!within_limits(frame, n, l, why))
		return NULL;
	json_t *o = json_loadb(frame, n, JSON_REJECT_DUPLICATES, &e);
	if (o == NULL) {
		snprintf(at, sizeof at, "line %d, column %d", e.line, e.column);
		refuse(why, "bad_request", at, "not JSON: %.150s", e.text);
		return NULL;
	}
	if (!json_is_object(o)) {
		refuse(why, "bad_request", "", "a request is a JSON object");
		json_decref(o);
		return NULL;
	}
	json_t *the_id = json_object_get(o, "id"), *v = json_object_get(o, "v");
	if (the_id && (json_is_string(the_id) || json_is_number(the_id)))
		*id = json_incref(the_id);
	if (the_id && *id == NULL)
		refuse(why, "bad_request", "/id", "id is a string or a number");
	else if (v && !(json_is_integer(v) && json_integer_value(v) == FT_RPC_VERSION))
		refuse(why, "bad_request", "/v", "this server speaks protocol %d", FT_RPC_VERSION);
	else if (!json_is_string(json_object_get(o, "op")))
		refuse(why, "bad_request", "/op", "op is missing or no string");
	else
		return o;
	json_decref(o);
	return NULL;
}
