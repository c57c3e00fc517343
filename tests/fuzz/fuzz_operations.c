/* Any JSON object as a request: the table of operations takes it or says where it is wrong, and then the members are of the
 * types that the handlers rely on. */
#include <stdint.h>
#include <string.h>

#include "common/rpc_parse.h"
#include "queryd/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rpc_limits limits = {1u << 16, 16, 4096};
	struct rpc_refusal why = {0};
	struct err err = {0};
	char at[80] = "";
	json_t *id, *o = rpc_parse(data, size, &limits, &id, &why);
	const struct operation *op = o ? operation_find(json_string_value(json_object_get(o, "op"))) : NULL;
	if (op && operation_check(op, o, at, &err) == 0) {
		struct request r = {.op = op, .in = o};
		for (const struct member *m = op->member; m->name; m++) {
			if (m->type == MEMBER_STRING)
				CHECK(!m->must || request_string(&r, m->name, NULL) != NULL);
			if (m->type == MEMBER_INT && json_object_get(o, m->name))
				CHECK(request_int(&r, m->name, -1) >= m->least &&
					request_int(&r, m->name, -1) <= m->most);
			if (m->type == MEMBER_BOOL)
				(void)request_bool(&r, m->name);
		}
	} else if (op)
		CHECK(at[0] == '/' && err.text[0] != 0);
	json_decref(id);
	json_decref(o);
	return 0;
}
