/*
 * control.c - see control.h.  Requests hold secrets: nothing of them is logged but address and operation.
 */
#include "snmp/control.h"

#include <string.h>

#include "common/log.h"
#include "snmp/member.h"

static void
list(struct desk *d, struct rpc_call *call)
{
	json_t *all = json_array();
	for (unsigned i = 0; i < d->book.n; i++)
		if (!d->book.entry[i]->forget)
			json_array_append_new(all, desk_entry_json(d, d->book.entry[i]));
	rpc_reply(d->proc->ctl, call, json_pack("{s:o}", "switches", all), NULL, 0, false, false);
}

/* The address of a request in its one spelling; false: it was refused. */
static bool
address_of(struct desk *d, struct rpc_call *call, char out[ADDR_TEXT])
{
	uint8_t address[16];
	const char *text = member_text(call->request, "address");
	if (addr_parse(text, address) != 0) {
		rpc_reply_error(d->proc->ctl, call, "bad_request", "/address",
			"address is the IPv4 or IPv6 address of a device, not '%.64s'", text);
		return false;
	}
	addr_text(address, out);
	return true;
}

static struct entry *
known(struct desk *d, struct rpc_call *call)
{
	char address[ADDR_TEXT];
	if (!address_of(d, call, address))
		return NULL;
	struct entry *e = book_find(&d->book, address);
	if (e == NULL || e->forget) {
		rpc_reply_error(d->proc->ctl, call, "not_found", "/address",
			"%s is not registered; register it with: ft-ctl switches set %s", address, address);
		return NULL;
	}
	if (e->waiting) {
		rpc_reply_error(d->proc->ctl, call, "refused", "/address",
			"%s is being asked for somebody else; try again when that is over", address);
		return NULL;
	}
	return e;
}

/* Ask the device now, and answer when it has: the caller sees what the switch says. */
static void
wait_for(struct desk *d, struct entry *e, unsigned want, struct rpc_call *call)
{
	const json_t *wait = json_object_get(call->request, "wait");
	e->want |= want;
	if (json_is_false(wait))
		rpc_reply(d->proc->ctl, call, json_pack("{s:o}", "switch", desk_entry_json(d, e)), NULL, 0,
			false, false);
	else
		e->waiting = call;
}

static json_t *
merged(struct desk *d, struct rpc_call *call, const json_t *now)
{
	struct err err = {0};
	const char *at = "/set";
	json_t *set = json_object_get(call->request, "set"),
	       *o = now ? json_copy((json_t *)(uintptr_t)now) : members_new();
	if (set && !json_is_object(set))
		err_set(&err, FT_EINVAL, "set is an object of members and values");
	else if (set == NULL || members_set(o, set, &at, &err) == 0)
		members_check(o, &at, &err);
	if (err.code == 0)
		return o;
	json_decref(o);
	rpc_reply_error(d->proc->ctl, call, "bad_request", at, "%s", err.text);
	return NULL;
}

static void
set(struct desk *d, struct rpc_call *call)
{
	char address[ADDR_TEXT];
	struct err err = {0};
	if (!address_of(d, call, address))
		return;
	struct entry *e = book_find(&d->book, address);
	bool fresh = e == NULL;
	if (!fresh && (e = known(d, call)) == NULL)
		return;
	if (fresh && d->book.n >= conf_uint(d->proc->conf, CONF_snmp_maxswitches)) {
		rpc_reply_error(d->proc->ctl, call, "limit", "/address",
			"%u devices are registered, and maxswitches allows no more", d->book.n);
		return;
	}
	json_t *members = merged(d, call, fresh ? NULL : e->members);
	if (members == NULL)
		return;
	if (fresh)
		e = book_add(&d->book, address, members);
	else {
		json_decref(e->members);
		e->members = members;
	}
	if (e && e->to_port == 0)
		e->to_port = desk_port(d, e);
	if (e == NULL || book_store(&d->book, e, &err) != 0) {
		rpc_reply_error(d->proc->ctl, call, "internal", NULL, "%s", e ? err.text : "out of memory");
		return;
	}
	log_high("switch %s was %s by an administrator", address, fresh ? "registered" : "changed");
	e->failures = 0;
	bool enabled = json_is_true(json_object_get(e->members, "enabled"));
	wait_for(d, e, enabled ? WANT_REGISTER | WANT_INTERFACES : 0, call);
}

static void
forget(struct desk *d, struct rpc_call *call)
{
	struct entry *e = known(d, call);
	if (e == NULL)
		return;
	/* it gives back what it claimed first; a device that does not answer is forgotten all the same */
	e->forget = true;
	wait_for(d, e, WANT_RELEASE, call);
}

void
control_op(void *desk, struct rpc_call *call)
{
	struct desk *d = desk;
	struct entry *e;
	if (strcmp(call->op, "switches.list") == 0)
		list(d, call);
	else if (strcmp(call->op, "switches.set") == 0)
		set(d, call);
	else if (strcmp(call->op, "switches.forget") == 0)
		forget(d, call);
	else if (strcmp(call->op, "switches.test") == 0) {
		if ((e = known(d, call)) != NULL)
			wait_for(d, e, WANT_TEST, call);
	} else if (strcmp(call->op, "switches.refresh") == 0) {
		if ((e = known(d, call)) != NULL)
			wait_for(d, e, WANT_REGISTER | WANT_INTERFACES, call);
	} else
		rpc_reply_error(
			d->proc->ctl, call, "unknown_op", "/op", "unknown operation '%.64s'", call->op);
}
