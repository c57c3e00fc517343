/*
 * interface.h - the table of interfaces (contract/interfaces.h), shared by all threads of ingest and kept in
 * ingest.lmdb with the rules that give roles.  All functions: any thread.
 */
#ifndef FT_INGEST_INTERFACE_H
#define FT_INGEST_INTERFACE_H

#include <jansson.h>
#include <pthread.h>

#include "common/kv.h"
#include "common/shm.h"
#include "ingest/role.h"

struct interface_store;
struct interface_table {
	struct shm shm;
	struct ft_interfaces *t;
	struct kv *kv; /* NULL: nothing is kept (tests) */
	pthread_mutex_t mutex;
	uint32_t *bucket, *next; /* slot + 1; chains of slots with one hash */
	uint32_t mask, exporters;
	uint32_t *by_exporter; /* versions that each brought */
	uint32_t hole;         /* slots that were given up: slot + 1, chained by `next` */
	struct interface_store *store;
	_Atomic uint32_t waiting; /* slots that are not yet in the file as they are */
	uint64_t written;         /* slots, since the start */
	struct role_rules rules;
};

/* What somebody says of an interface at a time; what is not said is NULL, 0. */
struct interface_says {
	const uint8_t *address, *guid; /* guid NULL: none */
	uint32_t index, exporter;      /* exporter: id, 0 an administrator */
	uint8_t kind;                  /* FT_KIND_* */
	int64_t at_us;
	uint8_t from; /* FT_FROM_* */
	const uint8_t *name, *description;
	size_t name_n, description_n; /* bytes; a NUL ends them, too */
	uint64_t speed;
};

int interfaces_open(struct interface_table *x, const char *shm_dir, struct kv *kv, uint32_t most,
	uint32_t exporters, struct err *err);
void interfaces_close(struct interface_table *x);
/* false: there was no room.  Readers see it at once; interfaces_flush() is to come before the flows of the same
 * datagram. */
bool interfaces_learn(struct interface_table *x, const struct interface_says *says);
/* Write some of what was learnt, in one transaction (interface_store.h). */
void interfaces_flush(struct interface_table *x);
/* Write more of what is left; once a second. */
void interfaces_settle(struct interface_table *x);
/* Where this version is; capacity: nowhere.  Under the mutex. */
uint32_t interface_slot(const struct interface_table *x, const struct ft_interface *i);

/* Forget what was told of an exporter's interfaces and VRFs, and of one that sends here itself what was said of their roles
 * by hand. */
void interfaces_forget(struct interface_table *x, const uint8_t *address, const uint8_t *guid);

/* Rules.  add: r->number is given; by hand, an earlier one of that interface is replaced, and an interface nobody has
 * told of is entered.  FT_EFULL, FT_ENOENT: no such rule. */
int interfaces_rule_add(struct interface_table *x, struct role_rule *r, struct err *err);
int interfaces_rule_forget(struct interface_table *x, uint32_t number, struct err *err);

/* interface_file.c: what the administrator's file says (docs/interop.md); true from now on where it is news.  FT_ESYS,
 * FT_EINVAL name the line; what came before it is taken. */
int interfaces_file(struct interface_table *x, const char *path, struct err *err);
/* before reading it anew: what it said may be overwritten by others */
void interfaces_release(struct interface_table *x, uint8_t from);

/* interface_control.c: lists for ft-ctl, of one FT_KIND_*.  address NULL: all; guid NULL: whatever */
json_t *interfaces_json(struct interface_table *x, uint8_t kind, const uint8_t *address, const uint8_t *guid);
json_t *interfaces_rules_json(struct interface_table *x);
/* the operation "interfaces" of the control socket; err says what of the request is wrong */
json_t *interfaces_control(struct interface_table *x, const json_t *request, struct err *err);

#endif
