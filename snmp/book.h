/*
 * book.h - the devices that were registered, and what became of them; statedir/snmp.lmdb keeps what was said, mode 0600,
 * since communities and passwords must be given to the devices as they are.
 *
 * Key: address as text (RFC 5952); value: JSON {members of common/switches.def, "to_port": port given to it in turn}.
 * Key ".owner": the name under which this installation claims rows in switches, the same for ever.
 */
#ifndef FT_SNMP_BOOK_H
#define FT_SNMP_BOOK_H

#include <jansson.h>

#include "common/addr.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/rpc.h"

/* what is wanted of a device next; bits of entry.want */
enum { WANT_REGISTER = 1, WANT_INTERFACES = 2, WANT_RELEASE = 4, WANT_TEST = 8 };

struct entry {
	char address[ADDR_TEXT];
	json_t *members;
	unsigned to_port;
	json_t *result; /* of the latest job, without interfaces; NULL: none yet */
	int64_t result_us, interfaces_us;
	unsigned interfaces;
	mono_t next, next_interfaces; /* when it is due */
	unsigned want;		      /* at once */
	unsigned failures;	      /* in a row */
	bool running, forget;
	bool untold; /* its interfaces: ft-ingest is to hear of them */
	struct rpc_call *waiting; /* is answered when the wanted job is done */
};

struct kv;
struct book {
	struct kv *kv;
	char owner[128];
	unsigned n, room;
	struct entry **entry;
};

int book_open(struct book *b, const char *dir, const char *instance, struct err *err);
void book_close(struct book *b);
struct entry *book_find(const struct book *b, const char *address);
/* A new one, not yet stored; members are taken over. */
struct entry *book_add(struct book *b, const char *address, json_t *members);
int book_store(struct book *b, const struct entry *e, struct err *err);
/* Out of the file and of memory. */
int book_remove(struct book *b, struct entry *e, struct err *err);

#endif
