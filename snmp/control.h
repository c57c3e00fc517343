/*
 * control.h - the operations of ft-snmp's control socket; whoever may connect (the service group) administers.
 * contract/rpc.h has their members.
 */
#ifndef FT_SNMP_CONTROL_H
#define FT_SNMP_CONTROL_H

#include "snmp/desk.h"

void control_op(void *desk, struct rpc_call *call);

#endif
