/*
 * tell.h - tells ft-ingest what devices call their interfaces: operation "interfaces", do "put" (contract/rpc.h).
 */
#ifndef FT_SNMP_TELL_H
#define FT_SNMP_TELL_H

#include "snmp/desk.h"

/* One device that ingest has not heard of yet, if it is time; returns within a second.  What it did not take is told
 * again later; the file (files.h) is what waits. */
void tell_ingest(struct desk *d);

#endif
