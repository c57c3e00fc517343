/*
 * sflow_mib12.c - sFlow MIB 1.2 (RFC 3176 section 3.2): sFlowTable, one row a data source.
 */
#include <stdio.h>
#include <string.h>

#include "snmp/sflow_table.h"

enum {
	OWNER = 2,
	TIMEOUT = 3,
	RATE = 4,
	COUNTERS = 5,
	HEADER = 6,
	DATAGRAM = 7,
	ADDRESS_TYPE = 8,
	ADDRESS = 9,
	PORT = 10,
	VERSION = 11,
	DATAGRAM_VERSION = 4, /* what a switch of this MIB can send at most */
};

static struct session_oid
entry(void)
{
	static const uint32_t table[] = {4, 1};
	return session_name(&sflow_table_12.root, table, 2);
}

/* Rate, interval, collector: RFC 3176 has no order for them once the row is claimed. */
static enum session_outcome
fill_in(struct session *s, const struct sflow_wish *w, const struct sflow_row *row,
	struct session_result *why)
{
	static const char *const address[] = {"sFlowCollectorAddressType", "sFlowCollectorAddress"};
	struct session_oid t = entry();
	struct session_var v[8];
	sflow_destination(
		w, &v[0], address, sflow_column(&t, ADDRESS_TYPE, row), sflow_column(&t, ADDRESS, row));
	v[2] = session_int("sFlowCollectorPort", sflow_column(&t, PORT, row), w->port);
	v[3] = session_int("sFlowPacketSamplingRate", sflow_column(&t, RATE, row), w->sampling);
	v[4] = session_int("sFlowCounterSamplingInterval", sflow_column(&t, COUNTERS, row), w->counters);
	v[5] = session_int("sFlowMaximumHeaderSize", sflow_column(&t, HEADER, row), w->header);
	v[6] = session_int("sFlowMaximumDatagramSize", sflow_column(&t, DATAGRAM, row), w->datagram);
	v[7] = session_int("sFlowDatagramVersion", sflow_column(&t, VERSION, row), DATAGRAM_VERSION);
	return sflow_set(s, v, 8, 0x0f, why);
}

static enum session_outcome
claim(struct session *s, const struct sflow_wish *w, const struct sflow_row *row, struct session_result *why)
{
	struct session_oid t = entry();
	struct session_var timeout = session_int("sFlowTimeout", sflow_column(&t, TIMEOUT, row), w->lease_s);
	struct session_var v[2] = {
		session_bytes("sFlowOwner", sflow_column(&t, OWNER, row), w->owner, strlen(w->owner)),
		timeout};
	bool mine = strcmp(row->text, w->owner) == 0;
	enum session_outcome rc = mine ? session_set(s, &timeout, 1, why) : session_set(s, v, 2, why);
	return rc == SNMP_OK ? fill_in(s, w, row, why) : rc;
}

static enum session_outcome
give_back(struct session *s, const struct sflow_row *row, struct session_result *why)
{
	struct session_oid t = entry();
	struct session_var v = session_bytes("sFlowOwner", sflow_column(&t, OWNER, row), "", 0);
	return session_set(s, &v, 1, why);
}

/* The rates that the switch made of what it was told. */
static void
read_rates(struct session *s, const struct sflow_rows *ours, struct sflow_report *r)
{
	struct sflow_rows rates;
	struct session_result why = {0};
	struct session_oid t = entry();
	if (sflow_rows_read(s, &t, RATE, &rates, &why) == SNMP_OK)
		for (unsigned i = 0, k = 0; i < rates.n && k < ours->n; i++) {
			while (k < ours->n && ours->row[k].interface < rates.row[i].interface)
				k++; /* both come in the order of their names */
			if (k == ours->n || ours->row[k].interface != rates.row[i].interface ||
				ours->row[k].number == 0)
				continue;
			int64_t rate = rates.row[i].number;
			r->rate_least = r->rate_least == 0 || rate < r->rate_least ? rate : r->rate_least;
			r->rate_most = rate > r->rate_most ? rate : r->rate_most;
		}
	sflow_rows_free(&rates);
}

static void
conclude(struct sflow_report *r, const struct session_result *refusal, const char *other)
{
	char text[SNMP_SAID];
	r->state = r->samplers == r->interfaces ? SFLOW_REGISTERED
		   : r->samplers                ? SFLOW_PARTLY
		   : r->owned                   ? SFLOW_OWNED
						: SFLOW_FAILED;
	if (r->refused) {
		r->outcome = refusal->outcome;
		snprintf(text, sizeof text, "%u of %u interfaces refused: %.300s", r->refused, r->interfaces,
			refusal->said);
		sflow_note(r, text);
	}
	if (r->owned) {
		snprintf(text, sizeof text,
			"%u of %u interfaces belong to another collector, \"%.100s\": release them there, or "
			"wait until its timeout has run out",
			r->owned, r->interfaces, other);
		sflow_note(r, text);
	}
}

static void
work(struct session *s, const struct sflow_wish *w, enum sflow_act act, struct sflow_report *r)
{
	struct sflow_rows rows;
	struct session_result why = {0}, refusal = {0};
	struct session_oid t = entry();
	const char *other = "";
	if (sflow_rows_read(s, &t, OWNER, &rows, &why) != SNMP_OK)
		sflow_fail(r, &why);
	for (unsigned i = 0; i < rows.n && r->state != SFLOW_FAILED; i++) {
		struct sflow_row *row = &rows.row[i];
		bool mine = strcmp(row->text, w->owner) == 0;
		row->number = 0; /* 1: it is ours in the end */
		if (row->interface == 0)
			continue;
		r->interfaces++;
		if (!mine && row->text[0]) {
			r->owned++;
			other = row->text;
			continue;
		}
		if (act == SFLOW_LOOK || (act == SFLOW_GIVE_BACK && !mine)) {
			r->samplers += mine;
			continue;
		}
		why.outcome = act == SFLOW_CLAIM ? claim(s, w, row, &why) : give_back(s, row, &why);
		if (why.outcome == SNMP_NO_ANSWER || why.outcome == SNMP_BROKEN) {
			sflow_fail(r, &why);
			break;
		}
		if (why.outcome == SNMP_OK) {
			row->number = act == SFLOW_CLAIM;
			r->samplers += act == SFLOW_CLAIM;
			r->pollers += act == SFLOW_CLAIM && w->counters > 0;
		} else if (r->refused++ == 0)
			refusal = why;
	}
	if (r->state != SFLOW_FAILED && r->interfaces == 0 && (r->version[0] || rows.n)) {
		r->state = SFLOW_FAILED;
		r->outcome = SNMP_NO_SUCH;
		sflow_note(r,
			"the switch has this sFlow MIB but no interface in sFlowTable: turn sFlow on at the "
			"switch");
	} else if (r->state != SFLOW_FAILED && rows.n > 0) {
		if (act == SFLOW_CLAIM)
			read_rates(s, &rows, r);
		conclude(r, &refusal, other);
		if (act != SFLOW_CLAIM && r->samplers == 0 && r->owned < r->interfaces && r->refused == 0)
			r->state = SFLOW_FREE;
	}
	sflow_rows_free(&rows);
}

const struct sflow_table sflow_table_12 = {
	.word = "1.2", .root = {.n = 9, .id = {1, 3, 6, 1, 4, 1, 4300, 1, 1}}, .work = work};
