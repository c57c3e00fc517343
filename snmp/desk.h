/*
 * desk.h - what is done when: registers due switches anew, reads interfaces, takes what jobs bring back.
 *
 * A registration is renewed every snmp/refresh and asks the switch for three times as long, so that it outlives two
 * failures and a restart, and ends by itself when Flowtrove is gone for good.  A device that failed is tried again after
 * a minute, then after twice as long each time, up to refresh.  Devices whose exporter an administrator disabled are
 * left alone.
 */
#ifndef FT_SNMP_DESK_H
#define FT_SNMP_DESK_H

#include "common/contract/exporters.h"
#include "common/proc.h"
#include "common/shm.h"
#include "snmp/book.h"

struct work;
struct desk {
	struct proc *proc;
	struct book book;
	struct work *work;
	struct shm exporters; /* ingest's; not mapped until there is one */
	mono_t tell_at; /* ft-ingest, not before */
};

int desk_open(struct desk *d, struct proc *p, struct err *err);
void desk_close(struct desk *d);
/* Give out what is due and take what is done; how long to sleep at most then. */
span_t desk_turn(struct desk *d);
/* Everything is due: the configuration changed. */
void desk_hurry(struct desk *d);
/* A port of sflowport for a new switch: the one that has the fewest, the first of those: round robin. */
unsigned desk_port(const struct desk *d, const struct entry *but);
/* Figures of a device for people: members without secrets, state, what was said, when. */
json_t *desk_entry_json(const struct desk *d, const struct entry *e);

#endif
