/* Any bytes as a request frame: a request with an operation, or a refusal with a code and a sentence. */
#include <stdint.h>
#include <string.h>

#include "common/err.h"
#include "common/rpc_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rpc_limits limits = {1u << 16, 16, 1024};
	struct rpc_refusal why = {0};
	json_t *id, *o = rpc_parse(data, size, &limits, &id, &why);
	if (o)
		CHECK(json_is_string(json_object_get(o, "op")));
	else
		CHECK(why.code != NULL && why.message[0] != 0);
	json_decref(id);
	json_decref(o);
	return 0;
}
