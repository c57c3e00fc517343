/*
 * ctl_print.c - the state of a system in words that people read (ctl.h).
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "cli/ctl.h"

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

/* "3.2 M", "17": four places are enough to read */
static const char *
human(char out[32], double v)
{
	static const char *const unit[] = {"", " k", " M", " G", " T"};
	unsigned i = 0;
	while (v >= 10000 && i < 4) {
		v /= 1000;
		i++;
	}
	snprintf(out, 32, i ? "%.1f%s" : "%.0f%s", v, unit[i]);
	return out;
}

const char *
ctl_lasting(char out[32], double s)
{
	if (s < 120)
		snprintf(out, 32, s < 10 ? "%.1f s" : "%.0f s", s);
	else if (s < 7200)
		snprintf(out, 32, "%.0f min", s / 60);
	else if (s < 172800)
		snprintf(out, 32, "%.1f h", s / 3600);
	else
		snprintf(out, 32, "%.1f days", s / 86400);
	return out;
}

static const char *
moment(char out[32], uint64_t us)
{
	time_t t = (time_t)(us / 1000000);
	struct tm tm;
	if (us == 0 || localtime_r(&t, &tm) == NULL || strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(out, 32, "never");
	return out;
}

static void
print_daemons(FILE *to, const json_t *status)
{
	size_t i;
	json_t *d;
	char t[32];
	json_array_foreach (json_object_get(status, "daemons"), i, d) {
		fprintf(to, "  %-8s %-9s", str(d, "name"), str(d, "state"));
		if (json_object_get(d, "pid"))
			fprintf(to, " pid %" PRIu64 ", up %s", num(d, "pid"),
				ctl_lasting(t, json_number_value(json_object_get(d, "uptime_s"))));
		if (strcmp(str(d, "state"), "hung") == 0)
			fprintf(to, "; silent for %s",
				ctl_lasting(t, json_number_value(json_object_get(d, "beat_age_s"))));
		fputc('\n', to);
	}
}

static void
print_rates(FILE *to, const json_t *status)
{
	static const char *const name[] = {"datagrams", "flows", "sessions", "slices", "queries"};
	const json_t *r = json_object_get(status, "rates");
	char t[32];
	if (json_object_size(r) == 0)
		return;
	fprintf(to, "per second:");
	for (unsigned i = 0; i < sizeof name / sizeof name[0]; i++)
		fprintf(to, "%s %s %s", i ? "," : "",
			human(t, json_number_value(json_object_get(r, name[i]))), name[i]);
	fputc('\n', to);
}

static void
print_rings(FILE *to, const json_t *status)
{
	size_t i;
	json_t *r;
	json_array_foreach (json_object_get(status, "rings"), i, r) {
		double slots = (double)num(r, "slots");
		fprintf(to, "  ring %-9s %3.0f %% full (most: %.0f %%)", str(r, "name"),
			100 * (double)num(r, "used") / slots, 100 * (double)num(r, "high_water") / slots);
		if (num(r, "full_wait_us"))
			fprintf(to, "; its writer waited %.1f s for room",
				(double)num(r, "full_wait_us") / 1e6);
		fputc('\n', to);
	}
}

static void
print_loss(FILE *to, const json_t *status)
{
	const json_t *l = json_object_get(status, "loss");
	fprintf(to, "losses:\n");
	fprintf(to, "  %" PRIu64 " datagrams dropped by the kernel: a socket queue was full\n",
		num(l, "kernel_drops"));
	fprintf(to,
		"  %.1f s waited for room in the rings: the sockets queue meanwhile, nothing is lost by "
		"that\n",
		(double)num(l, "full_wait_us") / 1e6);
	fprintf(to, "  %" PRIu64 " missing by the exporters' own sequence numbers\n",
		num(l, "sequence_gaps"));
	fprintf(to,
		"  %" PRIu64 " sets undecodable, %" PRIu64
		" sets given up that waited for a template, %" PRIu64 " datagrams of no known kind\n",
		num(l, "undecodable"), num(l, "sets_dropped"), num(l, "bad_datagrams"));
	if (num(status, "socket_seconds"))
		fprintf(to, "sockets hold %" PRIu64 " s of peakflows\n", num(status, "socket_seconds"));
	else
		fprintf(to, "sockets hold less than 1 s of peakflows: raise net.core.rmem_max "
			    "(deploy/sysctl.d) or give ft-ingest "
			    "CAP_NET_ADMIN\n");
}

/* Losses of connections are said where there are any. */
static void
print_tcp(FILE *to, const json_t *status)
{
	static const struct {
		const char *counter, *words;
	} row[] = {{"tcp_refused", "refused: maxconnections reached"},
		{"tcp_bad", "closed because what came was no IPFIX message"},
		{"tcp_cut", "ended in the middle of a message, which is lost"},
		{"tcp_broken", "broke, or were silent for tcptimeout"},
		{"tcp_lost", "lost by a restart of ft-ingest (TLS, or not kept)"},
		{"tls_failed", "without a good TLS handshake"},
		{"tcp_not_kept", "not handed to the keeper: a restart loses them"}};
	const json_t *tcp = json_object_get(status, "tcp"), *l;
	const json_t *ingest = json_array_get(json_object_get(status, "daemons"), 0);
	size_t i, n = json_array_size(json_object_get(tcp, "connections"));
	if (json_array_size(json_object_get(tcp, "listeners")) == 0)
		return;
	fprintf(to, "TCP: IPFIX at");
	json_array_foreach (json_object_get(tcp, "listeners"), i, l)
		fprintf(to, "%s %" PRIu64 "%s%s", i ? "," : "", num(l, "port"),
			json_is_true(json_object_get(l, "tls")) ? " (TLS)" : "",
			json_is_true(json_object_get(l, "listening")) ? "" : " (can't listen: see the log)");
	fprintf(to, "; %zu connection%s of at most %" PRIu64 "\n", n, n == 1 ? "" : "s", num(tcp, "most"));
	for (i = 0; i < sizeof row / sizeof row[0]; i++) {
		uint64_t k = num(json_object_get(ingest, "counters"), row[i].counter);
		if (k)
			fprintf(to, "  %" PRIu64 " connections %s\n", k, row[i].words);
	}
}

static void
print_exporters(FILE *to, const json_t *status)
{
	json_t *list = json_object_get(status, "exporters"), *e;
	size_t i;
	char t[32], n[32];
	int64_t now = wall_now().us;
	if (!json_is_array(list)) {
		fprintf(to, "exporters: not known while ft-ingest does not answer\n");
		return;
	}
	if (json_array_size(list) == 0) {
		fprintf(to, "exporters: none has sent anything yet\n");
		return;
	}
	fprintf(to, "exporters:\n  %-39s %-10s %-9s %-16s %8s %10s %8s  %s\n", "address", "domain",
		"protocol", "state", "flows", "gaps", "drops", "last heard");
	json_array_foreach (list, i, e) {
		fprintf(to, "  %-39s %-10" PRIu64 " %-9s %-16s %8s %10" PRIu64 " %8" PRIu64,
			str(e, "address"), num(e, "domain"), str(e, "protocol"), str(e, "state"),
			human(n, (double)num(e, "flows")), num(e, "sequence_gaps"), num(e, "kernel_drops"));
		fprintf(to, "  %s ago%s%s%s%s\n",
			ctl_lasting(t, (double)(now - (int64_t)num(e, "last_us")) / 1e6),
			str(e, "name")[0] ? ", " : "", str(e, "name"), str(e, "why")[0] ? ": " : "",
			str(e, "why"));
	}
}

void
ctl_print(FILE *to, const json_t *status)
{
	const json_t *tr = json_object_get(status, "tracker"), *st = json_object_get(status, "store");
	char a[32], b[32], c[32];
	fprintf(to, "instance %s (version %s, %s): %s\n", str(status, "instance"), str(status, "version"),
		str(status, "config"),
		json_is_true(json_object_get(status, "ready")) ? "ready" : "not ready");
	print_daemons(to, status);
	print_rates(to, status);
	print_rings(to, status);
	if (num(tr, "capacity"))
		fprintf(to, "tracker: follows %s of %s sessions (%.0f %%)\n",
			human(a, (double)num(tr, "entries")), human(b, (double)num(tr, "capacity")),
			100 * (double)num(tr, "entries") / (double)num(tr, "capacity"));
	if (num(tr, "evicted"))
		fprintf(to,
			"tracker: %s sessions ended early because the table was full: raise conntracksize\n",
			human(a, (double)num(tr, "evicted")));
	fprintf(to, "store: %s slices in %" PRIu64 " segments, %.1f MB, room for %s slices\n",
		human(a, (double)num(st, "rows")), num(st, "segments"), (double)num(st, "bytes") / 1e6,
		human(c, (double)num(st, "room_rows")));
	if (num(st, "rows") && num(st, "oldest_us"))
		fprintf(to, "store: from %s, complete up to %s\n", moment(a, num(st, "oldest_us")),
			moment(b, num(st, "complete_us")));
	print_loss(to, status);
	print_tcp(to, status);
	print_exporters(to, status);
}
