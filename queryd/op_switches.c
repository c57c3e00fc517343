/*
 * op_switches.c - devices spoken to by SNMP ("add sFlow switch").  ft-snmp owns them; what an administrator says is handed on,
 * secrets only inwards.  Registering a device takes minutes, so nobody waits for it: `switches.list` says how it went.
 */
#include <string.h>

#include "queryd/daemons.h"
#include "queryd/operations.h"

enum { LIST_S = 10, TEST_S = 60 };

void
op_switches_list(struct request *r)
{
	json_t *answer = daemons_forward(r, "snmp", LIST_S, NULL);
	if (answer)
		request_reply(r, json_pack("{s:O}", "switches", json_object_get(answer, "switches")));
	json_decref(answer);
}

/* names of the members that are set; a value may be a secret */
static json_t *
names_of(const json_t *set)
{
	json_t *list = json_array(), *v;
	const char *name;
	json_object_foreach ((json_t *)(uintptr_t)set, name, v)
		json_array_append_new(list, json_string(name));
	return list;
}

static void
change(struct request *r, unsigned seconds, bool wait)
{
	const char *address = request_string(r, "address", "");
	json_t *details = json_pack("{s:s}", "address", address);
	if (request_json(r, "set"))
		json_object_set_new(details, "set", names_of(request_json(r, "set")));
	if (!request_audited(r, details))
		return;
	json_t *body = json_pack("{s:s, s:s, s:b, s:O*}", "op", r->op->name, "address", address, "wait",
		(int)wait, "set", request_json(r, "set"));
	json_t *answer = daemons_ask(r, "snmp", body, seconds, "address");
	if (answer) {
		json_t *one = json_object_get(answer, "switch"), *result = json_object_get(answer, "result");
		request_reply(r, json_pack("{s:O*, s:O*}", "switch", one, "result", result));
	}
	json_decref(answer);
}

void
op_switches_set(struct request *r)
{
	change(r, LIST_S, false);
}

void
op_switches_refresh(struct request *r)
{
	change(r, LIST_S, false);
}

void
op_switches_forget(struct request *r)
{
	change(r, LIST_S, false);
}

void
op_switches_test(struct request *r)
{
	change(r, TEST_S, true);
}
