/*
 * sflow_table.h - what sflow_mib.c and the two versions' files share.
 */
#ifndef FT_SNMP_SFLOW_TABLE_H
#define FT_SNMP_SFLOW_TABLE_H

#include "snmp/sflow_rows.h"

enum sflow_act { SFLOW_CLAIM, SFLOW_GIVE_BACK, SFLOW_LOOK };

struct sflow_table {
	const char *word;
	struct session_oid root; /* sFlowAgent */
	/* r->state is SFLOW_ABSENT before; it stays so if the tables are not there */
	void (*work)(struct session *s, const struct sflow_wish *w, enum sflow_act act, struct sflow_report *r);
};
extern const struct sflow_table sflow_table_12, sflow_table_13;

void sflow_fail(struct sflow_report *r, const struct session_result *why);
void sflow_note(struct sflow_report *r, const char *text); /* one more sentence */
void sflow_destination(const struct sflow_wish *w, struct session_var v[2], const char *const names[2],
	struct session_oid type, struct session_oid address);

#endif
