/*
 * sflow_mib13.c - sFlow MIB 1.3 (sFlow version 5): a receiver is claimed and told where we are; then samplers and pollers
 * of every interface are given to it.
 *
 * An interface has one or more instances of samplers and pollers, so that several collectors can share it; we take the
 * instance that names our receiver already, else the first that names none.  A sampler's other objects may only be set
 * once its receiver is, so the receiver comes first in the same request.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snmp/sflow_table.h"

enum { RECEIVERS = 4, SAMPLERS = 5, POLLERS = 6 }; /* tables */
enum {
	OWNER = 2,
	TIMEOUT = 3,
	DATAGRAM = 4,
	ADDRESS_TYPE = 5,
	ADDRESS = 6,
	PORT = 7,
	VERSION = 8,
	RECEIVER = 3, /* of samplers and pollers */
	RATE = 4,
	HEADER = 5,
	INTERVAL = 4,
	DATAGRAM_VERSION = 5,
};

static struct session_oid
entry(uint32_t table)
{
	const uint32_t name[] = {table, 1};
	return session_name(&sflow_table_13.root, name, 2);
}

/* ---- the receiver ------------------------------------------------------------------------------- */

/* Ours, else (if `claim`) the first free one; NULL: none, and r says so. */
static const struct sflow_row *
choose(const struct sflow_rows *rows, const char *owner, bool claim, struct sflow_report *r)
{
	char text[SNMP_SAID];
	for (unsigned i = 0; i < rows->n; i++)
		if (strcmp(rows->row[i].text, owner) == 0)
			return &rows->row[i];
	for (unsigned i = 0; i < rows->n; i++)
		if (rows->row[i].text[0] == 0) {
			r->state = SFLOW_FREE;
			return claim ? &rows->row[i] : NULL;
		}
	if (rows->n == 0 && r->version[0] == 0)
		return NULL; /* no such MIB */
	if (rows->n == 0) {
		r->state = SFLOW_FAILED;
		r->outcome = SNMP_NO_SUCH;
		sflow_note(r,
			"the switch has this sFlow MIB but no receiver in it: turn sFlow on at the switch");
		return NULL;
	}
	r->state = SFLOW_OWNED;
	r->owned = rows->n;
	snprintf(text, sizeof text,
		"all %u receivers belong to other collectors (\"%.80s\"): release one there or at the "
		"switch, or "
		"wait until its timeout has run out",
		rows->n, rows->row[0].text);
	sflow_note(r, text);
	return NULL;
}

static enum session_outcome
claim(struct session *s, const struct sflow_wish *w, const struct sflow_row *row, struct session_result *why)
{
	static const char *const address[] = {"sFlowRcvrAddressType", "sFlowRcvrAddress"};
	struct session_oid t = entry(RECEIVERS);
	bool mine = strcmp(row->text, w->owner) == 0;
	struct session_var timeout =
		session_int("sFlowRcvrTimeout", sflow_column(&t, TIMEOUT, row), w->lease_s);
	struct session_var v[5] = {
		session_bytes("sFlowRcvrOwner", sflow_column(&t, OWNER, row), w->owner, strlen(w->owner)),
		timeout};
	enum session_outcome rc = mine ? session_set(s, &timeout, 1, why) : session_set(s, v, 2, why);
	if (rc != SNMP_OK)
		return rc;
	sflow_destination(
		w, &v[0], address, sflow_column(&t, ADDRESS_TYPE, row), sflow_column(&t, ADDRESS, row));
	v[2] = session_int("sFlowRcvrPort", sflow_column(&t, PORT, row), w->port);
	v[3] = session_int("sFlowRcvrMaximumDatagramSize", sflow_column(&t, DATAGRAM, row), w->datagram);
	v[4] = session_int("sFlowRcvrDatagramVersion", sflow_column(&t, VERSION, row), DATAGRAM_VERSION);
	return sflow_set(s, v, 5, 0x07, why);
}

/* ---- samplers and pollers ------------------------------------------------------------------------ */

/* What is set in each interface's row besides its receiver. */
struct given {
	uint32_t table, receiver;
	const char *receiver_name, *value_name;
	int64_t value;
	const char *header_name; /* NULL: it has none */
	int64_t header;
};

/* A row that is ours already keeps its receiver: agents of early drafts refuse even the same one again. */
static enum session_outcome
give_row(struct session *s, const struct given *g, const struct sflow_row *row, struct session_result *why)
{
	struct session_oid t = entry(g->table);
	struct session_var v[3];
	unsigned n = 0;
	if (row->number != g->receiver)
		v[n++] = session_int(g->receiver_name, sflow_column(&t, RECEIVER, row), g->receiver);
	v[n++] = session_int(g->value_name, sflow_column(&t, RATE, row), g->value);
	if (g->header_name)
		v[n++] = session_int(g->header_name, sflow_column(&t, HEADER, row), g->header);
	return sflow_set(s, v, n, row->number != g->receiver ? 0x03 : 0x01, why);
}

/* Of the rows from `from` that are of one interface: the one to use, or NULL; *next is behind them. */
static struct sflow_row *
pick(const struct sflow_rows *rows, unsigned from, uint32_t receiver, unsigned *next)
{
	struct sflow_row *vacant = NULL, *ours = NULL;
	unsigned i = from;
	for (; i < rows->n && rows->row[i].interface == rows->row[from].interface; i++) {
		if (rows->row[i].number == receiver && ours == NULL)
			ours = &rows->row[i];
		if (rows->row[i].number == 0 && vacant == NULL)
			vacant = &rows->row[i];
	}
	*next = i;
	return ours ? ours : vacant;
}

struct tally {
	unsigned interfaces, ours, owned, refused;
	struct session_result refusal;
};

static enum session_outcome
give_all(struct session *s, const struct given *g, struct tally *y, struct session_result *why)
{
	struct sflow_rows rows;
	struct session_oid t = entry(g->table);
	enum session_outcome rc = sflow_rows_read(s, &t, RECEIVER, &rows, why);
	for (unsigned i = 0, next; rc == SNMP_OK && i < rows.n; i = next) {
		struct sflow_row *row = pick(&rows, i, g->receiver, &next);
		if (rows.row[i].interface == 0)
			continue;
		y->interfaces++;
		if (row == NULL) {
			y->owned++;
			continue;
		}
		enum session_outcome one = give_row(s, g, row, why);
		if (one == SNMP_NO_ANSWER || one == SNMP_BROKEN)
			rc = one;
		else if (one == SNMP_OK)
			y->ours++;
		else if (y->refused++ == 0)
			y->refusal = *why;
	}
	sflow_rows_free(&rows);
	return rc;
}

static void
read_rates(struct session *s, uint32_t receiver, struct sflow_report *r)
{
	struct sflow_rows rates, receivers = {0};
	struct session_result why = {0};
	struct session_oid t = entry(SAMPLERS);
	if (sflow_rows_read(s, &t, RATE, &rates, &why) == SNMP_OK &&
		sflow_rows_read(s, &t, RECEIVER, &receivers, &why) == SNMP_OK)
		for (unsigned i = 0; i < rates.n && i < receivers.n; i++) {
			int64_t rate = rates.row[i].number;
			if (receivers.row[i].number != receiver || receivers.row[i].interface == 0)
				continue;
			r->rate_least = r->rate_least == 0 || rate < r->rate_least ? rate : r->rate_least;
			r->rate_most = rate > r->rate_most ? rate : r->rate_most;
		}
	sflow_rows_free(&rates);
	sflow_rows_free(&receivers);
}

static void
conclude(struct sflow_report *r, const struct tally *samplers, const struct tally *pollers)
{
	char text[SNMP_SAID];
	const struct tally *bad = samplers->refused ? samplers : pollers;
	r->interfaces = samplers->interfaces;
	r->samplers = samplers->ours;
	r->pollers = pollers->ours;
	r->owned = samplers->owned;
	r->refused = samplers->refused;
	r->state = samplers->ours == samplers->interfaces && pollers->refused == 0 ? SFLOW_REGISTERED
		   : samplers->ours                                                ? SFLOW_PARTLY
		   : samplers->refused                                             ? SFLOW_FAILED
										   : SFLOW_OWNED;
	if (samplers->interfaces == 0) {
		r->state = SFLOW_FAILED;
		r->outcome = SNMP_NO_SUCH;
		sflow_note(r, "the switch took the receiver but has no interface in sFlowFsTable: turn sFlow "
			      "on for "
			      "its ports at the switch");
	}
	if (bad->refused) {
		r->outcome = bad->refusal.outcome;
		snprintf(text, sizeof text, "%u of %u interfaces refused: %.300s", bad->refused,
			bad->interfaces, bad->refusal.said);
		sflow_note(r, text);
	}
	if (samplers->owned) {
		snprintf(text, sizeof text,
			"at %u of %u interfaces every sampler belongs to another collector: release it there "
			"or at "
			"the switch",
			samplers->owned, samplers->interfaces);
		sflow_note(r, text);
	}
}

/* ---- the three acts ------------------------------------------------------------------------------ */

/* The one we use, or SNMP_NO_SUCH with r saying why. */
static enum session_outcome
receiver(struct session *s, const struct sflow_wish *w, bool claiming, struct sflow_row *out,
	struct sflow_report *r, struct session_result *why)
{
	struct sflow_rows rows;
	struct session_oid t = entry(RECEIVERS);
	const struct sflow_row *row = NULL;
	enum session_outcome rc = sflow_rows_read(s, &t, OWNER, &rows, why);
	if (rc == SNMP_OK)
		row = choose(&rows, w->owner, claiming, r);
	else
		sflow_fail(r, why);
	if (row)
		*out = *row;
	sflow_rows_free(&rows);
	return row ? SNMP_OK : SNMP_NO_SUCH;
}

/* Freeing the receiver puts back its samplers and pollers (the MIB says so); where a switch forgets to, they stay
 * pointed at an unclaimed receiver, which sends nothing. */
static void
give_back(struct session *s, const struct sflow_row *row, struct sflow_report *r)
{
	struct session_result why = {0};
	struct session_oid t = entry(RECEIVERS);
	struct session_var v = session_bytes("sFlowRcvrOwner", sflow_column(&t, OWNER, row), "", 0);
	r->state = SFLOW_FREE;
	if (session_set(s, &v, 1, &why) != SNMP_OK) {
		r->state = SFLOW_FAILED;
		sflow_fail(r, &why);
	}
}

static void
register_all(
	struct session *s, const struct sflow_wish *w, const struct sflow_row *row, struct sflow_report *r)
{
	struct session_result why = {0};
	struct tally samplers = {0}, pollers = {0};
	struct given g = {SAMPLERS, row->suffix[0], "sFlowFsReceiver", "sFlowFsPacketSamplingRate",
		w->sampling, "sFlowFsMaximumHeaderSize", w->header};
	struct given c = {
		POLLERS, row->suffix[0], "sFlowCpReceiver", "sFlowCpInterval", w->counters, NULL, 0};
	r->state = SFLOW_FAILED;
	if (claim(s, w, row, &why) != SNMP_OK || give_all(s, &g, &samplers, &why) != SNMP_OK ||
		(w->counters && give_all(s, &c, &pollers, &why) != SNMP_OK)) {
		sflow_fail(r, &why);
		return;
	}
	read_rates(s, row->suffix[0], r);
	conclude(r, &samplers, &pollers);
	if (r->samplers == 0) { /* a receiver that nothing sends to is one less for others */
		enum sflow_state state = r->state;
		give_back(s, row, r);
		r->state = state;
	}
}

static void
work(struct session *s, const struct sflow_wish *w, enum sflow_act act, struct sflow_report *r)
{
	struct session_result why = {0};
	struct sflow_row row;
	if (receiver(s, w, act == SFLOW_CLAIM, &row, r, &why) != SNMP_OK)
		return;
	if (row.n != 1) {
		r->state = SFLOW_FAILED;
		r->outcome = SNMP_BROKEN;
		sflow_note(r, "the switch's receivers have no numbers: its SNMP agent is faulty");
	} else if (act == SFLOW_CLAIM)
		register_all(s, w, &row, r);
	else if (act == SFLOW_GIVE_BACK)
		give_back(s, &row, r);
	else
		r->state = SFLOW_REGISTERED;
}

const struct sflow_table sflow_table_13 = {
	.word = "1.3", .root = {.n = 9, .id = {1, 3, 6, 1, 4, 1, 14706, 1, 1}}, .work = work};
