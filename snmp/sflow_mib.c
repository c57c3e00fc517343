/*
 * sflow_mib.c - see sflow_mib.h: what both versions share; the tables are sflow_mib12.c and sflow_mib13.c.
 */
#include "snmp/sflow_mib.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "snmp/sflow_table.h"

static const struct sflow_table *const tables[SFLOW_MIBS] = {&sflow_table_12, &sflow_table_13};

const char *
sflow_mib_word(enum sflow_mib mib)
{
	return tables[mib]->word;
}

const char *
sflow_state_word(enum sflow_state state)
{
	static const char *const words[] = {"no such MIB", "registered", "partly registered",
		"owned by another collector", "failed", "free"};
	return words[state];
}

void
sflow_fail(struct sflow_report *r, const struct session_result *why)
{
	r->state = why->outcome == SNMP_NO_SUCH && r->state == SFLOW_ABSENT ? SFLOW_ABSENT : SFLOW_FAILED;
	r->outcome = why->outcome;
	snprintf(r->said, sizeof r->said, "%s", why->said);
}

void
sflow_note(struct sflow_report *r, const char *text)
{
	size_t n = strlen(r->said);
	snprintf(r->said + n, sizeof r->said - n, "%s%s", n ? "; " : "", text);
}

/* "1.3;Acme;2.0.1": a manager must not touch a MIB newer than it knows (sFlowVersion's own text). */
static bool
known(const struct sflow_table *t, struct sflow_report *r)
{
	double has = strtod(r->version, NULL), knows = strtod(t->word, NULL);
	if (has <= knows + 1e-9)
		return true;
	r->state = SFLOW_FAILED;
	r->outcome = SNMP_REFUSED;
	snprintf(r->said, sizeof r->said,
		"the switch has version %.16s of this sFlow MIB, newer than %s, which is known here: set up "
		"sFlow at "
		"the switch itself",
		r->version, t->word);
	return false;
}

/* true: the MIB is there and may be used */
static bool
there(struct session *s, const struct sflow_table *t, struct sflow_report *r)
{
	static const uint32_t version[] = {1, 0};
	struct session_result why = {0};
	struct session_var v = {.name = "sFlowVersion", .oid = session_name(&t->root, version, 2)};
	*r = (struct sflow_report){.state = SFLOW_ABSENT};
	if (session_get(s, &v, 1, &why) != SNMP_OK && why.outcome != SNMP_NO_SUCH) {
		sflow_fail(r, &why);
		return false;
	}
	if (v.type == SNMP_STRING)
		for (unsigned i = 0; i < v.bytes && i < sizeof r->version - 1; i++)
			r->version[i] = isprint(v.string[i]) ? (char)v.string[i] : '?';
	return known(t, r);
}

void
sflow_register(struct session *s, enum sflow_mib mib, const struct sflow_wish *w, struct sflow_report *r)
{
	if (there(s, tables[mib], r))
		tables[mib]->work(s, w, SFLOW_CLAIM, r);
}

void
sflow_release(struct session *s, enum sflow_mib mib, const char *owner, struct sflow_report *r)
{
	struct sflow_wish w = {.owner = owner};
	if (there(s, tables[mib], r))
		tables[mib]->work(s, &w, SFLOW_GIVE_BACK, r);
}

void
sflow_look(struct session *s, enum sflow_mib mib, const char *owner, struct sflow_report *r)
{
	struct sflow_wish w = {.owner = owner};
	if (there(s, tables[mib], r))
		tables[mib]->work(s, &w, SFLOW_LOOK, r);
}

/* InetAddressType and InetAddress (RFC 4001): 1 with 4 bytes, 2 with 16 */
void
sflow_destination(const struct sflow_wish *w, struct session_var v[2], const char *const names[2],
	struct session_oid type, struct session_oid address)
{
	bool v4 = addr_is_v4(w->destination);
	v[0] = session_int(names[0], type, v4 ? 1 : 2);
	v[1] = session_bytes(names[1], address, w->destination + (v4 ? 12 : 0), v4 ? 4 : 16);
}
