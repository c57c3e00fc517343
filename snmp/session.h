/*
 * session.h - SNMP requests to one device; session.c is the only file that knows Net-SNMP.
 *
 * v2c (RFC 3416) and v3 with USM (RFC 3414: MD5, SHA; RFC 7860: SHA-2; RFC 3826: AES).  The library's own configuration
 * files, MIB files and persistent state are not read and not written: everything comes from struct session_target, and
 * names are numbers.  Single-threaded: a process holds one session at a time.
 *
 * Each call returns SNMP_OK or another outcome; `said` then tells in words what the device answered and what to do.
 */
#ifndef FT_SNMP_SESSION_H
#define FT_SNMP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SNMP_OID_MAX = 64, SNMP_VALUE_MAX = 256, SNMP_VARS_MAX = 12, SNMP_SAID = 400 };

enum session_outcome {
	SNMP_OK,
	SNMP_NO_ANSWER,	 /* nothing came back: address, firewall, SNMP off, and with v2c a wrong community */
	SNMP_LOGIN,	 /* v3: user, password or security level refused; v2c: may not */
	SNMP_NO_SUCH,	 /* the device has no such object, or would not make such a row */
	SNMP_REFUSED,	 /* it did not take a value */
	SNMP_BROKEN,	 /* the answer was not SNMP, or never ended; or the library failed */
};

enum session_type { SNMP_NONE, SNMP_INT, SNMP_UNSIGNED, SNMP_STRING, SNMP_OID };

struct session_oid {
	unsigned n;
	uint32_t id[SNMP_OID_MAX];
};

struct session_var {
	const char *name; /* of the object, for words: "sFlowRcvrPort" */
	struct session_oid oid;
	enum session_type type; /* SNMP_NONE: noSuchObject, noSuchInstance, null */
	int64_t number;	     /* INT, UNSIGNED */
	unsigned bytes;	     /* STRING; longer ones are cut at SNMP_VALUE_MAX */
	uint8_t string[SNMP_VALUE_MAX];
};

struct session_target {
	const char *address; /* IPv4 or IPv6, as text */
	unsigned port;
	bool v3;
	const char *community;
	const char *user, *auth, *auth_password, *priv, *priv_password; /* auth, priv: words of common/switches.def */
	unsigned timeout_s, retries;
};

struct session_result {
	enum session_outcome outcome;
	int status;	/* error-status of the answer (RFC 3416 section 3), 0 if there was none */
	char said[SNMP_SAID];
};

struct session;

/* For v3 this asks the device for its engine id, so it takes up to (retries + 1) timeouts. */
struct session *session_open(const struct session_target *t, struct session_result *r);
void session_close(struct session *s);

/* Fill in type and value of v[0..n), n <= SNMP_VARS_MAX; what is not there has type SNMP_NONE. */
enum session_outcome session_get(struct session *s, struct session_var *v, unsigned n, struct session_result *r);
/* All or nothing, as RFC 3416 section 4.2.5 has it. */
enum session_outcome session_set(
	struct session *s, const struct session_var *v, unsigned n, struct session_result *r);
/* Every object below root in order: row() gets it and the part of its name after root; not 0 ends the walk with
 * SNMP_OK.  Ends with SNMP_BROKEN if names do not grow or more than `most` come. */
enum session_outcome session_walk(struct session *s, const struct session_oid *root, unsigned most,
	int (*row)(void *ctx, const uint32_t *suffix, unsigned n, const struct session_var *v), void *ctx,
	struct session_result *r);

/* root followed by suffix; too long a name is cut (a device that sends one is refused by walk before) */
struct session_oid session_name(const struct session_oid *root, const uint32_t *suffix, unsigned n);
struct session_var session_int(const char *name, struct session_oid oid, int64_t value);
struct session_var session_bytes(const char *name, struct session_oid oid, const void *bytes, size_t n);

#endif
