/*
 * desk.c - see desk.h.
 */
#include "snmp/desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/counters.h"
#include "common/log.h"
#include "snmp/files.h"
#include "snmp/member.h"
#include "snmp/tell.h"
#include "snmp/work.h"

enum { LEASES = 3, LEASE_LEAST = 60, FIRST_RETRY_S = 60, LOOK_AGAIN_S = 15, PORTS = 4 };

/* ---- ports and exporters -------------------------------------------------------------------------- */

unsigned
desk_port(const struct desk *d, const struct entry *but)
{
	const struct conf *c = d->proc->conf;
	const char *const *words;
	unsigned n = conf_list(c, CONF_sflow_sflowport, &words), best = 0, fewest = 0;
	for (unsigned i = 0; i < n; i++) {
		unsigned port = conf_port(c, CONF_sflow_sflowport, i), has = 0;
		for (unsigned k = 0; k < d->book.n; k++)
			has += d->book.entry[k] != but && d->book.entry[k]->to_port == port;
		if (best == 0 || has < fewest) {
			best = port;
			fewest = has;
		}
	}
	return best;
}

/* A port that is no longer listened at is given up for another. */
static void
settle_port(struct desk *d, struct entry *e)
{
	const char *const *words;
	struct err err = {0};
	unsigned n = conf_list(d->proc->conf, CONF_sflow_sflowport, &words);
	for (unsigned i = 0; i < n; i++)
		if (e->to_port == conf_port(d->proc->conf, CONF_sflow_sflowport, i))
			return;
	e->to_port = desk_port(d, e);
	if (book_store(&d->book, e, &err) != 0)
		log_limited(LOG_L_CRITICAL, "%s", err.text);
}

/* Did an administrator disable the exporter of this address?  ingest's table says so once ingest has run. */
static bool
exporter_disabled(struct desk *d, const char *text)
{
	static const struct shm_kind kind = {FT_EXPORTERS_MAGIC, FT_EXPORTERS_VERSION,
		FT_LAYOUT2(sizeof(struct ft_exporter), sizeof(struct ft_exporters))};
	uint8_t address[16];
	if (d->exporters.base == NULL &&
		shm_open_ro(&d->exporters, d->proc->shm, "exporters", &kind, NULL) != 0)
		return false;
	const struct ft_exporters *t = d->exporters.base;
	uint32_t n = atomic_load_explicit(&t->count, memory_order_acquire);
	if (addr_parse(text, address) != 0)
		return false;
	for (uint32_t i = 0; i < n && i < t->capacity; i++)
		if (memcmp(t->slot[i].address, address, 16) == 0 && t->slot[i].disabled)
			return true;
	return false;
}

/* ---- giving out ----------------------------------------------------------------------------------- */

static char *
request(const struct desk *d, const struct entry *e, unsigned what)
{
	const struct conf *c = d->proc->conf;
	uint64_t lease = conf_uint(c, CONF_snmp_refresh) * LEASES;
	json_int_t port = json_integer_value(json_object_get(e->members, "destination_port"));
	json_t *o = json_copy(e->members);
	json_object_set_new(o, "address", json_string(e->address));
	json_object_set_new(o, "owner", json_string(d->book.owner));
	json_object_set_new(
		o, "lease", json_integer((json_int_t)(lease < LEASE_LEAST ? LEASE_LEAST : lease)));
	json_object_set_new(o, "timeout", json_integer((json_int_t)conf_uint(c, CONF_snmp_timeout)));
	json_object_set_new(o, "retries", json_integer((json_int_t)conf_uint(c, CONF_snmp_retries)));
	json_object_set_new(o, "to_port", json_integer(port ? port : (json_int_t)e->to_port));
	json_object_set_new(o, "interfaces", json_boolean(what & WANT_INTERFACES));
	json_object_set_new(o, "do",
		json_string(what & WANT_RELEASE    ? "release"
			    : what & WANT_TEST     ? "test"
			    : what & WANT_REGISTER ? "register"
						   : "none"));
	char *text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

static bool
yes(const struct entry *e, const char *member)
{
	return json_is_true(json_object_get(e->members, member));
}

/* What is to be done with a device now. */
static unsigned
due(struct desk *d, struct entry *e, mono_t now)
{
	unsigned what = e->want;
	if (e->running)
		return 0;
	if (what & (WANT_RELEASE | WANT_TEST))
		return what;
	if (!yes(e, "enabled"))
		return 0;
	if (e->next.ns <= now.ns)
		what |= WANT_REGISTER;
	if (e->next_interfaces.ns <= now.ns)
		what |= WANT_INTERFACES;
	/* one answer tells all of a device, so the two go together */
	if (what & WANT_INTERFACES)
		what |= WANT_REGISTER;
	if (!yes(e, "sflow"))
		what &= ~(unsigned)WANT_REGISTER;
	if (!yes(e, "interfaces"))
		what &= ~(unsigned)WANT_INTERFACES;
	if (what && exporter_disabled(d, e->address)) {
		e->next = e->next_interfaces = mono_after(now, span_seconds(LOOK_AGAIN_S));
		json_decref(e->result);
		e->result = json_pack("{s:s, s:s}", "state", "exporter disabled", "said",
			"this exporter is disabled, so its registration is left to run out");
		e->result_us = wall_now().us;
		e->want = 0;
		return 0;
	}
	return what;
}

static void
give(struct desk *d, struct entry *e, unsigned what)
{
	struct work_job *j = calloc(1, sizeof *j);
	if (what & WANT_REGISTER)
		settle_port(d, e);
	if (j)
		j->request = request(d, e, what);
	if (j == NULL || j->request == NULL) {
		work_free(j);
		log_limited(LOG_L_CRITICAL, "out of memory");
		return;
	}
	j->owner = e;
	j->what = what;
	e->want = 0;
	e->running = true;
	counter_add(COUNTER_snmp_jobs, 1);
	work_give(d->work, j);
}

/* ---- taking back ---------------------------------------------------------------------------------- */

static bool
good(const char *state)
{
	static const char *const words[] = {"registered", "partly registered", "free", "answers"};
	for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(state, words[i]) == 0)
			return true;
	return false;
}

/* Log lines only where something changed: a switch that is away for a year says so once. */
static void
say_change(const struct entry *e, const json_t *was, const json_t *now)
{
	const char *before = member_text(was, "state"), *state = member_text(now, "state"),
		   *said = member_text(now, "said");
	if (strcmp(before, state) == 0 && strcmp(member_text(was, "said"), said) == 0)
		return;
	log_at(good(state) ? LOG_L_HIGH : LOG_L_CRITICAL, "switch %s: %s%s%s", e->address, state,
		said[0] ? ": " : "", said);
}

static void
schedule(struct desk *d, struct entry *e, unsigned what, bool well)
{
	const struct conf *c = d->proc->conf;
	mono_t now = mono_now();
	int64_t refresh = (int64_t)conf_uint(c, CONF_snmp_refresh),
		poll = (int64_t)conf_uint(c, CONF_snmp_pollinterval);
	int64_t retry = (int64_t)FIRST_RETRY_S << (e->failures < 10 ? e->failures : 10);
	e->failures = well ? 0 : e->failures + 1;
	if (what & (WANT_REGISTER | WANT_INTERFACES))
		e->next = mono_after(now, span_seconds(well || retry > refresh ? refresh : retry));
	if (what & WANT_INTERFACES)
		e->next_interfaces = mono_after(now, span_seconds(well || retry > poll ? poll : retry));
	if ((what & WANT_INTERFACES) && poll == 0)
		e->next_interfaces.ns = INT64_MAX;
}

static void
answer(struct desk *d, struct entry *e, const json_t *result)
{
	if (e->waiting == NULL || e->want)
		return; /* what it waits for comes with the next job */
	rpc_reply(d->proc->ctl, e->waiting,
		json_pack("{s:o, s:O}", "switch", desk_entry_json(d, e), "result", result), NULL, 0, false,
		false);
	e->waiting = NULL;
}

static void
take(struct desk *d, struct work_job *j)
{
	struct entry *e = j->owner;
	struct err err = {0};
	json_t *result = j->answer ? json_loads(j->answer, 0, NULL) : NULL;
	if (!json_is_object(result)) {
		json_decref(result);
		result = json_pack("{s:s, s:s}", "state", "failed", "said",
			j->answer ? "ft-snmp-job said nothing that can be understood" : j->why);
	}
	json_t *interfaces = json_incref(json_object_get(result, "interfaces"));
	bool well = good(member_text(result, "state"));
	json_object_del(result, "interfaces");
	e->running = false;
	if (interfaces && files_write(d->proc, e->address, interfaces, &err) != 0)
		log_limited(LOG_L_CRITICAL, "%s", err.text);
	if (interfaces) {
		e->interfaces = (unsigned)json_array_size(interfaces);
		e->interfaces_us = wall_now().us;
		e->untold = true;
	}
	json_decref(interfaces);
	if (!well)
		counter_add(COUNTER_snmp_failures, 1);
	if (!(j->what & WANT_TEST)) {
		if (!(j->what & WANT_RELEASE))
			say_change(e, e->result, result);
		schedule(d, e, j->what, well);
		json_decref(e->result);
		e->result = json_incref(result);
		e->result_us = wall_now().us;
	}
	answer(d, e, result);
	json_decref(result);
	if (e->forget && e->want == 0) {
		files_remove(d->proc, e->address);
		log_high("switch %s is forgotten", e->address);
		if (book_remove(&d->book, e, &err) != 0)
			log_critical("%s", err.text);
	}
}

/* ---- the turn ------------------------------------------------------------------------------------- */

span_t
desk_turn(struct desk *d)
{
	unsigned registered = 0;
	struct work_job *j;
	while ((j = work_done(d->work)) != NULL) {
		take(d, j);
		work_free(j);
	}
	mono_t now = mono_now();
	for (unsigned i = 0; i < d->book.n; i++) {
		struct entry *e = d->book.entry[i];
		unsigned what = due(d, e, now);
		const char *state = member_text(e->result, "state");
		registered += strcmp(state, "registered") == 0 || strcmp(state, "partly registered") == 0;
		if (what)
			give(d, e, what);
		else if (e->waiting && !e->running)
			answer(d, e, e->result ? e->result : json_null());
	}
	tell_ingest(d);
	counter_set(COUNTER_snmp_switches, d->book.n);
	counter_set(COUNTER_snmp_registered, registered);
	return (span_t){250000};
}

void
desk_hurry(struct desk *d)
{
	for (unsigned i = 0; i < d->book.n; i++)
		d->book.entry[i]->next = d->book.entry[i]->next_interfaces = (mono_t){0};
}

json_t *
desk_entry_json(const struct desk *d, const struct entry *e)
{
	json_t *o = members_public(e->members);
	const char *state = e->running && e->result == NULL ? "being asked"
			    : !yes(e, "enabled")            ? "disabled"
			    : e->result == NULL             ? "waiting"
							    : member_text(e->result, "state");
	json_t *mibs = json_object_get(e->result, "mibs");
	json_object_set_new(o, "address", json_string(e->address));
	json_object_set_new(o, "owner", json_string(d->book.owner));
	json_object_set_new(o, "to_port", json_integer((json_int_t)e->to_port));
	json_object_set_new(o, "state", json_string(state));
	json_object_set_new(o, "said", json_string(member_text(e->result, "said")));
	json_object_set_new(o, "interfaces_said", json_string(member_text(e->result, "interfaces_said")));
	json_object_set_new(o, "device", json_string(member_text(e->result, "device")));
	json_object_set_new(o, "sends_to", json_string(member_text(e->result, "destination")));
	json_object_set_new(o, "asked_us", json_integer(e->result_us));
	json_object_set_new(o, "interfaces_known", json_integer((json_int_t)e->interfaces));
	json_object_set_new(o, "interfaces_us", json_integer(e->interfaces_us));
	json_object_set_new(o, "mibs", mibs ? json_incref(mibs) : json_object());
	return o;
}

int
desk_open(struct desk *d, struct proc *p, struct err *err)
{
	char program[400];
	d->proc = p;
	ssize_t n = readlink("/proc/self/exe", program, sizeof program - 8);
	if (n <= 0)
		return err_sys(err, "/proc/self/exe can't be read, so ft-snmp-job is not found");
	snprintf(program + n, sizeof program - (size_t)n, "-job");
	int rc = book_open(&d->book, conf_str(p->conf, CONF_statedir), conf_str(p->conf, CONF_instance), err);
	if (rc == 0)
		rc = work_open(
			&d->work, program, (unsigned)conf_uint(p->conf, CONF_snmp_jobs), p->wake_fd, err);
	return rc;
}

void
desk_close(struct desk *d)
{
	work_close(d->work);
	shm_close(&d->exporters);
	book_close(&d->book);
}
