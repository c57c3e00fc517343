/*
 * ft-decode - prints what an exporter really sends: every data record of captures, or of a port, as one JSON object a
 * line, through the decoders that ft-ingest runs.  Keeps nothing, needs no configuration.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/addr.h"
#include "ingest/capture.h"
#include "ingest/learn.h"
#include "ingest/show.h"

enum { EXPORTERS = 1024, SOURCES = 4096, REASONS = 64, EXIT_WRONG = 1, EXIT_USAGE_ = 100, EXIT_SYSTEM = 111 };

static struct {
	struct decoder d;
	struct learn learn;
	struct ft_source table[SOURCES];
	uint64_t n_sources;
	uint8_t exporter[EXPORTERS][16];
	unsigned n_exporters;
	struct decode_totals totals;
	uint64_t flows, options;
	struct {
		const char *why;
		uint64_t n;
	} reason[REASONS];
	bool summary, strict;
} a;
static volatile sig_atomic_t stop;

static void
on_signal(int signo)
{
	(void)signo;
	stop = 1;
}

static uint32_t
on_exporter(void *ctx, const uint8_t address[16], wall_t now)
{
	(void)ctx, (void)now;
	for (unsigned i = 0; i < a.n_exporters; i++)
		if (memcmp(a.exporter[i], address, 16) == 0)
			return i + 1;
	if (a.n_exporters == EXPORTERS)
		return 0;
	memcpy(a.exporter[a.n_exporters++], address, 16);
	return a.n_exporters;
}

static bool
on_flow(void *ctx, const struct decoded *d)
{
	(void)ctx, (void)d;
	return true;
}

static void
on_record(void *ctx, const struct message *m, const struct template *t, const struct decoded *d,
	const uint8_t *bytes, size_t n)
{
	static const uint8_t none[16];
	(void)ctx;
	json_t *o = show_record(m, t, d, bytes, n, m->exporter ? a.exporter[m->exporter - 1] : none);
	if (t && t->options)
		a.options++;
	else
		a.flows++;
	json_dumpf(o, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	putchar('\n');
	json_decref(o);
}

static void
on_trouble(void *ctx, const struct message *m, unsigned set, const char *why)
{
	(void)ctx, (void)m, (void)set;
	for (unsigned i = 0; i < REASONS; i++)
		if (a.reason[i].why == NULL || strcmp(a.reason[i].why, why) == 0) {
			a.reason[i].why = why;
			a.reason[i].n++;
			return;
		}
}

static void
on_datagram(void *ctx, const uint8_t from[16], int64_t when_us, const uint8_t *payload, size_t n)
{
	(void)ctx;
	decode_datagram(&a.d, payload, n, from, (wall_t){when_us});
	decode_finish(&a.d);
	a.totals.datagrams += a.d.totals.datagrams;
	a.totals.sequence_gaps += a.d.totals.sequence_gaps;
	a.totals.undecodable += a.d.totals.undecodable;
	a.totals.bad_datagrams += a.d.totals.bad_datagrams;
	a.totals.sets_dropped += a.d.totals.sets_dropped;
}

/* IPFIX messages back to back (RFC 5655): the byte stream of IPFIX over TCP */
static void
on_stream(const uint8_t *p, size_t left, int64_t when_us)
{
	static const uint8_t from[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
	while (left >= 4) {
		size_t n = (size_t)p[2] << 8 | p[3];
		if (n < 16 || n > left)
			n = left;
		on_datagram(NULL, from, when_us, p, n);
		p += n;
		left -= n;
	}
}

static uint8_t *
read_file(const char *path, size_t *n)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t *bytes = NULL;
	*n = 0;
	if (fd >= 0 && fstat(fd, &st) == 0 && (bytes = malloc((size_t)st.st_size + 1)) != NULL)
		for (ssize_t k;
			*n < (size_t)st.st_size && (k = read(fd, bytes + *n, (size_t)st.st_size - *n)) > 0;)
			*n += (size_t)k;
	if (bytes == NULL)
		fprintf(stderr, "ft-decode: %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return bytes;
}

static int
one_file(const char *path, const char *format)
{
	static const uint8_t from[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
	size_t n;
	uint8_t *bytes = read_file(path, &n);
	int rc = 0;
	if (bytes == NULL)
		return EXIT_SYSTEM;
	if (strcmp(format, "udp-payload") == 0)
		on_datagram(NULL, from, wall_now().us, bytes, n);
	else if (strcmp(format, "ipfix-stream") == 0)
		on_stream(bytes, n, wall_now().us);
	else if (capture_each(bytes, n, on_datagram, NULL) != 0) {
		fprintf(stderr, "ft-decode: %s is neither pcap nor pcapng\n", path);
		rc = EXIT_WRONG;
	}
	free(bytes);
	return rc;
}

static int
listen_at(unsigned port)
{
	static uint8_t bytes[65536];
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)}, peer;
	int zero = 0, fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero) != 0 ||
		bind(fd, (struct sockaddr *)&at, sizeof at) != 0) {
		fprintf(stderr, "ft-decode: can't listen at UDP port %u: %s\n", port, strerror(errno));
		if (fd >= 0)
			close(fd);
		return EXIT_SYSTEM;
	}
	struct sigaction act = {.sa_handler = on_signal};
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	while (!stop) {
		socklen_t length = sizeof peer;
		ssize_t n = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&peer, &length);
		if (n < 0)
			continue; /* a signal */
		on_datagram(NULL, peer.sin6_addr.s6_addr, wall_now().us, bytes, (size_t)n);
		fflush(stdout);
	}
	close(fd);
	return 0;
}

static void
print_summary(void)
{
	uint64_t waiting = 0;
	json_t *why = json_object();
	for (uint64_t i = 0; i < a.n_sources; i++)
		waiting += a.table[i].sets_waiting;
	for (unsigned i = 0; i < REASONS && a.reason[i].why; i++)
		json_object_set_new(why, a.reason[i].why, json_integer((json_int_t)a.reason[i].n));
	json_t *o = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "kind", "summary",
		"datagrams", (json_int_t)a.totals.datagrams, "flow_records", (json_int_t)a.flows,
		"option_records", (json_int_t)a.options, "exporters", (json_int_t)a.n_exporters,
		"sequence_gaps", (json_int_t)a.totals.sequence_gaps, "undecodable",
		(json_int_t)a.totals.undecodable, "bad_datagrams", (json_int_t)a.totals.bad_datagrams,
		"sets_waiting", (json_int_t)waiting, "reasons", why);
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

static int
usage(FILE *to)
{
	fprintf(to,
		"usage: ft-decode [--format udp-payload|pcap|ipfix-stream] [--summary] [--strict] FILE...\n"
		"       ft-decode --listen PORT [--summary] [--strict]\n"
		"  --format FORMAT  what the files are: one datagram each, captures (pcap, pcapng; the "
		"default), or\n"
		"                   IPFIX messages back to back\n"
		"  --listen PORT    print what comes to this UDP port, until interrupted\n"
		"  --summary        a last line with counts, sequence gaps and what could not be decoded, "
		"and why\n"
		"  --strict         exit 1 if something could not be decoded\n");
	return to == stderr ? EXIT_USAGE_ : 0;
}

int
main(int argc, char **argv)
{
	const char *format = "pcap";
	unsigned long port = 0;
	struct err err;
	int rc = 0, i = 1;
	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		if (strcmp(argv[i], "--summary") == 0)
			a.summary = true;
		else if (strcmp(argv[i], "--strict") == 0)
			a.strict = true;
		else if (strcmp(argv[i], "--format") == 0 && i + 1 < argc)
			format = argv[++i];
		else if (strcmp(argv[i], "--listen") == 0 && i + 1 < argc)
			port = strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--version") == 0)
			return printf("ft-decode %s\n", FT_VERSION) < 0;
		else
			return usage(strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0 ? stdout
												  : stderr);
	}
	bool known = strcmp(format, "pcap") == 0 || strcmp(format, "udp-payload") == 0 ||
		     strcmp(format, "ipfix-stream") == 0;
	if (!known || port > 65535 || (port == 0) == (i == argc))
		return usage(stderr);
	a.d = (struct decoder){.sink = {.flow = on_flow,
				       .record = on_record,
				       .trouble = on_trouble,
				       .exporter = on_exporter},
		.limits = {.templates = 65536, .waiting = 64 << 20, .sources = SOURCES, .trust_clock = true},
		.learn = &a.learn};
	if (decoder_init(&a.d, a.table, &a.n_sources) != 0 || decoder_load(&a.d, &err) != 0) {
		fprintf(stderr, "ft-decode: out of memory\n");
		return EXIT_SYSTEM;
	}
	if (port)
		rc = listen_at((unsigned)port);
	for (; i < argc && rc == 0; i++)
		rc = one_file(argv[i], format);
	if (a.summary)
		print_summary();
	decoder_close(&a.d);
	learn_close(&a.learn);
	bool wrong = a.totals.undecodable + a.totals.bad_datagrams + a.totals.sets_dropped > 0;
	return rc ? rc : a.strict && wrong ? EXIT_WRONG : 0;
}
