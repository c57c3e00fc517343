/*
 * ft-snmp-job - speaks SNMP with one device, once.
 *
 * ft-snmp starts one for each thing to be done, so that what devices answer is parsed in a process that holds the
 * credentials of that one device, has nothing else, and is gone after.  Reads one JSON object from standard input (an
 * argument list is public), writes one to standard output, ends with 0; what failed is in the answer.
 *
 *   in   {"address", "owner", "lease", "timeout", "retries", "do": "register" | "release" | "test" | "none",
 *         "interfaces": bool, "to_port": number, and the members of common/switches.def}
 *   out  {"state", "said", "device", "destination", "mibs": {"1.3": {"state", "said", …}, …},
 *         "interfaces": [{"index", "name", "description", "speed"}, …], "interfaces_said"}
 */
#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/addr.h"
#include "snmp/interfaces.h"
#include "snmp/sflow_mib.h"

enum { MEMORY = 512 << 20, CPU_S = 120 };

/* Nothing of what this needs: files, cores, other processes' looks, much memory. */
static void
give_up_rights(void)
{
	const struct {
		__rlimit_resource_t what;
		rlim_t most;
	} limits[] = {
		{RLIMIT_CORE, 0},
		{RLIMIT_FSIZE, 0},
		{RLIMIT_CPU, CPU_S},
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
		{RLIMIT_AS, MEMORY},
#endif
	};
	for (unsigned i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		struct rlimit l = {limits[i].most, limits[i].most};
		(void)setrlimit(limits[i].what, &l); /* a lower bound that is in force already is as good */
	}
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#if !defined(__SANITIZE_ADDRESS__) /* its search for leaks looks into its own process */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

static const char *
text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));
	return s ? s : "";
}

static int64_t
number(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

/* This machine's address on the way to the device: what a connected socket gets from the routing table. */
static int
own_address(const char *device, uint8_t out[16])
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(9)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
	bool four = inet_pton(AF_INET, device, &v4.sin_addr) == 1;
	socklen_t n = four ? sizeof v4 : sizeof v6;
	struct sockaddr *to = four ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	if (!four && inet_pton(AF_INET6, device, &v6.sin6_addr) != 1)
		return -1;
	int fd = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = -1;
	if (fd < 0)
		return -1;
	if (connect(fd, to, n) == 0 && getsockname(fd, to, &n) == 0)
		rc = 0;
	close(fd);
	if (four)
		addr_from_v4(out, (const uint8_t *)&v4.sin_addr);
	else
		memcpy(out, &v6.sin6_addr, 16);
	return rc;
}

static const char *
outcome_word(enum session_outcome outcome)
{
	switch (outcome) {
	case SNMP_NO_ANSWER:
		return "no answer";
	case SNMP_LOGIN:
		return "not allowed";
	case SNMP_NO_SUCH:
		return "no such object";
	case SNMP_REFUSED:
		return "value refused";
	default:
		return "failed";
	}
}

static const char *
report_word(const struct sflow_report *r)
{
	return r->state == SFLOW_FAILED ? outcome_word(r->outcome) : sflow_state_word(r->state);
}

static json_t *
report_json(const struct sflow_report *r)
{
	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:I, s:I}", "state", report_word(r),
		"said", r->said, "version", r->version, "interfaces", (int)r->interfaces, "samplers",
		(int)r->samplers, "pollers", (int)r->pollers, "owned", (int)r->owned, "refused",
		(int)r->refused, "rate_least", (json_int_t)r->rate_least, "rate_most",
		(json_int_t)r->rate_most);
}

static void
conclude(json_t *out, const char *state, const char *said)
{
	json_object_set_new(out, "state", json_string(state));
	json_object_set_new(out, "said", json_string(said));
}

/* The better of the two MIBs' ends is the device's: it sends samples once, or it does not. */
static void
sum_up(json_t *out, const struct sflow_report r[SFLOW_MIBS], const bool asked[SFLOW_MIBS], const char *act)
{
	static const enum sflow_state best[] = {
		SFLOW_REGISTERED, SFLOW_PARTLY, SFLOW_FREE, SFLOW_OWNED, SFLOW_FAILED};
	char said[2 * SNMP_SAID + 200] = "";
	const struct sflow_report *found = NULL;
	unsigned here = 0;
	for (unsigned b = 0; b < sizeof best / sizeof best[0] && found == NULL; b++)
		for (int m = SFLOW_MIBS - 1; m >= 0 && found == NULL; m--)
			if (asked[m] && r[m].state == best[b])
				found = &r[m];
	for (int m = SFLOW_MIBS - 1; m >= 0; m--) {
		size_t n = strlen(said);
		here += asked[m] && r[m].state != SFLOW_ABSENT;
		if (asked[m] && r[m].said[0])
			snprintf(said + n, sizeof said - n, "%ssFlow MIB %s: %s", n ? "; " : "",
				sflow_mib_word(m), r[m].said);
	}
	if (found == NULL)
		conclude(out, "no sFlow MIB",
			asked[0] && asked[1] ? "the device has neither sFlow MIB (enterprises 4300 and "
					       "14706), or does not show "
					       "them to this community or user: set up sFlow at the device "
					       "itself, or widen its "
					       "view"
					     : "the device does not have that sFlow MIB: try mib=both");
	else {
		size_t n = strlen(said);
		if (here == SFLOW_MIBS && found->state == SFLOW_REGISTERED && strcmp(act, "register") == 0 &&
			n == 0)
			snprintf(said, sizeof said,
				"it has both sFlow MIBs and was registered in both; should its traffic count "
				"twice, "
				"set mib=1.3");
		conclude(out, report_word(found), said);
	}
}

static int
wish(const json_t *in, struct sflow_wish *w, json_t *out)
{
	char shown[ADDR_TEXT];
	*w = (struct sflow_wish){.owner = text(in, "owner"),
		.lease_s = (unsigned)number(in, "lease"),
		.port = (unsigned)number(in, "to_port"),
		.sampling = number(in, "sampling"),
		.counters = number(in, "counters"),
		.header = number(in, "header"),
		.datagram = number(in, "datagram")};
	int rc = text(in, "destination")[0] ? addr_parse(text(in, "destination"), w->destination)
					    : own_address(text(in, "address"), w->destination);
	if (rc != 0) {
		conclude(out, "failed",
			"there is no route to that address, so none of this machine's can be told to it: set "
			"destination");
		return -1;
	}
	addr_text(w->destination, shown);
	json_object_set_new(out, "destination", json_string(shown));
	return 0;
}

static void
do_sflow(struct session *s, const json_t *in, const char *act, json_t *out)
{
	struct sflow_report r[SFLOW_MIBS] = {{0}};
	bool asked[SFLOW_MIBS];
	struct sflow_wish w;
	json_t *mibs = json_object();
	json_object_set_new(out, "mibs", mibs);
	if (wish(in, &w, out) != 0)
		return;
	for (int m = SFLOW_MIBS - 1; m >= 0; m--) {
		const char *which = text(in, "mib");
		asked[m] = strcmp(which, "both") == 0 || strcmp(which, sflow_mib_word(m)) == 0;
		if (!asked[m])
			continue;
		if (strcmp(act, "register") == 0)
			sflow_register(s, m, &w, &r[m]);
		else if (strcmp(act, "release") == 0)
			sflow_release(s, m, w.owner, &r[m]);
		else
			sflow_look(s, m, w.owner, &r[m]);
		json_object_set_new(mibs, sflow_mib_word(m), report_json(&r[m]));
		if (r[m].state == SFLOW_FAILED && r[m].outcome == SNMP_NO_ANSWER) {
			for (int k = m - 1; k >= 0; k--)
				asked[k] = false;
			break;
		}
	}
	sum_up(out, r, asked, act);
}

static void
do_interfaces(struct session *s, json_t *out)
{
	struct interfaces x;
	struct session_result why = {0};
	json_t *list = json_array();
	enum session_outcome rc = interfaces_read(s, &x, &why);
	for (unsigned i = 0; rc == SNMP_OK && i < x.n; i++) {
		const struct interface *f = &x.row[i];
		json_array_append_new(
			list, json_pack("{s:I, s:s, s:s, s:I}", "index", (json_int_t)f->index, "name",
				      f->name, "description", f->description, "speed", (json_int_t)f->speed));
	}
	if (rc == SNMP_OK)
		json_object_set(out, "interfaces", list);
	json_object_set_new(out, "interfaces_said",
		json_string(rc != SNMP_OK ? why.said
			    : x.cut       ? "it has more interfaces than are read; the first are known"
					  : ""));
	json_decref(list);
	interfaces_free(&x);
}

static void
work(const json_t *in, json_t *out)
{
	struct session_target t = {.address = text(in, "address"),
		.port = (unsigned)number(in, "port"),
		.v3 = strcmp(text(in, "version"), "3") == 0,
		.community = text(in, "community"),
		.user = text(in, "user"),
		.auth = text(in, "auth"),
		.auth_password = text(in, "auth_password"),
		.priv = text(in, "priv"),
		.priv_password = text(in, "priv_password"),
		.timeout_s = (unsigned)number(in, "timeout"),
		.retries = (unsigned)number(in, "retries")};
	const char *act = text(in, "do");
	char device[SNMP_VALUE_MAX + 1] = "";
	struct session_result r = {0};
	struct session_var v = {.name = "sysDescr", .oid = {.n = 9, .id = {1, 3, 6, 1, 2, 1, 1, 1, 0}}};
	struct session *s = session_open(&t, &r);
	/* whoever answers this, or says that it has no such thing, can be spoken to */
	if (s == NULL || (session_get(s, &v, 1, &r) != SNMP_OK && r.outcome != SNMP_NO_SUCH)) {
		conclude(out, outcome_word(r.outcome), r.said);
		session_close(s);
		return;
	}
	for (unsigned i = 0; v.type == SNMP_STRING && i < v.bytes; i++)
		device[i] = v.string[i] >= 0x20 && v.string[i] < 0x7f ? (char)v.string[i] : ' ';
	json_object_set_new(out, "device", json_string(device));
	conclude(out, "answers", "");
	if (strcmp(act, "none") != 0)
		do_sflow(s, in, act, out);
	if (json_is_true(json_object_get(in, "interfaces")))
		do_interfaces(s, out);
	session_close(s);
}

int
main(int argc, char **argv)
{
	json_error_t error;
	if (argc > 1) {
		bool version = strcmp(argv[1], "--version") == 0;
		printf("ft-snmp-job %s%s\n", FT_VERSION,
			version ? "" : ": started by ft-snmp, which tells it on standard input what to do");
		return version || strcmp(argv[1], "-h") == 0 ? 0 : 2;
	}
	give_up_rights();
	json_t *in = json_loadf(stdin, JSON_DISABLE_EOF_CHECK, &error);
	if (!json_is_object(in)) {
		fprintf(stderr,
			"ft-snmp-job is started by ft-snmp, which tells it on standard input what to do\n");
		json_decref(in);
		return 2;
	}
	json_t *out = json_object();
	work(in, out);
	json_dumpf(out, stdout, JSON_COMPACT);
	json_decref(in);
	json_decref(out);
	return fflush(stdout) == 0 ? 0 : 1;
}
