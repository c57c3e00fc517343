/*
 * session.c - see session.h.
 */
/* clang-format off: the first of these must come first */
#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
/* clang-format on */

#include "snmp/session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/err.h"

enum { PDU_ROWS = 16, KNOCK_MS = 300 };

struct session {
	void *net; /* the library's handle */
	struct session_target target;
};

static const struct {
	int number;
	const char *name;
	enum session_outcome outcome;
	const char *words;
} statuses[] = {
#define STATUS(number, name, outcome, words) {number, name, SNMP_##outcome, words},
#define LIBRARY(name, outcome, words)
#include "snmp/answers.def"
};

static const struct {
	int number;
	enum session_outcome outcome;
	const char *words;
} library[] = {
#define STATUS(number, name, outcome, words)
#define LIBRARY(name, outcome, words) {SNMPERR_##name, SNMP_##outcome, words},
#include "snmp/answers.def"
};

/* Nothing but what we are told: no snmp.conf, no MIB files, no state of earlier runs, no words on stderr. */
static void
init_once(void)
{
	static const int off[] = {NETSNMP_DS_LIB_DONT_READ_CONFIGS, NETSNMP_DS_LIB_DONT_PERSIST_STATE,
		NETSNMP_DS_LIB_DISABLE_PERSISTENT_LOAD, NETSNMP_DS_LIB_DISABLE_PERSISTENT_SAVE,
		NETSNMP_DS_LIB_DONT_LOAD_HOST_FILES};
	static bool done;
	if (done)
		return;
	done = true;
	(void)setenv("MIBS", "", 1);
	(void)setenv("MIBDIRS", "", 1);
	for (unsigned i = 0; i < sizeof off / sizeof off[0]; i++)
		netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, off[i], 1);
	/* its TLS part would make folders there; nothing can be made here */
	netsnmp_ds_set_string(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_PERSISTENT_DIR, "/proc/self/none");
	snmp_disable_log();
	init_snmp("flowtrove");
}

static enum session_outcome
say(struct session_result *r, enum session_outcome outcome, const char *fmt, ...)
{
	va_list ap;
	r->outcome = outcome;
	va_start(ap, fmt);
	vsnprintf(r->said, sizeof r->said, fmt, ap);
	va_end(ap);
	return outcome;
}

/* A closed port answers a datagram of a connected socket with an ICMP error, which tells "nobody listens" from "nobody
 * answers".  One byte is no SNMP message: whoever listens there ignores it. */
static bool
nobody_listens(const struct session_target *t)
{
	struct sockaddr_storage to = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&to;
	socklen_t n = sizeof *v6;
	bool refused = false;
	if (inet_pton(AF_INET, t->address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)t->port);
		n = sizeof *v4;
	} else if (inet_pton(AF_INET6, t->address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)t->port);
	} else
		return false;
	int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	if (connect(fd, (struct sockaddr *)&to, n) == 0 && send(fd, "", 1, MSG_NOSIGNAL) == 1) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		char byte;
		refused = poll(&p, 1, KNOCK_MS) > 0 && recv(fd, &byte, 1, MSG_DONTWAIT) < 0 &&
			  errno == ECONNREFUSED;
	}
	close(fd);
	return refused;
}

static enum session_outcome
no_answer(const struct session_target *t, struct session_result *r)
{
	unsigned tries = t->retries + 1;
	if (nobody_listens(t))
		return say(r, SNMP_NO_ANSWER,
			"nothing listens at %s UDP port %u: turn SNMP on at the device, or correct the port",
			t->address, t->port);
	if (t->v3)
		return say(r, SNMP_NO_ANSWER,
			"no answer from %s port %u in %u s (%u tries): check the address, that SNMPv3 is on, "
			"and that no firewall is between; a wrong privacy password is met with silence, too",
			t->address, t->port, t->timeout_s, tries);
	return say(r, SNMP_NO_ANSWER,
		"no answer from %s port %u in %u s (%u tries): the community is wrong (devices do not answer "
		"a wrong one), SNMP is off, this machine is not allowed, or a firewall is between",
		t->address, t->port, t->timeout_s, tries);
}

/* What the library made of it; the session's number, or the global one while there is no session. */
static enum session_outcome
library_said(const struct session_target *t, int number, struct session_result *r)
{
	if (number == SNMPERR_TIMEOUT)
		return no_answer(t, r);
	for (unsigned i = 0; i < sizeof library / sizeof library[0]; i++)
		if (library[i].number == number)
			return say(r, library[i].outcome, "%s", library[i].words);
	return say(r, SNMP_BROKEN, "SNMP failed: %s", snmp_api_errstring(number));
}

static const struct method {
	const char *word;
	const oid *proto;
	size_t n;
} auths[] = {{"md5", usmHMACMD5AuthProtocol, OID_LENGTH(usmHMACMD5AuthProtocol)},
	{"sha", usmHMACSHA1AuthProtocol, OID_LENGTH(usmHMACSHA1AuthProtocol)},
	{"sha224", usmHMAC128SHA224AuthProtocol, OID_LENGTH(usmHMAC128SHA224AuthProtocol)},
	{"sha256", usmHMAC192SHA256AuthProtocol, OID_LENGTH(usmHMAC192SHA256AuthProtocol)},
	{"sha384", usmHMAC256SHA384AuthProtocol, OID_LENGTH(usmHMAC256SHA384AuthProtocol)},
	{"sha512", usmHMAC384SHA512AuthProtocol, OID_LENGTH(usmHMAC384SHA512AuthProtocol)}},
  privs[] = {
	  {"des", usmDESPrivProtocol, OID_LENGTH(usmDESPrivProtocol)},
	  {"aes", usmAESPrivProtocol, OID_LENGTH(usmAESPrivProtocol)},
#ifdef NETSNMP_DRAFT_BLUMENTHAL_AES_04
	  {"aes192", usmAES192PrivProtocol, OID_LENGTH(usmAES192PrivProtocol)},
	  {"aes256", usmAES256PrivProtocol, OID_LENGTH(usmAES256PrivProtocol)},
#endif
};

static const struct method *
method(const struct method *list, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].word, word) == 0)
			return &list[i];
	return NULL;
}

/* Password to key (RFC 3414 section 2.6); the library makes the key local to the device's engine itself. */
static int
make_key(const struct method *hash, const char *password, u_char *key, size_t *room)
{
	return generate_Ku(
		hash->proto, (u_int)hash->n, (const u_char *)password, strlen(password), key, room);
}

static enum session_outcome
set_up_v3(netsnmp_session *net, const struct session_target *t, struct session_result *r)
{
	const struct method *auth = method(auths, sizeof auths / sizeof auths[0], t->auth);
	const struct method *priv = method(privs, sizeof privs / sizeof privs[0], t->priv);
	net->version = SNMP_VERSION_3;
	net->securityModel = USM_SEC_MODEL_NUMBER;
	net->securityName = (char *)(uintptr_t)t->user;
	net->securityNameLen = strlen(t->user);
	net->securityLevel = auth == NULL   ? SNMP_SEC_LEVEL_NOAUTH
			     : priv == NULL ? SNMP_SEC_LEVEL_AUTHNOPRIV
					    : SNMP_SEC_LEVEL_AUTHPRIV;
	if (auth == NULL)
		return SNMP_OK;
	net->securityAuthProto = (oid *)(uintptr_t)auth->proto;
	net->securityAuthProtoLen = auth->n;
	net->securityAuthKeyLen = sizeof net->securityAuthKey;
	if (make_key(auth, t->auth_password, net->securityAuthKey, &net->securityAuthKeyLen) !=
		SNMPERR_SUCCESS)
		return say(r, SNMP_LOGIN,
			"this machine's Net-SNMP makes no %s key of that password: it needs 8 characters at "
			"least",
			t->auth);
	if (priv == NULL)
		return SNMP_OK;
	net->securityPrivProto = (oid *)(uintptr_t)priv->proto;
	net->securityPrivProtoLen = priv->n;
	net->securityPrivKeyLen = sizeof net->securityPrivKey;
	if (make_key(auth, t->priv_password, net->securityPrivKey, &net->securityPrivKeyLen) !=
		SNMPERR_SUCCESS)
		return say(r, SNMP_LOGIN,
			"this machine's Net-SNMP makes no %s key of that password: it needs 8 characters at "
			"least",
			t->priv);
	return SNMP_OK;
}

struct session *
session_open(const struct session_target *t, struct session_result *r)
{
	char peer[160];
	netsnmp_session net;
	*r = (struct session_result){0};
	init_once();
	snmp_sess_init(&net);
	snprintf(peer, sizeof peer, strchr(t->address, ':') ? "udp6:[%s]:%u" : "udp:%s:%u", t->address,
		t->port);
	net.peername = peer;
	net.timeout = (long)t->timeout_s * 1000000;
	net.retries = (int)t->retries;
	net.version = SNMP_VERSION_2c;
	if (!t->v3) {
		net.community = (u_char *)(uintptr_t)t->community;
		net.community_len = strlen(t->community);
	} else if (set_up_v3(&net, t, r) != SNMP_OK)
		return NULL;
	struct session *s = calloc(1, sizeof *s);
	if (s == NULL) {
		say(r, SNMP_BROKEN, "out of memory");
		return NULL;
	}
	s->target = *t;
	s->net = snmp_sess_open(&net);
	if (s->net == NULL) {
		/* v3 asks for the engine id first; the library says a timeout of that as it likes */
		int number = net.s_snmp_errno ? net.s_snmp_errno : snmp_errno;
		if (number == SNMPERR_GENERR || number == SNMPERR_SUCCESS || number == SNMPERR_UNKNOWN_ENG_ID)
			number = SNMPERR_TIMEOUT;
		library_said(t, number, r);
		free(s);
		return NULL;
	}
	return s;
}

void
session_close(struct session *s)
{
	if (s == NULL)
		return;
	snmp_sess_close(s->net);
	free(s);
}

struct session_oid
session_name(const struct session_oid *root, const uint32_t *suffix, unsigned n)
{
	struct session_oid o = *root;
	for (unsigned i = 0; i < n && o.n < SNMP_OID_MAX; i++)
		o.id[o.n++] = suffix[i];
	return o;
}

struct session_var
session_int(const char *name, struct session_oid o, int64_t value)
{
	return (struct session_var){.name = name, .oid = o, .type = SNMP_INT, .number = value};
}

struct session_var
session_bytes(const char *name, struct session_oid o, const void *bytes, size_t n)
{
	struct session_var v = {.name = name, .oid = o, .type = SNMP_STRING};
	CHECK(n <= sizeof v.string);
	v.bytes = (unsigned)n;
	memcpy(v.string, bytes, n);
	return v;
}

static size_t
to_library(const struct session_oid *o, oid out[SNMP_OID_MAX])
{
	for (unsigned i = 0; i < o->n; i++)
		out[i] = o->id[i];
	return o->n;
}

/* A value that is longer than there is room is cut: no object that is read here may be as long by its MIB. */
static void
take_value(const netsnmp_variable_list *from, struct session_var *v)
{
	v->type = SNMP_NONE;
	v->bytes = 0;
	v->number = 0;
	switch (from->type) {
	case ASN_INTEGER:
		v->type = SNMP_INT;
		v->number = from->val.integer ? *from->val.integer : 0;
		break;
	case ASN_GAUGE: /* and ASN_UNSIGNED */
	case ASN_COUNTER:
	case ASN_TIMETICKS:
		v->type = SNMP_UNSIGNED;
		v->number = from->val.integer ? (int64_t)(uint32_t)*from->val.integer : 0;
		break;
	case ASN_OBJECT_ID:
		v->type = SNMP_OID;
		break;
	case ASN_OCTET_STR:
		v->type = SNMP_STRING;
		v->bytes = from->val_len < SNMP_VALUE_MAX ? (unsigned)from->val_len : SNMP_VALUE_MAX;
		if (v->bytes)
			memcpy(v->string, from->val.string, v->bytes);
		break;
	default:
		break;
	}
}

/* Ask; *answer is freed by the caller on SNMP_OK.  names: what the variables are called, for the words of a refusal. */
static enum session_outcome
ask(struct session *s, netsnmp_pdu *pdu, const struct session_var *v, unsigned n, netsnmp_pdu **answer,
	struct session_result *r)
{
	*answer = NULL;
	r->status = 0;
	int rc = snmp_sess_synch_response(s->net, pdu, answer);
	if (rc == STAT_TIMEOUT)
		return no_answer(&s->target, r);
	if (rc != STAT_SUCCESS || *answer == NULL) {
		netsnmp_session *net = snmp_sess_session(s->net);
		int number = net && net->s_snmp_errno ? net->s_snmp_errno : snmp_errno;
		if (*answer)
			snmp_free_pdu(*answer);
		*answer = NULL;
		return library_said(&s->target, number, r);
	}
	long status = (*answer)->errstat, at = (*answer)->errindex;
	if (status == SNMP_ERR_NOERROR)
		return r->outcome = SNMP_OK;
	snmp_free_pdu(*answer);
	*answer = NULL;
	r->status = (int)status;
	const char *object = at >= 1 && at <= (long)n && v[at - 1].name ? v[at - 1].name : NULL;
	for (unsigned i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
		if (statuses[i].number == status)
			return say(r, statuses[i].outcome, "%s%s%s: %s", object ? object : "",
				object ? ": " : "", statuses[i].name, statuses[i].words);
	return say(r, SNMP_BROKEN, "the device answered with unknown error %ld", status);
}

enum session_outcome
session_get(struct session *s, struct session_var *v, unsigned n, struct session_result *r)
{
	oid name[SNMP_OID_MAX];
	netsnmp_pdu *pdu = snmp_pdu_create(SNMP_MSG_GET), *answer;
	CHECK(n <= SNMP_VARS_MAX);
	for (unsigned i = 0; pdu && i < n; i++)
		snmp_add_null_var(pdu, name, to_library(&v[i].oid, name));
	if (pdu == NULL)
		return say(r, SNMP_BROKEN, "out of memory");
	if (ask(s, pdu, v, n, &answer, r) != SNMP_OK)
		return r->outcome;
	unsigned i = 0;
	for (const netsnmp_variable_list *x = answer->variables; x && i < n; x = x->next_variable)
		take_value(x, &v[i++]);
	for (; i < n; i++)
		v[i].type = SNMP_NONE;
	snmp_free_pdu(answer);
	return SNMP_OK;
}

enum session_outcome
session_set(struct session *s, const struct session_var *v, unsigned n, struct session_result *r)
{
	oid name[SNMP_OID_MAX];
	netsnmp_pdu *pdu = snmp_pdu_create(SNMP_MSG_SET), *answer;
	CHECK(n <= SNMP_VARS_MAX);
	for (unsigned i = 0; pdu && i < n; i++) {
		int32_t number = (int32_t)v[i].number;
		long wide = number;
		if (v[i].type == SNMP_INT)
			snmp_pdu_add_variable(
				pdu, name, to_library(&v[i].oid, name), ASN_INTEGER, &wide, sizeof wide);
		else
			snmp_pdu_add_variable(pdu, name, to_library(&v[i].oid, name), ASN_OCTET_STR,
				v[i].string, v[i].bytes);
	}
	if (pdu == NULL)
		return say(r, SNMP_BROKEN, "out of memory");
	if (ask(s, pdu, v, n, &answer, r) == SNMP_OK)
		snmp_free_pdu(answer);
	return r->outcome;
}

/* One answer of a walk; true: it is over, with r->outcome. */
static bool
take_rows(const netsnmp_pdu *answer, const struct session_oid *root, struct session_oid *last, unsigned *left,
	int (*row)(void *, const uint32_t *, unsigned, const struct session_var *), void *ctx,
	struct session_result *r)
{
	r->outcome = SNMP_OK;
	if (answer->variables == NULL)
		return true;
	for (const netsnmp_variable_list *x = answer->variables; x; x = x->next_variable) {
		struct session_oid at = {0};
		struct session_var v = {.name = NULL};
		oid was[SNMP_OID_MAX];
		size_t was_n = to_library(last, was);
		if (x->type == SNMP_ENDOFMIBVIEW || x->type == SNMP_NOSUCHOBJECT ||
			x->type == SNMP_NOSUCHINSTANCE || x->name_length < root->n ||
			x->name_length > SNMP_OID_MAX)
			return true;
		for (size_t i = 0; i < x->name_length; i++)
			at.id[at.n++] = (uint32_t)x->name[i];
		if (memcmp(at.id, root->id, root->n * sizeof root->id[0]) != 0)
			return true;
		if (snmp_oid_compare(was, was_n, x->name, x->name_length) >= 0) {
			say(r, SNMP_BROKEN,
				"the device's tables never end (names do not grow): its SNMP agent is "
				"faulty");
			return true;
		}
		if ((*left)-- == 0) {
			say(r, SNMP_BROKEN, "the device's table has more rows than are read");
			return true;
		}
		take_value(x, &v);
		v.oid = at;
		*last = at;
		if (row(ctx, at.id + root->n, at.n - root->n, &v) != 0)
			return true;
	}
	return false;
}

enum session_outcome
session_walk(struct session *s, const struct session_oid *root, unsigned most,
	int (*row)(void *, const uint32_t *, unsigned, const struct session_var *), void *ctx,
	struct session_result *r)
{
	struct session_oid last = *root;
	bool over = false;
	while (!over) {
		oid name[SNMP_OID_MAX];
		netsnmp_pdu *pdu = snmp_pdu_create(SNMP_MSG_GETBULK), *answer;
		if (pdu == NULL)
			return say(r, SNMP_BROKEN, "out of memory");
		pdu->non_repeaters = 0;
		pdu->max_repetitions = PDU_ROWS;
		snmp_add_null_var(pdu, name, to_library(&last, name));
		if (ask(s, pdu, NULL, 0, &answer, r) != SNMP_OK)
			return r->outcome;
		over = take_rows(answer, root, &last, &most, row, ctx, r);
		snmp_free_pdu(answer);
	}
	return r->outcome;
}
