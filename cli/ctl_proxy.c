/*
 * ctl_proxy.c - `ft-ctl status` and `wait` with the configuration of ft-proxy, which stands alone (ctl.h).
 */
#include <inttypes.h>
#include <string.h>

#include "cli/ctl.h"
#include "cli/table.h"

bool
ctl_proxy(const struct conf *c)
{
	const char *const *words;
	for (int k = CONF_recursion_forwarder0; k <= CONF_recursion_forwarder7; k++)
		if (conf_list(c, (enum conf_key)k, &words) > 0)
			return true;
	return false;
}

json_t *
ctl_proxy_status(const struct conf *c, const char *shm)
{
	bool ready = strcmp(ctl_state(shm, "proxy"), "ready") == 0;
	json_t *answer = ready ? ctl_ask(c, "proxy", "destinations", NULL) : json_null();
	json_t *guid = json_object_get(answer, "guid"), *list = json_object_get(answer, "destinations");
	json_t *o = json_pack("{s:s, s:s, s:s, s:b, s:[o], s:O?, s:O?}", "instance",
		conf_str(c, CONF_instance), "config", conf_path(c), "version", FT_VERSION, "ready",
		(int)ready, "daemons", ctl_daemon(shm, "proxy"), "guid", guid, "destinations", list);
	json_decref(answer);
	return o;
}

static uint64_t
num(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

static const char *
str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static void
print_destination(FILE *to, const json_t *d)
{
	char a[TABLE_NUMBER], b[TABLE_NUMBER], e[TABLE_NUMBER], f[TABLE_NUMBER];
	bool up = json_is_true(json_object_get(d, "connected"));
	fprintf(to, "to %s port %s%s: %s%s%s\n", str(d, "host"), str(d, "port"),
		json_is_true(json_object_get(d, "tls")) ? " (TLS)" : "", up ? "connected" : "not connected",
		str(d, "why")[0] ? ": " : "", str(d, "why"));
	fprintf(to, "  %s taken, %s queued (%s bytes), %s dropped for want of room%s\n",
		table_grouped(num(d, "taken"), a), table_grouped(num(d, "queued_flows"), b),
		table_grouped(num(d, "queued_bytes"), e), table_grouped(num(d, "dropped_flows"), f),
		json_is_true(json_object_get(d, "acknowledges")) ? "" : "; it has acknowledged nothing yet");
}

void
ctl_proxy_print(FILE *to, const json_t *o)
{
	const json_t *d = json_array_get(json_object_get(o, "daemons"), 0);
	const json_t *n = json_object_get(d, "counters"), *list = json_object_get(o, "destinations"), *one;
	char a[TABLE_NUMBER], b[TABLE_NUMBER], t[32];
	size_t i;
	fprintf(to, "ft-proxy, instance %s (version %s, %s): %s", str(o, "instance"), str(o, "version"),
		str(o, "config"), str(d, "state"));
	if (json_object_get(d, "uptime_s"))
		fprintf(to, ", for %s", ctl_lasting(t, json_number_value(json_object_get(d, "uptime_s"))));
	fprintf(to, "\n");
	if (!json_is_true(json_object_get(o, "ready")))
		return;
	fprintf(to, "GUID %s\n", str(o, "guid"));
	fprintf(to, "%s exporters, %s datagrams and messages", table_grouped(num(n, "exporters"), a),
		table_grouped(num(n, "datagrams"), b));
	fprintf(to, ", %s flows; %s TCP connections are open\n", table_grouped(num(n, "flows"), a),
		table_grouped(num(n, "tcp_connections"), b));
	json_array_foreach (list, i, one)
		print_destination(to, one);
	fprintf(to,
		"losses before they came here: %" PRIu64 " datagrams dropped by the kernel, %" PRIu64
		" missing by the exporters' own numbers, %" PRIu64 " sets undecodable, %" PRIu64
		" sets given up, %" PRIu64 " datagrams of no known kind, %" PRIu64
		" in hand when it was killed\n",
		num(n, "kernel_drops"), num(n, "sequence_gaps"), num(n, "undecodable"),
		num(n, "sets_dropped"), num(n, "bad_datagrams"), num(n, "interrupted"));
}
