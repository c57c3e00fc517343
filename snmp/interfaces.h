/*
 * interfaces.h - what a device calls its interfaces: IF-MIB (RFC 2863), ifXTable where it has one, else ifTable.
 */
#ifndef FT_SNMP_INTERFACES_H
#define FT_SNMP_INTERFACES_H

#include "snmp/session.h"

enum { INTERFACES_MOST = 16384 };

struct interface {
	uint32_t index;	      /* ifIndex */
	char name[65];	      /* ifName, else ifDescr; UTF-8, cut at a character */
	char description[256]; /* ifAlias (what the operator wrote), else ifDescr */
	uint64_t speed;	      /* bits a second: ifHighSpeed, else ifSpeed; 0: not said */
};

struct interfaces {
	unsigned n;
	struct interface *row; /* by index */
	bool cut;	       /* there were more than INTERFACES_MOST */
};

/* x must be freed with interfaces_free whatever comes back */
enum session_outcome interfaces_read(struct session *s, struct interfaces *x, struct session_result *r);
void interfaces_free(struct interfaces *x);

#endif
