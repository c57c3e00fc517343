/* options.c - see options.h */
#include "exporter/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/encode.h"

enum {
	LONG_TUNNEL = 256,
	LONG_DOMAIN,
	LONG_PACE,
	LONG_MESSAGE,
	LONG_TEMPLATES,
	LONG_STATS,
	LONG_INDEX,
	LONG_LIBPCAP,
	LONG_VERSION
};

const char options_help[] =
	"usage: ft-exporter -n HOST:PORT [options] (-i INTERFACE | -r FILE ...) [FILTER]\n"
	"Counts the flows of an interface or of capture files and sends them as NetFlow v5, v9 or IPFIX.\n"
	"\n"
	"  -i INTERFACE      capture here; any: on all\n"
	"  -r FILE           read this pcap or pcapng file (may be given several times)\n"
	"  -n HOST:PORT      collector; [ADDRESS]:PORT for IPv6 (up to 8 times: each gets all)\n"
	"  -v 5|9|10         NetFlow v5, NetFlow v9, IPFIX (default 10)\n"
	"  -P udp|tcp        how to send (default udp; tcp is IPFIX's only)\n"
	"  -t NAME=TIME      timeout in seconds, or with s, m, h: active (60, also maxlife), idle (15: sets\n"
	"                    tcp, udp, icmp, general, which may be given alone too), closed (1: after the "
	"end of\n"
	"                    a TCP connection; also tcp.fin, tcp.rst), expint (1: how often begun messages "
	"go)\n"
	"  -s N              take one packet in N, at random (default 1: all)\n"
	"  -m FLOWS          flows kept at most (default 262144); beyond, the one nearest to its timeout is "
	"sent\n"
	"  -B MB             ring for captured packets (default 64)\n"
	"  -C BYTES          look at so many bytes of a packet (default 256)\n"
	"  -N                not promiscuous\n"
	"  -u USER           become this user once everything is open (default nobody; only if started by "
	"root)\n"
	"  -p FILE           write the process number there\n"
	"  --tunnel          count what is inside GRE, VXLAN, Geneve, GTP and IP in IP, not the tunnel\n"
	"  --libpcap         capture by libpcap, also where the kernel has the faster ring (TPACKET_V3)\n"
	"  --domain N        observation domain, source id (v5: engine); default 0\n"
	"  --index N         tell this interface index, not the system's own\n"
	"  --mtu BYTES       of a message at most (768 to 8192, default 1420)\n"
	"  --templates SECS  send templates and counts again (default 30)\n"
	"  --pace FACTOR     read files at FACTOR times the speed they were captured at (default: as fast as "
	"can be)\n"
	"  --stats SECS      print counts this often (default 0: at the end, and on SIGUSR1)\n"
	"  -h, --help        this text\n"
	"      --version\n"
	"\n"
	"FILTER is what tcpdump takes: `not port 53`. Runs in the foreground; SIGTERM sends what is counted "
	"and ends.\n";

static const struct option longs[] = {{"interface", 1, NULL, 'i'}, {"read", 1, NULL, 'r'},
	{"collector", 1, NULL, 'n'}, {"timeout", 1, NULL, 't'}, {"sampling", 1, NULL, 's'},
	{"user", 1, NULL, 'u'}, {"pidfile", 1, NULL, 'p'}, {"tunnel", 0, NULL, LONG_TUNNEL},
	{"domain", 1, NULL, LONG_DOMAIN}, {"pace", 1, NULL, LONG_PACE}, {"mtu", 1, NULL, LONG_MESSAGE},
	{"templates", 1, NULL, LONG_TEMPLATES}, {"stats", 1, NULL, LONG_STATS},
	{"index", 1, NULL, LONG_INDEX}, {"libpcap", 0, NULL, LONG_LIBPCAP}, {"help", 0, NULL, 'h'},
	{"version", 0, NULL, LONG_VERSION}, {NULL, 0, NULL, 0}};

static int
number(const char *what, const char *text, uint64_t low, uint64_t high, uint64_t *out, struct err *err)
{
	char *end;
	*out = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || *out < low || *out > high)
		return err_set(err, FT_EINVAL, "%s '%s': a number from %llu to %llu is needed", what, text,
			(unsigned long long)low, (unsigned long long)high);
	return 0;
}

static int
u32(const char *what, const char *text, uint32_t low, uint32_t high, uint32_t *out, struct err *err)
{
	uint64_t v;
	int rc = number(what, text, low, high, &v, err);
	if (rc == 0)
		*out = (uint32_t)v;
	return rc;
}

static int
seconds(const char *what, const char *text, int64_t *us, struct err *err)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 10), unit = 1;
	if (text[0] >= '0' && text[0] <= '9' && *end != '\0' && end[1] == '\0') {
		unit = *end == 's' ? 1 : *end == 'm' ? 60 : *end == 'h' ? 3600 : *end == 'd' ? 86400 : 0;
		end++;
	}
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || unit == 0 || v < 1 || v > 10000000 ||
		v * unit > 10000000)
		return err_set(
			err, FT_EINVAL, "timeout '%s': write NAME=SECONDS, as active=60 or active=1m", what);
	*us = (int64_t)(v * unit) * 1000000;
	return 0;
}

static int
timeout(struct options *o, const char *text, struct err *err)
{
	struct timeouts *t = &o->timeouts;
	const char *value = strchr(text, '=');
	int64_t us = 0, other;
	if (value == NULL)
		return err_set(err, FT_EINVAL, "timeout '%s': write NAME=SECONDS, as active=60", text);
	int rc = seconds(text, value + 1, &us, err);
	if (rc != 0)
		return rc;
	const struct {
		const char *name;
		int64_t *to;
	} names[] = {{"active", &t->active}, {"maxlife", &t->active}, {"tcp", &t->tcp}, {"udp", &t->udp},
		{"icmp", &t->icmp}, {"general", &t->general}, {"closed", &t->closed}, {"tcp.fin", &t->closed},
		{"tcp.rst", &t->closed}, {"expint", &other}};
	size_t n = (size_t)(value - text);
	if (n == 4 && strncmp(text, "idle", 4) == 0) {
		t->tcp = t->udp = t->icmp = t->general = us;
		return 0;
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strlen(names[i].name) == n && strncmp(text, names[i].name, n) == 0) {
			*names[i].to = us;
			if (names[i].to == &other)
				o->expire_s = us / 1000000;
			return 0;
		}
	return err_set(err, FT_EINVAL,
		"timeout '%s': there are active, idle, tcp, udp, icmp, general, closed and expint", text);
}

static int
add(const char **list, unsigned *n, unsigned most, const char *what, const char *value, struct err *err)
{
	if (*n == most)
		return err_set(err, FT_EINVAL, "%u %s at most", most, what);
	list[(*n)++] = value;
	return 0;
}

static int
pace(struct options *o, const char *text, struct err *err)
{
	char *end;
	o->pace = strtod(text, &end);
	if (*end != '\0' || !(o->pace > 0 && o->pace <= 1e6))
		return err_set(
			err, FT_EINVAL, "pace '%s': 1 is the speed of the capture, 10 ten times that", text);
	return 0;
}

static int
version(struct options *o, const char *text, struct err *err)
{
	if (strcmp(text, "ipfix") == 0)
		text = "10";
	if (strcmp(text, "5") != 0 && strcmp(text, "9") != 0 && strcmp(text, "10") != 0)
		return err_set(
			err, FT_EINVAL, "version '%s': 5 and 9 (NetFlow) and 10 (IPFIX) can be sent", text);
	o->version = (unsigned)strtoul(text, NULL, 10);
	return 0;
}

static int
transport(struct options *o, const char *text, struct err *err)
{
	o->tcp = strcmp(text, "tcp") == 0;
	return o->tcp || strcmp(text, "udp") == 0
		       ? 0
		       : err_set(err, FT_EINVAL, "transport '%s': udp or tcp", text);
}

static int
one(struct options *o, int c, char *arg, struct err *err)
{
	uint64_t v = 0;
	int rc = 0;
	switch (c) {
	case 'i':
		o->nic = arg;
		return 0;
	case 'r':
		return add(o->file, &o->n_files, OPTIONS_FILES, "files", arg, err);
	case 'n':
		return add(o->collector, &o->n_collectors, OPTIONS_COLLECTORS, "collectors", arg, err);
	case 'v':
		return version(o, arg, err);
	case 'P':
		return transport(o, arg, err);
	case 't':
		return timeout(o, arg, err);
	case 's':
		return u32("sampling", arg, 1, 1 << 24, &o->sampling, err);
	case 'm':
		return u32("flows", arg, 16, TABLE_MOST, &o->flows, err);
	case 'B':
		return u32("ring", arg, 1, 4095, &o->ring_mb, err);
	case 'C':
		return u32("bytes of a packet", arg, 64, 65535, &o->snap, err);
	case 'N':
		o->promiscuous = false;
		return 0;
	case 'u':
		o->user = arg;
		return 0;
	case 'p':
		o->pidfile = arg;
		return 0;
	case '6': /* softflowd's: IPv6 is always counted; it always stays in the foreground */
	case 'd':
		return 0;
	case LONG_TUNNEL:
		o->inside = true;
		return 0;
	case LONG_LIBPCAP:
		o->libpcap = true;
		return 0;
	case LONG_DOMAIN:
		return u32("domain", arg, 0, UINT32_MAX, &o->domain, err);
	case LONG_PACE:
		return pace(o, arg, err);
	case LONG_MESSAGE:
		return u32("mtu", arg, ENCODE_LEAST, ENCODE_MOST, &o->message, err);
	case LONG_TEMPLATES:
		rc = number("templates", arg, 1, 86400, &v, err);
		o->template_s = (int64_t)v;
		return rc;
	case LONG_STATS:
		rc = number("stats", arg, 0, 86400, &v, err);
		o->stats_s = (int64_t)v;
		return rc;
	case LONG_INDEX:
		return u32("index", arg, 1, UINT32_MAX, &o->index, err);
	default:
		return err_set(err, FT_EINVAL, "ft-exporter --help lists the options");
	}
}

static int
together(const struct options *o, struct err *err)
{
	if ((o->nic != NULL) == (o->n_files > 0))
		return err_set(err, FT_EINVAL, "either -i INTERFACE or -r FILE is needed (--help)");
	if (o->n_collectors == 0)
		return err_set(err, FT_EINVAL, "-n HOST:PORT is needed: where to send flows (--help)");
	if (o->tcp && o->version != 10)
		return err_set(err, FT_EINVAL,
			"NetFlow v%u has no form for TCP: use -v 10 (IPFIX), or -P udp", o->version);
	if (o->version == 5 && o->sampling > 0x3fff)
		return err_set(err, FT_EINVAL, "NetFlow v5 can't tell of a sampling beyond 1 in 16383");
	if (o->version == 5 && o->domain > 0xffff)
		return err_set(err, FT_EINVAL, "NetFlow v5 has 16 bits for its engine: --domain up to 65535");
	return 0;
}

int
options_parse(struct options *o, int argc, char **argv, struct err *err)
{
	*o = (struct options){.version = 10,
		.promiscuous = true,
		.timeouts = {.active = 60000000,
			.tcp = 15000000,
			.udp = 15000000,
			.icmp = 15000000,
			.general = 15000000,
			.closed = 1000000},
		.flows = 262144,
		.sampling = 1,
		.snap = 256,
		.ring_mb = 64,
		.message = ENCODE_USUAL,
		.template_s = 30,
		.expire_s = 1,
		.user = "nobody"};
	opterr = 0;
	optind = 0;
	for (int c; (c = getopt_long(argc, argv, "+i:r:n:v:P:t:s:m:B:C:Nu:p:6dh", longs, NULL)) != -1;) {
		if (c == 'h')
			return OPTIONS_HELP;
		if (c == LONG_VERSION)
			return OPTIONS_VERSION;
		if (c == '?')
			return err_set(err, FT_EINVAL, "what is '%s'? (--help lists the options)",
				argv[optind > 1 ? optind - 1 : 1]);
		int rc = one(o, c, optarg, err);
		if (rc != 0)
			return rc;
	}
	size_t n = 0;
	for (int i = optind; i < argc; i++) {
		int k = snprintf(o->filter + n, sizeof o->filter - n, "%s%s", n ? " " : "", argv[i]);
		if (k < 0 || (size_t)k >= sizeof o->filter - n)
			return err_set(
				err, FT_EINVAL, "the filter is too long (%d characters)", OPTIONS_FILTER);
		n += (size_t)k;
	}
	return together(o, err);
}
