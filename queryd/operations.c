/* operations.c - the table of operations, and validation of requests against it (request.h). */
#include <stdio.h>
#include <string.h>

#include "queryd/operations.h"
#include "queryd/request.h"

enum op_index {
#define OP(function, name, kind, right, help) INDEX_##function,
#include "queryd/operations.def"
	OPERATIONS
};

static struct operation table[OPERATIONS] = {
#define OP(function, name, kind, right, help) {name, help, op_##function, OP_##kind, OP_##right, {{0}}},
#include "queryd/operations.def"
};

enum { LIST_STRING = 256 };
enum { NEED_MAY = 0, NEED_MUST = 1 };
static const struct {
	enum op_index op;
	struct member member;
} members[] = {
#define MEMBER(function, member, type, need, least, most, help)                                              \
	{INDEX_##function, {#member, help, MEMBER_##type, NEED_##need, least, most}},
#include "queryd/operations.def"
};

/* give each operation its members */
static void
fill(void)
{
	for (unsigned i = 0; i < sizeof members / sizeof members[0]; i++) {
		struct member *m = table[members[i].op].member;
		while (m->name)
			m++;
		CHECK(m - table[members[i].op].member < 23);
		*m = members[i].member;
	}
}

const struct operation *
operation_find(const char *name)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, fill);
	for (unsigned i = 0; i < OPERATIONS; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

/* ---- validation ------------------------------------------------------------------------------- */

static const char *
type_name(const json_t *v)
{
	static const char *const name[] = {
		"an object", "an array", "a string", "an integer", "a number", "true", "false", "null"};
	return name[json_typeof(v)];
}

static int
check_json(const struct member *m, const json_t *v, struct err *err)
{
	size_t n = json_dumpb(v, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
	if ((int64_t)n > m->most)
		return err_set(err, FT_EINVAL, "%s has at most %lld bytes as JSON, not %zu", m->name,
			(long long)m->most, n);
	return 0;
}

static int
check_list(const struct member *m, const json_t *v, struct err *err)
{
	size_t i;
	json_t *x;
	if (!json_is_array(v))
		return err_set(err, FT_EINVAL, "%s is an array, not %s", m->name, type_name(v));
	if ((int64_t)json_array_size(v) < m->least || (int64_t)json_array_size(v) > m->most)
		return err_set(err, FT_EINVAL, "%s has from %lld to %lld elements, not %zu", m->name,
			(long long)m->least, (long long)m->most, json_array_size(v));
	json_array_foreach (v, i, x)
		if (!json_is_string(x) || json_string_length(x) > LIST_STRING ||
			strlen(json_string_value(x)) != json_string_length(x))
			return err_set(err, FT_EINVAL,
				"%s has strings of at most %d bytes; element %zu is none", m->name,
				LIST_STRING, i + 1);
	return 0;
}

static int
check_member(const struct member *m, const json_t *v, struct err *err)
{
	if (m->type == MEMBER_BOOL)
		return json_is_boolean(v) ? 0
					  : err_set(err, FT_EINVAL, "%s is true or false, not %s", m->name,
						    type_name(v));
	if (m->type == MEMBER_TIME) {
		if (json_is_integer(v) || (json_is_string(v) && json_string_length(v) <= 64))
			return 0;
		return err_set(err, FT_EINVAL,
			"%s is a time as text, or microseconds since 1970 as an integer, not %s", m->name,
			type_name(v));
	}
	if (m->type == MEMBER_INT) {
		if (!json_is_integer(v))
			return err_set(err, FT_EINVAL, "%s is an integer, not %s", m->name, type_name(v));
		int64_t n = json_integer_value(v);
		if (n < m->least || n > m->most)
			return err_set(err, FT_EINVAL, "%s is from %lld to %lld, not %lld", m->name,
				(long long)m->least, (long long)m->most, (long long)n);
		return 0;
	}
	if (m->type == MEMBER_JSON)
		return check_json(m, v, err);
	if (m->type == MEMBER_LIST)
		return check_list(m, v, err);
	if (!json_is_string(v))
		return err_set(err, FT_EINVAL, "%s is a string, not %s", m->name, type_name(v));
	if (strlen(json_string_value(v)) != json_string_length(v))
		return err_set(err, FT_EINVAL, "%s has a NUL in it", m->name);
	if ((int64_t)json_string_length(v) < m->least)
		return err_set(err, FT_EINVAL, "%s is empty", m->name);
	if ((int64_t)json_string_length(v) > m->most)
		return err_set(err, FT_EINVAL, "%s has at most %lld bytes", m->name, (long long)m->most);
	return 0;
}

static const char auth_form[] = "auth has either user and password, or key, or token";

/* {"user", "password"}, {"key"} or {"token"} */
static int
check_auth(const json_t *auth, char at[80], struct err *err)
{
	const char *name;
	json_t *v;
	snprintf(at, 80, "/auth");
	if (auth == NULL)
		return 0; /* the answer to that is `auth`, not `bad_request` */
	if (!json_is_object(auth))
		return err_set(err, FT_EINVAL, "auth is an object, not %s", type_name(auth));
	json_object_foreach ((json_t *)(uintptr_t)auth, name, v) {
		struct member m = {.name = name, .type = MEMBER_STRING, .most = 1024};
		snprintf(at, 80, "/auth/%.64s", name);
		if (strcmp(name, "user") != 0 && strcmp(name, "password") != 0 && strcmp(name, "key") != 0 &&
			strcmp(name, "token") != 0)
			return err_set(err, FT_EINVAL, "%s; not '%.64s'", auth_form, name);
		int rc = check_member(&m, v, err);
		if (rc != 0)
			return rc;
	}
	int key = json_object_get(auth, "key") != NULL, token = json_object_get(auth, "token") != NULL;
	int user = json_object_get(auth, "user") != NULL,
	    password = json_object_get(auth, "password") != NULL;
	snprintf(at, 80, "/auth");
	if (user != password || key + token + user != 1)
		return err_set(err, FT_EINVAL, "%s", auth_form);
	return 0;
}

int
operation_check(const struct operation *op, json_t *request, char at[80], struct err *err)
{
	const char *name;
	json_t *v;
	int rc = check_auth(json_object_get(request, "auth"), at, err);
	if (rc != 0)
		return rc;
	json_object_foreach (request, name, v) {
		const struct member *m = op->member;
		if (strcmp(name, "v") == 0 || strcmp(name, "id") == 0 || strcmp(name, "op") == 0 ||
			strcmp(name, "auth") == 0)
			continue;
		while (m->name && strcmp(m->name, name) != 0)
			m++;
		snprintf(at, 80, "/%.64s", name);
		if (m->name == NULL)
			return err_set(err, FT_EINVAL, "%s has no member '%.64s'", op->name, name);
		rc = check_member(m, v, err);
		if (rc != 0)
			return rc;
	}
	for (const struct member *m = op->member; m->name; m++)
		if (m->must && json_object_get(request, m->name) == NULL) {
			snprintf(at, 80, "/%s", m->name);
			return err_set(err, FT_EINVAL, "%s is missing: %s", m->name, m->help);
		}
	return 0;
}
