/*
 * request.h - one request on its way through the server; what the parts of the server share.
 *
 * A request is owned by whoever handles it: the main thread, then perhaps a pool's thread.  It ends with exactly one
 * of request_reply / request_error / request_fail, which free it.  Before that it is in the server's list, which
 * is how cancel and progress reach it; both look at it only under the server's mutex, and it leaves the list
 * before its last reply is sent.
 */
#ifndef FT_QUERYD_REQUEST_H
#define FT_QUERYD_REQUEST_H

#include <jansson.h>
#include <pthread.h>

#include "common/rpc.h"
#include "queryd/jobs.h"
#include "queryd/server.h"
#include "queryd/throttle.h"

struct request;

enum op_kind { OP_QUICK, OP_HASH, OP_WAIT, OP_QUERY };
enum op_right { OP_ALL, OP_ENTRY, OP_ADMIN };
enum member_type { MEMBER_STRING, MEMBER_INT, MEMBER_BOOL, MEMBER_TIME, MEMBER_JSON, MEMBER_LIST };
struct member {
	const char *name, *help;
	enum member_type type;
	bool must;
	int64_t least, most;
};
struct operation {
	const char *name, *help;
	void (*run)(struct request *r);
	enum op_kind kind;
	enum op_right right;
	struct member member[24]; /* ends with a NULL name */
};

struct request {
	struct server *server;
	struct rpc_server *rpc; /* that it came by: the query port or the gate */
	struct rpc_call *call;  /* gone after the last reply */
	const struct operation *op;
	json_t *in;              /* the request's object, borrowed from call */
	struct user who;         /* once it is known */
	bool gateway;            /* came by the gate */
	enum ticket_kind ticket; /* what it was asked with, TICKET_KINDS: a password */
	bool entered;            /* counted with users_enter */
	bool authenticated;
	/* queries */
	struct query_context query;
	struct query_spec spec; /* strings are the request object's */
	mono_t started;
	_Atomic bool progress; /* wanted; the main thread looks */
	bool running;
	unsigned retry_s;    /* of an error: come back then; 0: not said */
	const char *stopped; /* why, if not by the client: a sentence */
	struct request *next, **at;
};

struct server {
	struct server_parts parts;
	struct rpc_server *rpc, *gate; /* gate: NULL if there is none */
	struct jobs *hash, *waits, *queries;
	struct throttle *throttle;
	struct hosts *hosts;
	pthread_mutex_t mutex; /* the list, and `stopping` */
	pthread_cond_t drained;
	struct request *list;
	bool stopping;
	mono_t said;                /* progress */
	pthread_rwlock_t conf_lock; /* conf is replaced by server_reload */
	const struct conf *conf;
	unsigned query_threads;
	int64_t started_us;
	/* copies of settings that are asked for often */
	_Atomic int64_t key_age_us, login_age_us, query_time_us, client_latency_us;
	_Atomic uint64_t query_memory;
};

/* body: stolen, NULL for an empty object */
void request_reply(struct request *r, json_t *body);
void request_error(struct request *r, const char *code, const char *at, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* an error of ours in the protocol's words */
void request_fail(struct request *r, const struct err *err);

/* operations.c */
const struct operation *operation_find(const char *name);
/* FT_EINVAL: at (JSON pointer) and err say what is wrong */
int operation_check(const struct operation *op, json_t *request, char at[80], struct err *err);

/* request.c: members of a checked request; absent: the default */
const char *request_string(const struct request *r, const char *name, const char *otherwise);
int64_t request_int(const struct request *r, const char *name, int64_t otherwise);
bool request_bool(const struct request *r, const char *name);
json_t *request_json(const struct request *r, const char *name); /* borrowed; NULL: absent */
/* Write what is about to be done into the audit log; details: stolen.  false: it could not be, and the request is answered. */
bool request_audited(struct request *r, json_t *details);
/* a second line: it was not done */
void request_audit_failure(struct request *r, const char *about, const char *value, const char *why);

/* login.c: finds out who asks, then calls request_run or answers with an error */
void login_begin(struct request *r);
/* on the hash pool */
void login_verify(struct request *r);

/* server.c: rights are checked, then the operation runs where its kind says */
void request_run(struct request *r);

/* op_query.c */
void query_work(struct request *r); /* on a thread of the query pool */

#endif
